// What may have been meant by a word that nobody knows.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace globogym {

// How many letters to put in, take out or change until `a` is `b`.
std::size_t edits(std::string_view a, std::string_view b);

// The known name with the fewest edits from `name`.
std::string_view nearest(std::string_view name, const std::vector<std::string_view>& known);

// The end of a sentence about `word`: "; did you mean X?" when something like it is known, otherwise ".".
std::string suggestion(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace globogym
