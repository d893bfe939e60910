// SHA-256 (FIPS 180-4), made for the one thing the browser's own cannot do fast: tens of thousands of short messages that
// begin alike. A beginning is digested once; each ending then costs one or two blocks.

const K = new Uint32Array(64);
const H0 = new Uint32Array(8);
{
  // The fractional parts of the roots of the first primes, as the standard defines them.
  let found = 0;
  for (let n = 2; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n && prime; d++) prime = n % d !== 0;
    if (!prime) continue;
    if (found < 8) H0[found] = fraction(Math.sqrt(n));
    K[found++] = fraction(Math.cbrt(n));
  }
}

function fraction(x: number): number {
  return ((x - Math.floor(x)) * 0x100000000) >>> 0;
}

const w = new Uint32Array(64);

function compress(state: Uint32Array, block: DataView, offset: number): void {
  for (let i = 0; i < 16; i++) w[i] = block.getUint32(offset + i * 4);
  for (let i = 16; i < 64; i++) {
    const a = w[i - 15]!;
    const b = w[i - 2]!;
    const s0 = ((a >>> 7) | (a << 25)) ^ ((a >>> 18) | (a << 14)) ^ (a >>> 3);
    const s1 = ((b >>> 17) | (b << 15)) ^ ((b >>> 19) | (b << 13)) ^ (b >>> 10);
    w[i] = w[i - 16]! + s0 + w[i - 7]! + s1;
  }
  let a = state[0]! | 0, b = state[1]! | 0, c = state[2]! | 0, d = state[3]! | 0;
  let e = state[4]! | 0, f = state[5]! | 0, g = state[6]! | 0, h = state[7]! | 0;
  for (let i = 0; i < 64; i++) {
    const S1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + S1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0;
    const S0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (S0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
  state[5]! += f;
  state[6]! += g;
  state[7]! += h;
}

// The messages that begin with `beginning` (ASCII).
export class Beginning {
  private readonly state = H0.slice();
  private readonly rest: string; // what does not fill a block
  private readonly length: number;
  private readonly scratch = new DataView(new ArrayBuffer(256));
  private readonly result = new Uint32Array(8);

  constructor(beginning: string) {
    this.length = beginning.length;
    const whole = beginning.length - (beginning.length % 64);
    const bytes = new DataView(new ArrayBuffer(whole));
    for (let i = 0; i < whole; i++) bytes.setUint8(i, beginning.charCodeAt(i));
    for (let at = 0; at < whole; at += 64) compress(this.state, bytes, at);
    this.rest = beginning.slice(whole);
  }

  // The digest of the beginning and `ending` (ASCII, at most 100 characters), as eight words. The next call overwrites it.
  digest(ending: string): Uint32Array {
    const tail = this.rest + ending;
    const blocks = Math.ceil((tail.length + 9) / 64);
    for (let i = 0; i < tail.length; i++) this.scratch.setUint8(i, tail.charCodeAt(i));
    this.scratch.setUint8(tail.length, 0x80);
    for (let i = tail.length + 1; i < blocks * 64 - 8; i++) this.scratch.setUint8(i, 0);
    const bits = (this.length + ending.length) * 8;
    this.scratch.setUint32(blocks * 64 - 8, Math.floor(bits / 0x100000000));
    this.scratch.setUint32(blocks * 64 - 4, bits >>> 0);
    this.result.set(this.state);
    for (let block = 0; block < blocks; block++) compress(this.result, this.scratch, block * 64);
    return this.result;
  }
}

export function hexDigest(text: string): string {
  const words = new Beginning(text).digest('');
  return Array.from(words, (word) => word.toString(16).padStart(8, '0')).join('');
}
