#!/bin/bash
# Part of a bundle (packaging/bundle.sh): checks yoke on this machine's GPU, then measures it. Needs
# a driver for Vulkan and nothing else; VK_DRIVER_FILES says which, as for every Vulkan program.
# Into the folder $OUT, by default ./out: rows.jsonl, the rows of all benches; log.txt, all that was
# said; table.txt, the short table that also comes last. Ends with 1 if a check failed.
# Usage: run.sh [RAW_BLOCK [COINS]]
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
out=${OUT:-out}
block=${1:-$here/data/block-357238.json}
coins=()
[ $# -lt 2 ] || coins=(--coins "$2")
mkdir -p "$out"
rows=$out/rows.jsonl
log=$out/log.txt
table=$out/table.txt
for file in "$rows" "$log" "$table"; do
    : >"$file"
done

# A library of the machine's own goes before the one that came along: its driver may need it.
paths=$here/lib
for folder in "$here"/lib/fallback/*/; do
    name=$(basename "$folder")
    if ! PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null | grep -qF "$name "; then
        paths=$paths:${folder%/}
        echo "$name: the bundle's own, this machine has none" | tee -a "$log"
    fi
done
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$paths
YOKE_COMMIT=$(cat "$here/commit")
export YOKE_COMMIT
failed=0
rm -f "$out"/last.*

# What is told goes to the log; of stdout, a row is a line that begins with a brace.
check() { # NAME COMMAND...
    local name=$1 status=0 seconds=$SECONDS
    shift
    echo "== $name: ${*##*/}" >>"$log"
    "$@" >"$out/last.out" 2>"$out/last.err" || status=$?
    grep '^{' "$out/last.out" >>"$rows"
    grep -v '^{' "$out/last.out" >>"$log"
    cat "$out/last.err" >>"$log"
    [ $status = 0 ] || failed=1
    printf '%-20s exit %d  %3d s\n' "$name" $status $((SECONDS - seconds)) | tee -a "$table"
    [ $status = 0 ] || tail -n 5 "$out/last.err"
}

check devices "$here/bin/yoke" devices
cat "$out/last.out"
for test in "$here"/bin/*_test; do
    check "$(basename "$test")" "$test"
    ! [[ $test = */engines_test ]] || grep "a batch" "$out/last.out" >"$out/last.engines"
done
if [ -f "$block" ]; then
    for engine in cpu gpu auto; do
        check "block_$engine" \
            "$here/bin/yoke" block "$block" "${coins[@]}" --engine $engine --repeat 9
        cat "$out/last.out"
    done
    for engine in cpu gpu; do
        check "bench_block_$engine" "$here/bin/yoke" bench block "$block" --engine $engine --json
    done
else
    echo "$block is not there: no block is checked" | tee -a "$log"
fi
check bench_hash "$here/bin/yoke" bench hash --json
check bench_gpu "$here/bin/yoke" bench gpu --json
cat "$out/last.engines" "$out/last.err" >>"$table" 2>/dev/null
rm -f "$out"/last.*
printf '%s\n' "$(grep -c . "$rows") rows in $rows" >>"$table"
echo
cat "$table"
exit $failed
