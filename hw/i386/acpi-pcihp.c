/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI hotplug through ACPI: 24 bytes of ports behind which each bus that takes devices while the
 * guest runs has a number (BSEL).
 *
 *   0 slots with a new device (read clears)    4 slots whose device is asked to go
 *   8 write: eject slots                       c slots whose device can go
 *  10 selects the bus                         14 write: slot; read: its acpi-index (0: none)
 *
 * A device that comes or is asked to go sets its slot's bit and raises GPE 1; the guest's _EJ0
 * writes the eject register, and the device leaves from the main loop. Buses that were added while
 * the guest ran have no number: PCI Express ports among them use their own slot registers.
 */
#include "acpi-hotplug.h"
#include "base/core/loop.h"

#define PCIHP_SIZE 24
#define NO_BUS     (-1)

enum {
    PCIHP_UP = 0x00,
    PCIHP_DOWN = 0x04,
    PCIHP_EJECT = 0x08,
    PCIHP_REMOVABLE = 0x0c,
    PCIHP_SELECT = 0x10,
    PCIHP_INDEX = 0x14,
};

int acpi_pcihp_bsel(const AcpiPm *pm, const PciBus *bus)
{
    for (unsigned i = 0; i < pm->pcihp.n_buses; i++) {
        if (pm->pcihp.buses[i] == bus) {
            return i;
        }
    }
    return NO_BUS;
}

static PciBus *selected(AcpiPm *pm)
{
    return pm->pcihp_select < pm->pcihp.n_buses ? pm->pcihp.buses[pm->pcihp_select] : NULL;
}

/* ---- slots ---- */
static bool removable(const PciDevice *dev)
{
    return device_ops(&dev->dev)->hotpluggable;
}

/* A slot can be emptied when each of its functions can go. */
static uint32_t removable_slots(const PciBus *bus)
{
    uint32_t slots = 0, fixed = 0;

    for (int devfn = 0; devfn < PCI_DEVFN_MAX; devfn++) {
        if (bus->devices[devfn]) {
            *(removable(bus->devices[devfn]) ? &slots : &fixed) |= 1u << PCI_SLOT(devfn);
        }
    }
    return ~fixed;
}

static void remove_slot(PciBus *bus, int slot)
{
    for (int fn = 7; fn >= 0; fn--) {
        PciDevice *dev = bus->devices[PCI_DEVFN(slot, fn)];

        if (dev && removable(dev)) {
            device_remove(&dev->dev);
        }
    }
}

/* Ejections that the guest asked for, outside its access. */
static void eject_pending(void *opaque)
{
    AcpiPm *pm = opaque;

    for (unsigned b = 0; b < pm->pcihp.n_buses; b++) {
        uint32_t slots = pm->pcihp.ejecting[b];

        pm->pcihp.ejecting[b] = 0;
        for (int slot = 0; slot < 32 && pm->pcihp.buses[b]; slot++) {
            if (slots >> slot & 1) {
                remove_slot(pm->pcihp.buses[b], slot);
            }
        }
    }
}

static void eject(AcpiPm *pm, unsigned bsel, uint32_t slots)
{
    pm->pcihp_status[bsel][1] &= ~slots;
    pm->pcihp_status[bsel][0] &= ~slots;
    pm->pcihp.ejecting[bsel] |= slots;
    loop_call(pm->vm, eject_pending, pm);
}

/* ---- what the PCI core tells ---- */
static bool plugged(void *opaque, PciDevice *dev)
{
    AcpiPm *pm = opaque;
    int bsel = acpi_pcihp_bsel(pm, pci_device_bus(dev));

    if (bsel == NO_BUS) {
        return false;
    }
    if (dev->dev.hotplugged) {
        pm->pcihp_status[bsel][0] |= 1u << PCI_SLOT(dev->devfn);
        acpi_pm_gpe(pm, ACPI_GPE_PCI);
    }
    return true;
}

static bool unplug_request(void *opaque, PciDevice *dev)
{
    AcpiPm *pm = opaque;
    int bsel = acpi_pcihp_bsel(pm, pci_device_bus(dev));

    if (bsel == NO_BUS) {
        return false;
    }
    pm->pcihp_status[bsel][1] |= 1u << PCI_SLOT(dev->devfn);
    acpi_pm_gpe(pm, ACPI_GPE_PCI);
    return true;
}

static void bus_gone(void *opaque, PciBus *bus)
{
    AcpiPm *pm = opaque;
    int bsel = acpi_pcihp_bsel(pm, bus);

    if (bsel != NO_BUS) {
        pm->pcihp.buses[bsel] = NULL;
    }
}

static const PciHotplugOps hotplug_ops = {
    .plugged = plugged,
    .unplug_request = unplug_request,
    .bus_gone = bus_gone,
};

