#!/usr/bin/env python3
"""Bearer tokens of a real OpenID Connect issuer against the real binary: every algorithm, every refusal, and what happens
when keys rotate and issuers die while requests run."""

import base64
import http.client
import json
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness.issuer import ALGORITHMS, AUDIENCE, Issuer
from harness.report import run
from harness.service import Service, cli, enrollment, request, wait_until


def ask(service, method, path, token=None, body=None, headers=None):
    """Status, all values of WWW-Authenticate, and the body."""
    parts = urllib.parse.urlsplit(service.listen)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        send = {'Content-Type': 'application/json', **(headers or {})}
        if token is not None:
            send['Authorization'] = f'Bearer {token}'
        connection.request(method, path, json.dumps(body) if body else None, send)
        response = connection.getresponse()
        text = response.read()
        challenges = response.msg.get_all('WWW-Authenticate') or []
        return response.status, challenges, json.loads(text) if text else None
    finally:
        connection.close()


def post(service, token, **headers):
    return ask(service, 'POST', '/v1/enrollments', token, enrollment(), headers)


def invalid_token(answer):
    status, challenges, _ = answer
    return status == 401 and any(c.startswith('Bearer ') and 'error="invalid_token"' in c for c in challenges)


def metric(service, name, **labels):
    """The sum of a metric's series that have these labels; nothing when there are none."""
    status, text = request('GET', service.admin + '/metrics')
    assert status == 200
    found = [line for line in text.splitlines() if line.startswith((name + ' ', name + '{'))
             and all(f'{key}="{value}"' in line for key, value in labels.items())]
    return sum(float(line.rsplit(' ', 1)[1]) for line in found) if found else None


def tokens_ready(service):
    status, ready = request('GET', service.listen + '/readyz')
    assert status == 200, ready
    return ready['tokens']


def wait_for_keys(service):
    wait_until(lambda: tokens_ready(service)['keys'] > 0, 30, 'the issuer\'s keys are had')


def test_tokens_of_every_algorithm_are_taken_and_their_scopes_count(directory):
    with Issuer() as issuer, Service(directory / 'data', env=issuer.environment()) as service:
        for algorithm in ALGORITHMS:
            writer = issuer.token(algorithm, 'enrollments:write')
            status, _, accepted = post(service, writer)
            assert status == 202, (algorithm, status, accepted)
            again, _, _ = post(service, writer)  # now from memory
            assert again == 202

            path = f'/v1/enrollments/{accepted["id"]}'
            reader = issuer.token(algorithm, 'enrollments:read')
            assert ask(service, 'GET', path, reader)[0] == 200
            status, challenges, problem = post(service, reader)
            assert status == 403 and problem['type'].endswith('/scope-missing'), problem
            assert any('error="insufficient_scope"' in c and 'scope="enrollments:write"' in c for c in challenges), challenges
            assert ask(service, 'GET', '/v1/members/m_unknown', reader)[0] == 403
        for name in ('scp', 'roles'):
            token = issuer.sign(scope=None, **{name: ['enrollments:write']})
            assert post(service, token)[0] == 202, name
        assert post(service, issuer.sign(scope=None, scp='enrollments:write members:read'))[0] == 202
        assert metric(service, 'globogym_identity_tokens_total', result='remembered') >= 4
        assert metric(service, 'globogym_identity_tokens_total', result='checked') >= 8


def test_the_same_idempotency_key_of_the_same_client_is_one_enrollment_whichever_token_it_shows(directory):
    with Issuer() as issuer, Service(directory / 'data', env=issuer.environment()) as service:
        body = enrollment()
        first = ask(service, 'POST', '/v1/enrollments', issuer.token(), body, {'Idempotency-Key': 'once'})
        second = ask(service, 'POST', '/v1/enrollments', issuer.token(), body, {'Idempotency-Key': 'once'})
        other = ask(service, 'POST', '/v1/enrollments', issuer.sign(sub='x', client_id='x'), body, {'Idempotency-Key': 'once'})
        assert first[0] == second[0] == other[0] == 202
        assert first[2]['id'] == second[2]['id'] != other[2]['id']


