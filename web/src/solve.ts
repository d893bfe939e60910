// The proof of work: a number that makes the digest of `<token>.<idempotency key>.<number>` begin with enough zero bits.
import { Beginning } from './sha256';

export interface Puzzle {
  token: string;
  idempotencyKey: string;
  bits: number;
}

// Tries `count` numbers from `from` on; the one that solves the puzzle, or undefined.
export function solve({ token, idempotencyKey, bits }: Puzzle, from: number, count: number): number | undefined {
  const beginning = new Beginning(`${token}.${idempotencyKey}.`);
  for (let nonce = from; nonce < from + count; nonce++) if (zeroBits(beginning.digest(String(nonce))) >= bits) return nonce;
  return undefined;
}

function zeroBits(digest: Uint32Array): number {
  let bits = 0;
  for (const word of digest) {
    bits += Math.clz32(word);
    if (word !== 0) break;
  }
  return bits;
}
