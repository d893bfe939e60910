#!/usr/bin/env python3
"""The data directory goes away under a running service: moved, unmounted, replaced. Nothing is promised that would not be
found again, no new store is made in its place, and when it is back the service goes on with everything kept.

Unmounting needs root and a tmpfs of our own.
"""

import os
import pathlib
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.ledger import Ledger, wait_until_drained
from harness.report import Skip, run
from harness.service import Service, cli, enrollment, request, wait_until

SEED = int(os.environ.get('SEED', int.from_bytes(os.urandom(4), 'big')))
NOTICED_WITHIN = 1.0  # seconds
SLOW = 10 if os.environ.get('SANITIZED') else 3  # of it, on a machine that is busy with other things


def ready(service):
    return request('GET', service.listen + '/readyz')[0] == 200


def noticed(service, began):
    """Without any other request; how long it took."""
    wait_until(lambda: not ready(service), NOTICED_WITHIN * SLOW, 'it notices that its directory has gone')
    return time.monotonic() - began


def refuses(service, key):
    status, answer = service.post(enrollment(), key)
    assert status == 503 and answer['type'].endswith('/cannot-keep-promise'), (status, answer)


def said_why(service, words):
    wait_until(lambda: words in service.operations('GET', '/admin/v1/health')[1]['problem'], 10, f'it says "{words}"')


class UnderLoad:
    """Sign-ups go on while `vanish` and `come_back` happen; afterwards every promise is settled."""

    def __init__(self, service, vanish, come_back, meanwhile=lambda: None):
        ledger = Ledger(random.Random(SEED), service.key())
        load = ledger.load(service, connections=4, depth=4, per_second=500)
        load.start()
        try:
            wait_until(lambda: len(ledger.promised) > 200, 60, 'some are promised')
            began = time.monotonic()
            vanish()
            self.took = noticed(service, began)
            refused = ledger.statuses[503]
            wait_until(lambda: ledger.statuses[503] > refused + 20, 30, 'sign-ups get 503')
            promised = len(ledger.promised)
            meanwhile()
            time.sleep(1.5)  # several attempts at opening again
            assert not ready(service) and len(ledger.promised) == promised, 'it promised without its store'
            come_back()
            wait_until(lambda: ready(service), 30, 'it goes on')
            wait_until(lambda: len(ledger.promised) > promised + 100, 60, 'new ones are promised')
        finally:
            load.stop()
        ledger.send_unknown_again(service)
        wait_until_drained(service)
        result = ledger.settle(service)
        print(f'  seed {SEED}; noticed after {self.took:.2f} s; promised {len(ledger.promised)}, '
              f'503 {ledger.statuses[503]}, completed {result["completed"]}', flush=True)
        self.ledger = ledger


def is_whole(service):
    assert service.stop() == 0
    code, out, err = cli('verify', data=service.data)
    assert code == 0, out + err


def test_an_engine_directory_that_is_moved_away_and_back_is_the_same_one(directory):
    data = directory / 'data'

    def put_back():
        assert not (data / 'engine').exists(), 'a new store was made'
        (directory / 'away').rename(data / 'engine')

    with Service(data) as service:
        UnderLoad(service, lambda: (data / 'engine').rename(directory / 'away'), put_back)
        is_whole(service)


def test_the_whole_data_directory_moved_away_and_back_is_the_same_one(directory):
    data = directory / 'data'
    with Service(data) as service:
        UnderLoad(service, lambda: data.rename(directory / 'away'), lambda: (directory / 'away').rename(data))
        assert not (directory / 'away').exists()
        is_whole(service)


def test_without_any_traffic_it_is_noticed_within_a_second(directory):
    data = directory / 'data'
    with Service(data) as service:
        key = service.key()
        assert service.post(enrollment(), key)[0] == 202
        wait_until_drained(service)
        began = time.monotonic()
        (data / 'engine').rename(directory / 'away')
        print(f'  noticed after {noticed(service, began):.2f} s', flush=True)
        refuses(service, key)
        said_why(service, 'is not there')
        time.sleep(2)
        assert not (data / 'engine').exists(), 'a new store was made'
        (directory / 'away').rename(data / 'engine')
        wait_until(lambda: ready(service), 10, 'it goes on')
        assert service.post(enrollment(), key)[0] == 202


def test_a_store_of_somebody_else_in_its_place_is_neither_served_nor_changed(directory):
    data, other = directory / 'data', directory / 'other'
    with Service(other) as service:
        assert service.post(enrollment(), service.key())[0] == 202
        wait_until_drained(service)
    before = {file.name: file.read_bytes() for file in (other / 'engine').iterdir()}

    def replace():
        (data / 'engine').rename(directory / 'away')
        (other / 'engine').rename(data / 'engine')

    def untouched():
        said_why(service, 'another store')
        assert {file.name: file.read_bytes() for file in (data / 'engine').iterdir()} == before

    def put_back():
        (data / 'engine').rename(other / 'engine')
        (directory / 'away').rename(data / 'engine')

    with Service(data) as service:
        UnderLoad(service, replace, put_back, untouched)
        is_whole(service)
    with Service(other) as service:
        assert service.stats()['members'] == 1


def test_files_without_which_it_could_not_be_opened_again_are_missed_at_once(directory):
    data = directory / 'data'
    with Service(data) as service:
        key = service.key()
        assert service.post(enrollment(), key)[0] == 202
        wait_until_drained(service)
        for name in ('CURRENT', 'SYNCED', 'SEAL', 'IDENTITY'):
            began = time.monotonic()
            (data / 'engine' / name).rename(directory / name)
            noticed(service, began)
            refuses(service, key)
            (directory / name).rename(data / 'engine' / name)
            wait_until(lambda: ready(service), 10, f'it goes on when {name} is back')
            assert service.post(enrollment(), key)[0] == 202
        wait_until_drained(service)
        assert service.stats()['members'] == 5
        is_whole(service)


