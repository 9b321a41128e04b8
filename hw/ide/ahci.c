/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The AHCI controller of ICH9 (8086:2922, six ports): PCI function, registers, interrupts
 * (Serial ATA AHCI 1.3.1 chapter 3; Intel I/O Controller Hub 9 datasheet 15). Ports are in
 * ahci-port.c. No port multipliers, no enclosure management, no power management of links.
 */
#include "ahci-priv.h"

#include <string.h>

#define CAP                                                                               \
    (0x80000000u /* 64 bit */ | 0x40000000u /* queueing */ | 0x00100000u /* 1.5 Gbps */ | \
     0x00040000u /* AHCI only */ | (AHCI_SLOTS - 1) << 8 | (AHCI_PORTS - 1))
#define VERSION    0x00010000u
#define GHC_AE     0x80000000u
#define GHC_IE     0x00000002u
#define GHC_HR     0x00000001u
#define IE_MASK    0xfdc000ffu
#define MMIO_BYTES 0x1000
#define IDP_BYTES  32
#define IDP_INDEX  0x10
#define IDP_DATA   0x14

/* ---- interrupts ---- */

static void notify(Ahci *hba)
{
    hba->in_dma++; /* a message is a write to memory, too */
    if (msi_enabled(&hba->pci)) {
        msi_notify(&hba->pci, 0);
    } else {
        pci_set_irq(&hba->pci, 1);
    }
    hba->in_dma--;
}

/* After something was cleared or enabled: what is still pending is told (again). */
void ahci_update_irq(Ahci *hba)
{
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        if (hba->ports[i].r.is & hba->ports[i].r.ie) {
            hba->is |= 1u << i;
        }
    }
    if (hba->is && (hba->ghc & GHC_IE)) {
        notify(hba);
    } else if (!msi_enabled(&hba->pci)) {
        pci_set_irq(&hba->pci, 0);
    }
}

void ahci_port_raise(AhciPort *p, uint32_t bits)
{
    Ahci *hba = p->hba;

    p->r.is |= bits;
    if (bits & p->r.ie) {
        hba->is |= 1u << p->index;
        if (hba->ghc & GHC_IE) {
            notify(hba);
        }
    }
}

/* ---- port registers ---- */

static uint32_t port_read(AhciPort *p, unsigned reg)
{
    switch (reg) {
    case 0x00: return p->r.clb;
    case 0x04: return p->r.clbu;
    case 0x08: return p->r.fb;
    case 0x0c: return p->r.fbu;
    case 0x10: return p->r.is;
    case 0x14: return p->r.ie;
    case 0x18: return p->r.cmd | (p->busy_slot >= 0 ? (uint32_t)p->busy_slot << 8 : 0);
    case 0x20: return p->r.tfd;
    case 0x24: return p->r.sig;
    case 0x28: return p->r.ssts;
    case 0x2c: return p->r.sctl;
    case 0x30: return p->r.serr;
    case 0x34: return p->r.sact;
    case 0x38: return p->r.ci;
    default: return 0;
    }
}

static void write_cmd(AhciPort *p, uint32_t value)
{
    uint32_t old = p->r.cmd;

    p->r.cmd = (value & CMD_WRITABLE) | (old & (CMD_FR | CMD_CR));
    if (value & CMD_CLO) {
        p->r.tfd &= ~(uint32_t)(ST_BSY | ST_DRQ);
    }
    if (value & CMD_FRE) {
        p->r.cmd |= CMD_FR;
        ahci_port_send_signature(p);
    } else {
        p->r.cmd &= ~CMD_FR;
    }
    if (value & CMD_ST) {
        p->r.cmd |= CMD_CR;
        ahci_port_issue(p);
    } else if (old & CMD_ST) {
        ahci_port_stop(p);
    }
}

