#!/usr/bin/env node
// What the sign-up page knows by itself: its SHA-256, its proofs, its rules and its words; the rules and words held
// against the real service.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root, runTests, Service } from '../harness/service.mjs';

const esbuild = createRequire(join(root, 'web/package.json'))('esbuild');

// A module of the page, as node can run it.
async function module(name) {
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(root, 'web/src', name)], bundle: true, format: 'esm', write: false, logLevel: 'error',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}

const languages = ['en', 'de', 'fr', 'es'];
const messages = (language) => JSON.parse(readFileSync(join(root, `web/src/messages/${language}.json`), 'utf8'));
const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const years = (count, days = 0) => `${Number(day(days).slice(0, 4)) - count}${day(days).slice(4)}`.replace('-02-29', '-02-28');

// Values that are right, wrong in every way, and at every edge. Each stands in an application that is right otherwise.
const corpus = {
  firstName: [
    undefined, '', ' ', '\t\n', '\u00a0', 'Ada', ' Ada ', 'a'.repeat(100), 'a'.repeat(101), 'é'.repeat(100), 'é'.repeat(101),
    'e\u0301'.repeat(100), 'e\u0301'.repeat(101), '𠮷'.repeat(100), '𠮷'.repeat(101), 'あ'.repeat(1400), "O'Neil", 'O’Neil',
    'Jean-Luc', 'J. R. R.', 'Jennifer 8. Lee', 'Smith, Jr.', 'Núria·la', '李小龍', 'محمد', 'עֵדָה', 'Владимир', '١٢', '12', '-', '.',
    "'", '´', 'A\u0000', 'A\u0007b', 'A\u007f', 'A\u200b', 'A\u202eb', '\ufeffA', 'A\u2028b', '\u200dA', 'A\u200d', 'क्\u200dष',
    'نامه\u200cای', '\u3164', 'A\u3164', '\u115f\u1160', 'A<b>', 'A@b', 'A_b', 'A/b', 'A\\b', 'A"b', 'A!', '😀', 'A😀', '\u0301',
    'A\u00adb', 'Ⅷ', 'ª', '中・西', 'a\u0301\u0302\u0303', '&', '1a', 'A\u0085', '\u0085A\u2003', '%', 'A;B', 'x\ty', '\u2019', 'ʻOkina',
    'Claim 500 at evil-casino.com', 'www.evil-casino.com', 'http://evil.com', 'ada@evil.com', 'evil.co', 'Evil.Co', 'evil\uff0ecom', 'evil\u3002com',
    'evil.com/x', 'злой.рф', '例え.テスト', 'a.b\u200dc', 'a.\u200dbc', 'v1.2', 'A.1', '.NET', 'J.R.R.', 'J.R.R. Tolkien', 'J.R.R.Tolkien', 'Dr. Anna', 'Dr.Anna',
    'St. John', 'Jr.', 'M.D.', 'Ph.D.', 'के.पी. सिंह', 'Call 0800 123-456', 'Call 0800 123-4567', '1a23456b7', 'Ⅰ.Ⅱ', 'a.Ⅱ', 'ジャン＝ポール', 'ジャン゠ポール', 'ジャン\u2212ポール',
    'Anna–Maria', 'A \u0301', 'A \ufe0f', '\u034fA', 'A.\u0301b', 'A-\u200d\u0301', 'q\u0301\u0302\u0303\u0304', 'q\u0301\u0302\u0303\u0304\u0305',
    'q\u0301\u0302\u200d\u0303\u0304\u0305', 'လျှော့', '葛\u{e0100}城', 'e\u0301\u0302\u0303\u0304\u0305', 'A.\u1112\u1161\u11ab', 'A.\u1112\u1161\u11ab가',
  ],
  email: [
    undefined, '', ' ', 'a', '@', 'a@', '@b.c', 'a@b', 'a@b.c', ' a@b.co ', 'a@b.c1', 'a@1.2', 'a@127.0.0.1', 'a@[127.0.0.1]',
    'a@localhost', 'a@b..c', 'a@.b.c', 'a@b.c.', 'a@-b.c', 'a@b-.c', 'a@b_c.d', 'a.b@c.de', '.a@b.de', 'a.@b.de', 'a..b@c.de', 'a b@c.de',
    'a@b c.de', '"a b"@c.de', 'a@b@c.de', "!#$%&'*+/=?^_`{|}~-@b.de", 'a(b)@c.de', 'a,b@c.de', 'a<b@c.de', 'a\\b@c.de', 'ä@b.de', 'a@bücher.de',
    'a@BÜCHER.de', 'a@xn--bcher-kva.de', 'a@xn--.de', 'a@XN--BCHER-KVA.de', 'a@☃.net', 'a@😀.com', 'a@日本語.jp', 'a@münchen.example', '用户@例え.jp',
    'a\u200b@b.de', 'a\u0000@b.de', 'a@b.de\u0000', `${'a'.repeat(64)}@b.de`, `${'a'.repeat(65)}@b.de`, `${'ä'.repeat(32)}@b.de`,
    `${'ä'.repeat(33)}@b.de`, `a@${'b'.repeat(63)}.de`, `a@${'b'.repeat(64)}.de`, `a@${'b.'.repeat(125)}de`, `a@${'b.'.repeat(124)}de`,
    `a@${'bc.'.repeat(90)}de`, 'A@B.DE', 'a+b@c.de', 'a@b.d-e', 'a@b.123', 'a@b.1a', 'a;b@c.de', 'a@b,c', 'a@b/c.de', 'a@b.de/', 'a@b.de:80', 'a:b@c.de',
    'a@b%41.de', 'a@faß.de', 'a@example.中国', 'a\u00a0@b.de', '\u00a0a@b.de', 'a@b\u00ad.de', 'a@b\u3002de', 'a@b\uff61de', 'a@b\u200b.de', 'a@\u00ad.de', '"@b.de', "'a'@b.de",
  ],
  phone: [
    undefined, '', '+442079460991', '442079460991', '+0442079460', '+1234567', '+123456', '+123456789012345', '+1234567890123456', '+44 20 7946', '++4420794609',
    '+44207946099a', ' +442079460991', '+442079460991\n', '+', '00442079460991', '+４４２０７９４６０９９１',
  ],
  dateOfBirth: [
    undefined, '', ' ', '1990-12-10', '1990-2-3', '1990-02-30', '2000-02-29', '1900-02-29', '1990-13-01', '1990-00-10', '1990-01-00', '10.12.1990', '90-12-10',
    '19901210', '1990-12-10 ', '1990-12-1x', '0000-01-01', '9999-12-31', day(0), day(1), day(-1), years(16), years(16, 1), years(16, -1), years(120), years(121), years(121, 1),
    years(121, -1), years(122),
  ],
  homeClubId: [undefined, '', 'london-shoreditch', 'new-york-chelsea', 'London-Shoreditch', 'london-shoreditch ', 'atlantis'],
  plan: [undefined, '', 'premium-annual', 'basic-monthly', 'PREMIUM-ANNUAL', 'free'],
  startDate: [undefined, '', day(0), day(1), day(-1), day(90), day(91), day(4000), '2026-02-30', '1.1.2027', 'tomorrow'],
  locale: [undefined, '', 'en-GB', 'de-DE', 'de', 'fi-FI', 'EN-gb'],
  termsVersion: [undefined, '', '2026-01', '2020-01'],
  referralCode: [undefined, '', 'GYM-FRIEND', 'gym', 'A B', 'Ä', '-', 'a'.repeat(64), 'a'.repeat(65), `${'a'.repeat(65)}!`, 'A_B', '1'],
};
corpus.lastName = corpus.firstName;

