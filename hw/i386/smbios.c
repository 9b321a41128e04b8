/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS 2.8 structures (DMTF DSP0134): BIOS, system, board, chassis, processors, strings, memory array,
 * devices and ranges, boot status, end. Handles are type << 8 plus a number, as is customary.
 */
#include <stdio.h>
#include <string.h>
#include "base/util/endian.h"
#include "base/util/units.h"
#include "hw/acpi/aml.h"
#include "smbios.h"

typedef struct {
    GByteArray *out;
    guint start, strings_n;
    GString *strings;
    unsigned count;
    unsigned largest;
} Builder;

static void begin(Builder *b, uint8_t type, uint16_t handle)
{
    b->start = b->out->len;
    b->strings = g_string_new(NULL);
    b->strings_n = 0;
    acpi_u8(b->out, type);
    acpi_u8(b->out, 0);
    acpi_u16(b->out, handle);
}

/* A string's number in the structure; 0 for none. */
static void string(Builder *b, const char *text)
{
    if (!text || !*text) {
        acpi_u8(b->out, 0);
        return;
    }
    g_string_append_len(b->strings, text, strlen(text) + 1);
    acpi_u8(b->out, ++b->strings_n);
}

static void end(Builder *b)
{
    b->out->data[b->start + 1] = b->out->len - b->start;
    g_byte_array_append(b->out, (const uint8_t *)b->strings->str, b->strings->len);
    acpi_zero(b->out, b->strings->len ? 1 : 2);
    g_string_free(b->strings, TRUE);
    b->largest = MAX(b->largest, b->out->len - b->start);
    b->count++;
}

/* A field that users can set. */
static void field(Builder *b, const SmbiosConfig *c, unsigned type, const char *key,
                  const char *def)
{
    string(b, smbios_option(c->options, type, key, def));
}

static void bios(Builder *b, const SmbiosConfig *c)
{
    const char *release = smbios_option(c->options, 0, "release", "0.0");
    bool uefi = !strcmp(smbios_option(c->options, 0, "uefi", "off"), "on");
    unsigned major = 0, minor = 0;

    sscanf(release, "%u.%u", &major, &minor);
    begin(b, 0, 0);
    field(b, c, 0, "vendor", "Ferry");
    field(b, c, 0, "version", NULL);
    acpi_u16(b->out, 0xe800);
    field(b, c, 0, "date", "04/01/2014");
    acpi_u8(b->out, 0);
    acpi_u64(b->out, 1 << 3); /* characteristics are not supported */
    acpi_u8(b->out, 0);
    acpi_u8(b->out, 0x14 | (uefi ? 0x08 : 0)); /* a virtual machine; targeted content; UEFI */
    acpi_u8(b->out, major);
    acpi_u8(b->out, minor);
    acpi_u16(b->out, 0xffff);
    end(b);
}

static void parse_uuid(const char *text, uint8_t out[16])
{
    for (int n = 0; *text && n < 16; text++) {
        if (*text != '-') {
            out[n++] = g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]);
            text++;
        }
    }
}

static void system_info(Builder *b, const SmbiosConfig *c)
{
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    const char *text = smbios_option(c->options, 1, "uuid", NULL);
    uint8_t uuid[16] = { 0 }, plain[16] = { 0 };

    begin(b, 1, 0x100);
    field(b, c, 1, "manufacturer", "Ferry");
    field(b, c, 1, "product", c->product);
    field(b, c, 1, "version", c->version);
    field(b, c, 1, "serial", NULL);
    if (text) {
        parse_uuid(text, plain);
    } else if (c->uuid) {
        memcpy(plain, c->uuid, 16);
    }
    for (int i = 0; i < 16; i++) {
        uuid[i] = plain[order[i]];
    }
    g_byte_array_append(b->out, uuid, 16);
    acpi_u8(b->out, 6); /* wake-up: power switch */
    field(b, c, 1, "sku", NULL);
    field(b, c, 1, "family", NULL);
    end(b);
}

