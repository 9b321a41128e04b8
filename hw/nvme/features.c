/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Get and Set Features (5.13, 5.21). Nothing can be saved over a power cycle. */
#include "base/core/clock.h"
#include "base/util/endian.h"
#include "nvme-priv.h"

enum {
    FEATURE_ARBITRATION = 0x01,
    FEATURE_POWER = 0x02,
    FEATURE_TEMPERATURE = 0x04,
    FEATURE_ERRORS = 0x05,
    FEATURE_WRITE_CACHE = 0x06,
    FEATURE_QUEUES = 0x07,
    FEATURE_COALESCING = 0x08,
    FEATURE_VECTOR = 0x09,
    FEATURE_ATOMICITY = 0x0a,
    FEATURE_EVENTS = 0x0b,
    FEATURE_TIMESTAMP = 0x0e,
};
enum { /* which value is asked for */
    SELECT_CURRENT,
    SELECT_DEFAULT,
    SELECT_SAVED,
    SELECT_CAPABILITIES,
};
#define CAN_CHANGE      4u
#define OF_NAMESPACE    2u
#define SAVE            (1u << 31)
#define KELVIN_WARN     0x157u
#define NO_COALESCING   (1u << 16)
#define TIMESTAMP_BYTES 8u
#define TIMESTAMP_MASK  ((1ull << 48) - 1)

static const struct {
    uint8_t id, capabilities;
    uint32_t initial;
} features[] = {
    { FEATURE_ARBITRATION, 0, 7 }, /* no limit to a burst */
    { FEATURE_POWER, 0, 0 },
    { FEATURE_TEMPERATURE, CAN_CHANGE, KELVIN_WARN },
    { FEATURE_ERRORS, CAN_CHANGE, 0 },
    { FEATURE_WRITE_CACHE, CAN_CHANGE, 0 },
    { FEATURE_QUEUES, CAN_CHANGE, 0 },
    { FEATURE_COALESCING, 0, 0 },
    { FEATURE_VECTOR, 0, NO_COALESCING },
    { FEATURE_ATOMICITY, 0, 0 },
    { FEATURE_EVENTS, CAN_CHANGE, 0 },
    { FEATURE_TIMESTAMP, CAN_CHANGE, 0 },
};

static int find(uint8_t id)
{
    for (size_t i = 0; i < G_N_ELEMENTS(features); i++) {
        if (features[i].id == id) {
            return (int)i;
        }
    }
    return -1;
}

static uint32_t queue_counts(const Nvme *n)
{
    return (n->max_pairs - 1) << 16 | (n->max_pairs - 1);
}

/* ---- the time, as the host set it ---- */

static int64_t now_ns(const Nvme *n)
{
    return clock_now_ns(device_vm(&n->pci.dev), CLOCK_KIND_VIRTUAL);
}

static int get_timestamp(NvmeRequest *req)
{
    const NvmeRegs *r = &req->n->r;
    uint64_t ms = r->timestamp_ms + (uint64_t)(now_ns(req->n) - r->timestamp_at_ns) / 1000000u;
    uint8_t out[TIMESTAMP_BYTES];

    st_le64(out, (ms & TIMESTAMP_MASK) | (r->timestamp_set ? 1ull << 49 : 0));
    return nvme_send(req, out, sizeof(out));
}

static int set_timestamp(NvmeRequest *req)
{
    NvmeRegs *r = &req->n->r;
    uint8_t in[TIMESTAMP_BYTES];
    int status = nvme_receive(req, in, sizeof(in));

    if (!status) {
        r->timestamp_ms = ld_le64(in) & TIMESTAMP_MASK;
        r->timestamp_at_ns = now_ns(req->n);
        r->timestamp_set = true;
    }
    return status;
}

/* ---- Get Features ---- */

static uint32_t current(const Nvme *n, uint8_t id, uint32_t dword11, uint32_t initial)
{
    switch (id) {
    case FEATURE_TEMPERATURE: /* only of the composite sensor, and over it */
        return (dword11 >> 16 & 0xf) ? 0 : (dword11 >> 20 & 3) ? 0 : n->r.temperature;
    case FEATURE_ERRORS: return n->r.error_recovery;
    case FEATURE_WRITE_CACHE: return nvme_any_write_cache(n);
    case FEATURE_EVENTS: return n->r.async_config;
    default: return initial;
    }
}

int nvme_get_features(NvmeRequest *req)
{
    const Nvme *n = req->n;
    uint8_t id = req->cmd[40], select = req->cmd[41] & 7;
    uint32_t dword11 = ld_le32(req->cmd + 44), initial;
    int i = find(id);

    if (i < 0 || select > SELECT_CAPABILITIES) {
        return NVME_FIELD;
    }
    if (select == SELECT_CAPABILITIES) {
        req->result = features[i].capabilities;
        return NVME_OK;
    }
    initial = id == FEATURE_QUEUES ? queue_counts(n) : features[i].initial;
    if (id == FEATURE_VECTOR) {
        if ((dword11 & 0xffff) >= n->msix_vectors) {
            return NVME_FIELD;
        }
        initial |= dword11 & 0xffff;
    }
    if (id == FEATURE_TIMESTAMP && select == SELECT_CURRENT) {
        return get_timestamp(req);
    }
    req->result = select == SELECT_CURRENT ? current(n, id, dword11, initial) : initial;
    return NVME_OK;
}

/* ---- Set Features ---- */

static void cache_flushed(void *opaque, BlockDrive *failed, int ret)
{
    nvme_complete(opaque, ret ? NVME_WRITE_FAULT : NVME_OK);
}

/* What was promised to be durable stays so: a cache that is switched off is flushed. */
static int set_write_cache(NvmeRequest *req, bool on)
{
    Nvme *n = req->n;

    for (uint32_t nsid = 1; nsid <= NVME_NAMESPACES; nsid++) {
        if (n->namespaces[nsid]) {
            block_drive_set_write_cache(n->namespaces[nsid]->drive, on);
        }
    }
    if (on) {
        return NVME_OK;
    }
    nvme_flush_all(n, cache_flushed, req);
    return NVME_PENDING;
}

int nvme_set_features(NvmeRequest *req)
{
    Nvme *n = req->n;
    uint32_t dword10 = ld_le32(req->cmd + 40), value = ld_le32(req->cmd + 44);
    uint8_t id = (uint8_t)dword10;
    int i = find(id);

    if (i < 0) {
        return NVME_FIELD;
    }
    if (dword10 & SAVE) {
        return NVME_NOT_SAVEABLE;
    }
    if (!(features[i].capabilities & CAN_CHANGE)) {
        return NVME_NOT_CHANGEABLE;
    }
    switch (id) {
    case FEATURE_TEMPERATURE:
        if (!(value >> 16 & 0x3f)) {
            n->r.temperature = value & 0xffff;
        }
        return NVME_OK;
    case FEATURE_ERRORS: n->r.error_recovery = value & 0xffff; return NVME_OK;
    case FEATURE_WRITE_CACHE: return set_write_cache(req, value & 1);
    case FEATURE_QUEUES:
        if ((value & 0xffff) == 0xffff || value >> 16 == 0xffff) {
            return NVME_FIELD;
        }
        req->result = queue_counts(n);
        return NVME_OK;
    case FEATURE_EVENTS: n->r.async_config = value; return NVME_OK;
    default: return set_timestamp(req);
    }
}
