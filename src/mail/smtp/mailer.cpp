#include "mail/smtp/mailer.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <list>
#include <optional>

#include "async/loop.h"
#include "mail/send_metrics.h"
#include "mail/smtp/letter_check.h"
#include "telemetry/log.h"

namespace globogym::mail::smtp {
namespace {

using async::Loop;

// A letter and the send() that waits for it, in whose frame this lives until it is answered.
struct Waiting {
  enum class Place { nowhere, queue, envelope, content, answered };

  CheckedLetter letter;
  Place place = Place::nowhere;
  bool given_back = false;      // has been on a connection that ended
  Waiting** held_at = nullptr;  // the connection's pointer to this, while it has one
  std::coroutine_handle<> sender = {};
  std::optional<Result<Receipt>> answer = {};
  Loop::TimerId grace = 0;
};

struct Connection {
  Connection(async::Connector& connector, const Options& options)
      : session(connector, options.url, options.limits, options.client_name) {}

  Session session;
  bool open = false;
  bool proven = false;         // it has taken a letter
  bool needs_reset = false;    // the server still remembers half a transaction
  Waiting* current = nullptr;  // null once its sender has left, too
  Waiting* next = nullptr;     // its envelope has been sent along with the content of `current`
  std::string out;             // what is being written
  Reply reply;                 // the last one read
  bool quitting = false;
  // Asleep until there is work.
  std::coroutine_handle<> sleeper = {};
  Loop::TimerId alarm = 0;
};

// What became of an envelope: the content may follow; the letter is over (answered) and the connection is not; the
// connection is over.
enum class Envelope { accepted, over, broken };

class Mailer final : public mail::Mailer {
 public:
  Mailer(Options options, async::Connector& connector, telemetry::Metrics& metrics)
      : options_(std::move(options)),
        connector_(connector),
        metrics_(metrics),
        open_connections_(
            metrics.gauge("globogym_smtp_connections", "Connections to the mail server, opening or open.")) {
    ASSERT(options_.most_connections > 0);
  }
  ~Mailer() override { ASSERT(connections_.empty() && queue_.empty()); }

  Task<Result<Receipt>> send(Letter letter, std::stop_token stop) override;
  Task<void> close() override;
  std::size_t most_at_once() const override { return options_.most_connections; }
  Duration longest_send() const override { return options_.limits.whole_letter(); }

 private:
  struct Queued;
  struct Asleep;

  // Towards senders.
  void enqueue(Waiting& waiting);
  void answer(Waiting& waiting, Result<Receipt> outcome);
  void stopped(Waiting& waiting);

  // Towards the server.
  void call_for_service();
  Task<void> run(std::list<Connection>::iterator connection);
  Task<void> serve(Connection& c);
  Task<Waiting*> next_letter(Connection& c);
  Task<Envelope> say_envelope(Connection& c);
  Task<Envelope> hear_envelope(Connection& c);
  Task<Envelope> converse_envelope(Connection& c);
  Task<Result<void>> reset(Connection& c);
  Task<bool> hand_over(Connection& c, bool& another_follows);
  Task<void> hear_last_words(Connection& c, Error error, bool another_follows);
  Waiting* take(Connection& c);
  static void hold(Waiting*& at, Waiting* waiting);
  void refuse(Connection& c, Stage stage);
  bool conclude(Connection& c);
  void lost(Connection& c, const Error& error);
  void not_handed_over(const Connection& c, Waiting& waiting, const Error& error);
  void could_not_open(const Error& error);
  void wake(Connection& c);

