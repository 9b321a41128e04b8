/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 CPUs as devices ("MODEL-x86_64-cpu"): what a board needs of them.
 *
 * A board makes the device, sets features and the property "apic-id", gives it the APIC bus, and
 * realizes it on the root bus; the device resets its CPU (the first one to the reset vector, others
 * wait for a start-up IPI). VM lock held.
 */
#pragma once
#include "hw/core/device.h"

typedef struct ApicBus ApicBus;
struct X86Cpu;

/* Before realize. */
void x86_cpu_device_set_apic_bus(Device *dev, ApicBus *bus);
/* The state; the CPU must be stopped to change it. */
struct X86Cpu *x86_cpu_device_cpu(Device *dev);
/* After a change of registers from outside: recomputes what depends on them, drops the TLB. */
void x86_cpu_device_state_changed(Device *dev);

/* What answers in SMM instead of the rest: shown above the CPU's normal view. Once, after realize. */
void x86_cpu_device_set_smram(Device *dev, MemoryRegion *smram);
/* The local APIC, NULL without one; "info lapic" text. */
Object *x86_cpu_device_apic(Device *dev);
void x86_cpu_device_describe_apic(Device *dev, GString *out);
/* Configuration, finished once realized (query-cpu-model-expansion). */
const struct X86CpuConfig *x86_cpu_device_config(Device *dev);

extern const TypeInfo x86_cpu_types[];
extern const size_t x86_cpu_types_count;
