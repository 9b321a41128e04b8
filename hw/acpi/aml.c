/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The AML writer: names, constants, packages with their lengths, resource descriptors.
 */
#include <string.h>
#include "base/util/endian.h"
#include "hw/acpi/aml.h"

enum {
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    OP_EXT = 0x5b,
    OP_EXT_DEVICE = 0x82,
    OP_EXT_MUTEX = 0x01,
    OP_EXT_ACQUIRE = 0x23,
    OP_EXT_RELEASE = 0x27,
    OP_EXT_REGION = 0x80,
    OP_EXT_FIELD = 0x81,
    OP_NOTIFY = 0x86,
    OP_CREATE_DWORD_FIELD = 0x8a,
    OP_CREATE_QWORD_FIELD = 0x8f,
    OP_IF = 0xa0,
    OP_ELSE = 0xa1,
    OP_WHILE = 0xa2,
    OP_RETURN = 0xa4,
};

void aml_init(Aml *a)
{
    a->buf = g_byte_array_new();
    a->depth = 0;
}

void aml_clear(Aml *a)
{
    g_clear_pointer(&a->buf, g_byte_array_unref);
}

void aml_bytes(Aml *a, const void *data, size_t len)
{
    g_byte_array_append(a->buf, data, len);
}

void aml_byte(Aml *a, uint8_t op)
{
    aml_bytes(a, &op, 1);
}

void aml_name_string(Aml *a, const char *name)
{
    g_auto(GStrv) segs = NULL;
    guint n;

    while (*name == '\\' || *name == '^') {
        aml_byte(a, *name++);
    }
    segs = g_strsplit(name, ".", -1);
    n = g_strv_length(segs);
    if (n == 0 || !**segs) {
        aml_byte(a, 0); /* the null name */
        return;
    }
    if (n == 2) {
        aml_byte(a, 0x2e);
    } else if (n > 2) {
        aml_byte(a, 0x2f);
        aml_byte(a, n);
    }
    for (guint i = 0; i < n; i++) {
        char seg[4] = { '_', '_', '_', '_' };

        memcpy(seg, segs[i], MIN(strlen(segs[i]), 4));
        aml_bytes(a, seg, 4);
    }
}

void aml_int(Aml *a, uint64_t value)
{
    uint8_t raw[8];

    st_le64(raw, value);
    if (value <= 1) {
        aml_byte(a, value);
    } else if (value <= UINT8_MAX) {
        aml_byte(a, OP_BYTE);
        aml_bytes(a, raw, 1);
    } else if (value <= UINT16_MAX) {
        aml_byte(a, OP_WORD);
        aml_bytes(a, raw, 2);
    } else if (value <= UINT32_MAX) {
        aml_byte(a, OP_DWORD);
        aml_bytes(a, raw, 4);
    } else {
        aml_byte(a, OP_QWORD);
        aml_bytes(a, raw, 8);
    }
}

void aml_str(Aml *a, const char *text)
{
    aml_byte(a, OP_STRING);
    aml_bytes(a, text, strlen(text) + 1);
}

void aml_eisaid(Aml *a, const char *id)
{
    uint32_t v = (uint32_t)(id[0] - 0x40) << 26 | (uint32_t)(id[1] - 0x40) << 21 |
                 (uint32_t)(id[2] - 0x40) << 16 | (uint32_t)g_ascii_xdigit_value(id[3]) << 12 |
                 g_ascii_xdigit_value(id[4]) << 8 | g_ascii_xdigit_value(id[5]) << 4 |
                 g_ascii_xdigit_value(id[6]);
    uint8_t raw[4];

    st_be32(raw, v);
    aml_byte(a, OP_DWORD);
    aml_bytes(a, raw, 4);
}

/* ---- packages ---- */
static void open_at(Aml *a)
{
    g_assert(a->depth < AML_DEPTH);
    a->marks[a->depth++] = a->buf->len;
}

/* PkgLength counts itself: 1 byte up to 63, else 2 to 4 with the low nibble first. */
static size_t encode_length(size_t body, uint8_t out[4])
{
    size_t n = body + 1 <= 0x3f ? 1 : body + 2 <= 0xfff ? 2 : body + 3 <= 0xfffff ? 3 : 4;
    size_t total = body + n;

    if (n == 1) {
        out[0] = total;
        return 1;
    }
    out[0] = (n - 1) << 6 | (total & 0xf);
    for (size_t i = 1; i < n; i++) {
        out[i] = total >> (4 + 8 * (i - 1));
    }
    return n;
}

void aml_close(Aml *a)
{
    uint8_t len[4];
    guint mark, body;
    size_t n;

    g_assert(a->depth > 0);
    mark = a->marks[--a->depth];
    body = a->buf->len - mark;
    n = encode_length(body, len);
    g_byte_array_set_size(a->buf, a->buf->len + n);
    memmove(a->buf->data + mark + n, a->buf->data + mark, body);
    memcpy(a->buf->data + mark, len, n);
}

