"""source_tree(name, deps): the source files of deps and of all that they depend on, as test data.

For tests of the sources themselves. A file that is compiled is in it, so nothing can be forgotten,
and Bazel runs the test again when one changes.
"""

_SourceInfo = provider(fields = {"files": "depset of source files, transitive"})

def _collect_impl(_target, ctx):
    own = []
    for attribute in ["srcs", "hdrs", "textual_hdrs"]:
        for target in getattr(ctx.rule.attr, attribute, []):
            own += [file for file in target.files.to_list() if file.is_source]
    below = [d[_SourceInfo].files for d in getattr(ctx.rule.attr, "deps", []) if _SourceInfo in d]
    return [_SourceInfo(files = depset(own, transitive = below))]

_collect = aspect(
    implementation = _collect_impl,
    attr_aspects = ["deps"],
)

def _source_tree_impl(ctx):
    files = depset(transitive = [d[_SourceInfo].files for d in ctx.attr.deps])
    return [DefaultInfo(files = files, runfiles = ctx.runfiles(transitive_files = files))]

source_tree = rule(
    implementation = _source_tree_impl,
    attrs = {"deps": attr.label_list(aspects = [_collect])},
)
