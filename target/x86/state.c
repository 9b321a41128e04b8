/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPU's migrated state: section "cpu_common" (halted, pending requests) and section "cpu",
 * version 12 with its subsections, field by field as QEMU 10.0 sends them.
 *
 * The TSC travels in env.tsc and is set once the virtual clock is there (installed). A sender that
 * leaves it 0 keeps its TSC with the clock.
 */
#include <string.h>

#include "seg-priv.h"
#include "target/x86/x86.h"

#define STREAM_MCE_BANKS 10

typedef struct {
    uint64_t mant;
    uint16_t exp;
} SavedFpReg;
typedef struct {
    uint32_t selector;
    uint64_t base;
    uint32_t limit, flags;
} SavedSeg;
typedef struct {
    uint64_t lo, hi;
} SavedVec;
typedef struct {
    uint64_t base, mask;
} SavedMtrr;

typedef struct {
    uint64_t regs[16], eip, eflags;
    uint32_t hflags;
    uint16_t fpuc, fpus, fptag, fpformat;
    SavedFpReg fpregs[8];
    SavedSeg segs[6], ldt, tr, gdt, idt;
    uint32_t sysenter_cs;
    uint64_t sysenter_esp, sysenter_eip, cr0, cr2, cr3, cr4, dr[8];
    int32_t a20_mask;
    uint32_t mxcsr;
    SavedVec xmm[16];
    uint64_t efer, star, lstar, cstar, fmask, kernelgsbase;
    uint32_t smbase;
    uint64_t pat;
    uint32_t hflags2;
    uint64_t vm_hsave, vm_vmcb, svm_tsc_offset, intercept;
    uint16_t intercept_cr_read, intercept_cr_write, intercept_dr_read, intercept_dr_write;
    uint32_t intercept_exceptions;
    uint8_t v_tpr;
    uint64_t mtrr_fixed[11], mtrr_deftype;
    SavedMtrr mtrr_var[8];
    int32_t interrupt_injected;
    uint32_t mp_state;
    uint64_t tsc;
    int32_t exception_nr;
    uint8_t soft_interrupt, nmi_injected, nmi_pending, has_error_code;
    uint32_t sipi_vector;
    uint64_t mcg_cap, mcg_status, mcg_ctl, mce_banks[STREAM_MCE_BANKS * 4];
    uint64_t tsc_aux, system_time_msr, wall_clock_msr, xcr0, xstate_bv;
    SavedVec ymmh[16];
    /* subsections */
    uint64_t poll_control, fpip, fpdp, smi_count, misc_enable, tsc_adjust, tsc_deadline, spec_ctrl,
        xss, feature_control, hwcr;
    uint16_t fpop;
    uint32_t pkru;
    bool has_poll, has_fpop, has_smi, has_misc, has_adjust, has_deadline, has_spec, has_xss,
        has_feature, has_hwcr, has_pkru;
    bool sends_smi; /* not on the wire: a property of the machine type */
} CpuSaved;

/* ---- subsections ---- */

#define SUB(id, nm, flag, cond, ...) SUB_NEEDS(id, nm, flag, cond, NULL, 0, __VA_ARGS__)
#define SUB_NEEDS(id, nm, flag, cond, supported_, policy_, ...) \
    SUB_FULL(id, nm, flag, cond, NULL, supported_, policy_, __VA_ARGS__)
#define SUB_FULL(id, nm, flag, cond, gate_, supported_, policy_, ...) \
    static const Field id##_fields[] = { __VA_ARGS__, F_END };        \
    static bool id##_needed(const void *saved)                        \
    {                                                                 \
        const CpuSaved *s = saved;                                    \
        return cond;                                                  \
    }                                                                 \
    static const Record id##_record = {                               \
        .name = nm,                                                   \
        .version = 1,                                                 \
        .min_version = 1,                                             \
        .size = sizeof(CpuSaved),                                     \
        .fields = id##_fields,                                        \
        .gate = (gate_),                                              \
        .needed = id##_needed,                                        \
        .present_offset = offsetof(CpuSaved, flag),                   \
        .has_present = true,                                          \
        .supported = (supported_),                                    \
        .policy = (policy_),                                          \
    }

/* What a subsection needs: a feature of this CPU. */
#define FEATURE(id, feature_word, feature_bit)                                \
    static bool has_##id##_feature(void *owner, GError **error)               \
    {                                                                         \
        const X86CpuConfig *c = ((const X86Cpu *)owner)->sys.cfg;             \
        return x86_has(c, (feature_word), (feature_bit)) ||                   \
               lacks(error, x86_feature_name((feature_word), (feature_bit))); \
    }

static bool lacks(GError **error, const char *feature)
{
    g_set_error(error, FERRY_X86_ERROR, FERRY_X86_ERROR_STATE,
                "CPU feature '%s' of the guest is missing here", feature);
    return false;
}

