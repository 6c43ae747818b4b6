#!/bin/bash
# Part of a bundle (packaging/bundle.sh): checks yoke on this machine's GPU, then measures it.
# Logs and bench rows go to FOLDER; a short table comes last; ends with 1 if a check failed.
# Usage: check.sh FOLDER [RAW_BLOCK [COINS]]
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
out=$1
block=${2:-$here/block-357238.json}
coins=()
[ $# -lt 3 ] || coins=(--coins "$3")
mkdir -p "$out"
export LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
failed=0
summary=()

check() { # NAME COMMAND...
    local name=$1 status=0 seconds=$SECONDS
    shift
    "$@" >"$out/$name.log" 2>&1 || status=$?
    [ $status = 0 ] || failed=1
    summary+=("$(printf '%-24s exit %d  %3d s' "$name" $status $((SECONDS - seconds)))")
}

check devices "$here/bin/yoke" devices
cat "$out/devices.log"
for test in vulkan_test parity_test gpu_test engines_test; do
    check $test "$here/bin/$test"
done
for engine in cpu gpu auto; do
    check "block_$engine" "$here/bin/yoke" block "$block" "${coins[@]}" --engine $engine --repeat 9
    cat "$out/block_$engine.log"
done
for engine in cpu gpu; do
    check "bench_block_$engine" "$here/bin/yoke" bench block "$block" --engine $engine --json
done
check bench_hash "$here/bin/yoke" bench hash --json
grep -h "a batch" "$out/engines_test.log"
printf '%s\n' "${summary[@]}"
exit $failed
