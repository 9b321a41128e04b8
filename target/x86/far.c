/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far transfers: JMP, CALL, RET, IRET between segments and privileges, SYSCALL, SYSENTER and their
 * returns. Everything is checked, and memory is read or written, before a register changes, so
 * that a fault leaves the instruction's start state. Intel SDM vol. 2 (the instructions), vol. 3
 * ch. 5.8; AMD APM vol. 3 for SYSCALL, SYSRET.
 */
#include "seg-priv.h"

void x86_load_eflags(X86Cpu *cpu, uint32_t v, uint32_t mask)
{
    if (!(mask & X86_CC)) { /* those may stay lazy */
        cpu->eflags = (cpu->eflags & ~mask) | (v & mask);
        return;
    }
    /* where all six are replaced nobody needs to know what they were */
    uint32_t old = (mask & X86_CC) == X86_CC ? cpu->eflags : x86_eflags_get(cpu);
    x86_eflags_set(cpu, (old & ~mask) | (v & mask));
}

void x86_recheck_irq(X86Cpu *cpu)
{
    uint32_t request = cpu_irq_pending(&cpu->base);

    if (request && x86_irq_open(&cpu->base, request)) {
        cpu_exit_request(&cpu->base);
    }
}

void x86_check_rip(X86Cpu *cpu, X86Desc d, uint64_t rip)
{
    if (cpu_lma(cpu) && (d.hi & X86_SEG_L)) {
        if (!x86_canonical(cpu, rip)) {
            x86_gp(cpu, 0);
        }
    } else if ((uint32_t)rip > x86_desc_limit(d)) {
        x86_gp(cpu, 0);
    }
}

static uint64_t size_mask(unsigned size)
{
    return size == 8 ? UINT64_MAX : size == 4 ? UINT32_MAX : 0xffff;
}

static uint64_t arrive(X86Cpu *cpu, uint64_t rip)
{
    cpu->rip = rip;
    x86_mode_moved(cpu);
    return rip;
}

/* ---- real and virtual-8086 mode ---- */

static void check_real_limit(X86Cpu *cpu, uint64_t off)
{
    if (off > cpu->seg[R_CS].limit) {
        x86_gp(cpu, 0);
    }
}

static uint64_t call_real(X86Cpu *cpu, uint16_t sel, uint64_t off, unsigned size, uint64_t next)
{
    Stk s = stk_current(cpu);

    check_real_limit(cpu, off);
    stk_push(&s, cpu->seg[R_CS].sel, size);
    stk_push(&s, next, size);
    stk_commit(&s);
    x86_load_seg_real(cpu, R_CS, sel);
    return arrive(cpu, off);
}

/* ---- code segments ---- */

/* Fetches a code descriptor for a transfer that keeps or raises privilege; error code @sel. */
static X86Desc fetch_code(X86Cpu *cpu, uint16_t sel, uint64_t *where)
{
    X86Desc d;

    if (!(sel & ~3)) {
        x86_gp(cpu, 0);
    }
    if (!x86_desc_fetch(cpu, sel, &d, where)) {
        x86_gp(cpu, sel & ~3);
    }
    return d;
}

static void check_long_code(X86Cpu *cpu, uint16_t sel, X86Desc d)
{
    if (cpu_lma(cpu) && (d.hi & X86_SEG_L) && (d.hi & X86_SEG_DB)) {
        x86_gp(cpu, sel & ~3);
    }
}

/* A direct JMP or CALL keeps the privilege. */
static void check_direct(X86Cpu *cpu, uint16_t sel, X86Desc d)
{
    unsigned cpl = cpu_cpl(cpu), dpl = x86_desc_dpl(d);

    if (d.hi & X86_SEG_DC ? dpl > cpl : (sel & 3) > cpl || dpl != cpl) {
        x86_gp(cpu, sel & ~3);
    }
    check_long_code(cpu, sel, d);
    if (!(d.hi & X86_SEG_P)) {
        x86_raise_err(cpu, EXCP_NP, sel & ~3);
    }
}

