/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the composition root gives the monitors, and what the command handlers share. A handler
 * parses, calls public functions of the rooms and shapes the reply; it holds no state of its own.
 */
#pragma once
#include "migration/manifest.h"
#include "exec/engine.h"
#include "hw/core/device.h"
#include "monitor/json.h"
#include "monitor/monitor.h"
#include "qmp-handlers-gen.h"
#include "qmp-schema-gen.h"

/* Set up by main before the first monitor; lives until the last one is gone. */
typedef struct {
    const char *target;    /* "x86_64", "s390x", "ppc64" */
    ExecEngine *engine;    /* borrowed; NULL: no CPU runs (qtest, machine none) */
    FdSets *fdsets;        /* borrowed */
    MonitorsConfig config; /* filled by qmp_setup */
} QmpHost;

/* Make vm->monitors with Ferry's schema, handlers and human commands. */
Monitors *qmp_setup(Vm *vm, QmpHost *host);

static inline QmpHost *qmp_host(const QmpCall *call)
{
    return monitors_config(call->monitors)->host;
}

/* The CPU at an index; NULL + error. */
Device *qmp_cpu_device(Vm *vm, int64_t index, GError **error);
CpuState *qmp_cpu_state(QmpHost *host, int64_t index, GError **error);
/* Suffix of CPU type names of the guest: "-x86_64-cpu". */
const char *qmp_cpu_suffix(const QmpHost *host);
/* query-cpu-model-expansion of s390x. */
Json *qmp_s390_cpu_expansion(Json *args, GError **error);
/* x-query-ramblock's text; the caller frees it. */
char *qmp_ramblock_text(Vm *vm);

/* The commands of the human monitor, ended by a NULL name. */
extern const HmpCommand hmp_commands[];

/* system/manifest-file.c */
Json *manifest_to_json(const Manifest *m);
