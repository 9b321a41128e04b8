/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine under a toy instruction set: IR ops against expected values, laziness of puts and
 * snapshots, faults, self-modifying code, the TLB, dirty bits, crossing stores, atomics, several
 * vCPUs, and random IR programs optimised against not optimised.
 *
 * Toy ISA: 8 bytes an instruction: op, rd, ra, rb, imm32 (little-endian). 16 registers of 64 bits,
 * two 256-bit vector registers, one flat page table: va -> pa identity below 16 MiB, with per-page
 * permission bytes held in the CPU struct.
 */
#include <string.h>
#include "base/core/vm.h"
#include "base/memory/space.h"
#include "exec/exec-priv.h"
#include "exec/ir/ir-priv.h"

enum {
    T_HALT,
    T_MOVI,
    T_ADD,
    T_ADDI,
    T_LD,
    T_ST,
    T_BNE,
    T_JMP,
    T_JR,
    T_XADD,
    T_PUSH2,
    T_SVC,
    T_NOP,
    T_DIV,
    T_REP,
    T_STB,
    T_CALLSYNC,
    T_MUL,
};

#define RAM_SIZE (1u << 20)
#define IO_BASE  0x800000u
#define N_PAGES  4096

typedef struct ToyCpu {
    CpuState parent;
    uint64_t pc;
    uint64_t r[16];
    IrVec v[2];
    uint64_t flag;
    uint8_t perm[N_PAGES]; /* MMU_R.. */
    unsigned last_excp;
    uint64_t fault_va, fault_pc;
    unsigned n_faults, n_irqs, walks;
    uint64_t seen_pc, seen_r1;
    bool stop_on_fault;
} ToyCpu;

static ToyCpu *toy(CpuState *cpu)
{
    return (ToyCpu *)cpu;
}

#define S_R(i) (i)
enum {
    S_V0 = 16,
    S_V1,
    S_V0LO,
    S_FLAG,
    S_COUNT
};
static IrSlotDesc toy_slots[S_COUNT];

enum {
    EXCP_SVC = 1,
    EXCP_PF = 2,
    EXCP_DIV = 3
};

static void toy_key(CpuState *cpu, TbKey *key)
{
    *key = (TbKey){ .pc = toy(cpu)->pc, .vaddr = toy(cpu)->pc };
}

static bool toy_mmu(CpuState *cpu, GuestVirt va, MmuAccess access, unsigned mmu, bool probe,
                    MmuResult *res)
{
    ToyCpu *t = toy(cpu);
    uint64_t page = va >> 12;

    t->walks++;
    if (page >= N_PAGES || !(t->perm[page] >> access & 1)) {
        if (probe) {
            return false;
        }
        t->fault_va = va;
        cpu_raise(cpu, EXCP_PF, access);
    }
    res->phys = va;
    res->prot = t->perm[page];
    return true;
}

static unsigned toy_fetch_idx(CpuState *cpu)
{
    return 0;
}

static void toy_interrupt(CpuState *cpu)
{
    ToyCpu *t = toy(cpu);

    t->last_excp = cpu->exception;
    t->fault_pc = t->pc;
    t->n_faults++;
    if (cpu->exception == EXCP_SVC) {
        t->pc += 8;
    } else if (t->stop_on_fault) {
        cpu->halted = 1;
    } else {
        t->pc += 8;
    }
}

static bool toy_poll(CpuState *cpu, uint32_t request)
{
    if (request & CPU_IRQ_HARD) {
        cpu_reset_interrupt(cpu, CPU_IRQ_HARD);
        toy(cpu)->n_irqs++;
        toy(cpu)->r[15] = 1;
        return true;
    }
    return false;
}

static bool toy_has_work(CpuState *cpu)
{
    return cpu_irq_pending(cpu) != 0;
}

static uint64_t helper_toy_halt(CpuState *cpu, uint64_t next)
{
    cpu_set_pc(cpu, next);
    cpu_halt(cpu);
}
static const HELPER(toy_halt, IR_VOID, HELPER_STATE | HELPER_NORETURN, HARG_I64);

static uint64_t helper_toy_sync(CpuState *cpu, uint64_t a)
{
    cpu_sync_state(cpu);
    toy(cpu)->seen_pc = toy(cpu)->pc;
    toy(cpu)->seen_r1 = toy(cpu)->r[1];
    return a + 1;
}
static const HELPER(toy_sync, IR_I64, HELPER_FAULTS, HARG_I64);

