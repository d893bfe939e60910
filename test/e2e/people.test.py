#!/usr/bin/env python3
"""People are found by who may find them: at the front desk by the command, by a program over the network; and nobody's
address comes to stand in a log, a URL or a list of processes."""

import csv
import http.client
import io
import json
import os
import pathlib
import socket
import subprocess
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import report
from harness.service import BINARY, Service, cli, clean_environment, enrollment, request, wait_until

ADDRESS = 'nobody-may-see-this@example.com'


def joined(service, key, **fields):
    """The ended enrollment of somebody who signed up."""
    status, answer = service.post(enrollment(**fields), key)
    assert status == 202, (status, answer)
    ended = ('completed', 'rejected', 'parked')
    wait_until(lambda: service.enrollment(answer['id'], key)[1]['status'] in ended, 10, 'the enrollment ends')
    return service.enrollment(answer['id'], key)[1]


def letters_have_gone(service):
    """A letter that is being sent is not replaced: a person is told to try again in a minute."""
    wait_until(lambda: service.queues()['welcome-mail']['waiting'] == 0, 10, 'no letter waits, and none is being sent')


def find(service, query, key=None):
    headers = {'Content-Type': 'application/json'} | ({'X-API-Key': key} if key else {})
    return request('POST', service.admin + '/admin/v1/find', {'query': query}, headers)


def asked_on_stdin(data, line, *flags):
    return subprocess.run([BINARY, 'find', '--data', str(data), *flags], input=line, text=True, capture_output=True,
                          env=clean_environment(), timeout=60)


def test_the_command_finds_a_person_beside_a_server_and_on_a_stopped_ones_directory(data):
    with Service(data) as service:
        key = service.key()
        first = joined(service, key, email=ADDRESS)
        again = joined(service, key, email=ADDRESS.upper())
        member = first['memberId']
        assert again['status'] == 'rejected' and again['memberId'] == member, again  # the key has members:read
        beside = asked_on_stdin(data, ADDRESS + '\n', '--json')
    stopped = asked_on_stdin(data, ADDRESS + '\n', '--json')

    for asked in (beside, stopped):
        assert asked.returncode == 0, asked
        found = json.loads(asked.stdout)
        assert found['member']['id'] == member and found['member']['details']['email'] == ADDRESS
        assert [each['status'] for each in found['enrollments']] == ['rejected', 'completed']
        assert all(each['steps'] and each['timeline']['events'] for each in found['enrollments'])
        assert found['waiting'] == [] and found['deadLetters'] == []
    for query in (found['member']['number'], found['member']['number'].lower().replace('-', ' '), member, first['id']):
        code, out, _ = cli('find', query, data=data)
        assert code == 0 and member in out and first['id'] in out, (query, out)
    assert asked_on_stdin(data, 'stranger@example.com\n').returncode == 1
    code, out, err = cli('find', 'Lovelace', data=data)
    assert code == 2 and 'address' in err and 'Lovelace' not in err, (code, out, err)


def test_over_the_network_only_the_scope_finds_anybody(data):
    with Service(data) as service:
        key = service.key()
        member = joined(service, key, email=ADDRESS)['memberId']
        finder = service.key(scopes='members:find')
        other = service.key(scopes='ops:read,ops:write,members:read,members:write')

        status, found = find(service, ADDRESS, finder)[:2]
        assert status == 200 and found['member']['id'] == member, (status, found)
        told = [find(service, query, other) for query in (ADDRESS, 'stranger@example.com')]
        assert told[0] == told[1] and told[0][0] == 403 and 'members:find' in told[0][1]['detail'], told
        assert find(service, ADDRESS)[0] == 401
        assert request('GET', service.admin + '/admin/v1/find?query=x', headers={'X-API-Key': finder})[0] == 405
        assert request('GET', service.listen + '/v1/members', headers={'X-API-Key': finder})[0] == 403


