/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICH9 LPC bridge, 8086:2918 at 00:1f.0 (Intel ICH9 datasheet, chapter 13): places the power
 * management block and the root complex registers, routes PIRQ A-H to the 8259 and I/O APIC,
 * APM ports b2/b3 and reset control cf9.
 *
 * Routing: devices 25-31 by the DnnIR registers of the root complex block; others (slot + pin) % 4
 * on PIRQ E-H. PIRQ n drives GSI 16+n and, when its routing register is enabled, that ISA line.
 */
#include "base/util/bits.h"
#include "acpi-hotplug.h"
#include "q35-priv.h"

enum {
    LPC_PMBASE = 0x40,
    LPC_ACPI_CNTL = 0x44,
    LPC_PIRQA = 0x60,
    LPC_PIRQE = 0x68,
    LPC_GEN_PMCON_1 = 0xa0,
    LPC_GEN_PMCON_3 = 0xa4,
    LPC_RCBA = 0xf0,
};
#define ACPI_CNTL_EN  0x80
#define PIRQ_DISABLE  0x80
#define RCRB_SIZE     0x4000
#define APM_ACPI_ON   0x02
#define APM_ACPI_OFF  0x03
#define SMI_EN_GBL    0x01
#define SMI_EN_APMC   0x20
#define SMI_LOCK      0x10 /* GEN_PMCON_1 */
#define RCRB_GCS      0x3410
#define GCS_NO_REBOOT 0x20
#define RST_CPU       0x04
/* SMI features, as fw_cfg names them */
#define SMI_F_BROADCAST     1ull
#define SMI_F_CPU_HOTPLUG   2ull
#define SMI_F_CPU_HOTUNPLUG 4ull

/* ---- interrupt routing ---- */
static int pirq_reg(int n)
{
    return n < 4 ? LPC_PIRQA + n : LPC_PIRQE + n - 4;
}

int ich9_lpc_pirq_to_irq(const Ich9Lpc *lpc, int n)
{
    uint8_t reg = pci_get8(&lpc->pci, pirq_reg(n));
    int irq = reg & 0xf;

    /* 0, 1, 2, 8 and 13 are reserved encodings */
    return reg & PIRQ_DISABLE || (0x2107 >> irq & 1) ? 0 : irq;
}

static void isa_lines_update(Ich9Lpc *lpc)
{
    uint16_t routed = 0, level = 0;

    for (int n = 0; n < 8; n++) {
        int irq = ich9_lpc_pirq_to_irq(lpc, n);

        if (irq) {
            routed |= 1 << irq;
            level |= (lpc->pirq_level >> n & 1) << irq;
        }
    }
    for (int irq = 0; irq < 16; irq++) {
        if (routed >> irq & 1 && irq != PC_ACPI_SCI_IRQ) {
            irq_set(lpc->gsi[irq], level >> irq & 1);
        }
    }
}

static void set_pirq(void *opaque, int n, int level)
{
    Ich9Lpc *lpc = opaque;

    lpc->pirq_level = (lpc->pirq_level & ~(1 << n)) | !!level << n;
    irq_set(lpc->gsi[16 + n], level);
    isa_lines_update(lpc);
}

static int map_irq(PciDevice *dev, int pin)
{
    static const uint16_t dxxir[32] = {
        [25] = 0x3150, [26] = 0x314c, [27] = 0x3148, [28] = 0x3146,
        [29] = 0x3144, [30] = 0x3142, [31] = 0x3140,
    };
    int slot = PCI_SLOT(dev->devfn);
    Ich9Lpc *lpc = pci_device_bus(dev)->irq_opaque;

    if (!dxxir[slot] || !lpc) {
        return 4 + (slot + pin) % 4;
    }
    return ld_le16(lpc->chip_config + dxxir[slot]) >> (4 * pin) & 7;
}

static void sci_update(void *opaque, int level)
{
    Ich9Lpc *lpc = opaque;
    static const uint8_t lines[8] = { 9, 10, 11, 9, 20, 21, 22, 23 };

    irq_set(lpc->gsi[lines[pci_get8(&lpc->pci, LPC_ACPI_CNTL) & 7]], level);
}

static bool no_reboot(void *opaque)
{
    const Ich9Lpc *lpc = opaque;

    return lpc->noreboot || ld_le32(lpc->chip_config + RCRB_GCS) & GCS_NO_REBOOT;
}