const right = {
  firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com', dateOfBirth: '1990-12-10', homeClubId: 'london-shoreditch',
  plan: 'premium-annual',
};

// Of somebody who is 17, and of somebody whose every field is wrong.
const whole = [
  { ...right, dateOfBirth: years(17) },
  { ...right, dateOfBirth: years(17), homeClubId: 'new-york-chelsea' },
  { ...right, dateOfBirth: years(18), homeClubId: 'new-york-chelsea' },
  { ...right, dateOfBirth: years(15), homeClubId: 'atlantis' },
  {},
  Object.fromEntries(Object.keys(corpus).map((field) => [field, ''])),
  Object.fromEntries(Object.keys(corpus).map((field) => [field, '☃'])),
];

await runTests({
  'its SHA-256 is the standard one, for every way a message can fill its blocks': async () => {
    const { hexDigest, Beginning } = await module('sha256.ts');
    const vectors = {
      '': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      abc: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq: '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    };
    for (const [message, digest] of Object.entries(vectors)) assert.equal(hexDigest(message), digest);

    for (let length = 0; length <= 260; length++)
      for (const ending of [0, 1, 9, 63, 64, 100]) {
        const message = 'globogym'.repeat(50).slice(0, length) + '7'.repeat(ending);
        const words = new Beginning(message.slice(0, length)).digest(message.slice(length));
        const hex = Array.from(words, (word) => word.toString(16).padStart(8, '0')).join('');
        assert.equal(hex, createHash('sha256').update(message).digest('hex'), `${length} and ${ending}`);
      }
  },

  'its proofs are the smallest numbers that prove': async () => {
    const { solve } = await module('solve.ts');
    const puzzle = { token: '1795369227501.11.OVY73-v3Lq0.ORI4jokYI41QStt3Km', idempotencyKey: 'a'.repeat(32), bits: 11 };
    const zeros = (nonce) => {
      const digest = createHash('sha256').update(`${puzzle.token}.${puzzle.idempotencyKey}.${nonce}`).digest();
      return Math.clz32(digest.readUInt32BE(0));
    };

    const nonce = solve(puzzle, 0, 1_000_000);

    assert.ok(zeros(nonce) >= 11);
    for (let smaller = 0; smaller < nonce; smaller++) assert.ok(zeros(smaller) < 11);
    assert.equal(solve(puzzle, 0, nonce), undefined);
  },

  'its rules and those of the service find the same, value by value': async (directory) => {
    const { validate } = await module('rules.ts');
    const service = await Service.start(directory);
    try {
      const key = await service.key('enrollments:write');
      const catalogue = await (await fetch(`${service.listen}/v1/sign-up`)).json();
      const applications = [...whole];
      for (const [field, values] of Object.entries(corpus)) for (const value of values) applications.push({ ...right, [field]: value });
      const reached = new Set();
      const differences = [];
      for (const application of applications) {
        const response = await fetch(`${service.listen}/v1/enrollments`, {
          method: 'POST', body: JSON.stringify(application), headers: { 'X-API-Key': key, 'Content-Type': 'application/json' },
        });
        const answer = await response.json();
        if (response.status !== 202 && response.status !== 422) throw new Error(`${response.status} for ${JSON.stringify(application)}`);
        const theirs = (answer.errors ?? []).map(({ pointer, code }) => `${pointer} ${code}`).sort();
        const ours = validate(application, catalogue, Date.now()).map(({ pointer, code }) => `${pointer} ${code}`).sort();
        for (const { code } of answer.errors ?? []) reached.add(code);
        if (theirs.join() !== ours.join()) {
          const odd = JSON.stringify(Object.fromEntries(Object.entries(application).filter(([name, value]) => right[name] !== value)));
          differences.push(`${odd.slice(0, 120)}: the service says [${theirs}], the page [${ours}]`);
        }
      }
      assert.equal(differences.length, 0, `${differences.length} of ${applications.length}: ${differences.slice(0, 6).join(' || ')}`);

      // The corpus is worth something only when it meets every rule.
      const { components } = await (await fetch(`${service.listen}/openapi.json`)).json();
      for (const [name, { 'x-codes': codes }] of Object.entries(components.schemas.Application.properties))
        for (const { code } of codes)
          if (!['type', `${name}.duplicate`].includes(code)) assert.ok(reached.has(code), `the corpus never meets ${code}`);
      console.log(`  ${applications.length} applications, ${reached.size} codes`);
    } finally {
      await service.stop();
    }
  },

  'its days are those of the service, club by club': async (directory) => {
    const { validate, dayAtClub } = await module('rules.ts');
    const zones = ['Pacific/Kiritimati', 'Pacific/Pago_Pago', 'Europe/London', 'Asia/Kathmandu', 'UTC'];
    const file = join(directory, 'clubs.toml');
    writeFileSync(file, zones.map((zone, i) => `[[clubs]]\nid = "club-${i}"\nname = "Club ${i}"\ntime_zone = "${zone}"\n`).join('\n'));
    const service = await Service.start(directory, { flags: ['--config', file] });
    try {
      const key = await service.key('enrollments:write');
      const catalogue = await (await fetch(`${service.listen}/v1/sign-up`)).json();
      assert.deepEqual(catalogue.clubs.map(({ timeZone }) => timeZone), zones);
      const found = new Set();
      for (const { id: homeClubId } of catalogue.clubs)
        for (let days = -2; days <= 2; days++)
          for (const dates of [{ startDate: day(days) }, { startDate: day(90 + days) }, { dateOfBirth: years(16, days) }, { dateOfBirth: day(days) }]) {
            const application = { ...right, homeClubId, ...dates };
            const response = await fetch(`${service.listen}/v1/enrollments`, {
              method: 'POST', body: JSON.stringify(application), headers: { 'X-API-Key': key, 'Content-Type': 'application/json' },
            });
            const theirs = ((await response.json()).errors ?? []).map(({ code }) => code);
            const ours = validate(application, catalogue, Date.now()).map(({ code }) => code);
            for (const code of theirs) found.add(code);
            assert.deepEqual(ours, theirs, JSON.stringify({ homeClubId, ...dates }));
          }
      for (const code of ['startDate.past', 'startDate.too-far', 'dateOfBirth.too-young', 'dateOfBirth.future']) assert.ok(found.has(code), code);
      const at = Date.parse('2026-02-28T10:30:00Z');
      assert.deepEqual(catalogue.clubs.map(({ id }) => dayAtClub(catalogue, id, at)), ['2026-03-01', '2026-02-27', '2026-02-28', '2026-02-28', '2026-02-28']);
      assert.equal(dayAtClub(catalogue, 'club-0', at, 90), '2026-05-30');
      assert.equal(dayAtClub(catalogue, undefined, at), '2026-02-28');
      assert.equal(dayAtClub({ clubs: [{ id: 'new', timeZone: 'Mars/Olympus' }] }, 'new', at), '2026-02-28');
    } finally {
      await service.stop();
    }
  },

  'it asks about mail domains that look mistyped, and about no others': async () => {
    const { suggestion } = await module('suggestion.ts');
    const cases = {
      'ada@gmial.com': 'ada@gmail.com', 'ada@gmail.con': 'ada@gmail.com', 'ada@gmal.com': 'ada@gmail.com', 'Ada.L+gym@GMAIL.CO': 'Ada.L+gym@gmail.com',
      'ada@hotmial.com': 'ada@hotmail.com', 'ada@outlok.com': 'ada@outlook.com', 'ada@yaho.com': 'ada@yahoo.com', 'ada@icloud.cmo': 'ada@icloud.com',
      'ada@wbe.de': 'ada@web.de', 'ada@t-onlin.de': 'ada@t-online.de', 'ada@wanado.fr': 'ada@wanadoo.fr', ' ada@lapost.net ': 'ada@laposte.net',
    };
    for (const [written, meant] of Object.entries(cases)) assert.equal(suggestion(written), meant, written);
    for (const fine of ['', '@', 'ada', 'ada@', '@gmial.com', 'ada@gmail.com', 'ada@GMX.de', 'ada@mail.com', 'ada@example.com', 'ada@globogym.example',
      'ada@b.de', 'ada@ymail.com', 'ada@mine.com', 'ada@love.org', 'ada@bücher.de', `ada@${'gmail'.repeat(20)}.com`, 'ada@uni-berlin.de', 'ada@protonmail.com'])
      assert.equal(suggestion(fine), undefined, fine);
  },

  'it knows which clubs take somebody who is too young for one': async () => {
    const { clubsFor } = await module('rules.ts');
    const clubs = [{ id: 'late', minimumAge: 16, timeZone: 'Pacific/Honolulu' }, { id: 'early', minimumAge: 16, timeZone: 'Pacific/Kiritimati' },
      { id: 'junior', minimumAge: 14, timeZone: 'UTC' }];
    const at = Date.parse('2026-02-28T12:00:00Z');
    const taking = (born) => clubsFor({ clubs }, born, at).map(({ id }) => id);
    assert.deepEqual(taking('2012-03-01'), []);
    assert.deepEqual(taking('2012-02-28'), ['junior']);
    assert.deepEqual(taking('2010-03-01'), ['early', 'junior'], 'it is tomorrow there');
    assert.deepEqual(taking('2010-02-28'), ['late', 'early', 'junior']);
    assert.deepEqual(taking('2010-02-31'), []);
  },

  'it tells search engines in every language what it is': async (directory) => {
    const service = await Service.start(directory);
    try {
      const said = new Set();
      for (const language of ['en', 'de', 'fr', 'es']) {
        const html = await (await fetch(`${service.listen}/?lang=${language}`)).text();
        const [, description] = html.match(/<meta name="description"[^>]* content="([^"]*)"/) ?? [];
        assert.ok(description?.length >= 50 && description.length <= 160, `${language}: ${description}`);
        said.add(description);
      }
      assert.equal(said.size, 4);
    } finally {
      await service.stop();
    }
  },

  'it has a sentence for every code of the service, in every language': async (directory) => {
    const service = await Service.start(directory);
    try {
      const { components } = await (await fetch(`${service.listen}/openapi.json`)).json();
      const { properties, 'x-codes': general } = components.schemas.Application;
      const codes = Object.entries(properties).flatMap(([field, { 'x-codes': of }]) => of.map(({ code }) => ({ field, code })));
      assert.ok(codes.length > 40 && general.length > 0, 'the description lists codes');
      for (const language of languages) {
        const words = messages(language);
        for (const { field, code } of codes) {
          const reason = code.split('.').pop();
          assert.ok(words[`error.${field}.${reason}`] ?? words[`error.${reason}`], `${language}: ${code} of ${field}`);
        }
        for (const { code } of general.filter(({ code }) => !code.startsWith('json.'))) assert.ok(words[`error.${code}`], `${language}: ${code}`);
        // Fields whose value a person has typed or chosen have sentences of their own.
        for (const { field, code } of codes)
          if (code.includes('.') && !code.endsWith('.duplicate')) assert.ok(words[`error.${code}`], `${language}: ${code} of ${field}`);
      }
    } finally {
      await service.stop();
    }
  },

  'every text is there in every language, whole, and none is the English one by oversight': () => {
    const english = messages('en');
    const same = new Set(['plan']); // a word the languages share
    for (const language of languages.slice(1)) {
      const words = messages(language);
      assert.deepEqual(Object.keys(words).sort(), Object.keys(english).sort(), language);
      for (const [key, text] of Object.entries(words)) {
        const places = (of) => (of.match(/\{\w+\}/g) ?? []).sort().join();
        assert.equal(places(text), places(english[key]), `${language}: ${key}`);
        assert.ok(text.trim() === text && text !== '', `${language}: ${key}`);
        if (!same.has(key)) assert.notEqual(text, english[key], `${language}: ${key} is not translated`);
      }
    }
  },

  'what it says of the progress is the same whoever signs up': () => {
    const telling = { en: /already a member|welcome back/i, de: /bereits Mitglied|schon Mitglied/i, fr: /déjà membre|déjà inscrit/i, es: /ya eres (socio|miembro)/i };
    for (const language of languages)
      for (const [key, text] of Object.entries(messages(language)))
        if (/^(progress|step|state|status|failed)\./.test(key)) assert.doesNotMatch(text, telling[language], `${language}: ${key}`);
  },
});
