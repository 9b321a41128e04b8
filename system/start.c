/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a parsed command line to a machine that is ready to run, and back to nothing.
 *
 *   log, uuid, name -> memory -> descriptors, chardevs' set, blocks, nets -> machine instance (compat,
 *   -global) -> -object -> chardevs, monitors -> engine -> drives, networks -> board -> -device ->
 *   board's last step -> reset
 *
 * Each step may fail with an error that names its option; main then tears down what exists.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/block/block.h"
#include "backend/chardev/chardev.h"
#include "backend/net/net.h"
#include "backend/ui/display.h"
#include "backend/ui/vnc.h"
#include "base/memory/space.h"
#include "base/util/log.h"
#include "base/util/trace.h"
#include "exec/engine.h"
#include "gdbstub/gdbstub.h"
#include "hw/s390x/board.h"
#include "migration/migration.h"
#include "migration/vmstate/codec.h"
#include "migration/vmstate/registry.h"
#include "monitor/json.h"
#include "monitor/monitor.h"
#include "target/x86/x86.h"
#include "system/keyval.h"
#include "system/qtest.h"
#include "system-priv.h"

static bool setup_log(const CmdLine *cmd, GError **error)
{
    if (cmd->log_file && !log_set_file(cmd->log_file, error)) {
        g_prefix_error(error, "-D: ");
        return false;
    }
    if (cmd->log_filter && !log_set_filter(cmd->log_filter, error)) {
        g_prefix_error(error, "-dfilter: ");
        return false;
    }
    if (cmd->log_items && !log_set(cmd->log_items, error)) {
        g_prefix_error(error, "-d: ");
        return false;
    }
    for (guint i = 0; i < cmd->traces->len; i++) {
        Arg *arg = g_ptr_array_index(cmd->traces, i);
        GVariant *parsed = keyval_parse(arg->text, "enable", error);
        g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;
        const char *enable = props ? keyval_str(props, "enable") : NULL;
        const char *events = props ? keyval_str(props, "events") : NULL;
        const char *file = props ? keyval_str(props, "file") : NULL;
        if (!props || (enable && !trace_enable(enable, error)) ||
            (events && !trace_enable_file(events, error)) || (file && !log_set_file(file, error))) {
            g_prefix_error(error, "-trace %s: ", arg->text);
            return false;
        }
    }
    return true;
}

static bool parse_uuid(Vm *vm, const char *text, GError **error)
{
    size_t n = 0;
    for (const char *p = text; *p; p++) {
        int digit = g_ascii_xdigit_value(*p);
        bool dash = p == text + 8 || p == text + 13 || p == text + 18 || p == text + 23;
        if (dash ? *p != '-' : digit < 0 || n >= 32) {
            n = 0;
            break;
        }
        if (!dash) {
            vm->uuid[n / 2] = (uint8_t)(vm->uuid[n / 2] << 4 | digit);
            n++;
        }
    }
    vm->uuid_set = n == 32;
    if (!vm->uuid_set) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                    "-uuid: '%s' is not a UUID", text);
    }
    return vm->uuid_set;
}

static bool setup_identity(System *sys, GError **error)
{
    static const char *const known[] = { "guest", "process", "debug-threads", NULL };
    if (sys->cmd->uuid && !parse_uuid(sys->vm, sys->cmd->uuid, error)) {
        return false;
    }
    if (!sys->cmd->name) {
        return true;
    }
    GVariant *parsed = keyval_parse(sys->cmd->name, "guest", error);
    g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;
    if (!props || !keyval_only(props, known, error) ||
        !keyval_bool(props, "debug-threads", &sys->cmd->debug_threads, error)) {
        g_prefix_error(error, "-name: ");
        return false;
    }
    sys->vm->name = g_strdup(keyval_str(props, "guest"));
    return true;
}

static void cpus_pause(void *opaque)
{
    engine_pause_all(opaque);
}

static void cpus_resume(void *opaque)
{
    engine_resume_all(opaque);
}

static void cpu_pause_own(void *opaque)
{
    engine_pause_own(opaque);
}

static void cpus_throttle(void *opaque, int percent)
{
    engine_throttle(opaque, (unsigned)percent);
}

static void cpus_dirty_limit(void *opaque, int cpu, uint64_t pages_per_second)
{
    engine_dirty_limit(opaque, cpu, pages_per_second);
}

static bool cpu_dirty_stats(void *opaque, unsigned cpu, VmCpuDirty *out)
{
    return engine_dirty_stats(opaque, cpu, out);
}

static void do_machine_reset(void *opaque, ShutdownCause cause)
{
    machine_reset(opaque, cause);
}

static void do_inject_nmi(void *opaque)
{
    Machine *m = vm_machine(opaque);
    if (machine_ops(m)->nmi) {
        machine_ops(m)->nmi(m, 0, NULL);
    }
}

