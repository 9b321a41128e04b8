/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux: several frontends share one chardev (a serial port and a human monitor on one terminal).
 * Output of all goes through; input goes to the one with the focus. C-a starts a command of the
 * mux itself: C-a c switches the focus, C-a h lists the others.
 *
 * Input for a frontend that has no room waits in a small queue of its own; when that is full the
 * base is not read.
 */
#include <string.h>

#include "chardev-priv.h"

#define MUX_MAX    16
#define MUX_QUEUE  256
#define MUX_ESCAPE 0x01

typedef struct {
    ChardevFrontend *fe; /* borrowed; NULL: place not in use */
    uint8_t queue[MUX_QUEUE];
    unsigned head, len;
} MuxPlace;

typedef struct {
    Chardev base;
    ChardevFrontend host; /* our place on the chardev behind */
    MuxPlace places[MUX_MAX];
    int focus; /* -1: nobody */
    bool escaped, timestamps, line_start;
    gint64 start_us;
} MuxChardev;

static void place_event(MuxChardev *m, int i, ChardevEvent event)
{
    if (i >= 0 && m->places[i].fe && m->places[i].fe->ops->event) {
        m->places[i].fe->ops->event(m->places[i].fe->opaque, event);
    }
}

/* Give the place what waits for it. */
static void place_drain(MuxPlace *p)
{
    while (p->fe && p->len) {
        size_t room = p->fe->ops->can_receive ? p->fe->ops->can_receive(p->fe->opaque) : MUX_QUEUE;
        size_t n = MIN(MIN(room, p->len), MUX_QUEUE - p->head);
        if (!n) {
            return;
        }
        uint8_t chunk[MUX_QUEUE];
        memcpy(chunk, p->queue + p->head, n);
        p->head = (p->head + n) % MUX_QUEUE;
        p->len -= n;
        p->fe->ops->receive(p->fe->opaque, chunk, n);
    }
}

void chardev_mux_break(Chardev *c)
{
    MuxChardev *m = (MuxChardev *)c;
    place_event(m, m->focus, CHARDEV_EVENT_BREAK);
}

static void mux_focus(MuxChardev *m, int to)
{
    if (to != m->focus) {
        place_event(m, m->focus, CHARDEV_EVENT_MUX_OUT);
        m->focus = to;
        place_event(m, to, CHARDEV_EVENT_MUX_IN);
    }
}

static void say(MuxChardev *m, const char *text)
{
    chardev_write(&m->host, (const uint8_t *)text, strlen(text));
}

static void mux_help(MuxChardev *m)
{
    say(m, "\r\nC-a h    print this help\r\n"
           "C-a x    exit emulator\r\n"
           "C-a t    toggle console timestamps\r\n"
           "C-a b    send break (magic sysrq)\r\n"
           "C-a c    switch between console and monitor\r\n"
           "C-a C-a  sends C-a\r\n");
}

static void mux_next(MuxChardev *m)
{
    for (int i = 1; i <= MUX_MAX; i++) {
        int to = (m->focus + i) % MUX_MAX;
        if (m->places[to].fe) {
            mux_focus(m, to);
            return;
        }
    }
}

/* The byte after C-a. True when it is to be sent on. */
static bool mux_command(MuxChardev *m, uint8_t byte)
{
    switch (byte) {
    case 'h':
    case '?': mux_help(m); return false;
    case 'x':
        say(m, "\r\nFerry: terminated\r\n");
        chardevs_quit(m->base.set);
        return false;
    case 't':
        m->timestamps = !m->timestamps;
        m->start_us = g_get_monotonic_time();
        m->line_start = false;
        return false;
    case 'b': place_event(m, m->focus, CHARDEV_EVENT_BREAK); return false;
    case 'c': mux_next(m); return false;
    default: return byte == MUX_ESCAPE;
    }
}

static size_t mux_can_receive(void *opaque)
{
    MuxChardev *m = opaque;
    return m->focus < 0 ? MUX_QUEUE : MUX_QUEUE - m->places[m->focus].len;
}

static void mux_receive(void *opaque, const uint8_t *buf, size_t len)
{
    MuxChardev *m = opaque;
    for (size_t i = 0; i < len; i++) {
        bool plain = buf[i] != MUX_ESCAPE;
        if (m->escaped) {
            m->escaped = false;
            plain = mux_command(m, buf[i]);
        } else if (!plain) {
            m->escaped = true;
        }
        MuxPlace *p = m->focus >= 0 ? &m->places[m->focus] : NULL;
        if (plain && p && p->len < MUX_QUEUE) {
            p->queue[(p->head + p->len++) % MUX_QUEUE] = buf[i];
        }
        /* At each byte that may change the focus, what came before must have been seen. */
        if (p && (i + 1 == len || buf[i + 1] == MUX_ESCAPE)) {
            place_drain(p);
        }
    }
}

