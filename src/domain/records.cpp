#include "domain/records.h"

#include <limits>
#include <utility>

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "base/time_text.h"
#include "domain/date.h"
#include "domain/email_address.h"

namespace globogym::domain {
namespace {

// A server's words reach `lastError` and need not be UTF-8. A record that could not be read again would be worse than a
// few replaced bytes.
void write_text(JsonWriter& json, std::string_view name, std::string_view text) {
  if (is_utf8(text)) [[likely]] {
    json.member(name, text);
    return;
  }
  std::string readable;
  readable.reserve(text.size() + 16);
  for (std::size_t i = 0; i < text.size();) {
    std::size_t length = 1;
    while (length <= 4 && i + length <= text.size() && !is_utf8(text.substr(i, length))) ++length;
    if (length <= 4 && i + length <= text.size()) {
      readable.append(text, i, length);
      i += length;
    } else {
      readable += "\uFFFD";
      ++i;
    }
  }
  json.member(name, std::string_view(readable));
}

void write_if_given(JsonWriter& json, std::string_view name, const std::optional<std::string>& text) {
  if (text) write_text(json, name, *text);
}

void write(JsonWriter& json, const Applicant& applicant) {
  json.object();
  write_text(json, "firstName", applicant.first_name.reveal());
  write_text(json, "lastName", applicant.last_name.reveal());
  write_text(json, "email", applicant.email.reveal());
  write_text(json, "normalizedEmail", applicant.normalized_email.reveal());
  if (applicant.phone) write_text(json, "phone", applicant.phone->reveal());
  json.member("dateOfBirth", iso_date(applicant.date_of_birth.reveal()));
  write_text(json, "homeClubId", applicant.home_club_id);
  write_text(json, "plan", applicant.plan);
  if (applicant.start_date) json.member("startDate", iso_date(*applicant.start_date));
  write_text(json, "locale", applicant.locale);
  json.member("marketingConsent", applicant.marketing_consent);
  write_if_given(json, "termsVersion", applicant.terms_version);
  write_if_given(json, "referralCode", applicant.referral_code);
  json.end();
}

// Reads the fields of one object. The first field that does not fit is remembered; reading goes on with defaults, so a
// reader asks once, at the end.
class Fields {
 public:
  Fields(JsonValue object, const char*& wrong) : object_(object), wrong_(wrong) {
    if (object.type() != JsonValue::Type::object) mark("the record itself");
  }

  std::string text(const char* name) {
    auto found = field(name);
    auto text = found ? found->string() : std::nullopt;
    if (!text || text->empty()) return mark(name), std::string();
    return std::string(*text);
  }

  // May be empty, or absent.
  std::string text_or_empty(const char* name) { return optional_text(name).value_or(std::string()); }

  std::optional<std::string> optional_text(const char* name) {
    auto found = field(name);
    if (!found || found->is_null()) return std::nullopt;
    auto text = found->string();
    if (!text) return mark(name), std::nullopt;
    return std::string(*text);
  }

  WallTime time(const char* name) {
    auto time = optional_time(name);
    if (!time) mark(name);
    return time.value_or(WallTime{});
  }

  std::optional<WallTime> optional_time(const char* name) {
    auto found = field(name);
    if (!found || found->is_null()) return std::nullopt;
    auto text = found->string();
    auto time = text ? parse_rfc3339(*text) : std::nullopt;
    if (!time) return mark(name), std::nullopt;
    return std::chrono::floor<std::chrono::milliseconds>(*time);
  }

  Date date(const char* name) {
    auto date = optional_date(name);
    if (!date) mark(name);
    return date.value_or(Date{});
  }

  std::optional<Date> optional_date(const char* name) {
    auto found = field(name);
    if (!found || found->is_null()) return std::nullopt;
    auto text = found->string();
    auto date = text ? parse_date(*text) : std::nullopt;
    if (!date) mark(name);
    return date;
  }

  // 0 when absent.
  int count(const char* name) {
    auto found = field(name);
    if (!found) return 0;
    auto number = found->integer();
    if (!number || *number < 0 || *number > std::numeric_limits<int>::max()) return mark(name), 0;
    return static_cast<int>(*number);
  }

  // false when absent.
  bool flag(const char* name) {
    auto found = field(name);
    if (!found) return false;
    auto flag = found->boolean();
    if (!flag) mark(name);
    return flag.value_or(false);
  }

  template <class Enum>
  Enum word(const char* name, std::optional<Enum> (*parse)(std::string_view)) {
    auto found = field(name);
    auto text = found ? found->string() : std::nullopt;
    auto value = text ? parse(*text) : std::nullopt;
    if (!value) mark(name);
    return value.value_or(Enum{});
  }

