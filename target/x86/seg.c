/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segment registers: descriptor tables, loads with all their checks, the mode word that follows
 * from them. Far transfers are in far.c, tasks in task.c. Intel SDM vol. 3 ch. 3 and 5.
 */
#include "seg-priv.h"

/* ---- the mode word ---- */

static bool flat(const X86Seg *s)
{
    return s->limit == UINT32_MAX &&
           (s->attr & (X86_SEG_P | X86_SEG_S | X86_SEG_CODE | X86_SEG_DC | X86_SEG_RW)) ==
               (X86_SEG_P | X86_SEG_S | X86_SEG_RW);
}

static bool flat_code(const X86Seg *s)
{
    return s->limit == UINT32_MAX && (s->attr & X86_SEG_P) &&
           (s->attr & X86_SEG_RW); /* readable; stores through CS are checked always */
}

static uint32_t segment_bits(const X86Cpu *cpu)
{
    uint32_t m = cpu->seg[R_CS].attr & X86_SEG_DB ? MODE_CS32 : 0;

    m |= cpu->seg[R_SS].attr & X86_SEG_DB ? MODE_SS32 : 0;
    if (cpu->seg[R_ES].base | cpu->seg[R_CS].base | cpu->seg[R_SS].base | cpu->seg[R_DS].base) {
        m |= MODE_ADDSEG;
    }
    if (!flat(&cpu->seg[R_ES]) || !flat(&cpu->seg[R_SS]) || !flat(&cpu->seg[R_DS]) ||
        !flat_code(&cpu->seg[R_CS])) {
        m |= MODE_SEGCHECK;
    }
    return m;
}

/* What control registers, debug registers and MXCSR say. */
static uint32_t control_bits(const X86Cpu *cpu)
{
    uint32_t m = cpu->cr0 & CR0_PE ? MODE_PE : 0;

    m |= cpu_lma(cpu) ? MODE_LMA : 0;
    m |= cpu->cr0 & CR0_EM ? MODE_EM : 0;
    m |= cpu->cr0 & CR0_MP ? MODE_MP : 0;
    m |= cpu->cr0 & CR0_TS ? MODE_TS : 0;
    m |= cpu->cr0 & CR0_NE ? MODE_NE : 0;
    m |= cpu->cr4 & CR4_OSFXSR ? MODE_OSFXSR : 0;
    m |= cpu->cr4 & CR4_OSXSAVE ? MODE_OSXSAVE : 0;
    m |= (cpu->cr4 & CR4_OSXSAVE) && (cpu->xcr0 & 6) == 6 ? MODE_AVX : 0;
    m |= cpu->sys.smm ? MODE_SMM : 0;
    m |= mode_of_mxcsr(cpu->mxcsr);
    for (unsigned n = 0; n < 4 && (cpu->dr[7] & 0xff); n++) {
        if ((cpu->dr[7] >> (n * 2) & 3) && !(cpu->dr[7] >> (16 + n * 4) & 3)) {
            m |= MODE_DEBUG;
        }
    }
    return m;
}

/* What follows from CS, SS and EFLAGS too. */
#define MODE_OF_PLACE                                                                        \
    (MODE_CPL | MODE_VM86 | MODE_IOPL_OK | MODE_CS64 | MODE_CS32 | MODE_SS32 | MODE_ADDSEG | \
     MODE_TF | MODE_SHADOW | MODE_RF | MODE_SEGCHECK | MODE_NOSMAP | MODE_ALIGN)

void x86_mode_moved(X86Cpu *cpu)
{
    uint32_t m = MODE_IOPL_OK;
    unsigned cpl = 0;

    if (cpu->cr0 & CR0_PE) {
        cpl = cpu->eflags & X86_VM ? 3 : cpu->seg[R_SS].attr >> 13 & 3;
        m = cpl | (cpu->eflags & X86_VM ? MODE_VM86 : 0);
        m |= cpl <= (cpu->eflags >> 12 & 3) ? MODE_IOPL_OK : 0;
    }
    m |= cpu_lma(cpu) && (cpu->seg[R_CS].attr & X86_SEG_L) ? MODE_CS64 : segment_bits(cpu);
    if (cpu->eflags & X86_AC) {
        m |= (cpu->cr4 & CR4_SMAP) && cpl < 3 ? MODE_NOSMAP : 0;
        m |= cpl == 3 && (cpu->cr0 & CR0_AM) ? MODE_ALIGN : 0;
    }
    cpu->mode = (cpu->mode & ~(uint32_t)MODE_OF_PLACE) | m;
}

