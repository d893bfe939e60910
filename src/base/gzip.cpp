#include "base/gzip.h"

#include <zlib.h>

#include <limits>

#include "base/assert.h"

namespace globogym {

std::string gzip(std::string_view text) {
  constexpr int with_gzip_header = 15 + 16;
  constexpr int memory = 9;
  ASSERT(text.size() < std::numeric_limits<uInt>::max() / 2);
  z_stream stream{};
  const int begun = deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, with_gzip_header, memory, Z_DEFAULT_STRATEGY);
  ASSERT(begun == Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  // zlib only reads it; its signature is older than const.
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int done = deflate(&stream, Z_FINISH);
  ASSERT(done == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace globogym
