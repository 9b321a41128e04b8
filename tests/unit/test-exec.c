/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine under a toy instruction set: chaining, faults and snapshots, self-modifying code, the
 * TLB, dirty bits, crossing stores, atomics, several vCPUs, debugging. Each test runs optimised,
 * without optimisation, and with vCPUs taking turns.
 */
#include "toy.h"

/* ---- tests ---- */

static void test_loop(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x1000, enc(T_MOVI, 1, 0, 0, 0), enc(T_MOVI, 2, 0, 0, 1000), enc(T_MOVI, 3, 0, 0, 0),
         /* 0x1018 */ enc(T_ADDI, 1, 1, 0, 1), enc(T_ADD, 3, 3, 1, 0), enc(T_BNE, 0, 1, 2, 0x1018),
         enc(T_MOVI, 4, 0, 0, 0x2000), enc(T_JR, 0, 4, 0, 0));
    CODE(m, 0x2000, enc(T_SVC, 0, 0, 0, 0), enc(T_HALT, 0, 0, 0, 0));
    run(t, 0x1000);
    g_assert_cmpuint(t->r[3], ==, 500500);
    g_assert_cmpuint(t->last_excp, ==, EXCP_SVC);
    g_assert_cmpuint(t->fault_pc, ==, 0x2000);
    g_assert_cmpuint(t->parent.excp_error, ==, 7);
    g_assert_cmpuint(t->pc, ==, 0x2010);
    machine_free(m);
}

static void test_fault_rolls_back(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    /* r5 is put before and must be in the state; r1 must not have moved. */
    CODE(m, 0x1000, enc(T_MOVI, 5, 0, 0, 77), enc(T_ADDI, 6, 5, 0, 1), enc(T_PUSH2, 5, 1, 6, 0),
         enc(T_HALT, 0, 0, 0, 0));
    t->r[1] = 0x9008;
    t->perm[8] = MMU_R;
    run(t, 0x1000);
    g_assert_cmpuint(t->last_excp, ==, EXCP_PF);
    g_assert_cmpuint(t->fault_pc, ==, 0x1010);
    g_assert_cmpuint(t->r[1], ==, 0x9008);
    g_assert_cmpuint(t->r[5], ==, 77);
    g_assert_cmpuint(t->r[6], ==, 78);
    g_assert_cmphex(t->fault_va, ==, 0x8ff8);
    t->perm[8] = 7;
    cpu_tlb_flush(&t->parent);
    run(t, 0x1010);
    g_assert_cmpuint(t->r[1], ==, 0x8ff8);
    g_assert_cmpuint(*(uint64_t *)(m->mem + 0x8ff8), ==, 78);
    g_assert_cmpuint(*(uint64_t *)(m->mem + 0x9000), ==, 77);
    machine_free(m);
}

static void test_raise_if(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x1000, enc(T_MOVI, 1, 0, 0, 100), enc(T_MOVI, 2, 0, 0, 7), enc(T_DIV, 3, 1, 2, 0),
         enc(T_MOVI, 2, 0, 0, 0), enc(T_MOVI, 4, 0, 0, 5), enc(T_DIV, 3, 1, 2, 0),
         enc(T_HALT, 0, 0, 0, 0));
    run(t, 0x1000);
    g_assert_cmpuint(t->last_excp, ==, EXCP_DIV);
    g_assert_cmpuint(t->fault_pc, ==, 0x1028);
    g_assert_cmpuint(t->r[3], ==, 14);
    g_assert_cmpuint(t->r[4], ==, 5);
    g_assert_cmpuint(t->r[2], ==, 0);
    machine_free(m);
}

static void test_rep_restarts(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x1000, enc(T_MOVI, 1, 0, 0, 0x8ff0), enc(T_MOVI, 2, 0, 0, 40),
         enc(T_MOVI, 3, 0, 0, 0xab), enc(T_REP, 2, 1, 3, 0), enc(T_HALT, 0, 0, 0, 0));
    t->perm[9] = MMU_R;
    run(t, 0x1000);
    g_assert_cmpuint(t->last_excp, ==, EXCP_PF);
    g_assert_cmpuint(t->fault_pc, ==, 0x1018);
    g_assert_cmphex(t->r[1], ==, 0x9000);
    g_assert_cmpuint(t->r[2], ==, 24);
    t->perm[9] = 7;
    run(t, t->fault_pc);
    g_assert_cmpuint(t->r[2], ==, 0);
    for (unsigned i = 0; i < 40; i++) {
        g_assert_cmphex(m->mem[0x8ff0 + i], ==, 0xab);
    }
    g_assert_cmphex(m->mem[0x8ff0 + 40], ==, 0);
    machine_free(m);
}

