/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices on a PC board and their wiring: global system interrupts, host bridge, LPC and what
 * hangs on its ISA bus, I/O APIC, timers.
 *
 * GSI n goes to 8259 input n (n < 16) and to I/O APIC input n, except that GSI 0 (the timer) is
 * I/O APIC input 2, as the interrupt source override in the MADT says.
 */
#include "hw/block/fdc.h"
#include "hw/char/i8042.h"
#include "hw/i386/cpu-device.h"
#include "hw/misc/isa-misc.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818rtc.h"
#include "target/x86/x86.h"
#include "pc-priv.h"
#include "vmport.h"

static void gsi_set(void *opaque, int n, int level)
{
    PcMachine *pc = opaque;

    if (n < ISA_NUM_IRQS && pc->pic_pair.master) {
        irq_set(pc->pic_pair.inputs[n], level);
    }
    if (pc->ioapic) {
        irq_set(device_gpio_in(pc->ioapic, NULL, n == 0 ? 2 : n), level);
    }
}

/* A board device of a type that this build may not have. */
static Device *new_device(PcMachine *pc, const char *type, GError **error)
{
    Vm *vm = device_vm(&pc->machine.dev);

    if (!type_find(vm->types, type)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "this build has no device '%s'; switch it off with the machine's properties",
                    type);
        return NULL;
    }
    return device_new(vm, type, error);
}

/* Realizes and hands the reference to the tree. */
bool pc_realize(Device *dev, Bus *bus, const char *name, GError **error)
{
    bool ok = device_realize(dev, bus, name, error);

    object_unref(&dev->obj);
    return ok;
}

bool pc_build_host(PcMachine *pc, const char *type, const char *path, GError **error)
{
    Device *dev = new_device(pc, type, error);
    PcHost *host = (PcHost *)dev;

    if (!dev) {
        return false;
    }
    host->ram = pc->machine.ram;
    host->ram_below_4g = pc->ram_below_4g;
    host->smram_view = &pc->smram_view;
    if (!pc_realize(dev, bus_root(device_vm(&pc->machine.dev)), path, error)) {
        return false;
    }
    pc->host = host;
    pc->pci_host = &host->host;
    pc->pci_mem = &host->pci_mem;
    return true;
}

static bool simple_isa(PcMachine *pc, const char *type, Device **out, GError **error)
{
    Device *dev = new_device(pc, type, error);

    if (!dev || !pc_realize(dev, &pc->isa->bus, NULL, error)) {
        return false;
    }
    if (out) {
        *out = dev;
    }
    return true;
}

/* A system management interrupt goes to the CPU that caused it unless firmware asked for all. */
static void raise_smi(void *opaque, bool everyone)
{
    PcMachine *pc = opaque;
    CpuState *current = cpu_current();

    if (current && !everyone) {
        cpu_interrupt(current, CPU_IRQ_SMI);
        return;
    }
    for (guint i = 0; i < pc->machine.cpus->len; i++) {
        Device *cpu = g_ptr_array_index(pc->machine.cpus, i);

        if (cpu && (everyone || i == 0)) {
            cpu_interrupt(&x86_cpu_device_cpu(cpu)->base, CPU_IRQ_SMI);
        }
    }
}

void pc_smm_build(PcMachine *pc)
{
    if (pc->smm == ONOFFAUTO_OFF) {
        return;
    }
    pc->pm->raise_smi = raise_smi;
    pc->pm->smi_opaque = pc;
    pc->pm->smm_enabled = true;
    for (guint i = 0; i < pc->machine.cpus->len; i++) {
        x86_cpu_device_set_smram(g_ptr_array_index(pc->machine.cpus, i), &pc->smram_view);
    }
}