/* ---- gates ---- */

typedef struct {
    uint16_t sel;
    uint64_t off;
    unsigned size, params;
} Gate;

static void check_system(X86Cpu *cpu, uint16_t sel, X86Desc d)
{
    if (x86_desc_dpl(d) < cpu_cpl(cpu) || x86_desc_dpl(d) < (sel & 3u)) {
        x86_gp(cpu, sel & ~3);
    }
    if (!(d.hi & X86_SEG_P)) {
        x86_raise_err(cpu, EXCP_NP, sel & ~3);
    }
}

static Gate read_gate(X86Cpu *cpu, uint16_t sel, X86Desc d, uint64_t where)
{
    Gate g = { .sel = d.lo >> 16,
               .off = (d.lo & 0xffff) | (d.hi & 0xffff0000u),
               .size = desc_type(d) == 4 ? 2 : 4,
               .params = d.hi & 31 };

    if (g.size == 2) {
        g.off &= 0xffff;
    }
    if (cpu_lma(cpu)) {
        g.off |= (uint64_t)cpu_ld32(&cpu->base, where + 8, X86_MMU_KERNEL) << 32;
        if (cpu_ld32(&cpu->base, where + 12, X86_MMU_KERNEL) & 0x1f00) {
            x86_gp(cpu, sel & ~3);
        }
        g.size = 8;
        g.params = 0;
    }
    return g;
}

static X86Desc gate_target(X86Cpu *cpu, const Gate *g, uint64_t *where)
{
    X86Desc d = fetch_code(cpu, g->sel, where);

    if (!desc_is_code(d) || x86_desc_dpl(d) > cpu_cpl(cpu)) {
        x86_gp(cpu, g->sel & ~3);
    }
    if (cpu_lma(cpu) && (d.hi & (X86_SEG_L | X86_SEG_DB)) != X86_SEG_L) {
        x86_gp(cpu, g->sel & ~3);
    }
    if (!(d.hi & X86_SEG_P)) {
        x86_raise_err(cpu, EXCP_NP, g->sel & ~3);
    }
    return d;
}

/* Task switch by JMP or CALL, straight to a TSS or through a task gate. */
static uint64_t far_task(X86Cpu *cpu, uint16_t sel, X86Desc d, uint64_t where, bool call,
                         uint64_t next)
{
    check_system(cpu, sel, d);
    if (desc_type(d) == 5) {
        sel = d.lo >> 16;
        if ((sel & 4) || !(sel & ~3) || !x86_desc_fetch(cpu, sel, &d, &where) ||
            (d.hi & X86_SEG_S) || (desc_type(d) != 1 && desc_type(d) != 9)) {
            x86_gp(cpu, sel & ~3);
        }
        if (!(d.hi & X86_SEG_P)) {
            x86_raise_err(cpu, EXCP_NP, sel & ~3);
        }
    }
    cpu_sync_state(&cpu->base);
    cpu->rip = next;
    x86_task_switch(cpu, sel, d, where, call ? X86_TASK_CALL : X86_TASK_JMP, false, 0);
    return cpu->rip;
}

/* System descriptor types a far transfer may name. */
static bool is_task(const X86Cpu *cpu, X86Desc d)
{
    unsigned t = desc_type(d);

    return !cpu_lma(cpu) && (t == 1 || t == 9 || t == 5);
}
static bool is_call_gate(const X86Cpu *cpu, X86Desc d)
{
    return desc_type(d) == 12 || (desc_type(d) == 4 && !cpu_lma(cpu));
}

