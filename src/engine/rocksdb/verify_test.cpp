// verify holds records against each other: each kind of disagreement is said, and a store in agreement is whole.
#include "engine/rocksdb/verify.h"

#include "engine/kv/records.h"
#include "engine/rocksdb/store.h"
#include "engine/rocksdb/trial_test.h"

namespace globogym::engine::rocksdb {
namespace {

using namespace trial;

constexpr std::int64_t due = 1'900'000'000'000'000;
const kv::Place ready{kv::Lane::ready, 0}, delayed{kv::Lane::delayed, due}, dead{kv::Lane::dead, 0};

std::string message(const std::string& id) {
  kv::MessageRecord record;
  record.id = id;
  record.body = "body";
  return kv::encode(record);
}

// One message in each lane, and one document, as they should be; then what a test does to them.
class Agreement : public testing::Test {
 protected:
  std::vector<std::string> problems(const std::function<void(Store&)>& spoil = {}) {
    {
      auto store = Store::open({.directory = directory_});
      EXPECT_TRUE(store);
      auto& s = **store;
      kv::Totals totals;
      totals.version = 7;
      totals.queues.push_back({.name = "mail", .ready = 1, .delayed = 1, .dead = 1});
      s.put(kv::Space::meta, kv::totals_key, kv::encode(totals));
      s.put(kv::Space::documents, kv::document_key({"members", "p", "a"}), kv::document_value(7, "{}"));
      s.put(kv::Space::messages, kv::message_key(0, ready, "r"), message("r"));
      for (const auto& [place, id] : {std::pair(delayed, "d"), std::pair(dead, "x")}) {
        s.put(kv::Space::messages, kv::message_key(0, ready, id), kv::stub(place));
        s.put(kv::Space::messages, kv::message_key(0, place, id), message(id));
      }
      if (spoil) spoil(s);
      EXPECT_TRUE(s.write(true));
      EXPECT_TRUE(s.close());
    }
    auto report = verify(directory_);
    EXPECT_TRUE(report);
    return report ? report->problems : std::vector<std::string>{"verify failed"};
  }
  void says(const std::vector<std::string>& problems, std::string_view words) {
    ASSERT_FALSE(problems.empty()) << "nothing said of: " << words;
    EXPECT_NE(problems[0].find(words), std::string::npos) << problems[0];
  }
  TemporaryDirectory root_;
  const std::string directory_ = root_ / "engine";
};

TEST_F(Agreement, is_no_problem) {
  const auto said = problems();
  EXPECT_TRUE(said.empty()) << said[0];
}

TEST_F(Agreement, a_message_that_waits_and_is_not_found_under_its_id_is_said) {
  says(problems([](Store& s) { s.erase(kv::Space::messages, kv::message_key(0, ready, "d")); }),
       "not found under its id");
}

TEST_F(Agreement, a_stub_that_points_elsewhere_is_said) {
  says(problems([](Store& s) {
         s.put(kv::Space::messages, kv::message_key(0, ready, "d"), kv::stub({kv::Lane::delayed, due + 1}));
       }),
       "under its id");
}

TEST_F(Agreement, a_stub_without_its_message_is_said) {
  says(problems([](Store& s) { s.erase(kv::Space::messages, kv::message_key(0, dead, "x")); }),
       "not where it should be");
}

TEST_F(Agreement, a_message_under_the_id_of_another_is_said) {
  says(problems([](Store& s) { s.put(kv::Space::messages, kv::message_key(0, ready, "r"), message("other")); }),
       "does not decode");
}

TEST_F(Agreement, a_total_that_is_not_what_was_counted_is_said_of_each_lane) {
  for (const auto lane : {kv::Lane::ready, kv::Lane::delayed, kv::Lane::dead}) {
    for (const int difference : {-1, 1}) {
      const auto wrong = [&](Store& s) {
        kv::Totals totals;
        totals.version = 7;
        totals.queues.push_back({.name = "mail", .ready = 1, .delayed = 1, .dead = 1});
        auto& queue = totals.queues[0];
        auto& total = lane == kv::Lane::ready ? queue.ready : lane == kv::Lane::delayed ? queue.delayed : queue.dead;
        total = static_cast<std::uint64_t>(1 + difference);
        s.put(kv::Space::meta, kv::totals_key, kv::encode(totals));
      };
      says(problems(wrong), "its total says " + std::to_string(1 + difference));
    }
  }
}

TEST_F(Agreement, a_document_newer_than_everything_is_said) {
  says(problems([](Store& s) {
         s.put(kv::Space::documents, kv::document_key({"members", "p", "a"}), kv::document_value(8, "{}"));
       }),
       "newer than the newest change");
}

TEST_F(Agreement, records_that_do_not_decode_are_said) {
  says(problems([](Store& s) { s.put(kv::Space::documents, "nonsense", "x"); }), "does not decode");
}

TEST_F(Agreement, a_lease_that_does_not_decode_is_said) {
  says(problems([](Store& s) { s.put(kv::Space::meta, kv::lease_key(5), "x"); }), "does not decode");
}

TEST_F(Agreement, totals_that_are_missing_are_said) {
  says(problems([](Store& s) { s.erase(kv::Space::meta, kv::totals_key); }), "totals is missing");
}

}  // namespace
}  // namespace globogym::engine::rocksdb
