// One conversation with an SMTP server: from the connection to the point where letters can be handed over (RFC 5321:
// greeting, EHLO or HELO, STARTTLS, AUTH), and the reading and writing after it.
//
// Every step has a time limit for the whole of it, however slowly the bytes drip. After any error the session is not to
// be used any more.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "async/stream.h"
#include "async/task.h"
#include "mail/smtp/reply.h"
#include "mail/url.h"

namespace globogym::mail::smtp {

using async::Task;

// RFC 5321 section 4.5.3.2 asks for minutes at every stage. Of those before the content a service that wants to know
// soon asks for less: nothing is lost by asking again. What was sent has its full ten minutes: a letter given up while
// the server still works on it comes twice.
struct TimeLimits {
  Duration connect = std::chrono::seconds(5);
  Duration greeting = std::chrono::seconds(30);
  Duration command = std::chrono::seconds(30);   // EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA: each
  Duration content = std::chrono::minutes(3);    // to take the content off our hands
  Duration accepted = std::chrono::minutes(10);  // to answer it
  Duration quit = std::chrono::seconds(1);

  // All of them in a row, from the first packet to the last answer: TLS has its own greeting; EHLO and HELO, before and
  // under TLS, STARTTLS, AUTH in two ways, RSET, MAIL, RCPT and DATA are at most most_commands answers.
  Duration whole_letter() const { return connect + 2 * greeting + most_commands * command + content + accepted; }
  static constexpr int most_commands = 13;
};

// What the server said it can do.
struct Abilities {
  bool pipelining = false;
  bool starttls = false;
  bool eight_bit_mime = false;
  bool smtputf8 = false;
  bool size = false;             // takes SIZE= with MAIL
  std::uint64_t most_bytes = 0;  // the largest letter; 0: not said
  bool auth_plain = false;
  bool auth_login = false;
};
// From the reply to EHLO.
Abilities abilities_of(const Reply& ehlo);

class Session {
 public:
  // All of them outlive the session. `client_name` is what EHLO says; empty: the connection's own address, as a
  // literal.
  Session(async::Connector& connector, const SmtpUrl& url, const TimeLimits& limits, const std::string& client_name)
      : connector_(connector), url_(url), limits_(limits), client_name_(client_name) {}

  // Unavailable or timed_out, with a sentence that names the server.
  Task<Result<void>> open();
  const Abilities& abilities() const { return abilities_; }

  // The server has said something that is a reply.
  bool has_been_heard() const { return heard_; }
  // Waits for the next reply; garbage is unavailable. What has come by the time limit is read before time_out is said:
  // when this whole process was held for a while, the answer is there.
  Task<Result<void>> reply(Reply& into, Duration time_limit);
  Task<Result<void>> write(std::string_view bytes, Duration time_limit);
  // All that has been received has been taken by reply().
  bool is_silent() const { return reader_.empty(); }

  Task<void> quit();
  // Ends the conversation at once; an operation in progress ends as cancelled. Also while opening.
  void close();

 private:
  Task<Result<void>> greet();
  Task<Result<Reply>> command(std::string line);
  Task<Result<void>> start_tls();
  Task<Result<void>> authenticate();
  Task<Result<Reply>> say_login();
  bool in_clear_allowed() const;
  Error lost(const char* during, Error error) const;
  std::unexpected<Error> unusable(const std::string& why) const;

  async::Connector& connector_;
  const SmtpUrl& url_;
  const TimeLimits& limits_;
  const std::string& client_name_;
  std::string hello_;  // what we have called ourselves
  std::unique_ptr<async::Stream> stream_;
  ReplyReader reader_;
  Abilities abilities_;
  bool encrypted_ = false;
  bool heard_ = false;
  bool closed_ = false;
};

}  // namespace globogym::mail::smtp
