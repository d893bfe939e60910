#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "base/random.h"

extern "C" std::uint32_t __real__ZN7rocksdb6crc32c6ExtendEjPKcm(std::uint32_t crc, const char* bytes, std::size_t size);
extern "C" std::uint32_t __wrap__ZN7rocksdb6crc32c6ExtendEjPKcm(std::uint32_t crc, const char* bytes, std::size_t size);

namespace globogym::engine::rocksdb {
namespace {

TEST(Checksum, is_the_one_of_the_standard) {
  const std::string digits = "123456789";
  EXPECT_EQ(__wrap__ZN7rocksdb6crc32c6ExtendEjPKcm(0, digits.data(), digits.size()), 0xe3069283u);  // RFC 3720, B.4
}

TEST(Checksum, is_the_one_rocksdb_computes_itself_whatever_the_length_alignment_and_start) {
  SeededRandom random(1);
  std::string bytes(5000, '\0');
  random.fill({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
  for (int i = 0; i < 2000; ++i) {
    const auto from = random.below(64);
    const auto size = random.below(i % 2 ? 40 : bytes.size() - 64);
    const auto start = static_cast<std::uint32_t>(random.u64());
    ASSERT_EQ(__wrap__ZN7rocksdb6crc32c6ExtendEjPKcm(start, bytes.data() + from, size),
              __real__ZN7rocksdb6crc32c6ExtendEjPKcm(start, bytes.data() + from, size))
        << from << " " << size;
  }
}

}  // namespace
}  // namespace globogym::engine::rocksdb
