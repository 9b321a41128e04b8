/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The channel I/O transport (virtio 1.2, section 4.3): one subchannel a device, registers as commands,
 * interruptions by indicator bits. Legacy drivers (revision 0 or none chosen; big-endian rings, requests
 * and configuration) and virtio 1 drivers.
 */
#include "hw/virtio/virtio-ccw.h"

#include <string.h>

#include "base/util/log.h"
#include "hw/virtio/saved.h"

enum {
    CCW_SET_VQ = 0x13,
    CCW_RESET = 0x33,
    CCW_SET_IND = 0x43,
    CCW_SET_CONF_IND = 0x53,
    CCW_SET_IND_ADAPTER = 0x73,
    CCW_READ_FEAT = 0x12,
    CCW_WRITE_FEAT = 0x11,
    CCW_READ_CONF = 0x22,
    CCW_WRITE_CONF = 0x21,
    CCW_WRITE_STATUS = 0x31,
    CCW_READ_STATUS = 0x72,
    CCW_READ_VQ_CONF = 0x32,
    CCW_SET_REV = 0x83,
};
#define MAX_REVISION 2
#define LEGACY_ALIGN 4096u

static uint16_t be16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}
static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}
static uint64_t be64(const uint8_t *p)
{
    return (uint64_t)be32(p) << 32 | be32(p + 4);
}

/* ---- interruptions ---- */

/* OR bits into one byte of guest storage. */
static void set_bits(VirtioCcw *proxy, uint64_t at, uint8_t bits)
{
    AddressSpace *as = ccw_device_space(&proxy->ccw);
    uint64_t len = 1;
    uint8_t *p = address_space_map(as, at, &len, true, MEM_ATTRS_NONE);

    if (!p) {
        log_guest_error("virtio-ccw: no storage for an indicator at 0x%" G_GINT64_MODIFIER "x\n",
                        at);
        return;
    }
    __atomic_or_fetch(p, bits, __ATOMIC_SEQ_CST);
    address_space_unmap(as, p, len, true, 1);
}

static void notify_queue(void *transport, VirtQueue *vq)
{
    VirtioCcw *proxy = transport;

    if (proxy->summary) {
        uint64_t bit = proxy->adapter_first + vq->index;
        set_bits(proxy, proxy->adapter_bits + bit / 8, 0x80 >> bit % 8);
        set_bits(proxy, proxy->summary, 1);
        ccw_device_adapter_interrupt(&proxy->ccw, proxy->isc);
    } else if (proxy->indicators && vq->index < 64) {
        set_bits(proxy, proxy->indicators + 7 - vq->index / 8, 1 << vq->index % 8);
        ccw_device_attention(&proxy->ccw);
    }
}

static void notify_config(void *transport)
{
    VirtioCcw *proxy = transport;

    if (proxy->config_indicator) {
        set_bits(proxy, proxy->config_indicator + 7, 1);
        ccw_device_attention(&proxy->ccw);
    }
}

static AddressSpace *dma_space(void *transport)
{
    return ccw_device_space(&((VirtioCcw *)transport)->ccw);
}

static char *device_path(void *transport)
{
    g_autofree char *name = ccw_device_name(&((VirtioCcw *)transport)->ccw);

    return g_strconcat("/", name, NULL);
}

static bool modern_only(void *transport)
{
    return false;
}

static bool has_modern(void *transport)
{
    return true;
}

static const VirtioTransport ccw_transport = {
    .notify_queue = notify_queue,
    .notify_config = notify_config,
    .dma_space = dma_space,
    .device_path = device_path,
    .modern_only = modern_only,
    .has_modern = has_modern,
    .save = virtio_ccw_save,
    .check = virtio_ccw_check,
    .install = virtio_ccw_install,
};

/* ---- commands ---- */

static void reset_proxy(VirtioCcw *proxy)
{
    virtio_reset(proxy->backend);
    proxy->indicators = proxy->config_indicator = proxy->summary = 0;
    proxy->driver_features[0] = proxy->driver_features[1] = 0;
}

