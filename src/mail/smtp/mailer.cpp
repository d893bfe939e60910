#include "mail/smtp/mailer.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <list>
#include <optional>

#include "async/loop.h"
#include "mail/send_metrics.h"
#include "mail/smtp/handover.h"
#include "mail/smtp/letter_check.h"
#include "telemetry/log.h"

namespace globogym::mail::smtp {
namespace {

using async::Loop;

// A letter is tried on so many connections before its sender hears that it was none of theirs.
constexpr int most_tries = 3;
// A server that has shown life so long ago is still there, though it does not open a connection.
constexpr Duration recently = std::chrono::seconds(10);
// After a failed opening, while others serve; doubles with each further one.
constexpr Duration first_pause = std::chrono::milliseconds(100);
constexpr Duration between_warnings = std::chrono::seconds(10);

struct Connection;

// A letter and the send() that waits for it, in whose frame this lives until it is answered.
struct Waiting {
  enum class Place { nowhere, queue, connection, answered };

  CheckedLetter letter;  // the connection has it while this is on one
  Place place = Place::nowhere;
  SteadyTime since{};
  int tries = 0;                      // connections that ended under it, or could not be opened for it
  std::uint64_t own = 0;              // times the server has agreed to this recipient
  std::uint64_t others_before = 0;    // recipients the server had agreed to when this came
  std::size_t leftovers = 0;          // connections that had done their work when it came to them
  std::optional<Error> not_opened{};  // why the last one could not
  Connection* on = nullptr;
  std::coroutine_handle<> sender = {};
  std::optional<Result<Receipt>> answer = {};
  bool stop_asked = false;
  Loop::TimerId grace = 0;
};

struct Connection {
  Connection(async::Connector& connector, const Options& options, std::uint64_t& recipients_taken)
      : session(connector, options.url, options.limits, options.client_name),
        handover(session, options.limits, recipients_taken) {}

  Session session;
  Handover handover;
  CheckedLetter letter;        // being handed over
  Waiting* current = nullptr;  // who waits for it; null once its sender has left
  bool open = false;
  bool proven = false;  // it has taken a letter
  bool woken = false;   // and has not looked for work yet
  bool quitting = false;
  // Asleep until there is work.
  std::coroutine_handle<> sleeper = {};
  Loop::TimerId alarm = 0;
};

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
  void leave_soon() override;
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
  void begin_grace(Waiting& waiting);
  bool has_time(const Waiting& waiting) const;

  // Towards the server.
  void call_for_service();
  std::size_t opening() const;
  Task<void> run(std::list<Connection>::iterator connection);
  Task<void> serve(Connection& c);
  Task<Waiting*> next_letter(Connection& c);
  Waiting* take(Connection& c);
  void conclude(Connection& c, Handover::Ended ended);
  void not_handed_over(Connection& c, Waiting& waiting, Error error);
  void could_not_open(const Session& session, Error error);
  bool alive(const Waiting& waiting) const;
  void give_up_on_openings();
  void wake(Connection& c);

  // Time.
  void watch(SteadyTime when);
  void look();

  Options options_;
  async::Connector& connector_;
  SendMetrics metrics_;
  telemetry::Gauge& open_connections_;
  std::deque<Waiting*> queue_;
  std::list<Connection> connections_;
  std::vector<Connection*> asleep_;
  std::optional<SteadyTime> life_;      // the last sign of it: a connection opened, a letter judged
  std::uint64_t recipients_taken_ = 0;  // by the server, on all connections
  int failed_openings_ = 0;             // in a row
  SteadyTime no_opening_before_{};
  std::optional<SteadyTime> warned_;
  Loop::TimerId alarm_ = 0;
  SteadyTime alarm_at_{};
  std::size_t sending_ = 0;
  bool leaving_ = false;
  bool closing_ = false;
  async::Scope scope_;
};

SteadyTime now() {
  return Loop::current()->clock().steady();
}

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
  const SteadyTime started = now();
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
  metrics_.count(outcome, now() - started);
  --sending_;
  co_return outcome;
}

void Mailer::enqueue(Waiting& waiting) {
  waiting.place = Waiting::Place::queue;
  waiting.since = now();
  waiting.others_before = recipients_taken_;
  queue_.push_back(&waiting);
  watch(waiting.since + longest_send());
  call_for_service();
}

// The sender goes on in its own turn, never inside ours.
void Mailer::answer(Waiting& waiting, Result<Receipt> outcome) {
  ASSERT(waiting.place != Waiting::Place::answered);
  if (waiting.on != nullptr) std::exchange(waiting.on, nullptr)->current = nullptr;
  waiting.place = Waiting::Place::answered;
  waiting.answer.emplace(std::move(outcome));
  Loop::current()->post([sender = waiting.sender] { sender.resume(); });
}

