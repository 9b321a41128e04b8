/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients, cables and the queue of frames that a receiver could not take.
 */
#include "net-priv.h"
#include "filter-dump-priv.h"

#include <string.h>

#define QUEUE_MAX 1024 /* frames that wait for one receiver */

G_DEFINE_QUARK(ferry - net - error - quark, net_error)

typedef struct {
    NetSent sent;
    size_t len;
    uint8_t data[];
} Frame;

static const NetBackend *const backends[] = {
    &net_backend_user,
    &net_backend_stream,
    &net_backend_tap,
};
const char *const net_backend_names[] = { "user", "stream", "tap", NULL };

/* ---- life ---- */

static NetClient *client_new(Nets *nets, const char *model, const char *name)
{
    NetClient *client = g_new0(NetClient, 1);

    client->nets = nets;
    client->model = g_strdup(model);
    client->name = g_strdup(name);
    client->info = g_strdup("");
    g_queue_init(&client->frames);
    client->taps = g_ptr_array_new();
    return client;
}

static void drop_frames(NetClient *client)
{
    g_queue_clear_full(&client->frames, g_free);
}

static void unplug(NetClient *client)
{
    NetClient *peer = client->peer;

    if (!peer) {
        return;
    }
    drop_frames(client);
    drop_frames(peer);
    client->peer = NULL;
    peer->peer = NULL;
    if (peer->ops && peer->ops->link_changed) {
        peer->ops->link_changed(peer);
    }
}

static void client_free(gpointer p)
{
    NetClient *client = p;

    unplug(client);
    if (!client->is_nic && client->ops && client->ops->cleanup) {
        client->ops->cleanup(client);
    }
    drop_frames(client);
    g_ptr_array_unref(client->taps);
    g_free(client->name);
    g_free(client->model);
    g_free(client->info);
    g_free(client);
}

static void announce_port(void *opaque)
{
    nets_announce(opaque, &NET_ANNOUNCE_DEFAULT);
}

Nets *nets_new(Vm *vm)
{
    Nets *nets = g_new0(Nets, 1);

    nets->vm = vm;
    nets->clients = g_ptr_array_new_with_free_func(client_free);
    if (!vm->ports.announce_self) {
        vm->ports.announce_self = announce_port;
        vm->ports.announce_opaque = nets;
    }
    return nets;
}

void nets_free(Nets *nets)
{
    if (nets->vm->ports.announce_opaque == nets) {
        nets->vm->ports.announce_self = NULL;
    }
    g_clear_pointer(&nets->announce_timer, timer_free);
    g_ptr_array_unref(nets->clients);
    g_free(nets);
}

static NetClient *find(Nets *nets, const char *name, bool nic_too)
{
    for (guint i = 0; i < nets->clients->len; i++) {
        NetClient *client = g_ptr_array_index(nets->clients, i);

        if ((nic_too || !client->is_nic) && !strcmp(client->name, name)) {
            return client;
        }
    }
    return NULL;
}

NetClient *nets_find(Nets *nets, const char *id)
{
    return find(nets, id, false);
}

void nets_foreach(Nets *nets, void (*fn)(NetClient *client, bool is_nic, void *opaque),
                  void *opaque)
{
    for (guint i = 0; i < nets->clients->len; i++) {
        NetClient *client = g_ptr_array_index(nets->clients, i);

        fn(client, client->is_nic, opaque);
    }
}

/* ---- netdevs ---- */

static const NetBackend *backend_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(backends); i++) {
        if (!strcmp(backends[i]->name, name)) {
            return backends[i];
        }
    }
    return NULL;
}

