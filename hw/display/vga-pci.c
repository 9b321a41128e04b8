/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI graphics devices around the VGA core, vendor 1234 device 1111: "VGA" (ports, window at 0xa0000, linear
 * framebuffer) and "secondary-vga" (framebuffer and registers in memory only, so several may be there).
 *
 *   BAR 0  video memory
 *   BAR 2  registers: 0x000 EDID, 0x400 VGA ports 0x3c0..0x3df, 0x500 dispi registers, 0x600 size and byte order
 */
#include <string.h>
#include "base/util/bits.h"
#include "hw/display/vga.h"
#include "hw/pci/pci.h"
#include "vga-edid.h"
#include "vga-priv.h"

#define MMIO_SIZE     0x1000
#define MMIO_PORTS    0x400
#define MMIO_DISPI    0x500
#define MMIO_EXTENDED 0x600
#define EXTENDED_SIZE 8
#define ORDER_LITTLE  0x1e1e1e1e
#define ORDER_BIG     0xbebebebe
#define WINDOW_BASE   0xa0000
#define WINDOW_SIZE   0x20000

typedef struct {
    PciDevice pci; /* first */
    Vga vga;
    uint32_t vgamem_mb, xres, yres, xmax, ymax, refresh_rate;
    bool mmio, extended, edid, secondary;
    uint8_t edid_blob[VGA_EDID_SIZE];
    MemoryRegion regs, edid_mr, ports_mr, dispi_mr, extended_mr;    /* BAR 2 */
    MemoryRegion window, io_b4, io_ba, io_c0, io_d4, io_da, io_vbe; /* legacy */
    bool window_mapped;
} VgaPci;

/* ---- legacy ports: the opaque is the device, addresses are relative to a region's base ---- */

#define PORT_OPS(name, base)                                                             \
    static uint64_t name##_read(void *opaque, uint64_t addr, unsigned size)              \
    {                                                                                    \
        return vga_port_read(opaque, (uint32_t)addr + (base));                           \
    }                                                                                    \
    static void name##_write(void *opaque, uint64_t addr, uint64_t value, unsigned size) \
    {                                                                                    \
        vga_port_write(opaque, (uint32_t)addr + (base), (uint8_t)value);                 \
    }                                                                                    \
    static const RegionOps name##_ops = {                                                \
        .read = name##_read, .write = name##_write, .valid = { 1, 4 }, .impl = { 1, 1 }  \
    };
PORT_OPS(b4, 0x3b4)
PORT_OPS(ba, 0x3ba)
PORT_OPS(c0, 0x3c0)
PORT_OPS(d4, 0x3d4)
PORT_OPS(da, 0x3da)

static uint64_t window_read(void *opaque, uint64_t addr, unsigned size)
{
    return vga_window_read(opaque, (uint32_t)addr);
}

static void window_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    vga_window_write(opaque, (uint32_t)addr, (uint8_t)value);
}

static const RegionOps window_ops = {
    .read = window_read, .write = window_write, .valid = { 1, 8 }, .impl = { 1, 1 }
};

/* Ports 0x1ce (index), 0x1cf and 0x1d0 (data). */
static uint64_t vbe_port_read(void *opaque, uint64_t addr, unsigned size)
{
    Vga *s = opaque;

    return addr == 0 ? s->r.vbe_index : vbe_read(s, s->r.vbe_index);
}

static void vbe_port_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Vga *s = opaque;

    if (addr == 0) {
        s->r.vbe_index = (uint16_t)value;
    } else if (addr <= 2) {
        vbe_write(s, s->r.vbe_index, (uint16_t)value);
    }
}

static const RegionOps vbe_port_ops = { .read = vbe_port_read,
                                        .write = vbe_port_write,
                                        .valid = { 1, 2, .unaligned = true },
                                        .impl = { 1, 2, .unaligned = true } };

/* ---- BAR 2 ---- */

static uint64_t edid_read(void *opaque, uint64_t addr, unsigned size)
{
    VgaPci *s = opaque;

    return addr < VGA_EDID_SIZE ? s->edid_blob[addr] : 0;
}

static uint64_t dispi_read(void *opaque, uint64_t addr, unsigned size)
{
    return vbe_read(opaque, (unsigned)(addr >> 1));
}

static void dispi_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    vbe_write(opaque, (unsigned)(addr >> 1), (uint16_t)value);
}

static uint64_t extended_read(void *opaque, uint64_t addr, unsigned size)
{
    const Vga *s = opaque;

    return addr == 0 ? EXTENDED_SIZE : s->r.big_endian_fb ? ORDER_BIG : ORDER_LITTLE;
}

