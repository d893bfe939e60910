// What a trail notices, and what it does when it cannot be written.
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <set>

#include "async/sim_loop.h"
#include "audit/world_test.h"
#include "base/random.h"

namespace globogym::audit {
namespace {

using namespace testing;

TEST(Trail, a_line_says_who_did_what_and_how_it_ended) {
  World world;
  world.open();
  async::AsioLoop loop;
  Entry entry{{.by = "control-socket", .uid = 1000},
              {.event = "member-erased", .targets = {"mem_1"}, .filter = "club=x", .count = 3, .reason = "ticket 7"},
              200,
              "req-1",
              17};

  ASSERT_TRUE(async::run_until_done(loop, world.trail->write(std::move(entry))));

  std::vector<std::string> lines;
  EXPECT_EQ(world.read(lines), "");
  ASSERT_EQ(lines.size(), 1u);
  const std::string time = lines[0].substr(lines[0].find("\"time\""), 33);
  EXPECT_EQ(lines[0].substr(0, lines[0].find(R"(,"mac")")),
            R"({"n":1,)" + time +
                R"(,"by":"control-socket","uid":1000,"event":"member-erased","targets":["mem_1"],"filter":"club=x",)"
                R"("count":3,"reason":"ticket 7","status":200,"requestId":"req-1","begun":17)");
}

TEST(Trail, what_was_refused_is_not_told_as_done) {
  World world;
  world.open();

  world.write("key-created", 400);

  std::vector<std::string> lines;
  world.read(lines);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].contains(R"("event":"refused","asked":"key-created")")) << lines[0];
  EXPECT_TRUE(lines[0].contains(R"("status":400)")) << lines[0];
}

TEST(Trail, only_its_owner_may_read_it) {
  World world;
  world.open();
  world.write_some(1);

  struct stat directory{}, file{};
  ASSERT_EQ(::stat(world.directory().c_str(), &directory), 0);
  ASSERT_EQ(::stat(world.only_file().c_str(), &file), 0);

  EXPECT_EQ(directory.st_mode & 0777, 0700u);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
}

TEST(Trail, every_line_of_many_threads_is_there_once_and_each_threads_in_order) {
  World world;
  world.open(64 * 1024);
  constexpr int threads = 8, each = 500;
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t)
    running.emplace_back([&, t] {
      async::AsioLoop loop;
      for (int i = 0; i < each; ++i) {
        Entry entry{{.by = "key"}, {.event = "e", .targets = {std::to_string(t) + ":" + std::to_string(i)}}, 200, "r"};
        if (i % 3 == 0) {
          EXPECT_TRUE(world.trail->note(std::move(entry)));
        } else {
          EXPECT_TRUE(async::run_until_done(loop, world.trail->write(std::move(entry))));
        }
      }
    });
  for (auto& thread : running) thread.join();
  world.open(64 * 1024);

  std::vector<std::string> lines;
  EXPECT_EQ(world.read(lines, 100), "");
  ASSERT_EQ(lines.size(), std::size_t{threads * each});
  std::vector<int> next(threads, 0);
  for (const auto& line : lines) {
    const auto json = JsonDocument::parse(line);
    const std::string target(json->root().find("targets")->elements()[0].string().value_or(""));
    const auto colon = target.find(':');
    const auto thread = static_cast<std::size_t>(std::stoi(target.substr(0, colon)));
    EXPECT_EQ(std::stoi(target.substr(colon + 1)), next[thread]++);
  }
  EXPECT_GT(world.files().size(), 5u);
}

TEST(Trail, what_is_only_noted_is_on_the_disk_soon) {
  World world;
  world.open();

  ASSERT_TRUE(world.trail->note({{.by = "key"}, {.event = "member-read"}, 200, "r"}));

  const auto end = std::chrono::steady_clock::now() + 5s;
  while (world.files().empty() || !content(world.only_file()).contains("member-read")) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::sleep_for(5ms);
  }
}

