// The form: what stands in it, what is wrong with it, and telling both to everybody, whether they see, listen or type.
import type { Problem, SignUp } from './api';
import { isKey, locale, said, text } from './language';
import { clubsFor, dayAtClub, minimumAge, validate, type Application } from './rules';
import { suggestion } from './suggestion';

export type Values = Record<string, string>;

// Where the focus goes to repair a field; what else belongs to it.
const controls: Record<string, string[]> = {
  firstName: ['firstName'],
  lastName: ['lastName'],
  email: ['email'],
  dateOfBirth: ['day', 'month', 'year'],
  homeClubId: ['homeClubId'],
  plan: ['plan'],
  phone: ['phone'],
  startDate: ['startDate'],
  referralCode: ['referralCode'],
  marketingConsent: ['marketingConsent'],
};

export function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

export class Form {
  readonly form = element<HTMLFormElement>('form');
  private signUp: SignUp | undefined;
  private readonly wrong = new Map<string, string>(); // a field and its code, as shown
  private summarised: Problem[] = [];

  // `changed` is told of every change of a value.
  constructor(private readonly changed: (values: Values) => void) {
    this.form.addEventListener('input', ({ target }) => this.edited(target));
    this.form.addEventListener('change', ({ target }) => this.edited(target));
    this.form.addEventListener('focusout', ({ target, relatedTarget }) => this.left(target, relatedTarget));
    // Not sooner: the calendar costs a slow phone more than the rest of the form.
    element('more').addEventListener('toggle', () => this.boundDates());
    this.translate();
  }

  // The clubs, plans and rules have come.
  offer(signUp: SignUp): void {
    const values = this.values();
    this.signUp = signUp;
    this.translate();
    this.fill({ ...this.wanted, ...onlyGiven(values) });
    this.boundDates();
  }
  private wanted: Values = {};

  fill(values: Values): void {
    this.wanted = values; // a club can be chosen only when the clubs have come
    for (const control of this.inputs()) {
      if (control.name === 'website') continue;
      const value = values[control.name] ?? '';
      if (control instanceof HTMLInputElement && /^(radio|checkbox)$/.test(control.type)) control.checked = control.value === value;
      else if (control instanceof HTMLSelectElement && ![...control.options].some((option) => option.value === value)) continue;
      else control.value = value;
    }
    if (['phone', 'startDate', 'referralCode', 'marketingConsent'].some((name) => values[name]))
      element<HTMLDetailsElement>('more').open = true;
    this.tellAge();
  }

  clear(): void {
    this.form.reset();
    this.wanted = {};
    element<HTMLDetailsElement>('more').open = false;
    this.show([]);
    this.tellAge();
    this.suggest();
  }

  values(): Values {
    const values: Values = {};
    for (const control of this.inputs()) {
      if (control.name === 'website') continue;
      const choice = control instanceof HTMLInputElement && /^(radio|checkbox)$/.test(control.type);
      if (!choice || control.checked) values[control.name] = control.value;
    }
    return values;
  }

  // Somebody who sees no page has filled in everything.
  get trapped(): boolean {
    return element<HTMLInputElement>('website').value !== '';
  }
  forgive(): void {
    element<HTMLInputElement>('website').value = '';
  }

  application(): Application {
    const values = this.values();
    const date = [values['year'], values['month'], values['day']].map((part) => (part ?? '').trim());
    const application: Application = { marketingConsent: values['marketingConsent'] === 'yes' };
    for (const name of ['firstName', 'lastName', 'email', 'homeClubId', 'plan', 'startDate'] as const)
      if (values[name]) application[name] = values[name];
    if (date.some((part) => part !== '')) application.dateOfBirth = date.map((part) => part.padStart(2, '0')).join('-');
    // A date of which a part is missing has no value.
    if (element<HTMLInputElement>('startDate').validity.badInput) application.startDate = '';
    const phone = internationalNumber(values['phone'] ?? '');
    if (phone) application.phone = phone;
    const code = (values['referralCode'] ?? '').trim();
    if (code) application.referralCode = code;
    if (this.signUp) {
      const wanted = locale(this.signUp.locales);
      if (wanted) application.locale = wanted;
      application.termsVersion = this.signUp.termsVersion;
    }
    return application;
  }

  // What is wrong with it, as the API would say.
  problems(): Problem[] {
    return this.signUp ? validate(this.application(), this.signUp, Date.now()) : [];
  }

