#!/usr/bin/env node
// The published contract: linters find nothing in it, the service keeps it, its examples work, its errors can be met,
// and what it says about a field is what the validator does.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ask, Contract, described, Prism, tool, validator } from '../harness/contract.mjs';
import { root, runTests, Service, until } from '../harness/service.mjs';

// Stops what `use` has opened, last first, whatever happens.
async function closing(use) {
  const opened = [];
  try {
    await use((thing) => (opened.push(thing), thing));
  } finally {
    for (const thing of opened.reverse()) await thing.stop().catch(() => {});
  }
}

const json = { 'Content-Type': 'application/json' };
let people = 0;
const somebody = (example) => JSON.stringify({ ...example, email: `somebody-${process.pid}-${++people}@example.com` });

function examplesOfRequests(document) {
  const { content } = document.paths['/v1/enrollments'].post.requestBody;
  return Object.fromEntries(Object.entries(content['application/json'].examples).map(([name, { value }]) => [name, value]));
}

async function lint(program, ...words) {
  return new Promise((done) =>
    execFile(tool(program), words, { cwd: join(root, 'test/web'), timeout: 120_000 }, (error, out, err) =>
      done({ failed: error !== null, said: out + err })));
}

function solved({ token, bits }, key) {
  for (let nonce = 0; ; ++nonce) {
    const hash = createHash('sha256').update(`${token}.${key}.${nonce}`).digest();
    if (hash.readUInt32BE(0) >>> (32 - bits) === 0) return `token=${token}, nonce=${nonce}`;
  }
}

