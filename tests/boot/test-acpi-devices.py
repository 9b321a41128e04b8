#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-acpi-devices.py BUILDDIR: a real guest finds NVDIMMs and a generation id through its ACPI tables: what it writes
is in the file of the module, a plugged module appears, and after a move it is told of a new generation (TAP)."""
import os
import sys
import tempfile

import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")
SIZE = 32 << 20
SCRIPT = """
echo "GENID $(cat /sys/bus/acpi/devices/QEMUVGID:00/status)"
echo "PMEM $(cat /sys/block/pmem0/size)"
echo written-by-the-guest | dd of=/dev/pmem0 bs=4096 seek=5 conv=sync,fsync 2>/dev/null
echo WRITTEN
while [ ! -e /dev/pmem1 ]; do usleep 50000; done
echo "PLUGGED $(cat /sys/block/pmem1/size) $(dd if=/dev/pmem1 bs=4096 count=1 2>/dev/null | head -c 6)"
events() { read -r n rest </sys/firmware/acpi/interrupts/gpe05; echo $n; } # this kernel has no driver to see it in
while [ "$(events)" = 0 ]; do usleep 50000; done
echo "FORKED $(events)"
echo "STILL $(dd if=/dev/pmem0 bs=4096 skip=5 count=1 2>/dev/null | head -c 20)"
"""
FINAL = ("completed", "failed", "cancelled")


def options(directory, name, machine):
    more = [] if name == "a" else ["-incoming", "defer"]
    return ["-machine", machine + ",nvdimm=on", "-m", "256M,slots=4,maxmem=4G", "-device", "vmgenid",
            "-object", f"memory-backend-file,id=m0,share=on,mem-path={directory}/m0,size={SIZE}",
            "-device", "nvdimm,memdev=m0,id=n0",
            "-object", f"memory-backend-file,id=m1,share=on,mem-path={directory}/m1,size={SIZE}",
            "-qmp", f"unix:{directory}/{name}.qmp,server=on,wait=off", *more]


def check(machine):
    with tempfile.TemporaryDirectory(prefix="ferry-acpi-devices-") as directory:
        for name, text in (("m0", b""), ("m1", b"before")):
            with open(os.path.join(directory, name), "wb") as f:
                f.write(text)
                f.truncate(SIZE)
        initrd = guest.initrd_with(SCRIPT, directory, parts=guest.WITH_BOARDS)
        a = guest.Machine(BUILD, *options(directory, "a", machine), initrd=initrd)
        with a:
            qmp = guest.Qmp(os.path.join(directory, "a.qmp"))
            a.wait_for("GENID 15")
            a.wait_for(f"PMEM {SIZE // 512}")
            a.wait_for("WRITTEN")
            with open(os.path.join(directory, "m0"), "rb") as f:
                f.seek(5 * 4096)
                assert f.read(20) == b"written-by-the-guest"
            qmp.run("device_add", driver="nvdimm", memdev="m1", id="n1")
            a.wait_for(f"PLUGGED {SIZE // 512} before")
            move(qmp, directory, machine, initrd)


def move(qmp, directory, machine, initrd):
    b = guest.Machine(BUILD, *options(directory, "b", machine), "-device", "nvdimm,memdev=m1,id=n1",
                      initrd=initrd)
    with b:
        there = guest.Qmp(os.path.join(directory, "b.qmp"))
        uri = f"unix:{directory}/move"
        there.run("migrate-incoming", uri=uri)
        qmp.run("migrate", uri=uri)
        info = qmp.wait("query-migrate", lambda r: r.get("status") in FINAL)
        assert info["status"] == "completed", info
        b.wait_for("FORKED 1")
        b.wait_for("STILL written-by-the-guest")
        assert b.finish()[0] == 0


def main():
    guest.fetch()
    return guest.run_tap([(f"NVDIMMs and a generation id on {machine}", lambda m=machine: check(m))
                          for machine in ("q35", "pc")[:2 if os.environ.get("FERRY_LONG") else 1]])


sys.exit(main())
