/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices and buses: what machines are made of.
 *
 * A device type's TypeInfo.ops is a const struct that starts with DeviceOps (bus families extend
 * it: PciDeviceOps, IsaDeviceOps, VirtioDeviceOps...). Life of a device: object_new -> properties
 * -> device_realize (checks, then takes resources; may fail and then leaves nothing behind) ->
 * reset -> run -> device_unrealize. VM lock held for everything here.
 */
#pragma once
#include "base/core/vm.h"
#include "base/memory/space.h"
#include "hw/core/irq.h"
#include "migration/vmstate/vmstate.h"

#define FERRY_HW_ERROR (ferry_hw_error_quark())
GQuark ferry_hw_error_quark(void);
typedef enum {
    FERRY_HW_ERROR_CONFIG, /* a property value that makes no sense here */
    FERRY_HW_ERROR_NO_BUS, /* no bus of the needed kind, or it is full */
    FERRY_HW_ERROR_BUSY,   /* slot, id or backend in use */
    FERRY_HW_ERROR_RESOURCE,
    FERRY_HW_ERROR_HOTPLUG, /* not while the VM runs */
    FERRY_HW_ERROR_IMAGE,   /* kernel, firmware, ROM file */
} FerryHwError;
/* Sets FERRY_HW_ERROR_CONFIG; false. */
bool hw_config_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

typedef struct Device Device;
typedef struct Bus Bus;
typedef struct Machine Machine;

typedef enum {
    RESET_COLD,
    RESET_WARM,
    RESET_SNAPSHOT_LOAD
} ResetKind;

typedef enum {
    DEVICE_CATEGORY_MISC,
    DEVICE_CATEGORY_BRIDGE,
    DEVICE_CATEGORY_USB,
    DEVICE_CATEGORY_STORAGE,
    DEVICE_CATEGORY_NETWORK,
    DEVICE_CATEGORY_INPUT,
    DEVICE_CATEGORY_DISPLAY,
    DEVICE_CATEGORY_SOUND,
    DEVICE_CATEGORY_CPU,
    DEVICE_CATEGORY_WATCHDOG,
    DEVICE_CATEGORY_COUNT,
} DeviceCategory;
const char *device_category_title(DeviceCategory category); /* "Network devices" */

typedef struct {
    const char *bus_type; /* type of bus it plugs into ("PCI", "ISA", "virtio-bus"); NULL: none */
    DeviceCategory category;
    bool user_creatable; /* -device; board-only devices say false */
    bool hotpluggable;
    bool on_board; /* plugs into the machine itself: MachineOps.pre_plug and the rest are asked */
    bool (*realize)(Device *dev, GError **error);
    void (*unrealize)(Device *dev);
    /* Puts registers to their power-on values and lowers outputs. Children's after their parent. */
    void (*reset)(Device *dev, ResetKind kind);
    const SectionDesc *section; /* migrated state; NULL: none to keep */
    /* hotplug: asks the guest to let go; NULL: removed at once */
    bool (*unplug_request)(Device *dev, GError **error);
    const char *alias; /* historical second name of the type */
} DeviceOps;

/* Named groups of pins. */
typedef struct {
    char *name;   /* NULL: the unnamed group */
    Irq *pins;    /* inputs: n Irq, owned */
    Irq ***slots; /* outputs: n pointers to where the device keeps its Irq* */
    int n;
    bool output;
} GpioGroup;

struct Device {
    Object obj; /* first */
    char *id;   /* user's id, NULL if none */
    Bus *bus;   /* parent bus, borrowed; NULL for none */
    bool realized, hotplugged, pending_deleted;
    GPtrArray *buses; /* child buses, owned by the object tree */
    GArray *gpios;    /* GpioGroup */
    Section *section;
    int64_t asked_to_go_ns; /* when pending_deleted was set, by the host's clock */
};

