/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables of the PC boards (ACPI 6.4, chapter 5): FACS, DSDT, FADT, MADT, HPET, MCFG, WAET,
 * RSDT, RSDP, with the script that relocates them.
 *
 * Interrupt routing in the DSDT mirrors ich9-lpc.c: with the I/O APIC, PIRQ n is GSI 16+n; with the
 * 8259, and always on pc, it is the line that firmware (or the direct boot) programs, 10 or 11.
 */
#include <string.h>
#include "acpi-hotplug.h"
#include "acpi-tables-priv.h"
#include "base/util/endian.h"
#include "hw/core/numa.h"
#include "hw/intc/ioapic.h"
#include "nvdimm.h"
#include "piix-priv.h"
#include "q35-priv.h"
#include "vtd.h"

/* ---- DSDT ---- */
/* The interrupt of a slot's pin: with the I/O APIC, or with the 8259. */
static unsigned slot_gsi(const AcpiConfig *c, int slot, int pin, bool apic)
{
    int n = c->i440fx ? (slot + pin + 3) % 4 : slot >= 25 ? pin : 4 + (slot + pin) % 4;

    if (c->i440fx && slot == 1 && pin == 0) {
        return PC_ACPI_SCI_IRQ; /* power management is wired to it */
    }
    return apic && !c->i440fx ? 16 + n : n & 2 ? 11 : 10;
}

static void prt(Aml *a, const AcpiConfig *c, const char *name, bool apic)
{
    aml_name(a, name);
    aml_package(a, 32 * 4);
    for (int slot = 0; slot < 32; slot++) {
        for (int pin = 0; pin < 4; pin++) {
            aml_package(a, 4);
            aml_int(a, (uint32_t)slot << 16 | 0xffff);
            aml_int(a, pin);
            aml_int(a, 0);
            aml_int(a, slot_gsi(c, slot, pin, apic));
            aml_close(a);
        }
    }
    aml_close(a);
}

/* The operating system may have every PCI Express feature it asks for; hotplug only where the ports
   are not driven through these tables. */
void acpi_pci_osc(Aml *a, bool native_hotplug)
{
    aml_method(a, "_OSC", 4, false);
    aml_create_dword_field(a, AML_ARG3, 0, "CDW1");
    aml_if(a);
    aml_byte(a, AML_LEQUAL);
    aml_byte(a, AML_ARG0);
    aml_touuid(a, "33db4d5b-1ff7-401c-9657-7441c03dd766");
    aml_create_dword_field(a, AML_ARG3, 4, "CDW2");
    aml_create_dword_field(a, AML_ARG3, 8, "CDW3");
    aml_byte(a, AML_AND);
    aml_name_string(a, "CDW3");
    aml_int(a, native_hotplug ? 0x1f : 0x1e);
    aml_name_string(a, "CDW3");
    aml_if(a);
    aml_byte(a, AML_LNOT);
    aml_byte(a, AML_LEQUAL);
    aml_byte(a, AML_ARG1);
    aml_int(a, 1);
    aml_byte(a, AML_OR);
    aml_name_string(a, "CDW1");
    aml_int(a, 0x08);
    aml_name_string(a, "CDW1");
    aml_close(a);
    aml_close(a);
    aml_else(a);
    aml_byte(a, AML_OR);
    aml_name_string(a, "CDW1");
    aml_int(a, 0x04);
    aml_name_string(a, "CDW1");
    aml_close(a);
    aml_return(a);
    aml_byte(a, AML_ARG3);
    aml_close(a);
}