void ich9_lpc_connect(Ich9Lpc *lpc, PciBus *bus, Irq *const gsi[PC_GSI_COUNT])
{
    memcpy(lpc->gsi, gsi, sizeof(lpc->gsi));
    pci_bus_set_irqs(bus, set_pirq, map_irq, lpc, 8);
}

/* ---- effects of configuration registers ---- */
static void rcrb_update(Ich9Lpc *lpc)
{
    Vm *vm = device_vm(&lpc->pci.dev);
    uint32_t rcba = pci_get32(&lpc->pci, LPC_RCBA);

    memory_transaction_begin(vm);
    memory_region_set_enabled(&lpc->rcrb, rcba & 1);
    memory_region_set_address(&lpc->rcrb, rcba & ~(uint32_t)(RCRB_SIZE - 1));
    memory_transaction_commit(vm);
}

static void pm_update(Ich9Lpc *lpc)
{
    acpi_pm_map(&lpc->pm, pci_get8(&lpc->pci, LPC_ACPI_CNTL) & ACPI_CNTL_EN,
                pci_get32(&lpc->pci, LPC_PMBASE) & 0xff80);
}

/* The lock bit stays until reset. */
static void smi_lock_update(Ich9Lpc *lpc)
{
    PciDevice *dev = &lpc->pci;

    if (pci_get16(dev, LPC_GEN_PMCON_1) & SMI_LOCK) {
        acpi_pm_lock_smi(&lpc->pm);
        pci_wmask16(dev, LPC_GEN_PMCON_1, (uint16_t)~SMI_LOCK);
    }
}

static void lpc_config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    Ich9Lpc *lpc = (Ich9Lpc *)dev;

    pci_config_default_write(dev, addr, value, len);
    pm_update(lpc);
    rcrb_update(lpc);
    isa_lines_update(lpc);
    smi_lock_update(lpc);
}

/* ---- other registers ---- */
static uint64_t rcrb_read(void *opaque, uint64_t addr, unsigned size)
{
    return ld_le(((Ich9Lpc *)opaque)->chip_config + addr, size);
}

static void rcrb_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Ich9Lpc *lpc = opaque;

    st_le(lpc->chip_config + addr, size, value);
}

static uint64_t apm_read(void *opaque, uint64_t addr, unsigned size)
{
    Ich9Lpc *lpc = opaque;

    return addr == 0 ? lpc->apmc : lpc->apms;
}

static void apm_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Ich9Lpc *lpc = opaque;

    if (addr == 1) {
        lpc->apms = value;
        return;
    }
    lpc->apmc = value;
    if (value == APM_ACPI_ON) {
        acpi_pm_sci_enable(&lpc->pm, true);
    } else if (value == APM_ACPI_OFF) {
        acpi_pm_sci_enable(&lpc->pm, false);
    }
    if (lpc->pm.raise_smi && lpc->pm.smi_en & SMI_EN_APMC && lpc->pm.smi_en & SMI_EN_GBL) {
        lpc->pm.raise_smi(lpc->pm.smi_opaque, lpc->smi_negotiated & SMI_F_BROADCAST);
    }
}

static uint8_t cf9_read(void *opaque)
{
    return ((Ich9Lpc *)opaque)->rst_cnt;
}

static void cf9_write(void *opaque, uint8_t value)
{
    Ich9Lpc *lpc = opaque;

    if (value & RST_CPU) {
        vm_reset_request(device_vm(&lpc->pci.dev), SHUTDOWN_GUEST_RESET);
        return;
    }
    lpc->rst_cnt = value & 0x0a;
}

static const RegionOps rcrb_ops = {
    .read = rcrb_read,
    .write = rcrb_write,
    .valid = { 1, 4 },
    .impl = { 1, 4 },
};
static const RegionOps apm_ops = {
    .read = apm_read,
    .write = apm_write,
    .valid = { 1, 2 },
    .impl = { 1, 1 },
};

/* ---- what firmware and chip agree on about SMIs, through three fw_cfg files ---- */
static bool smi_features_possible(const Ich9Lpc *lpc, uint64_t want)
{
    bool hotplug = want & (SMI_F_CPU_HOTPLUG | SMI_F_CPU_HOTUNPLUG);

    return !(want & ~ld_le64(lpc->smi_host_le)) && (!hotplug || want & SMI_F_BROADCAST) &&
           (!(want & SMI_F_CPU_HOTUNPLUG) || want & SMI_F_CPU_HOTPLUG);
}

