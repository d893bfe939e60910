// One event loop of the server: its listener, its connections, and what they share.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "async/loop.h"
#include "http/answer.h"
#include "http/connection.h"
#include "http/groups.h"
#include "http/identity.h"
#include "http/server.h"
#include "http/socket.h"
#include "http/tally.h"

namespace globogym::http {

// How many connections there are. Who is refused takes none of the places that others need, nor one of a group.
struct Places {
  explicit Places(std::size_t most_of_group) : groups(most_of_group) {}
  std::atomic<std::size_t> served = 0;
  std::atomic<std::size_t> refused = 0;  // being told so
  ConnectionGroups groups;
};

class Worker {
 public:
  // `places` count over all workers. Takes the descriptors.
  Worker(const ServerOptions& options, Handler& handler, telemetry::Metrics& metrics, Places& places,
         const std::vector<Bound>& bound, std::uint64_t seed);
  ~Worker();

  // From another thread.
  void start(unsigned number);
  void begin_stop(Duration grace);
  void join();

  // For its connections, on the loop.
  SteadyTime now() const { return loop.clock().steady(); }
  Exchange* take_exchange();
  void give_back(Exchange* exchange);
  void make_ready(Connection& connection);  // on_ready() is called soon, once for all that is ready by then
  void ended(Connection& connection);       // destroys it
  bool stopping() const { return stopping_; }
  // What a connection holds has grown or shrunk by so many bytes.
  void holds(std::ptrdiff_t more);
  // So much is held that who has something in hand is given nothing more.
  bool is_tight() const { return held_ > max_held_ / 2; }

  const ServerOptions& options;
  Handler& handler;
  async::AsioLoop loop;
  async::Scope scope;  // the handlers
  Tally tally;
  Identity identity;
  DateLine date;
  std::string out;       // where answers are put together
  std::vector<char> in;  // where a longer read goes

 private:
  void accepted(Acceptor::Accepted accepted);
  // A place for a connection of `group`, or why there is none.
  const Refusal* take_place(const std::string& group);
  void leave_place(const std::string& group);
  void turn_away(int descriptor, std::string_view why);
  void sweep();
  void finish_when_idle();
  void relieve();

  Places& places_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::thread thread_;
  Connection* first_ = nullptr;
  std::vector<Connection*> ready_;
  std::vector<Connection*> being_served_;
  std::vector<Exchange*> spare_;
  const std::size_t max_held_;
  std::size_t held_ = 0;
  bool relieving_ = false;
  SteadyTime cut_at_ = SteadyTime::max();
  bool stopping_ = false;
  bool cut_ = false;
  bool finishing_ = false;
};

}  // namespace globogym::http
