// From the connection to the point where letters can be handed over.
#include <unistd.h>

#include "mail/smtp/world_test.h"

namespace globogym::mail::smtp {
namespace {

using namespace fake;

Options with_password(Tls tls, std::string host = "mail.example") {
  Options out = options();
  out.url = {
      .host = std::move(host), .port = 587, .tls = tls, .user = "me", .password = Personal<std::string>("secret")};
  return out;
}

TEST(SmtpSession, a_password_goes_under_TLS_or_to_this_machine_only) {
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
    World world(manners, with_password(Tls::off, "127.0.0.1"));
    EXPECT_EQ(world.send(letter_to("ada@example.com")), sent);
    EXPECT_TRUE(world.server.tls_hosts.empty());
  }
}

TEST(SmtpSession, STARTTLS_offered_by_this_machine_is_used_whatever_its_certificate_and_AUTH_may_come_after_it) {
  Manners manners;
  manners.abilities = {"STARTTLS"};
  manners.abilities_under_tls = {"AUTH PLAIN"};
  World world(manners, with_password(Tls::when_offered, "127.0.0.1"));

  EXPECT_EQ(world.send(letter_to("ada@example.com")), sent) << world.words();

  EXPECT_EQ(world.server.tls_hosts, std::vector<std::string>{""});
  EXPECT_EQ(world.server.lines.at(3), "AUTH PLAIN AG1lAHNlY3JldA==");
}

TEST(SmtpSession, a_certificate_is_checked_where_TLS_is_demanded_and_everywhere_beyond_this_machine) {
  Manners manners;
  manners.abilities = {"STARTTLS", "AUTH PLAIN"};
  World demanded(manners, with_password(Tls::demanded, "127.0.0.1"));
  World beyond(manners, with_password(Tls::when_offered, "192.0.2.1"));

  EXPECT_EQ(demanded.send(letter_to("ada@example.com")), sent);
  EXPECT_EQ(beyond.send(letter_to("ada@example.com")), sent);

  EXPECT_EQ(demanded.server.tls_hosts, std::vector<std::string>{"127.0.0.1"});
  EXPECT_EQ(beyond.server.tls_hosts, std::vector<std::string>{"192.0.2.1"});
}

TEST(SmtpSession, STARTTLS_offered_and_then_refused_is_done_without_where_it_is_not_demanded) {
  Manners manners = answering("STARTTLS", "454 4.7.0 TLS not available\r\n");
  manners.abilities = {"STARTTLS", "AUTH PLAIN"};
  Options plain = options();
  plain.url.tls = Tls::when_offered;
  World without_password(manners, plain), with(manners, with_password(Tls::when_offered)),
      demanded(manners, with_password(Tls::demanded));

  EXPECT_EQ(without_password.send(letter_to("ada@example.com")), sent);
  EXPECT_EQ(with.send(letter_to("ada@example.com")), Fault::unavailable);
  EXPECT_EQ(demanded.send(letter_to("ada@example.com")), Fault::unavailable);

  for (const World* world : {&with, &demanded})
    for (const auto& line : world->server.lines) EXPECT_FALSE(line.starts_with("AUTH")) << line;
}

std::optional<std::string> login(const std::string& line) {
  if (line == "AUTH LOGIN") return "334 VXNlcm5hbWU6\r\n";
  if (line == "bWU=") return "334 UGFzc3dvcmQ6\r\n";
  if (line == "c2VjcmV0") return "235 2.7.0 Accepted\r\n";
  return std::nullopt;
}

TEST(SmtpSession, LOGIN_is_tried_where_PLAIN_is_offered_and_refused_as_such_and_not_where_the_password_is) {
  for (std::string refusal : {"504 5.5.4 Unrecognized authentication type\r\n", "534 5.7.9 too weak\r\n",
                              "501 5.5.2 cannot decode\r\n", "535 5.7.8 wrong\r\n", "454 4.7.0 temporary\r\n"}) {
    Manners manners;
    manners.abilities = {"STARTTLS", "AUTH PLAIN LOGIN"};
    manners.answers = [=](const std::string& line) {
      return line.starts_with("AUTH PLAIN") ? std::optional(refusal) : login(line);
    };
    World world(manners, with_password(Tls::demanded));

    const bool against_plain = refusal[0] == '5' && !refusal.starts_with("535");
    EXPECT_EQ(world.send(letter_to("ada@example.com")), against_plain ? sent : std::optional(Fault::unavailable));

    EXPECT_EQ(std::ranges::count(world.server.lines, "AUTH LOGIN"), against_plain ? 1 : 0) << refusal;
  }
}

std::string hello_of(std::string client_name, std::string address) {
  Options with = options();
  with.client_name = std::move(client_name);
  World world({}, with);
  world.server.client_address = std::move(address);
  EXPECT_EQ(world.send(letter_to("ada@example.com")), sent);
  return world.server.lines.at(0);
}

TEST(SmtpSession, a_machine_without_a_name_with_a_dot_greets_with_its_address) {
  char name[256] = {};
  ASSERT_EQ(::gethostname(name, sizeof name - 1), 0);
  const bool named = std::string_view(name).find('.') != std::string_view::npos;
  if (named) GTEST_SKIP() << "this machine's name has a dot";

  EXPECT_EQ(hello_of("", "192.0.2.7"), "EHLO [192.0.2.7]");
  EXPECT_EQ(hello_of("", "2001:db8::7"), "EHLO [IPv6:2001:db8::7]");
  EXPECT_EQ(hello_of("", ""), "EHLO [127.0.0.1]");
  EXPECT_EQ(hello_of("localhost", "192.0.2.7"), "EHLO [192.0.2.7]");  // no server takes it
  EXPECT_EQ(hello_of("gym.example.com", "192.0.2.7"), "EHLO gym.example.com");
  EXPECT_EQ(hello_of("[IPv6:2001:db8::1]", "192.0.2.7"), "EHLO [IPv6:2001:db8::1]");
}

TEST(SmtpSession, a_name_for_EHLO_has_a_dot_or_is_an_address) {
  for (std::string good : {"gym.example.com", "a.b", "[192.0.2.1]", "[IPv6:::1]", "[IPv6:2001:db8::1]"})
    EXPECT_TRUE(is_client_name(good)) << good;
  for (std::string bad : {"", "localhost", "gym", ".", "a..b", "-a.b", "a b.c", "a.b\r\nRSET", "[192.0.2]", "[::1]",
                          "[IPv6:192.0.2.1]", "[IPv6:]", "[192.0.2.1", "192.0.2.1]", "[]", "gym_1.example.com"})
    EXPECT_FALSE(is_client_name(bad)) << bad;
}

TEST(SmtpSession, a_server_that_does_not_like_our_name_is_unavailable_and_the_error_says_what_to_change) {
  for (std::string command : {"EHLO", "HELO"}) {
    Manners manners;
    manners.answers = [](const std::string& line) -> std::optional<std::string> {
      if (line.starts_with("EHLO") || line.starts_with("HELO")) return "504 5.5.2 need fully-qualified hostname\r\n";
      return std::nullopt;
    };
    World world(manners);

    EXPECT_EQ(world.send(letter_to("ada@example.com")), Fault::unavailable);
    EXPECT_NE(world.words().find("client.example"), std::string::npos) << world.words();
    EXPECT_NE(world.words().find("mail.hello_name"), std::string::npos);
  }
}

TEST(SmtpSession, what_a_server_can_do_is_read_in_any_case_and_never_from_its_name) {
  const Abilities named = abilities_of({.code = 250, .text = "PIPELINING STARTTLS\nAUTH"});
  const Abilities old = abilities_of({.code = 250, .text = "x\nauth=login plain\nSize"});
  const Abilities able = abilities_of(
      {.code = 250, .text = "x\npipelining\nStartTLS\n8bitMIME\nSMTPUTF8\nSIZE 10240000\nAUTH CRAM-MD5 PLAIN XLOGIN"});

  EXPECT_FALSE(named.pipelining || named.starttls || named.auth_plain || named.auth_login || named.size);
  EXPECT_TRUE(old.auth_plain && old.auth_login && old.size);
  EXPECT_EQ(old.most_bytes, 0u);
  EXPECT_TRUE(able.pipelining && able.starttls && able.eight_bit_mime && able.smtputf8 && able.size && able.auth_plain);
  EXPECT_FALSE(able.auth_login);
  EXPECT_EQ(able.most_bytes, 10'240'000u);
}

TEST(SmtpSession, a_reply_to_EHLO_may_have_any_number_of_lines_of_any_length) {
  Manners manners;
  manners.abilities.clear();
  for (int i = 0; i < 500; ++i) manners.abilities.push_back("X-" + std::to_string(i) + std::string(100, 'x'));
  manners.abilities.push_back("X-LONG " + std::string(3000, 'y'));
  manners.abilities.push_back("PIPELINING");
  World world(manners);

  EXPECT_EQ(world.send(letter_to("ada@example.com")), sent);

  EXPECT_EQ(world.server.writes, 3u);  // the last line was heard
}

TEST(SmtpSession, an_answer_that_drips_is_heard_only_within_the_time_for_all_of_it) {
  Manners manners;
  manners.bytes_at_once = 1;
  manners.a_read_takes = 1s;
  World world(manners);  // the greeting has 16 bytes and half a minute, the answer to EHLO more bytes than seconds
  world.start(letter_to("ada@example.com"));

  world.loop.advance(40s);
  EXPECT_EQ(world.done(), 0u);
  world.loop.advance(10s);

  EXPECT_EQ(world.faults(), std::vector{std::optional(Fault::timed_out)});
}

TEST(SmtpSession, an_answer_that_stops_in_the_middle_is_awaited_no_longer_than_one_that_does_not_come) {
  Options with = options();
  with.limits.command = 20s;
  Manners manners = without_pipelining(answering("MAIL", "250-and so\r\n"));
  manners.takes = [](const std::string& line) { return line.starts_with("MAIL") ? Duration(15s) : Duration::zero(); };
  World world(manners, with);
  world.start(letter_to("ada@example.com"));

  world.loop.advance(19s);
  EXPECT_EQ(world.done(), 0u);
  world.loop.advance(2s);

  EXPECT_EQ(world.faults(), std::vector{std::optional(Fault::timed_out)});
}

TEST(SmtpSession, a_reply_without_end_is_not_read_for_ever) {
  std::string endless;
  while (endless.size() < 1'100'000) endless += "250-more\r\n";
  World lines(answering("MAIL", endless + "250 end\r\n")), one(answering("MAIL", "250 " + std::string(1'100'000, 'x')));

  EXPECT_EQ(lines.send(letter_to("ada@example.com")), Fault::unavailable);
  EXPECT_EQ(one.send(letter_to("ada@example.com")), Fault::unavailable);
}

TEST(SmtpSession, AUTH_LOGIN_is_spoken_where_PLAIN_is_not) {
  Manners manners;
  manners.abilities = {"STARTTLS", "AUTH LOGIN"};
  manners.answers = login;
  World world(manners, with_password(Tls::demanded));

  EXPECT_EQ(world.send(letter_to("ada@example.com")), sent);
}

TEST(SmtpSession, a_refused_password_is_unavailable_and_not_repeated) {
  fake::Manners manners = answering("AUTH", "535 5.7.8 me/secret is wrong\r\n");
  manners.abilities = {"STARTTLS", "AUTH PLAIN"};
  World world(manners, with_password(Tls::demanded));

  EXPECT_EQ(world.send(letter_to("ada@example.com")), Fault::unavailable);
  EXPECT_NE(world.words().find("535 5.7.8"), std::string::npos);
  EXPECT_EQ(world.words().find("secret"), std::string::npos);
}

TEST(SmtpSession, STARTTLS_taken_out_of_the_offer_is_not_accepted_when_it_is_demanded) {
  Options without_password = options();
  without_password.url.tls = Tls::demanded;
  for (const Options& with : {with_password(Tls::demanded), without_password}) {
    World world({}, with);

    EXPECT_EQ(world.send(letter_to("ada@example.com")), Fault::unavailable);
    EXPECT_NE(world.words().find("STARTTLS"), std::string::npos);
    EXPECT_EQ(world.server.delivered.size(), 0u);
  }
}

TEST(SmtpSession, what_is_said_before_TLS_begins_is_not_believed_after) {
  fake::Manners manners = answering("STARTTLS", "220 go\r\n250 injected\r\n");
  manners.abilities = {"STARTTLS", "AUTH PLAIN"};
  World world(manners, with_password(Tls::demanded));

  EXPECT_EQ(world.send(letter_to("ada@example.com")), Fault::unavailable);
  EXPECT_TRUE(world.server.tls_hosts.empty());
}

}  // namespace
}  // namespace globogym::mail::smtp
