/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels over descriptors: sockets, files, and a command behind two pipes. Descriptors are
 * non-blocking; a call waits in poll() together with an eventfd that channel_shutdown() signals.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "channel-priv.h"

#define HURRY_LOOK_MS 20

typedef struct {
    Channel c;
    int in, out; /* the same for sockets and files; -1: none */
    int cancel_fd;
    bool is_socket, is_file;
    GPid child; /* exec; 0: none */
} FdChannel;

static ssize_t io_error(const Channel *c, const char *what, GError **error)
{
    g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_SYSTEM, "%s: cannot %s: %s", c->name, what,
                g_strerror(errno));
    return -1;
}

/* How long one poll() may last; *@over: no longer at all. */
static int patience_ms(const FdChannel *f, int64_t hurry_until_us, bool *over)
{
    int64_t left_us = hurry_until_us - g_get_monotonic_time();
    *over = hurry_until_us && left_us <= 0;
    /* In a hurry the eventfd has served; a shutdown is noticed by looking. */
    return hurry_until_us ? (int)CLAMP(left_us / 1000, 1, HURRY_LOOK_MS) : f->c.timeout_ms;
}

static bool wait_for(FdChannel *f, int fd, short events, GError **error)
{
    for (;;) {
        struct pollfd fds[2] = { { .fd = fd, .events = events },
                                 { .fd = f->cancel_fd, .events = POLLIN } };
        int64_t hurry = __atomic_load_n(&f->c.hurry_until_us, __ATOMIC_ACQUIRE);
        bool over;
        int ms = patience_ms(f, hurry, &over);
        over = over || (hurry && events == POLLIN);
        int n = poll(fds, hurry ? 1 : 2, over ? 0 : ms);
        if (channel_is_cancelled(&f->c) || (over && n == 0)) {
            return channel_cancelled_error(&f->c, error);
        }
        if (n < 0 && errno != EINTR) {
            return io_error(&f->c, "wait", error) == 0;
        }
        if (n > 0 && fds[0].revents) {
            return true;
        }
        if (n == 0 && !hurry) {
            g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_TIMEOUT,
                        "%s: no progress within %d ms", f->c.name, f->c.timeout_ms);
            return false;
        }
    }
}

static ssize_t fd_read(Channel *c, void *buf, size_t len, GError **error)
{
    FdChannel *f = (FdChannel *)c;
    for (;;) {
        ssize_t n = read(f->in, buf, len);
        if (n >= 0) {
            return n;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return io_error(c, "read", error);
        }
        if (errno == EAGAIN && !wait_for(f, f->in, POLLIN, error)) {
            return -1;
        }
    }
}

static ssize_t fd_write(Channel *c, const void *buf, size_t len, GError **error)
{
    FdChannel *f = (FdChannel *)c;
    for (;;) {
        ssize_t n = f->is_socket ? send(f->out, buf, len, MSG_NOSIGNAL) : write(f->out, buf, len);
        if (n >= 0) {
            return n;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return io_error(c, "write", error);
        }
        if (errno == EAGAIN && !wait_for(f, f->out, POLLOUT, error)) {
            return -1;
        }
    }
}

static bool wait_child(FdChannel *f, GError **error)
{
    int status;
    pid_t pid;
    do {
        pid = waitpid(f->child, &status, 0);
    } while (pid < 0 && errno == EINTR);
    f->child = 0;
    if (pid < 0) {
        return io_error(&f->c, "wait for the command", error) == 0;
    }
    if (WIFSIGNALED(status)) {
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_SYSTEM,
                    "%s: the command died of signal %d", f->c.name, WTERMSIG(status));
        return false;
    }
    if (WEXITSTATUS(status)) {
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_SYSTEM,
                    "%s: the command ended with status %d", f->c.name, WEXITSTATUS(status));
        return false;
    }
    return true;
}

static bool fd_finish(Channel *c, GError **error)
{
    FdChannel *f = (FdChannel *)c;
    if (f->is_file && (c->features & CHANNEL_CAN_WRITE) && fdatasync(f->out) < 0 &&
        errno != EINVAL && errno != EROFS) {
        return io_error(c, "sync", error) == 0;
    }
    if (f->child) {
        if (f->out >= 0 && f->out != f->in) {
            close(f->out);
            f->out = -1;
        }
        return wait_child(f, error);
    }
    return true;
}

static void fd_shutdown(Channel *c)
{
    FdChannel *f = (FdChannel *)c;
    uint64_t one = 1;
    if (write(f->cancel_fd, &one, sizeof(one)) < 0) {
        g_warning("%s: cannot signal shutdown: %s", c->name, g_strerror(errno));
    }
    if (f->is_socket) {
        shutdown(f->in, SHUT_RDWR);
    }
    if (f->child) {
        kill(f->child, SIGTERM);
    }
}

