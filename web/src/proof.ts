// Has puzzles solved: in a worker, or in small pieces here where there can be none.
import address from './proof.worker.ts?worker&url';
import { solve, type Puzzle } from './solve';
import { pause } from './waiting';

export async function prove(puzzle: Puzzle): Promise<number> {
  try {
    return await inWorker(puzzle);
  } catch {
    for (let from = 0; ; from += 2000) {
      const nonce = solve(puzzle, from, 2000);
      if (nonce !== undefined) return nonce;
      await pause(0);
    }
  }
}

function inWorker(puzzle: Puzzle): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(trusted(address), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<number>) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      reject(new Error('no worker'));
    };
    worker.postMessage(puzzle);
  });
}

// The content security policy lets no text become an address of script, but this one of ours (Trusted Types).
function trusted(own: string): string {
  const factory = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): Policy } }).trustedTypes;
  policy ??= factory?.createPolicy('globogym', {
    createScriptURL(url: string) {
      if (url !== address) throw new TypeError('not a script of ours');
      return url;
    },
  });
  return policy?.createScriptURL(own) ?? own;
}

interface Policy {
  createScriptURL(url: string): string;
}
let policy: Policy | undefined;
