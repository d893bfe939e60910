"""What was promised to this client, and whether it was kept.

Every sign-up sent is written down; every 202 with its id. At the end (or whenever the queues are empty) the account is
settled against what the service says and against the letters the mail server took.
"""

import collections
import itertools
import json
import os

from harness.load import Load, get_all, post_bytes
from harness.service import wait_until


class SignUp:
    __slots__ = ('email', 'data', 'idempotency_key', 'id', 'state')

    def __init__(self, email, data, idempotency_key):
        self.email = email
        self.data = data
        self.idempotency_key = idempotency_key
        self.id = None
        self.state = 'sent'  # then: promised, refused (503), or unknown


class Ledger:
    def __init__(self, random, key, domain='example.com', keyless=0.1, repeated=0.02):
        self.random = random
        self.key = key
        self.domain = domain
        self.keyless = keyless    # the share of sign-ups without Idempotency-Key
        self.repeated = repeated  # the share that uses somebody's address again
        self.run = os.urandom(4).hex()
        self.numbers = itertools.count(1)
        self.all = []
        self.promised = []
        self.again = collections.deque()  # to be sent once more, with the same key
        self.wrong = []
        self.statuses = collections.Counter()

    # ---- sending ----------------------------------------------------------------------------------------------------

    def new(self, email=None):
        number = next(self.numbers)
        if email is None:
            if self.promised and self.random.random() < self.repeated:
                email = self.random.choice(self.promised).email
            else:
                email = f'somebody-{self.run}-{number}@{self.domain}'
        body = {'firstName': f'Zebedee{number}', 'lastName': 'Quillfeather', 'email': email,
                'dateOfBirth': '1990-12-10', 'homeClubId': 'london-shoreditch', 'plan': 'premium-annual'}
        keyed = self.random.random() >= self.keyless
        idempotency_key = f'key-{self.run}-{number}' if keyed else None
        one = SignUp(email, post_bytes(self.key, body, idempotency_key), idempotency_key)
        self.all.append(one)
        return one

    def requests(self, count=None, repeat_promised=0.0):
        """New sign-ups, after those whose fate is unknown; now and then one that was promised already."""
        sent = 0
        while count is None or sent < count:
            sent += 1
            if self.again:
                one = self.again.popleft()
            elif self.promised and self.random.random() < repeat_promised:
                one = self.random.choice(self.promised)
                if not one.idempotency_key:
                    one = self.new()
            else:
                one = self.new()
            yield one, one.data

    def on_answer(self, one, status, head, body):
        self.statuses[status] += 1
        if status == 202:
            id = json.loads(body)['id']
            if one.id is None:
                one.id = id
                one.state = 'promised'
                self.promised.append(one)
            elif one.id != id:
                self.wrong.append(f'one idempotency key, two enrollments: {one.id}, {id}')
        elif status == 503:
            if one.id is None:
                # "It is not known whether it was stored": only the key makes it safe to ask again.
                one.state = 'unknown'
                if one.idempotency_key:
                    self.again.append(one)
        else:
            self.wrong.append(f'a good sign-up was answered {status}: {body[:200]!r}')

    def on_lost(self, one):
        if one.id is None:
            one.state = 'unknown'
            if one.idempotency_key:
                self.again.append(one)

    def load(self, service, count=None, **options):
        repeat = options.pop('repeat_promised', 0.0)
        return Load(service.listen, self.requests(count, repeat), self.on_answer, self.on_lost, **options)

    def send_unknown_again(self, service, timeout=60):
        """Until nothing that has a key is unknown."""
        def none_left():
            waiting = len(self.again)
            if waiting:
                Load(service.listen, self.requests(waiting), self.on_answer, self.on_lost, connections=4,
                     depth=8).run_here(timeout)
            return not self.again
        wait_until(none_left, timeout, 'the unknown sign-ups are accepted')

    # ---- settling ---------------------------------------------------------------------------------------------------

    def settle(self, service, letters=None, may_be_parked=lambda one: False):
        """Every promise against what the service says; the kept ones by e-mail address."""
        assert not self.wrong, (len(self.wrong), self.wrong[:3])
        answers = get_all(service.listen, [f'/v1/enrollments/{one.id}' for one in self.promised], self.key)
        ids = [one.id for one in self.promised]
        assert len(set(ids)) == len(ids), 'one id was given twice'
        completed = {}
        wrong = []
        rejected = parked = 0
        members = set()
        for one in self.promised:
            status, view = answers[f'/v1/enrollments/{one.id}']
            if status != 200:
                wrong.append(f'{one.id} was promised and is lost: {status}')
            elif view['status'] == 'completed':
                if one.email in completed:
                    wrong.append(f'two completed enrollments of one address: {completed[one.email]["id"]}, {one.id}')
                if view['memberId'] in members:
                    wrong.append(f'two enrollments made one member {view["memberId"]}')
                if any(step['status'] != 'done' for step in view['steps']):
                    wrong.append(f'completed with a step that is not: {view}')
                members.add(view['memberId'])
                completed[one.email] = view
            elif view['status'] == 'rejected' and view['reason'] == 'already-member':
                rejected += 1
            elif view['status'] == 'parked' and may_be_parked(one):
                parked += 1
            else:
                wrong.append(f'{one.id} is {view["status"]} ({view["reason"]}): {view["steps"]}')
        # Who was answered nothing, or 503 without a key, may or may not have been taken in.
        unknown = [one for one in self.all if one.id is None]
        unknown_addresses = {one.email for one in unknown}
        for one in self.promised:
            _, view = answers[f'/v1/enrollments/{one.id}']
            if view.get('status') == 'rejected' and one.email not in completed and one.email not in unknown_addresses:
                wrong.append(f'{one.id} is rejected, and nobody else has its address')
        stats = service.stats()
        counts = stats['enrollments']
        total = sum(counts.values())
        if not len(self.promised) <= total <= len(self.promised) + len(unknown):
            wrong.append(f'{total} enrollments are kept, {len(self.promised)} were promised, {len(unknown)} unknown')
        if not len(members) + parked <= stats['members'] <= len(members) + parked + len(unknown_addresses):
            wrong.append(f'{stats["members"]} members, {len(members)} distinct completed, {parked} parked')
        if letters is not None:
            wrong += self._letters_wrong(letters, completed, unknown_addresses)
        assert not wrong, (len(wrong), wrong[:5])
        return {'completed': len(completed), 'rejected': rejected, 'parked': parked, 'unknown': len(unknown),
                'members': stats['members'], 'mailsSent': stats['mailsSent'], 'views': completed}

    def _letters_wrong(self, letters, completed, unknown_addresses):
        by_recipient = collections.defaultdict(list)
        for letter in letters:
            by_recipient[letter.recipient].append(letter)
        wrong = [f'no letter for the completed {view["id"]}' for email, view in completed.items()
                 if email not in by_recipient]
        message_ids = {}
        for recipient, theirs in by_recipient.items():
            if recipient not in completed and recipient not in unknown_addresses:
                wrong.append(f'{len(theirs)} letters to somebody who is not completed')
            if len({letter.message_id for letter in theirs}) != 1 or not theirs[0].message_id:
                wrong.append(f'one person, several Message-IDs: {theirs}')
            if len({letter.digest for letter in theirs}) != 1:
                wrong.append(f'the same letter with different content: {theirs}')
            if message_ids.setdefault(theirs[0].message_id, recipient) != recipient:
                wrong.append(f'one Message-ID for two people: {theirs[0].message_id}')
        return wrong


def repeated_letters(letters):
    """Pairs (earlier, later) of the same letter."""
    last = {}
    pairs = []
    for letter in letters:
        if letter.message_id in last:
            pairs.append((last[letter.message_id], letter))
        last[letter.message_id] = letter
    return pairs


def drained(service):
    """Nothing is waiting, leased or delayed."""
    status, queues = service.operations('GET', '/admin/v1/queues')
    return status == 200 and all(queue['ready'] == queue['leased'] == queue['delayed'] == 0 for queue in queues)


def wait_until_drained(service, timeout=120):
    wait_until(lambda: drained(service), timeout, 'the queues are empty')
