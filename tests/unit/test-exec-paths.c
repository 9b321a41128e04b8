/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * That the short ways are taken, which no result shows: regions chained, jumps found in the cache, checks
 * shared, values kept in registers over a loop, misses served by victims, code dropped by pieces.
 */
#include "exec/host-x86_64/host-priv.h"
#include "toy.h"

static const ExecConfig native = { .jit = true };

static Tb *region_at(Machine *m, uint64_t pc)
{
    const TbKey key = { .pc = pc, .vaddr = pc };
    Tb *tb = tb_find(&m->cpu[0]->parent, &key, pc, 0);

    g_assert_nonnull(tb);
    return tb;
}

static const TbLink *link_to(const Tb *from, uint64_t pc)
{
    for (unsigned i = 0; i < from->n_links; i++) {
        if (tb_links(from)[i].pc == pc) {
            return &tb_links(from)[i];
        }
    }
    g_assert_not_reached();
}

/* NULL: this host runs no native code. */
static Machine *native_machine(void)
{
    Machine *m = machine_new(&native);

    if (!m->engine->host) {
        g_test_skip("no native code on this host");
        machine_free(m);
        return NULL;
    }
    return m;
}

/* Two loops, one within the other over two pages: 0x1000 to itself, 0x1000 to 0x2000 and back. */
static void run_loops(Machine *m)
{
    CODE(m, 0x1000, enc(T_ADDI, 1, 1, 0, 1), enc(T_BNE, 0, 1, 2, 0x1000), enc(T_MOVI, 1, 0, 0, 0),
         enc(T_JMP, 0, 0, 0, 0x2000));
    CODE(m, 0x2000, enc(T_ADDI, 3, 3, 0, 1), enc(T_BNE, 0, 3, 4, 0x1000), enc(T_HALT, 0, 0, 0, 0));
    m->cpu[0]->r[2] = 5;
    m->cpu[0]->r[4] = 50;
    run(m->cpu[0], 0x1000);
    g_assert_cmpuint(m->cpu[0]->r[3], ==, 50);
}

static void test_chains(void)
{
    Machine *m = native_machine();

    if (!m) {
        return;
    }
    run_loops(m);
    Tb *a = region_at(m, 0x1000), *b = region_at(m, 0x2000);
    const TbLink *self = link_to(a, 0x1000), *there = link_to(a, 0x2000),
                 *back = link_to(b, 0x1000);
    g_assert_true(self->dst == a && self->loop);
    const HostCode *c = m->engine->host;
    g_assert_nonnull(host_loop(a->host));
    g_assert_true(there->dst == b && there->guess && *(Tb **)host_link_field(c, there) == b);
    g_assert_true(back->dst == a && back->guess && *(Tb **)host_link_field(c, back) == a);
    machine_free(m);
}

static void test_jump_cache(void)
{
    Machine *m = native_machine();

    if (!m) {
        return;
    }
    CODE(m, 0x1000, enc(T_MOVI, 4, 0, 0, 0x3000), enc(T_JR, 0, 4, 0, 0));
    CODE(m, 0x3000, enc(T_ADDI, 1, 1, 0, 1), enc(T_BNE, 0, 1, 2, 0x1000), enc(T_HALT, 0, 0, 0, 0));
    m->cpu[0]->r[2] = 5;
    run(m->cpu[0], 0x1000);
    g_assert_true(m->cpu[0]->parent.jump_cache[jc_index(0x3000)] == region_at(m, 0x3000));
    g_assert_true(jc_native(m->cpu[0]->parent.jump_cache)[jc_index(0x3000)] ==
                  region_at(m, 0x3000)->native);
    machine_free(m);
}

/* The checks that several of these loads share, each at a distance of its own from a register. */
static GArray *windows_of_loads(Machine *m, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    CODE(m, 0x1000, enc(T_LD, 5, a, 0, 0), enc(T_LD, 6, b, 0, 8), enc(T_LD, 7, c, 0, 16),
         enc(T_LD, 8, d, 0, 24), enc(T_HALT, 0, 0, 0, 0));
    for (unsigned i = 1; i < 5; i++) {
        m->cpu[0]->r[i] = 0x8000;
    }
    tb_flush_all(m->engine);
    run(m->cpu[0], 0x1000);
    return m->cpu[0]->parent.priv->gen->windows;
}

