/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IDE function of PIIX3 (8086:7010; Intel 82371SB datasheet 2.3): two PATA channels at their
 * legacy ports. The board connects the two unnamed outputs to ISA lines 14 and 15. The timing
 * registers keep what is written and time nothing.
 */
#include "bmdma.h"

#define BM_BYTES 16

typedef struct {
    PciDevice pci; /* first */
    MemoryRegion bm;
    BmChannel channels[2];
} PiixIde;

static uint64_t bm_region_read(void *opaque, uint64_t addr, unsigned size)
{
    PiixIde *s = opaque;

    return bm_read(&s->channels[addr >> 3], addr & 7);
}

static void bm_region_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    PiixIde *s = opaque;

    bm_write(&s->channels[addr >> 3], addr & 7, (uint8_t)value);
}

static const RegionOps bm_ops = {
    .read = bm_region_read,
    .write = bm_region_write,
    .endian = DEVICE_LITTLE_ENDIAN,
    .valid = { 1, 4 },
    .impl = { 1, 1 },
};

static void reset(PciDevice *pci, ResetKind kind)
{
    PiixIde *s = (PiixIde *)pci;

    for (int i = 0; i < 2; i++) {
        bm_channel_reset(&s->channels[i]);
    }
    pci_set16(pci, PCI_COMMAND, 0);
    pci_set16(pci, PCI_STATUS, 0x0280); /* medium timing, fast back to back */
    pci_set32(pci, 0x20, PCI_BAR_IO);
}

static bool realize(PciDevice *pci, GError **error)
{
    static const uint16_t ports[2][2] = { { 0x1f0, 0x3f6 }, { 0x170, 0x376 } };
    PiixIde *s = (PiixIde *)pci;
    Irq **outputs[2];

    pci_wmask32(pci, 0x40, UINT32_MAX); /* IDETIM, both channels */
    memory_region_init_io(&s->bm, device_vm(&pci->dev), &pci->dev.obj, &bm_ops, s, "piix-bmdma",
                          BM_BYTES);
    pci_register_bar(pci, 4, PCI_BAR_IO, &s->bm);
    for (unsigned i = 0; i < 2; i++) {
        bm_channel_init(&s->channels[i], pci, i, ports[i][0], ports[i][1]);
        outputs[i] = &s->channels[i].irq;
    }
    device_add_gpio_out(&pci->dev, NULL, outputs[0], 1);
    device_add_gpio_out(&pci->dev, "secondary", outputs[1], 1);
    return true;
}

static void unrealize(PciDevice *pci)
{
    PiixIde *s = (PiixIde *)pci;

    for (int i = 0; i < 2; i++) {
        bm_channel_clear(&s->channels[i]);
    }
    memory_region_clear(&s->bm);
}

/* ---- migrated state ---- */

typedef struct {
    PciDeviceSaved parent_obj;
    BmSaved bmdma[2];
    IdeBusSaved bus[2];
    IdeUnitSaved units[2][2];
} PiixSaved;

#define F_UNITS(n_, name_)                                                               \
    {                                                                                    \
        .name = (name_), .kind = FIELD_STRUCT, .offset = offsetof(PiixSaved, units[n_]), \
        .size = sizeof(IdeUnitSaved), .count = 2, .record = &ide_unit_record, .since = 3 \
    }
static const Field piix_fields[] = {
    F_PCI_DEVICE(PiixSaved, parent_obj),
    F_STRUCT_ARRAY(PiixSaved, bmdma, bm_record),
    F_STRUCT_ARRAY(PiixSaved, bus, ide_bus_record, .since = 1),
    F_UNITS(0, "bus[0].ifs"),
    F_UNITS(1, "bus[1].ifs"),
    F_END,
};
static const Record piix_record = {
    .name = "ide",
    .version = 3,
    .min_version = 0,
    .size = sizeof(PiixSaved),
    .fields = piix_fields,
};

static void save(void *owner, void *saved)
{
    PiixIde *s = owner;
    PiixSaved *v = saved;

    pci_device_save(&s->pci, &v->parent_obj);
    for (int i = 0; i < 2; i++) {
        bm_save(&s->channels[i], &v->bmdma[i]);
        ide_bus_save(&s->channels[i].bus, &v->bus[i]);
        for (int j = 0; j < 2; j++) {
            ide_unit_save(&s->channels[i].bus.units[j], &v->units[i][j]);
        }
    }
}

static bool check(void *owner, const void *saved, GError **error)
{
    PiixIde *s = owner;
    const PiixSaved *v = saved;

    if (!pci_device_check(&s->pci, &v->parent_obj, error)) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (!ide_bus_check(&s->channels[i].bus, &v->bus[i], error)) {
            return false;
        }
        for (int j = 0; j < 2; j++) {
            if (!ide_unit_check(&s->channels[i].bus.units[j], &v->units[i][j], error)) {
                return false;
            }
        }
    }
    return true;
}

static void install(void *owner, const void *saved)
{
    PiixIde *s = owner;
    const PiixSaved *v = saved;

    pci_device_install(&s->pci, &v->parent_obj);
    for (int i = 0; i < 2; i++) {
        bm_install(&s->channels[i], &v->bmdma[i]);
        for (int j = 0; j < 2; j++) {
            ide_unit_install(&s->channels[i].bus.units[j], &v->units[i][j]);
        }
        ide_bus_install(&s->channels[i].bus, &v->bus[i]);
    }
}

static const SectionOps section_ops = { save, check, install, NULL };
static const SectionDesc section = { .record = &piix_record, .ops = &section_ops };

static const PciDeviceOps piix_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_STORAGE, .user_creatable = true,
             .section = &section },
    .vendor_id = PCI_VENDOR_INTEL,
    .device_id = 0x7010,
    .class_id = 0x0101,
    .prog_if = 0x80, /* bus mastering, legacy ports */
    .realize = realize,
    .unrealize = unrealize,
    .reset = reset,
};

const TypeInfo piix_ide_types[] = {
    { .name = "piix3-ide",
      .parent = TYPE_PCI_DEVICE,
      .description = "Intel PIIX3 IDE controller",
      .instance_size = sizeof(PiixIde),
      .ops = &piix_ops },
};
const size_t piix_ide_types_count = G_N_ELEMENTS(piix_ide_types);
