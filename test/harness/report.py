"""Runs a script's tests and prints what scripts/test reads: `ok - name`, `not ok - name # why`, `skip - name # why`.

A test is a function whose name begins with `test_`; its name is its sentence. It is given a fresh directory when it takes
an argument. It fails by an exception, and does not apply when it raises Skip.
"""

import inspect
import pathlib
import shutil
import sys
import tempfile
import time
import traceback


class Skip(Exception):
    pass


def run(module_globals, only=None):
    """Runs every test of the calling script, in the order they are written; the exit code."""
    failed = 0
    only = only or sys.argv[1:]
    for name, test in list(module_globals.items()):
        if not name.startswith('test_') or not callable(test):
            continue
        title = name.removeprefix('test_').replace('_', ' ')
        if only and not any(word in name for word in only):
            continue
        began = time.monotonic()
        directory = None
        try:
            if inspect.signature(test).parameters:
                directory = pathlib.Path(tempfile.mkdtemp(prefix='globogym-test-'))
                test(directory)
            else:
                test()
            print(f'ok - {title}', flush=True)
        except Skip as why:
            print(f'skip - {title} # {why}', flush=True)
        except Exception as error:
            failed += 1
            why = (str(error) or type(error).__name__).replace('\n', ' | ')
            print(f'not ok - {title} # {why[:500]}', flush=True)
            traceback.print_exc(file=sys.stdout)
        finally:
            if directory:
                shutil.rmtree(directory, ignore_errors=True)
        print(f'  {time.monotonic() - began:.2f} s', flush=True)
    return 1 if failed else 0
