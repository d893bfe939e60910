#!/usr/bin/env python3
"""The mail server dies, stalls and talks nonsense at every stage of SMTP while people sign up.

Nothing is lost, nobody is parked, every letter keeps its Message-ID and content, and a letter comes twice only when the
server had all of it and its answer never came.
"""

import collections
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.ledger import Ledger, repeated_letters, wait_until_drained
from harness.report import Skip, run
from harness.service import QUICK, Service, wait_until
from harness.smtp import ACTIONS, STAGES, SmtpDouble

SEED = int(os.environ.get('SEED', int.from_bytes(os.urandom(4), 'big')))

# A letter refused for good is parked, so `5xx` is misbehaviour only where it says nothing about one letter.
MISBEHAVIOUR = ['refuse', 'slow', 'close_body', 'lost_dot', '5xx_banner', '5xx_ehlo', '5xx_mail',
                *(f'{action}_{stage}' for stage in STAGES for action in ACTIONS if action != '5xx')]
TAKEN_WITHOUT_ANSWER = {'close_dot', 'silent_dot', 'garbage_dot'}
SETTINGS = {'GLOBOGYM_MAIL_REPLY_TIME': '500ms', 'GLOBOGYM_MAIL_ACCEPT_TIME': '1500ms', 'GLOBOGYM_MAIL_CONNECT_TIME': '1s',
            'GLOBOGYM_MAIL_MAX_ATTEMPTS': '100', 'GLOBOGYM_RETRY_FIRST_DELAY': '50ms', 'GLOBOGYM_RETRY_MAX_DELAY': '500ms'}


def test_a_mail_server_that_dies_at_every_stage_loses_no_letter(directory):
    print(f'  seed {SEED}', flush=True)
    chance = random.Random(SEED)
    modes = list(MISBEHAVIOUR)
    chance.shuffle(modes)
    # Each costs the breaker's patience, some 15 s; the seed decides which.
    modes = modes[:8 if QUICK else 24]
    with SmtpDouble(directory) as mail, Service(directory / 'data', mail=mail.url, env=SETTINGS) as service:
        ledger = Ledger(chance, service.key())
        load = ledger.load(service, connections=4, depth=2, per_second=200)
        load.start()
        bites = {}
        for mode in modes:
            mail.mode = mode
            if mode == 'refuse':
                wait_until(lambda: service.queues()['welcome-mail']['state'] == 'circuit-open', 60,
                           'the outage is noticed')
            else:
                wait_until(lambda: mail.bites >= 1, 90, f'{mode} is met')
            bites[mode] = mail.bites
            before = mail.taken
            mail.mode = 'healthy'
            wait_until(lambda: mail.taken >= before + 10, 90, f'letters go out again after {mode}')
        load.stop()
        wait_until_drained(service)
        letters = mail.letters()
        result = ledger.settle(service, letters)
        queue = service.queues()['welcome-mail']
        assert queue['deadLettered'] == 0 and queue['state'] == 'running', queue
        assert set(ledger.statuses) == {202}, ledger.statuses
        pairs = repeated_letters(letters)
        for earlier, later in pairs:
            assert earlier.mode in TAKEN_WITHOUT_ANSWER, (earlier, later)
        attempts = collections.Counter(step['attempts'] for view in result['views'].values() for step in view['steps']
                                       if step['name'] == 'welcome-mail')
        print(f'  promised {len(ledger.promised)}, letters {len(letters)}, twice {len(pairs)}; '
              f'attempts {dict(sorted(attempts.items()))}; bites {bites}', flush=True)
        assert 'example.com' not in service.logs()


def certificate(directory, name):
    """A certificate of its own for 127.0.0.1, and its key."""
    if not shutil.which('openssl'):
        raise Skip('openssl is not installed')
    paths = directory / f'{name}.pem', directory / f'{name}.key'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                    '-keyout', paths[1], '-out', paths[0], '-days', '2', '-subj', '/CN=127.0.0.1',
                    '-addext', 'subjectAltName=IP:127.0.0.1'], check=True, capture_output=True)
    return paths


def test_letters_wait_while_the_mail_server_cannot_be_trusted_or_fails_at_tls(directory):
    good, stranger = certificate(directory, 'good'), certificate(directory, 'stranger')
    chance = random.Random(SEED)
    with SmtpDouble(directory, *good) as mail:
        # Our service trusts somebody else.
        with Service(directory / 'data', mail=mail.url, env={**SETTINGS, 'GLOBOGYM_MAIL_CA_FILE': str(stranger[0])}) as service:
            ledger = Ledger(chance, service.key())
            ledger.load(service, count=200, connections=4).run_here()
            wait_until(lambda: mail.bites >= 1 and service.queues()['welcome-mail']['state'] == 'circuit-open', 60,
                       'the certificate is refused')
            assert mail.taken == 0 and service.queues()['welcome-mail']['deadLettered'] == 0
            assert service.stop() == 0
        with Service(directory / 'data', mail=mail.url, env={**SETTINGS, 'GLOBOGYM_MAIL_CA_FILE': str(good[0])}) as service:
            for mode in ('garbage_starttls', 'close_starttls'):
                mail.mode = 'refuse'  # open connections are past that stage
                mail.mode = mode
                ledger.load(service, count=50, connections=4).run_here()
                wait_until(lambda: mail.bites >= 1, 60, f'{mode} is met')
                before = mail.taken
                mail.mode = 'healthy'
                wait_until(lambda: mail.taken > before, 60, 'letters go out again')
            wait_until_drained(service)
            ledger.settle(service, mail.letters())
            assert not repeated_letters(mail.letters())
            assert service.queues()['welcome-mail']['deadLettered'] == 0


if __name__ == '__main__':
    sys.exit(run(globals()))