static int toy_branch(TransCtx *c, uint8_t op, uint8_t d, uint8_t a, uint8_t bb, uint64_t imm)
{
    IrBuilder *b = c->b;

    switch (op) {
    case T_BNE:
        ir_exit_direct_if(b, IR_NE, ir_get(b, S_R(a)), ir_get(b, S_R(bb)), imm);
        return TRANS_NEXT;
    case T_JMP:
        if (trans_may_follow(c, imm)) {
            c->next_pc = imm;
            return TRANS_NEXT;
        }
        ir_exit_direct(b, imm);
        return TRANS_END;
    case T_JR: ir_exit_indirect(b, ir_get(b, S_R(a))); return TRANS_END;
    case T_SVC: ir_raise(b, EXCP_SVC, 7); return TRANS_END;
    default: ir_call(b, &hd_toy_halt, ir_c64(b, c->next_pc)); return TRANS_END;
    }
}

/* rd times: store byte rb at ra, ra++ ; restartable */
static void toy_rep(IrBuilder *b, uint8_t d, uint8_t a, uint8_t bb)
{
    IrLabel head = ir_label_new(b), done = ir_label_new(b);

    ir_label(b, head);
    IrVal n = ir_get(b, S_R(d));
    ir_brcondi(b, IR_EQ, n, 0, done);
    IrVal p = ir_get(b, S_R(a));
    ir_store(b, p, ir_get(b, S_R(bb)), MO_8);
    ir_put(b, S_R(a), ir_addi(b, p, 1));
    ir_put(b, S_R(d), ir_subi(b, n, 1));
    ir_br(b, head);
    ir_label(b, done);
}

static int toy_insn(TransCtx *c)
{
    IrBuilder *b = c->b;
    uint8_t op = trans_fetch8(c), d = trans_fetch8(c) & 15, a = trans_fetch8(c) & 15;
    uint8_t bb = trans_fetch8(c) & 15;
    uint64_t imm = (uint64_t)(int32_t)trans_fetch32(c);

    trans_advance(c);
    switch (op) {
    case T_MOVI: ir_put(b, S_R(d), ir_c64(b, imm)); break;
    case T_ADD: ir_put(b, S_R(d), ir_add(b, ir_get(b, S_R(a)), ir_get(b, S_R(bb)))); break;
    case T_MUL: ir_put(b, S_R(d), ir_mul(b, ir_get(b, S_R(a)), ir_get(b, S_R(bb)))); break;
    case T_ADDI: ir_put(b, S_R(d), ir_addi(b, ir_get(b, S_R(a)), imm)); break;
    case T_LD:
        ir_put(b, S_R(d), ir_load(b, IR_I64, ir_addi(b, ir_get(b, S_R(a)), imm), MO_64));
        break;
    case T_ST: ir_store(b, ir_addi(b, ir_get(b, S_R(a)), imm), ir_get(b, S_R(d)), MO_64); break;
    case T_STB: ir_store(b, ir_addi(b, ir_get(b, S_R(a)), imm), ir_get(b, S_R(d)), MO_8); break;
    case T_XADD:
        ir_put(b, S_R(d),
               ir_atomic(b, IR_RMW_ADD, ir_addi(b, ir_get(b, S_R(a)), imm), ir_get(b, S_R(d)),
                         MO_64));
        break;
    case T_PUSH2: /* moves the pointer first: must roll back when the second store faults */
        ir_put(b, S_R(a), ir_subi(b, ir_get(b, S_R(a)), 16));
        ir_store(b, ir_addi(b, ir_get(b, S_R(a)), 8), ir_get(b, S_R(d)), MO_64);
        ir_store(b, ir_get(b, S_R(a)), ir_get(b, S_R(bb)), MO_64);
        break;
    case T_DIV:
        ir_put(b, S_FLAG, ir_c64(b, 1));
        ir_raise_if(b, IR_EQ, ir_get(b, S_R(bb)), ir_c64(b, 0), EXCP_DIV, 0);
        ir_put(b, S_R(d), ir_divu(b, ir_get(b, S_R(a)), ir_get(b, S_R(bb))));
        break;
    case T_REP: toy_rep(b, d, a, bb); break;
    case T_CALLSYNC: ir_put(b, S_R(d), ir_call(b, &hd_toy_sync, ir_get(b, S_R(a)))); break;
    case T_NOP: break;
    default: return toy_branch(c, op, d, a, bb, imm);
    }
    return TRANS_NEXT;
}

