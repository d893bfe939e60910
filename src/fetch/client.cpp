// HTTP over libcurl: one thread turns all transfers.
//
// A request is handed to that thread through a locked queue and a wake-up, and its caller is resumed by a post to the
// caller's loop. The thread looks at deadlines itself, since libcurl does not time a transfer that waits for a free
// connection.
#define CURL_DISABLE_TYPECHECK
#include "fetch/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "async/loop.h"
#include "fetch/curl.h"

namespace globogym::fetch {
namespace {

constexpr std::size_t most_header_bytes = std::size_t{64} << 10;
constexpr std::size_t most_waiting = 4096;

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_header_value(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return (c >= 0x20 && c != 0x7f) || c == '\t'; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// "localhost" counts: libcurl never asks a name server for it.
bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string text(host);
  in_addr four{};
  in6_addr six{};
  if (::inet_pton(AF_INET, text.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  return ::inet_pton(AF_INET6, text.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool is_loopback(const sockaddr& address) {
  if (address.sa_family == AF_INET)
    return (ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24) == 127;
  return address.sa_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
}

// A URL as libcurl itself reads it: nobody else's reading of one counts.
struct Target {
  bool plain = false;
  std::string host;
};

// An error's message continues "the URL …".
Result<Target> target_of(const Curl& curl, const std::string& url) {
  const auto wrong = [](const char* why) { return fail(Fault::invalid, why); };
  if (url.empty() || url.size() > 2048) return wrong("must have 1 to 2048 characters");
  if (std::ranges::any_of(url, [](unsigned char c) { return c <= 0x20 || c >= 0x7f; }))
    return wrong("must be of visible ASCII characters");
  struct Handle {
    const Curl& curl;
    CURLU* url;
    ~Handle() { curl.url_cleanup(url); }
    std::optional<std::string> part(CURLUPart which) const {
      char* text = nullptr;
      if (url == nullptr || curl.url_get(url, which, &text, 0) != CURLUE_OK) return std::nullopt;
      std::string out(text);
      curl.free(text);
      return out;
    }
  } const handle{curl, curl.url()};
  if (handle.url == nullptr || curl.url_set(handle.url, CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
    return wrong("must be a whole URL, such as https://login.globogym.example");
  const auto scheme = handle.part(CURLUPART_SCHEME);
  const auto host = handle.part(CURLUPART_HOST);
  if (!scheme || !host || (*scheme != "https" && *scheme != "http")) return wrong("must start with https://");
  if (handle.part(CURLUPART_USER) || handle.part(CURLUPART_PASSWORD))
    return wrong("must not hold a user name or a password");
  Target target{.plain = *scheme == "http", .host = *host};
  if (target.plain && !is_loopback(target.host)) return wrong("must be https:// (plain http:// is for loopback only)");
  return target;
}

// One request on its way. Lives in the frame of send().
struct Transfer {
  Request request;
  Target target;
  SteadyTime deadline;
  async::Loop* loop = nullptr;
  std::coroutine_handle<> caller;

  // From here on the thread's own, until the caller is resumed.
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  char problem[CURL_ERROR_SIZE] = {};
  std::size_t header_bytes = 0;
  bool too_long = false;
  bool direct = true;  // not through a proxy
  Reply reply;
  Result<Reply> outcome = fail(Fault::cancelled, "");

  bool only_asks() const { return request.method == "GET" || request.method == "HEAD"; }
};

std::size_t take_body(char* bytes, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (transfer.reply.body.size() + size > transfer.request.max_reply) {
    transfer.too_long = true;
    return 0;
  }
  transfer.reply.body.append(bytes, size);
  return size;
}

std::size_t take_header(char* bytes, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  transfer.header_bytes += size;
  if (transfer.header_bytes > most_header_bytes) {
    transfer.too_long = true;
    return 0;
  }
  std::string_view line(bytes, size);
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    transfer.reply.headers.clear();  // an interim reply (100, 103) went before
    return size;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  auto value = line.substr(colon + 1);
  while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  transfer.reply.headers.emplace_back(lower(line.substr(0, colon)), value);
  return size;
}

// The last look at where a plain request really goes.
curl_socket_t open_socket(void* context, curlsocktype, curl_sockaddr* address) {
  const auto& transfer = *static_cast<const Transfer*>(context);
  if (transfer.target.plain && transfer.direct && !is_loopback(address->addr)) return CURL_SOCKET_BAD;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

class CurlClient final : public Client {
 public:
  CurlClient(const Curl& curl, Options options) : curl_(curl), options_(std::move(options)), multi_(curl.multi_init()) {
    ASSERT(multi_ != nullptr);
    curl_.multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(options_.max_connections_to_a_host));
    curl_.multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 64L);
    // Not with the first request: whoever starts a program can be told that no thread is to be had.
    thread_ = std::thread([this] { run(); });
  }

  ~CurlClient() override {
    {
      const std::lock_guard lock(mutex_);
      ASSERT(known_.empty());
      ending_ = true;
    }
    curl_.multi_wakeup(multi_);
    thread_.join();
    curl_.multi_cleanup(multi_);
  }

  Task<Result<Reply>> send(Request request, std::stop_token stop) override {
    auto target = target_of(curl_, request.url);
    if (!target) co_return fail(Fault::invalid, "the URL " + target.error().message);
    if (!is_token(request.method)) co_return fail(Fault::invalid, "the method cannot be sent");
    for (const auto& [name, value] : request.headers)
      if (!is_token(name) || !is_header_value(value)) co_return fail(Fault::invalid, "a header cannot be sent");

    async::Loop* loop = async::Loop::current();
    ASSERT(loop != nullptr);
    Transfer transfer;
    transfer.deadline = SystemClock().steady() + request.time_limit;
    transfer.request = std::move(request);
    transfer.target = std::move(*target);
    transfer.loop = loop;
    Sending sending{*this, transfer, stop, {}};
    co_await sending;
    co_return std::move(transfer.outcome);
  }

  void close() override {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    curl_.multi_wakeup(multi_);
  }

 private:
  struct Sending {
    CurlClient& client;
    Transfer& transfer;
    std::stop_token stop;
    std::optional<std::stop_callback<std::move_only_function<void()>>> on_stop;

    bool await_ready() { return stop.stop_requested(); }
    void await_suspend(std::coroutine_handle<> caller) {
      transfer.caller = caller;
      client.submit(transfer);
      // The caller is resumed by a post to this very thread, so this frame is still there.
      if (stop.stop_possible()) on_stop.emplace(stop, [this] { client.give_up(transfer); });
    }
    void await_resume() {
      on_stop.reset();
      if (!transfer.outcome && transfer.outcome.error().message.empty())
        transfer.outcome = fail(Fault::cancelled, "the request to " + transfer.target.host + " was given up");
    }
  };

  void submit(Transfer& transfer) {
    const std::lock_guard lock(mutex_);
    known_.insert(&transfer);
    submitted_.push_back(&transfer);
    curl_.multi_wakeup(multi_);
  }

  void give_up(Transfer& transfer) {
    const std::lock_guard lock(mutex_);
    if (!known_.contains(&transfer)) return;  // its caller is being resumed already
    given_up_.push_back(&transfer);
    curl_.multi_wakeup(multi_);
  }

  // --- on the thread ---

  void run() {
    // Signals are the main thread's; a peer that hangs up must not raise SIGPIPE here.
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    for (;;) {
      std::vector<Transfer*> given_up;
      bool closed = false;
      {
        const std::lock_guard lock(mutex_);
        waiting_.insert(waiting_.end(), submitted_.begin(), submitted_.end());
        submitted_.clear();
        given_up.swap(given_up_);
        closed = closed_;
        if (ending_) return;
      }
      for (Transfer* transfer : given_up) end(*transfer, fail(Fault::cancelled, ""));
      if (closed) end_all();
      while (waiting_.size() > most_waiting)
        end(*waiting_.back(), fail(Fault::full, "too many requests wait for their turn"));
      const SteadyTime now = SystemClock().steady();
      end_late(now);
      while (!waiting_.empty() && running_.size() < options_.max_in_progress) start(now);
      int still_running = 0;
      curl_.multi_perform(multi_, &still_running);
      if (collect() && !waiting_.empty()) continue;  // there is room for another one now
      curl_.multi_poll(multi_, nullptr, 0, static_cast<int>(wait_for().count()), nullptr);
    }
  }

  void start(SteadyTime now) {
    Transfer& transfer = *waiting_.front();
    waiting_.pop_front();
    transfer.easy = curl_.easy_init();
    ASSERT(transfer.easy != nullptr);
    prepare(transfer, now);
    running_.insert(&transfer);
    const bool added = curl_.multi_add_handle(multi_, transfer.easy) == CURLM_OK;
    ASSERT(added);
  }

  void prepare(Transfer& transfer, SteadyTime now) {
    const auto set = [&](CURLoption option, auto value) {
      const bool known = curl_.easy_setopt(transfer.easy, option, value) == CURLE_OK;
      ASSERT(known);
    };
    const Request& request = transfer.request;
    set(CURLOPT_PRIVATE, static_cast<void*>(&transfer));
    set(CURLOPT_ERRORBUFFER, transfer.problem);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // a name server that does not answer holds nobody up
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, transfer.target.plain ? "http" : "https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!options_.ca_file.empty()) {
      set(CURLOPT_CAINFO, options_.ca_file.c_str());
      set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }
    set(CURLOPT_PROXY, options_.proxy.c_str());  // "": none, and the environment is not asked
    transfer.direct = options_.proxy.empty();
    set(CURLOPT_USERAGENT, options_.user_agent.c_str());
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(transfer.deadline - now).count();
    const auto connect = std::chrono::ceil<std::chrono::milliseconds>(request.connect_time).count();
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(left, 1)));
    set(CURLOPT_CONNECTTIMEOUT_MS,
        static_cast<long>(std::clamp<std::int64_t>(connect, 1, std::max<std::int64_t>(left, 1))));
    set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.max_reply));
    set(CURLOPT_WRITEFUNCTION, take_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
    set(CURLOPT_HEADERFUNCTION, take_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
    set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&transfer));
    if (request.own_connection) {
      set(CURLOPT_FRESH_CONNECT, 1L);
      set(CURLOPT_FORBID_REUSE, 1L);
    }

    if (request.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    } else if (request.method == "GET" && request.body.empty()) {
      set(CURLOPT_HTTPGET, 1L);
    } else {
      set(CURLOPT_POST, 1L);
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.data());
      set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    const auto add = [&](const std::string& line) {
      curl_slist* longer = curl_.slist_append(transfer.headers, line.c_str());
      ASSERT(longer != nullptr);
      transfer.headers = longer;
    };
    bool typed = false;
    for (const auto& [name, value] : request.headers) {
      typed = typed || lower(name) == "content-type";
      std::string line = name;
      if (value.empty())
        line += ';';  // libcurl's spelling of an empty header
      else
        line.append(": ").append(value);
      add(line);
    }
    if (!typed) add("Content-Type:");  // libcurl would say it is a form
    add("Expect:");
    set(CURLOPT_HTTPHEADER, transfer.headers);
  }

  // True when one has ended.
  bool collect() {
    bool some = false;
    int left = 0;
    while (const CURLMsg* message = curl_.multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      char* context = nullptr;
      curl_.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &context);
      Transfer& transfer = *reinterpret_cast<Transfer*>(context);
      end(transfer, outcome_of(transfer, message->data.result));
      some = true;
    }
    return some;
  }

