// letters preview and letters templates: looking at the letters before anybody gets one, and where to begin with one's
// own.
#include "app/letters.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/cli/print.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "mail/compose.h"

namespace globogym::app::cli {
namespace {

int complain(const std::string& message, int code) {
  std::fprintf(stderr, "globogym: %s\n", message.c_str());
  return code;
}

// Somebody who never was. The letter is the same at every call.
domain::Member sample_person(std::string_view sample, std::string_view locale) {
  domain::Member member;
  member.id = "4k7q9m20000000000000000000000000000x7htc";
  member.enrollment_id = "sample";
  member.joined_at = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 27) + std::chrono::hours(9));
  auto& details = member.details;
  std::string name = "Ada";
  if (sample == "rtl") name = "عبد الرحمن";
  if (sample == "long")
    name = "Adolphblainecharlesdavidearlfrederickgeraldhubertirvinjohnkennethlloydmartinnerooliverpaulquincyrand";
  details.first_name = Personal(std::move(name));
  details.last_name = Personal<std::string>("Lovelace");
  details.email = details.normalized_email = Personal<std::string>("ada@example.com");
  details.start_date = domain::parse_date("2026-12-01");
  details.locale = locale;
  return member;
}

// For a browser, which knows no cid: what a mail program would put there.
std::string with_pictures(std::string html, const std::vector<domain::Picture>& pictures) {
  for (const auto& picture : pictures) {
    const std::string address = "cid:" + picture.content_id;
    const std::string data = "data:image/png;base64," + base64(picture.bytes);
    for (auto at = html.find(address); at != std::string::npos; at = html.find(address, at + data.size()))
      html.replace(at, address.size(), data);
  }
  return html;
}

bool write_file(const std::string& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  return !out.fail();
}

// Writes all of them, or says which could not be written.
int write_files(const Context& context, const std::string& directory, const std::vector<domain::Letters::File>& files) {
  std::error_code problem;
  std::filesystem::create_directories(directory, problem);
  if (problem) return complain(directory + " cannot be made: " + problem.message(), cannot_open);
  JsonWriter json;
  json.object().key("written").array();
  std::string lines;
  for (const auto& file : files) {
    const std::string path = directory + (directory.ends_with('/') ? "" : "/") + file.name;
    errno = 0;
    if (!write_file(path, file.content))
      return complain(path + " cannot be written: " + std::strerror(errno), cannot_open);
    json.value(path);
    lines += (lines.empty() ? "" : "\n") + path;
  }
  json.end().end();
  print(context.json ? json.take() : lines);
  return done;
}

}  // namespace

int preview_letters(const Context& context, const LetterWish& wish) {
  const Config& config = context.config.values;
  const auto& catalogue = config.catalogue;
  auto letters = read_letters(config);
  if (!letters) return complain(letters.error().message, usage);
  auto writer = letter_writer(config);
  if (!writer) return complain(writer.error().message, usage);
  const auto composer = mail::Composer::make(writer->layout());
  if (!composer) return complain(composer.error().message, usage);

  const domain::Club* club = wish.club.empty() ? &catalogue.clubs.front() : catalogue.find_club(wish.club);
  const domain::Plan* plan = wish.plan.empty() ? &catalogue.plans.front() : catalogue.find_plan(wish.plan);
  if (!club) return complain("there is no club " + wish.club + " in [[clubs]]", answer_is_no);
  if (!plan) return complain("there is no plan " + wish.plan + " in [[plans]]", answer_is_no);

  std::vector<std::string> locales = catalogue.locales;
  if (!wish.locale.empty())
    locales = {wish.locale};
  else if (wish.into.empty())
    locales.resize(1);
  std::vector<domain::Letters::File> files;
  for (const auto& locale : locales) {
    const auto person = sample_person(wish.sample, locale);
    const auto words = letters->welcome(person, club, plan);
    const auto written = writer->welcome(person, club, plan, "sample", person.joined_at);
    if (!written) return complain(written.error().message, answer_is_no);
    auto letter = (*composer)->compose(written->to, written->message_id, written->letter);
    if (!letter) return complain(letter.error().message, answer_is_no);
    const std::string name = "welcome." + locale + ".";
    files.push_back({name + "html", with_pictures(words.html, words.pictures)});
    files.push_back({name + "txt", "Subject: " + words.subject + "\n\n" + words.text});
    files.push_back({name + "eml", std::move(letter->content)});
  }
  if (!wish.into.empty()) return write_files(context, wish.into, files);
  if (context.json) {
    JsonWriter json;
    json.object().member("locale", locales.front());
    for (const auto& file : files) json.member(file.name.substr(file.name.rfind('.') + 1), file.content);
    json.end();
    print(json.take());
    return done;
  }
  for (const auto& file : files)
    if (file.name.ends_with("." + wish.as)) std::fwrite(file.content.data(), 1, file.content.size(), stdout);
  return done;
}

int write_templates(const Context& context, const std::string& into) {
  for (const auto& file : domain::Letters::built_in()) {
    std::error_code ignored;
    if (std::filesystem::exists(into + "/" + file.name, ignored))
      return complain(
          into + "/" + file.name + " is there already, and nothing of yours is overwritten; name another directory",
          answer_is_no);
  }
  return write_files(context, into, domain::Letters::built_in());
}

}  // namespace globogym::app::cli
