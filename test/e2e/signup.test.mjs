#!/usr/bin/env node
// A real Chromium signs up on the real service: in each language, with mistakes, by keyboard alone, twice at once, and as
// a robot would.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allDone, enrollmentId, fillIn, formReady, launch, openPage, somebody } from '../harness/browser.mjs';
import { runTests, Service, until } from '../harness/service.mjs';

const browser = await launch();

// A service, an open sign-up page, and what is known of both at the end: nothing loaded from elsewhere, nothing refused by
// the page's own policy, no script that failed, no cookie.
async function with_page(directory, options, story) {
  const service = await Service.start(directory, { flags: options.flags ?? [], env: options.env ?? {} });
  try {
    const page = await openPage(browser, service, options);
    if (options.clock) await page.clock.install();
    await page.goto(service.listen + (options.path ?? '/'));
    await formReady(page);
    await story(page, service);
    assert.deepEqual(page.seen.complaints, []);
    assert.deepEqual(page.seen.strangers, []);
    assert.deepEqual(await page.context().cookies(), []);
    await page.context().close();
  } finally {
    await service.stop();
  }
}

async function enrollments(service) {
  const { enrollments: by } = await service.operations('/admin/v1/stats');
  return Object.values(by).reduce((sum, count) => sum + count, 0);
}

// The member an enrollment became, as a caller with every scope reads it.
async function member(service, id) {
  const key = await service.key();
  const get = async (path) => (await fetch(service.listen + path, { headers: { 'X-API-Key': key } })).json();
  const done = await until(async () => {
    const view = await get(`/v1/enrollments/${id}`);
    return view.status === 'completed' && view;
  }, 'the enrollment is completed');
  return get(`/v1/members/${done.memberId}`);
}

// Keeps what the steps looked like, picture by picture, from the next load of the page and from now on.
async function watchSteps(page) {
  const watch = () => {
    window.stepsShown = [];
    const look = () => {
      const now = [...document.querySelectorAll('#steps li')].map((step) => step.className).join(' ');
      if (now && now !== window.stepsShown.at(-1)) window.stepsShown.push(now);
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['class'] });
  };
  await page.addInitScript(watch);
  await page.evaluate(watch);
}

const languages = {
  en: { locale: 'en-GB', heading: 'Become a member', done: 'All done', sent: 'en-GB' },
  de: { locale: 'de-AT', heading: 'Mitglied werden', done: 'Alles erledigt', sent: 'de-DE' },
  fr: { locale: 'fr-FR', heading: 'Devenir membre', done: 'C’est fait', sent: 'fr-FR' },
  es: { locale: 'es-MX', heading: 'Apúntate', done: 'Todo listo', sent: 'es-ES' },
};

const tests = {};

for (const [language, expected] of Object.entries(languages))
  tests[`somebody signs up in ${language}, becomes a member and gets a letter`] = (directory) =>
    with_page(directory, { locale: expected.locale }, async (page, service) => {
      // The service chose the language before any script ran.
      const served = await (await fetch(service.listen, { headers: { 'Accept-Language': expected.locale } })).text();
      assert.match(served, new RegExp(`<html lang="${language}"`));
      assert.ok(served.includes(`>${expected.heading}<`));
      assert.equal(await page.textContent('#form-heading'), expected.heading);
      const person = somebody({ phone: '00 44 (20) 7946-0991', referralCode: 'GYM-FRIEND', marketingConsent: true });

      await fillIn(page, person);
      await page.click('#submit');
      await allDone(page);

      assert.equal(await page.textContent('#progress-heading'), expected.done);
      assert.equal(await page.getAttribute('html', 'lang'), language);
      const kept = await member(service, await enrollmentId(page));
      assert.equal(kept.email, person.email);
      assert.equal(kept.locale, expected.sent);
      assert.equal(kept.phone, '+442079460991');
      assert.equal(kept.dateOfBirth, '1990-12-10');
      assert.equal(kept.referralCode, 'GYM-FRIEND');
      assert.equal(kept.marketingConsent, true);
      assert.equal(kept.termsVersion, '2026-01');
      const letters = service.letters().filter((letter) => letter.includes(person.email));
      assert.equal(letters.length, 1);
      assert.equal(await enrollments(service), 1);
    });

