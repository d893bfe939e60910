#!/usr/bin/env python3
"""TLS as clients meet it: what is agreed on and what is not, certificates replaced under load, mutual TLS on both
listeners, and what a scanner says."""

import http.client
import json
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.parse
import warnings
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.certificates import Authority, Identity
from harness.report import run
from harness.service import ROOT, Service, cli, enrollment, request, wait_until

warnings.simplefilter('ignore', DeprecationWarning)  # old versions are asked for on purpose


class World:
    """An authority, a certificate of it, and a server that shows it."""

    def __init__(self, directory, *flags, kind='ec', env=None):
        self.directory = directory
        self.authority = Authority(directory / 'ca')
        self.identity = self.authority.issue(directory / 'server', kind=kind)
        self.env = {'GLOBOGYM_TLS_CERTIFICATE': str(self.identity.certificate),
                    'GLOBOGYM_TLS_KEY': str(self.identity.key), **(env(self) if env else {})}
        self.service = Service(directory / 'data', *flags, env=self.env)
        self.address = address_of(self.service.listen)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.service.stop()

    def context(self, identity=None):
        context = ssl.create_default_context(cafile=self.authority.certificate)
        if identity:
            context.load_cert_chain(identity.certificate, identity.key)
        return context

    def connection(self, context=None, url=None):
        host, port = address_of(url or self.service.listen)
        return http.client.HTTPSConnection(host, port, timeout=20, context=context or self.context())

    def serial(self):
        with tls(self.address, self.context()) as stream:
            return int(stream.getpeercert()['serialNumber'], 16)

    def metric(self, line):
        return line in request('GET', self.service.admin + '/metrics')[1]


