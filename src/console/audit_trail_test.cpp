// Ten thousand things that operators do, at random and at once: each is in the trail, once, in order, by whoever did
// it, as it ended, and nothing of it says what a person is called.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "console/world_test.h"
#include "domain/membership_number.h"

namespace globogym::console {
namespace {

using namespace testing;
namespace fs = std::filesystem;

class Directory {
 public:
  Directory() {
    std::string name = (fs::temp_directory_path() / "globogym-trail-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Directory() { fs::remove_all(path); }
  std::string path;
};

struct Deed {
  std::string door;  // open, guarded, trusted
  std::string method, target, body;
  Headers headers;
  std::string by;  // as the line says
  bool told = true;
};

struct Told {
  unsigned status = 0;
  std::string by;
};

// Asks side by side, and remembers in which order the answers came.
struct Crowd {
  World& world;
  std::map<std::string, Told> answers = {};
  std::vector<std::string> order = {};

  Task<void> ask(Deed deed, std::string id) {
    http::Request request;
    request.remote_address = "127.0.0.1";
    request.method = deed.method;
    request.target = deed.target;
    request.path = request.target.substr(0, request.target.find('?'));
    if (deed.target.contains('?')) request.query = request.target.substr(request.target.find('?') + 1);
    request.body = deed.body;
    request.request_id = id;
    deed.headers.emplace_back("Host", "console.example");
    deed.headers.emplace_back("Content-Type", "application/json");
    for (const auto& [name, value] : deed.headers) request.headers.emplace_back(name, value);
    Console* console = &*world.open;
    if (deed.door == "trusted") {
      console = &*world.trusted;
      request.peer_uid = 1000;
    }
    if (deed.door == "guarded") console = &*world.guarded;
    auto response = co_await console->handle(request);
    if (!deed.told) co_return;
    answers[id] = {response.status, deed.by};
    order.push_back(id);
  }
};

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string trouble_of(World& world, std::vector<std::string>* all = nullptr) {
  std::string after, trouble;
  do {
    auto page = world.trail->read(after, 5000, std::nullopt);
    if (!page) return page.error().message;
    if (all) all->insert(all->end(), page->lines.begin(), page->lines.end());
    if (trouble.empty()) trouble = page->trouble;
    after = page->next;
  } while (!after.empty());
  return trouble;
}

class Choice {
 public:
  explicit Choice(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_.u64() % bound); }
  template <class T>
  const T& of(const std::vector<T>& all) {
    return all[below(all.size())];
  }

 private:
  SeededRandom random_;
};

// What operators do, some of it mistyped, with an address where an id belongs.
Deed some_deed(Choice& choice, World& world, const std::vector<std::string>& members,
               const std::vector<std::string>& parked, const gateway::CreatedKey& key) {
  const std::vector<std::string> people = {choice.of(members), "eve@example.com", "mem_nobody", "Lovelace"};
  const std::vector<std::string> letters = {"welcome-mail:" + choice.of(parked), "welcome-mail:eve@example.com",
                                            "Lovelace"};
  const Headers keyed = {{"X-API-Key", key.text}};
  const std::string person = choice.of(people), letter = choice.of(letters);
  const auto trusted = [](std::string method, std::string target, std::string body = "", bool told = true) {
    return Deed{"trusted", std::move(method), std::move(target), std::move(body), {}, "control-socket", told};
  };
  switch (choice.below(15)) {
    case 0:
      return trusted("GET", "/admin/v1/members/" + person);
    case 1:
      return trusted("GET", "/admin/v1/members/" + person + "/export");
    case 2:
      return trusted("DELETE",
                     "/admin/v1/members/" + (choice.below(50) == 0 ? person : std::string("eve@example.com")));
    case 3:
      return trusted("GET", "/admin/v1/dead-letters/" + letter + "?content=true");
    case 4:
      return trusted("GET", "/admin/v1/dead-letters/" + letter, "", false);
    case 5:
      return {"open", "POST", "/admin/v1/queues/welcome-mail/pause", "", {}, "loopback"};
    case 6:
      return {"guarded", "POST", "/admin/v1/queues/welcome-mail/resume", "", keyed, key.key.id};
    case 7:
      return {"guarded", "POST", "/admin/v1/queues/eve@example.com/pause", "", keyed, key.key.id};
    case 8:
      return {"guarded", "POST",    "/admin/v1/dead-letters/replay", R"({"ids":[")" + letter + R"("]})",
              keyed,     key.key.id};
    case 9:
      return trusted("POST", "/admin/v1/dead-letters/discard", R"({"ids":[")" + letter + R"("]})");
    case 10:
      return trusted("POST", "/admin/v1/dead-letters/replay", R"({"filter":{"reason":"eve@example.com"}})");
    case 11:
      return trusted("POST", "/admin/v1/keys", R"({"name":"Lovelace","scopes":["members:read"]})");
    case 12:
      return trusted("POST", "/admin/v1/keys", R"({"name":"Lovelace","scopes":["eve@example.com"]})");
    case 13:
      return trusted("DELETE", "/admin/v1/keys/" + (choice.below(2) ? world.keys->list().back().id : person));
    default:
      return {"open", "POST", "/admin/v1/" + person, R"({"email":"eve@example.com"})", {}, "loopback"};
  }
}

TEST(AuditTrail, ten_thousand_deeds_of_operators_are_each_there_once_in_order_with_nobodys_name) {
  Directory directory;
  World world(true, directory.path + "/audit");
  std::vector<std::string> members, parked;
  for (int i = 0; i < 20; ++i) {
    const auto id = world.enroll("ada" + std::to_string(i) + "@example.com");
    world.finish();
    members.push_back(text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "memberId"));
  }
  world.mailbag.refusing = true;
  for (int i = 0; i < 50; ++i) parked.push_back(world.enroll("eve" + std::to_string(i) + "@example.com"));
  world.finish();
  const auto key = world.key({"ops:write"});
  Choice choice(11);
  Crowd crowd{world};
  constexpr int deeds = 10'000;

