# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines that never run, for tests of what their streams hold: options, and a process with QMP."""
import json
import os
import socket
import subprocess
import time

FINAL = ("completed", "failed", "cancelled")

PC = ("-m 4 -nodefaults -bios {dir}/bios -rtc base=2020-01-01T00:00:00,clock=vm "
      "-serial null -serial null ")
VIRTIO = ("-drive file={dir}/disk,if=none,id=d,format=raw,read-only=on "
          "-device virtio-blk-pci,drive=d,addr=3{suffix} -device virtio-net-pci,romfile=,addr=4{suffix} "
          "-device virtio-rng-pci,addr=5{suffix} -device virtio-balloon-pci,addr=6{suffix} "
          "-device virtio-serial-pci,addr=9{suffix} -chardev null,id=c -device virtconsole,chardev=c "
          "-device virtserialport,name=agent,nr=3 ")
BRIDGES = ("-device pcie-root-port,id=p,chassis=1,addr=7 -device virtio-rng-pci,bus=p "
           "-device pci-bridge,id=b,addr=8,chassis_nr=2 -device virtio-rng-pci,bus=b,addr=1 "
           "-device ioh3420,id=i,addr=a,chassis=3 -device pcie-pci-bridge,id=c,bus=i "
           "-device virtio-rng-pci,bus=c,addr=1 ")
REST = ("-device VGA,addr=10,romfile= -device secondary-vga,addr=11 -device pvpanic-pci,addr=12 "
        "-device i6300esb,addr=13 -device ich9-ahci,id=more,addr=14 "
        "-drive file={dir}/disk,if=none,id=hd,format=raw,snapshot=on -device ide-hd,drive=hd,bus=more.0 "
        "-device ide-cd,bus=more.1 ")
SCSI = ("-device virtio-scsi-pci,id=s,addr=3 -drive file={dir}/disk,if=none,id=d,format=raw,snapshot=on "
        "-device scsi-hd,drive=d,bus=s.0 -device scsi-cd,bus=s.0,scsi-id=3,lun=2 ")
USB = ("-device qemu-xhci,id=x,addr=3,p2=5 -device usb-kbd,bus=x.0 -device usb-tablet,bus=x.0 "
       "-device usb-mouse,bus=x.0 -drive file={dir}/disk,if=none,id=d,format=raw,read-only=on "
       "-device usb-storage,bus=x.0,drive=d -device nec-usb-xhci,addr=4,slots=8,intrs=4,msix=off ")
E1000 = "-device e1000,addr=15,romfile=,mac=52:54:00:12:34:56 "
E1000E = "-device e1000e,addr=15,romfile=,mac=52:54:00:12:34:56 "
NVME = ("-drive file={dir}/disk,if=none,id=d,format=raw,snapshot=on -device nvme,serial=s,drive=d,addr=3 "
        "-drive file={dir}/disk,if=none,id=e,format=raw,snapshot=on -device nvme-ns,drive=e,nsid=3 ")
EDU = "-device edu,addr=15 -device pci-testdev,addr=16,membar=64K "
IOMMU = "-device intel-iommu,intremap=on,eim=on -device edu,addr=15 "
TESTDEV = "-device migration-testdev,value=5,part=3,ram-length=64K "
MEMORY = (PC.replace("-m 4 ", "-m 4M,slots=4,maxmem=1G ") + "-machine nvdimm=on -device vmgenid "
          "-object memory-backend-ram,id=m0,size=2M -device pc-dimm,memdev=m0 "
          "-object memory-backend-ram,id=m1,size=4M -device nvdimm,memdev=m1,label-size=128K ")

MICROVM = "-m 4 -nodefaults -bios {dir}/bios -rtc base=2020-01-01T00:00:00,clock=vm -serial null "
MMIO = ("-drive file={dir}/disk,if=none,id=d,format=raw,read-only=on -device virtio-blk-device,drive=d "
        "-device virtio-net-device,mac=52:54:00:12:34:56 -device virtio-rng-device "
        "-device virtio-balloon-device ")
MMIO_1 = "-machine pcie=on -global virtio-mmio.force-legacy=off " + MMIO

FLASH = ("-m 4 -nodefaults -rtc base=2020-01-01T00:00:00,clock=vm "
         "-drive file={dir}/bios,if=pflash,format=raw,readonly=on "
         "-drive file={dir}/bios,if=pflash,format=raw,snapshot=on ")
S390 = ("-m 4 -nodefaults -rtc base=2020-01-01T00:00:00 -chardev null,id=c -device sclpconsole,chardev=c ")
CCW = ("-drive file={dir}/disk,if=none,id=d,format=raw,read-only=on -device virtio-blk-ccw,drive=d "
       "-device virtio-net-ccw,mac=52:54:00:12:34:56 -device virtio-rng-ccw -device virtio-balloon-ccw "
       "-device virtio-serial-ccw -chardev null,id=v -device virtconsole,chardev=v ")
S390_REST = ("-device sclplmconsole -device diag288 -smp 1,maxcpus=3 -device qemu-s390x-cpu,core-id=2 ")
ZPCI = ("-device zpci,uid=7,fid=9,target=n -device virtio-rng-pci,id=n -device edu -device pci-bridge,chassis_nr=1 ")


def program(build, machine):
    return os.path.join(build, "ferry-system-" + ("s390x" if "s390" in machine else "x86_64"))


def run_tests(tests):
    """Prints TAP: a test is (sentence, function, arguments...); returns the exit status."""
    bad = 0
    print(f"1..{len(tests)}")
    for number, (sentence, function, *arguments) in enumerate(tests, 1):
        try:
            function(*arguments)
            print(f"ok {number} {sentence}", flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            bad = 1
            print(f"not ok {number} {sentence}\n# " + str(error).replace("\n", "\n# "), flush=True)
    return bad


def make_files(directory):
    """What the options name as {dir}/..."""
    for name, size in (("bios", 64 << 10), ("disk", 1 << 20)):
        with open(os.path.join(directory, name), "wb") as f:
            f.truncate(size)


class Ferry:
    def __init__(self, build, directory, row, *more):
        machine, options = row
        path = os.path.join(directory, "qmp")
        listener = socket.socket(socket.AF_UNIX)
        if os.path.exists(path):
            os.unlink(path)
        listener.bind(path)
        listener.listen()
        self.process = subprocess.Popen(
            [program(build, machine), "-machine", machine, "-accel", "qtest", "-S", "-display", "none",
             "-qmp", "unix:" + path, *options.format(dir=directory).split(), *more],
            stdin=subprocess.DEVNULL)
        listener.settimeout(60)
        self.stream = listener.accept()[0].makefile("rw")
        listener.close()
        self.stream.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        self.stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            assert "error" not in answer, f"{name}: {answer}"
            if "return" in answer:
                return answer["return"]

    def finish(self):
        end = time.monotonic() + 60
        while (info := self.command("query-migrate"))["status"] not in FINAL:
            assert time.monotonic() < end, info
            time.sleep(0.01)
        assert info["status"] == "completed", info.get("error-desc")

    def save(self, path):
        self.command("migrate", uri=f"file:{path}")
        self.finish()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
