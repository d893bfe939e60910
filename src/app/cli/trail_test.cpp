// What `globogym audit` shows of a trail, and what it refuses to be asked for. With a server: test/e2e/audit.test.py.
#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "app/cli/cli.h"
#include "app/cli/trail_lines.h"

namespace globogym::app::cli {
namespace {

using namespace std::chrono_literals;

std::string line(int number, const std::string& rest) {
  return R"({"n":)" + std::to_string(number) + R"(,"time":"2026-11-27T08:00:00.000Z","by":"command",)" + rest + "}";
}

std::string begins(int number, const std::string& what) {
  return line(number, R"("event":"begun","filter":")" + what + '"');
}

std::string ends(int number, int begun, const std::string& event) {
  return line(number, R"("event":")" + event + R"(","status":200,"begun":)" + std::to_string(begun));
}

std::string reads(int number, const std::string& id) {
  return line(number, R"("event":"member-shown","targets":[")" + id + R"("],"status":200)");
}

// What is shown of the lines, without when and by whom.
class World {
 public:
  explicit World(WantedLines wanted = {}, bool as_they_are = false)
      : lines(std::move(wanted), as_they_are,
              [this](std::string_view text) {
                shown.emplace_back(as_they_are_ || text.size() < 52 ? text : text.substr(52));
              }),
        as_they_are_(as_they_are) {}

  std::vector<std::string> take(const std::vector<std::string>& texts) {
    for (const auto& text : texts) lines.take(text);
    return std::exchange(shown, {});
  }
  std::vector<std::string> end() {
    lines.end();
    return std::exchange(shown, {});
  }

  TrailLines lines;
  std::vector<std::string> shown;

