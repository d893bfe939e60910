// Reads the files of a trail, line by line, and says where it stops being as it was written.
//
// After the first line that does not check the rest is read all the same, unchecked: whoever looks into what happened
// wants to see it.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/line.h"
#include "base/digest.h"

namespace globogym::audit {

// Behind a line, or where nothing has been read yet.
struct Place {
  std::string file;       // its name; empty: before the first
  std::uint64_t end = 0;  // bytes of the file up to here
  std::uint64_t number = 0;
  std::string mac{no_mac};
};

// What is known from elsewhere about where a trail begins and ends.
struct Bounds {
  std::uint64_t before_first = 0;  // the number of the last line before it was begun anew; 0: it never was
  std::string mac_before_first{no_mac};
  Place last;          // a line that was written; there may be more
  bool final = false;  // there may not
};

std::string file_name(std::uint64_t first_number);
bool is_file_name(std::string_view name);
// The names of the files of a trail that begin behind line number `after`, in order; none where there is no directory.
// unavailable: it cannot be read; why
Result<std::vector<std::string>> files_in(const std::string& directory, std::uint64_t after = 0);

class Reader {
 public:
  // `key` outlives it. `checks`: whether all before `from` did.
  Reader(std::string directory, const Hmac& key, Bounds bounds, Place from, bool checks = true);

  // The next line, without its line feed; nothing at the end.
  std::optional<std::string> next();

  // Behind the last line that next() gave; its number and mac are those of the last one that checked.
  const Place& place() const { return place_; }
  bool checks() const { return checks_; }
  // The first line that is not as it was written, in a sentence; empty: none so far, or before `from`.
  const std::string& trouble() const { return trouble_; }
  // The trouble is that something could not be read now, which says nothing of what stands there.
  bool could_not_read() const { return could_not_read_; }
  // Bytes after the last line feed of the last file: what a process that was ended while it wrote leaves. Once next()
  // has given nothing.
  std::uint64_t unfinished() const { return unfinished_; }

 private:
  bool open_next();
  void began(const std::string& head);
  void wrong(std::string what);
  void not_read(const std::string& file, int why);
  void check(const std::string& line);
  void at_end();

  const std::string directory_;
  const Hmac& key_;
  const Bounds bounds_;
  Place place_;
  bool checks_;
  std::string trouble_;
  bool could_not_read_ = false;
  std::uint64_t unfinished_ = 0;
  std::vector<std::string> files_;
  std::size_t next_file_ = 0;
  std::ifstream in_;
  std::uint64_t lines_ = 0;  // of this file so far, when they were counted from its beginning
  bool counted_ = false;
  bool ended_ = false;
};

}  // namespace globogym::audit