  ::testing::internal::CaptureStderr();
  for (int i = 0; i < deeds;) {
    async::Scope scope;
    const std::size_t at_once = 1 + choice.below(32);
    for (std::size_t k = 0; k < at_once && i < deeds; ++k) {
      Deed deed = some_deed(choice, world, members, parked, key);
      world.loop.post([&scope, &crowd, deed = std::move(deed), id = "r" + std::to_string(i++)]() mutable {
        scope.start(crowd.ask(std::move(deed), std::move(id)));
      });
    }
    world.loop.settle();
    world.loop.run_until([&] { return scope.running() == 0; }, std::chrono::seconds(30));
    ASSERT_EQ(scope.running(), 0u);
  }
  ::testing::internal::GetCapturedStderr();

  std::vector<std::string> lines;
  EXPECT_EQ(trouble_of(world, &lines), "");
  std::vector<std::string> order;
  std::map<std::int64_t, std::string> begun;
  for (const auto& line : lines) {
    for (const char* personal : {"example", "Lovelace", "@"}) ASSERT_FALSE(line.contains(personal)) << line;
    const std::string id = text(line, "requestId");
    ASSERT_TRUE(crowd.answers.contains(id)) << line;
    const Told& told = crowd.answers.at(id);
    EXPECT_EQ(text(line, "by"), told.by) << line;
    if (told.by == "control-socket") EXPECT_EQ(number(line, "uid"), 1000) << line;
    if (text(line, "event") == "begun") {
      begun[number(line, "n")] = id;
      continue;
    }
    order.push_back(id);
    EXPECT_EQ(number(line, "status"), told.status) << line;
    EXPECT_EQ(text(line, "event") == "refused", told.status >= 300) << line;
    // Whoever began it ended it.
    if (const auto began = number(line, "begun"); began > 0) {
      EXPECT_EQ(begun[began], id) << line;
      begun.erase(began);
    }
  }
  EXPECT_TRUE(begun.empty());
  EXPECT_EQ(order, crowd.order);
  EXPECT_GT(order.size(), 9000u);

  // And whatever is done to one of them is noticed, wherever it stands.
  const std::string file = directory.path + "/audit/" + value_of(audit::files_in(directory.path + "/audit")).at(0);
  const std::string whole = content(file);
  for (int round = 0; round < 20; ++round) {
    std::string changed = whole;
    const std::size_t at = choice.below(whole.size());
    const std::size_t begin =
        whole.rfind('\n', at == 0 ? 0 : at - 1) == std::string::npos ? 0 : whole.rfind('\n', at == 0 ? 0 : at - 1) + 1;
    const std::size_t end = whole.find('\n', at) + 1;
    switch (round % 5) {
      case 0:
        changed[at] ^= static_cast<char>(1 << choice.below(8));
        break;
      case 1:
        changed.erase(begin, end - begin);
        break;
      case 2:
        changed.insert(end, whole.substr(begin, end - begin));
        break;
      case 3:
        changed.resize(at);
        break;
      default:
        changed += R"({"n":1,"event":"member-shown"})"
                   "\n";
    }
    std::ofstream(file, std::ios::binary | std::ios::trunc) << changed;
    EXPECT_NE(trouble_of(world), "") << "round " << round << " at " << at;
  }
  std::ofstream(file, std::ios::binary | std::ios::trunc) << whole;
  EXPECT_EQ(trouble_of(world), "");
}

TEST(AuditTrail, without_it_nothing_is_changed_and_nobody_is_shown) {
  Directory directory;
  World world(true, directory.path + "/audit");
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "memberId");
  // There is no place to write to.
  std::ofstream(directory.path + "/audit") << "in its place";

