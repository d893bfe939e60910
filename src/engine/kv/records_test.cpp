#include "engine/kv/records.h"

#include <gtest/gtest.h>

namespace globogym::engine::kv {
namespace {

using namespace std::chrono_literals;

// Every field another value, so that none can stand in for another.
MessageRecord full_record() {
  return {.version = 9,
          .attempts = 3,
          .enqueued_at = Moment(11us),
          .history = {{1, Moment(21us), "one"}, {2, Moment(22us), "two"}},
          .dead_reason = "reason",
          .dead_at = Moment(31us),
          .id = "the id",
          .traceparent = "00-trace",
          .body = std::string("body\0with", 9)};
}

Totals full_totals() {
  return {.epoch = 5,
          .version = 6,
          .time = Timeline::Note{Moment(41us), WallTime(42us)},
          .queues = {{"a", 1, 2, 3}, {"b", 4, 5, 6}},
          .tallies = {{"x", -7}, {"y", 8}}};
}

TEST(Records, a_message_is_read_as_it_was_written) {
  const auto record = full_record();
  const auto read = decode_message(encode(record));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->version, 9u);
  EXPECT_EQ(read->attempts, 3);
  EXPECT_EQ(read->enqueued_at, record.enqueued_at);
  ASSERT_EQ(read->history.size(), 2u);
  EXPECT_EQ(read->history[1].number, 2);
  EXPECT_EQ(read->history[1].at, record.history[1].at);
  EXPECT_EQ(read->history[1].error, "two");
  EXPECT_EQ(read->dead_reason, "reason");
  EXPECT_EQ(read->dead_at, record.dead_at);
  EXPECT_EQ(read->id, "the id");
  EXPECT_EQ(read->traceparent, "00-trace");
  EXPECT_EQ(read->body, record.body);
}

TEST(Records, a_message_that_an_older_build_wrote_is_read_without_a_version) {
  auto record = full_record();
  record.version = 0;
  auto old = encode(record);
  ASSERT_EQ(old[0], 2);
  old[0] = 1;
  old.erase(2 + record.id.size(), sizeof record.version);

  const auto read = decode_message(old);

  ASSERT_TRUE(read);
  EXPECT_EQ(encode(*read), encode(record)) << "all but its version is there";
  for (std::size_t n = 0; n < old.size(); ++n) EXPECT_FALSE(decode_message(old.substr(0, n))) << n;
  EXPECT_FALSE(decode_message(old + "x"));
}

TEST(Records, totals_are_read_as_they_were_written_and_as_earlier_releases_wrote_them) {
  auto totals = full_totals();
  auto check = [&] {
    const auto read = decode_totals(encode(totals));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->epoch, 5u);
    EXPECT_EQ(read->version, 6u);
    EXPECT_EQ(read->time, totals.time);
    ASSERT_EQ(read->queues.size(), 2u);
    EXPECT_EQ(read->queues[1].name, "b");
    EXPECT_EQ(read->queues[1].ready, 4u);
    EXPECT_EQ(read->queues[1].delayed, 5u);
    EXPECT_EQ(read->queues[1].dead, 6u);
    EXPECT_EQ(read->tallies, totals.tallies);
  };
  check();
  totals.time.reset();
  check();
}

TEST(Records, what_is_cut_or_too_long_is_damage) {
  LeaseRecord lease;
  lease.entries.push_back({1, "id", 2});
  const auto message = encode(full_record()), totals = encode(full_totals()), leases = encode(lease);
  auto without_time = full_totals();
  without_time.time.reset();
  const auto plain = encode(without_time).size();
  for (std::size_t n = 0; n < message.size(); ++n) EXPECT_FALSE(decode_message(message.substr(0, n))) << n;
  for (std::size_t n = 0; n < totals.size(); ++n)
    if (n != plain) EXPECT_FALSE(decode_totals(totals.substr(0, n))) << n;
  for (std::size_t n = 2; n < leases.size(); ++n) EXPECT_FALSE(decode_lease(leases.substr(0, n))) << n;
  EXPECT_FALSE(decode_message(message + "x"));
  EXPECT_FALSE(decode_totals(totals + "x"));
  EXPECT_FALSE(decode_lease(leases + "x"));
  for (char format : {'\0', '\3'}) EXPECT_FALSE(decode_message(format + message.substr(1)));
  EXPECT_FALSE(decode_message('\1' + message.substr(1))) << "a version is not taken for what an older build has there";
  for (char format : {'\0', '\2'}) {
    EXPECT_FALSE(decode_totals(format + totals.substr(1)));
    EXPECT_FALSE(decode_lease(format + leases.substr(1)));
  }
}

