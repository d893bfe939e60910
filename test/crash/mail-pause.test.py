#!/usr/bin/env python3
"""The whole process stands still (SIGSTOP, a virtual machine that is moved) past every deadline, while the mail server
goes on and acknowledges: what it has taken is not sent again.

    mail-pause.test.py [--long]      past the lease as well
"""

import argparse
import os
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.ledger import Ledger, repeated_letters, wait_until_drained
from harness.report import run
from harness.service import ROUNDS, Service, wait_until
from harness.smtp import SmtpDouble

options = argparse.ArgumentParser(description=__doc__)
options.add_argument('--long', action='store_true', default=ROUNDS > 50)
options, sys.argv[1:] = options.parse_known_args()

# Short, so that standing still for some seconds passes all of them.
SETTINGS = {'GLOBOGYM_MAIL_CONNECT_TIME': '500ms', 'GLOBOGYM_MAIL_REPLY_TIME': '500ms', 'GLOBOGYM_MAIL_ACCEPT_TIME': '2s',
            'GLOBOGYM_MAIL_CONNECTIONS': '16', 'GLOBOGYM_RETRY_FIRST_DELAY': '100ms', 'GLOBOGYM_RETRY_MAX_DELAY': '500ms'}
STANDS_STILL = 150 if options.long else 30
AFTER = 1.0      # seconds that the server takes over a letter
LETTERS = 48


def test_what_the_server_acknowledged_while_we_stood_still_is_not_sent_again(directory):
    with SmtpDouble(directory, delays={'dot': AFTER}) as mail, \
            Service(directory / 'data', mail=mail.url, env=SETTINGS) as service:
        ledger = Ledger(random.Random(4), service.key(), repeated=0)
        ledger.load(service, count=LETTERS, connections=4, depth=8).run_here()
        # Some letters have been answered, and others, whose content is with the server, have not.
        wait_until(lambda: mail.taken >= 8, 60, 'letters go out')
        time.sleep(AFTER / 2)
        os.kill(service.pid, signal.SIGSTOP)
        try:
            before = mail.taken
            time.sleep(STANDS_STILL)
            meanwhile = mail.taken - before
        finally:
            os.kill(service.pid, signal.SIGCONT)
        assert meanwhile > 0, 'nothing was acknowledged while we stood still'
        wait_until(lambda: service.stats()['enrollments']['completed'] == LETTERS, 90, 'every letter is done')
        wait_until_drained(service)
        letters = mail.letters()
        ledger.settle(service, letters)
        assert len(letters) == LETTERS and not repeated_letters(letters), (len(letters), meanwhile)
        assert service.queues()['welcome-mail']['deadLettered'] == 0
        print(f'  {meanwhile} letters were acknowledged while the process stood still for {STANDS_STILL} s', flush=True)


if __name__ == '__main__':
    sys.exit(run(globals()))
