// Two pages, one set of hashed assets under /assets/. What a page loads comes from here and from nowhere else, and no
// script or style stands inside the HTML: the content security policy lets neither in.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { translated } from './build/translate.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const messages = (language) => JSON.parse(readFileSync(here(`src/messages/${language}.json`), 'utf8'));

export default defineConfig({
  root: here('.'),
  appType: 'mpa',
  json: { namedExports: false },
  build: {
    outDir: 'dist',
    manifest: 'manifest.json', // for build/pack.mjs
    target: ['es2021', 'chrome90', 'firefox90', 'safari14.1'],
    assetsInlineLimit: 0, // no data: addresses
    modulePreload: { polyfill: false },
    rollupOptions: { input: { signup: here('index.html'), docs: here('docs/index.html') } },
  },
  worker: { format: 'es' },
  server: {
    // `npm run dev` beside a running service.
    proxy: Object.fromEntries(
      ['/v1', '/openapi.json'].map((path) => [path, process.env.GLOBOGYM_URL ?? 'http://127.0.0.1:8080']),
    ),
  },
  plugins: [
    {
      name: 'translate-while-developing',
      apply: 'serve',
      transformIndexHtml: (html, { originalUrl = '' }) => {
        const language = new URLSearchParams(originalUrl.split('?')[1] ?? '').get('lang') ?? 'en';
        return translated(html, language, messages(/^(de|fr|es)$/.test(language) ? language : 'en'));
      },
    },
  ],
});
