/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What streams carry of a bus and its units: records "ide_bus" and "ide_drive".
 *
 * A PIO block that waits travels with the whole buffer. A DMA transfer that waits for the guest
 * travels like a request parked by an error, and is repeated from the registers. The position on
 * the medium of a packet command's PIO reply does not travel: what is buffered does, and a reply
 * that needs more is aborted, which the guest's driver repeats.
 */
#include <string.h>

#include "base/util/endian.h"
#include "ide-priv.h"

#define READ_LIMIT (1u << 30) /* the longest reply of a packet command */

/* ---- records ---- */

static bool has_identify(const void *saved, uint32_t version)
{
    return ((const IdeUnitSaved *)saved)->identify_set != 0;
}

static bool pio_needed(const void *saved)
{
    return ((const IdeUnitSaved *)saved)->has_pio;
}
static bool tray_needed(const void *saved)
{
    return ((const IdeUnitSaved *)saved)->has_tray;
}
static bool gesn_needed(const void *saved)
{
    return ((const IdeUnitSaved *)saved)->has_gesn;
}
static bool error_needed(const void *saved)
{
    return ((const IdeBusSaved *)saved)->has_error;
}

static const Field pio_fields[] = {
    F_I32(IdeUnitSaved, req_nb_sectors),       F_BUFFER(IdeUnitSaved, io_buffer),
    F_I32(IdeUnitSaved, cur_io_buffer_offset), F_I32(IdeUnitSaved, cur_io_buffer_len),
    F_U8(IdeUnitSaved, end_transfer_fn_idx),   F_I32(IdeUnitSaved, elementary_transfer_size),
    F_I32(IdeUnitSaved, packet_transfer_size), F_END,
};
#define UNIT_SUBSECTION(var_, name_, fields_, flag_, needed_) \
    static const Record var_ = {                              \
        .name = (name_),                                      \
        .version = 1,                                         \
        .min_version = 1,                                     \
        .size = sizeof(IdeUnitSaved),                         \
        .fields = (fields_),                                  \
        .needed = (needed_),                                  \
        .has_present = true,                                  \
        .present_offset = offsetof(IdeUnitSaved, flag_),      \
    }
UNIT_SUBSECTION(pio_record, "ide_drive/pio_state", pio_fields, has_pio, pio_needed);

static const Field tray_fields[] = {
    F_BOOL(IdeUnitSaved, tray_open),
    F_BOOL(IdeUnitSaved, tray_locked),
    F_END,
};
UNIT_SUBSECTION(tray_record, "ide_drive/tray_state", tray_fields, has_tray, tray_needed);

static const Field gesn_fields[] = {
    F_BOOL(IdeUnitSaved, new_media, .name = "events.new_media"),
    F_BOOL(IdeUnitSaved, eject_request, .name = "events.eject_request"),
    F_END,
};
UNIT_SUBSECTION(gesn_record, "ide_drive/atapi/gesn_state", gesn_fields, has_gesn, gesn_needed);

static const Record *const unit_subsections[] = { &pio_record, &tray_record, &gesn_record, NULL };
static const Field unit_fields[] = {
    F_I32(IdeUnitSaved, mult_sectors),
    F_I32(IdeUnitSaved, identify_set),
    F_BUFFER(IdeUnitSaved, identify_data, .present = has_identify),
    F_U8(IdeUnitSaved, feature),
    F_U8(IdeUnitSaved, error),
    F_U32(IdeUnitSaved, nsector),
    F_U8(IdeUnitSaved, sector),
    F_U8(IdeUnitSaved, lcyl),
    F_U8(IdeUnitSaved, hcyl),
    F_U8(IdeUnitSaved, hob_feature),
    F_U8(IdeUnitSaved, hob_sector),
    F_U8(IdeUnitSaved, hob_nsector),
    F_U8(IdeUnitSaved, hob_lcyl),
    F_U8(IdeUnitSaved, hob_hcyl),
    F_U8(IdeUnitSaved, select),
    F_U8(IdeUnitSaved, status),
    F_U8(IdeUnitSaved, lba48),
    F_U8(IdeUnitSaved, sense_key),
    F_U8(IdeUnitSaved, asc),
    F_U8(IdeUnitSaved, cdrom_changed, .since = 3),
    F_END,
};
const Record ide_unit_record = {
    .name = "ide_drive",
    .version = 3,
    .min_version = 0,
    .size = sizeof(IdeUnitSaved),
    .fields = unit_fields,
    .subsections = unit_subsections,
};

