/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration by its capabilities, parameters and figures: what makes a guest that writes too fast
 * converge, what is compressed, what can be interrupted, and what query-migrate tells of it.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "migration-pair.h"

/* ---- connecting ---- */

/* A listener whose queue is full: connecting there waits for good. */
typedef struct {
    int listener, waiting[4];
    char *path;
} DeafPeer;

static int unix_socket(const char *path, bool listening)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_assert_cmpint(fd, >=, 0);
    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    if (listening) {
        g_assert_cmpint(bind(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
        g_assert_cmpint(listen(fd, 0), ==, 0);
    } else {
        (void)!connect(fd, (struct sockaddr *)&un, sizeof(un));
    }
    return fd;
}

static void deaf_open(DeafPeer *d, Pair *p)
{
    d->path = in_dir(p, "deaf");
    d->listener = unix_socket(d->path, true);
    for (size_t i = 0; i < G_N_ELEMENTS(d->waiting); i++) {
        d->waiting[i] = unix_socket(d->path, false);
    }
}

static void deaf_close(DeafPeer *d)
{
    close(d->listener);
    for (size_t i = 0; i < G_N_ELEMENTS(d->waiting); i++) {
        close(d->waiting[i]);
    }
    g_free(d->path);
}

/* The command does not wait for the connection: there would be no end to it. */
static void begin_towards(QTest *q, const char *path)
{
    g_autofree char *uri = g_strdup_printf("unix:%s", path);

    migrate(q, uri);
    wait_status(q, "setup");
}

static void test_cancel_setup(const void *machine)
{
    Pair p = { 0 };
    DeafPeer d;

    open_pair(&p, machine, "-m 128", machine, "");
    deaf_open(&d, &p);
    begin_towards(p.src, d.path);
    assert_alive(p.src);
    OK(p.src, "{\"execute\": \"migrate_cancel\"}");
    wait_status(p.src, "cancelled");
    assert_alive(p.src);
    deaf_close(&d);
    close_pair(&p);
}

static size_t yankable(QTest *q, const char *type)
{
    json_object *list = qtest_qmp_ok(q, "{\"execute\": \"query-yank\"}");
    size_t n = 0;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        n += g_str_equal(member(json_object_array_get_idx(list, i), "type"), type);
    }
    json_object_put(list);
    return n;
}

#define YANK "{\"execute\": \"yank\", \"arguments\": {\"instances\": [{\"type\": \"migration\"}]}}"

static void test_yank(const void *machine)
{
    Pair p = { 0 };
    DeafPeer d;
    json_object *error, *answer;

    open_equal(&p, machine);
    g_assert_cmpuint(yankable(p.src, "chardev"), >=, 1);
    g_assert_cmpuint(yankable(p.src, "migration"), ==, 0);
    answer = qtest_qmp(p.src, YANK);
    g_assert_true(json_object_object_get_ex(answer, "error", &error));
    g_assert_cmpstr(member(error, "class"), ==, "DeviceNotFound");
    json_object_put(answer);
    deaf_open(&d, &p);
    begin_towards(p.src, d.path);
    g_assert_cmpuint(yankable(p.src, "migration"), ==, 1);
    OK(p.src, YANK);
    wait_status(p.src, "failed");
    assert_cause(p.src, "connecting was cancelled"); /* it did not just take too long */
    deaf_close(&d);
    hold_it(p.src);
    g_free(connect_unix(&p));
    wait_sent(p.src, 1 << 20);
    OK(p.src, YANK);
    wait_status(p.src, "failed");
    wait_status(p.dst, "failed");
    assert_alive(p.src);
    close_pair(&p);
}

/* ---- addresses ---- */

