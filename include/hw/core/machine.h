/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machines (boards): what -machine names. A machine type is a Type whose ops is MachineOps; the
 * instance is vm->machine and lives at "/machine".
 *
 * Compat: each machine version has a list of driver.property=value; a machine applies its own list
 * and those of all newer versions. Precedence: type default < compat list < -global < -device.
 */
#pragma once
#include "hw/core/device.h"

typedef struct {
    const char *driver, *property, *value;
} CompatProp;

/* One version step of a board family; `props` is what makes a newer build behave like it. */
typedef struct {
    const CompatProp *const *lists; /* NULL-terminated array of {NULL}-terminated lists */
    const char *default_display;
} MachineCompat;

typedef struct {
    DeviceOps dev;            /* first: a machine is a Device; usually all zero */
    const char *machine_name; /* "pc-q35-ferry-1.0"; the type is that + "-machine" */
    const char *alias;        /* "q35" */
    const char *family;
    const char *description;
    const char *deprecated; /* reason; NULL: not deprecated */
    bool is_default;
    unsigned max_cpus;
    unsigned default_cpus;
    uint64_t default_ram_bytes;
    const char *default_ram_id;   /* "pc.ram" */
    const char *default_cpu_type; /* "qemu64-x86_64-cpu" */
    const char *cpu_type_suffix;  /* "-x86_64-cpu" */
    const char *target;           /* "x86_64": which program name offers it; NULL: every one */
    const char *default_nic;   /* device type of -nic without model= and of the default network */
    const char *serial_driver; /* device type of -serial: takes "chardev" and "index" */
    bool (*takes_serials)(const Machine *m); /* serial_driver for each -serial; NULL: yes */
    bool no_serial, no_parallel, no_floppy, no_cdrom;
    unsigned ide_units_per_bus; /* how -drive index= counts; 0: 2 */
    bool has_hotpluggable_cpus;
    bool boots_kernel; /* takes -kernel, -initrd, -append */
    bool takes_dtb;    /* takes -dtb */
    bool takes_numa;   /* takes -numa */
    bool numa_mem_supported;
    unsigned stream_version;            /* 3 or 4 */
    const CompatProp *const *compat;    /* NULL-terminated array of {NULL}-terminated lists */
    const char *const *valid_cpu_types; /* NULL: any of the target */
    /* Builds the board. All properties and CPU topology are set. */
    bool (*build)(Machine *m, GError **error);
    /* All -device devices exist: last fixes (tables, boot order, kernel load). */
    bool (*done)(Machine *m, GError **error);
    /* Before devices are reset / after (CPUs to their start state, loaders' images are back). */
    void (*reset)(Machine *m, ShutdownCause cause);
    void (*nmi)(Machine *m, int cpu_index, GError **error);
    /* Text for "info lapic" of a CPU and "info pic"; NULL: the board has none. */
    void (*describe_cpu_irqs)(Machine *m, unsigned cpu_index, GString *out);
    void (*describe_irqs)(Machine *m, GString *out);
    /* An ACPI table of the user's (-acpitable, its values as a{sv}); NULL: the board has no ACPI. */
    bool (*add_acpi_table)(Machine *m, GVariant *values, GError **error);
    /* What the user says of SMBIOS structures (-smbios); NULL: the board has none. */
    bool (*add_smbios)(Machine *m, GVariant *values, GError **error);
    /* A file for the guest's firmware (-fw_cfg), between build and done; NULL: the board has none. */
    bool (*add_fw_cfg)(Machine *m, const char *name, GBytes *bytes, GError **error);
    /* Devices that plug into the board itself (DeviceOps.on_board: CPUs, memory): one comes, and is
       given its place or refused; it is realized (and reset, when the VM runs); it is asked to go;
       it goes. NULL: the board takes none. */
    bool (*pre_plug)(Machine *m, Device *dev, GError **error);
    void (*plugged)(Machine *m, Device *dev);
    bool (*unplug_request)(Machine *m, Device *dev, GError **error);
    void (*unplugged)(Machine *m, Device *dev);
    /* Memory devices, and what the guest said of requests to plug and unplug; NULL: none. */
    void (*visit_memory)(Machine *m, void (*fn)(Device *dev, void *opaque), void *opaque);
    void (*visit_ost)(Machine *m,
                      void (*fn)(const char *slot_type, unsigned slot, Device *dev, uint32_t source,
                                 uint32_t status, void *opaque),
                      void *opaque);
    /* x86: the string for query-hotpluggable-cpus props; may be NULL */
    const char *hotplug_cpu_type;
} MachineOps;

typedef struct {
    unsigned cpus, max_cpus, sockets, dies, clusters, cores, threads;
    unsigned drawers, books, modules;
} CpuTopology;

typedef struct MachineNuma MachineNuma; /* hw/core/numa.h */

struct Machine {
    Device dev; /* first; a machine is a Device without a bus */
    CpuTopology smp;
    uint64_t ram_bytes, max_ram_bytes;
    unsigned ram_slots;
    MemoryRegion *ram;    /* the default RAM region, made before build(); NULL if ram_bytes 0 */
    char *memory_backend; /* id of a -object memory-backend-*; NULL: none */
    char *kernel_file, *initrd_file, *cmdline, *dtb_file, *firmware;
    bool firmware_optional; /* no CPU runs: the usual firmware may be missing */
    char *cpu_type;         /* full type name */
    GVariant *cpu_props;    /* a{ss} in order: features from -cpu MODEL,... ; NULL: none */
    MachineNuma *numa;      /* owned; NULL: one node that nobody is told of */
    GPtrArray *acpi_tables; /* GBytes, complete tables; NULL: none */
    char *boot_order, *boot_once;
    bool boot_menu, boot_strict;
    char *boot_splash;
    int32_t splash_time_ms, reboot_timeout_ms; /* -1: not given; never */
    bool dump_guest_core, mem_merge, usb, graphics, suppress_vmdesc, enable_defaults;
    OnOffAuto kernel_irqchip;
    GPtrArray *cpus; /* Device *, by cpu index, borrowed; NULL where one can be plugged */
    void *priv;
};

static inline const MachineOps *machine_ops(const Machine *m)
{
    return object_ops(&m->dev.obj);
}
static inline Machine *vm_machine(Vm *vm)
{
    return (Machine *)vm->machine;
}

/* Creates the instance at "/machine" (compat and -global lists are in force from here on). */
Machine *machine_new(Vm *vm, const char *machine_name, GError **error);
/* RAM, CPUs-topology checks, ops->build. */
bool machine_build(Machine *m, GError **error);
bool machine_finish(Machine *m, GError **error);
/* Find by name or alias, for @target; NULL if unknown. */
const Type *machine_find(const TypeRegistry *reg, const char *name, const char *target);
/* -smp values (0: not given) -> a full, consistent topology, or an error. */
bool machine_parse_smp(Machine *m, const CpuTopology *given, GError **error);

/* -global driver.property=value; kept in order, applied at device_new. */
bool machine_add_global(Vm *vm, const char *driver, const char *property, const char *value,
                        GError **error);
/* Applies compat lists, then globals, for the type of @obj and its ancestors. */
bool machine_apply_defaults(Vm *vm, Object *obj, GError **error);
void machine_reset(Vm *vm, ShutdownCause cause);