/* Reading "features-ok" closes the deal; it cannot be changed before the next reset. */
static void smi_features_selected(void *opaque)
{
    Ich9Lpc *lpc = opaque;
    uint64_t want = ld_le64(lpc->smi_guest_le);

    if (!lpc->smi_ok && smi_features_possible(lpc, want)) {
        lpc->smi_negotiated = want;
        lpc->smi_ok = 1;
    }
}

bool ich9_lpc_publish_smi(Ich9Lpc *lpc, FwCfg *fw_cfg, GError **error)
{
    g_autoptr(GBytes) supported = NULL;

    st_le64(lpc->smi_host_le, (lpc->smi_broadcast ? SMI_F_BROADCAST : 0) |
                                  (lpc->smi_cpu_hotplug ? SMI_F_CPU_HOTPLUG : 0) |
                                  (lpc->smi_cpu_hotunplug ? SMI_F_CPU_HOTUNPLUG : 0));
    supported = g_bytes_new(lpc->smi_host_le, 8);
    return fw_cfg_add_file(fw_cfg, "etc/smi/supported-features", supported, error) &&
           fw_cfg_add_writable_file(fw_cfg, "etc/smi/requested-features", lpc->smi_guest_le, 8,
                                    NULL, lpc, error) &&
           fw_cfg_add_buffer_file(fw_cfg, "etc/smi/features-ok", &lpc->smi_ok, 1,
                                  smi_features_selected, lpc, error);
}

/* ---- reset, realize ---- */
static void chip_config_reset(Ich9Lpc *lpc)
{
    static const uint16_t regs[] = { 0x3140, 0x3142, 0x3144, 0x3146, 0x3148, 0x314c, 0x3150 };

    memset(lpc->chip_config, 0, sizeof(lpc->chip_config));
    for (unsigned i = 0; i < G_N_ELEMENTS(regs); i++) {
        st_le16(lpc->chip_config + regs[i], 0x3210);
    }
    /* pins of the internal devices: 1f.2 INTA, 1f.3 INTB; 1d and 1a USB as delivered */
    st_le32(lpc->chip_config + 0x3100, 0x00042210);
    st_le32(lpc->chip_config + 0x3108, 0x10004321);
    st_le32(lpc->chip_config + 0x310c, 0x00214321);
    st_le32(lpc->chip_config + 0x3110, 0x00000001);
    st_le32(lpc->chip_config + RCRB_GCS, GCS_NO_REBOOT);
}

static void lpc_reset(PciDevice *dev, ResetKind kind)
{
    Ich9Lpc *lpc = (Ich9Lpc *)dev;

    for (int n = 0; n < 8; n++) {
        pci_set8(dev, pirq_reg(n), PIRQ_DISABLE);
    }
    pci_set32(dev, LPC_PMBASE, 1);
    pci_set8(dev, LPC_ACPI_CNTL, 0);
    pci_set32(dev, LPC_RCBA, 0);
    pci_set16(dev, LPC_GEN_PMCON_1, 0);
    pci_set16(dev, LPC_GEN_PMCON_3, 0);
    chip_config_reset(lpc);
    lpc->apmc = lpc->apms = lpc->rst_cnt = 0;
    memset(lpc->smi_guest_le, 0, sizeof(lpc->smi_guest_le));
    lpc->smi_ok = 0;
    lpc->smi_negotiated = 0;
    pci_wmask16(dev, LPC_GEN_PMCON_1, 0xffff);
    pm_update(lpc);
    rcrb_update(lpc);
    acpi_pm_reset(&lpc->pm);
}

void ich9_lpc_open_for_direct_boot(Ich9Lpc *lpc)
{
    PciDevice *dev = &lpc->pci;

    for (int n = 0; n < 8; n++) {
        /* shared by two ISA lines, alternating */
        pci_config_write(dev, pirq_reg(n), n & 2 ? 11 : 10, 1);
    }
    pci_config_write(dev, LPC_PMBASE, ICH9_PMBASE | 1, 4);
    pci_config_write(dev, LPC_ACPI_CNTL, ACPI_CNTL_EN, 1);
    pci_config_write(dev, LPC_RCBA, ICH9_RCBA | 1, 4);
}

