/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The "file" and "host_device" drivers: an image in a host file, read and written by a pool of
 * threads, or by the kernel alone where it can (file-aio.c). With O_DIRECT (cache.direct) unaligned
 * requests go through a bounce buffer, writes as a read-modify-write.
 *
 * A file whose size is no multiple of 512 reads as zero up to the next multiple.
 */
#include "file-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOUNCE_BYTES (1u << 20)
#define ZERO_BYTES   (64u << 10)

/* ---- the gate ---- */

static void gate_enter(WriteGate *g)
{
    g_mutex_lock(&g->lock);
    while (g->alone) {
        g_cond_wait(&g->changed, &g->lock);
    }
    g->writers++;
    g_mutex_unlock(&g->lock);
}

/* Without waiting; those who want to be alone come first. */
static bool gate_try_enter(WriteGate *g)
{
    bool open;

    g_mutex_lock(&g->lock);
    open = !g->alone && !g->waiting_alone;
    g->writers += open;
    g_mutex_unlock(&g->lock);
    return open;
}

static void gate_leave(WriteGate *g)
{
    g_mutex_lock(&g->lock);
    g->writers--;
    g_cond_broadcast(&g->changed);
    g_mutex_unlock(&g->lock);
}

static void gate_enter_alone(WriteGate *g)
{
    g_mutex_lock(&g->lock);
    g->waiting_alone++;
    while (g->alone || g->writers) {
        g_cond_wait(&g->changed, &g->lock);
    }
    g->waiting_alone--;
    g->alone = true;
    g_mutex_unlock(&g->lock);
}

static void gate_leave_alone(WriteGate *g)
{
    g_mutex_lock(&g->lock);
    g->alone = false;
    g_cond_broadcast(&g->changed);
    g_mutex_unlock(&g->lock);
}

/* ---- plain transfers (worker threads) ---- */

/* Transfer all of @iov; a read that meets the end of the file gets zeroes. */
static int transfer(int fd, bool write, const struct iovec *iov, int niov, uint64_t offset)
{
    g_autofree struct iovec *left = g_memdup2(iov, sizeof(*iov) * (size_t)niov);
    struct iovec *at = left;

    while (niov) {
        int n = MIN(niov, IOV_MAX);
        ssize_t got = write ? pwritev(fd, at, n, (off_t)offset) : preadv(fd, at, n, (off_t)offset);

        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        if (!got) {
            if (write && iov_bytes(at, niov)) {
                return -ENOSPC;
            }
            iov_fill_zero_from(at, niov, 0);
            return 0;
        }
        offset += (uint64_t)got;
        while (niov && (size_t)got >= at->iov_len) {
            got -= (ssize_t)at->iov_len;
            at++;
            niov--;
        }
        if (niov) {
            at->iov_base = (uint8_t *)at->iov_base + got;
            at->iov_len -= (size_t)got;
        }
    }
    return 0;
}

static bool is_aligned(const BlockRequest *req, uint32_t align)
{
    uint64_t bits = req->offset | req->bytes;

    for (int i = 0; i < req->niov; i++) {
        bits |= (uintptr_t)req->iov[i].iov_base | req->iov[i].iov_len;
    }
    return !(bits & (align - 1));
}

/* Copy between a flat buffer and @iov from byte @skip on. */
static void iov_copy(const struct iovec *iov, int niov, uint64_t skip, uint8_t *buf, size_t len,
                     bool to_iov)
{
    for (int i = 0; i < niov && len; i++) {
        size_t n;

        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        n = MIN(len, iov[i].iov_len - skip);
        if (to_iov) {
            memcpy((uint8_t *)iov[i].iov_base + skip, buf, n);
        } else {
            memcpy(buf, (uint8_t *)iov[i].iov_base + skip, n);
        }
        buf += n;
        len -= n;
        skip = 0;
    }
}

/* One aligned window of an unaligned O_DIRECT transfer. */
static int bounce_window(FileState *s, const BlockRequest *req, uint8_t *buf, uint64_t start,
                         uint64_t stop, uint32_t align)
{
    bool write = req->op == BLOCK_OP_WRITE;
    uint64_t from = start & ~(uint64_t)(align - 1);
    uint64_t to = (stop + align - 1) & ~(uint64_t)(align - 1);
    struct iovec whole = { .iov_base = buf, .iov_len = to - from };
    int ret = 0;

    if (!write || from != start || to != stop) {
        ret = transfer(s->fd, false, &whole, 1, from);
    }
    if (ret) {
        return ret;
    }
    iov_copy(req->iov, req->niov, start - req->offset, buf + (start - from), stop - start, !write);
    return write ? transfer(s->fd, true, &whole, 1, from) : 0;
}

