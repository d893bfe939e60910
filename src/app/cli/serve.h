// `globogym serve`: starts the service, says when it is ready, and stops it when asked to.
#pragma once

#include "app/config.h"

namespace globogym::app::cli {

int serve(const LoadedConfig& config);

}  // namespace globogym::app::cli
