/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pc machines: their types, and the chipset: 440FX, PIIX3 ISA bridge, PIIX4 power management.
 *
 * RAM ends below 4 GiB at e0000000, or at c0000000 when there is more than that.
 */
#include "hw/core/compat.h"
#include "hw/i386/pc.h"
#include "pc-priv.h"

static Device *add_function(PcMachine *pc, const char *type, const char *addr, bool first,
                            GError **error)
{
    Device *dev = device_new(device_vm(&pc->machine.dev), type, error);

    return dev && object_set_str(&dev->obj, "addr", addr, error) &&
                   object_set_str(&dev->obj, "multifunction", first ? "on" : "off", error) &&
                   pc_realize(dev, &pc->pci_host->bus->bus, NULL, error)
               ? dev
               : NULL;
}

/* The power management function comes first: others ask it about SMM and ACPI. */
static bool build(PcMachine *pc, GError **error)
{
    if (!pc_build_host(pc, "i440FX-pcihost", "/machine/i440fx", error)) {
        return false;
    }
    pc->piix3 = (Piix3 *)add_function(pc, "PIIX3", "1.0", true, error);
    pc->piix4 = pc->piix3 ? (Piix4Pm *)add_function(pc, "PIIX4_PM", "1.3", false, error) : NULL;
    if (!pc->piix4) {
        return false;
    }
    pc->pm = &pc->piix4->pm;
    pc_smm_build(pc);
    pc_connect_isa(pc, &pc->piix3->pci.dev);
    piix3_connect(pc->piix3, pc->pci_host->bus, pc->gsi);
    pc->piix4->sci = pc->gsi[PC_ACPI_SCI_IRQ];
    return true;
}

static bool build_rest(PcMachine *pc, GError **error)
{
    Device *ide = add_function(pc, "piix3-ide", "1.1", false, error);

    if (!ide) {
        return false;
    }
    device_connect_out(ide, NULL, 0, pc->gsi[14]);
    device_connect_out(ide, "secondary", 0, pc->gsi[15]);
    return smbus_add_eeproms(pc->piix4->smb.bus, error);
}

static void open_for_direct_boot(PcMachine *pc)
{
    i440fx_open_for_direct_boot(pc->host->bridge);
    piix3_open_for_direct_boot(pc->piix3);
    piix4_pm_open_for_direct_boot(pc->piix4);
}

static int pirq_to_irq(PcMachine *pc, int n)
{
    return piix3_pirq_to_irq(pc->piix3, n);
}

const PcChipset pc_chipset_i440fx = {
    .hole_base = 0xe0000000ull,
    .has_fdc = true,
    .build = build,
    .build_rest = build_rest,
    .open_for_direct_boot = open_for_direct_boot,
    .pirq_to_irq = pirq_to_irq,
};

static bool i440fx_build(Machine *m, GError **error)
{
    PcMachine *pc = (PcMachine *)m;

    return pc_build(pc, &pc_chipset_i440fx, m->ram_bytes >= 0xe0000000ull ? 3 * GiB : 0xe0000000ull,
                    error);
}

static const CompatProp *const no_compat[] = { NULL };
#define I440FX_OPS                                      \
    PC_OPS, .family = "pc_piix", .build = i440fx_build, \
            .description = "Standard PC (i440FX + PIIX, 1996)"

static const MachineOps i440fx_ferry_1_0_ops = {
    I440FX_OPS,          .machine_name = "pc-i440fx-ferry-1.0", .alias = "pc", .stream_version = 4,
    .compat = no_compat,
};
static const MachineOps i440fx_10_0_ops = {
    I440FX_OPS,
    .machine_name = "pc-i440fx-10.0",
    .stream_version = 3,
    .compat = hw_stream_v3_compat,
};

/* Never released, like pc-q35-ferry-0.9. */
static const MachineOps i440fx_ferry_0_9_ops = {
    I440FX_OPS,
    .machine_name = "pc-i440fx-ferry-0.9",
    .deprecated = "it exists for tests only",
    .stream_version = 4,
    .compat = pc_ferry_0_9_compat,
};

const TypeInfo i440fx_machine_types[] = {
    { .name = "pc-i440fx-ferry-1.0-machine",
      .parent = "pc-machine-base",
      .ops = &i440fx_ferry_1_0_ops },
    { .name = "pc-i440fx-ferry-0.9-machine",
      .parent = "pc-machine-base",
      .ops = &i440fx_ferry_0_9_ops },
    { .name = "pc-i440fx-10.0-machine", .parent = "pc-machine-base", .ops = &i440fx_10_0_ops },
};
const size_t i440fx_machine_types_count = G_N_ELEMENTS(i440fx_machine_types);
