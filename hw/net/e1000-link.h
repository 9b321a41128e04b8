/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The link of e1000 and e1000e: the PHY's control register, a negotiation that takes its time, the
 * network backend as the cable, and MDIC, through which drivers reach the PHY. The VM lock guards it.
 */
#pragma once
#include "backend/net/net.h"
#include "e1000-parts.h"

typedef struct {
    void (*raise)(void *opaque, uint32_t causes);
    /* Register @reg of the PHY; of the control register only for reads. NULL: a write has no effect. */
    uint16_t *(*phy_reg)(void *opaque, unsigned reg, bool write);
    const uint16_t *phy_init;
    size_t phy_bytes;
} E1000LinkOps;

typedef struct {
    const E1000LinkOps *ops;
    void *opaque;
    uint32_t *mac; /* borrowed, as phy and nic are */
    uint16_t *phy;
    NetClient *nic;
    Vm *vm;
    Timer *negotiation;
} E1000Link;

/* Makes the timer; the other members are set. */
void e1000_link_begin(E1000Link *link, const char *name);
void e1000_link_end(E1000Link *link);
/* The PHY's registers at their power-on values, the link as the cable is. */
void e1000_link_reset(E1000Link *link);
/* The cable may have been plugged or pulled. */
void e1000_link_changed(E1000Link *link);
/* After a load: a pulled cable is noticed, a negotiation begins again. */
void e1000_link_resume(E1000Link *link);
/* A write to MDIC. */
void e1000_link_mdic(E1000Link *link, uint32_t value);
