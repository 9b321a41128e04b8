/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Task state segments: stacks for inner privileges, the I/O permission map, and task switches of
 * both sizes. Intel SDM vol. 3 ch. 7.
 *
 * A switch reads the whole new TSS and probes the old one before anything changes; from the
 * commit point on faults are faults of the new task (sys.in_new_task).
 */
#include "seg-priv.h"

static uint64_t tr_addr(const X86Cpu *cpu, uint32_t off)
{
    uint64_t va = cpu->seg[R_TR].base + off;

    return cpu_lma(cpu) ? va : (uint32_t)va;
}

void x86_tss_stack(X86Cpu *cpu, unsigned dpl, uint16_t *ss, uint32_t *esp)
{
    const X86Seg *tr = &cpu->seg[R_TR];
    bool wide = tr->attr & 0x800; /* type 9 or 11 */
    uint32_t at = wide ? dpl * 8 + 4 : dpl * 4 + 2;

    if (!(tr->attr & X86_SEG_P) || at + (wide ? 5 : 3) > tr->limit) {
        x86_raise_err(cpu, EXCP_TS, tr->sel & ~3);
    }
    if (wide) {
        *esp = cpu_ld32(&cpu->base, tr_addr(cpu, at), X86_MMU_KERNEL);
        *ss = cpu_ld16(&cpu->base, tr_addr(cpu, at + 4), X86_MMU_KERNEL);
    } else {
        *esp = cpu_ld16(&cpu->base, tr_addr(cpu, at), X86_MMU_KERNEL);
        *ss = cpu_ld16(&cpu->base, tr_addr(cpu, at + 2), X86_MMU_KERNEL);
    }
}

void x86_tss_stack64(X86Cpu *cpu, unsigned slot, uint64_t *rsp)
{
    const X86Seg *tr = &cpu->seg[R_TR];
    uint32_t at = 4 + slot * 8;

    if (!(tr->attr & X86_SEG_P) || at + 7 > tr->limit) {
        x86_raise_err(cpu, EXCP_TS, tr->sel & ~3);
    }
    *rsp = cpu_ld64(&cpu->base, tr_addr(cpu, at), X86_MMU_KERNEL);
    if (!x86_canonical(cpu, *rsp)) {
        x86_raise_err(cpu, EXCP_SS, 0);
    }
}

/* Called when CPL > IOPL: the ports must be open in the map. */
uint64_t helper_x86_io_check(CpuState *cs, uint64_t port, uint64_t size)
{
    X86Cpu *cpu = x86_cpu(cs);
    const X86Seg *tr = &cpu->seg[R_TR];

    if (!mode_protected(cpu->mode) && !(cpu->mode & MODE_VM86)) {
        return 0;
    }
    if (mode_protected(cpu->mode) && (cpu->mode & MODE_IOPL_OK)) {
        return 0;
    }
    port &= 0xffff;
    if (!(tr->attr & X86_SEG_P) || !(tr->attr & 0x800) || tr->limit < 0x67) {
        x86_gp(cpu, 0);
    }
    uint32_t at = cpu_ld16(cs, tr_addr(cpu, 0x66), X86_MMU_KERNEL) + port / 8;

    if (at + 1 > tr->limit) {
        x86_gp(cpu, 0);
    }
    uint32_t bits = cpu_ld16(cs, tr_addr(cpu, at), X86_MMU_KERNEL) >> (port & 7);

    if (bits & ((1u << size) - 1)) {
        x86_gp(cpu, 0);
    }
    return 0;
}

/* ---- task switch ---- */

typedef struct {
    uint32_t cr3, eip, eflags, gpr[8];
    uint16_t seg[6], ldt;
    bool trap;
} TaskImage;

static uint64_t task_base(X86Desc d)
{
    return x86_desc_base(d);
}

