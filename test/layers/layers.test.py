#!/usr/bin/env python3
"""The layer check passes on the tree as it is, and catches each kind of violation when one is planted in a copy."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[2]

# name, file to change or make, line to plant, what the check must say
PLANTED = [
    ('the domain may not include the engine', 'src/domain/ids.cpp', '#include "engine/engine.h"',
     'domain may not include engine'),
    ('base may not include async', 'src/base/text.h', '#include "async/task.h"', 'base may not include async'),
    ('the gateway may not call functions', 'src/gateway/gateway.cpp', '#include "functions/host.h"',
     'gateway may not include functions'),
    ('who calls may not know of limits', 'src/gateway/callers/caller.h', '#include "gateway/limits/limits.h"',
     'gateway/callers may not include gateway/limits'),
    ('an answer may not know its route', 'src/gateway/answers/problem.h', '#include "gateway/routes/routes.h"',
     'gateway/answers may not include gateway/routes'),
    ('a room in a room may not see around itself', 'src/gateway/limits/limits.h', '#include "gateway/gateway.h"',
     'gateway/limits may not include gateway'),
    ('the engine may not learn the domain', 'src/engine/kv/ledger.cpp', '#include "domain/records.h"',
     'engine may not include domain'),
    ('nobody but app and tests names an engine adapter', 'src/console/console.cpp',
     '#include "engine/rocksdb/engine.h"', 'is an adapter'),
    ('functions use the mail port, not an adapter', 'src/functions/host.cpp', '#include "mail/smtp/mailer.h"',
     'is an adapter'),
    ('main includes app only', 'src/main.cpp', '#include "engine/engine.h"', 'main.cpp hands over to app'),
    ('a vendor has one door', 'src/gateway/gateway.cpp', '#include <rocksdb/db.h>', 'comes in through engine/rocksdb/'),
    ('simdjson stays behind the JSON reader', 'src/domain/records.cpp', '#include <simdjson.h>',
     'comes in through base/json_reader.cpp'),
    ('a vendor without a door is refused', 'src/http/http.cpp', '#include <libpq-fe.h>', 'has no door'),
    ('a heavy header does not travel inside one of ours', 'src/functions/host.cpp', '#include "async/asio.h"',
     'which is heavy'),
    ('test libraries stay in tests', 'src/domain/ids.cpp', '#include <gtest/gtest.h>', 'is for tests'),
    ('a room without a row is refused', 'src/utils/text.h', '#include <string>', 'is not in the table'),
    ('an include by a relative path is refused', 'src/domain/ids.cpp', '#include "../engine/engine.h"',
     'no header of ours'),
]


def check(tree):
    done = subprocess.run([sys.executable, root / 'scripts/check-layers', tree], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def main():
    failed = 0

    def report(ok, name, why=''):
        nonlocal failed
        print(('ok - ' if ok else 'not ok - ') + name + ('' if ok else ' # ' + why.replace('\n', ' | ')), flush=True)
        failed += not ok

    code, said = check(root)
    report(code == 0 and not said, 'the tree keeps its layers', said)

    with tempfile.TemporaryDirectory() as temporary:
        copy = pathlib.Path(temporary)
        shutil.copytree(root / 'src', copy / 'src')
        for name, file, line, expected in PLANTED:
            path = copy / file
            before = path.read_text() if path.exists() else None
            path.parent.mkdir(exist_ok=True)
            path.write_text(line + '\n' + (before or ''))
            code, said = check(copy)
            report(code == 1 and expected in said and f'{file}:1:' in said, name, f'exit {code}: {said}')
            if before is None:
                shutil.rmtree(path.parent)
            else:
                path.write_text(before)
        code, said = check(copy)
        report(code == 0, 'the copy is clean again after the planting', said)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
