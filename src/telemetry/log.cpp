#include "telemetry/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <functional>

#include "base/text.h"
#include "base/time_text.h"

namespace globogym::log {
namespace {

std::atomic<Level> threshold{Level::info};

std::string_view name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "error";
}

spdlog::logger& stderr_lines() {
  static auto logger = [] {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    sink->set_pattern("%v");
    auto made = std::make_shared<spdlog::logger>("globogym", std::move(sink));
    made->set_level(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

// How many lines of one event a second are written: an outage must not fill the disk it may be waiting for.
constexpr std::uint32_t burst = 20;

// A small table of counters by event name. Two names that share a slot share their limit, which is harmless.
struct Limiter {
  struct Slot {
    std::atomic<std::int64_t> second{0};
    std::atomic<std::uint32_t> written{0};
    std::atomic<std::uint32_t> left_out{0};
  };
  std::array<Slot, 256> slots;

  // Whether to write, and how many were left out since the last one written.
  bool admit(std::string_view event, std::uint32_t& left_out) {
    auto& slot = slots[std::hash<std::string_view>{}(event) % slots.size()];
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
    if (slot.second.exchange(now, std::memory_order_relaxed) != now) slot.written.store(0, std::memory_order_relaxed);
    if (slot.written.fetch_add(1, std::memory_order_relaxed) >= burst) {
      slot.left_out.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    left_out = slot.left_out.exchange(0, std::memory_order_relaxed);
    return true;
  }
};

Limiter& limiter() {
  static Limiter limiter;
  return limiter;
}

}  // namespace

Field::Field(std::string_view field_name, double value) : name_(field_name) {
  if (!std::isfinite(value)) {
    json_ = "null";
    return;
  }
  char text[32];
  auto [end, error] = std::to_chars(text, text + sizeof text, value);
  json_.assign(text, end);
}

std::string Field::quoted(std::string_view value) {
  std::string out = "\"";
  append_json_escaped(out, is_utf8(value) ? value : "(not text)");
  out += '"';
  return out;
}

void set_level(Level level) {
  threshold.store(level, std::memory_order_relaxed);
}
Level level() {
  return threshold.load(std::memory_order_relaxed);
}

namespace {

void put(std::string_view at, std::string_view event, Fields fields, std::uint32_t left_out) {
  std::string line = "{\"time\":\"";
  append_rfc3339(line, SystemClock{}.wall());
  line += "\",\"level\":\"";
  line += at;
  line += "\",\"event\":\"";
  line += event;
  line += '"';
  for (const auto& field : fields) {
    if (at == "audit" && field.json() == R"("")") continue;
    line += ",\"";
    line += field.name();
    line += "\":";
    line += field.json();
  }
  if (left_out > 0) {
    line += ",\"leftOut\":";
    line += std::to_string(left_out);
  }
  line += '}';
  stderr_lines().log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  stderr_lines().flush();
}

}  // namespace

void write(Level at, std::string_view event, Fields fields) {
  if (at < level()) return;
  std::uint32_t left_out = 0;
  if (!limiter().admit(event, left_out)) return;
  put(name(at), event, fields, left_out);
}

void audit(std::string_view event, Fields fields) {
  put("audit", event, fields, 0);
}

}  // namespace globogym::log
