/*
 * A submitter: the thread that owns one device. It opens it, compiles the types' kernels, takes
 * tickets from the lanes, fills batches, submits them, and settles what comes back.
 *
 * Threads: everything here belongs to the submitter's thread, but for `info` (its state behind the
 * runtime's devices_lock) and the atomics.
 */
#ifndef YOKE_SUBMITTER_H
#define YOKE_SUBMITTER_H

#include "batch.h"
#include "path.h"
#include "patience.h"
#include "runtime.h"

typedef struct submitter {
    yoke_runtime *rt;
    backend_instance *instance;
    uint32_t instance_index; /* among the instance's devices */
    region_device device;
    yoke_device info;
    bool has_thread;
    pthread_t thread;
    stats stats;
    _Atomic uint32_t num_compiled; /* types that have had their turn, in order of registration */
    backend_kernel **kernels[YOKE_TYPES_MAX]; /* a type's; NULL: this device does not serve it */
    yoke_job *held[YOKE_TYPES_MAX];           /* a ticket taken from the lane, not used up yet */
    bool held_waits[YOKE_TYPES_MAX];          /* the one held, until nothing is in flight */
    batch *open[YOKE_TYPES_MAX];
    uint32_t num_slots;
    batch *slots;
    batch *in_flight[BACKEND_SLOTS_MAX]; /* oldest first */
    uint32_t num_in_flight;
    batch *trial;        /* of the type that is being compiled (trial.h); NULL: none */
    uint32_t first_type; /* whose turn it is to be filled first */
    uint64_t stuck_ns[YOKE_TYPES_MAX];   /* since when a lane waits for a slot; 0: it does not */
    bool has_complained[YOKE_TYPES_MAX]; /* of a batch that could not be made ready */
    path paths[YOKE_TYPES_MAX];
    patience patience[YOKE_TYPES_MAX];
    model models[YOKE_TYPES_MAX];
    struct {
        _Atomic uint64_t fixed_ns, slope;
    } lines[YOKE_TYPES_MAX]; /* of the models, for the controller */
    size_t slot_bytes;       /* of memory, and of scratch at first */
    uint32_t num_quiets;     /* as rt->num_quiets when last looked at */
    uint64_t passed_on;      /* places of lanes that others were told of (rest.c) */
    _Atomic uint64_t taken_bytes, peak_bytes; /* of the device's own memory, for yoke_devices */
    uint64_t done_ns;                         /* when the last batch was seen to be done */
    uint64_t busy_until_ns;                   /* on the device's clock: when the last batch ended */
} submitter;

/* The thread's body. */
void submitter_main(submitter *s);

/* Tells the world what became of the device; why may be NULL. By its submitter, or before that has
 * a thread by the controller. */
void submitter_set_state(submitter *s, yoke_device_state state, const char *why);

/* After its thread has ended and its failed batches have been run: frees its memory. */
void submitter_free(submitter *s);

#endif
