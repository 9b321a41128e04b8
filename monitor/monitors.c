/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The set of monitors: their threads, their output, and who runs the next command.
 *
 *   monitor thread:  bytes -> requests -> queue          out -> bytes
 *   main loop:       queue -> handler (VM lock) -> reply appended to out
 *
 * The two meet only in Monitor.lock. Each side wakes the other by making a GSource of the other's
 * context ready.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/core/loop.h"
#include "base/util/version.h"
#include "monitor-priv.h"

/* A source without file descriptors that fires when its ready time is set to 0. */
static gboolean wake_dispatch(GSource *source, GSourceFunc func, gpointer opaque)
{
    g_source_set_ready_time(source, -1);
    return func(opaque);
}

static const GSourceFuncs wake_funcs = { .dispatch = wake_dispatch };

static GSource *wake_new(GMainContext *context, GSourceFunc func, void *opaque)
{
    GSource *source = g_source_new((GSourceFuncs *)&wake_funcs, sizeof(GSource));
    g_source_set_callback(source, func, opaque, NULL);
    g_source_set_ready_time(source, -1);
    g_source_attach(source, context);
    return source;
}

static void wake_free(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

void monitors_kick(Monitors *set)
{
    g_source_set_ready_time(set->dispatch, 0);
}

/* Main loop: one command of each monitor in turn, then let other sources run. */
static gboolean dispatch_commands(gpointer opaque)
{
    Monitors *set = opaque;
    bool any = false;
    guint n = set->list->len;
    for (guint i = 0; i < n; i++) {
        Monitor *m = g_ptr_array_index(set->list, (set->next + i) % n);
        if (m->mode == MONITOR_QMP) {
            any |= monitor_qmp_run_one(m);
        }
    }
    set->next++;
    if (any) {
        monitors_kick(set);
    }
    return G_SOURCE_CONTINUE;
}

void monitor_out_locked(Monitor *m, const GString *text)
{
    g_string_append_len(m->out, text->str, text->len);
    g_source_set_ready_time(m->flush, 0);
}

static void monitor_writable(void *opaque)
{
    Monitor *m = opaque;
    monitor_flush(m);
    if (m->mode == MONITOR_QMP) {
        monitor_qmp_pump(m);
    }
}

void monitor_flush(Monitor *m)
{
    for (;;) {
        g_mutex_lock(&m->lock);
        unsigned session = m->session;
        size_t len = MIN(m->out->len, 65536);
        g_autofree uint8_t *chunk = g_memdup2(m->out->str, len);
        g_mutex_unlock(&m->lock);
        if (!len) {
            return;
        }
        size_t sent = chardev_write(&m->fe, chunk, len);
        g_mutex_lock(&m->lock);
        if (m->session == session) {
            g_string_erase(m->out, 0, MIN(sent, m->out->len));
        }
        g_mutex_unlock(&m->lock);
        if (sent < len) {
            chardev_frontend_watch(&m->fe, monitor_writable);
            return;
        }
    }
}

static gboolean monitor_woken(gpointer opaque)
{
    Monitor *m = opaque;
    if (m->mode == MONITOR_HUMAN) {
        monitor_hmp_prompt(m);
    }
    monitor_writable(m);
    return G_SOURCE_CONTINUE;
}

static gpointer monitor_thread(gpointer opaque)
{
    Monitors *set = opaque;
    g_main_context_push_thread_default(set->context);
    g_main_loop_run(set->loop);
    g_main_context_pop_thread_default(set->context);
    return NULL;
}

/* ---- making ---- */

static void event_port(void *opaque, const char *name, GVariant *data)
{
    g_autoptr(GVariant) owned = data ? g_variant_ref_sink(data) : NULL;
    monitors_event(opaque, name, owned ? json_from_variant(owned) : NULL);
}

Monitors *monitors_new(Vm *vm, const MonitorsConfig *config)
{
    Monitors *set = g_new0(Monitors, 1);
    set->vm = vm;
    set->config = config;
    set->list = g_ptr_array_new();
    g_mutex_init(&set->list_lock);
    set->dispatch = wake_new(NULL, dispatch_commands, set);
    monitors_events_init(set);
    if (vm) {
        vm->monitors = set;
        vm->ports.event = event_port;
        vm->ports.event_opaque = set;
    }
    return set;
}

static Monitor *monitor_new(Monitors *set, MonitorMode mode, bool pretty, bool threaded)
{
    Monitor *m = g_new0(Monitor, 1);
    m->set = set;
    m->mode = mode;
    m->pretty = pretty;
    m->threaded = threaded;
    g_mutex_init(&m->lock);
    m->out = g_string_new(NULL);
    g_queue_init(&m->queue);
    m->fds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    m->framer = json_framer_new();
    m->pending = g_byte_array_new();
    m->pending_fds = g_array_new(FALSE, FALSE, sizeof(int));
    m->mux_focus = true;
    m->flush = wake_new(threaded ? set->context : NULL, monitor_woken, m);
    return m;
}

static void monitor_free(Monitor *m)
{
    wake_free(&m->flush);
    chardev_frontend_detach(&m->fe);
    g_string_free(m->out, TRUE);
    g_queue_clear_full(&m->queue, (GDestroyNotify)qmp_request_free);
    GHashTableIter iter;
    gpointer fd;
    g_hash_table_iter_init(&iter, m->fds);
    while (g_hash_table_iter_next(&iter, NULL, &fd)) {
        close(GPOINTER_TO_INT(fd));
    }
    g_hash_table_unref(m->fds);
    json_framer_free(m->framer);
    g_byte_array_unref(m->pending);
    monitor_close_fds(m->pending_fds);
    g_array_unref(m->pending_fds);
    readline_free(m->readline);
    g_mutex_clear(&m->lock);
    g_free(m);
}

/* Attach in the monitor thread, so that the chardev never has two homes; the maker waits. */
typedef struct {
    Monitor *m;
    Chardev *chardev;
    GError **error;
    bool done, ok;
    GMutex lock;
    GCond cond;
} AttachCall;

static const ChardevFrontendOps qmp_ops = {
    .can_receive = monitor_qmp_can_receive,
    .receive = monitor_qmp_receive,
    .event = monitor_qmp_event,
};

static const ChardevFrontendOps hmp_ops = {
    .can_receive = monitor_hmp_can_receive,
    .receive = monitor_hmp_receive,
    .event = monitor_hmp_event,
};

static gboolean attach_in_thread(gpointer opaque)
{
    AttachCall *call = opaque;
    Monitor *m = call->m;
    bool ok = chardev_frontend_attach(&m->fe, call->chardev, &qmp_ops, m, call->error);
    if (ok && !chardev_frontend_set_context(&m->fe, m->set->context, call->error)) {
        chardev_frontend_detach(&m->fe);
        ok = false;
    }
    g_mutex_lock(&call->lock);
    call->ok = ok;
    call->done = true;
    g_cond_signal(&call->cond);
    g_mutex_unlock(&call->lock);
    return G_SOURCE_REMOVE;
}

static bool attach_threaded(Monitor *m, Chardev *chardev, GError **error)
{
    AttachCall call = { .m = m, .chardev = chardev, .error = error };
    g_mutex_init(&call.lock);
    g_cond_init(&call.cond);
    g_autoptr(GSource) source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, attach_in_thread, &call, NULL);
    g_source_attach(source, m->set->context);
    g_mutex_lock(&call.lock);
    while (!call.done) {
        g_cond_wait(&call.cond, &call.lock);
    }
    g_mutex_unlock(&call.lock);
    g_cond_clear(&call.cond);
    g_mutex_clear(&call.lock);
    return call.ok;
}