// Each does something to the lines of the one file (the first of them is its head); whatever it is, it is noticed, with
// the trail closed or in use, and told with the number of the first line that is not as it was written.
struct Tampering {
  std::string name;
  std::function<void(std::vector<std::string>&)> act;
  std::string told;
};

std::vector<Tampering> tamperings() {
  return {
      {"flip a bit", [](auto& lines) { lines[5][20] ^= 1; }, "where number 5 should stand"},
      {"drop a line", [](auto& lines) { lines.erase(lines.begin() + 5); }, "where number 5 should stand"},
      {"swap two", [](auto& lines) { std::swap(lines[5], lines[6]); }, "where number 5 should stand"},
      {"say one twice", [](auto& lines) { lines.insert(lines.begin() + 5, lines[5]); }, "where number 6 should stand"},
      {"drop the first", [](auto& lines) { lines.erase(lines.begin() + 1); }, "where number 1 should stand"},
      {"drop the head", [](auto& lines) { lines.erase(lines.begin()); }, "does not check"},
      {"drop the last", [](auto& lines) { lines.pop_back(); }, "10"},
      {"drop the last three", [](auto& lines) { lines.resize(lines.size() - 3); }, "8"},
      {"cut the last in two", [](auto& lines) { lines.back().resize(40); }, "10"},
      {"add a line", [](auto& lines) { lines.push_back(lines.back()); }, "added"},
      {"add a foreign line", [](auto& lines) { lines.push_back("{\"n\":11}\n"); }, ""},
      {"add half a line", [](auto& lines) { lines.push_back("{\"n\":11"); }, "added"},
      {"empty it", [](auto& lines) { lines.clear(); }, ""},
  };
}

TEST(Trail, whatever_is_done_to_a_closed_one_is_noticed) {
  for (const auto& tampering : tamperings()) {
    World world;
    world.open();
    world.write_some(10);
    world.trail.reset();

    auto lines = split(content(world.only_file()));
    tampering.act(lines);
    put(world.only_file(), joined(lines));
    // Not only when it is looked at: also when it has been gone on with.
    world.open();
    world.write_some(1);

    const std::string trouble = world.trouble();
    EXPECT_NE(trouble, "") << tampering.name;
    if (tampering.name != "drop the last" && tampering.name != "cut the last in two" &&
        tampering.name != "drop the last three" && !tampering.name.starts_with("add"))
      EXPECT_TRUE(trouble.contains(tampering.told)) << tampering.name << ": " << trouble;
  }
}

TEST(Trail, whatever_is_done_to_one_in_use_is_noticed) {
  for (const auto& tampering : tamperings()) {
    World world;
    world.open();
    world.write_some(10);

    auto lines = split(content(world.only_file()));
    tampering.act(lines);
    put(world.only_file(), joined(lines));

    const std::string trouble = world.trouble();
    EXPECT_NE(trouble, "") << tampering.name;
    EXPECT_TRUE(trouble.contains(tampering.told)) << tampering.name << ": " << trouble;
    // And it stays so.
    world.write_some(1);
    EXPECT_NE(world.trouble(), "") << tampering.name;
  }
}

TEST(Trail, any_flipped_bit_is_noticed) {
  World world;
  world.open();
  world.write_some(3);
  world.trail.reset();
  const std::string file = world.only_file(), whole = content(file);
  const auto trouble = [&] {
    Reader reader(world.directory(), world.key, *world.anchor.kept, {});
    while (reader.next()) continue;
    return reader.trouble();
  };
  ASSERT_EQ(trouble(), "");

  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] ^= static_cast<char>(1 << (i % 8));
    put(file, changed);
    EXPECT_NE(trouble(), "") << "byte " << i;
  }
  put(file, whole);
  EXPECT_EQ(trouble(), "");
}

TEST(Trail, a_file_that_is_taken_away_is_missed_wherever_it_stood) {
  for (const std::size_t which : {0u, 2u, 9u}) {
    World world;
    world.open(1024);
    world.write_some(60);
    const auto names = world.files();
    ASSERT_GT(names.size(), 4u);

    fs::remove(world.directory() + "/" + names[std::min(which, names.size() - 1)]);

    EXPECT_TRUE(world.trouble().contains("missing")) << world.trouble();
  }
}