static CpuTargetOps toy_ops = {
    .name = "toy",
    .insn_max_bytes = 8,
    .mmu_modes = 2,
    .pc_offset = offsetof(ToyCpu, pc),
    .slots = { toy_slots, S_COUNT },
    .get_tb_key = toy_key,
    .translate_insn = toy_insn,
    .mmu_translate = toy_mmu,
    .fetch_mmu_idx = toy_fetch_idx,
    .do_interrupt = toy_interrupt,
    .poll_interrupt = toy_poll,
    .has_work = toy_has_work,
};

static void toy_tables(void)
{
    static char names[16][4];

    for (unsigned i = 0; i < 16; i++) {
        g_snprintf(names[i], sizeof(names[i]), "r%u", i);
        toy_slots[i] = (IrSlotDesc){ names[i], offsetof(ToyCpu, r) + 8 * i, IR_I64, 8 };
    }
    toy_slots[S_V0] = (IrSlotDesc){ "v0", offsetof(ToyCpu, v), IR_V256, 32 };
    toy_slots[S_V1] = (IrSlotDesc){ "v1", offsetof(ToyCpu, v) + 32, IR_V256, 32 };
    toy_slots[S_V0LO] = (IrSlotDesc){ "v0lo", offsetof(ToyCpu, v), IR_V128, 16 };
    toy_slots[S_FLAG] = (IrSlotDesc){ "flag", offsetof(ToyCpu, flag), IR_I64, 8 };
}

/* ---- a small machine ---- */

typedef struct Machine {
    Vm *vm;
    MemoryRegion ram, io;
    uint8_t *mem;
    uint64_t io_last, io_addr;
    ExecEngine *engine;
    ToyCpu *cpu[4];
    unsigned n;
} Machine;

static uint64_t dev_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0x1122334455667788u + addr;
}
static void dev_write(void *opaque, uint64_t addr, uint64_t v, unsigned size)
{
    Machine *m = opaque;

    m->io_last = v;
    m->io_addr = addr;
}
static const RegionOps dev_ops = { .read = dev_read, .write = dev_write };

static ToyCpu *add_cpu(Machine *m)
{
    ToyCpu *t = g_aligned_alloc0(1, sizeof(ToyCpu), 64);

    memset(t->perm, MMU_R | MMU_W | MMU_X, sizeof(t->perm));
    t->stop_on_fault = true;
    cpu_init(&t->parent, m->engine, &toy_ops, address_space_memory(m->vm));
    m->cpu[m->n++] = t;
    return t;
}

static Machine *machine_new(const ExecConfig *config)
{
    Machine *m = g_new0(Machine, 1);
    TypeRegistry *reg = type_registry_new();

    type_registry_seal(reg);
    m->vm = vm_new(reg);
    vm_lock(m->vm);
    g_assert_true(memory_setup(m->vm, NULL));
    g_assert_true(memory_region_init_ram(&m->ram, m->vm, NULL, "ram", RAM_SIZE, NULL));
    memory_region_add(memory_system_region(m->vm), 0, &m->ram);
    memory_region_init_io(&m->io, m->vm, NULL, &dev_ops, m, "dev", 0x1000);
    memory_region_add(memory_system_region(m->vm), IO_BASE, &m->io);
    m->mem = memory_region_ram_ptr(&m->ram);
    m->engine = engine_new(m->vm, config);
    add_cpu(m);
    vm_unlock(m->vm);
    return m;
}

static void machine_free(Machine *m)
{
    vm_lock(m->vm);
    for (unsigned i = 0; i < m->n; i++) {
        cpu_clear(&m->cpu[i]->parent);
        g_aligned_free(m->cpu[i]);
    }
    engine_free(m->engine);
    memory_region_clear(&m->io);
    memory_region_clear(&m->ram);
    memory_teardown(m->vm);
    vm_unlock(m->vm);
    vm_free(m->vm);
    g_free(m);
}

