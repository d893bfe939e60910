#include "app/installation.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "app/backup.h"
#include "app/letters.h"
#include "app/process.h"
#include "app/work.h"
#include "async/loop.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "domain/records.h"
#include "engine/rocksdb/engine.h"
#include "engine/rocksdb/store.h"
#include "mail/url.h"
#include "telemetry/log.h"

namespace globogym::app {

Result<void> prepare_data_directory(const std::string& directory) {
  const auto wrong = [&](int code) {
    std::string message = "cannot use the data directory " + directory + ": " + std::strerror(code);
    if (code == ENOENT) message += "; its parent directory must exist";
    if (code == EACCES || code == EPERM) message += "; run as its owner, or choose another with --data";
    return fail(Fault::unavailable, std::move(message));
  };
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return wrong(errno);
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0) return wrong(errno);
  if (!S_ISDIR(status.st_mode)) return wrong(ENOTDIR);
  if (::access(directory.c_str(), R_OK | W_OK | X_OK) != 0) return wrong(errno);
  return {};
}

Result<void> may_be_looked_into(const std::string& data) {
  struct stat status{};
  if (::stat(data.c_str(), &status) != 0) {
    if (errno != EACCES) return {};
    return fail(Fault::unavailable, "what is in " + data +
                                        " cannot be told: a directory above it may not be opened by uid " +
                                        std::to_string(::geteuid()) + "; run as the owner of the data");
  }
  if (!S_ISDIR(status.st_mode) || ::access(data.c_str(), R_OK | X_OK) == 0) return {};
  const passwd* owner = ::getpwuid(status.st_uid);
  const std::string uid = std::to_string(status.st_uid);
  return fail(Fault::unavailable,
              data + " belongs to " + (owner ? std::string(owner->pw_name) + " (uid " + uid + ")" : "uid " + uid) +
                  " and may not be opened by uid " + std::to_string(::geteuid()) +
                  ": whether a server runs there, and what is kept, cannot be told; run as its owner" +
                  (owner ? ", such as with sudo -u " + std::string(owner->pw_name) : ""));
}

std::string engine_directory(const std::string& data) {
  return data + "/engine";
}

