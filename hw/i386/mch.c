/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The q35 memory controller hub: host bridge 8086:29c0 (Intel 3 Series Express Chipset Family
 * datasheet) and the host device that owns the root bus.
 *
 * PCIEXBAR places ECAM; PAM0-6 choose RAM or PCI for c0000-fffff; SMRAM opens or closes a0000-bffff.
 * Write-only shadowing (reads from ROM, writes to RAM) is treated as PCI.
 */
#include "q35-priv.h"

enum {
    MCH_EXT_TSEG = 0x50,
    MCH_PCIEXBAR = 0x60,
    MCH_PAM0 = 0x90,
    MCH_SMRAM = 0x9d,
    MCH_ESMRAMC = 0x9e,
};
#define PAM_READ       1
#define PAM_WRITE      2
#define SMRAM_D_OPEN   0x40
#define SMRAM_D_LCK    0x10
#define EXT_TSEG_QUERY 0xffff
#define VGA_BASE       0xa0000
#define VGA_SIZE       0x20000

/* ---- effects of registers ---- */
static void ecam_update(Mch *mch)
{
    uint64_t reg = pci_get64(&mch->pci, MCH_PCIEXBAR);
    static const uint64_t sizes[] = { 256 * MiB, 128 * MiB, 64 * MiB, 0 };
    uint64_t size = sizes[reg >> 1 & 3];

    if (!size) {
        return; /* reserved encoding: keeps the old window */
    }
    pci_host_map_ecam(mch->host, reg & 1, reg & 0xfffffffffull & ~(size - 1), size);
}

static void pam_update(Mch *mch)
{
    memory_transaction_begin(device_vm(&mch->pci.dev));
    for (int i = 0; i < 13; i++) {
        uint8_t reg = pci_get8(&mch->pci, MCH_PAM0 + (i + 1) / 2);
        uint8_t attr = (i & 1 ? reg : reg >> 4) & 3;

        memory_region_set_enabled(&mch->pam[i], attr & PAM_READ);
        memory_region_set_readonly(&mch->pam[i], !(attr & PAM_WRITE));
    }
    memory_transaction_commit(device_vm(&mch->pci.dev));
}

static void smram_update(Mch *mch)
{
    memory_region_set_enabled(&mch->vga_hole, !(pci_get8(&mch->pci, MCH_SMRAM) & SMRAM_D_OPEN));
}

static void mch_update(Mch *mch)
{
    ecam_update(mch);
    pam_update(mch);
    smram_update(mch);
}

static void mch_config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    Mch *mch = (Mch *)dev;
    uint8_t smram = pci_get8(dev, MCH_SMRAM);

    pci_config_default_write(dev, addr, value, len);
    if (smram & SMRAM_D_LCK) {
        /* locked until reset: only read back */
        pci_set8(dev, MCH_SMRAM, (smram & ~SMRAM_D_OPEN) | SMRAM_D_LCK);
    } else if (pci_get8(dev, MCH_SMRAM) & SMRAM_D_LCK) {
        pci_set8(dev, MCH_SMRAM, pci_get8(dev, MCH_SMRAM) & ~SMRAM_D_OPEN);
    }
    if (pci_get16(dev, MCH_EXT_TSEG) == EXT_TSEG_QUERY) {
        pci_set16(dev, MCH_EXT_TSEG, mch->ext_tseg_mbytes);
    }
    mch_update(mch);
}

static void mch_reset(PciDevice *dev, ResetKind kind)
{
    pci_set32(dev, MCH_PCIEXBAR, Q35_ECAM_BASE);
    pci_set32(dev, MCH_PCIEXBAR + 4, 0);
    memset(dev->config + MCH_PAM0, 0, 7);
    pci_set8(dev, MCH_SMRAM, 0x02);
    pci_set8(dev, MCH_ESMRAMC, 0x38);
    pci_set16(dev, MCH_EXT_TSEG, 0);
    mch_update((Mch *)dev);
}

void mch_open_for_direct_boot(Mch *mch)
{
    pci_config_write(&mch->pci, MCH_PCIEXBAR, Q35_ECAM_BASE | 1, 4);
    pci_config_write(&mch->pci, MCH_PAM0, 0x33333330, 4);
    pci_config_write(&mch->pci, MCH_PAM0 + 4, 0x33, 1);
    pci_config_write(&mch->pci, MCH_PAM0 + 5, 0x33, 1);
    pci_config_write(&mch->pci, MCH_PAM0 + 6, 0x33, 1);
}

static bool mch_realize(PciDevice *dev, GError **error)
{
    Mch *mch = (Mch *)dev;
    Vm *vm = device_vm(&dev->dev);
    Q35Host *q35 = (Q35Host *)pci_device_bus(dev)->host;
    static const uint32_t first = 0xc0000;

    mch->host = &q35->host;
    mch->ram = q35->ram;
    mch->system = memory_system_region(vm);
    pci_wmask8(dev, MCH_ESMRAMC, 0x00);
    memory_region_init_alias(&mch->vga_hole, vm, &dev->dev.obj, "smram-region", &q35->pci_mem,
                             VGA_BASE, VGA_SIZE);
    memory_region_add_overlap(mch->system, VGA_BASE, &mch->vga_hole, 1);
    for (int i = 0; i < 13; i++) {
        /* 0: f0000-fffff; then pairs of 16 KiB from c0000 */
        uint32_t base = i ? first + (i - 1) * 0x4000 : 0xf0000;
        uint32_t size = i ? 0x4000 : 0x10000;

        memory_region_init_alias(&mch->pam[i], vm, &dev->dev.obj, "pam-ram", mch->ram, base, size);
        memory_region_set_enabled(&mch->pam[i], false);
        memory_region_add_overlap(mch->system, base, &mch->pam[i], 1);
    }
    return true;
}

