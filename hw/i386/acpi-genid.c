/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SSDT of the generation id: a device whose ADDR method returns where in memory the number is,
 * and the event that tells of a new one. Firmware puts the page's address into VGIA and into the
 * file that the device reads it from.
 */
#include "acpi-tables-priv.h"
#include "hw/misc/vmgenid.h"

static void status_method(Aml *a)
{
    aml_method(a, "_STA", 0, false);
    aml_if(a); /* a firmware that placed nothing */
    aml_byte(a, AML_LEQUAL);
    aml_name_string(a, "VGIA");
    aml_byte(a, AML_ZERO);
    aml_return(a);
    aml_byte(a, AML_ZERO);
    aml_close(a);
    aml_return(a);
    aml_int(a, 0x0f);
    aml_close(a);
}

/* Two integers: the lower and the upper half of the address. */
static void address_method(Aml *a)
{
    aml_method(a, "ADDR", 0, true);
    aml_byte(a, AML_STORE);
    aml_package(a, 2);
    aml_int(a, 0);
    aml_int(a, 0);
    aml_close(a);
    aml_byte(a, AML_LOCAL0);
    aml_byte(a, AML_STORE);
    aml_byte(a, AML_ADD);
    aml_name_string(a, "VGIA");
    aml_int(a, VMGENID_GUID_OFFSET);
    aml_byte(a, AML_ZERO);
    aml_byte(a, AML_INDEX);
    aml_byte(a, AML_LOCAL0);
    aml_int(a, 0);
    aml_byte(a, AML_ZERO);
    aml_return(a);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);
}

static void genid_device(Aml *a, const AcpiConfig *c)
{
    aml_scope(a, "\\_SB");
    aml_device(a, "VGEN");
    aml_name_str(a, "_HID", "QEMUVGID");
    aml_name_str(a, "_CID", "VM_Gen_Counter");
    aml_name_str(a, "_DDN", "VM_Gen_Counter");
    status_method(a);
    address_method(a);
    aml_close(a);
    aml_close(a);
}

guint acpi_genid_table(GByteArray *b, GByteArray *linker, const AcpiConfig *c, AcpiBlobs *blobs)
{
    static const AcpiFileSsdt desc = {
        .table_id = "VMGENID",
        .file = VMGENID_FILE,
        .address = "VGIA",
        .event = "\\_GPE._E05",
        .device = "\\_SB.VGEN",
        .contents = genid_device,
    };
    guint at;

    acpi_extra_file(blobs, linker, VMGENID_FILE, VMGENID_FILE_BYTES);
    at = acpi_file_ssdt(&desc, b, linker, c);
    acpi_loader_write_pointer(linker, VMGENID_ADDR_FILE, 0, VMGENID_FILE, VMGENID_GUID_OFFSET, 8);
    acpi_checksum_later(b, linker, at);
    return at;
}