  Result<Reply> outcome_of(Transfer& transfer, CURLcode code) {
    const std::string& host = transfer.target.host;
    if (transfer.too_long || code == CURLE_FILESIZE_EXCEEDED)
      return fail(Fault::full,
                  host + " answers with more than " + std::to_string(transfer.request.max_reply) + " bytes");
    if (code == CURLE_OK) {
      long status = 0;
      curl_.easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
      transfer.reply.status = static_cast<int>(status);
      return std::move(transfer.reply);
    }
    const std::string why = transfer.problem[0] != 0 ? transfer.problem : curl_.easy_strerror(code);
    const bool harmless = transfer.only_asks() || !sent(transfer);
    if (!harmless) return fail(Fault::unknown_outcome, host + " did not say what it did: " + why);
    if (code == CURLE_OPERATION_TIMEDOUT) return late(transfer);
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) return fail(Fault::invalid, why);
    return fail(Fault::unavailable, host + " cannot be asked: " + why);
  }

  // Whether anything of the request may have gone out.
  bool sent(const Transfer& transfer) const {
    curl_off_t connected_after = 0;
    curl_.easy_getinfo(transfer.easy, CURLINFO_PRETRANSFER_TIME_T, &connected_after);
    return connected_after > 0;
  }

  Result<Reply> late(const Transfer& transfer) const {
    if (transfer.easy != nullptr && !transfer.only_asks() && sent(transfer))
      return fail(Fault::unknown_outcome, transfer.target.host + " did not say what it did in time");
    return fail(Fault::timed_out, transfer.target.host + " does not answer in time");
  }

