/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flat views: what a region tree looks like from outside, as a sorted array of ranges.
 *
 * The tree is walked from the strongest region to the weakest; each leaf takes what nobody took
 * before. V1: ranges are sorted and disjoint. V2: neighbours that continue each other are one
 * range. V3: a published view never changes (but for its hint). All sums are done in 128 bits.
 */
#include <string.h>
#include "base/memory/memory-priv.h"

typedef struct {
    GArray *ranges; /* FlatRange, sorted */
    unsigned depth;
} Render;

typedef struct {
    SWide lo, hi; /* [lo, hi) in the address space */
} Clip;

static guint first_ending_after(const GArray *ranges, uint64_t start)
{
    guint lo = 0, hi = ranges->len;

    while (lo < hi) {
        guint mid = (lo + hi) / 2;

        if (g_array_index(ranges, FlatRange, mid).last < start) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* Puts @leaf into the holes of [clip.lo, clip.hi); its offset is for address @base. */
static void fill_holes(Render *r, Clip clip, SWide base, FlatRange leaf)
{
    SWide at = clip.lo;
    guint i = first_ending_after(r->ranges, (uint64_t)clip.lo);

    while (at < clip.hi) {
        SWide hole_end = clip.hi, next = clip.hi;

        if (i < r->ranges->len) {
            const FlatRange *taken = &g_array_index(r->ranges, FlatRange, i);

            if ((SWide)taken->start < clip.hi) {
                hole_end = (SWide)taken->start;
                next = (SWide)taken->last + 1;
            }
        }
        if (at < hole_end) {
            leaf.start = (uint64_t)at;
            leaf.last = (uint64_t)(hole_end - 1);
            leaf.offset = (uint64_t)(at - base);
            g_array_insert_val(r->ranges, i, leaf);
            i++;
        }
        at = next;
        i++;
    }
}

static void render(Render *r, MemoryRegion *mr, SWide base, Clip clip, bool readonly)
{
    if (!mr->enabled || r->depth >= MEMORY_MAX_DEPTH) {
        return;
    }
    clip.lo = MAX(clip.lo, base);
    clip.hi = MIN(clip.hi, base + (SWide)region_wide_size(mr));
    if (clip.lo >= clip.hi) {
        return;
    }
    readonly |= mr->readonly;
    r->depth++;
    if (mr->kind == REGION_ALIAS) {
        render(r, mr->alias, base - (SWide)mr->alias_offset, clip, readonly);
        r->depth--;
        return;
    }
    for (guint i = 0; mr->subregions && i < mr->subregions->len; i++) {
        MemoryRegion *sub = g_ptr_array_index(mr->subregions, i);

        render(r, sub, base + (SWide)sub->addr, clip, readonly);
    }
    r->depth--;
    if (mr->kind == REGION_CONTAINER) {
        return;
    }
    bool romd = mr->kind == REGION_ROMD;
    bool has_ram =
        mr->kind == REGION_RAM || mr->kind == REGION_ROM || (romd && mr->rom_device_mode);

    fill_holes(r, clip, base,
               (FlatRange){ .region = mr,
                            .ram = has_ram ? mr->ram : NULL,
                            .readonly = readonly || mr->kind == REGION_ROM,
                            .write_io = romd && has_ram,
                            .iommu = mr->kind == REGION_IOMMU });
}

static bool continues(const FlatRange *a, const FlatRange *b)
{
    return a->last + 1 == b->start && a->region == b->region && a->readonly == b->readonly &&
           b->offset - a->offset == b->start - a->start;
}

FlatView *flat_view_build(MemoryRegion *root)
{
    Render r = { .ranges = g_array_new(FALSE, TRUE, sizeof(FlatRange)) };
    Clip all = { 0, (SWide)1 << 64 };
    FlatView *view;

    if (root) {
        render(&r, root, 0, all, false);
    }
    view = g_malloc0(sizeof(*view) + r.ranges->len * sizeof(FlatRange));
    for (guint i = 0; i < r.ranges->len; i++) {
        const FlatRange *range = &g_array_index(r.ranges, FlatRange, i);

        if (view->n && continues(&view->ranges[view->n - 1], range)) {
            view->ranges[view->n - 1].last = range->last;
        } else {
            view->ranges[view->n++] = *range;
        }
    }
    g_array_free(r.ranges, TRUE);
    return view;
}

bool flat_view_equal(const FlatView *a, const FlatView *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (guint i = 0; i < a->n; i++) {
        const FlatRange *x = &a->ranges[i], *y = &b->ranges[i];

        if (x->start != y->start || x->last != y->last || x->region != y->region ||
            x->offset != y->offset || x->ram != y->ram || x->readonly != y->readonly ||
            x->write_io != y->write_io) {
            return false;
        }
    }
    return true;
}

const FlatRange *flat_view_find(FlatView *view, uint64_t addr, uint64_t *gap)
{
    guint hint = atomic_load_explicit(&view->hint, memory_order_relaxed);

    if (hint < view->n && addr >= view->ranges[hint].start && addr <= view->ranges[hint].last) {
        return &view->ranges[hint];
    }
    guint lo = 0, hi = view->n;

    while (lo < hi) {
        guint mid = (lo + hi) / 2;

        if (view->ranges[mid].last < addr) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (lo < view->n && addr >= view->ranges[lo].start) {
        atomic_store_explicit(&view->hint, lo, memory_order_relaxed);
        return &view->ranges[lo];
    }
    *gap = lo < view->n ? view->ranges[lo].start - addr : -addr;
    return NULL;
}
