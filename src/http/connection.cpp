#include "http/connection.h"

#include <algorithm>
#include <charconv>

#include "http/refusals.h"
#include "http/worker.h"

namespace globogym::http {
namespace {

constexpr std::size_t max_unsent_to_take = 64 * 1024;  // more unsent than this: no new requests
constexpr std::size_t max_bytes_in_hand = 256 * 1024;  // requests and answers; no new requests beyond
constexpr std::size_t max_out = 256 * 1024;            // put together before it is sent
constexpr std::size_t max_out_kept = 1024 * 1024;
constexpr std::size_t max_discarded = 256 * 1024;  // of what comes after the last answer
constexpr int max_reads_a_turn = 4;
constexpr Duration linger_time = std::chrono::seconds(2);
constexpr Duration linger_time_stopping = std::chrono::milliseconds(300);

}  // namespace

// A response in pieces.
struct Connection::Feeding {
  std::stop_source stop;
  async::Signal drained;
  bool chunked = true;
};

Connection::Connection(Worker& worker, int descriptor, std::string remote_address,
                       std::optional<std::uint32_t> peer_uid)
    : worker_(worker),
      socket_(socket_for(worker, descriptor, *this)),
      parser_({.head = worker.options.max_header, .body = worker.options.max_body}),
      remote_address_(std::move(remote_address)),
      peer_uid_(peer_uid),
      since_(worker.now()) {}

Socket Connection::socket_for(Worker& worker, int descriptor, Connection& self) {
  if (!worker.options.tls) return {worker.loop, descriptor, self};
  return {worker.loop, descriptor, self, *worker.options.tls, worker.in};
}

Connection::~Connection() {
  ASSERT(closed_ && holds_ == 0 && front_ == nullptr);
}

void Connection::start() {
  read_more();
  release();
}

void Connection::start_refused(const Refusal& why) {
  if (socket_.awaits_handshake())
    turned_away_ = &why;
  else
    refuse(why);
  advance();
  release();
}

void Connection::on_read(std::string_view bytes, bool ended) {
  reading_ = false;
  --holds_;
  if (!closed_) {
    if (socket_.trouble() != Socket::Trouble::none) meet_trouble(bytes);
    if (turned_away_ && !closing_ && !ended) refuse(*turned_away_);
    if (ended) {
      read_ended_ = true;
      // A client may end its side and still wait for answers; one that listens to a feed has gone.
      if (feeding_ || lingering_) close();
    } else {
      worker_.tally.read(bytes.size());
      take(bytes);
      // The small buffer was full: there is probably more.
      for (int i = 0; i < max_reads_a_turn && bytes.size() == Socket::pending_read_size && may_take(); ++i) {
        const std::size_t got = socket_.read_now(worker_.in);
        if (got == 0) break;
        worker_.tally.read(got);
        take({worker_.in.data(), got});
        if (got < worker_.in.size()) break;
      }
    }
    advance();
  }
  release();
}

// Whoever speaks plain HTTP to a TLS port is told so in plain words; whoever speaks something else is not.
void Connection::meet_trouble(std::string_view bytes) {
  if (closing_) return;
  if (socket_.trouble() == Socket::Trouble::handshake) {
    worker_.tally.refused("tls-handshake");
    closing_ = true;
  } else if (!bytes.empty() && bytes.front() >= 'A' && bytes.front() <= 'Z') {
    refuse(refusals::not_tls);
  } else {
    worker_.tally.refused("not-tls");
    close();
  }
}

void Connection::on_writable() {
  waiting_writable_ = false;
  --holds_;
  if (!closed_) {
    const auto sent = socket_.send_now(std::string_view(unsent_).substr(unsent_from_));
    if (!sent) {
      close();
    } else {
      worker_.tally.sent(*sent);
      unsent_from_ += *sent;
      if (unsent_from_ < unsent_.size()) {
        ++holds_;
        waiting_writable_ = true;
        socket_.start_wait_writable();
      } else {
        unsent_ = {};
        unsent_from_ = 0;
        since_ = worker_.now();
        if (current_) current_->began = since_;  // it was us who did not read
        if (feeding_) feeding_->drained.notify_all();
      }
    }
    advance();
  }
  release();
}

void Connection::on_ready() {
  ready_ = false;
  --holds_;
  advance();
  release();
}

bool Connection::tick(SteadyTime now) {
  const bool overdue = !closed_ && end_what_took_too_long(now);
  release();
  return overdue;
}

bool Connection::end_what_took_too_long(SteadyTime now) {
  const Duration waited = now - since_;
  if (socket_.awaits_handshake()) {
    if (waited <= worker_.options.header_time) return false;
    worker_.tally.refused("tls-handshake-timeout");
  } else if (!unsent_.empty()) {
    if (waited <= worker_.options.write_time) return false;
    worker_.tally.refused("slow-reader");
  } else if (lingering_) {
    if (waited <= (worker_.stopping() ? linger_time_stopping : linger_time)) return false;
  } else if (parser_.in_progress() && !closing_) {
    if (now - current_->began <= worker_.options.header_time || !may_take()) return false;
    refuse(refusals::too_slow);
    advance();
    return true;
  } else if (front_ || waited <= worker_.options.idle_time) {
    return false;
  }
  close();
  return true;
}

void Connection::stop_taking() {
  if (!closed_) {
    closing_ = true;
    held_ = {};
    if (feeding_) feeding_->stop.request_stop();
    advance();
  }
  release();
}

void Connection::cut() {
  close();
  advance();
  release();
}

// Reading.

bool Connection::may_take() const {
  return !closed_ && !closing_ && in_hand_ < worker_.options.max_pipelined && bytes_in_hand_ < max_bytes_in_hand &&
         unsent_.size() - unsent_from_ < max_unsent_to_take &&
         (!worker_.is_tight() || (in_hand_ == 0 && unsent_.empty()));
}

void Connection::take(std::string_view bytes) {
  const SteadyTime now = worker_.now();
  since_ = unsent_.empty() && !lingering_ ? now : since_;
  taking_ = true;
  while (!bytes.empty() && may_take()) {
    if (!current_) {
      current_ = worker_.take_exchange();
      current_->began = now;
    }
    switch (parser_.feed(bytes, current_->request)) {
      case RequestParser::Step::need_more:
        if (!parser_.in_progress()) {
          worker_.give_back(current_);
          current_ = nullptr;
        }
        break;
      case RequestParser::Step::request:
        current_->came = now;
        begin_request();
        break;
      case RequestParser::Step::refused:
        refuse(parser_.refusal());
        break;
    }
  }
  taking_ = false;
  if (bytes.empty()) return;
  if (closing_) {
    discarded_ += bytes.size();
    if (discarded_ > max_discarded) close();
  } else if (!closed_) {
    held_.append(bytes);
  }
}

void Connection::begin_request() {
  Exchange& exchange = *std::exchange(current_, nullptr);
  exchange.keep_alive = parser_.keep_alive();
  exchange.version_1_0 = parser_.version_1_0();
  if (!exchange.keep_alive) closing_ = true;
  exchange.request.remote_address = remote_address_;
  exchange.request.peer_uid = peer_uid_;
  exchange.request.secure = socket_.is_secure();
  exchange.request.client_subject = socket_.client_subject();
  worker_.identity.give(exchange.request);
  append(exchange);
  worker_.scope.start(answer(exchange));
}

void Connection::append(Exchange& exchange) {
  (back_ ? back_->next : front_) = &exchange;
  back_ = &exchange;
  ++in_hand_;
  exchange.bytes = exchange.request.bytes.size();
  bytes_in_hand_ += exchange.bytes;
}

void Connection::forget_front() {
  Exchange* exchange = front_;
  front_ = exchange->next;
  if (!front_) back_ = nullptr;
  --in_hand_;
  bytes_in_hand_ -= exchange->bytes;
  worker_.give_back(exchange);
}

async::Task<void> Connection::answer(Exchange& exchange) {
  Task<Response> answering = worker_.handler.handle(exchange.request);
  exchange.response = co_await std::move(answering);
  exchange.done = true;
  exchange.bytes += exchange.response.body.size();
  bytes_in_hand_ += exchange.response.body.size();
  // While requests are being taken, whoever takes them writes. An answer whose turn has not come waits for its turn.
  if (!taking_ && &exchange == front_) worker_.make_ready(*this);
}

void Connection::refuse(const Refusal& why) {
  worker_.tally.refused(why.slug);
  Response response = problem(why);
  worker_.handler.on_refused(current_ ? header_so_far(current_->request.bytes, "origin") : std::nullopt, response);
  if (current_) worker_.give_back(std::exchange(current_, nullptr));
  Exchange& exchange = *worker_.take_exchange();
  exchange.came = worker_.now();
  exchange.response = std::move(response);
  exchange.done = true;
  exchange.keep_alive = false;
  worker_.identity.give(exchange.request);
  append(exchange);
  closing_ = true;
  held_ = {};
}

// Writing.

void Connection::advance() {
  for (;;) {
    write_answers();
    if (held_.empty() || !may_take()) break;
    const std::string held = std::exchange(held_, {});
    take(held);
  }
  if (closed_) return;
  if (!front_ && unsent_.empty() && !lingering_) {
    if (last_written_)
      linger();
    else if (read_ended_ || closing_)
      close();
  }
  read_more();
}

void Connection::write_answers() {
  std::string& out = worker_.out;
  for (;;) {
    out.clear();
    if (out.capacity() > max_out_kept) out.shrink_to_fit();
    while (front_ && front_->done && !feeding_) {
      if (closed_ || last_written_) {
        forget_front();  // nobody to tell
        continue;
      }
      if (!unsent_.empty() || out.size() >= max_out || !write_one(*front_, out)) break;
      forget_front();
    }
    if (!closing_ && !front_ && parser_.expects_continue()) {
      parser_.continued();
      out += "HTTP/1.1 100 Continue\r\n\r\n";
    }
    if (out.empty()) return;
    send(out);
  }
}

// False when the response goes on: the exchange stays in front until its feed has ended.
bool Connection::write_one(Exchange& exchange, std::string& out) {
  Response& response = exchange.response;
  const SteadyTime now = worker_.now();
  const bool head_only = exchange.request.method == "HEAD";
  Head head;
  head.close = response.close || !exchange.keep_alive || ((worker_.stopping() || read_ended_) && !exchange.next);
  head.keep_alive_1_0 = exchange.version_1_0 && !head.close;
  if (worker_.options.tls && socket_.is_secure()) head.hsts = worker_.options.tls->hsts_line();
  if (response.feed) {
    head.framing = exchange.version_1_0 ? Framing::until_close : Framing::chunked;
    head.close = head.close || exchange.version_1_0;
    head.keep_alive_1_0 = false;
  }
  append_head(out, response, exchange.request, head, worker_.date.at(now));
  worker_.tally.answered(response.status, now - exchange.came);
  since_ = now;
  if (head.close) closing_ = true;
  if (response.feed && !head_only) {
    feeding_ = std::make_unique<Feeding>();
    feeding_->chunked = head.framing == Framing::chunked;
    // What the client learns at its end is decided now.
    response.close = head.close;
    if (worker_.stopping()) feeding_->stop.request_stop();
    ++holds_;
    worker_.scope.start(pump(exchange));
    return false;
  }
  if (!head_only && response.status != 204 && response.status != 304) out += response.body;
  if (head.close) last_written_ = true;
  return true;
}

namespace {

void append_piece(std::string& out, std::string_view piece, bool chunked) {
  if (piece.empty()) return;
  if (chunked) {
    char digits[16];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, piece.size(), 16).ptr);
    out += "\r\n";
  }
  out += piece;
  if (chunked) out += "\r\n";
}

}  // namespace

