/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI fixed hardware of a PC chipset: what ICH9 and PIIX4 have in common, and the part of their
 * migrated state that is the same. Private to hw/i386.
 */
#pragma once
#include "base/core/clock.h"
#include "hw/pci/pci.h"

#define ACPI_PM_IO_SIZE  128
#define ACPI_MAX_CPUS    288
#define ACPI_MEM_SLOTS   256
#define ACPI_PCIHP_BUSES 256
/* General purpose events */
#define ACPI_GPE_PCI    0x02
#define ACPI_GPE_CPU    0x04
#define ACPI_GPE_MEMORY 0x08
#define ACPI_GPE_NVDIMM 0x10
#define ACPI_GPE_GENID  0x20

typedef struct {
    bool inserting, removing, ejecting;
    uint32_t ost_event, ost_status;
} AcpiCpuSlot;
typedef struct {
    struct PcDimm *dimm; /* borrowed */
    bool enabled, inserting, removing, ejecting;
    uint32_t ost_event, ost_status;
} AcpiMemSlot;

typedef struct AcpiPm {
    uint16_t pm1_sts, pm1_en, pm1_cnt;
    Timer *tmr;
    int64_t overflow_time;
    uint8_t gpe_sts[16], gpe_en[16]; /* 8 of each are used */
    uint32_t smi_en, smi_sts, smi_en_wmask;
    bool smm_enabled;
    uint8_t disable_s3, disable_s4, s4_val;         /* properties of the chipset */
    void (*raise_smi)(void *opaque, bool everyone); /* NULL: no SMM */
    void *smi_opaque;
    bool ich9;          /* has SMI and TCO registers, GPE0 inside its block */
    unsigned gpe_bytes; /* of status, and as many of enables */
    /* CPU hotplug; apic_ids borrowed from the board */
    uint32_t cpuhp_selector, cpuhp_count;
    uint8_t cpuhp_command;
    bool cpuhp_present; /* the guest has turned from the bitmap to the window */
    AcpiCpuSlot cpuhp[ACPI_MAX_CPUS];
    const uint32_t *apic_ids;
    uint16_t cpuhp_port;
    MemoryRegion cpuhp_mr;
    /* memory hotplug */
    uint32_t memhp_selector, memhp_count;
    AcpiMemSlot memhp[ACPI_MEM_SLOTS];
    uint16_t memhp_port;
    MemoryRegion memhp_mr;
    /* PCI hotplug: a bus's number is its index; status: slots that have a new device, and those
       whose device is asked to go */
    uint32_t pcihp_select, pcihp_index, pcihp_status[ACPI_PCIHP_BUSES][2];
    struct {
        bool root, bridges; /* properties: which buses take part */
        unsigned n_buses;
        PciBus *buses[ACPI_PCIHP_BUSES]; /* borrowed; NULL: gone */
        uint32_t ejecting[ACPI_PCIHP_BUSES];
        uint16_t port;
        MemoryRegion mr;
    } pcihp;
    /* the watchdog: registers, and when it ends next (-1: it stands) */
    uint8_t tco[32], tco_timeouts;
    int64_t tco_expire;
    Timer *tco_clock;
    bool (*no_reboot)(void *opaque); /* its second end is for nobody; @opaque as sci_update's */
    Vm *vm;
    Device *owner;
    MemoryRegion io, evt, cnt, tmr_mr, gpe, smi, tco_mr;
    void (*sci_update)(void *opaque, int level);
    void *opaque;
    Notifier powerdown;
    bool mapped;
    uint16_t base;
    int sci_level;
} AcpiPm;
/* ich9: everything is in the block at PMBASE; else PM1 only, and GPE0 of 2 + 2 bytes at @gpe_port. */
void acpi_pm_init(AcpiPm *pm, Device *owner, bool ich9, uint16_t gpe_port,
                  void (*sci)(void *opaque, int level), void *opaque);
void acpi_pm_clear(AcpiPm *pm);
void acpi_pm_reset(AcpiPm *pm);
void acpi_pm_map(AcpiPm *pm, bool enable, uint16_t base);
void acpi_pm_sci_enable(AcpiPm *pm, bool on); /* ACPI enable/disable by APMC */
void acpi_pm_update(AcpiPm *pm);
/* One or more ACPI_GPE_*. */
void acpi_pm_gpe(AcpiPm *pm, uint8_t events);
/* Global SMI enable can no longer be cleared (until reset). */
void acpi_pm_lock_smi(AcpiPm *pm);

/* ---- the watchdog (ICH9), for acpi-pm.c ---- */
void acpi_tco_init(AcpiPm *pm, Object *owner);
void acpi_tco_clear(AcpiPm *pm);
void acpi_tco_reset(AcpiPm *pm);

/* ---- migrated state ---- */
#define ACPI_SLOT_BYTES 10 /* two flags, event and status of _OST */
typedef struct {
    uint16_t pm1_sts, pm1_en, pm1_cnt;
    int64_t tmr_timer, tmr_overflow;
    uint8_t gpe_sts[16], gpe_en[16];
    uint32_t smi_en, smi_sts;
    uint32_t memhp_selector, memhp_count;
    uint8_t memhp_devs[ACPI_MEM_SLOTS * ACPI_SLOT_BYTES];
    uint16_t tco_rld, tco_sts1, tco_sts2, tco_cnt1, tco_cnt2, tco_tmr;
    uint8_t tco_din, tco_dout, tco_msg1, tco_msg2, tco_wdcnt, tco_sw_irq_gen, tco_timeouts;
    int64_t tco_timer, tco_expire;
    uint32_t cpuhp_selector, cpuhp_count;
    uint8_t cpuhp_command;
    bool cpuhp_present;
    uint8_t cpuhp_devs[ACPI_MAX_CPUS * ACPI_SLOT_BYTES];
    uint32_t pcihp_select, pcihp_status[512], pcihp_index;
} AcpiPmSaved;
/* Parts that a chipset's record nests or, for hot plug, sends in subsections. */
extern const Record acpi_pm_memhp_record, acpi_pm_cpuhp_record, acpi_pm_tco_record,
    acpi_pm_pcihp_slot_record;
void acpi_pm_save(AcpiPm *pm, AcpiPmSaved *out);
bool acpi_pm_check(const AcpiPmSaved *in, GError **error);
void acpi_pm_install(AcpiPm *pm, const AcpiPmSaved *in);
void acpi_tco_save(const AcpiPm *pm, AcpiPmSaved *out);
void acpi_tco_install(AcpiPm *pm, const AcpiPmSaved *in);
