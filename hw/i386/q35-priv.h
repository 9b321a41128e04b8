/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of a q35 board and how they hang together. Private to hw/i386.
 */
#pragma once
#include "base/util/endian.h"
#include "base/util/units.h"
#include "hw/core/loader.h"
#include "hw/core/machine.h"
#include "hw/misc/fw-cfg.h"
#include "hw/pci/pci.h"
#include "acpi-pm.h"
#include "pam.h"
#include "pc-host.h"
#include "smram.h"

#define PC_GSI_COUNT       24
#define PC_ACPI_SCI_IRQ    9
#define Q35_ECAM_BASE      0xb0000000ull
#define Q35_ECAM_SIZE      0x10000000ull
#define Q35_PCI_HOLE_BASE  0xc0000000ull
#define Q35_PCI_HOLE_LIMIT 0xfebfffffull
#define PC_IOAPIC_BASE     0xfec00000ull
#define PC_HPET_BASE       0xfed00000ull
#define ICH9_PMBASE        0x600
#define ICH9_PCIHP_PORT    0xcc4
#define ICH9_CPUHP_PORT    0xcd8
#define PC_MEMHP_PORT      0xa00
#define ICH9_RCBA          0xfed1c000ull

/* ---- MCH: host bridge ---- */
typedef struct {
    PciDevice pci; /* first */
    uint64_t ram_below_4g;
    Pam pam;
    Smram smram;
    PciHost *host;
    uint16_t ext_tseg_mbytes;
    bool smbase_smram;
} Mch;

/* Opens c0000-fffff as RAM (what firmware leaves behind), turns ECAM on. */
void mch_open_for_direct_boot(PciDevice *mch);

/* ---- ICH9 LPC ---- */
typedef struct {
    PciDevice pci; /* first */
    AcpiPm pm;
    uint8_t apmc, apms;
    uint8_t rst_cnt;
    uint8_t chip_config[16384];
    MemoryRegion rcrb, apm_mr;
    bool rcrb_mapped;
    Irq *gsi[PC_GSI_COUNT]; /* borrowed; set by the board before reset */
    uint8_t pirq_level;     /* bit n: PIRQ A+n */
    /* What OVMF negotiates through fw_cfg: requested by the guest, agreed (0 until then). */
    uint8_t smi_host_le[8], smi_guest_le[8], smi_ok;
    uint64_t smi_negotiated;
    bool smi_broadcast, smi_cpu_hotplug, smi_cpu_hotunplug, noreboot; /* properties */
} Ich9Lpc;
/* The fw_cfg files of the negotiation. */
bool ich9_lpc_publish_smi(Ich9Lpc *lpc, FwCfg *fw_cfg, GError **error);
void ich9_lpc_connect(Ich9Lpc *lpc, PciBus *bus, Irq *const gsi[PC_GSI_COUNT]);
/* The registers as firmware leaves them: PM block, RCRB, PIRQ routing. */
void ich9_lpc_open_for_direct_boot(Ich9Lpc *lpc);
/* The PIC interrupt that PIRQ @n is routed to, 0: none. */
int ich9_lpc_pirq_to_irq(const Ich9Lpc *lpc, int n);

extern const TypeInfo q35_host_types[], ich9_types[];
extern const size_t q35_host_types_count, ich9_types_count;
