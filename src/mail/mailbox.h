// An e-mail address that may be written into a command or a header.
//
// Made by parse() only, which refuses whatever could end a line, close a bracket or exceed RFC 5321's limits: injection
// is impossible by construction, not by escaping. The domain is kept as an A-label (RFC 5891). It is personal data:
// there is no way to print one.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace globogym::mail {

class Mailbox {
 public:
  // `address` is local@domain (dot-atom or quoted local part, host name or address literal), at most 254 bytes with its
  // domain as A-label. `name` is what people see: UTF-8 without control characters, at most 1,000 bytes. The error
  // (invalid) does not repeat what was written.
  static Result<Mailbox> parse(std::string_view address, std::string_view name = {});
  // As in configuration: `GloboGym <welcome@globogym.example>` or a plain address.
  static Result<Mailbox> parse_named(std::string_view text);

  const std::string& address() const { return address_; }
  const std::string& name() const { return name_; }
  std::string_view domain() const { return std::string_view(address_).substr(address_.rfind('@') + 1); }
  // The local part is not ASCII: only a server with SMTPUTF8 (RFC 6531) can take it.
  bool needs_smtputf8() const { return needs_smtputf8_; }

 private:
  std::string address_;
  std::string name_;
  bool needs_smtputf8_ = false;
};

}  // namespace globogym::mail