  // Shows these problems and no others, with a summary that takes the focus.
  show(problems: Problem[]): void {
    this.summarised = problems;
    this.wrong.clear();
    for (const problem of problems) {
      const field = fieldOf(problem);
      if (field in controls && !this.wrong.has(field)) this.wrong.set(field, problem.code);
    }
    for (const field of Object.keys(controls)) this.showOne(field);
    this.summarise();
    if (problems.length === 0) return;
    if (['phone', 'startDate', 'referralCode', 'marketingConsent'].some((field) => this.wrong.has(field)))
      element<HTMLDetailsElement>('more').open = true;
    const summary = element('summary');
    summary.focus();
    summary.scrollIntoView({ block: 'center' });
  }

  // Everything the script writes, in the language of the moment.
  translate(): void {
    if (this.signUp) {
      const { clubs, plans, termsVersion, termsUrl, privacyUrl } = this.signUp;
      options(element<HTMLSelectElement>('homeClubId'), text('homeClubId.choose'), clubs.map((club) => [club.id, said(club, 'name')]));
      if (!element('plans').children.length) element('plans').append(...plans.map(({ id }) => choice('plan', id)));
      plans.forEach((plan, i) => {
        for (const part of ['name', 'price', 'term']) {
          const words = element('plans').children[i]?.querySelector<HTMLElement>(`.${part}`);
          if (!words) continue;
          words.textContent = said(plan, part);
          words.hidden = !words.textContent;
        }
      });
      element('terms').replaceChildren(...linked(text('terms', { version: termsVersion }), text('terms.name'), termsUrl));
      element('privacy').replaceChildren(...linked(text('privacy'), text('privacy.name'), privacyUrl));
      element('privacy').hidden = !privacyUrl;
    }
    for (const field of this.wrong.keys()) this.showOne(field);
    this.summarise();
    this.tellAge();
    this.suggest();
  }

  private inputs(): (HTMLInputElement | HTMLSelectElement)[] {
    return [...this.form.querySelectorAll<HTMLInputElement | HTMLSelectElement>('input, select')];
  }

  private edited(target: EventTarget | null): void {
    const field = fieldAround(target);
    this.changed(this.values());
    this.tellAge();
    if (field === 'email') this.suggest(true); // what is still being typed is nobody's mistake
    if (this.wrong.has(field)) this.check(field);
    if (field !== 'homeClubId') return;
    // The age one must have is the club's, and what day it is.
    this.boundDates();
    for (const date of ['dateOfBirth', 'startDate'] as const) if (this.application()[date]) this.check(date);
  }

  // What was just filled in is checked; what was only passed by is not.
  private left(target: EventTarget | null, next: EventTarget | null): void {
    const field = fieldAround(target);
    if (!field || fieldAround(next) === field) return;
    if (field === 'email') this.suggest();
    const application = this.application() as Record<string, unknown>;
    if (application[field] !== undefined || this.wrong.has(field)) this.check(field);
  }

  private check(field: string): void {
    if (!this.signUp) return;
    const found = this.problems().find((problem) => fieldOf(problem) === field);
    if (found) this.wrong.set(field, found.code);
    else this.wrong.delete(field);
    this.showOne(field);
    this.summarised = this.summarised.flatMap((problem) => (fieldOf(problem) !== field ? [problem] : found ? [found] : []));
    this.summarise();
  }

  private showOne(field: string): void {
    const code = this.wrong.get(field);
    const error = element(`${field}-error`);
    error.textContent = code ? this.message(field, code) : '';
    error.hidden = !code;
    error.closest('.field')?.classList.toggle('wrong', Boolean(code));
    for (const control of this.inputs())
      if (controls[field]?.includes(control.name) && control.type !== 'radio')
        if (code) control.setAttribute('aria-invalid', 'true');
        else control.removeAttribute('aria-invalid');
  }

  private summarise(): void {
    const summary = element('summary');
    summary.hidden = this.summarised.length === 0;
    element('summary-heading').textContent =
      this.summarised.length === 1 ? text('summary.one') : text('summary.many', { count: this.summarised.length });
    // Entries that stay are left alone: one of them may be under somebody's finger.
    const list = element('summary-list');
    const keys = this.summarised.map((problem) => `${problem.pointer} ${this.message(fieldOf(problem), problem.code)}`);
    for (const item of [...list.children]) if (!keys.includes((item as HTMLElement).dataset['key'] ?? '')) item.remove();
    this.summarised.forEach((problem, i) => {
      if ((list.children[i] as HTMLElement | undefined)?.dataset['key'] !== keys[i])
        list.insertBefore(this.entry(problem, keys[i] ?? ''), list.children[i] ?? null);
    });
  }

