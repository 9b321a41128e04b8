/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much the guest writes: limits for its vCPUs, and measuring it. */
#include <string.h>

#include "migration/migration.h"
#include "qmp.h"

#define SAMPLE_PAGES_DEFAULT 512

/* ---- limits ---- */

static int cpu_of(Json *args)
{
    return (int)CLAMP(json_int(args, "cpu-index", -1), -1, INT32_MAX);
}

static bool cpu_ok(Json *args, GError **error)
{
    if (json_has(args, "cpu-index") && json_int(args, "cpu-index", 0) < 0) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "incorrect cpu index specified");
        return false;
    }
    return true;
}

Json *qmp_set_vcpu_dirty_limit(QmpCall *call, Json *args, GError **error)
{
    int64_t rate = json_int(args, "dirty-rate", 0);
    if (rate < 0 || rate > INT32_MAX) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Parameter 'dirty-rate' expects a value between 0 and %d MB/s", INT32_MAX);
    } else if (cpu_ok(args, error)) {
        migration_dirty_limit_set(call->vm, cpu_of(args), (uint64_t)rate, error);
    }
    return NULL;
}

static void count_limit(unsigned cpu, uint64_t limit_mb, uint64_t rate_mb, void *opaque)
{
    ++*(unsigned *)opaque;
}

/* Nothing to cancel is no error. */
Json *qmp_cancel_vcpu_dirty_limit(QmpCall *call, Json *args, GError **error)
{
    unsigned limited = 0;
    migration_dirty_limits_foreach(call->vm, count_limit, &limited);
    if (limited && cpu_ok(args, error)) {
        migration_dirty_limit_set(call->vm, cpu_of(args), 0, error);
    }
    return NULL;
}

static void add_limit(unsigned cpu, uint64_t limit_mb, uint64_t rate_mb, void *opaque)
{
    Json *row = json_object_new_object();
    json_add_uint(row, "cpu-index", cpu);
    json_add_uint(row, "limit-rate", limit_mb);
    json_add_uint(row, "current-rate", rate_mb);
    json_object_array_add(opaque, row);
}

Json *qmp_query_vcpu_dirty_limit(QmpCall *call, Json *args, GError **error)
{
    Json *out = json_object_new_array();
    migration_dirty_limits_foreach(call->vm, add_limit, out);
    return out;
}

/* ---- measuring ---- */

static bool in_ms(Json *args)
{
    return !strcmp(json_str(args, "calc-time-unit", "second"), "millisecond");
}

static bool calc_args_ok(Json *args, int64_t ms, GError **error)
{
    const char *mode = json_str(args, "mode", "page-sampling");
    int64_t pages = json_int(args, "sample-pages", SAMPLE_PAGES_DEFAULT);
    const char *why = ms < 50 || ms > 60000 ? "Calculation time is out of range [50ms, 60000ms]."
                      : !strcmp(mode, "dirty-ring")
                          ? "mode dirty-ring is not enabled, use other method instead."
                      : json_has(args, "sample-pages") && strcmp(mode, "page-sampling")
                          ? "sample-pages is used only in page-sampling mode"
                      : pages < 128 || pages > 16384 ? "sample-pages is out of range[128, 16384]."
                                                     : NULL;
    if (why) {
        g_set_error_literal(error, QMP_ERROR, QMP_ERROR_GENERIC, why);
    }
    return !why;
}

Json *qmp_calc_dirty_rate(QmpCall *call, Json *args, GError **error)
{
    int64_t time = CLAMP(json_int(args, "calc-time", 0), 0, 1000000);
    int64_t ms = in_ms(args) ? time : time * 1000;
    bool bitmap = !strcmp(json_str(args, "mode", "page-sampling"), "dirty-bitmap");
    if (calc_args_ok(args, ms, error)) {
        migration_dirty_rate_start(
            call->vm, ms,
            bitmap ? 0 : (uint64_t)json_int(args, "sample-pages", SAMPLE_PAGES_DEFAULT),
            bitmap ? MIGRATION_DIRTY_BITMAP : MIGRATION_PAGE_SAMPLING, error);
    }
    return NULL;
}

Json *qmp_query_dirty_rate(QmpCall *call, Json *args, GError **error)
{
    static const char *const statuses[] = { "unstarted", "measuring", "measured" };
    MigrationDirtyRate rate;
    Json *out = json_object_new_object();
    migration_dirty_rate(call->vm, &rate);
    if (rate.rate_mb >= 0) {
        json_add_int(out, "dirty-rate", rate.rate_mb);
    }
    json_add_str(out, "status", statuses[rate.status]);
    json_add_int(out, "start-time", rate.start_s);
    json_add_int(out, "calc-time", in_ms(args) ? rate.calc_ms : rate.calc_ms / 1000);
    json_add_str(out, "calc-time-unit", in_ms(args) ? "millisecond" : "second");
    json_add_uint(out, "sample-pages", rate.sample_pages);
    json_add_str(out, "mode",
                 rate.mode == MIGRATION_DIRTY_BITMAP ? "dirty-bitmap" : "page-sampling");
    return out;
}
