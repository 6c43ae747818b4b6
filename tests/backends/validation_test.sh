#!/bin/bash
# The conformance suite under Khronos's validation layer, core checks and synchronization: it must
# have nothing to say. First a program that is wrong on purpose, of which it must complain.
# Usage: validation_test.sh PROVOKE TEST...
set -euo pipefail

folder=$(mktemp -d "${TEST_TMPDIR:-/tmp}/validation.XXXXXX")
trap 'rm -rf "$folder"' EXIT
output=$folder/output
# To the output: a file would be begun anew by each instance.
cat >"$folder/vk_layer_settings.txt" <<END
khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG
khronos_validation.report_flags = error,warn,perf
khronos_validation.log_filename = stdout
khronos_validation.enables = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT
END
export VK_LAYER_SETTINGS_PATH=$folder VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation

run() { # PROGRAM: what it and the layer say is in $output
    "$1" >"$output" 2>&1 || {
        cat "$output"
        echo "FAILED  $1 under the validation layer"
        exit 1
    }
}

messages() {
    grep -E 'VUID|UNASSIGNED|SYNC-HAZARD|Validation (Error|Warning|Performance)' "$output"
}

provoke=$1
shift
run "$provoke"
if ! messages >/dev/null; then
    cat "$output"
    echo "FAILED  the validation layer (vulkan-validationlayers) did not complain of $provoke"
    exit 1
fi
echo "ok      $provoke: the layer sees what is wrong"

for test; do
    run "$test"
    if messages; then
        echo "FAILED  $test: messages of the validation layer"
        exit 1
    fi
    echo "ok      $test: no message"
done
