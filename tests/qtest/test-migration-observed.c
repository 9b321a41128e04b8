/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an operator sees of a migration: events in order, rounds and forecasts, time and bytes of each
 * device on both sides, the line of the switchover, and the trace points.
 */
#include <stdio.h>
#include <string.h>
#include "broken-pair.h"

#define MAX_STATES 16

/* The states that events told, until a final one. */
static unsigned states_told(QTest *q, char told[MAX_STATES][32])
{
    unsigned n = 0;
    for (bool final = false; !final && n < MAX_STATES; n++) {
        json_object *event = qtest_event(q, "MIGRATION"), *data;
        g_assert_true(json_object_object_get_ex(event, "data", &data));
        g_strlcpy(told[n], member(data, "status"), 32);
        final = g_str_equal(told[n], "completed") || g_str_equal(told[n], "failed");
        json_object_put(event);
    }
    return n;
}

static void assert_told(QTest *q, const char *const *wanted)
{
    char told[MAX_STATES][32];
    unsigned n = states_told(q, told), i;
    for (i = 0; wanted[i]; i++) {
        g_assert_cmpuint(i, <, n);
        g_assert_cmpstr(told[i], ==, wanted[i]);
    }
    g_assert_cmpuint(i, ==, n);
}

static json_object *list_of(json_object *info, const char *name)
{
    json_object *list;
    g_assert_true(json_object_object_get_ex(info, name, &list));
    return list;
}

/* Each device is there on both sides, with the same bytes. */
static void compare_devices(json_object *src, json_object *dst)
{
    size_t n = json_object_array_length(src);
    g_assert_cmpuint(n, >=, 5);
    g_assert_cmpuint(json_object_array_length(dst), ==, n);
    for (size_t i = 0; i < n; i++) {
        json_object *a = json_object_array_get_idx(src, i), *b = json_object_array_get_idx(dst, i);
        g_assert_cmpstr(member(a, "name"), ==, member(b, "name"));
        g_assert_cmpstr(member(a, "instance"), ==, member(b, "instance"));
        g_assert_cmpint(atoll(member(a, "nanoseconds")), >, 0);
        g_assert_cmpint(atoll(member(b, "nanoseconds")), >, 0);
        g_assert_cmpint(atoll(member(a, "bytes")), >, 0);
        g_assert_cmpstr(member(a, "bytes"), ==, member(b, "bytes"));
    }
}

static void assert_line(json_object *steps)
{
    static const char *const wanted[] = {
        "stopped",           "ram-sent",       "devices-sent",
        "destination-ready", "disks-released", "destination-runs"
    };
    int64_t last = 0;
    g_assert_cmpuint(json_object_array_length(steps), ==, G_N_ELEMENTS(wanted));
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        json_object *row = json_object_array_get_idx(steps, i);
        g_assert_cmpstr(member(row, "step"), ==, wanted[i]);
        g_assert_cmpint(atoll(member(row, "microseconds")), >=, last);
        last = atoll(member(row, "microseconds"));
    }
}

static void assert_traced(BrokenPair *p, const char *file, const char *const *words)
{
    g_autofree char *path = g_build_filename(p->dir, file, NULL), *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    for (; *words; words++) {
        if (!strstr(text, *words)) {
            g_error("no '%s' in the trace: %s", *words, text);
        }
    }
}

/* EVIDENCE: MIG-OBS-001, MIG-OBS-002, MIG-OBS-003 */
static void test_success(gconstpointer machine)
{
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_prepare(&p, machine);
    p.more_src = p.owned[0] = g_strdup_printf("-trace migration_* -D %s/src.log", p.dir);
    p.more_dst = p.owned[1] = g_strdup_printf("-trace migration_* -D %s/dst.log", p.dir);
    pair_start(&p);
    set_cap(p.src, "events");
    set_cap(p.dst, "events");
    attempt(&p, &r);
    assert_told(p.src, (const char *const[]){ "setup", "active", "device", "handover", "completed",
                                              NULL });
    assert_told(p.dst, (const char *const[]){ "setup", "active", "completed", NULL });
    json_object *event = qtest_event(p.src, "MIGRATION_PASS"), *data;
    g_assert_true(json_object_object_get_ex(event, "data", &data));
    g_assert_cmpstr(member(data, "pass"), ==, "1");
    json_object_put(event);
    json_object *src = qtest_qmp_ok(p.src, "{\"execute\": \"query-migrate\"}");
    json_object *dst = qtest_qmp_ok(p.dst, "{\"execute\": \"query-migrate\"}");
    compare_devices(list_of(src, "devices"), list_of(dst, "devices"));
    assert_line(list_of(src, "switchover"));
    g_assert_cmpint(atoll(member(src, "rounds")), >=, 1);
    assert_traced(&p, "src.log",
                  (const char *const[]){ "migration_status source: device to handover",
                                         "migration_round 1: ", " bytes left, ", " bytes/s sent, ",
                                         " dirtied, ", " ms to go",
                                         "migration_device saved cpu instance 0",
                                         "migration_switchover destination-runs", NULL });
    assert_traced(&p, "dst.log",
                  (const char *const[]){ "migration_status destination: active to completed",
                                         "migration_device loaded cpu instance 0", NULL });
    json_object_put(src);
    json_object_put(dst);
    pair_close(&p);
}

