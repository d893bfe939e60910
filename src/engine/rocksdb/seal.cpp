#include "engine/rocksdb/seal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/digest.h"
#include "base/text.h"

namespace globogym::engine::rocksdb {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t page_size = 4096;
// Each copy stands in a disk sector of its own, so that a torn write hits one at most.
constexpr std::size_t slot_size = 512;

struct Slot {
  std::uint64_t sequence;
  std::uint64_t check;
};

std::uint64_t check_of(std::uint64_t sequence) {
  const auto hash = sha256({reinterpret_cast<const char*>(&sequence), sizeof sequence});
  std::uint64_t check;
  std::memcpy(&check, hash.data(), sizeof check);
  return check;
}

// Nothing else may stand in the page, or a flipped bit there would go unnoticed.
bool rest_is_empty(const char* page) {
  for (std::size_t i = 0; i < page_size; ++i) {
    const bool in_slot = i < 2 * slot_size && i % slot_size < sizeof(Slot);
    if (!in_slot && page[i] != 0) return false;
  }
  return true;
}

std::optional<SyncedMark::Reading> reading_of(const char* page) {
  Slot slots[2];
  std::memcpy(&slots[0], page, sizeof(Slot));
  std::memcpy(&slots[1], page + slot_size, sizeof(Slot));
  const bool first = slots[0].check == check_of(slots[0].sequence);
  const bool second = slots[1].check == check_of(slots[1].sequence);
  if (!first && !second) return std::nullopt;
  std::uint64_t sequence = 0;
  if (first) sequence = slots[0].sequence;
  if (second) sequence = std::max(sequence, slots[1].sequence);
  return SyncedMark::Reading{sequence, !first || !second || !rest_is_empty(page)};
}

std::string why(const std::string& path) {
  const int error = errno;
  return path + ": " + std::strerror(error) + (error == ENOSPC ? "; free some space on this disk and start again" : "");
}

// Of the first `size` bytes.
Result<std::string> file_hash(const fs::path& path, std::uint64_t size) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(size, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(size));
  if (in.gcount() != static_cast<std::streamsize>(size))
    return fail(Fault::unavailable, "cannot read " + path.string());
  return hex(sha256(bytes));
}

bool is_manifest(const std::string& name) {
  return name.starts_with("MANIFEST-");
}

bool is_table(const std::string& name) {
  return name.ends_with(".sst");
}

// Whether RocksDB has put a later file in the place of `name`, such as OPTIONS-000009 in that of OPTIONS-000007: then
// the seal does not know it yet. Numbers are as long as each other for the first million files, and sorted by length
// first after that.
bool is_replaced(const std::string& directory, const std::string& name, const Seal& seal) {
  const auto kind = name.substr(0, name.find('-') + 1);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const auto other = entry.path().filename().string();
    if (!other.starts_with(kind) || other.ends_with(".dbtmp")) continue;
    const bool later =
        std::pair(other.size(), std::string_view(other)) > std::pair(name.size(), std::string_view(name));
    if (later && std::ranges::none_of(seal.files, [&](const auto& file) { return file.name == other; })) return true;
  }
  return false;
}

}  // namespace

Result<std::optional<SyncedMark::Reading>> SyncedMark::read(const std::string& directory) {
  const auto path = directory + "/" + std::string(synced_name);
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    if (!fs::exists(path)) return std::nullopt;
    return fail(Fault::unavailable, "cannot read " + why(path));
  }
  char page[page_size + 1];
  in.read(page, sizeof page);
  if (in.gcount() != static_cast<std::streamsize>(page_size))
    return fail(Fault::damaged, path + " has " + std::to_string(in.gcount()) + " bytes instead of 4096");
  auto reading = reading_of(page);
  if (!reading) return fail(Fault::damaged, path + ": neither copy of the mark checks");
  return *reading;
}

Result<std::unique_ptr<SyncedMark>> SyncedMark::open(const std::string& directory) {
  const auto path = directory + "/" + std::string(synced_name);
  auto reading = read(directory);
  if (!reading) return std::unexpected(reading.error());
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Fault::unavailable, "cannot open " + why(path));
  if (!*reading) {
    // Real blocks now, so that the page can never fail to find one later.
    char page[page_size] = {};
    const Slot slot{0, check_of(0)};
    std::memcpy(page, &slot, sizeof slot);
    std::memcpy(page + slot_size, &slot, sizeof slot);
    if (::pwrite(fd, page, sizeof page, 0) != static_cast<ssize_t>(sizeof page) || ::fsync(fd) != 0) {
      auto error = fail(Fault::unavailable, "cannot write " + why(path));
      ::close(fd);
      ::unlink(path.c_str());
      return error;
    }
  }
  void* page = ::mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (page == MAP_FAILED) return fail(Fault::unavailable, "cannot map " + why(path));
  auto mark = std::unique_ptr<SyncedMark>(new SyncedMark(page, *reading ? (*reading)->sequence : 0));
  if (*reading && (*reading)->slot_damaged) {
    std::memset(page, 0, page_size);
    mark->advance(mark->sequence_);
  }
  mark->advance(mark->sequence_);
  return mark;
}

