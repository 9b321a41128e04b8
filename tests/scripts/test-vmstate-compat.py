#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vmstate-compat on two made-up machines: each way to break a stream is told, with its path (TAP)."""
import copy
import json
import os
import subprocess
import sys
import tempfile

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "vmstate-compat")


def field(name, size=4, version=0, **more):
    return {"field": name, "version_id": version, "type": "uint32", "size": size, "num": 0, **more}


def base():
    inner = {"name": "inner", "version_id": 1, "minimum_version_id": 1, "Fields": [field("a"), field("b")]}
    record = {"name": "dev", "version_id": 3, "minimum_version_id": 2,
              "Fields": [field("x"), field("y", version=3),
                         {"field": "in", "version_id": 0, "type": "struct", "size": 8, "num": 0,
                          "Description": inner}],
              "Subsections": [{"name": "dev/more", "version_id": 1, "minimum_version_id": 1,
                               "Fields": [field("z")]}]}
    return {"vmschkmachine": {"Name": "m"},
            "dev": {"Name": "dev", "instance_id": 0, "version_id": 3, "minimum_version_id": 2,
                    "Description": record}}


def run(old, new):
    with tempfile.TemporaryDirectory() as directory:
        paths = []
        for name, data in (("old", old), ("new", new)):
            paths.append(os.path.join(directory, name))
            with open(paths[-1], "w", encoding="utf-8") as f:
                json.dump(data, f)
        done = subprocess.run([TOOL, *paths], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout


def record_of(dump):
    return dump["dev"]["Description"]


def older(dump):
    """The same machine, saved by a build whose record was version 2 and had no y."""
    for part in (dump["dev"], record_of(dump)):
        part["version_id"] = 2
    del record_of(dump)["Fields"][1]
    return dump


CASES = [
    ("the same loads", lambda d: None, 0, "loads"),
    ("a missing section", lambda d: d.pop("dev"), 1, "refused: dev: the new one has no such section"),
    ("a section that is too old", lambda d: d["dev"].update(version_id=5, minimum_version_id=4), 1,
     "refused: dev: version 3 is older than the minimum 4"),
    ("a section that is too new", lambda d: d["dev"].update(version_id=2), 1,
     "refused: dev: version 3 is newer than 2"),
    ("a renamed field", lambda d: record_of(d)["Fields"][0].update(field="q"), 1,
     "misread: dev.x: field 0 is 'q'"),
    ("a field of another size", lambda d: record_of(d)["Fields"][0].update(size=8), 1, "misread: dev.x:"),
    ("a lost field in an inner record",
     lambda d: record_of(d)["Fields"][2]["Description"]["Fields"].pop(), 1,
     "misread: dev.in.b: the new one does not read it"),
    ("a field that nobody sends", lambda d: record_of(d)["Fields"].append(field("w")), 1,
     "misread: dev.w: the new one reads it"),
    ("a field of a newer version only", lambda d: (record_of(d).update(version_id=4),
                                                   record_of(d)["Fields"].append(field("w", version=4))), 0,
     "loads"),
    ("an unknown subsection", lambda d: record_of(d)["Subsections"].pop(), 0, "may be: dev: dev/more"),
    ("a new subsection", lambda d: record_of(d)["Subsections"].append({"name": "dev/new", "version_id": 1}), 0,
     "note: dev: dev/new"),
    ("a changed subsection", lambda d: record_of(d)["Subsections"][0]["Fields"].pop(), 1,
     "misread: dev: dev/more.z"),
]


def main():
    bad = 0
    print(f"1..{len(CASES) + 2}")
    for number, (name, change, status, words) in enumerate(CASES, 1):
        new = copy.deepcopy(base())
        change(new)
        got, text = run(base(), new)
        good = got == status and words in text
        bad += not good
        print(f"{'ok' if good else 'not ok'} {number} {name}")
        if not good:
            print("# " + text.replace("\n", "\n# "))
    got, text = run(older(base()), base())
    print(f"{'ok' if got == 0 else 'not ok'} {len(CASES) + 1} an older record loads without the newer field")
    done = subprocess.run([TOOL, __file__, __file__], capture_output=True, text=True, check=False)
    good = done.returncode == 2 and "test-vmstate-compat" in done.stderr
    print(f"{'ok' if good else 'not ok'} {len(CASES) + 2} a file that is no dump is named")
    return 1 if bad or got or not good else 0


if __name__ == "__main__":
    sys.exit(main())
