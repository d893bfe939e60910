// Asking a Result in a test, without ending the whole program when it holds the other thing.
//
// `*result` and `result.error()` abort when there is none, and with them every test that would have run afterwards.
#pragma once

#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>

#include "base/result.h"

namespace globogym {

// How it ended: compare it with a Fault. Success is none.
struct Ending {
  std::optional<Error> error;
  bool operator==(Fault fault) const { return error && error->fault == fault; }
  friend void PrintTo(const Ending& ending, std::ostream* out) {
    if (ending.error)
      *out << name(ending.error->fault) << ": " << ending.error->message;
    else
      *out << "success";
  }
};

template <class T>
Ending ending_of(const Result<T>& result) {
  return {result ? std::nullopt : std::optional(result.error())};
}

// The error's sentence; nothing when it is a success.
template <class T>
std::string said(const Result<T>& result) {
  return result ? std::string() : result.error().message;
}

// The value. Ends this test, and no other, with the error's sentence when there is none.
template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(std::string(name(result.error().fault)) + ": " + result.error().message);
  return *std::move(result);
}

}  // namespace globogym
