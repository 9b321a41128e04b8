/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a PC boots: fw_cfg contents, ACPI tables, and the direct start of a kernel, for which this
 * file does at each reset what firmware would do (PCI addresses, chipset registers, MTRRs, the
 * first CPU's registers).
 *
 * Memory map without firmware: tables at the top of RAM below 4 GiB (type ACPI data), RSDP and
 * SMBIOS anchor at f0000.
 */
#include "hw/i386/cpu-device.h"
#include "hw/misc/vmgenid.h"
#include "pc-priv.h"
#include "hw/core/numa.h"
#include "target/x86/cpu.h"

#define RSDP_ADDR      0xf0000
#define SMBIOS_ADDR    0xf0100
#define LOW_RAM_TOP    0x9fc00
#define ACPI_AREA_SIZE 0x40000

/* ---- fw_cfg ---- */
static void build_e820_file(PcMachine *pc)
{
    g_autoptr(GBytes) bytes = NULL;
    uint8_t raw[3 * 20] = { 0 };
    int n = 0;

    st_le64(raw, 0);
    st_le64(raw + 8, pc->ram_below_4g);
    st_le32(raw + 16, 1);
    n++;
    if (pc->ram_above_4g) {
        st_le64(raw + 20, 4 * GiB);
        st_le64(raw + 28, pc->ram_above_4g);
        st_le32(raw + 36, 1);
        n++;
    }
    bytes = g_bytes_new(raw, 20 * n);
    fw_cfg_set_file(pc->fw_cfg, "etc/e820", bytes);
    if (pc->devmem.size) { /* PCI memory above 4 GiB begins behind it */
        g_autoptr(GBytes) end = NULL;

        st_le64(raw, pc_hole64_base(pc));
        end = g_bytes_new(raw, 8);
        fw_cfg_set_file(pc->fw_cfg, "etc/reserved-memory-end", end);
    }
}

/* Nodes, the node of each CPU by APIC id, the memory of each node: 64-bit numbers. */
static GBytes *numa_file(const PcMachine *pc)
{
    const Machine *m = &pc->machine;
    const MachineNuma *n = m->numa;
    unsigned nodes = n ? n->nodes : 0, ids = m->smp.max_cpus;

    if (n) {
        ids = pc->apic_ids[m->smp.max_cpus - 1] + 1;
    }
    gsize size = 8 * (1 + ids + nodes);
    uint8_t *raw = g_malloc0(size);
    st_le64(raw, nodes);
    for (unsigned i = 0; n && i < n->cpus; i++) {
        st_le64(raw + 8 * (1 + pc->apic_ids[i]), n->cpu_node[i]);
    }
    for (unsigned i = 0; i < nodes; i++) {
        st_le64(raw + 8 * (1 + ids + i), n->mem_bytes[i]);
    }
    return g_bytes_new_take(raw, size);
}

bool pc_fw_cfg_build(PcMachine *pc, GError **error)
{
    Machine *m = &pc->machine;
    Vm *vm = device_vm(&m->dev);
    Device *dev = device_new(vm, TYPE_FW_CFG_IO, error);
    g_autoptr(GBytes) numa = numa_file(pc);

    if (!dev) {
        return false;
    }
    pc->fw_cfg = (FwCfg *)dev;
    bool ok = device_realize(dev, bus_root(vm), "/machine/fw_cfg", error);
    object_unref(&dev->obj);
    if (!ok) {
        return false;
    }
    fw_cfg_set_u16(pc->fw_cfg, FW_CFG_NB_CPUS, m->smp.cpus);
    fw_cfg_set_u16(pc->fw_cfg, FW_CFG_MAX_CPUS, m->smp.max_cpus);
    fw_cfg_set_u64(pc->fw_cfg, FW_CFG_RAM_SIZE, m->ram_bytes);
    fw_cfg_set_u16(pc->fw_cfg, FW_CFG_NOGRAPHIC, !m->graphics);
    fw_cfg_set_u16(pc->fw_cfg, FW_CFG_BOOT_MENU, m->boot_menu);
    fw_cfg_set_u32(pc->fw_cfg, FW_CFG_IRQ0_OVERRIDE, 1);
    fw_cfg_set(pc->fw_cfg, FW_CFG_NUMA, numa);
    build_e820_file(pc);
    return true;
}

/* ---- ACPI ---- */
static void acpi_config(PcMachine *pc, AcpiConfig *c)
{
    Machine *m = &pc->machine;

    *c = (AcpiConfig){
        .cpus = m->cpus,
        .pm = pc->pm,
        .numa = m->numa,
        .ram_above_4g = pc->ram_above_4g,
        .devmem_base = pc->devmem.base,
        .devmem_bytes = pc->devmem.size,
        .max_cpus = m->smp.max_cpus,
        .apic_ids = pc->apic_ids,
        .low_ram_top = pc->ram_below_4g,
        .hole_base = pc->chipset->hole_base,
        .hole64_base = pc_hole64_base(pc),
        .hole64_limit = pc_hole64_limit(pc),
        .i440fx = !pc->chipset->has_ecam,
        .user_tables = m->acpi_tables,
        .root = pc->pci_host->bus,
        .hpet = pc->hpet,
        .rtc = true,
        .vtd = pc->vtd,
        .genid = pc->genid,
        .nvdimm = pc->nvdimm ? &pc->nvdimms : NULL,
        .no_s3 = pc->pm->disable_s3,
        .oem_id = pc->oem_id,
        .oem_table_id = pc->oem_table_id,
    };
    for (guint i = 0; i < pc->isa->bus.devices->len; i++) {
        Device *dev = g_ptr_array_index(pc->isa->bus.devices, i);
        g_autoptr(GVariant) base = NULL;

        c->i8042 |= object_is_a(&dev->obj, "i8042");
        if (!object_is_a(&dev->obj, "isa-serial")) {
            continue;
        }
        base = object_get(&dev->obj, "iobase", NULL);
        static const uint16_t ports[4] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
        for (int n = 0; base && n < 4; n++) {
            c->serial[n] |= g_variant_is_of_type(base, G_VARIANT_TYPE_UINT32) &&
                            g_variant_get_uint32(base) == ports[n];
            c->serial[n] |= g_variant_is_of_type(base, G_VARIANT_TYPE_UINT64) &&
                            g_variant_get_uint64(base) == ports[n];
        }
    }
}

/* ---- the tables' files ---- */
static void build_tables(void *opaque, AcpiBlobs *out)
{
    AcpiConfig config;

    acpi_config(opaque, &config);
    acpi_blobs_build(&config, out);
}

/* The files whose place the tables tell. */
static bool publish_extra(PcMachine *pc, GError **error)
{
    g_autoptr(GBytes) page = NULL;

    if (pc->nvdimm) {
        page = g_bytes_new_take(g_malloc0(NVDIMM_PAGE_BYTES), NVDIMM_PAGE_BYTES);
        if (!fw_cfg_add_file(pc->fw_cfg, NVDIMM_PAGE_FILE, page, error)) {
            return false;
        }
    }
    return !pc->genid || vmgenid_publish(pc->genid, pc->fw_cfg, error);
}

/* "acpi_build": whether firmware has read the tables. */
typedef struct {
    uint8_t patched;
} AcpiBuildSaved;
static const Field acpi_build_fields[] = { F_U8(AcpiBuildSaved, patched), F_END };
static const Record acpi_build_record = {
    .name = "acpi_build",
    .version = 1,
    .min_version = 1,
    .size = sizeof(AcpiBuildSaved),
    .fields = acpi_build_fields,
};
static void acpi_build_save(void *owner, void *saved)
{
    ((AcpiBuildSaved *)saved)->patched = ((PcMachine *)owner)->acpi_files.patched;
}
static void acpi_build_install(void *owner, const void *saved)
{
    ((PcMachine *)owner)->acpi_files.patched = ((const AcpiBuildSaved *)saved)->patched;
}
static const SectionOps acpi_build_ops = { .save = acpi_build_save, .install = acpi_build_install };
static const SectionDesc acpi_build_section = { .record = &acpi_build_record,
                                                .ops = &acpi_build_ops };

/* ---- SMBIOS ---- */
static bool publish_smbios(PcMachine *pc, GError **error)
{
    Machine *m = &pc->machine;
    Vm *vm = device_vm(&m->dev);
    g_autoptr(GByteArray) tables = g_byte_array_new(), anchor = g_byte_array_new();
    g_autoptr(GBytes) t = NULL, a = NULL, placed = NULL;
    SmbiosConfig c = {
        .sockets = m->smp.sockets,
        .cores = m->smp.cores * MAX(m->smp.dies, 1u) * MAX(m->smp.modules, 1u),
        .threads = m->smp.threads,
        .ram_below_4g = pc->ram_below_4g,
        .ram_above_4g = pc->ram_above_4g,
        .product = machine_ops(m)->description,
        .version = machine_ops(m)->machine_name,
        .uuid = vm->uuid_set ? vm->uuid : NULL,
        .options = pc->smbios,
    };

    smbios_build(&c, tables, anchor);
    t = g_bytes_new(tables->data, tables->len);
    a = g_bytes_new(anchor->data, anchor->len);
    if (!fw_cfg_add_file(pc->fw_cfg, "etc/smbios/smbios-tables", t, error) ||
        !fw_cfg_add_file(pc->fw_cfg, "etc/smbios/smbios-anchor", a, error)) {
        return false;
    }
    if (!m->kernel_file || !*m->kernel_file) {
        return true;
    }
    smbios_place(anchor, SMBIOS_ADDR + 0x20);
    placed = g_bytes_new(anchor->data, anchor->len);
    return rom_store_add(pc->roms, "SMBIOS anchor", SMBIOS_ADDR, placed, error) &&
           rom_store_add(pc->roms, "SMBIOS tables", SMBIOS_ADDR + 0x20, t, error);
}

/* ---- direct boot ---- */
/* Type 3, ACPI data, up to @extra; behind it what the guest and its devices write to. */
static unsigned build_e820(PcMachine *pc, uint64_t tables, uint64_t extra, E820Entry e[16])
{
    unsigned n = 0;

    e[n++] = (E820Entry){ 0, LOW_RAM_TOP, 1 };
    e[n++] = (E820Entry){ LOW_RAM_TOP, 0xa0000 - LOW_RAM_TOP, 2 };
    e[n++] = (E820Entry){ 0xf0000, 0x10000, 2 };
    e[n++] = (E820Entry){ MiB, tables - MiB, 1 };
    if (tables < pc->ram_below_4g) {
        e[n++] = (E820Entry){ tables, extra - tables, 3 };
    }
    if (extra < pc->ram_below_4g) {
        e[n++] = (E820Entry){ extra, pc->ram_below_4g - extra, 2 };
    }
    if (pc->chipset->has_ecam) {
        e[n++] = (E820Entry){ Q35_ECAM_BASE, Q35_ECAM_SIZE, 2 };
        e[n++] = (E820Entry){ ICH9_RCBA, 0x4000, 2 };
    }
    if (pc->ram_above_4g) {
        e[n++] = (E820Entry){ 4 * GiB, pc->ram_above_4g, 1 };
    }
    return n;
}

/* The tables and what they point to, in the last pages of memory below 4 GiB. */
static bool place_acpi(PcMachine *pc, AcpiBlobs *blobs, uint64_t *tables, uint64_t *extra,
                       GError **error)
{
    g_autoptr(GBytes) t = NULL, r = NULL, id = NULL;

    *extra -= acpi_blobs_extra_bytes(blobs);
    *tables = *extra - ACPI_AREA_SIZE;
    acpi_blobs_place(blobs, *tables, RSDP_ADDR, *extra);
    t = g_bytes_new(blobs->tables->data, blobs->tables->len);
    r = g_bytes_new(blobs->rsdp->data, blobs->rsdp->len);
    pc->genid_page = acpi_blobs_extra_addr(blobs, VMGENID_FILE);
    if (pc->genid_page) {
        id = vmgenid_page(pc->genid);
        if (!rom_store_add(pc->roms, "generation id", pc->genid_page, id, error)) {
            return false;
        }
    }
    return rom_store_add(pc->roms, "ACPI tables", *tables, t, error) &&
           rom_store_add(pc->roms, "ACPI RSDP", RSDP_ADDR, r, error);
}

static bool prepare_kernel(PcMachine *pc, AcpiBlobs *blobs, GError **error)
{
    Machine *m = &pc->machine;
    uint64_t tables = pc->ram_below_4g & ~0xfffull, extra = tables;
    E820Entry e820[16];
    LinuxBootConfig config = {
        .kernel = m->kernel_file,
        .initrd = m->initrd_file,
        .cmdline = m->cmdline,
    };

    if (pc->ram_below_4g < 16 * MiB) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "kernel '%s': 0x%" G_GINT64_MODIFIER "x bytes of memory are too few "
                    "(limit 0x1000000)",
                    m->kernel_file, pc->ram_below_4g);
        return false;
    }
    if (blobs) {
        if (!place_acpi(pc, blobs, &tables, &extra, error)) {
            return false;
        }
        config.rsdp = RSDP_ADDR;
    }
    config.low_ram_top = tables;
    config.e820 = e820;
    config.n_e820 = build_e820(pc, tables, extra, e820);
    pc->direct_boot = true;
    return linux_boot_load(&config, pc->roms, &pc->boot, error);
}