/* Both sides trace what went wrong. EVIDENCE: MIG-OBS-003 */
static void test_failure(gconstpointer machine)
{
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_prepare(&p, machine);
    p.more_src = p.owned[0] =
        g_strdup_printf("-device %s -trace migration_* -D %s/src.log",
                        g_str_equal(arch_of(machine), "s390x") ? "virtio-balloon-ccw"
                                                               : "pvpanic-pci",
                        p.dir);
    p.more_dst = p.owned[1] = g_strdup_printf("-trace migration_* -D %s/dst.log", p.dir);
    pair_start(&p);
    attempt(&p, &r);
    g_assert_cmpstr(p.src_status, ==, "failed");
    assert_traced(&p, "src.log",
                  (const char *const[]){ "migration_error source: destination: ", NULL });
    assert_traced(&p, "dst.log",
                  (const char *const[]){ "migration_problem unknown section",
                                         "migration_error destination: ", NULL });
    pair_close(&p);
}

static void set_device(QTest *q, const char *property, const char *value)
{
    OK(q,
       "{\"execute\": \"qom-set\", \"arguments\": {\"path\": \"/machine/peripheral/t\", "
       "\"property\": \"%s\", \"value\": %s}}",
       property, value);
}

/* A RAM block that changes, on either side, and state that is left out. EVIDENCE: MIG-OBS-003 */
static void test_changes(gconstpointer machine)
{
    BrokenPair p;
    Relay first = RELAY_CLEAN, second = RELAY_CLEAN;
    pair_prepare(&p, machine);
    p.more_src = p.owned[0] = g_strdup_printf(
        "-device migration-testdev,id=t,ram-length=64K,ram-name=t.ram -trace migration_* -D "
        "%s/src.log",
        p.dir);
    p.more_dst = p.owned[1] =
        g_strdup_printf("-device migration-testdev,id=t,ram-length=64K,ram-name=t.ram,"
                        "takes-note=off -trace migration_* -D %s/dst.log",
                        p.dir);
    pair_start(&p);
    set_device(p.src, "note", "5");
    set_cap(p.src, "pause-before-switchover");
    begin(&p, &first);
    wait_for_status(p.src, "pre-switchover");
    set_device(p.dst, "ram-length", "131072");
    set_device(p.dst, "apply", "true");
    conclude(&p, &first);
    g_assert_cmpstr(p.src_status, ==, "failed");
    begin(&p, &second);
    wait_for_status(p.src, "pre-switchover");
    OK(p.src,
       "{\"execute\": \"migrate-continue\", \"arguments\": {\"state\": \"pre-switchover\"}}");
    conclude(&p, &second);
    g_assert_cmpstr(p.dst_status, ==, "completed");
    assert_traced(&p, "src.log",
                  (const char *const[]){ "migration_error source: destination: RAM block 't.ram' "
                                         "resized during precopy",
                                         NULL });
    assert_traced(&p, "dst.log",
                  (const char *const[]){
                      "migration_block_changed RAM block 't.ram' resized during precopy: 0x10000 "
                      "bytes before, 0x20000 now",
                      "migration_warning section 'migration-testdev' instance 0: subsection "
                      "'migration-testdev/note' is left out",
                      NULL });
    pair_close(&p);
}