  Options options_;
  async::Connector& connector_;
  SendMetrics metrics_;
  telemetry::Gauge& open_connections_;
  std::deque<Waiting*> queue_;
  std::list<Connection> connections_;
  std::vector<Connection*> asleep_;
  SteadyTime no_opening_before_{};
  std::size_t sending_ = 0;
  bool closing_ = false;
  async::Scope scope_;
};

// ---- Senders

struct Mailer::Queued {
  Mailer& mailer;
  Waiting& waiting;
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    waiting.sender = caller;
    mailer.enqueue(waiting);
  }
  void await_resume() {}
};

Task<Result<Receipt>> Mailer::send(Letter letter, std::stop_token stop) {
  const Clock& clock = Loop::current()->clock();
  const SteadyTime started = clock.steady();
  ++sending_;
  Result<Receipt> outcome;
  auto checked = check(std::move(letter));
  if (!checked) {
    outcome = std::unexpected(std::move(checked.error()));
  } else if (closing_ || stop.stop_requested()) {
    outcome = fail(Fault::cancelled, "the send was called off before it began");
  } else if (queue_.size() >= options_.most_waiting) {
    outcome =
        fail(Fault::unavailable, std::to_string(queue_.size()) + " letters are waiting for the mail server already");
  } else {
    Waiting waiting{.letter = std::move(*checked)};
    auto on_stop = [this, &waiting] { stopped(waiting); };
    std::optional<std::stop_callback<decltype(on_stop)>> listener;
    if (stop.stop_possible()) listener.emplace(stop, on_stop);
    Queued queued{*this, waiting};
    co_await queued;
    listener.reset();
    if (waiting.grace != 0) Loop::current()->cancel(waiting.grace);
    outcome = std::move(*waiting.answer);
  }
  metrics_.count(outcome, clock.steady() - started);
  --sending_;
  co_return outcome;
}

void Mailer::enqueue(Waiting& waiting) {
  waiting.place = Waiting::Place::queue;
  queue_.push_back(&waiting);
  call_for_service();
}

// The sender goes on in its own turn, never inside ours.
void Mailer::answer(Waiting& waiting, Result<Receipt> outcome) {
  ASSERT(waiting.place != Waiting::Place::answered);
  if (waiting.held_at != nullptr) *std::exchange(waiting.held_at, nullptr) = nullptr;
  waiting.place = Waiting::Place::answered;
  waiting.answer.emplace(std::move(outcome));
  Loop::current()->post([sender = waiting.sender] { sender.resume(); });
}

void Mailer::stopped(Waiting& waiting) {
  switch (waiting.place) {
    case Waiting::Place::queue:
      std::erase(queue_, &waiting);
      [[fallthrough]];
    case Waiting::Place::envelope:
      answer(waiting, fail(Fault::cancelled, "the send was called off before the content was sent"));
      return;
    case Waiting::Place::content:
      if (waiting.grace != 0) return;
      waiting.grace = Loop::current()->at(Loop::current()->clock().steady() + options_.stop_grace, [this, &waiting] {
        waiting.grace = 0;
        if (waiting.place == Waiting::Place::content)
          answer(waiting,
                 fail(Fault::unknown_outcome, "the send was called off while the mail server had not answered yet"));
      });
      return;
    case Waiting::Place::nowhere:
    case Waiting::Place::answered:
      return;
  }
}

Task<void> Mailer::close() {
  closing_ = true;
  auto waiting = std::exchange(queue_, {});
  for (Waiting* one : waiting) answer(*one, fail(Fault::cancelled, "the mailer is closing"));
  // Those at work too, even when the sender of what they wait for has left: the server may be silent for long.
  for (Connection& c : connections_)
    if (!c.sleeper && !c.quitting) c.session.close();
  while (!asleep_.empty()) wake(*asleep_.back());  // these find `closing_` and say QUIT
  co_await scope_.join();
  // What has been answered has yet to leave send(), and what has been posted to run.
  do {
    co_await async::yield_to_loop();
  } while (sending_ > 0);
}

// ---- Connections

void Mailer::call_for_service() {
  if (queue_.empty() || closing_) return;
  if (!asleep_.empty()) {
    wake(*asleep_.back());
    return;
  }
  // Connections being opened will each take a letter: more are needed only for more letters.
  while (connections_.size() < options_.most_connections &&
         static_cast<std::size_t>(std::ranges::count(connections_, false, &Connection::open)) < queue_.size()) {
    if (!connections_.empty() && Loop::current()->clock().steady() < no_opening_before_) return;
    connections_.emplace_back(connector_, options_);
    open_connections_.set(static_cast<double>(connections_.size()));
    scope_.start(run(std::prev(connections_.end())));
  }
}

Task<void> Mailer::run(std::list<Connection>::iterator connection) {
  Connection& c = *connection;
  auto opened = co_await c.session.open();
  if (opened) {
    c.open = true;
    co_await serve(c);
  }
  c.session.close();
  ASSERT(c.current == nullptr && c.next == nullptr);
  connections_.erase(connection);
  open_connections_.set(static_cast<double>(connections_.size()));
  if (!opened) could_not_open(opened.error());
  // In a turn of its own: a server that answers at once must not make us recurse.
  if (!queue_.empty()) Loop::current()->post([this] { call_for_service(); });
}

void Mailer::could_not_open(const Error& error) {
  if (closing_) return;
  log::warning("smtp-connection-failed",
               {{"host", options_.url.host}, {"port", options_.url.port}, {"reason", error.message}});
  no_opening_before_ = Loop::current()->clock().steady() + options_.reopen_pause;
  if (!connections_.empty()) return;  // those that are there serve what waits, or end here themselves
  const Fault fault = error.fault == Fault::timed_out ? Fault::timed_out : Fault::unavailable;
  auto failed = std::exchange(queue_, {});
  for (Waiting* waiting : failed) answer(*waiting, fail(fault, error.message));
}

// Serves letters until the connection breaks, has idled for long enough, or the mailer closes.
Task<void> Mailer::serve(Connection& c) {
  for (;;) {
    Waiting* waiting = co_await next_letter(c);
    if (waiting == nullptr) {
      c.quitting = true;
      co_await c.session.quit();
      co_return;
    }
    hold(c.current, waiting);
    Envelope envelope = co_await say_envelope(c);
    // A run: each turn hands over one letter, and the envelope of the one behind it with it.
    while (envelope == Envelope::accepted) {
      bool another_follows = false;
      const bool alive = co_await hand_over(c, another_follows);
      if (!alive) co_return;
      if (!another_follows) break;
      hold(c.current, std::exchange(c.next, nullptr));
      envelope = co_await hear_envelope(c);
    }
    if (envelope == Envelope::broken) co_return;
  }
}

struct Mailer::Asleep {
  Mailer& mailer;
  Connection& c;
  bool work = true;
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    c.sleeper = caller;
    mailer.asleep_.push_back(&c);
    Loop& loop = *Loop::current();
    c.alarm = loop.at(loop.clock().steady() + mailer.options_.idle, [this] {
      work = false;
      std::erase(mailer.asleep_, &c);
      std::exchange(c.sleeper, nullptr).resume();
    });
  }
  bool await_resume() { return work; }
};

