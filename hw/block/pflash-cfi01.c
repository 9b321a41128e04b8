/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A NOR flash chip on an 8-bit bus with the Intel command set (CFI primary command set 1; "Common
 * Flash Memory Interface" 1.1 and the data sheet of the 28F640J3): read array, status, identifier and
 * query, byte program, buffered program of 256 bytes, erase of 4 KiB blocks, block locks that are
 * accepted and lock nothing.
 *
 * The array is guest memory (a ROM device): reads go straight to it while the chip is in read-array
 * mode. Programming clears bits only; erasing sets them. What was changed is written to the drive
 * behind the guest's back, one write at a time, each durable before the next, and all of it before
 * the VM counts as stopped. The array itself travels as RAM; the destination writes all of it to
 * its own image when the guest starts there.
 *
 * Not here: chips in parallel and wider buses, suspend, "secure" chips that listen to SMM alone.
 */
#include <errno.h>
#include <string.h>

#include "backend/block/block.h"
#include "base/core/runstate.h"
#include "hw/block/pflash.h"

#define TYPE_PFLASH  "cfi.pflash01"
#define BUFFER_BYTES 256
#define BUFFER_SHIFT 8
#define NO_BUFFER    UINT32_MAX
#define CFI_BYTES    0x52

enum {
    CMD_READ_ARRAY = 0xff,
    CMD_READ_ARRAY_0 = 0x00, /* how streams name the array mode */
    CMD_READ_ID = 0x90,
    CMD_READ_CFI = 0x98,
    CMD_READ_STATUS = 0x70,
    CMD_CLEAR_STATUS = 0x50,
    CMD_PROGRAM = 0x40,
    CMD_PROGRAM_ALT = 0x10,
    CMD_ERASE = 0x20,
    CMD_LOCK = 0x60,
    CMD_WRITE_BUFFER = 0xe8,
    CONFIRM = 0xd0,
    LOCK_SET = 0x01,
};

enum {
    STATUS_READY = 0x80,
    STATUS_ERASE_ERROR = 0x20,
    STATUS_PROGRAM_ERROR = 0x10,
};

/* ---- saved form ---- */
typedef struct {
    uint8_t wcycle, cmd, status;
    uint64_t counter;
    /* while a buffer is being filled */
    uint8_t blk_bytes[BUFFER_BYTES];
    uint32_t blk_offset;
    bool has_buffer;
} PflashSaved;

/* ---- live ---- */
typedef struct {
    Device dev; /* first */
    /* properties */
    char *drive_name, *name;
    uint32_t num_blocks;
    uint64_t sector_length;
    uint8_t width, device_width, max_device_width;
    bool big_endian, secure, old_multiple_chip_handling;
    uint16_t ident[4];
    /* the chip; `wcycle` counts the bus cycles that a command of several has had */
    MemoryRegion region, alias;
    BlockDrive *drive;
    RunStateHandler *run_handler;
    uint8_t *array; /* the region's memory */
    uint64_t size;
    bool read_only;
    PflashSaved r;
    /* what the drive lacks: [dirty_from, dirty_to); empty when equal */
    uint64_t dirty_from, dirty_to, writing_from, writing_to;
    bool writing, stopped;
    uint8_t cfi[CFI_BYTES];
} Pflash;

/* ---- to the drive ---- */
static void write_back(Pflash *s);

static void mark_dirty(Pflash *s, uint64_t from, uint64_t to)
{
    bool clean = s->dirty_from == s->dirty_to;

    s->dirty_from = clean ? from : MIN(s->dirty_from, from);
    s->dirty_to = clean ? to : MAX(s->dirty_to, to);
}

static void written(void *opaque, int ret)
{
    Pflash *s = opaque;

    s->writing = false;
    if (ret < 0 && block_drive_handle_error(s->drive, false, -ret) == BLOCK_ACTION_STOP) {
        mark_dirty(s, s->writing_from, s->writing_to); /* again when the VM runs again */
        return;
    }
    write_back(s);
}

/* Whole sectors of 512 bytes: what the smallest host block may be. */
static void write_back(Pflash *s)
{
    struct iovec iov;

    if (s->writing || s->dirty_from == s->dirty_to || !s->drive) {
        return;
    }
    s->writing = true;
    s->writing_from = s->dirty_from & ~511ull;
    s->writing_to = MIN((s->dirty_to + 511) & ~511ull, s->size);
    s->dirty_from = s->dirty_to = 0;
    iov = (struct iovec){ s->array + s->writing_from, s->writing_to - s->writing_from };
    block_aio_pwritev(s->drive, s->writing_from, &iov, 1, BLOCK_REQ_FUA, written, s);
}

static bool run_state_changed(void *opaque, bool running, RunState state, GError **error)
{
    Pflash *s = opaque;

    if (running) {
        write_back(s);
    } else {
        block_drive_drain(s->drive);
    }
    return true;
}

static void changed(Pflash *s, uint64_t at, uint64_t len)
{
    ram_dirty_written(device_vm(&s->dev), ram_block_addr(s->region.ram) + at, len);
    mark_dirty(s, at, at + len);
    write_back(s);
}

/* ---- the array ---- */
static void program(Pflash *s, uint64_t at, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        s->array[at + i] &= bytes[i];
    }
    changed(s, at, len);
}

