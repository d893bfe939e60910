// What counting a request costs: a visit recorded on 1, 2 … threads at once, while somebody reads every second.
//
//   ninja -C build/release analytics_bench && build/release/bench/analytics_bench [threads] [callers]
#include "gateway/analytics.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace globogym;
using namespace std::chrono_literals;

double nanoseconds_a_visit(unsigned threads, unsigned callers, bool with_reader) {
  constexpr int visits = 4'000'000;
  SystemClock clock;
  gateway::Analytics analytics(clock);
  std::vector<std::string> keys;
  for (unsigned i = 0; i < callers; ++i) keys.push_back("key-" + std::to_string(1'000'000 + i));

  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (with_reader && !done) {
      analytics.fold({});
      (void)analytics.report(gateway::Window::minute);
      std::this_thread::sleep_for(100ms);
    }
  });
  std::vector<std::thread> running;
  std::vector<double> taken(threads);
  for (unsigned t = 0; t < threads; ++t)
    running.emplace_back([&, t] {
      gateway::Visit visit{
          .operation = "signUp", .status = 202, .stage = gateway::Stage::accepted, .bytes_in = 300, .bytes_out = 140};
      const auto began = std::chrono::steady_clock::now();
      for (int i = 0; i < visits; ++i) {
        visit.caller = keys[static_cast<unsigned>(i) % callers];
        visit.duration = Duration(200 + (i * 37) % 2000);
        analytics.record(visit);
      }
      taken[t] = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - began).count() / visits;
    });
  for (auto& thread : running) thread.join();
  done = true;
  reader.join();
  double sum = 0;
  for (const double each : taken) sum += each;
  return sum / threads;
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned threads = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 2;
  const unsigned callers = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 4;
  for (unsigned at_once = 1; at_once <= threads; ++at_once)
    for (const bool with_reader : {false, true})
      std::printf("%u thread(s), %u callers%s: %.1f ns a visit\n", at_once, callers,
                  with_reader ? ", read meanwhile" : "", nanoseconds_a_visit(at_once, callers, with_reader));
}
