/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host bridges: configuration access by ports cf8/cfc (mechanism #1) and by ECAM.
 * Absent devices read as all ones and ignore writes.
 */
#include "pci-priv.h"

#define CONFIG_ENABLE 0x80000000u

uint32_t pci_data_read(PciBus *root, uint32_t addr, unsigned len)
{
    PciDevice *dev = pci_find_device(root, addr >> 16 & 0xff, addr >> 8 & 0xff);

    return dev ? pci_config_read(dev, addr & 0xff, len) : UINT32_MAX;
}

void pci_data_write(PciBus *root, uint32_t addr, uint32_t value, unsigned len)
{
    PciDevice *dev = pci_find_device(root, addr >> 16 & 0xff, addr >> 8 & 0xff);

    if (dev) {
        pci_config_write(dev, addr & 0xff, value, len);
    }
}

static uint64_t conf_read(void *opaque, uint64_t addr, unsigned size)
{
    PciHost *host = opaque;

    if (addr == 1 && size == 1 && host->cf9_read) {
        return host->cf9_read(host->cf9_opaque);
    }
    /* Only a double word at cf8 is the register; what lies around it belongs to others. */
    return addr == 0 && size == 4 ? host->config_reg : UINT64_MAX;
}

static void conf_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    PciHost *host = opaque;

    if (addr == 0 && size == 4) {
        host->config_reg = value;
    } else if (addr == 1 && size == 1 && host->cf9_write) {
        host->cf9_write(host->cf9_opaque, value);
    }
}

static uint64_t data_read(void *opaque, uint64_t addr, unsigned size)
{
    PciHost *host = opaque;

    if (!(host->config_reg & CONFIG_ENABLE)) {
        return UINT32_MAX;
    }
    return pci_data_read(host->bus, (host->config_reg & 0xfffffc) | (addr & 3), size);
}

static void data_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    PciHost *host = opaque;

    if (host->config_reg & CONFIG_ENABLE) {
        pci_data_write(host->bus, (host->config_reg & 0xfffffc) | (addr & 3), value, size);
    }
}

static const RegionOps conf_ops = {
    .read = conf_read,
    .write = conf_write,
    .valid = { 1, 4, true },
    .impl = { 1, 4, true },
};
static const RegionOps data_ops = {
    .read = data_read,
    .write = data_write,
    .valid = { 1, 4, true },
    .impl = { 1, 4, true },
};

void pci_host_init_ports(PciHost *host)
{
    Vm *vm = device_vm(&host->dev);

    memory_region_init_io(&host->conf_mr, vm, &host->dev.obj, &conf_ops, host, "pci-conf-idx", 4);
    memory_region_init_io(&host->data_mr, vm, &host->dev.obj, &data_ops, host, "pci-conf-data", 4);
}

static uint64_t ecam_read(void *opaque, uint64_t addr, unsigned size)
{
    PciHost *host = opaque;
    PciDevice *dev = pci_find_device(host->bus, addr >> 20 & 0xff, addr >> 12 & 0xff);

    return dev ? pci_config_read(dev, addr & 0xfff, size) : UINT64_MAX;
}

static void ecam_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    PciHost *host = opaque;
    PciDevice *dev = pci_find_device(host->bus, addr >> 20 & 0xff, addr >> 12 & 0xff);

    if (dev) {
        pci_config_write(dev, addr & 0xfff, value, size);
    }
}

static const RegionOps ecam_ops = {
    .read = ecam_read,
    .write = ecam_write,
    .valid = { 1, 4 },
    .impl = { 1, 4 },
};

void pci_host_map_ecam(PciHost *host, bool enable, uint64_t base, uint64_t size)
{
    Vm *vm = device_vm(&host->dev);

    if (host->ecam_mapped == enable &&
        (!enable || (host->ecam_base == base && host->ecam_size == size))) {
        return;
    }
    memory_transaction_begin(vm);
    if (host->ecam_mapped) {
        memory_region_clear(&host->ecam_mr);
        host->ecam_mapped = false;
    }
    if (enable) {
        memory_region_init_io(&host->ecam_mr, vm, &host->dev.obj, &ecam_ops, host,
                              "pcie-mmcfg-mmio", size);
        memory_region_add_overlap(memory_system_region(vm), base, &host->ecam_mr, 1);
        host->ecam_base = base;
        host->ecam_size = size;
        host->ecam_mapped = true;
    }
    memory_transaction_commit(vm);
}
