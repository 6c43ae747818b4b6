#!/bin/bash
# Makes a folder that runs on another machine with a GPU and nothing of yoke's: the command, the
# tests that speak to a device, and the libraries they need besides libc. check.sh in it runs all.
# Usage: bundle.sh FOLDER
set -euo pipefail

[ $# = 1 ] || {
    echo "usage: bundle.sh FOLDER" >&2
    exit 2
}
folder=$(realpath -m -- "$1")
cd "$(dirname "$(readlink -f "$0")")/.."

targets=(
    //cli:yoke
    //tests/backends:vulkan_test
    //tests/parity:parity_test
    //tests/runtime:gpu_test
    //tests/tasks:engines_test
)
/usr/bin/bazel build --noshow_progress --ui_event_filters=-info --show_result=0 "${targets[@]}"

rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/lib"
for target in "${targets[@]}"; do
    path=${target#//}
    install -m 755 "bazel-bin/${path/://}" "$folder/bin/"
done
# What every machine has (libc's own parts) or must bring itself (the Vulkan loader) stays out.
ldd "$folder"/bin/* | awk '$2 == "=>" { print $3 }' | sort -u |
    grep -vE '/(ld-linux[^/]*|lib(c|m|dl|rt|pthread|vulkan|gcc_s|stdc\+\+))\.so' |
    xargs -r -I{} cp -L {} "$folder/lib/"
install -m 755 packaging/bundle_check.sh "$folder/check.sh"
echo "bundled into $folder"
