#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-handover.py: spin walks every state of handover.pml and finds no error, and finds one in each variant with a fault;
the changes of state that happen in the model are those of the table in migration/status.c, no more and no fewer (TAP)."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "handover.pml")
TABLE = os.path.join(HERE, "..", "..", "migration", "status.c")


def walk(fault):
    """(number of errors, number of states, changes) of the model with one fault, or none. A change is (side, from, to)."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["spin", *([f"-D{fault}"] if fault else []), "-a", MODEL], cwd=directory, check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["cc", "-O1", "-w", "-DSAFETY", "-o", "pan", "pan.c"], cwd=directory, check=True)
        text = subprocess.run(["./pan", "-m100000"], cwd=directory, check=True, stdout=subprocess.PIPE,
                              text=True).stdout
    assert "max search depth too small" not in text, text
    names = dict(re.findall(r"^name (\d+) (\w+)$", text, re.M))
    changes = {(int(side), names[a], names[b])
               for side, a, b in re.findall(r"^change (\d) (\d+) (\d+)$", text, re.M)}
    return int(re.search(r"errors: (\d+)", text)[1]), int(re.search(r"(\d+) states, stored", text)[1]), changes


def table_of(text, name):
    """{(from, to)} of one table of status.c: the rows of the two-phase handover."""
    body = re.search(rf"{name}\[\] = {{(.*?)\n}};", text, re.S)[1]
    rows = re.findall(r"{ MIGRATION_(\w+), MIGRATION_(\w+), (\w+) }", body)
    assert len(rows) == body.count("{"), f"{name}: rows that this test cannot read"
    return {(a.lower(), b.lower()) for a, b, how in rows if how == "ALWAYS"}


def contract(edges, known):
    """Steps through states that the model does not have become one step; what begins or ends with such is left out."""
    edges = set(edges)
    for middle in ("pre_switchover", "cancelling"):
        assert middle not in known
        into = {a for a, b in edges if b == middle}
        out = {b for a, b in edges if a == middle}
        edges |= {(a, b) for a in into for b in out}
    return {(a, b) for a, b in edges if a in known and b in known}


def holds():
    errors, states, _ = walk(None)
    assert errors == 0, f"{errors} errors"
    assert states > 1000, f"only {states} states: the model does not move"


def bites(fault):
    assert walk(fault)[0] > 0, "the fault is not found"


def tables_agree():
    # EVIDENCE: MIG-HAND-006
    with open(MODEL, encoding="utf-8") as f:
        known = set(re.findall(r"m_(\w+)", re.search(r"mtype:status = {([^}]*)}", f.read())[1]))
    with open(TABLE, encoding="utf-8") as f:
        text = f.read()
    _, _, changes = walk(None)
    for side, name in enumerate(("source_edges", "destination_edges")):
        model = {(a, b) for s, a, b in changes if s == side}
        code = contract(table_of(text, name), known)
        assert code, f"{name}: nothing to compare"
        assert model == code, f"{name}: only in the model {model - code}, only in the code {code - model}"


def main():
    with open(MODEL, encoding="utf-8") as f:
        faults = sorted(set(re.findall(r"FAULT_\w+", f.read())))
    tests = [("the handover keeps its promises", holds), ("the changes of state are those of the code", tables_agree)]
    tests += [(f"{fault} is found", lambda fault=fault: bites(fault)) for fault in faults]
    if not shutil.which("spin"):
        print("1..0 # SKIP spin is not installed")
        return 0
    bad = 0
    print(f"1..{len(tests)}")
    for number, (sentence, function) in enumerate(tests, 1):
        try:
            function()
            print(f"ok {number} {sentence}")
        except (AssertionError, subprocess.CalledProcessError) as error:
            bad = 1
            print(f"not ok {number} {sentence}\n# {error}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