static bool keeps_smi_count(void *owner, GError **error)
{
    bool keeps = ((const X86Cpu *)owner)->sys.cfg->migrate_smi_count;

    if (!keeps) {
        g_set_error(error, FERRY_X86_ERROR, FERRY_X86_ERROR_STATE,
                    "x-migrate-smi-count is off here, the count of SMIs starts anew");
    }
    return keeps;
}

FEATURE(adjust, X86_FW_7_0_EBX, 1)
FEATURE(deadline, X86_FW_1_ECX, 24)
FEATURE(spec, X86_FW_7_0_EDX, 26)
FEATURE(xss, X86_FW_D_1_EAX, 3)
FEATURE(pkru, X86_FW_7_0_ECX, 3)

/* A hint for a hypervisor of another kind; senders without one have 0 here, not the usual 1. */
SUB(poll, "cpu/poll_control_msr", has_poll, s->poll_control != 1,
    F_U64(CpuSaved, poll_control, .name = "env.poll_control_msr"));
SUB(fpop, "cpu/fpop_ip_dp", has_fpop, s->fpop || s->fpip || s->fpdp,
    F_U16(CpuSaved, fpop, .name = "env.fpop"), F_U64(CpuSaved, fpip, .name = "env.fpip"),
    F_U64(CpuSaved, fpdp, .name = "env.fpdp"));
static bool knows_smi_count(const void *saved)
{
    return ((const CpuSaved *)saved)->sends_smi;
}
SUB_FULL(smi, "cpu/msr_smi_count", has_smi, s->smi_count != 0, knows_smi_count, keeps_smi_count,
         SUBSECTION_WARN, F_U64(CpuSaved, smi_count, .name = "env.msr_smi_count"));
SUB(misc, "cpu/msr_ia32_misc_enable", has_misc, s->misc_enable != 1,
    F_U64(CpuSaved, misc_enable, .name = "env.msr_ia32_misc_enable"));
SUB(feature, "cpu/msr_ia32_feature_control", has_feature, s->feature_control != 0,
    F_U64(CpuSaved, feature_control, .name = "env.msr_ia32_feature_control"));
SUB_NEEDS(adjust, "cpu/msr_tsc_adjust", has_adjust, s->tsc_adjust != 0, has_adjust_feature,
          SUBSECTION_FAIL, F_U64(CpuSaved, tsc_adjust, .name = "env.tsc_adjust"));
SUB_NEEDS(deadline, "cpu/msr_tscdeadline", has_deadline, s->tsc_deadline != 0, has_deadline_feature,
          SUBSECTION_FAIL, F_U64(CpuSaved, tsc_deadline, .name = "env.tsc_deadline"));
SUB_NEEDS(spec, "cpu/spec_ctrl", has_spec, s->spec_ctrl != 0, has_spec_feature, SUBSECTION_FAIL,
          F_U64(CpuSaved, spec_ctrl, .name = "env.spec_ctrl"));
SUB_NEEDS(xss, "cpu/xss", has_xss, s->xss != 0, has_xss_feature, SUBSECTION_FAIL,
          F_U64(CpuSaved, xss, .name = "env.xss"));
SUB(hwcr, "cpu/msr_hwcr", has_hwcr, s->hwcr != 0, F_U64(CpuSaved, hwcr, .name = "env.msr_hwcr"));
SUB_NEEDS(pkru, "cpu/pkru", has_pkru, s->pkru != 0, has_pkru_feature, SUBSECTION_FAIL,
          F_U32(CpuSaved, pkru, .name = "env.pkru"));

static const Record *const cpu_subsections[] = {
    &poll_record,     &fpop_record, &smi_record, &misc_record, &feature_record, &adjust_record,
    &deadline_record, &spec_record, &xss_record, &hwcr_record, &pkru_record,    NULL,
};

/* ---- the record ---- */

static const Field fpreg_fields[] = {
    F_U64(SavedFpReg, mant, .name = "tmp_mant"),
    F_U16(SavedFpReg, exp, .name = "tmp_exp"),
    F_END,
};
static const Record fpreg_record = { .name = "fpreg",
                                     .size = sizeof(SavedFpReg),
                                     .fields = fpreg_fields };
static const Field segment_fields[] = {
    F_U32(SavedSeg, selector),
    F_U64(SavedSeg, base),
    F_U32(SavedSeg, limit),
    F_U32(SavedSeg, flags),
    F_END,
};
static const Record segment_record = { .name = "segment",
                                       .version = 1,
                                       .min_version = 1,
                                       .size = sizeof(SavedSeg),
                                       .fields = segment_fields };
