/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses of stream sockets: text form, listening and connecting. Sockets are non-blocking and
 * close-on-exec from the start; waiting is done with poll() under a deadline.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io/socket-address.h"

G_DEFINE_QUARK(ferry - io - error - quark, ferry_io_error)

SocketAddress *socket_address_new(SocketAddressKind kind)
{
    SocketAddress *addr = g_new0(SocketAddress, 1);
    addr->kind = kind;
    addr->tight = true;
    addr->fd = -1;
    return addr;
}

SocketAddress *socket_address_new_unix(const char *path)
{
    SocketAddress *addr = socket_address_new(SOCKET_ADDRESS_UNIX);
    addr->path = g_strdup(path);
    return addr;
}

SocketAddress *socket_address_new_inet(const char *host, const char *port)
{
    SocketAddress *addr = socket_address_new(SOCKET_ADDRESS_INET);
    addr->host = g_strdup(host);
    addr->port = g_strdup(port);
    return addr;
}

SocketAddress *socket_address_copy(const SocketAddress *addr)
{
    SocketAddress *copy = g_memdup2(addr, sizeof(*addr));
    copy->path = g_strdup(addr->path);
    copy->host = g_strdup(addr->host);
    copy->port = g_strdup(addr->port);
    return copy;
}

void socket_address_free(SocketAddress *addr)
{
    if (addr) {
        g_free(addr->path);
        g_free(addr->host);
        g_free(addr->port);
        g_free(addr);
    }
}

/* HOST:PORT with IPv6 hosts in brackets. */
static SocketAddress *parse_inet(const char *text, GError **error)
{
    const char *colon;
    g_autofree char *host = NULL;
    if (*text == '[') {
        const char *end = strchr(text, ']');
        colon = end && end[1] == ':' ? end + 1 : NULL;
        host = colon ? g_strndup(text + 1, end - text - 1) : NULL;
    } else {
        colon = strrchr(text, ':');
        host = colon ? g_strndup(text, colon - text) : NULL;
    }
    if (!colon || !colon[1]) {
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_ADDRESS, "address '%s' is not HOST:PORT",
                    text);
        return NULL;
    }
    SocketAddress *addr = socket_address_new_inet(host, colon + 1);
    if (*text == '[') {
        addr->ipv6 = true;
    }
    return addr;
}

SocketAddress *socket_address_parse(const char *text, GError **error)
{
    if (g_str_has_prefix(text, "unix:")) {
        if (!text[5]) {
            g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_ADDRESS,
                        "address 'unix:' lacks a path");
            return NULL;
        }
        return socket_address_new_unix(text + 5);
    }
    if (g_str_has_prefix(text, "fd:")) {
        guint64 fd;
        if (!g_ascii_string_to_unsigned(text + 3, 10, 0, G_MAXINT, &fd, NULL)) {
            g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_ADDRESS,
                        "'%s' is not a descriptor number", text + 3);
            return NULL;
        }
        SocketAddress *addr = socket_address_new(SOCKET_ADDRESS_FD);
        addr->fd = (int)fd;
        return addr;
    }
    return parse_inet(g_str_has_prefix(text, "tcp:") ? text + 4 : text, error);
}

char *socket_address_format(const SocketAddress *addr)
{
    switch (addr->kind) {
    case SOCKET_ADDRESS_UNIX: return g_strdup_printf("unix:%s", addr->path);
    case SOCKET_ADDRESS_FD: return g_strdup_printf("fd:%d", addr->fd);
    default:
        return g_strdup_printf(strchr(addr->host, ':') ? "tcp:[%s]:%s" : "tcp:%s:%s", addr->host,
                               addr->port);
    }
}

static SocketAddress *from_sockaddr(const struct sockaddr_storage *ss, socklen_t len)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (ss->ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)ss;
        size_t n = len > offsetof(struct sockaddr_un, sun_path)
                       ? len - offsetof(struct sockaddr_un, sun_path)
                       : 0;
        bool abstract = n && !un->sun_path[0];
        g_autofree char *path = g_strndup(un->sun_path + abstract, n - abstract);
        SocketAddress *addr = socket_address_new_unix(path);
        addr->abstract = abstract;
        return addr;
    }
    if ((ss->ss_family != AF_INET && ss->ss_family != AF_INET6) ||
        getnameinfo((const struct sockaddr *)ss, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        return NULL;
    }
    SocketAddress *addr = socket_address_new_inet(host, port);
    addr->ipv4 = ss->ss_family == AF_INET;
    addr->ipv6 = !addr->ipv4;
    return addr;
}

SocketAddress *socket_address_of_local(int fd)
{
    struct sockaddr_storage ss = { 0 };
    socklen_t len = sizeof(ss);
    return getsockname(fd, (struct sockaddr *)&ss, &len) ? NULL : from_sockaddr(&ss, len);
}

SocketAddress *socket_address_of_peer(int fd)
{
    struct sockaddr_storage ss = { 0 };
    socklen_t len = sizeof(ss);
    return getpeername(fd, (struct sockaddr *)&ss, &len) ? NULL : from_sockaddr(&ss, len);
}

