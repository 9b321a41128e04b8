/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the local APIC: registers (apic.c), bus and messages (apic-bus.c), state (apic-state.c). */
#pragma once
#include "hw/i386/apic.h"
#include "target/x86/cpu.h"

enum {
    LVT_TIMER,
    LVT_THERMAL,
    LVT_PERF,
    LVT_LINT0,
    LVT_LINT1,
    LVT_ERROR,
    LVT_COUNT
};
enum {
    LVT_MASKED = 1u << 16,
    LVT_LEVEL = 1u << 15,
    LVT_REMOTE_IRR = 1u << 14,
    LVT_POLARITY = 1u << 13,
    LVT_PERIODIC = 1u << 17,
    LVT_DEADLINE = 1u << 18,
};
enum {
    BASE_BSP = 1u << 8,
    BASE_X2APIC = 1u << 10,
    BASE_ENABLE = 1u << 11
};
enum {
    SVR_ENABLE = 1u << 8,
    SVR_NO_EOI_BROADCAST = 1u << 12
};
enum {
    ESR_SEND_ILLEGAL = 1u << 5,
    ESR_RECEIVE_ILLEGAL = 1u << 6,
    ESR_REGISTER = 1u << 7
};

struct Apic {
    Device dev; /* first */
    ApicBus *bus;
    X86Cpu *cpu;
    MemoryRegion *root; /* the CPU's view, where the register page is */
    MemoryRegion mmio;
    bool mapped;
    uint32_t initial_id; /* all of it; the xAPIC id register may be rewritten */
    bool bsp;

    uint64_t base; /* IA32_APIC_BASE */
    uint8_t id, arb_id, tpr;
    uint32_t svr;
    uint8_t log_dest, dest_mode; /* xAPIC LDR and DFR, top bits */
    uint32_t isr[8], tmr[8], irr[8];
    uint32_t lvt[LVT_COUNT];
    uint32_t esr, esr_pending;
    uint32_t icr[2];
    uint32_t divide_conf, initial_count;
    int64_t count_load_ns, next_ns;
    uint64_t deadline;
    Timer *timer;
    bool wait_sipi;
    int sipi_vector;
    bool lint_level[2];
    Section *section;
};

struct ApicBus {
    Vm *vm;
    GPtrArray *apics; /* borrowed */
    MemoryRegion msi;
    int (*pic_ack)(void *opaque);
    void *pic_opaque;
    bool pic_level;
    Irq pic_irq, nmi_irq;
    GArray *eois;
    ApicRemap remap; /* NULL: none */
    void *remap_opaque;
    unsigned lowest_next; /* rotates lowest-priority delivery among equals */
};

static inline bool apic_x2(const Apic *a)
{
    return a->base & BASE_X2APIC;
}
static inline bool apic_sw_enabled(const Apic *a)
{
    return (a->base & BASE_ENABLE) && (a->svr & SVR_ENABLE);
}
uint32_t apic_ldr(const Apic *a);
void apic_accept(Apic *a, const ApicMessage *msg);
void apic_update(Apic *a);
void apic_local(Apic *a, int which);
void apic_timer_rearm(Apic *a);
void apic_broadcast_eoi(ApicBus *bus, int vector);
void apic_place(Apic *a);
extern const SectionDesc apic_section;
