// For tests: an SMTP server in memory, which a test can make refuse, dribble, take its time, fall silent or drop dead
// anywhere. It is as strict about the order of commands as Postfix: no MAIL within a transaction or before a greeting,
// no RCPT without a MAIL that was agreed to.
#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "async/loop.h"
#include "async/stream.h"

namespace globogym::mail::smtp::fake {

constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

struct Delivered {
  std::string mail;       // the MAIL line
  std::string recipient;  // the RCPT line
  std::string content;    // dots taken out again, without the final dot
};

// What the server does differently from an obliging one.
struct Manners {
  std::string greeting = "220 fake ESMTP\r\n";
  std::vector<std::string> abilities = {"PIPELINING", "SIZE 100000", "8BITMIME", "SMTPUTF8"};
  // Answers a line of the client's (or "." for the end of a content) itself; nullopt leaves it to the server. An empty
  // answer is silence from then on. "!" first: hang up after the rest; so does 421.
  std::function<std::optional<std::string>(const std::string& line)> answers = {};
  // How long it thinks about a line (or ".") before it does anything about it.
  std::function<Duration(const std::string& line)> takes = {};
  // Of these connections, counted from 1, nothing is ever heard: they end before the greeting.
  std::function<bool(std::size_t connection)> stillborn = {};
  std::optional<std::vector<std::string>> abilities_under_tls = {};
  bool knows_ehlo = true;
  std::size_t bytes_at_once = never;  // a read gets no more
  Duration a_read_takes{};            // and gets that only after so long
  // The connection dies after so many bytes. Only the n-th connection, counted from 1; 0: all.
  std::size_t dies_after_saying = never;
  std::size_t dies_after_hearing = never;
  std::size_t mortal_connection = 1;
  std::size_t letters_per_connection = never;  // then 421 and the end
  std::size_t most_content = never;            // bytes; at more it says 552 and hangs up in the middle
};

class Server;

class Connection final : public async::Stream {
 public:
  explicit Connection(Server& server);
  ~Connection() override;
  async::Task<Result<std::size_t>> read_some(std::span<char> into, Duration time_limit) override;
  async::Task<Result<void>> write_all(std::string_view bytes, Duration time_limit) override;
  async::Task<Result<void>> start_tls(std::string host, Duration time_limit) override;
  void close() override;
  std::string local_address() const override;

 private:
  struct Reader;
  void hear(std::string_view bytes);
  void work();
  void obey(const std::string& line);
  void hear_line(const std::string& line);
  void end_of_content();
  void say(std::string_view text);
  void wake();

  Server& server_;
  std::string heard_, said_;
  std::size_t bytes_heard_ = 0, bytes_said_ = 0, letters_ = 0;
  bool mortal_ = true, dead_ = false, closed_ = false, in_content_ = false, mute_ = false, greeted_ = false;
  bool encrypted_ = false;
  async::Loop::TimerId thinking_ = 0;
  Delivered coming_;
  std::coroutine_handle<> reader_;
  async::Loop::TimerId alarm_ = 0;
  bool late_ = false;
};

class Server final : public async::Connector {
 public:
  explicit Server(Manners manners = {}) : manners(std::move(manners)) {}
  async::Task<Result<std::unique_ptr<async::Stream>>> connect(async::Endpoint, Duration time_limit) override {
    ++asked;
    if (refuses_connections) co_return fail(Fault::unavailable, "connection refused");
    if (unreachable) {
      const bool slept = co_await async::sleep_for(time_limit);
      (void)slept;
      co_return fail(Fault::timed_out, "nobody opens");
    }
    ++connections;
    auto connection = std::make_unique<Connection>(*this);
    ++open;
    co_return std::unique_ptr<async::Stream>(std::move(connection));
  }
  std::size_t times_delivered(std::string_view recipient) const {
    std::size_t times = 0;
    for (const auto& one : delivered) times += one.recipient.find(recipient) != std::string::npos ? 1 : 0;
    return times;
  }

