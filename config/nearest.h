/*
 * Spelling help: the section or key of the policy that a wrong name is nearest to. Pure.
 */
#ifndef YOKE_CONFIG_NEAREST_H
#define YOKE_CONFIG_NEAREST_H

#include <stddef.h>

#define NEAREST_BYTES 64 /* for any name of the policy, "section.key", with its zero */

/*
 * Writes what was likely meant by a `name` that stands in `section` (one of the policy's), or by a
 * section called so (section is NULL). The right key in the wrong place counts as near.
 */
void nearest_name(const char *section, const char *name, char nearest[NEAREST_BYTES]);

#endif
