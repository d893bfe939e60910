#!/usr/bin/env node
// The API reference in a real browser: everything that is described is there, it is fit for keyboards, screen readers and
// phones, and the quick start's examples work as they are printed. With SCREENSHOTS=directory pictures are left there.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { axe, launch, openPage } from '../harness/browser.mjs';
import { runTests, Service } from '../harness/service.mjs';

async function closing(use) {
  const opened = [];
  try {
    await use((thing) => (opened.push(thing), thing));
  } finally {
    for (const thing of opened.reverse()) await (thing.stop ? thing.stop() : thing.close()).catch(() => {});
  }
}

const phone = { viewport: { width: 390, height: 844 } };
const desktop = { viewport: { width: 1280, height: 900 } };

async function reference(browser, service, options, hash = '') {
  const page = await openPage(browser, service, options);
  await page.goto(`${service.listen}/docs${hash}`);
  await page.waitForFunction(() => 'complete' in document.documentElement.dataset);
  return page;
}

async function picture(page, name, options = {}) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, name), ...options });
}

function quiet(page) {
  assert.deepEqual(page.seen.complaints, []);
  assert.deepEqual(page.seen.strangers, [], 'nothing is asked of anybody else');
}

function run(program, words, options) {
  return new Promise((done) => execFile(program, words, { timeout: 60_000, ...options }, (error, out, err) =>
    done({ code: error ? error.code ?? 1 : 0, out, err })));
}

