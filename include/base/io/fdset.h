/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbered sets of passed-in file descriptors (-add-fd, add-fd): a path "/dev/fdset/N" opens as a
 * duplicate of the member of set N whose access mode fits. Thread-safe.
 */
#ifndef FERRY_BASE_IO_FDSET_H
#define FERRY_BASE_IO_FDSET_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct FdSets FdSets;

FdSets *fd_sets_new(void);
void fd_sets_free(FdSets *sets);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FdSets, fd_sets_free)

/* Add fd (owned by the sets on success) to set id, or to a new one when id < 0. Returns the set. */
int64_t fd_sets_add(FdSets *sets, int64_t id, int fd, const char *opaque, GError **error);
/* Remove one fd (fd >= 0) or all of a set. */
bool fd_sets_remove(FdSets *sets, int64_t id, int fd, GError **error);

typedef void (*FdSetsFunc)(int64_t id, int fd, const char *opaque, void *data);
void fd_sets_foreach(FdSets *sets, FdSetsFunc func, void *data);

/* Whether path is spelled "/dev/fdset/N"; *id is the number. */
bool fd_sets_path(const char *path, int64_t *id);

/*
 * open(2) for a path that may be spelled /dev/fdset/N. The result is close-on-exec and the
 * caller's. -1 with an error otherwise. sets may be NULL when no sets exist.
 */
int fd_sets_open(FdSets *sets, const char *path, int flags, int mode, GError **error);

#endif
