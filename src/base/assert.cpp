#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace globogym {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr,
               "{\"level\":\"critical\",\"event\":\"assertion-failed\",\"expression\":\"%s\",\"at\":\"%s:%d\"}\n",
               expression, file, line);
  std::abort();
}

}  // namespace globogym
