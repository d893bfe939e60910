#include "app/process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <system_error>

#include "app/cli/cli.h"

namespace globogym::app {
namespace {

// Measured: a start with the default settings takes 170 MiB of it on a machine with two cores.
constexpr std::size_t least_address_space = std::size_t{160} << 20;

constexpr char advice[] =
    "; allow it more (ulimit -u, -v and -n, systemd's TasksMax, MemoryMax and LimitNOFILE, the container's pids, "
    "memory "
    "and nofile) and start again; nothing that was promised is lost";

// Called where memory may be gone and locks be held: it only writes and ends.
[[noreturn]] void end(const char* what) {
  char text[400];
  const int length = std::snprintf(text, sizeof text, "globogym: %s%s\n", what, advice);
  if (::write(STDERR_FILENO, text, static_cast<std::size_t>(length)) < 0) ::_exit(cli::cannot_open);
  ::_exit(cli::cannot_open);
}

[[noreturn]] void last_word() {
  // Unwinding, a thread that was started already has no one to join it: what was thrown can no longer be asked for.
  if (std::uncaught_exceptions() > 0 && !std::current_exception()) end("no more threads or memory are to be had");
  try {
    if (auto thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    end("no more memory is to be had");
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::resource_unavailable_try_again) end("no more threads are to be had");
    if (error.code() == std::errc::not_enough_memory) end("no more memory is to be had");
    if (error.code() == std::errc::too_many_files_open || error.code() == std::errc::too_many_files_open_in_system)
      end("no more file descriptors are to be had");
  } catch (...) {
    std::abort();
  }
  std::abort();
}

}  // namespace

bool fill_standard_descriptors() {
  for (;;) {
    const int fd = ::open("/dev/null", O_RDWR);
    if (fd < 0) return false;
    if (fd > STDERR_FILENO) return ::close(fd) == 0;
    if (fd == STDERR_FILENO) continue;
    // Not for writing: an answer written there would be taken for given.
    ::close(fd);
    if (::open("/dev/null", O_RDONLY) != fd) return false;
  }
}

Result<void> address_space_suffices() {
  void* probe = ::mmap(nullptr, least_address_space, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (probe == MAP_FAILED) return fail(Fault::unavailable, std::string("no more memory is to be had") + advice);
  ::munmap(probe, least_address_space);
  return {};
}

void end_with_a_sentence_when_limits_are_met() {
  std::set_terminate(last_word);
}

std::uint32_t connections_that_fit(std::uint32_t wanted) {
  constexpr rlim_t reserve = 1024;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
  const rlim_t room = std::max<rlim_t>(limit.rlim_cur - std::min(reserve, limit.rlim_cur / 2), 1);
  return static_cast<std::uint32_t>(std::min<rlim_t>(wanted, room));
}

}  // namespace globogym::app
