#include "simulation/story.h"

#include <cstdio>

namespace globogym::simulation {

void Story::tell(std::string event) {
  const auto at = (clock_.steady() - began_).count();
  char time[40];
  std::snprintf(time, sizeof time, "%8lld.%06lld  ", static_cast<long long>(at / 1'000'000),
                static_cast<long long>(at % 1'000'000));
  event.insert(0, time);
  for (const char c : event) fingerprint_ = (fingerprint_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  ++events_;
  if (aloud_) std::puts(event.c_str());
  if (kept_) lines_.push_back(std::move(event));
}

void Story::broken(std::string promise) {
  constexpr std::size_t at_most = 50;
  if (broken_.size() < at_most) broken_.push_back(promise);
  tell("BROKEN: " + std::move(promise));
}

}  // namespace globogym::simulation
