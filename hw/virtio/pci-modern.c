/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio 1 interface (virtio 1.2, section 4.1.4): four structures in BAR 4, named by vendor
 * capabilities, and the capability through which they can be reached by configuration accesses.
 */
#include "pci-priv.h"

#include "base/util/bits.h"
#include "base/util/endian.h"

/* common configuration structure */
enum {
    C_DEVICE_FEATURE_SELECT = 0x00,
    C_DEVICE_FEATURE = 0x04,
    C_DRIVER_FEATURE_SELECT = 0x08,
    C_DRIVER_FEATURE = 0x0c,
    C_CONFIG_VECTOR = 0x10,
    C_NUM_QUEUES = 0x12,
    C_STATUS = 0x14,
    C_GENERATION = 0x15,
    C_QUEUE_SELECT = 0x16,
    C_QUEUE_SIZE = 0x18,
    C_QUEUE_VECTOR = 0x1a,
    C_QUEUE_ENABLE = 0x1c,
    C_QUEUE_NOTIFY_OFF = 0x1e,
    C_QUEUE_DESC = 0x20,
    C_QUEUE_DRIVER = 0x28,
    C_QUEUE_DEVICE = 0x30,
    C_QUEUE_NOTIFY_DATA = 0x38,
    C_QUEUE_RESET = 0x3a,
};

static VirtQueue *selected(VirtioDevice *dev)
{
    return dev->queue_sel < VIRTIO_QUEUE_MAX ? &dev->queues[dev->queue_sel] : NULL;
}

static uint64_t queue_read(VirtQueue *vq, uint64_t addr)
{
    switch (addr) {
    case C_QUEUE_SIZE: return vq->num;
    case C_QUEUE_VECTOR: return vq->vector;
    case C_QUEUE_ENABLE: return vq->enabled;
    case C_QUEUE_NOTIFY_OFF: return vq->index;
    case C_QUEUE_DESC: return (uint32_t)vq->desc;
    case C_QUEUE_DESC + 4: return vq->desc >> 32;
    case C_QUEUE_DRIVER: return (uint32_t)vq->driver;
    case C_QUEUE_DRIVER + 4: return vq->driver >> 32;
    case C_QUEUE_DEVICE: return (uint32_t)vq->device;
    case C_QUEUE_DEVICE + 4: return vq->device >> 32;
    case C_QUEUE_NOTIFY_DATA: return vq->index;
    default: return 0; /* also C_QUEUE_RESET: a reset is over when the write returns */
    }
}

static uint64_t common_read(void *opaque, uint64_t addr, unsigned size)
{
    VirtioPci *proxy = opaque;
    VirtioDevice *dev = proxy->backend;
    VirtQueue *vq = selected(dev);

    switch (addr) {
    case C_DEVICE_FEATURE_SELECT: return proxy->device_select;
    case C_DEVICE_FEATURE:
        return proxy->device_select < 2
                   ? (uint32_t)(dev->host_features >> 32 * proxy->device_select)
                   : 0;
    case C_DRIVER_FEATURE_SELECT: return proxy->driver_select;
    case C_DRIVER_FEATURE:
        return proxy->driver_select < 2 ? proxy->driver_features[proxy->driver_select] : 0;
    case C_CONFIG_VECTOR: return dev->config_vector;
    case C_NUM_QUEUES: return virtio_queue_count(dev);
    case C_STATUS: return dev->status;
    case C_GENERATION: return dev->config_generation;
    case C_QUEUE_SELECT: return dev->queue_sel;
    default: return vq ? queue_read(vq, addr) : 0;
    }
}

static void set_half(uint64_t *reg, bool high, uint32_t value)
{
    *reg = bits_deposit64(*reg, high ? 32 : 0, 32, value);
}

static void queue_write(VirtioPci *proxy, VirtQueue *vq, uint64_t addr, uint64_t value)
{
    VirtioDevice *dev = proxy->backend;

    if (vq->enabled && addr != C_QUEUE_VECTOR && addr != C_QUEUE_RESET) {
        return; /* only a reset changes a queue in use */
    }
    switch (addr) {
    case C_QUEUE_SIZE: virtio_queue_set_num(dev, vq->index, (uint16_t)value); break;
    case C_QUEUE_VECTOR: vq->vector = virtio_pci_check_vector(proxy, (uint32_t)value); break;
    case C_QUEUE_ENABLE:
        if (value == 1) {
            virtio_queue_enable(dev, vq->index);
        }
        break;
    case C_QUEUE_DESC:
    case C_QUEUE_DESC + 4: set_half(&vq->desc, addr & 4, (uint32_t)value); break;
    case C_QUEUE_DRIVER:
    case C_QUEUE_DRIVER + 4: set_half(&vq->driver, addr & 4, (uint32_t)value); break;
    case C_QUEUE_DEVICE:
    case C_QUEUE_DEVICE + 4: set_half(&vq->device, addr & 4, (uint32_t)value); break;
    case C_QUEUE_RESET:
        if (value == 1 && virtio_has(dev, VIRTIO_F_RING_RESET)) {
            virtio_queue_reset(dev, vq->index);
        }
        break;
    default: break;
    }
}