void Mailer::stopped(Waiting& waiting) {
  if (waiting.place == Waiting::Place::nowhere || waiting.place == Waiting::Place::answered) return;
  if (waiting.on != nullptr && waiting.on->handover.reached() == Handover::Reached::content) {
    // Whoever stops waiting now sends the letter a second time: the answer has its time, whoever asks.
    waiting.stop_asked = true;
    if (leaving_) begin_grace(waiting);
    return;
  }
  if (waiting.on != nullptr) waiting.on->handover.call_off();
  if (waiting.place == Waiting::Place::queue) std::erase(queue_, &waiting);
  answer(waiting, fail(Fault::cancelled, "the send was called off before the content was sent"));
}

void Mailer::leave_soon() {
  leaving_ = true;
  for (Connection& c : connections_)
    if (c.current != nullptr && c.current->stop_asked) begin_grace(*c.current);
}

void Mailer::begin_grace(Waiting& waiting) {
  if (waiting.grace != 0) return;
  waiting.grace = Loop::current()->at(now() + options_.stop_grace, [this, &waiting] {
    waiting.grace = 0;
    if (waiting.place == Waiting::Place::connection)
      answer(waiting, fail(Fault::unknown_outcome, "the process ends while the mail server has not answered yet"));
  });
}

// It may begin another try and end within twice the longest send.
bool Mailer::has_time(const Waiting& waiting) const {
  return now() - waiting.since < longest_send();
}

