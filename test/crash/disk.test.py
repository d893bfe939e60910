#!/usr/bin/env python3
"""The disk fills up, or refuses to write and sync: what was promised is kept, new sign-ups get 503 until it is better,
and nobody has to do anything but make room.

A full disk is a small tmpfs (needs root); a failing one is strace answering the n-th call with EIO (needs ptrace).
"""

import collections
import contextlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.ledger import Ledger, wait_until_drained
from harness.load import Load
from harness.report import Skip, run
from harness.service import QUICK, Service, cli, request, wait_until
from harness.smtp import SmtpDouble

MIB = 1 << 20
SEED = int(os.environ.get('SEED', int.from_bytes(os.urandom(4), 'big')))


@contextlib.contextmanager
def small_disk(directory, mebibytes, inodes=0):
    if os.getuid() != 0:
        raise Skip('needs root, to mount a small tmpfs')
    path = directory / 'disk'
    path.mkdir()
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={mebibytes}m,nr_inodes={inodes}', 'tmpfs', path], capture_output=True)
    if mounted.returncode != 0:
        raise Skip(f'a tmpfs cannot be mounted here: {mounted.stderr.decode().strip()}')
    try:
        yield path
    finally:
        subprocess.run(['umount', '-l', path], check=True)


def free(path):
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize


def fill(path, leave):
    """A file that takes all but `leave` bytes."""
    filler = path / 'filler'
    with open(filler, 'ab') as out:
        while (room := free(path) - leave) > 0:
            try:
                out.write(b'x' * min(room, MIB))
                out.flush()
            except OSError:
                break
    return filler


def readiness(service):
    return request('GET', service.listen + '/readyz')


def test_below_the_reserve_new_sign_ups_get_503_and_accepted_ones_are_finished(directory):
    settings = {'GLOBOGYM_ENGINE_DISK_RESERVE': '96MiB', 'GLOBOGYM_ENGINE_WRITE_BUFFER': '4MiB'}
    with small_disk(directory, 256) as disk, SmtpDouble(directory) as mail, \
            Service(disk / 'data', mail=mail.url, env=settings) as service:
        ledger = Ledger(random.Random(SEED), service.key())
        assert readiness(service)[0] == 200
        mail.mode = 'refuse'  # so that the backlog grows
        load = ledger.load(service, connections=8, depth=8, per_second=4000)
        load.start()
        fill(disk, (96 + 6) * MIB)  # the load takes the rest
        wait_until(lambda: ledger.statuses[503] > 500, 120, 'new sign-ups get 503')
        load.stop()
        assert set(ledger.statuses) == {202, 503}, ledger.statuses
        status, problem = readiness(service)
        assert status == 503 and 'disk' in str(problem['errors']), (status, problem)
        code, _, body = raw_post(service, ledger)
        assert code == 503 and body['type'].endswith('/cannot-keep-promise') and body['status'] == 503, body

        # All that was accepted is finished, in the reserve.
        mail.mode = 'healthy'
        wait_until_drained(service, 90)
        ledger.settle(service, mail.letters())
        left = free(disk)
        assert left > 0
        # Room again, and nothing else is done.
        (disk / 'filler').unlink()
        wait_until(lambda: readiness(service)[0] == 200, 30, 'ready again')
        ledger.send_unknown_again(service)
        wait_until_drained(service, 120)
        result = ledger.settle(service, mail.letters())
        print(f'  promised {len(ledger.promised)}, refused {ledger.statuses[503]}, completed {result["completed"]}; '
              f'{left / MIB:.1f} MiB of the reserve were left when all was done', flush=True)
        assert service.stop() == 0
        assert cli('verify', data=service.data)[0] == 0


def test_a_backlog_that_fills_the_disk_is_finished_without_anybody_making_room(directory):
    """Sign-ups come as fast as they can while no letter goes out, until they are refused: what was accepted then has to
    find the room to be finished."""
    settings = {'GLOBOGYM_ENGINE_DISK_RESERVE': '24MiB', 'GLOBOGYM_ENGINE_WRITE_BUFFER': '4MiB'}
    with small_disk(directory, 96) as disk, SmtpDouble(directory) as mail, \
            Service(disk / 'data', mail=mail.url, env=settings) as service:
        ledger = Ledger(random.Random(SEED), service.key())
        mail.mode = 'refuse'
        load = ledger.load(service, connections=16, depth=16)
        load.start()
        wait_until(lambda: ledger.statuses[503] > 500, 120, 'new sign-ups get 503')
        load.stop()
        left = free(disk)
        mail.mode = 'healthy'
        wait_until_drained(service, 120)
        result = ledger.settle(service, mail.letters())
        wait_until(lambda: readiness(service)[0] == 200, 30, 'ready again: the backlog is gone')
        print(f'  promised {len(ledger.promised)}, completed {result["completed"]}; free {left / MIB:.1f} MiB when refused, '
              f'{free(disk) / MIB:.1f} MiB when done', flush=True)


def free_inodes(path):
    return os.statvfs(path).f_favail


