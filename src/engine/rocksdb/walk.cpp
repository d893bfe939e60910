#include "engine/rocksdb/walk.h"

#include <rocksdb/file_checksum.h>
#include <rocksdb/sst_file_reader.h>

#include <cctype>
#include <cstdint>
#include <fstream>
#include <memory>
#include <vector>

namespace globogym::engine::rocksdb {

namespace rdb = ::rocksdb;

namespace {

std::string_view view(const rdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

std::string quoted(std::string_view key) {
  return "\"" + readable(key) + "\"";
}

// From a readable place back to the edge of the damage that lies between it and `last`: the first readable key after
// it.
std::string edge_of(rdb::Iterator& iterator, const std::string& last) {
  std::string edge(view(iterator.key()));
  for (iterator.Prev(); iterator.Valid() && view(iterator.key()) > last; iterator.Prev()) edge = view(iterator.key());
  return edge;
}

// A key that lies `step` of 256 steps of the way from `low` to `high`, which is greater.
std::string between(const std::string& low, const std::string& high, unsigned step) {
  std::size_t common = 0;
  while (common < low.size() && common < high.size() && low[common] == high[common]) ++common;
  auto fraction = [&](const std::string& key) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 6; ++i)
      value = value << 8 | (common + i < key.size() ? static_cast<unsigned char>(key[common + i]) : 0u);
    return value;
  };
  const std::uint64_t from = fraction(low), to = fraction(high);
  std::uint64_t value = from + (to - from) * step / 256;
  std::string key = low.substr(0, common);
  for (int shift = 40; shift >= 0; shift -= 8) key += static_cast<char>(value >> shift);
  return key;
}

// The first readable key of a table after a damaged stretch that begins after `last`; empty when there is none. The end
// is reached from behind; then places in between are tried, because there may be more than one stretch.
std::string after_damage(rdb::SstFileReader& table, const std::string& last) {
  auto iterate = [&] { return std::unique_ptr<rdb::Iterator>(table.NewIterator(rdb::ReadOptions())); };
  std::string found;
  if (auto iterator = iterate(); iterator->SeekToLast(), iterator->Valid() && view(iterator->key()) > last)
    found = edge_of(*iterator, last);
  for (unsigned step = 1; step < 256; ++step) {
    auto iterator = iterate();
    iterator->Seek(between(last, found.empty() ? std::string(6, '\xff') : found, step));
    if (!iterator->Valid() || view(iterator->key()) <= last) continue;
    if (!found.empty() && view(iterator->key()) >= found) continue;
    return edge_of(*iterator, last);
  }
  return found;
}

}  // namespace

void walk(rdb::DB& db, rdb::ColumnFamilyHandle* family,
          const std::function<void(std::string_view, std::string_view)>& record,
          const std::function<void(std::string)>& lost) {
  std::unique_ptr<rdb::Iterator> iterator(db.NewIterator(rdb::ReadOptions(), family));
  std::string last;
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    record(view(iterator->key()), view(iterator->value()));
    last = view(iterator->key());
  }
  if (!iterator->status().ok()) lost("after " + quoted(last));
}

void walk_table(const rdb::Options& options, const std::string& path,
                const std::function<void(std::string_view, std::string_view)>& record,
                const std::function<void(std::string)>& lost) {
  const std::string name = path.substr(path.rfind('/') + 1);
  rdb::SstFileReader table(options);
  if (auto status = table.Open(path); !status.ok()) {
    lost("all of " + name + ": " + status.ToString());
    return;
  }
  std::string last;
  std::unique_ptr<rdb::Iterator> iterator(table.NewIterator(rdb::ReadOptions()));
  iterator->SeekToFirst();
  for (;;) {
    for (; iterator->Valid(); iterator->Next()) {
      record(view(iterator->key()), view(iterator->value()));
      last = view(iterator->key());
    }
    if (iterator->status().ok()) return;
    const std::string next = after_damage(table, last);
    lost("in " + name + " after " + quoted(last) + (next.empty() ? " to its end" : " and before " + quoted(next)));
    if (next.empty()) return;
    iterator.reset(table.NewIterator(rdb::ReadOptions()));
    iterator->Seek(next);
  }
}

bool table_checks(const std::string& path, const std::string& expected) {
  auto factory = rdb::GetFileChecksumGenCrc32cFactory();
  auto generator = factory->CreateFileChecksumGenerator(rdb::FileChecksumGenContext());
  std::ifstream in(path, std::ios::binary);
  std::vector<char> block(std::size_t{1} << 20);
  while (in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    if (in.gcount() > 0) generator->Update(block.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (!in.eof()) return false;
  generator->Finalize();
  return generator->GetChecksum() == expected;
}

std::string readable(std::string_view key) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (unsigned char c : key) {
    if (c < 0x7f && std::isprint(c)) {
      out += static_cast<char>(c);
    } else if (c == 0) {
      out += '/';
    } else {
      out += "\\x";
      out += digits[c >> 4];
      out += digits[c & 15];
    }
  }
  return out;
}

}  // namespace globogym::engine::rocksdb