static bool lpc_realize(PciDevice *dev, GError **error)
{
    Ich9Lpc *lpc = (Ich9Lpc *)dev;
    Vm *vm = device_vm(&dev->dev);
    PciHost *host = pci_device_bus(dev)->host;

    if (!host) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS, "ICH9-LPC must be on a root bus");
        return false;
    }
    pci_wmask32(dev, LPC_PMBASE, 0x0000ff80);
    pci_wmask8(dev, LPC_ACPI_CNTL, 0x87);
    pci_wmask32(dev, LPC_RCBA, ~(uint32_t)(RCRB_SIZE - 1) | 1);
    pci_set16(dev, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    acpi_pm_init(&lpc->pm, &dev->dev, true, 0, sci_update, lpc);
    lpc->pm.no_reboot = no_reboot;
    acpi_pcihp_init(&lpc->pm, ICH9_PCIHP_PORT);
    memory_region_init_io(&lpc->rcrb, vm, &dev->dev.obj, &rcrb_ops, lpc, "lpc-rcrb-mmio",
                          RCRB_SIZE);
    memory_region_set_enabled(&lpc->rcrb, false);
    memory_region_add_overlap(memory_system_region(vm), 0, &lpc->rcrb, 1);
    memory_region_init_io(&lpc->apm_mr, vm, &dev->dev.obj, &apm_ops, lpc, "apm-io", 2);
    memory_region_add(memory_io_region(vm), 0xb2, &lpc->apm_mr);
    host->cf9_read = cf9_read;
    host->cf9_write = cf9_write;
    host->cf9_opaque = lpc;
    return true;
}

static void lpc_unrealize(PciDevice *dev)
{
    Ich9Lpc *lpc = (Ich9Lpc *)dev;

    acpi_pm_clear(&lpc->pm);
    memory_region_clear(&lpc->rcrb);
    memory_region_clear(&lpc->apm_mr);
}

/* ---- migrated state ---- */
typedef struct {
    PciDeviceSaved d;
    uint8_t apmc, apms;
    AcpiPmSaved pm;
    uint8_t chip_config[16384];
    uint32_t sci_level;
    uint8_t rst_cnt;
    uint8_t smi_guest_le[8], smi_ok;
    uint64_t smi_negotiated;
} LpcSaved;

static bool always(const void *saved)
{
    return true;
}
static bool cpuhp_needed(const void *saved)
{
    return ((const AcpiPmSaved *)saved)->cpuhp_present;
}

/* A struct field whose saved form is the enclosing one. */
#define F_NESTED(name_, rec)                                                             \
    {                                                                                    \
        .name = (name_), .kind = FIELD_STRUCT, .offset = 0, .size = sizeof(AcpiPmSaved), \
        .record = &(rec)                                                                 \
    }
static const Field memhp_sub_fields[] = {
    F_NESTED("acpi_memory_hotplug", acpi_pm_memhp_record),
    F_END,
};
static const Record memhp_record = {
    .name = "ich9_pm/memhp",
    .version = 1,
    .min_version = 1,
    .size = sizeof(AcpiPmSaved),
    .fields = memhp_sub_fields,
    .needed = always,
};

static const Field tco_sub_fields[] = { F_NESTED("tco_regs", acpi_pm_tco_record), F_END };
static const Record tco_record = {
    .name = "ich9_pm/tco",
    .version = 1,
    .min_version = 1,
    .size = sizeof(AcpiPmSaved),
    .fields = tco_sub_fields,
    .needed = always,
};

static const Field cpuhp_sub_fields[] = { F_NESTED("cpuhp_state", acpi_pm_cpuhp_record), F_END };
static const Record cpuhp_record = {
    .name = "ich9_pm/cpuhp",
    .version = 1,
    .min_version = 1,
    .size = sizeof(AcpiPmSaved),
    .fields = cpuhp_sub_fields,
    .needed = cpuhp_needed,
    .present_offset = offsetof(AcpiPmSaved, cpuhp_present),
    .has_present = true,
};

static const Field pcihp_fields[] = {
    F_U32(AcpiPmSaved, pcihp_select, .name = "acpi_pci_hotplug.hotplug_select"),
    { .name = "acpi_pci_hotplug.acpi_pcihp_pci_status",
      .kind = FIELD_STRUCT,
      .offset = offsetof(AcpiPmSaved, pcihp_status),
      .size = 8,
      .count = 256,
      .record = &acpi_pm_pcihp_slot_record },
    F_U32(AcpiPmSaved, pcihp_index, .name = "acpi_pci_hotplug.acpi_index"),
    F_END,
};
static const Record pcihp_record = {
    .name = "ich9_pm/pcihp",
    .version = 1,
    .min_version = 1,
    .size = sizeof(AcpiPmSaved),
    .fields = pcihp_fields,
    .needed = always,
};

