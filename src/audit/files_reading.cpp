// What a trail tells of itself: its lines, how it is, and the look that goes through all of it.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "audit/files.h"
#include "base/json_reader.h"
#include "base/time_text.h"
#include "telemetry/log.h"

namespace globogym::audit {
namespace {

constexpr std::size_t page_bytes = 512 * 1024;
constexpr Duration looks_every = std::chrono::milliseconds(10);
constexpr Duration looks_again_after = std::chrono::hours(24);
constexpr Duration looks_again_when_it_could_not = std::chrono::seconds(10);
constexpr Duration looks_again_after_damage = std::chrono::minutes(10);        // what was taken away may be put back
constexpr std::size_t look_bytes = 256 * 1024, look_bytes_beside = 32 * 1024;  // a piece of a millisecond, and less

// Whether a line could be written, as far as that shows without writing one.
std::string obstacle(const std::string& directory) {
  const auto cannot = [](std::string_view what, const std::string& path, int why) {
    return "the audit trail cannot be written: " + std::string(what) + " " + path + ": " + std::strerror(why);
  };
  struct stat found{};
  std::string looked_at = directory;
  if (::stat(directory.c_str(), &found) != 0) {
    if (errno != ENOENT) return cannot("looking at", directory, errno);
    looked_at = std::filesystem::path(directory).parent_path().string();
  } else if (!S_ISDIR(found.st_mode)) {
    return cannot("opening", directory, ENOTDIR);
  }
  if (::access(looked_at.c_str(), W_OK | X_OK) != 0) return cannot("writing into", looked_at, errno);
  return {};
}

// A page's cursor: "<file>~<end>~<number>~<mac>~<whether all before checked>".
std::string shown(const Reader& reader) {
  const Place& place = reader.place();
  return place.file + "~" + std::to_string(place.end) + "~" + std::to_string(place.number) + "~" + place.mac + "~" +
         (reader.checks() ? "1" : "0");
}

bool parse_number(std::string_view text, std::uint64_t& out) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), out);
  return wrong == std::errc() && end == text.data() + text.size() && !text.empty();
}

std::optional<std::pair<Place, bool>> read_cursor(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('~', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  Place place;
  if (parts.size() != 5 || !is_file_name(parts[0]) || parts[3].size() != no_mac.size() ||
      (parts[4] != "0" && parts[4] != "1") || !parse_number(parts[1], place.end) ||
      !parse_number(parts[2], place.number))
    return std::nullopt;
  place.file = parts[0];
  place.mac = parts[3];
  return std::pair(std::move(place), parts[4] == "1");
}

// When the first line of a file was written; nothing when it does not say.
std::optional<WallTime> time_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string line;
  if (!std::getline(in, line) || !std::getline(in, line)) return std::nullopt;
  const auto json = JsonDocument::parse(line);
  return json ? parse_rfc3339(json->root().text("time")) : std::nullopt;
}

}  // namespace

// The next piece of what there is.
void Files::look_on(std::unique_lock<std::mutex>& lock) {
  if (std::exchange(look_wanted_, false)) {
    look_.reset();
    look_at_ = clock_.steady();
  }
  if (clock_.steady() < look_at_) return;
  std::size_t bytes = waiting_.empty() ? look_bytes : look_bytes_beside;
  lock.unlock();
  if (!look_) {
    std::lock_guard file_lock(file_mutex_);
    Bounds bounds = kept_;
    bounds.last = synced_;
    bounds.final = false;
    look_until_ = synced_.number;
    look_.emplace(options_.directory, key_, std::move(bounds), Place{});
  }
  std::optional<std::string> line;
  while (bytes > 0 && look_->checks() && look_->place().number < look_until_ && (line = look_->next()))
    bytes -= std::min(bytes, line->size() + 1);
  const bool goes_on = bytes == 0 && look_->checks();
  std::string trouble = look_->trouble();
  const bool could_not_read = look_->could_not_read();
  if (!goes_on && trouble.empty()) trouble = added();
  lock.lock();
  look_at_ = clock_.steady() + looks_every;
  if (goes_on) return;
  unreadable_ = could_not_read ? trouble : std::string();
  if (could_not_read) {
    look_.reset();
    look_at_ = clock_.steady() + looks_again_when_it_could_not;
    return;
  }
  const std::string was = std::exchange(damage_, trouble);
  if (!damage_.empty() && was.empty()) found("audit-damaged", damage_);
  if (damage_.empty() && !was.empty()) log::info("audit-whole-again", {{"was", was}});
  look_.reset();
  looked_through_ = true;
  look_at_ += damage_.empty() ? looks_again_after : looks_again_after_damage;
}

// A file behind the one that is written to, which is nobody's of ours.
std::string Files::added() const {
  std::lock_guard lock(file_mutex_);
  const auto names = files_in(options_.directory);
  if (!names || names->empty() || names->back() == place_.file || names->back() <= file_name(place_.number)) return {};
  return names->back() + " was added: nothing was ever written there";
}

Condition Files::condition() const {
  Condition condition;
  {
    std::lock_guard lock(mutex_);
    condition = {.problem = failure_, .unreadable = unreadable_, .damage = damage_, .looked_through = looked_through_};
  }
  if (condition.problem.empty()) condition.problem = obstacle(options_.directory);
  return condition;
}

Result<Page> Files::read(std::string after, std::size_t at_most, std::optional<WallTime> since) {
  // While nobody writes: the end is where the last line ends.
  std::lock_guard lock(file_mutex_);
  Bounds bounds = kept_;
  bounds.last = place_;
  bounds.final = true;
  Place from;
  bool checks = true;
  if (!after.empty()) {
    auto cursor = read_cursor(after);
    if (!cursor) return fail(Fault::invalid, "`after` must be the `next` of an earlier page");
    std::tie(from, checks) = std::move(*cursor);
  } else if (since) {
    const auto names = files_in(options_.directory, kept_.before_first).value_or(std::vector<std::string>());
    for (std::size_t i = names.size(); i-- > 1;) {
      const auto time = time_of(options_.directory + "/" + names[i]);
      if (!time || *time > *since) continue;
      // What stands before is not asked for: the file's own head says what it follows.
      std::ifstream in(options_.directory + "/" + names[i], std::ios::binary);
      std::string text;
      const auto head = std::getline(in, text) ? read_head(key_, text) : std::nullopt;
      if (!head) break;
      from = {.file = names[i], .end = text.size() + 1, .number = head->first - 1, .mac = head->before};
      break;
    }
  }
  Reader reader(options_.directory, key_, std::move(bounds), std::move(from), checks);
  Page page;
  page.left_behind = kept_.before_first;
  const auto ends = [&] {
    page.trouble = reader.trouble();
    page.number = reader.place().number;
    if (page.trouble.empty() || reader.could_not_read()) return;
    // Whoever asks how it is hears of it from now on.
    std::lock_guard queue_lock(mutex_);
    look_wanted_ = true;
    if (damage_.empty()) found("audit-damaged", page.trouble);
  };
  std::size_t bytes = 0;
  while (page.lines.size() < at_most && bytes < page_bytes) {
    auto text = reader.next();
    if (!text) {
      ends();
      return page;
    }
    bytes += text->size();
    page.lines.push_back(std::move(*text));
    if (reader.checks()) ++page.checked;
  }
  ends();
  page.next = shown(reader);
  return page;
}

}  // namespace globogym::audit
