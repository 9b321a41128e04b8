/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of ACPI tables. They are built anew when firmware first reads them; a block that must grow
 * for that tells its watchers, of which a migration under way is one.
 */
#include "acpi-files.h"

#include <string.h>

static const struct {
    const char *idstr, *file;
    size_t blob;        /* GByteArray * in AcpiBlobs */
    uint64_t step, max; /* step 0: the board's */
    bool exact;         /* the file is as long as the blob, not as the block */
} files[3] = {
    { "/rom@etc/acpi/tables", ACPI_TABLES_FILE, offsetof(AcpiBlobs, tables), 0, 0x200000, false },
    { "/rom@etc/table-loader", ACPI_LINKER_FILE, offsetof(AcpiBlobs, linker), ACPI_LINKER_SIZE,
      0x10000, false },
    { "/rom@etc/acpi/rsdp", ACPI_RSDP_FILE, offsetof(AcpiBlobs, rsdp), 0x1000, 0x1000, true },
};

static const GByteArray *blob_of(const AcpiBlobs *b, int i)
{
    return *(GByteArray *const *)((const char *)b + files[i].blob);
}

static uint64_t used_bytes(const AcpiFiles *f, const AcpiBlobs *b, int i)
{
    uint64_t step = files[i].step ? files[i].step : f->tables_step;

    return (blob_of(b, i)->len + step - 1) / step * step;
}

static void fill(RamBlock *block, const GByteArray *data)
{
    uint8_t *host = ram_block_host(block);

    memcpy(host, data->data, data->len);
    memset(host + data->len, 0, ram_block_used_length(block) - data->len);
}

static void selected(void *opaque)
{
    AcpiFiles *f = opaque;
    AcpiBlobs blobs = { 0 };

    if (f->patched) {
        return;
    }
    f->patched = true;
    f->build(f->opaque, &blobs);
    for (int i = 0; i < 3; i++) {
        g_autoptr(GError) error = NULL;
        RamBlock *block = f->blocks[i];

        if (!ram_block_resize(block, used_bytes(f, &blobs, i), &error)) {
            g_warning("ACPI tables cannot be updated: %s", error->message);
            continue;
        }
        fill(block, blob_of(&blobs, i));
        ram_dirty_written(f->vm, ram_block_addr(block), ram_block_used_length(block));
    }
    acpi_blobs_clear(&blobs);
}

bool acpi_files_publish(AcpiFiles *f, FwCfg *fw_cfg, uint64_t tables_step,
                        void (*build)(void *opaque, AcpiBlobs *out), void *opaque,
                        const AcpiBlobs *blobs, GError **error)
{
    f->vm = device_vm((Device *)fw_cfg);
    f->build = build;
    f->opaque = opaque;
    f->tables_step = tables_step;
    for (int i = 0; i < 3; i++) {
        RamBlockSpec spec = {
            .idstr = files[i].idstr,
            .used_length = used_bytes(f, blobs, i),
            .max_length = files[i].max,
            .flags = RAM_RESIZEABLE | RAM_MIGRATABLE,
            .fd = -1,
        };
        RamBlock *block = ram_block_new(f->vm, &spec, error);

        if (!block) {
            return false;
        }
        f->blocks[i] = block;
        fill(block, blob_of(blobs, i));
        if (!fw_cfg_add_block_file(fw_cfg, files[i].file, block,
                                   files[i].exact ? blob_of(blobs, i)->len : 0, selected, f,
                                   error)) {
            return false;
        }
    }
    fw_cfg_set_acpi_blocks(fw_cfg, f->blocks[0], f->blocks[1], f->blocks[2]);
    return true;
}

void acpi_files_clear(AcpiFiles *f)
{
    for (int i = 0; i < 3; i++) {
        g_clear_pointer(&f->blocks[i], ram_block_free);
    }
}
