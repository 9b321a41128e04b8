/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System instructions: control and debug registers, interrupt flag, TLB, time, CPUID, MSRs.
 * The translators have checked decode-time conditions and CPL 0 where that is all there is.
 */
#include "target/x86/helper-sys.h"

#include "base/core/vm.h"
#include "target/x86/seg-priv.h"

/* ---- descriptor-table and selector registers ---- */

uint64_t helper_x86_read_sysreg(CpuState *cs, uint64_t which)
{
    X86Cpu *cpu = x86_cpu(cs);

    if ((cpu->cr4 & CR4_UMIP) && cpu_cpl(cpu) > 0) {
        x86_gp(cpu, 0);
    }
    switch (which) {
    case SYSREG_LDTR: return cpu->seg[R_LDTR].sel;
    case SYSREG_TR: return cpu->seg[R_TR].sel;
    case SYSREG_GDT_BASE: return cpu->gdt.base;
    case SYSREG_GDT_LIMIT: return cpu->gdt.limit;
    case SYSREG_IDT_BASE: return cpu->idt.base;
    case SYSREG_IDT_LIMIT: return cpu->idt.limit;
    default: return cpu->cr0;
    }
}

uint64_t helper_x86_load_dt(CpuState *cs, uint64_t which, uint64_t base, uint64_t limit)
{
    X86Cpu *cpu = x86_cpu(cs);

    if ((cpu->mode & MODE_CS64) && !x86_canonical(cpu, base)) {
        x86_gp(cpu, 0);
    }
    *(which ? &cpu->idt : &cpu->gdt) = (X86Dt){ .base = base, .limit = limit };
    return 0;
}

/* ---- control registers ---- */

uint64_t helper_x86_read_cr(CpuState *cs, uint64_t n)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint64_t v = 0;

    switch (n) {
    case 0: return cpu->cr0;
    case 2: return cpu->cr2;
    case 3: return cpu->cr3;
    case 4: return cpu->cr4;
    case 8:
        if (cpu->sys.apic_ops) {
            vm_lock(cpu->sys.vm);
            v = cpu->sys.apic_ops->get_tpr(cpu->sys.apic) >> 4;
            vm_unlock(cpu->sys.vm);
        }
        return v;
    default: x86_raise(cpu, EXCP_UD);
    }
}

static void write_cr0(X86Cpu *cpu, uint64_t v)
{
    bool pae = cpu->cr4 & CR4_PAE;

    if (v >> 32 || ((v & CR0_PG) && !(v & CR0_PE)) || ((v & CR0_NW) && !(v & CR0_CD))) {
        x86_gp(cpu, 0);
    }
    if ((v & CR0_PG) && !(cpu->cr0 & CR0_PG)) {
        if (cpu->efer & EFER_LME) {
            if (!pae || (cpu->seg[R_CS].attr & X86_SEG_L)) {
                x86_gp(cpu, 0);
            }
        } else if (pae && !x86_load_pdptes(cpu, cpu->cr3, cpu->sys.pdpte)) {
            x86_gp(cpu, 0);
        }
    }
    if (!(v & CR0_PG) && (cpu->cr0 & CR0_PG) &&
        ((cpu->mode & MODE_CS64) || (cpu->cr4 & CR4_PCIDE))) {
        x86_gp(cpu, 0);
    }
    x86_set_cr0(cpu, v);
}

static void write_cr3(X86Cpu *cpu, uint64_t v)
{
    bool keep = false;

    if (cpu_lma(cpu)) {
        if ((cpu->cr4 & CR4_PCIDE) && v >> 63) {
            keep = true;
            v &= ~(1ull << 63);
        }
        if (v >> x86_phys_bits(cpu->sys.cfg)) {
            x86_gp(cpu, 0);
        }
    } else {
        v = (uint32_t)v;
        if ((cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE)) {
            uint64_t pdpte[4];

            if (!x86_load_pdptes(cpu, v, pdpte)) {
                x86_gp(cpu, 0);
            }
            memcpy(cpu->sys.pdpte, pdpte, sizeof(pdpte));
        }
    }
    x86_set_cr3(cpu, v, keep);
}

