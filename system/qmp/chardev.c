/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Character devices. */
#include <string.h>

#include "qmp.h"

static void add_info(Chardev *c, void *opaque)
{
    g_autofree char *filename = chardev_filename(c);
    Json *item = json_object_new_object();
    json_add_bool(item, "frontend-open", chardev_frontend_is_open(c));
    json_add_str(item, "filename", filename);
    json_add_str(item, "label", chardev_id(c));
    json_object_array_add(opaque, item);
}

Json *qmp_query_chardev(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_object_new_array();
    chardevs_foreach(call->vm->chardevs, add_info, list);
    return list;
}

Json *qmp_query_chardev_backends(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_object_new_array();
    for (int i = 0; i < CHARDEV_KIND__COUNT; i++) {
        Json *item = json_object_new_object();
        json_add_str(item, "name", chardev_kind_name(i));
        json_object_array_add(list, item);
    }
    return list;
}

static SocketAddress *parse_address(QmpCall *call, Json *addr, GError **error)
{
    const char *type = json_str(addr, "type", "");
    Json *data = json_member(addr, "data");
    if (!strcmp(type, "unix")) {
        SocketAddress *a = socket_address_new_unix(json_str(data, "path", ""));
        a->abstract = json_flag(data, "abstract", false);
        a->tight = json_flag(data, "tight", true);
        return a;
    }
    if (!strcmp(type, "inet")) {
        SocketAddress *a =
            socket_address_new_inet(json_str(data, "host", ""), json_str(data, "port", ""));
        a->ipv4 = json_flag(data, "ipv4", false);
        a->ipv6 = json_flag(data, "ipv6", false);
        a->to = (uint16_t)CLAMP(json_int(data, "to", 0), 0, 65535);
        return a;
    }
    int fd = monitor_fd_param(call->monitor, json_str(data, "str", ""), error);
    if (fd < 0) {
        return NULL;
    }
    SocketAddress *a = socket_address_new(SOCKET_ADDRESS_FD);
    a->fd = fd;
    return a;
}

static bool parse_socket(QmpCall *call, ChardevConfig *config, Json *data, GError **error)
{
    static const char *const off[] = { "telnet", "tn3270", "websocket" };
    for (size_t i = 0; i < G_N_ELEMENTS(off); i++) {
        if (json_flag(data, off[i], false)) {
            g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                        "Parameter 'backend.data.%s' expects 'false': it is not supported", off[i]);
            return false;
        }
    }
    if (json_has(data, "tls-creds")) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Parameter 'backend.data.tls-creds' is not supported");
        return false;
    }
    int64_t ms = json_has(data, "reconnect") ? json_int(data, "reconnect", 0) * 1000
                                             : json_int(data, "reconnect-ms", 0);
    if (ms < 0 || ms > G_MAXINT) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Parameter 'backend.data.reconnect-ms' expects 0 to %d", G_MAXINT);
        return false;
    }
    config->reconnect_ms = (uint32_t)ms;
    config->server = json_flag(data, "server", true);
    config->wait = json_flag(data, "wait", false) && config->server;
    config->nodelay = json_flag(data, "nodelay", false);
    config->addr = parse_address(call, json_member(data, "addr"), error);
    return config->addr != NULL;
}

