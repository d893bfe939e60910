// A real Chromium on the sign-up page, watched: every request, every complaint of its console, every violation of the
// content security policy.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root, until, whyElse } from './service.mjs';

const packages = createRequire(join(root, 'test/web/package.json'));
const { chromium } = packages('playwright-core');
const axeSource = () => packages('axe-core').source;

// The process that draws may end and is started again; with the usual limit the sixth time ends the browser, too.
// Playwright adds --disable-dev-shm-usage: a small /dev/shm is none of our business.
const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-gpu-process-crash-limit', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

// Who is asked to end ends, and the browser with it. Playwright would only close the browser, and each test that is left fails.
process.once('SIGTERM', () => process.exit(128 + 15));
process.once('SIGHUP', () => process.exit(128 + 1));

// A browser for all tests of a file. Should its process end by itself (a crash, out of memory, killed), the test that was
// using it fails with how it ended and what it said last; the next one gets a new process.
class Browser {
  #more;
  #browser; // as Playwright has it
  #server; // its process
  #ended; // tells how that ended by itself

  constructor(more) {
    this.#more = more;
    whyElse.push(() => this.#death());
  }

  async #running() {
    if (this.#browser?.isConnected() && !this.#ended) return this.#browser;
    this.#ended = undefined;
    const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
    const server = (this.#server = await chromium.launchServer({
      executablePath, args: [...flags, ...this.#more], handleSIGTERM: false, handleSIGHUP: false,
    }));
    const said = lastLines(server.process().stderr);
    server.process().once('exit', (code, signal) => {
      if (server !== this.#server) return;
      this.#ended = () => `the browser ended by itself, ${signal ?? `exit code ${code}`}: ${said()}`;
      server.process().once('close', () => console.log(`  the browser ended by itself: ${said()}`));
    });
    return (this.#browser = await chromium.connect(server.wsEndpoint()));
  }

  // Asked when a test has failed, and told once. That the connection broke is known a moment before how the process ended.
  async #death() {
    if (!this.#server || (this.#browser?.isConnected() && !this.#ended)) return undefined;
    await until(() => this.#ended, 'it has ended', 2000).catch(() => {});
    this.#server = undefined;
    return this.#ended?.();
  }

  pid = () => this.#server.process().pid;
  version = async () => (await this.#running()).version();
  newContext = async (options) => (await this.#running()).newContext(options);
  newPage = async (options) => (await this.#running()).newPage(options);

  // Where other tools can speak to it, when it was launched with --remote-debugging-port=0: a port it found free itself and
  // wrote into its profile.
  async debuggingPort() {
    const session = await (await this.#running()).newBrowserCDPSession();
    const { arguments: given } = await session.send('Browser.getBrowserCommandLine');
    await session.detach();
    const profile = given.find((one) => one.startsWith('--user-data-dir=')).replace('--user-data-dir=', '');
    return until(() => {
      try {
        return Number(readFileSync(join(profile, 'DevToolsActivePort'), 'utf8').split('\n')[0]);
      } catch {
        return 0;
      }
    }, 'the browser says its debugging port');
  }

  async close() {
    const server = this.#server;
    this.#server = undefined; // from now on its end is meant
    await server?.close();
  }
}

// The last of what a stream says, without what Chromium says on every machine that has no desktop.
function lastLines(stream) {
  const lines = [];
  createInterface({ input: stream }).on('line', (line) => {
    if (line && !/dbus|crashpad|\/usr\/bin\/chromium: \d+: /.test(line)) lines.push(line.slice(0, 300));
    if (lines.length > 5) lines.shift();
  });
  return () => lines.join(' | ') || 'it said nothing';
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
  page.on('crash', () => seen.complaints.push('the page crashed'));
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
