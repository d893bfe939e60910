// The page's texts in four languages. The service sends the page in the language it thinks best; a choice made here goes
// before it and is remembered.
import de from './messages/de.json';
import en from './messages/en.json';
import es from './messages/es.json';
import fr from './messages/fr.json';

export type Key = keyof typeof en;
type Messages = Record<Key, string>;

const all: Record<string, Messages> = { en, de, fr, es };
const name = 'globogym.language';
const marks = ['aria-label', 'placeholder'];

let current = 'en';

export function language(): string {
  return current;
}

// The text for a key, with `{name}` replaced.
export function text(key: Key, values: Record<string, string | number> = {}): string {
  return messages()[key].replace(/\{(\w+)\}/g, (mark, word: string) => String(values[word] ?? mark));
}

export function isKey(key: string): key is Key {
  return key in en;
}

// Begins with the choice in the address, or an earlier one, or what the service chose.
export function beginLanguage(): void {
  const asked = new URLSearchParams(location.search).get('lang') ?? '';
  const served = document.documentElement.lang;
  current = served in all ? served : 'en';
  if (asked in all) keep(asked);
  const wanted = asked in all ? asked : (kept() ?? current);
  if (wanted !== current) show(wanted);
}

export function chooseLanguage(wanted: string): void {
  if (!(wanted in all)) return;
  keep(wanted);
  const address = new URL(location.href);
  address.searchParams.set('lang', wanted);
  history.replaceState(history.state, '', address);
  show(wanted);
}

// The locale to write letters in: the reader's own variant of the page's language where we have it.
export function locale(locales: string[]): string | undefined {
  const own = locales.filter((one) => one.split('-')[0] === current);
  return navigator.languages.find((one) => own.includes(one)) ?? own[0];
}

function messages(): Messages {
  return all[current] ?? en;
}

function show(wanted: string): void {
  current = wanted;
  document.documentElement.lang = wanted;
  for (const element of document.querySelectorAll<HTMLElement>('[data-t]')) {
    const key = element.dataset['t'] ?? '';
    if (isKey(key)) element.textContent = text(key);
  }
  const months = new Intl.DateTimeFormat(wanted, { month: 'long', timeZone: 'UTC' });
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
