#!/usr/bin/env python3
"""kill -9 at random moments: under load, while starting, while stopping; one data directory over all rounds.

    kill.test.py [--rounds N] [--seed N]      rounds: also $ROUNDS

The client writes down every 202, the mail server every letter it took. In the end every promise is kept exactly once,
nobody is two members, and a letter came twice only when it was on its way when something was killed.
"""

import argparse
import bisect
import collections
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.ledger import Ledger, repeated_letters, wait_until_drained
from harness.report import run
from harness.service import BINARY, ROUNDS, Service, clean_environment, cli, wait_until
from harness.smtp import SmtpDouble

options = argparse.ArgumentParser(description=__doc__)
options.add_argument('--rounds', type=int, default=ROUNDS)
options.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(4), 'big'))
options, sys.argv[1:] = options.parse_known_args()

MAILS_AT_ONCE = 64
# Attempts that run, and those that have run and wait for their commit (HostOptions::committing_at_most).
IN_FLIGHT_AT_MOST = MAILS_AT_ONCE + 1024
SETTINGS = {'GLOBOGYM_FUNCTIONS_MAX_CONCURRENCY': str(MAILS_AT_ONCE)}


def killed_while_starting(data, mail, after):
    process = subprocess.Popen([BINARY, 'serve', '--data', str(data), '--listen', '127.0.0.1:0', '--admin',
                                '127.0.0.1:0', '--mail', mail.url], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=clean_environment(SETTINGS), cwd=tempfile.gettempdir())
    time.sleep(after)
    process.kill()
    process.wait()


def test_whatever_is_killed_when_every_promise_is_kept_once(directory):
    print(f'  seed {options.seed}, {options.rounds} rounds', flush=True)
    chance = random.Random(options.seed)
    data = directory / 'data'
    kills = []       # when, on the clock the mail server uses too
    kinds = collections.Counter()
    restarts = []    # seconds from exec to ready
    code, key, err = cli('keys', 'create', '--name', 'ledger', '--scopes', 'enrollments:write,enrollments:read', data=data)
    assert code == 0, err
    ledger = Ledger(chance, key.strip())

    with SmtpDouble(directory) as mail:
        for number in range(options.rounds):
            if number % 100 == 99:
                print(f'  {number + 1} rounds, {len(ledger.promised)} promised', flush=True)
            kind = chance.choices(['load', 'start', 'stop'], [0.7, 0.15, 0.15])[0]
            kinds[kind] += 1
            if kind == 'start':
                killed_while_starting(data, mail, chance.uniform(0, 0.08))
                kills.append(time.monotonic())
                continue
            threads = str(chance.choice([1, 2]))
            service = Service(data, mail=mail.url, env=SETTINGS | {'GLOBOGYM_FUNCTIONS_THREADS': threads})
            restarts.append(service.ready_after)
            try:
                load = ledger.load(service, connections=chance.choice([1, 8, 64]), depth=chance.choice([1, 8]),
                                   per_second=chance.choice([500, 1500, 4000]), repeat_promised=0.03)
                load.start()
                time.sleep(chance.uniform(0.05, 0.8))  # the moment is what is random here
                if kind == 'stop':
                    service.process.terminate()
                    time.sleep(chance.uniform(0, 0.15))
            finally:
                service.kill()
                kills.append(time.monotonic())
                load.stop()
            if chance.random() < 0.2:
                with Service(data, mail=mail.url, env=SETTINGS) as service:
                    wait_until_drained(service)
                    ledger.settle(service, mail.letters())
                    service.kill()
                    kills.append(time.monotonic())

        with Service(data, mail=mail.url, env=SETTINGS) as service:
            ledger.send_unknown_again(service)
            wait_until_drained(service)
            letters = mail.letters()
            result = ledger.settle(service, letters)
            assert all(queue['deadLettered'] == 0 for queue in service.queues().values()), service.queues()
            assert service.stop() == 0

    pairs = repeated_letters(letters)
    at_kill = collections.Counter()
    oldest = 0
    for earlier, later in pairs:
        index = bisect.bisect_left(kills, earlier.at)
        assert index < len(kills) and kills[index] < later.at, 'a letter came twice and nothing was killed between'
        at_kill[index] += 1
        oldest = max(oldest, kills[index] - earlier.at)
    most = max(at_kill.values(), default=0)
    assert most <= IN_FLIGHT_AT_MOST, f'{most} letters of one kill came twice'
    assert len(ledger.promised) > 20 * options.rounds, 'too little was promised to prove anything'
    print(f'  kills: {len(kills)} {dict(kinds)}; promised {len(ledger.promised)}, completed {result["completed"]}, '
          f'rejected {result["rejected"]}, never answered {result["unknown"]}; letters {len(letters)}, of which twice '
          f'{len(pairs)} (most at one kill {most}, taken at most {oldest * 1000:.0f} ms before it); '
          f'slowest restart {max(restarts):.2f} s; answers {dict(ledger.statuses)}', flush=True)

    code, out, err = cli('verify', data=data)
    assert code == 0, out + err


if __name__ == '__main__':
    sys.exit(run(globals()))
