// The letters as they are without anybody's templates: the files beside this one.
#include "domain/letters.h"

namespace globogym::domain {
namespace {

constexpr unsigned char subject[] = {
#embed "welcome.subject"
};
constexpr unsigned char text[] = {
#embed "welcome.txt"
};
constexpr unsigned char html[] = {
#embed "welcome.html"
};
constexpr unsigned char en[] = {
#embed "welcome.en.words"
};
constexpr unsigned char en_us[] = {
#embed "welcome.en-US.words"
};
constexpr unsigned char de[] = {
#embed "welcome.de.words"
};
constexpr unsigned char fr[] = {
#embed "welcome.fr.words"
};
constexpr unsigned char es[] = {
#embed "welcome.es.words"
};
constexpr unsigned char logo[] = {
#embed "logo.png"
};

template <std::size_t size>
std::string whole(const unsigned char (&bytes)[size]) {
  return {bytes, bytes + size};
}

}  // namespace

const std::vector<Letters::File>& Letters::built_in() {
  static const std::vector<File> files = {
      {"welcome.subject", whole(subject)}, {"welcome.txt", whole(text)},          {"welcome.html", whole(html)},
      {"welcome.en.words", whole(en)},     {"welcome.en-US.words", whole(en_us)}, {"welcome.de.words", whole(de)},
      {"welcome.fr.words", whole(fr)},     {"welcome.es.words", whole(es)},       {"logo.png", whole(logo)}};
  return files;
}

}  // namespace globogym::domain
