#include "app/cli/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>

#include "app/cli/commands.h"
#include "app/cli/serve.h"
#include "app/settings.h"
#include "base/nearest.h"
#include "telemetry/log.h"

namespace globogym::app::cli {
namespace {

// What was written on the command line, before it is known to make sense.
struct Written {
  std::string config_file;
  std::vector<std::pair<std::string, std::string>> flags;  // configuration keys set by flags
  bool json = false;
  std::function<int(const Context&)> command;
  bool needs_config = true;
  bool answers = true;  // what it prints is what it was asked for; not so `serve`
};

// A flag that sets a configuration key.
void setting_flag(CLI::App& app, Written& written, const std::string& flag, const std::string& key,
                  const std::string& about) {
  app.add_option_function<std::string>(
         flag, [&written, key](const std::string& value) { written.flags.emplace_back(key, value); }, about)
      ->take_last();
}

// The flags every command takes.
void common_flags(CLI::App& app, Written& written, bool with_json = true) {
  app.add_option("--config", written.config_file, "Configuration file (default: globogym.toml here, if there is one)")
      ->type_name("FILE");
  setting_flag(app, written, "--data", "service.data", "The server's data directory (default: ./data)");
  if (with_json) app.add_flag("--json", written.json, "Answer in JSON");
}

CLI::App* add(CLI::App& parent, Written& written, const std::string& name, const std::string& about,
              std::function<int(const Context&)> command) {
  CLI::App* app = parent.add_subcommand(name, about);
  common_flags(*app, written);
  app->callback([&written, command = std::move(command)] { written.command = command; });
  return app;
}

// An empty variable of a script is none.
const CLI::Validator a_directory(
    [](const std::string& text) { return text.empty() ? std::string("name a directory") : std::string(); }, "");

void add_serve(CLI::App& root, Written& written) {
  CLI::App* app = root.add_subcommand("serve", "Take sign-ups, work on them, and show how it goes");
  common_flags(*app, written, false);
  setting_flag(*app, written, "--listen", "gateway.listen",
               "HOST:PORT of the public API, or several with commas (default 127.0.0.1:8080)");
  setting_flag(*app, written, "--admin", "admin.listen",
               "HOST:PORT of console and /metrics, or several with commas (default 127.0.0.1:8081)");
  setting_flag(*app, written, "--mail", "mail.url", "outbox: (default) or smtp://[user:pass@]host:port[?tls=…]");
  setting_flag(*app, written, "--role", "service.role", "all (default), gateway or worker");
  app->footer(
      "Prints one line of JSON on stdout when it can take requests; logs go to stderr.\n"
      "Ends on SIGTERM within ten seconds; ending it hard at any moment is safe too.");
  app->callback([&written] {
    written.answers = false;
    written.command = [](const Context& context) { return serve(context.config); };
  });
}

void add_keys(CLI::App& root, Written& written) {
  CLI::App* keys = root.add_subcommand("keys", "API keys: make, list, revoke");
  keys->require_subcommand(1);
  auto wish = std::make_shared<KeyWish>();
  CLI::App* create = add(*keys, written, "create", "Make a key; it is printed once and can never be read again",
                         [wish](const Context& context) { return create_key(context, *wish); });
  create->add_option("--name", wish->name, "Whose key it is, for people")->required();
  create->add_option("--scopes", wish->scopes,
                     "Comma-separated, of enrollments:write, enrollments:read, members:read, members:write, ops:read, "
                     "ops:write, members:find (default: enrollments:write,enrollments:read)");
  create->add_option("--rate", wish->rate, "Requests it may make, such as 50/s (default: no limit of its own)");
  create->add_option("--quota", wish->quota,
                     "Requests it may make in a calendar month (UTC), such as 10000/month (default: any number)");
  create->add_flag("--publishable", wish->publishable,
                   "For a web page: everybody can read it, so it may only sign people up, with a proof of work");
  create->add_option(
      "--origin", wish->origins,
      "Where a publishable key may be used, such as https://club.example; may be repeated (ours always)");
  create->add_option("--expires-in", wish->expires_in, "When it ends, such as 90d or 12h (default: never)");

  add(*keys, written, "list", "Every key, revoked and expired ones too; never the keys themselves", list_keys);

  auto id = std::make_shared<std::string>();
  CLI::App* revoke = add(*keys, written, "revoke", "End a key at once",
                         [id](const Context& context) { return revoke_key(context, *id); });
  revoke->add_option("id", *id, "The key's id, as `keys list` shows it")->required();
}

void add_waiting(CLI::App& root, Written& written) {
  add(root, written, "queues", "Each queue: how many wait, since when nothing got through, why, and when it is tried",
      list_queues);
  auto queue = std::make_shared<std::string>();
  auto limit = std::make_shared<std::uint64_t>(100);
  CLI::App* list =
      add(root, written, "waiting", "What waits to be done: whose it is, since when, until when, its last error",
          [queue, limit](const Context& context) { return list_waiting(context, *queue, *limit); });
  list->add_option("--queue", *queue, "Only this queue's");
  list->add_option("--limit", *limit, "At most so many (default 100)")->check(CLI::Range(1, 10'000'000));
}

void add_dead_letters(CLI::App& root, Written& written) {
  CLI::App* letters = root.add_subcommand("dead-letters", "What could not be done: look, bring back, drop");
  letters->require_subcommand(1);

  auto queue = std::make_shared<std::string>();
  auto limit = std::make_shared<std::uint64_t>(100);
  CLI::App* list = add(*letters, written, "list", "Dead letters, with why they died",
                       [queue, limit](const Context& context) { return list_dead_letters(context, *queue, *limit); });
  list->add_option("--queue", *queue, "Only this queue's");
  list->add_option("--limit", *limit, "At most so many (default 100)")->check(CLI::Range(1, 10'000'000));

  auto id = std::make_shared<std::string>();
  auto content = std::make_shared<bool>(false);
  CLI::App* show = add(*letters, written, "show", "One dead letter with every attempt",
                       [id, content](const Context& context) { return show_dead_letter(context, *id, *content); });
  show->add_option("id", *id, "Its id, as `dead-letters list` shows it")->required();
  show->add_flag("--content", *content, "Also what it says, which is personal data");

  for (const std::string verb : {"replay", "discard"}) {
    auto filter = std::make_shared<LetterFilter>();
    CLI::App* act = add(*letters, written, verb,
                        verb == "replay" ? "Bring dead letters back: they are ready again, their attempts start anew"
                                         : "Drop dead letters for good; their enrollments stay parked",
                        [verb, filter](const Context& context) { return act_on_dead_letters(context, verb, *filter); });
    act->add_option("ids", filter->ids, "Their ids; or choose with the flags below");
    act->add_option("--queue", filter->queue, "All of this queue");
    act->add_option("--reason", filter->reason, "All that died for this reason");
    act->add_flag("--all", filter->all, "All there are");
  }
}

void add_people(CLI::App& root, Written& written) {
  const auto with_id = [&written](CLI::App& parent, const std::string& name, const std::string& about, auto command,
                                  const std::string& what) {
    auto id = std::make_shared<std::string>();
    CLI::App* app =
        add(parent, written, name, about, [id, command](const Context& context) { return command(context, *id); });
    app->add_option("id", *id, what)->required();
  };
  auto query = std::make_shared<std::string>("-");
  CLI::App* find =
      add(root, written, "find", "Find a person by e-mail address, membership number or id, with all there is",
          [query](const Context& context) { return find_person(context, *query); });
  find->add_option("query", *query,
                   "Address, number, or id of a member or an enrollment. Left out or `-`: one line of standard input, "
                   "so that no list of processes shows an address");

  CLI::App* members =
      root.add_subcommand("members", "Members: list, show, export, erase; mend an address, send a letter again");
  members->require_subcommand(1);
  auto filter = std::make_shared<MemberFilter>();
  CLI::App* list = add(*members, written, "list", "Every member, or those of a club, of a plan, or since a day",
                       [filter](const Context& context) { return list_members(context, *filter); });
  list->add_option("--club", filter->club, "Only members of this club, by its id");
  list->add_option("--plan", filter->plan, "Only members with this plan, by its id");
  list->add_option("--since", filter->since,
                   "Only who joined then or later: 24h, 7d, 2026-11-27 or 2026-11-27T08:00:00Z (UTC)");
  list->add_flag("--csv", filter->csv, "As comma-separated values, for spreadsheets");
  with_id(*members, "show", "The member as stored", show_member, "The member's id or number");
  with_id(*members, "export", "All that is kept about a member, as JSON", export_member, "The member's id or number");
  with_id(*members, "erase", "Erase a member's personal data; says what it cannot reach", erase_member,
          "The member's id or number");

  auto correction = std::make_shared<EmailCorrection>();
  CLI::App* correct =
      add(*members, written, "correct-email", "Give a member the right address; the welcome letter goes there",
          [correction](const Context& context) { return correct_email(context, *correction); });
  correct->add_option("id", correction->id, "The member's id or number")->required();
  correct
      ->add_option("--to", correction->to,
                   "The right address; `-`: one line of standard input, so that no list of processes shows it")
      ->required();
  correct
      ->add_option("--reason", correction->reason,
                   "Why, in a few words without personal data; it is kept in the audit trail")
      ->required();
  auto resent = std::make_shared<std::pair<std::string, std::string>>();
  CLI::App* resend =
      add(*members, written, "resend-letter", "Write the welcome letter anew and send it",
          [resent](const Context& context) { return resend_letter(context, resent->first, resent->second); });
  resend->add_option("id", resent->first, "The member's id or number")->required();
  resend->add_option("--reason", resent->second, "Why; it is kept in the audit trail");

  CLI::App* enrollments = root.add_subcommand("enrollments", "Enrollments: show one with its story, try one now");
  enrollments->require_subcommand(1);
  with_id(*enrollments, "show", "Its state, its steps and what happened when", show_enrollment, "The enrollment's id");
  auto id = std::make_shared<std::string>();
  auto reason = std::make_shared<std::string>();
  CLI::App* retry =
      add(*enrollments, written, "retry-now", "Try at once what waits for it, or replay it when it is parked",
          [id, reason](const Context& context) { return retry_enrollment(context, *id, *reason); });
  retry->add_option("id", *id, "The enrollment's id")->required();
  retry->add_option("--reason", *reason, "Why, for the audit trail");
}

void add_letters(CLI::App& root, Written& written) {
  CLI::App* letters = root.add_subcommand("letters", "The letters we send: look at them, and begin with your own");
  letters->require_subcommand(1);
  auto wish = std::make_shared<LetterWish>();
  CLI::App* preview =
      add(*letters, written, "preview", "The welcome letter to somebody who never was, as it would go out",
          [wish](const Context& context) { return preview_letters(context, *wish); });
  preview->add_option("--locale", wish->locale, "en-GB (default), en-US, de-DE, fr-FR or es-ES")
      ->check(CLI::IsMember({"en-GB", "en-US", "de-DE", "fr-FR", "es-ES"}));
  preview
      ->add_option("--sample", wish->sample,
                   "plain (default), long (a name of 100 letters) or rtl (one from the right)")
      ->check(CLI::IsMember({"plain", "long", "rtl"}));
  preview->add_option("--club", wish->club, "The id of a club (default: the first there is)");
  preview->add_option("--plan", wish->plan, "The id of a plan (default: the first there is)");
  preview->add_option("--as", wish->as, "What to print: txt (default), html or eml")
      ->check(CLI::IsMember({"txt", "html", "eml"}));
  preview->add_option("--into", wish->into, "Write .txt, .html and .eml of every locale into this directory instead");

  auto into = std::make_shared<std::string>();
  CLI::App* templates = add(*letters, written, "templates", "Write the built-in templates, to begin with your own",
                            [into](const Context& context) { return write_templates(context, *into); });
  templates->add_option("--into", *into, "The directory; later named in mail.templates")
      ->required()
      ->check(a_directory);
}

void add_care(CLI::App& root, Written& written) {
  add(root, written, "verify", "Check every record of a stopped server's directory, changing nothing", verify);
  auto into = std::make_shared<std::string>();
  CLI::App* rescue = add(root, written, "recover", "Copy every record that still checks into a new directory",
                         [into](const Context& context) { return recover(context, *into); });
  rescue->add_option("--into", *into, "The new data directory; must not exist")->required()->check(a_directory);
  auto filter = std::make_shared<TrailFilter>();
  CLI::App* trail = add(root, written, "audit", "Who changed what by hand, and who has read what is personal",
                        [filter](const Context& context) { return audit(context, *filter); });
  trail->add_option("--since", filter->since, "Not what was before: 24h, 7d, 2026-11-27 or 2026-11-27T08:00:00Z");
  trail->add_option("--until", filter->until, "Not what was after");
  trail->add_option("--who", filter->who,
                    "Only by this key's id, uid:NUMBER, or control-socket, loopback, command, trail");
  trail->add_option("--event", filter->event, "Only this, such as member-shown; also when it was refused");
  trail->add_flag("--verify", filter->only_verify, "Print no lines: check that none was changed, added or removed");
  CLI::Option* anew = trail->add_flag("--begin-anew", filter->begin_anew,
                                      "Leave behind what was found damaged, once somebody has looked into it");
  for (const auto* other : {"--since", "--until", "--who", "--event", "--verify"})
    anew->excludes(trail->get_option(other));
  trail->add_option("--reason", filter->reason, "What came of looking into it; the first thing the new trail tells")
      ->needs(anew);
  auto place = std::make_shared<std::string>();
  CLI::App* saved = add(root, written, "backup", "Copy everything into a directory, also beside a running server",
                        [place](const Context& context) { return backup(context, *place); });
  saved->add_option("--into", *place, "A directory that is empty, new, or holds an earlier backup")
      ->required()
      ->check(a_directory);
  CLI::App* back = add(root, written, "restore", "Make a data directory (--data) of a backup",
                       [place](const Context& context) { return restore(context, *place); });
  back->add_option("--from", *place, "The directory of the backup")->required()->check(a_directory);
  add(root, written, "doctor", "Check the configuration and everything the service depends on", doctor);

  CLI::App* config = root.add_subcommand("config", "The configuration: a documented sample, or what is in effect");
  config->require_subcommand(1);
  CLI::App* sample = config->add_subcommand("default", "Print globogym.toml with every key explained, at its default");
  sample->callback([&written] {
    written.needs_config = false;
    written.command = [](const Context&) { return print_default_config(); };
  });
  add(*config, written, "explain", "Print every effective value and where it came from", explain_config);
}

// An answer nobody got is no success: a full disk or a closed pipe shows only when the last of it is written.
int answered(int code) {
  const bool lost = std::ferror(stdout) != 0;
  errno = 0;
  if (std::fflush(stdout) == 0 && !lost) return code;
  const std::string why = errno != 0 ? std::string(": ") + std::strerror(errno) : std::string();
  std::fprintf(stderr,
               "globogym: the answer could not be written to standard output%s; what was asked for may have been done "
               "all the same\n",
               why.c_str());
  return code == done || code == answer_is_no ? cannot_open : code;
}

// The first word that no command knows, in a sentence; empty when it is something else that is wrong. `path`: the
// command whose help tells what there is.
std::string misunderstood(const CLI::App& root, int argc, char** argv, std::string& path) {
  const CLI::App* app = &root;
  path = root.get_name();
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with('-') && word.size() > 1) {
      const std::string name(word.substr(0, word.find('=')));
      const auto* option = app->get_option_no_throw(name);
      if (option != nullptr) {
        if (option->get_type_size() > 0 && word.size() == name.size()) ++i;  // its value
        continue;
      }
      std::vector<std::string> known;
      for (const auto* each : app->get_options())
        for (const auto& each_name : each->get_lnames()) known.push_back("--" + each_name);
      return name + " is no option of `" + path + "`" + suggestion(name, {known.begin(), known.end()});
    }
    const auto commands = app->get_subcommands({});
    if (commands.empty()) continue;
    const auto found = std::ranges::find(commands, word, [](const CLI::App* each) { return each->get_name(); });
    if (found == commands.end()) {
      std::vector<std::string> known;
      for (const auto* each : commands) known.push_back(each->get_name());
      return "`" + path + "` knows no command " + std::string(word) + suggestion(word, {known.begin(), known.end()});
    }
    app = *found;
    path += " " + app->get_name();
  }
  return {};
}

