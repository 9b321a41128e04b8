#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-hotplug.py BUILDDIR: devices, CPUs and memory come and go under a running guest (TAP)."""
import contextlib
import os
import sys
import tempfile
import time

import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")


class Qmp(guest.Qmp):
    """Events with what they say; commands that must fail."""

    def __init__(self, path):
        self.told = []
        super().__init__(path)

    def receive(self):
        message = super().receive()
        if "event" in message:
            self.told.append(message)
        return message

    def refused(self, command, **arguments):
        """The text of the error that there must be."""
        reply = self.reply(command, **arguments)
        assert "error" in reply, (command, arguments, reply)
        return reply["error"]["desc"]

    def wait_event(self, name, matches):
        while True:
            for event in self.told:
                if event["event"] == name and matches(event.get("data", {})):
                    self.told.remove(event)
                    return
            assert "event" in self.receive(), "a reply to nothing"


class Session:
    """A guest at its shell with virtio modules loaded, and QMP."""

    def __init__(self, directory, *options, arch="x86_64"):
        path = os.path.join(directory, "qmp")
        self.machine = guest.Machine(BUILD, "-nodefaults", "-serial", "stdio", "-qmp",
                                     f"unix:{path},server=on,wait=off", *options,
                                     initrd=guest.initrd_with("true\n", directory, arch),
                                     append="quiet stay", arch=arch)
        self.qmp = Qmp(path)
        self.at = self.machine.wait_for("BOOT-OK " + arch)
        self.count = 0

    def ask(self, command):
        """What @command prints in the guest."""
        self.count += 1
        self.machine.type(f"echo BEGIN-{self.count}-; {command}; echo END-{self.count}-\n")
        # the echo of the typed line has the words too, but not at the start of a line
        start = self.machine.wait_for(f"\nBEGIN-{self.count}-\n", self.at)
        self.at = self.machine.wait_for(f"\nEND-{self.count}-\n", start - 1)
        return self.machine.text()[start:self.at - len(f"\nEND-{self.count}-\n")].strip()

    def wait(self, command, wanted):
        while (got := self.ask(command)) != wanted:
            assert time.monotonic() < self.machine.deadline, (command, got, wanted)
            time.sleep(0.2)

    def deleted(self, name):
        self.qmp.wait_event("DEVICE_DELETED", lambda data: data.get("device") == name)


@contextlib.contextmanager
def session(*options, arch="x86_64"):
    with tempfile.TemporaryDirectory() as directory:
        running = Session(directory, *options, arch=arch)
        with running.machine:
            running.directory = directory
            yield running


def pci(s, bus, rounds=2, **where):
    image = os.path.join(s.directory, "image")
    with open(image, "wb") as file:
        file.write(b"x" * (1 << 20))
    s.wait("ls /sys/block | grep -c vd", "0")
    for round_ in range(rounds):  # a slot can be used again
        node = f"n{round_}"
        s.qmp.run("blockdev-add", **{"driver": "file", "node-name": node, "filename": image})
        s.qmp.run("device_add", driver="virtio-blk-pci", id="disk", drive=node, bus=bus, **where)
        s.wait("cat /sys/block/vda/size 2>/dev/null", "2048")
        s.qmp.run("device_del", id="disk")
        s.deleted("disk")
        s.wait("ls /sys/block | grep -c vd", "0")
        assert "not found" in s.qmp.refused("device_del", id="disk")
        s.qmp.run("blockdev-del", **{"node-name": node})


def test_pci_acpi_pc():
    with session("-machine", "pc", "-device", "pci-bridge,id=b,addr=8,chassis_nr=1") as s:
        pci(s, "pci.0", addr="5")
        pci(s, "b", 1, addr="3")
        assert "does not support hotplugging" in s.qmp.refused("device_add", driver="VGA")


def test_pci_native():
    with session("-device", "pcie-root-port,id=p,chassis=1", "-global",
                 "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off") as s:
        pci(s, "p", 1)  # the button leaves five seconds to think better of it


def cpus(s):
    assert s.ask("nproc") == "1"
    free = [c for c in s.qmp.run("query-hotpluggable-cpus") if "qom-path" not in c]
    assert [c["props"]["socket-id"] for c in free] == [2, 1], free
    for number, cpu in enumerate(reversed(free), 1):
        s.qmp.run("device_add", driver=cpu["type"], id=f"cpu{number}", **cpu["props"])
        s.wait(f"ls -d /sys/devices/system/cpu/cpu{number} 2>/dev/null",
               f"/sys/devices/system/cpu/cpu{number}")
        s.ask(f"echo 1 >/sys/devices/system/cpu/cpu{number}/online")
        s.wait("nproc", str(number + 1))
    assert "exists" in s.qmp.refused("device_add", driver=free[0]["type"], id="again",
                                     **free[0]["props"])
    assert s.ask("taskset 4 sh -c 'echo ran'") == "ran"
    s.qmp.run("device_del", id="cpu1")
    s.deleted("cpu1")
    s.wait("nproc", "2")
    assert [c["cpu-index"] for c in s.qmp.run("query-cpus-fast")] == [0, 2]
    s.qmp.run("device_add", driver=free[1]["type"], id="cpu1", **free[1]["props"])
    s.wait("ls -d /sys/devices/system/cpu/cpu1 2>/dev/null", "/sys/devices/system/cpu/cpu1")
    s.ask("echo 1 >/sys/devices/system/cpu/cpu1/online")
    s.wait("nproc", "3")


