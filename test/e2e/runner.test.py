#!/usr/bin/env python3
"""scripts/test: runs what it is asked for and no more, and leaves nothing behind when it is interrupted."""

import os
import pathlib
import signal
import subprocess
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.report import run
from harness.service import ROOT, clean_environment, wait_until


def scripts_test(*arguments, **options):
    return subprocess.Popen([ROOT / 'scripts/test', '--quick', *arguments], stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, **options)


def marked(mark):
    """The programs that live with `mark` in their environment, by process id."""
    found = {}
    for process in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            if mark.encode() in (process / 'environ').read_bytes():
                found[int(process.name)] = (process / 'cmdline').read_bytes().replace(b'\0', b' ').decode()
        except OSError:
            pass
    return found


def test_only_what_has_the_word_in_its_name_is_run():
    process = scripts_test('--only', 'layers/security', env=clean_environment())
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    ran = [line.split()[0] for line in said.splitlines() if line.startswith('test/') or line.startswith('release:')]
    assert ran == ['test/layers/security.test.py'], said


def test_a_word_that_nothing_has_in_its_name_is_a_mistake():
    process = scripts_test('--only', 'no-such-test', env=clean_environment())
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 1 and 'nothing has it in its name' in said, said


def test_an_interrupt_ends_what_was_started():
    mark = f'MARK={uuid.uuid4()}'
    process = scripts_test('--only', 'crash/vanished', env=clean_environment(dict([mark.split('=')])))
    try:
        wait_until(lambda: any('globogym serve' in command for command in marked(mark).values()), 600,
                   'a test has started a server')
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 128 + signal.SIGINT
        wait_until(lambda: not marked(mark), 10, f'all have ended: {marked(mark)}')
    finally:
        for pid in marked(mark):
            os.kill(pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


if __name__ == '__main__':
    sys.exit(run(globals()))
