#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""watchdog.py FERRY: DIAGNOSE 288: what it takes and refuses, and that the watchdog runs out when nobody winds
it. Prints TAP. Cases as in system.py.
"""
import os
import shutil
import struct
import sys
import tempfile

from programs import enc
from system import Machine, i, load, main

REFUSED = dict(pgm=6)


def wind(function, seconds, action=0, r1=6):
    return [load(6, function), load(7, seconds), load(8, action), i("diag", r1=r1, r3=0, b2=0, d2=0x288)]


CASES = [
    ("it is not wound before it is started", wind(1, 30), REFUSED),
    ("... nor stopped", wind(2, 0), REFUSED),
    ("less than 15 seconds", wind(0, 14), REFUSED),
    ("more than a timer can hold", wind(0, 0x80000000), REFUSED),
    ("an action that is none", wind(0, 15, 1), REFUSED),
    ("an odd register", wind(0, 15, r1=7), REFUSED),
    ("a function that is none", wind(3, 15), REFUSED),
    ("it is started", wind(0, 15), {}),
    ("... wound", wind(1, 100), {}),
    ("... stopped", wind(2, 0), {}),
    ("... once", wind(2, 0), REFUSED),
]

# Starts it and waits, enabled for interruptions that never come.
CODE = b"".join(enc(mnemonic, **fields) for mnemonic, fields in wind(0, 15)) + enc("lpswe", b2=0, d2=0x800)


def kernel(path):
    data = bytearray(0x20000)
    data[0x10000:0x10006] = enc("brcl", m1=15, ri2=0x1000)
    data[0x10008:0x1000e] = b"S390EP"
    data[0x11000:0x11000 + len(CODE)] = CODE
    data[0x800:0x810] = struct.pack(">QQ", 0x0302000180000000, 0)
    with open(path, "wb") as out:
        out.write(data)


def expiry(ferry):
    """Virtual time goes on at once while the CPU waits."""
    with tempfile.TemporaryDirectory(prefix="ferry-watchdog-") as directory:
        path = os.path.join(directory, "kernel")
        kernel(path)
        with Machine(ferry, directory, "qmp", "-icount", "1,sleep=off", "-device", "diag288", "-action", "watchdog=pause",
                     "-kernel", path, "-S") as machine:
            machine.command("cont")  # nobody is told of events before
            assert machine.wait_event("WATCHDOG") == {"action": "pause"}, machine.events
            machine.wait_event("STOP")
            assert machine.command("query-status")["status"] == "watchdog"


if __name__ == "__main__":
    expiry(shutil.which(sys.argv[1]) or os.path.abspath(sys.argv[1]))
    main(CASES, "-device", "diag288")