ONLINE = ("for m in /sys/devices/system/memory/memory*; do"
          " grep -q offline $m/state && echo online_movable >$m/state; done 2>/dev/null;"
          " awk '/MemTotal/ { print int($2 / 1024 / 64) }' /proc/meminfo")


def memory(s):
    before = int(s.ask(ONLINE))
    s.qmp.run("object-add", **{"qom-type": "memory-backend-ram", "id": "m0",
                                   "size": 256 << 20})
    s.qmp.run("device_add", driver="pc-dimm", id="d0", memdev="m0")
    s.wait(ONLINE, str(before + 4))
    info = s.qmp.run("query-memory-devices")
    assert [i["data"]["id"] for i in info] == ["d0"], info
    assert s.qmp.run("query-memory-size-summary")["plugged-memory"] == 256 << 20
    assert "busy" in s.qmp.refused("device_add", driver="pc-dimm", id="d1", memdev="m0")
    assert "in use" in s.qmp.refused("object-del", id="m0")
    s.qmp.run("device_del", id="d0")
    s.deleted("d0")
    assert s.qmp.run("query-memory-devices") == []
    s.wait(ONLINE, str(before))
    s.qmp.run("object-del", id="m0")


Q35 = ("-machine", "pc-q35-10.0", "-device", "pcie-root-port,id=p,chassis=1",
       "-m", "512,slots=2,maxmem=2G", "-smp", "1,maxcpus=3,sockets=3")


def moved(s):
    """What was plugged in moves to a machine that begins with it, and goes there."""
    online = s.ask("nproc")
    s.qmp.run("object-add", **{"qom-type": "memory-backend-ram", "id": "m0", "size": 256 << 20})
    s.qmp.run("device_add", driver="pc-dimm", id="d0", memdev="m0")
    s.qmp.run("device_add", driver="virtio-rng-pci", id="r0", bus="p")
    cpus_there = [c["props"] for c in s.qmp.run("query-cpus-fast")][1:]
    stream, path = (os.path.join(s.directory, name) for name in ("stream", "qmp2"))
    s.qmp.run("migrate", uri=f"file:{stream}")
    while (info := s.qmp.run("query-migrate"))["status"] not in ("completed", "failed"):
        time.sleep(0.1)
    assert info["status"] == "completed", info
    plugged = ["-object", "memory-backend-ram,id=m0,size=256M", "-device", "pc-dimm,id=d0,memdev=m0",
               "-device", "virtio-rng-pci,id=r0,bus=p"]
    for props in cpus_there:
        plugged += ["-device", f"qemu64-x86_64-cpu,id=c{props['socket-id']}," +
                    ",".join(f"{key}={value}" for key, value in props.items())]
    s.machine.process.kill()
    with guest.Machine(BUILD, "-nodefaults", "-serial", "stdio", "-qmp",
                       f"unix:{path},server=on,wait=off", *Q35, *plugged,
                       "-incoming", f"file:{stream}") as s.machine:
        s.qmp, s.at = Qmp(path), 0
        while s.qmp.run("query-status")["status"] != "running":
            assert time.monotonic() < s.machine.deadline, s.qmp.run("query-migrate")
            time.sleep(0.1)
        assert s.ask("nproc") == online
        for name in ("r0", "d0", "c1"):
            s.qmp.run("device_del", id=name)
            s.deleted(name)
        s.wait("nproc", str(int(online) - 1))


def test_q35():
    with session(*Q35) as s:
        pci(s, "p")
        assert "does not support hotplugging" in s.qmp.refused(
            "device_add", driver="virtio-rng-pci", bus="pcie.0")
        cpus(s)
        memory(s)
        moved(s)


def come_online(s, number):
    """The guest sees the CPU by itself; it is started by hand, as udev would."""
    path = f"/sys/devices/system/cpu/cpu{number}"
    s.wait(f"ls -d {path} 2>/dev/null", path)
    s.ask(f"echo 1 >{path}/online")


def channel_disk(s, node, **where):
    image = os.path.join(s.directory, "image")
    with open(image, "wb") as file:
        file.write(b"x" * (1 << 20))
    s.qmp.run("blockdev-add", **{"driver": "file", "node-name": node, "filename": image})
    s.qmp.run("device_add", driver="virtio-blk-ccw", id="disk", drive=node, **where)


