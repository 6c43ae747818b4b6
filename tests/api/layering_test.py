#!/usr/bin/env python3
"""Files include only what lies below them.

FOLDERS says which folders a folder may include from, LEVELS orders the files of the runtime, and
SYSTEM keeps each outside library behind one door. The rules are tried on small made-up trees first,
then on the real one, which Bazel lays out under the working directory.
"""
import os
import posixpath
import re
import unittest

# A folder's files may include their own folder's, those of the folders listed, and the public
# headers (<yoke/...>) of the folders listed. Folders that are absent here may include anything.
FOLDERS = {
    "runtime": {"internal": ["backends"], "public": ["runtime"]}, # the table of backends
    "backends": {"internal": ["runtime"], "public": ["runtime"]},
    "tasks": {"internal": ["shaders"], "public": ["runtime", "tasks"]},
    "config": {"internal": ["runtime"], "public": ["runtime"]},
    "cli": {"internal": [], "public": ["runtime", "tasks"]},
}

# The runtime's files by stem, lowest level first: a file includes only its own and lower levels.
# A name with its ending stands for that file alone: runtime.h is the struct that its parts share.
LEVELS = [
    ["base", "atomics", "policy"],
    ["deque", "ring", "inbox", "park", "waiters", "frames", "crew", "stats", "topology"],
    ["model", "snapshot", "reload.h"],
    ["type", "region", "resident.h"],
    ["job", "recorder", "path", "patience"],
    ["scratch"],
    ["batch", "choose", "group", "completion", "route", "health", "verify"],
    ["runtime.h"],
    ["ready", "register", "check", "resident.c", "seal", "trial"],
    ["lane"],
    ["settle", "surplus"],
    ["submitter", "compile", "copy", "fill", "retire", "rest", "worker", "fork", "run"],
    ["submit", "wait", "devices", "controller", "reload.c"],
    ["metrics", "trace"],
    ["runtime"],
]
LEVEL = {stem: level for level, stems in enumerate(LEVELS) for stem in stems}
STRANGERS = [{"worker", "lane"}]