Task<void> Mailer::close() {
  closing_ = leaving_ = true;
  if (alarm_ != 0) Loop::current()->cancel(std::exchange(alarm_, 0));
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

std::size_t Mailer::opening() const {
  return static_cast<std::size_t>(std::ranges::count(connections_, false, &Connection::open));
}

void Mailer::call_for_service() {
  if (closing_) return;
  // Connections that are being opened or woken will each take a letter: more are needed only for more letters.
  std::size_t coming = opening() + static_cast<std::size_t>(std::ranges::count(connections_, true, &Connection::woken));
  for (; coming < queue_.size(); ++coming) {
    if (!asleep_.empty()) {
      wake(*asleep_.back());
      continue;
    }
    if (connections_.size() >= options_.most_connections) return;
    // A server that refuses some of our connections has enough of them, or trouble: it is asked for one at a time.
    if (failed_openings_ > 0 && !connections_.empty()) {
      if (now() < no_opening_before_) return watch(no_opening_before_);
      if (opening() > 0) return;
    }
    connections_.emplace_back(connector_, options_, recipients_taken_);
    open_connections_.set(static_cast<double>(connections_.size()));
    scope_.start(run(std::prev(connections_.end())));
  }
}

Task<void> Mailer::run(std::list<Connection>::iterator connection) {
  Connection& c = *connection;
  auto opened = co_await c.session.open();
  if (opened) {
    c.open = true;
    life_ = now();
    failed_openings_ = 0;
    co_await serve(c);
  }
  c.session.close();
  ASSERT(c.current == nullptr);
  if (!opened) could_not_open(c.session, std::move(opened.error()));
  connections_.erase(connection);
  open_connections_.set(static_cast<double>(connections_.size()));
  if (!opened) give_up_on_openings();
  // In a turn of its own: a server that answers at once must not make us recurse.
  if (!queue_.empty()) Loop::current()->post([this] { call_for_service(); });
}

// Costs at most the one letter it was opened for, and that one only when nothing speaks for the server: it is tried
// again while others get through.
void Mailer::could_not_open(const Session& session, Error error) {
  if (closing_) return;
  ++failed_openings_;
  no_opening_before_ = now() + std::min(options_.reopen_pause, first_pause * (1 << std::min(failed_openings_ - 1, 10)));
  if (!warned_ || now() - *warned_ >= between_warnings) {
    warned_ = now();
    log::warning("smtp-connection-failed",
                 {{"host", options_.url.host}, {"port", options_.url.port}, {"reason", error.message}});
  }
  // A server that serves us and says no to one more connection has enough of them: the letter waits for those.
  if (session.has_been_heard() && opening() < connections_.size()) return;
  const auto charged = std::ranges::min_element(queue_, {}, &Waiting::tries);
  if (charged == queue_.end()) return;
  ++(*charged)->tries;
  (*charged)->not_opened = {error.fault == Fault::timed_out ? Fault::timed_out : Fault::unavailable,
                            std::move(error.message)};
}

// The server has shown life since the letter came, or not long before.
bool Mailer::alive(const Waiting& waiting) const {
  return life_ && (*life_ > waiting.since || now() - *life_ < recently);
}

// Answers the letters for which no connection could be had and for which none is hoped for any more.
void Mailer::give_up_on_openings() {
  const bool others_try = opening() > 0;
  std::vector<Waiting*> hopeless;
  for (Waiting* waiting : queue_) {
    if (!waiting->not_opened) continue;
    if (waiting->tries >= most_tries || !has_time(*waiting) || !(others_try || alive(*waiting)))
      hopeless.push_back(waiting);
  }
  for (Waiting* waiting : hopeless) {
    std::erase(queue_, waiting);
    answer(*waiting, std::unexpected(*waiting->not_opened));
  }
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
    c.letter = std::move(waiting->letter);
    c.current = waiting;
    waiting->on = &c;
    waiting->place = Waiting::Place::connection;
    auto ended = co_await c.handover.carry(c.letter);
    const bool alive = ended.alive;
    conclude(c, std::move(ended));
    if (!alive || closing_) co_return;
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
    c.alarm = Loop::current()->at(now() + mailer.options_.idle, [this] {
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
  c.woken = true;
  Loop::current()->cancel(c.alarm);
  Loop::current()->post([sleeper = std::exchange(c.sleeper, nullptr)] { sleeper.resume(); });
}

// Null when it is time to leave.
Task<Waiting*> Mailer::next_letter(Connection& c) {
  while (!closing_) {
    if (Waiting* waiting = take(c)) co_return waiting;
    Asleep asleep{*this, c};
    const bool work = co_await asleep;
    c.woken = false;
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

void Mailer::conclude(Connection& c, Handover::Ended ended) {
  if (ended.judged) life_ = now();
  if (ended.outcome) c.proven = true;
  if (c.current == nullptr) return;  // its sender has left
  if (ended.judged || c.handover.reached() == Handover::Reached::content) {
    answer(*c.current, std::move(ended.outcome));
  } else {
    not_handed_over(c, *c.current, std::move(ended.outcome.error()));
  }
}

// The connection ended before the content was sent, for no reason that the server gave.
void Mailer::not_handed_over(Connection& c, Waiting& waiting, Error error) {
  if (closing_) return answer(waiting, fail(Fault::cancelled, "the mailer is closing"));
  // Servers end connections that have idled or carried enough letters; as many as we have may come to that at once.
  const bool leftover =
      c.proven && c.handover.reached() == Handover::Reached::nothing && waiting.leftovers++ < options_.most_connections;
  if (!leftover) ++waiting.tries;
  const bool another_try = error.fault != Fault::timed_out && waiting.tries < most_tries && has_time(waiting) &&
                           (leftover || alive(waiting));
  // A connection that ends whenever this recipient is named, and only then, is the recipient's.
  if (c.handover.recipient_taken()) ++waiting.own;
  const bool recipients_own =
      c.handover.reached() == Handover::Reached::recipient && recipients_taken_ - waiting.own > waiting.others_before;
  if (!another_try)
    return answer(waiting, fail(recipients_own ? Fault::deferred : error.fault, std::move(error.message)));
  c.current = nullptr;
  waiting.on = nullptr;
  waiting.letter = std::move(c.letter);
  waiting.place = Waiting::Place::queue;
  // One that takes connections with it lets the others go first.
  leftover ? queue_.push_front(&waiting) : queue_.push_back(&waiting);
}

// ---- Time

// Makes sure that somebody looks at `when` or before.
void Mailer::watch(SteadyTime when) {
  if (alarm_ != 0) {
    if (alarm_at_ <= when) return;
    Loop::current()->cancel(alarm_);
  }
  alarm_at_ = when;
  alarm_ = Loop::current()->at(when, [this] { look(); });
}

void Mailer::look() {
  alarm_ = 0;
  std::vector<Waiting*> overdue;
  std::ranges::copy_if(queue_, std::back_inserter(overdue), [this](const Waiting* one) { return !has_time(*one); });
  for (Waiting* waiting : overdue) {
    std::erase(queue_, waiting);
    answer(*waiting, fail(Fault::unavailable, "no connection to the mail server came free"));
  }
  if (!queue_.empty()) watch(queue_.front()->since + longest_send());
  call_for_service();
}

}  // namespace

// RFC 5321 section 4.1.1.1 wants a host name; a container often has none that would do.
std::string this_machine() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  const std::string found = name.data();
  return is_client_name(found) && !found.starts_with("localhost.") ? found : std::string();
}

bool is_client_name(std::string_view name) {
  if (!name.starts_with('['))
    return name.find('.') != std::string_view::npos && Mailbox::parse("a@" + std::string(name));
  if (!name.ends_with(']')) return false;
  constexpr std::string_view six = "[IPv6:";
  const bool is_six = name.starts_with(six);
  name.remove_suffix(1);
  name.remove_prefix(is_six ? six.size() : 1);
  std::array<unsigned char, 16> address{};
  return ::inet_pton(is_six ? AF_INET6 : AF_INET, std::string(name).c_str(), address.data()) == 1;
}

std::unique_ptr<mail::Mailer> open(Options options, async::Connector& connector, telemetry::Metrics& metrics) {
  if (!is_client_name(options.client_name)) options.client_name = this_machine();
  return std::make_unique<Mailer>(std::move(options), connector, metrics);
}

}  // namespace globogym::mail::smtp
