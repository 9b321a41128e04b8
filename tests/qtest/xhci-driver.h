/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small xHCI driver for tests: brings the controller up, gives devices slots, runs transfers one at a
 * time. Everything lies at fixed places in guest memory, so that a driver can go on with the memory of a
 * machine that moved. Include once a test program.
 */
#pragma once
#include "base/util/endian.h"
#include "pci-dev.h"

#define XHCI_DEVFN (5u << 3)
#define XHCI_BAR   0xe0000000u
/* guest memory */
#define DCBAA    0x100000u
#define ERST     0x101000u
#define EVENTS   0x102000u
#define COMMAND  0x103000u
#define INPUT    0x104000u
#define OUTPUT   0x110000u /* a page for each slot */
#define RINGS    0x180000u /* a page for each endpoint of each slot */
#define BUFFER   0x400000u
#define EVENTS_N 64u

typedef struct {
    QTest *q;
    unsigned command_at, event_at, cycle, ring_at[8][32];
} Hc;
typedef struct {
    uint64_t ptr;
    uint32_t status, control;
} Event;

static inline unsigned event_code(Event e)
{
    return e.status >> 24;
}
static inline uint32_t rd(Hc *h, uint32_t reg)
{
    return qtest_readl(h->q, XHCI_BAR + reg);
}
static inline void wr(Hc *h, uint32_t reg, uint32_t value)
{
    qtest_writel(h->q, XHCI_BAR + reg, value);
}
static inline uint32_t portsc(Hc *h, unsigned port)
{
    return rd(h, 0x430 + 0x10 * port);
}

static inline void put_trb(Hc *h, uint32_t at, uint64_t ptr, uint32_t status, uint32_t control)
{
    qtest_writeq(h->q, at, ptr);
    qtest_writel(h->q, at + 8, status);
    qtest_writel(h->q, at + 12, control);
}

/* ---- events ---- */

static inline bool peek_event(Hc *h, Event *e)
{
    uint32_t at = EVENTS + 16 * h->event_at;

    e->control = qtest_readl(h->q, at + 12);
    if ((e->control & 1) != h->cycle) {
        return false;
    }
    e->ptr = qtest_readq(h->q, at);
    e->status = qtest_readl(h->q, at + 8);
    if (++h->event_at == EVENTS_N) {
        h->event_at = 0;
        h->cycle ^= 1;
    }
    wr(h, 0x1038, (EVENTS + 16 * h->event_at) | 8);
    wr(h, 0x103c, 0);
    return true;
}

/* The next one of that type; others are passed over. */
static inline Event wait_event(Hc *h, unsigned type)
{
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;
    Event e;

    do {
        while (!peek_event(h, &e)) {
            g_assert_cmpint(g_get_monotonic_time(), <, end);
        }
    } while ((e.control >> 10 & 0x3f) != type);
    return e;
}

/* ---- commands ---- */

static inline Event command(Hc *h, uint64_t ptr, uint32_t control)
{
    put_trb(h, COMMAND + 16 * h->command_at++, ptr, 0, control | 1);
    wr(h, 0x2000, 0);
    return wait_event(h, 33);
}
static inline void command_ok(Hc *h, uint64_t ptr, uint32_t control)
{
    g_assert_cmpuint(event_code(command(h, ptr, control)), ==, 1);
}

static inline void hc_start(Hc *h)
{
    const uint32_t erst[4] = { EVENTS, 0, EVENTS_N, 0 };

    pci_cfg_write(h->q, XHCI_DEVFN, 0x10, XHCI_BAR);
    pci_cfg_write(h->q, XHCI_DEVFN, 0x14, 0);
    pci_enable(h->q, XHCI_DEVFN);
    wr(h, 0x40, 2);
    memset(h->ring_at, 0, sizeof(h->ring_at));
    h->command_at = h->event_at = 0;
    h->cycle = 1;
    qtest_memset(h->q, DCBAA, 0, BUFFER - DCBAA);
    qtest_memwrite(h->q, ERST, erst, sizeof(erst));
    wr(h, 0x78, 64);
    wr(h, 0x70, DCBAA);
    wr(h, 0x74, 0);
    wr(h, 0x58, COMMAND | 1);
    wr(h, 0x5c, 0);
    wr(h, 0x1028, 1);
    wr(h, 0x1038, EVENTS);
    wr(h, 0x103c, 0);
    wr(h, 0x1030, ERST);
    wr(h, 0x1034, 0);
    wr(h, 0x1020, 2);
    wr(h, 0x40, 5);
    g_assert_cmphex(rd(h, 0x44) & 0x1001, ==, 0);
}