static void write_sctl(AhciPort *p, uint32_t value)
{
    bool was = (p->r.sctl & 0x0f) == 1, now = (value & 0x0f) == 1;

    p->r.sctl = value;
    if (was && !now) { /* COMRESET ends */
        ahci_port_reset(p);
        ahci_port_send_signature(p);
    }
}

static void port_write(AhciPort *p, unsigned reg, uint32_t value)
{
    switch (reg) {
    case 0x00: p->r.clb = value & ~0x3ffu; break;
    case 0x04: p->r.clbu = value; break;
    case 0x08: p->r.fb = value & ~0xffu; break;
    case 0x0c: p->r.fbu = value; break;
    case 0x10:
        p->r.is &= ~value;
        ahci_update_irq(p->hba);
        break;
    case 0x14:
        p->r.ie = value & IE_MASK;
        ahci_update_irq(p->hba);
        break;
    case 0x18: write_cmd(p, value); break;
    case 0x2c: write_sctl(p, value); break;
    case 0x30: p->r.serr &= ~value; break;
    case 0x34:
        if (p->r.cmd & CMD_ST) {
            p->r.sact |= value;
        }
        break;
    case 0x38:
        if (p->r.cmd & CMD_ST) {
            p->r.ci |= value;
            ahci_port_issue(p);
        }
        break;
    default: break; /* read-only or reserved */
    }
}

/* ---- global registers ---- */

static void hba_reset(Ahci *hba)
{
    hba->is = 0;
    hba->ghc = GHC_AE;
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        AhciPort *p = &hba->ports[i];

        p->r.is = p->r.ie = p->r.sctl = 0;
        p->r.cmd = CMD_SUD | CMD_POD;
        ahci_port_reset(p);
    }
    pci_set_irq(&hba->pci, 0);
}

static uint32_t reg_read(Ahci *hba, unsigned addr)
{
    if (addr >= 0x100) {
        unsigned port = (addr - 0x100) / 0x80;

        return port < AHCI_PORTS ? port_read(&hba->ports[port], addr & 0x7f) : 0;
    }
    switch (addr) {
    case 0x00: return hba->cap;
    case 0x04: return hba->ghc;
    case 0x08: return hba->is;
    case 0x0c: return hba->impl;
    case 0x10: return hba->version;
    default: return 0;
    }
}

static void reg_write(Ahci *hba, unsigned addr, uint32_t value)
{
    if (addr >= 0x100) {
        unsigned port = (addr - 0x100) / 0x80;

        if (port < AHCI_PORTS) {
            port_write(&hba->ports[port], addr & 0x7f, value);
        }
        return;
    }
    switch (addr) {
    case 0x04:
        if (value & GHC_HR) {
            hba_reset(hba);
        } else {
            hba->ghc = (value & GHC_IE) | GHC_AE;
            ahci_update_irq(hba);
        }
        break;
    case 0x08:
        hba->is &= ~value;
        ahci_update_irq(hba);
        break;
    default: break;
    }
}

static uint64_t mmio_read(void *opaque, uint64_t addr, unsigned size)
{
    uint64_t value;

    if (((Ahci *)opaque)->in_dma) {
        return 0;
    }
    value = reg_read(opaque, (unsigned)addr & ~3u);
    if (size == 8) {
        value |= (uint64_t)reg_read(opaque, ((unsigned)addr & ~3u) + 4) << 32;
    }
    return value >> (8 * (addr & 3));
}

static void mmio_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    if ((addr & 3) || ((Ahci *)opaque)->in_dma) {
        return;
    }
    reg_write(opaque, (unsigned)addr, (uint32_t)value);
    if (size == 8) {
        reg_write(opaque, (unsigned)addr + 4, (uint32_t)(value >> 32));
    }
}

static const RegionOps mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .endian = DEVICE_LITTLE_ENDIAN,
    .valid = { 1, 8 },
    .impl = { 1, 8 },
};

/* The same registers through a pair of ports. */
static uint64_t idp_read(void *opaque, uint64_t addr, unsigned size)
{
    Ahci *hba = opaque;

    return addr == IDP_INDEX  ? hba->idp_index
           : addr == IDP_DATA ? reg_read(hba, hba->idp_index)
                              : 0;
}

