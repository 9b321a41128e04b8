/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables of microvm (ACPI 6.4): reduced hardware, so that there are no fixed registers but those for
 * sleep and reset; an event device, the virtio transports that have a device, and what else is there.
 */
#include <string.h>
#include "acpi-ged.h"
#include "acpi-tables-priv.h"
#include "microvm.h"

/* ---- DSDT ---- */
static void legacy_device(Aml *a, const char *name, const char *hid, unsigned uid, uint16_t port,
                          uint8_t irq)
{
    AmlResources *r = aml_res_new();

    aml_device(a, name);
    aml_name_eisaid(a, "_HID", hid);
    aml_name_int(a, "_UID", uid);
    aml_name_int(a, "_STA", 0x0f);
    aml_res_io(r, port, port, 1, 8);
    aml_res_irq(r, irq);
    aml_name_resources(a, "_CRS", r);
    aml_close(a);
}

static void fw_cfg_device(Aml *a)
{
    AmlResources *r = aml_res_new();

    aml_device(a, "FWCF");
    aml_name_str(a, "_HID", "QEMU0002");
    aml_name_int(a, "_STA", 0x0b);
    aml_res_io(r, FW_CFG_IO_BASE, FW_CFG_IO_BASE, 1, 12);
    aml_name_resources(a, "_CRS", r);
    aml_close(a);
}

static void event_device(Aml *a)
{
    AmlResources *r = aml_res_new();

    aml_device(a, "GED");
    aml_name_str(a, "_HID", "ACPI0013");
    aml_name_str(a, "_UID", "GED");
    aml_res_interrupt(r, MICROVM_GED_IRQ, false);
    aml_name_resources(a, "_CRS", r);
    aml_memory_region_at(a, "EREG", MICROVM_GED_BASE, 4);
    aml_field(a, "EREG", AML_FIELD_DWORD_WRITE_ZEROS);
    aml_field_unit(a, "ESEL", 32);
    aml_close(a);
    aml_method(a, "_EVT", 1, true);
    aml_byte(a, AML_STORE); /* the read clears them */
    aml_name_string(a, "ESEL");
    aml_byte(a, AML_LOCAL0);
    aml_if(a);
    aml_byte(a, AML_AND);
    aml_byte(a, AML_LOCAL0);
    aml_int(a, ACPI_GED_POWER_DOWN);
    aml_byte(a, AML_ZERO);
    aml_notify(a, "PWRB");
    aml_int(a, 0x80);
    aml_close(a);
    aml_close(a);
    aml_close(a);
    aml_device(a, "PWRB");
    aml_name_str(a, "_HID", "PNP0C0C");
    aml_name_int(a, "_UID", 0);
    aml_close(a);
}

static void transport_device(Aml *a, const Microvm *mv, unsigned n)
{
    g_autofree char *name = g_strdup_printf("VR%02u", n);
    AmlResources *r = aml_res_new();

    aml_device(a, name);
    aml_name_str(a, "_HID", "LNRO0005");
    aml_name_int(a, "_UID", n);
    aml_name_int(a, "_CCA", 1);
    aml_res_memory32(r, MICROVM_MMIO_BASE + n * VIRTIO_MMIO_BYTES, VIRTIO_MMIO_BYTES, true);
    aml_res_interrupt(r, mv->first_gsi + n, true);
    aml_name_resources(a, "_CRS", r);
    aml_close(a);
}

static void pci_routes(Aml *a, const Microvm *mv)
{
    aml_name(a, "_PRT");
    aml_package(a, 32 * 4);
    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            aml_package(a, 4);
            aml_int(a, slot << 16 | 0xffff);
            aml_int(a, pin);
            aml_int(a, 0);
            aml_int(a, mv->pci_gsi + (slot + pin) % 4);
            aml_close(a);
        }
    }
    aml_close(a);
}

static void pci_devices(Aml *a, const Microvm *mv)
{
    AmlResources *r = aml_res_new();

    aml_device(a, "PCI0");
    aml_name_eisaid(a, "_HID", "PNP0A08");
    aml_name_eisaid(a, "_CID", "PNP0A03");
    aml_name_int(a, "_SEG", 0);
    aml_name_int(a, "_BBN", 0);
    aml_name_int(a, "_UID", 0);
    aml_name_int(a, "_CCA", 1);
    aml_res_word_bus(r, 0, 255);
    aml_res_dword_memory(r, MICROVM_PCI_BASE, MICROVM_PCI_BASE + MICROVM_PCI_SIZE - 1, false);
    aml_name_resources(a, "_CRS", r);
    pci_routes(a, mv);
    acpi_pci_osc(a, true);
    aml_close(a);
    aml_device(a, "DRAC"); /* the configuration window is nobody else's */
    aml_name_eisaid(a, "_HID", "PNP0C02");
    r = aml_res_new();
    aml_res_memory32(r, MICROVM_ECAM_BASE, MICROVM_ECAM_SIZE, true);
    aml_name_resources(a, "_CRS", r);
    aml_close(a);
}

