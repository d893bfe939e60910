// The table of configuration keys: how each is written, what it may be, what it means.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "base/nearest.h"

namespace globogym::app {

struct Setting {
  // How it is written in the file; a list holds strings. What is usually one may also be written as one.
  enum class Kind { text, number, list, one_or_list };

  std::string name;  // "gateway.max_body"
  Kind kind = Kind::text;
  std::string about;     // one or two sentences, with the range
  bool in_force = true;  // false: checked, but nothing obeys it yet
  bool secret = false;
  // Sets the value from its text (a list: elements joined by commas). Answers what would have been right, or nothing.
  std::function<std::optional<std::string>(Config&, std::string_view)> set;
  std::function<std::string(const Config&)> get;

  std::string section() const { return name.substr(0, name.find('.')); }
  std::string key() const { return name.substr(name.find('.') + 1); }
  std::string variable() const;  // "GLOBOGYM_GATEWAY_MAX_BODY"
};

const std::vector<Setting>& settings();
const Setting* find_setting(std::string_view name);

// `smtp://user:secret@host` as `smtp://user:***@host`, whatever the secret holds.
std::string without_password(std::string_view url);

}  // namespace globogym::app
