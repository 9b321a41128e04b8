#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""stream-explain on manifests made up here: what they hold is said, and damage is named by its place (TAP)."""
import os
import struct
import subprocess
import sys
import tempfile

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "stream-explain")


def name(text):
    return bytes([len(text)]) + text.encode()


def manifest(flags, *subsections):
    """Of one section, no RAM and no CPU features."""
    out = bytes([9, flags]) + struct.pack(">III", 4096, 0, 1) + name("dev") + struct.pack(">III", 7, 2, 0)
    if flags & 4:
        out += struct.pack(">I", len(subsections)) + b"".join(subsections)
    return out


def subsection(section, idle):
    return struct.pack(">I", section) + name("dev/a") + struct.pack(">IB", 1, idle)


# sentence, item, exit status, words
CASES = [
    ("a manifest of an early build", manifest(0), 0, "section 'dev' instance 7, version 2"),
    ("a preflight", manifest(1), 0, "manifest of a preflight"),
    ("a subsection", manifest(4, subsection(0, 0)), 0, "may hold 'dev/a' version 1: 'dev' instance 7"),
    ("an idle subsection", manifest(4, subsection(0, 1)), 0, "may hold 'dev/a' version 1, idle: 'dev' instance 7"),
    ("a subsection of no section", manifest(4, subsection(1, 0)), 1,
     "byte 42: subsection 'dev/a' is of section 1, 1 are listed"),
    ("a list that ends too early", manifest(4, subsection(0, 0))[:-1], 1, "the data ends inside a subsection"),
]


def explain(item):
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"QEVM" + struct.pack(">I", 4))
        for payload in (item, b"\0"):
            f.write(struct.pack(">II", 1 << 31 | len(payload), 0) + payload)
        f.flush()
        done = subprocess.run([TOOL, "--no-verify", f.name], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    bad = 0
    print(f"1..{len(CASES)}")
    for number, (sentence, item, status, words) in enumerate(CASES, 1):
        got, text = explain(item)
        good = got == status and words in text and "Traceback" not in text
        bad += not good
        print(f"{'ok' if good else 'not ok'} {number} {sentence}")
        if not good:
            print("# " + text.replace("\n", "\n# "))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
