#!/bin/bash
# Makes a folder that runs on another machine with a GPU's driver and nothing of yoke's: the
# command, with its shaders inside, the tests that speak to a device, and the libraries they need
# besides libc. run.sh in it runs all. Below 40 MiB, so that it travels easily.
# Usage: bundle.sh FOLDER [DATA...]     DATA: files to go with it, such as a block
set -euo pipefail

[ $# -ge 1 ] || {
    echo "usage: bundle.sh FOLDER [DATA...]" >&2
    exit 2
}
folder=$(realpath -m -- "$1")
shift
data=()
for file; do
    data+=("$(realpath -e -- "$file")")
done
cd "$(dirname "$(readlink -f "$0")")/.."
mib_max=40

targets=(
    //cli:yoke
    //tests/backends:vulkan_test
    //tests/parity:parity_test
    //tests/runtime:gpu_test
    //tests/runtime:program_test
    //tests/runtime:resident_test
    //tests/tasks:engines_test
    //tests/tasks:merkle_pack_test
)
# What every machine has: libc's own parts.
common='ld-linux[^/]*|linux-vdso|lib(c|m|dl|rt|pthread)'
# What a machine may have, perhaps newer, and its driver needs just that one: each in a folder of
# its own, to be used only where there is none.
fallback='lib(vulkan|stdc\+\+|gcc_s)'

/usr/bin/bazel build --noshow_progress --ui_event_filters=-info --show_result=0 "${targets[@]}"

rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/lib" "$folder/data"
for target in "${targets[@]}"; do
    path=${target#//}
    install -m 755 "bazel-bin/${path/://}" "$folder/bin/"
done

libraries() { # FILE...: the libraries that they need
    ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u
}

vulkan=$(ldconfig -p | awk '$1 == "libvulkan.so.1" { print $NF; exit }')
[ -n "$vulkan" ] || {
    echo "bundle.sh: there is no libvulkan.so.1 here to go with it: ./dev setup" >&2
    exit 1
}
while read -r library; do
    name=$(basename "$library")
    if [[ $name =~ ^($common)\.so ]]; then
        continue
    elif [[ $name =~ ^$fallback\.so ]]; then
        mkdir -p "$folder/lib/fallback/$name"
        cp -L "$library" "$folder/lib/fallback/$name/"
    else
        cp -L "$library" "$folder/lib/"
    fi
done < <(
    libraries "$folder"/bin/* "$vulkan"
    echo "$vulkan"
)
[ ${#data[@]} = 0 ] || cp -- "${data[@]}" "$folder/data/"
git rev-parse --short HEAD >"$folder/commit" 2>/dev/null || echo unknown >"$folder/commit"
install -m 755 packaging/bundle_run.sh "$folder/run.sh"

mib=$(du -sm "$folder" | cut -f1)
[ "$mib" -lt $mib_max ] || {
    echo "bundle.sh: $folder has $mib MiB, $mib_max are too many" >&2
    exit 1
}
echo "bundled into $folder: $mib MiB"
