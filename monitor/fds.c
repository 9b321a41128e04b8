/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that clients pass in: with a command (SCM_RIGHTS), and kept under a name (getfd). */
#include <unistd.h>

#include "monitor-priv.h"

int qmp_call_take_fd(QmpCall *call, GError **error)
{
    if (!call->fds || !call->fds->len) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "No file descriptor supplied via SCM_RIGHTS");
        return -1;
    }
    int fd = g_array_index(call->fds, int, call->fds->len - 1);
    g_array_set_size(call->fds, call->fds->len - 1);
    return fd;
}

bool monitor_fd_add(Monitor *m, const char *name, int fd, GError **error)
{
    gpointer old;
    if (g_ascii_isdigit(name[0])) {
        close(fd);
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Parameter 'fdname' expects a name not starting with a digit");
        return false;
    }
    g_mutex_lock(&m->lock);
    if (g_hash_table_lookup_extended(m->fds, name, NULL, &old)) {
        close(GPOINTER_TO_INT(old));
    }
    g_hash_table_replace(m->fds, g_strdup(name), GINT_TO_POINTER(fd));
    g_mutex_unlock(&m->lock);
    return true;
}

int monitor_fd_take(Monitor *m, const char *name, GError **error)
{
    gpointer fd = GINT_TO_POINTER(-1);
    bool found = false;
    if (m) {
        g_mutex_lock(&m->lock);
        found = g_hash_table_lookup_extended(m->fds, name, NULL, &fd);
        g_hash_table_remove(m->fds, name);
        g_mutex_unlock(&m->lock);
    }
    if (!found) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "File descriptor named '%s' has not been found", name);
        return -1;
    }
    return GPOINTER_TO_INT(fd);
}

bool monitor_fd_close(Monitor *m, const char *name, GError **error)
{
    g_autoptr(GError) local = NULL;
    int fd = monitor_fd_take(m, name, &local);
    if (fd < 0) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "File descriptor named '%s' not found",
                    name);
        return false;
    }
    close(fd);
    return true;
}

int monitor_fd_param(Monitor *m, const char *text, GError **error)
{
    guint64 number;
    if (!g_ascii_isdigit(text[0])) {
        return monitor_fd_take(m, text, error);
    }
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT, &number, NULL)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "Invalid file descriptor number '%s'",
                    text);
        return -1;
    }
    return (int)number;
}