static void write_cr4(X86Cpu *cpu, uint64_t v)
{
    uint64_t changed = v ^ cpu->cr4;

    if (v & x86_cr4_reserved(cpu)) {
        x86_gp(cpu, 0);
    }
    if (cpu_lma(cpu) && (!(v & CR4_PAE) || (changed & CR4_LA57))) {
        x86_gp(cpu, 0);
    }
    if ((v & changed & CR4_PCIDE) && (!cpu_lma(cpu) || (cpu->cr3 & 0xfff))) {
        x86_gp(cpu, 0);
    }
    if ((v & CR4_PAE) && (cpu->cr0 & CR0_PG) && !cpu_lma(cpu) &&
        (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) &&
        !x86_load_pdptes(cpu, cpu->cr3, cpu->sys.pdpte)) {
        x86_gp(cpu, 0);
    }
    x86_set_cr4(cpu, v);
}

uint64_t helper_x86_write_cr(CpuState *cs, uint64_t n, uint64_t v)
{
    X86Cpu *cpu = x86_cpu(cs);

    switch (n) {
    case 0: write_cr0(cpu, v); break;
    case 2: cpu->cr2 = v; break;
    case 3: write_cr3(cpu, v); break;
    case 4: write_cr4(cpu, v); break;
    case 8:
        if (v > 15) {
            x86_gp(cpu, 0);
        }
        if (cpu->sys.apic_ops) {
            vm_lock(cpu->sys.vm);
            cpu->sys.apic_ops->set_tpr(cpu->sys.apic, v << 4);
            vm_unlock(cpu->sys.vm);
        }
        break;
    default: x86_raise(cpu, EXCP_UD);
    }
    return 0;
}

uint64_t helper_x86_lmsw(CpuState *cs, uint64_t v)
{
    X86Cpu *cpu = x86_cpu(cs);

    x86_set_cr0(cpu, (cpu->cr0 & ~0xeull) | (v & 0xf));
    return 0;
}

uint64_t helper_x86_clts(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);

    cpu->cr0 &= ~(uint64_t)CR0_TS;
    x86_mode_update(cpu);
    return 0;
}

/* ---- debug registers ---- */

static unsigned dr_number(X86Cpu *cpu, unsigned n)
{
    if (n >= 8 || (n >= 4 && n <= 5 && (cpu->cr4 & CR4_DE))) {
        x86_raise(cpu, EXCP_UD);
    }
    if (cpu->dr[7] & DR7_GD) {
        cpu->sys.dr6_pending |= DR6_BD;
        x86_raise(cpu, EXCP_DB);
    }
    return n == 4 || n == 5 ? n + 2 : n;
}

uint64_t helper_x86_read_dr(CpuState *cs, uint64_t n)
{
    X86Cpu *cpu = x86_cpu(cs);

    return cpu->dr[dr_number(cpu, n)];
}

uint64_t helper_x86_write_dr(CpuState *cs, uint64_t a0, uint64_t v)
{
    X86Cpu *cpu = x86_cpu(cs);
    unsigned n = dr_number(cpu, a0);

    if (!(cpu->mode & MODE_CS64)) {
        v = (uint32_t)v;
    }
    if (n >= 6 && v >> 32) {
        x86_gp(cpu, 0);
    }
    x86_set_dr(cpu, n, v);
    return 0;
}

/* ---- TLB ---- */

uint64_t helper_x86_invlpg(CpuState *cs, uint64_t va)
{
    if (!cpu_lma(x86_cpu(cs)) || x86_canonical(x86_cpu(cs), va)) {
        cpu_tlb_flush_page(cs, va);
    }
    return 0;
}

uint64_t helper_x86_invpcid(CpuState *cs, uint64_t type, uint64_t at)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint64_t pcid = cpu_ld64(cs, at, mode_mmu(cpu->mode));
    uint64_t va = cpu_ld64(cs, at + 8, mode_mmu(cpu->mode));

    if (type > 3 || pcid > 0xfff || (type < 2 && pcid && !(cpu->cr4 & CR4_PCIDE)) ||
        (type == 0 && cpu_lma(cpu) && !x86_canonical(cpu, va))) {
        x86_gp(cpu, 0);
    }
    switch (type) {
    case 0: cpu_tlb_flush_space_page(cs, pcid, va); break;
    case 1: cpu_tlb_flush_space(cs, pcid); break;
    case 2: x86_paging_changed(cpu); break;
    default: cpu_tlb_flush_nonglobal_all(cs); break;
    }
    return 0;
}

/* ---- MSRs, CPUID, time ---- */

/* For an IF that is on now, though EFLAGS in memory may not have it yet. */
uint64_t helper_x86_recheck_irq(CpuState *cs)
{
    if (cpu_irq_pending(cs)) {
        cpu_exit_request(cs);
    }
    return 0;
}

