/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the AHCI controller (Serial ATA AHCI 1.3.1): ports over ATA buses of one unit.
 *
 * A command slot lives from its bit in PxCI to the FIS that ends it. Queued commands (NCQ) run side
 * by side, any other one alone: `busy_slot` is its slot.
 *
 * Invariants:
 *  1. busy_slot >= 0 exactly while a command that is not queued is under way or parked.
 *  2. After an error a port issues nothing (`halted`) until PxCMD.ST goes to 0.
 *  3. Guest memory is only touched through the PCI device's DMA space, with every length checked.
 */
#pragma once
#include "hw/pci/pci.h"
#include "ide-priv.h"

#define AHCI_PORTS 6
#define AHCI_SLOTS 32

enum { /* PxIS, PxIE */
    IS_DHRS = 1u << 0,
    IS_PSS = 1u << 1,
    IS_SDBS = 1u << 3,
    IS_OFS = 1u << 24,
    IS_HBFS = 1u << 29,
    IS_TFES = 1u << 30,
};
enum { /* PxCMD */
    CMD_ST = 1u << 0,
    CMD_SUD = 1u << 1,
    CMD_POD = 1u << 2,
    CMD_CLO = 1u << 3,
    CMD_FRE = 1u << 4,
    CMD_FR = 1u << 14,
    CMD_CR = 1u << 15,
    CMD_WRITABLE = CMD_ST | CMD_SUD | CMD_POD | CMD_FRE | 0x0f000000u,
};
enum { /* command header, word 0 */
    HDR_ATAPI = 1u << 5,
    HDR_WRITE = 1u << 6,
};

typedef struct Ahci Ahci;
typedef struct AhciPort AhciPort;

/* A walk over a command's table of memory regions. */
typedef struct {
    uint64_t table; /* of region descriptors */
    uint32_t n, i;  /* descriptors, the next one */
    uint64_t addr;  /* of what is left of the current region */
    uint32_t left;
    uint32_t moved; /* bytes */
} AhciSg;

typedef struct {
    AhciPort *port;
    bool used, halt; /* halt: parked by an error */
    uint8_t cmd, tag, slot;
    bool fua;
    uint32_t count; /* sectors */
    uint64_t lba;
    AhciSg sg;
} AhciNcq;

typedef struct {
    uint32_t clb, clbu, fb, fbu, is, ie, cmd, tfd, sig, ssts, sctl, serr, sact, ci;
} AhciPortRegs;

struct AhciPort {
    IdeBus bus; /* first */
    Ahci *hba;
    unsigned index;
    AhciPortRegs r;
    int32_t busy_slot; /* -1: none */
    uint32_t header;   /* word 0 of the busy slot's header */
    AhciSg sg;         /* of the busy slot */
    uint32_t finished; /* queued tags done and not yet told */
    bool init_d2h_sent, done_first_drq, halted;
    bool issuing, issue_again; /* inside ahci_port_issue() */
    bool moving, move_again;   /* inside the PIO mover */
    AhciNcq ncq[AHCI_SLOTS];
};

struct Ahci {
    PciDevice pci; /* first */
    MemoryRegion mmio, idp;
    uint32_t cap, ghc, is, impl, version;
    uint32_t idp_index;
    unsigned in_dma; /* inside an access of our own to guest memory, which may be our registers */
    AhciPort ports[AHCI_PORTS];
};

/* Guest memory as the device sees it. While one is under way our registers do not answer, so that
   no descriptor leads back into the command that it describes. */
static inline bool ahci_dma_read(Ahci *hba, uint64_t addr, void *buf, uint64_t len)
{
    hba->in_dma++;
    MemResult r = pci_dma_read(&hba->pci, addr, buf, len);
    hba->in_dma--;
    return r == MEM_OK;
}
static inline bool ahci_dma_write(Ahci *hba, uint64_t addr, const void *buf, uint64_t len)
{
    hba->in_dma++;
    MemResult r = pci_dma_write(&hba->pci, addr, buf, len);
    hba->in_dma--;
    return r == MEM_OK;
}

/* ---- ahci.c ---- */
void ahci_update_irq(Ahci *hba);
/* Sets bits of PxIS and interrupts when they are enabled. */
void ahci_port_raise(AhciPort *p, uint32_t bits);

/* ---- ahci-port.c ---- */
extern const IdeHostOps ahci_host_ops;
void ahci_port_reset(AhciPort *p);
/* Starts what waits in PxCI, as far as it may start. */
void ahci_port_issue(AhciPort *p);
/* PxCMD.ST went to 0: everything outstanding is forgotten. */
void ahci_port_stop(AhciPort *p);
/* The signature FIS, once a reset, when the port may receive it. */
void ahci_port_send_signature(AhciPort *p);
void ahci_sg_init(AhciPort *p, AhciSg *sg, unsigned slot);
bool ahci_sg_copy(AhciPort *p, AhciSg *sg, void *buf, size_t len, bool to_guest);
void ahci_fis_d2h(AhciPort *p, bool interrupt);
void ahci_fis_write(AhciPort *p, unsigned offset, const void *fis, size_t len);

/* ---- ahci-ncq.c ---- */
bool ahci_is_ncq(uint8_t cmd);
void ahci_ncq_start(AhciPort *p, unsigned slot, const uint8_t fis[64]);
void ahci_ncq_retry(AhciPort *p);
bool ahci_ncq_busy(const AhciPort *p);
void ahci_ncq_forget(AhciPort *p);

/* ---- ahci-state.c ---- */
extern const SectionDesc ahci_section;
