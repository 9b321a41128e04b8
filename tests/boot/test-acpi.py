#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-acpi.py BUILDDIR: ACPI tables as the guest gets them: iasl accepts each without a warning, the
user's tables are among them, and tables that grow while memory is on its way stop the move (TAP)."""
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")
FERRY = os.path.join(BUILD, "ferry-system-x86_64")
STEP = 128 << 10  # the tables' block grows in these


class Qtest:
    """A machine without CPUs whose fw_cfg files are read by DMA."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [FERRY, "-accel", "qtest", "-qtest", "stdio", "-display", "none", "-nodefaults", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def command(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        while True:
            reply = self.process.stdout.readline()
            assert reply and not reply.startswith("FAIL"), (line, reply)
            if reply.startswith("OK"):
                return reply.split()[1:]

    def read_item(self, key, size):
        block = struct.pack(">IIQ", key << 16 | 0x0a, size, 0x100000)
        self.command(f"write 0x8000 16 0x{block.hex()}")
        self.command("outl 0x514 0")
        self.command("outl 0x518 0x00800000")
        data = b""
        for at in range(0, size, 0x4000):
            length = min(0x4000, size - at)
            data += bytes.fromhex(self.command(f"read 0x{0x100000 + at:x} {length}")[0][2:])
        return data

    def file(self, name):
        count = struct.unpack(">I", self.read_item(0x19, 4))[0]
        entries = self.read_item(0x19, 4 + 64 * count)
        for i in range(count):
            entry = entries[4 + 64 * i:68 + 64 * i]
            if entry[8:].split(b"\0")[0].decode() == name:
                size, key = struct.unpack(">IH", entry[:6])
                self.read_item(key, 4)  # the first selection builds the tables again
                return self.read_item(key, size)
        raise AssertionError(f"no fw_cfg file {name}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def tables_of(blob):
    """[(signature, bytes)] of the tables one after another, each on a multiple of 8."""
    found, at = [], 0
    while at + 8 <= len(blob):
        signature, size = blob[at:at + 4], struct.unpack("<I", blob[at + 4:at + 8])[0]
        if not size or not signature.strip(b"\0"):
            break
        found.append((signature.decode(), blob[at:at + size]))
        at = (at + size + 7) & ~7
    return found


def read_tables(*options):
    with Qtest(*options) as machine:
        return tables_of(machine.file("etc/acpi/tables"))


def disassemble_all(*options):
    tables = read_tables(*options)
    with tempfile.TemporaryDirectory() as directory:
        for number, (signature, data) in enumerate(tables):
            name = os.path.join(directory, f"{number}-{signature.strip()}.dat")
            with open(name, "wb") as file:
                file.write(data)
            done = subprocess.run(["iasl", "-d", name], capture_output=True, text=True,
                                  cwd=directory, check=False)
            text = done.stdout + done.stderr
            assert done.returncode == 0, (signature, text)
            assert "arning" not in text and "rror" not in text, (signature, text)
            source = os.path.splitext(name)[0] + ".dsl"
            # iasl does not like the name that the specification of the generation id asks for
            if signature in ("DSDT", "SSDT") and b"VM_Gen_Counter" not in data:
                done = subprocess.run(["iasl", source], capture_output=True, text=True,
                                      cwd=directory, check=False)
                assert " 0 Errors" in done.stdout, done.stdout[-1500:]
    return [signature for signature, _ in tables]


def test_iasl_accepts_q35():
    if not shutil.which("iasl"):
        raise AssertionError("iasl is not there: install the package acpica-tools")
    found = disassemble_all("-machine", "q35", "-smp", "4", "-m", "5G", "-serial", "null",
                            "-device", "pcie-root-port,id=p,chassis=1,addr=5",
                            "-device", "virtio-rng-pci,bus=p")
    assert found == ["FACS", "DSDT", "FACP", "APIC", "HPET", "MCFG", "WAET", "RSDT"], found


def test_iasl_accepts_dmar():
    found = disassemble_all("-machine", "q35", "-device", "intel-iommu,intremap=on,eim=on")
    assert found == ["FACS", "DSDT", "FACP", "APIC", "HPET", "MCFG", "DMAR", "WAET", "RSDT"], found


def test_iasl_accepts_nvdimms():
    found = disassemble_all("-machine", "q35,nvdimm=on,nvdimm-persistence=cpu",
                            "-m", "64M,slots=3,maxmem=4G",
                            "-object", "memory-backend-ram,id=n,size=16M", "-device",
                            "nvdimm,memdev=n,label-size=128K", "-device", "vmgenid")
    assert found[-5:] == ["SSDT", "NFIT", "SSDT", "SRAT", "RSDT"], found  # memory that may come: SRAT
    found = disassemble_all("-machine", "pc,nvdimm=on", "-m", "64M,slots=2,maxmem=1G")
    assert "SSDT" in found and "NFIT" not in found, found


def test_iasl_accepts_pc():
    found = disassemble_all("-machine", "pc", "-smp", "2", "-serial", "null")
    assert found == ["FACS", "DSDT", "FACP", "APIC", "HPET", "WAET", "RSDT"], found


def test_iasl_accepts_microvm():
    found = disassemble_all("-machine", "microvm,pcie=on", "-smp", "2", "-serial", "null", "-device", "virtio-rng-device")
    assert found == ["DSDT", "FACP", "APIC", "MCFG", "RSDT"], found
    found = disassemble_all("-machine", "microvm,ioapic2=off,rtc=off")
    assert found == ["DSDT", "FACP", "APIC", "RSDT"], found


NODES = ("-object", "memory-backend-ram,id=a,size=64M", "-object", "memory-backend-ram,id=b,size=64M",
         "-numa", "node,memdev=a", "-numa", "node,nodeid=1,memdev=b")


def refused(*options, words):
    done = subprocess.run([FERRY, "-display", "none", *options], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 1 and words in done.stderr, (options, done)


def test_iasl_accepts_nodes():
    found = disassemble_all("-machine", "q35", "-smp", "2,maxcpus=4,sockets=4",
                            "-m", "128M,slots=2,maxmem=2G", *NODES,
                            "-numa", "dist,src=0,dst=1,val=30",
                            "-device", "pcie-root-port,id=p,chassis=1")
    assert found[-3:] == ["SRAT", "SLIT", "RSDT"], found
    found = disassemble_all("-machine", "pc", "-m", "64M,slots=2,maxmem=1G",
                            "-device", "pci-bridge,id=b,addr=7,chassis_nr=1", "-device", "virtio-rng-pci,bus=b")
    assert "SRAT" in found and "SLIT" not in found, found
    node = ("-object", "memory-backend-ram,id=a,size=64M", "-numa")
    refused("-m", "64", *node, "node,mem=64", words="Use -numa node,memdev")
    refused("-m", "128", *node, "node,memdev=a", words="should equal RAM size")
    refused("-m", "64", *node, "node,nodeid=1,memdev=a", words="Node ID missing: 0")
    refused("-m", "64", *node, "node,memdev=a,cpus=1", words="not a range of CPUs")
    refused("-m", "64", *node, "node,memdev=x", words="no memory backend")
    refused("-m", "64", *node, "hmat-lb,initiator=0", words="not available")
    refused("-m", "128", *NODES, "-numa", "dist,src=0,dst=1,val=10", words="further from others")
    refused("-m", "128", *NODES, "-numa", "cpu,node-id=7,socket-id=0", words="no such NUMA node")


def structures_of(blob):
    """[(type, formatted area, strings)] of SMBIOS structures one after another."""
    found, at = [], 0
    while at < len(blob):
        kind, size = blob[at], blob[at + 1]
        end = blob.index(b"\0\0", at + size) + 2
        strings = [s.decode() for s in blob[at + size:end - 2].split(b"\0")]
        found.append((kind, blob[at:at + size], strings if strings != [""] else []))
        at = end
    return found


def test_smbios_options():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "structure")
        with open(path, "wb") as file:
            file.write(bytes([200, 4, 1, 0]) + b"text\0\0")
        with Qtest("-machine", "q35", "-smp", "2,sockets=2", "-smbios", "type=0,vendor=V,release=3.4",
                   "-smbios", "type=1,manufacturer=M1", "-smbios", "type=1,manufacturer=M2,serial=S",
                   "-smbios", "type=2,product=board", "-smbios", "type=3,asset=tag",
                   "-smbios", "type=4,max-speed=1234,sock_pfx=S", "-smbios",
                   "type=11,value=one,value=two", "-smbios", "type=17,loc_pfx=slot,speed=77",
                   "-smbios", f"file={path}") as machine:
            blob = machine.file("etc/smbios/smbios-tables")
            anchor = machine.file("etc/smbios/smbios-anchor")
        found = structures_of(blob)
        assert [kind for kind, _, _ in found] == [200, 0, 1, 2, 3, 4, 4, 11, 16, 17, 19, 32, 127]
        assert sum(anchor) % 256 == 0 and struct.unpack("<H", anchor[28:30])[0] == len(found)
        by_type = {kind: (data, strings) for kind, data, strings in found}
        assert by_type[0][1][0] == "V" and by_type[0][0][20:22] == b"\3\4", by_type[0]
        assert by_type[1][1][0] == "M2" and by_type[1][1][-1] == "S", by_type[1]
        assert by_type[2][1][1] == "board" and "tag" in by_type[3][1], by_type
        assert struct.unpack("<H", by_type[4][0][20:22])[0] == 1234, by_type[4]
        assert by_type[11][1] == ["one", "two"], by_type[11]
        assert by_type[17][1][0] == "slot 0" and by_type[17][0][21] == 77, by_type[17]
    for options, words in (("type=5", "cannot be set"), ("type=1,vendor=x", "invalid parameter"),
                           ("type=1,uuid=x", "no UUID"), ("type=0,release=1", "MAJOR.MINOR"),
                           ("type=4,max-speed=70000", "not a number"), ("vendor=x", "needed"),
                           ("file=/nonexistent", "No such file"), ("file=/dev/null", "no SMBIOS")):
        refused("-smbios", options, words=words)


def test_user_tables():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "body")
        with open(path, "wb") as file:
            file.write(b"hello" * 10)
        tables = dict(read_tables("-machine", "q35", "-acpitable",
                                  f"sig=OEMX,rev=3,oem_rev=0x1234,data={path}"))
        for options, words in (((f"sig=TOOLONG,data={path}",), "a shorter text expected"),
                               ((f"rev=256,data={path}",), "a number that fits"),
                               (("sig=OEMX",), "requires one of"),
                               ((f"sgi=X,data={path}",), "invalid parameter"),
                               ((f"file={path}x",), "No such file")):
            done = subprocess.run([FERRY, "-display", "none", "-acpitable", *options],
                                  capture_output=True, text=True, timeout=30, check=False)
            assert done.returncode == 1 and words in done.stderr, done
    table = tables["OEMX"]
    assert table[36:] == b"hello" * 10 and table[8] == 3 and sum(table) % 256 == 0, table
    assert struct.unpack("<I", table[24:28])[0] == 0x1234


def test_growing_tables_fail_the_move():
    """Devices that are plugged in before the guest starts are in the tables that firmware reads."""
    ports = ["-m", "128M,slots=8,maxmem=1G", "-device", "intel-iommu", "-device", "vmgenid",
             "-object", "memory-backend-ram,id=n,size=128M", "-device", "nvdimm,memdev=n"]
    for n in range(8):
        ports += ["-device", f"pcie-root-port,id=p{n},chassis={n + 1},addr={n + 8:x}"]
    with tempfile.TemporaryDirectory() as directory:
        machine = ["-machine", "q35,nvdimm=on", *ports]
        used = sum((len(data) + 7) & ~7 for _, data in read_tables(*machine))
        filler = []
        for name, size in (("a", 65000), ("b", STEP - used - 65000 - 36 * 2 - 40)):
            path = os.path.join(directory, name)
            with open(path, "wb") as file:
                file.write(b"x" * size)
            filler += ["-acpitable", f"sig=OEM{name.upper()},data={path}"]
        debug, path = os.path.join(directory, "debug"), os.path.join(directory, "qmp")
        process = subprocess.Popen(
            [FERRY, *machine, "-nodefaults", "-display", "none", "-S", *filler,
             "-qmp", f"unix:{path},server=on,wait=off", "-chardev", f"file,id=debug,path={debug}",
             "-device", "isa-debugcon,iobase=0x402,chardev=debug"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            qmp = guest.Qmp(path)
            for n in range(8):
                qmp.run("device_add", driver="virtio-rng-pci", bus=f"p{n}", id=f"r{n}",
                            addr="0.1")  # function 0 is described whether it is there or not
            qmp.run("migrate", uri="exec:exec sleep 60 >/dev/null 2>&1")
            qmp.wait("query-migrate", lambda r: r.get("status") == "active")
            qmp.run("cont")
            info = qmp.wait("query-migrate", lambda r: r["status"] not in ("active", "setup"))
            assert info["status"] == "failed", info
            assert ("RAM block '/rom@etc/acpi/tables' resized during precopy"
                    in info["error-desc"]), info
            assert qmp.run("query-status")["status"] == "running"
            deadline = time.monotonic() + guest.TIMEOUT
            while "No bootable device" not in open(debug, errors="replace").read():
                assert time.monotonic() < deadline, "the guest does not go on"
                time.sleep(0.1)
        finally:
            process.kill()
            process.wait()


def main():
    return guest.run_tap([
        ("iasl accepts the tables of q35", test_iasl_accepts_q35),
        ("iasl accepts the table of an IOMMU", test_iasl_accepts_dmar),
        ("iasl accepts the tables of NVDIMMs and of a generation id", test_iasl_accepts_nvdimms),
        ("iasl accepts the tables of pc", test_iasl_accepts_pc),
        ("iasl accepts the tables of microvm", test_iasl_accepts_microvm),
        ("iasl accepts the tables of NUMA nodes", test_iasl_accepts_nodes),
        ("SMBIOS structures say what the user said", test_smbios_options),
        ("tables of the user are added and checked", test_user_tables),
        ("tables that grow during a move make it fail and the guest runs on",
         test_growing_tables_fail_the_move),
    ])


sys.exit(main())
