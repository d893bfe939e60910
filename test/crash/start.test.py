#!/usr/bin/env python3
"""Started with less than it needs: closed descriptors, few threads, little memory. It serves, or says what it lacks and
ends with 3; and what it could start with is enough to stop with.
"""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.report import Skip, run
from harness.service import BINARY, Service, clean_environment, cli, enrollment, wait_until

NOBODY_ELSE = 54321  # a user without any process


def closed(descriptors):
    """Runs in the child, before the program."""
    def close():
        for descriptor in descriptors:
            os.close(descriptor)
    return close


def serve(data, *flags):
    return [BINARY, 'serve', '--data', str(data), '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', *flags]


def test_with_any_of_the_standard_descriptors_closed_nothing_is_written_into_the_data(directory):
    for descriptors in ([0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]):
        data = directory / ('data-' + ''.join(map(str, descriptors)))
        process = subprocess.Popen(serve(data), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=clean_environment(), cwd=tempfile.gettempdir(),
                                   preexec_fn=closed(descriptors))
        try:
            wait_until(lambda: process.poll() is not None or (data / 'control.sock').exists(), 30,
                       f'it runs without {descriptors}')
            assert process.poll() is None, (descriptors, process.returncode)
            wait_until(lambda: cli('keys', 'create', '--name', 'x', data=data)[0] == 0, 30, 'it answers')
            for number in (0, 1, 2):
                target = os.readlink(f'/proc/{process.pid}/fd/{number}')
                assert str(data) not in target, f'without {descriptors}, {number} is {target}'
            # Whatever it logs from here on: here a certificate reload without certificates.
            process.send_signal(signal.SIGHUP)
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0, descriptors
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        for file in (data / 'engine').iterdir():
            assert b'"event"' not in file.read_bytes(), f'without {descriptors}: log lines in {file.name}'
        code, out, err = cli('verify', data=data)
        assert code == 0, out + err


def test_a_new_and_empty_directory_is_said_to_be_one_and_no_other(directory):
    with Service(directory / 'data') as service:
        assert 'store-created' in service.logs(), service.logs()
    with Service(directory / 'data') as service:
        assert 'store-created' not in service.logs(), service.logs()
    code, out, err = cli('keys', 'create', '--name', 'x', data=directory / 'other')
    assert code == 0 and 'new, empty data directory' in err and 'new' not in out, (code, err)
    code, out, err = cli('keys', 'create', '--name', 'x', data=directory / 'other')
    assert code == 0 and 'new, empty' not in err, (code, err)


def test_a_command_whose_answer_cannot_be_written_says_so(directory):
    done = subprocess.run([BINARY, 'config', 'default'], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          preexec_fn=closed([1]), env=clean_environment(), text=True, timeout=30)
    assert done.returncode == 3 and 'could not be written' in done.stderr, (done.returncode, done.stderr)


def under(limits, data, user=None):
    """Whether it starts under `limits` (for ulimit), and stops in order. What it says when it does not."""
    command = ['bash', '-c', f'ulimit {limits} && exec "$@"', 'bash', *serve(data)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=clean_environment(), cwd='/', user=user, group=user,
                               extra_groups=[] if user else None)
    try:
        line = process.stdout.readline()
        if line:
            process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    said = said.decode(errors='replace')
    if line:
        assert process.returncode == 0, f'{limits}: it started, and its stop ended with {process.returncode}: {said}'
        return True, said
    assert process.returncode == 3, f'{limits}: it did not start, and ended with {process.returncode}: {said[-800:]}'
    assert 'globogym: ' in said, f'{limits}: it did not say why: {said!r}'
    return False, said


def test_with_too_few_threads_it_says_so_and_with_just_enough_it_stops_in_order(directory):
    if os.getuid() != 0:
        raise Skip('needs root, to run as a user without other processes')
    os.chmod(directory, 0o755)
    outcomes = []
    for number in range(1, 41):
        data = directory / f'data-{number}'
        data.mkdir(0o700)
        os.chown(data, NOBODY_ELSE, NOBODY_ELSE)
        try:
            started, said = under(f'-u {number}', data, NOBODY_ELSE)
        except PermissionError as error:
            raise Skip(f'the program cannot be run by another user: {error}') from error
        assert started or 'thread' in said, f'{number} threads: {said}'
        outcomes.append(started)
    assert not outcomes[0] and outcomes[-1], outcomes
    enough = outcomes.index(True) + 1
    assert all(outcomes[enough - 1:]), f'with more it starts, too: {outcomes}'
    print(f'  {enough} threads are enough', flush=True)
    serves_with_no_thread_to_spare(directory / 'data', enough)