static const Field error_fields[] = {
    F_I32(IdeBusSaved, error_status),
    F_I64(IdeBusSaved, retry_sector_num, .since = 2),
    F_U32(IdeBusSaved, retry_nsector, .since = 2),
    F_U8(IdeBusSaved, retry_unit, .since = 2),
    F_END,
};
static const Record error_record = {
    .name = "ide_bus/error",
    .version = 2,
    .min_version = 1,
    .size = sizeof(IdeBusSaved),
    .fields = error_fields,
    .needed = error_needed,
    .has_present = true,
    .present_offset = offsetof(IdeBusSaved, has_error),
};
static const Record *const bus_subsections[] = { &error_record, NULL };
static const Field bus_fields[] = {
    F_U8(IdeBusSaved, cmd),
    F_U8(IdeBusSaved, unit, .min = 0, .max = 1),
    F_END,
};
const Record ide_bus_record = {
    .name = "ide_bus",
    .version = 1,
    .min_version = 1,
    .size = sizeof(IdeBusSaved),
    .fields = bus_fields,
    .subsections = bus_subsections,
};

/* ---- unit ---- */

/* The command to be repeated. Of a read through the data port, which the guest has perhaps a part of, only
   the rest is: as READ (12). */
static void save_packet(const IdeUnit *u, uint8_t *out)
{
    memcpy(out, u->packet, IDE_PACKET);
    if (u->retry == RETRY_PACKET && !u->packet_dma && u->packet_lba_known) {
        memset(out, 0, IDE_PACKET);
        out[0] = 0xa8;
        st_be32(out + 2, u->packet_lba);
        st_be32(out + 6, u->packet_left / IDE_CD_SECTOR);
    }
}

static void save_pio(const IdeUnit *u, IdeUnitSaved *s)
{
    bool reply = u->pio && u->end_fn == IDE_END_PACKET_REPLY;
    bool packet =
        u->retry == RETRY_PACKET || u->dma == IDE_DMA_PACKET_READ || u->dma == IDE_DMA_PACKET_REPLY;

    if (!u->pio && !packet && u->retry != RETRY_PIO_WRITE) {
        return;
    }
    s->has_pio = true;
    s->req_nb_sectors = (int32_t)u->block_sectors;
    memcpy(s->io_buffer, u->buf, IDE_BUF_BYTES);
    if (packet && !u->pio) {
        save_packet(u, s->io_buffer);
        s->end_transfer_fn_idx = IDE_END_PACKET_COMMAND;
        return;
    }
    s->end_transfer_fn_idx = (uint8_t)u->end_fn;
    if (!u->pio) { /* a parked block, to be written from the start of the buffer */
        return;
    }
    s->cur_io_buffer_offset = (int32_t)u->pos;
    s->cur_io_buffer_len = (int32_t)(u->end - u->pos);
    if (reply) {
        s->elementary_transfer_size = (int32_t)(u->reply_valid - u->reply_from);
        s->packet_transfer_size = (int32_t)u->packet_left;
    }
}

void ide_unit_save(const IdeUnit *u, IdeUnitSaved *s)
{
    s->mult_sectors = (int32_t)u->mult_sectors;
    s->identify_set = u->identify_set;
    memcpy(s->identify_data, u->identify, IDE_SECTOR);
    s->feature = u->feature;
    s->error = u->error;
    s->nsector = u->nsector;
    s->sector = u->sector;
    s->lcyl = u->lcyl;
    s->hcyl = u->hcyl;
    s->hob_feature = u->hob.feature;
    s->hob_sector = u->hob.sector;
    s->hob_nsector = u->hob.nsector;
    s->hob_lcyl = u->hob.lcyl;
    s->hob_hcyl = u->hob.hcyl;
    s->select = u->select;
    s->status = u->status;
    s->lba48 = u->lba48;
    s->sense_key = u->sense_key;
    s->asc = u->asc;
    s->cdrom_changed = u->cdrom_changed;
    save_pio(u, s);
    s->tray_open = u->tray_open;
    s->tray_locked = u->tray_locked;
    s->has_tray = u->kind == IDE_KIND_CD && (u->tray_open || u->tray_locked);
    s->new_media = u->event_new_media;
    s->eject_request = u->event_eject;
    s->has_gesn = u->event_new_media || u->event_eject;
}

