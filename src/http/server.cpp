#include "http/server.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>

#include "http/refusals.h"
#include "http/worker.h"
#include "telemetry/log.h"

namespace globogym::http {
namespace {

constexpr Duration sweep_every = std::chrono::milliseconds(250);
constexpr Duration sweep_goes_on = std::chrono::milliseconds(5);
constexpr int max_ended_a_sweep = 64;  // ending thousands at once would keep everybody else waiting
constexpr std::size_t long_read = 32 * 1024;
constexpr std::size_t max_spare_exchanges = 512;
constexpr std::size_t max_spare_bytes = 4 * 1024;  // an exchange that grew beyond this gives its memory back

}  // namespace

Worker::Worker(const ServerOptions& o, Handler& h, telemetry::Metrics& metrics, Places& places,
               const std::vector<Bound>& bound, std::uint64_t seed)
    : options(o),
      handler(h),
      tally(metrics, o.name),
      identity(seed),
      in(long_read),
      places_(places),
      max_held_(o.max_held / o.threads) {
  for (const Bound& one : bound)
    acceptors_.push_back(
        std::make_unique<Acceptor>(loop, one.descriptor, [this](Acceptor::Accepted a) { accepted(std::move(a)); }));
}

Worker::~Worker() {
  ASSERT(first_ == nullptr && held_ == 0);
  for (Exchange* exchange : spare_) delete exchange;
}

void Worker::start(unsigned number) {
  loop.post([this] {
    for (auto& acceptor : acceptors_) acceptor->start();
    sweep();
  });
  thread_ = std::thread([this, number] {
    ::pthread_setname_np(::pthread_self(),
                         ("http-" + options.name.substr(0, 7) + "-" + std::to_string(number)).c_str());
    loop.run();
  });
}

void Worker::begin_stop(Duration grace) {
  loop.post([this, grace] {
    if (stopping_) return;
    stopping_ = true;
    cut_at_ = now() + grace;
    for (auto& acceptor : acceptors_) acceptor->close();
    for (Connection *connection = first_, *next; connection; connection = next) {
      next = connection->next;
      connection->stop_taking();
    }
    loop.at(cut_at_, [this] {
      cut_ = true;
      for (Connection *connection = first_, *next; connection; connection = next) {
        next = connection->next;
        connection->cut();
      }
    });
    finish_when_idle();
  });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

Exchange* Worker::take_exchange() {
  if (spare_.empty()) return new Exchange;
  Exchange* exchange = spare_.back();
  spare_.pop_back();
  return exchange;
}

void Worker::give_back(Exchange* exchange) {
  Request& request = exchange->request;
  if (spare_.size() >= max_spare_exchanges || request.bytes.capacity() > max_spare_bytes ||
      request.headers.capacity() > 64) {
    delete exchange;
    return;
  }
  request.bytes.clear();
  request.headers.clear();
  request.method = request.target = request.path = request.query = request.body = request.client_subject = {};
  exchange->response = {};
  exchange->next = nullptr;
  exchange->done = exchange->keep_alive = exchange->version_1_0 = false;
  spare_.push_back(exchange);
}

void Worker::make_ready(Connection& connection) {
  if (connection.ready_) return;
  connection.ready_ = true;
  ++connection.holds_;
  ready_.push_back(&connection);
  if (ready_.size() > 1) return;
  // Runs after everything that is due now: what other handlers finish until then leaves with the same write.
  loop.post([this] {
    being_served_.swap(ready_);
    for (Connection* ready : being_served_) ready->on_ready();
    being_served_.clear();
  });
}

void Worker::ended(Connection& connection) {
  (connection.previous ? connection.previous->next : first_) = connection.next;
  if (connection.next) connection.next->previous = connection.previous;
  if (connection.has_place)
    leave_place(connection.group);
  else
    --places_.refused;
  delete &connection;
  if (stopping_ && !first_) finish_when_idle();
}

const Refusal* Worker::take_place(const std::string& group) {
  if (!group.empty() && !places_.groups.enter(group)) return &refusals::too_many_of_address;
  if (++places_.served <= options.max_connections) return nullptr;
  leave_place(group);
  return &refusals::too_many;
}

void Worker::leave_place(const std::string& group) {
  --places_.served;
  if (!group.empty()) places_.groups.leave(group);
}

void Worker::turn_away(int descriptor, std::string_view why) {
  tally.refused(why);
  ::close(descriptor);
}

void Worker::accepted(Acceptor::Accepted a) {
  std::string group;
  if (options.group_of) group = options.group_of(a.remote_address).value_or("");
  const Refusal* refusal = take_place(group);
  // Telling it under TLS takes a handshake, which one address must not get for connections it may not have.
  if (refusal == &refusals::too_many_of_address && options.tls) return turn_away(a.descriptor, refusal->slug);
  if (refusal && ++places_.refused > options.max_refused) {
    --places_.refused;
    return turn_away(a.descriptor, refusal->slug);
  }
  if (options.tls && options.may_handshake && !options.may_handshake(a.remote_address)) {
    if (refusal)
      --places_.refused;
    else
      leave_place(group);
    return turn_away(a.descriptor, "too-many-handshakes");
  }
  auto* connection = new Connection(*this, a.descriptor, std::move(a.remote_address), a.peer_uid);
  connection->has_place = refusal == nullptr;
  if (connection->has_place) connection->group = std::move(group);
  connection->next = first_;
  if (first_) first_->previous = connection;
  first_ = connection;
  if (refusal)
    connection->start_refused(*refusal);
  else
    connection->start();
}

// One timer for all the time-outs of a loop: a timer a request would cost more than the request.
void Worker::sweep() {
  const SteadyTime time = now();
  int ended = 0;
  for (Connection *connection = first_, *next; connection; connection = next) {
    next = connection->next;
    if (connection->tick(time) && ++ended == max_ended_a_sweep) break;
  }
  tally.fold(places_.served);
  loop.at(time + (ended == max_ended_a_sweep ? sweep_goes_on : sweep_every), [this] { sweep(); });
}

void Worker::holds(std::ptrdiff_t more) {
  held_ += static_cast<std::size_t>(more);
  if (held_ <= max_held_ || relieving_) return;
  relieving_ = true;
  loop.post([this] { relieve(); });
}

// Ends those who keep the most bytes waiting the longest, be it that they do not read or do not finish asking, until a
// quarter is free again. Clients that are only slow have less and have had it for less long.
void Worker::relieve() {
  relieving_ = false;
  const SteadyTime time = now();
  std::vector<std::pair<double, Connection*>> stalled;
  for (Connection* connection = first_; connection; connection = connection->next)
    if (const double weight = connection->weight_of_waiting(time); weight > 0) stalled.emplace_back(weight, connection);
  std::ranges::sort(stalled, std::greater<>(), [](const auto& one) { return one.first; });
  for (const auto& [weight, connection] : stalled) {
    if (held_ <= max_held_ / 4 * 3) break;
    tally.refused(connection->sends_slowly() ? "slow-sender" : "slow-reader");
    connection->cut();
  }
}

void Worker::finish_when_idle() {
  if (finishing_ || first_) return;
  finishing_ = true;
  // Posted, because a handler's frame may still be unwinding under us.
  loop.post([this] {
    finishing_ = false;
    if (first_) return;
    if (scope.running() > 0) return finish_when_idle();
    tally.fold(places_.served);
    loop.stop();
  });
}

namespace {

class RealServer final : public Server {
 public:
  // `bound` has, for each address, a descriptor for each worker.
  RealServer(ServerOptions options, Handler& handler, telemetry::Metrics& metrics,
             const std::vector<std::vector<Bound>>& bound)
      : options_(std::move(options)), places_(options_.max_connections_of_group) {
    SecureRandom random;
    for (const auto& sharing : bound) addresses_.push_back(sharing.front().address);
    for (std::size_t i = 0; i < bound.front().size(); ++i) {
      std::vector<Bound> of_worker;
      for (const auto& sharing : bound) of_worker.push_back(sharing[i]);
      workers_.push_back(std::make_unique<Worker>(options_, handler, metrics, places_, of_worker, random.u64()));
    }
    for (unsigned i = 0; i < workers_.size(); ++i) workers_[i]->start(i);
  }

  ~RealServer() override { stop(Duration::zero()); }

  std::vector<std::string> addresses() const override { return addresses_; }

  void stop(Duration grace) override {
    if (stopped_) return;
    stopped_ = true;
    for (auto& worker : workers_) worker->begin_stop(grace);
    for (auto& worker : workers_) worker->join();
    if (!options_.unix_path.empty()) ::unlink(options_.unix_path.c_str());
  }

 private:
  ServerOptions options_;
  std::vector<std::string> addresses_;
  Places places_;
  std::vector<std::unique_ptr<Worker>> workers_;
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> serve(ServerOptions options, Handler& handler, telemetry::Metrics& metrics) {
  ASSERT(options.threads > 0 && options.max_pipelined > 0);
  ASSERT(options.listen.empty() != options.unix_path.empty());
  std::vector<std::vector<Bound>> bound;
  if (!options.unix_path.empty()) {
    auto one = listen_unix(options.unix_path);
    if (!one) return std::unexpected(one.error());
    bound.push_back({std::move(*one)});
  } else {
    auto some = listen_tcp(options.listen, options.threads);
    if (!some) return std::unexpected(some.error());
    bound = std::move(*some);
  }
  return std::make_unique<RealServer>(std::move(options), handler, metrics, bound);
}

}  // namespace globogym::http
