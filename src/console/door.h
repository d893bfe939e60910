// What a browser could be tricked into, seen from a request: was it meant for us, and did one of our own pages send it?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/http.h"

namespace globogym::console {

// Whether `host` (the value of a Host header) is an address, localhost or one of `names`. A name can be made to point
// at us by whoever owns it (DNS rebinding); an address cannot.
bool host_is_ours(std::string_view host, const std::vector<std::string>& names);

bool changes_something(std::string_view method);

// What a page on another site can make a browser send never carries the mark that this asks for without asking us
// first: a JSON content type, or X-Requested-With.
bool sent_deliberately(const http::Request& request);

// Whether the browser vouches that a page of ours sent it: what it says in Origin and Sec-Fetch-Site, of which it must
// say one at least.
bool sent_by_own_page(const http::Request& request);

}  // namespace globogym::console
