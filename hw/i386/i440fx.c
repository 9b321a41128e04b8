/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 440FX host bridge, 8086:1237 (Intel 82441FX datasheet), and its host device.
 * PAM is at 59-5f, the SMRAM register at 72: the window a0000-bffff is
 * all the SMM memory there is.
 */
#include "piix-priv.h"

enum {
    FX_DRB7 = 0x57, /* end of memory, in units of 8 MiB */
    FX_PAM0 = 0x59,
    FX_SMRAM = 0x72,
};
#define SMRAM_D_OPEN   0x40
#define SMRAM_D_LCK    0x10
#define SMRAM_G_ENABLE 0x08
#define SMRAM_WRITABLE 0x78

static void bridge_update(I440fx *fx)
{
    uint8_t reg = pci_get8(&fx->pci, FX_SMRAM);
    bool on = reg & SMRAM_G_ENABLE;
    SmramState st = { .enabled = on, .open = on && reg & SMRAM_D_OPEN };

    pam_update(&fx->pam, fx->pci.config + FX_PAM0);
    smram_update(&fx->smram, &st);
}

static void bridge_config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    uint8_t old = pci_get8(dev, FX_SMRAM);

    pci_config_default_write(dev, addr, value, len);
    if (old & SMRAM_D_LCK) {
        pci_set8(dev, FX_SMRAM, old);
    } else if (pci_get8(dev, FX_SMRAM) & SMRAM_D_LCK) {
        pci_set8(dev, FX_SMRAM, pci_get8(dev, FX_SMRAM) & ~SMRAM_D_OPEN);
    }
    bridge_update((I440fx *)dev);
}

static void bridge_reset(PciDevice *dev, ResetKind kind)
{
    memset(dev->config + FX_PAM0, 0, PAM_REGISTERS);
    pci_set8(dev, FX_SMRAM, 0x02);
    bridge_update((I440fx *)dev);
}

void i440fx_open_for_direct_boot(PciDevice *bridge)
{
    pci_config_write(bridge, FX_PAM0, 0x30, 1);
    for (int i = 1; i < PAM_REGISTERS; i++) {
        pci_config_write(bridge, FX_PAM0 + i, 0x33, 1);
    }
}

static bool bridge_realize(PciDevice *dev, GError **error)
{
    I440fx *fx = (I440fx *)dev;
    PcHost *host = pc_host_of(dev);

    pci_wmask8(dev, FX_SMRAM, SMRAM_WRITABLE);
    pci_set8(dev, FX_DRB7, MIN(memory_region_size(host->ram) / (8 * MiB), 255u));
    smram_init(&fx->smram, &dev->dev, host->smram_view, host->ram, &host->pci_mem, false);
    pam_init(&fx->pam, &dev->dev, host->ram, &host->pci_mem);
    return true;
}

static void bridge_unrealize(PciDevice *dev)
{
    pam_clear(&((I440fx *)dev)->pam);
    smram_clear(&((I440fx *)dev)->smram);
}

/* ---- migrated state ---- */
typedef struct {
    PciDeviceSaved parent_obj;
} BridgeSaved;
static const Field bridge_fields[] = { F_PCI_DEVICE(BridgeSaved, parent_obj), F_UNUSED(1), F_END };
static const Record bridge_record = {
    .name = "I440FX",
    .version = 3,
    .min_version = 3,
    .size = sizeof(BridgeSaved),
    .fields = bridge_fields,
};
static void bridge_save(void *owner, void *saved)
{
    pci_device_save(owner, &((BridgeSaved *)saved)->parent_obj);
}
static bool bridge_check(void *owner, const void *saved, GError **error)
{
    return pci_device_check(owner, &((const BridgeSaved *)saved)->parent_obj, error);
}
static void bridge_install(void *owner, const void *saved)
{
    pci_device_install(owner, &((const BridgeSaved *)saved)->parent_obj);
    bridge_update(owner);
}
static const SectionOps bridge_section_ops = {
    .save = bridge_save,
    .check = bridge_check,
    .install = bridge_install,
};
static const SectionDesc bridge_section = { .record = &bridge_record, .ops = &bridge_section_ops };

static const PciDeviceOps bridge_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_BRIDGE, .section = &bridge_section },
    .vendor_id = PCI_VENDOR_INTEL,
    .device_id = 0x1237,
    .class_id = PCI_CLASS_BRIDGE_HOST,
    .revision = 2,
    .realize = bridge_realize,
    .unrealize = bridge_unrealize,
    .reset = bridge_reset,
    .config_write = bridge_config_write,
};

/* ---- the host device ---- */
static const PcHostOps host_ops = {
    .dev = { PC_HOST_DEVICE },
    .bus_type = TYPE_PCI_BUS,
    .bus_name = "pci.0",
    .bridge_type = "i440FX",
    .bridge_id = "i440fx",
    .slots_reserved = 1u << 0 | 1u << 1,
};

const TypeInfo i440fx_types[] = {
    { .name = "i440FX-pcihost",
      .parent = TYPE_PCI_HOST,
      .instance_size = sizeof(PcHost),
      .ops = &host_ops },
    { .name = "i440FX",
      .parent = TYPE_PCI_DEVICE,
      .instance_size = sizeof(I440fx),
      .ops = &bridge_ops },
};
const size_t i440fx_types_count = G_N_ELEMENTS(i440fx_types);
