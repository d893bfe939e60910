#include "gateway/limits/limits.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "gateway/answers/problem.h"

namespace globogym::gateway {
namespace {

constexpr std::array<std::string_view, limit_count> names_of_limits = {
    "address", "global", "key", "email-domain", "sign-up", "sign-up-email-domain", "quota"};

bool is_shared(Limit limit) {
  return limit == Limit::global || limit == Limit::email_domain || limit == Limit::sign_up_email_domain;
}

std::int64_t seconds(Duration duration) {
  return std::chrono::ceil<std::chrono::seconds>(duration).count();
}

// The bytes by which an address is counted: IPv4 whole, IPv6 by its /64, which is one subscriber's; and the network it
// shares with when there is no room, /24 and /48.
struct Counted {
  std::array<char, 17> client;
  std::array<char, 17> group;
};

std::array<char, 17> bytes_of(char kind, const Address& address) {
  std::array<char, 17> out;
  out[0] = kind;
  std::memcpy(&out[1], address.bytes().data(), 16);
  return out;
}

Counted counted_as(const Client& client) {
  const bool v4 = client.address.is_v4();
  const char kind = client.kind == Client::Kind::hidden ? 'h' : 'a';
  return {.client = bytes_of(kind, client.address.masked(v4 ? 32 : 64)),
          .group = bytes_of(kind, client.address.masked(v4 ? 24 : 48))};
}

std::string_view view(const std::array<char, 17>& bytes) {
  return {bytes.data(), bytes.size()};
}

void append_item(std::string& out, Limit limit, char first, std::int64_t a, char second, std::int64_t b) {
  out.append("\"").append(name(limit)).append("\";");
  out.append(1, first).append("=").append(std::to_string(a)).append(";");
  out.append(1, second).append("=").append(std::to_string(b));
}

}  // namespace

std::string_view name(Limit limit) {
  return names_of_limits[static_cast<std::size_t>(limit)];
}

// ---- charges --------------------------------------------------------------------------------------------------------

bool Charges::add(Limit limit, const Pace& pace, const Verdict& verdict) {
  if (count_ < lines_.size()) lines_[count_++] = {limit, &pace, verdict};
  if (!verdict.passed) refused_by_ = limit;
  return verdict.passed;
}

bool Charges::add(const QuotaStanding& standing) {
  quota_ = standing;
  if (!standing.passed) refused_by_ = Limit::quota;
  return standing.passed;
}

std::string_view Charges::detail() const {
  if (!refused_by_) return "";
  switch (*refused_by_) {
    case Limit::address:
      return "Too many requests come from this address; Retry-After says when the next one may.";
    case Limit::global:
      return "The service takes no more requests for the moment; Retry-After says when to come back.";
    case Limit::key:
      return "This key's rate is used up for the moment; Retry-After says when to come back.";
    case Limit::email_domain:
    case Limit::sign_up_email_domain:
      return "Too many sign-ups come for this e-mail domain at once; Retry-After says when to send this one again.";
    case Limit::sign_up:
      return "Too many sign-ups come from this address; Retry-After says when to send this one again.";
    case Limit::quota:
      return "This key's quota of the month is used up; it begins anew with the next month (UTC).";
  }
  return "";
}

// q and w: a burst, and how long it takes to come back; who makes q requests in every w is never refused. r and t: how
// many may be made now, and until when not one more. After a refusal t is Retry-After, as the draft asks, and only the
// limit that refused is told of.
std::string Charges::fields() const {
  std::string policies, standing;
  policies.reserve(96);
  standing.reserve(96);
  std::int64_t retry_after = 1;
  const auto comma = [&] {
    if (policies.empty()) return;
    policies.append(", ");
    standing.append(", ");
  };
  for (const Line& line : std::span(lines_).first(count_)) {
    if (refused_by_ ? line.limit != *refused_by_ : is_shared(line.limit)) continue;
    const std::int64_t until_next = seconds(line.pace->until_next(line.verdict));
    comma();
    append_item(policies, line.limit, 'q', line.pace->burst(), 'w',
                std::max<std::int64_t>(seconds(line.pace->window()), 1));
    append_item(standing, line.limit, 'r', line.pace->remaining(line.verdict), 't', until_next);
    retry_after = std::max(retry_after, until_next);
  }
  if (quota_ && (!refused_by_ || *refused_by_ == Limit::quota)) {
    comma();
    append_item(policies, Limit::quota, 'q', quota_->quota, 'w', quota_->month_seconds);
    append_item(standing, Limit::quota, 'r', std::max<std::int64_t>(quota_->quota - quota_->used, 0), 't',
                quota_->seconds_left);
    retry_after = std::max(retry_after, quota_->seconds_left);
  }
  if (policies.empty()) return "";
  std::string out;
  out.reserve(policies.size() + standing.size() + 64);
  out.append("RateLimit-Policy: ").append(policies).append("\r\nRateLimit: ").append(standing).append("\r\n");
  if (refused_by_) out.append("Retry-After: ").append(std::to_string(retry_after)).append("\r\n");
  return out;
}

http::Response limited(const Charges& charges) {
  const bool quota = charges.refused_by() == Limit::quota;
  return refusal(quota ? problem::quota_exceeded : problem::rate_limited, charges.detail());
}

// ---- limits ---------------------------------------------------------------------------------------------------------

struct Limits::Table {
  Table(Limit which, const Pace& pace, const PaceTable::Options& size, Random& random, telemetry::Metrics& metrics)
      : limit(which),
        paces(pace, size, KeyedHash(random)),
        used(metrics.gauge("globogym_limit_table_places_used", "Places of a limit's table that have ever been taken.",
                           {{"limit", std::string(name(which))}})),
        shared(metrics.counter("globogym_limit_table_shared_total",
                               "Requests judged by a pace shared with others, because the limit's table was full.",
                               {{"limit", std::string(name(which))}})) {
    metrics.gauge("globogym_limit_table_places", "Places of a limit's table.", {{"limit", std::string(name(which))}})
        .set(static_cast<double>(paces.size().capacity));
  }

