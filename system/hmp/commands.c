/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of the human monitor that do something, and the table of all. */
#include <string.h>

#include "base/util/log.h"
#include "base/util/options.h"
#include "base/util/size.h"
#include "backend/net/net.h"
#include "hmp.h"
#include "system/system-priv.h"

Json *hmp_qmp(HmpCall *call, const char *command, Json *args)
{
    GError *error = NULL;
    g_autoptr(Json) owned = args;
    Json *result = monitors_execute(call->monitors, command, args, &error);
    if (error) {
        hmp_error(call, error);
        json_unref(result);
        return NULL;
    }
    return result ? result : json_object_new_object();
}

/* A command without output, with at most one string argument. */
static void simple(HmpCall *call, const char *command, const char *member, const char *value)
{
    Json *args = json_object_new_object();
    if (member) {
        json_add_str(args, member, value);
    }
    json_unref(hmp_qmp(call, command, args));
}

static bool need(HmpCall *call, int argc, const char *usage)
{
    if (call->argc < argc) {
        hmp_printf(call, "Error: expected: %s\n", usage);
        return false;
    }
    return true;
}

static void do_stop(HmpCall *call)
{
    simple(call, "stop", NULL, NULL);
}

static void do_cont(HmpCall *call)
{
    simple(call, "cont", NULL, NULL);
}

static void do_quit(HmpCall *call)
{
    simple(call, "quit", NULL, NULL);
}

static void do_reset(HmpCall *call)
{
    simple(call, "system_reset", NULL, NULL);
}

static void do_powerdown(HmpCall *call)
{
    simple(call, "system_powerdown", NULL, NULL);
}

static void do_wakeup(HmpCall *call)
{
    simple(call, "system_wakeup", NULL, NULL);
}

static void do_nmi(HmpCall *call)
{
    simple(call, "inject-nmi", NULL, NULL);
}

static void do_gdbserver(HmpCall *call)
{
    const char *spec = call->argc ? call->line : "tcp::1234";
    GError *error = NULL;
    if (!gdb_start(call->vm->system, spec, &error)) {
        hmp_error(call, error);
    } else if (strcmp(spec, "none")) {
        hmp_printf(call, "Waiting for gdb connection on device '%s'\n", spec);
    } else {
        hmp_puts(call, "Disabled gdbserver\n");
    }
}

static void do_cpu(HmpCall *call)
{
    GError *error = NULL;
    uint64_t index;
    if (!need(call, 1, "cpu INDEX")) {
        return;
    }
    if (!uint_parse("cpu index", call->argv[0], 0, INT32_MAX, &index, &error) ||
        !qmp_cpu_device(call->vm, (int64_t)index, &error)) {
        hmp_error(call, error);
        return;
    }
    call->cpu_index = (int)index;
}

static void do_device_add(HmpCall *call)
{
    GError *error = NULL;
    if (!need(call, 1, "device_add DRIVER[,prop=value...]")) {
        return;
    }
    GVariant *dict = options_parse(call->line, "driver", &error);
    if (!dict) {
        hmp_error(call, error);
        return;
    }
    g_autoptr(GVariant) owned = g_variant_ref_sink(dict);
    json_unref(hmp_qmp(call, "device_add", json_from_variant(owned)));
}

static void do_device_del(HmpCall *call)
{
    if (need(call, 1, "device_del ID")) {
        simple(call, "device_del", "id", call->argv[0]);
    }
}

static void do_eject(HmpCall *call)
{
    bool force = call->argc && !strcmp(call->argv[0], "-f");
    if (!need(call, force ? 2 : 1, "eject [-f] DEVICE")) {
        return;
    }
    Json *args = json_object_new_object();
    json_add_str(args, "device", call->argv[force]);
    json_add_bool(args, "force", force);
    json_unref(hmp_qmp(call, "eject", args));
}

static void do_change(HmpCall *call)
{
    static const char *const names[] = { "device", "filename", "format", "read-only-mode" };
    bool force = call->argc && !strcmp(call->argv[0], "-f");
    int n = call->argc - force;
    if (!need(call, force ? 3 : 2, "change [-f] DEVICE FILE [FORMAT [READ-ONLY-MODE]]")) {
        return;
    }
    Json *args = json_object_new_object();
    for (int i = 0; i < n && i < (int)G_N_ELEMENTS(names); i++) {
        json_add_str(args, names[i], call->argv[i + force]);
    }
    json_add_bool(args, "force", force);
    json_unref(hmp_qmp(call, "blockdev-change-medium", args));
}

