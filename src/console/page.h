// The status page: one document, one script, one style sheet, served from here and loading nothing from elsewhere.
#pragma once

#include <string>

namespace globogym::console {

std::string page_html();
std::string page_script();
std::string page_style();

}  // namespace globogym::console