static void test_sync_state(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x1000, enc(T_MOVI, 1, 0, 0, 41), enc(T_CALLSYNC, 2, 1, 0, 0), enc(T_ADD, 1, 1, 2, 0),
         enc(T_CALLSYNC, 1, 1, 0, 0), enc(T_HALT, 0, 0, 0, 0));
    run(t, 0x1000);
    g_assert_cmpuint(t->r[2], ==, 42);
    g_assert_cmpuint(t->seen_pc, ==, 0x1018);
    g_assert_cmpuint(t->seen_r1, ==, 83);
    g_assert_cmpuint(t->r[1], ==, 84);
    machine_free(m);
}

static void test_cross_page(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x1000, enc(T_ST, 2, 1, 0, 0), enc(T_LD, 3, 1, 0, 0), enc(T_XADD, 4, 1, 0, 0),
         enc(T_HALT, 0, 0, 0, 0));
    t->r[1] = 0x8ffd;
    t->r[2] = 0x8877665544332211u;
    t->r[4] = 1;
    t->perm[9] = MMU_R;
    memset(m->mem + 0x8ff8, 0, 16);
    run(t, 0x1000);
    g_assert_cmpuint(t->last_excp, ==, EXCP_PF);
    g_assert_cmphex(t->fault_va, ==, 0x9000);
    g_assert_cmphex(*(uint64_t *)(m->mem + 0x8ff8), ==, 0); /* nothing was stored */
    t->perm[9] = 7;
    run(t, 0x1000);
    g_assert_cmphex(t->r[3], ==, 0x8877665544332211u);
    g_assert_cmphex(t->r[4], ==, 0x8877665544332211u);
    uint64_t v;
    memcpy(&v, m->mem + 0x8ffd, 8);
    g_assert_cmphex(v, ==, 0x8877665544332212u);
    machine_free(m);
}

static void test_device(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x1000, enc(T_MOVI, 1, 0, 0, IO_BASE), enc(T_LD, 2, 1, 0, 16), enc(T_ST, 2, 1, 0, 24),
         enc(T_XADD, 3, 1, 0, 8), enc(T_HALT, 0, 0, 0, 0));
    t->r[3] = 5;
    run(t, 0x1000);
    g_assert_cmphex(t->r[2], ==, 0x1122334455667798u);
    g_assert_cmphex(m->io_addr, ==, 8);
    g_assert_cmphex(m->io_last, ==, 0x1122334455667790u + 5);
    g_assert_cmphex(t->r[3], ==, 0x1122334455667790u);
    machine_free(m);
}

/* Stores to the instruction after it, in the same region: the new one must run. */
static void test_smc_in_region(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];
    uint64_t other = enc(T_MOVI, 3, 0, 0, 222);

    CODE(m, 0x1000, enc(T_NOP, 0, 0, 0, 0), enc(T_ADDI, 5, 5, 0, 1), enc(T_ST, 2, 1, 0, 0),
         enc(T_MOVI, 3, 0, 0, 111), enc(T_HALT, 0, 0, 0, 0));
    t->r[1] = 0x1018;
    t->r[2] = other;
    run(t, 0x1000);
    g_assert_cmpuint(t->r[3], ==, 222);
    g_assert_cmpuint(t->r[5], ==, 1);
    /* and the whole once more, from the table */
    t->r[2] = enc(T_MOVI, 3, 0, 0, 333);
    run(t, 0x1000);
    g_assert_cmpuint(t->r[3], ==, 333);
    g_assert_cmpuint(t->r[5], ==, 2);
    machine_free(m);
}

