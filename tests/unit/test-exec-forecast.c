/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forecasts of pages: what is loaded is right whatever they say, they are made where addresses come late, and
 * given up where they fail.
 */
#include "exec/host-x86_64/host-priv.h"
#include "toy.h"

#define FIRST 0x20u /* page of a list */
#define PAGES 16u
#define LOOP  0x1000u

/* NULL: this host runs no native code. */
static Machine *native_machine(void)
{
    const ExecConfig native = { .jit = true };
    Machine *m = machine_new(&native);

    if (!m->engine->host) {
        g_test_skip("no native code on this host");
        machine_free(m);
        return NULL;
    }
    return m;
}

/* A ring of one node a page, over pages that lie in RAM the other way round where `mixed`. Each node: the next one's
 * address, its own number. */
static void put_ring(Machine *m, unsigned pages, bool mixed)
{
    for (unsigned k = 0; k < pages; k++) {
        unsigned at = mixed ? FIRST + PAGES - 1 - k : FIRST + k;
        uint64_t node[2] = { (FIRST + (k + 1) % pages) << 12, k };
        m->cpu[0]->to[FIRST + k] = at;
        memcpy(m->mem + (at << 12), node, sizeof(node));
    }
    cpu_tlb_flush(&m->cpu[0]->parent);
}

/* r1 goes round, r5 adds up the numbers. */
static void put_walk(Machine *m)
{
    CODE(m, LOOP, enc(T_LD, 6, 1, 0, 8), enc(T_ADD, 5, 5, 6, 0), enc(T_LD, 1, 1, 0, 0),
         enc(T_ADDI, 3, 3, 0, 1), enc(T_BNE, 0, 3, 4, LOOP), enc(T_HALT, 0, 0, 0, 0));
}

static void walk(Machine *m, unsigned pages, unsigned rounds)
{
    ToyCpu *t = m->cpu[0];

    t->r[1] = FIRST << 12;
    t->r[3] = t->r[5] = 0;
    t->r[4] = (uint64_t)rounds * pages;
    run(t, LOOP);
    g_assert_cmphex(t->r[1], ==, FIRST << 12);
    g_assert_cmpuint(t->r[5], ==, (uint64_t)rounds * (pages * (pages - 1) / 2));
}

static HostSteady steady_at(const Machine *m, uint64_t pc)
{
    return m->engine->host->steady[host_forecast_key(pc)];
}

/* The first load of the walk has the check of both. */
static void test_given_up(void)
{
    Machine *m = native_machine();

    if (!m) {
        return;
    }
    put_walk(m);
    put_ring(m, PAGES, true);
    gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
    while (steady_at(m, LOOP) != STEADY_NOT && g_get_monotonic_time() < end) {
        walk(m, PAGES, 1000);
    }
    g_assert_cmpint(steady_at(m, LOOP), ==, STEADY_NOT);
    tb_flush_all(m->engine);
    walk(m, PAGES, 1000);
    g_assert_cmpuint(m->cpu[0]->parent.priv->gen->n_forecasts, ==, 0);
    machine_free(m);
}

/* Side by side in RAM, many pages are as good as one. */
static void test_kept(void)
{
    Machine *m = native_machine();
    ExecStats before, after;

    if (!m) {
        return;
    }
    put_walk(m);
    put_ring(m, PAGES, false);
    walk(m, PAGES, 10);
    g_assert_cmpuint(m->cpu[0]->parent.priv->gen->n_forecasts, ==, 1);
    engine_stats(m->engine, &before);
    walk(m, PAGES, 20000);
    engine_stats(m->engine, &after);
    g_assert_cmpuint(after.translations, ==, before.translations);
    g_assert_cmpint(steady_at(m, LOOP), ==, STEADY_SURELY);
    machine_free(m);
}

/* The page is mapped elsewhere, then not at all: the forecast is of what was. */
static void test_not_believed(void)
{
    Machine *m = native_machine();
    uint64_t other[2] = { FIRST << 12, 7 };

    if (!m) {
        return;
    }
    ToyCpu *t = m->cpu[0];
    put_walk(m);
    put_ring(m, 1, false);
    walk(m, 1, 100);
    memcpy(m->mem + 0x40000, other, sizeof(other));
    t->to[FIRST] = 0x40;
    cpu_tlb_flush_page(&t->parent, FIRST << 12);
    t->r[3] = t->r[5] = 0;
    t->r[4] = 3;
    run(t, LOOP);
    g_assert_cmpuint(t->r[5], ==, 21);
    t->perm[FIRST] = 0;
    cpu_tlb_flush_page(&t->parent, FIRST << 12);
    t->stop_on_fault = true;
    t->r[3] = t->r[5] = 0;
    run(t, LOOP);
    g_assert_cmpuint(t->n_faults, ==, 1);
    g_assert_cmphex(t->fault_va, ==, (FIRST << 12) + 8);
    g_assert_cmpuint(t->r[5], ==, 0);
    machine_free(m);
}

/* An address that counts along is known early; one that was loaded is not, nor what is computed from it. */
static void test_late_addresses(void)
{
    Machine *m = native_machine();

    if (!m) {
        return;
    }
    ToyCpu *t = m->cpu[0];
    CODE(m, LOOP, enc(T_LD, 5, 1, 0, 0), enc(T_ADDI, 1, 1, 0, 8), enc(T_BNE, 0, 1, 2, LOOP),
         enc(T_HALT, 0, 0, 0, 0));
    t->r[1] = FIRST << 12;
    t->r[2] = (FIRST << 12) + 800;
    run(t, LOOP);
    g_assert_cmpuint(t->parent.priv->gen->n_forecasts, ==, 0);
    CODE(m, 0x2000, enc(T_LD, 5, 1, 0, 0), enc(T_ADD, 6, 5, 2, 0), enc(T_LD, 6, 6, 0, 0),
         enc(T_ADDI, 1, 1, 0, 8), enc(T_BNE, 0, 1, 2, 0x2000), enc(T_HALT, 0, 0, 0, 0));
    t->r[1] = FIRST << 12;
    run(t, 0x2000);
    g_assert_cmpuint(t->parent.priv->gen->n_forecasts, ==, 1);
    machine_free(m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    toy_tables();
    g_test_add_func("/exec/forecast/one-that-fails-is-given-up", test_given_up);
    g_test_add_func("/exec/forecast/pages-side-by-side-are-as-good-as-one", test_kept);
    g_test_add_func("/exec/forecast/none-is-believed", test_not_believed);
    g_test_add_func("/exec/forecast/they-are-made-for-late-addresses", test_late_addresses);
    return g_test_run();
}