/* How fast the guest writes, as the source measured it in its last round. */
static int64_t dirty_pages_rate(json_object *info)
{
    json_object *ram;
    return json_object_object_get_ex(info, "ram", &ram) ? atoll(member(ram, "dirty-pages-rate"))
                                                        : 0;
}

/* A round in which nine tenths of what was sent, or more, were written anew, and much is left, says so; one with less does
   not. (Close to it the figures are too round to tell.) */
static void check_rounds(BrokenPair *p)
{
    g_autofree char *path = g_build_filename(p->dir, "src.log", NULL), *text = NULL;
    unsigned hopeless = 0;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        const char *at = strstr(*line, "migration_round ");
        unsigned round;
        unsigned long long left;
        double sent, dirtied;
        if (!at || sscanf(at, "migration_round %u: %llu bytes left, %lf bytes/s sent, %lf dirtied",
                          &round, &left, &sent, &dirtied) != 4) {
            continue;
        }
        bool said = strstr(at, "will not converge");
        hopeless += said;
        if (left > 100000 && dirtied > 0.91 * sent) {
            g_assert_true(said);
        } else if (round < 30 && dirtied < 0.89 * sent) {
            g_assert_false(said);
        }
    }
    g_assert_cmpuint(hopeless, >, 0);
}

/* The guest (here: the test) writes more than is sent: said at the end of a round in which that is so.
   EVIDENCE: MIG-OBS-004, MIG-HAND-004 */
static void test_no_end(gconstpointer machine)
{
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_prepare(&p, machine);
    p.more_src = p.owned[0] = g_strdup_printf("-trace migration_* -D %s/src.log", p.dir);
    p.more_dst = "";
    pair_start(&p);
    set_cap(p.src, "events");
    set_cap(p.src,
            "return-path"); /* nobody acknowledges: it does not end when this process is held up */
    set_cap(p.src, "switchover-ack");
    set_param(p.src, "max-bandwidth", 100000); /* until the first round has been looked at */
    set_param(p.src, "downtime-limit", 1);
    begin(&p, &r);
    gint64 end = g_get_monotonic_time() + DEADLINE;
    bool said = false, forecast = false;
    int64_t rate = 0;
    for (unsigned round = 1; !said || !rate; round++) {
        qtest_memset(p.src, 0x100000, (uint8_t)round, 1 << 20);
        json_object *info = qtest_qmp_ok(p.src, "{\"execute\": \"query-migrate\"}");
        said = said || g_str_equal(member(info, "will-not-converge"), "true");
        rate = MAX(rate, dirty_pages_rate(info));
        if (!forecast && atoll(member(info, "expected-remaining-time")) > 0) {
            forecast = true; /* nothing is known of the guest's writing yet */
            set_param(p.src, "max-bandwidth", 600000);
        }
        json_object_put(info);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(5000);
    }
    g_assert_true(forecast);
    json_object *event = qtest_event(p.src, "MIGRATION_WILL_NOT_CONVERGE"), *data;
    g_assert_true(json_object_object_get_ex(event, "data", &data));
    g_assert_cmpint(atoll(member(data, "dirtied-per-second")), >, 0);
    g_assert_cmpint(atoll(member(data, "sent-per-second")), >, 0);
    json_object_put(event);
    OK(p.src, "{\"execute\": \"migrate_cancel\"}");
    conclude(&p, &r);
    g_assert_cmpstr(p.src_status, ==, "cancelled");
    g_assert_cmpstr(p.dst_desc, ==, "source: cancelled");
    json_object *after = qtest_qmp_ok(p.src, "{\"execute\": \"query-migrate\"}");
    g_assert_cmpstr(member(after, "will-not-converge"), ==, "");
    g_assert_cmpstr(member(after, "expected-remaining-time"), ==, "");
    json_object_put(after);
    check_rounds(&p);
    pair_close(&p);
}

static void add(const char *name, const char *machine, GTestDataFunc fn)
{
    g_autofree char *path = g_strdup_printf("/%s/migration/observed/%s", arch_of(machine), name);

    g_test_add_data_func(path, machine, fn);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (int s390x = 0; s390x < 2; s390x++) {
        const char *machine = s390x ? S390_V4 : V4;

        add("success", machine, test_success);
        add("failure", machine, test_failure);
        add("changes", machine, test_changes);
        add("will-not-converge", machine, test_no_end);
    }
    return g_test_run();
}
