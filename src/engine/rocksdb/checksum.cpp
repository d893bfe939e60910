// RocksDB's CRC-32C, by the processor's own instruction where there is one.
//
// Debian builds RocksDB for any x86-64, without that instruction, and checksums every record of its log: a tenth of the
// committer's time. The linker sends RocksDB's calls here (--wrap, see src/CMakeLists.txt). The result is the same.
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

// The mangled name of rocksdb::crc32c::Extend(unsigned, char const*, unsigned long).
extern "C" std::uint32_t __real__ZN7rocksdb6crc32c6ExtendEjPKcm(std::uint32_t crc, const char* bytes, std::size_t size);
extern "C" std::uint32_t __wrap__ZN7rocksdb6crc32c6ExtendEjPKcm(std::uint32_t crc, const char* bytes, std::size_t size);

#if defined(__x86_64__)
namespace {

__attribute__((target("sse4.2"))) std::uint32_t extend(std::uint32_t crc, const char* bytes, std::size_t size) {
  std::uint64_t state = ~crc;
  for (; size >= 8; bytes += 8, size -= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes, sizeof word);
    state = _mm_crc32_u64(state, word);
  }
  auto rest = static_cast<std::uint32_t>(state);
  for (; size > 0; ++bytes, --size) rest = _mm_crc32_u8(rest, static_cast<unsigned char>(*bytes));
  return ~rest;
}

}  // namespace
#endif

std::uint32_t __wrap__ZN7rocksdb6crc32c6ExtendEjPKcm(std::uint32_t crc, const char* bytes, std::size_t size) {
#if defined(__x86_64__)
  static const bool supported = __builtin_cpu_supports("sse4.2");
  if (supported) return extend(crc, bytes, size);
#endif
  return __real__ZN7rocksdb6crc32c6ExtendEjPKcm(crc, bytes, size);
}
