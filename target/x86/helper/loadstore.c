/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segment checks of data accesses outside 64-bit mode, and ENTER with nested frames.
 */
#include "target/x86/decode.h"
#include "target/x86/helper.h"

static G_NORETURN void seg_fault(X86Cpu *cpu, unsigned seg)
{
    x86_raise_err(cpu, seg == X86_SS ? EXCP_SS : EXCP_GP, 0);
}

/* Is [off, off + len) inside? (SDM volume 3, 5.3) */
static bool inside(const X86Seg *s, uint64_t off, unsigned len)
{
    uint64_t last = off + (len ? len - 1 : 0);
    bool down = (s->attr & (X86_SEG_S | X86_SEG_CODE | X86_SEG_DC)) == (X86_SEG_S | X86_SEG_DC);
    if (down) {
        return off > s->limit && last <= (s->attr & X86_SEG_DB ? 0xffffffffu : 0xffffu);
    }
    return last <= s->limit;
}

uint64_t helper_x86_seg_check(CpuState *cs, uint64_t seg, uint64_t off, uint64_t what)
{
    X86Cpu *cpu = x86_cpu(cs);
    const X86Seg *s = &cpu->seg[seg];
    bool write = what >> 16;
    if (mode_protected(cpu->mode)) {
        uint32_t type = s->attr & (X86_SEG_CODE | X86_SEG_RW);
        bool ok = write ? type == X86_SEG_RW : type != X86_SEG_CODE;
        if (!(s->attr & X86_SEG_P) || !(s->attr & X86_SEG_S) || !ok) {
            seg_fault(cpu, seg);
        }
    }
    if (!inside(s, off, what & 0xffff)) {
        seg_fault(cpu, seg);
    }
    return 0;
}

static uint64_t ss_linear(X86Cpu *cpu, uint64_t off, unsigned size, bool write)
{
    if (cpu->mode & MODE_CS64) {
        return off;
    }
    helper_x86_seg_check(&cpu->base, X86_SS, off, size | (write ? 1u << 16 : 0));
    return (uint32_t)(cpu->seg[X86_SS].base + off);
}

static void put_low(uint64_t *reg, uint64_t v, unsigned size)
{
    if (size == 2) {
        *reg = (*reg & ~UINT64_C(0xffff)) | (v & 0xffff);
    } else {
        *reg = size == 4 ? (uint32_t)v : v;
    }
}

uint64_t helper_x86_enter(CpuState *cs, uint64_t size, uint64_t frame_bytes, uint64_t level)
{
    X86Cpu *cpu = x86_cpu(cs);
    unsigned mmu = mode_mmu(cpu->mode);
    uint64_t mask = cpu->mode & MODE_CS64   ? UINT64_MAX
                    : cpu->mode & MODE_SS32 ? 0xffffffffu
                                            : 0xffffu;
    unsigned sp_size = cpu->mode & MODE_CS64 ? 8 : cpu->mode & MODE_SS32 ? 4 : 2;
    uint64_t sp = cpu->gpr[X86_RSP] & mask, bp = cpu->gpr[X86_RBP] & mask;
    uint64_t frame = (sp - size) & mask;

    for (unsigned k = 0; k <= level; k++) { /* frames may overlap: in order */
        uint64_t v = k == 0 ? cpu->gpr[X86_RBP] : frame;
        if (k != 0 && k != level) {
            bp = (bp - size) & mask;
            cpu_ld_bytes(cs, ss_linear(cpu, bp, size, false), &v, size, mmu);
        }
        sp = (sp - size) & mask;
        cpu_st_bytes(cs, ss_linear(cpu, sp, size, true), &v, size, mmu);
    }
    sp = (sp - frame_bytes) & mask;
    cpu_probe_access(cs, ss_linear(cpu, sp, size, true), size, MMU_ACCESS_WRITE, mmu);
    put_low(&cpu->gpr[X86_RBP], frame, size);
    put_low(&cpu->gpr[X86_RSP], sp, sp_size);
    return 0;
}
