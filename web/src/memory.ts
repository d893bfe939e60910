// What this tab must not forget when it is reloaded: the draft, the sign-up under way, or the enrollment that came of it.
// Only ever one of the three; the draft and the body are gone as soon as the enrollment is known to be kept.

export interface Draft {
  stage: 'draft';
  idempotencyKey: string;
  values: Record<string, string>;
}

// Sent, or about to be: the answer is not known. The same body goes out again with the same key until it is.
export interface Sending {
  stage: 'sending';
  idempotencyKey: string;
  values: Record<string, string>;
  body: string;
}

export interface Kept {
  stage: 'kept';
  id: string;
}

export type Memory = Draft | Sending | Kept;

const name = 'globogym.sign-up';
// Where nothing may be stored, the page itself remembers, until it is reloaded.
let unstored: Memory | undefined;

export function recall(): Memory {
  return unstored ?? stored() ?? fresh();
}

export function remember(memory: Memory): void {
  unstored = memory;
  try {
    sessionStorage.setItem(name, JSON.stringify(memory));
  } catch {
    // Private windows of some browsers.
  }
}

export function fresh(): Draft {
  return { stage: 'draft', idempotencyKey: newKey(), values: {} };
}

function stored(): Memory | undefined {
  try {
    const memory = JSON.parse(sessionStorage.getItem(name) ?? 'null') as Memory | null;
    const whole =
      memory &&
      (memory.stage === 'kept'
        ? typeof memory.id === 'string'
        : typeof memory.idempotencyKey === 'string' && typeof memory.values === 'object');
    return whole ? memory : undefined;
  } catch {
    return undefined;
  }
}

function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