/* Only when something is said of it. */
static void baseboard(Builder *b, const SmbiosConfig *c)
{
    if (!smbios_option_given(c->options, 2)) {
        return;
    }
    begin(b, 2, 0x200);
    field(b, c, 2, "manufacturer", "Ferry");
    field(b, c, 2, "product", c->product);
    field(b, c, 2, "version", c->version);
    field(b, c, 2, "serial", NULL);
    field(b, c, 2, "asset", NULL);
    acpi_u8(b->out, 1); /* hosts the rest */
    field(b, c, 2, "location", NULL);
    acpi_u16(b->out, 0x300);
    acpi_u8(b->out, 0x0a); /* motherboard */
    acpi_u8(b->out, 0);
    end(b);
}

static void chassis(Builder *b, const SmbiosConfig *c)
{
    begin(b, 3, 0x300);
    field(b, c, 3, "manufacturer", "Ferry");
    acpi_u8(b->out, 1); /* other */
    field(b, c, 3, "version", c->version);
    field(b, c, 3, "serial", NULL);
    field(b, c, 3, "asset", NULL);
    acpi_u8(b->out, 3);
    acpi_u8(b->out, 3);
    acpi_u8(b->out, 3);
    acpi_u8(b->out, 2);
    acpi_zero(b->out, 8);
    field(b, c, 3, "sku", NULL);
    end(b);
}

static void processor(Builder *b, const SmbiosConfig *c, unsigned n)
{
    const char *prefix = smbios_option(c->options, 4, "sock_pfx", NULL);
    g_autofree char *socket =
        prefix ? g_strdup_printf("%s%2x", prefix, n) : g_strdup_printf("CPU %u", n);

    begin(b, 4, 0x400 + n);
    string(b, socket);
    acpi_u8(b->out, 3); /* central processor */
    acpi_u8(b->out, smbios_option_number(c->options, 4, "processor-family", 1));
    field(b, c, 4, "manufacturer", "Ferry");
    acpi_zero(b->out, 8);
    field(b, c, 4, "version", c->version);
    acpi_u8(b->out, 0);
    acpi_u16(b->out, 0);
    acpi_u16(b->out, smbios_option_number(c->options, 4, "max-speed", 2000));
    acpi_u16(b->out, smbios_option_number(c->options, 4, "current-speed", 2000));
    acpi_u8(b->out, 0x41); /* populated, enabled */
    acpi_u8(b->out, 1);
    acpi_u16(b->out, 0xffff);
    acpi_u16(b->out, 0xffff);
    acpi_u16(b->out, 0xffff);
    field(b, c, 4, "serial", NULL);
    field(b, c, 4, "asset", NULL);
    field(b, c, 4, "part", NULL);
    unsigned cores = MAX(c->cores, 1u), threads = cores * MAX(c->threads, 1u);
    acpi_u8(b->out, MIN(cores, 255u));
    acpi_u8(b->out, MIN(cores, 255u));
    acpi_u8(b->out, MIN(threads, 255u));
    acpi_u16(b->out, 2);
    acpi_u16(b->out, 1);
    acpi_u16(b->out, cores);
    acpi_u16(b->out, cores);
    acpi_u16(b->out, threads);
    end(b);
}

