#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-handover.py: spin walks every state of handover.pml and finds no error, and finds one in each variant with a fault;
the model's states are those that query-migrate can show (TAP)."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "handover.pml")
NAMES = os.path.join(HERE, "..", "..", "migration", "session.c")


def walk(fault):
    """(number of errors, number of states) of the model with one fault, or none."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["spin", *([f"-D{fault}"] if fault else []), "-a", MODEL], cwd=directory, check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["cc", "-O1", "-w", "-DSAFETY", "-o", "pan", "pan.c"], cwd=directory, check=True)
        text = subprocess.run(["./pan", "-m100000"], cwd=directory, check=True, stdout=subprocess.PIPE,
                              text=True).stdout
    assert "max search depth too small" not in text, text
    return int(re.search(r"errors: (\d+)", text)[1]), int(re.search(r"(\d+) states, stored", text)[1])


def holds():
    errors, states = walk(None)
    assert errors == 0, f"{errors} errors"
    assert states > 1000, f"only {states} states: the model does not move"


def bites(fault):
    assert walk(fault)[0] > 0, "the fault is not found"


def names_agree():
    with open(MODEL, encoding="utf-8") as f:
        model = set(re.findall(r"m_(\w+)", re.search(r"mtype:status = {([^}]*)}", f.read())[1]))
    with open(NAMES, encoding="utf-8") as f:
        table = {n.replace("-", "_") for n in re.findall(r"\[MIGRATION_\w+\] = \"([^\"]+)\"", f.read())}
    assert model <= table, f"unknown to query-migrate: {model - table}"


def main():
    with open(MODEL, encoding="utf-8") as f:
        faults = sorted(set(re.findall(r"FAULT_\w+", f.read())))
    tests = [("the handover keeps its promises", holds), ("the states are query-migrate's", names_agree)]
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
