/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control registers, EFER, A20, debug registers and time: what a change of them entails for the TLB, the
 * mode word and the breakpoints. Callers have checked the values. Intel SDM vol. 3 ch. 2, 4.10, 17.
 */
#include "target/x86/system.h"

#include "base/core/vm.h"

/* The engine's address space that the registers select: the PCID. */
static uint64_t space_of(const X86Cpu *cpu)
{
    return cpu->cr4 & CR4_PCIDE ? cpu->cr3 & 0xfff : 0;
}

void x86_paging_changed(X86Cpu *cpu)
{
    cpu_tlb_flush(&cpu->base);
    cpu_tlb_switch(&cpu->base, space_of(cpu), true);
}

void x86_set_cr0(X86Cpu *cpu, uint64_t v)
{
    uint64_t old = cpu->cr0;

    cpu->cr0 = (uint32_t)v | CR0_ET;
    if ((v ^ old) & (CR0_PG | CR0_WP | CR0_PE)) {
        x86_paging_changed(cpu);
    }
    if ((v ^ old) & CR0_PG) {
        if ((v & CR0_PG) && (cpu->efer & EFER_LME)) {
            cpu->efer |= EFER_LMA;
        } else if (!(v & CR0_PG)) {
            cpu->efer &= ~(uint64_t)EFER_LMA;
        }
    }
    x86_mode_update(cpu);
}

/* Without PCIDs every MOV CR3 drops what is not global; with them bit 63 of the source keeps the
   entries of the new PCID. */
void x86_set_cr3(X86Cpu *cpu, uint64_t v, bool keep_tlb)
{
    cpu->cr3 = v;
    if (cpu->cr0 & CR0_PG) {
        cpu_tlb_switch(&cpu->base, space_of(cpu), keep_tlb);
    }
}

uint64_t x86_cr4_reserved(const X86Cpu *cpu)
{
    const X86CpuConfig *c = cpu->sys.cfg;
    uint64_t ok = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE |
                  CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    ok |= X86_HAS(c, 7_0_ECX, 2) ? CR4_UMIP : 0;
    ok |= X86_FEAT_LA57(c) ? CR4_LA57 : 0;
    ok |= X86_HAS(c, 7_0_EBX, 0) ? CR4_FSGSBASE : 0;
    ok |= X86_FEAT_PCID(c) ? CR4_PCIDE : 0;
    ok |= X86_FEAT_XSAVE(c) ? CR4_OSXSAVE : 0;
    ok |= X86_HAS(c, 7_0_EBX, 7) ? CR4_SMEP : 0;
    ok |= X86_HAS(c, 7_0_EBX, 20) ? CR4_SMAP : 0;
    ok |= X86_FEAT_PKU(c) ? CR4_PKE : 0;
    return ~ok;
}

void x86_set_cr4(X86Cpu *cpu, uint64_t v)
{
    uint64_t changed = v ^ cpu->cr4;

    cpu->cr4 = v;
    if (changed &
        (CR4_PGE | CR4_PAE | CR4_PSE | CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_LA57 | CR4_PCIDE)) {
        x86_paging_changed(cpu);
    }
    if (changed & CR4_DE) {
        x86_debug_update(cpu);
    }
    x86_mode_update(cpu);
}

void x86_set_efer(X86Cpu *cpu, uint64_t v)
{
    uint64_t changed = v ^ cpu->efer;

    cpu->efer = v;
    if (changed & (EFER_NXE | EFER_LMA)) {
        x86_paging_changed(cpu);
    }
    x86_mode_update(cpu);
}

/* ---- A20 ---- */

static void a20_work(CpuState *cs, void *opaque)
{
    X86Cpu *cpu = x86_cpu(cs);

    cpu->sys.a20_mask = GPOINTER_TO_INT(opaque) ? ~0ull : ~(1ull << 20);
    cpu_tlb_flush(cs);
}

void x86_set_a20(X86Cpu *cpu, bool on)
{
    if ((cpu->sys.a20_mask == ~0ull) == on) {
        return;
    }
    if (cpu_current() == &cpu->base) {
        a20_work(&cpu->base, GINT_TO_POINTER(on));
    } else {
        cpu_run_on_async(&cpu->base, a20_work, GINT_TO_POINTER(on));
    }
}

/* ---- time ---- */

static int64_t scale(int64_t v, uint64_t num, uint64_t den)
{
    return num == den ? v : (int64_t)((__int128)v * num / den);
}

static int64_t ticks_now(const X86Cpu *cpu)
{
    return scale(clock_now_ns(cpu->sys.vm, CLOCK_KIND_VIRTUAL), cpu->sys.tsc_hz, NS_PER_SEC);
}

uint64_t x86_tsc_now(const X86Cpu *cpu)
{
    return ticks_now(cpu) + cpu->sys.tsc_offset;
}

void x86_tsc_write(X86Cpu *cpu, uint64_t v)
{
    int64_t offset = v - ticks_now(cpu);

    cpu->sys.tsc_adjust += offset - cpu->sys.tsc_offset;
    cpu->sys.tsc_offset = offset;
}

