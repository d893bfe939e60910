#include "app/cli/print.h"

#include <algorithm>
#include <cstdio>

namespace globogym::app::cli {
namespace {

// A terminal obeys control characters; what people or servers wrote must not command it.
std::string harmless(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return out;
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void print_nested(const JsonValue& value, const std::string& path) {
  switch (value.type()) {
    case JsonValue::Type::object:
      for (const auto& [name, member] : value.members())
        print_nested(member, path.empty() ? std::string(name) : path + "." + std::string(name));
      return;
    case JsonValue::Type::array: {
      std::size_t index = 0;
      for (const auto& element : value.elements()) print_nested(element, path + "." + std::to_string(index++));
      return;
    }
    case JsonValue::Type::string:
      return print(padded(path, 24) + harmless(*value.string()));
    case JsonValue::Type::integer:
      return print(padded(path, 24) + std::to_string(*value.integer()));
    case JsonValue::Type::real:
      return print(padded(path, 24) + std::to_string(*value.number()));
    case JsonValue::Type::boolean:
      return print(padded(path, 24) + (*value.boolean() ? "true" : "false"));
    case JsonValue::Type::null:
      return print(padded(path, 24) + "-");
  }
}

}  // namespace

void print(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

void Table::print(std::string_view when_empty) const {
  if (rows_.size() == 1 && !when_empty.empty()) return cli::print(when_empty);
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i + 1 == row.size() ? harmless(row[i]) : padded(harmless(row[i]), widths[i] + 2);
    cli::print(line);
  }
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  const std::size_t used = columns(text);
  out.append(used < width ? width - used : 1, ' ');
  return out;
}

void print_members(const JsonValue& object) {
  print_nested(object, "");
}

}  // namespace globogym::app::cli
