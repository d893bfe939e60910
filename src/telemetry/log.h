// Logs: one JSON object a line on stderr.
//
//   log::info("enrollment-accepted", {{"enrollmentId", id}, {"queue", queue}});
//
// An event has a fixed name (kebab-case) and named values. Values are never personal data or secrets: Personal<T> does
// not convert, and what people wrote is not logged. Thread-safe; writing never blocks the caller for the disk's sake
// longer than a write(2) to stderr takes. Repeated events of one name are limited to `burst` a second, the rest
// counted.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace globogym::log {

enum class Level { debug, info, warning, error };

// One named value.
class Field {
 public:
  Field(std::string_view name, std::string_view value) : name_(name), json_(quoted(value)) {}
  Field(std::string_view name, const char* value) : Field(name, std::string_view(value)) {}
  Field(std::string_view name, const std::string& value) : Field(name, std::string_view(value)) {}
  Field(std::string_view name, bool value) : name_(name), json_(value ? "true" : "false") {}
  Field(std::string_view name, double value);
  template <std::integral T>
  Field(std::string_view name, T value) : name_(name), json_(std::to_string(value)) {}

  std::string_view name() const { return name_; }
  std::string_view json() const { return json_; }

 private:
  static std::string quoted(std::string_view value);
  std::string_view name_;
  std::string json_;
};

using Fields = std::initializer_list<Field>;

// Below `level` nothing is written. The default is info.
void set_level(Level level);
Level level();

void write(Level level, std::string_view event, Fields fields);

// What somebody did by hand: written whatever the level and however often. A field without text is left out.
void audit(std::string_view event, Fields fields);

inline void debug(std::string_view event, Fields fields = {}) {
  if (level() <= Level::debug) write(Level::debug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) {
  write(Level::info, event, fields);
}
inline void warning(std::string_view event, Fields fields = {}) {
  write(Level::warning, event, fields);
}
inline void error(std::string_view event, Fields fields = {}) {
  write(Level::error, event, fields);
}

}  // namespace globogym::log
