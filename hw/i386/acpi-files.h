/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables as firmware gets them: three fw_cfg files in RAM blocks that migrate and that grow in
 * steps. Private to hw/i386.
 */
#pragma once
#include "acpi-tables.h"
#include "hw/misc/fw-cfg.h"

typedef struct {
    Vm *vm;
    void (*build)(void *opaque, AcpiBlobs *out);
    void *opaque;
    uint64_t tables_step;
    RamBlock *blocks[3]; /* tables, linker, rsdp */
    bool patched;        /* firmware has read them since the last reset: they stay as they are */
} AcpiFiles;

/* @blobs is what @build gives now. When firmware first selects one of the files after a reset,
   @build is asked again: only then is it known what the user has plugged. */
bool acpi_files_publish(AcpiFiles *f, FwCfg *fw_cfg, uint64_t tables_step,
                        void (*build)(void *opaque, AcpiBlobs *out), void *opaque,
                        const AcpiBlobs *blobs, GError **error);
void acpi_files_clear(AcpiFiles *f);
