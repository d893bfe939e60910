#include "domain/ids.h"

#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "base/time_text.h"
#include "domain/member.h"

namespace globogym::domain {
namespace {

const Personal<std::string> ada("ada@example.com");

TEST(Ids, one_address_is_one_person_and_the_key_decides_who) {
  const Hmac key("secret"), other("another secret");

  const auto ids = person_ids(key, ada);

  EXPECT_EQ(ids.document.size(), 32u);
  EXPECT_EQ(ids.partition.size(), 13u);
  EXPECT_EQ(person_ids(key, ada).document, ids.document);
  EXPECT_NE(person_ids(key, Personal<std::string>("eva@example.com")).document, ids.document);
  EXPECT_NE(person_ids(other, ada).document, ids.document);
}

TEST(Ids, are_the_pseudonym_as_data_directories_hold_it) {
  // HMAC-SHA-256 of RFC 4231's second case: 5bdcc146bf60754e6a042426089575c75a003f08…
  const auto ids = person_ids(Hmac("Jefe"), Personal<std::string>("what do ya want for nothing?"));

  const auto bytes = parse_base32(ids.document).value();
  EXPECT_EQ(hex(bytes), "5bdcc146bf60754e6a042426089575c75a003f08");
  EXPECT_EQ(hex(parse_base32(ids.partition).value()), "5bdcc146bf60754e");
}

TEST(Ids, both_kinds_name_their_partition) {
  SeededRandom random(1);
  const Hmac key("secret");
  for (int i = 0; i < 1000; ++i) {
    const auto ids = person_ids(key, Personal<std::string>(std::to_string(i) + "@example.com"));
    const auto enrollment = new_enrollment_id(WallTime(std::chrono::seconds(1'800'000'000 + i)), random, ids.partition);

    EXPECT_EQ(enrollment.size(), 32u);
    EXPECT_EQ(partition_of_enrollment(enrollment), ids.partition);
    for (const auto& member : {ids.document, member_id(key, ids, enrollment)}) {
      const auto place = whereabouts_of_member(member);
      ASSERT_TRUE(place.has_value()) << member;
      EXPECT_EQ(place->partition, ids.partition);
      EXPECT_EQ(place->document, ids.document);
    }
  }
}

TEST(Ids, a_member_has_an_id_of_their_enrollment) {
  const Hmac key("secret"), other("another secret");
  const auto ids = person_ids(key, ada);

  const auto first = member_id(key, ids, "enrollment-1");

  EXPECT_EQ(first.size(), 40u);
  EXPECT_TRUE(first.starts_with(ids.document));
  EXPECT_EQ(member_id(key, ids, "enrollment-1"), first);
  EXPECT_NE(member_id(key, ids, "enrollment-2"), first);
  EXPECT_NE(member_id(other, ids, "enrollment-1"), first) << "who knows the enrollment does not know the member";
}

TEST(Ids, where_an_older_build_kept_a_member_is_known_when_it_is_elsewhere) {
  const Hmac key("secret");
  Applicant applicant;
  applicant.email = applicant.normalized_email = Personal<std::string>("weiß@example.com");

  const auto former = former_person_ids(key, applicant.email, applicant.normalized_email);

  ASSERT_TRUE(former.has_value());
  EXPECT_EQ(former->document, person_ids(key, Personal<std::string>("weiss@example.com")).document);
  applicant.email = applicant.normalized_email = ada;
  EXPECT_FALSE(former_person_ids(key, applicant.email, applicant.normalized_email).has_value());
}

TEST(Ids, enrollments_sort_by_time_to_the_millisecond) {
  SeededRandom random(1);
  const auto partition = person_ids(Hmac("secret"), ada).partition;
  const WallTime start = parse_rfc3339("2026-11-22T13:30:05.999Z").value();
  std::string last;
  for (int i = 0; i < 1000; ++i) {
    auto id = new_enrollment_id(start + std::chrono::milliseconds(i * i), random, partition);
    EXPECT_LT(last, id);
    last = id;
  }
}

TEST(Ids, two_enrollments_of_one_moment_and_person_differ) {
  SecureRandom random;
  const auto partition = person_ids(Hmac("secret"), ada).partition;
  std::set<std::string> seen;
  for (int i = 0; i < 10000; ++i) seen.insert(new_enrollment_id(WallTime{}, random, partition));
  EXPECT_EQ(seen.size(), 10000u);
}

TEST(Ids, a_clock_before_1970_still_gives_an_id) {
  SeededRandom random(1);
  const auto partition = person_ids(Hmac("secret"), ada).partition;

  const auto id = new_enrollment_id(WallTime(std::chrono::seconds(-5)), random, partition);

  EXPECT_TRUE(id.starts_with("000000000")) << id;
}

TEST(Ids, what_is_no_id_names_no_partition) {
  const std::string good(32, '7');
  ASSERT_TRUE(partition_of_enrollment(good).has_value());
  for (const std::string& bad :
       {std::string(), std::string("x"), std::string(31, '7'), std::string(33, '7'), std::string(32, 'u'),
        std::string(32, 'A'), std::string(31, '7') + "/", std::string(32, '\0'), std::string(32, '\xff'),
        std::string("../../../../../../../../etc/pass")}) {
    EXPECT_FALSE(partition_of_enrollment(bad).has_value()) << bad;
    EXPECT_FALSE(whereabouts_of_member(bad).has_value()) << bad;
  }
  ASSERT_TRUE(whereabouts_of_member(std::string(40, '7')).has_value());
  for (const std::string& bad : {std::string(39, '7'), std::string(41, '7'), std::string(32, '7') + "7777777u"})
    EXPECT_FALSE(whereabouts_of_member(bad).has_value()) << bad;
}

}  // namespace
}  // namespace globogym::domain
