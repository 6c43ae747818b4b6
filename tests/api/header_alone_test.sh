#!/bin/bash
# Each public header compiles alone, and twice over, as C11 and as C++17, without a warning; and a
# C program can use the macros that make structs.
set -euo pipefail

folders=(runtime/include tasks/include)
warnings=(-Wall -Wextra -Wpedantic -Werror -fsyntax-only)
failed=0

compiles() { # NAME COMPILER...: the program on stdin
    local name=$1
    shift
    if "$@" "${warnings[@]}" "${folders[@]/#/-I}" -; then
        echo "ok      $name"
    else
        echo "FAILED  $name"
        failed=1
    fi
}

for folder in "${folders[@]}"; do
    headers=("$folder"/yoke/*.h)
    for path in "${headers[@]}"; do
        header=${path#"$folder"/}
        for times in once twice; do
            program="#include <$header>"
            [ $times = once ] || program+=$'\n'"$program"
            compiles "$header $times as C11" gcc -std=c11 -xc <<<"$program"
            compiles "$header $times as C++17" g++ -std=c++17 -xc++ <<<"$program"
        done
    done
done

compiles "the macros, as C11" gcc -std=c11 -xc <<'END'
#include <yoke/yoke.h>
yoke_job job_of(const yoke_type *type);
yoke_job job_of(const yoke_type *type)
{
    return yoke_job(.type = type, .num_items = 1);
}
yoke_status start(yoke_runtime **rt, const yoke_type **type);
yoke_status start(yoke_runtime **rt, const yoke_type **type)
{
    yoke_status status = yoke_create(rt, yoke_options(.num_workers = 2));
    return status ? status : yoke_register(*rt, yoke_type_desc(.name = "t"), type);
}
END

exit $failed
