/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * socket: unix and TCP, as server (one client at a time) or client (with reconnection).
 *
 *   server:  LISTENING --accept--> CONNECTED --peer gone--> LISTENING
 *   client:  CONNECTING --ok--> CONNECTED --peer gone--> WAITING --reconnect time--> CONNECTING
 *            (without a reconnect time: CONNECTED --peer gone--> DEAD)
 *
 * Descriptors that come along (SCM_RIGHTS) are kept for the frontend until the next ones come.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chardev-priv.h"

#define FDS_MAX         16
#define HANGUP_GRACE_MS 5000

typedef struct {
    Chardev base;
    SocketAddress *addr;
    bool server, nodelay;
    uint32_t reconnect_ms;
    int listen_fd, fd; /* -1: none */
    GSource *listen, *read, *hangup, *timer;
    SocketConnect *connecting;
    GMainContext *connect_context; /* where connecting reports */
} SocketChardev;

static void socket_update(Chardev *c);
static void socket_drop(SocketChardev *s);

static void describe(SocketChardev *s)
{
    g_autoptr(SocketAddress) real = s->fd >= 0          ? socket_address_of_local(s->fd)
                                    : s->listen_fd >= 0 ? socket_address_of_local(s->listen_fd)
                                                        : NULL;
    const SocketAddress *shown = s->addr;
    if (real && (s->server || s->addr->kind == SOCKET_ADDRESS_FD) && real->host) {
        shown = real;
    } else if (real && real->path && *real->path && s->server) {
        shown = real;
    }
    g_autofree char *name = socket_address_format(shown);
    g_autoptr(SocketAddress) peer = s->fd >= 0 ? socket_address_of_peer(s->fd) : NULL;
    g_autofree char *tail =
        peer && peer->host
            ? g_strdup_printf(strchr(peer->host, ':') ? " <-> [%s]:%s" : " <-> %s:%s", peer->host,
                              peer->port)
            : g_strdup("");
    chardev_set_filename(&s->base, "%s%s%s%s", s->fd < 0 ? "disconnected:" : "", name,
                         s->server ? ",server=on" : "", tail);
}

static void connected(SocketChardev *s, int fd)
{
    int one = 1;
    g_mutex_lock(&s->base.lock);
    s->fd = fd;
    g_mutex_unlock(&s->base.lock);
    if (s->nodelay) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    chardev_source_clear(&s->listen);
    describe(s);
    chardev_event(&s->base, CHARDEV_EVENT_OPENED);
    socket_update(&s->base);
}

static gboolean acceptable(int listen_fd, GIOCondition condition, gpointer opaque)
{
    SocketChardev *s = opaque;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        connected(s, fd);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static gboolean reconnect_time(gpointer opaque)
{
    SocketChardev *s = opaque;
    chardev_source_clear(&s->timer);
    socket_update(&s->base);
    return G_SOURCE_REMOVE;
}

static void connect_done(int fd, const GError *error, void *opaque)
{
    SocketChardev *s = opaque;
    g_clear_pointer(&s->connecting, socket_connect_cancel);
    if (fd >= 0) {
        connected(s, fd);
    } else {
        s->timer = chardev_timer(&s->base, s->reconnect_ms, reconnect_time);
    }
}

static void socket_drop(SocketChardev *s)
{
    if (s->fd < 0) {
        return;
    }
    chardev_source_clear(&s->read);
    chardev_source_clear(&s->hangup);
    chardev_source_clear(&s->timer);
    g_mutex_lock(&s->base.lock);
    close(s->fd);
    s->fd = -1;
    g_mutex_unlock(&s->base.lock);
    describe(s);
    chardev_event(&s->base, CHARDEV_EVENT_CLOSED);
    if (!s->server && s->reconnect_ms) {
        s->timer = chardev_timer(&s->base, s->reconnect_ms, reconnect_time);
    }
    socket_update(&s->base);
}

/* ---- receiving ---- */

static void keep_fds(SocketChardev *s, struct msghdr *msg)
{
    bool first = true;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (guint i = 0; first && i < s->base.fds->len; i++) {
            close(g_array_index(s->base.fds, int, i));
        }
        if (first) {
            g_array_set_size(s->base.fds, 0);
            first = false;
        }
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        g_array_append_vals(s->base.fds, CMSG_DATA(h), n);
    }
}

