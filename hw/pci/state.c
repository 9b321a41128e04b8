/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migrated state of the PCI part of a device, of the host bridge's address register and of the
 * buses' interrupt counts. Configuration space is compared in the bits that `cmask` names, less
 * those that the guest can change: a device of another kind or capability is refused.
 */
#include "pci-priv.h"

static bool is_conventional(const void *saved, uint32_t version)
{
    return !((const PciDeviceSaved *)saved)->express;
}
static bool is_express(const void *saved, uint32_t version)
{
    return ((const PciDeviceSaved *)saved)->express;
}

static const Field pci_device_fields[] = {
    F_BOOL(PciDeviceSaved, express, .flags = FIELD_LOCAL),
    F_I32(PciDeviceSaved, version_id, .flags = FIELD_AT_MOST, .wire_type = "int32 le"),
    { .name = "config",
      .kind = FIELD_BUFFER,
      .offset = offsetof(PciDeviceSaved, config),
      .size = PCI_CONFIG_SIZE,
      .flags = FIELD_GATED,
      .present = is_conventional,
      .wire_type = "pci config" },
    { .name = "config",
      .kind = FIELD_BUFFER,
      .offset = offsetof(PciDeviceSaved, config),
      .size = PCIE_CONFIG_SIZE,
      .flags = FIELD_GATED,
      .present = is_express,
      .wire_type = "pci config" },
    F_BUFFER(PciDeviceSaved, irq_state, .wire_type = "pci irq state"),
    F_END,
};
const Record pci_device_record = {
    .name = "PCIDevice",
    .version = 2,
    .min_version = 1,
    .size = sizeof(PciDeviceSaved),
    .fields = pci_device_fields,
};

void pci_device_save(PciDevice *dev, PciDeviceSaved *saved)
{
    saved->version_id = 2;
    saved->express = dev->config_size == PCIE_CONFIG_SIZE;
    memcpy(saved->config, dev->config, dev->config_size);
    /* The status bit is derived; a receiver sets it from irq_state. */
    saved->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
    for (int i = 0; i < PCI_INTX_PINS; i++) {
        st_be32(saved->irq_state + 4 * i, dev->irq_state >> i & 1);
    }
}

bool pci_device_check(PciDevice *dev, const PciDeviceSaved *saved, GError **error)
{
    for (uint32_t i = 0; i < dev->config_size; i++) {
        uint8_t fixed = dev->cmask[i] & ~dev->wmask[i] & ~dev->w1cmask[i];

        if ((saved->config[i] ^ dev->config[i]) & fixed) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "PCI configuration byte 0x%x is 0x%02x in the stream and 0x%02x here "
                        "(fixed bits 0x%02x)",
                        i, saved->config[i], dev->config[i], fixed);
            return false;
        }
    }
    for (int i = 0; i < PCI_INTX_PINS; i++) {
        if (ld_be32(saved->irq_state + 4 * i) > 1) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "PCI interrupt level %u of INT%c (limit 1)",
                        ld_be32(saved->irq_state + 4 * i), 'A' + i);
            return false;
        }
    }
    return true;
}

void pci_device_install(PciDevice *dev, const PciDeviceSaved *saved)
{
    memcpy(dev->config, saved->config, dev->config_size);
    dev->irq_state = 0;
    for (int i = 0; i < PCI_INTX_PINS; i++) {
        dev->irq_state |= ld_be32(saved->irq_state + 4 * i) << i;
    }
    if (dev->irq_state) {
        dev->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
    } else {
        dev->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
    }
    pci_bars_update(dev);
    pci_dma_update(dev);
    if (pci_bridge_bus(dev)) {
        pci_bridge_windows_update(PCI_BRIDGE(dev));
    }
    if (dev->msix_cap) {
        uint16_t ctrl = pci_get16(dev, dev->msix_cap + 2);

        dev->msix_function_masked = !(ctrl & 0x8000) || ctrl & 0x4000;
    }
}

/* ---- host ---- */
typedef struct {
    uint32_t config_reg;
} PciHostSaved;

static const Field host_fields[] = { F_U32(PciHostSaved, config_reg), F_END };
static const Record host_record = {
    .name = "PCIHost",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PciHostSaved),
    .fields = host_fields,
};
static void host_save(void *owner, void *saved)
{
    ((PciHostSaved *)saved)->config_reg = ((PciHost *)owner)->config_reg;
}
static void host_install(void *owner, const void *saved)
{
    ((PciHost *)owner)->config_reg = ((const PciHostSaved *)saved)->config_reg;
}
static const SectionOps host_section_ops = { .save = host_save, .install = host_install };
static const SectionDesc host_section = { .record = &host_record, .ops = &host_section_ops };

/* ---- buses: those behind bridges have no inputs of their own ---- */
typedef struct {
    int32_t nirq;
    uint32_t n;
    int32_t irq_count[32];
} PciBusSaved;

static const Field bus_fields[] = {
    F_U32(PciBusSaved, n, .flags = FIELD_LOCAL),
    F_I32(PciBusSaved, nirq, .flags = FIELD_EQUAL, .wire_type = "int32 equal"),
    { .name = "irq_count",
      .kind = FIELD_I32,
      .flags = FIELD_VARRAY,
      .size = sizeof(int32_t),
      .offset = offsetof(PciBusSaved, irq_count),
      .count = 32,
      .count_offset = offsetof(PciBusSaved, n) },
    F_END,
};
static const Record bus_record = {
    .name = "PCIBUS",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PciBusSaved),
    .fields = bus_fields,
};
static void bus_save(void *owner, void *saved)
{
    PciBusSaved *s = saved;
    PciBus *bus = owner;

    s->nirq = s->n = bus->n_irqs;
    memcpy(s->irq_count, bus->irq_count, sizeof(s->irq_count));
}
static bool bus_check(void *owner, const void *saved, GError **error)
{
    const PciBusSaved *s = saved;

    for (int i = 0; i < s->nirq && i < 32; i++) {
        if (s->irq_count[i] < 0 || s->irq_count[i] > PCI_DEVFN_MAX * 4) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "PCI bus input %d is held by %d devices (0 to %d possible)", i,
                        s->irq_count[i], PCI_DEVFN_MAX * 4);
            return false;
        }
    }
    return true;
}
static void bus_install(void *owner, const void *saved)
{
    memcpy(((PciBus *)owner)->irq_count, ((const PciBusSaved *)saved)->irq_count,
           sizeof(((PciBus *)owner)->irq_count));
}
static void bus_installed(void *owner)
{
    pci_bus_refresh_irqs(owner);
}
static const SectionOps bus_section_ops = {
    .save = bus_save,
    .check = bus_check,
    .install = bus_install,
    .installed = bus_installed,
};
static const SectionDesc bus_section = {
    .record = &bus_record,
    .ops = &bus_section_ops,
    .priority = SECTION_PRIORITY_PCI_BUS,
};

Section *pci_bus_register_section(PciBus *bus)
{
    return section_register(bus->bus.obj.vm, NULL, &bus_section, SECTION_INSTANCE_AUTO, bus);
}

void pci_host_register_sections(PciHost *host)
{
    Vm *vm = device_vm(&host->dev);

    host->host_section = section_register(vm, NULL, &host_section, SECTION_INSTANCE_AUTO, host);
    host->bus_section = pci_bus_register_section(host->bus);
}

void pci_host_unregister_sections(PciHost *host)
{
    Vm *vm = device_vm(&host->dev);

    section_unregister(vm, g_steal_pointer(&host->host_section));
    section_unregister(vm, g_steal_pointer(&host->bus_section));
}