void x86_mode_update(X86Cpu *cpu)
{
    cpu->mode = control_bits(cpu);
    x86_mode_moved(cpu);
}

unsigned x86_fetch_mmu_idx(CpuState *cs)
{
    return mode_cpl(x86_cpu(cs)->mode) == 3 ? X86_MMU_USER : X86_MMU_KERNEL;
}

/* ---- descriptors ---- */

bool x86_desc_fetch(X86Cpu *cpu, uint16_t sel, X86Desc *d, uint64_t *where)
{
    uint64_t base = sel & 4 ? cpu->seg[R_LDTR].base : cpu->gdt.base;
    uint32_t limit = sel & 4 ? cpu->seg[R_LDTR].limit : cpu->gdt.limit;

    if ((sel & 4) && !(cpu->seg[R_LDTR].attr & X86_SEG_P)) {
        return false;
    }
    if ((sel | 7u) > limit) {
        return false;
    }
    *where = base + (sel & ~7u);
    if (!cpu_lma(cpu)) {
        *where = (uint32_t)*where;
    }
    d->lo = cpu_ld32(&cpu->base, *where, X86_MMU_KERNEL);
    d->hi = cpu_ld32(&cpu->base, *where + 4, X86_MMU_KERNEL);
    return true;
}

void x86_desc_touch(X86Cpu *cpu, X86Desc *d, uint64_t where)
{
    if (!(d->hi & X86_SEG_ACC)) {
        d->hi |= X86_SEG_ACC;
        cpu_st32(&cpu->base, where + 4, d->hi, X86_MMU_KERNEL);
    }
}

X86Desc x86_check_ss(X86Cpu *cpu, uint16_t sel, unsigned cpl, int vector)
{
    uint16_t err = sel & ~3;
    uint64_t where;
    X86Desc d;

    if (!(sel & ~3)) {
        x86_raise_err(cpu, vector, 0);
    }
    if (!x86_desc_fetch(cpu, sel, &d, &where) || (sel & 3) != cpl || x86_desc_dpl(d) != cpl ||
        !desc_is_data(d) || !(d.hi & X86_SEG_RW)) {
        x86_raise_err(cpu, vector, err);
    }
    if (!(d.hi & X86_SEG_P)) {
        x86_raise_err(cpu, EXCP_SS, err);
    }
    x86_desc_touch(cpu, &d, where);
    return d;
}

void x86_set_ss_null(X86Cpu *cpu, unsigned cpl)
{
    cpu->seg[R_SS] = (X86Seg){ .sel = cpl, .attr = cpl << 13 };
}

void x86_set_cs(X86Cpu *cpu, uint16_t sel, X86Desc d, unsigned cpl)
{
    cpu->seg[R_CS] = x86_desc_seg((sel & ~3) | cpl, d);
}

void x86_load_seg_real(X86Cpu *cpu, unsigned reg, uint16_t sel)
{
    cpu->seg[reg].sel = sel;
    cpu->seg[reg].base = (uint32_t)sel << 4;
    if (cpu->eflags & X86_VM) {
        cpu->seg[reg].limit = 0xffff;
        cpu->seg[reg].attr = X86_SEG_P | X86_SEG_DPL | X86_SEG_S | X86_SEG_RW | X86_SEG_ACC;
    } else if (reg == R_CS) {
        cpu->seg[reg].attr = X86_SEG_P | X86_SEG_S | X86_SEG_CODE | X86_SEG_RW | X86_SEG_ACC;
    }
}

void x86_set_vm86_segs(X86Cpu *cpu)
{
    for (unsigned r = R_ES; r <= R_GS; r++) {
        x86_load_seg_real(cpu, r, cpu->seg[r].sel);
    }
}

static void load_null(X86Cpu *cpu, unsigned reg, uint16_t sel)
{
    unsigned cpl = cpu_cpl(cpu);

    if (reg == R_SS) {
        if (!(cpu->mode & MODE_CS64) || cpl == 3 || (sel & 3) != cpl) {
            x86_gp(cpu, 0);
        }
        x86_set_ss_null(cpu, cpl);
        return;
    }
    cpu->seg[reg] = (X86Seg){ .sel = sel };
}

