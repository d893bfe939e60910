// The public API as the page uses it. See /docs.

// What is said otherwise in a language ("de") or a locale ("de-DE").
export type Translations = Record<string, Record<string, string>>;

export interface Club {
  id: string;
  name: string;
  translations?: Translations;
  minimumAge: number;
  timeZone: string;
}

export interface Plan {
  id: string;
  name: string;
  price?: string | null;
  term?: string | null;
  translations?: Translations;
}

export interface FieldRule {
  name: string;
  required: boolean;
  maxLength?: number | null;
  pattern?: string | null;
}

export interface Challenge {
  token: string;
  bits: number;
  waitMs: number;
  expiresAt: string;
}

export interface SignUp {
  key: string;
  termsVersion: string;
  termsUrl: string | null;
  privacyUrl: string | null;
  clubs: Club[];
  plans: Plan[];
  locales: string[];
  fields: FieldRule[];
  challenge: Challenge;
}

export interface Problem {
  pointer: string;
  code: string;
}

export interface Step {
  name: string;
  status: string;
}

export interface Enrollment {
  status: string;
  steps: Step[];
}

// An answer that is not what was asked for.
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly slug: string,
    readonly problems: Problem[],
    readonly retryAfterSeconds: number | undefined,
  ) {
    super(`${status} ${slug}`);
  }
}

// No answer: the network, or too late.
export class Unanswered extends Error {}

const patience = 20_000;

export function getSignUp(): Promise<SignUp> {
  return ask<SignUp>('/v1/sign-up', {});
}

export function postEnrollment(
  body: string,
  headers: { key: string; idempotencyKey: string; proof: string },
): Promise<{ id: string }> {
  return ask('/v1/enrollments', {
    method: 'POST',
    body,
    headers: {
      'Content-Type': 'application/json',
      'X-API-Key': headers.key,
      'Idempotency-Key': headers.idempotencyKey,
      'Sign-Up-Proof': headers.proof,
    },
  });
}

export function getEnrollment(id: string, key: string): Promise<Enrollment> {
  return ask(`/v1/enrollments/${encodeURIComponent(id)}`, { headers: { 'X-API-Key': key } });
}

// Every view of an enrollment as it goes on; ends when the service ends it. Throws as the others do.
export async function* enrollmentEvents(id: string, key: string, signal: AbortSignal): AsyncGenerator<Enrollment> {
  const response = await fetched(`/v1/enrollments/${encodeURIComponent(id)}/events`, {
    headers: { 'X-API-Key': key, Accept: 'text/event-stream' },
    signal,
  });
  if (!response.ok) throw await refusal(response);
  if (!response.body) throw new Unanswered('no stream');
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new Unanswered('the stream broke');
    });
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const events = text.split(/\r?\n\r?\n/);
    text = events.pop() ?? '';
    for (const event of events) {
      const data = event
        .split(/\r?\n/)
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trim())
        .join('\n');
      if (data) yield JSON.parse(data) as Enrollment;
    }
  }
}

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), patience);
  try {
    const response = await fetched(path, { ...init, signal: late.signal });
    if (!response.ok) throw await refusal(response);
    try {
      return (await response.json()) as T;
    } catch {
      throw new Unanswered('the answer broke off');
    }
  } finally {
    clearTimeout(timer);
  }
}

async function fetched(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch {
    throw new Unanswered('no answer');
  }
}

async function refusal(response: Response): Promise<Refusal> {
  const problem = (await response.json().catch(() => ({}))) as { type?: string; errors?: Problem[] };
  const seconds = Number(response.headers.get('Retry-After') ?? NaN);
  return new Refusal(
    response.status,
    problem.type?.split('/').pop() ?? '',
    problem.errors ?? [],
    Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 3600) : undefined,
  );
}
