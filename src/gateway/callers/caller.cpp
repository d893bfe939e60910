#include "gateway/callers/caller.h"

#include <algorithm>
#include <array>

namespace globogym::gateway {
namespace {

constexpr std::array<std::string_view, 7> scope_names = {
    "enrollments:write", "enrollments:read", "members:read", "members:write", "ops:read", "ops:write", "members:find"};

}  // namespace

std::string_view name(Scope scope) {
  return scope_names[static_cast<std::size_t>(scope)];
}

std::optional<Scope> parse_scope(std::string_view name) {
  const auto found = std::ranges::find(scope_names, name);
  if (found == scope_names.end()) return std::nullopt;
  return static_cast<Scope>(found - scope_names.begin());
}

const std::vector<Scope>& all_scopes() {
  static const std::vector<Scope> all = {Scope::enrollments_write, Scope::enrollments_read, Scope::members_read,
                                         Scope::members_write,     Scope::ops_read,         Scope::ops_write,
                                         Scope::members_find};
  return all;
}

std::vector<std::string> names(Scopes scopes) {
  std::vector<std::string> out;
  for (Scope scope : all_scopes())
    if (scopes.has(scope)) out.emplace_back(name(scope));
  return out;
}

}  // namespace globogym::gateway