static void test_channels_abstract(const void *machine)
{
    Pair p = { 0 };
    g_autofree char *name = g_strdup_printf("ferry-test-%d", (int)getpid());
    g_autofree char *channels = NULL;

    open_equal(&p, machine);
    channels = g_strdup_printf("\"channels\": [{\"channel-type\": \"main\", \"addr\": "
                               "{\"transport\": \"socket\", \"type\": \"unix\", \"path\": \"%s\", "
                               "\"abstract\": true, \"tight\": true}}]",
                               name);
    let_it_converge(p.src);
    OK(p.dst, "{\"execute\": \"migrate-incoming\", \"arguments\": {%s}}", channels);
    OK(p.src, "{\"execute\": \"migrate\", \"arguments\": {%s}}", channels);
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

/* -incoming takes one object of the channels argument; the port range is looked through. */
static void test_incoming_channel(const void *machine)
{
    Pair p = { 0 };
    json_object *list, *info;

    open_pair(&p, machine, "-m 128", machine, "");
    p.dst = start(&p, machine, "dst",
                  "-m 128 -incoming "
                  "{\"channel-type\":\"main\",\"addr\":{\"transport\":\"socket\",\"type\":\"inet\","
                  "\"host\":\"localhost\",\"port\":\"0\",\"ipv6\":false,\"keep-alive\":true}}");
    info = query(p.dst);
    g_assert_true(json_object_object_get_ex(info, "socket-address", &list));
    json_object *addr = json_object_array_get_idx(list, 0);
    g_assert_cmpstr(member(addr, "ipv4"), ==, "true");
    g_autofree char *uri = g_strdup_printf("tcp:%s:%s", member(addr, "host"), member(addr, "port"));
    json_object_put(info);
    let_it_converge(p.src);
    migrate(p.src, uri);
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

/* ---- guests that write too fast ---- */

static int64_t number(QTest *q, const char *command, const char *name)
{
    json_object *info = qtest_qmp_ok(q, "{\"execute\": \"%s\"}", command), *value;
    int64_t n = json_object_object_get_ex(info, name, &value) ? json_object_get_int64(value) : 0;

    json_object_put(info);
    return n;
}

static void set_param(QTest *q, const char *name, int64_t value)
{
    OK(q, "{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"%s\": %" PRId64 "}}", name,
       value);
}

static void wait_until(QTest *q, bool (*there)(QTest *q))
{
    gint64 end = g_get_monotonic_time() + DEADLINE;

    while (!there(q)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(10000);
    }
}

static void assert_error(QTest *q, const char *command, const char *words)
{
    json_object *error, *answer = qtest_qmp(q, "%s", command);

    g_assert_true(json_object_object_get_ex(answer, "error", &error));
    if (!strstr(member(error, "desc"), words)) {
        g_error("no '%s' in '%s'", words, member(error, "desc"));
    }
    json_object_put(answer);
}

static bool throttled(QTest *q)
{
    return number(q, "query-migrate", "cpu-throttle-percentage") > 0;
}

/* CPU time that the first vCPU's thread has had, in ns. */
static int64_t cpu_time(QTest *q)
{
    json_object *cpus = qtest_qmp_ok(q, "{\"execute\": \"query-cpus-fast\"}"), *id;

    g_assert_true(json_object_object_get_ex(json_object_array_get_idx(cpus, 0), "thread-id", &id));
    g_autofree char *path =
        g_strdup_printf("/proc/%d/task/%d/schedstat", qtest_pid(q), json_object_get_int(id));
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    json_object_put(cpus);
    return g_ascii_strtoll(text, NULL, 10);
}

/* How much of a second the guest's only vCPU runs. */
static double share_of_time(QTest *q)
{
    gint64 start = g_get_monotonic_time(), before = cpu_time(q);

    g_usleep(G_USEC_PER_SEC);
    return (double)(cpu_time(q) - before) / 1000 / (double)(g_get_monotonic_time() - start);
}

/* Bytes that the guest's only writer changes in a second, seen from outside; it must be a slow one. */
static double writes_per_second(QTest *q)
{
    gint64 start = g_get_monotonic_time();
    uint8_t first = qtest_readb(q, 0x400000);

    while ((uint8_t)(qtest_readb(q, 0x400000) - first) < 3) {
        g_assert_cmpint(g_get_monotonic_time() - start, <, DEADLINE);
        g_usleep(1000);
    }
    return 3.0 * G_USEC_PER_SEC / (double)(g_get_monotonic_time() - start);
}

static void test_auto_converge(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    set_cap(p.src, "auto-converge");
    set_cap(p.src, "pause-before-switchover");
    set_param(p.src, "cpu-throttle-initial", 5);
    set_param(p.src, "cpu-throttle-increment", 90);
    set_param(p.src, "max-cpu-throttle", 95);
    hold_it(p.src);
    g_free(connect_unix(&p));
    wait_until(p.src, throttled);
    g_assert_cmpint(number(p.src, "query-migrate", "cpu-throttle-percentage"), >=, 5);
    int64_t syncs = ram_number(p.src, "dirty-sync-count");
    g_assert_cmpint(syncs, >=, 2);
    while (number(p.src, "query-migrate", "cpu-throttle-percentage") < 95) {
        g_usleep(10000);
    }
    g_assert_cmpint(ram_number(p.src, "dirty-sync-count"), >, syncs);
    /* 5% of the time is left; a busy host only makes it less. */
    g_assert_cmpfloat(share_of_time(p.src), <, 0.5);
    let_it_converge(p.src);
    wait_status(p.src, "pre-switchover");
    g_assert_cmpint(number(p.src, "query-migrate", "cpu-throttle-percentage"), <=, 95);
    OK(p.src,
       "{\"execute\": \"migrate-continue\", \"arguments\": {\"state\": \"pre-switchover\"}}");
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

/* Cancelled: the guest has all of its time again. */
static void test_throttle_ends(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    set_cap(p.src, "auto-converge");
    set_param(p.src, "cpu-throttle-initial", 99);
    hold_it(p.src);
    g_free(connect_unix(&p));
    wait_until(p.src, throttled);
    double during = share_of_time(p.src);
    g_assert_cmpfloat(during, <, 0.25);
    OK(p.src, "{\"execute\": \"migrate_cancel\"}");
    wait_status(p.src, "cancelled");
    gint64 end = g_get_monotonic_time() + DEADLINE;
    while (share_of_time(p.src) <= during * 2) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    close_pair(&p);
}

static void test_vcpu_dirty_limit(const void *machine)
{
    Pair p = { 0 };
    json_object *list;

    open_pair(&p, machine, "-m 128", machine, "");
    g_assert_cmpuint(json_object_array_length(
                         list = qtest_qmp_ok(p.src, "{\"execute\": \"query-vcpu-dirty-limit\"}")),
                     ==, 0);
    json_object_put(list);
    OK(p.src, "{\"execute\": \"cancel-vcpu-dirty-limit\"}");
    /* 99 MiB in a round: 40 MB/s are 0.4 rounds a second. */
    OK(p.src, "{\"execute\": \"set-vcpu-dirty-limit\", \"arguments\": {\"dirty-rate\": 40}}");
    double limited = writes_per_second(p.src);
    g_assert_cmpfloat(limited, <, 0.9);
    list = qtest_qmp_ok(p.src, "{\"execute\": \"query-vcpu-dirty-limit\"}");
    g_assert_cmpuint(json_object_array_length(list), ==, 1);
    json_object *row = json_object_array_get_idx(list, 0);
    g_assert_cmpstr(member(row, "cpu-index"), ==, "0");
    g_assert_cmpstr(member(row, "limit-rate"), ==, "40");
    g_assert_cmpint(g_ascii_strtoll(member(row, "current-rate"), NULL, 10), <, 80);
    json_object_put(list);
    OK(p.src, "{\"execute\": \"cancel-vcpu-dirty-limit\"}");
    gint64 end = g_get_monotonic_time() + DEADLINE;
    while (writes_per_second(p.src) < limited * 1.3) { /* a busy host makes it slow for a while */
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    list = qtest_qmp(p.src, "{\"execute\": \"set-vcpu-dirty-limit\", \"arguments\": "
                            "{\"cpu-index\": 7, \"dirty-rate\": 1}}");
    g_assert_true(json_object_object_get_ex(list, "error", NULL));
    json_object_put(list);
    close_pair(&p);
}

static bool limited(QTest *q)
{
    return number(q, "query-migrate", "dirty-limit-throttle-time-per-round") > 0;
}

static void test_dirty_limit(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    set_cap(p.src, "dirty-limit");
    set_param(p.src, "vcpu-dirty-limit", 2);
    hold_it(p.src);
    g_free(connect_unix(&p));
    wait_until(p.src, limited);
    g_assert_cmpint(number(p.src, "query-migrate", "dirty-limit-ring-full-time"), >, 0);
    let_it_converge(p.src);
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

static bool has_deltas(QTest *q)
{
    json_object *info = query(q), *stats;
    bool there = json_object_object_get_ex(info, "xbzrle-cache", &stats) &&
                 g_ascii_strtoll(member(stats, "pages"), NULL, 10) > 1000;

    json_object_put(info);
    return there;
}

/* EVIDENCE: MIG-WIRE-032 */
static void test_xbzrle(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    assert_error(p.src,
                 "{\"execute\": \"migrate-set-parameters\", \"arguments\": "
                 "{\"xbzrle-cache-size\": 5000}}",
                 "power of two");
    set_cap(p.src, "xbzrle");
    set_cap(p.dst, "xbzrle");
    set_param(p.src, "xbzrle-cache-size", 256 << 20);
    set_param(p.src, "downtime-limit", 1);
    set_param(p.src, "max-bandwidth", 100 << 20);
    g_free(connect_unix(&p));
    wait_until(p.src, has_deltas);
    let_it_converge(p.src);
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

/* ---- what both sides agree on ---- */

/* RAM without checksums: both sides must want it. EVIDENCE: MIG-WIRE-014 */
static void test_no_ram_checksum(const void *machine)
{
    static const char off[] = "{\"execute\": \"migrate-set-capabilities\", \"arguments\": "
                              "{\"capabilities\": [{\"capability\": \"ram-checksum\", \"state\": "
                              "false}]}}";
    Pair p = { 0 };

    open_equal(&p, machine);
    OK(p.src, "%s", off);
    let_it_converge(p.src);
    g_free(connect_unix(&p));
    wait_status(p.src, "failed");
    wait_status(p.dst, "failed");
    assert_cause(p.src, "ram-checksum");
    assert_cause(p.dst, "ram-checksum");
    assert_alive(p.src);
    OK(p.dst, "%s", off);
    g_free(connect_unix(&p));
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

static void test_switchover_ack(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    assert_error(p.src,
                 "{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": "
                 "[{\"capability\": \"switchover-ack\", \"state\": true}]}}",
                 "requires capability 'return-path'");
    set_cap(p.src, "return-path");
    set_cap(p.src, "switchover-ack");
    let_it_converge(p.src);
    g_autofree char *file = g_strdup_printf("file:%s/stream", p.dir);
    migrate(p.src, file);
    wait_status(p.src, "failed");
    assert_cause(p.src, "switchover-ack");
    /* A destination that does not acknowledge keeps the guest at the source. */
    g_free(connect_unix(&p));
    wait_sent(p.src, 1 << 20);
    while (ram_number(p.src, "dirty-sync-count") < 4) {
        g_usleep(10000);
    }
    wait_status(p.src, "active");
    OK(p.src, "{\"execute\": \"migrate_cancel\"}");
    wait_status(p.src, "cancelled");
    wait_status(p.dst, "failed");
    set_cap(p.dst, "return-path");
    set_cap(p.dst, "switchover-ack");
    g_free(connect_unix(&p));
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

#define UUID_1 " -uuid 11111111-1111-1111-1111-111111111111"
#define UUID_2 " -uuid 22222222-2222-2222-2222-222222222222"

static void with_uuids(const char *machine, const char *src, const char *dst, bool good)
{
    Pair p = { 0 };
    g_autofree char *src_args = g_strconcat("-m 128", src, NULL);
    g_autofree char *dst_args = g_strconcat("-incoming defer -m 128", dst, NULL);

    open_pair(&p, machine, src_args, machine, dst_args);
    set_cap(p.src, "validate-uuid");
    let_it_converge(p.src);
    g_free(connect_unix(&p));
    if (good) {
        wait_status(p.src, "completed");
        check_moved(&p, "dst");
    } else {
        wait_status(p.src, "failed");
        wait_status(p.dst, "failed");
        assert_cause(p.dst, "UUID received is 11111111-1111-1111-1111-111111111111 and local is "
                            "22222222-2222-2222-2222-222222222222");
        assert_alive(p.src);
    }
    close_pair(&p);
}

static void test_uuid(const void *machine)
{
    with_uuids(machine, UUID_1, UUID_1, true);
}

static void test_uuid_error(const void *machine)
{
    with_uuids(machine, UUID_1, UUID_2, false);
}

static void test_uuid_src_not_set(const void *machine)
{
    with_uuids(machine, "", UUID_2, true);
}

static void test_uuid_dst_not_set(const void *machine)
{
    with_uuids(machine, UUID_1, "", true);
}

/* ---- preflight ---- */

static void preflight(Pair *p, const char *wanted)
{
    OK(p->src, "{\"execute\": \"migrate-preflight\", \"arguments\": {\"uri\": \"unix:%s/mig\"}}",
       p->dir);
    wait_status(p->src, wanted);
    assert_alive(p->src);
    wait_status(p->dst, "setup");
}

/* EVIDENCE: MIG-WIRE-050, MIG-WIRE-051 */
static void test_preflight(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    g_autofree char *uri = g_strdup_printf("unix:%s/mig", p.dir);
    g_autofree char *file = g_strdup_printf("\"file:%s/x\"", p.dir);
    incoming(p.dst, uri);
    preflight(&p, "preflight-passed");
    preflight(&p, "preflight-passed");
    g_autofree char *command =
        g_strdup_printf("{\"execute\": \"migrate-preflight\", \"arguments\": {\"uri\": %s}}", file);
    assert_error(p.src, command, "can answer");
    /* The same destination takes the guest then. */
    let_it_converge(p.src);
    migrate(p.src, uri);
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

/* Every problem is told, not the first one only, and the destination goes on waiting. */
/* EVIDENCE: MIG-WIRE-051 */
static void test_preflight_problems(const void *machine)
{
    Pair p = { 0 };

    bool s390x = is_s390x(machine);
    const char *feature = s390x ? "CPU feature 'vx'" : "CPU feature 'avx2'";

    if (s390x) {
        open_pair(&p, machine, "-m 128 -device virtio-rng-ccw", machine,
                  "-incoming defer -m 160 -cpu qemu,vx=off");
    } else {
        open_pair(&p, machine, "-m 128 -cpu qemu64,+avx2,+avx,+xsave -device virtio-rng-pci",
                  machine, "-incoming defer -m 160 -cpu qemu64,-sse3");
    }
    g_autofree char *uri = g_strdup_printf("unix:%s/mig", p.dir);
    incoming(p.dst, uri);
    for (int i = 0; i < 2; i++) {
        preflight(&p, "failed");
        assert_cause(p.src, s390x ? "RAM block 's390.ram'" : "RAM block 'pc.ram'");
        assert_cause(p.src, "virtio-rng");
        assert_cause(p.src, feature);
        assert_cause(p.src, "of the guest is missing here");
        assert_cause(p.src, "problems before the start");
    }
    /* The move itself is refused for the same, before any RAM. */
    migrate(p.src, uri);
    wait_status(p.src, "failed");
    wait_status(p.dst, "failed");
    assert_cause(p.src, feature);
    assert_cause(p.dst, feature);
    assert_alive(p.src);
    close_pair(&p);
}

static void test_preflight_version_3(const void *machine)
{
    Pair p = { 0 };

    open_pair(&p, machine, "-m 128", machine, "");
    assert_error(p.src,
                 "{\"execute\": \"migrate-preflight\", \"arguments\": {\"uri\": \"unix:/x\"}}",
                 "has no preflight");
    close_pair(&p);
}

/* ---- what can be watched ---- */

static void expect_status_event(QTest *q, const char *wanted)
{
    json_object *event = qtest_event(q, "MIGRATION"), *data;

    g_assert_true(json_object_object_get_ex(event, "data", &data));
    g_assert_cmpstr(member(data, "status"), ==, wanted);
    json_object_put(event);
}

static void test_events(const void *machine)
{
    static const char *const src[] = { "setup", "active", "device" };
    Pair p = { 0 };

    open_equal(&p, machine);
    set_cap(p.dst, "events");
    let_it_converge(p.src);
    g_free(connect_unix(&p));
    wait_status(p.src, "completed");
    for (size_t i = 0; i < G_N_ELEMENTS(src); i++) {
        expect_status_event(p.src, src[i]);
    }
    if (!is_version_3(machine)) {
        expect_status_event(p.src, "handover");
    }
    expect_status_event(p.src, "completed");
    for (int64_t pass = 1; pass <= 2; pass++) {
        json_object *event = qtest_event(p.src, "MIGRATION_PASS"), *data;

        g_assert_true(json_object_object_get_ex(event, "data", &data));
        g_assert_cmpint(g_ascii_strtoll(member(data, "pass"), NULL, 10), ==, pass);
        json_object_put(event);
    }
    expect_status_event(p.dst, "setup");
    expect_status_event(p.dst, "active");
    check_moved(&p, "dst");
    expect_status_event(p.dst, "completed");
    close_pair(&p);
}

/* Each device's bytes are the same there as here, and none is free. */
static void assert_device_figures(QTest *src, QTest *dst)
{
    json_object *a = query(src), *b = query(dst), *sent, *loaded;

    g_assert_true(json_object_object_get_ex(a, "devices", &sent));
    g_assert_true(json_object_object_get_ex(b, "devices", &loaded));
    g_assert_cmpuint(json_object_array_length(sent), >, 5);
    g_assert_cmpuint(json_object_array_length(sent), ==, json_object_array_length(loaded));
    for (size_t i = 0; i < json_object_array_length(sent); i++) {
        json_object *s = json_object_array_get_idx(sent, i);
        json_object *l = json_object_array_get_idx(loaded, i);

        g_assert_cmpstr(member(s, "name"), ==, member(l, "name"));
        g_assert_cmpstr(member(s, "bytes"), ==, member(l, "bytes"));
        g_assert_cmpint(g_ascii_strtoll(member(l, "bytes"), NULL, 10), >, 0);
    }
    json_object_put(a);
    json_object_put(b);
}

static void test_figures(const void *machine)
{
    static const char *const steps_v4[] = { "stopped",        "ram-sent",
                                            "devices-sent",   "destination-ready",
                                            "disks-released", "destination-runs" };
    static const char *const steps_v3[] = { "stopped", "disks-released", "ram-sent", "devices-sent",
                                            "destination-runs" };
    bool v4 = !is_version_3(machine);
    size_t n = v4 ? G_N_ELEMENTS(steps_v4) : G_N_ELEMENTS(steps_v3);
    Pair p = { 0 };
    int64_t last = 0;

    open_equal(&p, machine);
    let_it_converge(p.src);
    g_free(connect_unix(&p));
    wait_status(p.src, "completed");
    wait_status(p.dst, "completed");
    assert_device_figures(p.src, p.dst);
    json_object *info = query(p.src), *list;
    g_assert_true(json_object_object_get_ex(info, "switchover", &list));
    g_assert_cmpuint(json_object_array_length(list), ==, n);
    for (size_t i = 0; i < n; i++) {
        json_object *row = json_object_array_get_idx(list, i);
        int64_t us = g_ascii_strtoll(member(row, "microseconds"), NULL, 10);

        g_assert_cmpstr(member(row, "step"), ==, v4 ? steps_v4[i] : steps_v3[i]);
        g_assert_cmpint(us, >=, last);
        last = us;
    }
    json_object_put(info);
    check_moved(&p, "dst");
    close_pair(&p);
}

static bool measured(QTest *q)
{
    json_object *info = qtest_qmp_ok(q, "{\"execute\": \"query-dirty-rate\"}");
    bool there = g_str_equal(member(info, "status"), "measured");

    json_object_put(info);
    return there;
}

#define CALC(more) "{\"execute\": \"calc-dirty-rate\", \"arguments\": {" more "}}"

static void test_dirty_rate(const void *machine)
{
    Pair p = { 0 };

    open_pair(&p, machine, "-m 128", machine, "");
    assert_error(p.src, CALC("\"calc-time\": 1, \"mode\": \"dirty-ring\""), "dirty-ring");
    assert_error(p.src, CALC("\"calc-time\": 0"), "[50ms, 60000ms]");
    assert_error(p.src, CALC("\"calc-time\": 1, \"sample-pages\": 5"), "[128, 16384]");
    for (int mode = 0; mode < 2; mode++) {
        if (mode) {
            OK(p.src, CALC("\"calc-time\": 1500, \"calc-time-unit\": \"millisecond\", "
                           "\"mode\": \"dirty-bitmap\""));
        } else {
            OK(p.src, CALC("\"calc-time\": 2, \"sample-pages\": 16384"));
        }
        assert_error(p.src, CALC("\"calc-time\": 1"), "already being measured");
        wait_until(p.src, measured);
        g_assert_cmpint(number(p.src, "query-dirty-rate", "dirty-rate"), >=, 5);
        g_assert_cmpint(number(p.src, "query-dirty-rate", "dirty-rate"), <=, 110);
    }
    OK(p.src, "{\"execute\": \"stop\"}");
    OK(p.src, CALC("\"calc-time\": 1, \"mode\": \"dirty-bitmap\""));
    wait_until(p.src, measured);
    g_assert_cmpint(number(p.src, "query-dirty-rate", "dirty-rate"), ==, 0);
    close_pair(&p);
}

static const MigrationTest tests[] = {
    { "cancel/src/after/setup", test_cancel_setup, ONE_VERSION, .seldom = true },
    { "yank", test_yank, ONE_VERSION, .seldom = true },
    { "precopy/unix/abstract", test_channels_abstract, ONE_VERSION, .seldom = true },
    { "precopy/tcp/incoming-channel", test_incoming_channel, ONE_VERSION, .seldom = true },
    { "auto_converge", test_auto_converge, BOTH_ON_X86 },
    { "auto_converge/ends", test_throttle_ends, ONE_VERSION, .seldom = true },
    { "precopy/unix/xbzrle", test_xbzrle, BOTH_ON_X86 },
    { "precopy/tcp/plain/switchover-ack", test_switchover_ack, BOTH_ON_X86, .seldom = true },
    { "validate_uuid", test_uuid, BOTH_ON_X86, .seldom = true },
    { "validate_uuid_error", test_uuid_error, BOTH_ON_X86 },
    { "precopy/unix/no-ram-checksum", test_no_ram_checksum, ONE_VERSION, .seldom = true },
    { "validate_uuid_src_not_set", test_uuid_src_not_set, ONE_VERSION, .seldom = true },
    { "validate_uuid_dst_not_set", test_uuid_dst_not_set, ONE_VERSION, .seldom = true },
    { "preflight/passed", test_preflight, ONE_VERSION, .seldom = true },
    { "preflight/problems", test_preflight_problems, ONE_VERSION },
    { "events", test_events, BOTH_ON_X86 },
    { "figures", test_figures, BOTH_ON_X86 },
    { "dirty_limit", test_dirty_limit, BOTH_ON_X86, .seldom = true },
    { "vcpu_dirty_limit", test_vcpu_dirty_limit, ONE_VERSION, .seldom = true },
    { "dirty_rate", test_dirty_rate, ONE_VERSION },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    g_test_add_data_func("/x86_64/migration/version-3/preflight", V3, test_preflight_version_3);
    g_test_add_data_func("/s390x/migration/version-3/preflight", S390_V3, test_preflight_version_3);
    return g_test_run();
}
