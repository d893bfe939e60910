#include "mail/smtp/mailer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "async/sim_loop.h"
#include "mail/smtp/fake_server.h"

namespace globogym::mail::smtp {
namespace {

using namespace std::chrono_literals;

Letter letter_to(std::string recipient, std::string body = "Hello\r\n") {
  return {.from = "welcome@globogym.example",
          .recipient = Personal<std::string>(std::move(recipient)),
          .message_id = "1@globogym.example",
          .content = "Subject: Hi\r\n\r\n" + body};
}

Options options(std::size_t most_connections = 1) {
  Options out;
  out.url = {.host = "mail.example", .port = 25, .tls = Tls::off, .user = {}, .password = {}};
  out.most_connections = most_connections;
  out.client_name = "client.example";
  return out;
}

// A mailer, its server, and the outcomes of what is sent, on a virtual clock.
class World {
 public:
  explicit World(fake::Manners manners = {}, Options with = options())
      : server(std::move(manners)), mailer(smtp::open(std::move(with), server, metrics)) {}
  ~World() { close(); }

  void close() {
    if (!mailer) return;
    auto closing = mailer->close();
    loop.run(std::move(closing));
    mailer.reset();
    EXPECT_EQ(server.open, 0u);
  }
  std::size_t start(Letter letter) {
    outcomes.emplace_back();
    loop.post([this, at = outcomes.size() - 1, one = std::move(letter)]() mutable {
      scope.start(keep(*mailer, std::move(one), stops[at].get_token(), outcomes[at]));
    });
    return outcomes.size() - 1;
  }
  void finish() {
    loop.run_until([this] { return std::ranges::all_of(outcomes, [](auto& one) { return one.has_value(); }); }, 10min);
  }
  std::vector<std::optional<Fault>> faults() const {
    std::vector<std::optional<Fault>> out;
    for (const auto& outcome : outcomes)
      out.push_back(outcome->has_value() ? std::nullopt : std::optional(outcome->error().fault));
    return out;
  }
  std::optional<Fault> send(Letter letter) {
    const auto at = start(std::move(letter));
    finish();
    return faults().at(at);
  }
  const std::string& words() const { return outcomes.back()->error().message; }

  static Task<void> keep(mail::Mailer& mailer, Letter letter, std::stop_token stop,
                         std::optional<Result<Receipt>>& into) {
    auto outcome = co_await mailer.send(std::move(letter), stop);
    into.emplace(std::move(outcome));
  }

