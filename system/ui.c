/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What users see and touch, on the command line: -vga, -display, -vnc. */
#include <string.h>
#include "backend/ui/display.h"
#include "backend/ui/vnc.h"
#include "base/core/secret.h"
#include "hw/pci/pci.h"
#include "system/keyval.h"
#include "system-priv.h"

#define VNC_FIRST_PORT 5900

/* ---- -vga ---- */

static bool user_gives_card(const CmdLine *cmd)
{
    for (guint i = 0; i < cmd->devices->len; i++) {
        const Arg *arg = g_ptr_array_index(cmd->devices, i);
        if (g_str_equal(arg->text, "VGA") || g_str_has_prefix(arg->text, "VGA,")) {
            return true;
        }
    }
    return false;
}

bool options_apply_vga(System *sys, GError **error)
{
    const CmdLine *cmd = sys->cmd;
    PciBus *bus = pci_root_bus(sys->vm);
    const char *card = cmd->vga;

    if (!card) {
        card = !cmd->nodefaults && !user_gives_card(cmd) && bus && !strcmp(cmd->target, "x86_64")
                   ? "std"
                   : "none";
    }
    if (!strcmp(card, "none")) {
        return true;
    }
    if (strcmp(card, "std")) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                    "-vga %s: only 'std' and 'none' are available", card);
        return false;
    }
    if (!bus) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                    "-vga %s: machine '%s' has no PCI bus", card,
                    machine_ops(vm_machine(sys->vm))->machine_name);
        return false;
    }
    return device_create(sys->vm, "VGA", &bus->bus, "vga", error) != NULL;
}

/* ---- -vnc ---- */

/* "HOST:DISPLAY" or "unix:PATH"; the port is 5900 + DISPLAY. */
static SocketAddress *vnc_parse_address(const char *text, unsigned to, GError **error)
{
    if (g_str_has_prefix(text, "unix:")) {
        return socket_address_new_unix(text + strlen("unix:"));
    }
    const char *colon = strrchr(text, ':');
    guint64 display;

    if (!colon ||
        !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535 - VNC_FIRST_PORT, &display, NULL)) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                    "'%s' is not HOST:DISPLAY (a number up to %d) or unix:PATH", text,
                    65535 - VNC_FIRST_PORT);
        return NULL;
    }
    g_autofree char *host = g_strndup(text, (gsize)(colon - text));
    g_autofree char *port = g_strdup_printf("%u", VNC_FIRST_PORT + (unsigned)display);
    size_t n = strlen(host);
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        memmove(host, host + 1, n - 1);
    }
    SocketAddress *addr = socket_address_new_inet(host, port);
    addr->to = to ? (uint16_t)MIN(VNC_FIRST_PORT + to, 65535) : 0;
    return addr;
}

static bool parse_sharing(const char *text, VncSharing *out, GError **error)
{
    static const char *const names[] = { "allow-exclusive", "force-shared", "ignore" };

    for (unsigned i = 0; text && i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(text, names[i])) {
            *out = (VncSharing)i;
            return true;
        }
    }
    if (text) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                    "share=%s: must be allow-exclusive, force-shared or ignore", text);
    }
    return !text;
}

static bool use_secret(Vm *vm, VncServer *server, const char *id, GError **error)
{
    g_autoptr(GBytes) bytes = secret_bytes(vm, id, error);
    gsize len;
    const char *data = bytes ? g_bytes_get_data(bytes, &len) : NULL;
    g_autofree char *text = data ? g_strndup(data, len) : NULL;

    return text && vnc_set_password(server, text, error);
}

static bool add_vnc(System *sys, const char *spec, GError **error)
{
    static const char *const known[] = {
        "vnc",     "id",    "to",    "password",     "password-secret",
        "display", "share", "lossy", "non-adaptive", NULL
    };
    GVariant *parsed = keyval_parse(spec, "vnc", error);
    g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;
    VncConfig config = { .id = "default", .sharing = VNC_SHARE_ALLOW_EXCLUSIVE };
    bool ignored = false;
    unsigned to = 0;

    if (!props || !keyval_only(props, known, error) ||
        !keyval_bool(props, "password", &config.password, error) ||
        !keyval_bool(props, "lossy", &ignored, error) ||
        !keyval_bool(props, "non-adaptive", &ignored, error) ||
        !keyval_uint(props, "to", 65535 - VNC_FIRST_PORT, &to, error) ||
        !parse_sharing(keyval_str(props, "share"), &config.sharing, error)) {
        return false;
    }
    const char *where = keyval_str(props, "vnc"), *secret = keyval_str(props, "password-secret");
    if (!where || !strcmp(where, "none")) {
        return true;
    }
    config.id = keyval_str(props, "id") ? keyval_str(props, "id") : config.id;
    config.device = keyval_str(props, "display");
    config.password |= secret != NULL;
    g_autoptr(SocketAddress) address = vnc_parse_address(where, to, error);
    config.address = address;
    VncServer *server = address ? vnc_server_new(sys->vm, &config, error) : NULL;
    if (server) {
        g_ptr_array_add(sys->vncs, server);
    }
    return server && (!secret || use_secret(sys->vm, server, secret, error));
}

bool options_apply_displays(System *sys, GError **error)
{
    const CmdLine *cmd = sys->cmd;
    const char *display = cmd->display;

    sys->vncs = g_ptr_array_new_with_free_func((GDestroyNotify)vnc_server_free);
    if (display && g_str_has_prefix(display, "vnc=")) {
        if (!add_vnc(sys, display + strlen("vnc="), error)) {
            g_prefix_error(error, "-display %s: ", display);
            return false;
        }
    } else if (display && strcmp(display, "none")) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                    "-display %s: only 'none' and 'vnc=HOST:DISPLAY' are available", display);
        return false;
    }
    for (guint i = 0; i < cmd->vncs->len; i++) {
        const Arg *arg = g_ptr_array_index(cmd->vncs, i);
        if (!add_vnc(sys, arg->text, error)) {
            g_prefix_error(error, "-vnc %s: ", arg->text);
            return false;
        }
    }
    return true;
}
