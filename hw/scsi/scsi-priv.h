/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the SCSI room: the unit behind "scsi-hd" and "scsi-cd" (SBC-3, MMC-3), its command table, and
 * what streams carry of it.
 *
 * Invariants:
 *  1. A request is in exactly one place: being started, with the block layer (in_flight), in
 *     dev->parked, or done.
 *  2. A check condition's sense is kept in the device until another command than REQUEST SENSE.
 *  3. While the VM is stopped nothing is in flight.
 */
#pragma once

#include "backend/block/block.h"
#include "hw/core/mmc.h"
#include "hw/scsi/scsi.h"

#define SENSE_SAVED_OLD  96
#define SENSE_SAVED_MORE 156
#define REPLY_BYTES      512u

typedef struct {
    uint8_t key, asc, ascq;
} ScsiSense;

/* Additional sense, as SPC-4 Annex D numbers it. */
#define SENSE_NONE            ((ScsiSense){ 0x0, 0x00, 0x00 })
#define SENSE_NOT_READY       ((ScsiSense){ 0x2, 0x04, 0x03 })
#define SENSE_NO_MEDIUM       ((ScsiSense){ 0x2, 0x3a, 0x00 })
#define SENSE_TARGET_FAILURE  ((ScsiSense){ 0x4, 0x44, 0x00 })
#define SENSE_OPCODE          ((ScsiSense){ 0x5, 0x20, 0x00 })
#define SENSE_RANGE           ((ScsiSense){ 0x5, 0x21, 0x00 })
#define SENSE_FIELD           ((ScsiSense){ 0x5, 0x24, 0x00 })
#define SENSE_PARAMETER       ((ScsiSense){ 0x5, 0x26, 0x00 })
#define SENSE_PARAMETER_LEN   ((ScsiSense){ 0x5, 0x1a, 0x00 })
#define SENSE_LUN             ((ScsiSense){ 0x5, 0x25, 0x00 })
#define SENSE_INCOMPATIBLE    ((ScsiSense){ 0x5, 0x30, 0x00 })
#define SENSE_NOT_SAVED       ((ScsiSense){ 0x5, 0x39, 0x00 })
#define SENSE_LOCKED          ((ScsiSense){ 0x5, 0x53, 0x02 })
#define SENSE_LOCKED_READY    ((ScsiSense){ 0x2, 0x53, 0x02 })
#define SENSE_RESET           ((ScsiSense){ 0x6, 0x29, 0x00 })
#define SENSE_MEDIUM_CHANGED  ((ScsiSense){ 0x6, 0x28, 0x00 })
#define SENSE_MEDIUM_REMOVED  ((ScsiSense){ 0x6, 0x3a, 0x00 })
#define SENSE_CAPACITY        ((ScsiSense){ 0x6, 0x2a, 0x09 })
#define SENSE_LUNS_CHANGED    ((ScsiSense){ 0x6, 0x3f, 0x0e })
#define SENSE_WRITE_PROTECTED ((ScsiSense){ 0x7, 0x27, 0x00 })
#define SENSE_NO_SPACE        ((ScsiSense){ 0x7, 0x27, 0x07 })
#define SENSE_IO              ((ScsiSense){ 0xb, 0x00, 0x06 })

struct ScsiDevice {
    Device dev; /* first */
    /* properties */
    uint32_t channel, id, lun; /* UINT32_MAX: the bus chooses */
    char *drive_name, *serial, *vendor, *product, *version, *device_id;
    uint64_t wwn, port_wwn;
    uint16_t port_index, rotation_rate;
    int32_t scsi_version, bootindex;
    uint64_t max_unmap_bytes, max_io_bytes;
    uint64_t logical_block_size, physical_block_size, min_io_size, opt_io_size;
    uint64_t discard_granularity;
    uint32_t cyls, heads, secs, lcyls, lheads, lsecs;
    int werror, rerror;
    OnOffAuto write_cache, account_invalid, account_failed, backend_defaults;
    bool removable, dpofua, share_rw;
    bool migrate_requests; /* accepted: they always go along */
    /* state */
    bool cd;
    BlockDrive *drive;
    uint64_t told_bytes; /* size that the guest was told of */
    bool first_write_cache;
    ScsiSense attention;
    bool sense_is_ua;
    uint8_t sense[SENSE_SAVED_OLD + SENSE_SAVED_MORE];
    uint32_t sense_len;
    bool media_changed, tray_open, tray_locked;
    MmcEvents events;
    GPtrArray *parked; /* ScsiRequest, oldest first */
};

/* ---- request.c: how commands begin and end ---- */
static inline ScsiDevice *scsi_disk(const ScsiRequest *req)
{
    return req->dev;
}
uint64_t scsi_room(const ScsiRequest *req); /* bytes of iov */
void scsi_good(ScsiRequest *req);
void scsi_fail(ScsiRequest *req, ScsiSense sense);
/* The first @len bytes of the answer @data, as far as @room (of the command) and the iov go. */
void scsi_reply(ScsiRequest *req, const void *data, uint32_t len, uint32_t room);
/* Copies @len bytes of the initiator's data; false: the request ended, there are fewer. */
bool scsi_take(ScsiRequest *req, uint8_t *out, uint32_t len);
void scsi_overrun(ScsiRequest *req);
void scsi_set_attention(ScsiDevice *dev, ScsiSense sense);
/* A request to the drive ended with @ret. True: go on as if it had worked. */
bool scsi_drive_result(ScsiRequest *req, int ret, bool read);
/* Before each request to the drive. */
void scsi_submitted(ScsiRequest *req);

/* ---- commands.c: the table ---- */
/* Runs req->cdb on its device; starting a parked request again comes here too. */
void scsi_execute(ScsiRequest *req);

/* ---- medium.c: what moves blocks ---- */
uint64_t scsi_blocks(const ScsiDevice *d);
bool scsi_has_medium(const ScsiDevice *d);
void scsi_cmd_read(ScsiRequest *req);
void scsi_cmd_write(ScsiRequest *req);
void scsi_cmd_verify(ScsiRequest *req);
void scsi_cmd_sync(ScsiRequest *req);
void scsi_cmd_unmap(ScsiRequest *req);
void scsi_cmd_write_same(ScsiRequest *req);
void scsi_cmd_seek(ScsiRequest *req);
void scsi_cmd_capacity10(ScsiRequest *req);
void scsi_cmd_service_in(ScsiRequest *req);

/* ---- inquiry.c, mode.c, cdrom.c ---- */
void scsi_cmd_inquiry(ScsiRequest *req);
void scsi_cmd_mode_sense(ScsiRequest *req);
void scsi_cmd_mode_select(ScsiRequest *req);
void scsi_cmd_start_stop(ScsiRequest *req);
void scsi_cmd_prevent(ScsiRequest *req);
void scsi_cmd_toc(ScsiRequest *req);
void scsi_cmd_configuration(ScsiRequest *req);
void scsi_cmd_event_status(ScsiRequest *req);
void scsi_cmd_disc_information(ScsiRequest *req);
void scsi_cmd_mechanism(ScsiRequest *req);
MmcDrive scsi_mmc_facts(const ScsiDevice *d);

/* ---- state.c ---- */
extern const SectionDesc scsi_section;
