#include "audit/line.h"

#include <span>

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace globogym::audit {
namespace {

constexpr std::size_t mac_digits = 32;
constexpr std::string_view mac_member = R"(,"mac":")";
constexpr std::size_t tail_size = mac_member.size() + mac_digits + 2;  // and the two closing characters

std::string mac_of(const Hmac& key, std::string_view before, std::string_view text) {
  std::string message;
  message.reserve(before.size() + 1 + text.size());
  message.append(before).append(" ").append(text);
  const Sha256 sum = key(message);
  return hex(std::span(sum).first(mac_digits / 2));
}

std::string with_mac(const Hmac& key, std::string_view before, std::string object) {
  object.pop_back();  // its closing brace
  const std::string mac = mac_of(key, before, object);
  object.append(mac_member).append(mac).append("\"}\n");
  return object;
}

// The line's mac when it is over `before` and the rest of the line.
std::optional<std::string> right_mac(const Hmac& key, std::string_view before, std::string_view line) {
  if (line.size() <= tail_size) return std::nullopt;
  const auto text = line.substr(0, line.size() - tail_size), tail = line.substr(text.size());
  if (!tail.starts_with(mac_member) || !tail.ends_with("\"}")) return std::nullopt;
  const auto mac = tail.substr(mac_member.size(), mac_digits);
  if (!equal_in_constant_time(mac_of(key, before, text), mac)) return std::nullopt;
  return std::string(mac);
}

}  // namespace

std::string line(const Hmac& key, std::string_view before, std::uint64_t number, WallTime at, const Entry& entry) {
  const auto& [who, deed, status, request_id, begins] = entry;
  const bool done = status == 0 || status < 300;
  JsonWriter json;
  json.object().member("n", number).member("time", at).member("by", who.by);
  if (who.uid) json.member("uid", *who.uid);
  if (who.session) json.member("session", true);
  json.member("event", done ? std::string_view(deed.event) : refused);
  if (!done) json.member("asked", deed.event);
  if (!deed.targets.empty()) {
    json.key("targets").array();
    for (const auto& target : deed.targets) json.value(target);
    json.end();
  }
  if (!deed.filter.empty()) json.member("filter", deed.filter);
  if (deed.count) json.member("count", *deed.count);
  if (!deed.reason.empty()) json.member("reason", deed.reason);
  if (status != 0) json.member("status", status);
  if (!request_id.empty()) json.member("requestId", request_id);
  if (begins != 0) json.member("begun", begins);
  json.end();
  return with_mac(key, before, json.take());
}

std::string head_line(const Hmac& key, std::string_view before, std::uint64_t first) {
  JsonWriter json;
  json.object().member("trail", 1).member("first", first).member("before", before).end();
  return with_mac(key, before, json.take());
}

std::optional<Head> read_head(const Hmac& key, std::string_view line) {
  Head head;
  {
    auto json = JsonDocument::parse(line);
    if (!json || json->root().integer("trail") != 1) return std::nullopt;
    const auto first = json->root().integer("first");
    if (first < 1) return std::nullopt;
    head = {static_cast<std::uint64_t>(first), json->root().text("before")};
  }
  if (head.before.size() != mac_digits || !right_mac(key, head.before, line)) return std::nullopt;
  return head;
}

std::optional<std::string> checked(const Hmac& key, std::string_view before, std::uint64_t number,
                                   std::string_view line) {
  if (!line.starts_with(R"({"n":)" + std::to_string(number) + ",")) return std::nullopt;
  return right_mac(key, before, line);
}

}  // namespace globogym::audit