static bool unix_sockaddr(const SocketAddress *addr, struct sockaddr_un *un, socklen_t *len,
                          GError **error)
{
    size_t n = strlen(addr->path);
    size_t room = sizeof(un->sun_path) - 1;
    if (n == 0 || n > room) {
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_ADDRESS,
                    "unix socket path '%s' has %zu bytes, expected 1 to %zu", addr->path, n, room);
        return false;
    }
    *un = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(un->sun_path + addr->abstract, addr->path, n);
    *len = addr->abstract && addr->tight ? offsetof(struct sockaddr_un, sun_path) + 1 + n
                                         : sizeof(*un);
    return true;
}

static bool fail(GError **error, const SocketAddress *addr, const char *what, int err)
{
    g_autofree char *name = socket_address_format(addr);
    g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_SYSTEM, "cannot %s '%s': %s", what, name,
                g_strerror(err));
    return false;
}

static struct addrinfo *resolve(const SocketAddress *addr, bool passive, GError **error)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0 };
    struct addrinfo *list = NULL;
    hints.ai_family = addr->ipv4 == addr->ipv6 ? AF_UNSPEC : addr->ipv4 ? AF_INET : AF_INET6;
    int rc = getaddrinfo(*addr->host ? addr->host : NULL, addr->port, &hints, &list);
    if (rc) {
        g_autofree char *name = socket_address_format(addr);
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_ADDRESS, "cannot resolve '%s': %s", name,
                    rc == EAI_SYSTEM ? g_strerror(errno) : gai_strerror(rc));
        return NULL;
    }
    return list;
}

