#!/bin/bash
# Runs every fuzz target for SECONDS each (default 60), from a small corpus made on the spot.
# Usage: fuzz/run.sh [SECONDS [TARGET...]]. Needs clang with libFuzzer and the -dev packages of the
# libraries linked below. Ends with 1 if a target finds something; the input is then kept under
# .cache/fuzz, and `.cache/fuzz/TARGET FILE` runs it again.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || {
    echo "usage: fuzz/run.sh [SECONDS [TARGET...]]" >&2
    exit 2
}
shift $(($# > 0 ? 1 : 0))
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(policy_fuzz block_fuzz coins_fuzz)

out=$PWD/.cache/fuzz
mkdir -p "$out"
flags=(
    -std=c11 -Wall -Wextra -Werror -D_GNU_SOURCE -DYOKE_CHECKED -g -O1 -fno-omit-frame-pointer
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I. -Iruntime/include
)

sources() { # TARGET: what it is built from, besides its own file
    case $1 in
    policy_fuzz)
        echo config/{loader,nearest,scan,value}.c runtime/{base,policy}.c -lcyaml -lyaml
        ;;
    block_fuzz | coins_fuzz) echo cli/bitcoin/*.c -lnettle -lsecp256k1 ;;
    *)
        echo "fuzz: no target $1" >&2
        return 2
        ;;
    esac
}

# --------------------------------------------------------------------------------------- seeds

bytes() { # HEX...: these bytes
    local hex
    hex=$(tr -d ' ' <<<"$*")
    printf '%b' "$(sed 's/../\\x&/g' <<<"$hex")"
}

repeat() { # HEX COUNT: it, so many times; prints hex
    printf "%.0s$1" $(seq "$2")
}

# The shipped files, and a file for most ways to be wrong; the keys as a dictionary.
seed_policy_fuzz() { # FOLDER
    local i=0 text
    cp config/*.yaml "$1"
    for text in '{}' 'gpu: {software: true}\nlimits: {jobs: 2}\n' 'a: &x 1\nb: *x\n' \
        'gpu: !!map {}\n' '{}\n---\n{}\n' '? [a]\n: |\n  b\n' 'gpu:\n\tsoftware: on\n' \
        '%%YAML 1.1\n---\nworkers:\n  count: 1 2\n' 'gpu: {pipeline_cache_dir: "\\e\\0\\x9b"}\n'; do
        i=$((i + 1))
        printf "$text" >"$1/$i"
    done
    grep -oE '[a-z_]+' config/default.yaml | sort -u | sed 's/.*/"&"/' >"$1.dict"
}

# Blocks of: a coinbase; a coinbase that commits to witnesses, and a spend with one; a coinbase,
# and a spend that is a signature and a key.
seed_block_fuzz() { # FOLDER
    local header zeros ones paid coinbase committing claim witness
    header=02000000$(repeat 00 76)
    zeros=$(repeat 00 32)
    ones=$(repeat 11 32)
    paid=00f2052a01000000' 01 51'
    coinbase="01000000 01 $zeros ffffffff 04 03e80300 ffffffff 01 $paid 00000000"
    committing="01000000 0001 01 $zeros ffffffff 04 03e80300 ffffffff 02 $paid
        0000000000000000 26 6a24aa21a9ed $ones 01 20 $zeros 00000000"
    witness="02000000 0001 01 $ones 00000000 00 ffffffff 01 $paid 01 01 aa 00000000"
    claim="01000000 01 $ones 01000000 2c 09 300602010102010101 21 02 $ones ffffffff 01 $paid
        00000000"
    bytes "$header 01 $coinbase" >"$1/coinbase"
    bytes "$header 02 ${committing//$'\n'/} $witness" >"$1/witness"
    bytes "$header 02 $coinbase ${claim//$'\n'/}" >"$1/claim"
}

# A coin of each compressed form, one with a script as it is, and all of them.
seed_coins_fuzz() { # FOLDER
    local i all='' form forms outpoint
    forms=("00 $(repeat 22 20)" "01 $(repeat 33 20)" "02 $(repeat 44 32)"
        "04 79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" '08 5151')
    for i in "${!forms[@]}"; do
        outpoint="$(repeat 0$((i + 1)) 32) 00000000"
        form="$outpoint 8648 32 ${forms[i]}"
        bytes "01 $form" >"$1/$i"
        all+=" $form"
    done
    bytes "05 $all" >"$1/all"
}

# ----------------------------------------------------------------------------------------- run

build() { # TARGET
    local parts
    read -ra parts <<<"$(sources "$1")"
    clang "${flags[@]}" "fuzz/$1.c" "${parts[@]}" -o "$out/$1"
}

run() { # TARGET
    local corpus=$out/$1.corpus options=(-timeout=10 -print_final_stats=1 -verbosity=0)
    rm -rf "$corpus"
    mkdir "$corpus"
    "seed_$1" "$corpus"
    [ ! -f "$corpus.dict" ] || options+=("-dict=$corpus.dict")
    echo "== fuzz: $1, $seconds s"
    "$out/$1" "${options[@]}" "-max_total_time=$seconds" "-artifact_prefix=$out/$1-" "$corpus" \
        >"$out/$1.log" 2>&1 || {
        cat "$out/$1.log"
        echo "fuzz: $1 found something"
        return 1
    }
    sed -n 's/^stat::number_of_executed_units: */inputs: /p' "$out/$1.log"
}

command -v clang >/dev/null || {
    echo "fuzz: no clang here" >&2
    exit 2
}
failed=0
for target in "${targets[@]}"; do
    build "$target"
    run "$target" || failed=1
done
exit $failed