void aml_scope(Aml *a, const char *name)
{
    aml_byte(a, OP_SCOPE);
    open_at(a);
    aml_name_string(a, name);
}

void aml_device(Aml *a, const char *name)
{
    aml_byte(a, OP_EXT);
    aml_byte(a, OP_EXT_DEVICE);
    open_at(a);
    aml_name_string(a, name);
}

void aml_method(Aml *a, const char *name, int args, bool serialized)
{
    aml_byte(a, OP_METHOD);
    open_at(a);
    aml_name_string(a, name);
    aml_byte(a, args | (serialized ? 8 : 0));
}

void aml_package(Aml *a, uint8_t elements)
{
    aml_byte(a, OP_PACKAGE);
    open_at(a);
    aml_byte(a, elements);
}

void aml_if(Aml *a)
{
    aml_byte(a, OP_IF);
    open_at(a);
}

void aml_else(Aml *a)
{
    aml_byte(a, OP_ELSE);
    open_at(a);
}

void aml_name(Aml *a, const char *name)
{
    aml_byte(a, OP_NAME);
    aml_name_string(a, name);
}

void aml_name_int(Aml *a, const char *name, uint64_t value)
{
    aml_name(a, name);
    aml_int(a, value);
}

guint aml_name_dword(Aml *a, const char *name, uint32_t value)
{
    uint8_t raw[4];

    st_le32(raw, value);
    aml_name(a, name);
    aml_byte(a, OP_DWORD);
    aml_bytes(a, raw, 4);
    return a->buf->len - 4;
}

void aml_name_str(Aml *a, const char *name, const char *text)
{
    aml_name(a, name);
    aml_str(a, text);
}

void aml_name_eisaid(Aml *a, const char *name, const char *id)
{
    aml_name(a, name);
    aml_eisaid(a, id);
}

void aml_buffer(Aml *a, const void *data, size_t len)
{
    aml_byte(a, OP_BUFFER);
    open_at(a);
    aml_int(a, len);
    aml_bytes(a, data, len);
    aml_close(a);
}

void aml_return(Aml *a)
{
    aml_byte(a, OP_RETURN);
}

void aml_create_dword_field(Aml *a, uint8_t source_op, unsigned index, const char *name)
{
    aml_byte(a, OP_CREATE_DWORD_FIELD);
    aml_byte(a, source_op);
    aml_int(a, index);
    aml_name_string(a, name);
}

void aml_create_qword_field(Aml *a, const char *source, unsigned index, const char *name)
{
    aml_byte(a, OP_CREATE_QWORD_FIELD);
    aml_name_string(a, source);
    aml_int(a, index);
    aml_name_string(a, name);
}

/* ---- registers and events ---- */
static void ext(Aml *a, uint8_t op)
{
    aml_byte(a, OP_EXT);
    aml_byte(a, op);
}

/* ACPI 6.5, 20.2.5.2: RegionSpace */
typedef enum RegionSpace {
    REGION_MEMORY = 0,
    REGION_IO = 1,
} RegionSpace;

static void region(Aml *a, const char *name, RegionSpace space)
{
    ext(a, OP_EXT_REGION);
    aml_name_string(a, name);
    aml_byte(a, space);
}

void aml_io_region(Aml *a, const char *name, uint16_t base, uint16_t length)
{
    region(a, name, REGION_IO);
    aml_int(a, base);
    aml_int(a, length);
}

void aml_memory_region(Aml *a, const char *name, const char *base_name, uint16_t length)
{
    region(a, name, REGION_MEMORY);
    aml_name_string(a, base_name);
    aml_int(a, length);
}

void aml_memory_region_at(Aml *a, const char *name, uint64_t base, uint16_t length)
{
    region(a, name, REGION_MEMORY);
    aml_int(a, base);
    aml_int(a, length);
}

void aml_field(Aml *a, const char *region, AmlFieldFlags flags)
{
    ext(a, OP_EXT_FIELD);
    open_at(a);
    aml_name_string(a, region);
    aml_byte(a, flags);
}

/* A count of bits is written like a package length that does not count itself. */
static void field_bits(Aml *a, unsigned bits)
{
    g_assert(bits < 0x100000);
    if (bits < 0x40) {
        aml_byte(a, bits);
        return;
    }
    aml_byte(a, (bits < 0x1000 ? 1 : 2) << 6 | (bits & 0xf));
    aml_byte(a, bits >> 4);
    if (bits >= 0x1000) {
        aml_byte(a, bits >> 12);
    }
}

void aml_field_unit(Aml *a, const char *name, unsigned bits)
{
    aml_name_string(a, name);
    field_bits(a, bits);
}

void aml_field_gap(Aml *a, unsigned bits)
{
    aml_byte(a, 0);
    field_bits(a, bits);
}

void aml_mutex(Aml *a, const char *name)
{
    ext(a, OP_EXT_MUTEX);
    aml_name_string(a, name);
    aml_byte(a, 0);
}

