/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When and by how much a guest that writes too fast loses time: the decisions alone, with the clock, the dirty pages and the bytes
 * that were sent said by the test.
 */
#include "migration/migration-priv.h"
#include "tiny-vm.h"

#define SECOND NS_PER_SEC
#define PAGES  1000u /* what is sent in a second */

typedef struct {
    Tiny *t;
    Outgoing o;
    int64_t now_ns;
    int percent; /* as the engine was told last; -1: never */
    uint64_t limits[2];
} Session;

static void take_percent(void *opaque, int percent)
{
    ((Session *)opaque)->percent = percent;
}

static void take_limit(void *opaque, int cpu, uint64_t pages_per_second)
{
    ((Session *)opaque)->limits[cpu] = pages_per_second;
}

/* Two vCPUs, of which the second was held back for longer. */
static bool give_stats(void *opaque, unsigned cpu, VmCpuDirty *out)
{
    Session *s = opaque;

    *out = (VmCpuDirty){ .pages = (uint64_t)s->now_ns / SECOND * PAGES,
                         .held_us = (uint64_t)s->now_ns / SECOND * 1000 * (cpu + 1) };
    return cpu < 2;
}

static Session *session_new(MigrationCap cap)
{
    Session *s = g_new0(Session, 1);

    s->t = tiny_new();
    s->percent = -1;
    s->now_ns = 100 * SECOND;
    s->t->vm->ports.cpu_opaque = s;
    s->t->vm->ports.cpus_throttle = take_percent;
    s->t->vm->ports.cpus_dirty_limit = take_limit;
    s->t->vm->ports.cpu_dirty_stats = give_stats;
    s->o.m = s->t->vm->migration;
    s->o.params = *migration_params_of(s->t->vm);
    s->o.caps = cap == MIGRATION_CAP_COUNT ? 0 : 1ull << cap;
    converge_begin(&s->o, s->now_ns);
    return s;
}

static void session_free(Session *s)
{
    vm_lock(s->t->vm);
    converge_end(&s->o);
    vm_unlock(s->t->vm);
    tiny_free(s->t);
    g_free(s);
}

/* A second passes, in which so many pages were dirtied and PAGES sent. */
static void period(Session *s, unsigned dirtied)
{
    s->now_ns += SECOND;
    s->o.out.bytes += PAGES * GUEST_PAGE_SIZE;
    converge_synced(&s->o, dirtied, s->now_ns);
}

/* EVIDENCE: MIG-OBS-007 */
static void test_steps(void)
{
    Session *s = session_new(MIGRATION_CAP_AUTO_CONVERGE);

    s->o.params.max_cpu_throttle = 45;
    period(s, 501); /* one is not enough */
    g_assert_cmpint(s->percent, ==, -1);
    period(s, 500); /* half of what was sent is not too much, and between two that are */
    period(s, 501);
    g_assert_cmpint(s->percent, ==, -1);
    period(s, 501);
    g_assert_cmpint(s->percent, ==, 20);
    period(s, 501); /* two more for each step */
    g_assert_cmpint(s->percent, ==, 20);
    period(s, 501);
    g_assert_cmpint(s->percent, ==, 30);
    for (int more = 0; more < 4; more++) {
        period(s, 5000);
    }
    g_assert_cmpint(s->percent, ==, 45);
    g_assert_cmpuint(s->o.converge.percent, ==, 45);
    for (int more = 0; more < 4; more++) {
        period(s, 5000);
    }
    g_assert_cmpint(s->percent, ==, 45);
    vm_lock(s->t->vm);
    converge_end(&s->o);
    vm_unlock(s->t->vm);
    g_assert_cmpint(s->percent, ==, 0);
    session_free(s);
}

/* Looks within a second count together; none is a period of its own. */
static void test_periods(void)
{
    Session *s = session_new(MIGRATION_CAP_AUTO_CONVERGE);

    for (int look = 0; look < 10; look++) {
        s->now_ns += SECOND / 5;
        s->o.out.bytes += PAGES / 5 * GUEST_PAGE_SIZE;
        converge_synced(&s->o, 101, s->now_ns);
        g_assert_cmpint(s->percent, ==, look < 9 ? -1 : 20);
    }
    session_free(s);
}

/* With tailslow a step is no greater than what makes both rates meet, and at least one percent. */
static void test_tailslow(void)
{
    Session *s = session_new(MIGRATION_CAP_AUTO_CONVERGE);

    s->o.params.cpu_throttle_tailslow = true;
    s->o.params.cpu_throttle_increment = 40;
    period(s, 625);
    period(s, 625);
    g_assert_cmpint(s->percent, ==, 20);
    period(s, 625); /* 80 percent of its time dirty 625; 500 would be well with 64 */
    period(s, 625);
    g_assert_cmpint(s->percent, ==, 36);
    period(s, 501); /* hardly too much */
    period(s, 501);
    g_assert_cmpint(s->percent, ==, 37);
    period(s, 50000); /* much too much: the whole step */
    period(s, 50000);
    g_assert_cmpint(s->percent, ==, 77);
    session_free(s);
}

static void test_dirty_limit(void)
{
    Session *s = session_new(MIGRATION_CAP_DIRTY_LIMIT);

    s->o.params.vcpu_dirty_limit = 3;
    period(s, 600);
    g_assert_cmpuint(s->limits[0] + s->limits[1], ==, 0);
    period(s, 600);
    g_assert_cmpuint(s->limits[0], ==, 3 * 256); /* pages of MBs */
    g_assert_cmpuint(s->limits[1], ==, 3 * 256);
    g_assert_cmpint(s->percent, ==, -1);
    g_assert_cmpuint(s->o.converge.round_held_us, ==, 2000); /* the longest, since the last look */
    vm_lock(s->t->vm);
    converge_end(&s->o);
    vm_unlock(s->t->vm);
    g_assert_cmpuint(s->limits[0] + s->limits[1], ==, 0);
    session_free(s);
}

/* Nothing is done, and nothing more is looked at, unasked. */
static void test_unasked(void)
{
    Session *s = session_new(MIGRATION_CAP_COUNT);

    for (int n = 0; n < 6; n++) {
        period(s, 5000);
        g_assert_false(converge_wants_sync(&s->o, s->now_ns + 60 * SECOND));
    }
    g_assert_cmpint(s->percent, ==, -1);
    g_assert_cmpuint(s->limits[0] + s->limits[1], ==, 0);
    session_free(s);
    s = session_new(MIGRATION_CAP_AUTO_CONVERGE);
    g_assert_false(converge_wants_sync(&s->o, s->now_ns + 5 * SECOND - 1));
    g_assert_true(converge_wants_sync(&s->o, s->now_ns + 5 * SECOND));
    session_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration/converge/two-periods-a-step-up-to-the-most", test_steps);
    g_test_add_func("/migration/converge/a-period-is-a-second-of-looks", test_periods);
    g_test_add_func("/migration/converge/tailslow-takes-what-is-needed", test_tailslow);
    g_test_add_func("/migration/converge/limits-of-each-vcpu", test_dirty_limit);
    g_test_add_func("/migration/converge/nothing-unasked", test_unasked);
    return g_test_run();
}
