/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a socket is: a unix path, a TCP host and port, or an inherited descriptor; and how to
 * listen there or connect to it. Used by chardevs, by the migration channels and by displays.
 */
#ifndef FERRY_BASE_IO_SOCKET_ADDRESS_H
#define FERRY_BASE_IO_SOCKET_ADDRESS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define FERRY_IO_ERROR (ferry_io_error_quark())
GQuark ferry_io_error_quark(void);

typedef enum FerryIoErrorCode {
    FERRY_IO_ERROR_ADDRESS,   /* malformed */
    FERRY_IO_ERROR_SYSTEM,    /* the host said no; the message has its words */
    FERRY_IO_ERROR_EOF,       /* the peer closed where bytes were due */
    FERRY_IO_ERROR_TIMEOUT,   /* the deadline passed */
    FERRY_IO_ERROR_CANCELLED, /* shut down by our side */
    FERRY_IO_ERROR_UNSUPPORTED,
    FERRY_IO_ERROR_INJECTED, /* by a fault channel */
} FerryIoErrorCode;

typedef enum SocketAddressKind {
    SOCKET_ADDRESS_UNIX,
    SOCKET_ADDRESS_INET,
    SOCKET_ADDRESS_FD,
} SocketAddressKind;

typedef struct SocketAddress {
    SocketAddressKind kind;
    char *path;      /* unix */
    bool abstract;   /* unix: in the abstract name space */
    bool tight;      /* unix, abstract: the name is not padded with zeros */
    char *host;      /* inet; "" = any */
    char *port;      /* inet: number or service name */
    bool ipv4, ipv6; /* inet: both or neither set = either family */
    uint16_t to;     /* inet listen: try ports up to this one; 0 = only port */
    bool keep_alive; /* inet: the host looks after peers that fell silent */
    int fd;          /* fd: borrowed until used, then owned by the user of the address */
} SocketAddress;

SocketAddress *socket_address_new(SocketAddressKind kind);
SocketAddress *socket_address_new_unix(const char *path);
SocketAddress *socket_address_new_inet(const char *host, const char *port);
SocketAddress *socket_address_copy(const SocketAddress *addr);
void socket_address_free(SocketAddress *addr);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SocketAddress, socket_address_free)

/* "unix:PATH", "tcp:HOST:PORT", "HOST:PORT", "[::1]:PORT", "fd:N". */
SocketAddress *socket_address_parse(const char *text, GError **error);
/* "unix:/x", "tcp:127.0.0.1:80", "fd:7". */
char *socket_address_format(const SocketAddress *addr);
/* The address that a bound socket really has (port 0 resolved). NULL when the family is unknown. */
SocketAddress *socket_address_of_local(int fd);
SocketAddress *socket_address_of_peer(int fd);

/* A listening, non-blocking, close-on-exec socket; a stale unix path is replaced. */
int socket_address_listen(const SocketAddress *addr, int backlog, GError **error);
/* A connected, non-blocking, close-on-exec socket; waits at most timeout_ms (-1 = for ever). */
int socket_address_connect(const SocketAddress *addr, int timeout_ms, GError **error);
/* As above; fails with FERRY_IO_ERROR_CANCELLED as soon as @cancel_fd (-1: none) is readable. Only
   the resolving of a host name is not cut short. */
int socket_address_connect_or_cancel(const SocketAddress *addr, int timeout_ms, int cancel_fd,
                                     GError **error);
/* What @addr asks of each connection made there or accepted from there. */
void socket_address_tune(const SocketAddress *addr, int fd);

/*
 * Connect in a helper thread; done() then runs in context with the descriptor (owned by it), or -1
 * and an error that it borrows. socket_connect_cancel() releases the handle, before or after that;
 * done() is not called after it. Start, done and cancel are all in the context's thread.
 */
typedef struct SocketConnect SocketConnect;
typedef void (*SocketConnectDone)(int fd, const GError *error, void *opaque);
SocketConnect *socket_address_connect_start(const SocketAddress *addr, GMainContext *context,
                                            SocketConnectDone done, void *opaque);
void socket_connect_cancel(SocketConnect *connect);

#endif
