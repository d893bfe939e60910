// What a welcome letter costs: writing down what it says, as process-enrollment does it, and composing it, as
// welcome-mail does it at each attempt.
//
//   letters [SECONDS]
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/qr_code.h"
#include "domain/membership_number.h"
#include "domain/records.h"
#include "mail/compose.h"
#include "mail/writer.h"

using namespace globogym;

namespace {

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Calls `work` for so long and answers how many microseconds of processor time one call takes: of slices of some
// milliseconds the median, so that what else the machine does counts little.
template <class Work>
double microseconds(double seconds, Work work) {
  constexpr int calls = 500;
  std::vector<double> slices;
  const double begin = processor_seconds();
  for (double before = begin; before - begin < seconds;) {
    for (int i = 0; i < calls; ++i) work();
    const double after = processor_seconds();
    slices.push_back((after - before) * 1e6 / calls);
    before = after;
  }
  std::ranges::sort(slices);
  return slices[slices.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2;
  const auto catalogue = domain::sample_catalogue();
  const mail::Writer writer(*mail::Mailbox::parse("welcome@globogym.example", "GloboGym"));
  const auto composer = *mail::Composer::make(writer.layout());
  std::printf("the layout: %zu bytes; to read it and make ready: %.0f µs\n", writer.layout().json.size(),
              microseconds(seconds / 4, [&] { mail::Composer::make(writer.layout()).value(); }));
  domain::Member member;
  member.id = "0123456789abcdefghjkmnpqrstvwxyz01234567";
  auto& details = member.details;
  details.first_name = Personal<std::string>("Ada");
  details.email = details.normalized_email = Personal<std::string>("ada@members.example.com");
  details.start_date = domain::parse_date("2026-12-01");
  const auto* club = catalogue.find_club("london-shoreditch");
  const auto* plan = catalogue.find_plan("premium-annual");
  std::size_t bytes = 0;
  for (const char* locale : {"en-GB", "de-DE", "fr-FR"}) {
    details.locale = locale;
    const std::string id = "06h07dwbjbyjj9bt29ghw0ct2ts29xt8";
    std::string body;
    const double writing = microseconds(seconds, [&] {
      auto written = writer.welcome(member, club, plan, id, {});
      body = domain::to_body({.enrollment_id = id,
                              .member_id = member.id,
                              .to = std::move(written->to),
                              .message_id = std::move(written->message_id),
                              .letter = std::move(written->letter)});
    });
    const double reading =
        microseconds(seconds, [&] { bytes += domain::welcome_mail_from_body(body)->message_id.size(); });
    const auto work = *domain::welcome_mail_from_body(body);
    std::size_t size = 0;
    const double composing = microseconds(seconds, [&] {
      size = composer->compose(work.to, work.message_id, std::get<domain::KeptLetter>(work.letter))->content.size();
    });
    std::printf("%s: %.1f µs to write it down (%zu bytes), %.1f to read that, %.1f to compose it (%zu bytes)\n", locale,
                writing, body.size(), reading, composing, size);
  }
  const std::string number = domain::membership_number(member.id);
  std::printf("the code of a number: %.1f µs\n", microseconds(seconds, [&] { bytes += qr_code(number)->rows[3]; }));
  std::printf("a picture of it: %.1f µs\n",
              microseconds(seconds, [&] { bytes += domain::picture_of_number(number)->size(); }));
  return bytes == 0;
}
