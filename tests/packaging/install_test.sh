#!/bin/bash
# What `./dev install` leaves behind is enough to use yoke: a program outside the tree builds with
# pkg-config alone, against the shared and the static library, and runs; the shared library opens
# from C and from Python. Usage: install_test.sh INSTALL ARCHIVE LOAD_C LOAD_PY EXAMPLE_FILE...
set -euo pipefail

install=$1 archive=$2 load_c=$3 load_py=$4
shift 4
work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/install.XXXXXX")
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
lib=$prefix/lib
export PKG_CONFIG_PATH=$lib/pkgconfig
unset LD_LIBRARY_PATH DESTDIR
failed=0

check() { # WHAT COMMAND...
    local what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok      $what"
    else
        echo "FAILED  $what"
        cat "$work/log"
        failed=1
    fi
}

same() { # EXPECTED ACTUAL
    [ "$1" = "$2" ] || {
        printf 'expected %s\nis       %s\n' "$1" "$2"
        return 1
    }
}

installed_files() {
    (cd "$prefix" && find . -type f -o -type l) | sed 's|^\./||' | sort | tr '\n' ' '
}

# -------------------------------------------------------------------------------- install

check "installs" "$install" "$prefix" "$archive"
check "installs over itself" "$install" "$prefix" "$archive"
version=$(pkg-config --modversion yoke)
files="include/yoke/fork.h include/yoke/program.h include/yoke/tasks.h include/yoke/yoke.h lib/libyoke.a lib/libyoke.so lib/libyoke.so.0"
files+=" lib/libyoke.so.$version lib/pkgconfig/yoke.pc"
for policy in cpu_only default low_latency throughput; do
    files+=" share/yoke/policies/$policy.yaml"
done
files+=" share/yoke/shaders/yoke.glsl "
check "installs these files and no others" same "$files" "$(installed_files)"
check "the linker's name leads to the library" same \
    "$lib/libyoke.so.$version" "$(readlink -f "$lib/libyoke.so")"
check "the static library shows only yoke_*" same "" \
    "$(nm -g --defined-only "$lib/libyoke.a" | awk 'NF == 3 && $3 !~ /^yoke_/ { print $3 }')"
check "a prefix with odd characters is kept" env DESTDIR="$work/root" \
    "$install" "/opt/a&b|c" "$archive"
check "DESTDIR is not in yoke.pc" same "prefix=/opt/a&b|c" \
    "$(head -n 1 "$work/root/opt/a&b|c/lib/pkgconfig/yoke.pc")"

# -------------------------------------------------------------------------------- a program

# Builds the example in a folder of its own. Arguments go to make.
build_example() { # FOLDER FILES_AND_MAKE_ARGUMENTS...
    local folder=$work/$1
    shift
    mkdir "$folder"
    cp -L "${example[@]}" "$folder"
    make -C "$folder" CFLAGS="-O2 -Wall -Wextra -Werror" "$@"
}

# The example finds every sum right; where a GPU is ready, `gpu` has run something on it.
run_example() { # FOLDER ENGINE
    local out
    out=$("$work/$1/custom_task" "$2") || return 1
    echo "$out"
    [ "$(grep -c ' 0 wrong$' <<<"$out")" = 2 ] || return 1
    [ "$2" != gpu ] || grep -q '^GPUs: none$' <<<"$out" ||
        [ "$(grep -cE 'GPU +[1-9][0-9]* items' <<<"$out")" = 2 ]
}

example=("$@")
for kind in shared static; do
    arguments=()
    [ $kind = shared ] || arguments=(STATIC=1)
    check "the example builds, $kind" build_example $kind "${arguments[@]}"
    for engine in cpu auto gpu; do
        check "the example runs, $kind, $engine" run_example $kind $engine
        sed 's/^/          /' "$work/log"
    done
done
needs_libyoke() { ldd "$work/$1/custom_task" | grep -c 'libyoke\.so\.0 => ' || true; }
check "the shared example uses the installed library" same 1 "$(needs_libyoke shared)"
check "the static example needs no libyoke.so" same 0 "$(needs_libyoke static)"

# -------------------------------------------------------------------------------- dlopen

build_load() {
    # shellcheck disable=SC2046 # flags are words
    gcc -std=gnu11 -Wall -Wextra -Werror $(pkg-config --cflags yoke) -o "$work/load" "$load_c" -ldl
}
check "the loader builds" build_load
check "opens from C, twice" "$work/load" "$lib/libyoke.so.0"
check "its version is that of yoke.pc" same "$version" "$(sort -u "$work/log")"
policies=("$(pkg-config --variable=policydir yoke)"/*.yaml)
check "opens from Python, with each policy" python3 "$load_py" "$lib/libyoke.so.0" "${policies[@]}"
check "Python sees the same version" same "$version" "$(cat "$work/log")"

exit $failed
