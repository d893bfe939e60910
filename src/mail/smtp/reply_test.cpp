#include "mail/smtp/reply.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace globogym::mail::smtp {
namespace {

// Feeds `said` so many bytes at a time; the replies found, nullopt for garbage.
std::vector<std::optional<Reply>> replies(std::string_view said, std::size_t at_once) {
  ReplyReader reader;
  Reply reply;
  std::vector<std::optional<Reply>> out;
  for (;;) {
    switch (reader.next(reply)) {
      case ReplyReader::Found::reply:
        out.emplace_back(std::move(reply));
        continue;
      case ReplyReader::Found::garbage:
        out.emplace_back(std::nullopt);
        EXPECT_EQ(reader.next(reply), ReplyReader::Found::garbage) << "whatever comes after it";
        return out;
      case ReplyReader::Found::nothing_yet:
        break;
    }
    if (said.empty()) return out;
    const auto space = reader.space();
    const std::size_t size = std::min({at_once, said.size(), space.size()});
    std::memcpy(space.data(), said.data(), size);
    reader.received(size);
    said.remove_prefix(size);
  }
}

TEST(SmtpReply, the_code_counts_whatever_the_length_of_the_text) {
  for (std::size_t length : {0u, 1u, 507u, 508u, 509u, 600u, 4091u, 4092u, 4093u, 70'000u, 1'000'000u}) {
    for (std::size_t at_once : {1u, 7u, 4096u}) {
      const auto found = replies("250 " + std::string(length, 'x') + "\r\n550 no\r\n", at_once);

      ASSERT_EQ(found.size(), 2u) << length;
      ASSERT_TRUE(found[0] && found[1]) << length;
      EXPECT_EQ(found[0]->code, 250);
      EXPECT_LE(found[0]->text.size(), 64u * 1024);
      EXPECT_EQ(found[0]->text.size(), std::min<std::size_t>(length, 64 * 1024 - 4)) << length;
      EXPECT_EQ(found[1]->code, 550);
      EXPECT_EQ(found[1]->text, "no");
    }
  }
}

TEST(SmtpReply, a_tab_behind_the_code_is_a_space) {
  const auto found = replies("250\ttaken\r\n", 4096);

  ASSERT_EQ(found.size(), 1u);
  ASSERT_TRUE(found[0]);
  EXPECT_EQ(found[0]->code, 250);
  EXPECT_EQ(found[0]->text, "taken");
}

TEST(SmtpReply, any_number_of_lines_is_one_reply_with_the_code_of_the_last) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "250-line " + std::to_string(i) + "\r\n";

  const auto found = replies(many + "250 end\r\n", 100);
  const auto mixed = replies("250-one\r\n251 two\r\n", 3);

  ASSERT_TRUE(found.size() == 1 && found[0]);
  EXPECT_TRUE(found[0]->text.starts_with("line 0\nline 1\n"));
  EXPECT_TRUE(found[0]->text.ends_with("\nline 999\nend"));
  ASSERT_TRUE(mixed.size() == 1 && mixed[0]);
  EXPECT_EQ(mixed[0]->code, 251);
  EXPECT_EQ(mixed[0]->text, "one\ntwo");
}

TEST(SmtpReply, more_than_a_mebibyte_and_what_has_no_code_is_garbage_for_ever) {
  std::string lines;
  while (lines.size() <= 1024 * 1024) lines += "250-" + std::string(1000, 'x') + "\r\n";
  for (std::string said :
       {lines + "250 end\r\n", std::string(1024 * 1024 + 1, '2'), std::string("\r\n"), std::string("25\r\n"),
        std::string("199 low\r\n"), std::string("600 high\r\n"), std::string("250x\r\n"), std::string("2500 \r\n"),
        std::string("hello\r\n"), std::string("250-a\r\nb\r\n")}) {
    const auto found = replies(said + "250 fine\r\n", 4096);
    ASSERT_EQ(found.size(), 1u) << said.substr(0, 20);
    EXPECT_FALSE(found[0].has_value());
  }
}

TEST(SmtpReply, TLS_may_begin_only_when_nothing_is_left_unread) {
  ReplyReader reader;
  Reply reply;
  const auto feed = [&](std::string_view text) {
    std::memcpy(reader.space().data(), text.data(), text.size());
    reader.received(text.size());
    return reader.next(reply);
  };
  EXPECT_TRUE(reader.empty());
  EXPECT_EQ(feed("220 go\r\n"), ReplyReader::Found::reply);
  EXPECT_TRUE(reader.empty());
  EXPECT_EQ(feed("220 go\r\n2"), ReplyReader::Found::reply);
  EXPECT_FALSE(reader.empty());
  EXPECT_EQ(reader.next(reply), ReplyReader::Found::nothing_yet);
  EXPECT_FALSE(reader.empty());
  EXPECT_EQ(feed("50-half\r\n"), ReplyReader::Found::nothing_yet);
  EXPECT_FALSE(reader.empty());
}

Fault at(Stage stage, int code, std::string text, std::string recipient = "ada@example.com") {
  return judge(stage, {.code = code, .text = std::move(text)}, recipient).fault;
}

TEST(SmtpReply, a_transient_answer_to_a_recipient_is_the_recipients_whatever_it_says) {
  for (Stage stage : {Stage::recipient, Stage::data, Stage::content})
    for (const auto& [code, text] : std::vector<std::pair<int, std::string>>{{421, "4.3.2 closing"},
                                                                             {421, "4.7.0 too many for this domain"},
                                                                             {450, "4.2.1 greylisted"},
                                                                             {451, "4.3.0 lookup failure"},
                                                                             {451, "4.3.5 configuration"},
                                                                             {452, "4.3.1 disk"},
                                                                             {452, "4.5.3 too many recipients"},
                                                                             {452, ""},
                                                                             {454, "4.7.0 TLS"}})
      EXPECT_EQ(at(stage, code, text), Fault::deferred) << code << text;
}

TEST(SmtpReply, a_refusal_of_the_recipient_is_for_good) {
  for (const auto& [code, text] : std::vector<std::pair<int, std::string>>{
           {550, "5.1.1 <ada@example.com>: Recipient address rejected: User unknown in relay recipient table"},
           {550, "5.1.1 no such user"},
           {550, "no such user"},
           {550, "5.1.10 RecipientNotFound"},
           {550, "5.2.1 mailbox disabled"},
           {552, "5.2.2 over quota"},
           {550, "5.4.1 Recipient address rejected: Access denied"},
           {553, "5.1.3 bad syntax"},
           {551, "user not local"},
           {504, "5.5.2 <ada@example>: Recipient address rejected: need fully-qualified address"},
           {554, "5.7.1 <ada@example.com>: Recipient address rejected: Access denied"},
           {554, "no"},
           {550, "5.7.1 this is spam"},
           {552, "5.3.4 too large"},
           {500, "5.2.0 no"},
           {501, "5.1.3 bad address"}})
    if (code != 500) EXPECT_EQ(at(Stage::recipient, code, text), Fault::refused) << code << text;
}

TEST(SmtpReply, a_refusal_of_us_is_ours_to_mend_and_never_the_recipients) {
  for (const auto& [code, text] : std::vector<std::pair<int, std::string>>{
           {504, "5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname"},
           {504, "need fully-qualified hostname"},
           {550, "5.7.1 <localhost>: Helo command rejected: Host not found"},
           {554, "5.7.1 <ada@example.com>: Relay access denied"},
           {550, "5.7.1 Unable to relay"},
           {550, "relay not permitted"},
           {550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain"},
           {553, "sorry, that domain isn't in my list of allowed rcpthosts"},
           {554, "5.7.1 <client[192.0.2.1]>: Client host rejected: Access denied"},
           {550, "5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org"},
           {530, "5.7.0 Must issue a STARTTLS command first"},
           {530, "5.7.0 Authentication required"},
           {535, "5.7.8 Authentication credentials invalid"},
           {550, "Authentication is required for relay"},
           {550, "5.1.8 <welcome@globogym.example>: Sender address rejected: Domain not found"},
           {553, "5.7.1 Sender address rejected: not owned by user"},
           {550, "5.7.23 SPF validation failed"},
           {550, "5.7.26 Unauthenticated email is not accepted due to domain's DMARC policy"},
           {554, "5.3.2 system not accepting network messages"},
           {503, "5.5.1 Error: need MAIL command"}}) {
    EXPECT_EQ(at(Stage::recipient, code, text), Fault::deferred) << code << text;
    EXPECT_EQ(at(Stage::mail, code, text), Fault::unavailable) << code << text;
    EXPECT_EQ(at(Stage::opening, code, text), Fault::unavailable) << code << text;
  }
}

TEST(SmtpReply, somebody_called_relay_is_no_relaying) {
  for (std::string name : {"relay", "sender", "helo", "spf"})
    EXPECT_EQ(at(Stage::recipient, 550, "<" + name + "@example.com>: user unknown", name + "@example.com"),
              Fault::refused);
}

TEST(SmtpReply, too_large_is_for_good_at_MAIL_too_and_anything_else_there_is_everybodys) {
  EXPECT_EQ(at(Stage::mail, 552, "no room"), Fault::refused);
  EXPECT_EQ(at(Stage::mail, 550, "5.3.4 too big"), Fault::refused);
  EXPECT_EQ(at(Stage::mail, 452, "4.3.1 disk"), Fault::unavailable);
  EXPECT_EQ(at(Stage::mail, 452, "4.3.4 too big now"), Fault::unavailable);
  EXPECT_EQ(at(Stage::mail, 550, "5.3.5 no"), Fault::unavailable);
  EXPECT_EQ(at(Stage::mail, 421, "closing"), Fault::unavailable);
  EXPECT_EQ(at(Stage::opening, 552, "no"), Fault::unavailable);
  EXPECT_EQ(at(Stage::content, 552, "5.3.4 too big"), Fault::refused);
}

TEST(SmtpReply, an_enhanced_code_counts_only_in_its_place_and_of_its_class) {
  const auto code = [](int of, std::string text) { return enhanced_code({.code = of, .text = std::move(text)}); };
  EXPECT_EQ(code(550, "5.1.1 no"), (EnhancedCode{5, 1, 1}));
  EXPECT_EQ(code(550, "5.1.1"), (EnhancedCode{5, 1, 1}));
  EXPECT_EQ(code(550, "5.7.509 no"), (EnhancedCode{5, 7, 509}));
  for (std::string none :
       {"4.1.1 no", "no 5.1.1", "5.1 no", "5.1.1x", "5.1.1.1", "5..1", "", "15.1.1 no", "5.1.1234 no"})
    EXPECT_EQ(code(550, none), EnhancedCode{}) << none;
}

TEST(SmtpReply, nothing_of_an_address_is_left_in_what_is_shown) {
  struct Case {
    std::string recipient, words, shown;
  };
  const std::vector<Case> cases = {
      {"ada@example.com", "<ada@example.com>: no", "<recipient>: no"},
      {"ada@example.com", "ADA@EXAMPLE.COM unknown", "<recipient> unknown"},
      {"ada@example.com", "user ada unknown, \"Ada\", 'ADA', <ada>.",
       "user <recipient> unknown, \"<recipient>\", '<recipient>', <recipient>."},
      {"ada@example.com", "Canada adamant ada1 says no", "Canada adamant ada1 says no"},
      {"ada@example.com", "ada@mx1.internal is rewritten", "<recipient> is rewritten"},
      {"ada@example.com", "ada=example.com@bounce and ada%40example.com",
       "<recipient><address> and <recipient>%40example.com"},
      {"ada@example.com", "mailbox of real.person@elsewhere.example (for \"J. Doe\" <j.doe@third.example>) is full",
       "mailbox of <address> (for \"J. Doe\" <address>) is full"},
      {"ada@example.com", "a@b.example,c@d.example; @ 5 @ e@ @f <@g> mail@h.example.",
       "<address>,<address>; @ 5 @ e@ @f <@g> <address>"},
      {"ada@example.com", "for <\"J. Doe\"@third.example>, @@@ \"@x q@r", "for <address>, @@@ \"@x <address>"},
      {"jo@example.com", "no Jo here", "no <recipient> here"},
      {"a@example.com", "user A, <a> unknown at last", "user <recipient>, <recipient> unknown at last"},
      {"5@example.com", "user 5 unknown", "user <recipient> unknown"},
      {"ada.lovelace@example.com", "Ada.Lovelace?", "<recipient>?"},
      {"ada+gym@example.com", "mailbox ada full; ada+gym too", "mailbox <recipient> full; <recipient> too"},
      {"\"ada lovelace\"@example.com", "ada lovelace, \"Ada Lovelace\"@example.com", "<recipient>, <recipient>"},
      {"\"a\\\"b\"@example.com", "a\"b is nobody", "<recipient> is nobody"},
      {"jörg@example.com", "<jörg@müller.example>: no JÖRG, jo\xcc\x88rg nor J\xc3\x96RG here",
       "<recipient> no <recipient> <recipient> nor <recipient> here"},
  };
  for (const auto& one : cases) EXPECT_EQ(presentable(one.words, one.recipient), one.shown) << one.recipient;
}

TEST(SmtpReply, no_part_of_an_address_is_left_where_the_words_are_cut) {
  const std::string local(60, 'q');
  const std::string recipient = local + "@" + std::string(60, 'd') + "." + std::string(60, 'e') + ".example";
  for (std::size_t front = 0; front < 230; ++front) {
    std::string words(front, '.');
    while (words.size() < 4000) words += "<" + recipient + "> ";
    const std::string shown = presentable(words, recipient);
    EXPECT_LE(shown.size(), 200u);
    EXPECT_EQ(shown.find('q'), std::string::npos) << shown;
    EXPECT_EQ(shown.find("dd"), std::string::npos) << shown;
  }
}

TEST(SmtpReply, the_words_are_one_line_of_printable_ASCII_and_the_code_stands_whoever_is_meant) {
  EXPECT_EQ(presentable("one\ntwo\x1b[31m\xff\x7f", {}), "one two?[31m??");
  EXPECT_EQ(presentable(std::string(300, 'x'), {}).size(), 200u);
  EXPECT_EQ(judge(Stage::recipient, {.code = 550, .text = "5.1.1 no 550"}, "550@example.com").message,
            "the mail server answered RCPT with 550 5.1.1 no <recipient>");
}

}  // namespace
}  // namespace globogym::mail::smtp
