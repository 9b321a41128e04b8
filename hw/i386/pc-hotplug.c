/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What plugs into a PC board itself: the region for memory devices, their slots, and the hooks that
 * send CPUs and memory to the ACPI hotplug registers.
 *
 * Device memory begins at the first GiB boundary above RAM. Each slot may waste up to a GiB to
 * alignment, so that the region is that much larger than maxmem asks for.
 */
#include "base/memory/backend.h"
#include "hw/i386/cpu-device.h"
#include "hw/misc/vmgenid.h"
#include "pc-priv.h"
#include "vtd.h"

#define DIMM_ALIGN (2 * MiB)

/* ---- the region ---- */
bool pc_devmem_build(PcMachine *pc, GError **error)
{
    const Machine *m = &pc->machine;
    uint64_t top = 4 * GiB + pc->ram_above_4g;

    if (m->max_ram_bytes <= m->ram_bytes) {
        return true;
    }
    if (!m->ram_slots) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "invalid value of maxmem: memory slots weren't specified, use slots=");
        return false;
    }
    if (m->ram_slots > ACPI_MEM_SLOTS || m->max_ram_bytes > 512 * GiB) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "slots=%u,maxmem=%" G_GUINT64_FORMAT
                    " is too much (limits %d and %" G_GUINT64_FORMAT ")",
                    m->ram_slots, m->max_ram_bytes, ACPI_MEM_SLOTS, (uint64_t)(512 * GiB));
        return false;
    }
    pc->devmem.base = (top + GiB - 1) & ~(uint64_t)(GiB - 1);
    pc->devmem.size = m->max_ram_bytes - m->ram_bytes + m->ram_slots * GiB;
    return true;
}

uint64_t pc_devmem_end(const PcMachine *pc)
{
    return pc->devmem.size ? pc->devmem.base + pc->devmem.size : 4 * GiB + pc->ram_above_4g;
}

/* ---- a DIMM's slot and address ---- */
static bool give_slot(PcMachine *pc, PcDimm *d, GError **error)
{
    unsigned n = pc->machine.ram_slots;

    if (!pc->devmem.size) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_HOTPLUG,
                    "no slots were allocated, please specify the 'slots' option");
        return false;
    }
    if (d->slot >= (int)n) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "invalid slot number %d, valid range is [0-%u]", d->slot, n - 1);
        return false;
    }
    if (d->slot >= 0) {
        if (!pc->devmem.slots[d->slot]) {
            return true;
        }
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "slot %d is busy", d->slot);
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!pc->devmem.slots[i]) {
            d->slot = i;
            return true;
        }
    }
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "no free slots available");
    return false;
}

/* The DIMM that overlaps [addr, addr + size), NULL if none does. */
static const PcDimm *overlapping(const PcMachine *pc, uint64_t addr, uint64_t size)
{
    for (unsigned i = 0; i < ACPI_MEM_SLOTS; i++) {
        const PcDimm *other = pc->devmem.slots[i];

        if (other && addr < other->addr + pc_dimm_size(other) && other->addr < addr + size) {
            return other;
        }
    }
    return NULL;
}

static bool give_address(PcMachine *pc, PcDimm *d, uint64_t size, GError **error)
{
    uint64_t base = pc->devmem.base, end = base + pc->devmem.size, addr = d->addr;
    const PcDimm *other;

    if (!addr) {
        addr = base;
        while ((other = overlapping(pc, addr, size))) {
            addr =
                (other->addr + pc_dimm_size(other) + DIMM_ALIGN - 1) & ~(uint64_t)(DIMM_ALIGN - 1);
        }
    }
    if (addr % DIMM_ALIGN || addr < base || addr >= end || size > end - addr) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "can't add memory device [0x%" G_GINT64_MODIFIER "x:0x%" G_GINT64_MODIFIER
                    "x], usable range for memory devices [0x%" G_GINT64_MODIFIER
                    "x:0x%" G_GINT64_MODIFIER "x], in steps of 0x%x",
                    addr, size, base, pc->devmem.size, (unsigned)DIMM_ALIGN);
        return false;
    }
    if (overlapping(pc, addr, size)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY,
                    "address range conflicts with memory device in slot %d",
                    overlapping(pc, addr, size)->slot);
        return false;
    }
    d->addr = addr;
    return true;
}

