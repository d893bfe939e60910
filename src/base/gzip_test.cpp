#include "base/gzip.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace globogym {
namespace {

std::string unpacked(const std::string& packed, std::size_t size) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(size + 1, '\0');
  std::string in = packed;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0u) << "nothing stands behind it";
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(Gzip, is_read_by_everybody_as_it_was) {
  std::string all_bytes;
  for (unsigned i = 0; i < 100'000; ++i) all_bytes += static_cast<char>(i * i + i / 256);
  for (const std::string& text : {std::string(), std::string("a"), std::string(1'000'000, 'x'), all_bytes}) {
    const std::string packed = gzip(text);
    EXPECT_EQ(unpacked(packed, text.size()), text);
    EXPECT_EQ(packed, gzip(text)) << "the same each time, time stamp and all";
  }
  EXPECT_LT(gzip(std::string(1'000'000, 'x')).size(), 2000u);
}

}  // namespace
}  // namespace globogym