static void program_value(Pflash *s, uint64_t at, uint64_t value, unsigned size)
{
    uint64_t le = GUINT64_TO_LE(value);

    if (s->read_only) {
        s->r.status |= STATUS_PROGRAM_ERROR;
    } else {
        program(s, at, (uint8_t *)&le, MIN(size, s->size - at));
    }
    s->r.status |= STATUS_READY;
}

static void erase(Pflash *s, uint64_t at)
{
    at &= ~(s->sector_length - 1);
    if (s->read_only) {
        s->r.status |= STATUS_ERASE_ERROR;
    } else {
        memset(s->array + at, 0xff, s->sector_length);
        changed(s, at, s->sector_length);
    }
    s->r.status |= STATUS_READY;
}

/* ---- commands ---- */
static void to_read_array(Pflash *s)
{
    s->r.cmd = CMD_READ_ARRAY_0;
    s->r.wcycle = 0;
    s->r.blk_offset = NO_BUFFER;
    memory_region_rom_device_set_romd(&s->region, true);
}

static void begin_buffer(Pflash *s)
{
    s->r.blk_offset = NO_BUFFER;
    s->r.status |= STATUS_READY;
}

/* The first cycle: a command. */
static void first_cycle(Pflash *s, uint8_t cmd)
{
    switch (cmd) {
    case CMD_PROGRAM:
    case CMD_PROGRAM_ALT:
    case CMD_ERASE:
    case CMD_LOCK:
        s->r.wcycle = 1;
        s->r.status |= STATUS_READY;
        break;
    case CMD_WRITE_BUFFER:
        s->r.wcycle = 1;
        begin_buffer(s);
        break;
    case CMD_READ_ID:
    case CMD_READ_CFI: break;
    case CMD_READ_STATUS: break;
    case CMD_CLEAR_STATUS:
        s->r.status = 0;
        to_read_array(s);
        return;
    default: to_read_array(s); return;
    }
    s->r.cmd = cmd;
    memory_region_rom_device_set_romd(&s->region, false);
}

/* The second: an address and a value, a confirmation, or a count. */
static void second_cycle(Pflash *s, uint64_t at, uint64_t value, unsigned size)
{
    switch (s->r.cmd) {
    case CMD_PROGRAM:
    case CMD_PROGRAM_ALT:
        program_value(s, at, value, size);
        s->r.wcycle = 0;
        return;
    case CMD_ERASE:
        if ((uint8_t)value != CONFIRM) {
            break;
        }
        erase(s, at);
        s->r.wcycle = 0;
        return;
    case CMD_LOCK:
        if ((uint8_t)value != CONFIRM && (uint8_t)value != LOCK_SET) {
            break;
        }
        s->r.status |= STATUS_READY;
        s->r.wcycle = 0;
        return;
    case CMD_WRITE_BUFFER:
        s->r.counter = (uint8_t)value;
        s->r.wcycle = 2;
        return;
    }
    to_read_array(s);
}

