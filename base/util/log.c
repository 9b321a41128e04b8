/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process-wide log. The mask is read without a lock; everything else is guarded by one
 * recursive mutex. The filter is replaced as a whole and old ones are kept until shutdown, so
 * that a reader never sees one go away.
 */
#include "base/util/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/util/error.h"
#include "base/util/size.h"
#include "base/util/trace.h"

typedef struct LogRange {
    uint64_t first;
    uint64_t last;
} LogRange;

typedef struct LogFilter LogFilter;
struct LogFilter {
    LogFilter *older; /* replaced ones, freed at shutdown */
    size_t n;
    LogRange ranges[];
};

typedef struct Log {
    GRecMutex mutex;
    FILE *file;         /* NULL: stderr; guarded by mutex */
    LogFilter *filter;  /* NULL: everywhere; read without the mutex */
    LogFilter *filters; /* every filter there was; guarded by mutex */
} Log;

uint32_t log_mask_now;
static Log log_state;

static const LogItem items[] = {
    { LOG_OUT_ASM, "out_asm", "generated host code of each translated block" },
    { LOG_IN_ASM, "in_asm", "guest code of each translated block" },
    { LOG_OP, "op", "intermediate code of each block before optimization" },
    { LOG_OP_OPT, "op_opt", "intermediate code of each block after optimization" },
    { LOG_INT, "int", "interrupts and exceptions in short form" },
    { LOG_EXEC, "exec", "each translated block as it is entered (a lot)" },
    { LOG_CPU, "cpu", "CPU registers at each translated block (a lot)" },
    { LOG_FPU, "fpu", "floating point registers with 'cpu'" },
    { LOG_MMU, "mmu", "activity of the guest's memory management" },
    { LOG_PCALL, "pcall", "x86: far calls and returns in protected mode" },
    { LOG_CPU_RESET, "cpu_reset", "CPU state before each reset" },
    { LOG_UNIMP, "unimp", "guest use of what is not implemented" },
    { LOG_GUEST_ERRORS, "guest_errors", "things that only a faulty guest does" },
    { LOG_PAGE, "page", "host memory layout at the start" },
    { LOG_NOCHAIN, "nochain", "do not link blocks, so that 'exec' and 'cpu' see each one" },
    { LOG_STATEHASH, "statehash", "with -icount: a hash of the CPU state every 2^18 instructions" },
    { 0, NULL, NULL },
};

const LogItem *log_items(void)
{
    return items;
}

static bool parse_item(const char *name, uint32_t *mask, GError **error)
{
    if (!strcmp(name, "none")) {
        *mask = 0;
        return true;
    }
    for (const LogItem *i = items; i->name; i++) {
        /* "all" means the categories that show something; nochain changes how code runs. */
        if (!strcmp(name, "all") ? i->category != LOG_NOCHAIN : !strcmp(name, i->name)) {
            *mask |= i->category;
            if (strcmp(name, "all")) {
                return true;
            }
        }
    }
    if (!strcmp(name, "all")) {
        return true;
    }
    g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID,
                "unknown log item '%s' (-d help lists them)", name);
    return false;
}

bool log_parse(const char *list, uint32_t *mask, GError **error)
{
    g_auto(GStrv) names = g_strsplit(list, ",", -1);
    uint32_t m = 0;

    for (char **n = names; *n; n++) {
        if (g_str_has_prefix(*n, "trace:")) {
            if (!trace_enable(*n + strlen("trace:"), error)) {
                return false;
            }
            m |= LOG_TRACE;
        } else if (!parse_item(*n, &m, error)) {
            return false;
        }
    }
    *mask = m;
    return true;
}

void log_set_mask(uint32_t mask)
{
    __atomic_store_n(&log_mask_now, mask, __ATOMIC_RELAXED);
}

uint32_t log_mask(void)
{
    return __atomic_load_n(&log_mask_now, __ATOMIC_RELAXED);
}

bool log_set(const char *list, GError **error)
{
    uint32_t mask;

    if (!log_parse(list, &mask, error)) {
        return false;
    }
    log_set_mask(mask);
    return true;
}

