/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The NVM command set (chapter 6): Flush, Write, Read, Compare, Write Zeroes, Dataset Management. */
#include <errno.h>
#include <string.h>

#include "base/util/endian.h"
#include "nvme-priv.h"

enum {
    IO_FLUSH = 0x00,
    IO_WRITE = 0x01,
    IO_READ = 0x02,
    IO_COMPARE = 0x05,
    IO_ZEROES = 0x08,
    IO_DSM = 0x09,
};
#define RANGE_BYTES    16u
#define DSM_DEALLOCATE 4u
#define ZEROES_DEALLOC (1u << 25)
#define RW_FUA         (1u << 30)

/* ---- ends ---- */

/* The command ends with the drive's answer, or an error's policy parks it. */
static void ended(NvmeRequest *req, BlockDrive *drive, int ret, bool read)
{
    req->ns = NULL;
    if (!ret || ret == -EFAULT) {
        nvme_complete(req, ret ? NVME_TRANSFER : NVME_OK);
        return;
    }
    switch (block_drive_handle_error(drive, read, -ret)) {
    case BLOCK_ACTION_IGNORE: nvme_complete(req, NVME_OK); break;
    case BLOCK_ACTION_STOP: req->parked = true; break;
    case BLOCK_ACTION_REPORT: nvme_complete(req, read ? NVME_READ_FAULT : NVME_WRITE_FAULT); break;
    }
}

static void read_done(void *opaque, int ret)
{
    NvmeRequest *req = opaque;

    ended(req, req->ns->drive, ret, true);
}

static void write_done(void *opaque, int ret)
{
    NvmeRequest *req = opaque;

    ended(req, req->ns->drive, ret, false);
}

static void compare_done(void *opaque, int ret)
{
    NvmeRequest *req = opaque;

    if (!ret && req->differs) {
        nvme_complete(req, NVME_COMPARE_FAILED);
        return;
    }
    read_done(opaque, ret);
}

static void all_flushed(void *opaque, BlockDrive *failed, int ret)
{
    ended(opaque, failed, ret, false);
}

/* ---- transfers ---- */

static bool range_ok(const NvmeNamespace *ns, uint64_t lba, uint64_t count)
{
    uint64_t total = nvme_blocks(ns);

    return lba <= total && count <= total - lba;
}

/* The medium's bytes against the guest's. */
static bool compare_copy(void *opaque, void *buf, size_t len, bool to_guest)
{
    NvmeRequest *req = opaque;
    uint8_t piece[4096];

    for (size_t at = 0; at < len; at += sizeof(piece)) {
        size_t n = MIN(len - at, sizeof(piece));

        if (!nvme_copy(req, piece, n, false)) {
            return false;
        }
        req->differs |= memcmp(piece, (uint8_t *)buf + at, n) != 0;
    }
    return true;
}

static int transfer(NvmeRequest *req, uint8_t opcode)
{
    NvmeNamespace *ns = req->ns;
    uint64_t lba = ld_le64(req->cmd + 40), count = ld_le16(req->cmd + 48) + 1ull;
    uint64_t bytes = count * ns->logical_block_size, at = lba * ns->logical_block_size;
    bool fua = ld_le32(req->cmd + 48) & RW_FUA;
    uint8_t mdts = req->n->mdts;
    int status;

    if (mdts && bytes > 4096ull << mdts) {
        return NVME_FIELD;
    }
    if (!range_ok(ns, lba, count)) {
        block_drive_account_invalid(ns->drive,
                                    opcode == IO_WRITE ? BLOCK_STAT_WRITE : BLOCK_STAT_READ);
        return NVME_LBA_RANGE;
    }
    status = nvme_map(req, bytes);
    if (status) {
        return status;
    }
    if (opcode == IO_WRITE) {
        block_aio_write_copy(ns->drive, at, bytes, fua ? BLOCK_REQ_FUA : 0, nvme_copy, write_done,
                             req);
    } else if (opcode == IO_READ) {
        block_aio_read_copy(ns->drive, at, bytes, nvme_copy, read_done, req);
    } else {
        req->differs = false;
        block_aio_read_copy(ns->drive, at, bytes, compare_copy, compare_done, req);
    }
    return NVME_PENDING;
}