def test_every_wrong_token_is_refused_with_a_challenge_and_costs_nothing_at_the_issuer(directory):
    with Issuer() as issuer, Issuer() as stranger, Service(directory / 'data', env=issuer.environment()) as service:
        wait_for_keys(service)
        good = issuer.token()
        assert post(service, good)[0] == 202
        now = int(time.time())
        head, body, tail = good.split('.')
        wrong = {
            'expired': issuer.sign(exp=now - 61),
            'not valid yet': issuer.sign(nbf=now + 120),
            'issued in the future': issuer.sign(iat=now + 120),
            'without an end': issuer.sign(exp=None),
            'for another audience': issuer.token(resource='urn:somebody:else'),
            'for nobody': issuer.sign(aud=None),
            'of another issuer': stranger.token(),
            'of a stranger that calls itself the issuer': stranger.sign(iss=issuer.url),
            'of a stranger with the issuer\'s kid': stranger.sign(iss=issuer.url, header={'kid': _kid(good)}),
            'with crit': issuer.sign(header={'crit': ['exp']}),
            'an ID token': issuer.sign(header={'typ': 'id_token'}),
            'bound to a key': issuer.sign(cnf={'jkt': 'x'}),
            'changed': f'{head}.{body[:-2]}{"A" if body[-2] != "A" else "B"}{body[-1]}.{tail}',
            'without its signature': f'{head}.{body}.',
            'garbage': 'x' * 100,
            'a megabyte? no: the longest that a header may be': 'x' * 12000,
        }
        for what, token in wrong.items():
            for _ in range(2):
                assert invalid_token(post(service, token)), what
        status, challenges, problem = ask(service, 'POST', '/v1/enrollments', None, enrollment())
        assert status == 401 and problem['type'].endswith('/unauthorized')
        assert any(c.startswith('Bearer ') and 'error' not in c for c in challenges), challenges
        assert post(service, good)[0] == 202
        # The regular fetch at the start, and at most one because of the keys of the strangers.
        assert issuer.counts()['keys'] <= 2, issuer.counts()
        assert metric(service, 'globogym_identity_tokens_total', result='refused') >= 2 * (len(wrong) - 1)


def _kid(token):
    head = token.split('.')[0]
    return json.loads(base64.urlsafe_b64decode(head + '=' * (-len(head) % 4)))['kid']


class Crowd:
    """Threads that send sign-ups with the token of the moment, and remember every answer that is not 202."""

    def __init__(self, service, token, threads=6):
        self.service, self.token, self.wrong, self.right = service, token, [], 0
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self._send) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _send(self):
        while not self.ended.is_set():
            token = self.token
            try:
                answer = post(self.service, token)
            except OSError as error:
                answer = (0, [], str(error))
            with self.lock:
                if answer[0] == 202:
                    self.right += 1
                else:
                    self.wrong.append(answer)

    def until(self, more):
        goal = self.right + more
        wait_until(lambda: self.right >= goal or self.wrong, 120, f'{more} more sign-ups')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def test_keys_rotate_while_requests_run_and_nobody_gets_a_wrong_answer(directory):
    with Issuer() as issuer, Service(directory / 'data', env=issuer.environment()) as service:
        wait_for_keys(service)
        fetched = issuer.counts()['keys']
        with Crowd(service, issuer.token()) as crowd:
            crowd.until(100)
            issuer.rotate(keep=True)
            crowd.until(50)
            crowd.token = issuer.token()  # signed with a key nobody here has seen
            crowd.until(100)
            for algorithm in ALGORITHMS:
                crowd.token = issuer.token(algorithm)
                crowd.until(50)
        assert not crowd.wrong, crowd.wrong[:3]
        assert issuer.counts()['keys'] == fetched + 1, 'all who waited shared one fetch'


