#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-guest.py BUILDDIR: a real guest uses its machine: console, CPUs, disk, network (TAP)."""
import base64
import functools
import hashlib
import http.server
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")


def run_script(script, *options, arch="x86_64", parts=("initrd", "modules")):
    """Boot, run @script in the guest, and return the console of a machine that ended well."""
    with tempfile.TemporaryDirectory() as directory:
        initrd = guest.initrd_with(script, directory, arch, parts)
        with guest.Machine(BUILD, *options, initrd=initrd, append="quiet", arch=arch) as machine:
            status, text = machine.finish()
            assert status == 0, f"exit status {status}\n{text[-2000:]}"
            assert "BOOT-OK " + arch in text, text[-2000:]
            return text


def value(text, key):
    """What the guest printed as "KEY=...", a line of its own."""
    for line in text.split("\n"):
        if line.startswith(key + "="):
            return line[len(key) + 1:].strip()
    raise AssertionError(f"the guest did not print {key}=\n{text[-2000:]}")


def test_shell_answers(arch="x86_64", *options):
    with guest.Machine(BUILD, *options, append="stay", arch=arch) as machine:
        at = machine.wait_for("BOOT-OK " + arch)
        machine.type("echo typed-$((6 * 7))\n")
        at = machine.wait_for("typed-42", at)
        machine.type("poweroff -f\n")
        status, text = machine.finish()
        assert status == 0, f"exit status {status}\n{text[-2000:]}"


def test_cpus_come_up():
    text = run_script("echo CPUS=$(nproc)\n", "-smp", "4")
    assert value(text, "CPUS") == "4", text[-2000:]


def test_nodes():
    text = run_script(
        "for n in 0 1; do cd /sys/devices/system/node/node$n; echo N$n=$(cat cpulist distance); done\n"
        "echo DMI=$(cat /sys/class/dmi/id/product_serial)\n",
        "-smp", "4,sockets=2", "-object", "memory-backend-ram,id=a,size=256M",
        "-object", "memory-backend-ram,id=b,size=256M", "-numa", "node,memdev=a",
        "-numa", "node,memdev=b", "-numa", "dist,src=0,dst=1,val=30", "-smbios", "type=1,serial=S17")
    assert value(text, "N0") == "0-1 10 30" and value(text, "N1") == "2-3 30 10", text[-2000:]
    assert value(text, "DMI") == "S17", text[-2000:]


def test_reboot_ends():
    run_script("reboot -f\n")


def test_random_device(device="virtio-rng-pci", arch="x86_64"):
    text = run_script("echo RANDOM=$(dd if=/dev/hwrng bs=16 count=4 2>/dev/null | wc -c)\n",
                      "-device", device, arch=arch)
    assert value(text, "RANDOM") == "64", text[-2000:]


