// welcome-mail and a mail server that is slow and healthy: each letter once, whatever its answers take.
#include <map>

#include "domain/records.h"
#include "functions/enrollment/welcome_mail.h"
#include "functions/world_test.h"

namespace globogym::functions::enrollment {
namespace {

using namespace std::chrono_literals;

// So many connections, each taking its time; a letter that is called off after its content is out may have been taken.
class SlowServer final : public mail::Mailer {
 public:
  explicit SlowServer(Duration answers_after) : answers_after_(answers_after) {}

  Task<Result<mail::Receipt>> send(mail::Letter letter, std::stop_token stop) override {
    most_in_hand = std::max(most_in_hand, ++in_hand_);
    ++copies[letter.message_id];
    const bool answered = co_await async::sleep_for(answers_after_, stop);
    --in_hand_;
    if (!answered) co_return fail(Fault::unknown_outcome, "called off");
    co_return mail::Receipt{"250 ok"};
  }
  std::size_t most_at_once() const override { return 16; }
  Duration longest_send() const override { return answers_after_ + 10s; }

  std::map<std::string, int> copies;
  std::size_t most_in_hand = 0;

 private:
  const Duration answers_after_;
  std::size_t in_hand_ = 0;
};

void put_letters(World& w, int count) {
  engine::Commit commit;
  for (int i = 0; i < count; ++i) {
    const std::string id = "letter" + std::to_string(i);
    commit.messages.push_back(
        {.queue = std::string(domain::queue::welcome_mail),
         .id = id,
         .body = domain::to_body(domain::WelcomeMail{
             .enrollment_id = id,
             .member_id = "member",
             .to = Personal<std::string>("a@example.com"),
             .message_id = id + "@example.com",
             .letter = domain::FrozenLetter{.from = "us@example.com", .content = "Subject: hello\r\n\r\n"}})});
  }
  ASSERT_TRUE(w.commit(std::move(commit)).has_value());
}

class WelcomeMailToASlowServer : public testing::TestWithParam<std::pair<Duration, int>> {};

TEST_P(WelcomeMailToASlowServer, sends_each_letter_once_and_does_not_take_it_for_an_outage) {
  const auto [answers_after, letters] = GetParam();
  SlowServer server(answers_after);
  World w;
  w.host->add(std::make_unique<WelcomeMail>(*w.engine, w.loop.clock(), server, WelcomeMailOptions{}));
  put_letters(w, letters);
  w.start();

  EXPECT_TRUE(w.drain(std::string(domain::queue::welcome_mail), 3 * answers_after * (letters / 8 + 1)));

  EXPECT_EQ(w.tally(std::string(domain::tally::mails_sent)), letters);
  EXPECT_EQ(server.copies.size(), static_cast<std::size_t>(letters));
  for (const auto& [id, copies] : server.copies) EXPECT_EQ(copies, 1) << id;
  EXPECT_LE(server.most_in_hand, 16u);
  EXPECT_EQ(w.host->queues()[0].breaker, Breaker::State::closed);
  w.stop_host();
}

INSTANTIATE_TEST_SUITE_P(, WelcomeMailToASlowServer,
                         testing::Values(std::pair<Duration, int>(75s, 40), std::pair<Duration, int>(20s, 200),
                                         std::pair<Duration, int>(10s, 200), std::pair<Duration, int>(600s, 20)));

TEST(WelcomeMail, has_time_for_two_letters_on_one_connection_and_its_lease_for_the_commit) {
  SlowServer server(110s);
  World w;
  const WelcomeMail function(*w.engine, w.loop.clock(), server);

  EXPECT_GT(function.options().attempt_time, 2 * server.longest_send());
  EXPECT_EQ(function.options().max_concurrency, 16u);
}

}  // namespace
}  // namespace globogym::functions::enrollment
