/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a PCI device: identification, BARs, option ROM, DMA window, INTx.
 *
 * Invariants: a BAR is mapped in its bus's space exactly while Command enables its kind and its
 * register holds an address that makes sense; `irq_state` is what the device drives, and what the
 * bus counts is irq_state masked by Interrupt Disable.
 */
#include <errno.h>
#include <unistd.h>
#include "base/util/bits.h"
#include "hw/core/firmware.h"
#include "pci-priv.h"

bool pci_device_express(const PciDevice *dev)
{
    const PciDeviceOps *ops = pci_device_ops(dev);

    if (ops->express) {
        return true;
    }
    return ops->may_be_express && pci_device_bus(dev)->express && pci_device_bus(dev)->bridge;
}

uint16_t pci_device_bdf(const PciDevice *dev)
{
    return pci_bus_number(pci_device_bus(dev)) << 8 | (dev->devfn & 0xff);
}

/* ---- BARs ---- */
static uint32_t bar_register(const PciDevice *dev, int bar)
{
    if (bar == PCI_ROM_SLOT) {
        return pci_device_ops(dev)->is_bridge ? PCI_ROM_ADDRESS1 : PCI_ROM_ADDRESS;
    }
    return PCI_BASE_ADDRESS_0 + 4 * bar;
}

void pci_register_bar(PciDevice *dev, int bar, uint8_t flags, MemoryRegion *mr)
{
    PciBar *b = &dev->bars[bar];
    uint32_t reg = bar_register(dev, bar);
    uint64_t size = memory_region_size(mr), mask = ~(size - 1);
    PciBus *bus = pci_device_bus(dev);

    g_assert(bar >= 0 && bar < PCI_NUM_BARS && bits_is_pow2(size) && !b->mr);
    b->mr = mr;
    b->size = size;
    b->flags = flags;
    b->addr = PCI_BAR_UNMAPPED;
    b->space = flags & PCI_BAR_IO ? bus->io : bus->mem;
    if (bar == PCI_ROM_SLOT) {
        mask |= PCI_ROM_ENABLE;
        pci_set32(dev, reg, 0);
    } else {
        pci_set32(dev, reg, flags);
        if (flags & PCI_BAR_IO) {
            mask &= ~3ULL;
        } else {
            mask &= ~15ULL;
        }
    }
    pci_wmask32(dev, reg, mask);
    memset(dev->cmask + reg, 0xff, 4);
    if (!(flags & PCI_BAR_IO) && (flags & PCI_BAR_MEM64) && bar != PCI_ROM_SLOT) {
        pci_wmask32(dev, reg + 4, mask >> 32);
        memset(dev->cmask + reg + 4, 0xff, 4);
    }
}

uint64_t pci_bar_address(const PciDevice *dev, int bar)
{
    return dev->bars[bar].addr;
}

static uint64_t bar_wanted(const PciDevice *dev, int bar)
{
    const PciBar *b = &dev->bars[bar];
    uint16_t command = pci_get16(dev, PCI_COMMAND);
    uint32_t reg = bar_register(dev, bar);
    uint64_t addr = pci_get32(dev, reg), last;

    if (!(command & (b->flags & PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY))) {
        return PCI_BAR_UNMAPPED;
    }
    if (bar == PCI_ROM_SLOT && !(addr & PCI_ROM_ENABLE)) {
        return PCI_BAR_UNMAPPED;
    }
    bool wide = bar != PCI_ROM_SLOT && !(b->flags & PCI_BAR_IO) && (b->flags & PCI_BAR_MEM64);
    if (wide) {
        addr |= (uint64_t)pci_get32(dev, reg + 4) << 32;
    }
    addr &= ~(b->size - 1);
    last = addr + b->size - 1;
    /* All ones is what sizing writes; zero is what reset leaves. Neither is a place. */
    if (addr == 0 || last < addr || (b->flags & PCI_BAR_IO && last > 0xffff) ||
        (!wide && last >= UINT32_MAX) || last == UINT64_MAX) {
        return PCI_BAR_UNMAPPED;
    }
    return addr;
}