static bool dimm_pre_plug(PcMachine *pc, PcDimm *d, GError **error)
{
    const Machine *m = &pc->machine;
    uint64_t limit = m->max_ram_bytes - m->ram_bytes, size;

    if (!d->memdev) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "'memdev' property is not set");
        return false;
    }
    size = pc_dimm_size(d);
    if (!size || size % DIMM_ALIGN) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    size ? "memory backend '%s' of %" G_GUINT64_FORMAT
                           " bytes is not a multiple of 2 MiB"
                         : "there is no memory backend '%s' of more than %" G_GUINT64_FORMAT
                           " bytes",
                    d->memdev, size ? size : d->label_bytes);
        return false;
    }
    if (pc_dimm_is_nvdimm(d) && !pc->nvdimm) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "nvdimm is not enabled: add 'nvdimm=on' to '-M'");
        return false;
    }
    if (!give_slot(pc, d, error)) {
        return false;
    }
    if (size > limit - pc->devmem.used_bytes) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "not enough space, currently 0x%" G_GINT64_MODIFIER
                    "x in use of total space for memory devices 0x%" G_GINT64_MODIFIER "x",
                    pc->devmem.used_bytes, limit);
        return false;
    }
    return give_address(pc, d, size, error);
}

static void dimm_plugged(PcMachine *pc, PcDimm *d)
{
    pc->devmem.slots[d->slot] = d;
    pc->devmem.used_bytes += pc_dimm_size(d);
    memory_region_add(memory_system_region(device_vm(&d->dev)), d->addr, &d->mr);
    if (!pc_dimm_is_nvdimm(d)) {
        acpi_memhp_plugged(pc->pm, d);
        return;
    }
    pc->nvdimms.fit_changed = true;
    if (d->dev.hotplugged) {
        acpi_pm_gpe(pc->pm, ACPI_GPE_NVDIMM);
    }
}

static void dimm_unplugged(PcMachine *pc, PcDimm *d)
{
    if (pc->devmem.slots[d->slot] == d) {
        pc->devmem.slots[d->slot] = NULL;
        pc->devmem.used_bytes -= pc_dimm_size(d);
    }
}

/* ---- IOMMU ---- */
static bool vtd_pre_plug(PcMachine *pc, Device *dev, GError **error)
{
    if (!pc->chipset->has_ecam) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS, "intel-iommu needs a q35 board");
        return false;
    }
    if (pc->vtd) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "the board has an IOMMU already");
        return false;
    }
    vtd_connect(dev, pc->pci_host, pc->apic_bus);
    return true;
}

/* ---- generation id ---- */
static bool is_genid(const Device *dev)
{
    return object_is_a(&dev->obj, TYPE_VMGENID);
}

static void genid_changed(void *opaque)
{
    acpi_pm_gpe(((PcMachine *)opaque)->pm, ACPI_GPE_GENID);
}

static bool genid_pre_plug(PcMachine *pc, Device *dev, GError **error)
{
    if (pc->genid) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY,
                    "at most one vmgenid device is permitted");
        return false;
    }
    vmgenid_connect(dev, genid_changed, pc);
    return true;
}

/* ---- hooks ---- */
static bool is_vtd(const Device *dev)
{
    return object_is_a(&dev->obj, TYPE_VTD);
}

static bool is_dimm(const Device *dev)
{
    return object_is_a(&dev->obj, "pc-dimm");
}

bool pc_pre_plug(Machine *m, Device *dev, GError **error)
{
    PcMachine *pc = (PcMachine *)m;

    if (dev->hotplugged && pc->acpi == ONOFFAUTO_OFF) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_HOTPLUG,
                    "the board cannot tell the guest of a new device: it has acpi=off");
        return false;
    }
    if (is_vtd(dev)) {
        return vtd_pre_plug(pc, dev, error);
    }
    if (is_genid(dev)) {
        return genid_pre_plug(pc, dev, error);
    }
    return is_dimm(dev) ? dimm_pre_plug(pc, PC_DIMM(dev), error) : pc_cpu_pre_plug(pc, dev, error);
}

void pc_plugged(Machine *m, Device *dev)
{
    if (is_vtd(dev)) {
        ((PcMachine *)m)->vtd = dev;
        return;
    }
    if (is_genid(dev)) {
        ((PcMachine *)m)->genid = dev;
        return;
    }
    is_dimm(dev) ? dimm_plugged((PcMachine *)m, PC_DIMM(dev)) : pc_cpu_plugged((PcMachine *)m, dev);
}

