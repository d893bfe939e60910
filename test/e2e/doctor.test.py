#!/usr/bin/env python3
"""`globogym doctor` and `config explain`: beside a server they tell how it is and what is in force, for every fault that is
planted here; without one they say what they looked at."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.certificates import Authority
from harness.clock import Clock
from harness.issuer import Issuer
from harness.report import Skip, run
from harness.service import BINARY, Service, clean_environment, cli, enrollment, wait_until
from harness.smtp import SmtpDouble


def examined(service, env=None):
    """The exit code, and what each check says. Not in the server's directory, and not in its environment."""
    code, out, err = cli('doctor', '--json', data=service.data, env=env)
    told = json.loads(out)
    assert told['serverRuns'] is True and (code == 0) == told['ok'], (code, out, err)
    checks = {}
    for check in told['checks']:
        worse = checks.get(check['what'], check)
        checks[check['what']] = max((worse, check), key=lambda one: ('ok', 'note', 'problem').index(one['state']))
    return code, checks


def names(service, what, state, *words, env=None):
    code, checks = examined(service, env)
    found = checks[what]
    assert found['state'] == state and all(word in found['detail'] for word in words), (found, words)
    assert code == (1 if state == 'problem' else code), (code, found)
    # For people, too.
    _, out, _ = cli('doctor', data=service.data, env=env)
    assert all(word in out for word in words), out


@contextlib.contextmanager
def mailing(directory, **options):
    with SmtpDouble(directory) as mail, Service(directory / 'data', mail=options.pop('url', mail.url), **options) as service:
        yield service, mail


def test_a_sound_server_is_found_sound(directory):
    with mailing(directory, env={'GLOBOGYM_SIGNUP_TERMS_URL': '/terms', 'GLOBOGYM_SIGNUP_PRIVACY_URL': '/privacy'}) as (
            service, mail):
        code, checks = examined(service)
        assert code == 0 and checks['mail']['state'] == checks['queue welcome-mail']['state'] == 'ok', checks
        assert checks['terms']['state'] == 'ok' and not mail.letters(), checks
        assert 'the server that runs on' in checks['looked at']['detail'], checks


def test_fault_1_the_mail_server_refuses_connections(directory):
    with mailing(directory) as (service, mail):
        mail.mode = 'refuse'
        names(service, 'mail', 'problem', f':{mail.port}', 'refused')


def test_fault_2_the_mail_server_greets_with_554(directory):
    with mailing(directory) as (service, mail):
        mail.manners(replies={'banner': '554 5.3.2 no service here'})
        names(service, 'mail', 'problem', '554')


def test_fault_3_the_mail_server_refuses_our_password(directory):
    with SmtpDouble(directory, auth=('PLAIN',), auth_replies={'PLAIN': '535 5.7.8 no'}) as mail:
        with Service(directory / 'data', mail=mail.url.replace('smtp://', 'smtp://gym:s3cr3t@')) as service:
            names(service, 'mail', 'problem', 'AUTH', '535', 'password')
            assert 's3cr3t' not in str(cli('doctor', data=service.data)) + str(cli('config', 'explain', data=service.data))


def test_fault_4_the_mail_servers_certificate_is_not_to_be_trusted(directory):
    identity = Authority(directory / 'ca').issue(directory / 'server')
    stranger = Authority(directory / 'other').certificate
    with SmtpDouble(directory, certificate=str(identity.certificate), key=str(identity.key)) as mail:
        with Service(directory / 'data', mail=mail.url, env={'GLOBOGYM_MAIL_CA_FILE': str(stranger)}) as service:
            names(service, 'mail', 'problem', 'certificate')


def test_fault_5_our_own_certificate_has_a_key_that_does_not_fit(directory):
    authority = Authority(directory / 'ca')
    ours, other = authority.issue(directory / 'server'), authority.issue(directory / 'new', serial=2)
    env = {'GLOBOGYM_TLS_CERTIFICATE': str(ours.certificate), 'GLOBOGYM_TLS_KEY': str(ours.key)}
    with Service(directory / 'data', env=env) as service:
        assert examined(service)[1]['certificate in force']['state'] == 'ok'
        ours.key.write_bytes(other.key.read_bytes())
        names(service, 'TLS', 'problem', 'does not belong')
        assert examined(service)[1]['certificate in force']['state'] == 'ok'  # what clients see is the old one


