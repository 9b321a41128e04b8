/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host sides: character devices, serial ports, monitors, passed descriptors, disks and networks.
 * Serial port N is the chardev "serialN", which the board connects to its Nth port.
 */
#include <fcntl.h>
#include <string.h>
#include "backend/block/block.h"
#include "backend/chardev/chardev.h"
#include "backend/net/net.h"
#include "base/util/size.h"
#include "monitor/monitor.h"
#include "system/keyval.h"
#include "system-priv.h"

static bool add_fds(System *sys, GError **error)
{
    static const char *const known[] = { "fd", "set", "opaque", NULL };
    for (guint i = 0; i < sys->cmd->fds->len; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->fds, i);
        GVariant *parsed = keyval_parse(arg->text, NULL, error);
        g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;
        unsigned fd = 0, set = 0;
        if (!props || !keyval_only(props, known, error) ||
            !keyval_uint(props, "fd", G_MAXINT, &fd, error) ||
            !keyval_uint(props, "set", G_MAXINT, &set, error)) {
            g_prefix_error(error, "-add-fd: ");
            return false;
        }
        if (fd < 3 || fcntl((int)fd, F_GETFD) < 0) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                        "-add-fd: fd %u is not an open descriptor above 2", fd);
            return false;
        }
        int dup = fcntl((int)fd, F_DUPFD_CLOEXEC, 0);
        if (fd_sets_add(sys->fdsets, set, dup, keyval_str(props, "opaque"), error) < 0) {
            return false;
        }
    }
    return true;
}

/* A chardev from a short spelling, or the existing one of "chardev:ID"; NULL + no error: "none". */
static Chardev *short_chardev(System *sys, const char *id, const char *text, bool *with_monitor,
                              GError **error)
{
    *with_monitor = false;
    if (!strcmp(text, "none")) {
        return NULL;
    }
    if (g_str_has_prefix(text, "chardev:")) {
        return chardevs_lookup(sys->vm->chardevs, text + 8, error);
    }
    g_autoptr(ChardevConfig) config = chardev_config_parse_legacy(id, text, with_monitor, error);
    return config ? chardevs_add(sys->vm->chardevs, config, error) : NULL;
}

static bool add_serial(System *sys, unsigned n, const char *text, GError **error)
{
    bool with_monitor;
    GError *local = NULL;
    g_autofree char *id = g_strdup_printf("serial%u", n);
    Chardev *chr = short_chardev(sys, id, text, &with_monitor, &local);
    if (local) {
        g_propagate_prefixed_error(error, local, "-serial %s: ", text);
        return false;
    }
    Arg *port = g_new(Arg, 1);
    *port = (Arg){ "serial", g_strdup(chr ? chardev_id(chr) : "") };
    g_ptr_array_add(sys->serial_ids, port);
    return !with_monitor || !sys->vm->monitors ||
           monitors_add(sys->vm->monitors, chr, MONITOR_HUMAN, false, error);
}

static bool add_serials(System *sys, GError **error)
{
    CmdLine *cmd = sys->cmd;
    for (guint i = 0; i < cmd->serials->len; i++) {
        Arg *arg = g_ptr_array_index(cmd->serials, i);
        if (!add_serial(sys, i, arg->text, error)) {
            return false;
        }
    }
    if (cmd->serials->len || cmd->nodefaults || !vm_machine(sys->vm) ||
        machine_ops(vm_machine(sys->vm))->no_serial) {
        return true;
    }
    bool own_monitor = cmd->monitors->len > 0;
    const char *text = !cmd->nographic || cmd->daemonize ? "vc"
                       : own_monitor                     ? "stdio"
                                                         : "mon:stdio";
    return add_serial(sys, 0, text, error);
}

