/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory-mapped transport (virtio 1.2, section 4.2). The legacy interface (version 1 of the
 * registers: guest pages, one page number a queue) is the default, as drivers expect it of boards
 * that have these; "force-legacy" off gives version 2. A transport without a device reads as
 * device id 0.
 */
#include "hw/virtio/virtio-mmio.h"

#include "base/util/bits.h"
#include "base/util/log.h"
#include "hw/virtio/saved.h"

#define TYPE_BUS   "virtio-mmio-bus"
#define MAGIC      0x74726976u /* "virt" */
#define VENDOR     0x554d4551u
#define DESC_BYTES 16

enum {
    R_MAGIC = 0x00,
    R_VERSION = 0x04,
    R_DEVICE_ID = 0x08,
    R_VENDOR_ID = 0x0c,
    R_DEVICE_FEATURES = 0x10,
    R_DEVICE_FEATURES_SEL = 0x14,
    R_DRIVER_FEATURES = 0x20,
    R_DRIVER_FEATURES_SEL = 0x24,
    R_GUEST_PAGE_SIZE = 0x28, /* legacy */
    R_QUEUE_SEL = 0x30,
    R_QUEUE_NUM_MAX = 0x34,
    R_QUEUE_NUM = 0x38,
    R_QUEUE_ALIGN = 0x3c, /* legacy */
    R_QUEUE_PFN = 0x40,   /* legacy */
    R_QUEUE_READY = 0x44,
    R_QUEUE_NOTIFY = 0x50,
    R_INTERRUPT_STATUS = 0x60,
    R_INTERRUPT_ACK = 0x64,
    R_STATUS = 0x70,
    R_QUEUE_DESC_LOW = 0x80,
    R_QUEUE_DESC_HIGH = 0x84,
    R_QUEUE_DRIVER_LOW = 0x90,
    R_QUEUE_DRIVER_HIGH = 0x94,
    R_QUEUE_DEVICE_LOW = 0xa0,
    R_QUEUE_DEVICE_HIGH = 0xa4,
    R_SHM_LEN_LOW = 0xb0,
    R_SHM_BASE_HIGH = 0xbc,
    R_CONFIG_GENERATION = 0xfc,
    R_CONFIG = 0x100,
};

typedef struct VirtioMmio {
    Device dev; /* first */
    /* properties */
    bool force_legacy, ioeventfd, path_has_address;
    /* where and how: the board's */
    unsigned number;
    uint64_t addr;
    Irq *irq;
    /* registers */
    uint32_t device_sel, driver_sel, page_shift, driver_features[2];
    uint32_t align[VIRTIO_QUEUE_MAX]; /* legacy: of a queue's used ring; 0: 4096 */
    VirtioBus *bus;
    MemoryRegion mr;
} VirtioMmio;

static VirtioDevice *backend(const VirtioMmio *s)
{
    GPtrArray *devices = s->bus ? s->bus->bus.devices : NULL;
    VirtioDevice *dev = devices && devices->len ? g_ptr_array_index(devices, 0) : NULL;

    return dev && dev->dev.realized ? dev : NULL;
}

bool virtio_mmio_occupied(const Device *dev)
{
    return backend((const VirtioMmio *)dev) != NULL;
}

static VirtQueue *selected(VirtioDevice *dev)
{
    return &dev->queues[dev->queue_sel < VIRTIO_QUEUE_MAX ? dev->queue_sel : 0];
}

/* ---- interrupt update ---- */
static void update_irq(VirtioMmio *s)
{
    const VirtioDevice *dev = backend(s);

    irq_set(s->irq, dev && dev->isr & 3);
}

static void notify_queue(void *transport, VirtQueue *vq)
{
    update_irq(transport);
}

static void notify_config(void *transport)
{
    update_irq(transport);
}

/* ---- read ---- */
static uint32_t features(const VirtioMmio *s, const VirtioDevice *dev)
{
    if (s->force_legacy) {
        return s->device_sel ? 0 : (uint32_t)dev->host_features;
    }
    return s->device_sel > 1 ? 0 : (uint32_t)(dev->host_features >> 32 * s->device_sel);
}