/* Bus families: TypeInfo.ops starts with BusOps. */
typedef struct {
    const char *kind; /* the bus_type that devices name: "PCI" */
    int max_devices;  /* 0: unlimited */
    /* Gives @dev its address (checks a user-given one); before realize. */
    bool (*plug)(Bus *bus, Device *dev, GError **error);
    void (*unplug)(Bus *bus, Device *dev);
    /* Firmware-visible path ("i440FX-pcihost/..") and migration path ("0000:00:02.0"); caller frees;
       NULL: none. */
    char *(*device_path)(Bus *bus, Device *dev);
    void (*reset)(Bus *bus, ResetKind kind);
} BusOps;

struct Bus {
    Object obj;         /* first */
    Device *owner;      /* the device that provides it; NULL for the root ("main-system-bus") */
    GPtrArray *devices; /* borrowed, in order of plugging */
    bool hotpluggable, full;
};

#define DEVICE(obj_) ((Device *)(obj_))
#define BUS(obj_)    ((Bus *)(obj_))
static inline Vm *device_vm(const Device *dev)
{
    return dev->obj.vm;
}
static inline const DeviceOps *device_ops(const Device *dev)
{
    return object_ops(&dev->obj);
}

/* ---- making devices (boards) ---- */
/* A device with defaults (compat and -global applied), not yet plugged. One reference. */
Device *device_new(Vm *vm, const char *type, GError **error);
/* Plugs into @bus (NULL: none; sysbus style), gives it a place in the tree under @parent_path
   ("/machine/unattached", NULL: that) and realizes. On failure nothing is left; the caller keeps
   its reference either way. */
bool device_realize(Device *dev, Bus *bus, const char *name, GError **error);
/* For boards: new + realize, or an error. Borrowed (the tree owns it). */
Device *device_create(Vm *vm, const char *type, Bus *bus, const char *name, GError **error);
void device_unrealize(Device *dev);
/* The guest let go of it, or nobody has to be asked: unrealizes and sends DEVICE_DELETED. */
void device_remove(Device *dev);
/* The guest was asked to let go and will not: DEVICE_UNPLUG_GUEST_ERROR; it can be asked again. */
void device_unplug_refused(Device *dev);
/* Every device below the root bus, last plugged first, then the machine itself is dropped. */
void device_unrealize_all(Vm *vm);
/* A user's device (-device, device_add). @props: a{sv} with "driver", "id", "bus", rest are
   properties. NULL + error. Borrowed. */
Device *device_add_user(Vm *vm, GVariant *props, bool hotplug, GError **error);
bool device_del_user(Vm *vm, const char *id, GError **error);
Device *device_find_by_id(Vm *vm, const char *id);
/* How a RAM block of the plugged device is called in a stream: "0000:00:01.0/vga.vram"; caller frees. */
char *device_ram_block_name(Device *dev, const char *leaf);

/* ---- GPIO ---- */
/* @n inputs of the group @name (NULL: unnamed) that call @handler(dev, i, level). */
void device_add_gpio_in(Device *dev, const char *name, IrqHandler handler, int n);
/* @n outputs; @slots[i] is where the device keeps the Irq pointer it drives. */
void device_add_gpio_out(Device *dev, const char *name, Irq **slots, int n);
Irq *device_gpio_in(Device *dev, const char *name, int i); /* asserts range */
void device_connect_out(Device *dev, const char *name, int i, Irq *to);
/* Pass-through groups for qtest: NULL if there is no such group. */
GpioGroup *device_find_gpio(Device *dev, const char *name, bool output);

/* ---- buses ---- */
/* A child bus of @dev, e.g. bus_new(dev, "PCI", "pci.0"). Lives as long as @dev. */
Bus *bus_new(Vm *vm, const char *type, Device *owner, const char *name);
static inline const BusOps *bus_ops(const Bus *bus)
{
    return object_ops(&bus->obj);
}
const char *bus_name(const Bus *bus);
/* By name or path; NULL + error. */
Bus *bus_find(Vm *vm, const char *name, GError **error);
/* The first bus of that kind with room for one more, breadth first; NULL if none. */
Bus *bus_find_kind(Vm *vm, const char *kind);
Bus *bus_root(Vm *vm); /* "main-system-bus" */
void bus_reset(Bus *bus, ResetKind kind);
void device_reset(Device *dev, ResetKind kind);

/* "info qtree" text. */
char *device_tree_describe(Vm *vm);