static void test_smc_other_region(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x3000, enc(T_MOVI, 3, 0, 0, 1), enc(T_HALT, 0, 0, 0, 0));
    CODE(m, 0x1000, enc(T_STB, 2, 1, 0, 4), enc(T_JR, 0, 1, 0, 0));
    t->r[1] = 0x3000;
    for (unsigned i = 1; i < 20; i++) {
        t->r[2] = i;
        run(t, 0x1000);
        g_assert_cmpuint(t->r[3], ==, i);
    }
    /* data in the same page, another 64-byte piece: the region stays */
    ExecStats before, after;
    engine_stats(m->engine, &before);
    t->r[1] = 0x3000 + 0x800;
    CODE(m, 0x3800, enc(T_HALT, 0, 0, 0, 0));
    t->r[2] = T_HALT;
    CODE(m, 0x2000, enc(T_STB, 0, 1, 0, 0x100), enc(T_HALT, 0, 0, 0, 0));
    run(t, 0x2000);
    engine_stats(m->engine, &after);
    g_assert_cmpuint(before.invalidations, ==, after.invalidations);
    machine_free(m);
}

static void test_dma_invalidates(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x3000, enc(T_MOVI, 3, 0, 0, 1), enc(T_HALT, 0, 0, 0, 0));
    run(t, 0x3000);
    g_assert_cmpuint(t->r[3], ==, 1);
    uint64_t code = enc(T_MOVI, 3, 0, 0, 2);
    address_space_write(address_space_memory(m->vm), 0x3000, MEM_ATTRS_NONE, &code, 8);
    run(t, 0x3000);
    g_assert_cmpuint(t->r[3], ==, 2);
    machine_free(m);
}

static void test_dirty(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];
    RamAddr a = ram_block_addr(m->ram.ram) + 0x9000;

    CODE(m, 0x1000, enc(T_ST, 2, 1, 0, 0), enc(T_HALT, 0, 0, 0, 0));
    t->r[1] = 0x9000;
    run(t, 0x1000);
    ram_dirty_client_enable(m->vm, DIRTY_MIGRATION, true);
    ram_dirty_test_and_clear(m->vm, ram_block_addr(m->ram.ram), RAM_SIZE, DIRTY_MIGRATION);
    g_assert_false(ram_dirty_get(m->vm, a, DIRTY_MIGRATION));
    t->r[2] = 99;
    run(t, 0x1000);
    g_assert_true(ram_dirty_get(m->vm, a, DIRTY_MIGRATION));
    g_assert_false(ram_dirty_get(m->vm, a + 0x1000, DIRTY_MIGRATION));
    /* now the store goes straight, until the next cleaning */
    run(t, 0x1000);
    ram_dirty_test_and_clear(m->vm, a, 0x1000, DIRTY_MIGRATION);
    run(t, 0x1000);
    g_assert_true(ram_dirty_get(m->vm, a, DIRTY_MIGRATION));
    machine_free(m);
}

/* Cleaning again what is clean must not make it writable. */
static void test_cleaned_twice(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];
    RamAddr ram = ram_block_addr(m->ram.ram), a = ram + 0x9000;

    CODE(m, 0x1000, enc(T_LD, 3, 1, 0, 0), enc(T_HALT, 0, 0, 0, 0));
    CODE(m, 0x2000, enc(T_ST, 2, 1, 0, 0), enc(T_HALT, 0, 0, 0, 0));
    t->r[1] = 0x9000;
    run(t, 0x1000);
    run(t, 0x2000);
    ram_dirty_client_enable(m->vm, DIRTY_MIGRATION, true);
    for (unsigned times = 1; times <= 4; times++) {
        for (unsigned i = 0; i < times; i++) {
            ram_dirty_set(m->vm, ram + 0x20000, 1, DIRTY_MASK(DIRTY_MIGRATION));
            ram_dirty_test_and_clear(m->vm, ram, RAM_SIZE, DIRTY_MIGRATION);
        }
        run(t, 0x1000);
        run(t, 0x2000);
        g_assert_true(ram_dirty_get(m->vm, a, DIRTY_MIGRATION));
    }
    machine_free(m);
}