/* ---- registers ---- */
static uint64_t pcihp_read(void *opaque, uint64_t addr, unsigned size)
{
    AcpiPm *pm = opaque;
    PciBus *bus = selected(pm);
    uint32_t *status = bus ? pm->pcihp_status[pm->pcihp_select] : NULL, value;

    switch (addr) {
    case PCIHP_UP:
        value = status ? status[0] : 0;
        if (status) {
            status[0] = 0;
        }
        return value;
    case PCIHP_DOWN: return status ? status[1] : 0;
    case PCIHP_REMOVABLE: return bus ? removable_slots(bus) : 0;
    case PCIHP_SELECT: return pm->pcihp_select;
    default: return 0; /* the eject register reads as features: none; no device has an index */
    }
}

static void pcihp_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;

    switch (addr) {
    case PCIHP_EJECT:
        if (selected(pm)) {
            eject(pm, pm->pcihp_select, value);
        }
        break;
    case PCIHP_SELECT: pm->pcihp_select = value; break;
    case PCIHP_INDEX: pm->pcihp_index = 0; break;
    }
}

static const RegionOps pcihp_ops = {
    .read = pcihp_read,
    .write = pcihp_write,
    .valid = { 4, 4 },
    .impl = { 4, 4 },
};

/* ---- life ---- */
void acpi_pcihp_init(AcpiPm *pm, uint16_t port)
{
    memory_region_init_io(&pm->pcihp.mr, pm->vm, &pm->owner->obj, &pcihp_ops, pm,
                          "acpi-pci-hotplug", PCIHP_SIZE);
    memory_region_add(memory_io_region(pm->vm), port, &pm->pcihp.mr);
    pm->pcihp.port = port;
}

void acpi_pcihp_clear(AcpiPm *pm)
{
    if (pm->pcihp.port) {
        memory_region_clear(&pm->pcihp.mr);
    }
}

/* A guest that starts again does not know what it was asked for: those devices go now. */
void acpi_pcihp_reset(AcpiPm *pm)
{
    for (unsigned b = 0; b < pm->pcihp.n_buses; b++) {
        if (pm->pcihp_status[b][1] && pm->pcihp.buses[b]) {
            eject(pm, b, pm->pcihp_status[b][1]);
        }
        memset(pm->pcihp_status[b], 0, sizeof(pm->pcihp_status[b]));
    }
    pm->pcihp_select = 0;
    pm->pcihp_index = 0;
}

static bool takes_number(const AcpiPm *pm, const PciBus *bus)
{
    if (!bus->bridge) {
        return pm->pcihp.root;
    }
    return pm->pcihp.bridges && (!bus->single_slot || bus->bus.hotpluggable);
}

static void number_bus(AcpiPm *pm, PciBus *bus)
{
    if (takes_number(pm, bus) && pm->pcihp.n_buses < ACPI_PCIHP_BUSES) {
        bus->bus.hotpluggable = true;
        pm->pcihp.buses[pm->pcihp.n_buses++] = bus;
    }
    for (int devfn = 0; devfn < PCI_DEVFN_MAX; devfn++) {
        PciBus *sec = bus->devices[devfn] ? pci_bridge_bus(bus->devices[devfn]) : NULL;

        if (sec) {
            number_bus(pm, sec);
        }
    }
}

void acpi_pcihp_number(AcpiPm *pm, PciHost *host)
{
    if (!pm->pcihp.port) {
        return;
    }
    number_bus(pm, host->bus);
    host->hotplug = &hotplug_ops;
    host->hotplug_opaque = pm;
}

/* ---- what the guest is told: names that pci_nodes() gave the devices ---- */
static void slot_name(char out[5], int slot)
{
    g_snprintf(out, 5, "S%03X", PCI_DEVFN(slot, 0));
}

void acpi_pcihp_slot_aml(Aml *a, int slot)
{
    aml_name_int(a, "_SUN", slot);
    aml_method(a, "_EJ0", 1, false);
    aml_name_string(a, "\\_SB.PCI0.PCEJ");
    aml_name_string(a, "BSEL");
    aml_name_string(a, "_SUN");
    aml_close(a);
}

/* Slots without a device, so that one can appear there. */
static void empty_slots(Aml *a, const PciBus *bus)
{
    for (int slot = 0; slot < (bus->single_slot ? 1 : 32); slot++) {
        char name[5];

        if (bus->devices[PCI_DEVFN(slot, 0)] || bus->slots_reserved >> slot & 1) {
            continue;
        }
        slot_name(name, slot);
        aml_device(a, name);
        aml_name_int(a, "_ADR", (uint32_t)slot << 16);
        acpi_pcihp_slot_aml(a, slot);
        aml_close(a);
    }
}

