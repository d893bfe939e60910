#include "mail/layout.h"

#include <algorithm>
#include <vector>

#include "base/digest.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace globogym::mail {
namespace {

constexpr std::size_t id_bytes = 13;  // 104 bits, 21 characters

std::string id_of(std::string_view json) {
  const auto sum = sha256(json);
  return base32(std::span(sum).first(id_bytes));
}

void write(JsonWriter& json, const Mailbox& mailbox) {
  json.object().member("address", mailbox.address()).member("name", mailbox.name()).end();
}

// Each text once: most languages share their templates.
class Texts {
 public:
  std::size_t place_of(const std::string& text) {
    const auto place = static_cast<std::size_t>(std::ranges::find(texts_, text) - texts_.begin());
    if (place == texts_.size()) texts_.push_back(text);
    return place;
  }
  const std::vector<std::string>& all() const { return texts_; }

 private:
  std::vector<std::string> texts_;
};

std::unexpected<Error> damaged(std::string_view id, std::string_view why) {
  return fail(Fault::damaged, "the layout " + std::string(id) + " that a letter has is damaged: " + std::string(why) +
                                  "; bring the document back from a backup, or send the letter anew");
}

Result<Mailbox> mailbox_in(const JsonValue& json) {
  return Mailbox::parse(json.text("address"), json.text("name"));
}

std::optional<domain::LetterSources> sources_in(const JsonValue& json) {
  const auto head = json.find("head"), texts = json.find("templates"), languages = json.find("languages");
  auto logo = parse_base64url(json.text("logo"));
  if (!head || !texts || !languages || !logo || logo->empty()) return std::nullopt;
  domain::LetterSources sources{
      .head = {.imprint = head->text("imprint"), .reply_to = head->text("replyTo"), .domain = head->text("domain")},
      .logo = std::move(*logo)};
  std::vector<std::string> all;
  for (const auto& text : texts->elements()) all.emplace_back(text.string().value_or(""));
  for (const auto& element : languages->elements()) {
    auto& language = sources.languages.emplace_back();
    language.locale = element.text("locale");
    for (const auto& [kind, into] : {std::pair("subject", &language.subject), std::pair("text", &language.text),
                                     std::pair("html", &language.html)}) {
      const auto place = static_cast<std::size_t>(element.integer(kind, -1));
      if (place >= all.size()) return std::nullopt;
      *into = all[place];
    }
    const auto sentences = element.find("sentences");
    if (!sentences || language.locale.empty()) return std::nullopt;
    for (const auto& [name, sentence] : sentences->members())
      language.sentences.emplace(name, sentence.string().value_or(""));
  }
  if (sources.languages.empty()) return std::nullopt;
  return sources;
}

}  // namespace

Result<KeptLayout> kept(const Layout& layout) {
  const auto& sources = layout.sources;
  Texts texts;
  JsonWriter languages;
  languages.array();
  for (const auto& language : sources.languages) {
    languages.object().member("locale", language.locale);
    languages.member("subject", texts.place_of(language.subject));
    languages.member("text", texts.place_of(language.text));
    languages.member("html", texts.place_of(language.html));
    languages.key("sentences").object();
    for (const auto& [name, sentence] : language.sentences) languages.member(name, sentence);
    languages.end().end();
  }
  languages.end();

  JsonWriter json;
  json.object().key("from");
  write(json, layout.from);
  if (layout.reply_to) {
    json.key("replyTo");
    write(json, *layout.reply_to);
  }
  json.key("head").object().member("imprint", sources.head.imprint).member("replyTo", sources.head.reply_to);
  json.member("domain", sources.head.domain).end();
  const auto* logo = reinterpret_cast<const unsigned char*>(sources.logo.data());
  json.member("logo", base64url({logo, sources.logo.size()}));
  json.key("templates").array();
  for (const auto& text : texts.all()) json.value(text);
  json.end().key("languages").raw(languages.text()).end();
  KeptLayout out{.id = {}, .json = json.take()};
  if (out.json.size() > longest_layout)
    return fail(Fault::invalid, "the letters' templates, words and logo have " +
                                    std::to_string(out.json.size() / 1024) + " KiB together, and " +
                                    std::to_string(longest_layout / 1024) +
                                    " are the most that can be kept with letters that wait; make templates shorter, or "
                                    "let languages share them");
  out.id = id_of(out.json);
  return out;
}

Result<Layout> layout_of(std::string_view id, std::string_view json) {
  if (id_of(json) != id) return damaged(id, "these are not the bytes that were kept");
  const auto document = JsonDocument::parse(json);
  if (!document) return damaged(id, "it is not JSON");
  const JsonValue root = document->root();
  const auto from_json = root.find("from"), reply_to_json = root.find("replyTo");
  auto from = from_json ? mailbox_in(*from_json) : Mailbox::parse("");
  if (!from) return damaged(id, "it does not say who sends it");
  Layout layout{.sources = {}, .from = std::move(*from), .reply_to = std::nullopt};
  if (reply_to_json) {
    auto reply_to = mailbox_in(*reply_to_json);
    if (!reply_to) return damaged(id, "it does not say where answers go");
    layout.reply_to = std::move(*reply_to);
  }
  auto sources = sources_in(root);
  if (!sources) return damaged(id, "templates or words are missing");
  layout.sources = std::move(*sources);
  return layout;
}

}  // namespace globogym::mail
