/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of descriptors that were passed in by number; see the header. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io/fdset.h"
#include "base/io/socket-address.h"

typedef struct {
    int64_t set;
    int fd;
    char *opaque;
} Member;

struct FdSets {
    GMutex lock;
    GArray *members; /* Member, sorted by set, then by age */
};

FdSets *fd_sets_new(void)
{
    FdSets *sets = g_new0(FdSets, 1);
    g_mutex_init(&sets->lock);
    sets->members = g_array_new(FALSE, FALSE, sizeof(Member));
    return sets;
}

static void drop(FdSets *sets, guint i)
{
    Member *m = &g_array_index(sets->members, Member, i);
    close(m->fd);
    g_free(m->opaque);
    g_array_remove_index(sets->members, i);
}

void fd_sets_free(FdSets *sets)
{
    if (sets) {
        while (sets->members->len) {
            drop(sets, 0);
        }
        g_array_unref(sets->members);
        g_mutex_clear(&sets->lock);
        g_free(sets);
    }
}

int64_t fd_sets_add(FdSets *sets, int64_t id, int fd, const char *opaque, GError **error)
{
    if (fcntl(fd, F_GETFD) < 0) {
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_SYSTEM, "fd %d is not open", fd);
        return -1;
    }
    g_mutex_lock(&sets->lock);
    guint at = 0;
    if (id < 0) { /* the lowest number that is free */
        id = 0;
        for (; at < sets->members->len; at++) {
            int64_t have = g_array_index(sets->members, Member, at).set;
            if (have > id) {
                break;
            }
            id = have + 1;
        }
    } else {
        while (at < sets->members->len && g_array_index(sets->members, Member, at).set <= id) {
            at++;
        }
    }
    Member m = { id, fd, g_strdup(opaque) };
    g_array_insert_val(sets->members, at, m);
    g_mutex_unlock(&sets->lock);
    return id;
}

bool fd_sets_remove(FdSets *sets, int64_t id, int fd, GError **error)
{
    bool found = false;
    g_mutex_lock(&sets->lock);
    for (guint i = 0; i < sets->members->len;) {
        Member *m = &g_array_index(sets->members, Member, i);
        if (m->set == id && (fd < 0 || m->fd == fd)) {
            drop(sets, i);
            found = true;
        } else {
            i++;
        }
    }
    g_mutex_unlock(&sets->lock);
    if (!found) {
        g_autofree char *what =
            fd >= 0 ? g_strdup_printf("fdset-id:%" G_GINT64_FORMAT ", fd:%d", id, fd)
                    : g_strdup_printf("fdset-id:%" G_GINT64_FORMAT, id);
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_ADDRESS,
                    "File descriptor named '%s' not found", what);
    }
    return found;
}

void fd_sets_foreach(FdSets *sets, FdSetsFunc func, void *data)
{
    g_mutex_lock(&sets->lock);
    for (guint i = 0; i < sets->members->len; i++) {
        Member *m = &g_array_index(sets->members, Member, i);
        func(m->set, m->fd, m->opaque, data);
    }
    g_mutex_unlock(&sets->lock);
}

bool fd_sets_path(const char *path, int64_t *id)
{
    static const char prefix[] = "/dev/fdset/";
    guint64 number;
    if (!g_str_has_prefix(path, prefix) ||
        !g_ascii_string_to_unsigned(path + strlen(prefix), 10, 0, G_MAXINT64, &number, NULL)) {
        return false;
    }
    *id = (int64_t)number;
    return true;
}

static int sets_find(FdSets *sets, int64_t id, int flags, bool *set_known)
{
    int found = -1;
    g_mutex_lock(&sets->lock);
    for (guint i = 0; i < sets->members->len && found < 0; i++) {
        Member *m = &g_array_index(sets->members, Member, i);
        if (m->set != id) {
            continue;
        }
        *set_known = true;
        int have = fcntl(m->fd, F_GETFL);
        if (have >= 0 && (have & O_ACCMODE) == (flags & O_ACCMODE)) {
            found = fcntl(m->fd, F_DUPFD_CLOEXEC, 3);
        }
    }
    g_mutex_unlock(&sets->lock);
    return found;
}

int fd_sets_open(FdSets *sets, const char *path, int flags, int mode, GError **error)
{
    int64_t id;
    if (!fd_sets_path(path, &id)) {
        int fd = open(path, flags | O_CLOEXEC, mode);
        if (fd < 0) {
            g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_SYSTEM, "cannot open '%s': %s", path,
                        g_strerror(errno));
        }
        return fd;
    }
    bool known = false;
    int fd = sets ? sets_find(sets, id, flags, &known) : -1;
    if (fd < 0) {
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_ADDRESS,
                    known ? "'%s' has no descriptor with the access mode that is needed"
                          : "'%s' names no fd set",
                    path);
        return -1;
    }
    if (flags & O_APPEND) {
        int have = fcntl(fd, F_GETFL);
        (void)fcntl(fd, F_SETFL, have | O_APPEND);
    }
    return fd;
}
