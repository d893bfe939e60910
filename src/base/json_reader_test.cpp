#include "base/json_reader.h"

#include <gtest/gtest.h>

#include "base/json_writer.h"

namespace globogym {
namespace {

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(JsonReader, finds_values_of_every_type) {
  auto json = JsonDocument::parse(
      R"({"text":"a\u0000\u00e9\ud83d\ude00","whole":-7,"real":1.5,"yes":true,"nothing":null,"list":[1,"x"],"o":{"k":"v"}})");
  ASSERT_TRUE(json.has_value()) << json.error().message;
  const auto root = json->root();

  EXPECT_EQ(root.type(), JsonValue::Type::object);
  EXPECT_EQ(root.find("text")->string(), std::string_view("a\0é😀", 8));
  EXPECT_EQ(root.find("whole")->integer(), -7);
  EXPECT_EQ(root.find("whole")->number(), -7.0);
  EXPECT_EQ(root.find("real")->number(), 1.5);
  EXPECT_EQ(root.find("real")->type(), JsonValue::Type::real);
  EXPECT_EQ(root.find("yes")->boolean(), true);
  EXPECT_TRUE(root.find("nothing")->is_null());
  ASSERT_EQ(root.find("list")->elements().size(), 2u);
  EXPECT_EQ(root.find("list")->elements()[1].string(), "x");
  EXPECT_EQ(root.find("o")->find("k")->string(), "v");
  EXPECT_FALSE(root.find("absent").has_value());
}

TEST(JsonReader, answers_nullopt_when_the_value_is_of_another_type) {
  auto json = JsonDocument::parse(R"({"text":"1","whole":1,"real":1.0,"yes":true,"list":[]})");
  const auto root = json.value().root();

  EXPECT_FALSE(root.find("text")->integer() || root.find("text")->number() || root.find("text")->boolean());
  EXPECT_FALSE(root.find("whole")->string() || root.find("whole")->boolean());
  EXPECT_FALSE(root.find("real")->integer().has_value()) << "1.0 is not written as a whole number";
  EXPECT_FALSE(root.find("yes")->integer().has_value());
  EXPECT_FALSE(root.find("list")->find("x").has_value());
  EXPECT_TRUE(root.find("text")->elements().empty() && root.find("text")->members().empty());
  EXPECT_EQ(root.text("whole"), "");
  EXPECT_EQ(root.text("text"), "1");
  EXPECT_EQ(root.integer("text", 9), 9);
  EXPECT_EQ(root.integer("whole", 9), 1);
}

TEST(JsonReader, whole_numbers_are_int64_or_none) {
  auto json =
      JsonDocument::parse("[9223372036854775807,-9223372036854775808,9223372036854775808,18446744073709551615,1e3]");
  const auto numbers = json.value().root().elements();

  EXPECT_EQ(numbers[0].integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(numbers[1].integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_FALSE(numbers[2].integer() || numbers[3].integer() || numbers[4].integer());
}

TEST(JsonReader, keeps_members_in_order_with_repeats_and_finds_the_first) {
  auto json = JsonDocument::parse(R"({"b":1,"a":2,"b":3})");
  const auto members = json.value().root().members();

  ASSERT_EQ(members.size(), 3u);
  EXPECT_EQ(members[0].first, "b");
  EXPECT_EQ(members[1].first, "a");
  EXPECT_EQ(members[2].second.integer(), 3);
  EXPECT_EQ(json->root().integer("b"), 1);
}

TEST(JsonReader, refuses_what_is_no_json) {
  for (std::string_view bad : {std::string_view(""),
                               std::string_view(" "),
                               std::string_view("{"),
                               std::string_view("{}{}"),
                               std::string_view("{'a':1}"),
                               std::string_view("{\"a\":1,}"),
                               std::string_view("[01]"),
                               std::string_view("[1.]"),
                               std::string_view("[+1]"),
                               std::string_view("[1e999]"),
                               std::string_view("[123456789012345678901234567890]"),
                               std::string_view("[NaN]"),
                               std::string_view("nul"),
                               std::string_view("[\"\n\"]"),
                               std::string_view("[\"\\x\"]"),
                               std::string_view("[\"\\ud800\"]"),
                               std::string_view("[\"\xff\"]"),
                               std::string_view("[\"\xed\xa0\x80\"]"),
                               std::string_view("{}\0", 3),
                               std::string_view("\0", 1),
                               std::string_view("// no\n{}")}) {
    auto json = JsonDocument::parse(bad);
    ASSERT_FALSE(json.has_value()) << bad;
    EXPECT_EQ(json.error().fault, Fault::invalid);
    EXPECT_FALSE(json.error().message.empty());
  }
}

TEST(JsonReader, depth_has_a_bound) {
  EXPECT_TRUE(JsonDocument::parse(nested(30)).has_value());
  EXPECT_FALSE(JsonDocument::parse(nested(33)).has_value());
  EXPECT_FALSE(JsonDocument::parse(nested(1'000'000)).has_value());
}

TEST(JsonReader, a_long_text_does_not_lift_the_bound_on_depth) {
  ASSERT_TRUE(JsonDocument::parse("\"" + std::string(100'000, 'x') + "\"").has_value());
  EXPECT_FALSE(JsonDocument::parse(nested(33)).has_value());
}

TEST(JsonReader, size_has_a_bound) {
  EXPECT_TRUE(JsonDocument::parse("\"" + std::string(4'000'000, 'x') + "\"").has_value());
  EXPECT_FALSE(JsonDocument::parse("\"" + std::string(5'000'000, 'x') + "\"").has_value());
}

TEST(JsonReader, reads_what_the_writer_writes) {
  std::string every_byte;
  for (char c = 0; c < 0x7f; ++c) every_byte += c;
  JsonWriter json;
  json.object().member("text", every_byte).member("number", -1.25e-7).end();

  auto read = JsonDocument::parse(json.text());

  EXPECT_EQ(read.value().root().text("text"), every_byte);
  EXPECT_EQ(read->root().find("number")->number(), -1.25e-7);
}

TEST(JsonReader, goes_on_after_a_refusal) {
  ASSERT_FALSE(JsonDocument::parse("{").has_value());
  EXPECT_EQ(JsonDocument::parse(R"({"a":"b"})").value().root().text("a"), "b");
}

}  // namespace
}  // namespace globogym
