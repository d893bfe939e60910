#!/usr/bin/env python3
"""Who may use the operations listener: everybody on loopback, and beyond it nobody without TLS and an operator's key."""

import http.client
import json
import pathlib
import re
import ssl
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.certificates import Authority
from harness.report import run
from harness.service import Service, cli, enrollment, request, wait_until

JSON = {'Content-Type': 'application/json'}
EVERYTHING = {'filter': {}}
LOOKING = ('/metrics', '/console.js', '/admin/v1/queues', '/admin/v1/stats', '/admin/v1/health', '/admin/v1/analytics',
           '/admin/v1/dead-letters', '/admin/v1/session')
CHANGING = ('/admin/v1/dead-letters/replay', '/admin/v1/dead-letters/discard')


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def cookie(self):
        """What a browser would send back: name=value."""
        return (self.headers['Set-Cookie'] or '').partition(';')[0]


class Exposed:
    """A server whose operations listener may be reached from other machines."""

    def __init__(self, directory, *flags, env=None):
        self.authority = Authority(directory / 'ca')
        identity = self.authority.issue(directory / 'server')
        self.service = Service(directory / 'data', '--admin', '0.0.0.0:0', *flags,
                               env={'GLOBOGYM_TLS_CERTIFICATE': str(identity.certificate),
                                    'GLOBOGYM_TLS_KEY': str(identity.key), **(env or {})})
        self.port = urllib.parse.urlsplit(self.service.admin).port
        self.origin = f'https://127.0.0.1:{self.port}'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.service.stop()

    def connection(self):
        context = ssl.create_default_context(cafile=self.authority.certificate)
        return http.client.HTTPSConnection('127.0.0.1', self.port, timeout=20, context=context)

    def ask(self, method, path, headers=None, body=None, key=None):
        connection = self.connection()
        try:
            headers = dict(headers or {})
            if key:
                headers['X-API-Key'] = key
            if body is not None:
                headers = {**JSON, **headers}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def sign_in(self, key):
        answer = self.ask('POST', '/admin/v1/session', {'Origin': self.origin}, {'key': key})
        assert answer.status == 201, answer.text
        return answer

    def audited(self):
        return [json.loads(line) for line in self.service.logs().splitlines() if '"level":"audit"' in line]


def id_of(key):
    return key[4:15]


def test_on_loopback_nobody_is_asked(directory):
    with Service(directory / 'data') as service:
        for path in LOOKING:
            assert request('GET', service.admin + path)[0] == 200, path
        for path in CHANGING:
            assert request('POST', service.admin + path, EVERYTHING, JSON)[0] == 200, path
        assert request('GET', service.admin + '/admin/v1/session')[1] == {'required': False}


def test_beyond_loopback_it_does_not_start_without_TLS(directory):
    for address in ('0.0.0.0:0', '[::]:0'):
        code, out, err = cli('serve', '--admin', address, '--listen', '127.0.0.1:0', data=directory / 'data', timeout=20)
        assert code == 2 and out == '', (code, out)
        assert address in err and 'tls.certificate' in err and '127.0.0.1:8081' in err, err
    identity = Authority(directory / 'ca').issue(directory / 'server')
    tls = {'GLOBOGYM_TLS_CERTIFICATE': str(identity.certificate), 'GLOBOGYM_TLS_KEY': str(identity.key)}
    code, _, err = cli('serve', '--admin', '0.0.0.0:0', '--listen', '127.0.0.1:0', data=directory / 'data', timeout=20,
                       env={**tls, 'GLOBOGYM_ADMIN_TLS': 'off'})
    assert code == 2 and 'admin.tls is off' in err, err


def test_beyond_loopback_every_request_needs_a_key(directory):
    with Exposed(directory) as exposed:
        for path in LOOKING:
            answer = exposed.ask('GET', path)
            assert answer.status == 401 and 'ApiKey' in answer.headers['WWW-Authenticate'], path
        for path in CHANGING:
            assert exposed.ask('POST', path, body=EVERYTHING).status == 401, path
        page = exposed.ask('GET', '/')
        assert page.status == 401 and 'Sign in' in page.text and page.headers['Content-Type'].startswith('text/html')
        assert exposed.ask('GET', '/sign-in.js').status == 200
        # Plain HTTP is not answered there.
        try:
            status = request('GET', f'http://127.0.0.1:{exposed.port}/metrics')[0]
        except (OSError, http.client.HTTPException):
            status = None
        assert status is None or status >= 400, status