def disk_is_there(s, name):
    s.wait("cat /sys/block/vda/size 2>/dev/null", "2048")
    assert name in s.ask("ls -1 /sys/bus/ccw/devices").split()
    assert s.ask("dd if=/dev/vda bs=4096 2>/dev/null | tr -d x | wc -c") == "0"


def channel_devices(s):
    s.wait("ls -1 /sys/bus/ccw/devices", "0.0.0000\n0.0.0001")
    channel_disk(s, "n0")
    disk_is_there(s, "0.0.0002")
    s.qmp.run("device_del", id="disk")
    s.deleted("disk")
    s.wait("ls -1 /sys/bus/ccw/devices", "0.0.0000\n0.0.0001")
    s.wait("ls /sys/block | grep -c vd", "0")
    s.qmp.run("blockdev-del", **{"node-name": "n0"})


def channel_cpus(s, driver, free):
    assert s.ask("nproc") == "1"
    assert [c["core-id"] for c in free] == [3, 2, 1], free
    s.qmp.run("device_add", driver=driver, id="c2", **free[1])
    come_online(s, 1)  # the guest numbers in the order in which they come
    s.wait("nproc", "2")
    assert s.ask("cat /sys/devices/system/cpu/cpu1/address") == "2"
    assert s.ask("taskset 2 sh -c 'echo ran'") == "ran"
    for props, words in (({"core-id": 2}, "it already exists"), ({"core-id": 4}, "maximum core-id: 3"),
                         ({"core-id": 1, "vx": False}, "other features")):
        assert words in s.qmp.refused("device_add", driver=driver, id="no", **props)
    assert "expected cpu type" in s.qmp.refused("device_add", driver="max-s390x-cpu", **free[2])
    assert "hot unplug not supported" in s.qmp.refused("device_del", id="c2")


def s390x(machine):
    driver, options = "qemu-s390x-cpu", ("-machine", machine, "-smp", "1,maxcpus=4")
    with session(*options, "-device", "virtio-rng-ccw,id=r0", "-device", "virtio-net-ccw", arch="s390x") as s:
        free = [c["props"] for c in s.qmp.run("query-hotpluggable-cpus") if "qom-path" not in c]
        channel_cpus(s, driver, free)
        channel_devices(s)
        # to a machine that begins with what came; what comes and goes meanwhile is told of there
        s.qmp.run("stop")
        s.qmp.run("device_add", driver=driver, id="c1", **free[2])
        channel_disk(s, "n1", devno="fe.0.0042")
        s.qmp.run("device_del", id="r0")
        s.deleted("r0")
        stream, path = (os.path.join(s.directory, name) for name in ("stream", "qmp2"))
        s.qmp.run("migrate", uri=f"file:{stream}")
        s.qmp.wait("query-migrate", lambda info: info["status"] in ("completed", "failed"))
        assert s.qmp.run("query-migrate")["status"] == "completed", s.qmp.run("query-migrate")
        s.machine.process.kill()
        with guest.Machine(BUILD, "-nodefaults", "-serial", "stdio", "-qmp", f"unix:{path},server=on,wait=off", *options,
                           "-device", f"{driver},id=c2,core-id=2", "-device", f"{driver},id=c1,core-id=1",
                           "-blockdev", f"file,node-name=n1,filename={s.directory}/image",
                           "-device", "virtio-blk-ccw,id=disk,drive=n1,devno=fe.0.0042",
                           "-device", "virtio-net-ccw,devno=fe.0.0001",
                           "-incoming", f"file:{stream}", arch="s390x") as s.machine:
            s.qmp, s.at = Qmp(path), 0
            s.qmp.wait("query-status", lambda info: info["status"] != "inmigrate")
            s.qmp.run("cont")
            disk_is_there(s, "0.0.0042")
            s.wait("ls -1 /sys/bus/ccw/devices", "0.0.0001\n0.0.0042")
            s.qmp.run("device_del", id="disk")
            s.deleted("disk")
            s.wait("ls -1 /sys/bus/ccw/devices", "0.0.0001")
            come_online(s, 2)
            s.wait("nproc", "3")
            s.qmp.run("device_add", driver=driver, id="c3", **free[0])
            come_online(s, 3)
            s.wait("nproc", "4")


def test_s390x():
    for machine in ("s390-ccw-virtio-10.0", "s390-ccw-virtio-ferry-1.0"):
        s390x(machine)


def main():
    guest.fetch("x86_64", "s390x")
    return guest.run_tap([
        ("a disk comes and goes on pc, also behind a bridge", test_pci_acpi_pc),
        ("a disk, CPUs and memory come and go on q35, also after a move", test_q35),
        ("CPUs and channel devices come on s390x and the latter go, also in a move of either version", test_s390x),
        ("a disk comes and goes at a port that has its own hotplug", test_pci_native),
    ])


sys.exit(main())