static uint64_t enc(uint8_t op, uint8_t d, uint8_t a, uint8_t b, uint32_t imm)
{
    return op | (uint64_t)d << 8 | (uint64_t)a << 16 | (uint64_t)b << 24 | (uint64_t)imm << 32;
}

static void put_code(Machine *m, uint32_t at, const uint64_t *code, unsigned n)
{
    memcpy(m->mem + at, code, n * 8);
}
#define CODE(m, at, ...)                             \
    do {                                             \
        const uint64_t code_[] = { __VA_ARGS__ };    \
        put_code(m, at, code_, G_N_ELEMENTS(code_)); \
    } while (0)

/* Run without a thread until the guest halts. */
static void run(ToyCpu *t, uint64_t pc)
{
    t->pc = pc;
    t->parent.halted = 0;
    while (!t->parent.halted) {
        cpu_exec(&t->parent);
    }
}

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

/* ---- IR: run a hand-made region on the toy CPU ---- */

static void run_ir(ToyCpu *t, IrBuilder *raw, bool optimise)
{
    CpuState *cpu = &t->parent;
    CpuPriv *p = cpu->priv;
    Tb *tb = g_new0(Tb, 1);
    g_autoptr(GError) error = NULL;

    g_assert_true(ir_verify(raw, &error));
    opt_lower(raw, p->low, cpu->engine->slot_map, optimise);
    if (optimise) {
        opt_dead(p->low);
    }
    ir_verify(p->low, &error);
    if (error) {
        g_autoptr(GString) s = g_string_new(NULL);
        ir_print(raw, s);
        g_string_append(s, "lowered:\n");
        ir_print(p->low, s);
        g_error("%s\n%s", error->message, s->str);
    }
    g_assert_true(interp_compile(tb, p->low));
    tb->n_insns = 1;
    tb->cflags = TBC_ONE;
    if (sigsetjmp(p->jmp, 0) == 0) {
        p->jmp_set = true;
        p->tb = tb;
        cpu_fpenv_load(cpu);
        cpu->exit_request = 0;
        interp_run(cpu, tb);
    }
    cpu_fpenv_save(cpu);
    p->jmp_set = false;
    p->tb = NULL;
    tb_free(tb);
}

static void finish_region(IrBuilder *b)
{
    ir_exit_loop(b, ir_c64(b, 0x4000));
}

static uint64_t eval_in_engine(ToyCpu *t, IrOp op, IrType ty, unsigned sub, uint64_t x, uint64_t y,
                               uint64_t imm)
{
    IrBuilder *b = ir_builder_new(&toy_ops.slots);
    bool q = ty == IR_I64;

    b->no_fold = true;
    ir_insn_start(b, 0x100, 0);
    IrVal a = ir_get(b, S_R(1)), c = ir_get(b, S_R(2)), r;
    if (!q) {
        a = ir_trunc32(b, a);
        c = ir_trunc32(b, c);
    }
    r = ir_emit(b, op, op == IR_TRUNC32 ? IR_I32 : ty, sub, a, ir_op_info[op].nargs > 1 ? c : 0, 0,
                0, imm);
    if (ir_type(b, r) == IR_I32) {
        r = ir_zext32(b, r);
    }
    ir_put(b, S_R(3), r);
    finish_region(b);
    t->r[1] = x;
    t->r[2] = y;
    run_ir(t, b, false);
    ir_builder_free(b);
    return t->r[3];
}