void virtio_ccw_set_revision(VirtioCcw *proxy, int revision)
{
    proxy->revision = revision;
    proxy->backend->big_endian = revision < 1 && proxy->backend->status != 0;
}

static CcwResult set_revision(VirtioCcw *proxy, CcwBuffer *data)
{
    uint8_t b[4];

    if (!ccw_buffer_read(data, b, sizeof(b))) {
        return CCW_PROGRAM_CHECK;
    }
    if (be16(b) > MIN(proxy->max_revision, MAX_REVISION)) {
        return CCW_REJECT;
    }
    virtio_ccw_set_revision(proxy, be16(b));
    return CCW_DONE;
}

/* Five bytes: 32 feature bits, little-endian, and which 32. */
static CcwResult features(VirtioCcw *proxy, CcwBuffer *data, bool write)
{
    uint64_t offered = proxy->backend->host_features;
    uint8_t b[5], index;
    uint32_t v;

    if (!ccw_buffer_read(data, b, sizeof(b))) {
        return CCW_PROGRAM_CHECK;
    }
    index = b[4];
    if (write) {
        v = b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
        if (index < 2) {
            proxy->driver_features[index] = v;
            virtio_set_features(proxy->backend, proxy->driver_features[0] |
                                                    (uint64_t)proxy->driver_features[1] << 32);
        }
        return CCW_DONE;
    }
    if (proxy->revision <= 0) {
        offered &= ~VIRTIO_BIT(VIRTIO_F_VERSION_1);
    }
    v = index == 0 ? (uint32_t)offered : index == 1 ? offered >> 32 : 0;
    for (int k = 0; k < 4; k++) {
        b[k] = v >> 8 * k;
    }
    data->used = 0;
    return ccw_buffer_write(data, b, 4) && (data->used = 5) ? CCW_DONE : CCW_PROGRAM_CHECK;
}

static CcwResult config(VirtioCcw *proxy, CcwBuffer *data, bool write)
{
    uint8_t b[VIRTIO_CONFIG_MAX];
    uint32_t n = MIN(data->count, proxy->backend->config_len);

    if (write) {
        if (!ccw_buffer_read(data, b, n)) {
            return CCW_PROGRAM_CHECK;
        }
        for (uint32_t k = 0; k < n; k++) {
            virtio_config_write(proxy->backend, k, b[k], 1);
        }
        return CCW_DONE;
    }
    for (uint32_t k = 0; k < n; k++) {
        b[k] = virtio_config_read(proxy->backend, k, 1);
    }
    return ccw_buffer_write(data, b, n) ? CCW_DONE : CCW_PROGRAM_CHECK;
}

static CcwResult status(VirtioCcw *proxy, CcwBuffer *data, bool write)
{
    uint8_t b = proxy->backend->status;

    if (!write) {
        return ccw_buffer_write(data, &b, 1) ? CCW_DONE : CCW_PROGRAM_CHECK;
    }
    if (!ccw_buffer_read(data, &b, 1)) {
        return CCW_PROGRAM_CHECK;
    }
    if (b == 0) {
        reset_proxy(proxy);
    } else {
        virtio_set_status(proxy->backend, b);
    }
    return CCW_DONE;
}

static CcwResult read_queue_config(VirtioCcw *proxy, CcwBuffer *data)
{
    uint8_t b[4];
    uint16_t index, num = 0;

    if (!ccw_buffer_read(data, b, 2)) {
        return CCW_PROGRAM_CHECK;
    }
    index = be16(b);
    if (index < VIRTIO_QUEUE_MAX) {
        num = proxy->backend->queues[index].num_default;
    }
    b[2] = num >> 8;
    b[3] = num;
    data->used = 0;
    return ccw_buffer_write(data, b, 4) ? CCW_DONE : CCW_PROGRAM_CHECK;
}

