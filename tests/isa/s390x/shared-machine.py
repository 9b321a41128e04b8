#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""shared-machine.py FERRY: what a guest of the machine type that others have, too, must not find, since it would use it
where it moves. Prints TAP. Cases as in system.py."""
from system import i, load, main

SPECIFICATION = 6
CASES = [
    ("DIAGNOSE of time", [i("diag", r1=0, r3=0, d2=0x44)], dict(pgm=SPECIFICATION)),
    ("... of time for another CPU", [load(4, 1), i("diag", r1=4, r3=0, d2=0x9c)], dict(pgm=SPECIFICATION)),
    ("the access-register mode", [i("stosm", d1=0x858, i2=0), i("sacf", d2=0x200)], dict(pgm=SPECIFICATION)),
]

main(CASES, "-machine", "s390-ccw-virtio-10.0")
