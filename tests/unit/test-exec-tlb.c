/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The software TLB by the number of page walks and by what stores and jumps see: address spaces,
 * global and large pages, growth, write tags against cleaners, code that is mapped elsewhere.
 */
#include "toy.h"

typedef struct Fixture {
    Machine *m;
    ToyCpu *t;
} Fixture;

static Fixture setup_with(bool jit)
{
    const ExecConfig config = { .jit = jit };
    Machine *m = machine_new(&config);

    return (Fixture){ m, m->cpu[0] };
}

static Fixture setup(void)
{
    return setup_with(false);
}

/* Page walks that a load from va costs now. */
static unsigned walks_of(Fixture *f, uint64_t va)
{
    unsigned before = f->t->walks;

    cpu_ld64(&f->t->parent, va, 0);
    return f->t->walks - before;
}

static void test_spaces(void)
{
    Fixture f = setup();
    CpuState *cpu = &f.t->parent;

    f.t->perm[8] |= PERM_GLOBAL;
    cpu_tlb_flush(cpu);
    g_assert_cmpuint(walks_of(&f, 0x8000), ==, 1);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 1);
    cpu_tlb_switch(cpu, 5, true);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 1);
    cpu_tlb_switch(cpu, 0, true);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 0);
    cpu_tlb_switch(cpu, 0, false);
    g_assert_cmpuint(walks_of(&f, 0x8000), ==, 0);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 1);
    cpu_tlb_flush_space(cpu, 5);
    cpu_tlb_switch(cpu, 5, true);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 1);
    /* more spaces than are kept: the one not used for longest is empty when it comes again */
    for (unsigned i = 10; i < 10 + TLB_SPACES; i++) {
        cpu_tlb_switch(cpu, i, true);
        walks_of(&f, 0x9000);
    }
    cpu_tlb_switch(cpu, 5, true);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 1);
    cpu_tlb_flush_nonglobal_all(cpu);
    cpu_tlb_switch(cpu, 12, true);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 1);
    cpu_tlb_flush(cpu);
    cpu_tlb_switch(cpu, 13, true);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 1);
    machine_free(f.m);
}

static void test_page_flush_reaches_global(void)
{
    Fixture f = setup();
    CpuState *cpu = &f.t->parent;

    f.t->perm[8] |= PERM_GLOBAL;
    cpu_tlb_flush(cpu);
    walks_of(&f, 0x8000);
    walks_of(&f, 0x9000);
    cpu_tlb_switch(cpu, 1, true);
    cpu_tlb_flush_page(cpu, 0x8123);
    cpu_tlb_flush_page(cpu, 0x9123);
    cpu_tlb_switch(cpu, 0, true);
    g_assert_cmpuint(walks_of(&f, 0x8000), ==, 1);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 0);
    cpu_tlb_switch(cpu, 1, true);
    cpu_tlb_flush_space_page(cpu, 0, 0x9000);
    cpu_tlb_switch(cpu, 0, true);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 1);
    machine_free(f.m);
}

static void test_large_pages(void)
{
    Fixture f = setup();

    for (unsigned i = 0x10; i < 0x20; i++) {
        f.t->perm[i] |= PERM_LARGE;
    }
    cpu_tlb_flush(&f.t->parent);
    walks_of(&f, 0x11000);
    walks_of(&f, 0x1f000);
    walks_of(&f, 0x9000);
    cpu_tlb_flush_page(&f.t->parent, 0x15000); /* another part of the large page */
    g_assert_cmpuint(walks_of(&f, 0x11000), ==, 1);
    g_assert_cmpuint(walks_of(&f, 0x1f000), ==, 1);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 0);
    machine_free(f.m);
}

static void test_small_page_flush_leaves_large_pages(void)
{
    Fixture f = setup();
    CpuState *cpu = &f.t->parent;

    for (unsigned i = 0x10; i < 0x20; i++) {
        f.t->perm[i] |= PERM_LARGE;
    }
    cpu_tlb_flush(cpu);
    walks_of(&f, 0x11000);
    walks_of(&f, 0x9000);
    cpu_tlb_flush_small_page(cpu, 0x15000);
    cpu_tlb_flush_small_page(cpu, 0x9123);
    g_assert_cmpuint(walks_of(&f, 0x11000), ==, 0);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 1);
    cpu_tlb_flush_small_page_all_cpus(cpu, 0x9000);
    g_assert_cmpuint(walks_of(&f, 0x11000), ==, 0);
    g_assert_cmpuint(walks_of(&f, 0x9000), ==, 1);
    machine_free(f.m);
}

