// A mail system for people who have none yet: one .eml file a message in a directory.
//
// The file's name comes from the message id, so a letter sent again replaces its own file, whole, by a rename: the
// directory never shows half a letter or the same letter twice. Files are 0600, the directory 0700.
// A file survives the death of this process, not that of the machine: nothing is synced unless `sync` says so, because
// one sync a letter would cost a hundred times the rest, and this adapter serves development and inspection.
// The directory is made at the start, and never again: taken away while this runs, letters are unavailable until it is
// put back (the same or another), and are then written again. A new one in its place would hide what comes until
// somebody looks: under a mount point whose volume went away, or beside the directory that is being moved elsewhere and
// back. File operations block the loop for some microseconds each.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "mail/mailer.h"
#include "telemetry/metrics.h"

namespace globogym::mail::outbox {

struct Options {
  std::string directory;  // made when it does not exist (its parent must)
  bool sync = false;      // fdatasync each file and sync the directory before a send succeeds
};

// Fails (unavailable) when the directory cannot be made or written to. `metrics` outlives the mailer.
Result<std::unique_ptr<mail::Mailer>> open(Options options, telemetry::Metrics& metrics);

}  // namespace globogym::mail::outbox