def address_of(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port


def tls(address, context):
    return context.wrap_socket(socket.create_connection(address, 20), server_hostname='localhost')


def ask(connection, method='GET', path='/healthz', body=None, headers=None):
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return answer, answer.read()


def curl(*arguments):
    done = subprocess.run(['curl', '-s', '--max-time', '20', *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout


def test_a_sign_up_goes_through_under_tls_and_the_client_is_told_to_stay(directory):
    with World(directory) as world:
        assert world.service.listen.startswith('https://'), world.service.ready
        assert world.service.admin.startswith('http://'), world.service.ready  # loopback
        key = world.service.key()
        connection = world.connection()
        answer, body = ask(connection, 'POST', '/v1/enrollments', json.dumps(enrollment()),
                           {'X-API-Key': key, 'Content-Type': 'application/json'})
        assert answer.status == 202, body
        assert answer.getheader('Strict-Transport-Security') == 'max-age=31536000', answer.getheaders()
        for path in ('/healthz', '/nothing-here', json.loads(body)['links']['self']):
            answer, _ = ask(connection, path=path)
            assert answer.getheader('Strict-Transport-Security'), (path, answer.getheaders())
        assert connection.sock.version() == 'TLSv1.3'
        connection.close()

        # A browser or curl offers HTTP/2 too, and gets on with HTTP/1.1.
        code, out = curl('--cacert', world.authority.certificate, '--http2', '-w', '%{http_code} %{http_version}',
                         '-o', '/dev/null', f'https://localhost:{world.address[1]}/healthz')
        assert (code, out) == (0, '200 1.1'), (code, out)


def test_hsts_is_off_when_it_is_configured_so(directory):
    with World(directory, env=lambda world: {'GLOBOGYM_TLS_HSTS': 'off'}) as world:
        answer, _ = ask(world.connection())
        assert answer.status == 200 and not answer.getheader('Strict-Transport-Security'), answer.getheaders()


def test_what_is_old_is_refused_and_only_another_protocol_is_told_so(directory):
    with World(directory) as world:
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            context = world.context()
            context.set_ciphers('ALL:@SECLEVEL=0')
            context.minimum_version = context.maximum_version = version
            refused(lambda: tls(world.address, context))
        context = world.context()
        context.set_alpn_protocols(['h2'])
        why = refused(lambda: tls(world.address, context))
        assert 'no application protocol' in why.lower(), why


def refused(step):
    try:
        step().close()
    except (ssl.SSLError, ConnectionError) as error:
        return str(error)
    raise AssertionError('it was let in')


def test_plain_http_on_the_tls_port_is_answered_once_and_closed(directory):
    with World(directory) as world:
        with socket.create_connection(world.address, 20) as plain:
            plain.sendall(b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n' * 2)
            text = b''
            while piece := plain.recv(65536):
                text += piece
        assert text.startswith(b'HTTP/1.1 400 ') and b'problems/tls-required' in text, text
        assert text.count(b'HTTP/1.1 ') == 1 and b'Strict-Transport' not in text, text


# ---- what a scanner finds -------------------------------------------------------------------------------------------

SUITES = {'TLSv1.3': {'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'}}


def scan(world):
    done = subprocess.run(['sslscan', '--xml=-', '--no-colour', '--sni-name=localhost', '%s:%d' % world.address],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return xml.etree.ElementTree.fromstring(done.stdout).find('ssltest')


def test_a_scanner_finds_nothing_weak(directory):
    for kind in ('ec', 'rsa'):
        (directory / kind).mkdir()
        with World(directory / kind, kind=kind) as world:
            found = scan(world)
        enabled = {one.get('type') + one.get('version') for one in found.findall('protocol') if one.get('enabled') == '1'}
        assert enabled == {'tls1.2', 'tls1.3'}, enabled
        ciphers = found.findall('cipher')
        assert len(ciphers) >= 6, ciphers
        for cipher in ciphers:
            name = cipher.get('cipher')
            assert cipher.get('strength') in ('strong', 'acceptable') and int(cipher.get('bits')) >= 128, cipher.attrib
            if cipher.get('sslversion') == 'TLSv1.3':
                assert name in SUITES['TLSv1.3'], cipher.attrib
            else:
                assert re.fullmatch(r'ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)', name), name
        compression = found.find('compression')  # not there when the scanner itself cannot compress
        assert compression is None or compression.get('supported') == '0'
        assert found.find('renegotiation').get('supported') == '0'
        beats = found.findall('heartbleed')
        assert beats and all(one.get('vulnerable') == '0' for one in beats), beats
        for group in found.findall('group'):
            assert int(group.get('bits')) >= 128, group.attrib


def test_another_scanner_finds_no_known_weakness(directory):
    with World(directory) as world:
        done = subprocess.run(['testssl', '--quiet', '--warnings', 'off', '--color', '0', '--add-ca',
                               str(world.authority.certificate), '--jsonfile', str(directory / 'found.json'), '-p', '-P', '-U',
                               'localhost:%d' % world.address[1]], capture_output=True, text=True, timeout=300)
        found = {one['id']: one for one in json.loads((directory / 'found.json').read_text())}
    # BREACH asks for secrets in compressed answers: what is compressed here is the sign-up page, the same for everybody.
    bad = [one for name, one in found.items() if one['severity'] in ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL', 'FATAL')
           and name != 'BREACH']
    assert not bad, bad
    for name in ('heartbleed', 'CCS', 'ticketbleed', 'ROBOT', 'secure_client_renego', 'CRIME_TLS', 'POODLE_SSL', 'SWEET32',
                 'FREAK', 'DROWN', 'LOGJAM', 'BEAST', 'LUCKY13', 'RC4', 'TLS1_3', 'cipher_order'):
        assert name in found, (name, sorted(found), done.stdout[-500:])


# ---- certificates of clients ----------------------------------------------------------------------------------------

def test_mutual_tls_lets_in_whom_the_authority_signed_and_nobody_else(directory):
    def partners_only(world):
        world.partners = Authority(directory / 'partners', 'Partners')
        return {'GLOBOGYM_TLS_CLIENT_CA': str(world.partners.certificate)}

    with World(directory, env=partners_only) as world:
        crm = world.partners.issue(directory / 'crm', 'crm.example')
        stranger = world.authority.issue(directory / 'stranger', 'crm.example')
        answer, _ = ask(world.connection(world.context(crm)))
        assert answer.status == 200
        for context in (world.context(), world.context(stranger)):
            connection = world.connection(context)
            refused(lambda: (ask(connection), connection)[1])
        assert request('GET', world.service.admin + '/healthz')[0] in (200, 404)  # the other listener does not ask


def test_the_admin_listener_speaks_tls_when_told_and_asks_for_its_own_authority(directory):
    def staff_only(world):
        world.staff = Authority(directory / 'staff', 'Staff')
        return {'GLOBOGYM_ADMIN_TLS': 'on', 'GLOBOGYM_TLS_ADMIN_CLIENT_CA': str(world.staff.certificate)}

    with World(directory, env=staff_only) as world:
        assert world.service.admin.startswith('https://'), world.service.ready
        operator = world.staff.issue(directory / 'operator', 'operator')
        answer, body = ask(world.connection(world.context(operator), world.service.admin), path='/metrics')
        assert answer.status == 200 and b'listener="admin"' in body
        connection = world.connection(url=world.service.admin)
        refused(lambda: (ask(connection, path='/metrics'), connection)[1])
        assert ask(world.connection())[0].status == 200  # the public listener asks for none
        # The commands go through the control socket, which needs no certificate.
        code, out, err = cli('keys', 'list', data=world.service.data)
        assert code == 0, err


# ---- replaced while it runs -----------------------------------------------------------------------------------------

class Crowd:
    """Threads that ask without a pause, some over one connection for ever, some over a new one each time."""

    def __init__(self, world, key):
        self.world = world
        self.key = key
        self.stopping = threading.Event()
        self.done = 0
        self.lock = threading.Lock()
        self.problems = []
        self.context = world.context()
        self.threads = [threading.Thread(target=self.work, args=(kept,)) for kept in (True, True, True, False, False)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def work(self, kept):
        connection = None
        try:
            while not self.stopping.is_set():
                if connection is None:
                    connection = self.world.connection(self.context)
                    connection.auto_open = True
                    connection.connect()
                    connection.auto_open = False  # a connection that ends is a failure, not opened again in silence
                answer, body = ask(connection, 'POST', '/v1/enrollments', json.dumps(enrollment()),
                                   {'X-API-Key': self.key, 'Content-Type': 'application/json'})
                assert answer.status == 202, (answer.status, body)
                answer, body = ask(connection)
                assert answer.status == 200, (answer.status, body)
                with self.lock:
                    self.done += 2
                if not kept:
                    connection.close()
                    connection = None
        except Exception as error:
            self.problems.append(repr(error))
        finally:
            if connection:
                connection.close()


def test_certificates_are_replaced_under_load_and_nobody_notices(directory):
    with World(directory) as world, Crowd(world, world.service.key()) as crowd:
        for serial in range(2, 12):
            world.authority.issue(directory / f'new-{serial}', serial=serial).copy_to(world.identity)
            if serial % 2:
                world.service.process.send_signal(signal.SIGHUP)
            wait_until(lambda: world.serial() == serial, 30, f'new connections see serial {serial}')
            before = crowd.done
            wait_until(lambda: crowd.problems or crowd.done >= max(before + 50, 200 * (serial - 1)), 120, 'load goes on')
            assert not crowd.problems, crowd.problems
    assert not crowd.problems, crowd.problems
    assert crowd.done >= 2000, crowd.done
    print(f'  {crowd.done} requests, 10 certificates')


def test_a_bad_certificate_leaves_the_old_one_in_force_and_is_told(directory):
    with World(directory) as world:
        good = Identity(directory / 'good.pem', directory / 'good.key')
        good.certificate.write_bytes(world.identity.certificate.read_bytes())
        good.key.write_bytes(world.identity.key.read_bytes())
        other = world.authority.issue(directory / 'other', serial=7)

        def failures():
            found = re.search(r'globogym_tls_reloads_total\{listener="public",result="failed"\} (\d+)',
                              request('GET', world.service.admin + '/metrics')[1])
            return int(found[1]) if found else 0

        for file, text in ((world.identity.certificate, b'no certificate'), (world.identity.key, b''),
                           (world.identity.certificate, other.certificate.read_bytes())):
            good.copy_to(world.identity)
            before = failures()
            file.write_bytes(text)
            world.service.process.send_signal(signal.SIGHUP)
            wait_until(lambda: failures() > before, 20, 'it is counted')
            assert world.serial() == 1
        assert 'tls-certificate-not-replaced' in world.service.logs(), world.service.logs()
        code, out, _ = cli('doctor', data=world.service.data, env=world.env)
        assert code == 1 and 'does not belong' in out, out

        other.copy_to(world.identity)
        wait_until(lambda: world.serial() == 7, 20, 'the next good one is taken up without a signal')
        code, out, _ = cli('doctor', '--json', data=world.service.data, env=world.env)
        finding = next(one for one in json.loads(out)['checks'] if one['what'] == 'TLS')
        assert finding['state'] == 'ok' and 'serial 07' in finding['detail'], finding


def test_a_certificate_that_cannot_be_used_stops_the_start_and_is_named(directory):
    identity = Authority(directory / 'ca').issue(directory / 'server')
    for env, word in (({'GLOBOGYM_TLS_CERTIFICATE': str(identity.certificate)}, 'tls.key'),
                      ({'GLOBOGYM_TLS_CERTIFICATE': str(identity.certificate), 'GLOBOGYM_TLS_KEY': '/no/such.key'},
                       '/no/such.key'),
                      ({'GLOBOGYM_ADMIN_TLS': 'on'}, 'tls.certificate')):
        code, _, err = cli('serve', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', data=directory / 'data', env=env)
        assert code in (2, 3) and word in err, (code, err)


def test_without_certificates_a_hang_up_ends_no_daemon(directory):
    with Service(directory / 'data', wrapper=['setsid']) as service:  # no terminal that could have gone
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: 'nothing-to-reload' in service.logs(), 20, 'it says so')
        assert request('GET', service.listen + '/healthz')[0] == 200


# ---- cost -----------------------------------------------------------------------------------------------------------

def test_an_idle_connection_under_tls_costs_little_memory(directory):
    """24 KiB at most, where 8 KiB or so are OpenSSL's: 20,000 connections then take less than half a gigabyte."""
    count = 1500
    with World(directory) as world:
        context = world.context()

        def opened():
            stream = tls(world.address, context)
            stream.sendall(b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
            assert stream.recv(4096).startswith(b'HTTP/1.1 200 ')
            return stream

        held = [opened() for _ in range(100)]  # what is made once is made
        before = resident(world.service.pid)
        held += [opened() for _ in range(count)]
        each = (resident(world.service.pid) - before) / count
        for stream in held:
            stream.close()
    print(f'  {each:.1f} KiB a connection')
    assert each < 24, each


def resident(pid):
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmRSS:'):
            return int(line.split()[1])
    raise AssertionError('no VmRSS')


# ---- in front -------------------------------------------------------------------------------------------------------

def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def test_http_2_is_had_from_the_proxy_whose_configuration_is_ready(directory):
    identity = Authority(directory / 'ca').issue(directory / 'server')
    with Service(directory / 'data', env={'GLOBOGYM_GATEWAY_TRUSTED_PROXIES': '127.0.0.1'}) as service:
        plain, secure = free_port(), free_port()
        text = (ROOT / 'deploy/nginx.conf').read_text()
        for ready, here in (('127.0.0.1:8080', '%s:%d' % address_of(service.listen)),
                            ('listen 80;', f'listen 127.0.0.1:{plain};'), ('listen 443 ', f'listen 127.0.0.1:{secure} '),
                            ('/etc/globogym/tls/fullchain.pem', str(identity.certificate)),
                            ('/etc/globogym/tls/key.pem', str(identity.key)), ('enroll.globogym.example', 'localhost')):
            assert ready in text, ready
            text = text.replace(ready, here)
        text = '\n'.join(line for line in text.splitlines() if 'listen [::]' not in line)
        config = directory / 'nginx.conf'
        config.write_text(f'daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log stderr;\n'
                          'events {}\nhttp {\naccess_log off;\n' +
                          ''.join(f'{kind}_temp_path {directory}/{kind};\n' for kind in
                                  ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi')) + text + '\n}\n')
        with open(directory / 'nginx.log', 'wb') as log:
            nginx = subprocess.Popen(['/usr/sbin/nginx', '-e', 'stderr', '-p', str(directory), '-c', str(config)],
                                     stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            ask_it = lambda *more: curl('--cacert', directory / 'ca/ca.pem', '--http2', '-D', directory / 'head', '-w',
                                        ' %{http_code} %{http_version}', *more)
            code, out = wait_until(lambda: (lambda answer: answer if answer[0] == 0 else None)(
                ask_it(f'https://localhost:{secure}/healthz')), 20, (directory / 'nginx.log').read_text())
            assert out.endswith(' 200 2'), out
            assert (directory / 'head').read_text().lower().count('strict-transport-security') == 1
            code, out = ask_it('-H', f'X-API-Key: {service.key()}', '-H', 'Content-Type: application/json', '-d',
                               json.dumps(enrollment()), f'https://localhost:{secure}/v1/enrollments')
            assert code == 0 and out.endswith(' 202 2'), out
            code, out = curl('-w', '%{http_code} %{redirect_url}', '-o', '/dev/null', '-H', 'Host: localhost',
                             f'http://127.0.0.1:{plain}/x')
            assert out == '308 https://localhost/x', out
        finally:
            nginx.terminate()
            nginx.wait(10)


if __name__ == '__main__':
    sys.exit(run(globals()))
