#include "app/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "app/settings.h"
#include "base/result_test.h"

namespace globogym::app {
namespace {

class ConfigFile {
 public:
  explicit ConfigFile(std::string_view content) {
    char name[] = "/tmp/globogym-config-XXXXXX";
    const int file = ::mkstemp(name);
    EXPECT_GE(file, 0);
    ::close(file);
    path_ = name;
    std::ofstream(path_) << content;
  }
  ~ConfigFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string problem_of(std::string_view content) {
  ConfigFile file(content);
  auto loaded = load_config({.file = file.path()});
  return loaded ? "" : loaded.error().message;
}

const EffectiveValue& effective(const LoadedConfig& config, std::string_view key) {
  for (const auto& value : config.effective)
    if (value.key == key) return value;
  ADD_FAILURE() << key << " is not among the effective values";
  return config.effective.front();
}

TEST(Config, flags_win_over_the_environment_which_wins_over_the_file) {
  ConfigFile file("[gateway]\nlisten = \"127.0.0.1:1\"\nthreads = 3\n[admin]\nlisten = \"127.0.0.1:2\"\n");

  auto loaded = load_config(
      {.file = file.path(),
       .environment = {{"GLOBOGYM_GATEWAY_LISTEN", "127.0.0.1:10"}, {"GLOBOGYM_ADMIN_LISTEN", "127.0.0.1:20"}},
       .flags = {{"gateway.listen", "127.0.0.1:100"}}});

  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->values.gateway.listen, std::vector<std::string>{"127.0.0.1:100"});
  EXPECT_EQ(loaded->values.admin.listen, std::vector<std::string>{"127.0.0.1:20"});
  EXPECT_EQ(loaded->values.gateway.threads, 3u);
  EXPECT_EQ(effective(*loaded, "gateway.listen").origin, "flag --listen");
  EXPECT_EQ(effective(*loaded, "admin.listen").origin, "environment GLOBOGYM_ADMIN_LISTEN");
  EXPECT_EQ(effective(*loaded, "gateway.threads").origin, file.path() + ":3");
  EXPECT_EQ(effective(*loaded, "gateway.max_body").origin, "default");
}

TEST(Config, a_listener_has_one_address_or_several_however_they_are_written) {
  const std::vector<std::string> both = {"127.0.0.1:80", "[::1]:80"};
  ConfigFile list("[gateway]\nlisten = [\"127.0.0.1:80\", \"[::1]:80\"]\n");
  ConfigFile text("[gateway]\nlisten = \"127.0.0.1:80, [::1]:80\"\n");

  for (const auto& loaded : {load_config({.file = list.path()}), load_config({.file = text.path()}),
                             load_config({.environment = {{"GLOBOGYM_GATEWAY_LISTEN", "127.0.0.1:80,[::1]:80"}}}),
                             load_config({.flags = {{"gateway.listen", "127.0.0.1:80, [::1]:80"}}})}) {
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(loaded->values.gateway.listen, both);
    EXPECT_EQ(effective(*loaded, "gateway.listen").value, "127.0.0.1:80,[::1]:80");
  }
}

TEST(Config, the_documented_sample_reads_back_as_the_defaults) {
  ConfigFile file(sample_config());

  auto loaded = load_config({.file = file.path()});

  ASSERT_TRUE(loaded) << loaded.error().message;
  const Config defaults;
  for (const Setting& setting : settings())
    EXPECT_EQ(setting.get(loaded->values), setting.get(defaults)) << setting.name;
  ASSERT_EQ(loaded->values.catalogue.clubs.size(), defaults.catalogue.clubs.size());
  EXPECT_NE(loaded->values.catalogue.find_club("london-shoreditch"), nullptr);
  EXPECT_NE(loaded->values.catalogue.find_plan("premium-annual"), nullptr);
  for (std::size_t i = 0; i < defaults.catalogue.clubs.size(); ++i) {
    EXPECT_EQ(loaded->values.catalogue.clubs[i].name, defaults.catalogue.clubs[i].name);
    EXPECT_EQ(loaded->values.catalogue.clubs[i].address, defaults.catalogue.clubs[i].address);
    EXPECT_EQ(loaded->values.catalogue.clubs[i].hours, defaults.catalogue.clubs[i].hours);
  }
  ASSERT_EQ(loaded->values.catalogue.plans.size(), defaults.catalogue.plans.size());
  for (std::size_t i = 0; i < defaults.catalogue.plans.size(); ++i) {
    EXPECT_EQ(loaded->values.catalogue.plans[i].name, defaults.catalogue.plans[i].name);
    EXPECT_EQ(loaded->values.catalogue.plans[i].price, defaults.catalogue.plans[i].price);
    EXPECT_EQ(loaded->values.catalogue.plans[i].term, defaults.catalogue.plans[i].term);
  }
  EXPECT_TRUE(loaded->warnings.empty());
}

TEST(Config, texts_for_people_are_one_for_all_or_one_for_each_language) {
  ConfigFile file(
      "[[clubs]]\nid=\"a\"\nname.de=\"Mitte\"\nname.en=\"Centre\"\nname.en-US=\"Center\"\n"
      "address=\"1 Street\\nTown\"\nhours={ fr=\"le matin\", de=\"morgens\" }\n"
      "[[plans]]\nid=\"p\"\nname=\"Gold\"\nprice.en=\"£1\"\nprice.de=\"1 £\"\nterm=\"a year\"\n");

  auto loaded = load_config({.file = file.path()});

  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  const auto& club = loaded->values.catalogue.clubs.at(0);
  const auto& plan = loaded->values.catalogue.plans.at(0);
  EXPECT_EQ(club.name.in("de-DE"), "Mitte");
  EXPECT_EQ(club.name.in("en-US"), "Center");
  for (const char* locale : {"en-GB", "fr-FR", ""}) EXPECT_EQ(club.name.in(locale), "Centre") << locale;
  EXPECT_EQ(club.address.in("es-ES"), "1 Street\nTown");
  EXPECT_EQ(club.hours.in("de-DE"), "morgens");
  EXPECT_EQ(club.hours.in("en-GB"), "le matin") << "without English the first one is for everybody";
  EXPECT_EQ(plan.price.in("de-DE"), "1 £");
  EXPECT_EQ(plan.term.in("de-DE"), "a year");
}

TEST(Config, texts_for_people_have_bounds_and_languages_are_ours) {
  const auto plan_with = [](const std::string& line) {
    return problem_of("[[plans]]\nid=\"p\"\nname=\"Gold\"\n" + line + "\n");
  };
  EXPECT_NE(plan_with("price.dk=\"1\"").find(":4: plans.price .dk is no language of ours; did you mean de?"),
            std::string::npos)
      << plan_with("price.dk=\"1\"");
  for (const std::string& line :
       {std::string("price=5"), std::string("price=\"\""), std::string("price=\"two\\nlines\""),
        std::string("price={}"), std::string("price.de=3"), "price=\"" + std::string(101, 'x') + "\"",
        std::string("price=\"\\u0007\"")})
    EXPECT_NE(plan_with(line).find(":4: plans.price must be a text of 1 to 100 bytes on one line"), std::string::npos)
        << line << ": " << plan_with(line);
  EXPECT_NE(problem_of("[[clubs]]\nid=\"c\"\nname=\"C\"\nadress=\"x\"\n").find("did you mean address?"),
            std::string::npos);
  EXPECT_NE(
      problem_of("[mail]\nimprint=\"" + std::string(2001, 'x') + "\"\n").find("mail.imprint must be text of at most"),
      std::string::npos);
  EXPECT_NE(problem_of("[mail]\nreply_to=\"nobody\"\n").find("mail.reply_to must be a mailbox"), std::string::npos);
}

TEST(Config, an_unknown_key_is_an_error_that_names_the_line_and_the_nearest_key) {
  const std::string problem = problem_of("[gateway]\nlisten = \"127.0.0.1:0\"\nmax_conections = 5\n");

  EXPECT_NE(problem.find(":3: unknown key gateway.max_conections"), std::string::npos) << problem;
  EXPECT_NE(problem.find("did you mean gateway.max_connections?"), std::string::npos) << problem;
}

TEST(Config, a_club_lives_by_its_time_zone_and_by_utc_when_it_says_none) {
  ConfigFile file(
      "[[clubs]]\nid=\"a\"\nname=\"A\"\ntime_zone=\"Pacific/Kiritimati\"\n"
      "[[clubs]]\nid=\"b\"\nname=\"B\"\n");

  auto loaded = load_config({.file = file.path()});

  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(loaded->values.catalogue.clubs[0].time_zone.name(), "Pacific/Kiritimati");
  EXPECT_EQ(loaded->values.catalogue.clubs[1].time_zone.name(), "UTC");
  for (const char* wrong : {"\"Europe/Lodnon\"", "\"\"", "\"/etc/localtime\"", "\"localtime\"", "2"}) {
    const auto problem = problem_of("[[clubs]]\nid=\"a\"\nname=\"A\"\ntime_zone=" + std::string(wrong) + "\n");
    EXPECT_NE(problem.find(":4: clubs.time_zone must be an IANA time zone"), std::string::npos) << wrong << problem;
  }
}

TEST(Config, an_unknown_section_and_an_unknown_club_member_are_errors) {
  EXPECT_NE(problem_of("[gatewy]\nlisten = \"x\"\n").find("did you mean gateway.listen?"), std::string::npos);
  EXPECT_NE(problem_of("top = 1\n").find("unknown key top"), std::string::npos);
  EXPECT_NE(problem_of("[[clubs]]\nid=\"a\"\nname=\"A\"\nminimumage=3\n").find("did you mean minimum_age?"),
            std::string::npos);
}

TEST(Config, an_unknown_variable_of_a_known_section_is_an_error) {
  auto loaded = load_config({.environment = {{"GLOBOGYM_MAIL_MAX_ATEMPTS", "3"}}});

  EXPECT_NE(said(loaded).find("did you mean GLOBOGYM_MAIL_MAX_ATTEMPTS?"), std::string::npos);
}

TEST(Config, a_variable_of_a_mistyped_section_is_an_error) {
  for (const auto& [mistyped, meant] : {std::pair("GLOBOGYM_LIMTS_PER_KEY", "GLOBOGYM_LIMITS_PER_KEY"),
                                        std::pair("GLOBOGYM_GATWAY_MAX_BODY", "GLOBOGYM_GATEWAY_MAX_BODY"),
                                        std::pair("GLOBOGYM_SIGNUPS_PER_ADDRESS", "GLOBOGYM_SIGNUP_PER_ADDRESS")}) {
    auto loaded = load_config({.environment = {{mistyped, "1"}}});

    EXPECT_NE(said(loaded).find("did you mean " + std::string(meant) + "?"), std::string::npos) << mistyped;
  }
}

TEST(Config, what_the_sign_up_page_links_to_is_another_site_by_https_or_a_path_of_ours) {
  for (const auto* good : {"", "/terms", "/terms/2026-01.pdf?x=1#top", "https://www.globogym.example/terms"})
    EXPECT_TRUE(load_config({.environment = {{"GLOBOGYM_SIGNUP_TERMS_URL", good}}})) << good;
  for (const auto* bad : {"terms", "http://globogym.example/terms", "//elsewhere.example", "/\\elsewhere.example",
                          "javascript:alert(1)", "https://", "https:///x", "/a b", "/\"onclick=x"}) {
    EXPECT_FALSE(load_config({.environment = {{"GLOBOGYM_SIGNUP_TERMS_URL", bad}}})) << bad;
    EXPECT_FALSE(load_config({.environment = {{"GLOBOGYM_SIGNUP_PRIVACY_URL", bad}}})) << bad;
  }
}

TEST(Config, a_variable_of_somebody_elses_tool_is_reported_and_does_no_harm) {
  auto loaded = load_config({.environment = {{"GLOBOGYM_BINARY", "/x"}, {"GLOBOGYM_UNIT_TESTS", "1"}}});

  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->warnings.size(), 2u);
  EXPECT_NE(loaded->warnings[0].find("GLOBOGYM_BINARY"), std::string::npos);
}

TEST(Config, what_an_orchestrator_sets_to_find_services_by_is_no_key_of_ours) {
  // Of services called globogym, globogym-gateway and globogym-mail, by Kubernetes; of a --link, by Docker.
  const std::map<std::string, std::string> links = {{"GLOBOGYM_SERVICE_HOST", "10.96.0.7"},
                                                    {"GLOBOGYM_SERVICE_PORT", "8080"},
                                                    {"GLOBOGYM_SERVICE_PORT_HTTP", "8080"},
                                                    {"GLOBOGYM_PORT", "tcp://10.96.0.7:8080"},
                                                    {"GLOBOGYM_PORT_8080_TCP", "tcp://10.96.0.7:8080"},
                                                    {"GLOBOGYM_PORT_8080_TCP_PROTO", "tcp"},
                                                    {"GLOBOGYM_PORT_8080_TCP_PORT", "8080"},
                                                    {"GLOBOGYM_PORT_8080_TCP_ADDR", "10.96.0.7"},
                                                    {"GLOBOGYM_GATEWAY_SERVICE_HOST", "fd00::7"},
                                                    {"GLOBOGYM_GATEWAY_SERVICE_PORT", "80"},
                                                    {"GLOBOGYM_GATEWAY_SERVICE_PORT_ADMIN_UI", "81"},
                                                    {"GLOBOGYM_GATEWAY_PORT", "udp://[fd00::7]:53"},
                                                    {"GLOBOGYM_GATEWAY_PORT_53_UDP_ADDR", "fd00::7"},
                                                    {"GLOBOGYM_GATEWAY_PORT_53_UDP_PROTO", "udp"},
                                                    {"GLOBOGYM_MAIL_PORT_25_TCP_START", "tcp://172.17.0.5:25"},
                                                    {"GLOBOGYM_MAIL_PORT_25_TCP_PORT_END", "26"},
                                                    {"GLOBOGYM_MAIL_NAME", "/globogym/mail"},
                                                    {"GLOBOGYM_MAIL_ENV_TZ", "Europe/London"}};

  auto all = load_config({.environment = links});

  ASSERT_TRUE(all) << all.error().message;
  EXPECT_TRUE(all->warnings.empty());
  for (const auto& value : all->effective) EXPECT_EQ(value.origin, "default") << value.key;
  for (const auto& one : links) EXPECT_TRUE(load_config({.environment = {one}})) << one.first;
}

TEST(Config, a_mistyped_key_is_not_taken_for_a_service_link) {
  for (const auto& [name, value] : std::map<std::string, std::string>{{"GLOBOGYM_GATEWAY_PORT", "8080"},
                                                                      {"GLOBOGYM_MAIL_PORT", "smtp://10.0.0.1:25"},
                                                                      {"GLOBOGYM_MAIL_SERVICE_HOST", "mail.example"},
                                                                      {"GLOBOGYM_MAIL_SERVICE_PORT", "submission"},
                                                                      {"GLOBOGYM_MAIL_PORT_25_TCP", "yes"},
                                                                      {"GLOBOGYM_MAIL_PORT_ANY_TCP_ADDR", "10.0.0.1"},
                                                                      {"GLOBOGYM_GATEWAY_LISTENS", "127.0.0.1:0"},
                                                                      {"GLOBOGYM_LIMITS_PER_KEYS", "10/s"},
                                                                      {"GLOBOGYM_MAIL_NAME", "GloboGym"}})
    EXPECT_NE(said(load_config({.environment = {{name, value}}})).find("did you mean GLOBOGYM_"), std::string::npos)
        << name;
}

TEST(Config, an_empty_variable_is_not_set_whichever_its_key) {
  ConfigFile file(
      "[gateway]\nallowed_origins = [\"https://club.example\"]\n[auth]\nissuer = \"https://login.example\"\n"
      "audience = \"us\"\n[limits]\nper_key = \"5/s burst 10\"\n");
  const auto alone = load_config({.file = file.path()});
  ASSERT_TRUE(alone) << alone.error().message;

  std::map<std::string, std::string> empty;
  for (const Setting& setting : settings()) empty[setting.variable()] = "";
  const auto beside = load_config({.file = file.path(), .environment = empty});

  ASSERT_TRUE(beside) << beside.error().message;
  for (const auto& value : alone->effective) {
    EXPECT_EQ(effective(*beside, value.key).value, value.value) << value.key;
    EXPECT_EQ(effective(*beside, value.key).origin, value.origin) << value.key;
  }
  EXPECT_NE(said(load_config({.environment = {{"GLOBOGYM_MAIL_MAX_ATEMPTS", ""}}})).find("did you mean"),
            std::string::npos)
      << "a mistyped name is one before it has a value, too";
}

TEST(Config, every_wrong_value_names_its_place_and_what_would_be_right) {
  const std::pair<const char*, const char*> cases[] = {
      {"[gateway]\nmax_body = 16384\n", "must be a text in quotes"},
      {"[gateway]\nmax_body = \"16KB\"\n", "must be a size"},
      {"[gateway]\nmax_body = \"2MiB\"\n", "1KiB to 1MiB"},
      {"[gateway]\nthreads = \"2\"\n", "must be a whole number, without quotes"},
      {"[gateway]\nmax_connections = 0\n", "1 to 1000000"},
      {"[gateway]\nlisten = \"8080\"\n", "HOST:PORT"},
      {"[gateway]\nlisten = \"127.0.0.1:70000\"\n", "HOST:PORT"},
      {"[gateway]\nlisten = \"\"\n", "HOST:PORT"},
      {"[gateway]\nlisten = []\n", "HOST:PORT"},
      {"[gateway]\nlisten = [\"127.0.0.1:1\", 2]\n", "a text in quotes, or a list of such"},
      {"[gateway]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:1\"]\n", "127.0.0.1:1 is there twice"},
      {"[admin]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:8080\"]\n", "different ports"},
      {"[admin]\nlisten = [\"127.0.0.1:1\", \"0.0.0.0:2\"]\n", "0.0.0.0:2, which other machines may reach"},
      {"[gateway]\ntrusted_proxies = \"10.0.0.0/8\"\n", "must be a list"},
      {"[gateway]\ntrusted_proxies = [\"proxy one\"]\n", "networks"},
      {"[gateway]\ntrusted_proxies = [\"10.0.0.0/33\"]\n", "networks"},
      {"[gateway]\ntrusted_proxies = [\"0.0.0.0/0\"]\n", "every address"},
      {"[gateway]\ntrusted_proxies = [\"::/0\"]\n", "every address"},
      {"[limits]\nper_key = \"100\"\n", "a rate such as"},
      {"[retry]\nfirst_delay = \"5\"\n", "a duration such as"},
      {"[retry]\nfirst_delay = \"2h\"\n", "1ms to 1h"},
      {"[retry]\nfirst_delay = \"1h\"\nmax_delay = \"1m\"\n", "longer than retry.max_delay"},
      {"[engine]\nkind = \"postgres\"\n", "must be one of: rocksdb"},
      {"[auth]\nissuer = \"http://login.example\"\n", "https://"},
      {"[auth]\nissuer = \"http://127.0.0.1.example\"\n", "https://"},
      {"[auth]\nissuer = \"https://login.example\"\n", "set auth.audience"},
      {"[auth]\naudience = \"us\"\n", "auth.issuer is not"},
      {"[mail]\nurl = \"sendmail\"\n", "outbox: or smtp://"},
      {"[mail]\nfrom = \"nobody\"\n", "must be a mailbox"},
      {"[mail]\nhello_name = \"localhost\"\n", "a host name with a dot"},
      {"[mail]\nhello_name = \"[192.0.2]\"\n", "an address literal"},
      {"[mail]\naccept_time = \"31m\"\n", "100ms to 30m"},
      {"[tls]\ncertificate = \"/x.pem\"\n", "belong together"},
      {"[tls]\nclient_ca = \"/x.pem\"\n", "only be asked under TLS"},
      {"[tls]\nhsts = \"never\"\n", "1m to 3650d"},
      {"[admin]\ntls = \"on\"\n", "no certificate to show"},
      {"[admin]\nlisten = \"0.0.0.0:8081\"\n", "which other machines may reach: there it needs TLS, so set"},
      {"[admin]\nlisten = \"[::]:8081\"\n", "which other machines may reach"},
      {"[admin]\nlisten = \"gym.example:8081\"\ntls = \"off\"\n[tls]\ncertificate = \"/c\"\nkey = \"/k\"\n",
       "admin.tls is off"},
      {"[admin]\ncredentials = \"sometimes\"\n", "admin.credentials"},
      {"[telemetry]\nlog_level = \"loud\"\n", "debug, info, warning, error"},
      {"[[plans]]\nid = \"a\"\n", "needs an id and a name"},
      {"[[plans]]\nid = \"a\"\nname = \"A\"\n[[plans]]\nid = \"a\"\nname = \"B\"\n", ":4: the id a stands twice"},
      {"[[plans]]\nid = \"a\"\nname = \"A\"\n[[plans]]\nname = \"B\"\n", ":4: every [[plans]] needs"},
      {"clubs = []\n", "at least one"},
      {"[admin]\nlisten = \"127.0.0.1:8080\"\n", "different ports"},
      {"[gateway\n", ":1: "},
  };
  for (const auto& [content, expected] : cases)
    EXPECT_NE(problem_of(content).find(expected), std::string::npos) << content << " gave: " << problem_of(content);
}

TEST(Config, every_key_is_obeyed) {
  ConfigFile file("[limits]\nper_key = \"5/s burst 10\"\n[signup]\nper_address = \"off\"\n");

  auto loaded = load_config({.file = file.path()});

  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_TRUE(loaded->warnings.empty());
  for (const auto& value : loaded->effective) EXPECT_TRUE(value.in_force) << value.key;
  EXPECT_EQ(loaded->values.limits.per_key, (Rate{.off = false, .per_second = 5, .burst = 10}));
  EXPECT_TRUE(loaded->values.signup.per_address.off);
  EXPECT_EQ(effective(*loaded, "signup.per_email_domain").value, "10/s burst 1000");
}

TEST(Config, the_mail_password_is_never_shown) {
  auto loaded = load_config({.environment = {{"GLOBOGYM_MAIL_URL", "smtp://gym:s3cret@mail.example:587?tls=require"}}});

  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->values.mail.url, "smtp://gym:s3cret@mail.example:587?tls=require");
  EXPECT_EQ(effective(*loaded, "mail.url").value, "smtp://gym:***@mail.example:587?tls=require");
}

