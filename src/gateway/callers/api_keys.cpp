#include "gateway/callers/api_keys.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <unordered_map>

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "base/time_text.h"
#include "domain/records.h"
#include "telemetry/log.h"

namespace globogym::gateway {
namespace {

// ggk_ <11 characters: 8 bytes> _ <43 characters: 32 bytes>. The alphabet has '_' itself, so parts go by position.
constexpr std::string_view prefix = "ggk_";
constexpr std::size_t id_size = 11;
constexpr std::size_t secret_size = 43;
constexpr std::size_t secret_at = prefix.size() + id_size + 1;
constexpr std::size_t key_size = secret_at + secret_size;

constexpr std::size_t max_origins = 20;

std::string_view as_text(const Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

engine::DocumentKey document_key(const std::string& id) {
  return {.container = std::string(domain::container::keys), .partition = id, .id = id};
}

std::uint64_t next_instance() {
  static std::atomic<std::uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

bool is_printable(std::string_view text) {
  return is_utf8(text) && std::ranges::none_of(text, [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte < 0x20 || byte == 0x7f;
         });
}

// As many at once as a second gives.
std::shared_ptr<RateLimit> rate_limit(std::int64_t per_second) {
  const auto rate = static_cast<double>(per_second);
  return std::make_shared<RateLimit>(Pace(rate, rate));
}

std::optional<WallTime> time_member(const JsonValue& json, std::string_view member) {
  return parse_rfc3339(json.text(member));
}

}  // namespace

// ---- origins --------------------------------------------------------------------------------------------------------

bool is_key_id(std::string_view text) {
  return text.size() == id_size && text.front() != '-' && text.front() != '_' && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

bool is_origin(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos || text.size() > 255) return false;
  if (text.substr(0, scheme) != "https" && text.substr(0, scheme) != "http") return false;
  const auto authority = text.substr(scheme + 3);
  return !authority.empty() && std::ranges::all_of(authority, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
  });
}

// ---- what is stored -------------------------------------------------------------------------------------------------

struct ApiKeys::Entry {
  ApiKey key;
  Sha256 hash{};
  // Shared by every snapshot. Seconds of wall time; 0: never.
  struct Use {
    std::atomic<std::int64_t> at{0};
    std::atomic<std::int64_t> written{0};
  };
  std::shared_ptr<Use> use = std::make_shared<Use>();

  // The key with when it was used.
  ApiKey description() const {
    ApiKey out = key;
    const std::int64_t at = use->at.load(std::memory_order_relaxed);
    if (at != 0) out.last_used = WallTime(std::chrono::seconds(at));
    return out;
  }
  engine::Version version = 0;
  std::shared_ptr<RateLimit> rate;  // shared by every snapshot, so that a reload does not refill it
  std::shared_ptr<const std::vector<std::string>> origins;  // null: not publishable
  std::int64_t quota = 0;                                   // requests a month; 0: any number
  bool ours = false;                                        // the page's own: not stored, not listed

  std::string to_json() const {
    JsonWriter json;
    json.object().member("id", key.id).member("name", key.name).member("hash", hex(hash)).key("scopes").array();
    for (const auto& scope : names(key.scopes)) json.value(scope);
    json.end();
    json.member("rate", key.rate).member("quota", key.quota);
    if (key.publishable) {
      json.key("origins").array();
      for (const auto& origin : key.origins) json.value(origin);
      json.end();
    }
    json.member("created", key.created).member("expires", key.expires);
    json.member("revoked", key.revoked).end();
    return json.take();
  }