void pc_connect_isa(PcMachine *pc, Device *bridge)
{
    Vm *vm = device_vm(&pc->machine.dev);

    for (int i = 0; i < PC_GSI_COUNT; i++) {
        irq_init(&pc->gsi_pins[i], gsi_set, pc, i);
        pc->gsi[i] = &pc->gsi_pins[i];
    }
    pc->isa = isa_bus_new(vm, bridge, pc->pci_mem, memory_io_region(vm), "isa.0");
    isa_bus_set_irqs(pc->isa, pc->gsi);
}

static bool build_interrupt_controllers(PcMachine *pc, GError **error)
{
    Vm *vm = device_vm(&pc->machine.dev);

    if (pc->pic != ONOFFAUTO_OFF) {
        if (!i8259_pair_new(pc->isa, apic_bus_pic_input(pc->apic_bus), &pc->pic_pair, error)) {
            return false;
        }
        apic_bus_set_pic(pc->apic_bus, i8259_ack, pc->pic_pair.master);
    }
    pc->ioapic = new_device(pc, "ioapic", error);
    if (pc->ioapic) { /* PCI devices that go after it still lower their lines */
        object_ref(&pc->ioapic->obj);
    }
    if (!pc->ioapic || !pc_realize(pc->ioapic, bus_root(vm), "/machine/q35/ioapic", error)) {
        return false;
    }
    memory_region_add(memory_system_region(vm), PC_IOAPIC_BASE, ioapic_region(pc->ioapic));
    apic_bus_add_eoi(pc->apic_bus, ioapic_eoi, pc->ioapic);
    return true;
}

/* ---- CMOS: what firmware (and some kernels) read ---- */
static void cmos16(PcMachine *pc, unsigned addr, unsigned value)
{
    mc146818rtc_set_cmos(pc->rtc, addr, value);
    mc146818rtc_set_cmos(pc->rtc, addr + 1, value >> 8);
}

void pc_cmos_memory(PcMachine *pc)
{
    uint64_t low = pc->ram_below_4g, high = pc->ram_above_4g / (64 * KiB);
    uint64_t ext_kb = low > MiB ? (low - MiB) / KiB : 0;
    uint64_t above16 = low > 16 * MiB ? (low - 16 * MiB) / (64 * KiB) : 0;

    cmos16(pc, 0x15, 640);
    cmos16(pc, 0x17, MIN(ext_kb, 65535u));
    cmos16(pc, 0x30, MIN(ext_kb, 65535u));
    cmos16(pc, 0x34, MIN(above16, 65535u));
    cmos16(pc, 0x5b, high);
    mc146818rtc_set_cmos(pc->rtc, 0x5d, high >> 16);
    mc146818rtc_set_cmos(pc->rtc, 0x5f, pc->machine.smp.cpus - 1);
}

static bool build_rtc(PcMachine *pc, GError **error)
{
    pc->rtc = new_device(pc, "mc146818rtc", error);
    if (!pc->rtc) {
        return false;
    }
    object_set_u64(&pc->rtc->obj, "base_year", 2000); /* a century byte that means what it says */
    return pc_realize(pc->rtc, &pc->isa->bus, NULL, error);
}

/* The HPET stands between the PIT, the RTC and their lines. */
static bool build_hpet(PcMachine *pc, GError **error)
{
    Vm *vm = device_vm(&pc->machine.dev);

    pc->hpet_dev = new_device(pc, "hpet", error);
    if (!pc->hpet_dev) {
        return false;
    }
    object_set_u64(&pc->hpet_dev->obj, "hpet-intcap", 0xff0104);
    if (!pc_realize(pc->hpet_dev, bus_root(vm), "/machine/q35/hpet", error)) {
        return false;
    }
    memory_region_add(memory_system_region(vm), HPET_BASE, hpet_region(pc->hpet_dev));
    for (int i = 0; i < PC_GSI_COUNT && i < HPET_NUM_IRQS; i++) {
        device_connect_out(pc->hpet_dev, NULL, i, pc->gsi[i]);
    }
    device_connect_out(pc->rtc, NULL, 0, device_gpio_in(pc->hpet_dev, NULL, HPET_IN_RTC));
    return true;
}

