#!/usr/bin/env python3
"""Keys that end while they are in use: no wrong answer before, none after, and nobody else notices."""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import report
from harness.load import Load, post_bytes
from harness.service import Service, cli, enrollment, wait_until


class Traffic:
    """Sign-ups with one key for as long as it is let; every answer with the time it came."""

    def __init__(self, service, key):
        self.answers = []
        self.sent_at = {}
        self.lost = 0
        self.load = Load(service.listen, self._requests(key), self._answered, self._lost, connections=4, depth=2)
        self.load.start()

    def _requests(self, key):
        number = 0
        while True:
            number += 1
            self.sent_at[number] = time.monotonic()
            yield number, post_bytes(key, enrollment())

    def _answered(self, number, status, headers, body):
        self.answers.append((self.sent_at.pop(number), time.monotonic(), status))

    def _lost(self, number):
        self.lost += 1

    def stop(self):
        self.load.stop()


def id_of(key):
    return key[4:15]


def listed(data, id):
    code, out, error = cli('keys', 'list', '--json', data=data)
    assert code == 0, error
    return next(key for key in json.loads(out) if key['id'] == id)


def test_when_a_key_was_last_used_is_listed_and_survives_stop_and_kill(data):
    with Service(data) as service:
        key, unused = service.key(), service.key()
        assert listed(data, id_of(key))['lastUsedAt'] is None
        assert service.post(enrollment(), key)[0] == 202
        used = listed(data, id_of(key))['lastUsedAt']
        assert used and used[:4].isdigit(), used
        assert used[:16] in cli('keys', 'list', data=data)[1]
        assert listed(data, id_of(unused))['lastUsedAt'] is None
    assert listed(data, id_of(key))['lastUsedAt'] == used  # of a stopped directory
    with Service(data) as service:
        assert service.post(enrollment(), unused)[0] == 202
        time.sleep(6)  # it is written down every five seconds, when it is worth it
        service.kill()
    assert listed(data, id_of(unused))['lastUsedAt'] and listed(data, id_of(key))['lastUsedAt'] == used


def test_a_key_without_scopes_is_not_made(data):
    for scopes in ('', ' ', ','):
        code, out, error = cli('keys', 'create', '--name', 'x', '--scopes', scopes, data=data)
        assert code == 2 and '--scopes' in error and not out, (code, out, error)


def test_a_revoked_key_is_refused_from_that_moment_and_no_other_request_notices(data):
    with Service(data) as service:
        doomed, other = service.key(), service.key()
        ending, going_on = Traffic(service, doomed), Traffic(service, other)
        wait_until(lambda: len(ending.answers) > 200 and len(going_on.answers) > 200, 30, 'both keys are in use')

        asked = time.monotonic()
        code, _, error = cli('keys', 'revoke', id_of(doomed), data=data)
        done = time.monotonic()
        assert code == 0, error
        after = len(ending.answers) + 200
        wait_until(lambda: len(ending.answers) > after, 30, 'the revoked key was tried again')
        ending.stop()
        going_on.stop()

        assert ending.lost == going_on.lost == 0
        assert {status for _, _, status in going_on.answers} == {202}, 'the other key was disturbed'
        assert {status for sent, came, status in ending.answers if came < asked} == {202}
        assert {status for sent, came, status in ending.answers if sent > done} == {401}
        assert {status for _, _, status in ending.answers} == {202, 401}


def test_a_key_that_expires_under_load_is_refused_from_then_on(data):
    with Service(data) as service:
        code, key, error = cli('keys', 'create', '--name', 'short', '--scopes', 'enrollments:write',
                               '--expires-in', '3s', data=data)
        assert code == 0, error
        traffic = Traffic(service, key.strip())
        wait_until(lambda: any(status == 401 for _, _, status in list(traffic.answers)), 30, 'the key expires')
        after = len(traffic.answers) + 100
        wait_until(lambda: len(traffic.answers) > after, 30, 'it is tried again')
        traffic.stop()

        statuses = [status for sent, _, status in sorted(traffic.answers)]
        first = statuses.index(401)
        assert set(statuses[:max(0, first - 16)]) <= {202}, 'refused before its time'
        # Requests in hand at that moment may be answered in any order.
        assert set(statuses[first + 16:]) == {401}, 'accepted after its time'
        assert traffic.lost == 0


if __name__ == '__main__':
    sys.exit(report.run(globals()))
