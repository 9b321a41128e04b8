/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Displays, keyboard and mouse, VNC. */
#include <stdlib.h>
#include <string.h>

#include "backend/ui/display.h"
#include "backend/ui/input.h"
#include "backend/ui/vnc.h"
#include "qmp.h"
#include "system/system-priv.h"

#define MAX_HOLD_MS 60000

Json *qmp_screendump(QmpCall *call, Json *args, GError **error)
{
    const char *device = json_str(args, "device", NULL);
    const char *format = json_str(args, "format", "ppm");
    Console *console;

    if (json_has(args, "head") && !device) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "'head' must be specified together with 'device'");
        return NULL;
    }
    if (json_int(args, "head", 0) != 0) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "device '%s' has one head, number 0",
                    device);
        return NULL;
    }
    console = displays_console(call->vm, device, error);
    if (console) {
        console_screenshot(console, json_str(args, "filename", ""),
                           !strcmp(format, "png") ? SCREENSHOT_PNG : SCREENSHOT_PPM, error);
    }
    return NULL;
}

/* ---- keyboard and mouse ---- */

/* A key by name or by scan code of set 1. */
static bool parse_key(Json *value, InputKey *key, GError **error)
{
    if (!strcmp(json_str(value, "type", ""), "qcode")) {
        return input_key_parse(json_str(value, "data", ""), key); /* the schema knows the names */
    }
    int64_t code = json_int(value, "data", 0);
    /* The wire's numbers mark grey keys by bit 7. */
    *key = code < 0 || code > 0xff
               ? INPUT_KEY_UNMAPPED
               : input_key_from_scancode(code & 0x80 ? 0xe000u | (code & 0x7f) : (unsigned)code);
    if (*key == INPUT_KEY_UNMAPPED) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "no key has the number %" G_GINT64_FORMAT,
                    code);
        return false;
    }
    return true;
}

Json *qmp_send_key(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_member(args, "keys");
    int64_t hold = json_int(args, "hold-time", 100);
    size_t n = json_object_array_length(list);
    g_autofree InputKey *keys = g_new0(InputKey, n);

    if (hold < 0 || hold > MAX_HOLD_MS) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "hold-time %" G_GINT64_FORMAT " is not from 0 to %d ms", hold, MAX_HOLD_MS);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (!parse_key(json_object_array_get_idx(list, i), &keys[i], error)) {
            return NULL;
        }
    }
    input_type_keys(call->vm, keys, (unsigned)n, (unsigned)hold);
    return NULL;
}

static InputButton parse_button(const char *name)
{
    static const char *const names[] = { "left",        "middle", "right", "wheel-up",
                                         "wheel-down",  "side",   "extra", "wheel-left",
                                         "wheel-right", "touch" };
    unsigned i = 0;

    while (i < G_N_ELEMENTS(names) - 1 && strcmp(names[i], name)) {
        i++;
    }
    return (InputButton)i;
}

/* Positions travel one axis at a time. */
typedef struct {
    int dx, dy;
    int x, y; /* -1: not given */
} Motion;

static void send_motion(Vm *vm, const Motion *m)
{
    if (m->dx || m->dy) {
        input_send_move(vm, m->dx, m->dy);
    }
    if (m->x >= 0 || m->y >= 0) {
        input_send_abs(vm, MAX(m->x, 0), MAX(m->y, 0));
    }
}

static void one_event(Vm *vm, Json *event, Motion *motion, bool act)
{
    const char *type = json_str(event, "type", "");
    Json *data = json_member(event, "data");

    if (!strcmp(type, "key")) {
        InputKey key;
        if (act && parse_key(json_member(data, "key"), &key, NULL)) {
            input_send_key(vm, key, json_flag(data, "down", false));
        }
    } else if (!strcmp(type, "btn")) {
        if (act) {
            input_send_button(vm, parse_button(json_str(data, "button", "")),
                              json_flag(data, "down", false));
        }
    } else if (!act) {
        bool x = !strcmp(json_str(data, "axis", ""), "x");
        int value = (int)CLAMP(json_int(data, "value", 0), -INPUT_ABS_MAX, INPUT_ABS_MAX);
        if (!strcmp(type, "rel")) {
            *(x ? &motion->dx : &motion->dy) += value;
        } else {
            *(x ? &motion->x : &motion->y) = MAX(value, 0);
        }
    }
}

Json *qmp_input_send_event(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_member(args, "events");
    const char *device = json_str(args, "device", NULL);
    size_t n = json_object_array_length(list);
    Motion motion = { .x = -1, .y = -1 };

    if (device && !displays_console(call->vm, device, error)) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) { /* check all, then act */
        Json *event = json_object_array_get_idx(list, i);
        const char *type = json_str(event, "type", "");
        InputKey key;
        if (!strcmp(type, "mtt")) {
            g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "no device takes multi-touch events");
            return NULL;
        }
        if (!strcmp(type, "abs") && !input_pointer_is_absolute(call->vm)) {
            g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                        "no device takes absolute pointer positions");
            return NULL;
        }
        if (!strcmp(type, "key") &&
            !parse_key(json_member(json_member(event, "data"), "key"), &key, error)) {
            return NULL;
        }
        one_event(call->vm, event, &motion, false);
    }
    send_motion(call->vm, &motion);
    for (size_t i = 0; i < n; i++) {
        one_event(call->vm, json_object_array_get_idx(list, i), &motion, true);
    }
    input_send_sync(call->vm);
    return NULL;
}

