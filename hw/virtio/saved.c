/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Save, check and install of the common part of virtio devices, and its subsections.
 *
 * What is not sent is derived after everything is installed: `used_idx` of a split ring is read from
 * guest memory, and what lies between it and `last_avail_idx` was in use.
 */
#include "hw/virtio/saved.h"

#include <string.h>

#include "base/util/bits.h"
#include "virtio-priv.h"

#define Q(kind_, m, ...)                                                      \
    {                                                                         \
        .name = #m, .kind = (kind_), .offset = offsetof(VirtioSavedQueue, m), \
        .size = sizeof(((VirtioSavedQueue *)0)->m), ##__VA_ARGS__             \
    }
#define QUEUE_RECORD(sym, name_, ...)                             \
    static const Field sym##_fields[] = { __VA_ARGS__, F_END };   \
    static const Record sym = { .name = (name_),                  \
                                .version = 1,                     \
                                .min_version = 1,                 \
                                .size = sizeof(VirtioSavedQueue), \
                                .fields = sym##_fields }
#define ALL_QUEUES(rec)                                                               \
    {                                                                                 \
        .name = "vq", .kind = FIELD_STRUCT, .offset = offsetof(VirtioSaved, queues),  \
        .size = sizeof(VirtioSavedQueue), .count = VIRTIO_QUEUE_MAX, .record = &(rec) \
    }

bool virtio_saved_is_pci(const void *saved, uint32_t version)
{
    return ((const VirtioSaved *)saved)->is_pci;
}

bool virtio_saved_is_mmio(const void *saved, uint32_t version)
{
    return ((const VirtioSaved *)saved)->is_mmio;
}

bool virtio_saved_not_mmio(const void *saved, uint32_t version)
{
    return !virtio_saved_is_mmio(saved, version);
}

bool virtio_saved_has_msix(const void *saved, uint32_t version)
{
    return ((const VirtioSaved *)saved)->msix_table_len;
}

/* PCI and channel I/O have a vector, memory-mapped registers an alignment. */
static const Field queue_fields[] = { Q(FIELD_U32, num), Q(FIELD_U64, desc),
                                      Q(FIELD_U16, last_avail_idx), Q(FIELD_U16, vector), F_END };
static const Field mmio_queue_fields[] = { Q(FIELD_U32, num), Q(FIELD_U32, align),
                                           Q(FIELD_U64, desc), Q(FIELD_U16, last_avail_idx),
                                           F_END };
const Record virtio_saved_queue = { .name = "virtqueue",
                                    .version = 1,
                                    .min_version = 1,
                                    .size = sizeof(VirtioSavedQueue),
                                    .fields = queue_fields };
const Record virtio_saved_mmio_queue = { .name = "virtqueue",
                                         .version = 1,
                                         .min_version = 1,
                                         .size = sizeof(VirtioSavedQueue),
                                         .fields = mmio_queue_fields };

QUEUE_RECORD(addresses_record, "virtqueue_state", Q(FIELD_U64, driver), Q(FIELD_U64, device));
QUEUE_RECORD(ringsize_record, "ringsize_state", Q(FIELD_U32, num_default));
QUEUE_RECORD(packed_record, "packed_virtqueue_state", Q(FIELD_U16, packed_last_avail),
             Q(FIELD_BOOL, packed_last_wrap), Q(FIELD_U16, packed_used),
             Q(FIELD_BOOL, packed_used_wrap), Q(FIELD_U32, inuse));
#define Q2(m)                                                                              \
    {                                                                                      \
        .name = #m, .kind = FIELD_U32, .offset = offsetof(VirtioSavedQueue, m), .size = 4, \
        .count = 2                                                                         \
    }
static const Field no_fields[] = { F_END };

QUEUE_RECORD(modern_queue_record, "virtio_pci/modern_queue_state", Q(FIELD_U16, modern_num),
             F_UNUSED(1), Q(FIELD_BOOL, enabled), Q2(modern_desc), Q2(modern_driver),
             Q2(modern_device));

QUEUE_RECORD(mmio_queue_record, "virtio_mmio/queue_state", Q(FIELD_U16, modern_num),
             Q(FIELD_BOOL, enabled), Q2(modern_desc), Q2(modern_driver), Q2(modern_device));

/* ---- subsections ---- */

static bool need_features(const void *saved)
{
    return ((const VirtioSaved *)saved)->has_64bit;
}
/* Sent where the byte order is not the one that a device of virtio 1 has by itself. */
static bool need_endian(const void *p)
{
    const VirtioSaved *saved = p;

    return saved->is_ccw && saved->features >> VIRTIO_F_VERSION_1 & 1;
}
static bool need_virtqueues(const void *saved)
{
    return ((const VirtioSaved *)saved)->has_version_1;
}
static bool need_ringsize(const void *p)
{
    const VirtioSaved *saved = p;

    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        if (saved->queues[i].num != saved->queues[i].num_default) {
            return true;
        }
    }
    return false;
}
static bool need_broken(const void *saved)
{
    return ((const VirtioSaved *)saved)->broken;
}
static bool need_started(const void *saved)
{
    return ((const VirtioSaved *)saved)->started;
}
static bool need_packed(const void *saved)
{
    return ((const VirtioSaved *)saved)->has_packed;
}
static bool need_extra(const void *saved)
{
    const VirtioSaved *s = saved;

    return s->is_pci || (s->is_mmio && s->modern);
}
static bool need_modern(const void *saved)
{
    return ((const VirtioSaved *)saved)->modern;
}

