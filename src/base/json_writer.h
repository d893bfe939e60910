// Writes JSON into a string, in one pass and without a tree. Members come out in the order they are written.
//
//   JsonWriter json;
//   json.object().member("id", id).member("attempts", 3).key("steps").array().end().end();
//   json.take()
//
// Keys are literals of ours and are not escaped; values are, and must be UTF-8.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace globogym {

class JsonWriter {
 public:
  JsonWriter() { out_.reserve(512); }
  // For what will be longer.
  void reserve(std::size_t bytes) { out_.reserve(bytes); }

  JsonWriter& object() { return open('{', '}'); }
  JsonWriter& array() { return open('[', ']'); }
  JsonWriter& end();
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag) { return raw(flag ? "true" : "false"); }
  JsonWriter& value(std::nullptr_t) { return raw("null"); }
  JsonWriter& value(double number);
  JsonWriter& value(WallTime time);
  template <std::integral T>
  JsonWriter& value(T number) {
    return integer(static_cast<std::int64_t>(number));
  }
  template <class T>
  JsonWriter& value(const std::optional<T>& maybe) {
    return maybe ? value(*maybe) : value(nullptr);
  }
  // Appends `json`, which must be a whole JSON value already.
  JsonWriter& raw(std::string_view json);

  template <class T>
  JsonWriter& member(std::string_view name, T&& v) {
    key(name);
    return value(std::forward<T>(v));
  }

  std::string take() { return std::move(out_); }
  const std::string& text() const { return out_; }

 private:
  JsonWriter& open(char begin, char end);
  JsonWriter& integer(std::int64_t number);
  void separate();

  std::string out_;
  std::string closers_;  // the closing brackets still owed, innermost last
  bool comma_ = false;
};

}  // namespace globogym