void aml_acquire(Aml *a, const char *mutex)
{
    static const uint8_t forever[2] = { 0xff, 0xff };

    ext(a, OP_EXT_ACQUIRE);
    aml_name_string(a, mutex);
    aml_bytes(a, forever, 2);
}

void aml_release(Aml *a, const char *mutex)
{
    ext(a, OP_EXT_RELEASE);
    aml_name_string(a, mutex);
}

void aml_method_locked(Aml *a, const char *name, int args, const char *mutex)
{
    aml_method(a, name, args, true);
    aml_acquire(a, mutex);
}

void aml_while(Aml *a)
{
    aml_byte(a, OP_WHILE);
    open_at(a);
}

void aml_notify(Aml *a, const char *object)
{
    aml_byte(a, OP_NOTIFY);
    aml_name_string(a, object);
}

void aml_store_int(Aml *a, uint64_t value, const char *name)
{
    aml_byte(a, AML_STORE);
    aml_int(a, value);
    aml_name_string(a, name);
}

void aml_store_op(Aml *a, uint8_t op, const char *name)
{
    aml_byte(a, AML_STORE);
    aml_byte(a, op);
    aml_name_string(a, name);
}

/* Mixed endian: the first three groups little, the last two as written. */
void aml_touuid(Aml *a, const char *uuid)
{
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    uint8_t plain[16], out[16];
    int n = 0;

    for (const char *p = uuid; *p && n < 16; p++) {
        if (*p == '-') {
            continue;
        }
        plain[n++] = g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]);
        p++;
    }
    g_assert(n == 16);
    for (int i = 0; i < 16; i++) {
        out[i] = plain[order[i]];
    }
    aml_buffer(a, out, 16);
}

/* ---- resources (ACPI 6.4, 6.4) ---- */
AmlResources *aml_res_new(void)
{
    return g_byte_array_new();
}

void aml_res_io(AmlResources *r, uint16_t min, uint16_t max, uint8_t align, uint8_t len)
{
    acpi_u8(r, 0x47);
    acpi_u8(r, 1); /* decodes 16 bits */
    acpi_u16(r, min);
    acpi_u16(r, max);
    acpi_u8(r, align);
    acpi_u8(r, len);
}

void aml_res_irq(AmlResources *r, uint8_t irq)
{
    acpi_u8(r, 0x22);
    acpi_u16(r, 1u << irq);
}

void aml_res_interrupt(AmlResources *r, uint32_t gsi, bool level)
{
    acpi_u8(r, 0x89); /* extended interrupt descriptor */
    acpi_u16(r, 6);
    acpi_u8(r, 1 | (level ? 0 : 2)); /* a consumer's; edge */
    acpi_u8(r, 1);
    acpi_u32(r, gsi);
}

void aml_res_memory32(AmlResources *r, uint32_t base, uint32_t len, bool writable)
{
    acpi_u8(r, 0x86);
    acpi_u16(r, 9);
    acpi_u8(r, writable);
    acpi_u32(r, base);
    acpi_u32(r, len);
}

static void address_head(AmlResources *r, uint8_t tag, uint16_t len, uint8_t type,
                         uint8_t type_flags)
{
    acpi_u8(r, tag);
    acpi_u16(r, len);
    acpi_u8(r, type);
    acpi_u8(r, 0x0c); /* producer, positive decode, minimum and maximum fixed */
    acpi_u8(r, type_flags);
}

static void word_range(AmlResources *r, uint8_t type, uint8_t flags, uint16_t min, uint16_t max)
{
    address_head(r, 0x88, 13, type, flags);
    acpi_u16(r, 0);
    acpi_u16(r, min);
    acpi_u16(r, max);
    acpi_u16(r, 0);
    acpi_u16(r, max - min + 1);
}

void aml_res_word_bus(AmlResources *r, uint16_t min, uint16_t max)
{
    word_range(r, 2, 0, min, max);
}

void aml_res_word_io(AmlResources *r, uint16_t min, uint16_t max)
{
    word_range(r, 1, 3, min, max); /* entire range */
}

void aml_res_dword_memory(AmlResources *r, uint32_t min, uint32_t max, bool cacheable)
{
    address_head(r, 0x87, 23, 0, cacheable ? 3 : 1);
    acpi_u32(r, 0);
    acpi_u32(r, min);
    acpi_u32(r, max);
    acpi_u32(r, 0);
    acpi_u32(r, max - min + 1);
}

void aml_res_qword_memory(AmlResources *r, uint64_t min, uint64_t max, bool cacheable)
{
    address_head(r, 0x8a, 43, 0, cacheable ? 3 : 1);
    acpi_u64(r, 0);
    acpi_u64(r, min);
    acpi_u64(r, max);
    acpi_u64(r, 0);
    acpi_u64(r, max - min + 1);
}

void aml_name_resources(Aml *a, const char *name, AmlResources *r)
{
    acpi_u8(r, 0x79); /* end tag, no checksum */
    acpi_u8(r, 0);
    aml_name(a, name);
    aml_buffer(a, r->data, r->len);
    g_byte_array_unref(r);
}
