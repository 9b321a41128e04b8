/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Migration addresses, and the channels that they lead to. */
#include "migration/address.h"
#include <string.h>
#include <unistd.h>
#include "base/util/size.h"
#include "migration-priv.h"

#define CONNECT_TIMEOUT_MS 30000

MigrationAddress *migration_address_new(MigrationAddressKind kind)
{
    MigrationAddress *addr = g_new0(MigrationAddress, 1);
    addr->kind = kind;
    addr->fd = -1;
    return addr;
}

void migration_address_free(MigrationAddress *addr)
{
    if (!addr) {
        return;
    }
    g_clear_pointer(&addr->socket, socket_address_free);
    if (addr->fd >= 0) {
        close(addr->fd);
    }
    g_free(addr->command);
    g_free(addr->path);
    g_free(addr);
}

static MigrationAddress *parse_file(const char *spec, GError **error)
{
    g_autoptr(MigrationAddress) addr = migration_address_new(MIGRATION_ADDRESS_FILE);
    const char *comma = strstr(spec, ",offset=");
    addr->path = comma ? g_strndup(spec, (gsize)(comma - spec)) : g_strdup(spec);
    if (comma && !size_parse("offset", comma + 8, &addr->offset, error)) {
        return NULL;
    }
    return g_steal_pointer(&addr);
}

static MigrationAddress *parse_fd(int fd, GError **error)
{
    if (fd < 0) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "fd: there is no such file descriptor");
        return NULL;
    }
    MigrationAddress *addr = migration_address_new(MIGRATION_ADDRESS_FD);
    addr->fd = fd;
    return addr;
}

MigrationAddress *migration_address_parse(const char *uri, int fd, GError **error)
{
    if (g_str_has_prefix(uri, "fd:")) {
        return parse_fd(fd, error);
    }
    if (g_str_has_prefix(uri, "file:")) {
        return parse_file(uri + 5, error);
    }
    if (g_str_has_prefix(uri, "exec:")) {
        MigrationAddress *addr = migration_address_new(MIGRATION_ADDRESS_EXEC);
        addr->command = g_strdup(uri + 5);
        return addr;
    }
    if (!g_str_has_prefix(uri, "unix:") && !g_str_has_prefix(uri, "tcp:")) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "unknown migration protocol: '%s' is none of unix:PATH, tcp:HOST:PORT, fd:FD, "
                    "exec:COMMAND, file:PATH[,offset=N]",
                    uri);
        return NULL;
    }
    SocketAddress *socket = socket_address_parse(uri, error);
    if (!socket) {
        return NULL;
    }
    MigrationAddress *addr = migration_address_new(MIGRATION_ADDRESS_SOCKET);
    addr->socket = socket;
    return addr;
}

static Channel *open_fd(MigrationAddress *addr)
{
    g_autofree char *name = g_strdup_printf("fd:%d", addr->fd);
    Channel *channel = channel_new_fd(addr->fd, name);
    addr->fd = -1;
    return channel;
}

Channel *migration_open_out(MigrationAddress *addr, int cancel_fd, GError **error)
{
    switch (addr->kind) {
    case MIGRATION_ADDRESS_FD: return open_fd(addr);
    case MIGRATION_ADDRESS_EXEC: return channel_exec(addr->command, error);
    case MIGRATION_ADDRESS_FILE: return channel_open_file(addr->path, true, addr->offset, error);
    default: return channel_connect(addr->socket, CONNECT_TIMEOUT_MS, cancel_fd, error);
    }
}

bool migration_open_in(MigrationAddress *addr, int *listen_fd, Channel **channel, GError **error)
{
    *listen_fd = -1;
    *channel = NULL;
    switch (addr->kind) {
    case MIGRATION_ADDRESS_FD: *channel = open_fd(addr); break;
    case MIGRATION_ADDRESS_EXEC: *channel = channel_exec(addr->command, error); break;
    case MIGRATION_ADDRESS_FILE:
        *channel = channel_open_file(addr->path, false, addr->offset, error);
        break;
    default: *listen_fd = socket_address_listen(addr->socket, 1, error); break;
    }
    return *channel || *listen_fd >= 0;
}
