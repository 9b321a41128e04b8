/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -acpitable: a table from files, whole (file=) or without its header (data=), with header fields
 * set by the user. Length and checksum are made right; several files are joined by ':'.
 */
#include <string.h>
#include "acpi-user.h"
#include "base/util/endian.h"
#include "hw/acpi/aml.h"
#include "hw/core/loader.h"

#define HEADER_BYTES 36
#define TABLE_LIMIT  0x100000 /* half of what the block can hold */

/* Header fields: text is padded with zeros, numbers are little-endian. */
static const struct {
    const char *key;
    uint8_t at, len;
    bool number;
} fields[] = {
    { "sig", 0, 4, false },
    { "rev", 8, 1, true },
    { "oem_id", 10, 6, false },
    { "oem_table_id", 16, 8, false },
    { "oem_rev", 24, 4, true },
    { "asl_compiler_id", 28, 4, false },
    { "asl_compiler_rev", 32, 4, true },
};

static const char *value_of(GVariant *props, const char *key)
{
    const char *text = NULL;

    return g_variant_lookup(props, key, "&s", &text) ? text : NULL;
}

static bool fail(GError **error, const char *key, const char *text, const char *want)
{
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "%s=%s: %s expected", key, text,
                want);
    return false;
}

static bool set_field(uint8_t *table, unsigned i, const char *text, GError **error)
{
    char *end;
    guint64 value;

    if (!fields[i].number) {
        if (strlen(text) > fields[i].len) {
            return fail(error, fields[i].key, text, "a shorter text");
        }
        memset(table + fields[i].at, 0, fields[i].len);
        memcpy(table + fields[i].at, text, strlen(text));
        return true;
    }
    value = g_ascii_strtoull(text, &end, 0);
    if (!*text || *end || value >> (8 * fields[i].len)) {
        return fail(error, fields[i].key, text, "a number that fits its field");
    }
    st_le(table + fields[i].at, fields[i].len, value);
    return true;
}

static bool known_keys(GVariant *props, GError **error)
{
    GVariantIter it;
    const char *key;
    GVariant *value;
    bool ok = true;

    g_variant_iter_init(&it, props);
    while (ok && g_variant_iter_loop(&it, "{&sv}", &key, &value)) {
        bool known = !strcmp(key, "data") || !strcmp(key, "file");

        for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
            known |= !strcmp(key, fields[i].key);
        }
        if (!known) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "invalid parameter '%s'",
                        key);
            g_variant_unref(value);
            ok = false;
        }
    }
    return ok;
}

static bool append_files(GByteArray *out, const char *names, GError **error)
{
    g_auto(GStrv) list = g_strsplit(names, ":", -1);

    for (char **name = list; *name; name++) {
        g_autoptr(GBytes) bytes = image_read_file("ACPI table", *name, TABLE_LIMIT, error);

        if (!bytes) {
            return false;
        }
        g_byte_array_append(out, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    }
    return true;
}

GBytes *acpi_user_table(GVariant *props, GError **error)
{
    const char *file = value_of(props, "file"), *data = value_of(props, "data");
    g_autoptr(GByteArray) table = g_byte_array_new();

    if (!file == !data) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "'-acpitable' requires one of 'data' or 'file'");
        return NULL;
    }
    if (data) {
        acpi_zero(table, HEADER_BYTES);
        memcpy(table->data + 10, "BOCHS BXPC    ", 14);
    }
    if (!known_keys(props, error) || !append_files(table, file ? file : data, error)) {
        return NULL;
    }
    if (table->len < HEADER_BYTES || table->len > TABLE_LIMIT) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                    "ACPI table '%s' has %u bytes (%d to %d allowed)", file ? file : data,
                    table->len, HEADER_BYTES, TABLE_LIMIT);
        return NULL;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        const char *text = value_of(props, fields[i].key);

        if (text && !set_field(table->data, i, text, error)) {
            return NULL;
        }
    }
    acpi_table_end(table, 0);
    return g_byte_array_free_to_bytes(g_steal_pointer(&table));
}