static void host_resources(Aml *a, const AcpiConfig *c)
{
    AmlResources *r = aml_res_new();

    aml_res_word_bus(r, 0, 255);
    aml_res_io(r, 0xcf8, 0xcf8, 1, 8);
    aml_res_word_io(r, 0x0000, 0x0cf7);
    aml_res_word_io(r, 0x0d00, 0xffff);
    aml_res_dword_memory(r, 0xa0000, 0xbffff, true);
    if (c->i440fx) {
        aml_res_dword_memory(r, c->low_ram_top, Q35_PCI_HOLE_LIMIT, false);
    } else {
        if (c->low_ram_top < Q35_ECAM_BASE) {
            aml_res_dword_memory(r, c->low_ram_top, Q35_ECAM_BASE - 1, false);
        }
        aml_res_dword_memory(r, Q35_PCI_HOLE_BASE, Q35_PCI_HOLE_LIMIT, false);
    }
    if (c->hole64_limit) {
        aml_res_qword_memory(r, c->hole64_base, c->hole64_limit, true);
    }
    aml_name_resources(a, "_CRS", r);
}

static void isa_device(Aml *a, const char *name, const char *hid, unsigned uid, uint16_t port,
                       uint8_t len, uint16_t port2, uint8_t irq)
{
    AmlResources *r = aml_res_new();

    aml_device(a, name);
    aml_name_eisaid(a, "_HID", hid);
    if (uid) {
        aml_name_int(a, "_UID", uid);
    }
    aml_name_int(a, "_STA", 0x0f);
    if (len) {
        aml_res_io(r, port, port, 1, len);
    }
    if (port2) {
        aml_res_io(r, port2, port2, 1, 1);
    }
    aml_res_irq(r, irq);
    aml_name_resources(a, "_CRS", r);
    aml_close(a);
}

static void isa_bridge(Aml *a, const AcpiConfig *c)
{
    static const uint16_t ports[4] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
    static const uint8_t irqs[4] = { 4, 3, 4, 3 };

    aml_device(a, "ISA");
    aml_name_int(a, "_ADR", c->i440fx ? 0x00010000 : 0x001f0000);
    if (c->rtc) {
        isa_device(a, "RTC", "PNP0B00", 0, 0x70, 8, 0, 8);
    }
    if (c->i8042) {
        isa_device(a, "KBD", "PNP0303", 0, 0x60, 1, 0x64, 1);
        isa_device(a, "MOU", "PNP0F13", 0, 0, 0, 0, 12);
    }
    for (unsigned i = 0; i < 4; i++) {
        char name[5] = { 'C', 'O', 'M', '1' + i, 0 };

        if (c->serial[i]) {
            isa_device(a, name, "PNP0501", i + 1, ports[i], 8, 0, irqs[i]);
        }
    }
    aml_close(a);
}

/* Every function that is plugged in, below the bridge it is behind; the ISA bridge has its own. */
static void pci_nodes(Aml *a, const AcpiConfig *c, PciBus *bus)
{
    int isa = c->i440fx ? PCI_DEVFN(1, 0) : PCI_DEVFN(31, 0);

    for (int devfn = 0; devfn < PCI_DEVFN_MAX; devfn++) {
        PciDevice *dev = bus->devices[devfn];
        char name[5];

        if (!dev || (bus == c->root && (devfn == 0 || devfn == isa))) {
            continue;
        }
        g_snprintf(name, sizeof(name), "S%03X", devfn);
        aml_device(a, name);
        aml_name_int(a, "_ADR", (uint32_t)PCI_SLOT(devfn) << 16 | PCI_FUNC(devfn));
        if (acpi_pcihp_slot_ejectable(c->pm, bus, devfn)) {
            acpi_pcihp_slot_aml(a, PCI_SLOT(devfn));
        }
        if (pci_bridge_bus(dev)) {
            pci_nodes(a, c, pci_bridge_bus(dev));
        }
        aml_close(a);
    }
    acpi_pcihp_bus_aml(a, c->pm, bus);
}

