/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pair of 8259A interrupt controllers of a PC ("isa-i8259"). VM lock held. */
#pragma once
#include "hw/isa/isa.h"

typedef struct {
    Device *master, *slave; /* borrowed from the tree */
    Irq *inputs[ISA_NUM_IRQS];
} I8259Pair;

/* Master at 0x20/0x4d0, slave at 0xa0/0x4d1 (INT to the master's input 2). @parent is what the
   master's INT drives. */
bool i8259_pair_new(IsaBus *bus, Irq *parent, I8259Pair *pair, GError **error);
/* INTA: the vector of the strongest request, acknowledged; @master is pair->master. A request
   that is gone gives the spurious vector (input 7). */
int i8259_ack(void *master);
/* Whether the master's INT is up. */
bool i8259_pending(Device *master);
/* "info pic" text. */
void i8259_describe(Device *dev, GString *out);

extern const TypeInfo i8259_types[];
extern const size_t i8259_types_n;
