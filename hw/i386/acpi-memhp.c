/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory hotplug through ACPI: 24 bytes of ports, a selector with a window on the selected slot.
 *
 *          read                              write
 *   0      address, 64 bits                  selects a slot (0-3), _OST event (4-7)
 *   8      size, 64 bits                     _OST status (8-11)
 *  10      NUMA node
 *  14      status: 0 enabled, 1 inserted,    1 and 2 clear those events, 3 ejects
 *          2 asked to go
 */
#include "acpi-hotplug.h"
#include "base/core/loop.h"

#define MEMHP_SIZE 24

enum {
    MEMHP_ADDR = 0x00,
    MEMHP_SIZE_LO = 0x08,
    MEMHP_NODE = 0x10,
    MEMHP_STATUS = 0x14,
    MEMHP_SELECT = 0x00, /* writes */
    MEMHP_OST_EVENT = 0x04,
    MEMHP_OST_STATUS = 0x08,
};
enum {
    ST_ENABLED = 1,
    ST_INSERTING = 2,
    ST_REMOVING = 4,
    ST_EJECT = 8,
};

static AcpiMemSlot *selected(AcpiPm *pm)
{
    return pm->memhp_selector < pm->memhp_count ? &pm->memhp[pm->memhp_selector] : NULL;
}

/* ---- registers ---- */
static uint64_t memhp_read(void *opaque, uint64_t addr, unsigned size)
{
    AcpiPm *pm = opaque;
    const AcpiMemSlot *slot = selected(pm);
    PcDimm *dimm = slot ? slot->dimm : NULL;

    if (!slot) {
        return 0;
    }
    switch (addr) {
    case MEMHP_ADDR: return dimm ? (uint32_t)dimm->addr : 0;
    case MEMHP_ADDR + 4: return dimm ? dimm->addr >> 32 : 0;
    case MEMHP_SIZE_LO: return dimm ? (uint32_t)pc_dimm_size(dimm) : 0;
    case MEMHP_SIZE_LO + 4: return dimm ? pc_dimm_size(dimm) >> 32 : 0;
    case MEMHP_NODE: return dimm ? dimm->node : 0;
    case MEMHP_STATUS:
        return (slot->enabled ? ST_ENABLED : 0) | (slot->inserting ? ST_INSERTING : 0) |
               (slot->removing ? ST_REMOVING : 0);
    default: return 0;
    }
}

/* Ejections that the guest asked for, outside its access. */
static void eject_pending(void *opaque)
{
    AcpiPm *pm = opaque;

    for (unsigned n = 0; n < pm->memhp_count; n++) {
        AcpiMemSlot *slot = &pm->memhp[n];
        PcDimm *dimm = slot->dimm;

        if (slot->ejecting && dimm) {
            *slot = (AcpiMemSlot){ .ost_event = slot->ost_event, .ost_status = slot->ost_status };
            device_remove(&dimm->dev);
        }
        slot->ejecting = false;
    }
}

static void status_write(AcpiPm *pm, AcpiMemSlot *slot, uint32_t value)
{
    if (value & ST_INSERTING) {
        slot->inserting = false;
    } else if (value & ST_REMOVING) {
        slot->removing = false;
    } else if (value & ST_EJECT && slot->enabled && slot->dimm) {
        slot->ejecting = true;
        loop_call(pm->vm, eject_pending, pm);
    }
}

static void memhp_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;
    AcpiMemSlot *slot;

    if (addr == MEMHP_SELECT) {
        pm->memhp_selector = value;
        return;
    }
    slot = selected(pm);
    if (!slot) {
        return;
    }
    switch (addr) {
    case MEMHP_OST_EVENT: slot->ost_event = value; break;
    case MEMHP_OST_STATUS:
        slot->ost_status = value;
        acpi_ost_report(pm, "DIMM", pm->memhp_selector, slot->dimm ? &slot->dimm->dev : NULL,
                        slot->ost_event, value);
        break;
    case MEMHP_STATUS: status_write(pm, slot, value); break;
    }
}

static const RegionOps memhp_ops = {
    .read = memhp_read,
    .write = memhp_write,
    .valid = { 1, 4 },
    .impl = { 1, 4 },
};

/* ---- life ---- */
void acpi_memhp_init(AcpiPm *pm, uint16_t port, unsigned slots)
{
    g_assert(slots <= ACPI_MEM_SLOTS);
    pm->memhp_count = slots;
    if (!slots) {
        return;
    }
    pm->memhp_port = port;
    memory_region_init_io(&pm->memhp_mr, pm->vm, &pm->owner->obj, &memhp_ops, pm,
                          "acpi-mem-hotplug", MEMHP_SIZE);
    memory_region_add(memory_io_region(pm->vm), port, &pm->memhp_mr);
}

