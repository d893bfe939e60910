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
#include "domain/records.h"
#include "engine/engine.h"

namespace globogym::functions::enrollment {

using async::Task;

struct Story {
  domain::Enrollment enrollment;
  engine::DocumentKey key;
  engine::Version version = 0;                    // of the document
  domain::Status was = domain::Status::accepted;  // as it is counted
};

// The story of the message's enrollment as the message itself tells it, without a look at the document; nothing: it
// does not, or what it tells may be old. Whoever writes the document expects the version it names, and after a conflict
// reads.
std::optional<Story> carried_story(const domain::ProcessEnrollment& work, engine::Version version);
std::optional<Story> carried_story(const domain::WelcomeMail& work, engine::Version version);

// The story of the enrollment that `message` is about: what stands in the document, and what the message knows better.
// nullopt when there is none (it was erased, or the message's id is not an enrollment's). `engine` outlives the task.
Task<Result<std::optional<Story>>> read_story(engine::Engine& engine, engine::Message message);

// Counts the enrollment as what it is now.
void recount(engine::Commit& commit, const Story& story);
// The same, and adds it as it is now to `commit`.
void tell(engine::Commit& commit, Story story);

// Writes into `step` how it went so far: the attempts before and including this one.
void note_attempts(domain::Step& step, int attempt, const std::vector<engine::Attempt>& history);
// One that was done before is done once more, and what came of it then is kept.
void note_done(domain::Enrollment& enrollment, std::string_view step, WallTime at);
// What the message knows of the step that it is about to be begun anew, at `now` when it is not dead.
domain::Round round_so_far(const engine::KeptMessage& message, WallTime now);

// The change of an enrollment whose message was parked at `step`, of one whose dead letter a person brings back, and of
// one whose dead letter a person drops: it stays parked. Either takes over what the letter knew.
Task<Result<engine::Commit>> parked_story(engine::Engine& engine, engine::Message message, std::string step,
                                          int attempts, std::string reason, std::string error);
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
