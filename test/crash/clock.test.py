#!/usr/bin/env python3
"""The wall clock is set while letters wait for their next attempt, an hour or a day, ahead and back: nothing waits longer
than it was told to, and what was counted of a month is not forgotten."""

import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.clock import Clock
from harness.ledger import Ledger, repeated_letters, wait_until_drained
from harness.report import run
from harness.service import Service, cli, enrollment, wait_until
from harness.smtp import SmtpDouble

HOUR, DAY = 3600, 24 * 3600
WAITS = 2        # seconds, the longest between two attempts
PROMPT = 9       # … and until somebody has seen what comes after
SETTINGS = {'GLOBOGYM_RETRY_FIRST_DELAY': f'{WAITS}s', 'GLOBOGYM_RETRY_MAX_DELAY': f'{WAITS}s',
            'GLOBOGYM_MAIL_MAX_ATTEMPTS': '100'}
EACH = 5


class Letters:
    """Letters that wait for their next attempt whenever somebody looks."""

    def __init__(self, service, mail):
        self.service, self.mail = service, mail
        self.ledger = Ledger(random.Random(5), service.key(), repeated=0, keyless=0)

    def pile_up(self):
        # Others are served, so that nobody takes it for an outage.
        self.ledger.load(self.service, count=EACH, connections=1, depth=1).run_here()
        self.mail.manners(rcpt={self.ledger.domain: '450 4.2.0 not yet'})
        self.ledger.load(self.service, count=EACH, connections=1, depth=1).run_here()
        wait_until(lambda: self.waiting() > 0 and self.service.queues()['welcome-mail']['leased'] == 0, 30,
                   'letters wait for their next attempt')

    def waiting(self):
        return self.service.queues()['welcome-mail']['delayed']

    def come(self, what):
        began = time.monotonic()
        self.mail.manners()
        wait_until(lambda: self.mail.taken == len(self.ledger.promised), PROMPT, f'letters go out again after {what}')
        wait_until_drained(self.service, PROMPT)
        return time.monotonic() - began


def test_nothing_that_waits_is_frozen_or_hurried_by_a_clock_that_is_set(directory):
    clock = Clock(directory)
    took = {}
    with SmtpDouble(directory) as mail, \
            Service(directory / 'data', mail=mail.url, env={**SETTINGS, **clock.env}) as service:
        letters = Letters(service, mail)
        for step in (-HOUR, HOUR, DAY, -DAY):
            letters.pile_up()
            asked = len(mail.events('rcpt'))
            clock.step(step)
            # They go on being tried, neither all the time nor never.
            wait_until(lambda: len(mail.events('rcpt')) >= asked + EACH, PROMPT, f'attempts go on after {step} s')
            again = mail.events('rcpt')[asked:]
            assert len(again) <= 4 * EACH, f'{len(again)} attempts at once after {step} s'
            oldest = service.queues()['welcome-mail']['oldestSeconds']
            assert oldest < 60, f'a letter written just now is {oldest} s old after {step} s'
            took[step] = letters.come(f'a step of {step} s')
        letters.ledger.settle(service, mail.letters())
        assert not repeated_letters(mail.letters())
    print('  ' + ', '.join(f'{step:+d} s: {after:.1f} s' for step, after in took.items()), flush=True)


def test_what_waits_over_a_restart_is_not_frozen_by_a_clock_that_is_set_meanwhile(directory):
    clock = Clock(directory)
    with SmtpDouble(directory) as mail:
        for step in (-DAY, DAY):
            data = directory / f'data{step}'
            with Service(data, mail=mail.url, env={**SETTINGS, **clock.env}) as service:
                first = mail.taken
                letters = Letters(service, mail)
                letters.pile_up()
                assert service.stop() == 0
            clock.step(step)
            with Service(data, mail=mail.url, env={**SETTINGS, **clock.env}) as service:
                mail.manners()
                wait_until(lambda: mail.taken == first + len(letters.ledger.promised), PROMPT,
                           f'letters go out again after {step} s')
                wait_until_drained(service, PROMPT)
                letters.ledger.settle(service, mail.letters()[first:])


def test_a_month_counted_before_is_not_forgotten_by_a_jump_forward_and_back(directory):
    clock = Clock(directory)
    quota = 10
    key = None

    def answers(times):
        return [service.post(enrollment(), key)[0] for _ in range(times)]
    with Service(directory / 'data', env=clock.env) as service:
        code, out, err = cli('keys', 'create', '--name', 'metered', '--scopes', 'enrollments:write', '--quota',
                             f'{quota}/month', data=service.data)
        assert code == 0, err
        key = out.strip()
        assert answers(6) == [202] * 6
        clock.step(70 * DAY)
        assert answers(3) == [202] * 3, 'another month has its own quota'
        assert service.stop() == 0
    # What is too old is forgotten when the service starts.
    with Service(directory / 'data', env=clock.env) as service:
        assert answers(1) == [202]
        clock.step(-70 * DAY)
        told = answers(6)
        assert told == [202] * (quota - 6) + [429] * 2, told


if __name__ == '__main__':
    sys.exit(run(globals()))
