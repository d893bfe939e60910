#!/usr/bin/env python3
"""Each 202 was preceded by a sync of the log that began after the sign-up had been written to it, and had ended.

Seen from outside: strace tells every write to the log, every sync of it and every answer, with their times.
"""

import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.report import Skip, run
from harness.service import Service, enrollment, wait_until

CALLS = 'write,pwrite64,writev,fdatasync,fsync,sync_file_range,sendto,sendmsg'
LINE = re.compile(r'^(\d+) +(\d+\.\d+) (.*)$')


def traced(log):
    if not shutil.which('strace'):
        raise Skip('strace is not installed; scripts/setup --test installs it')
    if subprocess.run(['strace', '-o', '/dev/null', 'true'], capture_output=True).returncode != 0:
        raise Skip('processes may not be traced here')
    return ['strace', '-D', '-f', '-qq', '-ttt', '-T', '-y', '-s', '100000', '-o', str(log), '-e', 'signal=none', '-e',
            f'trace={CALLS}']


def calls(log):
    """(began, ended, text) of each call, in the order they ended."""
    begun = {}
    for line in log.read_text(errors='replace').splitlines():
        match = LINE.match(line)
        if not match:
            continue
        thread, at, text = match[1], float(match[2]), match[3]
        if text.endswith('<unfinished ...>'):
            begun[thread] = (at, text.removesuffix('<unfinished ...>'))
        elif text.startswith('<... '):
            began, first = begun.pop(thread)
            yield began, at, first + text.partition('resumed>')[2]
        else:
            took = re.search(r'<(\d+\.\d+)>$', text)
            yield at, at + float(took[1] if took else 0), text


def is_log(text):
    return re.match(r'\w+\(\d+<[^>]*/engine/\d+\.log>', text) is not None


def test_each_202_is_preceded_by_a_sync_of_the_log_that_holds_it(directory):
    log = directory / 'strace.log'
    # It works on nothing, so that all that is written is what was posted.
    with Service(directory / 'data', '--role', 'gateway', wrapper=traced(log)) as service:
        key = service.key()
        ids = []
        for _ in range(25):
            status, answer = service.post(enrollment(), key)
            assert status == 202, (status, answer)
            ids.append(answer['id'])
        wait_until(lambda: ids[-1] in log.read_text(errors='replace'), 10, 'strace has written everything')

    all_calls = sorted(calls(log), key=lambda call: call[0])
    writes = [call for call in all_calls if re.match(r'p?write', call[2]) and is_log(call[2])]
    syncs = [call for call in all_calls if re.match(r'f(data)?sync', call[2]) and is_log(call[2])]
    answers = [call for call in all_calls if call[2].startswith('send') and '202 Accepted' in call[2]]
    assert len(answers) == len(ids), (len(answers), len(ids))
    pauses = []
    for id in ids:
        answered = next(call for call in answers if id in call[2])
        written = [call for call in writes if id in call[2] and call[0] < answered[0]]
        assert written, f'{id} was answered, and nothing of it was in the log'
        began = max(call[1] for call in written)
        between = [call for call in syncs if call[0] >= began and call[1] <= answered[0] and ' = 0' in call[2]]
        assert between, (f'{id}: written until {began}, answered at {answered[0]}, '
                         f'syncs {[(sync[0], sync[1]) for sync in syncs if sync[1] >= began][:3]}')
        pauses.append(answered[0] - between[0][1])
    print(f'  {len(ids)} answers, {len(syncs)} syncs; from a sync to its answer {min(pauses) * 1e6:.0f} us at least',
          flush=True)


if __name__ == '__main__':
    sys.exit(run(globals()))