#define SUBSECTION(sym, name_, needed_, ...)                    \
    static const Field sym##_fields[] = { __VA_ARGS__, F_END }; \
    static const Record sym = { .name = (name_),                \
                                .version = 1,                   \
                                .min_version = 1,               \
                                .size = sizeof(VirtioSaved),    \
                                .fields = sym##_fields,         \
                                .needed = (needed_) }

static const Field features_fields[] = { F_U64(VirtioSaved, features), F_END };
static const Record features_sub = {
    .name = "virtio/64bit_features",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioSaved),
    .fields = features_fields,
    .needed = need_features,
    .has_present = true,
    .present_offset = offsetof(VirtioSaved, got_features),
};
static const Field endian_fields[] = { F_U8(VirtioSaved, device_endian, .min = 1, .max = 2),
                                       F_END };
static const Record endian_sub = {
    .name = "virtio/device_endian",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioSaved),
    .fields = endian_fields,
    .needed = need_endian,
    .has_present = true,
    .present_offset = offsetof(VirtioSaved, got_endian),
};
SUBSECTION(virtqueues_sub, "virtio/virtqueues", need_virtqueues, ALL_QUEUES(addresses_record));
SUBSECTION(ringsize_sub, "virtio/ringsize", need_ringsize, ALL_QUEUES(ringsize_record));
SUBSECTION(broken_sub, "virtio/broken", need_broken, F_BOOL(VirtioSaved, broken));
SUBSECTION(started_sub, "virtio/started", need_started, F_BOOL(VirtioSaved, started));
SUBSECTION(packed_sub, "virtio/packed_virtqueues", need_packed, ALL_QUEUES(packed_record));
SUBSECTION(modern_sub, "virtio_pci/modern_state", need_modern, F_U32(VirtioSaved, device_select),
           F_U32(VirtioSaved, driver_select), F_ARRAY(FIELD_U32, VirtioSaved, driver_features),
           ALL_QUEUES(modern_queue_record));
static const Record *const pci_subsections[] = { &modern_sub, NULL };
static const Record pci_extra_record = {
    .name = "virtio_pci",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioSaved),
    .fields = no_fields,
    .subsections = pci_subsections,
};
SUBSECTION(mmio_sub, "virtio_mmio/state", need_modern,
           F_ARRAY(FIELD_U32, VirtioSaved, driver_features), ALL_QUEUES(mmio_queue_record));
static const Record *const mmio_subsections[] = { &mmio_sub, NULL };
static const Record mmio_extra_record = {
    .name = "virtio_mmio",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioSaved),
    .fields = no_fields,
    .subsections = mmio_subsections,
};
#define EXTRA_STATE(record_, present_)                                                   \
    {                                                                                    \
        .name = "extra_state", .kind = FIELD_STRUCT, .flags = FIELD_GATED | FIELD_FIXED, \
        .size = sizeof(VirtioSaved), .record = &(record_), .present = (present_)         \
    }
