/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fault matrix of the version 4 handover: the channel is cut, swallows the rest, is late or flips a
 * bit, at message boundaries and at random bytes of either direction; and either process is killed or stopped
 * at message boundaries. After each: who runs, the guest's memory by its hash, a cause on both sides, no
 * descriptor and no thread too many.
 *
 * FERRY_FAULTS is the number of random positions of each kind; with it, every message boundary is taken.
 * Without, x86-64 has all boundaries, 2000 cuts and 2000 flips and some of what takes its time (in a sanitized build fewer), and
 * s390x, whose part of the protocol is the same, some.
 */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include "broken-pair.h"
#include "tests/unit/effort.h"

#define SHORT_MS 400 /* of silence: only where silence is what is tested */

typedef enum {
    CUT,
    SWALLOW,
    LATE,
    FLIP,
    KINDS
} Kind;
static const char *const kind_names[KINDS] = { "cut", "truncate", "delay", "flip" };

typedef struct {
    const char *name, *machine;
    int random[KINDS]; /* positions of each kind, without FERRY_FAULTS */
    unsigned step[2];  /* message boundaries in each direction of which one is taken, likewise */
    unsigned signals;  /* and of these, one for a signal */
} Guest;
static const Guest guests[] = {
#if TEST_SANITIZED
    { "x86_64", V4, { 14, 14, 14, 14 }, { 8, 1 }, 2 },
#else /* what is found at once 2000 times; what must be waited for seldom */
    { "x86_64", V4, { [CUT] = 2000, [FLIP] = 2000, [LATE] = 60, [SWALLOW] = 40 }, { 1, 1 }, 16 },
#endif
    { "s390x", S390_V4, { 4, 4, 4, 4 }, { 24, 2 }, 2 },
};

typedef struct {
    const Guest *guest;
    int what; /* Kind, or who is stopped or killed */
} Case;

typedef struct {
    const Guest *guest;
    BrokenPair p;
    Lengths l;
    GRand *rand; /* owned; the same in every run */
    guint32 hash;
    unsigned fds[2],
        threads[2];       /* that an ended attempt leaves at the source, at the destination */
    unsigned outcomes[4]; /* completed, failed, kept by both, kept by the destination */
    char left[32];        /* the status of the side that was not killed or stopped */
    GArray *resumed_us;   /* owned; how long after a cut the source ran again */
} Matrix;

/* ---- what is looked at ---- */

static guint32 memory_hash(BrokenPair *p, QTest *q)
{
    g_autofree char *path = g_build_filename(p->dir, "memory", NULL), *data = NULL;
    gsize n;
    OK(q,
       "{\"execute\": \"pmemsave\", \"arguments\": {\"val\": 0, \"size\": 655360, "
       "\"filename\": \"%s\"}}",
       path);
    g_assert_true(g_file_get_contents(path, &data, &n, NULL));
    guint32 hash = 5381;
    for (gsize i = 0; i < n; i++) {
        hash = hash * 33 + (guint8)data[i];
    }
    return hash;
}

static unsigned entries(QTest *q, const char *what)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", qtest_pid(q), what);
    unsigned n = 0;
    GDir *dir = g_dir_open(path, 0, NULL);
    g_assert_nonnull(dir);
    while (g_dir_read_name(dir)) {
        n++;
    }
    g_dir_close(dir);
    return n;
}

/* A thread's last words come before its end: it may take a moment. */
static void assert_no_leak(Matrix *m)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;
    for (int side = 0; side < 2; side++) {
        QTest *q = side ? m->p.dst : m->p.src;
        while (entries(q, "fd") > m->fds[side] || entries(q, "task") > m->threads[side]) {
            if (g_get_monotonic_time() > end) {
                g_error("%s: %u descriptors and %u threads, %u and %u expected",
                        side ? "destination" : "source", entries(q, "fd"), entries(q, "task"),
                        m->fds[side], m->threads[side]);
            }
            g_usleep(1000);
        }
    }
}

static void count_entries(Matrix *m)
{
    for (int side = 0; side < 2; side++) {
        QTest *q = side ? m->p.dst : m->p.src;
        m->fds[side] = entries(q, "fd");
        m->threads[side] = entries(q, "task");
        m->threads[side] = MIN(m->threads[side], entries(q, "task"));
    }
}

static bool holds_guest(const char *status)
{
    return g_str_equal(status, "completed") || g_str_equal(status, "handover-lost");
}

