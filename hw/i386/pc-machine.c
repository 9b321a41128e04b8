/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all PC machines share: properties, memory, order of building.
 *
 * RAM: below 4 GiB up to a limit of the machine type, the rest from 4 GiB on; both are aliases of
 * the one block "pc.ram".
 */
#include "hw/core/compat.h"
#include "hw/i386/cpu-device.h"
#include "hw/i386/pc.h"
#include "acpi-user.h"
#include "pc-priv.h"

uint64_t pc_hole64_base(const PcMachine *pc)
{
    uint64_t top = pc_devmem_end(pc);

    return (top + GiB - 1) & ~(GiB - 1);
}

uint64_t pc_hole64_limit(const PcMachine *pc)
{
    return pc_hole64_base(pc) + 32 * GiB - 1;
}

/* ---- memory ---- */
static bool split_ram(PcMachine *pc, uint64_t low, GError **error)
{
    uint64_t ram = pc->machine.ram_bytes;

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
                    "a PC needs at least 1 MiB of memory, not %" G_GUINT64_FORMAT " bytes", ram);
        return false;
    }
    pc->ram_below_4g = MIN(ram, low);
    pc->ram_above_4g = ram - pc->ram_below_4g;
    return true;
}

bool pc_memory_build(PcMachine *pc, uint64_t low_limit, GError **error)
{
    Vm *vm = device_vm(&pc->machine.dev);
    Object *owner = &pc->machine.dev.obj;

    if (!split_ram(pc, low_limit, error)) {
        return false;
    }
    if (!pc_devmem_build(pc, error)) {
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

bool pc_build(PcMachine *pc, const PcChipset *chipset, uint64_t low_limit, GError **error)
{
    Vm *vm = device_vm(&pc->machine.dev);

    pc->chipset = chipset;
    pc->default_bios = "bios-256k.bin";
    if (!pc_memory_build(pc, low_limit, error)) {
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

bool pc_done(Machine *m, GError **error)
{
    pc_cmos_floppies((PcMachine *)m);
    return pc_boot_prepare((PcMachine *)m, error);
}

void pc_reset(Machine *m, ShutdownCause cause)
{
    pc_boot_reset((PcMachine *)m);
}

/* The NMI button is LINT1 of every CPU, whichever one was asked for. */
void pc_nmi(Machine *m, int cpu_index, GError **error)
{
    irq_pulse(apic_bus_nmi_input(((PcMachine *)m)->apic_bus));
}

void pc_describe_lapic(Machine *m, unsigned cpu_index, GString *out)
{
    Device *cpu = g_ptr_array_index(m->cpus, cpu_index);

    if (cpu) {
        x86_cpu_device_describe_apic(cpu, out);
    }
}

void pc_describe_pic(Machine *m, GString *out)
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

bool pc_add_acpi_table(Machine *m, GVariant *values, GError **error)
{
    GBytes *table;

    if (((PcMachine *)m)->acpi == ONOFFAUTO_OFF) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "the machine has acpi=off");
        return false;
    }
    table = acpi_user_table(values, error);
    if (!table) {
        return false;
    }
    if (!m->acpi_tables) {
        m->acpi_tables = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    }
    g_ptr_array_add(m->acpi_tables, table);
    return true;
}

bool pc_add_smbios(Machine *m, GVariant *values, GError **error)
{
    PcMachine *pc = (PcMachine *)m;

    if (!pc->smbios) {
        pc->smbios = smbios_options_new();
    }
    return smbios_options_add(pc->smbios, values, error);
}

bool pc_add_fw_cfg(Machine *m, const char *name, GBytes *bytes, GError **error)
{
    return fw_cfg_add_file(((PcMachine *)m)->fw_cfg, name, bytes, error);
}

void pc_machine_finalize(Object *obj)
{
    PcMachine *pc = (PcMachine *)obj;

    g_clear_pointer(&pc->roms, rom_store_free);
    g_clear_pointer(&pc->tpr_opt, g_free);
    g_clear_pointer(&pc->smbios, smbios_options_free);
    if (pc->ioapic) {
        object_unref(&pc->ioapic->obj);
    }
    g_clear_pointer(&pc->apic_bus, apic_bus_free);
    acpi_files_clear(&pc->acpi_files);
    if (pc->fpu_io.vm) {
        memory_region_clear(&pc->fpu_io);
    }
    nvdimm_board_clear(&pc->nvdimms);
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

static const char *const persistence_choices[] = { "", "cpu", "mem-ctrl", NULL };

/* What the PC machines of ferry-1.0 have and their predecessors had not. */
static const CompatProp since_ferry_1_0[] = {
    { "x86_64-cpu", "x-migrate-smi-count", "off" },
    { NULL },
};
const CompatProp *const pc_ferry_0_9_compat[] = { since_ferry_1_0, hw_since_ferry_1_0, NULL };

const Property pc_machine_props[] = {
    PROP(PROP_BOOL, PcMachine, hpet, "hpet", "on", .description = "High precision event timer"),
    PROP(PROP_BOOL, PcMachine, pit, "pit", "on", .description = "Enable i8254 PIT"),
    PROP(PROP_ONOFFAUTO, PcMachine, pic, "pic", "auto", .description = "Enable i8259 PIC"),
    PROP(PROP_BOOL, PcMachine, i8042, "i8042", "on",
         .description = "Enable/disable Intel 8042 PS/2 Controller emulation"),
    PROP(PROP_ONOFFAUTO, PcMachine, smm, "smm", "auto", .description = "Enable SMM"),
    PROP(PROP_ONOFFAUTO, PcMachine, vmport, "vmport", "auto", .description = "Enable vmport"),
    PROP(PROP_ONOFFAUTO, PcMachine, acpi, "acpi", "auto", .description = "Enable ACPI"),
    PROP(PROP_BOOL, PcMachine, nvdimm, "nvdimm", "off",
         .description = "Set on/off to enable/disable NVDIMM instantiation"),
    PROP(PROP_ENUM, PcMachine, nvdimm_persistence, "nvdimm-persistence", NULL,
         .choices = persistence_choices,
         .description = "Set NVDIMM persistence. Valid values are cpu, mem-ctrl"),
    PROP(PROP_SIZE, PcMachine, max_ram_below_4g, "max-ram-below-4g", "0",
         .description = "Maximum ram below the 4G boundary (32bit boundary)"),
    PROP(PROP_STR, PcMachine, oem_id, "x-oem-id", "BOCHS ",
         .description = "Override the default value of field OEMID in ACPI table header"),
    PROP(PROP_STR, PcMachine, oem_table_id, "x-oem-table-id", "BXPC    ",
         .description = "Override the default value of field OEM Table ID in ACPI table header"),
    PROP(PROP_STR, PcMachine, pflash[0], "pflash0", NULL,
         .description = "Node name or ID of virtual block device"),
    PROP(PROP_STR, PcMachine, pflash[1], "pflash1", NULL,
         .description = "Node name or ID of virtual block device"),
    PROP(PROP_ENUM, PcMachine, kernel_irqchip, "kernel-irqchip", "off", .choices = irqchip_choices,
         .description = "Accepted and without effect: no part of the host's kernel is used"),
    PROP_END,
};

const TypeInfo pc_machine_types[] = {
    { .name = "pc-machine-base",
      .parent = "machine",
      .abstract = true,
      .instance_size = sizeof(PcMachine),
      .props = pc_machine_props,
      .finalize = pc_machine_finalize },
};
const size_t pc_machine_types_count = G_N_ELEMENTS(pc_machine_types);
