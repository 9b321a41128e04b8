/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of an x86 CPU's state that only the system files use; embedded in X86Cpu as `sys`.
 */
#pragma once
#include "target/x86/apic-ops.h"
#include "target/x86/features.h"

#define X86_MCE_BANKS     10
#define X86_EXCP_SHUTDOWN (-2)

typedef struct X86Sys {
    const X86CpuConfig *cfg; /* borrowed from the CPU object */
    struct Vm *vm;
    const X86ApicOps *apic_ops; /* NULL: no local APIC */
    void *apic;
    int (*pic_ack)(void *opaque); /* without a local APIC */
    void *pic_opaque;
    void (*ferr)(void *opaque); /* x87 error with CR0.NE clear; VM lock held; NULL: lost */
    void *ferr_opaque;

    uint64_t a20_mask; /* all ones, or without bit 20 */
    uint64_t pdpte[4]; /* PAE: loaded by MOV CR3 */
    bool smm, smm_was_nmi_blocked;
    bool nmi_blocked; /* from NMI delivery to IRET */
    uint32_t smbase, smi_count;
    bool bsp;
    int delivering;      /* vector whose delivery is under way, -1: none */
    bool ext;            /* ... and its source is external: error codes get the EXT bit */
    uint32_t trap_armed; /* DR6 bits of the #DB due before the next instruction */
    bool in_new_task;    /* a task switch is past its commit point: faults belong to the new task */
    uint32_t task_error; /* error code of such a fault */
    bool shutdown;       /* triple fault: only INIT and RESET help */
    uint32_t dr6_pending; /* bits for the #DB being raised */
    bool monitor_armed;
    uint64_t monitor_addr;

    /* time */
    uint64_t tsc_hz;
    int64_t tsc_offset; /* guest TSC = host-independent ticks + this */
    uint64_t tsc_adjust;

    /* MSRs that only hold a value */
    uint64_t pat, mtrr_deftype, mtrr_fixed[11];
    struct {
        uint64_t base, mask;
    } mtrr_var[8];
    uint64_t misc_enable, feature_control, spec_ctrl, xss, debugctl;
    uint64_t mcg_cap, mcg_status, mcg_ctl, mce_banks[X86_MCE_BANKS * 4];
    uint64_t vm_hsave, hwcr, ucode_rev;
    uint64_t poll_control;                /* travels in the stream, means nothing here */
    uint64_t loaded_tsc, loaded_deadline; /* from a load until all is installed */
    bool tlb_pcid_used;
} X86Sys;