static void pci_root(Aml *a, const AcpiConfig *c)
{
    aml_device(a, "PCI0");
    aml_name_eisaid(a, "_HID", c->i440fx ? "PNP0A03" : "PNP0A08");
    if (!c->i440fx) {
        aml_name_eisaid(a, "_CID", "PNP0A03");
    }
    aml_name_int(a, "_ADR", 0);
    aml_name_int(a, "_UID", 0);
    aml_name_int(a, "_SEG", 0);
    aml_name_int(a, "_BBN", 0);
    host_resources(a, c);
    prt(a, c, "PRTP", false);
    prt(a, c, "PRTA", true);
    aml_method(a, "_PRT", 0, false);
    aml_if(a);
    aml_name_string(a, "\\PICF");
    aml_return(a);
    aml_name_string(a, "PRTA");
    aml_close(a);
    aml_return(a);
    aml_name_string(a, "PRTP");
    aml_close(a);
    if (!c->i440fx) {
        acpi_pci_osc(a, !c->pm->pcihp.bridges);
    }
    isa_bridge(a, c);
    acpi_pcihp_root_aml(a, c->pm);
    if (c->root) {
        pci_nodes(a, c, c->root);
    }
    aml_close(a);
}

static void other_devices(Aml *a, const AcpiConfig *c)
{
    AmlResources *r;

    if (!c->i440fx) {
        aml_device(a, "DRAC"); /* the configuration window is nobody else's */
        aml_name_eisaid(a, "_HID", "PNP0C01");
        r = aml_res_new();
        aml_res_memory32(r, Q35_ECAM_BASE, Q35_ECAM_SIZE, true);
        aml_res_memory32(r, ICH9_RCBA, 0x4000, true);
        aml_name_resources(a, "_CRS", r);
        aml_close(a);
    }
    if (c->hpet) {
        aml_device(a, "HPET");
        aml_name_eisaid(a, "_HID", "PNP0103");
        aml_name_int(a, "_UID", 0);
        r = aml_res_new();
        aml_res_memory32(r, PC_HPET_BASE, 0x400, false);
        aml_name_resources(a, "_CRS", r);
        aml_close(a);
    }
    aml_device(a, "FWCF");
    aml_name_str(a, "_HID", "QEMU0002");
    aml_name_int(a, "_STA", 0x0b);
    r = aml_res_new();
    aml_res_io(r, FW_CFG_IO_BASE, FW_CFG_IO_BASE, 1, 12);
    aml_name_resources(a, "_CRS", r);
    aml_close(a);
}

void acpi_sleep_state(Aml *a, const char *name, uint8_t type)
{
    aml_name(a, name);
    aml_package(a, 4);
    aml_int(a, type);
    aml_int(a, type);
    aml_int(a, 0);
    aml_int(a, 0);
    aml_close(a);
}

static guint dsdt(GByteArray *blob, const AcpiConfig *c)
{
    guint at = acpi_table_begin(blob, "DSDT", 2, c->oem_id, c->oem_table_id);
    Aml a;

    aml_init(&a);
    aml_name_int(&a, "\\PICF", 0);
    aml_method(&a, "\\_PIC", 1, false);
    aml_byte(&a, AML_STORE);
    aml_byte(&a, AML_ARG0);
    aml_name_string(&a, "\\PICF");
    aml_close(&a);
    aml_scope(&a, "\\_SB");
    pci_root(&a, c);
    other_devices(&a, c);
    aml_close(&a);
    acpi_pcihp_gpe_aml(&a, c->pm, c->root);
    acpi_cpuhp_aml(&a, c->pm, c->numa ? c->numa->cpu_node : NULL);
    acpi_memhp_aml(&a, c->pm);
    if (!c->no_s3) {
        acpi_sleep_state(&a, "\\_S3", 1);
    }
    acpi_sleep_state(&a, "\\_S5", 0);
    g_byte_array_append(blob, a.buf->data, a.buf->len);
    aml_clear(&a);
    acpi_table_end(blob, at);
    return at;
}

/* ---- other tables ---- */
static guint facs(GByteArray *blob)
{
    guint at;

    acpi_zero(blob, -blob->len & 63);
    at = blob->len;
    g_byte_array_append(blob, (const void *)"FACS", 4);
    acpi_u32(blob, 64);
    acpi_zero(blob, 56);
    return at;
}

