/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An x86 CPU from power-on: reset and INIT state, decoder gates by CPUID bits, registers as text.
 * Intel SDM vol. 3 table 9-1.
 */
#include "seg-priv.h"

#include <string.h>

#include "base/util/log.h"

void x86_gates_from_config(X86GateSet *gates, const X86CpuConfig *c)
{
    static const struct {
        uint8_t gate, word, bit;
    } rows[] = {
        { X86_GATE_FPU, X86_FW_1_EDX, 0 },
        { X86_GATE_TSC, X86_FW_1_EDX, 4 },
        { X86_GATE_MSR, X86_FW_1_EDX, 5 },
        { X86_GATE_CX8, X86_FW_1_EDX, 8 },
        { X86_GATE_SEP, X86_FW_1_EDX, 11 },
        { X86_GATE_CMOV, X86_FW_1_EDX, 15 },
        { X86_GATE_CLFLUSH, X86_FW_1_EDX, 19 },
        { X86_GATE_MMX, X86_FW_1_EDX, 23 },
        { X86_GATE_FXSR, X86_FW_1_EDX, 24 },
        { X86_GATE_SSE, X86_FW_1_EDX, 25 },
        { X86_GATE_SSE2, X86_FW_1_EDX, 26 },
        { X86_GATE_SSE3, X86_FW_1_ECX, 0 },
        { X86_GATE_PCLMUL, X86_FW_1_ECX, 1 },
        { X86_GATE_MONITOR, X86_FW_1_ECX, 3 },
        { X86_GATE_SSSE3, X86_FW_1_ECX, 9 },
        { X86_GATE_FMA, X86_FW_1_ECX, 12 },
        { X86_GATE_CX16, X86_FW_1_ECX, 13 },
        { X86_GATE_SSE41, X86_FW_1_ECX, 19 },
        { X86_GATE_SSE42, X86_FW_1_ECX, 20 },
        { X86_GATE_MOVBE, X86_FW_1_ECX, 22 },
        { X86_GATE_POPCNT, X86_FW_1_ECX, 23 },
        { X86_GATE_AES, X86_FW_1_ECX, 25 },
        { X86_GATE_XSAVE, X86_FW_1_ECX, 26 },
        { X86_GATE_AVX, X86_FW_1_ECX, 28 },
        { X86_GATE_F16C, X86_FW_1_ECX, 29 },
        { X86_GATE_RDRAND, X86_FW_1_ECX, 30 },
        { X86_GATE_FSGSBASE, X86_FW_7_0_EBX, 0 },
        { X86_GATE_BMI1, X86_FW_7_0_EBX, 3 },
        { X86_GATE_AVX2, X86_FW_7_0_EBX, 5 },
        { X86_GATE_BMI2, X86_FW_7_0_EBX, 8 },
        { X86_GATE_INVPCID, X86_FW_7_0_EBX, 10 },
        { X86_GATE_RDSEED, X86_FW_7_0_EBX, 18 },
        { X86_GATE_ADX, X86_FW_7_0_EBX, 19 },
        { X86_GATE_SMAP, X86_FW_7_0_EBX, 20 },
        { X86_GATE_CLFLUSHOPT, X86_FW_7_0_EBX, 23 },
        { X86_GATE_CLWB, X86_FW_7_0_EBX, 24 },
        { X86_GATE_SHA, X86_FW_7_0_EBX, 29 },
        { X86_GATE_PKU, X86_FW_7_0_ECX, 3 },
        { X86_GATE_RDPID, X86_FW_7_0_ECX, 22 },
        { X86_GATE_XSAVEOPT, X86_FW_D_1_EAX, 0 },
        { X86_GATE_XSAVEC, X86_FW_D_1_EAX, 1 },
        { X86_GATE_XSAVES, X86_FW_D_1_EAX, 3 },
        { X86_GATE_LAHF_LM, X86_FW_8000_0001_ECX, 0 },
        { X86_GATE_LZCNT, X86_FW_8000_0001_ECX, 5 },
        { X86_GATE_SYSCALL, X86_FW_8000_0001_EDX, 11 },
        { X86_GATE_RDTSCP, X86_FW_8000_0001_EDX, 27 },
    };

    memset(gates, 0, sizeof(*gates));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        x86_gate_set(gates, rows[i].gate, x86_has(c, rows[i].word, rows[i].bit));
    }
}

