#include "domain/ids.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/assert.h"
#include "base/text.h"
#include "domain/email_address.h"

namespace globogym::domain {
namespace {

constexpr std::size_t id_bytes = 20;
constexpr std::size_t id_characters = 32;
constexpr std::size_t partition_bytes = 8;
constexpr std::size_t time_bytes = 6;
constexpr std::size_t random_bytes = 6;
constexpr std::size_t member_own_bytes = 5;
constexpr std::size_t member_id_characters = 40;
static_assert((id_bytes + member_own_bytes) * 8 == member_id_characters * 5);
static_assert(time_bytes + random_bytes + partition_bytes == id_bytes);
static_assert(id_bytes * 8 == id_characters * 5, "an id fills its characters: every one has exactly one spelling");

std::optional<std::string> partition_in(std::string_view id, std::size_t offset) {
  if (id.size() != id_characters) return std::nullopt;
  auto bytes = parse_base32(id);
  if (!bytes || bytes->size() != id_bytes) return std::nullopt;
  return base32(std::span(*bytes).subspan(offset, partition_bytes));
}

}  // namespace

PersonIds person_ids(const Hmac& pseudonyms, const Personal<std::string>& normalized_email) {
  const Sha256 pseudonym = pseudonyms(normalized_email.reveal());
  const std::span<const unsigned char> bytes(pseudonym);
  return {.document = base32(bytes.first(id_bytes)), .partition = base32(bytes.first(partition_bytes))};
}

std::optional<PersonIds> former_person_ids(const Hmac& pseudonyms, const Personal<std::string>& email,
                                           const Personal<std::string>& normalized_email) {
  auto former = formerly_normalized(email.reveal(), normalized_email.reveal());
  if (!former) return std::nullopt;
  return person_ids(pseudonyms, Personal(std::move(*former)));
}

std::string member_id(const Hmac& pseudonyms, const PersonIds& person, std::string_view enrollment_id) {
  const Sha256 made = pseudonyms(std::string("member\0", 7).append(enrollment_id));
  return person.document + base32(std::span(made).first(member_own_bytes));
}

std::string new_enrollment_id(WallTime now, Random& random, std::string_view partition) {
  auto partition_value = parse_base32(partition);
  ASSERT(partition_value && partition_value->size() == partition_bytes);

  std::array<unsigned char, id_bytes> bytes;
  const auto since_1970 = std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count();
  auto milliseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(since_1970, 0));
  for (std::size_t i = time_bytes; i-- > 0; milliseconds >>= 8) bytes[i] = static_cast<unsigned char>(milliseconds);
  random.fill(std::span(bytes).subspan(time_bytes, random_bytes));
  std::ranges::copy(*partition_value, bytes.begin() + time_bytes + random_bytes);
  return base32(bytes);
}

std::optional<std::string> partition_of_enrollment(std::string_view enrollment_id) {
  return partition_in(enrollment_id, id_bytes - partition_bytes);
}

std::optional<PersonIds> whereabouts_of_member(std::string_view member_id) {
  if (member_id.size() != id_characters && member_id.size() != member_id_characters) return std::nullopt;
  if (!parse_base32(member_id)) return std::nullopt;
  const auto document = member_id.substr(0, id_characters);
  auto partition = partition_in(document, 0);
  if (!partition) return std::nullopt;
  return PersonIds{.document = std::string(document), .partition = std::move(*partition)};
}

}  // namespace globogym::domain
