/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The q35 machines: their types, and the chipset: MCH, ICH9 LPC bridge, SMBus, SATA.
 *
 * RAM ends below 4 GiB at b0000000, where ECAM begins, or at 80000000 when there is more than that.
 */
#include "hw/i2c/smbus.h"
#include "hw/core/compat.h"
#include "hw/i386/pc.h"
#include "pc-priv.h"

static bool build(PcMachine *pc, GError **error)
{
    Device *dev;

    if (!pc_build_host(pc, "q35-pcihost", "/machine/q35", error)) {
        return false;
    }
    dev = device_new(device_vm(&pc->machine.dev), "ICH9-LPC", error);
    if (!dev || !object_set_str(&dev->obj, "addr", "1f.0", error) ||
        !object_set_str(&dev->obj, "multifunction", "on", error) ||
        !pc_realize(dev, &pc->pci_host->bus->bus, NULL, error)) {
        return false;
    }
    pc->lpc = (Ich9Lpc *)dev;
    pc->pm = &pc->lpc->pm;
    pc_smm_build(pc);
    pc_connect_isa(pc, dev);
    ich9_lpc_connect(pc->lpc, pc->pci_host->bus, pc->gsi);
    return true;
}

static bool build_smbus(PcMachine *pc, GError **error)
{
    Device *dev = device_new(device_vm(&pc->machine.dev), "ICH9-SMB", error);

    return dev && object_set_str(&dev->obj, "addr", "1f.3", error) &&
           object_set_str(&dev->obj, "multifunction", "on", error) &&
           pc_realize(dev, &pc->pci_host->bus->bus, NULL, error) &&
           smbus_add_eeproms(ich9_smb_bus(dev), error);
}

/* Disks on function 2 of the LPC's slot. */
static bool build_sata(PcMachine *pc, GError **error)
{
    Device *dev = device_new(device_vm(&pc->machine.dev), "ich9-ahci", error);

    return dev && object_set_str(&dev->obj, "addr", "1f.2", error) &&
           object_set_str(&dev->obj, "multifunction", "on", error) &&
           pc_realize(dev, &pc->pci_host->bus->bus, NULL, error);
}

static bool build_rest(PcMachine *pc, GError **error)
{
    return (!pc->sata || build_sata(pc, error)) && (!pc->smbus || build_smbus(pc, error));
}

static bool publish(PcMachine *pc, GError **error)
{
    return ich9_lpc_publish_smi(pc->lpc, pc->fw_cfg, error);
}

static void open_for_direct_boot(PcMachine *pc)
{
    mch_open_for_direct_boot(pc->host->bridge);
    ich9_lpc_open_for_direct_boot(pc->lpc);
}

static int pirq_to_irq(PcMachine *pc, int n)
{
    return ich9_lpc_pirq_to_irq(pc->lpc, n);
}

const PcChipset pc_chipset_q35 = {
    .hole_base = Q35_PCI_HOLE_BASE,
    .has_ecam = true,
    .build = build,
    .build_rest = build_rest,
    .publish = publish,
    .open_for_direct_boot = open_for_direct_boot,
    .pirq_to_irq = pirq_to_irq,
};

static bool q35_build(Machine *m, GError **error)
{
    PcMachine *pc = (PcMachine *)m;

    return pc_build(pc, &pc_chipset_q35, m->ram_bytes >= Q35_ECAM_BASE ? 2 * GiB : Q35_ECAM_BASE,
                    error);
}

static const Property q35_props[] = {
    PROP(PROP_BOOL, PcMachine, smbus, "smbus", "on",
         .description = "Enable/disable system management bus"),
    PROP(PROP_BOOL, PcMachine, sata, "sata", "on", .description = "Enable/disable Serial ATA bus"),
    PROP_END,
};

static const CompatProp *const no_compat[] = { NULL };

#define Q35_OPS                                                             \
    PC_OPS, .family = "pc_q35", .ide_units_per_bus = 1, .build = q35_build, \
            .description = "Standard PC (Q35 + ICH9, 2009)"

static const MachineOps q35_ferry_1_0_ops = {
    Q35_OPS,
    .machine_name = "pc-q35-ferry-1.0",
    .is_default = true,
    .alias = "q35",
    .stream_version = 4,
    .compat = no_compat,
};
static const MachineOps q35_10_0_ops = {
    Q35_OPS,
    .machine_name = "pc-q35-10.0",
    .stream_version = 3,
    .compat = hw_stream_v3_compat,
};

/* Never released: keeps the way of an older machine type walked, so that it is there when needed. */
static const MachineOps q35_ferry_0_9_ops = {
    Q35_OPS,
    .machine_name = "pc-q35-ferry-0.9",
    .deprecated = "it exists for tests only",
    .stream_version = 4,
    .compat = pc_ferry_0_9_compat,
};

const TypeInfo q35_machine_types[] = {
    { .name = "q35-machine-base",
      .parent = "pc-machine-base",
      .abstract = true,
      .props = q35_props },
    { .name = "pc-q35-ferry-1.0-machine", .parent = "q35-machine-base", .ops = &q35_ferry_1_0_ops },
    { .name = "pc-q35-ferry-0.9-machine", .parent = "q35-machine-base", .ops = &q35_ferry_0_9_ops },
    { .name = "pc-q35-10.0-machine", .parent = "q35-machine-base", .ops = &q35_10_0_ops },
};
const size_t q35_machine_types_count = G_N_ELEMENTS(q35_machine_types);
