/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `perf` needs to name samples in translated code: the text map (/tmp/perf-PID.map, names only)
 * and the jitdump file (jit-PID.dump, names and code, for `perf inject --jit`). Both grow as
 * regions are compiled; nothing is ever taken back, so of a reused address the map shows the
 * newest name, and jitdump, which has times, the right one.
 */
#ifndef EXEC_PERF_H
#define EXEC_PERF_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct PerfOut PerfOut;

/* Either path may be NULL: not wanted. NULL with an error when a file cannot be made. */
PerfOut *perf_out_new(const char *map_path, const char *dump_path, GError **error);
void perf_out_free(PerfOut *p); /* NULL is fine */

/* Code that runs at `addr` can be read at `bytes`. Any thread. A NULL p does nothing. */
void perf_out_add(PerfOut *p, const char *name, uint64_t addr, const void *bytes, size_t size);

#endif