static void read_task(X86Cpu *cpu, uint32_t base, bool wide, TaskImage *t)
{
    CpuState *cs = &cpu->base;

    if (!wide) {
        t->eip = cpu_ld16(cs, base + 0xe, X86_MMU_KERNEL);
        t->eflags = cpu_ld16(cs, base + 0x10, X86_MMU_KERNEL);
        for (unsigned i = 0; i < 8; i++) {
            t->gpr[i] = cpu_ld16(cs, base + 0x12 + i * 2, X86_MMU_KERNEL) | 0xffff0000u;
        }
        for (unsigned i = 0; i < 4; i++) {
            t->seg[i] = cpu_ld16(cs, base + 0x22 + i * 2, X86_MMU_KERNEL);
        }
        t->ldt = cpu_ld16(cs, base + 0x2a, X86_MMU_KERNEL);
        return;
    }
    t->cr3 = cpu_ld32(cs, base + 0x1c, X86_MMU_KERNEL);
    t->eip = cpu_ld32(cs, base + 0x20, X86_MMU_KERNEL);
    t->eflags = cpu_ld32(cs, base + 0x24, X86_MMU_KERNEL);
    for (unsigned i = 0; i < 8; i++) {
        t->gpr[i] = cpu_ld32(cs, base + 0x28 + i * 4, X86_MMU_KERNEL);
    }
    for (unsigned i = 0; i < 6; i++) {
        t->seg[i] = cpu_ld16(cs, base + 0x48 + i * 4, X86_MMU_KERNEL);
    }
    t->ldt = cpu_ld16(cs, base + 0x60, X86_MMU_KERNEL);
    t->trap = cpu_ld16(cs, base + 0x64, X86_MMU_KERNEL) & 1;
}

static void save_task(X86Cpu *cpu, uint32_t base, bool wide, uint32_t eflags)
{
    CpuState *cs = &cpu->base;

    if (!wide) {
        cpu_st16(cs, base + 0xe, cpu->rip, X86_MMU_KERNEL);
        cpu_st16(cs, base + 0x10, eflags, X86_MMU_KERNEL);
        for (unsigned i = 0; i < 8; i++) {
            cpu_st16(cs, base + 0x12 + i * 2, cpu->gpr[i], X86_MMU_KERNEL);
        }
        for (unsigned i = 0; i < 4; i++) {
            cpu_st16(cs, base + 0x22 + i * 2, cpu->seg[i].sel, X86_MMU_KERNEL);
        }
        return;
    }
    cpu_st32(cs, base + 0x20, cpu->rip, X86_MMU_KERNEL);
    cpu_st32(cs, base + 0x24, eflags, X86_MMU_KERNEL);
    for (unsigned i = 0; i < 8; i++) {
        cpu_st32(cs, base + 0x28 + i * 4, cpu->gpr[i], X86_MMU_KERNEL);
    }
    for (unsigned i = 0; i < 6; i++) {
        cpu_st16(cs, base + 0x48 + i * 4, cpu->seg[i].sel, X86_MMU_KERNEL);
    }
}

static void set_busy(X86Cpu *cpu, uint16_t sel, bool busy)
{
    uint64_t at = cpu->gdt.base + (sel & ~7u) + 4;
    uint32_t hi = cpu_ld32(&cpu->base, (uint32_t)at, X86_MMU_KERNEL);

    cpu_st32(&cpu->base, (uint32_t)at, busy ? hi | 0x200 : hi & ~0x200u, X86_MMU_KERNEL);
}

/* Segments of the new task; errors are #TS, #NP, #SS of the new task. */
static void load_task_segs(X86Cpu *cpu, const TaskImage *t, unsigned cpl)
{
    static const uint8_t data[] = { R_ES, R_DS, R_FS, R_GS };
    uint16_t sel = t->seg[R_CS];
    uint64_t where;
    X86Desc d;

    cpu->seg[R_SS] = x86_desc_seg(t->seg[R_SS], x86_check_ss(cpu, t->seg[R_SS], cpl, EXCP_TS));
    x86_mode_update(cpu);
    if (!(sel & ~3) || !x86_desc_fetch(cpu, sel, &d, &where) || !desc_is_code(d) ||
        (d.hi & X86_SEG_DC ? x86_desc_dpl(d) > cpl : x86_desc_dpl(d) != cpl)) {
        x86_raise_err(cpu, EXCP_TS, sel & ~3);
    }
    if (!(d.hi & X86_SEG_P)) {
        x86_raise_err(cpu, EXCP_NP, sel & ~3);
    }
    x86_desc_touch(cpu, &d, where);
    x86_set_cs(cpu, sel, d, cpl);
    for (unsigned i = 0; i < sizeof(data); i++) {
        sel = t->seg[data[i]];
        if (!(sel & ~3)) {
            continue;
        }
        if (!x86_desc_fetch(cpu, sel, &d, &where) || !(d.hi & X86_SEG_S) ||
            (d.hi & (X86_SEG_CODE | X86_SEG_RW)) == X86_SEG_CODE ||
            (!(desc_is_code(d) && (d.hi & X86_SEG_DC)) &&
             (x86_desc_dpl(d) < cpl || x86_desc_dpl(d) < (sel & 3u)))) {
            x86_raise_err(cpu, EXCP_TS, sel & ~3);
        }
        if (!(d.hi & X86_SEG_P)) {
            x86_raise_err(cpu, EXCP_NP, sel & ~3);
        }
        x86_desc_touch(cpu, &d, where);
        cpu->seg[data[i]] = x86_desc_seg(sel, d);
    }
}

