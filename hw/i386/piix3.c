/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIIX3 ISA bridge, 8086:7000 at 00:01.0 (Intel 82371SB datasheet): routes PIRQ A-D to ISA lines and
 * has the reset control register at port cf9. There is no other way for PCI interrupts: the I/O
 * APIC sees the ISA lines.
 */
#include "hw/core/device.h"
#include "piix-priv.h"

#define PIRQ_REG     0x60
#define PIRQ_DISABLE 0x80
#define RCR_RESET    0x04
#define RCR_KEPT     0x02

int piix3_pirq_to_irq(const Piix3 *piix, int n)
{
    uint8_t reg = pci_get8(&piix->pci, PIRQ_REG + n);

    /* 0, 1, 2, 8 and 13 are reserved encodings */
    return reg & PIRQ_DISABLE || (0x2107 >> (reg & 0xf) & 1) ? 0 : reg & 0xf;
}

/* Lines that a PIRQ is or was routed to; others belong to ISA devices. */
static void update_lines(Piix3 *piix, uint16_t also)
{
    uint16_t routed = also, level = 0;

    for (int n = 0; n < PIIX_PIRQS; n++) {
        int irq = piix3_pirq_to_irq(piix, n);

        if (irq) {
            routed |= 1 << irq;
            level |= (piix->pirq_level >> n & 1) << irq;
        }
    }
    for (int irq = 0; irq < PIIX_ISA_IRQS; irq++) {
        if (routed >> irq & 1 && piix->isa[irq]) {
            irq_set(piix->isa[irq], level >> irq & 1);
        }
    }
}

static uint16_t routed_lines(const Piix3 *piix)
{
    uint16_t lines = 0;

    for (int n = 0; n < PIIX_PIRQS; n++) {
        lines |= 1 << piix3_pirq_to_irq(piix, n);
    }
    return lines & ~1;
}

static void set_pirq(void *opaque, int n, int level)
{
    Piix3 *piix = opaque;

    piix->pirq_level = (piix->pirq_level & ~(1 << n)) | !!level << n;
    update_lines(piix, 0);
}

static int map_irq(PciDevice *dev, int pin)
{
    return (pin + PCI_SLOT(dev->devfn) - 1) & 3;
}

static void config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    uint16_t before = routed_lines((Piix3 *)dev);

    pci_config_default_write(dev, addr, value, len);
    update_lines((Piix3 *)dev, before);
}

static uint8_t cf9_read(void *opaque)
{
    return ((Piix3 *)opaque)->rcr;
}

static void cf9_write(void *opaque, uint8_t value)
{
    Piix3 *piix = opaque;

    if (value & RCR_RESET) {
        vm_reset_request(device_vm(&piix->pci.dev), SHUTDOWN_GUEST_RESET);
        return;
    }
    piix->rcr = value & RCR_KEPT;
}

void piix3_connect(Piix3 *piix, PciBus *bus, Irq *const isa[PIIX_ISA_IRQS])
{
    memcpy(piix->isa, isa, sizeof(piix->isa));
    pci_bus_set_irqs(bus, set_pirq, map_irq, piix, PIIX_PIRQS);
}

void piix3_open_for_direct_boot(Piix3 *piix)
{
    for (int n = 0; n < PIIX_PIRQS; n++) {
        pci_config_write(&piix->pci, PIRQ_REG + n, n & 2 ? 11 : 10, 1);
    }
}

static void reset(PciDevice *dev, ResetKind kind)
{
    static const struct {
        uint8_t at, value;
    } defaults[] = {
        { 0x4c, 0x4d }, { 0x4e, 0x03 }, { 0x60, 0x80 }, { 0x61, 0x80 }, { 0x62, 0x80 },
        { 0x63, 0x80 }, { 0x69, 0x02 }, { 0x70, 0x80 }, { 0x76, 0x0c }, { 0x77, 0x0c },
        { 0x78, 0x02 }, { 0xa0, 0x08 }, { 0xa8, 0x0f },
    };

    memset(dev->config + 0x40, 0, 0xc0);
    for (size_t i = 0; i < G_N_ELEMENTS(defaults); i++) {
        pci_set8(dev, defaults[i].at, defaults[i].value);
    }
    ((Piix3 *)dev)->rcr = 0;
}

static bool realize(PciDevice *dev, GError **error)
{
    PciHost *host = pci_device_bus(dev)->host;

    if (!host) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS, "PIIX3 must be on a root bus");
        return false;
    }
    pci_set16(dev, PCI_STATUS, 0x0200); /* medium DEVSEL */
    host->cf9_read = cf9_read;
    host->cf9_write = cf9_write;
    host->cf9_opaque = dev;
    return true;
}

/* ---- migrated state ---- */
typedef struct {
    PciDeviceSaved dev;
    int32_t pci_irq_levels[PIIX_PIRQS];
    uint8_t rcr;
} Piix3Saved;
static bool rcr_needed(const void *saved)
{
    return ((const Piix3Saved *)saved)->rcr != 0;
}
static const Field rcr_fields[] = { F_U8(Piix3Saved, rcr), F_END };
static const Record rcr_record = {
    .name = "PIIX3/rcr",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Piix3Saved),
    .fields = rcr_fields,
    .needed = rcr_needed,
};
static const Record *const subsections[] = { &rcr_record, NULL };
static const Field fields[] = {
    F_PCI_DEVICE(Piix3Saved, dev),
    F_ARRAY(FIELD_I32, Piix3Saved, pci_irq_levels, .name = "pci_irq_levels_vmstate"),
    F_END,
};
static const Record record = {
    .name = "PIIX3",
    .version = 3,
    .min_version = 3,
    .size = sizeof(Piix3Saved),
    .fields = fields,
    .subsections = subsections,
};
static void save(void *owner, void *saved)
{
    Piix3 *piix = owner;
    Piix3Saved *out = saved;

    pci_device_save(&piix->pci, &out->dev);
    for (int n = 0; n < PIIX_PIRQS; n++) {
        out->pci_irq_levels[n] = piix->pirq_level >> n & 1;
    }
    out->rcr = piix->rcr;
}
static bool check(void *owner, const void *saved, GError **error)
{
    return pci_device_check(owner, &((const Piix3Saved *)saved)->dev, error);
}
static void install(void *owner, const void *saved)
{
    Piix3 *piix = owner;
    const Piix3Saved *in = saved;

    pci_device_install(&piix->pci, &in->dev);
    piix->rcr = in->rcr & RCR_KEPT;
}
static const SectionOps section_ops = { .save = save, .check = check, .install = install };
static const SectionDesc section = { .record = &record, .ops = &section_ops };

static const PciDeviceOps ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_BRIDGE, .section = &section },
    .vendor_id = PCI_VENDOR_INTEL,
    .device_id = 0x7000,
    .class_id = PCI_CLASS_BRIDGE_ISA,
    .realize = realize,
    .reset = reset,
    .config_write = config_write,
};

const TypeInfo piix_types[] = {
    { .name = "PIIX3", .parent = TYPE_PCI_DEVICE, .instance_size = sizeof(Piix3), .ops = &ops },
};
const size_t piix_types_count = G_N_ELEMENTS(piix_types);