static void mux_host_event(void *opaque, ChardevEvent event)
{
    MuxChardev *m = opaque;
    if (event == CHARDEV_EVENT_BREAK) {
        place_event(m, m->focus, event);
        return;
    }
    __atomic_store_n(&m->base.open, event == CHARDEV_EVENT_OPENED, __ATOMIC_RELAXED);
    for (int i = 0; i < MUX_MAX; i++) {
        place_event(m, i, event);
    }
}

static const ChardevFrontendOps mux_host_ops = {
    .can_receive = mux_can_receive,
    .receive = mux_receive,
    .event = mux_host_event,
};

bool chardev_mux_attach(Chardev *c, ChardevFrontend *fe, GError **error)
{
    MuxChardev *m = (MuxChardev *)c;
    for (unsigned i = 0; i < MUX_MAX; i++) {
        if (!m->places[i].fe) {
            m->places[i] = (MuxPlace){ .fe = fe };
            fe->mux_tag = i;
            c->fe = fe; /* any one: says that the chardev is in use */
            if (chardev_connected(c)) {
                place_event(m, i, CHARDEV_EVENT_OPENED);
            }
            /* The last to come has the focus: with "mon:stdio" the serial port, made after the
               monitor. */
            mux_focus(m, i);
            chardev_frontend_accept_input(&m->host);
            return true;
        }
    }
    g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_BUSY, "mux '%s' has %d frontends already",
                c->id, MUX_MAX);
    return false;
}

void chardev_mux_detach(Chardev *c, ChardevFrontend *fe)
{
    MuxChardev *m = (MuxChardev *)c;
    m->places[fe->mux_tag].fe = NULL;
    c->fe = NULL;
    for (int i = 0; i < MUX_MAX; i++) {
        c->fe = m->places[i].fe ? m->places[i].fe : c->fe;
    }
    if (m->focus == (int)fe->mux_tag) {
        m->focus = -1;
        for (int i = 0; i < MUX_MAX && m->focus < 0; i++) {
            if (m->places[i].fe) {
                mux_focus(m, i);
            }
        }
    }
}

/* accept_input of any frontend: let its queue flow, then look at the base again. */
static void mux_update(Chardev *c)
{
    MuxChardev *m = (MuxChardev *)c;
    for (int i = 0; i < MUX_MAX; i++) {
        place_drain(&m->places[i]);
    }
    chardev_frontend_accept_input(&m->host);
}

/* Output with the time since C-a t at the start of each line. */
static size_t write_stamped(MuxChardev *m, const uint8_t *buf, size_t len)
{
    for (size_t done = 0; done < len;) {
        if (m->line_start) {
            gint64 ms = (g_get_monotonic_time() - m->start_us) / 1000;
            g_autofree char *stamp =
                g_strdup_printf("[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000),
                                (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
            say(m, stamp);
            m->line_start = false;
        }
        const uint8_t *nl = memchr(buf + done, '\n', len - done);
        size_t n = nl ? (size_t)(nl + 1 - (buf + done)) : len - done;
        size_t taken = chardev_write(&m->host, buf + done, n);
        done += taken;
        m->line_start = taken == n && nl;
        if (taken < n) {
            return done;
        }
    }
    return len;
}

static gssize mux_write(Chardev *c, const uint8_t *buf, size_t len)
{
    MuxChardev *m = (MuxChardev *)c;
    return m->timestamps ? write_stamped(m, buf, len) : chardev_write(&m->host, buf, len);
}

static int mux_write_fd(Chardev *c)
{
    Chardev *host = ((MuxChardev *)c)->host.chardev;
    return host && host->ops->write_fd ? host->ops->write_fd(host) : -1;
}

static void mux_close(Chardev *c)
{
    MuxChardev *m = (MuxChardev *)c;
    for (int i = 0; i < MUX_MAX; i++) {
        if (m->places[i].fe) {
            chardev_frontend_detach(m->places[i].fe);
        }
    }
    chardev_frontend_detach(&m->host);
}

Chardev *chardev_mux_new(Chardevs *set, const char *id, Chardev *base, GError **error)
{
    Chardev *c = chardev_alloc(set, &chardev_mux_ops, CHARDEV_KIND_MUX, id);
    MuxChardev *m = (MuxChardev *)c;
    m->focus = -1;
    if (!chardev_frontend_attach(&m->host, base, &mux_host_ops, m, error)) {
        chardev_close(c);
        return NULL;
    }
    return c;
}

const ChardevOps chardev_mux_ops = {
    .size = sizeof(MuxChardev),
    .close = mux_close,
    .write = mux_write,
    .write_fd = mux_write_fd,
    .update = mux_update,
};
