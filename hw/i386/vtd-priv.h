/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "intel-iommu", VT-d as of its specification 2.x with legacy (not scalable) mode: registers (vtd.c), walks of tables
 * and what is remembered of them (vtd-walk.c), queued invalidation (vtd-queue.c), remapping of interrupts
 * (vtd-intr.c), migrated state (vtd-state.c). Private to hw/i386.
 *
 * Locks: registers are written under the VM lock. Translations are asked for by any thread without it: `lock` guards
 * csr and iotlb, is held for moments, and never while guest memory is accessed.
 */
#pragma once
#include "base/util/endian.h"
#include "hw/core/device.h"
#include "hw/i386/apic.h"
#include "hw/pci/pci.h"
#include "vtd.h"

enum { /* registers */
    VTD_VER = 0x00,
    VTD_CAP = 0x08,
    VTD_ECAP = 0x10,
    VTD_GCMD = 0x18,
    VTD_GSTS = 0x1c,
    VTD_RTADDR = 0x20,
    VTD_CCMD = 0x28,
    VTD_FSTS = 0x34,
    VTD_FECTL = 0x38, /* then FEDATA, FEADDR, FEUADDR */
    VTD_IQH = 0x80,
    VTD_IQT = 0x88,
    VTD_IQA = 0x90,
    VTD_ICS = 0x9c,
    VTD_IECTL = 0xa0, /* then IEDATA, IEADDR, IEUADDR */
    VTD_IRTA = 0xb8,
    VTD_IVA = 0xf0,
    VTD_IOTLB = 0xf8,
    VTD_FRCD = 0x220,
    VTD_CSR_BYTES = 0x230,
};
/* GCMD and GSTS */
#define VTD_TE    (1u << 31)
#define VTD_SRTP  (1u << 30)
#define VTD_QIE   (1u << 26)
#define VTD_IRE   (1u << 25)
#define VTD_SIRTP (1u << 24)
#define VTD_CFI   (1u << 23)
/* FSTS */
#define VTD_FSTS_PFO    0x01u /* a fault was lost */
#define VTD_FSTS_PPF    0x02u /* one is recorded */
#define VTD_FSTS_IQE    0x10u /* the queue has an error */
#define VTD_FSTS_EVENTS (VTD_FSTS_PFO | VTD_FSTS_PPF | VTD_FSTS_IQE | 0x60u)
#define VTD_FRCD_F      (1ull << 63)

typedef enum {
    VTD_FR_ROOT_ABSENT = 0x1,
    VTD_FR_CONTEXT_ABSENT = 0x2,
    VTD_FR_CONTEXT_INVALID = 0x3,
    VTD_FR_ADDRESS_WIDTH = 0x4,
    VTD_FR_WRITE = 0x5,
    VTD_FR_READ = 0x6,
    VTD_FR_TABLE_ACCESS = 0x7,
    VTD_FR_ROOT_ACCESS = 0x8,
    VTD_FR_CONTEXT_ACCESS = 0x9,
    VTD_FR_ROOT_RESERVED = 0xa,
    VTD_FR_CONTEXT_RESERVED = 0xb,
    VTD_FR_PAGE_RESERVED = 0xc,
    VTD_FR_IR_INDEX = 0x21,
    VTD_FR_IR_ABSENT = 0x22,
    VTD_FR_IR_ACCESS = 0x23,
    VTD_FR_IR_RESERVED = 0x24,
    VTD_FR_IR_COMPATIBLE = 0x25,
    VTD_FR_IR_SOURCE = 0x26,
} VtdFault;

typedef struct {
    bool valid, readable, writable;
    uint16_t source, domain;
    uint64_t iova, translated, mask; /* mask: bytes of the page less one */
} VtdCached;
#define VTD_CACHE 256

struct Vtd;
/* What one function's DMA goes through. */
typedef struct {
    struct Vtd *vtd;
    PciDevice *pci;                        /* borrowed */
    MemoryRegion root, direct, iommu, msi; /* direct while translation is off, else iommu */
} VtdSpace;

typedef struct Vtd {
    Device dev; /* first */
    /* properties */
    uint8_t aw_bits;
    bool caching_mode, device_iotlb, dma_drain, dma_translation, pass_through, snoop_control;
    OnOffAuto eim, intremap;
    /* state */
    uint64_t root, intr_root, iq;
    uint32_t intr_size;
    uint16_t iq_head, iq_tail, iq_size;
    uint8_t last_type;
    bool dmar_enabled, qi_enabled, intr_enabled, intr_eime;
    bool scalable_root; /* of streams; means nothing here */
    bool in_queue;      /* being worked on: a descriptor may write to the tail register */
    GMutex lock;
    uint8_t csr[VTD_CSR_BYTES];
    VtdCached iotlb[VTD_CACHE];
    uint32_t generation; /* of iotlb: what was walked before an invalidation is not remembered */
    MemoryRegion mmio;
    GHashTable *spaces; /* PciDevice * -> VtdSpace *, owned */
    PciHost *host;      /* borrowed from the board */
    ApicBus *apic_bus;
} Vtd;
#define VTD(obj_) ((Vtd *)(obj_))

/* vtd.c */
uint64_t vtd_cap(const Vtd *s);
uint64_t vtd_ecap(const Vtd *s);
bool vtd_has_intremap(const Vtd *s);
bool vtd_has_eim(const Vtd *s);
uint32_t vtd_reg(Vtd *s, unsigned at);
void vtd_set_reg(Vtd *s, unsigned at, uint32_t value);
/* The interrupt of the four registers at @at (FECTL, IECTL): sent, or pending while masked. */
void vtd_event(Vtd *s, unsigned at);
/* Regions follow dmar_enabled. */
void vtd_spaces_update(Vtd *s);
bool vtd_read_guest(Vtd *s, uint64_t addr, void *buf, unsigned len);
/* vtd-walk.c */
IommuEntry vtd_translate(MemoryRegion *mr, GuestPhys addr, bool is_write, MemAttrs attrs);
void vtd_record_fault(Vtd *s, VtdFault reason, uint16_t source, uint64_t info, bool is_write);
typedef enum {
    VTD_FLUSH_ALL = 1,
    VTD_FLUSH_DOMAIN = 2,
    VTD_FLUSH_PAGES = 3,  /* of IOTLB: the aligned 2^@order pages around @addr of the domain */
    VTD_FLUSH_SOURCE = 3, /* of context entries: all of that source, with @source_mask ignored */
} VtdFlush;
void vtd_flush_iotlb(Vtd *s, unsigned what, uint16_t domain, uint64_t addr, unsigned order);
void vtd_flush_context(Vtd *s, unsigned what, uint16_t domain, uint16_t source, uint16_t ignore);
/* vtd-queue.c */
void vtd_queue_run(Vtd *s);
/* vtd-intr.c */
bool vtd_remap_interrupt(void *opaque, uint64_t addr, uint32_t data, MemAttrs attrs,
                         ApicMessage *out);
/* vtd-state.c */
extern const SectionDesc vtd_section;
