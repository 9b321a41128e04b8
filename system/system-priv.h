/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The composition root's own: what the command line said (CmdLine), and the running program
 * (System). Only files of system/ include this.
 */
#pragma once
#include "base/core/vm.h"
#include "base/io/fdset.h"
#include "base/memory/backend.h"
#include "hw/core/machine.h"
#include "system/qmp/qmp.h"

#define FERRY_SYSTEM_ERROR (ferry_system_error_quark())
GQuark ferry_system_error_quark(void);
typedef enum {
    FERRY_SYSTEM_ERROR_OPTION, /* unknown or malformed option */
    FERRY_SYSTEM_ERROR_HOST,   /* the host refused (fork, pidfile, seccomp) */
    FERRY_SYSTEM_ERROR_CONFIG, /* options that do not fit together */
} FerrySystemError;

/* One option of the command line that is applied later, in order. */
typedef struct {
    const char *option; /* "-device", for messages */
    char *text;
} Arg;

typedef struct {
    const char *program; /* argv[0]'s base name */
    const char *target;  /* "x86_64" */
    /* Lists of Arg, in the order given. */
    char *half_net; /* of a -net whose other half has not come yet */
    GPtrArray *objects, *devices, *globals, *drives, *blockdevs, *netdevs, *nics, *chardevs;
    GPtrArray *monitors; /* -mon, -qmp, -qmp-pretty, -monitor */
    GPtrArray *vncs, *usb_devices;
    GPtrArray *serials, *fds, *machine_props, *accels, *traces, *fw_cfgs, *option_roms, *data_dirs,
        *acpi_tables;
    GPtrArray *numas, *smbios;
    char *machine, *cpu, *memory, *smp;
    char *kernel, *initrd, *append, *dtb, *bios;
    char *boot, *name, *uuid, *rtc, *incoming, *pidfile, *sandbox;
    char *log_items, *log_file, *log_filter, *qtest, *qtest_log, *display, *vga, *icount, *gdb;
    char *dump_vmstate, *dump_manifest, *migrate_check;
    bool nographic, nodefaults, snapshot, no_user_config, stopped, no_reboot, no_shutdown,
        daemonize;
    bool perfmap, jitdump, usb;
    bool msg_timestamp, debug_threads, once_gdb;
    VmActions actions;
} CmdLine;

typedef enum {
    CMDLINE_RUN,
    CMDLINE_DONE,
    CMDLINE_FAILED
} CmdLineResult;

/* cmdline.c: fills @cmd from argv. DONE: help or version was printed. */
CmdLineResult cmdline_parse(CmdLine *cmd, int argc, char **argv, GError **error);
void cmdline_clear(CmdLine *cmd);
void cmdline_arg_free(gpointer arg);
void cmdline_print_help(const CmdLine *cmd);

/* help.c: the "help" values; true if @cmd asked for one and it was printed. */
bool help_requested(const CmdLine *cmd, Vm *vm, bool *handled, GError **error);

typedef struct System {
    Vm *vm;
    CmdLine *cmd;
    FdSets *fdsets;
    struct ExecEngine *engine;
    struct QtestServer *qtest;
    struct GdbServer *gdb;
    GPtrArray *vncs; /* VncServer *, owned */
    guint signal_sources[3];
    QmpHost qmp;           /* what the monitors' handlers need */
    GPtrArray *serial_ids; /* Arg: chardev of serial port N, "" for none */
    bool accel_qtest;
    struct {
        bool one_insn, jit, single_thread;
        unsigned tb_mib;   /* 0: the engine's default */
        bool multi_thread; /* said so */
        bool icount, icount_sleep, icount_align, icount_adapt;
        unsigned icount_shift;
    } exec; /* from -accel and -icount */
} System;

/* types.c: every type of every room. */
TypeRegistry *system_types_new(void);

/* start.c: from a parsed command line to a VM that could run; and back. VM lock held. */
bool system_build(System *sys, GError **error);
void system_teardown(System *sys);
/* -dump-vmstate: the records of every section, as JSON. */
bool system_dump_vmstate(System *sys, GError **error);

/* manifest-file.c: -dump-manifest, and -migrate-check: exit status 0 it fits, 1 it does not, 2 + error. */
bool system_dump_manifest(System *sys, GError **error);
int system_migrate_check(const char *spec, GError **error);

/* options.c: options that become machine state. VM lock held. */
bool options_apply_machine(System *sys, GError **error);
/* rtc-option.c: -rtc; before the board is built. */
bool options_apply_rtc(System *sys, GError **error);
bool options_apply_devices(System *sys, GError **error);
/* -fw_cfg; after the board is built. */
bool options_apply_numa(System *sys, Machine *m, GError **error);
bool options_apply_fw_cfgs(System *sys, GError **error);
/* backends.c: host sides, and the default devices that connect to them. */
bool options_apply_drives(System *sys, GError **error);
bool options_apply_net(System *sys, GError **error);
bool options_apply_chardevs(System *sys, GError **error);
bool options_attach_serials(System *sys, GError **error);
bool options_attach_drives(System *sys, GError **error);
bool options_attach_nics(System *sys, GError **error);

/* ui.c: -vga (the board's default card, before other devices), -display and -vnc (after all). */
bool options_apply_vga(System *sys, GError **error);
bool options_apply_displays(System *sys, GError **error);

/* usb.c: -usb, -machine usb=on, -usbdevice; after drives, before other devices. */
bool options_apply_usb(System *sys, GError **error);

/* gdb.c: -gdb, and gdbserver of the human monitor; "none" ends the server. After the board is
   built. */
bool gdb_start(System *sys, const char *spec, GError **error);

/* objects.c: -object and object-add. */
bool objects_add(Vm *vm, GVariant *props, GError **error);
bool objects_del(Vm *vm, const char *id, GError **error);

/* process.c: the process itself. */
bool process_daemonize_begin(int *notify_fd, GError **error);
/* Tells the waiting parent that all is well; the standard streams go to /dev/null. */
void process_daemonize_done(int notify_fd);
bool process_write_pidfile(const char *path, GError **error);
bool process_sandbox(const char *spec, GError **error);
