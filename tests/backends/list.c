/*
 * Prints the names of the backends that this build has, one a line.
 */
#include <stdio.h>

#include "backends/backend.h"

int main(void)
{
    for (const backend_ops *const *ops = backends_all; *ops != NULL; ops++) {
        printf("%s\n", (*ops)->name);
    }
    return 0;
}
