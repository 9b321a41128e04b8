/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio over channel I/O: the proxy that a user names (virtio-blk-ccw). It owns the backend device
 * (child "virtio-backend") on a bus of its own and forwards the backend's properties.
 *
 * A room with a virtio device exports one type a device with VIRTIO_CCW_DECLARE() and VIRTIO_CCW_TYPE().
 */
#pragma once

#include "hw/ccw/css.h"
#include "hw/virtio/virtio.h"

#define TYPE_VIRTIO_CCW "virtio-ccw-device"

typedef struct VirtioCcw {
    CcwDevice ccw; /* first */
    /* properties */
    bool ioeventfd;
    uint32_t max_revision;
    /* state */
    bool forward;          /* property writes reach the backend: past its defaults */
    VirtioDevice *backend; /* the child; own reference */
    VirtioBus *bus;
    int revision;              /* -1: none chosen */
    uint64_t indicators;       /* classic: 8 bytes of queue bits; 0: none */
    uint64_t config_indicator; /* 8 bytes, bit 63 */
    uint64_t summary;          /* adapter: one byte; 0: none */
    uint64_t adapter_bits;     /* bit string of the adapter's queues */
    uint64_t adapter_first;    /* bit of queue 0 */
    uint8_t isc;
    uint32_t driver_features[2];
} VirtioCcw;
#define VIRTIO_CCW(obj_) ((VirtioCcw *)(obj_))

typedef struct VirtioCcwOps {
    CcwDeviceOps ccw; /* first */
    const char *backend_type;
    /* Before the backend is realized: properties that depend on the machine. May be NULL. */
    bool (*prepare)(VirtioCcw *proxy, GError **error);
} VirtioCcwOps;

bool virtio_ccw_realize(Device *dev, GError **error);
void virtio_ccw_unrealize(Device *dev);
void virtio_ccw_reset(Device *dev, ResetKind kind);
CcwResult virtio_ccw_command(CcwDevice *dev, uint8_t command, CcwBuffer *data);
void virtio_ccw_queue_notify(CcwDevice *dev, uint64_t queue);
void virtio_ccw_leaf_init(Object *obj);
/* Chosen by the driver; -1: none. Below 1 it is a legacy driver. */
void virtio_ccw_set_revision(VirtioCcw *proxy, int revision);
/* ccw-state.c: the transport's part of the migrated state. */
void virtio_ccw_save(void *transport, VirtioSaved *saved);
bool virtio_ccw_check(void *transport, const VirtioSaved *saved, GError **error);
void virtio_ccw_install(void *transport, const VirtioSaved *saved);
GVariant *virtio_ccw_forward_get(Object *obj, const Property *prop);
bool virtio_ccw_forward_set(Object *obj, const Property *prop, GVariant *value, GError **error);

/* In place of PROP in a property list: the same property, kept by the backend. */
#define VIRTIO_CCW_FORWARD(kind_, T, field, name_, default_, ...)                   \
    {                                                                               \
        .name = (name_), .kind = (kind_), .default_str = (default_), ##__VA_ARGS__, \
        .get = virtio_ccw_forward_get, .set = virtio_ccw_forward_set                \
    }

#define VIRTIO_CCW_OPS(backend_, category_, prepare_)                  \
    {                                                                  \
        .ccw = { .dev = { .bus_type = TYPE_CCW_BUS,                    \
                          .category = (category_),                     \
                          .user_creatable = true,                      \
                          .hotpluggable = true,                        \
                          .realize = virtio_ccw_realize,               \
                          .unrealize = virtio_ccw_unrealize,           \
                          .unplug_request = ccw_device_unplug_request, \
                          .reset = virtio_ccw_reset },                 \
                 .cu_type = 0x3832,                                    \
                 .command = virtio_ccw_command,                        \
                 .queue_notify = virtio_ccw_queue_notify },            \
        .backend_type = (backend_), .prepare = (prepare_)              \
    }
#define VIRTIO_CCW_DECLARE(sym, backend, category, prepare) \
    static const VirtioCcwOps sym##_ccw_ops = VIRTIO_CCW_OPS(backend, category, prepare)
#define VIRTIO_CCW_TYPE(name_, sym, props_)                                       \
    { .name = name_ "-ccw-base",                                                  \
      .parent = TYPE_VIRTIO_CCW,                                                  \
      .abstract = true,                                                           \
      .props = (props_),                                                          \
      .ops = &sym##_ccw_ops },                                                    \
    {                                                                             \
        .name = name_ "-ccw", .parent = name_ "-ccw-base", .ops = &sym##_ccw_ops, \
        .init = virtio_ccw_leaf_init                                              \
    }

extern const TypeInfo virtio_ccw_types[];
extern const size_t virtio_ccw_types_count;
