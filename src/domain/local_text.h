// A text that may be said in several languages: a club's name, its hours, a price.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace globogym::domain {

class LocalText {
 public:
  LocalText() = default;
  LocalText(std::string text) : text_(std::move(text)) {}
  LocalText(const char* text) : text_(text) {}

  // `language` is a language ("de") or a locale ("de-DE").
  void set(std::string language, std::string text) { translations_[std::move(language)] = std::move(text); }

  const std::string& text() const { return text_; }  // for who speaks none of the others
  const std::map<std::string, std::string, std::less<>>& translations() const { return translations_; }
  bool empty() const { return text_.empty(); }
  bool operator==(const LocalText&) const = default;

  // For a reader of `locale`: in that locale's own words, or its language's, or what everybody gets.
  const std::string& in(std::string_view locale) const {
    auto found = translations_.find(locale);
    if (found == translations_.end()) found = translations_.find(locale.substr(0, locale.find('-')));
    return found == translations_.end() ? text_ : found->second;
  }

 private:
  std::string text_;
  std::map<std::string, std::string, std::less<>> translations_;
};

}  // namespace globogym::domain
