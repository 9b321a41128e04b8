/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest memory of a command: PRP entries and lists (4.3), SGL segments (4.4). Nothing is moved
 * before all of it is found.
 */
#include <string.h>

#include "base/util/endian.h"
#include "nvme-priv.h"

#define SGL_BYTES 16u
#define SGL_MAX   1024u /* descriptors of a command */

static void add(NvmeRequest *req, uint64_t addr, uint64_t len)
{
    NvmeSegment s = { addr, len };

    g_array_append_val(req->segments, s);
}

/* Adds @count pages that the list at @list names. */
static int add_pages(NvmeRequest *req, uint64_t list, unsigned count, uint64_t *bytes,
                     uint32_t page)
{
    uint8_t raw[64 * 8];

    while (count) {
        unsigned n = MIN(count, sizeof(raw) / 8);

        if (!nvme_dma(req->n, list, raw, 8 * n, false)) {
            return NVME_TRANSFER;
        }
        for (unsigned i = 0; i < n; i++) {
            uint64_t entry = ld_le64(raw + 8 * i), len = MIN(*bytes, page);

            if (entry % page) {
                return NVME_PRP_OFFSET;
            }
            add(req, entry, len);
            *bytes -= len;
        }
        list += 8 * n;
        count -= n;
    }
    return NVME_OK;
}

/* A list that does not end with its page continues where the last entry points. */
static int map_prp_list(NvmeRequest *req, uint64_t list, uint64_t bytes, uint32_t page)
{
    if (list % 8) {
        return NVME_PRP_OFFSET;
    }
    for (;;) {
        unsigned room = (unsigned)(page - list % page) / 8;
        uint64_t need = (bytes + page - 1) / page;
        bool chained = need > room;
        uint8_t next[8];
        int status = add_pages(req, list, chained ? room - 1 : (unsigned)need, &bytes, page);

        if (status || !chained) {
            return status;
        }
        if (!nvme_dma(req->n, list + 8 * (room - 1), next, sizeof(next), false)) {
            return NVME_TRANSFER;
        }
        list = ld_le64(next);
        if (list % page) { /* so that each one is a whole page, and they come to an end */
            return NVME_PRP_OFFSET;
        }
    }
}

static int map_prp(NvmeRequest *req, uint64_t bytes)
{
    uint32_t page = nvme_page_bytes(req->n);
    uint64_t prp1 = ld_le64(req->cmd + 24), prp2 = ld_le64(req->cmd + 32);
    uint64_t first = MIN(bytes, page - prp1 % page);

    add(req, prp1, first);
    bytes -= first;
    if (!bytes) {
        return NVME_OK;
    }
    if (bytes > page) {
        return map_prp_list(req, prp2, bytes, page);
    }
    if (prp2 % page) {
        return NVME_PRP_OFFSET;
    }
    add(req, prp2, bytes);
    return NVME_OK;
}

static int map_sgl(NvmeRequest *req, uint64_t bytes)
{
    uint8_t d[SGL_BYTES];
    uint64_t at = 0, end = 0;

    memcpy(d, req->cmd + 24, sizeof(d));
    for (unsigned seen = 0; seen < SGL_MAX; seen++) {
        unsigned type = d[15] >> 4;
        uint64_t len = ld_le32(d + 8);

        if (d[15] & 0x0f) { /* an offset into a controller's memory: there is none */
            return NVME_SGL_TYPE;
        }
        if (type == 0) { /* data */
            add(req, ld_le64(d), MIN(len, bytes));
            bytes -= MIN(len, bytes);
        } else if (type == 2 || type == 3) { /* a segment of descriptors; the last one */
            if (!len || len % SGL_BYTES) {
                return NVME_SGL_COUNT;
            }
            at = ld_le64(d);
            end = at + len;
        } else {
            return NVME_SGL_TYPE;
        }
        if (!bytes) {
            return NVME_OK;
        }
        if (at == end) {
            return NVME_SGL_LENGTH;
        }
        if (!nvme_dma(req->n, at, d, sizeof(d), false)) {
            return NVME_TRANSFER;
        }
        at += SGL_BYTES;
    }
    return NVME_SGL_COUNT;
}

int nvme_map(NvmeRequest *req, uint64_t bytes)
{
    unsigned kind = req->cmd[1] >> 6;

    g_clear_pointer(&req->segments, g_array_unref);
    req->segments = g_array_new(FALSE, FALSE, sizeof(NvmeSegment));
    req->segment = 0;
    req->moved = 0;
    if (!bytes) {
        return NVME_OK;
    }
    switch (kind) {
    case 0: return map_prp(req, bytes);
    case 1: return req->sqid ? map_sgl(req, bytes) : NVME_FIELD; /* not in admin commands */
    default: return NVME_FIELD;
    }
}

bool nvme_copy(void *opaque, void *buf, size_t len, bool to_guest)
{
    NvmeRequest *req = opaque;
    uint8_t *at = buf;

    while (len) {
        const NvmeSegment *s;
        uint64_t n;

        if (req->segment >= req->segments->len) {
            return false;
        }
        s = &g_array_index(req->segments, NvmeSegment, req->segment);
        n = MIN(len, s->len - req->moved);
        if (!nvme_dma(req->n, s->addr + req->moved, at, n, to_guest)) {
            return false;
        }
        at += n;
        len -= n;
        req->moved += n;
        if (req->moved == s->len) {
            req->segment++;
            req->moved = 0;
        }
    }
    return true;
}

static int move(NvmeRequest *req, void *buf, size_t len, bool to_guest)
{
    int status = nvme_map(req, len);

    return status ? status : nvme_copy(req, buf, len, to_guest) ? NVME_OK : NVME_TRANSFER;
}

int nvme_send(NvmeRequest *req, const void *buf, size_t len)
{
    return move(req, (void *)buf, len, true);
}

int nvme_receive(NvmeRequest *req, void *buf, size_t len)
{
    return move(req, buf, len, false);
}
