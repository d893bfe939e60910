// The API reference: reads /openapi.json and shows it, so that it says what the service says of itself.
import { announcer, h, link, paragraphs } from './dom';
import { credentials, problems, quickStart } from './guide';
import { beginBuilding, buildAll } from './later';
import { type Description, Reader } from './openapi';
import { operations } from './operations';
import { answers, application } from './schemas';

const wide = matchMedia('(min-width: 64rem)');

function contents(reader: Reader, description: Description): HTMLElement {
  const entry = (to: string, text: string, ...inside: HTMLElement[]) => h('li', {}, link(to, text), inside);
  const list = (...entries: HTMLElement[]) => h('ul', {}, entries);
  const bearer = description.components.securitySchemes.bearer !== undefined;
  const details = h('details', { class: 'contents' },
    h('summary', {}, 'Contents'),
    h('nav', { 'aria-label': 'Contents' },
      list(
        entry('#quick-start', 'Quick start', list(
          entry('#first-sign-up', 'The first sign-up'),
          entry('#from-a-crm', 'From a CRM, for good'),
          ...(bearer ? [entry('#with-a-token', 'With a token')] : []),
          entry('#own-form', 'From a form of your own'))),
        entry('#credentials', 'Credentials'),
        ...description.tags.map(({ name }) =>
          entry(`#tag-${name.toLowerCase().replaceAll(' ', '-')}`, name,
            list(...reader.operations().filter(({ operation }) => operation.tags.includes(name))
              .map(({ operation }) => entry(`#${operation.operationId}`, operation.summary))))),
        entry('#fields', 'Fields of an application'),
        entry('#answers', 'Answers'),
        entry('#problems', 'Problems', list(entry('#connection-problems', 'Of the connection'))))));
  const adapt = () => details.toggleAttribute('open', wide.matches);
  wide.addEventListener('change', adapt);
  adapt();
  details.addEventListener('click', ({ target }) => {
    if (target instanceof HTMLAnchorElement && !wide.matches) details.removeAttribute('open');
  });
  return details;
}

// Opens whatever hides the place that the address names, and goes there.
function reveal(): void {
  const id = decodeURIComponent(location.hash.slice(1));
  if (!id) return;
  buildAll(); // what stands above a place must be as high as it will be
  const target = document.getElementById(id);
  if (!target) return;
  for (let place: Element | null = target; place; place = place.parentElement)
    if (place instanceof HTMLDetailsElement) place.open = true;
  target.scrollIntoView();
}

// Marks in the contents what is being read.
function follow(nav: HTMLElement): void {
  const links = new Map([...nav.querySelectorAll('a')].map((one) => [one.hash.slice(1), one]));
  const visible = new Set<string>();
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) visible.add(target.id);
      else visible.delete(target.id);
    }
    const first = [...links.keys()].find((id) => visible.has(id));
    if (!first) return;
    for (const [id, one] of links) {
      if (id === first) one.setAttribute('aria-current', 'location');
      else one.removeAttribute('aria-current');
    }
  }, { rootMargin: '0px 0px -60% 0px' });
  for (const id of links.keys()) {
    const target = document.getElementById(id);
    if (target) observer.observe(target);
  }
}

async function show(main: HTMLElement): Promise<void> {
  const answer = await fetch('/openapi.json', { headers: { Accept: 'application/json' } });
  if (!answer.ok) throw new Error(`/openapi.json was answered with ${answer.status}`);
  const description = (await answer.json()) as Description;
  const reader = new Reader(description);
  const nav = contents(reader, description);
  main.before(nav);
  main.replaceChildren(
    h('h1', {}, 'API reference'),
    h('p', { class: 'version' }, `${description.info.title} ${description.info.version} · `,
      link('/openapi.json', 'OpenAPI 3.1'), ' · ', link(`mailto:${description.info.contact.email}`, description.info.contact.email)),
    ...paragraphs(description.info.description),
    quickStart(description),
    credentials(description),
    ...operations(reader, description),
    application(reader, description),
    answers(reader, description),
    problems(description));
  document.body.append(announcer);
  addEventListener('hashchange', reveal);
  reveal();
  follow(nav);
  document.documentElement.dataset.ready = 'reference';
  beginBuilding();
}

const main = document.getElementById('reference');
if (main)
  show(main).catch((error: unknown) => {
    main.append(h('p', { role: 'alert' }, `The description could not be read: ${String(error)}. Try again, or read `,
      link('/openapi.json', '/openapi.json'), '.'));
  });
