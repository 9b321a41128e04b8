/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run state of the VM: whether the guest runs, and why not.
 *
 * vm_start/vm_stop are the only ways between running and stopped. Handlers are told in priority
 * order on the way to running and in reverse order on the way to stopped; a handler may fail, and
 * then those already told are told back, so that the VM is as before.
 * All functions: VM lock held, main loop thread, except the *_request functions (any thread).
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct Vm Vm;

/* The names are those that QMP shows (RunState of QEMU 10.0). */
typedef enum {
    RUN_STATE_DEBUG,
    RUN_STATE_INMIGRATE,
    RUN_STATE_INTERNAL_ERROR,
    RUN_STATE_IO_ERROR,
    RUN_STATE_PAUSED,
    RUN_STATE_POSTMIGRATE,
    RUN_STATE_PRELAUNCH,
    RUN_STATE_FINISH_MIGRATE,
    RUN_STATE_RESTORE_VM,
    RUN_STATE_RUNNING,
    RUN_STATE_SAVE_VM,
    RUN_STATE_SHUTDOWN,
    RUN_STATE_SUSPENDED,
    RUN_STATE_WATCHDOG,
    RUN_STATE_GUEST_PANICKED,
    RUN_STATE_COLO,
    RUN_STATE_COUNT,
} RunState;

const char *run_state_name(RunState state);
/* False if @name is no run state. */
bool run_state_parse(const char *name, RunState *out);
RunState run_state_get(Vm *vm);
bool run_state_running(Vm *vm);
/* Moves between stopped states (e.g. prelaunch -> inmigrate); fails on an edge the table lacks. */
bool run_state_set(Vm *vm, RunState to, GError **error);

/* Starts the guest. On failure the VM stays stopped in its old state. */
bool vm_start(Vm *vm, GError **error);
/* Stops all CPUs, the virtual clock and devices; @reason is a stopped state. Returns with no CPU
   in guest code. */
bool vm_stop(Vm *vm, RunState reason, GError **error);

typedef bool (*RunStateFn)(void *opaque, bool running, RunState state, GError **error);
typedef struct RunStateHandler RunStateHandler;
/* Lower priority runs earlier on start, later on stop. CPUs start last (RUN_PRIORITY_CPU). */
enum {
    RUN_PRIORITY_EARLY = -100,
    RUN_PRIORITY_DEVICE = 0,
    RUN_PRIORITY_CPU = 1000
};
RunStateHandler *run_state_handler_add(Vm *vm, int priority, const char *name, RunStateFn fn,
                                       void *opaque);
void run_state_handler_remove(Vm *vm, RunStateHandler *handler);

/* Requests from devices, signals and monitors; carried out by the main loop. Any thread. */
typedef enum {
    SHUTDOWN_NONE,
    SHUTDOWN_HOST_ERROR,
    SHUTDOWN_HOST_QMP_QUIT,
    SHUTDOWN_HOST_QMP_SYSTEM_RESET,
    SHUTDOWN_HOST_SIGNAL,
    SHUTDOWN_HOST_UI,
    SHUTDOWN_GUEST_SHUTDOWN,
    SHUTDOWN_GUEST_RESET,
    SHUTDOWN_GUEST_PANIC,
    SHUTDOWN_SUBSYSTEM_RESET,
    SHUTDOWN_SNAPSHOT_LOAD,
} ShutdownCause;
const char *shutdown_cause_name(ShutdownCause cause); /* "guest-shutdown", ... */
bool shutdown_cause_by_guest(ShutdownCause cause);
void vm_shutdown_request(Vm *vm, ShutdownCause cause);
void vm_shutdown_request_with_code(Vm *vm, ShutdownCause cause, int exit_code);
void vm_reset_request(Vm *vm, ShutdownCause cause);
void vm_powerdown_request(Vm *vm); /* the ACPI power button */
void vm_suspend_request(Vm *vm);
void vm_wakeup_request(Vm *vm);
void vm_stop_request(Vm *vm, RunState reason);
/* The guest said so, or a watchdog ran out: an event, and what VmActions has for it. @info: a{sv} that
   the event carries, or NULL (floating is consumed). Any thread. */
void vm_guest_panicked(Vm *vm, GVariant *info);
void vm_guest_crashloaded(Vm *vm);
void vm_watchdog_expired(Vm *vm);

/* What to do when the guest reboots, powers off, panics (-action, set-action, -no-reboot, ...). */
typedef enum {
    REBOOT_ACTION_RESET,
    REBOOT_ACTION_SHUTDOWN
} RebootAction;
typedef enum {
    SHUTDOWN_ACTION_POWEROFF,
    SHUTDOWN_ACTION_PAUSE
} ShutdownAction;
typedef enum {
    PANIC_ACTION_SHUTDOWN,
    PANIC_ACTION_PAUSE,
    PANIC_ACTION_EXIT_FAILURE,
    PANIC_ACTION_NONE,
} PanicAction;
typedef enum {
    WATCHDOG_ACTION_RESET,
    WATCHDOG_ACTION_SHUTDOWN,
    WATCHDOG_ACTION_POWEROFF,
    WATCHDOG_ACTION_PAUSE,
    WATCHDOG_ACTION_DEBUG,
    WATCHDOG_ACTION_NONE,
    WATCHDOG_ACTION_INJECT_NMI,
} WatchdogAction;
typedef struct {
    RebootAction reboot;
    ShutdownAction shutdown;
    PanicAction panic;
    WatchdogAction watchdog;
} VmActions;
/* Borrowed; change under the VM lock. */
VmActions *vm_actions(Vm *vm);
/* The exit code of the process once the main loop has ended. */
int vm_exit_code(Vm *vm);
