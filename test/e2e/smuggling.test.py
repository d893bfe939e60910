#!/usr/bin/env python3
"""What two readers of HTTP could read in two ways is refused, and the connection ends: whatever a proxy in front made of it,
no request is ever answered that was hidden in another. Raw sockets against the real binary, plain and under TLS, whole and
in pieces."""

import pathlib
import random
import re
import socket
import ssl
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.certificates import Authority
from harness.report import run
from harness.service import Service, wait_until

# What must never be answered: the server repeats the id of every request it answers.
HIDDEN = b'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: hidden\r\n\r\n'
GOOD = b'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: good\r\n\r\n'
PATIENCE = 20


def get(*lines, line=b'GET /healthz HTTP/1.1', host=b'Host: x'):
    return b'\r\n'.join([line, *([host] if host is not None else []), *lines, b'', b''])


def post(*lines, body=b'', version=b'HTTP/1.1'):
    return get(*lines, line=b'POST /healthz ' + version) + body


def coding(*lines, body=b'0\r\n\r\n', **more):
    """A body that ends at once for a reader who sees the coding, and is no body for one who does not."""
    return post(*lines, body=body, **more)


# ---- the attacks: name, bytes, the status they are refused with -----------------------------------------------------

LENGTHS = [
    ('two lengths that differ', post(b'Content-Length: 0', b'Content-Length: 55'), 400),
    ('two lengths that differ the other way', post(b'Content-Length: 55', b'Content-Length: 0'), 400),
    ('the same length twice', post(b'Content-Length: 0', b'Content-Length: 0'), 400),
    ('the same length twice in another case', post(b'Content-Length: 0', b'CONTENT-LENGTH: 0'), 400),
    ('a list of lengths', post(b'Content-Length: 0, 0'), 400),
    ('a list of lengths that differ', post(b'Content-Length: 0, 55'), 400),
    ('a length with a sign', post(b'Content-Length: +0'), 400),
    ('a negative length', post(b'Content-Length: -1'), 400),
    ('a length in hexadecimal', post(b'Content-Length: 0x0'), 400),
    ('a length with an exponent', post(b'Content-Length: 0e0'), 400),
    ('a length with a fraction', post(b'Content-Length: 0.0'), 400),
    ('a length in two words', post(b'Content-Length: 0 0'), 400),
    ('a length with something behind', post(b'Content-Length: 0;'), 400),
    ('a length in quotes', post(b'Content-Length: "0"'), 400),
    ('an empty length', post(b'Content-Length:'), 400),
    ('a length of other digits', post('Content-Length: ０'.encode()), 400),
    ('a length with a vertical tab', post(b'Content-Length: \x0b0'), 400),
    ('a length of very many digits', post(b'Content-Length: ' + b'0' * 40), 400),
    ('a length of more than 64 bits', post(b'Content-Length: 18446744073709551616'), 413),
    ('a length that is negative in 64 bits', post(b'Content-Length: 18446744073709551615'), 413),
    ('a length of more than 32 bits', post(b'Content-Length: 4294967296'), 413),
    ('a length before a space', post(b'Content-Length : 0'), 400),
    ('a length before a tab', post(b'Content-Length\t: 0'), 400),
    ('a length in a folded line', post(b'X: y', b' Content-Length: 55'), 400),
]

