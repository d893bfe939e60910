#!/usr/bin/env python3
"""scripts/run: what it prints can be used as it stands, again and again."""

import re
import select
import signal
import subprocess
import sys
import pathlib
import os
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.report import run
from harness.service import BINARY, ROOT, clean_environment, request


class Running:
    """scripts/run with these arguments, and what it has printed up to its curl line."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([ROOT / 'scripts/run', *map(str, arguments)], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=clean_environment(),
                                        # A shell cannot hear a signal that was ignored when it was started.
                                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.text = ''
        end = time.monotonic() + 600  # it may have to build
        while not re.search(r'^curl .*\n', self.text, re.M):
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            piece = os.read(self.process.stdout.fileno(), 4096) if readable else b''
            if not piece:
                self.process.kill()
                raise AssertionError(f'no curl line; exit code {self.process.wait()}, printed {self.text!r}')
            self.text += piece.decode()
        self.curl = re.search(r'^curl .*$', self.text, re.M)[0]

    def url(self, what):
        return re.search(rf'^\s*{what}\s+(http\S+)$', self.text, re.M)[1]

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.stdout.close()
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()


def test_the_curl_line_works_as_it_is_and_the_pages_answer(directory):
    running = Running('--data', directory / 'data', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0')
    try:
        done = subprocess.run(['bash', '-c', running.curl], capture_output=True, text=True, timeout=30)
        assert ' 202 ' in done.stdout.splitlines()[0], done.stdout
        for what in ('Sign-up page', 'Console'):
            assert request('GET', running.url(what))[0] == 200, what
        assert str(directory / 'data' / 'outbox') in running.text, running.text
    finally:
        code = running.stop()
    assert code == 0, code


def test_a_second_run_uses_the_same_key_and_data(directory):
    arguments = ('--data', directory / 'data', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0')
    keys = []
    for how in (signal.SIGTERM, signal.SIGINT):
        running = Running(*arguments)
        keys.append(re.search(r'ggk_[\w-]+', running.curl)[0])
        assert running.stop(how) == 0
    assert keys[0] == keys[1], keys
    assert (directory / 'data' / 'development-key').stat().st_mode & 0o777 == 0o600


def test_a_key_whose_id_has_an_underscore_is_used_again(directory):
    data = directory / 'data'
    while True:
        key = subprocess.run([BINARY, 'keys', 'create', '--data', data, '--name', 'development', '--scopes',
                              'enrollments:write'], capture_output=True, text=True, check=True, timeout=30,
                             env=clean_environment()).stdout.strip()
        if '_' in key[len('ggk_'):][:11]:
            break
    (data / 'development-key').write_text(key + '\n')
    running = Running('--data', data, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0')
    try:
        assert re.search(r'ggk_[\w-]+', running.curl)[0] == key, (running.curl, key)
    finally:
        assert running.stop() == 0


def test_help_is_told_and_nothing_else_happens(directory):
    for flag in ('--help', '-h'):
        done = subprocess.run([ROOT / 'scripts/run', '--data', directory / 'data', flag], capture_output=True, text=True,
                              timeout=30, cwd=directory, env=clean_environment())
        assert done.returncode == 0 and '--listen' in done.stdout and 'curl -i' not in done.stdout, done
    assert not (directory / 'data').exists()


if __name__ == '__main__':
    sys.exit(run(globals()))
