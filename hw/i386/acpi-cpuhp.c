/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU hotplug through ACPI: 12 bytes of ports, a selector with a window on the selected CPU.
 *
 *          read                              write
 *   0      command data, upper half          selects a CPU
 *   4      status: 0 enabled, 1 inserted,    1 and 2 clear those events, 3 ejects
 *          2 asked to go
 *   5                                        command
 *   8      command data                      command data
 *
 * Commands: 0 selects the next CPU with an event and reads as its number, 1 takes an _OST event, 2
 * its status, 3 reads as the APIC id. Until the guest first writes the selector the ports read as a
 * bitmap of the CPUs present, which is what older guests know.
 */
#include "acpi-hotplug.h"
#include "base/core/loop.h"
#include "hw/core/machine.h"

#define CPUHP_SIZE        12
#define CPUHP_LEGACY_SIZE 32

enum {
    CPUHP_SELECT = 0,
    CPUHP_STATUS = 4,
    CPUHP_COMMAND = 5,
    CPUHP_DATA = 8,
};
enum {
    ST_ENABLED = 1,
    ST_INSERTING = 2,
    ST_REMOVING = 4,
    ST_EJECT = 8,
};
enum {
    CMD_NEXT_EVENT = 0,
    CMD_OST_EVENT = 1,
    CMD_OST_STATUS = 2,
    CMD_ARCH_ID = 3,
};

static Device *cpu_at(const AcpiPm *pm, unsigned n)
{
    Machine *m = vm_machine(pm->vm);

    return m && n < m->cpus->len ? g_ptr_array_index(m->cpus, n) : NULL;
}

static AcpiCpuSlot *selected(AcpiPm *pm)
{
    return pm->cpuhp_selector < pm->cpuhp_count ? &pm->cpuhp[pm->cpuhp_selector] : NULL;
}

/* ---- reads ---- */
static uint32_t status_of(AcpiPm *pm)
{
    const AcpiCpuSlot *slot = selected(pm);

    if (!slot) {
        return 0;
    }
    return (cpu_at(pm, pm->cpuhp_selector) ? ST_ENABLED : 0) |
           (slot->inserting ? ST_INSERTING : 0) | (slot->removing ? ST_REMOVING : 0);
}

static uint64_t bitmap_byte(const AcpiPm *pm, unsigned at)
{
    uint8_t byte = 0;

    for (unsigned n = 0; n < pm->cpuhp_count; n++) {
        uint32_t id = pm->apic_ids[n];

        if (id / 8 == at && cpu_at(pm, n)) {
            byte |= 1 << id % 8;
        }
    }
    return byte;
}

static uint64_t cpuhp_read(void *opaque, uint64_t addr, unsigned size)
{
    AcpiPm *pm = opaque;

    if (!pm->cpuhp_present) {
        uint64_t value = 0;

        for (unsigned i = 0; i < size; i++) {
            value |= bitmap_byte(pm, addr + i) << 8 * i;
        }
        return value;
    }
    if (addr == CPUHP_STATUS) {
        return status_of(pm);
    }
    if (addr == CPUHP_DATA && selected(pm)) {
        return pm->cpuhp_command == CMD_NEXT_EVENT ? pm->cpuhp_selector
               : pm->cpuhp_command == CMD_ARCH_ID  ? pm->apic_ids[pm->cpuhp_selector]
                                                   : 0;
    }
    return 0; /* APIC ids have no upper half */
}

/* ---- writes ---- */
/* Ejections that the guest asked for, outside its access. */
static void eject_pending(void *opaque)
{
    AcpiPm *pm = opaque;

    for (unsigned n = 0; n < pm->cpuhp_count; n++) {
        Device *cpu = cpu_at(pm, n);

        if (pm->cpuhp[n].ejecting && cpu) {
            device_remove(cpu);
        }
        pm->cpuhp[n].ejecting = false;
    }
}

static void status_write(AcpiPm *pm, uint32_t value)
{
    AcpiCpuSlot *slot = selected(pm);
    Device *cpu = slot ? cpu_at(pm, pm->cpuhp_selector) : NULL;

    if (!slot) {
        return;
    }
    if (value & ST_INSERTING) {
        slot->inserting = false;
    } else if (value & ST_REMOVING) {
        slot->removing = false;
    } else if (value & ST_EJECT && cpu && pm->cpuhp_selector) { /* the first one stays */
        slot->ejecting = true;
        slot->inserting = slot->removing = false;
        loop_call(pm->vm, eject_pending, pm);
    }
}

static void next_event(AcpiPm *pm)
{
    for (unsigned i = 0; i < pm->cpuhp_count; i++) {
        unsigned n = (pm->cpuhp_selector + i) % pm->cpuhp_count;

        if (pm->cpuhp[n].inserting || pm->cpuhp[n].removing) {
            pm->cpuhp_selector = n;
            return;
        }
    }
}

