#include "domain/letters.h"

namespace globogym::domain {
LetterText welcome_letter(const Member&, const Club*, const Plan*) {
  return {};
}
}  // namespace globogym::domain