def test_a_token_whose_key_was_withdrawn_is_believed_no_more(directory):
    with Issuer() as issuer, Service(directory / 'data', env=issuer.environment()) as service:
        old = issuer.token()
        assert post(service, old)[0] == 202
        issuer.rotate(keep=False)
        assert post(service, issuer.token())[0] == 202  # brings the new keys
        assert invalid_token(post(service, old))


def test_a_flood_of_unknown_keys_asks_the_issuer_once_a_minute(directory):
    with Issuer() as issuer, Service(directory / 'data', env=issuer.environment()) as service:
        wait_for_keys(service)
        good = issuer.token()
        flood = [issuer.sign(header={'kid': f'unknown-{n}'}) for n in range(60)]
        began = time.monotonic()
        wrong, threads = [], []

        def send(tokens):
            for token in tokens * 5:
                if not invalid_token(post(service, token)) or post(service, good)[0] != 202:
                    wrong.append(token)

        for n in range(6):
            threads.append(threading.Thread(target=send, args=(flood[n::6],)))
            threads[-1].start()
        for thread in threads:
            thread.join()
        minutes = (time.monotonic() - began) / 60
        assert not wrong
        counts = issuer.counts()
        assert counts['keys'] <= 2 + int(minutes), (counts, minutes)
        assert counts['discovery'] == 1, counts


def test_a_token_that_ends_while_requests_run_is_taken_to_its_last_second_and_not_after(directory):
    with Issuer() as issuer, Service(directory / 'data', env=issuer.environment()) as service:
        wait_for_keys(service)
        end = int(time.time()) + 3  # a minute's leeway after exp
        token, answers, lock = issuer.sign(exp=end - 60), [], threading.Lock()

        def send():
            while time.time() < end + 1:
                began = time.time()
                answer = post(service, token)
                with lock:
                    answers.append((began, time.time(), answer))

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for began, ended, answer in answers:
            assert (answer[0] == 202 and began < end) or (invalid_token(answer) and ended >= end), (end, began, ended, answer)
        assert {answer[0] for _, _, answer in answers} == {202, 401}


def send_and_ignore(service, token):
    try:
        post(service, token)
    except (OSError, http.client.HTTPException):
        pass  # it came too late


def test_an_issuer_that_never_answers_holds_nobody_up(directory):
    with socket.create_server(('127.0.0.1', 0)) as silent:
        issuer = f'http://127.0.0.1:{silent.getsockname()[1]}'
        env = {'GLOBOGYM_AUTH_ISSUER': issuer, 'GLOBOGYM_AUTH_AUDIENCE': AUDIENCE}
        parts = ({'alg': 'ES256', 'kid': 'x'}, {'iss': issuer, 'aud': AUDIENCE, 'sub': 's', 'exp': int(time.time()) + 300})
        token = '.'.join(base64.urlsafe_b64encode(part).decode().rstrip('=')
                         for part in (*(json.dumps(part).encode() for part in parts), bytes(range(64))))
        with Service(directory / 'data', env=env) as service:
            key, began, answers = service.key(), time.monotonic(), []
            waiting = threading.Thread(target=lambda: answers.append(post(service, token)))
            waiting.start()
            while waiting.is_alive():
                sent = time.monotonic()
                assert service.post(enrollment(), key)[0] == 202
                assert time.monotonic() - sent < 2
            assert answers[0][0] == 503, answers
            assert time.monotonic() - began < 15
            # And whoever waits when it is told to stop is answered.
            last = threading.Thread(target=send_and_ignore, args=(service, token))
            last.start()
            assert service.stop() == 0
            last.join()


