"""An SMTP server that keeps its own account of every letter it took, and misbehaves on demand. A process of its own.

    with SmtpDouble(directory) as mail:
        Service(data, mail=mail.url)
        mail.mode = 'close_rcpt'      # ACTION_STAGE, see below; 'healthy', 'refuse', 'slow'
        mail.letters()                # what it took, in order

Stages: banner, ehlo, mail, rcpt, data, body, dot. Actions: close (the connection), 421 (and close), 4xx, 5xx, silent
(says nothing more), garbage. At `dot` the letter counts as taken by close, silent and garbage: the server had all of it;
`lost_dot` closes without having taken it. `close_body` hangs up in the middle of a letter.
Recipients whose name begins with `poison5` or `poison4` are refused with 550 or 451, until `healed` is set.
"""

import asyncio
import collections
import ctypes
import hashlib
import multiprocessing
import os
import re
import socket
import ssl
import time

STAGES = ['banner', 'ehlo', 'mail', 'rcpt', 'data', 'dot']
ACTIONS = ['close', '421', '4xx', '5xx', 'silent', 'garbage']
MODES = ['healthy', 'refuse', 'slow', 'close_body', 'lost_dot', 'garbage_starttls', 'close_starttls',
         *(f'{action}_{stage}' for stage in STAGES for action in ACTIONS)]

Letter = collections.namedtuple('Letter', 'at message_id recipient digest mode active begun')

_ID = re.compile(rb'^Message-ID:\s*<([^>\r\n]+)>', re.IGNORECASE | re.MULTILINE)
_fork = multiprocessing.get_context('fork')


class SmtpDouble:
    def __init__(self, directory, certificate=None, key=None):
        self.path = os.path.join(str(directory), f'letters-{time.monotonic_ns()}.log')
        open(self.path, 'w').close()
        # Bound and not listening, it keeps the port ours while connections are refused.
        self._holder = _listening_socket(0)
        self.port = self._holder.getsockname()[1]
        self.url = f'smtp://127.0.0.1:{self.port}?tls=' + ('require' if certificate else 'off')
        self._mode = _fork.Value(ctypes.c_int, 0, lock=False)
        self._now = _fork.Value(ctypes.c_int, -1, lock=False)
        self._delay = _fork.Value(ctypes.c_double, 0.0, lock=False)
        self._healed = _fork.Value(ctypes.c_int, 0, lock=False)
        self._bites = _fork.Value(ctypes.c_long, 0, lock=False)
        self._taken = _fork.Value(ctypes.c_long, 0, lock=False)
        self._opened = _fork.Value(ctypes.c_long, 0, lock=False)
        self._tls = (str(certificate), str(key)) if certificate else None
        self.process = _fork.Process(target=self._serve, daemon=True)
        self.process.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self._holder.close()

    @property
    def mode(self):
        return MODES[self._mode.value]

    @mode.setter
    def mode(self, name):
        """In force when this returns: open connections too."""
        self._bites.value = 0
        self._mode.value = MODES.index(name)
        end = time.monotonic() + 30
        while self._now.value != self._mode.value:
            assert time.monotonic() < end and self.process.is_alive(), 'the mail server double does not obey'
            time.sleep(0.001)

    def heal(self):
        self._healed.value = 1

    def delay(self, seconds):
        """How long each letter takes."""
        self._delay.value = seconds

    @property
    def bites(self):
        """How often the misbehaviour has been met since it was set."""
        return self._bites.value

    @property
    def taken(self):
        return self._taken.value

    @property
    def opened(self):
        """Connections accepted so far."""
        return self._opened.value

    def letters(self):
        out = []
        with open(self.path) as log:
            for line in log:
                at, message_id, recipient, digest, mode, active, begun = line.rstrip('\n').split('\t')
                out.append(Letter(float(at), message_id, recipient, digest, mode, int(active), int(begun)))
        return out

    # ---- in the other process ----------------------------------------------------------------------------------------

    def _serve(self):
        self.log = open(self.path, 'a', buffering=1 << 20)
        self.sessions = set()
        self.active = 0  # letters whose content is on its way or waited for
        self.begun = 0
        self.context = None
        if self._tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*self._tls)
        asyncio.run(self._serve_for_ever())

    async def _serve_for_ever(self):
        loop = asyncio.get_running_loop()
        server = None
        parent = os.getppid()
        while os.getppid() == parent:
            wanted = self._mode.value
            if MODES[wanted] == 'refuse':
                if server:
                    server.close()
                    server = None
                for session in list(self.sessions):
                    session.transport.abort()
            elif server is None:
                server = await loop.create_server(lambda: _Session(self), sock=_listening_socket(self.port),
                                                  backlog=1024)
            self._now.value = wanted
            await asyncio.sleep(0.005)


