/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Root ports with one slot each that devices can be plugged into while the guest runs (PCIe Base 5.0, 6.7
 * and 7.5.3): "pcie-root-port", and "ioh3420", a port of an Intel chip set (Intel 5520 datasheet). They differ in
 * numbers, and in that the one has MSI-X, the other MSI.
 *
 * Hotplug: a device that comes sets Presence Detect and Link Active with their "changed" bits; a
 * request to unplug sets Attention Button Pressed, and the device goes when the guest has turned
 * slot power off. Events interrupt by MSI-X vector 0, MSI or INTx, whichever the guest enabled.
 */
#include "base/core/loop.h"
#include "pci-priv.h"

typedef struct {
    PciBridge br; /* first */
    uint8_t port;
    uint8_t chassis;
    uint16_t slot, aer_log_max;
    bool hotplug, no_acs, power_controller;
    PciDevice *leaving; /* unplug asked for */
} RootPort;
#define ROOT_PORT(obj_) ((RootPort *)(obj_))

/* Numbers of a kind of port. */
typedef struct {
    PciDeviceOps pci; /* first */
    uint16_t subsystem_vendor;
    uint8_t msi_cap; /* 0: MSI-X */
    uint8_t exp_cap;
    uint16_t acs_cap; /* 0: none */
    uint8_t speed, width;
} RootPortOps;

#define SLT_EVENTS           (PCI_EXP_SLT_ABP | PCI_EXP_SLT_PDC | PCI_EXP_SLT_CC)
#define SLTCTL_ATTENTION_OFF 0x00c0
#define SLTCTL_POWER_IND_ON  0x0100
#define SLTCTL_POWER_IND_OFF 0x0300
#define SLTCAP_POWER         0x00000002
#define LNKCAP_DLLLA         0x00100000
#define LNKSTA_DLLLA         0x2000

static const RootPortOps *port_ops(const PciDevice *dev)
{
    return object_ops(&dev->dev.obj);
}

bool pcie_is_port(const PciDevice *dev)
{
    return object_is_a(&dev->dev.obj, "pcie-root-port-base");
}

static void slot_event(PciDevice *dev, uint16_t events)
{
    uint8_t at = dev->exp_cap;
    uint16_t sta = pci_get16(dev, at + PCI_EXP_SLTSTA) | events;
    uint16_t ctl = pci_get16(dev, at + PCI_EXP_SLTCTL);
    uint16_t enabled = ctl & 0x1f;

    pci_set16(dev, at + PCI_EXP_SLTSTA, sta);
    if (!(ctl & PCI_EXP_SLTCTL_HPIE) || !(sta & enabled & SLT_EVENTS)) {
        if (!msix_enabled(dev) && !msi_enabled(dev)) {
            pci_set_irq(dev, 0);
        }
        return;
    }
    if (!events) {
        return;
    }
    if (msix_enabled(dev)) {
        msix_notify(dev, 0);
    } else if (msi_enabled(dev)) {
        msi_notify(dev, 0);
    } else {
        pci_set_irq(dev, 1);
    }
}

static void set_presence(PciDevice *dev, bool present)
{
    uint8_t at = dev->exp_cap;
    uint16_t sta = pci_get16(dev, at + PCI_EXP_SLTSTA) & ~PCI_EXP_SLTSTA_PDS;
    uint16_t lnk = pci_get16(dev, at + PCI_EXP_LNKSTA) & ~LNKSTA_DLLLA;

    pci_set16(dev, at + PCI_EXP_SLTSTA, sta | (present ? PCI_EXP_SLTSTA_PDS : 0));
    if (pci_get32(dev, at + PCI_EXP_LNKCAP) & LNKCAP_DLLLA) {
        pci_set16(dev, at + PCI_EXP_LNKSTA, lnk | (present ? LNKSTA_DLLLA : 0));
    }
}

void pcie_slot_plugged(PciDevice *port, PciDevice *dev, bool cold)
{
    set_presence(port, true);
    if (!cold) {
        slot_event(port, PCI_EXP_SLT_PDC | PCI_EXP_SLT_ABP);
    }
}

void pcie_slot_emptied(PciDevice *port)
{
    ROOT_PORT(port)->leaving = NULL;
    if (port->config) {
        set_presence(port, false);
    }
}

