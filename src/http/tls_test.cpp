#include "http/tls.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/random.h"
#include "base/result_test.h"
#include "http/server.h"
#include "http/tls_test_client.h"

namespace globogym::http {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::make_identity;
using test::TestIdentity;
using test::TlsClient;

template <class Condition>
bool eventually(Condition holds) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    std::this_thread::yield();
  }
  return false;
}

class Echo final : public Handler {
 public:
  async::Task<Response> handle(const Request& request) override {
    Response response;
    if (request.path == "/big")
      response.body.assign(4 * 1024 * 1024, 'x');
    else if (request.path == "/who")
      response.body = (request.secure ? "secure " : "plain ") + std::string(request.client_subject);
    else
      response.body = std::string(request.path) + " " + std::string(request.body);
    co_return response;
  }
  void on_refused(std::optional<std::string_view> origin, Response& refusal) override {
    refusal.extra_headers.append("X-Refused: ").append(origin.value_or("nobody knows who")).append("\r\n");
  }
};

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: t\r\n\r\n";
}

// A server under TLS, with its files in a directory of its own. Nobody looks at them unless asked to.
struct Running {
  explicit Running(ServerOptions options = {}, const TestIdentity* client_authority = nullptr, Duration look_every = {})
      : directory(std::filesystem::temp_directory_path() / ("globogym-tls-" + std::to_string(SecureRandom().u64()))) {
    std::filesystem::create_directory(directory);
    write(make_identity({.serial = 1}));
    if (client_authority != nullptr) put(path("ca"), client_authority->certificate);
    TlsFiles used = files();
    if (client_authority != nullptr) used.client_ca = path("ca");
    auto opened = Tls::open(used, {.look_every = look_every}, metrics);
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      return;
    }
    tls = *opened;
    options.listen = {"127.0.0.1:0"};
    options.tls = tls;
    server = std::move(*serve(options, handler, metrics));
  }
  ~Running() {
    server.reset();
    tls.reset();
    std::filesystem::remove_all(directory);
  }

  std::string path(const std::string& name) const { return (directory / name).string(); }
  TlsFiles files() const { return {.certificate = path("certificate"), .key = path("key"), .client_ca = ""}; }
  static void put(const std::string& file, const std::string& text) { std::ofstream(file) << text; }
  void write(const TestIdentity& identity) const {
    put(path("certificate"), identity.certificate);
    put(path("key"), identity.key);
  }
  std::string address() const { return server->address(); }
  std::string serial_seen() const { return TlsClient(address()).serial(); }
  bool metric(const std::string& line) {
    return eventually([&] { return metrics.text().contains(line); });
  }

  std::filesystem::path directory;
  telemetry::Metrics metrics;
  Echo handler;
  std::shared_ptr<Tls> tls;
  std::unique_ptr<Server> server;
};

TEST(Tls, requests_are_answered_under_both_versions_and_told_to_stay_under_tls) {
  Running running;
  for (const auto& [number, name] : {std::pair(0x0303, "TLSv1.2"), std::pair(0x0304, "TLSv1.3")}) {
    TlsClient client(running.address(), {.version = number, .protocols = "http/1.1"});
    ASSERT_EQ(client.failure(), "");
    EXPECT_EQ(client.version(), name);
    EXPECT_EQ(client.protocol(), "http/1.1");
    EXPECT_TRUE(client.cipher().contains("AES128-GCM") || client.cipher().contains("AES_128_GCM")) << client.cipher();

    for (int i = 0; i < 3; ++i) {
      client.send("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi" + get("/who"));
      const auto answer = client.read();
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->body, "/x hi");
      EXPECT_TRUE(answer->head.contains("\r\nStrict-Transport-Security: max-age=31536000\r\n")) << answer->head;
      EXPECT_EQ(client.read()->body, "secure ");
    }
  }
  EXPECT_TRUE(running.metric("globogym_tls_handshakes_total{listener=\"public\",resumed=\"no\",version=\"1.2\"} 1"));
}