/* The schema has checked the shape; this maps it. */
static ChardevConfig *parse_backend(QmpCall *call, Json *args, GError **error)
{
    Json *backend = json_member(args, "backend");
    Json *data = json_member(backend, "data");
    ChardevKind kind;
    if (!chardev_kind_from_name(json_str(backend, "type", ""), &kind)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "unknown chardev type");
        return NULL;
    }
    g_autoptr(ChardevConfig) config = chardev_config_new(json_str(args, "id", ""), kind);
    config->logfile = g_strdup(json_str(data, "logfile", NULL));
    config->logappend = json_flag(data, "logappend", false);
    switch (kind) {
    case CHARDEV_KIND_FILE:
        config->path = g_strdup(json_str(data, "out", NULL));
        config->path_in = g_strdup(json_str(data, "in", NULL));
        config->append = json_flag(data, "append", false);
        break;
    case CHARDEV_KIND_PIPE: config->path = g_strdup(json_str(data, "device", NULL)); break;
    case CHARDEV_KIND_PTY: config->path = g_strdup(json_str(data, "path", NULL)); break;
    case CHARDEV_KIND_STDIO: config->signal = json_flag(data, "signal", true); break;
    case CHARDEV_KIND_RINGBUF:
    case CHARDEV_KIND_MEMORY: config->size = (uint64_t)json_int(data, "size", 0); break;
    case CHARDEV_KIND_SOCKET:
        if (!parse_socket(call, config, data, error)) {
            return NULL;
        }
        break;
    default: break;
    }
    return g_steal_pointer(&config);
}

static Json *chardev_return(Chardev *c)
{
    Json *out = json_object_new_object();
    g_autofree char *filename = chardev_filename(c);
    if (chardev_kind(c) == CHARDEV_KIND_PTY && g_str_has_prefix(filename, "pty:")) {
        json_add_str(out, "pty", filename + strlen("pty:"));
    }
    return out;
}

Json *qmp_chardev_add(QmpCall *call, Json *args, GError **error)
{
    g_autoptr(ChardevConfig) config = parse_backend(call, args, error);
    Chardev *c = config ? chardevs_add(call->vm->chardevs, config, error) : NULL;
    return c ? chardev_return(c) : NULL;
}

Json *qmp_chardev_change(QmpCall *call, Json *args, GError **error)
{
    g_autoptr(ChardevConfig) config = parse_backend(call, args, error);
    const char *id = json_str(args, "id", "");
    if (!config || !chardevs_change(call->vm->chardevs, id, config, error)) {
        return NULL;
    }
    return chardev_return(chardevs_find(call->vm->chardevs, id));
}

Json *qmp_chardev_remove(QmpCall *call, Json *args, GError **error)
{
    chardevs_remove(call->vm->chardevs, json_str(args, "id", ""), error);
    return NULL;
}

Json *qmp_chardev_send_break(QmpCall *call, Json *args, GError **error)
{
    Chardev *c = chardevs_lookup(call->vm->chardevs, json_str(args, "id", ""), error);
    if (c) {
        chardev_inject_break(c);
    }
    return NULL;
}

static bool is_base64(Json *args)
{
    return !strcmp(json_str(args, "format", "utf8"), "base64");
}

Json *qmp_ringbuf_write(QmpCall *call, Json *args, GError **error)
{
    const char *data = json_str(args, "data", "");
    Chardev *c = chardevs_lookup(call->vm->chardevs, json_str(args, "device", ""), error);
    if (!c) {
        return NULL;
    }
    if (!is_base64(args)) {
        chardev_ringbuf_write(c, (const uint8_t *)data, strlen(data), error);
        return NULL;
    }
    gsize len;
    g_autofree guchar *raw = g_base64_decode(data, &len);
    chardev_ringbuf_write(c, raw, len, error);
    return NULL;
}

Json *qmp_ringbuf_read(QmpCall *call, Json *args, GError **error)
{
    int64_t size = json_int(args, "size", 0);
    GError *local = NULL;
    Chardev *c = chardevs_lookup(call->vm->chardevs, json_str(args, "device", ""), error);
    if (!c) {
        return NULL;
    }
    if (size <= 0) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "size must be greater than zero");
        return NULL;
    }
    size = MIN(size, 64 << 20);
    g_autofree uint8_t *buf = g_malloc(size);
    size_t n = chardev_ringbuf_read(c, buf, size, &local);
    if (local) {
        g_propagate_error(error, local);
        return NULL;
    }
    g_autofree char *text =
        is_base64(args) ? g_base64_encode(buf, n) : g_utf8_make_valid((const char *)buf, n);
    return json_object_new_string(text);
}