static void idp_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Ahci *hba = opaque;

    if (addr == IDP_INDEX) {
        hba->idp_index = (uint32_t)value & (MMIO_BYTES - 4);
    } else if (addr == IDP_DATA) {
        reg_write(hba, hba->idp_index, (uint32_t)value);
    }
}

static const RegionOps idp_ops = {
    .read = idp_read,
    .write = idp_write,
    .endian = DEVICE_LITTLE_ENDIAN,
    .valid = { 1, 4 },
    .impl = { 4, 4 },
};

/* ---- PCI function ---- */

static void reset(PciDevice *pci, ResetKind kind)
{
    Ahci *hba = (Ahci *)pci;

    hba->idp_index = 0;
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        AhciPortRegs *r = &hba->ports[i].r;

        r->clb = r->clbu = r->fb = r->fbu = 0;
    }
    hba_reset(hba);
}

static bool add_capabilities(PciDevice *pci, GError **error)
{
    uint8_t at;

    at = pci_add_capability(pci, 0x12, 0xa8, 8, error); /* SATA: where the index/data pair is */
    if (!at) {
        return false;
    }
    pci_set16(pci, at + 2, 0x0010);                     /* revision 1.0 */
    pci_set32(pci, at + 4, (IDP_INDEX / 4) << 4 | 0x8); /* BAR 4 */
    pci_set8(pci, 0x90, 0x40);                          /* map register: AHCI mode, not IDE */
    return msi_init(pci, 0x80, 1, true, false, error);
}

static bool realize(PciDevice *pci, GError **error)
{
    Ahci *hba = (Ahci *)pci;
    Vm *vm = device_vm(&pci->dev);

    hba->cap = CAP;
    hba->impl = (1u << AHCI_PORTS) - 1;
    hba->version = VERSION;
    if (!add_capabilities(pci, error)) {
        return false;
    }
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        AhciPort *p = &hba->ports[i];

        ide_bus_init(&p->bus, &pci->dev, i, 1, &ahci_host_ops, hba);
        p->bus.ncq = true;
        p->hba = hba;
        p->index = i;
        p->busy_slot = -1;
        for (unsigned t = 0; t < AHCI_SLOTS; t++) {
            p->ncq[t].port = p;
        }
    }
    memory_region_init_io(&hba->mmio, vm, &pci->dev.obj, &mmio_ops, hba, "ahci", MMIO_BYTES);
    memory_region_init_io(&hba->idp, vm, &pci->dev.obj, &idp_ops, hba, "ahci-idp", IDP_BYTES);
    pci_register_bar(pci, 4, PCI_BAR_IO, &hba->idp);
    pci_register_bar(pci, 5, PCI_BAR_MEM32, &hba->mmio);
    return true;
}

static void unrealize(PciDevice *pci)
{
    Ahci *hba = (Ahci *)pci;

    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        ide_bus_clear(&hba->ports[i].bus);
    }
    memory_region_clear(&hba->idp);
    memory_region_clear(&hba->mmio);
}

static const PciDeviceOps ahci_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_STORAGE, .user_creatable = true,
             .section = &ahci_section },
    .vendor_id = PCI_VENDOR_INTEL,
    .device_id = 0x2922,
    .class_id = PCI_CLASS_STORAGE_SATA,
    .revision = 2,
    .prog_if = 1,
    .interrupt_pin = 1,
    .realize = realize,
    .unrealize = unrealize,
    .reset = reset,
};

const TypeInfo ahci_types[] = {
    { .name = "ich9-ahci",
      .parent = TYPE_PCI_DEVICE,
      .description = "Intel ICH9 AHCI controller",
      .instance_size = sizeof(Ahci),
      .ops = &ahci_ops },
};
const size_t ahci_types_count = G_N_ELEMENTS(ahci_types);