/* The interpreter's integer ops against the folder's evaluation. */
static void test_integer_ops(void)
{
    static const uint64_t samples[] = { 0,
                                        1,
                                        2,
                                        0x7f,
                                        0x80,
                                        0xff,
                                        0x8000,
                                        0x7fffffff,
                                        0x80000000u,
                                        0xffffffffu,
                                        0x123456789abcdef0u,
                                        0x8000000000000000u,
                                        ~(uint64_t)0,
                                        31,
                                        33,
                                        63 };
    Machine *m = machine_new(NULL);
    ToyCpu *t = m->cpu[0];

    for (unsigned op = IR_ADD; op <= IR_SETCOND; op++) {
        for (unsigned k = 0; k < 2 * G_N_ELEMENTS(samples) * G_N_ELEMENTS(samples); k++) {
            IrType ty = k & 1 ? IR_I64 : IR_I32;
            uint64_t mask = ir_type_mask(ty), want;
            uint64_t x = samples[k / 2 % 16], y = samples[k / 32];
            unsigned pos = (unsigned)(x + k) % 20, len = 1 + (unsigned)(y + k) % 12;
            if (op == IR_SEXT32 || op == IR_ZEXT32 || op == IR_TRUNC32 ||
                (op == IR_BSWAP64 && ty == IR_I32)) {
                continue;
            }
            uint64_t imm = ir_op_info[op].immkind == IRI_bits ? pos | len << 8 : 0;
            unsigned sub = op == IR_SETCOND ? k % IR_COND_COUNT : 0;
            g_assert_true(ir_eval(op, ty, sub, x & mask, y & mask, imm, &want));
            uint64_t got = eval_in_engine(t, op, ty, sub, x, y, imm);
            if (got != want) {
                g_error("%s.%s %lx %lx imm %lx: %lx, expected %lx", ir_op_info[op].name,
                        ir_type_name[ty], x, y, imm, got, want);
            }
        }
    }
    machine_free(m);
}

static void test_vector_ops(void)
{
    Machine *m = machine_new(NULL);
    ToyCpu *t = m->cpu[0];
    IrBuilder *b = ir_builder_new(&toy_ops.slots);
    IrVec one = { .d = { 1, 2, 3, 4, 5, 6, 7, 8 } };
    IrVec two = { .d = { 10, 20, 30, 40, 50, 60, 70, 0x80000000u } };

    ir_insn_start(b, 0, 0);
    IrVal x = ir_get(b, S_V0), y = ir_get(b, S_V1);
    IrVal s = ir_vadd(b, V32, x, y);
    ir_put(b, S_R(0), ir_zext32(b, ir_vmovmsk(b, V32, s)));
    ir_put(b, S_R(1), ir_vgetlane(b, IR_I64, V32, s, 2));
    /* low half through the overlapping slot, after a put of the whole */
    ir_put(b, S_V1, s);
    ir_put(b, S_V0, ir_vsub(b, V32, y, x));
    IrVal lo = ir_get(b, S_V0LO);
    ir_put(b, S_R(2), ir_vgetlane(b, IR_I64, V64, lo, 1));
    ir_put(b, S_V0LO, ir_vpshufb(b, lo, ir_vzero(b, IR_V128)));
    ir_put(b, S_R(3), ir_vgetlane(b, IR_I64, V64, ir_get(b, S_V0), 0));
    ir_put(b, S_R(4), ir_vgetlane(b, IR_I64, V64, ir_get(b, S_V0), 2));
    finish_region(b);
    for (unsigned opt = 0; opt < 2; opt++) {
        t->v[0] = one;
        t->v[1] = two;
        run_ir(t, b, opt);
        g_assert_cmphex(t->r[0], ==, 0x80);
        g_assert_cmphex(t->r[1], ==, 33);
        g_assert_cmphex(t->r[2], ==, 27 | (uint64_t)36 << 32);
        g_assert_cmphex(t->r[3], ==, 0x0909090909090909u);
        g_assert_cmphex(t->r[4], ==, 45 | (uint64_t)54 << 32);
        g_assert_cmphex(t->v[1].d[7], ==, 0x80000008u);
    }
    ir_builder_free(b);
    machine_free(m);
}

