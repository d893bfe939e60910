#include "app/backup.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <span>

#include "base/digest.h"
#include "base/text.h"
#include "base/time_text.h"

namespace globogym::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view manifest_name = "backup.manifest";
constexpr std::string_view part_name = "backup.part";
constexpr std::string_view unfinished_copy = ".copying";
constexpr std::size_t block = std::size_t{1} << 20;

Error trouble(std::string_view what, const std::string& path, int code) {
  std::string message = "cannot " + std::string(what) + " " + path + ": " + std::strerror(code);
  if (code == ENOSPC || code == EDQUOT) message += "; what was copied stays: make room and run it again";
  return {Fault::unavailable, std::move(message)};
}

class File {
 public:
  File(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }
  ssize_t read(std::span<char> into) const {
    for (;;) {
      const auto count = ::read(descriptor_, into.data(), into.size());
      if (count >= 0 || errno != EINTR) return count;
    }
  }
  bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto count = ::write(descriptor_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

 private:
  const int descriptor_;
};

Result<void> sync_directory(const std::string& path) {
  const File directory(path, O_RDONLY | O_DIRECTORY);
  if (!directory || ::fsync(directory.get()) != 0) return std::unexpected(trouble("sync", path, errno));
  return {};
}

// Atomically and durably.
Result<void> write_file(const std::string& directory, std::string_view name, std::string_view text) {
  const std::string path = directory + "/" + std::string(name), fresh = path + std::string(unfinished_copy);
  {
    const File out(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    if (!out || !out.write(text) || ::fsync(out.get()) != 0) return std::unexpected(trouble("write", fresh, errno));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return std::unexpected(trouble("write", path, errno));
  return sync_directory(directory);
}

Result<void> remove_file(const std::string& directory, std::string_view name) {
  const std::string path = directory + "/" + std::string(name);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return std::unexpected(trouble("remove", path, errno));
  return sync_directory(directory);
}

Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return std::unexpected(trouble("make", path, errno));
  return {};
}

// The SHA-256 of the first `size` bytes; nothing when there are fewer, or they cannot be read.
std::optional<std::string> sum_of(const std::string& path, std::uint64_t size) {
  const File in(path, O_RDONLY);
  if (!in) return std::nullopt;
  Sha256Sum sum;
  std::string buffer(block, '\0');
  while (size > 0) {
    const auto count = in.read(std::span(buffer).first(std::min<std::uint64_t>(size, block)));
    if (count <= 0) return std::nullopt;
    sum.add({buffer.data(), static_cast<std::size_t>(count)});
    size -= static_cast<std::uint64_t>(count);
  }
  return hex(sum.sum());
}

bool has(const std::string& path, const BackedUpFile& file) {
  std::error_code error;
  if (fs::file_size(path, error) != file.size || error) return false;
  return sum_of(path, file.size) == file.sha256;
}

// Copies the first `size` bytes, durably, under a name of its own until they are all there; their SHA-256. With
// `expected` nothing else gets the name.
Result<std::string> copy_file(const std::string& from, const std::string& to, std::uint64_t size,
                              const std::string& expected) {
  const File in(from, O_RDONLY | O_NOFOLLOW);
  if (!in) return std::unexpected(trouble("read", from, errno));
  const std::string fresh = to + std::string(unfinished_copy);
  Sha256Sum sum;
  {
    const File out(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    if (!out) return std::unexpected(trouble("write", fresh, errno));
    std::string buffer(block, '\0');
    for (std::uint64_t left = size; left > 0;) {
      const auto count = in.read(std::span(buffer).first(std::min<std::uint64_t>(left, block)));
      if (count < 0) return std::unexpected(trouble("read", from, errno));
      if (count == 0) return fail(Fault::damaged, from + " ended while it was copied");
      const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
      sum.add(bytes);
      if (!out.write(bytes)) return std::unexpected(trouble("write", fresh, errno));
      left -= bytes.size();
    }
    if (::fsync(out.get()) != 0) return std::unexpected(trouble("write", fresh, errno));
  }
  std::string found = hex(sum.sum());
  if (!expected.empty() && found != expected) {
    ::unlink(fresh.c_str());
    return fail(Fault::damaged, from + " is not what was backed up: its checksum is another");
  }
  if (::rename(fresh.c_str(), to.c_str()) != 0) return std::unexpected(trouble("write", to, errno));
  return found;
}

// A line that is being written is not part of what there was.
std::uint64_t whole_lines(const std::string& path) {
  std::error_code error;
  std::uint64_t size = fs::file_size(path, error);
  if (error) return 0;
  const File in(path, O_RDONLY);
  std::string buffer(4096, '\0');
  while (in && size > 0) {
    const std::uint64_t begin = size > buffer.size() ? size - buffer.size() : 0;
    const auto count = ::pread(in.get(), buffer.data(), size - begin, static_cast<off_t>(begin));
    if (count <= 0) break;
    const auto feed = std::string_view(buffer.data(), static_cast<std::size_t>(count)).rfind('\n');
    if (feed != std::string_view::npos) return begin + feed + 1;
    size = begin;
  }
  return 0;
}

// "engine/…", "audit/…" or store.id: one level deep, no other way out.
bool is_ours(std::string_view path) {
  if (path == "store.id") return true;
  for (std::string_view folder : {"engine/", "audit/"}) {
    if (!path.starts_with(folder)) continue;
    const auto name = path.substr(folder.size());
    return !name.empty() && !name.starts_with('.') && name.find('/') == std::string_view::npos &&
           std::ranges::all_of(name, [](unsigned char c) { return c > ' ' && c < 0x7f; });
  }
  return false;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

// What there is besides `known`, in a list; empty when there is nothing.
std::string others_in(const std::string& directory, std::initializer_list<std::string_view> known) {
  std::string others;
  for (const auto& name : names_in(directory))
    if (std::ranges::find(known, name) == known.end() && name != "lost+found")
      others += (others.empty() ? "" : ", ") + name;
  return others;
}

std::optional<std::string> text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

bool parse_size(std::string_view text, std::uint64_t& out) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && wrong == std::errc() && end == text.data() + text.size();
}

// Where `path` leads, links followed, whether or not something is there yet: so that it can be judged before anything
// is made. A link to what does not exist leads there, too.
fs::path whereabouts(const std::string& path) {
  constexpr int most_links = 40;  // as Linux follows
  std::error_code error;
  fs::path where, rest = fs::absolute(path, error);
  for (int links = 0; !rest.empty();) {
    const fs::path part = *rest.begin();
    fs::path behind;
    for (auto each = std::next(rest.begin()); each != rest.end(); ++each) behind /= *each;
    if (part == "..") {
      where = where.parent_path();
    } else if (fs::is_symlink(where / part, error) && ++links <= most_links) {
      behind = fs::read_symlink(where / part, error) / behind;
      if (behind.is_absolute()) where.clear();
    } else if (!part.empty() && part != ".") {
      where /= part;
    }
    rest = std::move(behind);
  }
  return where;
}

// Whether `inner` is `outer` or lies in it, also by another name that is mounted for it.
bool lies_in(const fs::path& inner, const fs::path& outer) {
  for (fs::path each = inner;; each = each.parent_path()) {
    std::error_code error;
    if (each == outer || fs::equivalent(each, outer, error)) return true;
    if (each == each.parent_path()) return false;
  }
}

bool lie_in_each_other(const std::string& one, const std::string& other) {
  const fs::path a = whereabouts(one), b = whereabouts(other);
  return lies_in(a, b) || lies_in(b, a);
}

// Removes what stands in our folders of `directory` and is not among `files`.
void remove_others(const std::string& directory, const std::vector<BackedUpFile>& files) {
  std::set<std::string> wanted;
  for (const auto& file : files) wanted.insert(file.path);
  std::error_code error;
  for (const std::string folder : {"engine", "audit"})
    for (const auto& name : names_in(directory + "/" + folder))
      if (!wanted.contains(folder + "/" + name)) fs::remove(directory + "/" + folder + "/" + name, error);
}

}  // namespace

std::string to_text(const Manifest& manifest) {
  std::string text = "globogym backup 1\ntaken " + rfc3339(manifest.taken) + "\nstore " + manifest.store + "\n";
  for (const auto& file : manifest.files)
    text += "file " + std::to_string(file.size) + " " + file.sha256 + " " + file.path + "\n";
  return text + "end " + hex(sha256(text)) + "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  const auto damaged = [] { return fail(Fault::damaged, "the manifest of the backup is damaged"); };
  const auto end = text.rfind("end ");
  if (end == std::string_view::npos || text.substr(end) != "end " + hex(sha256(text.substr(0, end))) + "\n")
    return damaged();
  Manifest manifest;
  std::string_view rest = text.substr(0, end);
  for (std::size_t number = 0; !rest.empty(); ++number) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const auto space = line.find(' ');
    const auto word = line.substr(0, space);
    const auto value = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    if (number == 0) {
      if (line != "globogym backup 1")
        return fail(Fault::damaged, "the manifest was made by another version: " + std::string(line.substr(0, 40)));
    } else if (word == "taken") {
      const auto time = parse_rfc3339(value);
      if (!time) return damaged();
      manifest.taken = *time;
    } else if (word == "store") {
      manifest.store = value;
    } else if (word == "file") {
      BackedUpFile file;
      const auto first = value.find(' '), second = value.find(' ', first + 1);
      if (first == std::string_view::npos || second == std::string_view::npos ||
          !parse_size(value.substr(0, first), file.size))
        return damaged();
      file.sha256 = value.substr(first + 1, second - first - 1);
      file.path = value.substr(second + 1);
      if (!is_ours(file.path) || file.sha256.size() != 64) return damaged();
      manifest.files.push_back(std::move(file));
    } else {
      return damaged();
    }
  }
  if (manifest.files.empty()) return damaged();
  return manifest;
}

Result<Manifest> read_manifest(const std::string& directory) {
  const auto text = text_of(directory + "/" + std::string(manifest_name));
  if (!text && fs::exists(directory + "/" + std::string(part_name)))
    return fail(Fault::not_found, "the backup in " + directory + " was not finished: run `globogym backup` again");
  if (!text) return fail(Fault::not_found, "there is no backup in " + directory);
  return parse_manifest(*text);
}

bool is_backup(const std::string& directory) {
  std::error_code error;
  return fs::exists(directory + "/" + std::string(manifest_name), error) ||
         fs::exists(directory + "/" + std::string(part_name), error);
}

Result<std::unique_ptr<BackupLock>> BackupLock::take(const std::string& data) {
  const std::string path = data + "/backup.lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return std::unexpected(trouble("open", path, errno));
  std::unique_ptr<BackupLock> lock(new BackupLock(descriptor));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0)
    return fail(Fault::unavailable, "another backup of " + data + " is being made; wait for it");
  return lock;
}

