/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The object type "secret". The contents are read once, when the object is completed, and are
 * wiped when it goes. Secrets that are themselves encrypted (keyid, iv) are not supported.
 */
#include "base/core/secret.h"
#include <string.h>
#include "base/core/vm.h"

#define SECRET_MAX_BYTES (1u << 20)

typedef struct {
    Object obj; /* first */
    bool loaded;
    int format;
    char *data, *file, *keyid, *iv;
    GBytes *bytes; /* owned; NULL until complete */
} Secret;

enum {
    FORMAT_RAW,
    FORMAT_BASE64
};
static const char *const format_names[] = { "raw", "base64", NULL };

static bool refuse(GError **error, const char *why)
{
    g_set_error_literal(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_VALUE, why);
    return false;
}

static bool read_contents(Secret *s, char **text, gsize *size, GError **error)
{
    if (s->file) {
        return g_file_get_contents(s->file, text, size, error);
    }
    *text = g_strdup(s->data);
    *size = strlen(*text);
    return true;
}

/* GLib's decoder skips what is no base64; what it skips must be white space here. */
static bool decode(char *text, gsize *size, GError **error)
{
    for (gsize i = 0; i < *size; i++) {
        if (!g_ascii_isalnum(text[i]) && !g_ascii_isspace(text[i]) && !strchr("+/=", text[i])) {
            g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_VALUE,
                        "the contents are not base64 at byte %" G_GSIZE_FORMAT, i);
            return false;
        }
    }
    if (*size) {
        g_base64_decode_inplace(text, size);
    }
    return true;
}

static bool secret_complete(Object *obj, GError **error)
{
    Secret *s = (Secret *)obj;
    char *text = NULL;
    gsize size = 0;

    if (s->keyid || s->iv) {
        return refuse(error, "encrypted secrets ('keyid', 'iv') are not available");
    }
    if (!s->data == !s->file) {
        return refuse(error, "a secret needs exactly one of 'data' and 'file'");
    }
    if (!read_contents(s, &text, &size, error)) {
        return false;
    }
    if (size > SECRET_MAX_BYTES || (s->format == FORMAT_BASE64 && !decode(text, &size, error))) {
        if (size > SECRET_MAX_BYTES) {
            g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_VALUE,
                        "the secret has %" G_GSIZE_FORMAT " bytes (limit %u)", size,
                        SECRET_MAX_BYTES);
        }
        g_free(text);
        return false;
    }
    s->bytes = g_bytes_new_take(text, size);
    return true;
}

static void secret_finalize(Object *obj)
{
    Secret *s = (Secret *)obj;
    gsize size = 0;

    if (s->data) {
        explicit_bzero(s->data, strlen(s->data));
    }
    if (s->bytes) {
        gpointer bytes = g_bytes_unref_to_data(g_steal_pointer(&s->bytes), &size);

        explicit_bzero(bytes, size);
        g_free(bytes);
    }
}

GBytes *secret_bytes(Vm *vm, const char *id, GError **error)
{
    Object *objects = object_child(vm->root, "objects");
    Object *obj = objects ? object_child(objects, id) : NULL;

    if (!obj || !object_is_a(obj, "secret") || !((Secret *)obj)->bytes) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_NOT_FOUND,
                    "no secret with id '%s'", id);
        return NULL;
    }
    return g_bytes_ref(((Secret *)obj)->bytes);
}

/* The contents can be given but not asked for. */
static GVariant *get_hidden(Object *obj, const Property *prop)
{
    return g_variant_new_string("");
}

static const Property secret_props[] = {
    PROP(PROP_BOOL, Secret, loaded, "loaded", "off"),
    PROP(PROP_ENUM, Secret, format, "format", "raw", .choices = format_names),
    PROP(PROP_STR, Secret, data, "data", NULL, .get = get_hidden),
    PROP(PROP_STR, Secret, file, "file", NULL),
    PROP(PROP_STR, Secret, keyid, "keyid", NULL),
    PROP(PROP_STR, Secret, iv, "iv", NULL),
    PROP_END,
};

const TypeInfo secret_types[] = {
    { .name = "secret",
      .parent = "object",
      .description = "a password or key that others refer to",
      .user_creatable = true,
      .instance_size = sizeof(Secret),
      .props = secret_props,
      .finalize = secret_finalize,
      .complete = secret_complete },
};
const size_t secret_types_n = G_N_ELEMENTS(secret_types);
