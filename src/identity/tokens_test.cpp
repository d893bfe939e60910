#include "identity/tokens.h"

#include <gtest/gtest.h>

#include <thread>

#include "async/loop.h"
#include "identity/world_test.h"

namespace globogym::identity {
namespace {

using namespace std::chrono_literals;

TEST(Tokens, what_a_good_token_says_is_passed_on) {
  World world;
  world.start_with_keys();

  const auto claims = world.verify(world.good());

  ASSERT_TRUE(claims) << claims.error().message;
  EXPECT_EQ(claims->subject.reveal(), "ada");
  EXPECT_EQ(claims->client, "app");
  EXPECT_EQ(claims->scopes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(claims->expires, WallTime(std::chrono::seconds(world.now() + 300)));
}

TEST(Tokens, all_four_algorithms_are_accepted) {
  World world;
  world.start_with_keys();

  EXPECT_EQ(world.verdict(world.good("r", World::rsa(), "RS256")), "accepted");
  EXPECT_EQ(world.verdict(world.good("r", World::rsa(), "PS256")), "accepted");
  EXPECT_EQ(world.verdict(world.good("e", World::p256(), "ES256")), "accepted");
  EXPECT_EQ(world.verdict(world.good("o", World::ed25519(), "EdDSA")), "accepted");
}

TEST(Tokens, what_issuers_write_differently_is_understood) {
  World world;
  world.start_with_keys();
  const auto verify = [&](const std::string& header, std::string claims) {
    return world.verify(signed_token(World::p256(), "ES256", header, claims));
  };
  const std::string times = ",\"exp\":" + std::to_string(world.now() + 300) + "}";
  const std::string who = R"({"iss":")" + issuer + R"(","aud":["other",")" + audience + "\"]";

  for (const char* type : {"JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"})
    EXPECT_TRUE(verify(std::string(R"({"alg":"ES256","kid":"e","x5t":"abc","typ":")") + type + "\"}", world.claims()))
        << type;
  for (const char* type : {"at+jwt", "application/at+jwt"}) {
    auto claims = world.claims();
    claims.insert(1, R"("nonce":"n-0S6_WzA2Mj",)");
    EXPECT_TRUE(verify(std::string(R"({"alg":"ES256","kid":"e","typ":")") + type + "\"}", claims)) << type;
  }
  const auto scopes_of = [&](const std::string& members) {
    auto claims = verify(R"({"alg":"ES256","kid":"e"})", who + R"(,"sub":"s")" + members + times);
    EXPECT_TRUE(claims) << members << ": " << claims.error().message;
    return claims ? claims->scopes : std::vector<std::string>{"refused"};
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(scopes_of(""), List{});
  EXPECT_EQ(scopes_of(R"(,"scope":" a  b ")"), (List{"a", "b"}));
  EXPECT_EQ(scopes_of(R"(,"scope":["a","b","a"])"), (List{"a", "b"}));
  EXPECT_EQ(scopes_of(R"(,"scp":"a b")"), (List{"a", "b"}));
  EXPECT_EQ(scopes_of(R"(,"scp":["a","b"])"), (List{"a", "b"}));
  EXPECT_EQ(scopes_of(R"(,"roles":["b"],"scope":"a","scp":"c")"), (List{"a", "c", "b"}));
  EXPECT_EQ(scopes_of(R"(,"scope":"a\"b c")"), (List{"c"}));
  const auto no_subject = verify(R"({"alg":"ES256","kid":"e"})", who + R"(,"azp":"front-desk")" + times);
  ASSERT_TRUE(no_subject);
  EXPECT_EQ(no_subject->subject.reveal(), "front-desk");
  const auto two_clients = verify(R"({"alg":"ES256","kid":"e"})",
                                  who + R"(,"sub":"s","appid":"third","azp":"second","client_id":"first")" + times);
  ASSERT_TRUE(two_clients);
  EXPECT_EQ(two_clients->client, "first");
}

TEST(Tokens, clocks_may_differ_by_a_minute) {
  World world;
  world.start_with_keys();
  const auto verdict = [&](const std::string& times) {
    return world.verdict(
        signed_token(World::p256(), "ES256", R"({"alg":"ES256","kid":"e"})",
                     R"({"iss":")" + issuer + R"(","aud":")" + audience + R"(","sub":"s",)" + times + "}"));
  };
  const auto in = [&](int seconds) { return std::to_string(world.now() + seconds); };

  EXPECT_EQ(verdict("\"exp\":" + in(-59)), "accepted");
  EXPECT_EQ(verdict("\"exp\":" + in(9) + ",\"nbf\":" + in(60) + ",\"iat\":" + in(60)), "accepted");

  EXPECT_NE(verdict("\"exp\":" + in(-60)), "accepted");
}

TEST(Tokens, times_are_seconds_however_json_writes_the_number) {
  World world;
  world.start_with_keys();
  const auto verify = [&](const std::string& times) {
    return world.verify(
        signed_token(World::p256(), "ES256", R"({"alg":"ES256","kid":"e"})",
                     R"({"iss":")" + issuer + R"(","aud":")" + audience + R"(","sub":"s",)" + times + "}"));
  };
  const std::string now = std::to_string(world.now());
  const auto expires = [&](const std::string& exp) {
    const auto claims = verify("\"exp\":" + exp);
    EXPECT_TRUE(claims) << exp << ": " << claims.error().message;
    return claims ? claims->expires.time_since_epoch() : Duration(0);
  };

  EXPECT_EQ(expires(now + ".0"), std::chrono::seconds(world.now()));
  EXPECT_EQ(expires(now + ".5"), std::chrono::seconds(world.now()) + 500ms);
  EXPECT_EQ(expires("4.1024448e9"), std::chrono::seconds(4'102'444'800));
  EXPECT_EQ(expires("41024448E+2"), std::chrono::seconds(4'102'444'800));
  EXPECT_EQ(expires("253402300799"), std::chrono::seconds(253'402'300'799)) << "the last second of the year 9999";
  EXPECT_TRUE(verify("\"exp\":" + now + ".25,\"nbf\":" + now + ".75,\"iat\":1.5e9"));
}

TEST(Tokens, every_bound_is_met_exactly) {
  World world;
  world.start_with_keys();
  const auto sign = [&](const std::string& more_header, const std::string& more) {
    return signed_token(World::p256(), "ES256", R"({"alg":"ES256","kid":"e")" + more_header + "}", world.claims(more));
  };
  // Not every length can be had with every header: base64 has no remainder of one.
  const auto as_long_as = [&](std::size_t characters) {
    for (const auto* pad : {"", ",\"p\":1", ",\"p\":11"}) {
      const auto filled = [&](std::size_t size) { return sign(pad, R"(,"filler":")" + std::string(size, 'x') + "\""); };
      const std::size_t about = (characters - filled(0).size()) / 4 * 3;
      for (std::size_t size = about - 4; size < about + 8; ++size)
        if (auto token = filled(size); token.size() == characters) return token;
    }
    ADD_FAILURE() << "no token has " << characters << " characters";
    return std::string();
  };
  const auto with_scopes = [&](int count) {
    std::string scopes;
    for (int i = 2; i < count; ++i) scopes += " s" + std::to_string(i);  // beside "a" and "b"
    return sign("", R"(,"scp":")" + scopes + "\"");
  };
  const auto with_party = [&](std::size_t size) { return sign("", R"(,"azp":")" + std::string(size, 'p') + "\""); };

  EXPECT_EQ(world.verdict(as_long_as(8192)), "accepted");
  EXPECT_EQ(world.verdict(as_long_as(8193)), "refused: the token is longer than 8192 characters");
  EXPECT_EQ(world.verdict(with_scopes(256)), "accepted");
  EXPECT_NE(world.verdict(with_scopes(257)), "accepted");
  EXPECT_EQ(world.verdict(with_party(512)), "accepted");
  EXPECT_NE(world.verdict(with_party(513)), "accepted");
}

TEST(Tokens, a_claim_that_is_null_says_nothing) {
  World world;
  world.start_with_keys();
  const std::string exp = std::to_string(world.now() + 300);

  const auto claims = world.verify(
      signed_token(World::p256(), "ES256", R"({"alg":"ES256","kid":"e"})",
                   R"({"iss":")" + issuer + R"(","aud":")" + audience +
                       R"(","sub":null,"client_id":null,"azp":"front-desk","scope":null,"scp":null,"roles":["a"],)" +
                       R"("nbf":null,"iat":null,"exp":)" + exp + "}"));

  ASSERT_TRUE(claims) << claims.error().message;
  EXPECT_EQ(claims->subject.reveal(), "front-desk");
  EXPECT_EQ(claims->scopes, std::vector<std::string>{"a"});
}

TEST(Tokens, one_that_is_remembered_ends_when_its_time_is_over) {
  World world;
  world.start_with_keys();
  const std::string token = world.good();
  ASSERT_EQ(world.verdict(token), "accepted");
  ASSERT_EQ(world.tokens.remembered(), 1u);

  world.loop.advance(359s);
  EXPECT_EQ(world.verdict(token), "accepted");
  world.loop.advance(1s);

  EXPECT_EQ(world.verdict(token), "refused: the token has expired");
  EXPECT_EQ(world.tokens.remembered(), 0u);
}

TEST(Tokens, one_that_is_remembered_is_believed_no_more_when_its_key_is_withdrawn) {
  World world;
  world.start_with_keys();
  const std::string es = world.good();
  const std::string rs = world.good("r", World::rsa(), "RS256");
  ASSERT_EQ(world.verdict(es), "accepted");
  ASSERT_EQ(world.verdict(rs), "accepted");

  world.publish({World::rsa().jwk("r")});
  world.loop.advance(15min);
  const std::string later = world.good();

  EXPECT_EQ(world.tokens.remembered(), 1u);
  EXPECT_EQ(world.verdict(later), "refused: the token is not signed with a key of its issuer");
  EXPECT_NE(world.verdict(es), "accepted");
}

TEST(Tokens, a_key_of_the_same_name_but_other_material_is_another_key) {
  World world;
  world.start_with_keys();
  const std::string token = world.good();
  ASSERT_EQ(world.verdict(token), "accepted");
  const SecretKey& next = SecretKey::named(SecretKey::Kind::p256, "the next");

  world.publish({next.jwk("e")});
  world.loop.advance(15min);

  EXPECT_EQ(world.tokens.remembered(), 0u);
  EXPECT_EQ(world.verdict(world.good("e", World::p256())), "refused: the token's signature is wrong");
  EXPECT_EQ(world.verdict(world.good("e", next)), "accepted");
}

TEST(Tokens, a_new_key_is_fetched_when_a_token_is_signed_with_it) {
  World world;
  world.start_with_keys();
  const SecretKey& next = SecretKey::named(SecretKey::Kind::p256, "the next");
  world.publish({World::p256().jwk("e"), next.jwk("n")});
  ASSERT_EQ(world.fetches(), 1);

  EXPECT_EQ(world.verdict(world.good("n", next)), "accepted");

  EXPECT_EQ(world.fetches(), 2);
  EXPECT_EQ(world.web.asked[discovery_url], 1) << "the way there is known already";
}

Task<void> verify_and_count(Tokens& tokens, std::string token, int& accepted, int& others) {
  const auto claims = co_await tokens.verify(std::move(token));
  ++(claims ? accepted : others);
}

TEST(Tokens, who_waits_for_the_same_fetch_shares_it) {
  World world;
  world.start_with_keys();
  const SecretKey& next = SecretKey::named(SecretKey::Kind::p256, "the next");
  world.publish({next.jwk("n")});
  int accepted = 0, others = 0;
  async::Scope crowd;

  for (int i = 0; i < 100; ++i)
    world.loop.post([&] { crowd.start(verify_and_count(world.tokens, world.good("n", next), accepted, others)); });
  world.loop.settle();
  EXPECT_EQ(accepted, 0);
  world.loop.advance(1s);

  EXPECT_EQ(accepted, 100);
  EXPECT_EQ(world.fetches(), 2);
}

TEST(Tokens, unknown_keys_cause_one_fetch_a_minute_however_many_there_are) {
  World world;
  world.start_with_keys();
  int count = 0;
  const auto garbage = [&] {
    return signed_token(World::p256(), "ES256", R"({"alg":"ES256","kid":"unknown-)" + std::to_string(++count) + "\"}",
                        world.claims());
  };
  for (int second = 0; second < 300; ++second) {
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(world.verdict(garbage()), "refused: the token is not signed with a key of its issuer");
    world.loop.advance(1s);
  }

  EXPECT_EQ(world.fetches(), 1 + 5);
}

TEST(Tokens, a_token_that_is_not_for_us_causes_no_fetch) {
  World world;
  world.start_with_keys();
  std::string claims = world.claims();
  claims.replace(claims.find("api."), 4, "app.");

  EXPECT_NE(world.verdict(signed_token(World::p256(), "ES256", R"({"alg":"ES256","kid":"unknown"})", claims)),
            "accepted");

  EXPECT_EQ(world.fetches(), 1);
}

TEST(Tokens, without_a_key_id_the_one_key_that_fits_is_tried) {
  World world;
  world.start_with_keys();
  const std::string header = R"({"alg":"ES256"})";
  EXPECT_EQ(world.verdict(signed_token(World::p256(), "ES256", header, world.claims())), "accepted");
  const SecretKey& stranger = SecretKey::named(SecretKey::Kind::p256, "a stranger's");

  EXPECT_EQ(world.verdict(signed_token(stranger, "ES256", header, world.claims())),
            "refused: the token is not signed with a key of its issuer");
}

TEST(Tokens, without_a_key_id_a_rotated_key_is_found_too) {
  World world;
  world.start_with_keys();
  const SecretKey& next = SecretKey::named(SecretKey::Kind::p256, "the next");
  world.publish({World::p256().jwk("e"), next.jwk("n")});

  EXPECT_EQ(world.verdict(signed_token(next, "ES256", R"({"alg":"ES256"})", world.claims())), "accepted");
}

TEST(Tokens, without_a_key_id_too_many_keys_are_not_tried) {
  World world;
  std::vector<std::string> keys = {World::p256().jwk("e")};
  for (int i = 0; i < 4; ++i)
    keys.push_back(
        SecretKey::named(SecretKey::Kind::p256, "another " + std::to_string(i)).jwk("k" + std::to_string(i)));
  world.publish(keys);
  world.start_with_keys();

  EXPECT_NE(world.verdict(signed_token(World::p256(), "ES256", R"({"alg":"ES256"})", world.claims())), "accepted");
  EXPECT_EQ(world.verdict(world.good()), "accepted");
}

TEST(Tokens, the_last_good_keys_outlive_the_issuer) {
  World world;
  world.start_with_keys();
  world.web.down = true;

  for (int hour = 0; hour < 24; ++hour) {
    world.loop.advance(1h);
    EXPECT_EQ(world.verdict(world.good()), "accepted") << hour;
  }

  const State state = world.tokens.state();
  EXPECT_EQ(state.keys, 3u);
  EXPECT_GE(*state.age, 24h);
  EXPECT_NE(state.last_error.find("login.example cannot be asked"), std::string::npos) << state.last_error;
  EXPECT_NE(world.metrics.text().find("globogym_identity_keys_age_seconds 86"), std::string::npos);
  EXPECT_LE(world.web.asked[discovery_url], 24 * 15) << "it is not hammered meanwhile";

  world.web.down = false;
  world.loop.advance(10min);
  EXPECT_LE(*world.tokens.state().age, 10min);
  EXPECT_EQ(world.tokens.state().last_error, "");
}

TEST(Tokens, once_the_issuer_is_back_keys_are_fetched_as_seldom_as_before) {
  World world;
  world.web.down = true;
  world.start_with_keys();
  world.loop.advance(1h);
  world.web.down = false;
  world.loop.advance(10min);
  ASSERT_EQ(world.tokens.state().last_error, "");
  const int before = world.fetches();

  world.loop.advance(2h);

  EXPECT_GE(world.fetches() - before, 8);
  EXPECT_LE(world.fetches() - before, 14);
}

TEST(Tokens, a_bad_answer_changes_no_keys) {
  World world;
  world.start_with_keys();
  for (const std::string bad :
       {"", "{}", "{\"keys\":[]}", "<html>", "{\"keys\":{}}", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}"}) {
    world.web.pages[keys_url] = bad;
    world.loop.advance(15min);
    EXPECT_EQ(world.verdict(world.good()), "accepted") << bad;
    EXPECT_NE(world.tokens.state().last_error, "") << bad;
  }
}

TEST(Tokens, an_unknown_key_during_an_outage_is_not_called_a_forgery) {
  World world;
  world.start_with_keys();
  world.web.down = true;

  const auto claims = world.verify(world.good("n", SecretKey::named(SecretKey::Kind::p256, "the next")));

  ASSERT_FALSE(claims);
  EXPECT_EQ(ending_of(claims), Fault::unavailable);
}

TEST(Tokens, without_any_keys_nothing_can_be_said) {
  World world;
  world.web.down = true;
  world.start();

  const auto claims = world.verify(world.good());

  ASSERT_FALSE(claims);
  EXPECT_EQ(ending_of(claims), Fault::unavailable);
  EXPECT_EQ(world.tokens.state().keys, 0u);
  EXPECT_EQ(world.tokens.state().age, std::nullopt);

  world.web.down = false;
  world.loop.advance(40s);
  EXPECT_EQ(world.verdict(world.good()), "accepted");
}

TEST(Tokens, the_first_request_waits_for_the_first_fetch) {
  World world;
  world.web.takes = 500ms;
  world.start();

  EXPECT_EQ(world.verdict(world.good()), "accepted");

  EXPECT_EQ(world.fetches(), 1);
}

TEST(Tokens, keys_are_fetched_again_without_being_asked) {
  World world;
  world.start_with_keys();

  world.loop.advance(2h);

  EXPECT_GE(world.fetches(), 8);
  EXPECT_LE(world.fetches(), 14);
}

TEST(Tokens, an_issuer_that_calls_itself_otherwise_is_not_believed) {
  World world;
  world.web.pages[discovery_url] = R"({"issuer":"https://evil.example","jwks_uri":")" + keys_url + "\"}";
  world.start_with_keys();

  EXPECT_EQ(world.fetches(), 0);
  EXPECT_NE(world.tokens.state().last_error.find("auth.issuer"), std::string::npos) << world.tokens.state().last_error;
}

TEST(Tokens, a_configured_key_url_needs_no_discovery) {
  World world({.issuer = issuer, .audience = audience, .jwks_url = keys_url});
  world.start_with_keys();

  EXPECT_EQ(world.verdict(world.good()), "accepted");

  EXPECT_EQ(world.web.asked[discovery_url], 0);
}

TEST(Tokens, closing_ends_every_wait) {
  World world;
  world.web.takes = 1h;
  world.start();
  int accepted = 0, others = 0;
  async::Scope crowd;
  for (int i = 0; i < 3; ++i)
    world.loop.post([&] { crowd.start(verify_and_count(world.tokens, world.good(), accepted, others)); });
  world.loop.settle();
  ASSERT_EQ(others, 0);

  world.tokens.close();
  world.loop.settle();

  EXPECT_EQ(others, 3);
  EXPECT_EQ(world.scope.running(), 0u);
  EXPECT_NE(world.verdict(world.good()), "accepted");
}

// The real threads: loops that verify, one that fetches, and keys that change underneath.
TEST(Tokens, many_loops_verify_while_keys_rotate) {
  SystemClock clock;
  SecureRandom random;
  telemetry::Metrics metrics;
  World world;  // for its pages and tokens only
  struct Rotating final : fetch::Client {
    std::string one, other;
    std::atomic<int> asked = 0;
    Task<Result<fetch::Reply>> send(fetch::Request, std::stop_token) override {
      co_return fetch::Reply{.status = 200, .body = ++asked % 2 == 1 ? one : other};
    }
    void close() override {}
  };
  auto client = std::make_unique<Rotating>();
  const std::string kept = World::ed25519().jwk("o");
  client->one = "{\"keys\":[" + kept + "," + World::p256().jwk("e") + "]}";
  client->other = "{\"keys\":[" + kept + "]}";
  auto tokens = open({.issuer = issuer, .audience = audience, .jwks_url = keys_url, .refresh = 1ms, .remembered = 64},
                     std::move(client), clock, random, metrics);
  const auto good = [&](const SecretKey& key, const char* kid, const char* alg, int number) {
    const auto now = std::chrono::floor<std::chrono::seconds>(clock.wall()).time_since_epoch().count();
    return signed_token(key, alg, std::string(R"({"alg":")") + alg + R"(","kid":")" + kid + "\"}",
                        R"({"iss":")" + issuer + R"(","aud":")" + audience + R"(","sub":"s)" + std::to_string(number) +
                            R"(","exp":)" + std::to_string(now + 300) + "}");
  };
  std::vector<std::string> always, sometimes;
  for (int i = 0; i < 40; ++i) {
    always.push_back(good(World::ed25519(), "o", "EdDSA", i));
    sometimes.push_back(good(World::p256(), "e", "ES256", i));
  }

  std::atomic<int> wrong = 0;
  const auto turn = [&] {
    async::AsioLoop loop;
    for (int round = 0; round < 400; ++round) {
      const auto i = static_cast<std::size_t>(round % 40);
      const auto kept_one = async::run_until_done(loop, tokens->verify(always[i]));
      const auto other = async::run_until_done(loop, tokens->verify(sometimes[i]));
      wrong += !kept_one + (!other && other.error().fault != Fault::refused);
    }
  };
  std::thread second(turn);
  turn();
  second.join();

  EXPECT_EQ(wrong, 0);
  tokens->close();
}

}  // namespace
}  // namespace globogym::identity
