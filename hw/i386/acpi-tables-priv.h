/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that write ACPI tables share; for acpi-tables.c and the tables of single devices. */
#pragma once
#include "acpi-tables.h"
#include "hw/acpi/aml.h"

/* Ends the table at @at; firmware fixes its checksum again after it has placed the pointers. */
void acpi_checksum_later(GByteArray *blob, GByteArray *linker, guint at);
/* Parts and tables that other boards have, too. */
void acpi_pci_osc(Aml *a, bool native_hotplug);
void acpi_sleep_state(Aml *a, const char *name, uint8_t type);
void acpi_gas(GByteArray *b, uint8_t space, uint8_t width, uint64_t addr);
void acpi_madt_cpus(GByteArray *b, const AcpiConfig *c);
void acpi_madt_nmi(GByteArray *b); /* LINT1 of every CPU is NMI */
guint acpi_mcfg_table(GByteArray *b, GByteArray *linker, const AcpiConfig *c, uint64_t base,
                      uint64_t size);
guint acpi_rsdt_table(GByteArray *b, GByteArray *linker, const AcpiConfig *c, const guint *tables,
                      guint n);
void acpi_rsdp_build(GByteArray *rsdp, GByteArray *linker, const AcpiConfig *c, guint rsdt_at);
/* A file of whole pages that firmware is to place in memory, beside the tables. */
void acpi_extra_file(AcpiBlobs *blobs, GByteArray *linker, const char *file, uint32_t bytes);

/* The SSDT of a device that talks through a file which firmware placed. */
typedef struct {
    const char *table_id;
    const char *file, *address; /* the name of the double word that says where the file is */
    const char *event, *device; /* the method of the event, which notifies the device */
    void (*contents)(Aml *a, const AcpiConfig *c);
} AcpiFileSsdt;
/* Its offset; length and checksum are the caller's to end (acpi_checksum_later). */
guint acpi_file_ssdt(const AcpiFileSsdt *desc, GByteArray *b, GByteArray *linker,
                     const AcpiConfig *c);

/* acpi-nvdimm.c, acpi-genid.c; they return the table's offset. */
guint acpi_nfit_table(GByteArray *b, GByteArray *linker, const AcpiConfig *c);
guint acpi_nvdimm_table(GByteArray *b, GByteArray *linker, const AcpiConfig *c, AcpiBlobs *blobs);
guint acpi_genid_table(GByteArray *b, GByteArray *linker, const AcpiConfig *c, AcpiBlobs *blobs);
