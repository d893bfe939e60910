// doctor: looks at everything the service depends on and says what to do about what is wrong.
//
// A server that runs on the data directory is asked: it knows what it was started with, what it is doing, and what the
// files say by now. Without one the configuration that a server would start with is looked at.
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "app/checks.h"
#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/cli/operations.h"
#include "app/cli/print.h"
#include "app/installation.h"
#include "async/loop.h"
#include "base/json_reader.h"
#include "base/json_writer.h"

namespace globogym::app::cli {
namespace {

using State = Finding::State;

std::string whole_path(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::absolute(path, ignored).lexically_normal().string();
}

// What was looked at, so that nobody takes another directory's good health for this one's.
std::string looked_at(const Context& context, bool running) {
  const auto& sources = context.config.sources;
  const std::string data = whole_path(context.config.values.service.data);
  if (running) return "the server that runs on " + data + ", as it was started";
  return "no server runs on " + data + " (--data names another); what one would start with: " +
         (sources.file.empty() ? "defaults, environment and flags; there is no globogym.toml here (--config names one)"
                               : sources.file);
}

Finding check_engine(const Config& config) {
  const std::string& data = config.service.data;
  std::error_code ignored;
  if (auto may = engine_may_be_opened(data); !may) return {"engine", State::problem, may.error().message};
  if (!std::filesystem::exists(engine_directory(data), ignored))
    return {"engine", State::ok, "empty; will be created at the first start"};
  auto operations = Operations::reach(config, Operations::Missing::is_error);
  if (!operations) return {"engine", State::problem, operations.error().message};
  auto answer = (*operations)->ask("GET", "/admin/v1/health");
  if (!answer) return {"engine", State::problem, answer.error().message};
  auto json = JsonDocument::parse(answer->body);
  if (!json) return {"engine", State::problem, "the server's answer is not understood; is it another version?"};
  const std::string problem = json->root().text("problem");
  const auto can_commit = json->root().find("canCommit");
  if (!problem.empty() || !can_commit || !can_commit->boolean().value_or(false))
    return {"engine", State::problem, problem.empty() ? "it cannot keep anything now" : problem};
  return {"engine", State::ok, "opens; no server runs here"};
}

Finding check_port(const std::string& what, const std::string& listen, const std::string& flag) {
  const auto colon = listen.rfind(':');
  std::string host = listen.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int problem = ::getaddrinfo(host.c_str(), listen.c_str() + colon + 1, &hints, &found); problem != 0)
    return {what, State::problem, listen + " is no address of this machine: " + ::gai_strerror(problem)};
  const int socket = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) {
    const int why = errno;
    ::freeaddrinfo(found);
    return {what, State::problem, listen + ": " + std::strerror(why) + "; choose another with " + flag};
  }
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = ::bind(socket, found->ai_addr, found->ai_addrlen) == 0;
  const int why = errno;
  ::close(socket);
  ::freeaddrinfo(found);
  if (bound) return {what, State::ok, listen + " is free"};
  return {what, State::problem, listen + ": " + std::strerror(why) + "; choose another with " + flag};
}

// Beside a server: its own findings. Nothing when it does not answer that question, being an older one.
Result<std::vector<Finding>> asked_of_the_server(const Config& config) {
  auto operations = Operations::reach(config, Operations::Missing::is_error);
  if (!operations) return std::unexpected(operations.error());
  auto answer = (*operations)->ask("GET", "/admin/v1/checkup");
  if (!answer) return std::unexpected(answer.error());
  auto json = JsonDocument::parse(answer->body);
  if (!json || answer->status != 200)
    return fail(Fault::unavailable, "the server that runs here does not tell how it is (" +
                                        std::to_string(answer->status) + "); is it another version?");
  std::vector<Finding> findings;
  if (const auto checks = json->root().find("checks"))
    for (const auto& check : checks->elements()) {
      const std::string state = check.text("state");
      findings.push_back({check.text("what"),
                          state == "ok"     ? State::ok
                          : state == "note" ? State::note
                                            : State::problem,
                          check.text("detail")});
    }
  return findings;
}

