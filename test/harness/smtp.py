"""An SMTP server that keeps its own account of every letter it took, and misbehaves on demand. A process of its own.

    with SmtpDouble(directory) as mail:
        Service(data, mail=mail.url)
        mail.mode = 'close_rcpt'      # ACTION_STAGE, see below; 'healthy', 'refuse', 'slow'
        mail.letters()                # what it took, in order

Stages: banner, ehlo, mail, rcpt, data, body, dot. Actions: close (the connection), 421 (and close), 4xx, 5xx, silent
(says nothing more), garbage. At `dot` the letter counts as taken by close, silent and garbage: the server had all of it;
`lost_dot` closes without having taken it. `close_body` hangs up in the middle of a letter.
Recipients whose name begins with `poison5` or `poison4` are refused with 550 or 451, until `healed` is set.

It is as strict about the order of commands as Postfix. What it is like besides, in any mode:

    mail.manners(delays={'dot': 75}, rcpt={'busy.example': '451 4.3.0 lookup failure'}, dying=0.1)

replaces what was said before, open connections included, and is in force when it returns:

delays       by stage, seconds before its answer. A letter counts as taken once the delay after its dot is over, also
             when the client has hung up by then: that is what a queue behind a slow filter does
rcpt         by the recipient's domain (or a whole address, or '*'), the reply to RCPT; with 421 the connection ends.
             '!' first: hangs up after the rest of it; 'silent' says nothing
replies      by stage, the whole reply in place of the usual one (of any length: '250 ' + 'x' * 600); taken all the same
ehlo_lines   so many more lines in the reply to EHLO
dying        this fraction of new connections ends at `dying_at` (a stage; default banner) without a word
letters_each so many letters a connection: the client is hung up on after the answer to the last (0: any number)
greylist     seconds for which a recipient first seen is put off with 451 4.7.1
auth         what EHLO offers, as ('PLAIN', 'LOGIN'), () for nothing; auth_replies by mechanism, the reply to it;
             auth_needs_tls offers and takes it under TLS only; needs_auth answers MAIL without it with 530
hello        'address': a client that says EHLO (or HELO) with a name without a dot is refused with 504, as Postfix'
             reject_non_fqdn_helo_hostname does; `hello_at` says at which stage: ehlo, or (its default) rcpt
most_connections  more at a time are greeted with 421 4.7.0
"""

import asyncio
import base64
import collections
import ctypes
import hashlib
import multiprocessing
import os
import random
import re
import socket
import ssl
import time

STAGES = ['banner', 'ehlo', 'mail', 'rcpt', 'data', 'dot']
ACTIONS = ['close', '421', '4xx', '5xx', 'silent', 'garbage']
MODES = ['healthy', 'refuse', 'slow', 'close_body', 'lost_dot', 'garbage_starttls', 'close_starttls',
         *(f'{action}_{stage}' for stage in STAGES for action in ACTIONS)]

Letter = collections.namedtuple('Letter', 'at message_id recipient digest mode active begun')
Event = collections.namedtuple('Event', 'at kind what reply')  # kinds: hello, rcpt, auth; what was said; the answer's code

OBLIGING = {'delays': {}, 'rcpt': {}, 'replies': {}, 'ehlo_lines': 0, 'dying': 0.0, 'dying_at': 'banner', 'greylist': 0,
            'letters_each': 0,
            'auth': ('PLAIN', 'LOGIN'), 'auth_replies': {}, 'auth_needs_tls': False, 'needs_auth': False, 'hello': 'any',
            'hello_at': 'rcpt', 'most_connections': 0}

_ID = re.compile(rb'^Message-ID:\s*<([^>\r\n]+)>', re.IGNORECASE | re.MULTILINE)
_fork = multiprocessing.get_context('fork')