def test_fault_6_our_own_certificate_has_expired(directory):
    clock = Clock(directory)
    ours = Authority(directory / 'ca').issue(directory / 'server', days=20)
    env = {'GLOBOGYM_TLS_CERTIFICATE': str(ours.certificate), 'GLOBOGYM_TLS_KEY': str(ours.key), **clock.env}
    with Service(directory / 'data', env=env) as service:
        clock.step(10 * 86400)
        names(service, 'certificate in force', 'note', 'less than two weeks')
        clock.step(21 * 86400)
        names(service, 'certificate in force', 'problem', 'expired')


def test_fault_7_the_clock_was_set(directory):
    clock = Clock(directory)
    with Service(directory / 'data', env=clock.env) as service:
        clock.step(-3600)
        names(service, 'clock', 'note', 'back', 'since the server started')


def test_fault_8_the_disk_is_below_its_reserve(directory):
    free = shutil.disk_usage(directory).free
    with Service(directory / 'data', env={'GLOBOGYM_ENGINE_DISK_RESERVE': f'{(free >> 30) + 100}GiB'}) as service:
        names(service, 'free space', 'problem', '503')
        wait_until(lambda: examined(service)[1]['engine']['state'] == 'problem', 10, 'the engine has noticed')


def test_fault_9_the_circuit_is_open(directory):
    with mailing(directory) as (service, mail):
        mail.mode = 'refuse'
        key = service.key()
        for _ in range(8):
            assert service.post(enrollment(), key)[0] == 202
        wait_until(lambda: service.queues()['welcome-mail']['state'] == 'circuit-open', 20, 'the circuit opens')
        names(service, 'queue welcome-mail', 'problem', 'circuit', 'since 20', 'last error')


def test_fault_10_letters_are_put_off_and_nothing_gets_through(directory):
    with mailing(directory) as (service, mail):
        mail.manners(rcpt={'*': '451 4.3.0 full up'})
        assert service.post(enrollment(), service.key())[0] == 202
        wait_until(lambda: service.queues()['welcome-mail']['delayed'] == 1, 10, 'it is put off')
        names(service, 'queue welcome-mail', 'problem', 'nothing has got through', '451 4.3.0 full up', '1 message waits')


def test_fault_11_a_queue_is_paused(directory):
    with Service(directory / 'data') as service:
        service.operations('POST', '/admin/v1/queues/welcome-mail/pause')
        names(service, 'queue welcome-mail', 'problem', 'paused since')


def test_fault_12_there_are_dead_letters(directory):
    with mailing(directory) as (service, mail):
        mail.manners(rcpt={'*': '550 5.1.1 no such box'})
        assert service.post(enrollment(), service.key())[0] == 202
        wait_until(lambda: service.queues()['welcome-mail']['deadLettered'] == 1, 10, 'it is parked')
        names(service, 'dead letters', 'note', '1 message was given up', 'globogym dead-letters list')


def test_fault_13_the_terms_are_missing(directory):
    with Service(directory / 'data') as service:
        names(service, 'terms', 'note', 'signup.terms_url', 'signup.privacy_url')


CLUB = '[[clubs]]\nid = "mitte"\nname = "Mitte"\ntime_zone = "Europe/Berlin"\n'


