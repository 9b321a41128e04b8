/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floppy drives: the bus of a controller, the device "floppy" over a drive that may be empty, and the
 * formats that an image's size stands for (the usual PC formats of 3.5 and 5.25 inches).
 */
#include "fdc-priv.h"

typedef struct {
    Device dev; /* first */
    char *drive_name;
    uint32_t unit;
    int type;
    bool share_rw;
    int write_cache, account_invalid, account_failed, backend_defaults;
    uint64_t logical_block_size, physical_block_size, min_io_size, opt_io_size;
    uint64_t discard_granularity;
    FloppyUnit *state; /* borrowed from the controller while realized */
} Floppy;

enum {
    TYPE_144,
    TYPE_288,
    TYPE_120,
    TYPE_NONE,
    TYPE_AUTO
};
static const char *const type_names[] = { "144", "288", "120", "none", "auto", NULL };
static const uint8_t cmos_types[] = { [TYPE_144] = 4, [TYPE_288] = 5, [TYPE_120] = 2 };

/* By size in KiB. */
static const struct {
    uint16_t kib;
    uint8_t type;
    FloppyFormat format;
} formats[] = {
    { 1440, TYPE_144, { 18, 80, 2, 0 } }, { 2880, TYPE_288, { 36, 80, 2, 3 } },
    { 1200, TYPE_120, { 15, 80, 2, 0 } }, { 720, TYPE_144, { 9, 80, 2, 2 } },
    { 360, TYPE_120, { 9, 40, 2, 1 } },   { 1600, TYPE_144, { 20, 80, 2, 0 } },
    { 1680, TYPE_144, { 21, 80, 2, 0 } }, { 1722, TYPE_144, { 21, 82, 2, 0 } },
    { 1743, TYPE_144, { 21, 83, 2, 0 } }, { 1760, TYPE_144, { 22, 80, 2, 0 } },
    { 1840, TYPE_144, { 23, 80, 2, 0 } }, { 1920, TYPE_144, { 24, 80, 2, 0 } },
    { 3200, TYPE_288, { 40, 80, 2, 3 } }, { 3520, TYPE_288, { 44, 80, 2, 3 } },
    { 3840, TYPE_288, { 48, 80, 2, 3 } }, { 800, TYPE_144, { 10, 80, 2, 2 } },
    { 320, TYPE_120, { 8, 40, 2, 1 } },   { 180, TYPE_120, { 9, 40, 1, 1 } },
    { 160, TYPE_120, { 8, 40, 1, 1 } },
};

/* Row of formats[] with that size; -1: there is none. */
static int find_format(uint64_t bytes, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (bytes == formats[i].kib * (uint64_t)1024) {
            return (int)i;
        }
    }
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                "no floppy format has %" G_GUINT64_FORMAT " bytes (1474560 are 1.44 MB)", bytes);
    return -1;
}

static bool set_format(FloppyUnit *u, int *type, GError **error)
{
    int i = find_format(block_drive_length(u->drive), error);

    if (i < 0) {
        return false;
    }
    u->format = formats[i].format;
    *type = *type == TYPE_AUTO ? formats[i].type : *type;
    return true;
}

static char *device_path(void *opaque)
{
    return object_path(&((Floppy *)opaque)->dev.obj);
}

static bool accepts(void *opaque, uint64_t bytes, GError **error)
{
    return find_format(bytes, error) >= 0;
}

static void medium_changed(void *opaque, bool loaded)
{
    FloppyUnit *u = ((Floppy *)opaque)->state;
    int type = TYPE_NONE; /* stays what it is */

    u->media_changed = true;
    u->format = (FloppyFormat){ 0 };
    if (loaded) {
        set_format(u, &type, NULL);
    }
    u->read_only = block_drive_read_only(u->drive);
    u->media_rate = u->format.rate;
}

static BlockDrive *attach(Floppy *f, GError **error)
{
    static const BlockDriveOps drive_ops = { .device_path = device_path,
                                             .medium_changed = medium_changed,
                                             .accepts = accepts };
    Blocks *blocks = vm_blocks(device_vm(&f->dev));
    BlockAttach a = { .ops = &drive_ops, .opaque = f, .share_rw = f->share_rw };
    BlockDrive *found;

    if (!blocks) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "there are no drives");
        return NULL;
    }
    if (!f->drive_name || !*f->drive_name) {
        return block_drive_attach_empty(blocks, &a, error);
    }
    found = blocks_find_drive(blocks, f->drive_name);
    if (found) {
        a.read_only = block_drive_read_only(found);
    } else if (blocks_find_node(blocks, f->drive_name)) {
        BlockNodeInfo info;

        block_node_info(blocks_find_node(blocks, f->drive_name), &info);
        a.read_only = info.read_only;
    }
    return block_drive_attach(blocks, f->drive_name, &a, error);
}

