/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X (PCI Local Bus 3.0, 6.8.2): table of messages and pending bits in BAR memory.
 *
 * Invariant: a pending bit is set only while its vector is masked (by itself, by Function Mask);
 * unmasking sends the message and clears the bit.
 */
#include "base/util/bits.h"
#include "pci-priv.h"

#define MSIX_CTRL         2
#define MSIX_ENABLE       0x8000
#define MSIX_MASKALL      0x4000
#define MSIX_ENTRY_SIZE   16
#define MSIX_ENTRY_CTRL   12
#define MSIX_ENTRY_MASKED 1
#define MSIX_MAX_VECTORS  2048

static uint16_t control(const PciDevice *dev)
{
    return pci_get16(dev, dev->msix_cap + MSIX_CTRL);
}

bool msix_enabled(const PciDevice *dev)
{
    return dev->msix_cap && control(dev) & MSIX_ENABLE;
}

bool msix_vector_masked(const PciDevice *dev, unsigned vector)
{
    return dev->msix_function_masked ||
           dev->msix_table[vector * MSIX_ENTRY_SIZE + MSIX_ENTRY_CTRL] & MSIX_ENTRY_MASKED;
}

MsiMessage msix_message(const PciDevice *dev, unsigned vector)
{
    const uint8_t *e = dev->msix_table + vector * MSIX_ENTRY_SIZE;

    return (MsiMessage){ ld_le64(e), ld_le32(e + 8) };
}

void msix_notify(PciDevice *dev, unsigned vector)
{
    if (!msix_enabled(dev) || vector >= dev->msix_entries) {
        return;
    }
    if (msix_vector_masked(dev, vector)) {
        dev->msix_pba[vector / 8] |= 1 << (vector % 8);
        return;
    }
    pci_send_msi(dev, msix_message(dev, vector));
}

static void fire_pending(PciDevice *dev, unsigned vector)
{
    if (dev->msix_pba[vector / 8] >> (vector % 8) & 1 && msix_enabled(dev) &&
        !msix_vector_masked(dev, vector)) {
        dev->msix_pba[vector / 8] &= ~(1 << (vector % 8));
        msix_notify(dev, vector);
    }
}

static void function_mask_update(PciDevice *dev)
{
    dev->msix_function_masked = !(control(dev) & MSIX_ENABLE) || control(dev) & MSIX_MASKALL;
}

void msix_config_written(PciDevice *dev, uint32_t addr, unsigned len)
{
    uint32_t at = dev->msix_cap + MSIX_CTRL;

    if (!dev->msix_cap || addr + len <= at || addr >= at + 2) {
        return;
    }
    function_mask_update(dev);
    if (msix_enabled(dev)) {
        pci_set_irq(dev, 0);
    }
    for (unsigned v = 0; v < dev->msix_entries && !dev->msix_function_masked; v++) {
        fire_pending(dev, v);
    }
}

static uint64_t table_read(void *opaque, uint64_t addr, unsigned size)
{
    PciDevice *dev = opaque;

    return ld_le(dev->msix_table + addr, size);
}

static void table_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    PciDevice *dev = opaque;

    st_le(dev->msix_table + addr, size, value);
    fire_pending(dev, addr / MSIX_ENTRY_SIZE);
}

static uint64_t pba_read(void *opaque, uint64_t addr, unsigned size)
{
    PciDevice *dev = opaque;

    return ld_le(dev->msix_pba + addr, size);
}

static void pba_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}

static const RegionOps table_ops = {
    .read = table_read,
    .write = table_write,
    .valid = { 4, 8 },
    .impl = { 4, 8 },
};
static const RegionOps pba_ops = {
    .read = pba_read,
    .write = pba_write,
    .valid = { 4, 8 },
    .impl = { 4, 8 },
};

static void mask_all(PciDevice *dev)
{
    memset(dev->msix_table, 0, msix_table_bytes(dev));
    for (unsigned v = 0; v < dev->msix_entries; v++) {
        dev->msix_table[v * MSIX_ENTRY_SIZE + MSIX_ENTRY_CTRL] = MSIX_ENTRY_MASKED;
    }
    memset(dev->msix_pba, 0, bits_align_up(dev->msix_entries, 64) / 8);
}