BackupLock::~BackupLock() {
  ::close(descriptor_);
}

void forget_unfinished_backup(const std::string& data) {
  std::error_code error;
  if (!fs::exists(data + "/backup", error)) return;
  if (auto lock = BackupLock::take(data)) fs::remove_all(data + "/backup", error);
}

Result<void> begin_backup(const std::string& data, const std::string& into, const std::string& store) {
  if (lie_in_each_other(data, into))
    return fail(Fault::invalid, into + " and the data directory lie in each other: name a place outside of " + data);
  if (auto made = make_directory(into); !made) return made;
  std::error_code error;
  const std::string others = others_in(into, {"engine", "audit", "store.id", "backup.part", "backup.manifest",
                                              "backup.part.copying", "backup.manifest.copying", "store.id.copying"});
  const bool begun = fs::exists(into + "/" + std::string(part_name), error) ||
                     fs::exists(into + "/" + std::string(manifest_name), error);
  if (!others.empty() || (!begun && !others_in(into, {"backup.part.copying"}).empty()))
    return fail(Fault::invalid, into + " holds what is no backup" + (others.empty() ? "" : " (" + others + ")") +
                                    ": name an empty directory, or one with an earlier backup");
  if (auto had = text_of(into + "/store.id")) {
    while (had->ends_with('\n')) had->pop_back();
    if (!store.empty() && !had->empty() && *had != store)
      return fail(Fault::invalid, into + " holds a backup of another data directory: name another place");
  }
  if (auto part = write_file(into, part_name, "not whole yet\n"); !part) return part;
  return remove_file(into, manifest_name);
}