def test_a_scope_opens_what_it_says_and_no_more(directory):
    with Exposed(directory) as exposed:
        reader, writer = exposed.service.key('ops:read'), exposed.service.key('ops:write')
        stranger = exposed.service.key('enrollments:write,enrollments:read,members:read,members:write')
        for path in LOOKING:
            assert exposed.ask('GET', path, key=reader).status == 200, path
            assert exposed.ask('GET', path, {'Authorization': 'Bearer ' + reader}).status == 200, path
            assert exposed.ask('GET', path, key=stranger).status == 403, path
        for path in CHANGING:
            assert exposed.ask('POST', path, body=EVERYTHING, key=reader).status == 403, path
            assert exposed.ask('POST', path, body=EVERYTHING, key=stranger).status == 403, path
            assert exposed.ask('POST', path, body=EVERYTHING, key=writer).status == 200, path
        for path in ('/admin/v1/keys', '/admin/v1/members/x'):
            assert exposed.ask('GET', path, key=writer).status == 404, path
        done = [(line['event'], line['by'], line['status']) for line in exposed.audited()]
        assert ('dead-letters-replay', id_of(writer), 200) in done and len(done) >= 2, done
        metrics = exposed.ask('GET', '/metrics', key=reader).text
        assert 'globogym_operations_refused_total{reason="scope-missing"} 12' in metrics, metrics
        assert reader not in metrics and writer not in exposed.service.logs()


def test_credentials_can_be_demanded_on_loopback_too(directory):
    with Service(directory / 'data', env={'GLOBOGYM_ADMIN_CREDENTIALS': 'required'}) as service:
        key = service.key('ops:read')
        assert request('GET', service.admin + '/metrics')[0] == 401
        assert request('GET', service.admin + '/metrics', headers={'Authorization': 'Bearer ' + key})[0] == 200
        address = urllib.parse.urlsplit(service.admin)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        connection.request('POST', '/admin/v1/session', json.dumps({'key': key}), JSON)
        signed_in = Answer(connection.getresponse())
        # Without TLS a browser would refuse a cookie that says Secure.
        assert signed_in.status == 201 and 'Secure' not in signed_in.headers['Set-Cookie'], signed_in.text
        assert request('GET', service.admin + '/metrics', headers={'Cookie': signed_in.cookie})[0] == 200
        connection.close()


def test_a_browser_signs_in_and_out(directory):
    with Exposed(directory) as exposed:
        key = exposed.service.key('ops:read')
        answer = exposed.sign_in(key)
        cookie = answer.headers['Set-Cookie']
        flags = {flag.strip().lower() for flag in cookie.split(';')[1:]}
        assert cookie.startswith('__Host-') and flags == {'secure', 'httponly', 'samesite=strict', 'path=/'}, cookie
        signed_in = {'Cookie': answer.cookie}
        assert exposed.ask('GET', '/', signed_in).status == 200
        assert exposed.ask('GET', '/admin/v1/session', signed_in).json['keyId'] == id_of(key)
        answer = exposed.ask('DELETE', '/admin/v1/session', {**signed_in, **JSON, 'Origin': exposed.origin})
        assert answer.status == 200 and 'max-age=0' in answer.headers['Set-Cookie'].lower()
        assert exposed.ask('GET', '/admin/v1/stats', signed_in).status == 401
        told = [line['event'] for line in exposed.audited()]
        assert told == ['key-created', 'operator-signed-in', 'operator-signed-out'], told


def test_another_page_changes_nothing_with_a_session(directory):
    with Exposed(directory) as exposed:
        signed_in = {'Cookie': exposed.sign_in(exposed.service.key('ops:write')).cookie}
        path = CHANGING[0]
        own = {**signed_in, 'Origin': exposed.origin, 'Sec-Fetch-Site': 'same-origin'}
        assert exposed.ask('POST', path, own, EVERYTHING).status == 200
        for attempt in ({}, {'Origin': 'https://evil.example'}, {'Origin': 'null'},
                        {'Origin': exposed.origin.replace('https', 'x')[:-1]},
                        {'Origin': exposed.origin, 'Sec-Fetch-Site': 'cross-site'},
                        {'Origin': exposed.origin, 'Sec-Fetch-Site': 'same-site'},
                        {'Origin': exposed.origin, 'Content-Type': 'text/plain'},
                        {'Origin': exposed.origin, 'Content-Type': 'application/x-www-form-urlencoded'},
                        {'Origin': exposed.origin, 'Host': 'evil.example'}):
            answer = exposed.ask('POST', path, {**signed_in, **attempt}, EVERYTHING)
            assert answer.status == 403, (attempt, answer.status)
        evil = {'Origin': 'https://evil.example'}
        assert exposed.ask('POST', '/admin/v1/session', evil, {'key': exposed.service.key('ops:read')}).status == 403


def test_a_revoked_key_ends_its_session_and_what_it_watches(directory):
    with Exposed(directory) as exposed:
        key = exposed.service.key('ops:read')
        signed_in = {'Cookie': exposed.sign_in(key).cookie}
        watching = exposed.connection()
        watching.request('GET', '/admin/v1/events', headers=signed_in)
        stream = watching.getresponse()
        assert stream.status == 200 and stream.readline() == b'retry: 2000\n'
        assert cli('keys', 'revoke', id_of(key), data=exposed.service.data)[0] == 0
        assert exposed.ask('GET', '/admin/v1/stats', signed_in).status == 401
        assert exposed.ask('GET', '/admin/v1/stats', key=key).status == 401
        ended = time.monotonic() + 20
        while stream.readline():
            assert time.monotonic() < ended, 'it goes on telling'
        watching.close()


