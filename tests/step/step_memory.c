/*
 * The model of memory of the step scheduler: the threads' store buffers, and which steps they and
 * the threads' operations make possible. step.h has the rules in words.
 *
 * A thread puts stores into its buffer at once when it gets there, though it might do so later, for
 * nobody sees the difference but a heavy fence. So these stores are called fresh, and no heavy
 * fence reaches them, until the thread goes on or one of them, or a later one, comes out.
 *
 * Every function looks at step_threads alone and at the memory that operations name. What always
 * holds: an entry that belongs to a read-modify-write can come out at any time (nothing has to come
 * out before it, and nobody else's does so at its address), so buffers never block each other.
 */
#include "tests/step/step_world.h"

#include <string.h>

uint64_t step_read(const void *address, size_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, address, bytes); /* little endian */
    return value;
}

void step_write(void *address, size_t bytes, uint64_t value)
{
    memcpy(address, &value, bytes);
}

uint64_t step_updated(step_update update, uint64_t old, uint64_t operand)
{
    switch (update) {
    case STEP_ADD:
        return old + operand;
    case STEP_SUB:
        return old - operand;
    case STEP_AND:
        return old & operand;
    case STEP_OR:
        return old | operand;
    case STEP_XOR:
        return old ^ operand;
    case STEP_EXCHANGE:
        break;
    }
    return operand;
}

