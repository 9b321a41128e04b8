/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Root hub ports (xHCI 4.19, 5.4.8). A connector of the bus is up to two ports here: the first p3 numbers
 * are its SuperSpeed pins, the next p2 its USB 2 pins. A device is at the one for its speed.
 */
#include "xhci-priv.h"

enum { /* port link states */
    PLS_U0 = 0,
    PLS_U3 = 3,
    PLS_RXDETECT = 5,
    PLS_POLLING = 7,
    PLS_RESUME = 15,
};
/* Protocol speed ids (7.2.2.1.1). */
static const uint8_t speed_ids[USB_SPEED_COUNT] = { 2, 1, 3, 4 };
#define USB2_SPEEDS                                                   \
    (USB_SPEED_MASK(USB_SPEED_LOW) | USB_SPEED_MASK(USB_SPEED_FULL) | \
     USB_SPEED_MASK(USB_SPEED_HIGH))
#define USB3_SPEEDS USB_SPEED_MASK(USB_SPEED_SUPER)

static unsigned link_state(const XhciPort *port)
{
    return (port->portsc & PORT_PLS) >> PORT_PLS_SHIFT;
}

static void set_link_state(XhciPort *port, unsigned state)
{
    port->portsc = (port->portsc & ~PORT_PLS) | state << PORT_PLS_SHIFT;
}

static UsbDevice *device_of(Xhci *s, const XhciPort *port)
{
    UsbDevice *dev = s->bus->ports[port->usb_port];

    return dev && dev->attached && port->speeds & USB_SPEED_MASK(dev->speed) ? dev : NULL;
}

UsbDevice *xhci_port_device(Xhci *s, unsigned number)
{
    return number && number <= s->n_ports ? device_of(s, &s->ports[number - 1]) : NULL;
}

static XhciPort *port_of(Xhci *s, const UsbDevice *dev)
{
    for (unsigned i = 0; i < s->n_ports; i++) {
        XhciPort *port = &s->ports[i];

        if (port->usb_port == dev->port && port->speeds & USB_SPEED_MASK(dev->speed)) {
            return port;
        }
    }
    return NULL;
}

/* Sets change bits; an event tells of those that were not set. */
static void changed(Xhci *s, XhciPort *port, uint32_t bits)
{
    if ((port->portsc & bits) == bits) {
        return;
    }
    port->portsc |= bits;
    s->usbsts |= STS_PCD;
    if (xhci_running(s) && s->vm_running) {
        const XhciEvent e = { .type = TRB_PORT_EVENT,
                              .code = CC_SUCCESS,
                              .ptr = (uint64_t)(port - s->ports + 1) << 24 };
        xhci_event(s, 0, &e);
    }
}

/* What the pins say now; the rest of the register as after power on. */
static void sense(Xhci *s, XhciPort *port)
{
    UsbDevice *dev = device_of(s, port);

    port->portsc = PORT_PP;
    set_link_state(port, PLS_RXDETECT);
    if (!dev) {
        return;
    }
    port->portsc |= PORT_CCS | PORT_SPEED((uint32_t)speed_ids[dev->speed]);
    if (dev->speed == USB_SPEED_SUPER) { /* links train by themselves */
        port->portsc |= PORT_PED;
        set_link_state(port, PLS_U0);
    } else {
        set_link_state(port, PLS_POLLING);
    }
}

static void reset_port(Xhci *s, XhciPort *port, bool warm)
{
    UsbDevice *dev = device_of(s, port);

    if (!dev) {
        return;
    }
    usb_port_reset(dev);
    port->portsc |= PORT_PED;
    set_link_state(port, PLS_U0);
    changed(s, port, PORT_PRC | (warm ? PORT_WRC : 0));
}