def test_guessing_is_slowed_down(directory):
    with Exposed(directory) as exposed:
        right = exposed.service.key('ops:read')
        signed_in = {'Cookie': exposed.sign_in(right).cookie}
        wrong = right[:-6] + ('AAAAAA' if not right.endswith('AAAAAA') else 'BBBBBB')
        answers = [exposed.ask('GET', '/admin/v1/stats', key=wrong) for _ in range(30)]
        statuses = [answer.status for answer in answers]
        assert statuses[:10] == [401] * 10 and statuses.count(429) >= 15, statuses
        assert 1 <= int(answers[-1].headers['Retry-After']) <= 6
        assert exposed.ask('GET', '/admin/v1/stats', key=right).status == 200, 'a guesser locks operators out'
        assert exposed.ask('POST', '/admin/v1/session', body={'key': right}).status == 201
        assert exposed.ask('GET', '/admin/v1/stats', key=wrong).status == 429
        metrics = exposed.ask('GET', '/metrics', signed_in)
        assert metrics.status == 200, 'who is signed in is not slowed down'
        assert re.search(r'globogym_operations_refused_total\{reason="rate-limited"\} \d\d', metrics.text)


def test_no_path_of_one_listener_is_on_the_other(directory):
    with Service(directory / 'data') as service:
        for path in (*LOOKING[:1], *LOOKING[2:], *CHANGING, '/admin/v1/events', '/admin/v1/keys', '/admin/v1/members/x',
                     '/admin/v1/enrollments/x', '/admin/v1/enrollments/x/timeline', '/console.js', '/console.css',
                     '/sign-in.js', '/admin', '/admin/', '/admin/v1', '/%61dmin/v1/stats', '//admin/v1/stats',
                     '/admin/v1/../v1/stats'):
            for method in ('GET', 'POST', 'DELETE'):
                body = None if method == 'GET' else '{}'
                status, _ = request(method, service.listen + path, body, JSON)
                assert status == 404, (method, path, status)
        for path in ('/v1/enrollments', '/v1/enrollments/x', '/v1/enrollments/x/events', '/v1/members/x', '/v1/sign-up',
                     '/openapi.json', '/docs', '/healthz', '/readyz'):
            for method in ('GET', 'POST'):
                status, _ = request(method, service.admin + path, None if method == 'GET' else '{}', JSON)
                assert status == 404, (method, path, status)


def test_analytics_tell_who_did_what_and_how_it_went(directory):
    with Service(directory / 'data') as service:
        key = service.key('enrollments:write')
        for _ in range(3):
            assert service.post(enrollment(), key)[0] == 202
        for _ in range(2):
            assert service.post(enrollment(email='twice@example.com'), key, 'one-key')[0] == 202
        assert service.post({'firstName': 'x'}, key)[0] == 422
        assert service.post(enrollment(), 'ggk_nobody')[0] == 401
        assert request('GET', service.listen + '/nowhere')[0] == 404
        wait_until(lambda: service.stats()['members'] == 4, 20, 'four members')

        def told(window):
            status, usage = request('GET', f'{service.admin}/admin/v1/analytics?window={window}')
            assert status == 200, usage
            return usage

        for window in ('life', '1m', '15m', '24h'):
            usage = told(window)
            funnel = {stage: usage['funnel'][stage] for stage in ('received', 'valid', 'accepted', 'repeated')}
            assert funnel == {'received': 6, 'valid': 4, 'accepted': 4, 'repeated': 1}, (window, funnel)
            caller = next(caller for caller in usage['callers'] if caller['caller'] == id_of(key))
            assert caller['name'] == 'test' and caller['funnel']['accepted'] == 4 and caller['requests'] == 6, caller
            assert caller['refused']['invalid-fields'] == 1 and caller['outcomes']['2xx'] >= 4
            latency = caller['latencyMs']
            assert 0 < latency['p50'] <= latency['p90'] <= latency['p99'] <= latency['p999'] < 60_000, latency
            assert caller['bytesIn'] > 600 and caller['bytesOut'] > 400
            nobody = next(caller for caller in usage['callers'] if caller['caller'] == 'none')
            assert nobody['refused'] == {'unauthorized': 1, 'not-found': 1}, nobody
            assert {one['operation'] for one in usage['operations']} >= {'signUp', 'none'}
        # What became of them is read from the engine every few seconds.
        wait_until(lambda: told('1m')['funnel']['completed'] == 4, 20, 'four completed')
        metrics = request('GET', service.admin + '/metrics')[1]
        assert f'globogym_api_sign_ups_total{{caller="{id_of(key)}",stage="accepted"}} 4' in metrics
        for text in (json.dumps(told('life')), metrics):
            assert 'example.com' not in text and key not in text and '127.0.0.1' not in text


if __name__ == '__main__':
    sys.exit(run(globals()))