/* -mon chardev=ID,mode=..,pretty=.. */
static bool add_mon(System *sys, const char *text, GError **error)
{
    static const char *const known[] = { "chardev", "mode", "pretty", "id", "default", NULL };
    GVariant *parsed = keyval_parse(text, "chardev", error);
    g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;
    bool pretty = false;
    if (!props || !keyval_only(props, known, error) ||
        !keyval_bool(props, "pretty", &pretty, error)) {
        return false;
    }
    const char *id = keyval_str(props, "chardev"), *mode = keyval_str(props, "mode");
    if (!id) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION, "'chardev' is missing");
        return false;
    }
    if (mode && strcmp(mode, "readline") && strcmp(mode, "control")) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                    "mode '%s' is neither readline nor control", mode);
        return false;
    }
    Chardev *chr = chardevs_lookup(sys->vm->chardevs, id, error);
    bool control = mode && !strcmp(mode, "control");
    return chr && monitors_add(sys->vm->monitors, chr, control ? MONITOR_QMP : MONITOR_HUMAN,
                               pretty, error);
}

static bool add_monitor(System *sys, unsigned n, const Arg *arg, GError **error)
{
    if (!strcmp(arg->option, "mon")) {
        return add_mon(sys, arg->text, error);
    }
    bool unused;
    GError *local = NULL;
    bool qmp = g_str_has_prefix(arg->option, "qmp");
    g_autofree char *id = g_strdup_printf("compat_monitor%u", n);
    Chardev *chr = short_chardev(sys, id, arg->text, &unused, &local);
    if (local) {
        g_propagate_error(error, local);
        return false;
    }
    return !chr || monitors_add(sys->vm->monitors, chr, qmp ? MONITOR_QMP : MONITOR_HUMAN,
                                !strcmp(arg->option, "qmp-pretty"), error);
}

bool options_apply_chardevs(System *sys, GError **error)
{
    CmdLine *cmd = sys->cmd;
    if (!add_fds(sys, error)) {
        return false;
    }
    for (guint i = 0; i < cmd->chardevs->len; i++) {
        Arg *arg = g_ptr_array_index(cmd->chardevs, i);
        g_autoptr(ChardevConfig) config = chardev_config_parse(arg->text, error);
        if (!config || !chardevs_add(sys->vm->chardevs, config, error)) {
            g_prefix_error(error, "-chardev %s: ", arg->text);
            return false;
        }
    }
    for (guint i = 0; i < cmd->monitors->len; i++) {
        Arg *arg = g_ptr_array_index(cmd->monitors, i);
        if (!add_monitor(sys, i, arg, error)) {
            g_prefix_error(error, "-%s %s: ", arg->option, arg->text);
            return false;
        }
    }
    return add_serials(sys, error);
}

bool options_apply_drives(System *sys, GError **error)
{
    CmdLine *cmd = sys->cmd;
    unsigned per_bus = machine_ops(vm_machine(sys->vm))->ide_units_per_bus;
    blocks_set_snapshot(sys->vm->blocks, cmd->snapshot);
    blocks_set_ide_units(sys->vm->blocks, per_bus ? (int)per_bus : 2);
    for (guint i = 0; i < cmd->blockdevs->len; i++) {
        Arg *arg = g_ptr_array_index(cmd->blockdevs, i);
        GVariant *parsed = keyval_parse_nested(arg->text, "driver", error);
        g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;
        if (!props || !blocks_add_node(sys->vm->blocks, props, error)) {
            g_prefix_error(error, "-blockdev %s: ", arg->text);
            return false;
        }
    }
    for (guint i = 0; i < cmd->drives->len; i++) {
        Arg *arg = g_ptr_array_index(cmd->drives, i);
        if (!blocks_add_drive(sys->vm->blocks, arg->text, BLOCK_IF_IDE, error)) {
            g_prefix_error(error, "-drive %s: ", arg->text);
            return false;
        }
    }
    return true;
}

typedef struct {
    System *sys;
    GError **error;
    bool ok;
} DriveWalk;

static bool no_controller(DriveWalk *walk, BlockDrive *drive)
{
    g_set_error(walk->error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                "-drive %s: machine '%s' has no controller for if=%s; use if=virtio, or "
                "if=none with -device",
                block_drive_id(drive), machine_ops(vm_machine(walk->sys->vm))->machine_name,
                block_interface_name(block_drive_info(drive)->iface));
    return false;
}

