"""Build rules for yoke's C code: the language, the warnings and the linking are set here only.

yoke_library(name, srcs, hdrs, deps, ...)   a library, linked statically and as a whole into what
                                            uses it: libyoke.so exports what nobody in it calls.
                                            alwayslink = False takes only what is called
yoke_binary(name, srcs, deps, ...)          an executable
yoke_test(name, srcs, deps, ...)            a cmocka test; cmocka is added to deps. size = "small"
                                            (.bazelrc has the seconds). A test that measures time or
                                            needs all cores: tags = ["exclusive"]. One that means
                                            the same under every sanitizer: tags = ["plain"]; one
                                            with a single thread that takes long under tsan:
                                            tags = ["single"].

All take what cc_library, cc_binary and cc_test take. `copts` adds to the common ones, so a file
that needs a CPU extension gets a yoke_library of its own: copts = ["-msha", "-msse4.1"].
Public headers go under hdrs with includes = ["include"]. Internal ones are included by name inside
their folder and, from a test, by their path from the root: #include "runtime/deque.h".
"""

# Globals of position-independent code may be inlined: nobody interposes on yoke's functions.
_COPTS = [
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fno-semantic-interposition",
]

_DEFINES = ["_GNU_SOURCE"]

_LINKOPTS = ["-pthread"]

def yoke_library(name, copts = [], local_defines = [], linkopts = [], alwayslink = True, **kwargs):
    native.cc_library(
        name = name,
        alwayslink = alwayslink,
        copts = _COPTS + copts,
        local_defines = _DEFINES + local_defines,
        linkopts = _LINKOPTS + linkopts,
        linkstatic = True,
        **kwargs
    )

def yoke_binary(name, copts = [], local_defines = [], linkopts = [], **kwargs):
    native.cc_binary(
        name = name,
        copts = _COPTS + copts,
        local_defines = _DEFINES + local_defines,
        linkopts = _LINKOPTS + linkopts,
        **kwargs
    )

def yoke_test(name, deps = [], copts = [], local_defines = [], linkopts = [], **kwargs):
    kwargs.setdefault("size", "small")
    native.cc_test(
        name = name,
        deps = deps + ["//third_party/cmocka"],
        copts = _COPTS + copts,
        local_defines = _DEFINES + local_defines,
        linkopts = _LINKOPTS + linkopts,
        linkstatic = True,
        **kwargs
    )
