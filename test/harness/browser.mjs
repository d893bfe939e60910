// A real Chromium on the sign-up page, watched: every request, every complaint of its console, every violation of the
// content security policy.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root, until } from './service.mjs';

const packages = createRequire(join(root, 'test/web/package.json'));
const { chromium } = packages('playwright-core');
const axeSource = () => packages('axe-core').source;

const start = (more) =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', ...more,
    ],
  });

// A browser for all tests of a file. Should its process end by itself (out of memory, a crash of its own), that is said and
// fails the test that was using it; the next one gets a new process.
class Browser {
  #process;
  #closing = false;
  #arguments;

  constructor(more) {
    this.#arguments = more;
  }

  async #running() {
    if (this.#process?.isConnected()) return this.#process;
    this.#process = await start(this.#arguments);
    this.#process.on('disconnected', () => {
      if (!this.#closing) console.log('  # the browser has ended by itself');
    });
    return this.#process;
  }
  version = async () => (await this.#running()).version();
  newContext = async (options) => (await this.#running()).newContext(options);
  newPage = async (options) => (await this.#running()).newPage(options);
  async close() {
    this.#closing = true;
    await this.#process?.close();
  }
}

export async function launch(more = []) {
  const browser = new Browser(more);
  await browser.version();
  return browser;
}

// A page of its own profile. `complaints` and `strangers` must stay empty; `requests` is what was asked of the service.
export async function openPage(browser, service, options = {}) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-GB', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const seen = { complaints: [], strangers: [], requests: [] };
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin === service.listen) seen.requests.push({ method: request.method(), path: url.pathname, request });
    else seen.strangers.push(request.url());
  });
  page.on('pageerror', (error) => seen.complaints.push(String(error)));
  page.on('console', (message) => {
    // That a request failed is what some tests are about.
    if (/^(error|warning)$/.test(message.type()) && !/Failed to load resource/.test(message.text()))
      seen.complaints.push(message.text());
  });
  await page.addInitScript(() =>
    addEventListener('securitypolicyviolation', (event) =>
      console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)),
  );
  return Object.assign(page, { seen });
}

export async function formReady(page) {
  await page.waitForFunction(() => document.documentElement.dataset.ready === 'form');
}

let people = 0;
export function somebody(fields = {}) {
  return {
    firstName: 'Ada', lastName: 'Lovelace', email: `ada-${process.pid}-${++people}@example.com`, day: '10', month: '12',
    year: '1990', homeClubId: 'london-shoreditch', plan: 'premium-annual', ...fields,
  };
}

export async function fillIn(page, person) {
  for (const name of ['firstName', 'lastName', 'email', 'day', 'year']) await page.fill(`#${name}`, person[name]);
  await page.selectOption('#month', person.month);
  await page.selectOption('#homeClubId', person.homeClubId);
  await page.check(`input[name=plan][value=${person.plan}]`);
  if (person.phone || person.startDate || person.referralCode || person.marketingConsent) {
    if (!(await page.isVisible('#phone'))) await page.click('#more summary');
    for (const name of ['phone', 'startDate', 'referralCode']) if (person[name]) await page.fill(`#${name}`, person[name]);
    if (person.marketingConsent) await page.check('#marketingConsent');
  }
}

export async function allDone(page) {
  await page.waitForFunction(() => {
    const steps = [...document.querySelectorAll('#steps li')];
    return !document.getElementById('progress').hidden && steps.length >= 4 && steps.every((step) => step.className === 'done') && document.getElementById('closing').textContent;
  });
}

export async function enrollmentId(page) {
  await page.waitForFunction(() => document.getElementById('reference').textContent !== '');
  return page.textContent('#reference');
}

// What axe-core finds wrong with the page as it is now; one line a violation. It is run where the page's own policy does
// not forbid it: through the debugger.
export async function axe(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axeSource() });
  const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, {runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']})
      .then((found) => JSON.stringify(found.violations.map((one) => one.id + ': ' + one.help + ' ' +
        one.nodes.map((node) => node.target.join(' ') + ' ' + node.any.map((any) => any.message).join('; ')).join(' / '))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return JSON.parse(result.value);
}

export { until };
