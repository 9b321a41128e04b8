/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing ACPI machine language (ACPI 6.4, chapter 20) and tables.
 *
 * An Aml is a growing byte string; a construct with a package length is opened, its contents are
 * written, and closing it puts the length in. Nesting is at most AML_DEPTH.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define AML_DEPTH 16

typedef struct {
    GByteArray *buf;
    guint marks[AML_DEPTH];
    int depth;
} Aml;

void aml_init(Aml *a);
void aml_clear(Aml *a);

/* Names are written with dots and roots as in ASL: "\\_SB.PCI0", "^FOO", "_HID". */
void aml_name_string(Aml *a, const char *name);
void aml_int(Aml *a, uint64_t value);
void aml_str(Aml *a, const char *text);
void aml_eisaid(Aml *a, const char *id); /* "PNP0A03" */
void aml_byte(Aml *a, uint8_t op);       /* a bare opcode: AML_LOCAL0, AML_ARG0, AML_ZERO... */
void aml_bytes(Aml *a, const void *data, size_t len);

void aml_scope(Aml *a, const char *name);
void aml_device(Aml *a, const char *name);
void aml_method(Aml *a, const char *name, int args, bool serialized);
/* A serialized one that holds @mutex from its first step on. */
void aml_method_locked(Aml *a, const char *name, int args, const char *mutex);
void aml_package(Aml *a, uint8_t elements);
void aml_if(Aml *a); /* the predicate follows */
void aml_else(Aml *a);
void aml_close(Aml *a);

void aml_name(Aml *a, const char *name); /* Name (name, ...) - the object follows */
void aml_name_int(Aml *a, const char *name, uint64_t value);
/* Always as a double word; returns where in the buffer its four bytes are. */
guint aml_name_dword(Aml *a, const char *name, uint32_t value);
void aml_name_str(Aml *a, const char *name, const char *text);
void aml_name_eisaid(Aml *a, const char *name, const char *id);
void aml_buffer(Aml *a, const void *data, size_t len);
void aml_return(Aml *a); /* the operand follows */
/* CreateDWordField (source op, index, name) */
void aml_create_dword_field(Aml *a, uint8_t source_op, unsigned index, const char *name);
/* CreateQWordField (name, index, field) */
void aml_create_qword_field(Aml *a, const char *source, unsigned index, const char *name);
void aml_touuid(Aml *a, const char *uuid);

/* ---- registers and events ---- */
/* OperationRegion (name, SystemIO, base, length) */
void aml_io_region(Aml *a, const char *name, uint16_t base, uint16_t length);
typedef enum {
    AML_FIELD_BYTE_WRITE_ZEROS = 0x41, /* ByteAcc, NoLock, WriteAsZeros */
    AML_FIELD_DWORD_PRESERVE = 0x03,   /* DWordAcc, NoLock, Preserve */
    AML_FIELD_DWORD_WRITE_ZEROS = 0x43,
} AmlFieldFlags;
/* OperationRegion (name, SystemMemory, @base_name, length) */
void aml_memory_region(Aml *a, const char *name, const char *base_name, uint16_t length);
/* OperationRegion (name, SystemMemory, base, length) */
void aml_memory_region_at(Aml *a, const char *name, uint64_t base, uint16_t length);
/* Field (region, ...); units and gaps follow, aml_close ends it. */
void aml_field(Aml *a, const char *region, AmlFieldFlags flags);
void aml_field_unit(Aml *a, const char *name, unsigned bits);
void aml_field_gap(Aml *a, unsigned bits);
void aml_mutex(Aml *a, const char *name);
void aml_acquire(Aml *a, const char *mutex); /* however long it takes */
void aml_release(Aml *a, const char *mutex);
void aml_while(Aml *a); /* the predicate follows */
/* Notify (object, value): the value follows. */
void aml_notify(Aml *a, const char *object);
/* Store (value, name) */
void aml_store_int(Aml *a, uint64_t value, const char *name);
void aml_store_op(Aml *a, uint8_t op, const char *name);

enum {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_LOCAL0 = 0x60,
    AML_ARG0 = 0x68,
    AML_ARG1 = 0x69,
    AML_ARG2 = 0x6a,
    AML_ARG3 = 0x6b,
    AML_LOCAL1 = 0x61,
    AML_LOCAL2 = 0x62,
    AML_LOCAL3 = 0x63,
    AML_LOCAL4 = 0x64,
    AML_STORE = 0x70,
    AML_ADD = 0x72,
    AML_CONCAT = 0x73,
    AML_SUBTRACT = 0x74,
    AML_INCREMENT = 0x75,
    AML_SHIFT_LEFT = 0x79,
    AML_AND = 0x7b,
    AML_OR = 0x7d,
    AML_DEREF_OF = 0x83,
    AML_SIZE_OF = 0x87,
    AML_INDEX = 0x88,
    AML_OBJECT_TYPE = 0x8e,
    AML_LAND = 0x90,
    AML_LOR = 0x91,
    AML_LNOT = 0x92,
    AML_LEQUAL = 0x93,
    AML_LLESS = 0x95,
    AML_MID = 0x9e,
};

/* ---- resource templates: gather descriptors, then write them as one buffer ---- */
typedef GByteArray AmlResources;
AmlResources *aml_res_new(void);
void aml_res_io(AmlResources *r, uint16_t min, uint16_t max, uint8_t align, uint8_t len);
void aml_res_irq(AmlResources *r, uint8_t irq); /* edge, active high, exclusive */
void aml_res_interrupt(AmlResources *r, uint32_t gsi, bool level); /* active high, exclusive */
void aml_res_memory32(AmlResources *r, uint32_t base, uint32_t len, bool writable);
void aml_res_word_bus(AmlResources *r, uint16_t min, uint16_t max);
void aml_res_word_io(AmlResources *r, uint16_t min, uint16_t max);
void aml_res_dword_memory(AmlResources *r, uint32_t min, uint32_t max, bool cacheable);
void aml_res_qword_memory(AmlResources *r, uint64_t min, uint64_t max, bool cacheable);
/* Name (name, ResourceTemplate) ; frees @r. */
void aml_name_resources(Aml *a, const char *name, AmlResources *r);

/* ---- tables ---- */
/* Starts a table in @blob (8-byte aligned) with a standard header; returns its offset. */
guint acpi_table_begin(GByteArray *blob, const char *signature, uint8_t revision,
                       const char *oem_id, const char *oem_table_id);
/* Fills in length and checksum. */
void acpi_table_end(GByteArray *blob, guint offset);
uint8_t acpi_checksum(const uint8_t *data, size_t len);
/* Little-endian appends. */
void acpi_u8(GByteArray *b, uint8_t v);
void acpi_u16(GByteArray *b, uint16_t v);
void acpi_u32(GByteArray *b, uint32_t v);
void acpi_u64(GByteArray *b, uint64_t v);
void acpi_zero(GByteArray *b, size_t n);

/* ---- the script that firmware runs to place tables (etc/table-loader) ---- */
void acpi_loader_allocate(GByteArray *script, const char *file, uint32_t align, bool fseg);
void acpi_loader_add_pointer(GByteArray *script, const char *dest_file, const char *src_file,
                             uint32_t offset, uint8_t size);
/* Firmware writes where @src_file + @src_offset is into the writable file @dest_file. */
void acpi_loader_write_pointer(GByteArray *script, const char *dest_file, uint32_t dest_offset,
                               const char *src_file, uint32_t src_offset, uint8_t size);
void acpi_loader_add_checksum(GByteArray *script, const char *file, uint32_t offset, uint32_t start,
                              uint32_t len);
