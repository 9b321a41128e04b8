/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of -drive: the drive's own options are taken out, the rest becomes the options of a
 * format node over a protocol node, exactly as blockdev-add would get them.
 */
#include "block-priv.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static const char *const if_names[] = { "default", "none", "ide",    "scsi", "floppy", "pflash",
                                        "mtd",     "sd",   "virtio", "xen",  NULL };

/* How many units a bus of the interface has; 0: one bus with any number. */
static int units_per_bus(const Blocks *blocks, BlockInterface iface)
{
    return iface == BLOCK_IF_IDE ? blocks->ide_units : iface == BLOCK_IF_SCSI ? 7 : 0;
}

void blocks_set_ide_units(Blocks *blocks, int per_bus)
{
    blocks->ide_units = per_bus;
}

const char *block_interface_name(BlockInterface iface)
{
    return if_names[iface];
}

typedef struct {
    BlockDriveInfo info;
    char *id, *file, *format;
    int cache; /* index in cache_modes; -1: not given */
    BlockOnError rerror, werror;
    OnOffAuto writeback;
    bool snapshot;
    GVariantDict *node; /* what the node gets */
} DriveOptions;

static void drive_options_clear(DriveOptions *o)
{
    g_free(o->id);
    g_free(o->file);
    g_free(o->format);
    g_clear_pointer(&o->node, g_variant_dict_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DriveOptions, drive_options_clear)

static const struct {
    const char *name;
    bool writeback, direct, no_flush;
} cache_modes[] = {
    { "none", true, true, false },        { "off", true, true, false },
    { "writeback", true, false, false },  { "writethrough", false, false, false },
    { "directsync", false, true, false }, { "unsafe", true, false, true },
};

/* Options that the block layer knows but does not offer. */
static void refuse_unsupported(OptionsReader *r)
{
    GVariantIter iter;
    const char *key;
    GVariant *value;

    if (options_reader_bool(r, "copy-on-read", false)) {
        options_reader_fail(r, "copy-on-read", "is not supported by this build");
    }
    g_variant_iter_init(&iter, r->dict);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        if (g_str_has_prefix(key, "throttling") || g_str_has_prefix(key, "bps") ||
            g_str_has_prefix(key, "iops")) {
            options_reader_fail(r, key, "is not supported by this build (no I/O throttling)");
        }
        g_variant_unref(value);
    }
}

static void read_place(const Blocks *blocks, OptionsReader *r, DriveOptions *o,
                       BlockInterface default_if)
{
    static const char *const media[] = { "disk", "cdrom", NULL };
    BlockDriveInfo *i = &o->info;
    int per_bus;

    i->iface = (BlockInterface)options_reader_enum(r, "if", if_names, BLOCK_IF_DEFAULT);
    if (i->iface == BLOCK_IF_DEFAULT) {
        i->iface = default_if;
    }
    i->index = (int)options_reader_uint(r, "index", 0, 1 << 20, UINT32_MAX);
    i->bus = (int)options_reader_uint(r, "bus", 0, 1 << 16, UINT32_MAX);
    i->unit = (int)options_reader_uint(r, "unit", 0, 1 << 16, UINT32_MAX);
    i->cdrom = options_reader_enum(r, "media", media, 0) == 1;
    per_bus = units_per_bus(blocks, i->iface);
    if (i->index >= 0 && (i->bus >= 0 || i->unit >= 0)) {
        options_reader_fail(r, "index", "cannot be used together with bus and unit");
    } else if (i->index >= 0) {
        i->bus = per_bus ? i->index / per_bus : 0;
        i->unit = per_bus ? i->index % per_bus : i->index;
    } else if (i->bus >= 0 || i->unit >= 0) {
        i->bus = MAX(i->bus, 0);
        if (per_bus && i->unit >= per_bus) {
            options_reader_fail(r, "unit", "is %d, but the highest of this interface is %d",
                                i->unit, per_bus - 1);
        }
    }
}

static void pick_place(Blocks *blocks, BlockDriveInfo *i)
{
    int per_bus = units_per_bus(blocks, i->iface);

    if (i->unit < 0) {
        int index = i->bus > 0 && per_bus ? i->bus * per_bus : 0;

        while (blocks_drive_by_index(blocks, i->iface, index)) {
            index++;
        }
        i->index = index;
        i->bus = per_bus ? index / per_bus : 0;
        i->unit = per_bus ? index % per_bus : index;
    } else {
        i->index = i->bus * per_bus + i->unit;
    }
}

