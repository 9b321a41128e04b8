/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests and their completion: the queue that worker threads fill and the main loop (or a drain)
 * empties. Knows nothing about what a driver does with a request.
 *
 * State of a request: submitted -> (driver) -> in the queue -> done() called, freed.
 */
#include "block-priv.h"

#include <errno.h>
#include <string.h>

#define WORKERS_MAX 16

/* ---- scatter lists ---- */

uint64_t iov_bytes(const struct iovec *iov, int niov)
{
    uint64_t sum = 0;

    for (int i = 0; i < niov; i++) {
        sum += iov[i].iov_len;
    }
    return sum;
}

static bool buffer_is_zero(const uint8_t *p, size_t len)
{
    size_t head = MIN(len, 16);

    for (size_t i = 0; i < head; i++) {
        if (p[i]) {
            return false;
        }
    }
    return len <= 16 || !memcmp(p, p + 16, len - 16);
}

bool iov_is_zero(const struct iovec *iov, int niov)
{
    for (int i = 0; i < niov; i++) {
        if (!buffer_is_zero(iov[i].iov_base, iov[i].iov_len)) {
            return false;
        }
    }
    return true;
}

void iov_fill_zero_from(const struct iovec *iov, int niov, uint64_t from)
{
    for (int i = 0; i < niov; i++) {
        if (from < iov[i].iov_len) {
            memset((uint8_t *)iov[i].iov_base + from, 0, iov[i].iov_len - from);
            from = 0;
        } else {
            from -= iov[i].iov_len;
        }
    }
}

/* ---- submission ---- */

static bool op_modifies(BlockOp op)
{
    return op == BLOCK_OP_WRITE || op == BLOCK_OP_DISCARD || op == BLOCK_OP_ZEROES;
}

/*
 * An image that was opened as raw only because nothing else fitted must not turn into another
 * format under the guest's pen: the next start would then trust what the guest wrote.
 */
static bool forges_format(const BlockRequest *req)
{
    uint8_t head[BLOCK_PROBE_BYTES];
    size_t got = 0;

    if (!req->node->guessed_raw || req->op != BLOCK_OP_WRITE || req->offset >= sizeof(head)) {
        return false;
    }
    if (req->offset) {
        return true;
    }
    for (int i = 0; i < req->niov && got < sizeof(head); i++) {
        size_t n = MIN(sizeof(head) - got, req->iov[i].iov_len);

        memcpy(head + got, req->iov[i].iov_base, n);
        got += n;
    }
    return strcmp(block_probe(head, got), "raw") != 0;
}

/* 0, or the -errno that the request ends with at once. */
static int check_request(const BlockRequest *req)
{
    const BlockNode *node = req->node;
    uint64_t end = (node->length + 511) & ~511ull;

    if (node->inactive) {
        return -EPERM;
    }
    if (op_modifies(req->op) && node->read_only) {
        return -EACCES;
    }
    if (req->op != BLOCK_OP_FLUSH && (req->offset > end || req->bytes > end - req->offset)) {
        return -EIO;
    }
    return forges_format(req) ? -EPERM : 0;
}

void block_node_submit(BlockNode *node, BlockOp op, uint64_t offset, uint64_t bytes,
                       const struct iovec *iov, int niov, unsigned flags, BlockDone done,
                       void *opaque)
{
    BlockRequest *req = g_new0(BlockRequest, 1);
    int ret;

    *req = (BlockRequest){
        .node = block_node_ref(node),
        .op = op,
        .offset = offset,
        .bytes = bytes,
        .iov = niov ? g_memdup2(iov, sizeof(*iov) * (size_t)niov) : NULL,
        .niov = niov,
        .flags = flags,
        .done = done,
        .opaque = opaque,
    };
    node->inflight++;
    node->blocks->inflight++;
    ret = check_request(req);
    if (ret || (op != BLOCK_OP_FLUSH && !bytes)) {
        block_request_complete(req, ret);
        return;
    }
    if (op == BLOCK_OP_WRITE && node->detect_zeroes != DETECT_ZEROES_OFF &&
        iov_is_zero(req->iov, req->niov)) {
        req->op = BLOCK_OP_ZEROES;
        if (node->detect_zeroes == DETECT_ZEROES_UNMAP && node->discard_unmap) {
            req->flags |= BLOCK_REQ_MAY_UNMAP;
        }
    }
    if (op_modifies(req->op)) {
        node->dirty = true;
    }
    node->driver->submit(node, req);
}