static bool refuse(GError **error, const char *what, int64_t value, int64_t limit)
{
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                "IDE: %s is %" G_GINT64_FORMAT " (limit %" G_GINT64_FORMAT ")", what, value, limit);
    return false;
}

static bool check_pio(const IdeUnit *u, const IdeUnitSaved *s, GError **error)
{
    int64_t end = (int64_t)s->cur_io_buffer_offset + s->cur_io_buffer_len;

    if (!u->drive) {
        return refuse(error, "a transfer of a unit without a drive", 1, 0);
    }
    if (s->cur_io_buffer_offset < 0 || s->cur_io_buffer_len < 0 || end > (int64_t)IDE_BUF_BYTES) {
        return refuse(error, "the end of the waiting block", end, IDE_BUF_BYTES);
    }
    if (s->end_transfer_fn_idx > IDE_END_DISCARD) {
        return refuse(error, "the step after the block", s->end_transfer_fn_idx, IDE_END_DISCARD);
    }
    if (s->req_nb_sectors < 0 || s->req_nb_sectors > (int32_t)IDE_MULT_MAX) {
        return refuse(error, "sectors a block", s->req_nb_sectors, IDE_MULT_MAX);
    }
    if (s->packet_transfer_size < 0 || s->packet_transfer_size > (int32_t)READ_LIMIT) {
        return refuse(error, "bytes of the reply", s->packet_transfer_size, READ_LIMIT);
    }
    if (s->elementary_transfer_size < 0 ||
        s->elementary_transfer_size > (int64_t)IDE_BUF_BYTES - end) {
        return refuse(error, "buffered bytes", s->elementary_transfer_size, IDE_BUF_BYTES - end);
    }
    if ((s->end_transfer_fn_idx == IDE_END_READ_SECTORS ||
         s->end_transfer_fn_idx == IDE_END_WRITE_SECTORS) &&
        (u->kind != IDE_KIND_DISK || !s->req_nb_sectors)) {
        return refuse(error, "a sector transfer of a drive that has none", 1, 0);
    }
    if (s->end_transfer_fn_idx == IDE_END_WRITE_SECTORS &&
        end > (int64_t)MIN(s->nsector, (uint32_t)s->req_nb_sectors) * IDE_SECTOR) {
        return refuse(error, "the end of the waiting block", end, s->nsector * (int64_t)IDE_SECTOR);
    }
    if ((s->end_transfer_fn_idx == IDE_END_PACKET_REPLY ||
         s->end_transfer_fn_idx == IDE_END_PACKET_COMMAND) &&
        u->kind != IDE_KIND_CD) {
        return refuse(error, "a packet command of a disk", 1, 0);
    }
    return true;
}

bool ide_unit_check(const IdeUnit *u, const IdeUnitSaved *s, GError **error)
{
    if (s->mult_sectors < 0 || s->mult_sectors > (int32_t)IDE_MULT_MAX) {
        return refuse(error, "sectors a block", s->mult_sectors, IDE_MULT_MAX);
    }
    if (s->nsector > 65536) {
        return refuse(error, "the sector count", s->nsector, 65536);
    }
    return !s->has_pio || check_pio(u, s, error);
}

static void install_pio(IdeUnit *u, const IdeUnitSaved *s)
{
    memcpy(u->buf, s->io_buffer, IDE_BUF_BYTES);
    memcpy(u->packet, s->io_buffer, IDE_PACKET);
    u->packet_dma = u->feature & 1;
    u->block_sectors = (uint32_t)s->req_nb_sectors;
    u->end_fn = (IdeEnd)s->end_transfer_fn_idx;
    u->pos = (uint32_t)s->cur_io_buffer_offset;
    u->end = u->pos + (uint32_t)s->cur_io_buffer_len;
    u->pio = u->pos < u->end && (u->status & ST_DRQ);
    u->packet_left = (uint32_t)s->packet_transfer_size;
    u->packet_limit = CLAMP(((uint32_t)u->hcyl << 8 | u->lcyl) & ~1u, 2, 0xfffe);
    u->reply_from = u->end;
    u->reply_valid = u->end + (uint32_t)s->elementary_transfer_size;
}

