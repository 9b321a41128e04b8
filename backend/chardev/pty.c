/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pty: the host end is a pseudo terminal whose slave any program may open. Nobody tells us when
 * that happens, so while nobody has it open the master is looked at every so often; output is
 * dropped meanwhile, as on a serial line without a cable.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "chardev-priv.h"

#define PTY_LOOK_MS 200

typedef struct {
    Chardev base;
    int fd;
    char *link; /* symbolic link to the slave, ours to remove */
    GSource *read, *look;
} PtyChardev;

static bool pty_has_peer(const PtyChardev *p)
{
    struct pollfd pf = { .fd = p->fd, .events = POLLOUT };
    return poll(&pf, 1, 0) >= 0 && !(pf.revents & POLLHUP);
}

static void pty_set(PtyChardev *p, bool connected)
{
    if (connected != chardev_connected(&p->base)) {
        chardev_event(&p->base, connected ? CHARDEV_EVENT_OPENED : CHARDEV_EVENT_CLOSED);
    }
}

static void pty_update(Chardev *c);

static gboolean pty_readable(int fd, GIOCondition condition, gpointer opaque)
{
    PtyChardev *p = opaque;
    uint8_t buf[4096];
    size_t room = MIN(chardev_can_receive(&p->base), sizeof(buf));
    if (!room) {
        chardev_source_clear(&p->read);
        return G_SOURCE_REMOVE;
    }
    gssize n = read(fd, buf, room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    if (n <= 0) {
        pty_set(p, false);
        pty_update(&p->base);
        return G_SOURCE_REMOVE;
    }
    chardev_receive(&p->base, buf, n);
    return G_SOURCE_CONTINUE;
}

static gboolean pty_look(gpointer opaque)
{
    PtyChardev *p = opaque;
    bool was = chardev_connected(&p->base);
    bool is = pty_has_peer(p);
    if (is != was) {
        pty_set(p, is);
        pty_update(&p->base);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static void pty_update(Chardev *c)
{
    PtyChardev *p = (PtyChardev *)c;
    chardev_source_clear(&p->read);
    chardev_source_clear(&p->look);
    if (p->fd < 0) {
        return;
    }
    if (chardev_connected(c) && chardev_can_receive(c)) {
        p->read = chardev_source(c, p->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, pty_readable);
    } else {
        p->look = chardev_timer(c, PTY_LOOK_MS, pty_look);
    }
}

static gssize pty_write(Chardev *c, const uint8_t *buf, size_t len)
{
    PtyChardev *p = (PtyChardev *)c;
    if (!pty_has_peer(p)) {
        return -1;
    }
    return chardev_fd_write(p->fd, buf, len);
}

static int pty_write_fd(Chardev *c)
{
    return ((PtyChardev *)c)->fd;
}

/* Raw mode on the slave; opening and closing it also makes the master report that it is unused. */
static bool pty_prepare(const char *name)
{
    struct termios raw;
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) {
        return false;
    }
    if (!tcgetattr(slave, &raw)) {
        cfmakeraw(&raw);
        tcsetattr(slave, TCSAFLUSH, &raw);
    }
    close(slave);
    return true;
}

static bool pty_open(Chardev *c, const ChardevConfig *config, GError **error)
{
    PtyChardev *p = (PtyChardev *)c;
    char name[128];
    p->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (p->fd < 0 || grantpt(p->fd) || unlockpt(p->fd) || ptsname_r(p->fd, name, sizeof(name)) ||
        !pty_prepare(name)) {
        return chardev_error_errno(error, "make", "pty", errno);
    }
    if (config->path) {
        if (symlink(name, config->path)) {
            return chardev_error_errno(error, "make the link", config->path, errno);
        }
        p->link = g_strdup(config->path);
    }
    chardev_set_filename(c, "pty:%s", name);
    pty_update(c);
    return true;
}

static void pty_close(Chardev *c)
{
    PtyChardev *p = (PtyChardev *)c;
    chardev_source_clear(&p->read);
    chardev_source_clear(&p->look);
    if (p->fd >= 0) {
        close(p->fd);
    }
    if (p->link) {
        unlink(p->link);
        g_free(p->link);
    }
}

const ChardevOps chardev_pty_ops = {
    .size = sizeof(PtyChardev),
    .movable = true,
    .open = pty_open,
    .close = pty_close,
    .write = pty_write,
    .write_fd = pty_write_fd,
    .update = pty_update,
};