static void extended_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Vga *s = opaque;

    if (addr == 4 && (value == ORDER_BIG || value == ORDER_LITTLE)) {
        s->r.big_endian_fb = value == ORDER_BIG;
        s->redraw = true;
    }
}

static const RegionOps edid_ops = { .read = edid_read, .valid = { 1, 4 }, .impl = { 1, 1 } };
static const RegionOps dispi_ops = {
    .read = dispi_read, .write = dispi_write, .valid = { 1, 4 }, .impl = { 2, 2 }
};
static const RegionOps extended_ops = {
    .read = extended_read, .write = extended_write, .valid = { 1, 4 }, .impl = { 4, 4 }
};

static void init_bar2(VgaPci *s)
{
    Vm *vm = device_vm(&s->pci.dev);
    Object *owner = &s->pci.dev.obj;

    memory_region_init(&s->regs, vm, owner, "vga.mmio", MMIO_SIZE);
    memory_region_init_io(&s->ports_mr, vm, owner, &c0_ops, &s->vga, "vga ioports remapped", 0x20);
    memory_region_add(&s->regs, MMIO_PORTS, &s->ports_mr);
    memory_region_init_io(&s->dispi_mr, vm, owner, &dispi_ops, &s->vga, "bochs dispi interface",
                          (VBE_MEMORY + 1) * 2);
    memory_region_add(&s->regs, MMIO_DISPI, &s->dispi_mr);
    if (s->edid) {
        memory_region_init_io(&s->edid_mr, vm, owner, &edid_ops, s, "edid", 0x400);
        memory_region_add(&s->regs, 0, &s->edid_mr);
    }
    if (s->extended) {
        memory_region_init_io(&s->extended_mr, vm, owner, &extended_ops, &s->vga, "extended regs",
                              EXTENDED_SIZE);
        memory_region_add(&s->regs, MMIO_EXTENDED, &s->extended_mr);
    }
    pci_register_bar(&s->pci, 2, 0, &s->regs);
}

/* ---- life ---- */

static void map_port(VgaPci *s, MemoryRegion *mr, const RegionOps *ops, const char *name,
                     uint32_t base, uint32_t size)
{
    memory_region_init_io(mr, device_vm(&s->pci.dev), &s->pci.dev.obj, ops, &s->vga, name, size);
    memory_region_add_overlap(pci_device_bus(&s->pci)->io, base, mr, 0);
}

static void map_legacy(VgaPci *s)
{
    map_port(s, &s->io_b4, &b4_ops, "vga", 0x3b4, 2);
    map_port(s, &s->io_ba, &ba_ops, "vga", 0x3ba, 1);
    map_port(s, &s->io_c0, &c0_ops, "vga", 0x3c0, 16);
    map_port(s, &s->io_d4, &d4_ops, "vga", 0x3d4, 2);
    map_port(s, &s->io_da, &da_ops, "vga", 0x3da, 1);
    map_port(s, &s->io_vbe, &vbe_port_ops, "vbe", 0x1ce, 4);
    memory_region_init_io(&s->window, device_vm(&s->pci.dev), &s->pci.dev.obj, &window_ops, &s->vga,
                          "vga-lowmem", WINDOW_SIZE);
    memory_region_add_overlap(pci_device_bus(&s->pci)->mem, WINDOW_BASE, &s->window, 1);
}

static bool vga_pci_realize(PciDevice *pci, GError **error)
{
    VgaPci *s = (VgaPci *)pci;
    uint64_t bytes = bits_pow2_ceil((uint64_t)CLAMP(s->vgamem_mb, 1, 256) << 20);

    if (!vga_init(&s->vga, &pci->dev, (uint32_t)bytes, error)) {
        return false;
    }
    vga_edid_make(s->edid_blob, s->xres ? s->xres : 1280, s->yres ? s->yres : 800);
    pci_register_bar(pci, 0, PCI_BAR_PREFETCH, &s->vga.vram);
    if (s->mmio || s->secondary) {
        init_bar2(s);
    }
    if (!s->secondary) {
        map_legacy(s);
    }
    return true;
}

static void vga_pci_unrealize(PciDevice *pci)
{
    VgaPci *s = (VgaPci *)pci;
    MemoryRegion *all[] = { &s->window,   &s->io_b4,    &s->io_ba,       &s->io_c0,
                            &s->io_d4,    &s->io_da,    &s->io_vbe,      &s->edid_mr,
                            &s->ports_mr, &s->dispi_mr, &s->extended_mr, &s->regs };

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        if (all[i]->vm) {
            memory_region_clear(all[i]);
        }
    }
    vga_clear(&s->vga);
}

