#!/usr/bin/env python3
"""A crowd: ten thousand people at the door at once, and one impatient person a thousand times."""

import json
import pathlib
import random
import resource
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.ledger import Ledger, wait_until_drained
from harness.load import Load, post_bytes
from harness.report import Skip, run
from harness.service import Service, enrollment, request
from harness.smtp import SmtpDouble

CROWD = 10_000
MEMORY_AT_MOST = 250 << 20  # with 10,000 connections


def raise_open_files(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    except (ValueError, OSError) as error:
        raise Skip(f'{wanted} open files are not allowed here (hard limit {hard}): {error}')


def memory(pid, what):
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith(what + ':'):
            return int(line.split()[1]) * 1024
    raise AssertionError(f'no {what}')


def test_ten_thousand_connections_sign_up_at_once_and_all_are_answered(directory):
    raise_open_files(CROWD + 1000)
    with SmtpDouble(directory) as mail, Service(directory / 'data', mail=mail.url) as service:
        ledger = Ledger(random.Random(3), service.key(), repeated=0)
        before = memory(service.pid, 'VmRSS')
        crowd = ledger.load(service, count=CROWD, connections=CROWD, depth=1)
        began = time.monotonic()
        crowd.connect()
        connected = time.monotonic() - began
        idle = memory(service.pid, 'VmRSS')
        status, ready = request('GET', service.listen + '/readyz')  # one more still gets in
        assert status == 200, ready
        began = time.monotonic()
        crowd.run_here(120)
        answered = time.monotonic() - began
        assert crowd.answered == CROWD and crowd.lost == 0, (crowd.answered, crowd.lost)
        assert ledger.statuses == {202: CROWD}, ledger.statuses
        wait_until_drained(service)
        result = ledger.settle(service, mail.letters())
        assert result['completed'] == CROWD
        most = memory(service.pid, 'VmHWM')
        print(f'  connected in {connected:.1f} s, answered in {answered:.1f} s; resident {before >> 20} MiB at first, '
              f'{idle >> 20} MiB with {CROWD} connections, {most >> 20} MiB at most', flush=True)
        assert most <= MEMORY_AT_MOST, f'{most >> 20} MiB'


def test_a_thousand_posts_of_one_idempotency_key_at_once_are_one_enrollment(directory):
    raise_open_files(3000)
    with Service(directory / 'data') as service:
        key = service.key()
        data = post_bytes(key, enrollment(email='once@example.com'), 'one-and-the-same')
        other = post_bytes(key, enrollment(email='another@example.com'), 'one-and-the-same')
        answers = []
        stampede = Load(service.listen, ((n, data) for n in range(1000)), connections=1000, depth=1,
                        on_answer=lambda n, status, head, body: answers.append((status, body)))
        stampede.connect()
        stampede.run_here(60)
        assert len(answers) == 1000 and stampede.lost == 0
        assert len(set(answers)) == 1, set(answers)
        status, body_of_the_one = answers[0]
        assert status == 202, answers[0]
        wait_until_drained(service)
        stats = service.stats()
        assert stats['members'] == 1 and sum(stats['enrollments'].values()) == 1 and stats['mailsSent'] == 1, stats

        # The same key with another body, at the same time and later: never a second enrollment.
        answers.clear()
        Load(service.listen, ((n, data if n % 2 else other) for n in range(200)), connections=100, depth=2,
             on_answer=lambda n, status, head, body: answers.append((status, body))).run_here(60)
        assert sorted({status for status, _ in answers}) == [202, 422], {status for status, _ in answers}
        assert {body for status, body in answers if status == 202} == {body_of_the_one}
        assert sum(service.stats()['enrollments'].values()) == 1


def test_two_bodies_race_for_one_idempotency_key_and_exactly_one_wins(directory):
    with Service(directory / 'data') as service:
        key = service.key()
        for race in range(20):
            bodies = [post_bytes(key, enrollment(email=f'racer-{race}-{n}@example.com'), f'race-{race}') for n in range(8)]
            answers = []
            runners = Load(service.listen, enumerate(bodies), connections=8, depth=1,
                           on_answer=lambda n, status, head, body: answers.append((status, body)))
            runners.connect()
            runners.run_here(30)
            statuses = sorted(status for status, _ in answers)
            assert statuses == [202] + [422] * 7, statuses
            for status, body in answers:
                assert status == 202 or json.loads(body)['type'].endswith('/idempotency-key-reused'), body
        wait_until_drained(service)
        assert service.stats()['members'] == 20


def test_one_address_from_many_at_once_becomes_one_member(directory):
    with SmtpDouble(directory) as mail, Service(directory / 'data', mail=mail.url) as service:
        key = service.key()
        spellings = ['Same.One@example.com', 'same.one@example.com', 'SAME.ONE@EXAMPLE.COM', 'same.one@Example.com']
        ids = []
        same = Load(service.listen, ((n, post_bytes(key, enrollment(email=spellings[n % 4]))) for n in range(200)),
                    connections=100, depth=2,
                    on_answer=lambda n, status, head, body: ids.append(json.loads(body)['id']) if status == 202 else None)
        same.run_here(60)
        assert len(set(ids)) == 200
        wait_until_drained(service)
        views = [service.enrollment(id, key)[1] for id in ids]
        assert sorted({view['status'] for view in views}) == ['completed', 'rejected']
        assert sum(view['status'] == 'completed' for view in views) == 1
        assert {view['reason'] for view in views if view['status'] == 'rejected'} == {'already-member'}
        assert service.stats()['members'] == 1 and len(mail.letters()) == 1


if __name__ == '__main__':
    sys.exit(run(globals()))
