// The command line: what was written becomes one command, and the command's outcome an exit code.
#pragma once

namespace globogym::app::cli {

enum ExitCode : int {
  done = 0,
  answer_is_no = 1,  // not found, problems found
  usage = 2,         // the command line or the configuration
  cannot_open = 3,   // cannot reach or open what is needed
};

int run(int argc, char** argv);

}  // namespace globogym::app::cli