static void vga_pci_reset(PciDevice *pci, ResetKind kind)
{
    VgaPci *s = (VgaPci *)pci;

    vga_reset(&s->vga);
}

static void vga_pci_init(Object *obj)
{
    ((VgaPci *)obj)->secondary = !strcmp(object_type_name(obj), "secondary-vga");
}

/* ---- saved form: "vga" version 2 ---- */

typedef struct {
    PciDeviceSaved pci;
    VgaRegs vga;
} VgaPciSaved;

static const Field pci_fields[] = {
    F_PCI_DEVICE(VgaPciSaved, pci, .name = "dev"),
    F_STRUCT(VgaPciSaved, vga, vga_record),
    F_END,
};
static const Record pci_record = {
    .name = "vga",
    .version = 2,
    .min_version = 2,
    .size = sizeof(VgaPciSaved),
    .fields = pci_fields,
};

static void save(void *owner, void *saved)
{
    VgaPci *s = owner;
    VgaPciSaved *out = saved;

    pci_device_save(&s->pci, &out->pci);
    out->vga = s->vga.r;
}

static bool check(void *owner, const void *saved, GError **error)
{
    VgaPci *s = owner;
    const VgaPciSaved *in = saved;

    return pci_device_check(&s->pci, &in->pci, error) && vga_check(&s->vga, &in->vga, error);
}

static void install(void *owner, const void *saved)
{
    VgaPci *s = owner;
    const VgaPciSaved *in = saved;

    pci_device_install(&s->pci, &in->pci);
    vga_install(&s->vga, &in->vga);
}

static const SectionOps section_ops = { .save = save, .check = check, .install = install };
static const SectionDesc vga_section = { .record = &pci_record, .ops = &section_ops };

/* ---- types ---- */

#define COMMON_PROPS                                                                          \
    PROP(PROP_U32, VgaPci, vgamem_mb, "vgamem_mb", "16", .min = 1, .max = 256),               \
        PROP(PROP_BOOL, VgaPci, extended, "qemu-extended-regs", "on"),                        \
        PROP(PROP_BOOL, VgaPci, edid, "edid", "on"),                                          \
        PROP(PROP_BOOL, VgaPci, vga.r.default_big_endian, "big-endian-framebuffer", "off"),   \
        PROP(PROP_U32, VgaPci, xres, "xres", "0"), PROP(PROP_U32, VgaPci, yres, "yres", "0"), \
        PROP(PROP_U32, VgaPci, xmax, "xmax", "0"), PROP(PROP_U32, VgaPci, ymax, "ymax", "0"), \
        PROP(PROP_U32, VgaPci, refresh_rate, "refresh_rate", "0")

static const Property vga_props[] = {
    COMMON_PROPS,
    PROP(PROP_BOOL, VgaPci, mmio, "mmio", "on"),
    PROP_END,
};
static const Property secondary_props[] = { COMMON_PROPS, PROP_END };

#define DISPLAY_OPS(class_, rom_)                                                              \
    {                                                                                          \
        .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_DISPLAY, .user_creatable = true, \
                 .section = &vga_section },                                                    \
        .vendor_id = 0x1234, .device_id = 0x1111, .revision = 2, .class_id = (class_),         \
        .romfile = (rom_), .realize = vga_pci_realize, .unrealize = vga_pci_unrealize,         \
        .reset = vga_pci_reset                                                                 \
    }
static const PciDeviceOps vga_ops = DISPLAY_OPS(0x0300, "vgabios-stdvga.bin");
static const PciDeviceOps secondary_ops = DISPLAY_OPS(0x0380, NULL);

const TypeInfo vga_types[] = {
    { .name = "VGA",
      .parent = TYPE_PCI_DEVICE,
      .description = "VGA with Bochs VBE",
      .instance_size = sizeof(VgaPci),
      .props = vga_props,
      .ops = &vga_ops,
      .init = vga_pci_init },
    { .name = "secondary-vga",
      .parent = TYPE_PCI_DEVICE,
      .description = "framebuffer with Bochs VBE registers in memory",
      .instance_size = sizeof(VgaPci),
      .props = secondary_props,
      .ops = &secondary_ops,
      .init = vga_pci_init },
};
const size_t vga_types_count = G_N_ELEMENTS(vga_types);