static int zeroes(NvmeRequest *req)
{
    NvmeNamespace *ns = req->ns;
    uint64_t lba = ld_le64(req->cmd + 40), count = ld_le16(req->cmd + 48) + 1ull;
    unsigned flags = 0;

    if (!range_ok(ns, lba, count)) {
        block_drive_account_invalid(ns->drive, BLOCK_STAT_WRITE);
        return NVME_LBA_RANGE;
    }
    if (ld_le32(req->cmd + 48) & ZEROES_DEALLOC) {
        flags |= BLOCK_REQ_MAY_UNMAP;
    }
    if (ld_le32(req->cmd + 48) & RW_FUA) {
        flags |= BLOCK_REQ_FUA;
    }
    block_aio_write_zeroes(ns->drive, lba * ns->logical_block_size, count * ns->logical_block_size,
                           flags, write_done, req);
    return NVME_PENDING;
}

/* ---- deallocation: one range after the other ---- */

static void next_range(NvmeRequest *req);

static void range_done(void *opaque, int ret)
{
    NvmeRequest *req = opaque;

    if (ret) {
        write_done(req, ret);
        return;
    }
    req->range++;
    next_range(req);
}

static void next_range(NvmeRequest *req)
{
    const uint8_t *r = req->ranges + (size_t)RANGE_BYTES * req->range;
    uint64_t block = req->ns->logical_block_size;

    if (req->range == req->n_ranges) {
        write_done(req, 0);
        return;
    }
    block_aio_discard(req->ns->drive, ld_le64(r + 8) * block, ld_le32(r + 4) * block, range_done,
                      req);
}

static int manage_dataset(NvmeRequest *req)
{
    int status;

    if (!(ld_le32(req->cmd + 44) & DSM_DEALLOCATE)) { /* advice */
        return NVME_OK;
    }
    req->n_ranges = req->cmd[40] + 1u;
    req->range = 0;
    g_free(req->ranges);
    req->ranges = g_malloc((size_t)req->n_ranges * RANGE_BYTES);
    status = nvme_receive(req, req->ranges, (size_t)req->n_ranges * RANGE_BYTES);
    if (status) {
        return status;
    }
    for (uint32_t i = 0; i < req->n_ranges; i++) {
        const uint8_t *r = req->ranges + (size_t)RANGE_BYTES * i;

        if (!range_ok(req->ns, ld_le64(r + 8), ld_le32(r + 4))) {
            block_drive_account_invalid(req->ns->drive, BLOCK_STAT_UNMAP);
            return NVME_LBA_RANGE;
        }
    }
    next_range(req);
    return NVME_PENDING;
}

/* ---- dispatch ---- */

static bool modifies(uint8_t opcode)
{
    return opcode == IO_WRITE || opcode == IO_ZEROES || opcode == IO_DSM;
}

int nvme_io(NvmeRequest *req)
{
    uint32_t nsid = ld_le32(req->cmd + 4);
    uint8_t opcode = req->cmd[0];

    if (req->cmd[1] & 3) { /* fused */
        return NVME_FIELD;
    }
    if (opcode == IO_FLUSH && nsid == NVME_ALL) {
        nvme_flush_all(req->n, all_flushed, req);
        return NVME_PENDING;
    }
    if (!nsid || nsid > NVME_NAMESPACES) {
        return NVME_NAMESPACE;
    }
    req->ns = nvme_namespace(req->n, nsid);
    if (!req->ns) {
        return NVME_FIELD;
    }
    if (modifies(opcode) && block_drive_read_only(req->ns->drive)) {
        return NVME_PROTECTED;
    }
    switch (opcode) {
    case IO_FLUSH: block_aio_flush(req->ns->drive, write_done, req); return NVME_PENDING;
    case IO_WRITE:
    case IO_READ:
    case IO_COMPARE: return transfer(req, opcode);
    case IO_ZEROES: return zeroes(req);
    case IO_DSM: return manage_dataset(req);
    default: return NVME_OPCODE;
    }
}
