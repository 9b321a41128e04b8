/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The q35 machines: properties, memory map, order of building.
 *
 * RAM: below 4 GiB up to b0000000 (80000000 when there is more than that), the rest from 4 GiB on;
 * both are aliases of the one block "pc.ram".
 */
#include "hw/i386/cpu-device.h"
#include "hw/i386/pc.h"
#include "pc-priv.h"

uint64_t pc_hole64_base(const PcMachine *pc)
{
    uint64_t top = 4 * GiB + pc->ram_above_4g;

    return (top + GiB - 1) & ~(GiB - 1);
}

uint64_t pc_hole64_limit(const PcMachine *pc)
{
    return pc_hole64_base(pc) + 32 * GiB - 1;
}

/* ---- memory ---- */
static bool split_ram(PcMachine *pc, GError **error)
{
    uint64_t ram = pc->machine.ram_bytes, low = ram >= Q35_ECAM_BASE ? 2 * GiB : Q35_ECAM_BASE;

    if (pc->max_ram_below_4g) {
        if (pc->max_ram_below_4g < 1 * MiB || pc->max_ram_below_4g > Q35_ECAM_BASE) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "max-ram-below-4g=0x%" G_GINT64_MODIFIER "x is not possible (0x100000 to "
                        "0x%" G_GINT64_MODIFIER "x)",
                        pc->max_ram_below_4g, (guint64)Q35_ECAM_BASE);
            return false;
        }
        low = MIN(low, pc->max_ram_below_4g);
    }
    if (ram < 1 * MiB) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "q35 needs at least 1 MiB of memory, not %" G_GUINT64_FORMAT " bytes", ram);
        return false;
    }
    pc->ram_below_4g = MIN(ram, low);
    pc->ram_above_4g = ram - pc->ram_below_4g;
    return true;
}

bool pc_memory_build(PcMachine *pc, GError **error)
{
    Vm *vm = device_vm(&pc->machine.dev);
    Object *owner = &pc->machine.dev.obj;

    if (!split_ram(pc, error)) {
        return false;
    }
    memory_region_init(&pc->smram_view, vm, owner, "smram", SMRAM_VIEW_SIZE);
    memory_region_init_alias(&pc->low_ram, vm, owner, "ram-below-4g", pc->machine.ram, 0,
                             pc->ram_below_4g);
    memory_region_add(memory_system_region(vm), 0, &pc->low_ram);
    if (pc->ram_above_4g) {
        memory_region_init_alias(&pc->high_ram, vm, owner, "ram-above-4g", pc->machine.ram,
                                 pc->ram_below_4g, pc->ram_above_4g);
        memory_region_add(memory_system_region(vm), 4 * GiB, &pc->high_ram);
        pc->has_high_ram = true;
    }
    return true;
}

/* ---- properties that this build cannot honour ---- */
static bool properties_possible(const PcMachine *pc, GError **error)
{
    const struct {
        const char *name;
        bool bad;
    } rows[] = {
        { "usb=on", pc->machine.usb },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].bad) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "machine property %s is not available in this build", rows[i].name);
            return false;
        }
    }
    return true;
}

static bool q35_build(Machine *m, GError **error)
{
    PcMachine *pc = (PcMachine *)m;
    Vm *vm = device_vm(&m->dev);

    if (!properties_possible(pc, error) || !pc_memory_build(pc, error)) {
        return false;
    }
    pc->roms = rom_store_new(address_space_memory(vm));
    pc->apic_bus = apic_bus_new(vm);
    tpr_opt_build(pc);
    if (!pc_cpus_build(pc, error) || !pc_fw_cfg_build(pc, error) || !pc_devices_build(pc, error)) {
        return false;
    }
    pc_fpu_build(pc);
    return pc_firmware_build(pc, error);
}

static bool q35_done(Machine *m, GError **error)
{
    return pc_boot_prepare((PcMachine *)m, error);
}

static void q35_reset(Machine *m, ShutdownCause cause)
{
    pc_boot_reset((PcMachine *)m);
}

/* The NMI button is LINT1 of every CPU, whichever one was asked for. */
static void q35_nmi(Machine *m, int cpu_index, GError **error)
{
    irq_pulse(apic_bus_nmi_input(((PcMachine *)m)->apic_bus));
}

static void q35_describe_lapic(Machine *m, unsigned cpu_index, GString *out)
{
    x86_cpu_device_describe_apic(g_ptr_array_index(m->cpus, cpu_index), out);
}

static void q35_describe_pic(Machine *m, GString *out)
{
    PcMachine *pc = (PcMachine *)m;

    if (pc->ioapic) {
        ioapic_describe(pc->ioapic, out);
    }
    if (pc->pic_pair.master) {
        i8259_describe(pc->pic_pair.slave, out);
        i8259_describe(pc->pic_pair.master, out);
    }
}

static bool q35_add_fw_cfg(Machine *m, const char *name, GBytes *bytes, GError **error)
{
    return fw_cfg_add_file(((PcMachine *)m)->fw_cfg, name, bytes, error);
}

static void q35_finalize(Object *obj)
{
    PcMachine *pc = (PcMachine *)obj;

    g_clear_pointer(&pc->roms, rom_store_free);
    g_clear_pointer(&pc->tpr_opt, g_free);
    if (pc->ioapic) {
        object_unref(&pc->ioapic->obj);
    }
    g_clear_pointer(&pc->apic_bus, apic_bus_free);
    for (int i = 0; i < 3; i++) {
        g_clear_pointer(&pc->acpi_blocks[i], ram_block_free);
    }
    if (pc->fpu_io.vm) {
        memory_region_clear(&pc->fpu_io);
    }
    pc_firmware_clear(pc);
    if (pc->smram_view.vm) {
        memory_region_clear(&pc->smram_view);
    }
    if (pc->has_high_ram) {
        memory_region_clear(&pc->high_ram);
    }
    if (pc->ram_below_4g) {
        memory_region_clear(&pc->low_ram);
    }
}