def test_no_log_and_no_trail_holds_an_address_that_was_looked_for(data):
    with Service(data, env={'GLOBOGYM_TELEMETRY_LOG_LEVEL': 'debug'}) as service:
        key = service.key()
        finder = service.key(scopes='members:find')
        joined(service, key, email=ADDRESS)
        for query in (ADDRESS, 'nobody-may-see-that@example.com', 'nobody-may-see'):
            find(service, query, finder)
            find(service, query)
            asked_on_stdin(data, query + '\n')
        service.stop()
        log = service.logs()
    trail = cli('audit', data=data)[1] + ''.join(file.read_text() for file in (data / 'audit').iterdir())

    assert '"level":"debug"' in log
    assert 'person-looked-up' in log and 'person-looked-up' in trail
    assert 'nobody-may' not in log and 'nobody-may' not in trail


def shown_of_processes(word):
    """The processes in whose command line or environment `word` stands."""
    shown = []
    for process in pathlib.Path('/proc').glob('[0-9]*'):
        for file in ('cmdline', 'environ'):
            try:
                if word.encode() in (process / file).read_bytes():
                    shown.append(process / file)
            except OSError:
                pass
    return shown


class Listened:
    """Stands between a command and the server, at the control socket: a command that has asked is waiting for its answer."""

    def __init__(self, data):
        self.place, self.server = data / 'control.sock', data / 'server.sock'

    def __enter__(self):
        self.place.rename(self.server)
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(str(self.place))
        os.chmod(self.place, 0o600)
        self.door.listen()
        self.door.settimeout(30)
        return self

    def __exit__(self, *_):
        self.door.close()
        self.server.replace(self.place)

    def passes_on(self, while_it_waits):
        """Takes the request that asks something, does what is to be done meanwhile, and has it answered. Its head and its
        body."""
        while True:
            head, body = self.passes_one(while_it_waits)
            if body:  # before, a command asks for a sign of life
                return head, body

    def passes_one(self, while_it_waits):
        head = b''
        while not head:  # a command first looks whether anybody listens
            command, _ = self.door.accept()
            command.settimeout(30)
            asked = command.makefile('rb')
            head = asked.readline()
        while not head.endswith(b'\r\n\r\n'):
            line = asked.readline()
            assert line, head
            head += line
        length = [line.split(b':')[1] for line in head.splitlines() if line.lower().startswith(b'content-length:')]
        body = asked.read(int(length[0])) if length else b''
        if body:
            while_it_waits()
        with command, asked, socket.socket(socket.AF_UNIX) as server:
            server.settimeout(30)
            server.connect(str(self.server))
            server.sendall(head + body)
            answer = http.client.HTTPResponse(server)
            answer.begin()
            text = answer.read()
            command.sendall(f'HTTP/1.1 {answer.status} {answer.reason}\r\nContent-Type: application/json\r\n'
                            f'Content-Length: {len(text)}\r\nConnection: close\r\n\r\n'.encode() + text)
        return head.decode(), body.decode()