static void check_memory(Matrix *m)
{
    BrokenPair *p = &m->p;
    if (!g_str_equal(p->src_status, "completed")) {
        g_assert_cmphex(memory_hash(p, p->src), ==, m->hash);
    }
    if (holds_guest(p->dst_status)) {
        g_assert_cmphex(memory_hash(p, p->dst), ==, m->hash);
    }
}

static void count_outcome(Matrix *m)
{
    bool src_ended = g_str_equal(m->p.src_status, "completed");
    bool src_lost = g_str_equal(m->p.src_status, "handover-lost");
    bool dst_kept = g_str_equal(m->p.dst_status, "handover-lost");
    m->outcomes[src_ended ? 0 : src_lost ? 2 : dst_kept ? 3 : 1]++;
}

/* ---- the matrix ---- */

static void fill(QTest *q)
{
    for (unsigned i = 0; i < 40; i++) { /* 160 pages that differ, the rest stays zero */
        qtest_memset(q, 0x4000 * i, (uint8_t)(i + 1), 0x4000);
    }
}

static void matrix_open(Matrix *m, const Guest *guest, int timeout_ms)
{
    Relay broken = RELAY_CLEAN;
    *m = (Matrix){ .guest = guest,
                   .rand = g_rand_new_with_seed(1),
                   .resumed_us = g_array_new(false, false, sizeof(int64_t)) };
    pair_open(&m->p, guest->machine, NULL, NULL);
    fill(m->p.src);
    m->hash = memory_hash(&m->p, m->p.src);
    m->l = measure(&m->p);
    set_param(m->p.src, "peer-timeout", timeout_ms);
    set_param(m->p.dst, "peer-timeout", timeout_ms);
    broken.cut[TO_DST] = 100;
    attempt(&m->p, &broken);
    count_entries(m);
}

