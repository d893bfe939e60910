// What the log tells of who did what by hand, and of who has read what is personal.
#include <gtest/gtest.h>

#include <sstream>

#include "console/world_test.h"

namespace globogym::console {
namespace {

using namespace testing;

// The audit lines that are written while `done` is.
template <class Deed>
std::vector<std::string> audited(Deed done) {
  ::testing::internal::CaptureStderr();
  done();
  std::vector<std::string> lines;
  std::istringstream written(::testing::internal::GetCapturedStderr());
  for (std::string line; std::getline(written, line);)
    if (line.contains(R"("level":"audit")")) lines.push_back(line);
  return lines;
}

// event, by, what, status
std::string told(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines)
    out += text(line, "event") + (text(line, "asked").empty() ? "" : " (" + text(line, "asked") + ")") + " by " +
           text(line, "by") + " of '" + text(line, "what") + "': " + std::to_string(number(line, "status")) + "\n";
  return out;
}

TEST(Audit, who_reads_what_is_personal_is_told_and_what_is_personal_is_not) {
  World world;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  world.mailbag.refusing = true;
  const auto parked = world.enroll("eve@example.com");
  world.finish();
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "memberId");
  const std::string letter = "/admin/v1/dead-letters/welcome-mail%3A" + parked;

  const auto lines = audited([&] {
    world.ask_trusted("GET", "/admin/v1/members/" + member);
    world.ask_trusted("GET", "/admin/v1/members/" + member + "/export");
    world.ask_trusted("GET", letter + "?content=true");
    world.ask_trusted("DELETE", "/admin/v1/members/" + member);
    world.ask_trusted("GET", "/admin/v1/members/ada@example.com");
    world.ask_trusted("GET", "/admin/v1/members/ada@example.com/export");
    world.ask_trusted("DELETE", "/admin/v1/members/ada@example.com");
    world.ask_trusted("GET", "/admin/v1/dead-letters/welcome-mail%3Aada@example.com?content=true");
  });

  EXPECT_EQ(told(lines), "member-shown by control-socket of '" + member + "': 200\n" +
                             "member-exported by control-socket of '" + member + "': 200\n" +
                             "dead-letter-content-shown by control-socket of 'welcome-mail:" + parked + "': 200\n" +
                             "member-erased by control-socket of '" + member + "': 200\n" +
                             "refused (member-shown) by control-socket of '': 404\n" +
                             "refused (member-exported) by control-socket of '': 404\n" +
                             "refused (member-erased) by control-socket of '': 404\n" +
                             "refused (dead-letter-content-shown) by control-socket of '': 404\n");
  for (const auto& line : lines) EXPECT_FALSE(line.contains("example.com")) << line;
}

TEST(Audit, looking_at_what_is_not_personal_is_not_told) {
  World world;
  world.mailbag.refusing = true;
  const auto parked = world.enroll("eve@example.com");
  world.finish();
  const std::string letter = "/admin/v1/dead-letters/welcome-mail%3A" + parked;

  EXPECT_EQ(told(audited([&] {
              world.ask_trusted("GET", letter);
              world.ask_trusted("GET", letter + "?content=false");
              world.ask("GET", letter + "?content=true");  // which this door does not show
              world.ask("GET", "/admin/v1/members/x");
              world.ask_trusted("GET", "/admin/v1/keys");
              world.ask_trusted("GET", "/admin/v1/enrollments/" + parked);
              world.ask_trusted("OPTIONS", "*");
            })),
            "");
}

TEST(Audit, every_change_is_told_with_who_did_it_to_what) {
  World world;
  world.mailbag.refusing = true;
  const auto parked = world.enroll("eve@example.com");
  world.finish();
  const auto key = world.key({"ops:write"});
  const Headers by_key = {{"X-API-Key", key.text}, {"Content-Type", "application/json"}};
  const auto gone = world.key({"ops:read"});

  const auto lines = audited([&] {
    world.ask_guarded("POST", "/admin/v1/queues/welcome-mail/pause", by_key);
    world.ask("POST", "/admin/v1/queues/welcome-mail/resume");
    world.ask_guarded("POST", "/admin/v1/dead-letters/replay", by_key, R"({"ids":["welcome-mail:)" + parked + R"("]})");
    world.ask_trusted("POST", "/admin/v1/dead-letters/discard", R"({"filter":{"reason":"none"}})");
    world.ask_trusted("DELETE", "/admin/v1/keys/" + gone.key.id);
    world.ask_trusted("DELETE", "/admin/v1/keys/nope");
    world.ask_trusted("POST", "/admin/v1/keys", R"({"name":"kiosk","scopes":["enrollments:write"]})");
    world.ask_trusted("POST", "/admin/v1/keys", R"({"name":"kiosk","scopes":["everything"]})");
    world.ask_guarded("POST", "/admin/v1/nothing", by_key);
  });

  const std::string newest = world.keys->list().back().id;
  EXPECT_EQ(told(lines),
            "queue-paused by " + key.key.id + " of 'welcome-mail': 200\n" +
                "queue-resumed by loopback of 'welcome-mail': 200\n" + "dead-letters-replay by " + key.key.id +
                " of 'welcome-mail:" + parked + "': 200\n" + "dead-letters-discard by control-socket of '': 200\n" +
                "key-revoked by control-socket of '" + gone.key.id + "': 200\n" +
                "refused (key-revoked) by control-socket of '': 404\n" + "key-created by control-socket of '" + newest +
                "': 201\n" + "refused (key-created) by control-socket of '': 400\n" +
                "refused (operations-request) by " + key.key.id + " of '': 404\n");
}

}  // namespace
}  // namespace globogym::console
