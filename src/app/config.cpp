#include "app/config.h"

#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/listener_tls.h"
#include "app/service_links.h"
#include "app/settings.h"
#include "base/assert.h"
#include "base/text.h"

namespace globogym::app {
namespace {

using Origins = std::map<std::string, std::string>;

std::unexpected<Error> wrong(std::string message) {
  return fail(Fault::invalid, std::move(message));
}

std::string kind_name(Setting::Kind kind) {
  switch (kind) {
    case Setting::Kind::number:
      return "a whole number, without quotes";
    case Setting::Kind::list:
      return "a list of texts, such as [\"a\", \"b\"]";
    case Setting::Kind::one_or_list:
      return "a text in quotes, or a list of such";
    case Setting::Kind::text:
      break;
  }
  return "a text in quotes";
}

// The node as the text a Setting reads; nothing when it is of another kind.
std::optional<std::string> written(const toml::node& node, Setting::Kind kind) {
  switch (kind) {
    case Setting::Kind::text:
      return node.value_exact<std::string>();
    case Setting::Kind::number: {
      const auto number = node.value_exact<std::int64_t>();
      if (!number) return std::nullopt;
      return std::to_string(*number);
    }
    case Setting::Kind::one_or_list:
      if (auto one = node.value_exact<std::string>()) return one;
      [[fallthrough]];
    case Setting::Kind::list: {
      const auto* array = node.as_array();
      if (!array) return std::nullopt;
      std::string out;
      for (const auto& entry : *array) {
        const auto text = entry.value_exact<std::string>();
        if (!text || text->find(',') != std::string::npos) return std::nullopt;
        out += (out.empty() ? "" : ",") + *text;
      }
      return out;
    }
  }
  return std::nullopt;
}

class File {
 public:
  File(std::string path, Config& config, Origins& origins)
      : path_(std::move(path)), config_(config), origins_(origins) {}

  Result<void> read(const toml::table& root) {
    for (const auto& [name, node] : root) {
      const std::string section(name.str());
      if (section == "clubs" || section == "plans") {
        auto entries = section == "clubs" ? read_clubs(node) : read_plans(node);
        if (!entries) return entries;
        continue;
      }
      if (!node.is_table()) return unknown(section, name.source());
      for (const auto& [key, value] : *node.as_table()) {
        auto set = read_value(section + "." + std::string(key.str()), value, key.source());
        if (!set) return set;
      }
      if (node.as_table()->empty() && !known_section(section)) return unknown(section, name.source());
    }
    return {};
  }

 private:
  static bool known_section(std::string_view section) {
    return std::ranges::any_of(settings(), [&](const Setting& setting) { return setting.section() == section; });
  }

  std::string at(const toml::source_region& source) const { return path_ + ":" + std::to_string(source.begin.line); }

  std::unexpected<Error> unknown(const std::string& name, const toml::source_region& source) const {
    std::vector<std::string_view> known = {"clubs", "plans"};
    for (const Setting& setting : settings()) known.push_back(setting.name);
    return wrong(at(source) + ": unknown key " + name + "; did you mean " + std::string(nearest(name, known)) + "?");
  }

  Result<void> read_value(const std::string& name, const toml::node& node, const toml::source_region& source) {
    const Setting* setting = find_setting(name);
    if (!setting) return unknown(name, source);
    const auto text = written(node, setting->kind);
    if (!text) return wrong(at(source) + ": " + name + " must be " + kind_name(setting->kind));
    if (auto problem = setting->set(config_, *text)) return wrong(at(source) + ": " + name + " " + *problem);
    origins_[name] = at(source);
    return {};
  }

  // Hands every [[name]] table to `take(table, key, node)`, which answers what is wrong with that member.
  template <class Begin, class Take>
  Result<void> read_entries(std::string_view name, const toml::node& node, Begin begin, Take take) {
    const auto* array = node.as_array();
    if (!array || array->empty())
      return wrong(at(node.source()) + ": write " + std::string(name) + " as [[" + std::string(name) +
                   "]] tables, at least one");
    for (const auto& entry : *array) {
      const auto* table = entry.as_table();
      if (!table) return wrong(at(entry.source()) + ": write it as a [[" + std::string(name) + "]] table");
      begin();
      for (const auto& [key, value] : *table)
        if (auto problem = take(key.str(), value); !problem.empty())
          return wrong(at(key.source()) + ": " + std::string(name) + "." + std::string(key.str()) + " " + problem);
    }
    origins_[std::string(name)] = at(node.source());
    return {};
  }

