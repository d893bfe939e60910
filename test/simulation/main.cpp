// globogym-sim: runs as many seeds as asked and tells the story of the first that breaks a promise.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include "simulation/world.h"
#include "telemetry/log.h"

namespace {

volatile std::sig_atomic_t seed_high = 0, seed_low = 0;

// An assertion that fails ends the process; then the seed is all that is needed to see it again.
void say_the_seed(int) {
  char line[64];
  const auto seed =
      (static_cast<unsigned long long>(static_cast<unsigned>(seed_high)) << 32) | static_cast<unsigned>(seed_low);
  const int size = std::snprintf(line, sizeof line, "the assertion failed in seed %llu\n", seed);
  [[maybe_unused]] const auto written = ::write(2, line, static_cast<std::size_t>(size));
}

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

int usage() {
  std::fputs(
      "usage: globogym-sim --seeds A..B [--rough] [--verbose] [--keep-going]\n"
      "  --seeds A..B   the seeds to run, both included; or one seed\n"
      "  --rough        with slow answers, bad destinations, dying connections and clocks that are set, too\n"
      "  --verbose      a line for every seed; the whole story when there is only one\n"
      "  --keep-going   name every seed that breaks a promise, and tell no story\n"
      "Ends with 0 when every promise was kept, with 1 when one was broken.\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace globogym;
  unsigned long long first = 1, last = 0;
  bool verbose = false, keep_going = false, rough = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--verbose") == 0) {
      verbose = true;
    } else if (std::strcmp(argv[i], "--rough") == 0) {
      rough = true;
    } else if (std::strcmp(argv[i], "--keep-going") == 0) {
      keep_going = true;
    } else if (std::strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
      char* end = nullptr;
      first = last = std::strtoull(argv[++i], &end, 10);
      if (std::strncmp(end, "..", 2) == 0) last = std::strtoull(end + 2, &end, 10);
      if (*end != '\0') return usage();
    } else {
      return usage();
    }
  }
  if (first > last) return usage();
  log::set_level(log::Level::error);
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
  std::signal(SIGABRT, say_the_seed);

  unsigned long long failed = 0;
  std::size_t promised = 0, lives = 0, copies = 0;
  const double began = cpu_seconds();
  for (auto seed = first; seed <= last; ++seed) {
    seed_high = static_cast<int>(seed >> 32);
    seed_low = static_cast<int>(seed & 0xffffffff);
    const auto scenario = simulation::draw_scenario(seed, rough);
    const bool tell = verbose && first == last;
    const double before = cpu_seconds();
    auto outcome = simulation::live(scenario, {.aloud = tell});
    promised += outcome.promised;
    lives += outcome.lives;
    copies += outcome.copies;
    if (verbose)
      std::printf(
          "seed %llu: %zu promised, %zu completed, %zu rejected, %zu parked, %zu lives, %zu letters, %lld s "
          "lived in %.0f ms, fingerprint %016llx%s\n",
          seed, outcome.promised, outcome.completed, outcome.rejected, outcome.parked, outcome.lives, outcome.copies,
          static_cast<long long>(outcome.lasted.count() / 1'000'000), (cpu_seconds() - before) * 1e3,
          static_cast<unsigned long long>(outcome.fingerprint), outcome.broken.empty() ? "" : ", BROKEN");
    if (outcome.broken.empty()) continue;
    ++failed;
    std::printf("seed %llu breaks %zu promises; the first: %s\n", seed, outcome.broken.size(),
                outcome.broken.front().c_str());
    if (keep_going) continue;
    if (!tell) simulation::live(scenario, {.aloud = true});
    for (const auto& promise : outcome.broken) std::printf("broken: %s\n", promise.c_str());
    std::printf("again: globogym-sim%s --seeds %llu --verbose\n", rough ? " --rough" : "", seed);
    return 1;
  }
  const double took = cpu_seconds() - began;
  std::printf(
      "%llu seeds, %llu broke a promise; %zu enrollments promised, %zu letters taken, %zu lives; %.1f seeds/s of CPU\n",
      last - first + 1, failed, promised, copies, lives, static_cast<double>(last - first + 1) / took);
  return failed == 0 ? 0 : 1;
}
