/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices "scsi-hd" and "scsi-cd": properties, the image behind a unit, geometry. What they do is
 * in the files of their commands.
 */
#include <string.h>

#include "base/util/bits.h"
#include "scsi-priv.h"

#define ID_BYTES            20
#define DISCARD_GRANULARITY 4096u
#define AUTO_GRANULARITY    UINT32_MAX

/* ---- what the block layer tells ---- */

static void resized(void *opaque)
{
    ScsiDevice *d = opaque;
    ScsiBus *bus = (ScsiBus *)d->dev.bus;
    uint64_t bytes = block_drive_length(d->drive);

    if (bytes == d->told_bytes || !d->dev.realized) {
        return;
    }
    d->told_bytes = bytes;
    scsi_set_attention(d, SENSE_CAPACITY);
    if (bus->ops->changed) {
        bus->ops->changed(bus, d, SENSE_CAPACITY.asc, SENSE_CAPACITY.ascq);
    }
}

static char *path_of(void *opaque)
{
    return object_path(&((ScsiDevice *)opaque)->dev.obj);
}

/* The tray goes along: a medium is put in by closing it. */
static void medium_changed(void *opaque, bool loaded)
{
    ScsiDevice *d = opaque;

    d->tray_open = !loaded;
    d->media_changed = loaded;
    d->events = (MmcEvents){ .new_media = loaded };
    d->told_bytes = block_drive_length(d->drive);
    scsi_set_attention(d, SENSE_MEDIUM_REMOVED);
}

static bool tray_is_open(void *opaque)
{
    return ((ScsiDevice *)opaque)->tray_open;
}
static bool tray_is_locked(void *opaque)
{
    return ((ScsiDevice *)opaque)->tray_locked;
}

/* A guest polls for events. */
static void eject_request(void *opaque, bool force)
{
    ScsiDevice *d = opaque;

    d->events.eject_request = true;
    if (force) {
        d->tray_locked = false;
    }
}

#define REMOVABLE                                                                           \
    .device_path = path_of, .medium_changed = medium_changed, .tray_is_open = tray_is_open, \
    .tray_is_locked = tray_is_locked, .eject_request = eject_request
static const BlockDriveOps drive_ops = { .resized = resized, .device_path = path_of };
static const BlockDriveOps removable_ops = { REMOVABLE, .resized = resized };
static const BlockDriveOps cd_drive_ops = { REMOVABLE, .never_writes = true };

/* ---- checks ---- */

static bool block_size_ok(const char *name, uint64_t value, GError **error)
{
    return (bits_is_pow2(value) && value >= 512 && value <= 2 * 1024 * 1024) ||
           hw_config_error(error,
                           "property '%s' is %" G_GUINT64_FORMAT
                           ", expected a power of two between 512 and 2097152",
                           name, value);
}

static bool text_ok(const char *name, const char *text, size_t max, GError **error)
{
    return !text || strlen(text) <= max ||
           hw_config_error(error, "property '%s' is '%s', longer than %zu bytes", name, text, max);
}

static bool check_properties(ScsiDevice *d, GError **error)
{
    d->logical_block_size = d->logical_block_size ? d->logical_block_size : d->cd ? 2048 : 512;
    d->physical_block_size = MAX(d->physical_block_size, d->logical_block_size);
    if (d->discard_granularity == AUTO_GRANULARITY) {
        d->discard_granularity = MAX(d->logical_block_size, DISCARD_GRANULARITY);
    }
    if (d->rerror == BLOCK_ON_ERROR_ENOSPC) {
        return hw_config_error(error, "property 'rerror' does not accept 'enospc'");
    }
    return block_size_ok("logical_block_size", d->logical_block_size, error) &&
           block_size_ok("physical_block_size", d->physical_block_size, error) &&
           text_ok("serial", d->serial, 36, error) && text_ok("vendor", d->vendor, 8, error) &&
           text_ok("product", d->product, 16, error) && text_ok("ver", d->version, 4, error);
}

static void set_default(char **text, const char *value)
{
    if (!*text) {
        *text = g_strdup(value);
    }
}

static void settle_names(ScsiDevice *d)
{
    set_default(&d->vendor, "QEMU");
    set_default(&d->product, d->cd ? "QEMU CD-ROM" : "QEMU HARDDISK");
    set_default(&d->version, "2.5+");
    if (!d->device_id && d->serial) {
        d->device_id = g_strndup(d->serial, ID_BYTES);
    } else if (!d->device_id && *block_drive_id(d->drive)) {
        d->device_id = g_strdup(block_drive_id(d->drive));
    }
}

