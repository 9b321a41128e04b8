/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run states: the table of allowed edges, starting and stopping with roll-back, and the requests
 * (reset, power-off, stop ...) that other threads leave for the main loop.
 *
 *              vm_start                        vm_stop(reason)
 *   stopped ─────────────▶ running       running ─────────────▶ reason
 *      │  handlers low→high priority        │  handlers high→low priority
 *      └─ one fails: told back, stay        └─ one fails: told back, keep running
 *
 * Invariants: (1) state RUNNING <=> every handler was told running. (2) The virtual clock ticks
 * exactly in RUNNING. (3) Only this file moves into or out of RUNNING.
 */
#include <string.h>
#include "core-priv.h"

struct RunStateHandler {
    int priority;
    char *name;
    RunStateFn fn;
    void *opaque;
};

struct RunStates {
    RunState state;
    GPtrArray *handlers; /* RunStateHandler, by priority */
    VmActions actions;
    int exit_code;
    /* Requests; atomic. */
    int want_reset, want_shutdown, shutdown_code; /* ShutdownCause */
    int want_powerdown, want_suspend, want_wakeup;
    int want_stop; /* RunState + 1 */
};

static const char *const state_names[RUN_STATE_COUNT] = {
    [RUN_STATE_DEBUG] = "debug",
    [RUN_STATE_INMIGRATE] = "inmigrate",
    [RUN_STATE_INTERNAL_ERROR] = "internal-error",
    [RUN_STATE_IO_ERROR] = "io-error",
    [RUN_STATE_PAUSED] = "paused",
    [RUN_STATE_POSTMIGRATE] = "postmigrate",
    [RUN_STATE_PRELAUNCH] = "prelaunch",
    [RUN_STATE_FINISH_MIGRATE] = "finish-migrate",
    [RUN_STATE_RESTORE_VM] = "restore-vm",
    [RUN_STATE_RUNNING] = "running",
    [RUN_STATE_SAVE_VM] = "save-vm",
    [RUN_STATE_SHUTDOWN] = "shutdown",
    [RUN_STATE_SUSPENDED] = "suspended",
    [RUN_STATE_WATCHDOG] = "watchdog",
    [RUN_STATE_GUEST_PANICKED] = "guest-panicked",
    [RUN_STATE_COLO] = "colo",
};

#define S(x)        (1u << RUN_STATE_##x)
#define ALL_STOPPED (((1u << RUN_STATE_COUNT) - 1) & ~S(RUNNING))
/* Edges between stopped states, beside those through vm_start and vm_stop. */
static const uint32_t edges[RUN_STATE_COUNT] = {
    [RUN_STATE_DEBUG] = S(PRELAUNCH) | S(PAUSED) | S(SUSPENDED) | S(FINISH_MIGRATE),
    [RUN_STATE_INMIGRATE] = ALL_STOPPED & ~S(RESTORE_VM) & ~S(SAVE_VM),
    [RUN_STATE_INTERNAL_ERROR] = S(PAUSED) | S(FINISH_MIGRATE) | S(PRELAUNCH),
    [RUN_STATE_IO_ERROR] = S(PAUSED) | S(FINISH_MIGRATE) | S(PRELAUNCH),
    [RUN_STATE_PAUSED] = S(FINISH_MIGRATE) | S(POSTMIGRATE) | S(PRELAUNCH) | S(RESTORE_VM) |
                         S(SAVE_VM) | S(SUSPENDED) | S(COLO) | S(SHUTDOWN),
    [RUN_STATE_POSTMIGRATE] = S(FINISH_MIGRATE) | S(PRELAUNCH) | S(PAUSED),
    [RUN_STATE_PRELAUNCH] = S(INMIGRATE) | S(FINISH_MIGRATE) | S(SUSPENDED) | S(PAUSED) |
                            S(SAVE_VM) | S(RESTORE_VM) | S(POSTMIGRATE) | S(SHUTDOWN),
    [RUN_STATE_FINISH_MIGRATE] = ALL_STOPPED & ~S(INMIGRATE),
    [RUN_STATE_RESTORE_VM] = S(PRELAUNCH) | S(SUSPENDED) | S(PAUSED),
    [RUN_STATE_SAVE_VM] = ALL_STOPPED & ~S(INMIGRATE),
    [RUN_STATE_SHUTDOWN] = S(PAUSED) | S(FINISH_MIGRATE) | S(PRELAUNCH),
    [RUN_STATE_SUSPENDED] = ALL_STOPPED & ~S(INMIGRATE),
    [RUN_STATE_WATCHDOG] = S(FINISH_MIGRATE) | S(PRELAUNCH) | S(PAUSED),
    [RUN_STATE_GUEST_PANICKED] = S(FINISH_MIGRATE) | S(PRELAUNCH) | S(PAUSED),
    [RUN_STATE_COLO] = S(PAUSED) | S(PRELAUNCH),
};