static void reset_segments(X86Cpu *cpu)
{
    uint32_t data = X86_SEG_P | X86_SEG_S | X86_SEG_RW | X86_SEG_ACC;

    for (unsigned r = R_ES; r <= R_GS; r++) {
        cpu->seg[r] = (X86Seg){ .attr = data, .limit = 0xffff };
    }
    cpu->seg[R_CS] = (X86Seg){
        .sel = 0xf000, .base = 0xffff0000u, .limit = 0xffff, .attr = data | X86_SEG_CODE
    };
    cpu->seg[R_LDTR] = (X86Seg){ .limit = 0xffff, .attr = X86_SEG_P | 0x200 };
    cpu->seg[R_TR] = (X86Seg){ .limit = 0xffff, .attr = X86_SEG_P | 0xb00 };
    cpu->gdt = (X86Dt){ .limit = 0xffff };
    cpu->idt = (X86Dt){ .limit = 0xffff };
}

/* What RESET changes and INIT leaves alone. */
static void reset_cold(X86Cpu *cpu)
{
    X86Sys *s = &cpu->sys;

    memset(cpu->st, 0, sizeof(cpu->st));
    memset(cpu->ymm, 0, sizeof(cpu->ymm));
    cpu->fpcw = 0x40;
    cpu->fpsw = 0;
    cpu->fp_top = 0;
    cpu->fp_valid = 0xff; /* tag word 0x5555: every register holds +0 */
    cpu->fp_opcode = cpu->fp_cs = cpu->fp_ds = 0;
    cpu->fp_ip = cpu->fp_dp = 0;
    cpu->mxcsr = 0x1f80;
    cpu->xcr0 = 1;
    cpu->pkru = 0;
    s->smbase = 0x30000;
    s->smi_count = 0;
    s->pat = 0x0007040600070406ull;
    s->mtrr_deftype = 0;
    memset(s->mtrr_fixed, 0, sizeof(s->mtrr_fixed));
    memset(s->mtrr_var, 0, sizeof(s->mtrr_var));
    s->misc_enable = 1; /* fast strings */
    s->feature_control = s->spec_ctrl = s->xss = s->debugctl = 0;
    s->vm_hsave = s->hwcr = 0;
    s->poll_control = 1;
    s->mcg_cap = X86_HAS(s->cfg, 1_EDX, 14) && s->cfg->family >= 6 ? 0x1000000 | 0x100 | 10 : 0;
    s->mcg_status = 0;
    s->mcg_ctl = s->mcg_cap ? UINT64_MAX : 0;
    memset(s->mce_banks, 0, sizeof(s->mce_banks));
    for (unsigned i = 0; s->mcg_cap && i < X86_MCE_BANKS; i++) {
        s->mce_banks[i * 4] = UINT64_MAX;
    }
    cpu->tsc_aux = cpu->kernel_gs_base = cpu->star = cpu->lstar = cpu->cstar = 0;
    cpu->sfmask = 0;
    cpu->sysenter_cs = cpu->sysenter_esp = cpu->sysenter_eip = 0;
    s->tsc_adjust = 0;
    x86_tsc_write(cpu, 0);
    s->tsc_adjust = 0;
}

void x86_cpu_reset(X86Cpu *cpu, bool init)
{
    X86Sys *s = &cpu->sys;

    if (log_enabled(LOG_CPU_RESET)) {
        g_autoptr(GString) text = g_string_new(NULL);

        x86_dump_state(&cpu->base, text);
        log_write("CPU %s (CPU %u)\n%s", init ? "INIT" : "Reset", cpu->base.index, text->str);
    }
    s->tsc_hz = s->cfg->tsc_hz ? s->cfg->tsc_hz : 1000000000;
    memset(cpu->gpr, 0, sizeof(cpu->gpr));
    x86_eflags_set(cpu, 2);
    cpu->rip = 0xfff0;
    cpu->gpr[2] = s->cfg->family << 8 | (s->cfg->model & 15) << 4 | (s->cfg->model >> 4) << 16 |
                  (s->cfg->stepping & 15);
    reset_segments(cpu);
    cpu->cr0 = init ? (cpu->cr0 & (CR0_CD | CR0_NW)) | CR0_ET : CR0_CD | CR0_NW | CR0_ET;
    cpu->cr2 = cpu->cr3 = cpu->cr4 = 0;
    cpu->efer = 0;
    memset(cpu->dr, 0, sizeof(cpu->dr));
    cpu->dr[6] = DR6_FIXED;
    cpu->dr[7] = DR7_FIXED;
    cpu->int_shadow = 0;
    if (!init) {
        reset_cold(cpu);
    }
    s->a20_mask = UINT64_MAX;
    memset(s->pdpte, 0, sizeof(s->pdpte));
    s->smm = s->nmi_blocked = s->shutdown = false;
    s->delivering = -1;
    s->ext = s->in_new_task = false;
    s->trap_armed = s->dr6_pending = 0;
    s->monitor_armed = false;
    x86_gates_from_config(&cpu->gates, s->cfg);
    if (init) {
        x86_paging_changed(cpu);
        cpu->base.exception = CPU_EXCP_NONE;
    } else {
        cpu_reset_common(&cpu->base);
    }
    x86_mode_update(cpu);
}

