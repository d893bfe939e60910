// Who did what: a line for every change by hand, and for everybody who has read what is personal.
//
// A handler tells what it is doing in a Deed, next to its answer; whoever called it makes an Entry of that, with who
// asked and how it ended, and gives it to the Trail. A line holds ids, counts and stable words. It never holds what a
// person is called: an id goes into a deed only once something was found under it, because what was typed in the place
// of one may be anything, an address too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/result.h"

namespace globogym::audit {

using async::Task;

// What a request does, as far as its handler has come. Without an event it is nothing that is audited.
struct Deed {
  std::string event;                   // what it is called once it is done: "member-shown"
  std::vector<std::string> targets;    // ids of what was found, changed or shown
  std::string filter;                  // instead of ids: "queue=welcome-mail", of known words
  std::optional<std::uint64_t> count;  // how many it was about, where that is not the number of targets
  std::string reason;                  // as the caller gave it: see parse_reason()
  // The trail begins anew with the line of this, once it is done: what stands before is put aside and not looked at any
  // more. For whoever has looked into what was found damaged.
  bool begins_trail = false;
};

struct Who {
  std::string by;                    // "control-socket", "command", "loopback", or the id of a key
  std::optional<std::uint32_t> uid;  // of the process that asked, where it was on this machine
  bool session = false;              // a browser that is signed in with the key
};

// Who it was, in one word: the key's id, "uid:1000", or the door.
std::string name(const Who& who);

// One line to be written.
struct Entry {
  Who who;
  Deed deed;
  unsigned status = 0;  // of the answer; 0: it begins
  std::string request_id;
  std::uint64_t begun = 0;  // the number of the line that told of its beginning; 0: none did
};

// The event of a line that tells of a change before it is made: when nothing else follows with its number in `begun`,
// the process ended meanwhile, and whether the change was made is not known.
inline constexpr std::string_view begun = "begun";
// The event of what was refused, or did not work; what it would have been is in `asked`.
inline constexpr std::string_view refused = "refused";

// A stretch of the trail.
struct Page {
  std::vector<std::string> lines;  // as they stand there
  std::string next;                // asks for what follows; empty: nothing does
  std::string trouble;             // a sentence that names the first line that is not as it was written; empty: none
  std::size_t checked = 0;         // so many of `lines`, the first ones, are as they were written
  std::uint64_t number = 0;        // of the last line that checked
  std::uint64_t left_behind = 0;   // of the last line before it was begun anew; 0: it never was
};

// How a trail is, for whoever looks after it.
struct Condition {
  std::string problem;          // why no line can be written, in a sentence; empty: one can, as far as is known
  std::string unreadable;       // why what stands there could not be looked at the last time; empty: it could
  std::string damage;           // the first thing found that is not as it was written; empty: nothing so far
  bool looked_through = false;  // all that was there when it was opened has been looked at
};

// What lines look like and how they vouch for each other: audit/line.h.
class Trail {
 public:
  virtual ~Trail() = default;
  // The line's number, once it is written: a change is not made, and nothing personal is told, without. The line of a
  // change, of its beginning and of its end, is on stable storage then; that of a reading within a second, and it
  // outlives the process. Of an entry that tells how a change ended (`begun` set) the line is kept and tried again.
  //   unavailable  it could not be written; the message says why
  virtual Task<Result<std::uint64_t>> write(Entry entry) = 0;
  // Waits for nothing; the line is written within a quarter of a second, and on stable storage a second after that.
  // Thread-safe.
  //   unavailable  lines cannot be written now, or too many wait
  virtual Result<void> note(Entry entry) = 0;
  // The lines from the beginning, or from the file that holds `since`; with the `next` of an earlier page, from there.
  // At most `at_most` lines and half a MiB. What does not check is shown all the same, and said in `trouble`.
  //   invalid      `after` is no `next` of ours
  //   unavailable  the trail cannot be read
  virtual Result<Page> read(std::string after, std::size_t at_most, std::optional<WallTime> since) = 0;
  // Thread-safe; waits for nothing.
  virtual Condition condition() const = 0;
};

// The words a caller gives for what they do: at most 200 bytes of text without control characters. It goes into the
// audit trail, which is kept after a person is erased: an address is not taken.
//   invalid  a sentence that says what can be given
Result<std::string> parse_reason(std::string_view text);

// `text` when it is a stable word (a-z, 0-9, '-' and '.', at most 64); otherwise "?", because then it may be anything.
std::string_view word(std::string_view text);

}  // namespace globogym::audit