void pci_bars_update(PciDevice *dev)
{
    memory_transaction_begin(device_vm(&dev->dev));
    for (int i = 0; i < PCI_NUM_BARS; i++) {
        PciBar *b = &dev->bars[i];
        uint64_t addr;

        if (!b->mr || (addr = bar_wanted(dev, i)) == b->addr) {
            continue;
        }
        if (b->addr != PCI_BAR_UNMAPPED) {
            memory_region_del(b->space, b->mr);
        }
        b->addr = addr;
        if (addr != PCI_BAR_UNMAPPED) {
            memory_region_add_overlap(b->space, addr, b->mr, 1);
        }
    }
    memory_transaction_commit(device_vm(&dev->dev));
}

void pci_bars_unmap(PciDevice *dev)
{
    for (int i = 0; i < PCI_NUM_BARS; i++) {
        PciBar *b = &dev->bars[i];

        if (b->mr && b->addr != PCI_BAR_UNMAPPED) {
            memory_region_del(b->space, b->mr);
            b->addr = PCI_BAR_UNMAPPED;
        }
    }
}

/* ---- DMA ---- */
void pci_dma_update(PciDevice *dev)
{
    memory_region_set_enabled(&dev->dma_window, pci_get16(dev, PCI_COMMAND) & PCI_COMMAND_MASTER);
}

/* What the device's bus, or the IOMMU in front of it, lets it see. */
static MemoryRegion *dma_target(PciDevice *dev)
{
    PciBus *bus = pci_device_bus(dev);
    PciHost *host = pci_bus_host(bus);

    if (host && host->iommu) {
        return host->iommu->attach(host->iommu_opaque, dev);
    }
    while (!bus->dma && bus->bridge) {
        bus = pci_device_bus(bus->bridge);
    }
    return bus->dma ? bus->dma : memory_system_region(device_vm(&dev->dev));
}

static void dma_window_init(PciDevice *dev)
{
    memory_region_init_alias(&dev->dma_window, device_vm(&dev->dev), &dev->dev.obj, "bus master",
                             dma_target(dev), 0, UINT64_MAX);
    memory_region_set_enabled(&dev->dma_window, false);
    memory_region_add(&dev->dma_root, 0, &dev->dma_window);
}

static void dma_window_clear(PciDevice *dev)
{
    PciHost *host = pci_bus_host(pci_device_bus(dev));

    memory_region_clear(&dev->dma_window);
    if (host && host->iommu) {
        host->iommu->detach(host->iommu_opaque, dev);
    }
}

static void dma_disconnect(PciDevice *dev, void *opaque)
{
    dma_window_clear(dev);
}

static void dma_reconnect(PciDevice *dev, void *opaque)
{
    dma_window_init(dev);
    pci_dma_update(dev);
}

void pci_host_set_iommu(PciHost *host, const PciIommuOps *ops, void *opaque)
{
    Vm *vm = device_vm(&host->dev);

    memory_transaction_begin(vm);
    pci_bus_foreach(host->bus, true, dma_disconnect, NULL);
    host->iommu = ops;
    host->iommu_opaque = opaque;
    pci_bus_foreach(host->bus, true, dma_reconnect, NULL);
    memory_transaction_commit(vm);
}

bool pci_has_iommu(const PciDevice *dev)
{
    PciHost *host = pci_bus_host(pci_device_bus(dev));

    return host && host->iommu;
}

static void dma_init(PciDevice *dev)
{
    Vm *vm = device_vm(&dev->dev);

    memory_region_init(&dev->dma_root, vm, &dev->dev.obj, "bus master container", UINT64_MAX);
    dma_window_init(dev);
    dev->dma_as = address_space_new(vm, &dev->dma_root, object_type_name(&dev->dev.obj));
}

static void dma_exit(PciDevice *dev)
{
    address_space_free(dev->dma_as);
    dev->dma_as = NULL;
    dma_window_clear(dev);
    memory_region_clear(&dev->dma_root);
}

/* ---- INTx ---- */
void pci_irq_change(PciDevice *dev, int pin, int change)
{
    PciBus *bus = pci_device_bus(dev);

    for (;;) {
        pin = bus->map_irq ? bus->map_irq(dev, pin) : pin;
        if (!bus->bridge || bus->set_irq) {
            break;
        }
        dev = bus->bridge;
        bus = pci_device_bus(dev);
    }
    if (!bus->set_irq || pin < 0 || pin >= bus->n_irqs) {
        return;
    }
    bus->irq_count[pin] += change;
    bus->set_irq(bus->irq_opaque, pin, bus->irq_count[pin] != 0);
}