static gint by_value(gconstpointer a, gconstpointer b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* A busy host may hold up any one attempt: half of them must be in time. */
static void check_resumed(Matrix *m)
{
    g_array_sort(m->resumed_us, by_value);
    if (m->resumed_us->len) {
        int64_t half = g_array_index(m->resumed_us, int64_t, m->resumed_us->len / 2);
        int64_t most = g_array_index(m->resumed_us, int64_t, m->resumed_us->len - 1);
        g_test_message("%u times the source ran again: half of them in %" G_GINT64_FORMAT
                       " us, all in %" G_GINT64_FORMAT " us",
                       m->resumed_us->len, half, most);
        g_assert_cmpint(half, <, G_USEC_PER_SEC);
    }
}

static void matrix_close(Matrix *m)
{
    g_test_message("%u completed, %u failed, %u kept by both, %u failed and kept by the "
                   "destination too",
                   m->outcomes[0], m->outcomes[1], m->outcomes[2], m->outcomes[3]);
    check_resumed(m);
    g_array_unref(m->resumed_us);
    g_rand_free(m->rand);
    lengths_clear(&m->l);
    pair_close(&m->p);
}

static void arm(Relay *r, Kind kind, int way, int64_t at, int bit)
{
    switch (kind) {
    case CUT: r->cut[way] = at; break;
    case SWALLOW: r->swallow[way] = at; break;
    case LATE: r->late[way] = at; break;
    default: r->flip[way] = at * 8 + bit; break;
    }
}

static void set_timeout(Matrix *m, int timeout_ms)
{
    set_param(m->p.dst, "peer-timeout", timeout_ms);
}

static void one_fault(Matrix *m, Kind kind, int way, int64_t at, int timeout_ms)
{
    BrokenPair *p = &m->p;
    Relay r = RELAY_CLEAN;
    g_test_message("%s at byte %" G_GINT64_FORMAT " to the %s", kind_names[kind], at,
                   way == TO_DST ? "destination" : "source");
    arm(&r, kind, way, at, g_rand_int_range(m->rand, 0, 8));
    attempt(p, &r);
    check_memory(m);
    if (kind == LATE) {
        g_assert_cmpstr(p->src_status, ==, "completed");
    } else if (way == TO_DST && at < m->l.safe) { /* no GO: the source has it back */
        g_assert_cmpstr(p->src_status, ==, "failed");
        g_assert_cmpstr(p->dst_status, !=, "completed");
    } else if (way == TO_DST || kind == CUT || kind == SWALLOW) {
        g_assert_cmpstr(p->src_status, !=, "completed");
    }
    count_outcome(m);
    if (kind == CUT && p->resumed_us >= 0) {
        g_array_append_val(m->resumed_us, p->resumed_us);
    }
    bool replaced = g_str_equal(p->dst_status, "completed");
    recover(p);
    if (replaced) {
        set_timeout(m, timeout_ms);
    }
    assert_no_leak(m);
}

static int wanted(const Matrix *m, Kind kind)
{
    const char *n = g_getenv("FERRY_FAULTS");
    return n ? atoi(n) : m->guest->random[kind];
}

static unsigned step(const Matrix *m, int way)
{
    return g_getenv("FERRY_FAULTS") ? 1 : m->guest->step[way];
}

static unsigned signal_step(const Matrix *m)
{
    return g_getenv("FERRY_FAULTS") ? 1 : m->guest->step[TO_DST] * m->guest->signals;
}

/* EVIDENCE: MIG-WIRE-011, MIG-WIRE-013, MIG-WIRE-041, MIG-WIRE-042, MIG-WIRE-045, MIG-HAND-005 */
static void test_kind(gconstpointer data)
{
    const Case *c = data;
    Kind kind = (Kind)c->what;
    int timeout_ms = kind == SWALLOW || kind == FLIP ? SHORT_MS : 0;
    Matrix m;
    matrix_open(&m, c->guest, timeout_ms);
    for (int way = 0; way < 2; way++) {
        GArray *edges = m.l.edges[way];
        for (guint i = 0; i < edges->len; i += step(&m, way)) {
            one_fault(&m, kind, way, g_array_index(edges, int64_t, i), timeout_ms);
        }
    }
    for (int i = 0; i < wanted(&m, kind); i++) {
        int way = i % 8 == 7 ? TO_SRC : TO_DST;
        int64_t end = way == TO_DST ? m.l.to_dst : m.l.to_src;
        int64_t at = g_rand_int_range(m.rand, 0, (gint32)end);
        one_fault(&m, kind, way, at, timeout_ms);
    }
    matrix_close(&m);
}

/* ---- dead and stopped processes ---- */

/* Who is left has the guest, or gets it by `cont`; the other one is made anew. */
static void check_survivor(Matrix *m, bool source_died)
{
    BrokenPair *p = &m->p;
    QTest *left = source_died ? p->dst : p->src;
    const char *status = source_died ? p->dst_status : p->src_status;
    g_test_message("left: %s (%s)", status, source_died ? p->dst_desc : p->src_desc);
    g_assert_true(g_str_equal(status, "completed") || *(source_died ? p->dst_desc : p->src_desc));
    if (g_str_equal(status, "completed")) { /* what was under way still arrived: GO, or SHUT 0 */
        g_assert_cmpint(is_running(left), ==, source_died);
        g_assert_cmphex(memory_hash(p, left), ==, m->hash);
    } else if (g_str_equal(status, "handover-lost")) {
        g_assert_false(is_running(left));
        OK(left, "{\"execute\": \"cont\"}");
        g_assert_true(is_running(left));
        g_assert_cmphex(memory_hash(p, left), ==, m->hash);
    } else if (source_died) {
        g_assert_cmpstr(status, ==, "failed"); /* before READY: the guest died with its source */
        g_assert_false(is_running(left));
    } else {
        g_assert_cmpstr(status, ==, "failed");
        g_assert_true(is_running(left));
        g_assert_cmphex(memory_hash(p, left), ==, m->hash);
    }
}

/* kill -9, while the relay holds. */
static void one_death(Matrix *m, bool source, Relay *r)
{
    BrokenPair *p = &m->p;
    qtest_kill(source ? p->src : p->dst);
    relay_release(r);
    wait_final(source ? p->dst : p->src, source ? p->dst_status : p->src_status,
               source ? &p->dst_desc : &p->src_desc);
    g_strlcpy(m->left, source ? p->dst_status : p->src_status, sizeof(m->left));
    relay_end(r);
    check_survivor(m, source);
    if (source) {
        new_source(p);
        fill(p->src);
        new_destination(p);
    } else {
        p->dst = NULL;
        g_strlcpy(p->dst_status, "failed", sizeof(p->dst_status));
        recover(p);
        new_destination(p);
        assert_no_leak(m); /* the new one has nothing to leak yet */
    }
}

/* kill -STOP, until the other side has had enough; then -CONT. */
static void one_stop(Matrix *m, bool source, Relay *r)
{
    BrokenPair *p = &m->p;
    QTest *victim = source ? p->src : p->dst;
    kill(qtest_pid(victim), SIGSTOP);
    relay_release(r);
    wait_final(source ? p->dst : p->src, source ? p->dst_status : p->src_status,
               source ? &p->dst_desc : &p->src_desc);
    g_strlcpy(m->left, source ? p->dst_status : p->src_status, sizeof(m->left));
    kill(qtest_pid(victim), SIGCONT);
    conclude(p, r);
    check_memory(m);
    count_outcome(m);
    bool replaced = g_str_equal(p->dst_status, "completed");
    recover(p);
    if (replaced) {
        set_timeout(m, SHORT_MS);
    }
    assert_no_leak(m);
}

static void one_signal(Matrix *m, int what, Relay *r)
{
    bool dies = what & 1, source = what & 2;
    g_test_message("kill -%s of the %s", dies ? "KILL" : "STOP", source ? "source" : "destination");
    if (dies) {
        one_death(m, source, r);
    } else {
        one_stop(m, source, r);
    }
}

/* A busy host may let it end before that byte, by the silence that is waited for: then again, with more patience. */
static void signal_at(Matrix *m, int what, int way, int64_t at)
{
    bool dies = what & 1, done = false;
    for (int timeout_ms = SHORT_MS; !done; timeout_ms *= 4) {
        Relay r = RELAY_CLEAN;
        r.hold[way] = at;
        set_param(m->p.src, "peer-timeout", dies ? 0 : timeout_ms);
        set_param(m->p.dst, "peer-timeout", dies ? 0 : timeout_ms);
        begin(&m->p, &r);
        done = relay_wait_held(&r);
        if (done) {
            one_signal(m, what, &r);
        } else {
            g_assert_false(dies);
            conclude(&m->p, &r);
            recover(&m->p);
        }
    }
}

/* EVIDENCE: MIG-WIRE-041, MIG-WIRE-042, MIG-WIRE-045, MIG-HAND-005 */
static void test_signal(gconstpointer data)
{
    const Case *c = data;
    Matrix m;
    matrix_open(&m, c->guest, c->what & 1 ? 0 : SHORT_MS);
    for (int way = 0; way < 2; way++) {
        GArray *edges = m.l.edges[way];
        for (guint i = 0; i < edges->len; i += way == TO_SRC ? step(&m, way) : signal_step(&m)) {
            int64_t at = g_array_index(edges, int64_t, edges->len - 1 - i);
            g_test_message("at byte %" G_GINT64_FORMAT " to the %s", at,
                           way == TO_DST ? "destination" : "source");
            signal_at(&m, c->what, way, at);
        }
    }
    matrix_close(&m);
}

/* ---- each state ---- */

/* Where the relay holds so that a side stays in a state. */
typedef struct {
    const char *state; /* of the source */
    enum {
        HOLD_FIRST, /* the first message */
        HOLD_LAST,
        HOLD_LAST_BUT_ONE,
        HOLD_THIRD, /* a third of all bytes, which is RAM, and more than sockets buffer is left */
        PAUSE,      /* nothing: the source waits for migrate-continue */
    } where;
    int way;
    const char *left
        [2]; /* what may become of the source without the destination, and the other way round */
} Reach;
static const Reach reaches[] = {
    { "setup", HOLD_FIRST, TO_SRC, { "failed", "failed" } }, /* the manifest is not answered */
    { "active", HOLD_THIRD, TO_DST, { "failed", "failed" } },
    { "pre-switchover", PAUSE, TO_DST, { "failed", "failed" } },
    /* READY is under way: the source may still hear it, and say GO to nobody */
    { "device", HOLD_LAST_BUT_ONE, TO_SRC, { "failed handover-lost", "handover-lost" } },
    /* GO is under way */
    { "handover", HOLD_LAST, TO_DST, { "handover-lost", "completed handover-lost" } },
    /* SHUT 0 is under way: the destination runs */
    { "handover", HOLD_LAST, TO_SRC, { "completed handover-lost", "completed" } },
};

/* false: a busy host let it end before, by the silence that is waited for. */
static bool reaches_state(BrokenPair *p, const char *state)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;
    for (;;) {
        json_object *info = qtest_qmp_ok(p->src, "{\"execute\": \"query-migrate\"}");
        const char *status = member(info, "status");
        bool there = g_str_equal(status, state), ended = is_final(status);
        json_object_put(info);
        if (there || ended) {
            return there;
        }
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(500);
    }
}

