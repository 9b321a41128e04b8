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
#include "pam.h"
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
#define ICH9_RCBA          0xfed1c000ull
#define ICH9_PM_IO_SIZE    128

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

typedef struct {
    PciHost host; /* first */
    MemoryRegion pci_mem;
    Mch *mch;
    MemoryRegion *ram, *smram_view; /* borrowed */
    uint64_t ram_below_4g;
} Q35Host;
/* Opens c0000-fffff as RAM (what firmware leaves behind), turns ECAM on. */
void mch_open_for_direct_boot(Mch *mch);

/* ---- ICH9 power management block ---- */
typedef struct {
    uint16_t pm1_sts, pm1_en, pm1_cnt;
    Timer *tmr;
    int64_t overflow_time;
    uint8_t gpe_sts[16], gpe_en[16]; /* 8 of each are used */
    uint32_t smi_en, smi_sts, smi_en_wmask;
    bool smm_enabled;
    /* state that only migrates */
    uint32_t memhp_selector, cpuhp_selector;
    uint8_t cpuhp_command;
    bool cpuhp_present;
    uint8_t cpuhp_devs[288][10];
    uint32_t cpuhp_count;
    uint32_t pcihp_select, pcihp_index, pcihp_status[256][2];
    uint8_t tco[32];
    bool tco_enabled;
    uint16_t tco_tmr;
    Vm *vm;
    Device *owner;
    MemoryRegion io, evt, cnt, tmr_mr, gpe, smi, tco_mr;
    void (*sci_update)(void *opaque, int level);
    void *opaque;
    Notifier powerdown;
    bool mapped;
    uint16_t base;
    int sci_level;
} Ich9Pm;
void ich9_pm_init(Ich9Pm *pm, Device *owner, void (*sci)(void *opaque, int level), void *opaque);
void ich9_pm_clear(Ich9Pm *pm);
void ich9_pm_reset(Ich9Pm *pm);
void ich9_pm_map(Ich9Pm *pm, bool enable, uint16_t base);
void ich9_pm_sci_enable(Ich9Pm *pm, bool on); /* ACPI enable/disable by APMC */
void ich9_pm_update(Ich9Pm *pm);
/* Global SMI enable can no longer be cleared (until reset). */
void ich9_pm_lock_smi(Ich9Pm *pm);

/* ---- ICH9 LPC ---- */
typedef struct {
    PciDevice pci; /* first */
    Ich9Pm pm;
    uint8_t apmc, apms;
    uint8_t disable_s3, disable_s4, s4_val; /* properties */
    uint8_t rst_cnt;
    uint8_t chip_config[16384];
    MemoryRegion rcrb, apm_mr;
    bool rcrb_mapped;
    Irq *gsi[PC_GSI_COUNT]; /* borrowed; set by the board before reset */
    uint8_t pirq_level;     /* bit n: PIRQ A+n */
    bool smm_enabled;
    /* What OVMF negotiates through fw_cfg: requested by the guest, agreed (0 until then). */
    uint8_t smi_host_le[8], smi_guest_le[8], smi_ok;
    uint64_t smi_negotiated;
    bool smi_broadcast, smi_cpu_hotplug, smi_cpu_hotunplug; /* properties */
    void (*raise_smi)(void *opaque, bool everyone);
    void *smi_opaque;
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