static void test_shared_checks(void)
{
    Machine *m = native_machine();

    if (!m) {
        return;
    }
    g_assert_cmpuint(windows_of_loads(m, 1, 2, 3, 4)->len, ==, 4);
    const GArray *windows = windows_of_loads(m, 1, 1, 1, 1);
    g_assert_cmpuint(windows->len, ==, 1);
    const HgWindow *w = &g_array_index(windows, HgWindow, 0);
    g_assert_cmpint(w->hi - w->lo, ==, 32);
    machine_free(m);
}

/* Regions that nobody has been to: each is asked for once, and made where it is asked for. */
static void test_new_code(void)
{
    Machine *m = native_machine();

    if (!m) {
        return;
    }
    for (unsigned k = 1; k < 10; k++) {
        CODE(m, k << 12, enc(T_ADDI, 1, 1, 0, 1), enc(T_JMP, 0, 0, 0, (k + 1) << 12));
    }
    CODE(m, 10 << 12, enc(T_HALT, 0, 0, 0, 0));
    run(m->cpu[0], 0x1000);
    g_assert_cmpuint(m->cpu[0]->r[1], ==, 9);
    g_assert_cmpuint(m->cpu[0]->n_keys, <, 15);
    machine_free(m);
}

static void test_small_records(void)
{
    Machine *m = native_machine();

    if (!m) {
        return;
    }
    windows_of_loads(m, 1, 2, 3, 4);
    const Tb *tb = region_at(m, 0x1000);
    g_assert_cmpuint(tb->bytes - tb->host->size, <, 256);
    g_assert_cmpuint(tb->host->n_sites, >=, 4);
    machine_free(m);
}

static void test_victims(void)
{
    Machine *m = machine_new(&native);
    ToyCpu *t = m->cpu[0];
    uint64_t rows = t->parent.tlb[0].mask / sizeof(TlbEntry) + 1;

    g_assert_cmpuint(8 + 3 * rows, <, N_PAGES);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned k = 0; k < 4; k++) { /* four pages, one row */
            cpu_ld64(&t->parent, (8 + k * rows) << GUEST_PAGE_BITS, 0);
        }
    }
    g_assert_cmpuint(t->walks, ==, 4);
    machine_free(m);
}

static void test_pieces(void)
{
    Machine *m = machine_new(&native);
    ToyCpu *t = m->cpu[0];
    ExecStats before, beside, hit;

    CODE(m, 0x1000, enc(T_ST, 2, 1, 0, 0), enc(T_HALT, 0, 0, 0, 0));
    CODE(m, 0x2000, enc(T_ADDI, 3, 3, 0, 1), enc(T_HALT, 0, 0, 0, 0));
    run(t, 0x2000);
    engine_stats(m->engine, &before);
    t->r[1] = 0x2040; /* behind the code's 64 bytes, in its page */
    run(t, 0x1000);
    run(t, 0x2000);
    engine_stats(m->engine, &beside);
    g_assert_cmpuint(beside.invalidations, ==, before.invalidations);
    t->r[1] = 0x2000;
    t->r[2] = enc(T_ADDI, 3, 3, 0, 10);
    run(t, 0x1000);
    run(t, 0x2000);
    engine_stats(m->engine, &hit);
    g_assert_cmpuint(hit.invalidations, >, beside.invalidations);
    g_assert_cmpuint(t->r[3], ==, 12);
    machine_free(m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    toy_tables();
    g_test_add_func("/exec/paths/regions-jump-to-each-other", test_chains);
    g_test_add_func("/exec/paths/a-jump-by-register-is-found-in-the-cache", test_jump_cache);
    g_test_add_func("/exec/paths/accesses-at-one-base-share-a-check", test_shared_checks);
    g_test_add_func("/exec/paths/new-code-is-asked-for-once", test_new_code);
    g_test_add_func("/exec/paths/what-faults-need-is-small", test_small_records);
    g_test_add_func("/exec/paths/a-row-that-was-thrown-out-comes-back-without-a-walk",
                    test_victims);
    g_test_add_func("/exec/paths/a-store-beside-code-drops-nothing", test_pieces);
    return g_test_run();
}