static const Record *const pm_subsections[] = {
    &memhp_record, &tco_record, &cpuhp_record, &pcihp_record, NULL,
};
static const Field pm_fields[] = {
    F_U16(AcpiPmSaved, pm1_sts, .name = "acpi_regs.pm1.evt.sts"),
    F_U16(AcpiPmSaved, pm1_en, .name = "acpi_regs.pm1.evt.en"),
    F_U16(AcpiPmSaved, pm1_cnt, .name = "acpi_regs.pm1.cnt.cnt"),
    F_TIMER(AcpiPmSaved, tmr_timer, .name = "acpi_regs.tmr.timer"),
    F_I64(AcpiPmSaved, tmr_overflow, .name = "acpi_regs.tmr.overflow_time"),
    F_ARRAY(FIELD_U8, AcpiPmSaved, gpe_sts, .name = "acpi_regs.gpe.sts"),
    F_ARRAY(FIELD_U8, AcpiPmSaved, gpe_en, .name = "acpi_regs.gpe.en"),
    F_U32(AcpiPmSaved, smi_en),
    F_U32(AcpiPmSaved, smi_sts),
    F_END,
};
static const Record pm_record = {
    .name = "ich9_pm",
    .version = 1,
    .min_version = 1,
    .size = sizeof(AcpiPmSaved),
    .fields = pm_fields,
    .subsections = pm_subsections,
};

static const Field apm_fields[] = {
    { .name = "apmc", .kind = FIELD_U8, .offset = offsetof(LpcSaved, apmc), .size = 1 },
    { .name = "apms", .kind = FIELD_U8, .offset = offsetof(LpcSaved, apms), .size = 1 },
    F_END,
};
static const Record apm_record = {
    .name = "APM State",
    .version = 1,
    .min_version = 1,
    .size = sizeof(LpcSaved),
    .fields = apm_fields,
};
static const Field lpc_fields[] = {
    F_PCI_DEVICE(LpcSaved, d),
    { .name = "apm",
      .kind = FIELD_STRUCT,
      .offset = 0,
      .size = sizeof(LpcSaved),
      .record = &apm_record },
    F_STRUCT(LpcSaved, pm, pm_record),
    F_ARRAY(FIELD_U8, LpcSaved, chip_config),
    F_U32(LpcSaved, sci_level),
    F_END,
};
static bool rst_cnt_needed(const void *saved)
{
    return ((const LpcSaved *)saved)->rst_cnt != 0;
}
static const Field rst_cnt_fields[] = { F_U8(LpcSaved, rst_cnt), F_END };
static const Record rst_cnt_record = {
    .name = "ICH9LPC/rst_cnt",
    .version = 1,
    .min_version = 1,
    .size = sizeof(LpcSaved),
    .fields = rst_cnt_fields,
    .needed = rst_cnt_needed,
};
static bool smi_feat_needed(const void *saved)
{
    const LpcSaved *s = saved;

    return s->smi_ok || s->smi_negotiated || ld_le64(s->smi_guest_le);
}
static const Field smi_feat_fields[] = {
    F_ARRAY(FIELD_U8, LpcSaved, smi_guest_le, .name = "smi_guest_features_le"),
    F_U8(LpcSaved, smi_ok, .name = "smi_features_ok"),
    F_U64(LpcSaved, smi_negotiated, .name = "smi_negotiated_features"),
    F_END,
};
static const Record smi_feat_record = {
    .name = "ICH9LPC/smi_feat",
    .version = 1,
    .min_version = 1,
    .size = sizeof(LpcSaved),
    .fields = smi_feat_fields,
    .needed = smi_feat_needed,
};
static const Record *const lpc_subsections[] = { &rst_cnt_record, &smi_feat_record, NULL };
static const Record lpc_record = {
    .name = "ICH9LPC",
    .version = 1,
    .min_version = 1,
    .size = sizeof(LpcSaved),
    .fields = lpc_fields,
    .subsections = lpc_subsections,
};

