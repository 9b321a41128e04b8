/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMBIOS structures of a PC, and what users say of them (-smbios). Private to hw/i386. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct SmbiosOptions SmbiosOptions;
/* One -smbios: a{sv} of strings, "value" a list of them. Checked here; NULL options are none. */
SmbiosOptions *smbios_options_new(void);
void smbios_options_free(SmbiosOptions *options);
bool smbios_options_add(SmbiosOptions *options, GVariant *values, GError **error);

typedef struct {
    unsigned sockets, cores, threads; /* per the level above */
    uint64_t ram_below_4g, ram_above_4g;
    const char *product, *version; /* "Standard PC (Q35 + ICH9, 2009)", "pc-q35-10.0" */
    const uint8_t *uuid;           /* NULL: all zero */
    const SmbiosOptions *options;  /* NULL: none */
} SmbiosConfig;

/* @tables: the structures; @anchor: the 31-byte 2.8 entry point with address 0. */
void smbios_build(const SmbiosConfig *config, GByteArray *tables, GByteArray *anchor);
/* Puts the address in and fixes the checksums. */
void smbios_place(GByteArray *anchor, uint32_t tables_addr);

/* ---- for smbios.c ---- */
/* The last value given for @key of structures of @type, or @def. */
const char *smbios_option(const SmbiosOptions *o, unsigned type, const char *key, const char *def);
unsigned smbios_option_number(const SmbiosOptions *o, unsigned type, const char *key, unsigned def);
/* Something was said of that type. */
bool smbios_option_given(const SmbiosOptions *o, unsigned type);
/* Strings of type 11, in order; and structures from files (GBytes), which replace ours of a type. */
GPtrArray *smbios_option_strings(const SmbiosOptions *o);
GPtrArray *smbios_option_files(const SmbiosOptions *o);
bool smbios_option_replaced(const SmbiosOptions *o, unsigned type);
