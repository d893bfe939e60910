// How often one may ask: by address, by key, by the e-mail domain one signs up with, and all together.
//
// Every limit is a pace (gcra.h), off by default except the one by address. A request is charged by the limits it
// meets, in the order address, key, global, domain; the first that refuses ends it, and those after it are not charged.
// Nothing of who is counted is kept: places in the tables are keyed hashes.
// Called from any number of event loops; a limit that is off, or does not apply, costs a branch.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/gcra.h"
#include "base/pace_table.h"
#include "base/random.h"
#include "gateway/callers/caller.h"
#include "gateway/callers/client_address.h"
#include "telemetry/metrics.h"

namespace globogym::gateway {

enum class Limit { address, global, key, email_domain, sign_up, sign_up_email_domain, quota };
inline constexpr std::size_t limit_count = 7;

// As it is called in header fields and metrics: "email-domain".
std::string_view name(Limit limit);

// Where a caller stands with its quota of the month.
struct QuotaStanding {
  bool passed = true;
  std::int64_t quota = 0;
  std::int64_t used = 0;
  std::int64_t month_seconds = 0;  // how long this month is
  std::int64_t seconds_left = 0;   // of this month, rounded up
};

// What one request was charged, and what to tell about it.
class Charges {
 public:
  // Each answers whether the request may go on.
  bool add(Limit limit, const Pace& pace, const Verdict& verdict);
  bool add(const QuotaStanding& standing);

  // The limit that refused.
  std::optional<Limit> refused_by() const { return refused_by_; }
  bool any() const { return count_ > 0 || quota_; }
  // For the problem's detail: which limit it was, never whose.
  std::string_view detail() const;
  // Header lines, each ending in CRLF: RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11), and
  // Retry-After after a refusal. Empty when nothing limits the client. What many share (the global limit, a domain) is
  // told only to whom it refuses: how much others use it is not everybody's business.
  std::string fields() const;

 private:
  struct Line {
    Limit limit;
    const Pace* pace;
    Verdict verdict;
  };
  std::array<Line, limit_count> lines_;
  std::size_t count_ = 0;
  std::optional<QuotaStanding> quota_;
  std::optional<Limit> refused_by_;
};

struct LimitOptions {
  std::optional<Pace> per_key, per_address, per_email_domain, global;
  std::optional<Pace> sign_up_per_address, sign_up_per_email_domain;  // for publishable keys, besides the others
  PaceTable::Options addresses{};
  PaceTable::Options others{.clients = 1 << 14, .groups = 1 << 10};
};

// The answer to whom `charges` refuses, without fields(): whoever sends the answer adds those.
http::Response limited(const Charges& charges);

class Limits {
 public:
  // `metrics` outlives this.
  Limits(const LimitOptions& options, Random& random, telemetry::Metrics& metrics);
  ~Limits();
  Limits(const Limits&) = delete;
  Limits& operator=(const Limits&) = delete;

  // Each answers whether the request may go on, and writes down in `charges` what it was charged.

  // Before anybody has proved who they are, so that guessing keys is limited too.
  bool admit(const Client& client, SteadyTime now, Charges& charges);
  // The key's own rate, else the limit by key (a publishable key is everybody's: only its own rate counts); then the
  // limit of all callers together, which nobody can use up who has shown no credentials.
  bool admit(const Caller& caller, SteadyTime now, Charges& charges);
  // A sign-up sent with a publishable key.
  bool admit_sign_up(const Client& client, SteadyTime now, Charges& charges);
  // A sign-up whose e-mail address is known, normalised. To be asked once an answer given before is not given again.
  enum class ByEmail {
    admitted,
    refused,
    costs_more,  // from a page, for a domain that is crowded there: only with more work than usual
  };
  ByEmail admit_email(std::string_view normalized_email, const Caller& caller, SteadyTime now, Charges& charges);
  // What the quota said.
  bool admit(const QuotaStanding& standing, Charges& charges);

 private:
  struct Table;
  bool admit_own(const Caller& caller, SteadyTime now, Charges& charges);
  bool take(const std::unique_ptr<Table>& table, std::string_view who, std::string_view group, SteadyTime now,
            Charges& charges);
  bool take_address(const std::unique_ptr<Table>& table, const Client& client, SteadyTime now, Charges& charges);
  bool counted(bool passed, Limit limit);

  std::array<telemetry::Counter*, limit_count> limited_{};
  std::unique_ptr<Table> addresses_, keys_, email_domains_, sign_up_, sign_up_email_domains_;
  std::unique_ptr<RateLimit> global_;
};

}  // namespace globogym::gateway
