#!/usr/bin/env python3
"""Every key of the policy is named by a test of what it does.

The keys are those of default.yaml, which has them all. A test names one when its code (not a
comment, not a message) has section.name in it, as in policy.gpu.software = true. Tests of the table
and of the loader name every key, whatever it does: tests/config does not count.
Arguments: default.yaml, then the sources of the tests.
"""
import re
import sys
import unittest

COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def keys_of(yaml):
    keys, section = [], None
    for line in yaml.splitlines():
        found = re.match(r"(  )?(\w+):", line)
        if found and found.group(1):
            keys.append(f"{section}.{found.group(2)}")
        elif found:
            section = found.group(2)
    return keys


def code_of(source):
    return COMMENT_OR_STRING.sub(" ", source)


def unnamed(keys, sources):
    code = "\n".join(code_of(source) for source in sources)
    return [key for key in keys if not re.search(rf"\b{re.escape(key)}\b", code)]


class KeysTest(unittest.TestCase):
    def test_keys_are_found(self):
        yaml = "# a: comment\ngpu:\n  # b: 1\n  one: 1\n  two: \"x: y\"\n\nlimits:\n  one: 2\n"
        self.assertEqual(keys_of(yaml), ["gpu.one", "gpu.two", "limits.one"])

    def test_only_code_names_a_key(self):
        keys = ["gpu.cache"]
        for source in "p.gpu.cache = true;", "p->gpu.cache", "x /* \" */ = gpu.cache; /* \" */":
            self.assertEqual(unnamed(keys, [source]), [], source)
        for source in "/* gpu.cache\n*/", "// gpu.cache", 'f("gpu.cache");', "p.gpu.cache_dir = 1;":
            self.assertEqual(unnamed(keys, [source]), keys, source)

    def test_every_key_is_named_by_a_test_of_what_it_does(self):
        with open(ARGUMENTS[0], encoding="utf-8") as file:
            keys = keys_of(file.read())
        sources = []
        for path in ARGUMENTS[1:]:
            with open(path, encoding="utf-8") as file:
                sources.append(file.read())
        self.assertGreaterEqual(len(keys), 18)
        self.assertGreater(len(sources), 10)
        self.assertEqual(unnamed(keys, sources), [])


if __name__ == "__main__":
    ARGUMENTS = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
