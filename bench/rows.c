/*
 * Bench rows. Owns nothing; one thread, writes to stdout.
 * Always holds: percentiles are samples that were measured (nearest rank), never interpolated, so
 * with fewer than a hundred samples p99 is the largest.
 */
#include "rows.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* The CPU's name as the kernel tells it, or the architecture where it tells none. */
static void rows_find_device(char *device, size_t bytes, const char *machine)
{
    char line[256];
    snprintf(device, bytes, "%s", machine);
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        char *name = strstr(line, ": ");
        if (strncmp(line, "model name", 10) == 0 && name != NULL) {
            name[strcspn(name, "\n")] = '\0';
            snprintf(device, bytes, "%s", name + 2);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

void rows_begin(rows_output *output, bool json)
{
    struct utsname system;
    uname(&system);
    const char *commit = getenv("YOKE_COMMIT");
    *output = (rows_output){.json = json, .commit = commit != NULL ? commit : "unknown"};
    snprintf(output->kernel, sizeof(output->kernel), "%s", system.release);
    rows_find_device(output->device, sizeof(output->device), system.machine);
    if (json) {
        return;
    }
    printf("device %s, kernel %s, commit %s\n\n", output->device, output->kernel, output->commit);
    printf("%-8s %-13s %-21s %-14s %10s %10s %10s %-9s %5s  %s\n", "bench", "case", "param",
           "engine", "min", "p50", "p99", "unit", "n", "better");
}

double rows_percentile(const double *samples, size_t num, unsigned percent)
{
    size_t rank = (num * percent + 99) / 100;
    return samples[rank > 0 ? rank - 1 : 0];
}

static int rows_compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static bool rows_print_json(const rows_output *output, const rows_row *row, double p50, double p99)
{
    const char *device = row->device != NULL ? row->device : output->device;
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:I, s:s, s:s, s:s, s:s, s:o}", "bench",
                  row->bench, "case", row->name, "param", row->param, "unit", row->unit, "better",
                  row->better, "min", row->samples[0], "p50", p50, "p99", p99, "n",
                  (json_int_t)row->num_samples, "engine", row->engine, "device", device, "kernel",
                  output->kernel, "commit", output->commit, "seed",
                  row->seed != NULL ? json_integer((json_int_t)*row->seed) : json_null());
    bool printed = object != NULL && json_dumpf(object, stdout, JSON_REAL_PRECISION(6)) == 0;
    json_decref(object);
    printf("\n");
    return printed;
}

bool rows_print(const rows_output *output, const rows_row *row)
{
    qsort(row->samples, row->num_samples, sizeof(*row->samples), rows_compare);
    double p50 = rows_percentile(row->samples, row->num_samples, 50);
    double p99 = rows_percentile(row->samples, row->num_samples, 99);
    if (output->json) {
        return rows_print_json(output, row, p50, p99);
    }
    printf("%-8s %-13s %-21s %-14s %10.3f %10.3f %10.3f %-9s %5zu  %s%s%s\n", row->bench, row->name,
           row->param, row->engine, row->samples[0], p50, p99, row->unit, row->num_samples,
           row->better, row->device != NULL ? ", on " : "", row->device != NULL ? row->device : "");
    return true;
}
