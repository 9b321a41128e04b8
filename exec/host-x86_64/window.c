/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows: accesses to places near each other, by constant distance from one value or from 0, share one look
 * into the software TLB. The first of them checks the whole range and keeps what to add to an address
 * in a register; the others see in its low byte, which is zero, that it is good, and go straight.
 *
 *  - Where the range does not pass the check (it crosses a page, is no plain RAM, may not be written),
 *    the stub does the one access and leaves 1 in the register; so do the others then, each by its stub.
 *  - A slow access leaves 1 in all windows: the VM lock may have been given up meanwhile.
 *  - Calls, labels and branches end all windows; so does a jump back to the head. What holds for the
 *    time between one check and its access (exec/tlb) holds for that of a window.
 *  - A window is cheap to lose: its register is the first to be taken when none is free.
 */
#include <string.h>
#include "host-priv.h"

#define SPAN 256 /* bytes at most: the longer, the oftener it crosses a page */
#define OPEN 6   /* windows looked at for one that fits */

typedef struct Finder {
    HostGen *g;
    unsigned open[OPEN]; /* numbers + 1, 0 none; the latest used last */
    unsigned exits;      /* seen so far */
} Finder;

static bool is_plain_access(const IrInsn *i)
{
    if (i->op == IR_PROBE) {
        return i->sub != ACCESS_EXEC;
    }
    return (i->op == IR_LOAD || i->op == IR_STORE) && !(i->imm & MO_ALIGN) &&
           !(i->type >= IR_V128 && (i->imm & MO_BE) && MO_BYTES(i->imm) != 16);
}

static bool ends_windows(const HostGen *g, const IrInsn *i)
{
    HelperInPlace p;

    if (i->op == IR_CALL) {
        return !hg_place(g, i, &p);
    }
    return i->op == IR_LABEL || i->op == IR_BR || i->op == IR_BRCOND || i->op == IR_ATOMIC ||
           i->op == IR_CMPXCHG;
}

/* The address is the value returned, 0 for none, plus *disp. */
static IrVal base_of(const HostGen *g, IrVal addr, int64_t *disp)
{
    IrVal x = g->root[addr];
    uint64_t k;

    *disp = 0;
    for (const IrInsn *i = ir_at(g->b, x);
         i->op == IR_ADD && i->type == IR_I64 && ir_const_value(g->b, i->arg[1], &k);
         i = ir_at(g->b, x)) {
        *disp += (int64_t)k;
        x = g->root[i->arg[0]];
    }
    if (ir_const_value(g->b, x, &k)) {
        *disp += (int64_t)k;
        return 0;
    }
    return x;
}

/* May the access be one of the window's? Then it is. */
static bool join(Finder *f, HgWindow *w, const IrInsn *i, IrVal base, int64_t disp, bool write)
{
    int64_t lo = MIN(w->lo, disp), hi = MAX(w->hi, disp + (int64_t)MO_BYTES(i->imm));

    if (w->base != base || w->mmu != MO_GET_MMU(i->imm) || hi - lo > SPAN ||
        (write && !w->write && w->exits != f->exits)) {
        return false; /* a store that might not come should not ask for the right to write */
    }
    w->lo = lo;
    w->hi = hi;
    w->write |= write;
    return true;
}

static void add_access(Finder *f, const IrInsn *i, IrVal v)
{
    GArray *all = f->g->windows;
    int64_t disp;
    IrVal base = base_of(f->g, i->arg[0], &disp);
    bool write =
        i->op == IR_STORE || (i->imm & MO_RMW) || (i->op == IR_PROBE && i->sub == ACCESS_WRITE);
    unsigned at = 0;

    for (unsigned k = OPEN; k-- > 0 && !at;) {
        if (f->open[k] &&
            join(f, &g_array_index(all, HgWindow, f->open[k] - 1), i, base, disp, write)) {
            at = f->open[k];
        }
    }
    if (!at) {
        HgWindow w = { .base = base,
                       .lo = disp,
                       .hi = disp + MO_BYTES(i->imm),
                       .first = v,
                       .exits = f->exits,
                       .write = write,
                       .mmu = MO_GET_MMU(i->imm),
                       .reg = HR_NONE };
        ir_push(all, HG_ROOM, HgWindow, w);
        at = all->len;
        memmove(f->open, f->open + 1, sizeof(f->open) - sizeof(f->open[0]));
        f->open[OPEN - 1] = at;
    }
    g_array_index(all, HgWindow, at - 1).last = v;
    f->g->window_of[v] = at;
}

void hg_find_windows(HostGen *g, unsigned accesses)
{
    Finder f = { .g = g };

    g_array_set_size(g->windows, 0);
    g->win_regs = 0;
    if (accesses < 2) {
        memset(g->window_of, 0, g->n * sizeof(*g->window_of));
        return;
    }
    for (IrVal v = 1; v < g->n; v++) {
        const IrInsn *i = ir_at(g->b, v);
        g->window_of[v] = 0;
        f.exits += (ir_flags(i) & IRF_X) != 0;
        if (ends_windows(g, i)) {
            memset(f.open, 0, sizeof(f.open));
        } else if (is_plain_access(i)) {
            add_access(&f, i, v);
        }
    }
}

/* ---- while code is generated ---- */

HgWindow *hg_window(HostGen *g, IrVal v)
{
    HgWindow *w =
        g->window_of[v] ? &g_array_index(g->windows, HgWindow, g->window_of[v] - 1) : NULL;

    if (!w || (w->reg == HR_NONE && w->last == v)) {
        return NULL; /* nobody to share with, or no more */
    }
    return w;
}

int32_t hg_window_start(HostGen *g, const HgWindow *w, const IrInsn *i)
{
    int64_t disp;

    base_of(g, i->arg[0], &disp);
    return (int32_t)(w->lo - disp);
}

void hg_window_open(HostGen *g, HgWindow *w, unsigned reg)
{
    w->reg = reg;
    g->win_regs |= 1u << reg;
}

void hg_window_lose(HostGen *g, uint16_t regs)
{
    regs &= g->win_regs;
    for (unsigned k = 0; k < g->windows->len && regs; k++) {
        HgWindow *w = &g_array_index(g->windows, HgWindow, k);
        if (w->reg != HR_NONE && (regs & 1u << w->reg)) {
            regs &= ~(1u << w->reg);
            g->win_regs &= ~(1u << w->reg);
            w->reg = HR_NONE;
        }
    }
}

void hg_windows_unknown(HostGen *g, uint16_t regs)
{
    for (unsigned m = regs; m; m &= m - 1) {
        asm_mov_imm(&g->as, __builtin_ctz(m), 1);
    }
}
