/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file driver's state and its locks. */
#pragma once

#include "block-priv.h"

typedef enum {
    LOCKING_AUTO,
    LOCKING_ON,
    LOCKING_OFF
} Locking;

typedef struct FileState {
    int fd;
    bool device; /* a host block device */
    Locking locking;
    bool locks_work;
    unsigned locked_perm, locked_unshared;
    GRWLock write_lock; /* O_DIRECT: a read-modify-write excludes every other write */
    int sync_error;     /* -errno of a failed sync of cached data; sticky: what was lost is lost */
    bool no_zero_range, no_punch;
} FileState;

/* Hold locks for exactly @perm and @shared; on failure those held before are still held. */
bool file_lock_set(FileState *s, const char *path, unsigned perm, unsigned shared, GError **error);
