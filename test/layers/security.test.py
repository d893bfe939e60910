#!/usr/bin/env python3
"""docs/security.md names a test for every claim: each must exist."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'test'))
from harness import report

REFERENCE = re.compile(r'^- `([^`:]+): ([^`]*)`$', re.M)


def test_every_test_that_the_security_document_names_exists():
    references = REFERENCE.findall((ROOT / 'docs/security.md').read_text())
    assert len(references) > 30, len(references)
    for path, name in references:
        file = ROOT / path
        assert file.is_file(), f'there is no {path}'
        assert name and re.search(rf'\b{re.escape(name)}\b', file.read_text()), f'{path} has no test {name!r}'


def test_every_point_of_the_ten_names_a_test():
    points = re.split(r'^### ', (ROOT / 'docs/security.md').read_text(), flags=re.M)[1:]
    assert len(points) == 10, [point.splitlines()[0] for point in points]
    for point in points:
        assert REFERENCE.search(point), point.splitlines()[0]


if __name__ == '__main__':
    sys.exit(report.run(globals()))
