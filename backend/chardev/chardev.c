/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The core of character devices: the set, and the place where one frontend meets one host end.
 *
 * Invariants:
 * 1. chardev->fe->chardev == chardev, or fe is NULL (a mux keeps its own list).
 * 2. receive() never gets more bytes than can_receive() said; kinds ask first, then read.
 * 3. A frontend sees OPENED and CLOSED alternate, beginning with OPENED.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "chardev-priv.h"

G_DEFINE_QUARK(ferry - chardev - error - quark, chardev_error)

struct Chardevs {
    GPtrArray *list; /* Chardev *, owned, by age */
    FdSets *fdsets;
    void (*quit)(void *opaque);
    void *quit_opaque;
};

static const struct {
    const char *name;
    const ChardevOps *ops;
} kinds[CHARDEV_KIND__COUNT] = {
    [CHARDEV_KIND_NULL] = { "null", &chardev_null_ops },
    [CHARDEV_KIND_FILE] = { "file", &chardev_file_ops },
    [CHARDEV_KIND_PIPE] = { "pipe", &chardev_pipe_ops },
    [CHARDEV_KIND_PTY] = { "pty", &chardev_pty_ops },
    [CHARDEV_KIND_STDIO] = { "stdio", &chardev_stdio_ops },
    [CHARDEV_KIND_SOCKET] = { "socket", &chardev_socket_ops },
    [CHARDEV_KIND_RINGBUF] = { "ringbuf", &chardev_ringbuf_ops },
    [CHARDEV_KIND_MEMORY] = { "memory", &chardev_ringbuf_ops },
    [CHARDEV_KIND_VC] = { "vc", &chardev_null_ops },
    [CHARDEV_KIND_MUX] = { "mux", &chardev_mux_ops },
};

const char *chardev_kind_name(ChardevKind kind)
{
    return kind < CHARDEV_KIND__COUNT ? kinds[kind].name : NULL;
}

bool chardev_kind_from_name(const char *name, ChardevKind *kind)
{
    for (int i = 0; i < CHARDEV_KIND__COUNT; i++) {
        if (!strcmp(kinds[i].name, name)) {
            *kind = i;
            return true;
        }
    }
    return false;
}

bool chardev_error_errno(GError **error, const char *what, const char *name, int err)
{
    g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_OPEN, "cannot %s '%s': %s", what, name,
                g_strerror(err));
    return false;
}

/* ---- the set ---- */

Chardevs *chardevs_new(FdSets *fdsets)
{
    Chardevs *set = g_new0(Chardevs, 1);
    set->list = g_ptr_array_new();
    set->fdsets = fdsets;
    return set;
}

FdSets *chardevs_fdsets(Chardevs *set)
{
    return set->fdsets;
}

void chardevs_on_quit(Chardevs *set, void (*quit)(void *opaque), void *opaque)
{
    set->quit = quit;
    set->quit_opaque = opaque;
}

void chardevs_quit(Chardevs *set)
{
    if (set->quit) {
        set->quit(set->quit_opaque);
    }
}

Chardev *chardev_alloc(Chardevs *set, const ChardevOps *ops, ChardevKind kind, const char *id)
{
    Chardev *c = g_malloc0(ops->size);
    c->ops = ops;
    c->kind = kind;
    c->id = g_strdup(id);
    c->set = set;
    c->log_fd = -1;
    c->open = ops->always_open;
    c->filename = g_strdup(kinds[kind].name);
    c->fds = g_array_new(FALSE, FALSE, sizeof(int));
    g_mutex_init(&c->lock);
    return c;
}

static void drop_fds(Chardev *c)
{
    for (guint i = 0; i < c->fds->len; i++) {
        close(g_array_index(c->fds, int, i));
    }
    g_array_set_size(c->fds, 0);
}

void chardev_close(Chardev *c)
{
    if (c->fe) {
        chardev_frontend_detach(c->fe);
    }
    if (c->ops->close) {
        c->ops->close(c);
    }
    if (c->log_fd >= 0) {
        close(c->log_fd);
    }
    drop_fds(c);
    g_array_unref(c->fds);
    g_mutex_clear(&c->lock);
    g_free(c->filename);
    g_free(c->id);
    g_free(c);
}

void chardevs_free(Chardevs *set)
{
    if (set) {
        while (set->list->len) { /* youngest first: a mux goes before what it is in front of */
            Chardev *c = g_ptr_array_steal_index(set->list, set->list->len - 1);
            chardev_close(c);
        }
        g_ptr_array_unref(set->list);
        g_free(set);
    }
}