bool msix_init(PciDevice *dev, unsigned vectors, MemoryRegion *table, uint8_t table_bar,
               uint32_t table_offset, MemoryRegion *pba, uint8_t pba_bar, uint32_t pba_offset,
               uint8_t cap_offset, GError **error)
{
    Vm *vm = device_vm(&dev->dev);
    uint32_t pba_size = bits_align_up(MAX(vectors, 1), 64) / 8;
    uint8_t at;

    if (vectors < 1 || vectors > MSIX_MAX_VECTORS) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "%u MSI-X vectors asked for (1 to %u possible)", vectors, MSIX_MAX_VECTORS);
        return false;
    }
    at = pci_add_capability(dev, PCI_CAP_ID_MSIX, cap_offset, 12, error);
    if (!at) {
        return false;
    }
    dev->msix_cap = at;
    dev->msix_entries = vectors;
    pci_set16(dev, at + MSIX_CTRL, vectors - 1);
    pci_set32(dev, at + 4, table_offset | table_bar);
    pci_set32(dev, at + 8, pba_offset | pba_bar);
    pci_wmask16(dev, at + MSIX_CTRL, MSIX_ENABLE | MSIX_MASKALL);
    dev->msix_table = g_malloc0(msix_table_bytes(dev));
    dev->msix_pba = g_malloc0(pba_size);
    dev->msix_function_masked = true;
    mask_all(dev);
    memory_region_init_io(&dev->msix_table_mr, vm, &dev->dev.obj, &table_ops, dev, "msix-table",
                          msix_table_bytes(dev));
    memory_region_add(table, table_offset, &dev->msix_table_mr);
    memory_region_init_io(&dev->msix_pba_mr, vm, &dev->dev.obj, &pba_ops, dev, "msix-pba",
                          pba_size);
    memory_region_add(pba, pba_offset, &dev->msix_pba_mr);
    return true;
}

bool msix_init_own_bar(PciDevice *dev, unsigned vectors, uint8_t bar, GError **error)
{
    uint64_t size = 4096;
    uint32_t pba_offset = 2048;
    g_autofree char *name = NULL;

    if (vectors * MSIX_ENTRY_SIZE > pba_offset) {
        pba_offset = bits_pow2_ceil(vectors * MSIX_ENTRY_SIZE);
        size = 2 * pba_offset;
    }
    if (vectors > MSIX_MAX_VECTORS) {
        pba_offset = 2048;
        size = 4096;
    }
    name = g_strdup_printf("%s-msix", object_type_name(&dev->dev.obj));
    memory_region_init(&dev->msix_bar_mr, device_vm(&dev->dev), &dev->dev.obj, name, size);
    if (!msix_init(dev, vectors, &dev->msix_bar_mr, bar, 0, &dev->msix_bar_mr, bar, pba_offset, 0,
                   error)) {
        memory_region_clear(&dev->msix_bar_mr);
        return false;
    }
    dev->msix_own_bar = true;
    pci_register_bar(dev, bar, PCI_BAR_MEM32, &dev->msix_bar_mr);
    return true;
}

void msix_clear(PciDevice *dev)
{
    if (!dev->msix_cap) {
        return;
    }
    memory_region_clear(&dev->msix_table_mr);
    memory_region_clear(&dev->msix_pba_mr);
    if (dev->msix_own_bar) {
        memory_region_clear(&dev->msix_bar_mr);
    }
    g_clear_pointer(&dev->msix_table, g_free);
    g_clear_pointer(&dev->msix_pba, g_free);
    dev->msix_cap = 0;
    dev->msix_entries = 0;
    dev->msix_own_bar = false;
}

void msix_reset(PciDevice *dev)
{
    if (!dev->msix_cap) {
        return;
    }
    pci_set16(dev, dev->msix_cap + MSIX_CTRL, control(dev) & ~(MSIX_ENABLE | MSIX_MASKALL));
    mask_all(dev);
    function_mask_update(dev);
}

void msix_save(const PciDevice *dev, uint8_t *table, uint8_t *pba)
{
    memcpy(table, dev->msix_table, msix_table_bytes(dev));
    memcpy(pba, dev->msix_pba, msix_pba_bytes(dev));
}

void msix_load(PciDevice *dev, const uint8_t *table, const uint8_t *pba)
{
    memcpy(dev->msix_table, table, msix_table_bytes(dev));
    memcpy(dev->msix_pba, pba, msix_pba_bytes(dev));
    function_mask_update(dev);
}