/* ---- text ---- */

static void dump_seg(GString *out, const char *name, const X86Seg *s)
{
    static const char *const data[] = { "DS", "CS" };

    g_string_append_printf(out, "%-3s=%04x %016" PRIx64 " %08x %08x", name, s->sel, s->base,
                           s->limit, s->attr);
    if ((s->attr & X86_SEG_P) && (s->attr & X86_SEG_S)) {
        g_string_append_printf(out, " DPL=%u %s%s", s->attr >> 13 & 3,
                               data[!!(s->attr & X86_SEG_CODE)],
                               s->attr & X86_SEG_L    ? "64"
                               : s->attr & X86_SEG_DB ? "32"
                                                      : "16");
    }
    g_string_append_c(out, '\n');
}

static void dump_flags(const X86Cpu *cpu, GString *out)
{
    static const char letters[] = "C-P-A-ZS-IDO";
    uint32_t f = x86_eflags_get(cpu);

    g_string_append_printf(out, "RIP=%016" PRIx64 " RFL=%08x [", cpu->rip, f);
    for (int i = 11; i >= 0; i--) {
        if (letters[i] != '-') {
            g_string_append_c(out, f >> i & 1 ? letters[i] : '-');
        }
    }
    g_string_append_printf(out, "] CPL=%u II=%u A20=%u SMM=%u HLT=%u\n", cpu_cpl(cpu),
                           cpu->int_shadow, (unsigned)(cpu->sys.a20_mask >> 20 & 1), cpu->sys.smm,
                           cpu->base.halted);
}

void x86_dump_state(CpuState *cs, GString *out)
{
    static const char *const regs[16] = { "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                          "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15" };
    static const uint8_t order[16] = { 0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15 };
    static const char *const segs[8] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDT", "TR" };
    X86Cpu *cpu = x86_cpu(cs);

    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(out, "%s=%016" PRIx64 "%c", regs[order[i]], cpu->gpr[order[i]],
                               i % 4 == 3 ? '\n' : ' ');
    }
    dump_flags(cpu, out);
    for (unsigned i = 0; i < 8; i++) {
        dump_seg(out, segs[i], &cpu->seg[i]);
    }
    g_string_append_printf(out, "GDT=     %016" PRIx64 " %08x\nIDT=     %016" PRIx64 " %08x\n",
                           cpu->gdt.base, cpu->gdt.limit, cpu->idt.base, cpu->idt.limit);
    g_string_append_printf(out, "CR0=%08x CR2=%016" PRIx64 " CR3=%016" PRIx64 " CR4=%08x\n",
                           (uint32_t)cpu->cr0, cpu->cr2, cpu->cr3, (uint32_t)cpu->cr4);
    g_string_append_printf(out,
                           "DR0=%016" PRIx64 " DR1=%016" PRIx64 " DR2=%016" PRIx64
                           " DR3=%016" PRIx64 "\nDR6=%016" PRIx64 " DR7=%016" PRIx64 "\n",
                           cpu->dr[0], cpu->dr[1], cpu->dr[2], cpu->dr[3], cpu->dr[6], cpu->dr[7]);
    g_string_append_printf(out, "EFER=%016" PRIx64 "\n", cpu->efer);
    g_string_append_printf(out, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", cpu->fpcw,
                           cpu->fpsw | cpu->fp_top << 11, cpu->fp_top, cpu->fp_valid, cpu->mxcsr);
    for (unsigned i = 0; i < 8; i++) {
        g_string_append_printf(out, "FPR%u=%016" PRIx64 " %04x%c", i, cpu->st[i].mant,
                               cpu->st[i].exp, i % 2 ? '\n' : ' ');
    }
    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(out, "XMM%02u=%016" PRIx64 " %016" PRIx64 "%c", i, cpu->ymm[i].q[1],
                               cpu->ymm[i].q[0], i % 2 ? '\n' : ' ');
    }
}
