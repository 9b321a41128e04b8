/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command ring (xHCI 4.6): slots, device contexts, endpoints. Contexts have 32 bytes (HCCPARAMS1.CSZ is
 * 0). Refused: isochronous endpoints (Bandwidth Error), streams and endpoints of no type (Parameter Error).
 */
#include "xhci-priv.h"

#define CONTEXT_BYTES 32
#define EP0           1u /* its device context index */

/* Input context: control, slot, endpoints. Output context: slot, endpoints. */
static uint64_t input_context(const XhciTrb *t, unsigned index)
{
    return (t->param & ~(uint64_t)0xf) + CONTEXT_BYTES * (uint64_t)(index + 1);
}
static uint64_t output_context(const XhciSlot *slot, unsigned index)
{
    return slot->context + CONTEXT_BYTES * (uint64_t)index;
}

static bool read_drop_add(Xhci *s, const XhciTrb *t, uint32_t *drop, uint32_t *add)
{
    uint32_t words[2];

    if (!xhci_read_words(s, t->param & ~(uint64_t)0xf, words, 2)) {
        return false;
    }
    *drop = words[0];
    *add = words[1];
    return true;
}

/* ---- slots ---- */

void xhci_slot_disable(Xhci *s, unsigned slot)
{
    s->slots[slot - 1] = (XhciSlot){ 0 };
}

static unsigned enable_slot(Xhci *s, unsigned *slot)
{
    for (unsigned i = 0; i < MIN(s->n_slots, s->config & 0xff); i++) {
        if (!s->slots[i].enabled) {
            xhci_slot_disable(s, i + 1);
            s->slots[i].enabled = true;
            *slot = i + 1;
            return CC_SUCCESS;
        }
    }
    return CC_NO_SLOTS;
}

static unsigned set_slot_state(Xhci *s, XhciSlot *slot, unsigned state, unsigned entries)
{
    uint32_t words[4];

    if (!xhci_read_words(s, slot->context, words, 4)) {
        return CC_TRB;
    }
    if (entries) {
        words[0] = (words[0] & 0x07ffffff) | entries << 27;
    }
    words[3] = state << 27 | (state >= SLOT_ADDRESSED ? words[3] & 0xff : 0);
    return xhci_write_words(s, slot->context, words, 4) ? CC_SUCCESS : CC_TRB;
}

static void disable_endpoints(Xhci *s, XhciSlot *slot, unsigned from)
{
    for (unsigned i = from; i < XHCI_ENDPOINTS; i++) {
        if (slot->ep[i].state != EP_DISABLED) {
            xhci_endpoint_set_state(s, &slot->ep[i], EP_DISABLED);
        }
    }
}

static unsigned disable_slot(Xhci *s, unsigned number)
{
    XhciSlot *slot = &s->slots[number - 1];

    if (slot->addressed) {
        disable_endpoints(s, slot, EP0);
        set_slot_state(s, slot, SLOT_DISABLED, 0);
    }
    xhci_slot_disable(s, number);
    return CC_SUCCESS;
}

/* ---- endpoints ---- */

static unsigned type_of(const uint32_t *words)
{
    return words[1] >> 3 & 7;
}

/* What an endpoint context asks for: can it be had? */
static unsigned endpoint_check(unsigned index, const uint32_t *words)
{
    unsigned type = type_of(words);
    bool in = type >= EP_ISOCH_IN;

    if (type == EP_ISOCH_OUT || type == EP_ISOCH_IN) {
        return CC_BANDWIDTH;
    }
    if (!type || (words[0] >> 10 & 0x1f) ||
        (type == EP_CONTROL ? index != EP0 : in != (index & 1))) {
        return CC_PARAMETER;
    }
    return CC_SUCCESS;
}

