/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables of NVDIMMs: the NFIT with those that are there when it is built, and an SSDT with a
 * device for each slot. Its methods hand their arguments on to the board (nvdimm.h), and read the
 * NFIT's structures again after an event.
 */
#include "acpi-tables-priv.h"
#include "nvdimm.h"

#define ROOT_UUID   "2f10e7a4-9e91-11e4-89d3-123b93f75cba"
#define MODULE_UUID "4309ac30-0d11-11e4-9191-0800200c9a66"

guint acpi_nfit_table(GByteArray *b, GByteArray *linker, const AcpiConfig *c)
{
    guint at = acpi_table_begin(b, "NFIT", 1, c->oem_id, c->oem_table_id);

    acpi_u32(b, 0);
    nvdimm_fit(c->nvdimm, b);
    acpi_checksum_later(b, linker, at);
    return at;
}

/* ---- the page and the port ---- */
static void registers(Aml *a)
{
    aml_io_region(a, "NPIO", NVDIMM_PORT, 4);
    aml_field(a, "NPIO", AML_FIELD_DWORD_PRESERVE);
    aml_field_unit(a, "NTFI", 32);
    aml_close(a);
    aml_memory_region(a, "NRAM", "MEMA", NVDIMM_PAGE_BYTES);
    aml_field(a, "NRAM", AML_FIELD_DWORD_PRESERVE);
    aml_field_unit(a, "HDLE", 32);
    aml_field_unit(a, "REVS", 32);
    aml_field_unit(a, "FUNC", 32);
    aml_field_unit(a, "FARG", (NVDIMM_PAGE_BYTES - 12) * 8);
    aml_close(a);
    aml_field(a, "NRAM", AML_FIELD_DWORD_PRESERVE);
    aml_field_unit(a, "RLEN", 32);
    aml_field_unit(a, "ODAT", (NVDIMM_PAGE_BYTES - 4) * 8);
    aml_close(a);
    aml_mutex(a, "NLCK");
}

/* Mid (source, index, length) with no further target; the operands follow. */
static void mid(Aml *a)
{
    aml_byte(a, AML_MID);
}

/* NCAL (handle, revision, function, argument): the answer's payload. */
static void call_method(Aml *a)
{
    static const char *const request[] = { "HDLE", "REVS", "FUNC", "FARG" };

    aml_method_locked(a, "NCAL", G_N_ELEMENTS(request), "NLCK");
    for (size_t i = 0; i < G_N_ELEMENTS(request); i++) {
        aml_store_op(a, AML_ARG0 + i, request[i]);
    }
    aml_byte(a, AML_STORE);
    aml_name_string(a, "MEMA");
    aml_name_string(a, "NTFI");
    mid(a);
    aml_name_string(a, "ODAT");
    aml_byte(a, AML_ZERO);
    aml_byte(a, AML_SUBTRACT);
    aml_name_string(a, "RLEN");
    aml_int(a, 4);
    aml_byte(a, AML_ZERO);
    aml_byte(a, AML_LOCAL0);
    aml_release(a, "NLCK");
    aml_return(a);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);
}

/* Local0 = the buffer in the package Arg3, or an empty one. */
static void take_argument(Aml *a)
{
    aml_byte(a, AML_STORE);
    aml_buffer(a, "", 1);
    aml_byte(a, AML_LOCAL0);
    aml_if(a);
    aml_byte(a, AML_LEQUAL);
    aml_byte(a, AML_OBJECT_TYPE);
    aml_byte(a, AML_ARG3);
    aml_int(a, 4); /* a package */
    aml_if(a);
    aml_byte(a, AML_LEQUAL);
    aml_byte(a, AML_SIZE_OF);
    aml_byte(a, AML_ARG3);
    aml_byte(a, AML_ONE);
    aml_byte(a, AML_STORE);
    aml_byte(a, AML_DEREF_OF);
    aml_byte(a, AML_INDEX);
    aml_byte(a, AML_ARG3);
    aml_byte(a, AML_ZERO);
    aml_byte(a, AML_ZERO);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);
    aml_close(a);
}

/* _DSM (uuid, revision, function, package) of the device with @handle. */
static void dsm_method(Aml *a, const char *uuid, uint32_t handle)
{
    static const uint8_t nothing = 0;

    aml_method(a, "_DSM", 4, true);
    aml_if(a);
    aml_byte(a, AML_LEQUAL);
    aml_byte(a, AML_ARG0);
    aml_touuid(a, uuid);
    take_argument(a);
    aml_return(a);
    aml_name_string(a, "\\_SB.NVDR.NCAL");
    aml_int(a, handle);
    aml_byte(a, AML_ARG1);
    aml_byte(a, AML_ARG2);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);
    aml_return(a);
    aml_buffer(a, &nothing, 1);
    aml_close(a);
}

