// How a trail tells of itself: the look through all of it, and leaving behind what was found damaged.
#include "audit/world_test.h"

namespace globogym::audit {
namespace {

using namespace testing;

// Opening looks at the end only.
TEST(Trail, what_was_changed_far_from_the_end_is_found_while_it_is_in_use) {
  World world;
  world.open(2048);
  world.write_some(200);
  world.trail.reset();
  const std::string file = world.directory() + "/" + world.files().at(1);
  auto lines = split(content(file));
  lines.erase(lines.begin() + 2);
  put(file, joined(lines));

  world.open(2048);
  EXPECT_EQ(world.trail->condition().damage, "");
  wait_until([&] { return world.trail->condition().looked_through; });

  EXPECT_TRUE(world.trail->condition().damage.contains("line 3 of " + world.files().at(1)))
      << world.trail->condition().damage;
  wait_until([&] {
    std::vector<std::string> there;
    (void)world.read(there);
    return event_of(there.back()) == "audit-damaged";
  });
}

TEST(Trail, one_that_is_sound_is_found_sound_while_it_grows) {
  World world;
  world.open(2048);
  world.write_some(200);
  world.trail.reset();
  world.open(2048);

  while (!world.trail->condition().looked_through) world.write_some(1);

  const Condition condition = world.trail->condition();
  EXPECT_EQ(condition.damage, "");
  EXPECT_EQ(condition.problem, "");
  EXPECT_EQ(world.trouble(), "");
}

TEST(Trail, that_no_line_can_be_written_is_known_before_one_is_tried_and_told_until_it_can) {
  World world;
  world.open();
  EXPECT_EQ(world.trail->condition().problem, "") << "it is made when the first line comes";
  block(world);

  EXPECT_TRUE(world.trail->condition().problem.contains("Not a directory")) << world.trail->condition().problem;
  EXPECT_FALSE(world.write("member-shown"));
  EXPECT_NE(world.trail->condition().problem, "");
  unblock(world);

  wait_until([&] { return world.trail->condition().problem.empty(); });
}

TEST(Trail, a_file_that_was_taken_away_is_told_at_once_and_after_every_start) {
  World world;
  world.open();
  world.write_some(2);
  fs::remove(world.only_file());
  world.write_some(1);
  EXPECT_NE(world.trail->condition().damage, "");

  world.open();
  wait_until([&] { return world.trail->condition().looked_through; });

  EXPECT_TRUE(world.trail->condition().damage.contains("line numbers 1 to 2 are missing"))
      << world.trail->condition().damage;
}

TEST(Trail, one_that_was_damaged_is_begun_anew_by_whoever_looked_into_it) {
  World world;
  world.open(2048);
  world.write_some(50);
  world.trail.reset();
  const std::string first = world.only_file();
  auto lines = split(content(first));
  lines.erase(lines.begin() + 2);
  put(first, joined(lines));
  world.open(2048);
  wait_until([&] { return !world.trail->condition().damage.empty(); });

  async::AsioLoop loop;
  const auto anew = async::run_until_done(
      loop, world.trail->write({{.by = "control-socket", .uid = 7},
                                {.event = "audit-begun-anew", .reason = "ticket 7", .begins_trail = true},
                                200,
                                "r",
                                1}));
  ASSERT_TRUE(anew);
  world.write_some(20);

  EXPECT_EQ(world.trail->condition().damage, "");
  std::vector<std::string> since;
  EXPECT_EQ(world.read(since), "");
  ASSERT_EQ(since.size(), 21u);
  EXPECT_EQ(event_of(since[0]), "audit-begun-anew");
  std::string aside;
  for (const auto& entry : fs::directory_iterator(world.directory()))
    if (entry.is_directory()) aside = entry.path().string();
  EXPECT_EQ(content(aside + first.substr(first.rfind('/'))), joined(lines)) << "what was found stays as it is";
  // It stays so over starts, and vouches for itself from there on.
  world.open(2048);
  wait_until([&] { return world.trail->condition().looked_through; });
  EXPECT_EQ(world.trail->condition().damage, "");
  const auto files = world.files();
  fs::remove(world.directory() + "/" + files.front());
  EXPECT_NE(world.trouble(), "");
}

TEST(Trail, a_file_that_was_added_is_found_and_left_behind_whatever_its_name) {
  const std::vector<std::pair<std::string, bool>> added = {{file_name(900'000), false},
                                                           {"audit-18446744073709551615.jsonl", false},
                                                           {"audit-99999999999999999999.jsonl", false},
                                                           {file_name(900'000), true}};
  for (const auto& [name, empty] : added) {
    World world;
    world.open();
    world.write_some(5);
    world.trail.reset();
    put(world.directory() + "/" + name, empty ? "" : content(world.only_file()));

    world.open();
    world.write_some(1);
    wait_until([&] { return world.trail->condition().looked_through; });

    EXPECT_NE(world.trail->condition().damage, "") << name;
    EXPECT_NE(world.trouble(), "") << name;
    EXPECT_EQ(content(world.directory() + "/" + name).contains("audit-damaged"), false) << "it is nobody's of ours";
    async::AsioLoop loop;
    ASSERT_TRUE(async::run_until_done(
        loop, world.trail->write({{.by = "control-socket", .uid = 7},
                                  {.event = "audit-begun-anew", .reason = "ticket 7", .begins_trail = true},
                                  200,
                                  "r",
                                  1})));
    EXPECT_EQ(world.trouble(), "") << name;
    EXPECT_EQ(world.files().size(), 1u) << name;
    EXPECT_EQ(world.trail->condition().damage, "") << name;
  }
}

TEST(Trail, what_whoever_reads_it_finds_is_told_to_everybody) {
  World world;
  world.open();
  world.write_some(5);
  wait_until([&] { return world.trail->condition().looked_through; });
  std::string changed = content(world.only_file());
  changed[changed.find("member-shown")] = 'M';
  put(world.only_file(), changed);
  ASSERT_EQ(world.trail->condition().damage, "");

  const auto page = value_of(world.trail->read("", 100, std::nullopt));

  EXPECT_NE(page.trouble, "");
  EXPECT_EQ(page.checked, 0u);
  EXPECT_EQ(page.lines.size(), 5u) << "what does not check is shown all the same";
  EXPECT_EQ(world.trail->condition().damage, page.trouble);
}

TEST(Trail, what_cannot_be_read_now_is_no_damage_and_is_looked_at_later) {
  World world;
  world.open();
  world.write_some(5);
  world.trail.reset();
  // What root may not read either.
  const std::string file = world.only_file(), aside = world.root + "/aside";
  fs::rename(file, aside);
  fs::create_symlink(file, file);

  world.open();

  EXPECT_TRUE(world.trail->condition().unreadable.contains("cannot be read")) << world.trail->condition().unreadable;
  EXPECT_EQ(world.trail->condition().damage, "");
  fs::remove(file);
  fs::rename(aside, file);
  world.open();
  wait_until([&] { return world.trail->condition().looked_through; });
  EXPECT_EQ(world.trail->condition().unreadable, "");
  EXPECT_EQ(world.trouble(), "");
}

// The anchor knew that it is begun anew, and the process ended before there was a file.
TEST(Trail, one_that_was_begun_anew_without_a_line_is_gone_on_with) {
  World world;
  world.open();
  world.write_some(5);
  world.trail.reset();
  auto& bounds = *world.anchor.kept;
  bounds.before_first = bounds.last.number;
  bounds.mac_before_first = bounds.last.mac;
  bounds.last = {.file = {}, .end = 0, .number = bounds.before_first, .mac = bounds.mac_before_first};
  bounds.final = false;

  world.open();
  world.write_some(1);

  std::vector<std::string> lines;
  EXPECT_EQ(world.read(lines), "");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].starts_with(R"({"n":6,)")) << lines[0];
}

}  // namespace
}  // namespace globogym::audit
