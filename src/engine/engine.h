// The engine: it remembers documents, keeps messages, and changes both in one commit.
//
// The only thing in this product that makes anything durable. What a commit() that returned success contains survives a
// crash at any line of this program and the loss of power. A message is handed out until somebody settles it: it may be
// delivered twice, never lost. Order between messages is not promised.
//
// Every call may be made from any event loop and resumes on the loop that made it (Loop::current() must not be null).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/result.h"

namespace globogym::engine {

using async::Task;

// ---- documents ------------------------------------------------------------------------------------------------------

// An id is unique within its container and partition. Each part is 1–255 bytes and holds no NUL.
struct DocumentKey {
  std::string container;
  std::string partition;
  std::string id;
  bool operator==(const DocumentKey&) const = default;
};

// Grows with every change of the document; what HTTP calls an entity tag. 0 is no version: the document is absent.
using Version = std::uint64_t;

struct Document {
  DocumentKey key;
  std::string body;  // JSON, at most 1 MiB
  Version version = 0;
};

// What must be true of a document for a commit to be allowed to change it.
struct Expect {
  enum class Kind { anything, absent, exactly, fresh };
  Kind kind = Kind::anything;
  Version version = 0;

  static Expect anything() { return {}; }
  static Expect absent() { return {Kind::absent, 0}; }
  // A version that was told of this very document: an engine that has seen nobody change it since need not look.
  static Expect exactly(Version version) { return {Kind::exactly, version}; }
  // Its id has just been drawn, so that there can be none: an engine need not look.
  static Expect fresh() { return {Kind::fresh, 0}; }
};

struct Put {
  DocumentKey key;
  std::string body;
  Expect expect;
};

struct Erase {
  DocumentKey key;
  Expect expect;
};

// ---- messages -------------------------------------------------------------------------------------------------------

struct Message {
  std::string queue;        // 1–64 bytes of [a-z0-9-]
  std::string id;           // unique in its queue while it is kept there; a duplicate is refused silently; 1–255 bytes
  std::string body;         // at most 1 MiB
  std::string traceparent;  // W3C trace context, or empty
  Duration delay{};         // not handed out before so much time has passed; at most ten years; 0: at once
  // It takes the place of the message of this id that waits or is dead, if there is one: attempts and age begin anew.
  // Of a message that is leased: conflict. In a commit that settles nothing.
  bool replaces = false;
  // No message of this id can be in the queue: the id has just been drawn, at random, for this one commit. The engine
  // then does not look for one. It is for the caller to be sure: of two messages with one id, one is lost. Means
  // nothing in one that replaces.
  bool fresh = false;
};

// One attempt that did not succeed.
struct Attempt {
  int number = 0;  // 1 is the first
  WallTime at{};
  std::string error;
};

// Proof of holding a message. It ends when the message is settled or the lease's time is over, whichever is first.
struct Lease {
  std::string queue;
  std::string message_id;
  std::uint64_t token = 0;  // which hand-out; a later hand-out makes an earlier token worthless
};

struct Delivery {
  Lease lease;
  Message message;
  int attempt = 1;               // this one; counted durably before it is handed out
  WallTime enqueued_at{};        // by the wall clock as it stands now
  Duration age{};                // since then, by no clock that is set
  std::vector<Attempt> history;  // the attempts before this one that reported why they failed; the last 16
  // Of the commit that put it into its queue: what every document of that commit carries until it is changed. 0: not
  // known, because the message was brought back from the dead letters since, or an older build put it there.
  Version version = 0;
};

// The message is done and goes away.
struct Complete {};
// The message is handed out again, not before `delay` has passed. With an `error` the attempt is kept in its history;
// without `count_attempt` it is as if this hand-out had never been. A delay is a length of time, so that it lasts as
// long whatever the wall clock is set to.
struct GiveBack {
  Duration delay{};
  std::string error;
  bool count_attempt = true;
};
// The message goes to the dead letters of its queue, with everything known about it.
struct DeadLetter {
  std::string reason;
  std::string error;
};

struct Settle {
  Lease lease;
  std::variant<Complete, GiveBack, DeadLetter> how;
};

// A kept message, by the id it has in its queue.
struct MessageName {
  std::string queue;
  std::string message_id;
};

// A named counter changed by a commit, so that totals are exact and cost nothing to read.
struct Tally {
  std::string counter;  // 1–64 bytes of [a-z0-9-.]
  std::int64_t delta = 0;
};

// ---- the commit -----------------------------------------------------------------------------------------------------

struct Commit {
  std::vector<Put> documents;
  std::vector<Erase> erased;
  std::vector<Message> messages;
  std::vector<Settle> settled;
  std::vector<MessageName> revived;    // dead letters that become ready again, their attempts starting anew
  std::vector<MessageName> discarded;  // dead letters a person has decided to drop
  // A delayed message that becomes due at once, ahead of what waits; one that is due or leased already stays as it is.
  // One at most, in a commit that settles nothing.
  std::vector<MessageName> hastened;
  std::vector<Tally> tallies;
};

struct Committed {
  Version version = 0;  // what every document of the commit now carries
};

// ---- questions ------------------------------------------------------------------------------------------------------

struct Receive {
  std::string queue;
  Duration lease_for{};
  std::size_t at_most = 1;
  Duration wait_for{};  // how long to wait for the first message; 0: not at all
  // The queue these messages go on to. While more waits there than can be handed out without being read back, none of
  // these are handed out: what is further along goes first. Empty: they are, whatever waits elsewhere. An engine that
  // keeps no such account takes no notice.
  std::string goes_on_to = {};
};

struct QueueStats {
  std::string name;
  std::uint64_t ready = 0;
  std::uint64_t leased = 0;
  std::uint64_t delayed = 0;
  std::uint64_t dead_lettered = 0;
  // When the oldest message that is not dead was enqueued, by the wall clock as it stands now. While more wait than
  // memory holds it may be one that has gone meanwhile, or not quite the oldest when ids do not begin with the time.
  std::optional<WallTime> oldest;
  // When the first of the delayed ones is due, by the wall clock as it stands now; nothing: none is delayed, or it has
  // not been read yet.
  std::optional<WallTime> next_due;
  // How many messages a second came (revived ones too) and went (done, or dead) of late: over half a minute or so.
  double coming = 0;
  double going = 0;
};

enum class MessageState { ready, leased, delayed, dead_lettered };

// A kept message as it stands, for people and for status pages.
struct KeptMessage {
  Message message;
  MessageState state = MessageState::ready;
  int attempts = 0;  // hand-outs so far
  WallTime enqueued_at{};
  std::optional<WallTime> due;  // delayed only: by the wall clock as it stands now
  std::vector<Attempt> history;
  std::string dead_reason;          // dead letters only
  std::optional<WallTime> dead_at;  // dead letters only
};

struct MessageQuery {
  // Waiting is what is not dead, leased ones included. Of a queue come those that have been delayed first, by when they
  // are due, and then the others in the order of their ids.
  enum class Which { dead, waiting };
  Which which = Which::dead;
  std::string queue;  // empty: every queue
  std::string after;  // `cursor` of the page before; empty: from the start
  std::size_t limit = 100;
};

// What has moved between two pages may be on both, or on neither.
struct MessagePage {
  std::vector<KeptMessage> messages;  // may be fewer than asked for, or none, although there are more
  std::string cursor;                 // empty: no more
};

struct Scan {
  std::string container;
  std::string after;  // `cursor` of the page before; empty: from the start
  std::size_t limit = 100;
  std::string prefix = {};  // only ids that begin so
};

struct ScanPage {
  std::vector<Document> documents;
  std::string cursor;  // empty: no more
};

// Whether a new promise could be kept now.
struct Health {
  bool can_commit = true;
  bool below_reserve = false;    // new work is to be refused; work already accepted goes on
  std::uint64_t free_bytes = 0;  // on the engine's disk; 0 when it has none
  std::string problem;           // a sentence, when something is wrong
};

class Engine {
 public:
  virtual ~Engine() = default;

