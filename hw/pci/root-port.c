/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "pcie-root-port": a root port with one slot that devices can be plugged into while the guest
 * runs (PCIe Base 5.0, 6.7 and 7.5.3).
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
    uint16_t chassis, slot;
    bool hotplug;
    uint16_t sltsta_saved;
    PciDevice *leaving; /* unplug asked for */
} RootPort;
#define ROOT_PORT(obj_) ((RootPort *)(obj_))

#define SLT_EVENTS           (PCI_EXP_SLT_ABP | PCI_EXP_SLT_PDC | PCI_EXP_SLT_CC | PCI_EXP_SLT_DLLSC)
#define SLTCTL_POWER_IND_ON  0x0100
#define SLTCTL_POWER_IND_OFF 0x0300
#define LNKSTA_DLLLA         0x2000

bool pcie_is_port(const PciDevice *dev)
{
    return object_is_a(&dev->dev.obj, "pcie-root-port");
}

static void slot_event(PciDevice *dev, uint16_t events)
{
    uint8_t at = dev->exp_cap;
    uint16_t sta = pci_get16(dev, at + PCI_EXP_SLTSTA) | events;
    uint16_t ctl = pci_get16(dev, at + PCI_EXP_SLTCTL);
    uint16_t enabled = (ctl & 0x1f) | (ctl & PCI_EXP_SLTCTL_DLLSCE ? PCI_EXP_SLT_DLLSC : 0);

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
    pci_set16(dev, at + PCI_EXP_LNKSTA, lnk | (present ? LNKSTA_DLLLA : 0));
}

void pcie_slot_plugged(PciDevice *port, PciDevice *dev, bool cold)
{
    set_presence(port, true);
    if (!cold) {
        slot_event(port, PCI_EXP_SLT_PDC | PCI_EXP_SLT_DLLSC | PCI_EXP_SLT_ABP);
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
    slot_event(port, PCI_EXP_SLT_PDC | PCI_EXP_SLT_DLLSC);
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

static void slot_init(RootPort *rp)
{
    PciDevice *dev = &rp->br.pci;
    uint8_t at = dev->exp_cap;
    uint32_t cap = (uint32_t)rp->slot << 19;

    pci_set16(dev, at + PCI_EXP_FLAGS, pci_get16(dev, at + PCI_EXP_FLAGS) | 0x0100);
    pci_set32(dev, at + PCI_EXP_LNKCAP, pci_get32(dev, at + PCI_EXP_LNKCAP) | 1 << 20);
    if (rp->hotplug) {
        cap |= 0x7b | 0x20000; /* buttons, power, indicators, hotplug capable; interlock */
    }
    pci_set32(dev, at + PCI_EXP_SLTCAP, cap);
    pci_wmask16(dev, at + PCI_EXP_SLTCTL, 0x17ff);
    pci_w1cmask16(dev, at + PCI_EXP_SLTSTA, SLT_EVENTS);
    pci_wmask16(dev, at + PCI_EXP_RTCTL, 0x000f);
    pci_w1cmask32(dev, at + PCI_EXP_RTSTA, 0x00010000);
    pci_set32(dev, at + PCI_EXP_DEVCAP2, 1 << 5); /* ARI forwarding */
    pci_wmask16(dev, at + PCI_EXP_DEVCTL2, 1 << 5);
}

static bool port_realize(PciDevice *dev, GError **error)
{
    RootPort *rp = ROOT_PORT(dev);
    g_autofree char *name = g_strdup(dev->dev.id ? dev->dev.id : "pcie.port");
    uint8_t ssvid;

    if (pci_device_bus(dev)->bridge) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "pcie-root-port must be on a root bus, and '%s' is behind a bridge",
                    bus_name(dev->dev.bus));
        return false;
    }
    if (!msix_init_own_bar(dev, 1, 0, error) ||
        !pcie_cap_init(dev, 0x54, PCI_EXP_TYPE_ROOT_PORT, rp->port, error)) {
        return false;
    }
    ssvid = pci_add_capability(dev, PCI_CAP_ID_SSVID, 0, 8, error);
    if (!ssvid) {
        return false;
    }
    pci_set32(dev, ssvid + 4, PCI_VENDOR_REDHAT);
    pcie_aer_init(dev, 0x100);
    slot_init(rp);
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

    pci_bridge_reset(&rp->br);
    pci_set16(dev, at + PCI_EXP_SLTCTL,
              present ? SLTCTL_POWER_IND_ON : SLTCTL_POWER_IND_OFF | PCI_EXP_SLTCTL_PCC);
    pci_set16(dev, at + PCI_EXP_SLTSTA, 0);
    set_presence(dev, present);
    if (rp->leaving) {
        loop_call(device_vm(&dev->dev), remove_leaving, rp);
    }
}

