/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a board does for its NVDIMMs: the structures of the NFIT (ACPI 6.4, 5.2.25), and the port
 * through which the methods of the SSDT ask for more. Private to hw/i386.
 *
 * A method writes a request into the page "etc/acpi/nvdimm-mem" that firmware has placed, and the page's
 * address to the port; the answer is in the page when the write is done. There is no migrated state:
 * between two instructions of the guest nothing is under way.
 */
#pragma once
#include "hw/acpi/aml.h"
#include "hw/mem/pc-dimm.h"

#define NVDIMM_PORT       0xa18
#define NVDIMM_PAGE_FILE  "etc/acpi/nvdimm-mem"
#define NVDIMM_PAGE_BYTES 4096
/* Who a request is for: 0 the root device, slot + 1 a module, and for reading the NFIT anew: */
#define NVDIMM_HANDLE_FIT 0x10000

/* -machine nvdimm-persistence=: how far writes are safe when power fails. */
typedef enum {
    NVDIMM_PERSISTENCE_UNKNOWN,
    NVDIMM_PERSISTENCE_MEM_CTRL = 2, /* once they are in the memory controller */
    NVDIMM_PERSISTENCE_CPU = 3,      /* in the caches already */
} NvdimmPersistence;

typedef struct NvdimmBoard {
    Vm *vm;
    PcDimm *const *slots; /* borrowed from the board; those of other kinds are not looked at */
    unsigned n_slots;
    NvdimmPersistence persistence;
    bool fit_changed; /* since the guest began to read it */
    MemoryRegion port;
} NvdimmBoard;

void nvdimm_board_init(NvdimmBoard *b, Device *owner, PcDimm *const *slots, unsigned n_slots);
void nvdimm_board_clear(NvdimmBoard *b);
/* Appends the NFIT's structures for the modules that are there; returns how many modules. */
unsigned nvdimm_fit(const NvdimmBoard *b, GByteArray *out);