static char *default_id(const BlockDriveInfo *i)
{
    const char *kind = i->cdrom ? "-cd" : "-hd";

    if (i->iface == BLOCK_IF_IDE || i->iface == BLOCK_IF_SCSI) {
        return g_strdup_printf("%s%d%s%d", if_names[i->iface], i->bus, kind, i->unit);
    }
    return g_strdup_printf("%s%s%d", if_names[i->iface], i->cdrom ? "-cd" : "", i->unit);
}

static void read_cache(OptionsReader *r, DriveOptions *o)
{
    g_autofree char *text = options_reader_str(r, "cache");
    g_autoptr(GVariant) sub = NULL;
    bool direct, no_flush;

    o->cache = -1;
    if (!text) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(cache_modes); i++) {
        if (!strcmp(cache_modes[i].name, text)) {
            o->cache = (int)i;
        }
    }
    if (o->cache < 0) {
        options_reader_fail(r, "cache", "does not accept value '%s'", text);
        return;
    }
    o->writeback = cache_modes[o->cache].writeback ? ONOFFAUTO_ON : ONOFFAUTO_OFF;
    direct = cache_modes[o->cache].direct;
    no_flush = cache_modes[o->cache].no_flush;
    sub = g_variant_ref_sink(g_variant_new_parsed("{'direct': <%b>, 'no-flush': <%b>}",
                                                  (gboolean)direct, (gboolean)no_flush));
    g_variant_dict_insert_value(o->node, "cache", sub);
}

/* cache.direct=on,cache.writeback=off: the group instead of the mode. */
static void read_cache_group(OptionsReader *r, DriveOptions *o)
{
    g_autoptr(GVariant) value = options_reader_value(r, "cache");
    g_autoptr(GVariant) group = NULL;
    g_auto(OptionsReader) c = { 0 };

    if (!value || !g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        read_cache(r, o);
        return;
    }
    o->cache = -1;
    options_reader_init(&c, value, "cache.");
    if (options_reader_has(&c, "writeback")) {
        o->writeback = options_reader_bool(&c, "writeback", true) ? ONOFFAUTO_ON : ONOFFAUTO_OFF;
    }
    if (c.error) {
        options_reader_finish(&c, &r->error);
        return;
    }
    group = g_variant_ref_sink(options_with(value, "writeback", NULL));
    g_variant_dict_insert_value(o->node, "cache", group);
}

/* Every key that is not the drive's own goes to the node as it is. */
static void pass_on(OptionsReader *r, DriveOptions *o)
{
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_iter_init(&iter, r->dict);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        if (!g_hash_table_contains(r->taken, key)) {
            g_variant_dict_insert_value(o->node, key, value);
        }
        g_variant_unref(value);
    }
}

static bool is_host_device(const char *path)
{
    return g_str_has_prefix(path, "/dev/") && !g_str_has_prefix(path, "/dev/fdset/") &&
           !g_str_has_prefix(path, "/dev/shm/");
}

/* file.filename= without file.driver= is a file on the host. */
static GVariant *with_protocol(GVariant *file)
{
    const char *path = NULL;

    if (g_variant_lookup(file, "driver", "&s", NULL) ||
        !g_variant_lookup(file, "filename", "&s", &path)) {
        return file;
    }
    return options_with(file, "driver",
                        g_variant_new_string(is_host_device(path) ? "host_device" : "file"));
}

/* "file=X,file.locking=off": X is the group's file name. NULL: @text is well as it is. */
static char *file_into_group(const char *text)
{
    const char *at = g_str_has_prefix(text, "file=") ? text : strstr(text, ",file=");

    if (!at || (!strstr(text, ",file.") && !g_str_has_prefix(text, "file."))) {
        return NULL;
    }
    at += *at == ',';
    return g_strdup_printf("%.*sfile.filename=%s", (int)(at - text), text, at + strlen("file="));
}

