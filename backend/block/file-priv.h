/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file driver's state and its locks. */
#pragma once

#include "block-priv.h"

typedef enum {
    LOCKING_AUTO,
    LOCKING_ON,
    LOCKING_OFF
} Locking;

/* ---- file-aio.c ---- */
typedef enum {
    FILE_AIO_THREADS,
    FILE_AIO_NATIVE,
    FILE_AIO_URING,
} FileAioKind;
#define FILE_AIO_AGAIN 1 /* not done, or not all of it: a thread shall do it */
/* How @req ended: 0, -errno or FILE_AIO_AGAIN. Called in a thread without locks. */
typedef void FileAioDone(BlockRequest *req, int ret);
typedef struct FileAio FileAio;
FileAio *file_aio_new(FileAioKind kind, FileAioDone *done, GError **error);
/* Nothing may be under way. NULL is nothing. */
void file_aio_free(FileAio *aio);
/* False: it has not been taken. Under the VM lock. */
bool file_aio_submit(FileAio *aio, BlockRequest *req, int fd);

/* Writes of whole sectors go on side by side; one that reads a sector, changes it and writes it, is alone. */
typedef struct {
    GMutex lock;
    GCond changed;
    unsigned writers, waiting_alone;
    bool alone;
} WriteGate;

typedef struct FileState {
    int fd;
    bool device; /* a host block device */
    Locking locking;
    bool locks_work;
    unsigned locked_perm, locked_unshared;
    WriteGate gate; /* with O_DIRECT */
    FileAio *aio;   /* owned; NULL: threads */
    int sync_error; /* -errno of a failed sync of cached data; sticky: what was lost is lost */
    bool no_zero_range, no_punch;
} FileState;

/* Hold locks for exactly @perm and @shared; on failure those held before are still held. */
bool file_lock_set(FileState *s, const char *path, unsigned perm, unsigned shared, GError **error);
