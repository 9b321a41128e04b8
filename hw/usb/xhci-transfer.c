/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transfer rings (xHCI 4.10, 4.11): a TD is collected whole, given to the device, and its end told. What the
 * device does not take now stays in the ring.
 *
 *   collect -> RING_EMPTY: not all of it is there   -> wait for the doorbell
 *           -> RING_BAD:   no ring                  -> endpoint in error
 *           -> run -> NAK                           -> wait for the device
 *                  -> STALL, ERROR                  -> halted, position at the TD
 *                  -> OK                            -> position behind it, events
 */
#include "base/util/endian.h"
#include "xhci-priv.h"

#define SETUP_BYTES 8u

/* ---- endpoints ---- */

static bool is_in(const XhciEndpoint *ep)
{
    return ep->type == EP_BULK_IN || ep->type == EP_INTERRUPT_IN;
}

void xhci_endpoint_set_state(Xhci *s, XhciEndpoint *ep, unsigned state)
{
    uint32_t words[5];

    ep->state = (uint8_t)state;
    if (!xhci_read_words(s, ep->context, words, 5)) {
        xhci_die(s, STS_HSE);
        return;
    }
    words[0] = (words[0] & ~7u) | state;
    if (state != EP_DISABLED) {
        words[2] = (uint32_t)ep->ring.dequeue | ep->ring.ccs;
        words[3] = (uint32_t)(ep->ring.dequeue >> 32);
    }
    if (!xhci_write_words(s, ep->context, words, 4)) {
        xhci_die(s, STS_HSE);
    }
}

/* ---- TDs ---- */

static const XhciTrb *trbs(const Xhci *s)
{
    return (const XhciTrb *)s->td->data;
}

static uint32_t trb_bytes(const XhciTrb *t)
{
    switch (TRB_TYPE(*t)) {
    case TRB_NORMAL:
    case TRB_DATA: return t->status & 0x1ffff;
    default: return 0;
    }
}

static unsigned trb_intr(const XhciTrb *t)
{
    return t->status >> 22;
}

/* Is that TRB the last of its TD? That of a control endpoint goes from setup to status stage. */
static bool ends_td(const XhciEndpoint *ep, const XhciTrb *t, bool *status_seen)
{
    if (ep->type == EP_CONTROL && TRB_TYPE(*t) != TRB_NOOP) {
        *status_seen |= TRB_TYPE(*t) == TRB_STATUS;
        return *status_seen && !(t->control & TRB_CH);
    }
    return !(t->control & TRB_CH);
}

/* Fills s->td; @pos moves behind it. */
static RingResult collect(Xhci *s, const XhciEndpoint *ep, XhciRing *pos, uint32_t *bytes)
{
    bool status_seen = false;
    XhciTrb t;

    g_array_set_size(s->td, 0);
    *bytes = 0;
    do {
        RingResult r = xhci_ring_next(s, pos, &t);
        if (r != RING_TRB) {
            return r;
        }
        g_array_append_val(s->td, t);
        *bytes += trb_bytes(&t);
        if (s->td->len > LIMIT_TRBS || *bytes > LIMIT_TD_BYTES) {
            return RING_BAD;
        }
    } while (!ends_td(ep, &t, &status_seen));
    return RING_TRB;
}

/* Copies between @buf and the memory that the TD names. */
static bool copy(Xhci *s, uint8_t *buf, uint32_t len, bool to_guest)
{
    uint32_t at = 0;

    for (guint i = 0; i < s->td->len && at < len; i++) {
        const XhciTrb *t = &trbs(s)[i];
        uint32_t n = MIN(trb_bytes(t), len - at);

        if (n && t->control & TRB_IDT) { /* the data are in the TRB */
            uint8_t raw[8];
            st_le64(raw, t->param);
            if (to_guest || n > sizeof(raw)) {
                return false;
            }
            memcpy(buf + at, raw, n);
        } else if (n && (to_guest ? pci_dma_write(&s->pci, t->param, buf + at, n)
                                  : pci_dma_read(&s->pci, t->param, buf + at, n)) != MEM_OK) {
            return false;
        }
        at += n;
    }
    return true;
}

/* ---- events ---- */

typedef struct {
    Xhci *s;
    unsigned slot, ep;
} Place;

