/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The q35 machine object and the steps that build it. Private to hw/i386. */
#pragma once
#include "acpi-files.h"
#include "acpi-hotplug.h"
#include "acpi-tables.h"
#include "hw/i386/apic.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/isa/isa.h"
#include "linux-boot.h"
#include "nvdimm.h"
#include "piix-priv.h"
#include "q35-priv.h"
#include "smbios.h"

#define PC_MAX_CPUS     ACPI_MAX_CPUS
#define PC_PFLASH_COUNT 2

/* Where memory devices go: above RAM, up to maxmem; size 0: nowhere. */
typedef struct {
    uint64_t base, size, used_bytes;
    PcDimm *slots[ACPI_MEM_SLOTS]; /* borrowed */
} PcDeviceMemory;

typedef struct TprOpt TprOpt;
typedef struct PcMachine PcMachine;

/* What one chipset does differently from the other. */
typedef struct {
    uint64_t hole_base; /* PCI memory below 4 GiB when no firmware places it */
    bool has_ecam, has_fdc;
    /* Host bridge, then the bridge with pc->isa; sets pci_host, pci_mem and pm. */
    bool (*build)(PcMachine *pc, GError **error);
    /* After the ISA devices: functions beside the ISA bridge. */
    bool (*build_rest)(PcMachine *pc, GError **error);
    bool (*publish)(PcMachine *pc, GError **error); /* fw_cfg files; may be NULL */
    void (*open_for_direct_boot)(PcMachine *pc);
    int (*pirq_to_irq)(PcMachine *pc, int n);
} PcChipset;
extern const PcChipset pc_chipset_q35, pc_chipset_i440fx;

struct PcMachine {
    Machine machine; /* first */
    /* properties */
    bool hpet, pit, i8042, smbus, sata, nvdimm;
    int nvdimm_persistence; /* index of the property's choices */
    OnOffAuto pic, smm, vmport, acpi;
    uint64_t max_ram_below_4g;
    char *oem_id, *oem_table_id;
    char *pflash[PC_PFLASH_COUNT]; /* drives or nodes */
    int kernel_irqchip;
    /* memory */
    uint64_t ram_below_4g, ram_above_4g;
    MemoryRegion low_ram, high_ram, bios, isa_bios, option_roms;
    MemoryRegion smram_view; /* filled by the host bridge, shown to CPUs in SMM */
    MemoryRegion *pci_mem;   /* borrowed */
    bool has_high_ram, has_bios, has_option_roms, has_flash;
    /* parts; borrowed from the tree */
    const PcChipset *chipset;
    const char *default_bios; /* its file, where -bios does not name one */
    PcHost *host;
    PciHost *pci_host; /* of it, as pci_mem is */
    AcpiPm *pm;
    union {
        Ich9Lpc *lpc; /* q35 */
        struct {      /* pc */
            Piix3 *piix3;
            Piix4Pm *piix4;
        };
    };
    IsaBus *isa;
    FwCfg *fw_cfg;
    Device *rtc, *pit_dev, *hpet_dev, *ioapic;
    Device *vtd;         /* NULL: no IOMMU */
    Device *genid;       /* NULL: none */
    uint64_t genid_page; /* where it is without firmware; 0: it is placed by others */
    I8259Pair pic_pair;
    ApicBus *apic_bus;
    Irq gsi_pins[PC_GSI_COUNT];
    MemoryRegion fpu_io; /* port 0xf0 */
    Irq a20;             /* from the keyboard controller and port 0x92 */
    Irq *gsi[PC_GSI_COUNT];
    uint32_t apic_ids[PC_MAX_CPUS];
    PcDeviceMemory devmem;
    NvdimmBoard nvdimms;
    /* boot */
    RomStore *roms;
    bool direct_boot, was_reset;
    X86BootState boot;
    AcpiFiles acpi_files;
    Section *acpi_section;
    TprOpt *tpr_opt;       /* owned */
    SmbiosOptions *smbios; /* owned; NULL: none */
};

/* pc-machine.c: what every machine type of this family has. */
extern const Property pc_machine_props[];
extern const CompatProp *const pc_ferry_0_9_compat[];
#define PC_OPS                                                                                     \
    .boots_kernel = true, .takes_numa = true, .max_cpus = PC_MAX_CPUS, .default_cpus = 1,          \
    .default_ram_bytes = 128 * MiB, .default_ram_id = "pc.ram",                                    \
    .default_cpu_type = "qemu64-x86_64-cpu", .cpu_type_suffix = "-x86_64-cpu", .target = "x86_64", \
    .serial_driver = "isa-serial", .default_nic = "virtio-net-pci", .has_hotpluggable_cpus = true, \
    .hotplug_cpu_type = "x86_64-cpu", .done = pc_done, .reset = pc_reset, .nmi = pc_nmi,           \
    .add_fw_cfg = pc_add_fw_cfg, .add_acpi_table = pc_add_acpi_table, .add_smbios = pc_add_smbios, \
    .describe_irqs = pc_describe_pic, .describe_cpu_irqs = pc_describe_lapic,                      \
    .pre_plug = pc_pre_plug, .plugged = pc_plugged, .unplug_request = pc_unplug_request,           \
    .unplugged = pc_unplugged, .visit_memory = pc_visit_memory, .visit_ost = pc_visit_ost
