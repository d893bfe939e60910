// The operations API, the status page and /metrics: everything can be looked at and repaired here.
//
// Two doors share it. The TCP listener never hands out API keys, and personal data only to who may look people up, and
// guards against what a browser could be tricked into: a foreign Host header (DNS rebinding) and cross-site posts. On
// loopback it asks for no credentials, except where people are looked up; elsewhere for an operator's with every
// request. The control socket, which only the owner of the data directory can open, is `trusted` and may do everything.
//
// Whatever is changed, and whoever reads what is personal, is in the audit trail (audit/audit.h) and in the log: a
// handler says in its Deed what it does. Without the trail, when there is one, nothing of it is done.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "audit/audit.h"
#include "console/operators.h"
#include "console/parts.h"
#include "console/routes.h"
#include "gateway/answers/problem.h"
#include "http/http.h"

namespace globogym::console {

struct Options {
  bool trusted = false;
  std::string by = "control-socket";  // of the trusted: what the audit trail calls this door
  std::vector<std::string> hosts;     // names accepted in Host, without port, besides addresses and localhost
  Operators* operators = nullptr;     // who may do what; not asked by a trusted one
  bool asks_everybody = true;         // false: only who looks people up is asked who they are
};

class Console final : public http::Handler {
 public:
  Console(Parts parts, Options options) : parts_(std::move(parts)), options_(std::move(options)) {}
  Console(const Console&) = delete;

  Task<http::Response> handle(const http::Request& request) override;

 private:
  Task<http::Response> admitted(const http::Request& request);
  Task<http::Response> looked_up(const http::Request& request, bool to_mend);
  Task<http::Response> carry_out(const http::Request& request, audit::Who who, Standing standing);
  enum class IfNotWritten { refuses, stands };
  Task<Result<void>> tell(audit::Entry entry, IfNotWritten then);
  http::Response refused_at_door(const gateway::ProblemType& type, std::string_view detail);

  Parts parts_;
  Options options_;
};

}  // namespace globogym::console
