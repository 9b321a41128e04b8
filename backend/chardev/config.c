/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From option strings to ChardevConfig: "-chardev KIND,id=..,key=value" and the short spellings
 * of -serial, -monitor and -qmp. Which keys a kind takes is the table below.
 */
#include <string.h>

#include "chardev-priv.h"

ChardevConfig *chardev_config_new(const char *id, ChardevKind kind)
{
    ChardevConfig *config = g_new0(ChardevConfig, 1);
    config->id = g_strdup(id);
    config->kind = kind;
    config->signal = true;
    return config;
}

void chardev_config_free(ChardevConfig *config)
{
    if (config) {
        g_free(config->id);
        g_free(config->logfile);
        g_free(config->path);
        g_free(config->path_in);
        socket_address_free(config->addr);
        g_free(config);
    }
}

typedef enum {
    OPT_STR,
    OPT_BOOL,
    OPT_SECONDS,
    OPT_MS,
    OPT_SIZE,
    OPT_PORT_TO,
    OPT_FD,
    OPT_OFF
} OptKind;

#define K(kind)       (1u << CHARDEV_KIND_##kind)
#define K_ALL         UINT32_MAX
#define CONFIG(field) offsetof(ChardevConfig, field), false
#define ADDR(field)   offsetof(SocketAddress, field), true

typedef struct {
    const char *key;
    uint32_t kinds;
    OptKind type;
    size_t offset;
    bool in_addr;
} Option;

/* "id" is read before; path, host and port of a socket decide the address kind (parse_address). */
static const Option options[] = {
    { "mux", K_ALL, OPT_BOOL, CONFIG(mux) },
    { "logfile", K_ALL, OPT_STR, CONFIG(logfile) },
    { "logappend", K_ALL, OPT_BOOL, CONFIG(logappend) },
    { "path", K(FILE) | K(PIPE) | K(PTY), OPT_STR, CONFIG(path) },
    { "input-path", K(FILE), OPT_STR, CONFIG(path_in) },
    { "append", K(FILE), OPT_BOOL, CONFIG(append) },
    { "signal", K(STDIO), OPT_BOOL, CONFIG(signal) },
    { "size", K(RINGBUF) | K(MEMORY), OPT_SIZE, CONFIG(size) },
    { "path", K(SOCKET), OPT_STR, ADDR(path) },
    { "abstract", K(SOCKET), OPT_BOOL, ADDR(abstract) },
    { "tight", K(SOCKET), OPT_BOOL, ADDR(tight) },
    { "host", K(SOCKET), OPT_STR, ADDR(host) },
    { "port", K(SOCKET), OPT_STR, ADDR(port) },
    { "to", K(SOCKET), OPT_PORT_TO, ADDR(to) },
    { "ipv4", K(SOCKET), OPT_BOOL, ADDR(ipv4) },
    { "ipv6", K(SOCKET), OPT_BOOL, ADDR(ipv6) },
    { "fd", K(SOCKET), OPT_FD, ADDR(fd) },
    { "server", K(SOCKET), OPT_BOOL, CONFIG(server) },
    { "wait", K(SOCKET), OPT_BOOL, CONFIG(wait) },
    { "nodelay", K(SOCKET), OPT_BOOL, CONFIG(nodelay) },
    { "delay", K(SOCKET), OPT_BOOL, 0, false },
    { "reconnect", K(SOCKET), OPT_SECONDS, CONFIG(reconnect_ms) },
    { "reconnect-ms", K(SOCKET), OPT_MS, CONFIG(reconnect_ms) },
    { "telnet", K(SOCKET), OPT_OFF, 0, false },
    { "tn3270", K(SOCKET), OPT_OFF, 0, false },
    { "websocket", K(SOCKET), OPT_OFF, 0, false },
    /* sizes of a text console: accepted, no console yet */
    { "width", K(VC), OPT_SIZE, 0, false },
    { "height", K(VC), OPT_SIZE, 0, false },
    { "cols", K(VC), OPT_SIZE, 0, false },
    { "rows", K(VC), OPT_SIZE, 0, false },
};

static bool bad(GError **error, const char *key, const char *value, const char *expected)
{
    g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG,
                "Parameter '%s' expects %s, not '%s'", key, expected, value);
    return false;
}

