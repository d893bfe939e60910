#!/usr/bin/env python3
"""Data directories that an older build left, after kill -9 and after an orderly stop, are opened, read, mended and
finished by this one: every promise of theirs is kept. What they hold and how they were made: test/crash/old-directory/make.

They get older every day; nothing in them ends by the calendar, and these tests do not look at it.
"""

import datetime
import io
import json
import lzma
import pathlib
import shutil
import subprocess
import sys
import tarfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.clock import Clock
from harness.ledger import drained, wait_until_drained
from harness.report import run
from harness.service import BINARY, Service, clean_environment, cli, request, wait_until
from harness.smtp import SmtpDouble

HERE = pathlib.Path(__file__).resolve().parent / 'old-directory'
CONFIG = HERE / 'globogym.toml'
EVERY_ONE = [(archive, which) for archive in sorted(HERE.glob('*.tar.xz')) for which in ('killed', 'stopped')]
NOT_LISTENING = {'GLOBOGYM_GATEWAY_LISTEN': '127.0.0.1:0', 'GLOBOGYM_ADMIN_LISTEN': '127.0.0.1:0'}


class Old:
    """One of them, unpacked, and what was promised in it."""

    def __init__(self, directory, archive, which):
        self.name = f'{which} of {archive.name.removesuffix(".tar.xz")}'
        self.place = directory / self.name.replace(' ', '-')
        with tarfile.open(fileobj=io.BytesIO(lzma.decompress(archive.read_bytes()))) as found:
            found.extraction_filter = lambda member, _: member  # of every version of Python; the archive is ours
            found.extractall(self.place)
        self.data = self.place / which
        self.promised = json.loads(archive.with_name(archive.name.replace('.tar.xz', '.json')).read_text())[which]
        self.enrollments = self.promised['enrollments']
        # A copy of a killed server's directory is checked, and then said to be sound by who knows it: docs/operating.md.
        code, out, err = cli('verify', data=self.data)
        assert code == 0 and 'everything checks' in out, (self.name, code, out, err)
        (self.data / 'in-use').unlink(missing_ok=True)

    def secret(self, name):
        return self.promised['keys'][name]['secret']

    def server(self, *flags, mail=None, data=None, env=None):
        return Service(data or self.data, *flags, config=CONFIG, mail=mail.url if mail else None, env=env)

    def seen(self, service, promise):
        """The enrollment, by the key that posted it."""
        status, view = service.enrollment(promise['id'], self.secret(promise['key']))
        assert status == 200, f'{self.name}: {promise["id"]} was promised and is lost: {status} {view}'
        return view

    def in_state(self, *states):
        return [promise for promise in self.enrollments if promise['status'] in states]

    def letter_of(self, promise):
        return next((letter for letter in self.promised['letters'] if letter['enrollment'] == promise['id']), None)


def every_one(directory):
    assert EVERY_ONE
    for archive, which in EVERY_ONE:
        yield Old(directory, archive, which)


def told(*arguments, data, **options):
    """What a command prints that does what was asked for."""
    code, out, err = cli(*arguments, data=data, **options)
    assert code == 0, (arguments, code, out, err)
    return out


def found(query, data):
    """By the line, as at the front desk."""
    asked = subprocess.run([BINARY, 'find', '--json', '--data', str(data)], input=query + '\n', text=True, capture_output=True,
                           env=clean_environment(), timeout=60)
    assert asked.returncode == 0, (query, asked)
    return json.loads(asked.stdout)


def make_all_due(old, data=None):
    """What waits for a later hour is asked for now; in a year from then it is due anyway."""
    for promise in old.enrollments:
        if promise.get('dueLater'):
            will_do('enrollments', 'retry-now', promise['id'], data=data or old.data)


def will_do(*arguments, data):
    """Asked again while what it is about is being tried."""
    wait_until(lambda: cli(*arguments, data=data)[0] == 0, 30, ' '.join(arguments))


def is_as_it_was_left(old, service, **counted_anew):
    """Before anything is worked on: states, reasons, members, totals."""
    wrong = []
    for promise in old.enrollments:
        view = old.seen(service, promise)
        was = {name: promise[name] for name in ('status', 'reason')}
        if was != {name: view[name] for name in was}:
            wrong.append((promise['id'], was, view))
    assert not wrong, (old.name, wrong[:3])
    assert service.stats() == old.promised['totals'] | counted_anew, (old.name, service.stats(), old.promised['totals'])
    queues = service.queues()
    assert {name: queue['waiting'] for name, queue in queues.items()} == old.promised['waiting'], queues
    assert sum(queue['deadLettered'] for queue in queues.values()) == len(old.promised['deadLetters']), queues


