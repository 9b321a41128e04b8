/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to the monitor room: the state of one connection and of the set.
 *
 * Monitor.lock guards what the monitor thread and the main loop share (out, queue, negotiated,
 * oob, session, fds). Everything else belongs to the monitor's home thread: the monitor thread for
 * a QMP monitor that could move, else the main loop.
 */
#pragma once
#include "framing-priv.h"
#include "monitor/json.h"
#include "monitor/monitor.h"

#define MONITOR_QUEUE_MAX 8           /* commands waiting, with oob on */
#define MONITOR_OUT_PAUSE (1u << 20)  /* bytes unsent: take no more commands */
#define MONITOR_OUT_DROP  (16u << 20) /* bytes unsent: events are lost */
#define MONITOR_CHUNK     4096        /* bytes read at once */

typedef struct Readline Readline;

typedef struct {
    Json *id; /* owned; NULL with has_id false */
    bool has_id;
    Json *request; /* owned */
    GError *error; /* owned: it never was a request; answer with this */
    GArray *fds;   /* int; owned */
    unsigned session;
} QmpRequest;

struct Monitor {
    Monitors *set; /* borrowed */
    MonitorMode mode;
    bool pretty;
    bool threaded; /* home is the monitor thread */
    ChardevFrontend fe;
    GSource *flush; /* owned; wakes the home thread to write and to read on */

    GMutex lock;
    GString *out;
    GQueue queue;     /* QmpRequest * */
    unsigned session; /* counts connections; answers to an older one are dropped */
    bool connected, negotiated, oob;
    bool running; /* one of its commands is being carried out */
    bool lost_events;
    GHashTable *fds; /* name -> fd */

    JsonFramer *framer;
    GByteArray *pending; /* received, not framed yet: at most MONITOR_CHUNK */
    GArray *pending_fds; /* int */

    Readline *readline; /* human */
    bool mux_focus, hello_due, prompt_due;
    int cpu_index;
};

struct Monitors {
    Vm *vm;
    const MonitorsConfig *config;
    GPtrArray *list; /* Monitor *, owned; fixed once the thread runs */
    GMutex list_lock;
    GMainContext *context; /* of the monitor thread; NULL until one is needed */
    GMainLoop *loop;
    GThread *thread;
    GSource *dispatch; /* in the main loop: carry out commands */
    guint next;        /* round robin */
    GMutex events_lock;
    GHashTable *throttle; /* "NAME:key" -> Throttle * */
};

/* qmp.c */
void monitor_qmp_event(void *opaque, ChardevEvent event);
size_t monitor_qmp_can_receive(void *opaque);
void monitor_qmp_receive(void *opaque, const uint8_t *buf, size_t len);
/* Carry out the oldest queued command, if any. Main loop. */
bool monitor_qmp_run_one(Monitor *m);
/* Take commands out of the bytes received, as far as flow control allows. Home thread. */
void monitor_qmp_pump(Monitor *m);
void qmp_request_free(QmpRequest *request);
void monitor_close_fds(GArray *fds);

/* monitors.c */
void monitors_kick(Monitors *set);
/* Queue bytes and wake the home thread. Any thread, lock held. */
void monitor_out_locked(Monitor *m, const GString *text);
/* Write what is queued. Home thread, lock not held. */
void monitor_flush(Monitor *m);
/* events.c */
void monitors_events_init(Monitors *set);
void monitors_events_clear(Monitors *set);

/* hmp.c */
/* Print what is due, if the monitor has the focus. Main loop. */
void monitor_hmp_prompt(Monitor *m);
void monitor_hmp_event(void *opaque, ChardevEvent event);
size_t monitor_hmp_can_receive(void *opaque);
void monitor_hmp_receive(void *opaque, const uint8_t *buf, size_t len);

/* readline.c: minimal line editing. */
typedef void (*ReadlineWrite)(void *opaque, const char *text, size_t len);
typedef void (*ReadlineDone)(void *opaque, const char *line);
Readline *readline_new(const char *prompt, ReadlineWrite write, ReadlineDone done, void *opaque);
void readline_free(Readline *r);
void readline_prompt(Readline *r);
void readline_byte(Readline *r, unsigned char c);