static void data_write(AcpiPm *pm, uint32_t value)
{
    AcpiCpuSlot *slot = selected(pm);

    if (!slot) {
        return;
    }
    if (pm->cpuhp_command == CMD_OST_EVENT) {
        slot->ost_event = value;
    } else if (pm->cpuhp_command == CMD_OST_STATUS) {
        slot->ost_status = value;
        acpi_ost_report(pm, "CPU", pm->cpuhp_selector, cpu_at(pm, pm->cpuhp_selector),
                        slot->ost_event, value);
    }
}

static void cpuhp_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;

    if (addr == CPUHP_SELECT) {
        pm->cpuhp_present = true; /* the window, not the bitmap, from now on */
        pm->cpuhp_selector = value;
        return;
    }
    if (!pm->cpuhp_present) {
        return;
    }
    switch (addr) {
    case CPUHP_STATUS: status_write(pm, value); break;
    case CPUHP_COMMAND:
        if (value <= CMD_ARCH_ID) {
            pm->cpuhp_command = value;
        }
        if (value == CMD_NEXT_EVENT && pm->cpuhp_selector < pm->cpuhp_count) {
            next_event(pm);
        }
        break;
    case CPUHP_DATA: data_write(pm, value); break;
    }
}

static const RegionOps cpuhp_ops = {
    .read = cpuhp_read,
    .write = cpuhp_write,
    .valid = { 1, 4 },
    .impl = { 1, 4 },
};

/* ---- life ---- */
void acpi_cpuhp_init(AcpiPm *pm, uint16_t port, const uint32_t *apic_ids, unsigned max_cpus)
{
    g_assert(max_cpus <= ACPI_MAX_CPUS);
    pm->apic_ids = apic_ids;
    pm->cpuhp_count = max_cpus;
    pm->cpuhp_port = port;
    memory_region_init_io(&pm->cpuhp_mr, pm->vm, &pm->owner->obj, &cpuhp_ops, pm,
                          "acpi-cpu-hotplug", CPUHP_LEGACY_SIZE);
    memory_region_add(memory_io_region(pm->vm), port, &pm->cpuhp_mr);
}

void acpi_cpuhp_clear(AcpiPm *pm)
{
    if (pm->cpuhp_port) {
        memory_region_clear(&pm->cpuhp_mr);
    }
}

/* Events and reports are the host's side and stay; what the guest had set up goes. */
void acpi_cpuhp_reset(AcpiPm *pm)
{
    pm->cpuhp_present = false;
    pm->cpuhp_selector = 0;
    pm->cpuhp_command = 0;
    for (unsigned n = 0; n < pm->cpuhp_count; n++) {
        pm->cpuhp[n].inserting = false; /* the guest finds it by itself */
    }
}

void acpi_cpuhp_plugged(AcpiPm *pm, unsigned cpu)
{
    pm->cpuhp[cpu].inserting = true;
    acpi_pm_gpe(pm, ACPI_GPE_CPU);
}

void acpi_cpuhp_unplug_request(AcpiPm *pm, unsigned cpu)
{
    pm->cpuhp[cpu].removing = true;
    acpi_pm_gpe(pm, ACPI_GPE_CPU);
}

void acpi_cpuhp_visit(const AcpiPm *pm, AcpiOstVisit visit, void *opaque)
{
    for (unsigned n = 0; n < pm->cpuhp_count; n++) {
        visit("CPU", n, cpu_at(pm, n), pm->cpuhp[n].ost_event, pm->cpuhp[n].ost_status, opaque);
    }
}

/* ---- what the guest is told ---- */
static void registers_aml(Aml *a, const AcpiPm *pm)
{
    AmlResources *r = aml_res_new();

    aml_res_io(r, pm->cpuhp_port, pm->cpuhp_port, 1, CPUHP_SIZE);
    aml_name_resources(a, "_CRS", r);
    aml_io_region(a, "PRST", pm->cpuhp_port, CPUHP_SIZE);
    aml_field(a, "PRST", AML_FIELD_BYTE_WRITE_ZEROS);
    aml_field_gap(a, 32);
    aml_field_unit(a, "CPEN", 1);
    aml_field_unit(a, "CINS", 1);
    aml_field_unit(a, "CRMV", 1);
    aml_field_unit(a, "CEJC", 1);
    aml_field_gap(a, 4);
    aml_field_unit(a, "CCMD", 8);
    aml_close(a);
    aml_field(a, "PRST", AML_FIELD_DWORD_PRESERVE);
    aml_field_unit(a, "CSEL", 32);
    aml_field_gap(a, 32);
    aml_field_unit(a, "CDAT", 32);
    aml_close(a);
    aml_mutex(a, "CPLK");
}

