#!/usr/bin/env python3
"""The events of the audit trail: what the code sets, what audit/events.h lists and what docs/operating.md explains are
the same."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'test'))
from harness import report

ROOMS = ('audit', 'console', 'gateway', 'app')
# `deed.event = …;`, `{.event = …}` of whatever the deed is called, and what the trail says of itself.
SET = re.compile(r'\bevent\s*=(?!=)\s*([^;}]*)|\bfound\((?=")([^,]*),')
WORD = re.compile(r'"([^"]*)"')
# What carries an event on.
CARRIES = re.compile(r'std::move\(event\)$|std::string\(audit::begun\)')
# What sets none: scripts of the browser, and who reads the trail.
OTHERS = re.compile(r'_test\.(cpp|h)$|console/page_script\.cpp$|app/cli/trail\w*\.(cpp|h)$')


def listed():
    text = (ROOT / 'src/audit/events.h').read_text()
    events = text[text.index(' events = {'):]
    words = [word.strip() for word in events[events.index('{') + 1:events.index('}')].split(',') if word.strip()]
    # The two that are known by name everywhere stand in audit/audit.h.
    named = dict(re.findall(r'constexpr std::string_view (\w+) = "([^"]+)"', (ROOT / 'src/audit/audit.h').read_text()))
    return [word.strip('"') if word.startswith('"') else named[word] for word in words]


def set_in_code():
    events = {}
    for room in ROOMS:
        for path in sorted((ROOT / 'src' / room).rglob('*')):
            if path.suffix not in ('.cpp', '.h') or OTHERS.search(str(path)):
                continue
            for match in SET.finditer(path.read_text()):
                value = (match[1] if match[1] is not None else match[2]).strip()
                if CARRIES.match(value):
                    continue
                where = f'{path.relative_to(ROOT)}: {match[0]}'
                words = WORD.findall(value)
                assert words, f'no event can be read here; teach this test the form: {where}'
                for word in words:
                    events.setdefault(word, where)
    return events


def told_in_docs():
    text = (ROOT / 'docs/operating.md').read_text()
    table = text[text.index('| event | |'):].split('\n\n')[0]
    return [word for row in table.splitlines()[2:] for word in re.findall(r'`([^`]+)`', row.split('|')[1])]


def test_every_event_that_the_code_sets_is_listed():
    events = set_in_code()
    assert len(events) > 20, events
    missing = {event: where for event, where in events.items() if event not in listed()}
    assert not missing, missing


def test_every_event_that_is_listed_is_set_somewhere():
    events = set(listed()) - {'refused', 'begun'}
    assert events <= set(set_in_code()), events - set(set_in_code())
    assert len(listed()) == len(set(listed()))


def test_the_operators_table_tells_each_event_and_no_other():
    assert sorted(told_in_docs()) == sorted(listed()), set(told_in_docs()) ^ set(listed())


if __name__ == '__main__':
    sys.exit(report.run(globals()))
