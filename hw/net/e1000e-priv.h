/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 82574L's live state, shared by its registers, its receive path and its migrated state. */
#pragma once
#include "backend/net/net.h"
#include "e1000-link.h"

#define E1000E_VECTORS   5
#define E1000E_QUEUES    2
#define E1000E_PHY_WORDS 224 /* seven pages of 32 */

/* Timers that hold causes back until traffic pauses or long enough has passed. */
enum {
    DELAY_RDTR,
    DELAY_RADV,
    DELAY_RAID,
    DELAY_TADV,
    DELAY_TIDV,
    DELAY_COUNT
};

typedef struct {
    PciDevice pci; /* first */
    /* properties */
    uint8_t mac_address[6];
    char *netdev;
    int32_t bootindex;
    uint16_t subsys, subsys_ven;
    /* registers */
    uint32_t mac[E1000_REG_WORDS], ioaddr;
    uint16_t phy[E1000E_PHY_WORDS], eeprom[64];
    uint32_t itr_written, eitr_written[E1000E_VECTORS]; /* throttles as the guest reads them back */
    uint32_t delayed_causes;
    uint32_t held;  /* causes that a throttle kept from being signalled */
    int64_t timadj; /* SYSTIM less the virtual clock */
    E1000Tx tx[E1000E_QUEUES];
    bool sending;
    MemoryRegion mmio, flash, io, msix;
    NetClient *nic;
    E1000Link link;
    Timer *tx_timer, *delay[DELAY_COUNT], *itr, *eitr[E1000E_VECTORS];
    RunStateHandler *run_handler;
} E1000e;

extern const SectionDesc e1000e_section;

int64_t e1000e_now_ns(E1000e *s);
/* Sets causes and signals what the guest wants to hear of. */
void e1000e_raise(E1000e *s, uint32_t causes);
/* The same, but held back as RDTR and RADV, or TIDV and TADV, ask. */
void e1000e_raise_received(E1000e *s, uint32_t causes);
void e1000e_raise_sent(E1000e *s, uint32_t causes);
/* Signals those of @causes that are set and not masked; levels follow in any case. */
void e1000e_signal(E1000e *s, uint32_t causes);
/* A read of ICR, with what it does. */
uint32_t e1000e_cause_read(E1000e *s);
/* What timers do: the gap of a throttle is over, the time of a delay. */
void e1000e_throttle_over(void *opaque);
void e1000e_delay_over(void *opaque);
void e1000e_resume(E1000e *s);

/* ---- receive path ---- */
bool e1000e_can_receive(NetClient *client);
bool e1000e_receive(NetClient *client, const uint8_t *frame, size_t len);
/* Buffers of a descriptor and the length of one, as RCTL, PSRCTL and RFCTL choose them. */
typedef struct {
    uint32_t desc_bytes, buffers, sizes[4], total;
} E1000eLayout;
E1000eLayout e1000e_layout(const uint32_t *mac);
