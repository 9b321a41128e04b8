/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session from its operator's side: what commands are refused when, in words; what query-migrate's figures say of a
 * move, and whether they add up; parameters that nothing else turns; run states that a move must keep. The machines
 * execute nothing.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "broken-pair.h"

/* Words of the error that the command must end with. */
static void assert_refused(QTest *q, const char *command, const char *words)
{
    json_object *error, *reply = qtest_qmp(q, "%s", command);
    g_assert_true(json_object_object_get_ex(reply, "error", &error));
    if (!strstr(member(error, "desc"), words)) {
        g_error("%s: no '%s' in '%s'", command, words, member(error, "desc"));
    }
    json_object_put(reply);
}

#define MIGRATE  "{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"unix:/nowhere\"}}"
#define INCOMING "{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"unix:/nowhere\"}}"
#define CONTINUE(state) \
    "{\"execute\": \"migrate-continue\", \"arguments\": {\"state\": \"" state "\"}}"
#define CAPABILITY                                                                   \
    "{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": " \
    "[{\"capability\": \"xbzrle\", \"state\": true}]}}"
#define NOT_INCOMING "'-incoming' was not specified on the command line"

static json_object *query(QTest *q)
{
    return qtest_qmp_ok(q, "{\"execute\": \"query-migrate\"}");
}

static void wait_run_state(QTest *q, const char *wanted)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;
    for (bool there = false; !there;) {
        json_object *info = qtest_qmp_ok(q, "{\"execute\": \"query-status\"}");
        there = g_str_equal(member(info, "status"), wanted);
        if (!there && g_get_monotonic_time() > end) {
            g_error("'%s' is wanted: %s", wanted, json_object_to_json_string(info));
        }
        json_object_put(info);
        g_usleep(500);
    }
}

/* EVIDENCE: MIG-OBS-006 */
static void test_commands(gconstpointer machine)
{
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_open(&p, machine, NULL, NULL);
    assert_refused(p.src, INCOMING, NOT_INCOMING);
    assert_refused(p.src, CONTINUE("pre-switchover"), "Migration not in expected state: none");
    assert_refused(p.src, "{\"execute\": \"migrate-pause\"}", "only supported during postcopy");
    assert_refused(p.dst, MIGRATE, "Guest is waiting for an incoming migration");
    set_cap(p.src, "pause-before-switchover");
    begin(&p, &r);
    wait_for_status(p.src, "pre-switchover");
    assert_refused(p.src, MIGRATE, "There's a migration process in progress");
    assert_refused(p.src, CAPABILITY, "There's a migration process in progress");
    assert_refused(p.src, CONTINUE("active"), "Migration not in expected state: pre-switchover");
    wait_for_status(p.dst, "active");
    assert_refused(p.dst, CAPABILITY, "There's a migration process in progress");
    assert_refused(p.dst, INCOMING, "The incoming migration has already been started");
    wait_for_status(p.src, "pre-switchover"); /* none of that disturbed it */
    OK(p.src, CONTINUE("pre-switchover"));
    conclude(&p, &r);
    g_assert_cmpstr(p.dst_status, ==, "completed");
    assert_refused(p.src, MIGRATE,
                   "Can't migrate the vm that was paused due to previous migration");
    assert_refused(p.src, CONTINUE("pre-switchover"), "Migration not in expected state: completed");
    assert_refused(p.dst, INCOMING, NOT_INCOMING);
    pair_close(&p);
}

/* A device whose state has no place in the format: said before, and when it is tried. EVIDENCE: MIG-OBS-006 */
static void test_blocked(gconstpointer machine)
{
    json_object *list;
    QTest *q =
        qtest_start("s390x", "-accel qtest -machine %s -nodefaults -m 4 -device virtio-net-pci",
                    (const char *)machine);
    json_object *info = query(q);
    g_assert_true(json_object_object_get_ex(info, "blocked-reasons", &list));
    g_assert_cmpuint(json_object_array_length(list), ==, 1);
    const char *reason = json_object_get_string(json_object_array_get_idx(list, 0));
    g_assert_true(g_str_has_prefix(reason, "device '"));
    g_assert_true(g_str_has_suffix(reason, "zpci' cannot be migrated"));
    g_autofree char *words = g_strdup_printf("migration is blocked: %s", reason);
    assert_refused(q, MIGRATE, words);
    g_assert_true(is_running(q));
    json_object_put(info);
    qtest_end(q);
}

/* A channel that came from outside is good for one attempt, and a preflight is one. EVIDENCE: MIG-WIRE-051 */
static void test_preflight_fd(gconstpointer machine)
{
    BrokenPair p;
    int fd[2];
    pair_open(&p, machine, NULL, NULL);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), ==, 0);
    for (int side = 0; side < 2; side++) {
        json_object_put(qtest_qmp_fd(side ? p.dst : p.src, fd[side],
                                     "{\"execute\": \"getfd\", \"arguments\": "
                                     "{\"fdname\": \"f\"}}"));
        close(fd[side]);
    }
    OK(p.dst, "{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"fd:f\", "
              "\"exit-on-error\": false}}");
    OK(p.src, "{\"execute\": \"migrate-preflight\", \"arguments\": {\"uri\": \"fd:f\"}}");
    wait_for_status(p.src, "preflight-passed");
    wait_final(p.dst, p.dst_status, &p.dst_desc);
    g_assert_cmpstr(p.dst_status, ==, "failed");
    g_assert_cmpstr(p.dst_desc, ==,
                    "the channel served a preflight, which passed, and cannot be used again");
    g_assert_true(is_running(p.src));
    pair_close(&p);
}

