/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small queries: I/O threads, balloon, TPM. */
#include <string.h>

#include "hw/misc/virtio-misc.h"
#include "qmp.h"

static int64_t number(Object *obj, const char *name)
{
    g_autoptr(GVariant) value = object_get(obj, name, NULL);
    g_autoptr(Json) json = value ? json_from_variant(value) : NULL;
    return json_object_is_type(json, json_type_int) ? json_object_get_int64(json) : 0;
}

Json *qmp_query_iothreads(QmpCall *call, Json *args, GError **error)
{
    static const char *const names[] = { "thread-id", "poll-max-ns", "poll-grow", "poll-shrink",
                                         "aio-max-batch" };
    Json *list = json_object_new_array();
    Object *objects = object_child(call->vm->root, "objects");
    for (guint i = 0; objects && objects->children && i < objects->children->len; i++) {
        Object *obj = g_ptr_array_index(objects->children, i);
        if (!object_is_a(obj, "iothread")) {
            continue;
        }
        Json *item = json_object_new_object();
        json_add_str(item, "id", obj->name);
        for (size_t k = 0; k < G_N_ELEMENTS(names); k++) {
            json_add_int(item, names[k], number(obj, names[k]));
        }
        json_object_array_add(list, item);
    }
    return list;
}

/* ---- balloon ---- */

/* No device, or a guest that does not drive it: what management tells from other failures. */
static void balloon_error(GError **error, GError *cause)
{
    g_set_error_literal(error, QMP_ERROR, QMP_ERROR_DEVICE_NOT_ACTIVE, cause->message);
    g_error_free(cause);
}

Json *qmp_balloon(QmpCall *call, Json *args, GError **error)
{
    int64_t value = json_int(args, "value", 0);
    uint64_t actual;
    GError *cause = NULL;
    if (!virtio_balloon_query(call->vm, &actual, &cause)) {
        balloon_error(error, cause);
    } else if (value <= 0) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "Parameter 'target' expects a size");
    } else {
        virtio_balloon_set_target(call->vm, (uint64_t)value, error);
    }
    return NULL;
}

Json *qmp_query_balloon(QmpCall *call, Json *args, GError **error)
{
    uint64_t actual;
    GError *cause = NULL;
    if (!virtio_balloon_query(call->vm, &actual, &cause)) {
        balloon_error(error, cause);
        return NULL;
    }
    Json *out = json_object_new_object();
    json_add_uint(out, "actual", actual);
    return out;
}

/* ---- what does not exist here ---- */

Json *qmp_query_tpm(QmpCall *call, Json *args, GError **error)
{
    return json_object_new_array();
}

Json *qmp_query_tpm_models(QmpCall *call, Json *args, GError **error)
{
    return json_object_new_array();
}

Json *qmp_query_tpm_types(QmpCall *call, Json *args, GError **error)
{
    return json_object_new_array();
}