CODINGS = [
    ('a coding and a length', coding(b'Transfer-Encoding: chunked', b'Content-Length: 5'), 400),
    ('a length and a coding', coding(b'Content-Length: 5', b'Transfer-Encoding: chunked'), 400),
    ('a coding and a length that is none', coding(b'Transfer-Encoding: chunked', b'Content-Length: x'), 400),
    ('the coding twice', coding(b'Transfer-Encoding: chunked', b'Transfer-Encoding: chunked'), 400),
    ('the coding and another', coding(b'Transfer-Encoding: chunked', b'Transfer-Encoding: identity'), (400, 501)),
    ('another and the coding', coding(b'Transfer-Encoding: identity', b'Transfer-Encoding: chunked'), (400, 501)),
    ('a list with identity behind', coding(b'Transfer-Encoding: chunked, identity'), 501),
    ('a list with identity before', coding(b'Transfer-Encoding: identity, chunked'), 501),
    ('a list with the coding twice', coding(b'Transfer-Encoding: chunked, chunked'), 501),
    ('a list with gzip', coding(b'Transfer-Encoding: gzip, chunked'), 501),
    ('a list that begins empty', coding(b'Transfer-Encoding: , chunked'), 501),
    ('a list that ends empty', coding(b'Transfer-Encoding: chunked,'), 501),
    ('identity', coding(b'Transfer-Encoding: identity'), 501),
    ('an empty coding', coding(b'Transfer-Encoding:'), 501),
    ('a longer word', coding(b'Transfer-Encoding: xchunked'), 501),
    ('a shorter word', coding(b'Transfer-Encoding: chunke'), 501),
    ('two words', coding(b'Transfer-Encoding: x chunked'), 501),
    ('a coding with a parameter', coding(b'Transfer-Encoding: chunked;q=0.5'), 501),
    ('a coding in quotes', coding(b'Transfer-Encoding: "chunked"'), 501),
    ('a coding behind a colon', coding(b'Transfer-Encoding: : chunked'), 501),
    ('a coding behind a byte that looks like a space', coding(b'Transfer-Encoding: \xa0chunked'), 501),
    ('a coding with a letter that looks alike', coding('Transfer-Encoding: сhunked'.encode()), 501),
    ('a coding with a vertical tab', coding(b'Transfer-Encoding: \x0bchunked'), 400),
    ('a coding with a form feed', coding(b'Transfer-Encoding: chunked\x0c'), 400),
    ('a coding with a null byte', coding(b'Transfer-Encoding: chunked\x00'), 400),
    ('a coding before a space', coding(b'Transfer-Encoding : chunked'), 400),
    ('a coding before a tab', coding(b'Transfer-Encoding\t: chunked'), 400),
    ('a name with a null byte', coding(b'Transfer-Encoding\x00: chunked'), 400),
    ('a name with a byte that looks like a space', coding(b'Transfer-Encoding\xa0: chunked'), 400),
    ('a name with a letter that looks alike', coding('Trаnsfer-Encoding: chunked'.encode()), 400),
    ('a coding in a line that begins with a space', coding(b' Transfer-Encoding: chunked'), 400),
    ('a coding in a folded line', coding(b'X: y', b'\tTransfer-Encoding: chunked'), 400),
    ('a coding folded itself', coding(b'Transfer-Encoding:', b' chunked'), 400),
    ('a coding behind a bare line feed', coding(b'X: y\nTransfer-Encoding: chunked'), 400),
    ('a coding behind a bare carriage return', coding(b'X: y\rTransfer-Encoding: chunked'), 400),
    ('a coding in HTTP/1.0', coding(b'Transfer-Encoding: chunked', version=b'HTTP/1.0'), 400),
    ('a coding and a length in HTTP/1.2', coding(b'Transfer-Encoding: chunked', b'Content-Length: 5', version=b'HTTP/1.2'), 400),
    ('a coding and a length for an absolute form',
     get(b'Transfer-Encoding: chunked', b'Content-Length: 5', line=b'POST http://x/healthz HTTP/1.1') + b'0\r\n\r\n', 400),
]

LINES = [
    ('bare line feeds only', get().replace(b'\r\n', b'\n'), 400),
    ('a bare line feed after the request line', b'GET /healthz HTTP/1.1\nHost: x\r\n\r\n', 400),
    ('a bare line feed after a header', b'GET /healthz HTTP/1.1\r\nHost: x\nX: y\r\n\r\n', 400),
    ('a bare line feed at the end', b'GET /healthz HTTP/1.1\r\nHost: x\r\n\n', 400),
    ('bare carriage returns', b'GET /healthz HTTP/1.1\rHost: x\r\r\n\r\n', 400),
    ('a carriage return too many', b'GET /healthz HTTP/1.1\r\nHost: x\r\r\n\r\n', 400),
    ('a header without a colon', get(b'nothing'), 400),
    ('a header without a name', get(b': x'), 400),
    ('a header with a space in its name', get(b'X Y: z'), 400),
    ('a header with a null byte', get(b'X: \x00'), 400),
    ('a header with a delete character', get(b'X: \x7f'), 400),
    ('a folded header', get(b'X: y', b' z'), 400),
    ('a first header that is folded', b'GET /healthz HTTP/1.1\r\n X: y\r\nHost: x\r\n\r\n', 400),
    ('no host', get(host=None), 400),
    ('two hosts', get(b'Host: y'), 400),
    ('the same host twice', get(b'Host: x'), 400),
    ('a list of hosts', get(host=b'Host: x, y'), 400),
    ('an empty host', get(host=b'Host:'), 400),
    ('a host with a path', get(host=b'Host: x/y'), 400),
    ('a host with a user', get(host=b'Host: a@x'), 400),
    ('a host in two words', get(host=b'Host: x y'), 400),
    ('no host but that of the target', get(line=b'GET http://x/healthz HTTP/1.1', host=None), 400),
    ('two hosts and that of the target', get(b'Host: y', line=b'GET http://x/healthz HTTP/1.1'), 400),
    ('a key in quotation marks that goes on in the next line', get(b'Idempotency-Key: "a', b' b"'), 400),
    ('a key in quotation marks with a carriage return', get(b'Idempotency-Key: "a\rHost: y"'), 400),
    ('a key in quotation marks with a line feed', get(b'Idempotency-Key: "a\nHost: y"'), 400),
    ('a key in quotation marks with a null byte', get(b'Idempotency-Key: "a\x00b"'), 400),
    ('an expectation nobody knows', post(b'Expect: miracles', b'Content-Length: 0'), 417),
]