void acpi_gas(GByteArray *b, uint8_t space, uint8_t width, uint64_t addr)
{
    acpi_u8(b, space);
    acpi_u8(b, width);
    acpi_u8(b, 0);
    acpi_u8(b, 0);
    acpi_u64(b, addr);
}

/* A 32-bit pointer into the tables blob, to be relocated. */
static void pointer32(GByteArray *blob, GByteArray *linker, guint target)
{
    acpi_loader_add_pointer(linker, ACPI_TABLES_FILE, ACPI_TABLES_FILE, blob->len, 4);
    acpi_u32(blob, target);
}

void acpi_checksum_later(GByteArray *blob, GByteArray *linker, guint at)
{
    acpi_table_end(blob, at);
    acpi_loader_add_checksum(linker, ACPI_TABLES_FILE, at + 9, at, blob->len - at);
}

static guint fadt(GByteArray *b, GByteArray *linker, const AcpiConfig *c, guint facs_at,
                  guint dsdt_at)
{
    guint at = acpi_table_begin(b, "FACP", 3, c->oem_id, c->oem_table_id);

    pointer32(b, linker, facs_at);
    pointer32(b, linker, dsdt_at);
    acpi_u8(b, 1);
    acpi_u8(b, 0); /* profile: unspecified */
    acpi_u16(b, PC_ACPI_SCI_IRQ);
    acpi_u32(b, 0xb2);
    acpi_u8(b, c->i440fx ? 0xf1 : 0x02);
    acpi_u8(b, c->i440fx ? 0xf0 : 0x03);
    acpi_u16(b, 0);
    acpi_u32(b, ICH9_PMBASE); /* PM1a event */
    acpi_u32(b, 0);
    acpi_u32(b, ICH9_PMBASE + 4); /* PM1a control */
    acpi_u32(b, 0);
    acpi_u32(b, 0);                                               /* PM2 */
    acpi_u32(b, ICH9_PMBASE + 8);                                 /* timer */
    acpi_u32(b, c->i440fx ? PIIX4_GPE_PORT : ICH9_PMBASE + 0x20); /* GPE0 */
    acpi_u32(b, 0);
    acpi_u8(b, 4);
    acpi_u8(b, 2);
    acpi_u8(b, 0);
    acpi_u8(b, 4);
    acpi_u8(b, c->i440fx ? 4 : 16);
    acpi_zero(b, 3);
    acpi_u16(b, 0xfff); /* no C2, no C3 */
    acpi_u16(b, 0xfff);
    acpi_zero(b, 8);
    acpi_u8(b, 0x32); /* century */
    acpi_u16(b, c->i8042 ? 2 : 0);
    acpi_u8(b, 0);
    /* WBINVD, C1, no sleep button, RTC wake, reset register, platform clock */
    acpi_u32(b, 1u << 0 | 1u << 2 | 1u << 5 | 1u << 7 | 1u << 10 | 1u << 15);
    acpi_gas(b, 1, 8, 0xcf9);
    acpi_u8(b, 0x0f);
    acpi_zero(b, 3);
    acpi_u64(b, 0);
    acpi_u64(b, 0);
    acpi_gas(b, 1, 32, ICH9_PMBASE);
    acpi_zero(b, 12);
    acpi_gas(b, 1, 16, ICH9_PMBASE + 4);
    acpi_zero(b, 12);
    acpi_zero(b, 12);
    acpi_gas(b, 1, 32, ICH9_PMBASE + 8);
    acpi_gas(b, 1, c->i440fx ? 32 : 128, c->i440fx ? PIIX4_GPE_PORT : ICH9_PMBASE + 0x20);
    acpi_zero(b, 12);
    acpi_checksum_later(b, linker, at);
    return at;
}

static void iso(GByteArray *b, uint8_t source, uint32_t gsi, uint16_t flags)
{
    acpi_u8(b, 2);
    acpi_u8(b, 10);
    acpi_u8(b, 0);
    acpi_u8(b, source);
    acpi_u32(b, gsi);
    acpi_u16(b, flags);
}