SUBSECTION(extra_sub, "virtio/extra_state", need_extra,
           EXTRA_STATE(pci_extra_record, virtio_saved_not_mmio),
           EXTRA_STATE(mmio_extra_record, virtio_saved_is_mmio));

const Record *const virtio_saved_subsections[] = {
    &endian_sub, &features_sub, &virtqueues_sub, &ringsize_sub, &broken_sub,
    &extra_sub,  &started_sub,  &packed_sub,     NULL,
};

/* ---- save ---- */

static void split64(uint32_t out[2], uint64_t v)
{
    out[0] = (uint32_t)v;
    out[1] = (uint32_t)(v >> 32);
}

static void save_queue(const VirtioDevice *dev, const VirtQueue *vq, VirtioSavedQueue *q)
{
    bool packed = virtio_has(dev, VIRTIO_F_RING_PACKED);

    *q = (VirtioSavedQueue){
        .num = vq->num,
        .num_default = vq->num_default,
        .inuse = vq->inuse,
        .desc = vq->desc,
        .driver = vq->driver,
        .device = vq->device,
        .last_avail_idx = vq->last_avail_idx,
        .vector = vq->vector,
        .packed_last_avail = vq->last_avail_idx,
        .packed_used = vq->used_idx,
        .packed_last_wrap = packed && vq->last_avail_wrap,
        .packed_used_wrap = packed && vq->used_wrap,
        .modern_num = vq->num,
        .enabled = vq->enabled,
    };
    split64(q->modern_desc, vq->desc);
    split64(q->modern_driver, vq->driver);
    split64(q->modern_device, vq->device);
}

void virtio_save(VirtioDevice *dev, VirtioSaved *saved)
{
    saved->has_version_1 = virtio_offers(dev, VIRTIO_F_VERSION_1);
    saved->has_packed = virtio_offers(dev, VIRTIO_F_RING_PACKED);
    saved->has_64bit = dev->host_features >> 32 != 0;
    saved->status = dev->status;
    saved->isr = dev->isr;
    saved->queue_sel = dev->queue_sel;
    saved->features_low = (uint32_t)dev->guest_features;
    saved->features = dev->guest_features;
    saved->config_len = dev->config_len;
    saved->config = g_malloc0(MAX(dev->config_len, 1));
    if (virtio_device_ops(dev)->get_config) {
        virtio_device_ops(dev)->get_config(dev, saved->config);
    }
    saved->n_queues = virtio_queue_count(dev);
    saved->config_vector = dev->config_vector;
    saved->device_endian = 2; /* of the machine that has channel I/O; virtio 1 does not use it */
    saved->broken = dev->broken;
    saved->started = dev->use_started && dev->started;
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        save_queue(dev, &dev->queues[i], &saved->queues[i]);
    }
    if (dev->transport->save) {
        dev->transport->save(dev->transport_opaque, saved);
    }
}

/* ---- check ---- */

static bool refuse(GError **error, const char *what, uint64_t value, uint64_t limit)
{
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                "%s 0x%" G_GINT64_MODIFIER "x in the stream, here 0x%" G_GINT64_MODIFIER "x", what,
                value, limit);
    return false;
}

static uint64_t features_of(const VirtioSaved *saved)
{
    return saved->got_features ? saved->features : saved->features_low;
}

/* Was it enabled? Until then the driver may have written any size and address. */
static bool was_enabled(const VirtioSaved *saved, const VirtioSavedQueue *q)
{
    return saved->modern ? q->enabled : q->desc != 0;
}

static bool check_queue(const VirtioDevice *dev, const VirtioSaved *saved, unsigned i,
                        GError **error)
{
    const VirtioSavedQueue *q = &saved->queues[i];
    const VirtQueue *vq = &dev->queues[i];
    bool packed = features_of(saved) >> VIRTIO_F_RING_PACKED & 1;

    uint32_t limit = saved->is_mmio ? VIRTIO_RING_MAX : MAX(vq->num_default, q->num_default);

    if (q->num > VIRTIO_RING_MAX || q->num > limit || q->num_default > VIRTIO_RING_MAX) {
        return refuse(error, "size of a queue", q->num, vq->num_default);
    }
    if (saved->broken || !q->num || !was_enabled(saved, q)) {
        return true; /* nothing looks at the ring */
    }
    if (!packed && !bits_is_pow2(q->num)) {
        return refuse(error, "size of a split ring", q->num, vq->num_default);
    }
    if (packed && (q->packed_last_avail >= q->num || q->packed_used >= q->num)) {
        return refuse(error, "position in a packed ring", q->packed_last_avail, q->num);
    }
    if (packed && q->inuse > q->num) {
        return refuse(error, "buffers in use", q->inuse, q->num);
    }
    return true;
}