Chardev *chardevs_find(Chardevs *set, const char *id)
{
    for (guint i = 0; set && i < set->list->len; i++) {
        Chardev *c = g_ptr_array_index(set->list, i);
        if (!strcmp(c->id, id)) {
            return c;
        }
    }
    return NULL;
}

Chardev *chardevs_lookup(Chardevs *set, const char *id, GError **error)
{
    Chardev *c = chardevs_find(set, id);
    if (!c) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_NOTFOUND, "chardev '%s' not found",
                    id);
    }
    return c;
}

bool chardev_yankable(const Chardev *c)
{
    return c->ops->yank != NULL;
}

bool chardev_yank(Chardev *c)
{
    if (c->ops->yank) {
        c->ops->yank(c);
    }
    return c->ops->yank != NULL;
}

void chardevs_foreach(Chardevs *set, ChardevsFunc func, void *opaque)
{
    for (guint i = 0; i < set->list->len; i++) {
        func(g_ptr_array_index(set->list, i), opaque);
    }
}

static bool id_ok(const char *id, GError **error)
{
    bool ok = id && g_ascii_isalpha(id[0]);
    for (const char *p = id; ok && *p; p++) {
        ok = g_ascii_isalnum(*p) || strchr("-._", *p);
    }
    if (!ok) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG,
                    "id '%s' is not a letter followed by letters, digits, '-', '.', '_'",
                    id ? id : "");
    }
    return ok;
}

static Chardev *open_one(Chardevs *set, const ChardevConfig *config, const char *id, GError **error)
{
    Chardev *c = chardev_alloc(set, kinds[config->kind].ops, config->kind, id);
    if (config->logfile) {
        int flags = O_WRONLY | O_CREAT | (config->logappend ? O_APPEND : O_TRUNC);
        c->log_fd = fd_sets_open(set->fdsets, config->logfile, flags, 0666, error);
        if (c->log_fd < 0) {
            chardev_close(c);
            return NULL;
        }
    }
    if (c->ops->open && !c->ops->open(c, config, error)) {
        chardev_close(c);
        return NULL;
    }
    return c;
}

Chardev *chardevs_add(Chardevs *set, const ChardevConfig *config, GError **error)
{
    if (!id_ok(config->id, error)) {
        return NULL;
    }
    g_autofree char *base_id =
        config->mux ? g_strdup_printf("%s-base", config->id) : g_strdup(config->id);
    if (chardevs_find(set, config->id) || chardevs_find(set, base_id)) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_EXISTS,
                    "Chardev with id '%s' already exists", config->id);
        return NULL;
    }
    if (config->kind == CHARDEV_KIND_MUX) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG,
                    "a mux is made with mux=on, not as a chardev of its own");
        return NULL;
    }
    Chardev *c = open_one(set, config, base_id, error);
    if (!c) {
        return NULL;
    }
    Chardev *mux = NULL;
    if (config->mux) {
        mux = chardev_mux_new(set, config->id, c, error);
        if (!mux) {
            chardev_close(c);
            return NULL;
        }
    }
    g_ptr_array_add(set->list, c);
    if (mux) {
        g_ptr_array_add(set->list, mux);
    }
    return mux ? mux : c;
}

bool chardevs_remove(Chardevs *set, const char *id, GError **error)
{
    Chardev *c = chardevs_lookup(set, id, error);
    if (!c) {
        return false;
    }
    if (c->fe || chardev_is_mux(c)) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_BUSY, "Chardev '%s' is busy", id);
        return false;
    }
    g_ptr_array_remove(set->list, c);
    chardev_close(c);
    return true;
}

bool chardevs_change(Chardevs *set, const char *id, const ChardevConfig *config, GError **error)
{
    guint at;
    Chardev *old = chardevs_lookup(set, id, error);
    if (!old) {
        return false;
    }
    if (chardev_is_mux(old) || config->mux || old->context) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_KIND,
                    "Chardev '%s' cannot be changed: it is a mux or carries a monitor", id);
        return false;
    }
    Chardev *c = open_one(set, config, id, error);
    if (!c) {
        return false;
    }
    g_ptr_array_find(set->list, old, &at);
    g_ptr_array_index(set->list, at) = c;
    ChardevFrontend *fe = old->fe;
    if (fe) {
        const ChardevFrontendOps *ops = fe->ops;
        void *opaque = fe->opaque;
        bool open = fe->open;
        chardev_frontend_detach(fe);
        if (chardev_connected(old) && ops->event) {
            ops->event(opaque, CHARDEV_EVENT_CLOSED);
        }
        chardev_frontend_attach(fe, c, ops, opaque, NULL); /* c is new: nobody else has it */
        fe->open = open;
    }
    chardev_close(old);
    return true;
}

/* ---- asking ---- */

