/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports for firmware and test programs: a debug console, and a way out with an exit code. */
#include "backend/chardev/chardev.h"
#include "hw/misc/isa-misc.h"

typedef struct {
    Device dev; /* first */
    ChardevFrontend frontend;
    MemoryRegion io;
    char *chardev;
    uint32_t iobase, readback;
} Debugcon;

typedef struct {
    Device dev; /* first */
    MemoryRegion io;
    uint32_t iobase, iosize;
} DebugExit;

/* ---- isa-debugcon ---- */

static uint64_t debugcon_read(void *opaque, uint64_t addr, unsigned size)
{
    return ((Debugcon *)opaque)->readback;
}

static void debugcon_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    uint8_t byte = (uint8_t)value;

    /* A guest that prints faster than the terminal waits a moment, then loses output. */
    chardev_write_all(&((Debugcon *)opaque)->frontend, &byte, 1, 100);
}

static const RegionOps debugcon_ops = {
    .read = debugcon_read,
    .write = debugcon_write,
    .valid = { 1, 1 },
};

static bool debugcon_realize(Device *dev, GError **error)
{
    static const ChardevFrontendOps no_input = { 0 };
    Debugcon *s = (Debugcon *)dev;
    Vm *vm = device_vm(dev);

    if (!s->chardev || !*s->chardev) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Can't create debugcon device, empty char device");
        return false;
    }
    Chardev *chardev = chardevs_lookup(vm->chardevs, s->chardev, error);

    if (!chardev || !chardev_frontend_attach(&s->frontend, chardev, &no_input, s, error)) {
        return false;
    }
    memory_region_init_io(&s->io, vm, &dev->obj, &debugcon_ops, s, "isa-debugcon", 1);
    isa_device_add_io(dev, &s->io, (uint16_t)s->iobase);
    return true;
}

static void debugcon_unrealize(Device *dev)
{
    chardev_frontend_detach(&((Debugcon *)dev)->frontend);
    memory_region_clear(&((Debugcon *)dev)->io);
}

/* ---- isa-debug-exit ---- */

static uint64_t exit_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}

static void exit_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Vm *vm = device_vm(opaque);

    vm_shutdown_request_with_code(vm, SHUTDOWN_GUEST_SHUTDOWN, (int)(value << 1 | 1) & 0xff);
}

static const RegionOps exit_ops = { .read = exit_read, .write = exit_write, .valid = { 1, 4 } };

static bool exit_realize(Device *dev, GError **error)
{
    DebugExit *s = (DebugExit *)dev;

    memory_region_init_io(&s->io, device_vm(dev), &dev->obj, &exit_ops, s, "isa-debug-exit",
                          s->iosize);
    isa_device_add_io(dev, &s->io, (uint16_t)s->iobase);
    return true;
}

static void exit_unrealize(Device *dev)
{
    memory_region_clear(&((DebugExit *)dev)->io);
}

/* ---- types ---- */

static const Property debugcon_props[] = {
    PROP(PROP_NAME, Debugcon, chardev, "chardev", NULL, .link_type = "chardev"),
    PROP(PROP_U32, Debugcon, iobase, "iobase", "0xe9", .max = 0xffff),
    PROP(PROP_U32, Debugcon, readback, "readback", "0xe9"),
    PROP_END,
};

static const Property exit_props[] = {
    PROP(PROP_U32, DebugExit, iobase, "iobase", "0x501", .max = 0xffff),
    PROP(PROP_U32, DebugExit, iosize, "iosize", "2", .min = 1, .max = 256),
    PROP_END,
};

static const DeviceOps debugcon_device_ops = {
    .bus_type = "ISA",
    .user_creatable = true,
    .realize = debugcon_realize,
    .unrealize = debugcon_unrealize,
};

static const DeviceOps exit_device_ops = {
    .bus_type = "ISA",
    .user_creatable = true,
    .realize = exit_realize,
    .unrealize = exit_unrealize,
};

const TypeInfo isa_debug_types[] = {
    { .name = "isa-debugcon",
      .parent = "isa-device",
      .description = "debug console port",
      .instance_size = sizeof(Debugcon),
      .props = debugcon_props,
      .ops = &debugcon_device_ops },
    { .name = "isa-debug-exit",
      .parent = "isa-device",
      .description = "a write ends the program",
      .instance_size = sizeof(DebugExit),
      .props = exit_props,
      .ops = &exit_device_ops },
};
const size_t isa_debug_types_n = G_N_ELEMENTS(isa_debug_types);