void Mailer::wake(Connection& c) {
  ASSERT(c.sleeper);
  std::erase(asleep_, &c);
  Loop::current()->cancel(c.alarm);
  Loop::current()->post([sleeper = std::exchange(c.sleeper, nullptr)] { sleeper.resume(); });
}

// Null when it is time to leave.
Task<Waiting*> Mailer::next_letter(Connection& c) {
  while (!closing_) {
    if (Waiting* waiting = take(c)) co_return waiting;
    Asleep asleep{*this, c};
    const bool work = co_await asleep;
    if (!work) break;
  }
  co_return nullptr;
}

// The next letter this connection can carry; those it cannot are answered.
Waiting* Mailer::take(Connection& c) {
  const Abilities& can = c.session.abilities();
  while (!queue_.empty()) {
    Waiting* waiting = queue_.front();
    queue_.pop_front();
    const CheckedLetter& letter = waiting->letter;
    if (can.most_bytes > 0 && letter.content.size() > can.most_bytes) {
      answer(*waiting,
             fail(Fault::refused, "the letter has " + std::to_string(letter.content.size()) +
                                      " bytes; the mail server takes at most " + std::to_string(can.most_bytes)));
    } else if (letter.needs_smtputf8 && !can.smtputf8) {
      answer(*waiting, fail(Fault::refused, "the address is not ASCII, and the mail server does not offer SMTPUTF8"));
    } else if (letter.eight_bit && !can.eight_bit_mime) {
      answer(*waiting, fail(Fault::refused, "the letter is not 7-bit, and the mail server does not offer 8BITMIME"));
    } else {
      return waiting;
    }
  }
  return nullptr;
}

void Mailer::hold(Waiting*& at, Waiting* waiting) {
  at = waiting;
  if (waiting == nullptr) return;  // its sender has left in the meantime
  waiting->held_at = &at;
  waiting->place = Waiting::Place::envelope;
}

void append_envelope(std::string& out, const CheckedLetter& letter, const Abilities& can) {
  append_mail(out, letter, {.size = can.size, .eight_bit_mime = can.eight_bit_mime});
  append_recipient(out, letter);
  out += "DATA\r\n";
}

