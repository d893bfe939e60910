// What a browser finds at the public address.
#pragma once

#include "http/http.h"

namespace globogym::gateway {

http::Response home_page();

}  // namespace globogym::gateway
