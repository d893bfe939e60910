// What writing a welcome letter costs: words, number, picture and message, as process-enrollment does it.
//
//   letters [SECONDS]
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/png.h"
#include "base/qr_code.h"
#include "domain/membership_number.h"
#include "mail/writer.h"

using namespace globogym;

namespace {

// Calls `work` for so long and answers how many microseconds one call takes.
template <class Work>
double microseconds(double seconds, Work work) {
  using Clock = std::chrono::steady_clock;
  std::size_t rounds = 0;
  const auto begin = Clock::now();
  std::chrono::duration<double> taken{};
  do {
    for (int i = 0; i < 100; ++i) work();
    rounds += 100;
    taken = Clock::now() - begin;
  } while (taken.count() < seconds);
  return taken.count() * 1e6 / static_cast<double>(rounds);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2;
  const auto catalogue = domain::sample_catalogue();
  const mail::Writer writer(*mail::Mailbox::parse("welcome@globogym.example", "GloboGym"));
  const auto letters = domain::Letters::make({});
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
    const double words = microseconds(seconds, [&] { bytes += letters->welcome(member, club, plan).html.size(); });
    std::size_t size = 0;
    const double whole = microseconds(seconds, [&] {
      size = writer.welcome(member, club, plan, "06h07dwbjbyjj9bt29ghw0ct2ts29xt8", {})->content.size();
    });
    std::printf("%s: %.1f µs, of which %.1f for the words and pictures; %zu bytes\n", locale, whole, words, size);
  }
  const std::string number = domain::membership_number(member.id);
  std::printf("the code of a number: %.1f µs\n", microseconds(seconds, [&] { bytes += qr_code(number)->rows[3]; }));
  std::printf(
      "a picture of it: %.1f µs\n", microseconds(seconds, [&] {
        const auto code = *qr_code(number);
        bytes += png_of_squares(29, [&](unsigned x, unsigned y) { return x < 21 && y < 21 && code.dark(x, y); }).size();
      }));
  return bytes == 0;
}
