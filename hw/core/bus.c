/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buses: places where devices plug in, found by name, path or kind. */
#include <string.h>
#include "hw/core/device.h"
#include "hw/core/types.h"

static void bus_init(Object *obj)
{
    BUS(obj)->devices = g_ptr_array_new();
}

static void bus_finalize(Object *obj)
{
    g_ptr_array_unref(BUS(obj)->devices);
}

static const BusOps bus_base_ops = { .kind = "bus" };
static const BusOps system_bus_ops = { .kind = "System" };

const TypeInfo hw_core_bus_types[] = {
    { .name = "bus",
      .parent = "object",
      .abstract = true,
      .instance_size = sizeof(Bus),
      .ops = &bus_base_ops,
      .init = bus_init,
      .finalize = bus_finalize },
    { .name = "System", .parent = "bus", .ops = &system_bus_ops },
};
const size_t hw_core_bus_types_n = G_N_ELEMENTS(hw_core_bus_types);

Bus *bus_new(Vm *vm, const char *type, Device *owner, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Object) obj = object_new(vm, type, &error);
    if (!obj) {
        g_error("cannot make bus '%s': %s", name, error->message);
    }
    Bus *bus = BUS(obj);
    bus->owner = owner;
    Object *parent = owner ? &owner->obj : object_container(vm->root, "/machine/unattached");
    if (!object_add_child(parent, name, obj, &error)) {
        g_error("cannot add bus '%s': %s", name, error->message);
    }
    if (owner) {
        if (!owner->buses) {
            owner->buses = g_ptr_array_new();
        }
        g_ptr_array_add(owner->buses, bus);
    }
    return bus;
}

const char *bus_name(const Bus *bus)
{
    return bus->obj.name;
}

Bus *bus_root(Vm *vm)
{
    Object *at = object_container(vm->root, "/machine/unattached");
    Object *bus = object_child(at, "sysbus");
    return bus ? BUS(bus) : bus_new(vm, "System", NULL, "sysbus");
}

/* Breadth first over devices and their buses, from @bus. */
static Bus *search(Bus *bus, bool (*match)(Bus *bus, const void *key), const void *key)
{
    GQueue queue = G_QUEUE_INIT;
    Bus *found = NULL;
    g_queue_push_tail(&queue, bus);
    while (!found && (bus = g_queue_pop_head(&queue))) {
        if (match(bus, key)) {
            found = bus;
        }
        for (guint i = 0; i < bus->devices->len; i++) {
            Device *dev = g_ptr_array_index(bus->devices, i);
            for (guint j = 0; dev->buses && j < dev->buses->len; j++) {
                g_queue_push_tail(&queue, g_ptr_array_index(dev->buses, j));
            }
        }
    }
    g_queue_clear(&queue);
    return found;
}

static bool match_kind(Bus *bus, const void *key)
{
    const BusOps *ops = bus_ops(bus);
    return !strcmp(ops->kind, key) && !bus->full &&
           !(ops->max_devices && bus->devices->len >= (guint)ops->max_devices);
}

static bool match_name(Bus *bus, const void *key)
{
    return !strcmp(bus_name(bus), key);
}

Bus *bus_find_kind(Vm *vm, const char *kind)
{
    return search(bus_root(vm), match_kind, kind);
}

Bus *bus_find(Vm *vm, const char *name, GError **error)
{
    if (strchr(name, '/')) {
        Object *obj = object_resolve(vm, name, error);
        if (obj && object_is_a(obj, "bus")) {
            return BUS(obj);
        }
        if (!obj) {
            return NULL;
        }
    }
    Bus *bus = search(bus_root(vm), match_name, name);
    if (!bus) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS, "Bus '%s' not found", name);
    }
    return bus;
}

void bus_reset(Bus *bus, ResetKind kind)
{
    const BusOps *ops = bus_ops(bus);
    for (guint i = 0; i < bus->devices->len; i++) {
        device_reset(g_ptr_array_index(bus->devices, i), kind);
    }
    if (ops->reset) { /* last: the devices have let go of its lines */
        ops->reset(bus, kind);
    }
}
