/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices "ide-hd" and "ide-cd": properties, the image behind a unit, geometry. What they do is
 * in their unit, which belongs to the controller.
 */
#include <string.h>

#include "base/util/bits.h"
#include "ide-priv.h"

enum { /* bios-chs-trans */
    TRANS_AUTO,
    TRANS_NONE,
    TRANS_LBA,
    TRANS_LARGE,
    TRANS_RECHS,
};
static const char *const trans_names[] = { "auto", "none", "lba", "large", "rechs", NULL };

/* ---- what the block layer tells ---- */

static void resized(void *opaque)
{
    IdeDevice *d = opaque;

    if (d->unit_state && d->unit_state->kind == IDE_KIND_DISK) {
        ide_identify_make(d->unit_state);
    }
}

static char *path_of(void *opaque)
{
    return object_path(&((IdeDevice *)opaque)->dev.obj);
}

/* The tray goes along: a disc is put in by closing it. */
static void medium_changed(void *opaque, bool loaded)
{
    IdeUnit *u = ((IdeDevice *)opaque)->unit_state;

    u->tray_open = !loaded;
    if (loaded) {
        atapi_medium_changed(u);
    }
}

static bool tray_is_open(void *opaque)
{
    return ((IdeDevice *)opaque)->unit_state->tray_open;
}
static bool tray_is_locked(void *opaque)
{
    return ((IdeDevice *)opaque)->unit_state->tray_locked;
}

/* A guest polls for events. */
static void eject_request(void *opaque, bool force)
{
    IdeUnit *u = ((IdeDevice *)opaque)->unit_state;

    u->event_eject = true;
    if (force) {
        u->tray_locked = false;
    }
}

static const BlockDriveOps drive_ops = { .resized = resized, .device_path = path_of };
static const BlockDriveOps cd_drive_ops = { .device_path = path_of,
                                            .medium_changed = medium_changed,
                                            .never_writes = true,
                                            .tray_is_open = tray_is_open,
                                            .tray_is_locked = tray_is_locked,
                                            .eject_request = eject_request };

/* ---- checks ---- */

static bool check_text(const char *name, const char *text, size_t max, GError **error)
{
    return !text || strlen(text) <= max ||
           hw_config_error(error, "property '%s' is '%s', longer than %zu bytes", name, text, max);
}

static bool check_properties(IdeDevice *d, GError **error)
{
    if (!d->logical_block_size) {
        d->logical_block_size = IDE_SECTOR;
    }
    if (d->physical_block_size < d->logical_block_size) {
        d->physical_block_size = d->logical_block_size;
    }
    if (d->logical_block_size != IDE_SECTOR) {
        return hw_config_error(error,
                               "logical_block_size must be 512 for IDE, not %" G_GUINT64_FORMAT,
                               d->logical_block_size);
    }
    if (!bits_is_pow2(d->physical_block_size) || d->physical_block_size > 2 * 1024 * 1024) {
        return hw_config_error(error,
                               "physical_block_size is %" G_GUINT64_FORMAT
                               ", expected a power of two between 512 and 2097152",
                               d->physical_block_size);
    }
    if (d->rerror == BLOCK_ON_ERROR_ENOSPC) {
        return hw_config_error(error, "property 'rerror' does not accept 'enospc'");
    }
    return check_text("serial", d->serial, IDE_SERIAL_MAX, error) &&
           check_text("model", d->model, IDE_MODEL_MAX, error) &&
           check_text("ver", d->version, IDE_VERSION_MAX, error);
}

static bool check_geometry(IdeDevice *d, GError **error)
{
    uint32_t c, h, s;

    block_drive_geometry(d->unit_state->drive, &c, &h, &s);
    if (!d->cyls && !d->heads && !d->secs) {
        d->cyls = c;
        d->heads = h;
        d->secs = s;
    }
    if (!d->cyls || d->cyls > 65535) {
        return hw_config_error(error, "cyls must be between 1 and 65535, not %u", d->cyls);
    }
    if (!d->heads || d->heads > 16) {
        return hw_config_error(error, "heads must be between 1 and 16, not %u", d->heads);
    }
    if (!d->secs || d->secs > 255) {
        return hw_config_error(error, "secs must be between 1 and 255, not %u", d->secs);
    }
    return true;
}

