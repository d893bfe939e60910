// The way to the operations API of a data directory, whether or not a server runs on it.
//
// Beside a running server its control socket answers; on a stopped one's directory the engine is opened here and the
// same console handler is called in this process. A command cannot tell the difference.
#pragma once

#include <memory>
#include <string>

#include "app/config.h"
#include "base/result.h"

namespace globogym::app::cli {

struct Answer {
  unsigned status = 0;
  std::string body;
};

class Operations {
 public:
  enum class Missing { is_error, is_created };  // what a data directory that is not there means

  // unavailable, damaged: neither does a server answer, which takes 5 seconds to tell of one that hangs, nor can the
  // directory be opened; the message says why.
  static Result<std::unique_ptr<Operations>> reach(const Config& config, Missing missing);
  virtual ~Operations() = default;

  // Asks and waits for the whole answer. `target` begins with /admin/v1 and is percent-encoded.
  virtual Result<Answer> ask(std::string_view method, std::string_view target, std::string_view body = {}) = 0;
};

// A server listens in this directory, whether or not it answers. Of one that may not be looked into it is not known.
bool server_is_running(const std::string& data);

// unavailable: a server listens in this directory and gives none.
Result<void> sign_of_life(const std::string& data);

// `text` as one segment of a path or one value of a query.
std::string percent_encoded(std::string_view text);

}  // namespace globogym::app::cli