static const char *const cause_names[] = {
    [SHUTDOWN_NONE] = "none",
    [SHUTDOWN_HOST_ERROR] = "host-error",
    [SHUTDOWN_HOST_QMP_QUIT] = "host-qmp-quit",
    [SHUTDOWN_HOST_QMP_SYSTEM_RESET] = "host-qmp-system-reset",
    [SHUTDOWN_HOST_SIGNAL] = "host-signal",
    [SHUTDOWN_HOST_UI] = "host-ui",
    [SHUTDOWN_GUEST_SHUTDOWN] = "guest-shutdown",
    [SHUTDOWN_GUEST_RESET] = "guest-reset",
    [SHUTDOWN_GUEST_PANIC] = "guest-panic",
    [SHUTDOWN_SUBSYSTEM_RESET] = "subsystem-reset",
    [SHUTDOWN_SNAPSHOT_LOAD] = "snapshot-load",
};

const char *run_state_name(RunState state)
{
    return state_names[state];
}

bool run_state_parse(const char *name, RunState *out)
{
    for (int i = 0; i < RUN_STATE_COUNT; i++) {
        if (!strcmp(state_names[i], name)) {
            *out = (RunState)i;
            return true;
        }
    }
    return false;
}

const char *shutdown_cause_name(ShutdownCause cause)
{
    return cause_names[cause];
}

bool shutdown_cause_by_guest(ShutdownCause cause)
{
    return cause >= SHUTDOWN_GUEST_SHUTDOWN;
}

RunState run_state_get(Vm *vm)
{
    return vm->run->state;
}

bool run_state_running(Vm *vm)
{
    return vm->run->state == RUN_STATE_RUNNING;
}

VmActions *vm_actions(Vm *vm)
{
    return &vm->run->actions;
}

int vm_exit_code(Vm *vm)
{
    return vm->run->exit_code;
}

bool run_state_set(Vm *vm, RunState to, GError **error)
{
    RunStates *run = vm->run;
    if (to != run->state && !(edges[run->state] >> to & 1)) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_STATE,
                    "the VM cannot go from state '%s' to '%s'", state_names[run->state],
                    state_names[to]);
        return false;
    }
    run->state = to;
    return true;
}

RunStateHandler *run_state_handler_add(Vm *vm, int priority, const char *name, RunStateFn fn,
                                       void *opaque)
{
    RunStateHandler *h = g_new0(RunStateHandler, 1);
    *h = (RunStateHandler){ priority, g_strdup(name), fn, opaque };
    guint at = 0;
    while (at < vm->run->handlers->len &&
           ((RunStateHandler *)g_ptr_array_index(vm->run->handlers, at))->priority <= priority) {
        at++;
    }
    g_ptr_array_insert(vm->run->handlers, (gint)at, h);
    return h;
}

static void handler_free(gpointer p)
{
    RunStateHandler *h = p;
    g_free(h->name);
    g_free(h);
}

void run_state_handler_remove(Vm *vm, RunStateHandler *handler)
{
    g_ptr_array_remove(vm->run->handlers, handler);
}

