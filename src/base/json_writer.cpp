#include "base/json_writer.h"

#include <charconv>
#include <cmath>

#include "base/assert.h"
#include "base/text.h"
#include "base/time_text.h"

namespace globogym {

void JsonWriter::separate() {
  if (comma_) out_ += ',';
  comma_ = true;
}

JsonWriter& JsonWriter::open(char begin, char end) {
  separate();
  out_ += begin;
  closers_ += end;
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::end() {
  ASSERT(!closers_.empty());
  out_ += closers_.back();
  closers_.pop_back();
  comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  out_ += '"';
  out_ += name;
  out_ += "\":";
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  out_ += '"';
  append_json_escaped(out_, text);
  out_ += '"';
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  separate();
  if (!std::isfinite(number)) {
    out_ += "null";
    return *this;
  }
  char text[32];
  auto [end, error] = std::to_chars(text, text + sizeof text, number);
  out_.append(text, end);
  return *this;
}

JsonWriter& JsonWriter::value(WallTime time) {
  separate();
  out_ += '"';
  append_rfc3339(out_, time);
  out_ += '"';
  return *this;
}

JsonWriter& JsonWriter::integer(std::int64_t number) {
  separate();
  char text[24];
  auto [end, error] = std::to_chars(text, text + sizeof text, number);
  out_.append(text, end);
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

}  // namespace globogym