  static std::string take_text(const toml::node& node, std::string& out) {
    const auto text = node.value_exact<std::string>();
    if (!text || text->empty() || text->size() > 100) return "must be a text of 1 to 100 bytes";
    out = *text;
    return "";
  }

  // A text, or one for each language: `name = "…"`, or `name.en = "…"` and `name.de = "…"`. Who speaks none of them
  // gets the English one, or else the one that stands first. `lines`: it may have several.
  static std::string take_local(const toml::node& node, domain::LocalText& out, std::size_t most, bool lines) {
    const auto fits = [&](const toml::node& one) {
      const auto text = one.value_exact<std::string>();
      return text && !text->empty() && text->size() <= most && is_utf8(*text) &&
             std::ranges::none_of(*text, [&](char c) {
               return (static_cast<unsigned char>(c) < 0x20 && !(lines && c == '\n')) || c == 0x7f;
             });
    };
    const std::string expected = "must be a text of 1 to " + std::to_string(most) + " bytes" +
                                 (lines ? "" : " on one line") + ", or one for each language, such as .en and .de";
    const auto* table = node.as_table();
    if (!table) {
      if (!fits(node)) return expected;
      out = domain::LocalText(*node.value_exact<std::string>());
      return "";
    }
    std::vector<std::string> languages;
    for (const auto& locale : domain::Catalogue().locales) {
      languages.push_back(locale);
      languages.push_back(locale.substr(0, locale.find('-')));
    }
    const toml::key* usual = nullptr;
    for (const auto& [language, text] : *table) {
      if (std::ranges::find(languages, language.str()) == languages.end())
        return "." + std::string(language.str()) + " is no language of ours; did you mean " +
               std::string(nearest(language.str(), {languages.begin(), languages.end()})) + "?";
      if (!fits(text)) return expected;
      const auto before = [&] {
        const auto &a = language.source().begin, &b = usual->source().begin;
        return a.line < b.line || (a.line == b.line && a.column < b.column);
      };
      if (!usual || language.str() == "en" || (usual->str() != "en" && before())) usual = &language;
    }
    if (!usual) return expected;
    out = domain::LocalText(*table->get(usual->str())->value_exact<std::string>());
    for (const auto& [language, text] : *table)
      if (language.str() != usual->str()) out.set(std::string(language.str()), *text.value_exact<std::string>());
    return "";
  }

  static std::string unknown_member(std::string_view key, const std::vector<std::string_view>& known) {
    return "is unknown; did you mean " + std::string(nearest(key, known)) + "?";
  }

  // Of the table number `index` of an array of tables.
  static const toml::source_region& source_of(const toml::node& array, std::ptrdiff_t index) {
    return (*array.as_array())[static_cast<std::size_t>(index)].source();
  }

  template <class Entries>
  Result<void> check_ids(std::string_view name, const toml::node& node, const Entries& entries) const {
    for (auto entry = entries.begin(); entry != entries.end(); ++entry) {
      if (entry->id.empty() || entry->name.empty())
        return wrong(at(source_of(node, entry - entries.begin())) + ": every [[" + std::string(name) +
                     "]] needs an id and a name");
      if (std::any_of(entries.begin(), entry, [&](const auto& before) { return before.id == entry->id; }))
        return wrong(at(source_of(node, entry - entries.begin())) + ": the id " + entry->id + " stands twice in [[" +
                     std::string(name) + "]]");
    }
    return {};
  }