/* "%d" once at most; any other '%' would mean something that is not there. */
static char *expand_path(const char *path, GError **error)
{
    const char *percent = strchr(path, '%');

    if (!percent) {
        return g_strdup(path);
    }
    if (percent[1] != 'd' || strchr(percent + 1, '%')) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID,
                    "log file '%s': only one '%%d' may be in the name", path);
        return NULL;
    }
    return g_strdup_printf("%.*s%d%s", (int)(percent - path), path, (int)getpid(), percent + 2);
}

bool log_set_file(const char *path, GError **error)
{
    g_autofree char *name = NULL;
    FILE *file = NULL;

    if (path) {
        name = expand_path(path, error);
        if (!name) {
            return false;
        }
        file = fopen(name, "ae");
        if (!file) {
            g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_IO, "log file '%s': %s", name,
                        g_strerror(errno));
            return false;
        }
        setvbuf(file, NULL, _IOLBF, 0);
    }
    log_lock();
    if (log_state.file) {
        fclose(log_state.file);
    }
    log_state.file = file;
    log_unlock();
    return true;
}

static bool parse_range(const char *text, LogRange *range, GError **error)
{
    const char *dots = strstr(text, "..");
    const char *sign = dots ? dots : strpbrk(text, "+-");
    g_autofree char *first = NULL;
    uint64_t a, b;
    bool wraps;

    if (!sign) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID,
                    "address range '%s' is none of A..B, A+LENGTH and A-LENGTH", text);
        return false;
    }
    first = g_strndup(text, (gsize)(sign - text));
    if (!uint_parse("address range", first, 0, UINT64_MAX, &a, error) ||
        !uint_parse("address range", sign + (dots ? 2 : 1), dots ? 0 : 1, UINT64_MAX, &b, error)) {
        return false;
    }
    if (dots) {
        *range = (LogRange){ a, b };
        wraps = b < a;
    } else if (*sign == '+') {
        *range = (LogRange){ a, a + (b - 1) };
        wraps = range->last < a;
    } else {
        *range = (LogRange){ a - (b - 1), a };
        wraps = range->first > a;
    }
    if (wraps) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_RANGE,
                    "address range '%s' ends before it starts", text);
    }
    return !wraps;
}

bool log_set_filter(const char *ranges, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(ranges ? ranges : "", ",", -1);
    size_t n = g_strv_length(parts);
    LogFilter *filter = NULL;

    if (n > 0) {
        filter = g_malloc0(sizeof(*filter) + n * sizeof(filter->ranges[0]));
        filter->n = n;
        for (size_t i = 0; i < n; i++) {
            if (!parse_range(parts[i], &filter->ranges[i], error)) {
                g_free(filter);
                return false;
            }
        }
    }
    log_lock();
    if (filter) {
        filter->older = log_state.filters;
        log_state.filters = filter;
    }
    __atomic_store_n(&log_state.filter, filter, __ATOMIC_RELEASE);
    log_unlock();
    return true;
}

bool log_in_filter(uint64_t address)
{
    const LogFilter *filter = __atomic_load_n(&log_state.filter, __ATOMIC_ACQUIRE);

    if (!filter) {
        return true;
    }
    for (size_t i = 0; i < filter->n; i++) {
        if (address >= filter->ranges[i].first && address <= filter->ranges[i].last) {
            return true;
        }
    }
    return false;
}

void log_vwrite(const char *format, va_list args)
{
    log_lock();
    vfprintf(log_state.file ? log_state.file : stderr, format, args);
    log_unlock();
}

void log_write(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_vwrite(format, args);
    va_end(args);
}

void log_printf(uint32_t categories, const char *format, ...)
{
    va_list args;

    if (!log_enabled(categories)) {
        return;
    }
    va_start(args, format);
    log_vwrite(format, args);
    va_end(args);
}

void log_lock(void)
{
    g_rec_mutex_lock(&log_state.mutex);
}

void log_unlock(void)
{
    g_rec_mutex_unlock(&log_state.mutex);
}

void log_flush(void)
{
    log_lock();
    fflush(log_state.file ? log_state.file : stderr);
    log_unlock();
}

void log_shutdown(void)
{
    log_set_mask(0);
    log_set_file(NULL, NULL);
    log_lock();
    __atomic_store_n(&log_state.filter, NULL, __ATOMIC_RELEASE);
    while (log_state.filters) {
        LogFilter *filter = log_state.filters;

        log_state.filters = filter->older;
        g_free(filter);
    }
    log_unlock();
}
