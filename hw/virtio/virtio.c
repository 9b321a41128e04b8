/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio device model: status, features, config space, queues (virtio 1.2, sections 2 and 3).
 *
 * Status is a one-way ladder that only a reset (writing 0) leaves:
 *   0 -> ACKNOWLEDGE -> DRIVER -> FEATURES_OK (refused when the features do not fit) -> DRIVER_OK
 * NEEDS_RESET may be set by the device at any time; `broken` is its counterpart inside.
 */
#include "virtio-priv.h"

#include <string.h>

#include "base/util/bits.h"
#include "base/util/endian.h"
#include "base/util/log.h"

/* ---- queues ---- */

static void queue_clear(VirtQueue *vq)
{
    vq->num = vq->num_default;
    vq->desc = vq->driver = vq->device = 0;
    vq->enabled = false;
    vq->vector = VIRTIO_NO_VECTOR;
    vq->last_avail_idx = vq->used_idx = vq->signalled_used = 0;
    vq->last_avail_wrap = vq->used_wrap = true;
    vq->signalled_used_valid = false;
    vq->notification = true;
    vq->inuse = 0;
}

VirtQueue *virtio_add_queue(VirtioDevice *dev, uint16_t num, VirtQueueHandler handler)
{
    unsigned i = virtio_queue_count(dev);
    VirtQueue *vq = &dev->queues[i];

    g_assert(i < VIRTIO_QUEUE_MAX && num <= VIRTIO_RING_MAX);
    vq->num_default = num;
    vq->handler = handler;
    queue_clear(vq);
    return vq;
}

void virtio_del_queue(VirtioDevice *dev, unsigned index)
{
    dev->queues[index].num_default = 0;
    dev->queues[index].handler = NULL;
    queue_clear(&dev->queues[index]);
}

unsigned virtio_queue_count(const VirtioDevice *dev)
{
    unsigned n = 0;

    while (n < VIRTIO_QUEUE_MAX && dev->queues[n].num_default) {
        n++;
    }
    return n;
}

void virtio_queue_set_num(VirtioDevice *dev, unsigned index, uint16_t num)
{
    VirtQueue *vq = &dev->queues[index];

    if (!vq->num_default || vq->enabled || !num || num > vq->num_default) {
        log_guest_error("%s: queue %u: size %u refused (limit %u)\n",
                        object_type_name(&dev->dev.obj), index, num, vq->num_default);
        return;
    }
    vq->num = num;
}

void virtio_queue_start(VirtioDevice *dev, unsigned index)
{
    VirtQueue *vq = &dev->queues[index];

    if (!virtio_has(dev, VIRTIO_F_RING_PACKED)) {
        if (!bits_is_pow2(vq->num)) {
            virtio_error(dev, "queue %u: a split ring of %u entries", index, vq->num);
            return;
        }
    } else if (vq->last_avail_idx >= vq->num || vq->used_idx >= vq->num) {
        virtio_error(dev, "queue %u: a packed ring that begins behind its end", index);
        return;
    }
    vq->enabled = true;
    dev->started = true;
}

void virtio_queue_set_legacy_pfn(VirtioDevice *dev, unsigned index, uint32_t pfn)
{
    VirtQueue *vq = &dev->queues[index];

    if (!vq->num_default) {
        return;
    }
    vq->desc = (uint64_t)pfn << 12;
    vq->driver = vq->desc + (uint64_t)vq->num * DESC_BYTES;
    vq->device = bits_align_up(vq->driver + 4 + 2ull * vq->num + 2, 4096);
    vq->enabled = false;
    dev->started = true;
    if (pfn) {
        virtio_queue_start(dev, index);
    }
}

uint32_t virtio_queue_legacy_pfn(const VirtioDevice *dev, unsigned index)
{
    return (uint32_t)(dev->queues[index].desc >> 12);
}

void virtio_queue_enable(VirtioDevice *dev, unsigned index)
{
    if (dev->queues[index].num_default && !dev->queues[index].enabled) {
        virtio_queue_start(dev, index);
    }
}

void virtio_queue_reset(VirtioDevice *dev, unsigned index)
{
    VirtQueue *vq = &dev->queues[index];

    if (!vq->num_default) {
        return;
    }
    if (virtio_device_ops(dev)->queue_reset) {
        virtio_device_ops(dev)->queue_reset(dev, vq);
    }
    queue_clear(vq);
}

void virtio_queue_notify(VirtioDevice *dev, unsigned index)
{
    VirtQueue *vq;

    if (index >= VIRTIO_QUEUE_MAX || dev->broken || dev->in_handler) {
        return;
    }
    vq = &dev->queues[index];
    if (!vq->handler || !vq->desc || !vq->num) {
        return;
    }
    dev->in_handler = true;
    vq->handler(dev, vq);
    dev->in_handler = false;
    dev->started = true;
}