TEST(Records, a_hand_out_is_read_as_it_was_written) {
  LeaseRecord lease;
  lease.entries.push_back({1, "one", 2});
  lease.entries.push_back({300, std::string(255, 'i'), 70'000});
  const auto read = decode_lease(encode(lease));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->entries.size(), 2u);
  EXPECT_EQ(read->entries[0].id, "one");
  EXPECT_EQ(read->entries[1].queue, 300);
  EXPECT_EQ(read->entries[1].id, std::string(255, 'i'));
  EXPECT_EQ(read->entries[1].attempt, 70'000);
}

TEST(Records, a_stub_says_where_its_message_is_and_is_no_message) {
  for (const Place& place : {Place{Lane::delayed, 123'456'789'012}, Place{Lane::dead, 0}}) {
    const auto value = stub(place);
    EXPECT_TRUE(is_stub(value));
    EXPECT_EQ(parse_stub(value), place);
    EXPECT_FALSE(parse_stub(value.substr(1)));
    EXPECT_FALSE(parse_stub(value + "x"));
    EXPECT_FALSE(decode_message(value));
  }
  EXPECT_FALSE(is_stub(encode(full_record())));
  EXPECT_FALSE(is_stub(""));
  EXPECT_FALSE(parse_stub(stub({Lane::ready, 0})));
}

TEST(Records, keys_are_ordered_by_queue_then_by_when_they_are_due) {
  const Place early{Lane::delayed, 255}, late{Lane::delayed, 256};
  EXPECT_LT(message_key(0, late, "a"), message_key(1, early, "a"));
  EXPECT_LT(message_key(1, early, "z"), message_key(1, late, "a"));
  EXPECT_LT(message_key(255, {}, "z"), message_key(256, {}, "a"));
  for (QueueNumber queue : std::initializer_list<QueueNumber>{0, 1, 255, 256, 999})
    for (const Place& place : {Place{}, late, Place{Lane::dead, 0}}) {
      const auto key = message_key(queue, place, "id");
      EXPECT_GE(key, lane_begin(queue, place.lane));
      EXPECT_LT(key, lane_end(queue, place.lane));
      const auto parsed = parse_message_key(key);
      ASSERT_TRUE(parsed);
      EXPECT_EQ(parsed->queue, queue);
      EXPECT_EQ(parsed->place, place);
      EXPECT_EQ(parsed->id, "id");
    }
  EXPECT_FALSE(parse_message_key(lane_begin(1, Lane::ready)));
  EXPECT_FALSE(parse_message_key("q\0\1id"));
  EXPECT_LT(lease_key(255), lease_key(256));
}

TEST(Records, a_documents_key_and_value_are_read_as_they_were_written) {
  const DocumentKey key{"container", "partition", "id"};
  EXPECT_EQ(parse_document_key(document_key(key)), key);
  EXPECT_GE(document_key(key), container_begin("container"));
  EXPECT_LT(document_key(key), container_end("container"));
  EXPECT_GE(document_key({"container2", "p", "i"}), container_end("container"));
  EXPECT_FALSE(parse_document_key("container"));
  EXPECT_FALSE(parse_document_key(std::string("container\0id", 12)));
  EXPECT_FALSE(parse_document_key(std::string("container\0\0p", 12)));
  const auto value = document_value(9, "body");
  const auto parsed = parse_document_value(value);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->first, 9u);
  EXPECT_EQ(parsed->second, "body");
  EXPECT_FALSE(parse_document_value(document_value(0, "body")));
  EXPECT_FALSE(parse_document_value("short"));
}

}  // namespace
}  // namespace globogym::engine::kv