  static Result<Entry> from_document(const engine::Document& document) {
    const auto damaged = [&] {
      return fail(Fault::damaged, "the stored API key " + document.key.id + " cannot be read; run `globogym verify`");
    };
    auto json = JsonDocument::parse(document.body);
    if (!json) return damaged();
    const JsonValue root = json->root();
    Entry entry;
    entry.key.id = root.text("id");
    entry.key.name = root.text("name");
    const std::string hash = root.text("hash");
    const auto created = time_member(root, "created");
    if (entry.key.id != document.key.id || hash.size() != 64 || !created) return damaged();
    for (std::size_t i = 0; i < entry.hash.size(); ++i) {
      unsigned char& byte = entry.hash[i];
      if (std::from_chars(&hash[2 * i], &hash[2 * i] + 2, byte, 16).ptr != &hash[2 * i] + 2) return damaged();
    }
    entry.key.created = *created;
    entry.key.expires = time_member(root, "expires");
    entry.key.revoked = time_member(root, "revoked");
    if (const auto scopes = root.find("scopes"))
      for (const auto& element : scopes->elements())
        // A scope that a later release knows grants nothing here.
        if (const auto scope = parse_scope(element.string().value_or(""))) entry.key.scopes.add(*scope);
    if (const std::string rate = root.text("rate"); !rate.empty()) {
      const auto per_second = parse_rate(rate);
      if (!per_second) return damaged();
      entry.key.rate = rate;
      entry.rate = rate_limit(*per_second);
    }
    if (const std::string quota = root.text("quota"); !quota.empty()) {
      const auto a_month = parse_quota(quota);
      if (!a_month) return damaged();
      entry.key.quota = quota;
      entry.quota = *a_month;
    }
    if (const auto origins = root.find("origins")) {
      entry.key.publishable = true;
      for (const auto& element : origins->elements()) entry.key.origins.emplace_back(element.string().value_or(""));
      entry.origins = std::make_shared<std::vector<std::string>>(entry.key.origins);
    }
    entry.version = document.version;
    return entry;
  }
};

struct ApiKeys::Snapshot {
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries;
  std::uint64_t generation = 0;
};

// ---- the keys -------------------------------------------------------------------------------------------------------

ApiKeys::ApiKeys(engine::Engine& engine, const Clock& clock, Random& random)
    : engine_(engine),
      clock_(clock),
      random_(random),
      instance_(next_instance()),
      snapshot_(std::make_shared<Snapshot>()) {}

ApiKeys::~ApiKeys() = default;

Task<Result<void>> ApiKeys::load() {
  auto loaded = std::make_shared<Snapshot>();
  engine::Scan scan{.container = std::string(domain::container::keys), .after = "", .limit = 1000};
  for (;;) {
    auto page = co_await engine_.scan(scan);
    if (!page) co_return std::unexpected(page.error());
    for (const auto& document : page->documents) {
      auto entry = Entry::from_document(document);
      if (!entry) co_return std::unexpected(entry.error());
      loaded->entries.insert_or_assign(document.key.id, std::move(*entry));
    }
    if (page->cursor.empty()) break;
    scan.after = page->cursor;
  }

  auto used = co_await read_use(*loaded);
  if (!used) co_return used;

  std::lock_guard lock(mutex_);
  for (auto& [id, entry] : loaded->entries) {
    const auto known = snapshot_->entries.find(id);
    if (known == snapshot_->entries.end()) continue;
    entry.use = known->second.use;
    // What was created or revoked while the scan ran is newer than what it read.
    if (known->second.version > entry.version)
      entry = known->second;
    else if (known->second.key.rate == entry.key.rate)
      entry.rate = known->second.rate;
  }
  for (const auto& [id, entry] : snapshot_->entries) loaded->entries.try_emplace(id, entry);
  loaded->generation = snapshot_->generation + 1;
  snapshot_ = std::move(loaded);
  generation_.store(snapshot_->generation, std::memory_order_release);
  co_return Result<void>();
}

// One document a key, rewritten: it needs no history.
Task<Result<void>> ApiKeys::read_use(Snapshot& loaded) {
  engine::Scan scan{.container = std::string(domain::container::key_use), .after = "", .limit = 1000};
  for (;;) {
    auto page = co_await engine_.scan(scan);
    if (!page) co_return std::unexpected(page.error());
    for (const auto& document : page->documents) {
      const auto known = loaded.entries.find(document.key.id);
      const auto json = JsonDocument::parse(document.body);
      const auto at = json ? time_member(json->root(), "at") : std::nullopt;
      if (known == loaded.entries.end() || !at) continue;  // it tells of nothing that matters
      known->second.use->at = known->second.use->written =
          std::chrono::floor<std::chrono::seconds>(*at).time_since_epoch().count();
    }
    if (page->cursor.empty()) break;
    scan.after = page->cursor;
  }
  co_return Result<void>();
}

// Cores that check one key all the time only read, but once a minute.
void ApiKeys::note_use(const Entry& entry, WallTime now) {
  constexpr std::int64_t precision = 60;
  const std::int64_t second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  auto& at = entry.use->at;
  const std::int64_t before = at.load(std::memory_order_relaxed);
  // A clock that was set back tells the truth as well.
  if (second >= before + precision || second <= before - precision) at.store(second, std::memory_order_relaxed);
}

Task<Result<void>> ApiKeys::write_down_use(bool all) {
  constexpr std::int64_t worth_it = 300;
  constexpr std::size_t at_once = 1000;
  const auto snapshot = current();
  std::vector<std::pair<const Entry*, std::int64_t>> told;
  for (const auto& [id, entry] : snapshot->entries) {
    const std::int64_t at = entry.use->at.load(std::memory_order_relaxed);
    const std::int64_t written = entry.use->written.load(std::memory_order_relaxed);
    if (entry.ours || at == written || (!all && std::abs(at - written) < worth_it)) continue;
    told.emplace_back(&entry, at);
  }
  for (std::size_t begin = 0; begin < told.size(); begin += at_once) {
    const std::span batch(told.begin() + static_cast<std::ptrdiff_t>(begin), std::min(at_once, told.size() - begin));
    engine::Commit commit;
    for (const auto& [entry, at] : batch) {
      JsonWriter json;
      json.object().member("at", WallTime(std::chrono::seconds(at))).end();
      commit.documents.push_back({.key = {std::string(domain::container::key_use), entry->key.id, entry->key.id},
                                  .body = json.take(),
                                  .expect = engine::Expect::anything()});
    }
    auto committed = co_await engine_.commit(std::move(commit));
    if (!committed) co_return std::unexpected(committed.error());
    for (const auto& [entry, at] : batch) entry->use->written.store(at, std::memory_order_relaxed);
  }
  co_return Result<void>();
}

Result<Caller> ApiKeys::authenticate(std::string_view key, WallTime now) const {
  static constexpr Sha256 nobodys_hash{};
  const bool well_formed = key.size() == key_size && key.starts_with(prefix) && key[secret_at - 1] == '_';
  const std::string_view id = well_formed ? key.substr(prefix.size(), id_size) : std::string_view();
  const std::string_view secret = well_formed ? key.substr(secret_at) : key.substr(0, secret_size);

  const Snapshot& snapshot = current_on_this_thread();
  const auto found = snapshot.entries.find(id);
  const Entry* entry = found == snapshot.entries.end() ? nullptr : &found->second;
  const Sha256 offered = sha256(secret);
  const bool right = equal_in_constant_time(as_text(offered), as_text(entry ? entry->hash : nobodys_hash));
  if (!entry || !right) return fail(Fault::refused, "The API key is not one of ours. Check that it was copied whole.");

  // The secret was right, so its holder may know what has become of the key.
  if (entry->key.revoked) return fail(Fault::refused, "The API key has been revoked. Ask for a new one.");
  if (entry->key.expires && *entry->key.expires <= now)
    return fail(Fault::refused, "The API key has expired. Ask for a new one.");
  note_use(*entry, now);
  return Caller{.id = entry->key.id,
                .kind = entry->key.publishable ? Kind::publishable_key : Kind::key,
                .scopes = entry->key.scopes,
                .until = entry->key.expires,
                .rate = entry->rate,
                .quota = entry->quota,
                .origins = entry->origins};
}

Task<Result<CreatedKey>> ApiKeys::create(NewKey wanted) {
  auto& [name, scopes, rate, expires_in, publishable, origins, quota] = wanted;
  if (name.empty() || name.size() > 100 || !is_printable(name))
    co_return fail(Fault::invalid, "a key's name is 1 to 100 bytes of text without control characters");
  if (publishable && scopes.empty()) scopes.emplace_back(gateway::name(Scope::enrollments_write));
  Entry entry;
  for (const auto& scope : scopes) {
    const auto known = parse_scope(scope);
    if (!known) {
      std::string list;
      for (Scope each : all_scopes()) list.append(list.empty() ? "" : ", ").append(gateway::name(each));
      // What was asked for is printed only when it cannot garble the terminal or the log it ends up in.
      const std::string asked = scope.size() <= 64 && is_printable(scope) ? "'" + scope + "'" : "one of those given";
      co_return fail(Fault::invalid, "unknown scope " + asked + "; the scopes are " + list);
    }
    entry.key.scopes.add(*known);
  }
  if (entry.key.scopes.empty()) co_return fail(Fault::invalid, "a key needs at least one scope");
  if (publishable && entry.key.scopes != Scopes{Scope::enrollments_write})
    co_return fail(Fault::invalid,
                   "a publishable key can be read by everybody: it may have no scope but enrollments:write");
  if (!publishable && !origins.empty())
    co_return fail(Fault::invalid, "origins are for publishable keys; any other key must not be in a web page at all");
  if (origins.size() > max_origins || !std::ranges::all_of(origins, is_origin))
    co_return fail(Fault::invalid, "an origin is written like https://club.example, and a key has at most 20");
  if (rate) {
    const auto per_second = parse_rate(*rate);
    if (!per_second) co_return fail(Fault::invalid, "a rate is written like 50/s, from 1/s to 1000000/s");
    entry.rate = rate_limit(*per_second);
  }
  if (quota) {
    const auto a_month = parse_quota(*quota);
    if (!a_month) co_return fail(Fault::invalid, "a quota is written like 10000/month, from 1 to 1000000000000");
    entry.quota = *a_month;
  }
  constexpr Duration longest = std::chrono::years(100);
  if (expires_in && (*expires_in <= Duration::zero() || *expires_in > longest))
    co_return fail(Fault::invalid, "a key expires after more than nothing and at most 100 years");

  std::array<unsigned char, 8> id_bytes;
  // An id that starts with '-' would read as a flag on a command line.
  do {
    random_.fill(id_bytes);
    entry.key.id = base64url(id_bytes);
  } while (entry.key.id.front() == '-' || entry.key.id.front() == '_');
  std::array<unsigned char, 32> secret_bytes;
  random_.fill(secret_bytes);
  const std::string secret = base64url(secret_bytes);
  entry.hash = sha256(secret);
  entry.key.name = std::move(name);
  entry.key.rate = std::move(rate);
  entry.key.quota = std::move(quota);
  entry.key.publishable = publishable;
  entry.key.origins = std::move(origins);
  if (publishable) entry.origins = std::make_shared<std::vector<std::string>>(entry.key.origins);
  entry.key.created = std::chrono::floor<std::chrono::milliseconds>(clock_.wall());
  if (expires_in) entry.key.expires = std::chrono::floor<std::chrono::milliseconds>(entry.key.created + *expires_in);

  engine::Commit commit;
  commit.documents.push_back(
      {.key = document_key(entry.key.id), .body = entry.to_json(), .expect = engine::Expect::absent()});
  auto committed = co_await engine_.commit(std::move(commit));
  if (!committed) co_return std::unexpected(committed.error());
  entry.version = committed->version;
  replace(entry);
  log::info("api-key-created", {{"keyId", entry.key.id}});
  co_return CreatedKey{.key = entry.key, .text = std::string(prefix) + entry.key.id + "_" + secret};
}

Task<Result<void>> ApiKeys::revoke(std::string id) {
  // Whoever else changes the key between our look and our commit makes it a conflict: look again.
  const bool possible = id.size() == id_size && id.find('\0') == std::string::npos;
  for (int round = 0; round < 4; ++round) {
    engine::DocumentKey key = document_key(id);
    Result<std::optional<engine::Document>> document;
    if (possible) document = co_await engine_.get(key);
    if (!document) co_return std::unexpected(document.error());
    if (!*document)
      co_return fail(Fault::not_found, "there is no API key with this id; `globogym keys list` shows them all");
    auto entry = Entry::from_document(**document);
    if (!entry) co_return std::unexpected(entry.error());
    if (entry->key.revoked) {
      replace(*entry);
      co_return Result<void>();
    }
    entry->key.revoked = std::chrono::floor<std::chrono::milliseconds>(clock_.wall());
    engine::Commit commit;
    commit.documents.push_back(
        {.key = std::move(key), .body = entry->to_json(), .expect = engine::Expect::exactly(entry->version)});
    auto committed = co_await engine_.commit(std::move(commit));
    if (!committed && committed.error().fault == Fault::conflict) continue;
    if (!committed) co_return std::unexpected(committed.error());
    entry->version = committed->version;
    replace(*entry);
    log::info("api-key-revoked", {{"keyId", entry->key.id}});
    co_return Result<void>();
  }
  co_return fail(Fault::conflict, "the API key was being changed by others at the same time; try again");
}

void ApiKeys::add_page_key(const Hmac& secret) {
  constexpr std::string_view about = "sign-up page key";
  const Sha256 id_bytes = secret(std::string(about) + " id");
  const Sha256 secret_bytes = secret(std::string(about) + " secret");
  Entry entry;
  entry.key.id = "page" + base64url(id_bytes).substr(0, id_size - 4);
  const std::string text = base64url(secret_bytes);
  entry.hash = sha256(text);
  entry.key.name = "sign-up page";
  entry.key.scopes = {Scope::enrollments_write};
  entry.key.publishable = true;
  entry.key.created = clock_.wall();
  entry.origins = std::make_shared<std::vector<std::string>>();
  entry.ours = true;
  page_key_ = std::string(prefix) + entry.key.id + "_" + text;
  replace(entry);
}

bool ApiKeys::is_origin_of_any(std::string_view origin) const {
  const WallTime now = clock_.wall();
  const Snapshot& snapshot = current_on_this_thread();
  return std::ranges::any_of(snapshot.entries, [&](const auto& each) {
    const ApiKey& key = each.second.key;
    return key.publishable && key.in_force(now) && std::ranges::find(key.origins, origin) != key.origins.end();
  });
}

bool ApiKeys::any_origin() const {
  const WallTime now = clock_.wall();
  const Snapshot& snapshot = current_on_this_thread();
  return std::ranges::any_of(snapshot.entries, [&](const auto& each) {
    return !each.second.key.origins.empty() && each.second.key.in_force(now);
  });
}

std::vector<ApiKey> ApiKeys::list() const {
  const auto snapshot = current();
  std::vector<ApiKey> all;
  all.reserve(snapshot->entries.size());
  for (const auto& [id, entry] : snapshot->entries)
    if (!entry.ours) all.push_back(entry.description());
  std::ranges::sort(all, {}, [](const ApiKey& key) { return std::pair(key.created, key.id); });
  return all;
}

bool ApiKeys::in_force(std::string_view id, WallTime now) const {
  const Snapshot& snapshot = current_on_this_thread();
  const auto found = snapshot.entries.find(id);
  return found != snapshot.entries.end() && found->second.key.in_force(now);
}

std::optional<ApiKey> ApiKeys::find(std::string_view id) const {
  const auto snapshot = current();
  const auto found = snapshot->entries.find(id);
  if (found == snapshot->entries.end()) return std::nullopt;
  return found->second.description();
}

std::shared_ptr<const ApiKeys::Snapshot> ApiKeys::current() const {
  std::lock_guard lock(mutex_);
  return snapshot_;
}

const ApiKeys::Snapshot& ApiKeys::current_on_this_thread() const {
  struct Held {
    std::uint64_t instance = 0;
    std::shared_ptr<const Snapshot> snapshot;
  };
  thread_local Held held;
  if (held.instance != instance_ || held.snapshot->generation != generation_.load(std::memory_order_acquire)) {
    held.snapshot = current();
    held.instance = instance_;
  }
  return *held.snapshot;
}

void ApiKeys::replace(const Entry& entry) {
  std::lock_guard lock(mutex_);
  auto changed = std::make_shared<Snapshot>(*snapshot_);
  Entry& slot = changed->entries[entry.key.id];
  if (slot.version > entry.version) return;
  auto rate = slot.rate && slot.key.rate == entry.key.rate ? slot.rate : entry.rate;
  auto use = slot.use;
  slot = entry;
  slot.rate = std::move(rate);
  slot.use = std::move(use);
  changed->generation = snapshot_->generation + 1;
  snapshot_ = std::move(changed);
  generation_.store(snapshot_->generation, std::memory_order_release);
}

}  // namespace globogym::gateway
