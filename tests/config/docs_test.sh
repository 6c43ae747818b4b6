#!/bin/bash
# README.md and default.yaml of config/ are what policy_docs makes of the policy's table.
# Arguments: policy_docs, README.md, default.yaml.
set -euo pipefail

failed=0
check() { # NAME FILE
    if ! diff -u "$2" <("$docs" "$1"); then
        echo "$2 is out of date: bazel build //config:policy_docs, then"
        echo "bazel-bin/config/policy_docs $1 >$2"
        failed=1
    fi
}

docs=$1
check readme "$2"
check default "$3"
exit $failed
