// One question to the operations API, and what to make of its answer.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "app/cli/commands.h"
#include "app/cli/operations.h"
#include "base/json_reader.h"

namespace globogym::app::cli {

using Missing = Operations::Missing;

// Says the sentence on stderr; `code`.
int complain(std::string_view sentence, int code);

// An answer that is a refusal: says why, and gives the exit code.
int refused(const Context& context, const Answer& answer);

// Asks once; `show` gets the body of a good answer, which with --json is printed as it is.
int ask(const Context& context, Missing missing, std::string_view method, const std::string& target,
        const std::string& body, const std::function<void(const JsonValue&)>& show);

// "-" when it has none.
std::string text_or_dash(const JsonValue& object, std::string_view name);

}  // namespace globogym::app::cli
