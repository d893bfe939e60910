// Letters that are kept as what they say.
#include "functions/enrollment/world_test.h"

namespace globogym::functions::enrollment {
namespace {

mail::Writer writer_with(const std::string& text, std::string_view sender = "GloboGym <welcome@globogym.example>") {
  auto letters = domain::Letters::make({.domain = "globogym.example"}, {{"welcome.txt", text}});
  EXPECT_TRUE(letters.has_value()) << (letters ? "" : letters.error().message);
  auto writer = mail::Writer::make(std::move(*letters), *mail::Mailbox::parse_named(sender));
  EXPECT_TRUE(writer.has_value());
  return *writer;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(KeptLetter, what_is_configured_anew_after_a_restart_changes_later_letters_and_none_that_waits) {
  EnrollmentWorld w;
  w.add_functions(writer_with("In the old words, {{firstName}}, at {{club}}.\n"));
  w.host->pause("welcome-mail");
  const auto early = w.accept(w.applicant("early@example.com"));
  w.start();
  ASSERT_TRUE(w.drain("process-enrollment"));

  w.crash();
  for (auto& club : w.catalogue.clubs) club.name = "Renamed";
  w.add_functions(writer_with("In new words, {{firstName}}, at {{club}}.\n", "Another <desk@globogym.example>"));
  const auto late = w.accept(w.applicant("late@example.com"));
  w.start();
  EXPECT_TRUE(w.drain_all());

  ASSERT_EQ(w.mailer.sent.size(), 2u);
  std::ranges::sort(w.mailer.sent, {}, [](auto& letter) { return letter.recipient.reveal(); });
  EXPECT_TRUE(has(w.mailer.sent[0].content, "In the old words, Ada, at GloboGym London Shoreditch."));
  EXPECT_TRUE(has(w.mailer.sent[0].content, "\r\nFrom: GloboGym <welcome@globogym.example>\r\n"));
  EXPECT_EQ(w.mailer.sent[0].from, "welcome@globogym.example");
  EXPECT_EQ(w.mailer.sent[0].message_id, early + "@globogym.example");
  EXPECT_TRUE(has(w.mailer.sent[1].content, "In new words, Ada, at Renamed."));
  EXPECT_EQ(w.mailer.sent[1].from, "desk@globogym.example");
  EXPECT_EQ(w.mailer.sent[1].message_id, late + "@globogym.example");
}

TEST(KeptLetter, attempts_before_and_after_a_restart_with_other_templates_send_the_same_bytes) {
  EnrollmentWorld w;
  w.add_functions(writer_with("Grüße, {{firstName}}\n"), 8);
  w.mailer.fault = Fault::deferred;
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.start();
  ASSERT_TRUE(w.loop.run_until([&] { return w.mailer.sent.size() == 2; }, 1h));

  w.crash();
  w.mailer.fault.reset();
  w.add_functions(writer_with("Hello!\n"), 8);
  w.start();
  EXPECT_TRUE(w.drain_all());

  ASSERT_GE(w.mailer.sent.size(), 3u);
  for (const auto& letter : w.mailer.sent) EXPECT_EQ(letter.content, w.mailer.sent[0].content);
  EXPECT_EQ(w.enrollment(id).status, Status::completed);
}

TEST(KeptLetter, its_layout_is_stored_once_however_many_begin_at_a_time) {
  EnrollmentWorld w;
  w.add_functions();
  for (int i = 0; i < 50; ++i) w.accept(w.applicant("p" + std::to_string(i) + "@example.com"));
  w.start();
  EXPECT_TRUE(w.drain_all());

  const auto page = w.loop.run(w.engine->scan({.container = "letters", .after = "", .limit = 10}));
  ASSERT_TRUE(page && page->documents.size() == 1);
  const auto version = page->documents[0].version;
  w.accept(w.applicant("later@example.com"));
  EXPECT_TRUE(w.drain_all());
  w.crash();
  w.add_functions();
  w.accept(w.applicant("latest@example.com"));
  w.start();
  EXPECT_TRUE(w.drain_all());

  const auto again = w.loop.run(w.engine->get({"letters", page->documents[0].key.id, page->documents[0].key.id}));
  EXPECT_EQ((*again)->version, version) << "it was written again";
  EXPECT_EQ(w.in(Status::completed), 52);
}

TEST(KeptLetter, its_layout_is_stored_once_by_two_who_ask_at_the_same_time) {
  EnrollmentWorld w;
  const auto layout = mail::Writer(w.from()).layout();
  StoredLayout stored(*w.engine, layout);
  const auto ask = [&]() -> async::Task<void> {
    const auto done = co_await stored.store();
    EXPECT_TRUE(done.has_value());
  };
  const auto ask_at_once = [&]() -> async::Task<void> {
    async::Scope scope;
    for (int i = 0; i < 3; ++i) scope.start(ask());
    co_await scope.join();
  };

  engine::Commit before;
  before.documents.push_back({{"others", "p", "i"}, "{}", engine::Expect::anything()});
  const auto version = w.commit(std::move(before))->version;

  w.loop.run(ask_at_once());

  EXPECT_TRUE(stored.is_stored());
  const auto document = w.loop.run(w.engine->get(layout_key(layout.id)));
  EXPECT_EQ((*document)->version, version + 1) << "it was written again";
}

TEST(KeptLetter, no_letter_waits_whose_layout_could_not_be_stored) {
  EnrollmentWorld w;
  w.add_functions();
  w.host->pause("welcome-mail");
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.disk.fail_writes(1, 3, false);
  w.start();
  EXPECT_TRUE(w.drain("process-enrollment"));

  const auto kept = w.message("welcome-mail", id);
  ASSERT_TRUE(kept.has_value());
  const auto layout = std::get<domain::KeptLetter>(domain::welcome_mail_from_body(kept->message.body)->letter).layout;
  EXPECT_TRUE(w.document("letters", layout, layout).has_value());
}

TEST(KeptLetter, whose_layout_is_missing_or_damaged_is_parked_with_a_sentence_and_sent_when_it_is_back) {
  for (const bool missing : {true, false}) {
    EnrollmentWorld w;
    w.add_functions();
    w.host->pause("welcome-mail");
    const auto id = w.accept(w.applicant("ada@example.com"));
    w.start();
    ASSERT_TRUE(w.drain("process-enrollment"));
    const auto layout = mail::Writer(w.from()).layout();
    engine::Commit damage;
    if (missing)
      damage.erased.push_back({layout_key(layout.id), engine::Expect::anything()});
    else
      damage.documents.push_back({layout_key(layout.id), layout.json + " ", engine::Expect::anything()});
    ASSERT_TRUE(w.commit(std::move(damage)).has_value());
    w.host->resume("welcome-mail");
    EXPECT_TRUE(w.drain("welcome-mail"));

    EXPECT_TRUE(w.mailer.sent.empty());
    EXPECT_EQ(w.enrollment(id).reason, "damaged-record");
    const auto error = w.step(w.enrollment(id), "welcome-mail").last_error.value_or("");
    EXPECT_TRUE(has(error, "the layout " + layout.id + " that a letter has is ")) << error;
    EXPECT_TRUE(has(error, missing ? "not in the store" : "damaged")) << error;

    engine::Commit repair;
    repair.documents.push_back({layout_key(layout.id), layout.json, engine::Expect::anything()});
    ASSERT_TRUE(w.commit(std::move(repair)).has_value());
    ASSERT_TRUE(w.replay("welcome-mail", id).has_value());
    EXPECT_TRUE(w.drain("welcome-mail"));
    EXPECT_EQ(w.enrollment(id).status, Status::completed);
  }
}

TEST(KeptLetter, a_layout_that_was_damaged_is_stored_again_by_who_starts_with_it) {
  EnrollmentWorld w;
  const auto layout = mail::Writer(w.from()).layout();
  engine::Commit damage;
  damage.documents.push_back({layout_key(layout.id), "{}", engine::Expect::anything()});
  ASSERT_TRUE(w.commit(std::move(damage)).has_value());
  w.add_functions();
  w.accept(w.applicant("ada@example.com"));
  w.start();

  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.in(Status::completed), 1);
}

TEST(KeptLetter, letters_of_many_layouts_are_sent_each_in_its_own) {
  EnrollmentWorld w;
  std::vector<std::string> bodies;
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 7; ++i) {
      const auto writer = writer_with("Layout " + std::to_string(i) + ", {{firstName}}\n");
      ASSERT_TRUE(w.loop.run(store_layout(*w.engine, writer.layout())).has_value());
      domain::Member member{.id = std::string(40, '0'), .details = w.applicant("ada@example.com")};
      const std::string id = "e" + std::to_string(i + 7 * round);
      auto written = *writer.welcome(member, nullptr, nullptr, id, WallTime(1s));
      engine::Commit commit;
      commit.messages.push_back({.queue = "welcome-mail",
                                 .id = id,
                                 .body = domain::to_body({.enrollment_id = id,
                                                          .member_id = member.id,
                                                          .to = written.to,
                                                          .message_id = written.message_id,
                                                          .letter = written.letter})});
      ASSERT_TRUE(w.commit(std::move(commit)).has_value());
    }
  w.add_functions();
  w.start();
  EXPECT_TRUE(w.drain_all());

