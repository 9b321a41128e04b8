/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/core: properties, the object tree, clocks and timers, run states and their handlers. */
#include <string.h>
#include "base/core/vm.h"

typedef struct {
    Object obj;
    bool flag;
    uint8_t small;
    int32_t number;
    uint64_t size;
    char *text;
    int choice;
    OnOffAuto tri;
    uint8_t mac[6], uuid[16];
    int32_t devfn;
    uint64_t bits;
    Object *peer;
} Thing;

static const char *const colours[] = { "red", "green", NULL };
static const Property thing_props[] = {
    PROP(PROP_BOOL, Thing, flag, "flag", "on"),
    PROP(PROP_U8, Thing, small, "small", "7", .max = 9),
    PROP(PROP_I32, Thing, number, "number", "-3"),
    PROP(PROP_SIZE, Thing, size, "size", "4K"),
    PROP(PROP_STR, Thing, text, "text", NULL),
    PROP(PROP_ENUM, Thing, choice, "colour", "green", .choices = colours),
    PROP(PROP_ONOFFAUTO, Thing, tri, "tri", "auto"),
    PROP(PROP_MAC, Thing, mac, "mac", "52:54:00:12:34:56"),
    PROP(PROP_UUID, Thing, uuid, "uuid", NULL),
    PROP(PROP_DEVFN, Thing, devfn, "addr", "-1"),
    PROP(PROP_BIT, Thing, bits, "bit5", "off", .bit = 5),
    PROP(PROP_LINK, Thing, peer, "peer", NULL, .link_type = "link<thing>"),
    PROP_END,
};
static const TypeInfo types[] = {
    { .name = "thing", .parent = "object", .instance_size = sizeof(Thing), .props = thing_props },
    { .name = "abstract-thing", .parent = "object", .abstract = true },
};

static Vm *new_vm(void)
{
    TypeRegistry *reg = type_registry_new();
    type_registry_add(reg, types, G_N_ELEMENTS(types));
    type_registry_seal(reg);
    Vm *vm = vm_new(reg);
    vm_lock(vm);
    return vm;
}

static void drop_vm(Vm *vm)
{
    vm_unlock(vm);
    vm_free(vm);
}

static void expect_refused(Object *obj, const char *prop, const char *value, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(object_set_str(obj, prop, value, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, message)) {
        g_error("'%s' does not contain '%s'", error->message, message);
    }
}

static void expect_shows(Object *obj, const char *prop, const char *set, const char *shown)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(object_set_str(obj, prop, set, &error));
    g_autoptr(GVariant) v = object_get(obj, prop, &error);
    g_assert_no_error(error);
    g_autofree char *text = g_variant_print(v, false);
    g_assert_cmpstr(text, ==, shown);
}

static void test_properties(void)
{
    Vm *vm = new_vm();
    g_autoptr(GError) error = NULL;
    g_autoptr(Object) obj = object_new(vm, "thing", &error);
    Thing *t = (Thing *)obj;
    g_assert_true(t->flag && t->small == 7 && t->number == -3 && t->size == 4096 &&
                  t->choice == 1 && t->tri == ONOFFAUTO_AUTO && t->mac[5] == 0x56 &&
                  t->devfn == -1);
    expect_shows(obj, "flag", "off", "false");
    expect_shows(obj, "small", "0x9", "9");
    expect_shows(obj, "number", "-2147483648", "-2147483648");
    expect_shows(obj, "size", "1.5G", "1610612736");
    expect_shows(obj, "text", "a,b", "'a,b'");
    expect_shows(obj, "colour", "red", "'red'");
    expect_shows(obj, "tri", "off", "'off'");
    expect_shows(obj, "mac", "00:01:02:aa:BB:ff", "'00:01:02:aa:bb:ff'");
    expect_shows(obj, "uuid", "01234567-89ab-cdef-0123-456789abcdef",
                 "'01234567-89ab-cdef-0123-456789abcdef'");
    expect_shows(obj, "addr", "1f.2", "'1f.2'");
    expect_shows(obj, "bit5", "on", "true");
    g_assert_cmpuint(t->bits, ==, 32);
    expect_refused(obj, "flag", "maybe", "'on' or 'off'");
    expect_refused(obj, "small", "10", "0 to 9");
    expect_refused(obj, "small", "-1", "0 to 9");
    expect_refused(obj, "number", "2147483648", "-2147483648 to 2147483647");
    expect_refused(obj, "number", "12x", "invalid value");
    expect_refused(obj, "colour", "blue", "red, green");
    expect_refused(obj, "mac", "00:01:02:aa:BB", "MAC address");
    expect_refused(obj, "uuid", "01234567-89ab-cdef-0123-456789abcdeg", "UUID");
    expect_refused(obj, "addr", "20.0", "invalid value");
    expect_refused(obj, "nope", "1", "Property 'thing.nope' not found");
    expect_refused(obj, "type", "x", "read-only");
    g_assert_true(object_was_set(obj, "flag"));
    g_assert_false(object_was_set(obj, "peer"));
    g_clear_pointer(&obj, object_unref);
    drop_vm(vm);
}