def serves_with_no_thread_to_spare(data, number):
    """The first letter needs a look-up, and that a thread which may not be to be had: it waits, and the process lives."""
    data.mkdir(0o700)
    os.chown(data, NOBODY_ELSE, NOBODY_ELSE)
    limited = ['setpriv', f'--reuid={NOBODY_ELSE}', f'--regid={NOBODY_ELSE}', '--clear-groups',
               'bash', '-c', f'ulimit -u {number} && exec "$@"', 'bash']
    with Service(data, mail='smtp://localhost:9', wrapper=limited) as service:
        assert service.post(enrollment(), key=service.key())[0] == 202
        wait_until(lambda: 'smtp-connection-failed' in service.logs(), 30, 'the log says that the letter cannot go out')
        assert service.process.poll() is None
        assert service.stop() == 0


def test_with_too_few_descriptors_it_says_so_and_with_just_enough_it_stops_in_order(directory):
    outcomes = []
    for number in [*range(5, 40), 64]:
        started, said = under(f'-n {number}', directory / f'data-{number}')
        outcomes.append(started)
        assert started or 'open' in said or 'descriptors' in said, f'{number} descriptors: {said}'
    assert not outcomes[0] and outcomes[-1], outcomes


def test_idle_connections_leave_the_engine_its_files(directory):
    """More of them than the process may have open files; the engine, mail and an operator go on beside them."""
    limited = ['bash', '-c', 'ulimit -n 256 && exec "$@"', 'bash']
    with Service(directory / 'data', wrapper=limited) as service:
        assert 'connections-limited' in service.logs(), service.logs()
        key = service.key()
        host, _, port = service.listen.partition('://')[2].rpartition(':')
        kept = http.client.HTTPConnection(host, int(port), timeout=10)
        kept.request('GET', '/healthz')
        assert kept.getresponse().read()
        idle = [socket.create_connection((host, int(port)), timeout=10) for _ in range(400)]
        try:
            for _ in range(50):
                kept.request('POST', '/v1/enrollments', json.dumps(enrollment()),
                             {'X-API-Key': key, 'Content-Type': 'application/json'})
                answer = kept.getresponse()
                assert answer.read() and answer.status == 202, answer.status
            wait_until(lambda: service.stats()['mailsSent'] == 50, 30, 'the letters are out')
            code, out, err = cli('keys', 'list', data=directory / 'data')
            assert code == 0, out + err
        finally:
            for one in idle:
                one.close()
        assert 'engine-failed' not in service.logs(), service.logs()


def test_commands_that_lack_descriptors_say_so(directory):
    assert cli('keys', 'create', '--name', 'x', data=directory / 'data')[0] == 0
    for number in range(5, 30):
        for command in (['keys', 'list'], ['dead-letters', 'list'], ['doctor']):
            done = subprocess.run(['bash', '-c', f'ulimit -n {number} && exec "$@"', 'bash', BINARY, *command, '--data',
                                   str(directory / 'data')], capture_output=True, text=True, timeout=30,
                                  env=clean_environment(), cwd='/')
            assert done.returncode in (0, 1, 3), (number, command, done)
            assert done.returncode == 0 or done.stderr or done.stdout, (number, command, done)


def test_with_too_little_memory_it_says_so(directory):
    """Of address space, which is taken in many places: each step of the start fails at some limit."""
    outcomes = []
    for mib in [*range(60, 320, 8), 500, 1000, 4000]:
        started, said = under(f'-v {mib * 1024}', directory / f'data-{mib}')
        outcomes.append(started)
        assert started or 'memory' in said or 'thread' in said, f'{mib} MiB: {said}'
    assert not outcomes[0] and outcomes[-1], outcomes


if __name__ == '__main__':
    sys.exit(run(globals()))