/* A page that may not be written keeps being refused, however often its block is cleaned. */
static void test_cleaned_readonly(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];
    RamAddr ram = ram_block_addr(m->ram.ram);

    CODE(m, 0x1000, enc(T_LD, 3, 1, 0, 0), enc(T_HALT, 0, 0, 0, 0));
    CODE(m, 0x2000, enc(T_ST, 2, 1, 0, 0), enc(T_HALT, 0, 0, 0, 0));
    t->perm[9] = MMU_R;
    t->stop_on_fault = true;
    t->r[1] = 0x9000;
    t->r[2] = 77;
    run(t, 0x1000);
    ram_dirty_client_enable(m->vm, DIRTY_MIGRATION, true);
    for (unsigned times = 1; times <= 3; times++) {
        ram_dirty_set(m->vm, ram + 0x20000, 1, DIRTY_MASK(DIRTY_MIGRATION));
        ram_dirty_test_and_clear(m->vm, ram, RAM_SIZE, DIRTY_MIGRATION);
        unsigned before = t->n_faults;
        run(t, 0x2000);
        g_assert_cmpuint(t->n_faults, ==, before + 1);
        g_assert_cmpuint(m->mem[0x9000], !=, 77);
        run(t, 0x1000);
    }
    machine_free(m);
}

/* A vCPU on its way to store to a page that another one takes for code, and that is then cleaned:
 * its store is still seen. */
static void test_store_under_way(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];
    CpuPriv *p = priv_of(&t->parent);
    RamAddr a = ram_block_addr(m->ram.ram) + 0x9000;
    uint64_t seq;

    CODE(m, 0x1000, enc(T_ST, 2, 1, 0, 0), enc(T_HALT, 0, 0, 0, 0));
    t->r[1] = 0x9000;
    ram_dirty_client_enable(m->vm, DIRTY_MIGRATION, true);
    run(t, 0x1000);
    p->in_exec = p->started = true; /* as if it stood between tag check and store */
    CodePage *code = tb_page_pin(m->engine, a, &seq);
    ram_dirty_test_and_clear(m->vm, a, 0x1000, DIRTY_MIGRATION);
    g_assert_false(ram_dirty_get(m->vm, a, DIRTY_MIGRATION));
    g_assert_nonnull(p->work);
    p->in_exec = p->started = false;
    for (CpuWork *w = p->work; w; w = p->work) {
        p->work = w->next;
        w->fn(&t->parent, w->opaque);
        g_free(w);
    }
    p->work_tail = &p->work;
    g_assert_true(ram_dirty_get(m->vm, a, DIRTY_MIGRATION));
    tb_page_unpin(m->engine, code);
    machine_free(m);
}

static void test_tlb_flush(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x1000, enc(T_LD, 2, 1, 0, 0), enc(T_HALT, 0, 0, 0, 0));
    t->r[1] = 0x9000;
    run(t, 0x1000);
    unsigned walks = t->walks;
    run(t, 0x1000);
    g_assert_cmpuint(t->walks, ==, walks);
    cpu_tlb_flush_page(&t->parent, 0x9008);
    t->perm[9] = 0;
    run(t, 0x1000);
    g_assert_cmpuint(t->last_excp, ==, EXCP_PF);
    t->perm[9] = 7;
    t->last_excp = 0;
    run(t, 0x1000);
    g_assert_cmpuint(t->last_excp, ==, 0);
    /* a page that is not executable any more */
    cpu_tlb_flush(&t->parent);
    t->perm[1] = MMU_R | MMU_W;
    run(t, 0x1000);
    g_assert_cmpuint(t->last_excp, ==, EXCP_PF);
    g_assert_cmpuint(t->parent.excp_error, ==, MMU_ACCESS_EXEC);
    machine_free(m);
}

static void test_fetch_straddles(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x1ff4 - 8, enc(T_MOVI, 1, 0, 0, 5), enc(T_ADDI, 1, 1, 0, 2), enc(T_ADDI, 1, 1, 0, 3),
         enc(T_HALT, 0, 0, 0, 0));
    t->perm[2] = MMU_R;
    run(t, 0x1ff4 - 8);
    g_assert_cmpuint(t->last_excp, ==, EXCP_PF);
    g_assert_cmphex(t->fault_va, ==, 0x2000);
    g_assert_cmphex(t->fault_pc, ==, 0x1ffc);
    g_assert_cmpuint(t->r[1], ==, 7);
    t->perm[2] = 7;
    run(t, 0x1ffc);
    g_assert_cmpuint(t->r[1], ==, 10);
    machine_free(m);
}

