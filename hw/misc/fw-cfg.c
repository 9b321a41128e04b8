/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw_cfg: selector, data port and DMA interface (the public "fw_cfg" interface document).
 *
 * A select resets the offset; reads run on to the end of the item and then give zero. The DMA
 * register is one big-endian 64-bit address; writing its low half starts the transfer that the
 * 16-byte block at that address describes, and the block's control word tells the outcome.
 */
#include "base/util/endian.h"
#include "hw/misc/fw-cfg.h"

#define KEY_INVALID     0xffff
#define KEY_MASK        0x3fff
#define ITEMS           0x100
#define FILE_NAME_BYTES 56
#define MAX_FILES       (ITEMS - FW_CFG_FILE_FIRST)
#define DMA_ERROR       0x01
#define DMA_READ        0x02
#define DMA_SKIP        0x04
#define DMA_SELECT      0x08
#define DMA_WRITE       0x10
#define DMA_SIGNATURE   0x51454d5520434647ull /* "QEMU CFG" */
#define VERSION_DMA     3                     /* traditional and DMA interface */

typedef struct {
    GBytes *bytes;   /* owned; NULL: block or buffer */
    RamBlock *block; /* borrowed */
    uint8_t *buffer; /* borrowed, writable */
    uint32_t buffer_len;
    bool writable;
    void (*selected)(void *opaque);
    void (*written)(void *opaque);
    void *opaque;
} Item;

typedef struct {
    char *name;
    Item item;
} File;

struct FwCfg {
    Device dev;                       /* first */
    Item items[2][FW_CFG_FILE_FIRST]; /* generic and architecture's own */
    GPtrArray *files;                 /* File, sorted by name */
    GByteArray *dir;
    uint16_t cur_entry;
    uint32_t cur_offset;
    uint64_t dma_addr;
    MemoryRegion ctl_mr, dma_mr;
    AddressSpace *dma_as;
    RamBlock *acpi_blocks[3];
};

/* ---- items ---- */
static void item_clear(Item *item)
{
    g_clear_pointer(&item->bytes, g_bytes_unref);
    memset(item, 0, sizeof(*item));
}

static void file_free(gpointer p)
{
    File *file = p;

    item_clear(&file->item);
    g_free(file->name);
    g_free(file);
}

static uint32_t item_size(const Item *item)
{
    if (item->block) {
        return item->buffer_len ? item->buffer_len : ram_block_used_length(item->block);
    }
    return item->bytes ? g_bytes_get_size(item->bytes) : item->buffer_len;
}

static const uint8_t *item_data(const Item *item)
{
    if (item->block) {
        return ram_block_host(item->block);
    }
    return item->bytes ? g_bytes_get_data(item->bytes, NULL) : item->buffer;
}

/* The directory is generated when it is asked for: keys follow from the order of names. */
static void dir_build(FwCfg *s)
{
    uint8_t count[4];
    g_autoptr(GBytes) bytes = NULL;

    g_byte_array_set_size(s->dir, 0);
    st_be32(count, s->files->len);
    g_byte_array_append(s->dir, count, 4);
    for (guint i = 0; i < s->files->len; i++) {
        File *file = g_ptr_array_index(s->files, i);
        uint8_t entry[8 + FILE_NAME_BYTES] = { 0 };

        st_be32(entry, item_size(&file->item));
        st_be16(entry + 4, FW_CFG_FILE_FIRST + i);
        g_strlcpy((char *)entry + 8, file->name, FILE_NAME_BYTES);
        g_byte_array_append(s->dir, entry, sizeof(entry));
    }
    bytes = g_bytes_new(s->dir->data, s->dir->len);
    fw_cfg_set(s, FW_CFG_FILE_DIR, bytes);
}

static Item *item_at(FwCfg *s, uint16_t key)
{
    unsigned n = key & KEY_MASK;

    if (key == KEY_INVALID) {
        return NULL;
    }
    if (n < FW_CFG_FILE_FIRST) {
        Item *item = &s->items[key & FW_CFG_ARCH_LOCAL ? 1 : 0][n];
        return item->bytes ? item : NULL;
    }
    if (!(key & FW_CFG_ARCH_LOCAL) && n - FW_CFG_FILE_FIRST < s->files->len) {
        return &((File *)g_ptr_array_index(s->files, n - FW_CFG_FILE_FIRST))->item;
    }
    return NULL;
}

