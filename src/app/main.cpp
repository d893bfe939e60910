#include "app/main.h"

#include "app/cli/cli.h"

namespace globogym::app {

int run(int argc, char** argv) {
  return cli::run(argc, argv);
}

}  // namespace globogym::app
