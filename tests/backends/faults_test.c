/*
 * The Vulkan backend where Vulkan is absent, lacks something or fails: each answer is the right
 * status, says why, and leaves no memory behind. The faults are faulty_vulkan's.
 */
#include <dlfcn.h>
#include <sys/mman.h>

#include "backends/vulkan/loader.h"
#include "backends/vulkan/vulkan.h"
#include "tests/backends/conformance.h"
#include "tests/backends/faulty_vulkan.h"

#define FAULTY_LIBRARY "tests/backends/libfaulty_vulkan.so"
#define ITEMS 1000

static faulty_settings *faults;

static void lose(backend_device *device)
{
    (void)device;
    faults->result[FAULTY_WaitSemaphores] = VK_ERROR_DEVICE_LOST;
    faults->result[FAULTY_GetSemaphoreCounterValue] = VK_ERROR_DEVICE_LOST;
    faults->result[FAULTY_QueueSubmit] = VK_ERROR_DEVICE_LOST;
}

static void heal(void)
{
    *faults = (faulty_settings){0};
}

static const subject vulkan = {.ops = &vulkan_ops, .reads_spirv = true, .lose = lose, .heal = heal};

static int set_up(void **state)
{
    (void)state;
    heal();
    vulkan_loader_library = FAULTY_LIBRARY;
    return 0;
}

/* -- absent ------------------------------------------------------------------------------------ */

static void assert_absent(const char *why)
{
    program p;
    backend_instance *instance = NULL;
    uint32_t count = 77;
    char why_not[BACKEND_WHY_BYTES] = "";
    program_start(&p);
    assert_int_equal(vulkan_ops.open_instance(&p.host, &instance, &count, why_not),
                     YOKE_UNSUPPORTED);
    printf("why not: %s\n", why_not);
    assert_non_null(strstr(why_not, why));
    assert_null(instance);
    assert_int_equal(p.live_bytes, 0);
    assert_int_equal(p.num_lines, 0); /* the runtime says it, once */
}

static void without_libvulkan_there_is_no_vulkan(void **state)
{
    (void)state;
    vulkan_loader_library = "libvulkan_that_is_not_there.so.1";
    assert_absent("libvulkan_that_is_not_there.so.1");
}

static void a_library_that_is_not_a_loader_is_refused(void **state)
{
    (void)state;
    vulkan_loader_library = "libm.so.6";
    assert_absent("not a Vulkan loader");
}

static void a_loader_older_than_1_2_is_refused(void **state)
{
    (void)state;
    faults->instance_version = VK_API_VERSION_1_1;
    assert_absent("version 1.1");
}