async::Task<void> Connection::pump(Exchange& exchange) {
  // Lets the head go out before the first piece.
  co_await async::yield_to_loop();
  std::string framed;
  append_piece(framed, exchange.response.body, feeding_->chunked);
  const std::stop_token stop = feeding_->stop.get_token();
  for (;;) {
    if (!framed.empty() && !closed_) send(framed);
    while (!closed_ && !unsent_.empty()) co_await feeding_->drained.wait();
    if (closed_) break;
    Task<std::optional<std::string>> coming = exchange.response.feed->next(stop);
    const std::optional<std::string> piece = co_await std::move(coming);
    if (closed_ || !piece) break;
    framed.clear();
    append_piece(framed, *piece, feeding_->chunked);
    co_await async::yield_to_loop();  // a feed that always has more must not keep others waiting
  }
  if (!closed_ && feeding_->chunked) send("0\r\n\r\n");
  if (!closed_ && exchange.response.close) last_written_ = true;
  feeding_.reset();
  forget_front();
  advance();
  --holds_;
  release();
}

void Connection::send(std::string_view bytes) {
  if (closed_) return;
  std::size_t sent = 0;
  if (unsent_.empty()) {
    const auto taken = socket_.send_now(bytes);
    if (!taken) return close();
    worker_.tally.sent(*taken);
    sent = *taken;
    if (sent == bytes.size()) return;
    since_ = worker_.now();
  }
  unsent_.append(bytes.substr(sent));
  account();
  if (waiting_writable_) return;
  waiting_writable_ = true;
  ++holds_;
  socket_.start_wait_writable();
}