uint64_t helper_x86_jmp_far(CpuState *cs, uint64_t a0, uint64_t off, uint64_t size, uint64_t next)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint16_t sel = a0;
    uint64_t where;

    if (!mode_protected(cpu->mode)) {
        check_real_limit(cpu, off & size_mask(size));
        x86_load_seg_real(cpu, R_CS, sel);
        return arrive(cpu, off & size_mask(size));
    }
    X86Desc d = fetch_code(cpu, sel, &where);

    if (d.hi & X86_SEG_S) {
        if (!desc_is_code(d)) {
            x86_gp(cpu, sel & ~3);
        }
        check_direct(cpu, sel, d);
        off &= size_mask(size);
    } else if (is_task(cpu, d)) {
        return far_task(cpu, sel, d, where, false, next);
    } else if (is_call_gate(cpu, d)) {
        check_system(cpu, sel, d);
        Gate g = read_gate(cpu, sel, d, where);

        d = gate_target(cpu, &g, &where);
        if (!(d.hi & X86_SEG_DC) && x86_desc_dpl(d) != cpu_cpl(cpu)) {
            x86_gp(cpu, g.sel & ~3);
        }
        sel = g.sel;
        off = g.off;
    } else {
        x86_gp(cpu, sel & ~3);
    }
    x86_check_rip(cpu, d, off);
    x86_desc_touch(cpu, &d, where);
    x86_set_cs(cpu, sel, d, cpu_cpl(cpu));
    return arrive(cpu, off);
}

/* A call gate to more privilege: the new stack from the TSS, parameters copied. */
static uint64_t call_inner(X86Cpu *cpu, const Gate *g, X86Desc d, uint64_t where, uint64_t next)
{
    unsigned dpl = x86_desc_dpl(d);
    Stk old = stk_current(cpu), s = { .cpu = cpu, .mmu = X86_MMU_KERNEL };
    uint16_t ss = dpl;
    X86Desc sd = { 0 };

    if (g->size == 8) {
        x86_tss_stack64(cpu, dpl, &s.sp);
        s.is64 = true;
        s.mask = UINT64_MAX;
        s.ss = (X86Seg){ .sel = dpl, .attr = dpl << 13 };
    } else {
        uint32_t esp;

        x86_tss_stack(cpu, dpl, &ss, &esp);
        sd = x86_check_ss(cpu, ss, dpl, EXCP_TS);
        s.ss = x86_desc_seg(ss, sd);
        s.sp = esp;
        s.mask = stk_mask(s.ss.attr);
        s.err = ss & ~3;
    }
    s.mmu = dpl == 3 ? X86_MMU_USER : X86_MMU_KERNEL;
    stk_push(&s, old.ss.sel, g->size);
    stk_push(&s, old.sp, g->size);
    for (unsigned i = g->params; i-- > 0;) {
        stk_push(&s, stk_peek(&old, i * g->size, g->size), g->size);
    }
    stk_push(&s, cpu->seg[R_CS].sel, g->size);
    stk_push(&s, next, g->size);
    x86_check_rip(cpu, d, g->off);
    x86_desc_touch(cpu, &d, where);
    cpu->seg[R_SS] = s.ss;
    stk_commit(&s);
    x86_set_cs(cpu, g->sel, d, dpl);
    return arrive(cpu, g->off);
}

uint64_t helper_x86_call_far(CpuState *cs, uint64_t a0, uint64_t off, uint64_t size, uint64_t next)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint16_t sel = a0;
    uint64_t where;

    if (!mode_protected(cpu->mode)) {
        return call_real(cpu, sel, off & size_mask(size), size, next);
    }
    X86Desc d = fetch_code(cpu, sel, &where);

    if (d.hi & X86_SEG_S) {
        if (!desc_is_code(d)) {
            x86_gp(cpu, sel & ~3);
        }
        check_direct(cpu, sel, d);
        off &= size_mask(size);
    } else if (is_task(cpu, d)) {
        return far_task(cpu, sel, d, where, true, next);
    } else if (is_call_gate(cpu, d)) {
        check_system(cpu, sel, d);
        Gate g = read_gate(cpu, sel, d, where);

        d = gate_target(cpu, &g, &where);
        if (!(d.hi & X86_SEG_DC) && x86_desc_dpl(d) < cpu_cpl(cpu)) {
            return call_inner(cpu, &g, d, where, next);
        }
        sel = g.sel;
        off = g.off;
        size = g.size;
    } else {
        x86_gp(cpu, sel & ~3);
    }
    Stk s = stk_current(cpu);

    stk_push(&s, cpu->seg[R_CS].sel, size);
    stk_push(&s, next, size);
    x86_check_rip(cpu, d, off);
    x86_desc_touch(cpu, &d, where);
    stk_commit(&s);
    x86_set_cs(cpu, sel, d, cpu_cpl(cpu));
    return arrive(cpu, off);
}

