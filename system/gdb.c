/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The GDB server on the command line and in the human monitor. */
#include <string.h>
#include "backend/chardev/chardev.h"
#include "gdbstub/gdbstub.h"
#include "monitor/monitor.h"
#include "system-priv.h"

#define GDB_CHARDEV_ID "gdb"

static char *run_monitor(void *opaque, const char *line)
{
    System *sys = opaque;
    return monitors_human(sys->vm->monitors, NULL, line, 0);
}

static void stop(System *sys)
{
    if (sys->gdb) {
        g_clear_pointer(&sys->gdb, gdb_server_free);
        chardevs_remove(sys->vm->chardevs, GDB_CHARDEV_ID, NULL);
    }
}

bool gdb_start(System *sys, const char *spec, GError **error)
{
    GdbHost host = { .vm = sys->vm, .engine = sys->engine, .monitor = run_monitor, .opaque = sys };
    Chardev *chardev;

    stop(sys);
    if (!strcmp(spec, "none")) {
        return true;
    }
    if (g_str_has_prefix(spec, "chardev:")) {
        chardev = chardevs_lookup(sys->vm->chardevs, spec + strlen("chardev:"), error);
    } else {
        bool with_monitor;
        g_autoptr(ChardevConfig) config =
            chardev_config_parse_legacy(GDB_CHARDEV_ID, spec, &with_monitor, error);
        if (config && config->kind == CHARDEV_KIND_SOCKET) {
            config->server = true;
            config->wait = false;
            config->nodelay = true;
        }
        chardev = config ? chardevs_add(sys->vm->chardevs, config, error) : NULL;
    }
    sys->gdb = chardev ? gdb_server_new(&host, chardev, error) : NULL;
    if (!sys->gdb) {
        chardevs_remove(sys->vm->chardevs, GDB_CHARDEV_ID, NULL);
        g_prefix_error(error, "-gdb %s: ", spec);
        return false;
    }
    return true;
}