/* ---- errors ---- */

void virtio_error(VirtioDevice *dev, const char *format, ...)
{
    g_autofree char *why = NULL;
    va_list args;

    va_start(args, format);
    why = g_strdup_vprintf(format, args);
    va_end(args);
    log_guest_error("%s: %s\n", object_type_name(&dev->dev.obj), why);
    if (dev->broken) {
        return;
    }
    dev->broken = true;
    if (virtio_has(dev, VIRTIO_F_VERSION_1)) {
        dev->status |= VIRTIO_STATUS_NEEDS_RESET;
        virtio_notify_config(dev);
    }
}

void virtio_notify_config(VirtioDevice *dev)
{
    if (!(dev->status & VIRTIO_STATUS_DRIVER_OK)) {
        return;
    }
    dev->isr |= 3;
    dev->config_generation++;
    dev->transport->notify_config(dev->transport_opaque);
}

/* ---- features and status ---- */

/* Features come before queues: the ring of one that is there would become another. */
static void check_rings(VirtioDevice *dev, uint64_t features)
{
    uint64_t changed = features ^ dev->guest_features;

    for (unsigned i = 0; changed >> VIRTIO_F_RING_PACKED & 1 && i < VIRTIO_QUEUE_MAX; i++) {
        if (dev->queues[i].desc) {
            virtio_error(dev, "queue %u: the ring's form changes under it", i);
        }
    }
}

bool virtio_set_features(VirtioDevice *dev, uint64_t features)
{
    bool good = !(features & ~dev->host_features);

    if (dev->status & VIRTIO_STATUS_FEATURES_OK) {
        return false;
    }
    check_rings(dev, features & dev->host_features);
    dev->guest_features = features & dev->host_features;
    if (virtio_device_ops(dev)->set_features) {
        virtio_device_ops(dev)->set_features(dev, dev->guest_features);
    }
    return good;
}

static bool features_acceptable(const VirtioDevice *dev)
{
    if (!virtio_has(dev, VIRTIO_F_VERSION_1)) {
        return false;
    }
    return !virtio_offers(dev, VIRTIO_F_IOMMU_PLATFORM) || virtio_has(dev, VIRTIO_F_IOMMU_PLATFORM);
}

void virtio_set_status(VirtioDevice *dev, uint8_t status)
{
    uint8_t gained = status & ~dev->status;

    if (!status) {
        virtio_reset(dev);
        return;
    }
    if ((gained & VIRTIO_STATUS_FEATURES_OK) && !features_acceptable(dev)) {
        status &= ~VIRTIO_STATUS_FEATURES_OK;
    }
    dev->status = status | (dev->status & VIRTIO_STATUS_NEEDS_RESET);
    if (gained & VIRTIO_STATUS_DRIVER_OK) {
        dev->started = true;
    }
    if (virtio_device_ops(dev)->set_status) {
        virtio_device_ops(dev)->set_status(dev, dev->status);
    }
}

void virtio_reset(VirtioDevice *dev)
{
    dev->status = 0;
    if (virtio_device_ops(dev)->set_status) {
        virtio_device_ops(dev)->set_status(dev, 0);
    }
    if (virtio_device_ops(dev)->reset) {
        virtio_device_ops(dev)->reset(dev);
    }
    dev->guest_features = 0;
    dev->queue_sel = 0;
    dev->isr = 0;
    dev->broken = false;
    dev->started = false;
    dev->config_vector = VIRTIO_NO_VECTOR;
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        queue_clear(&dev->queues[i]);
    }
    if (virtio_device_ops(dev)->set_features) {
        virtio_device_ops(dev)->set_features(dev, 0);
    }
}

void virtio_device_reset(Device *dev, ResetKind kind)
{
    virtio_reset(VIRTIO_DEVICE(dev));
}

/* ---- config space ---- */

uint32_t virtio_config_read(VirtioDevice *dev, uint32_t offset, unsigned size)
{
    uint8_t config[VIRTIO_CONFIG_MAX] = { 0 };

    if (offset >= dev->config_len || size > dev->config_len - offset ||
        !virtio_device_ops(dev)->get_config) {
        return UINT32_MAX >> (32 - 8 * size);
    }
    virtio_device_ops(dev)->get_config(dev, config);
    return (uint32_t)ld_le(config + offset, size);
}

void virtio_config_write(VirtioDevice *dev, uint32_t offset, uint32_t value, unsigned size)
{
    uint8_t config[VIRTIO_CONFIG_MAX] = { 0 };

    if (offset >= dev->config_len || size > dev->config_len - offset ||
        !virtio_device_ops(dev)->set_config) {
        return;
    }
    virtio_device_ops(dev)->get_config(dev, config);
    st_le(config + offset, size, value);
    virtio_device_ops(dev)->set_config(dev, config);
}

/* ---- life ---- */

