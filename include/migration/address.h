/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a migration goes to or comes from. A URI says most of it; the `channels` form of QMP fills
 * the struct itself, so that nothing that it can say is lost on the way (address families, port
 * ranges, abstract sockets).
 */
#pragma once
#include "base/io/socket-address.h"

typedef enum {
    MIGRATION_ADDRESS_SOCKET,
    MIGRATION_ADDRESS_FD, /* a descriptor that was passed in */
    MIGRATION_ADDRESS_EXEC,
    MIGRATION_ADDRESS_FILE,
} MigrationAddressKind;

typedef struct {
    MigrationAddressKind kind;
    SocketAddress *socket; /* SOCKET; owned */
    int fd;                /* FD; owned until a channel takes it; -1: none */
    char *command;         /* EXEC: of /bin/sh; owned */
    char *path;            /* FILE; owned */
    uint64_t offset;       /* FILE: bytes before the stream */
} MigrationAddress;

MigrationAddress *migration_address_new(MigrationAddressKind kind);
/* "unix:PATH", "tcp:HOST:PORT", "fd:..." (then @fd is the descriptor, whose ownership passes on
   success), "exec:COMMAND", "file:PATH[,offset=N]". */
MigrationAddress *migration_address_parse(const char *uri, int fd, GError **error);
void migration_address_free(MigrationAddress *addr);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigrationAddress, migration_address_free)
