// The letters as the configuration asks for them: ours, or with templates from the directory `mail.templates`.
#pragma once

#include "app/config.h"
#include "base/result.h"
#include "mail/writer.h"

namespace globogym::app {

//   invalid   a template is wrong: which, on which line, and what would be right; or the directory holds none
Result<mail::Writer> letter_writer(const Config& config);

// Of the letters alone, for whoever wants to look at one.
Result<domain::Letters> read_letters(const Config& config);

}  // namespace globogym::app