/* What the device knows and the user did not switch off, as the transport can carry it. */
static bool collect_features(VirtioDevice *dev, GError **error)
{
    uint64_t common = VIRTIO_BIT(24) | VIRTIO_BIT(27) | VIRTIO_BIT(28) | VIRTIO_BIT(29) |
                      VIRTIO_BIT(33) | VIRTIO_BIT(34) | VIRTIO_BIT(40);
    uint64_t wanted = dev->host_features;
    bool modern = dev->transport->has_modern(dev->transport_opaque);

    if (wanted & VIRTIO_BIT(VIRTIO_F_IN_ORDER)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "property 'in_order' is not supported by this build");
        return false;
    }
    if (!modern &&
        (wanted & (VIRTIO_BIT(VIRTIO_F_RING_PACKED) | VIRTIO_BIT(VIRTIO_F_IOMMU_PLATFORM)))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "packed and iommu_platform need the virtio 1 interface");
        return false;
    }
    dev->host_features =
        (wanted & common) |
        (virtio_device_ops(dev)->features ? virtio_device_ops(dev)->features(dev, wanted) : 0);
    if (modern) {
        dev->host_features |= VIRTIO_BIT(VIRTIO_F_VERSION_1);
    } else {
        dev->host_features &= UINT32_MAX;
    }
    return true;
}

/* A device that was stopped looks at its queues when it runs again. */
static bool run_changed(void *opaque, bool running, RunState state, GError **error)
{
    VirtioDevice *dev = opaque;

    dev->vm_running = running;
    if (virtio_device_ops(dev)->set_status) {
        virtio_device_ops(dev)->set_status(dev, dev->status);
    }
    return true;
}

bool virtio_device_realize(Device *base, GError **error)
{
    VirtioDevice *dev = VIRTIO_DEVICE(base);
    VirtioBus *bus = (VirtioBus *)base->bus;

    dev->transport = bus->ops;
    dev->transport_opaque = bus->transport;
    dev->queues = g_new0(VirtQueue, VIRTIO_QUEUE_MAX);
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        dev->queues[i].dev = dev;
        dev->queues[i].index = (uint16_t)i;
    }
    dev->config_vector = VIRTIO_NO_VECTOR;
    dev->vm_running = run_state_running(virtio_vm(dev));
    if (!virtio_device_ops(dev)->realize(dev, error)) {
        g_clear_pointer(&dev->queues, g_free);
        return false;
    }
    if (!collect_features(dev, error)) {
        if (virtio_device_ops(dev)->unrealize) {
            virtio_device_ops(dev)->unrealize(dev);
        }
        g_clear_pointer(&dev->queues, g_free);
        return false;
    }
    g_assert(dev->config_len <= VIRTIO_CONFIG_MAX);
    dev->run_handler = run_state_handler_add(virtio_vm(dev), RUN_PRIORITY_DEVICE,
                                             object_type_name(&base->obj), run_changed, dev);
    return true;
}

void virtio_device_unrealize(Device *base)
{
    VirtioDevice *dev = VIRTIO_DEVICE(base);

    run_state_handler_remove(virtio_vm(dev), dev->run_handler);
    virtio_reset(dev);
    if (virtio_device_ops(dev)->unrealize) {
        virtio_device_ops(dev)->unrealize(dev);
    }
    g_clear_pointer(&dev->queues, g_free);
}

/* ---- bus ---- */

VirtioBus *virtio_bus_new(Device *owner, const VirtioTransport *ops, void *transport)
{
    VirtioBus *bus = (VirtioBus *)bus_new(device_vm(owner), TYPE_VIRTIO_BUS, owner, "virtio-bus");

    bus->ops = ops;
    bus->transport = transport;
    return bus;
}

static char *bus_device_path(Bus *base, Device *dev)
{
    VirtioBus *bus = (VirtioBus *)base;

    return bus->ops->device_path(bus->transport);
}

static const BusOps bus_ops_table = {
    .kind = TYPE_VIRTIO_BUS,
    .max_devices = 1,
    .device_path = bus_device_path,
};

static const VirtioDeviceOps abstract_ops = { .dev = { VIRTIO_DEVICE_BASE } };
static const Property virtio_props[] = { VIRTIO_COMMON_PROPERTIES(PROP), PROP_END };

const TypeInfo virtio_types[] = {
    {
        .name = TYPE_VIRTIO_DEVICE,
        .parent = "device",
        .abstract = true,
        .instance_size = sizeof(VirtioDevice),
        .props = virtio_props,
        .ops = &abstract_ops,
    },
    {
        .name = TYPE_VIRTIO_BUS,
        .parent = "bus",
        .instance_size = sizeof(VirtioBus),
        .ops = &bus_ops_table,
    },
};
const size_t virtio_types_count = G_N_ELEMENTS(virtio_types);