static const Field xmm_fields[] = {
    F_U64(SavedVec, lo, .name = "_q_ZMMReg[0]"),
    F_U64(SavedVec, hi, .name = "_q_ZMMReg[1]"),
    F_END,
};
static const Record xmm_record = { .name = "xmm_reg",
                                   .version = 1,
                                   .min_version = 1,
                                   .size = sizeof(SavedVec),
                                   .fields = xmm_fields };
static const Field ymmh_fields[] = {
    F_U64(SavedVec, lo, .name = "_q_ZMMReg[2]"),
    F_U64(SavedVec, hi, .name = "_q_ZMMReg[3]"),
    F_END,
};
static const Record ymmh_record = { .name = "ymmh_reg",
                                    .version = 1,
                                    .min_version = 1,
                                    .size = sizeof(SavedVec),
                                    .fields = ymmh_fields };
static const Field mtrr_fields[] = { F_U64(SavedMtrr, base), F_U64(SavedMtrr, mask), F_END };
static const Record mtrr_record = { .name = "mtrr_var",
                                    .version = 1,
                                    .min_version = 1,
                                    .size = sizeof(SavedMtrr),
                                    .fields = mtrr_fields };

#define C CpuSaved
static const Field cpu_fields[] = {
    F_ARRAY(FIELD_U64, C, regs, .name = "env.regs"),
    F_U64(C, eip, .name = "env.eip"),
    F_U64(C, eflags, .name = "env.eflags"),
    F_U32(C, hflags, .name = "env.hflags"),
    F_U16(C, fpuc, .name = "env.fpuc"),
    F_U16(C, fpus, .name = "env.fpus_vmstate"),
    F_U16(C, fptag, .name = "env.fptag_vmstate"),
    F_U16(C, fpformat, .name = "env.fpregs_format_vmstate"),
    F_STRUCT_ARRAY(C, fpregs, fpreg_record, .name = "env.fpregs"),
    F_STRUCT_ARRAY(C, segs, segment_record, .name = "env.segs"),
    F_STRUCT(C, ldt, segment_record, .name = "env.ldt"),
    F_STRUCT(C, tr, segment_record, .name = "env.tr"),
    F_STRUCT(C, gdt, segment_record, .name = "env.gdt"),
    F_STRUCT(C, idt, segment_record, .name = "env.idt"),
    F_U32(C, sysenter_cs, .name = "env.sysenter_cs"),
    F_U64(C, sysenter_esp, .name = "env.sysenter_esp"),
    F_U64(C, sysenter_eip, .name = "env.sysenter_eip"),
    F_U64(C, cr0, .name = "env.cr[0]"),
    F_U64(C, cr2, .name = "env.cr[2]"),
    F_U64(C, cr3, .name = "env.cr[3]"),
    F_U64(C, cr4, .name = "env.cr[4]"),
    F_ARRAY(FIELD_U64, C, dr, .name = "env.dr"),
    F_I32(C, a20_mask, .name = "env.a20_mask"),
    F_U32(C, mxcsr, .name = "env.mxcsr"),
    F_STRUCT_ARRAY(C, xmm, xmm_record, .name = "env.xmm_regs[0]"),
    F_U64(C, efer, .name = "env.efer"),
    F_U64(C, star, .name = "env.star"),
    F_U64(C, lstar, .name = "env.lstar"),
    F_U64(C, cstar, .name = "env.cstar"),
    F_U64(C, fmask, .name = "env.fmask"),
    F_U64(C, kernelgsbase, .name = "env.kernelgsbase"),
    F_U32(C, smbase, .name = "env.smbase"),
    F_U64(C, pat, .name = "env.pat"),
    F_U32(C, hflags2, .name = "env.hflags2"),
    F_U64(C, vm_hsave, .name = "env.vm_hsave"),
    F_U64(C, vm_vmcb, .name = "env.vm_vmcb"),
    F_U64(C, svm_tsc_offset, .name = "env.tsc_offset"),
    F_U64(C, intercept, .name = "env.intercept"),
    F_U16(C, intercept_cr_read, .name = "env.intercept_cr_read"),
    F_U16(C, intercept_cr_write, .name = "env.intercept_cr_write"),
    F_U16(C, intercept_dr_read, .name = "env.intercept_dr_read"),
    F_U16(C, intercept_dr_write, .name = "env.intercept_dr_write"),
    F_U32(C, intercept_exceptions, .name = "env.intercept_exceptions"),
    F_U8(C, v_tpr, .name = "env.v_tpr"),
    F_ARRAY(FIELD_U64, C, mtrr_fixed, .name = "env.mtrr_fixed"),
    F_U64(C, mtrr_deftype, .name = "env.mtrr_deftype"),
    F_STRUCT_ARRAY(C, mtrr_var, mtrr_record, .name = "env.mtrr_var"),
    F_I32(C, interrupt_injected, .name = "env.interrupt_injected"),
    F_U32(C, mp_state, .name = "env.mp_state"),
    F_U64(C, tsc, .name = "env.tsc"),
    F_I32(C, exception_nr, .name = "env.exception_nr"),
    F_U8(C, soft_interrupt, .name = "env.soft_interrupt"),
    F_U8(C, nmi_injected, .name = "env.nmi_injected"),
    F_U8(C, nmi_pending, .name = "env.nmi_pending"),
    F_U8(C, has_error_code, .name = "env.has_error_code"),
    F_U32(C, sipi_vector, .name = "env.sipi_vector"),
    F_U64(C, mcg_cap, .name = "env.mcg_cap"),
    F_U64(C, mcg_status, .name = "env.mcg_status"),
    F_U64(C, mcg_ctl, .name = "env.mcg_ctl"),
    F_ARRAY(FIELD_U64, C, mce_banks, .name = "env.mce_banks"),
    F_U64(C, tsc_aux, .name = "env.tsc_aux"),
    F_U64(C, system_time_msr, .name = "env.system_time_msr"),
    F_U64(C, wall_clock_msr, .name = "env.wall_clock_msr"),
    F_U64(C, xcr0, .name = "env.xcr0"),
    F_U64(C, xstate_bv, .name = "env.xstate_bv"),
    F_STRUCT_ARRAY(C, ymmh, ymmh_record, .name = "env.xmm_regs[1]"),
    F_END,
};
#undef C
static const Record cpu_record = {
    .name = "cpu",
    .version = 12,
    .min_version = 11,
    .size = sizeof(CpuSaved),
    .fields = cpu_fields,
    .subsections = cpu_subsections,
};