bool pcie_slot_unplug_request(PciDevice *port, PciDevice *dev, GError **error)
{
    RootPort *rp = ROOT_PORT(port);

    if (!rp->hotplug) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_HOTPLUG,
                    "slot of '%s' has no hotplug (property hotplug=off)",
                    port->dev.id ? port->dev.id : "pcie-root-port");
        return false;
    }
    rp->leaving = dev;
    slot_event(port, PCI_EXP_SLT_ABP);
    return true;
}

/* The guest turned the slot off: the device may go. Done from the main loop, outside its access. */
static void remove_leaving(void *opaque)
{
    RootPort *rp = opaque;
    PciDevice *port = &rp->br.pci;
    PciDevice *dev = rp->leaving;

    if (!dev) {
        return;
    }
    rp->leaving = NULL;
    device_remove(&dev->dev);
    slot_event(port, PCI_EXP_SLT_PDC);
}

static void slot_control_written(RootPort *rp, uint16_t old)
{
    PciDevice *dev = &rp->br.pci;
    uint16_t ctl = pci_get16(dev, dev->exp_cap + PCI_EXP_SLTCTL);
    bool off = ctl & PCI_EXP_SLTCTL_PCC && (ctl & PCI_EXP_SLTCTL_PIC) == SLTCTL_POWER_IND_OFF;

    if (off && rp->leaving &&
        !(old & PCI_EXP_SLTCTL_PCC && (old & PCI_EXP_SLTCTL_PIC) == SLTCTL_POWER_IND_OFF)) {
        loop_call(device_vm(&dev->dev), remove_leaving, rp);
    }
    slot_event(dev, PCI_EXP_SLT_CC); /* commands take no time */
}

static void port_config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    uint32_t ctl_at = dev->exp_cap + PCI_EXP_SLTCTL;
    uint16_t old = pci_get16(dev, ctl_at);

    pci_bridge_config_write(dev, addr, value, len);
    if (addr < ctl_at + 2 && addr + len > ctl_at) {
        slot_control_written(ROOT_PORT(dev), old);
    } else if (addr < ctl_at + 4 && addr + len > ctl_at + 2) {
        slot_event(dev, 0);
    }
}

static void link_init(RootPort *rp)
{
    PciDevice *dev = &rp->br.pci;
    const RootPortOps *ops = port_ops(dev);
    uint8_t at = dev->exp_cap;
    uint16_t link = (uint16_t)(ops->width << 4 | ops->speed);
    uint32_t cap = pci_get32(dev, at + PCI_EXP_LNKCAP) & ~0x3ffu;

    pci_set32(dev, at + PCI_EXP_LNKCAP, cap | link);
    pci_set16(dev, at + PCI_EXP_LNKSTA, link);
    if (ops->speed > 1) { /* says when its link is up, and which speeds there are */
        pci_set32(dev, at + PCI_EXP_LNKCAP, cap | link | LNKCAP_DLLLA | 0x200000);
        pci_set32(dev, at + PCI_EXP_LNKCAP2, (2u << ops->speed) - 2);
        pci_set16(dev, at + PCI_EXP_LNKCTL2, ops->speed);
    }
}

static void slot_init(RootPort *rp)
{
    PciDevice *dev = &rp->br.pci;
    uint8_t at = dev->exp_cap;
    uint32_t cap = (uint32_t)rp->slot << 19;

    pci_set16(dev, at + PCI_EXP_FLAGS, pci_get16(dev, at + PCI_EXP_FLAGS) | 0x0100);
    if (rp->hotplug) {
        cap |= 0x79 | 0x20000; /* buttons, indicators, hotplug capable; interlock */
        cap |= rp->power_controller ? SLTCAP_POWER : 0;
    }
    pci_set32(dev, at + PCI_EXP_SLTCAP, cap);
    pci_wmask16(dev, at + PCI_EXP_SLTCTL, rp->power_controller ? 0x07f9 : 0x03f9);
    pci_w1cmask16(dev, at + PCI_EXP_SLTSTA, SLT_EVENTS);
    pci_wmask16(dev, at + PCI_EXP_RTCTL, 0x0007);
    pci_w1cmask32(dev, at + PCI_EXP_RTSTA, 0x00010000);
}

static bool add_messages(PciDevice *dev, GError **error)
{
    uint8_t at = port_ops(dev)->msi_cap;

    return at ? msi_init(dev, at, 2, false, true, error) : msix_init_own_bar(dev, 1, 0, error);
}

