/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the i440FX chipset. Private to hw/i386. */
#pragma once
#include "acpi-pm.h"
#include "hw/i2c/smbus.h"
#include "hw/pci/pci.h"
#include "pam.h"
#include "pc-host.h"
#include "smram.h"

#define PIIX_PIRQS       4
#define PIIX4_GPE_PORT   0xafe0
#define PIIX4_PCIHP_PORT 0xae00
#define PIIX4_CPUHP_PORT 0xaf00
#define PIIX4_SMBUS_PORT 0xb100
#define PIIX_ISA_IRQS    16

/* ---- 440FX: host bridge ---- */
typedef struct {
    PciDevice pci; /* first */
    Pam pam;
    Smram smram;
} I440fx;

void i440fx_open_for_direct_boot(PciDevice *bridge);

/* ---- PIIX3: ISA bridge ---- */
typedef struct {
    PciDevice pci;           /* first */
    Irq *isa[PIIX_ISA_IRQS]; /* borrowed */
    uint8_t pirq_level;      /* bit n: PIRQ A+n */
    uint8_t rcr;
} Piix3;
void piix3_connect(Piix3 *piix, PciBus *bus, Irq *const isa[PIIX_ISA_IRQS]);
int piix3_pirq_to_irq(const Piix3 *piix, int n);
void piix3_open_for_direct_boot(Piix3 *piix);

/* ---- PIIX4: power management and SMBus ---- */
typedef struct {
    PciDevice pci; /* first */
    AcpiPm pm;
    PmSmbus smb;
    MemoryRegion apm_mr;
    uint8_t apmc, apms;
    uint32_t smb_io_base;
    uint8_t serial_ports, parallel_ports; /* presence bits that the board fills in */
    Irq *sci;                             /* borrowed */
} Piix4Pm;
void piix4_pm_open_for_direct_boot(Piix4Pm *piix);

extern const TypeInfo i440fx_types[], piix_types[], piix4_pm_types[];
extern const size_t i440fx_types_count, piix_types_count, piix4_pm_types_count;
