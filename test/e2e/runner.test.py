#!/usr/bin/env python3
"""scripts/test runs what it is asked for and no more, and leaves nothing behind when it is interrupted; a clone of somebody
else is told in a sentence."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.report import Skip, run
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


def clone(directory):
    """The scripts and one source, in a repository of their own."""
    tree = directory / 'clone'
    shutil.copytree(ROOT / 'scripts', tree / 'scripts')
    (tree / 'src/base').mkdir(parents=True)
    shutil.copy(ROOT / 'src/base/clock.h', tree / 'src/base')
    subprocess.run(['git', 'init', '-q', tree], check=True)
    return tree


def in_clone(tree, script, **environment):
    done = subprocess.run([tree / 'scripts' / script], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
                          env=clean_environment(environment))
    return done.returncode, done.stderr


def test_a_clone_of_somebody_else_is_told_and_what_cannot_be_written_to_is_not_tried(directory):
    if os.geteuid() != 0:
        raise Skip('needs root, to give files away')
    tree = clone(directory)
    _, said = in_clone(tree, 'build')
    assert 'whose' not in said and 'safe.directory' not in said, said

    subprocess.run(['chown', '-R', 'nobody', tree], check=True)
    os.chmod(directory, 0o755)
    code, said = in_clone(tree, 'build', HOME=str(directory))
    assert "nobody's" in said and 'safe.directory' in said and code not in (0, 3), (code, said)
    code, said = in_clone(tree, 'lint', HOME=str(directory))
    assert code == 1 and 'git names no source here' in said, (code, said)

    subprocess.run(['chown', '-R', 'root', tree], check=True)
    done = subprocess.run([tree / 'scripts/build'], capture_output=True, text=True, user='nobody', timeout=120,
                          env=clean_environment({'HOME': '/nonexistent'}))
    assert done.returncode == 3 and "nobody may not write to" in done.stderr and "root's" in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


if __name__ == '__main__':
    sys.exit(run(globals()))
