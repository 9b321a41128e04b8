/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forecasts: a load of hot code adds to its address what was right the last time, and compares that with the
 * TLB's row, which nothing waits for then (7 of 12 cycles from an address to what is loaded there, on an Intel host).
 *
 *   w := forecast; if w != row.addend: miss; hit: access
 *   miss: w := row.addend; forecast := w; every MISSES times: host_forecast_missed(); jump hit
 *
 *  - The row's tag and addend are compared as always before the access: a forecast is never believed.
 *  - It pays where the address comes late: from a load in the same region or an earlier turn of its loop
 *    (hg_find_late). Other addresses are known early, or who knows; there the comparison only costs, and so it does in
 *    code that runs seldom, by its size.
 *  - It costs where an instruction goes to and fro between pages that do not lie side by side in RAM too. The runs
 *    of one that misses oftener than every SELDOM cycles are counted, and so it is decided; HostCode.steady
 *    remembers that by its pc, for good. Each step drops the region, which is translated again when it runs.
 */
#include <string.h>
#include <x86intrin.h>
#include "host-priv.h"

#define MISSES   1024u /* that are counted before the clock is read */
#define SELDOM   1024u /* cycles a miss, on the average of these */
#define RUNS     12u   /* a miss, where a forecast pays */
#define TICK_LOG 10    /* of HostForecast.since: 1024 cycles */

typedef struct __attribute__((packed)) HostMissed {
    int32_t head; /* as in HostAccess */
    int32_t cell; /* from the return address */
    uint16_t key;
    uint8_t counts;
} HostMissed;

/* ---- which addresses come late ---- */

/* The slots that a jump back leaves late values in. True: one was not known to be such. */
static bool note_slots(const HostGen *g, const IrInsn *i, bool *slot)
{
    const IrSnap *s = &g_array_index(g->b->snaps, IrSnap, i->snap);
    bool more = false;

    for (unsigned e = 0; e < s->count; e++) {
        const IrSnapEntry *se = &g_array_index(g->b->snap_entries, IrSnapEntry, s->first + e);
        if (g->late[se->val] && !slot[se->slot]) {
            slot[se->slot] = more = true;
        }
    }
    return more;
}

static bool is_late(const HostGen *g, const IrInsn *i, const bool *slot)
{
    bool late = false;

    switch (i->op) {
    case IR_LOAD:
    case IR_ATOMIC:
    case IR_CMPXCHG: return true;
    case IR_GET: return slot[i->imm];
    default:
        for (unsigned k = 0, n = ir_nargs(i); k < n; k++) {
            late |= g->late[i->arg[k]];
        }
        return late;
    }
}

static bool late_pass(HostGen *g, bool *slot)
{
    bool more = false;

    g->late[0] = false;
    for (IrVal v = 1; v < g->n; v++) {
        const IrInsn *i = ir_at(g->b, v);
        g->late[v] = is_late(g, i, slot);
        if (hg_jumps_back(g, i)) {
            more |= note_slots(g, i, slot);
        }
    }
    return more;
}

/* Twice at most: what needs a third pass is not worth it. */
void hg_find_late(HostGen *g)
{
    if (g->tb->hot) {
        g_autofree bool *slot = g_new0(bool, g->b->slots->count);
        if (late_pass(g, slot)) {
            late_pass(g, slot);
        }
    }
}

/* ---- code ---- */

G_STATIC_ASSERT(HOST_FORECASTS_MAX * sizeof(HostForecast) <= HOST_RECORD_ROOM);

void hg_forecast_plan(HostGen *g, HgForecast *f, const IrInsn *i)
{
    HostForecast *first = host_record_next(g);

    if (!g->tb->hot || !g->late[i->arg[0]] || !first || g->n_forecasts == HOST_FORECASTS_MAX) {
        return;
    }
    uint16_t key = host_forecast_key(g_array_index(g->b->snaps, IrSnap, i->snap).pc);
    HostSteady steady = __atomic_load_n(&g->code->steady[key], __ATOMIC_RELAXED);
    if (steady == STEADY_NOT) {
        return;
    }
    f->on = true;
    f->counts = steady == STEADY_COUNT;
    f->key = key;
    f->cell = &first[g->n_forecasts++];
    *f->cell = (HostForecast){ 0 };
}

void hg_forecast(HostGen *g, HgForecast *f, unsigned w, unsigned table)
{
    AsmBuf *as = &g->as;

    f->w = w;
    f->table = table;
    f->miss = asm_label(as);
    f->hit = asm_label(as);
    if (f->counts) {
        asm_inc(as, 8, asm_abs((uintptr_t)&f->cell->runs));
    }
    asm_mov(as, 8, w, asm_abs((uintptr_t)&f->cell->addend));
    asm_alu(as, ALU_CMP, 8, w, hg_row_field(table, offsetof(TlbEntry, addend)));
    asm_jcc(as, CC_NE, f->miss);
    asm_bind(as, f->hit);
}

void hg_forecast_stub(HostGen *g, const HgForecast *f, bool vecs)
{
    AsmBuf *as = &g->as;

    asm_bind(as, f->miss);
    asm_mov(as, 8, f->w, hg_row_field(f->table, offsetof(TlbEntry, addend)));
    asm_store(as, 8, asm_abs((uintptr_t)&f->cell->addend), f->w);
    asm_alu_imm(as, ALU_SUB, 4, asm_abs((uintptr_t)&f->cell->left), 1);
    asm_jcc(as, CC_AE, f->hit);
    asm_call_abs(as, g->code->missed[vecs]);
    HostMissed m = { .head = -(int32_t)asm_size(as),
                     .cell = (int32_t)((uintptr_t)f->cell - asm_here(as)),
                     .key = f->key,
                     .counts = f->counts };
    asm_jmp_abs(as, asm_label_addr(as, f->hit));
    asm_data(as, &m, sizeof(m));
}

/* What is known after so many misses in so many ticks, and those runs. */
static HostSteady judge(HostSteady was, uint32_t ticks, uint64_t runs)
{
    switch (was) {
    case STEADY_SURELY: return ticks < (MISSES * SELDOM >> TICK_LOG) ? STEADY_COUNT : was;
    case STEADY_COUNT: return runs < MISSES * RUNS ? STEADY_NOT : STEADY_ENOUGH;
    default: return was;
    }
}

void host_forecast_missed(CpuState *cpu, HostFrame *f)
{
    HostCode *code = cpu->engine->host;
    uint32_t now = (uint32_t)(__rdtsc() >> TICK_LOG) | 1;
    HostMissed m;

    memcpy(&m, (const uint8_t *)(uintptr_t)f->ra + HOST_ACCESS_HEAD, sizeof(m));
    HostForecast *c = (HostForecast *)(uintptr_t)(f->ra + (uint64_t)(int64_t)m.cell);
    uint32_t since = __atomic_exchange_n(&c->since, now, __ATOMIC_RELAXED);
    uint64_t runs = __atomic_exchange_n(&c->runs, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&c->left, MISSES - 1, __ATOMIC_RELAXED);
    if (!since) {
        return;
    }
    HostSteady was = __atomic_load_n(&code->steady[m.key], __ATOMIC_RELAXED);
    /* the same instruction in another region may have been judged before */
    bool stale = was == STEADY_NOT || m.counts != (was == STEADY_COUNT);
    HostSteady is = stale ? was : judge(was, now - since, runs);
    if (is != was || stale) {
        __atomic_store_n(&code->steady[m.key], is, __ATOMIC_RELAXED);
        tb_drop(cpu->engine, host_current(cpu));
    }
}
