#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/check-layers on small trees that each break one rule (TAP)."""
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# name, files, what stderr must hold (None: the tree is good)
CASES = [
    ("an-empty-tree-is-good", {}, None),
    ("an-allowed-include-is-good",
     {"include/base/util/a.h": "", "base/core/b.c": '#include "base/util/a.h"\n'}, None),
    ("an-upward-include-fails",
     {"include/exec/a.h": "", "base/core/b.c": '#include "exec/a.h"\n'},
     "base/core/b.c:1: room 'base/core' may not include \"exec/a.h\""),
    ("one-header-of-a-room-can-be-allowed",
     {"include/exec/cpu.h": "", "hw/core/b.c": '#include "exec/cpu.h"\n'}, None),
    ("and-its-other-headers-are-not",
     {"include/exec/ir.h": "", "hw/core/b.c": '#include "exec/ir.h"\n'},
     "room 'hw/core' may not include"),
    ("devices-do-not-include-each-other",
     {"include/hw/intc/pic.h": "", "hw/timer/pit.c": '#include "hw/intc/pic.h"\n'},
     "room 'hw/timer' may not include"),
    ("boards-include-devices",
     {"include/hw/intc/pic.h": "", "hw/i386/pc.c": '#include "hw/intc/pic.h"\n'}, None),
    ("a-private-header-stays-in-its-room",
     {"exec/a-priv.h": "", "target/x86/b.c": '#include "exec/a-priv.h"\n'},
     '"exec/a-priv.h" is private to room \'exec\''),
    ("a-test-may-look-inside",
     {"exec/a-priv.h": "", "tests/unit/b.c": '#include "exec/a-priv.h"\n'}, None),
    ("a-public-header-shows-no-private-one",
     {"exec/a-priv.h": "", "include/exec/b.h": '#include "exec/a-priv.h"\n'},
     "public header includes the private"),
    ("nothing-includes-system",
     {"include/system/a.h": "", "monitor/b.c": '#include "system/a.h"\n'},
     "room 'monitor' may not include"),
    ("a-library-stays-where-it-belongs",
     {"hw/net/nic.c": "#include <slirp/libslirp.h>\n"}, "<slirp/libslirp.h> is not for room"),
    ("a-file-outside-every-room-fails", {"hw/odd/a.c": "\n"}, "not in any room"),
    ("a-long-file-fails", {"exec/a.c": "int a;\n" * 901}, "901 lines, at most 900"),
    ("a-long-table-is-good", {"exec/a.c": "/* size-exempt: table */\n" + "1,\n" * 950}, None),
    ("a-long-function-fails", {"exec/a.c": "int f(void)\n{\n" + "    g();\n" * 80 + "}\n"},
     "exec/a.c:2: function of 82 lines, at most 80"),
    ("a-long-dispatch-is-good",
     {"exec/a.c": "/* size-exempt: dispatch */\nint f(void)\n{\n" + "    g();\n" * 80 + "}\n"},
     None),
    ("a-cycle-in-tests-would-show",
     {"include/hw/ccw/a.h": '#include "hw/virtio/b.h"\n', "include/hw/virtio/b.h":
      '#include "hw/ccw/a.h"\n'}, "cycle between rooms: "),
]


def run(files):
    with tempfile.TemporaryDirectory() as tree:
        os.mkdir(os.path.join(tree, "scripts"))
        shutil.copy(os.path.join(TOP, "scripts", "layers.toml"), os.path.join(tree, "scripts"))
        for path, text in files.items():
            os.makedirs(os.path.join(tree, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(tree, path), "w", encoding="utf-8") as f:
                f.write(text)
        return subprocess.run([os.path.join(TOP, "scripts", "check-layers"), tree], text=True,
                              capture_output=True, check=False)


def main():
    print(f"1..{len(CASES)}")
    bad = 0
    for number, (name, files, expected) in enumerate(CASES, 1):
        result = run(files)
        good = (result.returncode == 0 if expected is None
                else result.returncode == 1 and expected in result.stderr)
        bad += not good
        print(f"{'ok' if good else 'not ok'} {number} {name}")
        if not good:
            print("# " + (result.stdout + result.stderr).strip().replace("\n", "\n# "))
    return 1 if bad else 0


sys.exit(main())
