/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Named trace points, off until "-trace PATTERN" (or "-d trace:PATTERN") names them. A room
 * declares a point at the top of the file that uses it and fires it like printf:
 *
 *     TRACE_POINT(pci_config_write);
 *     ...
 *     trace(pci_config_write, "%s: offset 0x%x value 0x%x", name, offset, value);
 *
 * An output line is "NAME text". An unused point costs one byte load and a branch. The points lie
 * together in one linker section, which is how they are found and why they are no hidden globals:
 * scripts/check-globals knows that section and nothing else may be in it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct TracePoint {
    const char *name;
    bool enabled;
} TracePoint;

#define TRACE_POINT(point)                                                                     \
    static TracePoint trace_point_##point                                                      \
        __attribute__((section("ferry_trace"), used, aligned(sizeof(TracePoint)))) = { #point, \
                                                                                       false }

#define trace_enabled(point) \
    G_UNLIKELY(__atomic_load_n(&trace_point_##point.enabled, __ATOMIC_RELAXED))

#define trace(point, ...)                                  \
    do {                                                   \
        if (trace_enabled(point)) {                        \
            trace_emit(&trace_point_##point, __VA_ARGS__); \
        }                                                  \
    } while (0)

/* One line to the log; a newline is added. */
void trace_emit(const TracePoint *point, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * Enable what matches a shell pattern ("pci_*"), disable it with '-' before the pattern. A name
 * without wildcards that does not exist is an error; a pattern that matches nothing is not.
 */
bool trace_enable(const char *pattern, GError **error);

/* Patterns from a file, one a line, '#' starts a comment. */
bool trace_enable_file(const char *path, GError **error);

/* Every point there is, by name: call @each; the order is that of linking. */
void trace_foreach(void (*each)(const TracePoint *point, void *opaque), void *opaque);