// A real issuer of tokens: test/harness/issuer.mjs.
async function startIssuer() {
  const child = spawn(process.execPath, [join(root, 'test/harness/issuer.mjs')], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise((done) => child.once('exit', done));
  const line = await Promise.race([new Promise((done) => createInterface({ input: child.stdout }).once('line', done)), ended]);
  const { issuer: url } = JSON.parse(line);
  return {
    url,
    async token(scope) {
      const answer = await fetch(`${url}/token`, {
        method: 'POST',
        headers: { Authorization: `Basic ${Buffer.from('desk:secret').toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope, resource: 'urn:globogym:ES256' }),
      });
      return (await answer.json()).access_token;
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

// One request whose bytes are ours, and what comes back until the service closes.
function raw(service, bytes) {
  const { hostname, port } = new URL(service.listen);
  return new Promise((done, failed) => {
    let said = '';
    const socket = net.connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (data) => { said += data; });
    socket.on('error', failed);
    socket.on('close', () => {
      const [head, ...rest] = said.split('\r\n\r\n');
      const [line, ...fields] = head.split('\r\n');
      done({
        status: Number(line.split(' ')[1]),
        headers: new Headers(fields.map((field) => field.split(/: ?(.*)/s).slice(0, 2))),
        body: rest.join('\r\n\r\n'),
      });
    });
  });
}

await runTests({
  'redocly and spectral find nothing to complain about, with an issuer and without': (directory) => closing(async (opened) => {
    for (const [name, env] of [['keys', {}],
      ['tokens', { GLOBOGYM_AUTH_ISSUER: 'http://127.0.0.1:9/issuer', GLOBOGYM_AUTH_AUDIENCE: 'https://api.globogym.example' }]]) {
      const service = opened(await Service.start(join(directory), { env: { ...env } }));
      const document = await described(service);
      assert.equal('bearer' in document.components.securitySchemes, name === 'tokens');
      const file = join(directory, `${name}.json`);
      writeFileSync(file, JSON.stringify(document, null, 1));
      const redocly = await lint('redocly', 'lint', file, '--config', 'redocly.yaml', '--format', 'stylish');
      assert.ok(!redocly.failed && !/warning|error/i.test(redocly.said), redocly.said);
      const spectral = await lint('spectral', 'lint', file, '--ruleset', 'spectral.yaml', '--fail-severity', 'hint');
      assert.ok(!spectral.failed && /No results/.test(spectral.said), spectral.said);
      await service.stop();
    }
  }),

  'linters do complain about a broken description': (directory) => closing(async (opened) => {
    const service = opened(await Service.start(directory));
    const document = await described(service);
    document.paths['/v1/enrollments'].post.requestBody.content['application/json'].examples.short.value.firstName = 7;
    delete document.paths['/v1/enrollments'].post.operationId;
    const file = join(directory, 'broken.json');
    writeFileSync(file, JSON.stringify(document));
    const redocly = await lint('redocly', 'lint', file, '--config', 'redocly.yaml', '--format', 'stylish');
    assert.match(redocly.said, /no-invalid-media-type-examples/);
    assert.match(redocly.said, /operation-operationId/);
    const spectral = await lint('spectral', 'lint', file, '--ruleset', 'spectral.yaml', '--fail-severity', 'hint');
    assert.ok(spectral.failed && /oas3-valid-media-example/.test(spectral.said), spectral.said);
  }),

  'every operation and every example of a request, through prism, is answered as described': (directory) => closing(async (opened) => {
    const service = opened(await Service.start(directory));
    const prism = opened(await Prism.start(directory, service, { errors: true }));
    const document = await described(service);
    const contract = new Contract(document);
    const key = await service.key();
    const met = new Set();
    const good = async (method, path, headers, body, status) => {
      const operation = contract.operation(method, path);
      const answer = await ask(prism.url, method, path, headers, body);
      assert.equal(answer.status, status, `${method} ${path}: ${answer.body}`);
      assert.deepEqual(contract.broken(method, path, answer), [], `${method} ${path}`);
      met.add(operation.operationId);
      return answer;
    };

    for (const name of ['X-API-Key', 'Ocp-Apim-Subscription-Key']) {
      for (const [example, value] of Object.entries(examplesOfRequests(document))) {
        const headers = { ...json, [name]: key, 'Idempotency-Key': randomUUID(), 'X-Request-Id': 'crm-4711' };
        const body = somebody(value);
        const accepted = await good('POST', '/v1/enrollments', headers, body, 202);
        const again = await good('POST', '/v1/enrollments', headers, body, 202);
        assert.equal(again.body, accepted.body, example);
        assert.equal(accepted.headers.get('x-request-id'), 'crm-4711');
        const { id, links } = JSON.parse(accepted.body);
        assert.equal(accepted.headers.get('location'), links.self);
        const view = await until(async () => {
          const now = JSON.parse((await good('GET', links.self, { [name]: key }, undefined, 200)).body);
          return now.status === 'completed' && now;
        }, 'it is completed');
        const events = await good('GET', `/v1/enrollments/${id}/events`, { [name]: key }, undefined, 200);
        assert.deepEqual(JSON.parse(events.body.match(/^data: (.*)$/m)[1]), view);
        const member = JSON.parse((await good('GET', `/v1/members/${view.memberId}`, { [name]: key }, undefined, 200)).body);
        const page = JSON.parse((await good('GET', '/v1/members?limit=1', { [name]: key }, undefined, 200)).body);
        assert.equal(page.members.length, 1);
        for (const [field, sent] of Object.entries(JSON.parse(body))) assert.deepEqual(member[field], sent);
      }
    }
    // A second enrollment of one address is rejected.
    const body = somebody(examplesOfRequests(document).short);
    await good('POST', '/v1/enrollments', { ...json, 'X-API-Key': key }, body, 202);
    const { links } = JSON.parse((await good('POST', '/v1/enrollments', { ...json, 'X-API-Key': key }, body, 202)).body);
    await until(async () => JSON.parse((await good('GET', links.self, { 'X-API-Key': key }, undefined, 200)).body).reason === 'already-member', 'it is rejected');

    // From a page: what the form needs, the proof, and a masked look.
    const form = JSON.parse((await good('GET', '/v1/sign-up', {}, undefined, 200)).body);
    const once = randomUUID();
    const page = { ...json, 'X-API-Key': form.key, 'Idempotency-Key': once, 'Sign-Up-Proof': solved(form.challenge, once), Origin: service.listen };
    const mine = somebody(examplesOfRequests(document).short);
    const accepted = await until(async () => {
      const answer = await ask(prism.url, 'POST', '/v1/enrollments', page, mine);
      return answer.status === 202 && answer;
    }, 'the challenge can be used');
    assert.deepEqual(contract.broken('POST', '/v1/enrollments', accepted), []);
    const own = { 'X-API-Key': form.key, Origin: service.listen };
    const masked = JSON.parse((await good('GET', JSON.parse(accepted.body).links.self, own, undefined, 200)).body);
    assert.equal(masked.memberId, null);

    for (const path of ['/healthz', '/readyz', '/', '/docs', '/openapi.json']) await good('GET', path, {}, undefined, 200);
    const all = Object.values(document.paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId));
    assert.deepEqual([...met].sort(), all.sort(), 'every operation was met');
  }),

  'a token of the issuer opens, through prism, what the description says it opens': (directory) => closing(async (opened) => {
    const issuer = opened(await startIssuer());
    const service = opened(await Service.start(directory, {
      env: { GLOBOGYM_AUTH_ISSUER: issuer.url, GLOBOGYM_AUTH_AUDIENCE: 'https://api.globogym.example' },
    }));
    const prism = opened(await Prism.start(directory, service, { errors: true }));
    const document = await described(service);
    const contract = new Contract(document);
    const token = await issuer.token('enrollments:write enrollments:read members:read');
    const show = { Authorization: `Bearer ${token}` };
    const accepted = await until(async () => { // the issuer's keys are fetched when the service starts
      const answer = await ask(prism.url, 'POST', '/v1/enrollments', { ...json, ...show }, somebody(examplesOfRequests(document).whole));
      return answer.status !== 503 && answer;
    }, 'the keys are there');
    assert.equal(accepted.status, 202, accepted.body);
    assert.deepEqual(contract.broken('POST', '/v1/enrollments', accepted), []);
    const path = JSON.parse(accepted.body).links.self;
    const view = await ask(prism.url, 'GET', path, show);
    assert.equal(view.status, 200, view.body);
    assert.deepEqual(contract.broken('GET', path, view), []);
    const ready = await ask(prism.url, 'GET', '/readyz');
    assert.equal(typeof JSON.parse(ready.body).tokens.keys, 'number');
    assert.deepEqual(contract.broken('GET', '/readyz', ready), []);

    const forged = await ask(prism.url, 'GET', path, { Authorization: `Bearer ${token.slice(0, -6)}AAAAAA` });
    assert.equal(forged.status, 401);
    assert.match(forged.headers.get('www-authenticate'), /ApiKey .*Bearer .*invalid_token/);
    assert.deepEqual(contract.broken('GET', path, forged), []);
    const member = await ask(prism.url, 'GET', '/v1/members/x', { Authorization: `Bearer ${await issuer.token('enrollments:read')}` });
    assert.equal(member.status, 403, member.body);
    assert.deepEqual(contract.broken('GET', '/v1/members/x', member), []);
  }),

  'every refusal that is described can be met, and is as described': (directory) => closing(async (opened) => {
    const service = opened(await Service.start(directory, { env: { GLOBOGYM_GATEWAY_HEADER_TIME: '300ms' } }));
    const prism = opened(await Prism.start(directory, service, { errors: false }));
    const document = await described(service);
    const contract = new Contract(document);
    const key = await service.key(), reader = await service.key('members:read');
    const slow = (await service.cli('keys', 'create', '--name', 'slow', '--scopes', 'enrollments:read', '--rate', '1/s')).trim();
    const met = new Set();
    const refused = async (slug, method, path, headers, body, url = prism.url) => {
      const answer = await ask(url, method, path, headers, body);
      const type = answer.headers.get('content-type');
      assert.equal(type, 'application/problem+json', `${slug}: ${answer.status} ${answer.body}`);
      assert.equal(JSON.parse(answer.body).type, `https://globogym.example/problems/${slug}`, answer.body);
      assert.deepEqual(contract.broken(method, path, answer), [], slug);
      const violations = JSON.parse(answer.headers.get('sl-violations') ?? '[]');
      assert.deepEqual(violations.filter(({ location }) => location[0] !== 'request'), [], slug);
      met.add(slug);
      return JSON.parse(answer.body);
    };
    const at = '/v1/enrollments', mine = { ...json, 'X-API-Key': key };
    const examples = examplesOfRequests(document);

    await refused('malformed-json', 'POST', at, mine, '{"firstName":', service.listen);
    await refused('malformed-json', 'POST', at, mine, '', service.listen);
    await refused('idempotency-key-invalid', 'POST', at, { ...mine, 'Idempotency-Key': 'k'.repeat(256) }, somebody(examples.short));
    await refused('unauthorized', 'POST', at, json, somebody(examples.short), service.listen); // prism would answer itself
    await refused('unauthorized', 'GET', `${at}/x`, { 'X-API-Key': 'ggk_nobody' });
    await refused('scope-missing', 'POST', at, { ...json, 'X-API-Key': reader }, somebody(examples.short));
    await refused('scope-missing', 'GET', `${at}/x`, { 'X-API-Key': reader });
    await refused('not-found', 'GET', `${at}/x`, { 'X-API-Key': key });
    await refused('not-found', 'GET', `${at}/x/events`, { 'X-API-Key': key });
    await refused('not-found', 'GET', '/v1/members/x', { 'X-API-Key': key });
    for (const path of Object.keys(document.paths))
      await refused('method-not-allowed', 'DELETE', path.replace('{id}', 'x'), {}, undefined, service.listen);
    await refused('bad-request', 'GET', '/v1/members?limit=0', { 'X-API-Key': key }, undefined, service.listen);
    await refused('payload-too-large', 'POST', at, mine, JSON.stringify({ ...examples.short, firstName: 'a'.repeat(17 << 10) }), service.listen);
    await refused('unsupported-media-type', 'POST', at, { ...mine, 'Content-Type': 'text/plain' }, somebody(examples.short));
    const wrong = await refused('invalid-fields', 'POST', at, mine, JSON.stringify({ ...examples.whole, email: 'no', plan: 7, x: 1 }));
    assert.deepEqual(wrong.errors.map(({ code }) => code).sort(), ['email.invalid', 'type', 'unknown']);
    const once = { ...mine, 'Idempotency-Key': randomUUID() };
    assert.equal((await ask(prism.url, 'POST', at, once, somebody(examples.short))).status, 202);
    await refused('idempotency-key-reused', 'POST', at, once, somebody(examples.short));
    await ask(service.listen, 'GET', `${at}/x`, { 'X-API-Key': slow });
    await refused('rate-limited', 'GET', `${at}/x`, { 'X-API-Key': slow });

    const form = JSON.parse((await ask(prism.url, 'GET', '/v1/sign-up')).body);
    const page = { ...json, 'X-API-Key': form.key, 'Idempotency-Key': randomUUID(), Origin: service.listen };
    await refused('proof-missing', 'POST', at, page, somebody(examples.short));
    await refused('proof-wrong', 'POST', at, { ...page, 'Sign-Up-Proof': 'token=ours.or.not, nonce=1' }, somebody(examples.short));
    const fresh = JSON.parse((await ask(prism.url, 'GET', '/v1/sign-up')).body);
    await refused('proof-early', 'POST', at, { ...page, 'Sign-Up-Proof': `token=${fresh.challenge.token}, nonce=1` }, somebody(examples.short), service.listen);
    await refused('origin-not-allowed', 'POST', at, { ...page, Origin: 'https://stranger.example' }, somebody(examples.short));

    // What the connection answers.
    const head = 'Host: localhost\r\n';
    const met_by_bytes = {
      'malformed-request': `GET / HTTP/1.1\n${head}\r\n`,
      'uri-too-long': `GET /${'x'.repeat(9000)} HTTP/1.1\r\n${head}\r\n`,
      'expectation-failed': `POST ${at} HTTP/1.1\r\n${head}Expect: wonders\r\nContent-Length: 2\r\n\r\n{}`,
      'headers-too-large': `GET / HTTP/1.1\r\n${head}X: ${'x'.repeat(17 << 10)}\r\n\r\n`,
      'transfer-coding-not-supported': `POST ${at} HTTP/1.1\r\n${head}Transfer-Encoding: gzip\r\n\r\n`,
      'http-version-not-supported': `GET / HTTP/2.0\r\n${head}\r\n`,
      'payload-too-large': `POST ${at} HTTP/1.1\r\n${head}Content-Length: 99999\r\n\r\n`,
      'request-timeout': `GET / HTTP/1.1\r\n`,
    };
    for (const [slug, bytes] of Object.entries(met_by_bytes)) {
      const answer = await raw(service, bytes);
      assert.equal(JSON.parse(answer.body).type, `https://globogym.example/problems/${slug}`, answer.body);
      assert.deepEqual(contract.broken('GET', '/', answer, { connection: true }), [], slug);
      met.add(slug);
    }
    await service.stop();

    // A disk whose reserve is reached.
    const full = opened(await Service.start(directory, { env: { GLOBOGYM_ENGINE_DISK_RESERVE: '1TiB' } }));
    await refused('not-ready', 'GET', '/readyz', {}, undefined, full.listen);
    await refused('cannot-keep-promise', 'POST', at, mine, somebody(examples.short), full.listen);
    await full.stop();
    const small = opened(await Service.start(directory, { env: { GLOBOGYM_GATEWAY_MAX_CONNECTIONS: '1' } }));
    const { hostname, port } = new URL(small.listen);
    const first = await new Promise((done) => { const socket = net.connect(Number(port), hostname, () => done(socket)); });
    const answer = await raw(small, '');
    first.destroy();
    assert.equal(JSON.parse(answer.body).type, 'https://globogym.example/problems/too-many-connections');
    assert.deepEqual(contract.broken('GET', '/', answer, { connection: true }), []);
    met.add('too-many-connections');

    // Not from outside: a clock two hours on, a month's quota, a damaged record, 5,000 streams, a certificate, many
    // connections of one address that is not this machine. Unit tests and the tests of TLS meet these.
    const elsewhere = ['too-many-connections-of-address', 'proof-expired', 'quota-exceeded', 'internal', 'too-many-streams', 'tls-required'];
    const ofTheConnection = readFileSync(join(root, 'src/http/refusals.h'), 'utf8').matchAll(/\d{3}, "([a-z-]+)"/g);
    assert.deepEqual([...ofTheConnection].map(([, slug]) => slug).filter((slug) => !met.has(slug) && !elsewhere.includes(slug)), []);
    assert.deepEqual([...new Set([...met, ...elsewhere])].sort(), [...new Set(document['x-problems'].map(({ slug }) => slug))].sort());
  }),

  'what the test of the public contract exchanges is as described': (directory) => closing(async (opened) => {
    const service = opened(await Service.start(directory));
    const contract = new Contract(await described(service));
    const file = join(directory, 'exchanges');
    const { failed, said } = await new Promise((done) =>
      execFile(join(root, 'test/e2e/contract.test.py'), [],
        { env: { ...process.env, RECORD_EXCHANGES: file }, timeout: 600_000, maxBuffer: 1 << 26 },
        (error, out, err) => done({ failed: error, said: out + err })));
    assert.ok(!failed, said.slice(-2000));
    let held = 0;
    const met = new Set();
    for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
      const { method, path, status, headers, body } = JSON.parse(line);
      if (/^\/(admin|metrics)/.test(path) || method === 'HEAD') continue; // another listener; an answer without its body
      const answer = { status, headers: new Headers(headers), body };
      if (!contract.describes(path)) {
        assert.equal(JSON.parse(body).type, 'https://globogym.example/problems/not-found', `${method} ${path}`);
        continue;
      }
      assert.deepEqual(contract.broken(method, path, answer), [], `${method} ${path} ${status} ${body.slice(0, 300)}`);
      met.add(`${contract.operation(method, path).operationId} ${status}`);
      held += 1;
    }
    assert.ok(held > 100 && met.size > 10, `${held} exchanges of ${[...met].join(', ')}`);
  }),

  'what is published about a field is what the validator does': (directory) => closing(async (opened) => {
    const service = opened(await Service.start(directory));
    const document = await described(service);
    const { properties } = document.components.schemas.Application;
    const key = await service.key();
    const fields = Object.keys(properties).filter((name) => properties[name].type === 'string');
    const compiled = (options) => Object.fromEntries(fields.map((name) => [name, validator(options).compile(properties[name])]));
    const published = compiled({ unicodeRegExp: true }), plain = compiled({ unicodeRegExp: false });
    const whole = Object.fromEntries(fields.map((name) => [name, properties[name]['x-unicode-pattern'] && new RegExp(properties[name]['x-unicode-pattern'], 'u')]));
    for (const name of ['firstName', 'lastName', 'email']) assert.ok(whole[name]);

    let seed = 20261122;
    const below = (n) => Math.floor(((seed = (seed * 48271) % 2147483647) / 2147483647) * n);
    const one = (list) => list[below(list.length)];
    const pieces = [
      'a', 'Z', 'Ada', '7', '0', '-', '.', ',', "'", '`', ' ', '+', '@', '..', '_', '<', '"', '\\', '/', '\t', '\n', '\u0000', '\u007f',
      '\u00a0', '\u0085', '\u2028', '\u3000', '\u200c', '\u200d', '\u202e', '\ufeff', '\u00ad', 'é', 'e\u0301', '\u0301', 'ß', 'Ж', '李', 'ع', 'न', '\u0958',
      '\u3164', '\uffa0', '\u115f', '\u1160', '\u00b4', '\u00b7', '\u0387', '\u1fef', '\u1ffd', '\u2019', '\u30fb', '𝒜', '😀', '\u{10400}', '٣', 'Ⅷ',
      'example.com', 'xn--', 'bücher.example', 'a@b.c', '@b.c', 'x@1.2', '。', '+442079460991', '123456', '1990-12-10', '2024-02-29', '2023-02-29',
      'evil.co', 'J.R.', 'v1.2', '\u034f', '\uff0e', '\uff1d', 'ေ',
      'london-shoreditch', 'premium-annual', 'en-GB', '2026-01', 'GYM-FRIEND', 'x'.repeat(30), 'é'.repeat(33), '1'.repeat(9),
    ];
    const exampleOf = examplesOfRequests(document).whole;
    const inRange = (properties) => (properties.enum ? one(properties.enum) : undefined);
    const value = (name) => {
      const good = inRange(properties[name]) ?? exampleOf[name];
      // As long as may be, as short as may be, and one more or less.
      const length = one([properties[name].minLength ?? 1, properties[name].maxLength ?? 20]) + below(3) - 1;
      switch (below(8)) {
        case 6: return good.slice(0, length).padEnd(length, good.at(-1));
        case 7: return good.padStart(length, 'a').slice(-Math.max(length, 1));
        case 0: return good;
        case 1: return good.slice(0, below(good.length + 1)) + one(pieces) + good.slice(below(good.length + 1));
        case 2: return one(pieces).repeat(1 + below(5)) + good;
        case 3: return good + one(pieces);
        default: return Array.from({ length: below(6) }, () => one(pieces)).join('');
      }
    };
    const tidy = (text) => text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '').normalize('NFC');
    const counts = { refused: 0, taken: 0 };

    const round = async () => {
      const application = Object.fromEntries(fields.map((name) => [name, value(name)]));
      const answer = await ask(service.listen, 'POST', '/v1/enrollments', { ...json, 'X-API-Key': key },
        JSON.stringify({ ...application, 'not a field': 1 }));
      assert.equal(answer.status, 422, answer.body);
      const { errors } = JSON.parse(answer.body);
      for (const name of fields) {
        const text = application[name];
        const error = errors.find(({ pointer }) => pointer === `/${name}`);
        const why = `${name} ${JSON.stringify(text)}: ${error ? error.code : 'taken'}`;
        counts[error ? 'refused' : 'taken'] += 1;
        if (error) assert.ok(properties[name]['x-codes'].some(({ code }) => code === error.code), why);
        const says = published[name](text);
        if (!says && !error) assert.ok(published[name](tidy(text)), `the schema refuses what is taken: ${why}`);
        if (!error) assert.ok(plain[name](tidy(text)), `without the u flag the schema refuses what is taken: ${why}`);
        const length = [...tidy(text)].length, rule = properties[name];
        if (name === 'firstName' || name === 'lastName') {
          const good = whole[name].test(text) && length >= rule.minLength && length <= rule.maxLength;
          assert.equal(good, !error, `the whole pattern and the validator disagree: ${why}`);
        } else if (name === 'email') {
          const good = whole[name].test(text);
          if (!good) assert.ok(error, `the whole pattern refuses what is taken: ${why}`);
          if (good && !/[^\x00-\x7f]|xn--/i.test(text) && length <= rule.maxLength) assert.ok(!error, `the whole pattern takes what is refused: ${why}`);
        } else if (rule.format === 'date') {
          assert.equal(!says, error?.code === `${name}.invalid`, `the schema and the validator disagree: ${why}`);
        } else {
          assert.equal(says, !error, `the schema and the validator disagree: ${why}`);
        }
      }
    };
    const rounds = process.env.QUICK === '1' ? 1500 : 6000;
    await Promise.all(Array.from({ length: 8 }, async (_, worker) => { for (let i = worker; i < rounds; i += 8) await round(); }));
    assert.ok(counts.taken > rounds && counts.refused > rounds, JSON.stringify(counts));
  }),
});
