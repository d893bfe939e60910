// The sign-up page: a form until an application is known to be kept, its progress from then on.
import { element, Form } from './form';
import { beginLanguage, chooseLanguage, language, text, type Key } from './language';
import { fresh, recall, remember, type Sending } from './memory';
import { Progress } from './progress';
import { Desk, submit, type Delay } from './submission';

const desk = new Desk();
const progress = new Progress(desk);
let form: Form;
let saying: { status?: () => string; failed?: Key } = {};
let busy = false;

void begin();

async function begin(): Promise<void> {
  void desk.signUp(); // on its way while the texts are
  await beginLanguage();
  form = new Form((values) => {
    const memory = recall();
    if (memory.stage === 'draft') remember({ ...memory, values });
  });
  form.form.addEventListener('submit', (event) => {
    event.preventDefault();
    void send();
  });
  for (const link of document.querySelectorAll<HTMLAnchorElement>('.languages a'))
    link.addEventListener('click', (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      void choose(link.hreflang);
    });
  element('again').addEventListener('click', () => {
    progress.end();
    remember(fresh());
    form.clear();
    enter();
    scrollTo(0, 0);
    element('firstName').focus();
  });
  markLanguage();
  enter();
  document.documentElement.dataset['ready'] ??= '';
}

async function choose(language: string): Promise<void> {
  await chooseLanguage(language);
  form.translate();
  say();
  progress.draw();
  markLanguage();
}

// Shows what this tab is about.
function enter(address?: string): void {
  const memory = recall();
  const kept = memory.stage === 'kept';
  document.body.dataset['stage'] = kept ? 'progress' : 'form';
  element('entry').hidden = kept;
  element('progress').hidden = !kept;
  title();
  if (memory.stage === 'kept') return progress.begin(memory.id, address);
  if (memory.stage === 'draft') remember(memory); // the key that was just made
  form.fill(memory.values);
  element<HTMLButtonElement>('submit').disabled = false;
  void offer();
  if (memory.stage === 'sending') void go(memory, false);
}

async function offer(): Promise<void> {
  const slow = setTimeout(() => tell(() => text('loading.slow')), 4000);
  const signUp = await desk.signUp(() => tell(() => text('loading.slow')));
  clearTimeout(slow);
  if (!busy) tell(undefined);
  form.offer(signUp);
  document.documentElement.dataset['ready'] = 'form';
  performance.mark('form-ready');
  const memory = recall();
  if (memory.stage !== 'kept') void desk.prepare(memory.idempotencyKey);
}

async function send(): Promise<void> {
  const memory = recall();
  if (busy || memory.stage !== 'draft') return;
  if (document.documentElement.dataset['ready'] !== 'form') return tell(() => text('loading.slow'));
  fail(undefined);
  const problems = form.problems();
  form.show(problems);
  if (problems.length > 0) return;
  const body = JSON.stringify(form.application());
  const sending: Sending = { stage: 'sending', idempotencyKey: memory.idempotencyKey, values: form.values(), body };
  remember(sending);
  await go(sending, form.trapped);
}

async function go(sending: Sending, trapped: boolean): Promise<void> {
  work(true);
  const outcome = await submit(desk, sending, trapped, delayed).catch(() => ({ kind: 'failed', why: 'broken' }) as const);
  work(false);
  if (outcome.kind === 'kept') {
    remember({ stage: 'kept', id: outcome.id });
    form.clear();
    enter(sending.values['email']?.trim());
    element('progress-heading').focus({ preventScroll: true });
    scrollTo(0, 0);
    return;
  }
  const draft = { stage: 'draft', idempotencyKey: sending.idempotencyKey, values: sending.values } as const;
  if (outcome.kind === 'key-used') {
    // An earlier version of this application arrived and is kept; this one goes under a key of its own.
    const again = { ...sending, idempotencyKey: fresh().idempotencyKey };
    remember(again);
    return go(again, trapped);
  }
  remember(draft);
  void desk.prepare(draft.idempotencyKey);
  if (outcome.kind === 'invalid') return form.show(outcome.refusal.problems);
  form.forgive(); // who reads what is said now is not a robot
  fail(`failed.${outcome.why}`);
}

function delayed(why: Delay, seconds = 0): void {
  const minutes = Math.ceil(seconds / 60);
  tell(() => (why === 'busy' && minutes > 1 ? text('status.busy.minutes', { minutes }) : text(`status.${why}`)));
}

function work(now: boolean): void {
  busy = now;
  element('fields').inert = now;
  const button = element('submit');
  button.toggleAttribute('data-busy', now);
  if (now) button.setAttribute('aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
  tell(now ? () => text('status.sending') : undefined);
}

function tell(status: (() => string) | undefined): void {
  saying = { ...saying };
  if (status) saying.status = status;
  else delete saying.status;
  say();
}

function fail(key: Key | undefined): void {
  saying = { ...saying };
  if (key) saying.failed = key;
  else delete saying.failed;
  say();
}

function say(): void {
  element('status').textContent = saying.status?.() ?? '';
  element('failed').textContent = saying.failed ? text(saying.failed) : '';
  title();
}

function title(): void {
  document.title = recall().stage === 'kept' ? `${text('progress.heading')} · GloboGym` : text('title');
}

function markLanguage(): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>('.languages a'))
    if (link.hreflang === language()) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
}