  async::SimLoop loop;
  telemetry::Metrics metrics;
  fake::Server server;
  std::unique_ptr<mail::Mailer> mailer;
  async::Scope scope;
  std::deque<std::optional<Result<Receipt>>> outcomes;
  std::map<std::size_t, std::stop_source> stops;
};

fake::Manners answering(std::string command, std::string answer) {
  fake::Manners manners;
  manners.answers = [=](const std::string& line) -> std::optional<std::string> {
    return line.starts_with(command) ? std::optional(answer) : std::nullopt;
  };
  return manners;
}
fake::Manners without_pipelining(fake::Manners manners = {}) {
  manners.abilities = {"SIZE 100000", "8BITMIME", "SMTPUTF8"};
  return manners;
}

constexpr auto sent = std::optional<Fault>();

TEST(SmtpMailer, a_letter_arrives_with_its_dots_as_they_were) {
  World world;

  const auto outcome = world.send(letter_to("ada@example.com", ".\r\n..two\r\nlast"));

  EXPECT_EQ(outcome, sent);
  ASSERT_EQ(world.server.delivered.size(), 1u);
  EXPECT_EQ(world.server.delivered[0].content, "Subject: Hi\r\n\r\n.\r\n..two\r\nlast\r\n");
  EXPECT_EQ(world.server.delivered[0].recipient, "RCPT TO:<ada@example.com>");
  EXPECT_EQ(world.server.delivered[0].mail, "MAIL FROM:<welcome@globogym.example> SIZE=31");
  EXPECT_EQ((*world.outcomes[0])->reply, "2.0.0 Ok: queued as 1");
}

TEST(SmtpMailer, letters_in_a_row_cost_one_write_each_when_the_server_pipelines) {
  World world;
  for (int i = 0; i < 50; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

  world.finish();

  EXPECT_EQ(world.server.delivered.size(), 50u);
  EXPECT_EQ(world.server.connections, 1u);
  EXPECT_LE(world.server.writes, 53u);  // EHLO, the first envelope, 50 contents
}

TEST(SmtpMailer, a_server_without_pipelining_is_spoken_to_command_by_command) {
  World world(without_pipelining());
  for (int i = 0; i < 3; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

  world.finish();

  EXPECT_EQ(world.server.delivered.size(), 3u);
  EXPECT_EQ(world.server.writes, 1u + 3 * 4);
}

TEST(SmtpMailer, a_server_that_knows_no_EHLO_is_greeted_with_HELO) {
  fake::Manners manners;
  manners.knows_ehlo = false;
  World world(manners);

  EXPECT_EQ(world.send(letter_to("ada@example.com")), sent);
  EXPECT_EQ(world.server.delivered[0].mail, "MAIL FROM:<welcome@globogym.example>");
}

struct Expectation {
  std::string command;
  std::string answer;
  Fault fault;
};

class EveryStage : public testing::TestWithParam<bool> {};

TEST_P(EveryStage, a_refusal_means_what_the_port_says) {
  const std::vector<Expectation> expectations = {
      {"greeting", "421 4.3.2 closing\r\n", Fault::unavailable},
      {"greeting", "554 5.7.1 not you\r\n", Fault::unavailable},
      {"EHLO", "421 no\r\n", Fault::unavailable},
      {"EHLO", "450 later\r\n", Fault::unavailable},
      {"MAIL", "421 4.3.2 closing\r\n", Fault::unavailable},
      {"MAIL", "450 4.7.1 later\r\n", Fault::unavailable},
      {"MAIL", "451 4.3.0 trouble\r\n", Fault::unavailable},
      {"MAIL", "452 4.3.1 disk\r\n", Fault::unavailable},
      {"MAIL", "550 5.7.1 no\r\n", Fault::unavailable},
      {"MAIL", "530 5.7.0 authenticate\r\n", Fault::unavailable},
      {"MAIL", "552 5.3.4 too large\r\n", Fault::refused},
      {"RCPT", "421 4.3.2 closing\r\n", Fault::unavailable},
      {"RCPT", "450 4.2.1 greylisted\r\n", Fault::deferred},
      {"RCPT", "451 4.3.0 trouble\r\n", Fault::unavailable},
      {"RCPT", "451 4.7.1 greylisted\r\n", Fault::deferred},
      {"RCPT", "452 no room\r\n", Fault::unavailable},
      {"RCPT", "452 4.5.3 too many\r\n", Fault::unavailable},
      {"RCPT", "452 4.2.2 mailbox full\r\n", Fault::deferred},
      {"RCPT", "550 5.1.1 unknown\r\n", Fault::refused},
      {"RCPT", "553 bad\r\n", Fault::refused},
      {"RCPT", "530 5.7.0 authenticate\r\n", Fault::unavailable},
      {"DATA", "421 closing\r\n", Fault::unavailable},
      {"DATA", "451 later\r\n", Fault::deferred},
      {"DATA", "451 4.3.0 trouble\r\n", Fault::unavailable},
      {"DATA", "554 no\r\n", Fault::refused},
      {"DATA", "250 what\r\n", Fault::unavailable},
      {".", "421 closing\r\n", Fault::unavailable},
      {".", "451 4.7.1 later\r\n", Fault::deferred},
      {".", "452 4.3.1 disk\r\n", Fault::unavailable},
      {".", "550 5.7.1 spam\r\n", Fault::refused},
      {".", "554 5.6.0 bad\r\n", Fault::refused},
      {".", "354 what\r\n", Fault::unknown_outcome},
      {".", "gibberish\r\n", Fault::unknown_outcome},
      {".", "!", Fault::unknown_outcome},
      {"greeting", "gibberish\r\n", Fault::unavailable},
      {"greeting", "!", Fault::unavailable},
      {"EHLO", "\r\n", Fault::unavailable},
      {"EHLO", "!", Fault::unavailable},
      {"MAIL", "99 low\r\n", Fault::unavailable},
      {"MAIL", "!250 ok\r\n", Fault::unavailable},
      {"RCPT", "250-one\r\n251 two\r\n", Fault::unavailable},
      {"RCPT", "!", Fault::unavailable},
      {"DATA", std::string(600, '3') + "\r\n", Fault::unavailable},
      {"DATA", "!", Fault::unavailable},
  };
  for (const auto& expected : expectations) {
    fake::Manners manners = answering(expected.command, expected.answer);
    if (expected.command == "greeting") {
      manners = {};
      manners.greeting = expected.answer;
    }
    World world(GetParam() ? manners : without_pipelining(manners));

    const auto outcome = world.send(letter_to("ada@example.com"));

    EXPECT_EQ(outcome, expected.fault) << expected.command << " " << expected.answer << world.words();
    if (expected.fault != Fault::unknown_outcome) {
      EXPECT_EQ(world.server.delivered.size(), 0u);
    }
  }
}

TEST_P(EveryStage, silence_ends_in_a_time_out_and_after_the_content_in_not_knowing) {
  for (std::string command : {"greeting", "EHLO", "MAIL", "RCPT", "DATA", "."}) {
    fake::Manners manners = answering(command, "");
    if (command == "greeting") manners.greeting = "";
    World world(GetParam() ? manners : without_pipelining(manners));

    const auto outcome = world.send(letter_to("ada@example.com"));

    EXPECT_EQ(outcome, command == "." ? Fault::unknown_outcome : Fault::timed_out) << command;
  }
}

// An answer that drips a byte at a time is complete only within the limit for all of it.
TEST_P(EveryStage, a_connection_that_dies_after_any_byte_loses_no_letter_and_doubles_none) {
  for (bool saying : {true, false}) {
    bool died = true;
    for (std::size_t bytes = 0; died; ++bytes) {
      fake::Manners manners = GetParam() ? fake::Manners{} : without_pipelining();
      manners.bytes_at_once = 7;
      (saying ? manners.dies_after_saying : manners.dies_after_hearing) = bytes;
      World world(manners);
      for (int i = 0; i < 3; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

      world.finish();

      died = world.server.connections > 1 || world.faults() != std::vector{sent, sent, sent};
      for (int i = 0; i < 3; ++i) {
        const auto times = world.server.times_delivered("m" + std::to_string(i) + "@");
        const auto fault = world.faults()[static_cast<std::size_t>(i)];
        if (!fault) {
          EXPECT_EQ(times, 1u) << saying << bytes;
        } else if (*fault == Fault::unknown_outcome) {
          EXPECT_LE(times, 1u) << saying << bytes;
        } else {
          EXPECT_EQ(*fault, Fault::unavailable);
          EXPECT_EQ(times, 0u) << saying << bytes;
        }
      }
      ASSERT_LT(bytes, 5000u);
    }
  }
}

TEST_P(EveryStage, a_refused_recipient_does_not_disturb_its_neighbours) {
  fake::Manners manners = answering("RCPT TO:<bad", "550 5.1.1 <bad2@example.com>: no such BAD2@example.com here\r\n");
  World world(GetParam() ? manners : without_pipelining(manners));
  for (std::string name : {"a", "b", "bad2", "c", "bad2", "bad2", "d"}) world.start(letter_to(name + "@example.com"));

  world.finish();

  const std::optional<Fault> no = Fault::refused;
  EXPECT_EQ(world.faults(), (std::vector{sent, sent, no, sent, no, no, sent}));
  EXPECT_EQ(world.server.delivered.size(), 4u);
  EXPECT_EQ(world.server.connections, 1u);
  EXPECT_EQ(world.outcomes[2]->error().message,
            "the mail server answered RCPT with 550 5.1.1 <recipient>: no such <recipient> here");
}

TEST_P(EveryStage, a_server_that_wants_content_for_a_refused_recipient_gets_none) {
  fake::Manners manners;
  manners.answers = [bad = false](const std::string& line) mutable -> std::optional<std::string> {
    if (line.starts_with("RCPT")) bad = line.find("bad") != std::string::npos;
    if (bad && line.starts_with("RCPT")) return "550 5.1.1 no\r\n";
    if (bad && line == "DATA") return "354 go ahead anyway\r\n";
    return std::nullopt;
  };
  World world(GetParam() ? manners : without_pipelining(manners));
  for (std::string name : {"a", "bad", "c"}) world.start(letter_to(name + "@example.com"));

  world.finish();

  EXPECT_EQ(world.faults(), (std::vector{sent, std::optional(Fault::refused), sent}));
  EXPECT_EQ(world.server.delivered.size(), 2u);
}

TEST_P(EveryStage, a_server_that_ends_connections_after_some_letters_is_taken_as_it_is) {
  fake::Manners manners = GetParam() ? fake::Manners{} : without_pipelining();
  manners.letters_per_connection = 4;
  World world(manners);
  for (int i = 0; i < 21; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

  world.finish();

  EXPECT_EQ(world.faults(), std::vector(21, sent));
  EXPECT_EQ(world.server.delivered.size(), 21u);
  EXPECT_EQ(world.server.connections, 6u);
}

TEST_P(EveryStage, a_server_that_hangs_up_in_the_middle_of_a_letter_is_heard_out) {
  fake::Manners manners = GetParam() ? fake::Manners{} : without_pipelining();
  manners.mortal_connection = 0;
  manners.most_content = 50;
  World world(manners);
  world.start(letter_to("a@example.com"));
  world.start(letter_to("b@example.com", std::string(60, 'x') + "\r\nand more\r\n"));
  world.start(letter_to("c@example.com"));

  world.finish();

  EXPECT_EQ(world.faults(), (std::vector{sent, std::optional(Fault::refused), sent}));
  EXPECT_EQ(world.server.delivered.size(), 2u);
}

TEST_P(EveryStage, a_stop_at_any_moment_ends_the_send_and_never_sends_half_a_letter) {
  for (std::size_t steps = 0; steps < 60; ++steps) {
    World world(GetParam() ? fake::Manners{} : without_pipelining());
    for (int i = 0; i < 3; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));
    for (std::size_t i = 0; i < steps; ++i) world.loop.step();

    world.loop.post([&] { world.stops[1].request_stop(); });
    world.finish();

    const auto fault = world.faults()[1];
    const auto times = world.server.times_delivered("m1@");
    if (!fault) {
      EXPECT_EQ(times, 1u);
    } else {
      EXPECT_EQ(*fault, Fault::cancelled);
      EXPECT_EQ(times, 0u);
    }
    EXPECT_EQ(world.faults()[0], sent);
    EXPECT_EQ(world.faults()[2], sent);
    for (const auto& one : world.server.delivered) EXPECT_EQ(one.content, "Subject: Hi\r\n\r\nHello\r\n");
  }
}

INSTANTIATE_TEST_SUITE_P(Pipelining, EveryStage, testing::Bool());

TEST(SmtpMailer, a_stop_while_the_answer_is_awaited_waits_a_little_and_then_does_not_know) {
  World world(answering(".", ""));
  world.start(letter_to("ada@example.com"));
  world.loop.advance(1s);

  world.loop.post([&] { world.stops[0].request_stop(); });
  world.loop.advance(4s);
  EXPECT_FALSE(world.outcomes[0].has_value());
  world.finish();

  EXPECT_EQ(world.faults()[0], Fault::unknown_outcome);
}

TEST(SmtpMailer, a_connection_idle_for_long_leaves_politely) {
  World world;
  world.send(letter_to("ada@example.com"));
  EXPECT_EQ(world.server.open, 1u);

  world.loop.advance(21s);

  EXPECT_EQ(world.server.open, 0u);
  EXPECT_EQ(world.server.lines.back(), "QUIT");
}

TEST(SmtpMailer, a_connection_the_server_ended_while_it_was_idle_costs_no_letter) {
  fake::Manners manners;
  World world(manners);
  world.send(letter_to("ada@example.com"));
  world.server.manners.answers = [first = true](const std::string&) mutable -> std::optional<std::string> {
    return std::exchange(first, false) ? std::optional<std::string>("!") : std::nullopt;
  };

  EXPECT_EQ(world.send(letter_to("bob@example.com")), sent);

  EXPECT_EQ(world.server.connections, 2u);
  EXPECT_EQ(world.server.delivered.size(), 2u);
}

TEST(SmtpMailer, as_many_connections_as_letters_wait_but_no_more_than_allowed) {
  World world({}, options(4));
  world.start(letter_to("a@example.com"));
  world.start(letter_to("b@example.com"));
  world.finish();
  EXPECT_LE(world.server.connections, 2u);

  for (int i = 0; i < 40; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));
  world.finish();

  EXPECT_LE(world.server.connections, 4u);
  EXPECT_EQ(world.server.delivered.size(), 42u);
}

TEST(SmtpMailer, an_unreachable_server_is_unavailable_for_all_who_wait_and_found_again_later) {
  World world({}, options(4));
  world.server.refuses_connections = true;
  for (int i = 0; i < 10; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));
  world.finish();
  EXPECT_EQ(world.faults(), std::vector(10, std::optional(Fault::unavailable)));

  world.server.refuses_connections = false;

  EXPECT_EQ(world.send(letter_to("ada@example.com")), sent);
}

TEST(SmtpMailer, too_many_waiting_letters_are_turned_away) {
  Options with = options();
  with.most_waiting = 5;
  World world(answering("MAIL", ""), with);
  for (int i = 0; i < 10; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));
  world.loop.advance(1s);

  EXPECT_TRUE(world.outcomes.back().has_value());
  EXPECT_EQ(world.outcomes.back()->error().fault, Fault::unavailable);
  world.close();
}

TEST(SmtpMailer, closing_ends_every_send_at_once) {
  for (std::string silent_at : {"EHLO", "MAIL", "DATA", "."}) {
    World world(answering(silent_at, ""));
    for (int i = 0; i < 3; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));
    world.loop.advance(1s);
    const auto before = world.loop.clock().steady();

    world.close();
    world.finish();

    EXPECT_LT(world.loop.clock().steady() - before, 3s);
    const auto fault = silent_at == "." ? Fault::unknown_outcome : Fault::cancelled;
    EXPECT_EQ(world.faults(), (std::vector<std::optional<Fault>>{fault, Fault::cancelled, Fault::cancelled}))
        << silent_at;
  }
}

TEST(SmtpMailer, nothing_in_a_letter_becomes_a_command) {
  const std::vector<Letter> evil = {
      letter_to("ada@example.com>\r\nRCPT TO:<eve@example.com"),
      letter_to("ada@example.com\nDATA"),
      letter_to(std::string("ada\0@example.com", 16)),
      letter_to("ada@exam ple.com"),
      letter_to(""),
      letter_to("ada@example.com", "smuggled\n.\nMAIL FROM:<eve@example.com>\r\n"),
      letter_to("ada@example.com", "smuggled\r.\rMAIL\r\n"),
      letter_to("ada@example.com", "smuggled\n.\r\nMAIL FROM:<eve@example.com>\r\n"),
      letter_to("ada@example.com", std::string(999, 'x') + "\r\n"),
      letter_to("ada@example.com", std::string("a\0b\r\n", 5)),
  };
  World world;
  for (const auto& letter : evil) EXPECT_EQ(world.send(letter), Fault::refused);
  Letter forged = letter_to("ada@example.com");
  forged.from = "a@b>\r\nRSET";
  EXPECT_EQ(world.send(forged), Fault::refused);

  EXPECT_EQ(world.server.lines.size(), 0u);
}

TEST(SmtpMailer, an_international_address_needs_a_server_that_says_so) {
  World able, unable(without_pipelining({}));
  unable.server.manners.abilities = {"8BITMIME"};

  EXPECT_EQ(able.send(letter_to("jörg@müller.example")), sent);
  EXPECT_EQ(unable.send(letter_to("jörg@müller.example")), Fault::refused);
  EXPECT_EQ(unable.send(letter_to("joerg@müller.example")), sent);

  EXPECT_EQ(able.server.delivered[0].recipient, "RCPT TO:<jörg@xn--mller-kva.example>");
  EXPECT_TRUE(able.server.delivered[0].mail.ends_with(" SMTPUTF8"));
  EXPECT_EQ(unable.server.delivered[0].recipient, "RCPT TO:<joerg@xn--mller-kva.example>");
}

TEST(SmtpMailer, a_letter_larger_than_the_server_takes_is_refused_without_asking) {
  fake::Manners manners;
  manners.abilities = {"SIZE 100"};
  World world(manners);

  EXPECT_EQ(world.send(letter_to("ada@example.com", std::string(200, 'x') + "\r\n")), Fault::refused);
  EXPECT_EQ(world.send(letter_to("ada@example.com")), sent);
}

Options with_password(Tls tls, std::string host = "mail.example") {
  Options out = options();
  out.url = {
      .host = std::move(host), .port = 587, .tls = tls, .user = "me", .password = Personal<std::string>("secret")};
  return out;
}

TEST(SmtpMailer, a_password_goes_under_TLS_or_to_this_machine_only) {
  fake::Manners manners;
  manners.abilities = {"STARTTLS", "AUTH LOGIN PLAIN"};
  {
    World world(manners, with_password(Tls::off));
    EXPECT_EQ(world.send(letter_to("ada@example.com")), Fault::unavailable);
    for (const auto& line : world.server.lines) EXPECT_FALSE(line.starts_with("AUTH"));
    EXPECT_EQ(world.words().find("secret"), std::string::npos);
  }
  {
    World world(manners, with_password(Tls::when_offered));
    EXPECT_EQ(world.send(letter_to("ada@example.com")), sent);
    EXPECT_EQ(world.server.tls_hosts, std::vector<std::string>{"mail.example"});
    EXPECT_EQ(world.server.lines.at(3), "AUTH PLAIN AG1lAHNlY3JldA==");
  }
  {
    World world(manners, with_password(Tls::when_offered, "127.0.0.1"));
    EXPECT_EQ(world.send(letter_to("ada@example.com")), sent);
    EXPECT_TRUE(world.server.tls_hosts.empty());
  }
}

TEST(SmtpMailer, AUTH_LOGIN_is_spoken_where_PLAIN_is_not) {
  fake::Manners manners;
  manners.abilities = {"STARTTLS", "AUTH LOGIN"};
  manners.answers = [](const std::string& line) -> std::optional<std::string> {
    if (line == "AUTH LOGIN") return "334 VXNlcm5hbWU6\r\n";
    if (line == "bWU=") return "334 UGFzc3dvcmQ6\r\n";
    if (line == "c2VjcmV0") return "235 2.7.0 Accepted\r\n";
    return std::nullopt;
  };
  World world(manners, with_password(Tls::demanded));

  EXPECT_EQ(world.send(letter_to("ada@example.com")), sent);
}

TEST(SmtpMailer, a_refused_password_is_unavailable_and_not_repeated) {
  fake::Manners manners = answering("AUTH", "535 5.7.8 me/secret is wrong\r\n");
  manners.abilities = {"STARTTLS", "AUTH PLAIN"};
  World world(manners, with_password(Tls::demanded));

  EXPECT_EQ(world.send(letter_to("ada@example.com")), Fault::unavailable);
  EXPECT_NE(world.words().find("535 5.7.8"), std::string::npos);
  EXPECT_EQ(world.words().find("secret"), std::string::npos);
}

TEST(SmtpMailer, STARTTLS_taken_out_of_the_offer_is_not_accepted_when_it_is_demanded) {
  World world({}, with_password(Tls::demanded));

  EXPECT_EQ(world.send(letter_to("ada@example.com")), Fault::unavailable);
  EXPECT_NE(world.words().find("STARTTLS"), std::string::npos);
  EXPECT_EQ(world.server.delivered.size(), 0u);
}

TEST(SmtpMailer, what_is_said_before_TLS_begins_is_not_believed_after) {
  fake::Manners manners = answering("STARTTLS", "220 go\r\n250 injected\r\n");
  manners.abilities = {"STARTTLS", "AUTH PLAIN"};
  World world(manners, with_password(Tls::demanded));

  EXPECT_EQ(world.send(letter_to("ada@example.com")), Fault::unavailable);
  EXPECT_TRUE(world.server.tls_hosts.empty());
}

TEST(SmtpMailer, counts_what_becomes_of_letters_and_names_nobody) {
  World world(answering("RCPT TO:<bad", "550 5.1.1 no\r\n"));
  for (std::string name : {"a", "bad", "c"}) world.send(letter_to(name + "@example.com"));

  const std::string text = world.metrics.text();

  EXPECT_NE(text.find("globogym_mail_sends_total{outcome=\"sent\"} 2"), std::string::npos) << text;
  EXPECT_NE(text.find("globogym_mail_sends_total{outcome=\"refused\"} 1"), std::string::npos);
  EXPECT_NE(text.find("globogym_mail_send_seconds_count 3"), std::string::npos);
  EXPECT_NE(text.find("globogym_smtp_connections 1"), std::string::npos);
  EXPECT_EQ(text.find("example.com"), std::string::npos);
}

TEST(SmtpMailer, an_endless_reply_is_not_read_for_ever) {
  std::string endless;
  for (int i = 0; i < 101; ++i) endless += "250-more\r\n";
  World world(answering("MAIL", endless + "250 end\r\n"));

  EXPECT_EQ(world.send(letter_to("ada@example.com")), Fault::unavailable);
}

}  // namespace
}  // namespace globogym::mail::smtp