int block_node_run(BlockNode *node, BlockOp op, uint64_t offset, uint64_t bytes,
                   const struct iovec *iov, int niov, unsigned flags)
{
    BlockRequest req = {
        .node = node,
        .op = op,
        .offset = offset,
        .bytes = bytes,
        .iov = (struct iovec *)iov,
        .niov = niov,
        .flags = flags,
    };

    return node->driver->run(&req);
}

/* ---- completion ---- */

void block_ignore_result(void *opaque, int ret)
{
}

static void enqueue(Blocks *blocks, BlockRequest *req, int ret)
{
    req->ret = ret;
    req->next = NULL;
    g_mutex_lock(&blocks->done_lock);
    *blocks->done_last = req;
    blocks->done_last = &req->next;
    if (!blocks->done_scheduled) {
        blocks->done_scheduled = true;
        g_source_set_ready_time(blocks->done_source, 0);
    }
    g_cond_signal(&blocks->done_cond);
    g_mutex_unlock(&blocks->done_lock);
}

void block_request_complete(BlockRequest *req, int ret)
{
    enqueue(req->node->blocks, req, ret);
}

void blocks_fail_later(Blocks *blocks, int ret, BlockDone done, void *opaque)
{
    BlockRequest *req = g_new0(BlockRequest, 1);

    req->done = done;
    req->opaque = opaque;
    blocks->inflight++;
    enqueue(blocks, req, ret);
}

static BlockRequest *take_completed(Blocks *blocks)
{
    BlockRequest *req;

    g_mutex_lock(&blocks->done_lock);
    req = blocks->done_first;
    if (req) {
        blocks->done_first = req->next;
        if (!blocks->done_first) {
            blocks->done_last = &blocks->done_first;
        }
    }
    g_mutex_unlock(&blocks->done_lock);
    return req;
}

static void finish_one(Blocks *blocks, BlockRequest *req)
{
    BlockNode *node = req->node;

    if (node && req->op == BLOCK_OP_FLUSH && !req->ret && node->inflight == 1) {
        node->dirty = false;
    }
    req->done(req->opaque, req->ret);
    blocks->inflight--;
    if (node) {
        node->inflight--;
        block_node_unref(node);
    }
    g_free(req->iov);
    g_free(req);
}

/* ---- damage, found by workers, told by those who hold the VM lock ---- */

typedef struct {
    char *node_name, *what;
    uint64_t offset;
    bool fatal;
} CorruptedImage;

static void corrupted_free(CorruptedImage *image)
{
    g_free(image->node_name);
    g_free(image->what);
    g_free(image);
}

void blocks_image_corrupted(BlockNode *node, const char *what, uint64_t offset, bool fatal)
{
    Blocks *blocks = node->blocks;
    CorruptedImage *image = g_new(CorruptedImage, 1);

    *image = (CorruptedImage){ g_strdup(node->name), g_strdup(what), offset, fatal };
    g_mutex_lock(&blocks->done_lock);
    g_queue_push_tail(&blocks->corrupted, image);
    if (!blocks->done_scheduled) {
        blocks->done_scheduled = true;
        g_source_set_ready_time(blocks->done_source, 0);
    }
    g_mutex_unlock(&blocks->done_lock);
}

/* The drive that has the node itself, not one above it. */
static const char *drive_of(Blocks *blocks, const char *node_name)
{
    for (guint i = 0; i < blocks->drives->len; i++) {
        const BlockDrive *drive = g_ptr_array_index(blocks->drives, i);

        if (drive->root && !strcmp(drive->root->node->name, node_name)) {
            return drive->id;
        }
    }
    return "";
}

