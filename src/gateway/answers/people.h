// Which enrollments a person has had.
//
// Of every enrollment there is one small document in `people`, made by the commit that accepts it, whose id is the
// person's partition and then the enrollment's id: the ids that begin with a partition are the person's enrollments, in
// order of time. It holds nothing else. Stores of builds that made none get them afterwards: index_more() goes on where
// it stopped, at whichever start, and once it has come to the end it is done for ever.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace globogym::gateway {

// What the commit that accepts an enrollment puts beside it.
engine::Put person_entry(std::string_view enrollment_id, std::string_view partition,
                         engine::Expect expect = engine::Expect::anything());

struct PersonsEnrollments {
  std::vector<std::string> ids;  // the newest first, at most as many as asked for
  std::size_t total = 0;         // how many there are; beyond 100,000 they are not counted
};
// Of a store that has not been indexed to the end: those there are entries for.
async::Task<Result<PersonsEnrollments>> enrollments_of(engine::Engine& engine, std::string partition,
                                                       std::size_t at_most);

// Writes the entries that are missing, some hundreds of them. True: there are no more. May be called by several at
// once.
async::Task<Result<bool>> index_more(engine::Engine& engine);
// Whether this is where index_more() notes how far it is: without it, it begins anew.
bool is_note_of_indexing(const engine::DocumentKey& key);
// To the end; one read when it has been there.
async::Task<Result<void>> index_all(engine::Engine& engine);

}  // namespace globogym::gateway
