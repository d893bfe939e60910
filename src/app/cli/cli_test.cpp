#include "app/cli/cli.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

namespace globogym::app::cli {
namespace {

// Runs a command whose standard output goes to `path`; ends the process with the command's exit code.
[[noreturn]] void run_into(const char* path, std::vector<std::string> words) {
  if (std::freopen(path, "w", stdout) == nullptr) ::_exit(99);
  words.insert(words.begin(), "globogym");
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  ::_exit(run(static_cast<int>(arguments.size()), arguments.data()));
}

TEST(CliDeathTest, an_answer_that_cannot_be_written_is_no_success) {
  EXPECT_EXIT(run_into("/dev/full", {"config", "default"}), testing::ExitedWithCode(cannot_open),
              "could not be written to standard output");
  EXPECT_EXIT(run_into("/dev/full", {"--version"}), testing::ExitedWithCode(cannot_open), "could not be written");
  EXPECT_EXIT(run_into("/dev/null", {"config", "default"}), testing::ExitedWithCode(done), "^$");
}

TEST(CliDeathTest, wrong_usage_stays_wrong_usage) {
  EXPECT_EXIT(run_into("/dev/full", {"sevre"}), testing::ExitedWithCode(usage), "");
}

}  // namespace
}  // namespace globogym::app::cli
