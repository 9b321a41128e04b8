/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who dirties how much: the meter behind dirty limits and dirty rates, and the limits themselves.
 *
 * The meter turns the DIRTY_RATE client of base/memory on. While there are limits it cleans the bits
 * once a period, so that every page counts once a period for the vCPU that writes to it first; else
 * only when read. The limits are kept by the vCPU engine (ports cpus_dirty_limit); here is who asked
 * for which.
 */
#include "dirty.h"
#include <string.h>
#include "base/memory/ram.h"
#include "base/util/bitmap.h"
#include "migration-priv.h"

#define PAGES_PER_MB (1u << 20 >> GUEST_PAGE_BITS)

typedef struct {
    uint64_t limit_mb; /* a second; 0: none */
    uint64_t pages;    /* at the last turn of the meter */
    uint64_t rate_mb;
} CpuDirt;

struct DirtyMeter {
    Migration *m;
    unsigned users;
    Timer *timer;
    int64_t last_ns;
    uint64_t total_pages; /* found dirty since the meter was made */
    GArray *cpus;         /* CpuDirt */
    unsigned limited;     /* of them with a limit: one user */
};

/* ---- the meter ---- */

static bool clean_block(RamBlock *block, void *opaque)
{
    DirtyMeter *d = opaque;
    g_autofree uint64_t *bits = bitmap_new(ram_block_used_length(block) / GUEST_PAGE_SIZE);
    d->total_pages += ram_dirty_sync_and_clear(d->m->vm, block, DIRTY_RATE, (unsigned long *)bits);
    return true;
}

uint64_t dirty_meter_read(DirtyMeter *d)
{
    ram_list_foreach(d->m->vm, clean_block, d);
    return d->total_pages;
}

/* vCPUs may have come since. */
static void find_cpus(DirtyMeter *d)
{
    VmPorts *ports = &d->m->vm->ports;
    VmCpuDirty now;
    while (ports->cpu_dirty_stats &&
           ports->cpu_dirty_stats(ports->cpu_opaque, d->cpus->len, &now)) {
        CpuDirt cpu = { .pages = now.pages };
        g_array_append_val(d->cpus, cpu);
    }
}

static void measure_cpus(DirtyMeter *d, int64_t ns)
{
    VmPorts *ports = &d->m->vm->ports;
    find_cpus(d);
    for (guint i = 0; i < d->cpus->len; i++) {
        CpuDirt *cpu = &g_array_index(d->cpus, CpuDirt, i);
        VmCpuDirty now;
        if (ns > 0 && ports->cpu_dirty_stats(ports->cpu_opaque, i, &now)) {
            double pages = (double)(now.pages - cpu->pages);
            cpu->rate_mb = (uint64_t)(pages / PAGES_PER_MB * NS_PER_SEC / (double)ns + 0.5);
            cpu->pages = now.pages;
        }
    }
}

static void turn(void *opaque)
{
    DirtyMeter *d = opaque;
    int64_t now = clock_now_ns(d->m->vm, CLOCK_KIND_REALTIME);
    dirty_meter_read(d);
    measure_cpus(d, now - d->last_ns);
    d->last_ns = now;
    timer_arm(d->timer, now + (int64_t)d->m->params.x_vcpu_dirty_limit_period_ms * NS_PER_MS);
}

DirtyMeter *dirty_meter_new(Migration *m)
{
    DirtyMeter *d = g_new0(DirtyMeter, 1);
    d->m = m;
    d->cpus = g_array_new(false, true, sizeof(CpuDirt));
    d->timer = timer_new(m->vm, CLOCK_KIND_REALTIME, "dirty-meter", turn, d);
    return d;
}

void dirty_meter_free(DirtyMeter *d)
{
    if (d) {
        timer_free(d->timer);
        g_array_unref(d->cpus);
        g_free(d);
    }
}

void dirty_meter_use(DirtyMeter *d)
{
    if (d->users++ == 0) {
        ram_dirty_client_enable(d->m->vm, DIRTY_RATE, true);
        dirty_meter_read(d); /* all bits were set */
        d->total_pages = 0;
    }
}

void dirty_meter_release(DirtyMeter *d)
{
    g_assert(d->users);
    if (--d->users == 0) {
        ram_dirty_client_enable(d->m->vm, DIRTY_RATE, false);
    }
}

/* ---- limits ---- */

static void limit_one(DirtyMeter *d, guint i, uint64_t mb)
{
    VmPorts *ports = &d->m->vm->ports;
    CpuDirt *cpu = &g_array_index(d->cpus, CpuDirt, i);
    d->limited += (mb != 0) - (cpu->limit_mb != 0);
    cpu->limit_mb = mb;
    ports->cpus_dirty_limit(ports->cpu_opaque, (int)i, mb * PAGES_PER_MB);
}

bool dirty_limit_set(DirtyMeter *d, int cpu, uint64_t mb, GError **error)
{
    find_cpus(d);
    if (!d->cpus->len || cpu >= (int)d->cpus->len) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "incorrect cpu index specified: %d, there are %u vCPUs", cpu, d->cpus->len);
        return false;
    }
    unsigned before = d->limited;
    for (guint i = 0; i < d->cpus->len; i++) {
        if (cpu < 0 || i == (guint)cpu) {
            limit_one(d, i, mb);
        }
    }
    if (!before && d->limited) {
        dirty_meter_use(d);
        d->last_ns = clock_now_ns(d->m->vm, CLOCK_KIND_REALTIME);
        turn(d);
    } else if (before && !d->limited) {
        timer_arm(d->timer, TIMER_NEVER);
        dirty_meter_release(d);
    }
    return true;
}

bool dirty_limit_any(const DirtyMeter *d)
{
    return d->limited != 0;
}

/* ---- what the session's users ask ---- */

bool migration_dirty_limit_set(Vm *vm, int cpu, uint64_t mb_per_second, GError **error)
{
    Migration *m = vm->migration;
    if (m->out && migration_status_active(m->status) &&
        has_cap(m->out->caps, MIGRATION_CAP_DIRTY_LIMIT)) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_BUSY,
                    "can't %s dirty page rate limit while migration is running",
                    mb_per_second ? "set" : "cancel");
        return false;
    }
    return dirty_limit_set(m->dirt, cpu, mb_per_second, error);
}

void migration_dirty_limits_foreach(Vm *vm,
                                    void (*fn)(unsigned cpu, uint64_t limit_mb, uint64_t rate_mb,
                                               void *opaque),
                                    void *opaque)
{
    DirtyMeter *d = vm->migration->dirt;
    for (guint i = 0; i < d->cpus->len; i++) {
        CpuDirt *cpu = &g_array_index(d->cpus, CpuDirt, i);
        if (cpu->limit_mb) {
            fn(i, cpu->limit_mb, cpu->rate_mb, opaque);
        }
    }
}