/* Registers of the new task, up to the point where its own segments are checked. */
static void install_task(X86Cpu *cpu, const TaskImage *t, bool wide, uint32_t flag_set)
{
    for (unsigned i = 0; i < 8; i++) {
        cpu->gpr[i] = t->gpr[i];
    }
    cpu->rip = t->eip;
    x86_eflags_set(cpu, (wide ? t->eflags & 0x3f7fd7
                              : (x86_eflags_get(cpu) & 0xffff0000u & ~(X86_VM | X86_RF)) |
                                    (t->eflags & 0x7fd7)) |
                            flag_set);
    for (unsigned r = R_ES; r <= R_GS; r++) {
        cpu->seg[r] = (X86Seg){ .sel = t->seg[r] };
    }
    cpu->seg[R_SS].attr = (t->seg[R_CS] & 3u) << 13;
    cpu->seg[R_LDTR] = (X86Seg){ .sel = t->ldt };
}

/* Busy rules, before anything changes. */
static void check_new_task(X86Cpu *cpu, uint16_t sel, X86Desc d, enum X86TaskCause cause)
{
    bool wide = d.hi & 0x800, busy = d.hi & 0x200;

    if (cause == X86_TASK_IRET ? !busy : busy) {
        x86_raise_err(cpu, cause == X86_TASK_IRET ? EXCP_TS : EXCP_GP, sel & ~3);
    }
    if (x86_desc_limit(d) < (wide ? 0x67u : 0x2bu)) {
        x86_raise_err(cpu, EXCP_TS, sel & ~3);
    }
}

static void push_error(X86Cpu *cpu, bool wide, uint32_t error)
{
    Stk s = stk_current(cpu);

    stk_push(&s, error, wide ? 4 : 2);
    stk_commit(&s);
}

void x86_task_switch(X86Cpu *cpu, uint16_t sel, X86Desc d, uint64_t where, enum X86TaskCause cause,
                     bool has_error, uint32_t error)
{
    X86Seg old = cpu->seg[R_TR];
    bool wide = d.hi & 0x800, old_wide = old.attr & 0x800, nested;
    uint32_t base = task_base(d), flags = x86_eflags_get(cpu);
    TaskImage t = { 0 };

    check_new_task(cpu, sel, d, cause);
    read_task(cpu, base, wide, &t);
    if (!(old.attr & X86_SEG_P) || old.limit < (old_wide ? 0x5fu : 0x29u)) {
        x86_raise_err(cpu, EXCP_TS, sel & ~3);
    }
    cpu_probe_access(&cpu->base, (uint32_t)old.base, old_wide ? 0x60 : 0x2a, MMU_ACCESS_WRITE,
                     X86_MMU_KERNEL);
    nested = cause == X86_TASK_CALL || cause == X86_TASK_INT;
    if (cause == X86_TASK_IRET) {
        flags &= ~X86_NT;
    }
    if (!nested) {
        set_busy(cpu, old.sel, false);
    }
    save_task(cpu, old.base, old_wide, flags);
    if (nested) {
        cpu_st16(&cpu->base, base, old.sel, X86_MMU_KERNEL);
    }
    if (cause != X86_TASK_IRET) {
        set_busy(cpu, sel, true);
    }
    d.hi |= 0x200;
    /* commit point */
    cpu->sys.in_new_task = true;
    cpu->seg[R_TR] = x86_desc_seg(sel, d);
    cpu->cr0 |= CR0_TS;
    install_task(cpu, &t, wide, nested ? X86_NT : 0);
    if (wide && (cpu->cr0 & CR0_PG) && cpu->cr3 != t.cr3) {
        x86_set_cr3(cpu, t.cr3, false);
        if (cpu->cr4 & CR4_PAE) {
            x86_load_pdptes(cpu, t.cr3, cpu->sys.pdpte);
        }
    }
    cpu->dr[7] &= ~0x155ull;
    x86_mode_update(cpu);
    x86_load_ldt(cpu, t.ldt, EXCP_TS);
    if (cpu->eflags & X86_VM) {
        x86_set_vm86_segs(cpu);
    } else {
        load_task_segs(cpu, &t, t.seg[R_CS] & 3);
    }
    x86_mode_update(cpu);
    if (has_error) {
        push_error(cpu, wide, error);
    }
    if (cpu->rip > cpu->seg[R_CS].limit) {
        x86_gp(cpu, 0);
    }
    cpu->sys.in_new_task = false;
    if (t.trap) {
        cpu->sys.trap_armed |= DR6_BT;
    }
}
