// A real OpenID Connect issuer for tests: npm's oidc-provider, on loopback, with what a test needs to be nasty.
//
//   node test/harness/issuer.mjs [--port N] [--tls CERTIFICATE KEY]
//
// Prints {"issuer": "http://127.0.0.1:…"} when it can be asked. POST /token (client_credentials, client "desk", secret
// "secret", resource "urn:globogym:<ES256|RS256|PS256|EdDSA>") gives a JWT access token for the audience
// https://api.globogym.example. Then obeys commands, a JSON line each on stdin, and answers each with one on stdout:
//   {"do": "counts"}                          how often discovery and the keys were asked for
//   {"do": "rotate", "keep": true|false}      signs with new keys; the old ones stay published, or not
//   {"do": "sign", "alg", "claims", "header"} signs whatever it is given with the current key; without a kid in the
//                                             header: its own
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const packages = createRequire(join(root, 'test/web/package.json'));
const { default: Provider } = await import(pathToFileURL(packages.resolve('oidc-provider')).href);

const words = process.argv.slice(2);
const port = words.includes('--port') ? Number(words[words.indexOf('--port') + 1]) : 0;
const tls = words.includes('--tls') ? words.slice(words.indexOf('--tls') + 1) : undefined;
const audience = 'https://api.globogym.example';
const scopes = 'enrollments:write enrollments:read members:read members:write';

let generation = 0;
let published = [];
let current = {};
let provider;
const counts = { discovery: 0, keys: 0, tokens: 0 };

function makeKeys() {
  generation += 1;
  const key = (alg, type, options) => ({
    ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
    kid: `${alg}-${generation}-${process.pid}`,
    alg,
    use: 'sig',
  });
  return {
    RS256: key('RS256', 'rsa', { modulusLength: 2048 }),
    PS256: key('PS256', 'rsa', { modulusLength: 2048 }),
    ES256: key('ES256', 'ec', { namedCurve: 'P-256' }),
    EdDSA: key('EdDSA', 'ed25519'),
  };
}

function open(issuer) {
  provider = new Provider(issuer, {
    jwks: { keys: published },
    clients: [{
      client_id: 'desk', client_secret: 'secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
    }],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
    scopes: scopes.split(' '),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: scopes,
          audience: resource.startsWith('urn:globogym:') ? audience : resource,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: resource.split(':').at(-1) in current ? resource.split(':').at(-1) : 'ES256' } },
        }),
      },
    },
  });
}

function rotate(issuer, keep) {
  current = makeKeys();
  // The first of a kind is the one that signs.
  published = [...Object.values(current), ...(keep ? published : [])];
  open(issuer);
}

function signed({ alg, claims, header = {} }) {
  const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const message = `${encoded({ alg, kid: current[alg].kid, ...header })}.${encoded(claims)}`;
  const key = createPrivateKey({ key: current[alg], format: 'jwk' });
  const options = {
    RS256: { key },
    PS256: { key, padding: 6, saltLength: 32 }, // RSA_PKCS1_PSS_PADDING
    ES256: { key, dsaEncoding: 'ieee-p1363' },
    EdDSA: { key },
  }[alg];
  return `${message}.${sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(message), options).toString('base64url')}`;
}

function answer(request, response) {
  const { pathname } = new URL(request.url, 'http://issuer');
  if (pathname === '/.well-known/openid-configuration') counts.discovery += 1;
  if (pathname === '/jwks') counts.keys += 1;
  if (pathname === '/token') counts.tokens += 1;
  provider.callback()(request, response);
}

const server = tls
  ? https.createServer({ cert: readFileSync(tls[0]), key: readFileSync(tls[1]) }, answer)
  : http.createServer(answer);
// That this is no production set-up is known; stdout is for answers.
for (const level of ['log', 'info', 'warn']) console[level] = () => {};
server.listen(port, '127.0.0.1', () => {
  const issuer = `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
  rotate(issuer, false);
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const command = JSON.parse(line);
      if (command.do === 'rotate') rotate(issuer, command.keep);
      const said = command.do === 'sign' ? { token: signed(command) } : counts;
      process.stdout.write(`${JSON.stringify(said)}\n`);
    })
    .on('close', () => process.exit(0));
});
