"""Clients that take their time, by the thousand, in a process of their own.

    with SlowClients(address, kind='headers', count=5000) as slow:
        slow.held()        # how many connections are open now
        slow.told          # after the end: what the server said to them, by status

Kinds: `headers`, `body` and `handshakes` (of TLS) send a byte now and then and are never done; `readers` ask for more than
they read.
Run as a program it is that process: python3 slow.py HOST PORT KIND COUNT.
"""

import collections
import json
import os
import pathlib
import resource
import selectors
import socket
import subprocess
import sys
import time

EVERY = 4.0  # seconds between a connection's bytes


class SlowClients:
    def __init__(self, address, kind, count, path='/openapi.json'):
        self.process = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).resolve()), address[0], str(address[1]),
                                         kind, str(count), path],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.told = {}
        self.all_open = self._line()['open']  # once all have been opened, and have said their first

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f'the slow clients ended with exit code {self.process.wait()}')
        return json.loads(line)

    def held(self):
        """How many the server has not ended. Asks the process."""
        self.process.stdin.write('?\n')
        self.process.stdin.flush()
        answer = self._line()
        self.told = answer['told']
        return answer['open']

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(60)


class _Crowd:
    def __init__(self, host, port, kind, path):
        self.address, self.kind = (host, port), kind
        self.first = {
            'headers': b'GET / HTTP/1.1\r\nHost: x\r\nX: ',
            'body': b'POST /v1/enrollments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
                    b'Content-Length: 16000\r\n\r\n{"firstName":"',
            # A record of 512 bytes that holds a ClientHello of 508.
            'handshakes': b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
            'readers': f'GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: identity\r\n\r\n'.encode() * 64,
        }[kind]
        self.selector = selectors.EpollSelector()
        self.open = {}
        self.told = collections.Counter()

    def add(self):
        stream = socket.socket()
        if self.kind == 'readers':
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        stream.settimeout(30)
        stream.connect(self.address)
        stream.setblocking(False)
        stream.send(self.first)
        self.open[stream.fileno()] = stream
        if self.kind != 'readers':  # those hear that it is over when they next read a little
            self.selector.register(stream, selectors.EVENT_READ)

    def drop(self, stream):
        if self.kind != 'readers':
            self.selector.unregister(stream)
        del self.open[stream.fileno()]
        stream.close()

    def hear(self, stream):
        try:
            piece = stream.recv(4096 if self.kind != 'readers' else 16)
        except BlockingIOError:
            return
        except OSError:
            piece = b''
        if piece.startswith(b'HTTP/1.1 '):
            self.told[piece[9:12].decode()] += 1
        if not piece:
            self.told['ended'] += 1
            self.drop(stream)

    def nudge(self, stream):
        """A little more, so that nobody can say that nothing comes."""
        if self.kind == 'readers':
            return self.hear(stream)
        try:
            stream.send(b'y')
        except BlockingIOError:
            pass
        except OSError:
            self.told['ended'] += 1
            self.drop(stream)


def _main():
    host, port, kind, count, path = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # They would be on other machines: what they compute must not be what is measured.
    os.nice(19)
    crowd = _Crowd(host, port, kind, path)
    for _ in range(count):
        crowd.add()
    print(json.dumps({'open': len(crowd.open)}), flush=True)
    crowd.selector.register(sys.stdin, selectors.EVENT_READ)
    turn = []
    began = time.monotonic()
    done = 0
    while True:
        for key, _ in crowd.selector.select(0.05):
            if key.fileobj is sys.stdin:
                if not sys.stdin.readline():
                    return
                print(json.dumps({'open': len(crowd.open), 'told': crowd.told}), flush=True)
            elif key.fileobj.fileno() in crowd.open:
                crowd.hear(key.fileobj)
        # Spread evenly over the time between two bytes of one connection.
        due = int((time.monotonic() - began) / EVERY * count)
        while done < due:
            done += 1
            if not turn:
                turn = list(crowd.open.values())
            if not turn:
                done = due
                break
            stream = turn.pop()
            if stream.fileno() in crowd.open:
                crowd.nudge(stream)


if __name__ == '__main__':
    _main()
