#!/bin/bash
# libyoke.so exports yoke_* and nothing else, needs only the libraries it is meant to need, and
# neither prints nor ends its host: it has no reference to the functions that would.
# Usage: symbols_test.sh LIBRARY
set -euo pipefail

library=$1
failed=0

expect_none() { # WHAT OFFENDERS
    if [ -n "$2" ]; then
        printf 'FAILED  %s:\n%s\n' "$1" "$2"
        failed=1
    else
        echo "ok      $1: none"
    fi
}

without() { grep -vE "$1" || true; } # the lines that do not match
with() { grep -E "$1" || true; }

# "yoke_submit@@YOKE_0" -> "yoke_submit"; the version's own name is listed as an absolute symbol.
exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }')
undefined=$(nm -D --undefined-only "$library" | awk '{ print $NF }')
needed=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')

for name in yoke_create yoke_submit yoke_destroy yoke_tasks_register_all; do
    expect_none "$name missing" "$(grep -qx "$name" <<<"$exported" || echo "$name")"
done
expect_none "exported names that are not yoke_*" "$(without '^yoke_' <<<"$exported")"
expect_none "sonames other than libyoke.so.0" "$(without '^libyoke\.so\.0$' <<<"$soname")"
expect_none "libraries it must not need" \
    "$(without '^(libc|libm|libpthread|libsecp256k1|libhwloc|liburcu-bp|liburcu-common|libcyaml|libyaml-0|libnettle|ld-linux[-_a-z0-9]*)\.so\.[0-9]+$' \
        <<<"$needed")"

# Names left open come from libc, libm or libpthread (these carry a version), from the libraries
# above, or are the weak names that every shared object has.
expect_none "undefined names from elsewhere" \
    "$(without '@GLIBC_|^(secp256k1|hwloc|urcu|cyaml|yaml|nettle)_|^(__gmon_start__|_ITM_(de)?registerTMCloneTable)$' \
        <<<"$undefined")"
expect_none "functions that print or end the host" \
    "$(with '^(v?printf|__v?printf_chk|puts|putchar|perror|exit|_exit|quick_exit|system)@' \
        <<<"$undefined")"

exit $failed
