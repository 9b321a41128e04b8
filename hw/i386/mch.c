/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The q35 memory controller hub: host bridge 8086:29c0 (Intel 3 Series Express Chipset Family
 * datasheet), and its host device.
 *
 * PCIEXBAR places ECAM; PAM0-6 choose RAM or PCI for c0000-fffff; SMRAM, ESMRAMC and the extended
 * registers for TSEG's size and the default SMBASE say what only SMM sees. The lock bit freezes
 * them until reset.
 */
#include "q35-priv.h"

enum {
    MCH_EXT_TSEG = 0x50,
    MCH_PCIEXBAR = 0x60,
    MCH_PAM0 = 0x90,
    MCH_SMBASE = 0x9c,
    MCH_SMRAM = 0x9d,
    MCH_ESMRAMC = 0x9e,
};
#define SMRAM_D_OPEN   0x40
#define SMRAM_D_LCK    0x10
#define SMRAM_G_ENABLE 0x08
#define SMRAM_WRITABLE 0x78
#define ESMRAM_H       0x80
#define ESMRAM_ERROR   0x40
#define ESMRAM_SIZE    0x06
#define ESMRAM_T_EN    0x01
#define EXT_TSEG_QUERY 0xffff
#define SMBASE_QUERY   0xff
#define SMBASE_THERE   0x01 /* the answer: the area can be had */
#define SMBASE_LOCKED  0x02

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

static uint64_t tseg_bytes(const Mch *mch)
{
    static const uint8_t mbytes[3] = { 1, 2, 8 };
    uint8_t reg = pci_get8(&mch->pci, MCH_ESMRAMC), n = (reg & ESMRAM_SIZE) >> 1;

    if (!(reg & ESMRAM_T_EN)) {
        return 0;
    }
    return (n < 3 ? mbytes[n] : pci_get16(&mch->pci, MCH_EXT_TSEG)) * MiB;
}

static void update_smram(Mch *mch)
{
    uint8_t reg = pci_get8(&mch->pci, MCH_SMRAM);
    bool on = reg & SMRAM_G_ENABLE;
    SmramState st = {
        .enabled = on,
        .open = on && reg & SMRAM_D_OPEN,
        .high = pci_get8(&mch->pci, MCH_ESMRAMC) & ESMRAM_H,
        .tseg_size = on ? tseg_bytes(mch) : 0,
        .smbase = pci_get8(&mch->pci, MCH_SMBASE) == SMBASE_LOCKED,
    };

    if (st.tseg_size > mch->ram_below_4g - MiB) {
        st.tseg_size = 0; /* more than there is */
    }
    st.tseg_base = mch->ram_below_4g - st.tseg_size;
    smram_update(&mch->smram, &st);
}

static void mch_update(Mch *mch)
{
    ecam_update(mch);
    pam_update(&mch->pam, mch->pci.config + MCH_PAM0);
    update_smram(mch);
}

/* Registers that a locked SMRAM register freezes, put back after a write. */
typedef struct {
    uint8_t smram, esmramc, smbase;
    uint16_t ext_tseg;
} SmramRegs;

static SmramRegs smram_regs(const Mch *mch)
{
    return (SmramRegs){
        pci_get8(&mch->pci, MCH_SMRAM),
        pci_get8(&mch->pci, MCH_ESMRAMC),
        pci_get8(&mch->pci, MCH_SMBASE),
        pci_get16(&mch->pci, MCH_EXT_TSEG),
    };
}

static void keep_locks(Mch *mch, const SmramRegs *old)
{
    PciDevice *dev = &mch->pci;
    uint8_t smram = pci_get8(dev, MCH_SMRAM), smbase = pci_get8(dev, MCH_SMBASE);

    if (old->smram & SMRAM_D_LCK) {
        pci_set8(dev, MCH_SMRAM, old->smram);
        pci_set8(dev, MCH_ESMRAMC, old->esmramc);
        pci_set16(dev, MCH_EXT_TSEG, old->ext_tseg);
    } else if (smram & SMRAM_D_LCK) {
        pci_set8(dev, MCH_SMRAM, smram & ~SMRAM_D_OPEN);
    }
    if (old->smbase == SMBASE_LOCKED || !mch->smbase_smram) {
        pci_set8(dev, MCH_SMBASE, old->smbase);
    } else if (smbase == SMBASE_QUERY) {
        pci_set8(dev, MCH_SMBASE, SMBASE_THERE);
    } else if (smbase != SMBASE_LOCKED) {
        pci_set8(dev, MCH_SMBASE, 0);
    }
}

