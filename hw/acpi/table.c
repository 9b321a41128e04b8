/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI table headers and checksums, and the firmware loader script: 128-byte commands that
 * allocate a file, patch a pointer, or fix a checksum.
 */
#include <string.h>
#include "base/util/endian.h"
#include "hw/acpi/aml.h"

void acpi_u8(GByteArray *b, uint8_t v)
{
    g_byte_array_append(b, &v, 1);
}
void acpi_u16(GByteArray *b, uint16_t v)
{
    v = GUINT16_TO_LE(v);
    g_byte_array_append(b, (void *)&v, 2);
}
void acpi_u32(GByteArray *b, uint32_t v)
{
    v = GUINT32_TO_LE(v);
    g_byte_array_append(b, (void *)&v, 4);
}
void acpi_u64(GByteArray *b, uint64_t v)
{
    v = GUINT64_TO_LE(v);
    g_byte_array_append(b, (void *)&v, 8);
}
void acpi_zero(GByteArray *b, size_t n)
{
    guint at = b->len;

    if (n == 0) {
        return; /* an empty array has no data pointer to clear at */
    }
    g_byte_array_set_size(b, at + n);
    memset(b->data + at, 0, n);
}

uint8_t acpi_checksum(const uint8_t *data, size_t len)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += data[i];
    }
    return -sum;
}

static void padded(GByteArray *b, const char *text, size_t n, char pad)
{
    size_t len = MIN(strlen(text), n);

    g_byte_array_append(b, (const void *)text, len);
    for (; len < n; len++) {
        acpi_u8(b, pad);
    }
}

guint acpi_table_begin(GByteArray *blob, const char *signature, uint8_t revision,
                       const char *oem_id, const char *oem_table_id)
{
    guint at;

    acpi_zero(blob, -blob->len & 7);
    at = blob->len;
    padded(blob, signature, 4, ' ');
    acpi_u32(blob, 0);
    acpi_u8(blob, revision);
    acpi_u8(blob, 0);
    padded(blob, oem_id, 6, ' ');
    padded(blob, oem_table_id, 8, ' ');
    acpi_u32(blob, 1);
    padded(blob, "FRRY", 4, ' ');
    acpi_u32(blob, 1);
    return at;
}

void acpi_table_end(GByteArray *blob, guint offset)
{
    uint8_t *t = blob->data + offset;
    uint32_t len = blob->len - offset;

    st_le32(t + 4, len);
    t[9] = 0;
    t[9] = acpi_checksum(t, len);
}

/* ---- loader script ---- */
enum {
    CMD_ALLOCATE = 1,
    CMD_ADD_POINTER = 2,
    CMD_ADD_CHECKSUM = 3,
    CMD_WRITE_POINTER = 4,
};
#define CMD_BYTES  128
#define FILE_BYTES 56

static uint8_t *command(GByteArray *script, uint32_t kind)
{
    acpi_zero(script, CMD_BYTES);
    uint8_t *c = script->data + script->len - CMD_BYTES;

    st_le32(c, kind);
    return c + 4;
}

void acpi_loader_allocate(GByteArray *script, const char *file, uint32_t align, bool fseg)
{
    uint8_t *c = command(script, CMD_ALLOCATE);

    g_strlcpy((char *)c, file, FILE_BYTES);
    st_le32(c + FILE_BYTES, align);
    c[FILE_BYTES + 4] = fseg ? 2 : 1;
}

void acpi_loader_add_pointer(GByteArray *script, const char *dest_file, const char *src_file,
                             uint32_t offset, uint8_t size)
{
    uint8_t *c = command(script, CMD_ADD_POINTER);

    g_strlcpy((char *)c, dest_file, FILE_BYTES);
    g_strlcpy((char *)c + FILE_BYTES, src_file, FILE_BYTES);
    st_le32(c + 2 * FILE_BYTES, offset);
    c[2 * FILE_BYTES + 4] = size;
}

void acpi_loader_write_pointer(GByteArray *script, const char *dest_file, uint32_t dest_offset,
                               const char *src_file, uint32_t src_offset, uint8_t size)
{
    uint8_t *c = command(script, CMD_WRITE_POINTER);

    g_strlcpy((char *)c, dest_file, FILE_BYTES);
    g_strlcpy((char *)c + FILE_BYTES, src_file, FILE_BYTES);
    st_le32(c + 2 * FILE_BYTES, dest_offset);
    st_le32(c + 2 * FILE_BYTES + 4, src_offset);
    c[2 * FILE_BYTES + 8] = size;
}

void acpi_loader_add_checksum(GByteArray *script, const char *file, uint32_t offset, uint32_t start,
                              uint32_t len)
{
    uint8_t *c = command(script, CMD_ADD_CHECKSUM);

    g_strlcpy((char *)c, file, FILE_BYTES);
    st_le32(c + FILE_BYTES, offset);
    st_le32(c + FILE_BYTES + 4, start);
    st_le32(c + FILE_BYTES + 8, len);
}