static bool add(Nets *nets, OptionsReader *r, GError **error)
{
    g_autofree char *type = NULL, *id = NULL;
    const NetBackend *backend;
    NetClient *client;

    options_reader_require(r, "type");
    options_reader_require(r, "id");
    type = options_reader_str(r, "type");
    id = options_reader_str(r, "id");
    if (r->error) {
        return options_reader_finish(r, error);
    }
    backend = backend_find(type);
    if (!backend) {
        g_autofree char *all = g_strjoinv(", ", (char **)net_backend_names);

        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_UNSUPPORTED,
                    "parameter 'type' expects a netdev backend type (%s), not '%s'", all, type);
        return false;
    }
    if (!*id || nets_find(nets, id)) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_EXISTS,
                    "duplicate or empty ID '%s' for netdev", id);
        return false;
    }
    client = client_new(nets, type, id);
    if (!backend->open(client, r, error) || !options_reader_finish(r, error)) {
        client_free(client);
        return false;
    }
    g_ptr_array_add(nets->clients, client);
    return true;
}

bool nets_add(Nets *nets, GVariant *options, GError **error)
{
    g_auto(OptionsReader) r = { 0 };

    options_reader_init(&r, options, NULL);
    return add(nets, &r, error);
}

bool nets_add_text(Nets *nets, const char *text, GError **error)
{
    static const char *const lists[] = { "hostfwd", "guestfwd", "dnssearch", NULL };
    GVariant *options = options_parse_lists(text, "type", lists, error);

    return options && nets_add(nets, options, error);
}

bool nets_remove(Nets *nets, const char *id, GError **error)
{
    NetClient *client = nets_find(nets, id);

    if (!client) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_NOT_FOUND, "device '%s' not found", id);
        return false;
    }
    g_ptr_array_remove(nets->clients, client);
    return true;
}

/* ---- NICs ---- */

static bool mac_is_zero(const uint8_t mac[6])
{
    static const uint8_t zero[6];

    return !memcmp(mac, zero, 6);
}

NetClient *nets_attach_nic(Nets *nets, const char *model, const char *name, const char *netdev,
                           uint8_t mac[6], const NetClientOps *ops, void *opaque, GError **error)
{
    NetClient *peer = NULL, *nic;
    g_autofree char *made = NULL;

    if (netdev && *netdev) {
        peer = nets_find(nets, netdev);
        if (!peer) {
            g_set_error(error, FERRY_NET_ERROR, NET_ERROR_NOT_FOUND, "netdev '%s' not found",
                        netdev);
            return NULL;
        }
        if (peer->peer) {
            g_set_error(error, FERRY_NET_ERROR, NET_ERROR_BUSY,
                        "netdev '%s' is already used by '%s'", netdev, peer->peer->name);
            return NULL;
        }
    }
    if (mac_is_zero(mac)) {
        const uint8_t base[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

        memcpy(mac, base, 6);
        mac[5] = (uint8_t)(mac[5] + nets->next_mac++);
    }
    if (!name || !*name) {
        made = g_strdup_printf("%s.%u", model, nets->next_id++);
        name = made;
    }
    nic = client_new(nets, model, name);
    nic->is_nic = true;
    nic->ops = ops;
    nic->opaque = opaque;
    memcpy(nic->mac, mac, 6);
    net_client_set_info(nic, "model=%s,macaddr=%02x:%02x:%02x:%02x:%02x:%02x", model, mac[0],
                        mac[1], mac[2], mac[3], mac[4], mac[5]);
    nic->peer = peer;
    if (peer) {
        peer->peer = nic;
    }
    g_ptr_array_add(nets->clients, nic);
    if (peer && peer->ops->link_changed) {
        peer->ops->link_changed(peer);
    }
    return nic;
}

void net_client_detach(NetClient *nic)
{
    g_ptr_array_remove(nic->nets->clients, nic);
}

/* ---- what it is ---- */

void *net_client_opaque(const NetClient *client)
{
    return client->opaque;
}

const char *net_client_name(const NetClient *client)
{
    return client->name;
}

const char *net_client_model(const NetClient *client)
{
    return client->model;
}

const char *net_client_info(const NetClient *client)
{
    return client->info;
}

void net_client_set_info(NetClient *client, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_free(client->info);
    client->info = g_strdup_vprintf(format, args);
    va_end(args);
}

NetClient *net_client_peer(const NetClient *client)
{
    return client->peer;
}

bool net_client_link_up(const NetClient *client)
{
    return client->peer && !client->link_down && !client->peer->link_down;
}

bool nets_set_link(Nets *nets, const char *name, bool up, GError **error)
{
    NetClient *client = find(nets, name, true);

    if (!client) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_NOT_FOUND, "device '%s' not found", name);
        return false;
    }
    client->link_down = !up;
    if (client->ops && client->ops->link_changed) {
        client->ops->link_changed(client);
    }
    if (client->peer && client->peer->ops->link_changed) {
        client->peer->ops->link_changed(client->peer);
    }
    return true;
}