/* ---- figures ---- */

static int64_t number(json_object *o, const char *name)
{
    json_object *value;
    if (!json_object_object_get_ex(o, name, &value)) {
        g_error("no '%s' in %s", name, json_object_to_json_string(o));
    }
    return json_object_get_int64(value);
}

#define WRITTEN 300 /* pages that are not zero */

/* What is said of a move that is over; @zero: zero pages are looked for. */
static void check_figures(BrokenPair *p, const Relay *r, bool zero)
{
    json_object *info = query(p->src), *ram;
    g_assert_true(json_object_object_get_ex(info, "ram", &ram));
    int64_t pages = number(ram, "total") / 4096;
    g_assert_cmpint(pages, >=, (4 << 20) / 4096);
    if (zero) {
        g_assert_cmpint(number(ram, "normal"), >=, WRITTEN);
        g_assert_cmpint(number(ram, "normal"), <, pages / 2);
    } else {
        g_assert_cmpint(number(ram, "duplicate"), ==, 0);
    }
    /* Each page once, and again what was written meanwhile: nothing. */
    g_assert_cmpint(number(ram, "normal") + number(ram, "duplicate"), >=, pages);
    g_assert_cmpint(number(ram, "normal") + number(ram, "duplicate"), <, pages + 64);
    g_assert_cmpint(number(ram, "normal-bytes"), ==, number(ram, "normal") * 4096);
    g_assert_cmpint(number(ram, "transferred"), ==, r->passed[TO_DST]);
    g_assert_cmpint(number(ram, "precopy-bytes"), >, number(ram, "normal-bytes"));
    g_assert_cmpint(number(ram, "downtime-bytes"), >, 0);
    g_assert_cmpint(number(ram, "precopy-bytes") + number(ram, "downtime-bytes"), ==,
                    number(ram, "transferred"));
    g_assert_cmpint(number(ram, "remaining"), ==, 0);
    g_assert_cmpint(number(ram, "dirty-sync-count"), >=, 2);
    g_assert_cmpfloat(g_ascii_strtod(member(ram, "mbps"), NULL), >, 0);
    /* 8 bits a byte, and pages of 4096 bytes: the two say the same */
    double bits = (double)number(ram, "pages-per-second") * 4096 * 8 / 1e6;
    g_assert_cmpfloat(g_ascii_strtod(member(ram, "mbps"), NULL), <=, bits * 1.01 + 1);
    g_assert_cmpfloat(g_ascii_strtod(member(ram, "mbps"), NULL), >=, bits * 0.99 - 1);
    g_assert_cmpint(number(info, "rounds"), >=, 1);
    g_assert_cmpint(number(info, "downtime"), >=, 0);
    g_assert_cmpint(number(info, "setup-time"), >=, 0);
    g_assert_cmpint(number(info, "downtime") + number(info, "setup-time"), <=,
                    number(info, "total-time") + 1);
    g_assert_cmpstr(member(info, "expected-remaining-time"), ==, "");
    json_object_put(info);
}

static void test_figures(const char *machine, bool zero)
{
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_open(&p, machine, NULL, NULL);
    qtest_memset(p.src, 0x100000, 0x5a, WRITTEN * 4096);
    if (!zero) {
        OK(p.src, "{\"execute\": \"migrate-set-parameters\", \"arguments\": "
                  "{\"zero-page-detection\": \"none\"}}");
    }
    attempt(&p, &r);
    g_assert_cmpstr(p.dst_status, ==, "completed");
    check_figures(&p, &r, zero);
    pair_close(&p);
}

/* EVIDENCE: MIG-OBS-005 */
static void test_figures_add_up(gconstpointer machine)
{
    test_figures(machine, true);
}

