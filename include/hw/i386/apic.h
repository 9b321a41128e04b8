/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local APICs and the bus that joins them.
 *
 * A board makes one ApicBus and gives it to its CPUs (x86_cpu_device_set_apic_bus). Interrupts come as
 * messages: device writes to 0xfee00000..0xfeefffff (MSI, I/O APIC) and IPIs take the same path.
 * VM lock held for everything here.
 */
#pragma once
#include "hw/core/device.h"
#include "target/x86/apic-ops.h"

typedef struct ApicBus ApicBus;
typedef struct Apic Apic;
struct X86Cpu;

#define APIC_DEFAULT_BASE 0xfee00000ull
#define APIC_SPACE_SIZE   0x100000ull

typedef enum {
    APIC_FIXED = 0,
    APIC_LOWEST = 1,
    APIC_SMI = 2,
    APIC_NMI = 4,
    APIC_INIT = 5,
    APIC_STARTUP = 6,
    APIC_EXTINT = 7,
} ApicDelivery;

typedef struct {
    uint32_t dest; /* 0xff or 0xffffffff: everyone */
    bool logical;
    uint8_t delivery; /* ApicDelivery */
    uint8_t vector;
    bool level; /* trigger mode */
} ApicMessage;

/* Also puts the MSI receive region at 0xfee00000 of the system memory. */
ApicBus *apic_bus_new(Vm *vm);
void apic_bus_free(ApicBus *bus);
void apic_bus_deliver(ApicBus *bus, const ApicMessage *msg);
/* The address and data of an MSI as a message (also for I/O APIC entries). */
void apic_bus_msi(ApicBus *bus, uint64_t addr, uint32_t data, MemAttrs attrs);
/* Whoever remaps interrupts changes *msg, or returns false: the message is lost. NULL: nobody. */
typedef bool (*ApicRemap)(void *opaque, uint64_t addr, uint32_t data, MemAttrs attrs,
                          ApicMessage *msg);
void apic_bus_set_remap(ApicBus *bus, ApicRemap remap, void *opaque);
/* The 8259 pair: its INT output goes to apic_bus_pic_input(), and @ack gives the vector. */
void apic_bus_set_pic(ApicBus *bus, int (*ack)(void *opaque), void *opaque);
Irq *apic_bus_pic_input(ApicBus *bus);
/* The line to LINT1 of every CPU (NMI button, parity). */
Irq *apic_bus_nmi_input(ApicBus *bus);
/* Told of each EOI of a level interrupt; the I/O APICs. */
void apic_bus_add_eoi(ApicBus *bus, void (*eoi)(void *opaque, int vector), void *opaque);

/* For the CPU device. The 4 KiB register page is placed in @space_root (the CPU's own view of
   memory) where IA32_APIC_BASE says. */
Apic *apic_new(ApicBus *bus, struct X86Cpu *cpu, uint32_t id, bool bsp, MemoryRegion *space_root);
void apic_free(Apic *apic);
void apic_reset(Apic *apic);
uint32_t apic_id(const Apic *apic);
/* The object at "lapic" of the CPU. */
Object *apic_object(Apic *apic);
const X86ApicOps *apic_ops(void);
/* "info lapic" text. */
void apic_describe(Apic *apic, GString *out);
extern const TypeInfo apic_types[];
extern const size_t apic_types_count;