static void do_object_add(HmpCall *call)
{
    GError *error = NULL;
    GVariant *dict = options_parse(call->line, "qom-type", &error);
    g_autoptr(GVariant) owned = dict ? g_variant_ref_sink(dict) : NULL;
    if (!owned || !objects_add(call->vm, owned, &error)) {
        hmp_error(call, error);
    }
}

static void do_object_del(HmpCall *call)
{
    if (need(call, 1, "object_del ID")) {
        simple(call, "object-del", "id", call->argv[0]);
    }
}

static void do_netdev_add(HmpCall *call)
{
    GError *error = NULL;
    if (!nets_add_text(vm_nets(call->vm), call->line, &error)) {
        hmp_error(call, error);
    }
}

static void do_netdev_del(HmpCall *call)
{
    if (need(call, 1, "netdev_del ID")) {
        simple(call, "netdev_del", "id", call->argv[0]);
    }
}

static void do_set_link(HmpCall *call)
{
    bool up;
    GError *error = NULL;
    if (!need(call, 2, "set_link NAME on|off")) {
        return;
    }
    if (!bool_parse("link", call->argv[1], &up, &error)) {
        hmp_error(call, error);
        return;
    }
    Json *args = json_object_new_object();
    json_add_str(args, "name", call->argv[0]);
    json_add_bool(args, "up", up);
    json_unref(hmp_qmp(call, "set_link", args));
}

static void do_chardev_add(HmpCall *call)
{
    GError *error = NULL;
    g_autoptr(ChardevConfig) config = chardev_config_parse(call->line, &error);
    if (!config || !chardevs_add(call->vm->chardevs, config, &error)) {
        hmp_error(call, error);
    }
}

static void do_chardev_change(HmpCall *call)
{
    GError *error = NULL;
    if (!need(call, 2, "chardev-change ID KIND[,option=value...]")) {
        return;
    }
    g_autofree char *text = g_strdup_printf("%s,id=%s", call->argv[1], call->argv[0]);
    g_autoptr(ChardevConfig) config = chardev_config_parse(text, &error);
    if (!config || !chardevs_change(call->vm->chardevs, call->argv[0], config, &error)) {
        hmp_error(call, error);
    }
}

static void do_chardev_remove(HmpCall *call)
{
    if (need(call, 1, "chardev-remove ID")) {
        simple(call, "chardev-remove", "id", call->argv[0]);
    }
}

static void do_chardev_send_break(HmpCall *call)
{
    if (need(call, 1, "chardev-send-break ID")) {
        simple(call, "chardev-send-break", "id", call->argv[0]);
    }
}

static void do_ringbuf_write(HmpCall *call)
{
    if (!need(call, 2, "ringbuf_write DEVICE DATA")) {
        return;
    }
    Json *args = json_object_new_object();
    json_add_str(args, "device", call->argv[0]);
    json_add_str(args, "data", call->argv[1]);
    json_unref(hmp_qmp(call, "ringbuf-write", args));
}

static void do_ringbuf_read(HmpCall *call)
{
    GError *error = NULL;
    uint64_t size;
    if (!need(call, 2, "ringbuf_read DEVICE SIZE")) {
        return;
    }
    if (!uint_parse("size", call->argv[1], 1, 1 << 20, &size, &error)) {
        hmp_error(call, error);
        return;
    }
    Json *args = json_object_new_object();
    json_add_str(args, "device", call->argv[0]);
    json_add_uint(args, "size", size);
    g_autoptr(Json) data = hmp_qmp(call, "ringbuf-read", args);
    if (data) {
        hmp_printf(call, "%s\n", json_object_get_string(data));
    }
}

static void do_balloon(HmpCall *call)
{
    GError *error = NULL;
    uint64_t mib;
    if (!need(call, 1, "balloon MIB")) {
        return;
    }
    if (!uint_parse("target", call->argv[0], 1, UINT32_MAX, &mib, &error)) {
        hmp_error(call, error);
        return;
    }
    Json *args = json_object_new_object();
    json_add_uint(args, "value", mib << 20);
    json_unref(hmp_qmp(call, "balloon", args));
}