/* ---- save ---- */

/* The stream's flags are the descriptor's second word without the base. */
static SavedSeg save_seg(const X86Seg *s)
{
    uint32_t limit = s->attr & X86_SEG_G ? s->limit >> 12 : s->limit;

    return (SavedSeg){
        .selector = s->sel, .base = s->base, .limit = s->limit, .flags = s->attr | (limit & 0xf0000)
    };
}

/* 16-bit code always does; a receiver that believed otherwise would run it at wrong addresses. */
static bool adds_segment_bases(const X86Cpu *cpu)
{
    bool wide = cpu->mode & MODE_PE && !(x86_eflags_get(cpu) & X86_VM) &&
                (cpu->seg[R_CS].attr & X86_SEG_DB || cpu->mode & MODE_CS64);

    return !wide || cpu->mode & MODE_ADDSEG;
}

/* The condensed mode of the stream: receivers rebuild all but ADDSEG, the shadow, SMM. */
static uint32_t stream_hflags(const X86Cpu *cpu)
{
    uint32_t m = cpu->mode, f = x86_eflags_get(cpu), h = m & MODE_CPL;

    h |= 1u << 2; /* soft MMU */
    h |= cpu->int_shadow ? 1u << 3 : 0;
    h |= cpu->seg[R_CS].attr & X86_SEG_DB || (m & MODE_CS64) ? 1u << 4 : 0;
    h |= cpu->seg[R_SS].attr & X86_SEG_DB || (m & MODE_CS64) ? 1u << 5 : 0;
    h |= adds_segment_bases(cpu) ? 1u << 6 : 0;
    h |= m & MODE_PE ? 1u << 7 : 0;
    h |= f & (X86_TF | X86_IOPL | X86_RF | X86_VM | X86_AC);
    h |= m & MODE_MP ? 1u << 9 : 0;
    h |= m & MODE_EM ? 1u << 10 : 0;
    h |= m & MODE_TS ? 1u << 11 : 0;
    h |= m & MODE_LMA ? 1u << 14 : 0;
    h |= m & MODE_CS64 ? 1u << 15 : 0;
    h |= m & MODE_SMM ? 1u << 19 : 0;
    h |= m & MODE_OSFXSR ? 1u << 22 : 0;
    h |= cpu->cr4 & CR4_SMAP ? 1u << 23 : 0;
    return h;
}

static void save_regs(const X86Cpu *cpu, CpuSaved *s)
{
    memcpy(s->regs, cpu->gpr, sizeof(s->regs));
    s->eip = cpu->rip;
    s->eflags = x86_eflags_get(cpu);
    s->hflags = stream_hflags(cpu);
    s->fpuc = cpu->fpcw;
    s->fpus = cpu->fpsw | cpu->fp_top << 11;
    s->fptag = cpu->fp_valid;
    for (unsigned i = 0; i < 8; i++) {
        s->fpregs[i] = (SavedFpReg){ cpu->st[i].mant, cpu->st[i].exp };
    }
    for (unsigned i = 0; i < 6; i++) {
        s->segs[i] = save_seg(&cpu->seg[i]);
    }
    s->ldt = save_seg(&cpu->seg[R_LDTR]);
    s->tr = save_seg(&cpu->seg[R_TR]);
    s->gdt = (SavedSeg){ .base = cpu->gdt.base, .limit = cpu->gdt.limit };
    s->idt = (SavedSeg){ .base = cpu->idt.base, .limit = cpu->idt.limit };
    for (unsigned i = 0; i < 16; i++) {
        s->xmm[i] = (SavedVec){ cpu->ymm[i].q[0], cpu->ymm[i].q[1] };
        s->ymmh[i] = (SavedVec){ cpu->ymm[i].q[2], cpu->ymm[i].q[3] };
    }
    s->fpop = cpu->fp_opcode;
    s->fpip = cpu->fp_ip;
    s->fpdp = cpu->fp_dp;
}

