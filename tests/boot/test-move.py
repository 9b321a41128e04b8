#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-move.py BUILDDIR: moves of a real guest under load, each compared page by page, as TAP."""
import os
import resource
import subprocess
import sys
import tempfile

import guest

S390X = ["--arch", "s390x", "--checker", "shell"]

# EVIDENCE: MIG-WIRE-031, MIG-WIRE-041, MIG-WIRE-042
CASES = [
    ("ten moves in a row lose nothing, whatever was cancelled before", ["--moves", "10"]),
    ("two CPUs that write while pages are read lose nothing", ["--moves", "4", "--smp", "2"]),
    ("a disk loses no request, the network goes on", ["--moves", "4", "--disk", "--net", "--option=-device",
                                                      "--option=virtio-rng-pci", "--option=-device",
                                                      "--option=virtio-balloon-pci"]),
    ("an NVMe disk loses no request", ["--moves", "3", "--smp", "2", "--disk", "nvme"]),
    ("version 3 loses nothing", ["--moves", "4", "--smp", "2", "--disk", "--machine",
                                 "pc-q35-10.0"]),
    ("s390x loses nothing there and back", [*S390X, "--moves", "2", "--smp", "2", "--disk", "--net"]),
    ("... nor in version 3", [*S390X, "--moves", "1", "--disk", "--machine", "s390-ccw-virtio-10.0"]),
]


def soak(options):
    result = subprocess.run(
        [os.path.join(guest.TOP, "scripts", "move-soak"), sys.argv[1], "--seed", "7", *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=guest.TIMEOUT * 4, env={**os.environ, "FERRY_GUESTS": guest.GUESTS}, check=False)
    assert result.returncode == 0, result.stdout[-3000:]


def wait_status(qmp, command, *wanted):
    qmp.wait(command, lambda answer: answer.get("status") in wanted)


def parked():
    """Requests that failed on the one host, and wait, are done on the other."""
    with tempfile.TemporaryDirectory(prefix="ferry-parked-") as directory:
        disk, uri = os.path.join(directory, "disk"), f"unix:{directory}/move"
        with open(disk, "wb") as f:
            f.truncate(16 << 20)
        initrd = guest.initrd_with(
            "dd if=/dev/urandom of=/tmp/data bs=64k count=8 2>/dev/null\n"
            "echo READY; dd if=/tmp/data of=/dev/vda bs=64k seek=128 oflag=direct 2>/dev/null\n"
            "echo 3 >/proc/sys/vm/drop_caches\n"
            "dd if=/dev/vda bs=64k skip=128 count=8 2>/dev/null | cmp - /tmp/data && echo SAME\n",
            directory)

        def options(name):
            return ["-drive", f"file={disk},if=none,id=d,format=raw,cache=none,werror=stop", "-device",
                    "virtio-blk-pci,drive=d", "-qmp", f"unix:{directory}/{name},server=on,wait=off"]

        with guest.Machine(sys.argv[1], *options("a"), initrd=initrd) as a:
            qa = guest.Qmp(f"{directory}/a")
            resource.prlimit(a.process.pid, resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
            a.wait_for("READY")
            wait_status(qa, "query-status", "io-error")
            with guest.Machine(sys.argv[1], *options("b"), "-incoming", "defer", initrd=initrd) as b:
                qb = guest.Qmp(f"{directory}/b")
                qb.run("migrate-incoming", uri=uri)
                qa.run("migrate", uri=uri)
                wait_status(qa, "query-migrate", "completed")
                wait_status(qb, "query-status", "io-error", "paused")
                a.process.kill()
                qb.run("cont")
                b.wait_for("SAME")


guest.fetch("x86_64", "s390x")
sys.exit(guest.run_tap([(name, lambda options=options: soak(options)) for name, options in CASES]
                       + [("requests that an error parked are done at the destination", parked)]))