  void end_late(SteadyTime now) {
    std::vector<Transfer*> due;
    std::ranges::copy_if(running_, std::back_inserter(due),
                         [=](const Transfer* transfer) { return transfer->deadline <= now; });
    std::ranges::copy_if(waiting_, std::back_inserter(due),
                         [=](const Transfer* transfer) { return transfer->deadline <= now; });
    for (Transfer* transfer : due) end(*transfer, late(*transfer));
  }

  void end_all() {
    const std::vector<Transfer*> running(running_.begin(), running_.end());
    for (Transfer* transfer : running) end(*transfer, fail(Fault::cancelled, ""));
    while (!waiting_.empty()) end(*waiting_.front(), fail(Fault::cancelled, ""));
  }

  std::chrono::milliseconds wait_for() const {
    auto wait = std::chrono::milliseconds(60'000);
    const SteadyTime now = SystemClock().steady();
    const auto sooner = [&](const Transfer* transfer) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(transfer->deadline - now);
      wait = std::clamp(left, std::chrono::milliseconds(0), wait);
    };
    for (const Transfer* transfer : running_) sooner(transfer);
    for (const Transfer* transfer : waiting_) sooner(transfer);
    return wait;
  }

  // Gives the transfer back to its caller; nothing of it may be touched afterwards.
  void end(Transfer& transfer, Result<Reply> outcome) {
    if (transfer.easy != nullptr) {
      curl_.multi_remove_handle(multi_, transfer.easy);
      curl_.easy_cleanup(transfer.easy);
      curl_.slist_free_all(transfer.headers);
      transfer.easy = nullptr;
      running_.erase(&transfer);
    } else {
      std::erase(waiting_, &transfer);
    }
    transfer.outcome = std::move(outcome);
    async::Loop& loop = *transfer.loop;
    const auto caller = transfer.caller;
    {
      const std::lock_guard lock(mutex_);
      known_.erase(&transfer);
      std::erase(given_up_, &transfer);
    }
    loop.post([caller] { caller.resume(); });
  }