# An outside library's headers, and who may include them: files whose paths begin so, or one file
# wherever it is. Benches are held to this too: of theirs only the raw floor knows Vulkan.
SYSTEM = [
    ("liburcu", r"urcu(/|\.h$|-)", "one file"),
    ("hwloc", r"hwloc(/|\.h$)", "one file"),
    ("libcyaml", r"cyaml/", ("config/",)),
    ("vulkan", r"(vulkan/|volk\.h$)", ("backends/vulkan/", "bench/gpu_raw")),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def stem_of(path):
    return posixpath.splitext(posixpath.basename(path))[0]


def level_of(path):
    return LEVEL.get(posixpath.basename(path), LEVEL.get(stem_of(path)))


def resolve(path, quote, name, tree):
    """The file of the tree that an include in `path` means, or None if it is a system header."""
    candidates = [name, posixpath.join(posixpath.dirname(path), name)]
    candidates += [f"{folder}/include/{name}" for folder in FOLDERS]
    found = [c for c in candidates if c in tree]
    return found[0] if found else (name if quote == '"' else None)


def folder_complaint(path, target):
    folder, other = path.split("/")[0], target.split("/")[0]
    rule = FOLDERS.get(folder)
    if rule is None or "/" not in path:
        return None
    public = target.startswith(f"{other}/include/")
    if path.startswith(f"{folder}/include/") and not public:
        return "a public header must not include an internal one"
    if public and other in rule["public"] or other in [folder] + rule["internal"]:
        return None
    return f"{folder} must not include from {other}"


def level_complaint(path, target):
    if not (path.startswith("runtime/") and target.startswith("runtime/")):
        return None
    if "/include/" in path or "/include/" in target:
        return None
    strangers = {stem_of(path), stem_of(target)} in STRANGERS
    if level_of(path) < level_of(target) or strangers:
        return f"{posixpath.basename(target)} is not below {posixpath.basename(path)}"
    return None


def system_complaints(includes):
    complaints = []
    for library, pattern, place in SYSTEM:
        users = sorted({path for path, _, name in includes if re.match(pattern, name)})
        if place == "one file":
            wrong = users[1:]
        else:
            wrong = [path for path in users if not path.startswith(place)]
        door = place if place == "one file" else " and ".join(place)
        complaints += [f"{path}: only {door} may include {library}" for path in wrong]
    return complaints


def complaints_of(tree):
    """What is wrong with a tree {path: text}; tests may reach for anything, benches for all of it
    but not for outside libraries."""
    everybodys = [
        (path, quote, name)
        for path, text in sorted(tree.items())
        if not path.startswith("tests/")
        for quote, name in INCLUDE.findall(text)
    ]
    complaints = system_complaints(everybodys)
    includes = [include for include in everybodys if not include[0].startswith("bench/")]
    for path in sorted(tree):
        parts = path.split("/")
        if parts[0] == "runtime" and len(parts) == 2 and level_of(path) is None:
            complaints.append(f"{path}: has no level; give it one in LEVELS")
    if complaints:
        return complaints
    for path, quote, name in includes:
        if ".." in name.split("/"):
            complaints.append(f"{path}: includes {name}; no .. in an include")
            continue
        target = resolve(path, quote, name, tree)
        if target:
            for why in folder_complaint(path, target), level_complaint(path, target):
                if why:
                    complaints.append(f"{path}: includes {name}: {why}")
    return complaints


def read_tree(root):
    tree = {}
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith((".c", ".h")):
                path = posixpath.normpath(posixpath.relpath(posixpath.join(folder, name), root))
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    tree[path] = file.read()
    return tree


CLEAN = {
    "runtime/include/yoke/yoke.h": "#include <stdint.h>\n",
    "tasks/include/yoke/tasks.h": "#include <yoke/yoke.h>\n",
    "runtime/base.h": "#include <yoke/yoke.h>\n",
    "runtime/deque.h": '#include "base.h"\n',
    "runtime/runtime.h": '#include "deque.h"\n',
    "runtime/runtime.c": '#include "worker.h"\n',
    "runtime/worker.c": '#include "runtime/worker.h"\n#include "deque.h"\n',
    "runtime/worker.h": '#include "runtime.h"\n',
    "runtime/lane.h": "",
    "runtime/snapshot.c": "#include <urcu/urcu-bp.h>\n",
    "tasks/sha256/sha256.c": '#include "sha256.h"\n#include <yoke/tasks.h>\n',
    "tasks/sha256/sha256.h": "",
    "cli/block.c": '#include "cli/wire.h"\n#include <yoke/tasks.h>\n',
    "cli/wire.h": "",
    "config/loader.c": "#include <cyaml/cyaml.h>\n",
    "backends/vulkan/vulkan.c": "#include <vulkan/vulkan.h>\n",
    "bench/gpu_raw_parts.h": "#include <vulkan/vulkan.h>\n",
    "bench/gpu_load.c": '#include "runtime/deque.h"\n#include "gpu_raw.h"\n',
    "tests/unit/deque_test.c": '#include "runtime/deque.h"\n',
}

# A file, and a line that it must not have.
VIOLATIONS = [
    ("runtime/base.h", '#include "deque.h"'),
    ("runtime/base.h", '#  include "runtime/worker.h"'),
    ("runtime/runtime.h", '#include "worker.h"'),
    ("runtime/worker.c", '#include "lane.h"'),
    ("runtime/lane.h", '#include "worker.h"'),
    ("runtime/worker.c", "#include <yoke/tasks.h>"),
    ("runtime/worker.c", '#include "tasks/sha256/sha256.h"'),
    ("runtime/worker.c", '#include "cli/wire.h"'),
    ("runtime/worker.c", '#include "tests/unit/helper.h"'),
    ("runtime/worker.c", '#include "../tasks/sha256/sha256.h"'),
    ("runtime/include/yoke/yoke.h", '#include "runtime/base.h"'),
    ("runtime/include/yoke/yoke.h", "#include <yoke/tasks.h>"),
    ("tasks/sha256/sha256.c", '#include "runtime/base.h"'),
    ("cli/block.c", '#include "tasks/sha256/sha256.h"'),
    ("cli/block.c", '#include "runtime/deque.h"'),
    ("runtime/worker.c", "#include <urcu/urcu-bp.h>"),
    ("runtime/worker.c", "#include <cyaml/cyaml.h>"),
    ("tasks/sha256/sha256.c", "#include <vulkan/vulkan.h>"),
    ("bench/gpu_load.c", "#include <vulkan/vulkan.h>"),
    ("bench/gpu_load.c", "#include <cyaml/cyaml.h>"),
    ("bench/gpu_load.c", "#include <urcu/urcu-bp.h>"),
    ("runtime/unheard_of.c", ""),
]


class LayeringTest(unittest.TestCase):
    def test_a_clean_tree_has_no_complaint(self):
        self.assertEqual(complaints_of(CLEAN), [])

    def test_each_violation_is_told(self):
        for path, line in VIOLATIONS:
            with self.subTest(path=path, line=line):
                tree = dict(CLEAN)
                tree[path] = f"{tree.get(path, '')}{line}\n"
                complaints = complaints_of(tree)
                self.assertEqual(len(complaints), 1, complaints)

    def test_a_second_user_of_hwloc_is_told(self):
        tree = dict(CLEAN)
        tree["runtime/base.h"] = tree["runtime/deque.h"] = "#include <hwloc.h>\n"
        self.assertEqual(len(complaints_of(tree)), 1)

    def test_the_tree_is_layered(self):
        tree = read_tree(".")
        self.assertIn("runtime/include/yoke/yoke.h", tree)
        self.assertIn("tasks/include/yoke/tasks.h", tree)
        self.assertTrue(any(path.startswith("cli/") for path in tree))
        self.assertEqual(complaints_of(tree), [], "\n" + "\n".join(complaints_of(tree)))


if __name__ == "__main__":
    unittest.main()