TEST(Tls, whoever_handles_requests_knows_for_whom_one_was_refused_under_tls_too) {
  Running running({.max_header = 1024, .max_body = 64, .header_time = 300ms});
  const std::string begin = "POST / HTTP/1.1\r\nHost: t\r\nOrigin: https://club.example\r\n";
  const std::vector<std::pair<int, std::string>> refused = {{413, begin + "Content-Length: 65\r\n\r\n"},
                                                            {431, begin + "X: " + std::string(1024, 'x') + "\r\n\r\n"},
                                                            {408, begin + "Content-Length: 2\r\n\r\nx"}};
  for (const auto& [status, bytes] : refused) {
    TlsClient client(running.address());
    ASSERT_EQ(client.failure(), "");

    client.send(bytes);

    const auto answer = client.read();
    ASSERT_TRUE(answer) << status;
    EXPECT_EQ(answer->status, status);
    EXPECT_TRUE(answer->head.contains("\r\nX-Refused: https://club.example\r\n")) << answer->head;
  }
}

TEST(Tls, what_is_old_or_weak_is_not_spoken) {
  Running running;

  EXPECT_NE(TlsClient(running.address(), {.version = 0x0301, .any_security = true}).failure(), "");
  EXPECT_NE(TlsClient(running.address(), {.version = 0x0302, .any_security = true}).failure(), "");
  for (const char* weak : {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-CCM8",
                           "AES128-GCM-SHA256", "ECDHE-ECDSA-NULL-SHA"})
    EXPECT_NE(TlsClient(running.address(), {.version = 0x0303, .ciphers = weak, .any_security = true}).failure(), "")
        << weak;
  EXPECT_TRUE(running.metric("globogym_http_refused_total{listener=\"public\",reason=\"tls-handshake\"} 7"));
}

TEST(Tls, a_client_that_speaks_only_other_protocols_is_told) {
  Running running;

  EXPECT_TRUE(TlsClient(running.address(), {.protocols = "h2"}).failure().contains("no application protocol"));
  EXPECT_EQ(TlsClient(running.address()).failure(), "");
}

TEST(Tls, keys_may_be_renewed_but_nothing_is_negotiated_again) {
  Running running;
  TlsClient modern(running.address(), {.version = 0x0304});
  TlsClient older(running.address(), {.version = 0x0303});

  EXPECT_TRUE(modern.update_keys());
  modern.send(get("/a"));
  EXPECT_EQ(modern.read()->body, "/a ");
  EXPECT_FALSE(older.renegotiate());
  EXPECT_TRUE(older.failure().empty());
}

