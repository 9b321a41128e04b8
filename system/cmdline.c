/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: one table of options, one loop. This half only stores what was said; nothing
 * is opened or started before every option has been recognised.
 */
#include <stdio.h>
#include <string.h>
#include "base/util/version.h"
#include "system-priv.h"

GQuark ferry_system_error_quark(void)
{
    return g_quark_from_static_string("ferry-system-error");
}

typedef enum {
    OPT_FLAG,   /* sets a bool */
    OPT_STRING, /* the last one given counts */
    OPT_LIST,   /* each one counts, in order */
    OPT_CALL,   /* a function of its own */
    OPT_HELP,
    OPT_VERSION,
} OptKind;

typedef struct Option {
    const char *name; /* without the dash */
    OptKind kind;
    size_t offset; /* in CmdLine */
    bool (*call)(CmdLine *cmd, const char *arg, GError **error);
    bool no_arg;      /* OPT_CALL without an argument */
    const char *args; /* shown by -h */
    const char *help;
} Option;

static bool bad_option(GError **error, const char *option, const char *value, const char *want)
{
    g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                "%s: invalid value '%s', expected %s", option, value, want);
    return false;
}

static int choose(const char *const *names, const char *s)
{
    for (int i = 0; names[i]; i++) {
        if (!strcmp(names[i], s)) {
            return i;
        }
    }
    return -1;
}

static bool set_action(CmdLine *cmd, const char *key, const char *value, GError **error)
{
    static const char *const reboot[] = { "reset", "shutdown", NULL };
    static const char *const shutdown[] = { "poweroff", "pause", NULL };
    static const char *const panic[] = { "shutdown", "pause", "exit-failure", "none", NULL };
    static const char *const watchdog[] = { "reset", "shutdown", "poweroff",   "pause",
                                            "debug", "none",     "inject-nmi", NULL };
    int n;
    if (!strcmp(key, "reboot") && (n = choose(reboot, value)) >= 0) {
        cmd->actions.reboot = (RebootAction)n;
    } else if (!strcmp(key, "shutdown") && (n = choose(shutdown, value)) >= 0) {
        cmd->actions.shutdown = (ShutdownAction)n;
    } else if (!strcmp(key, "panic") && (n = choose(panic, value)) >= 0) {
        cmd->actions.panic = (PanicAction)n;
    } else if (!strcmp(key, "watchdog") && (n = choose(watchdog, value)) >= 0) {
        cmd->actions.watchdog = (WatchdogAction)n;
    } else {
        g_autofree char *shown = g_strdup_printf("%s=%s", key, value);
        return bad_option(error, "-action", shown,
                          "reboot=reset|shutdown, shutdown=poweroff|pause, "
                          "panic=shutdown|pause|exit-failure|none or watchdog=...");
    }
    return true;
}

static bool opt_action(CmdLine *cmd, const char *arg, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(arg, ",", -1);
    for (char **p = parts; *p; p++) {
        char *eq = strchr(*p, '=');
        if (!eq) {
            return bad_option(error, "-action", *p, "EVENT=ACTION");
        }
        *eq = '\0';
        if (!set_action(cmd, *p, eq + 1, error)) {
            return false;
        }
    }
    return true;
}

static bool opt_watchdog_action(CmdLine *cmd, const char *arg, GError **error)
{
    return set_action(cmd, "watchdog", arg, error);
}

static bool opt_no_reboot(CmdLine *cmd, const char *arg, GError **error)
{
    cmd->actions.reboot = REBOOT_ACTION_SHUTDOWN;
    return true;
}

static bool opt_no_shutdown(CmdLine *cmd, const char *arg, GError **error)
{
    cmd->actions.shutdown = SHUTDOWN_ACTION_PAUSE;
    return true;
}

static bool opt_msg(CmdLine *cmd, const char *arg, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(arg, ",", -1);
    for (char **p = parts; *p; p++) {
        if (!strcmp(*p, "timestamp=on") || !strcmp(*p, "timestamp")) {
            cmd->msg_timestamp = true;
        } else if (!strcmp(*p, "timestamp=off")) {
            cmd->msg_timestamp = false;
        } else if (!g_str_has_prefix(*p, "guest-name=")) {
            return bad_option(error, "-msg", *p, "timestamp=on|off or guest-name=on|off");
        }
    }
    return true;
}

