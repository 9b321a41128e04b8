/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a CPU asks of its local APIC, which lives in hw/i386. VM lock held for every call; a CPU
 * without a local APIC has no ops and takes external interrupts from the `pic` hook alone.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct X86ApicOps {
    /* IA32_APIC_BASE. set: false = the value is not allowed (#GP). */
    uint64_t (*get_base)(void *apic);
    bool (*set_base)(void *apic, uint64_t value);
    /* CR8: the upper half of TPR. */
    uint8_t (*get_tpr)(void *apic);
    void (*set_tpr)(void *apic, uint8_t tpr);
    /* Accepts the interrupt that CPU_IRQ_HARD stands for and returns its vector; -1: it went away. */
    int (*take_interrupt)(void *apic);
    /* x2APIC MSRs 0x800..0x8ff; false: #GP. */
    bool (*read_msr)(void *apic, uint32_t msr, uint64_t *value);
    bool (*write_msr)(void *apic, uint32_t msr, uint64_t value);
    /* The CPU took INIT: registers to their INIT state; true: the CPU now waits for SIPI. */
    bool (*init)(void *apic);
    /* The start-up vector that CPU_IRQ_SIPI stands for, -1: none (any more). */
    int (*take_sipi)(void *apic);
    /* IA32_TSC_DEADLINE. read gives 0 once it has fired. */
    uint64_t (*get_deadline)(void *apic);
    void (*set_deadline)(void *apic, uint64_t tsc);
    /* The relation of TSC to time changed (a write of TSC or TSC_ADJUST). */
    void (*tsc_changed)(void *apic);
} X86ApicOps;