TEST(Config, whatever_the_mail_password_holds_it_is_masked_whole) {
  for (std::string secret : {"sec/ret", "sec#ret", "sec?ret", "sec@ret", "sec:ret", "://sec", ""})
    EXPECT_EQ(without_password("smtp://u:" + secret + "@h:25?tls=off"), "smtp://u:***@h:25?tls=off") << secret;
  EXPECT_EQ(without_password("smtp://secret@h:25"), "smtp://***@h:25");
  EXPECT_EQ(without_password("SMTP://u:secret@h:25"), "SMTP://u:***@h:25");
  EXPECT_EQ(without_password("smtp://h:25"), "smtp://h:25");
  EXPECT_EQ(without_password("outbox:"), "outbox:");
}

TEST(Config, a_mail_url_that_is_refused_is_not_repeated) {
  for (std::string bad : {"smtp://u:s3cret/x@h:25", "smtp://u:s3cret@h:99999", "s3cret", "smtp://u:s3cret%zz@h"}) {
    ConfigFile file("[mail]\nurl = \"" + bad + "\"\n");

    for (const auto& loaded :
         {load_config({.file = file.path()}), load_config({.environment = {{"GLOBOGYM_MAIL_URL", bad}}}),
          load_config({.flags = {{"mail.url", bad}}})}) {
      const std::string problem = said(loaded);
      EXPECT_NE(problem.find("mail.url must be"), std::string::npos) << bad;
      EXPECT_EQ(problem.find("s3cret"), std::string::npos) << problem;
    }
  }
}