static void setup_engine(System *sys)
{
    Vm *vm = sys->vm;
    ExecConfig config = {
        .no_threads = sys->accel_qtest,
        .single_thread = sys->exec.single_thread,
        .jit = sys->exec.jit && !sys->accel_qtest,
        .hot_after = 1000,
        .max_insns = sys->exec.one_insn ? 1 : 0,
        .cache_bytes = (size_t)sys->exec.tb_mib << 20,
        .icount = sys->exec.icount,
        .icount_sleep = sys->exec.icount_sleep,
        .icount_align = sys->exec.icount_align,
        .icount_adapt = sys->exec.icount_adapt,
        .icount_shift = sys->exec.icount_shift,
    };
    sys->engine = engine_new(vm, &config);
    vm->accel = (struct Accel *)sys->engine;
    vm->ports.cpu_opaque = sys->engine;
    vm->ports.cpus_pause = cpus_pause;
    vm->ports.cpus_resume = cpus_resume;
    vm->ports.cpu_pause_own = cpu_pause_own;
    vm->ports.cpus_throttle = cpus_throttle;
    vm->ports.cpus_dirty_limit = cpus_dirty_limit;
    vm->ports.cpu_dirty_stats = cpu_dirty_stats;
    vm->ports.machine_opaque = vm;
    vm->ports.machine_reset = do_machine_reset;
    vm->ports.inject_nmi = do_inject_nmi;
    if (sys->accel_qtest) {
        clock_virtual_take_manual(vm);
    }
}

static void quit_from_mux(void *opaque)
{
    vm_shutdown_request(opaque, SHUTDOWN_HOST_UI);
}

static void setup_monitors(System *sys)
{
    sys->qmp = (QmpHost){
        .target = sys->cmd->target,
        .engine = sys->engine,
        .fdsets = sys->fdsets,
    };
    qmp_setup(sys->vm, &sys->qmp);
    chardevs_on_quit(sys->vm->chardevs, quit_from_mux, sys->vm);
}

static bool disks_release(void *opaque, GError **error)
{
    return blocks_inactivate(vm_blocks(opaque), error);
}

static bool disks_take(void *opaque, GError **error)
{
    return blocks_activate(vm_blocks(opaque), error);
}

static void announce(void *opaque, const MigrationParams *params)
{
    NetAnnounce rounds = { (uint32_t)params->announce_initial_ms, (uint32_t)params->announce_max_ms,
                           (uint32_t)params->announce_rounds, (uint32_t)params->announce_step_ms };
    nets_announce(vm_nets(opaque), &rounds);
}

/* The first vCPU's counter: they all read alike, or the guest knows that they do not. */
static int64_t ticks_get(void *opaque)
{
    Vm *vm = opaque;
    CpuState *cpu = vm->accel ? engine_cpu((ExecEngine *)vm->accel, 0) : NULL;
    return cpu ? (int64_t)x86_tsc_now(x86_cpu(cpu)) : clock_virtual_get(vm);
}

/* Streams of other programs leave the counter out of the CPUs' sections. */
static void ticks_set(void *opaque, int64_t ticks)
{
    Vm *vm = opaque;
    ExecEngine *e = (ExecEngine *)vm->accel;
    for (unsigned i = 0; e && i < engine_cpu_count(e); i++) {
        x86_tsc_load(x86_cpu(engine_cpu(e, i)), (uint64_t)ticks);
    }
}

static char **cpu_features(void *opaque)
{
    Vm *vm = opaque;
    CpuState *cpu = vm->accel ? engine_cpu((ExecEngine *)vm->accel, 0) : NULL;
    return cpu ? x86_feature_names(x86_cpu(cpu)->sys.cfg->words) : NULL;
}

/* All CPUs of a machine have the same. */
static char **s390_cpu_features(void *opaque)
{
    const Machine *m = vm_machine(opaque);

    return m->cpus->len ? s390_cpu_device_features(g_ptr_array_index(m->cpus, 0)) : NULL;
}

static void setup_migration(System *sys)
{
    bool x86 = !strcmp(sys->cmd->target, "x86_64");
    bool s390x = g_str_has_prefix(machine_ops(vm_machine(sys->vm))->machine_name, "s390-ccw");
    Machine *m = vm_machine(sys->vm);
    MigrationHost host = {
        .disks_release = disks_release,
        .disks_take = disks_take,
        .announce = announce,
        .cpu_features = x86     ? cpu_features
                        : s390x ? s390_cpu_features
                                : NULL,
        .ticks_get = x86 ? ticks_get : NULL,
        .ticks_set = x86 ? ticks_set : NULL,
        .machine_name = machine_ops(m)->machine_name,
        .stream_version = machine_ops(m)->stream_version,
        .suppress_vmdesc = m->suppress_vmdesc,
        .autostart = !sys->cmd->stopped,
        .opaque = sys->vm,
    };
    migration_setup(sys->vm, &host);
}

