/*
 * Simulated machines: workers and a GPU of random speeds run bursts of jobs in virtual time. The
 * routing, the shares, the models and the question when a batch is due are the real ones;
 * everything else is arithmetic, so that a seed gives the same to the last bit. Routing by itself
 * (auto) must come near the better of the two engines alone, whatever the burst, and learn of it
 * when the GPU changes.
 */
#include "runtime/batch.h"
#include "runtime/model.h"
#include "runtime/route.h"

#include "tests/unit/testing.h"

#define MACHINES 2000
#define MACHINES_FULL 10000
#define BURSTS_TO_LEARN 20
#define SLOTS 4
#define WORKERS_MAX 16
#define SUBMIT_NS 30
#define QUIET_NS 5000 /* what BATCH_QUIET_LOOKS looks take */
#define WAIT_NS 200000

typedef struct plant {
    uint32_t num_workers;
    double worker_ns;       /* for a unit of cost */
    double trip_ns, gpu_ns; /* of a batch; for a unit of cost */
    double noise;           /* of a batch's time, as a share */
    model gpu;              /* learned */
    snapshot tuning;
    testing_random random;
} plant;

/* A burst of `jobs` jobs of that many items, each of so much cost. */
typedef struct burst {
    uint64_t jobs, items, cost;
} burst;

static plant new_plant(uint64_t seed)
{
    plant p = {.random = testing_random_of(seed, 0)};
    testing_random *r = &p.random;
    p.num_workers = 1 + (uint32_t)testing_random_below(r, WORKERS_MAX);
    p.worker_ns = 20 + (double)testing_random_below(r, 500);
    p.trip_ns = 5000 + (double)testing_random_below(r, 60000);
    /* from five times slower than all workers to fifty times quicker */
    p.gpu_ns = p.worker_ns / p.num_workers * 5 / (1 + (double)testing_random_below(r, 250));
    p.noise = (double)testing_random_below(r, 10) / 100;
    p.tuning = (snapshot){
        .mode = POLICY_ROUTING_MODE_AUTO, .break_even_cost = 32768, .target_cost = 65536};
    return p;
}

static double batch_ns(plant *p, uint64_t cost)
{
    double swing = ((double)testing_random_below(&p->random, 2001) / 1000 - 1) * p->noise;
    return (p->trip_ns + p->gpu_ns * (double)cost) * (1 + swing);
}

/* As the controller at the end of a window. */
static void fold(plant *p)
{
    snapshot_type *learned = &p->tuning.types[0];
    double slope = p->worker_ns / p->num_workers * (double)(1u << MODEL_ONE_BITS);
    learned->cpu = (model_line){.slope = (uint64_t)slope};
    learned->gpu = model_fit(&p->gpu);
}

/* -- the GPU ----------------------------------------------------------------------------------- */

typedef struct device {
    double free_at;     /* when the last batch ends */
    double ends[SLOTS]; /* of batches in flight, oldest first */
    uint64_t costs[SLOTS];
    uint32_t num_in_flight;
} device;

static void device_look(device *d, double now)
{
    while (d->num_in_flight > 0 && d->ends[0] <= now) {
        d->num_in_flight--;
        memmove(d->ends, d->ends + 1, sizeof d->ends - sizeof d->ends[0]);
        memmove(d->costs, d->costs + 1, sizeof d->costs - sizeof d->costs[0]);
    }
}

static void device_send(device *d, plant *p, double now, uint64_t cost)
{
    double begin = d->free_at > now ? d->free_at : now, took = batch_ns(p, cost);
    d->free_at = begin + took;
    d->ends[d->num_in_flight] = d->free_at;
    d->costs[d->num_in_flight++] = cost;
    model_add(&p->gpu, cost, (uint64_t)took);
}

static uint64_t device_ahead(const device *d)
{
    uint64_t cost = 0;
    for (uint32_t i = 0; i < d->num_in_flight; i++) {
        cost += d->costs[i];
    }
    return cost;
}

/* -- bursts ------------------------------------------------------------------------------------ */