  ASSERT_EQ(w.mailer.sent.size(), 14u);
  for (const auto& letter : w.mailer.sent) {
    const int i = std::stoi(letter.message_id.substr(1)) % 7;
    EXPECT_TRUE(has(letter.content, "Layout " + std::to_string(i) + ", Ada")) << letter.message_id;
  }
}

TEST(KeptLetter, one_that_a_build_before_froze_is_sent_as_it_is) {
  EnrollmentWorld w;
  w.add_functions();
  engine::Commit old;
  old.messages.push_back({.queue = "welcome-mail",
                          .id = "e1",
                          .body =
                              "{\"enrollmentId\":\"e1\",\"memberId\":\"m1\",\"from\":\"w@g.example\",\"to\":\"a@b.co\","
                              "\"messageId\":\"e1@g\"}\nSubject: x\r\n\r\nHello\r\n"});
  ASSERT_TRUE(w.commit(std::move(old)).has_value());
  w.start();
  EXPECT_TRUE(w.drain_all());

  ASSERT_EQ(w.mailer.sent.size(), 1u);
  EXPECT_EQ(w.mailer.sent[0].content, "Subject: x\r\n\r\nHello\r\n");
  EXPECT_EQ(w.mailer.sent[0].from, "w@g.example");
  EXPECT_EQ(w.mailer.sent[0].recipient.reveal(), "a@b.co");
  EXPECT_EQ(w.mailer.sent[0].message_id, "e1@g");
  EXPECT_EQ(w.tally("mails-sent"), 1);
}

TEST(KeptLetter, one_that_cannot_be_written_is_found_before_the_member_is_told_anything) {
  EnrollmentWorld w;
  w.add_functions();
  for (auto& club : w.catalogue.clubs) club.address = std::string(5'000, 'x');
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.start();
  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.enrollment(id).reason, "invalid-message");
  EXPECT_TRUE(has(w.step(w.enrollment(id), "validate").last_error.value_or(""), "the club's address is longer"));
  EXPECT_EQ(w.tally("members"), 0);
  EXPECT_TRUE(w.mailer.sent.empty());
}

TEST(KeptLetter, those_for_one_mail_domain_are_told_from_others_in_either_form) {
  EnrollmentWorld w;
  const WelcomeMail function(*w.engine, w.loop.clock(), w.mailer);
  const auto destination = [&](const std::string& to, bool frozen) {
    domain::WelcomeMail mail{.enrollment_id = "e", .member_id = "m", .to = Personal(to), .message_id = "e@g"};
    if (frozen)
      mail.letter = domain::FrozenLetter{.from = "w@g", .content = "Subject: x\r\n\r\n"};
    else
      mail.letter = domain::KeptLetter{.layout = "l", .says = {.locale = "en-GB", .number = "GG-1"}};
    return function.destination({.queue = "welcome-mail", .id = "e", .body = domain::to_body(mail)});
  };

  const auto one = destination("ada@Example.com", false);
  EXPECT_NE(one, 0u);
  EXPECT_EQ(one, destination("bob@example.com", true));
  EXPECT_NE(one, destination("ada@other.example", false));
  EXPECT_EQ(function.destination({.queue = "welcome-mail", .id = "e", .body = "nothing"}), 0u);
}

}  // namespace
}  // namespace globogym::functions::enrollment