def test_an_address_that_is_typed_stands_in_no_list_of_processes_no_log_and_no_url(data):
    word = f'typed-{uuid.uuid4().hex}'  # nobody else's on this machine
    wrong, right = f'{word}@gmial.example', f'{word}@gmail.example'
    with Service(data) as service:
        member = joined(service, service.key(), email=wrong)['memberId']
        find, correct = ('find',), ('members', 'correct-email', member, '--reason', 'mistyped', '--to')
        asks = [  # what is written on the command line is seen: so this looks where it says it does
            ((*find, wrong), '', True), (find, wrong, False), ((*find, '-'), wrong, False), ((*correct, '-'), right, False),
            ((*correct, wrong), '', True)]
        for arguments, typed, shown in asks:
            letters_have_gone(service)
            with Listened(data) as listened:
                command = subprocess.Popen([BINARY, *arguments, '--data', data], stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
                try:
                    command.stdin.write(f'{typed}\n'.encode())
                    command.stdin.flush()
                    seen = []
                    head, body = listened.passes_on(lambda: seen.extend(shown_of_processes(word)))
                    out, err = command.communicate(timeout=30)
                finally:
                    command.kill()
                    command.wait()
            assert seen == ([pathlib.Path(f'/proc/{command.pid}/cmdline')] if shown else []), (arguments, seen)
            assert command.returncode == 0, (arguments, command.returncode, out, err)
            assert (typed or wrong) in body and word not in head, (arguments, head)  # no URL and no header holds it
            assert word not in err.decode(), err
        service.stop()
        log = service.logs()
    assert 'person-looked-up' in log and word not in log, log
    trail = [file for file in (data / 'audit').iterdir() if word in file.read_text()]
    assert not trail and word not in cli('audit', data=data)[1], trail


def letters_to(data, address):
    """The letters in the outbox whose recipient is this."""
    return [file for file in (data / 'outbox').glob('*.eml') if f'To: {address}' in file.read_text().replace('<', '').replace('>', '')]


def test_a_mistyped_address_is_mended_and_the_letter_goes_there(data):
    with Service(data) as service:
        key = service.key()
        wrong, right = 'ada@gmial.example', 'ada@gmail.example'
        before = joined(service, key, email=wrong)
        member = request('GET', service.listen + '/v1/members/' + before['memberId'], headers={'X-API-Key': key})[1]
        code, out, err = cli('members', 'correct-email', member['number'], '--to', right, '--reason', 'mistyped', data=data)
        assert code == 0 and 'letter goes to it' in out, (code, out, err)
        wait_until(lambda: letters_to(data, right), 10, 'the letter is there')
        letters_have_gone(service)
        assert cli('members', 'resend-letter', member['id'], data=data)[0] == 0
        wait_until(lambda: len(letters_to(data, right)) == 2, 10, 'the letter is there again')

        after = request('GET', service.listen + '/v1/members/' + member['id'], headers={'X-API-Key': key})[1]
        assert after == member | {'email': right}, after
        assert service.stats()['members'] == 1
        assert service.enrollment(before['id'], key)[1]['status'] == 'completed'
        assert joined(service, key, email=wrong)['status'] == 'completed'  # whose it really is
        code, _, err = cli('members', 'correct-email', member['id'], '--to', wrong, '--reason', 'back', data=data)
        assert code == 1 and 'another member' in err and wrong not in err, (code, err)
        story = cli('enrollments', 'show', before['id'], data=data)[1]
        assert 'address-corrected' in story and 'letter-sent-again' in story, story
        trail = cli('audit', data=data)[1]
        assert 'email-corrected' in trail and 'mistyped' in trail and '@' not in trail, trail
        service.stop()
        assert '@' not in service.logs()
    assert cli('verify', data=data)[0] == 0


def test_members_are_listed_for_programs_and_for_spreadsheets(data):
    with Service(data) as service:
        key = service.key()
        people = [('Ada', 'london-shoreditch'), ('Zoë', 'berlin-mitte'), ('Grace', 'london-shoreditch')]
        for number, (name, club) in enumerate(people):
            assert joined(service, key, firstName=name, homeClubId=club,
                          email=f'm{number}@example.com')['status'] == 'completed'
        listed = request('GET', service.listen + '/v1/members?limit=2', headers={'X-API-Key': key})[1]
        rest = request('GET', service.listen + '/v1/members?limit=2&after=' + listed['next'],
                       headers={'X-API-Key': key})[1]
        assert rest['next'] is None and len(listed['members']) == 2 and len(rest['members']) == 1
        ids = {each['id'] for each in listed['members'] + rest['members']}

        whole = json.loads(cli('members', 'list', '--json', data=data)[1])
        assert {each['id'] for each in whole['members']} == ids and whole['next'] is None
        of_a_club = json.loads(cli('members', 'list', '--club', 'berlin-mitte', '--json', data=data)[1])
        assert [each['firstName'] for each in of_a_club['members']] == ['Zoë']
        assert json.loads(cli('members', 'list', '--since', '2999-01-01', '--json', data=data)[1])['members'] == []
        rows = list(csv.DictReader(io.StringIO(cli('members', 'list', '--csv', data=data)[1])))
        assert {row['id'] for row in rows} == ids and {row['firstName'] for row in rows} == {'Ada', 'Zoë', 'Grace'}
        assert all(row['number'].startswith('GG-') for row in rows)
        code, _, err = cli('members', 'list', '--since', 'yesterday', data=data)
        assert code == 2 and 'since' in err, err
        out = cli('members', 'list', data=data)[1]
        assert 'NUMBER' in out and 'Zoë' in out


def test_who_joined_lately_is_listed_as_the_audit_trail_is_asked(data):
    with Service(data) as service:
        assert joined(service, service.key(), email='ada@example.com')['status'] == 'completed'
        for since, how_many in (('24h', 1), ('7d', 1), ('1970-01-01', 1), ('100000000d', 1), ('0s', 0)):
            code, out, err = cli('members', 'list', '--since', since, '--json', data=data)
            assert code == 0 and len(json.loads(out)['members']) == how_many, (since, code, out, err)
        said = [cli(*words, '--since', 'yesterday', data=data) for words in (['members', 'list'], ['audit'])]
        assert said[0] == said[1] and said[0][0] == 2 and '24h, 7d, 2026-11-27' in said[0][2], said


def test_what_people_paste_is_understood_a_slip_is_told_and_nothing_of_it_is_kept(data):
    with Service(data) as service:
        mine = joined(service, service.key(), firstName='Ada', email='ada.lovelace@example.com')
        finder = service.key(scopes='members:find')
        number = find(service, 'ada.lovelace@example.com', finder)[1]['member']['number']
        for query in ('Ada Lovelace <ada.lovelace@example.com>', 'MAILTO:ada.lovelace@example.com', '<ada.lovelace@example.com>',
                      f' {mine["id"].upper()} ', mine['memberId'].upper()):
            assert find(service, query, finder)[1]['member']['id'] == mine['memberId'], query
            asked = asked_on_stdin(data, query + '\n', '--json')
            assert asked.returncode == 0 and json.loads(asked.stdout)['member']['id'] == mine['memberId'], (query, asked)
        slip = number[:-1] + ('7' if number[-1] != '7' else '8')
        status, answer = find(service, slip, finder)
        asked = asked_on_stdin(data, slip + '\n')
        assert status == 400 and 'have it read out again' in answer['detail'], answer
        assert asked.returncode == 2 and asked.stderr == f'globogym: {answer["detail"]}\n', asked
        assert service.stop() == 0
        kept = service.logs() + ''.join(path.read_text() for path in (data / 'audit').iterdir())
        assert 'person-looked-up' in kept
        for typed in ('ovelace', '@', 'ailto', 'AILTO', slip, mine['id'].upper()):
            assert typed not in kept, typed


def test_a_program_is_told_the_story_that_a_person_is_shown(data):
    with Service(data) as service:
        mine = joined(service, service.key(), email='ada@example.com')
        letters_have_gone(service)
        assert cli('members', 'resend-letter', mine['memberId'], data=data)[0] == 0
        letters_have_gone(service)
        story = request('GET', f'{service.admin}/admin/v1/enrollments/{mine["id"]}/timeline')[1]
        bare = request('GET', f'{service.admin}/admin/v1/enrollments/{mine["id"]}')[1]
        beside = [cli(*words, data=data) for words in (('enrollments', 'show', mine['id'], '--json'),
                                                       ('members', 'export', mine['memberId']))]
    stopped = [cli(*words, data=data) for words in (('enrollments', 'show', mine['id'], '--json'),
                                                    ('members', 'export', mine['memberId']))]

    assert 'letter-sent-again' in [each['event'] for each in story['events']], story
    for shown, exported in (beside, stopped):
        assert shown[0] == 0 and json.loads(shown[1]) == bare | {'timeline': story}, shown
        assert exported[0] == 0 and json.loads(exported[1])['timeline'] == story, exported
    code, out, err = cli('enrollments', 'show', 'nobody', '--json', data=data)
    assert code == 1 and json.loads(out)['status'] == 404 and 'no enrollment' in err, (code, out, err)


def test_who_types_an_address_or_a_slip_for_an_id_is_told_what_to_do_and_nothing_of_it_is_kept(data):
    commands = [('members', 'show'), ('members', 'export'), ('members', 'erase'), ('members', 'resend-letter'),
                ('members', 'correct-email', '--to', 'right@example.com', '--reason', 'mistyped'),
                ('enrollments', 'show'), ('enrollments', 'retry-now')]
    with Service(data) as service:
        mine = joined(service, service.key(), email=ADDRESS)
        number = json.loads(cli('members', 'show', mine['memberId'].upper(), '--json', data=data)[1])['number']
        slip = number[:-1] + ('7' if number[-1] != '7' else '8')
        for typed, told in ((slip, 'have it read out again'), (ADDRESS, '`globogym find`, with the address on standard input')):
            for words in commands:
                code, out, err = cli(*words, typed, data=data)
                assert code == 1 and told in err and typed not in out + err, (words, typed, code, out, err)
        shown = cli('enrollments', 'show', mine['id'].upper(), data=data)
        assert shown[0] == 0 and mine['id'] in shown[1], shown
        assert service.stop() == 0
        kept = service.logs() + ''.join(path.read_text() for path in (data / 'audit').iterdir())
    assert 'member-shown' in kept and ADDRESS not in kept and slip not in kept


def test_a_process_that_works_on_no_queue_says_that_a_worker_sends_what_is_mended(data):
    with Service(data) as service:
        mine = joined(service, service.key(), email='ada@example.com')
        letters_have_gone(service)
    with Service(data, '--role', 'gateway'):
        assert 'a worker sends it' in cli('members', 'resend-letter', mine['memberId'], data=data)[1]
        code, out, err = cli('enrollments', 'retry-now', mine['id'], data=data)
        assert code == 0 and 'a worker tries it' in out and 'paused' not in out, (code, out, err)
        assert 'works on no queue' in cli('waiting', data=data)[1]
    assert 'a worker tries it' in cli('enrollments', 'retry-now', mine['id'], data=data)[1]  # nor does the command
    with Service(data):
        wait_until(lambda: len(letters_to(data, 'ada@example.com')) == 2, 10, 'a worker sends it')



def test_a_refusal_says_what_is_missing_and_puts_nothing_into_a_file(data):
    with Service(data) as service:
        mine = joined(service, service.key(), email=ADDRESS)
        for asked in (cli('find', '', data=data), cli('find', data=data), cli('find', '-', data=data)):
            assert asked == (2, '', 'globogym: give an e-mail address, a membership number or an id\n'), asked
        correct = ('members', 'correct-email', mine['memberId'], '--reason', 'mistyped', '--to')
        assert cli(*correct, 'nonsense', data=data) == (
            2, '', 'globogym: the new address is no e-mail address that can sign up\n')
        assert cli('members', 'export', 'nobody', data=data) == (1, '', 'globogym: no member has this id\n')
        code, out, err = cli('members', 'export', 'nobody', '--json', data=data)
        assert code == 1 and json.loads(out)['status'] == 404 and err == 'globogym: no member has this id\n', (code, out, err)
        assert cli('backup', '--into', '', data=data)[:2] == (2, '')


if __name__ == '__main__':
    sys.exit(report.run(globals()))