/* ---- returns ---- */

void x86_drop_segments(X86Cpu *cpu, unsigned cpl)
{
    static const uint8_t regs[] = { R_ES, R_DS, R_FS, R_GS };

    for (unsigned i = 0; i < sizeof(regs); i++) {
        X86Seg *s = &cpu->seg[regs[i]];
        bool data = !(s->attr & X86_SEG_CODE) || !(s->attr & X86_SEG_DC);

        if ((s->attr & X86_SEG_P) && data && (s->attr >> 13 & 3) < cpl) {
            *s = (X86Seg){ .base = 0 };
        }
    }
}

/* The code segment that RETF and IRET go to. */
static X86Desc check_return_cs(X86Cpu *cpu, uint16_t sel, uint64_t *where)
{
    unsigned cpl = cpu_cpl(cpu), rpl = sel & 3;
    X86Desc d = fetch_code(cpu, sel, where);

    if (!desc_is_code(d) || rpl < cpl ||
        (d.hi & X86_SEG_DC ? x86_desc_dpl(d) > rpl : x86_desc_dpl(d) != rpl)) {
        x86_gp(cpu, sel & ~3);
    }
    check_long_code(cpu, sel, d);
    if (!(d.hi & X86_SEG_P)) {
        x86_raise_err(cpu, EXCP_NP, sel & ~3);
    }
    return d;
}

/* The stack segment of the outer level: null is fine for 64-bit code outside ring 3. */
static X86Seg return_ss(X86Cpu *cpu, uint16_t sel, unsigned rpl, X86Desc cs_desc)
{
    if (!(sel & ~3) && cpu_lma(cpu) && (cs_desc.hi & X86_SEG_L) && rpl != 3 && (sel & 3) == rpl) {
        return (X86Seg){ .sel = sel, .attr = rpl << 13 };
    }
    return x86_desc_seg(sel, x86_check_ss(cpu, sel, rpl, EXCP_GP));
}

static void set_outer_sp(X86Cpu *cpu, const X86Seg *ss, uint64_t sp, X86Desc cs_desc)
{
    Stk s = { .cpu = cpu, .ss = *ss, .sp = sp };

    s.mask = cpu_lma(cpu) && (cs_desc.hi & X86_SEG_L) ? UINT64_MAX : stk_mask(ss->attr);
    cpu->seg[R_SS] = *ss;
    stk_commit(&s);
}

uint64_t helper_x86_ret_far(CpuState *cs, uint64_t size, uint64_t release)
{
    X86Cpu *cpu = x86_cpu(cs);
    Stk s = stk_current(cpu);
    uint64_t rip = stk_pop(&s, size), where;
    uint16_t sel = stk_pop(&s, size);

    if (!mode_protected(cpu->mode)) {
        check_real_limit(cpu, rip);
        s.sp = (s.sp & ~s.mask) | ((s.sp + release) & s.mask);
        stk_commit(&s);
        x86_load_seg_real(cpu, R_CS, sel);
        return arrive(cpu, rip);
    }
    X86Desc d = check_return_cs(cpu, sel, &where);
    unsigned rpl = sel & 3;

    x86_check_rip(cpu, d, rip);
    s.sp = (s.sp & ~s.mask) | ((s.sp + release) & s.mask);
    if (rpl == cpu_cpl(cpu)) {
        x86_desc_touch(cpu, &d, where);
        stk_commit(&s);
        x86_set_cs(cpu, sel, d, rpl);
        return arrive(cpu, rip);
    }
    uint64_t sp = stk_pop(&s, size);
    uint16_t ss_sel = stk_pop(&s, size);
    X86Seg ss = return_ss(cpu, ss_sel, rpl, d);

    x86_desc_touch(cpu, &d, where);
    x86_set_cs(cpu, sel, d, rpl);
    set_outer_sp(cpu, &ss, sp + release, d);
    x86_drop_segments(cpu, rpl);
    return arrive(cpu, rip);
}