/* ---- reading the NFIT again ---- */
/* RFIT (offset): the answer to a request for a piece. FSTA (answer): its status. */
static void piece_methods(Aml *a)
{
    aml_method(a, "RFIT", 1, true);
    aml_byte(a, AML_STORE);
    aml_buffer(a, "\0\0\0", 4);
    aml_byte(a, AML_LOCAL0);
    aml_create_dword_field(a, AML_LOCAL0, 0, "OFST");
    aml_store_op(a, AML_ARG0, "OFST");
    aml_return(a);
    aml_name_string(a, "NCAL");
    aml_int(a, NVDIMM_HANDLE_FIT);
    aml_int(a, 1);
    aml_int(a, 1);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);

    aml_method(a, "FSTA", 1, true);
    aml_create_dword_field(a, AML_ARG0, 0, "STAT");
    aml_return(a);
    aml_name_string(a, "STAT");
    aml_close(a);
}

static void store_int_local(Aml *a, uint64_t value, uint8_t local)
{
    aml_byte(a, AML_STORE);
    aml_int(a, value);
    aml_byte(a, local);
}

/* Local0: the offset of the next piece; 1: what there is so far; 2: an answer; 3: its size; 4: its status. */
static void read_piece(Aml *a)
{
    aml_byte(a, AML_STORE);
    aml_name_string(a, "RFIT");
    aml_byte(a, AML_LOCAL0);
    aml_byte(a, AML_LOCAL2);
    aml_byte(a, AML_STORE);
    aml_byte(a, AML_SIZE_OF);
    aml_byte(a, AML_LOCAL2);
    aml_byte(a, AML_LOCAL3);
    aml_byte(a, AML_STORE);
    aml_name_string(a, "FSTA");
    aml_byte(a, AML_LOCAL2);
    aml_byte(a, AML_LOCAL4);
}

static void fit_method(Aml *a)
{
    aml_method(a, "_FIT", 0, true);
    store_int_local(a, 0, AML_LOCAL0);
    aml_byte(a, AML_STORE);
    aml_buffer(a, "", 0);
    aml_byte(a, AML_LOCAL1);
    aml_while(a);
    aml_byte(a, AML_ONE);
    read_piece(a);
    aml_if(a); /* a module came while this was read */
    aml_byte(a, AML_LEQUAL);
    aml_byte(a, AML_LOCAL4);
    aml_int(a, 0x100);
    store_int_local(a, 0, AML_LOCAL0);
    aml_byte(a, AML_STORE);
    aml_buffer(a, "", 0);
    aml_byte(a, AML_LOCAL1);
    aml_close(a);
    aml_else(a);
    aml_if(a); /* the end, or an error */
    aml_byte(a, AML_LOR);
    aml_byte(a, AML_LOCAL4);
    aml_byte(a, AML_LEQUAL);
    aml_byte(a, AML_LOCAL3);
    aml_int(a, 4);
    aml_return(a);
    aml_byte(a, AML_LOCAL1);
    aml_close(a);
    aml_byte(a, AML_SUBTRACT);
    aml_byte(a, AML_LOCAL3);
    aml_int(a, 4);
    aml_byte(a, AML_LOCAL3);
    mid(a);
    aml_byte(a, AML_LOCAL2);
    aml_int(a, 4);
    aml_byte(a, AML_LOCAL3);
    aml_byte(a, AML_LOCAL2);
    aml_byte(a, AML_CONCAT);
    aml_byte(a, AML_LOCAL1);
    aml_byte(a, AML_LOCAL2);
    aml_byte(a, AML_LOCAL1);
    aml_byte(a, AML_ADD);
    aml_byte(a, AML_LOCAL0);
    aml_byte(a, AML_LOCAL3);
    aml_byte(a, AML_LOCAL0);
    aml_close(a);
    aml_close(a);
    aml_return(a); /* not reached; some readers want a value on every way out */
    aml_byte(a, AML_LOCAL1);
    aml_close(a);
}

static void slot_device(Aml *a, unsigned slot)
{
    g_autofree char *name = g_strdup_printf("NV%02X", slot & 0xff);

    aml_device(a, name);
    aml_name_int(a, "_ADR", slot + 1);
    dsm_method(a, MODULE_UUID, slot + 1);
    aml_close(a);
}

static void nvdimm_devices(Aml *a, const AcpiConfig *c)
{
    aml_device(a, "\\_SB.NVDR");
    aml_name_str(a, "_HID", "ACPI0012");
    registers(a);
    call_method(a);
    dsm_method(a, ROOT_UUID, 0);
    piece_methods(a);
    fit_method(a);
    for (unsigned slot = 0; slot < c->nvdimm->n_slots; slot++) {
        slot_device(a, slot);
    }
    aml_close(a);
}

guint acpi_nvdimm_table(GByteArray *b, GByteArray *linker, const AcpiConfig *c, AcpiBlobs *blobs)
{
    static const AcpiFileSsdt desc = {
        .table_id = "NVDIMM",
        .file = NVDIMM_PAGE_FILE,
        .address = "\\MEMA",
        .event = "\\_GPE._E04",
        .device = "\\_SB.NVDR",
        .contents = nvdimm_devices,
    };
    guint at;

    acpi_extra_file(blobs, linker, NVDIMM_PAGE_FILE, NVDIMM_PAGE_BYTES);
    at = acpi_file_ssdt(&desc, b, linker, c);
    acpi_checksum_later(b, linker, at);
    return at;
}