static void transfer_event(const Place *p, const XhciTrb *t, unsigned code, uint32_t length)
{
    bool data = TRB_TYPE(*t) == TRB_EVENT_DATA;
    const XhciEvent e = { .type = TRB_TRANSFER_EVENT,
                          .code = code,
                          .slot = p->slot,
                          .ep = p->ep,
                          .ptr = data ? t->param : t->addr,
                          .length = length,
                          .flags = data ? TRB_ED : 0,
                          .quiet = t->control & TRB_BEI };

    xhci_event(p->s, trb_intr(t), &e);
}

/* A TD of which @done bytes were moved. After a short packet only event data TRBs and the last word count. */
static void tell_end(const Place *p, uint32_t done)
{
    Xhci *s = p->s;
    bool short_packet = false, told = false;
    uint32_t sum = 0;

    for (guint i = 0; i < s->td->len; i++) {
        const XhciTrb *t = &trbs(s)[i];
        uint32_t want = trb_bytes(t), n = MIN(want, done);
        bool here = !short_packet && n < want;

        done -= n;
        sum += n;
        short_packet |= here;
        unsigned code = short_packet && TRB_TYPE(*t) != TRB_STATUS ? CC_SHORT_PACKET : CC_SUCCESS;
        if (TRB_TYPE(*t) == TRB_EVENT_DATA) {
            if (t->control & TRB_IOC) {
                transfer_event(p, t, code, sum);
            }
            sum = 0;
        } else if ((t->control & TRB_IOC && (!told || TRB_TYPE(*t) == TRB_STATUS)) ||
                   (here && t->control & TRB_ISP)) {
            transfer_event(p, t, code, want - n);
            told |= code == CC_SHORT_PACKET;
        }
    }
}

/* The TRB that a failed TD failed at: the first that moves data, or the last. */
static const XhciTrb *blamed(const Xhci *s)
{
    for (guint i = 0; i < s->td->len; i++) {
        if (trb_bytes(&trbs(s)[i])) {
            return &trbs(s)[i];
        }
    }
    return &trbs(s)[s->td->len - 1];
}

static void fail(const Place *p, XhciEndpoint *ep, unsigned code)
{
    xhci_endpoint_set_state(p->s, ep, code == CC_TRB ? EP_ERROR : EP_HALTED);
    if (p->s->td->len) {
        XhciTrb t = *blamed(p->s);

        t.control &= ~TRB_BEI; /* errors interrupt */
        transfer_event(p, &t, code, trb_bytes(&t));
    } else {
        const XhciEvent e = { .type = TRB_TRANSFER_EVENT,
                              .code = code,
                              .slot = p->slot,
                              .ep = p->ep,
                              .ptr = ep->ring.dequeue };
        xhci_event(p->s, 0, &e);
    }
}

/* ---- running a TD ---- */

typedef struct {
    unsigned code; /* 0: not now */
    uint32_t done;
} Outcome;

static Outcome outcome(UsbResult result, uint32_t done)
{
    static const uint8_t codes[] = {
        [USB_OK] = CC_SUCCESS, [USB_NAK] = 0, [USB_STALL] = CC_STALL, [USB_ERROR] = CC_TRANSACTION
    };

    return (Outcome){ codes[result], done };
}

static Outcome run_control(Xhci *s, UsbDevice *dev, uint8_t *buf, uint32_t bytes)
{
    const XhciTrb *t = trbs(s);
    uint8_t raw[SETUP_BYTES];

    if (TRB_TYPE(*t) != TRB_SETUP || !(t->control & TRB_IDT) ||
        (t->status & 0x1ffff) != SETUP_BYTES) {
        return (Outcome){ CC_TRB, 0 };
    }
    st_le64(raw, t->param);
    UsbSetup setup = { raw[0], raw[1], ld_le16(raw + 2), ld_le16(raw + 4), ld_le16(raw + 6) };
    uint32_t len = MIN(bytes, setup.length);
    bool in = setup.type & USB_DIR_IN;

    if (setup.type == 0 && setup.request == 5) { /* addresses are the controller's to give */
        return (Outcome){ CC_STALL, 0 };
    }
    if (!in && !copy(s, buf, len, false)) {
        return (Outcome){ CC_DATA_BUFFER, 0 };
    }
    UsbResult result = usb_control(dev, &setup, buf, &len);
    if (result == USB_OK && in && !copy(s, buf, len, true)) {
        return (Outcome){ CC_DATA_BUFFER, 0 };
    }
    return outcome(result, len);
}

