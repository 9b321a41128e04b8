/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plain types of base/memory that other headers need by value. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef uint64_t GuestPhys; /* a guest physical (bus) address, bytes */
typedef uint64_t RamAddr;   /* offset in the process-wide space of RAM blocks, bytes */

#define GUEST_PAGE_BITS 12
#define GUEST_PAGE_SIZE ((uint64_t)1 << GUEST_PAGE_BITS)
/* @align_ a power of two. */
#define ROUND_UP_TO(n_, align_) (((n_) + ((uint64_t)(align_)-1)) & ~((uint64_t)(align_)-1))

/* Who asks: passed along every access. */
typedef struct {
    unsigned secure : 1;
    unsigned user : 1;
    unsigned unspecified : 1;   /* not a bus transaction of a known requester */
    unsigned requester_id : 16; /* PCI bdf for DMA, cpu index for CPUs */
    unsigned smm : 1;
} MemAttrs;
#define MEM_ATTRS_NONE ((MemAttrs){ .unspecified = 1 })

typedef enum {
    MEM_OK = 0,
    MEM_DECODE_ERROR = 1, /* nothing answers at that address */
    MEM_DEVICE_ERROR = 2, /* a device refused the access */
    MEM_ACCESS_ERROR = 4, /* not permitted (write to ROM is silently dropped, not this) */
} MemResult;

typedef enum {
    DEVICE_LITTLE_ENDIAN,
    DEVICE_BIG_ENDIAN
} DeviceEndian;

typedef struct AddressSpace AddressSpace;
typedef struct MemoryRegion MemoryRegion;
typedef struct RamBlock RamBlock;
typedef struct MemoryRoot MemoryRoot;
typedef struct Vm Vm;