static gssize receive(SocketChardev *s, uint8_t *buf, size_t len)
{
    union {
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = { buf, len };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    gssize n;
    do {
        n = recvmsg(s->fd, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        keep_fds(s, &msg);
    }
    return n;
}

static gboolean readable(int fd, GIOCondition condition, gpointer opaque)
{
    SocketChardev *s = opaque;
    uint8_t buf[4096];
    size_t room = MIN(chardev_can_receive(&s->base), sizeof(buf));
    if (!room) {
        chardev_source_clear(&s->read);
        socket_update(&s->base); /* watch for the hang-up instead */
        return G_SOURCE_REMOVE;
    }
    gssize n = receive(s, buf, room);
    if (n < 0 && errno == EAGAIN) {
        return G_SOURCE_CONTINUE;
    }
    if (n <= 0) {
        socket_drop(s);
        return G_SOURCE_REMOVE;
    }
    chardev_receive(&s->base, buf, n);
    return s->read ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean grace_over(gpointer opaque)
{
    SocketChardev *s = opaque;
    chardev_source_clear(&s->timer);
    socket_drop(s);
    return G_SOURCE_REMOVE;
}

/* The peer is gone while nobody takes input: what it sent last waits for a while. */
static gboolean hung_up(int fd, GIOCondition condition, gpointer opaque)
{
    SocketChardev *s = opaque;
    int pending = 0;
    chardev_source_clear(&s->hangup);
    if (ioctl(fd, FIONREAD, &pending) || !pending) {
        socket_drop(s);
    } else if (!s->timer) {
        s->timer = chardev_timer(&s->base, HANGUP_GRACE_MS, grace_over);
    }
    return G_SOURCE_REMOVE;
}

static void socket_update(Chardev *c)
{
    SocketChardev *s = (SocketChardev *)c;
    chardev_source_clear(&s->read);
    chardev_source_clear(&s->hangup);
    chardev_source_clear(&s->listen);
    if (s->fd >= 0) {
        if (chardev_can_receive(c)) {
            chardev_source_clear(&s->timer);
            s->read = chardev_source(c, s->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, readable);
        } else if (!s->timer) {
            s->hangup = chardev_source(c, s->fd, G_IO_HUP | G_IO_ERR, hung_up);
        }
    } else if (s->listen_fd >= 0) {
        s->listen = chardev_source(c, s->listen_fd, G_IO_IN, acceptable);
    } else if (s->reconnect_ms) {
        if (s->timer) { /* waiting: again in the (perhaps new) context */
            chardev_source_clear(&s->timer);
            s->timer = chardev_timer(c, s->reconnect_ms, reconnect_time);
        } else if (!s->connecting || s->connect_context != c->context) {
            g_clear_pointer(&s->connecting, socket_connect_cancel);
            s->connect_context = c->context;
            s->connecting = socket_address_connect_start(s->addr, c->context, connect_done, s);
        }
    }
}

static gssize socket_write(Chardev *c, const uint8_t *buf, size_t len)
{
    SocketChardev *s = (SocketChardev *)c;
    gssize n;
    do {
        n = send(s->fd, buf, len, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    /* A lost peer is noticed by the reading side, which must see what it sent last. */
    return n < 0 && errno == EAGAIN ? 0 : n;
}

static int socket_write_fd(Chardev *c)
{
    return ((SocketChardev *)c)->fd;
}

static void socket_disconnect(Chardev *c)
{
    SocketChardev *s = (SocketChardev *)c;
    if (s->fd >= 0) {
        shutdown(s->fd, SHUT_RDWR);
        socket_drop(s);
    }
}

/* ---- opening ---- */

static bool wait_for_client(SocketChardev *s, GError **error)
{
    for (;;) {
        struct pollfd p = { .fd = s->listen_fd, .events = POLLIN };
        if (poll(&p, 1, -1) < 0 && errno != EINTR) {
            return chardev_error_errno(error, "wait on", s->base.id, errno);
        }
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            connected(s, fd);
            return true;
        }
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            return chardev_error_errno(error, "accept on", s->base.id, errno);
        }
    }
}

static bool socket_open(Chardev *c, const ChardevConfig *config, GError **error)
{
    SocketChardev *s = (SocketChardev *)c;
    s->fd = s->listen_fd = -1;
    if (!config->addr) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG,
                    "chardev '%s': socket needs one of path, port, fd", c->id);
        return false;
    }
    if (config->server && config->reconnect_ms) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG,
                    "'reconnect' option is incompatible with socket in server listen mode");
        return false;
    }
    s->addr = socket_address_copy(config->addr);
    s->server = config->server;
    s->nodelay = config->nodelay && config->addr->kind == SOCKET_ADDRESS_INET;
    s->reconnect_ms = config->reconnect_ms;
    if (s->server) {
        s->listen_fd = socket_address_listen(s->addr, 1, error);
        if (s->listen_fd < 0) {
            return false;
        }
        describe(s);
        if (config->wait) {
            return wait_for_client(s, error);
        }
    } else if (!s->reconnect_ms) {
        int fd = socket_address_connect(s->addr, -1, error);
        if (fd < 0) {
            return false;
        }
        connected(s, fd);
    } else {
        describe(s);
    }
    socket_update(c);
    return true;
}

static void socket_close(Chardev *c)
{
    SocketChardev *s = (SocketChardev *)c;
    chardev_source_clear(&s->listen);
    chardev_source_clear(&s->read);
    chardev_source_clear(&s->hangup);
    chardev_source_clear(&s->timer);
    socket_connect_cancel(s->connecting);
    if (s->fd >= 0) {
        close(s->fd);
    }
    if (s->listen_fd >= 0) {
        close(s->listen_fd);
        if (s->addr->kind == SOCKET_ADDRESS_UNIX && !s->addr->abstract) {
            unlink(s->addr->path);
        }
    }
    socket_address_free(s->addr);
}

/* The main loop sees the end and drops the peer. */
static void socket_yank(Chardev *c)
{
    SocketChardev *s = (SocketChardev *)c;
    g_mutex_lock(&c->lock);
    if (s->fd >= 0) {
        shutdown(s->fd, SHUT_RDWR);
    }
    g_mutex_unlock(&c->lock);
}

const ChardevOps chardev_socket_ops = {
    .size = sizeof(SocketChardev),
    .movable = true,
    .open = socket_open,
    .close = socket_close,
    .write = socket_write,
    .write_fd = socket_write_fd,
    .update = socket_update,
    .yank = socket_yank,
    .disconnect = socket_disconnect,
};
