#!/usr/bin/env python3
"""A mail server that is healthy and slow gets each letter once, and is not taken for one that does not serve.

    mail-slow.test.py [--long]      the same with our usual number of connections and slower answers
"""

import argparse
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.ledger import Ledger, repeated_letters, wait_until_drained
from harness.report import run
from harness.service import ROUNDS, Service, enrollment, wait_until
from harness.smtp import SmtpDouble

options = argparse.ArgumentParser(description=__doc__)
options.add_argument('--long', action='store_true', default=ROUNDS > 50)
options, sys.argv[1:] = options.parse_known_args()

VERY_SLOW = 75                                # seconds: longer than most time-outs anybody would think of
SLOW = 20 if options.long else 10               # … and what every letter takes
CONNECTIONS = 16
LETTERS = 200 if options.long else 140


def attempts_at_the_letter(view):
    return next(step['attempts'] for step in view['steps'] if step['name'] == 'welcome-mail')


def test_a_slow_but_healthy_mail_server_gets_each_letter_once(directory):
    # Both at the same time: what they take is waiting.
    very, slow = directory / 'very', directory / 'slow'
    for folder in (very, slow):
        folder.mkdir()
    with SmtpDouble(very, delays={'dot': VERY_SLOW}) as very_slow, SmtpDouble(slow, delays={'dot': SLOW}) as mail, \
            Service(very / 'data', mail=very_slow.url, env={'GLOBOGYM_MAIL_ACCEPT_TIME': '2m'}) as patient, \
            Service(slow / 'data', mail=mail.url, env={'GLOBOGYM_MAIL_CONNECTIONS': str(CONNECTIONS)}) as service:
        key = patient.key()
        began = time.monotonic()
        status, answer = patient.post(enrollment(), key)
        assert status == 202, answer

        ledger = Ledger(random.Random(1), service.key(), repeated=0)
        ledger.load(service, count=LETTERS, connections=4, depth=8).run_here()
        states = set()

        def all_completed():
            states.add(service.queues()['welcome-mail']['state'])
            return service.stats()['enrollments']['completed'] == LETTERS
        wait_until(all_completed, 60 + 3 * LETTERS * SLOW / CONNECTIONS, f'{LETTERS} slow letters are delivered')
        took = time.monotonic() - began
        wait_until_drained(service)
        letters = mail.letters()
        result = ledger.settle(service, letters)
        assert len(letters) == LETTERS and not repeated_letters(letters), (len(letters), LETTERS)
        assert states == {'running'}, f'a healthy mail server was taken for one that does not serve: {states}'
        attempts = {attempts_at_the_letter(view) for view in result['views'].values()}
        assert attempts == {1}, f'letters were given up that were on their way: attempts {attempts}'
        assert max(letter.active for letter in letters) >= CONNECTIONS, 'the connections were not used'

        def completed():
            status, view = patient.enrollment(answer['id'], key)
            return view if status == 200 and view['status'] == 'completed' else None
        view = wait_until(completed, VERY_SLOW + 30, f'a letter answered after {VERY_SLOW} s is done')
        assert attempts_at_the_letter(view) == 1, view
        assert len(very_slow.letters()) == 1, very_slow.letters()
        print(f'  {LETTERS} letters of {SLOW} s over {CONNECTIONS} connections in {took:.0f} s; one of {VERY_SLOW} s',
              flush=True)


if __name__ == '__main__':
    sys.exit(run(globals()))
