/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMBIOS structures of a PC. Private to hw/i386. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct {
    unsigned sockets, cores, threads; /* per the level above */
    uint64_t ram_below_4g, ram_above_4g;
    const char *product, *version; /* "Standard PC (Q35 + ICH9, 2009)", "pc-q35-10.0" */
    const uint8_t *uuid;           /* NULL: all zero */
} SmbiosConfig;

/* @tables: the structures; @anchor: the 31-byte 2.8 entry point with address 0. */
void smbios_build(const SmbiosConfig *config, GByteArray *tables, GByteArray *anchor);
/* Puts the address in and fixes the checksums. */
void smbios_place(GByteArray *anchor, uint32_t tables_addr);