class SmtpDouble:
    def __init__(self, directory, certificate=None, key=None, **manners):
        self.path = os.path.join(str(directory), f'letters-{time.monotonic_ns()}.log')
        self.events_path = self.path + '.events'
        for path in (self.path, self.events_path):
            open(path, 'w').close()
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
        self._manners = self._checked(manners)
        self._orders, self._ordered = _fork.Pipe()
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

    def manners(self, **manners):
        """What it is like from now on, whatever was said before."""
        self._orders.send(self._checked(manners))
        assert self._orders.poll(30) and self._orders.recv() == 'done', 'the mail server double does not obey'

    @staticmethod
    def _checked(manners):
        unknown = set(manners) - set(OBLIGING)
        assert not unknown, f'no such manners: {unknown}'
        return {**OBLIGING, **manners}

    def events(self, kind=None):
        """What clients said that is no letter: greetings, recipients, credentials, in order."""
        out = []
        with open(self.events_path) as log:
            for line in log:
                at, what, said, reply = line.rstrip('\n').split('\t')
                if kind in (None, what):
                    out.append(Event(float(at), what, said, reply))
        return out

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
        self.events_log = open(self.events_path, 'a', buffering=1 << 20)
        self.chance = random.Random(self.port)
        self.first_seen = {}  # of recipients, for greylisting
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
            if self._ordered.poll():
                self._manners = self._ordered.recv()
                self._ordered.send('done')
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


    def note(self, kind, said, reply):
        self.events_log.write(f'{time.monotonic()}\t{kind}\t{said}\t{reply}\n')
        self.events_log.flush()


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
        self.hello = None
        self.sender = self.recipient = None
        self.refused_recipient = False
        self.counted = False
        self.secure = False
        self.authenticated = False
        self.login = None  # what AUTH LOGIN has heard so far
        self.doomed = False
        self.letters = 0

    @property
    def manners(self):
        return self.double._manners

    def connection_made(self, transport):
        self.transport = transport
        if self.secure:
            return
        transport.get_extra_info('socket').setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        double = self.double
        double.sessions.add(self)
        double._opened.value += 1
        self.doomed = double.chance.random() < self.manners['dying']
        if 0 < self.manners['most_connections'] < len(double.sessions):
            self.say(b'421 4.7.0 too many connections\r\n')
            self.end()
            return
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

    def say(self, reply):
        if not self.transport.is_closing():
            self.transport.write(reply)

    def end(self):
        self.transport.close()
        self.held = True

    def react(self, stage, reply, mode=None, delayed=False):
        """Says `reply`, or what the mode says in its place. True: the client may go on as if all were well.
        `mode` when it has been looked at before: it may be changed at any moment, and one letter has one."""
        double = self.double
        mode = mode or double.mode
        action, _, where = mode.partition('_')
        delay = 0 if delayed else self.manners['delays'].get(stage, 0)
        if mode == 'slow':
            double._bites.value += 1
            delay += 0.2
        if self.doomed and stage == self.manners['dying_at']:
            double._bites.value += 1
            self.transport.abort()
            self.held = True
            return False
        if where != stage:
            if stage in self.manners['replies']:
                reply = self.manners['replies'][stage].encode() + b'\r\n'
            if delay:
                self.later(delay, reply)
            else:
                self.say(reply)
            return reply[:1] in b'23'
        double._bites.value += 1
        if action == 'close':
            self.transport.abort()
            self.held = True
        elif action == '421':
            self.say(b'421 4.3.2 closing\r\n')
            self.end()
        elif action == 'silent':
            self.held = True
        elif action == '4xx':
            self.say(b'451 4.2.0 not now\r\n' if stage in ('rcpt', 'dot') else b'451 4.3.0 not now\r\n')
        elif action == '5xx':
            self.say(b'554 5.7.0 no\r\n')
        elif action == 'garbage':
            self.say(b'\x00\xffhello there, who is this?\r\n')
        return False

    def later(self, seconds, reply):
        self.held = True

        def go_on():
            if self.transport.is_closing():
                return
            self.held = False
            self.say(reply)
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
                slow = self.manners['delays'].get('dot', 0)
                delay = slow or self.double._delay.value
                if delay:
                    self.held = True
                    asyncio.get_running_loop().call_later(delay, self.finish, letter, slow > 0)
                else:
                    self.finish(letter)
                continue
            line, found, rest = self.received.partition(b'\r\n')
            if not found:
                return
            self.received = rest
            self.command(line)

    def finish(self, letter, taken_anyway=False):
        double = self.double
        delayed, self.held = self.held, False
        mode = double.mode
        taken = mode not in ('lost_dot', '421_dot', '4xx_dot', '5xx_dot')
        if delayed and self.transport.is_closing() and not taken_anyway:
            taken = False
        if self.manners['replies'].get('dot', '2')[0] not in '2':
            taken = False
        if taken:
            message_id = _ID.search(letter)
            digest = hashlib.sha1(letter).hexdigest()
            double._taken.value += 1
            double.log.write(f'{time.monotonic()}\t{message_id[1].decode() if message_id else ""}\t{self.recipient}\t'
                             f'{digest}\t{mode}\t{double.active}\t{double.begun}\n')
            double.log.flush()
        self.uncount()
        self.over()
        if mode == 'lost_dot':
            double._bites.value += 1
            self.transport.abort()
            return
        self.react('dot', b'250 2.0.0 taken\r\n', mode, delayed)
        self.letters += 1
        if self.letters == self.manners['letters_each']:
            self.end()
        if delayed:
            self.work()

    def over(self):
        self.sender = self.recipient = None
        self.refused_recipient = False

    def command(self, line):
        if self.login is not None:
            self.hear_login(line)
            return
        verb = line[:4].upper()
        say = self.say
        if verb == b'MAIL':
            # Misbehaviour at the greeting is met by new connections only: those that were greeted in better days go.
            if self.double.mode.partition('_')[2] in ('banner', 'ehlo'):
                say(b'421 4.3.2 closing\r\n')
                self.end()
            elif self.hello is None:
                say(b'503 5.5.1 EHLO first\r\n')
            elif self.sender:
                say(b'503 5.5.1 nested MAIL command\r\n')
            elif self.manners['needs_auth'] and not self.authenticated:
                say(b'530 5.7.0 authentication required\r\n')
            elif self.react('mail', b'250 2.1.0 ok\r\n'):
                self.sender = line
        elif verb == b'RCPT':
            if not self.sender:
                say(b'503 5.5.1 MAIL first\r\n')
                return
            self.recipient_named(line[line.find(b'<') + 1:line.rfind(b'>')].decode('utf-8', 'replace'))
        elif verb == b'DATA':
            if not self.recipient:
                say(b'554 5.5.1 no valid recipients\r\n' if self.refused_recipient else b'503 5.5.1 RCPT first\r\n')
            elif self.react('data', b'354 go on\r\n'):
                self.content = True
                self.counted = True
                self.double.active += 1
                self.double.begun += 1
        elif verb in (b'EHLO', b'HELO'):
            self.greeted(verb, line[5:].decode('utf-8', 'replace'))
        elif verb == b'AUTH':
            self.credentials(line.decode('utf-8', 'replace').split())
        elif verb == b'STAR' and self.double.context:
            self.start_tls()
        elif verb == b'RSET':
            self.over()
            say(b'250 2.0.0 ok\r\n')
        elif verb == b'QUIT':
            say(b'221 2.0.0 bye\r\n')
            self.transport.close()
        else:
            say(b'502 5.5.2 unknown\r\n')

    def greeted(self, verb, name):
        refused = self.manners['hello'] == 'address' and '.' not in name and ':' not in name
        if refused and self.manners['hello_at'] == 'ehlo':
            self.double.note('hello', name, 504)
            self.say(b'504 5.5.2 <' + name.encode() + b'>: Helo command rejected: need fully-qualified hostname\r\n')
            return
        self.double.note('hello', name, 250)
        self.hello = name
        self.over()
        if verb == b'HELO':
            self.say(b'250 double.example\r\n')
            return
        more = [f'X-LINE-{n}' for n in range(self.manners['ehlo_lines'])]
        if self.double.context and not self.secure:
            more.append('STARTTLS')
        if self.manners['auth'] and (self.secure or not self.manners['auth_needs_tls']):
            more.append('AUTH ' + ' '.join(self.manners['auth']))
        lines = ['double.example', 'PIPELINING', '8BITMIME', 'SMTPUTF8', *more, 'ENHANCEDSTATUSCODES']
        self.react('ehlo', ''.join(f'250-{one}\r\n' for one in lines).encode() + b'250 SIZE 10000000\r\n')

    def recipient_named(self, recipient):
        reply = self.reply_to(recipient)
        self.double.note('rcpt', recipient, reply[:3] if reply else '250')
        if reply is None:
            self.recipient = recipient if self.react('rcpt', b'250 2.1.5 ok\r\n') else None
            self.refused_recipient = self.recipient is None
            return
        self.refused_recipient = True
        if reply == 'silent':
            self.held = True
            return
        hang_up = reply.startswith(('!', '421'))
        reply = reply.removeprefix('!')
        if reply:
            self.say(reply.encode() + b'\r\n')
        if hang_up:
            self.end()

    def reply_to(self, recipient):
        """What is said about the recipient; None: nothing against it."""
        double = self.double
        name, _, domain = recipient.rpartition('@')
        if not double._healed.value:
            if name.startswith('poison5'):
                return '550 5.1.1 nobody of that name'
            if name.startswith('poison4'):
                return '451 4.2.1 mailbox busy'
        if self.manners['hello'] == 'address' and '.' not in self.hello and ':' not in self.hello:
            return f'504 5.5.2 <{self.hello}>: Helo command rejected: need fully-qualified hostname'
        if self.manners['greylist']:
            now = time.monotonic()
            if now - double.first_seen.setdefault(recipient, now) < self.manners['greylist']:
                return '451 4.7.1 greylisted, please try again later'
        told = self.manners['rcpt']
        return told.get(recipient, told.get(domain, told.get('*')))

    def credentials(self, words):
        mechanism = words[1].upper() if len(words) > 1 else ''
        hidden = self.manners['auth_needs_tls'] and not self.secure
        if mechanism in self.manners['auth_replies']:
            reply = self.manners['auth_replies'][mechanism]
        elif hidden:
            reply = '538 5.7.11 encryption required'
        elif mechanism not in self.manners['auth']:
            reply = '504 5.5.4 unrecognized authentication type'
        elif mechanism == 'LOGIN':
            self.login = []
            self.say(b'334 ' + base64.b64encode(b'Username:') + b'\r\n')
            return
        else:  # whoever it is
            reply = '235 2.7.0 welcome' if len(words) > 2 else '504 5.5.4 only with an initial response'
        self.heard_credentials(mechanism, reply)

    def hear_login(self, line):
        self.login.append(line)
        if len(self.login) == 1:
            self.say(b'334 ' + base64.b64encode(b'Password:') + b'\r\n')
            return
        self.login = None
        self.heard_credentials('LOGIN', '235 2.7.0 welcome')

    def heard_credentials(self, mechanism, reply):
        self.double.note('auth', mechanism, reply[:3])
        self.authenticated = reply.startswith('235')
        self.say(reply.encode() + b'\r\n')

    def start_tls(self):
        mode = self.double.mode
        if mode == 'close_starttls':
            self.double._bites.value += 1
            self.transport.abort()
            return
        self.say(b'220 2.0.0 go on\r\n')
        if mode == 'garbage_starttls':
            self.double._bites.value += 1
            self.say(b'this is no TLS at all, whatever was said before\r\n')
            return
        self.held = True
        self.received = b''
        self.hello = None
        self.over()
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