std::vector<Finding> looked_at_from_here(const Context& context) {
  const Config& config = context.config.values;
  std::vector<Finding> findings;
  findings.push_back({"configuration", State::ok, "every key is known and within its range"});
  for (const auto& warning : context.config.warnings) findings.push_back({"configuration", State::note, warning});
  for (auto& finding : check_surroundings(config)) findings.push_back(std::move(finding));
  findings.push_back(check_engine(config));
  for (const auto& address : config.gateway.listen)
    findings.push_back(check_port("public address", address, "--listen"));
  for (const auto& address : config.admin.listen) findings.push_back(check_port("admin address", address, "--admin"));
  async::AsioLoop loop;
  findings.push_back(async::run_until_done(loop, check_mail(config, false)));
  findings.push_back(async::run_until_done(loop, check_issuer(config)));
  findings.push_back(check_clock());
  return findings;
}

}  // namespace

int doctor(const Context& context) {
  const bool running = server_is_running(context.config.values.service.data);
  std::vector<Finding> findings;
  if (running) {
    auto told = asked_of_the_server(context.config.values);
    findings = told ? std::move(*told) : std::vector<Finding>{{"server", State::problem, told.error().message}};
  } else {
    findings = looked_at_from_here(context);
  }
  const std::string scope = looked_at(context, running);
  findings.insert(findings.begin(), {"looked at", running ? State::ok : State::note, scope});

  const bool healthy = std::ranges::none_of(findings, [](const auto& each) { return each.state == State::problem; });
  if (context.json) {
    JsonWriter json;
    json.object().member("ok", healthy).member("serverRuns", running).key("checks");
    write_findings(json, findings);
    json.end();
    print(json.take());
  } else {
    Table table({"CHECK", "STATE", "DETAIL"});
    for (const auto& finding : findings)
      table.row({finding.what, finding.state == State::problem ? "PROBLEM" : std::string(name(finding.state)),
                 finding.detail});
    table.print("");
  }
  return healthy ? done : answer_is_no;
}

// ---- the configuration ----------------------------------------------------------------------------------------------

namespace {

void show_values(const Context& context, const std::vector<EffectiveValue>& values) {
  if (context.json) {
    JsonWriter json;
    json.array();
    for (const auto& value : values)
      json.object()
          .member("key", value.key)
          .member("value", value.value)
          .member("origin", value.origin)
          .member("inForce", value.in_force)
          .end();
    json.end();
    print(json.take());
    return;
  }
  Table table({"KEY", "VALUE", "FROM"});
  for (const auto& value : values)
    table.row({value.key, value.value.empty() ? "-" : value.value,
               value.origin + (value.in_force ? "" : " (not in force yet)")});
  table.print("");
}

int explain_what_is_in_force(const Context& context) {
  auto operations = Operations::reach(context.config.values, Operations::Missing::is_error);
  auto answer = operations ? (*operations)->ask("GET", "/admin/v1/configuration") : std::unexpected(operations.error());
  auto json = answer ? JsonDocument::parse(answer->body) : std::unexpected(answer.error());
  const auto values = json && answer->status == 200 ? json->root().find("values") : std::nullopt;
  if (!values) {
    std::fprintf(stderr, "globogym: the server that runs here does not tell its configuration%s\n",
                 json ? "; is it another version?" : (": " + json.error().message).c_str());
    return cannot_open;
  }
  std::vector<EffectiveValue> in_force;
  for (const auto& value : values->elements()) {
    const auto obeyed = value.find("inForce");
    in_force.push_back(
        {value.text("key"), value.text("value"), value.text("origin"), !obeyed || obeyed->boolean().value_or(true)});
  }
  if (!context.json)
    std::fprintf(stderr, "In force since %s: %s.\n", json->root().text("startedAt").c_str(),
                 looked_at(context, true).c_str());
  show_values(context, in_force);
  if (const auto warnings = json->root().find("warnings"))
    for (const auto& warning : warnings->elements())
      std::fprintf(stderr, "globogym: %s\n", std::string(warning.string().value_or("")).c_str());
  return done;
}

}  // namespace

int explain_config(const Context& context) {
  if (server_is_running(context.config.values.service.data)) return explain_what_is_in_force(context);
  if (!context.json) std::fprintf(stderr, "Looked at: %s.\n", looked_at(context, false).c_str());
  show_values(context, context.config.effective);
  for (const auto& warning : context.config.warnings) std::fprintf(stderr, "globogym: %s\n", warning.c_str());
  return done;
}

}  // namespace globogym::app::cli
