/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPU's migrated state: section "cpu_common" (halted, pending requests) and section "cpu",
 * version 4 with its subsections, field by field as QEMU 10.0 sends them.
 *
 * The condition code is evaluated into the PSW mask, so it travels. The CPU timer is the virtual
 * time at which it becomes negative. What waits for this CPU and is not found again by looking at its
 * timers or at the floating interruptions goes into "cpu/interrupts", which is sent only then: a
 * receiver that does not know it refuses instead of losing it.
 */
#include <inttypes.h>
#include <string.h>

#include "base/core/vm.h"
#include "target/s390x/helper.h"
#include "target/s390x/s390x.h"

GQuark ferry_s390_error_quark(void)
{
    return g_quark_from_static_string("ferry-s390-error");
}

#define EMERGENCY_WORDS ((S390_MAX_CPUS + 63) / 64)
/* Pending bits that only the stream can tell. */
#define PEND_SENT (PEND_RESTART | PEND_EMERGENCY | PEND_EXTCALL)

/* Orders of SIGP as the stream has them. */
enum {
    ORDER_NONE = 0,
    ORDER_STOP = 0x05,
    ORDER_STOP_STORE = 0x09,
};

typedef struct {
    uint64_t regs[16], psw_mask, psw_addr, psa;
    uint32_t todpr;
    uint64_t pfault_token, pfault_compare, pfault_select, cputm, ckc, gbea, pp;
    uint32_t aregs[16];
    uint64_t cregs[16];
    uint8_t cpu_state, sigp_order;
    uint32_t irqstate_size;
    /* subsections */
    uint64_t left[32], right[32]; /* halves of the vector registers */
    uint32_t fpc;
    uint32_t pending, emergency_words;
    uint64_t emergency[EMERGENCY_WORDS];
    uint16_t extcall_from;
    bool has_fpu, has_vregs, has_interrupts;
    bool vector; /* not on the wire: the model has vector registers */
} CpuSaved;

/* ---- subsections ---- */

#define LEFT(n)                                                       \
    {                                                                 \
        .name = "env.vregs[" #n "][0]", .kind = FIELD_U64, .size = 8, \
        .offset = offsetof(CpuSaved, left) + 8 * (n)                  \
    }
#define RIGHT(n)                                                      \
    {                                                                 \
        .name = "env.vregs[" #n "][1]", .kind = FIELD_U64, .size = 8, \
        .offset = offsetof(CpuSaved, right) + 8 * (n)                 \
    }

#define SUB(id, nm, flag, cond, ...) SUB_NEEDS(id, nm, flag, cond, NULL, __VA_ARGS__)
#define SUB_NEEDS(id, nm, flag, cond, supported_, ...)         \
    static const Field id##_fields[] = { __VA_ARGS__, F_END }; \
    static bool id##_needed(const void *saved)                 \
    {                                                          \
        const CpuSaved *s = saved;                             \
        return cond;                                           \
    }                                                          \
    static const Record id##_record = {                        \
        .name = nm,                                            \
        .version = 1,                                          \
        .min_version = 1,                                      \
        .size = sizeof(CpuSaved),                              \
        .fields = id##_fields,                                 \
        .needed = id##_needed,                                 \
        .present_offset = offsetof(CpuSaved, flag),            \
        .has_present = true,                                   \
        .supported = (supported_),                             \
    }

static bool has_vector(void *owner, GError **error)
{
    bool has = s390_facility(owner, S390_FACILITY_VECTOR);

    if (!has) {
        g_set_error(error, FERRY_S390_ERROR, FERRY_S390_ERROR_STATE,
                    "CPU feature 'vx' of the guest is missing here");
    }
    return has;
}

/* clang-format off */
SUB(fpu, "cpu/fpu", has_fpu, s != NULL,
    LEFT(0), LEFT(1), LEFT(2), LEFT(3), LEFT(4), LEFT(5), LEFT(6), LEFT(7),
    LEFT(8), LEFT(9), LEFT(10), LEFT(11), LEFT(12), LEFT(13), LEFT(14), LEFT(15),
    F_U32(CpuSaved, fpc, .name = "env.fpc"));
SUB_NEEDS(vregs, "cpu/vregs", has_vregs, s->vector, has_vector,
    LEFT(16), LEFT(17), LEFT(18), LEFT(19), LEFT(20), LEFT(21), LEFT(22), LEFT(23),
    LEFT(24), LEFT(25), LEFT(26), LEFT(27), LEFT(28), LEFT(29), LEFT(30), LEFT(31),
    RIGHT(0), RIGHT(1), RIGHT(2), RIGHT(3), RIGHT(4), RIGHT(5), RIGHT(6), RIGHT(7),
    RIGHT(8), RIGHT(9), RIGHT(10), RIGHT(11), RIGHT(12), RIGHT(13), RIGHT(14), RIGHT(15),
    RIGHT(16), RIGHT(17), RIGHT(18), RIGHT(19), RIGHT(20), RIGHT(21), RIGHT(22), RIGHT(23),
    RIGHT(24), RIGHT(25), RIGHT(26), RIGHT(27), RIGHT(28), RIGHT(29), RIGHT(30), RIGHT(31));
