#include "audit/reader.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace globogym::audit {
namespace {

constexpr std::string_view prefix = "audit-", suffix = ".jsonl";
constexpr std::size_t number_digits = 20;

std::string numbers(std::uint64_t first, std::uint64_t last) {
  if (first == last) return "line number " + std::to_string(first) + " is missing";
  return "line numbers " + std::to_string(first) + " to " + std::to_string(last) + " are missing";
}

}  // namespace

std::string file_name(std::uint64_t first) {
  std::string digits = std::to_string(first);
  return std::string(prefix) + std::string(number_digits - digits.size(), '0') + digits + std::string(suffix);
}

bool is_file_name(std::string_view name) {
  return name.size() == prefix.size() + number_digits + suffix.size() && name.starts_with(prefix) &&
         name.ends_with(suffix) &&
         std::ranges::all_of(name.substr(prefix.size(), number_digits), [](char c) { return c >= '0' && c <= '9'; });
}

Result<std::vector<std::string>> files_in(const std::string& directory, std::uint64_t after) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    if (std::string name = entry->path().filename().string(); is_file_name(name)) names.push_back(std::move(name));
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(Fault::unavailable, directory + " cannot be read: " + std::strerror(error.value()));
  std::ranges::sort(names);
  names.erase(names.begin(), std::ranges::upper_bound(names, file_name(after)));
  return names;
}

Reader::Reader(std::string directory, const Hmac& key, Bounds bounds, Place from, bool checks)
    : directory_(std::move(directory)),
      key_(key),
      bounds_(std::move(bounds)),
      place_(std::move(from)),
      checks_(checks) {
  auto files = files_in(directory_, bounds_.before_first);
  if (!files) {
    wrong(files.error().message);
    could_not_read_ = true;
  } else {
    files_ = std::move(*files);
  }
  if (place_.file.empty()) {
    place_.number = bounds_.before_first;
    place_.mac = bounds_.mac_before_first;
    return;
  }
  next_file_ = static_cast<std::size_t>(std::ranges::lower_bound(files_, place_.file) - files_.begin());
  if (next_file_ == files_.size() || files_[next_file_] != place_.file) {
    wrong("the file " + place_.file + " is missing");
    return;
  }
  ++next_file_;
  in_.open(directory_ + "/" + place_.file, std::ios::binary);
  if (!in_.is_open()) {
    not_read(place_.file, errno);
    return;
  }
  std::error_code error;
  const auto size = std::filesystem::file_size(directory_ + "/" + place_.file, error);
  if (error || size < place_.end)
    wrong(place_.file + " ends before byte " + std::to_string(place_.end) + ", where line number " +
          std::to_string(place_.number) + " ended");
  in_.seekg(static_cast<std::streamoff>(place_.end));
}

std::optional<std::string> Reader::next() {
  while (!ended_) {
    if (!in_.is_open() && !open_next()) break;
    std::string line;
    if (std::getline(in_, line) && !in_.eof()) {
      place_.end += line.size() + 1;
      ++lines_;
      check(line);
      return line;
    }
    unfinished_ = line.size();  // the stream ended before a line feed
    in_.close();
    in_.clear();
    if (next_file_ < files_.size() && unfinished_ > 0) wrong(place_.file + " ends in the middle of a line");
  }
  if (!ended_) at_end();
  return std::nullopt;
}

bool Reader::open_next() {
  if (next_file_ == files_.size()) return false;
  place_.file = files_[next_file_++];
  place_.end = 0;
  lines_ = 0;
  counted_ = true;
  unfinished_ = 0;
  const std::string path = directory_ + "/" + place_.file;
  std::error_code error;
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error)) {
    wrong(place_.file + " is no file");
    return open_next();
  }
  in_.open(path, std::ios::binary);
  if (!in_.is_open()) {
    not_read(place_.file, errno);
    return open_next();
  }
  std::string head;
  if (std::getline(in_, head) && !in_.eof()) {
    place_.end = head.size() + 1;
    lines_ = 1;
    began(head);
    return true;
  }
  wrong(place_.file + " has no beginning");
  unfinished_ = head.size();
  in_.close();
  in_.clear();
  return next_file_ < files_.size() ? open_next() : false;
}

// A file says which line it begins with, and that has to be the one that follows.
void Reader::began(const std::string& text) {
  if (!checks_) return;
  const auto head = read_head(key_, text);
  if (!head) return wrong("the first line of " + place_.file + " does not check: it was changed");
  if (head->first > place_.number + 1)
    return wrong(numbers(place_.number + 1, head->first - 1) + " before " + place_.file);
  if (head->first != place_.number + 1 || head->before != place_.mac)
    wrong(place_.file + " does not go on where the file before it ends: lines were changed or added there");
}

void Reader::check(const std::string& line) {
  if (!checks_) return;
  const auto mac = checked(key_, place_.mac, place_.number + 1, line);
  std::string where = "line " +
                      (counted_ ? std::to_string(lines_) + " of "
                                : "at byte " + std::to_string(place_.end - line.size() - 1) + " of ") +
                      place_.file;
  if (!mac)
    return wrong(where + ", where number " + std::to_string(place_.number + 1) +
                 " should stand, does not check: lines were changed, taken out, added or exchanged there");
  if (bounds_.final && place_.number >= bounds_.last.number)
    return wrong(where + " was added after the last one that was written");
  ++place_.number;
  if (place_.number == bounds_.last.number && *mac != bounds_.last.mac)
    return wrong(where + " is not the one that was written there");
  place_.mac = *mac;
}

void Reader::at_end() {
  ended_ = true;
  if (!checks_) return;
  if (place_.number < bounds_.last.number)
    wrong(numbers(place_.number + 1, bounds_.last.number) + " at the end" +
          (place_.file.empty() ? std::string() : ", after " + place_.file));
  else if (bounds_.final && unfinished_ > 0)
    wrong(std::to_string(unfinished_) + " bytes were added at the end of " + place_.file);
}

void Reader::not_read(const std::string& file, int why) {
  if (checks_) could_not_read_ = true;
  wrong(file + " cannot be read: " + std::strerror(why));
}

void Reader::wrong(std::string what) {
  if (!checks_) return;
  checks_ = false;
  trouble_ = std::move(what);
}

}  // namespace globogym::audit
