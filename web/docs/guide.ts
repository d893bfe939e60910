// What comes before the reference: how to begin, credentials; and what comes after it: the problems.
import { block, h, inline, link, paragraphs } from './dom';
import crm from './examples/crm.mjs?raw';
import form from './examples/form.mjs?raw';
import signUp from './examples/sign-up.sh?raw';
import token from './examples/token.sh?raw';
import type { Description, Problem } from './openapi';

// The examples as they work here.
const here = (text: string) => text.trimEnd().replaceAll('https://api.globogym.example', location.origin);

export function quickStart(description: Description): HTMLElement {
  const bearer = description.components.securitySchemes.bearer;
  return h('section', { 'aria-labelledby': 'quick-start' },
    h('h2', { id: 'quick-start' }, 'Quick start'),
    h('h3', { id: 'first-sign-up' }, 'The first sign-up'),
    h('p', {}, inline('Whoever runs the service makes a key with `globogym keys create --name crm`; it is shown once. Then:')),
    block('The first sign-up: curl', here(signUp), 'shell'),
    h('p', {}, inline('`202` and an id: it is kept. `Location` is where to see how it goes on.')),

    h('h3', { id: 'from-a-crm' }, 'From a CRM, for good'),
    h('p', {}, inline('Three things make it safe whatever the network does: an `Idempotency-Key` that is stored before the first attempt, a time-out, and sending the same again after `408`, `429`, `5xx` and lost connections, as long as `Retry-After` says or a little longer each time.')),
    block('From a CRM: JavaScript', here(crm), 'javascript'),
    h('p', {}, 'An address that is a member’s already is accepted like any other, and ends ', h('code', {}, 'rejected'), '. To learn of it read ',
      link('#getEnrollment', 'the enrollment'), ', or ', link('#followEnrollment', 'follow it'), '.'),

    bearer
      ? [h('h3', { id: 'with-a-token' }, 'With a token instead of a key'),
         h('p', {}, 'Access tokens (JWT) of ', link(bearer.openIdConnectUrl ?? '#', bearer.openIdConnectUrl ?? 'the issuer'),
           ' are taken wherever a key is:'),
         block('With a token: curl', here(token), 'shell')]
      : [],

    h('h3', { id: 'own-form' }, 'From a form of your own'),
    h('p', {}, inline('A page cannot keep a secret, so it uses a publishable key: one that can only enroll, is bound to the origins it was made for (`globogym keys create --publishable --origin https://club.example`), and is never told who is a member. Instead of a puzzle for people, the browser computes a proof while they type.')),
    block('From a form: JavaScript', here(form), 'javascript'),
    h('p', {}, 'Show each entry of ', h('code', {}, 'errors'), ' at its field; ',
      link('#fields', 'the codes'), ' are stable, so they can be translated.'));
}

export function credentials(description: Description): HTMLElement {
  const schemes = Object.entries(description.components.securitySchemes);
  const scopes = new Map<string, string[]>();
  for (const [path, item] of Object.entries(description.paths))
    for (const [method, operation] of Object.entries(item)) {
      const scope = operation['x-scope'];
      if (scope) scopes.set(scope, [...(scopes.get(scope) ?? []), `${method.toUpperCase()} ${path}`]);
    }
  return h('section', { 'aria-labelledby': 'credentials' },
    h('h2', { id: 'credentials' }, 'Credentials'),
    h('ul', { class: 'items' },
      schemes.map(([name, scheme]) =>
        h('li', { class: 'item' },
          h('p', { class: 'head' }, h('code', { class: 'name' }, scheme.name ?? 'Authorization'), h('span', { class: 'type' }, name)),
          paragraphs(scheme.description)))),
    h('h3', {}, 'Scopes'),
    h('ul', { class: 'codes' },
      [...scopes].map(([scope, routes]) => h('li', {}, h('code', {}, scope), ' ', h('span', {}, routes.join(', '))))));
}

function problem({ slug, type, status, title, meaning, advice }: Problem, example: unknown): HTMLElement {
  return h('li', { class: 'item', id: `problem-${slug}` },
    h('p', { class: 'head' }, h('span', { class: 'status' }, String(status)), h('code', { class: 'name' }, slug), h('span', { class: 'type' }, title)),
    h('p', {}, inline(meaning)),
    h('p', {}, h('strong', {}, 'What to do. '), inline(advice)),
    h('p', { class: 'uri' }, h('code', {}, type)),
    example !== undefined
      ? h('details', {}, h('summary', {}, `Example of ${slug}`), block(slug, JSON.stringify(example, null, 2), 'json'))
      : false);
}

export function problems(description: Description): HTMLElement {
  const all = description['x-problems'];
  const seen = new Set<string>();
  const once = (one: Problem) => !seen.has(one.slug) && seen.add(one.slug);
  return h('section', { 'aria-labelledby': 'problems' },
    h('h2', { id: 'problems' }, 'Problems'),
    h('p', {}, inline('Every refusal is `application/problem+json`. Its `type` is stable: decide by it, not by `title` or `detail`.')),
    h('ul', { class: 'items' }, all.filter((one) => !one.connection && once(one))
      .map((one) => problem(one, description.components.examples[one.slug]?.value))),
    h('h3', { id: 'connection-problems' }, 'Of the connection'),
    h('p', {}, 'Answered before the request was understood; then the connection is closed.'),
    h('ul', { class: 'items' }, all.filter((one) => one.connection && once(one)).map((one) => problem(one, undefined))));
}