def is_finished(old, service, letters, also=()):
    """Everything has come to what was promised. `also`: parked ones that a person has brought back, which are completed, and
    whose letters are not in the manifest."""
    wrong, ends = [], {'accepted': 0, 'processing': 0, 'completed': 0, 'rejected': 0, 'parked': 0}
    members = old.promised['totals']['members']
    for promise in old.enrollments:
        view = old.seen(service, promise)
        becomes = 'completed' if promise['id'] in also else promise['becomes']
        ends[becomes] += 1
        reason = {'completed': None, 'parked': promise['reason'], 'rejected': promise['reason'] or 'already-member'}[becomes]
        if (view['status'], view['reason']) != (becomes, reason):
            wrong.append((promise['id'], becomes, reason, view))
        member = service.enrollment(promise['id'], old.secret('desk'))[1]['memberId']
        if promise['memberId'] and member != promise['memberId']:
            wrong.append((promise['id'], 'is another member', promise['memberId'], member))
        if becomes == 'completed' and any(step['status'] != 'done' for step in view['steps']):
            wrong.append((promise['id'], 'completed with a step that is not', view))
        members += becomes == 'completed' and not promise['memberId']
    assert not wrong, (old.name, wrong[:3])
    expected = {letter['messageId']: letter['to'] for letter in old.promised['letters']}
    came = {letter.message_id: letter.recipient for letter in letters}
    for id in also:
        came.pop(f'{id}@globogym.example')
    assert came == expected, (old.name, set(came.items()) ^ set(expected.items()))
    sent_before = old.promised['totals']['mailsSent']
    assert service.stats() == {'members': members, 'enrollments': ends, 'mailsSent': sent_before + len(letters)}, (
        old.name, ends, service.stats())


def finished(old, directory, data=None, env=None, **known):
    """Finishes it with a mail server that takes everything, and holds what came against what was promised. The letters."""
    make_all_due(old, data)
    with SmtpDouble(directory) as mail:
        mail.heal()
        with old.server(mail=mail, data=data, env=env) as service:
            wait_until_drained(service, 60)
            is_finished(old, service, mail.letters(), **known)
            assert service.stop() == 0
        letters = mail.letters()
    code, out, err = cli('verify', data=data or old.data)
    assert code == 0 and 'everything checks' in out, (old.name, code, out, err)
    return letters


def test_every_promise_an_older_build_made_is_kept(directory):
    for old in every_one(directory):
        finished(old, directory)


def test_they_are_kept_years_later_too(directory):
    clock = Clock(directory)
    clock.step(5 * 365 * 86400)
    for old in every_one(directory):
        finished(old, directory, env=clock.env)


def test_letters_an_older_build_had_written_go_out_as_they_were_written_byte_for_byte(directory):
    for old in every_one(directory):
        written = {letter['messageId']: letter['sha1'] for letter in old.promised['letters'] if letter['sha1']}
        came = {letter.message_id: letter.digest for letter in finished(old, directory)}
        assert written and {id: came[id] for id in written} == written, old.name


def test_a_process_that_only_takes_sign_ups_shows_everything_as_the_older_build_left_it(directory):
    for old in every_one(directory):
        with old.server('--role', 'gateway') as service:
            is_as_it_was_left(old, service)
            is_told_as_before(old, old.enrollments)
            # Whoever is new is taken beside them.
            body = json.loads(old.enrollments[0]['body']) | {'email': 'somebody.new@members.example'}
            assert service.post(body, old.secret('desk'))[0] == 202
            service.kill()
        with old.server('--role', 'gateway') as service:
            counts = old.promised['totals']['enrollments']
            assert service.stats()['enrollments'] == counts | {'accepted': counts['accepted'] + 1}


def test_commands_on_the_older_builds_stopped_directory_tell_what_stands_there(directory):
    for old in every_one(directory):
        data = old.data
        assert 'everything checks' in told('verify', data=data)
        told('doctor', '--config', CONFIG, data=data, env=NOT_LISTENING)
        told('audit', '--verify', data=data)
        assert len(told('audit', '--json', data=data).splitlines()) >= old.promised['auditLines']
        queues = {queue['name']: queue for queue in json.loads(told('queues', '--json', data=data))}
        assert {name: queue['waiting'] for name, queue in queues.items()} == old.promised['waiting'], queues
        listed = json.loads(told('waiting', '--json', data=data))['items']
        assert len(listed) == sum(old.promised['waiting'].values())
        dead = [letter['id'] for letter in json.loads(told('dead-letters', 'list', '--json', data=data))['items']]
        assert sorted(dead) == sorted(old.promised['deadLetters']), dead
        for id in dead:
            shown = told('dead-letters', 'show', '--content', id, data=data)
            assert '@' in shown, shown
        people = json.loads(told('members', 'list', '--json', data=data))['members']
        assert len(people) == old.promised['totals']['members']
        keys = {key['name']: key for key in json.loads(told('keys', 'list', '--json', data=data))}
        assert set(old.promised['keys']) <= set(keys), keys
        one_of_each = {(promise['status'], promise['reason']): promise for promise in old.enrollments}
        is_told_as_before(old, one_of_each.values())