void Connection::read_more() {
  if (closed_ || reading_ || read_ended_) return;
  // While a feed runs, or the end is near, reading is how we learn that the client has gone.
  const bool only_watching = lingering_ || (feeding_ && closing_);
  if (!only_watching && (!may_take() || !held_.empty())) return;
  reading_ = true;
  ++holds_;
  socket_.start_read();
}

// Ending.

// Closing with unread bytes would send a reset, which can destroy the last answer before the client has read it. So our
// side ends first, and what still comes is dropped until the client's side ends too, or enough has come.
void Connection::linger() {
  if (read_ended_) return close();
  lingering_ = true;
  since_ = worker_.now();
  socket_.end_sending();
}

void Connection::close() {
  if (closed_) return;
  closed_ = closing_ = true;
  held_ = {};
  unsent_ = {};
  unsent_from_ = 0;
  if (current_) worker_.give_back(std::exchange(current_, nullptr));
  if (feeding_) {
    feeding_->stop.request_stop();
    feeding_->drained.notify_all();
  }
  socket_.close();
  if (front_ && front_->done && !feeding_) worker_.make_ready(*this);  // to be forgotten
}

double Connection::weight_of_waiting(SteadyTime now) const {
  if (closed_ || (unsent_.empty() && !current_)) return 0;
  const SteadyTime began = unsent_.empty() ? current_->began : since_;
  return static_cast<double>(accounted_) * (std::chrono::duration<double>(now - began).count() + 0.001);
}

void Connection::account() {
  const std::size_t held =
      bytes_in_hand_ + held_.size() + unsent_.size() + (current_ ? current_->request.bytes.capacity() : 0);
  if (held == accounted_) return;
  worker_.holds(static_cast<std::ptrdiff_t>(held) - static_cast<std::ptrdiff_t>(accounted_));
  accounted_ = held;
}

void Connection::release() {
  account();
  if (closed_ && holds_ == 0 && !front_) worker_.ended(*this);
}

}  // namespace globogym::http
