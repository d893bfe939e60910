// Time, as the page needs it.

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// Like pause(), but ends early when the network comes back or the page is looked at again.
export function pauseForNetwork(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      document.removeEventListener('visibilitychange', seen);
      resolve();
    };
    const seen = () => {
      if (!document.hidden) done();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener('online', done);
    document.addEventListener('visibilitychange', seen);
  });
}

// How long to wait before the `attempt`-th repetition (from 0): doubling up to 15 s, and not everybody at once.
export function backoff(attempt: number): number {
  return Math.min(15_000, 800 * 2 ** attempt) * (0.75 + Math.random() / 2);
}