def is_told_as_before(old, enrollments):
    """The stories of the older build, and who is found by what."""
    for promise in enrollments:
        shown = json.loads(told('enrollments', 'show', '--json', promise['id'], data=old.data))
        assert shown['status'] == promise['status'], (promise, shown)
        assert same_story(shown['timeline']['events'], promise['story']), (promise, shown)
        # Nobody is found as a member who was erased, or is none yet.
        if not promise['memberId'] or promise.get('erased') or promise['status'] == 'rejected':
            continue
        by_id, letter = found(promise['id'], old.data), old.letter_of(promise)
        member = by_id['member']
        assert member['id'] == promise['memberId'], (promise, by_id)
        assert promise['id'] in [one['id'] for one in by_id['enrollments']], by_id
        by_number = found(member['number'], old.data)
        assert by_number['member'] == member, (member, by_number)
        if letter and letter['sha1']:
            assert member['details']['email'] == letter['to'], (member, letter)
            assert found(letter['to'], old.data)['member'] == member
            assert len(by_id['waiting']) == 1, by_id


def test_while_mail_is_still_down_the_stories_of_those_who_wait_are_told_and_mended(directory):
    for old in every_one(directory):
        with SmtpDouble(directory) as mail:
            mail.mode = 'refuse'
            with old.server(mail=mail) as service:
                wait_until(lambda: service.queues()['process-enrollment']['waiting'] == 0, 30, 'the applications are worked on')
                counts, were = service.stats()['enrollments'], old.promised['totals']['enrollments']
                new = [promise for promise in old.in_state('accepted') if promise['becomes'] == 'completed']
                assert counts == were | {'accepted': 0, 'processing': were['processing'] + len(new),
                                         'rejected': were['rejected'] + were['accepted'] - len(new)}, (old.name, counts)
                assert service.stats()['members'] == old.promised['totals']['members'] + len(new)
                is_told_as_before_but_for_what_was_accepted(old, service)
                mended = is_mended_while_it_waits(old)
                assert mail.letters() == []
                make_all_due(old)
                mail.heal()
                mail.mode = 'healthy'
                wait_until(lambda: drained(service), 90, 'all letters are out')
                came = {letter.message_id.partition('@')[0].partition('.')[0]: letter.recipient for letter in mail.letters()}
                expected = {letter['enrollment']: letter['to'] for letter in old.promised['letters']} | mended
                assert came == expected, (old.name, set(came.items()) ^ set(expected.items()))
                story = told('enrollments', 'show', next(iter(mended)), data=old.data)
                assert 'address-corrected' in story and 'completed' in story, story
                assert service.stop() == 0
        assert cli('verify', data=old.data)[0] == 0


def same_story(now, then):
    """To the second: what is told of a message's attempts is told on this process's clock."""
    def without_time(event):
        return {name: value for name, value in event.items() if name != 'at'}

    def apart(one, other):
        return abs((datetime.datetime.fromisoformat(one['at'][:-1]) - datetime.datetime.fromisoformat(other['at'][:-1])).total_seconds())
    return len(now) == len(then) and all(without_time(one) == without_time(other) and apart(one, other) < 2
                                         for one, other in zip(now, then))


def is_told_as_before_but_for_what_was_accepted(old, service):
    for promise in old.in_state('processing'):
        view = old.seen(service, promise)
        done = [step['name'] for step in view['steps'] if step['status'] == 'done']
        assert view['status'] == 'processing' and done == ['validate', 'store-member'], view
        shown = json.loads(told('enrollments', 'show', '--json', promise['id'], data=old.data))
        assert promise['story'][0] in shown['timeline']['events'], shown
        assert {event['event'] for event in promise['story']} <= {event['event'] for event in shown['timeline']['events']}, shown
        assert found(promise['id'], old.data)['member']['id'] == promise['memberId']
        code, _, err = cli('members', 'erase', promise['memberId'], data=old.data)
        assert code == 1 and 'still being worked on' in err, (code, err)