void acpi_madt_cpus(GByteArray *b, const AcpiConfig *c)
{
    for (unsigned i = 0; i < c->max_cpus; i++) {
        bool enabled = i < c->cpus->len && g_ptr_array_index(c->cpus, i);

        if (c->apic_ids[i] < 255) {
            acpi_u8(b, 0);
            acpi_u8(b, 8);
            acpi_u8(b, i);
            acpi_u8(b, c->apic_ids[i]);
            acpi_u32(b, enabled);
        } else {
            acpi_u8(b, 9);
            acpi_u8(b, 16);
            acpi_u16(b, 0);
            acpi_u32(b, c->apic_ids[i]);
            acpi_u32(b, enabled);
            acpi_u32(b, i);
        }
    }
}

void acpi_madt_nmi(GByteArray *b)
{
    acpi_u8(b, 4);
    acpi_u8(b, 6);
    acpi_u8(b, 0xff);
    acpi_u16(b, 0);
    acpi_u8(b, 1);
}

static guint madt(GByteArray *b, GByteArray *linker, const AcpiConfig *c)
{
    guint at = acpi_table_begin(b, "APIC", 3, c->oem_id, c->oem_table_id);
    static const uint8_t level[] = { 5, 9, 10, 11 };

    acpi_u32(b, 0xfee00000);
    acpi_u32(b, 1); /* an 8259 pair is there */
    acpi_madt_cpus(b, c);
    acpi_u8(b, 1);
    acpi_u8(b, 12);
    acpi_u8(b, 0);
    acpi_u8(b, 0);
    acpi_u32(b, PC_IOAPIC_BASE);
    acpi_u32(b, 0);
    iso(b, 0, 2, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(level); i++) {
        iso(b, level[i], level[i], 0x0d); /* active high, level */
    }
    acpi_madt_nmi(b);
    acpi_checksum_later(b, linker, at);
    return at;
}

static guint hpet(GByteArray *b, GByteArray *linker, const AcpiConfig *c)
{
    guint at = acpi_table_begin(b, "HPET", 1, c->oem_id, c->oem_table_id);

    acpi_u32(b, 0x8086a201);
    acpi_gas(b, 0, 0, PC_HPET_BASE);
    acpi_zero(b, 4);
    acpi_checksum_later(b, linker, at);
    return at;
}

guint acpi_mcfg_table(GByteArray *b, GByteArray *linker, const AcpiConfig *c, uint64_t base,
                      uint64_t size)
{
    guint at = acpi_table_begin(b, "MCFG", 1, c->oem_id, c->oem_table_id);

    acpi_u64(b, 0);
    acpi_u64(b, base);
    acpi_u16(b, 0);
    acpi_u8(b, 0);
    acpi_u8(b, size / MiB - 1);
    acpi_u32(b, 0);
    acpi_checksum_later(b, linker, at);
    return at;
}

/* One remapping unit, for all of PCI and for the I/O APIC (VT-d specification, chapter 8). */
static guint dmar(GByteArray *b, GByteArray *linker, const AcpiConfig *c)
{
    guint at = acpi_table_begin(b, "DMAR", 1, c->oem_id, c->oem_table_id);

    acpi_u8(b, vtd_address_bits(c->vtd) - 1);
    acpi_u8(b, vtd_remaps_interrupts(c->vtd));
    acpi_zero(b, 10);
    acpi_u16(b, 0); /* DRHD */
    acpi_u16(b, 16 + 8);
    acpi_u8(b, 1); /* INCLUDE_PCI_ALL */
    acpi_u8(b, 0);
    acpi_u16(b, 0);
    acpi_u64(b, VTD_BASE);
    acpi_u8(b, 3); /* scope: I/O APIC */
    acpi_u8(b, 8);
    acpi_u16(b, 0);
    acpi_u8(b, 0); /* its id in the MADT */
    acpi_u8(b, IOAPIC_REQUESTER >> 8);
    acpi_u16(b, 0);
    acpi_checksum_later(b, linker, at);
    return at;
}

