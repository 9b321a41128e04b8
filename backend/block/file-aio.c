/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests that the host's kernel carries out while no thread of ours waits for them: Linux AIO
 * (aio=native) and io_uring. A request goes in under the VM lock; a thread of the file's own, woken by
 * an eventfd, takes out what has ended.
 *
 * Only whole reads and writes go this way. Everything else is for the pool of threads: flushes and
 * other operations, what the kernel has no room for, and whatever it did in part or was interrupted in, which
 * is then done again from the start.
 *
 *   submitted -> ended -> block_request_complete()
 *                      -> done again in a thread (short, EAGAIN, EINTR, ECANCELED)
 */
#include "file-priv.h"

#include <errno.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ferry-config.h"
#if HAVE_LIBURING
#include <liburing.h>
#endif

#define DEPTH 128 /* requests under way in a file */

typedef struct Engine Engine;
struct FileAio {
    const Engine *engine;
    FileAioDone *done;
    int event_fd;
    int in_flight; /* atomic */
    int stopping;  /* atomic */
    GThread *reaper;
    aio_context_t context;
#if HAVE_LIBURING
    struct io_uring ring;
#endif
};

struct Engine {
    int (*setup)(FileAio *aio); /* 0 or -errno */
    void (*teardown)(FileAio *aio);
    bool (*submit)(FileAio *aio, BlockRequest *req, int fd);
    /* One that has ended and its result; NULL: none has. The reaper's. */
    BlockRequest *(*take)(FileAio *aio, int64_t *result);
};

/* ---- Linux AIO ---- */
static int native_setup(FileAio *aio)
{
    return syscall(SYS_io_setup, DEPTH, &aio->context) ? -errno : 0;
}

static void native_teardown(FileAio *aio)
{
    syscall(SYS_io_destroy, aio->context);
}

static bool native_submit(FileAio *aio, BlockRequest *req, int fd)
{
    struct iocb cb = {
        .aio_data = (uintptr_t)req,
        .aio_lio_opcode = req->op == BLOCK_OP_WRITE ? IOCB_CMD_PWRITEV : IOCB_CMD_PREADV,
        .aio_fildes = (uint32_t)fd,
        .aio_buf = (uintptr_t)req->iov,
        .aio_nbytes = (uint64_t)req->niov,
        .aio_offset = (int64_t)req->offset,
        .aio_flags = IOCB_FLAG_RESFD,
        .aio_resfd = (uint32_t)aio->event_fd,
    };
    struct iocb *list = &cb;

    return syscall(SYS_io_submit, aio->context, 1, &list) == 1;
}

static BlockRequest *native_take(FileAio *aio, int64_t *result)
{
    struct timespec no_wait = { 0 };
    struct io_event event;

    if (syscall(SYS_io_getevents, aio->context, 0, 1, &event, &no_wait) != 1) {
        return NULL;
    }
    *result = event.res;
    return (BlockRequest *)(uintptr_t)event.data;
}

static const Engine native_engine = { native_setup, native_teardown, native_submit, native_take };

/* ---- io_uring ---- */
#if HAVE_LIBURING
static int uring_setup(FileAio *aio)
{
    int ret = io_uring_queue_init(DEPTH, &aio->ring, 0);

    if (ret) {
        return ret;
    }
    ret = io_uring_register_eventfd(&aio->ring, aio->event_fd);
    if (ret) {
        io_uring_queue_exit(&aio->ring);
    }
    return ret;
}

static void uring_teardown(FileAio *aio)
{
    io_uring_queue_exit(&aio->ring);
}

static bool uring_submit(FileAio *aio, BlockRequest *req, int fd)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&aio->ring);

    if (!sqe) {
        return false;
    }
    if (req->op == BLOCK_OP_WRITE) {
        io_uring_prep_writev(sqe, fd, req->iov, (unsigned)req->niov, req->offset);
    } else {
        io_uring_prep_readv(sqe, fd, req->iov, (unsigned)req->niov, req->offset);
    }
    io_uring_sqe_set_data(sqe, req);
    if (io_uring_submit(&aio->ring) <
        0) { /* it stays in the ring, as nothing, and goes with the next one */
        io_uring_prep_nop(sqe);
        io_uring_sqe_set_data(sqe, NULL);
        return false;
    }
    return true;
}

