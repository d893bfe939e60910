#!/usr/bin/env node
// The welcome letter as its readers get it: taken apart by somebody else's library (mailparser), shown by a real browser as
// a mail program would, its code read by somebody else's reader (jsqr), and its look compared with stored pictures.
//
// The pictures in test/e2e/letter/ are a sixth as large as the screen, so that how a font smooths its edges does not count.
// UPDATE=1 writes them anew: look at them. SCREENSHOTS=directory leaves whole ones there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { axe, launch } from '../harness/browser.mjs';
import { binary, root, runTests, Service, until } from '../harness/service.mjs';

const packages = createRequire(join(root, 'test/web/package.json'));
const { simpleParser } = packages('mailparser');
const jsqr = packages('jsqr').default ?? packages('jsqr');
const { PNG } = packages('pngjs');

const locales = ['en-GB', 'en-US', 'de-DE', 'fr-FR', 'es-ES'];
const samples = ['plain', 'long', 'rtl'];
const widths = { phone: 360, desk: 900 };
const letterhead = {
  GLOBOGYM_MAIL_IMPRINT: 'GloboGym Ltd · 12 Sample Yard, London EC2A 3XX\nRegistered in England and Wales, no. 01234567',
  GLOBOGYM_MAIL_REPLY_TO: 'Front desk <hello@globogym.example>',
};

function globogym(directory, words, env = {}) {
  return execFileSync(binary, words, { cwd: directory, encoding: 'utf8', env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
}

// What `letters preview` writes for one sample: a message for every locale.
function previews(directory, sample) {
  const into = join(directory, sample);
  globogym(directory, ['letters', 'preview', '--sample', sample, '--plan', 'premium-annual', '--into', into], letterhead);
  return Object.fromEntries(locales.map((locale) => [locale, readFileSync(join(into, `welcome.${locale}.eml`))]));
}

function codeIn(parsed) {
  const picture = parsed.attachments.find(({ contentId }) => contentId.startsWith('<GG-'));
  assert.equal(picture.contentType, 'image/png');
  assert.equal(picture.contentDisposition, 'inline');
  const { data, width, height } = PNG.sync.read(picture.content);
  return jsqr(new Uint8ClampedArray(data), width, height)?.data;
}

// A sixth as wide and high; each of its points is the mean of 36.
function shrunk(picture, by = 6) {
  const width = Math.floor(picture.width / by), height = Math.floor(picture.height / by);
  const out = new PNG({ width, height });
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < 4; channel++) {
        let sum = 0;
        for (let i = 0; i < by * by; i++) sum += picture.data[((y * by + Math.floor(i / by)) * picture.width + x * by + (i % by)) * 4 + channel];
        out.data[(y * width + x) * 4 + channel] = Math.round(sum / by / by);
      }
  return out;
}

// How far two pictures are apart: the mean over all points, and the share of points that are plainly different.
function difference(a, b) {
  const height = Math.min(a.height, b.height);
  let sum = 0, plain = 0;
  for (let at = 0; at < height * a.width * 4; at += 4) {
    const off = (Math.abs(a.data[at] - b.data[at]) + Math.abs(a.data[at + 1] - b.data[at + 1]) + Math.abs(a.data[at + 2] - b.data[at + 2])) / 3;
    sum += off;
    if (off > 40) plain++;
  }
  return { mean: sum / (height * a.width), plain: plain / (height * a.width), taller: Math.abs(a.height - b.height) / a.height };
}

const same = ({ mean, plain, taller }) => mean < 4 && plain < 0.02 && taller < 0.03;

// What is wrong with the letter on the screen: what is wider than it, what cannot be read, who was asked for something.
async function look(page, strangers, closely = true) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  const cut = await page.evaluate(() => [...document.querySelectorAll('p, h1')]
    .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent));
  // It is a message, not a page: it has no landmarks.
  const faults = !closely ? [] : (await axe(page)).filter((fault) => !/^(region|landmark-one-main): /.test(fault));
  const pictures = await page.$$eval('img', (all) => all.map((one) => one.complete && one.naturalWidth > 0));
  return { overflow, cut, faults, pictures, strangers: [...strangers] };
}

