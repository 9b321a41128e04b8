/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The OR of several outputs onto one line. */
#include <glib.h>
#include "hw/core/irq.h"

struct IrqOr {
    Irq *out;
    int n;
    int raised; /* how many inputs are high */
    bool *level;
    Irq inputs[];
};

static void or_input(void *opaque, int n, int level)
{
    IrqOr *or_ = opaque;
    if (or_->level[n] != !!level) {
        or_->level[n] = !!level;
        or_->raised += level ? 1 : -1;
        irq_set(or_->out, or_->raised > 0);
    }
}

IrqOr *irq_or_new(Irq *out, int n_inputs)
{
    IrqOr *or_ = g_malloc0(sizeof(IrqOr) + sizeof(Irq) * (size_t)n_inputs);
    or_->out = out;
    or_->n = n_inputs;
    or_->level = g_new0(bool, n_inputs);
    for (int i = 0; i < n_inputs; i++) {
        irq_init(&or_->inputs[i], or_input, or_, i);
    }
    return or_;
}

Irq *irq_or_input(IrqOr *or_, int i)
{
    g_assert(i >= 0 && i < or_->n);
    return &or_->inputs[i];
}

void irq_or_free(IrqOr *or_)
{
    g_free(or_->level);
    g_free(or_);
}
