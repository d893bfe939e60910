#include "console/usage.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <span>

#include "base/assert.h"
#include "base/json_writer.h"
#include "domain/records.h"
#include "telemetry/quantiles.h"

namespace globogym::console {
namespace {

using gateway::Traffic;
using gateway::Window;

constexpr std::array windows = {Window::life, Window::minute, Window::quarter, Window::day};
constexpr std::array<std::string_view, 6> class_names = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};

Duration quantile(const Traffic& traffic, double share) {
  ASSERT(traffic.durations.size() == telemetry::duration_buckets);
  return telemetry::quantile(
      std::span<const std::uint64_t, telemetry::duration_buckets>(traffic.durations.data(), traffic.durations.size()),
      share);
}

double milliseconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1000;
}

void write_funnel(JsonWriter& json, const Traffic& traffic) {
  json.member("received", traffic.received)
      .member("valid", traffic.valid)
      .member("accepted", traffic.accepted)
      .member("repeated", traffic.repeated);
}

void write_traffic(JsonWriter& json, const Traffic& traffic) {
  json.member("requests", traffic.requests).key("outcomes").object();
  for (std::size_t c = 0; c < class_names.size(); ++c)
    if (traffic.by_class[c] > 0 || c == 2 || c == 4 || c == 5) json.member(class_names[c], traffic.by_class[c]);
  json.end().key("refused").object();
  for (const auto& [slug, count] : traffic.refused) json.member(slug, count);
  json.end()
      .member("bytesIn", traffic.bytes_in)
      .member("bytesOut", traffic.bytes_out)
      .key("latencyMs")
      .object()
      .member("p50", milliseconds(quantile(traffic, 0.5)))
      .member("p90", milliseconds(quantile(traffic, 0.9)))
      .member("p99", milliseconds(quantile(traffic, 0.99)))
      .member("p999", milliseconds(quantile(traffic, 0.999)))
      .end();
}

std::int64_t total(const std::map<std::string, std::int64_t>& tallies, domain::Status status) {
  const auto found = tallies.find(std::string(domain::tally::of(status)));
  return found == tallies.end() ? 0 : found->second;
}

// ---- series ---------------------------------------------------------------------------------------------------------

// One family of the text format: its head once, then a line for each set of labels.
class Family {
 public:
  Family(std::string& out, std::string_view name, std::string_view type, std::string_view help)
      : out_(out), name_(name) {
    out_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name).append(" ");
    out_.append(type).append("\n");
  }
  template <class Number>
  void line(std::string_view suffix, std::string_view labels, Number value) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    out_.append(name_).append(suffix).append("{").append(labels).append("} ");
    out_.append(text, static_cast<std::size_t>(end - text)).append("\n");
  }

 private:
  std::string& out_;
  std::string_view name_;
};

// Names of operations, slugs and ids of keys need no escaping: none has a quotation mark, a backslash or a line break.
std::string label(std::string_view name, std::string_view value) {
  return std::string(name).append("=\"").append(value).append("\"");
}

void write_durations(Family& family, const Traffic& traffic) {
  const std::string labels = label("operation", traffic.name);
  std::uint64_t below = 0;
  std::size_t bucket = 0;
  // Powers of two, 128 µs to 67 s: edges of the counts, so nothing is estimated.
  for (unsigned bits = 7; bits <= telemetry::longest_bits; ++bits) {
    const Duration edge(std::int64_t{1} << bits);
    while (bucket < traffic.durations.size() && telemetry::shortest_in(bucket) < edge)
      below += traffic.durations[bucket++];
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, static_cast<double>(edge.count()) / 1e6).ptr;
    family.line("_bucket", labels + "," + label("le", {text, static_cast<std::size_t>(end - text)}), below);
  }
  std::uint64_t all = 0;
  for (const auto count : traffic.durations) all += count;
  family.line("_bucket", labels + ",le=\"+Inf\"", all);
  family.line("_sum", labels, static_cast<double>(traffic.total_duration.count()) / 1e6);
  family.line("_count", labels, all);
}

}  // namespace

std::optional<Window> parse_window(std::string_view text) {
  const auto found = std::ranges::find(windows, text, [](Window window) { return gateway::name(window); });
  if (found == windows.end()) return std::nullopt;
  return *found;
}

