/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small helpers over json-c: writing in the protocol's style, and JSON to and from GVariant, the
 * form in which object properties travel. Parsing is json-c's; see monitor/framing.c.
 */
#pragma once
#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct json_object Json;
static inline void json_unref(Json *value)
{
    json_object_put(value);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Json, json_unref)

/* Append one value: {"a": 1, "b": [true]}; ASCII only. pretty: indented over several lines. */
void json_write(GString *out, Json *value, bool pretty);

/* Objects: add a member (ownership of value passes). */
void json_add(Json *object, const char *name, Json *value);
void json_add_str(Json *object, const char *name, const char *value);
void json_add_str_opt(Json *object, const char *name, const char *value); /* not when NULL */
void json_add_int(Json *object, const char *name, int64_t value);
void json_add_uint(Json *object, const char *name, uint64_t value);
void json_add_bool(Json *object, const char *name, bool value);

/* Read members of arguments that the schema has checked; absent gives the fallback. */
const char *json_str(Json *object, const char *name, const char *fallback);
int64_t json_int(Json *object, const char *name, int64_t fallback);
bool json_flag(Json *object, const char *name, bool fallback);
Json *json_member(Json *object, const char *name); /* borrowed; NULL when absent */
bool json_has(Json *object, const char *name);

/* GVariant of any basic type, arrays, dictionaries with string keys and variants. */
Json *json_from_variant(GVariant *value);
/* bool 'b', int 'x' or 't', double 'd', string 's', array 'av', object 'a{sv}'; floating. null
   becomes the empty tuple. */
GVariant *json_to_variant(Json *value);
/* Parse one whole text (command line JSON). */
Json *json_parse(const char *text, GError **error);