static void test_tree(void)
{
    Vm *vm = new_vm();
    g_autoptr(GError) error = NULL;
    Object *box = object_container(vm->root, "/a/b");
    Object *one = object_new(vm, "thing", NULL), *two = object_new(vm, "thing", NULL);
    g_assert_true(object_add_child(box, "one", one, NULL));
    g_assert_true(object_add_child(one, "two", two, NULL));
    g_autofree char *path = object_path(two);
    g_assert_cmpstr(path, ==, "/a/b/one/two");
    g_assert_true(object_resolve(vm, "/a/b/one/two", NULL) == two);
    g_assert_true(object_resolve(vm, "two", NULL) == two);
    g_assert_true(object_set_str(two, "peer", "/a/b/one", NULL));
    g_assert_cmpint(one->refs, ==, 3);
    g_assert_true(object_resolve(vm, "/a/b/one/two/peer", NULL) == one);
    g_assert_null(object_resolve(vm, "/a/x", &error));
    g_assert_cmpstr(error->message, ==, "no object at path '/a/x'");
    object_unref(one);
    object_unref(two);
    g_clear_error(&error);
    g_assert_null(object_new(vm, "abstract-thing", &error));
    g_assert_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_ABSTRACT);
    object_set_str(two, "peer", "", NULL);
    drop_vm(vm);
}

static void count(void *opaque)
{
    ++*(int *)opaque;
}

static void test_timers(void)
{
    Vm *vm = new_vm();
    int early = 0, late = 0, cancelled = 0;
    int64_t now = clock_now_ns(vm, CLOCK_KIND_REALTIME);
    Timer *a = timer_new(vm, CLOCK_KIND_REALTIME, "a", count, &early);
    Timer *b = timer_new(vm, CLOCK_KIND_REALTIME, "b", count, &late);
    Timer *c = timer_new(vm, CLOCK_KIND_REALTIME, "c", count, &cancelled);
    timer_arm(b, now + 20 * NS_PER_MS);
    timer_arm(a, now + 1 * NS_PER_MS);
    timer_arm(c, now + 2 * NS_PER_MS);
    timer_cancel(c);
    while (!late) {
        loop_iterate(vm, true);
        g_assert_true(!late || early);
    }
    g_assert_cmpint(clock_now_ns(vm, CLOCK_KIND_REALTIME), >=, now + 20 * NS_PER_MS);
    g_assert_cmpint(early, ==, 1);
    g_assert_cmpint(cancelled, ==, 0);
    g_assert_false(timer_pending(a));
    timer_free(a);
    timer_free(b);
    timer_free(c);
    drop_vm(vm);
}

typedef struct {
    Timer *timer;
    Vm *vm;
    int64_t seen[3];
    int n;
} Repeat;

static void repeat(void *opaque)
{
    Repeat *r = opaque;
    r->seen[r->n++] = clock_now_ns(r->vm, CLOCK_KIND_VIRTUAL);
    if (r->n < 3) {
        timer_arm(r->timer, r->seen[r->n - 1] + 10);
    }
}