# ---- mounts ---------------------------------------------------------------------------------------------------------

def mount(*arguments):
    done = subprocess.run(['mount', *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip(f'nothing can be mounted here: {done.stderr.strip()}')


def unmount(path):
    subprocess.run(['umount', '-l', path], check=True)


def test_a_disk_that_is_unmounted_and_mounted_again_is_the_same_one(directory):
    """What a volume does that detaches: its mount point, an empty directory, is left."""
    if os.getuid() != 0:
        raise Skip('needs root, to mount and unmount')
    disk, data = directory / 'disk', directory / 'data'
    disk.mkdir()
    data.mkdir(0o700)
    (data / 'engine').mkdir(0o700)
    mounted = []

    def attach():
        mount('--bind', disk / 'engine', data / 'engine')
        mounted.append(data / 'engine')

    def detach():
        unmount(mounted.pop())

    def untouched():
        said_why(service, 'no store')
        assert not any((data / 'engine').iterdir()), 'something was written into the mount point'

    mount('-t', 'tmpfs', '-o', 'size=700m', 'tmpfs', disk)
    mounted.append(disk)
    (disk / 'engine').mkdir(0o700)
    try:
        attach()
        with Service(data) as service:
            result = UnderLoad(service, detach, attach, untouched)
            is_whole(service)
        # And a start while it is not mounted does not begin anew.
        detach()
        try:
            with Service(data):
                raise AssertionError('it began anew in an empty mount point')
        except RuntimeError as error:
            assert 'exit code 3' in str(error) and 'there is no engine in' in str(error), error
        assert not any((data / 'engine').iterdir())
        attach()
        with Service(data) as service:
            result.ledger.settle(service)
    finally:
        for path in reversed(mounted):
            unmount(path)


# ---- starting -------------------------------------------------------------------------------------------------------

def does_not_start(data, words):
    try:
        with Service(data):
            raise AssertionError('it started')
    except RuntimeError as error:
        assert 'exit code 3' in str(error) and words in str(error), error
        return str(error)


def test_beside_what_an_earlier_server_left_no_new_store_is_begun(directory):
    data = directory / 'data'
    with Service(data) as service:
        key = service.key()
        assert service.post(enrollment(), key)[0] == 202
        wait_until_drained(service)
    assert (data / 'store.id').stat().st_mode & 0o777 == 0o600
    (data / 'engine').rename(directory / 'away')

    said = does_not_start(data, 'there is no engine in')
    assert 'store.id' in said and 'outbox' in said and 'give another --data' in said, said
    assert not (data / 'engine').exists()
    code, _, err = cli('keys', 'create', '--name', 'x', data=data)
    assert code == 3 and 'there is no engine in' in err, (code, err)
    code, out, _ = cli('doctor', data=data)
    assert code == 1 and 'there is no engine in' in out, out

    # An empty directory, as a mount point is: the same.
    (data / 'engine').mkdir()
    does_not_start(data, 'there is no engine in')
    (data / 'engine').rmdir()

    # Each thing that is left is enough.
    remains = {'store.id', 'outbox', 'audit'}
    for left in remains:
        for other in remains - {left}:
            (data / other).rename(directory / other)
        does_not_start(data, left)
        for other in remains - {left}:
            (directory / other).rename(data / other)

    (directory / 'away').rename(data / 'engine')
    with Service(data) as service:
        assert service.stats()['members'] == 1
        assert service.post(enrollment(), key)[0] == 202


def test_a_new_store_is_begun_when_that_is_said_deliberately(directory):
    data = directory / 'data'
    with Service(data) as service:
        service.key()
    (data / 'engine').rename(directory / 'engine')
    said = does_not_start(data, 'there was one')
    named = re.search(r'there was one \((.*?)\)', said)[1].split(', ')
    assert {str(data / 'store.id'), str(data / 'audit')} <= set(named), said
    for path in map(pathlib.Path, named):  # as it says, for who means it
        path.rename(directory / path.name)
    with Service(data) as service:
        assert service.stats()['members'] == 0


def test_another_store_than_the_one_it_had_is_not_started_on(directory):
    data, other = directory / 'data', directory / 'other'
    for each in (data, other):
        with Service(each) as service:
            service.key()
    (data / 'engine').rename(directory / 'away')
    (other / 'engine').rename(data / 'engine')

    said = does_not_start(data, 'another store')
    assert 'store.id' in said, said

    (data / 'store.id').unlink()  # as it says, for who means it
    with Service(data) as service:
        assert service.stop() == 0


def test_a_directory_of_before_gets_its_identity_and_a_recovered_one_its_own(directory):
    data, saved = directory / 'data', directory / 'saved'
    with Service(data) as service:
        key = service.key()
        assert service.post(enrollment(), key)[0] == 202
        wait_until_drained(service)
    first = (data / 'store.id').read_text()
    (data / 'store.id').unlink()  # it was not written before this version
    with Service(data) as service:
        assert service.stats()['members'] == 1
    assert (data / 'store.id').read_text() == first
    assert (data / 'engine' / 'IDENTITY').read_text().strip() == first.strip()

    code, out, err = cli('recover', '--into', saved, data=data)
    assert code == 0, out + err
    with Service(saved) as service:
        assert service.stats()['members'] == 1
    assert (saved / 'store.id').read_text() != first


if __name__ == '__main__':
    sys.exit(run(globals()))
