/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI Express capability structures: the capability itself, AER, ARI (PCIe Base, chapter 7). */
#include "pci-priv.h"

bool pcie_cap_init(PciDevice *dev, uint8_t offset, uint8_t type, uint8_t port, GError **error)
{
    uint8_t at = pci_add_capability(dev, PCI_CAP_ID_EXP, offset, PCI_EXP_CAP_SIZE, error);
    bool link;

    if (!at) {
        return false;
    }
    if (type == PCI_EXP_TYPE_ENDPOINT) {
        type = pcie_endpoint_type(pci_device_bus(dev));
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
    pci_w1cmask32(dev, at + 0x04, 0x03fff030); /* uncorrectable status */
    pci_set32(dev, at + 0x08, 0x02400000);     /* internal errors and blocked TLPs are masked */
    pci_wmask32(dev, at + 0x08, 0x03fff030);
    pci_set32(dev, at + 0x0c, 0x00462030); /* severity defaults */
    pci_wmask32(dev, at + 0x0c, 0x03fff030);
    pci_w1cmask32(dev, at + 0x10, 0x0000f1c1); /* correctable status */
    pci_set32(dev, at + 0x14, 0x0000e000);
    pci_wmask32(dev, at + 0x14, 0x0000f1c1);
    pci_set32(dev, at + 0x18, 0xa0); /* ECRC can be made and checked */
    pci_wmask32(dev, at + 0x18, 0x140);
    memset(dev->cmask + at + 4, 0, 0x44);
}

void pcie_cap_as_bridge(PciDevice *dev)
{
    uint8_t at = dev->exp_cap;

    pci_set32(dev, at + PCI_EXP_DEVCAP, 0x8020); /* and tags of 8 bits */
    pci_set32(dev, at + PCI_EXP_LNKCAP, pci_get32(dev, at + PCI_EXP_LNKCAP) | 0x400); /* L0s */
    pci_wmask16(dev, at + PCI_EXP_LNKCTL, 0);
    pci_set32(dev, at + PCI_EXP_DEVCAP2, 0x00300020); /* ARI forwarding, two prefixes end to end */
    pci_wmask16(dev, at + PCI_EXP_DEVCTL2, 0x8020);
}

void pcie_cap_with_flr(PciDevice *dev)
{
    uint8_t at = dev->exp_cap;

    pci_set32(dev, at + PCI_EXP_DEVCAP, 0x10008020); /* and tags of 8 bits */
    pci_wmask16(dev, at + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_FLR);
    pci_set32(dev, at + PCI_EXP_LNKCAP, pci_get32(dev, at + PCI_EXP_LNKCAP) | 0x400); /* L0s */
    pci_wmask16(dev, at + PCI_EXP_LNKCTL, 0x00c0);
    pci_set32(dev, at + PCI_EXP_DEVCAP2, 0x00300000); /* two prefixes end to end */
    pci_wmask16(dev, at + PCI_EXP_DEVCTL2, 0x8000);
}

void pcie_flr_written(PciDevice *dev, uint32_t addr, unsigned len)
{
    uint32_t at = dev->exp_cap + PCI_EXP_DEVCTL;

    if (dev->exp_cap && addr < at + 2 && addr + len > at &&
        pci_get16(dev, at) & PCI_EXP_DEVCTL_FLR) {
        pci_set16(dev, at, pci_get16(dev, at) & ~PCI_EXP_DEVCTL_FLR);
        device_reset(&dev->dev, RESET_WARM);
    }
}

void pcie_aer_as_root(PciDevice *dev)
{
    uint16_t at = dev->aer_cap;

    pci_set32(dev, at + 0x18, 0x2a0); /* and headers of several errors */
    pci_wmask32(dev, at + 0x18, 0x540);
    pci_wmask32(dev, at + 0x2c, 0x7); /* root error command, status */
    pci_w1cmask32(dev, at + 0x30, 0x7f);
}

void pcie_acs_init(PciDevice *dev, uint16_t offset)
{
    uint16_t at = pcie_add_ext_capability(dev, PCI_EXT_CAP_ID_ACS, 1, offset, 8);

    if (at) { /* all but egress control */
        pci_set16(dev, at + 4, 0x5f);
        pci_wmask16(dev, at + 6, 0x5f);
    }
}

void pcie_ari_init(PciDevice *dev, uint16_t offset, uint16_t next_fn)
{
    uint16_t at = pcie_add_ext_capability(dev, PCI_EXT_CAP_ID_ARI, 1, offset, 8);

    if (at) {
        pci_set16(dev, at + 4, (next_fn & 0xff) << 8);
    }
}
