// What a sign-up form needs to begin: a publishable key, the catalogue, the rules of the fields, and a challenge.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "domain/catalogue.h"
#include "gateway/callers/proof.h"
#include "http/http.h"

namespace globogym::gateway {

// Where people read what they agree to; empty: nowhere.
struct Papers {
  std::string_view terms_url = {}, privacy_url = {};
};

// The JSON of GET /v1/sign-up; also the example of it in the API's description.
std::string sign_up_json(std::string_view key, const domain::Catalogue& catalogue, Papers papers,
                         const Challenge& challenge);

class SignUp {
 public:
  // `key` may stand in every page: it is a publishable one.
  SignUp(const std::string& key, const domain::Catalogue& catalogue, Papers papers, const Proofs& proofs);

  http::Response describe(WallTime now) const;

 private:
  const std::string begin_;  // the JSON up to the challenge
  const Proofs& proofs_;
};

}  // namespace globogym::gateway
