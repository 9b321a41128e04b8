/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIIX4 power management, 8086:7113 at 00:01.3 (Intel 82371AB datasheet, chapter 7): places the
 * ACPI block and the SMBus registers, APM ports b2/b3, SMIs.
 *
 * Without SMM the APMC enable bit reads as set, so that firmware leaves it alone.
 */
#include "base/util/endian.h"
#include "acpi-hotplug.h"
#include "piix-priv.h"

enum {
    PM_PMBASE = 0x40,
    PM_DEVACTB = 0x58,
    PM_DEVRESB = 0x5c,
    PM_PMREGMISC = 0x80,
    PM_SMBBASE = 0x90,
    PM_SMBHSTCFG = 0xd2,
};
#define PMREGMISC_ENABLE 0x01
#define DEVACTB_APMC     0x02 /* in byte 5b */
#define HSTCFG_ENABLE    0x01
#define APM_ACPI_ON      0xf1
#define APM_ACPI_OFF     0xf0

/* ---- effects of configuration registers ---- */
static void pm_update(Piix4Pm *s)
{
    acpi_pm_map(&s->pm, pci_get8(&s->pci, PM_PMREGMISC) & PMREGMISC_ENABLE,
                pci_get32(&s->pci, PM_PMBASE) & 0xffc0);
}

static void smb_update(Piix4Pm *s)
{
    Vm *vm = device_vm(&s->pci.dev);

    memory_transaction_begin(vm);
    memory_region_set_enabled(&s->smb.io, pci_get8(&s->pci, PM_SMBHSTCFG) & HSTCFG_ENABLE);
    memory_region_set_address(&s->smb.io, pci_get16(&s->pci, PM_SMBBASE) & 0xffc0);
    memory_transaction_commit(vm);
}

static void config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    pci_config_default_write(dev, addr, value, len);
    pm_update((Piix4Pm *)dev);
    smb_update((Piix4Pm *)dev);
}

static void sci_update(void *opaque, int level)
{
    Piix4Pm *s = opaque;

    if (s->sci) {
        irq_set(s->sci, level);
    }
}

/* ---- APM ports ---- */
static uint64_t apm_read(void *opaque, uint64_t addr, unsigned size)
{
    Piix4Pm *s = opaque;

    return addr == 0 ? s->apmc : s->apms;
}

static void apm_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Piix4Pm *s = opaque;

    if (addr == 1) {
        s->apms = value;
        return;
    }
    s->apmc = value;
    if (value == APM_ACPI_ON || value == APM_ACPI_OFF) {
        acpi_pm_sci_enable(&s->pm, value == APM_ACPI_ON);
    }
    if (s->pm.raise_smi && pci_get8(&s->pci, PM_DEVACTB + 3) & DEVACTB_APMC) {
        s->pm.raise_smi(s->pm.smi_opaque, false);
    }
}

static const RegionOps apm_ops = {
    .read = apm_read,
    .write = apm_write,
    .valid = { 1, 2 },
    .impl = { 1, 1 },
};

/* ---- reset, realize ---- */
static void reset(PciDevice *dev, ResetKind kind)
{
    Piix4Pm *s = (Piix4Pm *)dev;

    memset(dev->config + PM_PMBASE, 0, 0xc0);
    pci_set32(dev, PM_PMBASE, 1);
    pci_set8(dev, PM_DEVACTB + 3, s->pm.smm_enabled ? 0 : DEVACTB_APMC);
    pci_set8(dev, PM_DEVRESB + 3, 0x10 | s->parallel_ports);
    pci_set8(dev, 0x63, 0x60);
    pci_set8(dev, 0x67, s->serial_ports);
    pci_set32(dev, PM_SMBBASE, s->smb_io_base | 1);
    pci_set8(dev, PM_SMBHSTCFG, 0x08 | HSTCFG_ENABLE);
    s->apmc = s->apms = 0;
    pm_smbus_reset(&s->smb);
    acpi_pm_reset(&s->pm);
    pm_update(s);
    smb_update(s);
}

void piix4_pm_open_for_direct_boot(Piix4Pm *s)
{
    pci_config_write(&s->pci, PM_PMBASE, 0x601, 4);
    pci_config_write(&s->pci, PM_PMREGMISC, PMREGMISC_ENABLE, 1);
    pci_set8(&s->pci, PCI_INTERRUPT_LINE, 9);
}

