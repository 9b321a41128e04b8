/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Migration: what the commands ask of the session, and what it shows. */
#include <string.h>

#include "backend/net/net.h"
#include "migration/migration.h"
#include "qmp.h"

/* ---- capabilities and parameters ---- */

Json *qmp_query_migrate_capabilities(QmpCall *call, Json *args, GError **error)
{
    Json *out = json_object_new_array();
    for (int c = 0; c < MIGRATION_CAP_COUNT; c++) {
        Json *row = json_object_new_object();
        json_add_str(row, "capability", migration_caps[c].name);
        json_add_bool(row, "state", migration_cap(call->vm, (MigrationCap)c));
        json_object_array_add(out, row);
    }
    return out;
}

Json *qmp_migrate_set_capabilities(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_member(args, "capabilities");
    uint64_t on = 0, off = 0;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        Json *row = json_object_array_get_idx(list, i);
        for (int c = 0; c < MIGRATION_CAP_COUNT; c++) {
            if (!strcmp(migration_caps[c].name, json_str(row, "capability", ""))) {
                bool state = json_flag(row, "state", false);
                on = state ? on | 1ull << c : on & ~(1ull << c);
                off = state ? off & ~(1ull << c) : off | 1ull << c;
            }
        }
    }
    migration_caps_set(call->vm, on, off, error);
    return NULL;
}

Json *qmp_query_migrate_parameters(QmpCall *call, Json *args, GError **error)
{
    const MigrationParams *params = migration_params_of(call->vm);
    Json *out = json_object_new_object();
    for (size_t i = 0; i < migration_params_n; i++) {
        g_autoptr(GVariant) v =
            g_variant_ref_sink(migration_param_get(params, migration_params[i].name));
        json_add(out, migration_params[i].name, json_from_variant(v));
    }
    return out;
}

static GVariant *param_value(Json *value)
{
    if (json_object_is_type(value, json_type_boolean)) {
        return g_variant_new_boolean(json_object_get_boolean(value));
    }
    if (json_object_is_type(value, json_type_int)) {
        return g_variant_new_uint64((uint64_t)json_object_get_int64(value));
    }
    /* null clears a string */
    return g_variant_new_string(value ? json_object_get_string(value) : "");
}

/* All of them, or none. */
Json *qmp_migrate_set_parameters(QmpCall *call, Json *args, GError **error)
{
    MigrationParams params = { 0 };
    bool ok = true;
    migration_params_copy(&params, migration_params_of(call->vm));
    json_object_object_foreach(args, name, value)
    {
        ok = ok && migration_param_set(&params, name, param_value(value), error);
    }
    if (ok) {
        migration_params_set(call->vm, &params, error);
    }
    migration_params_clear(&params);
    return NULL;
}

/* ---- where to ---- */

static char *exec_command(Json *list)
{
    GString *s = g_string_new(NULL);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        g_autofree char *word =
            g_shell_quote(json_object_get_string(json_object_array_get_idx(list, i)));
        g_string_append_printf(s, "%s%s", i ? " " : "", word);
    }
    return g_string_free(s, false);
}

/* The family flags: neither given is either; one refused is the other. */
static bool inet_families(Json *addr, SocketAddress *socket, GError **error)
{
    bool v4 = json_flag(addr, "ipv4", true), v6 = json_flag(addr, "ipv6", true);
    if (!v4 && !v6) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Cannot disable IPv4 and IPv6 at same time");
        return false;
    }
    /* Asking for one without a word on the other means that one alone. */
    socket->ipv4 = v4 && (json_has(addr, "ipv4") || !v6);
    socket->ipv6 = v6 && (json_has(addr, "ipv6") || !v4);
    return true;
}

