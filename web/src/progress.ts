// What becomes of an application, step by step as it happens. Says the same words whoever signs up: whether an address was
// a member's already is nobody's business but its owner's.
import { enrollmentEvents, getEnrollment, Refusal, type Enrollment } from './api';
import { element } from './form';
import { isKey, text, type Key } from './language';
import type { Desk } from './submission';
import { backoff, pause, pauseForNetwork } from './waiting';

type State = 'pending' | 'running' | 'done';
type Note = 'progress.slow' | 'progress.unreachable' | 'progress.gone' | 'progress.done';

const usual = ['validate', 'store-member', 'welcome-mail'];
const slowAfter = 30_000;
// Steps that are done at once are ticked one after the other, quickly.
const moment = 120;

export class Progress {
  private shown: { name: string; state: State }[] = [];
  private wanted = new Map<string, State>();
  private note: Note | undefined;
  private ended = false;
  private looked = false; // something has been shown of it: what comes now is a change
  private stop = new AbortController();

  constructor(private readonly desk: Desk) {
    // An open stream would keep the page from being kept for the back button.
    addEventListener('pagehide', () => this.stop.abort());
    window.addEventListener('pageshow', ({ persisted }) => {
      if (persisted && this.id && !this.ended) void this.follow(this.id);
    });
  }
  private id = '';
  private address = '';

  // `address` is where the letter goes, when this page knows it: it is kept nowhere, and gone when the page is.
  begin(id: string, address = ''): void {
    this.id = id;
    this.address = address;
    this.ended = false;
    this.note = undefined;
    this.wanted.clear();
    const ahead = usual.map((name, i) => ({ name, state: (i === 0 ? 'running' : 'pending') as State }));
    this.shown = [{ name: 'received', state: 'done' }, ...ahead];
    element('reference').textContent = id;
    this.draw();
    void this.follow(id);
  }

  end(): void {
    this.id = this.address = '';
    this.stop.abort();
  }

  // In the language of the moment.
  draw(): void {
    if (!this.id) return;
    const heading = element('progress-heading');
    heading.textContent = text(this.note === 'progress.done' ? 'progress.done.heading' : 'progress.heading');
    element('progress-lead').hidden = this.note === 'progress.done';
    element('address').hidden = !this.address;
    element('address').replaceChildren(...sentence(text('progress.address'), this.address));
    element('closing').textContent = this.note ? text(this.note) : '';
    const list = element('steps');
    const known = this.shown.filter(({ name }) => isKey(`step.${name}`));
    while (list.children.length > known.length) list.lastElementChild?.remove();
    known.forEach(({ name, state }, i) => {
      const item = list.children[i] ?? list.appendChild(newStep());
      item.className = state;
      item.children[0]!.textContent = text(`step.${name}` as Key);
      item.children[1]!.textContent = text(`state.${state}`);
    });
  }

  private async follow(id: string): Promise<void> {
    this.stop.abort();
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.looked = false;
    const slow = setTimeout(() => this.tell('progress.slow'), slowAfter);
    let streaming = true;
    for (let failures = 0; !signal.aborted && !this.ended; ) {
      const { key } = await this.desk.signUp(() => this.tell('progress.unreachable'));
      try {
        if (streaming)
          for await (const view of enrollmentEvents(id, key, signal)) {
            failures = 0;
            await this.take(view, signal);
          }
        else await this.take(await getEnrollment(id, key), signal);
        await pause(1000);
      } catch (error) {
        if (signal.aborted) break;
        if (error instanceof Refusal && error.status === 404) {
          this.tell('progress.gone');
          break;
        }
        if (error instanceof Refusal && error.status === 401) this.desk.renew();
        // A stream that does not come, or breaks twice, is not asked for again.
        if (error instanceof Refusal || failures > 0) streaming = false;
        if (failures++ > 1) this.tell('progress.unreachable');
        await pauseForNetwork(Math.max(backoff(failures), retryAfter(error)));
      }
    }
    clearTimeout(slow);
  }

  // Shows what is so: the first time as it is, from then on one change after the other.
  private async take(view: Enrollment, signal: AbortSignal): Promise<void> {
    if (this.note === 'progress.unreachable') this.tell(undefined);
    const ended = view.status === 'completed' || view.status === 'rejected';
    this.wanted = new Map(view.steps.map(({ name, status }) => [name, stateOf(status)]));
    // We are not told what happens before it has happened: the next step is what goes on.
    const next = view.steps.find(({ name }) => this.wanted.get(name) !== 'done');
    if (next && !ended) this.wanted.set(next.name, 'running');
    for (const { name } of view.steps)
      if (!this.shown.some((step) => step.name === name)) this.shown.push({ name, state: 'pending' });
    this.shown = this.shown.filter(({ name }) => name === 'received' || this.wanted.has(name));
    const atOnce = !this.looked || matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.looked = true;
    for (const step of this.shown) {
      const wanted = this.wanted.get(step.name) ?? step.state;
      if (step.state === wanted) continue;
      if (signal.aborted) return;
      step.state = wanted;
      if (atOnce || document.hidden) continue;
      this.draw();
      if (wanted === 'done' && !ended) element('said').textContent = `${text(`step.${step.name}` as Key)}: ${text('state.done')}`;
      await pause(moment);
    }
    if (signal.aborted) return;
    this.draw();
    if (!ended) return;
    this.ended = true;
    this.tell('progress.done');
    element('said').textContent = `${text('progress.done.heading')}. ${text('progress.done')}`;
  }

  private tell(note: Note | undefined): void {
    if (this.ended && note !== 'progress.done') return;
    this.note = note;
    this.draw();
    if (note) element('said').textContent = text(note);
  }
}

function stateOf(status: string): State {
  if (status === 'done' || status === 'skipped') return 'done';
  return status === 'pending' ? 'pending' : 'running';
}

function retryAfter(error: unknown): number {
  return error instanceof Refusal ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
}

// With the address in a piece of its own, which may break anywhere.
function sentence(words: string, address: string): (string | Node)[] {
  const [before = '', after = ''] = words.split('{address}');
  const piece = document.createElement('strong');
  piece.dir = 'auto';
  piece.textContent = address;
  return [before, piece, after];
}

function newStep(): HTMLLIElement {
  const item = document.createElement('li');
  const state = document.createElement('span');
  state.className = 'state';
  item.append(document.createElement('span'), state);
  return item;
}
