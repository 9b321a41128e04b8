/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration in the human monitor. `migrate` always returns at once, as with -d: the main loop, in
 * which human commands run, is what the migration itself needs.
 */
#include <inttypes.h>
#include <string.h>

#include "base/util/size.h"
#include "hmp.h"
#include "migration/params.h"

static void with_uri(HmpCall *call, const char *command, const char *uri)
{
    if (!uri) {
        hmp_printf(call, "Error: %s needs a URI\n", command);
        return;
    }
    Json *args = json_object_new_object();
    json_add_str(args, "uri", uri);
    json_unref(hmp_qmp(call, command, args));
}

void hmp_migrate(HmpCall *call)
{
    const char *uri = call->line;
    while (g_str_has_prefix(uri, "-d")) {
        uri += 2 + strspn(uri + 2, " ");
    }
    with_uri(call, "migrate", *uri ? uri : NULL);
}

void hmp_migrate_incoming(HmpCall *call)
{
    with_uri(call, "migrate-incoming", call->argc ? call->line : NULL);
}

void hmp_migrate_cancel(HmpCall *call)
{
    json_unref(hmp_qmp(call, "migrate_cancel", json_object_new_object()));
}

void hmp_migrate_continue(HmpCall *call)
{
    Json *args = json_object_new_object();
    json_add_str(args, "state", call->argc ? call->argv[0] : "pre-switchover");
    json_unref(hmp_qmp(call, "migrate-continue", args));
}

void hmp_migrate_set_capability(HmpCall *call)
{
    if (call->argc < 2) {
        hmp_puts(call, "Error: expected: migrate_set_capability CAPABILITY on|off\n");
        return;
    }
    Json *args = json_object_new_object(), *list = json_object_new_array();
    Json *row = json_object_new_object();
    json_add_str(row, "capability", call->argv[0]);
    json_add_bool(row, "state", !strcmp(call->argv[1], "on"));
    json_object_array_add(list, row);
    json_add(args, "capabilities", list);
    json_unref(hmp_qmp(call, "migrate-set-capabilities", args));
}

static const MigrationParamInfo *param(const char *name)
{
    for (size_t i = 0; i < migration_params_n; i++) {
        if (!strcmp(migration_params[i].name, name)) {
            return &migration_params[i];
        }
    }
    return NULL;
}

/* Bandwidths without a suffix are in MiB/s, as they have always been here. */
static bool add_number(Json *args, const char *name, const char *text, GError **error)
{
    uint64_t value, unit = strstr(name, "bandwidth") ? 1 << 20 : 1;
    if (!size_parse_unit(name, text, unit, &value, error)) {
        return false;
    }
    json_add_uint(args, name, value);
    return true;
}

void hmp_migrate_set_parameter(HmpCall *call)
{
    const MigrationParamInfo *info = call->argc ? param(call->argv[0]) : NULL;
    const char *value = call->argc > 1 ? call->argv[1] : "";
    GError *error = NULL;
    if (!info) {
        hmp_printf(call, "Error: there is no migration parameter '%s'\n",
                   call->argc ? call->argv[0] : "");
        return;
    }
    g_autoptr(Json) args = json_object_new_object();
    if (info->kind == MIGRATION_PARAM_UINT) {
        if (!add_number(args, info->name, value, &error)) {
            hmp_error(call, error);
            return;
        }
    } else if (info->kind == MIGRATION_PARAM_BOOL) {
        json_add_bool(args, info->name, !strcmp(value, "on"));
    } else {
        json_add_str(args, info->name, value);
    }
    json_unref(hmp_qmp(call, "migrate-set-parameters", g_steal_pointer(&args)));
}

void hmp_announce_self(HmpCall *call)
{
    static const char *const names[] = { "initial", "max", "rounds", "step" };
    static const int values[] = { 50, 550, 5, 100 };
    Json *args = json_object_new_object();
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        json_add_int(args, names[i], values[i]);
    }
    json_unref(hmp_qmp(call, "announce-self", args));
}

/* ---- info ---- */

static void row(HmpCall *call, Json *object, const char *name, const char *label, const char *unit)
{
    Json *value = json_member(object, name);
    if (value) {
        hmp_printf(call, "%s: %s%s\n", label, json_object_get_string(value), unit);
    }
}

static void kib_row(HmpCall *call, Json *ram, const char *name, const char *label)
{
    hmp_printf(call, "%s: %" PRId64 " kbytes\n", label, json_int(ram, name, 0) >> 10);
}

static void ram_rows(HmpCall *call, Json *ram)
{
    hmp_printf(call, "throughput: %0.2f mbps\n", json_object_get_double(json_member(ram, "mbps")));
    kib_row(call, ram, "transferred", "transferred ram");
    kib_row(call, ram, "remaining", "remaining ram");
    kib_row(call, ram, "total", "total ram");
    row(call, ram, "duplicate", "duplicate", " pages");
    row(call, ram, "normal", "normal", " pages");
    kib_row(call, ram, "normal-bytes", "normal bytes");
    row(call, ram, "dirty-sync-count", "dirty sync count", "");
    row(call, ram, "pages-per-second", "pages-per-second", "");
    kib_row(call, ram, "precopy-bytes", "precopy ram");
    kib_row(call, ram, "downtime-bytes", "downtime ram");
    row(call, ram, "dirty-pages-rate", "dirty pages rate", " pages");
}

