#!/usr/bin/env python3
"""The operations listener of the real binary: what monitoring, browsers and scripts rely on."""

import http.client
import json
import shutil
import subprocess
import sys
import pathlib
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.report import Skip, run
from harness.service import Service, enrollment, request, wait_until


def test_queues_and_stats_have_the_shape_of_the_contract(directory):
    with Service(directory / 'data') as service:
        status, queues = service.operations('GET', '/admin/v1/queues')
        assert status == 200 and {queue['name'] for queue in queues} == {'process-enrollment', 'welcome-mail'}, queues
        for queue in queues:
            assert set(queue) == {'name', 'ready', 'leased', 'delayed', 'deadLettered', 'oldestSeconds', 'state',
                                  'waiting', 'lastError', 'lastErrorAt', 'blockedSince', 'nextAttemptAt', 'drainSeconds'}
            assert queue['state'] == 'running'
        assert service.stats() == {'members': 0, 'enrollments': {'accepted': 0, 'processing': 0, 'completed': 0,
                                                                 'rejected': 0, 'parked': 0}, 'mailsSent': 0}


def test_metrics_are_what_prometheus_reads(directory):
    if not shutil.which('promtool'):
        raise Skip('promtool is not installed; scripts/setup --test installs it')
    with Service(directory / 'data') as service:
        key = service.key()
        for _ in range(3):
            assert service.post(enrollment(), key)[0] == 202
        service.post({'firstName': 'x'}, key)
        wait_until(lambda: service.stats()['members'] == 3, 10, 'three members')
        status, text = request('GET', service.admin + '/metrics')
        assert status == 200 and 'globogym_members 3' in text
        checked = subprocess.run(['promtool', 'check', 'metrics'], input=text, text=True, capture_output=True, timeout=30)
        assert checked.returncode == 0, checked.stderr + checked.stdout
        assert 'example.com' not in text and key not in text


def test_the_public_and_the_admin_listener_serve_nothing_of_each_other(directory):
    with Service(directory / 'data') as service:
        for path in ('/admin/v1/queues', '/admin/v1/stats', '/metrics', '/admin/v1/keys'):
            assert request('GET', service.listen + path)[0] == 404, path
        for path in ('/v1/enrollments', '/openapi.json', '/healthz'):
            assert request('GET', service.admin + path)[0] == 404, path
        assert request('GET', service.admin + '/admin/v1/keys')[0] == 404


def test_live_events_tell_what_happens(directory):
    with Service(directory / 'data') as service:
        key = service.key()
        address = urllib.parse.urlsplit(service.admin)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
        connection.request('GET', '/admin/v1/events')
        response = connection.getresponse()
        assert response.status == 200 and response.getheader('Content-Type').startswith('text/event-stream')

        def next_state():
            while True:
                line = response.readline().decode()
                assert line, 'the stream ended'
                if line.startswith('data: '):
                    return json.loads(line.removeprefix('data: '))

        assert next_state()['stats']['members'] == 0
        service.post(enrollment(), key)
        wait_until(lambda: next_state()['stats']['members'] == 1, 10, 'the member is told')
        connection.close()


def test_the_console_is_one_page_that_loads_nothing_from_elsewhere(directory):
    with Service(directory / 'data') as service:
        address = urllib.parse.urlsplit(service.admin)
        for path, kind in (('/', 'text/html'), ('/console.js', 'text/javascript'), ('/console.css', 'text/css')):
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
            connection.request('GET', path)
            response = connection.getresponse()
            text = response.read().decode()
            assert response.status == 200 and response.getheader('Content-Type').startswith(kind), path
            assert "default-src 'none'" in response.getheader('Content-Security-Policy'), path
            assert 'http://' not in text and 'https://' not in text and '//cdn' not in text, path
            connection.close()


def test_a_foreign_name_and_a_foreign_post_are_refused(directory):
    with Service(directory / 'data') as service:
        assert request('GET', service.admin + '/admin/v1/stats', headers={'Host': 'evil.example'})[0] == 403
        replay = service.admin + '/admin/v1/dead-letters/replay'
        assert request('POST', replay, '{"filter":{}}', {'Content-Type': 'text/plain'})[0] == 403
        assert request('POST', replay, '{"filter":{}}', {'Content-Type': 'application/json'})[0] == 200


if __name__ == '__main__':
    sys.exit(run(globals()))
