/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * microvm: a board with little but virtio transports of memory-mapped registers, for guests that start
 * fast and are told by tables (acpi=on) or on the kernel's command line (acpi=off) what is there.
 *
 * A kernel is started directly, whatever firmware is installed, unless -bios names one. Without a kernel the
 * firmware is SeaBIOS's image for this board, or qboot where option ROMs or ACPI are off.
 *
 *   c0000000 PCI memory (pcie=on)   e0000000 ECAM (pcie=on)   fea00000 event device (acpi=on)
 *   feb00000 transports, 200 each   fec00000 I/O APIC         fec10000 second I/O APIC (ioapic2=on)
 */
#include "acpi-ged.h"
#include "hw/i386/cpu-device.h"
#include "hw/core/compat.h"
#include "hw/i386/pc.h"
#include "microvm.h"

#define LOW_LIMIT   0xc0000000ull
#define RSDP_ADDR   0xf0000
#define RSDP_ROOM   64
#define LOW_RAM_TOP 0x9fc00
#define TABLES_ROOM (64 * KiB)
#define TABLES_STEP 0x1000

static bool has_acpi(const Microvm *mv)
{
    return mv->pc.acpi != ONOFFAUTO_OFF;
}

/* ---- interrupts ---- */
/* GSI n: 8259 input n (n < 16) and I/O APIC input n, but GSI 0 is input 2; then the second I/O APIC. */
static void gsi_set(void *opaque, int n, int level)
{
    Microvm *mv = opaque;
    PcMachine *pc = &mv->pc;

    if (n < ISA_NUM_IRQS && pc->pic_pair.master) {
        irq_set(pc->pic_pair.inputs[n], level);
    }
    if (n < IOAPIC_NUM_PINS) {
        irq_set(device_gpio_in(pc->ioapic, NULL, n == 0 ? 2 : n), level);
    } else if (mv->ioapic2_dev) {
        irq_set(device_gpio_in(mv->ioapic2_dev, NULL, n - IOAPIC_NUM_PINS), level);
    }
}

static Device *make_ioapic(Microvm *mv, uint64_t addr, GError **error)
{
    Vm *vm = device_vm(&mv->pc.machine.dev);
    Device *dev = device_new(vm, "ioapic", error);

    if (!dev) {
        return NULL;
    }
    if (!device_realize(dev, bus_root(vm), NULL, error)) {
        object_unref(&dev->obj);
        return NULL;
    }
    memory_region_add(memory_system_region(vm), addr, ioapic_region(dev));
    apic_bus_add_eoi(mv->pc.apic_bus, ioapic_eoi, dev);
    return dev; /* the reference stays: others lower their lines after it has gone */
}

static bool build_interrupts(Microvm *mv, GError **error)
{
    PcMachine *pc = &mv->pc;
    Vm *vm = device_vm(&pc->machine.dev);
    Device *bridge;

    for (int i = 0; i < MICROVM_GSIS; i++) {
        irq_init(&mv->pins[i], gsi_set, mv, i);
        mv->gsi[i] = &mv->pins[i];
    }
    pc->ioapic = make_ioapic(mv, IOAPIC_DEFAULT_BASE, error);
    if (!pc->ioapic) {
        return false;
    }
    if (mv->ioapic2 == ONOFFAUTO_ON || (mv->ioapic2 == ONOFFAUTO_AUTO && has_acpi(mv))) {
        mv->ioapic2_dev = make_ioapic(mv, MICROVM_IOAPIC2, error);
        if (!mv->ioapic2_dev) {
            return false;
        }
    }
    bridge = device_new(vm, "isabus-bridge", error);
    if (!bridge || !pc_realize(bridge, bus_root(vm), NULL, error)) {
        return false;
    }
    pc->isa = isa_bus_new(vm, bridge, memory_system_region(vm), memory_io_region(vm), "isa.0");
    isa_bus_set_irqs(pc->isa, mv->gsi);
    if (pc->pic == ONOFFAUTO_OFF) {
        return true;
    }
    if (!i8259_pair_new(pc->isa, apic_bus_pic_input(pc->apic_bus), &pc->pic_pair, error)) {
        return false;
    }
    apic_bus_set_pic(pc->apic_bus, i8259_ack, pc->pic_pair.master);
    return true;
}

