#include "engine/rocksdb/store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace globogym::engine::rocksdb {
namespace {

namespace fs = std::filesystem;

TEST(Store, its_advice_about_damage_can_be_pasted) {
  const fs::path data = fs::temp_directory_path() / ("globogym-store-" + std::to_string(::getpid()));
  fs::create_directories(data / "engine");
  std::ofstream(data / "engine" / "CURRENT") << "MANIFEST-000001\n";

  auto refused = Store::open({.directory = data / "engine"});
  fs::remove_all(data);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::damaged);
  EXPECT_TRUE(refused.error().message.ends_with("run: globogym verify --data " + data.string() +
                                                ", then: globogym recover --data " + data.string() + " --into NEW"))
      << refused.error().message;
}

}  // namespace
}  // namespace globogym::engine::rocksdb
