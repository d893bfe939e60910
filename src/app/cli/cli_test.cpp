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

TEST(CliDeathTest, a_word_that_is_not_known_is_named_with_what_may_have_been_meant) {
  const auto says = [](std::vector<std::string> words, const char* what) {
    EXPECT_EXIT(run_into("/dev/null", words), testing::ExitedWithCode(usage), what) << words.back();
  };
  says({"serve", "--lisen", ":1"},
       "--lisen is no option of `globogym serve`; did you mean --listen.\nWhat there is: globogym serve --help");
  says({"serve", "--data", "x", "--lisen=:1"}, "--lisen is no option of `globogym serve`; did you mean --listen");
  says({"sevre"}, "`globogym` knows no command sevre; did you mean serve.\n");
  says({"keys", "creat"}, "`globogym keys` knows no command creat; did you mean create");
  says({"keys", "create", "--nmae", "x"}, "did you mean --name");
  says({"keys", "--json", "create"}, "--json is no option of `globogym keys`");
  says({"xyzzy"}, "`globogym` knows no command xyzzy\\.");
  says({"keys"}, "What there is: globogym keys --help");
  says({}, "What there is: globogym --help");
  says({"keys", "create", "--name"}, "--name");
}

TEST(CliDeathTest, an_empty_name_is_no_directory) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"backup", "--into", ""},
                                                                 {"restore", "--from", ""},
                                                                 {"recover", "--into", ""},
                                                                 {"letters", "templates", "--into", ""}})
    EXPECT_EXIT(run_into("/dev/full", words), testing::ExitedWithCode(usage),
                "globogym: --(into|from): name a directory")
        << words.front();
}

TEST(CliDeathTest, nothing_that_is_looked_for_is_wrong_usage) {
  for (const auto* query : {"", "  "})
    EXPECT_EXIT(run_into("/dev/full", {"find", query, "--data", "/nonexistent/globogym"}),
                testing::ExitedWithCode(usage), "globogym: give an e-mail address, a membership number or an id\n");
}

}  // namespace
}  // namespace globogym::app::cli