/* ---- devices ---- */
static bool isa_device(Microvm *mv, const char *type, Device **out, GError **error)
{
    *out = device_new(device_vm(&mv->pc.machine.dev), type, error);
    return *out && pc_realize(*out, &mv->pc.isa->bus, NULL, error);
}

static bool build_transports(Microvm *mv, GError **error)
{
    mv->n_transports = mv->ioapic2_dev ? MICROVM_TRANSPORTS : 8;
    mv->first_gsi = mv->ioapic2_dev ? IOAPIC_NUM_PINS : has_acpi(mv) ? 16 : 5;
    for (unsigned n = mv->n_transports; n-- > 0;) { /* the last one is found first */
        mv->transports[n] = virtio_mmio_create(device_vm(&mv->pc.machine.dev), n,
                                               MICROVM_MMIO_BASE + n * VIRTIO_MMIO_BYTES,
                                               mv->gsi[mv->first_gsi + n], error);
        if (!mv->transports[n]) {
            return false;
        }
    }
    return true;
}

static bool build_pci(Microvm *mv, GError **error)
{
    static const PciGenericWindows windows = {
        .ecam_base = MICROVM_ECAM_BASE,
        .ecam_size = MICROVM_ECAM_SIZE,
        .mem_base = MICROVM_PCI_BASE,
        .mem_size = MICROVM_PCI_SIZE,
    };

    if (mv->pcie != ONOFFAUTO_ON) {
        return true;
    }
    if (!has_acpi(mv)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "pcie=on needs acpi=on: its tables are where a guest finds the bus");
        return false;
    }
    mv->pci_gsi = mv->ioapic2_dev ? 16 : 12;
    mv->pc.pci_host = pci_generic_host_create(device_vm(&mv->pc.machine.dev), &windows,
                                              mv->gsi + mv->pci_gsi, error);
    return mv->pc.pci_host != NULL;
}

static bool build_devices(Microvm *mv, GError **error)
{
    Vm *vm = device_vm(&mv->pc.machine.dev);

    if (mv->pit != ONOFFAUTO_OFF && !isa_device(mv, "isa-pit", &mv->pc.pit_dev, error)) {
        return false;
    }
    if (mv->rtc != ONOFFAUTO_OFF) {
        if (!isa_device(mv, "mc146818rtc", &mv->pc.rtc, error)) {
            return false;
        }
        pc_cmos_memory(&mv->pc);
    }
    return build_transports(mv, error) &&
           (!has_acpi(mv) ||
            acpi_ged_create(vm, MICROVM_GED_BASE, mv->gsi[MICROVM_GED_IRQ], error)) &&
           build_pci(mv, error);
}

/* ---- refusals ---- */
static bool supported(const Microvm *mv, GError **error)
{
    const Machine *m = &mv->pc.machine;
    const char *what = m->max_ram_bytes > m->ram_bytes ? "maxmem= (there is no memory hotplug)"
                       : m->smp.max_cpus > m->smp.cpus ? "maxcpus= (there is no CPU hotplug)"
                       : m->usb                        ? "usb=on (with pcie=on there is qemu-xhci)"
                                                       : NULL;

    if (what) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "microvm does not have %s", what);
    }
    return !what;
}

static const PcChipset microvm_chipset = { .hole_base = LOW_LIMIT };

static bool microvm_build(Machine *m, GError **error)
{
    Microvm *mv = (Microvm *)m;
    PcMachine *pc = &mv->pc;
    Vm *vm = device_vm(&m->dev);

    pc->chipset = &microvm_chipset;
    pc->default_bios = has_acpi(mv) && mv->option_roms ? "bios-microvm.bin" : "qboot.rom";
    pc->pci_mem = memory_system_region(vm);
    if (!supported(mv, error) || !pc_memory_build(pc, LOW_LIMIT, error)) {
        return false;
    }
    pc->roms = rom_store_new(address_space_memory(vm));
    pc->apic_bus = apic_bus_new(vm);
    tpr_opt_build(pc);
    return pc_cpus_build(pc, error) && pc_fw_cfg_build(pc, error) && build_interrupts(mv, error) &&
           build_devices(mv, error) && pc_firmware_build(pc, error);
}