void ide_unit_install(IdeUnit *u, const IdeUnitSaved *s)
{
    u->mult_sectors = (uint32_t)s->mult_sectors;
    u->identify_set = s->identify_set;
    if (s->identify_set) {
        memcpy(u->identify, s->identify_data, IDE_SECTOR);
        if (u->kind == IDE_KIND_DISK && u->drive) { /* the guest's choice of cache goes along */
            block_drive_set_write_cache(u->drive, ide_identify_get(u, 85) & 0x20);
        }
    }
    u->feature = s->feature;
    u->error = s->error;
    u->nsector = s->nsector;
    u->sector = s->sector;
    u->lcyl = s->lcyl;
    u->hcyl = s->hcyl;
    u->hob = (IdeHob){ s->hob_feature, s->hob_sector, s->hob_nsector, s->hob_lcyl, s->hob_hcyl };
    u->select = s->select;
    u->status = s->status;
    u->lba48 = s->lba48 != 0;
    u->sense_key = s->sense_key & 0x0f;
    u->asc = s->asc;
    u->ascq = 0;
    u->cdrom_changed = MIN(s->cdrom_changed, 2);
    u->pio = false;
    u->pos = u->end = 0;
    u->dma = IDE_DMA_NONE;
    u->retry = 0;
    u->packet_lba_known = false;
    u->tray_open = s->has_tray && s->tray_open;
    u->tray_locked = s->has_tray && s->tray_locked;
    u->event_new_media = s->has_gesn && s->new_media;
    u->event_eject = s->has_gesn && s->eject_request;
    if (s->has_pio) {
        install_pio(u, s);
    }
}

/* ---- bus ---- */

static unsigned waiting(const IdeUnit *u)
{
    switch (u->retry ? IDE_DMA_NONE : u->dma) {
    case IDE_DMA_READ: return RETRY_DMA_READ;
    case IDE_DMA_WRITE: return RETRY_DMA_WRITE;
    case IDE_DMA_TRIM: return RETRY_TRIM;
    case IDE_DMA_PACKET_READ:
    case IDE_DMA_PACKET_REPLY: return RETRY_PACKET;
    case IDE_DMA_NONE: break;
    }
    return u->retry;
}

void ide_bus_save(const IdeBus *bus, IdeBusSaved *s)
{
    s->cmd = bus->control;
    s->unit = bus->unit;
    for (uint8_t i = 0; i < bus->max_units; i++) {
        const IdeUnit *u = &bus->units[i];
        unsigned retry = waiting(u);

        if (!retry) {
            continue;
        }
        s->has_error = true;
        s->error_status = (int32_t)retry;
        s->retry_unit = i;
        if (u->kind == IDE_KIND_DISK && retry != RETRY_FLUSH) {
            s->retry_sector_num = (int64_t)ide_get_lba(u);
            s->retry_nsector = u->nsector;
        }
    }
}

static bool known_retry(const IdeUnit *u, int32_t status)
{
    switch (status) {
    case 0: return true;
    case RETRY_DMA_READ:
    case RETRY_DMA_WRITE:
    case RETRY_PIO_READ:
    case RETRY_PIO_WRITE:
    case RETRY_TRIM: return u->kind == IDE_KIND_DISK;
    case RETRY_FLUSH: return u->drive != NULL;
    case RETRY_PACKET: return u->kind == IDE_KIND_CD;
    default: return false;
    }
}

bool ide_bus_check(const IdeBus *bus, const IdeBusSaved *s, GError **error)
{
    if (!s->has_error) {
        return true;
    }
    if (s->retry_unit >= bus->max_units) {
        return refuse(error, "the unit of the waiting request", s->retry_unit, bus->max_units - 1);
    }
    if (!known_retry(&bus->units[s->retry_unit], s->error_status)) {
        return refuse(error, "the kind of the waiting request", s->error_status, RETRY_TRIM);
    }
    if (s->retry_nsector > 65536) {
        return refuse(error, "sectors of the waiting request", s->retry_nsector, 65536);
    }
    return true;
}

void ide_bus_install(IdeBus *bus, const IdeBusSaved *s)
{
    IdeUnit *u;

    bus->control = s->cmd;
    bus->unit = s->unit;
    if (!s->has_error || !s->error_status) {
        return;
    }
    bus->unit = s->retry_unit;
    u = &bus->units[s->retry_unit];
    u->retry = (unsigned)s->error_status;
    u->pio = false;
    if (u->kind == IDE_KIND_DISK && u->retry != RETRY_FLUSH && u->retry != RETRY_TRIM) {
        u->nsector = s->retry_nsector;
        if (!u->block_sectors) {
            u->block_sectors = 1;
        }
    }
}