static int bounce_transfer(FileState *s, const BlockRequest *req, uint32_t align)
{
    uint64_t end = req->offset + req->bytes;
    void *buf = NULL;
    int ret = posix_memalign(&buf, MAX(align, 4096), BOUNCE_BYTES + 2 * (size_t)align);

    if (ret) {
        return -ret;
    }
    for (uint64_t at = req->offset; at < end && !ret;) {
        uint64_t stop = MIN(end, (at & ~(uint64_t)(BOUNCE_BYTES - 1)) + BOUNCE_BYTES);

        ret = bounce_window(s, req, buf, at, stop, align);
        at = stop;
    }
    free(buf);
    return ret;
}

static int sync_data(BlockNode *node)
{
    FileState *s = node->state;
    int before = g_atomic_int_get(&s->sync_error);

    if (node->no_flush) {
        return 0;
    }
    if (before) {
        return before;
    }
    if (fdatasync(s->fd)) {
        int ret = -errno;

        /* The kernel has dropped the pages that it could not write and will not tell again. */
        if (!node->direct) {
            g_atomic_int_set(&s->sync_error, ret);
        }
        return ret;
    }
    return 0;
}

static int do_read(BlockRequest *req)
{
    FileState *s = req->node->state;

    if (req->node->direct && !is_aligned(req, req->node->alignment)) {
        return bounce_transfer(s, req, req->node->alignment);
    }
    return transfer(s->fd, false, req->iov, req->niov, req->offset);
}

static int do_write(BlockRequest *req)
{
    BlockNode *node = req->node;
    FileState *s = node->state;
    int ret;

    if (!node->direct) {
        ret = transfer(s->fd, true, req->iov, req->niov, req->offset);
    } else if (is_aligned(req, node->alignment)) {
        gate_enter(&s->gate);
        ret = transfer(s->fd, true, req->iov, req->niov, req->offset);
        gate_leave(&s->gate);
    } else {
        gate_enter_alone(&s->gate);
        ret = bounce_transfer(s, req, node->alignment);
        gate_leave_alone(&s->gate);
    }
    if (!ret && (req->flags & BLOCK_REQ_FUA)) {
        ret = sync_data(node);
    }
    return ret;
}

static int do_flush(BlockRequest *req)
{
    return sync_data(req->node);
}

/* ---- discard and zeroes ---- */

static int range_ioctl(FileState *s, unsigned long cmd, const BlockRequest *req)
{
    uint64_t range[2] = { req->offset, req->bytes };

    return ioctl(s->fd, cmd, range) ? -errno : 0;
}

static int do_discard(BlockRequest *req)
{
    FileState *s = req->node->state;
    int ret;

    if (s->device) {
        ret = range_ioctl(s, BLKDISCARD, req);
    } else {
        ret = fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)req->offset,
                        (off_t)req->bytes)
                  ? -errno
                  : 0;
    }
    return ret == -EOPNOTSUPP || ret == -ENOTTY || ret == -ENOSYS ? 0 : ret;
}

static int write_zero_data(BlockRequest *req)
{
    g_autofree uint8_t *zero = g_malloc0(MIN(req->bytes, ZERO_BYTES));
    uint64_t end = req->offset + req->bytes;
    int ret = 0;

    for (uint64_t at = req->offset; at < end && !ret;) {
        struct iovec iov = { .iov_base = zero, .iov_len = MIN(end - at, ZERO_BYTES) };
        BlockRequest part = *req;

        part.op = BLOCK_OP_WRITE;
        part.offset = at;
        part.bytes = iov.iov_len;
        part.iov = &iov;
        part.niov = 1;
        part.flags = 0;
        ret = do_write(&part);
        at += iov.iov_len;
    }
    return ret;
}