static MigrationAddress *socket_channel(Json *addr, GError **error)
{
    bool unix_path = !strcmp(json_str(addr, "type", ""), "unix");
    int64_t to = json_int(addr, "to", 0);
    g_autoptr(MigrationAddress) out = migration_address_new(MIGRATION_ADDRESS_SOCKET);
    if (to < 0 || to > 65535) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Parameter 'to' is %" G_GINT64_FORMAT ", a port is 0 to 65535", to);
        return NULL;
    }
    if (unix_path) {
        out->socket = socket_address_new_unix(json_str(addr, "path", ""));
        out->socket->abstract = json_flag(addr, "abstract", false);
        out->socket->tight = json_flag(addr, "tight", true);
    } else {
        out->socket =
            socket_address_new_inet(json_str(addr, "host", ""), json_str(addr, "port", ""));
        out->socket->to = (uint16_t)to;
        out->socket->keep_alive = json_flag(addr, "keep-alive", false);
        if (!inet_families(addr, out->socket, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&out);
}

/* "7", or the name of a descriptor that getfd brought to this monitor. */
static MigrationAddress *fd_channel(QmpCall *call, const char *name, GError **error)
{
    if (!call->monitor && !g_ascii_isdigit(*name)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "File descriptor named '%s' not found",
                    name);
        return NULL;
    }
    int fd = monitor_fd_param(call->monitor, name, error);
    g_autofree char *uri = g_strdup_printf("fd:%s", name);
    return fd >= 0 ? migration_address_parse(uri, fd, error) : NULL;
}

/* The one channel of @channels. */
static MigrationAddress *channel_address(QmpCall *call, Json *channels, GError **error)
{
    size_t n = json_object_array_length(channels);
    if (n != 1) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    n ? "Channel list has more than one main entry"
                      : "need either 'uri' or 'channels' argument");
        return NULL;
    }
    Json *addr = json_member(json_object_array_get_idx(channels, 0), "addr");
    const char *transport = json_str(addr, "transport", "");
    if (!strcmp(transport, "exec")) {
        MigrationAddress *out = migration_address_new(MIGRATION_ADDRESS_EXEC);
        out->command = exec_command(json_member(addr, "args"));
        return out;
    }
    if (!strcmp(transport, "file")) {
        MigrationAddress *out = migration_address_new(MIGRATION_ADDRESS_FILE);
        out->path = g_strdup(json_str(addr, "filename", ""));
        out->offset = (uint64_t)json_int(addr, "offset", 0);
        return out;
    }
    return !strcmp(json_str(addr, "type", ""), "fd")
               ? fd_channel(call, json_str(addr, "str", ""), error)
               : socket_channel(addr, error);
}

/* Where a command's arguments say; NULL + error. */
static MigrationAddress *where(QmpCall *call, Json *args, GError **error)
{
    Json *channels = json_member(args, "channels");
    const char *uri = json_str(args, "uri", NULL);
    if (!uri == !channels) {
        g_set_error(
            error, QMP_ERROR, QMP_ERROR_GENERIC,
            uri ? "'uri' and 'channels' arguments are mutually exclusive; exactly one of the "
                  "two should be present in 'migrate' qmp command "
                : "need either 'uri' or 'channels' argument");
        return NULL;
    }
    if (channels) {
        return channel_address(call, channels, error);
    }
    return g_str_has_prefix(uri, "fd:") ? fd_channel(call, uri + 3, error)
                                        : migration_address_parse(uri, -1, error);
}

Json *qmp_migrate(QmpCall *call, Json *args, GError **error)
{
    if (json_flag(args, "resume", false)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Cannot resume if there is no paused migration");
        return NULL;
    }
    MigrationAddress *addr = where(call, args, error);
    if (addr) {
        migration_start(call->vm, addr, error);
    }
    return NULL;
}

Json *qmp_migrate_preflight(QmpCall *call, Json *args, GError **error)
{
    MigrationAddress *addr = where(call, args, error);
    if (addr) {
        migration_preflight(call->vm, addr, error);
    }
    return NULL;
}

Json *qmp_query_migrate_manifest(QmpCall *call, Json *args, GError **error)
{
    g_autoptr(Manifest) m = manifest_of(call->vm);
    return manifest_to_json(m);
}

