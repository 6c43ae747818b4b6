#!/bin/bash
# Each public header compiles alone, and twice over, as C11 and as C++17, without a warning; a C
# program can use the macros that make structs, and both languages those that declare tasks, also
# optimised: some warnings come only then.
set -euo pipefail

folders=(runtime/include tasks/include)
warnings=(-Wall -Wextra -Wpedantic -Werror)
object=${TEST_TMPDIR:-/tmp}/header_alone.o
failed=0

tell() { # NAME 0, or not: whether it is as it should be
    if [ "$2" -eq 0 ]; then
        echo "ok      $1"
    else
        echo "FAILED  $1"
        failed=1
    fi
}

compiles() { # NAME COMPILER...: the program on stdin
    local name=$1 result=0
    shift
    "$@" "${warnings[@]}" "${folders[@]/#/-I}" -fsyntax-only - || result=1
    tell "$name" $result
}

compiles_optimised() { # the same
    local name=$1 result=0
    shift
    "$@" "${warnings[@]}" "${folders[@]/#/-I}" -O2 -c -o "$object" - || result=1
    tell "$name, optimised" $result
}

refuses() { # NAME MESSAGE COMPILER...: the program on stdin
    local name=$1 message=$2 result=0 output
    shift 2
    output=$("$@" "${folders[@]/#/-I}" -fsyntax-only - 2>&1) && result=1
    grep -q "error: .*$message" <<<"$output" || result=1
    tell "$name" $result
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

# A task of that name with N parameters, and what calls it.
task() { # NAME RESULT ZERO N: the result's type, and a value of it
    local name=$1 type=$2 zero=$3 types=long parameters='long a' rest='' i
    local letters=(a b c d e g)
    for ((i = 1; i < $4; i++)); do
        types+=', long'
        parameters+=", long ${letters[i]}"
        rest+=", ${letters[i]}"
    done
    cat <<END
YOKE_TASK($type, $name, $types)
static $type $name(yoke_worker *worker, $parameters)
{
    $type first;
    if (a == 0) {
        return $zero;
    }
    ${name}_spawn(worker, &first, a - 1$rest);
    $type second = $name(worker, a - 1$rest);
    ${name}_sync(worker, &first);
    return a == 1 ? first : second;
}
YOKE_TASK_VOID(void_$name, $types)
static void void_$name(yoke_worker *worker, $parameters)
{
    if (a != 0) {
        void_${name}_spawn(worker, a - 1$rest);
        void_$name(worker, a - 1$rest);
        void_${name}_sync(worker);
    }
}
$type call_$name(yoke_worker *worker, $parameters);
$type call_$name(yoke_worker *worker, $parameters)
{
    void_$name(worker, a$rest);
    return $name(worker, a$rest);
}
END
}

tasks() {
    cat <<'END'
#include <yoke/fork.h>
typedef struct six_doubles {
    double of[6];
} six_doubles;
static const six_doubles zeros = {{0, 0, 0, 0, 0, 0}};
END
    task of_a_char char 0 1
    task of_a_long long 0 2
    task of_a_pointer 'const char *' '"zero"' 3
    task of_a_double double 0.5 4
    task of_a_struct six_doubles zeros 5
    task of_a_bool bool false 6
}

for compile in compiles compiles_optimised; do
    $compile "tasks, as C11" gcc -std=c11 -xc <<<"$(tasks)"
    $compile "tasks, as C++17" g++ -std=c++17 -xc++ <<<"$(tasks)"
done

large='#include <yoke/fork.h>
typedef struct large { char of[YOKE_FORK_BYTES_MAX + 1]; } large;
typedef struct aligned { char of[32] __attribute__((aligned(32))); } aligned;'
for language in "gcc -std=c11 -xc" "g++ -std=c++17 -xc++"; do
    # shellcheck disable=SC2086 # the words of $language
    refuses "a parameter of 49 bytes, by $language" "too many parameters" $language \
        <<<"$large YOKE_TASK(char, task, large)"
    # shellcheck disable=SC2086
    refuses "a result of 49 bytes, by $language" "the result is too large" $language \
        <<<"$large YOKE_TASK(large, task, char)"
    # shellcheck disable=SC2086
    refuses "a parameter aligned to 32 bytes, by $language" "aligned to more than 16" $language \
        <<<"$large YOKE_TASK(char, task, aligned)"
    # shellcheck disable=SC2086
    refuses "seven parameters, by $language" "" $language \
        <<<"$large YOKE_TASK_VOID(task, char, char, char, char, char, char, char)"
done

exit $failed