static guint dsdt(GByteArray *b, const Microvm *mv)
{
    guint at = acpi_table_begin(b, "DSDT", 2, mv->pc.oem_id, mv->pc.oem_table_id);
    Aml a;

    aml_init(&a);
    aml_scope(&a, "\\_SB");
    fw_cfg_device(&a);
    if (mv->isa_serial) {
        legacy_device(&a, "COM1", "PNP0501", 1, 0x3f8, 4);
    }
    if (mv->pc.rtc) {
        legacy_device(&a, "RTC", "PNP0B00", 0, 0x70, 8);
    }
    event_device(&a);
    for (unsigned n = mv->n_transports; n-- > 0;) {
        if (virtio_mmio_occupied(mv->transports[n])) {
            transport_device(&a, mv, n);
        }
    }
    if (mv->pc.pci_host) {
        pci_devices(&a, mv);
    }
    aml_close(&a);
    acpi_sleep_state(&a, "\\_S5", 5);
    g_byte_array_append(b, a.buf->data, a.buf->len);
    aml_clear(&a);
    acpi_table_end(b, at);
    return at;
}

/* ---- other tables ---- */
/* Version 6.0: all zero but for what reduced hardware has. */
static guint fadt(GByteArray *b, GByteArray *linker, const Microvm *mv, guint dsdt_at)
{
    guint at = acpi_table_begin(b, "FACP", 6, mv->pc.oem_id, mv->pc.oem_table_id);

    acpi_zero(b, 112 - 36);
    acpi_u32(b, 1u << 10 | 1u << 20); /* reset register; reduced hardware */
    acpi_gas(b, 0, 8, MICROVM_GED_BASE + ACPI_GED_OTHERS + 2);
    acpi_u8(b, 0x42);
    acpi_zero(b, 3 + 8); /* ARM flags, minor version; no FACS */
    acpi_loader_add_pointer(linker, ACPI_TABLES_FILE, ACPI_TABLES_FILE, b->len, 8);
    acpi_u64(b, dsdt_at);
    acpi_zero(b, 244 - 148);
    acpi_gas(b, 0, 8, MICROVM_GED_BASE + ACPI_GED_OTHERS);
    acpi_gas(b, 0, 8, MICROVM_GED_BASE + ACPI_GED_OTHERS + 1);
    acpi_u64(b, 0); /* hypervisor vendor */
    acpi_checksum_later(b, linker, at);
    return at;
}

static void madt_ioapic(GByteArray *b, uint8_t id, uint32_t addr, uint32_t first)
{
    acpi_u8(b, 1);
    acpi_u8(b, 12);
    acpi_u8(b, id);
    acpi_u8(b, 0);
    acpi_u32(b, addr);
    acpi_u32(b, first);
}

static guint madt(GByteArray *b, GByteArray *linker, const Microvm *mv, const AcpiConfig *c)
{
    guint at = acpi_table_begin(b, "APIC", 3, c->oem_id, c->oem_table_id);

    acpi_u32(b, APIC_DEFAULT_BASE);
    acpi_u32(b, mv->pc.pic != ONOFFAUTO_OFF); /* an 8259 pair is there */
    acpi_madt_cpus(b, c);
    madt_ioapic(b, 0, IOAPIC_DEFAULT_BASE, 0);
    if (mv->ioapic2_dev) {
        madt_ioapic(b, 1, MICROVM_IOAPIC2, IOAPIC_NUM_PINS);
    }
    acpi_madt_nmi(b);
    acpi_checksum_later(b, linker, at);
    return at;
}

void microvm_acpi_build(void *opaque, AcpiBlobs *out)
{
    const Microvm *mv = opaque;
    const Machine *m = &mv->pc.machine;
    GByteArray *b = g_byte_array_new(), *linker = g_byte_array_new(), *rsdp = g_byte_array_new();
    guint tables[3], n = 0, dsdt_at;
    AcpiConfig c = {
        .cpus = m->cpus,
        .max_cpus = m->smp.max_cpus,
        .apic_ids = mv->pc.apic_ids,
        .user_tables = m->acpi_tables,
        .oem_id = mv->pc.oem_id,
        .oem_table_id = mv->pc.oem_table_id,
    };

    *out = (AcpiBlobs){ b, rsdp, linker };
    acpi_loader_allocate(linker, ACPI_RSDP_FILE, 16, true);
    acpi_loader_allocate(linker, ACPI_TABLES_FILE, 64, false);
    dsdt_at = dsdt(b, mv);
    acpi_loader_add_checksum(linker, ACPI_TABLES_FILE, dsdt_at + 9, dsdt_at, b->len - dsdt_at);
    acpi_zero(b, -b->len & 7);
    tables[n++] = fadt(b, linker, mv, dsdt_at);
    tables[n++] = madt(b, linker, mv, &c);
    if (mv->pc.pci_host) {
        tables[n++] = acpi_mcfg_table(b, linker, &c, MICROVM_ECAM_BASE, MICROVM_ECAM_SIZE);
    }
    acpi_rsdp_build(rsdp, linker, &c, acpi_rsdt_table(b, linker, &c, tables, n));
}