static void start_thread(Monitors *set)
{
    if (!set->thread) {
        set->context = g_main_context_new();
        set->loop = g_main_loop_new(set->context, FALSE);
        set->thread = g_thread_new("monitor", monitor_thread, set);
    }
}

bool monitors_add(Monitors *set, Chardev *chardev, MonitorMode mode, bool pretty, GError **error)
{
    bool threaded = mode == MONITOR_QMP && chardev_can_move(chardev);
    if (threaded) {
        start_thread(set);
    }
    Monitor *m = monitor_new(set, mode, pretty, threaded);
    bool ok = threaded
                  ? attach_threaded(m, chardev, error)
                  : chardev_frontend_attach(&m->fe, chardev,
                                            mode == MONITOR_QMP ? &qmp_ops : &hmp_ops, m, error);
    if (!ok) {
        monitor_free(m);
        return false;
    }
    g_mutex_lock(&set->list_lock);
    g_ptr_array_add(set->list, m);
    g_mutex_unlock(&set->list_lock);
    return true;
}

void monitors_free(Monitors *set)
{
    if (!set) {
        return;
    }
    if (set->vm) {
        set->vm->ports.event = NULL;
        set->vm->monitors = NULL;
    }
    if (set->thread) {
        g_main_loop_quit(set->loop);
        g_thread_join(set->thread);
    }
    /* From here on everything belongs to the caller's thread. */
    for (guint i = 0; i < set->list->len; i++) {
        Monitor *m = g_ptr_array_index(set->list, i);
        if (m->out->len) {
            chardev_write_all(&m->fe, (const uint8_t *)m->out->str, m->out->len, 1000);
        }
        monitor_free(m);
    }
    monitors_events_clear(set);
    wake_free(&set->dispatch);
    g_ptr_array_unref(set->list);
    g_mutex_clear(&set->list_lock);
    g_clear_pointer(&set->loop, g_main_loop_unref);
    g_clear_pointer(&set->context, g_main_context_unref);
    g_free(set);
}

/* ---- asking ---- */

const MonitorsConfig *monitors_config(const Monitors *set)
{
    return set->config;
}

Vm *monitors_vm(const Monitors *set)
{
    return set->vm;
}

Json *monitors_version(const Monitors *set)
{
    Json *triple = json_object_new_object();
    json_add_int(triple, "micro", 0);
    json_add_int(triple, "minor", 0);
    json_add_int(triple, "major", 10);
    Json *version = json_object_new_object();
    json_add(version, "qemu", triple);
    json_add_str(version, "package", set->config->package);
    return version;
}
