/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chardevs on plain descriptors: file, pipe and the standard streams. One reads (may be -1), one
 * writes. They have no peer that could come and go; end of file on input just ends reading.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "chardev-priv.h"

typedef struct {
    Chardev base;
    int in, out;
    GSource *read;
    bool borrowed; /* the standard streams: give back, do not close */
    int in_flags, out_flags;
    bool have_tty;
    struct termios tty;
} FdChardev;

static void fd_update(Chardev *c);

static gboolean fd_readable(int fd, GIOCondition condition, gpointer opaque)
{
    FdChardev *f = opaque;
    uint8_t buf[4096];
    size_t room = MIN(chardev_can_receive(&f->base), sizeof(buf));
    if (!room) {
        chardev_source_clear(&f->read);
        return G_SOURCE_REMOVE;
    }
    gssize n = read(fd, buf, room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    if (n <= 0) {
        chardev_source_clear(&f->read);
        if (!f->borrowed) {
            close(f->in);
        }
        f->in = -1; /* output goes on, so this is not CLOSED */
        return G_SOURCE_REMOVE;
    }
    chardev_receive(&f->base, buf, n);
    return G_SOURCE_CONTINUE;
}

static void fd_update(Chardev *c)
{
    FdChardev *f = (FdChardev *)c;
    chardev_source_clear(&f->read);
    if (f->in >= 0 && chardev_can_receive(c)) {
        f->read = chardev_source(c, f->in, G_IO_IN | G_IO_HUP | G_IO_ERR, fd_readable);
    }
}

static gssize fd_write(Chardev *c, const uint8_t *buf, size_t len)
{
    return chardev_fd_write(((FdChardev *)c)->out, buf, len);
}

static int fd_write_fd(Chardev *c)
{
    return ((FdChardev *)c)->out;
}

static void fd_close(Chardev *c)
{
    FdChardev *f = (FdChardev *)c;
    chardev_source_clear(&f->read);
    if (f->have_tty) {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &f->tty);
    }
    if (f->borrowed) {
        fcntl(STDIN_FILENO, F_SETFL, f->in_flags);
        fcntl(STDOUT_FILENO, F_SETFL, f->out_flags);
        return;
    }
    if (f->in >= 0) {
        close(f->in);
    }
    if (f->out >= 0 && f->out != f->in) {
        close(f->out);
    }
}

static bool file_open(Chardev *c, const ChardevConfig *config, GError **error)
{
    FdChardev *f = (FdChardev *)c;
    f->in = f->out = -1;
    if (!config->path) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG,
                    "chardev '%s': file needs a path", c->id);
        return false;
    }
    if (config->path_in) {
        f->in =
            fd_sets_open(chardevs_fdsets(c->set), config->path_in, O_RDONLY | O_NONBLOCK, 0, error);
        if (f->in < 0) {
            return false;
        }
    }
    f->out = fd_sets_open(chardevs_fdsets(c->set), config->path,
                          O_WRONLY | O_CREAT | (config->append ? O_APPEND : O_TRUNC), 0666, error);
    return f->out >= 0;
}

static bool pipe_open(Chardev *c, const ChardevConfig *config, GError **error)
{
    FdChardev *f = (FdChardev *)c;
    f->in = f->out = -1;
    if (!config->path) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG,
                    "chardev '%s': pipe needs a path", c->id);
        return false;
    }
    g_autofree char *in = g_strconcat(config->path, ".in", NULL);
    g_autofree char *out = g_strconcat(config->path, ".out", NULL);
    /* Read and write, so that opening does not wait for the other side and it may come back. */
    f->in = open(in, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    f->out = open(out, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (f->in >= 0 && f->out >= 0) {
        chardev_set_filename(c, "pipe:%s", config->path);
        return true;
    }
    if (f->in >= 0) {
        close(f->in);
    }
    if (f->out >= 0) {
        close(f->out);
    }
    f->in = f->out = open(config->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (f->in < 0) {
        return chardev_error_errno(error, "open", config->path, errno);
    }
    chardev_set_filename(c, "pipe:%s", config->path);
    return true;
}

static void stdio_find(Chardev *c, void *opaque)
{
    if (c->kind == CHARDEV_KIND_STDIO) {
        *(Chardev **)opaque = c;
    }
}

static bool stdio_open(Chardev *c, const ChardevConfig *config, GError **error)
{
    FdChardev *f = (FdChardev *)c;
    Chardev *other = NULL;
    f->in = f->out = -1;
    chardevs_foreach(c->set, stdio_find, &other);
    if (other) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_BUSY,
                    "cannot use stdio by multiple character devices: '%s' has it", other->id);
        return false;
    }
    f->in_flags = fcntl(STDIN_FILENO, F_GETFL);
    f->out_flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (f->in_flags < 0 || f->out_flags < 0) {
        return chardev_error_errno(error, "use", "stdio", errno);
    }
    f->borrowed = true;
    f->in = STDIN_FILENO;
    f->out = STDOUT_FILENO;
    fcntl(STDIN_FILENO, F_SETFL, f->in_flags | O_NONBLOCK);
    fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
    if (isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &f->tty)) {
        struct termios raw = f->tty;
        f->have_tty = true;
        raw.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
        raw.c_oflag |= OPOST;
        raw.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
        if (!config->signal) {
            raw.c_lflag &= ~ISIG;
        }
        raw.c_cflag = (raw.c_cflag & ~(CSIZE | PARENB)) | CS8;
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    return true;
}

#define FD_OPS                                                                          \
    .size = sizeof(FdChardev), .movable = true, .always_open = true, .close = fd_close, \
    .write = fd_write, .write_fd = fd_write_fd, .update = fd_update

const ChardevOps chardev_file_ops = { FD_OPS, .open = file_open };
const ChardevOps chardev_pipe_ops = { FD_OPS, .open = pipe_open };
const ChardevOps chardev_stdio_ops = { FD_OPS, .open = stdio_open };