namespace {

namespace fs = std::filesystem;

std::string store_id_file(const std::string& data) {
  return data + "/store.id";
}

bool letters_become_files(const Config& config) {
  const auto url = mail::parse_mail_url(config.mail.url);
  return url && std::holds_alternative<mail::OutboxUrl>(*url);
}

// What only a server that has had an engine here can have left.
std::string leftovers(const std::string& data) {
  std::string found;
  std::error_code error;
  for (const auto* name : {"store.id", "control.sock", "development-key", "outbox", "audit", "in-use"}) {
    const fs::path path = fs::path(data) / name;
    if (fs::symlink_status(path, error).type() == fs::file_type::not_found) continue;
    if (fs::is_directory(path, error) && fs::is_empty(path, error)) continue;
    found += (found.empty() ? "" : ", ") + path.string();
  }
  return found;
}

std::optional<std::string> noted_store(const std::string& data) {
  std::ifstream in(store_id_file(data));
  if (!in) return std::nullopt;
  std::string id;
  in >> id;
  if (id.empty()) return std::nullopt;
  return id;
}

// Replaces DATA/store.id atomically and durably. A failure costs only the check that it is for.
void note_store(const std::string& data) {
  const auto id = engine::rocksdb::identity_in(engine_directory(data));
  if (!id || !*id) return;
  if (const auto noted = noted_store(data); noted == *id) return;
  const std::string path = store_id_file(data), fresh = path + ".new", text = **id + "\n";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  written = written && ::fsync(fd) == 0 && ::rename(fresh.c_str(), path.c_str()) == 0;
  const int why = errno;
  if (fd >= 0) ::close(fd);
  if (!written) {
    ::unlink(fresh.c_str());
    log::warning("store-not-noted", {{"file", path}, {"reason", std::string_view(std::strerror(why))}});
    return;
  }
  const int directory = ::open(data.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  ::fsync(directory);
  ::close(directory);
}

}  // namespace

Result<void> engine_may_be_opened(const std::string& data) {
  std::error_code ignored;
  if (fs::exists(restore_mark(data), ignored))
    return fail(Fault::unavailable,
                "a restore into " + data + " was not finished: run the same `globogym restore` again");
  if (is_backup(data))
    return fail(Fault::unavailable,
                data + " is a backup, and whatever opens it would change it: `globogym restore --from " + data +
                    " --data NEW_DIRECTORY` makes a data directory of it, `globogym verify` looks at it");
  if (auto original = InUse::check(data); !original) return original;
  const std::string engine = engine_directory(data);
  const auto noted = noted_store(data);
  std::error_code error;
  if (!fs::exists(engine, error) || fs::is_empty(engine, error)) {
    const std::string left = leftovers(data);
    if (left.empty()) return {};
    return fail(Fault::unavailable,
                "there is no engine in " + engine + ", but there was one (" + left +
                    "): mount it or move it back. If a new and empty one is really meant, give another --data, or "
                    "move those away first");
  }
  const auto id = engine::rocksdb::identity_in(engine);
  if (!id) return std::unexpected(id.error());
  if (*id && noted && **id != *noted)
    return fail(Fault::unavailable, "in " + engine + " is another store (" + **id + ") than this data directory had (" +
                                        *noted + "): mount it or move it back. If this one is really meant, remove " +
                                        store_id_file(data) + " first");
  return {};
}

namespace {

std::optional<std::string> secret_in(std::string_view document) {
  const auto json = JsonDocument::parse(document);
  const auto bytes = json ? parse_base32(json->root().text("key")) : std::nullopt;
  if (!bytes || bytes->size() != 32) return std::nullopt;
  return std::string(bytes->begin(), bytes->end());
}

}  // namespace

std::unique_ptr<Hmac> deployment_key(std::string_view document) {
  const auto secret = secret_in(document);
  return secret ? std::make_unique<Hmac>(*secret) : nullptr;
}

std::string audit_directory(const std::string& data) {
  return data + "/audit";
}

std::string backup_directory(const std::string& data) {
  return data + "/backup";
}

std::string outbox_directory(const std::string& data) {
  return data + "/outbox";
}

std::string control_socket(const std::string& data) {
  const std::string path = data + "/control.sock";
  if (path.size() < sizeof(sockaddr_un::sun_path)) return path;
  // Too long for a socket's address: reach the directory through a descriptor that stays open.
  const int directory = ::open(data.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return path;
  return "/proc/self/fd/" + std::to_string(directory) + "/control.sock";
}

Result<std::unique_ptr<Installation>> Installation::open(const Config& config) {
  if (auto prepared = prepare_data_directory(config.service.data); !prepared) return std::unexpected(prepared.error());

  if (auto space = address_space_suffices(); !space) return std::unexpected(space.error());
  if (auto may = engine_may_be_opened(config.service.data); !may) return std::unexpected(may.error());

  std::unique_ptr<Installation> installation(new Installation);
  installation->catalogue_ = config.catalogue;
  installation->backup_directory_ = backup_directory(config.service.data);
  auto engine = engine::rocksdb::open({.directory = engine_directory(config.service.data),
                                       .disk_reserve = config.engine.disk_reserve.bytes,
                                       .files_to_finish_a_message = letters_become_files(config) ? 1u : 0u,
                                       .window_bytes = config.engine.queue_window.bytes,
                                       .memtable_bytes = config.engine.write_buffer.bytes,
                                       .cache_bytes = config.engine.cache.bytes},
                                      installation->clock_, installation->metrics_);
  if (!engine) return std::unexpected(engine.error());
  // From here on it is ours: what another process marked before us has ended.
  installation->in_use_ = InUse::mark(config.service.data);
  forget_unfinished_backup(config.service.data);
  note_store(config.service.data);
  installation->engine_ = std::move(*engine);
  installation->keys_ =
      std::make_unique<gateway::ApiKeys>(*installation->engine_, installation->clock_, installation->random_);
  installation->quotas_ = std::make_unique<gateway::Quotas>(*installation->engine_, installation->clock_);

  async::AsioLoop loop;
  auto loaded = async::run_until_done(loop, installation->load());
  if (!loaded) return std::unexpected(loaded.error());
  installation->audit_key_ = audit_key(*installation->pseudonyms_);
  installation->anchor_ = std::make_unique<EngineAnchor>(*installation->engine_);
  auto trail = audit::Files::open({.directory = audit_directory(config.service.data)}, *installation->audit_key_,
                                  *installation->anchor_, installation->clock_);
  if (!trail) return std::unexpected(trail.error());
  installation->trail_ = std::move(*trail);
  auto repairing = repairing_functions(config, *installation);
  if (!repairing) return std::unexpected(repairing.error());
  installation->repairing_ = std::move(*repairing);
  auto writer = letter_writer(config);
  if (!writer) return std::unexpected(std::move(writer.error()));
  installation->mending_ = std::make_unique<functions::enrollment::Mending>(
      *installation->engine_, installation->clock_, installation->catalogue_, *installation->pseudonyms_,
      std::move(*writer));
  return installation;
}

Installation::~Installation() = default;

async::Task<Result<void>> Installation::load() {
  auto secret = co_await pseudonym_key();
  if (!secret) co_return std::unexpected(secret.error());
  pseudonyms_ = std::make_unique<Hmac>(*secret);
  keys_->add_page_key(*pseudonyms_);
  if (auto loaded = co_await keys_->load(); !loaded) co_return std::unexpected(loaded.error());
  auto loaded = co_await quotas_->load();
  co_return loaded;
}

// Made once and never changed: member ids and partitions derive from it.
async::Task<Result<std::string>> Installation::pseudonym_key() {
  const engine::DocumentKey where{std::string(domain::container::settings), "settings",
                                  std::string(pseudonym_document)};
  auto found = co_await engine_->get(where);
  if (!found) co_return std::unexpected(found.error());
  if (*found) {
    auto secret = secret_in((*found)->body);
    if (!secret) co_return fail(Fault::damaged, "the key of the pseudonyms is damaged; run `globogym verify`");
    co_return std::move(*secret);
  }

  std::string secret(32, '\0');
  random_.fill({reinterpret_cast<unsigned char*>(secret.data()), secret.size()});
  JsonWriter json;
  json.object()
      .member("key", base32({reinterpret_cast<const unsigned char*>(secret.data()), secret.size()}))
      .member("createdAt", clock_.wall())
      .end();
  engine::Commit commit;
  commit.documents.push_back({where, json.take(), engine::Expect::absent()});
  auto committed = co_await engine_->commit(std::move(commit));
  if (!committed) co_return std::unexpected(committed.error());
  log::warning("store-created", {{"meaning", "this data directory is new and empty: nobody is a member yet"}});
  co_return secret;
}

console::Parts Installation::console_parts() {
  console::Parts parts{
      .engine = *engine_, .keys = *keys_, .metrics = metrics_, .clock = clock_, .pseudonyms = *pseudonyms_};
  parts.quotas = quotas_.get();
  parts.trail = trail_.get();
  parts.backup_directory = backup_directory_;
  for (const auto& function : repairing_) parts.functions.push_back(function.get());
  parts.mending = mending_.get();
  return parts;
}

}  // namespace globogym::app