REQUEST_LINES = [(name, get(line=line), status) for name, line, status in [
    ('the absolute form of another scheme', b'GET ftp://x/healthz HTTP/1.1', 400),
    ('the absolute form without a scheme', b'GET ://x/healthz HTTP/1.1', 400),
    ('the absolute form with one slash', b'GET http:/healthz HTTP/1.1', 400),
    ('the absolute form without a host', b'GET http:///healthz HTTP/1.1', 400),
    ('the absolute form with a user', b'GET http://a@x/healthz HTTP/1.1', 400),
    ('the absolute form with a user and a backslash', b'GET http://a\\@x/healthz HTTP/1.1', 400),
    ('the absolute form with a list of hosts', b'GET http://x,y/healthz HTTP/1.1', 400),
    ('the absolute form with a fragment', b'GET http://x/healthz#y HTTP/1.1', 400),
    ('the absolute form with a space', b'GET http://x /healthz HTTP/1.1', 400),
    ('the absolute form with a byte beyond ASCII', b'GET http://\xc3\xa4/healthz HTTP/1.1', 400),
    ('the absolute form in version 2.0', b'GET http://x/healthz HTTP/2.0', 505),
    ('the authority form', b'CONNECT x:443 HTTP/1.1', 400),
    ('a relative target', b'GET healthz HTTP/1.1', 400),
    ('an asterisk for a GET', b'GET * HTTP/1.1', 400),
    ('a fragment', b'GET /healthz#x HTTP/1.1', 400),
    ('two spaces', b'GET  /healthz HTTP/1.1', 400),
    ('two spaces before the version', b'GET /healthz  HTTP/1.1', 400),
    ('a space behind', b'GET /healthz HTTP/1.1 ', 400),
    ('a space in front', b' GET /healthz HTTP/1.1', 400),
    ('tabs', b'GET\t/healthz\tHTTP/1.1', 400),
    ('a space in the target', b'GET /health z HTTP/1.1', 400),
    ('a null byte in the target', b'GET /health\x00z HTTP/1.1', 400),
    ('a byte beyond ASCII in the target', b'GET /health\xc3\xa4 HTTP/1.1', 400),
    ('a method that is no token', b'G@T /healthz HTTP/1.1', 400),
    ('no version', b'GET /healthz', 400),
    ('no target', b'GET HTTP/1.1', 400),
    ('a version in small letters', b'GET /healthz http/1.1', 400),
    ('a version of two digits', b'GET /healthz HTTP/1.10', 400),
    ('a version of another protocol', b'GET /healthz ICAP/1.0', 400),
    ('version 0.9', b'GET /healthz HTTP/0.9', 505),
    ('version 1.2 and something behind', b'GET /healthz HTTP/1.2x', 400),
    ('version 1 and no minor one', b'GET /healthz HTTP/1.', 400),
    ('version 2.0', b'GET /healthz HTTP/2.0', 505),
    ('the preface of HTTP/2', b'PRI * HTTP/2.0\r\n\r\nSM', (400, 505)),
]]


def chunks(body):
    return post(b'Transfer-Encoding: chunked', body=body)


