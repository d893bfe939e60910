// Who may use the operations listener where it asks for credentials, and what they may do there.
//
// A request names its operator by an API key with the scope ops:read (looking) or ops:write (changing, and looking),
// for looking people up by one with members:find, in X-API-Key or as `Authorization: Bearer ggk_…`; or, in a browser,
// by the cookie of a session that such a key has opened. What a key may do is asked anew for every request: revoked or
// expired, it ends its sessions with it. Who sends wrong keys is soon told only that it is too often (guesses.h); a
// right one always counts. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "console/guesses.h"
#include "console/sessions.h"
#include "gateway/callers/api_keys.h"
#include "http/http.h"
#include "telemetry/metrics.h"

namespace globogym::console {

struct Operator {
  std::string key_id;
  std::string key_name;
  gateway::Scopes scopes;
  std::string session;           // its id; empty: the request carried a key
  std::optional<WallTime> ends;  // the session, at the latest
};

bool may_look(const Operator& who);
bool may_change(const Operator& who);
bool may_find(const Operator& who);

// What a request is for.
enum class Purpose { look, find };

class Operators {
 public:
  struct Options {
    bool tls = true;  // false: on loopback only, where a cookie cannot be bound to TLS
    SessionBounds sessions;
    GuessBounds guesses;
  };
  // Everything must outlive it.
  Operators(const gateway::ApiKeys& keys, const Clock& clock, Random& random, telemetry::Metrics& metrics,
            Options options);

  // Whether there is a key now that one could come with.
  bool any() const;
  // Whose request this is, or what to tell who is nobody, or who may not do what it is for.
  std::variant<Operator, http::Response> identify(const http::Request& request, Purpose purpose = Purpose::look);
  // Whether `who`, identified before, still is an operator: for answers that go on for long.
  bool still_is(const Operator& who);
  // Takes {"key":"ggk_…"} and sets the session's cookie; `who` learns whose it is, when it is somebody's.
  http::Response sign_in(const http::Request& request, Operator& who);
  http::Response sign_out(const Operator& who);

  // Counts a refusal at the door; `slug` is a literal.
  void count_refused(std::string_view slug);

 private:
  std::variant<Operator, http::Response> by_key(const http::Request& request, std::string_view key, Purpose purpose);
  http::Response lacks_scope(Purpose purpose);
  std::optional<Operator> by_session(std::string_view id, bool used);
  std::optional<gateway::ApiKey> key_in_force(std::string_view id) const;
  http::Response unauthorized(std::string_view detail, std::string extra_headers = {});
  std::string_view cookie_name() const;
  std::string cookie(std::string_view value, std::string_view more) const;
  void sign_in_changed();

  const gateway::ApiKeys& keys_;
  const Clock& clock_;
  telemetry::Metrics& metrics_;
  const bool tls_;
  Sessions sessions_;
  Guesses guesses_;
};

}  // namespace globogym::console
