/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The legacy interface (virtio 1.2, section 4.1.4.10): an I/O BAR with the common registers at 0, two
 * MSI-X registers behind them while MSI-X is on, then the device's config.
 */
#include "pci-priv.h"

#include "base/util/bits.h"

enum {
    REG_HOST_FEATURES = 0x00, /* 32 */
    REG_GUEST_FEATURES = 0x04,
    REG_QUEUE_PFN = 0x08,
    REG_QUEUE_NUM = 0x0c, /* 16, read only */
    REG_QUEUE_SEL = 0x0e,
    REG_QUEUE_NOTIFY = 0x10,
    REG_STATUS = 0x12, /* 8 */
    REG_ISR = 0x13,
    REG_CONFIG_VECTOR = 0x14, /* only with MSI-X */
    REG_QUEUE_VECTOR = 0x16,
};

static uint32_t config_offset(const VirtioPci *proxy)
{
    return msix_enabled(&proxy->pci) ? 0x18 : 0x14;
}

static VirtQueue *selected(VirtioDevice *dev)
{
    return &dev->queues[dev->queue_sel < VIRTIO_QUEUE_MAX ? dev->queue_sel : 0];
}

static uint64_t legacy_read(void *opaque, uint64_t addr, unsigned size)
{
    VirtioPci *proxy = opaque;
    VirtioDevice *dev = proxy->backend;

    if (addr >= config_offset(proxy)) {
        return virtio_config_read(dev, (uint32_t)addr - config_offset(proxy), size);
    }
    switch (addr) {
    case REG_HOST_FEATURES: return (uint32_t)dev->host_features;
    case REG_GUEST_FEATURES: return (uint32_t)dev->guest_features;
    case REG_QUEUE_PFN: return virtio_queue_legacy_pfn(dev, selected(dev)->index);
    case REG_QUEUE_NUM: return selected(dev)->num;
    case REG_QUEUE_SEL: return dev->queue_sel;
    case REG_STATUS: return dev->status;
    case REG_ISR: return virtio_pci_read_isr(proxy);
    case REG_CONFIG_VECTOR: return dev->config_vector;
    case REG_QUEUE_VECTOR: return selected(dev)->vector;
    default: return UINT32_MAX >> (32 - 8 * size);
    }
}

static void legacy_set_pfn(VirtioPci *proxy, uint32_t pfn)
{
    VirtioDevice *dev = proxy->backend;

    if (!pfn) {
        virtio_reset(dev);
        pci_set_irq(&proxy->pci, 0);
    } else {
        virtio_queue_set_legacy_pfn(dev, selected(dev)->index, pfn);
    }
}

static void legacy_set_status(VirtioPci *proxy, uint8_t status)
{
    virtio_set_status(proxy->backend, status);
    if (!status) {
        pci_set_irq(&proxy->pci, 0);
    }
}

static void legacy_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    VirtioPci *proxy = opaque;
    VirtioDevice *dev = proxy->backend;

    if (addr >= config_offset(proxy)) {
        virtio_config_write(dev, (uint32_t)addr - config_offset(proxy), (uint32_t)value, size);
        return;
    }
    switch (addr) {
    case REG_GUEST_FEATURES: virtio_set_features(dev, (uint32_t)value); break;
    case REG_QUEUE_PFN: legacy_set_pfn(proxy, (uint32_t)value); break;
    case REG_QUEUE_SEL:
        if (value < VIRTIO_QUEUE_MAX) {
            dev->queue_sel = (uint16_t)value;
        }
        break;
    case REG_QUEUE_NOTIFY: virtio_queue_notify(dev, (unsigned)value); break;
    case REG_STATUS: legacy_set_status(proxy, (uint8_t)value); break;
    case REG_CONFIG_VECTOR:
        dev->config_vector = virtio_pci_check_vector(proxy, (uint32_t)value);
        break;
    case REG_QUEUE_VECTOR:
        selected(dev)->vector = virtio_pci_check_vector(proxy, (uint32_t)value);
        break;
    default: break;
    }
}

static const RegionOps legacy_ops = {
    .read = legacy_read,
    .write = legacy_write,
    .valid = { 1, 4 },
    .impl = { 1, 4 },
};

void virtio_pci_legacy_init(VirtioPci *proxy)
{
    uint64_t size = bits_pow2_ceil(0x18 + proxy->backend->config_len);

    memory_region_init_io(&proxy->legacy_mr, virtio_vm(proxy->backend), &proxy->pci.dev.obj,
                          &legacy_ops, proxy, "virtio-pci", size);
    pci_register_bar(&proxy->pci, 0, PCI_BAR_IO, &proxy->legacy_mr);
}