static guint waet(GByteArray *b, GByteArray *linker, const AcpiConfig *c)
{
    guint at = acpi_table_begin(b, "WAET", 1, c->oem_id, c->oem_table_id);

    acpi_u32(b, 2); /* one read of the PM timer is enough */
    acpi_checksum_later(b, linker, at);
    return at;
}

/* ---- affinity (ACPI 6.4, 5.2.16 and 5.2.17) ---- */
#define SRAT_ENABLED   1
#define SRAT_HOTPLUG   2
#define SRAT_LASTS     4 /* keeps its contents without power */
#define LOW_HOLE_BEGIN (640 * KiB)

static void srat_cpu(GByteArray *b, uint32_t apic_id, uint32_t node)
{
    if (apic_id < 255) {
        acpi_u8(b, 0);
        acpi_u8(b, 16);
        acpi_u8(b, node);
        acpi_u8(b, apic_id);
        acpi_u32(b, SRAT_ENABLED);
        acpi_zero(b, 8);
    } else {
        acpi_u8(b, 2);
        acpi_u8(b, 24);
        acpi_u16(b, 0);
        acpi_u32(b, node);
        acpi_u32(b, apic_id);
        acpi_u32(b, SRAT_ENABLED);
        acpi_zero(b, 8);
    }
}

static void srat_memory(GByteArray *b, uint64_t base, uint64_t len, uint32_t node, uint32_t flags)
{
    acpi_u8(b, 1);
    acpi_u8(b, 40);
    acpi_u32(b, node);
    acpi_u16(b, 0);
    acpi_u64(b, base);
    acpi_u64(b, len);
    acpi_u32(b, 0);
    acpi_u32(b, flags);
    acpi_u64(b, 0);
}

/* The part of [from, to), offsets into RAM, that lies in the piece of it at @piece. */
static void srat_piece(GByteArray *b, uint32_t node, uint64_t from, uint64_t to, uint64_t piece,
                       uint64_t piece_len, uint64_t address)
{
    uint64_t begin = MAX(from, piece), end = MIN(to, piece + piece_len);

    if (begin < end) {
        srat_memory(b, address + (begin - piece), end - begin, node, SRAT_ENABLED);
    }
}

static guint srat(GByteArray *b, GByteArray *linker, const AcpiConfig *c)
{
    guint at = acpi_table_begin(b, "SRAT", 1, c->oem_id, c->oem_table_id);
    uint64_t from = 0;

    acpi_u32(b, 1);
    acpi_u64(b, 0);
    for (unsigned i = 0; i < c->max_cpus; i++) {
        srat_cpu(b, c->apic_ids[i], c->numa->cpu_node[i]);
    }
    for (unsigned node = 0; node < c->numa->nodes; node++) {
        uint64_t to = from + c->numa->mem_bytes[node];

        srat_piece(b, node, from, to, 0, LOW_HOLE_BEGIN, 0);
        srat_piece(b, node, from, to, MiB, c->low_ram_top - MiB, MiB);
        srat_piece(b, node, from, to, c->low_ram_top, c->ram_above_4g, 4 * GiB);
        from = to;
    }
    for (unsigned i = 0; c->nvdimm && i < c->nvdimm->n_slots; i++) {
        const PcDimm *d = c->nvdimm->slots[i];

        if (d && pc_dimm_is_nvdimm(d)) {
            srat_memory(b, d->addr, pc_dimm_size(d), d->node, SRAT_ENABLED | SRAT_LASTS);
        }
    }
    if (c->devmem_bytes) {
        srat_memory(b, c->devmem_base, c->devmem_bytes, c->numa->nodes - 1,
                    SRAT_ENABLED | SRAT_HOTPLUG);
    }
    acpi_checksum_later(b, linker, at);
    return at;
}

