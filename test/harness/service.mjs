// The real binary, started, asked and stopped. For test scripts: node, nothing else.
//
//   const service = await Service.start(directory);   // env GLOBOGYM names the binary
//   …
//   await service.stop();
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const binary = process.env.GLOBOGYM ?? join(root, 'build/release/globogym');

// This process's environment without any configuration of ours.
function environment(extra = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('GLOBOGYM_'));
  return { ...Object.fromEntries(kept), ...extra };
}

export class Service {
  static async start(directory, { flags = [], env = {}, listen = '127.0.0.1:0', admin = '127.0.0.1:0' } = {}) {
    const service = new Service();
    service.data = join(directory, 'data');
    service.logFile = join(directory, 'log');
    service.process = spawn(
      binary,
      ['serve', '--data', service.data, '--listen', listen, '--admin', admin, ...flags],
      { stdio: ['ignore', 'pipe', openSync(service.logFile, 'a')], env: environment(env), cwd: tmpdir() },
    );
    service.ended = new Promise((done) => service.process.once('exit', done).once('error', done));
    const kill = () => service.process.kill('SIGKILL'); // when this process ends early
    process.on('exit', kill);
    service.ended.then(() => process.off('exit', kill));
    const line = await Promise.race([
      new Promise((done) => createInterface({ input: service.process.stdout }).once('line', done)),
      service.ended.then((code) => `ended with ${code}`),
      timeout(30_000).then(() => 'took too long'),
    ]);
    if (!line.startsWith('{')) throw new Error(`not ready: ${line}: ${service.logs().slice(-2000)}`);
    Object.assign(service, JSON.parse(line)); // listen, admin
    return service;
  }

  logs() {
    return readFileSync(this.logFile, 'utf8');
  }

  async stop() {
    if (this.process.exitCode !== null) return;
    this.process.kill('SIGTERM');
    await Promise.race([this.ended, timeout(15_000).then(() => this.process.kill('SIGKILL'))]);
    await this.ended;
  }

  async key(scopes = 'enrollments:write,enrollments:read,members:read,members:write', name = 'test') {
    return (await this.cli('keys', 'create', '--name', name, '--scopes', scopes)).trim();
  }

  cli(...words) {
    return new Promise((done, failed) =>
      execFile(binary, [...words, '--data', this.data], { env: environment(), cwd: tmpdir() }, (error, out, err) =>
        error ? failed(new Error(`${words.join(' ')}: ${err || error.message}`)) : done(out),
      ),
    );
  }

  async operations(path) {
    return (await fetch(this.admin + path)).json();
  }

  // The letters in the outbox, as text.
  letters() {
    const outbox = join(this.data, 'outbox');
    try {
      return readdirSync(outbox)
        .filter((name) => name.endsWith('.eml'))
        .map((name) => readFileSync(join(outbox, name), 'utf8'));
    } catch {
      return [];
    }
  }
}

export function timeout(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds).unref());
}

// The first true answer of `condition`, asked again and again.
export async function until(condition, what, milliseconds = 20_000) {
  const end = Date.now() + milliseconds;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`not within ${milliseconds / 1000} s: ${what}`);
    await new Promise((done) => setTimeout(done, 15));
  }
}

// Whoever may know better than an error why a test failed adds a question here, which is asked when one has.
export const whyElse = [];

// Runs tests one after the other, each in a fresh directory, and prints what scripts/test reads: `ok - name`,
// `not ok - name # why`. `node that.test.mjs word` runs those whose names hold the word.
export async function runTests(tests) {
  const wanted = process.argv.slice(2);
  for (const [name, test] of Object.entries(tests)) {
    if (wanted.length && !wanted.some((word) => name.includes(word))) continue;
    const directory = mkdtempSync(join(tmpdir(), 'globogym-test-'));
    const began = Date.now();
    try {
      await test(directory);
      console.log(`ok - ${name}`);
    } catch (error) {
      process.exitCode = 1;
      const known = (await Promise.all(whyElse.map((ask) => ask()))).filter(Boolean);
      const why = [...known, String(error?.message ?? error)].join(' | ');
      console.log(`not ok - ${name} # ${why.replace(/\s*\n\s*/g, ' | ').slice(0, 600)}`);
      console.log(String(error?.stack ?? '').replace(/^/gm, '  '));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
    console.log(`  ${((Date.now() - began) / 1000).toFixed(2)} s`);
  }
}