CHUNKS = [(name, chunks(body), status) for name, body, status in [
    ('a size in words', b'five\r\nhello\r\n0\r\n\r\n', 400),
    ('an empty size', b'\r\nhello\r\n0\r\n\r\n', 400),
    ('a size with a sign', b'+5\r\nhello\r\n0\r\n\r\n', 400),
    ('a negative size', b'-5\r\nhello\r\n0\r\n\r\n', 400),
    ('a size with a prefix', b'0x5\r\nhello\r\n0\r\n\r\n', 400),
    ('a size with a space in front', b' 5\r\nhello\r\n0\r\n\r\n', 400),
    ('a size with an underscore', b'0_5\r\nhello\r\n0\r\n\r\n', 400),
    ('a size of more than 32 bits', b'100000005\r\nhello\r\n0\r\n\r\n', (400, 413)),
    ('a size of more than 64 bits', b'10000000000000005\r\nhello\r\n0\r\n\r\n', (400, 413)),
    ('a size that ends with a bare line feed', b'5\nhello\r\n0\r\n\r\n', 400),
    ('a size that ends with a bare carriage return', b'5\rhello\r\n0\r\n\r\n', 400),
    ('an extension', b'5;a=b;c="d;e"\r\nhello\r\n0\r\n\r\n', 400),
    ('an extension of the last chunk', b'5\r\nhello\r\n0;f\r\n\r\n', 400),
    ('an extension with a bare line feed', b'5;x\ny\r\nhello\r\n0\r\n\r\n', 400),
    ('an extension with a bare carriage return', b'5;x\ry\r\nhello\r\n0\r\n\r\n', 400),
    ('an extension with a null byte', b'5;x=\x00\r\nhello\r\n0\r\n\r\n', 400),
    ('an extension without a semicolon', b'5 x\r\nhello\r\n0\r\n\r\n', 400),
    ('an extension that is long', b'5;x=' + b'y' * 1000 + b'\r\nhello\r\n0\r\n\r\n', 400),
    ('more data than was said', b'5\r\nhello!\r\n0\r\n\r\n', 400),
    ('less data than was said', b'6\r\nhello\r\n0\r\n\r\n', 400),
    ('data that ends with a bare line feed', b'5\r\nhello\n0\r\n\r\n', 400),
    ('an end with a bare line feed', b'0\n\n', 400),
    ('a trailer that is no header', b'0\r\nnothing\r\n\r\n', 400),
    ('a trailer with a bare line feed', b'0\r\nX: y\n\r\n', 400),
    ('a trailer that is folded', b'0\r\nX: y\r\n z\r\n\r\n', 400),
    ('a length as a trailer', b'0\r\nContent-Length: 5\r\n\r\n', 400),
    ('a coding as a trailer', b'0\r\nTransfer-Encoding: chunked\r\n\r\n', 400),
    ('a host as a trailer', b'0\r\nHost: y\r\n\r\n', 400),
    ('a chunk that is too large', b'FFFFF\r\nhello\r\n0\r\n\r\n', 413),
]]

SIZES = [
    ('a header that is too long', get(b'X: ' + b'y' * 20_000), 431),
    ('headers that are too many', get(*[b'X%d: y' % number for number in range(200)]), 431),
    ('a target that is too long', get(line=b'GET /' + b'y' * 10_000 + b' HTTP/1.1'), 414),
    ('a method that is too long', get(line=b'G' * 10_000 + b' / HTTP/1.1'), (400, 414)),
    ('a body that is too long', post(b'Content-Length: 100000', body=b'y' * 100_000), 413),
    ('empty lines without an end', b'\r\n' * 50 + get(), 400),
]

# ---- talking --------------------------------------------------------------------------------------------------------


class Door:
    """One of the two ways in."""

    def __init__(self, name, service, context=None):
        self.name = name
        self.context = context
        parts = urllib.parse.urlsplit(service.listen)
        self.address = (parts.hostname, parts.port)

    def open(self):
        stream = socket.create_connection(self.address, PATIENCE)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(stream, server_hostname='localhost') if self.context else stream

    def say(self, data, pieces=None):
        """All the answers to `data`, and whether the server then ended the connection by itself."""
        with self.open() as stream:
            try:
                for piece in pieces(data) if pieces else [data]:
                    stream.sendall(piece)
            except (ConnectionError, ssl.SSLError):
                pass  # it has heard enough: its answer is on the way
            return answers_in(read_to_end(stream))