static bool fd_stop_reading(Channel *c)
{
    FdChannel *f = (FdChannel *)c;
    return f->is_socket && shutdown(f->in, SHUT_RD) == 0;
}

static bool fd_hurry(Channel *c)
{
    FdChannel *f = (FdChannel *)c;
    return f->is_socket && eventfd_write(f->cancel_fd, 1) == 0;
}

static bool fd_seek(Channel *c, uint64_t offset, GError **error)
{
    FdChannel *f = (FdChannel *)c;
    if (!f->is_file || lseek(f->in, (off_t)offset, SEEK_SET) < 0) {
        errno = f->is_file ? errno : ESPIPE;
        return io_error(c, "seek", error) == 0;
    }
    return true;
}

static void fd_free(Channel *c)
{
    FdChannel *f = (FdChannel *)c;
    if (f->in >= 0) {
        close(f->in);
    }
    if (f->out >= 0 && f->out != f->in) {
        close(f->out);
    }
    if (f->child) {
        kill(f->child, SIGTERM);
        wait_child(f, NULL);
    }
    close(f->cancel_fd);
}

static const ChannelOps fd_ops = {
    .read = fd_read,
    .write = fd_write,
    .finish = fd_finish,
    .shutdown = fd_shutdown,
    .stop_reading = fd_stop_reading,
    .hurry = fd_hurry,
    .seek = fd_seek,
    .free = fd_free,
};

static void set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static unsigned features_of(int fd, FdChannel *f)
{
    struct stat st;
    int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
    unsigned features = mode == O_RDWR     ? CHANNEL_TWO_WAY
                        : mode == O_WRONLY ? CHANNEL_CAN_WRITE
                                           : CHANNEL_CAN_READ;
    if (fstat(fd, &st) == 0) {
        f->is_socket = S_ISSOCK(st.st_mode);
        f->is_file = S_ISREG(st.st_mode);
    }
    return features | (f->is_file ? CHANNEL_CAN_SEEK : 0);
}

static FdChannel *fd_channel_new(int in, int out, const char *what)
{
    FdChannel *f = g_new0(FdChannel, 1);
    channel_init(&f->c, &fd_ops, what, features_of(in, f));
    f->in = in;
    f->out = out;
    f->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    set_nonblocking(in);
    if (out != in) {
        set_nonblocking(out);
    }
    return f;
}

Channel *channel_new_fd(int fd, const char *what)
{
    return &fd_channel_new(fd, fd, what)->c;
}

Channel *channel_connect(const SocketAddress *addr, int timeout_ms, int cancel_fd, GError **error)
{
    g_autofree char *what = socket_address_format(addr);
    int fd = socket_address_connect_or_cancel(addr, timeout_ms, cancel_fd, error);
    return fd < 0 ? NULL : channel_new_fd(fd, what);
}

Channel *channel_open_file(const char *path, bool for_write, uint64_t offset, GError **error)
{
    int flags = for_write ? O_RDWR | O_CREAT | (offset ? 0 : O_TRUNC) : O_RDONLY;
    int fd = open(path, flags | O_CLOEXEC, 0660);
    if (fd < 0) {
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_SYSTEM, "cannot open '%s': %s", path,
                    g_strerror(errno));
        return NULL;
    }
    g_autofree char *what = g_strconcat("file:", path, NULL);
    g_autoptr(Channel) c = channel_new_fd(fd, what);
    if (offset && !channel_seek(c, offset, error)) {
        return NULL;
    }
    return g_steal_pointer(&c);
}

Channel *channel_exec(const char *command, GError **error)
{
    const char *argv[] = { "/bin/sh", "-c", command, NULL };
    GPid pid;
    int in, out;
    if (!g_spawn_async_with_pipes(NULL, (char **)argv, NULL,
                                  G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CLOEXEC_PIPES, NULL, NULL,
                                  &pid, &out, &in, NULL, error)) {
        return NULL;
    }
    g_autofree char *what = g_strconcat("exec:", command, NULL);
    FdChannel *f = fd_channel_new(in, out, what);
    f->c.features = CHANNEL_TWO_WAY;
    f->child = pid;
    return &f->c;
}

int channel_read_fd(const Channel *c)
{
    return c->ops == &fd_ops ? ((const FdChannel *)c)->in : -1;
}

bool channel_is_socket(const Channel *c)
{
    return c->ops == &fd_ops && ((const FdChannel *)c)->is_socket;
}