static void test_debug(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];
    CpuState *cpu = &t->parent;

    CODE(m, 0x1000, enc(T_MOVI, 1, 0, 0, 5), enc(T_MOVI, 2, 0, 0, 0x9000), enc(T_ST, 1, 2, 0, 0),
         enc(T_MOVI, 1, 0, 0, 9), enc(T_HALT, 0, 0, 0, 0));
    cpu_breakpoint_insert(cpu, 0x1008);
    t->pc = 0x1000;
    cpu_exec(cpu); /* returns at the stop */
    g_assert_cmphex(t->pc, ==, 0x1008);
    g_assert_cmpuint(t->r[1], ==, 5);
    cpu_breakpoint_remove(cpu, 0x1008);
    cpu->singlestep = 1;
    cpu_exec(cpu);
    g_assert_cmphex(t->pc, ==, 0x1010);
    cpu->singlestep = 0;
    cpu_watchpoint_insert(cpu, 0x9004, 1, CPU_WATCH_WRITE);
    cpu_exec(cpu);
    g_assert_cmphex(t->pc, ==, 0x1018);
    g_assert_cmphex(cpu->watch_hit, ==, 0x9004);
    g_assert_cmpuint(m->mem[0x9000], ==, 5);
    g_assert_cmpuint(t->r[1], ==, 5);
    cpu_watchpoint_remove(cpu, 0x9004, 1, CPU_WATCH_WRITE);
    run(t, t->pc);
    g_assert_cmpuint(t->r[1], ==, 9);
    machine_free(m);
}

/* ---- threads ---- */

static void wait_halted(Machine *m, ToyCpu *t)
{
    for (;;) {
        cpu_pause(&t->parent);
        if (t->parent.halted) {
            return;
        }
        cpu_resume(&t->parent);
        g_usleep(100);
    }
}

static void test_two_cpus_add(gconstpointer data)
{
    Machine *m = machine_new(data);

    vm_lock(m->vm);
    add_cpu(m);
    vm_unlock(m->vm);
    /* aligned and page-crossing counters, each by both */
    CODE(m, 0x1000, enc(T_MOVI, 1, 0, 0, 20000), enc(T_MOVI, 5, 0, 0, 0),
         /* 0x1010 */ enc(T_MOVI, 2, 0, 0, 1), enc(T_XADD, 2, 3, 0, 0), enc(T_ADDI, 1, 1, 0, -1),
         enc(T_BNE, 0, 1, 5, 0x1010), enc(T_MOVI, 1, 0, 0, 300),
         /* 0x1038 */ enc(T_MOVI, 2, 0, 0, 1), enc(T_XADD, 2, 4, 0, 0), enc(T_ADDI, 1, 1, 0, -1),
         enc(T_BNE, 0, 1, 5, 0x1038), enc(T_HALT, 0, 0, 0, 0));
    for (unsigned i = 0; i < 2; i++) {
        ToyCpu *t = m->cpu[i];
        t->pc = 0x1000;
        t->r[3] = 0x9000;
        t->r[4] = 0xaffc;
        cpu_start(&t->parent);
    }
    vm_lock(m->vm);
    engine_resume_all(m->engine);
    vm_unlock(m->vm);
    wait_halted(m, m->cpu[0]);
    wait_halted(m, m->cpu[1]);
    g_assert_cmpuint(*(uint64_t *)(m->mem + 0x9000), ==, 40000);
    uint64_t v;
    memcpy(&v, m->mem + 0xaffc, 8);
    g_assert_cmpuint(v, ==, 600);
    machine_free(m);
}

static void count_work(CpuState *cpu, void *opaque)
{
    g_assert_true(cpu_current() == cpu);
    __atomic_add_fetch((unsigned *)opaque, 1, __ATOMIC_SEQ_CST);
}

