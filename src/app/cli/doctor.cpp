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

// Whether a server runs on the directory; one that gives no sign of life does. Of a directory that may not be looked
// into it is not known.
enum class Server { answers, hangs, none, not_known };

// What was looked at, so that nobody takes another directory's good health for this one's.
std::string looked_at(const Context& context, Server server) {
  const auto& sources = context.config.sources;
  const std::string data = whole_path(context.config.values.service.data);
  if (server == Server::answers) return "the server that runs on " + data + ", as it was started";
  std::string whether = "no server runs on " + data + " (--data names another)";
  if (server == Server::hangs) whether = "a server runs on " + data + ", and does not answer";
  if (server == Server::not_known) whether = "whether a server runs on " + data + " is not known";
  return whether + "; what one would start with: " +
         (sources.file.empty() ? "defaults, environment and flags; there is no globogym.toml here (--config names one)"
                               : sources.file);
}

// Of a directory on which no server runs: its engine is opened for it.
std::vector<Finding> check_engine(const Config& config) {
  const auto broken = [](std::string why) -> std::vector<Finding> {
    return {{"engine", State::problem, std::move(why)}};
  };
  const std::string& data = config.service.data;
  std::error_code ignored;
  if (auto may = engine_may_be_opened(data); !may) return broken(may.error().message);
  if (!std::filesystem::exists(engine_directory(data), ignored))
    return {{"engine", State::ok, "empty; will be created at the first start"}};
  auto operations = Operations::reach(config, Operations::Missing::is_error);
  if (!operations) return broken(operations.error().message);
  auto answer = (*operations)->ask("GET", "/admin/v1/health");
  if (!answer) return broken(answer.error().message);
  auto json = JsonDocument::parse(answer->body);
  if (!json) return broken("the server's answer is not understood; is it another version?");
  const std::string problem = json->root().text("problem");
  const auto can_commit = json->root().find("canCommit");
  std::vector<Finding> findings;
  if (!problem.empty() || !can_commit || !can_commit->boolean().value_or(false))
    findings = broken(problem.empty() ? "it cannot keep anything now" : problem);
  else
    findings.push_back({"engine", State::ok, "opens; no server runs here"});
  if (const auto audit = json->root().find("audit")) {
    Finding trail = about(
        {.problem = audit->text("problem"), .unreadable = audit->text("unreadable"), .damage = audit->text("damage")},
        audit_directory(data));
    if (trail.state == State::ok)
      trail.detail = "it can be written, and its end is as it was written; `globogym verify` looks at all of it";
    findings.push_back(std::move(trail));
  }
  return findings;
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

std::vector<Finding> looked_at_from_here(const Context& context, Server server) {
  const Config& config = context.config.values;
  std::vector<Finding> findings;
  findings.push_back({"configuration", State::ok, "every key is known and within its range"});
  for (const auto& warning : context.config.warnings) findings.push_back({"configuration", State::note, warning});
  for (auto& finding : check_surroundings(config)) findings.push_back(std::move(finding));
  // Where a server may run its engine is its own, and its addresses are taken by it.
  if (server == Server::none) {
    for (auto& finding : check_engine(config)) findings.push_back(std::move(finding));
    for (const auto& address : config.gateway.listen)
      findings.push_back(check_port("public address", address, "--listen"));
    for (const auto& address : config.admin.listen) findings.push_back(check_port("admin address", address, "--admin"));
  }
  async::AsioLoop loop;
  findings.push_back(async::run_until_done(loop, check_mail(config, false)));
  findings.push_back(async::run_until_done(loop, check_issuer(config)));
  findings.push_back(check_clock());
  return findings;
}

}  // namespace

int doctor(const Context& context) {
  const std::string& data = context.config.values.service.data;
  auto server = server_is_running(data) ? Server::answers : Server::none;
  std::vector<Finding> findings;
  if (auto may = may_be_looked_into(data); !may) {
    server = Server::not_known;
    findings.push_back({"server", State::problem, may.error().message});
  } else if (server == Server::answers) {
    auto told = asked_of_the_server(context.config.values);
    if (told) {
      findings = std::move(*told);
    } else {
      server = Server::hangs;
      findings.push_back({"server", State::problem, told.error().message});
    }
  }
  if (server != Server::answers)
    for (auto& finding : looked_at_from_here(context, server)) findings.push_back(std::move(finding));
  const std::string scope = looked_at(context, server);
  findings.insert(findings.begin(), {"looked at", server == Server::answers ? State::ok : State::note, scope});

  const bool healthy = std::ranges::none_of(findings, [](const auto& each) { return each.state == State::problem; });
  if (context.json) {
    JsonWriter json;
    json.object()
        .member("ok", healthy)
        .member("serverRuns", server == Server::not_known
                                  ? std::nullopt
                                  : std::optional(server == Server::answers || server == Server::hangs))
        .key("checks");
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
                 looked_at(context, Server::answers).c_str());
  show_values(context, in_force);
  if (const auto warnings = json->root().find("warnings"))
    for (const auto& warning : warnings->elements())
      std::fprintf(stderr, "globogym: %s\n", std::string(warning.string().value_or("")).c_str());
  return done;
}

}  // namespace

int explain_config(const Context& context) {
  const std::string& data = context.config.values.service.data;
  if (server_is_running(data)) return explain_what_is_in_force(context);
  const auto server = may_be_looked_into(data) ? Server::none : Server::not_known;
  if (!context.json) std::fprintf(stderr, "Looked at: %s.\n", looked_at(context, server).c_str());
  show_values(context, context.config.effective);
  for (const auto& warning : context.config.warnings) std::fprintf(stderr, "globogym: %s\n", warning.c_str());
  return done;
}

}  // namespace globogym::app::cli