static void save_control(const X86Cpu *cpu, CpuSaved *s)
{
    s->sysenter_cs = cpu->sysenter_cs;
    s->sysenter_esp = cpu->sysenter_esp;
    s->sysenter_eip = cpu->sysenter_eip;
    s->cr0 = cpu->cr0;
    s->cr2 = cpu->cr2;
    s->cr3 = cpu->cr3;
    s->cr4 = cpu->cr4;
    memcpy(s->dr, cpu->dr, sizeof(s->dr));
    s->a20_mask = cpu->sys.a20_mask;
    s->mxcsr = cpu->mxcsr;
    s->efer = cpu->efer;
    s->star = cpu->star;
    s->lstar = cpu->lstar;
    s->cstar = cpu->cstar;
    s->fmask = cpu->sfmask;
    s->kernelgsbase = cpu->kernel_gs_base;
    s->smbase = cpu->sys.smbase;
    s->hflags2 = 0x101 | (cpu->sys.nmi_blocked ? 1u << 2 : 0) |
                 (cpu->sys.smm && cpu->sys.smm_was_nmi_blocked ? 1u << 4 : 0);
    s->xcr0 = cpu->xcr0;
    s->pkru = cpu->pkru;
    s->interrupt_injected = -1;
    s->exception_nr = -1;
    s->nmi_pending = !!(cpu_irq_pending(&cpu->base) & CPU_IRQ_NMI);
}

static void save_msrs(const X86Cpu *cpu, CpuSaved *s)
{
    const X86Sys *y = &cpu->sys;

    s->pat = y->pat;
    s->vm_hsave = y->vm_hsave;
    memcpy(s->mtrr_fixed, y->mtrr_fixed, sizeof(s->mtrr_fixed));
    s->mtrr_deftype = y->mtrr_deftype;
    for (unsigned i = 0; i < 8; i++) {
        s->mtrr_var[i] = (SavedMtrr){ y->mtrr_var[i].base, y->mtrr_var[i].mask };
    }
    s->tsc = x86_tsc_now(cpu);
    s->mcg_cap = y->mcg_cap;
    s->mcg_status = y->mcg_status;
    s->mcg_ctl = y->mcg_ctl;
    memcpy(s->mce_banks, y->mce_banks, sizeof(s->mce_banks));
    s->tsc_aux = cpu->tsc_aux;
    s->poll_control = y->poll_control;
    s->smi_count = y->smi_count;
    s->sends_smi = y->cfg->migrate_smi_count;
    s->misc_enable = y->misc_enable;
    s->feature_control = y->feature_control;
    s->tsc_adjust = y->tsc_adjust;
    s->spec_ctrl = y->spec_ctrl;
    s->xss = y->xss;
    s->hwcr = y->hwcr;
    if (y->apic_ops) {
        s->tsc_deadline = y->apic_ops->get_deadline(y->apic);
    }
}

static void cpu_save(void *owner, void *saved)
{
    save_regs(owner, saved);
    save_control(owner, saved);
    save_msrs(owner, saved);
}

/* ---- check ---- */

/* Of hflags2: what only a guest with guests of its own has otherwise (the first one inverted). */
#define HFLAGS2_SVM (1u << 0 | 1u << 1 | 1u << 3 | 1u << 6)

static bool refuse(GError **error, const char *what, uint64_t value)
{
    g_set_error(error, FERRY_X86_ERROR, FERRY_X86_ERROR_STATE,
                "%s 0x%" PRIx64 " is not possible on this CPU", what, value);
    return false;
}

/*
 * Version 3 carries no CPUID, but a guest that switched a feature on shows it: whatever of that this
 * CPU lacks is named, all of it.
 */