void fw_cfg_set(FwCfg *s, uint16_t key, GBytes *bytes)
{
    unsigned n = key & KEY_MASK;
    Item *item = &s->items[key & FW_CFG_ARCH_LOCAL ? 1 : 0][n];

    g_assert(n < FW_CFG_FILE_FIRST);
    g_bytes_ref(bytes);
    item_clear(item);
    item->bytes = bytes;
}

static void set_raw(FwCfg *s, uint16_t key, const void *data, size_t len)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, len);

    fw_cfg_set(s, key, bytes);
}

void fw_cfg_set_u16(FwCfg *s, uint16_t key, uint16_t value)
{
    value = GUINT16_TO_LE(value);
    set_raw(s, key, &value, sizeof(value));
}
void fw_cfg_set_u32(FwCfg *s, uint16_t key, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    set_raw(s, key, &value, sizeof(value));
}
void fw_cfg_set_u64(FwCfg *s, uint16_t key, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    set_raw(s, key, &value, sizeof(value));
}
void fw_cfg_set_string(FwCfg *s, uint16_t key, const char *value)
{
    set_raw(s, key, value, strlen(value) + 1);
}

static File *find_file(FwCfg *s, const char *name)
{
    for (guint i = 0; i < s->files->len; i++) {
        File *file = g_ptr_array_index(s->files, i);

        if (!strcmp(file->name, name)) {
            return file;
        }
    }
    return NULL;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(File *const *)a)->name, (*(File *const *)b)->name);
}

static File *new_file(FwCfg *s, const char *name, GError **error)
{
    File *file;

    if (strlen(name) >= FILE_NAME_BYTES || !*name) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "fw_cfg file name '%s' has %zu bytes (1 to %d allowed)", name, strlen(name),
                    FILE_NAME_BYTES - 1);
        return NULL;
    }
    if (find_file(s, name)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "duplicate fw_cfg file name: %s",
                    name);
        return NULL;
    }
    if (s->files->len >= MAX_FILES) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_RESOURCE,
                    "no room for fw_cfg file '%s': all %d in use", name, MAX_FILES);
        return NULL;
    }
    file = g_new0(File, 1);
    file->name = g_strdup(name);
    g_ptr_array_add(s->files, file);
    g_ptr_array_sort(s->files, by_name);
    return file;
}

bool fw_cfg_add_file(FwCfg *s, const char *name, GBytes *bytes, GError **error)
{
    File *file = new_file(s, name, error);

    if (file) {
        file->item.bytes = g_bytes_ref(bytes);
    }
    return file != NULL;
}

bool fw_cfg_add_block_file(FwCfg *s, const char *name, RamBlock *block, uint32_t len,
                           void (*selected)(void *opaque), void *opaque, GError **error)
{
    File *file = new_file(s, name, error);

    if (file) {
        file->item.block = block;
        file->item.buffer_len = len;
        file->item.selected = selected;
        file->item.opaque = opaque;
    }
    return file != NULL;
}

bool fw_cfg_add_writable_file(FwCfg *s, const char *name, uint8_t *buffer, uint32_t len,
                              void (*written)(void *opaque), void *opaque, GError **error)
{
    File *file = new_file(s, name, error);

    if (file) {
        file->item.buffer = buffer;
        file->item.buffer_len = len;
        file->item.writable = true;
        file->item.written = written;
        file->item.opaque = opaque;
    }
    return file != NULL;
}

bool fw_cfg_add_buffer_file(FwCfg *s, const char *name, const uint8_t *buffer, uint32_t len,
                            void (*selected)(void *opaque), void *opaque, GError **error)
{
    File *file = new_file(s, name, error);

    if (file) {
        file->item.buffer =
            (uint8_t *)buffer; /* only dma_write writes, and not without `writable` */
        file->item.buffer_len = len;
        file->item.selected = selected;
        file->item.opaque = opaque;
    }
    return file != NULL;
}