  Result<void> read_clubs(const toml::node& node) {
    auto& clubs = config_.catalogue.clubs;
    clubs.clear();
    auto read = read_entries(
        "clubs", node, [&] { clubs.emplace_back(); },
        [&](std::string_view key, const toml::node& value) -> std::string {
          if (key == "id") return take_text(value, clubs.back().id);
          if (key == "name") return take_local(value, clubs.back().name, 100, false);
          if (key == "address") return take_local(value, clubs.back().address, 500, true);
          if (key == "hours") return take_local(value, clubs.back().hours, 500, true);
          if (key == "minimum_age") {
            const auto age = value.value_exact<std::int64_t>();
            if (!age || *age < 0 || *age > 120) return "must be a whole number, 0 to 120";
            clubs.back().minimum_age = static_cast<int>(*age);
            return "";
          }
          if (key == "time_zone") {
            clubs.back().time_zone = TimeZone(value.value_exact<std::string>().value_or(""));
            if (!clubs.back().time_zone.known())
              return "must be an IANA time zone that this machine knows (package tzdata), such as \"Europe/London\"";
            return "";
          }
          return unknown_member(key, {"id", "name", "minimum_age", "time_zone", "address", "hours"});
        });
    if (!read) return read;
    return check_ids("clubs", node, clubs);
  }

  Result<void> read_plans(const toml::node& node) {
    auto& plans = config_.catalogue.plans;
    plans.clear();
    auto read = read_entries(
        "plans", node, [&] { plans.emplace_back(); },
        [&](std::string_view key, const toml::node& value) -> std::string {
          if (key == "id") return take_text(value, plans.back().id);
          if (key == "name") return take_local(value, plans.back().name, 100, false);
          if (key == "price") return take_local(value, plans.back().price, 100, false);
          if (key == "term") return take_local(value, plans.back().term, 100, false);
          return unknown_member(key, {"id", "name", "price", "term"});
        });
    if (!read) return read;
    return check_ids("plans", node, plans);
  }

  std::string path_;
  Config& config_;
  Origins& origins_;
};

Result<void> read_file(const std::string& path, Config& config, Origins& origins, std::string& text) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return wrong(path + " is a directory; name a configuration file");
  std::ifstream in(path);
  if (!in) return wrong("cannot read the configuration " + path + ": " + std::strerror(errno));
  std::ostringstream content;
  content << in.rdbuf();
  try {
    text = content.str();
    const toml::table root = toml::parse(text, path);
    return File(path, config, origins).read(root);
  } catch (const toml::parse_error& error) {
    return wrong(path + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description()));
  }
}