static Outcome run_data(Xhci *s, UsbDevice *dev, const XhciEndpoint *ep, unsigned number,
                        uint8_t *buf, uint32_t bytes)
{
    uint32_t len = bytes;
    UsbResult result;

    if (!is_in(ep)) {
        if (!copy(s, buf, bytes, false)) {
            return (Outcome){ CC_DATA_BUFFER, 0 };
        }
        return outcome(usb_out(dev, number, buf, bytes), bytes);
    }
    result = usb_in(dev, number, buf, &len);
    if (result == USB_OK && !copy(s, buf, len, true)) {
        return (Outcome){ CC_DATA_BUFFER, 0 };
    }
    return outcome(result, len);
}

static Outcome run(const Place *p, XhciEndpoint *ep, uint32_t bytes)
{
    Xhci *s = p->s;
    UsbDevice *dev = s->slots[p->slot - 1].dev;
    g_autofree uint8_t *buf = NULL;

    if (s->td->len == 1 && TRB_TYPE(*trbs(s)) == TRB_NOOP) {
        return (Outcome){ CC_SUCCESS, 0 };
    }
    if (!dev) {
        return (Outcome){ CC_TRANSACTION, 0 };
    }
    buf = g_try_malloc0(MAX(bytes, 1));
    if (!buf) {
        return (Outcome){ CC_DATA_BUFFER, 0 };
    }
    return ep->type == EP_CONTROL ? run_control(s, dev, buf, bytes)
                                  : run_data(s, dev, ep, p->ep / 2, buf, bytes);
}

/* One TD; false: there is nothing more to do for now. */
static bool step(const Place *p, XhciEndpoint *ep)
{
    Xhci *s = p->s;
    XhciRing pos = ep->ring;
    uint32_t bytes;
    RingResult r = collect(s, ep, &pos, &bytes);

    if (r == RING_EMPTY) {
        return false;
    }
    if (r == RING_BAD) {
        fail(p, ep, CC_TRB);
        return false;
    }
    if (!xhci_event_room(s, trb_intr(&trbs(s)[s->td->len - 1]))) {
        return false;
    }
    Outcome o = run(p, ep, bytes);
    if (!o.code) {
        return false;
    }
    if (o.code != CC_SUCCESS) {
        fail(p, ep, o.code);
        return false;
    }
    ep->ring = pos;
    tell_end(p, o.done);
    return true;
}

void xhci_kick(Xhci *s, unsigned slot, unsigned number)
{
    XhciEndpoint *ep = &s->slots[slot - 1].ep[number];
    const Place p = { s, slot, number };

    ep->woken = false;
    for (unsigned n = 0; s->vm_running && xhci_running(s) && ep->state == EP_RUNNING; n++) {
        if (n == LIMIT_TDS) {
            g_array_set_size(s->td, 0);
            fail(&p, ep, CC_TRB);
            return;
        }
        if (!step(&p, ep)) {
            return;
        }
    }
}

void xhci_kick_all(Xhci *s)
{
    for (unsigned slot = 1; slot <= s->n_slots; slot++) {
        for (unsigned ep = 1; s->slots[slot - 1].enabled && ep < XHCI_ENDPOINTS; ep++) {
            xhci_kick(s, slot, ep);
        }
    }
}

void xhci_ring_doorbell(Xhci *s, unsigned slot, uint32_t value)
{
    unsigned number = value & 0xff;
    XhciEndpoint *ep;

    if (!slot) {
        if (!number) {
            xhci_run_commands(s);
        }
        return;
    }
    if (slot > s->n_slots || !number || number >= XHCI_ENDPOINTS || !s->slots[slot - 1].enabled ||
        value >> 16) { /* streams: no endpoint has any */
        return;
    }
    ep = &s->slots[slot - 1].ep[number];
    if (ep->state == EP_STOPPED && s->vm_running && xhci_running(s)) {
        xhci_endpoint_set_state(s, ep, EP_RUNNING);
    }
    xhci_kick(s, slot, number);
}

void xhci_stopped_event(Xhci *s, unsigned slot, unsigned number)
{
    XhciEndpoint *ep = &s->slots[slot - 1].ep[number];
    const Place p = { s, slot, number };
    XhciRing pos = ep->ring;
    uint32_t bytes;

    if (collect(s, ep, &pos, &bytes) == RING_TRB) {
        transfer_event(&p, trbs(s), CC_STOPPED, trb_bytes(trbs(s)));
    }
}