def read_to_end(stream):
    text = b''
    try:
        while piece := stream.recv(65536):
            text += piece
    except ConnectionResetError:
        pass
    except TimeoutError:
        raise AssertionError(f'the connection was left open after {text[:300]!r}') from None
    return text


def answers_in(text):
    found = []
    while text:
        head, end, text = text.partition(b'\r\n\r\n')
        assert end and head.startswith(b'HTTP/1.1 '), head
        length = re.search(rb'\r\nContent-Length: (\d+)', head)
        size = int(length[1]) if length else 0
        found.append((int(head[9:12]), head, text[:size]))
        assert len(text) >= size, 'an answer that was cut'
        text = text[size:]
    return found


def bytewise(data):
    """Most of it in single bytes; a long middle in one piece."""
    if len(data) <= 600:
        return [data[i:i + 1] for i in range(len(data))]
    return [data[i:i + 1] for i in range(100)] + [data[100:-100]] + [data[i:i + 1] for i in range(len(data) - 100, len(data))]


def somewhere(seed):
    def pieces(data):
        cuts = sorted(random.Random(seed).sample(range(1, len(data)), min(5, len(data) - 1)))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)])]
    return pieces


def expect_refused(door, name, data, status, before=0, pieces=None):
    allowed = status if isinstance(status, tuple) else (status,)
    answers = door.say(data, pieces)
    where = f'{name} ({door.name}): {[(answer[0], answer[2][:120]) for answer in answers]}'
    assert len(answers) == before + 1, where
    assert all(answer[0] < 500 for answer in answers[:before]), where
    code, head, body = answers[-1]
    assert code in allowed, where
    assert b'\r\nConnection: close' in head and b'application/problem+json' in head and b'"type":"https://' in body, head
    assert not any(b'hidden' in answer[1] + answer[2] for answer in answers), where


class Doors:
    def __init__(self, directory):
        identity = Authority(directory / 'ca').issue(directory / 'server')
        self.services = []
        # Slow machines: what is refused here is refused for what it is, not for the time it takes to say.
        patient = {'GLOBOGYM_GATEWAY_HEADER_TIME': '60s'}
        self.services.append(Service(directory / 'plain', env=patient))
        self.services.append(Service(directory / 'tls', env={**patient, 'GLOBOGYM_TLS_KEY': str(identity.key),
                                                             'GLOBOGYM_TLS_CERTIFICATE': str(identity.certificate)}))
        self.all = [Door('plain', self.services[0]),
                    Door('TLS', self.services[1], ssl.create_default_context(cafile=directory / 'ca/ca.pem'))]

    def __enter__(self):
        return self.all

    def __exit__(self, *_):
        for service in self.services:
            assert service.process.poll() is None, service.logs()[-2000:]
            service.stop()


def torture(directory, attacks):
    with Doors(directory) as doors:
        for number, (name, data, status) in enumerate(attacks):
            for door in doors:
                # A second request behind the first: hidden in it for one reader, or next in line for another.
                expect_refused(door, name, data + HIDDEN, status)
                expect_refused(door, name + ', after a good one', GOOD + data + HIDDEN, status, before=1)
            expect_refused(doors[0], name + ', byte by byte', data + HIDDEN, status, pieces=bytewise)
            expect_refused(doors[number % 2], name + ', in pieces', GOOD + data + HIDDEN, status, before=1,
                           pieces=somewhere(number))
        for door in doors:
            answers = door.say(GOOD + get(b'Connection: close'))
            assert [answer[0] for answer in answers] == [200, 200], answers


# ---- what is taken --------------------------------------------------------------------------------------------------

# A request, and the status it is answered with. What follows it is the next request, and what is its body is none.
TAKEN = [
    ('the absolute form', get(line=b'GET http://x/healthz HTTP/1.1'), 200),
    ('the absolute form of somebody else', get(line=b'GET https://elsewhere/healthz HTTP/1.1'), 200),
    ('the absolute form with a port and a query', get(line=b'GET HTTP://[::1]:80/healthz?a=http://b/ HTTP/1.1'), 200),
    ('the absolute form with a request as its body',
     get(b'Content-Length: %d' % len(HIDDEN), line=b'POST http://x/healthz HTTP/1.1') + HIDDEN, 405),
    ('the absolute form without a path', get(line=b'DELETE http://x?y HTTP/1.1'), 405),
    ('the server as a whole', get(line=b'OPTIONS * HTTP/1.1'), 204),
    ('version 1.2', get(line=b'GET /healthz HTTP/1.2'), 200),
    ('version 1.9 with a request as its body',
     get(b'Content-Length: %d' % len(HIDDEN), line=b'POST /healthz HTTP/1.9') + HIDDEN, 405),
    ('version 1.9 with a request in its chunk',
     get(b'Transfer-Encoding: chunked', line=b'POST /healthz HTTP/1.9') + b'%x\r\n%s\r\n0\r\n\r\n' % (len(HIDDEN), HIDDEN), 405),
    ('a key in quotation marks', get(b'Idempotency-Key: "a \\" Host: y"'), 200),
]


