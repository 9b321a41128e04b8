/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding trace points by name and writing their lines. The linker names both ends of the
 * section; its entries are of one size because each is aligned to its own size.
 */
#include "base/util/trace.h"

#include <string.h>

#include "base/util/error.h"
#include "base/util/log.h"

extern TracePoint __start_ferry_trace[], __stop_ferry_trace[];

/* The section always exists, so that a program without any other point links. */
TRACE_POINT(util_trace_changed);

void trace_emit(const TracePoint *point, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_lock();
    log_write("%s ", point->name);
    log_vwrite(format, args);
    log_write("\n");
    log_unlock();
    va_end(args);
}

bool trace_enable(const char *pattern, GError **error)
{
    bool on = pattern[0] != '-';
    const char *glob = pattern + !on;
    bool exact = !strpbrk(glob, "*?");
    bool found = false;

    for (TracePoint *p = __start_ferry_trace; p < __stop_ferry_trace; p++) {
        if (g_pattern_match_simple(glob, p->name)) {
            __atomic_store_n(&p->enabled, on, __ATOMIC_RELAXED);
            found = true;
        }
    }
    if (exact && !found) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID,
                    "unknown trace point '%s' (-trace help lists them)", glob);
        return false;
    }
    trace(util_trace_changed, "%s %s", glob, on ? "on" : "off");
    return true;
}

bool trace_enable_file(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, error)) {
        return false;
    }
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        char *pattern = g_strstrip(*line);

        if (pattern[0] && pattern[0] != '#' && !trace_enable(pattern, error)) {
            g_prefix_error(error, "%s: ", path);
            return false;
        }
    }
    return true;
}

void trace_foreach(void (*each)(const TracePoint *point, void *opaque), void *opaque)
{
    for (TracePoint *p = __start_ferry_trace; p < __stop_ferry_trace; p++) {
        each(p, opaque);
    }
}
