/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The migrated state of virtio devices: transport, common part, the device's own part, subsections, in
 * the order that QEMU 10.0 lays them out by hand. One saved form serves every device: the device's
 * own part lies in `device`, described by a record of its own.
 */
#pragma once

#include "hw/ccw/css.h"
#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"

#define VIRTIO_SAVED_DEVICE_BYTES 32768 /* 511 ports of a console */

typedef struct VirtioSavedQueue {
    uint32_t align; /* of a legacy mmio queue's used ring */
    uint32_t num, num_default, inuse;
    uint64_t desc, driver, device;
    uint16_t last_avail_idx, vector;
    /* packed rings */
    uint16_t packed_last_avail, packed_used;
    bool packed_last_wrap, packed_used_wrap;
    /* the modern interface's registers */
    uint16_t modern_num;
    bool enabled;
    uint32_t modern_desc[2], modern_driver[2], modern_device[2];
} VirtioSavedQueue;

typedef struct VirtioSavedIndicator {
    uint32_t len; /* 0: not set */
    uint64_t addr;
} VirtioSavedIndicator;
typedef struct VirtioSavedRoute {
    uint64_t first_bit;
    uint32_t summary_offset;
} VirtioSavedRoute;
/* Channel I/O. */
typedef struct VirtioSavedCcw {
    SubchSaved subch;
    VirtioSavedIndicator indicators, indicators2, summary;
    uint16_t config_vector;
    VirtioSavedRoute route;
    uint8_t isc;
    int32_t revision;
} VirtioSavedCcw;

typedef struct VirtioSaved {
    /* of the receiver, not on the wire */
    bool is_pci, is_ccw, is_mmio, modern, has_version_1, has_packed, has_64bit;
    uint32_t msix_table_len, msix_pba_len;
    /* transport */
    PciDeviceSaved pci;
    uint8_t *msix_table, *msix_pba;
    uint16_t config_vector;
    VirtioSavedCcw ccw;
    /* common */
    uint8_t status, isr;
    uint16_t queue_sel;
    uint32_t features_low, config_len, n_queues;
    uint8_t *config;
    VirtioSavedQueue queues[VIRTIO_QUEUE_MAX];
    union {
        uint64_t align;
        uint8_t bytes[VIRTIO_SAVED_DEVICE_BYTES];
    } device;
    /* subsections */
    uint64_t features;
    uint32_t device_select, driver_select, driver_features[2], page_shift;
    bool got_features, got_endian, broken, started;
    uint8_t device_endian; /* 1 little, 2 big */
} VirtioSaved;

extern const Record *const virtio_saved_subsections[];

/* Where the transport is of memory-mapped registers. */
#define VIRTIO_SAVED_MMIO_ONLY .present = virtio_saved_is_mmio, .flags = FIELD_GATED
/* Field macros to lay a device's record out of. */
#define VIRTIO_SAVED_COMMON_FIELDS                                                        \
    F_BOOL(VirtioSaved, is_pci, .flags = FIELD_LOCAL),                                    \
        F_BOOL(VirtioSaved, is_ccw, .flags = FIELD_LOCAL),                                \
        F_BOOL(VirtioSaved, is_mmio, .flags = FIELD_LOCAL),                               \
        F_BOOL(VirtioSaved, modern, .flags = FIELD_LOCAL),                                \
        F_BOOL(VirtioSaved, has_version_1, .flags = FIELD_LOCAL),                         \
        F_BOOL(VirtioSaved, has_packed, .flags = FIELD_LOCAL),                            \
        F_BOOL(VirtioSaved, has_64bit, .flags = FIELD_LOCAL),                             \
        F_U32(VirtioSaved, msix_table_len, .flags = FIELD_LOCAL),                         \
        F_U32(VirtioSaved, msix_pba_len, .flags = FIELD_LOCAL),                           \
        F_STRUCT(VirtioSaved, pci, pci_device_record, .present = virtio_saved_is_pci),    \
        F_STRUCT(VirtioSaved, ccw, virtio_saved_ccw, .present = virtio_saved_is_ccw),     \
        F_U32(VirtioSaved, device_select, VIRTIO_SAVED_MMIO_ONLY),                        \
        F_U32(VirtioSaved, driver_select, VIRTIO_SAVED_MMIO_ONLY),                        \
        F_U32(VirtioSaved, page_shift, VIRTIO_SAVED_MMIO_ONLY),                           \
        { .name = "msix_table",                                                           \
          .kind = FIELD_VBUFFER,                                                          \
          .size = sizeof(uint8_t *),                                                      \
          .offset = offsetof(VirtioSaved, msix_table),                                    \
          .max_len = 2048 * 16,                                                           \
          .count_offset = offsetof(VirtioSaved, msix_table_len) },                        \
        { .name = "msix_pba",                                                             \
          .kind = FIELD_VBUFFER,                                                          \
          .size = sizeof(uint8_t *),                                                      \
          .offset = offsetof(VirtioSaved, msix_pba),                                      \
          .max_len = 2048 / 8,                                                            \
          .count_offset = offsetof(VirtioSaved, msix_pba_len) },                          \
        F_U16(VirtioSaved, config_vector, .present = virtio_saved_has_msix),              \
        F_U8(VirtioSaved, status), F_U8(VirtioSaved, isr), F_U16(VirtioSaved, queue_sel), \
        F_U32(VirtioSaved, features_low), F_U32(VirtioSaved, config_len),                 \
        { .name = "config",                                                               \
          .kind = FIELD_VBUFFER,                                                          \
          .size = sizeof(uint8_t *),                                                      \
          .offset = offsetof(VirtioSaved, config),                                        \
          .max_len = VIRTIO_CONFIG_MAX,                                                   \
          .count_offset = offsetof(VirtioSaved, config_len) },                            \
        F_U32(VirtioSaved, n_queues, .max = VIRTIO_QUEUE_MAX),                            \
        VIRTIO_SAVED_QUEUES(virtio_saved_queue, virtio_saved_not_mmio),                   \
        VIRTIO_SAVED_QUEUES(virtio_saved_mmio_queue, virtio_saved_is_mmio)