TEST(Config, a_flag_is_called_what_it_is_called) {
  const auto loaded = load_config({.flags = {{"mail.url", "foo:"}}});

  EXPECT_TRUE(said(loaded).starts_with("flag --mail: mail.url must be "));
}

TEST(Config, a_file_that_cannot_be_read_says_so) {
  auto loaded = load_config({.file = "/nonexistent/globogym.toml"});

  EXPECT_NE(said(loaded).find("cannot read the configuration /nonexistent/globogym.toml: No such file"),
            std::string::npos);
}

TEST(Quantity, what_is_written_reads_back) {
  for (const char* written : {"0s", "250ms", "5s", "2m", "1h", "7d", "3us"}) {
    ASSERT_TRUE(parse_duration(written)) << written;
    EXPECT_EQ(text(*parse_duration(written)), written);
  }
  for (const char* written : {"0B", "1B", "16KiB", "256MiB", "3GiB"}) {
    ASSERT_TRUE(parse_size(written)) << written;
    EXPECT_EQ(text(*parse_size(written)), written);
  }
  for (const char* written : {"off", "100/s burst 200", "30/m burst 5", "1/h burst 1"}) {
    ASSERT_TRUE(parse_rate(written)) << written;
    EXPECT_EQ(text(*parse_rate(written)), written);
  }
}

