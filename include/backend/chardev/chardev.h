/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices: byte streams between a guest device (or a monitor) and the host.
 *
 * A Chardev is the host end: a socket, a file, a pty, the standard streams, a ring buffer. It is
 * made from a ChardevConfig and lives in a Chardevs, which knows it by its id. At most one
 * ChardevFrontend is attached to it (a mux lets several share one). Nothing here queues output:
 * a write takes what the host takes now, and a frontend that wants to send more asks for a call
 * when there is room.
 *
 * Threads: a chardev belongs to the thread that runs its GMainContext, which is the default one
 * (the main loop, VM lock held) unless chardev_frontend_set_context() moved it. All calls on it and
 * all callbacks from it happen there. chardev_filename() and chardev_connected() may be called
 * from any thread.
 */
#ifndef FERRY_BACKEND_CHARDEV_CHARDEV_H
#define FERRY_BACKEND_CHARDEV_CHARDEV_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/io/fdset.h"
#include "base/io/socket-address.h"

#define FERRY_CHARDEV_ERROR (chardev_error_quark())
GQuark chardev_error_quark(void);

typedef enum ChardevErrorCode {
    CHARDEV_ERROR_CONFIG,   /* a malformed or unknown option */
    CHARDEV_ERROR_OPEN,     /* the host refused */
    CHARDEV_ERROR_BUSY,     /* in use by another frontend */
    CHARDEV_ERROR_NOTFOUND, /* no chardev of that id */
    CHARDEV_ERROR_EXISTS,   /* id taken */
    CHARDEV_ERROR_KIND,     /* this kind of chardev cannot do that */
} ChardevErrorCode;

typedef struct Chardev Chardev;
typedef struct Chardevs Chardevs;

typedef enum ChardevKind {
    CHARDEV_KIND_NULL,
    CHARDEV_KIND_FILE,
    CHARDEV_KIND_PIPE,
    CHARDEV_KIND_PTY,
    CHARDEV_KIND_STDIO,
    CHARDEV_KIND_SOCKET,
    CHARDEV_KIND_RINGBUF,
    CHARDEV_KIND_MEMORY, /* the old name of ringbuf */
    CHARDEV_KIND_VC,     /* a text console; without a display it swallows output */
    CHARDEV_KIND_MUX,    /* made by mux=on around another one */
    CHARDEV_KIND__COUNT,
} ChardevKind;

/* What to make. Strings are owned; free with chardev_config_free(). */
typedef struct ChardevConfig {
    char *id;
    ChardevKind kind;
    bool mux;            /* put a mux in front */
    char *logfile;       /* copy of everything that the frontend writes */
    bool logappend;      /* add to the log instead of truncating it */
    char *path;          /* file: output; pipe: path; pty: link to make to the slave */
    char *path_in;       /* file: input, or NULL */
    bool append;         /* file: add to the output */
    bool signal;         /* stdio: C-c raises SIGINT instead of reaching the guest */
    uint64_t size;       /* ringbuf: bytes, a power of two; 0 = 65536 */
    SocketAddress *addr; /* socket */
    bool server;         /* socket: listen (QMP's default is true, that of option strings false) */
    bool wait;           /* socket server: block until the first client came */
    bool nodelay;
    uint32_t reconnect_ms; /* socket client: try again after this time; 0 = never */
} ChardevConfig;

ChardevConfig *chardev_config_new(const char *id, ChardevKind kind);
void chardev_config_free(ChardevConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChardevConfig, chardev_config_free)

/* "socket" and so on, or NULL. */
const char *chardev_kind_name(ChardevKind kind);
/* False when no kind has that name. */
bool chardev_kind_from_name(const char *name, ChardevKind *kind);

/* Parse the argument of -chardev: KIND,id=ID[,key=value...]; "," inside a value is written ",,". */
ChardevConfig *chardev_config_parse(const char *text, GError **error);

/*
 * Parse the short spelling that -serial, -parallel, -monitor and -qmp take (without "chardev:" and
 * "none", which name no new chardev): stdio, mon:SPEC, unix:PATH[,server=on...], tcp:HOST:PORT,
 * file:PATH, pipe:PATH, pty, null, vc, ringbuf. *with_monitor is set when the spelling started with
 * "mon:" (the chardev then is a mux that a human monitor shares).
 */
ChardevConfig *chardev_config_parse_legacy(const char *id, const char *text, bool *with_monitor,
                                           GError **error);

/* The set (vm->chardevs) owns the chardevs. fdsets is borrowed (may be NULL: then /dev/fdset/N is refused). */
Chardevs *chardevs_new(FdSets *fdsets);
void chardevs_free(Chardevs *chardevs);
/* What C-a x on a mux does (the composition root ends the program). */
void chardevs_on_quit(Chardevs *chardevs, void (*quit)(void *opaque), void *opaque);
/* Open and add. The pointer is borrowed from the set. */
Chardev *chardevs_add(Chardevs *chardevs, const ChardevConfig *config, GError **error);
/* NULL when unknown. */
Chardev *chardevs_find(Chardevs *chardevs, const char *id);
/* As find, with an error "chardev 'X' not found". */
Chardev *chardevs_lookup(Chardevs *chardevs, const char *id, GError **error);
/* Refused when a frontend is attached. */
bool chardevs_remove(Chardevs *chardevs, const char *id, GError **error);
/*
 * Replace the chardev called id by one made from config (config->id is ignored); its frontend, if
 * any, keeps working on the new one. Refused for a mux and when a callback of it is running.
 */
