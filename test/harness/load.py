"""Many requests at once over many connections, pipelined: raw sockets and one thread, so that Python is not what is measured.

    client = Load(service.listen, connections=32, depth=8, requests=iterator_of_requests, on_answer=..., on_lost=...)
    client.run()                    # until every request is answered or lost
    client.start(); client.stop()   # the same in a thread of its own

A request is (tag, bytes). Each ends in exactly one call: on_answer(tag, status, headers, body), or on_lost(tag) when its
connection died first: then nobody knows whether it was done.
"""

import collections
import json
import selectors
import socket
import threading
import time
import urllib.parse


def post_bytes(key, body, idempotency_key=None, extra=''):
    """The bytes of a sign-up."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    head = f'POST /v1/enrollments HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n' \
           f'Content-Type: application/json\r\nContent-Length: {len(data)}\r\n'
    if idempotency_key:
        head += f'Idempotency-Key: {idempotency_key}\r\n'
    return (head + extra + '\r\n').encode() + data


def get_bytes(path, key=None):
    credentials = f'X-API-Key: {key}\r\n' if key else ''
    return f'GET {path} HTTP/1.1\r\nHost: localhost\r\n{credentials}\r\n'.encode()


class _Connection:
    __slots__ = ('socket', 'out', 'pending', 'received', 'writing')

    def __init__(self, address, timeout):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.out = bytearray()
        self.pending = collections.deque()
        self.received = b''
        self.writing = False


class Load(threading.Thread):
    def __init__(self, url, requests, on_answer, on_lost=None, connections=16, depth=8, per_second=None,
                 connect_timeout=30):
        super().__init__(daemon=True)
        parts = urllib.parse.urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.requests = iter(requests)
        self.on_answer = on_answer
        self.on_lost = on_lost or (lambda tag: None)
        self.count = connections
        self.depth = depth
        self.per_second = per_second
        self.connect_timeout = connect_timeout
        self.sent = self.answered = self.lost = 0
        self.error = None
        self._stopping = False
        self._exhausted = False
        self._open = []

    def connect(self):
        """Opens all connections; without it the first is opened by run()."""
        while len(self._open) < self.count:
            self._open.append(_Connection(self.address, self.connect_timeout))

    def stop(self):
        """Sends nothing new, takes the answers that still come, and ends."""
        self._stopping = True
        self.join()
        if self.error:
            raise self.error

    def run_here(self, timeout=300):
        """In the caller's thread; fails when it takes too long."""
        self._until = time.monotonic() + timeout
        self._work()
        return self

    def run(self):
        self._until = time.monotonic() + 3600
        try:
            self._work()
        except Exception as error:  # told by stop()
            self.error = error

    def _work(self):
        began = time.monotonic()
        selector = selectors.DefaultSelector()
        live = set()
        try:
            self.connect()
        except OSError:
            pass  # nobody there any more: what is open is used
        for connection in self._open:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            live.add(connection)
        self._open = []
        try:
            for connection in list(live):
                self._fill(connection, selector, live, began)
            while live and not (self._done() and not any(one.pending for one in live)):
                if time.monotonic() > self._until:
                    raise AssertionError(f'{self.sent - self.answered - self.lost} of {self.sent} requests unanswered')
                for key, events in selector.select(0.02):
                    connection = key.data
                    if connection not in live:
                        continue
                    if events & selectors.EVENT_READ and not self._read(connection):
                        self._drop(connection, selector, live)
                        continue
                    self._fill(connection, selector, live, began)
                if self.per_second:
                    for connection in list(live):
                        self._fill(connection, selector, live, began)
        finally:
            for connection in list(live):
                self._drop(connection, selector, live)
            selector.close()

    def _done(self):
        return self._stopping or self._exhausted

    def _allowed(self, began):
        return not self.per_second or self.sent < (time.monotonic() - began) * self.per_second

    def _fill(self, connection, selector, live, began):
        while len(connection.pending) < self.depth and not self._done() and self._allowed(began):
            request = next(self.requests, None)
            if request is None:
                self._exhausted = True
                break
            tag, data = request
            connection.pending.append(tag)
            connection.out += data
            self.sent += 1
        if not connection.out:
            return
        try:
            written = connection.socket.send(connection.out)
            del connection.out[:written]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(connection, selector, live)
            return
        if bool(connection.out) != connection.writing:
            connection.writing = bool(connection.out)
            selector.modify(connection.socket, selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.writing else 0),
                            connection)

    def _read(self, connection):
        try:
            piece = connection.socket.recv(1 << 18)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not piece:
            return False
        data = connection.received + piece if connection.received else piece
        at = 0
        while True:
            head_end = data.find(b'\r\n\r\n', at)
            if head_end < 0:
                break
            head = data[at:head_end]
            where = head.lower().find(b'content-length:')
            length = int(head[where + 15:].split(b'\r\n', 1)[0]) if where >= 0 else 0
            end = head_end + 4 + length
            if len(data) < end:
                break
            self.answered += 1
            self.on_answer(connection.pending.popleft(), int(head[9:12]), head, data[head_end + 4:end])
            at = end
        connection.received = data[at:]
        return True

    def _drop(self, connection, selector, live):
        live.discard(connection)
        selector.unregister(connection.socket)
        connection.socket.close()
        for tag in connection.pending:
            self.lost += 1
            self.on_lost(tag)
        connection.pending.clear()


def get_all(url, paths, key, connections=8, depth=16, timeout=300):
    """Status and parsed body of every path; a path whose connection died is asked again."""
    answers = {}
    missing = list(paths)
    end = time.monotonic() + timeout
    while missing and time.monotonic() < end:
        Load(url, ((path, get_bytes(path, key)) for path in missing), connections=min(connections, len(missing)),
             depth=depth,
             on_answer=lambda path, status, _, body: answers.__setitem__(path, (status, json.loads(body)))).run_here(
                 max(1, end - time.monotonic()))
        missing = [path for path in missing if path not in answers]
    assert not missing, f'{len(missing)} requests were not answered'
    return answers
