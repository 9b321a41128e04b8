/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the net room: the client, and how a netdev type is described.
 *
 * Invariants:
 *  1. peer is symmetric: a->peer == b <=> b->peer == a.
 *  2. frames waits for this client and was sent by its peer; while it is not empty, newer
 *     frames are queued behind (no overtaking).
 *  3. receive() of a client is not entered while it runs; what comes meanwhile is queued.
 */
#pragma once

#include "backend/net/net.h"
#include "base/util/options.h"

typedef struct NetTap NetTap; /* somebody who looks at every frame (filter-dump) */
struct NetTap {
    void (*frame)(NetTap *tap, const uint8_t *frame, size_t len);
};

struct NetClient {
    Nets *nets;
    const NetClientOps *ops;
    void *opaque;
    char *name, *model, *info;
    NetClient *peer;
    GQueue frames;
    bool is_nic, link_down, receiving;
    uint8_t mac[6];
    GPtrArray *taps; /* NetTap *, borrowed */
};

struct Nets {
    Vm *vm;
    GPtrArray *clients; /* owned */
    Timer *announce_timer;
    NetAnnounce announce;
    uint32_t announce_round;
    unsigned next_mac, next_id;
};

typedef struct NetBackend {
    const char *name;
    /* Take the options out of @r and start; the reader is finished by the caller only on true. */
    bool (*open)(NetClient *client, OptionsReader *r, GError **error);
} NetBackend;

extern const NetBackend net_backend_user;
extern const NetBackend net_backend_stream;
extern const NetBackend net_backend_tap;

void net_client_add_tap(NetClient *client, NetTap *tap);
void net_client_remove_tap(NetClient *client, NetTap *tap);
