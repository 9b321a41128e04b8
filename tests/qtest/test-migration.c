/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live migration between two processes, with a guest that writes to 99 MiB without end (see
 * payload-x86_64.S). Every case that moves the guest ends with a look at its memory on the
 * destination: one sequential writer, so one consistent picture. Cases that fail on purpose end
 * with a guest that runs on at the source and a cause that both sides tell.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "libqtest.h"

#define V3       "pc-q35-10.0"
#define V4       "pc-q35-ferry-1.0"
#define FIRST    0x100000u
#define END      0x6400000u
#define PAGE     4096u
#define SLOW     3000000
#define DEADLINE (QTEST_TIMEOUT_S * G_USEC_PER_SEC)

#define OK(q, ...) json_object_put(qtest_qmp_ok(q, __VA_ARGS__))

typedef struct {
    char *dir;
    QTest *src, *dst;
} Pair;

static char *in_dir(Pair *p, const char *name)
{
    return g_build_filename(p->dir, name, NULL);
}

/* ---- waiting ---- */

static json_object *query(QTest *q)
{
    return qtest_qmp_ok(q, "{\"execute\": \"query-migrate\"}");
}

static const char *member(json_object *o, const char *name)
{
    json_object *value;
    return json_object_object_get_ex(o, name, &value) ? json_object_get_string(value) : "";
}

static int64_t ram_number(QTest *q, const char *name)
{
    json_object *ram, *value, *info = query(q);
    int64_t n = 0;

    if (json_object_object_get_ex(info, "ram", &ram) &&
        json_object_object_get_ex(ram, name, &value)) {
        n = json_object_get_int64(value);
    }
    json_object_put(info);
    return n;
}

/* Polls until the status is @wanted; another final one than that is a failure at once. */
static void wait_status(QTest *q, const char *wanted)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;

    for (;;) {
        json_object *info = query(q);
        const char *status = member(info, "status");
        bool final = g_str_equal(status, "failed") || g_str_equal(status, "completed") ||
                     g_str_equal(status, "cancelled");

        if (g_str_equal(status, wanted)) {
            json_object_put(info);
            return;
        }
        if (final || g_get_monotonic_time() > end) {
            g_error("waiting for '%s': %s", wanted, json_object_to_json_string(info));
        }
        json_object_put(info);
        g_usleep(5000);
    }
}

static void wait_sent(QTest *q, int64_t bytes)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;

    while (ram_number(q, "transferred") < bytes) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(5000);
    }
}

static void wait_run_state(QTest *q, const char *wanted)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;

    for (;;) {
        json_object *info = qtest_qmp_ok(q, "{\"execute\": \"query-status\"}");
        bool there = g_str_equal(member(info, "status"), wanted);

        if (!there && g_get_monotonic_time() > end) {
            g_error("waiting for '%s': %s", wanted, json_object_to_json_string(info));
        }
        json_object_put(info);
        if (there) {
            return;
        }
        g_usleep(5000);
    }
}

static void wait_serial(Pair *p, const char *name, char wanted)
{
    g_autofree char *path = in_dir(p, name);
    gint64 end = g_get_monotonic_time() + DEADLINE;
    bool there = false;

    while (!there) {
        g_autofree char *text = NULL;

        if (g_file_get_contents(path, &text, NULL, NULL)) {
            g_assert_cmpuint(strspn(text, "AB"), ==, strlen(text));
            there = strchr(text, wanted) != NULL;
        }
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(5000);
    }
}

/* ---- the guest ---- */

static QTest *start(Pair *p, const char *machine, const char *serial, const char *more)
{
    return qtest_start("x86_64",
                       "-accel tcg -accel qtest -machine %s -nodefaults -serial file:%s/%s "
                       "-kernel %s %s",
                       machine, p->dir, serial, g_getenv("FERRY_PAYLOAD"), more);
}

static bool is_running(QTest *q)
{
    json_object *info = qtest_qmp_ok(q, "{\"execute\": \"query-status\"}");
    bool running = g_str_equal(member(info, "running"), "true");

    json_object_put(info);
    return running;
}

/* The guest writes: a byte in the middle of its memory changes. */
static void assert_alive(QTest *q)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;
    uint8_t before = qtest_readb(q, 0x400000);

    g_assert_true(is_running(q));
    while (qtest_readb(q, 0x400000) == before) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
    }
}