Result<Copied> copy_backup(const std::string& data, const std::string& into) {
  struct Source {
    std::string path, file;
    std::uint64_t size = 0;
  };
  std::vector<Source> sources;
  std::error_code error;
  for (const auto& name : names_in(data + "/backup/engine")) {
    if (name == "LOCK" || name == "LOG") continue;
    const std::string file = data + "/backup/engine/" + name;
    sources.push_back({"engine/" + name, file, fs::file_size(file, error)});
  }
  if (sources.empty())
    return fail(Fault::unavailable, "the copy that was made of the engine is gone: run `globogym backup` again");
  // After the engine: the trail goes at least as far as the engine knows.
  for (const auto& name : names_in(data + "/audit")) {
    if (!name.ends_with(".jsonl")) continue;
    const std::string file = data + "/audit/" + name;
    sources.push_back({"audit/" + name, file, whole_lines(file)});
  }
  if (const auto size = fs::file_size(data + "/store.id", error); !error)
    sources.push_back({"store.id", data + "/store.id", size});
  for (const std::string folder : {"engine", "audit"})
    if (auto made = make_directory(into + "/" + folder); !made) return std::unexpected(made.error());

  Copied copied;
  for (const auto& source : sources) {
    if (!is_ours(source.path)) continue;
    BackedUpFile file{source.path, source.size, {}};
    const std::string target = into + "/" + source.path;
    if (fs::exists(target, error)) {
      if (auto sum = sum_of(source.file, source.size)) file.sha256 = std::move(*sum);
      if (!file.sha256.empty() && has(target, file)) {
        copied.bytes += file.size;
        copied.files.push_back(std::move(file));
        continue;
      }
    }
    auto sum = copy_file(source.file, target, source.size, "");
    if (!sum) return std::unexpected(sum.error());
    file.sha256 = std::move(*sum);
    copied.bytes += file.size;
    copied.new_bytes += file.size;
    copied.files.push_back(std::move(file));
  }
  remove_others(into, copied.files);
  for (const std::string folder : {"/engine", "/audit", ""})
    if (auto synced = sync_directory(into + folder); !synced) return std::unexpected(synced.error());
  return copied;
}

