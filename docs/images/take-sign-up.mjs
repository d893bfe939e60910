#!/usr/bin/env node
// Takes the pictures of the sign-up page that docs/sign-up-page.md shows: docs/images/take-sign-up.mjs
// Needs what the tests need (scripts/setup --test, scripts/packages test/web) and a built release.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allDone, fillIn, formReady, launch, openPage, somebody } from '../../test/harness/browser.mjs';
import { root, Service } from '../../test/harness/service.mjs';

const directory = mkdtempSync(join(tmpdir(), 'globogym-pictures-'));
const service = await Service.start(directory);
const browser = await launch();
const ada = { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com' };
try {
  const phone = await openPage(browser, service, { colorScheme: 'light' });
  await phone.goto(service.listen);
  await formReady(phone);
  await fillIn(phone, somebody(ada));
  await phone.evaluate(() => (document.activeElement.blur(), scrollTo(0, 0)));
  await phone.screenshot({ path: join(root, 'docs/images/sign-up-phone.png') });

  const desktop = await openPage(browser, service, { viewport: { width: 1280, height: 800 }, colorScheme: 'dark', locale: 'de-DE' });
  await desktop.goto(service.listen);
  await formReady(desktop);
  await fillIn(desktop, somebody(ada));
  await desktop.click('#submit');
  await allDone(desktop);
  await desktop.screenshot({ path: join(root, 'docs/images/sign-up-progress.png') });
} finally {
  await browser.close();
  await service.stop();
  rmSync(directory, { recursive: true, force: true });
}