/* The device that a drive's interface means; false: the machine has no place for it. */
static bool device_for_drive(System *sys, const BlockDriveInfo *info, GVariantDict *dict)
{
    g_autofree char *bus = NULL;
    switch (info->iface) {
    case BLOCK_IF_VIRTIO: g_variant_dict_insert(dict, "driver", "s", "virtio-blk-pci"); return true;
    case BLOCK_IF_IDE:
        bus = g_strdup_printf("ide.%d", info->bus);
        if (!bus_find(sys->vm, bus, NULL)) {
            return false;
        }
        g_variant_dict_insert(dict, "driver", "s", info->cdrom ? "ide-cd" : "ide-hd");
        g_variant_dict_insert(dict, "bus", "s", bus);
        g_variant_dict_insert(dict, "unit", "i", info->unit);
        return true;
    case BLOCK_IF_FLOPPY:
        if (!bus_find(sys->vm, "floppy-bus.0", NULL)) {
            return false;
        }
        g_variant_dict_insert(dict, "driver", "s", "floppy");
        g_variant_dict_insert(dict, "bus", "s", "floppy-bus.0");
        g_variant_dict_insert(dict, "unit", "u", (guint32)info->unit);
        return true;
    default: return false;
    }
}

/* A -drive that names an interface gets the device that the interface means. */
static void attach_drive(BlockDrive *drive, void *opaque)
{
    DriveWalk *walk = opaque;
    BlockDriveInfo *info = block_drive_info(drive);
    GVariantDict dict;
    if (!walk->ok || info->claimed || info->iface == BLOCK_IF_NONE ||
        info->iface == BLOCK_IF_DEFAULT) { /* over a node, made by the board */
        return;
    }
    g_variant_dict_init(&dict, NULL);
    if (!device_for_drive(walk->sys, info, &dict)) {
        g_variant_dict_clear(&dict);
        walk->ok = no_controller(walk, drive);
        return;
    }
    g_variant_dict_insert(&dict, "drive", "s", block_drive_id(drive));
    g_autoptr(GVariant) props = g_variant_ref_sink(g_variant_dict_end(&dict));
    info->claimed = true;
    walk->ok = device_add_user(walk->sys->vm, props, false, walk->error) != NULL;
}

/* The user placed a disk or CD-ROM drive himself: then there is none by default. */
static bool user_has_drives(System *sys)
{
    static const char *const drivers[] = { "ide-cd", "ide-hd", "scsi-cd", "scsi-hd" };
    for (guint i = 0; i < sys->cmd->devices->len; i++) {
        const char *text = ((Arg *)g_ptr_array_index(sys->cmd->devices, i))->text;
        for (size_t d = 0; d < G_N_ELEMENTS(drivers); d++) {
            if (strstr(text, drivers[d])) {
                return true;
            }
        }
    }
    return false;
}

/* The empty CD-ROM drive that a PC has when nothing is said of it. */
static bool add_default_cdrom(System *sys, GError **error)
{
    Machine *m = vm_machine(sys->vm);
    g_autofree char *bus =
        g_strdup_printf("ide.%u", machine_ops(m)->ide_units_per_bus == 1 ? 2 : 1);
    if (sys->cmd->nodefaults || machine_ops(m)->no_cdrom || user_has_drives(sys) ||
        blocks_drive_by_index(sys->vm->blocks, BLOCK_IF_IDE, 2) || !bus_find(sys->vm, bus, NULL)) {
        return true;
    }
    return blocks_add_drive(sys->vm->blocks, "if=ide,index=2,media=cdrom", BLOCK_IF_IDE, error);
}