#define FLAGS_ALWAYS (X86_CC | X86_TF | X86_DF | X86_NT | X86_RF | X86_AC | X86_ID)

static uint64_t iret_real(X86Cpu *cpu, unsigned size)
{
    Stk s = stk_current(cpu);
    uint64_t rip = stk_pop(&s, size);
    uint16_t sel = stk_pop(&s, size);
    uint32_t flags = stk_pop(&s, size), mask = FLAGS_ALWAYS | X86_IF;

    check_real_limit(cpu, rip);
    if (!(cpu->eflags & X86_VM)) {
        mask |= X86_IOPL;
    }
    stk_commit(&s);
    x86_load_seg_real(cpu, R_CS, sel);
    x86_load_eflags(cpu, flags, size == 2 ? mask & 0xffff : mask);
    return arrive(cpu, rip);
}

/* vm86 with IOPL < 3: only with VME, 16-bit, and VIF stands for IF. */
static uint64_t iret_vme(X86Cpu *cpu, unsigned size)
{
    Stk s = stk_current(cpu);
    uint64_t rip = stk_pop(&s, size);
    uint16_t sel = stk_pop(&s, size);
    uint32_t flags = stk_pop(&s, size);

    if (!(cpu->cr4 & CR4_VME) || size != 2 || (flags & X86_TF) ||
        ((flags & X86_IF) && (cpu->eflags & X86_VIP))) {
        x86_gp(cpu, 0);
    }
    check_real_limit(cpu, rip);
    stk_commit(&s);
    x86_load_seg_real(cpu, R_CS, sel);
    x86_load_eflags(cpu, flags, (FLAGS_ALWAYS & 0xffff));
    cpu->eflags = flags & X86_IF ? cpu->eflags | X86_VIF : cpu->eflags & ~X86_VIF;
    return arrive(cpu, rip);
}

/* IRETD from ring 0 whose image has VM set. */
static uint64_t iret_to_vm86(X86Cpu *cpu, Stk *s, uint64_t rip, uint16_t sel, uint32_t flags)
{
    uint16_t segs[6];
    uint32_t esp = stk_pop(s, 4);

    segs[R_SS] = stk_pop(s, 4);
    segs[R_ES] = stk_pop(s, 4);
    segs[R_DS] = stk_pop(s, 4);
    segs[R_FS] = stk_pop(s, 4);
    segs[R_GS] = stk_pop(s, 4);
    segs[R_CS] = sel;
    x86_load_eflags(cpu, flags, UINT32_MAX & ~0x8000u);
    for (unsigned r = R_ES; r <= R_GS; r++) {
        cpu->seg[r].sel = segs[r];
    }
    x86_set_vm86_segs(cpu);
    cpu->gpr[G_RSP] = esp;
    return arrive(cpu, rip & 0xffff);
}

static uint32_t iret_flags_mask(const X86Cpu *cpu, unsigned size)
{
    unsigned cpl = cpu_cpl(cpu);
    uint32_t mask = FLAGS_ALWAYS;

    if (cpl == 0) {
        mask |= X86_IOPL | X86_VIF | X86_VIP;
    }
    if (cpl <= (cpu->eflags >> 12 & 3)) {
        mask |= X86_IF;
    }
    return size == 2 ? mask & 0xffff : mask;
}

