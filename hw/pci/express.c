/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI Express capability structures: the capability itself, AER, ARI (PCIe Base, chapter 7). */
#include "pci-priv.h"

bool pcie_cap_init(PciDevice *dev, uint8_t offset, uint8_t type, uint8_t port, GError **error)
{
    PciBus *bus = pci_device_bus(dev);
    uint8_t at = pci_add_capability(dev, PCI_CAP_ID_EXP, offset, PCI_EXP_CAP_SIZE, error);
    bool link;

    if (!at) {
        return false;
    }
    if (type == PCI_EXP_TYPE_ENDPOINT && !bus->bridge) {
        type = PCI_EXP_TYPE_RC_ENDPOINT;
    }
    link = type != PCI_EXP_TYPE_RC_ENDPOINT;
    dev->exp_cap = at;
    pci_set16(dev, at + PCI_EXP_FLAGS, 2 | type << 4);
    pci_set32(dev, at + PCI_EXP_DEVCAP, 0x8000); /* role-based error reporting */
    pci_wmask16(dev, at + PCI_EXP_DEVCTL, 0x000f);
    pci_w1cmask16(dev, at + PCI_EXP_DEVSTA, 0x000f);
    if (link) {
        /* x1 at 2.5 GT/s, data link layer active reporting is a port's to add */
        pci_set32(dev, at + PCI_EXP_LNKCAP, (uint32_t)port << 24 | 1 << 4 | 1);
        pci_set16(dev, at + PCI_EXP_LNKSTA, 1 << 4 | 1);
        pci_wmask16(dev, at + PCI_EXP_LNKCTL, 0x0008);
    }
    memset(dev->cmask + at + PCI_EXP_DEVCTL, 0, 4);
    memset(dev->cmask + at + PCI_EXP_LNKCTL, 0, 4);
    memset(dev->cmask + at + PCI_EXP_SLTCTL, 0, 4);
    memset(dev->cmask + at + PCI_EXP_RTCTL, 0, 8);
    memset(dev->cmask + at + PCI_EXP_DEVCTL2, 0, 4);
    return true;
}

/* Registers only: nothing here signals errors. */
void pcie_aer_init(PciDevice *dev, uint16_t offset)
{
    uint16_t at = pcie_add_ext_capability(dev, PCI_EXT_CAP_ID_ERR, 2, offset, 0x48);

    if (!at) {
        return;
    }
    dev->aer_cap = at;
    pci_w1cmask32(dev, at + 0x04, 0x07fff030); /* uncorrectable status */
    pci_wmask32(dev, at + 0x08, 0x07fff030);
    pci_set32(dev, at + 0x0c, 0x00462030); /* severity defaults */
    pci_wmask32(dev, at + 0x0c, 0x07fff030);
    pci_w1cmask32(dev, at + 0x10, 0x0000f1c1); /* correctable status */
    pci_set32(dev, at + 0x14, 0x0000e000);
    pci_wmask32(dev, at + 0x14, 0x0000f1c1);
    memset(dev->cmask + at + 4, 0, 0x44);
}

void pcie_ari_init(PciDevice *dev, uint16_t offset, uint16_t next_fn)
{
    uint16_t at = pcie_add_ext_capability(dev, PCI_EXT_CAP_ID_ARI, 1, offset, 8);

    if (at) {
        pci_set16(dev, at + 4, (next_fn & 0xff) << 8);
    }
}