bool pc_unplug_request(Machine *m, Device *dev, GError **error)
{
    PcMachine *pc = (PcMachine *)m;

    if (!is_dimm(dev)) {
        return pc_cpu_unplug_request(pc, dev, error);
    }
    if (pc_dimm_is_nvdimm(PC_DIMM(dev))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_HOTPLUG,
                    "nvdimm device hot unplug is not supported yet.");
        return false;
    }
    acpi_memhp_unplug_request(pc->pm, PC_DIMM(dev));
    return true;
}

void pc_unplugged(Machine *m, Device *dev)
{
    if (is_vtd(dev)) {
        ((PcMachine *)m)->vtd = NULL;
        return;
    }
    if (is_genid(dev)) {
        ((PcMachine *)m)->genid = NULL;
        return;
    }
    is_dimm(dev) ? dimm_unplugged((PcMachine *)m, PC_DIMM(dev))
                 : pc_cpu_unplugged((PcMachine *)m, dev);
}

void pc_visit_memory(Machine *m, void (*fn)(Device *dev, void *opaque), void *opaque)
{
    PcMachine *pc = (PcMachine *)m;

    for (unsigned i = 0; i < ACPI_MEM_SLOTS; i++) {
        if (pc->devmem.slots[i]) {
            fn(&pc->devmem.slots[i]->dev, opaque);
        }
    }
}

void pc_visit_ost(Machine *m, AcpiOstVisit fn, void *opaque)
{
    const AcpiPm *pm = ((PcMachine *)m)->pm;

    acpi_memhp_visit(pm, fn, opaque);
    acpi_cpuhp_visit(pm, fn, opaque);
}

void pc_hotplug_build(PcMachine *pc)
{
    acpi_cpuhp_init(pc->pm, pc->chipset->has_ecam ? ICH9_CPUHP_PORT : PIIX4_CPUHP_PORT,
                    pc->apic_ids, pc->machine.smp.max_cpus);
    acpi_memhp_init(pc->pm, PC_MEMHP_PORT, pc->devmem.size ? pc->machine.ram_slots : 0);
    if (pc->nvdimm) {
        static const NvdimmPersistence of_choice[] = { NVDIMM_PERSISTENCE_UNKNOWN,
                                                       NVDIMM_PERSISTENCE_CPU,
                                                       NVDIMM_PERSISTENCE_MEM_CTRL };

        nvdimm_board_init(&pc->nvdimms, &pc->machine.dev, pc->devmem.slots, pc->machine.ram_slots);
        pc->nvdimms.persistence = of_choice[pc->nvdimm_persistence];
    }
}

/* Without ACPI, ports use their own registers. */
void pc_hotplug_start(PcMachine *pc)
{
    if (pc->acpi != ONOFFAUTO_OFF) {
        acpi_pcihp_number(pc->pm, pc->pci_host);
    }
}

/* ---- reports of the guest ---- */
#define OST_EJECT_REQUEST 3
#define OST_EJECT         0x103
#define OST_IN_PROGRESS   0x84

void acpi_ost_report(AcpiPm *pm, const char *slot_type, unsigned slot, Device *dev, uint32_t source,
                     uint32_t status)
{
    GVariantBuilder info, data;
    g_autofree char *name = g_strdup_printf("%u", slot);

    g_variant_builder_init(&info, G_VARIANT_TYPE_VARDICT);
    if (dev && dev->id) {
        g_variant_builder_add(&info, "{sv}", "device", g_variant_new_string(dev->id));
    }
    g_variant_builder_add(&info, "{sv}", "slot", g_variant_new_string(name));
    g_variant_builder_add(&info, "{sv}", "slot-type", g_variant_new_string(slot_type));
    g_variant_builder_add(&info, "{sv}", "source", g_variant_new_int64(source));
    g_variant_builder_add(&info, "{sv}", "status", g_variant_new_int64(status));
    g_variant_builder_init(&data, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&data, "{sv}", "info", g_variant_builder_end(&info));
    vm_event(pm->vm, "ACPI_DEVICE_OST", g_variant_builder_end(&data));
    if ((source == OST_EJECT_REQUEST || source == OST_EJECT) && status &&
        status != OST_IN_PROGRESS && dev && dev->pending_deleted) {
        device_unplug_refused(dev);
    }
}