bool chardevs_change(Chardevs *chardevs, const char *id, const ChardevConfig *config,
                     GError **error);
typedef void (*ChardevsFunc)(Chardev *chardev, void *opaque);
/* In order of creation. */
void chardevs_foreach(Chardevs *chardevs, ChardevsFunc func, void *opaque);

const char *chardev_id(const Chardev *chardev);
ChardevKind chardev_kind(const Chardev *chardev);
/* What query-chardev shows ("pty:/dev/pts/3", "unix:/x,server=on", ...). Free with g_free(). */
char *chardev_filename(Chardev *chardev);
/* Whether a peer is there (always, for kinds that cannot lose theirs). */
bool chardev_connected(Chardev *chardev);
/* Whether an attached frontend is open; what query-chardev calls frontend-open. */
bool chardev_frontend_is_open(const Chardev *chardev);
bool chardev_is_mux(const Chardev *chardev);
/* Whether it can be moved to another GMainContext (not a mux). */
bool chardev_can_move(const Chardev *chardev);
/* Send a break to the frontend, as if the peer had (chardev-send-break). */
void chardev_inject_break(Chardev *chardev);

/* ringbuf: read up to len bytes out of what the guest wrote; returns the count. */
size_t chardev_ringbuf_read(Chardev *chardev, uint8_t *buf, size_t len, GError **error);
/* ringbuf: put bytes into the buffer; the oldest are overwritten when it is full. */
bool chardev_ringbuf_write(Chardev *chardev, const uint8_t *buf, size_t len, GError **error);

typedef enum ChardevEvent {
    CHARDEV_EVENT_OPENED, /* the peer is there: also given at attach when it already is */
    CHARDEV_EVENT_CLOSED, /* the peer went away */
    CHARDEV_EVENT_BREAK,  /* line break */
    CHARDEV_EVENT_MUX_IN, /* this frontend has the focus of a mux */
    CHARDEV_EVENT_MUX_OUT,
} ChardevEvent;

typedef struct ChardevFrontendOps {
    /* How many bytes receive() would take now; 0 stops reading until accept_input. NULL: 4096. */
    size_t (*can_receive)(void *opaque);
    /* len is at most what can_receive() answered. */
    void (*receive)(void *opaque, const uint8_t *buf, size_t len);
    void (*event)(void *opaque, ChardevEvent event); /* may be NULL */
} ChardevFrontendOps;

/* Embedded in whoever uses a chardev; zero-initialised means not attached. */
typedef struct ChardevFrontend {
    Chardev *chardev; /* borrowed from the set; NULL when not attached */
    const ChardevFrontendOps *ops;
    void *opaque;
    unsigned mux_tag; /* private to the mux */
    bool open;
    GSource *watch; /* owned; the pending call when there is room */
    void (*watch_func)(void *opaque);
    GSource *kick; /* owned; the pending look at can_receive() */
} ChardevFrontend;

/*
 * Take the chardev; a mux gives a further place, anything else refuses a second frontend. The
 * OPENED event comes before return when the peer is already there. The frontend counts as open.
 */
bool chardev_frontend_attach(ChardevFrontend *frontend, Chardev *chardev,
                             const ChardevFrontendOps *ops, void *opaque, GError **error);
void chardev_frontend_detach(ChardevFrontend *frontend);
bool chardev_frontend_attached(const ChardevFrontend *frontend);
/* Tell the host side whether the guest has the port open (virtio-console). */
void chardev_frontend_set_open(ChardevFrontend *frontend, bool open);
/* Move the chardev to a context; call right after attach, before that context runs. */
bool chardev_frontend_set_context(ChardevFrontend *frontend, GMainContext *context, GError **error);
/* can_receive() may have grown: read again. */
void chardev_frontend_accept_input(ChardevFrontend *frontend);

/*
 * Write without blocking. Returns how many bytes the host took, 0 when it takes none now. With no
 * peer, or on a host error, all bytes count as taken (and are gone), so that a guest never
 * stalls on a lost terminal. An unattached frontend takes everything too.
 */
size_t chardev_write(ChardevFrontend *frontend, const uint8_t *buf, size_t len);
/* Call func once, from the chardev's context, when a write may take bytes again. */
void chardev_frontend_watch(ChardevFrontend *frontend, void (*func)(void *opaque));
void chardev_frontend_unwatch(ChardevFrontend *frontend);
/* Write everything, waiting for the peer at most timeout_ms; for use outside the guest's path. */
bool chardev_write_all(ChardevFrontend *frontend, const uint8_t *buf, size_t len, int timeout_ms);

/* Take up to n descriptors that came with the bytes received last (SCM_RIGHTS); the caller owns. */
size_t chardev_frontend_take_fds(ChardevFrontend *frontend, int *fds, size_t n);
/* Break the connection as a network failure would; false: this kind has none that could be. Any
   thread, as long as the chardev is not removed meanwhile. */
bool chardev_yank(Chardev *c);
bool chardev_yankable(const Chardev *c);
/* Drop the peer (socket server: listen again). */
void chardev_frontend_disconnect(ChardevFrontend *frontend);

/* Serial line settings; a chardev that has none ignores them. */
void chardev_frontend_set_break(ChardevFrontend *frontend, bool on);

#endif