bool acpi_pcihp_slot_ejectable(const AcpiPm *pm, const PciBus *bus, int devfn)
{
    const PciDevice *dev = bus->devices[devfn];

    return acpi_pcihp_bsel(pm, bus) != NO_BUS && PCI_FUNC(devfn) == 0 && dev && removable(dev);
}

static void notify_method(Aml *a, const AcpiPm *pm, const PciBus *bus)
{
    aml_method(a, "DVNT", 2, false);
    for (int slot = 0; slot < (bus->single_slot ? 1 : 32); slot++) {
        char name[5];
        const PciDevice *dev = bus->devices[PCI_DEVFN(slot, 0)];

        if (bus->slots_reserved >> slot & 1 || (dev && !removable(dev))) {
            continue;
        }
        slot_name(name, slot);
        aml_if(a);
        aml_byte(a, AML_AND);
        aml_byte(a, AML_ARG0);
        aml_int(a, 1u << slot);
        aml_byte(a, AML_ZERO);
        aml_notify(a, name);
        aml_byte(a, AML_ARG1);
        aml_close(a);
    }
    aml_close(a);
}

static bool tells_below(const AcpiPm *pm, PciBus *bus)
{
    if (acpi_pcihp_bsel(pm, bus) != NO_BUS) {
        return true;
    }
    for (int devfn = 0; devfn < PCI_DEVFN_MAX; devfn++) {
        PciBus *sec = bus->devices[devfn] ? pci_bridge_bus(bus->devices[devfn]) : NULL;

        if (sec && tells_below(pm, sec)) {
            return true;
        }
    }
    return false;
}

void acpi_pcihp_bus_aml(Aml *a, const AcpiPm *pm, PciBus *bus)
{
    int bsel = acpi_pcihp_bsel(pm, bus);

    if (!tells_below(pm, bus)) {
        return;
    }
    if (bsel != NO_BUS) {
        aml_name_int(a, "BSEL", bsel);
        empty_slots(a, bus);
        notify_method(a, pm, bus);
    }
    aml_method(a, "PCNT", 0, false);
    if (bsel != NO_BUS) {
        aml_store_int(a, bsel, "\\_SB.PCI0.BNUM");
        aml_name_string(a, "DVNT");
        aml_name_string(a, "\\_SB.PCI0.PCIU");
        aml_int(a, 1); /* device check */
        aml_name_string(a, "DVNT");
        aml_name_string(a, "\\_SB.PCI0.PCID");
        aml_int(a, 3); /* eject request */
    }
    for (int devfn = 0; devfn < PCI_DEVFN_MAX; devfn++) {
        PciBus *sec = bus->devices[devfn] ? pci_bridge_bus(bus->devices[devfn]) : NULL;

        if (sec && tells_below(pm, sec)) {
            g_autofree char *name = g_strdup_printf("^S%03X.PCNT", devfn);

            aml_name_string(a, name);
        }
    }
    aml_close(a);
}

/* Registers and the two methods that all buses share; in the scope of the host bridge. */
void acpi_pcihp_root_aml(Aml *a, const AcpiPm *pm)
{
    AmlResources *r = aml_res_new();

    aml_device(a, "PHPR");
    aml_name_eisaid(a, "_HID", "PNP0A06");
    aml_name_str(a, "_UID", "PCI hotplug registers");
    aml_name_int(a, "_STA", 0x0b);
    aml_res_io(r, pm->pcihp.port, pm->pcihp.port, 1, PCIHP_SIZE);
    aml_name_resources(a, "_CRS", r);
    aml_close(a);
    aml_io_region(a, "PCST", pm->pcihp.port, PCIHP_SIZE);
    aml_field(a, "PCST", AML_FIELD_DWORD_WRITE_ZEROS);
    aml_field_unit(a, "PCIU", 32);
    aml_field_unit(a, "PCID", 32);
    aml_field_unit(a, "B0EJ", 32);
    aml_field_gap(a, 32);
    aml_field_unit(a, "BNUM", 32);
    aml_close(a);
    aml_mutex(a, "BLCK");
    aml_method(a, "PCEJ", 2, false);
    aml_acquire(a, "BLCK");
    aml_store_op(a, AML_ARG0, "BNUM");
    aml_byte(a, AML_SHIFT_LEFT);
    aml_byte(a, AML_ONE);
    aml_byte(a, AML_ARG1);
    aml_name_string(a, "B0EJ");
    aml_release(a, "BLCK");
    aml_close(a);
}

void acpi_pcihp_gpe_aml(Aml *a, const AcpiPm *pm, PciBus *root)
{
    aml_method(a, "\\_GPE._E01", 0, false);
    if (root && tells_below(pm, root)) {
        aml_acquire(a, "\\_SB.PCI0.BLCK");
        aml_name_string(a, "\\_SB.PCI0.PCNT");
        aml_release(a, "\\_SB.PCI0.BLCK");
    }
    aml_close(a);
}