/* Firmware that nobody asked for (a machine type may have it anyway) starts the kernels that it can. */
static bool through_firmware(PcMachine *pc)
{
    return pc_has_firmware(pc) && (pc->machine.firmware || pc->has_flash || pc_linuxboot_takes(pc));
}

/* Bit 7: there is such a state; the low bits are its sleep type. */
static bool publish_sleep_states(PcMachine *pc, GError **error)
{
    const AcpiPm *pm = pc->pm;
    uint8_t states[6] = { 0x80, 0, 0, 1, pm->s4_val, 0x80 };
    g_autoptr(GBytes) bytes = NULL;

    states[3] |= pm->disable_s3 ? 0 : 0x80;
    states[4] |= pm->disable_s4 ? 0 : 0x80;
    bytes = g_bytes_new(states, sizeof(states));
    return fw_cfg_add_file(pc->fw_cfg, "etc/system-states", bytes, error);
}

bool pc_boot_prepare(PcMachine *pc, GError **error)
{
    Machine *m = &pc->machine;
    bool ok = true;
    AcpiBlobs blobs = { 0 };

    pc_hotplug_start(pc);
    if (pc->acpi != ONOFFAUTO_OFF) {
        build_tables(pc, &blobs);
        ok = acpi_files_publish(&pc->acpi_files, pc->fw_cfg, ACPI_TABLES_SIZE, build_tables, pc,
                                &blobs, error) &&
             publish_extra(pc, error);
        pc->acpi_section = section_register(device_vm(&m->dev), NULL, &acpi_build_section,
                                            SECTION_INSTANCE_AUTO, pc);
    }
    ok = ok && publish_smbios(pc, error);
    if (ok && m->kernel_file && *m->kernel_file) {
        ok = through_firmware(pc) ? pc_linuxboot_build(pc, error)
                                  : prepare_kernel(pc, blobs.tables ? &blobs : NULL, error);
    } else if (ok && ((m->initrd_file && *m->initrd_file) || (m->cmdline && *m->cmdline))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "-append and -initrd only allowed with -kernel option");
        ok = false;
    }
    acpi_blobs_clear(&blobs);
    return ok && pc_bootorder_build(pc, error) &&
           (!pc->chipset->publish || pc->chipset->publish(pc, error)) &&
           publish_sleep_states(pc, error);
}

