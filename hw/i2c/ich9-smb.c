/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICH9 SMBus controller, 8086:2930 at 00:1f.3 (Intel ICH9 datasheet, chapter 20): the host
 * controller's registers in an I/O BAR, its interrupt on INTA unless HOSTC asks for an SMI, which
 * is not sent.
 */
#include "hw/i2c/smbus.h"

#define HOSTC        0x40
#define HOSTC_ENABLE 0x01
#define HOSTC_SMI    0x02
#define HOSTC_I2C    0x04
#define SMB_BAR      4

typedef struct {
    PciDevice pci; /* first */
    PmSmbus smb;
    bool irq_enabled;
} Ich9Smb;

typedef struct {
    PciDeviceSaved dev;
    bool irq_enabled;
    PmSmbusState smb;
} Ich9SmbSaved;

Bus *ich9_smb_bus(Device *dev)
{
    return ((Ich9Smb *)dev)->smb.bus;
}

static void set_irq(void *opaque, bool level)
{
    Ich9Smb *s = opaque;

    pci_set_irq(&s->pci, level && s->irq_enabled);
}

static void hostc_update(Ich9Smb *s)
{
    uint8_t hostc = pci_get8(&s->pci, HOSTC);

    s->irq_enabled = hostc & HOSTC_ENABLE && !(hostc & HOSTC_SMI);
    s->smb.r.i2c_enable = hostc & HOSTC_I2C;
    memory_region_set_enabled(&s->smb.io, hostc & HOSTC_ENABLE);
    pm_smbus_update(&s->smb);
}

static void config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    pci_config_default_write(dev, addr, value, len);
    hostc_update((Ich9Smb *)dev);
}

static void reset(PciDevice *dev, ResetKind kind)
{
    Ich9Smb *s = (Ich9Smb *)dev;

    pci_set8(dev, HOSTC, 0);
    pm_smbus_reset(&s->smb);
    hostc_update(s);
}

static bool realize(PciDevice *dev, GError **error)
{
    Ich9Smb *s = (Ich9Smb *)dev;
    Bus *bus = smbus_new(device_vm(&dev->dev), &dev->dev, "i2c");

    pci_wmask8(dev, HOSTC, HOSTC_ENABLE | HOSTC_SMI | HOSTC_I2C);
    pm_smbus_init(&s->smb, &dev->dev, bus);
    s->smb.set_irq = set_irq;
    s->smb.opaque = s;
    pci_register_bar(dev, SMB_BAR, PCI_BAR_IO, &s->smb.io);
    return true;
}

static void unrealize(PciDevice *dev)
{
    pm_smbus_clear(&((Ich9Smb *)dev)->smb);
}

/* ---- migrated state ---- */
static const Field fields[] = {
    F_PCI_DEVICE(Ich9SmbSaved, dev),
    F_BOOL(Ich9SmbSaved, irq_enabled),
    F_STRUCT(Ich9SmbSaved, smb, pm_smbus_record),
    F_END,
};
static const Record record = {
    .name = "ich9_smb",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Ich9SmbSaved),
    .fields = fields,
};
static void save(void *owner, void *saved)
{
    Ich9Smb *s = owner;
    Ich9SmbSaved *out = saved;

    pci_device_save(&s->pci, &out->dev);
    out->irq_enabled = s->irq_enabled;
    out->smb = s->smb.r;
}
static bool check(void *owner, const void *saved, GError **error)
{
    const Ich9SmbSaved *in = saved;

    return pm_smbus_state_ok(&in->smb, error) && pci_device_check(owner, &in->dev, error);
}
static void install(void *owner, const void *saved)
{
    Ich9Smb *s = owner;
    const Ich9SmbSaved *in = saved;

    pci_device_install(&s->pci, &in->dev);
    s->smb.r = in->smb;
    hostc_update(s);
}
static const SectionOps section_ops = { .save = save, .check = check, .install = install };
static const SectionDesc section = { .record = &record, .ops = &section_ops };

static const PciDeviceOps ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_BRIDGE, .section = &section },
    .vendor_id = PCI_VENDOR_INTEL,
    .device_id = 0x2930,
    .class_id = 0x0c05,
    .revision = 2,
    .interrupt_pin = 1,
    .realize = realize,
    .unrealize = unrealize,
    .reset = reset,
    .config_write = config_write,
};

const TypeInfo ich9_smb_types[] = {
    { .name = "ICH9-SMB",
      .parent = TYPE_PCI_DEVICE,
      .description = "ICH9 SMBus controller",
      .instance_size = sizeof(Ich9Smb),
      .ops = &ops },
};
const size_t ich9_smb_types_count = G_N_ELEMENTS(ich9_smb_types);
