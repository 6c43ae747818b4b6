"""install_archive(name, library, shaders, policies, pc, version): for `./dev install`.

A tar of what goes under a prefix: lib/ (the shared library with its links, the static one,
pkgconfig/yoke.pc), include/yoke/, share/yoke/shaders/ and share/yoke/policies/. `library` is a
cc_binary that links the shared library. All else follows from what it is made of: its objects make
the static library, the public headers of its deps (those in an include/ folder) are installed, and
the flags it is linked with are the .pc file's private ones. In the static library, as in the shared
one, only yoke_* can be seen from outside. `pc` has @PREFIX@ left in for packaging/install.sh.
"""

_PartsInfo = provider(fields = {"cc": "CcInfo of all that the binary is linked from"})

def _parts_impl(_target, ctx):
    deps = [dep[CcInfo] for dep in ctx.rule.attr.deps if CcInfo in dep]
    return [_PartsInfo(cc = cc_common.merge_cc_infos(cc_infos = deps))]

_parts = aspect(implementation = _parts_impl)

_STAGE = """
set -euo pipefail
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
lib=$stage/lib include=$stage/include/yoke share=$stage/share/yoke
mkdir -p "$lib/pkgconfig" "$include" "$share/shaders" "$share/policies"

install -m 755 {library} "$lib/libyoke.so.{version}"
ln -s libyoke.so.{version} "$lib/{soname}"
ln -s {soname} "$lib/libyoke.so"

/usr/bin/ld -r -o "$stage/yoke.o" {objects}
/usr/bin/objcopy --wildcard --keep-global-symbol='yoke_*' "$stage/yoke.o"
(cd "$stage" && /usr/bin/ar rcsD "$lib/libyoke.a" yoke.o && rm yoke.o)

install -m 644 {headers} "$include"
install -m 644 {shaders} "$share/shaders"
install -m 644 {policies} "$share/policies"
sed -e 's|@VERSION@|{version}|' -e 's|@LIBS@|{libs}|' {pc} >"$lib/pkgconfig/yoke.pc"
chmod 644 "$lib/pkgconfig/yoke.pc"
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$stage" -cf {out} \
    include lib share
"""

def _last_of_each(flags):
    kept = []
    for flag in reversed(flags):
        if flag not in kept:
            kept.append(flag)
    return reversed(kept)

def _install_archive_impl(ctx):
    cc = ctx.attr.library[_PartsInfo].cc
    objects = []
    flags = []
    for linked in cc.linking_context.linker_inputs.to_list():
        flags += linked.user_link_flags
        for part in linked.libraries:
            objects += part.pic_objects or part.objects or []
    headers = [
        header
        for header in cc.compilation_context.headers.to_list()
        if header.is_source and header.dirname.endswith("/include/yoke")
    ]
    shaders = ctx.files.shaders
    policies = ctx.files.policies
    library = ctx.file.library
    out = ctx.actions.declare_file(ctx.label.name + ".tar")
    ctx.actions.run_shell(
        outputs = [out],
        inputs = objects + headers + shaders + policies + [library, ctx.file.pc],
        command = _STAGE.format(
            headers = " ".join([file.path for file in headers]),
            library = library.path,
            libs = " ".join(_last_of_each(flags + ["-lm"])),
            objects = " ".join([file.path for file in objects]),
            out = out.path,
            pc = ctx.file.pc.path,
            policies = " ".join([file.path for file in policies]),
            shaders = " ".join([file.path for file in shaders]),
            soname = "libyoke.so." + ctx.attr.version.split(".")[0],
            version = ctx.attr.version,
        ),
        mnemonic = "InstallArchive",
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([out]), runfiles = ctx.runfiles(files = [out]))]

install_archive = rule(
    implementation = _install_archive_impl,
    attrs = {
        "library": attr.label(allow_single_file = True, aspects = [_parts], mandatory = True),
        "shaders": attr.label_list(allow_files = [".glsl"]),
        "policies": attr.label_list(allow_files = [".yaml"]),
        "pc": attr.label(allow_single_file = True, mandatory = True),
        "version": attr.string(mandatory = True),
    },
)