/* One line for each element of a list of strings. */
static void lines(HmpCall *call, Json *info, const char *name, const char *label)
{
    Json *list = json_member(info, name);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        hmp_printf(call, "%s: %s\n", label,
                   json_object_get_string(json_object_array_get_idx(list, i)));
    }
}

/* What is known of how it goes on, beyond bytes. */
static void progress_rows(HmpCall *call, Json *info)
{
    row(call, info, "rounds", "rounds", "");
    row(call, info, "expected-remaining-time", "expected remaining time", " ms");
    if (json_has(info, "will-not-converge")) {
        hmp_puts(call, "will not converge: the guest writes faster than it is sent\n");
    }
    row(call, info, "cpu-throttle-percentage", "cpu throttle percentage", "");
    row(call, info, "dirty-limit-throttle-time-per-round", "dirty-limit throttle time", " us");
    row(call, info, "dirty-limit-ring-full-time", "dirty-limit ring full time", " us");
}

static void xbzrle_rows(HmpCall *call, Json *cache)
{
    row(call, cache, "cache-size", "cache size", " bytes");
    kib_row(call, cache, "bytes", "xbzrle transferred");
    row(call, cache, "pages", "xbzrle pages", " pages");
    row(call, cache, "cache-miss", "xbzrle cache miss", " pages");
    row(call, cache, "cache-miss-rate", "xbzrle cache miss rate", "");
    row(call, cache, "encoding-rate", "xbzrle encoding rate", "");
    row(call, cache, "overflow", "xbzrle overflow", "");
}

/* The steps of the switchover, and how long each section took. */
static void detail_rows(HmpCall *call, Json *info)
{
    Json *steps = json_member(info, "switchover"), *devices = json_member(info, "devices");
    for (size_t i = 0; steps && i < json_object_array_length(steps); i++) {
        Json *s = json_object_array_get_idx(steps, i);
        hmp_printf(call, "switchover, %s: after %" PRId64 " us\n", json_str(s, "step", ""),
                   json_int(s, "microseconds", 0));
    }
    for (size_t i = 0; devices && i < json_object_array_length(devices); i++) {
        Json *d = json_object_array_get_idx(devices, i);
        hmp_printf(call, "section %s instance %" PRId64 ": %" PRId64 " bytes, %" PRId64 " ns\n",
                   json_str(d, "name", ""), json_int(d, "instance", 0), json_int(d, "bytes", 0),
                   json_int(d, "nanoseconds", 0));
    }
}

void hmp_info_migrate(HmpCall *call)
{
    g_autoptr(Json) info = hmp_qmp(call, "query-migrate", json_object_new_object());
    if (!info) {
        return;
    }
    lines(call, info, "blocked-reasons", "Migration blocked");
    const char *cause = json_str(info, "error-desc", NULL);
    if (json_has(info, "status")) {
        hmp_printf(call, "Migration status: %s%s%s%s\n", json_str(info, "status", ""),
                   cause ? " (" : "", cause ? cause : "", cause ? ")" : "");
    }
    lines(call, info, "warnings", "Migration warning");
    row(call, info, "total-time", "total time", " ms");
    row(call, info, "expected-downtime", "expected downtime", " ms");
    row(call, info, "downtime", "downtime", " ms");
    row(call, info, "setup-time", "setup", " ms");
    progress_rows(call, info);
    if (json_has(info, "ram")) {
        ram_rows(call, json_member(info, "ram"));
    }
    if (json_has(info, "xbzrle-cache")) {
        xbzrle_rows(call, json_member(info, "xbzrle-cache"));
    }
    if (call->argc && !strcmp(call->argv[0], "-a")) {
        detail_rows(call, info);
    }
}

void hmp_info_migrate_capabilities(HmpCall *call)
{
    g_autoptr(Json) list = hmp_qmp(call, "query-migrate-capabilities", json_object_new_object());
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        Json *item = json_object_array_get_idx(list, i);
        hmp_printf(call, "%s: %s\n", json_str(item, "capability", ""),
                   json_flag(item, "state", false) ? "on" : "off");
    }
}

void hmp_info_migrate_parameters(HmpCall *call)
{
    g_autoptr(Json) all = hmp_qmp(call, "query-migrate-parameters", json_object_new_object());
    for (size_t i = 0; all && i < migration_params_n; i++) {
        const MigrationParamInfo *p = &migration_params[i];
        Json *value = json_member(all, p->name);
        if (p->kind == MIGRATION_PARAM_BOOL) {
            hmp_printf(call, "%s: %s\n", p->name, json_object_get_boolean(value) ? "on" : "off");
        } else {
            hmp_printf(call, "%s: %s\n", p->name, json_object_get_string(value));
        }
    }
}