/* The data of a buffered program: all within one aligned buffer, else an error. */
static void fill_buffer(Pflash *s, uint64_t at, uint64_t value, unsigned size)
{
    uint64_t le = GUINT64_TO_LE(value);

    if (s->r.blk_offset == NO_BUFFER) {
        s->r.blk_offset = (uint32_t)(at >> BUFFER_SHIFT << BUFFER_SHIFT);
        memset(s->r.blk_bytes, 0xff, sizeof(s->r.blk_bytes));
    }
    if (at < s->r.blk_offset || at + size > (uint64_t)s->r.blk_offset + BUFFER_BYTES) {
        s->r.status |= STATUS_PROGRAM_ERROR;
    } else {
        memcpy(s->r.blk_bytes + (at - s->r.blk_offset), &le, size);
    }
    if (!s->r.counter) {
        s->r.wcycle = 3;
    } else {
        s->r.counter--;
    }
}

static void end_buffer(Pflash *s, uint8_t value)
{
    if (value != CONFIRM) {
        to_read_array(s);
        return;
    }
    if (s->read_only) {
        s->r.status |= STATUS_PROGRAM_ERROR;
    } else if (!(s->r.status & STATUS_PROGRAM_ERROR) && s->r.blk_offset != NO_BUFFER) {
        program(s, s->r.blk_offset, s->r.blk_bytes, MIN(BUFFER_BYTES, s->size - s->r.blk_offset));
    }
    s->r.status |= STATUS_READY;
    s->r.blk_offset = NO_BUFFER;
    s->r.wcycle = 0;
}

static void pflash_write(void *opaque, uint64_t at, uint64_t value, unsigned size)
{
    Pflash *s = opaque;

    switch (s->r.wcycle) {
    case 0: first_cycle(s, (uint8_t)value); break;
    case 1: second_cycle(s, at, value, size); break;
    case 2: fill_buffer(s, at, value, size); break;
    default: end_buffer(s, (uint8_t)value); break;
    }
}

static uint64_t read_ident(const Pflash *s, uint64_t at)
{
    return (at & 0xff) < 2 ? s->ident[at & 1] : 0;
}

static uint64_t read_array(const Pflash *s, uint64_t at, unsigned size)
{
    uint64_t le = 0;

    memcpy(&le, s->array + at, MIN(size, s->size - at));
    return GUINT64_FROM_LE(le);
}

static uint64_t pflash_read(void *opaque, uint64_t at, unsigned size)
{
    Pflash *s = opaque;

    switch (s->r.cmd) {
    case CMD_READ_ARRAY_0: return read_array(s, at, size);
    case CMD_READ_ID: return read_ident(s, at);
    case CMD_READ_CFI: return (at & 0xff) < CFI_BYTES ? s->cfi[at & 0xff] : 0;
    default: return s->r.status | (size > 2 ? (uint64_t)s->r.status << 16 : 0);
    }
}

static const RegionOps pflash_ops = {
    .read = pflash_read,
    .write = pflash_write,
    .valid = { 1, 4 },
};

/* The query table: identification, timing, geometry, one region of equal blocks, "PRI". */
static void make_cfi(Pflash *s)
{
    static const uint8_t head[] = { 'Q',  'R',  'Y',  0x01, 0x00, 0x31, 0x00, 0x00,
                                    0x00, 0x00, 0x00, 0x45, 0x55, 0x00, 0x00, 0x07,
                                    0x07, 0x0a, 0x00, 0x04, 0x04, 0x04, 0x00 };
    uint32_t sectors = (uint32_t)(s->size / s->sector_length) - 1;
    uint64_t quarter_kib = s->sector_length >> 8;

    memcpy(s->cfi + 0x10, head, sizeof(head));
    s->cfi[0x27] = (uint8_t)(g_bit_nth_msf(s->size, -1)); /* its power of two, rounded down */
    s->cfi[0x28] = 0x02;
    s->cfi[0x2a] = BUFFER_SHIFT;
    s->cfi[0x2c] = 1;
    s->cfi[0x2d] = (uint8_t)sectors;
    s->cfi[0x2e] = (uint8_t)(sectors >> 8);
    s->cfi[0x2f] = (uint8_t)quarter_kib;
    s->cfi[0x30] = (uint8_t)(quarter_kib >> 8);
    memcpy(s->cfi + 0x31, "PRI10", 5);
    s->cfi[0x3f] = 0x01;
}

