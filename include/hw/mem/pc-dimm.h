/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory devices that plug into a board: "pc-dimm" and "nvdimm", each one RAM block of a memory
 * backend at an address and in a slot that the board gives (or checks). VM lock held.
 */
#pragma once
#include "hw/core/device.h"

typedef struct PcDimm {
    Device dev; /* first */
    /* properties */
    char *memdev;
    uint64_t addr; /* 0: any */
    int32_t slot;  /* -1: any */
    uint32_t node;
    uint64_t label_bytes; /* nvdimm: the end of the block, not shown as memory */
    bool unarmed;         /* nvdimm: writes do not last */
    uint8_t uuid[16];     /* nvdimm */
    /* once realized */
    Object *backend; /* a reference */
    MemoryRegion mr; /* what the guest sees */
    RamBlock *block; /* borrowed from the backend */
} PcDimm;
#define PC_DIMM(obj_) ((PcDimm *)(obj_))

static inline bool pc_dimm_is_nvdimm(const PcDimm *d)
{
    return object_is_a(&d->dev.obj, "nvdimm");
}
/* Bytes that the guest sees. Before realize: of the backend that memdev names, 0 if there is none. */
uint64_t pc_dimm_size(const PcDimm *d);
/* An nvdimm's label area, the last label_bytes of its block; who writes there says so. */
uint8_t *pc_dimm_labels(const PcDimm *d);
void pc_dimm_labels_written(const PcDimm *d, uint64_t offset, uint64_t bytes);

extern const TypeInfo pc_dimm_types[];
extern const size_t pc_dimm_types_count;