/* Takes over a checked context as the running endpoint @index. */
static void endpoint_enable(Xhci *s, XhciSlot *slot, unsigned index, uint32_t *words)
{
    XhciEndpoint *ep = &slot->ep[index];

    *ep = (XhciEndpoint){
        .state = EP_RUNNING,
        .type = (uint8_t)type_of(words),
        .context = output_context(slot, index),
        .ring = { ((uint64_t)words[3] << 32 | words[2]) & ~(uint64_t)0xf, words[2] & 1 },
    };
    words[0] = (words[0] & ~7u) | EP_RUNNING;
    if (!xhci_write_words(s, ep->context, words, 5)) {
        xhci_die(s, STS_HSE);
    }
}

/* ---- address, configure, evaluate ---- */

/* Does another slot hold that device? */
static bool taken(const Xhci *s, const XhciSlot *but, const UsbDevice *dev)
{
    for (unsigned i = 0; i < s->n_slots; i++) {
        if (&s->slots[i] != but && s->slots[i].enabled && s->slots[i].dev == dev) {
            return true;
        }
    }
    return false;
}

static unsigned attach_slot(Xhci *s, unsigned number, const uint32_t *words, bool block_request)
{
    XhciSlot *slot = &s->slots[number - 1];
    UsbDevice *dev = words[0] & 0xfffff ? NULL : xhci_port_device(s, words[1] >> 16 & 0xff);
    const UsbSetup set_address = { .request = 5, .value = (uint16_t)number };
    uint32_t none = 0;

    if (!dev) { /* nobody at that port, or below a hub, which there is none of */
        return CC_TRANSACTION;
    }
    if (taken(s, slot, dev)) {
        return CC_PARAMETER;
    }
    slot->dev = dev;
    if (!block_request && usb_control(dev, &set_address, NULL, &none) != USB_OK) {
        return CC_TRANSACTION;
    }
    return CC_SUCCESS;
}

static unsigned address_device(Xhci *s, unsigned number, const XhciTrb *t)
{
    XhciSlot *slot = &s->slots[number - 1];
    bool block_request = t->control & TRB_BSR;
    uint64_t table = (uint64_t)s->dcbaap_high << 32 | s->dcbaap_low;
    uint32_t drop, add, slot_words[8], ep_words[8], entry[2];

    if (!read_drop_add(s, t, &drop, &add) || drop || add != 3 ||
        !xhci_read_words(s, table + 8 * (uint64_t)number, entry, 2) ||
        !xhci_read_words(s, input_context(t, 0), slot_words, 8) ||
        !xhci_read_words(s, input_context(t, EP0), ep_words, 8)) {
        return CC_TRB;
    }
    if (type_of(ep_words) != EP_CONTROL || endpoint_check(EP0, ep_words) != CC_SUCCESS) {
        return CC_PARAMETER;
    }
    slot->context = ((uint64_t)entry[1] << 32 | entry[0]) & ~(uint64_t)0x3f;
    unsigned code = attach_slot(s, number, slot_words, block_request);
    if (code != CC_SUCCESS) {
        return code;
    }
    slot_words[3] = block_request ? SLOT_DEFAULT << 27 : SLOT_ADDRESSED << 27 | number;
    if (!xhci_write_words(s, slot->context, slot_words, 8)) {
        return CC_TRB;
    }
    endpoint_enable(s, slot, EP0, ep_words);
    slot->addressed = true;
    return CC_SUCCESS;
}

static unsigned configure_endpoints(Xhci *s, XhciSlot *slot, const XhciTrb *t)
{
    uint32_t drop, add, in_slot[4];
    uint32_t wanted[XHCI_ENDPOINTS][8] = { 0 };

    if (!read_drop_add(s, t, &drop, &add) || drop & 3 || (add & 3) != 1 ||
        !xhci_read_words(s, input_context(t, 0), in_slot, 4)) {
        return CC_TRB;
    }
    for (unsigned i = 2; i < XHCI_ENDPOINTS; i++) { /* check all, then change */
        if (add >> i & 1) {
            unsigned code = xhci_read_words(s, input_context(t, i), wanted[i], 8)
                                ? endpoint_check(i, wanted[i])
                                : CC_TRB;
            if (code != CC_SUCCESS) {
                return code;
            }
        }
    }
    for (unsigned i = 2; i < XHCI_ENDPOINTS; i++) {
        if ((drop | add) >> i & 1 && slot->ep[i].state != EP_DISABLED) {
            xhci_endpoint_set_state(s, &slot->ep[i], EP_DISABLED);
        }
        if (add >> i & 1) {
            endpoint_enable(s, slot, i, wanted[i]);
        }
    }
    return set_slot_state(s, slot, SLOT_CONFIGURED, in_slot[0] >> 27);
}

