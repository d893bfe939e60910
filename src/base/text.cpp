#include "base/text.h"

#include <array>
#include <cstring>

namespace globogym {
namespace {

constexpr char base32_alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char base64url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char hex_alphabet[] = "0123456789abcdef";

constexpr auto values_of(const char* alphabet, int size) {
  std::array<signed char, 256> values{};
  values.fill(-1);
  for (int i = 0; i < size; ++i) values[static_cast<unsigned char>(alphabet[i])] = static_cast<signed char>(i);
  return values;
}

constexpr auto base32_values = values_of(base32_alphabet, 32);
constexpr auto base64url_values = values_of(base64url_alphabet, 64);

// Twelve bits as two characters.
constexpr auto pairs_of(const char* alphabet) {
  std::array<std::array<char, 2>, 4096> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {alphabet[i >> 6], alphabet[i & 63]};
  return pairs;
}
constexpr auto base64_pairs = pairs_of(base64_alphabet);
constexpr auto base64url_pairs = pairs_of(base64url_alphabet);

void append_base64_with(std::string& out, const std::array<std::array<char, 2>, 4096>& pairs, bool pad,
                        const unsigned char* bytes, std::size_t size) {
  const std::size_t before = out.size(), rest = size % 3, last = rest == 0 ? 0 : pad ? 4 : rest + 1;
  const std::size_t whole = before + size / 3 * 4 + last;
  // What libstdc++ 12 hands over is not always the size that was asked for.
  out.resize_and_overwrite(whole, [&](char* begin, std::size_t) {
    char* to = begin + before;
    const auto put = [&](std::uint32_t chunk, std::size_t characters) {
      std::array<char, 4> four;
      std::memcpy(four.data(), pairs[chunk >> 12].data(), 2);
      std::memcpy(four.data() + 2, pairs[chunk & 4095].data(), 2);
      std::memcpy(to, four.data(), characters);
      to += characters;
    };
    for (; size >= 3; bytes += 3, size -= 3)
      put(std::uint32_t{bytes[0]} << 16 | std::uint32_t{bytes[1]} << 8 | bytes[2], 4);
    if (size == 0) return whole;
    put(std::uint32_t{bytes[0]} << 16 | (size > 1 ? std::uint32_t{bytes[1]} << 8 : 0), size + 1);
    for (; pad && size < 3; ++size) *to++ = '=';
    return whole;
  });
}

constexpr std::uint64_t every_byte(std::uint64_t byte) {
  return byte * 0x0101010101010101u;
}

std::uint64_t eight_at(const char* text) {
  std::uint64_t eight;
  std::memcpy(&eight, text, 8);
  return eight;
}

// Whether one of eight bytes does not stand for itself in a JSON string.
bool needs_escaping(std::uint64_t eight) {
  const std::uint64_t quote = eight ^ every_byte('"'), backslash = eight ^ every_byte('\\');
  // The highest bit of a byte is set where it is less than 0x20, or zero in one of the other two.
  const std::uint64_t found = ((eight - every_byte(0x20)) & ~eight) | ((quote - every_byte(1)) & ~quote) |
                              ((backslash - every_byte(1)) & ~backslash);
  return (found & every_byte(0x80)) != 0;
}

}  // namespace

std::string base32(std::span<const unsigned char> bytes) {
  std::string out;
  out.reserve((bytes.size() * 8 + 4) / 5);
  std::uint32_t held = 0;
  int bits = 0;
  for (unsigned char byte : bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += base32_alphabet[(held >> bits) & 31];
    }
  }
  if (bits > 0) out += base32_alphabet[(held << (5 - bits)) & 31];
  return out;
}

std::optional<std::vector<unsigned char>> parse_base32(std::string_view text) {
  std::vector<unsigned char> out;
  out.reserve(text.size() * 5 / 8);
  std::uint32_t held = 0;
  int bits = 0;
  for (char c : text) {
    const int value = base32_values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    held = (held << 5) | static_cast<std::uint32_t>(value);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<unsigned char>(held >> bits));
    }
  }
  return out;
}

std::string hex(std::span<const unsigned char> bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (unsigned char byte : bytes) {
    out += hex_alphabet[byte >> 4];
    out += hex_alphabet[byte & 15];
  }
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out;
  append_base64(out, bytes);
  return out;
}

void append_base64(std::string& out, std::string_view bytes) {
  append_base64_with(out, base64_pairs, true, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::string base64url(std::span<const unsigned char> bytes) {
  std::string out;
  append_base64_with(out, base64url_pairs, false, bytes.data(), bytes.size());
  return out;
}

std::optional<std::string> parse_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t held = 0;
  int bits = 0;
  for (char c : text) {
    const int value = base64url_values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    held = (held << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(held >> bits);
    }
  }
  if ((held & ((1u << bits) - 1)) != 0) return std::nullopt;
  return out;
}

void append_json_escaped(std::string& out, std::string_view text) {
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    while (text.size() - i > 8 && !needs_escaping(eight_at(text.data() + i))) i += 8;
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') [[likely]]
      continue;
    out.append(text, from, i - from);
    from = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += hex_alphabet[c >> 4];
        out += hex_alphabet[c & 15];
    }
  }
  out.append(text, from);
}

bool is_utf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = p + text.size();
  auto tail = [&](int n) {
    for (int i = 1; i <= n; ++i)
      if (p + i >= end || (p[i] & 0xc0) != 0x80) return false;
    return true;
  };
  while (p < end) {
    if (*p < 0x80) {
      while (end - p > 8 && (eight_at(reinterpret_cast<const char*>(p)) & every_byte(0x80)) == 0) p += 8;
      if (*p < 0x80) ++p;
    } else if (*p >= 0xc2 && *p <= 0xdf) {
      if (!tail(1)) return false;
      p += 2;
    } else if (*p >= 0xe0 && *p <= 0xef) {
      if (!tail(2)) return false;
      if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f)) return false;
      p += 3;
    } else if (*p >= 0xf0 && *p <= 0xf4) {
      if (!tail(3)) return false;
      if ((*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f)) return false;
      p += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace globogym
