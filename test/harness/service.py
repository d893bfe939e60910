"""The real binary, started, asked and stopped. For test scripts: python3, standard library only.

    from harness.service import Service, cli, post_enrollment, wait_until
    with Service(data) as service:
        status, answer = service.post(enrollment(), key=key)
"""

import http.client
import itertools
import json
import os
import pathlib
import select
import signal
import subprocess
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get('GLOBOGYM', str(ROOT / 'build/release/globogym'))
ROUNDS = int(os.environ.get('ROUNDS', '5'))
QUICK = os.environ.get('QUICK', '1') == '1'

SCOPES = 'enrollments:write,enrollments:read,members:read,members:write'


def clean_environment(extra=None):
    """This process's environment without any configuration of ours."""
    env = {name: value for name, value in os.environ.items() if not name.startswith('GLOBOGYM_')}
    env.update(extra or {})
    return env


class Service:
    """A running server on free ports. As a context manager it is stopped, by its own process id, at the end."""

    def __init__(self, data, *flags, mail=None, config=None, env=None, ready_within=30, wrapper=()):
        command = [*wrapper, BINARY, 'serve', '--data', str(data), *flags]
        if '--listen' not in flags:
            command += ['--listen', '127.0.0.1:0']
        if '--admin' not in flags:
            command += ['--admin', '127.0.0.1:0']
        if mail:
            command += ['--mail', mail]
        if config:
            command += ['--config', str(config)]
        self.data = pathlib.Path(data)
        self.log = tempfile.TemporaryFile()
        self.began = time.monotonic()
        # Not in the working directory, where a configuration file might lie about.
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL,
                                        env=clean_environment(env), cwd=tempfile.gettempdir())
        self.ready = None
        line = self._line(ready_within)
        if line is None:
            try:  # it may have closed its stdout a moment before it ended
                code = self.process.wait(2 if time.monotonic() < self.began + ready_within else 0)
            except subprocess.TimeoutExpired:
                code = None
                self.process.kill()
                self.process.wait()
            raise RuntimeError(f'not ready (exit code {code}): {self.logs()[-2000:]}')
        self.ready = json.loads(line)
        self.ready_after = time.monotonic() - self.began
        self.listen = self.ready['listen']
        self.admin = self.ready['admin']

    def _line(self, timeout):
        """The first line of its stdout; nothing when it ends or takes too long."""
        end = time.monotonic() + timeout
        text = b''
        while not text.endswith(b'\n'):
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            if not readable:
                return None
            piece = os.read(self.process.stdout.fileno(), 4096)
            if not piece:
                return None
            text += piece
        return text.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    def logs(self):
        self.log.seek(0)
        return self.log.read().decode(errors='replace')

    def stop(self, timeout=15):
        """Asks it to end, and gives the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f'did not end {timeout} s after SIGTERM')
        finally:
            self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def key(self, scopes=SCOPES, **options):
        code, out, err = cli('keys', 'create', '--name', 'test', '--scopes', scopes, data=self.data, **options)
        assert code == 0, err
        return out.strip()

    def post(self, body, key, idempotency_key=None, timeout=10):
        headers = {'X-API-Key': key, 'Content-Type': 'application/json'}
        if idempotency_key:
            headers['Idempotency-Key'] = idempotency_key
        return request('POST', self.listen + '/v1/enrollments', body, headers, timeout)

    def enrollment(self, id, key):
        return request('GET', f'{self.listen}/v1/enrollments/{id}', None, {'X-API-Key': key})

    def operations(self, method, path, body=None):
        return request(method, self.admin + path, body, {'Content-Type': 'application/json'})

    def stats(self):
        return self.operations('GET', '/admin/v1/stats')[1]

    def queues(self):
        return {queue['name']: queue for queue in self.operations('GET', '/admin/v1/queues')[1]}


def request(method, url, body=None, headers=None, timeout=10):
    """Status and body (parsed when it is JSON)."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        connection.request(method, parts.path + ('?' + parts.query if parts.query else ''), data, headers or {})
        response = connection.getresponse()
        text = response.read()
        record(method, url, response, text)
        if 'json' in (response.getheader('Content-Type') or ''):
            return response.status, json.loads(text)
        return response.status, text.decode(errors='replace')
    finally:
        connection.close()


def record(method, url, response, text):
    """Remembers an exchange in the file $RECORD_EXCHANGES, for test/e2e/openapi.test.mjs to hold against the description."""
    file = os.environ.get('RECORD_EXCHANGES')
    if not file:
        return
    line = json.dumps({'method': method, 'path': urllib.parse.urlsplit(url).path, 'status': response.status,
                       'headers': response.getheaders(), 'body': text.decode(errors='replace')})
    with open(file, 'a') as exchanges:
        exchanges.write(line + '\n')


def cli(*arguments, data=None, env=None, timeout=60, stdin=subprocess.DEVNULL, cwd=None):
    """Exit code, stdout and stderr of one command."""
    command = [BINARY, *map(str, arguments)]
    if data is not None:
        command += ['--data', str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=clean_environment(env),
                          stdin=stdin, cwd=cwd or tempfile.gettempdir())
    return done.returncode, done.stdout, done.stderr


_numbers = itertools.count(1)


def enrollment(**fields):
    """A good application of somebody new."""
    body = {'firstName': 'Ada', 'lastName': 'Lovelace', 'email': f'person-{os.getpid()}-{next(_numbers)}@example.com',
            'dateOfBirth': '1990-12-10', 'homeClubId': 'london-shoreditch', 'plan': 'premium-annual'}
    body.update(fields)
    return {name: value for name, value in body.items() if value is not None}


def wait_until(condition, timeout, what):
    """The first true answer of `condition`, asked again and again."""
    end = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f'not within {timeout} s: {what}')
        time.sleep(0.01)
