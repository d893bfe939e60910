#include "identity/keys.h"

#include <algorithm>

#include "base/json_reader.h"
#include "base/text.h"

namespace globogym::identity {
namespace {

std::unexpected<Error> unusable(std::string why) {
  return fail(Fault::invalid, std::move(why));
}

// A member that must be base64url; empty when it is not there or not that.
std::string bytes(const JsonValue& key, std::string_view name) {
  const auto member = key.find(name);
  const auto text = member ? member->string() : std::nullopt;
  auto decoded = text ? parse_base64url(*text) : std::nullopt;
  return decoded ? std::move(*decoded) : std::string();
}

bool has_repeated_names(const JsonValue& object) {
  std::vector<std::string_view> names;
  for (const auto& member : object.members()) names.push_back(member.first);
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

Result<PublicKey> read_material(const JsonValue& key) {
  const std::string type = key.text("kty");
  const std::string curve = key.text("crv");
  if (type == "RSA") return PublicKey::rsa(bytes(key, "n"), bytes(key, "e"));
  if (type == "EC" && curve == "P-256") return PublicKey::p256(bytes(key, "x"), bytes(key, "y"));
  if (type == "OKP" && curve == "Ed25519") return PublicKey::ed25519(bytes(key, "x"));
  return unusable("it is of a kind that is not used here");
}

// All that makes a key this key; lengths keep the parts apart.
Sha256 fingerprint_of(const JsonValue& key) {
  std::string all;
  for (const char* name : {"kid", "alg", "kty", "crv", "n", "e", "x", "y"}) {
    const auto member = key.find(name);
    const std::string text = key.text(name);
    all += member ? std::to_string(text.size()) : "-";
    all += ':';
    all += text;
  }
  return sha256(all);
}

Result<std::shared_ptr<const Key>> read_key(const JsonValue& json,
                                            const std::vector<std::shared_ptr<const Key>>& before) {
  if (json.type() != JsonValue::Type::object || has_repeated_names(json))
    return unusable("it is not a JSON object with each member once");
  for (const char* name : {"d", "p", "q", "k"})
    if (json.find(name)) return unusable("it is published with its secret part");
  if (const auto use = json.find("use"); use && use->string() != "sig") return unusable("it is not for signatures");
  if (const auto operations = json.find("key_ops")) {
    const auto listed = operations->elements();
    if (std::ranges::none_of(listed, [](const JsonValue& one) { return one.string() == "verify"; }))
      return unusable("it is not for checking signatures");
  }
  std::optional<SignatureAlgorithm> algorithm;
  if (const auto named = json.find("alg")) {
    const auto text = named->string();
    algorithm = text ? parse_signature_algorithm(*text) : std::nullopt;
    if (!algorithm) return unusable("it is for an algorithm that is not used here");
  }
  std::optional<std::string> id;
  if (const auto named = json.find("kid")) {
    const auto text = named->string();
    if (!text || text->empty() || text->size() > 512) return unusable("its kid cannot be one");
    id = *text;
  }

  const Sha256 fingerprint = fingerprint_of(json);
  const auto same = std::ranges::find(before, fingerprint, [](const auto& key) { return key->fingerprint; });
  if (same != before.end() && !(*same)->withdrawn) return *same;
  auto material = read_material(json);
  if (!material) return std::unexpected(material.error());
  if (algorithm && !material->suits(*algorithm)) return unusable("its alg is not one of its kind");
  return std::make_shared<const Key>(std::move(id), algorithm, fingerprint, std::move(*material));
}

}  // namespace

Result<std::shared_ptr<const KeySet>> KeySet::read(std::string_view json, const KeySet* before) {
  if (json.size() > longest) return unusable("the key set is longer than 256 KiB");
  const auto document = JsonDocument::parse(json);
  const auto listed = document ? document->root().find("keys") : std::nullopt;
  if (!listed || listed->type() != JsonValue::Type::array) return unusable("what it answers is no key set (JWKS)");
  const auto elements = listed->elements();
  if (elements.size() > most_keys) return unusable("the key set has more than 64 keys");

  auto set = std::make_shared<KeySet>();
  const std::vector<std::shared_ptr<const Key>> none;
  std::string why = "it is empty";
  for (const JsonValue& element : elements) {
    auto key = read_key(element, before != nullptr ? before->keys_ : none);
    if (!key) {
      why = "of the last one: " + key.error().message;
    } else if (std::ranges::find(set->keys_, *key) == set->keys_.end()) {
      set->keys_.push_back(std::move(*key));
    }
  }
  if (set->keys_.empty()) return unusable("no key in the key set can be used; " + why);
  return set;
}

void KeySet::withdraw_what_is_not_in(const KeySet& after) const {
  for (const auto& key : keys_)
    if (std::ranges::find(after.keys_, key) == after.keys_.end()) key->withdrawn = true;
}

std::vector<std::shared_ptr<const Key>> KeySet::candidates(SignatureAlgorithm algorithm,
                                                           const std::optional<std::string>& id) const {
  std::vector<std::shared_ptr<const Key>> found;
  for (const auto& key : keys_)
    if ((!id || key->id == id) && key->allows(algorithm)) found.push_back(key);
  if (found.size() > most_candidates) found.clear();
  return found;
}

bool KeySet::knows(std::string_view id) const {
  return std::ranges::any_of(keys_, [=](const auto& key) { return key->id == id; });
}

}  // namespace globogym::identity
