#!/usr/bin/env python3
"""A mail server that serves most: one domain in trouble, or some connections that die, keep nobody else's letters waiting.

    mail-neighbours.test.py [--long]      with more letters
"""

import argparse
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.ledger import Ledger, repeated_letters, wait_until_drained
from harness.load import get_all
from harness.report import run
from harness.service import ROUNDS, Service, enrollment, wait_until
from harness.smtp import SmtpDouble

options = argparse.ArgumentParser(description=__doc__)
options.add_argument('--long', action='store_true', default=ROUNDS > 50)
options, sys.argv[1:] = options.parse_known_args()

SETTINGS = {'GLOBOGYM_RETRY_FIRST_DELAY': '100ms', 'GLOBOGYM_RETRY_MAX_DELAY': '1s'}
# What a relay that takes all other mail says to RCPT, and what becomes of the sign-ups in the end.
IN_TROUBLE = {
    'lookup.example': ('451 4.3.0 lookup failure', 'attempts-exhausted'),
    'toomany.example': ('421 4.7.0 too many for this domain', 'attempts-exhausted'),
    'full.example': ('452 4.3.1 insufficient system storage', 'attempts-exhausted'),
    'wordy.example': ('550 5.1.1 nobody here, ' + 'and there is much to be said about that ' * 15, 'recipient-refused'),
}
BAD_EACH = 5
GOOD = 200 if options.long else 60
PROMPT = 5       # seconds from the answer to a sign-up until its letter is taken
ATTEMPTS = 12


def test_a_domain_in_trouble_keeps_no_other_letter_waiting(directory):
    settings = {**SETTINGS, 'GLOBOGYM_MAIL_MAX_ATTEMPTS': str(ATTEMPTS)}
    manners = {'rcpt': {domain: reply for domain, (reply, _) in IN_TROUBLE.items()}}
    with SmtpDouble(directory, **manners) as mail, Service(directory / 'data', mail=mail.url, env=settings) as service:
        key = service.key()
        bad = {}  # domain by id
        states = set()

        def post(email):
            status, answer = service.post(enrollment(email=email), key)
            assert status == 202, answer
            states.add(service.queues()['welcome-mail']['state'])
            return answer['id']
        for number in range(BAD_EACH):
            for domain in IN_TROUBLE:
                bad[post(f'bad-{number}@{domain}')] = domain
        posted = {}  # when, by address
        for number in range(GOOD):
            email = f'good-{number}@fine.example'
            posted[email] = time.monotonic()
            post(email)
            time.sleep(0.2)  # so that they come while the bad ones are tried again and again

        wait_until(lambda: mail.taken >= GOOD, 30, 'all good letters are delivered')
        letters = mail.letters()
        assert len(letters) == GOOD and not repeated_letters(letters), len(letters)
        waited = [letter.at - posted[letter.recipient] for letter in letters]
        assert max(waited) < PROMPT, f'a good letter waited {max(waited):.1f} s for bad ones'
        assert states == {'running'}, f'a mail server that serves was taken for one that does not: {states}'

        # The bad ones use up their attempts like any poison, each for its own reason.
        wait_until_drained(service, 60)
        views = get_all(service.listen, [f'/v1/enrollments/{id}' for id in bad], key)
        for id, domain in bad.items():
            status, view = views[f'/v1/enrollments/{id}']
            reply, reason = IN_TROUBLE[domain]
            assert (view['status'], view['reason']) == ('parked', reason), view
            step = next(step for step in view['steps'] if step['name'] == 'welcome-mail')
            assert reply[:3] in step['lastError'], view
        stats = service.stats()['enrollments']
        assert stats['completed'] == GOOD and stats['parked'] == len(bad), stats
        assert service.queues()['welcome-mail']['state'] == 'running'
        assert '.example' not in service.logs().replace('globogym.example', ''), 'an address is in the log'
        print(f'  {GOOD} good letters, each within {max(waited):.2f} s; {len(bad)} bad ones parked', flush=True)


def drain(directory, letters, dying):
    """How long so many letters take that have piled up; the server hangs up after every second."""
    directory.mkdir()
    with SmtpDouble(directory) as mail, \
            Service(directory / 'data', mail=mail.url, env={**SETTINGS, 'GLOBOGYM_MAIL_CONNECTIONS': '4'}) as service:
        ledger = Ledger(random.Random(3), service.key(), repeated=0)
        mail.mode = 'refuse'
        ledger.load(service, count=letters, connections=4, depth=8).run_here()
        wait_until(lambda: service.queues()['welcome-mail']['state'] == 'circuit-open', 60, 'the outage is noticed')
        mail.manners(delays={'dot': 0.02}, dying=dying, letters_each=2)
        mail.mode = 'healthy'
        wait_until(lambda: mail.taken > 0, 60, 'a probe goes out')
        began = time.monotonic()
        wait_until_drained(service, 300)
        took = time.monotonic() - began
        taken = mail.letters()
        ledger.settle(service, taken)
        assert not repeated_letters(taken)
        assert service.queues()['welcome-mail']['deadLettered'] == 0
        return took, mail.bites


def test_letters_drain_about_as_fast_when_one_new_connection_in_ten_dies(directory):
    letters = 2000 if options.long else 500
    undisturbed, _ = drain(directory / 'control', letters, 0.0)
    disturbed, deaths = drain(directory / 'dying', letters, 0.1)
    print(f'  {letters} letters in {undisturbed:.1f} s; with {deaths} dead connections in {disturbed:.1f} s', flush=True)
    assert deaths >= letters / 100, f'only {deaths} connections died'
    assert disturbed < 2 * undisturbed + 10, f'{disturbed:.1f} s instead of {undisturbed:.1f} s'


if __name__ == '__main__':
    sys.exit(run(globals()))
