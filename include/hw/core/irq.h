/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt and GPIO lines: one-way wires that carry an int level from an output to one input.
 *
 * An Irq is an input pin; an output holds a pointer to the Irq it drives (NULL: unconnected).
 * VM lock held. Lines are stateless: a device that must drive a level again after a load does it
 * in SectionOps.installed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

typedef struct Irq Irq;
typedef void (*IrqHandler)(void *opaque, int n, int level);

/* qtest may intercept: then `handler` is replaced and the original kept by the interceptor. */
struct Irq {
    IrqHandler handler;
    void *opaque;
    int n;
};

static inline void irq_init(Irq *irq, IrqHandler handler, void *opaque, int n)
{
    *irq = (Irq){ handler, opaque, n };
}
static inline void irq_set(Irq *irq, int level)
{
    if (irq) {
        irq->handler(irq->opaque, irq->n, level);
    }
}
static inline void irq_raise(Irq *irq)
{
    irq_set(irq, 1);
}
static inline void irq_lower(Irq *irq)
{
    irq_set(irq, 0);
}
static inline void irq_pulse(Irq *irq)
{
    irq_set(irq, 1);
    irq_set(irq, 0);
}

/* A line driven by several outputs: its level is the OR of theirs. Allocated, never freed before
   its users. */
typedef struct IrqOr IrqOr;
IrqOr *irq_or_new(Irq *out, int n_inputs);
Irq *irq_or_input(IrqOr *or_, int i);
void irq_or_free(IrqOr *or_);