void x86_load_seg(X86Cpu *cpu, unsigned reg, uint16_t sel)
{
    unsigned cpl = cpu_cpl(cpu), rpl = sel & 3;
    uint64_t where;
    X86Desc d;

    if (!mode_protected(cpu->mode)) {
        x86_load_seg_real(cpu, reg, sel);
        x86_mode_update(cpu);
        return;
    }
    if (!(sel & ~3)) {
        load_null(cpu, reg, sel);
        x86_mode_update(cpu);
        return;
    }
    if (reg == R_SS) {
        d = x86_check_ss(cpu, sel, cpl, EXCP_GP);
    } else {
        if (!x86_desc_fetch(cpu, sel, &d, &where) || !(d.hi & X86_SEG_S) ||
            (d.hi & (X86_SEG_CODE | X86_SEG_RW)) == X86_SEG_CODE) {
            x86_gp(cpu, sel & ~3);
        }
        bool conforming = desc_is_code(d) && (d.hi & X86_SEG_DC);

        if (!conforming && (x86_desc_dpl(d) < cpl || x86_desc_dpl(d) < rpl)) {
            x86_gp(cpu, sel & ~3);
        }
        if (!(d.hi & X86_SEG_P)) {
            x86_raise_err(cpu, EXCP_NP, sel & ~3);
        }
        x86_desc_touch(cpu, &d, where);
    }
    cpu->seg[reg] = x86_desc_seg(sel, d);
    x86_mode_update(cpu);
}

/* LDT or TSS descriptors take 16 bytes in long mode. */
static uint64_t system_base(X86Cpu *cpu, X86Desc d, uint64_t where, uint16_t sel, uint16_t limit)
{
    uint64_t base = x86_desc_base(d);

    if (cpu_lma(cpu)) {
        if ((sel | 15u) > limit) {
            x86_gp(cpu, sel & ~3);
        }
        base |= (uint64_t)cpu_ld32(&cpu->base, where + 8, X86_MMU_KERNEL) << 32;
        if (cpu_ld32(&cpu->base, where + 12, X86_MMU_KERNEL) & 0x1f00) {
            x86_gp(cpu, sel & ~3);
        }
        if (!x86_canonical(cpu, base)) {
            x86_gp(cpu, sel & ~3);
        }
    }
    return base;
}

/* LLDT, and the LDT of a new task (@fault = EXCP_TS). */
void x86_load_ldt(X86Cpu *cpu, uint16_t sel, int fault)
{
    uint64_t where;
    X86Desc d;

    if (!(sel & ~3)) {
        cpu->seg[R_LDTR] = (X86Seg){ .sel = sel };
        return;
    }
    if ((sel & 4) || !x86_desc_fetch(cpu, sel, &d, &where) || (d.hi & X86_SEG_S) ||
        desc_type(d) != 2) {
        x86_raise_err(cpu, fault, sel & ~3);
    }
    if (!(d.hi & X86_SEG_P)) {
        x86_raise_err(cpu, fault == EXCP_TS ? EXCP_TS : EXCP_NP, sel & ~3);
    }
    uint64_t base = system_base(cpu, d, where, sel, cpu->gdt.limit);

    cpu->seg[R_LDTR] = x86_desc_seg(sel, d);
    cpu->seg[R_LDTR].base = base;
}

uint64_t helper_x86_lldt(CpuState *cs, uint64_t sel)
{
    x86_load_ldt(x86_cpu(cs), sel, EXCP_GP);
    return 0;
}

uint64_t helper_x86_ltr(CpuState *cs, uint64_t a0)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint16_t sel = a0;
    uint64_t where;
    X86Desc d;

    if (!(sel & ~3)) {
        x86_gp(cpu, 0);
    }
    if ((sel & 4) || !x86_desc_fetch(cpu, sel, &d, &where) || (d.hi & X86_SEG_S) ||
        (desc_type(d) != 9 && (desc_type(d) != 1 || cpu_lma(cpu)))) {
        x86_gp(cpu, sel & ~3);
    }
    if (!(d.hi & X86_SEG_P)) {
        x86_raise_err(cpu, EXCP_NP, sel & ~3);
    }
    uint64_t base = system_base(cpu, d, where, sel, cpu->gdt.limit);

    d.hi |= 2u << 8; /* busy */
    cpu_st32(cs, where + 4, d.hi, X86_MMU_KERNEL);
    cpu->seg[R_TR] = x86_desc_seg(sel, d);
    cpu->seg[R_TR].base = base;
    return 0;
}

uint64_t helper_x86_load_seg(CpuState *cs, uint64_t reg, uint64_t sel)
{
    x86_load_seg(x86_cpu(cs), reg, sel);
    return 0;
}

/* ---- looking at descriptors: VERR, VERW, LAR, LSL ---- */