static void status_update(PciDevice *dev)
{
    uint16_t status = pci_get16(dev, PCI_STATUS) & ~PCI_STATUS_INTERRUPT;

    pci_set16(dev, PCI_STATUS, status | (dev->irq_state ? PCI_STATUS_INTERRUPT : 0));
}

void pci_set_irq(PciDevice *dev, int level)
{
    int pin = (int)pci_get8(dev, PCI_INTERRUPT_PIN) - 1;
    int old;

    if (pin < 0 || pin >= PCI_INTX_PINS) {
        return;
    }
    old = dev->irq_state >> pin & 1;
    if (old == !!level) {
        return;
    }
    dev->irq_state ^= 1 << pin;
    status_update(dev);
    if (!(pci_get16(dev, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE)) {
        pci_irq_change(dev, pin, level ? 1 : -1);
    }
}

void pci_intx_update(PciDevice *dev, uint16_t old_command)
{
    uint16_t now = pci_get16(dev, PCI_COMMAND);

    if (!((old_command ^ now) & PCI_COMMAND_INTX_DISABLE)) {
        return;
    }
    for (int pin = 0; pin < PCI_INTX_PINS; pin++) {
        if (dev->irq_state >> pin & 1) {
            pci_irq_change(dev, pin, now & PCI_COMMAND_INTX_DISABLE ? -1 : 1);
        }
    }
}

static void irq_deassert(PciDevice *dev)
{
    for (int pin = 0; pin < PCI_INTX_PINS; pin++) {
        if (dev->irq_state >> pin & 1 &&
            !(pci_get16(dev, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE)) {
            pci_irq_change(dev, pin, -1);
        }
    }
    dev->irq_state = 0;
    status_update(dev);
}

/* ---- option ROM ---- */
#define ROM_SPARE 6 /* a byte that makes the checksum right */

/* One ROM file serves a device's several ids: firmware runs a ROM only if it names the function's. */
static void rom_take_ids(const PciDevice *dev, uint8_t *rom, gsize len)
{
    gsize at = len < 0x1a ? len : ld_le16(rom + 0x18);
    uint8_t *ids = rom + at + 4;

    if (at + 8 > len || ld_le16(rom) != 0xaa55 || memcmp(rom + at, "PCIR", 4)) {
        return;
    }
    for (int i = 0; i < 4; i++) {
        rom[ROM_SPARE] = (uint8_t)(rom[ROM_SPARE] + ids[i] - dev->config[PCI_VENDOR_ID + i]);
        ids[i] = dev->config[PCI_VENDOR_ID + i];
    }
}

static bool rom_init(PciDevice *dev, GError **error)
{
    const PciDeviceOps *ops = pci_device_ops(dev);
    const char *file = dev->romfile ? dev->romfile : ops->romfile;
    g_autofree char *data = NULL, *name = NULL;
    g_autoptr(GError) local = NULL;
    uint64_t size;
    gsize len;

    if (!file || !*file || dev->rombar == 0) {
        return true;
    }
    g_autofree char *path = firmware_find(device_vm(&dev->dev), file, &local);
    if (!path || !g_file_get_contents(path, &data, &len, &local)) {
        if (!dev->romfile) {
            return true; /* a default ROM is a convenience only firmware would use */
        }
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE, "option ROM: %s", local->message);
        return false;
    }
    size = dev->romsize ? dev->romsize : bits_pow2_ceil(MAX(len, 2048));
    if (len == 0 || len > 16 * 1024 * 1024 || size < len || !bits_is_pow2(size)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                    "option ROM '%s' of %" G_GSIZE_FORMAT
                    " bytes does not fit in %" G_GUINT64_FORMAT
                    " bytes (a power of two, at most 16 MiB)",
                    file, len, size);
        return false;
    }
    const SectionDesc *section = ops->dev.section;
    g_autofree char *leaf = g_strdup_printf("%s.rom", section ? section->record->name
                                                              : object_type_name(&dev->dev.obj));
    name = device_ram_block_name(&dev->dev, leaf);
    if (!memory_region_init_rom(&dev->rom, device_vm(&dev->dev), &dev->dev.obj, name, size,
                                error)) {
        return false;
    }
    memcpy(memory_region_ram_ptr(&dev->rom), data, len);
    if (!dev->romfile) {
        rom_take_ids(dev, memory_region_ram_ptr(&dev->rom), len);
    }
    dev->has_rom = true;
    pci_register_bar(dev, PCI_ROM_SLOT, 0, &dev->rom);
    return true;
}

