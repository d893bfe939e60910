#!/usr/bin/env python3
"""Backups taken beside a running server, under load and through kill -9; restored, and held against what was promised.

    backup.test.py [--rounds N] [--seed N]      rounds: 10, or 4 with $QUICK
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.ledger import Ledger, wait_until_drained
from harness.load import get_all
from harness.report import Skip, run
from harness.service import BINARY, QUICK, Service, clean_environment, cli, enrollment, wait_until

options = argparse.ArgumentParser(description=__doc__)
options.add_argument('--rounds', type=int, default=4 if QUICK else 10)
options.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(4), 'big'))
options, sys.argv[1:] = options.parse_known_args()


def begin(*arguments, data):
    return subprocess.Popen([BINARY, *map(str, arguments), '--data', str(data)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=clean_environment(),
                            cwd=tempfile.gettempdir())


def holds(ledger, ids, restored):
    """What stands in a restored directory, by its own server."""
    with Service(restored) as service:
        answers = get_all(service.listen, [f'/v1/enrollments/{id}' for id in ids], ledger.key)
        lost = [path for path, (status, _) in answers.items() if status != 200]
        assert not lost, f'{len(lost)} of {len(ids)} promises are not in the backup: {lost[:3]}'
        assert service.stop() == 0


def started_again(data):
    """As a supervisor does it: a backup that finds no server has the engine to itself for a while."""
    end = time.monotonic() + 60
    while True:
        try:
            return Service(data)
        except RuntimeError as error:
            if 'another process is using' not in str(error) or time.monotonic() > end:
                raise
        time.sleep(0.1)


def judged(directory, into, ledger, whole, promised):
    """A backup did not come to its end. With a manifest it is whole all the same: the one before (`whole`: its manifest and
    what it has to hold), of which nothing was touched yet, or this one, at its last step. Without one it is known not to be.
    Which is whole now."""
    none = directory / 'none'
    if (into / 'backup.manifest').exists():
        manifest = (into / 'backup.manifest').read_text()
        if manifest != whole[0]:
            whole = (manifest, promised)
        code, out, err = cli('restore', '--from', into, '--json', data=none)
        assert code == 0 and json.loads(out)['ok'], (code, out, err)
        holds(ledger, whole[1], none)
        shutil.rmtree(none)
        return whole
    begun = (into / 'backup.part').exists()
    left = {path.name for path in into.iterdir()} if into.exists() else set()
    assert begun or left <= {'backup.part.copying'}, f'nothing says that it is no whole backup: {left}'
    code, _, err = cli('restore', '--from', into, data=none)
    assert code == 1 and ('not finished' if begun else 'no backup') in err, (code, err)
    assert not none.exists()
    return ('', [])


def test_every_backup_holds_what_was_promised_before_it_began_whatever_is_killed(directory):
    print(f'  seed {options.seed}, {options.rounds} rounds', flush=True)
    chance = random.Random(options.seed)
    data, into = directory / 'data', directory / 'backup'
    code, key, err = cli('keys', 'create', '--name', 'ledger', '--scopes', 'enrollments:write,enrollments:read', data=data)
    assert code == 0, err
    ledger = Ledger(chance, key.strip())
    seconds, copied, servers_killed, backups_killed = [], [], 0, 0
    whole = ('', [])  # the last manifest, and what had been promised before that backup began
    for number in range(options.rounds):
        service = Service(data)
        load = ledger.load(service, connections=chance.choice([8, 64]), depth=8, per_second=chance.choice([1000, 4000]))
        load.start()
        try:
            time.sleep(chance.uniform(0.3, 1))
            while True:
                promised = [one.id for one in ledger.promised]
                began = time.monotonic()
                backup = begin('backup', '--into', into, '--json', data=data)
                dies = chance.choice(['nobody', 'nobody', 'server', 'backup'])
                if dies != 'nobody':
                    time.sleep(chance.uniform(0, 0.25))
                if dies == 'server':
                    servers_killed += 1
                    service.kill()
                    load.stop()
                    service = started_again(data)
                    load = ledger.load(service, connections=8, depth=8, per_second=2000)
                    load.start()
                elif dies == 'backup':
                    backups_killed += 1
                    backup.kill()
                out, err = backup.communicate(timeout=120)
                if backup.returncode == 0:
                    seconds.append(time.monotonic() - began)
                    break
                assert backup.returncode in (1, 3, -signal.SIGKILL), (backup.returncode, out, err)
                whole = judged(directory, into, ledger, whole, promised)
        finally:
            service.kill()
            load.stop()
        said = json.loads(out)
        assert said['ok'] and said['documents'] >= len(promised), said
        assert not (into / 'backup.part').exists()
        whole = ((into / 'backup.manifest').read_text(), promised)
        copied.append((said['bytes'], said['copiedBytes']))

        restored = directory / f'restored-{number}'
        code, out, err = cli('restore', '--from', into, '--json', data=restored)
        assert code == 0 and json.loads(out)['ok'], out + err
        code, out, err = cli('verify', data=restored)
        assert code == 0, out + err
        holds(ledger, promised, restored)
        code, out, err = cli('audit', '--verify', data=restored)
        assert code == 0, out + err
        shutil.rmtree(restored)
    # Nothing of it is left in the data directory, and that is as good as ever.
    with Service(data) as service:
        assert not (data / 'backup').exists()
        ledger.send_unknown_again(service)
        wait_until_drained(service)
        ledger.settle(service)
        assert service.stop() == 0
    code, out, err = cli('verify', data=data)
    assert code == 0, out + err
    assert len(ledger.promised) > 100 * options.rounds, 'too little was promised to prove anything'
    print(f'  promised {len(ledger.promised)}; killed: {servers_killed} servers, {backups_killed} backups; a backup took '
          f'{min(seconds):.2f} to {max(seconds):.2f} s; bytes, and of these copied: {copied[-1]}', flush=True)


def filled(directory, people=30):
    data = directory / 'data'
    with Service(data) as service:
        key = service.key()
        for _ in range(people):
            assert service.post(enrollment(), key)[0] == 202
        wait_until_drained(service)
        assert service.stop() == 0
    return data


def test_a_stopped_directory_is_backed_up_too_and_a_second_time_only_what_changed(directory):
    data, into = filled(directory), directory / 'backup'
    code, out, err = cli('backup', '--into', into, '--json', data=data)
    assert code == 0, out + err
    tables = {path.name for path in (into / 'engine').glob('*.sst')}
    born = {name: (into / 'engine' / name).stat().st_ino for name in tables}
    code, out, err = cli('backup', '--into', into, '--json', data=data)
    assert code == 0, out + err
    said = json.loads(out)
    assert said['copiedBytes'] < said['bytes'], said
    kept = [name for name in tables if (into / 'engine' / name).exists()]
    assert kept and all((into / 'engine' / name).stat().st_ino == born[name] for name in kept)
    assert stat_mode(into) == 0o700 and all(stat_mode(path) == 0o600 for path in into.rglob('*') if path.is_file())


def stat_mode(path):
    return path.stat().st_mode & 0o777


def needs_strace():
    if not shutil.which('strace'):
        raise Skip('strace is not installed; scripts/setup --test installs it')
    if subprocess.run(['strace', '-o', '/dev/null', 'true'], capture_output=True).returncode != 0:
        raise Skip('nothing can be traced here')


def test_a_server_starts_while_a_backup_of_its_stopped_directory_is_copied(directory):
    needs_strace()
    data, into = filled(directory), directory / 'backup'
    backup = subprocess.Popen(['strace', '-f', '-qq', '-o', '/dev/null', '-P', into / 'engine/CURRENT.copying', '-e', 'trace=fsync', '-e',
                               'inject=fsync:delay_enter=10s', BINARY, 'backup', '--into', into, '--data', data],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(),
                              cwd=tempfile.gettempdir())
    try:
        wait_until(lambda: (into / 'engine/CURRENT.copying').exists(), 60, 'it copies')
        with Service(data) as service:
            began = time.monotonic()
            assert backup.poll() is None
            assert service.post(enrollment(), service.key())[0] == 202
            out, err = backup.communicate(timeout=60)
            assert backup.returncode == 0 and time.monotonic() - began > 1, (out, err)
            assert not (data / 'backup').exists()
    finally:
        backup.kill()
        backup.wait()
    code, out, err = cli('restore', '--from', into, data=directory / 'restored')
    assert code == 0, out + err


def test_killed_where_one_mark_takes_the_others_place_the_backup_with_both_is_whole(directory):
    needs_strace()
    data, into, restored = filled(directory), directory / 'backup', directory / 'restored'
    for mark in ('backup.part', 'backup.manifest'):  # its last step, and the first one of the next backup
        died = subprocess.run(['strace', '-f', '-qq', '-o', '/dev/null', '-P', into / mark, '-e', 'trace=unlink,unlinkat', '-e',
                               'inject=unlink,unlinkat:error=EIO:signal=KILL', BINARY, 'backup', '--into', into, '--data', data],
                              capture_output=True, text=True, env=clean_environment(), cwd=tempfile.gettempdir(), timeout=120)
        assert died.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), died
        assert (into / 'backup.part').exists() and (into / 'backup.manifest').exists(), mark
        code, out, err = cli('restore', '--from', into, data=restored)
        assert code == 0, out + err
        code, out, err = cli('verify', data=restored)
        assert code == 0, out + err
        shutil.rmtree(restored)
    code, out, err = cli('backup', '--into', into, data=data)
    assert code == 0 and not (into / 'backup.part').exists(), out + err


def test_a_backup_that_was_changed_is_not_restored(directory):
    data, into = filled(directory), directory / 'backup'
    assert cli('backup', '--into', into, data=data)[0] == 0
    for name in ('backup.manifest', 'store.id', *(f'engine/{path.name}' for path in (into / 'engine').iterdir()),
                 *(f'audit/{path.name}' for path in (into / 'audit').iterdir())):
        path = into / name
        whole = path.read_bytes()
        path.write_bytes(whole[:len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1:])
        restored = directory / 'restored'
        code, out, err = cli('restore', '--from', into, data=restored)
        assert code == 1 and ('checksum' in err or 'manifest' in err), (name, code, out, err)
        # Half of it stands there: nobody takes it for a data directory.
        if restored.exists():
            code, _, err = cli('keys', 'list', data=restored)
            assert code == 3 and 'restore' in err, (name, code, err)
        path.write_bytes(whole)
        # Whole again, it is gone on with.
        code, out, err = cli('restore', '--from', into, data=restored)
        assert code == 0, (name, out, err)
        shutil.rmtree(restored)


def test_where_only_the_audit_trail_was_changed_a_backup_can_be_made_and_restored(directory):
    data, place, new = directory / 'data', directory / 'backup', directory / 'new'
    with Service(data) as service:
        key = service.key()
        status, answer = service.post(enrollment(), key)
        assert status == 202, answer
    file, = (data / 'audit').iterdir()
    file.write_bytes(file.read_bytes().replace(b'key-created', b'key-revoked', 1))
    code, out, err = cli('backup', '--into', place, data=data)
    assert code == 1 and 'audit trail' in out and 'everything else checks' in out and 'restore with' in out, (code, out, err)
    code, out, err = cli('restore', '--from', place, data=new)
    assert code == 1 and 'everything else checks' in out and 'start with' in out, (code, out, err)
    with Service(new) as service:
        wait_until(lambda: service.enrollment(answer['id'], key)[1]['status'] == 'completed', 10, 'it is there')


def test_a_backup_beside_a_server_that_hangs_leaves_nothing_behind(directory):
    with Service(directory / 'data') as service:
        service.process.send_signal(signal.SIGSTOP)
        try:
            code, _, err = cli('backup', '--into', directory / 'new', data=service.data)
        finally:
            service.process.send_signal(signal.SIGCONT)
        assert code == 3 and 'has not answered' in err, (code, err)
        assert not (directory / 'new').exists() and not (service.data / 'backup.lock').exists()


def test_nothing_opens_a_backup_and_so_changes_it(directory):
    data, into = filled(directory), directory / 'backup'
    assert cli('backup', '--into', into, data=data)[0] == 0
    for words in (['find', 'somebody@example.com'], ['serve', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
                  ['backup', '--into', directory / 'other']):
        code, _, err = cli(*words, data=into)
        assert code == 3 and 'is a backup' in err, (words, code, err)
    assert cli('verify', data=into)[0] == 0
    code, out, err = cli('restore', '--from', into, data=directory / 'restored')
    assert code == 0, out + err


def test_what_is_not_empty_is_neither_overwritten_nor_backed_up_into(directory):
    data, into = filled(directory), directory / 'backup'
    other = directory / 'other'
    other.mkdir()
    (other / 'thesis.txt').write_text('mine')
    code, _, err = cli('backup', '--into', other, data=data)
    assert code == 2 and 'thesis.txt' in err, (code, err)
    code, _, err = cli('backup', '--into', data / 'inside', data=data)
    assert code == 2, (code, err)
    assert cli('backup', '--into', into, data=data)[0] == 0
    code, _, err = cli('restore', '--from', into, data=other)
    assert code == 2 and 'thesis.txt' in err, (code, err)
    code, _, err = cli('restore', '--from', into, data=data)
    assert code == 2, (code, err)
    # Nor does one deployment's backup replace another's.
    (directory / 'two').mkdir()
    second = filled(directory / 'two')
    code, _, err = cli('backup', '--into', into, data=second)
    assert code == 2 and 'another data directory' in err, (code, err)
    assert cli('restore', '--from', into, data=directory / 'restored')[0] == 0


def everything_in(directory):
    return sorted(path for path in directory.rglob('*') if path.name not in ('backup.lock', 'LOG'))


def test_what_lies_in_each_other_is_refused_and_nothing_is_made(directory):
    data, into = filled(directory), directory / 'backup'
    (directory / 'link').symlink_to(data)
    before = everything_in(directory)
    for place, cwd in ((data / 'sub', None), (data / 'a/b/c', None), (directory / 'link/sub', None), ('sub', data), ('../data/sub', data)):
        code, _, err = cli('backup', '--into', place, data=data, cwd=cwd)
        assert code == 2 and 'lie in each other' in err, (place, code, err)
        assert everything_in(directory) == before, place
    assert cli('backup', '--into', into, data=data)[0] == 0
    (directory / 'link').unlink()
    (directory / 'link').symlink_to(into)
    before = everything_in(directory)
    for place, cwd in ((into / 'in', None), (into / 'a/b', None), (directory / 'link/in', None), ('in', into), (directory, None)):
        code, _, err = cli('restore', '--from', into, data=place, cwd=cwd)
        assert code == 2 and 'lie in each other' in err, (place, code, err)
        assert everything_in(directory) == before, place
    assert cli('restore', '--from', into, data=directory / 'restored')[0] == 0


def test_sizes_are_told_as_they_are(directory):
    data, into, restored = filled(directory), directory / 'backup', directory / 'restored'

    def said(*words, data):
        code, out, err = cli(*words, data=data)
        assert code == 0, out + err
        return out.splitlines()[0]

    def size(directory):
        kept = [path.stat().st_size for path in directory.rglob('*') if path.is_file() and path.name != 'backup.manifest']
        return sum(kept) / 1024

    first = said('backup', '--into', into, data=data)
    told = re.fullmatch(r'backed up \d+ files, (\d+) KiB into .*', first)
    assert told and abs(int(told[1]) - size(into)) <= 0.5, (first, size(into))
    again = said('backup', '--into', into, data=data)
    assert re.fullmatch(r'backed up \d+ files, \d+ KiB \([\d.]+ (B|KiB) copied, the rest was there\) into .*', again), again
    back = said('restore', '--from', into, data=restored)
    told = re.fullmatch(r'restored \d+ files, (\d+) KiB into .*', back)
    assert told and abs(int(told[1]) - size(into)) <= 0.5, (back, size(into))


def test_two_backups_at_once_wait_for_each_other(directory):
    data = filled(directory)
    import fcntl
    with open(data / 'backup.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, _, err = cli('backup', '--into', directory / 'b', data=data)
        assert code == 3 and 'another backup' in err, (code, err)
    assert cli('backup', '--into', directory / 'b', data=data)[0] == 0


def test_a_copy_of_a_directory_in_use_is_told_and_the_original_starts_after_a_kill(directory):
    data, copy = directory / 'data', directory / 'copy'
    service = Service(data)
    key = service.key()
    assert service.post(enrollment(), key)[0] == 202
    # Nothing is written while it is copied: file by file that would be torn apart.
    wait_until(lambda: service.stats()['enrollments']['completed'] == 1, 30, 'all is done')
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns('control.sock'))
    service.kill()
    code, _, err = cli('keys', 'list', data=copy)
    assert code == 3 and 'is a copy' in err and 'in-use' in err, (code, err)
    # The original does as always, and where it has been moved to.
    moved = directory / 'moved'
    data.rename(moved)
    with Service(moved) as service:
        assert service.stop() == 0
    # Copied while nobody has it, it is as good as the original.
    rested = directory / 'rested'
    shutil.copytree(moved, rested)
    with Service(rested) as service:
        assert service.stop() == 0
    # Who knows better says so.
    assert cli('verify', data=copy)[0] == 0
    (copy / 'in-use').unlink()
    assert cli('keys', 'list', data=copy)[0] == 0


if __name__ == '__main__':
    sys.exit(run(globals()))