static void tell_corrupted(Blocks *blocks, const CorruptedImage *image)
{
    GVariantBuilder data;

    g_variant_builder_init(&data, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&data, "{sv}", "device",
                          g_variant_new_string(drive_of(blocks, image->node_name)));
    g_variant_builder_add(&data, "{sv}", "node-name", g_variant_new_string(image->node_name));
    g_variant_builder_add(&data, "{sv}", "msg", g_variant_new_string(image->what));
    g_variant_builder_add(&data, "{sv}", "offset", g_variant_new_int64((gint64)image->offset));
    g_variant_builder_add(&data, "{sv}", "fatal", g_variant_new_boolean(image->fatal));
    vm_event(blocks->vm, "BLOCK_IMAGE_CORRUPTED", g_variant_builder_end(&data));
}

static void tell_all_corrupted(Blocks *blocks)
{
    for (;;) {
        CorruptedImage *image;

        g_mutex_lock(&blocks->done_lock);
        image = g_queue_pop_head(&blocks->corrupted);
        g_mutex_unlock(&blocks->done_lock);
        if (!image) {
            return;
        }
        tell_corrupted(blocks, image);
        corrupted_free(image);
    }
}

static void run_completions(Blocks *blocks)
{
    BlockRequest *req;

    tell_all_corrupted(blocks);
    while ((req = take_completed(blocks))) {
        tell_all_corrupted(blocks);
        finish_one(blocks, req);
    }
}

void blocks_wait(Blocks *blocks, const unsigned *inflight)
{
    for (;;) {
        run_completions(blocks);
        if (!*inflight) {
            return;
        }
        g_mutex_lock(&blocks->done_lock);
        while (!blocks->done_first) {
            g_cond_wait(&blocks->done_cond, &blocks->done_lock);
        }
        g_mutex_unlock(&blocks->done_lock);
    }
}

typedef struct {
    GSource source;
    Blocks *blocks;
} DoneSource;

static gboolean done_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    Blocks *blocks = ((DoneSource *)source)->blocks;

    g_mutex_lock(&blocks->done_lock);
    blocks->done_scheduled = false;
    g_source_set_ready_time(source, -1);
    g_mutex_unlock(&blocks->done_lock);
    run_completions(blocks);
    return G_SOURCE_CONTINUE;
}

static gboolean done_prepare(GSource *source, gint *timeout)
{
    *timeout = -1;
    return FALSE;
}

static gboolean done_check(GSource *source)
{
    return FALSE;
}

/* ---- threads ---- */

typedef struct {
    BlockRequest *req;
    int (*fn)(BlockRequest *req);
} Work;

static void worker(gpointer data, gpointer user)
{
    Work work = *(Work *)data;

    g_free(data);
    block_request_complete(work.req, work.fn(work.req));
}

void blocks_run_in_thread(Blocks *blocks, BlockRequest *req, int (*fn)(BlockRequest *req))
{
    Work *work = g_new(Work, 1);

    *work = (Work){ req, fn };
    /* A failure to start one more thread leaves the work queued for those that run. */
    g_thread_pool_push(blocks->pool, work, NULL);
}

void blocks_queue_setup(Blocks *blocks)
{
    static const GSourceFuncs funcs = {
        .prepare = done_prepare,
        .check = done_check,
        .dispatch = done_dispatch,
    };

    g_mutex_init(&blocks->done_lock);
    g_cond_init(&blocks->done_cond);
    blocks->done_last = &blocks->done_first;
    blocks->done_source = g_source_new((GSourceFuncs *)&funcs, sizeof(DoneSource));
    ((DoneSource *)blocks->done_source)->blocks = blocks;
    g_source_set_name(blocks->done_source, "block-completions");
    g_source_set_priority(blocks->done_source, G_PRIORITY_HIGH);
    g_source_attach(blocks->done_source, NULL);
    blocks->pool = g_thread_pool_new(worker, blocks, WORKERS_MAX, FALSE, NULL);
}

void blocks_queue_teardown(Blocks *blocks)
{
    CorruptedImage *untold;

    g_thread_pool_free(blocks->pool, FALSE, TRUE);
    while ((untold = g_queue_pop_head(&blocks->corrupted))) {
        corrupted_free(untold);
    }
    g_source_destroy(blocks->done_source);
    g_source_unref(blocks->done_source);
    g_mutex_clear(&blocks->done_lock);
    g_cond_clear(&blocks->done_cond);
}
