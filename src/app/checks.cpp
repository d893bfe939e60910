#include "app/checks.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "app/installation.h"
#include "app/letters.h"
#include "app/listener_tls.h"
#include "app/settings.h"
#include "async/stream.h"
#include "base/time_text.h"
#include "fetch/client.h"
#include "identity/tokens.h"
#include "mail/smtp/mailer.h"
#include "mail/smtp/session.h"
#include "mail/url.h"

namespace globogym::app {
namespace {

using namespace std::chrono_literals;
using State = Finding::State;

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

// Whoever may sign up from elsewhere agrees to something: it should be there to be read.
Finding check_papers(const Config& config) {
  const std::string what = "terms";
  std::string missing;
  if (config.signup.terms_url.empty()) missing = "signup.terms_url";
  if (config.signup.privacy_url.empty())
    missing += (missing.empty() ? "" : " and ") + std::string("signup.privacy_url");
  if (missing.empty()) return {what, State::ok, "the sign-up page links to " + config.signup.terms_url};
  return {what, State::note,
          missing + (missing.contains(" and ") ? " are" : " is") +
              " not set: people who sign up on the page cannot read there what they agree to"};
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

Finding check_letters(const Config& config) {
  const auto writer = letter_writer(config);
  if (!writer) return {"letters", State::problem, writer.error().message};
  const std::string from = config.mail.templates.empty() ? "built in" : "templates of " + config.mail.templates;
  if (config.mail.imprint.empty())
    return {"letters", State::note, from + "; mail.imprint is not set: the letter does not say who its sender is"};
  return {"letters", State::ok, from};
}

// What a mail server says to us up to the point where a letter would be handed over.
async::Task<Result<std::string>> conversation(async::Connector& connector, const mail::SmtpUrl& url,
                                              const std::string& client_name) {
  const mail::smtp::TimeLimits limits{.connect = 5s, .greeting = 5s, .command = 5s};
  mail::smtp::Session session(connector, url, limits, client_name);
  auto opened = co_await session.open();
  if (!opened) {
    session.close();
    co_return std::unexpected(opened.error());
  }
  co_await session.quit();
  std::string said = "greets us";
  if (!url.user.empty()) said += " and takes our password";
  co_return said;
}

}  // namespace

std::string_view name(State state) {
  switch (state) {
    case State::ok:
      return "ok";
    case State::note:
      return "note";
    case State::problem:
      break;
  }
  return "problem";
}

void write_findings(JsonWriter& json, const std::vector<Finding>& findings) {
  json.array();
  for (const auto& finding : findings)
    json.object()
        .member("what", finding.what)
        .member("state", name(finding.state))
        .member("detail", finding.detail)
        .end();
  json.end();
}

std::vector<Finding> check_surroundings(const Config& config) {
  return {check_data(config),       check_space(config),   check_tls(config),        check_papers(config),
          check_time_zones(config), check_letters(config), check_descriptors(config)};
}

async::Task<Finding> check_mail(const Config& config, bool serves) {
  const auto url = mail::parse_mail_url(config.mail.url);
  if (!url) co_return Finding{"mail", State::problem, url.error().message};
  if (const auto* outbox = std::get_if<mail::OutboxUrl>(&*url)) {
    const std::string where = outbox->directory.empty() ? outbox_directory(config.service.data) : outbox->directory;
    std::error_code ignored;
    const bool exists = std::filesystem::is_directory(where, ignored);
    if (serves && !exists)
      co_return Finding{"mail", State::problem,
                        "the outbox " + where + " is gone: letters wait until it is put back, or made anew, mode 0700"};
    if (exists && ::access(where.c_str(), W_OK | X_OK) != 0)
      co_return Finding{"mail", State::problem,
                        where + " cannot be written: " + std::strerror(errno) +
                            "; letters wait until it can: make it ours, mode 0700"};
    co_return Finding{"mail", State::note, "letters become files in " + where + "; nothing is sent (see --mail)"};
  }
  const auto& smtp = std::get<mail::SmtpUrl>(*url);
  const std::string server = smtp.host + ":" + std::to_string(smtp.port);
  auto connector = async::tcp_connector({.ca_file = config.mail.ca_file});
  auto greeted = co_await conversation(
      *connector, smtp, config.mail.hello_name.empty() ? mail::smtp::this_machine() : config.mail.hello_name);
  if (!greeted) {
    std::string why = greeted.error().message;
    if (!why.contains(server)) why = server + ": " + why;
    co_return Finding{"mail", State::problem,
                      why + "; sign-ups are still accepted, letters wait until it takes them again"};
  }
  co_return Finding{"mail", State::ok, server + " " + *greeted};
}

async::Task<Finding> check_issuer(const Config& config) {
  const auto& auth = config.auth;
  if (auth.issuer.empty()) co_return Finding{"token issuer", State::ok, "none is configured: API keys only"};
  auto client = fetch::open({.ca_file = auth.ca_file});
  if (!client) co_return Finding{"token issuer", State::problem, client.error().message};
  auto looked =
      co_await identity::look({.issuer = auth.issuer, .audience = auth.audience, .jwks_url = auth.jwks_url}, **client);
  if (!looked) co_return Finding{"token issuer", State::problem, looked.error().message};
  co_return Finding{"token issuer", State::ok,
                    auth.issuer + " publishes " + std::to_string(looked->keys) +
                        (looked->keys == 1 ? " key" : " keys") + " that can be used"};
}

Finding check_clock() {
  const WallTime now = SystemClock().wall();
  const auto year = std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(now)).year();
  if (year < std::chrono::year(2025) || year > std::chrono::year(2100))
    return {"clock", State::problem, "it says " + rfc3339(now) + "; set the machine's time"};
  return {"clock", State::ok, rfc3339(now)};
}

Finding about(const audit::Condition& condition, const std::string& directory) {
  const std::string what = "audit trail";
  if (!condition.problem.empty())
    return {
        what, State::problem,
        condition.problem + "; until one can be written nothing is changed and nobody's data is shown; sign-ups go on"};
  if (!condition.unreadable.empty())
    return {what, State::problem, "what stands there cannot be looked at: " + condition.unreadable};
  if (!condition.damage.empty())
    return {what, State::problem,
            "it does not check: " + condition.damage + "; leave " + directory +
                " as it is and look into it (docs/security.md); `globogym audit --verify` reads all of it"};
  return {what, State::ok,
          condition.looked_through ? "it can be written, and is as it was written"
                                   : "it can be written; that it is as it was written is being looked at"};
}

Finding check_configuration(const LoadedConfig& started) {
  const std::string what = "configuration";
  const std::string file =
      started.sources.file.empty() ? "defaults, environment and flags; no file" : started.sources.file;
  auto now = load_config(started.sources);
  if (!now)
    return {what, State::problem,
            now.error().message + "; the server runs on what it read at its start, and would not start again"};
  std::string changed;
  for (const Setting& setting : settings())
    if (setting.get(now->values) != setting.get(started.values))
      changed += (changed.empty() ? "" : ", ") + setting.name;
  if (changed.empty() && now->file_text != started.file_text) changed = "its clubs, plans or comments";
  if (!changed.empty())
    return {what, State::note,
            file + " has changed since the server started (" + changed +
                "): what is in force is what it read then; "
                "restart to take up the change"};
  return {what, State::ok, "as the server read it at its start: " + file};
}

}  // namespace globogym::app
