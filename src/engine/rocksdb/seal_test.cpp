// The two small files by themselves: what stands in them, and that neither can be torn in a way that goes unnoticed.
#include "engine/rocksdb/seal.h"

#include <cstring>

#include "engine/rocksdb/trial_test.h"

namespace globogym::engine::rocksdb {
namespace {

using namespace trial;

// The two copies as they stand in the file.
std::pair<std::uint64_t, std::uint64_t> copies(const std::string& directory) {
  const auto page = contents(directory + "/SYNCED");
  EXPECT_EQ(page.size(), 4096u);
  std::uint64_t first = 0, second = 0;
  std::memcpy(&first, page.data(), sizeof first);
  std::memcpy(&second, page.data() + 512, sizeof second);
  return {first, second};
}

class Mark : public testing::Test {
 protected:
  Mark() { fs::create_directory(directory_); }
  std::uint64_t read() {
    auto reading = SyncedMark::read(directory_);
    EXPECT_TRUE(reading && *reading);
    return reading && *reading ? (*reading)->sequence : 0;
  }
  TemporaryDirectory root_;
  const std::string directory_ = root_ / "engine";
};

TEST_F(Mark, is_written_into_its_two_copies_by_turns_so_that_a_torn_write_leaves_the_other) {
  auto mark = SyncedMark::open(directory_);
  ASSERT_TRUE(mark);
  for (std::uint64_t sequence = 1; sequence < 8; ++sequence) {
    (*mark)->advance(sequence);
    const auto [first, second] = copies(directory_);
    EXPECT_EQ(std::max(first, second), sequence);
    EXPECT_EQ(std::min(first, second), sequence - 1) << "the copy before is left alone";
    EXPECT_EQ(read(), sequence);
  }
}

TEST_F(Mark, a_torn_copy_leaves_the_one_before_and_is_said) {
  auto mark = SyncedMark::open(directory_);
  ASSERT_TRUE(mark);
  (*mark)->advance(41);
  (*mark)->advance(42);
  mark->reset();
  for (const std::size_t at : {std::size_t{0}, std::size_t{512}}) {
    const auto whole = contents(directory_ + "/SYNCED");
    auto torn = whole;
    std::uint64_t lost = 0;
    std::memcpy(&lost, torn.data() + at, sizeof lost);
    torn[at + 9] = static_cast<char>(torn[at + 9] ^ 1);
    overwrite(directory_ + "/SYNCED", torn);

    auto reading = SyncedMark::read(directory_);

    ASSERT_TRUE(reading && *reading);
    EXPECT_EQ((*reading)->sequence, lost == 42 ? 41u : 42u);
    EXPECT_TRUE((*reading)->slot_damaged);
    overwrite(directory_ + "/SYNCED", whole);
  }
}

TEST_F(Mark, goes_on_from_where_it_was_and_both_copies_are_whole_again) {
  {
    auto mark = SyncedMark::open(directory_);
    ASSERT_TRUE(mark);
    (*mark)->advance(41);
    (*mark)->advance(42);
  }
  auto torn = contents(directory_ + "/SYNCED");
  torn[9] = static_cast<char>(torn[9] ^ 1);
  overwrite(directory_ + "/SYNCED", torn);
  const auto before = read();

  auto mark = SyncedMark::open(directory_);

  ASSERT_TRUE(mark);
  EXPECT_EQ((*mark)->sequence(), before);
  auto reading = SyncedMark::read(directory_);
  ASSERT_TRUE(reading && *reading);
  EXPECT_FALSE((*reading)->slot_damaged);
  EXPECT_EQ((*reading)->sequence, before);
}

TEST_F(Mark, an_open_seal_vouches_for_what_does_not_change_and_a_clean_one_for_everything) {
  for (const auto* name : {"IDENTITY", "OPTIONS-000007", "MANIFEST-000005", "CURRENT", "000009.sst", "000008.log",
                           "SYNCED", "LOCK", "SEAL", "SEAL.new"})
    overwrite(directory_ + "/" + name, name);
  const auto names = [&](bool clean) {
    auto seal = take_seal(directory_, clean);
    EXPECT_TRUE(seal);
    std::string all;
    for (const auto& file : seal->files) all += file.name + " ";
    return all;
  };
  EXPECT_EQ(names(false), "IDENTITY MANIFEST-000005 OPTIONS-000007 ");
  EXPECT_EQ(names(true), "000008.log 000009.sst CURRENT IDENTITY MANIFEST-000005 OPTIONS-000007 ");
}

TEST_F(Mark, of_an_open_seal_only_a_file_that_a_later_one_has_replaced_may_be_missing) {
  for (const auto* name : {"IDENTITY", "OPTIONS-000007", "OPTIONS-000009", "MANIFEST-000005"})
    overwrite(directory_ + "/" + name, name);
  auto seal = take_seal(directory_, false);
  ASSERT_TRUE(seal);
  EXPECT_TRUE(broken_seals(directory_, *seal).empty());

  fs::remove(directory_ + "/OPTIONS-000007");
  EXPECT_EQ(broken_seals(directory_, *seal).size(), 1u) << "a later one, which is sealed too, does not replace it";
  overwrite(directory_ + "/OPTIONS-000011", "later");
  EXPECT_TRUE(broken_seals(directory_, *seal).empty());
  fs::remove(directory_ + "/MANIFEST-000005");
  overwrite(directory_ + "/MANIFEST-000004", "earlier");
  EXPECT_EQ(broken_seals(directory_, *seal).size(), 1u) << "an earlier one does not";
  overwrite(directory_ + "/MANIFEST-1000000", "later");
  EXPECT_TRUE(broken_seals(directory_, *seal).empty());
  overwrite(directory_ + "/IDENTITY", "IDENTITYY");
  EXPECT_EQ(broken_seals(directory_, *seal).size(), 1u) << "only a manifest may grow";
}

}  // namespace
}  // namespace globogym::engine::rocksdb
