#include "gateway/limits/quotas.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <utility>

#include "base/assert.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "domain/records.h"

namespace globogym::gateway {
namespace {

constexpr std::int64_t largest_block = 1'000;
constexpr std::size_t months_kept = 12;

std::int64_t block_of(std::int64_t quota) {
  return std::clamp<std::int64_t>(quota / 100, 1, largest_block);
}

WallTime first_of(std::int64_t month) {
  return std::chrono::sys_days(std::chrono::year(static_cast<int>(month / 12)) /
                               std::chrono::month(static_cast<unsigned>(month % 12 + 1)) / 1);
}

std::optional<std::int64_t> parse_month(std::string_view text) {
  int year = 0;
  unsigned month = 0;
  if (text.size() != 7 || text[4] != '-') return std::nullopt;
  const char* const end = text.data() + text.size();
  if (std::from_chars(text.data(), text.data() + 4, year).ptr != text.data() + 4) return std::nullopt;
  if (std::from_chars(text.data() + 5, end, month).ptr != end || month < 1 || month > 12) return std::nullopt;
  return 12 * static_cast<std::int64_t>(year) + month - 1;
}

std::string record(std::int64_t reserved) {
  JsonWriter json;
  json.object().member("reserved", reserved).end();
  return json.take();
}

Result<std::int64_t> reserved_in(const engine::Document& document) {
  auto json = JsonDocument::parse(document.body);
  const std::int64_t reserved = json ? json->root().integer("reserved", -1) : -1;
  if (reserved < 0)
    return fail(Fault::damaged,
                "the stored quota of the API key " + document.key.partition + " cannot be read; run `globogym verify`");
  return reserved;
}

}  // namespace

// Suspends until whoever is writing this account has done; not at all when nobody is any more.
struct Quotas::Turn {
  Quotas& quotas;
  Account& account;
  std::optional<Error> error;