static void settle_names(IdeDevice *d, IdeUnit *u)
{
    bool cd = u->kind == IDE_KIND_CD;

    if (!d->serial) {
        d->serial = g_strdup_printf("QM%05u", u->bus->index * 2 + u->index + 1);
    }
    if (!d->model) {
        d->model = g_strdup(cd ? "QEMU DVD-ROM" : "QEMU HARDDISK");
    }
    if (!d->version) {
        d->version = g_strdup("2.5+");
    }
}

/* ---- realize ---- */

static BlockDrive *attach(IdeDevice *d, IdeKind kind, GError **error)
{
    Blocks *blocks = vm_blocks(device_vm(&d->dev));
    BlockAttach a = {
        .ops = kind == IDE_KIND_CD ? &cd_drive_ops : &drive_ops,
        .opaque = d,
        .read_only = kind == IDE_KIND_CD,
        .share_rw = d->share_rw || kind == IDE_KIND_CD,
        .on_read_error = (BlockOnError)d->rerror,
        .on_write_error = (BlockOnError)d->werror,
        .write_cache = d->write_cache,
    };
    BlockDrive *drive;

    if (!d->drive_name || !*d->drive_name) {
        if (kind == IDE_KIND_CD && blocks) {
            return block_drive_attach_empty(blocks, &a, error);
        }
        hw_config_error(error, "No drive specified");
        return NULL;
    }
    if (!blocks) {
        hw_config_error(error, "no drive '%s'", d->drive_name);
        return NULL;
    }
    if (kind == IDE_KIND_DISK && blocks_is_read_only(blocks, d->drive_name)) {
        hw_config_error(error, "Can't use a read-only drive");
        return NULL;
    }
    drive = block_drive_attach(blocks, d->drive_name, &a, error);
    if (drive && kind == IDE_KIND_DISK && !block_drive_has_medium(drive)) {
        block_drive_detach(drive);
        hw_config_error(error, "Device needs media, but drive is empty");
        return NULL;
    }
    return drive;
}

static void release(IdeUnit *u)
{
    g_clear_pointer(&u->drive, block_drive_detach);
    g_clear_pointer(&u->buf, g_free);
    u->kind = IDE_KIND_NONE;
    u->dev = NULL;
    u->tray_open = u->tray_locked = false;
    ide_unit_reset(u);
}

static bool realize(Device *dev, IdeKind kind, GError **error)
{
    IdeDevice *d = (IdeDevice *)dev;
    IdeUnit *u = &((IdeQbus *)dev->bus)->ide->units[d->unit];

    if (!check_properties(d, error)) {
        return false;
    }
    u->drive = attach(d, kind, error);
    if (!u->drive) {
        return false;
    }
    d->unit_state = u;
    if (kind == IDE_KIND_DISK && !check_geometry(d, error)) {
        d->unit_state = NULL;
        g_clear_pointer(&u->drive, block_drive_detach);
        return false;
    }
    d->first_write_cache = block_drive_write_cache(u->drive);
    u->dev = d;
    u->kind = kind;
    u->buf = g_malloc0(IDE_BUF_BYTES);
    settle_names(d, u);
    ide_unit_reset(u);
    return true;
}

static bool hd_realize(Device *dev, GError **error)
{
    return realize(dev, IDE_KIND_DISK, error);
}

static bool cd_realize(Device *dev, GError **error)
{
    return realize(dev, IDE_KIND_CD, error);
}

static void unrealize(Device *dev)
{
    IdeDevice *d = (IdeDevice *)dev;

    if (d->unit_state) {
        release(d->unit_state);
        d->unit_state = NULL;
    }
}

/* The controller has reset the unit; what outlives a reset of the bus is put back here. */
static void reset(Device *dev, ResetKind kind)
{
    IdeDevice *d = (IdeDevice *)dev;

    block_drive_set_write_cache(d->unit_state->drive, d->first_write_cache);
    d->unit_state->tray_locked = false;
    ide_identify_make(d->unit_state);
}

/* ---- types ---- */

