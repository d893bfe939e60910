#!/usr/bin/env python3
"""An engineer on call while mail is put off: what waits, why, since when, and trying one now, with the real binary."""

import json
import re
import sys
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.report import run
from harness.service import Service, cli, enrollment, wait_until
from harness.smtp import SmtpDouble


def ask(service, *arguments):
    """What a command prints that does what was asked for."""
    code, out, err = cli(*arguments, data=getattr(service, 'data', service))
    assert code == 0, (code, out, err)
    return out


def queue(service):
    return service.queues()['welcome-mail']


def put_off(service, mail, key, address='ada.waits@slow.example'):
    mail.manners(rcpt={'slow.example': f'451 4.7.1 <{address}> come back later'})
    status, answer = service.post(enrollment(email=address), key)
    assert status == 202, answer
    wait_until(lambda: queue(service)['delayed'] == 1, 10, 'the letter is put off')
    return answer['id']


def test_what_is_put_off_is_seen_and_tried_when_a_person_wants_it(directory):
    with SmtpDouble(directory) as mail, Service(directory / 'data', mail=mail.url) as service:
        id = put_off(service, mail, service.key())

        seen = queue(service)
        assert seen['waiting'] == 1 and '451 4.7.1' in seen['lastError'], seen
        assert seen['blockedSince'] and seen['nextAttemptAt'] > seen['lastErrorAt'] and seen['drainSeconds'] is None, seen
        shown = ask(service, 'queues')
        assert '451 4.7.1' in shown, shown
        listed = ask(service, 'waiting')
        assert 'welcome-mail:' + id in listed and 'come back later' in listed, listed
        items = json.loads(ask(service, 'waiting', '--queue', 'welcome-mail', '--json'))['items']
        assert [item['enrollmentId'] for item in items] == [id] and items[0]['attempts'] == 1, items

        mail.manners()
        tried = ask(service, 'enrollments', 'retry-now', id, '--reason', 'their box is mended')
        assert 'due now' in tried, tried
        wait_until(lambda: len(mail.letters()) == 1, 5, 'the letter goes at once')
        wait_until(lambda: queue(service)['waiting'] == 0, 5, 'nothing waits')
        assert queue(service)['blockedSince'] is None
        wait_until(lambda: 'retried' in ask(service, 'enrollments', 'show', id), 5, 'the story tells of it')
        assert re.search(r'retried +by uid:', ask(service, 'enrollments', 'show', id))
        code, _, why = cli('enrollments', 'retry-now', id, data=service.data)
        assert code == 1 and 'completed' in why, why
        assert cli('enrollments', 'retry-now', 'nobody', data=service.data)[0] == 1

        log = service.logs()
        told = [json.loads(line) for line in log.splitlines() if '"attempt-put-off"' in line]
        assert len(told) == 1 and '451 4.7.1' in told[0]['error'] and told[0]['messageId'] == id, told
        trail = ask(service, 'audit', '--json')
        assert 'enrollment-retried' in trail and 'their box is mended' in trail
        for text in (log, shown, listed, json.dumps(seen), json.dumps(items), trail):
            assert 'ada.waits' not in text and 'slow.example' not in text, text


def test_the_age_of_what_is_delayed_is_known_after_a_restart(directory):
    with SmtpDouble(directory) as mail:
        with Service(directory / 'data', mail=mail.url) as service:
            put_off(service, mail, service.key())
        with Service(directory / 'data', mail=mail.url) as service:
            assert queue(service)['waiting'] == 1
            wait_until(lambda: queue(service)['oldestSeconds'] >= 2, 10, 'it is as old as it is')


def test_a_stopped_server_is_asked_the_same(directory):
    with SmtpDouble(directory) as mail:
        with Service(directory / 'data', mail=mail.url) as service:
            id = put_off(service, mail, service.key())
        assert id in ask(directory / 'data', 'waiting')
        ask(directory / 'data', 'enrollments', 'retry-now', id)
        mail.manners()
        with Service(directory / 'data', mail=mail.url) as service:
            wait_until(lambda: len(mail.letters()) == 1, 5, 'the letter goes at the start')


def test_a_mistyped_queue_is_told_and_never_taken_for_an_empty_one(directory):
    data = directory / 'data'
    asked = [('waiting', '--queue'), ('dead-letters', 'list', '--queue'), ('dead-letters', 'replay', '--queue'),
             ('dead-letters', 'discard', '--queue')]
    with Service(data) as service:
        for words in asked:
            code, out, err = cli(*words, 'welcom-mail', data=service.data)
            assert (code, out) == (2, '') and 'did you mean welcome-mail?' in err, (words, code, out, err)
            assert cli(*words, 'welcome-mail', data=service.data)[0] == 0, words
    code, out, err = cli('waiting', '--queue', 'nope', data=data)
    assert (code, out) == (2, '') and err == (
        'globogym: there is no queue nope; there are process-enrollment and welcome-mail\n'), (code, out, err)


if __name__ == '__main__':
    sys.exit(run(globals()))
