/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI fixed hardware of a PC chipset: what ICH9 and PIIX4 have in common, and the part of their
 * migrated state that is the same. Private to hw/i386.
 */
#pragma once
#include "base/core/clock.h"
#include "hw/core/device.h"

#define ACPI_PM_IO_SIZE 128

typedef struct {
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
} AcpiPm;
/* ich9: everything is in the block at PMBASE; else PM1 only, and GPE0 of 2 + 2 bytes at @gpe_port. */
void acpi_pm_init(AcpiPm *pm, Device *owner, bool ich9, uint16_t gpe_port,
                  void (*sci)(void *opaque, int level), void *opaque);
void acpi_pm_clear(AcpiPm *pm);
void acpi_pm_reset(AcpiPm *pm);
void acpi_pm_map(AcpiPm *pm, bool enable, uint16_t base);
void acpi_pm_sci_enable(AcpiPm *pm, bool on); /* ACPI enable/disable by APMC */
void acpi_pm_update(AcpiPm *pm);
/* Global SMI enable can no longer be cleared (until reset). */
void acpi_pm_lock_smi(AcpiPm *pm);

/* ---- migrated state ---- */
typedef struct {
    uint16_t pm1_sts, pm1_en, pm1_cnt;
    int64_t tmr_timer, tmr_overflow;
    uint8_t gpe_sts[16], gpe_en[16];
    uint32_t smi_en, smi_sts;
    uint32_t memhp_selector;
    uint16_t tco_rld, tco_sts1, tco_sts2, tco_cnt1, tco_cnt2, tco_tmr;
    uint8_t tco_din, tco_dout, tco_msg1, tco_msg2, tco_wdcnt, tco_sw_irq_gen, tco_timeouts;
    int64_t tco_timer, tco_expire;
    uint32_t cpuhp_selector, cpuhp_count;
    uint8_t cpuhp_command;
    bool cpuhp_present;
    uint8_t cpuhp_devs[288 * 10];
    uint32_t pcihp_select, pcihp_status[512], pcihp_index;
} AcpiPmSaved;
/* Parts that a chipset's record nests or, for hot plug, sends in subsections. */
extern const Record acpi_pm_memhp_record, acpi_pm_cpuhp_record, acpi_pm_tco_record,
    acpi_pm_pcihp_slot_record;
void acpi_pm_save(AcpiPm *pm, AcpiPmSaved *out);
bool acpi_pm_check(const AcpiPmSaved *in, GError **error);
void acpi_pm_install(AcpiPm *pm, const AcpiPmSaved *in);