static void test_interrupt_and_work(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];
    unsigned ran = 0;

    /* spins until an interrupt sets r15, then halts; woken by another, halts again */
    CODE(m, 0x1000, enc(T_BNE, 0, 15, 14, 0x1010), enc(T_JMP, 0, 0, 0, 0x1000),
         enc(T_HALT, 0, 0, 0, 0), enc(T_MOVI, 7, 0, 0, 1), enc(T_HALT, 0, 0, 0, 0));
    t->pc = 0x1000;
    vm_lock(m->vm);
    cpu_start(&t->parent);
    cpu_resume(&t->parent);
    cpu_run_on(&t->parent, count_work, &ran);
    g_assert_cmpuint(ran, ==, 1);
    cpu_pause(&t->parent);
    g_assert_cmpuint(t->n_irqs, ==, 0);
    cpu_run_on(&t->parent, count_work, &ran); /* also while stopped */
    g_assert_cmpuint(ran, ==, 2);
    cpu_resume(&t->parent);
    vm_unlock(m->vm);
    cpu_interrupt(&t->parent, CPU_IRQ_HARD);
    wait_halted(m, t);
    g_assert_cmpuint(t->n_irqs, ==, 1);
    g_assert_cmpuint(t->r[7], ==, 0);
    cpu_interrupt(&t->parent, CPU_IRQ_HARD);
    cpu_resume(&t->parent);
    for (;;) {
        cpu_pause(&t->parent);
        if (t->r[7]) {
            break;
        }
        cpu_resume(&t->parent);
        g_usleep(100);
    }
    wait_halted(m, t);
    g_assert_cmpuint(t->n_irqs, ==, 2);
    machine_free(m);
}

static bool open_by_r13(const CpuState *cpu, uint32_t request)
{
    return ((const ToyCpu *)cpu)->r[13];
}

/* What is masked is not polled; what was pending is taken when the mask is gone. */
static void test_masked_interrupt(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    toy_ops.irq_open = open_by_r13;
    CODE(m, 0x1000, enc(T_MOVI, 2, 0, 0, 0x2000), enc(T_JR, 0, 2, 0, 0));
    CODE(m, 0x2000, enc(T_ADD, 5, 15, 15, 0), enc(T_MOVI, 13, 0, 0, 1),
         enc(T_MOVI, 2, 0, 0, 0x3000), enc(T_JR, 0, 2, 0, 0));
    CODE(m, 0x3000, enc(T_HALT, 0, 0, 0, 0));
    t->r[5] = 7;
    cpu_interrupt(&t->parent, CPU_IRQ_HARD);
    run(t, 0x1000);
    toy_ops.irq_open = NULL;
    g_assert_cmpuint(t->r[5], ==, 0); /* r15, before the interrupt set it */
    g_assert_cmpuint(t->r[15], ==, 1);
    g_assert_cmpuint(t->n_irqs, ==, 1);
    machine_free(m);
}

/* One vCPU runs a function in a loop, the other rewrites its immediate; in the end both agree. */
static void test_cross_modify(gconstpointer data)
{
    Machine *m = machine_new(data);

    vm_lock(m->vm);
    add_cpu(m);
    vm_unlock(m->vm);
    /* cpu 0: until r3 == r2 keep calling 0x3000 */
    CODE(m, 0x1000, enc(T_MOVI, 4, 0, 0, 0x3000), enc(T_JR, 0, 4, 0, 0),
         /* 0x1010 */ enc(T_BNE, 0, 3, 2, 0x1000), enc(T_HALT, 0, 0, 0, 0));
    CODE(m, 0x3000, enc(T_MOVI, 3, 0, 0, 0), enc(T_MOVI, 4, 0, 0, 0x1010), enc(T_JR, 0, 4, 0, 0));
    /* cpu 1: store 1..2000 into the immediate */
    CODE(m, 0x2000, enc(T_ADDI, 1, 1, 0, 1), enc(T_STB, 1, 6, 0, 4), enc(T_BNE, 0, 1, 2, 0x2000),
         enc(T_HALT, 0, 0, 0, 0));
    m->cpu[0]->pc = 0x1000;
    m->cpu[0]->r[2] = 2000 & 0xff;
    m->cpu[1]->pc = 0x2000;
    m->cpu[1]->r[2] = 2000;
    m->cpu[1]->r[6] = 0x3000;
    for (unsigned i = 0; i < 2; i++) {
        cpu_start(&m->cpu[i]->parent);
    }
    vm_lock(m->vm);
    engine_resume_all(m->engine);
    vm_unlock(m->vm);
    wait_halted(m, m->cpu[1]);
    wait_halted(m, m->cpu[0]);
    g_assert_cmpuint(m->cpu[0]->r[3], ==, 2000 & 0xff);
    machine_free(m);
}