/* ---- reset, realize ---- */
static void pflash_reset(Device *dev, ResetKind kind)
{
    Pflash *s = (Pflash *)dev;

    s->r.status = 0;
    s->r.counter = 0;
    to_read_array(s);
}

static bool check_properties(Pflash *s, GError **error)
{
    s->size = s->num_blocks * s->sector_length;
    if (s->width != 1 || s->device_width > 1 || s->max_device_width > 1 || s->big_endian) {
        return hw_config_error(error, "flash of width %u is not available: 1 is", s->width);
    }
    if (s->secure) {
        return hw_config_error(error, "property secure=on is not available in this build");
    }
    if (!s->name || !*s->name) {
        return hw_config_error(error, "attribute \"name\" not specified");
    }
    if (s->sector_length < 512 || s->sector_length > 64 * KiB ||
        s->sector_length & (s->sector_length - 1) || !s->num_blocks || s->size > 64 * MiB) {
        return hw_config_error(error,
                               "flash of %u blocks of %" G_GUINT64_FORMAT " bytes is not possible "
                               "(blocks: a power of two, 512 to 65536; all: 64 MiB at most)",
                               s->num_blocks, s->sector_length);
    }
    return true;
}

static char *device_path(void *opaque)
{
    return object_path(&((Pflash *)opaque)->dev.obj);
}

static bool attach(Pflash *s, GError **error)
{
    static const BlockDriveOps drive_ops = { .device_path = device_path };
    Blocks *blocks = vm_blocks(device_vm(&s->dev));
    BlockDrive *found = blocks ? blocks_find_drive(blocks, s->drive_name) : NULL;
    BlockNode *node = blocks && !found ? blocks_find_node(blocks, s->drive_name) : NULL;
    BlockNodeInfo info = { 0 };
    BlockAttach a = { .ops = &drive_ops, .opaque = s };
    uint64_t bytes;

    if (node) {
        block_node_info(node, &info);
    }
    s->read_only = a.read_only = found ? block_drive_read_only(found) : info.read_only;
    s->drive = blocks ? block_drive_attach(blocks, s->drive_name, &a, error) : NULL;
    if (!s->drive) {
        return false;
    }
    bytes = block_drive_length(s->drive);
    if (bytes != s->size) {
        return hw_config_error(error,
                               "device requires %" G_GUINT64_FORMAT
                               " bytes, block backend provides "
                               "%" G_GUINT64_FORMAT " bytes",
                               s->size, bytes);
    }
    return true;
}

/* On a destination the images are not ours yet, and the array comes with the RAM. */
static bool fill_array(Pflash *s, GError **error)
{
    int ret;

    if (!s->drive) {
        memset(s->array, 0xff, s->size);
        return true;
    }
    if (blocks_are_inactive(vm_blocks(device_vm(&s->dev)))) {
        return true;
    }
    ret = block_drive_pread(s->drive, 0, s->array, s->size);
    return ret >= 0 ||
           hw_config_error(error, "failed to read the initial flash content: %s", g_strerror(-ret));
}

static void release(Pflash *s)
{
    if (s->run_handler) {
        run_state_handler_remove(device_vm(&s->dev), s->run_handler);
        s->run_handler = NULL;
    }
    g_clear_pointer(&s->drive, block_drive_detach);
    if (s->alias.vm) {
        memory_region_clear(&s->alias);
    }
    if (s->array) {
        memory_region_clear(&s->region);
        s->array = NULL;
    }
}