static bool opt_gdb_default(CmdLine *cmd, const char *arg, GError **error)
{
    g_free(cmd->gdb);
    cmd->gdb = g_strdup("tcp::1234");
    return true;
}

static bool opt_audiodev(CmdLine *cmd, const char *arg, GError **error)
{
    return strstr(arg, "none") ? true : bad_option(error, "-audiodev", arg, "driver=none");
}

static bool opt_overcommit(CmdLine *cmd, const char *arg, GError **error)
{
    static const char *const ok[] = { "mem-lock=off", "cpu-pm=off", NULL };
    return choose(ok, arg) >= 0 ||
           bad_option(error, "-overcommit", arg, "mem-lock=off or cpu-pm=off");
}

/* -hda FILE and its kin: a -drive at a fixed place. */
static bool add_drive_option(CmdLine *cmd, const char *file, const char *place)
{
    g_auto(GStrv) parts = g_strsplit(file, ",", -1);
    g_autofree char *escaped = g_strjoinv(",,", parts);
    Arg *a = g_new(Arg, 1);
    a->option = "drive";
    a->text = g_strdup_printf("file=%s,%s", escaped, place);
    g_ptr_array_add(cmd->drives, a);
    return true;
}

#define DRIVE_OPTION(fn_, place_)                                  \
    static bool fn_(CmdLine *cmd, const char *arg, GError **error) \
    {                                                              \
        return add_drive_option(cmd, arg, place_);                 \
    }
DRIVE_OPTION(opt_hda, "index=0,media=disk")
DRIVE_OPTION(opt_hdb, "index=1,media=disk")
DRIVE_OPTION(opt_hdc, "index=2,media=disk")
DRIVE_OPTION(opt_hdd, "index=3,media=disk")
DRIVE_OPTION(opt_cdrom, "index=2,media=cdrom")
DRIVE_OPTION(opt_fda, "if=floppy,index=0")
DRIVE_OPTION(opt_fdb, "if=floppy,index=1")
DRIVE_OPTION(opt_pflash, "if=pflash")

/* "-net nic,..." and "-net BACKEND,...", in either order, are one -nic. */
static char *nic_of(const char *backend, const char *card)
{
    g_auto(GStrv) parts = g_strsplit(card, ",", -1);
    GString *text = g_string_new(backend);

    for (char **p = parts + 1; *p; p++) {
        bool mac = g_str_has_prefix(*p, "macaddr=");

        g_string_append_printf(text, ",%s%s", mac ? "mac=" : "", mac ? strchr(*p, '=') + 1 : *p);
    }
    return g_string_free(text, FALSE);
}

static bool is_card(const char *arg)
{
    return !strcmp(arg, "nic") || g_str_has_prefix(arg, "nic,");
}

static bool opt_net(CmdLine *cmd, const char *arg, GError **error)
{
    const char *other = cmd->half_net;
    Arg *a;

    if (other && (is_card(other) == is_card(arg) || !strcmp(arg, "none"))) {
        return bad_option(error, "-net", arg, "one card and one backend at a time (or use -nic)");
    }
    if (!other && strcmp(arg, "none")) {
        cmd->half_net = g_strdup(arg);
        return true;
    }
    a = g_new(Arg, 1);
    a->option = "net";
    a->text = !other ? g_strdup(arg) : is_card(arg) ? nic_of(other, arg) : nic_of(arg, other);
    g_ptr_array_add(cmd->nics, a);
    g_clear_pointer(&cmd->half_net, g_free);
    return true;
}

