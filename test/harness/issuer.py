"""A real OpenID Connect issuer (issuer.mjs), started, asked and commanded.

    from harness.issuer import Issuer
    with Issuer() as issuer, Service(data, env=issuer.environment()) as service:
        token = issuer.token('ES256', 'enrollments:write')
"""

import json
import os
import pathlib
import select
import ssl
import subprocess
import time
import urllib.parse
import urllib.request

AUDIENCE = 'https://api.globogym.example'
ALGORITHMS = ('ES256', 'RS256', 'PS256', 'EdDSA')
SCRIPT = pathlib.Path(__file__).resolve().parent / 'issuer.mjs'


class Issuer:
    def __init__(self, port=0, tls=None):
        command = ['node', str(SCRIPT), '--port', str(port)]
        if tls:
            command += ['--tls', *map(str, tls)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.url = self._answer(60)['issuer']

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    @property
    def port(self):
        return urllib.parse.urlsplit(self.url).port

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _answer(self, timeout=30):
        readable, _, _ = select.select([self.process.stdout], [], [], timeout)
        line = self.process.stdout.readline() if readable else ''
        assert line, f'the issuer says nothing (exit code {self.process.poll()}); is test/web installed?'
        return json.loads(line)

    def _command(self, **command):
        self.process.stdin.write(json.dumps(command) + '\n')
        self.process.stdin.flush()
        return self._answer()

    def environment(self, **more):
        return {'GLOBOGYM_AUTH_ISSUER': self.url, 'GLOBOGYM_AUTH_AUDIENCE': AUDIENCE, **more}

    def token(self, algorithm='ES256', scope='enrollments:write enrollments:read', resource=None):
        """An access token as a client gets it."""
        form = urllib.parse.urlencode({
            'grant_type': 'client_credentials', 'client_id': 'desk', 'client_secret': 'secret', 'scope': scope,
            'resource': resource or f'urn:globogym:{algorithm}'}).encode()
        trusting = ssl._create_unverified_context() if self.url.startswith('https') else None
        with urllib.request.urlopen(self.url + '/token', form, timeout=30, context=trusting) as response:
            return json.load(response)['access_token']

    def sign(self, algorithm='ES256', header=None, **claims):
        """Good claims but for those given (None: without it), signed with the issuer's own key."""
        now = int(time.time())
        everything = {'iss': self.url, 'aud': AUDIENCE, 'sub': 'desk', 'client_id': 'desk', 'iat': now, 'exp': now + 300,
                      'scope': 'enrollments:write enrollments:read', 'jti': os.urandom(8).hex(), **claims}
        everything = {name: value for name, value in everything.items() if value is not None}
        return self._command(do='sign', alg=algorithm, claims=everything, header=header or {})['token']

    def rotate(self, keep):
        return self._command(do='rotate', keep=keep)

    def counts(self):
        return self._command(do='counts')
