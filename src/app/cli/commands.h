// What each command does: builds requests to the operations API, shows the answers, and says how it went.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"

namespace globogym::app::cli {

// What every command is told.
struct Context {
  const LoadedConfig& config;
  bool json = false;  // the answer as JSON, for programs
};

struct KeyWish {
  std::string name;
  std::optional<std::string> scopes;
  std::string rate;
  std::string quota;
  std::string expires_in;
  bool publishable = false;
  std::vector<std::string> origins;
};
int create_key(const Context& context, const KeyWish& wish);
int list_keys(const Context& context);
int revoke_key(const Context& context, const std::string& id);

int list_queues(const Context& context);
int list_waiting(const Context& context, const std::string& queue, std::uint64_t limit);

struct LetterFilter {
  std::vector<std::string> ids;
  std::string queue;
  std::string reason;
  bool all = false;
};
int list_dead_letters(const Context& context, const std::string& queue, std::uint64_t limit);
int show_dead_letter(const Context& context, const std::string& id, bool content);
// `verb` is "replay" or "discard".
int act_on_dead_letters(const Context& context, const std::string& verb, const LetterFilter& filter);

// "-": the first line of stdin.
int find_person(const Context& context, const std::string& query);

struct MemberFilter {
  std::string club;
  std::string plan;
  std::string since;  // "24h", "7d", "2026-11-27" or "2026-11-27T08:00:00Z"
  bool csv = false;
};
int list_members(const Context& context, const MemberFilter& filter);

struct EmailCorrection {
  std::string id;
  std::string to;  // "-": the first line of stdin
  std::string reason;
};
int correct_email(const Context& context, const EmailCorrection& correction);
int resend_letter(const Context& context, const std::string& id, const std::string& reason);

int show_member(const Context& context, const std::string& id);
int export_member(const Context& context, const std::string& id);
int erase_member(const Context& context, const std::string& id);
int show_enrollment(const Context& context, const std::string& id);
int retry_enrollment(const Context& context, const std::string& id, const std::string& reason);

// What of the audit trail is asked for.
struct TrailFilter {
  std::string since;  // "24h", "7d", "2026-11-27" or "2026-11-27T08:00:00Z"
  std::string until;
  std::string who;  // a key's id, "uid:1000", a door
  std::string event;
  bool begin_anew = false;
  std::string reason;  // why it is begun anew
  bool only_verify = false;
};
int audit(const Context& context, const TrailFilter& filter);
struct LetterWish {
  std::string locale;
  std::string sample = "plain";  // or "long", "rtl"
  std::string club, plan;        // ids; empty: the first there is
  std::string as = "txt";        // what is printed: "txt", "html" or "eml"
  std::string into;              // a directory to write all three into, of every locale unless one is named
};
int preview_letters(const Context& context, const LetterWish& wish);
// The built-in templates as files.
int write_templates(const Context& context, const std::string& into);

// Beside a running server, or of a stopped one's directory.
int backup(const Context& context, const std::string& into);
int restore(const Context& context, const std::string& from);

// On a stopped server's directory.
int verify(const Context& context);
int recover(const Context& context, const std::string& into);

int doctor(const Context& context);

int print_default_config();
int explain_config(const Context& context);

}  // namespace globogym::app::cli
