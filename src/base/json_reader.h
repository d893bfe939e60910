// Reads JSON that is held in memory.
//
//   auto json = JsonDocument::parse(text);          // Fault::invalid when it is not JSON
//   json->root().find("id")->string()
//
// A value points into its document and lives as long. Look-ups answer nullopt when the value is of another type, so a
// reader needs no type switch. The parser (simdjson) checks the whole text: UTF-8, structure, depth at most 32.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace globogym {

class JsonValue {
 public:
  enum class Type { object, array, string, integer, real, boolean, null };

  Type type() const;
  std::optional<std::string_view> string() const;
  // Whole numbers within int64.
  std::optional<std::int64_t> integer() const;
  std::optional<double> number() const;
  std::optional<bool> boolean() const;
  bool is_null() const { return type() == Type::null; }

  // A member of an object by name; the first when the name repeats.
  std::optional<JsonValue> find(std::string_view name) const;
  // The members of an object, in order and with repeats. Empty for other types.
  std::vector<std::pair<std::string_view, JsonValue>> members() const;
  // The elements of an array. Empty for other types.
  std::vector<JsonValue> elements() const;

  // Short forms for our own records: the member's value, or a default when it is absent or of another type.
  std::string text(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise = 0) const;

 private:
  friend class JsonDocument;
  const void* document_ = nullptr;
  std::size_t index_ = 0;
};

class JsonDocument {
 public:
  // Copies `text` into padded storage. Uses a parser of the calling thread: one document a thread at a time is alive —
  // parsing the next ends the one before.
  static Result<JsonDocument> parse(std::string_view text);
  JsonValue root() const { return root_; }

 private:
  JsonValue root_;
};

}  // namespace globogym