static void test_growth(void)
{
    Fixture f = setup();
    unsigned walks = 0;

    f.t->perm[0] |= PERM_GLOBAL;
    cpu_tlb_flush(&f.t->parent);
    uint64_t mask = f.t->parent.tlb[0].mask;
    for (unsigned round = 0; round < 20; round++) {
        walks = 0;
        for (unsigned i = 0; i < N_PAGES; i++) {
            walks += walks_of(&f, (uint64_t)i << 12);
        }
    }
    g_assert_cmphex(f.t->parent.tlb[0].mask, >, mask);
    g_assert_cmpuint(walks, ==, 0);
    /* after growth too, only what is global stays */
    cpu_tlb_flush_nonglobal(&f.t->parent);
    walks = 0;
    for (unsigned i = 0; i < N_PAGES; i++) {
        walks += walks_of(&f, (uint64_t)i << 12);
    }
    g_assert_cmpuint(walks, ==, N_PAGES - 1);
    machine_free(f.m);
}

/* Cleaning one page must not open another that lies beside it and is clean. */
static void test_neighbours(void)
{
    Fixture f = setup();
    CpuState *cpu = &f.t->parent;
    RamAddr a = ram_block_addr(f.m->ram.ram);

    ram_dirty_client_enable(f.m->vm, DIRTY_MIGRATION, true);
    for (unsigned round = 0; round < 3; round++) {
        ram_dirty_test_and_clear(f.m->vm, a, RAM_SIZE, DIRTY_MIGRATION);
        cpu_ld64(cpu, 0x8000, 0); /* rows that may not be written to */
        cpu_ld64(cpu, 0x9000, 0);
        cpu_st64(cpu, 0x9000, 1, 0);
        ram_dirty_test_and_clear(f.m->vm, a + 0x9000, 0x1000, DIRTY_MIGRATION);
        ram_dirty_set(f.m->vm, a + 0x9000, 1, DIRTY_MASK(DIRTY_MIGRATION));
        ram_dirty_test_and_clear(f.m->vm, a + 0x9000, 0x1000, DIRTY_MIGRATION);
        for (unsigned page = 8; page < 10; page++) {
            g_assert_false(ram_dirty_get(f.m->vm, a + page * 0x1000, DIRTY_MIGRATION));
            cpu_st64(cpu, page * 0x1000, 1, 0);
            g_assert_true(ram_dirty_get(f.m->vm, a + page * 0x1000, DIRTY_MIGRATION));
        }
    }
    machine_free(f.m);
}

/* A write tag under any name of a page goes when the page is cleaned. */
static void test_aliases(void)
{
    Fixture f = setup();
    CpuState *cpu = &f.t->parent;
    RamAddr a = ram_block_addr(f.m->ram.ram) + 0x9000;

    ram_dirty_client_enable(f.m->vm, DIRTY_MIGRATION, true);
    f.t->to[0x30] = f.t->to[0x31] = 9;
    for (unsigned k = 0; k < 8; k++) {
        static const uint64_t names[] = { 0x9000, 0x30000, 0x31000 };
        cpu_tlb_switch(cpu, k & 1, true);
        cpu_st64(cpu, names[k % 3], 1, 0);
        if (k & 2) {
            cpu_st64(cpu, names[(k + 1) % 3], 1, 0);
        }
        ram_dirty_test_and_clear(f.m->vm, a, 0x1000, DIRTY_MIGRATION);
        for (unsigned i = 0; i < 3; i++) {
            for (unsigned s = 0; s < 2; s++) {
                cpu_tlb_switch(cpu, s, true);
                cpu_st64(cpu, names[i], 1, 0);
                g_assert_true(ram_dirty_get(f.m->vm, a, DIRTY_MIGRATION));
                ram_dirty_test_and_clear(f.m->vm, a, 0x1000, DIRTY_MIGRATION);
            }
        }
    }
    machine_free(f.m);
}

