#include "mail/smtp/session.h"

#include <algorithm>
#include <charconv>

#include "async/loop.h"
#include "base/text.h"

namespace globogym::mail::smtp {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return out;
}

// Code and enhanced code only: the words of a refused AUTH may repeat the user.
std::string codes_of(const Reply& reply) {
  std::string out = std::to_string(reply.code);
  if (const EnhancedCode code = enhanced_code(reply); code.of_class != 0)
    out += " " + std::to_string(code.of_class) + "." + std::to_string(code.subject) + "." + std::to_string(code.detail);
  return out;
}

// RFC 5321 section 4.1.4: the name of this host, or its address where it has none.
std::string address_literal(const std::string& address) {
  if (address.empty()) return "[127.0.0.1]";
  return address.find(':') == std::string::npos ? "[" + address + "]" : "[IPv6:" + address + "]";
}

// The server has something against this way of saying who we are, and not against who we are.
bool against_mechanism(const Reply& reply) {
  const EnhancedCode code = enhanced_code(reply);
  const bool says_so = code == EnhancedCode{5, 5, 4} || code == EnhancedCode{5, 7, 9} || code == EnhancedCode{5, 7, 11};
  return says_so || (reply.code >= 500 && reply.code <= 504) || reply.code == 534 || reply.code == 538;
}

}  // namespace

Abilities abilities_of(const Reply& ehlo) {
  Abilities out;
  std::string_view rest = ehlo.text;
  for (bool first = true; !rest.empty(); first = false) {
    const auto newline = rest.find('\n');
    const std::string line = upper(rest.substr(0, newline));
    rest = newline == std::string_view::npos ? std::string_view() : rest.substr(newline + 1);
    if (first) continue;  // the server's name
    const std::string_view keyword = std::string_view(line).substr(0, line.find_first_of(" ="));
    const std::string_view rest_of_line = std::string_view(line).substr(keyword.size());
    if (keyword == "PIPELINING") out.pipelining = true;
    if (keyword == "STARTTLS") out.starttls = true;
    if (keyword == "8BITMIME") out.eight_bit_mime = true;
    if (keyword == "SMTPUTF8") out.smtputf8 = true;
    if (keyword == "SIZE") {
      out.size = true;
      if (rest_of_line.size() > 1)
        std::from_chars(rest_of_line.data() + 1, rest_of_line.data() + rest_of_line.size(), out.most_bytes);
    }
    if (keyword == "AUTH") {
      const std::string padded = std::string(rest_of_line) + " ";
      out.auth_plain |= padded.find(" PLAIN ") != std::string::npos || padded.find("=PLAIN ") != std::string::npos;
      out.auth_login |= padded.find(" LOGIN ") != std::string::npos || padded.find("=LOGIN ") != std::string::npos;
    }
  }
  return out;
}

std::unexpected<Error> Session::unusable(const std::string& why) const {
  return fail(Fault::unavailable, "the mail server " + url_.host + ":" + std::to_string(url_.port) + " " + why);
}

Error Session::lost(const char* during, Error error) const {
  error.message = std::string("during ") + during + ": " + error.message;
  return error;
}

Task<Result<void>> Session::open() {
  auto connected = co_await connector_.connect({.host = url_.host, .port = url_.port}, limits_.connect);
  if (!connected) co_return std::unexpected(lost("connecting", std::move(connected.error())));
  stream_ = std::move(*connected);
  if (closed_) stream_->close();

  if (url_.tls == Tls::from_the_start) {
    auto encrypted = co_await stream_->start_tls(url_.host, limits_.greeting);
    if (!encrypted) co_return std::unexpected(lost("TLS", std::move(encrypted.error())));
    encrypted_ = true;
  }
  Reply greeting;
  auto welcomed = co_await reply(greeting, limits_.greeting);
  if (!welcomed) co_return std::unexpected(lost("the greeting", std::move(welcomed.error())));
  if (!greeting.positive()) co_return std::unexpected(judge(Stage::opening, greeting, {}));
  auto greeted = co_await greet();
  if (!greeted) co_return greeted;

  const bool wanted = url_.tls == Tls::demanded || (url_.tls == Tls::when_offered && abilities_.starttls);
  if (wanted) {
    auto started = co_await start_tls();
    if (!started) co_return started;
  }
  if (!url_.user.empty()) {
    auto authenticated = co_await authenticate();
    if (!authenticated) co_return authenticated;
  }
  co_return Result<void>{};
}

Task<Result<void>> Session::greet() {
  abilities_ = {};
  hello_ = client_name_.empty() ? address_literal(stream_->local_address()) : client_name_;
  const auto refused = [this](const char* command, const Reply& reply) {
    return unusable(
        "refused " + std::string(command) + " from " + hello_ +
        ", as we call ourselves (mail.hello_name): " + presentable(std::to_string(reply.code) + " " + reply.text, {}));
  };
  auto ehlo = co_await command("EHLO " + hello_ + "\r\n");
  if (!ehlo) co_return std::unexpected(lost("EHLO", std::move(ehlo.error())));
  if (ehlo->positive()) {
    abilities_ = abilities_of(*ehlo);
    co_return Result<void>{};
  }
  if (ehlo->code < 500) co_return refused("EHLO", *ehlo);
  // A server from before 1995 knows no extensions; it is spoken to plainly.
  auto helo = co_await command("HELO " + hello_ + "\r\n");
  if (!helo) co_return std::unexpected(lost("HELO", std::move(helo.error())));
  if (!helo->positive()) co_return refused("HELO", *helo);
  co_return Result<void>{};
}

