// Answers on stdout: lines and tables for people, JSON for programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json_reader.h"

namespace globogym::app::cli {

// `line` and a line feed.
void print(std::string_view line);

// Columns as wide as their widest cell; the last one is not padded.
class Table {
 public:
  explicit Table(std::vector<std::string> titles) { rows_.push_back(std::move(titles)); }
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // Prints the table, or `when_empty` when it has no rows.
  void print(std::string_view when_empty) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string padded(std::string_view text, std::size_t width);

// Every member of a JSON object, one a line, nested ones by their path. Control characters are not passed through.
void print_members(const JsonValue& object);

}  // namespace globogym::app::cli
