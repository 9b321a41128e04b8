#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/count-tests on what meson writes for programs that end in various ways (TAP)."""
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# sentence, result, exit status, stdout, expected line
CASES = [
    ("each-sub-test-counts", "OK", 0, "1..2\nok 1 /a\nok 2 /b\n", "2 0 0"),
    ("a-failed-sub-test-counts-once", "FAIL", 1, "1..2\nok 1 /a\nnot ok 2 /b\n", "1 1 0"),
    ("a-bail-out-adds-nothing-to-its-sub-test", "ERROR", -6,
     "1..3\nok 1 /a\nnot ok 2 /b\nBail out!\n", "1 1 0"),
    ("a-crash-between-sub-tests-is-a-failure", "ERROR", -6, "1..3\nok 1 /a\n", "1 1 0"),
    ("a-hang-is-a-failure", "TIMEOUT", -15, "1..3\nok 1 /a\n", "1 1 0"),
    ("a-crash-before-the-plan-is-a-failure", "ERROR", -11, "", "0 1 0"),
    ("a-skipped-sub-test-is-neither", "OK", 0, "1..2\nok 1 /a # SKIP none\nok 2 /b\n", "1 0 1"),
    ("a-skipped-program-is-neither", "SKIP", 77, "", "0 0 1"),
    ("a-plain-program-counts-as-one", "OK", 0, "hello\n", "1 0 0"),
    ("a-plain-program-can-fail", "FAIL", 1, "hello\n", "0 1 0"),
    ("output-that-looks-alike-does-not-count", "OK", 0, "1..1\nokay then\nok 1 /a\n", "1 0 0"),
]


def main():
    print(f"1..{len(CASES)}")
    bad = 0
    for number, (name, result, status, stdout, expected) in enumerate(CASES, 1):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump({"name": "t", "result": result, "returncode": status, "stdout": stdout}, f)
            f.flush()
            out = subprocess.run([os.path.join(TOP, "scripts", "count-tests"), f.name],
                                 text=True, capture_output=True, check=False).stdout.strip()
        good = out == expected
        bad += not good
        print(f"{'ok' if good else 'not ok'} {number} {name}")
        if not good:
            print(f"# expected '{expected}', got '{out}'")
    return 1 if bad else 0


sys.exit(main())
