// Brings an application to the service, once, whatever the network does.
//
// The same body goes out with the same idempotency key until an answer is known: the service keeps one enrollment however
// often it arrives. Every request carries a proof of work, made for this key while the form is filled in.
import { getSignUp, postEnrollment, Refusal, Unanswered, type SignUp } from './api';
import { prove } from './proof';
import { backoff, pause, pauseForNetwork } from './waiting';

// Why it takes a while.
export type Delay = 'proof' | 'sending' | 'network' | 'busy';
// `seconds`: how long the service asks us to wait, when it does.
type Delayed = (why: Delay, seconds?: number) => void;

export type Outcome =
  | { kind: 'kept'; id: string }
  | { kind: 'invalid'; refusal: Refusal }
  | { kind: 'key-used' }
  | { kind: 'failed'; why: 'unverified' | 'closed' | 'broken' };

// What the service wants of a sign-up, and the proof for one idempotency key, made in advance.
export class Desk {
  private form: Promise<SignUp> | undefined;
  private receivedAt = 0;
  private readonly waiting = new Set<Delayed>();
  private proof: { idempotencyKey: string; token: string; nonce: Promise<number> } | undefined;

  // Asked for until it comes. `delayed` is told of each failure.
  async signUp(delayed?: Delayed): Promise<SignUp> {
    if (delayed) this.waiting.add(delayed);
    this.form ??= this.fetched();
    return this.form.finally(() => delayed && this.waiting.delete(delayed));
  }

  // Begins to solve the current challenge for a key. Solving it twice costs nothing.
  async prepare(idempotencyKey: string): Promise<void> {
    const { challenge } = await this.signUp();
    if (this.proof?.idempotencyKey === idempotencyKey && this.proof.token === challenge.token) return;
    const { token, bits } = challenge;
    this.proof = { idempotencyKey, token, nonce: prove({ token, idempotencyKey, bits }) };
  }

  // The next form has another challenge, and perhaps another key.
  renew(): void {
    this.form = undefined;
  }

  // The key and the value of Sign-Up-Proof, when they may be used.
  async ticket(idempotencyKey: string, trapped: boolean, delayed: Delayed) {
    let form = await this.signUp(delayed);
    // Its end by our own clock, which need not be right: late is told by the service.
    if (Date.now() > Date.parse(form.challenge.expiresAt) - 5_000) {
      this.renew();
      form = await this.signUp(delayed);
    }
    await this.prepare(idempotencyKey);
    const nonce = await this.proof!.nonce;
    const early = this.receivedAt + form.challenge.waitMs - performance.now();
    if (early > 0) await pause(early);
    return { key: form.key, proof: `token=${this.proof!.token}, nonce=${nonce}${trapped ? ', trap=1' : ''}` };
  }

  private async fetched(): Promise<SignUp> {
    for (let attempt = 0; ; attempt++) {
      try {
        const form = await getSignUp();
        this.receivedAt = performance.now();
        return form;
      } catch (error) {
        const asked = error instanceof Refusal ? error.retryAfterSeconds : undefined;
        for (const delayed of this.waiting) delayed(error instanceof Refusal ? 'busy' : 'network', asked);
        await pauseForNetwork(Math.max(backoff(attempt), (asked ?? 0) * 1000));
      }
    }
  }
}

export async function submit(
  desk: Desk,
  { idempotencyKey, body }: { idempotencyKey: string; body: string },
  trapped: boolean,
  delayed: Delayed,
): Promise<Outcome> {
  let unverified = 0;
  for (let attempt = 0; ; ) {
    const slow = setTimeout(() => delayed('proof'), 1000);
    const ticket = await desk
      .ticket(idempotencyKey, trapped, (why, seconds) => {
        clearTimeout(slow);
        delayed(why, seconds);
      })
      .finally(() => clearTimeout(slow));
    try {
      const { id } = await postEnrollment(body, { ...ticket, idempotencyKey });
      return { kind: 'kept', id };
    } catch (error) {
      if (error instanceof Unanswered) {
        delayed('network');
        await pauseForNetwork(backoff(attempt++));
        continue;
      }
      if (!(error instanceof Refusal)) throw error;
      const { status, slug, retryAfterSeconds } = error;
      if (slug === 'invalid-fields') return { kind: 'invalid', refusal: error };
      if (slug === 'idempotency-key-reused') return { kind: 'key-used' };
      if (slug === 'origin-not-allowed' || slug === 'quota-exceeded') return { kind: 'failed', why: 'closed' };
      if (slug === 'proof-early') {
        await pause((retryAfterSeconds ?? 1) * 1000);
        if (++attempt < 20) continue;
      }
      // The challenge or the key is another one by now.
      if (slug.startsWith('proof-') || status === 401) {
        desk.renew();
        if (++unverified < (trapped ? 1 : 4)) continue;
        return { kind: 'failed', why: status === 401 ? 'closed' : 'unverified' };
      }
      if (status === 429 || status >= 500 || status === 408) {
        delayed('busy', retryAfterSeconds);
        await pauseForAnswer(retryAfterSeconds, attempt++);
        continue;
      }
      return { kind: 'failed', why: status === 403 ? 'closed' : 'broken' };
    }
  }
}

// What the service asks for is waited for in full, and not by everybody to the same moment.
function pauseForAnswer(seconds: number | undefined, attempt: number): Promise<void> {
  return seconds === undefined ? pauseForNetwork(backoff(attempt)) : pause(seconds * 1000 + Math.random() * 500);
}