static void test_no_zero_pages(gconstpointer machine)
{
    test_figures(machine, false);
}

/* The pause takes as long as the devices do, and is told so. */
static void test_downtime(gconstpointer machine)
{
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_open(&p, machine, "-device migration-testdev,id=t",
              "-device migration-testdev,id=t,delay-ms=150");
    attempt(&p, &r);
    g_assert_cmpstr(p.dst_status, ==, "completed");
    json_object *info = query(p.src);
    g_assert_cmpint(number(info, "downtime"), >=, 300); /* check, prepare and start of the device */
    g_assert_cmpint(number(info, "total-time"), >=, number(info, "downtime"));
    json_object_put(info);
    pair_close(&p);
}

/* ---- events ---- */

/* Without the capability nothing is said; with it, from then on. EVIDENCE: MIG-OBS-001 */
static void test_no_events(gconstpointer machine)
{
    BrokenPair p;
    Relay quiet = RELAY_CLEAN, loud = RELAY_CLEAN;
    json_object *data;
    int64_t syncs;
    pair_open(&p, machine, NULL, NULL);
    quiet.cut[TO_DST] = 5000;
    attempt(&p, &quiet);
    g_assert_cmpstr(p.src_status, ==, "failed");
    set_cap(p.src, "events");
    attempt(&p, &loud);
    g_assert_cmpstr(p.src_status, ==, "completed");
    for (bool ended = false; !ended;) {
        json_object *event = qtest_event(p.src, "MIGRATION");
        g_assert_true(json_object_object_get_ex(event, "data", &data));
        g_assert_cmpstr(member(data, "status"), !=, "failed");
        ended = g_str_equal(member(data, "status"), "completed");
        json_object_put(event);
    }
    json_object *info = query(p.src), *ram;
    g_assert_true(json_object_object_get_ex(info, "ram", &ram));
    syncs = number(ram, "dirty-sync-count");
    json_object_put(info);
    /* As many as this one's, from 1. The last look comes behind the last round and is no pass. */
    for (int64_t pass = 1; pass < syncs; pass++) {
        json_object *event = qtest_event(p.src, "MIGRATION_PASS");
        g_assert_true(json_object_object_get_ex(event, "data", &data));
        g_assert_cmpint(number(data, "pass"), ==, pass);
        json_object_put(event);
    }
    pair_close(&p);
}

/* ---- parameters ---- */

/* The guest (here: the test) writes as much as is sent, until the operator knows more of the channel. False: this process
   was held up, and there was a round with nothing to send. */
static bool ends_when_told(BrokenPair *p, int64_t bandwidth)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;
    Relay r = RELAY_CLEAN;
    bool told = false, ended = false, some_left = false;
    set_param(p->src, "max-bandwidth", bandwidth);
    set_param(p->src, "downtime-limit", 1);
    begin(p, &r);
    for (unsigned n = 1; !ended; n++) {
        qtest_memset(p->src, 0x100000, (uint8_t)n, 1 << 20);
        json_object *info = query(p->src), *ram;
        ended = is_final(member(info, "status"));
        if (json_object_object_get_ex(info, "ram", &ram)) {
            some_left = some_left || number(ram, "remaining") > 0;
        }
        if (!ended && !told && atoll(member(info, "rounds")) >= 3) {
            told = true;
            set_param(p->src, "avail-switchover-bandwidth", 10000000000);
        }
        json_object_put(info);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
    }
    conclude(p, &r);
    g_assert_cmpstr(p->dst_status, ==, "completed");
    g_assert_true(some_left);
    return told;
}

static void test_switchover_bandwidth(gconstpointer machine)
{
    BrokenPair p;
    bool done = false;
    for (int64_t bandwidth = 1000000; !done; bandwidth /= 2) {
        pair_open(&p, machine, NULL, NULL);
        done = ends_when_told(&p, bandwidth);
        pair_close(&p);
    }
}

/* ---- run states ---- */

/* A source that never ran stays so when its move fails, and its destination when it succeeds. */
static void test_prelaunch(gconstpointer machine)
{
    BrokenPair p;
    Relay broken = RELAY_CLEAN, r = RELAY_CLEAN;
    pair_open(&p, machine, NULL, NULL);
    Lengths l = measure(&p);
    g_clear_pointer(&p.src, qtest_end);
    p.more_src = "-S";
    p.more_dst = "";
    new_source(&p);
    broken.cut[TO_DST] = l.safe - 1000; /* the guest has been stopped */
    begin(&p, &broken);
    wait_final(p.src, p.src_status, &p.src_desc);
    wait_final(p.dst, p.dst_status, &p.dst_desc);
    relay_end(&broken);
    g_assert_cmpstr(p.src_status, ==, "failed");
    wait_run_state(p.src, "prelaunch");
    begin(&p, &r);
    wait_for_status(p.src, "completed");
    wait_for_status(p.dst, "completed");
    relay_end(&r);
    wait_run_state(p.src, "postmigrate");
    wait_run_state(p.dst, "prelaunch");
    OK(p.dst, "{\"execute\": \"cont\"}");
    g_assert_true(is_running(p.dst));
    lengths_clear(&l);
    pair_close(&p);
}

