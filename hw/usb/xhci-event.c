/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event rings and interrupters (xHCI 4.9.4, 4.17, 5.5.2). An event ring has one segment
 * (HCSPARAMS2.ERST Max is 0). Moderation intervals are kept, not applied.
 */
#include "xhci-priv.h"

enum { /* registers of an interrupter */
    IMAN = 0x00,
    IMOD = 0x04,
    ERSTSZ = 0x08,
    ERSTBA_LOW = 0x10,
    ERSTBA_HIGH = 0x14,
    ERDP_LOW = 0x18,
    ERDP_HIGH = 0x1c,
};
#define SEGMENT_MIN 16u
#define SEGMENT_MAX 4096u
#define ROOM_ENOUGH 6u /* free entries before work is begun; the last tells of a full ring */
#define EVENT_BYTES 16u

/* ---- interrupts ---- */

void xhci_update_pin(Xhci *s)
{
    bool level = s->intrs[0].iman & IMAN_IP && s->intrs[0].iman & IMAN_IE && s->usbcmd & CMD_INTE;

    if (!msix_enabled(&s->pci) && !msi_enabled(&s->pci)) {
        pci_set_irq(&s->pci, level);
    }
}

static void assert_interrupt(Xhci *s, unsigned v)
{
    XhciIntr *intr = &s->intrs[v];
    bool was_busy = intr->erdp_low & ERDP_EHB;

    intr->erdp_low |= ERDP_EHB;
    intr->iman |= IMAN_IP;
    s->usbsts |= STS_EINT;
    if (was_busy || !(intr->iman & IMAN_IE) || !(s->usbcmd & CMD_INTE)) {
        return;
    }
    if (msix_enabled(&s->pci)) {
        intr->iman &= ~IMAN_IP; /* it clears itself with a message */
        msix_notify(&s->pci, v);
    } else if (msi_enabled(&s->pci)) {
        intr->iman &= ~IMAN_IP;
        msi_notify(&s->pci, v);
    } else {
        xhci_update_pin(s);
    }
}

/* ---- the ring ---- */

/* Index of what the guest will read next; false: outside of the ring. */
static bool guest_index(const XhciIntr *intr, uint32_t *index)
{
    uint64_t at = (uint64_t)intr->erdp_high << 32 | (intr->erdp_low & ~0xfu);

    if (at < intr->er_start || at >= intr->er_start + (uint64_t)EVENT_BYTES * intr->er_size) {
        return false;
    }
    *index = (uint32_t)((at - intr->er_start) / EVENT_BYTES);
    return true;
}

static uint32_t free_entries(const XhciIntr *intr, uint32_t guest)
{
    return (guest + intr->er_size - intr->er_ep_idx - 1) % intr->er_size;
}

bool xhci_event_room(Xhci *s, unsigned v)
{
    const XhciIntr *intr = &s->intrs[MIN(v, s->n_intrs - 1)];
    uint32_t guest;

    if (!intr->er_size || !guest_index(intr, &guest) || free_entries(intr, guest) >= ROOM_ENOUGH) {
        return true;
    }
    s->starved = true;
    return false;
}

static void put(Xhci *s, XhciIntr *intr, const XhciEvent *e)
{
    uint64_t at = intr->er_start + (uint64_t)EVENT_BYTES * intr->er_ep_idx;
    const uint32_t words[4] = {
        (uint32_t)e->ptr,
        (uint32_t)(e->ptr >> 32),
        (e->length & 0xffffff) | (uint32_t)e->code << 24,
        (uint32_t)e->slot << 24 | (uint32_t)e->ep << 16 | (uint32_t)e->type << 10 | e->flags |
            (intr->er_pcs ? TRB_C : 0),
    };

    /* The cycle bit last: the guest may look at any time. */
    if (!xhci_write_words(s, at, words, 3) || !xhci_write_words(s, at + 12, words + 3, 1)) {
        xhci_die(s, STS_HSE);
        return;
    }
    if (++intr->er_ep_idx >= intr->er_size) {
        intr->er_ep_idx = 0;
        intr->er_pcs = !intr->er_pcs;
    }
}

