/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * query-command-line-options: the options and their parameters, for management that asks what a
 * program takes before it starts it. Options without a fixed list show none.
 */
#include <string.h>

#include "qmp.h"

typedef struct {
    const char *name, *type;
} Parameter;

typedef struct {
    const char *option;
    const Parameter *parameters;
    size_t n;
} OptionGroup;

static const Parameter action_parameters[] = {
    { "watchdog", "string" },
    { "panic", "string" },
    { "reboot", "string" },
    { "shutdown", "string" },
};

static const Parameter add_fd_parameters[] = {
    { "opaque", "string" },
    { "set", "number" },
    { "fd", "number" },
};

static const Parameter boot_opts_parameters[] = {
    { "strict", "boolean" }, { "reboot-timeout", "number" }, { "splash-time", "number" },
    { "splash", "string" },  { "menu", "boolean" },          { "once", "string" },
    { "order", "string" },
};

static const Parameter chardev_parameters[] = {
    { "abstract", "boolean" },    { "tight", "boolean" },    { "logappend", "boolean" },
    { "logfile", "string" },      { "append", "boolean" },   { "size", "size" },
    { "signal", "boolean" },      { "mux", "boolean" },      { "rows", "number" },
    { "cols", "number" },         { "height", "number" },    { "width", "number" },
    { "reconnect-ms", "number" }, { "reconnect", "number" }, { "nodelay", "boolean" },
    { "delay", "boolean" },       { "server", "boolean" },   { "wait", "boolean" },
    { "ipv6", "boolean" },        { "ipv4", "boolean" },     { "to", "number" },
    { "fd", "string" },           { "port", "string" },      { "host", "string" },
    { "input-path", "string" },   { "path", "string" },      { "backend", "string" },
};

static const Parameter drive_parameters[] = {
    { "werror", "string" },
    { "rerror", "string" },
    { "read-only", "boolean" },
    { "file", "string" },
    { "if", "string" },
    { "media", "string" },
    { "index", "number" },
    { "unit", "number" },
    { "bus", "number" },
    { "detect-zeroes", "string" },
    { "format", "string" },
    { "cache.writeback", "boolean" },
    { "aio", "string" },
    { "snapshot", "boolean" },
    { "force-share", "boolean" },
    { "discard", "string" },
    { "auto-read-only", "boolean" },
    { "cache.no-flush", "boolean" },
    { "cache.direct", "boolean" },
    { "driver", "string" },
    { "node-name", "string" },
};

static const Parameter fw_cfg_parameters[] = {
    { "string", "string" },
    { "file", "string" },
    { "name", "string" },
};

static const Parameter global_parameters[] = {
    { "value", "string" },
    { "property", "string" },
    { "driver", "string" },
};

static const Parameter icount_parameters[] = {
    { "sleep", "boolean" },
    { "align", "boolean" },
    { "shift", "string" },
};

static const Parameter machine_parameters[] = {
    { "type", "string" },
    { "x-option-roms", "boolean" },
    { "kernel", "string" },
    { "boot", "string" },
    { "memory", "string" },
    { "initrd", "string" },
    { "graphics", "boolean" },
    { "usb", "boolean" },
    { "firmware", "string" },
    { "dump-guest-core", "boolean" },
    { "smp", "string" },
    { "phandle-start", "number" },
    { "memory-backend", "string" },
    { "mem-merge", "boolean" },
    { "dtb", "string" },
    { "append", "string" },
    { "suppress-vmdesc", "boolean" },
    { "smm", "boolean" },
    { "acpi", "boolean" },
    { "pit", "boolean" },
    { "pic", "boolean" },
    { "vmport", "boolean" },
    { "i8042", "boolean" },
    { "hpet", "boolean" },
};

static const Parameter memory_parameters[] = {
    { "maxmem", "size" },
    { "slots", "number" },
    { "size", "size" },
};

static const Parameter mon_parameters[] = {
    { "pretty", "boolean" },
    { "chardev", "string" },
    { "mode", "string" },
};

static const Parameter msg_parameters[] = {
    { "guest-name", "boolean" },
    { "timestamp", "boolean" },
};

static const Parameter name_parameters[] = {
    { "debug-threads", "boolean" },
    { "process", "string" },
    { "guest", "string" },
};

static const Parameter overcommit_parameters[] = {
    { "cpu-pm", "boolean" },
    { "mem-lock", "string" },
};

static const Parameter rtc_parameters[] = {
    { "driftfix", "string" },
    { "clock", "string" },
    { "base", "string" },
};

static const Parameter sandbox_parameters[] = {
    { "resourcecontrol", "string" }, { "spawn", "string" },   { "elevateprivileges", "string" },
    { "obsolete", "string" },        { "enable", "boolean" },
};

static const Parameter smp_opts_parameters[] = {
    { "maxcpus", "number" }, { "threads", "number" },  { "cores", "number" },
    { "modules", "number" }, { "clusters", "number" }, { "dies", "number" },
    { "sockets", "number" }, { "books", "number" },    { "drawers", "number" },
    { "cpus", "number" },
};

static const Parameter trace_parameters[] = {
    { "file", "string" },
    { "events", "string" },
    { "enable", "string" },
};

#define GROUP(name, table)               \
    {                                    \
        name, table, G_N_ELEMENTS(table) \
    }

static const OptionGroup groups[] = {
    { "accel", NULL, 0 },
    GROUP("action", action_parameters),
    GROUP("add-fd", add_fd_parameters),
    GROUP("boot-opts", boot_opts_parameters),
    GROUP("chardev", chardev_parameters),
    { "device", NULL, 0 },
    GROUP("drive", drive_parameters),
    GROUP("fw_cfg", fw_cfg_parameters),
    GROUP("global", global_parameters),
    GROUP("icount", icount_parameters),
    GROUP("machine", machine_parameters),
    GROUP("memory", memory_parameters),
    GROUP("mon", mon_parameters),
    GROUP("msg", msg_parameters),
    GROUP("name", name_parameters),
    { "netdev", NULL, 0 },
    { "nic", NULL, 0 },
    { "object", NULL, 0 },
    GROUP("overcommit", overcommit_parameters),
    GROUP("rtc", rtc_parameters),
    GROUP("sandbox", sandbox_parameters),
    { "smbios", NULL, 0 },
    GROUP("smp-opts", smp_opts_parameters),
    GROUP("trace", trace_parameters),
};

Json *qmp_query_command_line_options(QmpCall *call, Json *args, GError **error)
{
    const char *want = json_str(args, "option", NULL);
    g_autoptr(Json) list = json_object_new_array();
    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
        if (want && strcmp(want, groups[i].option)) {
            continue;
        }
        Json *item = json_object_new_object();
        Json *parameters = json_object_new_array();
        for (size_t k = 0; k < groups[i].n; k++) {
            Json *p = json_object_new_object();
            json_add_str(p, "name", groups[i].parameters[k].name);
            json_add_str(p, "type", groups[i].parameters[k].type);
            json_object_array_add(parameters, p);
        }
        json_add(item, "parameters", parameters);
        json_add_str(item, "option", groups[i].option);
        json_object_array_add(list, item);
    }
    if (want && !json_object_array_length(list)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "invalid option name: %s", want);
        return NULL;
    }
    return g_steal_pointer(&list);
}
