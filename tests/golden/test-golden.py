#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-golden.py BUILDDIR [--update]: what each machine type's stream holds is what it always held.

For each row a machine that never ran is saved, and what stream-explain says of it (every section,
record, field, subsection and value) must be NAME.txt; then NAME.qevm.gz, a stream of an earlier build,
must load, and be the same when saved again. A difference is an incompatible change: give the new state
a subsection that older machine types switch off. --update writes the files anew. Prints TAP.
"""
import difflib
import gzip
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
EXPLAIN = os.path.join(HERE, "..", "..", "scripts", "stream-explain")
FINAL = ("completed", "failed", "cancelled")

PC = ("-m 4 -nodefaults -bios {dir}/bios -rtc base=2020-01-01T00:00:00,clock=vm "
      "-serial null -serial null ")
VIRTIO = ("-drive file={dir}/disk,if=none,id=d,format=raw,read-only=on "
          "-device virtio-blk-pci,drive=d,addr=3{suffix} -device virtio-net-pci,romfile=,addr=4{suffix} "
          "-device virtio-rng-pci,addr=5{suffix} -device virtio-balloon-pci,addr=6{suffix} "
          "-device virtio-serial-pci,addr=9{suffix} -chardev null,id=c -device virtconsole,chardev=c "
          "-device virtserialport,name=agent,nr=3 ")
BRIDGES = ("-device pcie-root-port,id=p,chassis=1,addr=7 -device virtio-rng-pci,bus=p "
           "-device pci-bridge,id=b,addr=8 -device virtio-rng-pci,bus=b,addr=1 ")
REST = ("-device VGA,addr=10,romfile= -device secondary-vga,addr=11 -device pvpanic-pci,addr=12 "
        "-device i6300esb,addr=13 -device ich9-ahci,id=more,addr=14 "
        "-drive file={dir}/disk,if=none,id=hd,format=raw,snapshot=on -device ide-hd,drive=hd,bus=more.0 "
        "-device ide-cd,bus=more.1 ")
TESTDEV = "-device migration-testdev,value=5,part=3,ram-length=64K "

FLASH = ("-m 4 -nodefaults -rtc base=2020-01-01T00:00:00,clock=vm "
         "-drive file={dir}/bios,if=pflash,format=raw,readonly=on "
         "-drive file={dir}/bios,if=pflash,format=raw,snapshot=on ")
S390 = ("-m 4 -nodefaults -rtc base=2020-01-01T00:00:00 -chardev null,id=c -device sclpconsole,chardev=c ")
CCW = ("-drive file={dir}/disk,if=none,id=d,format=raw,read-only=on -device virtio-blk-ccw,drive=d "
       "-device virtio-net-ccw,mac=52:54:00:12:34:56 -device virtio-rng-ccw -device virtio-balloon-ccw "
       "-device virtio-serial-ccw -chardev null,id=v -device virtconsole,chardev=v ")

ROWS = {}
for machine in ("pc-q35-10.0", "pc-q35-ferry-1.0", "pc-i440fx-10.0", "pc-i440fx-ferry-1.0"):
    ROWS[machine] = (machine, PC)
    ROWS[machine + "-smp"] = (machine, PC + "-smp 3 -cpu max")
    ROWS[machine + "-virtio"] = (machine, PC + VIRTIO.replace("{suffix}", ""))
    if "q35" in machine:
        ROWS[machine + "-bridges"] = (machine, PC + BRIDGES)
        ROWS[machine + "-rest"] = (machine, PC + REST)
        ROWS[machine + "-testdev"] = (machine, PC + TESTDEV)
        ROWS[machine + "-flash"] = (machine, FLASH)
for machine in ("s390-ccw-virtio-10.0", "s390-ccw-virtio-ferry-1.0"):
    ROWS[machine] = (machine, S390)
    ROWS[machine + "-smp"] = (machine, S390 + "-smp 3")
    ROWS[machine + "-virtio"] = (machine, S390 + CCW)


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
            [os.path.join(build, "ferry-system-" + ("s390x" if "s390" in machine else "x86_64")), "-machine", machine, "-accel", "qtest", "-S",
             "-display", "none", "-qmp", "unix:" + path, *options.format(dir=directory).split(), *more],
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


def explain(path):
    result = subprocess.run([EXPLAIN, "--golden", path], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def compare(name, should, found):
    diff = "\n".join(list(difflib.unified_diff(should.splitlines(), found.splitlines(), name + ".txt",
                                               "this build", "", "", 2, ""))[:60])
    assert not diff, diff


def read(name, suffix):
    opener = gzip.open if suffix.endswith(".gz") else open
    with opener(os.path.join(HERE, name + suffix), "rb") as f:
        return f.read()


def saved(build, directory, row):
    path = os.path.join(directory, "stream")
    with Ferry(build, directory, row) as ferry:
        ferry.save(path)
    return path


def update(build, directory, name):
    path = saved(build, directory, ROWS[name])
    text, kept = explain(path), os.path.join(HERE, name + ".txt")
    if os.path.exists(kept) and read(name, ".txt").decode() == text:
        return  # the stream of the earlier build goes on proving that old ones load
    with open(kept, "w", encoding="ascii") as out:
        out.write(text)
    with open(path, "rb") as f, open(os.path.join(HERE, name + ".qevm.gz"), "wb") as out:
        out.write(gzip.compress(f.read(), mtime=0))


def test_saved(build, directory, name):
    compare(name, read(name, ".txt").decode(), explain(saved(build, directory, ROWS[name])))


def test_loaded(build, directory, name):
    path, again = os.path.join(directory, "golden"), os.path.join(directory, "again")
    with open(path, "wb") as out:
        out.write(read(name, ".qevm.gz"))
    should = explain(path)
    with Ferry(build, directory, ROWS[name], "-incoming", "defer") as ferry:
        ferry.command("migrate-incoming", **{"uri": f"file:{path}", "exit-on-error": False})
        ferry.finish()
        ferry.save(again)
    compare(name, should, explain(again))


def main():
    build = sys.argv[1]
    tests = [(f"{words} {name}", function, name) for name in ROWS for words, function in
             (("saved as ever:", test_saved), ("an old stream loads and stays the same:", test_loaded))]
    bad = 0
    with tempfile.TemporaryDirectory(prefix="ferry-golden-") as directory:
        for name, size in (("bios", 64 << 10), ("disk", 1 << 20)):
            with open(os.path.join(directory, name), "wb") as f:
                f.truncate(size)
        if sys.argv[2:3] == ["--update"]: # all, or those named
            for name in sys.argv[3:] or ROWS:
                update(build, directory, name)
            return 0
        print(f"1..{len(tests)}")
        for number, (sentence, function, name) in enumerate(tests, 1):
            try:
                function(build, directory, name)
                print(f"ok {number} {sentence}", flush=True)
            except (AssertionError, OSError) as error:
                bad = 1
                print(f"not ok {number} {sentence}\n# " + str(error).replace("\n", "\n# "), flush=True)
    return bad


sys.exit(main())
