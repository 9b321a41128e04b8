/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Message signalled interrupts (PCI Local Bus 3.0, 6.8.1). */
#include "base/util/bits.h"
#include "pci-priv.h"

/* Message Control */
#define MSI_CTRL    2
#define MSI_ENABLE  0x0001
#define MSI_QSIZE   0x0070
#define MSI_64BIT   0x0080
#define MSI_MASKBIT 0x0100

static bool is_64bit(const PciDevice *dev)
{
    return pci_get16(dev, dev->msi_cap + MSI_CTRL) & MSI_64BIT;
}
static uint8_t data_off(const PciDevice *dev)
{
    return dev->msi_cap + (is_64bit(dev) ? 12 : 8);
}
static uint8_t mask_off(const PciDevice *dev)
{
    return dev->msi_cap + (is_64bit(dev) ? 16 : 12);
}

bool msi_init(PciDevice *dev, uint8_t offset, unsigned vectors, bool addr64, bool vector_mask,
              GError **error)
{
    uint8_t size = (addr64 ? 14 : 10) + (vector_mask ? 10 : 0);
    uint8_t at;
    uint16_t ctrl;

    g_assert(vectors <= 32 && bits_is_pow2(vectors));
    at = pci_add_capability(dev, PCI_CAP_ID_MSI, offset, size, error);
    if (!at) {
        return false;
    }
    dev->msi_cap = at;
    ctrl = bits_ctz32(vectors) << 1 | (addr64 ? MSI_64BIT : 0) | (vector_mask ? MSI_MASKBIT : 0);
    pci_set16(dev, at + MSI_CTRL, ctrl);
    pci_wmask16(dev, at + MSI_CTRL, MSI_ENABLE | MSI_QSIZE);
    pci_wmask32(dev, at + 4, 0xfffffffc);
    if (addr64) {
        pci_wmask32(dev, at + 8, 0xffffffff);
    }
    pci_wmask16(dev, data_off(dev), 0xffff);
    if (vector_mask) {
        pci_wmask32(dev, mask_off(dev), vectors == 32 ? UINT32_MAX : (1u << vectors) - 1);
    }
    return true;
}

bool msi_enabled(const PciDevice *dev)
{
    return dev->msi_cap && pci_get16(dev, dev->msi_cap + MSI_CTRL) & MSI_ENABLE;
}

unsigned msi_vectors(const PciDevice *dev)
{
    uint16_t ctrl = pci_get16(dev, dev->msi_cap + MSI_CTRL);

    return 1u << MIN((ctrl & MSI_QSIZE) >> 4, (ctrl >> 1) & 7);
}

void pci_send_msi(PciDevice *dev, MsiMessage msg)
{
    MemAttrs attrs = pci_dma_attrs(dev);

    address_space_st(dev->dma_as, msg.address, msg.data, 4, DEVICE_LITTLE_ENDIAN, attrs, NULL);
}

static MsiMessage message(const PciDevice *dev, unsigned vector)
{
    unsigned n = msi_vectors(dev);
    MsiMessage msg = { pci_get32(dev, dev->msi_cap + 4), pci_get16(dev, data_off(dev)) };

    if (is_64bit(dev)) {
        msg.address |= (uint64_t)pci_get32(dev, dev->msi_cap + 8) << 32;
    }
    msg.data = (msg.data & ~(n - 1)) | (vector & (n - 1));
    return msg;
}

void msi_notify(PciDevice *dev, unsigned vector)
{
    if (!msi_enabled(dev)) {
        return;
    }
    vector &= msi_vectors(dev) - 1;
    if (pci_get16(dev, dev->msi_cap + MSI_CTRL) & MSI_MASKBIT &&
        pci_get32(dev, mask_off(dev)) >> vector & 1) {
        uint32_t pending = pci_get32(dev, mask_off(dev) + 4);

        pci_set32(dev, mask_off(dev) + 4, pending | 1u << vector);
        return;
    }
    pci_send_msi(dev, message(dev, vector));
}

/* The guest may have unmasked or enabled: send what waited. */
void msi_config_written(PciDevice *dev, uint32_t addr, unsigned len)
{
    uint32_t pending;

    if (!dev->msi_cap || addr + len <= dev->msi_cap || addr >= dev->msi_cap + 24u ||
        !msi_enabled(dev) || !(pci_get16(dev, dev->msi_cap + MSI_CTRL) & MSI_MASKBIT)) {
        return;
    }
    pending = pci_get32(dev, mask_off(dev) + 4) & ~pci_get32(dev, mask_off(dev));
    pci_set32(dev, mask_off(dev) + 4, pci_get32(dev, mask_off(dev) + 4) & ~pending);
    for (unsigned v = 0; v < 32; v++) {
        if (pending >> v & 1) {
            pci_send_msi(dev, message(dev, v));
        }
    }
}

/* What the guest cannot write; the rest is as it was realized already. */
void msi_reset(PciDevice *dev)
{
    if (dev->msi_cap && pci_get16(dev, dev->msi_cap + MSI_CTRL) & MSI_MASKBIT) {
        pci_set32(dev, mask_off(dev) + 4, 0);
    }
}