#define FIELD(m) offsetof(CmdLine, m)
static const Option options[] = {
    { "h", OPT_HELP, .help = "show this text" },
    { "help", OPT_HELP, .help = "same as -h" },
    { "version", OPT_VERSION, .help = "show the version" },
    { "machine", OPT_LIST, FIELD(machine_props), .args = "[type=]NAME[,prop=value...]",
      .help = "the machine ('-machine help' lists them)" },
    { "M", OPT_LIST, FIELD(machine_props), .args = "...", .help = "same as -machine" },
    { "accel", OPT_LIST, FIELD(accels), .args = "[accel=]tcg[,prop=value...]",
      .help = "the accelerator: tcg or qtest" },
    { "cpu", OPT_STRING, FIELD(cpu), .args = "MODEL[,+f][,-f][,f=on|off]",
      .help = "the CPU model ('-cpu help' lists them)" },
    { "smp", OPT_STRING, FIELD(smp), .args = "[cpus=]N[,maxcpus=][,sockets=][,cores=][,threads=]",
      .help = "CPUs and their topology" },
    { "m", OPT_STRING, FIELD(memory), .args = "[size=]MEGS[,slots=N,maxmem=SIZE]",
      .help = "guest memory; suffixes K, M, G, T" },
    { "kernel", OPT_STRING, FIELD(kernel), .args = "FILE", .help = "boot this kernel" },
    { "initrd", OPT_STRING, FIELD(initrd), .args = "FILE", .help = "its initial ramdisk" },
    { "append", OPT_STRING, FIELD(append), .args = "TEXT", .help = "its command line" },
    { "dtb", OPT_STRING, FIELD(dtb), .args = "FILE", .help = "device tree" },
    { "bios", OPT_STRING, FIELD(bios), .args = "FILE", .help = "firmware image" },
    { "L", OPT_LIST, FIELD(data_dirs), .args = "DIR", .help = "where firmware is looked for" },
    { "boot", OPT_STRING, FIELD(boot), .args = "[order=]X[,once=X][,menu=on|off][,strict=on|off]",
      .help = "boot order" },
    { "object", OPT_LIST, FIELD(objects), .args = "TYPE,id=ID[,prop=value...] or JSON",
      .help = "create an object" },
    { "device", OPT_LIST, FIELD(devices), .args = "DRIVER[,id=ID][,bus=B][,prop=value...] or JSON",
      .help = "add a device ('-device help', '-device DRIVER,help')" },
    { "global", OPT_LIST, FIELD(globals), .args = "DRIVER.PROP=VALUE",
      .help = "a default for a device property" },
    { "drive", OPT_LIST, FIELD(drives), .args = "file=F[,if=..][,format=..][,id=..]...",
      .help = "a disk image" },
    { "hda", OPT_CALL, .call = opt_hda, .args = "FILE", .help = "first hard disk" },
    { "hdb", OPT_CALL, .call = opt_hdb, .args = "FILE", .help = "second hard disk" },
    { "hdc", OPT_CALL, .call = opt_hdc, .args = "FILE", .help = "third hard disk" },
    { "hdd", OPT_CALL, .call = opt_hdd, .args = "FILE", .help = "fourth hard disk" },
    { "cdrom", OPT_CALL, .call = opt_cdrom, .args = "FILE", .help = "CD-ROM image" },
    { "fda", OPT_CALL, .call = opt_fda, .args = "FILE", .help = "first floppy disk" },
    { "fdb", OPT_CALL, .call = opt_fdb, .args = "FILE", .help = "second floppy disk" },
    { "pflash", OPT_CALL, .call = opt_pflash, .args = "FILE", .help = "a flash chip" },
    { "snapshot", OPT_FLAG, FIELD(snapshot),
      .help = "disks keep what is written in temporary files" },
    { "blockdev", OPT_LIST, FIELD(blockdevs), .args = "driver=D,node-name=N... or JSON",
      .help = "a block node" },
    { "netdev", OPT_LIST, FIELD(netdevs), .args = "user,id=ID[,prop=value...] or JSON",
      .help = "a network backend" },
    { "nic", OPT_LIST, FIELD(nics), .args = "KIND[,model=M][,mac=A]... or none",
      .help = "a network backend with its device" },
    { "net", OPT_CALL, .call = opt_net, .args = "nic[,model=M][,macaddr=A] or KIND...",
      .help = "the same in two halves" },
    { "chardev", OPT_LIST, FIELD(chardevs), .args = "KIND,id=ID[,prop=value...]",
      .help = "a character device backend" },
    { "serial", OPT_LIST, FIELD(serials), .args = "SPEC", .help = "where a serial port goes" },
    { "monitor", OPT_LIST, FIELD(monitors), .args = "SPEC", .help = "a human monitor" },
    { "mon", OPT_LIST, FIELD(monitors), .args = "[chardev=]ID[,mode=readline|control][,pretty=on]",
      .help = "a monitor on a chardev" },
    { "qmp", OPT_LIST, FIELD(monitors), .args = "SPEC", .help = "a QMP monitor" },
    { "qmp-pretty", OPT_LIST, FIELD(monitors), .args = "SPEC", .help = "QMP, indented" },
    { "add-fd", OPT_LIST, FIELD(fds), .args = "fd=N,set=N[,opaque=TEXT]",
      .help = "pass a file descriptor" },
    { "nographic", OPT_FLAG, FIELD(nographic), .help = "serial port and monitor on this terminal" },
    { "display", OPT_STRING, FIELD(display), .args = "none|vnc=SPEC", .help = "the display" },
    { "vga", OPT_STRING, FIELD(vga), .args = "std|none", .help = "the video card" },
    { "usb", OPT_FLAG, FIELD(usb), .help = "a USB host controller (same as -machine usb=on)" },
    { "usbdevice", OPT_LIST, FIELD(usb_devices), .args = "keyboard|mouse|tablet|disk:FILE",
      .help = "a USB device, and a controller for it" },
    { "vnc", OPT_LIST, FIELD(vncs), .args = "HOST:D|unix:PATH|none[,password=on][,...]",
      .help = "show the display to VNC clients" },
    { "nodefaults", OPT_FLAG, FIELD(nodefaults), .help = "no default devices" },
    { "no-user-config", OPT_FLAG, FIELD(no_user_config), .help = "read no configuration files" },
    { "S", OPT_FLAG, FIELD(stopped), .help = "do not start the CPUs yet" },
    { "no-reboot", OPT_CALL, .call = opt_no_reboot, .no_arg = true,
      .help = "end when the guest reboots" },
    { "no-shutdown", OPT_CALL, .call = opt_no_shutdown, .no_arg = true,
      .help = "stay when the guest powers off" },
    { "action", OPT_CALL, .call = opt_action, .args = "EVENT=ACTION[,...]",
      .help = "what to do on reboot, shutdown, panic, watchdog" },
    { "watchdog-action", OPT_CALL, .call = opt_watchdog_action, .args = "ACTION",
      .help = "same as -action watchdog=ACTION" },
    { "name", OPT_STRING, FIELD(name), .args = "[guest=]NAME[,process=P][,debug-threads=on]",
      .help = "the name of the guest" },
    { "uuid", OPT_STRING, FIELD(uuid), .args = "UUID", .help = "the guest's UUID" },
    { "rtc", OPT_STRING, FIELD(rtc), .args = "[base=utc|localtime|DATE][,clock=host|rt|vm]",
      .help = "the real-time clock" },
    { "pidfile", OPT_STRING, FIELD(pidfile), .args = "FILE", .help = "write the process id there" },
    { "daemonize", OPT_FLAG, FIELD(daemonize), .help = "go to the background once started" },
    { "msg", OPT_CALL, .call = opt_msg, .args = "timestamp=on|off", .help = "form of messages" },
    { "sandbox", OPT_STRING, FIELD(sandbox), .args = "on[,obsolete=deny|allow][,spawn=..]...",
      .help = "system call filter" },
    { "d", OPT_STRING, FIELD(log_items), .args = "ITEM[,...]",
      .help = "log what the emulator does ('-d help')" },
    { "D", OPT_STRING, FIELD(log_file), .args = "FILE", .help = "where the log goes" },
    { "dfilter", OPT_STRING, FIELD(log_filter), .args = "RANGE[,...]",
      .help = "only these addresses" },
    { "trace", OPT_LIST, FIELD(traces), .args = "[enable=]PATTERN[,events=FILE]",
      .help = "enable trace points" },
    { "incoming", OPT_STRING, FIELD(incoming), .args = "URI or defer",
      .help = "wait for a migration" },
    { "dump-vmstate", OPT_STRING, FIELD(dump_vmstate), .args = "FILE",
      .help = "write the migration description of the machine and exit" },
    { "dump-manifest", OPT_STRING, FIELD(dump_manifest), .args = "FILE",
      .help = "write what the machine sends and takes in a migration, and exit" },
    { "migrate-check", OPT_STRING, FIELD(migrate_check), .args = "source=FILE,destination=FILE",
      .help = "compare two such files: what would a migration stumble over?" },
    { "qtest", OPT_STRING, FIELD(qtest), .args = "SPEC", .help = "device test protocol" },
    { "qtest-log", OPT_STRING, FIELD(qtest_log), .args = "FILE", .help = "its log" },
    { "gdb", OPT_STRING, FIELD(gdb), .args = "SPEC", .help = "wait for gdb" },
    { "s", OPT_CALL, .call = opt_gdb_default, .no_arg = true, .help = "same as -gdb tcp::1234" },
    { "perfmap", OPT_FLAG, FIELD(perfmap),
      .help = "name native code for perf, in /tmp/perf-PID.map" },
    { "jitdump", OPT_FLAG, FIELD(jitdump),
      .help = "native code and names for perf inject, in jit-PID.dump" },
    { "icount", OPT_STRING, FIELD(icount), .args = "shift=N|auto[,align=on][,sleep=off]",
      .help = "count instructions for time" },
    { "option-rom", OPT_LIST, FIELD(option_roms), .args = "FILE",
      .help = "a ROM that firmware runs" },
    { "fw_cfg", OPT_LIST, FIELD(fw_cfgs), .args = "[name=]NAME,file=F or string=S",
      .help = "an fw_cfg file" },
    { "acpitable", OPT_LIST, FIELD(acpi_tables), .args = "[sig=S][,rev=N]...,data=F|file=F",
      .help = "an ACPI table of one's own" },
    { "numa", OPT_LIST, FIELD(numas), .args = "node|cpu|dist,KEY=VALUE...",
      .help = "NUMA nodes, their CPUs and distances" },
    { "smbios", OPT_LIST, FIELD(smbios), .args = "type=N,KEY=VALUE...|file=F",
      .help = "fields of SMBIOS structures" },
    { "audiodev", OPT_CALL, .call = opt_audiodev, .args = "none,id=ID", .help = "no sound" },
    { "overcommit", OPT_CALL, .call = opt_overcommit, .args = "mem-lock=off",
      .help = "nothing is overcommitted" },
};