TEST(Quantity, a_size_is_told_people_as_exactly_as_they_want_it) {
  for (const auto& [bytes, told] :
       std::initializer_list<std::pair<std::uint64_t, std::string_view>>{{0, "0 B"},
                                                                         {1, "1 B"},
                                                                         {1023, "1023 B"},
                                                                         {1024, "1 KiB"},
                                                                         {1500, "1.5 KiB"},
                                                                         {10'000, "9.8 KiB"},
                                                                         {10'239, "10 KiB"},
                                                                         {211u << 10, "211 KiB"},
                                                                         {(211u << 10) + 600, "212 KiB"},
                                                                         {(1u << 20) - 600, "1023 KiB"},
                                                                         {(1u << 20) - 1, "1 MiB"},
                                                                         {1u << 20, "1 MiB"},
                                                                         {(1u << 20) + 60'000, "1.1 MiB"},
                                                                         {3'000'000'000, "2.8 GiB"},
                                                                         {std::uint64_t{5} << 40, "5 TiB"},
                                                                         {~std::uint64_t{0}, "16777216 TiB"}})
    EXPECT_EQ(about(Size{bytes}), told) << bytes;
}

TEST(Quantity, what_is_not_a_quantity_is_refused) {
  for (const char* written :
       {"", "5", "s", "5 s", "-5s", "5s ", "1.5s", "99999999999999999999s", "9223372036854775807d"})
    EXPECT_FALSE(parse_duration(written)) << written;
  for (const char* written : {"", "16", "16KB", "16kib", "-1B", "9223372036854775807TiB"})
    EXPECT_FALSE(parse_size(written)) << written;
  for (const char* written :
       {"", "100", "0/s", "-1/s", "nan/s", "inf/s", "100/x", "100/s burst", "100/s burst 0", "100/s burst 2x"})
    EXPECT_FALSE(parse_rate(written)) << written;
}

}  // namespace
}  // namespace globogym::app
