#!/usr/bin/env python3
"""The list of planted bugs (scripts/mutants) does not rot: each is still there to be planted, and the test that must
notice it still exists. Nothing is planted here."""

import importlib.machinery
import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'test'))
from harness.report import run

sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader('mutants', str(ROOT / 'scripts/mutants'))
mutants = importlib.util.module_from_spec(importlib.util.spec_from_loader('mutants', loader))
loader.exec_module(mutants)

GOOD = {'file': 'scripts/mutants', 'find': 'os.nice(10)', 'put': 'os.nice(0)',
        'test': 'test/mutants/mutants.test.py every_bug'}


def wrong_with(**changed):
    return mutants.check([mutants.Mutant('test', 'one', {**GOOD, **changed})])


def test_every_bug_can_be_planted_and_names_a_test_that_exists():
    wrong = mutants.check(mutants.read_list())
    assert not wrong, '; '.join(wrong)


def test_what_cannot_be_planted_or_noticed_is_named():
    assert not wrong_with(), wrong_with()
    for changed in ({'file': 'src/none.cpp'}, {'find': 'that is nowhere' + ' here'}, {'find': 'import'}, {'put': GOOD['find']},
                    {'test': 'base_test No.such_test'}, {'test': 'none_test *'}, {'test': 'base_test'},
                    {'test': 'test/mutants/mutants.test.py no_such_test'}, {'tset': 'base_test *'}):
        assert wrong_with(**changed), changed
    one = mutants.Mutant('test', 'one', dict(GOOD))
    assert mutants.check([one, one]), 'a name that comes twice'


def test_a_filter_names_the_tests_it_would_run():
    for pattern, test in (('Suite.a_*', ('TEST', 'Suite', 'a_test')), ('Suite.*', ('TEST_F', 'Suite', 'a_test')),
                          ('Both/Suite.a_test/0', ('TEST_P', 'Suite', 'a_test')), ('*/Suite.*', ('TEST_P', 'Suite', 'a_test')),
                          ('Suite/1.a_test', ('TYPED_TEST', 'Suite', 'a_test'))):
        assert mutants.matches(pattern.replace('/1.', '/0.'), mutants.full_name(*test)), pattern
    for pattern in ('Suite.b*', 'Other.*', 'Suite'):
        assert not mutants.matches(pattern, mutants.full_name('TEST', 'Suite', 'a_test')), pattern


if __name__ == '__main__':
    sys.exit(run(globals()))
