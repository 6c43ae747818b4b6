#!/usr/bin/env python3
"""Do the step tests see it when deque.h, ring.h, park.h or park.c is wrong?

TABLE has mutants: each takes one memory order, fence or step of the algorithm away. Every mutant is
built outside Bazel, in a temporary folder, and run under the step tests of its structure. What they
let live is run under ThreadSanitizer, in the stress test, if that drives the structure. The table
that is printed says who killed which mutant: `tso` and `pso` are the two models of step.h.

Exit status: 0 if all came as the table says; 1 if a mutant lives that should not, or is killed
though the table says why it cannot be, or if the text that it replaces is no longer in the source
just once (spaces and line breaks do not count); 2 for a wrong argument.

Usage: tests/step/mutants.py [WORD...]: only mutants whose line has one of the words.
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CC = ["gcc", "-std=c11", "-D_GNU_SOURCE"]
STEP = ["step.c", "step_memory.c", "step_schedule.c"]
SANITIZED_RUNS = 5
SECONDS_MAX = 300

DEQUE = "runtime/deque.h"
RING = "runtime/ring.h"
PARK_H = "runtime/park.h"
PARK_C = "runtime/park.c"
# Rules of park.h that its callers keep, worker.c in the first place; the test has its own copy.
RULES = "tests/step/park_step_test.c"

# What to run for each file: (test, defines), and whether the stress test drives it.
TESTS = {
    DEQUE: ([("deque_step_test", "-DDEQUE_CAPACITY=%d" % n) for n in (1, 2, 4)], True),
    RING: ([("ring_step_test", ""), ("park_step_test", "")], True),
    PARK_H: ([("park_step_test", "")], False),
    PARK_C: ([("park_step_test", "")], False),
    RULES: ([("park_step_test", "")], False),
}

LIVES = None

# (file, tag, what is wrong, text, replacement, who kills it first: tso, pso, tsan; or LIVES)
TABLE = [
    # -- deque.h
    (DEQUE, "Q1", "push: bottom is relaxed",
     "atomic_store_explicit(&d->bottom, b + 1, memory_order_release); /* Q1 */ return true;",
     "atomic_store_explicit(&d->bottom, b + 1, memory_order_relaxed); return true;", "pso"),
    (DEQUE, "Q1", "push: bottom before the slot",
     """atomic_store_explicit(deque_slot(d, b), ticket, memory_order_relaxed);
        atomic_store_explicit(&d->bottom, b + 1, memory_order_release); /* Q1 */ return true;""",
     """atomic_store_explicit(&d->bottom, b + 1, memory_order_release);
        atomic_store_explicit(deque_slot(d, b), ticket, memory_order_relaxed); return true;""",
     "tso"),
    (DEQUE, "Q1", "pop: the lower bottom is relaxed",
     "atomic_store_explicit(&d->bottom, b, memory_order_release); /* Q1 */",
     "atomic_store_explicit(&d->bottom, b, memory_order_relaxed);", "tsan"),
    (DEQUE, "Q1", "pop of an empty deque: bottom is relaxed",
     "atomic_store_explicit(&d->bottom, b + 1, memory_order_release); /* Q1 */ return NULL;",
     "atomic_store_explicit(&d->bottom, b + 1, memory_order_relaxed); return NULL;", "tsan"),
    (DEQUE, "Q1", "pop of the last ticket: bottom is relaxed",
     "atomic_store_explicit(&d->bottom, b + 1, memory_order_release); /* Q1 */ } return ticket;",
     "atomic_store_explicit(&d->bottom, b + 1, memory_order_relaxed); } return ticket;", "tsan"),
    (DEQUE, "Q1", "steal: bottom is read relaxed",
     "int64_t b = atomic_load_explicit(&d->bottom, memory_order_acquire); /* Q1 */",
     "int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed);", "tsan"),
    (DEQUE, "Q2", "pop: no fence",
     """atomic_thread_fence(memory_order_seq_cst); /* Q2 */
        int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);""",
     "int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);", "tso"),
    (DEQUE, "Q2", "pop: top is read before bottom is lowered",
     """int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed) - 1;
        atomic_store_explicit(&d->bottom, b, memory_order_release); /* Q1 */
        atomic_thread_fence(memory_order_seq_cst);                  /* Q2 */
        int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);""",
     """int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed) - 1;
        int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);
        atomic_store_explicit(&d->bottom, b, memory_order_release);
        atomic_thread_fence(memory_order_seq_cst);""", "tso"),
    # C11 asks for it. It stands between two loads, the first an acquire: no machine on which a
    # store reaches all other threads at once needs more, and ThreadSanitizer sees no fences.
    (DEQUE, "Q2", "steal: no fence",
     "atomic_thread_fence(memory_order_seq_cst); /* Q2 */ int64_t b", "int64_t b", LIVES),
    (DEQUE, "Q3", "pop: no compare-exchange for the last ticket",
     """if (!atomic_compare_exchange_strong_explicit(&d->top, &t, t + 1, memory_order_seq_cst,
        memory_order_relaxed)) { /* Q3 */ ticket = NULL; }""",
     "atomic_store_explicit(&d->top, t + 1, memory_order_seq_cst);", "tso"),
    (DEQUE, "Q3", "steal: a load and a store for the compare-exchange",
     """if (!atomic_compare_exchange_strong_explicit(&d->top, &t, t + 1, memory_order_seq_cst,
        memory_order_relaxed)) { /* Q3 */ return NULL; }""",
     """if (atomic_load(&d->top) != t) { return NULL; }
        atomic_store(&d->top, t + 1);""", "tso"),
    (DEQUE, "Q3", "pop: top is exchanged relaxed",
     """&t, t + 1, memory_order_seq_cst, memory_order_relaxed)) { /* Q3 */ ticket = NULL;""",
     """&t, t + 1, memory_order_relaxed, memory_order_relaxed)) { ticket = NULL;""", LIVES),
    (DEQUE, "Q3", "steal: top is exchanged relaxed",
     """&t, t + 1, memory_order_seq_cst, memory_order_relaxed)) { /* Q3 */ return NULL;""",
     """&t, t + 1, memory_order_relaxed, memory_order_relaxed)) { return NULL;""", LIVES),
    (DEQUE, "Q3", "pop: the last ticket is not the last", "if (t == b) {", "if (false) {", "tso"),
    (DEQUE, "Q3", "pop: the last ticket does not count", "if (t > b) {", "if (t >= b) {", "tso"),
    (DEQUE, "Q4", "push: one ticket too many", "b - t >= DEQUE_CAPACITY", "b - t > DEQUE_CAPACITY",
     "tso"),
    (DEQUE, "Q4", "steal: the slot is read when it may be free again",
     """void *ticket = atomic_load_explicit(deque_slot(d, t), memory_order_relaxed);
        if (!atomic_compare_exchange_strong_explicit(&d->top, &t, t + 1, memory_order_seq_cst,
                                                     memory_order_relaxed)) { /* Q3 */
            return NULL;
        }
        return ticket;""",
     """if (!atomic_compare_exchange_strong_explicit(&d->top, &t, t + 1, memory_order_seq_cst,
                                                     memory_order_relaxed)) {
            return NULL;
        }
        return atomic_load_explicit(deque_slot(d, t), memory_order_relaxed);""", "tso"),
    (DEQUE, "Q4", "push: top is read relaxed",
     "int64_t t = atomic_load_explicit(&d->top, memory_order_acquire); /* Q4 */ if (b - t",
     "int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed); if (b - t", LIVES),
    (DEQUE, "Q4", "steal: top is read relaxed",
     """int64_t t = atomic_load_explicit(&d->top, memory_order_acquire); /* Q4 */
        atomic_thread_fence(memory_order_seq_cst); /* Q2 */ int64_t b""",
     """int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst); int64_t b""", LIVES),

    # -- ring.h
    (RING, "R1", "publish: turn is relaxed",
     "atomic_store_explicit(&slot->turn, 2 * position + 1, memory_order_release); /* R1 */",
     "atomic_store_explicit(&slot->turn, 2 * position + 1, memory_order_relaxed);", "pso"),
    (RING, "R1", "publish: turn before ticket",
     """slot->ticket = ticket;
        atomic_store_explicit(&slot->turn, 2 * position + 1, memory_order_release); /* R1 */""",
     """atomic_store_explicit(&slot->turn, 2 * position + 1, memory_order_release);
        slot->ticket = ticket;""", "tsan"),
    (RING, "R1", "pop: turn is read relaxed",
     "->turn, memory_order_acquire) == 2 * (head + count) + 1",
     "->turn, memory_order_relaxed) == 2 * (head + count) + 1", "tsan"),
    (RING, "R1", "pop: a slot that is only reserved counts as published",
     "memory_order_acquire) == 2 * (head + count) + 1",
     "memory_order_acquire) >= 2 * (head + count)", "tso"),
    (RING, "R2", "pop: turn is relaxed",
     """atomic_store_explicit(&slot->turn, 2 * (head + i + r->capacity),
        memory_order_release); /* R2 */""",
     """atomic_store_explicit(&slot->turn, 2 * (head + i + r->capacity),
        memory_order_relaxed);""", "tsan"),
    (RING, "R2", "pop: turn before the ticket is read",
     """tickets[i] = slot->ticket;
        atomic_store_explicit(&slot->turn, 2 * (head + i + r->capacity),
        memory_order_release); /* R2 */""",
     """atomic_store_explicit(&slot->turn, 2 * (head + i + r->capacity),
        memory_order_release);
        tickets[i] = slot->ticket;""", "tsan"),
    (RING, "R2", "reserve: turn is read relaxed",
     "->turn, memory_order_acquire); /* R2 */", "->turn, memory_order_relaxed);", "tsan"),
    (RING, "R2", "reserve: only the first slot is looked at", "while (i < count && ahead == 0)",
     "while (i < 1)", "tso"),
    (RING, "R2", "reserve: full, though tail is old", "if (now == tail) { return false; }",
     "return false;", "tso"),
    (RING, "-", "reserve: a load and a store for the compare-exchange of tail",
     """atomic_compare_exchange_weak_explicit(
        &r->tail, &tail, tail + count, memory_order_seq_cst, memory_order_relaxed)""",
     """(atomic_load(&r->tail) == tail && (atomic_store(&r->tail, tail + count), true))""", "tso"),
    (RING, "-", "pop: a load and a store for the compare-exchange of head",
     """!atomic_compare_exchange_weak_explicit(&r->head, &head, head + count,
        memory_order_relaxed, memory_order_relaxed)""",
     "!(atomic_load(&r->head) == head && (atomic_store(&r->head, head + count), true))", "tso"),
    (RING, "-", "pop: nothing, though head is old", "if (now == head) { return 0; }", "return 0;",
     "tso"),
    (RING, "R3", "reserve: tail is exchanged relaxed",
     "&r->tail, &tail, tail + count, memory_order_seq_cst,",
     "&r->tail, &tail, tail + count, memory_order_relaxed,", "pso"),
    (RING, "R3", "reserve: tail is exchanged as a release",
     "&r->tail, &tail, tail + count, memory_order_seq_cst,",
     "&r->tail, &tail, tail + count, memory_order_release,", "pso"),

    # -- park.h and park.c
    (PARK_C, "P1", "wake_one: no fence",
     "{ PARK_HEAVY_FENCE(); /* P1 */ return park_wake_one_reserved_any(p); }",
     "{ return park_wake_one_reserved_any(p); }", "tso"),
    (PARK_C, "P1", "announce: no fence", "/* P3 */ PARK_HEAVY_FENCE(); /* P1 */ }", "}", "pso"),
    (PARK_H, "P1", "wake_one_reserved: num_parked is read relaxed",
     "atomic_load_explicit(&p->num_parked, memory_order_seq_cst) > 0 && /* P1 */",
     "atomic_load_explicit(&p->num_parked, memory_order_relaxed) > 0 &&", "pso"),
    (PARK_C, "P1", "announce: num_parked is added to relaxed",
     "atomic_fetch_add_explicit(&p->num_parked, 1, memory_order_seq_cst);",
     "atomic_fetch_add_explicit(&p->num_parked, 1, memory_order_relaxed);", LIVES),
    (PARK_C, "P1", "announce: parked before it is counted",
     """atomic_fetch_add_explicit(&p->num_parked, 1, memory_order_seq_cst);
        atomic_store_explicit(&p->sleepers[index].state, PARK_PARKED, memory_order_seq_cst);
        /* P2 */""",
     """atomic_store_explicit(&p->sleepers[index].state, PARK_PARKED, memory_order_seq_cst);
        atomic_fetch_add_explicit(&p->num_parked, 1, memory_order_seq_cst);""", "tso"),
    (PARK_C, "P2", "leave: a load and a store for the compare-exchange",
     """!atomic_compare_exchange_strong_explicit(&p->sleepers[index].state, &expected, to,
        memory_order_seq_cst, memory_order_seq_cst)""",
     """atomic_load(&p->sleepers[index].state) != expected ||
        (atomic_store(&p->sleepers[index].state, to), false)""", "tso"),
    (PARK_C, "P2", "announce: state is relaxed",
     "state, PARK_PARKED, memory_order_seq_cst); /* P2 */",
     "state, PARK_PARKED, memory_order_relaxed);", LIVES),
    (PARK_C, "P2", "retract: counted twice when notified meanwhile",
     "/* notified meanwhile, and counted by the waker */ park_found_worker(p);", "", "tso"),
    (PARK_C, "P2", "retract: leaves before it counts as a searcher",
     """park_search_worker(p); /* first, so that a waker never finds num_parked up and nobody there */
        if (!park_leave(p, index, PARK_AWAKE)) {
        /* notified meanwhile, and counted by the waker */
        park_found_worker(p);""",
     """if (park_leave(p, index, PARK_AWAKE)) { park_search_worker(p); } else {""", "tso"),
    (PARK_C, "P2", "sleep: does not look before it waits",
     "while (atomic_load_explicit(state, memory_order_seq_cst) == PARK_PARKED) {",
     "do { PARK_WAIT(state, atomic_load(state)); } while (atomic_load(state) == PARK_PARKED); {",
     "tso"),
    (PARK_C, "P2", "notify: the futex is not woken",
     """PARK_WAKE(&p->sleepers[index].state); return true;""", "return true;", "tso"),
    (PARK_C, "P3", "announce: num_searching is taken from relaxed",
     "atomic_fetch_sub_explicit(&p->num_searching, 1, memory_order_seq_cst); /* P3 */ PARK_HEAVY",
     "atomic_fetch_sub_explicit(&p->num_searching, 1, memory_order_relaxed); PARK_HEAVY", LIVES),
    (PARK_H, "P3", "found: no fence", "if (last) { PARK_HEAVY_FENCE(); /* P3 */ }", "", "pso"),
    (PARK_H, "P3", "found: nobody is ever the last", "return last;", "return false;", "tso"),
    (PARK_H, "P3", "search: num_searching is added to relaxed",
     "atomic_fetch_add_explicit(&p->num_searching, 1, memory_order_seq_cst); /* P3 */",
     "atomic_fetch_add_explicit(&p->num_searching, 1, memory_order_relaxed);", LIVES),
    (PARK_H, "P3", "wake_one_reserved: num_searching is read relaxed",
     "atomic_load_explicit(&p->num_searching, memory_order_seq_cst) == 0 && /* P3 */",
     "atomic_load_explicit(&p->num_searching, memory_order_relaxed) == 0 &&", LIVES),
    (PARK_C, "P3", "wake_one: does not look again after a vain search for a sleeper",
     "} while (atomic_load_explicit(&p->num_parked, memory_order_relaxed) > 0);",
     "} while (false);", "tso"),
    (PARK_C, "P3", "wake_one: no fence before it looks again",
     "memory_order_seq_cst); /* P3 */ PARK_HEAVY_FENCE(); /* P1 */ } while",
     "memory_order_seq_cst); } while", "pso"),
    (PARK_C, "P3", "wake_worker: does not pass on what others trusted it with",
     """} else if (park_found_worker(p)) { park_wake_one_any(p);
        /* somebody may have trusted the searcher that we were for a moment */ }""",
     "} else { park_found_worker(p); }", "tso"),
    (PARK_C, "P3", "wake_all: does not pass on what others trusted it with",
     "if (owes) { park_wake_one_any(p); }", "(void)owes;", LIVES),

    # -- the rules of park.h
    (RULES, "P1", "a worker looks before it announces",
     "park_announce_worker(&w->p, step_self()); if (!may_sleep(w, joins)) {",
     "bool may = may_sleep(w, joins); park_announce_worker(&w->p, step_self()); if (!may) {",
     "tso"),
    (RULES, "P1", "work is brought and nobody is woken",
     "memory_order_release); park_wake_one_any(&w->p);", "memory_order_release);", "tso"),
    (RULES, "P3", "the last searcher does not look again",
     "if (park_found_worker(&w->p) && sees_work(w)) {", "if (park_found_worker(&w->p) && false) {",
     "tso"),
    (RULES, "-", "a worker looks for work before it looks whether it is called",
     "bool is_last_look = is_called(w, joins); /* all work was there before the call */ "
     "bool has_found = take_work(w);",
     "bool has_found = take_work(w); bool is_last_look = is_called(w, joins);", "tso"),
]


def fail(text):
    sys.exit("mutants: " + text)


def replaced(source, text, replacement):
    """The source with the one place that has the text replaced, or None."""
    pattern = r"\s+".join(re.escape(word) for word in text.split())
    found = list(re.finditer(pattern, source))
    if len(found) != 1:
        return None
    return source[:found[0].start()] + replacement + source[found[0].end():]


def run(command, seconds=SECONDS_MAX):
    """Exit status and output; a status of None: it took too long."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=seconds, cwd=ROOT, check=False)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="replace")


def compile_test(folder, flags, sources, program):
    """Builds with the folder's files in place of the tree's."""
    status, output = run(CC + flags + ["-I" + folder, "-I" + ROOT, "-I" + ROOT + "/runtime/include"] +
                         sources + ["-lcmocka", "-pthread", "-o", program])
    if status != 0:
        fail("a mutant does not compile:\n" + output)


def step_killer(folder, work, test, define):
    """tso, pso, a word for another death, or None if the mutant lives."""
    program = os.path.join(folder, test)
    own = os.path.join(folder, "tests/step", test + ".c")
    source = own if os.path.exists(own) else os.path.join(ROOT, "tests/step", test + ".c")
    compile_test(folder, ["-O2"] + define.split(),
                 [source] + [os.path.join(work, name + ".o") for name in STEP], program)
    status, output = run([program])
    if status == 0:
        return None
    under = re.search(r"under (TSO|PSO), after:", output)
    return under.group(1).lower() if under else "timeout" if status is None else "crash"


def sanitizer_killer(folder):
    program = os.path.join(folder, "stress_test")
    compile_test(folder, ["-O1", "-g", "-fsanitize=thread", "-Wno-tsan", "-DDEQUE_CAPACITY=64"],
                 [os.path.join(ROOT, "tests/step/stress_test.c")], program)
    # gcc's ThreadSanitizer cannot map its shadow where the kernel randomises too many bits.
    fixed = ["setarch", os.uname().machine, "-R"]
    for _ in range(SANITIZED_RUNS):
        if run(fixed + [program])[0] != 0:
            return "tsan"
    return None


def killer(number, mutant, work):
    path, _, _, text, replacement, _ = mutant
    folder = os.path.join(work, str(number))
    shutil.copytree(os.path.join(ROOT, "runtime"), os.path.join(folder, "runtime"))
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        source = replaced(file.read(), text, replacement)
    if source is None:
        return "no match"
    target = os.path.join(folder, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w", encoding="utf-8") as file:
        file.write(source)
    tests, is_stressed = TESTS[path]
    for test, define in tests:
        killed_by = step_killer(folder, work, test, define)
        if killed_by is not None:
            return killed_by
    return sanitizer_killer(folder) if is_stressed else None


def verdict(expected, found):
    if found == "no match":
        return "THE TEXT IS NOT THERE ONCE"
    if found is None and expected is not LIVES:
        return "LIVES, AND SHOULD NOT"
    if found is not None and expected is LIVES:
        return "DIES: the table says why it cannot"
    if found != expected:
        return "expected: " + expected
    return ""


def check_originals(work):
    """What kills the unchanged source would kill every mutant."""
    for path in (DEQUE, RING, PARK_C):
        if killer("original", (path, "", "", "#include", "#include", None), work) not in (None, "no match"):
            fail(path + " fails as it is")


def main(words):
    chosen = [m for m in TABLE if not words or any(w in " ".join(m[:3]) for w in words)]
    if not chosen:
        print(__doc__, file=sys.stderr)
        return 2
    wrong = 0
    with tempfile.TemporaryDirectory() as work:
        for name in STEP:
            compile_test(work, ["-O2", "-c"], [os.path.join(ROOT, "tests/step", name)],
                         os.path.join(work, name + ".o"))
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            results = pool.map(lambda pair: killer(pair[0], pair[1], work), enumerate(chosen))
            for (path, tag, what, _, _, expected), found in zip(chosen, results):
                remark = verdict(expected, found)
                wrong += remark.isupper() or remark.startswith("DIES") or "SHOULD" in remark
                print("%-18s %-3s %-60s %-8s %s" % (os.path.basename(path), tag, what,
                                                    found or "lives", remark), flush=True)
    print("%d mutants, %d not as the table says" % (len(chosen), wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