static guint slit(GByteArray *b, GByteArray *linker, const AcpiConfig *c)
{
    guint at = acpi_table_begin(b, "SLIT", 1, c->oem_id, c->oem_table_id);
    unsigned n = c->numa->nodes;

    acpi_u64(b, n);
    for (unsigned i = 0; i < n; i++) {
        g_byte_array_append(b, c->numa->distance[i], n);
    }
    acpi_checksum_later(b, linker, at);
    return at;
}

/*
 * The list of all tables, and the user's behind it: firmware that took the size of the file before
 * the tables were built again loses the end of the user's rather than the list.
 */
guint acpi_rsdt_table(GByteArray *b, GByteArray *linker, const AcpiConfig *c, const guint *tables,
                      guint n)
{
    guint extra = c->user_tables ? c->user_tables->len : 0;
    guint at = acpi_table_begin(b, "RSDT", 1, c->oem_id, c->oem_table_id), list = b->len, end;

    acpi_zero(b, 4 * (n + extra));
    end = b->len;
    for (guint i = 0; i < n + extra; i++) {
        guint target = i < n ? tables[i] : 0;

        if (i >= n) {
            GBytes *table = g_ptr_array_index(c->user_tables, i - n);

            acpi_zero(b, -b->len & 7);
            target = b->len;
            g_byte_array_append(b, g_bytes_get_data(table, NULL), g_bytes_get_size(table));
        }
        st_le32(b->data + list + 4 * i, target);
        acpi_loader_add_pointer(linker, ACPI_TABLES_FILE, ACPI_TABLES_FILE, list + 4 * i, 4);
    }
    st_le32(b->data + at + 4, end - at);
    b->data[at + 9] = acpi_checksum(b->data + at, end - at);
    acpi_loader_add_checksum(linker, ACPI_TABLES_FILE, at + 9, at, end - at);
    return at;
}

void acpi_rsdp_build(GByteArray *rsdp, GByteArray *linker, const AcpiConfig *c, guint rsdt_at)
{
    g_byte_array_append(rsdp, (const void *)"RSD PTR ", 8);
    acpi_u8(rsdp, 0);
    g_byte_array_append(rsdp, (const void *)c->oem_id, 6);
    acpi_u8(rsdp, 0);
    acpi_loader_add_pointer(linker, ACPI_RSDP_FILE, ACPI_TABLES_FILE, rsdp->len, 4);
    acpi_u32(rsdp, rsdt_at);
    acpi_loader_add_checksum(linker, ACPI_RSDP_FILE, 8, 0, 20);
}

void acpi_blobs_build(const AcpiConfig *c, AcpiBlobs *out)
{
    GByteArray *b = g_byte_array_new(), *linker = g_byte_array_new(), *rsdp = g_byte_array_new();
    guint tables[16], n = 0, facs_at, dsdt_at;

    *out = (AcpiBlobs){ b, rsdp, linker };
    acpi_loader_allocate(linker, ACPI_RSDP_FILE, 16, true);
    acpi_loader_allocate(linker, ACPI_TABLES_FILE, 64, false);
    facs_at = facs(b);
    dsdt_at = dsdt(b, c);
    acpi_loader_add_checksum(linker, ACPI_TABLES_FILE, dsdt_at + 9, dsdt_at, b->len - dsdt_at);
    acpi_zero(b, -b->len & 7);
    tables[n++] = fadt(b, linker, c, facs_at, dsdt_at);
    tables[n++] = madt(b, linker, c);
    if (c->hpet) {
        tables[n++] = hpet(b, linker, c);
    }
    if (!c->i440fx) {
        tables[n++] = acpi_mcfg_table(b, linker, c, Q35_ECAM_BASE, Q35_ECAM_SIZE);
    }
    if (c->vtd) {
        tables[n++] = dmar(b, linker, c);
    }
    tables[n++] = waet(b, linker, c);
    if (c->nvdimm) {
        g_autoptr(GByteArray) fit = g_byte_array_new();

        tables[n++] = acpi_nvdimm_table(b, linker, c, out);
        if (nvdimm_fit(c->nvdimm, fit)) {
            tables[n++] = acpi_nfit_table(b, linker, c);
        }
    }
    if (c->genid) {
        tables[n++] = acpi_genid_table(b, linker, c, out);
    }
    if (c->numa) {
        tables[n++] = srat(b, linker, c);
    }
    if (c->numa && c->numa->has_distances) {
        tables[n++] = slit(b, linker, c);
    }
    acpi_rsdp_build(rsdp, linker, c, acpi_rsdt_table(b, linker, c, tables, n));
}
void acpi_blobs_clear(AcpiBlobs *blobs)
{
    g_clear_pointer(&blobs->tables, g_byte_array_unref);
    g_clear_pointer(&blobs->rsdp, g_byte_array_unref);
    g_clear_pointer(&blobs->linker, g_byte_array_unref);
}

