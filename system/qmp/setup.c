/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitors of this program: its schema, handlers and human commands. */
#include <string.h>

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