def test_tokens_outlive_their_issuer_and_a_service_outlives_its_absence(directory):
    with Issuer() as issuer:
        port, environment = issuer.port, issuer.environment()
        with Service(directory / 'data', env=environment) as service:
            old, unseen = issuer.token(), issuer.token('EdDSA')
            assert post(service, old)[0] == 202
            rotated = issuer.sign(header={'kid': 'of-tomorrow'})
            issuer.kill()
            aged = tokens_ready(service)['ageSeconds']
            assert post(service, old)[0] == 202 and post(service, unseen)[0] == 202
            # Signed with a key that cannot be asked for: that is not a forgery, and is not called one.
            status, _, problem = post(service, rotated)
            assert status == 503, problem
            ready = wait_until(lambda: (lambda now: now if now['ageSeconds'] > aged else None)(tokens_ready(service)), 30,
                               'the keys grow older')
            assert ready['keys'] == 4 and ready['fetching'] == 'failing', ready
            assert post(service, old)[0] == 202
            assert metric(service, 'globogym_identity_refetches_total', result='failed') >= 1
            wait_until(lambda: (metric(service, 'globogym_identity_keys_age_seconds') or 0) > aged, 30, 'the age as a metric')

        # Started without its issuer it takes sign-ups with API keys, says that it cannot judge tokens, and recovers.
        with Service(directory / 'data', env=environment) as service:
            assert service.post(enrollment(), service.key())[0] == 202
            status, _, problem = post(service, old)
            assert status == 503, problem
            assert tokens_ready(service)['keys'] == 0
            with Issuer(port) as back:
                wait_for_keys(service)
                assert post(service, back.token())[0] == 202


def test_doctor_asks_the_issuer(directory):
    with Issuer() as issuer:
        code, out, _ = cli('doctor', '--json', data=directory / 'data', env=issuer.environment())
        found = {check['what']: check for check in json.loads(out)['checks']}['token issuer']
        assert found['state'] == 'ok' and '4 keys' in found['detail'], found
        wrong = issuer.environment(GLOBOGYM_AUTH_ISSUER=issuer.url + '/')
        code, out, _ = cli('doctor', '--json', data=directory / 'data', env=wrong)
        found = {check['what']: check for check in json.loads(out)['checks']}['token issuer']
        assert found['state'] == 'problem' and 'auth.issuer' in found['detail'], found
    code, out, _ = cli('doctor', '--json', data=directory / 'data', env=issuer.environment())
    found = {check['what']: check for check in json.loads(out)['checks']}['token issuer']
    assert code == 1 and found['state'] == 'problem' and '127.0.0.1' in found['detail'], found


def certificate(directory, name):
    made = directory / f'{name}.pem', directory / f'{name}.key'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                    '-subj', f'/CN={name}', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', made[1], '-out', made[0]],
                   check=True, capture_output=True)
    return made


def test_an_https_issuer_is_believed_only_with_a_certificate_of_the_right_authority(directory):
    right, wrong = certificate(directory, 'right'), certificate(directory, 'wrong')
    with Issuer(tls=right) as issuer:
        with Service(directory / 'data', env=issuer.environment(GLOBOGYM_AUTH_CA_FILE=str(right[0]))) as service:
            assert post(service, issuer.token())[0] == 202
        for ca in ({'GLOBOGYM_AUTH_CA_FILE': str(wrong[0])}, {}):
            with Service(directory / 'data', env=issuer.environment(**ca)) as service:
                assert post(service, issuer.token())[0] == 503
                assert 'certificate' in service.logs()
        assert issuer.counts()['keys'] == 1


def test_what_is_configured_wrongly_does_not_start(directory):
    for env, why in (({'GLOBOGYM_AUTH_ISSUER': 'https://login.example'}, 'auth.audience'),
                     ({'GLOBOGYM_AUTH_ISSUER': 'http://login.example', 'GLOBOGYM_AUTH_AUDIENCE': AUDIENCE}, 'https://'),
                     ({'GLOBOGYM_AUTH_ISSUER': 'https://a:b@login.example', 'GLOBOGYM_AUTH_AUDIENCE': AUDIENCE}, 'password'),
                     ({'GLOBOGYM_AUTH_ISSUER': 'https://login.example', 'GLOBOGYM_AUTH_AUDIENCE': AUDIENCE,
                       'GLOBOGYM_AUTH_CA_FILE': '/nowhere.pem'}, '/nowhere.pem')):
        try:
            with Service(directory / 'data', env=env):
                raise AssertionError(f'it started with {env}')
        except RuntimeError as error:
            assert why in str(error), (why, error)


if __name__ == '__main__':
    sys.exit(run(globals()))
