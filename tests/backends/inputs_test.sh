#!/bin/bash
# A build without GPUs (--config=cpu_only) has nothing of Vulkan's among its inputs: no source that
# includes its headers, no backend, no word of it in what is linked. Other builds have all of these,
# which shows that the test would find them. And nothing calls volk's globals: they are NULL.
# Usage: inputs_test.sh with|without LIST BINARY, in a tree of the sources of both
set -euo pipefail

expected=$1
list=$2
binary=$3
failed=0

expect() { # WHAT FOUND: nothing is found in a build without, something in one with
    local found=with
    [ -n "$2" ] || found=without
    if [ "$found" != "$expected" ]; then
        printf 'FAILED  %s in a build %s Vulkan: %s\n' "$1" "$expected" "${2:-none}"
        failed=1
    else
        echo "ok      $1 in a build $expected Vulkan: $(wc -w <<<"$2")"
    fi
}

sources=$(find -L . -name '*.[ch]' -not -path './tests/*')
grep -q backends/registry.c <<<"$sources" || { echo "FAILED  no sources"; exit 1; }

expect "sources that include Vulkan" \
    "$(xargs grep -lE '#\s*include\s*[<"](vulkan/|volk)' <<<"$sources" || true)"
expect "backends" "$("$list")"
expect "names of Vulkan in the binary" "$(grep -aoE -m1 'vkGetInstanceProcAddr' "$binary" || true)"

calls=$(xargs grep -nE '(^|[^>._[:alnum:]])vk[A-Z][[:alnum:]]*\(' <<<"$sources" || true)
if [ -n "$calls" ]; then
    printf 'FAILED  calls through volk'"'"'s globals:\n%s\n' "$calls"
    failed=1
fi
exit $failed
