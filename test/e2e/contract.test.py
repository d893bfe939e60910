#!/usr/bin/env python3
"""The public contract as an outsider sees it: paths, status codes, fields to the letter, problem documents, headers,
exit codes, and what must never be seen in the logs."""

import base64
import datetime
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.ledger import Ledger, wait_until_drained
from harness.load import Load, post_bytes
from harness.report import Skip, run
from harness.service import BINARY, Service, cli, enrollment, record, request, wait_until
from harness.smtp import SmtpDouble

TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z')
PROBLEM = 'https://globogym.example/problems/'


def ask(url, method, path, body=None, **headers):
    """Status, headers (lower-case names) and body, parsed when it is JSON."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request(method, path, body if body is None or isinstance(body, bytes) else json.dumps(body),
                           {name.replace('_', '-'): value for name, value in headers.items()})
        response = connection.getresponse()
        text = response.read()
        record(method, url + path, response, text)
        kept = {name.lower(): value for name, value in response.getheaders()}
        if text and 'json' in kept.get('content-type', ''):
            return response.status, kept, json.loads(text)
        return response.status, kept, text.decode(errors='replace')
    finally:
        connection.close()


def post(service, key, body, **headers):
    headers = {'Content_Type': 'application/json', **headers}
    if key:
        headers['X_API_Key'] = key
    return ask(service.listen, 'POST', '/v1/enrollments', body, **headers)


def is_problem(answer, status, slug=None):
    got, headers, body = answer
    assert got == status, answer
    assert headers['content-type'] == 'application/problem+json', headers
    assert body['type'].startswith(PROBLEM) and body['status'] == status and body['title'] and body['detail'], body
    assert set(body) <= {'type', 'title', 'status', 'detail', 'errors'}, body
    if slug:
        assert body['type'] == PROBLEM + slug, body
    return body


def whole():
    start = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)).date().isoformat()
    return enrollment(phone='+442079460991', startDate=start, locale='en-GB', marketingConsent=False,
                      termsVersion='2026-01', referralCode='GYM-FRIEND')


def ended(service, key, id):
    wait_until(lambda: service.enrollment(id, key)[1]['status'] in ('completed', 'rejected', 'parked'), 20, 'it ends')
    return service.enrollment(id, key)[1]


# ---- the public API -------------------------------------------------------------------------------------------------

def test_a_sign_up_is_answered_202_and_its_story_can_be_read(directory):
    with Service(directory / 'data') as service:
        key = service.key()
        for body in (whole(), enrollment()):
            status, headers, answer = post(service, key, body)
            assert status == 202 and headers['content-type'] == 'application/json', (status, answer)
            assert set(answer) == {'id', 'status', 'acceptedAt', 'links'}, answer
            assert answer['status'] == 'accepted' and TIME.fullmatch(answer['acceptedAt']), answer
            assert answer['links'] == {'self': f'/v1/enrollments/{answer["id"]}'}, answer
            assert headers['location'] == answer['links']['self'] and headers['retry-after'] == '1', headers

            view = ended(service, key, answer['id'])
            assert set(view) == {'id', 'status', 'reason', 'memberId', 'acceptedAt', 'completedAt', 'steps'}, view
            assert view['status'] == 'completed' and view['reason'] is None and view['id'] == answer['id'], view
            assert view['acceptedAt'] == answer['acceptedAt'] and TIME.fullmatch(view['completedAt']), view
            assert [step['name'] for step in view['steps']] == ['validate', 'store-member', 'welcome-mail'], view
            for step in view['steps']:
                assert set(step) == {'name', 'status', 'attempts', 'lastError', 'nextAttemptAt', 'finishedAt'}, step
                assert step['status'] == 'done' and step['attempts'] == 1 and step['lastError'] is None, step
                assert step['nextAttemptAt'] is None and TIME.fullmatch(step['finishedAt']), step

            status, headers, member = ask(service.listen, 'GET', f'/v1/members/{view["memberId"]}', X_API_Key=key)
            assert re.fullmatch('GG(-[0-9A-HJKMNP-TV-Z]{4}){3}-[0-9A-HJKMNP-TV-Z]', member['number']), member
            assert status == 200 and member['id'] == view['memberId'], member
            for name, value in body.items():
                assert member[name] == value, (name, value, member)


def test_both_header_names_carry_the_key_and_bad_ones_are_401(directory):
    with Service(directory / 'data') as service:
        key = service.key()
        status, _, _ = ask(service.listen, 'POST', '/v1/enrollments', enrollment(), Content_Type='application/json',
                           Ocp_Apim_Subscription_Key=key)
        assert status == 202
        for headers in ({}, {'X_API_Key': 'ggk_nothing'}, {'X_API_Key': ''}, {'X_API_Key': key + 'x'},
                        {'X_API_Key': key[:-1]}, {'Authorization': 'Bearer ' + key}, {'Authorization': 'Basic eDp5'}):
            answer = ask(service.listen, 'POST', '/v1/enrollments', enrollment(), Content_Type='application/json', **headers)
            is_problem(answer, 401)
            assert 'www-authenticate' in answer[1], answer[1]
            assert key not in str(answer)


def test_scopes_rule_who_may_do_what(directory):
    with Service(directory / 'data') as service:
        writer, reader, other = (service.key(scopes) for scopes in
                                 ('enrollments:write', 'enrollments:read', 'enrollments:write,members:write'))
        is_problem(post(service, reader, enrollment()), 403)
        status, _, answer = post(service, writer, enrollment())
        assert status == 202
        path = f'/v1/enrollments/{answer["id"]}'
        # Who made it may read it, and who may read all; nobody else learns that it is there.
        assert ask(service.listen, 'GET', path, X_API_Key=writer)[0] == 200
        assert ask(service.listen, 'GET', path, X_API_Key=reader)[0] == 200
        is_problem(ask(service.listen, 'GET', path, X_API_Key=other), 403)
        is_problem(ask(service.listen, 'GET', '/v1/enrollments/nothing', X_API_Key=other), 403)
        is_problem(ask(service.listen, 'GET', path), 401)
        member = ended(service, writer, answer['id'])['memberId']
        is_problem(ask(service.listen, 'GET', f'/v1/members/{member}', X_API_Key=other), 403)
        is_problem(ask(service.listen, 'GET', f'/v1/members/{member}'), 401)
        assert ask(service.listen, 'GET', f'/v1/members/{member}', X_API_Key=service.key('members:read'))[0] == 200
        is_problem(ask(service.listen, 'GET', '/v1/members/nobody', X_API_Key=service.key('members:read')), 404)
        is_problem(ask(service.listen, 'GET', '/v1/enrollments/nothing', X_API_Key=reader), 404)


def test_what_cannot_be_read_has_its_status(directory):
    with Service(directory / 'data') as service:
        key = service.key()
        for body in (b'', b'{', b'[1,', b'{"firstName":"A"}}', b'\xff\xfe', b'{"firstName":"\xc3"}', b'nothing'):
            is_problem(post(service, key, body), 400)
        is_problem(post(service, key, b'{"a":"' + b'x' * (17 << 10) + b'"}'), 413)
        for kind in ('text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1'):
            is_problem(post(service, key, enrollment(), Content_Type=kind), 415)
        assert post(service, key, enrollment(), Content_Type='application/json; charset=utf-8')[0] == 202
        for method, path, allowed in (('PUT', '/v1/enrollments', 'POST'), ('GET', '/v1/enrollments', 'POST'),
                                      ('DELETE', '/v1/enrollments/x', 'GET'), ('POST', '/healthz', 'GET')):
            answer = ask(service.listen, method, path, X_API_Key=key)
            is_problem(answer, 405)
            assert allowed in answer[1]['allow'], answer
        for path in ('/nothing', '/v1', '/v1/enrollments/', '/v1/../admin/v1/stats', '/%00', '/metrics'):
            is_problem(ask(service.listen, 'GET', path, X_API_Key=key), 404)
        assert service.stats()['enrollments']['accepted'] == 0 or wait_until(
            lambda: sum(service.stats()['enrollments'].values()) == 1, 5, 'only the good one was taken')


def test_all_fields_that_are_wrong_are_named_at_once_with_codes(directory):
    with Service(directory / 'data') as service:
        key = service.key()
        body = {'firstName': '', 'lastName': 7, 'email': 'no at sign', 'phone': '0123', 'dateOfBirth': '1990-02-30',
                'homeClubId': 'nowhere', 'plan': 'golden', 'startDate': '1999-01-01', 'locale': 'xx-YY',
                'marketingConsent': 'yes', 'termsVersion': '1066', 'surprise': 1}
        problem = is_problem(post(service, key, body), 422, 'invalid-fields')
        errors = {error['pointer']: error for error in problem['errors']}
        assert set(errors) == {'/' + name for name in body}, set(errors)
        for pointer, error in errors.items():
            assert set(error) == {'pointer', 'code', 'detail'} and error['detail'], error
            assert error['code'] in ('required', 'type', 'unknown') or re.fullmatch(
                re.escape(pointer[1:]) + r'\.[a-z-]+', error['code']), error
        assert errors['/lastName']['code'] == errors['/marketingConsent']['code'] == 'type'
        assert errors['/surprise']['code'] == 'unknown' and errors['/email']['code'] == 'email.invalid', errors

        problem = is_problem(post(service, key, {}), 422)
        assert {error['pointer'] for error in problem['errors']} == {
            '/firstName', '/lastName', '/email', '/dateOfBirth', '/homeClubId', '/plan'}
        assert {error['code'] for error in problem['errors']} == {'required'}
        good = json.dumps(enrollment())
        twice = (good[:-1] + ', "email": "second@example.com"}').encode()
        status, _, answer = post(service, key, twice)
        assert status in (400, 422) and '/email' in str(answer), answer
        today = datetime.datetime.now(datetime.timezone.utc).date()
        for date, good in ((today, True), (today + datetime.timedelta(days=90), True),
                           (today + datetime.timedelta(days=91), False), (today - datetime.timedelta(days=1), False)):
            assert (post(service, key, enrollment(startDate=date.isoformat()))[0] == 202) == good, date
        for birth, good in ((f'{today.year - 16}-01-01', True), (f'{today.year - 15}-01-01', False),
                            (f'{today.year - 119}-01-01', True), (f'{today.year - 122}-01-01', False)):
            assert (post(service, key, enrollment(dateOfBirth=birth))[0] == 202) == good, birth


def test_an_idempotency_key_gives_the_same_answer_for_ever(directory):
    body = enrollment()
    data = directory / 'data'
    with Service(data) as service:
        key, another = service.key(), service.key()
        first = post(service, key, body, Idempotency_Key='k' * 255)
        assert first[0] == 202
        again = post(service, key, body, Idempotency_Key='k' * 255)
        assert again[0] == 202 and again[2] == first[2] and again[1]['location'] == first[1]['location']
        is_problem(post(service, key, enrollment(), Idempotency_Key='k' * 255), 422, 'idempotency-key-reused')
        is_problem(post(service, key, body, Idempotency_Key='k' * 256), 400)
        # Another caller's key of the same name is another key.
        foreign = post(service, another, enrollment(), Idempotency_Key='k' * 255)
        assert foreign[0] == 202 and foreign[2]['id'] != first[2]['id']
        service.kill()
    with Service(data) as service:
        assert post(service, key, body, Idempotency_Key='k' * 255)[2] == first[2]


def test_a_second_enrollment_of_a_member_is_taken_and_rejected_later(directory):
    with Service(directory / 'data') as service:
        key = service.key()
        plain = service.key(scopes='enrollments:write,enrollments:read')
        first = post(service, key, enrollment(email='twice@example.com'))[2]['id']
        member = ended(service, key, first)
        assert member['status'] == 'completed'
        status, _, answer = post(service, key, enrollment(email='Twice@EXAMPLE.com'))
        assert status == 202 and answer['status'] == 'accepted'
        view = ended(service, plain, answer['id'])
        assert view['status'] == 'rejected' and view['reason'] == 'already-member' and view['memberId'] is None, view
        # Who may read members is told which.
        assert ended(service, key, answer['id'])['memberId'] == member['memberId']
        assert service.stats()['members'] == 1


def test_request_ids_and_traces_come_back(directory):
    trace = '0af7651916cd43dd8448eb211c80319c'
    with Service(directory / 'data') as service:
        for path in ('/healthz', '/nothing', '/v1/enrollments/x'):
            _, headers, _ = ask(service.listen, 'GET', path, X_Request_Id='mine-1',
                                traceparent=f'00-{trace}-b7ad6b7169203331-01')
            assert headers['x-request-id'] == 'mine-1', headers
            version, same, span, flags = headers['traceparent'].split('-')
            assert (version, same, flags) == ('00', trace, '01') and span != 'b7ad6b7169203331', headers
        made = set()
        for bad in (None, 'x' * 5000, 'two words', 'a"b'):
            extra = {} if bad is None else {'X_Request_Id': bad}
            _, headers, _ = ask(service.listen, 'GET', '/healthz', **extra)
            assert headers['x-request-id'] and headers['x-request-id'] != bad, headers
            made.add(headers['x-request-id'])
        assert len(made) == 4
        for bad in ('nonsense', f'00-{"0" * 32}-b7ad6b7169203331-01', f'00-{trace}-{"0" * 16}-01', f'ff-{trace}-b7ad6b7169203331-01'):
            _, headers, _ = ask(service.listen, 'GET', '/healthz', traceparent=bad)
            assert re.fullmatch(r'00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}', headers['traceparent']), headers
            assert set(headers['traceparent'].split('-')[1]) != {'0'}, headers


def test_health_readiness_description_and_page_are_open_to_all(directory):
    with Service(directory / 'data') as service:
        assert ask(service.listen, 'GET', '/healthz')[0] == 200
        assert ask(service.listen, 'GET', '/readyz')[0] == 200
        status, _, description = ask(service.listen, 'GET', '/openapi.json')
        assert status == 200 and description['openapi'].startswith('3.1'), description.get('openapi')
        assert {'/v1/enrollments', '/v1/enrollments/{id}', '/v1/members/{id}', '/healthz', '/readyz'} <= set(
            description['paths']), set(description['paths'])
        assert set(description['paths']['/v1/enrollments']['post']['responses']) >= {
            '202', '400', '401', '403', '413', '415', '422', '429', '503'}
        status, headers, page = ask(service.listen, 'GET', '/')
        assert status == 200 and headers['content-type'].startswith('text/html') and '<' in page
        status, headers, _ = ask(service.listen, 'HEAD', '/healthz')
        assert status == 200


def test_a_key_with_a_rate_gets_429_and_when_to_come_back(directory):
    with Service(directory / 'data') as service:
        code, key, err = cli('keys', 'create', '--name', 'slow', '--scopes', 'enrollments:write', '--rate', '2/s',
                             data=service.data)
        assert code == 0, err
        answers = [post(service, key.strip(), enrollment()) for _ in range(20)]
        limited = [answer for answer in answers if answer[0] == 429]
        assert limited and {answer[0] for answer in answers} == {202, 429}, [answer[0] for answer in answers]
        is_problem(limited[0], 429)
        assert int(limited[0][1]['retry-after']) >= 1


def test_a_revoked_key_is_refused_within_a_second_and_an_expired_one_is(directory):
    with Service(directory / 'data') as service:
        code, out, err = cli('keys', 'create', '--name', 'leaver', '--scopes', 'enrollments:write', '--json',
                             data=service.data)
        made = json.loads(out)
        assert post(service, made['key'], enrollment())[0] == 202
        assert cli('keys', 'revoke', made['id'], data=service.data)[0] == 0
        revoked = time.monotonic()
        wait_until(lambda: post(service, made['key'], enrollment())[0] == 401, 5, 'the key is refused')
        assert time.monotonic() - revoked < 1
        code, key, err = cli('keys', 'create', '--name', 'short', '--scopes', 'enrollments:write', '--expires-in', '1s',
                             data=service.data)
        assert code == 0, err
        wait_until(lambda: post(service, key.strip(), enrollment())[0] == 401, 5, 'the key has expired')


# ---- operations -----------------------------------------------------------------------------------------------------

def test_a_parked_step_is_listed_told_and_brought_back(directory):
    with SmtpDouble(directory) as mail, Service(directory / 'data', mail=mail.url) as service:
        key = service.key()
        id = post(service, key, enrollment(email='poison5-one@example.com'))[2]['id']
        view = ended(service, key, id)
        assert view['status'] == 'parked' and view['reason'] == 'recipient-refused' and view['memberId'], view

        status, page = service.operations('GET', '/admin/v1/dead-letters?queue=welcome-mail&limit=10')
        assert status == 200 and len(page['items']) == 1, page
        letter = page['items'][0]
        assert letter['queue'] == 'welcome-mail' and letter['reason'] == 'recipient-refused', letter
        assert letter['attempts'] == 1 and '550' in str(letter), letter
        assert service.operations('GET', '/admin/v1/dead-letters?queue=process-enrollment')[1]['items'] == []
        assert service.operations('GET', '/admin/v1/dead-letters?limit=none')[0] in (400, 422)

        status, timeline = service.operations('GET', f'/admin/v1/enrollments/{id}/timeline')
        assert status == 200 and timeline['id'] == id and timeline['status'] == 'parked', timeline
        events = [event['event'] for event in timeline['events']]
        assert events[0] == 'accepted' and 'step-parked' in events or 'parked' in events, events
        assert all(TIME.fullmatch(event['at']) for event in timeline['events'])
        assert 'example.com' not in json.dumps([page, timeline])
        assert service.operations('GET', '/admin/v1/enrollments/nothing/timeline')[0] == 404
        stats = service.stats()
        assert stats['enrollments']['parked'] == 1 and stats['members'] == 1 and stats['mailsSent'] == 0, stats
        assert service.queues()['welcome-mail']['deadLettered'] == 1

        mail.heal()
        assert service.operations('POST', '/admin/v1/dead-letters/replay', {'ids': [letter['id']]})[0] == 200
        wait_until(lambda: service.enrollment(id, key)[1]['status'] == 'completed', 20, 'it is completed after all')
        assert service.queues()['welcome-mail']['deadLettered'] == 0
        assert len(mail.letters()) == 1


def all_waiting(queue, letters):
    return queue if queue['ready'] + queue['delayed'] + queue['leased'] == letters else None


def test_an_outage_is_seen_in_queues_stats_and_live_events(directory):
    with SmtpDouble(directory) as mail, Service(directory / 'data', mail=mail.url) as service:
        mail.mode = 'refuse'
        key = service.key()
        for _ in range(30):
            assert post(service, key, enrollment())[0] == 202
        wait_until(lambda: service.queues()['welcome-mail']['state'] == 'circuit-open', 30, 'the outage is noticed')
        # The last sign-ups may be on their way to the letter yet.
        waiting = wait_until(lambda: all_waiting(service.queues()['welcome-mail'], 30), 30, 'every letter waits')
        assert waiting['oldestSeconds'] >= 0
        assert service.stats()['enrollments']['processing'] == 30, service.stats()
        address = urllib.parse.urlsplit(service.admin)
        with socket.create_connection((address.hostname, address.port), 10) as events:
            events.sendall(f'GET /admin/v1/events HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n'.encode())
            events.settimeout(60)
            mail.mode = 'healthy'
            told = b''
            while b'"mailsSent":30' not in told:
                piece = events.recv(65536)
                assert piece, 'the stream ended'
                told += piece
            head = told.split(b'\r\n\r\n')[0].lower()
            assert b' 200 ' in head and b'content-type: text/event-stream' in head, head
            assert b'circuit-open' in told, 'the outage was to be seen'


# ---- the program ----------------------------------------------------------------------------------------------------

def test_sigterm_under_load_ends_0_within_ten_seconds_and_loses_nothing(directory):
    data = directory / 'data'
    with SmtpDouble(directory) as mail:
        service = Service(data, mail=mail.url)
        ledger = Ledger(random.Random(4), service.key(), keyless=0)
        load = ledger.load(service, connections=32, depth=4)
        load.start()
        wait_until(lambda: len(ledger.promised) > 2000, 30, 'it is under load')
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(15) == 0
        took = time.monotonic() - began
        load.stop()
        assert took < 10, took
        with Service(data, mail=mail.url) as service:
            ledger.send_unknown_again(service)
            wait_until_drained(service)
            letters = mail.letters()
            result = ledger.settle(service, letters)
        # A stop in good order doubles no letter.
        assert len(letters) == result['completed'], (len(letters), result['completed'])
        print(f'  ended {took:.2f} s after SIGTERM; promised {len(ledger.promised)}, all kept', flush=True)


def test_sigterm_while_the_mail_server_is_silent_ends_in_time(directory):
    with SmtpDouble(directory) as mail:
        mail.mode = 'silent_dot'
        service = Service(directory / 'data', mail=mail.url)
        key = service.key()
        for _ in range(20):
            assert post(service, key, enrollment())[0] == 202
        wait_until(lambda: mail.bites > 0, 20, 'letters hang')
        began = time.monotonic()
        assert service.stop() == 0
        took = time.monotonic() - began
        assert took < 10, took
        print(f'  ended {took:.2f} s after SIGTERM', flush=True)
        assert 'stopped-hard' not in service.logs(), 'it ended because a watchdog ended it'


def test_an_unreadable_or_wrong_configuration_is_exit_code_2_and_a_sentence(directory):
    file = directory / 'my.toml'
    for text, word in (('[gateway]\nmax_bodyy = "1KiB"\n', 'max_body'), ('[mail\n', 'my.toml'), ('[mail]\nurl = 7\n', 'mail.url'),
                       ('[mail]\nurl = "http://x"\n', 'mail.url'), ('[retry]\nfirst_delay = "soon"\n', 'retry.first_delay'),
                       ('[[clubs]]\nname = "no id"\n', 'clubs'), ('[nonsense]\nx = 1\n', 'nonsense')):
        file.write_text(text)
        code, out, err = cli('serve', '--config', file, data=directory / 'data')
        assert code == 2 and out == '' and word in err and str(file) in err, (text, code, err)
        assert len(err.strip().splitlines()) <= 3, err
    code, _, err = cli('serve', '--config', directory, data=directory / 'data')
    assert code == 2 and str(directory) in err, (code, err)
    code, _, err = cli('serve', '--no-such-flag')
    assert code == 2 and 'no-such-flag' in err
    for command in ([], ['nonsense'], ['keys'], ['serve', '--listen', 'nowhere'], ['serve', '--role', 'king']):
        code, out, err = cli(*command)
        assert code == 2 and (out + err), (command, code, out, err)


def test_what_cannot_be_opened_is_exit_code_3(directory):
    for command in (['verify'], ['keys', 'list'], ['dead-letters', 'list'], ['enrollments', 'show', 'x']):
        code, out, err = cli(*command, data=directory / 'nothing')
        assert code == 3 and str(directory / 'nothing') in err, (command, code, out, err)
        assert not (directory / 'nothing').exists()


def test_a_full_disk_at_the_start_is_said(directory):
    if os.getuid() != 0:
        raise Skip('needs root, to mount a small tmpfs')
    disk = directory / 'disk'
    disk.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], capture_output=True).returncode:
        raise Skip('a tmpfs cannot be mounted here')
    try:
        (disk / 'filler').write_bytes(b'x' * (1 << 20))
    except OSError:
        pass
    try:
        code, out, err = cli('serve', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', data=disk / 'data')
        assert code == 3 and out == '' and 'space' in err and str(disk) in err, (code, out, err)
    finally:
        subprocess.run(['umount', '-l', disk], check=True)


# ---- what must not be seen ------------------------------------------------------------------------------------------

def test_no_personal_data_and_no_key_is_in_the_logs_metrics_or_admin_answers(directory):
    person = {'firstName': 'Zyxwvuta', 'lastName': 'Quillfeather', 'phone': '+442079460123',
              'dateOfBirth': '1971-03-17', 'referralCode': 'SECRETFRIEND'}
    secrets = ['Zyxwvuta', 'Quillfeather', '442079460123', '1971-03-17', 'SECRETFRIEND', 'whispers', 'hidden.example']
    with SmtpDouble(directory) as mail, \
            Service(directory / 'data', mail=mail.url.replace('smtp://', 'smtp://gym:s3cretword@'),
                    env={'GLOBOGYM_TELEMETRY_LOG_LEVEL': 'debug', 'GLOBOGYM_RETRY_FIRST_DELAY': '10ms',
                         'GLOBOGYM_RETRY_MAX_DELAY': '50ms', 'GLOBOGYM_MAIL_MAX_ATTEMPTS': '3',
                         'GLOBOGYM_MAIL_REPLY_TIME': '300ms', 'GLOBOGYM_MAIL_ACCEPT_TIME': '300ms'}) as service:
        key = service.key()
        secrets += [key, key[4:], 's3cretword', base64.b64encode(b'\0gym\0s3cretword').decode()]
        seen = []
        ids = []
        for number, (name, mode) in enumerate((('whispers', 'healthy'), ('poison5-whispers', 'healthy'), ('poison4-whispers', 'healthy'),
                                               ('whispers2', 'close_rcpt'), ('whispers3', '4xx_dot'), ('whispers4', 'garbage_dot'))):
            mail.mode = mode
            body = {**enrollment(email=f'{name}@hidden.example'), **person}
            status, _, answer = post(service, key, body, Idempotency_Key=f'whispers-{number}')
            assert status == 202, answer
            ids.append(answer['id'])
            if mode != 'healthy':
                wait_until(lambda: mail.bites > 0 or service.queues()['welcome-mail']['state'] != 'running', 20, mode)
        # Wrong in many ways.
        post(service, key, {**person, 'email': 'whispers@', 'plan': 'Quillfeather'})
        post(service, key, b'{"firstName":"Zyxwvuta","lastName":')
        post(service, key + 'x', {**enrollment(), **person})
        ask(service.listen, 'GET', '/v1/members/whispers@hidden.example?key=' + key, X_API_Key=key)
        ask(service.listen, 'GET', '/whispers@hidden.example')
        mail.mode = 'healthy'
        wait_until_drained(service)
        for path in ('/metrics', '/admin/v1/queues', '/admin/v1/stats', '/admin/v1/dead-letters',
                     *(f'/admin/v1/enrollments/{id}/timeline' for id in ids)):
            status, _, text = ask(service.admin, 'GET', path)
            assert status == 200, (path, status)
            seen.append((path, text if isinstance(text, str) else json.dumps(text)))
        for id in ids:
            seen.append(('the enrollment', json.dumps(service.enrollment(id, key)[1])))
        wait_until(lambda: service.stats()['enrollments']['parked'] >= 2, 20, 'poison is parked')
        assert service.stop() == 0
        seen.append(('the log', service.logs()))
        assert len(service.logs()) > 200
        for where, text in seen:
            for secret in secrets:
                assert secret.lower() not in text.lower(), f'{secret!r} stands in {where}: ' + \
                    text[max(0, text.lower().find(secret.lower()) - 200):][:400]
        for line in service.logs().splitlines():
            assert {'time', 'level', 'event'} <= set(json.loads(line)), line


if __name__ == '__main__':
    sys.exit(run(globals()))