static bool build_pit(PcMachine *pc, GError **error)
{
    Device *speaker;

    if (!simple_isa(pc, "isa-pit", &pc->pit_dev, error)) {
        return false;
    }
    if (pc->hpet_dev) {
        device_connect_out(pc->pit_dev, NULL, 0, device_gpio_in(pc->hpet_dev, NULL, HPET_IN_PIT));
        device_connect_out(pc->hpet_dev, HPET_PIT_OUT, 0, device_gpio_in(pc->pit_dev, NULL, 0));
    }
    g_autofree char *path = object_path(&pc->pit_dev->obj);

    speaker = new_device(pc, "isa-pcspk", error);
    return speaker && object_set_str(&speaker->obj, "pit", path, error) &&
           pc_realize(speaker, &pc->isa->bus, NULL, error);
}

/* The keyboard controller and port 0x92 both drive A20; the one that was written last counts. */
static void a20_set(void *opaque, int n, int level)
{
    PcMachine *pc = opaque;

    for (guint i = 0; i < pc->machine.cpus->len; i++) {
        Device *cpu = g_ptr_array_index(pc->machine.cpus, i);

        if (cpu) {
            x86_set_a20(x86_cpu_device_cpu(cpu), level);
        }
    }
}

static bool build_keyboard(PcMachine *pc, GError **error)
{
    Device *kbd, *port92;

    irq_init(&pc->a20, a20_set, pc, 0);
    if (!simple_isa(pc, "i8042", &kbd, error) || !simple_isa(pc, "port92", &port92, error)) {
        return false;
    }
    device_connect_out(kbd, I8042_A20, 0, &pc->a20);
    device_connect_out(port92, I8042_A20, 0, &pc->a20);
    return true;
}

/* i440FX machines always have one, the others with a drive for it. */
static bool build_fdc(PcMachine *pc, GError **error)
{
    bool wanted = pc->chipset->has_fdc || fdc_has_drives(device_vm(&pc->machine.dev));

    return !wanted || simple_isa(pc, "isa-fdc", NULL, error);
}

/* The first ISA device of that type, NULL: none. */
static Device *find_isa(PcMachine *pc, const char *type)
{
    const GPtrArray *devices = pc->isa->bus.devices;

    for (guint i = 0; i < devices->len; i++) {
        Device *dev = g_ptr_array_index(devices, i);

        if (object_is_a(&dev->obj, type)) {
            return dev;
        }
    }
    return NULL;
}

void pc_cmos_floppies(PcMachine *pc)
{
    Device *fdc = find_isa(pc, "isa-fdc");

    if (fdc) {
        mc146818rtc_set_cmos(pc->rtc, 0x10, fdc_cmos_types(fdc));
    }
}

static bool build_vmport(PcMachine *pc, GError **error)
{
    return pc->vmport == ONOFFAUTO_OFF || vmport_build(pc->isa, find_isa(pc, "i8042"), error);
}

bool pc_devices_build(PcMachine *pc, GError **error)
{
    if (!pc->chipset->build(pc, error) || !build_interrupt_controllers(pc, error) ||
        !i8257_pair_new(pc->isa, error) || !build_rtc(pc, error)) {
        return false;
    }
    pc_hotplug_build(pc);
    pc_cmos_memory(pc);
    mc146818rtc_set_cmos(pc->rtc, 0x14, 0x06); /* FPU, PS/2 mouse */
    if (!pc->hpet && !pc->pit) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "a PC needs a timer: hpet=off and pit=off exclude each other");
        return false;
    }
    return (!pc->hpet || build_hpet(pc, error)) && (!pc->pit || build_pit(pc, error)) &&
           (!pc->i8042 || build_keyboard(pc, error)) && build_vmport(pc, error) &&
           build_fdc(pc, error) && pc->chipset->build_rest(pc, error);
}