#define VIRTIO_SAVED_QUEUES(rec, present_)                                                         \
    {                                                                                              \
        .name = "queues", .kind = FIELD_STRUCT, .flags = FIELD_VARRAY | FIELD_GATED | FIELD_FIXED, \
        .size = sizeof(VirtioSavedQueue), .offset = offsetof(VirtioSaved, queues),                 \
        .count = VIRTIO_QUEUE_MAX, .count_offset = offsetof(VirtioSaved, n_queues),                \
        .record = &(rec), .present = (present_)                                                    \
    }
/* The device's own part. */
#define VIRTIO_SAVED_DEVICE_FIELD(T, rec)                                                \
    {                                                                                    \
        .name = "device", .kind = FIELD_STRUCT, .offset = offsetof(VirtioSaved, device), \
        .size = sizeof(T), .record = &(rec)                                              \
    }
/* The record "virtio" inside, and the section's record around it. */
#define VIRTIO_SAVED_INNER(fields_)                                                    \
    {                                                                                  \
        .name = "virtio", .version = 1, .min_version = 1, .size = sizeof(VirtioSaved), \
        .fields = (fields_), .subsections = virtio_saved_subsections                   \
    }
#define VIRTIO_SAVED_OUTER_FIELD(inner)                                                   \
    {                                                                                     \
        .name = "virtio", .kind = FIELD_STRUCT, .offset = 0, .size = sizeof(VirtioSaved), \
        .record = &(inner), .wire_type = "virtio"                                         \
    }
/* For `present` and `needed` of a device's own record: the whole form around it. */
#define VIRTIO_SAVED_AROUND(part) \
    ((const VirtioSaved *)((const uint8_t *)(part)-offsetof(VirtioSaved, device)))

extern const Record virtio_saved_queue, virtio_saved_mmio_queue;
extern const Record virtio_saved_ccw;
bool virtio_saved_is_pci(const void *saved, uint32_t version);
bool virtio_saved_is_mmio(const void *saved, uint32_t version);
bool virtio_saved_not_mmio(const void *saved, uint32_t version);
bool virtio_saved_is_ccw(const void *saved, uint32_t version);
bool virtio_saved_has_msix(const void *saved, uint32_t version);

/* The common halves of a device's SectionOps; `device` is the caller's. */
void virtio_save(VirtioDevice *dev, VirtioSaved *saved);
bool virtio_check(VirtioDevice *dev, const VirtioSaved *saved, GError **error);
void virtio_install(VirtioDevice *dev, const VirtioSaved *saved);
/* Reads the rings' used indices again, now that memory and bus mastering are there. */
void virtio_installed(VirtioDevice *dev);
/* Declares NAME_section for a device whose own part is of type T (functions may be NULL). */
#define VIRTIO_SECTION(sym, name_, version_, inner_, sops)                                 \
    static const Field sym##_outer_fields[] = { VIRTIO_SAVED_OUTER_FIELD(inner_), F_END }; \
    static const Record sym##_record = { .name = (name_),                                  \
                                         .version = (version_),                            \
                                         .min_version = (version_),                        \
                                         .size = sizeof(VirtioSaved),                      \
                                         .fields = sym##_outer_fields };                   \
    static const SectionDesc sym##_section = { .record = &sym##_record, .ops = &(sops) }

/* ---- requests that wait for a disk (parked.c) ---- */
#define VIRTIO_PARKED_MAX 480
typedef struct VirtioParked {
    uint16_t queue, head;
} VirtioParked;
typedef struct VirtioParkedSaved {
    uint8_t more_requests; /* there are some that cannot be told */
    uint32_t count;
    VirtioParked parked[VIRTIO_PARKED_MAX];
} VirtioParkedSaved;
G_STATIC_ASSERT(sizeof(VirtioParkedSaved) <= VIRTIO_SAVED_DEVICE_BYTES);

extern const Field virtio_parked_one_fields[];
/* SYM_fields: count and list, of records that are called @name_. */
#define VIRTIO_PARKED_FIELDS(sym, name_)                                            \
    static const Record sym##_one = { .name = (name_),                              \
                                      .version = 1,                                 \
                                      .min_version = 1,                             \
                                      .size = sizeof(VirtioParked),                 \
                                      .fields = virtio_parked_one_fields };         \
    static const Field sym##_fields[] = {                                           \
        F_U32(VirtioParkedSaved, count, .max = VIRTIO_PARKED_MAX),                  \
        F_STRUCT_ARRAY(VirtioParkedSaved, parked, sym##_one, .flags = FIELD_VARRAY, \
                       .count_offset = offsetof(VirtioParkedSaved, count)),         \
        F_END,                                                                      \
    }
bool virtio_parked_needed(const void *saved);
void virtio_parked_add(VirtioParkedSaved *saved, unsigned queue, unsigned head);
bool virtio_parked_check(const VirtioSaved *saved, const VirtioParkedSaved *own, GError **error);