static void write_link_state(Xhci *s, XhciPort *port, unsigned to)
{
    unsigned from = link_state(port);

    if (to == PLS_U0 && from != PLS_U0 && port->portsc & PORT_PED) {
        set_link_state(port, PLS_U0);
        changed(s, port, PORT_PLC);
    } else if (to == PLS_U3 && from == PLS_U0) {
        set_link_state(port, PLS_U3);
    } else if (to == PLS_RESUME && from == PLS_U3) {
        set_link_state(port, PLS_RESUME);
    } else if (to == PLS_RXDETECT && port->speeds & USB3_SPEEDS && !(port->portsc & PORT_PED)) {
        uint32_t changes = port->portsc & PORT_CHANGES; /* out of the disabled state */
        sense(s, port);
        port->portsc |= changes;
    }
}

void xhci_port_write(Xhci *s, unsigned index, uint32_t value)
{
    XhciPort *port = &s->ports[index];

    port->portsc &= ~(value & PORT_CHANGES);
    port->portsc = (port->portsc & ~PORT_KEPT) | (value & PORT_KEPT);
    if (value & PORT_WPR && port->speeds & USB3_SPEEDS) {
        reset_port(s, port, true);
    } else if (value & PORT_PR) {
        reset_port(s, port, false);
    } else if (value & PORT_PED) {
        port->portsc &= ~PORT_PED; /* writing 1 disables */
    } else if (value & PORT_LWS) {
        write_link_state(s, port, (value & PORT_PLS) >> PORT_PLS_SHIFT);
    }
}

/* ---- the bus ---- */

static void attached(void *host, UsbDevice *dev)
{
    Xhci *s = host;
    XhciPort *port = port_of(s, dev);
    bool entered = xhci_enter(s);

    if (port) {
        port->portsc &= PORT_CHANGES;
        uint32_t changes = port->portsc;
        sense(s, port);
        port->portsc |= changes;
        changed(s, port, PORT_CSC);
    }
    if (entered) {
        xhci_leave(s);
    }
}

static void detached(void *host, UsbDevice *dev)
{
    Xhci *s = host;
    XhciPort *port = port_of(s, dev);
    bool entered = xhci_enter(s);

    for (unsigned i = 0; i < XHCI_SLOTS_MAX; i++) {
        if (s->slots[i].dev == dev) {
            s->slots[i].dev = NULL;
        }
    }
    if (port) {
        uint32_t changes = port->portsc & PORT_CHANGES;
        sense(s, port);
        port->portsc |= changes;
        changed(s, port, PORT_CSC);
    }
    if (entered) {
        xhci_kick_all(s); /* what waits for it ends with an error */
        xhci_leave(s);
    }
}

static void resume(Xhci *s, XhciPort *port)
{
    if (link_state(port) == PLS_U3) {
        set_link_state(port, PLS_RESUME);
        changed(s, port, PORT_PLC);
    }
}

static void wakeup(void *host, UsbDevice *dev, unsigned ep, bool in)
{
    Xhci *s = host;
    XhciPort *port = port_of(s, dev);
    bool entered = xhci_enter(s);

    if (dev->remote_wakeup && port) {
        resume(s, port);
    }
    for (unsigned i = 0; i < XHCI_SLOTS_MAX; i++) {
        if (s->slots[i].dev == dev) {
            s->slots[i].ep[2 * ep + in].woken = true;
            s->wakes = true;
        }
    }
    if (entered) {
        xhci_leave(s);
    }
}

const UsbHostOps xhci_host_ops = { attached, detached, wakeup };

void xhci_ports_init(Xhci *s)
{
    for (unsigned i = 0; i < s->n_ports; i++) {
        bool usb3 = i < s->p3;
        XhciPort *port = &s->ports[i];

        port->usb_port = usb3 ? i : i - s->p3;
        port->speeds = usb3 ? USB3_SPEEDS : USB2_SPEEDS;
        s->bus->speeds[port->usb_port] |= port->speeds;
    }
}

void xhci_ports_reset(Xhci *s)
{
    for (unsigned i = 0; i < s->n_ports; i++) {
        sense(s, &s->ports[i]);
        changed(s, &s->ports[i], PORT_CSC);
    }
    s->usbsts &= ~STS_PCD;
}
