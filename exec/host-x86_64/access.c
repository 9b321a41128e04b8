/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The slow way of scalar loads, stores and probes, in few bytes: there is one for each access, and most never
 * run. What to do is told in data, which one function reads when it must.
 *
 *   call access    saves all registers in the frame, calls host_access(), loads them again
 *   jmp back
 *   HostAccess, then as it says: displacement, registers of windows, what is stored
 */
#include <string.h>
#include "host-priv.h"

#define JUMP_BYTES 5

enum {
    HOW_MMU = 15, /* mask */
    HOW_STORE = 1 << 4,
    HOW_PROBE = 2 << 4, /* value: the kind of access */
    HOW_WIDE = 3 << 4,  /* a load into 64 bits; else one into 32 */
    HOW_KIND = 3 << 4,
    HOW_DISP8 = 1 << 6, /* the address has a displacement */
    HOW_DISP32 = 1 << 7,
    MO_WINDOWS = MO_NT,   /* so many registers lose their windows: a hint that nobody reads here */
    VALUE_IMM = HR_FRAME, /* no value is in this register: a constant is stored */
};

typedef struct __attribute__((packed)) HostAccess {
    int32_t head; /* of the region, from the return address (host_current) */
    uint8_t regs; /* of the address; of the value << 4 */
    uint8_t mo;   /* the low bits of the IrMemOp */
    uint8_t how;
} HostAccess;

G_STATIC_ASSERT(HOST_ACCESS_HEAD == JUMP_BYTES + offsetof(HostAccess, head));
G_STATIC_ASSERT((MO_SIZE | MO_SIGN | MO_BE | MO_ALIGN | MO_NT | MO_RMW) <= 0xff);

static unsigned put(uint8_t *to, unsigned at, const void *from, unsigned n)
{
    memcpy(to + at, from, n);
    return at + n;
}

static unsigned kind_of(const IrInsn *i)
{
    switch (i->op) {
    case IR_STORE: return HOW_STORE;
    case IR_PROBE: return HOW_PROBE;
    default: return i->type == IR_I64 ? HOW_WIDE : 0;
    }
}

void hg_access_stub(HostGen *g, const HgStub *s, const IrInsn *i)
{
    AsmBuf *as = &g->as;
    uint8_t data[sizeof(HostAccess) + 16];
    unsigned value = i->op == IR_LOAD ? s->d : i->op == IR_PROBE ? i->sub : s->a[1], n = 0;

    asm_call_abs(as, g->code->access[s->vecs]);
    hg_site_at(g, s->site);
    HostAccess a = { .head = -(int32_t)asm_size(as),
                     .regs = s->a[0] | (value == HR_NONE ? VALUE_IMM : value) << 4,
                     .mo = (i->imm & 0xff & ~(uint64_t)MO_NT) | (s->win_regs ? MO_WINDOWS : 0),
                     .how = MO_GET_MMU(i->imm) | kind_of(i) };
    if (s->disp) {
        a.how |= s->disp == (int8_t)s->disp ? HOW_DISP8 : HOW_DISP32;
    }
    n = put(data, n, &a, sizeof(a));
    if (s->disp) {
        n = put(data, n, &s->disp, a.how & HOW_DISP8 ? 1 : 4); /* little-endian, as this host is */
    }
    if (s->win_regs) {
        n = put(data, n, &s->win_regs, 2);
    }
    if (value == HR_NONE) {
        uint64_t k = 0;
        hg_const(g, i->arg[1], &k);
        n = put(data, n, &k, 4);
    }
    asm_jmp_abs(as, asm_label_addr(as, s->back));
    asm_data(as, data, n);
}

static const uint8_t *take(const uint8_t *p, void *to, unsigned n)
{
    memcpy(to, p, n);
    return p + n;
}

void host_access(CpuState *cpu, HostFrame *f)
{
    const uint8_t *p = (const uint8_t *)(uintptr_t)f->ra + JUMP_BYTES;
    HostAccess a;
    int8_t disp8;
    int32_t disp = 0, imm;
    uint16_t windows = 0;

    p = take(p, &a, sizeof(a));
    if (a.how & HOW_DISP8) {
        p = take(p, &disp8, 1);
        disp = disp8;
    } else if (a.how & HOW_DISP32) {
        p = take(p, &disp, 4);
    }
    if (a.mo & MO_WINDOWS) {
        p = take(p, &windows, 2);
    }
    IrMemOp mo = (a.mo & ~MO_WINDOWS) | MO_MMU(a.how & HOW_MMU);
    uint64_t va = f->reg[a.regs & 15] + (uint64_t)(int64_t)disp, v;
    unsigned value = a.regs >> 4;
    switch (a.how & HOW_KIND) {
    case HOW_STORE:
        if (value == VALUE_IMM) {
            take(p, &imm, 4);
            v = (uint64_t)(int64_t)imm;
        } else {
            v = f->reg[value];
        }
        mem_store_slow(cpu, va, v, mo);
        break;
    case HOW_PROBE: mem_probe(cpu, va, MO_BYTES(mo), (MmuAccess)value, MO_GET_MMU(mo)); break;
    default:
        v = mem_load_slow(cpu, va, mo & ~MO_SIGN);
        f->reg[value] = ir_mop_extend(v, mo, (a.how & HOW_KIND) == HOW_WIDE ? IR_I64 : IR_I32);
        break;
    }
    for (; windows; windows &= windows - 1) {
        f->reg[__builtin_ctz(windows)] = 1;
    }
}