uint64_t helper_x86_rdtsc(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);

    if ((cpu->cr4 & CR4_TSD) && cpu_cpl(cpu) > 0) {
        x86_gp(cpu, 0);
    }
    return x86_tsc_now(cpu);
}

uint64_t helper_x86_tsc_aux(CpuState *cs)
{
    return (uint32_t)x86_cpu(cs)->tsc_aux;
}

uint64_t helper_x86_rdpmc(CpuState *cs)
{
    x86_gp(x86_cpu(cs), 0); /* no performance counters */
}

uint64_t helper_x86_rdmsr(CpuState *cs, uint64_t msr)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint64_t v = 0;

    if (!x86_msr_read(cpu, msr, &v)) {
        x86_gp(cpu, 0);
    }
    return v;
}

uint64_t helper_x86_wrmsr(CpuState *cs, uint64_t msr, uint64_t v)
{
    X86Cpu *cpu = x86_cpu(cs);

    if (!x86_msr_write(cpu, msr, v)) {
        x86_gp(cpu, 0);
    }
    return 0;
}

uint64_t helper_x86_cpuid(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);
    X86CpuidState s = {
        .osxsave = cpu->cr4 & CR4_OSXSAVE,
        .ospke = cpu->cr4 & CR4_PKE,
        .xcr0 = cpu->xcr0,
        .xss = cpu->sys.xss,
        .apic_enabled = true,
    };
    uint32_t out[4];

    if (cpu->sys.apic_ops && (uint32_t)cpu->gpr[0] == 1) {
        vm_lock(cpu->sys.vm);
        s.apic_enabled = cpu->sys.apic_ops->get_base(cpu->sys.apic) >> 11 & 1;
        vm_unlock(cpu->sys.vm);
    }
    x86_cpuid(cpu->sys.cfg, &s, cpu->gpr[0], cpu->gpr[1], out);
    cpu->gpr[0] = out[0];
    cpu->gpr[3] = out[1];
    cpu->gpr[1] = out[2];
    cpu->gpr[2] = out[3];
    return 0;
}

/* ---- halting, interrupt flag ---- */

uint64_t helper_x86_hlt(CpuState *cs, uint64_t next)
{
    cpu_sync_state(cs);
    x86_cpu(cs)->rip = next;
    x86_cpu(cs)->int_shadow = 0;
    cpu_halt(cs);
}

/* A monitored store cannot be waited for: MWAIT gives way once and returns, as it may. */
uint64_t helper_x86_mwait(CpuState *cs, uint64_t next)
{
    cpu_sync_state(cs);
    x86_cpu(cs)->rip = next;
    cpu_exit_to_loop(cs, CPU_EXCP_YIELD);
}

uint64_t helper_x86_rsm(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);

    if (!cpu->sys.smm) {
        x86_raise(cpu, EXCP_UD);
    }
    cpu_sync_state(cs);
    x86_leave_smm(cpu);
    if (cs->halted) {
        cpu_halt(cs);
    }
    cpu_exit_to_loop(cs, CPU_EXCP_LOOP);
}

/* CLI and STI without IOPL: virtual flag in vm86 (VME) and ring 3 (PVI). */
static bool virtual_if(const X86Cpu *cpu)
{
    if (cpu->mode & MODE_VM86) {
        return cpu->cr4 & CR4_VME;
    }
    return cpu_cpl(cpu) == 3 && (cpu->cr4 & CR4_PVI);
}

uint64_t helper_x86_cli(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);

    if (cpu->mode & MODE_IOPL_OK) {
        cpu->eflags &= ~X86_IF;
    } else if (virtual_if(cpu)) {
        cpu->eflags &= ~X86_VIF;
    } else {
        x86_gp(cpu, 0);
    }
    return 0;
}

uint64_t helper_x86_sti(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);

    if (cpu->mode & MODE_IOPL_OK) {
        if (!(cpu->eflags & X86_IF)) {
            cpu->int_shadow = X86_SHADOW_STI;
        }
        cpu->eflags |= X86_IF;
        x86_recheck_irq(cpu);
    } else if (virtual_if(cpu) && !(cpu->eflags & X86_VIP)) {
        cpu->eflags |= X86_VIF;
    } else {
        x86_gp(cpu, 0);
    }
    return 0;
}

