// Turns what vite has built into what the binary carries: each page once a language, each file as it is, with gzip and
// with brotli, and dist/pages.cpp, which embeds them and
// defines what src/gateway/answers/pages.h calls built_pages().
//
// The entity tags in the table are hashes of the bytes: whenever an asset changes the table changes with it, which is also
// what tells the compiler's cache that the embedded bytes are others.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { translated } from './translate.mjs';

const web = fileURLToPath(new URL('..', import.meta.url));
const dist = join(web, 'dist');
const packed = join(dist, 'packed');
const languages = readdirSync(join(web, 'src/messages')).map((name) => name.replace('.json', '')).sort();

const contentTypes = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
};

rmSync(packed, { recursive: true, force: true });
mkdirSync(packed, { recursive: true });

const files = []; // of the table, in its order
const signup = readFileSync(join(dist, 'index.html'), 'utf8');
const manifest = JSON.parse(readFileSync(join(dist, 'manifest.json'), 'utf8'));
for (const language of languages) {
  const messages = JSON.parse(readFileSync(join(web, 'src/messages', `${language}.json`), 'utf8'));
  // The texts come along with the script, not after it.
  const texts = `<link rel="modulepreload" crossorigin href="/${manifest[`src/messages/${language}.json`].file}">\n</head>`;
  const html = translated(signup, language, messages).replace('</head>', texts);
  add({ path: '/', language, name: `signup.${language}.html`, bytes: Buffer.from(html) });
}
add({ path: '/docs', language: '', name: 'docs.html', bytes: readFileSync(join(dist, 'docs/index.html')) });
for (const name of readdirSync(join(dist, 'assets')).sort())
  add({ path: `/assets/${name}`, language: '', name, bytes: readFileSync(join(dist, 'assets', name)) });


files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
const arrays = files.map(({ file }, i) => `constexpr unsigned char file_${i}[] = {\n#embed "packed/${file}"\n};\n`);
const rows = files.map(({ path, language, contentType, encoding, tag }, i) =>
  `    {"${path}", "${language}", "${contentType}", "${encoding}", "${tag}", text(file_${i})},\n`);
writeFileSync(
  join(dist, 'pages.cpp'),
  `// Made by web/build/pack.mjs from web/.
#include "gateway/answers/pages.h"

#include <cstddef>

namespace globogym::gateway {
namespace {

${arrays.join('')}
template <std::size_t size>
std::string_view text(const unsigned char (&bytes)[size]) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

std::span<const PageFile> built_pages() {
  static const PageFile files[] = {
${rows.join('')}  };
  return files;
}

}  // namespace globogym::gateway
`,
);

function add({ path, language, name, bytes }) {
  const contentType = contentTypes[extname(name)];
  if (!contentType) throw new Error(`${name}: of what content type is this?`);
  if (extname(name) === '.html' && /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|(src|href)="(https?:)?\/\//.test(bytes))
    throw new Error(`${name} has script or style inside, or loads something from elsewhere`);
  const encodings = [['identity', bytes]];
  const brotli = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
  const gzip = gzipSync(bytes, { level: 9 });
  if (brotli.length < bytes.length) encodings.push(['br', brotli]);
  if (gzip.length < bytes.length) encodings.push(['gzip', gzip]);
  for (const [encoding, data] of encodings) {
    const file = encoding === 'identity' ? name : `${name}.${encoding}`;
    writeFileSync(join(packed, file), data);
    const tag = createHash('sha256').update(data).digest('hex').slice(0, 20);
    files.push({ path, language, contentType, encoding, tag, file });
  }
}
