/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bridges to a conventional bus: "pci-bridge" from another conventional bus, "pcie-pci-bridge" from PCI Express. Both
 * have 31 slots behind them with a hotplug controller (shpc.c), which the former does without when it is told so.
 */
#include "pci-priv.h"

typedef struct {
    PciBridge br; /* first */
    uint8_t chassis;
    bool want_shpc;
    OnOffAuto msi;
} PlainBridge;

typedef struct {
    PciBridge br; /* first */
    OnOffAuto msi;
} ExpressBridge;

#define STATUS_FAST 0x00a0 /* 66 MHz, fast back to back */

static bool add_msi(PciDevice *dev, OnOffAuto msi, uint8_t offset, GError **error)
{
    return msi == ONOFFAUTO_OFF || msi_init(dev, offset, 1, true, true, error);
}

static void say_fast(PciDevice *dev)
{
    pci_set16(dev, PCI_STATUS, pci_get16(dev, PCI_STATUS) | STATUS_FAST);
    pci_set16(dev, PCI_SEC_STATUS, STATUS_FAST);
}

static void bridge_unrealize(PciDevice *dev)
{
    shpc_exit(PCI_BRIDGE(dev));
    pci_bridge_exit(PCI_BRIDGE(dev));
}

static void bridge_reset(PciDevice *dev, ResetKind kind)
{
    pci_bridge_reset(PCI_BRIDGE(dev));
    if (PCI_BRIDGE(dev)->shpc) {
        shpc_reset(PCI_BRIDGE(dev));
    }
}

static void bridge_config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    pci_bridge_config_write(dev, addr, value, len);
    if (PCI_BRIDGE(dev)->shpc) {
        shpc_config_written(PCI_BRIDGE(dev), addr, len);
    }
}

/* What realize had begun before it failed. */
static bool undo(PciDevice *dev)
{
    bridge_unrealize(dev);
    return false;
}

static bool plain_realize(PciDevice *dev, GError **error)
{
    PlainBridge *b = (PlainBridge *)dev;
    uint8_t slot;

    if (b->want_shpc && !b->chassis) {
        return hw_config_error(
            error, "a bridge with hotplug needs a number: property 'chassis_nr', not 0");
    }
    say_fast(dev);
    pci_set8(dev, PCI_INTERRUPT_PIN, b->want_shpc);
    if (!pci_bridge_init(&b->br, TYPE_PCI_BUS, dev->dev.id ? dev->dev.id : "pci.1", error)) {
        return false;
    }
    if (b->want_shpc && !shpc_init(&b->br, 0, error)) {
        return undo(dev);
    }
    slot = pci_add_capability(dev, PCI_CAP_ID_SLOTID, 0, 4, error);
    if (!slot) {
        return undo(dev);
    }
    pci_set8(dev, slot + 2, 0x20); /* the first of its chassis, with no slots of its own */
    pci_set8(dev, slot + 3, b->chassis);
    pci_wmask8(dev, slot + 3, 0xff);
    return (b->want_shpc ? add_msi(dev, b->msi, 0, error) : true) || undo(dev);
}

static bool express_realize(PciDevice *dev, GError **error)
{
    ExpressBridge *b = (ExpressBridge *)dev;

    say_fast(dev);
    if (!pci_bridge_init(&b->br, TYPE_PCI_BUS, dev->dev.id ? dev->dev.id : "pci.1", error)) {
        return false;
    }
    if (!shpc_init(&b->br, 0, error) || !pcie_cap_init(dev, 0, PCI_EXP_TYPE_PCI_BRIDGE, 0, error) ||
        !pci_pm_init(dev, 0, error) || !add_msi(dev, b->msi, 0, error)) {
        return undo(dev);
    }
    pcie_cap_as_bridge(dev);
    pcie_aer_init(dev, 0x100);
    return true;
}

/* ---- migrated state ---- */
typedef struct {
    bool has_shpc; /* not on the wire: as the user says */
    PciDeviceSaved parent_obj;
    uint8_t shpc[SHPC_BYTES];
} BridgeSaved;

