"""What is measured of one build: bench/measure runs it by itself, bench/side_by_side two builds in turns.

A measure is a method of Measures that returns its figures by name; each call is one run on a data directory of its own.
Load generator and mail sink run on the same cores as the service."""
import glob
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Running:
    """The processes of a run, so that none outlives it, however it ends."""

    def __init__(self):
        self.processes = []

    def start(self, command, **options):
        process = subprocess.Popen(command, **options)
        self.processes = [one for one in self.processes if one.poll() is None] + [process]
        return process

    def end_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        for process in self.processes:
            process.wait()
        self.processes = []


class Sink:
    """A mail server that takes everything at once."""

    def __init__(self, tools, running):
        self.process = running.start([tools + '/mail_sink', '0'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())['port']
        self.url = f'smtp://127.0.0.1:{self.port}?tls=off'

    def counts(self):
        self.process.stdin.write('?\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Service:
    def __init__(self, measures, data, mail='outbox:', flags=(), env=None):
        self.tools, self.running, self.data = measures.tools, measures.running, data
        binary = measures.binary
        if not os.path.exists(data):
            made = subprocess.run([binary, 'keys', 'create', '--data', data, '--name', 'bench', '--scopes',
                                   'enrollments:write,enrollments:read'], capture_output=True, text=True, check=True,
                                  cwd=measures.directory)
            with open(data + '.key', 'w') as file:
                file.write(re.search(r'ggk_[\w-]+', made.stdout).group())
        with open(data + '.key') as file:
            self.key = file.read()
        self.began = time.monotonic()
        with open(data + '.log', 'a') as log:
            self.process = self.running.start(
                [binary, 'serve', '--data', data, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--mail', mail, *flags],
                stdout=subprocess.PIPE, stderr=log, text=True, cwd=measures.directory, env={**os.environ, **(env or {})})
        line = self.process.stdout.readline()
        if not line:
            with open(data + '.log') as log:
                raise RuntimeError(f'{binary} did not start: {log.read()[-1000:]}')
        self.ready = json.loads(line)
        self.address = (self.ready.get('listen') or '').removeprefix('http://')

    def post_once(self, who):
        body = json.dumps({'firstName': 'Ada', 'lastName': 'Lovelace', 'email': who, 'dateOfBirth': '1990-12-10',
                           'homeClubId': 'london-shoreditch', 'plan': 'premium-annual'}).encode()
        request = urllib.request.Request(self.ready['listen'] + '/v1/enrollments', body,
                                         {'X-API-Key': self.key, 'Content-Type': 'application/json'})
        return json.loads(urllib.request.urlopen(request, timeout=30).read())

    def get(self, path):
        request = urllib.request.Request(self.ready['listen'] + path, headers={'X-API-Key': self.key})
        return json.loads(urllib.request.urlopen(request, timeout=30).read())

    def stats(self):
        return json.loads(urllib.request.urlopen(self.ready['admin'] + '/admin/v1/stats', timeout=30).read())

    def metric(self, name):
        """A counter or gauge without labels."""
        text = urllib.request.urlopen(self.ready['admin'] + '/metrics', timeout=30).read().decode()
        return float(re.search(rf'^globogym_{name} (\S+)$', text, re.MULTILINE).group(1))

    def load(self, count, connections, per_second=0):
        """Sign-ups, begun."""
        return self.running.start([self.tools + '/sign_ups', self.address, self.key, str(count), str(connections), str(per_second)],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def sign_ups(self, count, connections, per_second=0):
        out, err = self.load(count, connections, per_second).communicate()
        if not out:
            raise RuntimeError(f'sign_ups ended without a word: {err}')
        return json.loads(out)

    def wait_until_completed(self, count, every=0.02):
        while self.stats()['enrollments']['completed'] < count:
            if self.process.poll() is not None:
                raise RuntimeError(f'the service ended with {self.process.returncode}')
            time.sleep(every)

    def cpu_seconds(self):
        with open(f'/proc/{self.process.pid}/stat') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def written(self):
        """Bytes it has handed to the disk (dirtied pages, whole ones) and to files and pipes at all."""
        with open(f'/proc/{self.process.pid}/io') as file:
            told = dict(line.split(': ') for line in file.read().splitlines())
        return {'write_bytes': int(told['write_bytes']), 'wchar': int(told['wchar'])}

    def rss_mb(self):
        with open(f'/proc/{self.process.pid}/status') as file:
            return int(re.search(r'VmRSS:\s+(\d+)', file.read()).group(1)) / 1000

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(60)
        self.process.stdout.close()


def occupied(engine):
    """MB on the disk under DATA/engine: all of it, and the tables of each space (docs/data-model.md), which name theirs in
    their last block; what is in none of these is the log."""
    out = {'all': 0.0, 'documents': 0.0, 'messages': 0.0, 'default': 0.0}
    for path in glob.glob(engine + '/*'):
        try:
            mb = os.stat(path).st_blocks * 512 / 1e6
            out['all'] += mb
            if not path.endswith('.sst'):
                continue
            with open(path, 'rb') as table:
                table.seek(max(0, os.fstat(table.fileno()).st_size - 65536))
                space = re.search(rb'column\.family\.id.{1,16}?name(documents|messages|default)', table.read(), re.DOTALL)
        except FileNotFoundError:
            continue  # merged meanwhile
        if space:
            out[space.group(1).decode()] += mb
    return out


class Measures:
    """Of one build. `directory` is where its data lies; each run cleans up behind itself (clean())."""

    BIG = ('burst_400000', 'burst_1000000', 'backlog_million')  # minutes each
    HUGE = ('backlog_five_million',)                            # longer

    def __init__(self, binary, directory, *, tools=None, running=None, waiting=5_000_000, draining=100_000):
        self.binary = os.path.abspath(binary)
        self.directory = directory
        self.tools = os.path.abspath(tools or os.path.join(ROOT, 'build/release/bench'))
        self.running = running or Running()
        self.waiting, self.draining = waiting, draining
        self.number = 0

    @classmethod
    def names(cls):
        helpers = ('run', 'clean', 'fresh', 'accepts', 'burst', 'with_mail')
        return [name for name, what in vars(cls).items() if callable(what) and not name.startswith('_') and name not in helpers]

    def run(self, name):
        """One run of the measure: its figures. Nothing of it is left."""
        try:
            return getattr(self, name)()
        finally:
            self.clean()

    def clean(self):
        self.running.end_all()
        shutil.rmtree(self.directory, ignore_errors=True)

    def fresh(self):
        self.number += 1
        os.makedirs(self.directory, exist_ok=True)
        return f'{self.directory}/{self.number}'

    def with_mail(self, data, flags=(), env=None):
        sink = Sink(self.tools, self.running)
        return sink, Service(self, data, sink.url, flags, env)

    def accepts(self, connections):
        sink, service = self.with_mail(self.fresh())
        service.sign_ups(20000, 64)
        got = service.sign_ups(200000, connections)
        service.stop()
        sink.stop()
        return {'perSecond': got['perSecond'], 'p50ms': got['p50'], 'p99ms': got['p99'], 'errors': got['errors']}

    def accepts_64(self):
        return self.accepts(64)

    def accepts_1000(self):
        return self.accepts(1000)

    def offered_1000(self):
        sink, service = self.with_mail(self.fresh())
        got = service.sign_ups(10000, 64, 1000)
        service.stop()
        sink.stop()
        return {'p50ms': got['p50'], 'p99ms': got['p99'], 'errors': got['errors']}

    def burst(self, count):
        """So many sign-ups at once until the last letter is out; a warm service. Of each enrollment also what it cost:
        processor time, bytes written, commits and syncs, until it is completed (what is in memory then is written later)."""
        sink, service = self.with_mail(self.fresh())
        service.sign_ups(2000, 64)
        while sink.counts()['recipients'] < 2000:
            time.sleep(0.02)
        time.sleep(1)
        commits, syncs = service.metric('engine_commits_total'), service.metric('engine_syncs_total')
        written, cpu = service.written(), service.cpu_seconds()
        got = service.sign_ups(count, 64)
        while sink.counts()['recipients'] < 2000 + count:
            time.sleep(0.02)
        last, cpu = sink.counts()['last'], service.cpu_seconds() - cpu
        service.wait_until_completed(2000 + count)
        now = service.written()
        out = {'perSecond': round(count / (last - got['start'])), 'accepted': got['perSecond'],
               'cpuMicroseconds': round(cpu / count * 1e6, 1), 'rssMB': round(service.rss_mb()),
               'diskBytes': round((now['write_bytes'] - written['write_bytes']) / count),
               'writtenBytes': round((now['wchar'] - written['wchar']) / count),
               'commits': round((service.metric('engine_commits_total') - commits) / count, 3),
               'syncs': round((service.metric('engine_syncs_total') - syncs) / count, 4)}
        service.stop()
        sink.stop()
        return out

    def burst_20000(self):
        return self.burst(20000)

    def burst_400000(self):
        return self.burst(400000)

    def burst_1000000(self):
        return self.burst(1000000)

    def idle_to_mail(self):
        sink, service = self.with_mail(self.fresh())
        times = []
        for i in range(300):
            ids = service.post_once(f'idle{i}@members.example.com')
            while True:
                story = service.get('/v1/enrollments/' + ids['id'])
                if story['status'] == 'completed':
                    break
                time.sleep(0.002)
            parse = lambda t: float(t[17:23]) + 60 * int(t[14:16]) + 3600 * int(t[11:13])
            times.append((parse(story['steps'][2]['finishedAt']) - parse(story['acceptedAt'])) * 1000)
        service.stop()
        sink.stop()
        times.sort()
        return {'p50ms': times[150], 'p99ms': times[297]}

    def memory(self):
        service = Service(self, self.fresh())
        idle = service.rss_mb()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
        host, port = service.address.rsplit(':', 1)
        open_ones = [socket.create_connection((host, int(port))) for _ in range(10000)]
        for one in open_ones:
            one.sendall(b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
        for one in open_ones:
            one.recv(1000)
        connections = service.rss_mb()
        for one in open_ones:
            one.close()
        service.stop()
        return {'idleMB': round(idle, 1), 'connections10000MB': round(connections, 1)}

    def start_empty(self):
        data = self.fresh()
        service = Service(self, data)  # creates the key, and with it the directory
        service.stop()
        shutil.rmtree(data)
        os.makedirs(self.directory, exist_ok=True)
        began = time.monotonic()
        process = self.running.start([self.binary, 'serve', '--data', data, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=self.directory)
        ready = json.loads(process.stdout.readline())
        seconds = time.monotonic() - began
        process.terminate()
        process.wait(30)
        process.stdout.close()
        return {'readyMs': round(seconds * 1000, 1), 'startupMs': ready['startupMs']}

    def kill_under_load(self):
        service = Service(self, self.fresh(), 'outbox:')
        load = service.load(10_000_000, 64)
        time.sleep(4)
        service.stop(signal.SIGKILL)
        load.kill()
        load.communicate()
        again = Service(self, service.data, 'outbox:')
        again.post_once(f'after-kill{time.time()}@members.example.com')
        seconds = time.monotonic() - again.began
        again.stop()
        return {'first202Ms': round(seconds * 1000)}

    def offered_while_draining(self):
        """How long a 202 takes at 1,000 a second offered: beside a backlog (--draining) that is worked off with mail
        serving, and by the same process when that is done. As many are offered as a twentieth of the backlog;
        `stillWaiting` is what was left of it when the last of them was answered: at 0 it was over too early."""
        data, offered = self.fresh(), max(self.draining // 20, 1000)
        service = Service(self, data, flags=['--role', 'gateway'])
        service.sign_ups(self.draining, 64)
        service.stop()
        sink, service = self.with_mail(data)
        busy = service.sign_ups(offered, 64, 1000)
        left = self.draining + offered - service.stats()['enrollments']['completed']
        service.wait_until_completed(self.draining + offered)
        drained = time.monotonic() - service.began
        time.sleep(3)
        idle = service.sign_ups(offered, 64, 1000)
        service.stop()
        sink.stop()
        return {'drainingP50ms': busy['p50'], 'drainingP99ms': busy['p99'], 'idleP50ms': idle['p50'], 'idleP99ms': idle['p99'],
                'errors': busy['errors'] + idle['errors'], 'stillWaiting': left, 'drainedPerSecond': round((self.draining + offered) / drained)}

    def backlog_million(self):
        service = Service(self, self.fresh(), 'outbox:', ['--role', 'gateway'])
        empty = service.sign_ups(100000, 64)['perSecond']
        service.sign_ups(900000, 256)
        deep = service.sign_ups(100000, 64)['perSecond']
        rss = service.rss_mb()
        service.stop(signal.SIGKILL)
        again = Service(self, service.data, 'outbox:', ['--role', 'gateway'])
        again.post_once(f'after{time.time()}@members.example.com')
        seconds = time.monotonic() - again.began
        again.stop()
        return {'waitingRssMB': round(rss), 'acceptsEmpty': empty, 'acceptsOnAMillion': deep,
                'first202AfterKillMs': round(seconds * 1000)}

    def backlog_five_million(self):
        """So many (--waiting) accepted by a process that only takes sign-ups, killed, and worked off by a worker with mail
        serving. No disk is kept in reserve: so much room is needed anyway that it would say nothing of the build.

        Bytes on disk are blocks of the files in DATA/engine. Which belong to messages the tables themselves tell: each is
        of one space (`documents`, `messages`, `default`); documents are so left out. `messagesPeakMB` is the most the
        tables of `messages` had while they waited and were worked off, looked at every second; `messagesDoneMB` what they
        have when the last enrollment is completed, `messagesRestedMB` a minute of rest later, `messagesStoppedMB` after an
        orderly stop. `givenBack` is 1 - messagesStoppedMB / messagesPeakMB; engine…MB are all of DATA/engine."""
        count, some = self.waiting, max(self.waiting // 50, 1000)
        data, roomy = self.fresh(), {'GLOBOGYM_ENGINE_DISK_RESERVE': '0B'}
        engine = data + '/engine'
        needed = count * 3000
        if shutil.disk_usage(self.directory).free < needed:
            raise RuntimeError(f'{count} waiting need some {needed >> 30} GiB under {self.directory}')
        service = Service(self, data, flags=['--role', 'gateway'], env=roomy)
        empty = service.sign_ups(some, 64)['perSecond']
        service.sign_ups(count - 2 * some, 256)
        deep = service.sign_ups(some, 64)
        rss = service.rss_mb()
        service.stop(signal.SIGKILL)
        again = Service(self, data, flags=['--role', 'gateway'], env=roomy)
        again.post_once(f'after{time.time()}@members.example.com')
        first = time.monotonic() - again.began
        waiting = again.stats()['enrollments']['accepted']
        again.stop()
        accepted = highest = occupied(engine)

        sink, worker = self.with_mail(data, ['--role', 'worker'], roomy)
        ready = time.monotonic() - worker.began
        worker_rss = 0
        while worker.stats()['enrollments']['completed'] < waiting:
            now = occupied(engine)
            highest = {space: max(highest[space], now[space]) for space in now}
            worker_rss = max(worker_rss, worker.rss_mb())
            time.sleep(1)
        seconds = time.monotonic() - worker.began
        done = occupied(engine)
        time.sleep(60 if count >= 1_000_000 else 5)
        rested = occupied(engine)
        letters = sink.counts()['recipients']
        worker.stop()
        sink.stop()
        stopped = occupied(engine)
        return {'waiting': waiting, 'acceptsEmpty': empty, 'acceptsDeep': deep['perSecond'], 'deepP99ms': deep['p99'],
                'waitingRssMB': round(rss), 'first202AfterKillMs': round(first * 1000), 'workerReadyMs': round(ready * 1000),
                'workedOffPerSecond': round(waiting / seconds), 'workerRssMB': round(worker_rss), 'letters': letters,
                'engineAcceptedMB': round(accepted['all'], 1), 'enginePeakMB': round(highest['all'], 1),
                'engineStoppedMB': round(stopped['all'], 1), 'documentsStoppedMB': round(stopped['documents'], 1),
                'messagesAcceptedMB': round(accepted['messages'], 1), 'messagesPeakMB': round(highest['messages'], 1),
                'messagesDoneMB': round(done['messages'], 1), 'messagesRestedMB': round(rested['messages'], 1),
                'messagesStoppedMB': round(stopped['messages'], 1),
                'givenBack': round(1 - stopped['messages'] / highest['messages'], 4) if highest['messages'] else None}


def data_directory():
    """Under $TMPDIR, which should be on a real disk."""
    return os.path.join(os.path.abspath(os.environ.get('TMPDIR', os.path.join(ROOT, 'build/bench-data'))), f'measure-{os.getpid()}')


def end_in_order():
    """Whoever ends the script has what it started ended, too: SIGTERM and SIGHUP as Ctrl-C."""
    def interrupted(number, _):
        sys.exit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)


def add_options(parser):
    parser.add_argument('--tools', help='where sign_ups and mail_sink are (default: build/release/bench)')
    parser.add_argument('--million', action='store_true', help='also what needs a million enrollments (minutes each)')
    parser.add_argument('--five-million', action='store_true', help='also backlog_five_million (half an hour, 15 GB)')
    parser.add_argument('--waiting', type=int, default=5_000_000, metavar='N', help='how many wait in backlog_five_million')
    parser.add_argument('--draining', type=int, default=100_000, metavar='N', help='how many wait in offered_while_draining')
    parser.add_argument('names', nargs='*', metavar='NAME')


def chosen(parser, options):
    """The measures that were asked for; all but the long ones when none was."""
    names = Measures.names()
    if unknown := set(options.names) - set(names):
        parser.error('unknown: ' + ' '.join(sorted(unknown)))
    if 'backlog_five_million' in options.names and not options.five_million:
        parser.error('backlog_five_million takes long: it needs --five-million')
    left_out = (() if options.million else Measures.BIG) + (() if options.five_million else Measures.HUGE)
    return [name for name in options.names or names if name in options.names or name not in left_out]
