#!/usr/bin/env node
// The browser that tests share: when its process ends by itself one test fails, and says why; and it ends with its script.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { launch, openPage } from '../harness/browser.mjs';
import { runTests, Service, until } from '../harness/service.mjs';

const service = { listen: 'none' };

// What a test script would see, in a process of its own.
async function scene() {
  const browser = await launch();
  await runTests({
    'it is killed': async () => {
      const page = await openPage(browser, service);
      process.kill(browser.pid(), 'SIGKILL');
      await page.goto('data:text/html,never');
    },
    'a mistake is no death': () => assert.fail('a mistake'),
    'the next has one': async () => {
      const page = await openPage(browser, service);
      await page.goto('data:text/html,there');
      assert.equal(await page.textContent('body'), 'there');
    },
    'it crashes': async () => {
      const page = await openPage(browser, service);
      const session = await page.context().browser().newBrowserCDPSession();
      await session.send('Browser.crash').catch(() => {});
      await page.goto('data:text/html,never');
    },
  });
  await browser.close();
}

async function drawing(browser) {
  const page = await openPage(browser, service);
  const session = await page.context().browser().newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await page.context().close();
  return processInfo.find(({ type }) => type === 'GPU')?.id;
}

// Waits to be ended.
async function idle_scene(directory) {
  const browser = await launch();
  const server = await Service.start(directory);
  console.log(JSON.stringify({ browser: browser.pid(), server: server.process.pid }));
  await new Promise((done) => setTimeout(done, 60_000));
}

const lives = (pid) => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

if (process.env.SCENE === 'idle') await idle_scene(process.env.DIRECTORY);
else if (process.env.SCENE) await scene();
else await runTests({
  'one that dies fails the test that used it, with how it ended, and no other': async (directory) => {
    const chromium = join(directory, 'chromium');
    writeFileSync(chromium, '#!/bin/sh\n(while kill -0 $$; do echo last words; sleep 0.1; done) >&2 &\nexec "$REAL" "$@"\n', { mode: 0o700 });
    const env = { ...process.env, SCENE: '1', CHROMIUM: chromium, REAL: process.env.CHROMIUM ?? '/usr/bin/chromium' };
    const { code, out } = await new Promise((done) =>
      execFile(process.execPath, [fileURLToPath(import.meta.url)], { env, timeout: 120_000 },
        (error, out) => done({ code: error?.code ?? 0, out })));

    const told = out.split('\n').filter((line) => /^(not )?ok - /.test(line));
    assert.equal(told.length, 4, out);
    assert.match(told[0], /^not ok - it is killed # the browser ended by itself, SIGKILL: .*last words.* \| page\.goto: /);
    assert.equal(told[1], 'not ok - a mistake is no death # a mistake');
    assert.equal(told[2], 'ok - the next has one');
    assert.match(told[3], /^not ok - it crashes # the browser ended by itself, SIG\w+: .*last words/);
    assert.equal(code, 1);
  },

  'a script that is asked to end takes it and its servers along': async (directory) => {
    for (const [signal, code] of [['SIGTERM', 143], ['SIGHUP', 129], ['SIGINT', 130]]) {
      const script = spawn(process.execPath, [fileURLToPath(import.meta.url)],
        { env: { ...process.env, SCENE: 'idle', DIRECTORY: directory }, stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = new Promise((done) => script.once('exit', done));
      const pids = JSON.parse(await new Promise((done) => createInterface({ input: script.stdout }).once('line', done)));
      script.kill(signal);
      assert.equal(await ended, code, signal);
      await until(() => !Object.values(pids).some(lives), `nothing is left after ${signal}`);
    }
  },

  'it outlives the process that draws, however often that ends': async () => {
    const browser = await launch();
    try {
      let before = await drawing(browser);
      for (let times = 0; times < 8; times++) {
        process.kill(before, 'SIGKILL');
        before = await until(async () => {
          const now = await drawing(browser);
          return now !== before && now;
        }, 'another one draws');
      }
      const page = await openPage(browser, service);
      await page.goto('data:text/html,there');
      assert.ok((await page.screenshot()).length > 0);
    } finally {
      await browser.close();
    }
  },
});
