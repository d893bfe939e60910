// Writes the entries of people's enrollments that older builds did not make, beside the work, on a thread of its own
// that ends when it is done. Of a store that has them all nothing is started.
#pragma once

#include <memory>

#include "engine/engine.h"

namespace globogym::app {

class Indexing {
 public:
  // Looks, and begins when there is something to do; null when there is not. The engine must outlive it.
  static std::unique_ptr<Indexing> begin(engine::Engine& engine);
  // Waits until the thread has ended; the next start goes on.
  ~Indexing();
  Indexing(const Indexing&) = delete;
  Indexing& operator=(const Indexing&) = delete;

 private:
  Indexing();
  struct Running;
  std::unique_ptr<Running> running_;
};

}  // namespace globogym::app
