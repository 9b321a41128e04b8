/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices: creation, realize and unrealize, users' -device and device_add, reset, and the device
 * tree as text. A device that fails to realize leaves nothing behind.
 */
#include <string.h>
#include "base/core/clock.h"
#include "hw/core/machine.h"
#include "hw/core/types.h"

GQuark ferry_hw_error_quark(void)
{
    return g_quark_from_static_string("ferry-hw-error");
}

bool hw_config_error(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, text);
    return false;
}

static GVariant *get_realized(Object *obj, const Property *prop)
{
    return g_variant_new_boolean(DEVICE(obj)->realized);
}

static GVariant *get_hotplugged(Object *obj, const Property *prop)
{
    return g_variant_new_boolean(DEVICE(obj)->hotplugged);
}

static GVariant *get_hotpluggable(Object *obj, const Property *prop)
{
    return g_variant_new_boolean(device_ops(DEVICE(obj))->hotpluggable);
}

static GVariant *get_parent_bus(Object *obj, const Property *prop)
{
    Bus *bus = DEVICE(obj)->bus;
    return g_variant_new_take_string(bus ? object_path(&bus->obj) : g_strdup(""));
}

static const Property device_props[] = {
    { .name = "realized", .kind = PROP_CUSTOM, .link_type = "bool", .get = get_realized },
    { .name = "hotplugged", .kind = PROP_CUSTOM, .link_type = "bool", .get = get_hotplugged },
    { .name = "hotpluggable", .kind = PROP_CUSTOM, .link_type = "bool", .get = get_hotpluggable },
    { .name = "parent_bus", .kind = PROP_CUSTOM, .link_type = "link<bus>", .get = get_parent_bus },
    PROP_END,
};

static void device_finalize(Object *obj)
{
    Device *dev = DEVICE(obj);
    for (guint i = 0; dev->gpios && i < dev->gpios->len; i++) {
        GpioGroup *g = &g_array_index(dev->gpios, GpioGroup, i);
        g_free(g->name);
        g_free(g->pins);
        g_free(g->slots);
    }
    g_clear_pointer(&dev->gpios, g_array_unref);
    g_clear_pointer(&dev->buses, g_ptr_array_unref);
    g_clear_pointer(&dev->id, g_free);
}

static const DeviceOps device_base_ops = { 0 };

const TypeInfo hw_core_device_types[] = {
    { .name = "device",
      .parent = "object",
      .abstract = true,
      .instance_size = sizeof(Device),
      .ops = &device_base_ops,
      .props = device_props,
      .finalize = device_finalize },
    { .name = "sys-bus-device", .parent = "device", .abstract = true },
    { .name = "cpu", .parent = "device", .abstract = true },
};
const size_t hw_core_device_types_n = G_N_ELEMENTS(hw_core_device_types);

const char *device_category_title(DeviceCategory category)
{
    static const char *const titles[DEVICE_CATEGORY_COUNT] = {
        [DEVICE_CATEGORY_MISC] = "Misc devices",
        [DEVICE_CATEGORY_BRIDGE] = "Controller/Bridge/Hub devices",
        [DEVICE_CATEGORY_USB] = "USB devices",
        [DEVICE_CATEGORY_STORAGE] = "Storage devices",
        [DEVICE_CATEGORY_NETWORK] = "Network devices",
        [DEVICE_CATEGORY_INPUT] = "Input devices",
        [DEVICE_CATEGORY_DISPLAY] = "Display devices",
        [DEVICE_CATEGORY_SOUND] = "Sound devices",
        [DEVICE_CATEGORY_CPU] = "CPU devices",
        [DEVICE_CATEGORY_WATCHDOG] = "Watchdog devices",
    };
    return titles[category];
}

Device *device_new(Vm *vm, const char *type, GError **error)
{
    const Type *t = type_find(vm->types, type);
    if (t && !type_is_a(t, "device")) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "'%s' is not a device", type);
        return NULL;
    }
    g_autoptr(Object) obj = object_new(vm, type, error);
    if (!obj || !machine_apply_defaults(vm, obj, error)) {
        return NULL;
    }
    return DEVICE(g_steal_pointer(&obj));
}

