// Solves puzzles beside the page, so that typing stays smooth.
import { solve, type Puzzle } from './solve';

addEventListener('message', ({ data }: MessageEvent<Puzzle>) => {
  postMessage(solve(data, 0, Number.MAX_SAFE_INTEGER));
});
