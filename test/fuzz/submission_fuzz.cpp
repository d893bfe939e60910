// Any bytes are an applicant, a list of problems, or not JSON; they are never a crash, and never nothing.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "base/assert.h"
#include "base/text.h"
#include "gateway/requests/submission.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace globogym;
  static const domain::Catalogue catalogue = domain::sample_catalogue();
  constexpr domain::Date today{std::chrono::year{2026}, std::chrono::month{11}, std::chrono::day{22}};
  if (size > 16 * 1024) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data), size);

  const auto reading = gateway::read_submission(body, catalogue, domain::noon(today));

  if (const auto* applicant = std::get_if<domain::Applicant>(&reading)) {
    ASSERT(is_utf8(body));
    ASSERT(!applicant->normalized_email.reveal().empty());
    ASSERT(catalogue.find_club(applicant->home_club_id) != nullptr);
    ASSERT(catalogue.find_plan(applicant->plan) != nullptr);
  } else if (const auto* problems = std::get_if<std::vector<domain::Problem>>(&reading)) {
    ASSERT(!problems->empty() && problems->size() <= 100);
    for (const auto& problem : *problems) {
      ASSERT(!problem.code.empty() && !problem.detail.empty());
      ASSERT(problem.pointer.empty() || problem.pointer.front() == '/');
      ASSERT(is_utf8(problem.pointer));
    }
  } else {
    ASSERT(!std::get<gateway::NotJson>(reading).problem.code.empty());
  }
  return 0;
}
