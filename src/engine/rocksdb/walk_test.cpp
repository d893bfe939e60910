#include "engine/rocksdb/walk.h"

#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <stdexcept>

#include "engine/rocksdb/trial_test.h"

namespace globogym::engine::rocksdb {
namespace {

using namespace trial;
namespace rdb = ::rocksdb;

// Damage ends at a key so close behind the last readable one that no place between them can be tried.
TEST(Walk, goes_on_behind_damage_whose_ends_are_next_to_each_other) {
  TemporaryDirectory root;
  const std::string before = "a\x01\xff\xff\xff\xff\xff\xff", damaged = before + "x", after = "a\x02";
  const std::string last = after + '\0';
  rdb::Options options;
  rdb::BlockBasedTableOptions blocks;
  blocks.block_size = 512;
  options.table_factory.reset(rdb::NewBlockBasedTableFactory(blocks));
  options.compression = rdb::kNoCompression;
  rdb::SstFileWriter writer(rdb::EnvOptions(), options);
  ASSERT_TRUE(writer.Open(root / "table.sst").ok());
  for (const auto& [key, filling] :
       {std::pair(before, '1'), std::pair(damaged, '2'), std::pair(after, '3'), std::pair(last, '4')})
    ASSERT_TRUE(writer.Put(key, std::string(1000, filling)).ok());
  ASSERT_TRUE(writer.Finish().ok());
  auto bytes = contents(root / "table.sst");
  bytes[bytes.find("2222")] = '0';
  overwrite(root / "table.sst", bytes);

  std::vector<std::string> found, lost;
  walk_table(
      options, root / "table.sst",
      [&](std::string_view key, std::string_view) {
        found.emplace_back(key);
        if (found.size() > 100) throw std::runtime_error("it does not come to an end");
      },
      [&](std::string what) { lost.push_back(std::move(what)); });

  // RocksDB cannot step back onto a key right behind the damage, so the one after it may be all there is.
  ASSERT_GE(found.size(), 2u);
  EXPECT_EQ(found.front(), before);
  EXPECT_EQ(found.back(), last);
  EXPECT_EQ(std::ranges::count(found, damaged), 0);
  EXPECT_EQ(lost.size(), 1u);
}

}  // namespace
}  // namespace globogym::engine::rocksdb