static bool features_there(const X86CpuConfig *c, const CpuSaved *s, GError **error)
{
    const struct {
        uint64_t used;
        X86FeatureWord word;
        uint8_t bit;
    } needs[] = {
        { s->cr4 & CR4_UMIP, X86_FW_7_0_ECX, 2 },
        { s->cr4 & CR4_LA57, X86_FW_7_0_ECX, 16 },
        { s->cr4 & CR4_FSGSBASE, X86_FW_7_0_EBX, 0 },
        { s->cr4 & CR4_PCIDE, X86_FW_1_ECX, 17 },
        { s->cr4 & CR4_OSXSAVE, X86_FW_1_ECX, 26 },
        { s->cr4 & CR4_SMEP, X86_FW_7_0_EBX, 7 },
        { s->cr4 & CR4_SMAP, X86_FW_7_0_EBX, 20 },
        { s->cr4 & CR4_PKE, X86_FW_7_0_ECX, 3 },
        { s->efer & EFER_SCE, X86_FW_8000_0001_EDX, 11 },
        { s->efer & EFER_LME, X86_FW_8000_0001_EDX, 29 },
        { s->efer & EFER_NXE, X86_FW_8000_0001_EDX, 20 },
        { s->efer & EFER_FFXSR, X86_FW_8000_0001_EDX, 25 },
        { s->xcr0 & 1u << 2, X86_FW_1_ECX, 28 },
        { s->xcr0 & 7u << 5, X86_FW_7_0_EBX, 16 },
        { s->efer & EFER_SVME, X86_FW_8000_0001_ECX, 2 },
    };
    g_autoptr(GString) missing = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(needs); i++) {
        if (needs[i].used && !x86_has(c, needs[i].word, needs[i].bit)) {
            g_string_append_printf(missing, "%s'%s'", missing->len ? ", " : "",
                                   x86_feature_name(needs[i].word, needs[i].bit));
        }
    }
    if (missing->len) {
        g_set_error(error, FERRY_X86_ERROR, FERRY_X86_ERROR_STATE,
                    "CPU feature %s of the guest is missing here", missing->str);
    }
    return !missing->len;
}

/*
 * State of what no CPU here has: virtualization (SVM), and what only a hypervisor of another kind keeps. A
 * guest that relies on it must not go on without.
 */
static bool check_absent(const CpuSaved *s, GError **error)
{
    const struct {
        const char *what;
        uint64_t value;
    } absent[] = {
        { "KVM's system time MSR", s->system_time_msr },
        { "KVM's wall clock MSR", s->wall_clock_msr },
        { "SVM control block address", s->vm_vmcb },
        { "SVM TSC offset", s->svm_tsc_offset },
        { "SVM intercepts", s->intercept },
        { "SVM CR read intercepts", s->intercept_cr_read },
        { "SVM CR write intercepts", s->intercept_cr_write },
        { "SVM DR read intercepts", s->intercept_dr_read },
        { "SVM DR write intercepts", s->intercept_dr_write },
        { "SVM exception intercepts", s->intercept_exceptions },
        { "SVM virtual TPR", s->v_tpr },
        { "SVM guest mode", s->hflags & 1u << 21 },
        { "SVM interrupt state", (s->hflags2 ^ 1) & HFLAGS2_SVM },
        { "injected soft interrupt", s->soft_interrupt },
        { "injected NMI", s->nmi_injected },
        { "injected interrupt", (uint32_t)s->interrupt_injected + 1u },
        { "pending exception", (uint32_t)s->exception_nr + 1u },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(absent); i++) {
        if (absent[i].value) {
            return refuse(error, absent[i].what, absent[i].value);
        }
    }
    return true;
}

static bool cpu_check(void *owner, const void *saved, GError **error)
{
    const X86Cpu *cpu = owner;
    const CpuSaved *s = saved;
    const X86CpuConfig *c = cpu->sys.cfg;
    uint64_t efer_ok = EFER_SCE | EFER_FFXSR;

    efer_ok |= X86_FEAT_LM(c) ? EFER_LME | EFER_LMA : 0;
    efer_ok |= X86_FEAT_NX(c) ? EFER_NXE : 0;
    if (!features_there(c, s, error)) {
        return false;
    }
    if (s->cr0 >> 32 || ((s->cr0 & CR0_PG) && !(s->cr0 & CR0_PE))) {
        return refuse(error, "CR0", s->cr0);
    }
    if (s->cr4 & x86_cr4_reserved(cpu)) {
        return refuse(error, "CR4", s->cr4);
    }
    if ((s->efer & ~efer_ok) ||
        ((s->efer & EFER_LMA) && (!(s->cr0 & CR0_PG) || !(s->cr4 & CR4_PAE)))) {
        return refuse(error, "EFER", s->efer);
    }
    if ((s->xcr0 & ~(x86_xcr0_mask(c) | 1)) || !(s->xcr0 & 1)) {
        return refuse(error, "XCR0", s->xcr0);
    }
    if (s->mxcsr & ~0xffffu) {
        return refuse(error, "MXCSR", s->mxcsr);
    }
    if (s->fptag > 0xff) {
        return refuse(error, "FPU tag", s->fptag);
    }
    if (s->fpformat) {
        return refuse(error, "FPU register format", s->fpformat);
    }
    for (unsigned i = 0; i < 8; i++) {
        uint32_t selector = i < 6 ? s->segs[i].selector : i < 7 ? s->ldt.selector : s->tr.selector;
        if (selector > 0xffff) {
            return refuse(error, "selector", selector);
        }
    }
    if (s->gdt.limit > 0xffff || s->idt.limit > 0xffff) {
        return refuse(error, "descriptor table limit", MAX(s->gdt.limit, s->idt.limit));
    }
    if ((s->eflags >> 32) || ((s->eflags & X86_VM) && !(s->cr0 & CR0_PE))) {
        return refuse(error, "EFLAGS", s->eflags);
    }
    if (s->has_xss && s->xss) {
        return refuse(error, "XSS", s->xss);
    }
    return check_absent(s, error);
}

