/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers as users type them: sizes with binary suffixes, and plain integers with a range.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Parse "512", "0x1000", "4k", "1.5G" (suffix B K M G T P E, either case, all binary; a fraction
 * needs a suffix above B and is rounded down to a byte). No sign, no blanks, nothing after it.
 * @name is what the error calls the value.
 */
bool size_parse(const char *name, const char *text, uint64_t *bytes, GError **error);

/* The same, where a number without a suffix counts in @unit bytes ("-m 512" is in MiB). */
bool size_parse_unit(const char *name, const char *text, uint64_t unit, uint64_t *bytes,
                     GError **error);

/* An integer in decimal or 0x hex within [min, max]. */
bool uint_parse(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *value,
                GError **error);
bool int_parse(const char *name, const char *text, int64_t min, int64_t max, int64_t *value,
               GError **error);

/* "on"/"off", "yes"/"no", "true"/"false", "y"/"n". */
bool bool_parse(const char *name, const char *text, bool *value, GError **error);

/* "512 B", "4 KiB", "1.5 GiB": for people; a new string. */
char *size_format(uint64_t bytes);