/* ---- migrated state ---- */
typedef struct {
    PciDeviceSaved pci;
    uint16_t aer_log_num;
} PortSaved;

static const Field aer_fields[] = {
    F_U16(PortSaved, aer_log_num, .name = "log_num", .min = 0, .max = 0),
    F_END,
};
static const Record aer_record = {
    .name = "PCIE_AER_ERROR_LOG",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PortSaved),
    .fields = aer_fields,
};
static const Field port_fields[] = {
    F_PCI_DEVICE(PortSaved, pci, .name = "parent_obj.parent_obj.parent_obj"),
    { .name = "parent_obj.parent_obj.parent_obj.exp.aer_log",
      .kind = FIELD_STRUCT,
      .offset = 0,
      .size = sizeof(PortSaved),
      .record = &aer_record },
    F_END,
};
static const Record port_record = {
    .name = "pcie-root-port",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PortSaved),
    .fields = port_fields,
};
static void port_save(void *owner, void *saved)
{
    pci_device_save(owner, &((PortSaved *)saved)->pci);
    ((PortSaved *)saved)->aer_log_num = 0;
}
static bool port_check(void *owner, const void *saved, GError **error)
{
    const PortSaved *s = saved;

    if (s->aer_log_num) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "root port carries %u logged errors (limit 0)", s->aer_log_num);
        return false;
    }
    return pci_device_check(owner, &s->pci, error);
}
static void port_install(void *owner, const void *saved)
{
    pci_device_install(owner, &((const PortSaved *)saved)->pci);
}
static const SectionOps port_section_ops = {
    .save = port_save,
    .check = port_check,
    .install = port_install,
};
static const SectionDesc port_section = {
    .record = &port_record,
    .ops = &port_section_ops,
    .priority = SECTION_PRIORITY_PCI_BUS,
};

static const Property pcie_root_port_props[] = {
    PROP(PROP_U8, RootPort, port, "port", "0"),
    PROP(PROP_U16, RootPort, chassis, "chassis", "0"),
    PROP(PROP_U16, RootPort, slot, "slot", "0", .max = 8191),
    PROP(PROP_BOOL, RootPort, hotplug, "hotplug", "on"),
    PROP_END,
};

static const PciDeviceOps pcie_root_port_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_BRIDGE, .user_creatable = true,
             .section = &port_section },
    .vendor_id = PCI_VENDOR_REDHAT,
    .device_id = 0x000c,
    .class_id = PCI_CLASS_BRIDGE_PCI,
    .interrupt_pin = 1,
    .is_bridge = true,
    .express = true,
    .realize = port_realize,
    .unrealize = port_unrealize,
    .reset = port_reset,
    .config_write = port_config_write,
};

const TypeInfo pci_port_types[] = {
    { .name = "pcie-root-port",
      .parent = "pci-bridge-base",
      .description = "PCI Express Root Port",
      .instance_size = sizeof(RootPort),
      .props = pcie_root_port_props,
      .ops = &pcie_root_port_ops },
};
const size_t pci_port_types_count = G_N_ELEMENTS(pci_port_types);