static void status_write(VirtioPci *proxy, uint8_t status)
{
    virtio_set_status(proxy->backend, status);
    if (!status) {
        proxy->driver_features[0] = proxy->driver_features[1] = 0;
        pci_set_irq(&proxy->pci, 0);
    }
}

static void common_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    VirtioPci *proxy = opaque;
    VirtioDevice *dev = proxy->backend;
    VirtQueue *vq = selected(dev);

    switch (addr) {
    case C_DEVICE_FEATURE_SELECT: proxy->device_select = (uint32_t)value; break;
    case C_DRIVER_FEATURE_SELECT: proxy->driver_select = (uint32_t)value; break;
    case C_DRIVER_FEATURE:
        if (proxy->driver_select < 2) {
            proxy->driver_features[proxy->driver_select] = (uint32_t)value;
            virtio_set_features(dev, (uint64_t)proxy->driver_features[1] << 32 |
                                         proxy->driver_features[0]);
        }
        break;
    case C_CONFIG_VECTOR:
        dev->config_vector = virtio_pci_check_vector(proxy, (uint32_t)value);
        break;
    case C_STATUS: status_write(proxy, (uint8_t)value); break;
    case C_QUEUE_SELECT:
        if (value < VIRTIO_QUEUE_MAX) {
            dev->queue_sel = (uint16_t)value;
        }
        break;
    default:
        if (vq && vq->num_default) {
            queue_write(proxy, vq, addr, value);
        }
    }
}

static uint64_t isr_read(void *opaque, uint64_t addr, unsigned size)
{
    return addr ? 0 : virtio_pci_read_isr(opaque);
}

static void isr_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}

static uint64_t device_read(void *opaque, uint64_t addr, unsigned size)
{
    return virtio_config_read(((VirtioPci *)opaque)->backend, (uint32_t)addr, size);
}

static void device_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    virtio_config_write(((VirtioPci *)opaque)->backend, (uint32_t)addr, (uint32_t)value, size);
}

static uint64_t notify_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}

static void notify_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    VirtioPci *proxy = opaque;

    virtio_queue_notify(proxy->backend, (unsigned)(addr / proxy->notify_multiplier));
}

#define MODERN_OPS(name_, read_, write_, max_)                                       \
    static const RegionOps name_ = {                                                 \
        .read = (read_), .write = (write_), .valid = { 1, (max_) }, .impl = { 1, 4 } \
    }
MODERN_OPS(common_ops, common_read, common_write, 4);
MODERN_OPS(isr_ops, isr_read, isr_write, 4);
MODERN_OPS(device_ops_table, device_read, device_write, 8);
MODERN_OPS(notify_ops, notify_read, notify_write, 4);

/* ---- capabilities ---- */

enum {
    CAP_COMMON = 1,
    CAP_NOTIFY = 2,
    CAP_ISR = 3,
    CAP_DEVICE = 4,
    CAP_PCI = 5
};

static bool add_cap(VirtioPci *proxy, uint8_t type, uint8_t size, uint32_t offset, uint32_t length,
                    uint8_t *at, GError **error)
{
    PciDevice *pci = &proxy->pci;
    uint8_t cap = pci_add_capability(pci, PCI_CAP_ID_VNDR, 0, size, error);

    if (!cap) {
        return false;
    }
    pci_set8(pci, cap + 2, size);
    pci_set8(pci, cap + 3, type);
    pci_set8(pci, cap + 4, type == CAP_PCI ? 0 : MODERN_BAR);
    pci_set32(pci, cap + 8, offset);
    pci_set32(pci, cap + 12, length);
    if (type == CAP_NOTIFY) {
        pci_set32(pci, cap + 16, proxy->notify_multiplier);
    }
    if (at) {
        *at = cap;
    }
    return true;
}

static void add_struct(VirtioPci *proxy, MemoryRegion *mr, const RegionOps *ops, const char *name,
                       uint32_t offset, uint64_t size)
{
    memory_region_init_io(mr, virtio_vm(proxy->backend), &proxy->pci.dev.obj, ops, proxy, name,
                          size);
    memory_region_add(&proxy->modern_bar, offset, mr);
}