/* ---- boot ---- */
/* "virtio_mmio.device=512@0xfeb00e00:12" for each that is there. */
static void tell_on_cmdline(Microvm *mv)
{
    Machine *m = &mv->pc.machine;
    g_autoptr(GString) line = g_string_new(m->cmdline);

    for (unsigned n = 0; n < mv->n_transports; n++) {
        if (virtio_mmio_occupied(mv->transports[n])) {
            g_string_append_printf(line, " virtio_mmio.device=%d@0x%x:%u", VIRTIO_MMIO_BYTES,
                                   (unsigned)MICROVM_MMIO_BASE + n * VIRTIO_MMIO_BYTES,
                                   mv->first_gsi + n);
        }
    }
    g_free(m->cmdline);
    m->cmdline = g_strdup(line->str);
}

/* Where old kernels look for it, unless firmware is seen there; the others are told. */
static uint64_t rsdp_addr(const Microvm *mv, uint64_t tables)
{
    return pc_has_firmware(&mv->pc) ? tables + TABLES_ROOM - RSDP_ROOM : RSDP_ADDR;
}

static bool place_tables(Microvm *mv, AcpiBlobs *blobs, uint64_t at, GError **error)
{
    g_autoptr(GBytes) t = NULL, r = NULL;

    if (blobs->tables->len > TABLES_ROOM - RSDP_ROOM) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "ACPI tables of %u bytes are too long (limit %u)", blobs->tables->len,
                    (unsigned)(TABLES_ROOM - RSDP_ROOM));
        return false;
    }
    acpi_blobs_place(blobs, at, rsdp_addr(mv, at), 0);
    t = g_bytes_new(blobs->tables->data, blobs->tables->len);
    r = g_bytes_new(blobs->rsdp->data, blobs->rsdp->len);
    return rom_store_add(mv->pc.roms, "ACPI tables", at, t, error) &&
           rom_store_add(mv->pc.roms, "ACPI RSDP", rsdp_addr(mv, at), r, error);
}

static bool prepare_kernel(Microvm *mv, AcpiBlobs *blobs, GError **error)
{
    PcMachine *pc = &mv->pc;
    Machine *m = &pc->machine;
    uint64_t end = pc->ram_below_4g & ~0xfffull, tables = blobs->tables ? end - TABLES_ROOM : end;
    const E820Entry e820[] = {
        { 0, LOW_RAM_TOP, 1 },
        { LOW_RAM_TOP, MiB - LOW_RAM_TOP, 2 },
        { MiB, tables - MiB, 1 },
        { MICROVM_ECAM_BASE, MICROVM_ECAM_SIZE, 2 },
        { tables, blobs->tables ? end - tables : 0, 3 },
        { 4 * GiB, pc->ram_above_4g, 1 },
    };
    E820Entry used[G_N_ELEMENTS(e820)];
    LinuxBootConfig config = {
        .kernel = m->kernel_file,
        .initrd = m->initrd_file,
        .cmdline = m->cmdline,
        .low_ram_top = tables,
        .e820 = used,
        .rsdp = blobs->tables ? rsdp_addr(mv, tables) : 0,
    };

    if (pc->ram_below_4g < 16 * MiB) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "kernel '%s': 0x%" G_GINT64_MODIFIER "x bytes of memory are too few "
                    "(limit 0x1000000)",
                    m->kernel_file, pc->ram_below_4g);
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(e820); i++) {
        if (e820[i].len && (e820[i].base != MICROVM_ECAM_BASE || pc->pci_host)) {
            used[config.n_e820++] = e820[i];
        }
    }
    pc->direct_boot = true;
    return (!blobs->tables || place_tables(mv, blobs, tables, error)) &&
           linux_boot_load(&config, pc->roms, &pc->boot, error);
}