/* clang-format on */
SUB(interrupts, "cpu/interrupts", has_interrupts, s->pending != 0, F_U32(CpuSaved, pending),
    F_U16(CpuSaved, extcall_from, .max = S390_MAX_CPUS - 1),
    F_U32(CpuSaved, emergency_words, .max = EMERGENCY_WORDS),
    F_ARRAY(FIELD_U64, CpuSaved, emergency, .flags = FIELD_VARRAY,
            .count_offset = offsetof(CpuSaved, emergency_words)));

static const Record *const cpu_subsections[] = { &fpu_record, &vregs_record, &interrupts_record,
                                                 NULL };

/* ---- the record ---- */

#define C CpuSaved
static const Field cpu_fields[] = {
    F_ARRAY(FIELD_U64, C, regs, .name = "env.regs"),
    F_U64(C, psw_mask, .name = "env.psw.mask"),
    F_U64(C, psw_addr, .name = "env.psw.addr"),
    F_U64(C, psa, .name = "env.psa", .max = 0x7fffe000),
    F_U32(C, todpr, .name = "env.todpr", .max = 0xffff),
    F_U64(C, pfault_token, .name = "env.pfault_token"),
    F_U64(C, pfault_compare, .name = "env.pfault_compare"),
    F_U64(C, pfault_select, .name = "env.pfault_select"),
    F_U64(C, cputm, .name = "env.cputm"),
    F_U64(C, ckc, .name = "env.ckc"),
    F_U64(C, gbea, .name = "env.gbea"),
    F_U64(C, pp, .name = "env.pp"),
    F_ARRAY(FIELD_U32, C, aregs, .name = "env.aregs"),
    F_ARRAY(FIELD_U64, C, cregs, .name = "env.cregs"),
    F_U8(C, cpu_state, .name = "env.cpu_state"),
    F_U8(C, sigp_order, .name = "env.sigp_order"),
    F_U32(C, irqstate_size, .name = "irqstate_saved_size"),
    F_BOOL(C, vector, .flags = FIELD_LOCAL),
    F_END,
};
#undef C
static const Record cpu_record = {
    .name = "cpu",
    .version = 4,
    .min_version = 4,
    .size = sizeof(CpuSaved),
    .fields = cpu_fields,
    .subsections = cpu_subsections,
};

/* ---- save ---- */

static void save_pending(const S390Cpu *cpu, CpuSaved *s)
{
    uint32_t p = __atomic_load_n(&cpu->pending, __ATOMIC_SEQ_CST);

    s->sigp_order = p & PEND_STOP_STORE ? ORDER_STOP_STORE : p & PEND_STOP ? ORDER_STOP : 0;
    s->pending = p & PEND_SENT;
    s->emergency_words = EMERGENCY_WORDS;
    memcpy(s->emergency, cpu->emergency_from, sizeof(s->emergency));
    s->extcall_from = cpu->extcall_from;
}

static void cpu_save(void *owner, void *saved)
{
    S390Cpu *cpu = owner;
    CpuSaved *s = saved;

    memcpy(s->regs, cpu->gpr, sizeof(s->regs));
    s->psw_mask = s390_psw_mask_get(cpu);
    s->psw_addr = cpu->ex_mode ? cpu->ex_pc : cpu->pc; /* an EXECUTE is done again */
    s->psa = cpu->prefix;
    s->todpr = cpu->todpr;
    s->pfault_token = UINT64_MAX; /* as after a reset: not offered */
    s->cputm = cpu->cputm_end_ns;
    s->ckc = cpu->ckc;
    s->gbea = cpu->breaking_addr;
    s->pp = cpu->pp;
    memcpy(s->aregs, cpu->ar, sizeof(s->aregs));
    memcpy(s->cregs, cpu->cr, sizeof(s->cregs));
    s->cpu_state = cpu->run_state;
    for (unsigned i = 0; i < 32; i++) {
        s->left[i] = cpu->vr[i].q[1];
        s->right[i] = cpu->vr[i].q[0];
    }
    s->fpc = cpu->fpc;
    s->vector = s390_facility(cpu, S390_FACILITY_VECTOR);
    save_pending(cpu, s);
}

/* ---- check ---- */

static bool refuse(GError **error, const char *what, uint64_t value)
{
    g_set_error(error, FERRY_S390_ERROR, FERRY_S390_ERROR_STATE,
                "%s 0x%" PRIx64 " is not possible on this CPU", what, value);
    return false;
}

