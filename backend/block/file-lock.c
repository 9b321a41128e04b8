/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Image locks: open-file-description locks on single bytes, so that two processes agree on who
 * may write. Byte 100+n locked (shared mode) says "I use permission n", byte 200+n says "I do not
 * let others use permission n". Whoever wants n looks whether anybody has 200+n, and so on. The
 * bytes are those that QEMU uses, so the two exclude each other.
 */
#include "file-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    LOCK_USES = 100,
    LOCK_DENIES = 200
};

static const char *const perm_names[PERM_COUNT] = { "consistent read", "write", "write unchanged",
                                                    "resize" };

static int lock_byte(int fd, off_t at, short type)
{
    struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

    return fcntl(fd, F_OFD_SETLK, &fl) ? -errno : 0;
}

/* Whether somebody else has the byte. */
static bool byte_is_taken(int fd, off_t at)
{
    struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

    return fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
}

static int change_bytes(int fd, off_t base, unsigned mask, short type)
{
    for (unsigned i = 0; i < PERM_COUNT; i++) {
        if (mask & (1u << i)) {
            int ret = lock_byte(fd, base + i, type);

            if (ret) {
                return ret;
            }
        }
    }
    return 0;
}

static bool refuse(const char *path, const char *what, unsigned perm, GError **error)
{
    g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_BUSY,
                "failed to get %s\"%s\" lock: is another process using the image [%s]?", what,
                perm_names[perm], path);
    return false;
}

static bool look_for_conflicts(FileState *s, const char *path, unsigned perm, unsigned unshared,
                               GError **error)
{
    for (unsigned i = 0; i < PERM_COUNT; i++) {
        if ((perm & (1u << i)) && byte_is_taken(s->fd, LOCK_DENIES + i)) {
            return refuse(path, "", i, error);
        }
        if ((unshared & (1u << i)) && byte_is_taken(s->fd, LOCK_USES + i)) {
            return refuse(path, "shared ", i, error);
        }
    }
    return true;
}

bool file_lock_set(FileState *s, const char *path, unsigned perm, unsigned shared, GError **error)
{
    unsigned unshared = ~shared & PERM_ALL;
    unsigned new_perm = perm & ~s->locked_perm, new_unshared = unshared & ~s->locked_unshared;
    int ret;

    if (s->locking == LOCKING_OFF || !s->locks_work) {
        return true;
    }
    ret = change_bytes(s->fd, LOCK_USES, new_perm, F_RDLCK);
    if (!ret) {
        ret = change_bytes(s->fd, LOCK_DENIES, new_unshared, F_RDLCK);
    }
    if (ret == -EAGAIN || ret == -EACCES ||
        (!ret && !look_for_conflicts(s, path, new_perm, new_unshared, error))) {
        if (ret) {
            g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_BUSY,
                        "failed to lock the image [%s]: another process has it", path);
        }
        change_bytes(s->fd, LOCK_USES, new_perm, F_UNLCK);
        change_bytes(s->fd, LOCK_DENIES, new_unshared, F_UNLCK);
        return false;
    }
    if (ret) {
        if (s->locking == LOCKING_AUTO) {
            s->locks_work = false;
            return true;
        }
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_OPEN, "cannot lock image [%s]: %s", path,
                    g_strerror(-ret));
        return false;
    }
    change_bytes(s->fd, LOCK_USES, s->locked_perm & ~perm, F_UNLCK);
    change_bytes(s->fd, LOCK_DENIES, s->locked_unshared & ~unshared, F_UNLCK);
    s->locked_perm = perm;
    s->locked_unshared = unshared;
    return true;
}
