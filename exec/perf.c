/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writers of perf's map and jitdump formats. The latter is described in the Linux source tree,
 * tools/perf/Documentation/jitdump-specification.txt: a header, then records of one kind, "code
 * loaded". perf finds the file because a page of it is mapped executable.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "exec/ir.h"
#include "exec/perf.h"

struct PerfOut {
    GMutex lock;
    FILE *map, *dump; /* owned; NULL: not wanted. Under lock */
    void *marker;     /* the page that perf sees */
    uint64_t n_loads; /* under lock */
};

/* ---- jitdump ---- */
#define JIT_MAGIC     0x4a695444u /* "JiTD" in the writer's byte order */
#define JIT_VERSION   1
#define JIT_CODE_LOAD 0

typedef struct JitHeader {
    uint32_t magic, version, total_size, elf_machine, pad, pid;
    uint64_t timestamp, flags;
} JitHeader;
G_STATIC_ASSERT(sizeof(JitHeader) == 40);

typedef struct JitLoad {
    uint32_t id, total_size; /* of the whole record */
    uint64_t timestamp;
    uint32_t pid, tid;
    uint64_t vma, code_addr, code_size, code_index;
    /* the name with its zero, the code */
} JitLoad;
G_STATIC_ASSERT(sizeof(JitLoad) == 56);

/* The clock of `perf record -k mono`. */
static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint16_t elf_machine(void)
{
#if defined(__x86_64__)
    return EM_X86_64;
#elif defined(__aarch64__)
    return EM_AARCH64;
#else
    return EM_NONE;
#endif
}

static void dump_header(PerfOut *p)
{
    JitHeader h = { .magic = JIT_MAGIC,
                    .version = JIT_VERSION,
                    .total_size = sizeof(h),
                    .elf_machine = elf_machine(),
                    .pid = (uint32_t)getpid(),
                    .timestamp = now_ns() };

    fwrite(&h, sizeof(h), 1, p->dump);
    fflush(p->dump);
}

static void dump_load(PerfOut *p, const char *name, uint64_t addr, const void *bytes, size_t size)
{
    size_t name_bytes = strlen(name) + 1;
    JitLoad l = { .id = JIT_CODE_LOAD,
                  .total_size = (uint32_t)(sizeof(l) + name_bytes + size),
                  .timestamp = now_ns(),
                  .pid = (uint32_t)getpid(),
                  .tid = (uint32_t)syscall(SYS_gettid),
                  .vma = addr,
                  .code_addr = addr,
                  .code_size = size,
                  .code_index = p->n_loads++ };

    fwrite(&l, sizeof(l), 1, p->dump);
    fwrite(name, name_bytes, 1, p->dump);
    fwrite(bytes, size, 1, p->dump);
}

/* ---- files ---- */

static FILE *create(const char *path, const char *mode, GError **error)
{
    FILE *f = fopen(path, mode);

    if (!f) {
        g_set_error(error, FERRY_EXEC_ERROR, FERRY_EXEC_ERROR_CONFIG, "cannot write '%s': %s", path,
                    g_strerror(errno));
    }
    return f;
}

static bool open_dump(PerfOut *p, const char *path, GError **error)
{
    p->dump = create(path, "w+", error);
    if (!p->dump) {
        return false;
    }
    dump_header(p);
    p->marker = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC, MAP_PRIVATE,
                     fileno(p->dump), 0);
    if (p->marker == MAP_FAILED) {
        p->marker = NULL;
        g_set_error(error, FERRY_EXEC_ERROR, FERRY_EXEC_ERROR_CONFIG,
                    "cannot map '%s' executable, as perf wants it: %s", path, g_strerror(errno));
        return false;
    }
    return true;
}

PerfOut *perf_out_new(const char *map_path, const char *dump_path, GError **error)
{
    PerfOut *p = g_new0(PerfOut, 1);

    g_mutex_init(&p->lock);
    if ((map_path && !(p->map = create(map_path, "w", error))) ||
        (dump_path && !open_dump(p, dump_path, error))) {
        perf_out_free(p);
        return NULL;
    }
    if (p->map) {
        setvbuf(p->map, NULL, _IOLBF, 0); /* whole lines, however the process ends */
    }
    return p;
}

void perf_out_free(PerfOut *p)
{
    if (!p) {
        return;
    }
    if (p->map) {
        fclose(p->map);
    }
    if (p->marker) {
        munmap(p->marker, (size_t)sysconf(_SC_PAGESIZE));
    }
    if (p->dump) {
        fclose(p->dump);
    }
    g_mutex_clear(&p->lock);
    g_free(p);
}

void perf_out_add(PerfOut *p, const char *name, uint64_t addr, const void *bytes, size_t size)
{
    if (!p) {
        return;
    }
    g_mutex_lock(&p->lock);
    if (p->map) {
        fprintf(p->map, "%" PRIx64 " %zx %s\n", addr, size, name);
    }
    if (p->dump) {
        dump_load(p, name, addr, bytes, size);
    }
    g_mutex_unlock(&p->lock);
}
