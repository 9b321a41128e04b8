/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The migrated state that the power management of both chipsets shares.
 */
#include "base/util/endian.h"
#include "acpi-pm.h"
#include <string.h>

static const Field mem_slot_fields[] = {
    { .name = "is_enabled", .kind = FIELD_U8, .offset = 0, .size = 1 },
    { .name = "is_inserting", .kind = FIELD_U8, .offset = 1, .size = 1 },
    { .name = "ost", .kind = FIELD_BUFFER, .offset = 2, .size = 8 },
    F_END,
};
static const Record mem_slot_record = {
    .name = "memory hotplug device state",
    .version = 1,
    .min_version = 1,
    .size = ACPI_SLOT_BYTES,
    .fields = mem_slot_fields,
};
static bool has_mem_slots(const void *saved, uint32_t version)
{
    return ((const AcpiPmSaved *)saved)->memhp_count != 0;
}
static const Field memhp_fields[] = {
    F_U32(AcpiPmSaved, memhp_count, .flags = FIELD_LOCAL),
    F_U32(AcpiPmSaved, memhp_selector, .name = "selector"),
    { .name = "devs",
      .kind = FIELD_STRUCT,
      .flags = FIELD_VARRAY,
      .offset = offsetof(AcpiPmSaved, memhp_devs),
      .size = ACPI_SLOT_BYTES,
      .count = ACPI_MEM_SLOTS,
      .count_offset = offsetof(AcpiPmSaved, memhp_count),
      .record = &mem_slot_record,
      .present = has_mem_slots },
    F_END,
};
const Record acpi_pm_memhp_record = {
    .name = "memory hotplug state",
    .version = 1,
    .min_version = 1,
    .size = sizeof(AcpiPmSaved),
    .fields = memhp_fields,
};
static const Field tco_fields[] = {
    F_U16(AcpiPmSaved, tco_rld, .name = "tco.rld"),
    F_U8(AcpiPmSaved, tco_din, .name = "tco.din"),
    F_U8(AcpiPmSaved, tco_dout, .name = "tco.dout"),
    F_U16(AcpiPmSaved, tco_sts1, .name = "tco.sts1"),
    F_U16(AcpiPmSaved, tco_sts2, .name = "tco.sts2"),
    F_U16(AcpiPmSaved, tco_cnt1, .name = "tco.cnt1"),
    F_U16(AcpiPmSaved, tco_cnt2, .name = "tco.cnt2"),
    F_U8(AcpiPmSaved, tco_msg1, .name = "tco.msg1"),
    F_U8(AcpiPmSaved, tco_msg2, .name = "tco.msg2"),
    F_U8(AcpiPmSaved, tco_wdcnt, .name = "tco.wdcnt"),
    F_U16(AcpiPmSaved, tco_tmr, .name = "tco.tmr"),
    F_U8(AcpiPmSaved, tco_sw_irq_gen, .name = "sw_irq_gen"),
    F_TIMER(AcpiPmSaved, tco_timer, .name = "tco_timer"),
    F_I64(AcpiPmSaved, tco_expire, .name = "expire_time"),
    F_U8(AcpiPmSaved, tco_timeouts, .name = "timeouts_no"),
    F_END,
};
const Record acpi_pm_tco_record = {
    .name = "tco io device status",
    .version = 1,
    .min_version = 1,
    .size = sizeof(AcpiPmSaved),
    .fields = tco_fields,
};
static const Field cpuhp_dev_fields[] = {
    { .name = "raw", .kind = FIELD_BUFFER, .offset = 0, .size = ACPI_SLOT_BYTES },
    F_END,
};
static const Record cpuhp_dev_record = {
    .name = "CPU hotplug device state",
    .version = 1,
    .min_version = 1,
    .size = ACPI_SLOT_BYTES,
    .fields = cpuhp_dev_fields,
};
static const Field cpuhp_fields[] = {
    F_U32(AcpiPmSaved, cpuhp_count, .flags = FIELD_LOCAL),
    F_U32(AcpiPmSaved, cpuhp_selector, .name = "selector"),
    F_U8(AcpiPmSaved, cpuhp_command, .name = "command"),
    { .name = "devs",
      .kind = FIELD_STRUCT,
      .flags = FIELD_VARRAY,
      .offset = offsetof(AcpiPmSaved, cpuhp_devs),
      .size = ACPI_SLOT_BYTES,
      .count = ACPI_MAX_CPUS,
      .count_offset = offsetof(AcpiPmSaved, cpuhp_count),
      .record = &cpuhp_dev_record },
    F_END,
};
const Record acpi_pm_cpuhp_record = {
    .name = "CPU hotplug state",
    .version = 1,
    .min_version = 1,
    .size = sizeof(AcpiPmSaved),
    .fields = cpuhp_fields,
};
static const Field pcihp_slot_fields[] = {
    { .name = "up", .kind = FIELD_U32, .offset = 0, .size = 4 },
    { .name = "down", .kind = FIELD_U32, .offset = 4, .size = 4 },
    F_END,
};
const Record acpi_pm_pcihp_slot_record = {
    .name = "acpi_pcihp_pci_status",
    .version = 1,
    .min_version = 1,
    .size = 8,
    .fields = pcihp_slot_fields,
};
/* ---- slots of CPUs and memory: two flags, then event and status, big endian ---- */
static void slot_save(uint8_t *to, bool first, bool second, uint32_t event, uint32_t status)
{
    to[0] = first;
    to[1] = second;
    st_be32(to + 2, event);
    st_be32(to + 6, status);
}

