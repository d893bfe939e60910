#include "console/guesses.h"

#include <arpa/inet.h>

#include <algorithm>

namespace globogym::console {
namespace {

std::string network_of(std::string_view address) {
  in6_addr bytes{};
  std::string text(address.substr(0, address.find('%')));
  if (::inet_pton(AF_INET6, text.c_str(), &bytes) != 1) return text;
  if (IN6_IS_ADDR_V4MAPPED(&bytes)) return text;
  return {reinterpret_cast<const char*>(bytes.s6_addr), 8};
}

}  // namespace

std::optional<Duration> Guesses::wait(std::string_view address) {
  const std::lock_guard lock(mutex_);
  const auto found = paid_.find(network_of(address));
  if (found == paid_.end()) return std::nullopt;
  const SteadyTime now = clock_.steady();
  if (found->second <= now) {
    paid_.erase(found);
    return std::nullopt;
  }
  const Duration ahead = found->second - now;
  const Duration tolerated = bounds_.every * (bounds_.at_once - 1);
  if (ahead <= tolerated) return std::nullopt;
  return ahead - tolerated;
}

void Guesses::failed(std::string_view address) {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.steady();
  auto network = network_of(address);
  const auto known = paid_.find(network);
  if (known != paid_.end()) {
    known->second = std::max(known->second, now) + bounds_.every;
    return;
  }
  if (paid_.size() >= bounds_.addresses) std::erase_if(paid_, [&](const auto& entry) { return entry.second <= now; });
  if (paid_.size() >= bounds_.addresses)
    paid_.erase(std::ranges::min_element(paid_, {}, [](const auto& entry) { return entry.second; }));
  paid_.emplace(std::move(network), now + bounds_.every);
}

std::size_t Guesses::addresses() const {
  const std::lock_guard lock(mutex_);
  return paid_.size();
}

}  // namespace globogym::console
