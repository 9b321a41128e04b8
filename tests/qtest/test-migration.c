/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live migration between two processes, with a guest that writes to 99 MiB without end (see
 * payload-x86_64.S, payload-s390x.S). Every case that moves the guest ends with a look at its memory on the
 * destination: one sequential writer, so one consistent picture. Cases that fail on purpose end
 * with a guest that runs on at the source and a cause that both sides tell.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "migration-pair.h"

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

/* Firmware finds the guest on an IDE disk, which both processes have open. */
static void test_boot_sector(const void *machine)
{
    Pair p = { .sector = true };
    g_autofree char *sector = NULL, *file = NULL;
    gsize n;

    open_dir(&p);
    file = in_dir(&p, SECTOR_FILE);
    g_assert_true(g_file_get_contents(g_getenv("FERRY_BOOT_SECTOR"), &sector, &n, NULL));
    g_assert_cmpuint(n, ==, 512);
    g_assert_true(g_file_set_contents(file, sector, (gssize)n, NULL));
    p.src = start(&p, machine, "src", "");
    p.dst = start(&p, machine, "dst", "-incoming defer");
    set_cap(p.src, "events");
    wait_serial(&p, "src", 'B');
    let_it_converge(p.src);
    g_free(connect_unix(&p));
    wait_status(p.src, "completed");
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

/* What is before the offset stays. */
static void test_file_offset(const void *machine)
{
    Pair p = { 0 };
    g_autofree char *before = g_strnfill(5000, 'x'), *after = NULL;
    gsize n;

    open_equal(&p, machine);
    g_autofree char *path = in_dir(&p, "stream");
    g_autofree char *uri = g_strdup_printf("file:%s,offset=4096", path);
    g_assert_true(g_file_set_contents(path, before, 5000, NULL));
    let_it_converge(p.src);
    migrate(p.src, uri);
    wait_status(p.src, "completed");
    g_assert_true(g_file_get_contents(path, &after, &n, NULL));
    g_assert_cmpuint(n, >, 1 << 20);
    g_assert_cmpmem(after, 4096, before, 4096);
    g_assert_cmpmem(after + 4096, 4, "QEVM", 4);
    incoming(p.dst, uri);
    check_moved(&p, "dst");
    close_pair(&p);
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
static void test_other_ram(const void *machine)
{
    refused(machine, "-m 128", machine, "-incoming defer -m 160",
            is_s390x(machine) ? "s390.ram" : "pc.ram");
}

/* EVIDENCE: MIG-WIRE-003, MIG-WIRE-043 */
static void test_other_machine(const void *machine)
{
    refused(machine, "-m 128", is_s390x(machine) ? S390_V3 : V3, "-incoming defer -m 128",
            "machine type");
}

/* EVIDENCE: MIG-WIRE-004, MIG-WIRE-043 */
static void test_missing_device(const void *machine)
{
    refused(machine,
            is_s390x(machine) ? "-m 128 -device virtio-rng-ccw" : "-m 128 -device virtio-rng-pci",
            machine, "-incoming defer -m 128", "virtio-rng");
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
static void test_nobody_there(const void *machine)
{
    Pair p = { 0 };

    open_pair(&p, machine, "-m 128", machine, "");
    g_autofree char *uri = g_strdup_printf("unix:%s/nobody", p.dir);
    migrate(p.src, uri);
    wait_status(p.src, "failed");
    assert_alive(p.src);
    assert_cause(p.src, "nobody");
    close_pair(&p);
}

static void test_exit_on_error(const void *machine)
{
    Pair p = { 0 };

    open_equal(&p, machine);
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
    gsize last = is_version_3(machine) ? (gsize)(description - data) - 6 : size - 1;
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

static void test_bad_arguments(const void *machine)
{
    Pair p = { 0 };

    open_pair(&p, machine, "-m 128", machine, "");
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

/* ---- s390x ---- */

#define FLIC_OFF "-global s390-flic-qemu.migrate-all-state=off "

/*
 * "qemu-s390-flic-full" does not begin with "qemu-s390-flic/": nothing in its name says whose it is. A
 * receiver without it must refuse it by name, not take its first byte for what follows.
 */
static void test_flic_unknown(const void *machine)
{
    Pair p = { 0 };

    open_pair(&p, machine, "-m 128", machine, "");
    p.dst = start(&p, machine, "dst", FLIC_OFF "-incoming defer -m 128");
    let_it_converge(p.src);
    g_free(connect_unix(&p));
    wait_status(p.dst, "failed");
    wait_status(p.src, "failed");
    assert_cause(p.dst, "qemu-s390-flic-full");
    assert_cause(p.dst, "qemu-s390-flic");
    assert_alive(p.src);
    close_pair(&p);
}

/* The other way round it is only absent: nothing was pending. */
static void test_flic_absent(const void *machine)
{
    Pair p = { 0 };

    open_pair(&p, machine, FLIC_OFF "-m 128", machine, "-incoming defer -m 128");
    let_it_converge(p.src);
    g_free(connect_unix(&p));
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

static const MigrationTest tests[] = {
    { "precopy/unix/plain", test_unix, BOTH_VERSIONS },
    { "precopy/tcp/plain", test_tcp, BOTH_ON_X86, .seldom = true },
    { "precopy/fd/tcp", test_fd, BOTH_ON_X86, .seldom = true },
    { "precopy/exec", test_exec, BOTH_ON_X86, .seldom = true },
    { "precopy/file", test_file, BOTH_VERSIONS },
    { "precopy/file/offset", test_file_offset, BOTH_ON_X86, .seldom = true },
    { "precopy/paused", test_paused, BOTH_VERSIONS },
    { "precopy/there-and-back", test_there_and_back, BOTH_VERSIONS },
    { "precopy/pause-before-switchover", test_pause_before_switchover, BOTH_VERSIONS },
    { "precopy/bandwidth", test_bandwidth, ONE_VERSION, .seldom = true },
    { "cancel/src/and-again", test_cancel_and_again, BOTH_VERSIONS },
    { "refused/other-ram", test_other_ram, ONE_VERSION },
    { "refused/other-machine", test_other_machine, ONE_VERSION, .seldom = true },
    { "refused/missing-device", test_missing_device, ONE_VERSION },
    { "broken/destination-killed", test_killed, BOTH_VERSIONS },
    { "broken/nobody-there", test_nobody_there, ONE_VERSION, .seldom = true },
    { "broken/exit-on-error", test_exit_on_error, ONE_VERSION, .seldom = true },
    { "broken/truncated-file", test_truncated_file, BOTH_VERSIONS },
    { "validate-uri/bad-arguments", test_bad_arguments, ONE_VERSION, .seldom = true },
};
static const MigrationTest s390x_tests[] = {
    { "refused/flic-full-state-unknown", test_flic_unknown, BOTH_VERSIONS },
    { "precopy/flic-full-state-absent", test_flic_absent, BOTH_VERSIONS },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    add_tests_of(true, s390x_tests, G_N_ELEMENTS(s390x_tests));
    g_test_add_data_func("/x86_64/migration/precopy/unix/boot-sector-q35", "q35", test_boot_sector);
    g_test_add_data_func("/x86_64/migration/precopy/unix/boot-sector-pc", "pc", test_boot_sector);
    return g_test_run();
}