static bool boot_kernel(Microvm *mv, AcpiBlobs *blobs, GError **error)
{
    Machine *m = &mv->pc.machine;

    if (!m->kernel_file || !*m->kernel_file) {
        if ((m->initrd_file && *m->initrd_file) || (m->cmdline && *m->cmdline)) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "-append and -initrd only allowed with -kernel option");
            return false;
        }
        return true;
    }
    if (!has_acpi(mv) && mv->auto_cmdline) {
        tell_on_cmdline(mv);
    }
    return m->firmware && *m->firmware ? pc_linuxboot_build(&mv->pc, error)
                                       : prepare_kernel(mv, blobs, error);
}

static bool microvm_done(Machine *m, GError **error)
{
    Microvm *mv = (Microvm *)m;
    PcMachine *pc = &mv->pc;
    AcpiBlobs blobs = { 0 };
    bool ok = true;

    if (has_acpi(mv)) {
        microvm_acpi_build(mv, &blobs);
        ok = acpi_files_publish(&pc->acpi_files, pc->fw_cfg, TABLES_STEP, microvm_acpi_build, mv,
                                &blobs, error);
    }
    ok = ok && boot_kernel(mv, &blobs, error);
    acpi_blobs_clear(&blobs);
    return ok;
}

/* As firmware leaves the 8259 pair: vectors that are no exception's, everything masked. A kernel that finds
   reduced hardware does not touch it. */
static void quiet_pic(PcMachine *pc)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } words[] = {
        { 0x20, 0x11 }, { 0x21, 0x08 }, { 0x21, 0x04 }, { 0x21, 0x01 }, { 0x21, 0xff },
        { 0xa0, 0x11 }, { 0xa1, 0x70 }, { 0xa1, 0x02 }, { 0xa1, 0x01 }, { 0xa1, 0xff },
    };
    AddressSpace *io = address_space_io(device_vm(&pc->machine.dev));

    for (size_t i = 0; pc->pic_pair.master && i < G_N_ELEMENTS(words); i++) {
        address_space_st(io, words[i].port, words[i].value, 1, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE,
                         NULL);
    }
}

static void microvm_reset(Machine *m, ShutdownCause cause)
{
    PcMachine *pc = (PcMachine *)m;

    pc->acpi_files.patched = false;
    tpr_opt_reset(pc);
    if (pc->direct_boot) {
        quiet_pic(pc);
    }
    rom_store_reset(pc->roms);
    pc_cpus_start(pc);
}

static void microvm_describe_irqs(Machine *m, GString *out)
{
    Microvm *mv = (Microvm *)m;

    if (mv->ioapic2_dev) {
        ioapic_describe(mv->ioapic2_dev, out);
    }
    pc_describe_pic(m, out);
}

/* ---- hooks ---- */
/* CPUs while the board is built; after that nothing plugs into it. */
static bool microvm_pre_plug(Machine *m, Device *dev, GError **error)
{
    if (m->dev.realized || !object_is_a(&dev->obj, "x86_64-cpu")) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS,
                    "microvm has no place for a device '%s'", object_type_name(&dev->obj));
        return false;
    }
    return pc_cpu_pre_plug((PcMachine *)m, dev, error);
}

static void microvm_plugged(Machine *m, Device *dev)
{
    pc_cpu_plugged((PcMachine *)m, dev);
}

static bool microvm_unplug_request(Machine *m, Device *dev, GError **error)
{
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_HOTPLUG, "microvm has no CPU hotplug");
    return false;
}

static void microvm_unplugged(Machine *m, Device *dev)
{
    pc_cpu_unplugged((PcMachine *)m, dev);
}

static bool microvm_takes_serials(const Machine *m)
{
    return ((const Microvm *)m)->isa_serial;
}

static void microvm_finalize(Object *obj)
{
    Microvm *mv = (Microvm *)obj;

    if (mv->ioapic2_dev) {
        object_unref(&mv->ioapic2_dev->obj);
    }
    pc_machine_finalize(obj);
}