/* ---- frames ---- */

void net_client_add_tap(NetClient *client, NetTap *tap)
{
    g_ptr_array_add(client->taps, tap);
}

void net_client_remove_tap(NetClient *client, NetTap *tap)
{
    g_ptr_array_remove(client->taps, tap);
}

static void show_taps(NetClient *client, const uint8_t *frame, size_t len)
{
    for (guint i = 0; i < client->taps->len; i++) {
        NetTap *tap = g_ptr_array_index(client->taps, i);

        tap->frame(tap, frame, len);
    }
}

static bool can_receive(NetClient *client)
{
    return !client->ops->can_receive || client->ops->can_receive(client);
}

static bool deliver(NetClient *to, const uint8_t *frame, size_t len)
{
    bool taken;

    to->receiving = true;
    taken = to->ops->receive(to, frame, len);
    to->receiving = false;
    return taken;
}

static void enqueue(NetClient *to, const uint8_t *data, size_t len, NetSent sent)
{
    Frame *frame;

    if (g_queue_get_length(&to->frames) >= QUEUE_MAX && !sent) {
        return;
    }
    frame = g_malloc(sizeof(*frame) + len);
    frame->sent = sent;
    frame->len = len;
    memcpy(frame->data, data, len);
    g_queue_push_tail(&to->frames, frame);
}

bool net_send(NetClient *sender, const uint8_t *frame, size_t len, NetSent sent)
{
    NetClient *to = sender->peer;

    if (len > NET_FRAME_MAX) {
        return true;
    }
    show_taps(sender, frame, len);
    if (!net_client_link_up(sender)) {
        return true;
    }
    show_taps(to, frame, len);
    if (!to->receiving && g_queue_is_empty(&to->frames) && can_receive(to) &&
        deliver(to, frame, len)) {
        return true;
    }
    enqueue(to, frame, len, sent);
    return false;
}

bool net_can_send(const NetClient *sender)
{
    NetClient *to = sender->peer;

    if (!net_client_link_up(sender)) {
        return true; /* and it will be lost, as on an unplugged cable */
    }
    return !to->receiving && g_queue_is_empty(&to->frames) && can_receive(to);
}

void net_client_flush(NetClient *receiver)
{
    while (!receiver->receiving && !g_queue_is_empty(&receiver->frames)) {
        Frame *frame = g_queue_peek_head(&receiver->frames);
        NetClient *sender = receiver->peer;

        if (!can_receive(receiver) || !deliver(receiver, frame->data, frame->len)) {
            return;
        }
        if (g_queue_peek_head(&receiver->frames) != frame) {
            return; /* purged by the receiver */
        }
        g_queue_pop_head(&receiver->frames);
        if (frame->sent && sender) {
            frame->sent(sender);
        }
        g_free(frame);
    }
}

void net_client_purge(NetClient *sender)
{
    /* A frame being delivered right now is still read by its receiver. */
    if (sender->peer && !sender->peer->receiving) {
        drop_frames(sender->peer);
    }
}

const TypeInfo net_types[] = {
    {
        .name = "filter-dump",
        .parent = "object",
        .description = "copies the frames of a netdev to a pcap file",
        .user_creatable = true,
        NET_FILTER_DUMP_TYPE,
    },
};
const size_t net_types_count = G_N_ELEMENTS(net_types);