await runTests({
  'everything that is described stands on the page': (directory) => closing(async (opened) => {
    const service = opened(await Service.start(directory));
    const browser = opened(await launch());
    const page = await reference(browser, service, desktop);
    const description = await (await fetch(service.listen + '/openapi.json')).json();

    const ids = new Set(await page.$$eval('[id]', (all) => all.map(({ id }) => id)));
    const operations = Object.values(description.paths).flatMap((item) => Object.values(item));
    for (const { operationId, responses } of operations) {
      assert.ok(ids.has(operationId), operationId);
      for (const status of Object.keys(responses)) assert.ok(ids.has(`${operationId}-${status}`), `${operationId} ${status}`);
    }
    const { Application, ...answers } = description.components.schemas;
    for (const name of Object.keys(answers)) assert.ok(ids.has(`schema-${name}`), name);
    const text = await page.textContent('main');
    for (const [name, field] of Object.entries(Application.properties)) {
      assert.ok(ids.has(`field-${name}`), name);
      for (const { code, meaning } of field['x-codes']) assert.ok(text.includes(code) && text.includes(meaning), code);
    }
    for (const { slug, meaning, type } of description['x-problems']) {
      assert.ok(ids.has(`problem-${slug}`), slug);
      assert.ok(text.includes(type) && meaning.length > 0, slug);
    }
    const dead = await page.$$eval('a[href^="#"]', (links) => links.map((a) => a.hash.slice(1)).filter((id) => !document.getElementById(id)));
    assert.deepEqual(dead, [], 'every link leads somewhere');
    quiet(page);
  }),

  'the page stands with few elements; the rest comes in pieces, or at once to whoever prints, searches or follows an address': (directory) => closing(async (opened) => {
    const service = opened(await Service.start(directory));
    const browser = opened(await launch());
    // How many elements there were when the page stood, and at most how many came at a time from then on.
    const watched = async (hash = '', idle = true) => {
      const page = await openPage(browser, service, phone);
      await page.addInitScript((idle) => {
        if (!idle) window.requestIdleCallback = () => 0;
        const count = () => document.getElementsByTagName('*').length;
        const watch = () => {
          if (document.documentElement.dataset.ready && window.atFirst === undefined) window.atFirst = count();
        };
        new MutationObserver(watch).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-ready'] });
      }, idle);
      await page.goto(`${service.listen}/docs${hash}`);
      await page.waitForFunction(() => window.atFirst !== undefined);
      return page;
    };
    const now = (page) => page.evaluate(() => document.getElementsByTagName('*').length);

    const page = await watched();
    await page.waitForFunction(() => 'complete' in document.documentElement.dataset);
    const [first, all] = [await page.evaluate(() => window.atFirst), await now(page)];
    assert.ok(first < 1500, `${first} elements when the page stands`);
    assert.ok(all > 4000, `${all} elements in the end`);
    console.log(`  ${first} elements at first, ${all} in the end`);

    for (const at_once of [(page) => page.evaluate(() => dispatchEvent(new Event('beforeprint'))), (page) => page.keyboard.press('Control+f')]) {
      const busy = await watched('', false);
      assert.ok((await now(busy)) < all);
      await at_once(busy);
      assert.equal(await now(busy), all);
    }
    const scrolled = await watched('', false);
    await scrolled.locator('#readEnrollment, section.operation >> nth=2').first().scrollIntoViewIfNeeded();
    await scrolled.waitForFunction(() => document.querySelectorAll('section.operation')[2].querySelector('h4'));
    assert.equal(await now(await watched('#problem-idempotency-key-reused', false)), all);
  }),

  'the reference has no fault that axe knows of, on a phone and on a desktop, light and dark, everything open': (directory) => closing(async (opened) => {
    const service = opened(await Service.start(directory));
    const browser = opened(await launch());
    for (const [name, options] of Object.entries({ phone, desktop })) {
      for (const colorScheme of ['light', 'dark']) {
        const page = await reference(browser, service, { ...options, colorScheme });
        await picture(page, `docs-${name}-${colorScheme}.png`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `${name}: ${wide} px wider than the window`);
        await page.$$eval('details', (all) => all.forEach((one) => { one.open = true; }));
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(overflow <= 0, `${name}, everything open: ${overflow} px wider than the window`);
        // It looks at every element, and these are many: each width and each set of colours once.
        if ((name === 'phone') === (colorScheme === 'light')) assert.deepEqual(await axe(page), [], `${name} ${colorScheme}`);
        await picture(page, `docs-${name}-${colorScheme}-whole.png`, { fullPage: true });
        quiet(page);
        await page.context().close();
      }
    }
  }),

  'an address leads to its problem, the keyboard to the contents, and a button copies': (directory) => closing(async (opened) => {
    const service = opened(await Service.start(directory));
    const browser = opened(await launch());
    const page = await reference(browser, service, { ...desktop, permissions: ['clipboard-read', 'clipboard-write'], reducedMotion: 'reduce' }, '#problem-idempotency-key-reused');
    const at = await page.$eval('#problem-idempotency-key-reused', (one) => one.getBoundingClientRect().top);
    assert.ok(at >= 0 && at < 200, `it is ${at} px from the top`);
    await picture(page, 'docs-problem.png');

    await page.goto(`${service.listen}/docs`);
    await page.waitForFunction(() => document.documentElement.dataset.ready === 'reference');
    await page.keyboard.press('Tab');
    assert.match(await page.evaluate(() => document.activeElement.textContent), /Skip/);
    const link = page.getByRole('navigation', { name: 'Contents' }).getByRole('link', { name: 'Sign somebody up' });
    await link.focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => location.hash === '#signUp');
    await page.waitForFunction(() => document.querySelector('a[aria-current]')?.hash === '#signUp');

    await page.getByRole('button', { name: 'Copy: Sign somebody up: curl' }).click();
    await page.waitForFunction(() => document.querySelector('[role=status]').textContent === 'Copied');
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(copied.startsWith(`curl -i ${service.listen}/v1/enrollments`), copied);
    quiet(page);

    // What was copied is answered as described.
    const key = await service.key();
    const { out, err } = await run('bash', ['-c', copied], { env: { ...process.env, GLOBOGYM_KEY: key } });
    assert.match(out, /^HTTP\/1\.1 202 /, out + err);
  }),

  'the contents fold on a phone and lead away when they are used': (directory) => closing(async (opened) => {
    const service = opened(await Service.start(directory));
    const browser = opened(await launch());
    const page = await reference(browser, service, { ...phone, reducedMotion: 'reduce' });
    const folded = () => page.$eval('details.contents', (one) => !one.open);
    assert.ok(await folded());
    await page.getByText('Contents', { exact: true }).click();
    await picture(page, 'docs-phone-contents.png');
    await page.getByRole('link', { name: 'Fields of an application' }).click();
    await page.waitForFunction(() => !document.querySelector('details.contents').open);
    const top = await page.$eval('#fields', (one) => one.getBoundingClientRect().top);
    assert.ok(top >= 0 && top < 300, `it is ${top} px from the top`);
    await picture(page, 'docs-phone-fields.png');
    quiet(page);
  }),

  'the examples of the quick start work as they are printed': (directory) => closing(async (opened) => {
    const service = opened(await Service.start(directory));
    const browser = opened(await launch());
    const page = await reference(browser, service, desktop);
    const key = await service.key();
    const printed = async (title) => {
      const figure = page.locator('figure', { has: page.getByText(title, { exact: true }) });
      return (await figure.locator('pre').textContent()).replaceAll('ggk_your_key', key);
    };
    const shell = await run('bash', ['-c', await printed('The first sign-up: curl')]);
    assert.match(shell.out, /^HTTP\/1\.1 202 /, shell.out + shell.err);

    const script = async (title, change = (text) => text) => {
      const file = join(directory, `${title.replace(/\W/g, '-')}.mjs`);
      writeFileSync(file, change(await printed(title)));
      const flags = process.versions.node.startsWith('18.') ? ['--experimental-global-webcrypto'] : [];
      const { code, out, err } = await run(process.execPath, [...flags, file]);
      assert.equal(code, 0, out + err);
      return out.trim().split('\n');
    };
    // The shell's lead again, as other bytes: the second run of the script is a repetition.
    const [id] = await script('From a CRM: JavaScript', (text) => text.replaceAll('crm-lead-4711', 'crm-lead-4712'));
    assert.match(id, /^[0-9a-z]{32}$/);
    assert.deepEqual(await script('From a CRM: JavaScript', (text) => text.replaceAll('crm-lead-4711', 'crm-lead-4712')), [id]);

    // As a page would: fetch() of a browser says where it comes from.
    const seen = await script('From a form: JavaScript', (text) =>
      `const plain = fetch;\nglobalThis.fetch = (to, options = {}) => plain(to, { ...options, headers: { ...options.headers, Origin: '${service.listen}' } });\n${text}`);
    assert.equal(seen.at(-1), 'completed');
    quiet(page);
  }),
});
