// doctor: looks at everything the service depends on and says what to do about what is wrong.
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/cli/operations.h"
#include "app/cli/print.h"
#include "app/installation.h"
#include "app/letters.h"
#include "app/listener_tls.h"
#include "async/loop.h"
#include "async/stream.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/time_text.h"
#include "fetch/client.h"
#include "identity/tokens.h"
#include "mail/url.h"

namespace globogym::app::cli {
namespace {

using namespace std::chrono_literals;

enum class State { ok, note, problem };

struct Finding {
  std::string what;
  State state = State::ok;
  std::string detail;
};

std::string_view name(State state) {
  switch (state) {
    case State::ok:
      return "ok";
    case State::note:
      return "note";
    case State::problem:
      break;
  }
  return "PROBLEM";
}

Finding check_data(const Config& config) {
  const std::string& data = config.service.data;
  std::error_code ignored;
  const bool exists = std::filesystem::exists(data, ignored);
  std::string looked_at = data;
  if (!exists) {
    looked_at = std::filesystem::path(data).parent_path().string();
    if (looked_at.empty()) looked_at = ".";
  }
  if (::access(looked_at.c_str(), R_OK | W_OK | X_OK) != 0)
    return {
        "data directory", State::problem,
        looked_at + " cannot be written: " + std::strerror(errno) + "; run as its owner or choose another with --data"};
  struct stat status{};
  if (exists && ::stat(data.c_str(), &status) == 0 && (status.st_mode & 077) != 0)
    return {"data directory", State::problem,
            data + " can be opened by others, and holds personal data; run chmod 700 " + data};
  return {"data directory", State::ok, exists ? data + " can be written" : data + " will be created"};
}

Finding check_space(const Config& config) {
  struct statvfs disk{};
  std::error_code ignored;
  std::string path = config.service.data;
  if (!std::filesystem::exists(path, ignored)) path = std::filesystem::path(path).parent_path().string();
  if (path.empty()) path = ".";
  if (::statvfs(path.c_str(), &disk) != 0)
    return {"free space", State::problem, "cannot be read at " + path + ": " + std::strerror(errno)};
  const std::uint64_t mib = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize >> 20;
  const std::uint64_t reserve = config.engine.disk_reserve.bytes >> 20;
  const std::string detail = std::to_string(mib) + " MiB free, " + std::to_string(reserve) + " MiB kept in reserve";
  if (mib <= reserve)
    return {"free space", State::problem, detail + ": new sign-ups get 503; free some, or lower engine.disk_reserve"};
  if (mib < reserve * 4) return {"free space", State::note, detail};
  return {"free space", State::ok, detail};
}

Finding check_engine(const Config& config, bool running) {
  const std::string& data = config.service.data;
  std::error_code ignored;
  if (auto may = engine_may_be_opened(data); !running && !may) return {"engine", State::problem, may.error().message};
  if (!running && !std::filesystem::exists(engine_directory(data), ignored))
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
  return {"engine", State::ok,
          running ? "a server runs here and can keep what it accepts" : "opens; no server runs here"};
}

// One certificate for both listeners; each may ask its clients for one.
Finding check_tls(const Config& config) {
  const std::string what = "TLS";
  const auto open_to_all = beyond_loopback(config.gateway.listen);
  if (!public_listener_uses_tls(config) && config.admin.tls != AdminTls::on)
    return {what, open_to_all ? State::note : State::ok,
            open_to_all
                ? "off, and " + *open_to_all +
                      " may be reached from other machines: set tls.certificate and tls.key, or put a proxy that "
                      "ends TLS in front"
                : "off; the listeners are for this machine only"};
  const auto facts = http::Tls::examine({config.tls.certificate, config.tls.key, config.tls.client_ca});
  if (!facts) return {what, State::problem, facts.error().message};
  if (!config.tls.admin_client_ca.empty()) {
    const auto admin = http::Tls::examine({config.tls.certificate, config.tls.key, config.tls.admin_client_ca});
    if (!admin) return {what, State::problem, admin.error().message};
  }
  const WallTime now = SystemClock().wall();
  const auto days = std::chrono::duration_cast<std::chrono::days>(facts->not_after - now).count();
  const std::string detail =
      facts->names + " (" + facts->key + ", serial " + facts->serial + ") until " + rfc3339(facts->not_after);
  if (facts->not_after <= now)
    return {what, State::problem, detail + ": it has expired; put a new one in its place, it is taken up at once"};
  if (facts->not_before > now)
    return {what, State::problem, detail + ": it is not valid yet; is this machine's clock right?"};
  struct stat key{};
  if (::stat(config.tls.key.c_str(), &key) == 0 && (key.st_mode & 07) != 0)
    return {what, State::problem, config.tls.key + " can be read by everybody; run chmod o= " + config.tls.key};
  if (days < 14) return {what, State::note, detail + ": " + std::to_string(days) + " days left"};
  return {what, State::ok, detail};
}

Finding check_descriptors(const Config& config) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::string detail = std::to_string(limit.rlim_max) + " open files allowed";
  const std::uint64_t needed = config.gateway.max_connections + 1024ULL;  // see connections_that_fit()
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < needed)
    return {"open files", State::note,
            detail + ": fewer than gateway.max_connections needs (" + std::to_string(needed) +
                "); connections beyond are refused (ulimit -Hn)"};
  return {"open files", State::ok, detail};
}

