/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: bytes from a QMP client, through framing, parsing, request and argument checks, up
 * to where a handler would run, and the reply writer. LLVMFuzzerTestOneInput() is libFuzzer's
 * entry; without libFuzzer, main() replays the files and directories it is given.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/framing-priv.h"
#include "monitor/schema.h"
#include "qmp-schema-gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

#ifndef FERRY_LIBFUZZER
static int replay(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize len;
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    if (dir) {
        int n = 0;
        for (const char *name; (name = g_dir_read_name(dir));) {
            g_autofree char *below = g_build_filename(path, name, NULL);
            n += replay(below);
        }
        return n;
    }
    if (!g_file_get_contents(path, &bytes, &len, NULL)) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)bytes, len);
    return 1;
}

int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++) {
        n += replay(argv[i]);
    }
    printf("%d inputs replayed\n", n);
    return n ? 0 : 1;
}
#endif
