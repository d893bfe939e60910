// What the API refuses, said before it is sent: the same rules, the same pointers and codes. Lengths, patterns and what is
// required come from the API itself; a test holds both against one corpus. Where they differ, the API is right.
import type { Club, FieldRule, Plan, Problem } from './api';

export interface Application {
  firstName?: string;
  lastName?: string;
  email?: string;
  phone?: string;
  dateOfBirth?: string;
  homeClubId?: string;
  plan?: string;
  startDate?: string;
  locale?: string;
  marketingConsent?: boolean;
  termsVersion?: string;
  referralCode?: string;
}

export interface Catalogue {
  clubs: Club[];
  plans: Plan[];
  locales: string[];
  termsVersion: string;
  fields: FieldRule[];
}

export type Field = Exclude<keyof Application, 'marketingConsent'>;

// In the order in which the API lists problems.
export const fieldNames: readonly Field[] = [
  'firstName', 'lastName', 'email', 'phone', 'dateOfBirth', 'homeClubId', 'plan', 'startDate', 'locale', 'termsVersion',
  'referralCode',
];

// Every problem. What day it is `now` (milliseconds since 1970) is the club's matter.
export function validate(application: Application, catalogue: Catalogue, now: number): Problem[] {
  const problems: Problem[] = [];
  const today = dayAtClub(catalogue, application.homeClubId, now);
  for (const field of fieldNames) {
    const value = application[field];
    const rule = catalogue.fields.find(({ name }) => name === field);
    const reason = value === undefined ? undefined : flaws[field](value, rule, catalogue, today, application);
    if (reason) problems.push({ pointer: `/${field}`, code: `${field}.${reason}` });
    if (value === undefined && rule?.required) problems.push({ pointer: `/${field}`, code: 'required' });
  }
  return problems;
}

export function minimumAge(catalogue: Catalogue, homeClubId: string | undefined): number {
  return catalogue.clubs.find(({ id }) => id === homeClubId)?.minimumAge ?? 16;
}

// Where somebody born on that day may be a member already.
export function clubsFor(catalogue: Catalogue, born: string, now: number): Club[] {
  if (!isDate(born)) return [];
  return catalogue.clubs.filter(({ id, minimumAge }) => ageOn(born, dayAtClub(catalogue, id, now)) >= minimumAge);
}

// The date at the club, or in UTC while there is none, as YYYY-MM-DD; `days` later by the calendar.
export function dayAtClub(catalogue: Catalogue, homeClubId: string | undefined, now: number, days = 0): string {
  const today = dayIn(catalogue.clubs.find(({ id }) => id === homeClubId)?.timeZone ?? 'UTC', now);
  return new Date(Date.parse(today) + days * 86_400_000).toISOString().slice(0, 10);
}

const calendars = new Map<string, Intl.DateTimeFormat>(); // dear to make

function dayIn(timeZone: string, now: number): string {
  try {
    let calendar = calendars.get(timeZone);
    if (!calendar) {
      calendar = new Intl.DateTimeFormat('en-US', { timeZone, calendar: 'gregory', numberingSystem: 'latn', year: 'numeric', month: '2-digit', day: '2-digit' });
      calendars.set(timeZone, calendar);
    }
    const parts = Object.fromEntries(calendar.formatToParts(now).map(({ type, value }) => [type, value]));
    return `${parts['year']}-${parts['month']}-${parts['day']}`;
  } catch {
    return new Date(now).toISOString().slice(0, 10); // a zone that is younger than the browser
  }
}

type Flaw = (
  value: string,
  rule: FieldRule | undefined,
  catalogue: Catalogue,
  today: string,
  application: Application,
) => string | undefined;

const flaws: Record<Field, Flaw> = {
  firstName: name,
  lastName: name,
  email,
  phone: (value, rule) => (fits(value, rule) ? undefined : 'invalid'),
  dateOfBirth(value, _, catalogue, today, { homeClubId }) {
    if (!isDate(value)) return 'invalid';
    if (value > today) return 'future';
    const age = ageOn(value, today);
    if (age < minimumAge(catalogue, homeClubId)) return 'too-young';
    return age > 120 ? 'too-old' : undefined;
  },
  homeClubId: (value, _, { clubs }) => (clubs.some(({ id }) => id === value) ? undefined : 'unknown'),
  plan: (value, _, { plans }) => (plans.some(({ id }) => id === value) ? undefined : 'unknown'),
  startDate(value, _, _catalogue, today) {
    if (!isDate(value)) return 'invalid';
    if (value < today) return 'past';
    return Date.parse(value) - Date.parse(today) > 90 * 86_400_000 ? 'too-far' : undefined;
  },
  locale: (value, _, { locales }) => (locales.includes(value) ? undefined : 'unsupported'),
  termsVersion: (value, _, { termsVersion }) => (value === termsVersion ? undefined : 'unknown'),
  referralCode(value, rule) {
    if (!fits(value, rule)) return 'invalid';
    return value.length > (rule?.maxLength ?? Infinity) ? 'too-long' : undefined;
  },
};

