// Personal data, as a type that cannot be printed.
//
// There is no stream operator, no formatter and no conversion: a name or an address reaches a log, a metric or a trace
// only through an explicit reveal(), which a reviewer (and scripts/lint) can find. Comparable, so tests can check it.
#pragma once

#include <utility>

namespace globogym {

template <class T>
class Personal {
 public:
  Personal() = default;
  explicit Personal(T value) : value_(std::move(value)) {}
  const T& reveal() const { return value_; }
  bool operator==(const Personal&) const = default;

 private:
  T value_;
};

}  // namespace globogym