/* Ring address, alignment of its last part, index, entries. The parts follow each other. */
static CcwResult set_legacy_queue(VirtioCcw *proxy, CcwBuffer *data)
{
    uint8_t b[16];

    if (!ccw_buffer_read(data, b, sizeof(b))) {
        return CCW_PROGRAM_CHECK;
    }
    uint64_t at = be64(b);
    uint16_t index = be16(b + 12), num = be16(b + 14);
    if (index >= VIRTIO_QUEUE_MAX || num > proxy->backend->queues[index].num_default || !num) {
        return at ? CCW_PROGRAM_CHECK : CCW_DONE;
    }
    if (be32(b + 8) != LEGACY_ALIGN || at % LEGACY_ALIGN || at / LEGACY_ALIGN > UINT32_MAX) {
        log_guest_error("virtio-ccw: a legacy ring at 0x%" G_GINT64_MODIFIER "x, aligned to %u\n",
                        at, be32(b + 8));
        return CCW_PROGRAM_CHECK;
    }
    virtio_queue_set_num(proxy->backend, index, num);
    virtio_queue_set_legacy_pfn(proxy->backend, index, at / LEGACY_ALIGN);
    return CCW_DONE;
}

/* Descriptors, index, entries, driver's and device's area; address 0 turns the queue off. */
static CcwResult set_queue(VirtioCcw *proxy, CcwBuffer *data)
{
    uint8_t b[32];
    uint16_t index, num;

    if (proxy->revision < 1) {
        return set_legacy_queue(proxy, data);
    }
    if (!ccw_buffer_read(data, b, sizeof(b))) {
        return CCW_PROGRAM_CHECK;
    }
    index = be16(b + 12);
    num = be16(b + 14);
    if (index >= VIRTIO_QUEUE_MAX || !proxy->backend->queues[index].num_default) {
        return CCW_PROGRAM_CHECK;
    }
    VirtQueue *vq = &proxy->backend->queues[index];
    if (num > vq->num_default || !be64(b)) {
        return be64(b) ? CCW_PROGRAM_CHECK : CCW_DONE;
    }
    virtio_queue_set_num(proxy->backend, index, num);
    vq->desc = be64(b);
    vq->driver = be64(b + 16);
    vq->device = be64(b + 24);
    virtio_queue_enable(proxy->backend, index);
    return CCW_DONE;
}

/* An 8-byte guest address. */
static CcwResult set_indicator(CcwBuffer *data, uint64_t *where)
{
    uint8_t b[8];

    if (!ccw_buffer_read(data, b, sizeof(b))) {
        return CCW_PROGRAM_CHECK;
    }
    *where = be64(b);
    return CCW_DONE;
}

static CcwResult set_adapter(VirtioCcw *proxy, CcwBuffer *data)
{
    uint8_t b[25];

    if (!ccw_buffer_read(data, b, sizeof(b))) {
        return CCW_PROGRAM_CHECK;
    }
    proxy->summary = be64(b);
    proxy->adapter_bits = be64(b + 8);
    proxy->adapter_first = be64(b + 16);
    proxy->isc = b[24] & 7;
    return CCW_DONE;
}

CcwResult virtio_ccw_command(CcwDevice *dev, uint8_t command, CcwBuffer *data)
{
    VirtioCcw *proxy = VIRTIO_CCW(dev);

    if (command != CCW_SET_REV && proxy->revision < 1) { /* so this is a legacy driver */
        proxy->backend->big_endian = true;
    }
    switch (command) {
    case CCW_SET_REV: return set_revision(proxy, data);
    case CCW_RESET: reset_proxy(proxy); return CCW_DONE;
    case CCW_READ_FEAT: return features(proxy, data, false);
    case CCW_WRITE_FEAT: return features(proxy, data, true);
    case CCW_READ_CONF: return config(proxy, data, false);
    case CCW_WRITE_CONF: return config(proxy, data, true);
    case CCW_READ_STATUS: return status(proxy, data, false);
    case CCW_WRITE_STATUS: return status(proxy, data, true);
    case CCW_READ_VQ_CONF: return read_queue_config(proxy, data);
    case CCW_SET_VQ: return set_queue(proxy, data);
    case CCW_SET_IND: return set_indicator(data, &proxy->indicators);
    case CCW_SET_CONF_IND: return set_indicator(data, &proxy->config_indicator);
    case CCW_SET_IND_ADAPTER: return set_adapter(proxy, data);
    default: return CCW_REJECT;
    }
}

