#!/usr/bin/env node
// The sign-up page and the API's reference as Google's Lighthouse sees them on a phone: what it can find wrong, it does not.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { launch } from '../harness/browser.mjs';
import { root, runTests, Service } from '../harness/service.mjs';

const packages = createRequire(join(root, 'test/web/package.json'));
const { default: lighthouse } = await import(pathToFileURL(packages.resolve('lighthouse')));

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// Whatever lowers the score of a category, with what Lighthouse says of it.
function faults({ categories, audits }, name) {
  return categories[name].auditRefs
    .filter(({ id, weight }) => weight > 0 && audits[id].score !== null && audits[id].score < 1)
    .map(({ id }) => `${id}: ${audits[id].title} ${audits[id].displayValue ?? ''} ` +
      (audits[id].details?.items ?? []).slice(0, 3).map((item) => item.node?.snippet ?? item.description ?? '').join(' '));
}

async function judge(port, url, onlyCategories) {
  const result = await lighthouse(url, { port, onlyCategories, logLevel: 'silent', output: 'json', maxWaitForLoad: 60_000 });
  assert.equal(result.lhr.runtimeError, undefined, JSON.stringify(result.lhr.runtimeError));
  return result.lhr;
}

const of_content = ['accessibility', 'best-practices', 'seo'];

async function lighthouse_finds(directory, paths, then) {
  const service = await Service.start(directory);
  const port = await freePort();
  const browser = await launch([`--remote-debugging-port=${port}`]);
  try {
    for (const path of paths) await then(port, service.listen + path);
  } finally {
    await browser.close();
    await service.stop();
  }
}

await runTests({
  'Lighthouse finds what is wrong where something is': (directory) =>
    lighthouse_finds(directory, ['/'], async (port) => {
      const bad = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<input><img src="data:,">'));
      await new Promise((listening) => bad.listen(0, '127.0.0.1', listening));
      const report = await judge(port, `http://127.0.0.1:${bad.address().port}/`, of_content);
      bad.close();
      assert.ok(faults(report, 'accessibility').length >= 3, faults(report, 'accessibility').join(' | '));
      assert.ok(faults(report, 'seo').length >= 1);
    }),

  'accessibility, best practices and what search engines need are 100 of 100': (directory) =>
    lighthouse_finds(directory, ['/', '/docs'], async (port, url) => {
      const report = await judge(port, url, of_content);
      for (const name of of_content)
        assert.equal(report.categories[name].score, 1, `${url} ${name}: ${faults(report, name).join(' | ')}`);
    }),

  // A machine that is busy with other things makes a page slow; none makes it quick. So the best of some looks counts.
  'performance is 100 of 100': (directory) =>
    lighthouse_finds(directory, ['/'], async (port, url) => {
      let report;
      for (let look = 0; look < 8 && report?.categories.performance.score !== 1; ++look)
        report = await judge(port, url, ['performance']);
      assert.equal(report.categories.performance.score, 1, faults(report, 'performance').join(' | '));
    }),
});
