#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-debian.py BUILDDIR [PICTURES]: a whole Debian with systemd, booted from a qcow2 disk by firmware and GRUB. Somebody
logs in on the serial port and on the screen; it installs a package over the network and moves MOVES times (10) between
processes while it writes to its disk; its file system and its image are clean afterwards (TAP). NIC is the network card's
model (virtio-net-pci; e1000, e1000e), DISK how the disk is attached (virtio; scsi, sata, nvme, usb), OPTIONS what else the
machine has, for instance another type, or an IOMMU. Takes minutes, and root the first time (scripts/get-rootfs): part of
scripts/check with CHECK_DEBIAN=1 only."""
import functools
import hashlib
import http.server
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time

import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")
PICTURES = sys.argv[2] if len(sys.argv) > 2 else os.path.join(BUILD, "screens")
NIC = os.environ.get("NIC", "virtio-net-pci")
DISKS = {"virtio": ["virtio-blk-pci"], "scsi": ["virtio-scsi-pci", "scsi-hd"], "sata": ["ide-hd"], "nvme": ["nvme,serial=1"],
         "usb": ["qemu-xhci", "usb-storage"]}
DISK = os.environ.get("DISK", "virtio")
OPTIONS = shlex.split(os.environ.get("OPTIONS", ""))
MOVES = int(os.environ.get("MOVES", "10"))
PARTITION = 2048 * 512
PROMPT = "root@ferry:~# "
LOAD = ("mkdir -p /var/tmp/l; (i=0; while [ ! -e /var/tmp/enough ]; do i=$((i+1)); n=$((i%16)); cd /var/tmp/l; "
        "head -c 400000 /dev/urandom >$n; md5sum $n >$n.sum; sync; echo $i >/var/tmp/rounds; done) &")


def repository(directory):
    """One package, in a repository that apt takes without a signature."""
    tree = os.path.join(directory, "package")
    os.makedirs(os.path.join(tree, "DEBIAN"))
    os.makedirs(os.path.join(tree, "usr/bin"))
    control = "Package: ferry-probe\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\n"
    with open(os.path.join(tree, "DEBIAN/control"), "w", encoding="ascii") as f:
        f.write(control + "Description: says that it is there\n")
    path = os.path.join(tree, "usr/bin/ferry-probe")
    with open(path, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\necho probe-$((6*7))\n")
    os.chmod(path, 0o755)
    served = os.path.join(directory, "repository")
    os.makedirs(served)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, os.path.join(served, "probe.deb")], check=True,
                   stdout=subprocess.DEVNULL)
    with open(os.path.join(served, "probe.deb"), "rb") as f:
        data = f.read()
    with open(os.path.join(served, "Packages"), "w", encoding="ascii") as f:
        f.write(control + f"Filename: ./probe.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
                "Description: says that it is there\n")
    return served


def serve(directory):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Debian(guest.Machine):
    """A process that has the guest, or waits for it."""

    def __init__(self, directory, number, *options):
        path = os.path.join(directory, f"qmp{number}")
        image = os.path.join(directory, "disk.qcow2")
        *controller, disk = DISKS[DISK]
        devices = [word for device in [*controller, disk + ",drive=d"] for word in ("-device", device)]
        super().__init__(BUILD, "-m", "768", "-vga", "std", *OPTIONS, "-drive", f"if=none,id=d,format=qcow2,file={image}",
                         *devices, "-nic", "user,model=" + NIC, "-qmp", f"unix:{path},server=on,wait=off", *options,
                         kernel=False)
        self.qmp = guest.Qmp(path)

    def run(self, command, words):
        """Type @command; the position behind @words, which it prints, and the prompt after them."""
        at = len(self.text())
        self.type(command + "\r")
        return self.wait_for(PROMPT, self.wait_for(words, at))

    def move_to(self, other, directory):
        where = f"unix:{directory}/move"
        other.qmp.run("migrate-incoming", uri=where)
        self.qmp.run("migrate", uri=where)
        self.wait_until(lambda: self.qmp.run("query-migrate")["status"] in ("completed", "failed"),
                        lambda: "the move does not end")
        info = self.qmp.run("query-migrate")
        assert info["status"] == "completed", info
        self.qmp.run("quit")
        assert self.finish()[0] == 0


def boot(directory):
    machine = Debian(directory, 0)
    machine.wait_for("ferry login: ")
    os.makedirs(PICTURES, exist_ok=True)
    machine.qmp.run("screendump", filename=os.path.join(PICTURES, "debian-login.png"), format="png")
    machine.type("root\r")
    machine.wait_for("Password: ")
    machine.type("ferry\r")
    machine.wait_for(PROMPT)
    return machine


def log_in_on_screen(machine):
    """The other login, on the screen and by its keyboard; the shell on the serial port sees who is there."""
    def keys(word):
        for key in [*word, "ret"]:
            machine.qmp.run("send-key", keys=[{"type": "qcode", "data": key}], **{"hold-time": 20})
            time.sleep(0.1) # the keyboard has a queue, the guest reads it

    machine.run("on() { grep -qx $1 /proc/$(systemctl show -p MainPID --value getty@tty1)/comm; }; "
                "until on agetty; do sleep 0.2; done; echo there-$((1+1))", "there-2")
    keys("root")
    machine.run("until on login && stty -a -F /dev/tty1 | grep -q -- '-echo '; do sleep 0.2; done; echo asked-$((1+1))",
                "asked-2") # what comes before it does not show what is typed is thrown away
    keys("ferry")
    machine.run("until who | grep tty1; do sleep 0.2; done; echo screen-$((1+1))", "screen-2")
    machine.qmp.run("screendump", filename=os.path.join(PICTURES, "debian-shell.png"), format="png")


def install(machine, port):
    machine.run("networkctl is-online || /lib/systemd/systemd-networkd-wait-online --timeout=60; echo net-$((1+1))", "net-2")
    machine.run(f"echo 'deb [trusted=yes] http://10.0.2.2:{port} ./' >/etc/apt/sources.list; echo ok-$((1+1))", "ok-2")
    machine.run("apt-get -q update && apt-get -qy install ferry-probe; ferry-probe", "probe-42")


def check_disk(directory):
    """The image by qemu-img, the file system by e2fsck, both without repairing."""
    image, raw = os.path.join(directory, "disk.qcow2"), os.path.join(directory, "disk.raw")
    subprocess.run(["qemu-img", "check", "-q", image], check=True)
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, raw], check=True)
    done = subprocess.run(["e2fsck", "-fn", f"{raw}?offset={PARTITION}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_debian():
    base = guest.guest_file("debian-amd64.qcow2")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as directory:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2",
                        os.path.join(directory, "disk.qcow2")], check=True)
        server = serve(repository(directory))
        machine = boot(directory)
        try:
            log_in_on_screen(machine)
            install(machine, server.server_address[1])
            machine.run(LOAD + " echo load-$((1+1))", "load-2")
            for number in range(1, MOVES + 1):
                other = Debian(directory, number, "-incoming", "defer")
                machine.move_to(other, directory)
                machine = other
                machine.run(f"echo moved-$(({number}+0)); cat /var/tmp/rounds", f"moved-{number}\n")
                print(f"# moved {number} times", flush=True)
            machine.run("touch /var/tmp/enough; wait; cd /var/tmp/l; md5sum --quiet -c *.sum && echo sums-$((1+1)); cd",
                        "sums-2")
            machine.type("poweroff\r")
            assert machine.finish()[0] == 0
        finally:
            machine.__exit__()
            server.shutdown()
        check_disk(directory)


if __name__ == "__main__":
    subprocess.run([os.path.join(guest.TOP, "scripts", "get-rootfs"), guest.GUESTS], check=True, stdout=sys.stderr)
    sys.exit(guest.run_tap([
        (f"Debian boots to a login on the serial port and the screen, installs a package, moves {MOVES} times and is clean", test_debian),
    ]))
