/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space: accessors, the default read and write, the capability lists.
 * (PCI Local Bus 3.0 chapter 6; PCI Express Base chapter 7.)
 */
#include "pci-priv.h"

uint8_t pci_get8(const PciDevice *dev, uint32_t addr)
{
    return dev->config[addr];
}
uint16_t pci_get16(const PciDevice *dev, uint32_t addr)
{
    return ld_le16(dev->config + addr);
}
uint32_t pci_get32(const PciDevice *dev, uint32_t addr)
{
    return ld_le32(dev->config + addr);
}
uint64_t pci_get64(const PciDevice *dev, uint32_t addr)
{
    return ld_le64(dev->config + addr);
}
void pci_set8(PciDevice *dev, uint32_t addr, uint8_t value)
{
    dev->config[addr] = value;
}
void pci_set16(PciDevice *dev, uint32_t addr, uint16_t value)
{
    st_le16(dev->config + addr, value);
}
void pci_set32(PciDevice *dev, uint32_t addr, uint32_t value)
{
    st_le32(dev->config + addr, value);
}
void pci_wmask8(PciDevice *dev, uint32_t addr, uint8_t mask)
{
    dev->wmask[addr] = mask;
}
void pci_wmask16(PciDevice *dev, uint32_t addr, uint16_t mask)
{
    st_le16(dev->wmask + addr, mask);
}
void pci_wmask32(PciDevice *dev, uint32_t addr, uint32_t mask)
{
    st_le32(dev->wmask + addr, mask);
}
void pci_w1cmask16(PciDevice *dev, uint32_t addr, uint16_t mask)
{
    st_le16(dev->w1cmask + addr, mask);
}
void pci_w1cmask32(PciDevice *dev, uint32_t addr, uint32_t mask)
{
    st_le32(dev->w1cmask + addr, mask);
}

static bool ranges_overlap(uint32_t a, uint32_t alen, uint32_t b, uint32_t blen)
{
    return a < b + blen && b < a + alen;
}

uint32_t pci_config_default_read(PciDevice *dev, uint32_t addr, unsigned len)
{
    return ld_le(dev->config + addr, len);
}

void pci_config_default_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    uint16_t old_command = pci_get16(dev, PCI_COMMAND);

    for (unsigned i = 0; i < len; i++, value >>= 8) {
        uint8_t wm = dev->wmask[addr + i], w1c = dev->w1cmask[addr + i], byte = value;
        uint8_t now = (dev->config[addr + i] & ~wm) | (byte & wm);

        dev->config[addr + i] = now & ~(byte & w1c);
    }
    if (ranges_overlap(addr, len, PCI_BASE_ADDRESS_0, 24) ||
        ranges_overlap(addr, len, PCI_ROM_ADDRESS, 4) ||
        ranges_overlap(addr, len, PCI_ROM_ADDRESS1, 4) ||
        ranges_overlap(addr, len, PCI_COMMAND, 2)) {
        pci_bars_update(dev);
    }
    if (ranges_overlap(addr, len, PCI_COMMAND, 2)) {
        pci_dma_update(dev);
        pci_intx_update(dev, old_command);
    }
    msi_config_written(dev, addr, len);
    msix_config_written(dev, addr, len);
}

/* Bounds: an access that runs over the end is what the wire gives for an absent register. */
uint32_t pci_config_read(PciDevice *dev, uint32_t addr, unsigned len)
{
    const PciDeviceOps *ops = pci_device_ops(dev);

    if (addr >= dev->config_size || len > dev->config_size - addr || len > 4) {
        return UINT32_MAX;
    }
    return ops->config_read ? ops->config_read(dev, addr, len)
                            : pci_config_default_read(dev, addr, len);
}

void pci_config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    const PciDeviceOps *ops = pci_device_ops(dev);

    if (addr >= dev->config_size || len > dev->config_size - addr || len > 4) {
        return;
    }
    if (ops->config_write) {
        ops->config_write(dev, addr, value, len);
    } else {
        pci_config_default_write(dev, addr, value, len);
    }
}

static bool range_free(const PciDevice *dev, unsigned offset, unsigned size)
{
    for (unsigned i = offset; i < offset + size; i++) {
        if (dev->used[i]) {
            return false;
        }
    }
    return true;
}

uint8_t pci_add_capability(PciDevice *dev, uint8_t id, uint8_t offset, uint8_t size, GError **error)
{
    unsigned at = offset, padded = (size + 3u) & ~3u;

    if (!at) {
        for (at = PCI_CONFIG_HEADER; at + padded <= PCI_CONFIG_SIZE; at += 4) {
            if (range_free(dev, at, padded)) {
                break;
            }
        }
    }
    if (at < PCI_CONFIG_HEADER || at + padded > PCI_CONFIG_SIZE || !range_free(dev, at, padded)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_RESOURCE,
                    "%s: no place for PCI capability 0x%02x of %u bytes in %u bytes of "
                    "configuration space",
                    object_type_name(&dev->dev.obj), id, size, PCI_CONFIG_SIZE);
        return 0;
    }
    dev->config[at] = id;
    dev->config[at + 1] = dev->config[PCI_CAPABILITY_LIST];
    dev->config[PCI_CAPABILITY_LIST] = at;
    pci_set16(dev, PCI_STATUS, pci_get16(dev, PCI_STATUS) | PCI_STATUS_CAP_LIST);
    memset(dev->used + at, 0xff, padded);
    memset(dev->wmask + at, 0, padded);
    memset(dev->cmask + at, 0xff, size);
    return at;
}

uint8_t pci_find_capability(const PciDevice *dev, uint8_t id)
{
    uint8_t at = dev->config[PCI_CAPABILITY_LIST];

    for (int guard = 0; at && guard < 48; guard++) {
        if (dev->config[at] == id) {
            return at;
        }
        at = dev->config[at + 1];
    }
    return 0;
}

uint16_t pcie_add_ext_capability(PciDevice *dev, uint16_t id, uint8_t version, uint16_t offset,
                                 uint16_t size)
{
    uint16_t last = 0, at = PCI_CONFIG_SIZE;

    if (dev->config_size < PCIE_CONFIG_SIZE) {
        return 0;
    }
    if (!offset) {
        offset = dev->next_ext_cap ? dev->next_ext_cap : PCI_CONFIG_SIZE;
    }
    g_assert(offset >= PCI_CONFIG_SIZE && offset + size <= PCIE_CONFIG_SIZE);
    for (uint32_t header; (header = pci_get32(dev, at)) != 0 && at != offset;) {
        last = at;
        if (!(header >> 20)) {
            break;
        }
        at = header >> 20;
    }
    pci_set32(dev, offset, id | (uint32_t)version << 16);
    if (last) {
        pci_set32(dev, last, (pci_get32(dev, last) & 0xfffff) | (uint32_t)offset << 20);
    }
    memset(dev->wmask + offset, 0, size);
    memset(dev->cmask + offset, 0xff, size);
    dev->next_ext_cap = MAX(dev->next_ext_cap, (offset + size + 3) & ~3);
    return offset;
}

/* Power management 1.2: D0 and D3hot, no PME. */
bool pci_pm_init(PciDevice *dev, uint8_t offset, GError **error)
{
    uint8_t at = pci_add_capability(dev, PCI_CAP_ID_PM, offset, 8, error);

    if (!at) {
        return false;
    }
    dev->pm_cap = at;
    pci_set16(dev, at + 2, 3);        /* version 3 */
    pci_wmask16(dev, at + 4, 0x0003); /* power state */
    memset(dev->cmask + at + 4, 0, 4);
    return true;
}