Result<void> finish_backup(const std::string& into, const Manifest& manifest) {
  if (auto written = write_file(into, manifest_name, to_text(manifest)); !written) return written;
  return remove_file(into, part_name);
}

std::string restore_mark(const std::string& data) {
  return data + "/restore.part";
}

Result<Copied> restore_backup(const std::string& from, const std::string& data) {
  auto manifest = read_manifest(from);
  if (!manifest) return std::unexpected(manifest.error());
  if (lie_in_each_other(data, from))
    return fail(Fault::invalid, data + " and the backup lie in each other: name a data directory outside of " + from);
  if (auto made = make_directory(data); !made) return std::unexpected(made.error());
  const std::string which = hex(sha256(to_text(*manifest))) + "\n";
  const auto begun = text_of(restore_mark(data));
  if (begun && *begun != which)
    return fail(Fault::invalid,
                "another backup was being restored to " + data + ": finish that, or empty the directory");
  if (const auto others = begun ? std::string() : others_in(data, {"restore.part.copying"}); !others.empty())
    return fail(Fault::invalid, data + " is not empty (" + others +
                                    "): name a directory that is, or does not exist yet; nothing was changed");
  if (auto marked = write_file(data, "restore.part", which); !marked) return std::unexpected(marked.error());
  for (const std::string folder : {"engine", "audit"})
    if (auto made = make_directory(data + "/" + folder); !made) return std::unexpected(made.error());
  Copied copied;
  for (auto& file : manifest->files) {
    const std::string target = data + "/" + file.path;
    copied.bytes += file.size;
    if (!has(target, file)) {
      auto sum = copy_file(from + "/" + file.path, target, file.size, file.sha256);
      if (!sum) return std::unexpected(sum.error());
      copied.new_bytes += file.size;
    }
    copied.files.push_back(std::move(file));
  }
  remove_others(data, copied.files);
  for (const std::string folder : {"/engine", "/audit", ""})
    if (auto synced = sync_directory(data + folder); !synced) return std::unexpected(synced.error());
  if (auto finished = remove_file(data, "restore.part"); !finished) return std::unexpected(finished.error());
  return copied;
}

}  // namespace globogym::app