static void test_eviction(gconstpointer data)
{
    ExecConfig config = { .cache_bytes = 64 * 1024, .max_insns = 4 };
    Machine *m = machine_new(&config);
    ToyCpu *t = m->cpu[0];
    uint32_t at = 0x10000;

    for (unsigned i = 0; i < 4000; i++, at += 8) {
        CODE(m, at, enc(T_ADDI, 1, 1, 0, 1));
    }
    CODE(m, at, enc(T_HALT, 0, 0, 0, 0));
    for (unsigned k = 0; k < 3; k++) {
        run(t, 0x10000);
    }
    g_assert_cmpuint(t->r[1], ==, 12000);
    ExecStats s;
    engine_stats(m->engine, &s);
    g_assert_cmpuint(s.tb_bytes, <=, 64 * 1024);
    machine_free(m);
}

static Tb *region_at(Machine *m, uint64_t pc)
{
    const TbKey key = { .pc = pc, .vaddr = pc };

    return tb_find(&m->cpu[0]->parent, &key, pc, 0);
}

/* r1 counts to r2 on the way over 0x1010, which a branch leads to. */
static void count_over_branch(Machine *m, unsigned times)
{
    ToyCpu *t = m->cpu[0];

    t->r[1] = t->r[3] = t->r[5] = 0;
    t->r[2] = times;
    run(t, 0x1000);
    g_assert_cmpuint(t->r[3], ==, times * (times + 1) / 2);
}

/* What runs often is translated again, as one region, along the side of the branch that was taken. */
static void test_hot(void)
{
    static const ExecConfig config = { .jit = true, .hot_after = 50 };
    Machine *m = machine_new(&config);

    CODE(m, 0x1000, enc(T_ADDI, 1, 1, 0, 1), enc(T_BNE, 0, 1, 5, 0x1018), enc(T_HALT, 0, 0, 0, 0),
         /* 0x1018 */ enc(T_ADD, 3, 3, 1, 0), enc(T_BNE, 0, 1, 2, 0x1000), enc(T_HALT, 0, 0, 0, 0));
    if (m->engine->host) { /* without native code there are no drafts */
        count_over_branch(m, 40);
        g_assert_true(region_at(m, 0x1000)->draft);
        g_assert_cmpuint(region_at(m, 0x1000)->n_insns, ==, 2);
        g_assert_cmpuint(region_at(m, 0x1018)->n_insns, ==, 2);
        count_over_branch(m, 100);
        Tb *tb = region_at(m, 0x1000);
        g_assert_false(tb->draft);
        g_assert_cmpuint(tb->n_insns, ==, 5);
        g_assert_null(tb->hash_next);
        g_assert_true(region_at(m, 0x1018)->draft); /* nothing comes there any more */
        count_over_branch(m, 1000);
        g_assert_true(region_at(m, 0x1000) == tb);
        ExecStats s;
        engine_stats(m->engine, &s);
        g_assert_cmpuint(s.translations, ==, 4); /* and the last instruction alone */
    }
    machine_free(m);
}

/* Native code is written through one mapping and runs in another. */
static void test_write_xor_execute(void)
{
    static const ExecConfig config = { .jit = true };
    Machine *m = machine_new(&config);
    g_autofree char *maps = NULL;
    ExecStats stats;

    CODE(m, 0x1000, enc(T_ADDI, 1, 1, 0, 1), enc(T_BNE, 0, 1, 2, 0x1000), enc(T_HALT, 0, 0, 0, 0));
    m->cpu[0]->r[2] = 1000;
    run(m->cpu[0], 0x1000);
    engine_stats(m->engine, &stats);
    g_assert_true(g_file_get_contents("/proc/self/maps", &maps, NULL, NULL));
    g_assert_null(strstr(maps, " rwx"));
    g_assert_null(strstr(maps, " -wx"));
    if (m->engine->host) { /* else the host cannot run it */
        g_assert_cmpuint(stats.native_regions, >, 0);
    }
    machine_free(m);
}

