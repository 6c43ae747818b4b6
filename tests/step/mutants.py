#!/usr/bin/env python3
"""Do the step tests see it when deque.h, ring.h, frames.h or park.h is wrong?

TABLE has mutants: each takes one memory order, fence or step of the algorithm away. Every mutant is
built outside Bazel, in a temporary folder, and run under the step tests of its structure. What they
let live is run under ThreadSanitizer, in the stress test, if that drives the structure. The table
that is printed says who killed which mutant: `tso` and `pso` are the two models of step.h.

Exit status: 0 if all came as the table says; 1 if a mutant lives that should not, or is killed
though the table says why it cannot be, or if the text that it replaces is no longer in the source
just once (comments, spaces and line breaks do not count); 2 for a wrong argument.

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
FRAMES = "runtime/frames.h"
PARK = "runtime/park.h"
# Rules of park.h that its callers keep, worker.c in the first place; the test has its own copy.
RULES = "tests/step/park_step_test.c"

# What to run for each file: (test, defines), and whether the stress test drives it.
TESTS = {
    DEQUE: ([("deque_step_test", "-DDEQUE_CAPACITY=%d" % n) for n in (1, 2, 4)], True),
    RING: ([("ring_step_test", ""), ("park_step_test", "")], True),
    FRAMES: ([("frames_step_test", "-DFRAMES_CAPACITY=%d" % n) for n in (2, 3)], False),
    PARK: ([("park_step_test", "")], False),
    RULES: ([("park_step_test", "")], False),
}

LIVES = None

# (file, tag, what is wrong, text, replacement, who kills it first: tso, pso, tsan; or LIVES, and
# then the comment before it says why). Comments in the source do not count.
TABLE = [
    # -- deque.h
    (DEQUE, "Q1", "push: bottom is relaxed",
     "atomic_store_explicit(&d->bottom, b + 1, memory_order_release); return true;",
     "atomic_store_explicit(&d->bottom, b + 1, memory_order_relaxed); return true;", "pso"),
    (DEQUE, "Q1", "push: bottom before the slot",
     """atomic_store_explicit(deque_slot(d, b), ticket, memory_order_relaxed);
        atomic_store_explicit(&d->bottom, b + 1, memory_order_release); return true;""",
     """atomic_store_explicit(&d->bottom, b + 1, memory_order_release);
        atomic_store_explicit(deque_slot(d, b), ticket, memory_order_relaxed); return true;""",
     "tso"),
    # The next three: C11 itself lets a thread's relaxed store continue the release sequence of its
    # earlier one, and so does ThreadSanitizer; C++20 and RC11 do not. No machine can tell: who
    # reads the later store sees all that came before the earlier one.
    (DEQUE, "Q1", "pop: the lower bottom is relaxed",
     "atomic_store_explicit(&d->bottom, b, memory_order_release);",
     "atomic_store_explicit(&d->bottom, b, memory_order_relaxed);", LIVES),
    (DEQUE, "Q1", "pop of an empty deque: bottom is relaxed",
     "atomic_store_explicit(&d->bottom, b + 1, memory_order_release); return NULL;",
     "atomic_store_explicit(&d->bottom, b + 1, memory_order_relaxed); return NULL;", LIVES),
    (DEQUE, "Q1", "pop of the last ticket: bottom is relaxed",
     "atomic_store_explicit(&d->bottom, b + 1, memory_order_release); } return ticket;",
     "atomic_store_explicit(&d->bottom, b + 1, memory_order_relaxed); } return ticket;", LIVES),
    (DEQUE, "Q1", "steal: bottom is read relaxed",
     "int64_t b = atomic_load_explicit(&d->bottom, memory_order_acquire);",
     "int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed);", "tsan"),
    (DEQUE, "Q2", "pop: no fence",
     """atomic_thread_fence(memory_order_seq_cst);
        int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);""",
     "int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);", "tso"),
    (DEQUE, "Q2", "pop: top is read before bottom is lowered",
     """int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed) - 1;
        atomic_store_explicit(&d->bottom, b, memory_order_release);
        atomic_thread_fence(memory_order_seq_cst);
        int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);""",
     """int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed) - 1;
        int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);
        atomic_store_explicit(&d->bottom, b, memory_order_release);
        atomic_thread_fence(memory_order_seq_cst);""", "tso"),
    (DEQUE, "Q2", "steal: no fence",
     "atomic_thread_fence(memory_order_seq_cst); int64_t b", "int64_t b", "pso"),
    (DEQUE, "Q3", "pop: no compare-exchange for the last ticket",
     """if (!atomic_compare_exchange_strong_explicit(&d->top, &t, t + 1, memory_order_seq_cst,
        memory_order_relaxed)) { ticket = NULL; }""",
     "atomic_store_explicit(&d->top, t + 1, memory_order_seq_cst);", "tso"),
    (DEQUE, "Q3", "steal: a load and a store for the compare-exchange",
     """if (!atomic_compare_exchange_strong_explicit(&d->top, &t, t + 1, memory_order_seq_cst,
        memory_order_relaxed)) { return NULL; }""",
     """if (atomic_load(&d->top) != t) { return NULL; }
        atomic_store(&d->top, t + 1);""", "tso"),
    # The next two: what the order adds is that the slot is read before top moves on, and a load
    # that is done late is not modelled. Slots are atomic, so it is no race for ThreadSanitizer.
    (DEQUE, "Q3", "pop: top is exchanged relaxed",
     "&t, t + 1, memory_order_seq_cst, memory_order_relaxed)) { ticket = NULL;",
     "&t, t + 1, memory_order_relaxed, memory_order_relaxed)) { ticket = NULL;", LIVES),
    (DEQUE, "Q3", "steal: top is exchanged relaxed",
     "&t, t + 1, memory_order_seq_cst, memory_order_relaxed)) { return NULL;",
     "&t, t + 1, memory_order_relaxed, memory_order_relaxed)) { return NULL;", LIVES),
    (DEQUE, "Q3", "pop: the last ticket is not the last", "if (t == b) {", "if (false) {", "tso"),
    (DEQUE, "Q3", "pop: the last ticket does not count", "if (t > b) {", "if (t >= b) {", "tso"),
    (DEQUE, "Q4", "push: one ticket too many",
     "return count <= (size_t)(DEQUE_CAPACITY - (b - d->top_seen)) ||",
     "return count <= (size_t)(DEQUE_CAPACITY - (b - d->top_seen)) + 1 ||", "tso"),
    (DEQUE, "Q4", "push: full, though the top that was seen is old",
     "|| count <= deque_space_owner(d);", ";", "tso"),
    (DEQUE, "Q4", "steal: the slot is read when it may be free again",
     """void *ticket = atomic_load_explicit(deque_slot(d, t), memory_order_relaxed);
        if (!atomic_compare_exchange_strong_explicit(&d->top, &t, t + 1, memory_order_seq_cst,
        memory_order_relaxed)) { return NULL; } return ticket;""",
     """if (!atomic_compare_exchange_strong_explicit(&d->top, &t, t + 1, memory_order_seq_cst,
        memory_order_relaxed)) { return NULL; }
        return atomic_load_explicit(deque_slot(d, t), memory_order_relaxed);""", "tso"),
    # The store into the slot depends on the answer, and no machine stores on a guess.
    (DEQUE, "Q4", "push: top is read relaxed",
     "d->top_seen = atomic_load_explicit(&d->top, memory_order_acquire);",
     "d->top_seen = atomic_load_explicit(&d->top, memory_order_relaxed);", LIVES),
    # The fence that follows makes an acquire of it.
    (DEQUE, "Q4", "steal: top is read relaxed",
     """int64_t t = atomic_load_explicit(&d->top, memory_order_acquire);
        atomic_thread_fence(memory_order_seq_cst); int64_t b""",
     """int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst); int64_t b""", LIVES),

    # -- ring.h
    (RING, "R1", "publish: turn is relaxed",
     "atomic_store_explicit(&slot->turn, 2 * position + 1, memory_order_release);",
     "atomic_store_explicit(&slot->turn, 2 * position + 1, memory_order_relaxed);", "pso"),
    (RING, "R1", "publish: turn before ticket",
     """slot->ticket = ticket;
        atomic_store_explicit(&slot->turn, 2 * position + 1, memory_order_release);""",
     """atomic_store_explicit(&slot->turn, 2 * position + 1, memory_order_release);
        slot->ticket = ticket;""", "tsan"),
    (RING, "R1", "pop: turn is read relaxed",
     "->turn, memory_order_acquire) == 2 * (head + count) + 1",
     "->turn, memory_order_relaxed) == 2 * (head + count) + 1", "tsan"),
    (RING, "R1", "pop: a slot that is only reserved counts as published",
     "memory_order_acquire) == 2 * (head + count) + 1",
     "memory_order_acquire) >= 2 * (head + count)", "tso"),
    (RING, "R2", "pop: turn is relaxed",
     "2 * (head + i + r->capacity), memory_order_release);",
     "2 * (head + i + r->capacity), memory_order_relaxed);", "pso"),
    (RING, "R2", "pop: turn before the ticket is read",
     """tickets[i] = slot->ticket;
        atomic_store_explicit(&slot->turn, 2 * (head + i + r->capacity), memory_order_release);""",
     """atomic_store_explicit(&slot->turn, 2 * (head + i + r->capacity), memory_order_release);
        tickets[i] = slot->ticket;""", "tsan"),
    (RING, "R2", "reserve: turn is read relaxed",
     "->turn, memory_order_acquire);", "->turn, memory_order_relaxed);", "tsan"),
    (RING, "R2", "reserve: only the first slot is looked at", "while (i < count && ahead == 0)",
     "while (i < 1)", "tso"),
    (RING, "-", "reserve: a load and a store for the compare-exchange of tail",
     """atomic_compare_exchange_weak_explicit(
        &r->tail, &tail, tail + count, memory_order_seq_cst, memory_order_relaxed)""",
     "(atomic_load(&r->tail) == tail && (atomic_store(&r->tail, tail + count), true))", "tso"),
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

    # -- frames.h. Where F3 and F4 are broken that costs time, and no call is lost or runs twice.
    # The fence of the push that comes before it (F3) holds back what was written before, too.
    (FRAMES, "F1", "publish: shared is added to relaxed",
     "(uint64_t)count << 32, memory_order_seq_cst);",
     "(uint64_t)count << 32, memory_order_relaxed);", LIVES),
    # A load that is done early is not modelled.
    (FRAMES, "F1", "steal: shared is exchanged relaxed",
     "frames_word(top + 1, split), memory_order_acquire,",
     "frames_word(top + 1, split), memory_order_relaxed,", LIVES),
    (FRAMES, "F2", "publish: a load and a store for the addition",
     "atomic_fetch_add_explicit(&f->shared, (uint64_t)count << 32, memory_order_seq_cst);",
     "atomic_store(&f->shared, atomic_load(&f->shared) + ((uint64_t)count << 32));", "tso"),
    (FRAMES, "F2", "steal: a load and a store for the compare-exchange",
     """!atomic_compare_exchange_strong_explicit(&f->shared, &word, frames_word(top + 1, split),
        memory_order_acquire, memory_order_relaxed)""",
     """atomic_load(&f->shared) != word ||
        (atomic_store(&f->shared, frames_word(top + 1, split)), false)""", "tso"),
    (FRAMES, "F2", "take_back: a load and a store for the compare-exchange",
     """!atomic_compare_exchange_weak_explicit(&f->shared, &word, frames_word(top, split),
        memory_order_relaxed, memory_order_relaxed)""",
     """atomic_load(&f->shared) != word ||
        (atomic_store(&f->shared, frames_word(top, split)), false)""", "tso"),
    (FRAMES, "F2", "take_back: a stolen frame counts as there", "if (top > newest) {",
     "if (false) {", "tso"),
    (FRAMES, "F2", "take_back: the newest frame stays public", "split = top + (newest - top) / 2;",
     "split = newest + 1;", "tso"),
    (FRAMES, "-", "join of a stolen frame: shared keeps it",
     "atomic_store_explicit(&f->shared, frames_word(head, head), memory_order_relaxed);",
     "", "tso"),

    # -- park.h
    (PARK, "P1", "wake_one: no fence",
     "{ PARK_HEAVY_FENCE(); return park_wake_one_reserved_any(p); }",
     "{ return park_wake_one_reserved_any(p); }", "tso"),
    (PARK, "P1", "announce: no fence",
     "1, memory_order_seq_cst); PARK_HEAVY_FENCE(); } static inline bool park_leave",
     "1, memory_order_seq_cst); } static bool park_leave", "pso"),
    (PARK, "P1", "wake_one_reserved: num_parked is read relaxed",
     "atomic_load_explicit(&p->num_parked, memory_order_seq_cst) > 0 &&",
     "atomic_load_explicit(&p->num_parked, memory_order_relaxed) > 0 &&", "pso"),
    # The read-modify-write of num_searching is a release, and comes before the fence.
    (PARK, "P1", "announce: num_parked is added to relaxed",
     "atomic_fetch_add_explicit(&p->num_parked, 1, memory_order_seq_cst);",
     "atomic_fetch_add_explicit(&p->num_parked, 1, memory_order_relaxed);", LIVES),
    (PARK, "P1", "announce: parked before it is counted",
     """atomic_fetch_add_explicit(&p->num_parked, 1, memory_order_seq_cst);
        atomic_store_explicit(&p->sleepers[index].state, PARK_PARKED, memory_order_seq_cst);""",
     """atomic_store_explicit(&p->sleepers[index].state, PARK_PARKED, memory_order_seq_cst);
        atomic_fetch_add_explicit(&p->num_parked, 1, memory_order_seq_cst);""", "tso"),
    (PARK, "P2", "leave: a load and a store for the compare-exchange",
     """!atomic_compare_exchange_strong_explicit(&p->sleepers[index].state, &expected, to,
        memory_order_seq_cst, memory_order_seq_cst)""",
     """atomic_load(&p->sleepers[index].state) != expected ||
        (atomic_store(&p->sleepers[index].state, to), false)""", "tso"),
    # As num_parked two lines above.
    (PARK, "P2", "announce: state is relaxed",
     "state, PARK_PARKED, memory_order_seq_cst);", "state, PARK_PARKED, memory_order_relaxed);",
     LIVES),
    (PARK, "P2", "retract: counted twice when notified meanwhile",
     "{ park_found_worker(p); atomic_store", "{ atomic_store", "tso"),
    # A waker goes round until the worker has left the park; no wake-up is lost.
    (PARK, "P2", "retract: leaves before it counts as a searcher",
     """park_search_worker(p); if (!park_leave(p, index, PARK_AWAKE)) { park_found_worker(p);""",
     """if (park_leave(p, index, PARK_AWAKE)) { park_search_worker(p); } else {""", LIVES),
    (PARK, "P2", "sleep: does not look before it waits",
     """while (atomic_load_explicit(state, memory_order_seq_cst) == PARK_PARKED) {
        PARK_WAIT(state, PARK_PARKED); }""",
     "do { PARK_WAIT(state, atomic_load(state)); } while (atomic_load(state) == PARK_PARKED);",
     "tso"),
    (PARK, "P2", "notify: the futex is not woken",
     "PARK_WAKE(&p->sleepers[index].state); return true;", "return true;", "tso"),
    # The fence comes right after it, and what was stored before it came out with what it counts.
    (PARK, "P3", "announce: num_searching is taken from relaxed",
     """atomic_fetch_sub_explicit(&p->num_searching, 1, memory_order_seq_cst);
        PARK_HEAVY_FENCE(); } static inline bool park_leave""",
     """atomic_fetch_sub_explicit(&p->num_searching, 1, memory_order_relaxed);
        PARK_HEAVY_FENCE(); } static inline bool park_leave""", LIVES),
    (PARK, "P3", "found: no fence", "if (last) { PARK_HEAVY_FENCE(); }", "", "pso"),
    (PARK, "P3", "found: nobody is ever the last", "return last;", "return false;", "tso"),
    # What it is ordered with is the decrement, of the same word.
    (PARK, "P3", "search: num_searching is added to relaxed",
     "atomic_fetch_add_explicit(&p->num_searching, 1, memory_order_seq_cst);",
     "atomic_fetch_add_explicit(&p->num_searching, 1, memory_order_relaxed);", LIVES),
    # It would have to be read before num_parked, and a load that is done early is not modelled.
    (PARK, "P3", "wake_one_reserved: num_searching is read relaxed",
     "atomic_load_explicit(&p->num_searching, memory_order_seq_cst) == 0 &&",
     "atomic_load_explicit(&p->num_searching, memory_order_relaxed) == 0 &&", LIVES),
    (PARK, "P3", "wake_one: does not look again after a vain search for a sleeper",
     "} while (atomic_load_explicit(&p->num_parked, memory_order_relaxed) > 0);",
     "} while (false);", "tso"),
    # Who parks meanwhile takes from num_searching after it, and then looks.
    (PARK, "P3", "wake_one: no fence before it looks again",
     "memory_order_seq_cst); PARK_HEAVY_FENCE(); } while", "memory_order_seq_cst); } while", LIVES),
    (PARK, "P3", "wake_worker: does not pass on what others trusted it with",
     "} else if (park_found_worker(p)) { park_wake_one_any(p); }",
     "} else { park_found_worker(p); }", "tso"),
    (PARK, "P3", "wake_all: does not pass on what others trusted it with",
     "if (owes) { park_wake_one_any(p); }", "(void)owes;", "tso"),

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
     "bool is_last_look = is_called(w, joins); bool has_found = take_work(w);",
     "bool has_found = take_work(w); bool is_last_look = is_called(w, joins);", "tso"),
]


def replaced(source, text, replacement):
    """The source, without comments, with the one place that has the text replaced; or None."""
    source = re.sub(r"/\*.*?\*/", " ", source, flags=re.DOTALL)
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
    places = ["-I" + folder, "-I" + ROOT, "-I" + ROOT + "/runtime/include"]
    status, output = run(CC + flags + places + sources + ["-lcmocka", "-pthread", "-o", program])
    if status != 0:
        raise RuntimeError("a mutant does not compile:\n" + output)


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


def fixed_addresses():
    """gcc's ThreadSanitizer cannot map its shadow where the kernel randomises too many bits."""
    command = ["setarch", os.uname().machine, "-R"]
    return command if run(command + ["true"])[0] == 0 else []