void acpi_extra_file(AcpiBlobs *blobs, GByteArray *linker, const char *file, uint32_t bytes)
{
    g_assert(blobs->n_extra < ACPI_EXTRA_MAX && bytes % ACPI_PAGE == 0);
    blobs->extra[blobs->n_extra].file = file;
    blobs->extra[blobs->n_extra++].bytes = bytes;
    acpi_loader_allocate(linker, file, ACPI_PAGE, false);
}

guint acpi_file_ssdt(const AcpiFileSsdt *desc, GByteArray *b, GByteArray *linker,
                     const AcpiConfig *c)
{
    guint at = acpi_table_begin(b, "SSDT", 1, c->oem_id, desc->table_id), place;
    Aml a;

    aml_init(&a);
    place = b->len + aml_name_dword(&a, desc->address, 0);
    desc->contents(&a, c);
    aml_method(&a, desc->event, 0, false);
    aml_notify(&a, desc->device);
    aml_int(&a, 0x80);
    aml_close(&a);
    g_byte_array_append(b, a.buf->data, a.buf->len);
    aml_clear(&a);
    acpi_loader_add_pointer(linker, ACPI_TABLES_FILE, desc->file, place, 4);
    return at;
}

uint64_t acpi_blobs_extra_bytes(const AcpiBlobs *blobs)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < blobs->n_extra; i++) {
        sum += blobs->extra[i].bytes;
    }
    return sum;
}

uint64_t acpi_blobs_extra_addr(const AcpiBlobs *blobs, const char *file)
{
    for (unsigned i = 0; i < blobs->n_extra; i++) {
        if (!strcmp(blobs->extra[i].file, file)) {
            return blobs->extra[i].addr;
        }
    }
    return 0;
}

void acpi_blobs_place(AcpiBlobs *blobs, uint64_t tables_addr, uint64_t rsdp_addr,
                      uint64_t extra_addr)
{
    for (unsigned i = 0; i < blobs->n_extra; i++) {
        blobs->extra[i].addr = extra_addr;
        extra_addr += blobs->extra[i].bytes;
    }
    for (guint at = 0; at + 128 <= blobs->linker->len; at += 128) {
        const uint8_t *cmd = blobs->linker->data + at;
        const char *dest = (const char *)cmd + 4;
        GByteArray *blob = !strcmp(dest, ACPI_RSDP_FILE) ? blobs->rsdp : blobs->tables;

        if (ld_le32(cmd) == 2) {
            const char *src = dest + 56;
            uint64_t base = !strcmp(src, ACPI_RSDP_FILE)     ? rsdp_addr
                            : !strcmp(src, ACPI_TABLES_FILE) ? tables_addr
                                                             : acpi_blobs_extra_addr(blobs, src);
            uint32_t offset = ld_le32(cmd + 4 + 112);
            uint8_t size = cmd[4 + 116];

            st_le(blob->data + offset, size, ld_le(blob->data + offset, size) + base);
        } else if (ld_le32(cmd) == 3) {
            uint32_t offset = ld_le32(cmd + 4 + 56), start = ld_le32(cmd + 4 + 60);
            uint32_t len = ld_le32(cmd + 4 + 64);

            blob->data[offset] = 0;
            blob->data[offset] = acpi_checksum(blob->data + start, len);
        }
    }
}
