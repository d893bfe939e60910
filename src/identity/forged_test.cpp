// Tokens that must not be believed. Each is made so that only what its name says is wrong with it: most are properly
// signed with the issuer's own key.
#include <gtest/gtest.h>

#include "identity/jwt.h"
#include "identity/world_test.h"

namespace globogym::identity {
namespace {

struct Forged {
  std::string name;
  std::string token;
  std::string why;  // part of the message
};

const std::string es_header = R"({"alg":"ES256","kid":"e","typ":"at+jwt"})";

// Signed as it should be, with another header.
std::string es(const std::string& header, const std::string& claims) {
  return signed_token(World::p256(), "ES256", header, claims);
}
std::string rs(const std::string& header, const std::string& claims) {
  return signed_token(World::rsa(), "RS256", header, claims);
}

// The claims as they should be but for one, or without it when `json` is empty.
std::string claims_with(const World& world, const std::string& name, const std::string& json) {
  std::vector<std::pair<std::string, std::string>> all = {
      {"iss", "\"" + issuer + "\""},
      {"aud", "\"" + audience + "\""},
      {"sub", "\"ada\""},
      {"exp", std::to_string(world.now() + 300)},
      {"iat", std::to_string(world.now())},
      {"scope", "\"enrollments:write\""},
  };
  bool replaced = false;
  std::string out;
  for (auto& [known, value] : all) {
    if (known == name) {
      replaced = true;
      value = json;
    }
    if (!value.empty()) out += (out.empty() ? "" : ",") + ("\"" + known + "\":" + value);
  }
  if (!replaced) out += ",\"" + name + "\":" + json;
  return "{" + out + "}";
}

std::vector<Forged> without_a_signature(const World& world) {
  const std::string claims = world.claims();
  const std::string pem = World::rsa().public_pem(), der = World::rsa().public_der();
  const std::string not_allowed = "algorithm is not allowed";
  std::vector<Forged> all;
  for (const char* none : {"none", "None", "NONE", "nOnE", "", "none ", "\\u006eone", "null"}) {
    const std::string header = std::string(R"({"typ":"JWT","kid":"r","alg":")") + none + "\"}";
    all.push_back(
        {std::string("alg ") + none + " with an empty signature", unsigned_token(header, claims) + ".", "three parts"});
    all.push_back(
        {std::string("alg ") + none + " with some signature", unsigned_token(header, claims) + ".AAAA", not_allowed});
    all.push_back({std::string("alg ") + none + ", properly signed", rs(header, claims), not_allowed});
  }
  for (const char* alg : {"HS256", "HS384", "HS512", "hs256"}) {
    const std::string header = std::string(R"({"kid":"r","alg":")") + alg + "\"}";
    all.push_back(
        {std::string(alg) + " with the public key's PEM as the secret", mac_token(pem, header, claims), not_allowed});
    all.push_back({std::string(alg) + " with the PEM without its last line break",
                   mac_token(pem.substr(0, pem.size() - 1), header, claims), not_allowed});
    all.push_back({std::string(alg) + " with the public key's DER", mac_token(der, header, claims), not_allowed});
    all.push_back({std::string(alg) + " with the JWK", mac_token(World::rsa().jwk("r"), header, claims), not_allowed});
    all.push_back({std::string(alg) + " with an empty secret", mac_token("", header, claims), not_allowed});
  }
  all.push_back({"a MAC with the public key, called RS256", mac_token(pem, R"({"alg":"RS256","kid":"r"})", claims),
                 "signature is wrong"});
  for (const char* alg : {"RS384", "RS512", "PS512", "ES384", "ES512", "ES256K", "Ed448", "RS1", "rs256", "Rs256",
                          "RS256\\u0000", "RS256\\u200b", "\\uff32S256", " RS256"})
    all.push_back(
        {std::string("alg ") + alg, rs(std::string(R"({"kid":"r","alg":")") + alg + "\"}", claims), not_allowed});
  for (const char* alg : {"256", "null", "[\"RS256\"]", "{\"RS256\":1}", "true"})
    all.push_back(
        {std::string("alg is ") + alg, rs(std::string(R"({"kid":"r","alg":)") + alg + "}", claims), not_allowed});
  all.push_back({"no alg", rs(R"({"kid":"r"})", claims), not_allowed});
  return all;
}

std::vector<Forged> with_the_wrong_signature(const World& world) {
  const std::string claims = world.claims();
  const std::string message = unsigned_token(es_header, claims);
  const std::string r = World::p256().sign("ES256", message).substr(0, 32);
  const std::string s = World::p256().sign("ES256", message).substr(32);
  const std::string zero(32, '\0');
  const SecretKey& stranger = SecretKey::named(SecretKey::Kind::p256, "a stranger's");
  const SecretKey& p384 = SecretKey::named(SecretKey::Kind::p384);
  const auto signed_as = [&](const std::string& signature) { return message + "." + encoded(signature); };
  const std::string wrong = "signature is wrong", not_its = "not the one of its key";
  std::string other_claims = claims;
  other_claims.replace(other_claims.find("ada"), 3, "eve");
  const std::string good = world.good();
  const std::string good_signature = good.substr(good.rfind('.'));
  return {
      {"ES256 in DER", signed_as(World::p256().der(message)), wrong},
      {"ES256 with r and s zero (CVE-2022-21449)", signed_as(zero + zero), wrong},
      {"ES256 with r zero", signed_as(zero + s), wrong},
      {"ES256 with s zero", signed_as(r + zero), wrong},
      {"ES256 cut short", signed_as(World::p256().sign("ES256", message).substr(0, 63)), wrong},
      {"ES256 with a byte more", signed_as(World::p256().sign("ES256", message) + "x"), wrong},
      {"signed by a stranger with the issuer's kid", signed_token(stranger, "ES256", es_header, claims), wrong},
      {"signed on another curve", signed_token(p384, "ES256", es_header, claims), wrong},
      {"the signature of another token", unsigned_token(es_header, other_claims) + good_signature, wrong},
      {"a huge signature", signed_as(std::string(1025, 'x')), "three parts"},
      {"RS256 said of a P-256 key", signed_token(World::p256(), "ES256", R"({"alg":"RS256","kid":"e"})", claims),
       not_its},
      {"ES256 said of an RSA key", rs(R"({"alg":"ES256","kid":"r"})", claims), not_its},
      {"EdDSA said of a P-256 key", es(R"({"alg":"EdDSA","kid":"e"})", claims), not_its},
      {"ES256 said of an Ed25519 key", signed_token(World::ed25519(), "EdDSA", R"({"alg":"ES256","kid":"o"})", claims),
       not_its},
      {"PS256 said of an RS256 signature", rs(R"({"alg":"PS256","kid":"r"})", claims), wrong},
      {"RS256 said of a PS256 signature", signed_token(World::rsa(), "PS256", R"({"alg":"RS256","kid":"r"})", claims),
       wrong},
      {"RS256 with a leading zero byte",
       unsigned_token(R"({"alg":"RS256","kid":"r"})", claims) + "." +
           encoded(std::string(1, '\0') +
                   World::rsa().sign("RS256", unsigned_token(R"({"alg":"RS256","kid":"r"})", claims))),
       wrong},
      {"RS256 of zeros", unsigned_token(R"({"alg":"RS256","kid":"r"})", claims) + "." + encoded(std::string(256, '\0')),
       wrong},
      {"EdDSA of zeros", unsigned_token(R"({"alg":"EdDSA","kid":"o"})", claims) + "." + encoded(std::string(64, '\0')),
       wrong},
  };
}

std::vector<Forged> of_the_wrong_shape(const World& world) {
  const std::string good = world.good();
  const std::string head = good.substr(0, good.find('.'));
  const std::string body = good.substr(head.size() + 1, good.rfind('.') - head.size() - 1);
  const std::string tail = good.substr(good.rfind('.') + 1);
  // The last character of a 64-byte signature carries four bits that mean nothing: they must be zero.
  std::string stray = good;
  stray.back() = static_cast<char>(stray.back() + 1);
  const std::string shape = "three parts", base64 = "base64url";
  const std::string object = "not a JSON object";
  const std::string claims = world.claims();
  return {
      {"nothing", "", shape},
      {"one word", "token", shape},
      {"two parts", head + "." + body, shape},
      {"four parts", good + ".x", shape},
      {"five parts (JWE)", encoded(R"({"alg":"RSA-OAEP","enc":"A256GCM"})") + ".a.b.c.d", shape},
      {"only dots", "..", shape},
      {"a dot before", "." + good, shape},
      {"a dot behind", good + ".", shape},
      {"an empty header", "." + body + "." + tail, shape},
      {"no claims", head + ".." + tail, shape},
      {"no signature", head + "." + body + ".", shape},
      {"longer than 8192 characters", es(es_header, claims_with(world, "filler", "\"" + std::string(8000, 'x') + "\"")),
       "longer than 8192"},
      {"padded base64", good + "=", base64},
      {"padding in the middle", head + "=." + body + "." + tail, base64},
      {"stray bits at the end", stray, base64},
      {"plain base64 alphabet", head + "." + body + "." + std::string(84, '+') + "/w", base64},
      {"a line break", good + "\n", base64},
      {"a space before", " " + good, base64},
      {"percent-encoding", head + "." + body + "." + tail.substr(0, tail.size() - 1) + "%41", base64},
      {"a zero byte", good + std::string(1, '\0'), base64},
      {"letters beyond ASCII", head + "." + body + "." + tail.substr(2) + "\xc3\xa9", base64},
      {"cut at the front", good.substr(1), ""},
      {"cut at the end", good.substr(0, good.size() - 2), "signature is wrong"},
      {"a header that is a list", es("[]", claims), object},
      {"a header that is text", es("\"ES256\"", claims), object},
      {"a header that is no JSON", es("{alg:ES256}", claims), object},
      {"a header with something behind it", es(es_header + "{}", claims), object},
      {"a header that is not UTF-8", es("{\"alg\":\"ES256\",\"kid\":\"e\",\"x\":\"\xff\"}", claims), object},
      {"claims that are a list", es(es_header, "[" + claims + "]"), "claims are not a JSON object"},
      {"claims that are no JSON", es(es_header, claims.substr(1)), "claims are not a JSON object"},
      {"claims nested without end",
       es(es_header, claims_with(world, "x", std::string(2000, '[') + std::string(2000, ']'))),
       "claims are not a JSON object"},
      {"a token within a token", es(R"({"alg":"ES256","kid":"e","cty":"JWT"})", good), "holds another token"},
      {"alg twice, the good one last", es(R"({"alg":"none","alg":"ES256","kid":"e"})", claims), object},
      {"alg twice, the good one first", es(R"({"alg":"ES256","alg":"none","kid":"e"})", claims), object},
      {"alg twice, once in disguise", es(R"({"alg":"ES256","\u0061lg":"none","kid":"e"})", claims), object},
      {"kid twice", es(R"({"alg":"ES256","kid":"e","kid":"r"})", claims), object},
  };
}

std::vector<Forged> with_a_dangerous_header(const World& world) {
  const std::string claims = world.claims();
  const SecretKey& stranger = SecretKey::named(SecretKey::Kind::p256, "a stranger's");
  const auto header = [](const std::string& more) { return R"({"alg":"ES256","kid":"e",)" + more + "}"; };
  const auto kid = [](const std::string& text) { return R"({"alg":"ES256","kid":")" + text + "\"}"; };
  const std::string own_key = "brings a key of its own", extension = "extension", not_signed = "not signed with a key";
  const std::string type = "not an access token by its type";
  std::vector<Forged> all = {
      {"crit", es(header(R"("crit":["exp"],"exp":1)"), claims), extension},
      {"crit, empty", es(header(R"("crit":[])"), claims), extension},
      {"crit and b64", es(header(R"("crit":["b64"],"b64":false)"), claims), extension},
      {"b64 alone", es(header(R"("b64":false)"), claims), extension},
      {"zip", es(header(R"("zip":"DEF")"), claims), extension},
      {"enc", es(header(R"("enc":"A256GCM")"), claims), extension},
      {"its own jwk, signed with it", signed_token(stranger, "ES256", header(R"("jwk":)" + stranger.jwk("e")), claims),
       own_key},
      {"its own jwk, signed by the issuer", es(header(R"("jwk":)" + stranger.jwk("e")), claims), own_key},
      {"jku", signed_token(stranger, "ES256", header(R"("jku":"https://evil.example/jwks")"), claims), own_key},
      {"x5u", signed_token(stranger, "ES256", header(R"("x5u":"https://evil.example/cert")"), claims), own_key},
      {"x5c", signed_token(stranger, "ES256", header(R"("x5c":["MIIB"])"), claims), own_key},
      {"another token within", es(header(R"("cty":"JWT")"), claims), "holds another token"},
      {"another token within, in small letters", es(header(R"("cty":"jwt")"), claims), "holds another token"},
      {"cty is a number", es(header(R"("cty":1)"), claims), "holds another token"},
      {"alg twice, not next to each other", es(R"({"alg":"ES256","kid":"e","alg":"ES256"})", claims),
       "each member once"},
      {"typ of an ID token", es(header(R"("typ":"id_token")"), claims), type},
      {"typ JWE", es(header(R"("typ":"JWE")"), claims), type},
      {"typ logout+jwt", es(header(R"("typ":"logout+jwt")"), claims), type},
      {"typ dpop+jwt", es(header(R"("typ":"dpop+jwt")"), claims), type},
      {"typ at+jwt with a space", es(header(R"("typ":"at+jwt ")"), claims), type},
      {"typ in Cyrillic", es(header("\"typ\":\"\\u0430t+jwt\""), claims), type},
      {"typ is a number", es(header(R"("typ":1)"), claims), type},
      {"kid is a number", es(R"({"alg":"ES256","kid":1})", claims), "key id cannot be one"},
      {"kid is empty", es(kid(""), claims), "key id cannot be one"},
      {"kid without end", es(kid(std::string(513, 'k')), claims), "key id cannot be one"},
  };
  for (const char* garbage : {"../../../../dev/null", "/dev/null", "e' OR '1'='1", "e\\u0000", "E", "e ", "\\u0435",
                              "*", "e|whoami", "https://evil.example/key", "r\\ne", "${e}", "%65"})
    all.push_back({std::string("kid ") + garbage, es(kid(garbage), claims), not_signed});
  return all;
}

std::vector<Forged> with_claims_that_are_not_for_us(const World& world) {
  const std::int64_t now = world.now();
  std::vector<Forged> all;
  const auto with = [&](const std::string& name, const std::string& json, const std::string& why) {
    all.push_back({name + ": " + (json.empty() ? "(absent)" : json.substr(0, 60)),
                   es(es_header, claims_with(world, name, json)), why});
  };
  const auto at = [&](int seconds) { return std::to_string(now + seconds); };
  for (const char* other :
       {"\"https://login.example/\"", "\"https://login.example.evil.example\"", "\"http://login.example\"",
        "\"HTTPS://LOGIN.EXAMPLE\"", "\"https://login.example\\u0000\"", "\"https://log\\u0456n.example\"", "\"\""})
    with("iss", other, "another issuer");
  with("iss", "[\"https://login.example\"]", "does not say who issued it");
  with("iss", "", "does not say who issued it");
  for (const char* other :
       {"\"https://api.globogym.example/\"", "\"https://api.globogym.exampl\"", "[]", "\"\"", "[\"a\",\"b\"]",
        "\"https://api.globogym.example https://other.example\"", "[\"https://API.globogym.example\"]"})
    with("aud", other, "another audience");
  with("aud", "", "does not say who it is for");
  with("aud", "{\"https://api.globogym.example\":1}", "audience is not text");
  with("aud", "[\"https://api.globogym.example\",1]", "audience is not text");
  with("aud", "null", "audience is not text");
  with("exp", "", "does not say when it expires");
  with("exp", at(-61), "expired");
  with("exp", at(-60), "expired");
  with("exp", "0", "expired");
  for (const std::string& odd :
       {"\"" + at(300) + "\"", "\"" + at(300) + ".5\"", std::string("1e12"), std::string("1e300"), std::string("-1"),
        std::string("-0.5"), std::string("-1e300"), std::string("true"), std::string("[4102444800]"), std::string("{}"),
        std::string("99999999999999999999999999"), std::string("9223372036854775807"),
        std::string("18446744073709551615"), std::string("253402300800"), std::string("253402300799.5"),
        std::string("NaN"), std::string("Infinity"), std::string("1e400"), std::string("-1e400")})
    all.push_back({"exp: " + odd, es(es_header, claims_with(world, "exp", odd)),
                   odd.ends_with("e400") || odd == "NaN" || odd == "Infinity" ? "claims are not a JSON object"
                   : odd.size() > 25                                          ? ""
                                                                              : "exp is not a time"});
  with("exp", "null", "does not say when it expires");
  with("exp", at(-60) + ".0", "expired");
  with("exp", at(-61) + ".999999", "expired");
  with("nbf", at(61), "not valid yet");
  with("nbf", "\"0\"", "nbf is not a time");
  with("nbf", "-5", "nbf is not a time");
  with("nbf", at(60) + ".5", "not valid yet");
  with("iat", at(60) + ".5", "issued in the future");
  with("iat", at(61), "issued in the future");
  with("iat", "\"0\"", "iat is not a time");
  with("iat", "9223372036854775807", "iat is not a time");
  with("sub", "", "neither a subject nor a client");
  with("sub", "\"\"", "neither a subject nor a client");
  with("sub", "{\"a\":1}", "cannot be");
  with("sub", "\"" + std::string(513, 's') + "\"", "cannot be");
  with("scope", "1", "scopes are not");
  with("scope", "[\"enrollments:write\",1]", "scopes are not");
  with("scope", "{\"enrollments:write\":true}", "scopes are not");
  with("cnf", "{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}", "bound to a key");
  with("at_hash", "\"x\"", "not an access token");
  with("c_hash", "\"x\"", "not an access token");
  // An ID token need not have an at_hash, and its audience can be the client's id. Only who says by its type that it is
  // an access token may repeat the nonce.
  for (const char* header : {R"({"alg":"ES256","kid":"e"})", R"({"alg":"ES256","kid":"e","typ":"JWT"})",
                             R"({"alg":"ES256","kid":"e","typ":"application/jwt"})"})
    for (const char* nonce : {"\"n-0S6_WzA2Mj\"", "null"})
      all.push_back({std::string("nonce: ") + header + nonce, es(header, claims_with(world, "nonce", nonce)),
                     "not an access token"});
  with("events", "{\"http://schemas.openid.net/event/backchannel-logout\":{}}", "not an access token");
  for (const char* kind : {"\"ID\"", "\"Refresh\"", "\"Offline\"", "\"Logout\"", "\"refresh\""})
    with("typ", kind, "not an access token");
  const std::string claims = world.claims();
  const auto twice = [&](const std::string& member) {
    all.push_back({"twice: " + member, es(es_header, claims.substr(0, claims.size() - 1) + "," + member + "}"),
                   "claims are not a JSON object with each member once"});
  };
  twice("\"exp\":" + at(9999));
  twice("\"iss\":\"" + issuer + "\"");
  twice("\"aud\":\"x\"");
  twice("\"scope\":\"members:write\"");
  twice("\"s\\u0075b\":\"eve\"");
  return all;
}

class ForgedTokens : public testing::Test {
 protected:
  World world;

  ForgedTokens() { world.start_with_keys(); }

  void all_are_refused(const std::vector<Forged>& forged) {
    ASSERT_EQ(world.verdict(world.good()), "accepted") << "or nothing here tells anything";
    for (const auto& [name, token, why] : forged) {
      const auto claims = world.verify(token);
      SCOPED_TRACE(name);
      const std::string sentence = said(claims);
      EXPECT_EQ(ending_of(claims), Fault::refused);
      EXPECT_NE(sentence.find(why), std::string::npos) << sentence;
      for (const unsigned char c : sentence) EXPECT_TRUE(c >= 0x20 && c < 0x7f && c != '"' && c != '\\') << sentence;
    }
    // And nobody was led anywhere: only the issuer was ever asked.
    for (const auto& [url, times] : world.web.asked) EXPECT_TRUE(url == discovery_url || url == keys_url) << url;
    EXPECT_LE(world.fetches(), 2);
    RecordProperty("tokens", static_cast<int>(forged.size()));
  }
};

TEST_F(ForgedTokens, nobody_signed) {
  all_are_refused(without_a_signature(world));
}
TEST_F(ForgedTokens, somebody_else_signed) {
  all_are_refused(with_the_wrong_signature(world));
}
TEST_F(ForgedTokens, that_are_no_tokens) {
  all_are_refused(of_the_wrong_shape(world));
}
TEST_F(ForgedTokens, whose_header_would_lead_us_astray) {
  all_are_refused(with_a_dangerous_header(world));
}
TEST_F(ForgedTokens, the_issuer_made_for_somebody_else_or_another_time) {
  all_are_refused(with_claims_that_are_not_for_us(world));
}

TEST_F(ForgedTokens, every_single_character_of_a_good_one_counts) {
  const std::string good = world.good();
  ASSERT_EQ(world.verdict(good), "accepted");
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(world.verdict(changed), "accepted") << i;
    EXPECT_NE(world.verdict(good.substr(0, i)), "accepted") << i;
  }
}

}  // namespace
}  // namespace globogym::identity
