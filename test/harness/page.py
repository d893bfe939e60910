"""What the sign-up page does, without a browser: asks for a challenge, solves it, signs up with the publishable key."""

import hashlib
import json
import time
import uuid

from harness.service import request


class Page:
    """A visitor's page. `origin` is where it says it was loaded from: the service itself unless told otherwise."""

    def __init__(self, service, origin=None, headers=None):
        self.service = service
        self.origin = origin or service.listen
        self.extra = headers or {}
        status, self.form = request('GET', service.listen + '/v1/sign-up', headers=self.extra)
        assert status == 200, (status, self.form)
        self.opened = time.monotonic()
        self.key = self.form['key']

    def proof(self, idempotency_key):
        """The header that shows the work done for this key."""
        challenge = self.form['challenge']
        return f"token={challenge['token']}, nonce={solve(challenge['token'], idempotency_key, challenge['bits'])}"

    def headers(self, idempotency_key):
        return {'X-API-Key': self.key, 'Content-Type': 'application/json', 'Idempotency-Key': idempotency_key,
                'Sign-Up-Proof': self.proof(idempotency_key), 'Origin': self.origin, **self.extra}

    def sign_up(self, body, idempotency_key=None):
        """Status and answer. Waits, as people do, until the challenge may be used."""
        headers = self.headers(idempotency_key or str(uuid.uuid4()))
        time.sleep(max(0, self.opened + self.form['challenge']['waitMs'] / 1000 + 0.01 - time.monotonic()))
        return request('POST', self.service.listen + '/v1/enrollments', body, headers)

    def enrollment(self, id):
        return request('GET', f'{self.service.listen}/v1/enrollments/{id}', None, {'X-API-Key': self.key, **self.extra})

    def events(self, id):
        """Every event of the enrollment until it has ended."""
        _, text = request('GET', f'{self.service.listen}/v1/enrollments/{id}/events', None,
                          {'X-API-Key': self.key, **self.extra}, timeout=30)
        return [json.loads(line[6:]) for line in text.splitlines() if line.startswith('data: ')]


def solve(token, idempotency_key, bits):
    nonce = 0
    while True:
        digest = hashlib.sha256(f'{token}.{idempotency_key}.{nonce}'.encode()).digest()
        if int.from_bytes(digest, 'big') >> (256 - bits) == 0:
            return nonce
        nonce += 1