/* Names an unnamed device like QEMU does: /machine/unattached/device[N]. */
static bool give_place(Device *dev, const char *name, GError **error)
{
    Vm *vm = device_vm(dev);
    if (dev->obj.parent) {
        return true;
    }
    if (dev->id) {
        return object_add_child(object_container(vm->root, "/machine/peripheral"), dev->id,
                                &dev->obj, error);
    }
    if (name && *name == '/') {
        g_autofree char *dir = g_path_get_dirname(name);
        g_autofree char *leaf = g_path_get_basename(name);
        return object_add_child(object_container(vm->root, dir), leaf, &dev->obj, error);
    }
    Object *at = object_container(vm->root, "/machine/unattached");
    if (name) {
        return object_add_child(at, name, &dev->obj, error);
    }
    for (unsigned i = 0;; i++) {
        g_autofree char *n = g_strdup_printf("device[%u]", i);
        if (!object_child(at, n)) {
            return object_add_child(at, n, &dev->obj, error);
        }
    }
}

static bool plug(Device *dev, Bus *bus, GError **error)
{
    const BusOps *ops = bus_ops(bus);
    const char *wanted = device_ops(dev)->bus_type;
    if (wanted && strcmp(wanted, ops->kind) && !object_is_a(&bus->obj, wanted)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS, "Device '%s' can't go on %s bus",
                    object_type_name(&dev->obj), ops->kind);
        return false;
    }
    if (ops->max_devices && bus->devices->len >= (guint)ops->max_devices) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "bus '%s' is full (%d devices)",
                    bus_name(bus), ops->max_devices);
        return false;
    }
    if (ops->plug && !ops->plug(bus, dev, error)) {
        return false;
    }
    dev->bus = bus;
    g_ptr_array_add(bus->devices, dev);
    return true;
}

static void unplug(Device *dev)
{
    if (dev->bus) {
        const BusOps *ops = bus_ops(dev->bus);
        g_ptr_array_remove(dev->bus->devices, dev);
        if (ops->unplug) {
            ops->unplug(dev->bus, dev);
        }
        dev->bus = NULL;
    }
}

/* "0000:00:02.0", or NULL where the bus gives none. */
static char *migration_path(Device *dev)
{
    const BusOps *bops = dev->bus ? bus_ops(dev->bus) : NULL;
    return bops && bops->device_path ? bops->device_path(dev->bus, dev) : NULL;
}

char *device_ram_block_name(Device *dev, const char *leaf)
{
    g_autofree char *path = migration_path(dev);
    return path ? g_strdup_printf("%s/%s", path, leaf) : g_strdup(leaf);
}

/* Devices of the board itself ask it for a place. */
static bool board_pre_plug(Device *dev, GError **error)
{
    Machine *m = vm_machine(device_vm(dev));

    if (!device_ops(dev)->on_board || !m) {
        return true;
    }
    if (!machine_ops(m)->pre_plug) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS,
                    "this machine has no place for a device '%s'", object_type_name(&dev->obj));
        return false;
    }
    return machine_ops(m)->pre_plug(m, dev, error);
}

bool device_realize(Device *dev, Bus *bus, const char *name, GError **error)
{
    const DeviceOps *ops = device_ops(dev);
    g_assert(!dev->realized);
    if (bus && !plug(dev, bus, error)) {
        return false;
    }
    if (!give_place(dev, name, error)) {
        unplug(dev);
        return false;
    }
    if (!board_pre_plug(dev, error) || (ops->realize && !ops->realize(dev, error))) {
        object_unparent(&dev->obj);
        unplug(dev);
        return false;
    }
    if (ops->section) {
        g_autofree char *prefix = migration_path(dev);
        dev->section =
            section_register(device_vm(dev), prefix, ops->section, SECTION_INSTANCE_AUTO, dev);
    }
    dev->realized = true;
    if (dev->hotplugged) {
        device_reset(dev, RESET_COLD);
    }
    if (ops->on_board && vm_machine(device_vm(dev))) {
        machine_ops(vm_machine(device_vm(dev)))->plugged(vm_machine(device_vm(dev)), dev);
    }
    return true;
}