uint64_t helper_x86_set_ac(CpuState *cs, uint64_t on)
{
    X86Cpu *cpu = x86_cpu(cs);

    cpu->eflags = on ? cpu->eflags | X86_AC : cpu->eflags & ~X86_AC;
    x86_mode_moved(cpu);
    return 0;
}

uint64_t helper_x86_read_eflags(CpuState *cs, uint64_t size)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint32_t f = x86_eflags_get(cpu) & ~(X86_RF | X86_VM);

    if ((cpu->mode & MODE_VM86) && !(cpu->mode & MODE_IOPL_OK)) {
        if (!(cpu->cr4 & CR4_VME) || size != 2) {
            x86_gp(cpu, 0);
        }
        f = (f & ~X86_IF) | (f & X86_VIF ? X86_IF : 0) | X86_IOPL;
    }
    return f;
}

uint64_t helper_x86_write_eflags(CpuState *cs, uint64_t v, uint64_t size)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint32_t mask = X86_CC | X86_TF | X86_DF | X86_NT | X86_AC | X86_ID;
    uint32_t image = v;

    if (!(cpu->mode & MODE_PE) || cpu_cpl(cpu) == 0) {
        mask |= X86_IF | X86_IOPL;
    } else if (cpu->mode & MODE_IOPL_OK) {
        mask |= X86_IF;
    } else if (cpu->mode & MODE_VM86) {
        if (!(cpu->cr4 & CR4_VME) || size != 2 || (image & X86_TF) ||
            ((image & X86_IF) && (cpu->eflags & X86_VIP))) {
            x86_gp(cpu, 0);
        }
        cpu->eflags = image & X86_IF ? cpu->eflags | X86_VIF : cpu->eflags & ~X86_VIF;
    }
    if (size == 2) {
        mask &= 0xffff;
    } else if (!(cpu->mode & MODE_VM86)) {
        x86_load_eflags(cpu, 0, X86_RF);
    }
    x86_load_eflags(cpu, image, mask);
    x86_mode_moved(cpu);
    x86_recheck_irq(cpu);
    return 0;
}

/* ---- FS and GS base ---- */

uint64_t helper_x86_fsgsbase(CpuState *cs, uint64_t seg, uint64_t write, uint64_t v)
{
    X86Cpu *cpu = x86_cpu(cs);

    if (!(cpu->cr4 & CR4_FSGSBASE)) {
        x86_raise(cpu, EXCP_UD);
    }
    if (write) {
        if (!x86_canonical(cpu, v)) {
            x86_gp(cpu, 0);
        }
        cpu->seg[seg].base = v;
    }
    return cpu->seg[seg].base;
}

/* ---- protection keys, extended control register ---- */

uint64_t helper_x86_rdpkru(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);

    if (!(cpu->cr4 & CR4_PKE)) {
        x86_raise(cpu, EXCP_UD);
    }
    if ((uint32_t)cpu->gpr[1]) {
        x86_gp(cpu, 0);
    }
    return cpu->pkru;
}

uint64_t helper_x86_wrpkru(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);

    if (!(cpu->cr4 & CR4_PKE)) {
        x86_raise(cpu, EXCP_UD);
    }
    if ((uint32_t)cpu->gpr[1] || (uint32_t)cpu->gpr[2]) {
        x86_gp(cpu, 0);
    }
    if (cpu->pkru != (uint32_t)cpu->gpr[0]) {
        cpu->pkru = cpu->gpr[0];
        cpu_tlb_flush(cs);
    }
    return 0;
}

uint64_t helper_x86_xgetbv(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint32_t n = cpu->gpr[1];

    if (!(cpu->cr4 & CR4_OSXSAVE)) {
        x86_raise(cpu, EXCP_UD);
    }
    if (n > 1 || (n == 1 && !X86_HAS(cpu->sys.cfg, D_1_EAX, 2))) {
        x86_gp(cpu, 0);
    }
    return n ? cpu->xcr0 & x86_xinuse(cpu) : cpu->xcr0;
}

uint64_t helper_x86_xsetbv(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint64_t v = (uint32_t)cpu->gpr[0] | cpu->gpr[2] << 32;

    if (!(cpu->cr4 & CR4_OSXSAVE)) {
        x86_raise(cpu, EXCP_UD);
    }
    if ((uint32_t)cpu->gpr[1] || !(v & 1) || (v & ~x86_xcr0_mask(cpu->sys.cfg)) || (v & 6) == 4) {
        x86_gp(cpu, 0);
    }
    cpu->xcr0 = v;
    x86_mode_update(cpu);
    return 0;
}