/* ---- realize ---- */

static BlockDrive *attach(ScsiDevice *d, GError **error)
{
    Blocks *blocks = vm_blocks(device_vm(&d->dev));
    BlockAttach a = {
        .ops = d->cd          ? &cd_drive_ops
               : d->removable ? &removable_ops
                              : &drive_ops,
        .opaque = d,
        .share_rw = d->share_rw || d->cd,
        .on_read_error = (BlockOnError)d->rerror,
        .on_write_error = (BlockOnError)d->werror,
        .write_cache = d->write_cache,
    };
    BlockDrive *drive;

    if (!d->drive_name || !*d->drive_name) {
        if (d->cd && blocks) {
            a.read_only = true;
            return block_drive_attach_empty(blocks, &a, error);
        }
        hw_config_error(error, "drive property not set");
        return NULL;
    }
    if (!blocks) {
        hw_config_error(error, "no drive '%s'", d->drive_name);
        return NULL;
    }
    a.read_only = d->cd || blocks_is_read_only(blocks, d->drive_name);
    drive = block_drive_attach(blocks, d->drive_name, &a, error);
    if (drive && !d->cd && !block_drive_has_medium(drive)) {
        block_drive_detach(drive);
        hw_config_error(error, "Device needs media, but drive is empty");
        return NULL;
    }
    return drive;
}

static void settle_geometry(ScsiDevice *d)
{
    uint32_t c, h, s;

    block_drive_geometry(d->drive, &c, &h, &s);
    d->cyls = d->cyls ? d->cyls : c;
    d->heads = d->heads ? d->heads : h;
    d->secs = d->secs ? d->secs : s;
}

static bool realize(Device *dev, GError **error)
{
    ScsiDevice *d = (ScsiDevice *)dev;
    ScsiBus *bus = (ScsiBus *)dev->bus;

    if (!check_properties(d, error)) {
        return false;
    }
    d->drive = attach(d, error);
    if (!d->drive) {
        return false;
    }
    d->told_bytes = block_drive_length(d->drive);
    d->first_write_cache = block_drive_write_cache(d->drive);
    d->parked = g_ptr_array_new();
    d->attention = SENSE_RESET;
    settle_names(d);
    settle_geometry(d);
    if (bus->ops->plugged) {
        bus->ops->plugged(bus, d);
    }
    return true;
}

static bool hd_realize(Device *dev, GError **error)
{
    return realize(dev, error);
}

static bool cd_realize(Device *dev, GError **error)
{
    ScsiDevice *d = (ScsiDevice *)dev;

    d->cd = d->removable = true;
    return realize(dev, error);
}

static void unrealize(Device *dev)
{
    ScsiDevice *d = (ScsiDevice *)dev;

    scsi_device_reset(d);
    g_clear_pointer(&d->drive, block_drive_detach);
    g_clear_pointer(&d->parked, g_ptr_array_unref);
}

static void reset(Device *dev, ResetKind kind)
{
    scsi_device_reset((ScsiDevice *)dev);
}

/* ---- types ---- */