Device *device_create(Vm *vm, const char *type, Bus *bus, const char *name, GError **error)
{
    Device *dev = device_new(vm, type, error);
    if (!dev) {
        return NULL;
    }
    bool ok = device_realize(dev, bus, name, error);
    object_unref(&dev->obj); /* the tree holds it */
    return ok ? dev : NULL;
}

void device_unrealize(Device *dev)
{
    if (!dev->realized) {
        return;
    }
    for (guint i = 0; dev->buses && i < dev->buses->len; i++) {
        Bus *bus = g_ptr_array_index(dev->buses, i);
        while (bus->devices->len) {
            device_unrealize(g_ptr_array_index(bus->devices, bus->devices->len - 1));
        }
    }
    if (dev->section) {
        section_unregister(device_vm(dev), dev->section);
        dev->section = NULL;
    }
    Machine *m = vm_machine(device_vm(dev));
    if (device_ops(dev)->on_board && m && m->dev.realized) { /* a board that goes too is not told */
        machine_ops(m)->unplugged(m, dev);
    }
    if (device_ops(dev)->unrealize) {
        device_ops(dev)->unrealize(dev);
    }
    dev->realized = false;
    unplug(dev);
    object_unparent(&dev->obj);
}

/* What events say of a device. */
static GVariant *event_data(Device *dev)
{
    g_autofree char *path = object_path(&dev->obj);
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    if (dev->id) {
        g_variant_builder_add(&b, "{sv}", "device", g_variant_new_string(dev->id));
    }
    g_variant_builder_add(&b, "{sv}", "path", g_variant_new_string(path));
    return g_variant_builder_end(&b);
}

void device_remove(Device *dev)
{
    Vm *vm = device_vm(dev);
    g_autoptr(GVariant) data = g_variant_ref_sink(event_data(dev));

    device_unrealize(dev);
    vm_event(vm, "DEVICE_DELETED", data);
}

void device_unplug_refused(Device *dev)
{
    dev->pending_deleted = false;
    vm_event(device_vm(dev), "DEVICE_UNPLUG_GUEST_ERROR", event_data(dev));
}

/* Devices that sit on no bus (CPUs, board logic) are realized children of the tree. */
static void unrealize_below(Object *obj)
{
    for (guint i = obj->children ? obj->children->len : 0; i-- > 0;) {
        if (i < obj->children->len) {
            unrealize_below(g_ptr_array_index(obj->children, i));
        }
    }
    if (object_is_a(obj, "device") && !object_is_a(obj, "machine")) {
        device_unrealize(DEVICE(obj));
    }
}

void device_unrealize_all(Vm *vm)
{
    Bus *root = bus_root(vm);
    if (vm->machine) {
        vm->machine->dev.realized = false;
    }
    while (root->devices->len) {
        device_unrealize(g_ptr_array_index(root->devices, root->devices->len - 1));
    }
    Object *machine = object_child(vm->root, "machine");
    if (machine) {
        unrealize_below(machine);
        vm->machine = NULL;
        object_unparent(machine);
    }
}

void device_reset(Device *dev, ResetKind kind)
{
    if (device_ops(dev)->reset) {
        device_ops(dev)->reset(dev, kind);
    }
    for (guint i = 0; dev->buses && i < dev->buses->len; i++) {
        bus_reset(g_ptr_array_index(dev->buses, i), kind);
    }
}

/* ---- users' devices ---- */

typedef struct {
    const char *alias;
    const char *found;
} AliasSearch;

static void match_alias(const Type *type, void *opaque)
{
    AliasSearch *s = opaque;
    const DeviceOps *ops = type_ops(type);
    if (ops->alias && !strcmp(ops->alias, s->alias) && type_info(type)->ops == ops) {
        s->found = type_name(type);
    }
}

