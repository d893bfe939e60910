#!/usr/bin/env python3
"""A mail system that is away burns nobody's attempts; poison is parked after its attempts and blocks nobody."""

import collections
import json
import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.ledger import Ledger, repeated_letters, wait_until_drained
from harness.load import Load, get_all
from harness.report import run
from harness.service import QUICK, Service, cli, wait_until
from harness.smtp import SmtpDouble

PEOPLE_IN_OUTAGE = 2_000 if QUICK else 20_000
PEOPLE_WITH_POISON = 2_000 if QUICK else 10_000
MAX_ATTEMPTS = 4
# Seconds, where a few are enough. Minutes were lost here once: what is leased beside a probe must not stay away.
DRAINED_WITHIN = 60 if QUICK else 180


def attempts_of(result):
    return collections.Counter(step['attempts'] for view in result['views'].values() for step in view['steps']
                               if step['name'] == 'welcome-mail')


def test_mail_is_down_while_thousands_enroll_and_then_comes_back(directory):
    with SmtpDouble(directory) as mail, Service(directory / 'data', mail=mail.url) as service:
        ledger = Ledger(random.Random(1), service.key(), repeated=0)
        mail.mode = 'refuse'
        began = time.monotonic()
        ledger.load(service, count=PEOPLE_IN_OUTAGE, connections=16, depth=16).run_here()
        enrolled = time.monotonic() - began
        assert ledger.statuses == {202: PEOPLE_IN_OUTAGE}, ledger.statuses

        # Everybody becomes a member all the same; only the letters wait.
        wait_until(lambda: service.stats()['members'] == PEOPLE_IN_OUTAGE, 120, 'all are members')
        wait_until(lambda: service.queues()['welcome-mail']['state'] == 'circuit-open', 60, 'the outage is noticed')
        # Several probes' time: an outage that lasts.
        time.sleep(3 if QUICK else 8)
        queue = service.queues()['welcome-mail']
        assert queue['deadLettered'] == 0 and queue['state'] == 'circuit-open', queue
        assert queue['ready'] + queue['delayed'] + queue['leased'] == PEOPLE_IN_OUTAGE, queue
        assert service.stats()['mailsSent'] == 0

        # Back, and each letter takes a while, so that what is on its way at once can be seen.
        mail.delay(0.005)
        mail.mode = 'healthy'
        back = time.monotonic()
        wait_until(lambda: mail.taken > 0, 120, 'a probe goes out')
        first = time.monotonic() - back
        wait_until_drained(service, DRAINED_WITHIN)
        took = time.monotonic() - back - first
        letters = mail.letters()
        result = ledger.settle(service, letters)
        assert result['completed'] == result['mailsSent'] == PEOPLE_IN_OUTAGE, result
        assert all(queue['deadLettered'] == 0 for queue in service.queues().values())
        assert not repeated_letters(letters)
        attempts = attempts_of(result)
        assert max(attempts) <= 2, f'an outage burned attempts: {attempts}'

        # Ramped: as the letters come in, never many more on their way than have been answered.
        assert letters[0].begun == 1, letters[0]
        ahead = [(taken, letter.begun - taken) for taken, letter in enumerate(letters)]
        for taken, on_their_way in ahead[:200]:
            assert on_their_way <= 2 * taken + 2, f'{on_their_way} letters on their way after {taken} answered'
        most = max(on_their_way for _, on_their_way in ahead)
        assert most >= 8, f'never more than {most} at once'
        print(f'  {PEOPLE_IN_OUTAGE} enrolled in {enrolled:.1f} s, first letter {first:.1f} s after the return, all in '
              f'{took:.1f} s more; attempts {dict(attempts)}; on their way after 0, 1, 2, 4, 8, 16, 32, 64 answers: '
              f'{[ahead[n][1] for n in (0, 1, 2, 4, 8, 16, 32, 64)]}, most {most}', flush=True)


def test_a_hundred_poisonous_addresses_among_thousands_are_parked_and_hinder_nobody(directory):
    settings = {'GLOBOGYM_RETRY_FIRST_DELAY': '20ms', 'GLOBOGYM_RETRY_MAX_DELAY': '200ms',
                'GLOBOGYM_MAIL_MAX_ATTEMPTS': str(MAX_ATTEMPTS)}
    chance = random.Random(2)
    with SmtpDouble(directory) as mail, Service(directory / 'data', mail=mail.url, env=settings) as service:
        key = service.key()
        ledger = Ledger(chance, key, repeated=0)
        addresses = [f'poison5-{n}@example.com' for n in range(50)] + [f'poison4-{n}@example.com' for n in range(50)]
        addresses += [None] * (PEOPLE_WITH_POISON - 100)
        chance.shuffle(addresses)
        Load(service.listen, ((one, one.data) for one in map(ledger.new, addresses)), ledger.on_answer, ledger.on_lost,
             connections=16, depth=16).run_here()
        assert ledger.statuses == {202: PEOPLE_WITH_POISON}, ledger.statuses
        is_poison = lambda one: one.email.startswith('poison')
        poisoned = {one.id: one for one in ledger.promised if is_poison(one)}
        assert len(poisoned) == 100

        wait_until_drained(service, 300)
        result = ledger.settle(service, mail.letters(), may_be_parked=is_poison)
        assert result['parked'] == 100 and result['completed'] == PEOPLE_WITH_POISON - 100, result
        stats = service.stats()
        assert stats['enrollments'] == {'accepted': 0, 'processing': 0, 'completed': PEOPLE_WITH_POISON - 100,
                                        'rejected': 0, 'parked': 100}, stats
        queue = service.queues()['welcome-mail']
        assert queue['deadLettered'] == 100 and queue['state'] == 'running', queue
        # Nobody else was tried twice because of them.
        assert set(attempts_of(result)) == {1}, attempts_of(result)
        assert not repeated_letters(mail.letters())

        # Each with the reason, the attempts and the server's words, and nobody's address.
        views = get_all(service.listen, [f'/v1/enrollments/{id}' for id in poisoned], key)
        for path, (status, view) in views.items():
            one = poisoned[path.rsplit('/', 1)[1]]
            for_good = one.email.startswith('poison5')
            step = next(step for step in view['steps'] if step['name'] == 'welcome-mail')
            assert view['status'] == 'parked' and step['status'] == 'parked', view
            assert view['reason'] == ('recipient-refused' if for_good else 'attempts-exhausted'), view
            assert step['attempts'] == (1 if for_good else MAX_ATTEMPTS), view
            assert ('550' if for_good else '451') in step['lastError'], view
        code, out, err = cli('dead-letters', 'list', '--json', '--limit', '500', data=service.data)
        assert code == 0, err
        listed = json.loads(out)
        entries = listed if isinstance(listed, list) else listed['items']
        assert len(entries) == 100, len(entries)
        assert collections.Counter((entry['reason'], entry['attempts']) for entry in entries) == {
            ('recipient-refused', 1): 50, ('attempts-exhausted', MAX_ATTEMPTS): 50}, entries[:3]
        assert 'example.com' not in out and 'example.com' not in service.logs()

        # The server is healed, and a person brings them back.
        mail.heal()
        code, out, err = cli('dead-letters', 'replay', '--all', data=service.data)
        assert code == 0, (out, err)
        wait_until(lambda: service.stats()['enrollments']['completed'] == PEOPLE_WITH_POISON, 60, 'all are completed')
        wait_until_drained(service)
        ledger.settle(service, mail.letters())
        assert service.queues()['welcome-mail']['deadLettered'] == 0


if __name__ == '__main__':
    sys.exit(run(globals()))