static void mch_unrealize(PciDevice *dev)
{
    Mch *mch = (Mch *)dev;

    memory_region_clear(&mch->vga_hole);
    for (int i = 0; i < 13; i++) {
        memory_region_clear(&mch->pam[i]);
    }
}

/* ---- migrated state ---- */
typedef struct {
    PciDeviceSaved parent_obj;
} MchSaved;
static const Field mch_fields[] = { F_PCI_DEVICE(MchSaved, parent_obj), F_UNUSED(1), F_END };
static const Record mch_record = {
    .name = "mch",
    .version = 1,
    .min_version = 1,
    .size = sizeof(MchSaved),
    .fields = mch_fields,
};
static void mch_save(void *owner, void *saved)
{
    pci_device_save(owner, &((MchSaved *)saved)->parent_obj);
}
static bool mch_check(void *owner, const void *saved, GError **error)
{
    return pci_device_check(owner, &((const MchSaved *)saved)->parent_obj, error);
}
static void mch_install(void *owner, const void *saved)
{
    pci_device_install(owner, &((const MchSaved *)saved)->parent_obj);
    mch_update(owner);
}
static const SectionOps mch_section_ops = {
    .save = mch_save,
    .check = mch_check,
    .install = mch_install,
};
static const SectionDesc mch_section = { .record = &mch_record, .ops = &mch_section_ops };

static const Property mch_props[] = {
    PROP(PROP_U16, Mch, ext_tseg_mbytes, "extended-tseg-mbytes", "16"),
    PROP_END,
};

static const PciDeviceOps mch_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_BRIDGE, .section = &mch_section },
    .vendor_id = PCI_VENDOR_INTEL,
    .device_id = 0x29c0,
    .class_id = PCI_CLASS_BRIDGE_HOST,
    .realize = mch_realize,
    .unrealize = mch_unrealize,
    .reset = mch_reset,
    .config_write = mch_config_write,
};

/* ---- the host device ---- */
static bool host_realize(Device *dev, GError **error)
{
    Q35Host *q35 = (Q35Host *)dev;
    PciHost *host = &q35->host;
    Vm *vm = device_vm(dev);
    Device *mch;

    memory_region_init(&q35->pci_mem, vm, &dev->obj, "pci", UINT64_MAX);
    memory_region_add_overlap(memory_system_region(vm), 0, &q35->pci_mem, -1);
    pci_root_bus_new(host, TYPE_PCIE_BUS, "pcie.0", &q35->pci_mem, memory_io_region(vm));
    host->bus->slots_reserved = 1u << 0 | 1u << 31;
    pci_host_init_ports(host);
    memory_region_add(memory_io_region(vm), 0xcf8, &host->conf_mr);
    memory_region_add(memory_io_region(vm), 0xcfc, &host->data_mr);
    mch = device_new(vm, "mch", error);
    if (!mch || !object_set_str(&mch->obj, "addr", "0", error) ||
        !device_realize(mch, &host->bus->bus, "mch", error)) {
        return false;
    }
    q35->mch = (Mch *)mch;
    object_unref(&mch->obj);
    pci_host_register_sections(host);
    return true;
}

static void host_unrealize(Device *dev)
{
    Q35Host *q35 = (Q35Host *)dev;
    PciHost *host = &q35->host;

    pci_host_map_ecam(host, false, 0, 0);
    memory_region_clear(&host->conf_mr);
    memory_region_clear(&host->data_mr);
    pci_host_unregister_sections(host);
    /* What others still show in PCI space (firmware ROM) goes on its own. */
    while (q35->pci_mem.subregions && q35->pci_mem.subregions->len) {
        memory_region_del(&q35->pci_mem, g_ptr_array_index(q35->pci_mem.subregions, 0));
    }
    memory_region_clear(&q35->pci_mem);
}

static void host_reset(Device *dev, ResetKind kind)
{
    ((PciHost *)dev)->config_reg = 0;
}

static const DeviceOps host_ops = {
    .realize = host_realize,
    .unrealize = host_unrealize,
    .reset = host_reset,
};

const TypeInfo q35_host_types[] = {
    { .name = "q35-pcihost",
      .parent = TYPE_PCI_HOST,
      .instance_size = sizeof(Q35Host),
      .ops = &host_ops },
    { .name = "mch",
      .parent = TYPE_PCI_DEVICE,
      .instance_size = sizeof(Mch),
      .props = mch_props,
      .ops = &mch_ops },
};
const size_t q35_host_types_count = G_N_ELEMENTS(q35_host_types);
