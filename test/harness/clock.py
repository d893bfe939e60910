"""A wall clock that a test can set, for one process and its children: a shim under the C library, since the machine's own
clock is everybody's.

    clock = Clock(directory)
    with Service(data, env=clock.env):
        clock.step(-3600)

Steady clocks are left alone, as the kernel does. Needs clang (or cc) and a binary that is linked to the C library
dynamically; Skip says when either is missing.
"""

import mmap
import shutil
import struct
import subprocess

from harness.report import Skip

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;  /* seconds ahead of the machine's clock */
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

__attribute__((constructor)) static void begin(void) {
  static const int64_t none = 0;
  real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  real_timedwait =
      (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  const char *path = getenv("WALL_CLOCK_OFFSET");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *page = file < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  offset = page == MAP_FAILED ? &none : page;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  if (!real_gettime) begin();
  int failed = real_gettime(clock, now);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
  return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  if (clock_gettime(CLOCK_REALTIME, &precise)) return -1;
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

/* The kernel waits by its own clock. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
  if (!real_timedwait) begin();
  struct timespec shifted = *until;
  shifted.tv_sec -= *offset;
  return real_timedwait(condition, mutex, &shifted);
}
"""


class Clock:
    def __init__(self, directory):
        compiler = next((found for name in ('clang-19', 'clang', 'cc') if (found := shutil.which(name))), None)
        if not compiler:
            raise Skip('no C compiler is installed')
        source, self.library, self.path = directory / 'clock.c', directory / 'clock.so', directory / 'clock-offset'
        source.write_text(SOURCE)
        subprocess.run([compiler, '-shared', '-fPIC', '-O1', '-o', self.library, source, '-ldl', '-lpthread'], check=True,
                       capture_output=True)
        self.path.write_bytes(bytes(4096))
        self.seconds = 0
        self.env = {'LD_PRELOAD': str(self.library), 'WALL_CLOCK_OFFSET': str(self.path)}

    def step(self, seconds):
        """Sets the clock so much ahead, or back."""
        self.seconds += seconds
        with open(self.path, 'r+b') as file, mmap.mmap(file.fileno(), 4096) as page:
            page[:8] = struct.pack('=q', self.seconds)