void virtio_ccw_queue_notify(CcwDevice *dev, uint64_t queue)
{
    if (queue < VIRTIO_QUEUE_MAX) {
        virtio_queue_notify(VIRTIO_CCW(dev)->backend, queue);
    }
}

/* ---- properties ---- */

bool virtio_ccw_forward_set(Object *obj, const Property *prop, GVariant *value, GError **error)
{
    VirtioCcw *proxy = VIRTIO_CCW(obj);

    return !proxy->forward || object_set(&proxy->backend->dev.obj, prop->name, value, error);
}

GVariant *virtio_ccw_forward_get(Object *obj, const Property *prop)
{
    VirtioCcw *proxy = VIRTIO_CCW(obj);
    g_autoptr(GVariant) value =
        proxy->backend ? object_get(&proxy->backend->dev.obj, prop->name, NULL) : NULL;

    return value ? g_variant_ref(value) : g_variant_new_string("");
}

void virtio_ccw_leaf_init(Object *obj)
{
    VIRTIO_CCW(obj)->forward = true;
}

static const VirtioCcwOps *proxy_ops(const VirtioCcw *proxy)
{
    return object_ops(&proxy->ccw.dev.obj);
}

static void proxy_init(Object *obj)
{
    VirtioCcw *proxy = VIRTIO_CCW(obj);
    g_autoptr(GError) error = NULL;
    Device *backend = device_new(obj->vm, proxy_ops(proxy)->backend_type, &error);

    if (!backend || !object_add_child(obj, "virtio-backend", &backend->obj, &error)) {
        g_error("%s: %s", object_type_name(obj), error->message);
    }
    proxy->backend = VIRTIO_DEVICE(backend);
    virtio_ccw_set_revision(proxy, -1);
}

static void proxy_finalize(Object *obj)
{
    if (VIRTIO_CCW(obj)->backend) {
        object_unref(&VIRTIO_CCW(obj)->backend->dev.obj);
    }
}

/* ---- life ---- */

bool virtio_ccw_realize(Device *dev, GError **error)
{
    VirtioCcw *proxy = VIRTIO_CCW(dev);

    if (proxy_ops(proxy)->prepare && !proxy_ops(proxy)->prepare(proxy, error)) {
        return false;
    }
    if (!proxy->bus) {
        proxy->bus = virtio_bus_new(dev, &ccw_transport, proxy);
    }
    if (!device_realize(&proxy->backend->dev, &proxy->bus->bus, "virtio-backend", error)) {
        return false;
    }
    proxy->ccw.cu_model = virtio_device_ops(proxy->backend)->device_id;
    ccw_device_plugged(&proxy->ccw);
    return true;
}

void virtio_ccw_unrealize(Device *dev)
{
    VirtioCcw *proxy = VIRTIO_CCW(dev);

    if (proxy->backend->dev.realized) {
        device_unrealize(&proxy->backend->dev);
    }
}

void virtio_ccw_reset(Device *dev, ResetKind kind)
{
    VirtioCcw *proxy = VIRTIO_CCW(dev);

    reset_proxy(proxy);
    virtio_ccw_set_revision(proxy, -1);
}

static const Property ccw_props[] = {
    PROP(PROP_BOOL, VirtioCcw, ioeventfd, "ioeventfd", "on"),
    PROP(PROP_U32, VirtioCcw, max_revision, "max_revision", "2", .max = MAX_REVISION),
    VIRTIO_COMMON_PROPERTIES(VIRTIO_CCW_FORWARD),
    PROP_END,
};
static const VirtioCcwOps abstract_ops = VIRTIO_CCW_OPS(NULL, 0, NULL);

const TypeInfo virtio_ccw_types[] = {
    { .name = TYPE_VIRTIO_CCW,
      .parent = TYPE_CCW_DEVICE,
      .abstract = true,
      .instance_size = sizeof(VirtioCcw),
      .props = ccw_props,
      .ops = &abstract_ops,
      .init = proxy_init,
      .finalize = proxy_finalize },
};
const size_t virtio_ccw_types_count = G_N_ELEMENTS(virtio_ccw_types);