#define COMMON_PROPS                                                                           \
    PROP(PROP_NAME, ScsiDevice, drive_name, "drive", NULL, .link_type = "drive"),              \
        PROP(PROP_U32, ScsiDevice, channel, "channel", "0"),                                   \
        PROP(PROP_U32, ScsiDevice, id, "scsi-id", "4294967295"),                               \
        PROP(PROP_U32, ScsiDevice, lun, "lun", "4294967295"),                                  \
        PROP(PROP_STR, ScsiDevice, serial, "serial", NULL),                                    \
        PROP(PROP_STR, ScsiDevice, vendor, "vendor", NULL),                                    \
        PROP(PROP_STR, ScsiDevice, product, "product", NULL),                                  \
        PROP(PROP_STR, ScsiDevice, version, "ver", NULL),                                      \
        PROP(PROP_STR, ScsiDevice, device_id, "device_id", NULL),                              \
        PROP(PROP_U64, ScsiDevice, wwn, "wwn", "0"),                                           \
        PROP(PROP_U64, ScsiDevice, port_wwn, "port_wwn", "0"),                                 \
        PROP(PROP_U16, ScsiDevice, port_index, "port_index", "0"),                             \
        PROP(PROP_I32, ScsiDevice, scsi_version, "scsi_version", "5"),                         \
        PROP(PROP_I32, ScsiDevice, bootindex, "bootindex", "-1"),                              \
        PROP(PROP_U64, ScsiDevice, max_io_bytes, "max_io_size", "2147483647", .min = 4096,     \
             .max = 2147483647),                                                               \
        PROP(PROP_BOOL, ScsiDevice, share_rw, "share-rw", "off"),                              \
        PROP(PROP_BOOL, ScsiDevice, migrate_requests, "migrate-emulated-scsi-request", "on"),  \
        PROP(PROP_SIZE, ScsiDevice, logical_block_size, "logical_block_size", "0"),            \
        PROP(PROP_SIZE, ScsiDevice, physical_block_size, "physical_block_size", "0"),          \
        PROP(PROP_SIZE, ScsiDevice, min_io_size, "min_io_size", "0", .max = 1 << 25),          \
        PROP(PROP_SIZE, ScsiDevice, opt_io_size, "opt_io_size", "0", .max = 1 << 30),          \
        PROP(PROP_SIZE, ScsiDevice, discard_granularity, "discard_granularity", "4294967295"), \
        PROP(PROP_ENUM, ScsiDevice, werror, "werror", "auto", .choices = block_on_error_names, \
             .link_type = "BlockdevOnError"),                                                  \
        PROP(PROP_ENUM, ScsiDevice, rerror, "rerror", "auto", .choices = block_on_error_names, \
             .link_type = "BlockdevOnError"),                                                  \
        PROP(PROP_ONOFFAUTO, ScsiDevice, write_cache, "write-cache", "auto"),                  \
        PROP(PROP_ONOFFAUTO, ScsiDevice, account_invalid, "account-invalid", "auto"),          \
        PROP(PROP_ONOFFAUTO, ScsiDevice, account_failed, "account-failed", "auto"),            \
        PROP(PROP_ONOFFAUTO, ScsiDevice, backend_defaults, "backend_defaults", "auto")

static const Property hd_props[] = {
    COMMON_PROPS,
    PROP(PROP_BOOL, ScsiDevice, removable, "removable", "off"),
    PROP(PROP_BOOL, ScsiDevice, dpofua, "dpofua", "off"),
    PROP(PROP_U64, ScsiDevice, max_unmap_bytes, "max_unmap_size", "1073741824"),
    PROP(PROP_U16, ScsiDevice, rotation_rate, "rotation_rate", "0"),
    PROP(PROP_U32, ScsiDevice, cyls, "cyls", "0", .max = 0xffffff),
    PROP(PROP_U32, ScsiDevice, heads, "heads", "0", .max = 255),
    PROP(PROP_U32, ScsiDevice, secs, "secs", "0", .max = 255),
    PROP(PROP_U32, ScsiDevice, lcyls, "lcyls", "0"),
    PROP(PROP_U32, ScsiDevice, lheads, "lheads", "0"),
    PROP(PROP_U32, ScsiDevice, lsecs, "lsecs", "0"),
    PROP_END,
};
static const Property cd_props[] = { COMMON_PROPS, PROP_END };

#define DRIVE_OPS                                                                           \
    .bus_type = TYPE_SCSI_BUS, .category = DEVICE_CATEGORY_STORAGE, .user_creatable = true, \
    .hotpluggable = true, .unrealize = unrealize, .reset = reset, .section = &scsi_section

static const DeviceOps hd_ops = { DRIVE_OPS, .realize = hd_realize };
static const DeviceOps cd_ops = { DRIVE_OPS, .realize = cd_realize };

const TypeInfo scsi_types[] = {
    { .name = TYPE_SCSI_DEVICE,
      .parent = "device",
      .abstract = true,
      .instance_size = sizeof(ScsiDevice) },
    { .name = "scsi-hd",
      .parent = TYPE_SCSI_DEVICE,
      .description = "virtual SCSI disk",
      .props = hd_props,
      .ops = &hd_ops },
    { .name = "scsi-cd",
      .parent = TYPE_SCSI_DEVICE,
      .description = "virtual SCSI CD-ROM",
      .props = cd_props,
      .ops = &cd_ops },
};
const size_t scsi_types_count = G_N_ELEMENTS(scsi_types);
