#!/usr/bin/env node
// The sign-up page as Google's Lighthouse sees it on a phone: 100 of 100 in performance, accessibility, best practices and
// SEO, in English and in another language; and the API's reference in all of these but performance.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { launch } from '../harness/browser.mjs';
import { root, runTests, Service, timeout } from '../harness/service.mjs';

const packages = createRequire(join(root, 'test/web/package.json'));
const { default: lighthouse } = await import(pathToFileURL(packages.resolve('lighthouse')));

const of_content = ['accessibility', 'best-practices', 'seo'];
const all = ['performance', ...of_content];
const good = (report, categories = all) => categories.every((name) => report.categories[name].score === 1);

// What Lighthouse itself cannot finish, on a machine that is busy with other things, says nothing about the page: it looks
// again, twice at most.
async function look(url, onlyCategories) {
  const unfinished = [];
  for (let attempt = 0; attempt < 3; ++attempt) {
    try {
      const report = await look_once(url, onlyCategories);
      if (!report.runtimeError && onlyCategories.every((name) => report.categories[name].score !== null)) return report;
      unfinished.push(report.runtimeError?.message ?? verdict(report, onlyCategories));
    } catch (error) {
      unfinished.push(String(error?.stack ?? error));
    }
  }
  throw new Error(`Lighthouse could not finish with ${url}:\n${unfinished.join('\n')}`);
}

// In a browser and a profile of its own, that finds nobody but this machine; Lighthouse reports its own errors to its makers
// only when it is told to.
async function look_once(url, onlyCategories) {
  const browser = await launch(['--remote-debugging-port=0', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1']);
  try {
    const result = await Promise.race([
      lighthouse(url, {
        port: await browser.debuggingPort(), onlyCategories, formFactor: 'mobile', throttlingMethod: 'simulate',
        // It says only that our browser was started without that cache.
        skipAudits: ['bf-cache'], disableFullPageScreenshot: true, enableErrorReporting: false, logLevel: 'silent', output: 'json',
      }),
      timeout(90_000).then(() => Promise.reject(new Error('not within 90 s'))),
    ]);
    return result.lhr;
  } finally {
    await browser.close();
  }
}

// Every score, and below what is not 100 each audit that lowers it, with the elements, addresses or errors it is about. For
// performance all that was measured, and what Lighthouse would do about it.
function verdict(report, categories = all) {
  const lines = [report.finalDisplayedUrl, ...report.runWarnings];
  for (const name of categories) {
    const { title, score, auditRefs } = report.categories[name];
    lines.push(`${title}: ${score === null ? 'no score' : Math.round(score * 100)}`);
    if (score === 1) continue;
    for (const { id, weight, group } of auditRefs) {
      const { title, score, displayValue = '', errorMessage, details } = report.audits[id];
      const measured = group === 'metrics';
      const low = score !== null && score < 1; // null: it does not apply, or failed itself
      if (!measured && !(weight > 0 && (low || errorMessage)) && !(name === 'performance' && low)) continue;
      lines.push(`  ${id}: ${title} ${displayValue} (${errorMessage ?? `${Math.round(score * 100)} of 100`})`);
      if (!measured) for (const item of (details?.items ?? []).slice(0, 5)) lines.push(`    ${about(item)}`);
    }
  }
  return lines.join('\n');
}

const about = (item) =>
  (item.node ? `${item.node.snippet} ${item.node.explanation ?? ''}` : JSON.stringify(item)).replace(/\s+/g, ' ').slice(0, 300);

async function with_service(directory, story) {
  const service = await Service.start(directory);
  try {
    await story(service.listen);
  } finally {
    await service.stop();
  }
}

const damages = [
  [/<meta name="description"[^>]*>/, ''],
  [/<label for="email"[^>]*>.*?<\/label>/s, ''],
  ['</body>', `<img src="/not-there" alt="" width="1" height="1"><script>
    addEventListener('load', () => setTimeout(() => {
      for (const begun = performance.now(); performance.now() < begun + 500; );
      document.querySelector('main').style.marginTop = '300px';
    }, 300));
  </script></body>`],
];

// The service, but all of it comes late, and its page without a description and a label, with a picture that does not exist
// and a script that lets nothing else run and then moves what was there.
async function with_damaged_page(listen, story) {
  const proxy = createServer(async (request, response) => {
    const answer = await fetch(listen + request.url);
    let body = Buffer.from(await answer.arrayBuffer());
    if (request.url === '/') body = damages.reduce((page, [part, instead]) => page.replace(part, instead), String(body));
    await new Promise((late) => setTimeout(late, 1_500));
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(body);
  });
  await new Promise((listening) => proxy.listen(0, '127.0.0.1', listening));
  try {
    await story(`http://127.0.0.1:${proxy.address().port}`);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
}

// A machine that is busy with other things makes some of a look slow, and none of it quick. So each of the measurements that
// make up the score for performance counts as the best of five looks has it; for all else the first look counts.
async function is_four_times_100(url) {
  const looks = [await look(url, all)];
  assert.ok(good(looks[0], of_content), verdict(looks[0]));
  while (performance_at_best(looks) < 1 && looks.length < 5) looks.push(await look(url, ['performance']));
  if (performance_at_best(looks) === 1) return;
  const scores = looks.map(({ categories }) => categories.performance.score);
  const busy = `load ${loadavg()[0].toFixed(1)} on ${cpus().length} processors`;
  assert.fail(`performance of ${scores.length} looks ${scores.map((score) => Math.round(score * 100)).join(', ')}; ${busy}\n` +
    verdict(looks[scores.indexOf(Math.max(...scores))], ['performance']));
}

// As Lighthouse reckons it: the mean by weight, in hundredths.
function performance_at_best(looks) {
  const measured = looks[0].categories.performance.auditRefs.filter(({ weight }) => weight > 0);
  const sum = (of) => measured.reduce((total, one) => total + of(one), 0);
  const best = ({ id }) => Math.max(...looks.map(({ audits }) => audits[id].score));
  return Math.round((100 * sum((one) => one.weight * best(one))) / sum(({ weight }) => weight)) / 100;
}

await runTests({
  'Lighthouse finds what is wrong with a page that is damaged on its way': (directory) =>
    with_service(directory, (listen) =>
      with_damaged_page(listen, async (damaged) => {
        const report = await look(damaged + '/', all);
        const said = verdict(report);
        for (const name of all) assert.ok(!good(report, [name]), said);
        for (const { id, group, weight } of report.categories.performance.auditRefs)
          if (group === 'metrics' && weight > 0) assert.ok(report.audits[id].score < 1, said);
        assert.match(said, /^ {2}label: .*\n {4}<input id="email"/m);
        assert.match(said, /^ {2}errors-in-console: .*\n {4}.*not-there/m);
        assert.match(said, /^ {2}meta-description: /m);
      })),

  'the page is 100 of 100 in performance, accessibility, best practices and SEO': (directory) =>
    with_service(directory, (listen) => is_four_times_100(listen + '/')),

  'the page in German is so too': (directory) => with_service(directory, (listen) => is_four_times_100(listen + '/?lang=de')),

  "the API's reference is 100 of 100 in accessibility, best practices and SEO": (directory) =>
    with_service(directory, async (listen) => {
      const report = await look(listen + '/docs', of_content);
      assert.ok(good(report, of_content), verdict(report, of_content));
    }),
});
