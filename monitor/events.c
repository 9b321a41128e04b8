/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events, and the limit on how often some of them are sent.
 *
 * A limited event is sent at once when none was sent within its time; else the latest one is kept,
 * and sent when the time is over. So clients always learn the last value.
 */
#include <string.h>

#include "base/util/log.h"
#include "monitor-priv.h"

typedef struct {
    Monitors *set;
    const QmpEvent *event;
    char *key;
    Json *held; /* owned whole event; NULL when none came in between */
    GSource *timer;
} Throttle;

static void throttle_free(gpointer data)
{
    Throttle *t = data;
    json_unref(t->held);
    if (t->timer) {
        g_source_destroy(t->timer);
        g_source_unref(t->timer);
    }
    g_free(t->key);
    g_free(t);
}

void monitors_events_init(Monitors *set)
{
    g_mutex_init(&set->events_lock);
    set->throttle = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, throttle_free);
}

void monitors_events_clear(Monitors *set)
{
    g_hash_table_unref(set->throttle);
    g_mutex_clear(&set->events_lock);
}

static void send_one(Monitor *m, const GString *text)
{
    g_mutex_lock(&m->lock);
    if (m->connected && m->negotiated) {
        if (m->out->len < MONITOR_OUT_DROP) {
            monitor_out_locked(m, text);
        } else if (!m->lost_events) {
            m->lost_events = true;
            g_warning("monitor '%s' does not read: events are lost beyond %u bytes",
                      chardev_id(m->fe.chardev), MONITOR_OUT_DROP);
        }
    }
    g_mutex_unlock(&m->lock);
}

static void send_all(Monitors *set, Json *event)
{
    g_autoptr(GString) flat = g_string_new(NULL);
    g_autoptr(GString) pretty = g_string_new(NULL);
    json_write(flat, event, false);
    g_string_append(flat, "\r\n");
    g_mutex_lock(&set->list_lock);
    for (guint i = 0; i < set->list->len; i++) {
        Monitor *m = g_ptr_array_index(set->list, i);
        if (m->mode != MONITOR_QMP) {
            continue;
        }
        if (m->pretty && !pretty->len) {
            json_write(pretty, event, true);
            g_string_append(pretty, "\r\n");
        }
        send_one(m, m->pretty ? pretty : flat);
    }
    g_mutex_unlock(&set->list_lock);
}

static gboolean throttle_over(gpointer opaque)
{
    Throttle *t = opaque;
    Monitors *set = t->set;
    g_mutex_lock(&set->events_lock);
    Json *held = g_steal_pointer(&t->held);
    if (!held) {
        g_hash_table_remove(set->throttle, t->key);
    }
    g_mutex_unlock(&set->events_lock);
    if (held) {
        send_all(set, held);
        json_unref(held);
        return G_SOURCE_CONTINUE; /* a new interval starts with what was sent */
    }
    return G_SOURCE_REMOVE;
}

/* True: send it now. False: it was kept for later (event's reference is taken). */
static bool throttle_pass(Monitors *set, const QmpEvent *def, Json *event, Json *data)
{
    Json *value = def->rate_key ? json_member(data, def->rate_key) : NULL;
    g_autofree char *key =
        g_strdup_printf("%s:%s", def->name, value ? json_object_get_string(value) : "");
    g_mutex_lock(&set->events_lock);
    Throttle *t = g_hash_table_lookup(set->throttle, key);
    bool pass = !t;
    if (t) {
        json_unref(t->held);
        t->held = event;
    } else {
        t = g_new0(Throttle, 1);
        t->set = set;
        t->event = def;
        t->key = g_steal_pointer(&key);
        t->timer = g_timeout_source_new(def->rate_ms);
        g_source_set_callback(t->timer, throttle_over, t, NULL);
        g_hash_table_insert(set->throttle, t->key, t);
        g_source_attach(t->timer, NULL);
    }
    g_mutex_unlock(&set->events_lock);
    return pass;
}

void monitors_event(Monitors *set, const char *name, Json *data)
{
    const QmpEvent *def = qmp_schema_event(set->config->schema, name);
    g_autoptr(GError) error = NULL;
    if (!def) {
        g_warning("event %s is not in the schema", name);
        json_unref(data);
        return;
    }
    g_autoptr(Json) none = data ? NULL : json_object_new_object();
    if (!qmp_schema_check_value(set->config->schema, def->arg, data ? data : none, "", &error)) {
        g_warning("event %s: %s", name, error->message);
    }
    gint64 now = g_get_real_time();
    Json *event = json_object_new_object();
    Json *stamp = json_object_new_object();
    json_add_int(stamp, "seconds", now / G_USEC_PER_SEC);
    json_add_int(stamp, "microseconds", now % G_USEC_PER_SEC);
    json_add(event, "timestamp", stamp);
    json_add_str(event, "event", name);
    if (data && json_object_object_length(data)) {
        json_add(event, "data", json_object_get(data));
    }
    if (!def->rate_ms || throttle_pass(set, def, event, data)) {
        send_all(set, event);
        json_unref(event);
    }
    json_unref(data);
}