/* Options that users know, and why they are not among ours. */
static const char *why_not(const char *arg)
{
    static const char *const known[][2] = {
        { "enable-kvm", "guests are emulated here: leave it out" },
        { "loadvm", "there are no internal snapshots: use -incoming file:..." },
        { "soundhw", "there is no sound" },
        { "spice", "there is no SPICE: use -vnc" },
        { "watchdog", "use -device i6300esb" },
        { "balloon", "use -device virtio-balloon" },
        { "mem-path", "use -object memory-backend-file and -machine memory-backend=" },
        { "no-acpi", "use -machine acpi=off" },
        { "no-hpet", "use -machine hpet=off" },
        { "localtime", "use -rtc base=localtime" },
    };
    const char *name = arg + (arg[1] == '-' ? 2 : 1);

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (!strcmp(name, known[i][0])) {
            return known[i][1];
        }
    }
    return NULL;
}

static const Option *find_option(const char *arg)
{
    const char *name = arg + 1;
    if (*name == '-') {
        name++;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (!strcmp(options[i].name, name) && options[i].help) {
            return &options[i];
        }
    }
    return NULL;
}

static void push(GPtrArray *list, const Option *opt, const char *arg)
{
    Arg *a = g_new(Arg, 1);
    a->option = opt->name;
    a->text = g_strdup(arg);
    g_ptr_array_add(list, a);
}