  std::vector<JsonValue> elements(const char* name) {
    auto found = field(name);
    if (!found || found->type() != JsonValue::Type::array) return mark(name), std::vector<JsonValue>();
    return found->elements();
  }

  std::vector<JsonValue> optional_elements(const char* name) {
    return field(name) ? elements(name) : std::vector<JsonValue>();
  }

  bool has(const char* name) const { return field(name).has_value(); }

  // At least 0; 0 when absent.
  std::uint64_t number(const char* name) {
    auto found = field(name);
    if (!found) return 0;
    auto number = found->integer();
    if (!number || *number < 0) return mark(name), 0;
    return static_cast<std::uint64_t>(*number);
  }

  // For whoever reads what is in it.
  std::optional<JsonValue> object_value(const char* name) {
    auto found = field(name);
    if (found && found->type() == JsonValue::Type::object) return found;
    mark(name);
    return std::nullopt;
  }

  Fields object(const char* name) {
    auto found = object_value(name);
    return found ? Fields(*found, wrong_) : Fields(wrong_);
  }

 private:
  explicit Fields(const char*& wrong) : wrong_(wrong) {}

  std::optional<JsonValue> field(const char* name) const { return object_ ? object_->find(name) : std::nullopt; }

  void mark(const char* name) {
    if (!wrong_) wrong_ = name;
  }

