// The keys an issuer publishes (JSON Web Key Set, RFC 7517), as far as they can be used here.
//
// A set is read whole or not at all, never changes, and keeps the key objects of the set before it for keys that are
// the same; a key that is in it no longer is marked, so that what was believed because of it is believed no more.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/signature.h"

namespace globogym::identity {

struct Key {
  std::optional<std::string> id;
  std::optional<SignatureAlgorithm> algorithm;  // the only one it may be used for, when the issuer says so
  Sha256 fingerprint;                           // of all of this and the material
  PublicKey material;
  mutable std::atomic<bool> withdrawn = false;  // the issuer publishes it no more

  bool allows(SignatureAlgorithm wanted) const { return material.suits(wanted) && (!algorithm || algorithm == wanted); }
};

class KeySet {
 public:
  static constexpr std::size_t longest = std::size_t{256} << 10;  // bytes of JSON
  static constexpr std::size_t most_keys = 64;
  // A token that does not say which of more keys than this signed it is not worth the work.
  static constexpr std::size_t most_candidates = 4;

  // Reads a JWKS. Keys that cannot be used here (other kinds, for encryption, too short, unsound) are left out.
  //   invalid  no JWKS, too long, or none of its keys can be used; the message says why
  static Result<std::shared_ptr<const KeySet>> read(std::string_view json, const KeySet* before);

  // Marks the keys that are not in `after`.
  void withdraw_what_is_not_in(const KeySet& after) const;

  // The keys that may have signed a token: those of this id, or, for one without an id, all of the right kind.
  std::vector<std::shared_ptr<const Key>> candidates(SignatureAlgorithm algorithm,
                                                     const std::optional<std::string>& id) const;
  // Whether some key has this id, whatever it is for.
  bool knows(std::string_view id) const;
  std::size_t size() const { return keys_.size(); }

 private:
  std::vector<std::shared_ptr<const Key>> keys_;
};

}  // namespace globogym::identity
