#include "base/text.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace globogym {
namespace {

std::span<const unsigned char> bytes(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string escaped(std::string_view text) {
  std::string out = "<";
  append_json_escaped(out, text);
  return out.substr(1);
}

TEST(Base32, encodes_known_vectors_in_crockfords_alphabet) {
  // RFC 4648's vectors, carried over to Crockford's alphabet and without padding.
  EXPECT_EQ(base32(bytes("")), "");
  EXPECT_EQ(base32(bytes("f")), "cr");
  EXPECT_EQ(base32(bytes("fo")), "csqg");
  EXPECT_EQ(base32(bytes("foo")), "csqpy");
  EXPECT_EQ(base32(bytes("foob")), "csqpyrg");
  EXPECT_EQ(base32(bytes("fooba")), "csqpyrk1");
  EXPECT_EQ(base32(bytes("foobar")), "csqpyrk1e8");
  EXPECT_EQ(base32(bytes(std::string(5, '\xff'))), "zzzzzzzz");
}

TEST(Base32, is_read_back_whatever_the_bytes) {
  SeededRandom random(1);
  for (std::size_t size = 0; size < 70; ++size) {
    std::vector<unsigned char> original(size);
    random.fill(original);
    EXPECT_EQ(parse_base32(base32(original)), original);
  }
}

TEST(Base32, sorts_like_the_bytes_do) {
  SeededRandom random(2);
  for (int i = 0; i < 1000; ++i) {
    std::vector<unsigned char> a(10), b(10);
    random.fill(a);
    random.fill(b);
    b[0] = a[0];
    EXPECT_EQ(a < b, base32(a) < base32(b));
  }
}

TEST(Base32, refuses_every_other_character) {
  for (int c = 0; c < 256; ++c) {
    const char character = static_cast<char>(c);
    const bool known = std::string_view("0123456789abcdefghjkmnpqrstvwxyz").find(character) != std::string_view::npos;
    EXPECT_EQ(parse_base32(std::string(8, character)).has_value(), known) << c;
  }
}

TEST(Hex, is_lower_case_with_two_digits_a_byte) {
  EXPECT_EQ(hex(bytes(std::string_view("\x00\x0f\xa0\xff", 4))), "000fa0ff");
  EXPECT_EQ(hex({}), "");
}

TEST(Base64, encodes_the_vectors_of_rfc_4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xfb\xff\xfe"), "+//+");
}

TEST(Base64, its_url_form_has_no_padding_and_other_last_characters) {
  EXPECT_EQ(base64url(bytes("")), "");
  EXPECT_EQ(base64url(bytes("f")), "Zg");
  EXPECT_EQ(base64url(bytes("fo")), "Zm8");
  EXPECT_EQ(base64url(bytes("\xfb\xff\xfe")), "-__-");
}

TEST(JsonEscaping, escapes_what_must_be_and_nothing_else) {
  EXPECT_EQ(escaped("plain text, é, 李, 😀, / and \x7f"), "plain text, é, 李, 😀, / and \x7f");
  EXPECT_EQ(escaped("\"\\"), "\\\"\\\\");
  EXPECT_EQ(escaped("a\nb\rc\td"), "a\\nb\\rc\\td");
  EXPECT_EQ(escaped(std::string_view("\0\x01\x08\x0c\x1f", 5)), "\\u0000\\u0001\\u0008\\u000c\\u001f");
  EXPECT_EQ(escaped(""), "");
}

TEST(Utf8, well_formed_text_is_accepted) {
  for (std::string_view good :
       {std::string_view(""), std::string_view("ascii"), std::string_view("\0", 1), std::string_view("\x7f"),
        std::string_view("\xc2\x80"), std::string_view("\xdf\xbf"), std::string_view("\xe0\xa0\x80"),
        std::string_view("\xed\x9f\xbf"), std::string_view("\xee\x80\x80"), std::string_view("\xef\xbf\xbf"),
        std::string_view("\xf0\x90\x80\x80"), std::string_view("\xf4\x8f\xbf\xbf"), std::string_view("κόσμε")})
    EXPECT_TRUE(is_utf8(good)) << good;
}

TEST(Utf8, overlong_forms_surrogates_and_stray_bytes_are_refused) {
  for (const char* bad : {"\x80",
                          "\xbf",
                          "\xc0\x80",
                          "\xc1\xbf",
                          "\xc3",
                          "\xc3(",
                          "\xe0\x80\x80",
                          "\xe0\x9f\xbf",
                          "\xe2\x82",
                          "\xe2\x28\xa1",
                          "\xed\xa0\x80",
                          "\xed\xbf\xbf",
                          "\xf0\x80\x80\x80",
                          "\xf0\x8f\xbf\xbf",
                          "\xf0\x9f\x98",
                          "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80",
                          "\xfe",
                          "\xff",
                          "ok\xc3"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
}

// Every code point, encoded by the definition.
TEST(Utf8, exactly_the_scalar_values_are_accepted) {
  for (std::uint32_t c = 0; c <= 0x10FFFF + 100; ++c) {
    std::string text;
    if (c < 0x80) {
      text = {static_cast<char>(c)};
    } else if (c < 0x800) {
      text = {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
    } else if (c < 0x10000) {
      text = {static_cast<char>(0xe0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
              static_cast<char>(0x80 | (c & 63))};
    } else {
      text = {static_cast<char>(0xf0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 63)),
              static_cast<char>(0x80 | (c >> 6 & 63)), static_cast<char>(0x80 | (c & 63))};
    }
    const bool scalar = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
    ASSERT_EQ(is_utf8(text), scalar) << c;
    if (c > 0x7f) {
      ASSERT_FALSE(is_utf8(text.substr(0, text.size() - 1))) << c;
    }
  }
}

TEST(Utf8, damage_is_found_wherever_it_is) {
  const std::string good = repeated("aé李😀", 20);
  ASSERT_TRUE(is_utf8(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = '\xff';
    EXPECT_FALSE(is_utf8(bad)) << i;
  }
}

TEST(Base64url, is_read_back_and_has_one_spelling) {
  for (const std::string& bytes : {std::string(), std::string("f"), std::string("fo"), std::string("foo"),
                                   std::string("\xff\xfe\x00\x01", 4), repeated("\xfb\xef\xbe", 50)})
    EXPECT_EQ(parse_base64url(base64url({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()})), bytes);
  EXPECT_EQ(parse_base64url("_-8"), "\xff\xef");

  for (const char* wrong :
       {"Zg==", "Zg=", "Z", "Zm9vY", "Zh", "Zm9", "Zm 8", "Zm8\n", "+/8", "Zm9v.", "Z\xc3\xa9", "%5A"})
    EXPECT_EQ(parse_base64url(wrong), std::nullopt) << wrong;
}

TEST(Text, what_needs_escaping_and_what_is_no_utf8_is_found_wherever_it_stands) {
  for (std::size_t size = 1; size < 40; ++size)
    for (std::size_t at = 0; at < size; ++at)
      for (unsigned c = 0; c < 256; ++c) {
        std::string text(size, '~');
        text[at] = static_cast<char>(c);
        EXPECT_EQ(is_utf8(text), c < 0x80) << c << " at " << at << " of " << size;
        std::string escaped;
        append_json_escaped(escaped, text);
        const bool special = c < 0x20 || c == '"' || c == '\\';
        EXPECT_EQ(escaped == text, !special) << c << " at " << at << " of " << size;
        EXPECT_EQ(escaped.substr(0, at), std::string(at, '~'));
        EXPECT_TRUE(escaped.ends_with(std::string(size - at - 1, '~')));
      }
  EXPECT_TRUE(is_utf8("12345678é12345678é"));
  EXPECT_FALSE(is_utf8("12345678é12345678\xc3"));
}

}  // namespace
}  // namespace globogym