static const Type *find_user_type(Vm *vm, const char *driver, GError **error)
{
    const Type *type = type_find(vm->types, driver);
    if (!type) {
        AliasSearch s = { driver, NULL };
        type_foreach(vm->types, "device", false, match_alias, &s);
        type = s.found ? type_find(vm->types, s.found) : NULL;
    }
    if (!type || !type_is_a(type, "device")) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "'%s' is not a valid device model name", driver);
        return NULL;
    }
    const DeviceOps *ops = type_ops(type);
    if (type_is_abstract(type) || !ops->user_creatable) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Parameter 'driver' expects a pluggable device type, not '%s'", driver);
        return NULL;
    }
    return type;
}

static bool set_user_props(Device *dev, GVariant *props, GError **error)
{
    GVariantIter it;
    const char *key;
    GVariant *value;
    g_variant_iter_init(&it, props);
    while (g_variant_iter_loop(&it, "{&sv}", &key, &value)) {
        if (!strcmp(key, "driver") || !strcmp(key, "bus") || !strcmp(key, "id")) {
            continue;
        }
        if (!object_set(&dev->obj, key, value, error)) {
            g_variant_unref(value);
            return false;
        }
    }
    return true;
}

static bool id_well_formed(const char *id)
{
    if (!g_ascii_isalpha(*id)) {
        return false;
    }
    for (; *id; id++) {
        if (!g_ascii_isalnum(*id) && !strchr("-._", *id)) {
            return false;
        }
    }
    return true;
}

static bool user_bus(Vm *vm, const DeviceOps *ops, const char *driver, const char *name, Bus **bus,
                     GError **error)
{
    *bus = NULL;
    if (ops->on_board) {
        if (name) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS,
                        "Device '%s' plugs into the machine, not into bus '%s'", driver, name);
            return false;
        }
        *bus = bus_root(vm);
        return true;
    }
    if (name) {
        *bus = bus_find(vm, name, error);
        return *bus != NULL;
    }
    if (ops->bus_type) {
        *bus = bus_find_kind(vm, ops->bus_type);
        if (!*bus) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS,
                        "No '%s' bus found for device '%s'", ops->bus_type, driver);
            return false;
        }
    }
    return true;
}

/* Without an id a user's device lives at /machine/peripheral-anon/device[N]. */
static bool give_anon_place(Device *dev, GError **error)
{
    Object *at = object_container(device_vm(dev)->root, "/machine/peripheral-anon");
    for (unsigned i = 0;; i++) {
        g_autofree char *n = g_strdup_printf("device[%u]", i);
        if (!object_child(at, n)) {
            return object_add_child(at, n, &dev->obj, error);
        }
    }
}

Device *device_add_user(Vm *vm, GVariant *props, bool hotplug, GError **error)
{
    const char *driver = NULL, *id = NULL, *bus_id = NULL;
    Bus *bus;
    g_variant_lookup(props, "id", "&s", &id);
    g_variant_lookup(props, "bus", "&s", &bus_id);
    if (!g_variant_lookup(props, "driver", "&s", &driver)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "Parameter 'driver' is missing");
        return NULL;
    }
    if (id && !id_well_formed(id)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Parameter 'id' expects an identifier, not '%s'", id);
        return NULL;
    }
    if (id && device_find_by_id(vm, id)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "Duplicate device ID '%s'", id);
        return NULL;
    }
    const Type *type = find_user_type(vm, driver, error);
    if (!type) {
        return NULL;
    }
    const DeviceOps *ops = type_ops(type);
    if (!user_bus(vm, ops, driver, bus_id, &bus, error)) {
        return NULL;
    }
    if (hotplug && (!ops->hotpluggable || (bus && !ops->on_board && !bus->hotpluggable))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_HOTPLUG,
                    ops->hotpluggable ? "Bus '%s' does not support hotplugging"
                                      : "Device '%s' does not support hotplugging",
                    ops->hotpluggable ? bus_name(bus) : driver);
        return NULL;
    }
    Device *dev = device_new(vm, type_name(type), error);
    g_autoptr(Object) hold = dev ? &dev->obj : NULL;
    if (!dev || !set_user_props(dev, props, error)) {
        return NULL;
    }
    dev->id = g_strdup(id);
    dev->hotplugged = hotplug;
    if (!id && !give_anon_place(dev, error)) {
        return NULL;
    }
    if (!device_realize(dev, bus, NULL, error)) {
        object_unparent(&dev->obj);
        return NULL;
    }
    return dev;
}

