// The program: `globogym serve` and the commands that look after it.
#pragma once

namespace globogym::app {

// 0 done, 1 the answer is no, 2 usage or configuration, 3 cannot reach or open.
int run(int argc, char** argv);

}  // namespace globogym::app
