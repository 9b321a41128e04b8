#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""coverage.py [--list]: every line of target/s390x/insns/ has a test. Prints TAP.

A line counts as tested when a test of this directory executes it and looks at what it leaves: random states in
compare.py, compare-vector.py, compare-crafted.py, decimals.py and hfp.py; the examples of msa.py; the cases of the tests
that are built like system.py.
"""
import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import compare  # noqa: E402
import programs as base  # noqa: E402


def module(name):
    spec = importlib.util.spec_from_file_location(name.replace('-', '_'), os.path.join(HERE, name + '.py'))
    m = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(m)
    return m


def in_cases(cases):
    """Mnemonics of the instructions of cases like those of system.py."""
    return {insn[0] for _, code, _ in cases for insn in code}


def tests():
    """Test: the lines that it covers."""
    vector = module('compare-vector')
    out = {'compare': set(compare.NAMES),
           'compare-vector': {m for m, ln in base.LINES.items() if ln['file'] in vector.FILES},
           'compare-crafted': set(module('compare-crafted').LIST), 'decimals': set(module('decimals').LIST),
           'hfp': set(module('hfp').NAMES), 'msa': {c['mn'] for c in module('msa').CASES}, 'csst': {'csst'}}
    for name in ('system', 'keys', 'fp-traps', 'per', 'dfp-cases', 'control', 'dat', 'access', 'pci'):
        if os.path.exists(os.path.join(HERE, name + '.py')):
            out[name] = in_cases(module(name).CASES)
    return out


def main():
    covered = tests()
    names = set().union(*covered.values())
    assert names <= set(base.LINES), sorted(names - set(base.LINES))
    missing = [m for m in base.LINES if m not in names]
    if '--list' in sys.argv:
        for name, lines in covered.items():
            print(name, len(lines))
    print('1..1')
    print('%s 1 each of %d instruction lines has a test%s' %
          ('not ok' if missing else 'ok', len(base.LINES), ' # none: ' + ' '.join(missing) if missing else ''))
    sys.exit(1 if missing else 0)


if __name__ == '__main__':
    main()