  const Limit limit;
  PaceTable paces;
  telemetry::Gauge& used;
  telemetry::Counter& shared;
  std::atomic<std::size_t> told_used{0};
  std::atomic<std::uint64_t> told_shared{0};

  // Both change rarely: a place is taken for the first time once.
  void tell() {
    const auto size = paces.size();
    if (size.used != told_used.load(std::memory_order_relaxed)) {
      told_used.store(size.used, std::memory_order_relaxed);
      used.set(static_cast<double>(size.used));
    }
    if (size.shared != told_shared.load(std::memory_order_relaxed)) {
      const auto before = told_shared.exchange(size.shared, std::memory_order_relaxed);
      if (before < size.shared) shared.add(static_cast<double>(size.shared - before));
    }
  }
};

Limits::Limits(const LimitOptions& options, Random& random, telemetry::Metrics& metrics) {
  for (std::size_t i = 0; i < limit_count; ++i)
    limited_[i] = &metrics.counter("globogym_limited_total", "Requests refused by a limit.",
                                   {{"limit", std::string(names_of_limits[i])}});
  const auto table = [&](Limit limit, const std::optional<Pace>& pace, const PaceTable::Options& size) {
    return pace ? std::make_unique<Table>(limit, *pace, size, random, metrics) : nullptr;
  };
  addresses_ = table(Limit::address, options.per_address, options.addresses);
  keys_ = table(Limit::key, options.per_key, options.others);
  email_domains_ = table(Limit::email_domain, options.per_email_domain, options.others);
  sign_up_ = table(Limit::sign_up, options.sign_up_per_address, options.addresses);
  sign_up_email_domains_ = table(Limit::sign_up_email_domain, options.sign_up_per_email_domain, options.others);
  if (options.global) global_ = std::make_unique<RateLimit>(*options.global);
}

Limits::~Limits() = default;

bool Limits::admit(const Client& client, SteadyTime now, Charges& charges) {
  return take_address(addresses_, client, now, charges);
}

bool Limits::admit(const Caller& caller, SteadyTime now, Charges& charges) {
  // Whom its own pace refuses must not use up what is everybody's.
  return admit_own(caller, now, charges) &&
         (!global_ || counted(charges.add(Limit::global, global_->pace(), global_->take(now)), Limit::global));
}

bool Limits::admit_own(const Caller& caller, SteadyTime now, Charges& charges) {
  if (caller.rate) return counted(charges.add(Limit::key, caller.rate->pace(), caller.rate->take(now)), Limit::key);
  if (!keys_ || caller.kind == Kind::publishable_key) return true;
  std::string who(1, caller.kind == Kind::token ? 't' : 'k');
  who.append(caller.id);
  return take(keys_, who, "", now, charges);
}

bool Limits::admit_sign_up(const Client& client, SteadyTime now, Charges& charges) {
  return take_address(sign_up_, client, now, charges);
}

Limits::ByEmail Limits::admit_email(std::string_view normalized_email, const Caller& caller, SteadyTime now,
                                    Charges& charges) {
  const auto domain = normalized_email.substr(normalized_email.rfind('@') + 1);
  if (!take(email_domains_, domain, "", now, charges)) return ByEmail::refused;
  if (caller.kind != Kind::publishable_key || caller.worked_hard) return ByEmail::admitted;
  // Nobody is turned away for where their mailbox is: a crowd could close a big provider to everybody else.
  Charges crowd;
  return take(sign_up_email_domains_, domain, "", now, crowd) ? ByEmail::admitted : ByEmail::costs_more;
}

bool Limits::admit(const QuotaStanding& standing, Charges& charges) {
  return counted(charges.add(standing), Limit::quota);
}

bool Limits::take_address(const std::unique_ptr<Table>& table, const Client& client, SteadyTime now, Charges& charges) {
  if (!table || !client.is_limited()) return true;
  const Counted as = counted_as(client);
  return take(table, view(as.client), view(as.group), now, charges);
}

bool Limits::take(const std::unique_ptr<Table>& table, std::string_view who, std::string_view group, SteadyTime now,
                  Charges& charges) {
  if (!table) return true;
  const Verdict verdict = table->paces.take(who, group, now);
  table->tell();
  return counted(charges.add(table->limit, table->paces.pace(), verdict), table->limit);
}

bool Limits::counted(bool passed, Limit limit) {
  if (!passed) limited_[static_cast<std::size_t>(limit)]->add();
  return passed;
}

}  // namespace globogym::gateway