static void do_log(HmpCall *call)
{
    GError *error = NULL;
    if (!log_set(call->argc ? call->argv[0] : "none", &error)) {
        hmp_error(call, error);
    }
}

static void do_logfile(HmpCall *call)
{
    GError *error = NULL;
    if (need(call, 1, "logfile FILE") && !log_set_file(call->argv[0], &error)) {
        hmp_error(call, error);
    }
}

static void do_trace_event(HmpCall *call)
{
    GError *error = NULL;
    bool on;
    if (!need(call, 2, "trace-event NAME on|off")) {
        return;
    }
    if (!bool_parse("option", call->argv[1], &on, &error)) {
        hmp_error(call, error);
        return;
    }
    Json *args = json_object_new_object();
    json_add_str(args, "name", call->argv[0]);
    json_add_bool(args, "enable", on);
    json_unref(hmp_qmp(call, "trace-event-set-state", args));
}

static void do_qom_get(HmpCall *call)
{
    if (!need(call, 2, "qom-get PATH PROPERTY")) {
        return;
    }
    Json *args = json_object_new_object();
    json_add_str(args, "path", call->argv[0]);
    json_add_str(args, "property", call->argv[1]);
    g_autoptr(Json) value = hmp_qmp(call, "qom-get", args);
    if (value) {
        g_autoptr(GString) text = g_string_new(NULL);
        json_write(text, value, true);
        hmp_printf(call, "%s\n", text->str);
    }
}

static void do_qom_set(HmpCall *call)
{
    GError *error = NULL;
    if (!need(call, 3, "qom-set PATH PROPERTY VALUE")) {
        return;
    }
    Object *obj = object_resolve(call->vm, call->argv[0], &error);
    if (!obj || !object_set_str(obj, call->argv[1], call->argv[2], &error)) {
        hmp_error(call, error);
    }
}

static void do_qom_list(HmpCall *call)
{
    Json *args = json_object_new_object();
    json_add_str(args, "path", call->argc ? call->argv[0] : "/");
    g_autoptr(Json) list = hmp_qmp(call, "qom-list", args);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        Json *item = json_object_array_get_idx(list, i);
        hmp_printf(call, "%s (%s)\n", json_str(item, "name", ""), json_str(item, "type", ""));
    }
}