  Manners manners;
  bool refuses_connections = false;
  bool unreachable = false;       // no connection is ever opened or refused
  std::size_t most_open = never;  // connections; more are greeted with 421
  std::string client_address = "192.0.2.7";
  std::size_t asked = 0;  // for connections
  std::size_t connections = 0;
  std::size_t open = 0;
  std::size_t writes = 0;  // of the client
  std::vector<Delivered> delivered;
  std::string content_for_nobody;    // came where no recipient had been agreed to
  std::vector<std::string> lines;    // every command, in order
  std::vector<std::string> answers;  // every answer, in order
  std::vector<std::string> tls_hosts;
};

inline Connection::Connection(Server& server) : server_(server) {
  mortal_ = server.manners.mortal_connection == 0 || server.manners.mortal_connection == server.connections;
  const bool stillborn = server.manners.stillborn && server.manners.stillborn(server.connections);
  const bool too_many = server.open >= server.most_open;
  say(stillborn ? "!" : too_many ? "421 4.7.0 too many connections\r\n" : server.manners.greeting);
}
inline Connection::~Connection() {
  if (thinking_ != 0) async::Loop::current()->cancel(thinking_);
  --server_.open;
}
inline std::string Connection::local_address() const {
  return server_.client_address;
}

struct Connection::Reader {
  Connection& connection;
  Duration time_limit;
  bool await_ready() { return !connection.said_.empty() || connection.dead_ || connection.closed_; }
  void await_suspend(std::coroutine_handle<> caller) {
    connection.reader_ = caller;
    connection.late_ = false;
    auto& loop = *async::Loop::current();
    connection.alarm_ = loop.at(loop.clock().steady() + time_limit, [c = &connection] {
      c->late_ = true;
      std::exchange(c->reader_, nullptr).resume();
    });
  }
  void await_resume() {}
};

inline void Connection::wake() {
  if (!reader_) return;
  async::Loop::current()->cancel(alarm_);
  async::Loop::current()->post([reader = std::exchange(reader_, nullptr)] { reader.resume(); });
}

inline async::Task<Result<std::size_t>> Connection::read_some(std::span<char> into, Duration time_limit) {
  Reader reader{*this, time_limit};
  co_await reader;
  if (server_.manners.a_read_takes > Duration::zero() && !said_.empty()) {
    const bool slept = co_await async::sleep_for(std::min(server_.manners.a_read_takes, time_limit));
    if (!slept || server_.manners.a_read_takes > time_limit) co_return fail(Fault::timed_out, "slow");
  }
  if (closed_) co_return fail(Fault::cancelled, "closed here");
  if (said_.empty() && dead_) co_return std::size_t{0};
  if (said_.empty() && late_) co_return fail(Fault::timed_out, "silence");
  const std::size_t size = std::min({into.size(), said_.size(), server_.manners.bytes_at_once});
  std::copy_n(said_.begin(), size, into.begin());
  said_.erase(0, size);
  co_return size;
}

inline async::Task<Result<void>> Connection::write_all(std::string_view bytes, Duration) {
  ++server_.writes;
  if (closed_) co_return fail(Fault::cancelled, "closed here");
  if (dead_) co_return fail(Fault::unavailable, "broken pipe");
  const std::size_t limit = mortal_ ? server_.manners.dies_after_hearing : never;
  const std::size_t taken = std::min(bytes.size(), limit - std::min(limit, bytes_heard_));
  bytes_heard_ += taken;
  hear(bytes.substr(0, taken));
  if (bytes_heard_ >= limit) dead_ = true;
  wake();
  if (taken < bytes.size() || (dead_ && !heard_.empty())) co_return fail(Fault::unavailable, "broken pipe");
  co_return Result<void>{};
}

inline async::Task<Result<void>> Connection::start_tls(std::string host, Duration) {
  server_.tls_hosts.push_back(std::move(host));
  encrypted_ = true;
  greeted_ = false;
  coming_ = {};
  co_return Result<void>{};
}

inline void Connection::close() {
  closed_ = true;
  wake();
}

inline void Connection::say(std::string_view text) {
  if (text.empty()) mute_ = true;
  if (dead_ || mute_) return;
  const bool hang_up = text.starts_with('!') || text.starts_with("421");
  if (text.starts_with('!')) text.remove_prefix(1);
  server_.answers.emplace_back(text);
  const std::size_t limit = mortal_ ? server_.manners.dies_after_saying : never;
  const std::size_t size = std::min(text.size(), limit - std::min(limit, bytes_said_));
  said_.append(text, 0, size);
  bytes_said_ += size;
  if (hang_up || bytes_said_ >= limit) dead_ = true;
}

inline void Connection::hear(std::string_view bytes) {
  heard_ += bytes;
  work();
}

inline void Connection::work() {
  while (thinking_ == 0) {
    const auto end = heard_.find("\r\n");
    if (end == std::string::npos || dead_) return;
    const std::string line = heard_.substr(0, end);
    heard_.erase(0, end + 2);
    const bool counts = !in_content_ || line == ".";
    const Duration thinks = counts && server_.manners.takes ? server_.manners.takes(line) : Duration::zero();
    if (thinks <= Duration::zero()) {
      obey(line);
      continue;
    }
    auto& loop = *async::Loop::current();
    thinking_ = loop.at(loop.clock().steady() + thinks, [this, line] {
      thinking_ = 0;
      obey(line);
      work();
      if (!said_.empty() || dead_) wake();
    });
  }
}

inline void Connection::obey(const std::string& line) {
  if (!in_content_) {
    hear_line(line);
  } else if (line == ".") {
    end_of_content();
  } else {
    auto& content = coming_.recipient.empty() ? server_.content_for_nobody : coming_.content;
    content += (line.starts_with('.') ? line.substr(1) : line) + "\r\n";
    if (coming_.content.size() > server_.manners.most_content) say("!552 5.3.4 too much\r\n");
  }
}

inline void Connection::end_of_content() {
  in_content_ = false;
  auto answer = server_.manners.answers ? server_.manners.answers(".") : std::nullopt;
  const bool taken = !coming_.recipient.empty() && (!answer || answer->starts_with("2") || answer->empty());
  if (taken) server_.delivered.push_back(coming_);
  coming_ = {};
  say(answer ? *answer : taken ? "250 2.0.0 Ok: queued as 1\r\n" : "554 5.5.1 no valid recipients\r\n");
  if (++letters_ >= server_.manners.letters_per_connection) say("!421 4.7.0 enough for one connection\r\n");
}

inline void Connection::hear_line(const std::string& line) {
  server_.lines.push_back(line);
  const auto answer = server_.manners.answers ? server_.manners.answers(line) : std::nullopt;
  const bool agrees = !answer || answer->starts_with("2");
  if (line.starts_with("EHLO") || line.starts_with("HELO")) {
    greeted_ |= agrees;
    if (agrees) coming_ = {};
    if (answer) return say(*answer);
    if (line.starts_with("HELO")) return say("250 fake\r\n");
    if (!server_.manners.knows_ehlo) return say("502 5.5.1 what?\r\n");
    std::string text = "250-fake\r\n";
    const auto& under_tls = server_.manners.abilities_under_tls;
    for (const auto& ability : encrypted_&& under_tls ? *under_tls : server_.manners.abilities)
      text += "250-" + ability + "\r\n";
    text.replace(text.rfind("250-") + 3, 1, " ");
    say(text);
  } else if (line.starts_with("MAIL FROM:<")) {
    if (!coming_.mail.empty()) return say("503 5.5.1 Error: nested MAIL command\r\n");
    if (!greeted_) return say("503 5.5.1 Error: send HELO/EHLO first\r\n");
    if (agrees) coming_.mail = line;
    say(answer ? *answer : "250 2.1.0 Ok\r\n");
  } else if (line.starts_with("RCPT TO:<")) {
    if (coming_.mail.empty()) return say("503 5.5.1 Error: need MAIL command\r\n");
    if (agrees) coming_.recipient = line;
    say(answer ? *answer : "250 2.1.5 Ok\r\n");
  } else if (line == "DATA") {
    if (!answer && coming_.mail.empty()) return say("503 5.5.1 Error: need RCPT command\r\n");
    if (!answer && coming_.recipient.empty()) return say("554 5.5.1 Error: no valid recipients\r\n");
    in_content_ = !answer || answer->starts_with("354");
    say(answer ? *answer : "354 go ahead\r\n");
  } else if (answer) {
    say(*answer);
  } else if (line == "RSET") {
    coming_ = {};
    say("250 2.0.0 Ok\r\n");
  } else if (line == "QUIT") {
    say("!221 2.0.0 Bye\r\n");
  } else if (line == "STARTTLS") {
    say("220 2.0.0 Ready\r\n");
  } else if (line.starts_with("AUTH")) {
    say("235 2.7.0 Accepted\r\n");
  } else {
    say("500 5.5.2 what?\r\n");
  }
}

}  // namespace globogym::mail::smtp::fake
