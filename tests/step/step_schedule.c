/*
 * The schedule that led to the state that is being looked at, as a list that can be printed; and
 * the names of addresses in it.
 *
 * The search appends a line for each step, also for those that leave no choice, and cuts the list
 * back when it goes back.
 */
#include "tests/step/step_world.h"

#include <inttypes.h>
#include <stdio.h>

#define NAMES_MAX 64

typedef struct line {
    unsigned thread;
    bool is_buffered;
    unsigned which;
    step_op op;
} line;

static line lines[STEP_LENGTH_MAX];
static size_t num_lines;

static struct {
    const volatile void *address;
    const char *text;
} names[NAMES_MAX];
static size_t num_names;

bool step_note(unsigned thread, const step_op *op, bool is_buffered, unsigned which)
{
    if (num_lines == STEP_LENGTH_MAX) {
        return false;
    }
    lines[num_lines++] =
        (line){.thread = thread, .is_buffered = is_buffered, .which = which, .op = *op};
    return true;
}

size_t step_schedule_length(void)
{
    return num_lines;
}

void step_schedule_cut(size_t length)
{
    num_lines = length;
}

void step_name(const volatile void *address, const char *name)
{
    if (num_names < NAMES_MAX) {
        names[num_names].address = address;
        names[num_names++].text = name;
    }
}

void step_forget_names(void)
{
    num_names = 0;
}

/* -- printing ---------------------------------------------------------------------------------- */

typedef struct text {
    char chars[64];
} text;

static text name_of(const uint8_t *address)
{
    text t;
    for (size_t i = 0; i < num_names; i++) {
        if (names[i].address == address) {
            snprintf(t.chars, sizeof t, "%s", names[i].text);
            return t;
        }
    }
    snprintf(t.chars, sizeof t, "shared+%td", address - (uint8_t *)step_case_now->shared);
    return t;
}

static text value_of(uint64_t value)
{
    text t;
    snprintf(t.chars, sizeof t, value < 100000 ? "%" PRIu64 : "%#" PRIx64, value);
    return t;
}

static const char *thread_name(unsigned thread)
{
    return step_case_now->threads[thread].name;
}

static const char *order_name(memory_order order)
{
    switch (order) {
    case memory_order_relaxed:
        return "relaxed";
    case memory_order_consume:
        return "consume";
    case memory_order_acquire:
        return "acquire";
    case memory_order_release:
        return "release";
    case memory_order_acq_rel:
        return "acq_rel";
    default:
        return "seq_cst";
    }
}

static void print_compare(const step_op *op, const char *name)
{
    printf("%s is %s, ", name, value_of(op->result).chars);
    if (op->result == op->expected) {
        printf("becomes %s (%s)", value_of(op->operand).chars, order_name(op->order));
    } else {
        printf("not %s (%s)", value_of(op->expected).chars, order_name(op->failure));
    }
}

static void print_fetch(const step_op *op, const char *name)
{
    uint64_t unused_bits = 64 - 8 * op->bytes;
    uint64_t now = step_updated(op->update, op->result, op->operand) << unused_bits >> unused_bits;
    printf("%s is %s, becomes %s (%s)", name, value_of(op->result).chars, value_of(now).chars,
           order_name(op->order));
}

static void print_line(const line *l)
{
    static const char *const verbs[] = {
        [STEP_LOAD] = "load",        [STEP_STORE] = "store", [STEP_FETCH_UPDATE] = "update",
        [STEP_COMPARE] = "compare",  [STEP_FENCE] = "fence", [STEP_HEAVY_FENCE] = "heavy fence",
        [STEP_WAIT] = "wait",        [STEP_WAKE] = "wake",   [STEP_WOKEN] = "wakes up",
        [STEP_DRAIN] = "in memory:",
    };
    const step_op *op = &l->op;
    text name = name_of(op->address);
    printf("%-10s %-11s ", thread_name(l->thread), verbs[op->kind]);
    switch (op->kind) {
    case STEP_LOAD:
        printf("%s is %s (%s)", name.chars, value_of(op->result).chars, order_name(op->order));
        break;
    case STEP_STORE:
        printf("%s = %s (%s), waits", name.chars, value_of(op->operand).chars,
               order_name(op->order));
        break;
    case STEP_DRAIN:
        printf("%s = %s", name.chars, value_of(op->operand).chars);
        break;
    case STEP_FETCH_UPDATE:
        print_fetch(op, name.chars);
        break;
    case STEP_COMPARE:
        print_compare(op, name.chars);
        break;
    case STEP_FENCE:
        printf("(%s)%s", order_name(op->order), l->is_buffered ? ", waits for its stores" : "");
        break;
    case STEP_HEAVY_FENCE:
        printf("reaches %s", thread_name(l->which));
        break;
    case STEP_WAIT:
        printf("%s is %s: %s", name.chars, value_of(op->result).chars,
               op->result == op->expected ? "sleeps" : "goes on");
        break;
    case STEP_WAKE:
        printf("%s: %s", name.chars, l->which == STEP_NOBODY ? "nobody" : thread_name(l->which));
        break;
    case STEP_WOKEN:
        break;
    }
    printf("\n");
}

void step_schedule_print(void)
{
    for (size_t i = 0; i < num_lines; i++) {
        printf("%5zu  ", i + 1);
        print_line(&lines[i]);
    }
}