static uint32_t legacy_pfn(const VirtioMmio *s, VirtioDevice *dev)
{
    return (uint32_t)(selected(dev)->desc >> s->page_shift);
}

static uint32_t register_read(VirtioMmio *s, VirtioDevice *dev, uint64_t addr)
{
    switch (addr) {
    case R_DEVICE_ID: return virtio_device_ops(dev)->device_id;
    case R_DEVICE_FEATURES: return features(s, dev);
    case R_QUEUE_NUM_MAX: return selected(dev)->num_default;
    case R_QUEUE_PFN: return s->force_legacy ? legacy_pfn(s, dev) : 0;
    case R_QUEUE_READY: return !s->force_legacy && selected(dev)->enabled;
    case R_INTERRUPT_STATUS: return dev->isr;
    case R_STATUS: return dev->status;
    case R_CONFIG_GENERATION: return s->force_legacy ? 0 : dev->config_generation;
    default:
        return addr >= R_SHM_LEN_LOW && addr <= R_SHM_BASE_HIGH ? UINT32_MAX : 0; /* none there */
    }
}

static uint64_t mmio_read(void *opaque, uint64_t addr, unsigned size)
{
    VirtioMmio *s = opaque;
    VirtioDevice *dev = backend(s);

    if (addr >= R_CONFIG) {
        return dev ? virtio_config_read(dev, (uint32_t)addr - R_CONFIG, size) : 0;
    }
    if (size != 4) {
        log_guest_error("virtio-mmio: a read of %u bytes at 0x%x\n", size, (unsigned)addr);
        return 0;
    }
    switch (addr) {
    case R_MAGIC: return MAGIC;
    case R_VERSION: return s->force_legacy ? 1 : 2;
    case R_VENDOR_ID: return VENDOR;
    default: return dev ? register_read(s, dev, addr) : 0;
    }
}

/* ---- write ---- */
static void reset_registers(VirtioMmio *s)
{
    s->device_sel = s->driver_sel = s->page_shift = 0;
    s->driver_features[0] = s->driver_features[1] = 0;
    memset(s->align, 0, sizeof(s->align));
}

/* A legacy driver says how large its pages are before it resets the device. */
static void reset_all(VirtioMmio *s, VirtioDevice *dev)
{
    virtio_reset(dev);
    if (!s->force_legacy) {
        reset_registers(s);
    }
    update_irq(s);
}

static uint32_t align_of(const VirtioMmio *s, unsigned index)
{
    return s->align[index] ? s->align[index] : 4096;
}

static void set_pfn(VirtioMmio *s, VirtioDevice *dev, uint32_t pfn)
{
    VirtQueue *vq = selected(dev);

    if (!pfn) {
        reset_all(s, dev);
        return;
    }
    if (!vq->num_default) {
        return;
    }
    vq->desc = (uint64_t)pfn << s->page_shift;
    vq->driver = vq->desc + (uint64_t)vq->num * DESC_BYTES;
    vq->device = bits_align_up(vq->driver + 4 + 2ull * vq->num + 2, align_of(s, vq->index));
    virtio_queue_start(dev, vq->index);
}

static void legacy_write(VirtioMmio *s, VirtioDevice *dev, uint64_t addr, uint32_t value)
{
    switch (addr) {
    case R_DRIVER_FEATURES:
        if (!s->driver_sel) {
            virtio_set_features(dev, value);
        }
        break;
    case R_GUEST_PAGE_SIZE: s->page_shift = value ? MIN(bits_log2_floor(value), 31) : 0; break;
    case R_QUEUE_ALIGN:
        if (bits_is_pow2(value) && value <= 1u << 20) {
            s->align[selected(dev)->index] = value;
        }
        break;
    case R_QUEUE_PFN: set_pfn(s, dev, value); break;
    default: log_guest_error("virtio-mmio: a write to register 0x%x\n", (unsigned)addr);
    }
}

static void set_half(uint64_t *whole, bool high, uint32_t value)
{
    *whole = high ? (uint32_t)*whole | (uint64_t)value << 32 : (*whole & ~0xffffffffull) | value;
}

