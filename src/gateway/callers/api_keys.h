// API keys: who may call, what they may do, and how often.
//
// A key is shown once, when it is created; only the SHA-256 of its secret is kept. Every key is also held in memory, so
// authenticating reads no disk, and a key that is created or revoked here counts from the moment the call returns.
// It does not promise to notice what another process writes: load() again for that.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/gcra.h"
#include "base/random.h"
#include "base/result.h"
#include "engine/engine.h"
#include "gateway/callers/caller.h"

namespace globogym::gateway {

using async::Task;

// A key that is wanted.
struct NewKey {
  std::string name;                 // 1–100 bytes of UTF-8 without control characters
  std::vector<std::string> scopes;  // a publishable key's are enrollments:write, said or not
  std::optional<std::string> rate;  // "50/s"
  std::optional<Duration> expires_in;
  bool publishable = false;
  std::vector<std::string> origins;  // of a publishable key: "https://club.example"; ours always may use it
  std::optional<std::string> quota;  // "10000/month"
};

// What is known about a key; never its secret.
struct ApiKey {
  std::string id;
  std::string name;
  Scopes scopes;
  std::optional<std::string> rate;   // as written: "50/s"
  std::optional<std::string> quota;  // as written: "10000/month"
  bool publishable = false;          // stands in a web page for everybody to read
  std::vector<std::string> origins;
  WallTime created{};
  std::optional<WallTime> expires;
  std::optional<WallTime> revoked;
  std::optional<WallTime> last_used;  // to the minute, and after a crash some minutes older; nothing: never, as far as
                                      // was counted

  bool in_force(WallTime now) const { return !revoked && !(expires && *expires <= now); }
};

struct CreatedKey {
  ApiKey key;
  std::string text;  // "ggk_…": the only time it can be read
};

// Whether `text` has the form of a key's id. It may be none all the same.
bool is_key_id(std::string_view text);

// Reads "https://club.example:8443": a scheme, a host, perhaps a port; as browsers send it in Origin (RFC 6454).
bool is_origin(std::string_view text);

class ApiKeys {
 public:
  ApiKeys(engine::Engine& engine, const Clock& clock, Random& random);
  ~ApiKeys();
  ApiKeys(const ApiKeys&) = delete;
  ApiKeys& operator=(const ApiKeys&) = delete;

  // Reads every key from the engine. Until it has succeeded nobody is known.
  Task<Result<void>> load();

  // Who `key` belongs to. Thread-safe, and takes as long for an unknown key as for a wrong secret.
  //   refused  not a key, unknown, wrong, expired or revoked; the message may be shown to the caller
  Result<Caller> authenticate(std::string_view key, WallTime now) const;

  //   invalid  something of it cannot be; the message says what can
  Task<Result<CreatedKey>> create(NewKey wanted);

  // Writes down when keys were last used, of those for which it is worth it: five minutes and more after what is
  // written, or (`all`) any later. One commit. What is not written down is forgotten with the process.
  Task<Result<void>> write_down_use(bool all);

  // Ends a key at once. Revoking it again changes nothing.
  //   not_found  no key has this id
  Task<Result<void>> revoke(std::string id);

  // The publishable key of our own sign-up page. It follows from `secret`, so it is stored nowhere, is the same after
  // every start, and neither listed nor revoked. Call it once, before anybody asks.
  void add_page_key(const Hmac& secret);
  // Its text; empty before add_page_key().
  const std::string& page_key() const { return page_key_; }

  // Whether any publishable key may be used from this origin. Thread-safe.
  bool is_origin_of_any(std::string_view origin) const;
  // Whether any has one at all. Thread-safe.
  bool any_origin() const;

  // Every key, revoked and expired ones too, oldest first. Thread-safe.
  std::vector<ApiKey> list() const;

  // Whether the key of this id still counts: it was neither revoked nor has it expired. For answers that go on for
  // long. Thread-safe.
  bool in_force(std::string_view id, WallTime now) const;

  // The key of this id, whatever has become of it, that of our page too; nothing when there is none. Thread-safe.
  std::optional<ApiKey> find(std::string_view id) const;

 private:
  struct Entry;
  struct Snapshot;

  std::shared_ptr<const Snapshot> current() const;
  const Snapshot& current_on_this_thread() const;
  void replace(const Entry& entry);
  Task<Result<void>> read_use(Snapshot& loaded);
  static void note_use(const Entry& entry, WallTime now);

  engine::Engine& engine_;
  const Clock& clock_;
  Random& random_;

  // Readers compare the generation and keep their thread's own reference: no shared counter is touched per request.
  const std::uint64_t instance_;
  std::atomic<std::uint64_t> generation_{0};
  std::string page_key_;
  mutable std::mutex mutex_;  // guards snapshot_; never held across a suspension
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace globogym::gateway
