/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The microvm board: what its files share. It has the CPUs, the interrupt controllers and the
 * configuration device of a PC, and is a PcMachine to their code. Private to hw/i386.
 */
#pragma once
#include "hw/pci/generic-host.h"
#include "hw/virtio/virtio-mmio.h"
#include "pc-priv.h"

#define MICROVM_MMIO_BASE  0xfeb00000ull
#define MICROVM_GED_BASE   0xfea00000ull
#define MICROVM_IOAPIC2    0xfec10000ull
#define MICROVM_GED_IRQ    9
#define MICROVM_ECAM_BASE  0xe0000000ull
#define MICROVM_ECAM_SIZE  0x10000000ull
#define MICROVM_PCI_BASE   0xc0000000ull
#define MICROVM_PCI_SIZE   0x20000000ull
#define MICROVM_GSIS       (2 * IOAPIC_NUM_PINS)
#define MICROVM_TRANSPORTS 24

typedef struct {
    PcMachine pc; /* first */
    /* properties; those that a PC has too are in pc */
    OnOffAuto pit, rtc, ioapic2, pcie;
    bool isa_serial, option_roms, auto_cmdline;
    /* parts */
    Device *ioapic2_dev;
    Irq pins[MICROVM_GSIS], *gsi[MICROVM_GSIS];
    Device *transports[MICROVM_TRANSPORTS];
    unsigned n_transports, first_gsi; /* transport n has GSI first_gsi + n */
    unsigned pci_gsi;                 /* of INTA; B to D follow */
} Microvm;

/* microvm-acpi.c */
void microvm_acpi_build(void *opaque, AcpiBlobs *out);
