/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See e1000-link.h. MDIC: 82540EM developer's manual, 13.4.12; the PHY at address 1 is the only one. */
#include "e1000-link.h"

#include <string.h>

#define PHY_ADDRESS 1
#define MDIC_OP     0x0c000000u /* 1: write, 2: read */
#define MDIC_READY  0x10000000u
#define MDIC_IRQ    0x20000000u
#define MDIC_ERROR  0x40000000u

static bool cable_in(const E1000Link *link)
{
    return !net_client_peer(link->nic) || net_client_link_up(link->nic);
}

static void set(E1000Link *link, bool up)
{
    e1000_link_set(link->mac, link->phy, up);
}

static void negotiate(E1000Link *link)
{
    timer_arm(link->negotiation, clock_now_ns(link->vm, CLOCK_KIND_VIRTUAL) + E1000_AUTONEG_NS);
}

static void negotiated(void *opaque)
{
    E1000Link *link = opaque;

    if (cable_in(link)) {
        link->phy[PHY_PARTNER] |= PHY_PARTNER_ACK;
        link->phy[PHY_STATUS] |= PHY_STATUS_DONE;
        set(link, true);
        link->ops->raise(link->opaque, ICR_LSC);
        net_client_flush(link->nic);
    }
}

void e1000_link_begin(E1000Link *link, const char *name)
{
    link->negotiation = timer_new(link->vm, CLOCK_KIND_VIRTUAL, name, negotiated, link);
}

void e1000_link_end(E1000Link *link)
{
    g_clear_pointer(&link->negotiation, timer_free);
}

void e1000_link_reset(E1000Link *link)
{
    memcpy(link->phy, link->ops->phy_init, link->ops->phy_bytes);
    timer_cancel(link->negotiation);
    set(link, cable_in(link));
}

void e1000_link_changed(E1000Link *link)
{
    uint32_t before = link->mac[E1000_STATUS / 4];

    if (!cable_in(link)) {
        timer_cancel(link->negotiation);
        set(link, false);
    } else if (link->phy[PHY_CTRL] & PHY_CTRL_AUTONEG) {
        negotiate(link);
    } else {
        set(link, true);
    }
    if (link->mac[E1000_STATUS / 4] != before) {
        link->ops->raise(link->opaque, ICR_LSC);
    }
}

void e1000_link_resume(E1000Link *link)
{
    timer_cancel(link->negotiation);
    if (!cable_in(link)) {
        e1000_link_changed(link);
    } else if (!(link->mac[E1000_STATUS / 4] & STATUS_LU)) {
        negotiate(link);
    }
}

static void control_write(E1000Link *link, uint16_t value)
{
    if (value & PHY_CTRL_RESET) {
        e1000_link_reset(link);
        return;
    }
    link->phy[PHY_CTRL] = value & (uint16_t) ~(PHY_CTRL_RESTART | 0x3f);
    if (value & PHY_CTRL_RESTART && value & PHY_CTRL_AUTONEG) {
        set(link, false);
        negotiate(link);
    }
}

static void phy_write(E1000Link *link, unsigned reg, uint16_t value)
{
    uint16_t *at = reg == PHY_CTRL ? NULL : link->ops->phy_reg(link->opaque, reg, true);

    if (reg == PHY_CTRL) {
        control_write(link, value);
    } else if (at) {
        *at = value;
    }
}

void e1000_link_mdic(E1000Link *link, uint32_t value)
{
    unsigned reg = value >> 16 & 31, op = (value & MDIC_OP) >> 26;

    value &= ~(MDIC_ERROR | MDIC_READY);
    if ((value >> 21 & 31) != PHY_ADDRESS || (op != 1 && op != 2)) {
        value |= MDIC_ERROR;
    } else if (op == 1) {
        phy_write(link, reg, (uint16_t)value);
    } else {
        value = (value & 0xffff0000u) | *link->ops->phy_reg(link->opaque, reg, false);
    }
    link->mac[E1000_MDIC / 4] = value | MDIC_READY;
    if (value & MDIC_IRQ) {
        link->ops->raise(link->opaque, ICR_MDAC);
    }
}