static void queue_ready(VirtioDevice *dev, VirtQueue *vq, uint32_t value)
{
    if (value) {
        virtio_queue_enable(dev, vq->index);
    } else {
        vq->enabled = false;
    }
}

static void modern_write(VirtioMmio *s, VirtioDevice *dev, uint64_t addr, uint32_t value)
{
    VirtQueue *vq = selected(dev);
    bool high = addr & 4;

    switch (addr) {
    case R_DRIVER_FEATURES:
        if (s->driver_sel < 2) {
            s->driver_features[s->driver_sel] = value;
            virtio_set_features(dev, s->driver_features[0] | (uint64_t)s->driver_features[1] << 32);
        }
        break;
    case R_QUEUE_READY: queue_ready(dev, vq, value); break;
    case R_QUEUE_DESC_LOW:
    case R_QUEUE_DESC_HIGH:
    case R_QUEUE_DRIVER_LOW:
    case R_QUEUE_DRIVER_HIGH:
    case R_QUEUE_DEVICE_LOW:
    case R_QUEUE_DEVICE_HIGH:
        if (vq->num_default && !vq->enabled) {
            set_half(addr < R_QUEUE_DRIVER_LOW   ? &vq->desc
                     : addr < R_QUEUE_DEVICE_LOW ? &vq->driver
                                                 : &vq->device,
                     high, value);
        }
        break;
    default: log_guest_error("virtio-mmio: a write to register 0x%x\n", (unsigned)addr);
    }
}

static void mmio_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    VirtioMmio *s = opaque;
    VirtioDevice *dev = backend(s);

    if (!dev) {
        return;
    }
    if (addr >= R_CONFIG) {
        virtio_config_write(dev, (uint32_t)addr - R_CONFIG, (uint32_t)value, size);
        return;
    }
    if (size != 4) {
        log_guest_error("virtio-mmio: a write of %u bytes at 0x%x\n", size, (unsigned)addr);
        return;
    }
    switch (addr) {
    case R_DEVICE_FEATURES_SEL: s->device_sel = (uint32_t)value; break;
    case R_DRIVER_FEATURES_SEL: s->driver_sel = (uint32_t)value; break;
    case R_QUEUE_SEL:
        if (value < VIRTIO_QUEUE_MAX) {
            dev->queue_sel = (uint16_t)value;
        }
        break;
    case R_QUEUE_NUM:
        virtio_queue_set_num(dev, selected(dev)->index, MIN(value, UINT16_MAX));
        break;
    case R_QUEUE_NOTIFY:
        if (value < VIRTIO_QUEUE_MAX) {
            virtio_queue_notify(dev, (unsigned)value);
        }
        break;
    case R_INTERRUPT_ACK:
        dev->isr &= ~value;
        update_irq(s);
        break;
    case R_STATUS:
        if (value & 0xff) {
            virtio_set_status(dev, (uint8_t)value);
        } else {
            reset_all(s, dev);
        }
        break;
    default: (s->force_legacy ? legacy_write : modern_write)(s, dev, addr, (uint32_t)value);
    }
}

static const RegionOps mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .valid = { 1, 4 },
    .impl = { 1, 4 },
};

/* ---- migrated state: part of the device's section ---- */
static void mmio_save(void *transport, VirtioSaved *saved)
{
    const VirtioMmio *s = transport;

    saved->is_mmio = true;
    saved->modern = !s->force_legacy;
    saved->device_select = s->device_sel;
    saved->driver_select = s->driver_sel;
    saved->page_shift = s->page_shift;
    memcpy(saved->driver_features, s->driver_features, sizeof(s->driver_features));
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        saved->queues[i].align = s->force_legacy ? align_of(s, i) : 0;
    }
}

static bool mmio_check(void *transport, const VirtioSaved *saved, GError **error)
{
    if (saved->page_shift > 31) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "guest pages of 2^%u bytes in the stream (limit 2^31)", saved->page_shift);
        return false;
    }
    for (unsigned i = 0; i < saved->n_queues; i++) {
        uint32_t align = saved->queues[i].align;

        if (align && (!bits_is_pow2(align) || align > 1u << 20)) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "queue %u: its used ring is aligned to %u", i, align);
            return false;
        }
    }
    return true;
}

