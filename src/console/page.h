// The status page and the sign-in page: documents, scripts and one style sheet, served from here and loading nothing
// from elsewhere. They hold no data: the scripts ask for it.
#pragma once

#include <string>

namespace globogym::console {

std::string page_html();
std::string page_script();
std::string page_style();
std::string page_icon();

std::string sign_in_html();
std::string sign_in_script();

}  // namespace globogym::console