// Whether GLOBOGYM_SECTION_KEY has a section that is, or nearly is, one of ours: a mistake that must not pass. Any
// other name may belong to somebody else's tool.
bool means_a_setting(std::string_view variable) {
  variable.remove_prefix(std::string_view("GLOBOGYM_").size());
  const auto underscore = variable.find('_');
  if (underscore == std::string_view::npos) return false;
  std::string section(variable.substr(0, underscore));
  std::ranges::transform(section, section.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::ranges::any_of(settings(),
                             [&](const Setting& setting) { return edits(section, setting.section()) <= 2; });
}

Result<void> read_environment(const std::map<std::string, std::string>& environment, Config& config, Origins& origins,
                              std::vector<std::string>& warnings) {
  std::vector<std::string> names;
  for (const Setting& setting : settings()) names.push_back(setting.variable());
  for (const auto& [variable, value] : environment) {
    if (!variable.starts_with("GLOBOGYM_")) continue;
    const auto found = std::ranges::find(names, variable);
    if (found == names.end()) {
      if (is_service_link(variable, value)) continue;
      const std::string hint = "unknown environment variable " + variable + "; did you mean " +
                               std::string(nearest(variable, {names.begin(), names.end()})) + "?";
      if (means_a_setting(variable)) return wrong(hint);
      warnings.push_back(hint);
      continue;
    }
    // Compose files and charts write every variable and leave empty what nobody chose: that is not set, whichever key.
    if (value.empty()) continue;
    const Setting& setting = settings()[static_cast<std::size_t>(found - names.begin())];
    if (auto problem = setting.set(config, value))
      return wrong("environment " + variable + ": " + setting.name + " " + *problem);
    origins[setting.name] = "environment " + variable;
  }
  return {};
}

Result<void> check_together(const Config& config) {
  for (const auto& club : config.catalogue.clubs)
    if (!club.time_zone.known())
      return wrong("this machine does not know " + club.time_zone.name() + ", the time zone of " + club.id +
                   "; install the package tzdata");
  if (config.retry.first_delay > config.retry.max_delay)
    return wrong("retry.first_delay is longer than retry.max_delay; make it at most " + text(config.retry.max_delay));
  for (const auto& address : config.gateway.listen)
    if (std::ranges::find(config.admin.listen, address) != config.admin.listen.end() && !address.ends_with(":0"))
      return wrong("gateway.listen and admin.listen are both " + address +
                   "; the console never shares the public socket: give them different ports");
  if (!config.auth.issuer.empty() && config.auth.audience.empty())
    return wrong(
        "auth.issuer is set, but auth.audience is not: without it every token of that issuer would be accepted, "
        "whomever it is for; set auth.audience to what this API is called there");
  if (config.auth.issuer.empty() && (!config.auth.audience.empty() || !config.auth.jwks_url.empty()))
    return wrong("auth.audience or auth.jwks_url is set, but auth.issuer is not: no token would be accepted; set it");
  // Serving in plain text what somebody configured to be encrypted would be a lie.
  if (config.tls.certificate.empty() != config.tls.key.empty())
    return wrong("tls.certificate and tls.key belong together; set both, or neither");
  if (config.tls.certificate.empty() && (!config.tls.client_ca.empty() || !config.tls.admin_client_ca.empty()))
    return wrong("a client authority is set, but clients can only be asked under TLS: set tls.certificate and tls.key");
  if (config.tls.certificate.empty() && config.admin.tls == AdminTls::on)
    return wrong("admin.tls is on, but there is no certificate to show: set tls.certificate and tls.key");
  if (const auto reachable = beyond_loopback(config.admin.listen); reachable && !admin_listener_uses_tls(config))
    return wrong("admin.listen is " + *reachable + ", which other machines may reach: there it needs TLS, " +
                 (config.tls.certificate.empty() ? "so set tls.certificate and tls.key" : "but admin.tls is off") +
                 "; or keep it on loopback, 127.0.0.1:8081");
  return {};
}

std::string flag_of(std::string_view key) {
  if (key == "gateway.listen") return "flag --listen";
  if (key == "admin.listen") return "flag --admin";
  if (key == "mail.url") return "flag --mail";
  return "flag --" + std::string(key.substr(key.find('.') + 1));
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "\"";
}

// `name = "…"`, or a table of languages; nothing when there is no text.
std::string toml_line(std::string_view key, const domain::LocalText& text) {
  if (text.empty()) return {};
  std::string value = toml_text(text.text());
  if (!text.translations().empty()) {
    value = "{ en = " + value;
    for (const auto& [language, said] : text.translations()) value += ", " + language + " = " + toml_text(said);
    value += " }";
  }
  return std::string(key) + " = " + value + "\n";
}

std::string toml_value(const Setting& setting, const std::string& value) {
  if (setting.kind == Setting::Kind::number) return value;
  const bool is_one = setting.kind == Setting::Kind::one_or_list && !value.contains(',');
  if (setting.kind == Setting::Kind::text || is_one) return toml_text(value);
  std::string out = "[";
  std::istringstream entries(value);
  for (std::string entry; std::getline(entries, entry, ',');) out += (out.size() > 1 ? ", " : "") + toml_text(entry);
  return out + "]";
}

std::string section_title(std::string_view section) {
  if (section == "service") return "The process itself.";
  if (section == "gateway") return "The public listener.";
  if (section == "admin") return "The operations listener.";
  if (section == "auth") return "Tokens of an identity provider.";
  if (section == "limits") return "How much is taken from whom: \"100/s burst 200\" or \"off\".";
  if (section == "signup") return "Sign-ups from web pages, by whoever is there.";
  if (section == "tls") return "TLS on the listeners.";
  if (section == "engine") return "What keeps everything.";
  if (section == "functions") return "The work after the 202.";
  if (section == "mail") return "Letters.";
  if (section == "retry") return "Pauses between attempts.";
  return "What can be seen from outside.";
}

}  // namespace

