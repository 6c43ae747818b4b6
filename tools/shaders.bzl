"""yoke_shader(name, src, deps, defines): a GPU kernel, from GLSL to a C array.

    yoke_shader(name = "sha256d", src = "sha256.comp", deps = [":glsl"], defines = ["TIMES=2"])

makes the library :sha256d, for C code that includes "<folder>/sha256d.spv.h":

    extern const uint32_t sha256d_spv[N];       the module; sizeof works
    enum { sha256d_spv_bytes = 4 * N };

glslang compiles for Vulkan 1.2, spirv-opt inlines and simplifies, spirv-val has the last word: what
it refuses does not build. The three come from Debian (glslang-tools, spirv-tools). `deps` are
filegroups of the GLSL files that src includes; shaders/ and src's own folder are searched. Targets
are tagged `gpu`, so that a build without GPUs (--config=cpu_only) can leave them out.
"""

load("//tools:yoke.bzl", "yoke_library")

_COMPILE = """
set -euo pipefail
say() {{ # glslang names the file on success too: speak only of failures
    local text
    text=$("$@" 2>&1) || {{ printf '%s\\n' "$text" >&2; exit 1; }}
}}
say /usr/bin/glslangValidator -V --target-env vulkan1.2 -S comp {flags} -o {spv}.raw {src}
/usr/bin/spirv-opt -O --target-env=vulkan1.2 {spv}.raw -o {spv}
/usr/bin/spirv-val --target-env vulkan1.2 {spv}
words=$(($(stat -L -c %s {spv}) / 4))
cat >{header} <<END
/* SPIR-V made from {src}. */
#ifndef {guard}
#define {guard}
#include <stdint.h>
extern const uint32_t {name}_spv[$words];
enum {{ {name}_spv_bytes = 4 * $words }};
#endif
END
{{
    echo '#include "{header_name}"'
    echo 'const uint32_t {name}_spv['$words'] = {{'
    od -An -v -tx4 -w32 {spv} | sed 's/ *\\([0-9a-f]\\{{8\\}}\\)/0x\\1,/g'
    echo '}};'
}} >{source}
"""

def _spirv_impl(ctx):
    name = ctx.attr.shader
    spv = ctx.actions.declare_file(name + ".spv")
    header = ctx.actions.declare_file(name + ".spv.h")
    source = ctx.actions.declare_file(name + ".spv.c")
    includes = [ctx.file.src.dirname, "shaders"]
    header_name = ctx.label.package + "/" + header.basename
    guard = "".join([c if c.isalnum() else "_" for c in header_name.elems()]).upper()
    ctx.actions.run_shell(
        outputs = [spv, header, source],
        inputs = [ctx.file.src] + ctx.files.deps,
        command = _COMPILE.format(
            flags = " ".join(["-I" + folder for folder in includes] +
                             ["-D" + define for define in ctx.attr.defines]),
            guard = guard,
            header = header.path,
            header_name = header_name,
            name = name,
            source = source.path,
            spv = spv.path,
            src = ctx.file.src.path,
        ),
        mnemonic = "Shader",
        progress_message = "Compiling shader %s" % name,
        use_default_shell_env = True,
    )
    return [
        DefaultInfo(files = depset([header, source])),
        OutputGroupInfo(header = depset([header]), source = depset([source])),
    ]

_spirv = rule(
    implementation = _spirv_impl,
    attrs = {
        "shader": attr.string(mandatory = True),
        "src": attr.label(allow_single_file = [".comp"], mandatory = True),
        "deps": attr.label_list(allow_files = [".glsl"]),
        "defines": attr.string_list(),
    },
)

def yoke_shader(name, src, deps = [], defines = [], tags = [], **kwargs):
    tags = tags + ["gpu"]
    _spirv(
        name = name + "_spirv",
        shader = name,
        src = src,
        deps = deps,
        defines = defines,
        tags = tags,
    )
    for part in ["header", "source"]:
        native.filegroup(
            name = name + "_" + part,
            srcs = [":" + name + "_spirv"],
            output_group = part,
            tags = tags,
        )
    yoke_library(
        name = name,
        srcs = [":" + name + "_source"],
        hdrs = [":" + name + "_header"],
        alwayslink = False,
        tags = tags,
        **kwargs
    )