// Forgets, at the server, what a refusal has left half done.
Task<Result<void>> Mailer::reset(Connection& c) {
  if (!c.needs_reset) co_return Result<void>{};
  auto answered = co_await c.session.reply(c.reply, options_.limits.command);
  if (!answered) co_return answered;
  if (!c.reply.positive())
    co_return fail(Fault::unavailable, "the mail server refused RSET with " + std::to_string(c.reply.code));
  c.needs_reset = false;
  co_return Result<void>{};
}

Task<Envelope> Mailer::say_envelope(Connection& c) {
  const bool at_once = c.session.abilities().pipelining;
  c.out.clear();
  if (c.needs_reset) c.out += "RSET\r\n";
  if (at_once) append_envelope(c.out, c.current->letter, c.session.abilities());
  Result<void> said;
  if (!c.out.empty()) said = co_await c.session.write(c.out, options_.limits.command);
  if (said) said = co_await reset(c);
  if (!said) {
    lost(c, said.error());
    co_return Envelope::broken;
  }
  const Envelope envelope = at_once ? co_await hear_envelope(c) : co_await converse_envelope(c);
  co_return envelope;
}

constexpr std::array envelope_stages = {Stage::mail, Stage::recipient, Stage::data};

// What a server may say at a stage: yes, no, or (neither) nothing that belongs there.
bool says_yes(Stage stage, const Reply& reply) {
  return stage == Stage::data ? reply.code == 354 : reply.positive();
}
bool says_no(const Reply& reply) {
  return reply.code >= 400 && reply.code != 421;
}
// An answer after which the connection is over. Its words are repeated only when we know whom they may be about.
Error not_usable(const Connection& c, Stage stage) {
  Error error{Fault::unavailable, "the mail server answered " + std::to_string(c.reply.code)};
  if (c.current == nullptr) return error;
  error.message = judge(stage, c.reply, c.current->letter.recipient).message;
  if (c.next != nullptr) error.message = presentable(error.message, c.next->letter.recipient);
  return error;
}

// Command by command, for a server without PIPELINING.
Task<Envelope> Mailer::converse_envelope(Connection& c) {
  for (Stage stage : envelope_stages) {
    if (c.current == nullptr) {  // its sender has left
      c.needs_reset = true;
      co_return Envelope::over;
    }
    c.out.clear();
    if (stage == Stage::mail) {
      const Abilities& can = c.session.abilities();
      append_mail(c.out, c.current->letter, {.size = can.size, .eight_bit_mime = can.eight_bit_mime});
    } else if (stage == Stage::recipient) {
      append_recipient(c.out, c.current->letter);
    } else {
      c.out += "DATA\r\n";
    }
    auto said = co_await c.session.write(c.out, options_.limits.command);
    if (said) said = co_await c.session.reply(c.reply, options_.limits.command);
    if (!said) {
      lost(c, said.error());
      co_return Envelope::broken;
    }
    if (says_yes(stage, c.reply)) continue;
    if (!says_no(c.reply)) {
      lost(c, not_usable(c, stage));
      co_return Envelope::broken;
    }
    refuse(c, stage);
    c.needs_reset = true;
    co_return Envelope::over;
  }
  co_return Envelope::accepted;
}

// The three answers to an envelope that went out at once.
Task<Envelope> Mailer::hear_envelope(Connection& c) {
  bool refused = false;
  for (Stage stage : envelope_stages) {
    if (c.session.reply_at_hand(c.reply) != ReplyReader::Found::reply) {
      auto heard = co_await c.session.reply(c.reply, options_.limits.command);
      if (!heard) {
        lost(c, heard.error());
        co_return Envelope::broken;
      }
    }
    if (says_yes(stage, c.reply)) continue;
    if (!says_no(c.reply)) {
      lost(c, not_usable(c, stage));
      co_return Envelope::broken;
    }
    if (!refused) refuse(c, stage);
    refused = true;
  }
  if (!refused) co_return Envelope::accepted;
  if (c.reply.code != 354) {
    c.needs_reset = true;
    co_return Envelope::over;
  }
  // The server wants content for nobody: it gets none, and says what it thinks of that (RFC 2920 section 3.1).
  auto ended = co_await c.session.write(".\r\n", options_.limits.content);
  if (ended) ended = co_await c.session.reply(c.reply, options_.limits.accepted);
  if (!ended || c.reply.code == 421) co_return Envelope::broken;
  co_return Envelope::over;
}

// The server's no to the letter at hand; its sender may have left.
void Mailer::refuse(Connection& c, Stage stage) {
  if (c.current == nullptr) return;
  answer(*c.current, std::unexpected(judge(stage, c.reply, c.current->letter.recipient)));
}

