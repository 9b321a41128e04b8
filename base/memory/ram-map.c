/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host memory for RAM blocks: anonymous, memfd, or a file's pages; aligned so that huge pages fit.
 *
 * Alignment comes from reserving more address space than needed and mapping inside it; what sticks
 * out is given back. Pages that are discarded read zero again.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/memory/memory-priv.h"

#define HUGE_ALIGN         (2ULL << 20)
#define HUGETLBFS_MAGIC_NR 0x958458f6
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static bool fail(GError **error, FerryMemoryError code, const RamBlockSpec *spec, const char *what)
{
    int err = errno;

    g_set_error(error, FERRY_MEMORY_ERROR, code, "RAM block '%s': cannot %s: %s",
                spec->idstr ? spec->idstr : "", what, g_strerror(err));
    return false;
}

static uint64_t fd_page_size(int fd)
{
    struct statfs fs;

    if (fd >= 0 && fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == HUGETLBFS_MAGIC_NR) {
        return (uint64_t)fs.f_bsize;
    }
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Maps @len bytes at a multiple of @align. */
static uint8_t *map_aligned(uint64_t len, uint64_t align, int fd, uint64_t offset, int prot,
                            int flags)
{
    uint8_t *space =
        mmap(NULL, len + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (space == MAP_FAILED) {
        return NULL;
    }
    uint8_t *start = (uint8_t *)(((uintptr_t)space + align - 1) & ~(uintptr_t)(align - 1));
    uint8_t *host = mmap(start, len, prot, flags | MAP_FIXED, fd, (off_t)offset);

    if (host == MAP_FAILED) {
        int err = errno;

        munmap(space, len + align);
        errno = err;
        return NULL;
    }
    if (start > space) {
        munmap(space, (size_t)(start - space));
    }
    if (start < space + align) {
        munmap(start + len, (size_t)(space + align - start));
    }
    return host;
}

static bool preallocate(uint8_t *host, uint64_t len, int fd, uint64_t offset)
{
    if (madvise(host, len, MADV_POPULATE_WRITE) == 0) {
        return true;
    }
    if (errno != EINVAL) {
        return false;
    }
    /* An old kernel. A file must get its blocks first: touching past them would be SIGBUS. */
    if (fd >= 0 && fallocate(fd, 0, (off_t)offset, (off_t)len) < 0) {
        return false;
    }
    for (uint64_t i = 0; i < len; i += 4096) {
        volatile uint8_t *p = host + i;
        *p = *p;
    }
    return true;
}

bool ram_map(const RamBlockSpec *spec, RamBlock *block, GError **error)
{
    bool shared = spec->flags & RAM_SHARED;
    int fd = spec->fd, made_fd = -1;
    int prot = PROT_READ | PROT_WRITE;

    if (fd < 0 && shared) {
        fd = made_fd = memfd_create(spec->idstr ? spec->idstr : "ram", MFD_CLOEXEC);
        if (fd < 0) {
            return fail(error, FERRY_MEMORY_ERROR_ALLOC, spec, "create a memfd");
        }
        if (ftruncate(fd, (off_t)block->max_length) < 0) {
            fail(error, FERRY_MEMORY_ERROR_ALLOC, spec, "size the memfd");
            close(fd);
            return false;
        }
    }
    block->page_size = fd_page_size(fd);
    uint64_t align = MAX(spec->align, block->page_size);

    if (block->max_length >= HUGE_ALIGN) {
        align = MAX(align, HUGE_ALIGN);
    }
    /* The mapping is whole host pages; the block may end inside the last one. */
    uint64_t map_len = ROUND_UP_TO(block->max_length, block->page_size);

    if (shared && (spec->flags & RAM_READONLY_FD)) {
        prot = PROT_READ;
    }
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : shared ? MAP_SHARED : MAP_PRIVATE;

    if (!(spec->flags & RAM_RESERVE)) {
        flags |= MAP_NORESERVE;
    }
    block->host = map_aligned(map_len, align, fd, spec->fd_offset, prot, flags);
    if (!block->host) {
        fail(error, FERRY_MEMORY_ERROR_ALLOC, spec, "map the memory");
    } else if ((spec->flags & RAM_PREALLOC) &&
               !preallocate(block->host, map_len, shared ? fd : -1, spec->fd_offset)) {
        fail(error, FERRY_MEMORY_ERROR_ALLOC, spec, "preallocate");
        munmap(block->host, map_len);
        block->host = NULL;
    }
    if (!block->host) {
        if (made_fd >= 0) {
            close(made_fd);
        }
        return false;
    }
    madvise(block->host, map_len, MADV_HUGEPAGE);
    block->fd = fd;
    block->fd_offset = spec->fd_offset;
    return true;
}

void ram_unmap(RamBlock *block)
{
    if (!block->foreign && block->host) {
        munmap(block->host, ROUND_UP_TO(block->max_length, block->page_size));
    }
    if (block->fd >= 0) {
        close(block->fd);
    }
}

/* Whole host pages go back to the host; the rest is cleared by hand. */
void ram_zero_range(RamBlock *block, uint64_t offset, uint64_t len)
{
    uint64_t page = block->page_size, end = offset + len;
    uint64_t first = ROUND_UP_TO(offset, page), last = end / page * page;
    bool shared = ram_block_flags(block) & RAM_SHARED;

    if (block->foreign || first >= last) {
        memset(block->host + offset, 0, len);
        return;
    }
    memset(block->host + offset, 0, first - offset);
    memset(block->host + last, 0, end - last);
    if (shared) {
        if (fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                      (off_t)(block->fd_offset + first), (off_t)(last - first)) < 0) {
            memset(block->host + first, 0, last - first);
        }
    } else if (block->fd >= 0 || madvise(block->host + first, last - first, MADV_DONTNEED) < 0) {
        /* A private file mapping would show the file's bytes again. */
        memset(block->host + first, 0, last - first);
    }
}
