/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "stream": frames over a stream socket, each with its length before it (32 bits, big endian).
 * addr.type=unix|inet|fd, server=on|off. A server takes one peer at a time and listens again when
 * that goes; a client that loses its peer stays down (no reconnect).
 */
#include "net-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io/socket-address.h"
#include "base/util/endian.h"

#define OUT_MAX (1u << 20) /* bytes that wait for the socket before frames are held back */

typedef struct {
    NetClient *client;
    int listen_fd, fd;
    guint listen_watch, in_watch, out_watch;
    bool held;   /* a frame of ours waits at the guest: stop reading */
    uint8_t *in; /* 4 + NET_FRAME_MAX bytes */
    size_t in_len;
    GByteArray *out;
} Stream;

static void stream_watch_in(Stream *s);
static void stream_listen(Stream *s);

static void clear_source(guint *id)
{
    if (*id) {
        g_source_remove(*id);
        *id = 0;
    }
}

static void stream_disconnect(Stream *s)
{
    Vm *vm = s->client->nets->vm;

    clear_source(&s->in_watch);
    clear_source(&s->out_watch);
    close(s->fd);
    s->fd = -1;
    s->in_len = 0;
    g_byte_array_set_size(s->out, 0);
    net_client_set_info(s->client, "disconnected");
    vm_event(vm, "NETDEV_STREAM_DISCONNECTED",
             g_variant_new_parsed("{'netdev-id': <%s>}", s->client->name));
    if (s->listen_fd >= 0) {
        stream_listen(s);
    }
    net_client_flush(s->client);
}

/* ---- from the socket ---- */

static void stream_unheld(NetClient *client)
{
    Stream *s = client->opaque;

    s->held = false;
    if (s->fd >= 0) {
        stream_watch_in(s);
    }
}

/* Deliver the whole frames at hand; false when the peer talks nonsense. */
static bool stream_deliver(Stream *s)
{
    size_t at = 0;

    while (!s->held && s->in_len - at >= 4) {
        uint32_t len = ld_be32(s->in + at);

        if (len > NET_FRAME_MAX) {
            return false;
        }
        if (s->in_len - at - 4 < len) {
            break;
        }
        s->held = !net_send(s->client, s->in + at + 4, len, stream_unheld);
        at += 4 + len;
    }
    memmove(s->in, s->in + at, s->in_len - at);
    s->in_len -= at;
    return true;
}