  private entry(problem: Problem, key: string): HTMLLIElement {
    const item = document.createElement('li');
    item.dataset['key'] = key;
    const field = fieldOf(problem);
    const message = this.message(field, problem.code);
    const control = this.inputs().find(({ name }) => name === controls[field]?.[0]);
    if (!control) {
      item.textContent = message;
      return item;
    }
    const link = document.createElement('a');
    link.href = `#${control.id}`;
    link.textContent = message;
    link.addEventListener('click', (event) => {
      event.preventDefault();
      control.focus();
    });
    item.append(link);
    return item;
  }

  private message(field: string, code: string): string {
    const values = { age: this.signUp ? minimumAge(this.signUp, this.values()['homeClubId']) : 16 };
    const reason = code.includes('.') ? code.slice(code.indexOf('.') + 1) : code;
    for (const key of [`error.${field}.${reason}`, `error.${reason}`])
      if (isKey(key)) return text(key, values) + (code === 'dateOfBirth.too-young' ? this.otherClubs() : '');
    return text('error.type');
  }

  // Asks whether another mail domain was meant, with a button that says yes.
  private suggest(typing = false): void {
    const input = element<HTMLInputElement>('email');
    const meant = typing ? undefined : suggestion(input.value);
    const place = element('email-suggestion');
    if (!meant) return place.replaceChildren();
    const [before = '', after = ''] = text('email.suggestion').split('{address}');
    const yes = document.createElement('button');
    yes.type = 'button';
    yes.className = 'link';
    yes.textContent = meant;
    yes.addEventListener('click', () => {
      input.value = meant;
      this.changed(this.values());
      this.check('email');
      this.suggest();
      input.focus();
    });
    place.replaceChildren(before, yes, after);
  }

  // Somebody too young for one club may not be for another.
  private otherClubs(): string {
    const clubs = this.signUp ? clubsFor(this.signUp, this.application().dateOfBirth ?? '', Date.now()) : [];
    if (clubs.length === 0) return '';
    return ' ' + text('error.dateOfBirth.too-young.clubs', { clubs: clubs.map((club) => said(club, 'name')).join(', ') });
  }

  private boundDates(): void {
    if (!this.signUp || !element<HTMLDetailsElement>('more').open) return;
    const date = element<HTMLInputElement>('startDate');
    const club = this.values()['homeClubId'];
    date.min = dayAtClub(this.signUp, club, Date.now());
    date.max = dayAtClub(this.signUp, club, Date.now(), 90);
  }

  // Clubs with another age than usual say so before anybody is refused.
  private tellAge(): void {
    const club = this.signUp?.clubs.find(({ id }) => id === element<HTMLSelectElement>('homeClubId').value);
    const hint = element('homeClubId-hint');
    hint.hidden = !club || club.minimumAge <= 16;
    hint.textContent = club && !hint.hidden ? text('homeClubId.age', { age: club.minimumAge }) : '';
  }
}

function fieldOf(problem: Problem): string {
  return problem.pointer.slice(1);
}

function fieldAround(target: EventTarget | null): string {
  return target instanceof Element ? (target.closest<HTMLElement>('[data-field]')?.dataset['field'] ?? '') : '';
}

function onlyGiven(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
}

// As people write numbers, brought to the form the API knows.
function internationalNumber(written: string): string {
  return written.replace(/[\s().\/\u2010-\u2015-]/g, '').replace(/^00/, '+');
}

function options(select: HTMLSelectElement, none: string, all: string[][]): void {
  const chosen = select.value;
  select.replaceChildren(new Option(none, ''), ...all.map(([value, label]) => new Option(label, value)));
  select.value = chosen;
}

// A sentence with the name of a paper where its mark stands: a link when the paper can be read somewhere.
function linked(sentence: string, name: string, url: string | null): (string | Node)[] {
  const [before = '', after = ''] = sentence.split(/\{\w+\}/);
  if (!url) return [before + name + after];
  const link = document.createElement('a');
  link.href = url;
  link.target = '_blank'; // what is written so far stays where it is
  link.rel = 'noopener';
  const where = document.createElement('span');
  where.className = 'unseen';
  where.textContent = ` ${text('newTab')}`;
  link.append(name, where);
  return [before, link, after];
}

// A plan to choose; what it is called and costs is written into it by translate().
function choice(name: string, value: string): HTMLElement {
  const around = document.createElement('label');
  around.className = 'plan';
  const input = document.createElement('input');
  Object.assign(input, { type: 'radio', name, value, id: `${name}-${value}`, required: true });
  const words = document.createElement('span');
  for (const part of ['name', 'price', 'term']) {
    const piece = document.createElement('span');
    piece.className = part;
    words.append(piece, ' ');
  }
  around.append(input, words);
  return around;
}