static int64_t place(const Matrix *m, const Reach *reach)
{
    const GArray *edges = m->l.edges[reach->way];
    return reach->where == HOLD_THIRD ? m->l.to_dst / 3
           : reach->where == HOLD_FIRST
               ? g_array_index(edges, int64_t, 0)
               : g_array_index(edges, int64_t,
                               edges->len - 1 - (reach->where == HOLD_LAST_BUT_ONE));
}

static bool go_to(Matrix *m, const Reach *reach, Relay *r)
{
    bool holds = reach->where != PAUSE;
    if (holds) {
        r->hold[reach->way] = place(m, reach);
    }
    begin(&m->p, r);
    return (!holds || relay_wait_held(r)) && reaches_state(&m->p, reach->state);
}

static void one_state(Matrix *m, int what, const Reach *reach)
{
    bool dies = what & 1, done = false, pauses = reach->where == PAUSE;
    /* A source that waits says so each half second. */
    for (int timeout_ms = pauses ? 4 * SHORT_MS : SHORT_MS; !done; timeout_ms *= 4) {
        Relay r = RELAY_CLEAN;
        set_param(m->p.src, "peer-timeout", dies ? 0 : timeout_ms);
        set_param(m->p.dst, "peer-timeout", dies ? 0 : timeout_ms);
        set_cap_to(m->p.src, "pause-before-switchover", pauses);
        done = go_to(m, reach, &r);
        if (done) {
            const char *allowed = reach->left[!!(what & 2)];

            one_signal(m, what, &r);
            if (!strstr(allowed, m->left)) {
                g_error("'%s' is left, not '%s'", m->left, allowed);
            }
        } else {
            relay_release(&r);
            conclude(&m->p, &r);
            recover(&m->p);
        }
    }
}