static gboolean stream_readable(gint fd, GIOCondition condition, gpointer data)
{
    Stream *s = data;
    ssize_t n = 0;

    if (s->in_len < 4 + NET_FRAME_MAX) {
        n = read(fd, s->in + s->in_len, 4 + NET_FRAME_MAX - s->in_len);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return G_SOURCE_CONTINUE;
        }
    }
    if (n > 0) {
        s->in_len += (size_t)n;
    }
    if (n <= 0 || !stream_deliver(s)) {
        s->in_watch = 0;
        stream_disconnect(s);
        return G_SOURCE_REMOVE;
    }
    if (s->held) {
        s->in_watch = 0;
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static void stream_watch_in(Stream *s)
{
    if (!stream_deliver(s)) {
        stream_disconnect(s);
    } else if (!s->held && !s->in_watch) {
        s->in_watch = g_unix_fd_add(s->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, stream_readable, s);
    }
}

/* ---- to the socket ---- */

static gboolean stream_writable(gint fd, GIOCondition condition, gpointer data)
{
    Stream *s = data;
    ssize_t n = send(fd, s->out->data, s->out->len, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        s->out_watch = 0;
        stream_disconnect(s);
        return G_SOURCE_REMOVE;
    }
    if (n > 0) {
        g_byte_array_remove_range(s->out, 0, (guint)n);
    }
    if (s->out->len < OUT_MAX / 2) {
        net_client_flush(s->client);
    }
    if (s->out->len) {
        return G_SOURCE_CONTINUE;
    }
    s->out_watch = 0;
    return G_SOURCE_REMOVE;
}

static bool stream_can_receive(NetClient *client)
{
    Stream *s = client->opaque;

    return s->fd < 0 || s->out->len < OUT_MAX;
}

static bool stream_receive(NetClient *client, const uint8_t *frame, size_t len)
{
    Stream *s = client->opaque;
    uint8_t head[4];

    if (s->fd < 0) {
        return true; /* nobody there: lost */
    }
    st_be32(head, (uint32_t)len);
    g_byte_array_append(s->out, head, 4);
    g_byte_array_append(s->out, frame, (guint)len);
    if (!s->out_watch) {
        s->out_watch = g_unix_fd_add(s->fd, G_IO_OUT | G_IO_ERR, stream_writable, s);
    }
    return true;
}

/* ---- life ---- */

/* SocketAddress of the other end; of two unix sockets one has a name. */
static GVariant *peer_data(int fd)
{
    g_autoptr(SocketAddress) peer = socket_address_of_peer(fd);
    GVariantDict d;

    if (peer && peer->kind == SOCKET_ADDRESS_UNIX && (!peer->path || !peer->path[0])) {
        socket_address_free(peer);
        peer = socket_address_of_local(fd);
    }
    g_variant_dict_init(&d, NULL);
    if (peer && peer->kind == SOCKET_ADDRESS_INET) {
        g_variant_dict_insert(&d, "type", "s", "inet");
        g_variant_dict_insert(&d, "host", "s", peer->host);
        g_variant_dict_insert(&d, "port", "s", peer->port);
    } else {
        g_variant_dict_insert(&d, "type", "s", "unix");
        g_variant_dict_insert(&d, "path", "s", peer && peer->path ? peer->path : "");
    }
    return g_variant_dict_end(&d);
}

static void stream_connected(Stream *s, int fd)
{
    GVariantDict data;

    s->fd = fd;
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    net_client_set_info(s->client, "connected");
    g_variant_dict_init(&data, NULL);
    g_variant_dict_insert(&data, "netdev-id", "s", s->client->name);
    g_variant_dict_insert_value(&data, "addr", peer_data(fd));
    vm_event(s->client->nets->vm, "NETDEV_STREAM_CONNECTED", g_variant_dict_end(&data));
    stream_watch_in(s);
}

static gboolean stream_accept(gint fd, GIOCondition condition, gpointer data)
{
    Stream *s = data;
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

    if (peer < 0) {
        return G_SOURCE_CONTINUE;
    }
    s->listen_watch = 0;
    stream_connected(s, peer);
    return G_SOURCE_REMOVE;
}

static void stream_listen(Stream *s)
{
    s->listen_watch = g_unix_fd_add(s->listen_fd, G_IO_IN, stream_accept, s);
}

static void stream_cleanup(NetClient *client)
{
    Stream *s = client->opaque;

    clear_source(&s->listen_watch);
    clear_source(&s->in_watch);
    clear_source(&s->out_watch);
    if (s->fd >= 0) {
        close(s->fd);
    }
    if (s->listen_fd >= 0) {
        close(s->listen_fd);
    }
    g_byte_array_unref(s->out);
    g_free(s->in);
    g_free(s);
}

static const NetClientOps stream_ops = {
    .can_receive = stream_can_receive,
    .receive = stream_receive,
    .cleanup = stream_cleanup,
};

static SocketAddress *read_address(OptionsReader *outer)
{
    static const char *const kinds[] = { "unix", "inet", "fd", NULL };
    g_autoptr(GVariant) dict = options_reader_dict(outer, "addr");
    g_auto(OptionsReader) r = { 0 };
    g_autoptr(SocketAddress) addr = NULL;
    g_autofree char *host = NULL, *port = NULL, *path = NULL, *fd = NULL;

    options_reader_require(outer, "addr");
    if (outer->error) {
        return NULL;
    }
    options_reader_init(&r, dict, "addr.");
    options_reader_require(&r, "type");
    switch (options_reader_enum(&r, "type", kinds, 0)) {
    case 0:
        options_reader_require(&r, "path");
        path = options_reader_str(&r, "path");
        addr = path ? socket_address_new_unix(path) : NULL;
        break;
    case 1:
        options_reader_require(&r, "port");
        host = options_reader_str(&r, "host");
        port = options_reader_str(&r, "port");
        addr = port ? socket_address_new_inet(host ? host : "", port) : NULL;
        break;
    case 2:
        options_reader_require(&r, "str");
        fd = options_reader_str(&r, "str");
        addr = socket_address_new(SOCKET_ADDRESS_FD);
        addr->fd = fd ? (int)g_ascii_strtoll(fd, NULL, 10) : -1;
        break;
    }
    if (!options_reader_finish(&r, &outer->error)) {
        return NULL;
    }
    return g_steal_pointer(&addr);
}

static bool stream_open(NetClient *client, OptionsReader *r, GError **error)
{
    g_autoptr(SocketAddress) addr = read_address(r);
    bool server = options_reader_bool(r, "server", false);
    int fd;
    Stream *s;

    if (r->error || !addr) {
        return options_reader_finish(r, error) && false;
    }
    fd =
        server ? socket_address_listen(addr, 1, error) : socket_address_connect(addr, 10000, error);
    if (fd < 0) {
        return false;
    }
    s = g_new0(Stream, 1);
    *s = (Stream){ .client = client, .fd = -1, .listen_fd = server ? fd : -1 };
    s->in = g_malloc(4 + NET_FRAME_MAX);
    s->out = g_byte_array_new();
    client->ops = &stream_ops;
    client->opaque = s;
    if (server) {
        net_client_set_info(client, "listening");
        stream_listen(s);
    } else {
        stream_connected(s, fd);
    }
    return true;
}

const NetBackend net_backend_stream = { .name = "stream", .open = stream_open };
