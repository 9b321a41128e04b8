/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for the engine's large tables, looked at in no order: zeroed, in huge pages where the host
 * has them, and resident only where it was touched.
 */
#include <errno.h>
#include <sys/mman.h>
#include "exec/exec-priv.h"

#define HUGE_PAGE ((size_t)2 << 20)

static size_t rounded(size_t bytes)
{
    return (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

void *pages_reserve(size_t bytes)
{
    size_t size = rounded(bytes);
    uint8_t *room = mmap(NULL, size + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (room == MAP_FAILED) {
        return NULL;
    }
    uint8_t *at = (uint8_t *)(((uintptr_t)room + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
    if (at > room) {
        munmap(room, at - room);
    }
    munmap(at + size, room + HUGE_PAGE - at);
    return at;
}

void *pages_new(size_t bytes)
{
    size_t size = rounded(bytes);
    void *at = pages_reserve(size);

    if (!at || mprotect(at, size, PROT_READ | PROT_WRITE) != 0) {
        g_error("no %zu bytes for the engine's tables: %s", size, g_strerror(errno));
    }
    madvise(at, size, MADV_HUGEPAGE);
    return at;
}

void pages_free(void *at, size_t bytes)
{
    if (at) {
        munmap(at, rounded(bytes));
    }
}
