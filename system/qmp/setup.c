/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From -mon, -qmp and -monitor to monitors on chardevs. */
#include <string.h>

#include "base/util/options.h"
#include "base/util/version.h"
#include "ferry-config.h"
#include "qmp.h"

Monitors *qmp_setup(Vm *vm, QmpHost *host)
{
    static const struct {
        const char *name;
        unsigned mask;
    } targets[] = {
        { "x86_64", QMP_TARGET_X86_64 },
        { "s390x", QMP_TARGET_S390X },
        { "ppc64", QMP_TARGET_PPC64 },
    };
    host->config = (MonitorsConfig){
        .schema = &qmp_schema,
        .handlers = qmp_handlers,
        .target = QMP_TARGET_ALL,
        .hmp = hmp_commands,
        .fdsets = host->fdsets,
        .host = host,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(targets); i++) {
        if (!strcmp(targets[i].name, host->target)) {
            host->config.target = targets[i].mask;
        }
    }
    host->config.package = "Ferry " FERRY_VERSION;
    return monitors_new(vm, &host->config);
}

bool qmp_add_monitor(Vm *vm, const char *text, GError **error)
{
    static const char *const modes[] = { "readline", "control", NULL };
    g_autoptr(GVariant) dict = options_parse(text, "chardev", error);
    if (!dict) {
        return false;
    }
    g_auto(OptionsReader) r;
    options_reader_init(&r, dict, NULL);
    g_variant_ref_sink(dict);
    options_reader_require(&r, "chardev");
    g_autofree char *id = options_reader_str(&r, "chardev");
    g_autofree char *own = options_reader_str(&r, "id"); /* a name that nothing refers to */
    int mode = options_reader_enum(&r, "mode", modes, 0);
    bool pretty = options_reader_bool(&r, "pretty", false);
    if (!options_reader_finish(&r, error)) {
        return false;
    }
    if (pretty && mode == 0) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "'pretty' is not compatible with HMP monitors");
        return false;
    }
    Chardev *chardev = chardevs_lookup(vm->chardevs, id, error);
    return chardev &&
           monitors_add(vm->monitors, chardev, mode ? MONITOR_QMP : MONITOR_HUMAN, pretty, error);
}

bool qmp_add_legacy_monitor(Vm *vm, const char *text, MonitorMode mode, bool pretty, unsigned n,
                            GError **error)
{
    bool with_monitor;
    if (!strcmp(text, "none")) {
        return true;
    }
    Chardev *chardev;
    if (g_str_has_prefix(text, "chardev:")) {
        chardev = chardevs_lookup(vm->chardevs, text + strlen("chardev:"), error);
    } else {
        g_autofree char *id = g_strdup_printf("compat_monitor%u", n);
        g_autoptr(ChardevConfig) config =
            chardev_config_parse_legacy(id, text, &with_monitor, error);
        chardev = config ? chardevs_add(vm->chardevs, config, error) : NULL;
    }
    return chardev && monitors_add(vm->monitors, chardev, mode, pretty, error);
}