static int do_zeroes(BlockRequest *req)
{
    BlockNode *node = req->node;
    FileState *s = node->state;
    bool inside = req->offset + req->bytes <= node->length;
    int ret = -EOPNOTSUPP;

    if (s->device) {
        ret = range_ioctl(s, BLKZEROOUT, req);
    } else if ((req->flags & BLOCK_REQ_MAY_UNMAP) && node->discard_unmap && inside &&
               !s->no_punch) {
        ret = fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)req->offset,
                        (off_t)req->bytes)
                  ? -errno
                  : 0;
        s->no_punch = ret == -EOPNOTSUPP;
    }
    if (ret && !s->device && !s->no_zero_range) {
        ret = fallocate(s->fd, FALLOC_FL_ZERO_RANGE, (off_t)req->offset, (off_t)req->bytes) ? -errno
                                                                                            : 0;
        s->no_zero_range = ret == -EOPNOTSUPP;
    }
    if (ret) {
        ret = write_zero_data(req);
    }
    if (!ret && (req->flags & BLOCK_REQ_FUA)) {
        ret = sync_data(node);
    }
    return ret;
}

static int file_run(BlockRequest *req)
{
    static int (*const work[])(BlockRequest *) = {
        [BLOCK_OP_READ] = do_read,       [BLOCK_OP_WRITE] = do_write,   [BLOCK_OP_FLUSH] = do_flush,
        [BLOCK_OP_DISCARD] = do_discard, [BLOCK_OP_ZEROES] = do_zeroes,
    };

    if (req->op == BLOCK_OP_DISCARD && !req->node->discard_unmap) {
        return 0;
    }
    return work[req->op](req);
}

static bool uses_gate(const BlockRequest *req)
{
    return req->node->direct && req->op == BLOCK_OP_WRITE;
}

static void kernel_done(BlockRequest *req, int ret)
{
    if (uses_gate(req)) {
        gate_leave(&((FileState *)req->node->state)->gate);
    }
    if (ret == FILE_AIO_AGAIN) {
        blocks_run_in_thread(req->node->blocks, req, file_run);
    } else {
        block_request_complete(req, ret);
    }
}

/* False: it is a thread's. */
static bool submit_to_kernel(FileState *s, BlockRequest *req)
{
    if (!s->aio || (req->node->direct && !is_aligned(req, req->node->alignment)) ||
        (uses_gate(req) && !gate_try_enter(&s->gate))) {
        return false;
    }
    if (file_aio_submit(s->aio, req, s->fd)) {
        return true;
    }
    if (uses_gate(req)) {
        gate_leave(&s->gate);
    }
    return false;
}

static void file_submit(BlockNode *node, BlockRequest *req)
{
    if (req->op == BLOCK_OP_DISCARD && !node->discard_unmap) {
        block_request_complete(req, 0); /* not worth a thread */
        return;
    }
    if (!submit_to_kernel(node->state, req)) {
        blocks_run_in_thread(node->blocks, req, file_run);
    }
}

/* ---- open, size ---- */

static bool file_refresh(BlockNode *node, GError **error)
{
    FileState *s = node->state;
    uint64_t bytes = 0;
    struct stat st;

    if (s->device) {
        if (ioctl(s->fd, BLKGETSIZE64, &bytes)) {
            goto fail;
        }
    } else {
        if (fstat(s->fd, &st)) {
            goto fail;
        }
        bytes = (uint64_t)st.st_size;
    }
    if (bytes > INT64_MAX - BOUNCE_BYTES) {
        errno = EFBIG;
        goto fail;
    }
    node->length = bytes;
    return true;
fail:
    g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_IO, "cannot get the size of '%s': %s",
                node->filename, g_strerror(errno));
    return false;
}

/* O_DIRECT: the smallest unit that a read works with. */
static uint32_t probe_alignment(FileState *s)
{
    uint32_t found = 4096;
    void *buf = NULL;

    if (posix_memalign(&buf, 4096, 4096)) {
        return found;
    }
    if (pread(s->fd, buf, 512, 0) >= 0 && pread(s->fd, (uint8_t *)buf + 512, 512, 512) >= 0) {
        found = 512;
    }
    free(buf);
    return found;
}

static int try_open(BlockNode *node, const char *path, GError **error)
{
    int direct = node->direct ? O_DIRECT : 0;
    g_autoptr(GError) first = NULL;
    int fd = -1;

    fd = fd_sets_open(node->blocks->fdsets, path, (node->read_only ? O_RDONLY : O_RDWR) | direct, 0,
                      &first);
    if (fd < 0 && !node->read_only && node->auto_read_only) {
        fd = fd_sets_open(node->blocks->fdsets, path, O_RDONLY | direct, 0, NULL);
        node->read_only = fd >= 0;
    }
    if (fd < 0) {
        g_propagate_error(error, g_steal_pointer(&first));
    }
    return fd;
}