/* One writer in one order: equal bytes, with at most one drop by one. The VM is stopped. */
static void assert_consistent(QTest *q)
{
    g_autofree uint8_t *data = g_malloc(1 << 20);
    uint8_t last = 0;
    unsigned drops = 0;

    for (uint32_t at = FIRST; at < END; at += 1 << 20) {
        qtest_memread(q, at, data, 1 << 20);
        for (uint32_t i = 0; i < 1 << 20; i += PAGE) {
            if ((at + i) != FIRST && data[i] != last) {
                g_assert_cmphex(data[i], ==, (uint8_t)(last - 1));
                drops++;
            }
            last = data[i];
        }
    }
    g_assert_cmpuint(drops, <=, 1);
}

static void check_moved(Pair *p, const char *dst_serial)
{
    wait_status(p->dst, "completed");
    wait_run_state(p->dst, "running");
    wait_run_state(p->src, "postmigrate");
    wait_serial(p, dst_serial, 'B');
    assert_alive(p->dst);
    OK(p->dst, "{\"execute\": \"stop\"}");
    assert_consistent(p->dst);
}

/* ---- the pair ---- */

/* More than the guest dirties in a second, and time enough: the next round is the last. */
static void let_it_converge(QTest *q)
{
    OK(q, "{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"max-bandwidth\": 0, "
          "\"downtime-limit\": 30000}}");
}

static void hold_it(QTest *q)
{
    OK(q,
       "{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"max-bandwidth\": %d, "
       "\"downtime-limit\": 1}}",
       SLOW);
}

static void set_cap(QTest *q, const char *name)
{
    OK(q,
       "{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": "
       "[{\"capability\": \"%s\", \"state\": true}]}}",
       name);
}

static void open_dir(Pair *p)
{
    p->dir = g_dir_make_tmp("ferry-migration-XXXXXX", NULL);
    g_assert_nonnull(p->dir);
}

static void open_pair(Pair *p, const char *src_machine, const char *src_more,
                      const char *dst_machine, const char *dst_more)
{
    open_dir(p);
    p->src = start(p, src_machine, "src", src_more);
    p->dst =
        g_str_has_prefix(dst_more, "-incoming") ? start(p, dst_machine, "dst", dst_more) : NULL;
    set_cap(p->src, "events");
    wait_serial(p, "src", 'B');
}

static void open_equal(Pair *p, const char *machine)
{
    open_pair(p, machine, "-m 128", machine, "-incoming defer -m 128");
}

static void close_pair(Pair *p)
{
    const char *name;
    GDir *dir;

    g_clear_pointer(&p->src, qtest_end);
    g_clear_pointer(&p->dst, qtest_end);
    dir = g_dir_open(p->dir, 0, NULL);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = in_dir(p, name);

        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(p->dir);
    g_free(p->dir);
}

/* exit-on-error false, so that a failed destination can still be asked why. */
static void incoming(QTest *q, const char *uri)
{
    OK(q,
       "{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"%s\", \"exit-on-error\": "
       "false}}",
       uri);
}

static void migrate(QTest *q, const char *uri)
{
    OK(q, "{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"%s\"}}", uri);
}

static char *connect_unix(Pair *p)
{
    char *uri = g_strdup_printf("unix:%s/mig", p->dir);

    incoming(p->dst, uri);
    migrate(p->src, uri);
    return uri;
}

/* ---- moves ---- */

/* EVIDENCE: MIG-WIRE-031, MIG-WIRE-041 */
static void test_unix(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    let_it_converge(p.src);
    g_free(connect_unix(&p));
    wait_status(p.src, "completed");
    json_object_put(qtest_event(p.src, "STOP"));
    json_object_put(qtest_event(p.dst, "RESUME"));
    check_moved(&p, "dst");
    close_pair(&p);
}