void cmdline_arg_free(gpointer p)
{
    Arg *a = p;
    g_free(a->text);
    g_free(a);
}

static bool takes_argument(const Option *opt)
{
    return opt->kind == OPT_STRING || opt->kind == OPT_LIST ||
           (opt->kind == OPT_CALL && !opt->no_arg);
}

static bool store(CmdLine *cmd, const Option *opt, const char *arg, GError **error)
{
    char *base = (char *)cmd;
    switch (opt->kind) {
    case OPT_FLAG: *(bool *)(base + opt->offset) = true; return true;
    case OPT_STRING:
        g_free(*(char **)(base + opt->offset));
        *(char **)(base + opt->offset) = g_strdup(arg);
        return true;
    case OPT_LIST: push(*(GPtrArray **)(base + opt->offset), opt, arg); return true;
    default: return opt->call(cmd, arg, error);
    }
}

void cmdline_print_help(const CmdLine *cmd)
{
    printf("Ferry machine emulator version %s\nusage: %s [options]\n\n", ferry_version(),
           cmd->program);
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (options[i].help) {
            g_autofree char *left =
                g_strdup_printf("-%s %s", options[i].name, options[i].args ? options[i].args : "");
            printf("%-30s %s%s\n", left,
                   strlen(left) > 30 ? "\n                               " : "", options[i].help);
        }
    }
}