static void mch_config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    Mch *mch = (Mch *)dev;
    SmramRegs old = smram_regs(mch);

    pci_config_default_write(dev, addr, value, len);
    keep_locks(mch, &old);
    if (pci_get16(dev, MCH_EXT_TSEG) == EXT_TSEG_QUERY && mch->ext_tseg_mbytes) {
        pci_set16(dev, MCH_EXT_TSEG, mch->ext_tseg_mbytes);
    }
    mch_update(mch);
}

static void mch_reset(PciDevice *dev, ResetKind kind)
{
    pci_set32(dev, MCH_PCIEXBAR, Q35_ECAM_BASE);
    pci_set32(dev, MCH_PCIEXBAR + 4, 0);
    memset(dev->config + MCH_PAM0, 0, 7);
    pci_set8(dev, MCH_SMBASE, 0);
    pci_set8(dev, MCH_SMRAM, 0x02);
    pci_set8(dev, MCH_ESMRAMC, 0x38);
    pci_set16(dev, MCH_EXT_TSEG, 0);
    mch_update((Mch *)dev);
}

void mch_open_for_direct_boot(PciDevice *mch)
{
    pci_config_write(mch, MCH_PCIEXBAR, Q35_ECAM_BASE | 1, 4);
    pci_config_write(mch, MCH_PAM0, 0x33333330, 4);
    pci_config_write(mch, MCH_PAM0 + 4, 0x33, 1);
    pci_config_write(mch, MCH_PAM0 + 5, 0x33, 1);
    pci_config_write(mch, MCH_PAM0 + 6, 0x33, 1);
}

static bool mch_realize(PciDevice *dev, GError **error)
{
    Mch *mch = (Mch *)dev;
    PcHost *host = pc_host_of(dev);

    mch->host = &host->host;
    mch->ram_below_4g = host->ram_below_4g;
    pci_wmask8(dev, MCH_SMRAM, SMRAM_WRITABLE);
    pci_wmask8(dev, MCH_ESMRAMC, ESMRAM_H | ESMRAM_SIZE | ESMRAM_T_EN);
    dev->w1cmask[MCH_ESMRAMC] = ESMRAM_ERROR;
    smram_init(&mch->smram, &dev->dev, host->smram_view, host->ram, &host->pci_mem, true);
    pam_init(&mch->pam, &dev->dev, host->ram, &host->pci_mem);
    return true;
}

static void mch_unrealize(PciDevice *dev)
{
    Mch *mch = (Mch *)dev;

    pam_clear(&mch->pam);
    smram_clear(&mch->smram);
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
    PROP(PROP_U16, Mch, ext_tseg_mbytes, "extended-tseg-mbytes", "16", .max = 0xfff),
    PROP(PROP_BOOL, Mch, smbase_smram, "smbase-smram", "on"),
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
static const PcHostOps host_ops = {
    .dev = { PC_HOST_DEVICE },
    .bus_type = TYPE_PCIE_BUS,
    .bus_name = "pcie.0",
    .bridge_type = "mch",
    .bridge_id = "mch",
    .slots_reserved = 1u << 0 | 1u << 31,
};

const TypeInfo q35_host_types[] = {
    { .name = "q35-pcihost",
      .parent = TYPE_PCI_HOST,
      .instance_size = sizeof(PcHost),
      .ops = &host_ops },
    { .name = "mch",
      .parent = TYPE_PCI_DEVICE,
      .instance_size = sizeof(Mch),
      .props = mch_props,
      .ops = &mch_ops },
};
const size_t q35_host_types_count = G_N_ELEMENTS(q35_host_types);
