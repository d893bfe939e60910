// Tells who sends a request: the holder of an API key, or of a token of the configured issuer.
//
// A request carries one credential. With an API key nothing is waited for; a token may have to wait for the issuer's
// keys. What was wrong is told without saying which part of a credential was right.
// Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "async/task.h"
#include "base/clock.h"
#include "base/digest.h"
#include "gateway/callers/api_keys.h"
#include "gateway/requests/request_headers.h"
#include "http/http.h"

namespace globogym::identity {
class Tokens;
}

namespace globogym::gateway {

// 403: the caller lacks `scope`; who came with a token is told as RFC 6750 says.
http::Response scope_missing(const Caller& caller, Scope scope);

// Whether `text` has the form of a caller's id: a key's, or that which stands for a token's subject.
bool is_caller_id(std::string_view text);

class Callers {
 public:
  using Found = std::variant<Caller, http::Response>;

  // `tokens` may be null: no issuer is configured.
  Callers(const ApiKeys& keys, identity::Tokens* tokens, const Hmac& pseudonyms, const Clock& clock)
      : keys_(keys), tokens_(tokens), pseudonyms_(pseudonyms), clock_(clock) {}

  // Whether by_token() is to be asked rather than by_key().
  bool shows_token(const RequestHeaders& headers) const;
  Found by_key(const RequestHeaders& headers) const;
  async::Task<Found> by_token(const RequestHeaders& headers) const;

 private:
  http::Response unauthorized(std::string_view detail, std::string_view token_error = {}) const;

  const ApiKeys& keys_;
  identity::Tokens* const tokens_;
  const Hmac& pseudonyms_;
  const Clock& clock_;
};

}  // namespace globogym::gateway
