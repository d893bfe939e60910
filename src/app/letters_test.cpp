#include "app/letters.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace globogym::app {
namespace {

// A directory of templates that is gone with the test.
class Directory {
 public:
  Directory() {
    std::string name = "/tmp/letters-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << content;
  }

 private:
  std::string path_;
};

Config with(const std::string& templates) {
  Config config;
  config.mail.templates = templates;
  return config;
}

std::string complaint(const std::string& templates) {
  const auto letters = read_letters(with(templates));
  return letters ? "" : letters.error().message;
}

std::string text_of(const Config& config) {
  const auto letters = read_letters(config);
  EXPECT_TRUE(letters.has_value()) << (letters ? "" : letters.error().message);
  domain::Member ada;
  ada.id = "0123456789abcdefghjkmnpqrstvwxyz";
  ada.details.first_name = Personal<std::string>("Ada");
  return letters ? letters->welcome(ada, nullptr, nullptr).text : "";
}

TEST(LetterFiles, what_a_directory_holds_replaces_what_is_built_in) {
  Directory directory;
  directory.write("welcome.txt", "Hi {{firstName}}. {{>closing}}\n");
  directory.write("README.md", "{{nothing}}");
  directory.write("welcome.txt~", "{{nothing}}");
  directory.write(".welcome.txt.swp", "{{nothing}}");
  std::filesystem::create_directory(directory.path() + "/old.html");
  std::filesystem::create_symlink("welcome.txt", directory.path() + "/welcome.de.txt");

  EXPECT_EQ(text_of(with(directory.path())), "Hi Ada. We look forward to meeting you!\n");
}

TEST(LetterFiles, what_is_wrong_is_said_with_its_place) {
  Directory directory;
  EXPECT_TRUE(
      complaint(directory.path()).contains("holds nothing that letters are made of; `globogym letters templates"));
  EXPECT_TRUE(complaint(directory.path() + "/none").contains("/none cannot be opened: No such file or directory"));
  directory.write("welcome.de.html", "<p>\n{{fristName}}");
  EXPECT_EQ(complaint(directory.path()),
            directory.path() + "/welcome.de.html:2: unknown placeholder {{fristName}}; did you mean {{firstName}}?");
  directory.write("welcom.de.txt", "x");
  EXPECT_TRUE(complaint(directory.path())
                  .contains("welcom.de.txt: no letter is made of a file of this name; did you mean "
                            "welcome.de.txt?"));
}

TEST(LetterFiles, are_bounded) {
  Directory directory;
  directory.write("welcome.html", std::string(70 * 1024, 'x'));
  EXPECT_TRUE(complaint(directory.path()).contains("/welcome.html: it is longer than 64 KiB"));
  for (int i = 0; i <= 200; ++i) directory.write(std::to_string(i) + ".txt", "");
  EXPECT_TRUE(complaint(directory.path()).contains("more than 200 files"));
}

TEST(LetterFiles, that_are_too_much_together_are_told_at_the_start) {
  Directory directory;
  char other = 'a';
  for (const char* locale : {"en-GB", "en-US", "de-DE", "fr-FR", "es-ES"})
    for (const char* kind : {".txt", ".html"})
      directory.write(std::string("welcome.") + locale + kind, other++ + std::string(64 * 1024 - 1, '"'));

  ASSERT_TRUE(read_letters(with(directory.path())).has_value());
  const auto writer = letter_writer(with(directory.path()));

  ASSERT_FALSE(writer.has_value());
  EXPECT_TRUE(writer.error().message.starts_with("mail.templates: " + directory.path())) << writer.error().message;
  EXPECT_TRUE(writer.error().message.contains("and 900 are the most")) << writer.error().message;
}

TEST(LetterFiles, the_letterhead_is_the_configurations) {
  Config config;
  config.mail.imprint = "GloboGym Ltd\n\n";
  config.mail.reply_to = "Desk <desk@gym.example>";

  const std::string text = text_of(config);

  EXPECT_TRUE(text.contains("write to desk@gym.example.")) << text;
  EXPECT_TRUE(text.ends_with("-- \nGloboGym Ltd\n")) << text;
}

}  // namespace
}  // namespace globogym::app