SyncedMark::~SyncedMark() {
  ::munmap(page_, page_size);
}

void SyncedMark::advance(std::uint64_t sequence) {
  sequence_ = sequence;
  const Slot slot{sequence, check_of(sequence)};
  std::memcpy(static_cast<char*>(page_) + slot_size * next_slot_, &slot, sizeof slot);
  next_slot_ ^= 1;
}

// One line a file, "name size hash"; the first line says what kind of seal it is, the last hashes all before it.
Result<void> write_seal(const std::string& directory, const Seal& seal) {
  std::string text = seal.clean ? "globogym seal 1 clean\n" : "globogym seal 1 open\n";
  for (const auto& file : seal.files) text += file.name + " " + std::to_string(file.size) + " " + file.hash + "\n";
  text += "end " + hex(sha256(text)) + "\n";
  const auto path = directory + "/" + std::string(seal_name);
  const auto fresh = path + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Fault::unavailable, "cannot write " + why(fresh));
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  ::close(fd);
  if (!written || ::rename(fresh.c_str(), path.c_str()) != 0) {
    auto error = fail(Fault::unavailable, "cannot write " + why(path));
    ::unlink(fresh.c_str());
    return error;
  }
  const int dir = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    ::fsync(dir);
    ::close(dir);
  }
  return {};
}

Result<std::optional<Seal>> read_seal(const std::string& directory) {
  const auto path = directory + "/" + std::string(seal_name);
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    if (!fs::exists(path)) return std::nullopt;
    return fail(Fault::unavailable, "cannot read " + why(path));
  }
  std::ostringstream bytes;
  bytes << in.rdbuf();
  const std::string text = bytes.str();
  auto bad = [&] { return fail(Fault::damaged, path + " does not check"); };

  const auto end = text.rfind("end ");
  if (end == std::string::npos || (end > 0 && text[end - 1] != '\n')) return bad();
  if (text.substr(end) != "end " + hex(sha256(std::string_view(text).substr(0, end))) + "\n") return bad();
  std::istringstream lines(text.substr(0, end));
  std::string line;
  std::getline(lines, line);
  Seal seal;
  if (line == "globogym seal 1 clean") {
    seal.clean = true;
  } else if (line != "globogym seal 1 open") {
    return bad();
  }
  while (std::getline(lines, line)) {
    SealedFile file;
    std::istringstream words(line);
    if (!(words >> file.name >> file.size >> file.hash)) return bad();
    seal.files.push_back(std::move(file));
  }
  return seal;
}

Result<Seal> take_seal(const std::string& directory, bool clean) {
  Seal seal{.clean = clean, .files = {}};
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const auto name = entry.path().filename().string();
    if (!entry.is_regular_file()) continue;
    if (name == seal_name || name == synced_name || name == "LOCK" || name.ends_with(".new")) continue;
    const bool fixed = name == "IDENTITY" || name.starts_with("OPTIONS-") || is_manifest(name);
    if (!clean && !fixed) continue;
    std::error_code gone;
    SealedFile file{.name = name, .size = entry.file_size(gone), .hash = "-"};
    if (gone && !clean) continue;
    if (!is_table(name)) {
      auto hash = file_hash(entry.path(), file.size);
      if (!hash && !clean) continue;  // RocksDB has just replaced it
      if (!hash) return std::unexpected(hash.error());
      file.hash = *hash;
    }
    seal.files.push_back(std::move(file));
  }
  if (error) return fail(Fault::unavailable, "cannot list " + directory + ": " + error.message());
  std::sort(seal.files.begin(), seal.files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return seal;
}

std::vector<std::string> broken_seals(const std::string& directory, const Seal& seal) {
  std::vector<std::string> broken;
  for (const auto& file : seal.files) {
    const fs::path path = fs::path(directory) / file.name;
    std::error_code error;
    const auto size = fs::file_size(path, error);
    if (error) {
      if (seal.clean || file.name == "IDENTITY" || !is_replaced(directory, file.name, seal))
        broken.push_back(path.string() + " is missing");
      continue;
    }
    const bool may_grow = !seal.clean && is_manifest(file.name);
    if (may_grow ? size < file.size : size != file.size) {
      broken.push_back(path.string() + " has " + std::to_string(size) + " bytes instead of " +
                       std::to_string(file.size));
      continue;
    }
    if (file.hash == "-") continue;
    auto hash = file_hash(path, file.size);
    if (!hash || *hash != file.hash) broken.push_back(path.string() + " has changed since the directory was sealed");
  }
  return broken;
}

}  // namespace globogym::engine::rocksdb
