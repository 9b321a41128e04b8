/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks: two NetClients with a cable between them, one a guest NIC, the other a netdev (user mode
 * stack, stream socket, tap).
 *
 * A frame is sent by one end and received by the other end's ops. When that cannot take it now, it
 * waits in a queue until the receiver says net_client_flush(); a full queue drops. VM lock held for
 * everything here; callbacks come in the main loop or from within a send.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/core/vm.h"

#define FERRY_NET_ERROR (net_error_quark())
GQuark net_error_quark(void);

typedef enum NetErrorCode {
    NET_ERROR_CONFIG,
    NET_ERROR_NOT_FOUND,
    NET_ERROR_EXISTS,
    NET_ERROR_BUSY,
    NET_ERROR_HOST, /* the host refused */
    NET_ERROR_UNSUPPORTED,
} NetErrorCode;

typedef struct Nets Nets;
typedef struct NetClient NetClient;

#define NET_FRAME_MAX (64 * 1024 + 18)

typedef struct NetClientOps {
    /* NULL: always. */
    bool (*can_receive)(NetClient *client);
    /* Take a frame: true when taken (or thrown away), false for "not now, keep it". */
    bool (*receive)(NetClient *client, const uint8_t *frame, size_t len);
    /* The link of this end changed (set_link, or the peer came or went); NULL: nobody cares. */
    void (*link_changed)(NetClient *client);
    /* NICs: the guest announces itself (guest announce, gratuitous ARP); false: send RARP for it. */
    bool (*announce)(NetClient *client);
    /* netdevs: free what is behind; the client itself is freed by the set. */
    void (*cleanup)(NetClient *client);
} NetClientOps;

/* ---- the set (vm->nets) ---- */
Nets *nets_new(Vm *vm);
void nets_free(Nets *nets);
static inline Nets *vm_nets(Vm *vm)
{
    return vm->nets;
}

/* -netdev (text) and netdev_add (a{sv}, consumed if floating): make a backend. */
bool nets_add_text(Nets *nets, const char *text, GError **error);
bool nets_add(Nets *nets, GVariant *options, GError **error);
/* netdev_del. The NIC that used it sees its link go down. */
bool nets_remove(Nets *nets, const char *id, GError **error);
NetClient *nets_find(Nets *nets, const char *id);
/* "user", "stream", ...: NULL-terminated, for -netdev help. */
extern const char *const net_backend_names[];

/* -nic / -net nic,user: what the composition root makes a device of. */
typedef struct NicRequest {
    bool none;    /* "-nic none" */
    char *netdev; /* id of the backend that was made */
    char *model;  /* NULL: the machine's default */
    char *mac;    /* NULL: automatic */
    char *addr;   /* PCI address or NULL */
    char *id;
} NicRequest;
bool nets_add_nic_text(Nets *nets, const char *text, NicRequest *request, GError **error);
void nic_request_clear(NicRequest *request);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(NicRequest, nic_request_clear)

/* ---- guest NICs ---- */
/*
 * A NIC's end, plugged into the netdev @netdev (NULL: no cable). Fails when the netdev is unknown
 * or has a NIC already. @mac is filled with the next automatic address when it is all zero.
 */
NetClient *nets_attach_nic(Nets *nets, const char *model, const char *name, const char *netdev,
                           uint8_t mac[6], const NetClientOps *ops, void *opaque, GError **error);
void net_client_detach(NetClient *nic);

/* ---- both ends ---- */
void *net_client_opaque(const NetClient *client);
const char *net_client_name(const NetClient *client);
/* "user", "virtio-net-pci"... */
const char *net_client_model(const NetClient *client);
/* What "info network" shows after the name. */
const char *net_client_info(const NetClient *client);
void net_client_set_info(NetClient *client, const char *format, ...) G_GNUC_PRINTF(2, 3);
NetClient *net_client_peer(const NetClient *client);
/* Cable in and both ends up. */
bool net_client_link_up(const NetClient *client);
/* set_link: by NIC or netdev name. */
bool nets_set_link(Nets *nets, const char *name, bool up, GError **error);

/* Called once when a queued frame was delivered or thrown away. */
typedef void (*NetSent)(NetClient *sender);
/*
 * Send a frame to the peer. True: delivered or dropped; false: queued, and @sent will be called
 * (with @sent NULL it may be dropped instead when the queue is full). A sender with a frame queued
 * should wait.
 */
bool net_send(NetClient *sender, const uint8_t *frame, size_t len, NetSent sent);
/* Whether the peer would take a frame now. */
bool net_can_send(const NetClient *sender);
/* This end can receive again: deliver what waits for it. */
void net_client_flush(NetClient *receiver);
/* Throw away what @sender has waiting at its peer (reset, unplug); sent is not called. */
void net_client_purge(NetClient *sender);

void nets_foreach(Nets *nets, void (*fn)(NetClient *client, bool is_nic, void *opaque),
                  void *opaque);

/* ---- announce (after a migration) ---- */
typedef struct NetAnnounce {
    uint32_t initial_ms, max_ms, rounds, step_ms; /* 50, 550, 5, 100 */
} NetAnnounce;
#define NET_ANNOUNCE_DEFAULT ((NetAnnounce){ 50, 550, 5, 100 })
/* Announce every NIC now and again after growing delays. */
void nets_announce(Nets *nets, const NetAnnounce *params);
#define NET_RARP_BYTES 60
/* The reverse ARP request that teaches switches where @mac is. */
void net_rarp_frame(const uint8_t mac[6], uint8_t frame[NET_RARP_BYTES]);

/* Objects of this room: "filter-dump" (netdev, file, maxlen: frames to a pcap file). */
extern const TypeInfo net_types[];
extern const size_t net_types_count;