static void test_manual_time(void)
{
    Vm *vm = new_vm();
    Repeat r = { .vm = vm };
    clock_virtual_take_manual(vm);
    int64_t start = clock_now_ns(vm, CLOCK_KIND_VIRTUAL);
    r.timer = timer_new(vm, CLOCK_KIND_VIRTUAL, "r", repeat, &r);
    timer_arm(r.timer, start + 10);
    clock_virtual_advance(vm, start + 9);
    g_assert_cmpint(r.n, ==, 0);
    clock_virtual_advance(vm, start + 100);
    g_assert_cmpint(r.n, ==, 3);
    for (int i = 0; i < 3; i++) {
        g_assert_cmpint(r.seen[i], ==, start + 10 * (i + 1));
    }
    g_assert_cmpint(clock_now_ns(vm, CLOCK_KIND_VIRTUAL), ==, start + 100);
    timer_free(r.timer);
    drop_vm(vm);
}

typedef struct {
    GString *log;
    char name;
    bool refuse;
} Handler;

static bool on_state(void *opaque, bool running, RunState state, GError **error)
{
    Handler *h = opaque;
    g_string_append_printf(h->log, "%c%c", h->name, running ? '+' : '-');
    if (h->refuse) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_STATE, "no");
    }
    return !h->refuse;
}

static void test_handlers(void)
{
    Vm *vm = new_vm();
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) log = g_string_new(NULL);
    Handler a = { log, 'a', false }, b = { log, 'b', false }, c = { log, 'c', false };
    run_state_handler_add(vm, 5, "b", on_state, &b);
    run_state_handler_add(vm, -1, "a", on_state, &a);
    run_state_handler_add(vm, 9, "c", on_state, &c);
    g_assert_true(vm_start(vm, &error));
    g_assert_true(clock_virtual_running(vm));
    g_assert_true(vm_stop(vm, RUN_STATE_PAUSED, &error));
    g_assert_false(clock_virtual_running(vm));
    g_assert_cmpstr(log->str, ==, "a+b+c+c-b-a-");
    g_string_truncate(log, 0);
    b.refuse = true;
    g_assert_false(vm_start(vm, &error));
    g_assert_cmpstr(error->message, ==, "b: cannot go to state 'running': no");
    g_assert_cmpstr(log->str, ==, "a+b+a-");
    g_assert_cmpint(run_state_get(vm), ==, RUN_STATE_PAUSED);
    g_clear_error(&error);
    g_assert_false(run_state_set(vm, RUN_STATE_INMIGRATE, &error));
    g_assert_cmpstr(error->message, ==, "the VM cannot go from state 'paused' to 'inmigrate'");
    drop_vm(vm);
}

static void test_requests(void)
{
    Vm *vm = new_vm();
    g_assert_true(vm_start(vm, NULL));
    vm_shutdown_request_with_code(vm, SHUTDOWN_GUEST_SHUTDOWN, 5);
    loop_run(vm);
    g_assert_cmpint(vm_exit_code(vm), ==, 5);
    g_assert_cmpint(run_state_get(vm), ==, RUN_STATE_SHUTDOWN);
    drop_vm(vm);
}

static gpointer lock_and_count(gpointer data)
{
    Vm *vm = data;
    for (int i = 0; i < 1000; i++) {
        vm_lock(vm);
        vm_lock(vm);
        vm->uuid[0]++;
        vm_unlock(vm);
        vm->uuid[1]++;
        vm_unlock(vm);
    }
    return NULL;
}

static void test_lock(void)
{
    Vm *vm = new_vm();
    GThread *t = g_thread_new("locker", lock_and_count, vm);
    vm_lock(vm);
    unsigned depth = vm_lock_drop_all(vm);
    g_assert_cmpuint(depth, ==, 2);
    g_assert_false(vm_lock_held(vm));
    g_thread_join(t);
    vm_lock_retake(vm, depth);
    vm_unlock(vm);
    g_assert_true(vm_lock_held(vm));
    g_assert_cmpuint(vm->uuid[0], ==, (uint8_t)1000);
    drop_vm(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/properties-parse-check-and-show-their-values", test_properties);
    g_test_add_func("/core/objects-are-found-by-path-and-partial-path", test_tree);
    g_test_add_func("/core/timers-fire-in-order-and-never-early", test_timers);
    g_test_add_func("/core/manual-time-runs-timers-at-their-own-time", test_manual_time);
    g_test_add_func("/core/a-refusing-run-state-handler-rolls-back", test_handlers);
    g_test_add_func("/core/a-shutdown-request-ends-the-loop-with-its-code", test_requests);
    g_test_add_func("/core/the-vm-lock-nests-and-can-be-dropped-whole", test_lock);
    return g_test_run();
}
