/*
 * yoke/fork.h: fork and join inside a CPU kernel.
 *
 * A kernel, or a function it calls, may fork a call: another worker may then run it while this one
 * goes on. The join that belongs to it returns when the call has run: mostly right here, because
 * nobody took it. Forks and joins nest like brackets: what was forked last is joined first.
 *
 *     YOKE_TASK(long, fib, long)
 *     static long fib(yoke_worker *worker, long n)
 *     {
 *         if (n < 2) {
 *             return n;
 *         }
 *         long a;
 *         fib_spawn(worker, &a, n - 1);
 *         long b = fib(worker, n - 2);
 *         fib_sync(worker, &a);
 *         return a + b;
 *     }
 *
 * Forking allocates nothing. A worker has room for YOKE_FORKS_MAX calls that are forked and not
 * joined; a call beyond that runs at once, in place.
 *
 * Rules:
 *   - `worker` is the one that the kernel, or the forked function, was called with. All of these
 *     functions are for the thread that runs that kernel.
 *   - A function joins what it has forked before it returns. If a kernel does not, what nobody has
 *     begun never runs, what has begun is waited for, and the job settles as YOKE_INVALID. (What
 *     has begun may use the dead function's variables: the bug is the caller's.)
 *   - A join without a fork does nothing, and the job settles as YOKE_INVALID. In checked builds
 *     both mistakes trip the hook of yoke_set_assert_hook.
 *   - A worker that waits in a join helps: first the one that took the call, then anybody. So it
 *     may run other forked calls and whole jobs, of the same type too, before the join returns.
 *     Hold no lock and no per-worker scratch across a join.
 *   - A forked call runs even if its job is cancelled meanwhile.
 *
 * The layout and the functions named *_1 are part of the ABI: a program that was compiled against
 * another layout does not link.
 */
#ifndef YOKE_FORK_H
#define YOKE_FORK_H

#include <stdint.h>
#include <string.h>

#include <yoke/yoke.h>