static void add_mouse(const InputHandlerOps *ops, unsigned index, bool current, void *opaque)
{
    Json *item = json_object_new_object();

    json_add_str(item, "name", ops->name);
    json_add_int(item, "index", index);
    json_add_bool(item, "current", current);
    json_add_bool(item, "absolute", ops->move_abs != NULL);
    json_object_array_add(opaque, item);
}

Json *qmp_query_mice(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_object_new_array();

    input_pointers_foreach(call->vm, add_mouse, list);
    return list;
}

/* ---- VNC ---- */

static GPtrArray *servers(QmpCall *call)
{
    return call->vm->system->vncs;
}

static void add_address(Json *item, const SocketAddress *a)
{
    bool is_unix = !a || a->kind != SOCKET_ADDRESS_INET;

    json_add_str(item, "host", is_unix ? "" : a->host);
    json_add_str(item, "service", !is_unix ? a->port : a && a->path ? a->path : "");
    json_add_str(item, "family", is_unix ? "unix" : strchr(a->host, ':') ? "ipv6" : "ipv4");
}

static Json *clients_of(VncServer *server)
{
    g_autoptr(GPtrArray) peers = vnc_clients(server);
    Json *list = json_object_new_array();

    for (guint i = 0; i < peers->len; i++) {
        Json *item = json_object_new_object();
        add_address(item, g_ptr_array_index(peers, i));
        json_add_bool(item, "websocket", false);
        json_object_array_add(list, item);
    }
    return list;
}

static const char *auth_of(const VncServer *server)
{
    return vnc_has_password(server) ? "vnc" : "none";
}

Json *qmp_query_display_options(QmpCall *call, Json *args, GError **error)
{
    Json *result = json_object_new_object();

    json_add_str(result, "type", servers(call)->len ? "vnc" : "none");
    return result;
}

Json *qmp_query_vnc(QmpCall *call, Json *args, GError **error)
{
    Json *result = json_object_new_object();
    GPtrArray *all = servers(call);

    json_add_bool(result, "enabled", all->len > 0);
    if (all->len) {
        VncServer *server = g_ptr_array_index(all, 0);
        add_address(result, vnc_address(server));
        json_add_str(result, "auth", auth_of(server));
        json_add(result, "clients", clients_of(server));
    }
    return result;
}

Json *qmp_query_vnc_servers(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_object_new_array();
    GPtrArray *all = servers(call);

    for (guint i = 0; i < all->len; i++) {
        VncServer *server = g_ptr_array_index(all, i);
        Json *item = json_object_new_object(), *addresses = json_object_new_array();
        Json *address = json_object_new_object();
        add_address(address, vnc_address(server));
        json_add_bool(address, "websocket", false);
        json_add_str(address, "auth", auth_of(server));
        json_object_array_add(addresses, address);
        json_add_str(item, "id", vnc_id(server));
        json_add(item, "server", addresses);
        json_add(item, "clients", clients_of(server));
        json_add_str(item, "auth", auth_of(server));
        json_object_array_add(list, item);
    }
    return list;
}

/* By id; without one, the first. */
static VncServer *find_server(QmpCall *call, Json *args, GError **error)
{
    const char *protocol = json_str(args, "protocol", "vnc"), *id = json_str(args, "display", NULL);
    GPtrArray *all = servers(call);

    if (strcmp(protocol, "vnc")) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_DEVICE_NOT_ACTIVE, "there is no %s server",
                    protocol);
        return NULL;
    }
    for (guint i = 0; i < all->len; i++) {
        VncServer *server = g_ptr_array_index(all, i);
        if (!id || !strcmp(id, vnc_id(server))) {
            return server;
        }
    }
    g_set_error(error, QMP_ERROR, QMP_ERROR_DEVICE_NOT_ACTIVE,
                id ? "there is no VNC server '%s'" : "there is no VNC server", id);
    return NULL;
}

Json *qmp_set_password(QmpCall *call, Json *args, GError **error)
{
    const char *connected = json_str(args, "connected", "keep");
    VncServer *server = find_server(call, args, error);

    if (server && strcmp(connected, "keep")) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "VNC clients that are connected stay so: 'connected' must be 'keep', not '%s'",
                    connected);
    } else if (server) {
        vnc_set_password(server, json_str(args, "password", ""), error);
    }
    return NULL;
}

Json *qmp_change_vnc_password(QmpCall *call, Json *args, GError **error)
{
    VncServer *server = find_server(call, args, error);

    if (server) {
        vnc_set_password(server, json_str(args, "password", ""), error);
    }
    return NULL;
}

/* "now", "never", "+SECONDS", or seconds since the epoch. */
static bool parse_time(const char *text, int64_t *when, GError **error)
{
    int64_t now = g_get_real_time() / G_USEC_PER_SEC;
    guint64 number;

    if (!strcmp(text, "now")) {
        *when = 0;
    } else if (!strcmp(text, "never")) {
        *when = INT64_MAX;
    } else if (g_ascii_string_to_unsigned(text + (*text == '+'), 10, 0, INT64_MAX / 2, &number,
                                          NULL)) {
        *when = (int64_t)number + (*text == '+' ? now : 0);
    } else {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "'%s' is not now, never, +SECONDS or seconds since 1970", text);
        return false;
    }
    return true;
}

Json *qmp_expire_password(QmpCall *call, Json *args, GError **error)
{
    VncServer *server = find_server(call, args, error);
    int64_t when;

    if (server && parse_time(json_str(args, "time", ""), &when, error)) {
        vnc_set_expiry(server, when);
    }
    return NULL;
}