static int open_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int listen_unix(const SocketAddress *addr, int backlog, GError **error)
{
    struct sockaddr_un un;
    struct stat st;
    socklen_t len;
    if (!unix_sockaddr(addr, &un, &len, error)) {
        return -1;
    }
    if (!addr->abstract && !lstat(addr->path, &st) && S_ISSOCK(st.st_mode)) {
        unlink(addr->path);
    }
    int fd = open_socket(AF_UNIX);
    if (fd < 0 || bind(fd, (struct sockaddr *)&un, len) || listen(fd, backlog)) {
        fail(error, addr, "listen at", errno);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

/* Try ports port..to of one resolved address; -1 with errno when none is free. */
static int listen_ports(struct addrinfo *ai, uint16_t to, int backlog)
{
    in_port_t *slot = ai->ai_family == AF_INET6 ? &((struct sockaddr_in6 *)ai->ai_addr)->sin6_port
                                                : &((struct sockaddr_in *)ai->ai_addr)->sin_port;
    unsigned first = ntohs(*slot);
    int one = 1;
    int err = EADDRINUSE;
    for (unsigned port = first; port <= MAX(first, to); port++) {
        int fd = open_socket(ai->ai_family);
        *slot = htons(port);
        if (fd < 0) {
            return -1;
        }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (ai->ai_family == AF_INET6) {
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
        }
        if (!bind(fd, ai->ai_addr, ai->ai_addrlen) && !listen(fd, backlog)) {
            return fd;
        }
        err = errno;
        close(fd);
        if (err != EADDRINUSE) {
            break;
        }
    }
    errno = err;
    return -1;
}

int socket_address_listen(const SocketAddress *addr, int backlog, GError **error)
{
    if (addr->kind == SOCKET_ADDRESS_UNIX) {
        return listen_unix(addr, backlog, error);
    }
    if (addr->kind == SOCKET_ADDRESS_FD) {
        int on = 0;
        socklen_t len = sizeof(on);
        if (getsockopt(addr->fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) || !on) {
            fail(error, addr, "listen at", on ? errno : ENOTSOCK);
            return -1;
        }
        fcntl(addr->fd, F_SETFD, FD_CLOEXEC);
        fcntl(addr->fd, F_SETFL, fcntl(addr->fd, F_GETFL) | O_NONBLOCK);
        return addr->fd;
    }
    struct addrinfo *list = resolve(addr, true, error);
    int fd = -1;
    int err = 0;
    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
        fd = listen_ports(ai, addr->to, backlog);
        err = errno;
    }
    if (list) {
        freeaddrinfo(list);
        if (fd < 0) {
            fail(error, addr, "listen at", err);
        }
    }
    return fd;
}

typedef struct {
    gint64 deadline; /* us of the monotonic clock, -1: none */
    int cancel_fd;   /* -1: none */
} ConnectLimit;

/* 0, or why no longer to wait: ETIMEDOUT, ECANCELED. Without a descriptor: a short pause. */
static int wait_connect(int fd, const ConnectLimit *limit)
{
    struct pollfd p[2] = { { .fd = limit->cancel_fd, .events = POLLIN },
                           { .fd = fd, .events = POLLOUT } };
    gint64 left;
    int n;
    do {
        left = limit->deadline < 0
                   ? -1
                   : CLAMP((limit->deadline - g_get_monotonic_time()) / 1000, 0, G_MAXINT);
        n = poll(p, 2, fd < 0 ? 1 : (int)left);
    } while (n < 0 && errno == EINTR);
    if (n > 0 && p[0].revents) {
        return ECANCELED;
    }
    return n < 0 ? errno : n == 0 && (fd >= 0 || left == 0) ? ETIMEDOUT : 0;
}

/* One connect() waited for. */
static int connect_one(int family, const struct sockaddr *sa, socklen_t len,
                       const ConnectLimit *limit)
{
    int fd = open_socket(family);
    if (fd < 0) {
        return -1;
    }
    int rc = connect(fd, sa, len);
    int err = rc ? errno : 0;
    while (err == EINPROGRESS || err == EAGAIN) {
        socklen_t n = sizeof(err);
        bool full = err == EAGAIN; /* a unix listener whose backlog is full */
        err = wait_connect(full ? -1 : fd, limit);
        if (!err && full) {
            err = connect(fd, sa, len) ? errno : 0;
        } else if (!err && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n)) {
            err = errno;
        }
    }
    if (err) {
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

void socket_address_tune(const SocketAddress *addr, int fd)
{
    int one = 1;
    if (addr->kind == SOCKET_ADDRESS_INET && addr->keep_alive) {
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    }
}

int socket_address_connect(const SocketAddress *addr, int timeout_ms, GError **error)
{
    return socket_address_connect_or_cancel(addr, timeout_ms, -1, error);
}

int socket_address_connect_or_cancel(const SocketAddress *addr, int timeout_ms, int cancel_fd,
                                     GError **error)
{
    ConnectLimit limit = { timeout_ms < 0 ? -1 : g_get_monotonic_time() + timeout_ms * 1000LL,
                           cancel_fd };
    int fd = -1;
    int err = 0;
    if (addr->kind == SOCKET_ADDRESS_FD) {
        struct stat st;
        if (fstat(addr->fd, &st) || !S_ISSOCK(st.st_mode)) {
            fail(error, addr, "use", errno == EBADF ? EBADF : ENOTSOCK);
            return -1;
        }
        fcntl(addr->fd, F_SETFD, FD_CLOEXEC);
        fcntl(addr->fd, F_SETFL, fcntl(addr->fd, F_GETFL) | O_NONBLOCK);
        return addr->fd;
    }
    if (addr->kind == SOCKET_ADDRESS_UNIX) {
        struct sockaddr_un un;
        socklen_t len;
        if (!unix_sockaddr(addr, &un, &len, error)) {
            return -1;
        }
        fd = connect_one(AF_UNIX, (struct sockaddr *)&un, len, &limit);
        err = errno;
    } else {
        struct addrinfo *list = resolve(addr, false, error);
        if (!list) {
            return -1;
        }
        err = 0;
        for (struct addrinfo *ai = list; ai && fd < 0 && err != ECANCELED; ai = ai->ai_next) {
            fd = connect_one(ai->ai_family, ai->ai_addr, ai->ai_addrlen, &limit);
            err = errno;
        }
        freeaddrinfo(list);
    }
    if (fd >= 0) {
        socket_address_tune(addr, fd);
    } else if (err == ECANCELED) {
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_CANCELLED, "connecting was cancelled");
    } else {
        fail(error, addr, "connect to", err);
    }
    return fd;
}

/* ---- connecting in a helper thread ---- */

struct SocketConnect {
    int refs; /* the thread's and the starter's */
    SocketAddress *addr;
    GMainContext *context;
    SocketConnectDone done;
    void *opaque;
    int fd;
    GError *error;
    bool cancelled; /* touched in the context's thread only */
};

static void connect_unref(SocketConnect *c)
{
    if (g_atomic_int_dec_and_test(&c->refs)) {
        if (c->fd >= 0) {
            close(c->fd);
        }
        g_clear_error(&c->error);
        socket_address_free(c->addr);
        if (c->context) {
            g_main_context_unref(c->context);
        }
        g_free(c);
    }
}

static gboolean connect_report(gpointer opaque)
{
    SocketConnect *c = opaque;
    if (!c->cancelled) {
        int fd = c->fd;
        c->fd = -1;
        c->cancelled = true;
        c->done(fd, c->error, c->opaque);
    }
    return G_SOURCE_REMOVE;
}

static gpointer connect_thread(gpointer opaque)
{
    SocketConnect *c = opaque;
    c->fd = socket_address_connect(c->addr, 30000, &c->error);
    g_autoptr(GSource) source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, connect_report, c, (GDestroyNotify)connect_unref);
    g_source_attach(source, c->context);
    return NULL;
}

SocketConnect *socket_address_connect_start(const SocketAddress *addr, GMainContext *context,
                                            SocketConnectDone done, void *opaque)
{
    SocketConnect *c = g_new0(SocketConnect, 1);
    c->refs = 2;
    c->addr = socket_address_copy(addr);
    c->context = context ? g_main_context_ref(context) : NULL;
    c->done = done;
    c->opaque = opaque;
    c->fd = -1;
    g_thread_unref(g_thread_new("connect", connect_thread, c));
    return c;
}

void socket_connect_cancel(SocketConnect *c)
{
    if (c) {
        c->cancelled = true;
        connect_unref(c);
    }
}