  // All or nothing, and on stable storage when it returns success.
  //   conflict     a document is not as expected; nothing was changed
  //   lease_lost   a lease in `settled` is over; nothing was changed
  //   not_found    a dead letter in `revived` or `discarded`, or what is `hastened`, is not there; nothing was changed
  //   unavailable  the disk refused; whether the commit survives is unknown until the engine has recovered by itself
  //   invalid      a bound of this header was not kept
  virtual Task<Result<Committed>> commit(Commit commit) = 0;

  // Leases up to `at_most` ready messages; an empty answer when there were none in `wait_for`. cancelled after
  // close_receivers().
  virtual Task<Result<std::vector<Delivery>>> receive(Receive receive) = 0;

  virtual Task<Result<std::optional<Document>>> get(DocumentKey key) = 0;
  virtual Task<Result<ScanPage>> scan(Scan scan) = 0;
  virtual Task<Result<std::optional<KeptMessage>>> find_message(std::string queue, std::string id) = 0;
  virtual Task<Result<MessagePage>> messages(MessageQuery query) = 0;
  virtual Task<Result<std::vector<QueueStats>>> queues() = 0;
  virtual Task<Result<std::map<std::string, std::int64_t>>> tallies() = 0;

  // Makes `directory`, which must not be there but whose parent must: a copy of all that was committed before the call,
  // which opens like the engine's own. What never changes is shared with it by hard links, where both are on one disk.
  //   invalid      this engine has no files
  //   unavailable  the disk refused, or another copy is being made; the directory is not there
  virtual Task<Result<void>> copy_into(std::string /*directory*/) {
    co_return fail(Fault::invalid, "this engine keeps nothing on a disk");
  }

  // Cheap; safe from any thread; a few hundred milliseconds old at most.
  virtual Health health() const = 0;

  // Ends every receive() now and from now on with Fault::cancelled: the first step of a shut-down. Thread-safe.
  virtual void close_receivers() = 0;
};

}  // namespace globogym::engine