/* `stop` on the waiting destination keeps the guest stopped there, `cont` takes that back. */
static void test_stopped_there(gconstpointer machine)
{
    BrokenPair p;
    Relay first = RELAY_CLEAN, second = RELAY_CLEAN;
    pair_open(&p, machine, NULL, NULL);
    OK(p.dst, "{\"execute\": \"stop\"}");
    begin(&p, &first);
    wait_for_status(p.src, "completed");
    wait_for_status(p.dst, "completed");
    relay_end(&first);
    wait_run_state(p.dst, "paused");
    OK(p.dst, "{\"execute\": \"cont\"}");
    g_assert_true(is_running(p.dst));
    new_destination(&p);
    OK(p.src, "{\"execute\": \"cont\"}");
    OK(p.dst, "{\"execute\": \"stop\"}");
    OK(p.dst, "{\"execute\": \"cont\"}");
    attempt(&p, &second);
    g_assert_cmpstr(p.dst_status, ==, "completed");
    pair_close(&p);
}

/* The operator takes all the time: a destination with a deadline hears that the source lives. EVIDENCE: MIG-HAND-005 */
static void test_long_pause(gconstpointer machine)
{
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_open(&p, machine, NULL, NULL);
    set_param(p.dst, "peer-timeout", 4000);
    set_param(p.src, "peer-timeout", 4000);
    set_cap(p.src, "pause-before-switchover");
    begin(&p, &r);
    wait_for_status(p.src, "pre-switchover");
    gint64 start = g_get_monotonic_time(), end = start + DEADLINE;
    int64_t before = r.passed[TO_SRC];
    /* Longer than the deadlines, and several answers to PINGs. */
    for (int answers = 0; answers < 8 || g_get_monotonic_time() < start + 6 * G_USEC_PER_SEC;) {
        int64_t now = __atomic_load_n(&r.passed[TO_SRC], __ATOMIC_RELAXED);
        answers += now != before;
        before = now;
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(5000);
    }
    wait_for_status(p.dst, "active");
    OK(p.src, CONTINUE("pre-switchover"));
    conclude(&p, &r);
    g_assert_cmpstr(p.dst_status, ==, "completed");
    pair_close(&p);
}

/* ---- channels ---- */

/* A command that takes everything and then fails: nobody has the guest, so it runs on here, whatever was sent. */
static void test_failing_command(gconstpointer machine)
{
    BrokenPair p;
    pair_prepare(&p, machine);
    new_source(&p);
    OK(p.src,
       "{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"exec:cat >/dev/null; exit 3\"}}");
    wait_final(p.src, p.src_status, &p.src_desc);
    g_assert_cmpstr(p.src_status, ==, "failed");
    g_assert_nonnull(strstr(p.src_desc, "the command ended with status 3"));
    g_assert_true(is_running(p.src));
    pair_close(&p);
}

static void add_all(const char *machine)
{
    pair_add_test(machine, "session/commands-out-of-place-are-refused", test_commands, machine);
    pair_add_test(machine, "session/figures-add-up", test_figures_add_up, machine);
    pair_add_test(machine, "session/downtime-is-the-pause", test_downtime, machine);
    pair_add_test(machine, "session/no-events-unasked", test_no_events, machine);
    pair_add_test(machine, "session/a-guest-that-never-ran", test_prelaunch, machine);
    pair_add_test(machine, "session/stopped-on-arrival", test_stopped_there, machine);
    pair_add_test(machine, "session/a-command-that-fails", test_failing_command, machine);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_all(V4);
    add_all(V3);
    add_all(S390_V4);
    pair_add_test(V4, "session/a-preflight-through-a-descriptor", test_preflight_fd, V4);
    pair_add_test(V4, "session/no-zero-pages", test_no_zero_pages, V4);
    pair_add_test(V4, "session/switchover-bandwidth", test_switchover_bandwidth, V4);
    pair_add_test(V4, "session/a-long-pause", test_long_pause, V4);
    pair_add_test(V3, "session/a-long-pause", test_long_pause, V3);
    pair_add_test(S390_V3, "session/blocked", test_blocked, S390_V3);
    return g_test_run();
}