/* And the empty floppy drive, if the machine has a controller for one. */
static bool add_default_floppy(System *sys, GError **error)
{
    Blocks *blocks = sys->vm->blocks;
    if (sys->cmd->nodefaults || !bus_find(sys->vm, "floppy-bus.0", NULL) ||
        blocks_drive_by_index(blocks, BLOCK_IF_FLOPPY, 0) ||
        blocks_drive_by_index(blocks, BLOCK_IF_FLOPPY, 1)) {
        return true;
    }
    for (guint i = 0; i < sys->cmd->devices->len; i++) {
        if (g_str_has_prefix(((Arg *)g_ptr_array_index(sys->cmd->devices, i))->text, "floppy")) {
            return true;
        }
    }
    return blocks_add_drive(blocks, "if=floppy,index=0", BLOCK_IF_FLOPPY, error);
}

bool options_attach_drives(System *sys, GError **error)
{
    DriveWalk walk = { sys, error, true };
    if (!add_default_cdrom(sys, error) || !add_default_floppy(sys, error)) {
        return false;
    }
    blocks_foreach_drive(sys->vm->blocks, attach_drive, &walk);
    return walk.ok;
}

/* The board's kind of serial port for each -serial. */
bool options_attach_serials(System *sys, GError **error)
{
    const MachineOps *ops = machine_ops(vm_machine(sys->vm));
    const char *driver = ops->serial_driver;
    if (ops->takes_serials && !ops->takes_serials(vm_machine(sys->vm))) {
        return true; /* for a device of the user's to take */
    }
    for (guint i = 0; driver && i < sys->serial_ids->len; i++) {
        Arg *port = g_ptr_array_index(sys->serial_ids, i);
        if (!*port->text) {
            continue;
        }
        GVariantDict dict;
        g_variant_dict_init(&dict, NULL);
        g_variant_dict_insert(&dict, "driver", "s", driver);
        g_variant_dict_insert(&dict, "chardev", "s", port->text);
        g_variant_dict_insert(&dict, "index", "u", i);
        g_autoptr(GVariant) props = g_variant_ref_sink(g_variant_dict_end(&dict));
        if (!device_add_user(sys->vm, props, false, error)) {
            g_prefix_error(error, "-serial %u: ", i);
            return false;
        }
    }
    return true;
}

bool options_apply_net(System *sys, GError **error)
{
    for (guint i = 0; i < sys->cmd->netdevs->len; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->netdevs, i);
        if (!nets_add_text(sys->vm->nets, arg->text, error)) {
            g_prefix_error(error, "-netdev %s: ", arg->text);
            return false;
        }
    }
    return true;
}

static bool attach_nic(System *sys, const NicRequest *nic, GError **error)
{
    const MachineOps *ops = machine_ops(vm_machine(sys->vm));
    const char *model = nic->model ? nic->model : ops->default_nic;
    if (nic->none) {
        return true;
    }
    if (!model) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                    "machine '%s' has no default network card: give model=", ops->machine_name);
        return false;
    }
    GVariantDict dict;
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "driver", "s",
                          !strcmp(model, "virtio") ? "virtio-net-pci" : model);
    if (nic->netdev) {
        g_variant_dict_insert(&dict, "netdev", "s", nic->netdev);
    }
    if (nic->mac) {
        g_variant_dict_insert(&dict, "mac", "s", nic->mac);
    }
    if (nic->addr) {
        g_variant_dict_insert(&dict, "addr", "s", nic->addr);
    }
    g_autoptr(GVariant) props = g_variant_ref_sink(g_variant_dict_end(&dict));
    return device_add_user(sys->vm, props, false, error) != NULL;
}

bool options_attach_nics(System *sys, GError **error)
{
    for (guint i = 0; i < sys->cmd->nics->len; i++) {
        Arg *arg = g_ptr_array_index(sys->cmd->nics, i);
        g_auto(NicRequest) nic = { 0 };
        if (!nets_add_nic_text(sys->vm->nets, arg->text, &nic, error) ||
            !attach_nic(sys, &nic, error)) {
            g_prefix_error(error, "-nic %s: ", arg->text);
            return false;
        }
    }
    return true;
}