static bool is_release(memory_order order)
{
    return order == memory_order_release || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

/* -- buffers ----------------------------------------------------------------------------------- */

/* The newest store of the thread to that object; NULL: none waits. */
static const step_store_entry *newest(const step_thread_state *t, const uint8_t *address,
                                      uint64_t bytes)
{
    for (size_t i = t->num_stores; i-- > 0;) {
        const step_store_entry *e = &t->stores[i];
        if (e->address == address && e->bytes == bytes) {
            return e;
        }
        if (e->address < address + bytes && address < e->address + e->bytes) {
            step_fail("atomic objects overlap");
        }
    }
    return NULL;
}

static bool has_seq_cst(const step_thread_state *t)
{
    for (size_t i = 0; i < t->num_stores; i++) {
        if (t->stores[i].is_seq_cst) {
            return true;
        }
    }
    return false;
}

/* A read-modify-write of another thread there is not out yet. */
static bool is_held(unsigned thread, const uint8_t *address)
{
    for (unsigned i = 0; i < STEP_THREADS_MAX; i++) {
        const step_thread_state *t = &step_threads[i];
        for (size_t k = 0; i != thread && k < t->num_stores; k++) {
            if (t->stores[k].is_update && t->stores[k].address == address) {
                return true;
            }
        }
    }
    return false;
}

void step_buffer(unsigned thread, const step_op *op)
{
    step_thread_state *t = &step_threads[thread];
    if (t->num_stores == STEP_STORES_MAX) {
        step_fail("more than %d stores wait in one buffer", STEP_STORES_MAX);
        return;
    }
    newest(t, op->address, op->bytes); /* looks for overlaps */
    uint64_t unused_bits = 64 - 8 * op->bytes;
    uint64_t before =
        step_mode_now == STEP_TSO || is_release(op->order) ? t->num_stores : t->fence_at;
    t->stores[t->num_stores++] = (step_store_entry){
        .address = op->address,
        .value = op->operand << unused_bits >> unused_bits,
        .bytes = (uint16_t)op->bytes,
        .num_before = (uint16_t)before,
        .is_seq_cst = op->order == memory_order_seq_cst,
    };
    t->num_fresh++;
}

void step_hold_back(unsigned thread)
{
    step_threads[thread].fence_at = step_threads[thread].num_stores;
}

static bool can_drain(unsigned thread, size_t which)
{
    const step_thread_state *t = &step_threads[thread];
    const step_store_entry *e = &t->stores[which];
    for (size_t i = 0; i < which; i++) {
        if (t->stores[i].address == e->address) {
            return false;
        }
    }
    return e->num_before == 0 && !is_held(thread, e->address);
}

static void drain(unsigned thread, size_t which)
{
    step_thread_state *t = &step_threads[thread];
    step_store_entry e = t->stores[which];
    step_op done = {.kind = STEP_DRAIN, .bytes = e.bytes, .address = e.address, .operand = e.value};
    step_write(e.address, e.bytes, e.value);
    t->num_stores--;
    t->num_fresh = t->num_fresh < t->num_stores - which ? t->num_fresh : t->num_stores - which;
    memmove(&t->stores[which], &t->stores[which + 1], (t->num_stores - which) * sizeof e);
    for (size_t i = which; i < t->num_stores; i++) {
        t->stores[i].num_before -= t->stores[i].num_before > which;
    }
    t->fence_at -= t->fence_at > which;
    step_note(thread, &done, false, STEP_NOBODY);
}

static size_t num_old(unsigned thread)
{
    return step_threads[thread].num_stores - step_threads[thread].num_fresh;
}

bool step_has_old_stores(unsigned thread)
{
    return num_old(thread) > 0;
}

static void drain_old(unsigned thread)
{
    while (num_old(thread) > 0) {
        drain(thread, 0);
    }
}

static bool can_drain_old(unsigned thread)
{
    for (size_t i = 0; i < num_old(thread); i++) {
        if (is_held(thread, step_threads[thread].stores[i].address)) {
            return false;
        }
    }
    return true;
}

/* -- operations -------------------------------------------------------------------------------- */

static bool will_write(const step_op *op)
{
    return op->kind == STEP_FETCH_UPDATE || step_read(op->address, op->bytes) == op->expected;
}

/* For a read-modify-write. */
static bool can_update(unsigned thread, const step_op *op)
{
    const step_thread_state *t = &step_threads[thread];
    if (step_mode_now == STEP_TSO || t->num_stores == 0) {
        return t->num_stores == 0 && (!will_write(op) || !is_held(thread, op->address));
    }
    if (newest(t, op->address, op->bytes) != NULL) {
        return false;
    }
    if (!will_write(op)) {
        return op->failure != memory_order_seq_cst || !has_seq_cst(t);
    }
    return !is_release(op->order) && t->fence_at == 0 && !is_held(thread, op->address);
}

static bool can_do(unsigned thread)
{
    const step_thread_state *t = &step_threads[thread];
    switch (t->op.kind) {
    case STEP_LOAD:
        return step_mode_now == STEP_TSO || t->op.order != memory_order_seq_cst || !has_seq_cst(t);
    case STEP_FETCH_UPDATE:
    case STEP_COMPARE:
        return can_update(thread, &t->op);
    case STEP_WAIT:
    case STEP_WAKE:
        return t->num_stores == 0;
    default:
        return t->op.kind == STEP_WOKEN;
    }
}

/* Those whom the thread's operation may be about; {STEP_NOBODY} if it is about nobody. */
static size_t list_targets(unsigned thread, uint8_t targets[STEP_THREADS_MAX])
{
    const step_op *op = &step_threads[thread].op;
    size_t num = 0;
    for (unsigned i = 0; i < STEP_THREADS_MAX; i++) {
        const step_thread_state *other = &step_threads[i];
        bool sleeps = other->status == STEP_SLEEPING && other->op.address == op->address;
        if (op->kind == STEP_HEAVY_FENCE ? (op->targets >> i & 1) != 0 && can_drain_old(i)
                                         : op->kind == STEP_WAKE && sleeps && can_do(thread)) {
            targets[num++] = (uint8_t)i;
        }
    }
    if (num == 0 && can_do(thread)) {
        targets[num++] = STEP_NOBODY;
    }
    return num;
}

size_t step_list(step_choice choices[STEP_CHOICES_MAX])
{
    size_t num = 0;
    for (unsigned i = 0; i < STEP_THREADS_MAX; i++) {
        const step_thread_state *t = &step_threads[i];
        uint8_t targets[STEP_THREADS_MAX];
        size_t num_targets = t->status == STEP_READY ? list_targets(i, targets) : 0;
        for (size_t k = 0; k < num_targets; k++) {
            choices[num++] = (step_choice){.thread = (uint8_t)i, .which = targets[k]};
        }
        for (size_t k = 0; k < t->num_stores; k++) {
            if (can_drain(i, k)) {
                choices[num++] =
                    (step_choice){.thread = (uint8_t)i, .drains = true, .which = (uint8_t)k};
            }
        }
    }
    return num;
}

static const volatile void *wrapping;
static uint64_t wraps_at;

void step_wraps(const volatile void *counter, uint64_t modulus)
{
    wrapping = counter;
    wraps_at = modulus;
}

static void update(unsigned thread, step_op *op)
{
    op->result = step_read(op->address, op->bytes);
    if (!will_write(op)) {
        return;
    }
    step_op store = *op;
    if (op->kind == STEP_FETCH_UPDATE) {
        store.operand = step_updated(op->update, op->result, op->operand);
        store.operand = op->address == wrapping ? store.operand % wraps_at : store.operand;
    }
    if (step_mode_now == STEP_TSO) {
        step_write(op->address, op->bytes, store.operand);
    } else {
        step_buffer(thread, &store);
        step_threads[thread].stores[step_threads[thread].num_stores - 1].is_update = true;
    }
}

bool step_do(const step_choice *choice)
{
    unsigned thread = choice->thread;
    step_thread_state *t = &step_threads[thread];
    step_op *op = &t->op;
    const step_store_entry *own;
    bool goes_on = true;
    if (choice->drains) {
        drain(thread, choice->which);
        return false;
    }
    switch (op->kind) {
    case STEP_LOAD:
        own = newest(t, op->address, op->bytes);
        op->result = own != NULL ? own->value : step_read(op->address, op->bytes);
        break;
    case STEP_FETCH_UPDATE:
    case STEP_COMPARE:
        update(thread, op);
        break;
    case STEP_WAIT:
        op->result = step_read(op->address, op->bytes);
        goes_on = op->result != op->expected;
        t->status = goes_on ? STEP_READY : STEP_SLEEPING;
        break;
    case STEP_WAKE:
        if (choice->which != STEP_NOBODY) {
            step_threads[choice->which].status = STEP_READY;
            step_threads[choice->which].op.kind = STEP_WOKEN;
        }
        break;
    case STEP_HEAVY_FENCE:
        drain_old(choice->which);
        op->targets &= ~(UINT64_C(1) << choice->which);
        goes_on = false; /* step_is_over tells */
        break;
    default:
        break;
    }
    step_note(thread, op, false, choice->which);
    return goes_on;
}

bool step_is_over(unsigned thread)
{
    step_thread_state *t = &step_threads[thread];
    if (t->status != STEP_READY) {
        return false;
    }
    for (unsigned i = 0; i < STEP_THREADS_MAX; i++) {
        if (!step_has_old_stores(i)) { /* its moment may be now: there is nothing to wait for */
            t->op.targets &= ~(UINT64_C(1) << i);
        }
    }
    return (t->op.kind == STEP_FENCE && t->num_stores == 0) ||
           (t->op.kind == STEP_HEAVY_FENCE && t->op.targets == 0);
}
