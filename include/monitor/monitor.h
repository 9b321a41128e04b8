/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitors: QMP and human connections on chardevs.
 *
 * vm->monitors owns them all. A QMP monitor reads and writes in a thread of its own (so that
 * out-of-band commands work while the main loop is stuck), in-band commands run in the main loop
 * under the VM lock, one at a time, in the order of each connection. A monitor on a mux, and every
 * human monitor, lives in the main loop altogether and has no out-of-band commands.
 */
#pragma once
#include <glib.h>
#include "backend/chardev/chardev.h"
#include "base/core/vm.h"
#include "base/io/fdset.h"
#include "monitor/hmp.h"
#include "monitor/schema.h"

typedef struct Monitors Monitors;
typedef struct Monitor Monitor;

/* One command being carried out. */
typedef struct {
    Vm *vm;
    Monitors *monitors;
    Monitor *monitor; /* who asked; NULL in tests */
    GArray *fds;      /* int: descriptors that came with the command; whoever takes one owns it */
    bool oob;         /* in the monitor thread, without the VM lock */
} QmpCall;

/*
 * Carry out a command. args is checked (never NULL). Returns the "return" member, owned by the
 * caller, or NULL: with *error set a failure, without it {}.
 */
typedef struct json_object *(*QmpHandler)(QmpCall *call, struct json_object *args, GError **error);

typedef struct {
    const QmpSchema *schema;
    const QmpHandler *handlers; /* one for each of schema->commands */
    unsigned target;            /* QMP_TARGET_* of the guest */
    const HmpCommand *hmp;      /* table ended by a NULL name; may be NULL */
    FdSets *fdsets;             /* borrowed */
    const char *package;        /* of query-version and the greeting */
    void *host;                 /* the composition root's own, for its handlers */
} MonitorsConfig;

typedef enum {
    MONITOR_QMP,
    MONITOR_HUMAN
} MonitorMode;

/* Sets vm->monitors and the event port. The config's pointers are borrowed for good. */
Monitors *monitors_new(Vm *vm, const MonitorsConfig *config);
/* Sends what is still queued (at most a second for each peer), then closes all. VM lock held. */
void monitors_free(Monitors *monitors);

/*
 * A monitor on a chardev (from -mon, -qmp, -monitor). pretty: QMP replies over several lines.
 * Connections are served from now on, commands run once the main loop does.
 */
bool monitors_add(Monitors *monitors, Chardev *chardev, MonitorMode mode, bool pretty,
                  GError **error);

/* Send an event to every QMP client past negotiation; data is consumed, may be NULL. Any thread. */
void monitors_event(Monitors *monitors, const char *name, struct json_object *data);

/* Run one command as if a client had sent it; for tests and the command line. VM lock held. */
struct json_object *monitors_execute(Monitors *monitors, const char *command,
                                     struct json_object *args, GError **error);
/* Run one human command; the text it printed, the caller owns it. */
char *monitors_human(Monitors *monitors, Monitor *monitor, const char *line, int cpu_index);

const MonitorsConfig *monitors_config(const Monitors *monitors);
Vm *monitors_vm(const Monitors *monitors);
/* {"qemu": {...}, "package": ...}, the caller owns it. */
struct json_object *monitors_version(const Monitors *monitors);

/* ---- descriptors passed in ---- */
/* The last descriptor that came with the command, or -1 and "No file descriptor supplied". */
int qmp_call_take_fd(QmpCall *call, GError **error);
/* getfd/closefd: named descriptors of a monitor. add takes the fd, replacing an older one. */
bool monitor_fd_add(Monitor *monitor, const char *name, int fd, GError **error);
bool monitor_fd_close(Monitor *monitor, const char *name, GError **error);
/* Take a named descriptor out: the caller owns it. -1 when there is none. */
int monitor_fd_take(Monitor *monitor, const char *name, GError **error);
/* "7" or the name of a getfd descriptor (which is taken out). */
int monitor_fd_param(Monitor *monitor, const char *text, GError **error);

/* qmp_capabilities: negotiation; part of the engine, called by the handler. */
bool qmp_negotiate(QmpCall *call, struct json_object *args, GError **error);