static void read_rest(OptionsReader *r, DriveOptions *o)
{
    g_autoptr(GVariant) file = options_reader_value(r, "file");
    g_autofree char *aio = options_reader_str(r, "aio");
    bool ro;

    if (file && g_variant_is_of_type(file, G_VARIANT_TYPE_STRING)) {
        o->file = g_variant_dup_string(file, NULL);
    } else if (file) {
        g_variant_dict_insert_value(o->node, "file", with_protocol(file));
    }
    if (aio) {
        g_variant_dict_insert(o->node, "aio", "s", aio);
    }
    o->id = options_reader_str(r, "id");
    o->format = options_reader_str(r, "format");
    if (!o->format) {
        o->format = options_reader_str(r, "driver");
    }
    o->rerror = (BlockOnError)options_reader_enum(r, "rerror", block_on_error_names, 0);
    o->werror = (BlockOnError)options_reader_enum(r, "werror", block_on_error_names, 0);
    if (o->rerror == BLOCK_ON_ERROR_ENOSPC) {
        options_reader_fail(r, "rerror", "does not accept value 'enospc'");
    }
    ro = options_reader_bool(r, "readonly", o->info.cdrom);
    ro = options_reader_bool(r, "read-only", ro);
    o->snapshot = o->snapshot && !ro;
    g_variant_dict_insert(o->node, "read-only", "b", (gboolean)(ro || o->snapshot));
    if (!options_reader_has(r, "auto-read-only")) {
        g_variant_dict_insert(o->node, "auto-read-only", "b", (gboolean)TRUE);
    }
    pass_on(r, o);
}

/* ---- the image ---- */

/* "file:x" is x; anything else that looks like a protocol is refused, not taken for a file. */
static char *plain_path(const char *file, GError **error)
{
    const char *colon = strchr(file, ':'), *slash = strchr(file, '/');

    if (g_str_has_prefix(file, "file:")) {
        return g_strdup(file + 5);
    }
    if (colon && (!slash || colon < slash)) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_UNSUPPORTED, "unknown protocol '%.*s'",
                    (int)(colon - file), file);
        return NULL;
    }
    return g_strdup(file);
}

static bool set_protocol(DriveOptions *o, GError **error)
{
    GVariantDict below;
    g_autofree char *path = NULL;
    g_autoptr(GVariant) aio = NULL;

    if (!o->file) {
        return true;
    }
    g_variant_dict_init(&below, NULL);
    if (g_str_has_prefix(o->file, "null-co://")) {
        g_variant_dict_insert(&below, "driver", "s", "null-co");
    } else {
        path = plain_path(o->file, error);
        if (!path) {
            g_variant_dict_clear(&below);
            return false;
        }
        g_variant_dict_insert(&below, "driver", "s", is_host_device(path) ? "host_device" : "file");
        g_variant_dict_insert(&below, "filename", "s", path);
        aio = g_variant_dict_lookup_value(o->node, "aio", NULL);
        if (aio) {
            g_variant_dict_insert_value(&below, "aio", aio);
        }
    }
    g_variant_dict_remove(o->node, "aio");
    g_variant_dict_insert_value(o->node, "file", g_variant_dict_end(&below));
    return true;
}

/* What a freshly opened raw node looks like. */
static const char *guess_format(BlockNode *node)
{
    uint8_t head[BLOCK_PROBE_BYTES] = { 0 };
    struct iovec iov = { head, MIN(sizeof(head), (node->length + 511) & ~511ull) };

    /* Looking at the image disturbs nobody, even before it is ours. */
    if (block_node_run(node, BLOCK_OP_READ, 0, iov.iov_len, &iov, 1, 0)) {
        return "raw";
    }
    return block_probe(head, iov.iov_len);
}

/* Takes the reference of @node, which was opened as raw because nobody said what it is. */
static BlockNode *reopen_as_guessed(BlockNode *node, GVariant *options, GError **error)
{
    const char *format = guess_format(node);
    g_autoptr(GVariant) again = NULL;
    Blocks *blocks = node->blocks;

    if (!strcmp(format, "raw")) {
        node->guessed_raw = true;
        g_message("image format was not specified for '%s' and probing guessed raw; writes to the "
                  "first sector are restricted; give format=raw to lift that",
                  node->filename);
        return node;
    }
    if (!block_driver_find(format)) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_UNSUPPORTED,
                    "image '%s' has the format %s, which is not supported (format=raw uses it "
                    "as it is)",
                    node->filename, format);
        block_node_unref(node);
        return NULL;
    }
    block_node_unref(node);
    again = g_variant_ref_sink(options_with(options, "driver", g_variant_new_string(format)));
    return block_node_open(blocks, again, NULL, error);
}

static BlockNode *open_image(Blocks *blocks, DriveOptions *o, GError **error)
{
    g_autoptr(GVariant) options = NULL;
    const char *format = o->format ? o->format : "raw";
    BlockNode *node;

    if (!set_protocol(o, error)) {
        return NULL;
    }
    g_variant_dict_insert(o->node, "driver", "s", format);
    options = g_variant_ref_sink(g_variant_dict_end(o->node));
    node = block_node_open(blocks, options, NULL, error);
    if (node && !o->format && node->file && node->file->node->driver != &block_driver_null_co) {
        node = reopen_as_guessed(node, options, error);
    }
    if (!node && o->file) {
        g_prefix_error(error, "could not open '%s': ", o->file);
    }
    return node;
}