static void test_tcp(const void *machine)
{
    Pair p = { 0 };
    json_object *list, *addr, *info;

    open_equal(&p, machine);
    let_it_converge(p.src);
    incoming(p.dst, "tcp:127.0.0.1:0");
    info = query(p.dst);
    g_assert_true(json_object_object_get_ex(info, "socket-address", &list));
    addr = json_object_array_get_idx(list, 0);
    g_assert_cmpstr(member(addr, "type"), ==, "inet");
    OK(p.src,
       "{\"execute\": \"migrate\", \"arguments\": {\"channels\": [{\"channel-type\": \"main\", "
       "\"addr\": {\"transport\": \"socket\", \"type\": \"inet\", \"host\": \"%s\", "
       "\"port\": \"%s\"}}]}}",
       member(addr, "host"), member(addr, "port"));
    json_object_put(info);
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

static void test_fd(const void *machine)
{
    Pair p = { 0 };
    int fds[2];

    open_equal(&p, machine);
    let_it_converge(p.src);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    json_object_put(qtest_qmp_fd(p.src, fds[0],
                                 "{\"execute\": \"getfd\", \"arguments\": "
                                 "{\"fdname\": \"fd-mig\"}}"));
    json_object_put(qtest_qmp_fd(p.dst, fds[1],
                                 "{\"execute\": \"getfd\", \"arguments\": "
                                 "{\"fdname\": \"fd-mig\"}}"));
    close(fds[0]);
    close(fds[1]);
    incoming(p.dst, "fd:fd-mig");
    migrate(p.src, "fd:fd-mig");
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    for (int i = 0; i < 2; i++) {
        json_object *error,
            *answer = qtest_qmp(i ? p.src : p.dst, "{\"execute\": \"closefd\", \"arguments\": "
                                                   "{\"fdname\": \"fd-mig\"}}");

        g_assert_true(json_object_object_get_ex(answer, "error", &error));
        g_assert_cmpstr(member(error, "desc"), ==, "File descriptor named 'fd-mig' not found");
        json_object_put(answer);
    }
    close_pair(&p);
}

static void through_file(const char *machine, const char *out, const char *in)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    g_autofree char *path = in_dir(&p, "stream");
    g_autofree char *out_uri = g_strdup_printf(out, path), *in_uri = g_strdup_printf(in, path);
    let_it_converge(p.src);
    migrate(p.src, out_uri);
    wait_status(p.src, "completed");
    incoming(p.dst, in_uri);
    check_moved(&p, "dst");
    close_pair(&p);
}

static void test_exec(const void *machine)
{
    through_file(machine, "exec:cat > %s", "exec:cat %s");
}

static void test_file(const void *machine)
{
    through_file(machine, "file:%s", "file:%s");
}

static void test_file_offset(const void *machine)
{
    through_file(machine, "file:%s,offset=4096", "file:%s,offset=4096");
}

static void test_paused(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    OK(p.src, "{\"execute\": \"stop\"}");
    g_free(connect_unix(&p));
    wait_status(p.src, "completed");
    wait_status(p.dst, "completed");
    wait_run_state(p.dst, "paused");
    assert_consistent(p.dst);
    OK(p.dst, "{\"execute\": \"cont\"}");
    check_moved(&p, "dst");
    close_pair(&p);
}

static void test_there_and_back(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    for (int move = 0; move < 3; move++) {
        g_autofree char *serial = g_strdup_printf("dst%d", move);

        let_it_converge(p.src);
        g_free(connect_unix(&p));
        wait_status(p.src, "completed");
        wait_status(p.dst, "completed");
        wait_run_state(p.dst, "running");
        assert_alive(p.dst);
        if (move < 2) {
            qtest_end(p.src);
            p.src = p.dst;
            p.dst = start(&p, machine, serial, "-incoming defer -m 128");
        }
    }
    check_moved(&p, "dst1");
    close_pair(&p);
}

