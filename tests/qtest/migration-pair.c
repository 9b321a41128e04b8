/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two programs and a guest between them: see migration-pair.h. */
#include "migration-pair.h"
#include <string.h>
#include <unistd.h>
#include <glib/gstdio.h>

#define FIRST 0x100000u
#define END   0x6400000u
#define PAGE  4096u

char *in_dir(Pair *p, const char *name)
{
    return g_build_filename(p->dir, name, NULL);
}

/* ---- waiting ---- */

json_object *query(QTest *q)
{
    return qtest_qmp_ok(q, "{\"execute\": \"query-migrate\"}");
}

const char *member(json_object *o, const char *name)
{
    json_object *value;
    return json_object_object_get_ex(o, name, &value) ? json_object_get_string(value) : "";
}

int64_t ram_number(QTest *q, const char *name)
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

void wait_status(QTest *q, const char *wanted)
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

void wait_sent(QTest *q, int64_t bytes)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;

    while (ram_number(q, "transferred") < bytes) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(5000);
    }
}

void wait_run_state(QTest *q, const char *wanted)
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

void wait_serial(Pair *p, const char *name, char wanted)
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

/* The options are those of QEMU's suite of migration tests, the comma behind the machine too. */
static QTest *start_sector(Pair *p, const char *machine, const char *serial, const char *more)
{
    return qtest_start("x86_64",
                       "-accel kvm -accel tcg -machine %s, -name %s,debug-threads=on -m 150M "
                       "-serial file:%s/%s -drive if=none,id=d0,file=%s/" SECTOR_FILE ",format=raw "
                       "-device ide-hd,drive=d0,secs=1,cyls=1,heads=1 %s",
                       machine, serial, p->dir, serial, p->dir, more);
}

QTest *start(Pair *p, const char *machine, const char *serial, const char *more)
{
    bool s390x = is_s390x(machine);

    if (p->sector) {
        return start_sector(p, machine, serial, more);
    }
    return qtest_start(s390x ? "s390x" : "x86_64",
                       "-accel tcg -accel qtest -machine %s -nodefaults -serial file:%s/%s "
                       "-kernel %s %s",
                       machine, p->dir, serial,
                       g_getenv(s390x ? "FERRY_PAYLOAD_S390X" : "FERRY_PAYLOAD"), more);
}

bool is_running(QTest *q)
{
    json_object *info = qtest_qmp_ok(q, "{\"execute\": \"query-status\"}");
    bool running = g_str_equal(member(info, "running"), "true");

    json_object_put(info);
    return running;
}

void assert_alive(QTest *q)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;
    uint8_t before = qtest_readb(q, 0x400000);

    g_assert_true(is_running(q));
    while (qtest_readb(q, 0x400000) == before) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
    }
}

void assert_consistent(QTest *q)
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

void check_moved(Pair *p, const char *dst_serial)
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

void let_it_converge(QTest *q)
{
    OK(q, "{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"max-bandwidth\": 0, "
          "\"downtime-limit\": 30000}}");
}

void hold_it(QTest *q)
{
    OK(q,
       "{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"max-bandwidth\": %d, "
       "\"downtime-limit\": 1}}",
       SLOW);
}

void set_cap(QTest *q, const char *name)
{
    OK(q,
       "{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": "
       "[{\"capability\": \"%s\", \"state\": true}]}}",
       name);
}

void open_dir(Pair *p)
{
    p->dir = g_dir_make_tmp("ferry-migration-XXXXXX", NULL);
    g_assert_nonnull(p->dir);
}

void open_pair(Pair *p, const char *src_machine, const char *src_more, const char *dst_machine,
               const char *dst_more)
{
    open_dir(p);
    p->src = start(p, src_machine, "src", src_more);
    p->dst =
        g_str_has_prefix(dst_more, "-incoming") ? start(p, dst_machine, "dst", dst_more) : NULL;
    set_cap(p->src, "events");
    wait_serial(p, "src", 'B');
}

void open_equal(Pair *p, const char *machine)
{
    open_pair(p, machine, "-m 128", machine, "-incoming defer -m 128");
}

void close_pair(Pair *p)
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

void incoming(QTest *q, const char *uri)
{
    OK(q,
       "{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"%s\", \"exit-on-error\": "
       "false}}",
       uri);
}

void migrate(QTest *q, const char *uri)
{
    OK(q, "{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"%s\"}}", uri);
}

char *connect_unix(Pair *p)
{
    char *uri = g_strdup_printf("unix:%s/mig", p->dir);

    incoming(p->dst, uri);
    migrate(p->src, uri);
    return uri;
}

void assert_cause(QTest *q, const char *words)
{
    json_object *info = query(q);
    const char *desc = member(info, "error-desc");

    if (!strstr(desc, words)) {
        g_error("no '%s' in '%s'", words, desc);
    }
    json_object_put(info);
}

bool is_s390x(const char *machine)
{
    return g_str_has_prefix(machine, "s390");
}

bool is_version_3(const char *machine)
{
    return g_str_has_suffix(machine, "-10.0");
}

static void add_test(const MigrationTest *t, bool s390x, bool version_3)
{
    static const char *const machines[2][2] = { { V4, V3 }, { S390_V4, S390_V3 } };
    g_autofree char *path = g_strdup_printf("/%s/migration/%s%s", s390x ? "s390x" : "x86_64",
                                            version_3 ? "version-3/" : "", t->name);

    g_test_add_data_func(path, machines[s390x][version_3], t->fn);
}

void add_tests_of(bool s390x, const MigrationTest *tests, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (s390x && tests[k].seldom && !g_getenv("FERRY_MIGRATION_ALL")) {
            continue;
        }
        add_test(&tests[k], s390x, false);
        if (tests[k].versions == BOTH_VERSIONS || (tests[k].versions == BOTH_ON_X86 && !s390x)) {
            add_test(&tests[k], s390x, true);
        }
    }
}

void add_tests(const MigrationTest *tests, size_t n)
{
    add_tests_of(false, tests, n);
    add_tests_of(true, tests, n);
}
