// How many letters a second the SMTP mailer hands over, and what one costs.
//
//   smtp_rate HOST:PORT [letters] [concurrent sends] [connections]
//
// Composes each letter, too. Point it at a sink that accepts everything; what it prints is the client's side only.
#include <sys/resource.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "async/loop.h"
#include "async/stream.h"
#include "mail/compose.h"
#include "mail/smtp/mailer.h"
#include "mail/writer.h"

namespace {

using namespace globogym;
using async::Task;

struct Run {
  mail::Mailer& mailer;
  std::shared_ptr<const mail::Composer> composer;
  domain::KeptLetter letter;
  std::size_t letters;
  std::size_t begun = 0, sent = 0, failed = 0;
  Duration composing{};
};

Task<void> sender(Run& run) {
  while (run.begun < run.letters) {
    const std::size_t number = run.begun++;
    const Personal<std::string> to("m" + std::to_string(number) + "@members.example.com");
    run.letter.date = SystemClock().wall();
    auto letter = run.composer->compose(to, std::to_string(number) + "@globogym.example", run.letter);
    auto outcome = co_await run.mailer.send(std::move(*letter), {});
    ++(outcome ? run.sent : run.failed);
    if (!outcome && run.failed == 1) std::fprintf(stderr, "%s\n", outcome.error().message.c_str());
  }
}

Task<void> all(Run& run, std::size_t concurrent) {
  async::Scope scope;
  for (std::size_t i = 0; i < concurrent; ++i) scope.start(sender(run));
  co_await scope.join();
  co_await run.mailer.close();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

std::size_t number(int argc, char** argv, int at, std::size_t otherwise) {
  return argc > at ? std::strtoull(argv[at], nullptr, 10) : otherwise;
}

// The letter of the brand, to somebody who never was.
domain::KeptLetter letter(const mail::Writer& writer) {
  const auto catalogue = domain::sample_catalogue();
  domain::Member member;
  member.id = "0123456789abcdefghjkmnpqrstvwxyz01234567";
  auto& details = member.details;
  details.first_name = Personal<std::string>("Zoë");
  details.email = details.normalized_email = Personal<std::string>("zoe@members.example.com");
  details.start_date = domain::parse_date("2026-12-01");
  return writer
      .welcome(member, catalogue.find_club("london-shoreditch"), catalogue.find_plan("premium-annual"), "1", {})
      ->letter;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string target = argc > 1 ? argv[1] : "";
  const auto url = mail::parse_mail_url("smtp://" + target + "?tls=off");
  if (!url) {
    std::fprintf(stderr, "usage: smtp_rate HOST:PORT [letters] [concurrent sends] [connections]\n");
    return 2;
  }
  async::AsioLoop loop;
  telemetry::Metrics metrics;
  auto connector = async::tcp_connector();
  mail::smtp::Options options;
  options.url = std::get<mail::SmtpUrl>(*url);
  options.most_connections = number(argc, argv, 4, 16);
  auto mailer = mail::smtp::open(std::move(options), *connector, metrics);

  const mail::Writer writer(*mail::Mailbox::parse("welcome@globogym.example", "GloboGym"));
  Run run{.mailer = *mailer,
          .composer = *mail::Composer::make(writer.layout()),
          .letter = letter(writer),
          .letters = number(argc, argv, 2, 200'000)};
  const double cpu = cpu_seconds();
  const auto started = std::chrono::steady_clock::now();
  async::run_until_done(loop, all(run, number(argc, argv, 3, 256)));
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  const double used = cpu_seconds() - cpu;

  const auto composed_at = std::chrono::steady_clock::now();
  std::size_t bytes = 0;
  constexpr int compositions = 20'000;
  for (int i = 0; i < compositions; ++i)
    bytes = run.composer->compose(Personal<std::string>("ada@members.example.com"), "1@globogym.example", run.letter)
                ->content.size();
  const double composing = std::chrono::duration<double>(std::chrono::steady_clock::now() - composed_at).count();
  std::printf(
      "{\"sent\":%zu,\"failed\":%zu,\"perSecond\":%.0f,\"cpuMicrosPerLetter\":%.2f,\"ofItComposing\":%.2f,"
      "\"bytesPerLetter\":%zu}\n",
      run.sent, run.failed, static_cast<double>(run.sent) / wall, used / static_cast<double>(run.letters) * 1e6,
      composing / compositions * 1e6, bytes);
  return run.failed == 0 ? 0 : 1;
}
