// How attempts end that fail through no fault of a dependency's.
#include "functions/world_test.h"

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;

FunctionOptions storing() {
  return {.name = "storing", .dependency = {}, .max_attempts = 4};
}

// Answers with a commit that no engine takes.
class Confused final : public Function {
 public:
  const FunctionOptions& options() const override { return options_; }
  Task<Result<engine::Commit>> run(Invocation&) override {
    ++runs;
    engine::Commit commit;
    commit.documents.push_back({{"", "p", "x"}, "{}", engine::Expect::anything()});
    co_return commit;
  }
  Task<Result<engine::Commit>> on_parked(engine::Message, int, std::string, std::string) override {
    co_return engine::Commit{};
  }
  Task<Result<engine::Commit>> on_revived(engine::KeptMessage, domain::Intervention) override {
    co_return engine::Commit{};
  }
  Task<Result<engine::Commit>> on_discarded(engine::KeptMessage, domain::Intervention) override {
    co_return engine::Commit{};
  }

  int runs = 0;

 private:
  FunctionOptions options_ = storing();
};

TEST(Endings, a_conflict_is_run_again_so_many_times_and_then_counts) {
  World w;
  auto& function = w.add(storing());
  function.script = [](const Invocation&) { return fails_with(Fault::conflict); };
  w.put("storing", "m");
  w.start();

  EXPECT_TRUE(w.drain("storing"));

  const auto runs_of_an_attempt = static_cast<std::size_t>(w.options.reruns_after_conflict) + 1;
  EXPECT_EQ(function.starts.size(), 4 * runs_of_an_attempt);
}

TEST(Endings, a_result_that_the_engine_calls_invalid_is_parked_at_once) {
  World w;
  auto owned = std::make_unique<Confused>();
  Confused& function = *owned;
  w.host->add(std::move(owned));
  w.put("storing", "m");
  w.start();

  EXPECT_TRUE(w.drain("storing", 1min));

  EXPECT_EQ(function.runs, 1);
  const auto letter = w.message("storing", "m");
  ASSERT_TRUE(letter.has_value());
  EXPECT_EQ(letter->dead_reason, "invalid-result");
  EXPECT_EQ(letter->attempts, 1);
}

}  // namespace
}  // namespace globogym::functions
