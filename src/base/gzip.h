// Text as gzip (RFC 1952), for what is made while running and sent often. What is built in was compressed before.
#pragma once

#include <string>
#include <string_view>

namespace globogym {

// As small as it gets: some milliseconds for 100 KiB.
std::string gzip(std::string_view text);

}  // namespace globogym