Device *device_find_by_id(Vm *vm, const char *id)
{
    Object *at = object_container(vm->root, "/machine/peripheral");
    Object *obj = object_child(at, id);
    return obj ? DEVICE(obj) : NULL;
}

/* A guest that does not answer can be asked again after a while. */
#define ASK_AGAIN_NS (1 * NS_PER_SEC)

/* Asks the guest to let go where somebody must be asked; the answer comes later. */
static bool request_unplug(Device *dev, GError **error)
{
    Vm *vm = device_vm(dev);
    const DeviceOps *ops = device_ops(dev);
    int64_t now = clock_now_ns(vm, CLOCK_KIND_REALTIME);

    if (dev->pending_deleted && now - dev->asked_to_go_ns < ASK_AGAIN_NS) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY,
                    "Device %s is already in the process of unplug", dev->id);
        return false;
    }
    bool asked = false;
    g_autoptr(Object) hold = object_ref(&dev->obj); /* it may go at once */
    if (ops->on_board) {
        asked = machine_ops(vm_machine(vm))->unplug_request(vm_machine(vm), dev, error);
    } else if (ops->unplug_request) {
        asked = ops->unplug_request(dev, error);
    } else {
        device_remove(dev);
        return true;
    }
    if (asked) {
        dev->pending_deleted = true;
        dev->asked_to_go_ns = now;
    }
    return asked;
}

bool device_del_user(Vm *vm, const char *id, GError **error)
{
    Device *dev = device_find_by_id(vm, id);
    if (!dev) {
        g_set_error(error, FERRY_OBJECT_ERROR, FERRY_OBJECT_ERROR_NOT_FOUND,
                    "Device '%s' not found", id);
        return false;
    }
    const DeviceOps *ops = device_ops(dev);
    if (!ops->hotpluggable || (dev->bus && !ops->on_board && !dev->bus->hotpluggable)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_HOTPLUG,
                    "Device '%s' does not support hotplugging", id);
        return false;
    }
    return request_unplug(dev, error);
}

/* ---- info qtree ---- */

static void describe_bus(GString *out, Bus *bus, int indent);

static void describe_device(GString *out, Device *dev, int indent)
{
    g_string_append_printf(out, "%*sdev: %s, id \"%s\"\n", indent, "", object_type_name(&dev->obj),
                           dev->id ? dev->id : "");
    for (const Type *t = dev->obj.type; t; t = type_parent(t)) {
        for (const Property *p = type_info(t)->props; p && p->name; p++) {
            if (p->kind == PROP_CUSTOM && !p->set) {
                continue;
            }
            g_autoptr(GVariant) v = object_get(&dev->obj, p->name, NULL);
            g_autofree char *s = g_variant_print(v, false);
            g_string_append_printf(out, "%*s%s = %s\n", indent + 2, "", p->name, s);
        }
    }
    for (guint i = 0; dev->buses && i < dev->buses->len; i++) {
        describe_bus(out, g_ptr_array_index(dev->buses, i), indent + 2);
    }
}

static void describe_bus(GString *out, Bus *bus, int indent)
{
    g_string_append_printf(out, "%*sbus: %s\n%*s  type %s\n", indent, "", bus_name(bus), indent, "",
                           object_type_name(&bus->obj));
    for (guint i = 0; i < bus->devices->len; i++) {
        describe_device(out, g_ptr_array_index(bus->devices, i), indent + 2);
    }
}

char *device_tree_describe(Vm *vm)
{
    GString *out = g_string_new(NULL);
    describe_bus(out, bus_root(vm), 0);
    return g_string_free(out, false);
}