bool pc_done(Machine *m, GError **error);
void pc_reset(Machine *m, ShutdownCause cause);
void pc_nmi(Machine *m, int cpu_index, GError **error);
bool pc_add_fw_cfg(Machine *m, const char *name, GBytes *bytes, GError **error);
bool pc_add_smbios(Machine *m, GVariant *values, GError **error);
bool pc_add_acpi_table(Machine *m, GVariant *values, GError **error);
void pc_describe_pic(Machine *m, GString *out);
void pc_describe_lapic(Machine *m, unsigned cpu_index, GString *out);
void pc_machine_finalize(Object *obj);
/* Splits RAM at @low_limit and builds everything on @chipset. */
bool pc_build(PcMachine *pc, const PcChipset *chipset, uint64_t low_limit, GError **error);
/* For chipsets (pc-devices.c): interrupt inputs, SMM's memory and SMIs, a device on a bus. */
void pc_connect_isa(PcMachine *pc, Device *bridge);
void pc_smm_build(PcMachine *pc);
bool pc_realize(Device *dev, Bus *bus, const char *name, GError **error);
/* The host device @type as @path of the tree; sets host, pci_host and pci_mem. */
bool pc_build_host(PcMachine *pc, const char *type, const char *path, GError **error);
bool pc_memory_build(PcMachine *pc, uint64_t low_limit, GError **error);
bool pc_cpus_build(PcMachine *pc, GError **error);
/* pc-cpus.c, of the hooks below: a CPU comes, is there, is asked to go, goes. */
bool pc_cpu_pre_plug(PcMachine *pc, Device *dev, GError **error);
void pc_cpu_plugged(PcMachine *pc, Device *dev);
bool pc_cpu_unplug_request(PcMachine *pc, Device *dev, GError **error);
void pc_cpu_unplugged(PcMachine *pc, Device *dev);
/* pc-hotplug.c: devices of the board itself, and the region for memory devices. */
bool pc_devmem_build(PcMachine *pc, GError **error);
uint64_t pc_devmem_end(const PcMachine *pc);
void pc_hotplug_build(PcMachine *pc); /* registers; the chipset is there */
void pc_hotplug_start(PcMachine *pc); /* all devices of the command line are there */
bool pc_pre_plug(Machine *m, Device *dev, GError **error);
void pc_plugged(Machine *m, Device *dev);
bool pc_unplug_request(Machine *m, Device *dev, GError **error);
void pc_unplugged(Machine *m, Device *dev);
void pc_visit_memory(Machine *m, void (*fn)(Device *dev, void *opaque), void *opaque);
void pc_visit_ost(Machine *m, AcpiOstVisit fn, void *opaque);
bool pc_fw_cfg_build(PcMachine *pc, GError **error);
void pc_cmos_memory(PcMachine *pc); /* what firmware reads of memory and CPUs */
bool pc_devices_build(PcMachine *pc, GError **error);
/* pc-firmware.c: ROM and option ROM area. */
static inline bool pc_has_firmware(const PcMachine *pc)
{
    return pc->has_bios || pc->has_flash;
}
bool pc_firmware_build(PcMachine *pc, GError **error);
void pc_firmware_clear(PcMachine *pc);
/* pc-linuxboot.c: -kernel for firmware to start. */
#define PC_LINUXBOOT_FILE "genroms/linuxboot_dma.bin"
bool pc_linuxboot_takes(const PcMachine *pc); /* it is a kernel that firmware can start */
bool pc_linuxboot_build(PcMachine *pc, GError **error);
/* pc-bootorder.c: what firmware is told about -boot; the CMOS part at each reset. */
bool pc_bootorder_build(PcMachine *pc, GError **error);
void pc_bootorder_reset(PcMachine *pc, bool first);
/* tpr-opt.c: a section that only travels. */
void tpr_opt_build(PcMachine *pc);
void tpr_opt_reset(PcMachine *pc);
void pc_cmos_floppies(PcMachine *pc); /* when all drives are there */
void pc_fpu_build(PcMachine *pc);     /* the x87's error line */
/* Last step: tables, fw_cfg contents, kernel. */
bool pc_boot_prepare(PcMachine *pc, GError **error);
/* As firmware leaves them: MTRRs of all CPUs, and the registers with which the first one enters the kernel; or, with
   nothing to start, it stands. */
void pc_cpus_start(PcMachine *pc);
/* After devices are reset: images, addresses, the first CPU's registers. */
void pc_boot_reset(PcMachine *pc);
uint64_t pc_hole64_base(const PcMachine *pc);
uint64_t pc_hole64_limit(const PcMachine *pc);
