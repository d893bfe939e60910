// An issuer for measuring: prints {"issuer","audience"} as one line, serves discovery and its ES256 key, and writes COUNT
// different tokens, one a line, to FILE. Ends when its stdin does.   node bench/issuer.mjs COUNT FILE
import { createServer } from 'node:http';
import { generateKeyPairSync, sign } from 'node:crypto';
import { createWriteStream } from 'node:fs';

const [count, file] = [Number(process.argv[2]), process.argv[3]];
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { ...publicKey.export({ format: 'jwk' }), kid: 'bench', use: 'sig', alg: 'ES256' };
const server = createServer((request, response) => {
  response.setHeader('Content-Type', 'application/json');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  if (request.url === '/jwks') response.end(JSON.stringify({ keys: [key] }));
  else response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks` }));
});
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = part({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' });
  const now = Math.floor(Date.now() / 1000);
  const out = createWriteStream(file);
  for (let i = 0; i < count; ++i) {
    const claims = { iss: issuer, aud: 'bench', sub: `client-${i}`, client_id: `client-${i}`, iat: now, exp: now + 7200,
                     jti: String(i), scope: 'enrollments:write enrollments:read' };
    const signed = `${head}.${part(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    out.write(`${signed}.${signature.toString('base64url')}\n`);
  }
  out.end(() => console.log(JSON.stringify({ issuer, audience: 'bench' })));
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
