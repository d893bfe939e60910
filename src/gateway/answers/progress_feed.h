// An enrollment's progress as server-sent events (WHATWG HTML, section 9.2): one event at once, one on every change.
//
// The engine is asked again and again, less often the longer nothing happens: 100 ms at first, 2 s at most. The stream
// ends with the enrollment, after ten minutes, when the client has gone, or when its credential counts no more.
// Somebody who was cut off asks anew.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "engine/engine.h"
#include "gateway/answers/enrollment_view.h"
#include "http/http.h"

namespace globogym::gateway {

// `still_may` is asked before anything is told. `open` counts the feeds there are and outlives them. Null when there
// are too many.
std::unique_ptr<http::Feed> progress_feed(engine::Engine& engine, std::string enrollment_id, Sight sight,
                                          const Clock& clock, std::atomic<int>& open, std::function<bool()> still_may);

}  // namespace globogym::gateway