def sanitizer_killer(folder):
    program = os.path.join(folder, "stress_test")
    compile_test(folder, ["-O1", "-g", "-fsanitize=thread", "-Wno-tsan", "-DDEQUE_CAPACITY=64"],
                 [os.path.join(ROOT, "tests/step/stress_test.c")], program)
    command = fixed_addresses() + [program]
    died = any(run(command)[0] != 0 for _ in range(SANITIZED_RUNS))
    return "tsan" if died else None


def killer(name, path, source, work):
    """Who kills that file with that text in place of its own."""
    folder = os.path.join(work, name)
    shutil.copytree(os.path.join(ROOT, "runtime"), os.path.join(folder, "runtime"))
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


def original(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def mutant_killer(number, mutant, work):
    path, _, _, text, replacement, _ = mutant
    source = replaced(original(path), text, replacement)
    return "no match" if source is None else killer(str(number), path, source, work)


def verdict(expected, found):
    """Whether the table is wrong, and what to say."""
    if found == "no match":
        return True, "WRONG: the text is not there once"
    if found is None and expected is not LIVES:
        return True, "WRONG: it should not"
    if found is not None and expected is LIVES:
        return True, "WRONG: the table says why it cannot be"
    return False, "" if found == expected else "(expected: %s)" % expected


def check_originals(pool, paths, work):
    """Where the files fail as they are, every mutant seems to be killed."""
    found = pool.map(lambda path: killer(path.replace("/", "_"), path, original(path), work), paths)
    for path, killed_by in zip(paths, found):
        if killed_by is not None:
            raise RuntimeError("%s does not pass as it is: %s" % (path, killed_by))


def main(words):
    chosen = [m for m in TABLE if not words or any(w in " ".join(m[:3]) for w in words)]
    if not chosen:
        print(__doc__, file=sys.stderr)
        return 2
    num_wrong = 0
    with tempfile.TemporaryDirectory() as work, \
            concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for name in STEP:
            compile_test(work, ["-O2", "-c"], [os.path.join(ROOT, "tests/step", name)],
                         os.path.join(work, name + ".o"))
        check_originals(pool, sorted(set(m[0] for m in chosen)), work)
        results = pool.map(lambda pair: mutant_killer(pair[0], pair[1], work), enumerate(chosen))
        for (path, tag, what, _, _, expected), found in zip(chosen, results):
            is_wrong, remark = verdict(expected, found)
            num_wrong += is_wrong
            line = "%-18s %-3s %-60s %-8s %s" % (os.path.basename(path), tag, what,
                                                 found or "lives", remark)
            print(line.rstrip(), flush=True)
    print("%d mutants, %d not as the table says" % (len(chosen), num_wrong))
    return 1 if num_wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except RuntimeError as error:
        sys.exit("mutants: %s" % error)
