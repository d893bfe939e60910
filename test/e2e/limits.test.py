#!/usr/bin/env python3
"""Who may ask how often, on the real binary: by key, by address behind proxies, by domain, all together, and by month."""

import collections
import datetime
import http.client
import json
import pathlib
import re
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.load import Load, get_bytes
from harness.report import run
from harness.service import Service, cli, enrollment, wait_until

# RFC 8941: a list of strings, each with its integer parameters.
POLICY = re.compile(r'"[a-z-]+";q=\d{1,15};w=[1-9]\d{0,14}')
STANDING = re.compile(r'"[a-z-]+";r=\d{1,15};t=\d{1,15}')


def ask(url, method, path, body=None, headers=(), source='127.0.0.1'):
    """Status, headers (lower-case names) and body; `headers` is a list of pairs and may repeat a name."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10, source_address=(source, 0))
    try:
        data = None if body is None else json.dumps(body).encode()
        connection.putrequest(method, path)
        for name, value in headers:
            connection.putheader(name, value)
        if data is not None:
            connection.putheader('Content-Type', 'application/json')
            connection.putheader('Content-Length', str(len(data)))
        connection.endheaders(data)
        response = connection.getresponse()
        text = response.read()
        kept = {name.lower(): value for name, value in response.getheaders()}
        return response.status, kept, json.loads(text) if 'json' in kept.get('content-type', '') else text.decode()
    finally:
        connection.close()


def get(service, *headers, source='127.0.0.1', path='/openapi.json'):
    return ask(service.listen, 'GET', path, None, headers, source)


def post(service, key, email, *headers):
    return ask(service.listen, 'POST', '/v1/enrollments', enrollment(email=email), [('X-API-Key', key), *headers])


def fields(headers):
    """{policy: (q, w)}, {policy: (r, t)}; both fields well-formed, and about the same policies."""
    policies, standings = {}, {}
    for field, form, into in (('ratelimit-policy', POLICY, policies), ('ratelimit', STANDING, standings)):
        for item in headers[field].split(', '):
            assert form.fullmatch(item), headers[field]
            name, first, second = item.split(';')
            into[name.strip('"')] = int(first[2:]), int(second[2:])
    assert set(policies) == set(standings), (policies, standings)
    return policies, standings


def is_refused(answer, policy, slug='rate-limited'):
    status, headers, body = answer
    assert status == 429, (status, headers, body)
    assert body['type'].endswith('/problems/' + slug) and body['status'] == 429, body
    policies, standings = fields(headers)
    assert set(policies) == {policy}, policies
    remaining, until = standings[policy]
    assert remaining == 0 and int(headers['retry-after']) == until >= 1, headers
    return headers, body


def has_no_fields(headers):
    return not {'ratelimit', 'ratelimit-policy'} & set(headers)


def test_nothing_limits_a_local_client_by_default_and_no_field_says_so(directory):
    with Service(directory / 'data') as service:
        key = service.key()
        for _ in range(300):
            status, headers, _ = ask(service.listen, 'GET', '/v1/enrollments/nothing', None, [('X-API-Key', key)])
            assert status == 404 and has_no_fields(headers), (status, headers)


def test_a_key_s_own_rate_goes_before_the_limit_by_key(directory):
    with Service(directory / 'data', env={'GLOBOGYM_LIMITS_PER_KEY': '6/h burst 2'}) as service:
        plain, another = service.key(), service.key()
        code, own, err = cli('keys', 'create', '--name', 'own', '--rate', '1000/s', data=service.data)
        assert code == 0, err
        path = '/v1/enrollments/nothing'
        for left in (1, 0):
            status, headers, _ = get(service, ('X-API-Key', plain), path=path)
            policies, standings = fields(headers)
            assert status == 404 and policies == {'key': (2, 1200)} and standings['key'][0] == left, headers
        headers, body = is_refused(get(service, ('X-API-Key', plain), path=path), 'key')
        assert 0 < int(headers['retry-after']) <= 600 and 'key' in body['detail'], (headers, body)
        assert plain not in str(body) and plain[4:15] not in str(body), body

        assert get(service, ('X-API-Key', another), path=path)[0] == 404
        for _ in range(20):
            status, headers, _ = get(service, ('X-API-Key', own.strip()), path=path)
            assert status == 404 and fields(headers)[0] == {'key': (1000, 1)}, headers
        # Who is nobody is not limited by key.
        assert all(get(service, ('X-API-Key', 'ggk_nothing'), path=path)[0] == 401 for _ in range(5))


def test_behind_a_trusted_proxy_the_real_client_is_limited(directory):
    with Service(directory / 'data', env={'GLOBOGYM_LIMITS_PER_ADDRESS': '6/h burst 3',
                                          'GLOBOGYM_GATEWAY_TRUSTED_PROXIES': '127.0.0.2,10.0.0.0/8'}) as service:
        def comes(*headers):
            return get(service, *headers, source='127.0.0.2')

        for left in (2, 1, 0):
            status, headers, _ = comes(('X-Forwarded-For', '203.0.113.7'))
            policies, standings = fields(headers)
            assert status == 200 and policies == {'address': (3, 1800)} and standings['address'][0] == left, headers
        # However it is told, and whatever the client wrote before it: it is the same client.
        same = [[('X-Forwarded-For', '203.0.113.7')], [('Forwarded', 'for=203.0.113.7')],
                [('Forwarded', 'for="203.0.113.7:4711";proto=https')], [('X-Forwarded-For', '198.51.100.1, 203.0.113.7')],
                [('X-Forwarded-For', '127.0.0.1'), ('X-Forwarded-For', '203.0.113.7, 10.1.2.3')],
                [('X-Forwarded-For', '::ffff:203.0.113.7')], [('Forwarded', 'for=_hidden, for=203.0.113.7')]]
        for headers in same:
            _, body = is_refused(comes(*headers), 'address')
            assert '203.0.113' not in str(body), body
        # Its neighbour is somebody else; one IPv6 subscriber is one, however many addresses it has.
        assert comes(('X-Forwarded-For', '203.0.113.8'))[0] == 200
        for number in (1, 2, 3):
            assert comes(('Forwarded', f'for="[2001:db8:1:2::{number}]"'))[0] == 200
        is_refused(comes(('X-Forwarded-For', '2001:db8:1:2:ffff::9')), 'address')
        assert comes(('X-Forwarded-For', '2001:db8:1:3::1'))[0] == 200
        # Those whom the proxy does not name, and those about whom the headers disagree, share one place.
        for headers in ([('X-Forwarded-For', 'unknown')], [('Forwarded', 'for=_a1')],
                        [('Forwarded', 'for=198.51.100.9'), ('X-Forwarded-For', '203.0.113.7')]):
            assert comes(*headers)[0] == 200, headers
        for headers in ([('X-Forwarded-For', 'nonsense')], [('Forwarded', 'for="')], [('X-Forwarded-For', '')],
                        [('Forwarded', 'for=198.51.100.10'), ('X-Forwarded-For', '198.51.100.11')]):
            is_refused(comes(*headers), 'address')
        # Neither the proxy itself nor who watches over us is limited.
        for _ in range(10):
            assert has_no_fields(comes()[1])
            assert get(service, ('X-Forwarded-For', '203.0.113.7'), source='127.0.0.2', path='/healthz')[0] == 200


def test_what_an_untrusted_peer_says_of_others_is_not_heard(directory):
    with Service(directory / 'data', env={'GLOBOGYM_LIMITS_PER_ADDRESS': '6/h burst 1',
                                          'GLOBOGYM_GATEWAY_TRUSTED_PROXIES': '127.0.0.2'}) as service:
        # Loopback is not limited, and does not use up what the named client has.
        for _ in range(10):
            status, headers, _ = get(service, ('X-Forwarded-For', '203.0.113.7'), ('Forwarded', 'for=203.0.113.7'))
            assert status == 200 and has_no_fields(headers), headers
        assert get(service, ('X-Forwarded-For', '203.0.113.7'), source='127.0.0.2')[0] == 200
        is_refused(get(service, ('X-Forwarded-For', '203.0.113.7'), source='127.0.0.2'), 'address')


def test_keys_cannot_be_guessed_faster_than_the_address_may_ask(directory):
    with Service(directory / 'data', env={'GLOBOGYM_LIMITS_PER_ADDRESS': '6/h burst 5',
                                          'GLOBOGYM_GATEWAY_TRUSTED_PROXIES': '127.0.0.2'}) as service:
        key = service.key()
        statuses = [get(service, ('X-Forwarded-For', '203.0.113.7'), ('X-API-Key', 'ggk_' + 'x' * 55), source='127.0.0.2',
                        path='/v1/enrollments/nothing')[0] for _ in range(10)]
        assert statuses == [401] * 5 + [429] * 5, statuses
        assert get(service, ('X-Forwarded-For', '203.0.113.8'), ('X-API-Key', key), source='127.0.0.2',
                   path='/v1/enrollments/nothing')[0] == 404


def test_sign_ups_are_limited_by_their_mail_domain_and_a_repeated_one_is_not_charged(directory):
    with Service(directory / 'data', env={'GLOBOGYM_LIMITS_PER_EMAIL_DOMAIN': '6/h burst 2'}) as service:
        key = service.key()
        status, headers, _ = post(service, key, 'a@busy.example', ('Idempotency-Key', 'one'))
        assert status == 202 and has_no_fields(headers), headers
        for _ in range(5):
            assert post(service, key, 'a@busy.example', ('Idempotency-Key', 'one'))[0] == 202
        assert post(service, key, 'b@BUSY.Example')[0] == 202
        _, body = is_refused(post(service, key, 'c@busy.example'), 'email-domain')
        assert 'busy' not in str(body), body
        assert post(service, key, 'c@quiet.example')[0] == 202
        # What is not valid has no domain to count.
        assert post(service, key, 'no address')[0] == 422
        assert post(service, key, 'a@busy.example', ('Idempotency-Key', 'one'))[0] == 202


def test_the_global_limit_is_every_caller_s_and_told_only_to_whom_it_refuses(directory):
    with Service(directory / 'data', env={'GLOBOGYM_LIMITS_GLOBAL': '6/h burst 4'}) as service:
        one, other = ('X-API-Key', service.key()), ('X-API-Key', service.key())
        for _ in range(20):  # who shows no credentials uses nothing of it up
            assert get(service)[0] == 200
            assert get(service, ('X-API-Key', 'ggk_wrong'), path='/v1/enrollments/nothing')[0] == 401
        for key in (one, other, one, other):
            status, headers, _ = get(service, key, path='/v1/enrollments/nothing')
            assert status == 404 and has_no_fields(headers), headers
        is_refused(get(service, one, path='/v1/enrollments/nothing'), 'global')
        is_refused(get(service, other, path='/v1/enrollments/nothing'), 'global')
        assert get(service, path='/healthz')[0] == 200
        assert get(service, path='/readyz')[0] == 200
        status, text = service.operations('GET', '/metrics')
        assert status == 200 and 'globogym_limited_total{limit="global"} 2' in text, text
        assert 'globogym_limit_table_places_used{limit="address"} 0' in text, text


def seconds_left_of_the_month():
    now = datetime.datetime.now(datetime.timezone.utc)
    following = (now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + datetime.timedelta(days=32)).replace(day=1)
    return (following - now).total_seconds()


def shown(service, id):
    code, out, err = cli('keys', 'list', '--json', data=service.data)
    assert code == 0, err
    return next(key for key in json.loads(out) if key['id'] == id)


def test_a_quota_holds_across_kills_and_restarts(directory):
    path = '/v1/enrollments/nothing'
    data = directory / 'data'
    with Service(data) as service:
        code, out, err = cli('keys', 'create', '--name', 'q', '--quota', '12/month', '--json', data=data)
        assert code == 0, err
        created = json.loads(out)
        key, id = created['key'], created['id']
        assert created['quota'] == '12/month' and created['quotaUsed'] == 0, created
        for left in (11, 10, 9):
            before = seconds_left_of_the_month()
            status, headers, _ = get(service, ('X-API-Key', key), path=path)
            policies, standings = fields(headers)
            assert status == 404 and policies['quota'][0] == 12, headers
            assert policies['quota'][1] in (28 * 86400, 29 * 86400, 30 * 86400, 31 * 86400), headers
            assert standings['quota'][0] == left and abs(standings['quota'][1] - before) < 30, (headers, before)
        # Who is not let in uses nothing.
        assert get(service, ('X-API-Key', key[:-1] + '~'), path=path)[0] == 401
        assert get(service, ('X-API-Key', key), path='/v1/members/nobody')[0] == 403
        assert shown(service, id)['quotaUsed'] == 3
        service.kill()
    for used in (6, 9):  # a small quota is written down one by one: nothing is lost by a kill
        with Service(data) as service:
            for _ in range(3):
                assert get(service, ('X-API-Key', key), path=path)[0] == 404
            assert shown(service, id)['quotaUsed'] == used
            service.kill()
    with Service(data) as service:
        for _ in range(3):
            assert get(service, ('X-API-Key', key), path=path)[0] == 404
        for _ in range(3):
            headers, _ = is_refused(get(service, ('X-API-Key', key), path=path), 'quota', 'quota-exceeded')
            assert abs(int(headers['retry-after']) - seconds_left_of_the_month()) < 30, headers
        assert service.stop() == 0
    assert shown_stopped(data, id)['quotaUsed'] == 12
    code, out, _ = cli('keys', 'list', data=data)
    assert code == 0 and '12 of 12/month' in out, out
    with Service(data) as service:
        is_refused(get(service, ('X-API-Key', key), path=path), 'quota', 'quota-exceeded')


def shown_stopped(data, id):
    code, out, err = cli('keys', 'list', '--json', data=data)
    assert code == 0, err
    return next(key for key in json.loads(out) if key['id'] == id)


def test_a_large_quota_wastes_at_most_a_block_by_a_kill_and_nothing_by_a_stop(directory):
    path = '/v1/enrollments/nothing'
    data = directory / 'data'
    with Service(data) as service:
        code, out, err = cli('keys', 'create', '--name', 'q', '--quota', '1000/month', '--json', data=data)
        assert code == 0, err
        key, id = json.loads(out)['key'], json.loads(out)['id']
        for _ in range(5):
            assert get(service, ('X-API-Key', key), path=path)[0] == 404
        assert service.stop() == 0
    assert shown_stopped(data, id)['quotaUsed'] == 5
    with Service(data) as service:
        assert get(service, ('X-API-Key', key), path=path)[0] == 404
        service.kill()
    used = shown_stopped(data, id)['quotaUsed']
    assert 6 <= used <= 15, used


def test_many_at_once_get_exactly_the_quota(directory):
    # Blocks of three: threads of the server wait for each other's writes all the time.
    with Service(directory / 'data', env={'GLOBOGYM_GATEWAY_THREADS': '4'}) as service:
        code, out, err = cli('keys', 'create', '--name', 'q', '--quota', '300/month', data=service.data)
        assert code == 0, err
        key = out.strip()
        statuses = collections.Counter()
        requests = ((number, get_bytes('/v1/enrollments/nothing', key)) for number in range(1000))
        Load(service.listen, requests, lambda tag, status, *_: statuses.update([status]), connections=24, depth=4).run_here(60)
        assert statuses == {404: 300, 429: 700}, statuses


def test_a_page_s_sign_ups_are_limited_by_address(directory):
    with Service(directory / 'data', env={'GLOBOGYM_SIGNUP_PER_ADDRESS': '6/h burst 2',
                                          'GLOBOGYM_GATEWAY_TRUSTED_PROXIES': '127.0.0.2'}) as service:
        key = get(service, path='/v1/sign-up')[2]['key']

        def signs_up(address, method='POST', source='127.0.0.2'):
            return ask(service.listen, method, '/v1/enrollments' if method == 'POST' else '/v1/enrollments/x',
                       enrollment() if method == 'POST' else None,
                       [('X-API-Key', key), ('Idempotency-Key', 'a'), ('X-Forwarded-For', address)], source)

        for _ in range(2):  # without a proof nobody is signed up, and trying that is counted
            status, headers, _ = signs_up('203.0.113.7')
            assert status == 403 and fields(headers)[0]['sign-up'] == (2, 1200), (status, headers)
        is_refused(signs_up('203.0.113.7'), 'sign-up')
        assert signs_up('203.0.113.8')[0] == 403
        assert signs_up('203.0.113.7', 'GET')[0] != 429  # looking at what became of it is not signing up
        assert all(signs_up('203.0.113.7', source='127.0.0.1')[0] == 403 for _ in range(5))


def test_what_cannot_be_is_refused_when_it_is_configured(directory):
    for quota in ('10', '0/month', '-1/month', '10/day', '1.5/month', 'many/month', '10/month '):
        code, _, err = cli('keys', 'create', '--name', 'q', '--quota', quota, data=directory / 'data')
        assert code != 0 and '10000/month' in err, (quota, err)
    for variable, value in (('GLOBOGYM_GATEWAY_TRUSTED_PROXIES', '10.0.0.0/33'), ('GLOBOGYM_LIMITS_GLOBAL', '5'),
                            ('GLOBOGYM_LIMITS_PER_ADDRESS', '0/s'), ('GLOBOGYM_GATEWAY_TRUSTED_PROXIES', 'proxy.example')):
        try:
            Service(directory / 'data', env={variable: value}).stop()
        except RuntimeError as error:
            assert variable in str(error), error
        else:
            raise AssertionError(f'{variable}={value} was taken')


if __name__ == '__main__':
    sys.exit(run(globals()))