BlockNode *block_open_image(Blocks *blocks, const char *filename, const char *format,
                            bool read_only, GError **error)
{
    g_auto(DriveOptions) o = { .file = g_strdup(filename), .format = g_strdup(format) };

    o.node = g_variant_dict_new(NULL);
    g_variant_dict_insert(o.node, "read-only", "b", read_only);
    return open_image(blocks, &o, error);
}

/* ---- snapshot=on ---- */

/* A temporary image over @base, whose reference it takes; the file has no name once it is open. */
static BlockNode *temporary_over(BlockNode *base, GError **error)
{
    g_autofree char *path = NULL;
    g_autoptr(GVariant) options = NULL;
    BlockNode *node = NULL;
    int fd = g_file_open_tmp("ferry-snapshot-XXXXXX", &path, error);

    if (fd >= 0 && qcow2_create(fd, (base->length + 511) & ~511ull, error)) {
        options = g_variant_ref_sink(g_variant_new_parsed(
            "{'driver': <'qcow2'>, 'backing': <%s>, 'discard': <'unmap'>, 'cache': <{'no-flush': "
            "<true>}>, 'file': <{'driver': <'file'>, 'filename': <%s>}>}",
            base->name, path));
        node = block_node_open(base->blocks, options, NULL, error);
    }
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    block_node_unref(base);
    return node;
}

void blocks_set_snapshot(Blocks *blocks, bool on)
{
    blocks->snapshot = on;
}

static bool check_id(Blocks *blocks, DriveOptions *o, GError **error)
{
    if (!o->id) {
        o->id = default_id(&o->info);
    }
    if (!*o->id || blocks_find_drive(blocks, o->id) || blocks_find_node(blocks, o->id)) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_EXISTS,
                    "duplicate or empty id '%s' for a drive", o->id);
        return false;
    }
    if (o->info.index >= 0 && o->info.iface != BLOCK_IF_NONE &&
        blocks_drive_by_index(blocks, o->info.iface, o->info.index)) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_EXISTS,
                    "drive with bus=%d, unit=%d (index=%d) exists", o->info.bus, o->info.unit,
                    o->info.index);
        return false;
    }
    return true;
}

static BlockDrive *drive_new(Blocks *blocks, DriveOptions *o)
{
    BlockDrive *drive = g_new0(BlockDrive, 1);

    drive->blocks = blocks;
    drive->id = g_steal_pointer(&o->id);
    drive->info = o->info;
    drive->legacy = true;
    drive->write_cache = o->writeback != ONOFFAUTO_OFF;
    drive->drive_read_error = drive->on_read_error = o->rerror;
    drive->drive_write_error = drive->on_write_error = o->werror;
    return drive;
}

BlockDrive *blocks_add_drive(Blocks *blocks, const char *text, BlockInterface default_if,
                             GError **error)
{
    g_autofree char *grouped = file_into_group(text);
    /* floating: the reader takes it */
    GVariant *dict = options_parse(grouped ? grouped : text, NULL, error);
    g_auto(DriveOptions) o = { 0 };
    g_auto(OptionsReader) r = { 0 };
    BlockDrive *drive;
    BlockNode *node;
    bool empty;

    if (!dict) {
        return NULL;
    }
    o.node = g_variant_dict_new(NULL);
    options_reader_init(&r, dict, NULL);
    read_place(blocks, &r, &o, default_if);
    refuse_unsupported(&r);
    o.snapshot = options_reader_bool(&r, "snapshot", blocks->snapshot);
    read_cache_group(&r, &o);
    read_rest(&r, &o);
    if (r.error) {
        g_propagate_error(error, g_steal_pointer(&r.error));
        return NULL;
    }
    pick_place(blocks, &o.info);
    if (!check_id(blocks, &o, error)) {
        return NULL;
    }
    empty = (!o.file || !*o.file) && !o.format && !g_variant_dict_contains(o.node, "file");
    drive = drive_new(blocks, &o);
    g_ptr_array_add(blocks->drives, drive);
    if (empty) {
        return drive;
    }
    node = open_image(blocks, &o, error);
    if (node && o.snapshot) {
        node = temporary_over(node, error);
    }
    if (node) {
        drive->root = block_edge_new(node, NULL, drive, 0, PERM_ALL, error);
        drive->read_only = node->read_only;
        block_node_unref(node);
    }
    if (!drive->root) {
        g_ptr_array_remove(blocks->drives, drive);
        return NULL;
    }
    return drive;
}