static bool parse_bool(const char *key, const char *value, bool *out, GError **error)
{
    static const char *const yes[] = { "on", "yes", "true", "y", NULL };
    static const char *const no[] = { "off", "no", "false", "n", NULL };
    *out = g_strv_contains(yes, value);
    return *out || g_strv_contains(no, value) || bad(error, key, value, "'on' or 'off'");
}

static bool set_number(const Option *o, const char *value, void *field, GError **error)
{
    guint64 n;
    guint64 max = o->type == OPT_PORT_TO ? 65535 : o->type == OPT_SECONDS ? 4000000 : G_MAXINT;
    if (!g_ascii_string_to_unsigned(value, 10, 0, max, &n, NULL)) {
        g_autofree char *range = g_strdup_printf("a number up to %" G_GUINT64_FORMAT, max);
        return bad(error, o->key, value, range);
    }
    if (o->type == OPT_PORT_TO) {
        *(uint16_t *)field = n;
    } else if (o->type == OPT_FD) {
        *(int *)field = n;
    } else {
        *(uint32_t *)field = o->type == OPT_SECONDS ? n * 1000 : n;
    }
    return true;
}

static bool set_size(const Option *o, const char *value, void *field, GError **error)
{
    char *end;
    guint64 n = g_ascii_strtoull(value, &end, 0);
    static const char suffix[] = "KMG";
    const char *s = *end ? strchr(suffix, g_ascii_toupper(*end)) : NULL;
    if (end == value || value[0] == '-' || (*end && (!s || end[1])) || n > (1u << 30)) {
        return bad(error, o->key, value, "a size");
    }
    if (field) {
        *(uint64_t *)field = s ? n << (10 * (s - suffix + 1)) : n;
    }
    return true;
}

static bool set_option(ChardevConfig *config, const Option *o, const char *value, GError **error)
{
    char *base = o->in_addr ? (char *)config->addr : (char *)config;
    void *field = o->offset || o->in_addr ? base + o->offset : NULL;
    bool flag;
    switch (o->type) {
    case OPT_STR:
        g_free(*(char **)field);
        *(char **)field = g_strdup(value);
        return true;
    case OPT_BOOL:
        if (!parse_bool(o->key, value, &flag, error)) {
            return false;
        }
        if (field) {
            *(bool *)field = flag;
        } else {
            config->nodelay = !flag;
        }
        return true;
    case OPT_OFF:
        if (!parse_bool(o->key, value, &flag, error)) {
            return false;
        }
        return !flag || bad(error, o->key, value, "'off': it is not supported");
    case OPT_SIZE: return set_size(o, value, field, error);
    default: return set_number(o, value, field, error);
    }
}

static const Option *find_option(ChardevKind kind, const char *key)
{
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (!strcmp(options[i].key, key) && (options[i].kinds & (1u << kind))) {
            return &options[i];
        }
    }
    return NULL;
}

/* "key=value", or the short "key" and "nokey" of a boolean. */
static bool parse_one(ChardevConfig *config, const char *item, GError **error)
{
    const char *eq = strchr(item, '=');
    g_autofree char *key = eq ? g_strndup(item, eq - item) : g_strdup(item);
    const char *value = eq ? eq + 1 : "on";
    const Option *o = find_option(config->kind, key);
    if (!eq && !o && g_str_has_prefix(key, "no")) {
        o = find_option(config->kind, key + 2);
        value = "off";
    }
    if (!o || (!eq && o->type != OPT_BOOL && o->type != OPT_OFF)) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG,
                    o ? "Parameter '%s' of chardev '%s' needs a value"
                      : "Invalid parameter '%s' of chardev '%s'",
                    key, chardev_kind_name(config->kind));
        return false;
    }
    return set_option(config, o, value, error);
}

/* Which kind of address was given; what the combination must satisfy. */
static bool finish_socket(ChardevConfig *config, GError **error)
{
    SocketAddress *a = config->addr;
    int given = (a->path != NULL) + (a->port != NULL) + (a->fd >= 0);
    if (given != 1) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG,
                    "chardev: socket: exactly one of 'path', 'port' and 'fd' is needed");
        return false;
    }
    a->kind = a->path ? SOCKET_ADDRESS_UNIX : a->port ? SOCKET_ADDRESS_INET : SOCKET_ADDRESS_FD;
    if (a->port && !a->host) {
        if (!config->server) {
            g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG,
                        "chardev: socket: no host given");
            return false;
        }
        a->host = g_strdup("");
    }
    return true;
}

