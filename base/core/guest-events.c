/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of a guest that says it has panicked, or that a watchdog has given up on (-action, set-action). */
#include "base/core/vm.h"

static GVariant *action_data(const char *action, GVariant *info)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "action", g_variant_new_string(action));
    if (info) {
        g_variant_builder_add(&b, "{sv}", "info", info);
    }
    return g_variant_builder_end(&b);
}

void vm_guest_panicked(Vm *vm, GVariant *info)
{
    PanicAction action = vm_actions(vm)->panic;

    switch (action) {
    case PANIC_ACTION_PAUSE:
        vm_event(vm, "GUEST_PANICKED", action_data("pause", info));
        vm_stop_request(vm, RUN_STATE_GUEST_PANICKED);
        break;
    case PANIC_ACTION_NONE: vm_event(vm, "GUEST_PANICKED", action_data("run", info)); break;
    case PANIC_ACTION_SHUTDOWN:
    case PANIC_ACTION_EXIT_FAILURE:
        vm_event(vm, "GUEST_PANICKED", action_data("poweroff", info));
        vm_shutdown_request_with_code(vm, SHUTDOWN_GUEST_PANIC,
                                      action == PANIC_ACTION_EXIT_FAILURE);
        break;
    }
}

void vm_guest_crashloaded(Vm *vm)
{
    vm_event(vm, "GUEST_CRASHLOADED", action_data("run", NULL));
}

void vm_watchdog_expired(Vm *vm)
{
    static const char *const names[] = {
        [WATCHDOG_ACTION_RESET] = "reset",           [WATCHDOG_ACTION_SHUTDOWN] = "shutdown",
        [WATCHDOG_ACTION_POWEROFF] = "poweroff",     [WATCHDOG_ACTION_PAUSE] = "pause",
        [WATCHDOG_ACTION_DEBUG] = "debug",           [WATCHDOG_ACTION_NONE] = "none",
        [WATCHDOG_ACTION_INJECT_NMI] = "inject-nmi",
    };
    WatchdogAction action = vm_actions(vm)->watchdog;

    vm_event(vm, "WATCHDOG", action_data(names[action], NULL));
    switch (action) {
    case WATCHDOG_ACTION_RESET: vm_reset_request(vm, SHUTDOWN_GUEST_RESET); break;
    case WATCHDOG_ACTION_SHUTDOWN: vm_powerdown_request(vm); break;
    case WATCHDOG_ACTION_POWEROFF: vm_shutdown_request(vm, SHUTDOWN_GUEST_SHUTDOWN); break;
    case WATCHDOG_ACTION_PAUSE: vm_stop_request(vm, RUN_STATE_WATCHDOG); break;
    case WATCHDOG_ACTION_DEBUG: g_message("watchdog: the guest does not answer"); break;
    case WATCHDOG_ACTION_NONE: break;
    case WATCHDOG_ACTION_INJECT_NMI:
        if (vm->ports.inject_nmi) {
            vm->ports.inject_nmi(vm->ports.machine_opaque);
        }
        break;
    }
}
