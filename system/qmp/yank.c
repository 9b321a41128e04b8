/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * yank: break what may hang on a silent peer, for management whose commands would wait for it. The
 * migration is broken without the VM lock; a chardev is looked up under it.
 */
#include <string.h>

#include "backend/chardev/chardev.h"
#include "migration/migration.h"
#include "qmp.h"

static Json *instance(const char *type)
{
    Json *row = json_object_new_object();
    json_add_str(row, "type", type);
    return row;
}

static void add_chardev(Chardev *c, void *opaque)
{
    if (chardev_yankable(c)) {
        Json *row = instance("chardev");
        json_add_str(row, "id", chardev_id(c));
        json_object_array_add(opaque, row);
    }
}

Json *qmp_query_yank(QmpCall *call, Json *args, GError **error)
{
    Json *out = json_object_new_array();
    chardevs_foreach(call->vm->chardevs, add_chardev, out);
    if (migration_yankable(call->vm)) {
        json_object_array_add(out, instance("migration"));
    }
    return out;
}

/* The chardev of that name if it can be yanked. VM lock held. */
static Chardev *yankable_chardev(Vm *vm, Json *row)
{
    Chardev *c = chardevs_find(vm->chardevs, json_str(row, "id", ""));
    return c && chardev_yankable(c) ? c : NULL;
}

static bool known(Vm *vm, Json *row)
{
    const char *type = json_str(row, "type", "");
    if (!strcmp(type, "migration")) {
        return migration_yankable(vm);
    }
    if (strcmp(type, "chardev")) {
        return false;
    }
    vm_lock(vm);
    bool there = yankable_chardev(vm, row) != NULL;
    vm_unlock(vm);
    return there;
}

static void break_it(Vm *vm, Json *row)
{
    if (!strcmp(json_str(row, "type", ""), "migration")) {
        migration_yank(vm);
        return;
    }
    vm_lock(vm);
    Chardev *c = yankable_chardev(vm, row);
    if (c) {
        chardev_yank(c);
    }
    vm_unlock(vm);
}

/* All of them, or none. */
Json *qmp_yank(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_member(args, "instances");
    size_t n = json_object_array_length(list);
    for (size_t i = 0; i < n; i++) {
        if (!known(call->vm, json_object_array_get_idx(list, i))) {
            g_set_error(error, QMP_ERROR, QMP_ERROR_DEVICE_NOT_FOUND, "Instance not found");
            return NULL;
        }
    }
    for (size_t i = 0; i < n; i++) {
        break_it(call->vm, json_object_array_get_idx(list, i));
    }
    return NULL;
}
