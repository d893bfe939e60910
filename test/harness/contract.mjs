// The published contract, and whether an exchange keeps it: prism as a validating proxy, and ajv (JSON Schema 2020-12)
// beside it, which looks at more: every status must be described, an answer has no member that is not, a problem's type
// belongs to its status, and headers are what they are said to be.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root, timeout, until } from './service.mjs';

const packages = createRequire(join(root, 'test/web/package.json'));
const Ajv = packages('ajv/dist/2020.js').default;
const addFormats = packages('ajv-formats').default;
export const tool = (name) => join(root, 'test/web/node_modules/.bin', name);

export async function described(service) {
  return (await fetch(service.listen + '/openapi.json')).json();
}

export function validator(options = {}) {
  const ajv = new Ajv({ strict: false, allErrors: true, ...options });
  addFormats(ajv);
  ajv.addFormat('idn-email', true); // what it means stands in the pattern
  return ajv;
}

export class Contract {
  constructor(document) {
    this.document = structuredClone(document);
    // Clients must take members they do not know; we must not send any.
    const close = (schema) => {
      if (!schema || typeof schema !== 'object') return;
      if (schema.type === 'object' && schema.properties) schema.additionalProperties = false;
      Object.values(schema).forEach(close);
    };
    close(this.document.components.schemas);
    this.ajv = validator();
    this.ajv.addSchema(this.document, 'contract');
    this.anyNumber = validator({ coerceTypes: true });
  }

  // The reference's target, or the thing itself.
  at(thing) {
    return thing.$ref ? thing.$ref.slice(2).split('/').reduce((place, step) => place[step], this.document) : thing;
  }

  // What the path can be asked; nothing when nothing is described at it.
  describes(path) {
    const fits = (template) => new RegExp(`^${template.replace(/\{[^}]+\}/g, '[^/]+')}$`).test(path.split('?')[0]);
    return Object.entries(this.document.paths).find(([template]) => fits(template))?.[1];
  }

  // Of a method that the path does not have: how that is refused stands with the others.
  operation(method, path) {
    const item = this.describes(path.split('?')[0]);
    if (!item) throw new Error(`${path} is not described`);
    return item[method.toLowerCase()] ?? Object.values(item)[0];
  }

  // Everything that the answer breaks; empty when it is as described. `connection`: it never reached a route.
  broken(method, path, { status, headers, body }, { connection = false } = {}) {
    const responses = this.operation(method, path).responses;
    const response = connection ? responses.default : responses[status];
    if (!response) return [`status ${status} is not described for ${method} ${path}`];
    const found = [];
    const type = (headers.get('content-type') ?? '').split(';')[0];
    const content = response.content[type];
    if (!content) return [`${type} is not described for ${method} ${path} ${status}`];
    if (/json$/.test(type)) {
      const value = JSON.parse(body);
      const validate = this.ajv.compile(content.schema.$ref ? { $ref: `contract${content.schema.$ref}` } : content.schema);
      if (!validate(value)) found.push(...validate.errors.map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`));
      if (type === 'application/problem+json') found.push(...this.brokenProblem(value, content, connection));
    }
    for (const [name, reference] of Object.entries(response.headers ?? {})) {
      const header = this.at(reference), value = headers.get(name);
      if (value === null) {
        if (header.required) found.push(`the header ${name} is missing`);
      } else if (!this.anyNumber.validate(header.schema, { value }.value) && !this.anyNumber.validate(header.schema, Number(value))) {
        found.push(`the header ${name} is "${value}"`);
      }
    }
    return found;
  }

  brokenProblem(value, content, connection) {
    const row = this.document['x-problems'].find(({ type, status }) => type === value.type && status === value.status);
    if (!row) return [`${value.type} with ${value.status} is in no list of problems`];
    // The connection may use a type of ours for its own (a body that is too long).
    const found = [];
    if (!connection && !Object.keys(content.examples ?? {}).includes(row.slug)) found.push(`${row.slug} is not described here`);
    if (!connection && value.title !== row.title) found.push(`"${value.title}" is called "${row.title}"`);
    for (const error of value.errors ?? []) if (!this.codes().has(error.code)) found.push(`the code ${error.code} is in no table`);
    return found;
  }

  codes() {
    if (!this.known) {
      const { Application } = this.document.components.schemas;
      const all = [...Application['x-codes'], ...Object.values(Application.properties).flatMap((field) => field['x-codes'])];
      this.known = new Set([...all.map(({ code }) => code), 'engine.cannot-commit', 'engine.below-reserve']);
    }
    return this.known;
  }
}

// prism between a client and the service. With `errors` it answers itself when a request or an answer breaks the
// contract; without, it says so in the header sl-violations.
export class Prism {
  static async start(directory, service, { errors }) {
    const document = join(directory, `openapi-${errors}.json`);
    writeFileSync(document, JSON.stringify(await described(service)));
    for (let attempt = 1; ; ++attempt) {
      const prism = new Prism();
      const port = await freePort();
      let said = '';
      prism.process = spawn(tool('prism'),
        ['proxy', document, service.listen, ...(errors ? ['--errors'] : []), '-h', '127.0.0.1', '-p', String(port)],
        { stdio: ['ignore', 'pipe', 'pipe'] });
      prism.ended = new Promise((done) => prism.process.once('exit', () => done(true)));
      for (const stream of [prism.process.stdout, prism.process.stderr]) stream.on('data', (bytes) => { said += bytes; });
      let over = false;
      prism.ended.then(() => { over = true; });
      await until(() => over || /Prism is listening/.test(said), 'prism listens', 60_000);
      prism.url = `http://127.0.0.1:${port}`;
      if (!over) return prism;
      if (attempt === 3) throw new Error(`prism does not start: ${said.slice(-500)}`); // the port was taken, perhaps
    }
  }

  async stop() {
    this.process.kill('SIGTERM');
    await Promise.race([this.ended, timeout(5000).then(() => this.process.kill('SIGKILL'))]);
    await this.ended;
  }
}

function freePort() {
  return new Promise((done) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

export async function ask(url, method, path, headers = {}, body = undefined) {
  const response = await fetch(url + path, { method, headers, body, redirect: 'manual' });
  return { status: response.status, headers: response.headers, body: await response.text() };
}