static void release(Floppy *f)
{
    if (f->state) {
        block_drive_detach(f->state->drive);
        *f->state = (FloppyUnit){ 0 };
        f->state = NULL;
    }
}

static bool floppy_realize(Device *dev, GError **error)
{
    Floppy *f = (Floppy *)dev;
    FloppyUnit *u = &((FloppyBus *)dev->bus)->units[f->unit];
    int type = f->type;

    u->drive = attach(f, error);
    if (!u->drive) {
        return false;
    }
    f->state = u;
    if (block_drive_has_medium(u->drive) && !set_format(u, &type, error)) {
        release(f);
        return false;
    }
    f->type = type == TYPE_AUTO ? TYPE_288 : type; /* an empty drive takes every medium */
    u->cmos_type = f->type == TYPE_NONE ? 0 : cmos_types[f->type];
    u->read_only = block_drive_read_only(u->drive);
    u->media_changed = true;
    u->sect = 1;
    u->media_rate = u->format.rate;
    return true;
}

static void floppy_unrealize(Device *dev)
{
    release((Floppy *)dev);
}

static bool bus_plug(Bus *bus, Device *dev, GError **error)
{
    Floppy *f = (Floppy *)dev;
    FloppyUnit *units = ((FloppyBus *)bus)->units;

    if (f->unit == UINT32_MAX) {
        f->unit = units[0].drive ? 1 : 0;
    }
    if (f->unit >= FDC_DRIVES) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Can't create floppy unit %u, bus supports only %d units", f->unit, FDC_DRIVES);
        return false;
    }
    if (units[f->unit].drive) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "Floppy unit %u is in use",
                    f->unit);
        return false;
    }
    return true;
}

static const BusOps bus_type_ops = { .kind = TYPE_FLOPPY_BUS, .plug = bus_plug };

Bus *floppy_bus_new(Device *fdc, FloppyUnit *units)
{
    g_autofree char *name = fdc->id ? g_strdup_printf("%s.0", fdc->id) : g_strdup("floppy-bus.0");
    Bus *bus = bus_new(device_vm(fdc), TYPE_FLOPPY_BUS, fdc, name);

    ((FloppyBus *)bus)->units = units;
    return bus;
}

bool fdc_has_drives(Vm *vm)
{
    Blocks *blocks = vm_blocks(vm);

    return blocks && (blocks_drive_by_index(blocks, BLOCK_IF_FLOPPY, 0) ||
                      blocks_drive_by_index(blocks, BLOCK_IF_FLOPPY, 1));
}

static const Property floppy_props[] = {
    PROP(PROP_NAME, Floppy, drive_name, "drive", NULL, .link_type = "drive"),
    PROP(PROP_U32, Floppy, unit, "unit", "4294967295"),
    PROP(PROP_ENUM, Floppy, type, "drive-type", "auto", .choices = type_names),
    PROP(PROP_BOOL, Floppy, share_rw, "share-rw", "off"),
    PROP(PROP_SIZE, Floppy, logical_block_size, "logical_block_size", "512", .min = 512,
         .max = 512),
    PROP(PROP_SIZE, Floppy, physical_block_size, "physical_block_size", "512", .min = 512,
         .max = 512),
    PROP(PROP_SIZE, Floppy, min_io_size, "min_io_size", "0"),
    PROP(PROP_SIZE, Floppy, opt_io_size, "opt_io_size", "0"),
    PROP(PROP_SIZE, Floppy, discard_granularity, "discard_granularity", "4294967295"),
    PROP(PROP_ONOFFAUTO, Floppy, write_cache, "write-cache", "auto"),
    PROP(PROP_ONOFFAUTO, Floppy, account_invalid, "account-invalid", "auto"),
    PROP(PROP_ONOFFAUTO, Floppy, account_failed, "account-failed", "auto"),
    PROP(PROP_ONOFFAUTO, Floppy, backend_defaults, "backend_defaults", "auto"),
    PROP_END,
};

static const DeviceOps floppy_device_ops = {
    .bus_type = TYPE_FLOPPY_BUS,
    .category = DEVICE_CATEGORY_STORAGE,
    .user_creatable = true,
    .realize = floppy_realize,
    .unrealize = floppy_unrealize,
};

const TypeInfo floppy_types[] = {
    { .name = TYPE_FLOPPY_BUS,
      .parent = "bus",
      .instance_size = sizeof(FloppyBus),
      .ops = &bus_type_ops },
    { .name = "floppy",
      .parent = "device",
      .description = "virtual floppy drive",
      .instance_size = sizeof(Floppy),
      .props = floppy_props,
      .ops = &floppy_device_ops },
};
const size_t floppy_types_count = G_N_ELEMENTS(floppy_types);