/* Split at single commas; ",," is a comma in a value. */
static GPtrArray *split(const char *text)
{
    GPtrArray *items = g_ptr_array_new_with_free_func(g_free);
    GString *item = g_string_new(NULL);
    for (const char *p = text;; p++) {
        if (*p == ',' && p[1] == ',') {
            g_string_append_c(item, *++p);
        } else if (*p == ',' || !*p) {
            g_ptr_array_add(items, g_string_free(item, FALSE));
            if (!*p) {
                return items;
            }
            item = g_string_new(NULL);
        } else {
            g_string_append_c(item, *p);
        }
    }
}

static bool parse_items(ChardevConfig *config, GPtrArray *items, guint from, GError **error)
{
    config->wait = true;
    if (config->kind == CHARDEV_KIND_SOCKET && !config->addr) {
        config->addr = socket_address_new(SOCKET_ADDRESS_UNIX);
    }
    for (guint i = from; i < items->len; i++) {
        const char *item = g_ptr_array_index(items, i);
        if (g_str_has_prefix(item, "id=")) {
            g_free(config->id);
            config->id = g_strdup(item + 3);
        } else if (!parse_one(config, item, error)) {
            return false;
        }
    }
    config->wait = config->wait && config->server;
    return config->kind != CHARDEV_KIND_SOCKET || finish_socket(config, error);
}

ChardevConfig *chardev_config_parse(const char *text, GError **error)
{
    g_autoptr(GPtrArray) items = split(text);
    const char *name = g_ptr_array_index(items, 0);
    ChardevKind kind;
    if (g_str_has_prefix(name, "backend=")) {
        name += strlen("backend=");
    }
    if (!chardev_kind_from_name(name, &kind) || kind == CHARDEV_KIND_MUX) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG,
                    "'%s' is not a valid char driver name", name);
        return NULL;
    }
    g_autoptr(ChardevConfig) config = chardev_config_new(NULL, kind);
    if (!parse_items(config, items, 1, error)) {
        return NULL;
    }
    if (!config->id) {
        g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG, "chardev: no id specified");
        return NULL;
    }
    return g_steal_pointer(&config);
}

/* "tcp:HOST:PORT", "unix:PATH", "file:PATH", "pipe:PATH": the first item without its prefix. */
static ChardevConfig *legacy_address(const char *id, const char *first, GError **error)
{
    static const struct {
        const char *prefix;
        ChardevKind kind;
    } forms[] = {
        { "file:", CHARDEV_KIND_FILE },
        { "pipe:", CHARDEV_KIND_PIPE },
        { "tcp:", CHARDEV_KIND_SOCKET },
        { "unix:", CHARDEV_KIND_SOCKET },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (!g_str_has_prefix(first, forms[i].prefix)) {
            continue;
        }
        g_autoptr(ChardevConfig) config = chardev_config_new(id, forms[i].kind);
        if (forms[i].kind != CHARDEV_KIND_SOCKET) {
            config->path = g_strdup(first + strlen(forms[i].prefix));
        } else {
            config->addr = socket_address_parse(first, error);
            if (!config->addr) {
                return NULL;
            }
        }
        return g_steal_pointer(&config);
    }
    g_set_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_CONFIG, "'%s' is not a valid char driver",
                first);
    return NULL;
}

ChardevConfig *chardev_config_parse_legacy(const char *id, const char *text, bool *with_monitor,
                                           GError **error)
{
    *with_monitor = g_str_has_prefix(text, "mon:");
    text += *with_monitor ? strlen("mon:") : 0;
    g_autoptr(GPtrArray) items = split(text);
    const char *first = g_ptr_array_index(items, 0);
    g_autoptr(ChardevConfig) config = NULL;
    ChardevKind kind;
    if (g_str_has_prefix(first, "vc:")) { /* vc:WxH: a size without a console */
        config = chardev_config_new(id, CHARDEV_KIND_VC);
    } else if (chardev_kind_from_name(first, &kind) && kind != CHARDEV_KIND_MUX &&
               kind != CHARDEV_KIND_SOCKET && kind != CHARDEV_KIND_FILE &&
               kind != CHARDEV_KIND_PIPE) {
        config = chardev_config_new(id, kind);
    } else {
        config = legacy_address(id, first, error);
    }
    if (!config) {
        return NULL;
    }
    if (*with_monitor) {
        config->mux = true;
        config->signal = false; /* C-c is for the guest; C-a x leaves */
    }
    if (!parse_items(config, items, 1, error)) {
        return NULL;
    }
    return g_steal_pointer(&config);
}
