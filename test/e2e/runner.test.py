#!/usr/bin/env python3
"""scripts/test: runs what it is asked for and no more, and leaves nothing behind when it is interrupted. A clone that
is somebody else's, or cannot be written, is told in a sentence."""

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


NOBODY = 65534


class Clone:
    """A clone with our scripts and one source, and compilers that only say that they were called. Git's configuration and its
    exceptions are its own."""

    def __init__(self, directory):
        if os.geteuid() != 0:
            raise Skip('only root can give a clone to somebody else')
        directory.chmod(0o755)
        self.directory, self.home = directory / 'clone', directory / 'home'
        stubs = directory / 'stubs'
        for folder in (self.home, stubs, self.directory / 'src', self.directory / 'web'):
            folder.mkdir(parents=True)
        shutil.copytree(ROOT / 'scripts', self.directory / 'scripts')
        (self.directory / 'src/one.cpp').write_text('int one = 1;\n')
        for name in ('cmake', 'ninja'):
            (stubs / name).write_text(f'#!/bin/sh\necho {name} was called >&2\n')
            (stubs / name).chmod(0o755)
        unset = ('GIT_DIR', 'GIT_CONFIG_GLOBAL', 'GIT_CONFIG_COUNT', 'SUDO_UID')
        self.env = {name: value for name, value in clean_environment().items() if name not in unset}
        # The system's programs: nobody may not look into somebody's home, where others may be.
        self.env |= {'HOME': str(self.home), 'GIT_CONFIG_NOSYSTEM': '1', 'PATH': f'{stubs}:/usr/local/bin:/usr/bin:/bin'}
        self.runs('git', 'init', '--quiet')

    def runs(self, *command, user=None):
        """Its exit code, and the lines that it said."""
        who = {} if user is None else {'user': user, 'group': user, 'extra_groups': []}
        done = subprocess.run(command, cwd=self.directory, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, **who)
        return done.returncode, done.stdout.splitlines()

    def belongs_to(self, user):
        for path in (self.directory, *self.directory.rglob('*')):
            os.chown(path, user, user)


BUILT = ['cmake was called', 'ninja was called']


def test_a_clone_of_ones_own_is_built_without_a_word(directory):
    clone = Clone(directory)
    assert clone.runs('scripts/build') == (0, BUILT)


def test_in_somebody_elses_clone_one_sentence_says_whose_it_is_and_what_to_do_and_it_is_built(directory):
    clone = Clone(directory)
    clone.belongs_to(NOBODY)
    code, said = clone.runs('scripts/build')
    assert code == 0 and said[1:] == BUILT, (code, said)
    remedy = ['git', 'config', '--global', '--add', 'safe.directory', str(clone.directory)]
    for part in (f'scripts/build: nobody owns {clone.directory} and you are root', f'`{" ".join(remedy)}`', '`chown -R 0 '):
        assert part in said[0], said

    clone.runs(*remedy)
    assert clone.runs('scripts/build') == (0, BUILT)
    clone.runs('git', 'config', '--global', '--unset-all', 'safe.directory')
    clone.belongs_to(0)
    assert clone.runs('scripts/build') == (0, BUILT)


def test_a_clone_that_is_no_repository_of_git_is_built_without_a_word_whoever_owns_it(directory):
    clone = Clone(directory)
    shutil.rmtree(clone.directory / '.git')
    clone.belongs_to(NOBODY)
    assert clone.runs('scripts/build') == (0, BUILT)


def test_where_it_may_not_write_each_script_says_so_in_one_sentence_before_it_begins(directory):
    clone = Clone(directory)
    for script in ('scripts/build', 'scripts/run', 'scripts/test', 'scripts/fmt'):
        code, said = clone.runs(script, user=NOBODY)
        assert code == 3 and len(said) == 1, (script, code, said)
        assert said[0].startswith(f'{script}: nobody cannot write {clone.directory}'), said
        for part in ('(Permission denied)', 'which root owns', f'`chown -R {NOBODY} {clone.directory}`'):
            assert part in said[0], said

    # As a build with sudo leaves it.
    clone.belongs_to(NOBODY)
    (clone.directory / 'build/release').mkdir(parents=True)
    os.chown(clone.directory / 'build', NOBODY, NOBODY)
    code, said = clone.runs('scripts/build', user=NOBODY)
    assert code == 3 and f'nobody cannot write {clone.directory}/build/release ' in said[0], (code, said)
    assert clone.runs('scripts/build', 'debug', user=NOBODY) == (0, BUILT)


def test_lint_that_is_told_of_no_source_has_not_passed(directory):
    clone = Clone(directory)
    clone.belongs_to(NOBODY)
    code, said = clone.runs('scripts/lint')
    assert code == 1 and said[0].startswith('scripts/lint: nobody owns'), (code, said)
    assert 'git names no source here (fatal: detected dubious ownership' in said[1], said

    clone.belongs_to(0)
    assert 'no source' not in '\n'.join(clone.runs('scripts/lint')[1])
    (clone.directory / 'src/one.cpp').unlink()
    code, said = clone.runs('scripts/lint')
    assert code == 1 and 'git names no source here' in said[0], (code, said)


def test_a_user_without_a_name_builds_too_and_git_need_not_be_there(directory):
    clone = Clone(directory)
    clone.belongs_to(4321)
    assert clone.runs('scripts/build', user=4321) == (0, BUILT)

    clone.belongs_to(0)
    without = directory / 'without-git'
    without.mkdir()
    for program in ('bash', 'basename', 'dirname', 'grep', 'id', 'sed', 'sh', 'stat'):
        (without / program).symlink_to(shutil.which(program, path='/usr/bin:/bin'))
    clone.env['PATH'] = f'{directory}/stubs:{without}'
    assert clone.runs('scripts/build') == (0, BUILT)


def test_of_a_worktree_the_owner_of_its_repository_counts(directory):
    clone = Clone(directory)
    name = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com']
    for command in (['add', '.'], [*name, 'commit', '--quiet', '-m', 'one'], ['worktree', 'add', '--quiet', '../beside']):
        assert clone.runs('git', *command)[0] == 0, command
    clone.belongs_to(NOBODY)
    beside = directory / 'beside'
    code, said = clone.runs(beside / 'scripts/build')
    assert code == 0 and said[1:] == BUILT, (code, said)
    assert f'nobody owns {clone.directory}/.git/worktrees/beside and you are root' in said[0], said
    assert f'safe.directory {beside}`' in said[0], said


if __name__ == '__main__':
    sys.exit(run(globals()))
