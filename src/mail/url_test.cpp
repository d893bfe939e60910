#include "mail/url.h"

#include <gtest/gtest.h>

namespace globogym::mail {
namespace {

SmtpUrl smtp(std::string_view text) {
  const auto url = parse_mail_url(text);
  EXPECT_TRUE(url.has_value()) << text;
  return url && std::holds_alternative<SmtpUrl>(*url) ? std::get<SmtpUrl>(*url) : SmtpUrl{};
}

TEST(MailUrl, says_where_and_how) {
  EXPECT_EQ(smtp("smtp://mail.example").port, 25);
  EXPECT_EQ(smtp("smtp://mail.example").tls, Tls::when_offered);
  EXPECT_EQ(smtp("smtp://mail.example?tls=require").port, 587);
  EXPECT_EQ(smtp("smtp://mail.example?tls=require").tls, Tls::demanded);
  EXPECT_EQ(smtp("smtp://mail.example:2525/?tls=starttls").port, 2525);
  EXPECT_EQ(smtp("smtp://mail.example?tls=starttls").tls, Tls::demanded);
  EXPECT_EQ(smtp("smtp://127.0.0.1:2525?tls=off").tls, Tls::off);
  EXPECT_EQ(smtp("smtps://mail.example").port, 465);
  EXPECT_EQ(smtp("smtps://mail.example").tls, Tls::from_the_start);
  EXPECT_EQ(smtp("smtp://[::1]:2525").host, "::1");
  EXPECT_EQ(smtp("smtp://[::1]:2525").port, 2525);
}

TEST(MailUrl, a_scheme_is_the_same_in_any_case_and_the_rest_is_not_touched) {
  EXPECT_EQ(smtp("SMTP://mail.example").port, 25);
  EXPECT_EQ(smtp("Smtps://Mail.Example").tls, Tls::from_the_start);
  EXPECT_EQ(smtp("SMTPS://Mail.Example").host, "Mail.Example");
  EXPECT_EQ(smtp("SMTP://Me:PassWord@mail.example").password.reveal(), "PassWord");
  const auto outbox = parse_mail_url("OUTBOX:/Var");
  ASSERT_TRUE(outbox && std::holds_alternative<OutboxUrl>(*outbox));
  EXPECT_EQ(std::get<OutboxUrl>(*outbox).directory, "/Var");
}

TEST(MailUrl, user_and_password_may_hold_anything_when_encoded) {
  const auto url = smtp("smtp://me%40example.com:p%3Aa%2Fs%3Fs%25@mail.example");

  EXPECT_EQ(url.user, "me@example.com");
  EXPECT_EQ(url.password.reveal(), "p:a/s?s%");
  EXPECT_EQ(url.port, 587);
}

TEST(MailUrl, the_outbox_may_be_somewhere_else) {
  EXPECT_EQ(std::get<OutboxUrl>(*parse_mail_url("outbox:")).directory, "");
  EXPECT_EQ(std::get<OutboxUrl>(*parse_mail_url("outbox:/var/mail%20out")).directory, "/var/mail out");
}

TEST(MailUrl, what_it_cannot_mean_is_refused_without_repeating_secrets) {
  for (std::string bad : {"",
                          "smtp:",
                          "smtp://",
                          "http://mail.example",
                          "mail.example:25",
                          "smtp://mail.example:0",
                          "smtp://mail.example:65536",
                          "smtp://mail.example:25x",
                          "smtp://mail.example:",
                          "smtp://user@mail.example",
                          "smtp://u:secret%0d%0a@mail.example",
                          "smtp://u:secret%2@mail.example",
                          "smtp://:secret@mail.example",
                          "smtp://mail.example?tls=maybe",
                          "smtp://mail.example?secret=1",
                          "smtps://mail.example?tls=off",
                          "smtp://[::1",
                          "smtp://[::1]x",
                          "smtp://::1",
                          "smtp://u:secret@mail exam.ple",
                          "smtp://mail.example\r\nx",
                          "outbox:%zz"}) {
    const auto url = parse_mail_url(bad);

    ASSERT_FALSE(url.has_value()) << bad;
    EXPECT_EQ(url.error().fault, Fault::invalid);
    EXPECT_EQ(url.error().message.find("secret"), std::string::npos) << bad;
  }
}

TEST(MailUrl, what_would_end_a_password_early_must_be_encoded) {
  for (std::string unclear : {"smtp://u:sec/ret@mail.example:25", "smtp://u:sec#ret@mail.example:25",
                              "smtp://u:sec?ret@mail.example:25", "smtp://u:sec@ret@mail.example:25",
                              "smtps://u/x:secret@mail.example", "smtp://u:p@mail.example?tls=off@secret"}) {
    const auto url = parse_mail_url(unclear);

    ASSERT_FALSE(url.has_value()) << unclear;
    EXPECT_NE(url.error().message.find("percent-encode them"), std::string::npos) << url.error().message;
    for (std::string_view part : {"sec", "ret", "mail.example"})
      EXPECT_EQ(url.error().message.find(part), std::string::npos) << url.error().message;
  }
}

TEST(MailUrl, only_this_machine_is_this_machine) {
  for (std::string here : {"localhost", "127.0.0.1", "127.1.2.3", "::1"}) EXPECT_TRUE(is_loopback(here));
  for (std::string there : {"127.example.com", "127.0.0.1.example", "localhost.example", "10.0.0.1", "127.0.0"})
    EXPECT_FALSE(is_loopback(there)) << there;
}

}  // namespace
}  // namespace globogym::mail
