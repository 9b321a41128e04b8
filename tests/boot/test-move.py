#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-move.py BUILDDIR: moves of a real guest under load, each compared page by page, as TAP."""
import os
import subprocess
import sys

import guest

# EVIDENCE: MIG-WIRE-031, MIG-WIRE-041, MIG-WIRE-042
CASES = [
    ("ten moves in a row lose nothing, whatever was cancelled before", ["--moves", "10"]),
    ("two CPUs that write while pages are read lose nothing", ["--moves", "4", "--smp", "2"]),
    ("a disk loses no request, the network goes on", ["--moves", "4", "--disk", "--net", "--option=-device",
                                                      "--option=virtio-rng-pci", "--option=-device",
                                                      "--option=virtio-balloon-pci"]),
    ("version 3 loses nothing", ["--moves", "4", "--smp", "2", "--disk", "--machine",
                                 "pc-q35-10.0"]),
]


def soak(options):
    result = subprocess.run(
        [os.path.join(guest.TOP, "scripts", "move-soak"), sys.argv[1], "--seed", "7", *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=guest.TIMEOUT * 4, env={**os.environ, "FERRY_GUESTS": guest.GUESTS}, check=False)
    assert result.returncode == 0, result.stdout[-3000:]


guest.fetch()
sys.exit(guest.run_tap([(name, lambda options=options: soak(options))
                        for name, options in CASES]))