def disk_test(*properties, device="virtio-blk-pci", name="vda", drive="", **how):
    half = 4 << 20
    content = random.Random(1).randbytes(half)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "disk.raw")
        with open(path, "wb") as disk:
            disk.write(content + bytes(half))
        text = run_script(
            f"echo SUM=$(dd if=/dev/{name} bs=64k count=64 2>/dev/null | md5sum | cut -d' ' -f1)\n"
            f"dd if=/dev/{name} of=/dev/{name} bs=64k count=64 seek=64 conv=fsync,notrunc 2>/dev/null\n"
            f"echo SIZE=$(cat /sys/block/{name}/size)\n",
            "-drive", f"file={path},if=none,id=d0,format=raw{drive}",
            "-device", ",".join([device + ",drive=d0", *properties]), **how)
        assert value(text, "SIZE") == str(2 * half // 512), text[-2000:]
        assert value(text, "SUM") == hashlib.md5(content).hexdigest(), "read other bytes"
        with open(path, "rb") as disk:
            data = disk.read()
        assert data[:half] == content, "the half that is only read has changed"
        assert data[half:] == content, "the half that was written is wrong"


def host_aio():
    """Requests that the host's kernel does by itself; not every host lets one."""
    disk_test(drive=",cache=none,aio=native")
    disk_test(drive=",cache=none,aio=io_uring")
    disk_test(drive=",aio=io_uring")


def test_full_host():
    """The host's file system, a small one of the test's own, is full: the guest waits until there is room."""
    mine = ["unshare", "-rm", "sh", "-c"]
    if subprocess.run([*mine, "mount -t tmpfs none /tmp"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise guest.Skip("no file system of one's own may be mounted here (unshare -rm)")
    with tempfile.TemporaryDirectory() as directory:
        small, path = os.path.join(directory, "small"), os.path.join(directory, "qmp")
        os.mkdir(small)
        prepare = ('mount -t tmpfs -o size=2m none "$0" && qemu-img create -q -f qcow2 "$0/disk" 16M && exec "$@"')
        initrd = guest.initrd_with(
            "dd if=/dev/urandom of=/tmp/data bs=64k count=64 2>/dev/null\n"
            "dd if=/tmp/data of=/dev/vda bs=64k oflag=direct 2>/dev/null && echo WRITTEN\n"
            "echo 3 >/proc/sys/vm/drop_caches\n"
            "dd if=/dev/vda bs=64k count=64 2>/dev/null | cmp - /tmp/data && echo SAME\n", directory)
        with guest.Machine(BUILD, "-drive", f"file={small}/disk,if=virtio,format=qcow2,cache=writethrough", "-qmp",
                           f"unix:{path},server=on,wait=off", initrd=initrd, append="quiet",
                           within=[*mine, prepare, small]) as machine:
            qmp = guest.Qmp(path)
            qmp.wait("query-status", lambda answer: answer["status"] == "io-error")
            assert qmp.run("query-block")[0]["io-status"] == "nospace", qmp.run("query-block")
            subprocess.run(["nsenter", "-t", str(machine.process.pid), "-U", "-m", "--preserve-credentials", "mount",
                            "-o", "remount,size=64m", small], check=True)
            qmp.run("cont")
            machine.wait_for("SAME", machine.wait_for("WRITTEN"))
            qmp.close()
            assert machine.finish()[0] == 0


class Handler(http.server.SimpleHTTPRequestHandler):
    """Gives files; takes one, as a form that is sent."""

    taken = b""

    def log_message(self, *_):
        pass

    def do_POST(self):
        Handler.taken = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()


def test_network(device="virtio-net-pci", arch="x86_64"):
    content = random.Random(2).randbytes(1 << 20)
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "file"), "wb") as f:
            f.write(content)
        handler = functools.partial(Handler, directory=directory)
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            text = run_script(
                "ip link set eth0 up\n"
                "ip addr add 10.0.2.15/24 dev eth0\n"
                "ip route add default via 10.0.2.2\n"
                f"wget -q -O /tmp/file http://10.0.2.2:{server.server_address[1]}/file\n"
                "echo SUM=$(md5sum </tmp/file | cut -d' ' -f1)\n"
                "uuencode -m f </tmp/file | sed '1d;$d' | tr -d '\\n' >/tmp/form\n"
                f"wget -q -O /dev/null --post-file /tmp/form http://10.0.2.2:{server.server_address[1]}/\n",
                "-netdev", "user,id=n0", "-device", device + ",netdev=n0", arch=arch)
            server.shutdown()
    assert value(text, "SUM") == hashlib.md5(content).hexdigest(), text[-2000:]
    assert base64.b64decode(Handler.taken) == content, f"{len(Handler.taken)} bytes went"


def s390x():
    """The same of the other machine, where one boot looks at several things."""
    test_shell_answers("s390x", "-smp", "2")
    test_shell_answers("s390x", "-nodefaults", "-chardev", "stdio,id=c", "-device", "sclplmconsole,chardev=c")
    disk_test(device="virtio-blk-ccw", arch="s390x")
    test_network("virtio-net-ccw", "s390x")
    test_random_device("virtio-rng-ccw", "s390x")


def s390x_pci():
    """Functions that instructions reach, DMA by the guest's tables, interruptions in its vectors."""
    disk_test(arch="s390x")
    test_network(arch="s390x")
    disk_test("serial=17", device="nvme", name="nvme0n1", arch="s390x", parts=("initrd", "modules", "storage"))


def s390x_pci_error():
    """A DMA access beyond its tables stops an NVMe disk; its driver resets the function, and reads go on. The kernel shows
    how many instructions went to it."""
    if not shutil.which("s390x-linux-gnu-gcc"):
        raise guest.Skip("s390x-linux-gnu-gcc is not installed")
    content = random.Random(3).randbytes(1 << 20)
    script = ("mount -t debugfs debugfs /sys/kernel/debug\n"
              "echo 0 >/sys/module/nvme/parameters/sgl_threshold\n" # lists of pages do not tell their length
              "/beyond /dev/nvme0n1; echo BEYOND=$?\n"
              "echo EVENTS=$(dmesg | grep -c 'Event 0x4 reports an error')\n"
              "echo SUM=$(dd if=/dev/nvme0n1 bs=64k iflag=direct 2>/dev/null | md5sum | cut -d' ' -f1)\n"
              "cd /sys/kernel/debug/pci/*; until grep -q 'Load operations:.*[1-9]' statistics; do sleep 1; done\n"
              "echo COUNTED=$(grep -c 'operations:' statistics)\n")
    with tempfile.TemporaryDirectory() as directory:
        disk, program = os.path.join(directory, "disk"), os.path.join(directory, "beyond")
        with open(disk, "wb") as f:
            f.write(content)
        subprocess.run(["s390x-linux-gnu-gcc", "-O1", "-static", "-o", program, os.path.join(guest.TOP, "tests/boot/beyond.c")],
                       check=True)
        initrd = guest.initrd_with(script, directory, "s390x", ("initrd", "modules", "storage"))
        with open(initrd, "ab") as out, open(program, "rb") as part:
            out.write(b"\0" * (-out.tell() % 4) + guest.cpio({"beyond": (0o755, part.read())}))
        with guest.Machine(BUILD, "-drive", f"file={disk},if=none,id=d,format=raw", "-device", "nvme,serial=1,drive=d",
                           initrd=initrd, append="quiet", arch="s390x") as machine:
            status, text = machine.finish()
    assert status == 0, f"exit status {status}\n{text[-2000:]}"
    assert value(text, "BEYOND") == "0" and value(text, "EVENTS") == "1", text[-2000:]
    assert value(text, "SUM") == hashlib.md5(content).hexdigest(), text[-2000:]
    assert value(text, "COUNTED") == "4", text[-2000:]


def s390x_more():
    """A SCSI disk, a console and a port of virtio-serial, the balloon: the CCW devices that are left; and the signal to
    quiesce, on which the guest restarts, which this machine must not."""
    content = random.Random(2).randbytes(1 << 20)
    script = ("echo SUM=$(dd if=/dev/sda bs=64k count=16 2>/dev/null | md5sum | cut -d' ' -f1)\n"
              "dd if=/dev/sda of=/dev/sda bs=64k count=16 seek=16 conv=fsync,notrunc 2>/dev/null\n"
              "echo the console >/dev/hvc0\n"
              "port=/dev/$(basename $(dirname $(grep -l '^there$' /sys/class/virtio-ports/*/name)))\n"
              "echo here >$port; read answer <$port; echo ANSWER=$answer\n"
              "echo 1 >/proc/sys/kernel/ctrl-alt-del; echo ready >$port; while true; do sleep 1; done\n")
    with tempfile.TemporaryDirectory() as directory:
        disk, console, port, qmp = (os.path.join(directory, name) for name in ("disk", "console", "port", "qmp"))
        with open(disk, "wb") as f:
            f.write(content + bytes(len(content)))
        initrd = guest.initrd_with(script, directory, "s390x", ("initrd", "modules", "storage"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(port)
            listener.listen()
            listener.settimeout(guest.TIMEOUT)
            with guest.Machine(
                    BUILD, "-device", "virtio-scsi-ccw", "-drive", f"file={disk},if=none,id=d,format=raw", "-device",
                    "scsi-hd,drive=d", "-device", "virtio-serial-ccw", "-chardev", f"file,id=c,path={console}", "-device",
                    "virtconsole,chardev=c", "-chardev", f"socket,id=p,path={port}", "-device",
                    "virtserialport,chardev=p,name=there", "-device", "virtio-balloon-ccw", "-qmp",
                    f"unix:{qmp},server=on,wait=off", initrd=initrd, append="quiet", arch="s390x") as machine:
                peer, _ = listener.accept()
                peer.settimeout(guest.TIMEOUT)
                q, words = guest.Qmp(qmp), peer.makefile()
                assert words.readline() == "here\n"
                q.run("balloon", value=384 << 20)
                q.wait("query-balloon", lambda answer: answer["actual"] == 384 << 20)
                peer.sendall(b"and there\n")
                assert words.readline() == "ready\n"
                q.run("system_powerdown")
                status, text = machine.finish()
                peer.close()
        assert status == 0, f"exit status {status}\n{text[-2000:]}"
        assert value(text, "SUM") == hashlib.md5(content).hexdigest(), text[-2000:]
        assert "ANSWER=and there" in text, text[-2000:]
        with open(disk, "rb") as f:
            assert f.read() == content * 2, "written other bytes"
        with open(console, encoding="ascii") as f:
            assert "the console" in f.read()


def main():
    guest.fetch("x86_64", "s390x")
    rare = [("a disk works by the host's own asynchronous requests", host_aio)] if os.environ.get("FERRY_LONG") else []
    return guest.run_tap([
        *rare,
        ("the shell answers typed commands", test_shell_answers),
        ("all four CPUs come up", test_cpus_come_up),
        ("two NUMA nodes and a serial number are as they were told", test_nodes),
        ("a reboot ends a machine that must not reboot", test_reboot_ends),
        ("the random number device gives numbers", test_random_device),
        ("a virtio disk is read and written", disk_test),
        ("a virtio disk works with packed rings", lambda: disk_test("packed=on")),
        ("a guest whose host has no room waits until it has", test_full_host),
        ("a file comes over the network, and one goes", test_network),
        ("shell, disk, network and random numbers work on s390x", s390x),
        ("virtio and NVMe disks and the network work on s390x by PCI", s390x_pci),
        ("an NVMe disk on s390x works again after an access that it may not make", s390x_pci_error),
        ("a SCSI disk, a console, a port, the balloon and the quiesce signal work on s390x", s390x_more),
    ])


sys.exit(main())
