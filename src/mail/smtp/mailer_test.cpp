#include "mail/smtp/mailer.h"

#include "mail/smtp/world_test.h"

namespace globogym::mail::smtp {
namespace {

using namespace fake;

TEST(SmtpMailer, a_letter_arrives_with_its_dots_as_they_were) {
  World world;

  const auto outcome = world.send(letter_to("ada@example.com", ".\r\n..two\r\nlast"));

  EXPECT_EQ(outcome, sent);
  ASSERT_EQ(world.server.delivered.size(), 1u);
  EXPECT_EQ(world.server.delivered[0].content, "Subject: Hi\r\n\r\n.\r\n..two\r\nlast\r\n");
  EXPECT_EQ(world.server.delivered[0].recipient, "RCPT TO:<ada@example.com>");
  EXPECT_EQ(world.server.delivered[0].mail, "MAIL FROM:<welcome@globogym.example> SIZE=31");
  EXPECT_EQ(world.outcomes[0].value().value_or(Receipt{}).reply, "2.0.0 Ok: queued as 1");
}

TEST(SmtpMailer, letters_in_a_row_cost_two_writes_each_when_the_server_pipelines) {
  World world;
  for (int i = 0; i < 50; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

  world.finish();

  EXPECT_EQ(world.server.delivered.size(), 50u);
  EXPECT_EQ(world.server.connections, 1u);
  EXPECT_EQ(world.server.writes, 1u + 50 * 2);  // EHLO; an envelope and a content each
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
  EXPECT_EQ(world.server.delivered.at(0).mail, "MAIL FROM:<welcome@globogym.example>");
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
      {"RCPT", "421 4.3.2 closing\r\n", Fault::deferred},
      {"RCPT", "421 4.7.0 too many for this domain\r\n", Fault::deferred},
      {"RCPT", "450 4.2.1 greylisted\r\n", Fault::deferred},
      {"RCPT", "451 4.3.0 lookup failure\r\n", Fault::deferred},
      {"RCPT", "451 4.7.1 greylisted\r\n", Fault::deferred},
      {"RCPT", "452 no room\r\n", Fault::deferred},
      {"RCPT", "452 4.5.3 too many\r\n", Fault::deferred},
      {"RCPT", "452 4.2.2 mailbox full\r\n", Fault::deferred},
      {"RCPT", "550 5.1.1 unknown\r\n", Fault::refused},
      {"RCPT", "553 bad\r\n", Fault::refused},
      {"RCPT", "530 5.7.0 authenticate\r\n", Fault::deferred},
      {"RCPT", "550 5.1.1 " + std::string(5000, 'x') + "\r\n", Fault::refused},
      {"RCPT", "451 4.3.0 " + std::string(5000, 'x') + "\r\n", Fault::deferred},
      {"DATA", "421 closing\r\n", Fault::deferred},
      {"DATA", "451 later\r\n", Fault::deferred},
      {"DATA", "451 4.3.0 trouble\r\n", Fault::deferred},
      {"DATA", "554 no\r\n", Fault::refused},
      {"DATA", "250 what\r\n", Fault::unavailable},
      {".", "421 closing\r\n", Fault::deferred},
      {".", "451 4.7.1 later\r\n", Fault::deferred},
      {".", "452 4.3.1 disk\r\n", Fault::deferred},
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
  ASSERT_FALSE(world.outcomes[2].value().has_value());
  EXPECT_EQ(world.outcomes[2]->error().message,
            "the mail server answered RCPT with 550 5.1.1 <recipient>: no such <recipient> here");
  // And the server never had to refuse a command for its place.
  for (const auto& said : world.server.answers) EXPECT_FALSE(said.starts_with("503")) << said;
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
  EXPECT_EQ(world.server.content_for_nobody, "");
}

TEST_P(EveryStage, an_answer_to_the_content_that_came_before_it_is_not_believed) {
  fake::Manners manners;
  manners.answers = [asked = 0](const std::string& line) mutable -> std::optional<std::string> {
    if (line == "DATA" && ++asked == 1) return "354 go ahead\r\n250 2.0.0 taken\r\n";
    return std::nullopt;
  };
  World world(GetParam() ? manners : without_pipelining(manners));

  EXPECT_EQ(world.send(letter_to("ada@example.com")), sent) << world.words();

  EXPECT_EQ(world.server.connections, 2u);
  EXPECT_EQ(world.server.times_delivered("ada@"), 1u);
}

TEST_P(EveryStage, a_letter_of_which_only_half_went_out_was_not_taken_and_is_sent_again) {
  fake::Manners manners = GetParam() ? fake::Manners{} : without_pipelining();
  manners.dies_after_hearing = 1000;  // in the middle of the content
  World world(manners);
  std::string body;
  while (body.size() < 2000) body += "Hello, hello\r\n";

  EXPECT_EQ(world.send(letter_to("ada@example.com", body)), sent) << world.words();

  EXPECT_EQ(world.server.connections, 2u);
  EXPECT_EQ(world.server.times_delivered("ada@"), 1u);
}

TEST_P(EveryStage, a_letter_called_off_while_the_server_thinks_about_its_envelope_is_not_sent) {
  for (std::string command : {"MAIL", "RCPT", "DATA"}) {
    fake::Manners manners = GetParam() ? fake::Manners{} : without_pipelining();
    manners.takes = [=](const std::string& line) { return line.starts_with(command) ? 10s : 0s; };
    World world(manners);
    world.start(letter_to("ada@example.com"));
    world.loop.advance(5s);

    world.loop.post([&] { world.stops[0].request_stop(); });
    world.loop.advance(1min);

    EXPECT_EQ(world.faults(), std::vector{std::optional(Fault::cancelled)}) << command;
    EXPECT_TRUE(world.server.delivered.empty()) << command;
    EXPECT_EQ(world.send(letter_to("bob@example.com")), sent) << command;
  }
}

TEST_P(EveryStage, a_connection_on_which_goodbye_was_said_to_a_content_is_not_written_to_again) {
  fake::Manners manners;
  manners.answers = [first = true](const std::string& line) mutable -> std::optional<std::string> {
    return line == "." && std::exchange(first, false) ? std::optional("421 4.3.2 closing\r\n") : std::nullopt;
  };
  World world(GetParam() ? manners : without_pipelining(manners));

  EXPECT_EQ(world.send(letter_to("ada@example.com")), Fault::deferred);
  EXPECT_EQ(world.send(letter_to("bob@example.com")), sent);

  EXPECT_EQ(world.server.connections, 2u);
  EXPECT_EQ(world.server.writes, 2u * (GetParam() ? 3 : 5));  // EHLO, an envelope and a content
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

TEST(SmtpMailer, too_many_waiting_letters_are_turned_away) {
  Options with = options();
  with.most_waiting = 5;
  World world(answering("MAIL", ""), with);
  for (int i = 0; i < 10; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));
  world.loop.advance(1s);

  EXPECT_EQ(world.faults().back(), Fault::unavailable);
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

  ASSERT_EQ(able.server.delivered.size(), 1u);
  ASSERT_EQ(unable.server.delivered.size(), 1u);
  EXPECT_EQ(able.server.delivered[0].recipient, "RCPT TO:<jörg@xn--mller-kva.example>");
  EXPECT_TRUE(able.server.delivered[0].mail.ends_with(" SMTPUTF8"));
  EXPECT_EQ(unable.server.delivered[0].recipient, "RCPT TO:<joerg@xn--mller-kva.example>");
}

TEST(SmtpMailer, a_letter_of_exactly_the_size_the_server_takes_is_sent_and_one_byte_more_is_refused_without_asking) {
  fake::Manners manners;
  manners.abilities = {"SIZE 100"};
  World world(manners);
  const std::size_t frame = letter_to("a@b", "").content.size() + 2;

  EXPECT_EQ(world.send(letter_to("ada@example.com", std::string(100 - frame, 'x') + "\r\n")), sent);
  EXPECT_EQ(world.send(letter_to("ada@example.com", std::string(101 - frame, 'x') + "\r\n")), Fault::refused);

  EXPECT_EQ(world.words(), "the letter has 101 bytes; the mail server takes at most 100");
  EXPECT_EQ(world.server.delivered.size(), 1u);
  EXPECT_EQ(std::ranges::count_if(world.server.lines, [](auto& line) { return line.starts_with("MAIL"); }), 1);
}

TEST(SmtpMailer, the_size_said_is_that_of_the_letter_and_not_of_its_stuffing_and_none_means_any) {
  fake::Manners manners;
  manners.abilities = {"SIZE"};
  World world(manners);

  EXPECT_EQ(world.send(letter_to("ada@example.com", ".\r\n.\r\n" + std::string(900, 'x') + "\r\n")), sent);

  EXPECT_EQ(world.server.delivered.at(0).mail, "MAIL FROM:<welcome@globogym.example> SIZE=923");
}

TEST(SmtpMailer, a_letter_that_is_not_ASCII_needs_8BITMIME_and_says_so) {
  World able, unable;
  unable.server.manners.abilities = {"PIPELINING", "SIZE"};

  EXPECT_EQ(able.send(letter_to("ada@example.com", "Zo\xc3\xab\r\n")), sent);
  EXPECT_EQ(unable.send(letter_to("ada@example.com", "Zo\xc3\xab\r\n")), Fault::refused);

  EXPECT_TRUE(able.server.delivered.at(0).mail.ends_with(" BODY=8BITMIME"));
  EXPECT_TRUE(unable.server.delivered.empty());
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

}  // namespace
}  // namespace globogym::mail::smtp