  ::testing::internal::CaptureStderr();
  EXPECT_EQ(world.ask_trusted("GET", "/admin/v1/members/" + member).status, 503u);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(log.contains(R"("event":"refused")") && log.contains(R"("asked":"member-shown")")) << log;
  EXPECT_TRUE(log.contains(R"("status":503)")) << "what was not shown is not called shown: " << log;
  EXPECT_EQ(world.ask_trusted("DELETE", "/admin/v1/members/" + member).status, 503u);
  EXPECT_EQ(world.ask_trusted("POST", "/admin/v1/keys", R"({"name":"k","scopes":["ops:read"]})").status, 503u);
  EXPECT_EQ(world.ask("POST", "/admin/v1/queues/welcome-mail/pause").status, 503u);
  EXPECT_TRUE(world.keys->list().empty());
  // What is not personal is shown all the same.
  EXPECT_EQ(world.ask("GET", "/admin/v1/queues").status, 200u);

  fs::remove(directory.path + "/audit");
  EXPECT_EQ(world.ask_trusted("GET", "/admin/v1/members/" + member).status, 200u);
}

TEST(AuditTrail, what_was_begun_and_not_ended_says_to_whom_and_why) {
  Directory directory;
  World world(true, directory.path + "/audit");
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "memberId");

  world.ask_trusted("POST", "/admin/v1/members/" + member + "/correct-email",
                    R"({"to":"new@example.com","reason":"mistyped at the desk"})");
  // What may be somebody's name or telephone is not told, whatever it looks like.
  std::string telephone;
  for (int digit = 0; telephone.empty(); ++digit)
    if (const auto tried = std::to_string(4'420'794'609'000 + digit); domain::parse_membership_number(tried))
      telephone = tried;
  const std::string number = domain::membership_number(member);
  for (const auto& typed : {std::string("Ada%20Lovelace"), telephone, number})
    world.ask_trusted("DELETE", "/admin/v1/members/" + typed);
  world.ask_trusted("POST", "/admin/v1/queues/welcome-mail/pause");

  std::vector<std::string> lines;
  EXPECT_EQ(trouble_of(world, &lines), "");
  std::erase_if(lines, [](const std::string& line) { return text(line, "event") != "begun"; });
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_TRUE(lines[0].contains(R"("targets":[")" + member + "\"]")) << lines[0];
  EXPECT_EQ(text(lines[0], "reason"), "mistyped at the desk");
  EXPECT_FALSE(lines[0].contains("@"));
  EXPECT_FALSE(lines[1].contains("targets") || lines[1].contains("Lovelace")) << lines[1];
  EXPECT_FALSE(lines[2].contains("targets") || lines[2].contains(telephone)) << lines[2];
  EXPECT_TRUE(lines[3].contains(R"("targets":[")" + number + "\"]")) << lines[3];
  EXPECT_TRUE(lines[4].contains(R"("targets":["welcome-mail"])")) << lines[4];
}

TEST(AuditTrail, the_log_tells_what_the_trail_tells) {
  Directory directory;
  World world(true, directory.path + "/audit");
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "memberId");

  ::testing::internal::CaptureStderr();
  world.ask_trusted("POST", "/admin/v1/members/" + member + "/resend-letter", R"({"reason":"it did not come"})");
  const std::string log = ::testing::internal::GetCapturedStderr();

  EXPECT_TRUE(log.contains(R"("what":")" + member + "," + id + "\"")) << log;
  EXPECT_TRUE(log.contains(R"("reason":"it did not come")")) << log;
  EXPECT_TRUE(log.contains(R"("line":")")) << log;
}

TEST(AuditTrail, what_a_person_did_is_in_the_enrollments_story) {
  World world;
  world.mailbag.refusing = true;
  const auto parked = world.enroll("eve@example.com");
  world.finish();
  const auto key = world.key({"ops:write"});
  const std::string ids = R"({"ids":["welcome-mail:)" + parked + R"("]})";

  world.ask_guarded("POST", "/admin/v1/dead-letters/replay",
                    {{"X-API-Key", key.text}, {"Content-Type", "application/json"}}, ids);
  world.finish();
  world.ask_trusted("POST", "/admin/v1/dead-letters/discard", ids);

  const auto story = world.ask("GET", "/admin/v1/enrollments/" + parked + "/timeline").body;
  const auto events = events_of(story);
  EXPECT_EQ(events, (std::vector<std::string>{"accepted", "step-done", "step-done", "attempt-failed", "parked",
                                              "replayed", "attempt-failed", "parked", "discarded"}))
      << story;
  EXPECT_TRUE(story.contains(R"("event":"replayed","by":")" + key.key.id + "\"")) << story;
  // It is nothing for the public API.
  EXPECT_FALSE(world.ask("GET", "/admin/v1/enrollments/" + parked).body.contains("interventions"));
}

}  // namespace
}  // namespace globogym::console
