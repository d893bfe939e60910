#!/usr/bin/env python3
"""Mail servers as they are: with long answers, demands on our name, other credentials, slow minds, and an outbox that moves."""

import os
import pathlib
import shutil
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.certificates import Authority
from harness.report import run
from harness.service import Service, enrollment, wait_until
from harness.smtp import SmtpDouble

SETTINGS = {'GLOBOGYM_RETRY_FIRST_DELAY': '50ms', 'GLOBOGYM_RETRY_MAX_DELAY': '500ms'}


def sign_up(service, key, **fields):
    status, answer = service.post(enrollment(**fields), key)
    assert status == 202, (status, answer)
    return answer['id']


def completed(service, key, id, within=30):
    wait_until(lambda: service.enrollment(id, key)[1]['status'] == 'completed', within, f'{id} is completed')


def test_answers_of_any_length_are_understood_and_each_letter_comes_once(directory):
    with SmtpDouble(directory, replies={'dot': '250 2.0.0 ' + 'x' * 600, 'mail': '250 ' + 'y' * 70_000},
                    ehlo_lines=300) as mail, Service(directory / 'data', mail=mail.url, env=SETTINGS) as service:
        key = service.key()
        for id in [sign_up(service, key) for _ in range(20)]:
            completed(service, key, id)
        assert len(mail.letters()) == len({letter.message_id for letter in mail.letters()}) == 20


def test_a_long_refusal_is_the_recipients_and_its_words_do_not_name_them(directory):
    words = '550 5.1.1 <lost.soul@gone.example>: LOST.SOUL is nobody here ' + 'z' * 900
    with SmtpDouble(directory, rcpt={'gone.example': words}) as mail, \
            Service(directory / 'data', mail=mail.url, env=SETTINGS) as service:
        key = service.key()
        lost, found = sign_up(service, key, email='lost.soul@gone.example'), sign_up(service, key)
        completed(service, key, found)
        wait_until(lambda: service.enrollment(lost, key)[1]['status'] == 'parked', 30, 'the address is parked')
        view = service.enrollment(lost, key)[1]
        step = next(step for step in view['steps'] if step['name'] == 'welcome-mail')
        assert view['reason'] == 'recipient-refused' and step['attempts'] == 1, view
        assert '550 5.1.1' in step['lastError'] and 'soul' not in step['lastError'].lower(), step
        assert service.queues()['welcome-mail']['state'] == 'running'


def test_a_machine_without_a_full_name_greets_with_its_address_or_with_the_name_it_is_given(directory):
    with SmtpDouble(directory, hello='address') as mail:
        with Service(directory / 'data', mail=mail.url, env=SETTINGS) as service:
            key = service.key()
            completed(service, key, sign_up(service, key))
        assert service.process.returncode == 0
        said = mail.events('hello')[-1].what
        assert said == ('[127.0.0.1]' if '.' not in socket.gethostname() else socket.gethostname()), said
        named = {**SETTINGS, 'GLOBOGYM_MAIL_HELLO_NAME': 'door.globogym.example'}
        with Service(directory / 'data', mail=mail.url, env=named) as service:
            completed(service, key, sign_up(service, key))
        assert mail.events('hello')[-1].what == 'door.globogym.example'


def test_who_is_refused_for_our_name_waits_and_is_parked_by_nobody(directory):
    refusal = '504 5.5.2 <door>: Helo command rejected: need fully-qualified hostname'
    with SmtpDouble(directory, rcpt={'*': refusal}) as mail, \
            Service(directory / 'data', mail=mail.url, env=SETTINGS) as service:
        key = service.key()
        id = sign_up(service, key)
        wait_until(lambda: len(mail.events('rcpt')) >= 1, 30, 'it is refused')
        view = service.enrollment(id, key)[1]
        assert view['status'] == 'processing', view
        assert service.queues()['welcome-mail']['deadLettered'] == 0


def test_LOGIN_is_used_where_PLAIN_is_offered_and_refused(directory):
    with SmtpDouble(directory, auth_replies={'PLAIN': '504 5.5.4 unrecognized authentication type'}, needs_auth=True) as mail:
        url = f'SMTP://gym:secret@127.0.0.1:{mail.port}?tls=off'
        with Service(directory / 'data', mail=url, env=SETTINGS) as service:
            key = service.key()
            completed(service, key, sign_up(service, key))
            assert [(event.what, event.reply) for event in mail.events('auth')] == [('PLAIN', '504'), ('LOGIN', '235')]
            assert 'secret' not in service.logs()


def test_a_server_on_this_machine_that_takes_credentials_under_TLS_only_gets_them_so(directory):
    unknown = Authority(directory / 'ca').issue(directory / 'server', name='somebody.else')
    with SmtpDouble(directory, unknown.certificate, unknown.key, auth_needs_tls=True, needs_auth=True) as mail:
        with Service(directory / 'data', mail=f'smtp://gym:secret@127.0.0.1:{mail.port}', env=SETTINGS) as service:
            key = service.key()
            completed(service, key, sign_up(service, key))
        assert [(event.what, event.reply) for event in mail.events('auth')] == [('PLAIN', '235')]


def test_a_process_that_was_held_while_the_server_answered_sends_nothing_twice(directory):
    settings = {**SETTINGS, 'GLOBOGYM_MAIL_ACCEPT_TIME': '1s', 'GLOBOGYM_MAIL_REPLY_TIME': '1s'}
    with SmtpDouble(directory, delays={'dot': 0.5}) as mail, \
            Service(directory / 'data', mail=mail.url, env=settings) as service:
        key = service.key()
        ids = [sign_up(service, key) for _ in range(4)]
        wait_until(lambda: len(mail.events('rcpt')) >= 4, 30, 'the letters are on their way')
        os.kill(service.pid, signal.SIGSTOP)
        wait_until(lambda: mail.taken >= 4, 30, 'they are taken')
        time.sleep(1.5)  # beyond every deadline
        os.kill(service.pid, signal.SIGCONT)
        for id in ids:
            completed(service, key, id)
        assert len(mail.letters()) == 4, mail.letters()


def test_connections_that_die_cost_no_letters(directory):
    with SmtpDouble(directory, dying=0.1) as mail, Service(directory / 'data', mail=mail.url, env=SETTINGS) as service:
        key = service.key()
        ids = [sign_up(service, key) for _ in range(100)]
        for id in ids:
            completed(service, key, id)
        assert len(mail.letters()) == 100
        assert service.queues()['welcome-mail']['state'] == 'running'


def test_an_outbox_taken_away_is_said_and_written_to_again_when_it_is_back(directory):
    data = directory / 'data'
    with Service(data, env=SETTINGS) as service:
        key = service.key()
        completed(service, key, sign_up(service, key))
        shutil.move(data / 'outbox', data / 'elsewhere')
        id = sign_up(service, key)
        wait_until(lambda: 'outbox-failed' in service.logs(), 30, 'it is said')
        assert 'Put it back' in service.logs()
        assert not (data / 'outbox').exists()
        shutil.move(data / 'elsewhere', data / 'outbox')
        completed(service, key, id, 60)
        assert len(list((data / 'outbox').glob('*.eml'))) == 2


if __name__ == '__main__':
    sys.exit(run(globals()))
