/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI functions of an s390x machine: the host bridge, what a guest set of each function, and the parts
 * that work on it (instructions, CALL LOGICAL PROCESSOR). VM lock held for everything here.
 */
#pragma once
#include "base/util/endian.h"
#include "hw/pci/pci.h"
#include "s390-priv.h"

#define TYPE_S390_PCI_HOST "s390-pcihost"
#define TYPE_ZPCI_BUS      "s390-pcibus"
#define TYPE_ZPCI          "zpci"

#define ZPCI_MAX_FUNCTIONS 256
#define ZPCI_HANDLE_ON     0x80000000u /* of a function that is enabled */
#define ZPCI_HANDLE        0x00010000u /* with the index: any other function's */
#define ZPCI_DMA_FIRST     0x100000000ull
#define ZPCI_DMA_LAST      0x1ffffffffffffffull
#define ZPCI_MSI_ADDRESS   0xfe00000000000000ull
#define ZPCI_MAX_MSI       0x80 /* interruption vectors a function */
#define ZPCI_BARS          6
#define ZPCI_MEASURE_BYTES 64
#define ZPCI_MEASURE_MS    4000
#define ZPCI_CONFIG_SPACE  15 /* number of an address space; 0 to 5: BARs */

typedef enum {
    ZPCI_STANDBY,  /* the guest gave it back */
    ZPCI_DISABLED, /* configured, not in use */
    ZPCI_ENABLED,
    ZPCI_STATES,
} ZpciState;

/* What the guest set: also the saved form. */
typedef struct {
    uint8_t state;
    bool translates, interrupts, sums; /* IOAT; adapter interruptions; with summary bits */
    uint64_t base, limit, anchor;      /* DMA addresses, tables */
    uint64_t bits, sum_bits;           /* where interruptions set bits */
    uint16_t vectors;
    uint8_t first_bit, sum_bit, isc;
    /* Measurement: instructions since the block was chosen; 0: none is. */
    uint64_t block, loads, stores, block_stores, refreshes;
    uint32_t samples;
    bool error, blocked; /* no DMA; neither loads nor stores */
} ZpciRegs;

typedef struct ZpciHost ZpciHost;

/* A function: lives as long as its zpci device or its PCI device is there. */
typedef struct {
    ZpciHost *host;
    Device *dev;    /* the zpci device; NULL: it went before the PCI device */
    PciDevice *pci; /* NULL: not there yet, or any more */
    unsigned index;
    uint32_t uid, fid;
    char *target; /* owned */
    bool automatic, asked_to_go;
    ZpciRegs regs;
    uint32_t fault; /* zpci-error.c; with the address, and whether it was a store */
    uint64_t fault_address;
    bool fault_write;
    MemoryRegion root, iommu, msi; /* what its DMA goes through */
    MemoryRegion bar_root, bar_view[ZPCI_BARS];
    AddressSpace *bars; /* NULL until they are first used; BAR n is at n << 56 */
} ZpciFunction;

struct ZpciHost {
    PciHost pci; /* first */
    S390Board *board;
    Bus *bus; /* of zpci devices */
    MemoryRegion mem, io;
    ZpciFunction *functions[ZPCI_MAX_FUNCTIONS];
    GArray *events; /* ZpciEvent, oldest first */
    Timer *measure; /* owned */
    Section *event_section;
};

/* What a guest is told of a function that comes or goes, or is in error: then the DMA address of a refused access. */
typedef struct {
    uint32_t handle, fid;
    uint16_t code;
    uint64_t address;
    bool write;
} ZpciEvent;

/* ---- zpci.c ---- */
/* The enabled or disabled function of a handle; NULL: unknown. */
ZpciFunction *zpci_by_handle(ZpciHost *h, uint32_t handle);
uint32_t zpci_handle(const ZpciFunction *f);
/* Gives up what the guest set; the PCI device starts anew. */
void zpci_disable(ZpciFunction *f);
AddressSpace *zpci_bars(ZpciFunction *f);
/* An event of the function; address and write: of an access, else 0. */
void zpci_tell(ZpciFunction *f, uint16_t code, uint64_t address, bool write);
/* ---- zpci-error.c ---- */
/* Its tables refuse the access: the function comes to the error state. Any thread, without the VM lock. */
void zpci_dma_refused(ZpciFunction *f, uint64_t address, bool write);
bool zpci_in_error(const ZpciFunction *f); /* any thread */
void zpci_fault_forget(ZpciFunction *f);
extern const Record zpci_error_record; /* of ZpciRegs */
/* ---- zpci-measure.c ---- */
/* `supported` of subsections that every build with them honours. That it is asked makes a manifest tell where they are
   not needed, and a peer without them takes such a machine. */
bool zpci_record_known(void *owner, GError **error);
void zpci_measure_init(ZpciHost *h);
/* Counters of the function go to this block from now on, from 0; 0: to none. */
void zpci_measure_set(ZpciFunction *f, uint64_t block);
/* A function has a block. */
void zpci_measure_start(ZpciHost *h);
extern const Record zpci_measure_record; /* of ZpciRegs */
/* ---- zpci-clp.c: a block of request (32 bytes) and answer; false: the request is malformed ---- */
bool zpci_clp(ZpciHost *h, uint8_t block[4096]);
