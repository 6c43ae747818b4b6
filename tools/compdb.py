#!/usr/bin/env python3
"""Turns `bazel aquery --output=jsonproto` on stdin into compile_commands.json on stdout.

Usage: compdb.py ROOT. Paths are relative to ROOT, where Bazel keeps its bazel-out link, so editors
open the files of the checkout itself.
"""
import json
import sys


def entry(root, arguments):
    source = arguments[arguments.index("-c") + 1]
    return {"directory": root, "file": source, "arguments": arguments}


def main():
    root = sys.argv[1]
    actions = json.load(sys.stdin).get("actions", [])
    commands = [action["arguments"] for action in actions]
    entries = [entry(root, arguments) for arguments in commands if "-c" in arguments]
    json.dump(sorted(entries, key=lambda e: e["file"]), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
