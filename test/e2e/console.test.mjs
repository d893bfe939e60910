#!/usr/bin/env node
// The console in a real browser: an operator signs in, looks, brings a dead letter back, discards another, signs out.
// With SCREENSHOTS=directory pictures are left there to be looked at.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import path from 'node:path';
import {axe, launch, until} from '../harness/browser.mjs';
import {MailServer} from '../harness/mail.mjs';
import {runTests, Service} from '../harness/service.mjs';

// Stops what `use` has opened, last first, whatever happens.
async function closing(use) {
  const opened = [];
  try {
    await use((thing) => {
      opened.push(thing);
      return thing;
    });
  } finally {
    for (const thing of opened.reverse()) await (thing.stop ? thing.stop() : thing.close()).catch(() => {});
  }
}

const ada = {firstName: 'Ada', lastName: 'Lovelace', dateOfBirth: '1990-12-10', homeClubId: 'london-shoreditch',
  plan: 'premium-annual'};

// A server with TLS, reached by name: two letters wait as dead, one enrollment is completed.
async function world(opened, directory) {
  const certificate = path.join(directory, 'certificate.pem');
  const key = path.join(directory, 'key.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', certificate],
  {stdio: 'ignore'});
  const mail = opened(await MailServer.start());
  const service = opened(await Service.start(directory, {
    admin: '0.0.0.0:0',
    flags: ['--mail', mail.url],
    env: {GLOBOGYM_TLS_CERTIFICATE: certificate, GLOBOGYM_TLS_KEY: key},
  }));
  const url = service.admin.replace('0.0.0.0', 'localhost');
  const browser = opened(await launch());
  const context = await browser.newContext({ignoreHTTPSErrors: true, viewport: {width: 1280, height: 900}});
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    // A browser tells of every 401, which the sign-in page is there for.
    if (message.type() === 'error' && !/status of 40[13]/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));

  const applicant = await service.key('enrollments:write,enrollments:read', 'kiosk');
  const ids = [];
  for (const email of ['poison-1@example.com', 'poison-2@example.com', 'well@example.com']) {
    // Node's fetch would check the certificate; the browser's does what the context says.
    const answer = await context.request.post(service.listen + '/v1/enrollments',
      {headers: {'X-API-Key': applicant}, data: {...ada, email}});
    assert.equal(answer.status(), 202, await answer.text());
    ids.push((await answer.json()).id);
  }
  await context.request.post(service.listen + '/v1/enrollments', {headers: {'X-API-Key': applicant}, data: {}});
  return {mail, service, url, browser, context, page, complaints, ids};
}

async function signIn(page, url, key) {
  await page.goto(url);
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', {name: 'Sign in'}).click();
  await page.getByRole('heading', {name: 'Totals'}).waitFor();
}

async function picture(page, name) {
  if (process.env.SCREENSHOTS) await page.screenshot({path: path.join(process.env.SCREENSHOTS, name), fullPage: true});
}