Task<Result<std::string>> usage_json(const Parts& parts, Window window) {
  if (!parts.analytics) co_return fail(Fault::not_found, "this process takes no requests, so there is nothing to tell");
  auto tallies = co_await parts.engine.tallies();
  if (!tallies) co_return std::unexpected(tallies.error());
  const gateway::Report report = parts.analytics->report(window);

  JsonWriter json;
  json.object()
      .member("window", gateway::name(window))
      .member("from", report.from)
      .member("until", report.until)
      .key("funnel")
      .object();
  write_funnel(json, report.all);
  // What has ended since the windows were last moved on belongs to each of them.
  const auto ended = [&](domain::Status status, std::int64_t in_window, std::int64_t at_fold) {
    return report.folded ? in_window + total(*tallies, status) - at_fold : 0;
  };
  const gateway::Ended folded = report.folded.value_or(gateway::Ended{});
  json.member("completed", ended(domain::Status::completed, report.ended.completed, folded.completed))
      .member("rejected", ended(domain::Status::rejected, report.ended.rejected, folded.rejected))
      .member("parked", total(*tallies, domain::Status::parked))
      .member("pending", total(*tallies, domain::Status::accepted) + total(*tallies, domain::Status::processing))
      .end()
      .key("all")
      .object();
  write_traffic(json, report.all);
  json.end().key("operations").array();
  for (const auto& operation : report.operations) {
    json.object().member("operation", operation.name);
    write_traffic(json, operation);
    json.end();
  }
  json.end().key("callers").array();
  for (const auto& caller : report.callers) {
    const auto key = parts.keys.find(caller.name);
    json.object()
        .member("caller", caller.name)
        .member("name", key ? std::optional<std::string>(key->name) : std::nullopt)
        .key("funnel")
        .object();
    write_funnel(json, caller);
    json.end();
    write_traffic(json, caller);
    json.end();
  }
  json.end().end();
  co_return json.take();
}

std::string usage_series(const gateway::Analytics& analytics) {
  const gateway::Report report = analytics.report(Window::life);
  std::string out;
  Family requests(out, "globogym_api_requests_total", "counter",
                  "Requests answered, by operation and class of status.");
  for (const auto& operation : report.operations)
    for (std::size_t c = 0; c < class_names.size(); ++c)
      if (operation.by_class[c] > 0)
        requests.line("", label("operation", operation.name) + "," + label("outcome", class_names[c]),
                      operation.by_class[c]);
  Family refused(out, "globogym_api_refused_total", "counter", "Requests refused, by operation and problem.");
  for (const auto& operation : report.operations)
    for (const auto& [slug, count] : operation.refused)
      refused.line("", label("operation", operation.name) + "," + label("reason", slug), count);
  Family in(out, "globogym_api_request_body_bytes_total", "counter", "Bytes of bodies received, by operation.");
  for (const auto& operation : report.operations) in.line("", label("operation", operation.name), operation.bytes_in);
  Family sent(out, "globogym_api_response_body_bytes_total", "counter", "Bytes of bodies sent, by operation.");
  for (const auto& operation : report.operations)
    sent.line("", label("operation", operation.name), operation.bytes_out);
  Family durations(out, "globogym_api_request_duration_seconds", "histogram",
                   "From a request's arrival at the gateway to its answer, by operation.");
  for (const auto& operation : report.operations) write_durations(durations, operation);
  Family callers(out, "globogym_api_caller_requests_total", "counter",
                 "Requests answered, by the key's id and class of status.");
  for (const auto& caller : report.callers)
    for (std::size_t c = 0; c < class_names.size(); ++c)
      if (caller.by_class[c] > 0)
        callers.line("", label("caller", caller.name) + "," + label("outcome", class_names[c]), caller.by_class[c]);
  Family funnel(out, "globogym_api_sign_ups_total", "counter",
                "Sign-ups by how far they came in their request: received holds valid, valid holds accepted.");
  for (const auto& caller : report.callers) {
    const std::pair<std::string_view, std::uint64_t> stages[] = {{"received", caller.received},
                                                                 {"valid", caller.valid},
                                                                 {"accepted", caller.accepted},
                                                                 {"repeated", caller.repeated}};
    if (caller.received == 0) continue;
    for (const auto& [stage, count] : stages)
      funnel.line("", label("caller", caller.name) + "," + label("stage", stage), count);
  }
  return out;
}

}  // namespace globogym::console