// Nothing crosses a wire on the way to this same machine.
bool Session::in_clear_allowed() const {
  return encrypted_ || is_loopback(url_.host);
}

Task<Result<void>> Session::start_tls() {
  if (!abilities_.starttls) co_return unusable("does not offer STARTTLS, which the mail URL insists on");
  auto agreed = co_await command("STARTTLS\r\n");
  if (!agreed) co_return std::unexpected(lost("STARTTLS", std::move(agreed.error())));
  if (!agreed->positive()) {
    // Whoever could forge this answer could have taken STARTTLS out of the offer: no more is lost than there.
    if (url_.tls == Tls::when_offered) co_return Result<void>{};
    co_return unusable("refused STARTTLS with " + codes_of(*agreed));
  }
  // Whatever came behind the agreement came in the clear, perhaps from somebody between us, and would be believed as
  // if it had come under TLS.
  if (!reader_.empty()) co_return unusable("said more before TLS began than it may");
  // A mail server on this same machine mostly has a certificate for no name at all; it would be spoken to in the clear.
  const bool any_certificate = url_.tls == Tls::when_offered && is_loopback(url_.host);
  auto encrypted = co_await stream_->start_tls(any_certificate ? std::string() : url_.host, limits_.greeting);
  if (!encrypted) co_return std::unexpected(lost("TLS", std::move(encrypted.error())));
  encrypted_ = true;
  auto greeted = co_await greet();
  co_return greeted;
}

Task<Result<Reply>> Session::say_login() {
  auto answer = co_await command("AUTH LOGIN\r\n");
  if (answer && answer->code == 334) answer = co_await command(base64(url_.user) + "\r\n");
  if (answer && answer->code == 334) answer = co_await command(base64(url_.password.reveal()) + "\r\n");
  co_return answer;
}

Task<Result<void>> Session::authenticate() {
  if (!in_clear_allowed())
    co_return unusable("would hear the password in the clear: it offers no STARTTLS, or the mail URL forbids it");
  if (!abilities_.auth_plain && !abilities_.auth_login)
    co_return unusable("offers neither AUTH PLAIN nor AUTH LOGIN, and the mail URL names a user");
  Result<Reply> answer;
  bool refused_plain = false;
  if (abilities_.auth_plain) {
    const std::string zero(1, '\0');
    answer = co_await command("AUTH PLAIN " + base64(zero + url_.user + zero + url_.password.reveal()) + "\r\n");
    refused_plain = answer && !answer->positive() && against_mechanism(*answer);
  }
  if (abilities_.auth_login && (!abilities_.auth_plain || refused_plain)) answer = co_await say_login();
  if (!answer) co_return std::unexpected(lost("AUTH", std::move(answer.error())));
  if (!answer->positive())
    co_return unusable("refused AUTH with " + codes_of(*answer) + ": check the user and the password in the mail URL");
  co_return Result<void>{};
}

Task<Result<Reply>> Session::command(std::string line) {
  const Clock& clock = async::Loop::current()->clock();
  const SteadyTime deadline = clock.steady() + limits_.command;
  auto written = co_await write(line, limits_.command);
  if (!written) co_return std::unexpected(std::move(written.error()));
  Reply answer;
  auto answered = co_await reply(answer, deadline - clock.steady());
  if (!answered) co_return std::unexpected(std::move(answered.error()));
  co_return std::move(answer);
}

Task<Result<void>> Session::reply(Reply& into, Duration time_limit) {
  const Clock& clock = async::Loop::current()->clock();
  const SteadyTime deadline = clock.steady() + time_limit;
  for (;;) {
    switch (reader_.next(into)) {
      case ReplyReader::Found::reply:
        heard_ = true;
        co_return Result<void>{};
      case ReplyReader::Found::garbage:
        co_return unusable("does not speak SMTP: its answer is not a reply");
      case ReplyReader::Found::nothing_yet:
        break;
    }
    // With no time left, what is there is read all the same; the reader's bound ends one who never stops.
    const Duration left = std::max(deadline - clock.steady(), Duration::zero());
    auto got = co_await stream_->read_some(reader_.space(), left);
    if (!got) co_return std::unexpected(std::move(got.error()));
    if (*got == 0) co_return unusable("ended the connection");
    reader_.received(*got);
  }
}

Task<Result<void>> Session::write(std::string_view bytes, Duration time_limit) {
  return stream_->write_all(bytes, time_limit);
}

Task<void> Session::quit() {
  auto written = co_await stream_->write_all("QUIT\r\n", limits_.quit);
  if (written) {
    Reply answer;
    auto answered = co_await reply(answer, limits_.quit);
    (void)answered;  // we leave either way
  }
  close();
}

void Session::close() {
  closed_ = true;
  if (stream_) stream_->close();
}

}  // namespace globogym::mail::smtp
