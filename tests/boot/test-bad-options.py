#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-bad-options.py BUILDDIR: what a user may get wrong gives exit status 1 and one clear line
that names the thing, before anything starts (TAP)."""
import os
import subprocess
import sys
import tempfile

import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")

# sentence, options ({kernel}, {short}, {big}, {dir} are files made below), words of the message
CASES = [
    ("an unknown option is named", ["-nonsense"], ["-nonsense"]),
    ("a network card without a backend is named", ["-net", "nic,model=e1000"], ["-net", "model=e1000", "-net user"]),
    ("two cards in a row are refused", ["-net", "nic", "-net", "nic"], ["-net", "-nic"]),
    ("a wrong property of a card in two halves is named", ["-net", "nic,colour=blue", "-net", "user"], ["colour"]),
    ("an option that is not here says what is", ["-watchdog", "i6300esb"], ["-watchdog", "-device i6300esb"]),
    ("an option without its value is named", ["-m"], ["-m"]),
    ("an unknown machine is named", ["-machine", "pdp11"], ["pdp11"]),
    ("an unknown CPU is named", ["-machine", "q35", "-cpu", "z80"], ["z80"]),
    ("an unknown CPU feature is named", ["-machine", "q35", "-cpu", "max,telepathy=on"],
     ["telepathy"]),
    ("an unknown device is named", ["-machine", "q35", "-device", "flux-capacitor"],
     ["flux-capacitor"]),
    ("an unknown property of a device is named",
     ["-machine", "q35", "-device", "virtio-rng-pci,colour=blue"], ["colour"]),
    ("a wrong type of a device's property is named",
     ["-machine", "q35", "-device", "virtio-rng-pci,addr=sideways"], ["addr"]),
    ("a missing drive is named", ["-machine", "q35", "-device", "virtio-blk-pci,drive=nodrive"],
     ["nodrive"]),
    ("an unknown property of the machine is named", ["-machine", "q35,wheels=4"], ["wheels"]),
    ("a size that is no size is named", ["-m", "lots"], ["lots"]),
    ("no CPUs at all are refused", ["-smp", "0"], []),
    ("too many CPUs are refused", ["-machine", "q35", "-smp", "100000"], ["100000"]),
    ("a broken topology is refused", ["-smp", "4,sockets=3"], ["sockets"]),
    ("a missing kernel is named", ["-machine", "q35", "-kernel", "/nonexistent/vmlinuz"],
     ["/nonexistent/vmlinuz"]),
    ("a kernel for a machine without one is refused", ["-machine", "none", "-kernel", "{kernel}"],
     ["-kernel", "none"]),
    ("a device tree for a machine without one is refused",
     ["-machine", "q35", "-kernel", "{kernel}", "-dtb", "{short}"], ["-dtb"]),
    ("a missing initrd is named",
     ["-machine", "q35", "-kernel", "{kernel}", "-initrd", "/nonexistent/initrd"],
     ["/nonexistent/initrd"]),
    ("a truncated kernel is named", ["-machine", "q35", "-kernel", "{short}"], ["{short}"]),
    ("a directory is no kernel", ["-machine", "q35", "-kernel", "{dir}"], ["{dir}"]),
    ("an initrd larger than memory is named",
     ["-machine", "q35", "-m", "128", "-kernel", "{kernel}", "-initrd", "{big}"], ["{big}"]),
    ("a missing disk image is named",
     ["-machine", "q35", "-drive", "file=/nonexistent/disk,if=none,id=d,format=raw"],
     ["/nonexistent/disk"]),
    ("an unknown netdev kind is named", ["-machine", "q35", "-netdev", "pigeon,id=n"], ["pigeon"]),
    ("an unknown chardev kind is named", ["-machine", "q35", "-chardev", "drum,id=c"], ["drum"]),
    ("an unknown object is named", ["-machine", "q35", "-object", "boulder,id=o"], ["boulder"]),
    ("JSON that is none is refused", ["-machine", "q35", "-device", "{{broken"], []),
    ("an unknown log item is named", ["-d", "gossip"], ["-d", "gossip"]),
    ("an unknown accelerator is named", ["-accel", "warp"], ["-accel", "warp"]),
    ("an unknown value of an accelerator is named", ["-accel", "tcg,thread=some"], ["some"]),
    ("counted instructions of an odd length are refused", ["-icount", "shift=11"], ["11"]),
    ("a guest that waits for real time must know how to wait",
     ["-icount", "shift=2,align=on,sleep=off"], ["align=on", "sleep=off"]),
    ("CPUs whose instructions are counted do not run at a time",
     ["-accel", "tcg,thread=multi", "-icount", "2"], ["thread=multi"]),
    ("a global without a value is named", ["-global", "driver=a,property=b"],
     ["-global", "driver=a,property=b"]),
    ("a wrong value of a global is named",
     ["-global", "virtio-rng-pci.max-bytes=zz", "-device", "virtio-rng-pci"], ["max-bytes", "zz"]),
    ("a file that cannot be given to firmware is named",
     ["-fw_cfg", "name=opt/a,file=/nonexistent/blob"], ["-fw_cfg", "/nonexistent/blob"]),
    ("a firmware file without contents is named", ["-fw_cfg", "name=opt/a"], ["-fw_cfg", "string"]),
    ("an unknown interrupt chip mode is named", ["-machine", "q35,kernel-irqchip=some"],
     ["kernel-irqchip", "some"]),
    ("an empty CPU model is refused", ["-cpu", ""], ["-cpu"]),
    ("a CPU feature without a name is refused", ["-cpu", "max,+"], ["-cpu", "+"]),
    ("a missing memory backend is named", ["-machine", "memory-backend=nope"], ["nope"]),
    ("a boot device that is none is named", ["-boot", "order=cz"], ["-boot", "order=cz"]),
    ("a sandbox that is neither on nor off is refused", ["-sandbox", "maybe"],
     ["-sandbox", "maybe"]),
    ("a log file that cannot be written is named", ["-D", "/nonexistent/log", "-d", "int"],
     ["-D", "/nonexistent/log"]),
    ("a pid file that cannot be written is named", ["-pidfile", "/nonexistent/pid"],
     ["/nonexistent/pid"]),
    ("a secret that needs a key is refused", ["-object", "secret,id=s,data=YQ==,keyid=k"],
     ["keyid"]),
    ("a secret without contents is refused", ["-object", "secret,id=s"], ["data", "file"]),
    ("help for an unknown object is refused", ["-object", "boulder,help"], ["boulder"]),
]


# What the machine is to have and this build lacks, and the guest starts without: sentence, options, warnings.
LACKS = "warning: TCG doesn't support requested feature: "
WARNINGS = [
    ("a machine that lacks nothing says nothing", ["-cpu", "max"], []),
    ("features of the CPU that are lacking are said at the start", ["-cpu", "Haswell"],
     [LACKS + "CPUID.07H:EBX.hle [bit 4]", LACKS + "CPUID.07H:EBX.rtm [bit 11]"]),
    ("missed ticks that will not be made good are said at the start", ["-rtc", "driftfix=slew"],
     ["warning: mc146818rtc: lost_tick_policy=slew has no effect, missed ticks of the clock are not made good here"]),
]


def make_files(directory):
    files = {"dir": directory, "kernel": guest.guest_file("vmlinux-amd64")}
    with open(files["kernel"], "rb") as f:
        start = f.read(20000)
    for name, size, data in (("short", None, start), ("big", 80 << 20, b"")):
        files[name] = os.path.join(directory, name)
        with open(files[name], "wb") as f:
            f.write(data)
            if size:
                f.truncate(size)
    return files


def check(options, words, files):
    options = [option.format(**files) for option in options]
    try:
        result = subprocess.run(
            [os.path.join(BUILD, "ferry-system-x86_64"), "-nographic", "-monitor", "none", *options],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
            timeout=guest.TIMEOUT)
    except subprocess.TimeoutExpired:
        raise AssertionError("it started, and ran until the time was up") from None
    told = f"exit status {result.returncode}, said:\n{result.stderr[-1500:]}"
    assert result.returncode == 1, told
    lines = [line for line in result.stderr.split("\n") if line and "warning:" not in line]
    assert len(lines) == 1, "not one line; " + told
    for word in words:
        assert word.format(**files) in lines[0], f"'{word.format(**files)}' is not named; {told}"


def check_warnings(options, lines, files):
    result = subprocess.run(
        [os.path.join(BUILD, "ferry-system-x86_64"), "-machine", "q35", "-nographic", "-monitor", "none", *options,
         "-dump-vmstate", os.path.join(files["dir"], "dump")],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
        timeout=guest.TIMEOUT)
    assert result.returncode == 0, result.stderr
    said = [line.split(": ", 1)[1] for line in result.stderr.splitlines()]
    assert said == lines, f"said: {said}"


def main():
    guest.fetch()
    with tempfile.TemporaryDirectory() as directory:
        files = make_files(directory)
        return guest.run_tap([
            (sentence, lambda o=options, w=words: check(o, w, files))
            for sentence, options, words in CASES] + [
            (sentence, lambda o=options, l=lines: check_warnings(o, l, files))
            for sentence, options, lines in WARNINGS])


sys.exit(main())
