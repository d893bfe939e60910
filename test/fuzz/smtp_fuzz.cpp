// Arbitrary bytes as a mail server's: every send ends with an outcome, and no content crosses the wire twice.
//
// The first byte chooses how the server behaves besides speaking; 0xff in the rest ends a connection, 0xfe is silence.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "async/sim_loop.h"
#include "async/stream.h"
#include "mail/smtp/mailer.h"
#include "telemetry/log.h"

namespace {

using namespace globogym;
using async::Task;

struct Wire {
  std::string_view unsaid;   // by the server, over all connections
  std::size_t at_once = 16;  // bytes a read gets at most
  std::string heard;         // from the client, over all connections
};

class Stream final : public async::Stream {
 public:
  explicit Stream(Wire& wire) : wire_(wire) {}
  Task<Result<std::size_t>> read_some(std::span<char> into, Duration time_limit) override {
    ASSERT(!into.empty());
    co_await async::yield_to_loop();
    if (closed_) co_return fail(Fault::cancelled, "closed");
    if (wire_.unsaid.empty() || wire_.unsaid.front() == '\xff') {
      if (!wire_.unsaid.empty()) wire_.unsaid.remove_prefix(1);
      ended_ = true;
      co_return std::size_t{0};
    }
    if (wire_.unsaid.front() == '\xfe') {
      wire_.unsaid.remove_prefix(1);
      co_await async::sleep_for(time_limit);
      co_return fail(Fault::timed_out, "silence");
    }
    std::size_t size = std::min({wire_.at_once, into.size(), wire_.unsaid.size()});
    size = std::min(size, wire_.unsaid.find_first_of("\xfe\xff"));
    std::copy_n(wire_.unsaid.begin(), size, into.begin());
    wire_.unsaid.remove_prefix(size);
    co_return size;
  }
  Task<Result<void>> write_all(std::string_view bytes, Duration) override {
    co_await async::yield_to_loop();
    if (closed_) co_return fail(Fault::cancelled, "closed");
    if (ended_) co_return fail(Fault::unavailable, "broken pipe");
    wire_.heard += bytes;
    co_return Result<void>{};
  }
  Task<Result<void>> start_tls(std::string, Duration) override { co_return Result<void>{}; }
  void close() override { closed_ = true; }

 private:
  Wire& wire_;
  bool closed_ = false;
  bool ended_ = false;
};

class Connector final : public async::Connector {
 public:
  explicit Connector(Wire& wire) : wire_(wire) {}
  Task<Result<std::unique_ptr<async::Stream>>> connect(async::Endpoint, Duration) override {
    if (wire_.unsaid.empty()) co_return fail(Fault::unavailable, "nobody listens");
    co_return std::unique_ptr<async::Stream>(std::make_unique<Stream>(wire_));
  }

 private:
  Wire& wire_;
};

constexpr int letters = 6;

std::string marker(int number) {
  return "X-Marker: " + std::to_string(number) + "\r\n";
}

Task<void> send(mail::Mailer& mailer, int number, std::optional<Result<mail::Receipt>>& into) {
  mail::Letter letter{.from = "a@b.example",
                      .recipient = Personal<std::string>("m" + std::to_string(number) + "@c.example"),
                      .message_id = std::to_string(number) + "@b.example",
                      .content = marker(number) + "\r\n.\r\n.dots\r\n"};
  auto outcome = co_await mailer.send(std::move(letter), {});
  into.emplace(std::move(outcome));
}

Task<void> send_all(mail::Mailer& mailer, std::array<std::optional<Result<mail::Receipt>>, letters>& outcomes) {
  async::Scope scope;
  for (int i = 0; i < letters; ++i) scope.start(send(mailer, i, outcomes[static_cast<std::size_t>(i)]));
  co_await scope.join();
  co_await mailer.close();
}

std::size_t occurrences(std::string_view what, std::string_view in) {
  std::size_t found = 0;
  for (auto at = in.find(what); at != std::string_view::npos; at = in.find(what, at + 1)) ++found;
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > 8192) return 0;
  log::set_level(log::Level::error);
  const std::uint8_t manner = data[0];
  const std::string_view said(reinterpret_cast<const char*>(data) + 1, size - 1);
  Wire wire{.unsaid = said};
  wire.at_once = manner & 1 ? 1 : 512;
  mail::smtp::Options options;
  options.url = {.host = "mail.example",
                 .port = 25,
                 .tls = manner & 2 ? mail::Tls::demanded : mail::Tls::when_offered,
                 .user = manner & 4 ? "me" : "",
                 .password = Personal<std::string>("secret")};
  options.most_connections = manner & 8 ? 3 : 1;
  options.client_name = "client.example";
  Connector connector(wire);
  telemetry::Metrics metrics;
  std::array<std::optional<Result<mail::Receipt>>, letters> outcomes;

  async::SimLoop loop;
  auto mailer = mail::smtp::open(options, connector, metrics);
  auto sending = send_all(*mailer, outcomes);
  loop.run(std::move(sending));
  mailer.reset();

  for (int i = 0; i < letters; ++i) {
    const auto& outcome = *outcomes[static_cast<std::size_t>(i)];
    const std::size_t crossed = occurrences(marker(i), wire.heard);
    ASSERT(crossed <= 1);
    if (outcome) {
      ASSERT(crossed == 1);
      ASSERT(outcome->reply.size() <= 200);
    } else {
      // Ours is never repeated; a server may make up the same word.
      ASSERT(said.find("secret") != std::string_view::npos ||
             outcome.error().message.find("secret") == std::string::npos);
      ASSERT(outcome.error().fault != Fault::unknown_outcome || crossed == 1);
      ASSERT(outcome.error().fault != Fault::timed_out || crossed == 0);
    }
  }
  return 0;
}