static bool pflash_realize(Device *dev, GError **error)
{
    Pflash *s = (Pflash *)dev;
    Vm *vm = device_vm(dev);

    if (!check_properties(s, error)) {
        return false;
    }
    if (s->drive_name && *s->drive_name && !attach(s, error)) {
        release(s);
        return false;
    }
    if (!memory_region_init_rom_device(&s->region, vm, &dev->obj, &pflash_ops, s, s->name, s->size,
                                       error)) {
        release(s);
        return false;
    }
    s->array = memory_region_ram_ptr(&s->region);
    if (!fill_array(s, error)) {
        release(s);
        return false;
    }
    if (s->drive) {
        s->run_handler =
            run_state_handler_add(vm, RUN_PRIORITY_DEVICE, "pflash", run_state_changed, s);
    }
    make_cfi(s);
    return true;
}

static void pflash_unrealize(Device *dev)
{
    release((Pflash *)dev);
}

/* ---- record description ---- */
static bool has_buffer(const void *saved)
{
    return ((const PflashSaved *)saved)->blk_offset != NO_BUFFER;
}

static const Record buffer_record = {
    .name = "pflash_cfi01_blk_write",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PflashSaved),
    .fields =
        (const Field[]){ F_BUFFER(PflashSaved, blk_bytes), F_U32(PflashSaved, blk_offset), F_END },
    .needed = has_buffer,
    .has_present = true,
    .present_offset = offsetof(PflashSaved, has_buffer),
    .legacy_name = true,
};

static const Record pflash_record = {
    .name = "pflash_cfi01",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PflashSaved),
    .fields =
        (const Field[]){
            F_U8(PflashSaved, wcycle, .max = 3),
            F_U8(PflashSaved, cmd),
            F_U8(PflashSaved, status),
            F_U64(PflashSaved, counter),
            F_END,
        },
    .subsections = (const Record *const[]){ &buffer_record, NULL },
};

static void save(void *owner, void *saved)
{
    *(PflashSaved *)saved = ((Pflash *)owner)->r;
}

static bool check(void *owner, const void *saved, GError **error)
{
    const Pflash *s = owner;
    const PflashSaved *in = saved;

    if (in->has_buffer && in->blk_offset != NO_BUFFER &&
        (in->blk_offset >= s->size || in->blk_offset % BUFFER_BYTES)) {
        return hw_config_error(
            error, "flash buffer at 0x%x is not a multiple of %d below 0x%" G_GINT64_MODIFIER "x",
            in->blk_offset, BUFFER_BYTES, s->size);
    }
    return true;
}

static void install(void *owner, const void *saved)
{
    Pflash *s = owner;

    s->r = *(const PflashSaved *)saved;
    if (!s->r.has_buffer) {
        s->r.blk_offset = NO_BUFFER;
    }
    memory_region_rom_device_set_romd(&s->region, s->r.cmd == CMD_READ_ARRAY_0);
    if (s->drive && !s->read_only) {
        mark_dirty(s, 0, s->size);
    }
}

static const SectionOps section_ops = { .save = save, .check = check, .install = install };
static const SectionDesc pflash_section = { .record = &pflash_record, .ops = &section_ops };

/* ---- type ---- */
static const Property pflash_props[] = {
    PROP(PROP_NAME, Pflash, drive_name, "drive", NULL, .link_type = "drive"),
    PROP(PROP_U32, Pflash, num_blocks, "num-blocks", "0"),
    PROP(PROP_U64, Pflash, sector_length, "sector-length", "0"),
    PROP(PROP_U8, Pflash, width, "width", "0"),
    PROP(PROP_U8, Pflash, device_width, "device-width", "0"),
    PROP(PROP_U8, Pflash, max_device_width, "max-device-width", "0"),
    PROP(PROP_BOOL, Pflash, big_endian, "big-endian", "off"),
    PROP(PROP_BOOL, Pflash, secure, "secure", "off"),
    PROP(PROP_U16, Pflash, ident[0], "id0", "0"),
    PROP(PROP_U16, Pflash, ident[1], "id1", "0"),
    PROP(PROP_U16, Pflash, ident[2], "id2", "0"),
    PROP(PROP_U16, Pflash, ident[3], "id3", "0"),
    PROP(PROP_STR, Pflash, name, "name", NULL),
    PROP(PROP_BOOL, Pflash, old_multiple_chip_handling, "old-multiple-chip-handling", "off"),
    PROP_END,
};

