#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-microvm.py BUILDDIR: a real guest on the microvm board: without ACPI, with a disk and a network card on
memory-mapped transports, behind a generic PCI host, through firmware, and while it moves (TAP)."""
import os
import sys
import tempfile

import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")
LONG = os.environ.get("FERRY_LONG")
# With ACPI and no PM timer the kernel has nothing to measure the TSC with.
TSC = "quiet tsc_early_khz=1000000"
DEVICES = ["-drive", "file={dir}/disk,if=none,id=d,format=raw,cache=none", "-device", "virtio-blk-device,drive=d",
           "-netdev", "user,id=n", "-device", "virtio-net-device,netdev=n", "-device", "virtio-rng-device"]
SCRIPT = """
echo "DISK $(dd if=/dev/vda bs=512 count=1 2>/dev/null | head -c 5)"
dd if=/dev/zero bs=4096 count=1 2>/dev/null | tr '\\0' 'w' | dd of=/dev/vda seek=9 bs=4096 oflag=direct 2>/dev/null
ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0
ping -c 1 -W 60 10.0.2.2 >/dev/null && echo PINGED
echo "RNG $(head -c 16 /dev/hwrng | wc -c)"
"""
LOAD = """
(while true; do dd if=/dev/zero of=/dev/vda bs=64k count=32 oflag=direct 2>/dev/null; done) &
i=0; while true; do i=$((i+1)); echo COUNT $i; usleep 20000; done
"""
FINAL = ("completed", "failed", "cancelled")


def run(machine, script, append, *options, parts=guest.WITH_BOARDS):
    with tempfile.TemporaryDirectory(prefix="ferry-microvm-") as directory:
        disk = os.path.join(directory, "disk")
        with open(disk, "wb") as f:
            f.write(b"front")
            f.truncate(4 << 20)
        initrd = guest.initrd_with(script, directory, parts=parts)
        with guest.Machine(BUILD, *machine, *[o.format(dir=directory) for o in options], initrd=initrd,
                           append=append) as vm:
            status, text = vm.finish()
        with open(disk, "rb") as f:
            f.seek(9 * 4096)
            return status, text, f.read(4096)


def check_devices(text, written):
    for words in ("BOOT-OK x86_64", "DISK front", "PINGED", "RNG 16"):
        assert words in text, f"no '{words}'\n{text[-2000:]}"
    assert written == b"w" * 4096


def without_acpi():
    status, text, _ = run(["-machine", "microvm,acpi=off", "-nic", "none"], "cat /proc/cmdline; reboot -f\n",
                          "quiet reboot=t",
                          "-device", "virtio-rng-device", parts=("initrd", "modules"))
    assert "BOOT-OK x86_64" in text and "virtio_mmio.device=512@0xfeb00e00:12" in text, text[-2000:]
    assert status == 0, text[-2000:]  # there is nothing to power off with, but a triple fault resets


def with_devices(*more):
    status, text, written = run(["-machine", "microvm", "-smp", "2", *more, "-nic", "none"], SCRIPT, TSC, *DEVICES)
    check_devices(text, written)
    assert status == 0, text[-2000:]


def behind_pci():
    script = "echo \"FOUND $(cat /sys/bus/pci/devices/0000:00:02.0/vendor)\"\nhead -c 4 /dev/hwrng >/dev/null && echo DREW\n"
    status, text, _ = run(["-machine", "microvm,pcie=on", "-nic", "none"], script, TSC,
                          "-device", "virtio-rng-pci,addr=2")
    assert "FOUND 0x1af4" in text and "DREW" in text and status == 0, text[-2000:]


def through_firmware():
    for name, machine in (("/usr/share/seabios/bios-microvm.bin", "microvm"), ("/usr/share/qemu/qboot.rom", "microvm,acpi=off")):
        if os.path.exists(name):
            status, text, _ = run(["-machine", machine, "-bios", name, "-nic", "none"], "echo STARTED\n",
                                  "console=ttyS0 " + TSC, parts=("initrd", "modules"))
            assert "STARTED" in text, f"{name}: {text[-2000:]}"


def moves():
    with tempfile.TemporaryDirectory(prefix="ferry-microvm-") as directory:
        with open(os.path.join(directory, "disk"), "wb") as f:
            f.truncate(4 << 20)
        initrd = guest.initrd_with(LOAD, directory, parts=guest.WITH_BOARDS)
        text, vm = "", None
        for number in range(4 if LONG else 2):
            options = ["-machine", "microvm-ferry-1.0", "-nic", "none", *[o.format(dir=directory) for o in DEVICES],
                       "-qmp", f"unix:{directory}/{number}.qmp,server=on,wait=off"]
            new = guest.Machine(BUILD, *options, *(["-incoming", "defer"] if vm else []), initrd=initrd, append=TSC)
            qmp = guest.Qmp(f"{directory}/{number}.qmp")
            if vm:
                uri = f"unix:{directory}/move{number}"
                qmp.run("migrate-incoming", uri=uri)
                before.run("migrate", uri=uri)
                info = before.wait("query-migrate", lambda r: r.get("status") in FINAL)
                assert info["status"] == "completed", info
                vm.process.kill()
                vm.process.wait()
                vm.reader.join(10)
                text += vm.text().replace("\n[end]\n", "")
                vm.__exit__()
            vm, before = new, qmp
            at = vm.wait_for("COUNT")
            for _ in range(20):
                at = vm.wait_for("COUNT", at)
        vm.__exit__()
        text += vm.text()
    counts = [int(line.split()[1]) for line in text.split("\n") if line.startswith("COUNT ") and line[6:].isdigit()]
    steps = {b - a for a, b in zip(counts, counts[1:])}
    assert steps <= {1, 2}, steps  # a line that was cut in two at a move is not counted


def main():
    guest.fetch()
    tests = [
        ("a kernel starts without ACPI, and its command line names the transports", without_acpi),
        ("disk, network and random numbers on memory-mapped transports", with_devices),
        ("moves under load lose nothing", moves),
    ]
    if LONG:
        tests += [
            ("the same with registers of version 2",
             lambda: with_devices("-global", "virtio-mmio.force-legacy=off")),
            ("a PCI function behind the generic host", behind_pci),
            ("firmware starts a kernel", through_firmware),
        ]
    return guest.run_tap(tests)


sys.exit(main())
