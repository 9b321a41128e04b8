/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What streams carry of a unit: record "scsi-disk". Requests are the adapter's: those that an error has
 * parked travel in its section, by where they are in the guest's memory. QEMU puts them here, with
 * addresses of the sender; such a stream is refused.
 */
#include <string.h>

#include "scsi-priv.h"

typedef struct {
    uint8_t key, asc, ascq;
    bool sense_is_ua;
    uint8_t sense[SENSE_SAVED_OLD + SENSE_SAVED_MORE];
    uint32_t sense_len;
    uint8_t requests; /* 0: none follow */
} UnitSaved;

typedef struct {
    UnitSaved unit;
    bool media_changed, media_event, eject_request, tray_open, tray_locked;
} DiskSaved;

static bool long_sense(const void *saved)
{
    return ((const UnitSaved *)saved)->sense_len > SENSE_SAVED_OLD;
}

static const Field more_fields[] = {
    { .name = "sense",
      .kind = FIELD_BUFFER,
      .offset = offsetof(UnitSaved, sense) + SENSE_SAVED_OLD,
      .size = SENSE_SAVED_MORE },
    F_END,
};
static const Record more_record = { .name = "SCSIDevice/sense",
                                    .version = 1,
                                    .min_version = 1,
                                    .size = sizeof(UnitSaved),
                                    .fields = more_fields,
                                    .needed = long_sense };
static const Record *const unit_subsections[] = { &more_record, NULL };
static const Field unit_fields[] = {
    F_U8(UnitSaved, key, .name = "unit_attention.key"),
    F_U8(UnitSaved, asc, .name = "unit_attention.asc"),
    F_U8(UnitSaved, ascq, .name = "unit_attention.ascq"),
    F_BOOL(UnitSaved, sense_is_ua),
    { .name = "sense",
      .kind = FIELD_U8,
      .offset = offsetof(UnitSaved, sense),
      .size = 1,
      .count = SENSE_SAVED_OLD },
    F_U32(UnitSaved, sense_len),
    F_U8(UnitSaved, requests, .wire_type = "scsi-requests"),
    F_END,
};
static const Record unit_record = { .name = "SCSIDevice",
                                    .version = 1,
                                    .min_version = 1,
                                    .size = sizeof(UnitSaved),
                                    .fields = unit_fields,
                                    .subsections = unit_subsections };

static const Field disk_fields[] = {
    F_STRUCT(DiskSaved, unit, unit_record, .name = "qdev"),
    F_BOOL(DiskSaved, media_changed),
    F_BOOL(DiskSaved, media_event),
    F_BOOL(DiskSaved, eject_request),
    F_BOOL(DiskSaved, tray_open),
    F_BOOL(DiskSaved, tray_locked),
    F_END,
};
static const Record disk_record = { .name = "scsi-disk",
                                    .version = 1,
                                    .min_version = 1,
                                    .size = sizeof(DiskSaved),
                                    .fields = disk_fields };

static void save(void *owner, void *p)
{
    const ScsiDevice *d = owner;
    DiskSaved *s = p;

    s->unit.key = d->attention.key;
    s->unit.asc = d->attention.asc;
    s->unit.ascq = d->attention.ascq;
    s->unit.sense_is_ua = d->sense_is_ua;
    memcpy(s->unit.sense, d->sense, sizeof(s->unit.sense));
    s->unit.sense_len = d->sense_len;
    s->media_changed = d->media_changed;
    s->media_event = d->events.new_media;
    s->eject_request = d->events.eject_request;
    s->tray_open = d->tray_open;
    s->tray_locked = d->tray_locked;
}

static bool check(void *owner, const void *p, GError **error)
{
    const DiskSaved *s = p;

    if (s->unit.requests) {
        g_set_error(
            error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
            "requests of a SCSI unit that wait for its disk are in the stream, which is not "
            "supported");
        return false;
    }
    if (s->unit.sense_len > sizeof(s->unit.sense)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "sense data of %u bytes (limit %zu)", s->unit.sense_len, sizeof(s->unit.sense));
        return false;
    }
    return true;
}

static void install(void *owner, const void *p)
{
    ScsiDevice *d = owner;
    const DiskSaved *s = p;

    d->attention = (ScsiSense){ s->unit.key, s->unit.asc, s->unit.ascq };
    d->sense_is_ua = s->unit.sense_is_ua;
    memcpy(d->sense, s->unit.sense, sizeof(d->sense));
    d->sense_len = s->unit.sense_len;
    d->media_changed = s->media_changed;
    d->events = (MmcEvents){ s->media_event, s->eject_request };
    d->tray_open = d->cd && s->tray_open;
    d->tray_locked = s->tray_locked;
}

static const SectionOps ops = { save, check, install, NULL };
const SectionDesc scsi_section = { .record = &disk_record, .ops = &ops };