static const DeviceOps pflash_device_ops = {
    .category = DEVICE_CATEGORY_STORAGE,
    .realize = pflash_realize,
    .unrealize = pflash_unrealize,
    .reset = pflash_reset,
    .section = &pflash_section,
};

const TypeInfo pflash_types[] = {
    { .name = TYPE_PFLASH,
      .parent = "sys-bus-device",
      .description = "NOR flash with the Intel command set",
      .instance_size = sizeof(Pflash),
      .props = pflash_props,
      .ops = &pflash_device_ops },
};
const size_t pflash_types_count = G_N_ELEMENTS(pflash_types);

MemoryRegion *pflash_region(Device *dev)
{
    return &((Pflash *)dev)->region;
}

void pflash_show_end(Device *dev, MemoryRegion *container, GuestPhys end, uint64_t bytes)
{
    Pflash *s = (Pflash *)dev;

    bytes = MIN(bytes, s->size);
    memory_region_init_alias(&s->alias, device_vm(dev), &dev->obj, "isa-bios", &s->region,
                             s->size - bytes, bytes);
    memory_region_set_readonly(&s->alias, true);
    memory_region_add_overlap(container, end - bytes, &s->alias, 1);
}

const char *pflash_drive_id(Vm *vm, int n)
{
    BlockDrive *drive =
        vm_blocks(vm) ? blocks_drive_by_index(vm_blocks(vm), BLOCK_IF_PFLASH, n) : NULL;

    return drive ? block_drive_id(drive) : NULL;
}

/* As big as the image of @drive, which is ours from now on. */
static bool image_bytes(Vm *vm, const char *drive, uint64_t *bytes, GError **error)
{
    Blocks *blocks = vm_blocks(vm);
    BlockDrive *found = blocks ? blocks_find_drive(blocks, drive) : NULL;
    BlockNode *node = blocks && !found ? blocks_find_node(blocks, drive) : NULL;
    BlockNodeInfo info = { 0 };

    if (!found && !node) {
        return hw_config_error(error, "there is no drive or node '%s'", drive);
    }
    if (node) {
        block_node_info(node, &info);
    }
    if (found) {
        block_drive_info(found)->claimed = true;
    }
    *bytes = found ? block_drive_length(found) : info.virtual_size;
    if (!*bytes || *bytes % PFLASH_SECTOR_BYTES) {
        return hw_config_error(error,
                               "system firmware block device %s has invalid size %" G_GUINT64_FORMAT
                               " (a multiple of %d expected)",
                               drive, *bytes, PFLASH_SECTOR_BYTES);
    }
    return true;
}

Device *pflash_new(Vm *vm, const char *name, const char *drive, GError **error)
{
    uint64_t bytes = 0;
    Device *dev;

    if (!image_bytes(vm, drive, &bytes, error)) {
        return NULL;
    }
    dev = device_new(vm, TYPE_PFLASH, error);
    if (!dev) {
        return NULL;
    }
    g_autofree char *path = g_strdup_printf("/machine/%s", name);
    bool ok = object_set_str(&dev->obj, "drive", drive, error) &&
              object_set_str(&dev->obj, "name", name, error);

    object_set_u64(&dev->obj, "sector-length", PFLASH_SECTOR_BYTES);
    object_set_u64(&dev->obj, "num-blocks", bytes / PFLASH_SECTOR_BYTES);
    object_set_u64(&dev->obj, "width", 1);
    ok = ok && device_realize(dev, bus_root(vm), path, error);
    object_unref(&dev->obj);
    return ok ? dev : NULL;
}