def is_mended_while_it_waits(old):
    """One whose letter the older build wrote gets another address, one more is asked for at once, and one is sent again: it
    waits already. The addresses of the letters that are different now."""
    processing = old.in_state('processing')
    first, second = processing[0], processing[-1]
    to = 'mended.now@members.example'
    will_do('members', 'correct-email', first['memberId'], '--to', to, '--reason', 'mistyped', data=old.data)
    will_do('enrollments', 'retry-now', second['id'], '--reason', 'asked for', data=old.data)
    assert 'nothing was added' in told('members', 'resend-letter', first['memberId'], data=old.data)
    assert found(to, old.data)['member']['id'] == first['memberId']
    return {first['id']: to}


def test_what_the_older_build_parked_is_brought_back_and_what_was_dropped_stays_so(directory):
    for old in every_one(directory):
        make_all_due(old)
        parked = {id.partition(':')[2]: id for id in old.promised['deadLetters']}
        dropped = [promise['id'] for promise in old.in_state('parked') if promise['reason'] == 'discarded']
        assert parked and dropped
        with SmtpDouble(directory) as mail:
            mail.heal()
            with old.server(mail=mail) as service:
                for letter in parked.values():
                    told('dead-letters', 'replay', letter, data=old.data)
                for id in dropped:
                    assert cli('dead-letters', 'show', f'welcome-mail:{id}', data=old.data)[0] == 1
                    assert cli('enrollments', 'retry-now', id, data=old.data)[0] == 1
                wait_until_drained(service, 60)
                is_finished(old, service, mail.letters(), also=parked)
                for id in parked:
                    story = [event['event'] for event in json.loads(
                        told('enrollments', 'show', '--json', id, data=old.data))['timeline']['events']]
                    assert 'parked' in story and 'replayed' in story and story[-1] == 'completed', story
                assert service.stop() == 0
        assert cli('verify', data=old.data)[0] == 0


def test_an_Idempotency_Key_of_the_older_build_gets_the_same_answer(directory):
    for old in every_one(directory):
        with SmtpDouble(directory) as mail:
            mail.heal()
            make_all_due(old)
            with old.server(mail=mail) as service:
                keyed = [promise for promise in old.enrollments if promise['idempotencyKey']]
                assert keyed
                for done in (False, True):
                    for promise in keyed:
                        status, answer = service.post(promise['body'], old.secret(promise['key']), promise['idempotencyKey'])
                        assert (status, answer) == (202, promise['answer']), (old.name, answer)
                        other = json.loads(promise['body']) | {'firstName': 'Grace'}
                        assert service.post(other, old.secret(promise['key']), promise['idempotencyKey'])[0] == 422
                    if not done:
                        wait_until_drained(service, 60)
                is_finished(old, service, mail.letters())


def test_keys_of_the_older_build_open_what_they_did_and_those_that_were_over_stay_so(directory):
    for old in every_one(directory):
        with old.server('--role', 'gateway') as service:
            other = [promise for promise in old.enrollments if promise['key'] != 'crm'][0]
            for name, key in old.promised['keys'].items():
                status, view = service.enrollment(other['id'], key['secret'])
                expected = 401 if key.get('over') else 200 if 'enrollments:read' in key['scopes'] else 403
                assert status == expected, (old.name, name, status, view)
            member = next(promise for promise in old.in_state('processing'))['memberId']
            desk = {'X-API-Key': old.secret('desk')}
            status, view = request('GET', f'{service.listen}/v1/members/{member}', None, desk)
            assert status == 200 and view['id'] == member, (status, view)
            for gone in old.promised['erased']:
                assert request('GET', f'{service.listen}/v1/members/{gone}', None, desk)[0] == 404
            quota = {key['name']: key for key in json.loads(told('keys', 'list', '--json', data=old.data))}['desk']
            assert quota['quota'] == '1000/month' and quota['rate'], quota


def test_a_backup_of_the_older_builds_work_beside_this_one_is_restored_and_finished(directory):
    for old in every_one(directory):
        into, restored = directory / f'backup of {old.name}', directory / f'restored {old.name}'
        with old.server('--role', 'gateway') as service:
            told('backup', '--into', into, data=old.data)
            service.kill()
        told('restore', '--from', into, data=restored)
        with old.server('--role', 'gateway', data=restored) as service:
            is_as_it_was_left(old, service)
        finished(old, directory, restored)


def test_what_is_recovered_of_the_older_builds_directory_is_all_of_it(directory):
    for old in every_one(directory):
        recovered = directory / f'recovered {old.name}'
        out = told('recover', '--into', recovered, data=old.data)
        assert 'lost:' not in out, (old.name, out)
        assert 'everything checks' in told('verify', data=recovered)
        with old.server('--role', 'gateway', data=recovered) as service:
            is_as_it_was_left(old, service)
        finished(old, directory, recovered)


if __name__ == '__main__':
    sys.exit(run(globals()))