static void slots_save(const AcpiPm *pm, AcpiPmSaved *out)
{
    out->cpuhp_count = pm->cpuhp_count;
    for (unsigned n = 0; n < pm->cpuhp_count; n++) {
        const AcpiCpuSlot *s = &pm->cpuhp[n];

        slot_save(out->cpuhp_devs + n * ACPI_SLOT_BYTES, s->inserting, s->removing, s->ost_event,
                  s->ost_status);
    }
    out->memhp_count = pm->memhp_count;
    for (unsigned n = 0; n < pm->memhp_count; n++) {
        const AcpiMemSlot *s = &pm->memhp[n];

        slot_save(out->memhp_devs + n * ACPI_SLOT_BYTES, s->enabled, s->inserting, s->ost_event,
                  s->ost_status);
    }
}

static void slots_install(AcpiPm *pm, const AcpiPmSaved *in)
{
    for (unsigned n = 0; n < pm->cpuhp_count; n++) {
        const uint8_t *from = in->cpuhp_devs + n * ACPI_SLOT_BYTES;

        pm->cpuhp[n] = (AcpiCpuSlot){ .inserting = from[0],
                                      .removing = from[1],
                                      .ost_event = ld_be32(from + 2),
                                      .ost_status = ld_be32(from + 6) };
    }
    for (unsigned n = 0; n < pm->memhp_count; n++) {
        const uint8_t *from = in->memhp_devs + n * ACPI_SLOT_BYTES;

        /* which slots are full is the configuration's to say */
        pm->memhp[n].inserting = from[1] && pm->memhp[n].dimm;
        pm->memhp[n].ost_event = ld_be32(from + 2);
        pm->memhp[n].ost_status = ld_be32(from + 6);
    }
}

void acpi_pm_save(AcpiPm *pm, AcpiPmSaved *out)
{
    out->pm1_sts = pm->pm1_sts;
    out->pm1_en = pm->pm1_en;
    out->pm1_cnt = pm->pm1_cnt;
    out->tmr_timer = timer_pending(pm->tmr) ? timer_expire_ns(pm->tmr) : -1;
    out->tmr_overflow = pm->overflow_time;
    memcpy(out->gpe_sts, pm->gpe_sts, 16);
    memcpy(out->gpe_en, pm->gpe_en, 16);
    out->smi_en = pm->smi_en;
    out->smi_sts = pm->smi_sts;
    out->memhp_selector = pm->memhp_selector;
    acpi_tco_save(pm, out);
    out->cpuhp_selector = pm->cpuhp_selector;
    out->cpuhp_command = pm->cpuhp_command;
    out->cpuhp_present = pm->cpuhp_present;
    slots_save(pm, out);
    out->pcihp_select = pm->pcihp_select;
    memcpy(out->pcihp_status, pm->pcihp_status, sizeof(out->pcihp_status));
    out->pcihp_index = pm->pcihp_index;
}

bool acpi_pm_check(const AcpiPmSaved *in, GError **error)
{
    /* The timer compares against it in 128 bits; only a sane range may be armed. */
    if (in->tmr_overflow < 0) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "ACPI timer overflow time %" G_GINT64_FORMAT " is negative (limit 0)",
                    in->tmr_overflow);
        return false;
    }
    if (in->tco_timeouts > 1) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "TCO watchdog ended %u times without a reload (limit 1)", in->tco_timeouts);
        return false;
    }
    return true;
}

void acpi_pm_install(AcpiPm *pm, const AcpiPmSaved *in)
{
    pm->pm1_sts = in->pm1_sts;
    pm->pm1_en = in->pm1_en;
    pm->pm1_cnt = in->pm1_cnt & ~0x2000;
    pm->overflow_time = in->tmr_overflow;
    memcpy(pm->gpe_sts, in->gpe_sts, 16);
    memcpy(pm->gpe_en, in->gpe_en, 16);
    pm->smi_en = in->smi_en;
    pm->smi_sts = in->smi_sts;
    pm->memhp_selector = in->memhp_selector;
    acpi_tco_install(pm, in);
    pm->cpuhp_selector = in->cpuhp_selector;
    pm->cpuhp_command = in->cpuhp_command;
    pm->cpuhp_present = in->cpuhp_present;
    slots_install(pm, in);
    pm->pcihp_select = in->pcihp_select;
    memcpy(pm->pcihp_status, in->pcihp_status, sizeof(in->pcihp_status));
    pm->pcihp_index = in->pcihp_index;
}