bool virtio_check(VirtioDevice *dev, const VirtioSaved *saved, GError **error)
{
    uint64_t features = features_of(saved);

    /* Bit 30 is one that an old driver may acknowledge although it was never offered. */
    if (features & ~dev->host_features & ~VIRTIO_BIT(VIRTIO_F_BAD_FEATURE)) {
        return refuse(error, "features", features, dev->host_features);
    }
    if (saved->got_endian && saved->device_endian == 2 && !saved->is_ccw) {
        return refuse(error, "byte order", saved->device_endian, 1);
    }
    if (saved->n_queues > virtio_queue_count(dev)) {
        return refuse(error, "number of queues", saved->n_queues, virtio_queue_count(dev));
    }
    if (saved->queue_sel >= VIRTIO_QUEUE_MAX) {
        return refuse(error, "selected queue", saved->queue_sel, VIRTIO_QUEUE_MAX);
    }
    for (unsigned i = 0; i < saved->n_queues; i++) {
        if (!check_queue(dev, saved, i, error)) {
            g_prefix_error(error, "queue %u: ", i);
            return false;
        }
    }
    return !dev->transport->check || dev->transport->check(dev->transport_opaque, saved, error);
}

/* ---- install ---- */

static void install_queue(VirtioDevice *dev, const VirtioSaved *saved, unsigned i)
{
    const VirtioSavedQueue *q = &saved->queues[i];
    VirtQueue *vq = &dev->queues[i];

    vq->num = (uint16_t)q->num;
    vq->desc = q->desc;
    vq->driver = q->driver;
    vq->device = q->device;
    if (q->desc && !saved->has_version_1) {
        vq->driver = vq->desc + (uint64_t)vq->num * DESC_BYTES;
        vq->device = bits_align_up(vq->driver + 4 + 2ull * vq->num + 2, q->align ? q->align : 4096);
    }
    vq->vector = q->vector;
    vq->enabled = was_enabled(saved, q);
    vq->notification = true;
    vq->signalled_used_valid = false;
    vq->last_avail_idx = q->last_avail_idx;
    if (virtio_has(dev, VIRTIO_F_RING_PACKED)) {
        vq->last_avail_idx = q->packed_last_avail;
        vq->last_avail_wrap = q->packed_last_wrap;
        vq->used_idx = q->packed_used;
        vq->used_wrap = q->packed_used_wrap;
        vq->inuse = q->inuse;
    }
}

void virtio_install(VirtioDevice *dev, const VirtioSaved *saved)
{
    dev->status = saved->status;
    dev->isr = saved->isr;
    dev->queue_sel = saved->queue_sel;
    dev->guest_features = features_of(saved) & dev->host_features;
    dev->broken = saved->broken;
    dev->started = saved->started;
    dev->config_vector = saved->config_vector;
    if (virtio_device_ops(dev)->set_features) {
        virtio_device_ops(dev)->set_features(dev, dev->guest_features);
    }
    for (unsigned i = 0; i < saved->n_queues; i++) {
        install_queue(dev, saved, i);
    }
    if (dev->transport->install) {
        dev->transport->install(dev->transport_opaque, saved);
    }
}

void virtio_installed(VirtioDevice *dev)
{
    for (unsigned i = 0; i < virtio_queue_count(dev); i++) {
        VirtQueue *vq = &dev->queues[i];

        if (!vq->desc || virtio_has(dev, VIRTIO_F_RING_PACKED)) {
            continue;
        }
        vq->used_idx = vq_ld16(vq, vq->device + 2);
        vq->signalled_used = vq->used_idx;
        vq->inuse = (uint16_t)(vq->last_avail_idx - vq->used_idx);
        if (vq->inuse > vq->num) {
            vq->inuse = 0;
            virtio_error(dev, "queue %u: used index %u and available index %u after a migration", i,
                         vq->used_idx, vq->last_avail_idx);
        }
    }
}
