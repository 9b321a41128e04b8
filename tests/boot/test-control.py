#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-control.py BUILDDIR: a booted guest under QMP: resets, the NMI button, memory files, stop and
continue, under the strictest -sandbox; ends at odd moments leave nothing behind (TAP)."""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")
SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


def seccomp_modes(pid):
    modes = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
            modes += [line.split()[1] for line in status if line.startswith("Seccomp:")]
    return modes


def test_session():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "qmp")
        with guest.Machine(BUILD, "-smp", "2", "-qmp", f"unix:{path},server=on,wait=off",
                           "-sandbox", SANDBOX, "-rtc", "base=2021-03-04T05:06:07",
                           append="stay") as machine:
            qmp = guest.Qmp(path)
            qmp.run("set-action", reboot="reset")
            at = machine.wait_for("BOOT-OK x86_64")
            modes = seccomp_modes(machine.process.pid)
            assert len(modes) >= 4 and set(modes) == {"2"}, f"threads without a filter: {modes}"
            machine.type("date +CLOCK=%Y-%m-%d\n")
            at = machine.wait_for("CLOCK=2021-03-04", at)
            check_memory_files(qmp, directory)
            qmp.run("inject-nmi")
            at = machine.wait_for("NMI", at)
            for _ in range(20):
                qmp.run("system_reset")
                time.sleep(random.random() / 20)
            at = machine.wait_for("BOOT-OK x86_64", len(machine.text()))
            assert qmp.events.count("RESET") >= 1, qmp.events
            machine.type("echo alive-$((6 * 7))\n")
            machine.wait_for("alive-42", at)
            qmp.run("quit")
            qmp.close()
            status, text = machine.finish()
            assert status == 0, f"exit status {status}\n{text[-2000:]}"


def check_memory_files(qmp, directory):
    """What stops, stands still; pmemsave writes what xp shows."""
    qmp.run("stop")
    assert qmp.run("query-status")["status"] == "paused"
    name = os.path.join(directory, "mem")
    qmp.run("pmemsave", val=0x1000000, size=1 << 20, filename=name)
    with open(name, "rb") as f:
        data = f.read()
    assert len(data) == 1 << 20
    filled = next((i for i in range(0, len(data), 8) if any(data[i:i + 8])), 0)
    shown = qmp.run("human-monitor-command", **{"command-line": f"xp /8xb {0x1000000 + filled}"})
    words = shown.split(":", 1)[1].split()
    assert bytes(int(word, 16) for word in words) == data[filled:filled + 8], shown
    message = qmp.reply("pmemsave", val=1 << 50, size=4096, filename=name)
    assert message["error"]["class"] == "GenericError", message
    qmp.run("cont")
    assert qmp.run("query-status")["running"]


def test_ends_at_odd_moments():
    for turn in range(int(os.environ.get("ODD_ENDS", "10"))):
        with tempfile.TemporaryDirectory() as directory:
            path, pidfile = os.path.join(directory, "qmp"), os.path.join(directory, "pid")
            with guest.Machine(BUILD, "-smp", "4", "-qmp", f"unix:{path},server=on,wait=off",
                               "-pidfile", pidfile, append="stay") as machine:
                qmp = guest.Qmp(path)
                moment = random.random() * 2
                time.sleep(moment)
                if turn % 2:
                    machine.process.send_signal(signal.SIGTERM)
                else:
                    qmp.run("quit")
                status, text = machine.finish()
                qmp.close()
                assert status == 0, f"after {moment} s: exit status {status}\n{text[-2000:]}"
                assert not os.path.exists(pidfile), "the pid file is still there"
                assert not os.path.exists(path), "the socket is still there"


def test_bad_start_leaves_nothing():
    """The last option is wrong: what the earlier ones made is gone again."""
    with tempfile.TemporaryDirectory() as directory:
        path, pidfile = os.path.join(directory, "qmp"), os.path.join(directory, "pid")
        result = subprocess.run(
            [os.path.join(BUILD, "ferry-system-x86_64"), "-display", "none", "-qmp",
             f"unix:{path},server=on,wait=off", "-pidfile", pidfile, "-kernel", "/nonexistent"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=guest.TIMEOUT)
        assert result.returncode == 1 and "/nonexistent" in result.stderr, result.stderr
        assert os.listdir(directory) == [], os.listdir(directory)


def main():
    guest.fetch()
    return guest.run_tap([
        ("a start that fails leaves nothing behind", test_bad_start_leaves_nothing),
        ("a booted guest is controlled over QMP, all threads under the filter", test_session),
        ("an end at any moment of the boot is a clean one", test_ends_at_odd_moments),
    ])


sys.exit(main())
