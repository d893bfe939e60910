#include "base/json_writer.h"

#include <gtest/gtest.h>

#include <limits>

namespace globogym {
namespace {

TEST(JsonWriter, writes_members_in_order_and_closes_what_it_opened) {
  JsonWriter json;

  json.object().member("id", "a").member("attempts", 3).key("steps").array();
  json.object().member("name", "x").end().value(1).value("two").array().end().object().end().end();
  json.member("last", true).end();

  EXPECT_EQ(json.text(), R"({"id":"a","attempts":3,"steps":[{"name":"x"},1,"two",[],{}],"last":true})");
}

TEST(JsonWriter, writes_every_kind_of_value) {
  JsonWriter json;

  json.array().value("text").value(std::string("string")).value(std::string_view("view"));
  json.value(true).value(false).value(nullptr).value(0).value(-7);
  json.value(std::numeric_limits<std::int64_t>::min()).value(std::numeric_limits<std::int64_t>::max());
  json.value(1.5).value(std::numeric_limits<double>::infinity()).value(std::numeric_limits<double>::quiet_NaN());
  json.value(WallTime{}).value(std::optional<int>(5)).value(std::optional<std::string>()).raw(R"({"raw":1})").end();

  EXPECT_EQ(json.text(),
            R"(["text","string","view",true,false,null,0,-7,-9223372036854775808,9223372036854775807,1.5,null,null,)"
            R"("1970-01-01T00:00:00.000Z",5,null,{"raw":1}])");
}

TEST(JsonWriter, escapes_values) {
  JsonWriter json;
  json.object().member("text", "\"\\\n\x01é").end();
  EXPECT_EQ(json.text(), "{\"text\":\"\\\"\\\\\\n\\u0001é\"}");
}

TEST(JsonWriter, hands_over_its_text) {
  JsonWriter json;
  json.object().end();
  EXPECT_EQ(json.take(), "{}");
}

TEST(JsonWriterDeathTest, closing_what_was_never_opened_is_a_bug) {
  EXPECT_DEATH(JsonWriter().end(), "closers_");
}

}  // namespace
}  // namespace globogym