/* ---- realize ---- */
static void config_alloc(PciDevice *dev)
{
    uint32_t size = pci_device_express(dev) ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;

    dev->config_size = size;
    dev->config = g_malloc0(size);
    dev->wmask = g_malloc0(size);
    dev->w1cmask = g_malloc0(size);
    dev->cmask = g_malloc0(size);
    dev->used = g_malloc0(size);
}

static void config_free(PciDevice *dev)
{
    g_clear_pointer(&dev->config, g_free);
    g_clear_pointer(&dev->wmask, g_free);
    g_clear_pointer(&dev->w1cmask, g_free);
    g_clear_pointer(&dev->cmask, g_free);
    g_clear_pointer(&dev->used, g_free);
    g_clear_pointer(&dev->fresh, g_free);
    dev->config_size = 0;
}

static void header_init(PciDevice *dev)
{
    const PciDeviceOps *ops = pci_device_ops(dev);

    pci_set16(dev, PCI_VENDOR_ID, ops->vendor_id);
    pci_set16(dev, PCI_DEVICE_ID, ops->device_id);
    pci_set8(dev, PCI_REVISION_ID, ops->revision);
    pci_set8(dev, PCI_CLASS_PROG, ops->prog_if);
    pci_set16(dev, PCI_CLASS_DEVICE, ops->class_id);
    pci_set8(dev, PCI_INTERRUPT_PIN, ops->interrupt_pin);
    pci_set8(dev, PCI_HEADER_TYPE,
             (ops->is_bridge ? PCI_HEADER_TYPE_BRIDGE : 0) |
                 (dev->multifunction ? PCI_HEADER_MULTIFUNCTION : 0));
    memset(dev->cmask, 0xff, 4);
    memset(dev->cmask + PCI_REVISION_ID, 0xff, 4);
    dev->cmask[PCI_STATUS] = PCI_STATUS_CAP_LIST;
    dev->cmask[PCI_HEADER_TYPE] = 0xff;
    dev->cmask[PCI_CAPABILITY_LIST] = 0xff;
    dev->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
    dev->wmask[PCI_INTERRUPT_LINE] = 0xff;
    pci_wmask16(dev, PCI_COMMAND,
                PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
                    PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
    pci_w1cmask16(dev, PCI_STATUS, 0xf900);
    /* Everything device specific is writable unless a capability says otherwise. */
    memset(dev->wmask + PCI_CONFIG_HEADER, 0xff, dev->config_size - PCI_CONFIG_HEADER);
    if (!ops->is_bridge) {
        pci_set16(dev, PCI_SUBSYSTEM_VENDOR_ID,
                  ops->subsystem_vendor_id ? ops->subsystem_vendor_id : 0x1af4);
        pci_set16(dev, PCI_SUBSYSTEM_ID, ops->subsystem_id ? ops->subsystem_id : 0x1100);
        memset(dev->cmask + PCI_SUBSYSTEM_VENDOR_ID, 0xff, 4);
    }
}

/* The platform is told first; a port whose platform has taken it only shows what is there. */
static void tell_plugged(PciBus *bus, PciDevice *dev)
{
    PciHost *host = pci_bus_host(bus);
    bool told = host && host->hotplug && host->hotplug->plugged(host->hotplug_opaque, dev);

    if (bus->bridge && pcie_is_port(bus->bridge)) {
        pcie_slot_plugged(bus->bridge, dev, told || !dev->dev.hotplugged);
    } else if (bus->bridge && PCI_BRIDGE(bus->bridge)->shpc) {
        shpc_plugged(PCI_BRIDGE(bus->bridge), dev, told || !dev->dev.hotplugged);
    }
}

bool pci_device_realize(Device *d, GError **error)
{
    PciDevice *dev = PCI_DEVICE(d);
    const PciDeviceOps *ops = pci_device_ops(dev);
    PciBus *bus = pci_device_bus(dev);

    if (!bus) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS, "%s needs a PCI bus",
                    object_type_name(&d->obj));
        return false;
    }
    if (ops->express && ops->is_bridge && !bus->express) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "%s is a PCI Express device and bus '%s' is not", object_type_name(&d->obj),
                    bus_name(&bus->bus));
        return false;
    }
    config_alloc(dev);
    header_init(dev);
    for (int i = 0; i < PCI_NUM_BARS; i++) {
        dev->bars[i].addr = PCI_BAR_UNMAPPED;
    }
    dma_init(dev);
    bus->devices[dev->devfn] = dev;
    if ((ops->realize && !ops->realize(dev, error)) || !rom_init(dev, error)) {
        if (dev->has_rom) {
            memory_region_clear(&dev->rom);
            dev->has_rom = false;
        }
        msix_clear(dev);
        bus->devices[dev->devfn] = NULL;
        memset(dev->bars, 0, sizeof(dev->bars));
        dma_exit(dev);
        config_free(dev);
        return false;
    }
    dev->fresh = g_memdup2(dev->config, dev->config_size);
    st_le16(dev->fresh + PCI_COMMAND, 0); /* a reset closes even what was realized open */
    tell_plugged(bus, dev);
    return true;
}