Result<LoadedConfig> load_config(const ConfigSources& sources) {
  LoadedConfig loaded;
  Config& config = loaded.values;
  Origins origins;

  std::string file = sources.file;
  if (std::error_code ignored; file.empty() && std::filesystem::exists("globogym.toml", ignored))
    file = "globogym.toml";
  loaded.sources = sources;
  if (!file.empty()) {
    if (auto read = read_file(file, config, origins, loaded.file_text); !read) return std::unexpected(read.error());
    std::error_code ignored;
    loaded.sources.file = std::filesystem::absolute(file, ignored).lexically_normal().string();
  }
  if (auto read = read_environment(sources.environment, config, origins, loaded.warnings); !read)
    return std::unexpected(read.error());
  for (const auto& [name, value] : sources.flags) {
    const Setting* setting = find_setting(name);
    ASSERT(setting != nullptr);
    if (auto problem = setting->set(config, value)) return wrong(flag_of(name) + ": " + name + " " + *problem);
    origins[name] = flag_of(name);
  }
  if (auto together = check_together(config); !together) return std::unexpected(together.error());

  const Config defaults;
  for (const Setting& setting : settings()) {
    const auto origin = origins.find(setting.name);
    const std::string value = setting.get(config);
    loaded.effective.push_back({.key = setting.name,
                                .value = setting.secret ? without_password(value) : value,
                                .origin = origin == origins.end() ? "default" : origin->second,
                                .in_force = setting.in_force});
    if (!setting.in_force && value != setting.get(defaults))
      loaded.warnings.push_back(setting.name + " is set (" + loaded.effective.back().origin +
                                ") but not yet in force in this version");
  }
  for (const std::string name : {"clubs", "plans"}) {
    const auto origin = origins.find(name);
    const std::size_t count = name == "clubs" ? config.catalogue.clubs.size() : config.catalogue.plans.size();
    loaded.effective.push_back({.key = name,
                                .value = std::to_string(count) + " entries",
                                .origin = origin == origins.end() ? "default" : origin->second});
  }
  return loaded;
}

std::map<std::string, std::string> globogym_environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (text.starts_with("GLOBOGYM_") && equals != std::string_view::npos)
      out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

std::string sample_config() {
  const Config defaults;
  std::string out =
      "# GloboGym Enrollment: every key at its default.\n"
      "#\n"
      "# A key is overridden by its environment variable (GLOBOGYM_SECTION_KEY) unless that is empty, and both by a "
      "flag.\n"
      "# Durations: 250ms, 5s, 2m, 1h. Sizes: 16KiB, 256MiB. `globogym config explain` shows what is in effect.\n";
  std::string section;
  for (const Setting& setting : settings()) {
    if (setting.section() != section) {
      section = setting.section();
      out += "\n# " + section_title(section) + "\n[" + section + "]\n";
    }
    out += "# " + setting.about + ".\n" + setting.key() + " = " + toml_value(setting, setting.get(defaults)) + "\n";
  }
  out +=
      "\n# Where people can sign up. A person must be at least minimum_age years old. What day it is, is that of "
      "time_zone\n"
      "# (IANA; UTC when it is left out). The welcome letter tells address and hours, which may have several lines. "
      "Any of\n"
      "# these texts may be one for all, or one for each language: name = \"…\", or name.en = \"…\" and name.de = "
      "\"…\".\n";
  for (const auto& club : defaults.catalogue.clubs)
    out += "[[clubs]]\nid = " + toml_text(club.id) + "\n" + toml_line("name", club.name) +
           "minimum_age = " + std::to_string(club.minimum_age) + "\ntime_zone = " + toml_text(club.time_zone.name()) +
           "\n" + toml_line("address", club.address) + toml_line("hours", club.hours) + "\n";
  out +=
      "# What people can sign up for. Price and term are texts, too, for the sign-up page and the letter; nothing is "
      "charged.\n";
  for (const auto& plan : defaults.catalogue.plans)
    out += "[[plans]]\nid = " + toml_text(plan.id) + "\n" + toml_line("name", plan.name) +
           toml_line("price", plan.price) + toml_line("term", plan.term) + "\n";
  return out;
}

}  // namespace globogym::app
