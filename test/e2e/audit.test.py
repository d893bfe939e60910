#!/usr/bin/env python3
"""Who did what, from the outside: through the control socket, over TCP, through the public API, and after kill -9."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.load import Load, get_bytes
from harness.report import Skip, run
from harness.service import Service, cli, enrollment, request, wait_until


def trail(data, *arguments):
    code, out, err = cli('audit', '--json', *arguments, data=data)
    assert code == 0, (code, out, err)
    return [json.loads(line) for line in out.splitlines()]


def member_of(service, key, **fields):
    status, answer = service.post(enrollment(**fields), key)
    assert status == 202
    return wait_until(lambda: service.enrollment(answer['id'], key)[1].get('memberId'), 20, 'a member')


def test_everybody_who_reads_a_member_is_written_down(directory):
    with Service(directory / 'data') as service:
        key = service.key()
        member = member_of(service, key, email='ada.lovelace@example.com')
        assert request('GET', f'{service.listen}/v1/members/{member}', None,
                       {'X-API-Key': key, 'X-Request-Id': 'crm-1'})[0] == 200
        assert request('GET', f'{service.listen}/v1/members/ada.lovelace%40example.com', None, {'X-API-Key': key})[0] == 404
        assert cli('members', 'show', member, data=service.data)[0] == 0
        assert cli('members', 'show', 'ada.lovelace@example.com', data=service.data)[0] == 1
        assert cli('keys', 'create', '--name', 'x', '--scopes', 'nothing', data=service.data)[0] == 2
        assert service.operations('POST', '/admin/v1/queues/welcome-mail/pause')[0] == 200

        wait_until(lambda: any(line['event'] == 'member-read' for line in trail(service.data)), 2, 'the line')
        lines = [line for line in trail(service.data) if line['event'] not in ('begun', 'audit-read')]
        told = [(line['event'], line.get('asked'), line.get('targets'), line['status'], line['by']) for line in lines]
        who = key[4:15]
        assert ('member-read', None, [member], 200, who) in told, told
        assert ('refused', 'member-read', None, 404, who) in told, told
        assert ('member-shown', None, [member], 200, 'control-socket') in told, told
        assert ('refused', 'member-shown', None, 404, 'control-socket') in told, told
        assert ('refused', 'key-created', None, 400, 'control-socket') in told, told
        assert ('queue-paused', None, ['welcome-mail'], 200, 'loopback') in told, told
        assert ('key-created', None, [who], 201, 'control-socket') in told, told
        assert [line['requestId'] for line in lines if line['event'] == 'member-read'] == ['crm-1']
        assert {line['uid'] for line in lines if line['by'] == 'control-socket'} == {os.getuid()}
        assert [line['event'] for line in trail(service.data, '--event', 'member-shown', '--who', f'uid:{os.getuid()}')] == [
            'member-shown', 'refused']
        text = '\n'.join(path.read_text() for path in (service.data / 'audit').iterdir())
        assert 'ovelace' not in text and '@' not in text
        code, out, err = cli('verify', data=service.data)
        assert code == 0 and 'audit lines' in out, (out, err)
        assert service.stop() == 0
    code, out, _ = cli('audit', '--verify', data=directory / 'data')
    assert code == 0 and 'everything checks' in out, out
    assert any(line['by'] == 'command' for line in trail(directory / 'data'))


def test_what_is_done_to_the_files_is_told_and_where(directory):
    data = directory / 'data'
    with Service(data) as service:
        for _ in range(5):
            service.key()
        assert service.stop() == 0
    assert cli('audit', '--verify', data=data)[0] == 0
    file, = (data / 'audit').iterdir()
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    for name, changed in {'changed': whole.replace(b'key-created', b'key-revoked', 1), 'line taken out': b''.join(lines[:4] + lines[5:]),
                          'exchanged': b''.join(lines[:3] + [lines[4], lines[3]] + lines[5:]),
                          'cut off': b''.join(lines[:-2]), 'added': whole + lines[-1]}.items():
        file.write_bytes(changed)
        code, out, err = cli('verify', data=data)
        assert code == 1 and 'audit trail: ' in out, (name, code, out, err)
        assert 'leave' in out and 'recover' not in out, out  # which would not mend it
        file.write_bytes(whole)
        assert cli('verify', data=data)[0] == 0, name
    # A server that is started on it says so, and goes on.
    file.write_bytes(b''.join(lines[:-2]))
    with Service(data) as service:
        assert '"event":"audit-damaged"' in service.logs()
        service.key()
        code, out, err = cli('audit', '--verify', data=data)
        assert code == 1 and 'missing' in err, (code, out, err)
        # Whoever has looked into it begins anew, and says why; what stood there is put aside as it is.
        before = {file.name: file.read_bytes() for file in (data / 'audit').glob('*.jsonl')}
        assert cli('audit', '--begin-anew', data=data)[0] == 2
        assert cli('audit', '--begin-anew', '--reason', 'a@b.example did it', data=data)[0] == 2
        assert cli('audit', '--begin-anew', '--reason', 'ticket 7', '--verify', data=data)[0] == 2
        code, out, err = cli('audit', '--begin-anew', '--reason', 'ticket 7', data=data)
        assert code == 0 and 'begins anew' in out, (code, out, err)
        told = trail(data)
        assert told[0]['event'] == 'audit-begun-anew' and told[0]['reason'] == 'ticket 7' and told[0]['uid'] >= 0, told
        code, out, _ = cli('audit', '--verify', data=data)
        assert code == 0 and 'was left behind' in out and int(out.split()[0]) < 10, out
        code, out, _ = cli('doctor', data=data)
        assert 'is as it was written' in out or 'being looked at' in out, out
        aside, = (data / 'audit').glob('left-behind-*')
        after = {file.name: file.read_bytes() for file in aside.iterdir()}
        assert after.keys() == before.keys() and all(after[name].startswith(was) for name, was in before.items()), after.keys()
        # One that is sound is not to be hidden.
        code, out, err = cli('audit', '--begin-anew', '--reason', 'just so', data=data)
        assert code == 1 and 'nothing to leave behind' in err and trail(data)[0] == told[0], (code, out, err)
        assert service.stop() == 0
    assert cli('verify', data=data)[0] == 0


def test_a_change_whose_end_is_not_known_is_told_where_it_began(directory):
    data = directory / 'data'
    for name in ('one', 'two', 'three'):
        assert cli('keys', 'create', '--name', name, data=data)[0] == 0
    file, = (data / 'audit').iterdir()
    lines = file.read_text().splitlines(keepends=True)
    ends = [at for at, text in enumerate(lines) if '"begun":' in text]
    assert len(ends) == 3, lines
    file.write_text(''.join(lines[:ends[1]] + lines[ends[1] + 1:]))
    # The trail is not as it was written, which the exit code says; what stands there is shown in its order.
    code, out, _ = cli('audit', data=data)
    assert out.count('-- what follows does not check:') == 1, out
    told = [line[52:] for line in out.splitlines() if 'audit-' not in line and not line.startswith('--')]
    assert code == 1 and [line.split()[0] for line in told] == ['key-created', 'began', 'key-created'], (code, out)
    assert told[1].endswith(', and how it ended is not known'), told
    code, out, _ = cli('audit', '--json', data=data)
    told = [json.loads(line) for line in out.splitlines()]
    assert sum('unchecked' in line for line in told) == 1, told
    events = [line['event'] for line in told if 'event' in line]
    assert [event for event in events if not event.startswith('audit-')] == [
        'begun', 'key-created', 'begun', 'begun', 'key-created'], events


def test_what_can_be_nobody_and_no_event_is_wrong_usage(directory):
    assert cli('keys', 'create', '--name', 'one', data=directory / 'data')[0] == 0
    for option, said in ((('--event', 'member-shwn'), 'did you mean member-shown?'),
                         (('--event', 'nosuch'), 'there are member-shown, '), (('--who', 'nosuch'), 'uid:NUMBER'),
                         (('--who', 'uid:ada'), 'uid:NUMBER'), (('--since', 'yesterday'), '--since must be 24h')):
        code, out, err = cli('audit', *option, data=directory / 'data')
        assert code == 2 and out == '' and said in err, (option, code, out, err)
    for option in (('--event', 'member-shown'), ('--who', 'uid:4242'), ('--who', 'vHOQb_z73aQ'), ('--since', '7d', '--who', 'trail')):
        code, out, err = cli('audit', *option, data=directory / 'data')
        assert code == 0 and out == 'nothing of that kind was done\n', (option, code, out, err)


def test_what_was_answered_is_there_after_a_kill(directory):
    data = directory / 'data'
    made = []
    for _ in range(5):
        service = Service(data)
        for _ in range(3):
            made.append(service.key()[4:15])
        service.kill()
    told = [line['targets'][0] for line in trail(data, '--event', 'key-created')]
    assert told == made, (told, made)
    assert cli('audit', '--verify', data=data)[0] == 0


def test_without_room_for_a_line_nothing_is_done_and_sign_ups_go_on(directory):
    data = directory / 'data'
    with Service(data) as service:
        key = service.key()
        member = member_of(service, key)
        shutil.move(data / 'audit', directory / 'aside')
        (data / 'audit').write_text('in its place')
        code, _, err = cli('members', 'show', member, data=data)
        assert code == 3 and 'audit trail cannot be written' in err, (code, err)
        code, _, err = cli('members', 'erase', member, data=data)
        assert code == 3 and 'audit trail cannot be written' in err, (code, err)
        read = lambda: request('GET', f'{service.listen}/v1/members/{member}', None, {'X-API-Key': key})[0]
        wait_until(lambda: read() == 503, 5, '503')
        assert service.post(enrollment(), key)[0] == 202
        assert '"event":"audit-not-written"' in service.logs()
        (data / 'audit').unlink()
        shutil.move(directory / 'aside', data / 'audit')
        wait_until(lambda: read() == 200, 5, '200')
        assert cli('members', 'show', member, data=data)[0] == 0
        assert any(line['event'] == 'audit-resumed' for line in trail(data))
        assert cli('audit', '--verify', data=data)[0] == 0


def thread_of(pid, name):
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        if (task / 'comm').read_text().strip() == name:
            return task
    raise AssertionError(f'no thread {name}')


def test_what_the_disk_did_not_keep_is_written_again_once(directory):
    if not shutil.which('strace') or subprocess.run(['strace', '-o', '/dev/null', 'true'], capture_output=True).returncode != 0:
        raise Skip('nothing can be traced here; scripts/setup --test installs strace')
    data = directory / 'data'
    with Service(data) as service:
        key, finder = service.key(), service.key(scopes='members:find')
        member_of(service, key, email='ada@example.com')

        def looks():
            return request('POST', service.admin + '/admin/v1/find', {'query': 'ada@example.com'},
                           {'Content-Type': 'application/json', 'X-API-Key': finder})[0]

        def pauses():
            return service.operations('POST', '/admin/v1/queues/welcome-mail/pause')[0]

        assert looks() == 200
        writer = thread_of(service.pid, 'audit')
        disk = subprocess.Popen(['strace', '-qq', '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO', '-p',
                                 writer.name], stdin=subprocess.DEVNULL)
        try:
            wait_until(lambda: f'TracerPid:\t{disk.pid}\n' in (writer / 'status').read_text(), 20, 'the disk fails')
            # What is read is told once it is written; then the disk refuses it.
            shown = [looks() for _ in range(5)]
            wait_until(lambda: 'audit-not-written' in service.logs(), 20, 'the log tells')
            assert pauses() == 503, 'nothing is changed without its line on the disk'
        finally:
            disk.send_signal(signal.SIGINT)
            disk.wait(20)
        wait_until(lambda: pauses() == 200, 20, 'it can be written again')
        shown.append(looks())
        assert service.stop() == 0

    code, out, err = cli('audit', '--verify', data=data)
    assert code == 0 and 'everything checks' in out, (out, err)
    lines = trail(data)
    looked = [line for line in lines if line['event'] == 'person-looked-up']
    assert len({line['requestId'] for line in looked}) == len(looked) == 1 + shown.count(200), (shown, looked)
    assert shown[0] == shown[-1] == 200, shown


def test_a_client_that_reads_a_thousand_members_a_second_is_told_each_time(directory):
    with Service(directory / 'data') as service:
        key = service.key()
        member = member_of(service, key)
        statuses = []
        began = time.monotonic()
        Load(service.listen, ((i, get_bytes(f'/v1/members/{member}', key)) for i in range(5000)),
             lambda _, status, head, body: statuses.append(status), connections=8, depth=4).run_here(60)
        took = time.monotonic() - began
        assert statuses.count(200) == len(statuses) == 5000, len(statuses)
        wait_until(lambda: len(trail(service.data, '--event', 'member-read')) == 5000, 10, '5000 lines')
        print(f'  {5000 / took:.0f} reads a second', flush=True)


if __name__ == '__main__':
    sys.exit(run(globals()))
