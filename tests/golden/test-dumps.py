#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-dumps.py BUILDDIR [--update [MACHINE...]]: what released machine types send is what they always sent.

vmstate/MACHINE.json.gz is what -dump-vmstate said of each machine type when it was released: every record, field and
subsection that its stream may hold. This build must say the same: a difference is an incompatible change, unless new state
is behind a property that this machine type switches off, and then it is in no dump. --update writes the files anew, and is
for machine types that were never released.

Then scripts/vmstate-compat is held to what happens: pairs of machines are compared by their dumps, and a stream of
one is loaded by the other. (Differences inside a record: tests/unit/test-compat-verdict.c.) Prints TAP.
"""
import copy
import difflib
import gzip
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

from machines import BRIDGES, CCW, MICROVM, MMIO_1, PC, REST, S390, TESTDEV, VIRTIO, Ferry, make_files, program, run_tests

HERE = os.path.dirname(os.path.abspath(__file__))
COMPAT = os.path.join(HERE, "..", "..", "scripts", "vmstate-compat")
FULL = PC + "-smp 3 -cpu max " + VIRTIO.replace("{suffix}", "") + REST + TESTDEV
S390_FULL = S390 + "-smp 3 " + CCW + TESTDEV
RELEASED = {
    "pc-q35-10.0": FULL + BRIDGES,
    "pc-q35-ferry-1.0": FULL + BRIDGES,
    "pc-i440fx-10.0": FULL,
    "pc-i440fx-ferry-1.0": FULL,
    "microvm": MICROVM + MMIO_1,
    "microvm-ferry-1.0": MICROVM + MMIO_1,
    "s390-ccw-virtio-10.0": S390_FULL,
    "s390-ccw-virtio-ferry-1.0": S390_FULL,
}
# What the version after an older machine type added, switched off by hand.
NO_MARK = "-global migration-testdev.x-mark=off -global migration-testdev.x-late=off "
OLDER = {
    "pc-q35-ferry-0.9": ("pc-q35-ferry-1.0", FULL, NO_MARK + "-global x86_64-cpu.x-migrate-smi-count=off "),
    "pc-i440fx-ferry-0.9": ("pc-i440fx-ferry-1.0", FULL, NO_MARK + "-global x86_64-cpu.x-migrate-smi-count=off "),
    "s390-ccw-virtio-ferry-0.9": ("s390-ccw-virtio-ferry-1.0", S390_FULL,
                                  NO_MARK + "-global s390-flic-qemu.migrate-all-state=off "),
}


def compat():
    """The script as a module: a process for each of many comparisons takes long."""
    loader = importlib.machinery.SourceFileLoader("vmstate_compat", COMPAT)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class Bench:
    def __init__(self, build, directory):
        self.build, self.directory = build, directory
        self.dumps = {}
        self.compat = compat()

    def text(self, machine, options):
        if (machine, options) not in self.dumps:
            path = os.path.join(self.directory, "dump.json")
            done = subprocess.run([program(self.build, machine), "-machine", machine, "-accel", "qtest", "-S",
                                   "-display", "none", *options.format(dir=self.directory).split(),
                                   "-dump-vmstate", path],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
            assert done.returncode == 0, done.stderr
            with open(path, encoding="utf-8") as f:
                self.dumps[machine, options] = f.read()
        return self.dumps[machine, options]

    def dump(self, machine, options):
        return json.loads(self.text(machine, options))

    def report(self, old, new, other_machine=False):
        return self.compat.compare(old, new, other_machine)


# ---- released ----

def golden(machine):
    return os.path.join(HERE, "vmstate", machine + ".json.gz")


def test_released(bench, machine):
    with gzip.open(golden(machine), "rt", encoding="utf-8") as f:
        old = f.read()
    new = bench.text(machine, RELEASED[machine])
    if old != new:
        diff = difflib.unified_diff(old.splitlines(), new.splitlines(), "released", "this build", "", "", 2, "")
        told = bench.report(json.loads(old), json.loads(new)).lines
        assert False, "\n".join(["a stream of then, now:", *told, *list(diff)[:60]])


def test_older(bench, machine):
    """An older machine type is the newer one with all switched off that came later: nothing has been forgotten."""
    newer, options, off = OLDER[machine]
    old, new = bench.dump(machine, options), bench.dump(newer, options + off)
    assert old.pop("vmschkmachine")["Name"] == machine
    assert new.pop("vmschkmachine")["Name"] == newer
    assert old == new, "another state than that of " + newer
    whole = bench.dump(newer, options)
    whole.pop("vmschkmachine")
    assert old != whole, "nothing was added since"


def test_smi_count(bench, machine):
    """The CPU's count of SMIs: not there before the version that added it; a newer machine takes the older's stream."""
    newer, options, _ = OLDER[machine]
    old, new = bench.dump(machine, options), bench.dump(newer, options)
    names = [[s["name"] for s in d["cpu"]["Description"]["Subsections"]] for d in (old, new)]
    assert "cpu/msr_smi_count" not in names[0] and "cpu/msr_smi_count" in names[1], names
    there = bench.report(old, new, True).lines
    back = bench.report(new, old, True).lines
    assert "note: cpu: cpu/msr_smi_count: only the new one has it: takes its default" in there, there
    assert "may be: cpu: cpu/msr_smi_count: refused when it is sent: unknown to the new one" in back, back


def test_changes_are_found(bench, machine):
    """The test of the test: in each section one field grows, one goes, the version falls."""
    whole = bench.dump(machine, RELEASED[machine])
    for name, section in whole.items():
        plain = [f for f in section.get("Description", {}).get("Fields", []) if f["kind"] in ("u8", "u16", "u32", "u64")]
        if not plain:
            continue
        for change in ("size", "gone", "version"):
            other = copy.deepcopy(section)
            fields = other["Description"]["Fields"]
            at = section["Description"]["Fields"].index(plain[-1])
            if change == "size":
                fields[at]["kind"] = "u16" if fields[at]["kind"] != "u16" else "u32"
            elif change == "gone":
                del fields[at]
            else:
                other["version_id"] = -1
            report = bench.report(whole, {**whole, name: other})
            assert report.bad and name in "".join(report.lines), f"{name} {change}: {report.lines}"


# ---- what is said is what happens ----

Q35, V3 = "pc-q35-ferry-1.0", "pc-q35-10.0"
DEVICE = PC + "-device migration-testdev,id=t "
GLOBAL = DEVICE + "-global migration-testdev."
LOADS, FAILS, MAY_FAIL = "loads", "does not load", "loads, unless one of 'may be' is so,"
# sentence: source, destination, verdict, words of the destination (None: it loads), properties of the source's "t"
PAIRS = {
    "the same": ((Q35, DEVICE), (Q35, DEVICE), LOADS, None),
    "another machine type": (("pc-q35-ferry-0.9", PC), (Q35, PC), FAILS, "machine type received is"),
    "a device that is missing": ((Q35, DEVICE), (Q35, PC), FAILS, "unknown section 'migration-testdev'"),
    "a device more": ((Q35, PC), (Q35, DEVICE), FAILS, "section 'migration-testdev' instance 0 is missing"),
    "a device more, version 3": ((V3, PC), (V3, DEVICE), LOADS, None),
    "a CPU less": ((Q35, PC + "-smp 2"), (Q35, PC), FAILS, "there is no such device here"),
    "a CPU more": ((Q35, PC), (Q35, PC + "-smp 2"), FAILS, "instance 1 is missing"),
    "a field that is switched off there": ((Q35, DEVICE), (Q35, GLOBAL + "x-mark=off"), FAILS,
                                           "expected a subsection or the end of 'migration-testdev'"),
    "a field that is switched off here": ((Q35, GLOBAL + "x-mark=off"), (Q35, DEVICE), FAILS,
                                          "expected a subsection or the end of 'migration-testdev'"),
    "a field that is switched off there, version 3": ((V3, DEVICE), (V3, GLOBAL + "x-mark=off"), FAILS,
                                                      "section 'migration-testdev': expected its footer"),
    "a subsection that is switched off there, and not needed": ((Q35, DEVICE), (Q35, GLOBAL + "x-late=off"), MAY_FAIL,
                                                                None),
    "a subsection that is switched off there, and needed": ((Q35, DEVICE), (Q35, GLOBAL + "x-late=off"), MAY_FAIL,
                                                            "unknown subsection 'migration-testdev/late'",
                                                            {"late": 5}),
    "a subsection that is switched off here": ((Q35, GLOBAL + "x-late=off"), (Q35, DEVICE), LOADS, None, {"late": 5}),
    "the lists of pending interruptions, switched off there": (
        ("s390-ccw-virtio-ferry-1.0", S390),
        ("s390-ccw-virtio-ferry-1.0", S390 + "-global s390-flic-qemu.migrate-all-state=off"), MAY_FAIL,
        "section 'qemu-s390-flic' instance 0: unknown subsection 'qemu-s390-flic-full'"),
}


def test_pair(bench, source, destination, verdict, words, properties=None):
    report = bench.report(bench.dump(*source), bench.dump(*destination))
    said = FAILS if report.bad else MAY_FAIL if report.depends else LOADS
    assert said == verdict, "\n".join([f"vmstate-compat says: {said}", *report.lines])
    path = os.path.join(bench.directory, "stream")
    with Ferry(bench.build, bench.directory, source) as ferry:
        for name, value in (properties or {}).items():
            ferry.command("qom-set", path="/machine/peripheral/t", property=name, value=value)
        ferry.save(path)
    with Ferry(bench.build, bench.directory, destination, "-incoming", "defer") as ferry:
        ferry.command("migrate-incoming", **{"uri": f"file:{path}", "exit-on-error": False})
        try:
            ferry.finish()
            assert not words, "it loads"
        except AssertionError as error:
            assert words and words in str(error), f"the destination says: {error}"


def main():
    build = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="ferry-dumps-") as directory:
        make_files(directory)
        bench = Bench(build, directory)
        if sys.argv[2:3] == ["--update"]:
            for machine in sys.argv[3:] or RELEASED:
                with open(golden(machine), "wb") as out:
                    out.write(gzip.compress(bench.text(machine, RELEASED[machine]).encode(), mtime=0))
            return 0
        tests = [("what may be sent is what it was: " + m, test_released, bench, m) for m in RELEASED]
        tests += [(f"is {OLDER[m][0]} without what came later: {m}", test_older, bench, m) for m in OLDER]
        tests += [("has no count of SMIs, and its successor takes that: " + m, test_smi_count, bench, m)
                  for m in OLDER if m.startswith("pc-")]
        tests += [(f"a change of any section is found: {m}", test_changes_are_found, bench, m) for m in RELEASED]
        tests += [("as vmstate-compat says: " + name, test_pair, bench, *row) for name, row in PAIRS.items()]
        return run_tests(tests)


if __name__ == "__main__":
    sys.exit(main())