static bool realize(PciDevice *dev, GError **error)
{
    Piix4Pm *s = (Piix4Pm *)dev;
    Vm *vm = device_vm(&dev->dev);

    if (s->smb_io_base & 0x3f || s->smb_io_base > 0xffc0) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "smb_io_base 0x%x is not a multiple of 0x40 up to 0xffc0", s->smb_io_base);
        return false;
    }
    pci_set16(dev, PCI_STATUS, 0x0280);
    pci_wmask32(dev, PM_PMBASE, 0xffc0);
    acpi_pm_init(&s->pm, &dev->dev, false, PIIX4_GPE_PORT, sci_update, s);
    acpi_pcihp_init(&s->pm, PIIX4_PCIHP_PORT);
    pm_smbus_init(&s->smb, &dev->dev, smbus_new(vm, &dev->dev, "i2c"));
    memory_region_set_enabled(&s->smb.io, false);
    memory_region_add(memory_io_region(vm), s->smb_io_base, &s->smb.io);
    memory_region_init_io(&s->apm_mr, vm, &dev->dev.obj, &apm_ops, s, "apm-io", 2);
    memory_region_add(memory_io_region(vm), 0xb2, &s->apm_mr);
    return true;
}

static void unrealize(PciDevice *dev)
{
    Piix4Pm *s = (Piix4Pm *)dev;

    acpi_pm_clear(&s->pm);
    pm_smbus_clear(&s->smb);
    memory_region_clear(&s->apm_mr);
}

/* ---- migrated state ---- */
typedef struct {
    PciDeviceSaved parent_obj;
    uint8_t apmc, apms;
    PmSmbusState smb;
    uint16_t gpe_sts, gpe_en;
    AcpiPmSaved pm;
} Piix4Saved;

#define PM_FIELD(macro, m, n) macro(Piix4Saved, pm.m, .name = (n))
#define PM_NESTED(n, rec)                                                      \
    {                                                                          \
        .name = (n), .kind = FIELD_STRUCT, .offset = offsetof(Piix4Saved, pm), \
        .size = sizeof(AcpiPmSaved), .record = &(rec)                          \
    }

static bool always(const void *saved)
{
    return true;
}
static bool cpuhp_needed(const void *saved)
{
    return ((const Piix4Saved *)saved)->pm.cpuhp_present;
}
static const Field memhp_fields[] = {
    PM_NESTED("acpi_memory_hotplug", acpi_pm_memhp_record),
    F_END,
};
static const Record memhp_record = {
    .name = "piix4_pm/memhp",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Piix4Saved),
    .fields = memhp_fields,
    .needed = always,
};
static const Field cpuhp_fields[] = { PM_NESTED("cpuhp_state", acpi_pm_cpuhp_record), F_END };
static const Record cpuhp_record = {
    .name = "piix4_pm/cpuhp",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Piix4Saved),
    .fields = cpuhp_fields,
    .needed = cpuhp_needed,
    .present_offset = offsetof(Piix4Saved, pm.cpuhp_present),
    .has_present = true,
};
static const Record *const subsections[] = { &memhp_record, &cpuhp_record, NULL };

static const Field apm_fields[] = { F_U8(Piix4Saved, apmc), F_U8(Piix4Saved, apms), F_END };
static const Record apm_record = {
    .name = "APM State",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Piix4Saved),
    .fields = apm_fields,
};
static const Field gpe_fields[] = {
    F_U16(Piix4Saved, gpe_sts, .name = "sts"),
    F_U16(Piix4Saved, gpe_en, .name = "en"),
    F_END,
};
static const Record gpe_record = {
    .name = "gpe",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Piix4Saved),
    .fields = gpe_fields,
};
/* A part of this record with a name of its own on the wire. */
#define PART(n, rec)                                                                \
    {                                                                               \
        .name = (n), .kind = FIELD_STRUCT, .offset = 0, .size = sizeof(Piix4Saved), \
        .record = &(rec)                                                            \
    }