def test_fault_14_the_file_has_changed_since_the_start(directory):
    file = directory / 'gym.toml'
    file.write_text('[mail]\nfrom = "Gym <a@gym.example>"\n' + CLUB)
    with Service(directory / 'data', config=file) as service:
        assert examined(service)[1]['configuration']['state'] == 'ok'
        file.write_text('[mail]\nfrom = "Gym <b@gym.example>"\n' + CLUB)
        names(service, 'configuration', 'note', str(file), 'mail.from', 'restart')
        code, out, err = cli('config', 'explain', data=service.data)
        assert code == 0 and 'a@gym.example' in out and 'b@gym.example' not in out, out
        assert 'In force since' in err and 'mail.from' in err and 'restart' in err, err
        values = {one['key']: one for one in json.loads(cli('config', 'explain', '--json', data=service.data)[1])}
        assert values['mail.from']['value'] == 'Gym <a@gym.example>' and values['mail.from']['origin'].endswith('gym.toml:2')
        file.write_text('[mail]\nfrom = "Gym <a@gym.example>"\n' + CLUB.replace('Mitte', 'Mitte!'))
        names(service, 'configuration', 'note', 'clubs')


def test_faults_15_to_17_the_file_would_not_start_a_server_any_more(directory):
    file = directory / 'gym.toml'
    file.write_text(CLUB)
    with Service(directory / 'data', config=file) as service:
        for text, words in ((CLUB.replace('Berlin', 'Atlantis'), [':4:', 'clubs.time_zone']),
                            (CLUB + CLUB, ['mitte']),
                            ('[mail]\nurll = "x"\n', ['mail.urll'])):
            file.write_text(text)
            names(service, 'configuration', 'problem', *words, 'would not start again')


def test_fault_18_the_data_directory_is_open_to_others(directory):
    with Service(directory / 'data') as service:
        os.chmod(service.data, 0o755)
        names(service, 'data directory', 'problem', 'chmod 700')


def test_fault_19_the_outbox_is_gone(directory):
    with Service(directory / 'data') as service:
        (service.data / 'outbox').rename(directory / 'elsewhere')
        names(service, 'mail', 'problem', 'outbox', 'gone')


def test_fault_20_the_token_issuer_is_down(directory):
    with Issuer() as issuer:
        env = issuer.environment()
        with Service(directory / 'data', env=env) as service:
            wait_until(lambda: examined(service)[1]['token keys']['state'] == 'ok', 10, 'keys are held')
            issuer.kill()
            names(service, 'token issuer', 'problem', '127.0.0.1')


def test_fault_21_the_audit_trail_cannot_be_written(directory):
    with Service(directory / 'data') as service:
        service.key()
        assert examined(service)[1]['audit trail']['state'] == 'ok'
        shutil.move(service.data / 'audit', directory / 'aside')
        (service.data / 'audit').write_text('in its place')
        names(service, 'audit trail', 'problem', 'cannot be written', 'Not a directory', 'sign-ups go on')
        assert 'globogym_audit_unwritable 1' in service.operations('GET', '/metrics')[1]
    code, out, _ = cli('doctor', data=directory / 'data')  # and without a server
    assert code == 1 and 'Not a directory' in out, out


def test_fault_22_the_audit_trail_was_changed_far_from_its_end(directory):
    data = directory / 'data'
    with Service(data) as service:
        for _ in range(20):
            service.key()
    file, = (data / 'audit').iterdir()
    lines = file.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"time":"2', b'"time":"1')
    file.write_bytes(b''.join(lines))
    with Service(data) as service:
        wait_until(lambda: examined(service)[1]['audit trail']['state'] == 'problem', 20, 'it is found')
        names(service, 'audit trail', 'problem', 'line 4 of', 'as it is')
        assert '"event":"audit-damaged"' in service.logs()
        assert 'globogym_audit_damaged 1' in service.operations('GET', '/metrics')[1]
        assert service.post(enrollment(), service.key())[0] == 202


def test_fault_23_the_server_hangs(directory):
    with mailing(directory) as (service, mail):
        mail.mode = 'refuse'
        service.process.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            code, out, _ = cli('doctor', data=service.data, env={'GLOBOGYM_MAIL_URL': mail.url})
            assert code == 1 and f'kill -CONT {service.pid}' in out and 'does not answer' in out, out
            assert f':{mail.port}' in out and 'refused' in out, out  # and what can be looked at is
            assert 'is free' not in out and 'opens;' not in out, out
            for command in (('queues',), ('find', 'x'), ('config', 'explain'), ('audit',)):
                code, _, err = cli(*command, data=service.data)
                assert code == 3 and 'has not answered for 5 seconds' in err and str(service.pid) in err, (code, err)
            assert time.monotonic() - began < 60
        finally:
            service.process.send_signal(signal.SIGCONT)
        assert cli('queues', data=service.data)[0] == 0


