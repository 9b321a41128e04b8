/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Run state: asking for it and changing it. */
#include <string.h>

#include "backend/block/block.h"
#include "hw/core/machine.h"
#include "migration/migration.h"
#include "qmp.h"

Json *qmp_query_status(QmpCall *call, Json *args, GError **error)
{
    Json *out = json_object_new_object();
    json_add_bool(out, "running", run_state_running(call->vm));
    json_add_str(out, "status", run_state_name(run_state_get(call->vm)));
    return out;
}

Json *qmp_query_name(QmpCall *call, Json *args, GError **error)
{
    Json *out = json_object_new_object();
    json_add_str_opt(out, "name", call->vm->name);
    return out;
}

Json *qmp_query_uuid(QmpCall *call, Json *args, GError **error)
{
    const uint8_t *u = call->vm->uuid;
    g_autofree char *text =
        g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                        u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11],
                        u[12], u[13], u[14], u[15]);
    Json *out = json_object_new_object();
    json_add_str(out, "UUID", text);
    return out;
}

Json *qmp_query_target(QmpCall *call, Json *args, GError **error)
{
    Json *out = json_object_new_object();
    json_add_str(out, "arch", qmp_host(call)->target);
    return out;
}

/* There is no KVM in Ferry: neither in use nor built in. */
Json *qmp_query_kvm(QmpCall *call, Json *args, GError **error)
{
    Json *out = json_object_new_object();
    json_add_bool(out, "enabled", false);
    json_add_bool(out, "present", false);
    return out;
}

Json *qmp_stop(QmpCall *call, Json *args, GError **error)
{
    if (run_state_get(call->vm) == RUN_STATE_INMIGRATE) {
        migration_set_autostart(call->vm, false);
    } else if (run_state_running(call->vm)) {
        vm_stop(call->vm, RUN_STATE_PAUSED, error);
    }
    return NULL;
}

Json *qmp_cont(QmpCall *call, Json *args, GError **error)
{
    switch (run_state_get(call->vm)) {
    case RUN_STATE_INTERNAL_ERROR:
    case RUN_STATE_SHUTDOWN:
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Resetting the Virtual Machine is required");
        break;
    case RUN_STATE_FINISH_MIGRATE:
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "Migration is not finalized yet");
        break;
    case RUN_STATE_INMIGRATE: migration_incoming_cont(call->vm, error); break;
    case RUN_STATE_SUSPENDED:
    case RUN_STATE_RUNNING: break;
    default:
        if (call->vm->blocks && !blocks_activate(vm_blocks(call->vm), error)) {
            break;
        }
        vm_start(call->vm, error);
    }
    return NULL;
}

Json *qmp_system_reset(QmpCall *call, Json *args, GError **error)
{
    vm_reset_request(call->vm, SHUTDOWN_HOST_QMP_SYSTEM_RESET);
    return NULL;
}

Json *qmp_system_powerdown(QmpCall *call, Json *args, GError **error)
{
    vm_powerdown_request(call->vm);
    return NULL;
}

Json *qmp_system_wakeup(QmpCall *call, Json *args, GError **error)
{
    if (run_state_get(call->vm) != RUN_STATE_SUSPENDED) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Unable to wake up: guest is not in suspended state");
    } else {
        vm_wakeup_request(call->vm);
    }
    return NULL;
}

Json *qmp_inject_nmi(QmpCall *call, Json *args, GError **error)
{
    Machine *m = vm_machine(call->vm);
    if (!m || !machine_ops(m)->nmi) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "machine does not provide NMIs");
    } else {
        machine_ops(m)->nmi(m, 0, error);
    }
    return NULL;
}

/* ---- actions; the schema has checked that the names are among these ---- */

static const char *const reboot_names[] = { "reset", "shutdown", NULL };
static const char *const shutdown_names[] = { "poweroff", "pause", NULL };
static const char *const panic_names[] = { "shutdown", "pause", "exit-failure", "none", NULL };
static const char *const watchdog_names[] = { "reset", "shutdown", "poweroff",   "pause",
                                              "debug", "none",     "inject-nmi", NULL };

static int pick(Json *args, const char *name, const char *const *names, int old)
{
    const char *text = json_str(args, name, NULL);
    for (int i = 0; text && names[i]; i++) {
        if (!strcmp(names[i], text)) {
            return i;
        }
    }
    return old;
}

Json *qmp_set_action(QmpCall *call, Json *args, GError **error)
{
    VmActions *a = vm_actions(call->vm);
    a->reboot = pick(args, "reboot", reboot_names, a->reboot);
    a->shutdown = pick(args, "shutdown", shutdown_names, a->shutdown);
    a->panic = pick(args, "panic", panic_names, a->panic);
    a->watchdog = pick(args, "watchdog", watchdog_names, a->watchdog);
    return NULL;
}

Json *qmp_watchdog_set_action(QmpCall *call, Json *args, GError **error)
{
    VmActions *a = vm_actions(call->vm);
    a->watchdog = pick(args, "action", watchdog_names, a->watchdog);
    return NULL;
}