/* ---- reset ---- */
static int irq_line(void *opaque, int input)
{
    PcMachine *pc = opaque;

    return pc->chipset->pirq_to_irq(pc, input);
}

/* As firmware leaves them: everything write-back but the VGA window and the PCI hole. */
static void set_mtrrs(X86Cpu *cpu, uint64_t hole)
{
    X86Sys *s = &cpu->sys;

    for (int i = 0; i < 11; i++) {
        s->mtrr_fixed[i] = i == 2 ? 0 : 0x0606060606060606ull; /* 2: a0000-bffff */
    }
    s->mtrr_var[0].base = hole;
    s->mtrr_var[0].mask = (0x10000000000ull - (4 * GiB - hole)) | 0x800;
    s->mtrr_deftype = 0xc06;
}

static void set_segment(X86Cpu *cpu, int n, uint16_t sel, uint32_t high)
{
    cpu->seg[n] = (X86Seg){ .sel = sel, .attr = high & 0x00f0ff00, .limit = UINT32_MAX };
}

static void set_boot_state(Device *dev, const X86BootState *b)
{
    X86Cpu *cpu = x86_cpu_device_cpu(dev);
    bool wide = b->mode == X86_BOOT_LONG64;

    set_segment(cpu, 1, 0x10, wide ? 0x00af9b00 : 0x00cf9b00); /* ES CS SS DS FS GS */
    for (int i = 0; i < 6; i++) {
        if (i != 1) {
            set_segment(cpu, i, 0x18, 0x00cf9300);
        }
    }
    cpu->gdt = (X86Dt){ b->gdt_base, b->gdt_limit };
    cpu->idt = (X86Dt){ 0, 0 };
    cpu->cr0 = 0x11; /* ET, PE */
    if (wide) {
        cpu->cr3 = b->cr3;
        cpu->cr4 = 0x20;   /* PAE */
        cpu->efer = 0x500; /* LME, LMA */
        cpu->cr0 |= 0x80000000u;
    }
    cpu->rip = b->entry;
    cpu->gpr[3] = b->rbx;
    cpu->gpr[4] = b->rsp;
    cpu->gpr[6] = b->rsi;
    x86_cpu_device_state_changed(dev);
}

