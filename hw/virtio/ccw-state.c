/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The channel I/O transport's part of a virtio device's migrated state: the subchannel, where the
 * indicators are, the adapter's route, the revision.
 */
#include <string.h>

#include "hw/virtio/saved.h"
#include "hw/virtio/virtio-ccw.h"
#include "virtio-priv.h"

/* What the stream gives as the config change's vector once the driver has set its indicator. */
#define CONFIG_VECTOR VIRTIO_QUEUE_MAX

static const Record indicator_record = {
    .name = "s390_indicator",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioSavedIndicator),
    .fields = (const Field[]){ F_U32(VirtioSavedIndicator, len), F_U64(VirtioSavedIndicator, addr),
                               F_END },
};

static bool summary_needed(const void *saved)
{
    return saved != NULL;
}

static const Record summary_record = {
    .name = "s390_adapter_info/summary_offset",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioSavedRoute),
    .fields = (const Field[]){ F_U32(VirtioSavedRoute, summary_offset), F_END },
    .needed = summary_needed,
};
static const Record *const route_subsections[] = { &summary_record, NULL };
static const Record route_record = {
    .name = "s390_adapter_info",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioSavedRoute),
    .fields = (const Field[]){ F_U64(VirtioSavedRoute, first_bit), F_END },
    .subsections = route_subsections,
};

#define T VirtioSavedCcw
const Record virtio_saved_ccw = {
    .name = "virtio_ccw",
    .version = 1,
    .min_version = 1,
    .size = sizeof(T),
    .fields = (const Field[]){ F_STRUCT(T, subch, css_subchannel_record),
                               F_STRUCT(T, indicators, indicator_record),
                               F_STRUCT(T, indicators2, indicator_record),
                               F_STRUCT(T, summary, indicator_record), F_U16(T, config_vector),
                               F_STRUCT(T, route, route_record), F_U8(T, isc, .max = 7),
                               F_I32(T, revision, .min = (uint64_t)-1, .max = 2), F_END },
};
#undef T

bool virtio_saved_is_ccw(const void *saved, uint32_t version)
{
    return ((const VirtioSaved *)saved)->is_ccw;
}

void virtio_ccw_save(void *transport, VirtioSaved *saved)
{
    const VirtioCcw *proxy = transport;
    VirtioSavedCcw *s = &saved->ccw;

    saved->is_ccw = true;
    ccw_device_save(&proxy->ccw, &s->subch);
    s->subch.thinint_active = proxy->summary != 0;
    if (proxy->summary) {
        s->indicators = (VirtioSavedIndicator){ proxy->adapter_first / 8 + 1, proxy->adapter_bits };
        s->summary = (VirtioSavedIndicator){ 1, proxy->summary };
        s->route.first_bit = proxy->adapter_first;
        s->isc = proxy->isc;
    } else if (proxy->indicators) {
        s->indicators = (VirtioSavedIndicator){ 8, proxy->indicators };
    }
    if (proxy->config_indicator) {
        s->indicators2 = (VirtioSavedIndicator){ 8, proxy->config_indicator };
    }
    s->config_vector = proxy->config_indicator ? CONFIG_VECTOR : VIRTIO_NO_VECTOR;
    s->revision = proxy->revision;
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) { /* a queue's vector is its number */
        saved->queues[i].vector = saved->queues[i].desc ? i : VIRTIO_NO_VECTOR;
    }
}

bool virtio_ccw_check(void *transport, const VirtioSaved *saved, GError **error)
{
    const VirtioCcw *proxy = transport;

    if (saved->ccw.revision > (int32_t)proxy->max_revision) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "virtio-ccw revision %d in the stream, here at most %u", saved->ccw.revision,
                    proxy->max_revision);
        return false;
    }
    return ccw_device_check(&proxy->ccw, &saved->ccw.subch, error);
}

void virtio_ccw_install(void *transport, const VirtioSaved *saved)
{
    VirtioCcw *proxy = transport;
    const VirtioSavedCcw *s = &saved->ccw;
    bool adapter = s->summary.len != 0;

    ccw_device_install(&proxy->ccw, &s->subch);
    proxy->summary = adapter ? s->summary.addr + s->route.summary_offset / 8 : 0;
    proxy->adapter_bits = adapter ? s->indicators.addr : 0;
    proxy->adapter_first = adapter ? s->route.first_bit : 0;
    proxy->isc = s->isc;
    proxy->indicators = !adapter && s->indicators.len ? s->indicators.addr : 0;
    proxy->config_indicator = s->indicators2.len ? s->indicators2.addr : 0;
    virtio_ccw_set_revision(proxy, s->revision);
    proxy->driver_features[0] = proxy->backend->guest_features;
    proxy->driver_features[1] = proxy->backend->guest_features >> 32;
}
