/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How memory for code and records is given out: in lots of one kind. Each vCPU fills one of each kind
 * of its own, so that emission takes no lock. A lot is free again when all that lies in it has been
 * freed (which epochs govern: exec/tb); eviction is first in, first out, so old lots empty as a whole.
 */
#include <string.h>
#include <sys/mman.h>
#include "host-priv.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; what does not know it refuses it */
#endif

#define STEP_BYTES    (256u << 10) /* made resident at once, where huge pages cannot be had */
#define LOTS_PER_PAGE (HOST_HUGE_PAGE / HOST_LOT_BYTES)

void host_lots_init(HostCode *c)
{
    for (unsigned k = 0; k < HOST_KINDS; k++) {
        c->pool[k].lot = g_new0(HostLot, c->n_lots);
        c->pool[k].first_free = HOST_NO_LOT;
    }
}

void host_lots_clear(HostCode *c)
{
    for (unsigned k = 0; k < HOST_KINDS; k++) {
        g_free(c->pool[k].lot);
    }
}

void host_fills_init(HostGen *g)
{
    for (unsigned k = 0; k < HOST_KINDS; k++) {
        g->fill[k].lot = HOST_NO_LOT;
    }
}

static size_t place(const HostCode *c, HostKind kind, unsigned lot)
{
    return ((size_t)kind * c->n_lots + lot) * HOST_LOT_BYTES;
}

/* A huge page for these lots, which no setting gives to shared memory by itself. It must have a page. */
static void make_huge(HostCode *c, HostKind kind, unsigned first)
{
#ifdef MADV_POPULATE_READ
    size_t at = place(c, kind, first);
    volatile uint8_t *byte = c->rw + at;

    *byte = *byte;
    if (madvise(c->rw + at, HOST_HUGE_PAGE, MADV_COLLAPSE) == 0) {
        madvise(c->rx + at, HOST_HUGE_PAGE, MADV_POPULATE_READ);
        for (unsigned k = 0; k < LOTS_PER_PAGE; k++) {
            c->pool[kind].lot[first + k].resident = HOST_LOT_BYTES;
        }
    }
#endif
}

static unsigned lot_get(HostCode *c, HostKind kind)
{
    HostPool *p = &c->pool[kind];
    unsigned n = HOST_NO_LOT;

    g_mutex_lock(&c->lock);
    if (p->first_free != HOST_NO_LOT) {
        n = p->first_free;
        p->first_free = p->lot[n].next_free;
    } else if (p->n_unused < c->n_lots) {
        n = p->n_unused++;
        if (kind != HOST_RECORDS && n % LOTS_PER_PAGE == 0) {
            make_huge(c, kind, n);
        }
    }
    g_mutex_unlock(&c->lock);
    if (n != HOST_NO_LOT) {
        __atomic_store_n(&p->lot[n].live, 1, __ATOMIC_RELAXED);
    }
    return n;
}

void host_lots_start(HostCode *c)
{
    unsigned lot = lot_get(c, HOST_HOT);

    g_assert(lot == 0); /* the common code's */
}

static void lot_hold(HostCode *c, HostKind kind, unsigned lot)
{
    __atomic_add_fetch(&c->pool[kind].lot[lot].live, 1, __ATOMIC_RELAXED);
}

void host_lot_put(HostCode *c, HostKind kind, unsigned lot)
{
    HostPool *p = &c->pool[kind];

    if (__atomic_sub_fetch(&p->lot[lot].live, 1, __ATOMIC_ACQ_REL) == 0) {
        g_mutex_lock(&c->lock);
        p->lot[lot].next_free = p->first_free;
        p->first_free = lot;
        g_mutex_unlock(&c->lock);
    }
}

void host_fills_end(HostGen *g)
{
    for (unsigned k = 0; k < HOST_KINDS; k++) {
        if (g->fill[k].lot != HOST_NO_LOT) {
            host_lot_put(g->code, k, g->fill[k].lot);
        }
    }
}

size_t host_next(const HostGen *g, HostKind kind)
{
    const HostFill *f = &g->fill[kind];

    return place(g->code, kind, f->lot) + f->used;
}

/* One call for many pages instead of a fault each. Where the host cannot, faults do it. */
static void make_resident(HostGen *g, HostKind kind, size_t bytes)
{
    const HostFill *f = &g->fill[kind];
    HostLot *lot = &g->code->pool[kind].lot[f->lot];

    while (lot->resident < f->used + bytes) {
#ifdef MADV_POPULATE_WRITE
        size_t at = host_next(g, kind) - f->used + lot->resident;
        if (madvise(g->code->rw + at, STEP_BYTES, MADV_POPULATE_WRITE) == 0) {
            madvise(g->code->rx + at, STEP_BYTES, MADV_POPULATE_READ);
        }
#endif
        lot->resident += STEP_BYTES;
    }
}

static bool fits(HostGen *g, HostKind kind, size_t bytes)
{
    HostFill *f = &g->fill[kind];

    if (f->lot == HOST_NO_LOT || HOST_LOT_BYTES - f->used < bytes) {
        unsigned full = f->lot;
        f->lot = lot_get(g->code, kind);
        f->used = 0;
        if (full != HOST_NO_LOT) {
            host_lot_put(g->code, kind, full);
        }
    }
    return f->lot != HOST_NO_LOT;
}

bool host_room(HostGen *g)
{
    if (!fits(g, HOST_HOT, HOST_REGION_MAX) || !fits(g, HOST_COLD, HOST_REGION_MAX)) {
        return false;
    }
    make_resident(g, HOST_HOT, HOST_REGION_MAX);
    make_resident(g, HOST_COLD, HOST_REGION_MAX);
    return true;
}

unsigned host_take(HostGen *g, HostKind kind, size_t bytes)
{
    HostFill *f = &g->fill[kind];

    f->used += bytes;
    lot_hold(g->code, kind, f->lot);
    return f->lot;
}

Tb *host_tb_place(HostGen *g, unsigned n_links)
{
    HostFill *f = &g->fill[HOST_RECORDS];
    size_t bytes = sizeof(Tb) + n_links * sizeof(TbLink);

    if (!fits(g, HOST_RECORDS, TB_ALIGN + bytes + HOST_RECORD_ROOM)) {
        return NULL;
    }
    f->used = (f->used + TB_ALIGN - 1) & ~(TB_ALIGN - 1);
    Tb *tb = (Tb *)(g->code->records + (size_t)f->lot * HOST_LOT_BYTES + f->used);
    host_take(g, HOST_RECORDS, bytes);
    memset(tb, 0, bytes);
    tb->placed = true;
    return tb;
}

void *host_record_next(const HostGen *g)
{
    const HostFill *f = &g->fill[HOST_RECORDS];

    return g->tb->placed ? g->code->records + (size_t)f->lot * HOST_LOT_BYTES + f->used : NULL;
}

void *host_record_more(HostGen *g, size_t bytes)
{
    HostFill *f = &g->fill[HOST_RECORDS];
    void *at = host_record_next(g);

    if (!at || HOST_LOT_BYTES - f->used < bytes) {
        return NULL;
    }
    f->used += bytes; /* the Tb holds the lot */
    return at;
}
