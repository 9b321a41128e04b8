/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A QMP session: from bytes to commands to replies.
 *
 *   CLOSED --peer comes--> NEGOTIATING --qmp_capabilities--> COMMANDS --peer goes--> CLOSED
 *
 * Invariants:
 * 1. In-band commands of one connection run in the order of arrival, one at a time.
 * 2. Without oob only one command is taken from the connection at a time; with oob up to
 *    MONITOR_QUEUE_MAX wait. Then reading stops: the peer's socket buffer is the queue.
 * 3. An out-of-band command overtakes the queue; it runs in the home thread, without the VM lock.
 * 4. A reply goes only to the session that asked.
 */
#include <string.h>
#include <unistd.h>

#include "monitor-priv.h"

void monitor_close_fds(GArray *fds)
{
    for (guint i = 0; fds && i < fds->len; i++) {
        close(g_array_index(fds, int, i));
    }
    if (fds) {
        g_array_set_size(fds, 0);
    }
}

void qmp_request_free(QmpRequest *r)
{
    if (r) {
        monitor_close_fds(r->fds);
        g_clear_pointer(&r->fds, g_array_unref);
        json_unref(r->id);
        json_unref(r->request);
        g_clear_error(&r->error);
        g_free(r);
    }
}

static void reply(Monitor *m, const QmpRequest *r, Json *result, const GError *error)
{
    g_autoptr(Json) out = json_object_new_object();
    if (error) {
        Json *e = json_object_new_object();
        json_add_str(e, "class", qmp_error_class_name(error));
        json_add_str(e, "desc", error->message);
        json_add(out, "error", e);
    } else {
        json_add(out, "return", result ? json_object_get(result) : json_object_new_object());
    }
    if (r->has_id) {
        json_add(out, "id", json_object_get(r->id));
    }
    g_autoptr(GString) text = g_string_new(NULL);
    json_write(text, out, m->pretty);
    g_string_append(text, "\r\n");
    g_mutex_lock(&m->lock);
    if (m->session == r->session && m->connected) {
        monitor_out_locked(m, text);
    }
    g_mutex_unlock(&m->lock);
}

/* The shape of a request; *name is the command, *oob how it was sent. */
static bool check_request(Json *request, bool oob_allowed, const char **name, bool *oob,
                          GError **error)
{
    if (!json_object_is_type(request, json_type_object)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "QMP input must be a JSON object");
        return false;
    }
    *name = NULL;
    json_object_object_foreach(request, key, value)
    {
        bool exec = !strcmp(key, "execute");
        if (exec || (oob_allowed && !strcmp(key, "exec-oob"))) {
            if (!json_object_is_type(value, json_type_string)) {
                g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                            "QMP input member '%s' must be a string", key);
                return false;
            }
            if (*name) {
                g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                            "QMP input member '%s' clashes with '%s'", key,
                            exec ? "exec-oob" : "execute");
                return false;
            }
            *name = json_object_get_string(value);
            *oob = !exec;
        } else if (!strcmp(key, "arguments")) {
            if (!json_object_is_type(value, json_type_object)) {
                g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                            "QMP input member 'arguments' must be an object");
                return false;
            }
        } else if (strcmp(key, "id")) {
            g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "QMP input member '%s' is unexpected",
                        key);
            return false;
        }
    }
    if (!*name) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "QMP input lacks member 'execute'");
        return false;
    }
    return true;
}

static const QmpCommand *find_command(const MonitorsConfig *config, const Monitor *m,
                                      const char *name, bool negotiated, bool oob, GError **error)
{
    const QmpCommand *c = qmp_schema_command(config->schema, name, config->target);
    bool negotiation = c && !strcmp(name, "qmp_capabilities");
    if (m && !negotiated && !negotiation) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_COMMAND_NOT_FOUND,
                    "Expecting capabilities negotiation with 'qmp_capabilities'");
        return NULL;
    }
    if (m && negotiated && negotiation) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_COMMAND_NOT_FOUND,
                    "Capabilities negotiation is already complete, command ignored");
        return NULL;
    }
    if (!c) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_COMMAND_NOT_FOUND,
                    "The command %s has not been found", name);
        return NULL;
    }
    if (oob && !c->oob) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "The command %s does not support OOB",
                    name);
        return NULL;
    }
    return c;
}

static Json *run_command(QmpCall *call, const QmpCommand *c, Json *args, GError **error)
{
    const MonitorsConfig *config = call->monitors->config;
    g_autoptr(Json) none = args ? NULL : json_object_new_object();
    if (!qmp_schema_check(config->schema, c, args, error)) {
        return NULL;
    }
    return config->handlers[c - config->schema->commands](call, args ? args : none, error);
}

static void carry_out(Monitor *m, QmpRequest *r, bool in_thread)
{
    GError *error = NULL;
    g_autoptr(Json) result = NULL;
    const char *name = NULL;
    bool oob = false;
    if (r->error) {
        error = g_steal_pointer(&r->error);
    } else {
        g_mutex_lock(&m->lock);
        bool oob_allowed = m->oob;
        bool negotiated = m->negotiated;
        g_mutex_unlock(&m->lock);
        if (check_request(r->request, oob_allowed, &name, &oob, &error)) {
            const QmpCommand *c = find_command(m->set->config, m, name, negotiated, oob, &error);
            if (c) {
                QmpCall call = { .vm = m->set->vm,
                                 .monitors = m->set,
                                 .monitor = m,
                                 .fds = r->fds,
                                 .oob = in_thread };
                result = run_command(&call, c, json_member(r->request, "arguments"), &error);
            }
        }
    }
    reply(m, r, error ? NULL : result, error);
    g_clear_error(&error);
}