Json *qmp_migrate_incoming(QmpCall *call, Json *args, GError **error)
{
    MigrationAddress *addr = where(call, args, error);
    if (addr) {
        migration_incoming(call->vm, addr, json_flag(args, "exit-on-error", true), error);
    }
    return NULL;
}

Json *qmp_migrate_cancel(QmpCall *call, Json *args, GError **error)
{
    migration_cancel(call->vm, error);
    return NULL;
}

Json *qmp_migrate_continue(QmpCall *call, Json *args, GError **error)
{
    const char *state = json_str(args, "state", "");
    bool known = !strcmp(state, migration_status_name(MIGRATION_PRE_SWITCHOVER));
    migration_continue(call->vm, known ? MIGRATION_PRE_SWITCHOVER : MIGRATION_NONE, error);
    return NULL;
}

Json *qmp_migrate_pause(QmpCall *call, Json *args, GError **error)
{
    g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                "migrate-pause is currently only supported during postcopy-active or "
                "postcopy-recover state");
    return NULL;
}

Json *qmp_announce_self(QmpCall *call, Json *args, GError **error)
{
    NetAnnounce params = { (uint32_t)json_int(args, "initial", 50),
                           (uint32_t)json_int(args, "max", 550),
                           (uint32_t)json_int(args, "rounds", 5),
                           (uint32_t)json_int(args, "step", 100) };
    nets_announce(vm_nets(call->vm), &params);
    return NULL;
}

/* ---- query-migrate ---- */

static Json *ram_stats(const MigrationInfo *info)
{
    Json *ram = json_object_new_object();
    json_add_uint(ram, "transferred", info->ram_transferred);
    json_add_uint(ram, "remaining", info->ram_remaining);
    json_add_uint(ram, "total", info->ram_total);
    json_add_uint(ram, "duplicate", info->pages_zero);
    json_add_uint(ram, "normal", info->pages_normal);
    json_add_uint(ram, "normal-bytes", info->pages_normal * 4096);
    json_add_uint(ram, "dirty-pages-rate", info->dirty_pages_rate);
    json_add(ram, "mbps", json_object_new_double(info->mbps));
    json_add_uint(ram, "dirty-sync-count", info->dirty_sync_count);
    json_add_int(ram, "postcopy-requests", 0);
    json_add_int(ram, "page-size", 4096);
    json_add_int(ram, "multifd-bytes", 0);
    json_add_uint(ram, "pages-per-second", info->pages_per_second);
    json_add_uint(ram, "precopy-bytes", info->precopy_bytes);
    json_add_uint(ram, "downtime-bytes", info->downtime_bytes);
    json_add_int(ram, "postcopy-bytes", 0);
    json_add_int(ram, "dirty-sync-missed-zero-copy", 0);
    return ram;
}

static Json *xbzrle_stats(const MigrationXbzrle *x)
{
    Json *out = json_object_new_object();
    json_add_uint(out, "cache-size", x->cache_size);
    json_add_uint(out, "bytes", x->bytes);
    json_add_uint(out, "pages", x->pages);
    json_add_uint(out, "cache-miss", x->cache_miss);
    json_add(out, "cache-miss-rate", json_object_new_double(x->cache_miss_rate));
    json_add(out, "encoding-rate", json_object_new_double(x->encoding_rate));
    json_add_uint(out, "overflow", x->overflow);
    return out;
}

static void add_reason(const char *reason, void *opaque)
{
    json_object_array_add(opaque, json_object_new_string(reason));
}

static void add_device(const char *idstr, uint32_t instance, int64_t ns, uint64_t bytes,
                       void *opaque)
{
    Json *row = json_object_new_object();
    json_add_str(row, "name", idstr);
    json_add_uint(row, "instance", instance);
    json_add_int(row, "nanoseconds", ns);
    json_add_uint(row, "bytes", bytes);
    json_object_array_add(opaque, row);
}