static const char *const irqchip_choices[] = { "off", "on", "split", NULL };

static const Property q35_props[] = {
    PROP(PROP_BOOL, PcMachine, hpet, "hpet", "on", .description = "High precision event timer"),
    PROP(PROP_BOOL, PcMachine, pit, "pit", "on", .description = "Enable i8254 PIT"),
    PROP(PROP_ONOFFAUTO, PcMachine, pic, "pic", "auto", .description = "Enable i8259 PIC"),
    PROP(PROP_BOOL, PcMachine, i8042, "i8042", "on",
         .description = "Enable/disable Intel 8042 PS/2 Controller emulation"),
    PROP(PROP_BOOL, PcMachine, smbus, "smbus", "on",
         .description = "Enable/disable system management bus"),
    PROP(PROP_BOOL, PcMachine, sata, "sata", "on", .description = "Enable/disable Serial ATA bus"),
    PROP(PROP_ONOFFAUTO, PcMachine, smm, "smm", "auto", .description = "Enable SMM"),
    PROP(PROP_ONOFFAUTO, PcMachine, vmport, "vmport", "auto", .description = "Enable vmport"),
    PROP(PROP_ONOFFAUTO, PcMachine, acpi, "acpi", "auto", .description = "Enable ACPI"),
    PROP(PROP_SIZE, PcMachine, max_ram_below_4g, "max-ram-below-4g", "0",
         .description = "Maximum ram below the 4G boundary (32bit boundary)"),
    PROP(PROP_STR, PcMachine, oem_id, "x-oem-id", "BOCHS ",
         .description = "Override the default value of field OEMID in ACPI table header"),
    PROP(PROP_STR, PcMachine, oem_table_id, "x-oem-table-id", "BXPC    ",
         .description = "Override the default value of field OEM Table ID in ACPI table header"),
    PROP(PROP_ENUM, PcMachine, kernel_irqchip, "kernel-irqchip", "off", .choices = irqchip_choices,
         .description = "Accepted and without effect: no part of the host's kernel is used"),
    PROP_END,
};

#define Q35_OPS                                                                                    \
    .family = "pc_q35", .boots_kernel = true, .max_cpus = PC_MAX_CPUS, .default_cpus = 1,          \
    .default_ram_bytes = 128 * MiB, .default_ram_id = "pc.ram",                                    \
    .default_cpu_type = "qemu64-x86_64-cpu", .cpu_type_suffix = "-x86_64-cpu", .target = "x86_64", \
    .ide_units_per_bus = 1, .serial_driver = "isa-serial", .default_nic = "virtio-net-pci",        \
    .has_hotpluggable_cpus = true, .hotplug_cpu_type = "x86_64-cpu", .build = q35_build,           \
    .done = q35_done, .reset = q35_reset, .nmi = q35_nmi, .add_fw_cfg = q35_add_fw_cfg,            \
    .describe_irqs = q35_describe_pic, .describe_cpu_irqs = q35_describe_lapic

/* What pc-q35-ferry-1.0 has and its predecessor had not. */
static const CompatProp since_ferry_1_0[] = {
    { "x86_64-cpu", "x-migrate-smi-count", "off" },
    { NULL },
};
static const CompatProp *const no_compat[] = { NULL };
static const CompatProp *const ferry_0_9_compat[] = { since_ferry_1_0, NULL };

static const MachineOps q35_ferry_1_0_ops = {
    Q35_OPS,
    .machine_name = "pc-q35-ferry-1.0",
    .is_default = true,
    .alias = "q35",
    .description = "Standard PC (Q35 + ICH9, 2009)",
    .stream_version = 4,
    .compat = no_compat,
};
static const MachineOps q35_10_0_ops = {
    Q35_OPS,
    .machine_name = "pc-q35-10.0",
    .description = "Standard PC (Q35 + ICH9, 2009)",
    .stream_version = 3,
    .compat = no_compat,
};

/* Never released: keeps the way of an older machine type walked, so that it is there when it is needed. */
static const MachineOps q35_ferry_0_9_ops = {
    Q35_OPS,
    .machine_name = "pc-q35-ferry-0.9",
    .description = "Standard PC (Q35 + ICH9, 2009), for tests of compatibility",
    .deprecated = "it exists for tests only",
    .stream_version = 4,
    .compat = ferry_0_9_compat,
};

const TypeInfo q35_machine_types[] = {
    { .name = "q35-machine-base",
      .parent = "machine",
      .abstract = true,
      .instance_size = sizeof(PcMachine),
      .props = q35_props,
      .finalize = q35_finalize },
    { .name = "pc-q35-ferry-1.0-machine", .parent = "q35-machine-base", .ops = &q35_ferry_1_0_ops },
    { .name = "pc-q35-ferry-0.9-machine", .parent = "q35-machine-base", .ops = &q35_ferry_0_9_ops },
    { .name = "pc-q35-10.0-machine", .parent = "q35-machine-base", .ops = &q35_10_0_ops },
};
const size_t q35_machine_types_count = G_N_ELEMENTS(q35_machine_types);
