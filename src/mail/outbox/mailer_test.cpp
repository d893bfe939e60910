#include "mail/outbox/mailer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "async/sim_loop.h"
#include "base/result_test.h"

namespace globogym::mail::outbox {
namespace {

namespace fs = std::filesystem;

class Outbox : public testing::Test {
 protected:
  Outbox() {
    std::string pattern = testing::TempDir() + "outbox-XXXXXX";
    root = mkdtemp(pattern.data());
    directory = root + "/outbox";
  }
  ~Outbox() override { fs::remove_all(root); }

  Result<Receipt> send(std::string id, std::string content) {
    auto mailer = open({.directory = directory}, metrics);
    if (!mailer) return std::unexpected(mailer.error());
    return send_with(**mailer, std::move(id), std::move(content));
  }
  Result<Receipt> send_with(mail::Mailer& mailer, std::string id, std::string content) {
    auto sending =
        mailer.send({.from = "a@b", .recipient = {}, .message_id = std::move(id), .content = std::move(content)}, {});
    return loop.run(std::move(sending));
  }
  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(directory)) out.push_back(entry.path().filename());
    return out;
  }
  std::string content(const std::string& name) const {
    std::ifstream file(directory + "/" + name);
    std::stringstream out;
    out << file.rdbuf();
    return out.str();
  }
  static unsigned mode(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 0777;
  }

  async::SimLoop loop;
  telemetry::Metrics metrics;
  std::string root, directory;
};

TEST_F(Outbox, keeps_each_letter_in_a_file_of_its_own_for_its_owner_only) {
  EXPECT_TRUE(send("1@globogym.example", "one").has_value());
  EXPECT_TRUE(send("2@globogym.example", "two").has_value());

  EXPECT_EQ(files().size(), 2u);
  EXPECT_EQ(content("1@globogym.example.eml"), "one");
  EXPECT_EQ(mode(directory), 0700u);
  EXPECT_EQ(mode(directory + "/1@globogym.example.eml"), 0600u);
}

TEST_F(Outbox, a_letter_sent_again_replaces_its_own_file) {
  send("1@globogym.example", "first, and longer");
  send("1@globogym.example", "second");

  EXPECT_EQ(files(), std::vector<std::string>{"1@globogym.example.eml"});
  EXPECT_EQ(content("1@globogym.example.eml"), "second");
}

TEST_F(Outbox, no_message_id_leads_out_of_the_directory_or_meets_another) {
  for (std::string id : {std::string("../../etc/passwd"), std::string(".hidden"), std::string("a/b"),
                         std::string("a%2Fb"), std::string("a\0b", 3), std::string(5000, 'x')})
    EXPECT_TRUE(send(id, "x").has_value());

  EXPECT_EQ(files().size(), 6u);
  EXPECT_FALSE(send("", "x").has_value());
}

TEST_F(Outbox, a_directory_that_cannot_be_is_a_sentence) {
  directory = root + "/no/such/parent";

  const auto mailer = open({.directory = directory}, metrics);

  ASSERT_FALSE(mailer.has_value());
  EXPECT_EQ(mailer.error().message, "cannot make the outbox directory " + directory + ": No such file or directory");
}

TEST_F(Outbox, a_directory_taken_away_is_told_and_found_again_when_it_is_put_back) {
  auto mailer = open({.directory = directory}, metrics);
  ASSERT_TRUE(mailer.has_value());
  ASSERT_TRUE(send_with(**mailer, "1@x", "before").has_value());
  fs::rename(directory, root + "/elsewhere");

  const auto gone = send_with(**mailer, "2@x", "meanwhile");
  const bool made_anew = fs::exists(directory);
  fs::rename(root + "/elsewhere", directory);
  const auto back = send_with(**mailer, "2@x", "after");

  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().fault, Fault::unavailable);
  EXPECT_EQ(gone.error().message,
            "the outbox directory " + directory +
                " is gone: it was there when this service started. Put it back, or make it; letters "
                "wait until then");
  EXPECT_FALSE(made_anew);
  EXPECT_TRUE(back.has_value());
  EXPECT_EQ(files().size(), 2u);
  EXPECT_EQ(content("2@x.eml"), "after");
}

