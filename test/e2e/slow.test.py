#!/usr/bin/env python3
"""Clients that take their time, five thousand at once: they are ended when their time is over, memory stays bounded, and
honest clients do not notice them."""

import http.client
import json
import pathlib
import re
import resource
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.certificates import Authority
from harness.report import run
from harness.service import Service, enrollment, request, wait_until
from harness.slow import SlowClients

COUNT = 5000


def address_of(service):
    host, _, port = service.listen.partition('://')[2].rpartition(':')
    return host, int(port)


def resident(service):
    """KiB."""
    text = pathlib.Path(f'/proc/{service.pid}/status').read_text()
    return int(re.search(r'VmRSS:\s+(\d+)', text)[1])


def socket_memory():
    """KiB the kernel holds for all TCP connections of this machine."""
    pages = int(re.search(r'TCP: .* mem (\d+)', pathlib.Path('/proc/net/sockstat').read_text())[1])
    return pages * resource.getpagesize() // 1024


def metric(service, series):
    text = request('GET', service.admin + '/metrics')[1]
    found = re.search('^' + re.escape(series) + r' (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0


def connections(service):
    return int(metric(service, 'globogym_http_connections{listener="public"}'))


def refused(service, reason):
    return int(metric(service, f'globogym_http_refused_total{{listener="public",reason="{reason}"}}'))


# ---- they are ended, and cost little --------------------------------------------------------------------------------

def ended_with(directory, kind, reason, memory_each, time_out, env=None):
    """`memory_each`: KiB a slow client may cost, or None where the bound is on all of them together."""
    with Service(directory / 'data', env=env) as service:
        if not env:
            assert request('GET', service.listen + '/openapi.json')[0] == 200
        before, kernel_before = resident(service), socket_memory()
        most = kernel_most = 0
        began = time.monotonic()
        with SlowClients(address_of(service), kind, COUNT) as slow:
            assert slow.all_open == COUNT
            # The gauge is some moments old.
            wait_until(lambda: connections(service) + refused(service, reason) >= COUNT, 30, 'they are all known')
            while connections(service) > 0:
                most, kernel_most = max(most, resident(service)), max(kernel_most, socket_memory())
                if not env:
                    assert request('GET', service.listen + '/healthz')[0] == 200
                assert time.monotonic() - began < 4 * time_out + 60, f'{connections(service)} are still there'
                time.sleep(0.2)
            took = time.monotonic() - began
        growth = most - before
        print(f'  {growth / 1024:.0f} MiB more at most, {max(0, kernel_most - kernel_before) / 1024:.0f} MiB in the kernel; '
              f'the last one ended after {took:.1f} s')
        assert refused(service, reason) == COUNT, refused(service, reason)
        if memory_each:
            assert growth < COUNT * memory_each, growth
        else:
            # What is held for all together (64 MiB), as much again while it changes hands, and a little each.
            assert growth < 2 * 64 * 1024 + COUNT * 8, growth
            assert kernel_most - kernel_before < COUNT * 96, kernel_most


def test_slow_headers_are_ended_and_cost_little(directory):
    ended_with(directory, 'headers', 'request-timeout', 8, 10)


def test_slow_bodies_are_ended_and_cost_little(directory):
    ended_with(directory, 'body', 'request-timeout', 24, 10)


def test_slow_readers_are_ended_and_cost_little_together(directory):
    ended_with(directory, 'readers', 'slow-reader', None, 20)


def test_slow_handshakes_are_ended_and_cost_little(directory):
    identity = Authority(directory / 'ca').issue(directory / 'server')
    ended_with(directory, 'handshakes', 'tls-handshake-timeout', 56, 10,
               {'GLOBOGYM_TLS_CERTIFICATE': str(identity.certificate), 'GLOBOGYM_TLS_KEY': str(identity.key)})


# ---- nobody else notices --------------------------------------------------------------------------------------------

class Honest:
    """A client that signs people up and looks after them, at a modest pace, over kept connections and new ones."""

    PER_SECOND = 200

    def __init__(self, service):
        self.service = service
        self.key = service.key()
        self.address = address_of(service)
        self.kept = [http.client.HTTPConnection(*self.address, timeout=30) for _ in range(4)]
        self.number = 0
        self.last = None

    def ask(self):
        self.number += 1
        # Every tenth comes over a new connection: waiting to be let in counts too.
        new = self.number % 10 == 0
        began = time.monotonic()
        connection = http.client.HTTPConnection(*self.address, timeout=30) if new else self.kept[self.number % 4]
        if self.number % 2 or not self.last:
            connection.request('POST', '/v1/enrollments', json.dumps(enrollment()),
                               {'X-API-Key': self.key, 'Content-Type': 'application/json'})
        else:
            connection.request('GET', self.last, headers={'X-API-Key': self.key})
        answer = connection.getresponse()
        body = answer.read()
        took = time.monotonic() - began
        assert answer.status in (200, 202), (answer.status, body)
        if answer.status == 202:
            self.last = json.loads(body)['links']['self']
        if new:
            connection.close()
        return took

    def window(self, seconds):
        """Milliseconds that 99 of 100 requests stayed below."""
        took = []
        begin = time.monotonic()
        while (due := begin + len(took) / self.PER_SECOND) < begin + seconds:
            time.sleep(max(0, due - time.monotonic()))
            took.append(self.ask())
        return statistics.quantiles(took, n=100)[98] * 1000


def standard_error(values):
    """Of their median, from how far they lie from it; single bad ones do not count."""
    middle = statistics.median(values)
    spread = 1.4826 * statistics.median(abs(one - middle) for one in values)
    return 1.2533 * spread / len(values) ** 0.5


def test_honest_clients_do_not_notice_five_thousand_slow_ones(directory):
    """In each window 5,000 connections are held open by slow headers, slow bodies and slow readers, and those of the first
    two kinds are ended within it. In turns they attack the server of the honest client and one beside it: what they cost
    this machine meets both windows alike, and what remains between them is what one server's clients do to each other.
    The medians of the windows' 99th percentiles may differ by 20 % and half a millisecond (what waking up late once
    costs). While they differ by more, more windows are taken: one bad moment of the machine is not believed, a server that
    suffers suffers in all. When even many windows cannot tell, because those of one kind differ among themselves, twice
    the standard error of the difference is allowed."""
    pairs_at_least, pairs_at_most, seconds = 5, 15, 4
    kinds = {'headers': 2000, 'body': 2000, 'readers': 1000}
    env = {'GLOBOGYM_GATEWAY_HEADER_TIME': '2s'}
    with Service(directory / 'data', env=env) as service, Service(directory / 'beside', env=env) as beside:
        honest = Honest(service)
        honest.window(2)  # what is made once is made
        calm, attacked = [], []

        def measure(target, into):
            for one in (service, beside):
                wait_until(lambda: connections(one) <= 10, 60, 'the slow ones are gone')
            slow = [SlowClients(address_of(target), kind, count) for kind, count in kinds.items()]
            try:
                assert sum(one.all_open for one in slow) == COUNT
                into.append(honest.window(seconds))
            finally:
                for one in slow:
                    one.__exit__()

        def moved():
            """By how many milliseconds more than it may."""
            return statistics.median(attacked) - (1.2 * statistics.median(calm) + 0.5)

        while len(calm) < pairs_at_least or (moved() > 0 and len(calm) < pairs_at_most):
            turns = [(beside, calm), (service, attacked)]
            for target, into in turns if len(calm) % 2 == 0 else reversed(turns):
                measure(target, into)
        error = (standard_error(calm) ** 2 + standard_error(attacked) ** 2) ** 0.5
        told = (f'p99 {statistics.median(calm):.2f} ms while they attack the server beside it, '
                f'{statistics.median(attacked):.2f} ms while its own, {len(calm)} pairs of windows, '
                f'standard error of the difference {error:.2f}')
        print('  ' + told)
        assert moved() <= (2 * error if len(calm) == pairs_at_most else 0), (told, calm, attacked)
        for one in (service, beside):
            assert refused(one, 'request-timeout') >= len(calm) * 3500, refused(one, 'request-timeout')


if __name__ == '__main__':
    sys.exit(run(globals()))
