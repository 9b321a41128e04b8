/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breakpoints and watchpoints of the debugger. Each is set in every vCPU; soft and hard breakpoints
 * are the same here, for the guest's code is never changed.
 */
#include "gdbstub-priv.h"

static uint32_t watch_kind(GdbPointKind kind)
{
    switch (kind) {
    case GDB_POINT_WRITE: return CPU_WATCH_WRITE;
    case GDB_POINT_READ: return CPU_WATCH_READ;
    case GDB_POINT_ACCESS: return CPU_WATCH_READ | CPU_WATCH_WRITE;
    default: return 0;
    }
}

static bool point_in_cpu(CpuState *cpu, const GdbPoint *p, bool insert)
{
    uint32_t kind = watch_kind(p->kind);

    if (!kind) {
        return insert ? cpu_breakpoint_insert(cpu, p->addr) : cpu_breakpoint_remove(cpu, p->addr);
    }
    return insert ? cpu_watchpoint_insert(cpu, p->addr, p->len, kind)
                  : cpu_watchpoint_remove(cpu, p->addr, p->len, kind);
}

static bool point_in_all(GdbServer *s, const GdbPoint *p, bool insert)
{
    unsigned n = engine_cpu_count(s->host.engine);

    for (unsigned i = 0; i < n; i++) {
        if (!point_in_cpu(engine_cpu(s->host.engine, i), p, insert) && insert) {
            while (i--) {
                point_in_cpu(engine_cpu(s->host.engine, i), p, false);
            }
            return false;
        }
    }
    return true;
}

static GdbPoint *find(GdbServer *s, const GdbPoint *p)
{
    for (unsigned i = 0; i < s->points->len; i++) {
        GdbPoint *q = &g_array_index(s->points, GdbPoint, i);
        if (q->kind == p->kind && q->addr == p->addr && q->len == p->len) {
            return q;
        }
    }
    return NULL;
}

bool gdb_point_insert(GdbServer *s, const GdbPoint *p)
{
    if (find(s, p)) {
        return true; /* the protocol asks for idempotence */
    }
    if (!point_in_all(s, p, true)) {
        return false;
    }
    g_array_append_vals(s->points, p, 1);
    return true;
}

bool gdb_point_remove(GdbServer *s, const GdbPoint *p)
{
    GdbPoint *q = find(s, p);

    if (q) {
        point_in_all(s, q, false);
        g_array_remove_index_fast(s->points, (unsigned)(q - (GdbPoint *)(void *)s->points->data));
    }
    return true;
}

void gdb_points_clear(GdbServer *s)
{
    for (unsigned i = 0; i < s->points->len; i++) {
        point_in_all(s, &g_array_index(s->points, GdbPoint, i), false);
    }
    g_array_set_size(s->points, 0);
}

const GdbPoint *gdb_point_watching(GdbServer *s, uint64_t va)
{
    for (unsigned i = 0; i < s->points->len; i++) {
        const GdbPoint *p = &g_array_index(s->points, GdbPoint, i);
        if (watch_kind(p->kind) && va >= p->addr && va - p->addr < p->len) {
            return p;
        }
    }
    return NULL;
}

bool gdb_point_at(GdbServer *s, GdbPointKind kind, uint64_t pc)
{
    for (unsigned i = 0; i < s->points->len; i++) {
        const GdbPoint *p = &g_array_index(s->points, GdbPoint, i);
        if (p->kind == kind && p->addr == pc) {
            return true;
        }
    }
    return false;
}