TEST_F(Outbox, another_directory_in_its_place_is_written_to) {
  auto mailer = open({.directory = directory}, metrics);
  ASSERT_TRUE(mailer.has_value());
  fs::remove_all(directory);
  fs::create_directory(directory);

  EXPECT_TRUE(send_with(**mailer, "1@x", "new").has_value());

  EXPECT_EQ(content("1@x.eml"), "new");
}

TEST_F(Outbox, a_volume_that_is_no_longer_mounted_is_told_and_nothing_is_written_into_what_lies_beneath) {
  // No test may mount: the directory is a link, to where a volume is mounted and then to where none is.
  const auto device = [](const char* path) {
    struct stat status{};
    return ::stat(path, &status) == 0 ? status.st_dev : 0;
  };
  if (device("/dev/shm") == device("/dev")) GTEST_SKIP() << "nothing is mounted at /dev/shm";
  const std::string id = fs::path(root).filename().string() + "@x";
  fs::create_directory(root + "/beneath");
  fs::create_directory_symlink("/dev/shm", directory);
  auto mailer = open({.directory = directory}, metrics);
  ASSERT_TRUE(mailer.has_value()) << said(mailer);
  const auto leads_to = [this](const fs::path& place) {
    fs::remove(directory);
    fs::create_directory_symlink(place, directory);
  };

  leads_to(root + "/beneath");
  const auto gone = send_with(**mailer, id, "meanwhile");
  leads_to("/dev/shm");
  const auto back = send_with(**mailer, id, "after");
  const bool kept = fs::remove("/dev/shm/" + id + ".eml");

  EXPECT_EQ(ending_of(gone), Fault::unavailable);
  EXPECT_EQ(said(gone), "the outbox directory " + directory +
                            " is on another file system than when this service started: its volume is not mounted. "
                            "Letters wait until it is");
  EXPECT_TRUE(fs::is_empty(root + "/beneath"));
  EXPECT_TRUE(back.has_value()) << said(back);
  EXPECT_TRUE(kept);
}

TEST_F(Outbox, a_file_in_its_place_is_a_sentence_and_is_left_alone) {
  auto mailer = open({.directory = directory}, metrics);
  ASSERT_TRUE(mailer.has_value());
  fs::remove_all(directory);
  std::ofstream(directory) << "somebody's";

  const auto outcome = send_with(**mailer, "1@x", "new");

  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().message, "cannot open the directory in the outbox " + directory + ": Not a directory");
}

TEST_F(Outbox, a_letter_called_off_before_it_began_is_not_written) {
  auto mailer = open({.directory = directory}, metrics);
  ASSERT_TRUE(mailer.has_value());
  std::stop_source stop;
  stop.request_stop();

  auto sending =
      (*mailer)->send({.from = "a@b", .recipient = {}, .message_id = "1@x", .content = "x"}, stop.get_token());
  const auto outcome = loop.run(std::move(sending));

  EXPECT_EQ(outcome.has_value() ? std::nullopt : std::optional(outcome.error().fault), std::optional(Fault::cancelled));
  EXPECT_TRUE(files().empty());
}

TEST_F(Outbox, a_failed_write_is_unavailable_and_leaves_nothing_behind) {
  ASSERT_TRUE(send("1@x", "fine").has_value());
  fs::create_directory(directory + "/2@x.eml");  // a rename onto it fails

  const auto outcome = send("2@x", "lost");

  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().fault, Fault::unavailable);
  EXPECT_EQ(files().size(), 2u);
}

}  // namespace
}  // namespace globogym::mail::outbox
