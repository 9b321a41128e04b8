/* SPDX-License-Identifier: GPL-2.0-or-later */
/* INQUIRY: the standard data and the vital product data pages (SPC-4 6.6, 7.8; SBC-3 6.6). */
#include <string.h>

#include "base/util/endian.h"
#include "scsi-priv.h"

typedef struct {
    uint8_t code;
    bool disk_only;
    /* Appends after the header of 4 bytes; false: there is no such page. */
    bool (*fill)(const ScsiDevice *d, GByteArray *out);
} VpdPage;

static void put_padded(GByteArray *out, const char *text, size_t len)
{
    g_autofree char *padded = g_strnfill(len, ' ');

    memcpy(padded, text, MIN(strlen(text), len));
    g_byte_array_append(out, (const uint8_t *)padded, (guint)len);
}

static bool page_serial(const ScsiDevice *d, GByteArray *out)
{
    if (!d->serial) {
        return false;
    }
    g_byte_array_append(out, (const uint8_t *)d->serial, (guint)MIN(strlen(d->serial), 36));
    return true;
}

static void put_designator(GByteArray *out, uint8_t set, uint8_t type, const void *data, size_t len)
{
    const uint8_t head[4] = { set, type, 0, (uint8_t)len };

    g_byte_array_append(out, head, sizeof(head));
    g_byte_array_append(out, data, (guint)len);
}

static bool page_identification(const ScsiDevice *d, GByteArray *out)
{
    uint8_t number[8];

    if (d->device_id && *d->device_id) {
        put_designator(out, 2, 0, d->device_id, MIN(strlen(d->device_id), 255 - 8));
    }
    if (d->wwn) {
        st_be64(number, d->wwn);
        put_designator(out, 1, 3, number, 8);
    }
    if (d->port_wwn) {
        st_be64(number, d->port_wwn);
        put_designator(out, 0x61, 0x93, number, 8);
    }
    if (d->port_index) {
        st_be32(number, d->port_index);
        put_designator(out, 0x61, 0x94, number, 4);
    }
    return true;
}

static bool page_limits(const ScsiDevice *d, GByteArray *out)
{
    uint64_t block = d->logical_block_size;
    uint8_t p[60] = { 0 };

    p[0] = 1; /* WRITE SAME of nothing does not mean "to the end" */
    st_be16(p + 2, (uint16_t)MIN(d->min_io_size / block, UINT16_MAX));
    st_be32(p + 4, (uint32_t)MIN(d->max_io_bytes / block, UINT32_MAX));
    st_be32(p + 8, (uint32_t)MIN(d->opt_io_size / block, UINT32_MAX));
    st_be32(p + 16, (uint32_t)MIN(d->max_unmap_bytes / block, UINT32_MAX));
    st_be32(p + 20, 255);
    st_be32(p + 24, (uint32_t)MIN(d->discard_granularity / block, UINT32_MAX));
    st_be64(p + 32, d->max_io_bytes / block); /* WRITE SAME */
    g_byte_array_append(out, p, sizeof(p));
    return true;
}

static bool page_characteristics(const ScsiDevice *d, GByteArray *out)
{
    uint8_t p[60] = { 0 };

    st_be16(p, d->rotation_rate);
    g_byte_array_append(out, p, sizeof(p));
    return true;
}

static bool page_provisioning(const ScsiDevice *d, GByteArray *out)
{
    bool thin = d->discard_granularity != 0;
    const uint8_t p[4] = { 0, thin ? 0xe0 : 0, thin ? 2 : 1, 0 };

    g_byte_array_append(out, p, sizeof(p));
    return true;
}

static bool page_list(const ScsiDevice *d, GByteArray *out);

static const VpdPage pages[] = {
    { 0x00, false, page_list },           { 0x80, false, page_serial },
    { 0x83, false, page_identification }, { 0xb0, true, page_limits },
    { 0xb1, true, page_characteristics }, { 0xb2, true, page_provisioning },
};

static bool page_list(const ScsiDevice *d, GByteArray *out)
{
    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
        if (!(pages[i].disk_only && d->cd) && !(pages[i].code == 0x80 && !d->serial)) {
            g_byte_array_append(out, &pages[i].code, 1);
        }
    }
    return true;
}

static void vital(ScsiRequest *req)
{
    const ScsiDevice *d = req->dev;
    const uint8_t code = req->cdb[2], head[4] = { d->cd ? 5 : 0, code };
    g_autoptr(GByteArray) out = g_byte_array_new();

    g_byte_array_append(out, head, sizeof(head));
    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
        if (pages[i].code == code && !(pages[i].disk_only && d->cd) && pages[i].fill(d, out)) {
            st_be16(out->data + 2, (uint16_t)(out->len - 4));
            scsi_reply(req, out->data, out->len, ld_be16(req->cdb + 3));
            return;
        }
    }
    scsi_fail(req, SENSE_FIELD);
}

void scsi_cmd_inquiry(ScsiRequest *req)
{
    const ScsiDevice *d = req->dev;

    if (req->cdb[1] & 1) {
        vital(req);
        return;
    }
    if (req->cdb[2]) {
        scsi_fail(req, SENSE_FIELD);
        return;
    }
    const uint8_t head[8] = { d->cd ? 5 : 0,
                              d->removable ? 0x80 : 0,
                              (uint8_t)d->scsi_version,
                              0x12, /* hierarchical addressing, format 2 */
                              36 - 5,
                              0,
                              0,
                              0x12 }; /* command queueing */
    g_autoptr(GByteArray) out = g_byte_array_new();

    g_byte_array_append(out, head, sizeof(head));
    put_padded(out, d->vendor, 8);
    put_padded(out, d->product, 16);
    put_padded(out, d->version, 4);
    scsi_reply(req, out->data, out->len, ld_be16(req->cdb + 3));
}
