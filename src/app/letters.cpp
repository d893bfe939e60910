#include "app/letters.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "mail/mailbox.h"

namespace globogym::app {
namespace {

using domain::Letters;

constexpr std::size_t most_files = 200;

// Whether somebody meant it as one: an editor's copy and a README are none.
bool looks_like_a_part(const std::filesystem::path& path) {
  constexpr std::array<std::string_view, 5> kinds = {".subject", ".txt", ".html", ".words", ".png"};
  const std::string name = path.filename().string();
  return !name.starts_with('.') && std::ranges::find(kinds, path.extension().string()) != kinds.end();
}

Result<std::string> read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string content(Letters::longest_file + 1, '\0');
  if (in) in.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (in.bad() || !in.is_open()) return fail(Fault::invalid, path + " cannot be read: " + std::strerror(errno));
  content.resize(static_cast<std::size_t>(in.gcount()));
  return content;
}

// The parts of letters in a directory, in the order of their names.
Result<std::vector<Letters::File>> read_directory(const std::string& directory) {
  std::error_code problem;
  std::filesystem::directory_iterator entries(directory, problem);
  if (problem) return fail(Fault::invalid, "mail.templates: " + directory + " cannot be opened: " + problem.message());
  std::vector<std::string> names;
  for (; entries != std::filesystem::directory_iterator(); entries.increment(problem)) {
    if (problem) break;
    std::error_code ignored;
    if (!looks_like_a_part(entries->path()) || !entries->is_regular_file(ignored)) continue;
    names.push_back(entries->path().filename().string());
    if (names.size() > most_files)
      return fail(Fault::invalid, "mail.templates: there are more than " + std::to_string(most_files) + " files in " +
                                      directory + "; name a directory that holds letters and nothing else");
  }
  if (problem) return fail(Fault::invalid, "mail.templates: " + directory + " cannot be read: " + problem.message());
  if (names.empty())
    return fail(Fault::invalid, "mail.templates: " + directory +
                                    " holds nothing that letters are made of; `globogym letters templates --into DIR` "
                                    "writes ours, to begin with");
  std::ranges::sort(names);
  std::vector<Letters::File> files;
  for (const auto& name : names) {
    auto content = read_whole(directory + "/" + name);
    if (!content) return std::unexpected(std::move(content.error()));
    files.push_back({name, std::move(*content)});
  }
  return files;
}

}  // namespace

Result<Letters> read_letters(const Config& config) {
  auto from = mail::Mailbox::parse_named(config.mail.from);
  if (!from) return std::unexpected(std::move(from.error()));
  domain::Letterhead head{.imprint = config.mail.imprint, .domain = std::string(from->domain())};
  while (head.imprint.ends_with('\n')) head.imprint.pop_back();
  if (!config.mail.reply_to.empty()) {
    auto reply_to = mail::Mailbox::parse_named(config.mail.reply_to);
    if (!reply_to) return std::unexpected(std::move(reply_to.error()));
    head.reply_to = reply_to->address();
  }
  if (config.mail.templates.empty()) return Letters::make(std::move(head));

  const std::string& directory = config.mail.templates;
  auto files = read_directory(directory);
  if (!files) return std::unexpected(std::move(files.error()));
  auto letters = Letters::make(std::move(head), *files);
  if (letters) return letters;
  return fail(Fault::invalid, directory + (directory.ends_with('/') ? "" : "/") + letters.error().message);
}

Result<mail::Writer> letter_writer(const Config& config) {
  auto letters = read_letters(config);
  if (!letters) return std::unexpected(std::move(letters.error()));
  auto from = mail::Mailbox::parse_named(config.mail.from);
  if (!from) return std::unexpected(std::move(from.error()));
  std::optional<mail::Mailbox> reply_to;
  if (!config.mail.reply_to.empty()) {
    auto parsed = mail::Mailbox::parse_named(config.mail.reply_to);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    reply_to = std::move(*parsed);
  }
  auto writer = mail::Writer::make(std::move(*letters), std::move(*from), std::move(reply_to));
  if (writer || config.mail.templates.empty()) return writer;
  return fail(Fault::invalid, "mail.templates: " + config.mail.templates + ": " + writer.error().message);
}

}  // namespace globogym::app