static void access_methods(Aml *a)
{
    aml_method_locked(a, "CSTA", 1, "CPLK");
    aml_store_op(a, AML_ARG0, "CSEL");
    aml_byte(a, AML_STORE);
    aml_byte(a, AML_ZERO);
    aml_byte(a, AML_LOCAL0);
    aml_if(a);
    aml_name_string(a, "CPEN");
    aml_byte(a, AML_STORE);
    aml_int(a, 0x0f);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);
    aml_release(a, "CPLK");
    aml_return(a);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);

    aml_method_locked(a, "CEJ0", 1, "CPLK");
    aml_store_op(a, AML_ARG0, "CSEL");
    aml_store_int(a, 1, "CEJC");
    aml_release(a, "CPLK");
    aml_close(a);

    aml_method_locked(a, "COST", 3, "CPLK");
    aml_store_op(a, AML_ARG0, "CSEL");
    aml_store_int(a, CMD_OST_EVENT, "CCMD");
    aml_store_op(a, AML_ARG1, "CDAT");
    aml_store_int(a, CMD_OST_STATUS, "CCMD");
    aml_store_op(a, AML_ARG2, "CDAT");
    aml_release(a, "CPLK");
    aml_close(a);
}

static void event_case(Aml *a, const char *flag, uint64_t notification)
{
    aml_if(a);
    aml_name_string(a, flag);
    aml_name_string(a, "CTFY");
    aml_byte(a, AML_LOCAL0);
    aml_int(a, notification);
    aml_store_int(a, 1, flag); /* clears it */
    aml_close(a);
}

/* Walks all CPUs: tells the system of each one that came or is to go. */
static void scan_method(Aml *a, unsigned count)
{
    aml_method_locked(a, "CSCN", 0, "CPLK");
    aml_byte(a, AML_STORE);
    aml_byte(a, AML_ZERO);
    aml_byte(a, AML_LOCAL0);
    aml_while(a);
    aml_byte(a, AML_LLESS);
    aml_byte(a, AML_LOCAL0);
    aml_int(a, count);
    aml_store_op(a, AML_LOCAL0, "CSEL");
    event_case(a, "CINS", 1);
    event_case(a, "CRMV", 3);
    aml_byte(a, AML_INCREMENT);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);
    aml_release(a, "CPLK");
    aml_close(a);
}

static void cpu_name(char out[5], unsigned n)
{
    g_snprintf(out, 5, "C%03X", n & 0xfff);
}

static void notify_method(Aml *a, unsigned count)
{
    aml_method(a, "CTFY", 2, false);
    for (unsigned n = 0; n < count; n++) {
        char name[5];

        cpu_name(name, n);
        aml_if(a);
        aml_byte(a, AML_LEQUAL);
        aml_byte(a, AML_ARG0);
        aml_int(a, n);
        aml_notify(a, name);
        aml_byte(a, AML_ARG1);
        aml_close(a);
    }
    aml_close(a);
}

/* The CPU's entry of the MADT, enabled. */
static void mat_name(Aml *a, unsigned n, uint32_t apic_id)
{
    GByteArray *b = g_byte_array_new();

    if (apic_id < 255) {
        acpi_u8(b, 0);
        acpi_u8(b, 8);
        acpi_u8(b, n);
        acpi_u8(b, apic_id);
        acpi_u32(b, 1);
    } else {
        acpi_u8(b, 9);
        acpi_u8(b, 16);
        acpi_u16(b, 0);
        acpi_u32(b, apic_id);
        acpi_u32(b, 1);
        acpi_u32(b, n);
    }
    aml_name(a, "_MAT");
    aml_buffer(a, b->data, b->len);
    g_byte_array_unref(b);
}

static void call_with_number(Aml *a, const char *method, unsigned n)
{
    aml_name_string(a, method);
    aml_int(a, n);
}

static void cpu_device(Aml *a, const AcpiPm *pm, unsigned n, const uint8_t *nodes)
{
    char name[5];

    cpu_name(name, n);
    aml_device(a, name);
    aml_name_str(a, "_HID", "ACPI0007");
    aml_name_int(a, "_UID", n);
    aml_method(a, "_STA", 0, true);
    aml_return(a);
    call_with_number(a, "CSTA", n);
    aml_close(a);
    mat_name(a, n, pm->apic_ids[n]);
    if (n > 0) {
        aml_method(a, "_EJ0", 1, false);
        call_with_number(a, "CEJ0", n);
        aml_close(a);
    }
    aml_method(a, "_OST", 3, true);
    call_with_number(a, "COST", n);
    aml_byte(a, AML_ARG0);
    aml_byte(a, AML_ARG1);
    aml_close(a);
    if (nodes) {
        aml_name_int(a, "_PXM", nodes[n]);
    }
    aml_close(a);
}

void acpi_cpuhp_aml(Aml *a, const AcpiPm *pm, const uint8_t *nodes)
{
    aml_device(a, "\\_SB.CPUS");
    aml_name_str(a, "_HID", "ACPI0010");
    aml_name_eisaid(a, "_CID", "PNP0A05");
    registers_aml(a, pm);
    access_methods(a);
    notify_method(a, pm->cpuhp_count);
    scan_method(a, pm->cpuhp_count);
    for (unsigned n = 0; n < pm->cpuhp_count; n++) {
        cpu_device(a, pm, n, nodes);
    }
    aml_close(a);
    aml_method(a, "\\_GPE._E02", 0, false);
    aml_name_string(a, "\\_SB.CPUS.CSCN");
    aml_close(a);
}