static bool check_kind(BlockNode *node, FileState *s, GError **error)
{
    bool want_device = node->driver == &block_driver_host_device;
    struct stat st;

    if (fstat(s->fd, &st)) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_OPEN, "cannot examine '%s': %s",
                    node->filename, g_strerror(errno));
        return false;
    }
    s->device = S_ISBLK(st.st_mode);
    if (want_device ? !s->device : !S_ISREG(st.st_mode) && !s->device) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_OPEN,
                    "driver '%s' requires '%s' to be a %s", node->driver->name, node->filename,
                    want_device ? "block device" : "regular file");
        return false;
    }
    return true;
}

static void file_close(BlockNode *node)
{
    FileState *s = node->state;

    file_aio_free(s->aio);
    if (s->fd >= 0) {
        close(s->fd); /* which drops the locks */
    }
    g_mutex_clear(&s->gate.lock);
    g_cond_clear(&s->gate.changed);
}

static bool file_open(BlockNode *node, OptionsReader *r, GError **error)
{
    static const char *const aio_names[] = { "threads", "native", "io_uring", NULL };
    static const char *const locking_names[] = { "auto", "on", "off", NULL };
    FileState *s = node->state;
    g_autofree char *path = options_reader_str(r, "filename");
    int aio = options_reader_enum(r, "aio", aio_names, 0);

    s->fd = -1;
    g_mutex_init(&s->gate.lock);
    g_cond_init(&s->gate.changed);
    s->locking = (Locking)options_reader_enum(r, "locking", locking_names, LOCKING_AUTO);
    s->locks_work = true;
    if (!path) {
        options_reader_require(r, "filename");
    }
    if (aio == FILE_AIO_NATIVE && !node->direct) {
        options_reader_fail(r, "aio", "does not accept 'native' without cache.direct=on");
    }
    if (r->error) {
        return options_reader_finish(r, error);
    }
    g_free(node->filename);
    node->filename = g_strdup(path);
    s->fd = try_open(node, path, error);
    if (s->fd < 0 || !check_kind(node, s, error) || !file_refresh(node, error)) {
        return false;
    }
    node->alignment = node->direct ? probe_alignment(s) : 512;
    if (aio != FILE_AIO_THREADS) {
        s->aio = file_aio_new((FileAioKind)aio, kernel_done, error);
    }
    return aio == FILE_AIO_THREADS || s->aio;
}

static bool file_resize(BlockNode *node, uint64_t bytes, GError **error)
{
    FileState *s = node->state;

    if (s->device) {
        if (!file_refresh(node, error)) {
            return false;
        }
        if (bytes > node->length) {
            g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_UNSUPPORTED,
                        "host device '%s' has %" G_GUINT64_FORMAT " bytes and cannot grow",
                        node->filename, node->length);
            return false;
        }
    } else if (ftruncate(s->fd, (off_t)bytes)) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_IO,
                    "cannot resize '%s' to %" G_GUINT64_FORMAT " bytes: %s", node->filename, bytes,
                    g_strerror(errno));
        return false;
    }
    return file_refresh(node, error);
}

static bool file_set_perm(BlockNode *node, unsigned perm, unsigned shared, GError **error)
{
    return file_lock_set(node->state, node->filename, perm, shared, error);
}

static uint64_t file_allocated(BlockNode *node)
{
    FileState *s = node->state;
    struct stat st;

    return !fstat(s->fd, &st) && !s->device ? (uint64_t)st.st_blocks * 512 : node->length;
}

#define FILE_DRIVER(name_)                                                                     \
    {                                                                                          \
        .name = (name_), .state_size = sizeof(FileState), .protocol = true, .open = file_open, \
        .close = file_close, .submit = file_submit, .run = file_run, .refresh = file_refresh,  \
        .resize = file_resize, .set_perm = file_set_perm, .allocated = file_allocated,         \
    }
const BlockDriver block_driver_file = FILE_DRIVER("file");
const BlockDriver block_driver_host_device = FILE_DRIVER("host_device");
