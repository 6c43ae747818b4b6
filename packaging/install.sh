#!/bin/bash
# Installs yoke under PREFIX: include/yoke/, lib/libyoke.{so,a}, lib/pkgconfig/yoke.pc,
# share/yoke/shaders/ and share/yoke/policies/. Files of an earlier installation are replaced, and
# nothing else is touched.
# For packagers: DESTDIR is put before PREFIX for writing, but not into yoke.pc.
# Usage: install.sh PREFIX [ARCHIVE]     ARCHIVE: //packaging:install; built if it is not given
set -euo pipefail

[ $# = 1 ] || [ $# = 2 ] || {
    echo "usage: install.sh PREFIX [ARCHIVE]" >&2
    exit 2
}
prefix=$(realpath -m -- "$1")
target=${DESTDIR:-}$prefix

if [ $# = 2 ]; then
    archive=$(realpath -e -- "$2")
else
    cd "$(dirname "$(readlink -f "$0")")/.."
    /usr/bin/bazel build --noshow_progress --ui_event_filters=-info --show_result=0 \
        //packaging:install
    archive=$PWD/bazel-bin/packaging/install.tar
fi

mkdir -p "$target"
tar -x --touch --no-same-owner --no-overwrite-dir -C "$target" -f "$archive"
pc=$(<"$target/lib/pkgconfig/yoke.pc")
printf '%s\n' "${pc//@PREFIX@/"$prefix"}" >"$target/lib/pkgconfig/yoke.pc"
echo "installed yoke under $target"