/* VK_DRIVER_FILES, where it is set, has the say over VK_ICD_FILENAMES. */
static void without_a_driver_there_is_no_vulkan(void **state)
{
    (void)state;
    static const char *const names[] = {"VK_DRIVER_FILES", "VK_ICD_FILENAMES"};
    char *before[2];
    vulkan_loader_library = "libvulkan.so.1";
    for (int i = 0; i < 2; i++) {
        const char *given = getenv(names[i]);
        before[i] = given != NULL ? strdup(given) : NULL;
        assert_int_equal(unsetenv(names[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(setenv(names[i], "/nowhere/driver.json", 1), 0);
        assert_absent("the Vulkan loader finds no driver");
        assert_int_equal(unsetenv(names[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(before[i] != NULL ? setenv(names[i], before[i], 1) : 0, 0);
        free(before[i]);
    }
}

static void an_instance_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    faults->create_instance = VK_ERROR_INCOMPATIBLE_DRIVER;
    assert_absent("the Vulkan loader finds no driver");
}

static yoke_status open_instance_with(program *p)
{
    backend_instance *instance = NULL;
    uint32_t count = 77;
    char why_not[BACKEND_WHY_BYTES] = "";
    program_start(p);
    yoke_status status = vulkan_ops.open_instance(&p->host, &instance, &count, why_not);
    if (status == YOKE_OK) {
        assert_int_equal(count, 0);
        vulkan_ops.close_instance(instance);
    }
    assert_int_equal(p->live_bytes, 0);
    return status;
}

static void an_instance_that_fails_says_how(void **state)
{
    (void)state;
    program p;
    faults->create_instance = VK_ERROR_OUT_OF_HOST_MEMORY;
    assert_int_equal(open_instance_with(&p), YOKE_NO_MEMORY);
    heal();
    faults->enumerate = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    assert_int_equal(open_instance_with(&p), YOKE_NO_MEMORY);
    heal();
    faults->enumerate = VK_ERROR_INITIALIZATION_FAILED;
    assert_int_equal(open_instance_with(&p), YOKE_UNSUPPORTED);
    assert_int_equal(p.num_lines, 0);
    heal();
    faults->create_instance = VK_ERROR_LAYER_NOT_PRESENT;
    assert_absent("vkCreateInstance failed (VkResult -6)");
}

static void no_device_is_not_an_error(void **state)
{
    (void)state;
    program p;
    faults->no_devices = true;
    assert_int_equal(open_instance_with(&p), YOKE_OK);
}

/* -- unfit ------------------------------------------------------------------------------------- */

static void assert_unfit(const char *why)
{
    const backend_open_options options = {.num_slots = 1};
    program p;
    backend_instance *instance;
    backend_device *device = NULL;
    backend_info info;
    uint32_t count;
    char why_not[BACKEND_WHY_BYTES] = "";
    program_start(&p);
    assert_int_equal(vulkan_ops.open_instance(&p.host, &instance, &count, why_not), YOKE_OK);
    assert_true(count > 0);
    vulkan_ops.info(instance, 0, &info);
    printf("why not: %s\n", info.why_not);
    assert_false(info.is_fit);
    assert_non_null(strstr(info.why_not, why));
    assert_true(strlen(info.name) > 0);
    assert_int_equal(vulkan_ops.open(instance, 0, &options, &device), YOKE_UNSUPPORTED);
    assert_null(device);
    vulkan_ops.close_instance(instance);
    assert_int_equal(p.live_bytes, 0);
    heal();
}

static void a_device_that_lacks_something_is_not_fit_and_says_what(void **state)
{
    (void)state;
    faults->device_version = VK_API_VERSION_1_1;
    assert_unfit("Vulkan 1.1");
    faults->no_timeline = true;
    assert_unfit("timelineSemaphore");
    faults->no_address = true;
    assert_unfit("bufferDeviceAddress");
    faults->no_int64 = true;
    assert_unfit("shaderInt64");
    faults->no_compute = true;
    assert_unfit("compute queue");
    faults->no_coherent = true;
    assert_unfit("coherent");
}

static void a_device_without_import_is_fit_and_says_so_on_import(void **state)
{
    (void)state;
    fixture f;
    vector v;
    backend_memory memory;
    faults->no_extensions = true;
    fixture_open(&f, &vulkan, 1);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    assert_int_equal(f.ops->import(f.device, page, 4096, &memory), YOKE_UNSUPPORTED);
    vector_make(&f, &v, 0, ITEMS, false, 0, 1);
    vector_run(&f, &v);
    fixture_close(&f);
    assert_int_equal(munmap(page, 4096), 0);
}

/* -- calls that fail --------------------------------------------------------------------------- */

/* Opens, compiles, allocates, runs a batch and closes; the first status that is not OK. */
static yoke_status run_all(program *p)
{
    const backend_open_options options = {.num_slots = 2};
    fixture f = {.ops = &vulkan_ops};
    char why_not[BACKEND_WHY_BYTES] = "";
    vector v;
    uint32_t count;
    program_start(p);
    assert_int_equal(vulkan_ops.open_instance(&p->host, &f.instance, &count, why_not), YOKE_OK);
    yoke_status status = vulkan_ops.open(f.instance, 0, &options, &f.device);
    if (status == YOKE_OK) {
        uint64_t value = 0;
        status = vulkan_ops.compile(f.device, &fixture_vector, &f.vector);
        if (status == YOKE_OK) {
            status =
                vulkan_ops.alloc(f.device, BACKEND_MEMORY_SHARED, vector_bytes(ITEMS), &v.memory);
        }
        if (status == YOKE_OK) {
            vector_lay_out(&v, 0, ITEMS, false, 0, 1);
            backend_batch batch = vector_batch(&f, &v);
            status = vulkan_ops.submit(f.device, &batch, 1, &value);
        }
        uint64_t done;
        status = status == YOKE_OK ? vulkan_ops.completed(f.device, &done) : status;
        status = status == YOKE_OK ? vulkan_ops.wait(f.device, value, FIXTURE_WAIT_NS) : status;
        heal(); /* else close cannot know that nothing runs any more */
        assert_int_equal(vulkan_ops.close(f.device), YOKE_OK);
    }
    vulkan_ops.close_instance(f.instance);
    assert_int_equal(p->live_bytes, 0);
    return status;
}

static void each_call_that_fails_is_told_and_leaves_nothing_behind(void **state)
{
    (void)state;
    program p;
    assert_int_equal(run_all(&p), YOKE_OK);
    for (int i = 0; i < FAULTY_COUNT; i++) {
        faults->result[i] = VK_ERROR_DEVICE_LOST;
        assert_int_equal(run_all(&p), YOKE_NO_DEVICE);
        assert_int_equal(p.num_lines, 1);
        faults->result[i] = VK_ERROR_OUT_OF_DEVICE_MEMORY;
        assert_int_equal(run_all(&p), YOKE_NO_MEMORY);
        faults->result[i] = VK_ERROR_UNKNOWN;
        assert_int_not_equal(run_all(&p), YOKE_OK);
        assert_true(p.num_lines > 0);
        heal();
    }
    faults->create_device = VK_ERROR_DEVICE_LOST;
    assert_int_equal(run_all(&p), YOKE_NO_DEVICE);
    faults->create_device = VK_ERROR_OUT_OF_HOST_MEMORY;
    assert_int_equal(run_all(&p), YOKE_NO_MEMORY);
}

static void a_submit_without_memory_may_be_tried_again(void **state)
{
    (void)state;
    fixture f;
    vector v;
    uint64_t value = 77;
    fixture_open(&f, &vulkan, 1);
    vector_make(&f, &v, 0, ITEMS, false, 0, 1);
    backend_batch batch = vector_batch(&f, &v);
    faults->result[FAULTY_QueueSubmit] = VK_ERROR_OUT_OF_HOST_MEMORY;
    assert_int_equal(f.ops->submit(f.device, &batch, 1, &value), YOKE_NO_MEMORY);
    assert_int_equal(value, 77);
    heal();
    assert_int_equal(f.ops->submit(f.device, &batch, 1, &value), YOKE_OK);
    assert_int_equal(value, 1);
    assert_int_equal(f.ops->wait(f.device, value, FIXTURE_WAIT_NS), YOKE_OK);
    assert_int_equal(vector_num_wrong(&v), 0);
    fixture_close(&f);
}

static void an_unknown_answer_from_a_queue_loses_the_device(void **state)
{
    (void)state;
    fixture f;
    vector v;
    uint64_t value = 0;
    fixture_open(&f, &vulkan, 1);
    vector_make(&f, &v, 0, ITEMS, false, 0, 1);
    backend_batch batch = vector_batch(&f, &v);
    faults->result[FAULTY_QueueSubmit] = VK_ERROR_UNKNOWN;
    assert_int_equal(f.ops->submit(f.device, &batch, 1, &value), YOKE_NO_DEVICE);
    heal();
    assert_int_equal(f.ops->submit(f.device, &batch, 1, &value), YOKE_NO_DEVICE);
    fixture_close(&f);
    fixture_open(&f, &vulkan, 1);
    faults->result[FAULTY_WaitSemaphores] = VK_ERROR_UNKNOWN;
    assert_int_equal(f.ops->wait(f.device, 0, 0), YOKE_NO_DEVICE);
    assert_int_equal(f.ops->close(f.device), YOKE_TIMEOUT); /* what it runs cannot be known */
    f.device = NULL;
    fixture_close(&f);
}

static void a_timeline_that_jumps_ahead_is_a_lost_device(void **state)
{
    (void)state;
    fixture f;
    uint64_t value = 77;
    fixture_open(&f, &vulkan, 1);
    faults->counter_jumps = true;
    assert_int_equal(f.ops->completed(f.device, &value), YOKE_NO_DEVICE);
    assert_int_equal(value, 77);
    fixture_close(&f);
}

static void a_device_that_hangs_is_left_behind_with_its_memory(void **state)
{
    (void)state;
    fixture f;
    uint32_t lines;
    fixture_open(&f, &vulkan, 1);
    lines = f.p.num_lines;
    faults->result[FAULTY_WaitSemaphores] = VK_TIMEOUT;
    assert_int_equal(f.ops->close(f.device), YOKE_TIMEOUT);
    assert_int_equal(f.p.num_lines, lines + 1);
    f.device = NULL;
    heal();
    fixture_close(&f);
    fixture_open(&f, &vulkan, 1); /* and the next one works */
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_libvulkan_there_is_no_vulkan, set_up),
        cmocka_unit_test_setup(a_library_that_is_not_a_loader_is_refused, set_up),
        cmocka_unit_test_setup(a_loader_older_than_1_2_is_refused, set_up),
        cmocka_unit_test_setup(without_a_driver_there_is_no_vulkan, set_up),
        cmocka_unit_test_setup(an_instance_that_cannot_be_made_is_told, set_up),
        cmocka_unit_test_setup(an_instance_that_fails_says_how, set_up),
        cmocka_unit_test_setup(no_device_is_not_an_error, set_up),
        cmocka_unit_test_setup(a_device_that_lacks_something_is_not_fit_and_says_what, set_up),
        cmocka_unit_test_setup(a_device_without_import_is_fit_and_says_so_on_import, set_up),
        cmocka_unit_test_setup(each_call_that_fails_is_told_and_leaves_nothing_behind, set_up),
        cmocka_unit_test_setup(a_submit_without_memory_may_be_tried_again, set_up),
        cmocka_unit_test_setup(an_unknown_answer_from_a_queue_loses_the_device, set_up),
        cmocka_unit_test_setup(a_timeline_that_jumps_ahead_is_a_lost_device, set_up),
        cmocka_unit_test_setup(a_device_that_hangs_is_left_behind_with_its_memory, set_up),
    };
    void *library = dlopen(FAULTY_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    faults = dlsym(library, "faulty");
    int num_failed = cmocka_run_group_tests(tests, NULL, NULL);
    set_up(NULL);
    return num_failed + conformance_run(&vulkan);
}