int run_command(int argc, char** argv, Written& written) {
  CLI::App root{"GloboGym Enrollment: takes sign-ups, keeps them, welcomes members.", "globogym"};
  root.set_version_flag("--version", std::string("globogym ") + GLOBOGYM_VERSION);
  root.require_subcommand(1);
  root.set_help_all_flag("--help-all", "Help for every command");
  root.footer("Exit codes: 0 done, 1 the answer is no, 2 wrong usage or configuration, 3 cannot reach or open.");
  add_serve(root, written);
  add_keys(root, written);
  add_waiting(root, written);
  add_dead_letters(root, written);
  add_people(root, written);
  add_letters(root, written);
  add_care(root, written);
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return root.exit(asked);  // --help, --version
  } catch (const CLI::ParseError& error) {
    std::string path;
    const std::string why = misunderstood(root, argc, argv, path);
    if (why.empty())
      std::fprintf(stderr, "globogym: %s\n", error.what());
    else
      std::fprintf(stderr, "globogym: %s\n", why.c_str());
    std::fprintf(stderr, "What there is: %s --help\n", path.c_str());
    return usage;
  }

  LoadedConfig config;
  if (written.needs_config) {
    auto loaded =
        load_config({.file = written.config_file, .environment = globogym_environment(), .flags = written.flags});
    if (!loaded) {
      std::fprintf(stderr, "globogym: %s\n", loaded.error().message.c_str());
      return usage;
    }
    config = std::move(*loaded);
  }
  // A command's answer is what it prints; only `serve` logs what goes well.
  log::set_level(log::Level::error);
  return written.command({.config = config, .json = written.json});
}

}  // namespace

int run(int argc, char** argv) {
  Written written;
  const int code = run_command(argc, argv, written);
  return written.answers ? answered(code) : code;
}

}  // namespace globogym::app::cli