/* Tells handlers [0, n) in the order that suits; on failure those told are told back. */
static bool tell_handlers(Vm *vm, bool running, RunState state, GError **error)
{
    GPtrArray *list = vm->run->handlers;
    for (guint i = 0; i < list->len; i++) {
        RunStateHandler *h = g_ptr_array_index(list, running ? i : list->len - 1 - i);
        GError *local = NULL;
        if (h->fn(h->opaque, running, state, &local)) {
            continue;
        }
        g_propagate_prefixed_error(error, local, "%s: cannot go to state '%s': ", h->name,
                                   state_names[state]);
        while (i-- > 0) {
            h = g_ptr_array_index(list, running ? i : list->len - 1 - i);
            g_autoptr(GError) again = NULL;
            if (!h->fn(h->opaque, !running, vm->run->state, &again)) {
                g_warning("%s: cannot go back to state '%s': %s", h->name,
                          state_names[vm->run->state], again->message);
            }
        }
        return false;
    }
    return true;
}

bool vm_start(Vm *vm, GError **error)
{
    RunStates *run = vm->run;
    if (run->state == RUN_STATE_RUNNING) {
        return true;
    }
    if (run->state == RUN_STATE_SHUTDOWN || run->state == RUN_STATE_INTERNAL_ERROR) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_STATE,
                    "Resetting the Virtual Machine is required");
        return false;
    }
    clock_virtual_enable(vm, true);
    if (!tell_handlers(vm, true, RUN_STATE_RUNNING, error)) {
        clock_virtual_enable(vm, false);
        return false;
    }
    run->state = RUN_STATE_RUNNING;
    if (vm->ports.cpus_resume) {
        vm->ports.cpus_resume(vm->ports.cpu_opaque);
    }
    vm_event(vm, "RESUME", NULL);
    return true;
}

bool vm_stop(Vm *vm, RunState reason, GError **error)
{
    RunStates *run = vm->run;
    if (run->state != RUN_STATE_RUNNING) {
        return run_state_set(vm, reason, error);
    }
    if (vm->ports.cpus_pause) {
        vm->ports.cpus_pause(vm->ports.cpu_opaque);
    }
    if (!tell_handlers(vm, false, reason, error)) {
        if (vm->ports.cpus_resume) {
            vm->ports.cpus_resume(vm->ports.cpu_opaque);
        }
        return false;
    }
    clock_virtual_enable(vm, false);
    run->state = reason;
    vm_event(vm, "STOP", NULL);
    return true;
}

/* ---- requests ---- */

static void request(Vm *vm, int *which, int value)
{
    __atomic_store_n(which, value, __ATOMIC_SEQ_CST);
    loop_kick(vm);
}

/* One that stops the VM, if only for a moment: a vCPU that asks for it sees nothing of what comes
   until the main loop has done it. */
static void request_stopping(Vm *vm, int *which, int value)
{
    if (vm->ports.cpu_pause_own) {
        vm->ports.cpu_pause_own(vm->ports.cpu_opaque);
    }
    request(vm, which, value);
}

static int take(int *which)
{
    return __atomic_load_n(which, __ATOMIC_RELAXED)
               ? __atomic_exchange_n(which, 0, __ATOMIC_SEQ_CST)
               : 0;
}

void vm_shutdown_request_with_code(Vm *vm, ShutdownCause cause, int exit_code)
{
    vm->run->shutdown_code = exit_code;
    request_stopping(vm, &vm->run->want_shutdown, cause);
}

void vm_shutdown_request(Vm *vm, ShutdownCause cause)
{
    vm_shutdown_request_with_code(vm, cause, cause == SHUTDOWN_HOST_ERROR ? 1 : 0);
}

void vm_reset_request(Vm *vm, ShutdownCause cause)
{
    if (vm->run->actions.reboot == REBOOT_ACTION_SHUTDOWN && cause != SHUTDOWN_SUBSYSTEM_RESET) {
        vm_shutdown_request(vm, cause);
    } else {
        request_stopping(vm, &vm->run->want_reset, cause);
    }
}

void vm_powerdown_request(Vm *vm)
{
    request(vm, &vm->run->want_powerdown, 1);
}

void vm_suspend_request(Vm *vm)
{
    request_stopping(vm, &vm->run->want_suspend, 1);
}