Object.assign(tests, {
  'another language can be chosen at any time: nothing written is lost and the choice stays': (directory) =>
    with_page(directory, {}, async (page, service) => {
      const person = somebody({ firstName: 'Zoë' });
      await fillIn(page, person);
      await page.fill('#email', 'nobody');
      await page.fill('#lastName', 'Müller');

      await page.click('.languages a[hreflang=de]');

      await page.getByRole('heading', { name: 'Mitglied werden' }).waitFor(); // its texts are fetched
      assert.match(await page.textContent('#email-error'), /^Bitte gib/);
      assert.match(page.url(), /[?&]lang=de/);
      assert.equal(await page.inputValue('#firstName'), 'Zoë');
      assert.equal(await page.textContent('#month option:checked'), 'Dezember');
      assert.equal(await page.getAttribute('.languages a[hreflang=de]', 'aria-current'), 'true');

      await page.goto(service.listen + '/'); // without ?lang=
      await formReady(page);
      assert.equal(await page.textContent('#form-heading'), 'Mitglied werden');
      assert.equal(await page.title(), 'Mitglied bei GloboGym werden');
      await page.fill('#email', person.email);
      await page.click('#submit');
      await allDone(page);
      assert.equal((await member(service, await enrollmentId(page))).locale, 'de-DE');
    }),

  'everything that is wrong is said at once, at its field and in a summary that leads there': (directory) =>
    with_page(directory, {}, async (page, service) => {
      await page.click('#submit');

      const focused = () => page.evaluate(() => document.activeElement.id);
      assert.equal(await focused(), 'summary');
      const links = page.locator('#summary-list a');
      assert.equal(await links.count(), 6);
      const targets = ['firstName', 'lastName', 'email', 'day', 'homeClubId', 'plan-basic-monthly'];
      for (const [i, id] of targets.entries()) {
        await links.nth(i).click();
        assert.equal(await focused(), id);
      }
      assert.equal(await page.getAttribute('#email', 'aria-invalid'), 'true');
      assert.match(await page.getAttribute('#email', 'aria-describedby'), /email-error/);

      await fillIn(page, somebody());
      assert.equal(await page.isHidden('#summary'), true);
      assert.equal(await page.locator('.error:visible').count(), 0);
      assert.equal(await page.getAttribute('#email', 'aria-invalid'), null);
      assert.equal(await enrollments(service), 0);
    }),

  'a field is checked when it is left, and not before': (directory) =>
    with_page(directory, {}, async (page) => {
      await page.focus('#firstName');
      await page.keyboard.press('Tab');
      assert.equal(await page.isHidden('#firstName-error'), true); // passed by

      await page.focus('#email');
      await page.keyboard.type('ada@example');
      assert.equal(await page.isHidden('#email-error'), true);
      await page.keyboard.press('Tab');
      assert.equal(await page.isVisible('#email-error'), true);
      await page.focus('#email');
      await page.keyboard.press('End');
      await page.keyboard.type('.com');
      assert.equal(await page.isHidden('#email-error'), true);

      // The age one must have is the club's: seventeen years are enough for one, and not for another.
      const seventeen = new Date(Date.now() - 17.5 * 365.25 * 86_400_000);
      await page.fill('#day', '1');
      await page.selectOption('#month', '2');
      await page.fill('#year', String(seventeen.getUTCFullYear()));
      await page.selectOption('#homeClubId', 'london-shoreditch');
      assert.equal(await page.isHidden('#dateOfBirth-error'), true);
      await page.selectOption('#homeClubId', 'new-york-chelsea');
      assert.match(await page.textContent('#dateOfBirth-error'), /at least 18/);
      assert.match(await page.textContent('#homeClubId-hint'), /at least 18/);
    }),

  'what only the service finds wrong lands at its field too': (directory) =>
    with_page(directory, {}, async (page, service) => {
      await page.route('**/v1/enrollments', (route) =>
        route.fulfill({
          status: 422, contentType: 'application/problem+json',
          body: JSON.stringify({
            type: 'https://globogym.example/problems/invalid-fields', status: 422,
            errors: [
              { pointer: '/email', code: 'email.invalid' }, { pointer: '/referralCode', code: 'referralCode.invalid' },
              { pointer: '/termsVersion', code: 'termsVersion.unknown' }, { pointer: '/homeClubId', code: 'homeClubId.newer-than-this-page' },
            ],
          }),
        }), { times: 1 });
      await fillIn(page, somebody({ referralCode: 'FRIEND' }));
      await page.click('#submit');

      await page.waitForSelector('#summary:not([hidden])');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'summary');
      assert.match(await page.textContent('#email-error'), /e-mail address such as/);
      assert.match(await page.textContent('#referralCode-error'), /only letters/);
      assert.match(await page.textContent('#summary-list'), /terms have changed/);
      assert.notEqual(await page.textContent('#homeClubId-error'), '');

      await page.click('#submit'); // the service itself has no objection
      await allDone(page);
      assert.equal(await enrollments(service), 1);
    }),

  'plans say their price and term, and clubs and plans their names, in the language of the moment': (directory) => {
    const file = join(directory, 'catalogue.toml');
    writeFileSync(file, '[[clubs]]\nid="mitte"\nname.en="Centre"\nname.en-US="Center"\nname.de="Mitte"\n[[plans]]\nid="gold"\nname.en="Gold"\nname.fr="Or"\nprice.en="£9 a month"\nprice.de="9 £ im Monat"\nterm="12"\n[[plans]]\nid="free"\nname="Free"\n');
    return with_page(directory, { flags: ['--config', file] }, async (page) => {
      const plan = () => page.$$eval('.plan', (all) => all.map((one) => one.innerText.split('\n').map((line) => line.trim()).filter(Boolean)));
      const club = () => page.$eval('#homeClubId option:last-child', (one) => one.textContent);
      assert.deepEqual([await club(), await plan()], ['Centre', [['Gold', '£9 a month', '12'], ['Free']]]);
      await page.check('input[value=gold]');
      await page.click('.languages [hreflang=de]');
      await page.waitForFunction(() => document.documentElement.lang === 'de');
      assert.deepEqual([await club(), await plan()], ['Mitte', [['Gold', '9 £ im Monat', '12'], ['Free']]]);
      await page.click('.languages [hreflang=fr]');
      await page.waitForFunction(() => document.documentElement.lang === 'fr');
      assert.deepEqual([await club(), await plan()], ['Centre', [['Or', '£9 a month', '12'], ['Free']]]);
      assert.ok(await page.isChecked('input[value=gold]'), 'what was chosen stays chosen');
    });
  },

  'a mail domain that looks mistyped is asked about, once it is written, and one press puts it right': (directory) =>
    with_page(directory, {}, async (page) => {
      await page.focus('#email');
      await page.keyboard.type('ada@gmial.com');
      assert.equal(await page.textContent('#email-suggestion'), '', 'nobody is interrupted');
      await page.keyboard.press('Tab');
      assert.equal(await page.textContent('#email-suggestion'), 'Did you mean ada@gmail.com?');
      assert.equal(await page.getAttribute('#email-suggestion', 'role'), 'status');
      assert.equal(await page.isVisible('#email-error'), false, 'it is a question, and no mistake');
      await page.getByRole('button', { name: 'ada@gmail.com' }).focus();
      await page.keyboard.press('Enter');
      assert.equal(await page.inputValue('#email'), 'ada@gmail.com');
      assert.equal(await page.textContent('#email-suggestion'), '');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'email');
      await page.fill('#email', 'ada@gmial.com');
      await page.focus('#lastName');
      assert.notEqual(await page.textContent('#email-suggestion'), '');
      await page.click('.languages [hreflang=de]');
      await page.waitForFunction(() => document.getElementById('email-suggestion').textContent.startsWith('Meintest du'));
    }),

  'the last step says where the letter goes, and the page keeps the address nowhere': (directory) =>
    with_page(directory, {}, async (page) => {
      const ada = somebody({ email: '  Ada.Typed@gmial.com ' });
      await fillIn(page, ada);
      await page.click('#submit');
      await allDone(page);
      assert.match(await page.textContent('#address'), /^We write to Ada\.Typed@gmial\.com\. If that is not right, tell the desk/);
      assert.ok(!(await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]))).includes('gmial'));
      await page.reload();
      await allDone(page);
      assert.equal(await page.isVisible('#address'), false);
      await page.click('#again');
      assert.equal(await page.inputValue('#email'), '');
    }),

  'impatient fingers make one enrollment': (directory) =>
    with_page(directory, {}, async (page, service) => {
      await fillIn(page, somebody());

      await page.evaluate(() => {
        const button = document.getElementById('submit');
        for (let i = 0; i < 5; i++) button.click();
        document.getElementById('form').requestSubmit();
      });
      await page.dblclick('#submit', { force: true, timeout: 1000 }).catch(() => {}); // it may be gone by now
      await allDone(page);

      assert.equal(page.seen.requests.filter(({ method }) => method === 'POST').length, 1);
      assert.equal(await enrollments(service), 1);
    }),

  'the keyboard alone is enough': (directory) =>
    with_page(directory, { viewport: { width: 1280, height: 800 } }, async (page, service) => {
      const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className);
      const tab_to = async (id) => {
        for (let i = 0; i < 40 && (await focused()) !== id; i++) await page.keyboard.press('Tab');
        assert.equal(await focused(), id);
      };
      const type = async (id, text) => {
        await tab_to(id);
        await page.keyboard.type(text);
      };
      await page.keyboard.press('Tab');
      assert.equal(await focused(), 'skip');
      await page.keyboard.press('Enter');
      const person = somebody();
      await type('firstName', person.firstName);
      await type('lastName', person.lastName);
      await type('email', person.email);
      await type('day', '10');
      await type('month', 'Dec');
      await type('year', '1990');
      await type('homeClubId', 'GloboGym Lon');
      await page.keyboard.press('Tab'); // into the group of plans
      await page.keyboard.press('Space');
      await page.keyboard.press('ArrowDown');
      assert.equal(await page.isChecked('#plan-basic-annual'), true);
      await page.keyboard.press('Tab'); // the optional details
      await page.keyboard.press('Enter');
      await type('phone', '+442079460991');
      await tab_to('marketingConsent');
      await page.keyboard.press('Space');
      await tab_to('submit');
      await page.keyboard.press('Enter');
      await allDone(page);

      assert.equal(await focused(), 'progress-heading');
      const kept = await member(service, await enrollmentId(page));
      assert.deepEqual([kept.plan, kept.homeClubId, kept.marketingConsent], ['basic-annual', 'london-shoreditch', true]);
      await tab_to('again');
      await page.keyboard.press('Enter');
      assert.equal(await focused(), 'firstName');
    }),

  'reloading and going back lose nothing and repeat nothing': (directory) =>
    with_page(directory, {}, async (page, service) => {
      const person = somebody({ phone: '+442079460991', startDate: new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10) });
      await fillIn(page, person);
      await page.reload();
      await formReady(page);
      for (const name of ['firstName', 'lastName', 'email', 'day', 'month', 'year', 'homeClubId', 'phone', 'startDate'])
        assert.equal(await page.inputValue(`#${name}`), person[name], name);
      assert.equal(await page.isChecked(`#plan-${person.plan}`), true);

      await page.click('#submit');
      await allDone(page);
      const id = await enrollmentId(page);
      const stored = await page.evaluate(() => JSON.stringify(sessionStorage) + JSON.stringify(localStorage));
      for (const secret of [person.email, person.lastName, '1990', '7946']) assert.ok(!stored.includes(secret), stored);

      await page.reload();
      await allDone(page);
      assert.equal(await enrollmentId(page), id);
      assert.equal(await page.isHidden('#form'), true);
      await page.goto(`${service.listen}/docs`);
      await page.goBack();
      await allDone(page);
      assert.equal(await enrollmentId(page), id);

      await page.click('#again');
      assert.equal(await page.isVisible('#form'), true);
      assert.equal(await page.inputValue('#email'), '');
      await fillIn(page, somebody());
      await page.click('#submit');
      await page.waitForFunction((first) => document.getElementById('reference').textContent !== first, id);
      await allDone(page);
      assert.equal(await enrollments(service), 2);
    }),

  'a robot that fills in everything gets nowhere; a person whose browser did gets on': (directory) =>
    with_page(directory, {}, async (page, service) => {
      await fillIn(page, somebody());
      await page.evaluate(() => (document.getElementById('website').value = 'https://spam.example'));

      await page.click('#submit');
      await page.waitForFunction(() => document.getElementById('failed').textContent !== '');
      assert.match(await page.textContent('#failed'), /press the button once more/);
      assert.equal(await enrollments(service), 0);

      await page.click('#submit');
      await allDone(page);
      assert.equal(await page.textContent('#failed'), '');
      assert.equal(await enrollments(service), 1);
    }),

  'where applications wait to be worked on the page says that all is safe': (directory) =>
    with_page(directory, { clock: true, flags: ['--role', 'gateway'] }, async (page, service) => {
      await fillIn(page, somebody());
      await page.click('#submit');
      await page.waitForSelector('#progress:not([hidden])');
      assert.deepEqual(await page.locator('#steps li').evaluateAll((all) => all.map((one) => one.className)), ['done', 'running', 'pending', 'pending']);
      assert.equal(await page.textContent('#closing'), '');

      await page.clock.fastForward(31_000);

      await page.waitForFunction(() => /longer than usual/.test(document.getElementById('closing').textContent));
      assert.equal(await page.textContent('#progress-heading'), 'We have your application');
      assert.equal((await service.operations('/admin/v1/stats')).enrollments.accepted, 1);
    }),

  'what one agrees to can be read, in a tab of its own, in every language': (directory) =>
    with_page(directory, { env: { GLOBOGYM_SIGNUP_TERMS_URL: '/docs', GLOBOGYM_SIGNUP_PRIVACY_URL: 'https://www.globogym.example/privacy' } }, async (page, service) => {
      await page.fill('#firstName', 'Ada');
      const words = {
        en: ['terms of membership', 'privacy notice', 'opens in a new tab'], de: ['Mitgliedsbedingungen', 'Datenschutzerklärung', 'neuen Tab'],
        fr: ['conditions d’abonnement', 'politique de confidentialité', 'nouvel onglet'], es: ['condiciones de socio', 'política de privacidad', 'pestaña nueva'],
      };
      for (const [language, [terms, privacy, tab]] of Object.entries(words)) {
        await page.click(`.languages a[hreflang=${language}]`);
        await page.waitForFunction((language) => document.documentElement.lang === language, language);
        for (const [id, name, href] of [['terms', terms, '/docs'], ['privacy', privacy, 'https://www.globogym.example/privacy']]) {
          const link = page.locator(`#${id} a`);
          assert.equal(await link.getAttribute('href'), href);
          assert.match(await link.getAttribute('rel'), /noopener/);
          const said = await link.textContent(); // what a screen reader says
          assert.ok(said.startsWith(name) && said.includes(tab), said);
          assert.doesNotMatch(await page.textContent(`#${id}`), /[{}]/);
        }
      }
      const [other] = await Promise.all([page.context().waitForEvent('page'), page.click('#terms a')]);
      await other.waitForLoadState();
      assert.equal(other.url(), `${service.listen}/docs`);
      assert.equal(await other.evaluate(() => window.opener), null);
      await other.close();
      assert.equal(await page.inputValue('#firstName'), 'Ada');
    }),

  'where nothing can be read nothing is a link': (directory) =>
    with_page(directory, {}, async (page) => {
      assert.equal(await page.textContent('#terms'), 'By joining you agree to our terms of membership (version 2026-01).');
      assert.equal(await page.locator('.terms a').count(), 0);
      assert.equal(await page.isHidden('#privacy'), true);
    }),

  'while it is worked on the next step turns; then the ticks follow one another': (directory) =>
    with_page(directory, {}, async (page) => {
      await watchSteps(page);
      // However late this machine looks, what it sees first is an application that has just been accepted.
      const steps = ['validate', 'store-member', 'welcome-mail'].map((name) => ({ name, status: 'pending' }));
      await page.route('**/events', (route) =>
        route.fulfill({ contentType: 'text/event-stream', body: `data: ${JSON.stringify({ status: 'accepted', steps })}\n\n` }), { times: 1 });
      await fillIn(page, somebody());
      await page.click('#submit');
      await allDone(page);

      const shown = await page.evaluate(() => window.stepsShown);
      assert.equal(shown[0], 'done running pending pending');
      assert.deepEqual(shown.slice(-3), ['done done pending pending', 'done done done pending', 'done done done done']);
    }),

  'what had ended before it is looked at is shown at once': (directory) =>
    with_page(directory, {}, async (page) => {
      await fillIn(page, somebody());
      await page.click('#submit');
      await allDone(page);
      await watchSteps(page);

      await page.reload();
      await allDone(page);
      assert.deepEqual(await page.evaluate(() => window.stepsShown), ['done running pending pending', 'done done done done']);
    }),

  'where letters cannot be sent for now the page says what it always says': (directory) =>
    with_page(directory, { flags: ['--mail', 'smtp://127.0.0.1:1?tls=off'] }, async (page, service) => {
      await fillIn(page, somebody());
      await page.click('#submit');
      await allDone(page);
      assert.match(await page.textContent('#closing'), /^If this address is new to us/);
      const { members, enrollments: by } = await service.operations('/admin/v1/stats');
      assert.deepEqual([members, by.completed], [1, 0]); // the letter waits
    }),

  'a second sign-up with the same address is told the very same words': (directory) =>
    with_page(directory, {}, async (page, service) => {
      const person = somebody();
      const said = [];
      for (let round = 0; round < 2; round++) {
        await fillIn(page, person);
        await page.click('#submit');
        await allDone(page);
        const id = await enrollmentId(page);
        said.push((await page.innerText('#progress')).replace(id, 'ID'));
        await page.click('#again');
      }

      assert.equal(said[1], said[0]);
      assert.match(said[0], /If this address is new to us/);
      const stats = await until(async () => {
        const { members, enrollments: by } = await service.operations('/admin/v1/stats');
        return by.completed === 1 && by.rejected === 1 && { members };
      }, 'the second one is rejected');
      assert.equal(stats.members, 1);
    }),
});

tests['who is too young for one club is told which ones take them'] = async (directory) => {
  const file = join(directory, 'globogym.toml');
  writeFileSync(file, '[[clubs]]\nid = "city"\nname = "City"\nminimum_age = 16\n\n[[clubs]]\nid = "junior"\nname = "Junior Gym"\nminimum_age = 12\n');
  await with_page(directory, { flags: ['--config', file], locale: 'en-GB' }, async (page) => {
    await fillIn(page, somebody({ homeClubId: 'city', year: String(new Date().getUTCFullYear() - 14), month: '1', day: '1' }));
    await page.click('#submit');
    assert.match(await page.textContent('#dateOfBirth-error'), /at least 16 .* clubs welcome you now: Junior Gym\.$/);

    await page.selectOption('#homeClubId', 'junior');
    await page.click('#submit');
    await allDone(page);
  });
};

await runTests(tests);
await browser.close();