static const char *target_of(const char *program)
{
    static const char *const targets[] = { "x86_64", "s390x", "ppc64", NULL };
    for (int i = 0; targets[i]; i++) {
        if (g_str_has_suffix(program, targets[i])) {
            return targets[i];
        }
    }
    return "x86_64";
}

static void init_lists(CmdLine *cmd)
{
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (options[i].kind == OPT_LIST) {
            GPtrArray **list = (GPtrArray **)((char *)cmd + options[i].offset);
            if (!*list) {
                *list = g_ptr_array_new_with_free_func(cmdline_arg_free);
            }
        }
    }
}

CmdLineResult cmdline_parse(CmdLine *cmd, int argc, char **argv, GError **error)
{
    const char *slash = strrchr(argv[0], '/');
    memset(cmd, 0, sizeof(*cmd));
    cmd->program = slash ? slash + 1 : argv[0];
    cmd->target = target_of(cmd->program);
    init_lists(cmd);
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (*arg != '-' || !arg[1]) {
            /* A lone file name is the first disk, as users expect. */
            opt_hda(cmd, arg, error);
            continue;
        }
        const Option *opt = find_option(arg);
        if (!opt) {
            const char *why = why_not(arg);
            g_autofree char *help = g_strdup_printf("try '%s -h'", cmd->program);
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                        "%s: invalid option (%s)", arg, why ? why : help);
            return CMDLINE_FAILED;
        }
        if (opt->kind == OPT_HELP) {
            cmdline_print_help(cmd);
            return CMDLINE_DONE;
        }
        if (opt->kind == OPT_VERSION) {
            printf("Ferry machine emulator version %s (interface of QEMU emulator version %s)\n",
                   ferry_version(), ferry_interface_version());
            return CMDLINE_DONE;
        }
        if (takes_argument(opt) && ++i == argc) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                        "%s: requires an argument: %s", arg, opt->args);
            return CMDLINE_FAILED;
        }
        if (!store(cmd, opt, argv[i], error)) {
            return CMDLINE_FAILED;
        }
    }
    if (cmd->half_net) {
        bad_option(error, "-net", cmd->half_net,
                   is_card(cmd->half_net) ? "a backend, too, for instance -net user"
                                          : "a card, too: -net nic");
        return CMDLINE_FAILED;
    }
    return CMDLINE_RUN;
}

void cmdline_clear(CmdLine *cmd)
{
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        char *at = (char *)cmd + options[i].offset;
        if (options[i].kind == OPT_LIST) {
            g_clear_pointer((GPtrArray **)at, g_ptr_array_unref);
        } else if (options[i].kind == OPT_STRING) {
            g_clear_pointer((char **)at, g_free);
        }
    }
    g_clear_pointer(&cmd->machine, g_free);
    g_clear_pointer(&cmd->half_net, g_free);
}
