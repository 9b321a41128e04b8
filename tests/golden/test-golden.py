#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-golden.py BUILDDIR [--update]: what each machine type's stream holds is what it always held.

For each row a machine that never ran is saved, and what stream-explain says of it (every section,
record, field, subsection and value) must be NAME.txt; then NAME.qevm.gz, a stream of an earlier build,
must load, and be the same when saved again. A difference is an incompatible change: give the new state
a subsection that older machine types switch off. --update writes the files anew. Prints TAP.
"""
import difflib
import gzip
import os
import subprocess
import sys
import tempfile

from machines import (BRIDGES, CCW, E1000, E1000E, EDU, FLASH, IOMMU, MEMORY, MICROVM, MMIO, MMIO_1, NVME, PC, REST, S390,
                      S390_REST, SCSI, TESTDEV, USB, VIRTIO, ZPCI, Ferry, make_files, run_tests)

HERE = os.path.dirname(os.path.abspath(__file__))
EXPLAIN = os.path.join(HERE, "..", "..", "scripts", "stream-explain")

ROWS = {}
for machine in ("pc-q35-10.0", "pc-q35-ferry-1.0", "pc-i440fx-10.0", "pc-i440fx-ferry-1.0"):
    ROWS[machine] = (machine, PC)
    ROWS[machine + "-smp"] = (machine, PC + "-smp 3 -cpu max")
    ROWS[machine + "-virtio"] = (machine, PC + VIRTIO.replace("{suffix}", ""))
    if "q35" in machine:
        ROWS[machine + "-bridges"] = (machine, PC + BRIDGES)
        ROWS[machine + "-scsi"] = (machine, PC + SCSI)
        ROWS[machine + "-rest"] = (machine, PC + REST)
        ROWS[machine + "-usb"] = (machine, PC + USB)
        ROWS[machine + "-e1000"] = (machine, PC + E1000)
        ROWS[machine + "-e1000e"] = (machine, PC + E1000E)
        ROWS[machine + "-nvme"] = (machine, PC + NVME)
        ROWS[machine + "-edu"] = (machine, PC + EDU)
        ROWS[machine + "-iommu"] = (machine, PC + IOMMU)
        ROWS[machine + "-testdev"] = (machine, PC + TESTDEV)
        ROWS[machine + "-flash"] = (machine, FLASH)
        ROWS[machine + "-memory"] = (machine, MEMORY)
for machine in ("microvm", "microvm-ferry-1.0"):
    ROWS[machine] = (machine, MICROVM)
    ROWS[machine + "-mmio"] = (machine, MICROVM + MMIO)
    ROWS[machine + "-mmio-1"] = (machine, MICROVM + MMIO_1)
for machine in ("s390-ccw-virtio-10.0", "s390-ccw-virtio-ferry-1.0"):
    ROWS[machine] = (machine, S390)
    ROWS[machine + "-smp"] = (machine, S390 + "-smp 3")
    ROWS[machine + "-virtio"] = (machine, S390 + CCW)
    ROWS[machine + "-rest"] = (machine, S390 + S390_REST)
    if "ferry" in machine:
        ROWS[machine + "-pci"] = (machine, S390 + ZPCI)


def explain(path):
    result = subprocess.run([EXPLAIN, "--golden", path], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def compare(name, should, found):
    diff = "\n".join(list(difflib.unified_diff(should.splitlines(), found.splitlines(), name + ".txt",
                                               "this build", "", "", 2, ""))[:60])
    assert not diff, diff


def read(name, suffix):
    opener = gzip.open if suffix.endswith(".gz") else open
    with opener(os.path.join(HERE, name + suffix), "rb") as f:
        return f.read()


def saved(build, directory, row):
    path = os.path.join(directory, "stream")
    with Ferry(build, directory, row) as ferry:
        ferry.save(path)
    return path


def update(build, directory, name):
    path = saved(build, directory, ROWS[name])
    text, kept = explain(path), os.path.join(HERE, name + ".txt")
    if os.path.exists(kept) and read(name, ".txt").decode() == text:
        return  # the stream of the earlier build goes on proving that old ones load
    with open(kept, "w", encoding="ascii") as out:
        out.write(text)
    with open(path, "rb") as f, open(os.path.join(HERE, name + ".qevm.gz"), "wb") as out:
        out.write(gzip.compress(f.read(), mtime=0))


def test_saved(build, directory, name):
    compare(name, read(name, ".txt").decode(), explain(saved(build, directory, ROWS[name])))


def without_announcements(text):
    """What a build says of itself: early ones did not tell what sections may hold, and later ones have more features."""
    return "".join(line for line in text.splitlines(True) if not line.startswith(("  may hold '", "  CPU features:")))


def test_loaded(build, directory, name):
    path, again = os.path.join(directory, "golden"), os.path.join(directory, "again")
    with open(path, "wb") as out:
        out.write(read(name, ".qevm.gz"))
    should = explain(path)
    with Ferry(build, directory, ROWS[name], "-incoming", "defer") as ferry:
        ferry.command("migrate-incoming", **{"uri": f"file:{path}", "exit-on-error": False})
        ferry.finish()
        ferry.save(again)
    compare(name, without_announcements(should), without_announcements(explain(again)))


def main():
    build = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="ferry-golden-") as directory:
        make_files(directory)
        if sys.argv[2:3] == ["--update"]: # all, or those named
            for name in sys.argv[3:] or ROWS:
                update(build, directory, name)
            return 0
        return run_tests([(f"{words} {name}", function, build, directory, name) for name in ROWS for words, function in
                          (("saved as ever:", test_saved),
                           ("an old stream loads and stays the same:", test_loaded))])


sys.exit(main())