void pci_device_unrealize(Device *d)
{
    PciDevice *dev = PCI_DEVICE(d);
    const PciDeviceOps *ops = pci_device_ops(dev);
    PciBus *bus = pci_device_bus(dev);

    irq_deassert(dev);
    pci_bars_unmap(dev);
    if (ops->unrealize) {
        ops->unrealize(dev);
    }
    msix_clear(dev);
    if (dev->has_rom) {
        memory_region_clear(&dev->rom);
        dev->has_rom = false;
    }
    if (bus && dev->devfn >= 0 && bus->devices[dev->devfn] == dev) {
        bus->devices[dev->devfn] = NULL;
        if (bus->bridge && pcie_is_port(bus->bridge)) {
            pcie_slot_emptied(bus->bridge);
        } else if (bus->bridge && PCI_BRIDGE(bus->bridge)->shpc) {
            shpc_emptied(PCI_BRIDGE(bus->bridge), dev);
        }
    }
    memset(dev->bars, 0, sizeof(dev->bars));
    dma_exit(dev);
    config_free(dev);
}

void pci_device_reset(Device *d, ResetKind kind)
{
    PciDevice *dev = PCI_DEVICE(d);
    const PciDeviceOps *ops = pci_device_ops(dev);

    irq_deassert(dev);
    for (uint32_t i = 0; i < dev->config_size; i++) { /* all that the guest can change */
        uint8_t mask = dev->wmask[i] | dev->w1cmask[i];

        dev->config[i] = (uint8_t)((dev->config[i] & ~mask) | (dev->fresh[i] & mask));
    }
    if (dev->pm_cap) {
        pci_set16(dev, dev->pm_cap + 4, 0);
    }
    msi_reset(dev);
    msix_reset(dev);
    pci_bars_update(dev);
    pci_dma_update(dev);
    if (ops->reset) {
        ops->reset(dev, kind);
    }
}

bool pci_device_unplug_request(Device *d, GError **error)
{
    PciDevice *dev = PCI_DEVICE(d);
    PciBus *bus = pci_device_bus(dev);

    PciHost *host = pci_bus_host(bus);

    if (host && host->hotplug && host->hotplug->unplug_request(host->hotplug_opaque, dev)) {
        return true;
    }
    if (bus->bridge && pcie_is_port(bus->bridge)) {
        return pcie_slot_unplug_request(bus->bridge, dev, error);
    }
    if (bus->bridge && PCI_BRIDGE(bus->bridge)->shpc) {
        return shpc_unplug_request(PCI_BRIDGE(bus->bridge), dev, error);
    }
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_HOTPLUG,
                "bus '%s' does not support removing devices while the guest runs",
                bus_name(&bus->bus));
    return false;
}