static unsigned configure(Xhci *s, XhciSlot *slot, const XhciTrb *t)
{
    if (t->control & TRB_DC) {
        disable_endpoints(s, slot, EP0 + 1);
        return set_slot_state(s, slot, SLOT_ADDRESSED, 1);
    }
    return configure_endpoints(s, slot, t);
}

static unsigned evaluate(Xhci *s, XhciSlot *slot, const XhciTrb *t)
{
    uint32_t drop, add, from[4], to[4];

    if (!read_drop_add(s, t, &drop, &add) || drop || add & ~3u) {
        return CC_TRB;
    }
    if (add & 1) { /* exit latency, interrupter */
        if (!xhci_read_words(s, input_context(t, 0), from, 4) ||
            !xhci_read_words(s, slot->context, to, 4)) {
            return CC_TRB;
        }
        to[1] = (to[1] & ~0xffffu) | (from[1] & 0xffff);
        to[2] = (to[2] & 0x3fffff) | (from[2] & ~0x3fffffu);
        if (!xhci_write_words(s, slot->context, to, 4)) {
            return CC_TRB;
        }
    }
    if (add & 2) { /* largest packet of endpoint 0 */
        if (!xhci_read_words(s, input_context(t, EP0), from, 4) ||
            !xhci_read_words(s, output_context(slot, EP0), to, 4)) {
            return CC_TRB;
        }
        to[1] = (to[1] & 0xffff) | (from[1] & 0xffff0000u);
        if (!xhci_write_words(s, output_context(slot, EP0), to, 4)) {
            return CC_TRB;
        }
    }
    return CC_SUCCESS;
}

static unsigned reset_device(Xhci *s, XhciSlot *slot)
{
    disable_endpoints(s, slot, EP0 + 1);
    if (slot->dev) {
        usb_port_reset(slot->dev);
    }
    return set_slot_state(s, slot, SLOT_DEFAULT, 1);
}

/* ---- endpoint commands ---- */

static unsigned endpoint_command(Xhci *s, unsigned number, const XhciTrb *t)
{
    XhciSlot *slot = &s->slots[number - 1];
    unsigned index = t->control >> 16 & 0x1f;
    XhciEndpoint *ep = &slot->ep[index];

    if (!index) {
        return CC_TRB;
    }
    if (ep->state == EP_DISABLED) {
        return CC_ENDPOINT_NOT_ENABLED;
    }
    switch (TRB_TYPE(*t)) {
    case TRB_STOP_ENDPOINT:
        if (ep->state != EP_RUNNING) {
            return CC_CONTEXT_STATE;
        }
        xhci_stopped_event(s, number, index);
        xhci_endpoint_set_state(s, ep, EP_STOPPED);
        return CC_SUCCESS;
    case TRB_RESET_ENDPOINT:
        if (ep->state != EP_HALTED) {
            return CC_CONTEXT_STATE;
        }
        xhci_endpoint_set_state(s, ep, EP_STOPPED);
        return CC_SUCCESS;
    default: /* TRB_SET_DEQUEUE */
        if (ep->state != EP_STOPPED && ep->state != EP_ERROR) {
            return CC_CONTEXT_STATE;
        }
        if (t->status >> 16) { /* of a stream */
            return CC_TRB;
        }
        ep->ring = (XhciRing){ t->param & ~(uint64_t)0xf, t->param & 1 };
        xhci_endpoint_set_state(s, ep, EP_STOPPED);
        return CC_SUCCESS;
    }
}