static void test_fp_ops(void)
{
    Machine *m = machine_new(NULL);
    ToyCpu *t = m->cpu[0];
    IrBuilder *b = ir_builder_new(&toy_ops.slots);

    ir_insn_start(b, 0, 0);
    IrVal x = ir_get(b, S_V0), y = ir_get(b, S_V1);
    IrVal xl = ir_vlo128(b, x), yl = ir_vlo128(b, y);
    ir_put(b, S_R(0), ir_vgetlane(b, IR_I64, V64, ir_vfadd(b, FS64, xl, yl), 0));
    ir_put(b, S_R(1), ir_vgetlane(b, IR_I64, V64, ir_vfmul(b, FS64, xl, yl), 1));
    ir_put(b, S_R(2), ir_vftosi(b, FS64, IR_I64, ir_vfdiv(b, FP64, xl, yl), true));
    ir_put(b, S_R(3), ir_zext32(b, ir_vfcomi(b, FS64, xl, yl, true)));
    ir_put(b, S_R(4),
           ir_vgetlane(b, IR_I64, V64, ir_vfcvtsi(b, FS64, xl, ir_c64(b, (uint64_t)-3)), 0));
    IrVal fma = ir_vfmadd(b, FP64, x, y, x, 0);
    ir_put(b, S_V0, fma);
    finish_region(b);
    t->v[0] = (IrVec){ .lf = { 7.5, 2.0, 1.0, -1.0 } };
    t->v[1] = (IrVec){ .lf = { 2.0, 4.0, 8.0, 0.5 } };
    run_ir(t, b, true);
    double d;
    memcpy(&d, &t->r[0], 8);
    g_assert_cmpfloat(d, ==, 9.5);
    memcpy(&d, &t->r[1], 8);
    g_assert_cmpfloat(d, ==, 2.0);
    g_assert_cmpuint(t->r[2], ==, 3);
    g_assert_cmphex(t->r[3], ==, 0);
    memcpy(&d, &t->r[4], 8);
    g_assert_cmpfloat(d, ==, -3.0);
    g_assert_cmpfloat(t->v[0].lf[0], ==, 22.5);
    g_assert_cmpfloat(t->v[0].lf[3], ==, -1.5);
    ir_builder_free(b);
    machine_free(m);
}

/* ---- random programs ---- */

typedef struct Rand {
    GRand *g;
    IrBuilder *b;
    GArray *ints; /* i64 values usable now */
    GArray *vecs; /* v256 */
} Rand;

static IrVal pick(Rand *r, GArray *a)
{
    return g_array_index(a, IrVal, g_rand_int_range(r->g, 0, a->len));
}

static void add_random_int(Rand *r)
{
    static const uint8_t ops[] = { IR_ADD,  IR_SUB,  IR_MUL,  IR_AND,  IR_OR,   IR_XOR,
                                   IR_ANDN, IR_SHL,  IR_SHR,  IR_SAR,  IR_ROTL, IR_ROTR,
                                   IR_DIVU, IR_REMS, IR_PEXT, IR_MULHU };
    IrBuilder *b = r->b;
    IrVal x = pick(r, r->ints), y = pick(r, r->ints), v;

    switch (g_rand_int_range(r->g, 0, 10)) {
    case 0: v = ir_c64(b, (uint64_t)g_rand_int(r->g) << g_rand_int_range(r->g, 0, 32)); break;
    case 1:
        v = ir_extractu(b, x, g_rand_int_range(r->g, 0, 32), g_rand_int_range(r->g, 1, 32));
        break;
    case 2:
        v = ir_deposit(b, x, y, 8 * g_rand_int_range(r->g, 0, 4), 8 * g_rand_int_range(r->g, 1, 5));
        break;
    case 3: v = ir_setcond(b, g_rand_int_range(r->g, 0, IR_COND_COUNT), x, y); break;
    case 4:
        v = ir_movcond(b, g_rand_int_range(r->g, 0, IR_COND_COUNT), x, y, pick(r, r->ints),
                       pick(r, r->ints));
        break;
    case 5: v = ir_zext32(b, ir_add(b, ir_trunc32(b, x), ir_trunc32(b, y))); break;
    case 6: v = ir_sext32(b, ir_sext8(b, ir_trunc32(b, x))); break;
    case 7: v = ir_vgetlane(b, IR_I64, V64, pick(r, r->vecs), g_rand_int_range(r->g, 0, 4)); break;
    default:
        v = ir_emit(b, ops[g_rand_int_range(r->g, 0, G_N_ELEMENTS(ops))], IR_I64, 0, x, y, 0, 0, 0);
        break;
    }
    g_array_append_val(r->ints, v);
}

static void add_random_mem(Rand *r)
{
    IrBuilder *b = r->b;
    /* some addresses are in a page that is read-only */
    IrVal addr = ir_addi(b, ir_andi(b, pick(r, r->ints), 0x1fff), 0x8000);
    IrMemOp mo = g_rand_int_range(r->g, 0, 4) | (g_rand_boolean(r->g) ? MO_BE : 0);

    if (g_rand_boolean(r->g)) {
        IrVal v = ir_load(b, IR_I64, addr, mo | (g_rand_boolean(r->g) ? MO_SIGN : 0));
        g_array_append_val(r->ints, v);
    } else {
        ir_store(b, addr, pick(r, r->ints), mo);
    }
}