  const Curl& curl_;
  const Options options_;
  CURLM* const multi_;

  std::mutex mutex_;                     // guards what follows, up to the blank line
  std::unordered_set<Transfer*> known_;  // not yet given back
  std::vector<Transfer*> submitted_;
  std::vector<Transfer*> given_up_;
  bool closed_ = false;
  bool ending_ = false;
  std::thread thread_;

  std::deque<Transfer*> waiting_;          // the thread's own
  std::unordered_set<Transfer*> running_;  // the thread's own
};

}  // namespace

std::optional<std::string_view> Reply::header(std::string_view name) const {
  for (const auto& [known, value] : headers)
    if (known == name) return value;
  return std::nullopt;
}

Result<std::unique_ptr<Client>> open(Options options) {
  auto curl = Curl::load();
  if (!curl) return std::unexpected(curl.error());
  if (!options.ca_file.empty() && ::access(options.ca_file.c_str(), R_OK) != 0)
    return fail(Fault::unavailable, "cannot read " + options.ca_file + ": " + std::strerror(errno));
  return std::make_unique<CurlClient>(**curl, std::move(options));
}

std::optional<std::string> url_problem(std::string_view url) {
  auto curl = Curl::load();
  if (!curl) return "cannot be checked: " + curl.error().message;
  if (auto target = target_of(**curl, std::string(url)); !target) return target.error().message;
  return std::nullopt;
}

}  // namespace globogym::fetch
