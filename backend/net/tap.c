/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "tap": frames through a Linux tap interface, opened here (ifname=) or passed in (fd=). No scripts,
 * no vnet headers, one queue.
 */
#include "net-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef struct {
    NetClient *client;
    int fd;
    guint watch;
} Tap;

static gboolean tap_readable(gint fd, GIOCondition condition, gpointer data);

static void tap_watch(Tap *tap)
{
    if (!tap->watch) {
        tap->watch = g_unix_fd_add(tap->fd, G_IO_IN, tap_readable, tap);
    }
}

static void tap_resume(NetClient *client)
{
    tap_watch(client->opaque);
}

static gboolean tap_readable(gint fd, GIOCondition condition, gpointer data)
{
    Tap *tap = data;
    g_autofree uint8_t *frame = g_malloc(NET_FRAME_MAX);

    for (int i = 0; i < 64; i++) {
        ssize_t n = read(fd, frame, NET_FRAME_MAX);

        if (n <= 0) {
            return G_SOURCE_CONTINUE;
        }
        if (!net_send(tap->client, frame, (size_t)n, tap_resume)) {
            tap->watch = 0;
            return G_SOURCE_REMOVE;
        }
    }
    return G_SOURCE_CONTINUE;
}

static bool tap_receive(NetClient *client, const uint8_t *frame, size_t len)
{
    Tap *tap = client->opaque;

    while (write(tap->fd, frame, len) < 0 && errno == EINTR) {
    }
    return true; /* what the kernel does not take is lost, as on a wire */
}

static void tap_cleanup(NetClient *client)
{
    Tap *tap = client->opaque;

    if (tap->watch) {
        g_source_remove(tap->watch);
    }
    close(tap->fd);
    g_free(tap);
}

static const NetClientOps tap_ops = {
    .receive = tap_receive,
    .cleanup = tap_cleanup,
};

static int tap_create(const char *ifname, GError **error)
{
    struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (ifname && strlen(ifname) >= IFNAMSIZ) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_CONFIG,
                    "interface name '%s' is longer than %d bytes", ifname, IFNAMSIZ - 1);
        close(fd);
        return -1;
    }
    if (ifname) {
        memcpy(ifr.ifr_name, ifname, strlen(ifname));
    }
    if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr)) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_HOST, "cannot open a tap interface%s%s: %s",
                    ifname ? " " : "", ifname ? ifname : "", g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

static bool tap_open(NetClient *client, OptionsReader *r, GError **error)
{
    g_autofree char *ifname = options_reader_str(r, "ifname");
    g_autofree char *script = options_reader_str(r, "script");
    g_autofree char *downscript = options_reader_str(r, "downscript");
    bool has_fd = options_reader_has(r, "fd");
    int fd = (int)options_reader_uint(r, "fd", 0, INT32_MAX, 0);
    Tap *tap;

    if ((script && *script && strcmp(script, "no")) ||
        (downscript && *downscript && strcmp(downscript, "no"))) {
        options_reader_fail(r, "script", "is not supported (only 'no')");
    }
    if (options_reader_bool(r, "vhost", false)) {
        options_reader_fail(r, "vhost", "is not supported by this build");
    }
    if (options_reader_bool(r, "vnet_hdr", false)) {
        options_reader_fail(r, "vnet_hdr", "is not supported by this build");
    }
    if (has_fd && fcntl(fd, F_GETFD) < 0) {
        options_reader_fail(r, "fd", "names no open descriptor (%d)", fd);
    }
    if (r->error) {
        return options_reader_finish(r, error);
    }
    if (!has_fd) {
        fd = tap_create(ifname, error);
        if (fd < 0) {
            return false;
        }
    }
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    tap = g_new0(Tap, 1);
    *tap = (Tap){ .client = client, .fd = fd };
    client->ops = &tap_ops;
    client->opaque = tap;
    tap_watch(tap);
    net_client_set_info(client, "fd=%d", fd);
    return true;
}

const NetBackend net_backend_tap = { .name = "tap", .open = tap_open };
