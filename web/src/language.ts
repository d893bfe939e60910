// The page's texts in four languages. The service sends the page in the language it thinks best; a choice made here goes
// before it and is remembered.
import type english from './messages/en.json';

export type Key = keyof typeof english;
type Messages = Record<Key, string>;

// Each is a file of its own; the page names the one it will need, so that it comes along with the script.
const all: Record<string, () => Promise<{ default: Messages }>> = {
  en: () => import('./messages/en.json'),
  de: () => import('./messages/de.json'),
  fr: () => import('./messages/fr.json'),
  es: () => import('./messages/es.json'),
};
const name = 'globogym.language';
const marks = ['aria-label', 'placeholder', 'content'];

let current = 'en';
let messages: Messages;

export function language(): string {
  return current;
}

// The text for a key, with `{name}` replaced.
export function text(key: Key, values: Record<string, string | number> = {}): string {
  return messages[key].replace(/\{(\w+)\}/g, (mark, word: string) => String(values[word] ?? mark));
}

export function isKey(key: string): key is Key {
  return key in messages;
}

// Begins with the choice in the address, or an earlier one, or what the service chose.
export async function beginLanguage(): Promise<void> {
  const asked = new URLSearchParams(location.search).get('lang') ?? '';
  const served = document.documentElement.lang;
  if (asked in all) keep(asked);
  const wanted = asked in all ? asked : (kept() ?? served);
  await load(wanted in all ? wanted : 'en');
  if (current !== served) show();
}

// Stays with what it is when the texts do not come.
export async function chooseLanguage(wanted: string): Promise<void> {
  await load(wanted).catch(() => {});
  if (current !== wanted) return;
  keep(wanted);
  const address = new URL(location.href);
  address.searchParams.set('lang', wanted);
  history.replaceState(history.state, '', address);
  show();
}

// The locale to write letters in: the reader's own variant of the page's language where we have it.
export function locale(locales: string[]): string | undefined {
  const own = locales.filter((one) => one.split('-')[0] === current);
  return navigator.languages.find((one) => own.includes(one)) ?? own[0];
}

// What a club or a plan says of itself, in the language of the moment; empty when it says nothing.
export function said(entry: object, what: string): string {
  const { translations = {}, [what]: usual } = entry as { translations?: Record<string, Record<string, string>>; [what: string]: unknown };
  const own = navigator.languages.find((one) => one.split('-')[0] === current);
  return (own && translations[own]?.[what]) || translations[current]?.[what] || (typeof usual === 'string' ? usual : '');
}

async function load(wanted: string): Promise<void> {
  const module = await all[wanted]?.();
  if (!module) return;
  messages = module.default;
  current = wanted;
}

function show(): void {
  document.documentElement.lang = current;
  for (const element of document.querySelectorAll<HTMLElement>('[data-t]')) {
    const key = element.dataset['t'] ?? '';
    if (isKey(key)) element.textContent = text(key);
  }
  const months = new Intl.DateTimeFormat(current, { month: 'long', timeZone: 'UTC' });
  for (const option of document.querySelectorAll<HTMLElement>('[data-month]'))
    option.textContent = months.format(Date.UTC(2024, Number(option.dataset['month']) - 1, 15));
  for (const mark of marks)
    for (const element of document.querySelectorAll(`[data-t-${mark}]`)) {
      const key = element.getAttribute(`data-t-${mark}`) ?? '';
      if (isKey(key)) element.setAttribute(mark, text(key));
    }
}

function kept(): string | undefined {
  try {
    const wanted = localStorage.getItem(name) ?? '';
    return wanted in all ? wanted : undefined;
  } catch {
    return undefined;
  }
}

function keep(wanted: string): void {
  try {
    localStorage.setItem(name, wanted);
  } catch {
    // Then it is in the address only.
  }
}