function fits(value: string, rule: FieldRule | undefined): boolean {
  return !rule?.pattern || new RegExp(rule.pattern, 'u').test(value);
}

function octets(text: string): number {
  return new TextEncoder().encode(text).length;
}

function trimmed(text: string): string {
  return text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '');
}

const namePunctuation = "'\\-.,`´·՚֊־׳״،་༌፡᠆‐‑–‘’‧−゠・＇，－．＝･ｰ";
const nameCharacter = new RegExp(`^[\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Zs}\\u200C\\u200D${namePunctuation}]$`, 'u');

function name(value: string, rule: FieldRule | undefined): string | undefined {
  const written = trimmed(value);
  if (!written) return 'empty';
  if (octets(written) > 4096) return 'too-long';
  const characters = Array.from(written.normalize('NFC'));
  const joiner = (c: string | undefined) => c === '\u200C' || c === '\u200D';
  const controls = characters.some((c) => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(c) && !joiner(c));
  if (controls || joiner(characters[0]) || joiner(characters[characters.length - 1])) return 'control-character';
  if (characters.length > (rule?.maxLength ?? Infinity)) return 'too-long';
  // Hangul fillers are letters that look empty.
  const letter = (c: string) => /\p{L}/u.test(c) && !/\p{Default_Ignorable_Code_Point}/u.test(c);
  if (characters.some((c) => !nameCharacter.test(c) || (/\p{L}/u.test(c) && !letter(c)))) return 'invalid-character';
  if (!characters.some(letter)) return 'no-letter';
  const seen = characters.filter((c) => !joiner(c)).join(''); // nobody sees joiners
  // Marks stand on something, and not in heaps.
  if (/(^|[^\p{L}\p{M}\p{Nd}\p{Nl}])\p{M}|[\p{Mn}\p{Me}]{5}/u.test(seen)) return 'marks';
  // What a mail program would make a link of: "evil.co", "1.2", a telephone number; not "J.R.R.".
  const link = /[.．]([\p{Nd}\p{Nl}]|\p{L}\p{M}*[\p{L}\p{Nd}\p{Nl}])|([\p{Nd}\p{Nl}][^\p{L}\p{Nd}\p{Nl}]*){7}/u;
  return link.test(seen) ? 'link' : undefined;
}

function email(value: string): string | undefined {
  const address = trimmed(value);
  if (octets(address) > 254) return 'too-long';
  const at = address.lastIndexOf('@');
  if (at < 0) return 'invalid';
  const local = address.slice(0, at);
  if (octets(local) > 64) return 'too-long';
  const atom = /^(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|(?![\p{C}\p{Z}\p{Default_Ignorable_Code_Point}])[^\0-\x7f])+$/u;
  if (!local.split('.').every((part) => atom.test(part))) return 'invalid';
  const domain = inAscii(address.slice(at + 1));
  if (domain === undefined) return 'invalid';
  if (octets(local) + 1 + domain.length > 254) return 'too-long';
  return isHostName(domain) ? undefined : 'invalid';
}

// A domain as the DNS spells it.
function inAscii(domain: string): string | undefined {
  const ascii = /^[\0-\x7f]*$/.test(domain);
  if (ascii && !/(^|\.)xn--/i.test(domain)) return domain;
  // Symbols have no place in a domain (RFC 5892), whatever an address bar makes of them.
  const plain = domain.normalize('NFKC').toLowerCase().replace(/[\u00ad\u200b\u2060\ufeff]/g, '').replace(/\u3002/g, '.');
  if (!/^[\p{Ll}\p{Lo}\p{Lm}\p{M}\p{Nd}.·\u200c\u200d-]+$/u.test(plain)) return undefined;
  try {
    return new URL(`http://${domain}`).hostname;
  } catch {
    return undefined;
  }
}

function isHostName(domain: string): boolean {
  const labels = domain.split('.');
  return (
    labels.length >= 2 &&
    labels.every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)) &&
    !/^[0-9]+$/.test(labels[labels.length - 1] ?? '')
  );
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text;
}

// Whole years; who was born on 29 February grows older on 1 March of common years.
function ageOn(born: string, today: string): number {
  const years = Number(today.slice(0, 4)) - Number(born.slice(0, 4));
  return today.slice(5) < born.slice(5) ? years - 1 : years;
}