const char *chardev_id(const Chardev *c)
{
    return c ? c->id : "(none)";
}

ChardevKind chardev_kind(const Chardev *c)
{
    return c->kind;
}

char *chardev_filename(Chardev *c)
{
    g_mutex_lock(&c->lock);
    char *name = g_strdup(c->filename);
    g_mutex_unlock(&c->lock);
    return name;
}

void chardev_set_filename(Chardev *c, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *name = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_mutex_lock(&c->lock);
    g_free(c->filename);
    c->filename = name;
    g_mutex_unlock(&c->lock);
}

bool chardev_connected(Chardev *c)
{
    return __atomic_load_n(&c->open, __ATOMIC_RELAXED);
}

bool chardev_frontend_is_open(const Chardev *c)
{
    return c->fe && c->fe->open;
}

bool chardev_is_mux(const Chardev *c)
{
    return c->kind == CHARDEV_KIND_MUX;
}

bool chardev_can_move(const Chardev *c)
{
    return c->ops->movable;
}

/* ---- sources ---- */

GSource *chardev_source(Chardev *c, int fd, GIOCondition condition, GUnixFDSourceFunc func)
{
    GSource *source = g_unix_fd_source_new(fd, condition);
    g_source_set_callback(source, G_SOURCE_FUNC(func), c, NULL);
    g_source_attach(source, c->context);
    return source;
}

GSource *chardev_timer(Chardev *c, unsigned ms, GSourceFunc func)
{
    GSource *source = g_timeout_source_new(ms);
    g_source_set_callback(source, func, c, NULL);
    g_source_attach(source, c->context);
    return source;
}

void chardev_source_clear(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

gssize chardev_fd_write(int fd, const uint8_t *buf, size_t len)
{
    for (;;) {
        gssize n = write(fd, buf, len);
        if (n >= 0) {
            return n;
        }
        if (errno == EAGAIN) {
            return 0;
        }
        if (errno != EINTR) {
            return -1;
        }
    }
}

/* ---- from the host to the frontend ---- */

void chardev_event(Chardev *c, ChardevEvent event)
{
    if (event == CHARDEV_EVENT_OPENED || event == CHARDEV_EVENT_CLOSED) {
        __atomic_store_n(&c->open, event == CHARDEV_EVENT_OPENED, __ATOMIC_RELAXED);
    }
    if (c->fe && c->fe->ops->event) {
        c->fe->ops->event(c->fe->opaque, event);
    }
}

void chardev_inject_break(Chardev *c)
{
    if (chardev_is_mux(c)) {
        chardev_mux_break(c);
    } else {
        chardev_event(c, CHARDEV_EVENT_BREAK);
    }
}

size_t chardev_can_receive(Chardev *c)
{
    if (!c->fe) {
        return 0;
    }
    return c->fe->ops->can_receive ? c->fe->ops->can_receive(c->fe->opaque) : 4096;
}

void chardev_receive(Chardev *c, const uint8_t *buf, size_t len)
{
    if (c->fe && c->fe->ops->receive) {
        c->fe->ops->receive(c->fe->opaque, buf, len);
    }
}

/* ---- the frontend's side ---- */

static void update(Chardev *c)
{
    if (c->ops->update) {
        c->ops->update(c);
    }
}

bool chardev_frontend_attach(ChardevFrontend *fe, Chardev *c, const ChardevFrontendOps *ops,
                             void *opaque, GError **error)
{
    g_return_val_if_fail(!fe->chardev, false);
    bool mux = chardev_is_mux(c);
    if (!mux && c->fe) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_BUSY, "chardev '%s' is in use",
                    c->id);
        return false;
    }
    *fe = (ChardevFrontend){ .chardev = c, .ops = ops, .opaque = opaque, .open = true };
    if (mux) {
        if (!chardev_mux_attach(c, fe, error)) {
            *fe = (ChardevFrontend){ 0 };
            return false;
        }
        return true;
    }
    c->fe = fe;
    update(c);
    if (chardev_connected(c) && ops->event) {
        ops->event(opaque, CHARDEV_EVENT_OPENED);
    }
    return true;
}

void chardev_frontend_detach(ChardevFrontend *fe)
{
    Chardev *c = fe->chardev;
    if (!c) {
        return;
    }
    chardev_source_clear(&fe->watch);
    chardev_source_clear(&fe->kick);
    if (chardev_is_mux(c)) {
        chardev_mux_detach(c, fe);
    } else {
        c->fe = NULL;
        c->context = NULL;
        update(c);
    }
    *fe = (ChardevFrontend){ 0 };
}

bool chardev_frontend_attached(const ChardevFrontend *fe)
{
    return fe->chardev != NULL;
}