def test_what_is_taken_hides_nothing(directory):
    last = get(b'Connection: close')
    with Doors(directory) as doors:
        for number, (name, data, status) in enumerate(TAKEN):
            for door in doors:
                for pieces in (None, bytewise, somewhere(number)):
                    answers = door.say(GOOD + data + GOOD + last, pieces)
                    where = f'{name} ({door.name}): {[(answer[0], answer[2][:120]) for answer in answers]}'
                    assert [answer[0] for answer in answers] == [200, status, 200, 200], where
                    assert not any(b'hidden' in answer[1] + answer[2] for answer in answers), where


def test_a_length_is_said_once_and_plainly(directory):
    torture(directory, LENGTHS)


def test_a_coding_is_chunked_and_nothing_that_looks_like_it(directory):
    assert len(CODINGS) >= 15
    torture(directory, CODINGS)


def test_lines_end_and_headers_look_as_they_must(directory):
    torture(directory, LINES)


def test_a_request_line_has_one_form(directory):
    torture(directory, REQUEST_LINES)


def test_chunks_are_what_they_say(directory):
    torture(directory, CHUNKS)


def test_what_is_too_long_is_refused(directory):
    torture(directory, SIZES)


# What is odd but has one meaning is given it. The request behind is really the next one, and answered.
ODD = [
    ('a coding in capitals', coding(b'TRANSFER-ENCODING: CHUNKED')),
    ('a coding without a space', coding(b'Transfer-Encoding:chunked')),
    ('a coding behind a tab', coding(b'Transfer-Encoding:\tchunked')),
    ('a coding with a space behind', coding(b'Transfer-Encoding: chunked  ')),
    ('a trailer', chunks(b'0\r\nX-Checksum: 60\r\n\r\n')),
    ('a GET with a body that looks like a request', get(b'Content-Length: %d' % len(HIDDEN)) + HIDDEN),
    ('a chunk that looks like a request', chunks(b'%x\r\n' % len(HIDDEN) + HIDDEN + b'\r\n0\r\n\r\n')),
    ('an offer to change to HTTP/2', get(b'Connection: Upgrade, HTTP2-Settings', b'Upgrade: h2c', b'HTTP2-Settings: AAMAAABk')),
    ('an offer to change to a web socket', get(b'Connection: Upgrade', b'Upgrade: websocket')),
    ('a method that claims to be another', get(b'X-HTTP-Method-Override: POST', b'X-Original-URL: /v1/members')),
    ('two empty lines before', b'\r\n\r\n' + get()),
]


def test_what_is_odd_but_clear_has_one_reading(directory):
    with Doors(directory) as doors:
        for number, (name, data) in enumerate(ODD):
            for door in doors:
                for pieces in (None, somewhere(number)):
                    answers = door.say(data + GOOD + get(b'Connection: close'), pieces)
                    where = f'{name} ({door.name}): {[answer[:2] for answer in answers]}'
                    assert len(answers) == 3, where
                    assert answers[1][0] == answers[2][0] == 200 and b'X-Request-Id: good\r\n' in answers[1][1], where
                    assert not any(b'hidden' in answer[1] for answer in answers), where


def test_nothing_behind_the_last_request_is_answered(directory):
    last = get(b'Connection: close')
    old = get(line=b'GET /healthz HTTP/1.0')
    with Doors(directory) as doors:
        for door in doors:
            for data in (last + HIDDEN, last + b'\x00' * 1000, old + HIDDEN, get(b'Connection: x, close') + HIDDEN):
                answers = door.say(data)
                assert [answer[0] for answer in answers] == [200] and b'hidden' not in answers[0][1], answers