void fw_cfg_set_file(FwCfg *s, const char *name, GBytes *bytes)
{
    File *file = find_file(s, name);

    if (!file) {
        file = new_file(s, name, NULL);
        g_return_if_fail(file);
    }
    g_bytes_ref(bytes);
    item_clear(&file->item);
    file->item.bytes = bytes;
}

bool fw_cfg_has_file(FwCfg *s, const char *name)
{
    return find_file(s, name) != NULL;
}

GBytes *fw_cfg_get_file(FwCfg *s, const char *name)
{
    File *file = find_file(s, name);

    if (!file) {
        return NULL;
    }
    if (file->item.selected) {
        file->item.selected(file->item.opaque);
    }
    return g_bytes_new(item_data(&file->item), item_size(&file->item));
}

void fw_cfg_set_acpi_blocks(FwCfg *s, RamBlock *tables, RamBlock *linker, RamBlock *rsdp)
{
    s->acpi_blocks[0] = tables;
    s->acpi_blocks[1] = linker;
    s->acpi_blocks[2] = rsdp;
}

/* ---- registers ---- */
static bool select_key(FwCfg *s, uint16_t key)
{
    Item *item;

    if ((key & KEY_MASK) == FW_CFG_FILE_DIR) {
        dir_build(s);
    }
    s->cur_offset = 0;
    item = item_at(s, key);
    s->cur_entry = item ? key : KEY_INVALID;
    if (item && item->selected) {
        item->selected(item->opaque);
    }
    return item != NULL;
}

static uint8_t read_byte(FwCfg *s)
{
    Item *item = item_at(s, s->cur_entry);

    if (!item || s->cur_offset >= item_size(item)) {
        return 0;
    }
    return item_data(item)[s->cur_offset++];
}

static uint32_t dma_read(FwCfg *s, Item *item, uint64_t addr, uint32_t len)
{
    uint32_t have = item && s->cur_offset < item_size(item) ? item_size(item) - s->cur_offset : 0;
    uint32_t n = MIN(have, len);

    if (n && address_space_write(s->dma_as, addr, MEM_ATTRS_NONE, item_data(item) + s->cur_offset,
                                 n) != MEM_OK) {
        return DMA_ERROR;
    }
    if (len > n && address_space_set(s->dma_as, addr + n, MEM_ATTRS_NONE, 0, len - n) != MEM_OK) {
        return DMA_ERROR;
    }
    s->cur_offset += n;
    return 0;
}

static uint32_t dma_write(FwCfg *s, Item *item, uint64_t addr, uint32_t len)
{
    if (!item || !item->writable || s->cur_offset > item->buffer_len ||
        len > item->buffer_len - s->cur_offset ||
        address_space_read(s->dma_as, addr, MEM_ATTRS_NONE, item->buffer + s->cur_offset, len) !=
            MEM_OK) {
        return DMA_ERROR;
    }
    s->cur_offset += len;
    if (item->written) {
        item->written(item->opaque);
    }
    return 0;
}

static void dma_transfer(FwCfg *s)
{
    uint64_t at = s->dma_addr;
    uint8_t block[16], result[4];
    uint32_t control, len, outcome = 0;
    uint64_t addr;
    Item *item;

    s->dma_addr = 0;
    if (address_space_read(s->dma_as, at, MEM_ATTRS_NONE, block, sizeof(block)) != MEM_OK) {
        st_be32(result, DMA_ERROR);
        address_space_write(s->dma_as, at, MEM_ATTRS_NONE, result, 4);
        return;
    }
    control = ld_be32(block);
    len = ld_be32(block + 4);
    addr = ld_be64(block + 8);
    if (control & DMA_SELECT) {
        select_key(s, control >> 16);
    }
    item = item_at(s, s->cur_entry);
    if (control & DMA_READ) {
        outcome = dma_read(s, item, addr, len);
    } else if (control & DMA_WRITE) {
        outcome = dma_write(s, item, addr, len);
    } else if (control & DMA_SKIP && item) {
        s->cur_offset += MIN(len, item_size(item) - MIN(s->cur_offset, item_size(item)));
    }
    st_be32(result, outcome);
    address_space_write(s->dma_as, at, MEM_ATTRS_NONE, result, 4);
}

