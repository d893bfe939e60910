#include "mail/writer.h"

#include <gtest/gtest.h>

namespace globogym::mail {
namespace {

const WallTime noon{std::chrono::seconds(1'795'348'800)};  // Sunday, 22 November 2026

Mailbox from() {
  return *Mailbox::parse("welcome@globogym.example", "GloboGym");
}

domain::Member ada(std::string email = "ada@example.com") {
  domain::Member member;
  member.id = "0123456789abcdefghjkmnpqrstvwxyz01234567";
  member.details.first_name = Personal<std::string>("Ada");
  member.details.email = member.details.normalized_email = Personal(std::move(email));
  member.details.start_date = domain::parse_date("2026-12-01");
  member.details.locale = "de-DE";
  return member;
}

TEST(Writer, writes_down_what_a_letter_says_and_nothing_else_about_a_person) {
  domain::Club club{"x", "Gym", 16};
  club.hours = "always";
  club.hours.set("de", "immer");

  const auto written =
      Writer(from()).welcome(ada("Zoë@Müller.example"), &club, nullptr, "0abc", noon + std::chrono::microseconds(7));

  ASSERT_TRUE(written.has_value()) << written.error().message;
  EXPECT_EQ(written->to.reveal(), "Zoë@xn--mller-kva.example");
  EXPECT_EQ(written->message_id, "0abc@globogym.example");
  EXPECT_EQ(written->letter.date, noon);
  EXPECT_EQ(written->letter.layout, Writer(from()).layout().id);
  domain::LetterValues meant{
      .locale = "de-DE", .first_name = Personal<std::string>("Ada"), .number = "GG-0123-4560-1234-K"};
  meant.number = written->letter.says.number;
  meant.club = "Gym";
  meant.club_hours = "immer";
  meant.first_day = "1. Dezember 2026";
  EXPECT_EQ(written->letter.says, meant);
}

TEST(Writer, what_could_not_be_composed_is_not_written) {
  const Writer writer(from());
  const auto why_not = [&](const domain::Member& member, const domain::Club* club, const domain::Plan* plan,
                           std::string_view id = "0abc") -> std::string {
    const auto written = writer.welcome(member, club, plan, id, noon);
    if (written) return "";
    EXPECT_EQ(written.error().fault, Fault::invalid);
    return written.error().message;
  };
  const std::string no_text = "caf\xe9", too_long(4001, 'x');
  domain::Club fine{"x", "Gym", 16};
  domain::Plan plan{"y", "Plan", "1", "2"};

  EXPECT_EQ(why_not(ada(), &fine, &plan), "");
  EXPECT_TRUE(why_not(ada("nobody"), &fine, &plan).contains("not a usable e-mail address"));
  EXPECT_TRUE(why_not(ada("a@b\r\nX: y"), &fine, &plan).contains("not a usable e-mail address"));
  EXPECT_TRUE(why_not(ada(), &fine, &plan, "no id").contains("the message id must be id@domain"));
  for (const std::string& wrong : {no_text, too_long}) {
    const std::string reason = wrong == no_text ? "is not UTF-8" : "is longer than 4,000 bytes";
    auto member = ada();
    member.details.first_name = Personal(wrong);
    EXPECT_TRUE(why_not(member, &fine, &plan).contains("the first name " + reason));
    for (const auto& [field, name] :
         {std::pair(&domain::Club::name, "name "), std::pair(&domain::Club::address, "address "),
          std::pair(&domain::Club::hours, "hours ")}) {
      domain::Club club = fine;
      club.*field = wrong;
      EXPECT_TRUE(why_not(ada(), &club, &plan).contains("the club's " + std::string(name) + reason));
    }
    for (const auto& [field, name] :
         {std::pair(&domain::Plan::name, "name "), std::pair(&domain::Plan::price, "price "),
          std::pair(&domain::Plan::term, "term ")}) {
      domain::Plan other = plan;
      other.*field = wrong;
      EXPECT_TRUE(why_not(ada(), &fine, &other).contains("the plan's " + std::string(name) + reason));
    }
  }
}

TEST(Writer, a_subject_without_end_is_not_written) {
  auto letters = domain::Letters::make({}, {{"welcome.subject", "{{plan}}{{plan}}"}});
  const auto writer = Writer::make(std::move(*letters), from());
  const domain::Plan plan{"y", std::string(2001, 'x')};

  const auto written = writer->welcome(ada(), nullptr, &plan, "0abc", noon);

  ASSERT_FALSE(written.has_value());
  EXPECT_TRUE(written.error().message.contains("the subject would be longer"));
}

}  // namespace
}  // namespace globogym::mail
