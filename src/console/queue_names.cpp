#include "console/queue_names.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include "base/nearest.h"

namespace globogym::console {
namespace {

// Anything may have been pasted; what cannot be a queue's name is not repeated.
bool can_be_a_name(std::string_view text) {
  constexpr std::size_t longest = 64;
  return text.size() <= longest && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.';
         });
}

// "a, b and c"
std::string listed(const std::vector<std::string_view>& names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) list += i + 1 == names.size() ? " and " : ", ";
    list += names[i];
  }
  return list;
}

std::string no_queue(std::string_view name, const std::set<std::string>& known) {
  const std::vector<std::string_view> names(known.begin(), known.end());
  std::string text = can_be_a_name(name) ? "there is no queue " + std::string(name) : "there is no such queue";
  if (names.empty()) return text;
  text += (names.size() == 1 ? "; there is " : "; there are ") + listed(names);
  const std::string meant = suggestion(name, names);
  return meant == "." ? text : text + meant;
}

}  // namespace

Task<Result<void>> find_queue(const Parts& parts, std::string name) {
  if (name.empty()) co_return Result<void>();
  std::set<std::string> known;
  for (const auto* function : parts.functions) known.insert(function->options().name);
  if (known.contains(name)) co_return Result<void>();
  // A queue that no function of this build works on may hold what an earlier build has left.
  auto queues = co_await parts.engine.queues();
  if (!queues) co_return std::unexpected(queues.error());
  for (auto& queue : *queues) known.insert(std::move(queue.name));
  if (known.contains(name)) co_return Result<void>();
  co_return fail(Fault::invalid, no_queue(name, known));
}

}  // namespace globogym::console