def _listening_socket(port):
    out = socket.socket()
    out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    out.bind(('127.0.0.1', port))
    return out


class _Session(asyncio.Protocol):
    def __init__(self, double):
        self.double = double
        self.received = b''
        self.held = False  # nothing is worked on until the answer before is said
        self.content = False
        self.sender = self.recipient = None
        self.counted = False
        self.secure = False

    def connection_made(self, transport):
        self.transport = transport
        if self.secure:
            return
        transport.get_extra_info('socket').setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.double.sessions.add(self)
        self.double._opened.value += 1
        self.react('banner', b'220 double.example ESMTP\r\n')

    def connection_lost(self, _):
        self.double.sessions.discard(self)
        self.uncount()

    def uncount(self):
        if self.counted:
            self.counted = False
            self.double.active -= 1

    def data_received(self, data):
        self.received += data
        self.work()

    def react(self, stage, reply, mode=None):
        """Says `reply`, or what the mode says in its place. True: the client may go on as if all were well.
        `mode` when it has been looked at before: it may be changed at any moment, and one letter has one."""
        double = self.double
        mode = mode or double.mode
        action, _, where = mode.partition('_')
        if mode == 'slow':
            double._bites.value += 1
            self.later(0.2, reply)
            return True
        if where != stage:
            self.transport.write(reply)
            return True
        double._bites.value += 1
        if action == 'close':
            self.transport.abort()
            self.held = True
        elif action == '421':
            self.transport.write(b'421 4.3.2 closing\r\n')
            self.transport.close()
            self.held = True
        elif action == 'silent':
            self.held = True
        elif action == '4xx':
            self.transport.write(b'451 4.2.0 not now\r\n' if stage in ('rcpt', 'dot') else b'451 4.3.0 not now\r\n')
        elif action == '5xx':
            self.transport.write(b'554 5.7.0 no\r\n')
        elif action == 'garbage':
            self.transport.write(b'\x00\xffhello there, who is this?\r\n')
        return False

    def later(self, seconds, reply):
        self.held = True

        def go_on():
            if self.transport.is_closing():
                return
            self.held = False
            self.transport.write(reply)
            self.work()
        asyncio.get_running_loop().call_later(seconds, go_on)

    def work(self):
        while not self.held and self.received and not self.transport.is_closing():
            if self.content:
                if self.double.mode == 'close_body':
                    self.double._bites.value += 1
                    self.transport.abort()
                    return
                end = self.received.find(b'\r\n.\r\n')
                if end < 0:
                    return
                letter, self.received = self.received[:end + 2], self.received[end + 5:]
                self.content = False
                delay = self.double._delay.value
                if delay:
                    self.held = True
                    asyncio.get_running_loop().call_later(delay, self.finish, letter)
                else:
                    self.finish(letter)
                continue
            line, found, rest = self.received.partition(b'\r\n')
            if not found:
                return
            self.received = rest
            self.command(line)

    def finish(self, letter):
        double = self.double
        delayed, self.held = self.held, False
        mode = double.mode
        taken = mode not in ('lost_dot', '421_dot', '4xx_dot', '5xx_dot')
        if delayed and self.transport.is_closing():
            taken = False
        if taken:
            message_id = _ID.search(letter)
            digest = hashlib.sha1(letter).hexdigest()
            double._taken.value += 1
            double.log.write(f'{time.monotonic()}\t{message_id[1].decode() if message_id else ""}\t{self.recipient}\t'
                             f'{digest}\t{mode}\t{double.active}\t{double.begun}\n')
            double.log.flush()
        self.uncount()
        self.sender = self.recipient = None
        if mode == 'lost_dot':
            double._bites.value += 1
            self.transport.abort()
            return
        self.react('dot', b'250 2.0.0 taken\r\n', mode)
        if delayed:
            self.work()

    def command(self, line):
        verb = line[:4].upper()
        say = self.transport.write
        if verb == b'MAIL':
            # Misbehaviour at the greeting is met by new connections only: those that were greeted in better days go.
            if self.double.mode.partition('_')[2] in ('banner', 'ehlo'):
                say(b'421 4.3.2 closing\r\n')
                self.transport.close()
                self.held = True
                return
            self.recipient = None
            self.sender = line if self.react('mail', b'250 2.1.0 ok\r\n') else None
        elif verb == b'RCPT':
            if not self.sender:
                say(b'503 5.5.1 MAIL first\r\n')
                return
            recipient = line[line.find(b'<') + 1:line.rfind(b'>')].decode('utf-8', 'replace')
            if not self.double._healed.value:
                if recipient.startswith('poison5'):
                    say(b'550 5.1.1 nobody of that name\r\n')
                    return
                if recipient.startswith('poison4'):
                    say(b'451 4.2.1 mailbox busy\r\n')
                    return
            self.recipient = recipient if self.react('rcpt', b'250 2.1.5 ok\r\n') else None
        elif verb == b'DATA':
            if not self.recipient:
                say(b'503 5.5.1 RCPT first\r\n')
            elif self.react('data', b'354 go on\r\n'):
                self.content = True
                self.counted = True
                self.double.active += 1
                self.double.begun += 1
        elif verb == b'EHLO':
            more = b'250-STARTTLS\r\n' if self.double.context and not self.secure else b''
            self.react('ehlo', b'250-double.example\r\n' + more + b'250-PIPELINING\r\n250-8BITMIME\r\n'
                       b'250-SMTPUTF8\r\n250-AUTH PLAIN LOGIN\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 10000000\r\n')
        elif verb == b'AUTH':  # whoever it is
            say(b'235 2.7.0 welcome\r\n' if len(line.split()) > 2 else b'504 5.5.4 only with an initial response\r\n')
        elif verb == b'STAR' and self.double.context:
            self.start_tls()
        elif verb == b'RSET':
            self.sender = self.recipient = None
            say(b'250 2.0.0 ok\r\n')
        elif verb == b'QUIT':
            say(b'221 2.0.0 bye\r\n')
            self.transport.close()
        else:
            say(b'502 5.5.2 unknown\r\n')

    def start_tls(self):
        mode = self.double.mode
        if mode == 'close_starttls':
            self.double._bites.value += 1
            self.transport.abort()
            return
        self.transport.write(b'220 2.0.0 go on\r\n')
        if mode == 'garbage_starttls':
            self.double._bites.value += 1
            self.transport.write(b'this is no TLS at all, whatever was said before\r\n')
            return
        self.held = True
        self.received = b''
        asyncio.get_running_loop().create_task(self.shake_hands())

    async def shake_hands(self):
        try:
            self.secure = True
            transport = await asyncio.get_running_loop().start_tls(self.transport, self, self.double.context,
                                                                   server_side=True)
        except (OSError, ssl.SSLError):
            transport = None
        if transport is None:  # they hung up on our certificate
            self.double._bites.value += 1
            self.transport.abort()
            return
        self.transport = transport
        self.held = False
        self.work()