/* EVIDENCE: MIG-WIRE-041, MIG-WIRE-042, MIG-WIRE-045, MIG-HAND-005 */
static void test_state(gconstpointer data)
{
    const Case *c = data;
    Matrix m;
    matrix_open(&m, c->guest, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(reaches); i++) {
        g_test_message("in state '%s'", reaches[i].state);
        one_state(&m, c->what, &reaches[i]);
    }
    matrix_close(&m);
}

/* The destination hangs, and no deadline ends that: the operator does. */
static void one_cancel(Matrix *m, const Reach *reach)
{
    BrokenPair *p = &m->p;
    Relay r = RELAY_CLEAN;
    set_cap_to(p->src, "pause-before-switchover", reach->where == PAUSE);
    g_assert_true(go_to(m, reach, &r));
    kill(qtest_pid(p->dst), SIGSTOP);
    OK(p->src, "{\"execute\": \"migrate_cancel\"}");
    wait_final(p->src, p->src_status, &p->src_desc);
    g_assert_cmpstr(p->src_status, ==, "cancelled");
    g_assert_true(is_running(p->src));
    kill(qtest_pid(p->dst), SIGCONT);
    relay_release(&r);
    conclude(p, &r);
    g_assert_cmpstr(p->dst_status, ==,
                    "failed"); /* also where it was ready: the source has it back, and says so */
    if (reach->where == HOLD_LAST_BUT_ONE) {
        g_assert_nonnull(strstr(p->dst_desc, "source: cancelled"));
    }
    check_memory(m);
    count_outcome(m);
    recover(p);
    assert_no_leak(m);
}

/* EVIDENCE: MIG-WIRE-042 */
static void test_cancel(gconstpointer data)
{
    const Case *c = data;
    Matrix m;
    matrix_open(&m, c->guest, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(reaches); i++) {
        if (!g_str_equal(reaches[i].state, "handover")) { /* that is not cancelled any more */
            g_test_message("in state '%s'", reaches[i].state);
            one_cancel(&m, &reaches[i]);
        }
    }
    matrix_close(&m);
}

static void add(const Guest *guest, const char *name, int what, GTestDataFunc fn)
{
    g_autofree char *path = g_strdup_printf("/%s/migration/fault/%s", guest->name, name);
    Case *c = g_new(Case, 1);

    *c = (Case){ guest, what };
    g_test_add_data_func_full(path, c, fn, g_free);
}

int main(int argc, char **argv)
{
    static const char *const signals[] = { "stopped/destination", "killed/destination",
                                           "stopped/source", "killed/source" };
    g_test_init(&argc, &argv, NULL);
    for (size_t g = 0; g < G_N_ELEMENTS(guests); g++) {
        for (int k = 0; k < KINDS; k++) {
            add(&guests[g], kind_names[k], k, test_kind);
        }
        for (int k = 0; k < 4; k++) {
            g_autofree char *each = g_strconcat(signals[k], "-in-each-state", NULL);
            add(&guests[g], signals[k], k, test_signal);
            add(&guests[g], each, k, test_state);
        }
        add(&guests[g], "cancelled-in-each-state", 0, test_cancel);
    }
    return g_test_run();
}
