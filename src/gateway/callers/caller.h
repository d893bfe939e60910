// Whoever a request has proved to come from, and what they may do.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace globogym {
class RateLimit;
}  // namespace globogym

namespace globogym::gateway {

enum class Scope {
  enrollments_write,
  enrollments_read,
  members_read,
  members_write,
  ops_read,
  ops_write,
  members_find
};

std::string_view name(Scope scope);  // "enrollments:write" …
std::optional<Scope> parse_scope(std::string_view name);
const std::vector<Scope>& all_scopes();

class Scopes {
 public:
  Scopes() = default;
  Scopes(std::initializer_list<Scope> scopes) {
    for (Scope scope : scopes) add(scope);
  }
  void add(Scope scope) { bits_ |= 1u << static_cast<unsigned>(scope); }
  bool has(Scope scope) const { return (bits_ >> static_cast<unsigned>(scope)) & 1u; }
  bool empty() const { return bits_ == 0; }
  bool operator==(const Scopes&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

// The names of what is in `scopes`, in the order of the enumeration.
std::vector<std::string> names(Scopes scopes);

// A credential that everybody can read (it stands in a web page) proves nothing but where it was put: what it may do is
// little, and what it is told is less.
enum class Kind { key, publishable_key, token };

struct Caller {
  std::string id;  // of the key, or a pseudonym of the token's subject
  Kind kind = Kind::key;
  Scopes scopes;
  std::optional<WallTime> until;                            // when the credential expires; nothing: never
  bool worked_hard = false;                                 // with a publishable key: see Proofs::Judgement
  std::shared_ptr<RateLimit> rate;                          // null: no limit of its own
  std::int64_t quota = 0;                                   // requests in a calendar month; 0: any number
  std::shared_ptr<const std::vector<std::string>> origins;  // of a publishable key: where it may be used besides here
};

}  // namespace globogym::gateway