void pc_cpus_start(PcMachine *pc)
{
    Machine *m = &pc->machine;

    if (!pc->direct_boot) {
        if (!pc_has_firmware(pc) && m->cpus->len) {
            /* no firmware, no kernel: nothing at the reset vector */
            x86_cpu_device_cpu(g_ptr_array_index(m->cpus, 0))->base.halted = 1;
        }
        return;
    }
    for (guint i = 0; i < m->cpus->len; i++) {
        Device *cpu = g_ptr_array_index(m->cpus, i);

        if (!cpu) {
            continue;
        }
        set_mtrrs(x86_cpu_device_cpu(cpu), pc->chipset->hole_base);
        if (i == 0) {
            set_boot_state(cpu, &pc->boot);
        }
    }
}

/* What firmware would have set up: the chipset, and addresses of PCI. */
static void open_for_direct_boot(PcMachine *pc)
{
    PciAssignWindows w = {
        .io_base = 0xc000,
        .io_limit = 0xffff,
        .mem_base = pc->chipset->hole_base,
        .mem_limit = Q35_PCI_HOLE_LIMIT,
        .mem64_base = pc_hole64_base(pc),
        .mem64_limit = pc_hole64_limit(pc),
        .irq_line = irq_line,
        .opaque = pc,
    };
    g_autoptr(GError) error = NULL;

    pc->chipset->open_for_direct_boot(pc);
    if (!pci_assign_resources(pc->pci_host->bus, &w, &error)) {
        g_warning("%s", error->message); /* the guest runs without that device */
    }
}

void pc_boot_reset(PcMachine *pc)
{
    pc->acpi_files.patched = false;
    tpr_opt_reset(pc);
    pc_bootorder_reset(pc, !pc->was_reset);
    pc->was_reset = true;
    if (pc->direct_boot) {
        open_for_direct_boot(pc);
    }
    rom_store_reset(pc->roms);
    if (pc->genid_page) {
        vmgenid_placed(pc->genid, pc->genid_page);
    }
    pc_cpus_start(pc);
}