static BlockRequest *uring_take(FileAio *aio, int64_t *result)
{
    struct io_uring_cqe *cqe = NULL;
    BlockRequest *req = NULL;

    while (!req && !io_uring_peek_cqe(&aio->ring, &cqe) && cqe) {
        *result = cqe->res;
        req = io_uring_cqe_get_data(cqe);
        io_uring_cqe_seen(&aio->ring, cqe);
    }
    return req;
}

static const Engine uring_engine = { uring_setup, uring_teardown, uring_submit, uring_take };
#endif

/* ---- both ---- */
static void ended(FileAio *aio, BlockRequest *req, int64_t result)
{
    bool whole = result >= 0 && (uint64_t)result == req->bytes;
    bool again = result >= 0 || result == -EAGAIN || result == -EINTR || result == -ECANCELED;

    g_atomic_int_add(&aio->in_flight, -1);
    aio->done(req, whole ? 0 : again ? FILE_AIO_AGAIN : (int)result);
}

static gpointer reap(gpointer data)
{
    FileAio *aio = data;
    BlockRequest *req;
    eventfd_t count;
    int64_t result;

    while (!g_atomic_int_get(&aio->stopping)) {
        if (eventfd_read(aio->event_fd, &count) && errno != EINTR) {
            g_error("eventfd: %s", g_strerror(errno));
        }
        while ((req = aio->engine->take(aio, &result))) {
            ended(aio, req, result);
        }
    }
    return NULL;
}

static const Engine *find_engine(FileAioKind kind)
{
    switch (kind) {
    case FILE_AIO_NATIVE: return &native_engine;
#if HAVE_LIBURING
    case FILE_AIO_URING: return &uring_engine;
#endif
    default: return NULL;
    }
}

FileAio *file_aio_new(FileAioKind kind, FileAioDone *done, GError **error)
{
    static const char *const names[] = { "threads", "native", "io_uring" };
    const Engine *engine = find_engine(kind);
    FileAio *aio;
    int ret = -ENOSYS;

    if (!engine) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_UNSUPPORTED,
                    "aio=%s: this program was built without liburing", names[kind]);
        return NULL;
    }
    aio = g_new0(FileAio, 1);
    aio->engine = engine;
    aio->done = done;
    aio->event_fd = eventfd(0, EFD_CLOEXEC);
    ret = aio->event_fd < 0 ? -errno : engine->setup(aio);
    if (ret) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_OPEN, "aio=%s: the host refuses: %s",
                    names[kind], g_strerror(-ret));
        if (aio->event_fd >= 0) {
            close(aio->event_fd);
        }
        g_free(aio);
        return NULL;
    }
    aio->reaper = g_thread_new("block-aio", reap, aio);
    return aio;
}

void file_aio_free(FileAio *aio)
{
    if (!aio) {
        return;
    }
    g_assert(!g_atomic_int_get(&aio->in_flight));
    g_atomic_int_set(&aio->stopping, 1);
    eventfd_write(aio->event_fd, 1);
    g_thread_join(aio->reaper);
    aio->engine->teardown(aio);
    close(aio->event_fd);
    g_free(aio);
}

bool file_aio_submit(FileAio *aio, BlockRequest *req, int fd)
{
    if ((req->op != BLOCK_OP_READ && req->op != BLOCK_OP_WRITE) || req->flags & BLOCK_REQ_FUA ||
        req->niov > IOV_MAX || req->bytes > INT_MAX) {
        return false;
    }
    if (g_atomic_int_add(&aio->in_flight, 1) < DEPTH && aio->engine->submit(aio, req, fd)) {
        return true;
    }
    g_atomic_int_add(&aio->in_flight, -1);
    return false;
}