static bool has_shpc(const void *saved, uint32_t version)
{
    return ((const BridgeSaved *)saved)->has_shpc;
}

static const Field bridge_fields[] = {
    F_BOOL(BridgeSaved, has_shpc, .flags = FIELD_LOCAL),
    F_PCI_DEVICE(BridgeSaved, parent_obj),
    F_BUFFER(BridgeSaved, shpc, .flags = FIELD_GATED, .present = has_shpc, .wire_type = "shpc"),
    F_END,
};
static const Record plain_record = {
    .name = "pci_bridge",
    .size = sizeof(BridgeSaved),
    .fields = bridge_fields,
};
static const Record express_record = {
    .name = "pcie-pci-bridge",
    .size = sizeof(BridgeSaved),
    .fields = bridge_fields,
};

static void bridge_save(void *owner, void *saved)
{
    BridgeSaved *out = saved;
    const PciBridge *br = owner;

    pci_device_save(owner, &out->parent_obj);
    out->has_shpc = br->shpc != NULL;
    if (br->shpc) {
        memcpy(out->shpc, shpc_registers(br), SHPC_BYTES);
    }
}
static bool bridge_check(void *owner, const void *saved, GError **error)
{
    const BridgeSaved *in = saved;

    return pci_device_check(owner, &in->parent_obj, error) &&
           (!in->has_shpc || shpc_check(owner, in->shpc, error));
}
static void bridge_install(void *owner, const void *saved)
{
    const BridgeSaved *in = saved;

    pci_device_install(owner, &in->parent_obj);
    if (in->has_shpc) {
        shpc_install(owner, in->shpc);
    }
}
static const SectionOps bridge_section_ops = {
    .save = bridge_save,
    .check = bridge_check,
    .install = bridge_install,
};
#define BRIDGE_SECTION(record_)                                                                 \
    {                                                                                           \
        .record = &(record_), .ops = &bridge_section_ops, .priority = SECTION_PRIORITY_PCI_BUS, \
    }
static const SectionDesc plain_section = BRIDGE_SECTION(plain_record);
static const SectionDesc express_section = BRIDGE_SECTION(express_record);

static const Property plain_props[] = {
    PROP(PROP_U8, PlainBridge, chassis, "chassis_nr", "0"),
    PROP(PROP_BOOL, PlainBridge, want_shpc, "shpc", "on", .description = "on/off"),
    PROP(PROP_ONOFFAUTO, PlainBridge, msi, "msi", "auto", .description = "on/off/auto"),
    PROP_END,
};
static const Property express_props[] = {
    PROP(PROP_ONOFFAUTO, ExpressBridge, msi, "msi", "auto", .description = "on/off/auto"),
    PROP_END,
};

#define BRIDGE_OPS(device_, section_, realize_, ...)                                              \
    {                                                                                             \
        .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_BRIDGE, .user_creatable = true,     \
                 .section = &(section_) },                                                        \
        .vendor_id = PCI_VENDOR_REDHAT, .device_id = (device_), .class_id = PCI_CLASS_BRIDGE_PCI, \
        .is_bridge = true, .realize = (realize_), .unrealize = bridge_unrealize,                  \
        .reset = bridge_reset, .config_write = bridge_config_write, ##__VA_ARGS__                 \
    }
static const PciDeviceOps plain_ops = BRIDGE_OPS(0x0001, plain_section, plain_realize);
static const PciDeviceOps express_ops =
    BRIDGE_OPS(0x000e, express_section, express_realize, .express = true, .interrupt_pin = 1);

const TypeInfo pci_bridge_types[] = {
    { .name = "pci-bridge",
      .parent = "pci-bridge-base",
      .description = "Standard PCI Bridge",
      .instance_size = sizeof(PlainBridge),
      .props = plain_props,
      .ops = &plain_ops },
    { .name = "pcie-pci-bridge",
      .parent = "pci-bridge-base",
      .description = "PCI Express to PCI bridge",
      .instance_size = sizeof(ExpressBridge),
      .props = express_props,
      .ops = &express_ops },
};
const size_t pci_bridge_types_count = G_N_ELEMENTS(pci_bridge_types);