/* One object of the channels argument of migrate-incoming. */
static bool incoming_channel(System *sys, const char *text, GError **error)
{
    Json *channel = json_parse(text, error);
    GError *why = NULL;
    if (!channel) {
        return false;
    }
    g_autoptr(Json) args = json_object_new_object();
    Json *list = json_object_new_array();
    json_object_array_add(list, channel);
    json_add(args, "channels", list);
    json_unref(monitors_execute(sys->vm->monitors, "migrate-incoming", args, &why));
    if (why) {
        g_propagate_error(error, why);
    }
    return !why;
}

static bool incoming_uri(System *sys, const char *uri, GError **error)
{
    int fd = g_str_has_prefix(uri, "fd:") ? atoi(uri + 3) : -1;
    MigrationAddress *addr = migration_address_parse(uri, fd, error);
    return addr && migration_incoming(sys->vm, addr, true, error);
}

/* The VM waits for its guest; with "defer" for migrate-incoming to say where from. */
static bool begin_incoming(System *sys, GError **error)
{
    const char *uri = sys->cmd->incoming;
    if (!run_state_set(sys->vm, RUN_STATE_INMIGRATE, error)) {
        return false;
    }
    if (!strcmp(uri, "defer")) {
        return true;
    }
    if (*uri == '{' ? incoming_channel(sys, uri, error) : incoming_uri(sys, uri, error)) {
        return true;
    }
    g_prefix_error(error, "-incoming %s: ", uri);
    return false;
}

static bool build_machine(System *sys, GError **error)
{
    Vm *vm = sys->vm;
    Machine *m = vm_machine(vm);
    if (!options_apply_drives(sys, error) || !options_apply_net(sys, error) ||
        !machine_build(m, error) || !options_apply_fw_cfgs(sys, error) ||
        !options_attach_serials(sys, error) || !options_apply_vga(sys, error) ||
        !options_attach_drives(sys, error) || !options_attach_nics(sys, error) ||
        !options_apply_usb(sys, error) || !options_apply_devices(sys, error) ||
        !machine_finish(m, error)) {
        return false;
    }
    machine_reset(vm, SHUTDOWN_NONE);
    return true;
}

bool system_build(System *sys, GError **error)
{
    Vm *vm = sys->vm;
    CmdLine *cmd = sys->cmd;
    if (!setup_log(cmd, error) || !setup_identity(sys, error) || !memory_setup(vm, error)) {
        return false;
    }
    *vm_actions(vm) = cmd->actions;
    sys->fdsets = fd_sets_new();
    vm->chardevs = chardevs_new(sys->fdsets);
    vm->blocks = blocks_new(vm, sys->fdsets);
    vm->nets = nets_new(vm);
    vm->displays = displays_new(vm);
    if (!options_apply_machine(sys, error)) {
        return false;
    }
    setup_engine(sys);
    if (!engine_name_code(sys->engine, cmd->perfmap, cmd->jitdump, error)) {
        return false;
    }
    setup_migration(sys);
    setup_monitors(sys);
    if (cmd->incoming) {
        blocks_start_inactive(vm->blocks);
    }
    if (!options_apply_chardevs(sys, error) || !build_machine(sys, error)) {
        return false;
    }
    if (cmd->qtest) {
        sys->qtest = qtest_server_new(vm, cmd->qtest, cmd->qtest_log, error);
        if (!sys->qtest) {
            return false;
        }
    }
    if (!options_apply_displays(sys, error)) {
        return false;
    }
    if (cmd->gdb && !gdb_start(sys, cmd->gdb, error)) {
        return false;
    }
    return !cmd->incoming || begin_incoming(sys, error);
}

bool system_dump_vmstate(System *sys, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const MachineOps *ops = machine_ops(vm_machine(sys->vm));
    vmstate_dump(sys->vm, ops->machine_name, ops->stream_version, text);
    if (!g_file_set_contents(sys->cmd->dump_vmstate, text->str, (gssize)text->len, error)) {
        g_prefix_error(error, "-dump-vmstate: ");
        return false;
    }
    return true;
}

/* Users' objects own RAM and threads: they go before what they stand on. */
static void drop_user_objects(Vm *vm)
{
    Object *objects = object_child(vm->root, "objects");
    while (objects && objects->children && objects->children->len) {
        object_unparent(g_ptr_array_index(objects->children, objects->children->len - 1));
    }
}

void system_teardown(System *sys)
{
    Vm *vm = sys->vm;
    migration_teardown(vm);
    g_clear_pointer(&sys->qtest, qtest_server_free);
    g_clear_pointer(&sys->gdb, gdb_server_free);
    g_clear_pointer(&sys->vncs, g_ptr_array_unref);
    g_clear_pointer(&vm->monitors, monitors_free);
    if (vm->machine) {
        device_unrealize_all(vm);
    }
    g_clear_pointer(&sys->engine, engine_free);
    vm->accel = NULL;
    drop_user_objects(vm);
    g_clear_pointer(&vm->nets, nets_free);
    g_clear_pointer(&vm->displays, displays_free);
    g_clear_pointer(&vm->blocks, blocks_free);
    g_clear_pointer(&vm->chardevs, chardevs_free);
    g_clear_pointer(&sys->fdsets, fd_sets_free);
    records_teardown(vm);
}
