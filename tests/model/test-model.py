#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-model.py: the handover's model holds, and finds each of a few wrong handovers. Prints TAP.

Skips what needs spin where there is none.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SESSION = os.path.join(HERE, "..", "..", "migration", "session.c")
# States outside the handover: before it, while waiting for the operator.
NOT_MODELLED = {"none", "setup", "pre-switchover"}

WRONG = [
    ("a source that resumes when no answer comes", ":: LOST(to_src) -> src = s_handover_lost",
     ":: LOST(to_src) -> source_resumes(s_failed)"),
    ("a destination that runs without GO", "        :: to_dst?GO\n", "        :: true\n"),
    ("a destination that drops its copy when the channel is lost",
     ":: LOST(to_dst) -> dst = s_handover_lost; goto end",
     ":: LOST(to_dst) -> dst = s_failed; dst_whole = false; goto end"),
    ("a source that can be cancelled behind GO", "!go_sent && src_alive -> cancel_asked = true",
     "src_alive -> cancel_asked = true; if :: src == s_handover -> src_runs = true :: else fi"),
    ("a source that ends when the destination fails",
     ":: to_src?ERROR_SHUT -> source_resumes(s_failed); goto end\n        :: LOST",
     ":: to_src?ERROR_SHUT -> src_alive = false; goto end\n        :: LOST"),
]


def model():
    with open(os.path.join(HERE, "handover.pml"), encoding="ascii") as f:
        return f.read()


def verify(text):
    """True when the model holds; with what spin said."""
    with tempfile.TemporaryDirectory(prefix="ferry-model-") as directory:
        with open(os.path.join(directory, "m.pml"), "w", encoding="ascii") as f:
            f.write(text)
        for command in (["spin", "-a", "m.pml"], ["cc", "-O1", "-w", "-DSAFETY", "-o", "pan", "pan.c"],
                        ["./pan"]):
            result = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
            assert result.returncode == 0, f"{command}: {result.stdout}"
    assert re.search(r"errors: \d+", result.stdout), result.stdout
    return "errors: 0" in result.stdout, result.stdout


def test_states():
    with open(SESSION, encoding="utf-8") as f:
        table = re.search(r"status_names\[.*?\] = \{(.*?)\};", f.read(), re.S)[1]
    program = set(re.findall(r'= "([a-z-]+)"', table))
    states = re.search(r"mtype:status = \{(.*?)\}", model(), re.S)[1]
    modelled = {s.strip()[2:].replace("_", "-") for s in states.split(",")}
    assert program == modelled | NOT_MODELLED, f"only one has {program ^ modelled ^ NOT_MODELLED}"


def test_holds():
    good, said = verify(model())
    assert good, said


def test_wrong(right, wrong):
    assert right in model(), f"'{right}' is not in the model"
    good, said = verify(model().replace(right, wrong, 1))
    assert not good, said


def main():
    tests = [("the model's states are the program's", test_states, False),
             ("never two run, and none is lost for good", test_holds, True)]
    tests += [(f"{what} is found", lambda r=r, w=w: test_wrong(r, w), True) for what, r, w in WRONG]
    print(f"1..{len(tests)}")
    bad = 0
    for number, (sentence, function, needs_spin) in enumerate(tests, 1):
        if needs_spin and not shutil.which("spin"):
            print(f"ok {number} {sentence} # SKIP no spin")
            continue
        try:
            function()
            print(f"ok {number} {sentence}", flush=True)
        except AssertionError as error:
            bad = 1
            print(f"not ok {number} {sentence}\n# " + str(error).replace("\n", "\n# "), flush=True)
    return bad


sys.exit(main())
