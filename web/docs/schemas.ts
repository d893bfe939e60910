// What a value may be, in words.
import { block, h, inline, link, paragraphs } from './dom';
import { later } from './later';
import type { Code, Description, Reader, Reference, Schema } from './openapi';

const asText = (value: unknown) => JSON.stringify(value);

export function typeOf(reader: Reader, schema: Schema | Reference): (Node | string)[] {
  const name = reader.nameOf(schema);
  if (name) return [link(`#schema-${name}`, name)];
  const { type, items, format } = schema as Schema;
  if (type === 'array' && items) return ['array of ', ...typeOf(reader, items)];
  const words = [type].flat().join(' or ');
  return [format ? `${words}, ${format}` : words];
}

function limits(schema: Schema): string[] {
  const found = [];
  const { minLength, maxLength, minimum, maximum } = schema;
  if (minLength !== undefined && minLength === maxLength) found.push(`${minLength} characters`);
  else if (minLength !== undefined && maxLength !== undefined) found.push(`${minLength} to ${maxLength} characters`);
  else if (minLength !== undefined) found.push(`at least ${minLength} characters`);
  else if (maxLength !== undefined) found.push(`at most ${maxLength} characters`);
  if (minimum !== undefined) found.push(`at least ${minimum}`);
  if (maximum !== undefined) found.push(`at most ${maximum}`);
  if (schema.default !== undefined) found.push(`default ${asText(schema.default)}`);
  return found;
}

function choices(schema: Schema): HTMLElement | false {
  if (!schema.enum) return false;
  return h('p', { class: 'choices' }, 'One of ', schema.enum.flatMap((one, i) => [i > 0 ? ', ' : '', h('code', {}, one)]), '.');
}

function patterns(name: string, schema: Schema): HTMLElement | false {
  if (!schema.pattern) return false;
  const whole = schema['x-unicode-pattern'];
  if (!whole && schema.pattern.length < 40) return h('p', {}, 'Pattern ', h('code', { class: 'pattern' }, schema.pattern));
  return h('details', {},
    h('summary', {}, 'Pattern'),
    block(`Pattern of ${name}, for any kind of regular expression`, schema.pattern, 'plain'),
    whole && block(`Whole pattern of ${name}, ECMA-262 with the u flag`, whole, 'plain'));
}

export function codes(all: Code[]): HTMLElement {
  return h('ul', { class: 'codes' },
    all.map(({ code, meaning, pointer }) =>
      h('li', {}, h('code', {}, code), ' ', h('span', {}, meaning, pointer ? ` Pointer: ${pointer}.` : ''))));
}

// Whether a reader has to send it, or can rely on getting it.
export type Presence = 'required' | 'optional' | 'always' | 'sometimes';

export const presence = (schema: Schema, name: string, sent: boolean): Presence =>
  schema.required?.includes(name) ? (sent ? 'required' : 'always') : sent ? 'optional' : 'sometimes';

// One property, parameter or header.
export function item(reader: Reader, name: string, schema: Schema | Reference, there: Presence, description?: string, id?: string): HTMLElement {
  const known = reader.nameOf(schema) ? {} : (schema as Schema);
  const nested = known.type === 'object' ? known : known.items && !reader.nameOf(known.items) ? (known.items as Schema) : undefined;
  return h('li', { class: 'item', id },
    h('p', { class: 'head' },
      h('code', { class: 'name' }, name),
      h('span', { class: 'type' }, typeOf(reader, schema)),
      there === 'required' ? h('strong', { class: 'required' }, there) : there !== 'always' && h('span', { class: 'optional' }, there),
      limits(known).map((limit) => h('span', { class: 'limit' }, limit))),
    paragraphs(description ?? known.description ?? reader.at(schema).description ?? ''),
    choices(known),
    patterns(name, known),
    known['x-codes'] && h('details', { class: 'codes-of' }, h('summary', {}, `Codes of 422 for ${name}`), codes(known['x-codes'])),
    nested?.properties && properties(reader, nested));
}

export function properties(reader: Reader, schema: Schema): HTMLElement {
  return h('ul', { class: 'items' },
    Object.entries(schema.properties ?? {}).map(([name, property]) =>
      item(reader, name, property, presence(schema, name, false))));
}

export function application(reader: Reader, description: Description): HTMLElement {
  const schema = description.components.schemas.Application ?? {};
  return later(h('section', { id: 'schema-Application', 'aria-labelledby': 'fields' },
    h('h2', { id: 'fields' }, 'Fields of an application'),
    paragraphs(schema.description ?? '')), () => [
    h('ul', { class: 'items' },
      Object.entries(schema.properties ?? {}).map(([name, property]) =>
        item(reader, name, property, presence(schema, name, true), undefined, `field-${name}`))),
    h('h3', {}, 'Codes of the whole body'),
    codes(schema['x-codes'] ?? [])]);
}

export function answers(reader: Reader, description: Description): HTMLElement {
  return h('section', { 'aria-labelledby': 'answers' },
    h('h2', { id: 'answers' }, 'Answers'),
    h('p', {}, inline('Every member is always there, as null when it says so, unless it is marked `sometimes`. Ignore members that you do not know: new ones may be added.')),
    Object.entries(description.components.schemas)
      .filter(([name]) => name !== 'Application')
      .map(([name, schema]) =>
        later(h('section', { id: `schema-${name}`, class: 'schema' }, h('h3', {}, name)),
          () => [...paragraphs(schema.description ?? ''), properties(reader, schema)])));
}