bool monitor_qmp_run_one(Monitor *m)
{
    g_mutex_lock(&m->lock);
    QmpRequest *r = m->running ? NULL : g_queue_pop_head(&m->queue);
    m->running = m->running || r;
    g_mutex_unlock(&m->lock);
    if (!r) {
        return false;
    }
    carry_out(m, r, false);
    qmp_request_free(r);
    g_mutex_lock(&m->lock);
    m->running = false;
    g_mutex_unlock(&m->lock);
    g_source_set_ready_time(m->flush, 0);
    return true;
}

Json *monitors_execute(Monitors *set, const char *command, Json *args, GError **error)
{
    const QmpCommand *c = find_command(set->config, NULL, command, true, false, error);
    QmpCall call = { .vm = set->vm, .monitors = set };
    return c ? run_command(&call, c, args, error) : NULL;
}

bool qmp_negotiate(QmpCall *call, Json *args, GError **error)
{
    Monitor *m = call->monitor;
    Json *enable = json_member(args, "enable");
    bool oob = enable && json_object_array_length(enable) > 0;
    if (!m) {
        return true;
    }
    if (oob && !m->threaded) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "This monitor has not the capability 'oob': it shares its chardev");
        return false;
    }
    g_mutex_lock(&m->lock);
    m->negotiated = true;
    m->oob = oob;
    g_mutex_unlock(&m->lock);
    return true;
}

/* Whether a further command may be taken from the connection. */
static bool may_take(Monitor *m)
{
    g_mutex_lock(&m->lock);
    guint waiting = g_queue_get_length(&m->queue) + m->running;
    bool ok = waiting < (m->oob ? MONITOR_QUEUE_MAX : 1) && m->out->len < MONITOR_OUT_PAUSE;
    g_mutex_unlock(&m->lock);
    return ok;
}

static void take_request(Monitor *m, Json *value, GError *error)
{
    QmpRequest *r = g_new0(QmpRequest, 1);
    r->request = value;
    r->error = error;
    r->fds = g_steal_pointer(&m->pending_fds);
    m->pending_fds = g_array_new(FALSE, FALSE, sizeof(int));
    if (!error && json_has(value, "id")) {
        r->has_id = true;
        r->id = json_object_get(json_member(value, "id"));
    }
    g_mutex_lock(&m->lock);
    r->session = m->session;
    bool oob = m->oob && !error && json_has(value, "exec-oob") && !json_has(value, "execute");
    if (!oob) {
        g_queue_push_tail(&m->queue, r);
    }
    g_mutex_unlock(&m->lock);
    if (oob) {
        carry_out(m, r, true);
        qmp_request_free(r);
    } else {
        monitors_kick(m->set);
    }
}

void monitor_qmp_pump(Monitor *m)
{
    while (m->pending->len && may_take(m)) {
        bool complete;
        Json *value;
        GError *error = NULL;
        size_t used = json_framer_feed(m->framer, (const char *)m->pending->data, m->pending->len,
                                       &complete, &value, &error);
        g_byte_array_remove_range(m->pending, 0, used);
        if (complete) {
            take_request(m, value, error);
        }
    }
    if (!m->pending->len) {
        chardev_frontend_accept_input(&m->fe);
    }
}

size_t monitor_qmp_can_receive(void *opaque)
{
    Monitor *m = opaque;
    return m->pending->len || !may_take(m) ? 0 : MONITOR_CHUNK;
}

void monitor_qmp_receive(void *opaque, const uint8_t *buf, size_t len)
{
    Monitor *m = opaque;
    int fds[16];
    size_t n = chardev_frontend_take_fds(&m->fe, fds, G_N_ELEMENTS(fds));
    if (n) {
        /* Those of an unfinished older message that nobody took are gone. */
        monitor_close_fds(m->pending_fds);
        g_array_append_vals(m->pending_fds, fds, n);
    }
    g_byte_array_append(m->pending, buf, len);
    monitor_qmp_pump(m);
}

static void send_greeting(Monitor *m)
{
    g_autoptr(Json) out = json_object_new_object();
    Json *qmp = json_object_new_object();
    Json *capabilities = json_object_new_array();
    if (m->threaded) {
        json_object_array_add(capabilities, json_object_new_string("oob"));
    }
    json_add(qmp, "version", monitors_version(m->set));
    json_add(qmp, "capabilities", capabilities);
    json_add(out, "QMP", qmp);
    g_autoptr(GString) text = g_string_new(NULL);
    json_write(text, out, m->pretty);
    g_string_append(text, "\r\n");
    g_mutex_lock(&m->lock);
    monitor_out_locked(m, text);
    g_mutex_unlock(&m->lock);
    monitor_flush(m);
}

static void session_reset(Monitor *m, bool connected)
{
    g_mutex_lock(&m->lock);
    m->session++;
    m->connected = connected;
    m->negotiated = m->oob = m->lost_events = false;
    g_string_truncate(m->out, 0);
    g_queue_clear_full(&m->queue, (GDestroyNotify)qmp_request_free);
    g_mutex_unlock(&m->lock);
    json_framer_reset(m->framer);
    g_byte_array_set_size(m->pending, 0);
    monitor_close_fds(m->pending_fds);
}

void monitor_qmp_event(void *opaque, ChardevEvent event)
{
    Monitor *m = opaque;
    if (event == CHARDEV_EVENT_OPENED) {
        session_reset(m, true);
        send_greeting(m);
    } else if (event == CHARDEV_EVENT_CLOSED) {
        session_reset(m, false);
    }
}
