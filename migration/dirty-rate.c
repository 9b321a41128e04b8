/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calc-dirty-rate: how many MiB a second the guest writes to, without migrating it. Either by hashes
 * of randomly chosen pages, which costs the guest nothing, or by the dirty bitmap, which is exact.
 * A thread of its own waits and hashes; figures are set under the VM lock.
 */
#include <string.h>
#include "base/memory/ram.h"
#include "base/util/crc32c.h"
#include "dirty.h"
#include "migration-priv.h"

#define PAGES_PER_GIB (1u << 30 >> GUEST_PAGE_BITS)

typedef struct {
    char *idstr;
    uint64_t page;
    uint32_t crc;
} Sample;

struct DirtyRate {
    Migration *m;
    GThread *thread;
    MigrationDirtyRate shown; /* VM lock */
    GMutex mutex;
    GCond cond;
    bool quit; /* mutex */
    GRand *rand;
    GArray *samples;      /* Sample */
    uint64_t total_pages; /* of the blocks sampled */
};

DirtyRate *dirty_rate_new(Migration *m)
{
    DirtyRate *r = g_new0(DirtyRate, 1);
    r->m = m;
    r->shown.rate_mb = -1;
    g_mutex_init(&r->mutex);
    g_cond_init(&r->cond);
    return r;
}

static void join(DirtyRate *r)
{
    if (r->thread) {
        unsigned depth = vm_lock_drop_all(r->m->vm);
        g_thread_join(g_steal_pointer(&r->thread));
        vm_lock_retake(r->m->vm, depth);
    }
}

void dirty_rate_free(DirtyRate *r)
{
    g_mutex_lock(&r->mutex);
    r->quit = true;
    g_cond_signal(&r->cond);
    g_mutex_unlock(&r->mutex);
    join(r);
    g_mutex_clear(&r->mutex);
    g_cond_clear(&r->cond);
    g_free(r);
}

/* ---- page sampling ---- */

static void sample_clear(gpointer p)
{
    g_free(((Sample *)p)->idstr);
}

static uint32_t page_crc(RamBlock *block, uint64_t page)
{
    return crc32c(0, (uint8_t *)ram_block_host(block) + page * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
}

static bool take_samples(RamBlock *block, void *opaque)
{
    DirtyRate *r = opaque;
    uint64_t pages = ram_block_used_length(block) / GUEST_PAGE_SIZE;
    if (!ram_block_migratable(block) || !pages) {
        return true;
    }
    uint64_t n = MAX(pages * r->shown.sample_pages / PAGES_PER_GIB, 1);
    for (uint64_t i = 0; i < n; i++) {
        Sample s = { g_strdup(ram_block_idstr(block)), 0, 0 };
        s.page = (uint64_t)(g_rand_double(r->rand) * (double)pages);
        s.crc = page_crc(block, s.page);
        g_array_append_val(r->samples, s);
    }
    r->total_pages += pages;
    return true;
}

/* Of the samples whose pages are still there. */
static double share_changed(DirtyRate *r)
{
    unsigned seen = 0, changed = 0;
    for (guint i = 0; i < r->samples->len; i++) {
        Sample *s = &g_array_index(r->samples, Sample, i);
        RamBlock *block = ram_block_find(r->m->vm, s->idstr);
        if (block && s->page < ram_block_used_length(block) / GUEST_PAGE_SIZE) {
            seen++;
            changed += page_crc(block, s->page) != s->crc;
        }
    }
    return seen ? (double)changed / seen : 0;
}

/* ---- one measurement ---- */

/* Pages dirtied so far, as the mode tells; what it needs is begun at the first call. */
static double pages_dirty(DirtyRate *r, bool first)
{
    Vm *vm = r->m->vm;
    double pages = 0;
    if (r->shown.mode == MIGRATION_DIRTY_BITMAP) {
        vm_lock(vm);
        if (first) {
            dirty_meter_use(r->m->dirt);
        }
        pages = (double)dirty_meter_read(r->m->dirt);
        if (!first) {
            dirty_meter_release(r->m->dirt);
        }
        vm_unlock(vm);
        return pages;
    }
    ram_list_acquire(vm);
    if (first) {
        ram_list_foreach(vm, take_samples, r);
    } else {
        pages = share_changed(r) * (double)r->total_pages;
    }
    ram_list_release(vm);
    return pages;
}

static void wait_out(DirtyRate *r, gint64 until_us)
{
    g_mutex_lock(&r->mutex);
    while (!r->quit && g_get_monotonic_time() < until_us) {
        g_cond_wait_until(&r->cond, &r->mutex, until_us);
    }
    g_mutex_unlock(&r->mutex);
}

static gpointer measure_thread(gpointer data)
{
    DirtyRate *r = data;
    r->samples = g_array_new(false, false, sizeof(Sample));
    g_array_set_clear_func(r->samples, sample_clear);
    r->rand = g_rand_new();
    r->total_pages = 0;
    double before = pages_dirty(r, true);
    gint64 start = g_get_monotonic_time();
    wait_out(r, start + r->shown.calc_ms * 1000);
    double seconds = (double)MAX(g_get_monotonic_time() - start, 1) / G_USEC_PER_SEC;
    double mib = (pages_dirty(r, false) - before) * GUEST_PAGE_SIZE / (1u << 20);
    vm_lock(r->m->vm);
    r->shown.rate_mb = (int64_t)(mib / seconds + 0.5);
    r->shown.status = MIGRATION_DIRTY_MEASURED;
    vm_unlock(r->m->vm);
    g_array_unref(r->samples);
    g_rand_free(r->rand);
    return NULL;
}

bool migration_dirty_rate_start(Vm *vm, int64_t calc_ms, uint64_t sample_pages,
                                MigrationDirtyMode mode, GError **error)
{
    DirtyRate *r = vm->migration->rate;
    if (r->shown.status == MIGRATION_DIRTY_MEASURING) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_BUSY,
                    "the dirty rate is already being measured.");
        return false;
    }
    join(r);
    r->shown = (MigrationDirtyRate){
        .status = MIGRATION_DIRTY_MEASURING,
        .mode = mode,
        .sample_pages = sample_pages,
        .calc_ms = calc_ms,
        .start_s = g_get_real_time() / G_USEC_PER_SEC,
        .rate_mb = -1,
    };
    r->thread = g_thread_new("dirtyrate", measure_thread, r);
    return true;
}

void migration_dirty_rate(Vm *vm, MigrationDirtyRate *out)
{
    *out = vm->migration->rate->shown;
}
