#!/usr/bin/env node
// A sign-up on a network that fails at the worst moments, and a service that asks for patience: in the end there is exactly
// one enrollment, and the person was told that nothing is lost.
import assert from 'node:assert/strict';
import { allDone, enrollmentId, fillIn, formReady, launch, openPage, somebody } from '../harness/browser.mjs';
import { runTests, Service, until } from '../harness/service.mjs';

const browser = await launch();

async function with_page(directory, story, options = {}) {
  let service = await Service.start(directory);
  const world = { replace: (other) => (service = other) };
  try {
    const page = await openPage(browser, service, options);
    if (!options.before) await page.goto(service.listen);
    if (!options.before) await formReady(page);
    await story(page, service, world);
    assert.deepEqual(page.seen.complaints, []);
    await page.context().close();
    await settled(service, options.enrollments ?? 1);
  } finally {
    await service.stop();
  }
}

// Nothing is under way any more, and so many enrollments became so many members.
async function settled(service, count) {
  const stats = await until(async () => {
    const stats = await service.operations('/admin/v1/stats');
    return stats.enrollments.accepted + stats.enrollments.processing === 0 && stats;
  }, 'everything is done');
  assert.equal(stats.enrollments.completed, count);
  assert.equal(stats.members, count);
  assert.equal(service.letters().length, count);
}

const posts = (page) => page.seen.requests.filter(({ method }) => method === 'POST');
const says = (page, words) =>
  page.waitForFunction((words) => new RegExp(words, 'i').test(document.getElementById('status').textContent), words);

// Every POST of the story carried the same key and the same body.
function one_promise(page) {
  const sent = posts(page).map(({ request }) => request.headers()['idempotency-key'] + request.postData());
  assert.equal(new Set(sent).size, 1, `${new Set(sent).size} different ones`);
  return sent.length;
}

// The n-th answer (from 1) to a POST is what `answers` says; the others are the service's.
async function answered(page, answers) {
  let count = 0;
  await page.route('**/v1/enrollments', (route) => (answers[++count] ? answers[count](route) : route.continue()));
}
const refused = (status, slug, headers = {}) => (route) =>
  route.fulfill({
    status, headers, contentType: 'application/problem+json',
    body: JSON.stringify({ type: `https://globogym.example/problems/${slug}`, title: 'x', status, detail: 'x' }),
  });
// The service has it; the answer never arrives.
const answer_lost = async (route) => {
  await route.fetch();
  await route.abort('connectionreset');
};
const never_sent = (route) => route.abort('connectionfailed');