  bool await_ready() { return false; }
  bool await_suspend(std::coroutine_handle<> caller) {
    std::lock_guard lock(quotas.mutex_);
    if (!account.reserving) return false;
    account.waiting.push_back({async::Loop::current(), caller, &error});
    return true;
  }
  std::optional<Error> await_resume() { return std::move(error); }
};

Task<Result<void>> Quotas::load() {
  const Month now = month_of(clock_.wall());
  struct Written {
    engine::Version version;
    Month month;
    engine::DocumentKey key;
  };
  std::map<std::string, std::vector<Written>> written;
  engine::Scan scan{.container = std::string(domain::container::quotas), .after = "", .limit = 1000};
  for (;;) {
    auto page = co_await engine_.scan(scan);
    if (!page) co_return std::unexpected(page.error());
    for (const auto& document : page->documents) {
      const auto month = parse_month(document.key.id);
      if (month) written[document.key.partition].push_back({document.version, *month, document.key});
      if (month == now) {
        const auto reserved = reserved_in(document);
        if (!reserved) co_return std::unexpected(reserved.error());
        std::lock_guard lock(mutex_);
        Account& account = accounts_[document.key.partition];
        account.month = now;
        account.used = account.reserved = *reserved;
        account.version = document.version;
      }
    }
    if (page->cursor.empty()) break;
    scan.after = page->cursor;
  }
  engine::Commit commit;
  for (auto& [key, months] : written) {
    std::ranges::sort(months, {}, &Written::version);
    const std::size_t too_many = months.size() - std::min(months.size(), months_kept);
    for (std::size_t i = 0; i < too_many; ++i)
      commit.erased.push_back({.key = std::move(months[i].key), .expect = engine::Expect::anything()});
    std::lock_guard lock(mutex_);
    Account& account = accounts_[key];
    for (std::size_t i = too_many; i < months.size(); ++i) account.kept.push_back(months[i].month);
  }
  if (!commit.erased.empty()) {
    auto committed = co_await engine_.commit(std::move(commit));
    if (!committed) co_return std::unexpected(committed.error());
  }
  co_return Result<void>();
}

std::optional<QuotaStanding> Quotas::try_take(std::string_view key, std::int64_t quota) {
  const WallTime now = clock_.wall();
  std::lock_guard lock(mutex_);
  const auto found = accounts_.find(key);
  if (found == accounts_.end()) return std::nullopt;
  Account& account = found->second;
  // The first to see the block run low fetches the next; until then the others use what is left.
  const bool low = account.reserved < quota && account.reserved - account.used <= block_of(quota) / 4;
  if (low && !account.reserving) return std::nullopt;
  return take_from(account, quota, now);
}

Task<Result<QuotaStanding>> Quotas::take(std::string key, std::int64_t quota) {
  for (;;) {
    if (const auto taken = try_take(key, quota)) co_return *taken;
    const Month month = month_of(clock_.wall());
    Account* account = nullptr;
    bool mine = false;
    {
      std::lock_guard lock(mutex_);
      account = &accounts_[key];  // stays where it is
      mine = !std::exchange(account->reserving, true);
    }
    if (!mine) {
      auto error = co_await Turn{*this, *account, {}};
      if (error) co_return std::unexpected(std::move(*error));
      continue;
    }
    auto reserved = co_await reserve(key, quota, month);
    finish(*account, reserved);
    // What an earlier block left may still be used when there is no next one.
    const WallTime now = clock_.wall();
    std::lock_guard lock(mutex_);
    if (const auto taken = take_from(*account, quota, now)) co_return *taken;
    if (!reserved) co_return std::unexpected(reserved.error());
  }
}

// Nothing when the account is another month's, or its block is used up.
std::optional<QuotaStanding> Quotas::take_from(Account& account, std::int64_t quota, WallTime now) const {
  if (account.month != month_of(now)) return std::nullopt;
  if (account.used >= quota) return standing(false, quota, account.used, now);
  if (account.used >= account.reserved) return std::nullopt;
  ++account.used;
  ASSERT(account.used <= account.reserved);
  return standing(true, quota, account.used, now);
}

// Makes the account the month's, with a block more than is written. Only one at a time for a key.
Task<Result<void>> Quotas::reserve(std::string key, std::int64_t quota, Month month) {
  for (int round = 0; round < 4; ++round) {
    Account before;
    {
      std::lock_guard lock(mutex_);
      const Account& account = accounts_[key];
      before.month = account.month;
      before.used = account.used;
      before.reserved = account.reserved;
      before.version = account.version;
      before.kept = account.kept;
    }
    const engine::DocumentKey where = document_key(key, month);
    if (before.month != month || round > 0) {
      // Another month than the last request's (also when the clock was set back), or an outcome that was not known:
      // what is written counts as used.
      auto document = co_await engine_.get(where);
      if (!document) co_return std::unexpected(document.error());
      std::int64_t written = 0;
      if (*document) {
        const auto reserved = reserved_in(**document);
        if (!reserved) co_return std::unexpected(reserved.error());
        written = *reserved;
      }
      if (before.month != month) before.used = written;
      before.reserved = written;
      before.version = *document ? (*document)->version : 0;
    }
    if (before.reserved >= quota) {
      std::lock_guard lock(mutex_);
      Account& account = accounts_[key];
      if (account.month != month) account.used = before.used;
      account.month = month;
      account.reserved = before.reserved;
      account.version = before.version;
      co_return Result<void>();
    }

    const std::int64_t next = std::min(quota, before.reserved + block_of(quota));
    engine::Commit commit;
    commit.documents.push_back(
        {.key = where,
         .body = record(next),
         .expect = before.version == 0 ? engine::Expect::absent() : engine::Expect::exactly(before.version)});
    std::vector<Month> kept = put_last(std::move(before.kept), month);
    if (kept.size() > months_kept) {
      commit.erased.push_back({.key = document_key(key, kept.front()), .expect = engine::Expect::anything()});
      kept.erase(kept.begin());
    }
    auto committed = co_await engine_.commit(std::move(commit));
    if (!committed && committed.error().fault == Fault::conflict) continue;
    if (!committed) co_return std::unexpected(committed.error());

    std::lock_guard lock(mutex_);
    Account& account = accounts_[key];
    if (account.month != month) account.used = before.used;
    account.month = month;
    account.reserved = next;
    account.version = committed->version;
    account.kept = std::move(kept);
    co_return Result<void>();
  }
  co_return fail(Fault::unavailable, "the quota of an API key is being changed by somebody else; try again");
}

std::vector<Quotas::Month> Quotas::put_last(std::vector<Month> kept, Month month) {
  std::erase(kept, month);
  kept.push_back(month);
  return kept;
}

void Quotas::finish(Account& account, const Result<void>& reserved) {
  std::vector<Waiter> waiting;
  {
    std::lock_guard lock(mutex_);
    account.reserving = false;
    waiting.swap(account.waiting);
  }
  for (const Waiter& waiter : waiting) {
    if (!reserved) *waiter.error = reserved.error();
    waiter.loop->post([handle = waiter.handle] { handle.resume(); });
  }
}

std::int64_t Quotas::used(std::string_view key) const {
  const Month now = month_of(clock_.wall());
  std::lock_guard lock(mutex_);
  const auto found = accounts_.find(key);
  return found != accounts_.end() && found->second.month == now ? found->second.used : 0;
}

Task<Result<void>> Quotas::close() {
  engine::Commit commit;
  {
    std::lock_guard lock(mutex_);
    for (auto& [key, account] : accounts_) {
      if (account.month < 0 || account.used == account.reserved || account.reserving) continue;
      commit.documents.push_back({.key = document_key(key, account.month),
                                  .body = record(account.used),
                                  .expect = engine::Expect::exactly(account.version)});
      account.reserved = account.used;
    }
  }
  if (commit.documents.empty()) co_return Result<void>();
  auto committed = co_await engine_.commit(std::move(commit));
  if (!committed) co_return std::unexpected(committed.error());
  co_return Result<void>();
}

// ---- months ---------------------------------------------------------------------------------------------------------

Quotas::Month Quotas::month_of(WallTime now) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(now));
  return 12 * static_cast<Month>(static_cast<int>(day.year())) + static_cast<unsigned>(day.month()) - 1;
}

std::string Quotas::month_text(Month month) {
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02d", static_cast<int>(month / 12), static_cast<int>(month % 12 + 1));
  return text;
}

engine::DocumentKey Quotas::document_key(std::string_view key, Month month) {
  return {.container = std::string(domain::container::quotas), .partition = std::string(key), .id = month_text(month)};
}

QuotaStanding Quotas::standing(bool passed, std::int64_t quota, std::int64_t used, WallTime now) {
  const Month month = month_of(now);
  const WallTime begin = first_of(month), end = first_of(month + 1);
  return {.passed = passed,
          .quota = quota,
          .used = used,
          .month_seconds = std::chrono::duration_cast<std::chrono::seconds>(end - begin).count(),
          .seconds_left = std::chrono::ceil<std::chrono::seconds>(end - now).count()};
}

}  // namespace globogym::gateway