int64_t x86_tsc_to_ns(const X86Cpu *cpu, uint64_t tsc)
{
    __int128 ns = (__int128)(int64_t)(tsc - cpu->sys.tsc_offset) * NS_PER_SEC;
    __int128 r = (ns + (int64_t)cpu->sys.tsc_hz - 1) / (int64_t)cpu->sys.tsc_hz;

    return r > INT64_MAX / 2 ? INT64_MAX / 2 : r < 0 ? 0 : (int64_t)r;
}

/* ---- debug registers ---- */

enum {
    BP_EXEC,
    BP_WRITE,
    BP_IO,
    BP_RW
};

static bool bp_enabled(const X86Cpu *cpu, unsigned n)
{
    return cpu->dr[7] >> (n * 2) & 3;
}
static unsigned bp_type(const X86Cpu *cpu, unsigned n)
{
    return cpu->dr[7] >> (16 + n * 4) & 3;
}
static unsigned bp_len(const X86Cpu *cpu, unsigned n)
{
    static const uint8_t len[4] = { 1, 2, 8, 4 };

    return len[cpu->dr[7] >> (18 + n * 4) & 3];
}

static void watch(X86Cpu *cpu, unsigned n, bool on)
{
    unsigned type = bp_type(cpu, n), len = bp_len(cpu, n);
    uint32_t kind = type == BP_WRITE ? CPU_WATCH_WRITE : CPU_WATCH_WRITE | CPU_WATCH_READ;
    uint64_t va = cpu->dr[n] & ~(uint64_t)(len - 1);

    if (!bp_enabled(cpu, n) || (type != BP_WRITE && type != BP_RW)) {
        return;
    }
    if (on) {
        cpu_watchpoint_insert(&cpu->base, va, len, kind);
    } else {
        cpu_watchpoint_remove(&cpu->base, va, len, kind);
    }
}

void x86_debug_update(X86Cpu *cpu)
{
    x86_mode_update(cpu);
}

void x86_set_dr(X86Cpu *cpu, unsigned n, uint64_t v)
{
    unsigned first = n == 7 ? 0 : n, last = n == 7 ? 3 : n;

    if (n == 6) {
        cpu->dr[6] = (v & 0xe00f) | DR6_FIXED;
        return;
    }
    for (unsigned i = first; i <= last; i++) {
        watch(cpu, i, false);
    }
    cpu->dr[n] = n == 7 ? (uint32_t)(v & ~0xd800ull) | DR7_FIXED : v;
    for (unsigned i = first; i <= last; i++) {
        watch(cpu, i, true);
    }
    x86_debug_update(cpu);
}

/* The engine saw an access to a watched address: a data breakpoint if DR7 says so. */
bool x86_debug_exception(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint32_t hit = 0;

    for (unsigned n = 0; n < 4 && cs->debug_cause == CPU_DEBUG_WATCH; n++) {
        unsigned type = bp_type(cpu, n);
        uint64_t va = cpu->dr[n] & ~(uint64_t)(bp_len(cpu, n) - 1);

        if (bp_enabled(cpu, n) && (type == BP_WRITE || type == BP_RW) && cs->watch_hit >= va &&
            cs->watch_hit < va + bp_len(cpu, n)) {
            hit |= 1u << n;
        }
    }
    if (!hit) {
        return false;
    }
    cpu->sys.dr6_pending |= hit | X86_DR6_TRAP;
    cs->exception = EXCP_DB;
    cs->excp_error = 0;
    return true;
}

/* Instruction breakpoints at linear address @va. */
static uint32_t code_breakpoints(const X86Cpu *cpu, uint64_t va)
{
    uint32_t hit = 0;

    for (unsigned n = 0; n < 4; n++) {
        if (bp_enabled(cpu, n) && bp_type(cpu, n) == BP_EXEC && cpu->dr[n] == va) {
            hit |= 1u << n;
        }
    }
    return hit;
}

void x86_get_tb_key(CpuState *cs, TbKey *key)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint32_t flags = cpu->mode & ~(uint32_t)(MODE_TF | MODE_SHADOW | MODE_RF | MODE_FPX);

    if (G_UNLIKELY(cpu->sys.trap_armed) && cpu->int_shadow != X86_SHADOW_MOVSS) {
        cpu->sys.dr6_pending |= cpu->sys.trap_armed | X86_DR6_TRAP;
        cpu->sys.trap_armed = 0;
        x86_raise(cpu, EXCP_DB);
    }
    key->pc = cpu->rip;
    key->vaddr = flags & MODE_CS64 ? cpu->rip : (uint32_t)(cpu->seg[1].base + cpu->rip);
    if (G_UNLIKELY(cpu->int_shadow)) {
        flags |= MODE_SHADOW;
    }
    if (G_UNLIKELY(cpu->eflags & (X86_TF | X86_RF))) {
        flags |= cpu->eflags & X86_TF ? MODE_TF : 0;
        flags |= cpu->eflags & X86_RF ? MODE_RF : 0;
    }
    if (G_UNLIKELY(flags & MODE_DEBUG) && !(flags & MODE_RF) &&
        cpu->int_shadow != X86_SHADOW_MOVSS) {
        uint32_t hit = code_breakpoints(cpu, key->vaddr);

        if (hit) {
            cpu->sys.dr6_pending |= hit;
            x86_raise(cpu, EXCP_DB);
        }
    }
    if (G_UNLIKELY((cpu->mxcsr & 0x1f80) != 0x1f80)) {
        flags |= MODE_FPX;
    }
    key->flags = flags;
}
