/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The protocol itself: negotiation, what there is, descriptors, trace points, the human monitor. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/util/trace.h"
#include "qmp.h"

Json *qmp_qmp_capabilities(QmpCall *call, Json *args, GError **error)
{
    qmp_negotiate(call, args, error);
    return NULL;
}

Json *qmp_query_version(QmpCall *call, Json *args, GError **error)
{
    return monitors_version(call->monitors);
}

Json *qmp_query_commands(QmpCall *call, Json *args, GError **error)
{
    const MonitorsConfig *config = monitors_config(call->monitors);
    Json *list = json_object_new_array();
    for (size_t i = 0; i < config->schema->n_commands; i++) {
        if (config->schema->commands[i].targets & config->target) {
            Json *item = json_object_new_object();
            json_add_str(item, "name", config->schema->commands[i].name);
            json_object_array_add(list, item);
        }
    }
    return list;
}

Json *qmp_query_qmp_schema(QmpCall *call, Json *args, GError **error)
{
    const MonitorsConfig *config = monitors_config(call->monitors);
    return qmp_schema_introspect(config->schema, config->target);
}

Json *qmp_quit(QmpCall *call, Json *args, GError **error)
{
    vm_shutdown_request(call->vm, SHUTDOWN_HOST_QMP_QUIT);
    return NULL;
}

/* ---- descriptors ---- */

Json *qmp_getfd(QmpCall *call, Json *args, GError **error)
{
    int fd = qmp_call_take_fd(call, error);
    if (fd >= 0) {
        monitor_fd_add(call->monitor, json_str(args, "fdname", ""), fd, error);
    }
    return NULL;
}

Json *qmp_closefd(QmpCall *call, Json *args, GError **error)
{
    monitor_fd_close(call->monitor, json_str(args, "fdname", ""), error);
    return NULL;
}

Json *qmp_add_fd(QmpCall *call, Json *args, GError **error)
{
    int64_t id = json_int(args, "fdset-id", -1);
    if (json_has(args, "fdset-id") && id < 0) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Parameter 'fdset-id' expects a non-negative value");
        return NULL;
    }
    int fd = qmp_call_take_fd(call, error);
    if (fd < 0) {
        return NULL;
    }
    id = fd_sets_add(qmp_host(call)->fdsets, id, fd, json_str(args, "opaque", NULL), error);
    if (id < 0) {
        close(fd);
        return NULL;
    }
    Json *out = json_object_new_object();
    json_add_int(out, "fdset-id", id);
    json_add_int(out, "fd", fd);
    return out;
}

Json *qmp_remove_fd(QmpCall *call, Json *args, GError **error)
{
    fd_sets_remove(qmp_host(call)->fdsets, json_int(args, "fdset-id", -1),
                   json_has(args, "fd") ? (int)json_int(args, "fd", -1) : -1, error);
    return NULL;
}

static void add_fdset_member(int64_t id, int fd, const char *opaque, void *data)
{
    Json *list = data;
    size_t n = json_object_array_length(list);
    Json *set = n ? json_object_array_get_idx(list, n - 1) : NULL;
    if (!set || json_int(set, "fdset-id", -1) != id) {
        set = json_object_new_object();
        json_add_int(set, "fdset-id", id);
        json_add(set, "fds", json_object_new_array());
        json_object_array_add(list, set);
    }
    Json *member = json_object_new_object();
    json_add_int(member, "fd", fd);
    json_add_str_opt(member, "opaque", opaque);
    json_object_array_add(json_member(set, "fds"), member);
}

Json *qmp_query_fdsets(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_object_new_array();
    if (qmp_host(call)->fdsets) {
        fd_sets_foreach(qmp_host(call)->fdsets, add_fdset_member, list);
    }
    return list;
}

/* ---- the human monitor ---- */

Json *qmp_human_monitor_command(QmpCall *call, Json *args, GError **error)
{
    int64_t cpu = json_int(args, "cpu-index", 0);
    if (json_has(args, "cpu-index") && !qmp_cpu_device(call->vm, cpu, error)) {
        return NULL;
    }
    g_autofree char *text =
        monitors_human(call->monitors, call->monitor, json_str(args, "command-line", ""), (int)cpu);
    return json_object_new_string(text);
}

/* ---- trace points ---- */

typedef struct {
    const char *pattern;
    Json *list;
} TraceQuery;

static void trace_match(const TracePoint *point, void *opaque)
{
    TraceQuery *q = opaque;
    if (g_pattern_match_simple(q->pattern, point->name)) {
        Json *item = json_object_new_object();
        json_add_str(item, "name", point->name);
        json_add_str(item, "state", point->enabled ? "enabled" : "disabled");
        json_object_array_add(q->list, item);
    }
}

Json *qmp_trace_event_get_state(QmpCall *call, Json *args, GError **error)
{
    TraceQuery q = { json_str(args, "name", ""), json_object_new_array() };
    trace_foreach(trace_match, &q);
    if (!json_object_array_length(q.list) && !strpbrk(q.pattern, "*?")) {
        json_unref(q.list);
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "unknown event \"%s\"", q.pattern);
        return NULL;
    }
    return q.list;
}

Json *qmp_trace_event_set_state(QmpCall *call, Json *args, GError **error)
{
    g_autofree char *pattern =
        g_strconcat(json_flag(args, "enable", true) ? "" : "-", json_str(args, "name", ""), NULL);
    trace_enable(pattern, error);
    return NULL;
}