def test_fault_24_whoever_asks_may_not_open_the_directory(directory):
    if os.geteuid() != 0:
        raise Skip('only root can be somebody else')
    with tempfile.TemporaryDirectory() as place, Service(directory / 'data') as running:
        os.chmod(place, 0o755)
        binary = shutil.copy(BINARY, place)
        stopped = pathlib.Path(place, 'stopped')
        with Service(stopped) as service:
            service.key()
        beneath = running.data if os.stat(directory).st_mode & 0o005 == 0o005 else None

        def asked(*arguments, data):
            done = subprocess.run([binary, *arguments, '--data', str(data)], capture_output=True, text=True, timeout=60,
                                  env=clean_environment(), user=65534, group=65534, extra_groups=[], cwd=place)
            return done.returncode, done.stdout, done.stderr

        for data in filter(None, (stopped, beneath)):
            code, out, _ = asked('doctor', data=data)
            assert code == 1 and 'belongs to root (uid 0)' in out and 'run as its owner' in out, out
            assert 'not known' in out and 'move' not in out and 'is free' not in out, out
            told = json.loads(asked('doctor', '--json', data=data)[1])
            assert told['serverRuns'] is None, told
            for command in (('find', 'x'), ('queues',), ('backup', '--into', f'{place}/new'), ('verify',), ('audit',),
                            ('recover', '--into', f'{place}/other')):
                code, _, err = asked(*command, data=data)
                assert code == 3 and 'belongs to root' in err and 'no data' not in err, (command, code, err)


def test_what_root_asks_of_a_stopped_directory_leaves_it_to_its_owner(directory):
    if os.geteuid() != 0:
        raise Skip('only root can ask for somebody else')
    data = directory / 'data'
    os.chmod(directory, 0o755)
    with Service(data) as service:
        service.key()
    for file in (data, *data.rglob('*')):
        os.chown(file, 65534, 65534)
    for command in (('queues',), ('keys', 'list'), ('audit',), ('find', 'nobody@example.com'), ('keys', 'create', '--name', 'x')):
        code, _, err = cli(*command, data=data)
        assert code in (0, 1), (command, code, err)
    others = [file for file in (data, *data.rglob('*')) if file.lstat().st_uid != 65534]
    assert not others, others
    assert cli('backup', '--into', directory / 'backup', data=data)[0] == 0
    others = [file for file in data.rglob('*') if file.lstat().st_uid != 65534 and file.name != 'backup.lock']
    assert not others, others


def test_without_a_server_it_says_what_was_looked_at(directory):
    free = {'GLOBOGYM_GATEWAY_LISTEN': '127.0.0.1:0', 'GLOBOGYM_ADMIN_LISTEN': '127.0.0.1:0'}
    code, out, _ = cli('doctor', '--json', data=directory / 'data', env=free)
    told = json.loads(out)
    assert told['serverRuns'] is False and told['checks'][0]['what'] == 'looked at', told
    assert str(directory / 'data') in told['checks'][0]['detail'] and 'no server runs' in told['checks'][0]['detail'], told
    file = directory / 'gym.toml'
    file.write_text(CLUB)
    code, out, _ = cli('doctor', '--config', file, data=directory / 'data', env=free)
    assert str(file) in out, out
    _, _, err = cli('config', 'explain', '--config', file, data=directory / 'data')
    assert str(file) in err and 'no server runs' in err, err


def test_what_the_server_tells_of_itself_is_for_the_control_socket_only(directory):
    with Service(directory / 'data') as service:
        for path in ('/admin/v1/checkup', '/admin/v1/configuration'):
            assert service.operations('GET', path)[0] == 404, path


if __name__ == '__main__':
    sys.exit(run(globals()))