static const Field fields[] = {
    F_PCI_DEVICE(Piix4Saved, parent_obj),
    PM_FIELD(F_U16, pm1_sts, "ar.pm1.evt.sts"),
    PM_FIELD(F_U16, pm1_en, "ar.pm1.evt.en"),
    PM_FIELD(F_U16, pm1_cnt, "ar.pm1.cnt.cnt"),
    PART("apm", apm_record),
    F_STRUCT(Piix4Saved, smb, pm_smbus_record),
    PM_FIELD(F_TIMER, tmr_timer, "ar.tmr.timer"),
    PM_FIELD(F_I64, tmr_overflow, "ar.tmr.overflow_time"),
    PART("ar.gpe", gpe_record),
    PM_FIELD(F_U32, pcihp_select, "acpi_pci_hotplug.hotplug_select"),
    { .name = "acpi_pci_hotplug.acpi_pcihp_pci_status",
      .kind = FIELD_STRUCT,
      .offset = offsetof(Piix4Saved, pm.pcihp_status),
      .size = 8,
      .count = 256,
      .record = &acpi_pm_pcihp_slot_record },
    PM_FIELD(F_U32, pcihp_index, "acpi_pci_hotplug.acpi_index"),
    F_END,
};
static const Record record = {
    .name = "piix4_pm",
    .version = 3,
    .min_version = 3,
    .size = sizeof(Piix4Saved),
    .fields = fields,
    .subsections = subsections,
};

static void save(void *owner, void *saved)
{
    Piix4Pm *s = owner;
    Piix4Saved *out = saved;

    pci_device_save(&s->pci, &out->parent_obj);
    out->apmc = s->apmc;
    out->apms = s->apms;
    out->smb = s->smb.r;
    acpi_pm_save(&s->pm, &out->pm);
    out->gpe_sts = ld_le16(s->pm.gpe_sts);
    out->gpe_en = ld_le16(s->pm.gpe_en);
}

static bool check(void *owner, const void *saved, GError **error)
{
    const Piix4Saved *in = saved;

    return acpi_pm_check(&in->pm, error) && pm_smbus_state_ok(&in->smb, error) &&
           pci_device_check(owner, &in->parent_obj, error);
}

static void install(void *owner, const void *saved)
{
    Piix4Pm *s = owner;
    const Piix4Saved *in = saved;

    pci_device_install(&s->pci, &in->parent_obj);
    s->apmc = in->apmc;
    s->apms = in->apms;
    s->smb.r = in->smb;
    acpi_pm_install(&s->pm, &in->pm);
    st_le16(s->pm.gpe_sts, in->gpe_sts);
    st_le16(s->pm.gpe_en, in->gpe_en);
    pm_update(s);
    smb_update(s);
}

static void installed(void *owner)
{
    acpi_pm_update(&((Piix4Pm *)owner)->pm);
}

static const SectionOps section_ops = {
    .save = save,
    .check = check,
    .install = install,
    .installed = installed,
};
static const SectionDesc section = { .record = &record, .ops = &section_ops };

static const PciDeviceOps ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_BRIDGE, .section = &section },
    .vendor_id = PCI_VENDOR_INTEL,
    .device_id = 0x7113,
    .class_id = 0x0680,
    .revision = 3,
    .interrupt_pin = 1,
    .realize = realize,
    .unrealize = unrealize,
    .reset = reset,
    .config_write = config_write,
};

static const Property props[] = {
    PROP(PROP_U8, Piix4Pm, pm.disable_s3, "disable_s3", "0",
         .description = "1: no suspend to memory"),
    PROP(PROP_U8, Piix4Pm, pm.disable_s4, "disable_s4", "0",
         .description = "1: no suspend to disk"),
    PROP(PROP_U8, Piix4Pm, pm.s4_val, "s4_val", "2", .max = 7, .description = "sleep type of S4"),
    PROP(PROP_BOOL, Piix4Pm, pm.pcihp.root, "acpi-root-pci-hotplug", "on"),
    PROP(PROP_BOOL, Piix4Pm, pm.pcihp.bridges, "acpi-pci-hotplug-with-bridge-support", "on"),
    PROP(PROP_U32, Piix4Pm, smb_io_base, "smb_io_base", "0xb100"),
    PROP_END,
};

const TypeInfo piix4_pm_types[] = {
    { .name = "PIIX4_PM",
      .parent = TYPE_PCI_DEVICE,
      .instance_size = sizeof(Piix4Pm),
      .props = props,
      .ops = &ops },
};
const size_t piix4_pm_types_count = G_N_ELEMENTS(piix4_pm_types);