static bool cpu_check(void *owner, const void *saved, GError **error)
{
    const CpuSaved *s = saved;

    if (s->cpu_state != S390_CPU_STOPPED && s->cpu_state != S390_CPU_OPERATING) {
        return refuse(error, "CPU state", s->cpu_state);
    }
    if (s->cpu_state == S390_CPU_OPERATING && s390_psw_check(s->psw_mask, s->psw_addr)) {
        g_set_error(error, FERRY_S390_ERROR, FERRY_S390_ERROR_STATE,
                    "PSW 0x%" PRIx64 " 0x%" PRIx64 " is not valid", s->psw_mask, s->psw_addr);
        return false;
    }
    if (s->psa & 0x1fff) {
        return refuse(error, "prefix", s->psa);
    }
    if (s->sigp_order != ORDER_NONE && s->sigp_order != ORDER_STOP &&
        s->sigp_order != ORDER_STOP_STORE) {
        return refuse(error, "pending SIGNAL PROCESSOR order", s->sigp_order);
    }
    if (s->irqstate_size) {
        g_set_error(error, FERRY_S390_ERROR, FERRY_S390_ERROR_STATE,
                    "%u bytes of interruptions in the form of a kernel (only 0 can be taken)",
                    s->irqstate_size);
        return false;
    }
    if (s->has_fpu && !s390_fpc_valid(s->fpc)) {
        return refuse(error, "floating-point control", s->fpc);
    }
    return !s->has_interrupts || !(s->pending & ~(uint32_t)PEND_SENT) ||
           refuse(error, "pending interruptions", s->pending);
}

/* ---- install ---- */

static void load_pending(S390Cpu *cpu, const CpuSaved *s)
{
    uint32_t p = s->sigp_order == ORDER_STOP         ? PEND_STOP
                 : s->sigp_order == ORDER_STOP_STORE ? PEND_STOP | PEND_STOP_STORE
                                                     : 0;

    memset(cpu->emergency_from, 0, sizeof(cpu->emergency_from));
    if (s->has_interrupts) {
        p |= s->pending;
        memcpy(cpu->emergency_from, s->emergency, s->emergency_words * sizeof(s->emergency[0]));
        cpu->extcall_from = s->extcall_from;
    }
    __atomic_store_n(&cpu->pending, p, __ATOMIC_SEQ_CST);
}

static void cpu_install(void *owner, const void *saved)
{
    S390Cpu *cpu = owner;
    const CpuSaved *s = saved;

    memcpy(cpu->gpr, s->regs, sizeof(cpu->gpr));
    memcpy(cpu->ar, s->aregs, sizeof(cpu->ar));
    memcpy(cpu->cr, s->cregs, sizeof(cpu->cr));
    cpu->prefix = s->psa;
    cpu->todpr = s->todpr;
    cpu->cputm_end_ns = s->cputm;
    cpu->ckc = s->ckc;
    cpu->breaking_addr = s->gbea;
    cpu->pp = s->pp;
    for (unsigned i = 0; i < 32; i++) {
        cpu->vr[i].q[1] = s->has_fpu && (i < 16 || s->has_vregs) ? s->left[i] : 0;
        cpu->vr[i].q[0] = s->has_vregs ? s->right[i] : 0;
    }
    cpu->fpc = s->has_fpu ? s->fpc : 0;
    cpu->run_state = s->cpu_state;
    cpu->access_as = AS_PSW;
    cpu->base.exception = CPU_EXCP_NONE;
    load_pending(cpu, s);
    memset(cpu->tlb_asce, 0, sizeof(cpu->tlb_asce));
    cpu->ar_known = 0;
    cpu_tlb_flush(&cpu->base);
    cpu_jump_cache_clear(&cpu->base);
    s390_psw_install(cpu, s->psw_mask, s->psw_addr);
}

/* The clock and the floating interruptions are there now: whoever is due looks at once. */
static void cpu_installed(void *owner)
{
    S390Cpu *cpu = owner;

    s390_timers_update(cpu);
    cpu_interrupt(&cpu->base, CPU_IRQ_HARD);
}

static const SectionOps cpu_ops = {
    .save = cpu_save,
    .check = cpu_check,
    .install = cpu_install,
    .installed = cpu_installed,
};
const SectionDesc s390_section_cpu = { .record = &cpu_record, .ops = &cpu_ops };

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

#define STREAM_IRQ_HARD 0x0002u

static void common_save(void *owner, void *saved)
{
    const S390Cpu *cpu = owner;
    CommonSaved *s = saved;

    s->halted = cpu->base.halted;
    s->interrupt_request =
        cpu->run_state == S390_CPU_OPERATING && (cpu_irq_pending(&cpu->base) & CPU_IRQ_HARD)
            ? STREAM_IRQ_HARD
            : 0;
}

/* Both follow from the PSW, the state and what is pending: the CPU's section sets them. */
static void common_install(void *owner, const void *saved)
{
    cpu_reset_interrupt(&((S390Cpu *)owner)->base, UINT32_MAX);
}

static const SectionOps common_ops = { .save = common_save, .install = common_install };
const SectionDesc s390_section_common = { .record = &common_record, .ops = &common_ops };