void xhci_event(Xhci *s, unsigned v, const XhciEvent *event)
{
    static const XhciEvent full = { .type = TRB_HOST_EVENT, .code = CC_EVENT_RING_FULL };
    uint32_t guest;

    if (v >= s->n_intrs || !xhci_running(s)) {
        return;
    }
    XhciIntr *intr = &s->intrs[v];
    if (!intr->er_size) {
        return; /* nobody wants to know */
    }
    if (!guest_index(intr, &guest)) {
        xhci_die(s, 0);
        return;
    }
    uint32_t left = free_entries(intr, guest);
    if (!left) {
        return; /* lost; the last event said so */
    }
    put(s, intr, left == 1 ? &full : event);
    if (!event->quiet) {
        assert_interrupt(s, v);
    }
}

bool xhci_event_ring_ok(uint32_t size, uint32_t index)
{
    return size ? size >= SEGMENT_MIN && size <= SEGMENT_MAX && index < size : !index;
}

/* The guest wrote where the segment table is: the ring begins anew. */
static void ring_begin(Xhci *s, XhciIntr *intr)
{
    uint64_t table = (uint64_t)intr->erstba_high << 32 | (intr->erstba_low & ~0x3fu);
    uint32_t words[4];

    intr->er_size = 0;
    if (!intr->erstsz || !table) {
        return;
    }
    if (intr->erstsz != 1 || !xhci_read_words(s, table, words, 4)) {
        xhci_die(s, intr->erstsz != 1 ? 0 : STS_HSE);
        return;
    }
    uint32_t size = words[2] & 0xffff;
    if (!size || !xhci_event_ring_ok(size, 0)) {
        xhci_die(s, 0);
        return;
    }
    intr->er_start = ((uint64_t)words[1] << 32 | words[0]) & ~(uint64_t)0x3f;
    intr->er_size = size;
    intr->er_ep_idx = 0;
    intr->er_pcs = true;
}

/* ---- registers ---- */

uint32_t xhci_intr_read(const Xhci *s, unsigned v, unsigned reg)
{
    const XhciIntr *intr = &s->intrs[v];

    switch (reg) {
    case IMAN: return intr->iman;
    case IMOD: return intr->imod;
    case ERSTSZ: return intr->erstsz;
    case ERSTBA_LOW: return intr->erstba_low;
    case ERSTBA_HIGH: return intr->erstba_high;
    case ERDP_LOW: return intr->erdp_low;
    case ERDP_HIGH: return intr->erdp_high;
    default: return 0;
    }
}

/* The guest has read events: tell of those that came meanwhile, and go on with what had to wait. */
static void guest_read_events(Xhci *s, unsigned v, uint32_t value)
{
    XhciIntr *intr = &s->intrs[v];
    bool was_busy = intr->erdp_low & ERDP_EHB;
    uint32_t guest;

    intr->erdp_low = (value & ~ERDP_EHB) | (value & ERDP_EHB ? 0 : intr->erdp_low & ERDP_EHB);
    if (!intr->er_size || !guest_index(intr, &guest)) {
        return;
    }
    if (was_busy && value & ERDP_EHB && guest != intr->er_ep_idx) {
        assert_interrupt(s, v);
    }
    if (s->starved && free_entries(intr, guest) >= ROOM_ENOUGH) {
        s->starved = false;
        xhci_run_commands(s);
        xhci_kick_all(s);
    }
}

void xhci_intr_write(Xhci *s, unsigned v, unsigned reg, uint32_t value)
{
    XhciIntr *intr = &s->intrs[v];

    switch (reg) {
    case IMAN:
        intr->iman = (intr->iman & IMAN_IP & ~value) | (value & IMAN_IE);
        xhci_update_pin(s);
        break;
    case IMOD: intr->imod = value; break;
    case ERSTSZ: intr->erstsz = value & 0xffff; break;
    case ERSTBA_LOW: intr->erstba_low = value & ~0x3fu; break;
    case ERSTBA_HIGH:
        intr->erstba_high = value;
        ring_begin(s, intr);
        break;
    case ERDP_LOW: guest_read_events(s, v, value); break;
    case ERDP_HIGH: intr->erdp_high = value; break;
    default: break;
    }
}

void xhci_intr_reset(XhciIntr *intr)
{
    *intr = (XhciIntr){ .er_pcs = true };
}