await runTests({
  'the answer is lost on the way: one enrollment': (directory) =>
    with_page(directory, async (page) => {
      await answered(page, { 1: answer_lost, 2: answer_lost });
      await fillIn(page, somebody());
      await page.click('#submit');
      await says(page, 'still trying, nothing is lost');
      await allDone(page);
      assert.ok(one_promise(page) >= 3);
    }),

  'the network goes before anything is sent and comes back: one enrollment': (directory) =>
    with_page(directory, async (page) => {
      await fillIn(page, somebody());
      await page.context().setOffline(true);
      await page.click('#submit');
      await says(page, 'nothing is lost');
      assert.equal(await page.evaluate(() => document.getElementById('fields').inert), true);
      await page.context().setOffline(false);
      await allDone(page);
      one_promise(page);
    }),

  'the answer is lost and the page is reloaded before it tries again: one enrollment': (directory) =>
    with_page(directory, async (page) => {
      let count = 0;
      await page.route('**/v1/enrollments', (route) => (++count === 1 ? answer_lost(route) : never_sent(route)));
      await fillIn(page, somebody());
      await page.click('#submit');
      await says(page, 'nothing is lost');
      await page.unroute('**/v1/enrollments');

      await page.reload();
      await allDone(page);
      one_promise(page);
    }),

  'the page is closed and opened again while it sends: it goes on by itself': (directory) =>
    with_page(directory, async (page, service) => {
      await answered(page, { 1: never_sent, 2: never_sent, 3: never_sent, 4: never_sent });
      await fillIn(page, somebody({ firstName: 'Grace' }));
      await page.click('#submit');
      await says(page, 'nothing is lost');
      await page.unroute('**/v1/enrollments');

      await page.goto('about:blank');
      await page.goBack();
      await allDone(page);
      one_promise(page);
      assert.ok(service.letters()[0].includes('Grace'));
    }),

  'the service is killed with the sign-up in its hands and comes back': (directory) =>
    with_page(directory, async (page, service, world) => {
      let killed;
      await page.route('**/v1/enrollments', async (route) => {
        if (killed) return route.continue();
        killed = route.fetch().catch(() => {}).then(() => {
          service.process.kill('SIGKILL');
          return service.ended;
        });
        await killed;
        await route.abort('connectionreset');
      });
      await fillIn(page, somebody());
      await page.click('#submit');
      await says(page, 'nothing is lost');
      await killed;
      world.replace(await Service.start(directory, { listen: new URL(service.listen).host }));
      await allDone(page);
      one_promise(page);
    }),

  'asked to come back later, it comes back, and no sooner': (directory) =>
    with_page(directory, async (page) => {
      const times = [];
      page.on('request', (request) => request.method() === 'POST' && times.push(Date.now()));
      await answered(page, {
        1: refused(429, 'rate-limited', { 'Retry-After': '2' }),
        2: refused(503, 'cannot-keep-promise', { 'Retry-After': '1' }),
        3: refused(502, ''),
      });
      await fillIn(page, somebody());
      await page.click('#submit');
      await says(page, 'try again in a moment, nothing is lost');
      await allDone(page);
      assert.ok(times[1] - times[0] >= 2000, `${times[1] - times[0]} ms`);
      assert.ok(times[2] - times[1] >= 1000, `${times[2] - times[1]} ms`);
      assert.equal(one_promise(page), 4);
    }),

  'a proof that has expired is made again, for the same promise': (directory) =>
    with_page(directory, async (page) => {
      await answered(page, { 1: refused(403, 'proof-expired'), 2: refused(403, 'proof-early', { 'Retry-After': '1' }) });
      await fillIn(page, somebody());
      await page.click('#submit');
      await allDone(page);
      assert.equal(one_promise(page), 3);
      const proofs = posts(page).map(({ request }) => request.headers()['sign-up-proof']);
      assert.notEqual(proofs[1], proofs[0]);
      assert.equal(proofs[2], proofs[1]); // early is not wrong
    }),

  'where sign-up is closed the page says so and keeps what was written': (directory) =>
    with_page(
      directory,
      async (page) => {
        await answered(page, { 1: refused(403, 'origin-not-allowed') });
        const person = somebody();
        await fillIn(page, person);
        await page.click('#submit');
        await page.waitForFunction(() => /closed/.test(document.getElementById('failed').textContent));
        await page.reload();
        await formReady(page);
        assert.equal(await page.inputValue('#email'), person.email);
      },
      { enrollments: 0 },
    ),

  'the form can be filled in before the service has said what it offers': (directory) =>
    with_page(
      directory,
      async (page, service) => {
        await page.route('**/v1/sign-up', never_sent);
        await page.goto(service.listen);
        await page.fill('#firstName', 'Ada');
        await page.fill('#email', 'ada@example.com');
        await says(page, 'already fill in the rest');
        await page.click('#submit');
        assert.equal(posts(page).length, 0);
        await page.unroute('**/v1/sign-up');
        await page.evaluate(() => dispatchEvent(new Event('online')));
        await formReady(page);
        assert.equal(await page.inputValue('#firstName'), 'Ada');
        assert.equal(await page.textContent('#status'), '');
        await fillIn(page, somebody());
        await page.click('#submit');
        await allDone(page);
      },
      { before: true },
    ),

  'where events cannot be read the progress is asked for': (directory) =>
    with_page(directory, async (page) => {
      await page.route('**/events', refused(503, 'too-many-streams', { 'Retry-After': '1' }));
      await fillIn(page, somebody());
      await page.click('#submit');
      await allDone(page);
      const id = await enrollmentId(page);
      assert.ok(page.seen.requests.some(({ path }) => path === `/v1/enrollments/${id}`));
    }),

  'a stream of events that breaks is taken up again': (directory) =>
    with_page(directory, async (page) => {
      let count = 0;
      await page.route('**/events', (route) => {
        if (++count > 1) return route.continue();
        const steps = ['validate', 'store-member', 'welcome-mail'].map((name, i) => ({ name, status: i ? 'pending' : 'done' }));
        return route.fulfill({ contentType: 'text/event-stream', body: `: hello\n\ndata: ${JSON.stringify({ status: 'processing', steps })}\n\ndata: {"st` });
      });
      await fillIn(page, somebody());
      await page.click('#submit');
      await page.waitForFunction(() => document.querySelectorAll('#steps li')[1]?.className === 'done');
      await allDone(page);
      assert.ok(count >= 2);
    }),
});
await browser.close();