  std::optional<JsonValue> object_;
  const char*& wrong_;
};

std::optional<Personal<std::string>> personal(std::optional<std::string> text) {
  if (!text) return std::nullopt;
  return Personal<std::string>(std::move(*text));
}

Applicant read_applicant(Fields fields) {
  Applicant applicant;
  applicant.first_name = Personal(fields.text("firstName"));
  applicant.last_name = Personal(fields.text("lastName"));
  applicant.email = Personal(fields.text("email"));
  applicant.normalized_email = Personal(fields.text("normalizedEmail"));
  // Another build may have thought otherwise of what is the same address: today's rule decides.
  if (auto address = email_address(applicant.email.reveal()))
    applicant.normalized_email = Personal(std::move(address->normalized));
  applicant.phone = personal(fields.optional_text("phone"));
  applicant.date_of_birth = Personal(fields.date("dateOfBirth"));
  applicant.home_club_id = fields.text("homeClubId");
  applicant.plan = fields.text("plan");
  applicant.start_date = fields.optional_date("startDate");
  if (auto locale = fields.optional_text("locale")) applicant.locale = std::move(*locale);
  applicant.marketing_consent = fields.flag("marketingConsent");
  applicant.terms_version = fields.optional_text("termsVersion");
  applicant.referral_code = fields.optional_text("referralCode");
  return applicant;
}

std::vector<FailedAttempt> read_failures(Fields& fields, const char*& wrong) {
  std::vector<FailedAttempt> failures;
  for (const JsonValue& failure : fields.optional_elements("failures")) {
    Fields each(failure, wrong);
    failures.push_back({.number = each.count("number"), .at = each.time("at"), .error = each.text_or_empty("error")});
  }
  return failures;
}

void write_failures(JsonWriter& json, const std::vector<FailedAttempt>& failures) {
  if (failures.empty()) return;
  json.key("failures").array();
  for (const FailedAttempt& failure : failures) {
    json.object().member("number", failure.number).member("at", failure.at);
    write_text(json, "error", failure.error);
    json.end();
  }
  json.end();
}

Step read_step(Fields fields, const char*& wrong) {
  Step step;
  step.name = fields.text("name");
  step.status = fields.word("status", parse_step_status);
  step.attempts = fields.count("attempts");
  step.last_error = fields.optional_text("lastError");
  step.finished_at = fields.optional_time("finishedAt");
  step.failures = read_failures(fields, wrong);
  for (const JsonValue& element : fields.optional_elements("earlier")) {
    Fields each(element, wrong);
    Round& round = step.earlier.emplace_back();
    round.status = each.word("status", parse_step_status);
    round.attempts = each.count("attempts");
    round.ended = each.time("ended");
    round.reason = each.optional_text("reason");
    round.failures = read_failures(each, wrong);
  }
  return step;
}

void write(JsonWriter& json, const Step& step) {
  json.object();
  write_text(json, "name", step.name);
  json.member("status", name(step.status));
  if (step.attempts > 0) json.member("attempts", step.attempts);
  write_if_given(json, "lastError", step.last_error);
  if (step.finished_at) json.member("finishedAt", *step.finished_at);
  write_failures(json, step.failures);
  if (!step.earlier.empty()) {
    json.key("earlier").array();
    for (const Round& round : step.earlier) {
      json.object().member("status", name(round.status)).member("attempts", round.attempts);
      json.member("ended", round.ended);
      write_if_given(json, "reason", round.reason);
      write_failures(json, round.failures);
      json.end();
    }
    json.end();
  }
  json.end();
}

bool are_untouched(const std::vector<Step>& steps) {
  static const auto fresh = accepted_enrollment({}, {}, {}).steps;
  return steps == fresh;
}

void write(JsonWriter& json, const Enrollment& enrollment) {
  json.object();
  write_text(json, "id", enrollment.id);
  json.member("status", name(enrollment.status));
  write_if_given(json, "reason", enrollment.reason);
  write_if_given(json, "memberId", enrollment.member_id);
  write_if_given(json, "existingMemberId", enrollment.existing_member_id);
  json.member("acceptedAt", enrollment.accepted_at);
  if (enrollment.completed_at) json.member("completedAt", *enrollment.completed_at);
  write_text(json, "createdBy", enrollment.created_by);
  if (!are_untouched(enrollment.steps)) {
    json.key("steps").array();
    for (const Step& step : enrollment.steps) write(json, step);
    json.end();
  }
  if (!enrollment.interventions.empty()) {
    json.key("interventions").array();
    for (const Intervention& each : enrollment.interventions) {
      json.object().member("at", each.at);
      write_text(json, "what", each.what);
      write_text(json, "by", each.by);
      json.end();
    }
    json.end();
  }
  json.end();
}

Enrollment read_enrollment(Fields fields, const char*& wrong) {
  Enrollment enrollment;
  enrollment.id = fields.text("id");
  enrollment.status = fields.word("status", parse_status);
  enrollment.reason = fields.optional_text("reason");
  enrollment.member_id = fields.optional_text("memberId");
  enrollment.existing_member_id = fields.optional_text("existingMemberId");
  enrollment.accepted_at = fields.time("acceptedAt");
  enrollment.completed_at = fields.optional_time("completedAt");
  enrollment.created_by = fields.text_or_empty("createdBy");
  if (fields.has("steps")) {
    const auto steps = fields.elements("steps");
    enrollment.steps.reserve(steps.size());
    for (const JsonValue& element : steps) enrollment.steps.push_back(read_step(Fields(element, wrong), wrong));
  } else {
    enrollment.steps = accepted_enrollment({}, {}, {}).steps;
  }
  for (const JsonValue& element : fields.optional_elements("interventions")) {
    Fields each(element, wrong);
    enrollment.interventions.push_back(
        {.at = each.time("at"), .what = each.text("what"), .by = each.text_or_empty("by")});
  }
  return enrollment;
}

// Runs `read` over the record and turns the first field that did not fit into a sentence.
template <class Read>
auto read_record(std::string_view what, std::string_view json, Read read)
    -> Result<decltype(read(std::declval<Fields&>(), std::declval<const char*&>()))> {
  auto document = JsonDocument::parse(json);
  if (!document) {
    std::string message("the stored ");
    message += what;
    message += " is not JSON: ";
    message += document.error().message;
    return fail(Fault::damaged, std::move(message));
  }
  const char* wrong = nullptr;
  Fields fields(document->root(), wrong);
  auto record = read(fields, wrong);
  if (wrong) {
    std::string message("the stored ");
    message += what;
    message += " is damaged: \"";
    message += wrong;
    message += "\" is missing or not of the expected form";
    return fail(Fault::damaged, std::move(message));
  }
  return record;
}

}  // namespace

std::string_view tally::of(Status status) {
  switch (status) {
    case Status::accepted:
      return "enrollments.accepted";
    case Status::processing:
      return "enrollments.processing";
    case Status::completed:
      return "enrollments.completed";
    case Status::rejected:
      return "enrollments.rejected";
    case Status::parked:
      return "enrollments.parked";
  }
  std::unreachable();
}

std::string to_json(const Enrollment& enrollment) {
  JsonWriter json;
  write(json, enrollment);
  return json.take();
}

Result<Enrollment> enrollment_from_json(std::string_view json) {
  return read_record("enrollment", json,
                     [](Fields& fields, const char*& wrong) { return read_enrollment(fields, wrong); });
}

std::string to_json(const Member& member) {
  JsonWriter json;
  json.object();
  write_text(json, "id", member.id);
  write_text(json, "enrollmentId", member.enrollment_id);
  json.member("joinedAt", member.joined_at);
  json.key("details");
  write(json, member.details);
  json.end();
  return json.take();
}

Result<Member> member_from_json(std::string_view json) {
  return read_record("member", json, [](Fields& fields, const char*&) {
    Member member;
    member.id = fields.text("id");
    member.enrollment_id = fields.text("enrollmentId");
    member.joined_at = fields.time("joinedAt");
    member.details = read_applicant(fields.object("details"));
    return member;
  });
}

std::string moved_note(const PersonIds& place) {
  JsonWriter json;
  json.object().member("document", place.document).member("partition", place.partition).end();
  return json.take();
}

Result<PersonIds> place_from_note(std::string_view json) {
  return read_record("moved", json, [](Fields& fields, const char*&) {
    PersonIds place;
    place.document = fields.text("document");
    place.partition = fields.text("partition");
    return place;
  });
}

std::string to_json(const ProcessEnrollment& work) {
  JsonWriter json;
  json.object();
  write_text(json, "enrollmentId", work.enrollment_id);
  json.member("acceptedAt", work.accepted_at);
  write_if_given(json, "createdBy", work.created_by);
  json.key("application");
  write(json, work.applicant);
  json.end();
  return json.take();
}

Result<ProcessEnrollment> process_enrollment_from_json(std::string_view json) {
  return read_record("process-enrollment message", json, [](Fields& fields, const char*&) {
    ProcessEnrollment work;
    work.enrollment_id = fields.text("enrollmentId");
    work.accepted_at = fields.time("acceptedAt");
    work.created_by = fields.optional_text("createdBy");
    work.applicant = read_applicant(fields.object("application"));
    return work;
  });
}

Enrollment as_told(Enrollment stored, const StoryOfLetter& letter) {
  // Whoever has changed more of the document than a note of what a person did wrote all that there was to know.
  if (stored.status != Status::accepted) return stored;
  Enrollment told = letter.enrollment;
  told.interventions = std::move(stored.interventions);
  return told;
}

std::string to_body(const WelcomeMail& work) {
  const auto* frozen = std::get_if<FrozenLetter>(&work.letter);
  JsonWriter json;
  json.reserve(1024);
  json.object();
  if (!frozen) write_text(json, "to", work.to.reveal());
  if (work.story) {
    json.member("version", work.story->version).key("enrollment");
    write(json, work.story->enrollment);
  } else {
    write_text(json, "enrollmentId", work.enrollment_id);
    write_text(json, "memberId", work.member_id);
  }
  if (frozen) {
    write_text(json, "from", frozen->from);
    write_text(json, "to", work.to.reveal());
  }
  write_text(json, "messageId", work.message_id);
  if (!frozen) {
    json.key("letter");
    write(json, std::get<KeptLetter>(work.letter));
  }
  json.end();
  std::string body = json.take();
  if (frozen) body.append(1, '\n').append(frozen->content);
  return body;
}

Result<WelcomeMail> welcome_mail_from_body(std::string_view body) {
  // The writer escapes line feeds, so one that is there ends the JSON, and a letter's bytes follow.
  const auto line_end = body.find('\n');
  const bool frozen = line_end != std::string_view::npos;
  auto mail = read_record("welcome-mail message", body.substr(0, line_end), [&](Fields& fields, const char*& wrong) {
    WelcomeMail work;
    if (fields.has("enrollment")) {
      work.story = StoryOfLetter{.enrollment = read_enrollment(fields.object("enrollment"), wrong),
                                 .version = fields.number("version")};
      work.enrollment_id = work.story->enrollment.id;
      work.member_id = work.story->enrollment.member_id.value_or("");
    } else {
      work.enrollment_id = fields.text("enrollmentId");
      work.member_id = fields.text("memberId");
    }
    if (frozen) work.letter = FrozenLetter{.from = fields.text("from"), .content = {}};
    work.to = Personal(fields.text("to"));
    work.message_id = fields.text("messageId");
    if (!frozen) {
      if (const auto letter = fields.object_value("letter")) work.letter = read_kept_letter(*letter, wrong);
    }
    return work;
  });
  if (mail && frozen) std::get<FrozenLetter>(mail->letter).content = body.substr(line_end + 1);
  return mail;
}

std::string mail_domain_of(std::string_view welcome_mail_body) {
  std::string domain;
  // It is asked of every message that is handed out: where it stands first, and as it is, nothing has to be parsed.
  constexpr std::string_view first = R"({"to":")";
  const auto end = welcome_mail_body.find_first_of("\"\\", first.size());
  if (welcome_mail_body.starts_with(first) && end != std::string_view::npos && welcome_mail_body[end] == '"') {
    const auto address = welcome_mail_body.substr(first.size(), end - first.size());
    domain = address.substr(address.rfind('@') + 1);
  } else {
    const auto document = JsonDocument::parse(welcome_mail_body.substr(0, welcome_mail_body.find('\n')));
    const auto to = document ? document->root().find("to") : std::nullopt;
    const std::string_view address = to ? to->string().value_or("") : "";
    domain = address.substr(address.rfind('@') + 1);
  }
  for (char& c : domain)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return domain;
}

}  // namespace globogym::domain