/* ---- the ring ---- */

static unsigned slot_command(Xhci *s, unsigned number, const XhciTrb *t)
{
    XhciSlot *slot;

    if (!number || number > s->n_slots) {
        return CC_TRB;
    }
    slot = &s->slots[number - 1];
    if (!slot->enabled) {
        return CC_SLOT_NOT_ENABLED;
    }
    switch (TRB_TYPE(*t)) {
    case TRB_DISABLE_SLOT: return disable_slot(s, number);
    case TRB_ADDRESS_DEVICE: return address_device(s, number, t);
    default: break;
    }
    if (!slot->addressed) {
        return CC_CONTEXT_STATE;
    }
    switch (TRB_TYPE(*t)) {
    case TRB_CONFIGURE_ENDPOINT: return configure(s, slot, t);
    case TRB_EVALUATE_CONTEXT: return evaluate(s, slot, t);
    case TRB_RESET_DEVICE: return reset_device(s, slot);
    default: return endpoint_command(s, number, t);
    }
}

static void run_command(Xhci *s, const XhciTrb *t)
{
    unsigned slot = t->control >> 24, type = TRB_TYPE(*t), code = CC_TRB;

    if (type == TRB_ENABLE_SLOT) {
        slot = 0;
        code = enable_slot(s, &slot);
    } else if (type == TRB_NOOP_COMMAND) {
        code = CC_SUCCESS;
    } else if (type >= TRB_DISABLE_SLOT && type <= TRB_RESET_DEVICE) {
        code = slot_command(s, slot, t);
    }
    const XhciEvent e = { .type = TRB_COMMAND_EVENT, .code = code, .slot = slot, .ptr = t->addr };
    xhci_event(s, 0, &e);
}

void xhci_run_commands(Xhci *s)
{
    for (unsigned n = 0; s->vm_running && xhci_running(s) && xhci_event_room(s, 0); n++) {
        XhciTrb t;
        RingResult r;

        s->crcr_low |= CRCR_CRR;
        if (n == LIMIT_COMMANDS) {
            xhci_die(s, 0);
            return;
        }
        r = xhci_ring_next(s, &s->commands, &t);
        if (r == RING_EMPTY) {
            return;
        }
        if (r == RING_BAD) {
            xhci_die(s, STS_HSE);
            return;
        }
        run_command(s, &t);
    }
}

/* ---- after a migration ---- */

static void revive(Xhci *s, unsigned number)
{
    XhciSlot *slot = &s->slots[number - 1];
    uint64_t table = (uint64_t)s->dcbaap_high << 32 | s->dcbaap_low;
    uint32_t entry[2], words[8];

    if (!xhci_read_words(s, table + 8 * (uint64_t)number, entry, 2)) {
        return;
    }
    slot->context = ((uint64_t)entry[1] << 32 | entry[0]) & ~(uint64_t)0x3f;
    if (!xhci_read_words(s, slot->context, words, 4)) {
        return;
    }
    slot->dev = words[0] & 0xfffff ? NULL : xhci_port_device(s, words[1] >> 16 & 0xff);
    if (slot->dev && taken(s, slot, slot->dev)) {
        slot->dev = NULL;
    }
    for (unsigned i = EP0; i < XHCI_ENDPOINTS; i++) {
        if (!xhci_read_words(s, output_context(slot, i), words, 5)) {
            return;
        }
        unsigned state = words[0] & 7;
        if (state == EP_DISABLED || state > EP_ERROR || endpoint_check(i, words) != CC_SUCCESS) {
            continue;
        }
        endpoint_enable(s, slot, i, words);
        if (state != EP_RUNNING) {
            xhci_endpoint_set_state(s, &slot->ep[i], state);
        }
    }
}

void xhci_slots_revive(Xhci *s)
{
    for (unsigned i = 1; i <= s->n_slots; i++) {
        if (s->slots[i - 1].enabled && s->slots[i - 1].addressed) {
            revive(s, i);
        }
    }
}
