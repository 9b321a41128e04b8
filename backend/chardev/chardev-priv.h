/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to the chardev room: what a kind of chardev implements, and what the core does for it.
 *
 * A kind embeds Chardev first and fills ChardevOps. It owns its GSources, makes them with
 * chardev_source() so that they live in the chardev's context, and makes them anew in update().
 */
#pragma once
#include <glib-unix.h>

#include "backend/chardev/chardev.h"

typedef struct {
    size_t size;      /* of the kind's struct */
    bool movable;     /* may live in another context */
    bool always_open; /* the peer is there from open() on */
    bool (*open)(Chardev *c, const ChardevConfig *config, GError **error);
    void (*close)(Chardev *c);
    /* Bytes taken, 0 = would block, -1 = failed (bytes are lost). NULL: everything vanishes. */
    gssize (*write)(Chardev *c, const uint8_t *buf, size_t len);
    /* Descriptor to wait on after write() took too little; -1 = none. */
    int (*write_fd)(Chardev *c);
    /* Make the sources that are wanted now in chr->context, drop the others. */
    void (*update)(Chardev *c);
    void (*disconnect)(Chardev *c);
    void (*set_break)(Chardev *c, bool on);
    void (*yank)(Chardev *c); /* breaks the connection; any thread */
} ChardevOps;

struct Chardev {
    const ChardevOps *ops;
    ChardevKind kind;
    char *id;
    Chardevs *set;         /* borrowed */
    ChardevFrontend *fe;   /* borrowed; NULL when nobody is attached */
    GMainContext *context; /* borrowed; NULL is the default one */
    bool open;             /* a peer is there; atomic */
    GMutex lock;           /* guards filename, and descriptors that yank looks at */
    char *filename;
    int log_fd;  /* -1: none */
    GArray *fds; /* int: received, not taken */
};

extern const ChardevOps chardev_null_ops, chardev_file_ops, chardev_pipe_ops, chardev_pty_ops,
    chardev_stdio_ops, chardev_socket_ops, chardev_ringbuf_ops, chardev_mux_ops;

FdSets *chardevs_fdsets(Chardevs *chardevs);
void chardevs_quit(Chardevs *chardevs);

void chardev_set_filename(Chardev *c, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Tell the frontend; OPENED and CLOSED also set open. */
void chardev_event(Chardev *c, ChardevEvent event);
/* How many bytes the frontend takes now; 0 without one. */
size_t chardev_can_receive(Chardev *c);
void chardev_receive(Chardev *c, const uint8_t *buf, size_t len);
bool chardev_error_errno(GError **error, const char *what, const char *name, int err);

/* An attached source on a descriptor; func is gboolean (*)(int fd, GIOCondition, gpointer c). */
GSource *chardev_source(Chardev *c, int fd, GIOCondition condition, GUnixFDSourceFunc func);
GSource *chardev_timer(Chardev *c, unsigned ms, GSourceFunc func);
void chardev_source_clear(GSource **source);
gssize chardev_fd_write(int fd, const uint8_t *buf, size_t len);

/* A mux in front of base (which becomes its own); mux.c. */
Chardev *chardev_mux_new(Chardevs *set, const char *id, Chardev *base, GError **error);
bool chardev_mux_attach(Chardev *mux, ChardevFrontend *fe, GError **error);
void chardev_mux_detach(Chardev *mux, ChardevFrontend *fe);
/* A break, to the one with the focus. */
void chardev_mux_break(Chardev *mux);
Chardev *chardev_alloc(Chardevs *set, const ChardevOps *ops, ChardevKind kind, const char *id);
void chardev_close(Chardev *c);