void chardev_frontend_set_open(ChardevFrontend *fe, bool open)
{
    fe->open = open;
}

bool chardev_frontend_set_context(ChardevFrontend *fe, GMainContext *context, GError **error)
{
    Chardev *c = fe->chardev;
    if (!c->ops->movable) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_KIND,
                    "chardev '%s' cannot leave the main loop", c->id);
        return false;
    }
    chardev_source_clear(&fe->watch);
    chardev_source_clear(&fe->kick);
    c->context = context;
    update(c);
    return true;
}

static gboolean kick(gpointer opaque)
{
    ChardevFrontend *fe = opaque;
    chardev_source_clear(&fe->kick);
    update(fe->chardev);
    return G_SOURCE_REMOVE;
}

void chardev_frontend_accept_input(ChardevFrontend *fe)
{
    if (fe->chardev && !fe->kick) {
        fe->kick = g_idle_source_new();
        g_source_set_priority(fe->kick, G_PRIORITY_DEFAULT);
        g_source_set_callback(fe->kick, kick, fe, NULL);
        g_source_attach(fe->kick, fe->chardev->context);
    }
}

size_t chardev_write(ChardevFrontend *fe, const uint8_t *buf, size_t len)
{
    Chardev *c = fe->chardev;
    size_t taken = len;
    if (!c) {
        return len;
    }
    if (c->ops->write && chardev_connected(c)) {
        gssize n = c->ops->write(c, buf, len);
        taken = n < 0 ? len : (size_t)n;
    }
    if (c->log_fd >= 0 && taken) {
        /* The log is the operator's file; a full disk must not stop the guest. */
        if (write(c->log_fd, buf, taken) < 0) {
            close(c->log_fd);
            c->log_fd = -1;
        }
    }
    return taken;
}

static gboolean writable(int fd, GIOCondition condition, gpointer opaque)
{
    ChardevFrontend *fe = opaque;
    void (*func)(void *) = fe->watch_func;
    chardev_source_clear(&fe->watch);
    func(fe->opaque);
    return G_SOURCE_REMOVE;
}

static gboolean writable_at_once(gpointer opaque)
{
    return writable(-1, 0, opaque);
}

void chardev_frontend_watch(ChardevFrontend *fe, void (*func)(void *opaque))
{
    Chardev *c = fe->chardev;
    if (!c) {
        return;
    }
    fe->watch_func = func;
    if (fe->watch) {
        return;
    }
    int fd = c->ops->write_fd && chardev_connected(c) ? c->ops->write_fd(c) : -1;
    if (fd >= 0) {
        fe->watch = g_unix_fd_source_new(fd, G_IO_OUT | G_IO_HUP | G_IO_ERR);
        g_source_set_callback(fe->watch, G_SOURCE_FUNC(writable), fe, NULL);
    } else {
        fe->watch = g_idle_source_new();
        g_source_set_callback(fe->watch, writable_at_once, fe, NULL);
    }
    g_source_attach(fe->watch, c->context);
}

void chardev_frontend_unwatch(ChardevFrontend *fe)
{
    chardev_source_clear(&fe->watch);
}

bool chardev_write_all(ChardevFrontend *fe, const uint8_t *buf, size_t len, int timeout_ms)
{
    gint64 deadline = g_get_monotonic_time() + timeout_ms * G_GINT64_CONSTANT(1000);
    while (len) {
        size_t n = chardev_write(fe, buf, len);
        buf += n;
        len -= n;
        if (!len || !fe->chardev) {
            break;
        }
        gint64 left = (deadline - g_get_monotonic_time()) / 1000;
        int fd = fe->chardev->ops->write_fd ? fe->chardev->ops->write_fd(fe->chardev) : -1;
        if (left <= 0 || fd < 0) {
            return false;
        }
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        (void)poll(&p, 1, (int)left);
    }
    return true;
}

size_t chardev_frontend_take_fds(ChardevFrontend *fe, int *fds, size_t n)
{
    GArray *have = fe->chardev ? fe->chardev->fds : NULL;
    if (!have || !have->len) {
        return 0;
    }
    size_t take = MIN(n, have->len);
    memcpy(fds, have->data, take * sizeof(int));
    g_array_remove_range(have, 0, take);
    drop_fds(fe->chardev);
    return take;
}

void chardev_frontend_disconnect(ChardevFrontend *fe)
{
    if (fe->chardev && fe->chardev->ops->disconnect) {
        fe->chardev->ops->disconnect(fe->chardev);
    }
}

void chardev_frontend_set_break(ChardevFrontend *fe, bool on)
{
    if (fe->chardev && fe->chardev->ops->set_break) {
        fe->chardev->ops->set_break(fe->chardev, on);
    }
}