static bool port_realize(PciDevice *dev, GError **error)
{
    RootPort *rp = ROOT_PORT(dev);
    const RootPortOps *ops = port_ops(dev);
    g_autofree char *name = g_strdup(dev->dev.id ? dev->dev.id : "pcie.port");
    uint8_t ssvid;

    if (pci_device_bus(dev)->bridge) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "%s must be on a root bus, and '%s' is behind a bridge",
                    object_type_name(&dev->dev.obj), bus_name(dev->dev.bus));
        return false;
    }
    ssvid = pci_add_capability(dev, PCI_CAP_ID_SSVID, 0x40, 8, error);
    if (!ssvid || !add_messages(dev, error) ||
        !pcie_cap_init(dev, ops->exp_cap, PCI_EXP_TYPE_ROOT_PORT, rp->port, error)) {
        return false;
    }
    pci_set32(dev, ssvid + 4, ops->subsystem_vendor);
    pcie_cap_as_bridge(dev);
    link_init(rp);
    slot_init(rp);
    pcie_aer_init(dev, 0x100);
    pcie_aer_as_root(dev);
    if (ops->acs_cap && !rp->no_acs) {
        pcie_acs_init(dev, ops->acs_cap);
    }
    rp->br.port = true;
    if (!pci_bridge_init(&rp->br, TYPE_PCIE_BUS, name, error)) {
        return false;
    }
    rp->br.sec->single_slot = true;
    rp->br.sec->bus.hotpluggable = rp->hotplug;
    return true;
}

static void port_unrealize(PciDevice *dev)
{
    pci_bridge_exit(PCI_BRIDGE(dev));
}

static void port_reset(PciDevice *dev, ResetKind kind)
{
    RootPort *rp = ROOT_PORT(dev);
    uint8_t at = dev->exp_cap;
    bool present = rp->br.sec && rp->br.sec->devices[0];
    uint16_t power = rp->power_controller ? PCI_EXP_SLTCTL_PCC : 0;

    pci_bridge_reset(&rp->br);
    pci_set16(dev, at + PCI_EXP_SLTCTL,
              SLTCTL_ATTENTION_OFF |
                  (present ? SLTCTL_POWER_IND_ON : SLTCTL_POWER_IND_OFF | power));
    pci_set16(dev, at + PCI_EXP_SLTSTA, 0);
    set_presence(dev, present);
    if (rp->leaving) {
        loop_call(device_vm(&dev->dev), remove_leaving, rp);
    }
}

/* ---- migrated state ---- */
typedef struct {
    PciDeviceSaved pci;
    uint16_t aer_log_num, aer_log_max;
    bool has_msix;    /* not on the wire: the kind of port */
    uint8_t msix[17]; /* of one vector: its entry, and whether it is pending */
} PortSaved;

static bool has_msix(const void *saved, uint32_t version)
{
    return ((const PortSaved *)saved)->has_msix;
}

static const Field aer_fields[] = {
    F_U16(PortSaved, aer_log_num, .name = "log_num"),
    F_U16(PortSaved, aer_log_max, .name = "log_max", .flags = FIELD_EQUAL,
          .wire_type = "uint16 equal"),
    F_END,
};
static const Record aer_record = {
    .name = "PCIE_AER_ERROR_LOG",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PortSaved),
    .fields = aer_fields,
};
static const Field msix_fields[] = {
    F_BUFFER(PortSaved, msix, .wire_type = "msix state"),
    F_END,
};
static const Record msix_record = {
    .name = "msix",
    .size = sizeof(PortSaved),
    .fields = msix_fields,
};
static const Field port_fields[] = {
    F_BOOL(PortSaved, has_msix, .flags = FIELD_LOCAL),
    F_PCI_DEVICE(PortSaved, pci, .name = "parent_obj.parent_obj.parent_obj"),
    { .name = "parent_obj.parent_obj.parent_obj.exp.aer_log",
      .kind = FIELD_STRUCT,
      .size = sizeof(PortSaved),
      .record = &aer_record },
    { .name = "parent_obj.parent_obj.parent_obj.parent_obj",
      .kind = FIELD_STRUCT,
      .size = sizeof(PortSaved),
      .flags = FIELD_GATED,
      .present = has_msix,
      .record = &msix_record },
    F_END,
};
#define PORT_RECORD(name_)                                                          \
    {                                                                               \
        .name = (name_), .version = 1, .min_version = 1, .size = sizeof(PortSaved), \
        .fields = port_fields,                                                      \
    }