/* ---- install ---- */

static X86Seg load_seg(const SavedSeg *s)
{
    return (X86Seg){
        .sel = s->selector, .base = s->base, .limit = s->limit, .attr = s->flags & X86_DESC_ATTR
    };
}

static void load_regs(X86Cpu *cpu, const CpuSaved *s)
{
    memcpy(cpu->gpr, s->regs, sizeof(cpu->gpr));
    cpu->rip = s->eip;
    x86_eflags_set(cpu, s->eflags);
    cpu->int_shadow = s->hflags >> 3 & 1 ? X86_SHADOW_STI : 0;
    cpu->sys.smm = s->hflags >> 19 & 1;
    cpu->fpcw = s->fpuc;
    cpu->fpsw = s->fpus & ~0x3800;
    cpu->fp_top = s->fpus >> 11 & 7;
    cpu->fp_valid = s->fptag;
    for (unsigned i = 0; i < 8; i++) {
        cpu->st[i].mant = s->fpregs[i].mant;
        cpu->st[i].exp = s->fpregs[i].exp;
    }
    for (unsigned i = 0; i < 6; i++) {
        cpu->seg[i] = load_seg(&s->segs[i]);
    }
    cpu->seg[R_LDTR] = load_seg(&s->ldt);
    cpu->seg[R_TR] = load_seg(&s->tr);
    cpu->gdt = (X86Dt){ s->gdt.base, s->gdt.limit };
    cpu->idt = (X86Dt){ s->idt.base, s->idt.limit };
    for (unsigned i = 0; i < 16; i++) {
        cpu->ymm[i].q[0] = s->xmm[i].lo;
        cpu->ymm[i].q[1] = s->xmm[i].hi;
        cpu->ymm[i].q[2] = s->ymmh[i].lo;
        cpu->ymm[i].q[3] = s->ymmh[i].hi;
    }
    cpu->fp_opcode = s->has_fpop ? s->fpop : 0;
    cpu->fp_ip = s->has_fpop ? s->fpip : 0;
    cpu->fp_dp = s->has_fpop ? s->fpdp : 0;
}

static void load_control(X86Cpu *cpu, const CpuSaved *s)
{
    cpu->sysenter_cs = s->sysenter_cs;
    cpu->sysenter_esp = s->sysenter_esp;
    cpu->sysenter_eip = s->sysenter_eip;
    cpu->cr0 = s->cr0 | CR0_ET;
    cpu->cr2 = s->cr2;
    cpu->cr3 = s->cr3;
    cpu->cr4 = s->cr4;
    cpu->efer = s->efer;
    memcpy(cpu->dr, s->dr, sizeof(cpu->dr));
    cpu->dr[6] = (s->dr[6] & 0xe00f) | DR6_FIXED;
    cpu->sys.a20_mask = s->a20_mask >> 20 & 1 ? UINT64_MAX : ~(1ull << 20);
    cpu->mxcsr = s->mxcsr;
    cpu->star = s->star;
    cpu->lstar = s->lstar;
    cpu->cstar = s->cstar;
    cpu->sfmask = s->fmask;
    cpu->kernel_gs_base = s->kernelgsbase;
    cpu->sys.smbase = s->smbase;
    cpu->sys.nmi_blocked = s->hflags2 >> 2 & 1;
    cpu->sys.smm_was_nmi_blocked = s->hflags2 >> 4 & 1;
    cpu->xcr0 = s->xcr0;
    cpu->pkru = s->has_pkru ? s->pkru : 0;
}