TEST(Trail, one_that_is_gone_altogether_is_missed) {
  World world;
  world.open();
  world.write_some(3);
  world.trail.reset();
  fs::remove_all(world.directory());

  world.open();
  EXPECT_EQ(world.trouble(), "line numbers 1 to 3 are missing at the end");
  world.write_some(1);

  EXPECT_TRUE(world.trouble().contains("line numbers 1 to 3 are missing")) << world.trouble();
}

TEST(Trail, a_line_of_another_key_does_not_check) {
  World world;
  world.open();
  world.write_some(2);
  const Hmac other("another key");
  auto lines = split(content(world.only_file()));
  const auto json = JsonDocument::parse(lines[1]);
  const std::string mac = json->root().text("mac");

  lines.push_back(line(other, mac, 3, world.clock.wall(), {{.by = "x"}, {.event = "y"}, 200}));
  put(world.only_file(), joined(lines));

  EXPECT_NE(world.trouble(), "");
}

// A process that is ended leaves lines the anchor does not know yet, and perhaps half of one.
TEST(Trail, what_an_ended_process_left_is_gone_on_with) {
  World world;
  world.open();
  world.write_some(5);
  const Memory before = world.anchor;  // not closed
  world.write_some(3);
  world.trail.reset();
  const std::string whole = content(world.only_file());
  put(world.only_file(), whole + R"({"n":9,"time":"2026-)");
  world.anchor.kept = before.kept;

  world.open();
  world.write_some(1);

  std::vector<std::string> lines;
  EXPECT_EQ(world.read(lines), "");
  ASSERT_EQ(lines.size(), 10u);
  EXPECT_EQ(event_of(lines[8]), "audit-tail-cut");
}

TEST(Trail, what_was_there_before_it_began_is_no_trail) {
  World world;
  fs::create_directory(world.directory());
  put(world.directory() + "/" + file_name(1), "{}\n");

  world.open();
  world.write_some(1);

  EXPECT_NE(world.trouble(), "");
}

TEST(Trail, what_cannot_be_written_is_said_and_nothing_is_noted_meanwhile) {
  World world;
  world.open();
  block(world);

  const auto written = world.write("member-shown");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().fault, Fault::unavailable);
  EXPECT_TRUE(written.error().message.starts_with("the audit trail cannot be written:")) << written.error().message;
  EXPECT_FALSE(world.trail->note({{.by = "key"}, {.event = "member-read"}, 200, "r"}));

  unblock(world);
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!world.trail->note({{.by = "key"}, {.event = "member-read"}, 200, "r"})) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::sleep_for(10ms);
  }
  world.write_some(1);
  std::vector<std::string> lines;
  EXPECT_EQ(world.read(lines), "");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(event_of(lines[0]), "audit-resumed");
}

TEST(Trail, a_file_that_was_taken_away_is_not_written_to_any_more) {
  World world;
  world.open();
  world.write_some(2);
  fs::remove(world.only_file());

  world.write_some(1);

  std::vector<std::string> lines;
  EXPECT_TRUE(world.read(lines).contains("line numbers 1 to 2 are missing"));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].starts_with(R"({"n":3,)")) << lines[0];
}

TEST(Trail, how_a_change_ended_is_written_later_when_it_cannot_be_now) {
  World world;
  world.open();
  block(world);

  EXPECT_FALSE(world.write("key-revoked", 200, 1));
  EXPECT_FALSE(world.write("member-shown"));
  unblock(world);
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!world.write("queue-paused")) ASSERT_LT(std::chrono::steady_clock::now(), end);

  std::vector<std::string> lines;
  EXPECT_EQ(world.read(lines), "");
  ASSERT_GE(lines.size(), 2u);
  EXPECT_EQ(event_of(lines[0]), "key-revoked");
  EXPECT_EQ(event_of(lines.back()), "queue-paused");
}