void acpi_memhp_clear(AcpiPm *pm)
{
    if (pm->memhp_port) {
        memory_region_clear(&pm->memhp_mr);
    }
}

void acpi_memhp_reset(AcpiPm *pm)
{
    pm->memhp_selector = 0;
    for (unsigned n = 0; n < pm->memhp_count; n++) {
        pm->memhp[n].inserting = pm->memhp[n].removing = false;
    }
}

void acpi_memhp_plugged(AcpiPm *pm, PcDimm *dimm)
{
    AcpiMemSlot *slot = &pm->memhp[dimm->slot];

    slot->dimm = dimm;
    slot->enabled = true;
    if (dimm->dev.hotplugged) {
        slot->inserting = true;
        acpi_pm_gpe(pm, ACPI_GPE_MEMORY);
    }
}

void acpi_memhp_unplug_request(AcpiPm *pm, PcDimm *dimm)
{
    pm->memhp[dimm->slot].removing = true;
    acpi_pm_gpe(pm, ACPI_GPE_MEMORY);
}

void acpi_memhp_visit(const AcpiPm *pm, AcpiOstVisit visit, void *opaque)
{
    for (unsigned n = 0; n < pm->memhp_count; n++) {
        const AcpiMemSlot *s = &pm->memhp[n];

        visit("DIMM", n, s->dimm ? &s->dimm->dev : NULL, s->ost_event, s->ost_status, opaque);
    }
}

/* ---- what the guest is told ---- */
static void registers_aml(Aml *a, const AcpiPm *pm)
{
    AmlResources *r = aml_res_new();

    aml_res_io(r, pm->memhp_port, pm->memhp_port, 1, MEMHP_SIZE);
    aml_name_resources(a, "_CRS", r);
    aml_io_region(a, "MHPR", pm->memhp_port, MEMHP_SIZE);
    aml_field(a, "MHPR", AML_FIELD_DWORD_PRESERVE);
    aml_field_unit(a, "MRBL", 32);
    aml_field_unit(a, "MRBH", 32);
    aml_field_unit(a, "MRLL", 32);
    aml_field_unit(a, "MRLH", 32);
    aml_field_unit(a, "MPX", 32);
    aml_close(a);
    aml_field(a, "MHPR", AML_FIELD_BYTE_WRITE_ZEROS);
    aml_field_gap(a, 20 * 8);
    aml_field_unit(a, "MES", 1);
    aml_field_unit(a, "MINS", 1);
    aml_field_unit(a, "MRMV", 1);
    aml_field_unit(a, "MEJ", 1);
    aml_close(a);
    aml_field(a, "MHPR", AML_FIELD_DWORD_PRESERVE);
    aml_field_unit(a, "MSEL", 32);
    aml_field_unit(a, "MOEV", 32);
    aml_field_unit(a, "MOSC", 32);
    aml_close(a);
    aml_mutex(a, "MLCK");
}

static void select_slot(Aml *a)
{
    aml_acquire(a, "MLCK");
    aml_store_op(a, AML_ARG0, "MSEL");
}

static void status_methods(Aml *a)
{
    aml_method(a, "MSTA", 1, true);
    select_slot(a);
    aml_byte(a, AML_STORE);
    aml_byte(a, AML_ZERO);
    aml_byte(a, AML_LOCAL0);
    aml_if(a);
    aml_name_string(a, "MES");
    aml_byte(a, AML_STORE);
    aml_int(a, 0x0f);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);
    aml_release(a, "MLCK");
    aml_return(a);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);

    aml_method(a, "MPXM", 1, true);
    select_slot(a);
    aml_byte(a, AML_STORE);
    aml_name_string(a, "MPX");
    aml_byte(a, AML_LOCAL0);
    aml_release(a, "MLCK");
    aml_return(a);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);

    aml_method(a, "MEJ0", 1, true);
    select_slot(a);
    aml_store_int(a, 1, "MEJ");
    aml_release(a, "MLCK");
    aml_close(a);

    aml_method(a, "MOST", 3, true);
    select_slot(a);
    aml_store_op(a, AML_ARG1, "MOEV");
    aml_store_op(a, AML_ARG2, "MOSC");
    aml_release(a, "MLCK");
    aml_close(a);
}

/* target = high << 32 | low */
static void join_halves(Aml *a, const char *high, const char *low, const char *target)
{
    aml_byte(a, AML_SHIFT_LEFT);
    aml_name_string(a, high);
    aml_int(a, 32);
    aml_byte(a, AML_LOCAL0);
    aml_byte(a, AML_OR);
    aml_byte(a, AML_LOCAL0);
    aml_name_string(a, low);
    aml_name_string(a, target);
}