#define COMMON_PROPS                                                                          \
    PROP(PROP_NAME, IdeDevice, drive_name, "drive", NULL, .link_type = "drive"),              \
        PROP(PROP_I32, IdeDevice, unit, "unit", "-1", .min = (uint64_t)-1, .max = 1),         \
        PROP(PROP_STR, IdeDevice, serial, "serial", NULL),                                    \
        PROP(PROP_STR, IdeDevice, model, "model", NULL),                                      \
        PROP(PROP_STR, IdeDevice, version, "ver", NULL),                                      \
        PROP(PROP_U64, IdeDevice, wwn, "wwn", "0"),                                           \
        PROP(PROP_BOOL, IdeDevice, win2k_install_hack, "win2k-install-hack", "off"),          \
        PROP(PROP_BOOL, IdeDevice, share_rw, "share-rw", "off"),                              \
        PROP(PROP_SIZE, IdeDevice, logical_block_size, "logical_block_size", "0"),            \
        PROP(PROP_SIZE, IdeDevice, physical_block_size, "physical_block_size", "0"),          \
        PROP(PROP_SIZE, IdeDevice, min_io_size, "min_io_size", "0"),                          \
        PROP(PROP_SIZE, IdeDevice, opt_io_size, "opt_io_size", "0"),                          \
        PROP(PROP_SIZE, IdeDevice, discard_granularity, "discard_granularity", "4294967295"), \
        PROP(PROP_I32, IdeDevice, bootindex, "bootindex", "-1"),                              \
        PROP(PROP_ENUM, IdeDevice, werror, "werror", "auto", .choices = block_on_error_names, \
             .link_type = "BlockdevOnError"),                                                 \
        PROP(PROP_ENUM, IdeDevice, rerror, "rerror", "auto", .choices = block_on_error_names, \
             .link_type = "BlockdevOnError"),                                                 \
        PROP(PROP_ONOFFAUTO, IdeDevice, write_cache, "write-cache", "auto"),                  \
        PROP(PROP_ONOFFAUTO, IdeDevice, account_invalid, "account-invalid", "auto"),          \
        PROP(PROP_ONOFFAUTO, IdeDevice, account_failed, "account-failed", "auto"),            \
        PROP(PROP_ONOFFAUTO, IdeDevice, backend_defaults, "backend_defaults", "auto")

static const Property hd_props[] = {
    COMMON_PROPS,
    PROP(PROP_U32, IdeDevice, cyls, "cyls", "0"),
    PROP(PROP_U32, IdeDevice, heads, "heads", "0"),
    PROP(PROP_U32, IdeDevice, secs, "secs", "0"),
    PROP(PROP_U32, IdeDevice, lcyls, "lcyls", "0"),
    PROP(PROP_U32, IdeDevice, lheads, "lheads", "0"),
    PROP(PROP_U32, IdeDevice, lsecs, "lsecs", "0"),
    PROP(PROP_ENUM, IdeDevice, bios_chs_trans, "bios-chs-trans", "auto", .choices = trans_names,
         .link_type = "BiosAtaTranslation"),
    PROP(PROP_U16, IdeDevice, rotation_rate, "rotation_rate", "0"),
    PROP_END,
};
static const Property cd_props[] = { COMMON_PROPS, PROP_END };

#define DRIVE_OPS                                                                          \
    .bus_type = TYPE_IDE_BUS, .category = DEVICE_CATEGORY_STORAGE, .user_creatable = true, \
    .unrealize = unrealize, .reset = reset

static const DeviceOps hd_ops = { DRIVE_OPS, .realize = hd_realize };
static const DeviceOps cd_ops = { DRIVE_OPS, .realize = cd_realize };

const TypeInfo ide_types[] = {
    { .name = "ide-device",
      .parent = "device",
      .abstract = true,
      .instance_size = sizeof(IdeDevice) },
    { .name = "ide-hd",
      .parent = "ide-device",
      .description = "virtual IDE disk",
      .props = hd_props,
      .ops = &hd_ops },
    { .name = "ide-cd",
      .parent = "ide-device",
      .description = "virtual IDE CD-ROM",
      .props = cd_props,
      .ops = &cd_ops },
};
const size_t ide_types_count = G_N_ELEMENTS(ide_types);
