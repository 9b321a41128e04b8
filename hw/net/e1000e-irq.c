/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts of the 82574L (datasheet, chapter 7.4): causes, their MSI-X vectors, and the timers that
 * thin them out. A throttle (ITR, EITR) is a gap that must pass between two messages: what comes meanwhile
 * stays in ICR and is signalled at its end. A delay (RDTR, RADV, TIDV, TADV) holds causes out of ICR.
 */
#include "e1000e-priv.h"

#define ITR_UNIT_NS   256
#define DELAY_UNIT_NS 1024
#define IVAR_VALID    8u
#define OTHER_CAUSES  (ICR_LSC | ICR_RXO | ICR_MDAC | ICR_SRPD | ICR_ACK | ICR_MNG)
#define QUEUE_CAUSES  (ICR_RXQ(0) | ICR_RXQ(1) | ICR_TXQ(0) | ICR_TXQ(1) | ICR_OTHER)

int64_t e1000e_now_ns(E1000e *s)
{
    return clock_now_ns(device_vm(&s->pci.dev), CLOCK_KIND_VIRTUAL);
}

/* Arms a throttle; false while the last gap is not over. */
static bool throttle(E1000e *s, Timer *timer, uint32_t value)
{
    if (timer_pending(timer)) {
        return false;
    }
    if (value & 0xffff) {
        timer_arm(timer, e1000e_now_ns(s) + (int64_t)(value & 0xffff) * ITR_UNIT_NS);
    }
    return true;
}

/* The vector of one of QUEUE_CAUSES, -1: none. */
static int cause_vector(const E1000e *s, uint32_t cause)
{
    static const uint32_t order[] = { ICR_RXQ(0), ICR_RXQ(1), ICR_TXQ(0), ICR_TXQ(1), ICR_OTHER };
    uint32_t ivar = s->mac[E1000E_IVAR / 4];

    for (unsigned i = 0; i < G_N_ELEMENTS(order); i++) {
        uint32_t entry = ivar >> (4 * i) & 15;

        if (order[i] == cause && entry & IVAR_VALID && (entry & 7) < E1000E_VECTORS) {
            return entry & 7;
        }
    }
    return -1;
}

static void signal_vectors(E1000e *s, uint32_t causes)
{
    for (uint32_t left = causes & QUEUE_CAUSES; left; left &= left - 1) {
        uint32_t cause = left & -left;
        int vector = cause_vector(s, cause);

        if (vector < 0) {
            continue;
        }
        if (!throttle(s, s->eitr[vector], s->eitr_written[vector])) {
            s->held |= cause;
            continue;
        }
        s->mac[E1000_ICR / 4] &= ~(cause & s->mac[E1000E_EIAC / 4]);
        if (s->mac[E1000_CTRL_EXT / 4] & CTRL_EXT_EIAME) {
            s->mac[E1000_IMS / 4] &= ~(cause & s->mac[E1000E_IAM / 4]);
        }
        msix_notify(&s->pci, (unsigned)vector);
    }
}

/* Lets the guest know of @causes, where it wants to; levels follow in any case. */
void e1000e_signal(E1000e *s, uint32_t causes)
{
    uint32_t *icr = &s->mac[E1000_ICR / 4], pending = *icr & s->mac[E1000_IMS / 4] & ~ICR_ASSERTED;

    *icr = pending ? *icr | ICR_ASSERTED : *icr & ~ICR_ASSERTED;
    if (msix_enabled(&s->pci)) {
        signal_vectors(s, pending & causes);
    } else if (msi_enabled(&s->pci)) {
        if (pending & causes && !throttle(s, s->itr, s->itr_written)) {
            s->held |= pending & causes;
        } else if (pending & causes) {
            msi_notify(&s->pci, 0);
        }
    } else if (!pending || s->pci.irq_state || throttle(s, s->itr, s->itr_written)) {
        pci_set_irq(&s->pci, pending != 0);
    }
}

void e1000e_raise(E1000e *s, uint32_t causes)
{
    if (causes & OTHER_CAUSES) {
        causes |= ICR_OTHER;
    }
    s->mac[E1000_ICR / 4] |= causes & ~ICR_ASSERTED;
    e1000e_signal(s, causes);
}

void e1000e_throttle_over(void *opaque)
{
    E1000e *s = opaque;
    uint32_t causes = s->held;

    s->held = 0;
    e1000e_signal(s, causes);
}

void e1000e_delay_over(void *opaque)
{
    E1000e *s = opaque;
    uint32_t causes = s->delayed_causes;

    for (unsigned i = 0; i < DELAY_COUNT; i++) {
        timer_cancel(s->delay[i]);
    }
    s->delayed_causes = 0;
    e1000e_raise(s, causes);
}

/* Holds causes back until @pause after the last or @most after the first of them; 0: not at all. */
static void raise_delayed(E1000e *s, uint32_t causes, unsigned pause, uint32_t pause_units,
                          unsigned most, uint32_t most_units)
{
    int64_t now = e1000e_now_ns(s);

    if (!(pause_units & 0xffff)) {
        e1000e_raise(s, causes);
        return;
    }
    s->delayed_causes |= causes;
    timer_arm(s->delay[pause], now + (int64_t)(pause_units & 0xffff) * DELAY_UNIT_NS);
    if (most_units & 0xffff && !timer_pending(s->delay[most])) {
        timer_arm(s->delay[most], now + (int64_t)(most_units & 0xffff) * DELAY_UNIT_NS);
    }
}

void e1000e_raise_sent(E1000e *s, uint32_t causes)
{
    raise_delayed(s, causes, DELAY_TIDV, s->mac[E1000_TIDV / 4], DELAY_TADV,
                  s->mac[E1000_TADV / 4]);
}

void e1000e_raise_received(E1000e *s, uint32_t causes)
{
    raise_delayed(s, causes, DELAY_RDTR, s->mac[E1000_RDTR / 4], DELAY_RADV,
                  s->mac[E1000_RADV / 4]);
}

uint32_t e1000e_cause_read(E1000e *s)
{
    uint32_t icr = s->mac[E1000_ICR / 4];

    if (!s->mac[E1000_IMS / 4] || icr & ICR_ASSERTED) {
        if (icr & ICR_ASSERTED && s->mac[E1000_CTRL_EXT / 4] & CTRL_EXT_IAME) {
            s->mac[E1000_IMS / 4] &= ~s->mac[E1000E_IAM / 4];
        }
        s->mac[E1000_ICR / 4] = 0;
        e1000e_signal(s, 0);
    }
    return icr;
}