#ifdef __cplusplus
extern "C" {
#endif

#define YOKE_FORKS_MAX 8192
#define YOKE_FORK_BYTES_MAX 48 /* the parameters of a task; and its result */

/* ---------------------------------------------------------------------------------------------
 * Generic form
 */

/*
 * Forks fn(worker, argument). The worker that fn gets is the one that runs it.
 *   Owns:     what `argument` points at must live until the join.
 */
void yoke_fork(yoke_worker *worker, void (*fn)(yoke_worker *worker, void *argument),
               void *argument);

/*
 * Returns when the call forked last that is not joined has run; typed spawns count among the forks,
 * but their results come with their own sync only.
 *   Blocks:   while another worker runs it and there is nothing to help with.
 */
void yoke_join(yoke_worker *worker);

/* ---------------------------------------------------------------------------------------------
 * Typed form, about as cheap as a call
 */

/*
 * YOKE_TASK(type, name, T1, T2, ...), with one to six parameter types, declares
 *     static type name(yoke_worker *worker, T1, T2, ...);    to be defined by the caller
 *     void name_spawn(yoke_worker *worker, type *result, T1, T2, ...);
 *     void name_sync(yoke_worker *worker, type *result);
 * name_spawn forks name(worker, ...); name_sync joins it and stores what it returned in *result.
 * Both get the same `result`, which must live until the sync and means nothing before it.
 * The parameters together, and the result, take at most YOKE_FORK_BYTES_MAX bytes; they are plain
 * data (in C++: trivially copyable), and no parameter is aligned to more than 16 bytes.
 * YOKE_TASK_VOID(name, T1, ...) is the same without `type` and `result`.
 * Both also declare names of their own that begin with name_: args, run, push, join and
 * those that end in _slow.
 */
#define YOKE_TASK(type, name, ...)                                                                 \
    YOKE_FORK_EXPAND(YOKE_FORK_TASK, (type, name, YOKE_FORK_COUNT(__VA_ARGS__), __VA_ARGS__))
#define YOKE_TASK_VOID(name, ...)                                                                  \
    YOKE_FORK_EXPAND(YOKE_FORK_TASK_VOID, (name, YOKE_FORK_COUNT(__VA_ARGS__), __VA_ARGS__))

/* ---------------------------------------------------------------------------------------------
 * What the macros are made of; not for callers
 */

/* A forked call: 64 bytes in its worker's stack of frames. */
typedef struct yoke_frame {
    void (*run)(yoke_worker *worker, struct yoke_frame *frame);
    uint32_t state; /* the runtime's */
    uint32_t reserved;
    unsigned char bytes[YOKE_FORK_BYTES_MAX]; /* parameters, then the result */
} yoke_frame;

/* What a yoke_worker begins with. */
typedef struct __attribute__((__may_alias__)) yoke_fork_head {
    yoke_frame *top;   /* the next free frame */
    yoke_frame *bound; /* from here on frames are this worker's alone: no thief has seen them */
    uint64_t reserved[6];
    yoke_frame *limit; /* from here on a fork asks the runtime. Thieves set it to NULL */
} yoke_fork_head;

/* After the frame at `top` is written. 0: there is no room, the caller runs the call. */
int yoke_fork_slow_1(yoke_worker *worker);

/* The last fork may not be ours, or a thief asks: settles that and takes it off the stack. NULL: it
 * has run, in place. A frame with `run`: the caller runs it. Without: the result is in `bytes`. */
yoke_frame *yoke_join_slow_1(yoke_worker *worker);

/* True: the frame that was written at `top` is forked. */
static inline int yoke_fork_is_pushed(yoke_worker *worker, yoke_frame *frame)
{
    yoke_fork_head *head = (yoke_fork_head *)(void *)worker;
    if (__builtin_expect(frame >= __atomic_load_n(&head->limit, __ATOMIC_RELAXED), 0)) {
        return 0;
    }
    head->top = frame + 1;
    return 1;
}

/* The frame forked last, if it is this worker's alone and no thief asks for others; else NULL. */
static inline yoke_frame *yoke_fork_pop(yoke_worker *worker)
{
    yoke_fork_head *head = (yoke_fork_head *)(void *)worker;
    yoke_frame *frame = head->top - 1;
    if (__builtin_expect(frame < head->bound, 0) ||
        __builtin_expect(__atomic_load_n(&head->limit, __ATOMIC_RELAXED) == 0, 0)) {
        return 0;
    }
    head->top = frame;
    return frame;
}

#ifdef __cplusplus
#define YOKE_FORK_ASSERT static_assert
#else
#define YOKE_FORK_ASSERT _Static_assert
#endif

/* Lists over the parameter types: struct members, parameters, stores into args, arguments. */
#define YOKE_FORK_MEMBERS_1(A) A a;
#define YOKE_FORK_MEMBERS_2(A, B)                                                                  \
    A a;                                                                                           \
    B b;
#define YOKE_FORK_MEMBERS_3(A, B, C)                                                               \
    A a;                                                                                           \
    B b;                                                                                           \
    C c;
#define YOKE_FORK_MEMBERS_4(A, B, C, D)                                                            \
    A a;                                                                                           \
    B b;                                                                                           \
    C c;                                                                                           \
    D d;
#define YOKE_FORK_MEMBERS_5(A, B, C, D, E)                                                         \
    A a;                                                                                           \
    B b;                                                                                           \
    C c;                                                                                           \
    D d;                                                                                           \
    E e;
#define YOKE_FORK_MEMBERS_6(A, B, C, D, E, F)                                                      \
    A a;                                                                                           \
    B b;                                                                                           \
    C c;                                                                                           \
    D d;                                                                                           \
    E e;                                                                                           \
    F f;
#define YOKE_FORK_PARAMETERS_1(A) A a
#define YOKE_FORK_PARAMETERS_2(A, B) A a, B b
#define YOKE_FORK_PARAMETERS_3(A, B, C) A a, B b, C c
#define YOKE_FORK_PARAMETERS_4(A, B, C, D) A a, B b, C c, D d
#define YOKE_FORK_PARAMETERS_5(A, B, C, D, E) A a, B b, C c, D d, E e
#define YOKE_FORK_PARAMETERS_6(A, B, C, D, E, F) A a, B b, C c, D d, E e, F f
#define YOKE_FORK_STORE_1(p) (p)->a = a;
#define YOKE_FORK_STORE_2(p) YOKE_FORK_STORE_1(p)(p)->b = b;
#define YOKE_FORK_STORE_3(p) YOKE_FORK_STORE_2(p)(p)->c = c;
#define YOKE_FORK_STORE_4(p) YOKE_FORK_STORE_3(p)(p)->d = d;
#define YOKE_FORK_STORE_5(p) YOKE_FORK_STORE_4(p)(p)->e = e;
#define YOKE_FORK_STORE_6(p) YOKE_FORK_STORE_5(p)(p)->f = f;
#define YOKE_FORK_NAMES_1 a
#define YOKE_FORK_NAMES_2 a, b
#define YOKE_FORK_NAMES_3 a, b, c
#define YOKE_FORK_NAMES_4 a, b, c, d
#define YOKE_FORK_NAMES_5 a, b, c, d, e
#define YOKE_FORK_NAMES_6 a, b, c, d, e, f
#define YOKE_FORK_LOADS_1(p) (p)->a
#define YOKE_FORK_LOADS_2(p) YOKE_FORK_LOADS_1(p), (p)->b
#define YOKE_FORK_LOADS_3(p) YOKE_FORK_LOADS_2(p), (p)->c
#define YOKE_FORK_LOADS_4(p) YOKE_FORK_LOADS_3(p), (p)->d
#define YOKE_FORK_LOADS_5(p) YOKE_FORK_LOADS_4(p), (p)->e
#define YOKE_FORK_LOADS_6(p) YOKE_FORK_LOADS_5(p), (p)->f

#define YOKE_FORK_EXPAND(macro, arguments) macro arguments
#define YOKE_FORK_NTH(a, b, c, d, e, f, n, ...) n
#define YOKE_FORK_COUNT(...) YOKE_FORK_NTH(__VA_ARGS__, 6, 5, 4, 3, 2, 1, 0)

#define YOKE_FORK_COLD __attribute__((__noinline__, __cold__, __unused__))

/* The frame's bytes as the parameters; writing a frame; and the slow joins, which let the frame's
 * own function run the call, as a thief would. */
#define YOKE_FORK_COMMON(name, n, ...)                                                             \
    typedef struct __attribute__((__may_alias__)) name##_args {                                    \
        YOKE_FORK_MEMBERS_##n(__VA_ARGS__)                                                         \
    } name##_args;                                                                                 \
    YOKE_FORK_ASSERT(sizeof(name##_args) <= YOKE_FORK_BYTES_MAX, "too many parameters");           \
    YOKE_FORK_ASSERT(__alignof__(name##_args) <= 16, "a parameter is aligned to more than 16");    \
    static void name##_run(yoke_worker *worker, yoke_frame *frame);                                \
    static inline int name##_push(yoke_worker *worker, YOKE_FORK_PARAMETERS_##n(__VA_ARGS__))      \
    {                                                                                              \
        yoke_frame *frame = ((yoke_fork_head *)(void *)worker)->top;                               \
        name##_args *args = (name##_args *)(void *)frame->bytes;                                   \
        frame->run = name##_run;                                                                   \
        YOKE_FORK_STORE_##n(args) return yoke_fork_is_pushed(worker, frame);                       \
    }                                                                                              \
    static YOKE_FORK_COLD yoke_frame *name##_join(yoke_worker *worker)                             \
    {                                                                                              \
        yoke_frame *frame = yoke_join_slow_1(worker);                                              \
        if (frame != 0 && frame->run != 0) {                                                       \
            frame->run(worker, frame);                                                             \
        }                                                                                          \
        return frame;                                                                              \
    }

/* The slow functions take and give values: a pointer that escapes would keep the result in memory
 * on the fast path too. The slow sync is handed what the slow spawn may have returned; the zero of
 * the fast spawn is never used, and mostly never made. */
#define YOKE_FORK_TASK(type, name, n, ...)                                                         \
    static type name(yoke_worker *, __VA_ARGS__);                                                  \
    YOKE_FORK_COMMON(name, n, __VA_ARGS__)                                                         \
    YOKE_FORK_ASSERT(sizeof(type) <= YOKE_FORK_BYTES_MAX, "the result is too large");              \
    static void name##_run(yoke_worker *worker, yoke_frame *frame)                                 \
    {                                                                                              \
        name##_args *args = (name##_args *)(void *)frame->bytes;                                   \
        type result = name(worker, YOKE_FORK_LOADS_##n(args));                                     \
        memcpy(frame->bytes, &result, sizeof result);                                              \
    }                                                                                              \
    static YOKE_FORK_COLD type name##_spawn_slow(yoke_worker *worker,                              \
                                                 YOKE_FORK_PARAMETERS_##n(__VA_ARGS__))            \
    {                                                                                              \
        type result;                                                                               \
        if (!yoke_fork_slow_1(worker)) {                                                           \
            return name(worker, YOKE_FORK_NAMES_##n);                                              \
        }                                                                                          \
        memset(&result, 0, sizeof result);                                                         \
        return result;                                                                             \
    }                                                                                              \
    static inline void name##_spawn(yoke_worker *worker, type *result,                             \
                                    YOKE_FORK_PARAMETERS_##n(__VA_ARGS__))                         \
    {                                                                                              \
        if (__builtin_expect(!name##_push(worker, YOKE_FORK_NAMES_##n), 0)) {                      \
            *result = name##_spawn_slow(worker, YOKE_FORK_NAMES_##n);                              \
        } else {                                                                                   \
            memset(result, 0, sizeof *result);                                                     \
        }                                                                                          \
    }                                                                                              \
    static YOKE_FORK_COLD type name##_sync_slow(yoke_worker *worker, type result)                  \
    {                                                                                              \
        yoke_frame *frame = name##_join(worker);                                                   \
        if (frame != 0) {                                                                          \
            memcpy(&result, frame->bytes, sizeof result);                                          \
        }                                                                                          \
        return result;                                                                             \
    }                                                                                              \
    static inline void name##_sync(yoke_worker *worker, type *result)                              \
    {                                                                                              \
        yoke_frame *frame = yoke_fork_pop(worker);                                                 \
        if (__builtin_expect(frame != 0, 1)) {                                                     \
            name##_args *args = (name##_args *)(void *)frame->bytes;                               \
            *result = name(worker, YOKE_FORK_LOADS_##n(args));                                     \
        } else {                                                                                   \
            *result = name##_sync_slow(worker, *result);                                           \
        }                                                                                          \
    }

#define YOKE_FORK_TASK_VOID(name, n, ...)                                                          \
    static void name(yoke_worker *, __VA_ARGS__);                                                  \
    YOKE_FORK_COMMON(name, n, __VA_ARGS__)                                                         \
    static void name##_run(yoke_worker *worker, yoke_frame *frame)                                 \
    {                                                                                              \
        name##_args *args = (name##_args *)(void *)frame->bytes;                                   \
        name(worker, YOKE_FORK_LOADS_##n(args));                                                   \
    }                                                                                              \
    static YOKE_FORK_COLD void name##_spawn_slow(yoke_worker *worker,                              \
                                                 YOKE_FORK_PARAMETERS_##n(__VA_ARGS__))            \
    {                                                                                              \
        if (!yoke_fork_slow_1(worker)) {                                                           \
            name(worker, YOKE_FORK_NAMES_##n);                                                     \
        }                                                                                          \
    }                                                                                              \
    static inline void name##_spawn(yoke_worker *worker, YOKE_FORK_PARAMETERS_##n(__VA_ARGS__))    \
    {                                                                                              \
        if (__builtin_expect(!name##_push(worker, YOKE_FORK_NAMES_##n), 0)) {                      \
            name##_spawn_slow(worker, YOKE_FORK_NAMES_##n);                                        \
        }                                                                                          \
    }                                                                                              \
    static inline void name##_sync(yoke_worker *worker)                                            \
    {                                                                                              \
        yoke_frame *frame = yoke_fork_pop(worker);                                                 \
        if (__builtin_expect(frame != 0, 1)) {                                                     \
            name##_args *args = (name##_args *)(void *)frame->bytes;                               \
            name(worker, YOKE_FORK_LOADS_##n(args));                                               \
        } else {                                                                                   \
            name##_join(worker);                                                                   \
        }                                                                                          \
    }

#ifdef __cplusplus
}
#endif
#endif
