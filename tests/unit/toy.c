/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The toy instruction set: decoder and translator by hand, page table, device.
 */
#include "toy.h"

static IrSlotDesc toy_slots[S_COUNT];

static void toy_key(CpuState *cpu, TbKey *key)
{
    toy(cpu)->n_keys++;
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
    res->phys = t->to[page] ? (uint64_t)t->to[page] << 12 | (va & 0xfff) : va;
    res->prot = t->perm[page] & 7;
    res->global = t->perm[page] & PERM_GLOBAL;
    res->lg_size = t->perm[page] & PERM_LARGE ? 16 : 12;
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
HELPER(toy_halt, IR_VOID, HELPER_STATE | HELPER_NORETURN, HARG_I64);

static uint64_t helper_toy_sync(CpuState *cpu, uint64_t a)
{
    cpu_sync_state(cpu);
    toy(cpu)->seen_pc = toy(cpu)->pc;
    toy(cpu)->seen_r1 = toy(cpu)->r[1];
    return a + 1;
}
HELPER(toy_sync, IR_I64, HELPER_FAULTS, HARG_I64);

static int toy_branch(TransCtx *c, uint8_t op, uint8_t d, uint8_t a, uint8_t bb, uint64_t imm)
{
    IrBuilder *b = c->b;

    switch (op) {
    case T_BNE:
        if (trans_prefers(c, imm, c->next_pc)) {
            ir_exit_direct_if(b, IR_EQ, ir_get(b, S_R(a)), ir_get(b, S_R(bb)), c->next_pc);
            c->next_pc = imm;
            return TRANS_NEXT;
        }
        ir_exit_direct_if(b, IR_NE, ir_get(b, S_R(a)), ir_get(b, S_R(bb)), imm);
        return TRANS_NEXT;
    case T_JMP:
        if (trans_may_follow(c, imm)) {
            c->next_pc = imm;
            return TRANS_NEXT;
        }
        ir_exit_direct(b, imm);
        return TRANS_END;
    case T_CALL:
    case T_CALLR: {
        IrVal to = ir_get(b, S_R(a));
        ir_put(b, S_R(d), ir_c64(b, c->next_pc));
        ir_will_return(b, c->next_pc);
        if (op == T_CALL) {
            ir_exit_direct(b, imm);
        } else {
            ir_exit_indirect(b, to);
        }
        return TRANS_END;
    }
    case T_RET: ir_exit_return(b, ir_get(b, S_R(a))); return TRANS_END;
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

CpuTargetOps toy_ops = {
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

void toy_tables(void)
{
    static char names[16][4];

    for (unsigned i = 0; i < 16; i++) {
        g_snprintf(names[i], sizeof(names[i]), "r%u", i);
        /* r1..r9 are wanted in host registers, r1 first */
        toy_slots[i] = (IrSlotDesc){ names[i], offsetof(ToyCpu, r) + 8 * i, IR_I64, 8, i % 10 };
    }
    toy_slots[S_V0] = (IrSlotDesc){ "v0", offsetof(ToyCpu, v), IR_V256, 32 };
    toy_slots[S_V1] = (IrSlotDesc){ "v1", offsetof(ToyCpu, v) + 32, IR_V256, 32 };
    toy_slots[S_V0LO] = (IrSlotDesc){ "v0lo", offsetof(ToyCpu, v), IR_V128, 16 };
    toy_slots[S_V1Q2] = (IrSlotDesc){ "v1q2", offsetof(ToyCpu, v) + 48, IR_V128, 8 };
    toy_slots[S_D] = (IrSlotDesc){ "d", offsetof(ToyCpu, d), IR_V128, 8 };
    toy_slots[S_FLAG] = (IrSlotDesc){ "flag", offsetof(ToyCpu, flag), IR_I64, 8 };
}

/* ---- a small machine ---- */

static uint64_t dev_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0x1122334455667788u + addr;
}
static void dev_write(void *opaque, uint64_t addr, uint64_t v, unsigned size)
{
    Machine *m = opaque;

    m->io_last = v;
    m->io_addr = addr;
    if (m->on_io) {
        m->on_io(m);
    }
}
static const RegionOps dev_ops = { .read = dev_read, .write = dev_write };

ToyCpu *add_cpu(Machine *m)
{
    ToyCpu *t = g_aligned_alloc0(1, sizeof(ToyCpu), 64);

    memset(t->perm, MMU_R | MMU_W | MMU_X, sizeof(t->perm));
    t->stop_on_fault = true;
    cpu_init(&t->parent, m->engine, &toy_ops, address_space_memory(m->vm));
    m->cpu[m->n++] = t;
    return t;
}

Machine *machine_new(const ExecConfig *config)
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

void machine_free(Machine *m)
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

void put_code(Machine *m, uint32_t at, const uint64_t *code, unsigned n)
{
    memcpy(m->mem + at, code, n * 8);
}
void run(ToyCpu *t, uint64_t pc)
{
    t->pc = pc;
    t->parent.halted = 0;
    while (!t->parent.halted) {
        cpu_exec(&t->parent);
    }
}
