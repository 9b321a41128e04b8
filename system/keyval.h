/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "a=b,c.d=e,,f" and JSON, as users type them, to the a{sv} that everything below takes. */
#pragma once
#include <glib.h>
#include <stdbool.h>

/*
 * Splits @text at commas (",," is a comma in a value). A part without '=' is the value of
 * @implied if it comes first, else "key=on" ("nokey" is not special). Values are strings; the last
 * of equal keys wins. Floating a{sv}, or NULL + error.
 */
GVariant *keyval_parse(const char *text, const char *implied, GError **error);
/* Every value of @key in @text, in order, is added to @values (char *, the caller's). */
bool keyval_all(const char *text, const char *key, GPtrArray *values, GError **error);
/* The same, with dotted keys nested into dictionaries ("file.driver=x"), or JSON when @text starts
   with '{'. */
GVariant *keyval_parse_nested(const char *text, const char *implied, GError **error);
/* Flat keys, or JSON when @text starts with '{' (-device, -object). */
GVariant *keyval_or_json(const char *text, const char *implied, GError **error);

/* The string of @key, NULL when absent; borrowed from @dict. */
const char *keyval_str(GVariant *dict, const char *key);
/* on/off value; absent gives *@out unchanged. */
bool keyval_bool(GVariant *dict, const char *key, bool *out, GError **error);
bool keyval_uint(GVariant *dict, const char *key, unsigned max, unsigned *out, GError **error);
/* Fails, naming the first key that is not in the NULL-terminated @known. */
bool keyval_only(GVariant *dict, const char *const *known, GError **error);
/* A copy without @key. Floating. */
GVariant *keyval_without(GVariant *dict, const char *const *keys);
