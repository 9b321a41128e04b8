/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: bytes from a QMP client, through framing, parsing, request and argument checks, up
 * to where a handler would run, and the reply writer.
 */
#include "fuzz.h"
#include "monitor/framing-priv.h"
#include "monitor/schema.h"
#include "qmp-schema-gen.h"

static void check_request(Json *request)
{
    const char *name = json_str(request, "execute", NULL);
    const QmpCommand *c = name ? qmp_schema_command(&qmp_schema, name, QMP_TARGET_ALL) : NULL;
    Json *args = json_member(request, "arguments");
    if (!c || (args && !json_object_is_type(args, json_type_object))) {
        return;
    }
    g_autoptr(GError) error = NULL;
    if (qmp_schema_check(&qmp_schema, c, args, &error) && args) {
        g_autoptr(GVariant) v = g_variant_ref_sink(json_to_variant(args));
        g_autoptr(Json) back = json_from_variant(v);
        g_assert(json_object_is_type(back, json_type_object));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(JsonFramer) framer = json_framer_new();
    size_t step = size ? data[0] % 61 + 1 : 1; /* where the input is cut is part of the input */
    for (size_t at = 0; at < size;) {
        bool complete;
        Json *value;
        GError *error = NULL;
        at += json_framer_feed(framer, (const char *)data + at, MIN(step, size - at), &complete,
                               &value, &error);
        if (complete && !error) {
            g_autoptr(GString) text = g_string_new(NULL);
            json_write(text, value, data[0] & 1);
            g_assert(g_utf8_validate(text->str, text->len, NULL));
            check_request(value);
        }
        g_clear_error(&error);
        json_unref(value);
    }
    return 0;
}
