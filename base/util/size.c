/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parsing of typed numbers, in integers all the way: a fraction is digits over a power of ten, so
 * that no value is off by a rounding of floating point.
 */
#include "base/util/size.h"

#include <string.h>

#include "base/util/error.h"
#include "base/util/int128.h"
#include "base/util/units.h"

/* What a number may look like before its suffix. */
typedef struct Number {
    uint64_t whole;
    uint64_t fraction; /* over @scale */
    uint64_t scale;    /* 1 if there was no point */
    const char *end;
    bool overflow;
    bool valid;
} Number;

static void scan_whole(Number *n, const char *text, unsigned base)
{
    const char *p = text;

    for (int digit; (digit = g_ascii_xdigit_value(*p)) >= 0 && digit < (int)base; p++) {
        n->overflow |= __builtin_mul_overflow(n->whole, (uint64_t)base, &n->whole);
        n->overflow |= __builtin_add_overflow(n->whole, (uint64_t)digit, &n->whole);
        n->valid = true;
    }
    n->end = p;
}

/* Digits past the 18th cannot change a byte of anything below 2^60 and are only skipped. */
static void scan_fraction(Number *n)
{
    const char *p = n->end + 1;

    if (!g_ascii_isdigit(*p)) {
        n->valid = false;
        return;
    }
    for (; g_ascii_isdigit(*p); p++) {
        if (n->scale < UINT64_C(1000000000000000000)) {
            n->fraction = n->fraction * 10 + (uint64_t)g_ascii_digit_value(*p);
            n->scale *= 10;
        }
    }
    n->end = p;
}

static Number scan_number(const char *text)
{
    Number n = { .scale = 1, .end = text };

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        scan_whole(&n, text + 2, 16);
        return n;
    }
    scan_whole(&n, text, 10);
    if (n.valid && *n.end == '.') {
        scan_fraction(&n);
    }
    return n;
}

/* 0 for a character that is no suffix. */
static uint64_t suffix_unit(char c)
{
    static const char letters[] = "BKMGTPE";
    const char *p = c ? strchr(letters, g_ascii_toupper(c)) : NULL;

    return p ? UINT64_C(1) << (10 * (p - letters)) : 0;
}

static bool invalid_size(const char *name, const char *text, GError **error)
{
    g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID,
                "%s: '%s' is not a size (expected a number with an optional suffix "
                "B, K, M, G, T, P or E)",
                name, text);
    return false;
}

bool size_parse_unit(const char *name, const char *text, uint64_t unit, uint64_t *bytes,
                     GError **error)
{
    Number n = scan_number(text);
    UInt128 total;

    if (!n.valid) {
        return invalid_size(name, text, error);
    }
    if (*n.end) {
        unit = suffix_unit(*n.end);
        bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
        if (!unit || n.end[1] || hex) {
            return invalid_size(name, text, error);
        }
    }
    if (n.scale > 1 && unit == 1) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID, "%s: '%s' is a fraction of a byte",
                    name, text);
        return false;
    }
    total = (UInt128)n.whole * unit + (UInt128)n.fraction * unit / n.scale;
    if (n.overflow || u128_high(total)) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_RANGE,
                    "%s: '%s' is too large (at most %" G_GUINT64_FORMAT " bytes)", name, text,
                    UINT64_MAX);
        return false;
    }
    *bytes = u128_low(total);
    return true;
}

bool size_parse(const char *name, const char *text, uint64_t *bytes, GError **error)
{
    return size_parse_unit(name, text, 1, bytes, error);
}

bool uint_parse(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *value,
                GError **error)
{
    Number n = scan_number(text);

    if (!n.valid || n.scale > 1 || *n.end) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID,
                    "%s: '%s' is not an unsigned number", name, text);
        return false;
    }
    if (n.overflow || n.whole < min || n.whole > max) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_RANGE,
                    "%s: %s is not in the range %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, name,
                    text, min, max);
        return false;
    }
    *value = n.whole;
    return true;
}

bool int_parse(const char *name, const char *text, int64_t min, int64_t max, int64_t *value,
               GError **error)
{
    bool negative = *text == '-';
    Number n = scan_number(text + (negative || *text == '+'));
    uint64_t limit = negative ? UINT64_C(1) << 63 : INT64_MAX;
    int64_t v;

    if (!n.valid || n.scale > 1 || *n.end) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID, "%s: '%s' is not a number", name,
                    text);
        return false;
    }
    v = (int64_t)(negative ? -n.whole : n.whole);
    if (n.overflow || n.whole > limit || v < min || v > max) {
        g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_RANGE,
                    "%s: %s is not in the range %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, name,
                    text, min, max);
        return false;
    }
    *value = v;
    return true;
}

bool bool_parse(const char *name, const char *text, bool *value, GError **error)
{
    static const char *const words[][2] = {
        { "off", "on" },
        { "no", "yes" },
        { "false", "true" },
        { "n", "y" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        for (int v = 0; v < 2; v++) {
            if (!strcmp(text, words[i][v])) {
                *value = v;
                return true;
            }
        }
    }
    g_set_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID, "%s: '%s' is not 'on' or 'off'", name,
                text);
    return false;
}

char *size_format(uint64_t bytes)
{
    static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned i = 0;
    char digits[G_ASCII_DTOSTR_BUF_SIZE];

    while (i + 1 < G_N_ELEMENTS(names) && bytes >> (10 * (i + 1))) {
        i++;
    }
    g_ascii_formatd(digits, sizeof(digits), "%.3g",
                    (double)bytes / (double)(UINT64_C(1) << 10 * i));
    /* 1000 to 1023 of a unit would come out as 1e+03. */
    if (strchr(digits, 'e')) {
        g_snprintf(digits, sizeof(digits), "%" G_GUINT64_FORMAT, bytes >> (10 * i));
    }
    return g_strdup_printf("%s %s", digits, names[i]);
}