// An anchor costs a commit: nobody who looks somebody up waits for one.
TEST(Trail, the_anchor_knows_of_a_change_at_once_and_of_a_reading_within_two_seconds) {
  World world;
  async::SimLoop loop;
  std::unique_ptr<Files> trail;
  FilesOptions options{.directory = world.directory(), .wake = [&] { loop.post([&] { trail->turn(); }); }};
  trail = std::move(*Files::open(std::move(options), world.key, world.anchor, loop.clock()));
  const auto anchored_after = [&](std::string event, std::uint64_t begun_by = 0) {
    EXPECT_TRUE(loop.run(trail->write({{.by = "key"}, {.event = std::move(event)}, 200, "r", begun_by})));
    return world.anchor.kept->last.number;
  };

  EXPECT_EQ(anchored_after(std::string(begun)), 1u);
  EXPECT_EQ(anchored_after("queue-paused", 1), 2u);
  EXPECT_EQ(anchored_after("person-looked-up"), 2u);
  EXPECT_EQ(anchored_after("member-shown"), 2u);
  loop.advance(2s);
  EXPECT_EQ(anchored_after("person-looked-up"), 5u);
  EXPECT_EQ(anchored_after("person-looked-up"), 5u);
  EXPECT_EQ(anchored_after(std::string(begun)), 7u);
}

TEST(Trail, without_its_anchor_it_is_not_begun) {
  World world;
  world.anchor.refusing = true;
  world.open();

  EXPECT_FALSE(world.write("member-shown"));
  EXPECT_TRUE(world.files().empty());
  world.anchor.refusing = false;
}

TEST(Trail, no_more_is_noted_than_may_wait) {
  World world;
  world.open(64u << 20, 100);
  int taken = 0;

  for (int i = 0; i < 100'000; ++i)
    if (world.trail->note({{.by = "key"}, {.event = "member-read"}, 200, "r"})) ++taken;

  EXPECT_LT(taken, 100'000);
  world.open();
  std::vector<std::string> lines;
  EXPECT_EQ(world.read(lines), "");
  EXPECT_EQ(lines.size(), static_cast<std::size_t>(taken));
}

TEST(Trail, reading_since_a_time_begins_in_the_file_that_holds_it) {
  World world;
  world.open(1024);
  world.write_some(40);
  const auto now = world.clock.wall();
  std::this_thread::sleep_for(5ms);
  world.write_some(1);

  const auto page = world.trail->read("", 1000, now);

  ASSERT_TRUE(page);
  EXPECT_EQ(page->trouble, "");
  EXPECT_LT(page->lines.size(), 15u);
  EXPECT_TRUE(page->lines.back().starts_with(R"({"n":41,)"));
}

TEST(Trail, a_page_begins_where_one_of_ours_ended_or_nowhere) {
  World world;
  world.open();
  world.write_some(3);

  for (const char* after : {"x", "~~~~", "../../etc/passwd~0~0~00000000000000000000000000000000~1",
                            "audit-00000000000000000001.jsonl~x~0~00000000000000000000000000000000~1"})
    EXPECT_EQ(world.trail->read(after, 10, std::nullopt).error().fault, Fault::invalid) << after;
}

TEST(Trail, a_reason_names_nobody_by_their_address) {
  EXPECT_TRUE(parse_reason("ticket 4711: typed twice"));
  EXPECT_TRUE(parse_reason(std::string(200, 'x')));
  for (const std::string& wrong :
       {std::string(), std::string(201, 'x'), std::string("a\nb"), std::string("ada@example.com"), std::string("\xff")})
    EXPECT_EQ(parse_reason(wrong).error().fault, Fault::invalid) << wrong;
}

TEST(Trail, a_word_is_repeated_and_what_may_be_a_name_is_not) {
  EXPECT_EQ(word("welcome-mail"), "welcome-mail");
  for (const char* other : {"", "Ada", "ada@example.com", "a b", "ä"}) EXPECT_EQ(word(other), "?") << other;
}

}  // namespace
}  // namespace globogym::audit