static bool visible(X86Cpu *cpu, uint16_t sel, X86Desc *d)
{
    uint64_t where;
    bool conforming;

    if (!(sel & ~3) || !x86_desc_fetch(cpu, sel, d, &where)) {
        return false;
    }
    conforming = desc_is_code(*d) && (d->hi & X86_SEG_DC);
    return conforming || (x86_desc_dpl(*d) >= cpu_cpl(cpu) && x86_desc_dpl(*d) >= (sel & 3));
}

uint64_t helper_x86_verify(CpuState *cs, uint64_t sel, uint64_t write)
{
    X86Desc d;

    if (!visible(x86_cpu(cs), sel, &d) || !(d.hi & X86_SEG_S)) {
        return 0;
    }
    if (write) {
        return desc_is_data(d) && (d.hi & X86_SEG_RW);
    }
    return desc_is_data(d) || (d.hi & X86_SEG_RW);
}

/* ZF in bit 32; the value below. */
uint64_t helper_x86_lar(CpuState *cs, uint64_t sel, uint64_t limit)
{
    X86Cpu *cpu = x86_cpu(cs);
    X86Desc d;

    if (!visible(cpu, sel, &d)) {
        return 0;
    }
    if (!(d.hi & X86_SEG_S)) {
        /* types that LAR, and those that LSL accepts; fewer in long mode */
        uint32_t ok = limit ? (cpu_lma(cpu) ? 0x0a04 : 0x0a0e) : (cpu_lma(cpu) ? 0x1a04 : 0x1a3e);

        if (!(ok >> desc_type(d) & 1)) {
            return 0;
        }
    }
    return 1ull << 32 | (limit ? x86_desc_limit(d) : d.hi & 0x00ffff00u);
}

/* ---- stacks ---- */

Stk stk_current(X86Cpu *cpu)
{
    Stk s = { .cpu = cpu, .ss = cpu->seg[R_SS], .sp = cpu->gpr[G_RSP] };

    s.is64 = cpu->mode & MODE_CS64;
    s.mask = s.is64 ? UINT64_MAX : stk_mask(s.ss.attr);
    s.mmu = cpu_cpl(cpu) == 3 ? X86_MMU_USER : mode_mmu(cpu->mode);
    return s;
}

static uint64_t stk_addr(const Stk *s, uint64_t off, unsigned size)
{
    X86Cpu *cpu = s->cpu;

    if (s->is64) {
        if (!x86_canonical(cpu, off) || !x86_canonical(cpu, off + size - 1)) {
            x86_raise_err(cpu, EXCP_SS, s->err);
        }
        return off;
    }
    off &= s->mask;
    if (s->ss.attr & X86_SEG_DC && !(s->ss.attr & X86_SEG_CODE)) {
        uint64_t top = s->ss.attr & X86_SEG_DB ? UINT32_MAX : 0xffff;

        if (off <= s->ss.limit || off + size - 1 > top) {
            x86_raise_err(cpu, EXCP_SS, s->err);
        }
    } else if (off + size - 1 > s->ss.limit) {
        x86_raise_err(cpu, EXCP_SS, s->err);
    }
    return (uint32_t)(s->ss.base + off);
}

void stk_push(Stk *s, uint64_t v, unsigned size)
{
    CpuState *cs = &s->cpu->base;
    uint64_t sp = (s->sp - size) & s->mask;
    uint64_t va = stk_addr(s, sp, size);

    if (size == 2) {
        cpu_st16(cs, va, v, s->mmu);
    } else if (size == 4) {
        cpu_st32(cs, va, v, s->mmu);
    } else {
        cpu_st64(cs, va, v, s->mmu);
    }
    s->sp = (s->sp & ~s->mask) | sp;
}

uint64_t stk_peek(Stk *s, unsigned offset, unsigned size)
{
    CpuState *cs = &s->cpu->base;
    uint64_t va = stk_addr(s, (s->sp + offset) & s->mask, size);

    return size == 2   ? cpu_ld16(cs, va, s->mmu)
           : size == 4 ? cpu_ld32(cs, va, s->mmu)
                       : cpu_ld64(cs, va, s->mmu);
}

uint64_t stk_pop(Stk *s, unsigned size)
{
    uint64_t v = stk_peek(s, 0, size);

    s->sp = (s->sp & ~s->mask) | ((s->sp + size) & s->mask);
    return v;
}

void stk_commit(const Stk *s)
{
    uint64_t *rsp = &s->cpu->gpr[G_RSP];

    if (s->mask == 0xffff) {
        *rsp = (*rsp & ~0xffffull) | (s->sp & 0xffff);
    } else {
        *rsp = s->sp & s->mask;
    }
}