static void resources_method(Aml *a)
{
    AmlResources *r = aml_res_new();

    aml_method(a, "MCRS", 1, true);
    select_slot(a);
    aml_res_qword_memory(r, 0, 0xfffffffffffffffe, true);
    aml_name_resources(a, "MR64", r);
    aml_create_qword_field(a, "MR64", 14, "MINA");
    aml_create_qword_field(a, "MR64", 22, "MAXA");
    aml_create_qword_field(a, "MR64", 38, "LENA");
    join_halves(a, "MRBH", "MRBL", "MINA");
    join_halves(a, "MRLH", "MRLL", "LENA");
    aml_byte(a, AML_ADD);
    aml_name_string(a, "MINA");
    aml_name_string(a, "LENA");
    aml_byte(a, AML_LOCAL0);
    aml_byte(a, AML_SUBTRACT);
    aml_byte(a, AML_LOCAL0);
    aml_byte(a, AML_ONE);
    aml_name_string(a, "MAXA");
    aml_release(a, "MLCK");
    aml_return(a);
    aml_name_string(a, "MR64");
    aml_close(a);
}

static void event_case(Aml *a, const char *flag, uint64_t notification)
{
    aml_if(a);
    aml_name_string(a, flag);
    aml_name_string(a, "MTFY");
    aml_byte(a, AML_LOCAL0);
    aml_int(a, notification);
    aml_store_int(a, 1, flag); /* clears it */
    aml_close(a);
}

static void scan_method(Aml *a, unsigned count)
{
    aml_method(a, "MTFY", 2, false);
    for (unsigned n = 0; n < count; n++) {
        char name[5];

        g_snprintf(name, sizeof(name), "MP%02X", n & 0xff);
        aml_if(a);
        aml_byte(a, AML_LEQUAL);
        aml_byte(a, AML_ARG0);
        aml_int(a, n);
        aml_notify(a, name);
        aml_byte(a, AML_ARG1);
        aml_close(a);
    }
    aml_close(a);

    aml_method_locked(a, "MSCN", 0, "MLCK");
    aml_byte(a, AML_STORE);
    aml_byte(a, AML_ZERO);
    aml_byte(a, AML_LOCAL0);
    aml_while(a);
    aml_byte(a, AML_LLESS);
    aml_byte(a, AML_LOCAL0);
    aml_int(a, count);
    aml_store_op(a, AML_LOCAL0, "MSEL");
    event_case(a, "MINS", 1);
    event_case(a, "MRMV", 3);
    aml_byte(a, AML_INCREMENT);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);
    aml_release(a, "MLCK");
    aml_close(a);
}

static void forward(Aml *a, const char *name, int args, const char *method, unsigned n, bool result)
{
    aml_method(a, name, args, false);
    if (result) {
        aml_return(a);
    }
    aml_name_string(a, method);
    aml_int(a, n);
    if (args == 3) {
        aml_byte(a, AML_ARG0);
        aml_byte(a, AML_ARG1);
    }
    aml_close(a);
}

static void slot_device(Aml *a, unsigned n)
{
    char name[5];
    g_autofree char *uid = g_strdup_printf("0x%02X", n);

    g_snprintf(name, sizeof(name), "MP%02X", n & 0xff);
    aml_device(a, name);
    aml_name_str(a, "_UID", uid);
    aml_name_eisaid(a, "_HID", "PNP0C80");
    forward(a, "_CRS", 0, "MCRS", n, true);
    forward(a, "_STA", 0, "MSTA", n, true);
    forward(a, "_PXM", 0, "MPXM", n, true);
    forward(a, "_OST", 3, "MOST", n, false);
    forward(a, "_EJ0", 1, "MEJ0", n, false);
    aml_close(a);
}

void acpi_memhp_aml(Aml *a, const AcpiPm *pm)
{
    if (!pm->memhp_count) {
        return;
    }
    aml_device(a, "\\_SB.MHPC");
    aml_name_eisaid(a, "_HID", "PNP0A06");
    aml_name_str(a, "_UID", "memory hotplug registers");
    registers_aml(a, pm);
    status_methods(a);
    resources_method(a);
    scan_method(a, pm->memhp_count);
    for (unsigned n = 0; n < pm->memhp_count; n++) {
        slot_device(a, n);
    }
    aml_close(a);
    aml_method(a, "\\_GPE._E03", 0, false);
    aml_name_string(a, "\\_SB.MHPC.MSCN");
    aml_close(a);
}