def test_few_free_inodes_are_as_bad_as_few_free_bytes_and_every_letter_finds_one(directory):
    """Letters become files. They are written only after the last sign-up has been refused."""
    settings = {'GLOBOGYM_ENGINE_DISK_RESERVE': '16MiB'}
    with small_disk(directory, 256, inodes=9000) as disk:
        data = disk / 'data'
        with Service(data, '--role', 'gateway', env=settings) as service:
            ledger = Ledger(random.Random(SEED), service.key(), keyless=0, repeated=0)
            assert readiness(service)[0] == 200
            load = ledger.load(service, connections=2, depth=2)
            load.start()
            wait_until(lambda: ledger.statuses[503] > 20, 60, 'new sign-ups get 503')
            load.stop()
            status, problem = readiness(service)
            assert status == 503 and 'engine.below-reserve' in str(problem['errors']), (status, problem)
            problem = service.operations('GET', '/admin/v1/health')[1]['problem']
            assert 'inodes free' in problem, problem
            left, promised = free_inodes(disk), len(ledger.promised)
            assert promised > 3000 and left >= promised, (left, promised)
        with Service(data, env=settings) as service:
            wait_until_drained(service, 90)
            ledger.settle(service)
            assert len(list((data / 'outbox').glob('*.eml'))) >= promised
            # The letters fill what the backlog has set free: it is ready again when there is room, and not before.
            fillers = []
            while free_inodes(disk) > 3000:
                fillers.append(disk / f'filler-{len(fillers)}')
                fillers[-1].touch()
            wait_until(lambda: readiness(service)[0] == 503, 10, 'not ready')
            for filler in fillers:
                filler.unlink()
            for letter in (data / 'outbox').glob('*.eml'):
                letter.unlink()
            wait_until(lambda: readiness(service)[0] == 200, 10, 'ready again')
            print(f'  promised {promised}; {left} inodes were left when sign-ups were refused', flush=True)
            assert service.stop() == 0
            assert cli('verify', data=data)[0] == 0


def raw_post(service, ledger):
    """Status, headers and body of one sign-up, past the ledger's promises."""
    answer = []
    one = ledger.new()

    def take(one, status, head, body):
        ledger.on_answer(one, status, head, body)
        answer.append((status, head, json.loads(body)))
    Load(service.listen, [(one, one.data)], take, ledger.on_lost, connections=1).run_here(30)
    assert answer, 'no answer'
    return answer[0]


def test_a_disk_that_is_really_full_loses_no_promise_and_recovers_by_itself(directory):
    """No reserve to protect it: the writes themselves fail, at whatever byte the disk ends."""
    settings = {'GLOBOGYM_ENGINE_DISK_RESERVE': '0B', 'GLOBOGYM_ENGINE_WRITE_BUFFER': '1MiB'}
    chance = random.Random(SEED)
    print(f'  seed {SEED}', flush=True)
    with small_disk(directory, 256) as disk, SmtpDouble(directory) as mail:
        service = Service(disk / 'data', mail=mail.url, env=settings)
        ledger = Ledger(chance, service.key())
        ended = 0
        try:
            for number in range(3 if QUICK else 12):
                refused = ledger.statuses[503]
                load = ledger.load(service, connections=8, depth=4, per_second=1000)
                load.start()
                fill(disk, chance.choice([0, 0, 5_000, 50_000, 500_000]))
                wait_until(lambda: ledger.statuses[503] > refused + 20 or service.process.poll() is not None, 60,
                           f'the full disk is noticed (round {number})')
                if chance.random() < 0.5:
                    load.stop()
                (disk / 'filler').unlink()
                if load.is_alive():
                    time.sleep(0.3)
                    load.stop()
                if service.process.poll() is not None:
                    ended += 1
                    service = Service(disk / 'data', mail=mail.url, env=settings)
                wait_until(lambda: readiness(service)[0] == 200, 30, 'ready again')
                ledger.send_unknown_again(service)
            wait_until_drained(service, 120)
            result = ledger.settle(service, mail.letters())
            assert all(queue['deadLettered'] == 0 for queue in service.queues().values())

            # Killed while full, and started while full: it says so or serves, and forgets nothing.
            fill(disk, 0)
            service.kill()
            try:
                with Service(disk / 'data', mail=mail.url, env=settings) as service:
                    said = 'started'
                    service.kill()
            except RuntimeError as error:
                said = str(error)
                assert 'exit code 3' in said and ('space' in said or 'disk' in said), said
            (disk / 'filler').unlink()
            service = Service(disk / 'data', mail=mail.url, env=settings)
            wait_until(lambda: readiness(service)[0] == 200, 30, 'ready again')
            ledger.settle(service, mail.letters())
            print(f'  promised {len(ledger.promised)}, 503 {ledger.statuses[503]}, completed {result["completed"]}, '
                  f'letters {len(mail.letters())}; ended by itself {ended} times; start on the full disk: '
                  f'{said[:160]!r}', flush=True)
            assert service.stop() == 0
            code, out, err = cli('verify', data=disk / 'data')
            assert code == 0, out + err
        finally:
            if service.process.poll() is None:
                service.kill()