static const Record root_port_record = PORT_RECORD("pcie-root-port");
static const Record ioh3420_record = PORT_RECORD("ioh-3240-express-root-port"); /* sic */

static void port_save(void *owner, void *saved)
{
    PortSaved *out = saved;
    PciDevice *dev = owner;

    pci_device_save(dev, &out->pci);
    out->aer_log_max = ROOT_PORT(dev)->aer_log_max;
    out->has_msix = dev->msix_cap;
    if (dev->msix_cap) {
        msix_save(dev, out->msix, out->msix + msix_table_bytes(dev));
    }
}
static bool port_check(void *owner, const void *saved, GError **error)
{
    const PortSaved *in = saved;

    if (in->aer_log_num) {
        return hw_config_error(error, "root port carries %u logged errors (limit 0)",
                               in->aer_log_num);
    }
    return pci_device_check(owner, &in->pci, error);
}
static void port_install(void *owner, const void *saved)
{
    const PortSaved *in = saved;
    PciDevice *dev = owner;

    pci_device_install(dev, &in->pci);
    if (in->has_msix) {
        msix_load(dev, in->msix, in->msix + msix_table_bytes(dev));
    }
}
static const SectionOps port_section_ops = {
    .save = port_save,
    .check = port_check,
    .install = port_install,
};
#define PORT_SECTION(record_)                                                                 \
    {                                                                                         \
        .record = &(record_), .ops = &port_section_ops, .priority = SECTION_PRIORITY_PCI_BUS, \
    }
static const SectionDesc root_port_section = PORT_SECTION(root_port_record);
static const SectionDesc ioh3420_section = PORT_SECTION(ioh3420_record);

static const Property port_props[] = {
    PROP(PROP_U8, RootPort, port, "port", "0"),
    PROP(PROP_U8, RootPort, chassis, "chassis", "0"),
    PROP(PROP_U16, RootPort, slot, "slot", "0", .max = 8191),
    PROP(PROP_U16, RootPort, aer_log_max, "aer_log_max", "8", .max = 128),
    PROP(PROP_BOOL, RootPort, hotplug, "hotplug", "on", .description = "on/off"),
    PROP(PROP_BOOL, RootPort, power_controller, "power_controller_present", "on",
         .description = "on/off"),
    PROP(PROP_BOOL, RootPort, no_acs, "disable-acs", "off", .description = "on/off"),
    PROP_END,
};

#define PORT_PCI(section_, ...)                                                                   \
    {                                                                                             \
        .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_BRIDGE, .user_creatable = true,     \
                 .section = &(section_) },                                                        \
        .class_id = PCI_CLASS_BRIDGE_PCI, .interrupt_pin = 1, .is_bridge = true, .express = true, \
        .realize = port_realize, .unrealize = port_unrealize, .reset = port_reset,                \
        .config_write = port_config_write, ##__VA_ARGS__                                          \
    }

static const RootPortOps root_port_ops = {
    .pci = PORT_PCI(root_port_section, .vendor_id = PCI_VENDOR_REDHAT, .device_id = 0x000c),
    .subsystem_vendor = PCI_VENDOR_REDHAT,
    .exp_cap = 0x54,
    .acs_cap = 0x148,
    .speed = 4, /* 16 GT/s */
    .width = 32,
};
static const RootPortOps ioh3420_ops = {
    .pci = PORT_PCI(ioh3420_section, .vendor_id = PCI_VENDOR_INTEL, .device_id = 0x3420,
                    .revision = 2),
    .subsystem_vendor = PCI_VENDOR_INTEL,
    .msi_cap = 0x60,
    .exp_cap = 0x90,
    .speed = 1, /* 2.5 GT/s */
    .width = 1,
};

const TypeInfo pci_port_types[] = {
    { .name = "pcie-root-port-base",
      .parent = "pci-bridge-base",
      .abstract = true,
      .instance_size = sizeof(RootPort),
      .props = port_props },
    { .name = "pcie-root-port",
      .parent = "pcie-root-port-base",
      .description = "PCI Express Root Port",
      .ops = &root_port_ops },
    { .name = "ioh3420",
      .parent = "pcie-root-port-base",
      .description = "Intel IOH device id 3420 PCIE Root Port",
      .ops = &ioh3420_ops },
};
const size_t pci_port_types_count = G_N_ELEMENTS(pci_port_types);
