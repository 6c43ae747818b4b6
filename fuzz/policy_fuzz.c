/*
 * Fuzz target: the policy loader on any bytes. Owns nothing between inputs; one thread.
 * Always holds: the answer is a policy that passes its check, or one line that begins with the
 * file's name and a line number, which what libcyaml complains of would not have.
 * Costs some microseconds an input.
 */
#include "config/loader.h"
#include "runtime/policy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static bool policy_fuzz_is_one_line(const char *message)
{
    for (const char *at = message; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20) {
            return false;
        }
    }
    return strncmp(message, "f:", 2) == 0 && message[2] >= '1' && message[2] <= '9';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char message[1024] = "";
    yoke_policy *policy = NULL;
    yoke_status status =
        loader_parse(&policy, (const char *)data, bytes, "f", message, sizeof(message));
    bool holds = status == YOKE_OK
                     ? policy != NULL && policy_check(policy, NULL, 0) == YOKE_OK
                     : status == YOKE_INVALID && policy == NULL && policy_fuzz_is_one_line(message);
    if (!holds) {
        abort();
    }
    yoke_policy_free(&policy);
    return 0;
}