TEST(Tls, long_bodies_and_answers_pass_whole_whatever_their_pieces) {
  Running running({.max_body = 300'000});
  TlsClient client(running.address());
  const std::string body(200'000, 'b');

  client.send("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 200000\r\n\r\n" + body + get("/big"));
  EXPECT_EQ(client.read()->body, "/x " + body);
  EXPECT_EQ(client.read()->body.size(), 4u * 1024 * 1024);
  for (char c : get("/slow")) client.send(std::string(1, c));
  EXPECT_EQ(client.read()->body, "/slow ");
}

TEST(Tls, a_client_that_ends_its_side_still_gets_its_answers) {
  Running running;
  TlsClient client(running.address());

  client.send("GET /a HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");

  EXPECT_EQ(client.read()->body, "/a ");
  EXPECT_EQ(client.read_to_end(), "");  // and is told that nothing more comes, not cut
  EXPECT_EQ(client.failure(), "");
}

TEST(Tls, plain_http_is_answered_once_in_plain_and_closed) {
  Running running;
  Client client(running.address());

  client.send(get("/a") + get("/b"));
  const auto answer = client.read();

  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 400);
  EXPECT_TRUE(answer->body.contains("https://globogym.example/problems/tls-required"));
  EXPECT_FALSE(answer->head.contains("Strict-Transport-Security"));
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(Tls, what_is_neither_tls_nor_http_is_closed_without_a_word) {
  Running running;
  Client client(running.address());

  client.send("\x80\x2e\x01 something older");

  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(running.metric("reason=\"not-tls\"} 1"));
}

TEST(Tls, a_handshake_that_does_not_go_on_is_ended) {
  Running running({.header_time = 50ms});
  Client silent(running.address());
  Client halfway(running.address());

  halfway.send(std::string("\x16\x03\x01\x02\x00\x01", 6));

  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_EQ(halfway.read_to_end(), "");
  EXPECT_TRUE(running.metric("reason=\"tls-handshake-timeout\"} 2"));
}

TEST(Tls, a_broken_handshake_or_record_ends_the_connection) {
  Running running;
  Client handshake(running.address());
  TlsClient record(running.address());

  handshake.send(std::string("\x16\x03\x01\x00\x04garb", 9));
  const auto said = handshake.read_to_end();
  ASSERT_TRUE(said);
  EXPECT_TRUE(said->starts_with('\x15'));  // an alert
  EXPECT_TRUE(running.metric("reason=\"tls-handshake\"} 1"));

  record.send_beneath(std::string("\x17\x03\x03\x00\x05hello", 10));
  EXPECT_EQ(record.read_to_end(), "");
  EXPECT_TRUE(running.metric("globogym_http_connections{listener=\"public\"} 0"));
}

TEST(Tls, clients_must_show_a_certificate_where_it_is_demanded) {
  const TestIdentity authority = make_identity({.name = "Authority", .authority = true});
  const TestIdentity known = make_identity({.name = "crm.globogym.example", .signed_by = &authority});
  const TestIdentity expired = make_identity({.name = "old", .days = -1, .signed_by = &authority});
  const TestIdentity foreign = make_identity({.name = "crm.globogym.example"});
  Running running({}, &authority);

  TlsClient welcome(running.address(), {.identity = &known});
  welcome.send(get("/who"));
  EXPECT_EQ(welcome.read()->body, "secure CN=crm.globogym.example");
  for (const TestIdentity* unwelcome : {static_cast<const TestIdentity*>(nullptr), &expired, &foreign}) {
    TlsClient client(running.address(), {.identity = unwelcome});
    client.send(get("/who"));
    EXPECT_FALSE(client.read());
    EXPECT_NE(client.failure(), "");
  }
  EXPECT_TRUE(running.metric("reason=\"tls-handshake\"} 3"));
}

TEST(Tls, a_session_is_resumed_also_after_the_certificate_was_replaced) {
  Running running;
  for (const int version : {0x0303, 0x0304}) {
    TlsClient first(running.address(), {.version = version});
    first.send(get("/a"));
    ASSERT_TRUE(first.read());

    running.write(make_identity({.serial = 2}));
    ASSERT_TRUE(running.tls->reload());
    TlsClient second(running.address(), {.version = version, .resume = first.session()});
    second.send(get("/b"));

    EXPECT_EQ(second.read()->body, "/b ");
    EXPECT_TRUE(second.resumed()) << version;
  }
}

TEST(Tls, a_session_is_not_resumed_under_other_authorities) {
  const TestIdentity before = make_identity({.name = "Before", .authority = true});
  const TestIdentity after = make_identity({.name = "After", .authority = true});
  const TestIdentity client = make_identity({.name = "client", .signed_by = &before});
  Running running({}, &before);
  TlsClient first(running.address(), {.identity = &client});
  first.send(get("/who"));
  ASSERT_TRUE(first.read());
  TlsClient again(running.address(), {.identity = &client, .resume = first.session()});
  again.send(get("/who"));
  ASSERT_EQ(again.read()->body, "secure CN=client");
  ASSERT_TRUE(again.resumed());

  Running::put(running.path("ca"), after.certificate);
  ASSERT_TRUE(running.tls->reload());
  TlsClient refused(running.address(), {.identity = &client, .resume = first.session()});
  refused.send(get("/who"));

  EXPECT_FALSE(refused.read());
}

TEST(Tls, a_new_certificate_is_for_new_connections_and_open_ones_go_on) {
  Running running;
  TlsClient old(running.address());
  ASSERT_EQ(old.serial(), "1");

  running.write(make_identity({.serial = 2}));
  EXPECT_EQ(running.serial_seen(), "1");
  ASSERT_TRUE(running.tls->reload());

  EXPECT_EQ(running.serial_seen(), "2");
  EXPECT_EQ(running.tls->certificate().serial, "02");
  old.send(get("/a"));
  EXPECT_EQ(old.read()->body, "/a ");
  EXPECT_TRUE(running.metric("globogym_tls_reloads_total{listener=\"public\",result=\"ok\"} 1"));
}

TEST(Tls, a_change_of_the_files_is_noticed) {
  Running running({}, nullptr, 10ms);

  running.write(make_identity({.serial = 2}));
  EXPECT_TRUE(eventually([&] { return running.serial_seen() == "2"; }));
  // As most tools do it: a new file takes the old one's name.
  const TestIdentity third = make_identity({.serial = 3});
  Running::put(running.path("new"), third.key);
  std::filesystem::rename(running.path("new"), running.path("key"));
  Running::put(running.path("new"), third.certificate);
  std::filesystem::rename(running.path("new"), running.path("certificate"));
  EXPECT_TRUE(eventually([&] { return running.serial_seen() == "3"; }));
}

TEST(Tls, a_bad_replacement_leaves_the_old_certificate_in_force) {
  Running running({}, nullptr, 10ms);
  const TestIdentity next = make_identity({.serial = 2});
  const auto stays = [&](const TestIdentity& bad, const std::string& why) {
    running.write(bad);
    const auto reloaded = running.tls->reload();
    ASSERT_FALSE(reloaded) << why;
    EXPECT_TRUE(reloaded.error().message.contains(why)) << reloaded.error().message;
    EXPECT_EQ(running.serial_seen(), "1");
  };

  stays({.certificate = next.certificate, .key = make_identity({}).key}, "does not belong");
  stays({.certificate = "", .key = next.key}, "no certificate");
  stays({.certificate = next.certificate.substr(0, next.certificate.size() / 2), .key = next.key}, "malformed");
  stays({.certificate = next.certificate, .key = ""}, "no private key");
  stays({.certificate = next.certificate, .key = test::encrypted(next.key)}, "encrypted");
  stays(make_identity({.serial = 2, .small_key = true}), "key too small");
  stays(make_identity({.serial = 2, .days = -1}), "expired");
  std::filesystem::remove(running.path("key"));
  EXPECT_FALSE(running.tls->reload());
  EXPECT_TRUE(running.metric("result=\"failed\"} "));

  running.write(next);
  EXPECT_TRUE(eventually([&] { return running.serial_seen() == "2"; }));
}

TEST(Tls, files_that_cannot_be_used_are_named) {
  Running running;
  telemetry::Metrics metrics;

  for (const TlsFiles& files :
       {TlsFiles{running.path("nothing"), running.path("key"), ""}, TlsFiles{running.path("certificate"), "", ""},
        TlsFiles{running.path("certificate"), running.path("certificate"), ""},
        TlsFiles{running.path("certificate"), running.path("key"), running.path("key")}}) {
    const auto opened = Tls::open(files, {}, metrics);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().fault, Fault::invalid);
  }
  EXPECT_TRUE(said(Tls::examine({running.path("nothing"), running.path("key"), ""})).contains("nothing"));
  const auto facts = Tls::examine(running.files());
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->names, "DNS:localhost");
  EXPECT_EQ(facts->key, "EC prime256v1");
  EXPECT_GT(facts->not_after, facts->not_before);
}

TEST(Tls, when_the_certificate_ends_is_told) {
  Running running;

  const std::string text = running.metrics.text();
  const std::size_t at = text.find("\nglobogym_tls_certificate_expires_in_seconds{listener=\"public\"} ");
  ASSERT_NE(at, std::string::npos);
  EXPECT_NEAR(std::stod(text.substr(text.find("} ", at) + 2)), 30 * 24 * 3600, 60);
}

TEST(Tls, connections_over_the_limit_are_told_under_tls) {
  Running running({.max_connections = 1});
  TlsClient first(running.address());
  first.send(get("/a"));
  ASSERT_TRUE(first.read());

  TlsClient second(running.address());
  second.send(get("/b"));

  EXPECT_EQ(second.read()->status, 503);
  EXPECT_EQ(second.read_to_end(), "");
}

TEST(Tls, who_may_not_have_a_handshake_is_closed_without_a_word_and_holds_no_place) {
  std::atomic<int> left = 1;
  Running running({.max_connections = 2, .may_handshake = [&](const std::string& address) {
                     EXPECT_EQ(address, "127.0.0.1");
                     return left-- > 0;
                   }});
  TlsClient first(running.address());
  first.send(get("/a"));
  ASSERT_TRUE(first.read());

  for (int i = 0; i < 5; ++i) {
    Client refused(running.address());
    EXPECT_EQ(refused.read_to_end(), "") << i;
  }
  EXPECT_EQ(left, -5) << "asked once for each";
  EXPECT_TRUE(running.metrics.text().contains(
      "globogym_http_refused_total{listener=\"public\",reason=\"too-many-handshakes\"} 5\n"));

  left = 1;
  TlsClient second(running.address());
  second.send(get("/b"));
  const auto answer = second.read();
  ASSERT_TRUE(answer) << second.failure();
  EXPECT_EQ(answer->status, 200);
  first.send(get("/c"));
  EXPECT_EQ(first.read()->status, 200) << "who is in is not asked about again";
}

TEST(Tls, stopping_ends_what_is_shaking_hands_and_answers_what_is_asked) {
  Running running;
  Client silent(running.address());
  TlsClient idle(running.address());
  idle.send(get("/a"));
  ASSERT_TRUE(idle.read());

  running.server->stop(5s);

  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_EQ(idle.read_to_end(), "");
}

// Clients of all bad manners at once; what must hold is that the rest is served, and that stopping ends everything.
TEST(Tls, ill_mannered_clients_harm_nobody_else) {
  Running running({.threads = 2, .max_held = 16 * 1024 * 1024, .header_time = 100ms, .write_time = 100ms});
  const auto behave_badly = [&](std::uint64_t seed) {
    SeededRandom random(seed);
    const std::vector<std::string> sayings = {get("/a"),         get("/a") + get("/big"),
                                              get("/big"),       "GET /a HTTP/1.1\r\nHo",
                                              "GARBAGE\r\n\r\n", std::string(70'000, 'x')};
    for (int i = 0; i < 40; ++i) {
      if (random.below(4) == 0) {  // never gets as far as TLS
        Client client(running.address());
        std::string hello("\x16\x03\x01\x00\xf0\x01\x00\x00\xec\x03\x03", 11);
        for (std::uint64_t more = random.below(240); more > 0; --more) hello += static_cast<char>(random.below(256));
        client.send(random.below(3) == 0 ? get("/plain") : hello);
        if (random.below(2) == 0) client.reset();
        continue;
      }
      TlsClient client(running.address(), {.version = random.below(2) ? 0x0303 : 0x0304});
      for (std::uint64_t says = random.below(5); says > 0; --says) {
        client.send(sayings[random.below(sayings.size())]);
        if (random.below(3) == 0) client.read_until("HTTP/1.1 ");
        if (random.below(6) == 0) client.update_keys();
        if (random.below(8) == 0) client.send_beneath("\x17\x03\x03");
      }
      switch (random.below(3)) {
        case 0:
          client.reset();
          break;
        case 1:
          client.end_sending();
          break;
        default:
          break;
      }
    }
  };

  std::vector<std::thread> clients;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) clients.emplace_back(behave_badly, seed);
  TlsClient polite(running.address());
  for (std::uint64_t i = 2; i < 40; ++i) {
    polite.send(get("/a"));
    const auto answer = polite.read();
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->status, 200);
    running.write(make_identity({.serial = static_cast<long>(i)}));
    ASSERT_TRUE(running.tls->reload());
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(running.serial_seen(), "39");
  TlsClient late(running.address());
  late.send(get("/big"));

  running.server->stop(0ms);
}

TEST(TicketKeys, turn_every_hour_and_the_one_before_still_opens) {
  TicketKeys keys;
  const SteadyTime start = SystemClock().steady();
  const auto first = keys.present(start);
  EXPECT_EQ(keys.present(start + 59min).name, first.name);

  const auto second = keys.present(start + 61min);
  EXPECT_NE(second.name, first.name);
  EXPECT_NE(second.cipher, first.cipher);
  const auto old = keys.find(first.name, start + 62min);
  ASSERT_TRUE(old);
  EXPECT_FALSE(old->present);
  EXPECT_EQ(old->key.mac, first.mac);
  EXPECT_TRUE(keys.find(second.name, start + 62min)->present);

  EXPECT_FALSE(keys.find(first.name, start + 122min));
  EXPECT_FALSE(keys.find(second.name, start + 500min));  // nobody asked for hours: both are too old
}

}  // namespace
}  // namespace globogym::http