await runTests({
  'an operator signs in, looks, replays, discards and signs out': (directory) => closing(async (opened) => {
    const {mail, service, url, context, page, complaints, ids} = await world(opened, directory);
    const key = await service.key('ops:write', 'night-shift');

    await page.goto(url);
    await picture(page, 'sign-in.png');
    assert.deepEqual(await axe(page), []);
    await page.getByLabel('API key').fill('ggk_' + 'A'.repeat(55));
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({hasText: 'not one of ours'}).waitFor();
    await page.getByLabel('API key').fill(key);
    await page.keyboard.press('Enter');
    await page.getByText('night-shift').waitFor();

    const letters = page.locator('#letters tr');
    await until(async () => await letters.count() === 2, 'two dead letters are shown');
    await page.locator('#totals div', {hasText: 'completed'}).locator('dd').filter({hasText: /^1$/}).waitFor();
    await page.locator('#funnel tr', {hasText: 'accepted'}).filter({hasText: '3'}).waitFor();
    await page.locator('#callers tr', {hasText: 'kiosk'}).waitFor();
    await page.locator('#refused tr', {hasText: 'invalid-fields'}).waitFor();
    await picture(page, 'console.png');
    assert.deepEqual(await axe(page), []);

    await letters.filter({hasText: ids[0]}).getByRole('button', {name: 'Story'}).click();
    await page.locator('#story li', {hasText: '550'}).first().waitFor();
    mail.healed = true;
    await letters.filter({hasText: ids[0]}).getByRole('button', {name: 'Replay'}).click();
    await page.getByText('1 replayed').waitFor();
    await until(async () => await letters.count() === 1, 'one dead letter is left');
    page.once('dialog', (dialog) => dialog.dismiss());
    await letters.getByRole('button', {name: 'Discard'}).click();
    assert.equal(await letters.count(), 1, 'who thinks better of it discards nothing');
    page.once('dialog', (dialog) => dialog.accept());
    await letters.getByRole('button', {name: 'Discard'}).click();
    await page.getByText('1 discarded').waitFor();
    await page.getByText('There are none.').waitFor();
    await page.locator('#totals div', {hasText: 'completed'}).locator('dd').filter({hasText: /^2$/}).waitFor();

    const queue = page.locator('#queues tr', {hasText: 'welcome-mail'});
    await queue.getByRole('button', {name: 'Pause'}).click();
    await page.getByText('welcome-mail is paused').waitFor();
    await queue.getByRole('button', {name: 'Resume'}).click();
    await page.getByText('welcome-mail is running').waitFor();
    await queue.getByRole('button', {name: 'Pause'}).waitFor();

    const cookies = await context.cookies(url);
    assert.equal(cookies.length, 1);
    assert.equal(cookies[0].name, '__Host-globogym-session');
    assert.ok(cookies[0].secure && cookies[0].httpOnly && cookies[0].sameSite === 'Strict' && cookies[0].expires === -1);
    await page.getByRole('button', {name: 'Sign out'}).click();
    await page.getByLabel('API key').waitFor();
    assert.deepEqual(await context.cookies(url), []);
    assert.equal((await context.request.get(url + '/admin/v1/stats')).status(), 401);
    assert.deepEqual(complaints, []);
  }),

  'who may only look is offered nothing to change': (directory) => closing(async (opened) => {
    const {service, url, page, complaints} = await world(opened, directory);
    await page.emulateMedia({colorScheme: 'dark'});
    await page.setViewportSize({width: 390, height: 800});
    await signIn(page, url, await service.key('ops:read', 'monitoring'));

    await page.getByText('monitoring (may only look)').waitFor();
    const replay = page.locator('#letters').getByRole('button', {name: 'Replay'});
    await until(async () => await replay.count() === 2, 'two dead letters are shown');
    for (const button of await page.locator('button.change').all()) assert.ok(await button.isDisabled());
    await page.locator('#callers tr').first().waitFor();
    await picture(page, 'console-phone-dark.png');
    assert.deepEqual(await axe(page), []);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `the page is ${wide} pixels wider than a phone`);
    assert.deepEqual(complaints, []);
  }),

  'a page of another site reads and changes nothing': (directory) => closing(async (opened) => {
    const {service, url, context, page} = await world(opened, directory);
    await signIn(page, url, await service.key('ops:write'));
    await page.locator('#letters tr').nth(1).waitFor();

    // The same site to the browser's cookies, another origin: the hardest neighbour there is.
    const neighbour = service.listen;
    const other = await context.newPage();
    await other.goto(neighbour + '/healthz');
    const attempts = await other.evaluate(async (target) => {
      const out = {};
      const attempt = async (name, options, path = '/admin/v1/dead-letters/discard') => {
        try {
          out[name] = (await fetch(target + path, {credentials: 'include', ...options})).status;
        } catch {
          out[name] = 'forbidden';
        }
      };
      const body = '{"filter":{}}';
      await attempt('json', {method: 'POST', headers: {'Content-Type': 'application/json'}, body});
      await attempt('text', {method: 'POST', headers: {'Content-Type': 'text/plain'}, body});
      await attempt('blind', {method: 'POST', mode: 'no-cors', headers: {'Content-Type': 'text/plain'}, body});
      await attempt('read', {}, '/admin/v1/dead-letters');
      return out;
    }, url);

    assert.equal(attempts.json, 'forbidden');
    assert.equal(attempts.text, 'forbidden');
    assert.equal(attempts.read, 'forbidden');
    assert.equal((await context.request.get(url + '/admin/v1/dead-letters')).status(), 200);
    const kept = await (await context.request.get(url + '/admin/v1/dead-letters')).json();
    assert.equal(kept.items.length, 2);
  }),

  'a revoked key shows its operator the way out': (directory) => closing(async (opened) => {
    const {service, url, page} = await world(opened, directory);
    const key = await service.key('ops:read', 'leaver');
    await signIn(page, url, key);
    await page.getByText('leaver').waitFor();

    await service.cli('keys', 'revoke', key.slice(4, 15));

    await page.getByLabel('API key').waitFor({timeout: 20000});
  }),

  'on loopback the console asks nobody': (directory) => closing(async (opened) => {
    const service = opened(await Service.start(directory));
    const browser = opened(await launch());
    const page = await browser.newPage();

    await page.goto(service.admin);

    await page.getByText('live · version').waitFor();
    await page.getByText('There are none.').waitFor();
    assert.equal(await page.getByRole('button', {name: 'Sign out'}).isVisible(), false);
  }),
});
