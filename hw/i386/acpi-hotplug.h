/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hotplug through ACPI: three blocks of ports (PCI slots, CPUs, memory devices) beside the fixed
 * registers, each with its general purpose event, and the part of the DSDT that knows them.
 * Private to hw/i386.
 */
#pragma once
#include "acpi-pm.h"
#include "hw/acpi/aml.h"
#include "hw/mem/pc-dimm.h"

/* ---- PCI (acpi-pcihp.c) ---- */
void acpi_pcihp_init(AcpiPm *pm, uint16_t port);
void acpi_pcihp_clear(AcpiPm *pm);
void acpi_pcihp_reset(AcpiPm *pm);
/* Numbers the buses that are there and take devices; from then on the PCI core tells @pm. */
void acpi_pcihp_number(AcpiPm *pm, PciHost *host);
int acpi_pcihp_bsel(const AcpiPm *pm, const PciBus *bus); /* -1: none */
/* In the scope of the host bridge; of a bus; of function 0 of a slot that can be emptied; global. */
void acpi_pcihp_root_aml(Aml *a, const AcpiPm *pm);
void acpi_pcihp_bus_aml(Aml *a, const AcpiPm *pm, PciBus *bus);
bool acpi_pcihp_slot_ejectable(const AcpiPm *pm, const PciBus *bus, int devfn);
void acpi_pcihp_slot_aml(Aml *a, int slot);
void acpi_pcihp_gpe_aml(Aml *a, const AcpiPm *pm, PciBus *root);

/* ---- CPUs (acpi-cpuhp.c); a CPU's number is its place among the possible ones ---- */
void acpi_cpuhp_init(AcpiPm *pm, uint16_t port, const uint32_t *apic_ids, unsigned max_cpus);
void acpi_cpuhp_clear(AcpiPm *pm);
void acpi_cpuhp_reset(AcpiPm *pm);
void acpi_cpuhp_plugged(AcpiPm *pm, unsigned cpu);
void acpi_cpuhp_unplug_request(AcpiPm *pm, unsigned cpu);
/* @nodes: the NUMA node of each CPU; NULL: none. */
void acpi_cpuhp_aml(Aml *a, const AcpiPm *pm, const uint8_t *nodes);

/* ---- memory (acpi-memhp.c); number: the slot ---- */
void acpi_memhp_init(AcpiPm *pm, uint16_t port, unsigned slots);
void acpi_memhp_clear(AcpiPm *pm);
void acpi_memhp_reset(AcpiPm *pm);
void acpi_memhp_plugged(AcpiPm *pm, PcDimm *dimm);
void acpi_memhp_unplug_request(AcpiPm *pm, PcDimm *dimm);
void acpi_memhp_aml(Aml *a, const AcpiPm *pm);

/* The guest reports what became of a request (_OST): an event, and another when it refused. */
void acpi_ost_report(AcpiPm *pm, const char *slot_type, unsigned slot, Device *dev, uint32_t source,
                     uint32_t status);
/* For query-acpi-ospm-status: of every memory slot and CPU. */
typedef void (*AcpiOstVisit)(const char *slot_type, unsigned slot, Device *dev, uint32_t source,
                             uint32_t status, void *opaque);
void acpi_cpuhp_visit(const AcpiPm *pm, AcpiOstVisit visit, void *opaque);
void acpi_memhp_visit(const AcpiPm *pm, AcpiOstVisit visit, void *opaque);
