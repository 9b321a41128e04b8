/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI tables of a q35 board: from a description to three blobs. Private to hw/i386. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "hw/pci/pci.h"

typedef struct {
    unsigned max_cpus;
    const uint32_t *apic_ids;                        /* max_cpus of them */
    GPtrArray *cpus;                                 /* borrowed; NULL where one is not plugged */
    const struct AcpiPm *pm;                         /* for hotplug */
    uint64_t low_ram_top, hole64_base, hole64_limit; /* inclusive limit; 0,0: no high window */
    uint64_t ram_above_4g, devmem_base, devmem_bytes;
    const struct MachineNuma *numa;   /* borrowed; NULL: no affinity tables */
    Device *vtd;                      /* borrowed; NULL: no IOMMU */
    Device *genid;                    /* borrowed; NULL: none */
    const struct NvdimmBoard *nvdimm; /* borrowed; NULL: no place for them */
    bool hpet, i8042, rtc, serial[4];
    bool no_s3;
    bool i440fx; /* else q35 */
    uint64_t hole_base;
    GPtrArray *user_tables; /* GBytes, borrowed; NULL: none */
    PciBus *root;           /* borrowed: what is plugged in now; NULL: not described */
    const char *oem_id, *oem_table_id;
} AcpiConfig;

#define ACPI_TABLES_FILE "etc/acpi/tables"
#define ACPI_RSDP_FILE   "etc/acpi/rsdp"
#define ACPI_LINKER_FILE "etc/table-loader"
#define ACPI_TABLES_SIZE 0x20000
#define ACPI_LINKER_SIZE 0x1000

#define ACPI_PAGE      4096
#define ACPI_EXTRA_MAX 2

typedef struct {
    GByteArray *tables, *rsdp, *linker;
    struct { /* files beside them that go to memory: whole pages */
        const char *file;
        uint32_t bytes;
        uint64_t addr; /* acpi_blobs_place() */
    } extra[ACPI_EXTRA_MAX];
    unsigned n_extra;
} AcpiBlobs;
void acpi_blobs_build(const AcpiConfig *config, AcpiBlobs *out);
void acpi_blobs_clear(AcpiBlobs *blobs);
/* Does what firmware does with the script, but for the files that it would write: @tables at @tables_addr, @rsdp at
   @rsdp_addr, the others one after another from @extra_addr on. */
void acpi_blobs_place(AcpiBlobs *blobs, uint64_t tables_addr, uint64_t rsdp_addr,
                      uint64_t extra_addr);
uint64_t acpi_blobs_extra_bytes(const AcpiBlobs *blobs);
/* Where such a file went; 0: there is none. */
uint64_t acpi_blobs_extra_addr(const AcpiBlobs *blobs, const char *file);