/* The same address holds other code in another space, and after a flush of its page. */
static void test_code_by_space(gconstpointer jit)
{
    Fixture f = setup_with(jit);
    CpuState *cpu = &f.t->parent;

    CODE(f.m, 0x1000, enc(T_MOVI, 1, 0, 0, 1), enc(T_JMP, 0, 0, 0, 0x2000));
    CODE(f.m, 0x2000, enc(T_MOVI, 3, 0, 0, 2), enc(T_HALT, 0, 0, 0, 0));
    CODE(f.m, 0x3000, enc(T_MOVI, 3, 0, 0, 3), enc(T_HALT, 0, 0, 0, 0));
    for (unsigned k = 0; k < 4; k++) {
        cpu_tlb_switch(cpu, 0, true);
        f.t->to[2] = 0;
        run(f.t, 0x1000);
        g_assert_cmpuint(f.t->r[3], ==, 2);
        cpu_tlb_switch(cpu, 1, true);
        f.t->to[2] = 3;
        run(f.t, 0x1000);
        g_assert_cmpuint(f.t->r[3], ==, 3);
    }
    f.t->to[2] = 0;
    cpu_tlb_flush_page(cpu, 0x2000);
    run(f.t, 0x1000);
    g_assert_cmpuint(f.t->r[3], ==, 2);
    f.t->to[2] = 3;
    cpu_tlb_switch(cpu, 1, false);
    run(f.t, 0x1000);
    g_assert_cmpuint(f.t->r[3], ==, 3);
    machine_free(f.m);
}

/* Functions of a page do not drive each other out of the jump cache: those on 8 bytes have places of their own, of what
 * lies on 2 bytes, where calls return to, four share one. */
static void test_places_of_a_page(void)
{
    for (unsigned step = 2; step <= 16; step *= 2) {
        uint8_t taken[JC_GROUP] = { 0 };
        for (unsigned at = 0; at < GUEST_PAGE_SIZE; at += step) {
            g_assert_cmpuint(++taken[jc_index(0x1007000 + at) % JC_GROUP], <=, MAX(8 / step, 1));
        }
    }
}

/* A page's flush forgets the code that is mapped there, and no other in the same group. */
static void test_page_flush_keeps_other_code(gconstpointer jit)
{
    const uint64_t other = 0x82000;
    Fixture f = setup_with(jit);
    CpuState *cpu = &f.t->parent;
    Tb **at = cpu->jump_cache;

    g_assert_cmpuint(jc_index(0x2000) / JC_GROUP, ==, jc_index(other + 8) / JC_GROUP);
    CODE(f.m, 0x2000, enc(T_HALT, 0, 0, 0, 0));
    CODE(f.m, 0x3000, enc(T_NOP, 0, 0, 0, 0), enc(T_HALT, 0, 0, 0, 0));
    f.t->to[other >> 12] = 3;
    run(f.t, 0x2000);
    cpu_tlb_flush_page(cpu, other);
    g_assert_nonnull(at[jc_index(0x2000)]);
    run(f.t, other + 8);
    g_assert_nonnull(at[jc_index(other + 8)]);
    cpu_tlb_flush_page(cpu, other);
    g_assert_nonnull(at[jc_index(0x2000)]);
    g_assert_null(at[jc_index(other + 8)]);
    cpu_tlb_flush_page(cpu, 0x2000);
    g_assert_null(at[jc_index(0x2000)]);
    run(f.t, 0x2000);
    cpu_tlb_flush(cpu);
    g_assert_null(at[jc_index(0x2000)]);
    machine_free(f.m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    toy_tables();
    g_test_add_func("/exec/tlb/spaces-keep-their-entries", test_spaces);
    g_test_add_func("/exec/tlb/a-page-flush-reaches-global-entries-everywhere",
                    test_page_flush_reaches_global);
    g_test_add_func("/exec/tlb/functions-of-a-page-have-places-of-their-own",
                    test_places_of_a_page);
    g_test_add_func("/exec/tlb/any-part-flushes-a-large-page-and-no-more", test_large_pages);
    g_test_add_func("/exec/tlb/a-flush-of-a-small-page-leaves-what-large-ones-gave",
                    test_small_page_flush_leaves_large_pages);
    g_test_add_func("/exec/tlb/tables-grow-and-keep-what-they-hold", test_growth);
    g_test_add_func("/exec/tlb/cleaning-a-page-leaves-its-neighbour-closed", test_neighbours);
    g_test_add_func("/exec/tlb/cleaning-closes-every-name-of-a-page", test_aliases);
    g_test_add_data_func("/exec/tlb/code-is-looked-up-by-space", NULL, test_code_by_space);
    g_test_add_data_func("/exec/tlb/native-code-is-looked-up-by-space", "jit", test_code_by_space);
    g_test_add_data_func("/exec/tlb/a-page-flush-keeps-other-code", NULL,
                         test_page_flush_keeps_other_code);
    g_test_add_data_func("/exec/tlb/a-page-flush-keeps-other-native-code", "jit",
                         test_page_flush_keeps_other_code);
    return g_test_run();
}