static void lpc_save(void *owner, void *saved)
{
    Ich9Lpc *lpc = owner;
    LpcSaved *out = saved;

    pci_device_save(&lpc->pci, &out->d);
    out->apmc = lpc->apmc;
    out->apms = lpc->apms;
    acpi_pm_save(&lpc->pm, &out->pm);
    memcpy(out->chip_config, lpc->chip_config, sizeof(out->chip_config));
    out->sci_level = lpc->pm.sci_level;
    out->rst_cnt = lpc->rst_cnt;
    memcpy(out->smi_guest_le, lpc->smi_guest_le, 8);
    out->smi_ok = lpc->smi_ok;
    out->smi_negotiated = lpc->smi_negotiated;
}

static bool lpc_check(void *owner, const void *saved, GError **error)
{
    const LpcSaved *in = saved;

    if (!acpi_pm_check(&in->pm, error)) {
        return false;
    }
    if (!smi_features_possible(owner, in->smi_negotiated)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "SMI features 0x%" G_GINT64_MODIFIER "x are not those of this machine "
                    "(0x%" G_GINT64_MODIFIER "x)",
                    in->smi_negotiated, ld_le64(((Ich9Lpc *)owner)->smi_host_le));
        return false;
    }
    return pci_device_check(owner, &in->d, error);
}

static void lpc_install(void *owner, const void *saved)
{
    Ich9Lpc *lpc = owner;
    const LpcSaved *in = saved;

    pci_device_install(&lpc->pci, &in->d);
    lpc->apmc = in->apmc;
    lpc->apms = in->apms;
    acpi_pm_install(&lpc->pm, &in->pm);
    memcpy(lpc->chip_config, in->chip_config, sizeof(in->chip_config));
    lpc->rst_cnt = in->rst_cnt & 0x0a;
    memcpy(lpc->smi_guest_le, in->smi_guest_le, 8);
    lpc->smi_ok = in->smi_ok & 1;
    lpc->smi_negotiated = in->smi_negotiated;
    pm_update(lpc);
    rcrb_update(lpc);
    smi_lock_update(lpc);
}

static void lpc_installed(void *owner)
{
    acpi_pm_update(&((Ich9Lpc *)owner)->pm);
}

static const SectionOps lpc_section_ops = {
    .save = lpc_save,
    .check = lpc_check,
    .install = lpc_install,
    .installed = lpc_installed,
};
static const SectionDesc lpc_section = { .record = &lpc_record, .ops = &lpc_section_ops };

static const PciDeviceOps lpc_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_BRIDGE, .section = &lpc_section },
    .vendor_id = PCI_VENDOR_INTEL,
    .device_id = 0x2918,
    .class_id = PCI_CLASS_BRIDGE_ISA,
    .revision = 2,
    .realize = lpc_realize,
    .unrealize = lpc_unrealize,
    .reset = lpc_reset,
    .config_write = lpc_config_write,
};

static const Property lpc_props[] = {
    PROP(PROP_U8, Ich9Lpc, pm.disable_s3, "disable_s3", "0",
         .description = "1: no suspend to memory"),
    PROP(PROP_U8, Ich9Lpc, pm.disable_s4, "disable_s4", "0",
         .description = "1: no suspend to disk"),
    PROP(PROP_U8, Ich9Lpc, pm.s4_val, "s4_val", "2", .max = 7, .description = "sleep type of S4"),
    PROP(PROP_BOOL, Ich9Lpc, pm.pcihp.bridges, "acpi-pci-hotplug-with-bridge-support", "on",
         .description = "off: ports use their own slot registers"),
    PROP(PROP_BOOL, Ich9Lpc, noreboot, "noreboot", "off",
         .description = "strap: the watchdog never reboots"),
    PROP(PROP_BOOL, Ich9Lpc, smi_broadcast, "x-smi-broadcast", "on"),
    PROP(PROP_BOOL, Ich9Lpc, smi_cpu_hotplug, "x-smi-cpu-hotplug", "on"),
    PROP(PROP_BOOL, Ich9Lpc, smi_cpu_hotunplug, "x-smi-cpu-hotunplug", "on"),
    PROP_END,
};

const TypeInfo ich9_types[] = {
    { .name = "ICH9-LPC",
      .parent = TYPE_PCI_DEVICE,
      .instance_size = sizeof(Ich9Lpc),
      .props = lpc_props,
      .ops = &lpc_ops },
};
const size_t ich9_types_count = G_N_ELEMENTS(ich9_types);