static void test_parser_rejects(void)
{
    static const char *const bad[] = {
        "v1:i64 = frobnicate v2", "v1:i64 = add v2, v3",    "put v1, @r1", "v1:i64 = get @nosuch",
        "v1:i64 = const 7",       "v1:i64 = load v9, [64]", "label",       "v1:i99 = const #1",
    };
    IrBuilder *b = ir_builder_new(&toy_ops.slots);

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(ir_parse(b, bad[i], NULL, &error));
        g_assert_error(error, FERRY_EXEC_ERROR, FERRY_EXEC_ERROR_IR_SYNTAX);
    }
    g_autoptr(GError) error = NULL;
    /* a value that a branch skips */
    g_assert_true(ir_parse(b,
                           "v1:i64 = get @r1\nbrcond.eq v1, v1, L0\nv2:i64 = get @r2\nlabel L0\n"
                           "put v2, @r3\nexit_direct #0x10\n",
                           NULL, &error));
    g_assert_false(ir_verify(b, &error));
    g_assert_error(error, FERRY_EXEC_ERROR, FERRY_EXEC_ERROR_IR_INVALID);
    ir_builder_free(b);
}

int main(int argc, char **argv)
{
    static const ExecConfig plain = { 0 }, no_opt = { .no_opt = true },
                            single = { .single_thread = true }, jit = { .jit = true },
                            jit_no_opt = { .jit = true, .no_opt = true },
                            hot = { .jit = true, .hot_after = 2 };
    static const struct {
        const char *name;
        void (*fn)(gconstpointer);
    } both[] = {
        { "a-loop-runs-through-chained-regions", test_loop },
        { "a-fault-rolls-back-to-the-start-of-its-instruction", test_fault_rolls_back },
        { "a-conditional-raise-sees-earlier-instructions-only", test_raise_if },
        { "a-loop-within-an-instruction-restarts-after-a-fault", test_rep_restarts },
        { "a-helper-can-make-the-state-precise", test_sync_state },
        { "a-crossing-store-checks-both-pages-first", test_cross_page },
        { "devices-are-read-and-written", test_device },
        { "code-overwritten-in-its-own-region-runs-new", test_smc_in_region },
        { "code-overwritten-elsewhere-runs-new", test_smc_other_region },
        { "code-overwritten-by-a-device-runs-new", test_dma_invalidates },
        { "the-first-store-after-cleaning-sets-dirty-bits", test_dirty },
        { "cleaning-twice-does-not-hide-a-store", test_cleaned_twice },
        { "cleaning-does-not-make-a-page-writable", test_cleaned_readonly },
        { "a-store-under-way-to-a-page-that-becomes-code-is-seen", test_store_under_way },
        { "flushed-pages-are-walked-again", test_tlb_flush },
        { "an-instruction-across-pages-faults-on-the-second", test_fetch_straddles },
        { "breakpoint-step-watchpoint-stop", test_debug },
        { "two-vcpus-add-atomically", test_two_cpus_add },
        { "interrupt-wakes-and-work-runs-on-its-thread", test_interrupt_and_work },
        { "masked-interrupt-waits-and-nobody-asks", test_masked_interrupt },
        { "code-modified-by-another-vcpu-is-seen", test_cross_modify },
        { "translations-are-bounded", test_eviction },
    };

    g_test_init(&argc, &argv, NULL);
    toy_tables();
    for (unsigned i = 0; i < G_N_ELEMENTS(both); i++) {
        g_autofree char *a = g_strdup_printf("/exec/optimised/%s", both[i].name);
        g_autofree char *b = g_strdup_printf("/exec/plain/%s", both[i].name);
        g_autofree char *c = g_strdup_printf("/exec/single/%s", both[i].name);
        g_autofree char *d = g_strdup_printf("/exec/native/%s", both[i].name);
        g_autofree char *n = g_strdup_printf("/exec/native-plain/%s", both[i].name);
        g_autofree char *h = g_strdup_printf("/exec/hot/%s", both[i].name);
        g_test_add_data_func(d, &jit, both[i].fn);
        g_test_add_data_func(h, &hot, both[i].fn);
        g_test_add_data_func(n, &jit_no_opt, both[i].fn);
        g_test_add_data_func(a, &plain, both[i].fn);
        g_test_add_data_func(b, &no_opt, both[i].fn);
        g_test_add_data_func(c, &single, both[i].fn);
    }
    g_test_add_func("/exec/native/what-is-hot-is-translated-again-along-the-way-taken", test_hot);
    g_test_add_func("/exec/native/no-memory-is-writable-and-executable", test_write_xor_execute);
    g_test_add_func("/exec/ir/the-parser-rejects-nonsense", test_parser_rejects);
    return g_test_run();
}