const HmpCommand hmp_commands[] = {
    { "announce_self", "", "trigger GARP/RARP announcements", hmp_announce_self },
    { "balloon", "target", "request VM to change its memory allocation (in MB)", do_balloon },
    { "change", "[-f] device filename [format [read-only-mode]]", "change a removable medium",
      do_change },
    { "chardev-add", "args", "add chardev", do_chardev_add },
    { "chardev-change", "id args", "change chardev", do_chardev_change },
    { "chardev-remove", "id", "remove chardev", do_chardev_remove },
    { "chardev-send-break", "id", "send a break on chardev", do_chardev_send_break },
    { "cont|c", "", "resume emulation", do_cont },
    { "cpu", "index", "set the default CPU", do_cpu },
    { "device_add", "driver[,prop=value][,...]", "add device, like -device on the command line",
      do_device_add },
    { "device_del", "device", "remove device", do_device_del },
    { "eject", "[-f] device", "eject a removable medium (use -f to force it)", do_eject },
    { "gdbserver", "[device]",
      "start the GDB server on device (tcp::1234 by default), or end it by "
      "'none'",
      do_gdbserver },
    { "log", "item1[,...]", "activate logging of the specified items", do_log },
    { "logfile", "filename", "output logs to 'filename'", do_logfile },
    { "memsave", "addr size file", "save to disk virtual memory dump", hmp_memsave },
    { "migrate", "[-d] uri", "migrate to URI (using -d to not wait for completion)", hmp_migrate },
    { "migrate_cancel", "", "cancel the current VM migration", hmp_migrate_cancel },
    { "migrate_continue", "state", "continue migration from the given paused state",
      hmp_migrate_continue },
    { "migrate_incoming", "uri", "continue an incoming migration from an -incoming defer",
      hmp_migrate_incoming },
    { "migrate_set_capability", "capability state",
      "enable/disable the usage of a capability for migration", hmp_migrate_set_capability },
    { "migrate_set_parameter", "parameter value", "set the parameter for migration",
      hmp_migrate_set_parameter },
    { "netdev_add", "[user|tap|stream][,option][,...]", "add host network device", do_netdev_add },
    { "netdev_del", "id", "remove host network device", do_netdev_del },
    { "nmi", "", "inject an NMI", do_nmi },
    { "object_add", "qom-type,id=str[,prop=value][,...]", "create an object", do_object_add },
    { "object_del", "id", "destroy an object", do_object_del },
    { "pmemsave", "addr size file", "save to disk physical memory dump", hmp_pmemsave },
    { "qom-get", "path property", "print a property", do_qom_get },
    { "qom-list", "path", "list properties of an object", do_qom_list },
    { "qom-set", "path property value", "set a property", do_qom_set },
    { "quit|q", "", "quit the emulator", do_quit },
    { "ringbuf_read", "device size", "read from a ring buffer chardev", do_ringbuf_read },
    { "ringbuf_write", "device data", "write to a ring buffer chardev", do_ringbuf_write },
    { "set_link", "name on|off", "change the link status of a network adapter", do_set_link },
    { "stop|s", "", "stop emulation", do_stop },
    { "system_powerdown", "", "send system power down event", do_powerdown },
    { "system_reset", "", "reset the system", do_reset },
    { "system_wakeup", "", "wakeup guest from suspend", do_wakeup },
    { "trace-event", "name on|off", "change the status of a trace event", do_trace_event },
    { "x", "/fmt addr", "virtual memory dump starting at 'addr'", hmp_x },
    { "xp", "/fmt addr", "physical memory dump starting at 'addr'", hmp_xp },
    { "info balloon", "", "show balloon information", hmp_info_balloon },
    { "info block", "", "show info of all block devices", hmp_info_block },
    { "info blockstats", "", "show block device statistics", hmp_info_blockstats },
    { "info chardev", "", "show the character devices", hmp_info_chardev },
    { "info cpus", "", "show infos for each CPU", hmp_info_cpus },
    { "info hotpluggable-cpus", "", "show information about hotpluggable CPUs",
      hmp_info_hotpluggable_cpus },
    { "info iothreads", "", "show iothreads", hmp_info_iothreads },
    { "info jit", "", "show dynamic compiler info", hmp_info_jit },
    { "info kvm", "", "show KVM information", hmp_info_kvm },
    { "info lapic", "[vcpu]", "show the local apic state", hmp_info_lapic },
    { "info memdev", "", "show memory backends", hmp_info_memdev },
    { "info memory-devices", "", "show memory devices", hmp_info_memory_devices },
    { "info memory_size_summary", "", "show the amount of initially allocated memory in bytes",
      hmp_info_memory_size_summary },
    { "info mice", "", "show which guest mouse is receiving events", hmp_info_mice },
    { "info migrate", "[-a]", "show migration status (-a: also each step and section)",
      hmp_info_migrate },
    { "info migrate_capabilities", "", "show current migration capabilities",
      hmp_info_migrate_capabilities },
    { "info migrate_parameters", "", "show current migration parameters",
      hmp_info_migrate_parameters },
    { "info mtree", "[-f]", "show memory tree (-f: dump flat view for address spaces)",
      hmp_info_mtree },
    { "info name", "", "show the current VM name", hmp_info_name },
    { "info network", "", "show the network state", hmp_info_network },
    { "info pci", "", "show PCI info", hmp_info_pci },
    { "info pic", "", "show the PIC and I/O APIC state", hmp_info_pic },
    { "info qom-tree", "[path]", "show QOM composition tree", hmp_info_qom_tree },
    { "info qtree", "", "show device tree", hmp_info_qtree },
    { "info ramblock", "", "display system ramblock information", hmp_info_ramblock },
    { "info registers", "[-a|vcpu]", "show the cpu registers", hmp_info_registers },
    { "info roms", "", "show roms", hmp_info_roms },
    { "info status", "", "show the current VM status (running|paused)", hmp_info_status },
    { "info trace-events", "[name]", "show available trace-events and their state",
      hmp_info_trace_events },
    { "info usb", "", "show guest USB devices", hmp_info_usb },
    { "info uuid", "", "show the current VM UUID", hmp_info_uuid },
    { "info version", "", "show the version of Ferry", hmp_info_version },
    { NULL },
};
