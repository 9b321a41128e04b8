/* SPDX-License-Identifier: GPL-2.0-or-later */
/* USB buses: which device is at which port, and how users see them. */
#include <string.h>

#include "hw/usb/usb.h"

/* ---- ports ---- */

static unsigned device_speeds(const UsbDevice *dev)
{
    const UsbDeviceOps *ops = usb_device_ops(dev);
    unsigned mask = 0;

    for (unsigned i = 0; i < USB_SPEED_COUNT; i++) {
        mask |= ops->desc->speeds[i].config ? USB_SPEED_MASK(i) : 0;
    }
    return ops->speeds ? mask & ops->speeds(dev) : mask;
}

static bool choose_port(const UsbBus *bus, UsbDevice *dev, GError **error)
{
    for (unsigned i = 0; i < bus->n_ports; i++) {
        if (!bus->ports[i] && bus->speeds[i] & device_speeds(dev)) {
            dev->port = i;
            return true;
        }
    }
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY,
                "no free port for '%s' on USB bus %s (%u ports)", object_type_name(&dev->dev.obj),
                bus_name(&bus->bus), bus->n_ports);
    return false;
}

static bool parse_port(const UsbBus *bus, UsbDevice *dev, GError **error)
{
    char *end;
    guint64 n = g_ascii_strtoull(dev->port_name, &end, 10);

    if (*end || !n || n > bus->n_ports) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "usb port %s (bus %s) not found (it has 1 to %u)", dev->port_name,
                    bus_name(&bus->bus), bus->n_ports);
        return false;
    }
    dev->port = (unsigned)n - 1;
    if (bus->ports[dev->port]) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "usb port %s (bus %s) is in use",
                    dev->port_name, bus_name(&bus->bus));
        return false;
    }
    if (!(bus->speeds[dev->port] & device_speeds(dev))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "usb port %s (bus %s) has no speed that '%s' can run at", dev->port_name,
                    bus_name(&bus->bus), object_type_name(&dev->dev.obj));
        return false;
    }
    return true;
}

static bool plug(Bus *base, Device *base_dev, GError **error)
{
    UsbBus *bus = (UsbBus *)base;
    UsbDevice *dev = (UsbDevice *)base_dev;

    if (!(dev->port_name && *dev->port_name ? parse_port(bus, dev, error)
                                            : choose_port(bus, dev, error))) {
        return false;
    }
    unsigned speeds = bus->speeds[dev->port] & device_speeds(dev);
    for (unsigned i = 0; i < USB_SPEED_COUNT; i++) {
        if (speeds & USB_SPEED_MASK(i)) {
            dev->speed = (UsbSpeed)i; /* the highest stays */
        }
    }
    bus->ports[dev->port] = dev;
    return true;
}

static void unplug(Bus *base, Device *dev)
{
    ((UsbBus *)base)->ports[((UsbDevice *)dev)->port] = NULL;
}

static char *device_path(Bus *base, Device *dev)
{
    Device *owner = base->owner;
    const BusOps *ops = owner->bus ? bus_ops(owner->bus) : NULL;
    g_autofree char *path = ops && ops->device_path ? ops->device_path(owner->bus, owner) : NULL;
    unsigned port = ((UsbDevice *)dev)->port + 1;

    return path ? g_strdup_printf("%s/%u", path, port) : g_strdup_printf("%u", port);
}

UsbBus *usb_bus_new(Device *owner, const UsbHostOps *ops, void *host, unsigned n_ports)
{
    g_autofree char *name = NULL;
    UsbBus *bus;

    for (unsigned i = 0; !owner->id && !name; i++) {
        g_autofree char *candidate = g_strdup_printf("usb-bus.%u", i);
        if (!bus_find(device_vm(owner), candidate, NULL)) {
            name = g_steal_pointer(&candidate);
        }
    }
    if (owner->id) {
        name = g_strdup_printf("%s.0", owner->id);
    }
    bus = (UsbBus *)bus_new(device_vm(owner), TYPE_USB_BUS, owner, name);
    bus->bus.hotpluggable = true;
    bus->ops = ops;
    bus->host = host;
    bus->n_ports = n_ports;
    return bus;
}

/* ---- info usb ---- */

static void describe_bus(const UsbBus *bus, unsigned number, GString *out)
{
    static const char *const speeds[] = { "1.5", "12", "480", "5000" };

    for (unsigned i = 0; i < bus->n_ports; i++) {
        const UsbDevice *dev = bus->ports[i];

        if (dev && dev->attached) {
            g_string_append_printf(out, "  Device %u.%u, Port %u, Speed %s Mb/s, Product %s%s%s\n",
                                   number, dev->addr, i + 1, speeds[dev->speed],
                                   usb_device_ops(dev)->product, dev->dev.id ? ", ID: " : "",
                                   dev->dev.id ? dev->dev.id : "");
        }
    }
}

static void describe_below(Bus *bus, unsigned *number, GString *out)
{
    if (object_is_a(&bus->obj, TYPE_USB_BUS)) {
        describe_bus((UsbBus *)bus, (*number)++, out);
    }
    for (guint i = 0; i < bus->devices->len; i++) {
        Device *dev = g_ptr_array_index(bus->devices, i);

        for (guint b = 0; dev->buses && b < dev->buses->len; b++) {
            describe_below(g_ptr_array_index(dev->buses, b), number, out);
        }
    }
}

char *usb_describe(Vm *vm)
{
    GString *out = g_string_new(NULL);
    unsigned buses = 0;

    describe_below(bus_root(vm), &buses, out);
    if (!buses) {
        g_string_append(out, "USB support not enabled\n");
    }
    return g_string_free(out, FALSE);
}

static const BusOps usb_bus_ops = {
    .kind = TYPE_USB_BUS, .plug = plug, .unplug = unplug, .device_path = device_path
};

static const Property device_props[] = {
    PROP(PROP_STR, UsbDevice, port_name, "port", NULL),
    PROP(PROP_STR, UsbDevice, serial, "serial", NULL),
    PROP(PROP_BOOL, UsbDevice, migrate_configuration, "x-migrate-configuration", "on"),
    PROP_END,
};

const TypeInfo usb_bus_types[] = {
    { .name = TYPE_USB_BUS, .parent = "bus", .instance_size = sizeof(UsbBus), .ops = &usb_bus_ops },
    { .name = TYPE_USB_DEVICE,
      .parent = "device",
      .abstract = true,
      .instance_size = sizeof(UsbDevice),
      .props = device_props },
};
const size_t usb_bus_types_count = G_N_ELEMENTS(usb_bus_types);
