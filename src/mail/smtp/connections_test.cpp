// How letters get connections, and how long they keep them: slow servers, dying connections, stops.
#include <thread>

#include "mail/smtp/world_test.h"
#include "telemetry/log.h"

namespace globogym::mail::smtp {
namespace {

using namespace fake;

Manners taking(std::string command, Duration time) {
  Manners manners;
  manners.takes = [=](const std::string& line) { return line.starts_with(command) ? time : Duration::zero(); };
  return manners;
}
Options options_of(std::size_t connections, Duration accepted) {
  Options out = options(connections);
  out.limits.accepted = accepted;
  return out;
}

TEST(SmtpConnections, the_answer_to_a_content_is_awaited_for_the_whole_of_its_time) {
  World world(taking(".", 599s), options_of(4, 10min));
  for (int i = 0; i < 4; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

  world.finish();

  EXPECT_EQ(world.faults(), std::vector(4, sent));
  EXPECT_EQ(world.server.delivered.size(), 4u);
}

TEST(SmtpConnections, an_answer_later_than_that_is_not_known_and_no_earlier) {
  World world(taking(".", 601s), options_of(1, 10min));
  world.start(letter_to("ada@example.com"));

  world.loop.advance(599s);
  EXPECT_EQ(world.done(), 0u);
  world.loop.advance(2s);

  EXPECT_EQ(world.faults(), std::vector{std::optional(Fault::unknown_outcome)});
}

TEST(SmtpConnections, every_stage_has_a_time_of_its_own) {
  Options with = options();
  with.limits = {.connect = 1s, .greeting = 10s, .command = 20s, .content = 30s, .accepted = 40s};
  const std::vector<std::pair<std::string, Duration>> limits = {
      {"EHLO", 20s}, {"MAIL", 20s}, {"RCPT", 20s}, {"DATA", 20s}, {".", 40s}};
  for (const auto& [command, limit] : limits) {
    for (const bool in_time : {true, false}) {
      World world(without_pipelining(taking(command, in_time ? limit - 1s : limit + 1s)), with);
      const auto outcome = world.send(letter_to("ada@example.com"));
      const auto late = command == "." ? Fault::unknown_outcome : Fault::timed_out;
      EXPECT_EQ(outcome, in_time ? sent : std::optional(late)) << command;
    }
  }
  World silent(Manners{.greeting = ""}, with);
  silent.start(letter_to("ada@example.com"));
  silent.loop.advance(9s);
  EXPECT_EQ(silent.done(), 0u);
  silent.loop.advance(2s);
  EXPECT_EQ(silent.faults(), std::vector{std::optional(Fault::timed_out)});
}

TEST(SmtpConnections, the_longest_send_is_as_long_as_all_stages_may_take_one_after_the_other) {
  Options with = options();
  with.limits = {.connect = 1s, .greeting = 10s, .command = 20s, .content = 30s, .accepted = 40s};
  with.url = {
      .host = "mail.example", .port = 25, .tls = Tls::demanded, .user = "me", .password = Personal<std::string>("x")};
  Manners manners;
  manners.abilities = {"STARTTLS", "AUTH PLAIN LOGIN"};
  manners.takes = [](const std::string& line) { return line == "." ? Duration(39s) : Duration(19s); };
  manners.answers = [](const std::string& line) -> std::optional<std::string> {
    if (line.starts_with("AUTH PLAIN")) return "504 5.5.4 no\r\n";
    if (line == "AUTH LOGIN" || line == "bWU=") return "334 x\r\n";
    if (line == "eA==") return "235 2.7.0 welcome\r\n";
    return std::nullopt;
  };
  World world(manners, with);
  const SteadyTime began = world.loop.clock().steady();

  EXPECT_EQ(world.send(letter_to("ada@example.com")), sent) << world.words();

  const Duration took = world.loop.clock().steady() - began;
  EXPECT_GT(took, 200s);
  EXPECT_LE(took, world.mailer->longest_send());
  EXPECT_EQ(world.mailer->longest_send(), 1s + 2 * 10s + 13 * 20s + 30s + 40s);
}

TEST(SmtpConnections, no_letter_waits_behind_anothers_content_while_a_connection_can_be_had) {
  World world(taking(".", 75s), options_of(8, 10min));
  for (int i = 0; i < 8; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

  world.loop.advance(76s);

  EXPECT_EQ(world.faults(), std::vector(8, sent));
  EXPECT_EQ(world.server.connections, 8u);
}

TEST(SmtpConnections, as_many_letters_as_it_can_be_at_end_within_twice_the_longest_send) {
  // A server with one place for three of ours, and slow at that.
  World world(taking(".", 9min), options_of(3, 10min));
  world.server.most_open = 1;
  for (std::size_t i = 0; i < world.mailer->most_at_once(); ++i)
    world.start(letter_to("m" + std::to_string(i) + "@example.com"));

  world.loop.advance(2 * world.mailer->longest_send());

  EXPECT_EQ(world.done(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_LE(world.server.times_delivered("m" + std::to_string(i) + "@"), 1u);
}

TEST(SmtpConnections, a_stop_does_not_shorten_the_wait_for_an_answer) {
  World world(taking(".", 100s), options_of(1, 10min));
  world.start(letter_to("ada@example.com"));
  world.loop.advance(1s);

  world.loop.post([&] { world.stops[0].request_stop(); });
  world.loop.advance(98s);
  EXPECT_EQ(world.done(), 0u);
  world.finish();

  EXPECT_EQ(world.faults(), std::vector{sent});
}

TEST(SmtpConnections, a_stop_of_the_whole_process_waits_a_little_and_then_does_not_know) {
  for (const bool stopped_first : {true, false}) {
    World world(answering(".", ""));
    world.start(letter_to("ada@example.com"));
    world.loop.advance(1s);

    if (!stopped_first) world.loop.post([&] { world.mailer->leave_soon(); });
    world.loop.post([&] { world.stops[0].request_stop(); });
    if (stopped_first) world.loop.post([&] { world.mailer->leave_soon(); });
    world.loop.advance(4s);
    EXPECT_EQ(world.done(), 0u);
    world.loop.advance(2s);

    EXPECT_EQ(world.faults(), std::vector{std::optional(Fault::unknown_outcome)});
  }
}

TEST(SmtpConnections, a_tenth_of_new_connections_dying_costs_no_letter_while_others_open) {
  // One letter a connection, so that each needs a new one.
  Manners manners{.stillborn = [](std::size_t connection) { return connection % 10 == 3; },
                  .letters_per_connection = 1};
  World world(manners, options(4));
  for (int i = 0; i < 200; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

  world.finish();

  EXPECT_EQ(world.faults(), std::vector(200, sent));
  EXPECT_EQ(world.server.delivered.size(), 200u);
  EXPECT_LT(world.loop.clock().steady(), async::SimClock().steady() + 1min);
}

TEST(SmtpConnections, a_connection_that_cannot_be_opened_costs_one_letter_at_most) {
  World world({}, options(1));
  world.server.unreachable = true;
  for (int i = 0; i < 20; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));
  world.loop.advance(1s);  // all of them wait for the one that is being opened
  world.server.unreachable = false;

  world.finish();

  std::vector<std::optional<Fault>> expected(20, sent);
  expected[0] = Fault::timed_out;
  EXPECT_EQ(world.faults(), expected);
}

TEST(SmtpConnections, a_letter_whose_connection_could_not_be_opened_waits_for_one_that_is_still_being_opened) {
  Manners manners = taking("EHLO", 1s);
  manners.stillborn = [](std::size_t connection) { return connection == 2; };
  World world(manners, options(2));
  for (int i = 0; i < 2; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

  world.finish();

  EXPECT_EQ(world.faults(), std::vector(2, sent)) << world.words();
}

TEST(SmtpConnections, a_letter_for_which_no_connection_comes_free_is_given_back_after_the_longest_send) {
  Options with = options_of(1, 100s);
  with.limits.greeting = with.limits.command = with.limits.content = 1s;
  World world(taking(".", 99s), with);
  for (int i = 0; i < 4; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));
  ASSERT_GT(world.mailer->longest_send(), 99s);
  ASSERT_LT(world.mailer->longest_send(), 2 * 99s);

  world.loop.advance(world.mailer->longest_send() - 1s);
  EXPECT_EQ(world.done(), 1u);
  world.loop.advance(2s);

  EXPECT_EQ(world.done(), 3u);
  EXPECT_EQ(world.faults()[2], Fault::unavailable);
  EXPECT_EQ(world.faults()[3], Fault::unavailable);
  world.finish();
  EXPECT_EQ(world.faults()[1], sent);
}

// Of this event so many lines are written a second, and other tests have caused some: waits until one is written again.
void wait_for_room_in_the_log() {
  for (std::string written; written.empty();) {
    testing::internal::CaptureStderr();
    log::warning("smtp-connection-failed");
    written = testing::internal::GetCapturedStderr();
    if (written.empty()) std::this_thread::sleep_for(10ms);
  }
}

TEST(SmtpConnections, that_none_can_be_opened_is_said_once_in_ten_seconds) {
  World world({}, options(1));
  world.server.refuses_connections = true;
  const auto times_said = [&world](int letters) {
    wait_for_room_in_the_log();
    testing::internal::CaptureStderr();
    for (int i = 0; i < letters; ++i) {
      EXPECT_EQ(world.send(letter_to("ada@example.com")), Fault::unavailable);
      world.loop.advance(1s);
    }
    const std::string lines = testing::internal::GetCapturedStderr();
    return std::ranges::count(lines, '\n');
  };

  EXPECT_EQ(times_said(10), 1);
  EXPECT_EQ(times_said(10), 1);
}

TEST(SmtpConnections, an_outage_is_told_to_all_who_wait_after_one_opening_each) {
  World world({}, options(8));
  world.server.unreachable = true;
  for (int i = 0; i < 8; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

  world.loop.advance(6s);  // time to connect: 5 s

  EXPECT_EQ(world.faults(), std::vector(8, std::optional(Fault::timed_out)));
  EXPECT_EQ(world.server.asked, 8u);
}

TEST(SmtpConnections, a_server_that_goes_away_under_busy_connections_is_found_out_at_once) {
  World world(taking(".", 9min), options_of(4, 10min));
  world.start(letter_to("held@example.com"));
  world.loop.advance(1s);
  world.server.unreachable = true;

  for (int i = 0; i < 3; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));
  world.loop.advance(20s);

  EXPECT_EQ(world.done(), 3u);
  EXPECT_EQ(world.faults()[1], Fault::timed_out);
}

TEST(SmtpConnections, a_server_that_opens_only_some_of_our_connections_serves_all_letters_over_those) {
  World world(taking(".", 1s), options(8));
  world.server.most_open = 2;
  for (int i = 0; i < 40; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

  world.finish();

  EXPECT_EQ(world.faults(), std::vector(40, sent));
  EXPECT_LE(world.server.asked, 20u);  // one at a time is asked for, after pauses that grow
}

TEST(SmtpConnections, a_recipient_at_whose_name_connections_end_is_put_off_while_others_are_served) {
  for (std::string answer : {"!", ""}) {
    World world(answering("RCPT TO:<bad", answer), options(2));
    const auto bad = world.start(letter_to("bad@example.com"));
    for (int i = 0; i < 40; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

    world.finish();

    std::vector<std::optional<Fault>> expected(41, sent);
    expected[bad] = Fault::deferred;
    EXPECT_EQ(world.faults(), expected) << answer;
  }
}

TEST(SmtpConnections, a_server_that_ends_every_connection_at_RCPT_does_not_serve) {
  World world(answering("RCPT", "!"), options(2));
  for (int i = 0; i < 4; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));

  world.finish();

  EXPECT_EQ(world.faults(), std::vector(4, std::optional(Fault::unavailable)));
}

TEST(SmtpConnections, a_goodbye_to_one_recipient_harms_no_other_letter) {
  World world(answering("RCPT TO:<bad", "421 4.7.0 too many for this domain\r\n"), options(2));
  std::vector<std::optional<Fault>> expected;
  for (int i = 0; i < 60; ++i) {
    world.start(letter_to((i % 3 == 0 ? "bad" : "m") + std::to_string(i) + "@example.com"));
    expected.push_back(i % 3 == 0 ? std::optional(Fault::deferred) : sent);
  }

  world.finish();

  EXPECT_EQ(world.faults(), expected);
  EXPECT_EQ(world.server.delivered.size(), 40u);
}

TEST(SmtpConnections, a_connection_idle_for_long_leaves_politely) {
  World world;
  world.send(letter_to("ada@example.com"));
  EXPECT_EQ(world.server.open, 1u);

  world.loop.advance(21s);

  EXPECT_EQ(world.server.open, 0u);
  EXPECT_EQ(world.server.lines.back(), "QUIT");
}

TEST(SmtpConnections, a_connection_the_server_ended_while_it_was_idle_costs_no_letter) {
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

TEST(SmtpConnections, as_many_connections_as_letters_wait_but_no_more_than_allowed) {
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

TEST(SmtpConnections, an_unreachable_server_is_unavailable_for_all_who_wait_and_found_again_later) {
  World world({}, options(4));
  world.server.refuses_connections = true;
  for (int i = 0; i < 10; ++i) world.start(letter_to("m" + std::to_string(i) + "@example.com"));
  world.finish();
  EXPECT_EQ(world.faults(), std::vector(10, std::optional(Fault::unavailable)));

  world.server.refuses_connections = false;

  EXPECT_EQ(world.send(letter_to("ada@example.com")), sent);
}

}  // namespace
}  // namespace globogym::mail::smtp
