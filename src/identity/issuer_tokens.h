// Tokens on a loop that somebody else turns: what open() runs on a thread of its own, and tests on a virtual clock.
#pragma once

#include <string>

#include "identity/key_ring.h"
#include "identity/tokens.h"
#include "identity/verified.h"

namespace globogym::identity {

class IssuerTokens final : public Tokens {
 public:
  IssuerTokens(Options options, async::Loop& loop, fetch::Client& client, const Clock& clock, Random& random,
               telemetry::Metrics& metrics);

  // Runs on the loop until close().
  Task<void> keep_fresh() { return ring_.keep_fresh(); }

  Task<Result<Claims>> verify(std::string token) override;
  State state() const override { return ring_.state(); }
  void close() override { ring_.close(); }
  std::size_t remembered() const { return verified_.size(); }

 private:
  static telemetry::Counter& counter(telemetry::Metrics& metrics, const char* result);
  Task<Result<Claims>> check(std::string token);

  const Options options_;
  const Clock& clock_;
  KeyRing ring_;
  VerifiedTokens verified_;
  telemetry::Counter& remembered_count_;
  telemetry::Counter& checked_count_;
  telemetry::Counter& refused_count_;
  telemetry::Counter& unavailable_count_;
};

}  // namespace globogym::identity