void vm_wakeup_request(Vm *vm)
{
    request(vm, &vm->run->want_wakeup, 1);
}

void vm_stop_request(Vm *vm, RunState reason)
{
    request_stopping(vm, &vm->run->want_stop, reason + 1);
}

static GVariant *cause_data(ShutdownCause cause)
{
    GVariantBuilder b;
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "guest",
                          g_variant_new_boolean(shutdown_cause_by_guest(cause)));
    g_variant_builder_add(&b, "{sv}", "reason", g_variant_new_string(cause_names[cause]));
    return g_variant_builder_end(&b);
}

static void stop_or_warn(Vm *vm, RunState reason)
{
    g_autoptr(GError) error = NULL;
    if (!vm_stop(vm, reason, &error)) {
        g_warning("cannot stop the VM: %s", error->message);
    }
}

static void do_shutdown(Vm *vm, ShutdownCause cause)
{
    RunStates *run = vm->run;
    vm_event(vm, "SHUTDOWN", cause_data(cause));
    if (run->actions.shutdown == SHUTDOWN_ACTION_PAUSE && cause != SHUTDOWN_HOST_QMP_QUIT &&
        cause != SHUTDOWN_HOST_SIGNAL) {
        stop_or_warn(vm, RUN_STATE_SHUTDOWN);
        return;
    }
    if (run_state_running(vm)) { /* a stopped VM ends in the state that it is in */
        stop_or_warn(vm, RUN_STATE_SHUTDOWN);
    }
    run->exit_code = run->shutdown_code;
    loop_quit(vm);
}

static void do_reset(Vm *vm, ShutdownCause cause)
{
    RunStates *run = vm->run;
    bool running = run_state_running(vm);
    if (running && vm->ports.cpus_pause) {
        vm->ports.cpus_pause(vm->ports.cpu_opaque);
    }
    if (vm->ports.machine_reset) {
        vm->ports.machine_reset(vm->ports.machine_opaque, cause);
    }
    notifier_call(&vm->reset_list, &cause);
    if (cause != SHUTDOWN_SUBSYSTEM_RESET) { /* inside of what a guest sees as one start */
        vm_event(vm, "RESET", cause_data(cause));
    }
    if (running) {
        if (vm->ports.cpus_resume) {
            vm->ports.cpus_resume(vm->ports.cpu_opaque);
        }
    } else if (run->state != RUN_STATE_INMIGRATE && run->state != RUN_STATE_FINISH_MIGRATE) {
        run->state = RUN_STATE_PRELAUNCH;
    }
}

void run_states_poll(Vm *vm)
{
    RunStates *run = vm->run;
    int v;
    if (take(&run->want_suspend) &&
        run->state != RUN_STATE_SHUTDOWN) { /* one that is off cannot sleep */
        stop_or_warn(vm, RUN_STATE_SUSPENDED);
        vm_event(vm, "SUSPEND", NULL);
    }
    if ((v = take(&run->want_shutdown))) {
        do_shutdown(vm, (ShutdownCause)v);
    }
    if ((v = take(&run->want_reset))) {
        do_reset(vm, (ShutdownCause)v);
    }
    if (take(&run->want_wakeup) && run->state == RUN_STATE_SUSPENDED) {
        g_autoptr(GError) error = NULL;
        vm_event(vm, "WAKEUP", NULL);
        if (!vm_start(vm, &error)) {
            g_warning("cannot wake the VM up: %s", error->message);
        }
    }
    if (take(&run->want_powerdown)) {
        vm_event(vm, "POWERDOWN", NULL);
        notifier_call(&vm->powerdown_list, NULL);
    }
    if ((v = take(&run->want_stop))) {
        stop_or_warn(vm, (RunState)(v - 1));
    }
}

void run_states_setup(Vm *vm)
{
    vm->run = g_new0(RunStates, 1);
    vm->run->state = RUN_STATE_PRELAUNCH;
    vm->run->handlers = g_ptr_array_new_with_free_func(handler_free);
}

void run_states_teardown(Vm *vm)
{
    g_ptr_array_unref(vm->run->handlers);
    g_clear_pointer(&vm->run, g_free);
}