static void load_msrs(X86Cpu *cpu, const CpuSaved *s)
{
    X86Sys *y = &cpu->sys;

    y->pat = s->pat;
    y->vm_hsave = s->vm_hsave;
    memcpy(y->mtrr_fixed, s->mtrr_fixed, sizeof(y->mtrr_fixed));
    y->mtrr_deftype = s->mtrr_deftype;
    for (unsigned i = 0; i < 8; i++) {
        y->mtrr_var[i].base = s->mtrr_var[i].base;
        y->mtrr_var[i].mask = s->mtrr_var[i].mask;
    }
    y->mcg_status = s->mcg_status;
    y->mcg_ctl = s->mcg_ctl;
    memcpy(y->mce_banks, s->mce_banks, sizeof(y->mce_banks));
    cpu->tsc_aux = s->tsc_aux;
    y->poll_control = s->has_poll ? s->poll_control : 1;
    y->smi_count = s->has_smi ? s->smi_count : 0;
    y->misc_enable = s->has_misc ? s->misc_enable : 1;
    y->feature_control = s->has_feature ? s->feature_control : 0;
    y->tsc_adjust = s->has_adjust ? s->tsc_adjust : 0;
    y->spec_ctrl = s->has_spec ? s->spec_ctrl : 0;
    y->xss = 0;
    y->hwcr = s->has_hwcr ? s->hwcr : 0;
    y->loaded_tsc = s->tsc;
    y->loaded_deadline = s->has_deadline ? s->tsc_deadline : 0;
}

static void cpu_install(void *owner, const void *saved)
{
    X86Cpu *cpu = owner;

    load_regs(cpu, saved);
    load_control(cpu, saved);
    load_msrs(cpu, saved);
    cpu->sys.delivering = -1;
    cpu->sys.trap_armed = cpu->sys.dr6_pending = 0;
    cpu->sys.ext = cpu->sys.in_new_task = cpu->sys.shutdown = false;
    cpu->base.exception = CPU_EXCP_NONE;
    x86_mode_update(cpu);
    x86_paging_changed(cpu);
}

void x86_tsc_load(X86Cpu *cpu, uint64_t v)
{
    uint64_t adjust = cpu->sys.tsc_adjust;

    if (!cpu->sys.loaded_tsc) {
        x86_tsc_write(cpu, v);
        cpu->sys.tsc_adjust = adjust;
    }
}

/* RAM, the clock and the APIC are there now. */
static void cpu_installed(void *owner)
{
    X86Cpu *cpu = owner;
    X86Sys *y = &cpu->sys;

    if (y->loaded_tsc) {
        uint64_t adjust = y->tsc_adjust;

        x86_tsc_write(cpu, y->loaded_tsc);
        y->tsc_adjust = adjust;
    }
    if (y->apic_ops && y->loaded_deadline) {
        y->apic_ops->set_deadline(y->apic, y->loaded_deadline);
    }
    if ((cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !(cpu->efer & EFER_LMA)) {
        x86_load_pdptes(cpu, cpu->cr3, y->pdpte);
    }
    uint64_t dr7 = cpu->dr[7];

    cpu->dr[7] = DR7_FIXED; /* no breakpoint of before is in force */
    x86_set_dr(cpu, 7, dr7);
}

static const SectionOps cpu_ops = {
    .save = cpu_save,
    .check = cpu_check,
    .install = cpu_install,
    .installed = cpu_installed,
};
const SectionDesc x86_section_cpu = { .record = &cpu_record, .ops = &cpu_ops };

/* ---- cpu_common ---- */

typedef struct {
    uint32_t halted, interrupt_request;
} CommonSaved;

static const Field common_fields[] = {
    F_U32(CommonSaved, halted, .max = 1),
    F_U32(CommonSaved, interrupt_request),
    F_END,
};
static const Record common_record = {
    .name = "cpu_common",
    .version = 1,
    .min_version = 1,
    .size = sizeof(CommonSaved),
    .fields = common_fields,
};

/* Requests as the stream numbers them. */
static const struct {
    uint32_t stream, ours;
} requests[] = {
    { 0x0002, CPU_IRQ_HARD }, { 0x0010, CPU_IRQ_POLL }, { 0x0040, CPU_IRQ_SMI },
    { 0x0200, CPU_IRQ_NMI },  { 0x0400, CPU_IRQ_INIT }, { 0x0800, CPU_IRQ_SIPI },
    { 0x1000, CPU_IRQ_MCE },
};

static void common_save(void *owner, void *saved)
{
    const X86Cpu *cpu = owner;
    CommonSaved *s = saved;
    uint32_t pending = cpu_irq_pending(&cpu->base);

    s->halted = cpu->base.halted;
    for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
        s->interrupt_request |= pending & requests[i].ours ? requests[i].stream : 0;
    }
}

static void common_install(void *owner, const void *saved)
{
    X86Cpu *cpu = owner;
    const CommonSaved *s = saved;
    uint32_t mask = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
        mask |= s->interrupt_request & requests[i].stream ? requests[i].ours : 0;
    }
    cpu->base.halted = s->halted;
    cpu_reset_interrupt(&cpu->base, UINT32_MAX);
    if (mask) {
        cpu_interrupt(&cpu->base, mask);
    }
}

static const SectionOps common_ops = { .save = common_save, .install = common_install };
const SectionDesc x86_section_common = { .record = &common_record, .ops = &common_ops };
