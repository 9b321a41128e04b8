/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes a guest that writes too fast converge: after two periods in which it dirtied more than
 * throttle-trigger-threshold percent of what was sent, its vCPUs get less time (auto-converge, more
 * with each further trigger) or may dirty only so many pages (dirty-limit). Ends with the migration.
 */
#include "dirty.h"
#include "migration-priv.h"

#define PERIOD_NS   NS_PER_SEC
#define RESYNC_NS   (5 * NS_PER_SEC)
#define RING_PAGES  4096
#define TRIGGER_MIN 2

bool converge_wanted(const Outgoing *o)
{
    return has_cap(o->caps, MIGRATION_CAP_AUTO_CONVERGE) ||
           has_cap(o->caps, MIGRATION_CAP_DIRTY_LIMIT);
}

bool converge_wants_sync(const Outgoing *o, int64_t now_ns)
{
    return converge_wanted(o) && now_ns - o->converge.last_sync_ns >= RESYNC_NS;
}

void converge_begin(Outgoing *o, int64_t now_ns)
{
    o->converge = (Converge){ .period_ns = now_ns, .last_sync_ns = now_ns };
}

static void set_throttle(Outgoing *o, unsigned percent)
{
    VmPorts *ports = &o->m->vm->ports;
    if (ports->cpus_throttle) {
        ports->cpus_throttle(ports->cpu_opaque, (int)percent);
        __atomic_store_n(&o->converge.percent, percent, __ATOMIC_RELAXED);
    }
}

/* The next step, or with tailslow a smaller one: what would make the rates just meet. */
static unsigned next_percent(const Outgoing *o, double dirtied, double allowed)
{
    const MigrationParams *p = &o->params;
    unsigned now = o->converge.percent;
    uint64_t step = p->cpu_throttle_increment;
    if (!now) {
        return (unsigned)p->cpu_throttle_initial;
    }
    if (p->cpu_throttle_tailslow && dirtied > 0) {
        double ideal = (100 - now) * allowed / dirtied; /* percent of CPU that the guest may have */
        double slow = (100 - now) - ideal;
        step = MIN(step, (uint64_t)CLAMP(slow, 1, 99));
    }
    return (unsigned)MIN(now + step, p->max_cpu_throttle);
}

static void trigger(Outgoing *o, double dirtied, double allowed)
{
    Vm *vm = o->m->vm;
    g_autoptr(GError) error = NULL;
    vm_lock(vm);
    if (has_cap(o->caps, MIGRATION_CAP_AUTO_CONVERGE)) {
        set_throttle(o, next_percent(o, dirtied, allowed));
    } else if (!o->converge.limited) {
        o->converge.limited = dirty_limit_set(o->m->dirt, -1, o->params.vcpu_dirty_limit, &error);
        if (error) {
            g_warning("dirty-limit: %s", error->message);
        }
    }
    vm_unlock(vm);
}

/* The longest that a vCPU was held back since the last round; how long one takes for a ring. */
static void note_limits(Outgoing *o, int64_t ns)
{
    VmPorts *ports = &o->m->vm->ports;
    uint64_t held = 0, pages = 0, n = 0;
    VmCpuDirty now;
    while (n < G_N_ELEMENTS(o->converge.cpus) && ports->cpu_dirty_stats &&
           ports->cpu_dirty_stats(ports->cpu_opaque, (unsigned)n, &now)) {
        held = MAX(held, now.held_us - o->converge.cpus[n].held_us);
        pages += now.pages - o->converge.cpus[n].pages;
        o->converge.cpus[n++] = now;
    }
    o->converge.round_held_us = held;
    o->converge.ring_full_us =
        pages ? (uint64_t)((double)ns / 1000 * RING_PAGES * (double)n / (double)pages) : 0;
}

void converge_synced(Outgoing *o, uint64_t dirtied_pages, int64_t now_ns)
{
    Converge *c = &o->converge;
    c->dirtied += dirtied_pages * GUEST_PAGE_SIZE;
    if (has_cap(o->caps, MIGRATION_CAP_DIRTY_LIMIT)) {
        note_limits(o, now_ns - c->last_sync_ns);
    }
    c->last_sync_ns = now_ns;
    if (!converge_wanted(o) || now_ns - c->period_ns < PERIOD_NS) {
        return;
    }
    double allowed =
        (double)(o->out.bytes - c->bytes) * (double)o->params.throttle_trigger_threshold / 100;
    if ((double)c->dirtied <= allowed) {
        c->high = 0;
    } else if (++c->high >= TRIGGER_MIN) {
        c->high = 0;
        trigger(o, (double)c->dirtied, allowed);
    }
    c->dirtied = 0;
    c->bytes = o->out.bytes;
    c->period_ns = now_ns;
}

void converge_end(Outgoing *o)
{
    if (o->converge.percent) {
        set_throttle(o, 0);
    }
    if (o->converge.limited) {
        o->converge.limited = false;
        dirty_limit_set(o->m->dirt, -1, 0, NULL);
    }
}
