// The one door to Asio. Included by .cpp files only (heavy), and only where src/README.md allows it.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "async/loop.h"

namespace globogym::async {

struct AsioLoop::Context {
  boost::asio::io_context io{1};  // one thread runs it; posts come from many
};

// The io_context of the loop that is turning here. The loop must be an AsioLoop.
inline boost::asio::io_context& current_io() {
  auto* loop = dynamic_cast<AsioLoop*>(Loop::current());
  ASSERT(loop != nullptr);
  return loop->context().io;
}

}  // namespace globogym::async