// Sends the content of the current letter, with the next one's envelope behind it when the server allows and one is
// waiting, and hears the answer. False when the connection is over.
Task<bool> Mailer::hand_over(Connection& c, bool& another_follows) {
  // Its sender left after the server had agreed to take the content: any end of it would be a letter, so there is none.
  if (c.current == nullptr) co_return false;
  c.out.clear();
  append_content(c.out, c.current->letter);
  const bool may_follow = c.session.abilities().pipelining && !closing_;
  if (Waiting* next = may_follow ? take(c) : nullptr) {
    another_follows = true;
    hold(c.next, next);
    append_envelope(c.out, next->letter, c.session.abilities());
  }
  c.current->place = Waiting::Place::content;
  auto sent = co_await c.session.write(c.out, options_.limits.content);
  if (!sent) {
    co_await hear_last_words(c, sent.error(), another_follows);
    co_return false;
  }
  if (c.session.reply_at_hand(c.reply) != ReplyReader::Found::reply) {
    auto heard = co_await c.session.reply(c.reply, options_.limits.accepted);
    if (!heard) {
      lost(c, heard.error());
      co_return false;
    }
  }
  const bool alive = conclude(c);
  co_return alive;
}

// The content, or the envelope behind it, did not go out whole. A server that has had enough of a letter says so and
// hangs up while we still write; what it said is then the answer.
Task<void> Mailer::hear_last_words(Connection& c, Error error, bool another_follows) {
  if (error.fault == Fault::unavailable && !closing_) {
    auto heard = co_await c.session.reply(c.reply, options_.limits.quit);
    if (heard && (says_no(c.reply) || (another_follows && c.reply.positive()))) conclude(c);
  }
  // Without another's envelope behind it, the last bytes are the dot's own: then the letter was never complete.
  if (!another_follows && c.current != nullptr) c.current->place = Waiting::Place::envelope;
  lost(c, error);
}

// The answer to the content. False when the connection is over.
bool Mailer::conclude(Connection& c) {
  if (c.reply.positive()) {
    c.proven = true;
    if (c.current != nullptr) answer(*c.current, Receipt{presentable(c.reply.text, c.current->letter.recipient)});
    return true;
  }
  if (says_no(c.reply)) {
    refuse(c, Stage::content);
    return true;
  }
  // 421 says that the letter was not taken; anything below 400 says nothing that can be understood.
  const Error error = not_usable(c, Stage::content);
  if (c.reply.code == 421) refuse(c, Stage::content);
  lost(c, error);
  return false;
}

// The connection has ended. Every letter on it learns what that means for it.
void Mailer::lost(Connection& c, const Error& error) {
  for (Waiting* waiting : {c.next, c.current}) {
    if (waiting == nullptr) continue;
    if (waiting->place == Waiting::Place::content) {
      answer(*waiting,
             fail(Fault::unknown_outcome,
                  "the content was sent, but whether the mail server took it is not known: " + error.message));
    } else {
      not_handed_over(c, *waiting, error);
    }
  }
}

void Mailer::not_handed_over(const Connection& c, Waiting& waiting, const Error& error) {
  if (closing_) {
    answer(waiting, fail(Fault::cancelled, "the mailer is closing"));
  } else if (error.fault == Fault::timed_out) {
    answer(waiting, fail(Fault::timed_out, error.message));
  } else if (c.proven && !waiting.given_back) {
    *std::exchange(waiting.held_at, nullptr) = nullptr;
    waiting.given_back = true;
    waiting.place = Waiting::Place::queue;
    queue_.push_front(&waiting);
  } else {
    answer(waiting, fail(Fault::unavailable, error.message));
  }
}

// RFC 5321 section 4.1.1.1 wants a host name; a container often has none that would do.
std::string this_machine() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  const std::string found = name.data();
  const bool usable = found.find('.') != std::string::npos && Mailbox::parse("a@" + found).has_value();
  return usable ? found : "localhost";
}

}  // namespace

std::unique_ptr<mail::Mailer> open(Options options, async::Connector& connector, telemetry::Metrics& metrics) {
  const bool usable = Mailbox::parse("a@" + options.client_name).has_value();
  if (!usable) options.client_name = this_machine();
  return std::make_unique<Mailer>(std::move(options), connector, metrics);
}

}  // namespace globogym::mail::smtp