static void test_pause_before_switchover(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    set_cap(p.src, "pause-before-switchover");
    let_it_converge(p.src);
    g_free(connect_unix(&p));
    wait_status(p.src, "pre-switchover");
    wait_run_state(p.src, "finish-migrate");
    assert_consistent(p.src);
    OK(p.src,
       "{\"execute\": \"migrate-continue\", \"arguments\": {\"state\": \"pre-switchover\"}}");
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

static void test_bandwidth(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    hold_it(p.src);
    g_free(connect_unix(&p));
    wait_sent(p.src, 1);
    gint64 since = g_get_monotonic_time();
    int64_t before = ram_number(p.src, "transferred");
    wait_sent(p.src, before + 2 * SLOW);
    int64_t sent = ram_number(p.src, "transferred") - before;
    gint64 usec = g_get_monotonic_time() - since;
    /* Twice the limit leaves room for what may go in one slice; a slow host sends less. */
    g_assert_cmpint(sent * G_USEC_PER_SEC / usec, <, 2 * SLOW);
    g_assert_true(is_running(p.src));
    let_it_converge(p.src);
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

/* ---- failures ---- */

static void assert_cause(QTest *q, const char *words)
{
    json_object *info = query(q);
    const char *desc = member(info, "error-desc");

    if (!strstr(desc, words)) {
        g_error("no '%s' in '%s'", words, desc);
    }
    json_object_put(info);
}

static void test_cancel_and_again(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    OK(p.src, "{\"execute\": \"migrate_cancel\"}");
    hold_it(p.src);
    g_free(connect_unix(&p));
    wait_sent(p.src, 1 << 20);
    OK(p.src, "{\"execute\": \"migrate_cancel\"}");
    wait_status(p.src, "cancelled");
    OK(p.src, "{\"execute\": \"migrate_cancel\"}");
    assert_alive(p.src);
    wait_status(p.dst, "failed");
    let_it_converge(p.src);
    g_free(connect_unix(&p));
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

static void refused(const char *src_machine, const char *src_more, const char *dst_machine,
                    const char *dst_more, const char *cause)
{
    Pair p = { 0 };

    open_pair(&p, src_machine, src_more, dst_machine, dst_more);
    let_it_converge(p.src);
    g_free(connect_unix(&p));
    wait_status(p.src, "failed");
    wait_status(p.dst, "failed");
    assert_alive(p.src);
    assert_cause(p.dst, cause);
    assert_cause(p.src, cause);
    OK(p.src, "{\"execute\": \"stop\"}");
    assert_consistent(p.src);
    close_pair(&p);
}

/* EVIDENCE: MIG-WIRE-030, MIG-WIRE-043 */
static void test_other_ram(void)
{
    refused(V4, "-m 128", V4, "-incoming defer -m 160", "pc.ram");
}

/* EVIDENCE: MIG-WIRE-003, MIG-WIRE-043 */
static void test_other_machine(void)
{
    refused(V4, "-m 128", V3, "-incoming defer -m 128", "machine type");
}

/* EVIDENCE: MIG-WIRE-004, MIG-WIRE-043 */
static void test_missing_device(void)
{
    refused(V4, "-m 128 -device virtio-rng-pci", V4, "-incoming defer -m 128", "virtio-rng");
}

/* EVIDENCE: MIG-WIRE-042 */
static void test_killed(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
    hold_it(p.src);
    g_free(connect_unix(&p));
    wait_sent(p.src, 1 << 20);
    kill(qtest_pid(p.dst), SIGKILL);
    g_assert_cmpint(qtest_wait_exit(p.dst), ==, 128 + SIGKILL);
    p.dst = NULL;
    wait_status(p.src, "failed");
    assert_alive(p.src);
    assert_cause(p.src, "");
    close_pair(&p);
}

/* Nobody listens: the command is taken, the migration fails. */
static void test_nobody_there(void)
{
    Pair p = { 0 };

    open_pair(&p, V4, "-m 128", V4, "");
    g_autofree char *uri = g_strdup_printf("unix:%s/nobody", p.dir);
    migrate(p.src, uri);
    wait_status(p.src, "failed");
    assert_alive(p.src);
    assert_cause(p.src, "nobody");
    close_pair(&p);
}

static void test_exit_on_error(void)
{
    Pair p = { 0 };

    open_equal(&p, V4);
    g_autofree char *uri = g_strdup_printf("unix:%s/mig", p.dir);
    hold_it(p.src);
    OK(p.dst, "{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"%s\"}}", uri);
    migrate(p.src, uri);
    wait_sent(p.src, 1 << 20);
    OK(p.src, "{\"execute\": \"migrate_cancel\"}");
    g_assert_cmpint(qtest_wait_exit(p.dst), ==, 1);
    p.dst = NULL;
    wait_status(p.src, "cancelled");
    assert_alive(p.src);
    close_pair(&p);
}

/* The same process refuses each part of the stream, and then takes the whole. */
/* EVIDENCE: MIG-WIRE-013, MIG-WIRE-024 */
static void test_truncated_file(const void *machine)
{
    static const unsigned percent[] = { 0, 1, 30, 60, 90, 99 };
    Pair p = { 0 };
    gsize size;
    g_autofree char *data = NULL;

    open_equal(&p, machine);
    g_autofree char *path = in_dir(&p, "stream"), *part = in_dir(&p, "part");
    g_autofree char *uri = g_strdup_printf("file:%s", path);
    g_autofree char *part_uri = g_strdup_printf("file:%s", part);
    let_it_converge(p.src);
    migrate(p.src, uri);
    wait_status(p.src, "completed");
    g_assert_true(g_file_get_contents(path, &data, &size, NULL));
    /* Version 3 is whole with its end mark: what describes it may be left out. */
    const char *description =
        memmem(data, size, "{\"configuration\"", strlen("{\"configuration\""));
    g_assert_nonnull(description);
    gsize last = g_str_equal(machine, V3) ? (gsize)(description - data) - 6 : size - 1;
    gsize inside = (gsize)(description - data) + 10;
    for (size_t i = 0; i < G_N_ELEMENTS(percent) + 2; i++) {
        gsize n = i < G_N_ELEMENTS(percent)    ? size / 100 * percent[i]
                  : i == G_N_ELEMENTS(percent) ? last
                                               : inside;

        g_assert_true(g_file_set_contents(part, data, (gssize)n, NULL));
        incoming(p.dst, part_uri);
        wait_status(p.dst, "failed");
        g_assert_false(is_running(p.dst));
    }
    incoming(p.dst, uri);
    check_moved(&p, "dst");
    close_pair(&p);
}

static void assert_refused(QTest *q, const char *arguments)
{
    json_object *answer =
        qtest_qmp(q, "{\"execute\": \"migrate\", \"arguments\": {%s}}", arguments);

    g_assert_true(json_object_object_get_ex(answer, "error", NULL));
    json_object_put(answer);
}

static void test_bad_arguments(void)
{
    Pair p = { 0 };

    open_pair(&p, V4, "-m 128", V4, "");
    g_autofree char *offset = g_strdup_printf("\"uri\": \"file:%s/x,offset=0x20M\"", p.dir);
    assert_refused(p.src, "");
    assert_refused(p.src, offset);
    assert_refused(p.src, "\"uri\": \"nonsense:1\"");
    assert_refused(p.src, "\"uri\": \"tcp:127.0.0.1:1\", \"channels\": [{\"channel-type\": "
                          "\"main\", \"addr\": {\"transport\": \"socket\", \"type\": \"inet\", "
                          "\"host\": \"127.0.0.1\", \"port\": \"1\"}}]");
    assert_alive(p.src);
    close_pair(&p);
}

static void add_both(const char *name, void (*fn)(const void *machine))
{
    g_autofree char *v4 = g_strdup_printf("/x86_64/migration/%s", name);
    g_autofree char *v3 = g_strdup_printf("/x86_64/migration/version-3/%s", name);

    g_test_add_data_func(v4, V4, fn);
    g_test_add_data_func(v3, V3, fn);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_both("precopy/unix/plain", test_unix);
    add_both("precopy/tcp/plain", test_tcp);
    add_both("precopy/fd/tcp", test_fd);
    add_both("precopy/exec", test_exec);
    add_both("precopy/file", test_file);
    add_both("precopy/file/offset", test_file_offset);
    add_both("precopy/paused", test_paused);
    add_both("precopy/there-and-back", test_there_and_back);
    add_both("precopy/pause-before-switchover", test_pause_before_switchover);
    g_test_add_data_func("/x86_64/migration/precopy/bandwidth", V4, test_bandwidth);
    add_both("cancel/src/and-again", test_cancel_and_again);
    g_test_add_func("/x86_64/migration/refused/other-ram", test_other_ram);
    g_test_add_func("/x86_64/migration/refused/other-machine", test_other_machine);
    g_test_add_func("/x86_64/migration/refused/missing-device", test_missing_device);
    add_both("broken/destination-killed", test_killed);
    g_test_add_func("/x86_64/migration/broken/nobody-there", test_nobody_there);
    g_test_add_func("/x86_64/migration/broken/exit-on-error", test_exit_on_error);
    add_both("broken/truncated-file", test_truncated_file);
    g_test_add_func("/x86_64/migration/validate-uri/bad-arguments", test_bad_arguments);
    return g_test_run();
}
