// An enrollment's document, as the functions on its way read and continue it.
//
// Every change carries the version that was read, so two functions can never overwrite each other, and moves the totals
// with the status, so that each enrollment counts in exactly one of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "domain/enrollment.h"
#include "domain/ids.h"
#include "engine/engine.h"

namespace globogym::functions::enrollment {

using async::Task;

struct Story {
  domain::Enrollment enrollment;
  engine::DocumentKey key;
  engine::Version version = 0;
  domain::Status was = domain::Status::accepted;  // when it was read
};

// nullopt when there is none (it was erased, or `id` is not an enrollment's). `engine` outlives the task.
Task<Result<std::optional<Story>>> read_story(engine::Engine& engine, std::string id);

// Adds the enrollment as it is now to `commit`.
void tell(engine::Commit& commit, Story story);

// Writes into `step` how it went so far: the attempts before and including this one.
void note_attempts(domain::Step& step, int attempt, const std::vector<engine::Attempt>& history);
// One that was done before is done once more, and what came of it then is kept.
void note_done(domain::Enrollment& enrollment, std::string_view step, WallTime at);
// What the message knows of the step that it is about to be begun anew, at `now` when it is not dead.
domain::Round round_so_far(const engine::KeptMessage& message, WallTime now);

// The change of an enrollment whose message was parked at `step`, of one whose dead letter a person brings back, and of
// one whose dead letter a person drops: it stays parked. Either takes over what the letter knew.
Task<Result<engine::Commit>> parked_story(engine::Engine& engine, std::string id, std::string step, int attempts,
                                          std::string reason, std::string error);
Task<Result<engine::Commit>> revived_story(engine::Engine& engine, engine::KeptMessage letter, std::string step,
                                           domain::Status status, domain::Intervention by);
Task<Result<engine::Commit>> discarded_story(engine::Engine& engine, engine::KeptMessage letter, std::string step,
                                             domain::Intervention by);

// What is parked is `status` again, and its step yet to be done.
void begin_anew(domain::Enrollment& enrollment, domain::Status status);

// Of the note that a member is kept elsewhere than the id says.
engine::DocumentKey moved_key(const std::string& member_id);
engine::DocumentKey member_key(const domain::PersonIds& ids);
void count(engine::Commit& commit, std::string_view counter, std::int64_t delta);

}  // namespace globogym::functions::enrollment
