/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 82540EM's live state, shared by its registers and data path and its migrated state. */
#pragma once
#include "e1000-link.h"

/* The serial EEPROM's interface: bits shifted in and out by EECD (93C46). */
typedef struct {
    uint32_t val_in;
    uint16_t bitnum_in, bitnum_out, reading;
    uint32_t old_eecd;
} E1000Eecd;

typedef struct {
    PciDevice pci; /* first */
    /* properties */
    uint8_t mac_address[6];
    char *netdev;
    int32_t bootindex;
    /* registers */
    uint32_t mac[E1000_REG_WORDS];
    uint16_t phy[32], eeprom[64];
    E1000Eecd eecd;
    E1000Tx tx;
    bool irq_raised; /* the line as the throttle last let it through */
    bool sending;    /* inside of the transmit ring: a descriptor may lie in our own registers */
    MemoryRegion mmio, io;
    NetClient *nic;
    E1000Link link;
    Timer *throttle, *tx_timer;
    RunStateHandler *run_handler;
} E1000;

extern const SectionDesc e1000_section;

void e1000_update_irq(E1000 *s);
/* Raises interrupt causes. */
void e1000_raise(E1000 *s, uint32_t causes);
/* After a load: goes on with what was under way. */
void e1000_resume(E1000 *s);