/* One job of many items: how long until all of it has run. */
static double run_large(plant *p, const burst *b)
{
    device d = {0};
    double now = 0, left = (double)b->items,
           cpu_rate = p->num_workers / p->worker_ns / (double)b->cost;
    route_input input = {.num_items = (uint32_t)b->items,
                         .cost = b->items * b->cost,
                         .is_served = true,
                         .has_room = true,
                         .learned = &p->tuning.types[0]};
    route way = route_decide(&input, &p->tuning);
    bool claims = way != ROUTE_CPU;
    while (left > 0 && claims) {
        device_look(&d, now);
        uint64_t most = p->tuning.target_cost / b->cost;
        uint64_t share = way == ROUTE_GPU ? ROUTE_SHARE_ALL
                                          : route_share(&p->tuning.types[0],
                                                        (uint64_t)left * b->cost, device_ahead(&d));
        double fair = (left * (double)share + ROUTE_SHARE_ALL - 1) / ROUTE_SHARE_ALL;
        uint64_t count = (uint64_t)(fair < (double)most ? fair : (double)most + (most == 0));
        if (count == 0) {
            claims = false; /* the workers do the rest */
        } else if (d.num_in_flight < SLOTS) {
            device_send(&d, p, now, count * b->cost);
            left -= (double)count;
        }
        if (d.num_in_flight == SLOTS) { /* the workers go on until a slot is free */
            left -= way == ROUTE_BOTH ? (d.ends[0] - now) * cpu_rate : 0;
            now = d.ends[0];
        }
    }
    double cpu_end = left > 0 ? now + left / cpu_rate : now;
    return cpu_end > d.free_at ? cpu_end : d.free_at;
}

/* Small jobs, one submit each. */
static double run_small(plant *p, const burst *b)
{
    static batch open; /* too large for a stack */
    device d = {0};
    double workers[WORKERS_MAX] = {0}, now = 0, end = 0, work = p->worker_ns * (double)b->cost;
    uint64_t lane = 0, sent = 0;
    open.num_claims = 0;
    open.num_items = 0;
    open.max_items = UINT32_MAX;
    open.target_cost = p->tuning.target_cost;
    open.cost = 0;
    while (sent < b->jobs || lane > 0 || open.num_items > 0) {
        device_look(&d, now);
        if (sent < b->jobs) {
            uint32_t first = 0;
            double waiting = 0;
            for (uint32_t i = 0; i < p->num_workers; i++) {
                first = workers[i] < workers[first] ? i : first;
                waiting += workers[i] > now ? (workers[i] - now) / work : 0;
            }
            route_input input = {.num_items = 1,
                                 .cost = b->cost,
                                 .backlog = (uint64_t)waiting,
                                 .lane = lane,
                                 .ahead = device_ahead(&d) + open.cost,
                                 .is_served = true,
                                 .has_room = lane < 16384,
                                 .learned = &p->tuning.types[0]};
            if (route_decide(&input, &p->tuning) == ROUTE_CPU) {
                workers[first] = (workers[first] > now ? workers[first] : now) + work;
                end = workers[first] > end ? workers[first] : end;
            } else {
                lane++;
            }
            sent++;
        }
        uint64_t taken = lane;
        while (lane > 0 && d.num_in_flight < SLOTS && !batch_is_full(&open)) {
            open.opened_ns = open.num_items == 0 ? (uint64_t)now : open.opened_ns;
            open.num_items++;
            open.num_claims += open.num_claims < BATCH_CLAIMS_MAX;
            open.cost += b->cost;
            lane--;
        }
        bool is_quiet = taken == lane && sent == b->jobs;
        open.quiet_looks = is_quiet ? BATCH_QUIET_LOOKS : 0;
        open.min_cost = p->tuning.mode == POLICY_ROUTING_MODE_AUTO
                            ? route_min_cost(&p->tuning.types[0], &p->tuning)
                            : 0;
        if (batch_is_due(&open, (uint64_t)now, WAIT_NS, d.num_in_flight == 0) &&
            d.num_in_flight < SLOTS) {
            device_send(&d, p, now, open.cost);
            open.num_items = open.num_claims = 0;
            open.cost = 0;
        }
        double step = sent < b->jobs                    ? SUBMIT_NS
                      : is_quiet && d.num_in_flight > 0 ? d.ends[0] - now
                                                        : QUIET_NS;
        now += step > SUBMIT_NS ? step : SUBMIT_NS;
    }
    return d.free_at > end ? d.free_at : end;
}

