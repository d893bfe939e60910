// The layouts of letters, as the engine keeps them: stored before any letter that names them, found when it is sent.
//
// A layout is a document under its own id, which is made of its content: it is never changed, and storing it again
// changes nothing. Nobody erases one, because nobody knows of a letter that still waits somewhere.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "async/loop.h"
#include "engine/engine.h"
#include "mail/compose.h"
#include "mail/layout.h"

namespace globogym::functions::enrollment {

using async::Task;

engine::DocumentKey layout_key(const std::string& id);

// Returns when the layout is on stable storage. Both outlive the task.
Task<Result<void>> store_layout(engine::Engine& engine, const mail::KeptLayout& layout);

// The layout of one writer: stored once, however many ask. Owned by one loop.
class StoredLayout {
 public:
  // Both outlive it.
  StoredLayout(engine::Engine& engine, const mail::KeptLayout& layout) : engine_(engine), layout_(layout) {}
  // Cheap; once it is true it stays so.
  bool is_stored() const { return stored_; }
  // Until then, store_layout() by whoever asks first.
  Task<Result<void>> store();

 private:
  engine::Engine& engine_;
  const mail::KeptLayout& layout_;
  bool stored_ = false, storing_ = false;
  async::Signal ended_;
};

// Composers by their layouts' ids; the last few are remembered. Owned by one loop.
class Composers {
 public:
  // `engine` outlives it.
  explicit Composers(engine::Engine& engine) : engine_(engine) {}
  //   damaged      no such layout is kept, or not as it was; a sentence says what to do
  //   unavailable  the engine cannot be read now
  Task<Result<std::shared_ptr<const mail::Composer>>> find(std::string layout_id);

 private:
  struct Known {
    std::string id;
    std::shared_ptr<const mail::Composer> composer;
  };
  std::shared_ptr<const mail::Composer> known(const std::string& id);

  engine::Engine& engine_;
  std::vector<Known> known_;  // used last stands first
};

}  // namespace globogym::functions::enrollment
