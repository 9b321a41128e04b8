/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VNC server (RFC 6143) that shows one console, on LibVNCServer.
 *
 * The protocol runs in a thread of its own, so a client that does not read holds up nobody else; it gets
 * what changed while it was away. Functions: main loop thread, VM lock held.
 */
#pragma once
#include "backend/ui/display.h"
#include "base/io/socket-address.h"

typedef struct VncServer VncServer;

typedef enum {
    VNC_SHARE_ALLOW_EXCLUSIVE, /* a client that asks for it is alone: others are dropped */
    VNC_SHARE_FORCE_SHARED,    /* nobody is ever alone */
    VNC_SHARE_IGNORE,          /* the wish is ignored */
} VncSharing;

typedef struct {
    const char *id;
    SocketAddress *address; /* borrowed */
    const char *device;     /* id of the graphics device; NULL: the first */
    bool password;          /* clients must know it (set later); else everyone gets in */
    VncSharing sharing;
} VncConfig;

VncServer *vnc_server_new(Vm *vm, const VncConfig *config, GError **error);
void vnc_server_free(VncServer *server);

/* For new connections; at most 8 bytes count (RFC 6143, 7.2.2). Error: the server asks for none. */
bool vnc_set_password(VncServer *server, const char *password, GError **error);
/* From then on (seconds since the epoch) no password is right; INT64_MAX: never. */
void vnc_set_expiry(VncServer *server, int64_t when);

const char *vnc_id(const VncServer *server);
bool vnc_has_password(const VncServer *server);
/* Where it listens, ports resolved. Borrowed. */
const SocketAddress *vnc_address(const VncServer *server);
/* Peer addresses of those connected now; the caller unrefs. */
GPtrArray *vnc_clients(VncServer *server);
