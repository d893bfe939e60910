// How an expected failure travels: a Result carries a value or an Error.
//
// Three kinds of error, three fates: an expected outcome is a Result; a bug is an ASSERT (base/assert.h), which
// crashes; an exception stays inside the adapter whose library threw it.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace globogym {

// What a caller can do about a failure.
enum class Fault {
  invalid,          // the request itself is wrong; the same request will fail again
  not_found,        // the thing named does not exist
  conflict,         // a document is not at the version that was expected
  lease_lost,       // the lease expired or was taken over; the work belongs to somebody else now
  unavailable,      // the dependency as a whole cannot serve now; later it may
  deferred,         // the dependency works, but asks to try this one thing later (SMTP 4xx to the recipient)
  timed_out,        // no answer within the time allowed; nothing is known to have happened
  refused,          // the dependency understood and said no for good (SMTP 5xx to the recipient)
  unknown_outcome,  // the connection died after the effect may have happened
  cancelled,        // we are shutting down, or the caller asked to stop
  damaged,          // stored bytes do not check
  full,             // a bound was reached (disk reserve, queue, table)
};

std::string_view name(Fault fault);

// `message` is a sentence for the person who must act. It never holds personal data or a secret.
struct Error {
  Fault fault = Fault::unavailable;
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Fault fault, std::string message) {
  return std::unexpected(Error{fault, std::move(message)});
}

}  // namespace globogym