 private:
  const bool as_they_are_;
};

using Lines = std::vector<std::string>;

TEST(TrailLines, a_beginning_whose_end_is_not_there_is_told_at_its_place) {
  World world;

  EXPECT_EQ(world.take({reads(1, "a"), begins(2, "POST keys"), reads(3, "b"), begins(4, "DELETE keys")}),
            (Lines{"member-shown  a"}));
  EXPECT_EQ(world.take({ends(5, 4, "key-revoked"), reads(6, "c")}), Lines());

  EXPECT_EQ(world.end(), (Lines{"began POST keys, and how it ended is not known", "member-shown  b", "key-revoked",
                                "member-shown  c"}));
  EXPECT_EQ(world.lines.shown(), 5u);
}

TEST(TrailLines, what_waited_for_an_end_is_shown_once_it_has_come) {
  World world;

  EXPECT_EQ(world.take({begins(1, "x"), begins(2, "y"), reads(3, "a")}), Lines());
  EXPECT_EQ(world.take({ends(4, 2, "key-created")}), Lines());
  EXPECT_EQ(world.take({ends(5, 1, "key-revoked")}), (Lines{"member-shown  a", "key-created", "key-revoked"}));

  EXPECT_EQ(world.end(), Lines());
}

TEST(TrailLines, at_most_ten_thousand_wait_and_then_the_beginning_is_told) {
  World world;
  world.take({begins(1, "x")});
  for (int i = 2; i <= 10'000; ++i) ASSERT_EQ(world.take({reads(i, "a")}), Lines()) << i;

  const auto shown = world.take({reads(10'001, "a")});

  ASSERT_EQ(shown.size(), 10'001u);
  EXPECT_EQ(shown.front(), "began x, and how it ended is not known");
  EXPECT_EQ(world.take({reads(10'002, "b")}), Lines{"member-shown  b"}) << "nothing waits any more";
  EXPECT_EQ(world.take({ends(10'003, 1, "key-created")}), Lines{"key-created"});
}

TEST(TrailLines, of_many_beginnings_none_of_which_ended_the_later_ones_wait_on) {
  World world;
  world.take({begins(1, "x"), begins(2, "y")});
  for (int i = 3; i <= 10'000; ++i) world.take({reads(i, "a")});

  EXPECT_EQ(world.take({reads(10'001, "a")}), Lines{"began x, and how it ended is not known"});
  EXPECT_EQ(world.take({ends(10'002, 2, "key-created")}).size(), 10'000u);
}

TEST(TrailLines, what_is_not_asked_for_ends_a_beginning_all_the_same) {
  World world({.event = "begun"});

  EXPECT_EQ(world.take({begins(1, "x"), reads(2, "a"), begins(3, "y"), ends(4, 1, "key-created")}), Lines());

  EXPECT_EQ(world.end(), Lines{"began y, and how it ended is not known"});
}

TEST(TrailLines, of_two_beginnings_with_one_number_which_only_a_changed_trail_has_one_stays_open) {
  World world;

  world.take({begins(1, "x"), begins(1, "y"), ends(2, 1, "key-created")});

  EXPECT_EQ(world.end(), (Lines{"began x, and how it ended is not known", "key-created"}));
}

TEST(TrailLines, what_is_no_line_keeps_its_place_too) {
  World world;

  world.take({begins(1, "x"), "half a li"});

  EXPECT_EQ(world.end(), (Lines{"began x, and how it ended is not known", "no line: half a li"}));
}

TEST(TrailLines, as_they_are_all_lines_are_shown_at_once) {
  World world({}, true);
  const Lines lines{begins(1, "x"), reads(2, "a"), ends(3, 1, "key-created"), begins(4, "y")};

  EXPECT_EQ(world.take(lines), lines);
}

// Runs `globogym audit`; ends the process with its exit code.
[[noreturn]] void audit_with(std::vector<std::string> words) {
  words.insert(words.begin(), {"globogym", "audit", "--data", "/nonexistent/globogym"});
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  ::_exit(run(static_cast<int>(arguments.size()), arguments.data()));
}

TEST(AuditDeathTest, an_event_that_there_is_not_is_wrong_usage) {
  const auto says = [](const std::string& event, const char* what) {
    EXPECT_EXIT(audit_with({"--event", event}), testing::ExitedWithCode(usage), what) << event;
  };
  says("member-show", "there is no event member-show; did you mean member-shown\\?");
  says("key_created", "did you mean key-created\\?");
  says("nosuch", "there is no event nosuch: there are member-shown, .*audit-resumed");
  for (const auto* event : {"member-shown", "begun", "refused", "audit-damaged"})
    EXPECT_EXIT(audit_with({"--event", event}), testing::ExitedWithCode(cannot_open), "") << event;
}

TEST(AuditDeathTest, whoever_can_stand_in_no_line_is_wrong_usage) {
  const auto says = [](const std::string& who, const char* what) {
    EXPECT_EXIT(audit_with({"--who", who}), testing::ExitedWithCode(usage), what) << who;
  };
  says("nosuch",
       "--who must be a key's id as `globogym keys list` shows it, jwt_ and 16 characters for a token, uid:NUMBER, or "
       "one of control-socket, command, loopback, trail\\.\n");
  says("control-sock", "; did you mean control-socket\\?");
  for (const auto* who : {"uid:", "uid:ada", "uid:-1", "uid:1000x", "uid:4294967296", "UID:0", "vHOQb_z73a",
                          "vHOQb_z73aQQ", "-HOQb_z73aQ", "vHOQb z73aQ", "jwt_0123456789abcde", "jwt_0123456789abcdeu"})
    says(who, "--who must be");
  for (const auto* who : {"control-socket", "command", "loopback", "trail", "uid:0", "uid:1000", "vHOQb_z73aQ",
                          "pageQb_z73a", "jwt_0123456789abcdef"})
    EXPECT_EXIT(audit_with({"--who", who}), testing::ExitedWithCode(cannot_open), "") << who;
}

TEST(AuditDeathTest, a_time_that_ends_before_it_begins_is_wrong_usage) {
  EXPECT_EXIT(audit_with({"--since", "2026-11-28", "--until", "2026-11-27"}), testing::ExitedWithCode(usage),
              "globogym: --since is later than --until, and nothing lies between them\n");
  EXPECT_EXIT(audit_with({"--since", "1h", "--until", "2h"}), testing::ExitedWithCode(usage), "later than --until");
  EXPECT_EXIT(audit_with({"--since", "2026-11-27", "--until", "2026-11-27"}), testing::ExitedWithCode(cannot_open), "");
}

}  // namespace
}  // namespace globogym::app::cli
