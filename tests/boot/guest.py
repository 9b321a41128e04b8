# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest tests share: the guest's files, added initrds, a run with typed input, QMP, TAP."""
import gzip
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUESTS = os.environ.get("FERRY_GUESTS") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "ferry", "guests")
TIMEOUT = float(os.environ.get("BOOT_TIMEOUT", "120"))


# By guest: the name in its files, machine, console.
KINDS = {"x86_64": ("amd64", "q35", "console=ttyS0 "), "s390x": ("s390x", "s390-ccw-virtio", "")}


def fetch(*guests):
    subprocess.run([os.path.join(TOP, "scripts", "get-guests"), GUESTS,
                    *(KINDS[name][0] for name in guests or ["x86_64"])], check=True, stdout=sys.stderr)


def guest_file(name):
    return os.path.join(GUESTS, name)


def cpio(files):
    """A gzipped newc archive of {path: (mode, bytes)}; directories come from the paths."""
    out = io.BytesIO()
    entries = {}
    for path, (mode, data) in files.items():
        parts = path.split("/")
        for i in range(1, len(parts)):
            entries.setdefault("/".join(parts[:i]), (0o040755, b""))
        entries[path] = (0o100000 | mode, data)
    number = 0
    for path, (mode, data) in [*entries.items(), ("TRAILER!!!", (0, b""))]:
        number += 1
        name = path.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        for part in (header + name, data):
            out.write(part + b"\0" * (-len(part) % 4))
    return gzip.compress(out.getvalue(), mtime=0)


WITH_BOARDS = ("initrd", "modules", "boards")


def initrd_with(script, directory, arch="x86_64", parts=("initrd", "modules")):
    """The guest's initrd with virtio modules, which runs @script after they are loaded."""
    path = os.path.join(directory, "initrd.gz")
    with open(path, "wb") as out:
        for name in parts:
            with open(guest_file(f"{name}-{KINDS[arch][0]}.gz"), "rb") as part:
                data = part.read()
                out.write(data + b"\0" * (-len(data) % 4))
        out.write(cpio({"autorun.d/50-test": (0o755, b"#!/bin/sh\n" + script.encode())}))
    return path


class Skip(Exception):
    """A test that cannot run here, and why."""


class Machine:
    """A running ferry whose console is collected; wait_for() and type() talk with it. @within: a command that runs the
    one behind it."""

    def __init__(self, build, *options, initrd=None, append="", kernel=True, arch="x86_64", within=()):
        self.output = b""
        self.changed = threading.Condition()
        self.deadline = time.monotonic() + TIMEOUT
        name, machine, console = KINDS[arch]
        command = [*within, os.path.join(build, "ferry-system-" + arch), "-machine", machine, "-m", "512",
                   "-no-reboot", *options]
        if not kernel: # firmware would copy the screen to the serial port
            command += ["-display", "none", "-serial", "stdio", "-monitor", "none"]
        else:
            command += ["-nographic", "-kernel", guest_file("vmlinux-" + name),
                        "-initrd", initrd or guest_file(f"initrd-{name}.gz"),
                        "-append", (console + append).strip()]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self.collect, daemon=True)
        self.reader.start()

    def collect(self):
        while data := os.read(self.process.stdout.fileno(), 65536):
            with self.changed:
                self.output += data
                self.changed.notify_all()
        with self.changed:
            self.output += b"\n[end]\n"
            self.changed.notify_all()

    def text(self):
        return self.output.decode("utf-8", "replace").replace("\r", "")

    def wait_for(self, words, after=0):
        """Position behind @words in the text; fails when the console ends or time is up."""
        with self.changed:
            while True:
                text = self.text()
                if (at := text.find(words, after)) >= 0:
                    return at + len(words)
                left = self.deadline - time.monotonic()
                assert left > 0, f"no '{words}' in time\n{text[-2000:]}"
                assert not text.endswith("[end]\n"), (
                    f"the console ended without '{words}'\n{text[-2000:]}")
                self.changed.wait(left)

    def wait_until(self, holds, failure):
        """Until holds(), which asks a running machine; fails with the text of failure()."""
        while not holds():
            assert time.monotonic() < self.deadline, failure()
            assert self.process.poll() is None, "the machine ended\n" + self.text()[-2000:]
            time.sleep(0.1)

    def type(self, words):
        self.process.stdin.write(words.encode())
        self.process.stdin.flush()

    def finish(self):
        """The exit status, and the whole console."""
        try:
            status = self.process.wait(max(1, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise AssertionError("did not exit in time") from None
        self.reader.join(10)
        return status, self.text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()


class Qmp:
    """One connection; events are kept in order. In the names of arguments _ stands for -."""

    def __init__(self, path):
        """Waits for the socket of a process that was just started."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                assert time.monotonic() < deadline, "no QMP socket in time"
                time.sleep(0.02)
        self.socket.settimeout(TIMEOUT)
        self.stream = self.socket.makefile("rb")
        self.events = []
        self.receive()
        self.run("qmp_capabilities")

    def receive(self):
        line = self.stream.readline()
        assert line, "the QMP connection ended"
        return json.loads(line)

    def reply(self, command, **arguments):
        arguments = {name.replace("_", "-"): value for name, value in arguments.items()}
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while "event" in (message := self.receive()):
            self.events.append(message["event"])
        return message

    def run(self, command, **arguments):
        message = self.reply(command, **arguments)
        assert "return" in message, f"{command}: {message}"
        return message["return"]

    def wait(self, command, arrived):
        """Asks until @arrived says so of the answer, and gives that."""
        deadline = time.monotonic() + TIMEOUT
        while not arrived(answer := self.run(command)):
            assert time.monotonic() < deadline, f"{command} stays at {answer}"
            time.sleep(0.02)
        return answer

    def close(self):
        self.stream.close()
        self.socket.close()


def run_tap(tests):
    """Run [(sentence, function)]; a function fails by AssertionError."""
    print(f"1..{len(tests)}")
    bad = 0
    for number, (sentence, function) in enumerate(tests, 1):
        start = time.monotonic()
        try:
            function()
            print(f"ok {number} {sentence} # {time.monotonic() - start:.0f} s", flush=True)
        except Skip as why:
            print(f"ok {number} {sentence} # SKIP {why}", flush=True)
        except (AssertionError, OSError) as error:
            bad += 1
            print(f"not ok {number} {sentence}")
            print("# " + (str(error) or repr(error)).strip().replace("\n", "\n# "), flush=True)
    return 1 if bad else 0
