// One client's connection: requests in, handlers run side by side, answers out in order.
//
// A connection at rest keeps no buffers but one small one for the next read. It stops reading while as much is in hand
// as it may hold, or while the client does not take what it asked for. It ends when its last answer is out, the client
// has gone or a time is over, but is destroyed only when no handler of it runs any more. Owned by its Worker's loop.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "async/loop.h"
#include "http/parser.h"
#include "http/socket.h"

namespace globogym::http {

class Connection;
class Worker;

// A request and its answer, from the first byte read to the last written. Used again for other requests.
struct Exchange {
  Request request;
  Response response;
  Exchange* next = nullptr;
  SteadyTime began{};     // the first byte came
  SteadyTime came{};      // it was whole
  std::size_t bytes = 0;  // what request and answer hold
  bool done = false;      // `response` is there
  bool keep_alive = false;
  bool version_1_0 = false;
};

class Connection final : private Socket::User {
 public:
  Connection(Worker& worker, int descriptor, std::string remote_address, std::optional<std::uint32_t> peer_uid);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Each of these may end the connection, which the worker then destroys: touch it no more afterwards.
  void start();
  void start_refused(const Refusal& why);
  bool tick(SteadyTime now);                             // ends what took too long; true when it did
  void stop_taking();                                    // the server stops: answers what is in hand, then ends
  void cut();                                            // at once
  void on_ready();                                       // an answer waits to be written
  bool sends_slowly() const { return unsent_.empty(); }  // of the two, it is the asking that takes its time
  // Bytes times seconds that its client has not taken what it asked for, or not ended what it asks; 0 when nothing
  // waits.
  double weight_of_waiting(SteadyTime now) const;

  // The worker's list.
  Connection* previous = nullptr;
  Connection* next = nullptr;
  std::string group;       // that it is counted in; empty: in none
  bool has_place = false;  // false: it is only told that there is none

 private:
  struct Feeding;

  void on_read(std::string_view bytes, bool ended) override;
  void on_writable() override;

  static Socket socket_for(Worker& worker, int descriptor, Connection& self);
  void meet_trouble(std::string_view bytes);

  bool end_what_took_too_long(SteadyTime now);
  bool may_take() const;
  void take(std::string_view bytes);
  void begin_request();
  void refuse(const Refusal& why);
  void append(Exchange& exchange);
  void forget_front();
  async::Task<void> answer(Exchange& exchange);
  async::Task<void> pump(Exchange& exchange);
  void advance();
  void write_answers();
  bool write_one(Exchange& exchange, std::string& out);
  void send(std::string_view bytes);
  void read_more();
  void linger();
  void close();
  void account();  // tells the worker what is held
  void release();  // destroys the connection when it has ended and nothing needs it

  Worker& worker_;
  Socket socket_;
  RequestParser parser_;
  std::string remote_address_;
  std::optional<std::uint32_t> peer_uid_;
  std::string held_;    // read, but not taken yet: there was too much in hand
  std::string unsent_;  // the client does not take it yet
  std::size_t unsent_from_ = 0;
  std::unique_ptr<Feeding> feeding_;  // the front exchange's response has no known end
  Exchange* current_ = nullptr;       // being read
  Exchange* front_ = nullptr;         // in hand, in order
  Exchange* back_ = nullptr;
  const Refusal* turned_away_ = nullptr;  // told once the client can hear it
  std::size_t in_hand_ = 0;
  std::size_t bytes_in_hand_ = 0;
  std::size_t accounted_ = 0;
  std::size_t discarded_ = 0;
  SteadyTime since_{};  // idle, unsent or lingering, whichever it is
  unsigned holds_ = 0;  // callbacks that will come
  bool reading_ = false;
  bool waiting_writable_ = false;
  bool taking_ = false;
  bool ready_ = false;
  bool read_ended_ = false;
  bool closing_ = false;       // no more requests are taken
  bool last_written_ = false;  // the answer that says so is written
  bool lingering_ = false;
  bool closed_ = false;

  friend class Worker;
};

}  // namespace globogym::http