async function shown(browser, html, width, colorScheme, use) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
  const strangers = [];
  context.on('request', (request) => { if (!/^(data|about):/.test(request.url())) strangers.push(request.url()); });
  const page = await context.newPage();
  try {
    await page.setContent(html, { waitUntil: 'load' });
    return await use(page, strangers);
  } finally {
    await context.close();
  }
}

await runTests({
  'a letter is taken apart as it was meant: text, HTML, two pictures, and the number in a code': async (directory) => {
    for (const sample of samples)
      for (const [locale, content] of Object.entries(previews(directory, sample))) {
        const parsed = await simpleParser(content);
        const number = /GG(-[0-9A-Z]{4}){3}-[0-9A-Z]/.exec(parsed.text)[0];
        assert.equal(parsed.replyTo.text, '"Front desk" <hello@globogym.example>');
        assert.equal(parsed.headers.get('content-language'), locale);
        assert.equal(parsed.attachments.length, 2);
        assert.ok(parsed.attachments.every(({ related }) => related), 'they belong to the HTML, and are no attachments');
        assert.equal(codeIn(parsed), number);
        for (const form of [parsed.text, parsed.html.replace(/&#(\d+);/g, (_, c) => String.fromCodePoint(c))])
          for (const part of [number, 'GloboGym London Shoreditch', '12 Sample Yard', '39', 'hello@globogym.example', 'GloboGym Ltd'])
            assert.ok(form.includes(part), `${sample} ${locale}: ${part}`);
        assert.ok(parsed.html.length < 30_000);
        assert.ok(content.length < 12_000, `${content.length} bytes`);
      }
  },

  'members have letters with their own number, readable for a machine, and as the API tells it': async (directory) => {
    const service = await Service.start(directory);
    try {
      const key = await service.key();
      const headers = { 'X-API-Key': key, 'Content-Type': 'application/json' };
      const members = [];
      for (let i = 0; i < 25; i++) {
        const body = JSON.stringify({ firstName: 'Ada', lastName: 'Lovelace', email: `ada${i}@example.com`, dateOfBirth: '1990-12-10', homeClubId: 'berlin-mitte', plan: 'basic-monthly', locale: 'de-DE' });
        const answer = await (await fetch(`${service.listen}/v1/enrollments`, { method: 'POST', headers, body })).json();
        const ended = await until(async () => {
          const view = await (await fetch(`${service.listen}${answer.links.self}`, { headers })).json();
          return view.status === 'completed' && view;
        }, 'the letter is written');
        members.push(await (await fetch(`${service.listen}/v1/members/${ended.memberId}`, { headers })).json());
      }
      const outbox = join(service.data, 'outbox');
      const letters = await Promise.all(readdirSync(outbox).filter((name) => name.endsWith('.eml')).map((name) => simpleParser(readFileSync(join(outbox, name)))));
      const coded = new Map(letters.map((letter) => [letter.to.text, codeIn(letter)]));
      for (const { email, number } of members) assert.equal(coded.get(email), number);
      assert.equal(new Set(coded.values()).size, 25);
      assert.match(letters[0].text, /Musterstraße 24\n *10119 Berlin/);
      assert.match(letters[0].text, /24,90\u00a0£ im Monat\n *Monatlich kündbar/);
    } finally {
      await service.stop();
    }
  },

  'it fits phones and desks, light and dark, with long names and names from the right, and asks nothing of anybody': async (directory) => {
    const browser = await launch();
    const stored = join(root, 'test/e2e/letter');
    try {
      for (const sample of samples) {
        const all = previews(directory, sample);
        for (const locale of ['en-GB', 'de-DE', 'fr-FR', 'es-ES']) {
          const { html } = await simpleParser(all[locale]);
          for (const [width, pixels] of Object.entries(widths))
            for (const scheme of ['light', 'dark'])
              await shown(browser, html, pixels, scheme, async (page, strangers) => {
                const name = `${width}-${scheme}-${sample}-${locale}`;
                // One of each kind is enough to see whether it looks as it did, and for axe, which looks at everything.
                const closely = ['plain-en-GB', 'long-de-DE', 'rtl-fr-FR', 'plain-es-ES'].includes(`${sample}-${locale}`);
                assert.deepEqual(await look(page, strangers, closely), { overflow: 0, cut: [], faults: [], pictures: [true, true], strangers: [] }, name);
                const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
                assert.equal(background, scheme === 'dark' ? 'rgb(11, 19, 16)' : 'rgb(243, 245, 239)', name);
                if (!closely) return;
                const whole = await page.screenshot({ fullPage: true });
                if (process.env.SCREENSHOTS) writeFileSync(join(process.env.SCREENSHOTS, `letter-${name}.png`), whole);
                const small = shrunk(PNG.sync.read(whole));
                const file = join(stored, `${name}.png`);
                if (process.env.UPDATE) {
                  mkdirSync(stored, { recursive: true });
                  writeFileSync(file, PNG.sync.write(small));
                }
                assert.ok(existsSync(file), `there is no ${file}: UPDATE=1 makes it`);
                const found = difference(PNG.sync.read(readFileSync(file)), small);
                assert.ok(same(found), `${name} looks otherwise than ${file}: ${JSON.stringify(found)}`);
              });
        }
      }
    } finally {
      await browser.close();
    }
  },

  'what would be wrong with a letter is seen': async (directory) => {
    const browser = await launch();
    try {
      const { html } = await simpleParser(previews(directory, 'long')['en-GB']);
      const seen = (changed) => shown(browser, changed, 360, 'light', async (page, strangers) => ({
        ...(await look(page, strangers)), picture: shrunk(PNG.sync.read(await page.screenshot({ fullPage: true }))),
      }));
      const { picture } = await seen(html);
      assert.ok((await seen(html.replaceAll('overflow-wrap:break-word', '').replaceAll('word-wrap:break-word', ''))).cut.length > 0, 'a name that runs out');
      assert.match((await seen(html.replaceAll('#4f6158', '#b0b8b4'))).faults.join(), /color-contrast/);
      assert.equal((await seen(html.replace('</body>', '<img src="http://127.0.0.1:9/seen.png" alt=""></body>'))).strangers.length, 1);
      for (const [what, changed] of Object.entries({ 'no code': html.replace(/<img src="data:[^"]*"\n alt="Your/, '<img alt="Your'), 'another colour': html.replaceAll('#eaf4ee', '#ffd0d0') }))
        assert.ok(!same(difference(picture, (await seen(changed)).picture)), what);
    } finally {
      await browser.close();
    }
  },

  'templates of your own are used, and a mistake in one stops the start with a sentence': async (directory) => {
    const templates = join(directory, 'letters');
    assert.match(globogym(directory, ['letters', 'templates', '--into', templates]), /welcome\.html\n/);
    assert.throws(() => globogym(directory, ['letters', 'templates', '--into', templates]), /is there already/);
    const env = { GLOBOGYM_MAIL_TEMPLATES: templates };
    assert.equal(globogym(directory, ['letters', 'preview', '--as', 'eml'], env), globogym(directory, ['letters', 'preview', '--as', 'eml']));

    writeFileSync(join(templates, 'welcome.de.words'), 'closing = Bis bald, {{firstName}}!\n');
    assert.match(globogym(directory, ['letters', 'preview', '--locale', 'de-DE'], env), /Bis bald, Ada!/);

    writeFileSync(join(templates, 'welcome.html'), '<p>\n{{fristName}}\n');
    const fails = (words) => {
      try {
        globogym(directory, words, env);
      } catch ({ status, stdout, stderr }) {
        return { status, said: stdout + stderr };
      }
      return assert.fail('it should have failed');
    };
    const sentence = 'welcome.html:2: unknown placeholder {{fristName}}; did you mean {{firstName}}?';
    const started = fails(['serve', '--data', join(directory, 'data'), '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']);
    assert.equal(started.status, 2);
    assert.ok(started.said.includes(sentence), started.said);
    assert.ok(!existsSync(join(directory, 'data')), 'nothing was made');
    const examined = fails(['doctor', '--data', join(directory, 'data')]);
    assert.equal(examined.status, 1);
    assert.ok(examined.said.includes(sentence), examined.said);
    assert.equal(fails(['letters', 'preview']).status, 2);
  },
});
