#!/usr/bin/env python3
"""A day of those who use it, by what the documents say and nothing else: whoever integrates a CRM, the front desk, the
engineer on call, the privacy officer and the owner."""

import csv
import io
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.report import run
from harness.service import Service, cli, enrollment, request, wait_until
from harness.smtp import SmtpDouble

ENDED = ('completed', 'rejected', 'parked')


def done(data, *arguments, code=0):
    """What a command prints that ends so."""
    ended, out, err = cli(*arguments, data=data)
    assert ended == code, (arguments, ended, out, err)
    return out


def ended(service, id, key):
    return wait_until(lambda: (view := service.enrollment(id, key)[1])['status'] in ENDED and view, 15, 'it ends')


def test_who_integrates_a_crm_signs_people_up_and_keeps_in_step(directory):
    data = directory / 'data'
    with Service(data) as service:
        key = done(data, 'keys', 'create', '--name', 'crm', '--scopes',
                   'enrollments:write,enrollments:read,members:read').strip()
        described = request('GET', service.listen + '/openapi.json')[1]
        assert '/v1/members' in described['paths'] and '/v1/enrollments' in described['paths']
        ids = [service.post(enrollment(), key, f'order-{number}')[1]['id'] for number in range(5)]
        members = {ended(service, id, key)['memberId'] for id in ids}
        met, after = set(), ''
        while after is not None:
            page = request('GET', f'{service.listen}/v1/members?limit=2&after={after}', headers={'X-API-Key': key})[1]
            met |= {member['id'] for member in page['members']}
            after = page['next']
        assert met == members
        used = json.loads(done(data, 'keys', 'list', '--json'))
        assert [each['lastUsedAt'] is not None for each in used] == [True], used


def test_the_front_desk_finds_a_person_by_what_they_say_and_mends_a_mistyped_address(directory):
    data = directory / 'data'
    with Service(data) as service:
        key = service.key()
        wrong, right = 'ada.desk@gmial.example', 'ada.desk@gmail.example'
        id = service.post(enrollment(email=wrong), key)[1]['id']
        ended(service, id, key)
        member = json.loads(done(data, 'find', wrong, '--json'))['member']
        spoken = member['number'].removeprefix('GG-').lower().replace('-', ' ')
        assert member['id'] in done(data, 'find', spoken)
        done(data, 'members', 'correct-email', spoken, '--to', right, '--reason', 'mistyped at the desk')
        wait_until(lambda: any(right in letter.read_text() for letter in (data / 'outbox').glob('*.eml')), 10,
                   'the letter comes')
        wait_until(lambda: service.queues()['welcome-mail']['waiting'] == 0, 10, 'it has gone')
        done(data, 'members', 'resend-letter', spoken)
        assert json.loads(done(data, 'find', right, '--json'))['member']['id'] == member['id']
        assert 'nobody' in done(data, 'find', 'stranger@example.com', code=1)


def test_the_engineer_on_call_is_told_what_is_wrong_and_sets_it_right(directory):
    data = directory / 'data'
    with SmtpDouble(directory) as mail, Service(data, mail=mail.url) as service:
        key = service.key()
        mail.manners(rcpt={'slow.example': '451 4.7.1 come back later'})
        late = service.post(enrollment(email='late@slow.example'), key)[1]['id']
        refused = service.post(enrollment(email='poison5@example.com'), key)[1]['id']
        wait_until(lambda: service.queues()['welcome-mail']['delayed'] == 1, 10, 'one waits')
        assert ended(service, refused, key)['status'] == 'parked'

        assert 'dead letter' in cli('doctor', data=data)[1]
        assert '451 4.7.1' in done(data, 'queues') and late in done(data, 'waiting')
        assert 'recipient-refused' in done(data, 'dead-letters', 'list')
        mail.manners()
        mail.heal()
        done(data, 'enrollments', 'retry-now', late, '--reason', 'their server is back')
        done(data, 'dead-letters', 'replay', '--reason', 'recipient-refused')
        for id in (late, refused):
            wait_until(lambda: service.enrollment(id, key)[1]['status'] == 'completed', 10, 'it is done after all')
        story = done(data, 'enrollments', 'show', refused)
        assert 'replayed' in story and 'uid:' in story, story


def read(data):
    """The trail, once a read through the public API, which is written a moment later, is in it."""
    lines = done(data, 'audit')
    return lines if 'member-read' in lines else None


def test_the_privacy_officer_sees_who_has_read_what_and_has_a_person_erased(directory):
    data = directory / 'data'
    with Service(data) as service:
        key = service.key()
        id = service.post(enrollment(email='erase.me@example.com'), key)[1]['id']
        member = ended(service, id, key)['memberId']
        request('GET', f'{service.listen}/v1/members/{member}', headers={'X-API-Key': key})
        assert 'erase.me@example.com' in done(data, 'members', 'export', member)
        done(data, 'members', 'erase', member)
        assert json.loads(done(data, 'find', 'erase.me@example.com', '--json'))['member'] is None
        lines = wait_until(lambda: read(data), 5, 'the line')
        for event in ('member-read', 'member-exported', 'member-erased', 'person-looked-up'):
            assert event in lines, lines
        assert 'erase.me' not in lines
        done(data, 'audit', '--verify')


def test_the_owner_takes_a_list_and_a_backup_and_starts_from_it(directory):
    data = directory / 'data'
    with Service(data) as service:
        key = service.key()
        ids = [service.post(enrollment(), key)[1]['id'] for _ in range(3)]
        members = {ended(service, id, key)['memberId'] for id in ids}
        rows = list(csv.DictReader(io.StringIO(done(data, 'members', 'list', '--csv'))))
        assert {row['id'] for row in rows} == members
        done(data, 'backup', '--into', directory / 'owners-backup')
    restored = directory / 'owners-restored'
    done(restored, 'restore', '--from', directory / 'owners-backup')
    done(restored, 'verify')
    with Service(restored) as service:
        for id in ids:
            assert service.enrollment(id, key)[1]['memberId'] in members


if __name__ == '__main__':
    sys.exit(run(globals()))