static inline QTest *hc_boot(Hc *h, const char *devices)
{
    *h = (Hc){ .q = qtest_start("x86_64",
                                "-M q35 -nodefaults -m 16 -device qemu-xhci,id=x,addr=5 %s",
                                devices) };
    hc_start(h);
    return h->q;
}

/* ---- devices ---- */

static inline uint32_t ring_of(unsigned slot, unsigned ep)
{
    return RINGS + (slot * 32 + ep) * 0x1000;
}

/* Fills the endpoint's part of the input context. */
static inline void put_endpoint(Hc *h, unsigned slot, unsigned ep, unsigned type, unsigned packet)
{
    uint32_t at = INPUT + 32 * (ep + 1);

    qtest_memset(h->q, at, 0, 32);
    qtest_writel(h->q, at + 4, packet << 16 | type << 3 | 3 << 1);
    qtest_writeq(h->q, at + 8, ring_of(slot, ep) | 1);
}

/* Resets the port, and addresses what is there; returns the slot. */
static inline unsigned address_device(Hc *h, unsigned port)
{
    wr(h, 0x430 + 0x10 * port, 0x210);
    g_assert_cmphex(portsc(h, port) & 0x3, ==, 3);
    unsigned speed = portsc(h, port) >> 10 & 15;
    Event e = command(h, 0, 9 << 10);
    g_assert_cmpuint(event_code(e), ==, 1);
    unsigned slot = e.control >> 24;
    g_assert_cmpuint(slot, <, 8);
    qtest_writeq(h->q, DCBAA + 8 * slot, OUTPUT + 0x1000 * slot);
    qtest_memset(h->q, INPUT, 0, 0x1000);
    qtest_writel(h->q, INPUT + 4, 3);
    qtest_writel(h->q, INPUT + 32, 1u << 27 | speed << 20);
    qtest_writel(h->q, INPUT + 36, port << 16);
    put_endpoint(h, slot, 1, 4, 64);
    command_ok(h, INPUT, 11 << 10 | slot << 24);
    return slot;
}

/* A TD of one TRB. */
static inline void queue(Hc *h, unsigned slot, unsigned ep, uint32_t buffer, uint32_t len)
{
    put_trb(h, ring_of(slot, ep) + 16 * h->ring_at[slot][ep]++, buffer, len, 1 << 10 | 0x25);
    wr(h, 0x2000 + 4 * slot, ep);
}
static inline Event transfer(Hc *h, unsigned slot, unsigned ep, uint32_t buffer, uint32_t len)
{
    queue(h, slot, ep, buffer, len);
    return wait_event(h, 32);
}

/* A request with @length bytes at BUFFER; the completion code of the status stage, or of what failed. */
static inline unsigned control(Hc *h, unsigned slot, unsigned type, unsigned request,
                               unsigned value, unsigned index, unsigned length)
{
    uint32_t ring = ring_of(slot, 1);
    unsigned *at = &h->ring_at[slot][1];
    bool in = type & 0x80;

    put_trb(h, ring + 16 * (*at)++,
            type | request << 8 | value << 16 | (uint64_t)index << 32 | (uint64_t)length << 48, 8,
            2 << 10 | 0x41 | (length ? in ? 3u << 16 : 2u << 16 : 0));
    if (length) {
        put_trb(h, ring + 16 * (*at)++, BUFFER, length, 3 << 10 | 1 | (in ? 1u << 16 : 0));
    }
    put_trb(h, ring + 16 * (*at)++, 0, 0, 4 << 10 | 0x21 | (in && length ? 0 : 1u << 16));
    wr(h, 0x2000 + 4 * slot, 1);
    return event_code(wait_event(h, 32));
}

/* Configures endpoints given as a bit mask of device context indices. */
static inline void configure(Hc *h, unsigned slot, uint32_t endpoints, unsigned kind,
                             unsigned packet)
{
    unsigned last = 1;

    qtest_writel(h->q, INPUT, 0);
    qtest_writel(h->q, INPUT + 4, endpoints | 1);
    for (unsigned ep = 2; ep < 32; ep++) {
        if (endpoints >> ep & 1) {
            put_endpoint(h, slot, ep, kind + (ep & 1 ? 4 : 0), packet);
            last = ep;
        }
    }
    qtest_writel(h->q, INPUT + 32, last << 27);
    command_ok(h, INPUT, 12 << 10 | slot << 24);
    g_assert_cmpuint(control(h, slot, 0, 9, 1, 0, 0), ==, 1);
}
#define BULK      2
#define INTERRUPT 3
