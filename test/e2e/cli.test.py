#!/usr/bin/env python3
"""The command line against the real binary: beside a running server, on a stopped one's directory, and when things are
not as they should be."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.report import Skip, run
from harness.service import BINARY, ROOT, Service, cli, clean_environment, enrollment, request, wait_until


def signed_up(service, key, **fields):
    """The id of an enrollment that has ended."""
    status, answer = service.post(enrollment(**fields), key)
    assert status == 202, (status, answer)
    ended = ('completed', 'rejected', 'parked')
    wait_until(lambda: service.enrollment(answer['id'], key)[1]['status'] in ended, 10, 'the enrollment ends')
    return answer['id']


# ---- serve ----------------------------------------------------------------------------------------------------------

def test_serve_prints_one_ready_line_and_ends_0_on_sigterm(directory):
    service = Service(directory / 'data')
    assert set(service.ready) == {'ready', 'listen', 'admin', 'startupMs'}, service.ready
    assert service.ready['ready'] is True and service.ready['startupMs'] > 0
    assert request('GET', service.listen + '/healthz')[0] == 200
    began = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    rest = service.process.stdout.read()
    assert service.process.wait(10) == 0
    assert rest == b'', rest
    assert time.monotonic() - began < 10
    for line in service.logs().splitlines():
        assert 'event' in json.loads(line), line


def test_serve_ends_0_on_sigint_too(directory):
    service = Service(directory / 'data')
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(10) == 0


def test_serve_ends_in_time_with_connections_open(directory):
    with Service(directory / 'data') as service:
        port = int(service.listen.rsplit(':', 1)[1])
        idle = [socket.create_connection(('127.0.0.1', port)) for _ in range(20)]
        idle[0].sendall(b'GET /healthz HTTP/1.1\r\nHost: x\r\n')  # half a request
        events = socket.create_connection(('127.0.0.1', int(service.admin.rsplit(':', 1)[1])))
        events.sendall(b'GET /admin/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
        assert b'200' in events.recv(100)
        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < 10
        for connection in [*idle, events]:
            connection.close()


def test_a_data_directory_is_made_for_its_owner_only(directory):
    data = directory / 'data'
    with Service(data) as service:
        assert data.stat().st_mode & 0o777 == 0o700
        assert (data / 'control.sock').stat().st_mode & 0o777 == 0o600
        assert service.stop() == 0


def test_a_second_start_on_the_same_directory_fails_at_once_and_says_so(directory):
    with Service(directory / 'data'):
        began = time.monotonic()
        code, out, err = cli('serve', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', data=directory / 'data')
        assert code == 3 and out == '', (code, out)
        assert 'another process' in err, err
        assert time.monotonic() - began < 5


def test_an_occupied_port_is_named(directory):
    for flag in ('--listen', '--admin'):
        with socket.create_server(('127.0.0.1', 0)) as taken:
            address = f'127.0.0.1:{taken.getsockname()[1]}'
            other = '--admin' if flag == '--listen' else '--listen'
            code, out, err = cli('serve', flag, address, other, '127.0.0.1:0', data=directory / 'data')
            assert code == 3 and out == '', (code, out)
            assert address in err and flag in err, err


def test_a_directory_that_cannot_be_used_is_named(directory):
    (directory / 'file').write_text('')
    for data in (directory / 'file', directory / 'no' / 'parent'):
        code, out, err = cli('serve', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', data=data)
        assert code == 3 and out == '' and str(data) in err, (code, err)


def test_a_directory_without_permission_is_named(directory):
    if os.getuid() != 0:
        raise Skip('needs root, to become somebody else')
    data = directory / 'data'
    data.mkdir(mode=0o700)
    directory.chmod(0o755)
    nobody = 65534
    done = subprocess.run([BINARY, 'serve', '--data', data, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
                          capture_output=True, text=True, timeout=20, user=nobody, group=nobody,
                          env=clean_environment(), cwd='/')
    assert done.returncode == 3 and 'Permission denied' in done.stderr, (done.returncode, done.stderr)


def test_what_was_accepted_is_gone_on_with_after_a_kill(directory):
    service = Service(directory / 'data')
    key = service.key()
    ids = [service.post(enrollment(), key)[1]['id'] for _ in range(50)]
    service.kill()
    with Service(directory / 'data') as service:
        for id in ids:
            wait_until(lambda: service.enrollment(id, key)[1]['status'] == 'completed', 20, f'{id} completes')
        assert service.stats()['members'] == 50


def test_a_gateway_only_accepts_and_a_worker_only_works(directory):
    data = directory / 'data'
    with Service(data, '--role', 'gateway') as service:
        key = service.key()
        id = service.post(enrollment(), key)[1]['id']
        assert service.queues()['process-enrollment']['ready'] == 1
        assert service.enrollment(id, key)[1]['status'] == 'accepted'
        assert service.stop() == 0
    with Service(data, '--role', 'worker') as service:
        assert service.listen is None
        wait_until(lambda: service.stats()['enrollments']['completed'] == 1, 10, 'the worker completes it')


def test_a_directory_with_a_very_long_name_works(directory):
    data = directory / ('a' * 100) / ('b' * 100)
    data.parent.mkdir()
    with Service(data) as service:
        assert service.post(enrollment(), service.key())[0] == 202
        assert cli('keys', 'list', data=data)[0] == 0


# ---- configuration --------------------------------------------------------------------------------------------------

def test_the_sample_configuration_is_the_default_and_can_be_used(directory):
    code, sample, _ = cli('config', 'default')
    assert code == 0
    file = directory / 'globogym.toml'
    file.write_text(sample)
    code, out, err = cli('config', 'explain', '--json', '--config', file)
    assert code == 0, err
    by_file = {entry['key']: entry['value'] for entry in json.loads(out)}
    by_default = {entry['key']: entry['value'] for entry in json.loads(cli('config', 'explain', '--json')[1])}
    assert by_file == by_default


def test_flags_win_over_the_environment_and_it_over_the_file(directory):
    file = directory / 'my.toml'
    file.write_text('[telemetry]\nlog_level = "error"\n[mail]\nmax_attempts = 3\n[service]\ndata = "/from/file"\n')
    code, out, err = cli('config', 'explain', '--json', '--config', file, data='/from/flag',
                         env={'GLOBOGYM_MAIL_MAX_ATTEMPTS': '5', 'GLOBOGYM_SERVICE_DATA': '/from/environment'})
    assert code == 0, err
    values = {entry['key']: (entry['value'], entry['origin']) for entry in json.loads(out)}
    assert values['telemetry.log_level'] == ('error', f'{file}:2')
    assert values['mail.max_attempts'] == ('5', 'environment GLOBOGYM_MAIL_MAX_ATTEMPTS')
    assert values['service.data'] == ('/from/flag', 'flag --data')
    assert values['mail.url'] == ('outbox:', 'default')


def test_a_mistyped_key_is_an_error_that_names_the_right_one(directory):
    file = directory / 'my.toml'
    file.write_text('[gateway]\nlissten = "127.0.0.1:0"\n')
    code, out, err = cli('serve', '--config', file, data=directory / 'data')
    assert code == 2 and out == '' and 'gateway.listen' in err and f'{file}:2' in err, (code, err)
    code, _, err = cli('serve', data=directory / 'data', env={'GLOBOGYM_MAIL_URLL': 'outbox:'})
    assert code == 2 and 'GLOBOGYM_MAIL_URL' in err, (code, err)
    code, _, err = cli('serve', '--config', directory / 'missing.toml', data=directory / 'data')
    assert code == 2 and 'missing.toml' in err, (code, err)
    assert not (directory / 'data').exists()


def test_the_mail_password_is_shown_nowhere(directory):
    url = 'smtp://gym:s3cr3t-w0rd@127.0.0.1:1'
    for command in (['config', 'explain'], ['config', 'explain', '--json'], ['doctor'], ['doctor', '--json']):
        code, out, err = cli(*command, data=directory / 'data', env={'GLOBOGYM_MAIL_URL': url})
        assert 's3cr3t' not in out + err, command


def test_a_mistyped_variable_stops_and_somebody_elses_does_not(directory):
    for command in (['config', 'explain'], ['serve']):
        code, out, err = cli(*command, data=directory / 'data', env={'GLOBOGYM_LIMTS_PER_KEY': '5/s'})
        assert code == 2 and 'did you mean GLOBOGYM_LIMITS_PER_KEY?' in err and not out, (command, code, out, err)
    code, _, err = cli('config', 'explain', env={'GLOBOGYM_URL': 'http://127.0.0.1:8080'})
    assert code == 0 and 'GLOBOGYM_URL' in err, (code, err)


SERVICE_LINKS = {'GLOBOGYM_SERVICE_HOST': '10.96.0.7', 'GLOBOGYM_SERVICE_PORT': '8080', 'GLOBOGYM_SERVICE_PORT_HTTP': '8080',
                 'GLOBOGYM_PORT': 'tcp://10.96.0.7:8080', 'GLOBOGYM_PORT_8080_TCP': 'tcp://10.96.0.7:8080',
                 'GLOBOGYM_PORT_8080_TCP_PROTO': 'tcp', 'GLOBOGYM_PORT_8080_TCP_PORT': '8080',
                 'GLOBOGYM_PORT_8080_TCP_ADDR': '10.96.0.7', 'GLOBOGYM_MAIL_SERVICE_HOST': 'fd00::7',
                 'GLOBOGYM_MAIL_PORT': 'tcp://[fd00::7]:25'}


def test_what_kubernetes_sets_in_a_container_stops_nothing(directory):
    with Service(directory / 'data', env=SERVICE_LINKS) as service:
        assert 'GLOBOGYM_' not in service.logs(), service.logs()
        for command in (['keys', 'list'], ['dead-letters', 'list'], ['doctor'], ['config', 'explain']):
            code, _, err = cli(*command, data=directory / 'data', env=SERVICE_LINKS)
            assert code in (0, 1) and 'GLOBOGYM_' not in err, (command, code, err)


def test_an_empty_variable_is_not_set(directory):
    file = directory / 'my.toml'
    file.write_text('[gateway]\nallowed_origins = ["https://club.example"]\nmax_body = "8KiB"\n')
    code, out, err = cli('config', 'explain', '--json', '--config', file, data=directory / 'data', env={
        'GLOBOGYM_GATEWAY_ALLOWED_ORIGINS': '', 'GLOBOGYM_GATEWAY_MAX_BODY': '', 'GLOBOGYM_MAIL_MAX_ATTEMPTS': ''})
    values = {value['key']: value['value'] for value in json.loads(out)}
    assert code == 0 and not err, (code, err)
    assert values['gateway.allowed_origins'] == 'https://club.example' and values['gateway.max_body'] == '8KiB', values


def test_each_listener_listens_at_several_addresses_of_both_families(directory):
    with Service(directory / 'data', '--listen', '127.0.0.1:0,[::1]:0', '--admin', '[::1]:0, 127.0.0.1:0') as service:
        ready = service.ready
        assert ready['ready'] is True and ready['listen'] == ready['listenAll'][0] and ready['admin'] == ready['adminAll'][0], ready
        assert ready['listen'].startswith('http://127.0.0.1:') and ready['admin'].startswith('http://[::1]:'), ready
        for url in ready['listenAll']:
            assert request('GET', url + '/readyz')[0] == 200, url
        for url in ready['adminAll']:
            assert request('GET', url + '/admin/v1/stats')[0] == 200, url
    with Service(directory / 'data', '--listen', '[::]:0') as service:
        assert list(service.ready) == ['ready', 'listen', 'admin', 'startupMs'], service.ready
        port = service.listen.rpartition(':')[2]
        for host in ('127.0.0.1', '[::1]'):
            assert request('GET', f'http://{host}:{port}/readyz')[0] == 200, host
    file = directory / 'my.toml'
    file.write_text('[gateway]\nlisten = ["127.0.0.1:1", "[::1]:1"]\n[admin]\nlisten = "127.0.0.1:2"\n')
    code, out, _ = cli('config', 'explain', '--json', '--config', file)
    values = {value['key']: value['value'] for value in json.loads(out)}
    assert code == 0 and values['gateway.listen'] == '127.0.0.1:1,[::1]:1' and values['admin.listen'] == '127.0.0.1:2', values
    for listen, why in (('127.0.0.1:1,127.0.0.1:1', 'twice'), ('127.0.0.1:1,nonsense', 'HOST:PORT'), ('127.0.0.1:1,127.0.0.1:2', 'share')):
        code, _, err = cli('config', 'explain', env={'GLOBOGYM_GATEWAY_LISTEN': listen, 'GLOBOGYM_ADMIN_LISTEN': '127.0.0.1:2'})
        assert code == 2 and (why in err or why == 'share' and 'never shares' in err), (listen, err)


def test_doctor_says_when_nobody_can_read_the_terms(directory):
    def terms(**env):
        code, out, err = cli('doctor', '--json', data=directory / 'data', env={
            'GLOBOGYM_GATEWAY_LISTEN': '0.0.0.0:0', 'GLOBOGYM_ADMIN_LISTEN': '127.0.0.1:0', **env})
        return next(check for check in json.loads(out)['checks'] if check['what'] == 'terms')
    assert terms()['state'] == 'note' and 'signup.terms_url' in terms()['detail']
    assert terms(GLOBOGYM_GATEWAY_LISTEN='127.0.0.1:0')['state'] == 'note'
    assert terms(GLOBOGYM_SIGNUP_TERMS_URL='/terms')['detail'].startswith('signup.privacy_url is')
    assert terms(GLOBOGYM_SIGNUP_TERMS_URL='/terms', GLOBOGYM_SIGNUP_PRIVACY_URL='/privacy')['state'] == 'ok'


def test_what_is_set_is_in_force_or_refused(directory):
    code, out, err = cli('config', 'explain', '--json', env={'GLOBOGYM_LIMITS_GLOBAL': '5/s'})
    values = json.loads(out)
    assert code == 0 and values and all(value['inForce'] for value in values), (out, err)
    code, _, err = cli('serve', data=directory / 'data', env={'GLOBOGYM_TLS_CERTIFICATE': '/x.pem'})
    assert code == 2 and 'tls.key' in err, (code, err)


# ---- keys -----------------------------------------------------------------------------------------------------------

def test_a_key_made_beside_a_running_server_works_at_once_and_a_revoked_one_stops(directory):
    with Service(directory / 'data') as service:
        code, out, err = cli('keys', 'create', '--name', 'kiosk', '--scopes', 'enrollments:write', '--rate', '1000/s',
                             '--expires-in', '90d', '--json', data=service.data)
        assert code == 0, err
        made = json.loads(out)
        assert re.fullmatch(r'ggk_\S+', made['key']) and made['id'] and made['expiresAt']
        assert service.post(enrollment(), made['key'])[0] == 202

        code, out, err = cli('keys', 'list', data=service.data)
        assert code == 0 and made['id'] in out and 'kiosk' in out and made['key'] not in out, out

        assert cli('keys', 'revoke', made['id'], data=service.data)[0] == 0
        wait_until(lambda: service.post(enrollment(), made['key'])[0] == 401, 1, 'the key is refused')


def test_keys_live_on_a_stopped_servers_directory_too(directory):
    data = directory / 'data'
    code, key, err = cli('keys', 'create', '--name', 'first', '--scopes', 'enrollments:write', data=data)
    assert code == 0 and re.fullmatch(r'ggk_\S+\n', key), (code, key, err)
    listed = json.loads(cli('keys', 'list', '--json', data=data)[1])
    assert [entry['name'] for entry in listed] == ['first']
    with Service(data) as service:
        assert service.post(enrollment(), key.strip())[0] == 202
        assert service.stop() == 0
    assert cli('keys', 'revoke', listed[0]['id'], data=data)[0] == 0
    with Service(data) as service:
        assert service.post(enrollment(), key.strip())[0] == 401


def test_a_command_finds_a_directory_after_a_kill_with_its_socket_left_behind(directory):
    service = Service(directory / 'data')
    service.key()
    service.kill()
    assert (service.data / 'control.sock').exists()
    code, out, err = cli('keys', 'list', data=service.data)
    assert code == 0 and 'test' in out, (code, err)


def test_wrong_wishes_for_keys_are_usage_errors(directory):
    data = directory / 'data'
    for wish in (['--name', 'x', '--scopes', 'everything'], ['--name', ''], ['--name', 'x', '--rate', 'fast'],
                 ['--name', 'x', '--expires-in', 'soon'], []):
        code, out, err = cli('keys', 'create', *wish, data=data)
        assert code == 2 and out == '' and err, (wish, code, out, err)
    cli('keys', 'create', '--name', 'x', data=data)
    assert cli('keys', 'revoke', 'nope', data=data)[0] == 1


# ---- looking and repairing ------------------------------------------------------------------------------------------

def closed_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]


def test_an_enrollment_and_its_member_are_shown_exported_and_erased(directory):
    with Service(directory / 'data') as service:
        key = service.key()
        id = signed_up(service, key, email='ada@example.com')
        member = service.enrollment(id, key)[1]['memberId']

        code, out, err = cli('enrollments', 'show', id, data=service.data)
        assert code == 0 and 'completed' in out and 'welcome-mail' in out, (code, out, err)
        assert 'ada@example.com' not in out
        assert json.loads(cli('enrollments', 'show', id, '--json', data=service.data)[1])['memberId'] == member
        assert cli('enrollments', 'show', 'nope', data=service.data)[0] == 1

        code, out, _ = cli('members', 'show', member, data=service.data)
        assert code == 0 and 'ada@example.com' in out, out
        service.stop()

    code, out, _ = cli('members', 'export', member, data=directory / 'data')
    assert code == 0 and json.loads(out)['member']['id'] == member, out
    code, out, err = cli('members', 'erase', member, data=directory / 'data')
    assert code == 0 and 'not reached' in out, (code, out, err)
    assert cli('members', 'show', member, data=directory / 'data')[0] == 1
    assert cli('members', 'erase', member, data=directory / 'data')[0] == 1
    with Service(directory / 'data') as service:
        assert service.stats()['members'] == 0


def refusing_server():
    """A mail server that refuses every recipient for good, and how many it has refused."""
    import threading
    server = socket.create_server(('127.0.0.1', 0))
    refused = []

    def serve(connection):
        with connection, connection.makefile('rwb', buffering=0) as stream:
            stream.write(b'220 test\r\n')
            for line in stream:
                verb = line[:4].upper()
                if verb == b'RCPT':
                    refused.append(line)
                    stream.write(b'550 5.1.1 no such mailbox\r\n')
                elif verb == b'QUIT':
                    stream.write(b'221 bye\r\n')
                    return
                elif verb == b'DATA':
                    stream.write(b'503 5.5.1 nobody to send it to\r\n')
                else:
                    stream.write(b'250 fine\r\n')

    def accept():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return server, refused


def test_dead_letters_are_listed_shown_replayed_and_discarded(directory):
    server, refused = refusing_server()
    url = f'smtp://127.0.0.1:{server.getsockname()[1]}?tls=off'
    with Service(directory / 'data', mail=url) as service:
        key = service.key()
        ids = [signed_up(service, key) for _ in range(3)]
        for id in ids:
            assert service.enrollment(id, key)[1]['status'] == 'parked'

        code, out, err = cli('dead-letters', 'list', data=service.data)
        assert code == 0 and all(id in out for id in ids) and 'example.com' not in out, (code, out, err)
        letters = [item['id'] for item in json.loads(cli('dead-letters', 'list', '--json', data=service.data)[1])['items']]
        assert len(letters) == 3

        code, out, _ = cli('dead-letters', 'show', letters[0], data=service.data)
        assert code == 0 and '550' in out and 'example.com' not in out, out
        code, out, _ = cli('dead-letters', 'show', letters[0], '--content', data=service.data)
        assert 'example.com' in out, out
        assert cli('dead-letters', 'show', 'welcome-mail:nope', data=service.data)[0] == 1
        assert cli('dead-letters', 'replay', data=service.data)[0] == 2
        assert cli('dead-letters', 'replay', 'welcome-mail:nope', data=service.data)[0] == 1

        # The console's own door, as a browser's script would use it.
        status, answer = service.operations('POST', '/admin/v1/dead-letters/replay', {'ids': letters[:1]})
        assert (status, answer['replayed']) == (200, 1), answer
        wait_until(lambda: len(refused) >= 4, 10, 'the replayed letter is tried')
        wait_until(lambda: service.queues()['welcome-mail']['deadLettered'] == 3, 10, 'and parked again')
        assert service.stop() == 0
    server.close()

    code, out, err = cli('dead-letters', 'discard', letters[2], data=directory / 'data')
    assert code == 0 and '1 discarded' in out, (code, out, err)
    code, out, err = cli('dead-letters', 'replay', '--queue', 'welcome-mail', '--json', data=directory / 'data')
    assert code == 0 and json.loads(out) == {'replayed': 2, 'failed': []}, (code, out, err)
    with Service(directory / 'data') as service:
        for id in ids[:2]:
            wait_until(lambda: service.enrollment(id, key)[1]['status'] == 'completed', 10, f'{id} completes')
        assert service.enrollment(ids[2], key)[1]['status'] == 'parked'
        assert service.stats()['enrollments'] == {'accepted': 0, 'processing': 0, 'completed': 2, 'rejected': 0, 'parked': 1}


# ---- care -----------------------------------------------------------------------------------------------------------

def test_verify_says_yes_to_a_sound_directory_and_no_to_a_damaged_one(directory):
    data = directory / 'data'
    with Service(data) as service:
        key = service.key()
        for _ in range(5):
            signed_up(service, key)
        service.stop()
    code, out, err = cli('verify', data=data)
    assert code == 0 and 'everything checks' in out, (code, out, err)
    assert json.loads(cli('verify', '--json', data=data)[1])['problems'] == []

    table = max((data / 'engine').glob('*.sst'), key=lambda file: file.stat().st_size)
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 0x40
    table.write_bytes(content)
    code, out, err = cli('verify', data=data)
    assert code == 1 and 'damaged' in out and 'globogym recover' in out, (code, out, err)
    code, out, _ = cli('verify', '--json', data=data)
    assert code == 1 and json.loads(out)['ok'] is False

    assert cli('recover', '--into', data, data=data)[0] == 2
    code, out, err = cli('recover', '--into', directory / 'saved', data=data)
    assert code in (0, 1) and 'saved' in out, (code, out, err)
    assert cli('verify', data=directory / 'saved')[0] == 0
    with Service(directory / 'saved') as service:
        assert request('GET', service.listen + '/readyz')[0] == 200


def test_of_a_member_whose_letter_is_lost_only_the_letter_has_to_be_written_anew(directory):
    data, saved = directory / 'data', directory / 'saved'
    with Service(data, mail=f'smtp://127.0.0.1:{closed_port()}?tls=off') as service:
        key = service.key()
        id = service.post(enrollment(), key)[1]['id']
        wait_until(lambda: service.stats()['members'] == 1, 30, 'the member is stored')
        service.stop()
    # Who knows that is the letter's message: its table is damaged.
    damaged = [file for file in (data / 'engine').glob('*.sst') if b'"letter":{' in file.read_bytes()]
    assert len(damaged) == 1, damaged
    content = bytearray(damaged[0].read_bytes())
    content[content.index(b'"letter":{')] ^= 0x40
    damaged[0].write_bytes(content)

    code, out, err = cli('recover', '--into', saved, data=data)
    lost = re.search(f'the welcome letter of enrollment {id}, whose member is stored: write it anew with '
                     r'`globogym members resend-letter (\w+)`', out)
    assert code == 1 and lost and 'sign up again' not in out, (code, out, err)
    with Service(saved, mail='outbox:') as service:
        assert service.stats()['enrollments'] == dict(accepted=1, processing=0, completed=0, rejected=0, parked=0)
        code, out, err = cli('members', 'resend-letter', lost.group(1), data=saved)
        assert code == 0, (code, out, err)
        wait_until(lambda: service.stats()['enrollments']['completed'] == 1, 30, 'the letter is out')
        story = service.enrollment(id, key)[1]
        assert story['status'] == 'completed' and story['memberId'] == lost.group(1), story
        assert [step['status'] for step in story['steps']] == ['done'] * 3, story
        assert service.stats()['enrollments'] == dict(accepted=0, processing=0, completed=1, rejected=0, parked=0)
        assert len(list((saved / 'outbox').glob('*.eml'))) == 1


def test_doctor_finds_a_sound_installation_sound_and_names_what_is_not(directory):
    data = directory / 'data'
    free = {'GLOBOGYM_GATEWAY_LISTEN': '127.0.0.1:0', 'GLOBOGYM_ADMIN_LISTEN': '127.0.0.1:0'}
    code, out, err = cli('doctor', '--json', data=data, env=free)
    assert code == 0 and json.loads(out)['ok'] is True, (out, err)
    with Service(data):
        code, out, err = cli('doctor', data=data, env=free)
        assert code == 0 and 'a server runs here' in out, (out, err)

    with socket.create_server(('127.0.0.1', 0)) as taken:
        code, out, _ = cli('doctor', '--json', data=data, env={
            'GLOBOGYM_GATEWAY_LISTEN': f'127.0.0.1:{taken.getsockname()[1]}', 'GLOBOGYM_ADMIN_LISTEN': '127.0.0.1:0',
            'GLOBOGYM_MAIL_URL': f'smtp://127.0.0.1:{closed_port()}', 'GLOBOGYM_ENGINE_DISK_RESERVE': '1TiB'})
    problems = {check['what'] for check in json.loads(out)['checks'] if check['state'] == 'problem'}
    assert code == 1 and {'public address', 'mail', 'free space'} <= problems, out


# ---- usage ----------------------------------------------------------------------------------------------------------

def test_wrong_usage_is_2_and_says_what_is_right():
    for command in ([], ['nonsense'], ['serve', '--nonsense'], ['keys'], ['keys', 'revoke'], ['serve', '--role', 'king'],
                    ['serve', '--listen', '8080'], ['dead-letters', 'list', '--limit', '0']):
        code, out, err = cli(*command)
        assert code == 2 and err, (command, code, out, err)


def test_help_and_version_are_0_and_on_stdout():
    assert re.fullmatch(r'globogym \d+\.\d+\.\d+\n', cli('--version')[1])
    for command in ([], ['serve'], ['keys'], ['keys', 'create'], ['dead-letters', 'replay'], ['members', 'erase'],
                    ['enrollments', 'show'], ['verify'], ['recover'], ['doctor'], ['config', 'explain']):
        code, out, err = cli(*command, '--help')
        assert code == 0 and 'Usage' in out and err == '', (command, code, err)


def test_a_directory_that_is_not_there_is_3(directory):
    for command in (['keys', 'list'], ['dead-letters', 'list'], ['members', 'show', 'x'], ['verify']):
        code, out, err = cli(*command, data=directory / 'none')
        assert code == 3 and out == '' and 'none' in err, (command, code, err)
        assert not (directory / 'none').exists(), command


def test_a_sentence_whose_name_was_mistyped_is_told_by_the_preview_doctor_and_the_start(directory):
    templates = directory / 'letters'
    templates.mkdir()
    (templates / 'welcome.de.words').write_text('closing = Bis bald!\ngreting = Servus {{firstName}},\n')
    env = {'GLOBOGYM_MAIL_TEMPLATES': str(templates)}
    sentence = f'{templates}/welcome.de.words:2: no template knows the words "greting"; did you mean "greeting"?'
    for words, ends in ((['letters', 'preview', '--locale', 'de-DE'], 2), (['doctor'], 1),
                        (['serve', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'], 2)):
        code, out, err = cli(*words, data=None if words[0] == 'letters' else directory / 'data', env=env)
        assert code == ends and sentence in out + err, (words, code, out, err)
    (templates / 'welcome.de.words').write_text('closing = Bis bald!\ngreeting = Servus {{firstName}},\n')
    assert 'Servus Ada,' in cli('letters', 'preview', '--locale', 'de-DE', env=env)[1]


if __name__ == '__main__':
    sys.exit(run(globals()))