static void memory(Builder *b, const SmbiosConfig *c)
{
    uint64_t total = c->ram_below_4g + c->ram_above_4g, slice = 16 * GiB;
    unsigned n = MAX((total + slice - 1) / slice, 1u);

    begin(b, 16, 0x1000);
    acpi_u8(b->out, 1);
    acpi_u8(b->out, 3);
    acpi_u8(b->out, 6); /* multi-bit ECC */
    acpi_u32(b->out, total / KiB < 0x80000000 ? total / KiB : 0x80000000);
    acpi_u16(b->out, 0xfffe);
    acpi_u16(b->out, n);
    acpi_u64(b->out, total / KiB < 0x80000000 ? 0 : total);
    end(b);
    for (unsigned i = 0; i < n; i++) {
        uint64_t size = MIN(slice, total - i * slice) / MiB;
        g_autofree char *name =
            g_strdup_printf("%s %u", smbios_option(c->options, 17, "loc_pfx", "DIMM"), i);

        begin(b, 17, 0x1100 + i);
        acpi_u16(b->out, 0x1000);
        acpi_u16(b->out, 0xfffe);
        acpi_u16(b->out, 0xffff);
        acpi_u16(b->out, 0xffff);
        acpi_u16(b->out, MIN(size, 0x7ffeu));
        acpi_u8(b->out, 9); /* DIMM */
        acpi_u8(b->out, 0);
        string(b, name);
        field(b, c, 17, "bank", NULL);
        acpi_u8(b->out, 7); /* RAM */
        acpi_u16(b->out, 2);
        acpi_u16(b->out, smbios_option_number(c->options, 17, "speed", 0));
        field(b, c, 17, "manufacturer", "Ferry");
        field(b, c, 17, "serial", NULL);
        field(b, c, 17, "asset", NULL);
        field(b, c, 17, "part", NULL);
        acpi_u8(b->out, 0);
        acpi_u32(b->out, 0);
        acpi_zero(b->out, 8);
        end(b);
    }
    const uint64_t ranges[2][2] = { { 0, c->ram_below_4g }, { 4 * GiB, c->ram_above_4g } };
    for (unsigned i = 0; i < 2; i++) {
        if (ranges[i][1]) {
            begin(b, 19, 0x1300 + i);
            acpi_u32(b->out, ranges[i][0] / KiB);
            acpi_u32(b->out, (ranges[i][0] + ranges[i][1]) / KiB - 1);
            acpi_u16(b->out, 0x1000);
            acpi_u8(b->out, 1);
            acpi_zero(b->out, 16);
            end(b);
        }
    }
}

static void processors(Builder *b, const SmbiosConfig *c)
{
    for (unsigned i = 0; i < MAX(c->sockets, 1u); i++) {
        processor(b, c, i);
    }
}

static void oem_strings(Builder *b, const SmbiosConfig *c)
{
    GPtrArray *list = smbios_option_strings(c->options);
    guint n = list ? MIN(list->len, 255u) : 0;

    if (!n) {
        return;
    }
    begin(b, 11, 0xe00);
    acpi_u8(b->out, n);
    for (guint i = 0; i < n; i++) {
        const char *text = g_ptr_array_index(list, i);

        g_string_append_len(b->strings, text, strlen(text) + 1);
    }
    end(b);
}

static void add_files(Builder *b, const SmbiosConfig *c)
{
    GPtrArray *files = smbios_option_files(c->options);

    for (guint i = 0; files && i < files->len; i++) {
        gsize size;
        const void *data = g_bytes_get_data(g_ptr_array_index(files, i), &size);

        g_byte_array_append(b->out, data, size);
        b->largest = MAX(b->largest, size);
        b->count++;
    }
}

void smbios_build(const SmbiosConfig *c, GByteArray *tables, GByteArray *anchor)
{
    Builder b = { .out = tables };

    static void (*const rows[])(Builder *, const SmbiosConfig *) = {
        bios, system_info, baseboard, chassis, processors, oem_strings, memory,
    };
    static const uint8_t types[] = { 0, 1, 2, 3, 4, 11, 17 };

    add_files(&b, c);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (!smbios_option_replaced(c->options, types[i])) {
            rows[i](&b, c);
        }
    }
    begin(&b, 32, 0x2000);
    acpi_zero(tables, 7);
    end(&b);
    begin(&b, 127, 0x7f00);
    end(&b);

    g_byte_array_append(anchor, (const uint8_t *)"_SM_", 4);
    acpi_u8(anchor, 0);
    acpi_u8(anchor, 31);
    acpi_u8(anchor, 2);
    acpi_u8(anchor, 8);
    acpi_u16(anchor, b.largest);
    acpi_zero(anchor, 6);
    g_byte_array_append(anchor, (const uint8_t *)"_DMI_", 5);
    acpi_u8(anchor, 0);
    acpi_u16(anchor, tables->len);
    acpi_u32(anchor, 0);
    acpi_u16(anchor, b.count);
    acpi_u8(anchor, 0x28);
    smbios_place(anchor, 0);
}

void smbios_place(GByteArray *anchor, uint32_t tables_addr)
{
    uint8_t *a = anchor->data;

    st_le32(a + 24, tables_addr);
    a[21] = 0;
    a[21] = acpi_checksum(a + 16, 15);
    a[4] = 0;
    a[4] = acpi_checksum(a, 31);
}