static void add_random_op(Rand *r)
{
    IrBuilder *b = r->b;
    IrVal v;

    switch (g_rand_int_range(r->g, 0, 14)) {
    case 0:
        v = ir_get(b, S_R(g_rand_int_range(r->g, 0, 16)));
        g_array_append_val(r->ints, v);
        break;
    case 1:
    case 2: ir_put(b, S_R(g_rand_int_range(r->g, 0, 16)), pick(r, r->ints)); break;
    case 3: ir_put(b, S_V0 + g_rand_int_range(r->g, 0, 2), pick(r, r->vecs)); break;
    case 4:
        v = ir_get(b, S_V0 + g_rand_int_range(r->g, 0, 2));
        g_array_append_val(r->vecs, v);
        break;
    case 5: ir_put(b, S_V0LO, ir_vhi128(b, pick(r, r->vecs))); break;
    case 6:
        v = ir_vadd(b, g_rand_int_range(r->g, 0, 4), pick(r, r->vecs), pick(r, r->vecs));
        g_array_append_val(r->vecs, v);
        break;
    case 7: add_random_mem(r); break;
    case 8: {
        /* skip a put on a condition */
        IrLabel l = ir_label_new(b);
        ir_brcond(b, g_rand_int_range(r->g, 0, IR_COND_COUNT), pick(r, r->ints), pick(r, r->ints),
                  l);
        ir_put(b, S_R(g_rand_int_range(r->g, 0, 16)), pick(r, r->ints));
        if (!b->ended) {
            ir_label(b, l);
        } else {
            ir_label(b, l);
        }
        break;
    }
    case 9:
        ir_exit_direct_if(b, IR_EQ, pick(r, r->ints), pick(r, r->ints), 0x7000);
        if (b->ended) {
            IrLabel l = ir_label_new(b);
            ir_label(b, l);
        }
        break;
    case 10:
        v = ir_call(b, &hd_toy_sync, pick(r, r->ints));
        g_array_append_val(r->ints, v);
        break;
    default: add_random_int(r); break;
    }
}

static void random_program(Rand *r, unsigned n)
{
    IrVal v;

    ir_reset(r->b, &toy_ops.slots);
    g_array_set_size(r->ints, 0);
    g_array_set_size(r->vecs, 0);
    ir_insn_start(r->b, 0x100, 0);
    v = ir_get(r->b, S_R(1));
    g_array_append_val(r->ints, v);
    v = ir_get(r->b, S_V1);
    g_array_append_val(r->vecs, v);
    for (unsigned i = 0; i < n; i++) {
        if (i % 6 == 5) {
            ir_insn_start(r->b, 0x100 + i, i);
        }
        add_random_op(r);
    }
    finish_region(r->b);
}

static void state_random(ToyCpu *t, Machine *m, unsigned seed)
{
    GRand *g = g_rand_new_with_seed(seed);

    for (unsigned i = 0; i < 16; i++) {
        t->r[i] = (uint64_t)g_rand_int(g) << 32 | g_rand_int(g);
    }
    for (unsigned i = 0; i < 16; i++) {
        t->v[i / 8].d[i % 8] = g_rand_int(g);
    }
    for (unsigned i = 0; i < 0x2000; i++) {
        m->mem[0x8000 + i] = g_rand_int(g);
    }
    t->pc = 0;
    t->last_excp = 0;
    t->parent.exception = CPU_EXCP_NONE;
    t->seen_pc = t->seen_r1 = 0;
    g_rand_free(g);
}

typedef struct Outcome {
    uint64_t pc, r[16];
    IrVec v[2];
    int excp;
    uint64_t seen_pc, seen_r1;
    uint8_t mem[0x2000];
} Outcome;

static void outcome(Outcome *o, const ToyCpu *t, const Machine *m)
{
    memset(o, 0, sizeof(*o));
    o->pc = t->pc;
    memcpy(o->r, t->r, sizeof(o->r));
    memcpy(o->v, t->v, sizeof(o->v));
    o->excp = t->parent.exception;
    o->seen_pc = t->seen_pc;
    o->seen_r1 = t->seen_r1;
    memcpy(o->mem, m->mem + 0x8000, sizeof(o->mem));
}

