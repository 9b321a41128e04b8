/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Migration addresses: unix:, tcp:, fd:, exec:, file:. */
#include <string.h>
#include <unistd.h>
#include "base/util/size.h"
#include "migration-priv.h"

static bool bad_uri(const char *uri, GError **error)
{
    g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                "unknown migration protocol: '%s' is none of unix:PATH, tcp:HOST:PORT, fd:FD, "
                "exec:COMMAND, file:PATH[,offset=N]",
                uri);
    return false;
}

static Channel *open_file(const char *spec, bool for_write, GError **error)
{
    const char *comma = strstr(spec, ",offset=");
    uint64_t offset = 0;
    g_autofree char *path = comma ? g_strndup(spec, (gsize)(comma - spec)) : g_strdup(spec);
    if (comma && !size_parse("offset", comma + 8, &offset, error)) {
        return NULL;
    }
    return channel_open_file(path, for_write, offset, error);
}

static Channel *open_fd(int fd, GError **error)
{
    if (fd < 0) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "fd: there is no such file descriptor");
        return NULL;
    }
    g_autofree char *name = g_strdup_printf("fd:%d", fd);
    return channel_new_fd(fd, name);
}

Channel *migration_open_out(const char *uri, int fd, GError **error)
{
    if (g_str_has_prefix(uri, "fd:")) {
        return open_fd(fd, error);
    }
    if (g_str_has_prefix(uri, "exec:")) {
        return channel_exec(uri + 5, error);
    }
    if (g_str_has_prefix(uri, "file:")) {
        return open_file(uri + 5, true, error);
    }
    if (!g_str_has_prefix(uri, "unix:") && !g_str_has_prefix(uri, "tcp:")) {
        bad_uri(uri, error);
        return NULL;
    }
    g_autoptr(SocketAddress) addr = socket_address_parse(uri, error);
    return addr ? channel_connect(addr, 30000, error) : NULL;
}

bool migration_open_in(const char *uri, int fd, int *listen_fd, Channel **channel, GError **error)
{
    *listen_fd = -1;
    *channel = NULL;
    if (g_str_has_prefix(uri, "fd:")) {
        *channel = open_fd(fd, error);
        return *channel != NULL;
    }
    if (g_str_has_prefix(uri, "exec:")) {
        *channel = channel_exec(uri + 5, error);
        return *channel != NULL;
    }
    if (g_str_has_prefix(uri, "file:")) {
        *channel = open_file(uri + 5, false, error);
        return *channel != NULL;
    }
    if (!g_str_has_prefix(uri, "unix:") && !g_str_has_prefix(uri, "tcp:")) {
        return bad_uri(uri, error);
    }
    g_autoptr(SocketAddress) addr = socket_address_parse(uri, error);
    if (addr) {
        *listen_fd = socket_address_listen(addr, 1, error);
    }
    return *listen_fd >= 0;
}
