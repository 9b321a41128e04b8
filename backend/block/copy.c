/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transfers through a buffer: for devices whose side of a request is guest memory behind their own
 * descriptors. One piece is under way at a time, so that the memory used is bounded whatever a
 * guest asks for, and the descriptors are walked once, in order.
 */
#include "block-priv.h"

#include <errno.h>

#define PIECE_BYTES (1u << 20)
#define PIECE_ALIGN 4096 /* what O_DIRECT wants at most */

typedef struct {
    BlockDrive *drive;
    bool write;
    unsigned flags;
    uint64_t offset, left; /* of what is not done yet */
    size_t piece;
    uint8_t *buf;
    BlockCopy copy;
    BlockDone done;
    void *opaque;
} Copy;

static void next_piece(Copy *c);

static void finish(Copy *c, int ret)
{
    c->done(c->opaque, ret);
    g_aligned_free(c->buf);
    g_free(c);
}

static void piece_done(void *opaque, int ret)
{
    Copy *c = opaque;

    if (!ret && !c->write && !c->copy(c->opaque, c->buf, c->piece, true)) {
        ret = -EFAULT;
    }
    c->offset += c->piece;
    c->left -= c->piece;
    if (ret || !c->left) {
        finish(c, ret);
    } else {
        next_piece(c);
    }
}

/* Ends a transfer from the completion queue, as every request ends. */
static void fail_later(void *opaque, int ret)
{
    finish(opaque, ret);
}

static void next_piece(Copy *c)
{
    struct iovec iov = { .iov_base = c->buf };

    c->piece = iov.iov_len = MIN(c->left, PIECE_BYTES);
    if (!c->write) {
        block_aio_preadv(c->drive, c->offset, &iov, 1, piece_done, c);
    } else if (c->copy(c->opaque, c->buf, c->piece, false)) {
        block_aio_pwritev(c->drive, c->offset, &iov, 1, c->flags, piece_done, c);
    } else {
        block_drive_fail_later(c->drive, -EFAULT, fail_later, c);
    }
}

static void start(BlockDrive *drive, bool write, uint64_t offset, uint64_t bytes, unsigned flags,
                  BlockCopy copy, BlockDone done, void *opaque)
{
    Copy *c = g_new(Copy, 1);

    *c = (Copy){
        .drive = drive,
        .write = write,
        .flags = flags,
        .offset = offset,
        .left = bytes,
        .buf = g_aligned_alloc(1, CLAMP(bytes, 1, PIECE_BYTES), PIECE_ALIGN),
        .copy = copy,
        .done = done,
        .opaque = opaque,
    };
    next_piece(c);
}

void block_aio_read_copy(BlockDrive *drive, uint64_t offset, uint64_t bytes, BlockCopy copy,
                         BlockDone done, void *opaque)
{
    start(drive, false, offset, bytes, 0, copy, done, opaque);
}

void block_aio_write_copy(BlockDrive *drive, uint64_t offset, uint64_t bytes, unsigned flags,
                          BlockCopy copy, BlockDone done, void *opaque)
{
    start(drive, true, offset, bytes, flags, copy, done, opaque);
}