# ---- EIO ------------------------------------------------------------------------------------------------------------

def engine_files(data):
    """What the engine writes to: strace wants every path by name."""
    engine = data / 'engine'
    names = ['SEAL.new', 'CURRENT', 'SYNCED', 'IDENTITY', *(f'MANIFEST-{n:06}' for n in range(80)),
             *(f'{n:06}.{kind}' for n in range(80) for kind in ('log', 'sst', 'dbtmp')),
             *(f'OPTIONS-{n:06}.dbtmp' for n in range(80))]
    return [engine / name for name in names]


def failing(data, log, call, when):
    """A command prefix under which some calls are answered with EIO. Counted per thread by strace."""
    wrapper = ['strace', '-D', '-f', '-qq', '-o', log, '-e', 'signal=none', '-e', f'trace={call}', '-e',
               f'inject={call}:error=EIO:when={when}']
    if call == 'write':  # not sockets, pipes and event counters
        for path in engine_files(data):
            wrapper += ['-P', path]
    return [str(part) for part in wrapper]


def met(log):
    """Whether the fault that was asked for has happened."""
    return log.exists() and 'INJECTED' in log.read_text(errors='replace')


def eio_cases():
    """As many of each as such a service comes to: the test insists on meeting every one."""
    every = [(call, str(when)) for call, last in (('fdatasync', 16), ('fsync', 7), ('write', 26), ('rename', 4),
                                                  ('ftruncate', 1), ('fallocate', 2), ('unlink', 3))
             for when in range(1, last + 1)]
    every += [('fdatasync', '4..9'), ('write', '8..12'), ('fdatasync', '6+3'), ('write', '9+4'), ('fsync', '6..9')]
    if QUICK:
        return random.Random(SEED).sample(every, 6) + [('fdatasync', '6'), ('write', '8')]
    return every


def test_a_disk_that_answers_eio_at_any_call_loses_no_promise(directory):
    if not shutil.which('strace'):
        raise Skip('strace is not installed; scripts/setup --test installs it')
    if subprocess.run(['strace', '-o', '/dev/null', 'true'], capture_output=True).returncode != 0:
        raise Skip('processes may not be traced here')
    base = directory / 'base'
    with Service(base) as service:
        key = service.key()
        before = Ledger(random.Random(SEED), key, keyless=0, repeated=0)
        before.load(service, count=20, connections=2, depth=2).run_here()
        wait_until_drained(service)
    outcomes = collections.Counter()
    hits = collections.Counter()
    missed = []
    refused = 0
    for call, when in eio_cases():
        what = f'{call} {when}'
        data = directory / 'data'
        shutil.copytree(base, data)
        log = directory / 'strace.log'
        ledger = Ledger(random.Random(SEED), key, keyless=0, repeated=0)
        ledger.promised = list(before.promised)
        ledger.all = list(before.all)
        try:
            service = Service(data, wrapper=failing(data, log, call, when))
        except RuntimeError as error:
            # It would not start on such a disk, says so, and the next start is well.
            assert 'exit code 3' in str(error), f'{what}: {error}'
            outcomes['did not start'] += 1
            service = None
        if service:
            try:
                for _ in range(6):
                    ledger.load(service, count=16, connections=2, depth=1).run_here(60)
                    if met(log) or service.process.poll() is not None:
                        break
                refused += ledger.statuses[503]
                assert set(ledger.statuses) <= {202, 503}, (what, ledger.statuses)
                if service.process.poll() is None and '+' in when:
                    outcomes['served what it could'] += 1  # such a disk never gets well
                elif service.process.poll() is None:
                    wait_until(lambda: readiness(service)[0] == 200, 30, f'ready again after {what}')
                    ledger.send_unknown_again(service)
                    wait_until_drained(service, 60)
                    ledger.settle(service)
                    outcomes['went on'] += 1
                else:
                    outcomes['ended'] += 1
            except AssertionError as error:
                raise AssertionError(f'{what}: {error}; log: {service.logs()[-1500:]}') from error
            finally:
                service.kill()
        with Service(data) as service:
            ledger.send_unknown_again(service)
            wait_until_drained(service, 60)
            try:
                ledger.settle(service)
            except AssertionError as error:
                raise AssertionError(f'after {what} and a restart: {error}') from error
            assert all(queue['deadLettered'] == 0 for queue in service.queues().values()), (what, service.queues())
            assert service.stop() == 0
        code, out, err = cli('verify', data=data)
        assert code == 0, f'{what}: {out}{err}'
        if not met(log):
            missed.append(what)
        hits[call] += 1
        shutil.rmtree(data)
        log.unlink(missing_ok=True)
    assert not missed, f'faults that were never met, so that nothing was tried: {missed}'
    print(f'  faults met: {dict(hits)}; the service {dict(outcomes)}; 503 answers {refused}', flush=True)


if __name__ == '__main__':
    sys.exit(run(globals()))
