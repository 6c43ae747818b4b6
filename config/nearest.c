/*
 * Finds the nearest name by edit distance. Owns nothing; pure, any thread.
 * Always holds: there is an answer, and it is a valid name; work and stack are bounded, whatever
 * the name: only its first NEAREST_BYTES bytes count.
 * Costs some thousands of steps a key; run once, on an error.
 * Source: V. I. Levenshtein, 1966; the table of R. A. Wagner and M. J. Fischer, 1974, by rows.
 */
#include "nearest.h"

#include "runtime/policy.h"

#include <stdio.h>
#include <string.h>

/* As many edits as a name in another place than it belongs counts for. */
#define NEAREST_MOVED 2

/* Insertions, deletions and replacements that turn one name into the other. */
static size_t nearest_distance(const char *left, const char *right)
{
    size_t left_bytes = strnlen(left, NEAREST_BYTES);
    size_t right_bytes = strnlen(right, NEAREST_BYTES);
    size_t row[NEAREST_BYTES + 1];
    for (size_t j = 0; j <= right_bytes; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= left_bytes; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= right_bytes; j++) {
            size_t replaced = diagonal + (left[i - 1] != right[j - 1]);
            size_t other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < other ? replaced : other;
        }
    }
    return row[right_bytes];
}

void nearest_name(const char *section, const char *name, char nearest[NEAREST_BYTES])
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < POLICY_NUM_SECTIONS && section == NULL; i++) {
        size_t distance = nearest_distance(name, policy_sections[i].name);
        if (distance < best) {
            best = distance;
            snprintf(nearest, NEAREST_BYTES, "%s", policy_sections[i].name);
        }
    }
    for (size_t i = 0; i < POLICY_NUM_KEYS; i++) {
        const policy_key *key = &policy_keys[i];
        size_t distance = nearest_distance(name, key->name);
        if (section == NULL || strcmp(section, key->section) != 0) {
            distance += NEAREST_MOVED;
        }
        if (distance < best) {
            best = distance;
            snprintf(nearest, NEAREST_BYTES, "%s.%s", key->section, key->name);
        }
    }
}