Finding check_port(const std::string& what, const std::string& listen, const std::string& flag, bool running) {
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
  if (why == EADDRINUSE && running)
    return {what, State::ok, listen + " is in use, most likely by the server that runs here"};
  return {what, State::problem, listen + ": " + std::strerror(why) + "; choose another with " + flag};
}

// Reads the greeting; a server that greets is there, speaks SMTP and lets us in.
async::Task<Result<std::string>> greeting(async::Connector& connector, const mail::SmtpUrl& url) {
  auto stream = co_await connector.connect({.host = url.host, .port = url.port}, 5s);
  if (!stream) co_return std::unexpected(stream.error());
  if (url.tls == mail::Tls::from_the_start) {
    auto secured = co_await (*stream)->start_tls(url.host, 5s);
    if (!secured) co_return std::unexpected(secured.error());
  }
  char buffer[512];
  auto count = co_await (*stream)->read_some(buffer, 5s);
  if (!count) co_return std::unexpected(count.error());
  const std::string_view said(buffer, *count);
  const std::string line(said.substr(0, said.find_first_of("\r\n")));
  if (!line.starts_with("220")) co_return fail(Fault::unavailable, "it does not greet as a mail server");
  const std::string_view quit = "QUIT\r\n";
  auto written = co_await (*stream)->write_all(quit, 5s);
  if (written) {
    auto ignored = co_await (*stream)->read_some(buffer, 1s);
    (void)ignored;
  }
  co_return "answers";
}

Finding check_mail(const Config& config) {
  const auto url = mail::parse_mail_url(config.mail.url);
  if (!url) return {"mail", State::problem, url.error().message};
  if (const auto* outbox = std::get_if<mail::OutboxUrl>(&*url)) {
    const std::string where = outbox->directory.empty() ? outbox_directory(config.service.data) : outbox->directory;
    std::error_code ignored;
    if (std::filesystem::exists(where, ignored) && ::access(where.c_str(), W_OK | X_OK) != 0)
      return {"mail", State::problem, where + " cannot be written: " + std::strerror(errno)};
    return {"mail", State::note, "letters become files in " + where + "; nothing is sent (see --mail)"};
  }
  const auto& smtp = std::get<mail::SmtpUrl>(*url);
  const std::string server = smtp.host + ":" + std::to_string(smtp.port);
  auto connector = async::tcp_connector({.ca_file = config.mail.ca_file});
  async::AsioLoop loop;
  auto greeted = async::run_until_done(loop, greeting(*connector, smtp));
  if (!greeted)
    return {"mail", State::problem,
            server + ": " + greeted.error().message + "; sign-ups are still accepted, letters wait until it is back"};
  return {"mail", State::ok, server + " " + *greeted};
}

Finding check_letters(const Config& config) {
  const auto letters = read_letters(config);
  if (!letters) return {"letters", State::problem, letters.error().message};
  const std::string from = config.mail.templates.empty() ? "built in" : "templates of " + config.mail.templates;
  if (config.mail.imprint.empty())
    return {"letters", State::note, from + "; mail.imprint is not set: the letter does not say who its sender is"};
  return {"letters", State::ok, from};
}