static double run(plant *p, const burst *b, policy_routing_mode mode)
{
    p->tuning.mode = mode;
    double ns = b->items > 1 ? run_large(p, b) : run_small(p, b);
    fold(p);
    return ns;
}

static burst random_burst(testing_random *r)
{
    uint64_t size = UINT64_C(1) << testing_random_below(r, 15);
    bool is_large = testing_random_below(r, 2) == 0;
    return (burst){
        .jobs = is_large ? 1 : size,
        .items = is_large ? 2 + size * 16 : 1,
        .cost = 1 + testing_random_below(r, 20),
    };
}

static void learn(plant *p)
{
    static const burst large = {1, 100000, 4}, middle = {1, 20000, 4};
    for (int i = 0; i < BURSTS_TO_LEARN; i++) {
        run(p, i % 2 == 0 ? &large : &middle, POLICY_ROUTING_MODE_AUTO);
    }
}

/* -- what must hold ---------------------------------------------------------------------------- */

typedef struct tally {
    uint32_t num, num_bad;
    double worst, sum;
} tally;

static void compare(plant *p, tally *t, uint64_t seed)
{
    burst b = random_burst(&p->random);
    double cpu = run(p, &b, POLICY_ROUTING_MODE_CPU_ONLY);
    double gpu = run(p, &b, POLICY_ROUTING_MODE_GPU_ONLY);
    double both = run(p, &b, POLICY_ROUTING_MODE_AUTO), better = cpu < gpu ? cpu : gpu;
    double share = better / both;
    t->num++;
    t->sum += share;
    t->worst = share < t->worst ? share : t->worst;
    if (share < 0.8) {
        t->num_bad++;
        if (t->num_bad <= 5) {
            printf("seed %" PRIu64 ": %" PRIu64 " x %" PRIu64 " of %" PRIu64
                   ": cpu %.0f us, gpu %.0f us, auto %.0f us\n",
                   seed, b.jobs, b.items, b.cost, cpu / 1000, gpu / 1000, both / 1000);
        }
    }
}

/* Bursts on many machines; `slower`: how much slower the GPU becomes once it is known, and the
 * three bursts after that are not counted. */
static tally try_machines(uint64_t seed, uint64_t machines, double slower)
{
    tally t = {.worst = 1};
    for (uint64_t i = 0; i < machines; i++) {
        plant p = new_plant(seed + i);
        learn(&p);
        p.trip_ns *= slower;
        p.gpu_ns *= slower;
        for (int n = 0; n < 3 && slower > 1; n++) {
            run(&p, &(burst){1, 100000, 4}, POLICY_ROUTING_MODE_AUTO);
        }
        for (int n = 0; n < 3; n++) {
            compare(&p, &t, seed + i);
        }
    }
    printf("%u bursts: %.3f of the better engine on average, %.3f at worst, %u below 0.8\n", t.num,
           t.sum / t.num, t.worst, t.num_bad);
    return t;
}

static uint64_t num_machines(void)
{
    return testing_full() ? MACHINES_FULL : MACHINES;
}

static void auto_comes_near_the_better_engine(void **state)
{
    (void)state;
    tally t = try_machines(testing_seed(), num_machines(), 1);
    assert_true(t.sum / t.num > 1);
    assert_true(t.num_bad < t.num / 100);
}

static void a_gpu_that_has_become_ten_times_slower_is_found_out_in_three_bursts(void **state)
{
    (void)state;
    tally t = try_machines(testing_seed(), num_machines(), 10);
    assert_true(t.sum / t.num > 0.95);
    assert_true(t.num_bad < t.num / 8); /* of large batches the trip is not to be told */
}

static void a_seed_gives_the_same_again(void **state)
{
    (void)state;
    uint64_t seed = testing_seed();
    tally a = try_machines(seed, 50, 1), b = try_machines(seed, 50, 1);
    assert_memory_equal(&a, &b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_comes_near_the_better_engine),
        cmocka_unit_test(a_gpu_that_has_become_ten_times_slower_is_found_out_in_three_bursts),
        cmocka_unit_test(a_seed_gives_the_same_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