static uint64_t iret_protected(X86Cpu *cpu, unsigned size)
{
    Stk s = stk_current(cpu);
    uint64_t rip = stk_pop(&s, size), where;
    uint16_t sel = stk_pop(&s, size);
    uint32_t flags = stk_pop(&s, size), mask = iret_flags_mask(cpu, size);
    unsigned cpl = cpu_cpl(cpu), rpl = sel & 3;

    if (size == 4 && (flags & X86_VM) && cpl == 0 && !cpu_lma(cpu)) {
        return iret_to_vm86(cpu, &s, rip, sel, flags);
    }
    X86Desc d = check_return_cs(cpu, sel, &where);

    x86_check_rip(cpu, d, rip);
    if (rpl == cpl && !(cpu->mode & MODE_CS64)) {
        x86_desc_touch(cpu, &d, where);
        stk_commit(&s);
        x86_set_cs(cpu, sel, d, rpl);
    } else {
        uint64_t sp = stk_pop(&s, size);
        X86Seg ss = return_ss(cpu, stk_pop(&s, size), rpl, d);

        x86_desc_touch(cpu, &d, where);
        x86_set_cs(cpu, sel, d, rpl);
        set_outer_sp(cpu, &ss, sp, d);
        if (rpl > cpl) {
            x86_drop_segments(cpu, rpl);
        }
    }
    x86_load_eflags(cpu, flags, mask);
    return arrive(cpu, rip);
}

static uint64_t iret_task(X86Cpu *cpu, uint64_t next)
{
    uint64_t where;
    X86Desc d;

    if (cpu_lma(cpu)) {
        x86_gp(cpu, 0);
    }
    uint16_t sel = cpu_ld16(&cpu->base, (uint32_t)cpu->seg[R_TR].base, X86_MMU_KERNEL);

    if ((sel & 4) || !(sel & ~3) || !x86_desc_fetch(cpu, sel, &d, &where) || (d.hi & X86_SEG_S) ||
        (desc_type(d) != 3 && desc_type(d) != 11)) {
        x86_raise_err(cpu, EXCP_TS, sel & ~3);
    }
    if (!(d.hi & X86_SEG_P)) {
        x86_raise_err(cpu, EXCP_NP, sel & ~3);
    }
    cpu_sync_state(&cpu->base);
    cpu->rip = next;
    x86_task_switch(cpu, sel, d, where, X86_TASK_IRET, false, 0);
    return cpu->rip;
}

uint64_t helper_x86_iret(CpuState *cs, uint64_t size, uint64_t next)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint64_t rip;

    if (!(cpu->mode & MODE_PE)) {
        rip = iret_real(cpu, size);
    } else if (cpu->mode & MODE_VM86) {
        rip = cpu->mode & MODE_IOPL_OK ? iret_real(cpu, size) : iret_vme(cpu, size);
    } else if (cpu->eflags & X86_NT) {
        rip = iret_task(cpu, next);
    } else {
        rip = iret_protected(cpu, size);
    }
    cpu->sys.nmi_blocked = false;
    x86_recheck_irq(cpu);
    return rip;
}

/* ---- SYSCALL, SYSRET, SYSENTER, SYSEXIT ---- */

/* A flat segment as these instructions make it without looking at a table. */
static X86Seg flat_seg(uint16_t sel, bool code, unsigned dpl, bool code64)
{
    uint32_t attr = X86_SEG_P | X86_SEG_S | X86_SEG_RW | X86_SEG_ACC | X86_SEG_G | dpl << 13;

    attr |= code ? X86_SEG_CODE | (code64 ? X86_SEG_L : X86_SEG_DB) : X86_SEG_DB;
    return (X86Seg){ .sel = sel, .attr = attr, .limit = UINT32_MAX };
}