static void add_step(const char *step, int64_t ns, void *opaque)
{
    Json *row = json_object_new_object();
    json_add_str(row, "step", step);
    json_add_int(row, "microseconds", ns / 1000);
    json_object_array_add(opaque, row);
}

static void add_time(Json *out, const char *name, int64_t ms)
{
    if (ms >= 0) {
        json_add_int(out, name, ms);
    }
}

/* Lists are left out when empty. */
static void add_list(Json *out, const char *name, Json *list)
{
    if (json_object_array_length(list)) {
        json_add(out, name, list);
    } else {
        json_unref(list);
    }
}

/* Where the destination listens, in the form of the channels argument; NULL: nowhere. */
static Json *listening_address(Vm *vm)
{
    g_autoptr(SocketAddress) a = migration_incoming_address(vm);
    if (!a || a->kind == SOCKET_ADDRESS_FD) {
        return NULL;
    }
    Json *out = json_object_new_object();
    if (a->kind == SOCKET_ADDRESS_UNIX) {
        json_add_str(out, "type", "unix");
        json_add_str(out, "path", a->path);
        if (a->abstract) {
            json_add_bool(out, "abstract", true);
            json_add_bool(out, "tight", true);
        }
    } else {
        json_add_str(out, "type", "inet");
        json_add_str(out, "host", a->host);
        json_add_str(out, "port", a->port);
        json_add_bool(out, strchr(a->host, ':') ? "ipv6" : "ipv4", true);
    }
    return out;
}

static Json *strings(char **list)
{
    Json *out = json_object_new_array();
    for (; list && *list; list++) {
        json_object_array_add(out, json_object_new_string(*list));
    }
    return out;
}

Json *qmp_query_migrate(QmpCall *call, Json *args, GError **error)
{
    MigrationInfo info;
    Json *out = json_object_new_object();
    Json *reasons = json_object_new_array(), *devices = json_object_new_array();
    migration_info(call->vm, &info);
    migration_blockers_foreach(call->vm, add_reason, reasons);
    add_list(out, "blocked-reasons", reasons);
    if (info.status != MIGRATION_NONE) {
        json_add_str(out, "status", migration_status_name(info.status));
        json_add_str_opt(out, "error-desc", info.error_desc);
        add_list(out, "warnings", strings(info.warnings));
        add_time(out, "total-time", info.total_ms);
        if (!info.incoming && info.ram_total) {
            add_time(out, "setup-time", info.setup_ms);
            add_time(out, info.status == MIGRATION_COMPLETED ? "downtime" : "expected-downtime",
                     info.status == MIGRATION_COMPLETED ? info.downtime_ms
                                                        : info.expected_downtime_ms);
            json_add(out, "ram", ram_stats(&info));
        }
        if (info.has_xbzrle) {
            json_add(out, "xbzrle-cache", xbzrle_stats(&info.xbzrle));
        }
        if (info.throttle_percent) {
            json_add_uint(out, "cpu-throttle-percentage", info.throttle_percent);
        }
        if (info.dirty_limited) {
            json_add_uint(out, "dirty-limit-throttle-time-per-round", info.limit_round_held);
            json_add_uint(out, "dirty-limit-ring-full-time", info.limit_ring_full);
        }
        if (info.rounds) {
            json_add_uint(out, "rounds", info.rounds);
        }
        add_time(out, "expected-remaining-time", info.expected_remaining_ms);
        if (info.will_not_converge) {
            json_add_bool(out, "will-not-converge", true);
        }
    }
    migration_devices_foreach(call->vm, add_device, devices);
    add_list(out, "devices", devices);
    if (!info.incoming) {
        Json *steps = json_object_new_array();
        migration_switchover_foreach(call->vm, add_step, steps);
        add_list(out, "switchover", steps);
    }
    Json *address = listening_address(call->vm);
    if (address) {
        Json *list = json_object_new_array();
        json_object_array_add(list, address);
        json_add(out, "socket-address", list);
    }
    migration_info_clear(&info);
    return out;
}