/* Ports 0x510 (16-bit selector) and 0x511 (data) overlap: the width tells them apart. */
static uint64_t ctl_read(void *opaque, uint64_t addr, unsigned size)
{
    return addr == 1 && size == 1 ? read_byte(opaque) : 0;
}

static void ctl_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    if (addr == 0 && size == 2) {
        select_key(opaque, value);
    }
}

static uint64_t dma_reg_read(void *opaque, uint64_t addr, unsigned size)
{
    return DMA_SIGNATURE >> (8 - addr - size) * 8;
}

static void dma_reg_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    FwCfg *s = opaque;

    if (size == 4 && addr == 0) {
        s->dma_addr = value << 32;
    } else if (size == 4 && addr == 4) {
        s->dma_addr |= value & UINT32_MAX;
        dma_transfer(s);
    } else if (size == 8 && addr == 0) {
        s->dma_addr = value;
        dma_transfer(s);
    }
}

static const RegionOps ctl_ops = {
    .read = ctl_read,
    .write = ctl_write,
    .valid = { 1, 2, true },
    .impl = { 1, 2, true },
};
static const RegionOps dma_ops = {
    .read = dma_reg_read,
    .write = dma_reg_write,
    .endian = DEVICE_BIG_ENDIAN,
    .valid = { 1, 8 },
    .impl = { 1, 8 },
};

