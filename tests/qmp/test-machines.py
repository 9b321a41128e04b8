#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Machine types as a user sees them: versions, aliases, what is deprecated; and who has the last word about a property.

usage: test-machines.py FERRY-DIR

Prints TAP.
"""
import json
import os
import re
import subprocess
import sys

GUESTS = ("x86_64", "s390x")
TESTDEV = {"execute": "qom-get", "arguments": {"path": "/machine/peripheral/t", "property": "x-late"}}
CPUS = {"execute": "query-cpus-fast"}


def ask(guest, requests, *options):
    """What the requests return, of a program that is started for them."""
    lines = [{"execute": "qmp_capabilities"}, *requests, {"execute": "quit"}]
    done = subprocess.run([os.path.join(sys.argv[1], "ferry-system-" + guest), "-accel", "qtest", "-S", "-nodefaults", "-display",
                           "none", "-qmp", "stdio", *options], input="\n".join(map(json.dumps, lines)), capture_output=True,
                          text=True, timeout=300, check=True)
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    return [reply["return"] for reply in replies if "return" in reply][1:-1]


def help_says_the_same(guest):
    machines, = ask(guest, [{"execute": "query-machines"}], "-machine", "none")
    text = subprocess.run([os.path.join(sys.argv[1], "ferry-system-" + guest), "-machine", "help"], capture_output=True,
                          text=True, timeout=300, check=True).stdout
    rows = dict(re.findall(r"^(\S+) +(.*)$", text.split("\n", 1)[1], re.M))
    for machine in machines:
        name = machine["name"]
        row = rows.pop(name)
        assert ("(deprecated)" in row) == machine["deprecated"] == name.endswith("-ferry-0.9"), (name, row)
        assert ("(default)" in row) == machine.get("is-default", False), (name, row)
        if "alias" in machine:
            assert f"(alias of {name})" in rows.pop(machine["alias"]), name
    assert not rows, rows
    names = {machine["name"] for machine in machines}
    released = {name.rsplit("-", 1)[0] for name in names if name.endswith("-10.0")}
    assert released, names
    for board in released:
        assert {f"{board}-ferry-0.9", f"{board}-ferry-1.0"} <= names, (board, names)


def late(machine, device="", *options):
    value, = ask("x86_64", [TESTDEV], "-machine", machine, "-device", "migration-testdev,id=t" + device, *options)
    return value


def precedence():
    old, new = "pc-q35-ferry-0.9", "pc-q35-ferry-1.0"
    on, off = (("-global", f"migration-testdev.x-late={value}") for value in ("on", "off"))
    assert not late(old) and late(new), "the compat list"
    assert late(old, "", *on) and not late(new, "", *off), "-global over the compat list"
    assert late(old, ",x-late=on") and not late(new, ",x-late=off"), "the device's option over the compat list"
    assert late(old, ",x-late=on", *off) and not late(new, ",x-late=off", *on), "the device's option over -global"


def smi_count(machine, *options):
    cpus, = ask("x86_64", [CPUS], "-machine", machine, *options)
    get = {"execute": "qom-get", "arguments": {"path": cpus[0]["qom-path"], "property": "x-migrate-smi-count"}}
    value, = ask("x86_64", [get], "-machine", machine, *options)
    return value


def example():
    for board in ("q35", "i440fx"):
        old, new = (f"pc-{board}-ferry-{version}" for version in ("0.9", "1.0"))
        assert not smi_count(old) and smi_count(new), board
        assert smi_count(old, "-global", "x86_64-cpu.x-migrate-smi-count=on"), board
        assert not smi_count(new, "-cpu", "qemu64,x-migrate-smi-count=off"), board


def main():
    tests = [(f"help and query-machines say the same: {guest}", lambda guest=guest: help_says_the_same(guest))
             for guest in GUESTS]
    tests += [("a compat list is below -global, and that below a device's option", precedence),
              ("the count of SMIs is off before the version that added it", example)]
    print(f"1..{len(tests)}")
    failed = 0
    for number, (name, test) in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} {name}")
        except Exception as error:  # pylint: disable=broad-except # any is a failure of this test
            failed += 1
            print(f"not ok {number} {name}\n# {type(error).__name__}: {error}")
    return 1 if failed else 0


sys.exit(main())