uint64_t helper_x86_syscall(CpuState *cs, uint64_t next)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint16_t sel = cpu->star >> 32 & 0xfffc;

    if (!(cpu->efer & EFER_SCE)) {
        x86_raise(cpu, EXCP_UD);
    }
    if (cpu_lma(cpu)) {
        bool code64 = cpu->mode & MODE_CS64;

        cpu->gpr[1] = next;
        cpu->gpr[11] = x86_eflags_get(cpu) & ~X86_RF;
        cpu->seg[R_CS] = flat_seg(sel, true, 0, true);
        cpu->seg[R_SS] = flat_seg(sel + 8, false, 0, false);
        x86_load_eflags(cpu, 0, cpu->sfmask | X86_RF);
        return arrive(cpu, code64 ? cpu->lstar : cpu->cstar);
    }
    cpu->gpr[1] = (uint32_t)next;
    cpu->seg[R_CS] = flat_seg(sel, true, 0, false);
    cpu->seg[R_SS] = flat_seg(sel + 8, false, 0, false);
    x86_load_eflags(cpu, 0, X86_IF | X86_RF | X86_VM);
    return arrive(cpu, (uint32_t)cpu->star);
}

uint64_t helper_x86_sysret(CpuState *cs, uint64_t size)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint16_t sel = cpu->star >> 48 | 3;
    uint64_t rip = cpu->gpr[1];

    if (!(cpu->efer & EFER_SCE)) {
        x86_raise(cpu, EXCP_UD);
    }
    if (!(cpu->cr0 & CR0_PE)) {
        x86_gp(cpu, 0);
    }
    if (cpu_lma(cpu)) {
        if (size == 8) {
            if (!x86_canonical(cpu, rip)) {
                x86_gp(cpu, 0);
            }
            cpu->seg[R_CS] = flat_seg((sel + 16) | 3, true, 3, true);
        } else {
            cpu->seg[R_CS] = flat_seg(sel, true, 3, false);
            rip = (uint32_t)rip;
        }
        x86_load_eflags(cpu, cpu->gpr[11],
                        X86_CC | X86_TF | X86_DF | X86_AC | X86_ID | X86_IF | X86_IOPL | X86_NT |
                            X86_VIF | X86_VIP);
        x86_load_eflags(cpu, 0, X86_RF);
    } else {
        cpu->seg[R_CS] = flat_seg(sel, true, 3, false);
        rip = (uint32_t)rip;
        cpu->eflags |= X86_IF;
    }
    cpu->seg[R_SS] = flat_seg((sel + 8) | 3, false, 3, false);
    rip = arrive(cpu, rip);
    x86_recheck_irq(cpu);
    return rip;
}

uint64_t helper_x86_sysenter(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint16_t sel = cpu->sysenter_cs & 0xfffc;
    bool lma = cpu_lma(cpu);

    if (!(cpu->cr0 & CR0_PE) || !sel) {
        x86_gp(cpu, 0);
    }
    x86_load_eflags(cpu, 0, X86_VM | X86_IF | X86_RF);
    cpu->seg[R_CS] = flat_seg(sel, true, 0, lma);
    cpu->seg[R_SS] = flat_seg(sel + 8, false, 0, false);
    cpu->gpr[G_RSP] = lma ? cpu->sysenter_esp : (uint32_t)cpu->sysenter_esp;
    return arrive(cpu, lma ? cpu->sysenter_eip : (uint32_t)cpu->sysenter_eip);
}

uint64_t helper_x86_sysexit(CpuState *cs, uint64_t size)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint16_t sel = cpu->sysenter_cs & 0xfffc;
    uint64_t rip = cpu->gpr[2], rsp = cpu->gpr[1];
    bool to64 = size == 8;

    if (!sel || !(cpu->cr0 & CR0_PE)) {
        x86_gp(cpu, 0);
    }
    if (to64 && (!x86_canonical(cpu, rip) || !x86_canonical(cpu, rsp))) {
        x86_gp(cpu, 0);
    }
    sel += to64 ? 32 : 16;
    cpu->seg[R_CS] = flat_seg(sel | 3, true, 3, to64);
    cpu->seg[R_SS] = flat_seg((sel + 8) | 3, false, 3, false);
    cpu->gpr[G_RSP] = to64 ? rsp : (uint32_t)rsp;
    return arrive(cpu, to64 ? rip : (uint32_t)rip);
}