static void test_random_programs(void)
{
    Machine *m = machine_new(NULL);
    ToyCpu *t = m->cpu[0];
    IrBuilder *b = ir_builder_new(&toy_ops.slots), *again = ir_builder_new(&toy_ops.slots);
    static const HelperDesc *const helpers[] = { &hd_toy_sync, &hd_toy_halt, NULL };
    Outcome *o1 = g_aligned_alloc0(1, sizeof(Outcome), 32),
            *o2 = g_aligned_alloc0(1, sizeof(Outcome), 32);
    Rand r = { .b = b,
               .ints = g_array_new(FALSE, FALSE, sizeof(IrVal)),
               .vecs = g_array_new(FALSE, FALSE, sizeof(IrVal)) };
    unsigned faults = 0;

    t->perm[9] = MMU_R;
    for (unsigned seed = 1; seed <= 4000; seed++) {
        r.g = g_rand_new_with_seed(seed);
        random_program(&r, 20 + seed % 60);
        state_random(t, m, seed);
        run_ir(t, b, false);
        outcome(o1, t, m);
        state_random(t, m, seed);
        run_ir(t, b, true);
        outcome(o2, t, m);
        if (memcmp(o1, o2, sizeof(*o1))) {
            g_autoptr(GString) s = g_string_new(NULL);
            ir_print(b, s);
            g_string_append(s, "optimised:\n");
            ir_print(t->parent.priv->low, s);
            g_error("seed %u differs (pc %lx %lx excp %d %d)\n%s", seed, o1->pc, o2->pc, o1->excp,
                    o2->excp, s->str);
        }
        faults += o1->excp != CPU_EXCP_NONE;
        /* text round trip: print, parse, print again */
        g_autoptr(GString) s1 = g_string_new(NULL), s2 = g_string_new(NULL),
                           s3 = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        IrBuilder *low = t->parent.priv->low;
        ir_print(low, s1);
        ir_parse(again, s1->str, helpers, &error);
        g_assert_no_error(error);
        g_assert_true(ir_verify(again, &error));
        ir_print(again, s2);
        g_assert_true(ir_parse(again, s2->str, helpers, &error));
        ir_print(again, s3);
        g_assert_cmpstr(s2->str, ==, s3->str);
        g_rand_free(r.g);
    }
    g_assert_cmpuint(faults, >, 100);
    g_array_free(r.ints, TRUE);
    g_array_free(r.vecs, TRUE);
    g_aligned_free(o1);
    g_aligned_free(o2);
    ir_builder_free(b);
    ir_builder_free(again);
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
                            single = { .single_thread = true };
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
        { "flushed-pages-are-walked-again", test_tlb_flush },
        { "an-instruction-across-pages-faults-on-the-second", test_fetch_straddles },
        { "breakpoint-step-watchpoint-stop", test_debug },
        { "two-vcpus-add-atomically", test_two_cpus_add },
        { "interrupt-wakes-and-work-runs-on-its-thread", test_interrupt_and_work },
        { "code-modified-by-another-vcpu-is-seen", test_cross_modify },
        { "translations-are-bounded", test_eviction },
    };

    g_test_init(&argc, &argv, NULL);
    toy_tables();
    for (unsigned i = 0; i < G_N_ELEMENTS(both); i++) {
        g_autofree char *a = g_strdup_printf("/exec/optimised/%s", both[i].name);
        g_autofree char *b = g_strdup_printf("/exec/plain/%s", both[i].name);
        g_autofree char *c = g_strdup_printf("/exec/single/%s", both[i].name);
        g_test_add_data_func(a, &plain, both[i].fn);
        g_test_add_data_func(b, &no_opt, both[i].fn);
        g_test_add_data_func(c, &single, both[i].fn);
    }
    g_test_add_func("/exec/ir/integer-ops-match-the-folder", test_integer_ops);
    g_test_add_func("/exec/ir/vector-ops-and-overlapping-slots", test_vector_ops);
    g_test_add_func("/exec/ir/fp-ops", test_fp_ops);
    g_test_add_func("/exec/ir/random-programs-optimised-equal-plain", test_random_programs);
    g_test_add_func("/exec/ir/the-parser-rejects-nonsense", test_parser_rejects);
    return g_test_run();
}