/* ---- life ---- */
static void fw_cfg_init(Object *obj)
{
    FwCfg *s = (FwCfg *)obj;

    s->files = g_ptr_array_new_with_free_func(file_free);
    s->dir = g_byte_array_new();
    set_raw(s, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_set_u32(s, FW_CFG_ID, VERSION_DMA);
}

static void fw_cfg_finalize(Object *obj)
{
    FwCfg *s = (FwCfg *)obj;

    for (int i = 0; i < FW_CFG_FILE_FIRST; i++) {
        item_clear(&s->items[0][i]);
        item_clear(&s->items[1][i]);
    }
    g_ptr_array_unref(s->files);
    g_byte_array_unref(s->dir);
}

static bool io_realize(Device *dev, GError **error)
{
    FwCfg *s = (FwCfg *)dev;
    Vm *vm = device_vm(dev);

    s->dma_as = address_space_memory(vm);
    memory_region_init_io(&s->ctl_mr, vm, &dev->obj, &ctl_ops, s, "fwcfg", 2);
    memory_region_init_io(&s->dma_mr, vm, &dev->obj, &dma_ops, s, "fwcfg.dma", 8);
    memory_region_add(memory_io_region(vm), FW_CFG_IO_BASE, &s->ctl_mr);
    memory_region_add(memory_io_region(vm), FW_CFG_IO_BASE + 4, &s->dma_mr);
    return true;
}

static void io_unrealize(Device *dev)
{
    FwCfg *s = (FwCfg *)dev;

    memory_region_clear(&s->ctl_mr);
    memory_region_clear(&s->dma_mr);
}

static void fw_cfg_reset(Device *dev, ResetKind kind)
{
    FwCfg *s = (FwCfg *)dev;

    select_key(s, FW_CFG_SIGNATURE);
    s->dma_addr = 0;
}

/* ---- migrated state ---- */
typedef struct {
    uint16_t cur_entry;
    uint32_t cur_offset;
    uint64_t dma_addr;
    uint64_t table_mr_size, linker_mr_size, rsdp_mr_size;
    bool has_acpi;
} FwCfgSaved;

static bool dma_needed(const void *saved)
{
    return true;
}
static bool acpi_needed(const void *saved)
{
    return ((const FwCfgSaved *)saved)->has_acpi;
}
static const Field dma_fields[] = { F_U64(FwCfgSaved, dma_addr), F_END };
static const Record dma_record = {
    .name = "fw_cfg/dma",
    .version = 0,
    .min_version = 0,
    .size = sizeof(FwCfgSaved),
    .fields = dma_fields,
    .needed = dma_needed,
};
static const Field acpi_fields[] = {
    F_U64(FwCfgSaved, table_mr_size),
    F_U64(FwCfgSaved, linker_mr_size),
    F_U64(FwCfgSaved, rsdp_mr_size),
    F_END,
};
static const Record acpi_record = {
    .name = "fw_cfg/acpi_mr",
    .version = 1,
    .min_version = 1,
    .size = sizeof(FwCfgSaved),
    .fields = acpi_fields,
    .needed = acpi_needed,
};
static const Record *const fw_cfg_subsections[] = { &dma_record, &acpi_record, NULL };
static const Field fw_cfg_fields[] = {
    F_U16(FwCfgSaved, cur_entry),
    F_U32(FwCfgSaved, cur_offset),
    F_END,
};
static const Record fw_cfg_record = {
    .name = "fw_cfg",
    .version = 2,
    .min_version = 1,
    .size = sizeof(FwCfgSaved),
    .fields = fw_cfg_fields,
    .subsections = fw_cfg_subsections,
};

static void save(void *owner, void *saved)
{
    FwCfg *s = owner;
    FwCfgSaved *out = saved;

    out->cur_entry = s->cur_entry;
    out->cur_offset = s->cur_offset;
    out->dma_addr = s->dma_addr;
    out->has_acpi = s->acpi_blocks[0] != NULL;
    if (out->has_acpi) {
        out->table_mr_size = ram_block_used_length(s->acpi_blocks[0]);
        out->linker_mr_size = ram_block_used_length(s->acpi_blocks[1]);
        out->rsdp_mr_size = ram_block_used_length(s->acpi_blocks[2]);
    }
}

static bool check(void *owner, const void *saved, GError **error)
{
    FwCfg *s = owner;
    const FwCfgSaved *in = saved;
    const uint64_t sizes[] = { in->table_mr_size, in->linker_mr_size, in->rsdp_mr_size };

    for (int i = 0; i < 3 && s->acpi_blocks[i]; i++) {
        if (sizes[i] > ram_block_max_length(s->acpi_blocks[i])) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "%s has 0x%" G_GINT64_MODIFIER "x bytes (limit 0x%" G_GINT64_MODIFIER "x)",
                        ram_block_idstr(s->acpi_blocks[i]), sizes[i],
                        ram_block_max_length(s->acpi_blocks[i]));
            return false;
        }
    }
    return true;
}

static void install(void *owner, const void *saved)
{
    FwCfg *s = owner;
    const FwCfgSaved *in = saved;
    const uint64_t sizes[] = { in->table_mr_size, in->linker_mr_size, in->rsdp_mr_size };

    s->cur_entry = in->cur_entry;
    s->cur_offset = in->cur_offset;
    s->dma_addr = in->dma_addr;
    for (int i = 0; i < 3 && s->acpi_blocks[i]; i++) {
        if (sizes[i] && sizes[i] != ram_block_used_length(s->acpi_blocks[i])) {
            ram_block_resize(s->acpi_blocks[i], sizes[i], NULL);
        }
    }
}

static const SectionOps section_ops = { .save = save, .check = check, .install = install };
static const SectionDesc section = { .record = &fw_cfg_record, .ops = &section_ops };

static const DeviceOps fw_cfg_io_ops = {
    .realize = io_realize,
    .unrealize = io_unrealize,
    .reset = fw_cfg_reset,
    .section = &section,
};

const TypeInfo fw_cfg_types[] = {
    { .name = TYPE_FW_CFG,
      .parent = "device",
      .abstract = true,
      .instance_size = sizeof(FwCfg),
      .init = fw_cfg_init,
      .finalize = fw_cfg_finalize },
    { .name = TYPE_FW_CFG_IO, .parent = TYPE_FW_CFG, .ops = &fw_cfg_io_ops },
};
const size_t fw_cfg_types_count = G_N_ELEMENTS(fw_cfg_types);
