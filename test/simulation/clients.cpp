#include "simulation/clients.h"

#include <array>

#include "base/json_reader.h"
#include "base/json_writer.h"

namespace globogym::simulation {
namespace {

using namespace std::chrono_literals;
using async::Task;

std::string text_in(const std::string& json, std::string_view member) {
  auto document = JsonDocument::parse(json);
  return document ? document->root().text(member) : "";
}

bool try_again(const Answer& answer) {
  return !answer || answer->status == 503;
}

std::string said(const Answer& answer) {
  return answer ? std::to_string(answer->status) : "nothing";
}

}  // namespace

Client::Client(World& world, Visit visit)
    : world_(world),
      visit_(visit),
      draw_(visit.seed),
      person_(world.scenario_.people[visit.person]),
      api_key_(world.api_keys_[draw_.chance(0.3)]) {}

Task<void> Client::act() {
  const std::string key = "key-" + std::to_string(visit_.seed);
  const std::string body = application("Lovelace");
  const int times = draw_.between(1, 12);
  switch (visit_.habit) {
    case Habit::plain: {
      auto answer = co_await post_until_answered("", body, times);
      break;
    }
    case Habit::keyed: {
      auto answer = co_await post_until_answered(key, body, times);
      for (int i = draw_.between(0, 2); i > 0; --i) {
        co_await async::sleep_for(draw_.between(Duration(1ms), Duration(2min)));
        answer = co_await post_until_answered(key, body, times);
      }
      if (answer && answer->status == 202 && draw_.chance(0.3)) {
        const auto& somebody_elses = world_.api_keys_[api_key_ == world_.api_keys_[0] ? 1 : 0];
        auto other = co_await exchange("POST", "/v1/enrollments", key, body, somebody_elses);
        if (other && other->body == answer->body) world_.story_.broken("two callers shared one key");
      }
      break;
    }
    case Habit::together:
      co_await post_together();
      break;
    case Habit::reuses_key: {
      auto answer = co_await post_until_answered(key, body, times);
      if (!answer || answer->status != 202) break;
      auto other = co_await post_until_answered(key, application("Byron"), times);
      if (other && other->status != 503 &&
          (other->status != 422 || other->body.find("idempotency-key-reused") == std::string::npos))
        world_.story_.broken("another body under a used key was answered " + said(other));
      break;
    }
    case Habit::invalid:
      co_await post_invalid();
      break;
    case Habit::late: {
      auto answer = co_await post_until_answered(key, body, 100'000);
      break;
    }
  }
}

std::string Client::application(std::string_view last_name) {
  std::string email = person_.email;
  if (draw_.chance(0.2) && email[0] == 'p') email[0] = 'P';
  constexpr std::array first_names = {"Ada", "J\u00fcrgen", "Zo\u00eb", "\u5c0f\u96e8", "O'Neil"};
  constexpr std::array locales = {"en-GB", "en-US", "de-DE", "fr-FR", "es-ES"};
  JsonWriter json;
  json.object().member("firstName", first_names[static_cast<std::size_t>(draw_.between(0, 4))]);
  json.member("lastName", last_name).member("email", email).member("dateOfBirth", "1990-12-10");
  json.member("homeClubId", "london-shoreditch").member("plan", "premium-annual");
  if (draw_.chance(0.5)) json.member("locale", locales[static_cast<std::size_t>(draw_.between(0, 4))]);
  if (draw_.chance(0.5)) json.member("marketingConsent", draw_.chance(0.5));
  return json.end().take();
}

Task<Answer> Client::exchange(std::string method, std::string path, std::string key, std::string body,
                              std::string api_key) {
  co_await async::sleep_for(draw_.between(Duration(1us), world_.scenario_.network_time));
  if (!world_.serving_) co_return std::nullopt;
  http::Request request;
  request.method = method;
  request.target = request.path = path;
  request.body = body;
  request.headers = {{"X-API-Key", api_key}, {"Content-Type", "application/json"}};
  if (!key.empty()) request.headers.emplace_back("Idempotency-Key", key);
  request.request_id = "r";
  request.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  Process& process = *world_.process_;
  const auto life = process.life();
  auto response = co_await process.handle(request);
  if (life->crashed) co_return std::nullopt;
  if (method == "POST" && response.status == 202) {
    const std::string id = text_in(response.body, "id");
    world_.story_.tell("202 for " + id);
    // What was never acknowledged may have been kept all the same, but only an engine that works can know.
    if (!world_.observer_.acknowledged.contains(id) && !process.engine().health().can_commit)
      world_.story_.broken("202 while the engine cannot tell what it has kept: " + id);
  }
  if (draw_.chance(world_.scenario_.lost_answers)) co_return std::nullopt;
  co_await async::sleep_for(draw_.between(Duration(1us), world_.scenario_.network_time));
  if (life->crashed) co_return std::nullopt;
  co_return response;
}

Task<Answer> Client::post(std::string key, std::string body) {
  auto answer = co_await exchange("POST", "/v1/enrollments", key, std::move(body), api_key_);
  if (answer && answer->status == 202) promised(key, *answer);
  co_return answer;
}

Task<Answer> Client::post_until_answered(std::string key, std::string body, int times) {
  Duration pause = 50ms;
  Answer answer;
  for (int i = 0; i < times; ++i) {
    answer = co_await post(key, body);
    if (!try_again(answer)) {
      if (answer->status != 202 && answer->status != 422)
        world_.story_.broken("a good application was answered " + said(answer) + ": " + answer->body);
      break;
    }
    co_await async::sleep_for(draw_.between(pause, 2 * pause));
    pause = std::min<Duration>(2 * pause, 1min);
  }
  if (answer && answer->status == 202 && draw_.chance(0.4)) co_await look_again(text_in(answer->body, "id"));
  co_return answer;
}

Task<void> Client::post_beside_others(std::string key, std::string body, int times) {
  auto answer = co_await post_until_answered(std::move(key), std::move(body), times);
  if (answer && answer->status == 422) world_.story_.broken("the same body under one key was refused: " + answer->body);
}

Task<void> Client::post_together() {
  const std::string key = "key-" + std::to_string(visit_.seed);
  const std::string body = application("Hopper");
  const int times = draw_.between(1, 8);
  async::Scope side_by_side;
  for (int i = draw_.between(2, 8); i > 0; --i) side_by_side.start(post_beside_others(key, body, times));
  co_await side_by_side.join();
}

Task<void> Client::post_invalid() {
  std::string body = application("X");
  std::string api_key = api_key_;
  unsigned expected = 422;
  switch (draw_.between(0, 4)) {
    case 0:
      body = R"({"firstName":"A"})";
      break;
    case 1:
      body.pop_back();
      expected = 400;
      break;
    case 2:
      body.insert(1, R"("unknown":1,)");
      break;
    case 3:
      api_key.back() = api_key.back() == 'A' ? 'B' : 'A';
      expected = 401;
      break;
    case 4:
      body =
          R"({"firstName":"A","lastName":"B","email":"nobody","dateOfBirth":"2025-01-01","homeClubId":"x","plan":"y"})";
      break;
  }
  auto answer = co_await exchange("POST", "/v1/enrollments", "", std::move(body), std::move(api_key));
  if (answer && answer->status != expected && answer->status != 503)
    world_.story_.broken("an application that should be answered " + std::to_string(expected) + " was answered " +
                         said(answer));
}

Task<void> Client::look_again(std::string id) {
  std::string last;
  for (int i = draw_.between(1, 4); i > 0; --i) {
    auto answer = co_await exchange("GET", "/v1/enrollments/" + id, "", "", api_key_);
    if (answer && answer->status != 503) {
      const std::string status = text_in(answer->body, "status");
      if (answer->status != 200 || status.empty()) {
        world_.story_.broken("an enrollment that was promised was answered " + said(answer) + ": " + id);
      } else if ((last == "completed" || last == "rejected") && status != last) {
        world_.story_.broken("an enrollment that was " + last + " became " + status + ": " + id);
      } else {
        last = status;
      }
    }
    co_await async::sleep_for(draw_.between(Duration(10ms), Duration(1min)));
  }
}

void Client::promised(const std::string& key, const http::Response& answer) {
  Promise promise{.id = text_in(answer.body, "id"), .person = visit_.person, .key = key, .body = answer.body};
  if (promise.id.empty()) world_.story_.broken("a 202 names no enrollment");
  if (!key.empty()) {
    const auto [first, is_new] = world_.by_key_.try_emplace(key, promise);
    if (!is_new && first->second.body != promise.body)
      world_.story_.broken("one key had two answers: " + first->second.body + " and " + promise.body);
    if (!is_new) return;
  }
  world_.ledger_.push_back(std::move(promise));
}

Task<void> World::visit(Visit visit) {
  co_await async::sleep_for(visit.at);
  Client client(*this, visit);
  co_await client.act();
}

}  // namespace globogym::simulation