Finding check_issuer(const Config& config) {
  const auto& auth = config.auth;
  if (auth.issuer.empty()) return {"token issuer", State::ok, "none is configured: API keys only"};
  auto client = fetch::open({.ca_file = auth.ca_file});
  if (!client) return {"token issuer", State::problem, client.error().message};
  async::AsioLoop loop;
  auto looked = async::run_until_done(
      loop, identity::look({.issuer = auth.issuer, .audience = auth.audience, .jwks_url = auth.jwks_url}, **client));
  if (!looked) return {"token issuer", State::problem, looked.error().message};
  return {"token issuer", State::ok,
          auth.issuer + " publishes " + std::to_string(looked->keys) + (looked->keys == 1 ? " key" : " keys") +
              " that can be used"};
}

// Whoever may sign up from elsewhere agrees to something: it should be there to be read.
Finding check_papers(const Config& config) {
  const std::string what = "terms";
  std::string missing;
  if (config.signup.terms_url.empty()) missing = "signup.terms_url";
  if (config.signup.privacy_url.empty())
    missing += (missing.empty() ? "" : " and ") + std::string("signup.privacy_url");
  if (missing.empty()) return {what, State::ok, "the sign-up page links to " + config.signup.terms_url};
  return {what, beyond_loopback(config.gateway.listen) ? State::note : State::ok,
          missing + (missing.contains(" and ") ? " are" : " is") +
              " not set: people who sign up on the page cannot read there what they agree to"};
}

Finding check_clock() {
  const WallTime now = SystemClock().wall();
  const auto year = std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(now)).year();
  if (year < std::chrono::year(2025) || year > std::chrono::year(2100))
    return {"clock", State::problem, "it says " + rfc3339(now) + "; set the machine's time"};
  return {"clock", State::ok, rfc3339(now)};
}

// The zones were read with the configuration; what is left to say is whose data they are, and who lives by none.
Finding check_time_zones(const Config& config) {
  std::vector<std::string> zones;
  std::string without;
  for (const auto& club : config.catalogue.clubs) {
    const auto& zone = club.time_zone.name();
    if (std::ranges::find(zones, zone) == zones.end()) zones.push_back(zone);
    if (zone == "UTC") without += (without.empty() ? "" : ", ") + club.id;
  }
  if (!without.empty()) return {"time zones", State::note, without + " live by UTC; set time_zone in [[clubs]]"};
  std::string all;
  for (const auto& zone : zones) all += (all.empty() ? "" : ", ") + zone;
  std::string version;  // "# version 2026a"
  std::getline(std::ifstream("/usr/share/zoneinfo/tzdata.zi"), version);
  const auto at = version.rfind(' ');
  return {"time zones", State::ok, all + (at == std::string::npos ? "" : " (tzdata" + version.substr(at) + ")")};
}

}  // namespace

int doctor(const Context& context) {
  const Config& config = context.config.values;
  const bool running = server_is_running(config.service.data);
  std::vector<Finding> findings;
  findings.push_back({"configuration", State::ok, "every key is known and within its range"});
  for (const auto& warning : context.config.warnings) findings.push_back({"configuration", State::note, warning});
  findings.push_back(check_data(config));
  findings.push_back(check_space(config));
  findings.push_back(check_engine(config, running));
  for (const auto& address : config.gateway.listen)
    findings.push_back(check_port("public address", address, "--listen", running));
  for (const auto& address : config.admin.listen)
    findings.push_back(check_port("admin address", address, "--admin", running));
  findings.push_back(check_tls(config));
  findings.push_back(check_papers(config));
  findings.push_back(check_time_zones(config));
  findings.push_back(check_mail(config));
  findings.push_back(check_letters(config));
  findings.push_back(check_issuer(config));
  findings.push_back(check_descriptors(config));
  findings.push_back(check_clock());

  bool healthy = true;
  for (const auto& finding : findings) healthy = healthy && finding.state != State::problem;
  if (context.json) {
    JsonWriter json;
    json.object().member("ok", healthy).key("checks").array();
    for (const auto& finding : findings)
      json.object()
          .member("what", finding.what)
          .member("state", finding.state == State::problem ? "problem" : name(finding.state))
          .member("detail", finding.detail)
          .end();
    json.end().end();
    print(json.take());
  } else {
    Table table({"CHECK", "STATE", "DETAIL"});
    for (const auto& finding : findings) table.row({finding.what, std::string(name(finding.state)), finding.detail});
    table.print("");
  }
  return healthy ? done : answer_is_no;
}

}  // namespace globogym::app::cli
