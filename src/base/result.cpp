#include "base/result.h"

namespace globogym {

std::string_view name(Fault fault) {
  switch (fault) {
    case Fault::invalid:
      return "invalid";
    case Fault::not_found:
      return "not-found";
    case Fault::conflict:
      return "conflict";
    case Fault::lease_lost:
      return "lease-lost";
    case Fault::unavailable:
      return "unavailable";
    case Fault::deferred:
      return "deferred";
    case Fault::timed_out:
      return "timed-out";
    case Fault::refused:
      return "refused";
    case Fault::unknown_outcome:
      return "unknown-outcome";
    case Fault::cancelled:
      return "cancelled";
    case Fault::damaged:
      return "damaged";
    case Fault::full:
      return "full";
  }
  return "unknown";
}

}  // namespace globogym
