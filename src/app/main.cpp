#include "app/main.h"

#include "app/cli/cli.h"
#include "app/process.h"

namespace globogym::app {

int run(int argc, char** argv) {
  if (!fill_standard_descriptors()) return cli::cannot_open;
  end_with_a_sentence_when_limits_are_met();
  return cli::run(argc, argv);
}

}  // namespace globogym::app
