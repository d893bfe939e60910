#include "base/json_reader.h"

#include <simdjson.h>

#include <bit>

namespace globogym {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

static_assert(sizeof(element) == sizeof(JsonValue), "JsonValue holds simdjson's element as it is");
static_assert(std::is_trivially_copyable_v<element>);

element in(const JsonValue& value) {
  return std::bit_cast<element>(value);
}
JsonValue out(const element& value) {
  return std::bit_cast<JsonValue>(value);
}

constexpr std::size_t max_depth = 32;
constexpr std::size_t max_text = std::size_t{4} << 20;

}  // namespace

JsonValue::Type JsonValue::type() const {
  switch (in(*this).type()) {
    case element_type::OBJECT:
      return Type::object;
    case element_type::ARRAY:
      return Type::array;
    case element_type::STRING:
      return Type::string;
    case element_type::INT64:
      return Type::integer;
    case element_type::UINT64:
    case element_type::DOUBLE:
      return Type::real;
    case element_type::BOOL:
      return Type::boolean;
    case element_type::NULL_VALUE:
      return Type::null;
  }
  return Type::null;
}

std::optional<std::string_view> JsonValue::string() const {
  std::string_view text;
  if (in(*this).get(text)) return std::nullopt;
  return text;
}

std::optional<std::int64_t> JsonValue::integer() const {
  std::int64_t number;
  if (!in(*this).is<std::int64_t>() || in(*this).get(number)) return std::nullopt;
  return number;
}

std::optional<double> JsonValue::number() const {
  double value;
  if (in(*this).get(value)) return std::nullopt;
  return value;
}

std::optional<bool> JsonValue::boolean() const {
  bool flag;
  if (in(*this).get(flag)) return std::nullopt;
  return flag;
}

std::optional<JsonValue> JsonValue::find(std::string_view name) const {
  simdjson::dom::object object;
  if (in(*this).get(object)) return std::nullopt;
  element value;
  if (object.at_key(name).get(value)) return std::nullopt;
  return out(value);
}

std::vector<std::pair<std::string_view, JsonValue>> JsonValue::members() const {
  std::vector<std::pair<std::string_view, JsonValue>> all;
  simdjson::dom::object object;
  if (in(*this).get(object)) return all;
  all.reserve(object.size());
  for (auto [name, value] : object) all.emplace_back(name, out(value));
  return all;
}

std::vector<JsonValue> JsonValue::elements() const {
  std::vector<JsonValue> all;
  simdjson::dom::array array;
  if (in(*this).get(array)) return all;
  for (auto value : array) all.push_back(out(value));
  return all;
}

std::string JsonValue::text(std::string_view name) const {
  auto value = find(name);
  auto text = value ? value->string() : std::nullopt;
  return text ? std::string(*text) : std::string();
}

std::int64_t JsonValue::integer(std::string_view name, std::int64_t otherwise) const {
  auto value = find(name);
  return value ? value->integer().value_or(otherwise) : otherwise;
}

Result<JsonDocument> JsonDocument::parse(std::string_view text) {
  thread_local simdjson::dom::parser parser(max_text);
  thread_local bool allocated = parser.allocate(16 * 1024, max_depth) == simdjson::SUCCESS;
  (void)allocated;
  element root;
  if (auto error = parser.parse(text.data(), text.size(), true).get(root))
    return fail(Fault::invalid, simdjson::error_message(error));
  JsonDocument document;
  document.root_ = out(root);
  return document;
}

}  // namespace globogym
