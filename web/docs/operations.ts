// What can be asked, and what is answered.
import { block, h, inline, link, paragraphs } from './dom';
import type { Description, Example, Header, Media, Operation, Parameter, Reader, Response } from './openapi';
import { later } from './later';
import { item, typeOf } from './schemas';

const pretty = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

// For a shell: whole, whatever is inside.
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export function curl(reader: Reader, method: string, path: string, operation: Operation): string {
  const parameters = operation.parameters.map((one) => reader.at<Parameter>(one));
  const lines = [`curl -i ${location.origin}${path.replace('{id}', `$ID`)}`];
  if (operation.operationId === 'followEnrollment') lines[0] = lines[0]!.replace('-i', '-iN');
  if (operation['x-scope']) lines.push(`-H "X-API-Key: $GLOBOGYM_KEY"`);
  if (method === 'POST') {
    lines.push(`-H 'Content-Type: application/json'`);
    const once = parameters.find(({ name }) => name === 'Idempotency-Key');
    if (once) lines.push(`-H ${quoted(`${once.name}: ${String(once.example)}`)}`);
    const media = operation.requestBody?.content['application/json'];
    const first = Object.values(media?.examples ?? {}).at(-1);
    if (first) lines.push(`-d ${quoted(JSON.stringify(reader.at<Example>(first).value))}`);
  }
  return lines.join(' \\\n  ');
}

function examples(reader: Reader, media: Media, of: string): HTMLElement[] {
  return Object.values(media.examples ?? {}).map((one) => {
    const { summary, value } = reader.at<Example>(one);
    return block(`${of}: ${summary ?? 'example'}`, pretty(value), typeof value === 'string' ? 'plain' : 'json');
  });
}

function credentials(reader: Reader, operation: Operation): HTMLElement {
  if (!operation['x-scope']) return h('p', { class: 'scope' }, 'No credentials are asked for.');
  return h('p', { class: 'scope' },
    'Scope ', h('code', {}, operation['x-scope']), ' ', link('#credentials', reader.description.components.securitySchemes.bearer ? 'with a key or a token' : 'with a key'),
    operation['x-publishable-key'] ? ', or a publishable key.' : '.');
}

function response(reader: Reader, id: string, status: string, { description, headers, content }: Response): HTMLElement {
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  const slugs = type === 'application/problem+json' ? Object.keys(media?.examples ?? {}) : [];
  const good = status.startsWith('2');
  return h('details', { class: good ? 'response good' : 'response', open: good, id: `${id}-${status}` },
    h('summary', {},
      h('span', { class: 'status' }, status === 'default' ? 'other' : status),
      ' ', slugs.length > 0 ? slugs.join(', ') : inline(description.split('\n')[0] ?? '')),
    slugs.length > 0
      ? h('ul', { class: 'codes' }, slugs.map((slug) => h('li', {}, link(`#problem-${slug}`, h('code', {}, slug)), ' ',
          h('span', {}, reader.description['x-problems'].find((one) => one.slug === slug)?.meaning ?? ''))))
      : good ? false : paragraphs(description),
    type && media ? h('p', { class: 'media' }, h('code', {}, type), ' ', typeOf(reader, media.schema)) : false,
    media && slugs.length === 0 ? examples(reader, media, status) : false,
    headers && Object.keys(headers).length > 0
      ? h('details', {}, h('summary', {}, `Headers of ${status === 'default' ? 'other refusals' : status}`),
          h('ul', { class: 'items' }, Object.entries(headers).map(([name, one]) => {
            const header = reader.at<Header>(one);
            return item(reader, name, header.schema, header.required ? 'always' : 'sometimes', header.description);
          })))
      : false);
}

function section(reader: Reader, method: string, path: string, operation: Operation): HTMLElement {
  const id = operation.operationId;
  const parameters = operation.parameters.map((one) => reader.at<Parameter>(one));
  const body = operation.requestBody?.content['application/json'];
  const head = h('section', { class: 'operation', id },
    h('h3', {}, operation.summary),
    h('p', { class: 'route' }, h('span', { class: `method ${method.toLowerCase()}` }, method), ' ', h('code', {}, path)),
    paragraphs(operation.description));
  return later(head, () => [
    credentials(reader, operation),
    block(`${operation.summary}: curl`, curl(reader, method, path, operation), 'shell'),
    h('h4', {}, 'Parameters'),
    h('ul', { class: 'items' },
      parameters.map((one) =>
        item(reader, one.name, one.schema, one.required ? 'required' : 'optional', `In the ${one.in}. ${one.description}`))),
    body && operation.requestBody
      ? [h('h4', {}, 'Body'),
         h('p', {}, h('code', {}, 'application/json'), ' ', typeOf(reader, body.schema), '. ', operation.requestBody.description),
         ...examples(reader, body, 'Body')]
      : [],
    h('h4', {}, 'Answers'),
    ...Object.entries(operation.responses).map(([status, one]) => response(reader, id, status, one)),
  ].flat().filter((one): one is HTMLElement => one instanceof HTMLElement));
}

export function operations(reader: Reader, description: Description): HTMLElement[] {
  return description.tags.map(({ name, description: about }) => {
    const id = `tag-${name.toLowerCase().replaceAll(' ', '-')}`;
    return h('section', { 'aria-labelledby': id },
      h('h2', { id }, name),
      h('p', {}, about),
      reader.operations().filter(({ operation }) => operation.tags.includes(name))
        .map(({ method, path, operation }) => section(reader, method, path, operation)));
  });
}