static void mmio_install(void *transport, const VirtioSaved *saved)
{
    VirtioMmio *s = transport;

    s->device_sel = saved->device_select;
    s->driver_sel = saved->driver_select;
    s->page_shift = saved->page_shift;
    memcpy(s->driver_features, saved->driver_features, sizeof(s->driver_features));
    for (unsigned i = 0; i < saved->n_queues; i++) {
        s->align[i] = saved->queues[i].align;
    }
    update_irq(s);
}

/* ---- life ---- */
static AddressSpace *dma_space(void *transport)
{
    return address_space_memory(device_vm(&((VirtioMmio *)transport)->dev));
}

static char *device_path(void *transport)
{
    const VirtioMmio *s = transport;

    return s->path_has_address ? g_strdup_printf("virtio-mmio@%016" G_GINT64_MODIFIER "x", s->addr)
                               : NULL;
}

static bool modern_only(void *transport)
{
    return !((VirtioMmio *)transport)->force_legacy;
}

static const VirtioTransport mmio_transport = {
    .notify_queue = notify_queue,
    .notify_config = notify_config,
    .dma_space = dma_space,
    .device_path = device_path,
    .modern_only = modern_only,
    .has_modern = modern_only,
    .save = mmio_save,
    .check = mmio_check,
    .install = mmio_install,
};

static void mmio_reset(Device *dev, ResetKind kind)
{
    VirtioMmio *s = (VirtioMmio *)dev;

    reset_registers(s);
    irq_set(s->irq, 0);
}

static bool mmio_realize(Device *dev, GError **error)
{
    VirtioMmio *s = (VirtioMmio *)dev;
    g_autofree char *name = g_strdup_printf(TYPE_BUS ".%u", s->number);

    s->bus = (VirtioBus *)bus_new(device_vm(dev), TYPE_BUS, dev, name);
    s->bus->ops = &mmio_transport;
    s->bus->transport = s;
    memory_region_init_io(&s->mr, device_vm(dev), &dev->obj, &mmio_ops, s, TYPE_VIRTIO_MMIO,
                          VIRTIO_MMIO_BYTES);
    memory_region_add(memory_system_region(device_vm(dev)), s->addr, &s->mr);
    return true;
}

static void mmio_unrealize(Device *dev)
{
    memory_region_clear(&((VirtioMmio *)dev)->mr);
}

Device *virtio_mmio_create(Vm *vm, unsigned n, uint64_t addr, Irq *irq, GError **error)
{
    Device *dev = device_new(vm, TYPE_VIRTIO_MMIO, error);
    VirtioMmio *s = (VirtioMmio *)dev;
    bool ok;

    if (!dev) {
        return NULL;
    }
    s->number = n;
    s->addr = addr;
    s->irq = irq;
    ok = device_realize(dev, bus_root(vm), NULL, error);
    object_unref(&dev->obj);
    return ok ? dev : NULL;
}

static const Property mmio_props[] = {
    PROP(PROP_BOOL, VirtioMmio, force_legacy, "force-legacy", "on"),
    PROP(PROP_BOOL, VirtioMmio, ioeventfd, "ioeventfd", "on"),
    PROP(PROP_BOOL, VirtioMmio, path_has_address, "format_transport_address", "on"),
    PROP_END,
};
static const DeviceOps mmio_device_ops = {
    .realize = mmio_realize,
    .unrealize = mmio_unrealize,
    .reset = mmio_reset,
};
const TypeInfo virtio_mmio_types[] = {
    { .name = TYPE_BUS, .parent = TYPE_VIRTIO_BUS },
    { .name = TYPE_VIRTIO_MMIO,
      .parent = "device",
      .description = "virtio transport of memory-mapped registers",
      .instance_size = sizeof(VirtioMmio),
      .props = mmio_props,
      .ops = &mmio_device_ops },
};
const size_t virtio_mmio_types_count = G_N_ELEMENTS(virtio_mmio_types);
