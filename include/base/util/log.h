/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What -d, -D and -dfilter turn on: a log of what the emulator does, by category, to stderr or a
 * file. It must be reachable from every room and every thread, so it is the one process-wide
 * state there is (with the trace points, see trace.h). It changes only by the calls below, and a
 * category that is off costs one relaxed load and a branch.
 *
 * A message is written whole: lines of two threads do not mix. For several lines that belong
 * together, hold log_lock() around them.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum LogCategory {
    LOG_OUT_ASM = 1 << 0,
    LOG_IN_ASM = 1 << 1,
    LOG_OP = 1 << 2,
    LOG_OP_OPT = 1 << 3,
    LOG_INT = 1 << 4,
    LOG_EXEC = 1 << 5,
    LOG_CPU = 1 << 6,
    LOG_FPU = 1 << 7,
    LOG_MMU = 1 << 8,
    LOG_PCALL = 1 << 9,
    LOG_CPU_RESET = 1 << 10,
    LOG_UNIMP = 1 << 11,
    LOG_GUEST_ERRORS = 1 << 12,
    LOG_PAGE = 1 << 13,
    LOG_NOCHAIN = 1 << 14,
    LOG_TRACE = 1 << 15,
    LOG_STATEHASH = 1 << 16,
} LogCategory;

typedef struct LogItem {
    LogCategory category;
    const char *name;
    const char *help;
} LogItem;

/* The table behind "-d help"; ends with a NULL name. */
const LogItem *log_items(void);

/* The mask, for log_enabled() only. */
extern uint32_t log_mask_now;

static inline bool log_enabled(uint32_t categories)
{
    return __atomic_load_n(&log_mask_now, __ATOMIC_RELAXED) & categories;
}

/*
 * "in_asm,cpu_reset" (also "all", "none", and "trace:PATTERN", which enables trace points) to a
 * mask. An unknown name is an error and nothing is enabled.
 */
bool log_parse(const char *list, uint32_t *mask, GError **error);
void log_set_mask(uint32_t mask);
uint32_t log_mask(void);

/* log_parse() and log_set_mask() in one. */
bool log_set(const char *list, GError **error);

/* Append to @path instead of stderr, "%d" in it being the process id; NULL for stderr again. */
bool log_set_file(const char *path, GError **error);

/*
 * Only code at these guest addresses is logged by in_asm, out_asm, op, op_opt, exec and cpu:
 * "0x1000..0x1fff,0x8000+0x100,0x9000-0x10", an inclusive range, a start and length, an end and
 * length before it. NULL or "" for everywhere.
 */
bool log_set_filter(const char *ranges, GError **error);
bool log_in_filter(uint64_t address);

/* Write if any of @categories is on. No newline is added. */
void log_printf(uint32_t categories, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Write whatever the categories, for callers that have asked already. */
void log_write(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_vwrite(const char *format, va_list args) G_GNUC_PRINTF(1, 0);

/* Keep other threads' messages out; recursive. */
void log_lock(void);
void log_unlock(void);

void log_flush(void);

/* Close the file and forget categories and filter. */
void log_shutdown(void);

/* The two that devices use most. */
#define log_unimp(...)       log_printf(LOG_UNIMP, __VA_ARGS__)
#define log_guest_error(...) log_printf(LOG_GUEST_ERRORS, __VA_ARGS__)