bool virtio_pci_modern_init(VirtioPci *proxy, GError **error)
{
    PciDevice *pci = &proxy->pci;
    uint64_t notify_bytes;

    proxy->notify_multiplier = proxy->page_per_vq ? 0x1000 : 4;
    notify_bytes = (uint64_t)proxy->notify_multiplier * VIRTIO_QUEUE_MAX;
    if (!add_cap(proxy, CAP_COMMON, 16, COMMON_OFFSET, STRUCT_BYTES, NULL, error) ||
        !add_cap(proxy, CAP_ISR, 16, ISR_OFFSET, STRUCT_BYTES, NULL, error) ||
        !add_cap(proxy, CAP_DEVICE, 16, DEVICE_OFFSET, STRUCT_BYTES, NULL, error) ||
        !add_cap(proxy, CAP_NOTIFY, 20, NOTIFY_OFFSET, (uint32_t)notify_bytes, NULL, error) ||
        !add_cap(proxy, CAP_PCI, 20, 0, 0, &proxy->cfg_cap, error)) {
        return false;
    }
    /* The driver chooses bar, offset, length, and reads or writes the data. */
    pci_wmask8(pci, proxy->cfg_cap + 4, 0xff);
    pci_wmask32(pci, proxy->cfg_cap + 8, UINT32_MAX);
    pci_wmask32(pci, proxy->cfg_cap + 12, UINT32_MAX);
    pci_wmask32(pci, proxy->cfg_cap + 16, UINT32_MAX);
    memory_region_init(&proxy->modern_bar, virtio_vm(proxy->backend), &pci->dev.obj, "virtio-pci",
                       bits_pow2_ceil(NOTIFY_OFFSET + notify_bytes));
    add_struct(proxy, &proxy->common_mr, &common_ops, "virtio-pci-common", COMMON_OFFSET,
               STRUCT_BYTES);
    add_struct(proxy, &proxy->isr_mr, &isr_ops, "virtio-pci-isr", ISR_OFFSET, STRUCT_BYTES);
    add_struct(proxy, &proxy->device_mr, &device_ops_table, "virtio-pci-device", DEVICE_OFFSET,
               STRUCT_BYTES);
    add_struct(proxy, &proxy->notify_mr, &notify_ops, "virtio-pci-notify", NOTIFY_OFFSET,
               notify_bytes);
    pci_register_bar(pci, MODERN_BAR, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &proxy->modern_bar);
    return true;
}

void virtio_pci_modern_clear(VirtioPci *proxy)
{
    memory_region_clear(&proxy->notify_mr);
    memory_region_clear(&proxy->device_mr);
    memory_region_clear(&proxy->isr_mr);
    memory_region_clear(&proxy->common_mr);
    memory_region_clear(&proxy->modern_bar);
}

/* ---- the configuration access window ---- */

/* The region that the window shows, or NULL: a length of 1, 2 or 4, aligned, inside BAR 4. */
static MemoryRegion *window(VirtioPci *proxy, uint64_t *offset, unsigned *len)
{
    PciDevice *pci = &proxy->pci;
    uint32_t at = pci_get32(pci, proxy->cfg_cap + 8), n = pci_get32(pci, proxy->cfg_cap + 12);
    MemoryRegion *mrs[] = { &proxy->common_mr, &proxy->isr_mr, &proxy->device_mr,
                            &proxy->notify_mr };
    unsigned i = MIN(at / STRUCT_BYTES, 3u);

    if (pci_get8(pci, proxy->cfg_cap + 4) != MODERN_BAR || (n != 1 && n != 2 && n != 4) || at % n ||
        at - i * STRUCT_BYTES + n > memory_region_size(mrs[i])) {
        return NULL;
    }
    *offset = at - i * STRUCT_BYTES;
    *len = n;
    return mrs[i];
}

static bool touches_data(const VirtioPci *proxy, uint32_t addr, unsigned len)
{
    uint32_t data = proxy->cfg_cap + 16u;

    return proxy->cfg_cap && addr < data + 4 && addr + len > data;
}

uint32_t virtio_pci_config_read(PciDevice *pci, uint32_t addr, unsigned len)
{
    VirtioPci *proxy = VIRTIO_PCI(pci);
    uint64_t offset, value = 0;
    unsigned n;
    MemoryRegion *mr;

    if (touches_data(proxy, addr, len) && (mr = window(proxy, &offset, &n))) {
        memory_region_dispatch_read(mr, offset, &value, n, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE);
        st_le(pci->config + proxy->cfg_cap + 16, n, value);
    }
    return pci_config_default_read(pci, addr, len);
}

void virtio_pci_config_write(PciDevice *pci, uint32_t addr, uint32_t value, unsigned len)
{
    VirtioPci *proxy = VIRTIO_PCI(pci);
    uint64_t offset;
    unsigned n;
    MemoryRegion *mr;

    pci_config_default_write(pci, addr, value, len);
    pcie_flr_written(pci, addr, len);
    if (touches_data(proxy, addr, len) && (mr = window(proxy, &offset, &n))) {
        memory_region_dispatch_write(mr, offset, ld_le(pci->config + proxy->cfg_cap + 16, n), n,
                                     DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE);
    }
}
