/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options as users give them: "key=value,key.sub=value" text becomes an a{sv} GVariant, the same
 * shape that JSON objects arrive in, and a reader takes typed values out of one and then refuses
 * what nobody took.
 *
 * Values from text are strings and are parsed for the type that is asked for; values from JSON
 * must have a fitting type (a string is parsed there as well, as QEMU's "keyval" visitors do).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * "file,driver=x,a.b=c,list.0=d" -> {"driver": "x", "a": {"b": "c"}, "list": {"0": "d"}} where
 * "file" becomes the value of @implied_key (NULL: every item needs a key). A comma in a value is
 * written twice. A key given twice: the last one counts. "flag" and "noflag" without a value are
 * refused. Floating.
 */
GVariant *options_parse(const char *text, const char *implied_key, GError **error);

/* The same, but each "key=value" whose key is in the NULL-terminated @lists adds an element to the
   list of that name. */
GVariant *options_parse_lists(const char *text, const char *implied_key, const char *const *lists,
                              GError **error);

/* Floating copy of @dict (an a{sv}) with @key replaced or added; @value NULL removes it. */
GVariant *options_with(GVariant *dict, const char *key, GVariant *value);

/* Zero-initialised is not valid; see options_reader_init(). */
typedef struct OptionsReader {
    GVariant *dict;    /* owned reference, a{sv} */
    GHashTable *taken; /* keys already asked for */
    GError *error;     /* the first failure; sticky */
    char *prefix;      /* for messages: "file." or "" */
} OptionsReader;

/* @prefix (may be NULL) is put before key names in messages. A floating @dict is consumed. */
void options_reader_init(OptionsReader *r, GVariant *dict, const char *prefix);
void options_reader_clear(OptionsReader *r);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OptionsReader, options_reader_clear)

bool options_reader_has(const OptionsReader *r, const char *key);
/* Each returns the fallback when the key is absent or after a failure. */
char *options_reader_str(OptionsReader *r, const char *key); /* NULL when absent; new string */
bool options_reader_bool(OptionsReader *r, const char *key, bool fallback);
uint64_t options_reader_uint(OptionsReader *r, const char *key, uint64_t min, uint64_t max,
                             uint64_t fallback);
uint64_t options_reader_size(OptionsReader *r, const char *key, uint64_t fallback);
/* The index in the NULL-terminated @choices. */
int options_reader_enum(OptionsReader *r, const char *key, const char *const *choices,
                        int fallback);
/* A sub-dictionary (full reference), or NULL when absent. */
GVariant *options_reader_dict(OptionsReader *r, const char *key);
/* The raw value (full reference), or NULL. */
GVariant *options_reader_value(OptionsReader *r, const char *key);
/* All values of a list: a JSON array, or text "key.0=", "key.1=". Full references. NULL: absent. */
GPtrArray *options_reader_list(OptionsReader *r, const char *key);
/* Say that a required key is missing. */
void options_reader_require(OptionsReader *r, const char *key);
/* Fail with a message about @key. */
void options_reader_fail(OptionsReader *r, const char *key, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* True when nothing failed and every key was taken; otherwise the error. */
bool options_reader_finish(OptionsReader *r, GError **error);