/* ---- types ---- */
static const Property microvm_props[] = {
    PROP(PROP_ONOFFAUTO, Microvm, pc.acpi, "acpi", "auto", .description = "Enable ACPI"),
    PROP(PROP_ONOFFAUTO, Microvm, pc.pic, "pic", "auto", .description = "Enable i8259 PIC"),
    PROP(PROP_ONOFFAUTO, Microvm, pit, "pit", "auto", .description = "Enable i8254 PIT"),
    PROP(PROP_ONOFFAUTO, Microvm, rtc, "rtc", "auto", .description = "Enable MC146818 RTC"),
    PROP(PROP_ONOFFAUTO, Microvm, pcie, "pcie", "auto", .description = "Enable PCIe"),
    PROP(PROP_ONOFFAUTO, Microvm, ioapic2, "ioapic2", "auto",
         .description = "Enable second IO-APIC"),
    PROP(PROP_BOOL, Microvm, isa_serial, "isa-serial", "on",
         .description = "Set off to disable the instantiation an ISA serial port"),
    PROP(PROP_BOOL, Microvm, option_roms, "x-option-roms", "on",
         .description = "Set off to disable loading option ROMs"),
    PROP(PROP_BOOL, Microvm, auto_cmdline, "auto-kernel-cmdline", "on",
         .description = "Set off to disable adding virtio-mmio devices to the kernel cmdline"),
    PROP(PROP_STR, Microvm, pc.oem_id, "x-oem-id", "BOCHS ",
         .description = "Override the default value of field OEMID in ACPI table header"),
    PROP(PROP_STR, Microvm, pc.oem_table_id, "x-oem-table-id", "BXPC    ",
         .description = "Override the default value of field OEM Table ID in ACPI table header"),
    PROP_END,
};

static const CompatProp *const no_compat[] = { NULL };

#define MICROVM_OPS                                                                                \
    .boots_kernel = true, .max_cpus = PC_MAX_CPUS, .default_cpus = 1,                              \
    .default_ram_bytes = 128 * MiB, .default_ram_id = "microvm.ram",                               \
    .default_cpu_type = "qemu64-x86_64-cpu", .cpu_type_suffix = "-x86_64-cpu", .target = "x86_64", \
    .serial_driver = "isa-serial", .takes_serials = microvm_takes_serials,                         \
    .default_nic = "virtio-net-device", .no_parallel = true, .no_floppy = true, .no_cdrom = true,  \
    .family = "microvm", .description = "microvm (i386)", .build = microvm_build,                  \
    .done = microvm_done, .reset = microvm_reset, .nmi = pc_nmi, .add_fw_cfg = pc_add_fw_cfg,      \
    .add_acpi_table = pc_add_acpi_table, .describe_irqs = microvm_describe_irqs,                   \
    .describe_cpu_irqs = pc_describe_lapic, .pre_plug = microvm_pre_plug,                          \
    .plugged = microvm_plugged, .unplug_request = microvm_unplug_request,                          \
    .unplugged = microvm_unplugged

static const MachineOps microvm_ferry_1_0_ops = {
    MICROVM_OPS,
    .machine_name = "microvm-ferry-1.0",
    .stream_version = 4,
    .compat = no_compat,
};
/* Without a version in its name: it is that of QEMU 10.0. */
static const MachineOps microvm_ops = {
    MICROVM_OPS,
    .machine_name = "microvm",
    .stream_version = 3,
    .compat = hw_stream_v3_compat,
};

const TypeInfo microvm_types[] = {
    { .name = "microvm-machine-base",
      .parent = "machine",
      .abstract = true,
      .instance_size = sizeof(Microvm),
      .props = microvm_props,
      .finalize = microvm_finalize },
    { .name = "microvm-ferry-1.0-machine",
      .parent = "microvm-machine-base",
      .ops = &microvm_ferry_1_0_ops },
    { .name = "microvm-machine", .parent = "microvm-machine-base", .ops = &microvm_ops },
};
const size_t microvm_types_count = G_N_ELEMENTS(microvm_types);
