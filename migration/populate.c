/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of the destination ahead of the pages that come. What costs most when a page arrives is
 * that the host must find and clear memory for it; a second thread has that done for the pieces that
 * follow in the same block. It changes no content, and a kernel that cannot do it is not asked again.
 */
#include <sys/mman.h>
#include "base/util/bitmap.h"
#include "populate.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define PIECE       (2u << 20)
#define PIECES_MORE 4 /* ahead of the page that came */

struct Populate {
    GThread *thread; /* NULL: not needed yet, or not possible */
    GMutex mutex;
    GCond cond;
    bool quit, useless;  /* mutex */
    uint8_t *next, *end; /* mutex: what is to be populated, in pieces */
    /* The block that pages come for; the loader's own. */
    uint8_t *host;
    uint64_t length, *done, piece; /* one bit a piece; the last one looked at */
};

static gpointer populate_thread(gpointer opaque)
{
    Populate *p = opaque;
    g_mutex_lock(&p->mutex);
    while (!p->quit && !p->useless) {
        if (p->next >= p->end) {
            g_cond_wait(&p->cond, &p->mutex);
            continue;
        }
        uint8_t *at = p->next;
        size_t n = MIN((size_t)(p->end - at), (size_t)PIECE);
        p->next += n;
        g_mutex_unlock(&p->mutex);
        bool ok = !madvise(at, n, MADV_POPULATE_WRITE);
        g_mutex_lock(&p->mutex);
        p->useless |= !ok;
    }
    g_mutex_unlock(&p->mutex);
    return NULL;
}

Populate *populate_new(void)
{
    Populate *p = g_new0(Populate, 1);
    g_mutex_init(&p->mutex);
    g_cond_init(&p->cond);
    return p;
}

void populate_free(Populate *p)
{
    if (!p) {
        return;
    }
    if (p->thread) {
        g_mutex_lock(&p->mutex);
        p->quit = true;
        g_cond_signal(&p->cond);
        g_mutex_unlock(&p->mutex);
        g_thread_join(p->thread);
    }
    g_mutex_clear(&p->mutex);
    g_cond_clear(&p->cond);
    g_free(p->done);
    g_free(p);
}

static void change_block(Populate *p, uint8_t *host, uint64_t length)
{
    g_free(p->done);
    p->host = host;
    p->length = length;
    p->done = bitmap_new(length / PIECE + 1);
    p->piece = UINT64_MAX;
}

/* The pieces after this one that nobody has asked for: one run. */
static void ask(Populate *p, uint64_t piece)
{
    uint64_t pieces = (p->length + PIECE - 1) / PIECE, first = piece + 1;
    bitmap_set(p->done, piece, 1);
    while (first <= piece + PIECES_MORE && first < pieces && bitmap_test(p->done, first)) {
        first++;
    }
    uint64_t last = MIN(piece + PIECES_MORE, pieces - 1);
    if (first > last) {
        return;
    }
    bitmap_set(p->done, first, last - first + 1);
    g_mutex_lock(&p->mutex);
    uint8_t *from = p->host + first * PIECE;
    if (from != p->end) {
        p->next = from; /* elsewhere: what was left there is stale */
    }
    p->end = p->host + MIN((last + 1) * PIECE, p->length);
    g_cond_signal(&p->cond);
    g_mutex_unlock(&p->mutex);
    if (!p->thread) {
        p->thread = g_thread_new("mig/dst/populate", populate_thread, p);
    }
}

void populate_hint(Populate *p, uint8_t *host, uint64_t length, uint64_t offset)
{
    if (length < 4 * (uint64_t)PIECE) {
        return;
    }
    if (host != p->host || length != p->length) {
        change_block(p, host, length);
    }
    if (offset / PIECE != p->piece) {
        p->piece = offset / PIECE;
        ask(p, p->piece);
    }
}
