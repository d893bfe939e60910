// The configuration: every value the service runs on, typed and within its range, and where each came from.
//
// Three sources, the later wins: the file (globogym.toml), the environment (GLOBOGYM_SECTION_KEY), the flags. An empty
// variable is not set. A key nobody knows is an error that names the nearest known one: a mistyped limit must not
// become no limit. What an orchestrator sets beside our variables is no key of ours (service_links.h). The names,
// ranges and descriptions of all keys stand in one table (settings.cpp), from which the documented sample is written
// and `config explain` reads.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/quantity.h"
#include "base/clock.h"
#include "base/result.h"
#include "domain/catalogue.h"
#include "telemetry/log.h"

namespace globogym::app {

enum class Role { all, gateway, worker };
enum class AdminTls { automatic, on, off };
enum class AdminCredentials { automatic, required };

struct Config {
  struct Service {
    std::string data = "./data";
    Role role = Role::all;
    Duration shutdown_time = std::chrono::seconds(8);
    bool operator==(const Service&) const = default;
  } service;
  struct Gateway {
    std::vector<std::string> listen = {"127.0.0.1:8080"};  // one at least
    std::uint32_t threads = 0;                             // 0: one a core
    Size max_body{16 * 1024};
    Size max_header{16 * 1024};
    std::uint32_t max_connections = 20'000;
    std::uint32_t max_connections_per_address = 1'000;
    Duration header_time = std::chrono::seconds(10);
    Duration idle_time = std::chrono::seconds(75);
    std::vector<std::string> trusted_proxies;
    std::vector<std::string> allowed_origins;
    bool operator==(const Gateway&) const = default;
  } gateway;
  struct Admin {
    std::vector<std::string> listen = {"127.0.0.1:8081"};  // one at least
    std::vector<std::string> hosts;  // names the console may be reached by besides loopback and `listen`
    AdminTls tls = AdminTls::automatic;
    AdminCredentials credentials = AdminCredentials::automatic;
    bool operator==(const Admin&) const = default;
  } admin;
  struct Auth {
    std::string issuer, audience, jwks_url, ca_file;
    bool operator==(const Auth&) const = default;
  } auth;
  struct Limits {
    Rate per_key;
    Rate per_address{.off = false, .per_second = 50, .burst = 200};
    Rate per_email_domain;
    Rate global;
    bool operator==(const Limits&) const = default;
  } limits;
  struct SignUp {
    std::uint32_t proof_bits = 16;
    Rate per_address{.off = false, .per_second = 0.5, .burst = 60};
    Rate per_email_domain{.off = false, .per_second = 10, .burst = 1000};
    std::string terms_url, privacy_url;
    bool operator==(const SignUp&) const = default;
  } signup;
  struct Tls {
    std::string certificate, key, client_ca, admin_client_ca;
    Duration hsts = std::chrono::hours(24 * 365);  // zero: off
    bool operator==(const Tls&) const = default;
  } tls;
  struct Engine {
    std::string kind = "rocksdb";
    Size disk_reserve{256ULL << 20};
    Size queue_window{8ULL << 20};
    Size write_buffer{32ULL << 20};
    Size cache{16ULL << 20};
    bool operator==(const Engine&) const = default;
  } engine;
  struct Functions {
    std::uint32_t max_concurrency = 256;
    std::uint32_t threads = 0;  // 0: as the machine has cores
    bool operator==(const Functions&) const = default;
  } functions;
  struct Mail {
    std::string url = "outbox:";
    std::string from = "GloboGym <welcome@globogym.example>";
    std::string reply_to;               // empty: to `from`
    std::string imprint;                // may have several lines
    std::string templates;              // a directory; empty: the built-in letters
    std::uint32_t max_attempts = 1000;  // a bound only: give_up_after ends it long before
    Duration deferral_delay = std::chrono::minutes(1);
    Duration give_up_after = std::chrono::days(4);  // RFC 5321 section 4.5.4.1: four to five days
    std::uint32_t connections = 16;
    Duration connect_time = std::chrono::seconds(10);
    Duration reply_time = std::chrono::seconds(30);
    Duration accept_time = std::chrono::minutes(10);  // RFC 5321 section 4.5.3.2.6
    std::string hello_name;
    std::string ca_file;
    bool operator==(const Mail&) const = default;
  } mail;
  struct Retry {
    Duration first_delay = std::chrono::seconds(1);
    Duration max_delay = std::chrono::minutes(5);
    bool operator==(const Retry&) const = default;
  } retry;
  struct Telemetry {
    log::Level log_level = log::Level::info;
    bool operator==(const Telemetry&) const = default;
  } telemetry;
  domain::Catalogue catalogue = domain::sample_catalogue();
};

// A key as it stands: "gateway.listen", its value as text (secrets masked), and where it came from.
struct EffectiveValue {
  std::string key;
  std::string value;
  std::string origin;  // "default", "globogym.toml:12", "environment GLOBOGYM_…", "flag --listen"
  bool in_force = true;
};

struct ConfigSources {
  std::string file;  // empty: `globogym.toml` in the working directory when there is one
  std::map<std::string, std::string> environment;
  std::vector<std::pair<std::string, std::string>> flags;  // key ("gateway.listen"), value
};

struct LoadedConfig {
  Config values;
  std::vector<EffectiveValue> effective;  // every key, in the order of the sample
  std::vector<std::string> warnings;      // sentences for the log: what is set and does nothing yet
  ConfigSources sources;                  // these; the file by its whole path, empty when there was none
  std::string file_text;                  // what stood in it
};

// invalid: the message says which key, in which file and line or variable or flag, and what would be right.
Result<LoadedConfig> load_config(const ConfigSources& sources);

// The variables of this process that start with GLOBOGYM_.
std::map<std::string, std::string> globogym_environment();

// A commented file with every key at its default; reading it gives the defaults.
std::string sample_config();

}  // namespace globogym::app