def test_garbage_behind_a_good_request_is_refused_after_its_answer(directory):
    garbage = [b'GARBAGE\r\n\r\n', b'\x00\x01\x02\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n', b'{"email":"x"}\r\n',
               b'HTTP/1.1 200 OK\r\n\r\n', bytes(random.Random(7).randbytes(200)) + b'\n']
    with Doors(directory) as doors:
        for door in doors:
            for number, data in enumerate(garbage):
                expect_refused(door, f'garbage {number}', GOOD * 3 + data + HIDDEN, 400, before=3)
                expect_refused(door, f'garbage {number} after a body',
                               post(b'Content-Length: 5', body=b'hello') + data + HIDDEN, 400, before=1)


# ---- without an end -------------------------------------------------------------------------------------------------

def test_what_never_ends_is_refused_long_before_memory_does(directory):
    head = b'POST /healthz HTTP/1.1\r\nHost: x\r\n'
    endless = [
        ('a request line', b'GET /', b'y' * 8192, 414),
        ('a header', b'GET / HTTP/1.1\r\nHost: x\r\nX: ', b'y' * 8192, 431),
        ('headers', b'GET / HTTP/1.1\r\nHost: x\r\n', b'X: y\r\n' * 1000, 431),
        ('empty lines', b'', b'\r\n' * 4000, 400),
        ('a chunk size', head + b'Transfer-Encoding: chunked\r\n\r\n', b'0' * 8192, 400),
        ('a chunk extension', head + b'Transfer-Encoding: chunked\r\n\r\n5;x=', b'y' * 8192, 400),
        ('small chunks', head + b'Transfer-Encoding: chunked\r\n\r\n', b'1\r\ny\r\n' * 1000, 413),
        ('small chunks with extensions', head + b'Transfer-Encoding: chunked\r\n\r\n', b'1;' + b'x' * 200 + b'\r\ny\r\n', 400),
        ('a trailer', head + b'Transfer-Encoding: chunked\r\n\r\n0\r\nX: ', b'y' * 8192, 431),
        ('trailers', head + b'Transfer-Encoding: chunked\r\n\r\n0\r\n', b'X: y\r\n' * 1000, 431),
        ('a body that is not taken', head + b'Content-Length: 1000000000\r\n\r\n', b'y' * 65536, 413),
    ]
    with Doors(directory) as doors:
        for door in doors:
            for name, begin, more, status in endless:
                sent, text = pour(door, begin, more)
                answers = answers_in(text)
                allowed = status if isinstance(status, tuple) else (status,)
                assert len(answers) == 1 and answers[0][0] in allowed, (name, door.name, answers)
                assert sent < 8 << 20, f'{name} ({door.name}): {sent} bytes were taken'


def pour(door, begin, more):
    """Sends without an end, until the server ends it. How much it took, and what it said."""
    with door.open() as stream:
        sent, text = 0, b''
        stream.sendall(begin)
        try:
            while sent < 64 << 20:
                if not text:
                    text = what_is_there(stream)  # the answer comes while we still send; go on all the same
                stream.sendall(more)
                sent += len(more)
        except (ConnectionError, ssl.SSLError, TimeoutError):
            pass
        try:
            text += read_to_end(stream)
        except (ssl.SSLError, OSError):
            pass  # cut off, after it had told
        return sent, text


def what_is_there(stream):
    stream.setblocking(False)
    try:
        return stream.recv(65536)
    except (BlockingIOError, ssl.SSLWantReadError):
        return b''
    finally:
        stream.settimeout(PATIENCE)


def test_a_server_that_was_tortured_has_grown_by_nothing(directory):
    with Service(directory / 'data') as service:
        door = Door('plain', service)

        def resident():
            text = pathlib.Path(f'/proc/{service.pid}/status').read_text()
            return int(re.search(r'VmRSS:\s+(\d+)', text)[1])

        def round_of_all():
            for name, data, status in CODINGS + CHUNKS + SIZES:
                expect_refused(door, name, data + HIDDEN, status)
            for _ in range(20):
                pour(door, b'GET / HTTP/1.1\r\nX: ', b'y' * 65536)

        round_of_all()
        before = resident()
        for _ in range(4):
            round_of_all()
        wait_until(lambda: resident() < before + 4096, 10, f'back to about {before} KiB, not {resident()}')


if __name__ == '__main__':
    sys.exit(run(globals()))
