/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter: computed-goto over bytecode, chaining from region to region without leaving.
 *
 * p->ip is stored before anything that may fault or look at the state, so that cpu_raise() and
 * cpu_sync_state() find the snapshot. Guest memory hits in the software TLB are inline.
 */
#include <inttypes.h>
#include <string.h>
#include "base/util/log.h"
#include "exec/exec-priv.h"
#include "exec/ir/ir-priv.h"
#include "bc-ops.h"
#include "base/util/int128.h"

typedef uint64_t (*Call6)(CpuState *, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
typedef void (*CallV)(CpuState *, IrVec *, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

/* The region at a just stored pc, without leaving the interpreter; NULL: let the loop find it. */
static Tb *next_by_cache(CpuState *cpu, CpuPriv *p, uint64_t pc)
{
    TbKey key;

    cpu_set_pc(cpu, pc);
    cpu->ops->get_tb_key(cpu, &key);
    Tb *tb = cpu->jump_cache[jc_index(key.vaddr)];
    if (tb && tb->key.pc == key.pc && tb->key.flags == key.flags && tb->key.vaddr == key.vaddr &&
        !__atomic_load_n(&tb->invalid, __ATOMIC_ACQUIRE)) {
        return tb;
    }
    return NULL;
}

static void call_general(CpuState *cpu, CpuPriv *p, uint64_t *frame, const BcCall *r, unsigned d)
{
    uint64_t a[6] = { 0 };

    for (unsigned k = 0; k < 6; k++) {
        switch (r->kind[k]) {
        case BCA_VALUE: a[k] = frame[r->arg[k]]; break;
        case BCA_VALUE32: a[k] = (uint32_t)frame[r->arg[k]]; break;
        case BCA_FRAME: a[k] = (uintptr_t)&frame[r->arg[k]]; break;
        default: a[k] = (uintptr_t)cpu + r->arg[k]; break;
        }
    }
    if (r->flags & HELPER_FPENV) {
        cpu_fpenv_save(cpu);
    }
    if (r->ret == IR_V128 || r->ret == IR_V256) {
        IrVec out;
        ((CallV)r->fn)(cpu, &out, a[0], a[1], a[2], a[3], a[4]);
        memcpy(&frame[d], &out, r->ret == IR_V128 ? 16 : 32);
    } else {
        uint64_t v = ((Call6)r->fn)(cpu, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (r->ret != IR_VOID) {
            frame[d] = r->ret == IR_I32 ? (uint32_t)v : v;
        }
    }
    if (r->flags & HELPER_FPENV) {
        cpu_fpenv_load(cpu);
    }
}

static void fence(unsigned kind)
{
    if (kind & IR_FENCE_STORE) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    } else {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    }
}

static uint64_t *frame_of(CpuPriv *p, const Tb *tb)
{
    if (UNLIKELY(tb->more->bc->frame_units > p->frame_units)) {
        g_aligned_free(p->frame_mem);
        p->frame_units = tb->more->bc->frame_units * 2;
        p->frame_mem = g_aligned_alloc0(p->frame_units, 8, 64);
    }
    p->frame = p->frame_mem;
    return p->frame_mem;
}

static void log_exec(CpuState *cpu, const Tb *tb)
{
    log_write("exec: cpu %u pc 0x%" PRIx64 " flags 0x%x, %u instructions\n", cpu->index, tb->key.pc,
              tb->key.flags, tb->n_insns);
}

/* Shorthands of the handlers. */
#define R(x)   frame[x]
#define R32(x) ((uint32_t)frame[x])
#define S32(x) ((int32_t)frame[x])
#define S64(x) ((int64_t)frame[x])
#define NEXT                  \
    do {                      \
        ip++;                 \
        goto *labels[ip->op]; \
    } while (0)
#define JUMP(t)               \
    do {                      \
        ip = code + (t);      \
        goto *labels[ip->op]; \
    } while (0)
#define OP(n) L_##n

#define INT4(n, ex32, ex64)                             \
    OP(n##32) :                                         \
    {                                                   \
        uint32_t x = R32(ip->a), y = R32(ip->b);        \
        R(ip->d) = (uint32_t)(ex32);                    \
        NEXT;                                           \
    }                                                   \
    OP(n##64) :                                         \
    {                                                   \
        uint64_t x = R(ip->a), y = R(ip->b);            \
        R(ip->d) = (ex64);                              \
        NEXT;                                           \
    }                                                   \
    OP(n##32I) :                                        \
    {                                                   \
        uint32_t x = R32(ip->a), y = (uint32_t)ip->imm; \
        R(ip->d) = (uint32_t)(ex32);                    \
        NEXT;                                           \
    }                                                   \
    OP(n##64I) :                                        \
    {                                                   \
        uint64_t x = R(ip->a), y = ip->imm;             \
        R(ip->d) = (ex64);                              \
        NEXT;                                           \
    }
#define COND4(n, ut32, ut64, test)                       \
    OP(BR_##n##32) :                                     \
    {                                                    \
        ut32 x = (ut32)R32(ip->a), y = (ut32)R32(ip->b); \
        if (test) {                                      \
            JUMP(ip->d);                                 \
        }                                                \
        NEXT;                                            \
    }                                                    \
    OP(BR_##n##64) :                                     \
    {                                                    \
        ut64 x = (ut64)R(ip->a), y = (ut64)R(ip->b);     \
        if (test) {                                      \
            JUMP(ip->d);                                 \
        }                                                \
        NEXT;                                            \
    }                                                    \
    OP(BR_##n##32I) :                                    \
    {                                                    \
        ut32 x = (ut32)R32(ip->a), y = (ut32)ip->imm;    \
        if (test) {                                      \
            JUMP(ip->d);                                 \
        }                                                \
        NEXT;                                            \
    }                                                    \
    OP(BR_##n##64I) :                                    \
    {                                                    \
        ut64 x = (ut64)R(ip->a), y = (ut64)ip->imm;      \
        if (test) {                                      \
            JUMP(ip->d);                                 \
        }                                                \
        NEXT;                                            \
    }                                                    \
    OP(SET_##n##32) :                                    \
    {                                                    \
        ut32 x = (ut32)R32(ip->a), y = (ut32)R32(ip->b); \
        R(ip->d) = (test);                               \
        NEXT;                                            \
    }                                                    \
    OP(SET_##n##64) :                                    \
    {                                                    \
        ut64 x = (ut64)R(ip->a), y = (ut64)R(ip->b);     \
        R(ip->d) = (test);                               \
        NEXT;                                            \
    }                                                    \
    OP(SET_##n##32I) :                                   \
    {                                                    \
        ut32 x = (ut32)R32(ip->a), y = (ut32)ip->imm;    \
        R(ip->d) = (test);                               \
        NEXT;                                            \
    }                                                    \
    OP(SET_##n##64I) :                                   \
    {                                                    \
        ut64 x = (ut64)R(ip->a), y = (ut64)ip->imm;      \
        R(ip->d) = (test);                               \
        NEXT;                                            \
    }                                                    \
    OP(MOV_##n##32I) : OP(MOV_##n##32) :                 \
    {                                                    \
        ut32 x = (ut32)R32(ip->a), y = (ut32)R32(ip->b); \
        R(ip->d) = (test) ? R(ip->c) : R(ip->e);         \
        NEXT;                                            \
    }                                                    \
    OP(MOV_##n##64I) : OP(MOV_##n##64) :                 \
    {                                                    \
        ut64 x = (ut64)R(ip->a), y = (ut64)R(ip->b);     \
        R(ip->d) = (test) ? R(ip->c) : R(ip->e);         \
        NEXT;                                            \
    }
#define UNARY(n, ex)     \
    OP(n) :              \
    {                    \
        R(ip->d) = (ex); \
        NEXT;            \
    }
#define LOAD(n, ty, ex)                                                           \
    OP(n) :                                                                       \
    {                                                                             \
        uint64_t va = R(ip->a) + (uint64_t)(int64_t)(int32_t)ip->x;               \
        const TlbEntry *t = tlb_row(cpu, ip->e >> 8, va);                         \
        uint64_t v;                                                               \
        if (LIKELY((va ^ t->tag[ACCESS_READ]) <= GUEST_PAGE_SIZE - sizeof(ty))) { \
            ty raw;                                                               \
            memcpy(&raw, (const void *)(va + t->addend), sizeof(raw));            \
            v = raw;                                                              \
        } else {                                                                  \
            p->ip = ip;                                                           \
            v = mem_load_slow(cpu, va, ip->e & ~(unsigned)MO_SIGN);               \
        }                                                                         \
        R(ip->d) = (ex);                                                          \
        NEXT;                                                                     \
    }
#define STORE(n, ty)                                                                  \
    OP(n) :                                                                           \
    {                                                                                 \
        uint64_t va = R(ip->a) + (uint64_t)(int64_t)(int32_t)ip->x;                   \
        const TlbEntry *t = tlb_row(cpu, ip->e >> 8, va);                             \
        uint64_t v = R(ip->b);                                                        \
        if (LIKELY((va ^ __atomic_load_n(&t->tag[ACCESS_WRITE], __ATOMIC_RELAXED)) <= \
                   GUEST_PAGE_SIZE - sizeof(ty))) {                                   \
            ty raw = (ty)v;                                                           \
            memcpy((void *)(va + t->addend), &raw, sizeof(raw));                      \
        } else {                                                                      \
            p->ip = ip;                                                               \
            mem_store_slow(cpu, va, v, ip->e);                                        \
        }                                                                             \
        NEXT;                                                                         \
    }

/* size-exempt: dispatch */
void interp_run(CpuState *cpu, Tb *tb)
{
#define BC_LABEL(n) &&L_##n,
    static const void *const labels[BC_COUNT] = { BC_LIST(BC_LABEL) };
#undef BC_LABEL
    CpuPriv *p = priv_of(cpu);
    uint64_t *frame;
    const BcOp *code, *ip;

enter:
    if (UNLIKELY(__atomic_load_n(&cpu->exit_request, __ATOMIC_RELAXED) || tb->host)) {
        cpu_set_pc(cpu, tb->key.pc);
        cpu->refused = 1;
        p->tb = NULL;
        return;
    }
    if (UNLIKELY(log_enabled(LOG_EXEC)) && log_in_filter(tb->key.pc)) {
        log_exec(cpu, tb);
    }
    p->tb = tb;
    frame = frame_of(p, tb);
    code = ip = tb->more->bc->code;
    goto *labels[ip->op];

    UNARY(CONST, ip->imm)
    UNARY(MOV, R(ip->a))
    UNARY(ZEXT32, R32(ip->a))
    UNARY(NOT32, (uint32_t)~R(ip->a))
    UNARY(NOT64, ~R(ip->a))
    UNARY(NEG32, (uint32_t)-R(ip->a))
    UNARY(NEG64, -R(ip->a))
    UNARY(SEXT8_32, (uint32_t)(int8_t)R(ip->a))
    UNARY(SEXT8_64, (uint64_t)(int8_t)R(ip->a))
    UNARY(SEXT16_32, (uint32_t)(int16_t)R(ip->a))
    UNARY(SEXT16_64, (uint64_t)(int16_t)R(ip->a))
    UNARY(SEXT32, (uint64_t)S32(ip->a))
    UNARY(ZEXT8, (uint8_t)R(ip->a))
    UNARY(ZEXT16, (uint16_t)R(ip->a))
    UNARY(BSWAP16, __builtin_bswap16((uint16_t)R(ip->a)))
    UNARY(BSWAP32, __builtin_bswap32(R32(ip->a)))
    UNARY(BSWAP64, __builtin_bswap64(R(ip->a)))
    UNARY(CLZ32, R32(ip->a) ? (unsigned)__builtin_clz(R32(ip->a)) : 32)
    UNARY(CLZ64, R(ip->a) ? (unsigned)__builtin_clzll(R(ip->a)) : 64)
    UNARY(CTZ32, R32(ip->a) ? (unsigned)__builtin_ctz(R32(ip->a)) : 32)
    UNARY(CTZ64, R(ip->a) ? (unsigned)__builtin_ctzll(R(ip->a)) : 64)
    UNARY(POPCNT32, (unsigned)__builtin_popcount(R32(ip->a)))
    UNARY(POPCNT64, (unsigned)__builtin_popcountll(R(ip->a)))
    UNARY(EXTRACTU, R(ip->a) >> ip->b & ip->imm)
    UNARY(EXTRACTS, (uint64_t)((int64_t)(R(ip->a) << ip->c) >> ip->e))
    UNARY(EXTRACTS32, (uint32_t)((int64_t)(R(ip->a) << ip->c) >> ip->e))
    OP(DEPOSIT) :
    {
        uint64_t m = ((uint64_t)2 << (ip->e - 1)) - 1;
        uint64_t v = (R(ip->a) & ~(m << ip->c)) | (R(ip->b) & m) << ip->c;
        R(ip->d) = ip->x ? (uint32_t)v : v;
        NEXT;
    }
    UNARY(DIVUW, ir_eval_divuw(R(ip->a), R(ip->b), R(ip->c)))
    UNARY(MULHU64, (uint64_t)((UInt128)R(ip->a) * R(ip->b) >> 64))
    UNARY(MULHS64, (uint64_t)((Int128)S64(ip->a) * S64(ip->b) >> 64))
    OP(EVAL) :
    {
        uint64_t m = ir_type_mask(ip->e);
        ir_eval(ip->c, ip->e, 0, R(ip->a) & m, R(ip->b) & m, 0, &R(ip->d));
        NEXT;
    }
    INT4(ADD, x + y, x + y)
    INT4(SUB, x - y, x - y)
    INT4(MUL, x * y, x * y)
    INT4(AND, x & y, x & y)
    INT4(OR, x | y, x | y)
    INT4(XOR, x ^ y, x ^ y)
    INT4(ANDN, x & ~y, x & ~y)
    INT4(SHL, x << (y & 31), x << (y & 63))
    INT4(SHR, x >> (y & 31), x >> (y & 63))
    INT4(SAR, (int32_t)x >> (y & 31), (uint64_t)((int64_t)x >> (y & 63)))
    INT4(ROTL, x << (y & 31) | x >> (-y & 31), x << (y & 63) | x >> (-y & 63))
    INT4(ROTR, x >> (y & 31) | x << (-y & 31), x >> (y & 63) | x << (-y & 63))
    COND4(EQ, uint32_t, uint64_t, x == y)
    COND4(NE, uint32_t, uint64_t, x != y)
    COND4(LT, int32_t, int64_t, x < y)
    COND4(GE, int32_t, int64_t, x >= y)
    COND4(LE, int32_t, int64_t, x <= y)
    COND4(GT, int32_t, int64_t, x > y)
    COND4(LTU, uint32_t, uint64_t, x < y)
    COND4(GEU, uint32_t, uint64_t, x >= y)
    COND4(LEU, uint32_t, uint64_t, x <= y)
    COND4(GTU, uint32_t, uint64_t, x > y)
    COND4(TSTZ, uint32_t, uint64_t, (x & y) == 0)
    COND4(TSTNZ, uint32_t, uint64_t, (x & y) != 0)

    /* ---- state ---- */
    UNARY(GET8, *((const uint8_t *)cpu + ip->imm))
    UNARY(GET16, *(const uint16_t *)((const char *)cpu + ip->imm))
    UNARY(GET32, *(const uint32_t *)((const char *)cpu + ip->imm))
    UNARY(GET64, *(const uint64_t *)((const char *)cpu + ip->imm))
    OP(GET128) : memcpy(&R(ip->d), (const char *)cpu + ip->imm, 16);
    NEXT;
    OP(GET256) : memcpy(&R(ip->d), (const char *)cpu + ip->imm, 32);
    NEXT;
    OP(PUT8) : *((uint8_t *)cpu + ip->imm) = (uint8_t)R(ip->a);
    NEXT;
    OP(PUT16) : *(uint16_t *)((char *)cpu + ip->imm) = (uint16_t)R(ip->a);
    NEXT;
    OP(PUT32) : *(uint32_t *)((char *)cpu + ip->imm) = R32(ip->a);
    NEXT;
    OP(PUT64) : *(uint64_t *)((char *)cpu + ip->imm) = R(ip->a);
    NEXT;
    OP(PUT128) : memcpy((char *)cpu + ip->imm, &R(ip->a), 16);
    NEXT;
    OP(PUT256) : memcpy((char *)cpu + ip->imm, &R(ip->a), 32);
    NEXT;
    OP(MOV128) : memmove(&R(ip->d), &R(ip->a), 16);
    NEXT;
    OP(MOV256) : memmove(&R(ip->d), &R(ip->a), 32);
    NEXT;
    OP(VCONST) : memcpy(&R(ip->d), (const void *)(uintptr_t)ip->imm, ip->b == IR_V128 ? 16 : 32);
    NEXT;

    /* ---- memory ---- */
    LOAD(LOADU8, uint8_t, v)
    LOAD(LOADU16, uint16_t, v)
    LOAD(LOADU32, uint32_t, v)
    LOAD(LOADU64, uint64_t, v)
    LOAD(LOADS8_32, uint8_t, (uint32_t)(int8_t)v)
    LOAD(LOADS16_32, uint16_t, (uint32_t)(int16_t)v)
    LOAD(LOADS8_64, uint8_t, (uint64_t)(int8_t)v)
    LOAD(LOADS16_64, uint16_t, (uint64_t)(int16_t)v)
    LOAD(LOADS32_64, uint32_t, (uint64_t)(int32_t)v)
    OP(LOADG) :
    {
        uint64_t va = R(ip->a) + (uint64_t)(int64_t)(int32_t)ip->x;
        p->ip = ip;
        uint64_t v = mem_load_slow(cpu, va, ip->e & ~(unsigned)MO_SIGN);
        R(ip->d) = ir_mop_extend(v, ip->e, ip->c);
        NEXT;
    }
    OP(LOADV) :
    {
        uint64_t va = R(ip->a) + (uint64_t)(int64_t)(int32_t)ip->x;
        const TlbEntry *t = tlb_row(cpu, ip->e >> 8, va);
        unsigned n = MO_BYTES(ip->e), whole = MAX(n, 16);
        if (LIKELY((va ^ t->tag[ACCESS_READ]) <= GUEST_PAGE_SIZE - n &&
                   !(ip->e & (MO_BE | MO_ALIGN)))) {
            IrVec v = { 0 };
            memcpy(&v, (const void *)(va + t->addend), n);
            memcpy(&R(ip->d), &v, whole);
        } else {
            IrVec v;
            p->ip = ip;
            mem_load_vec(cpu, va, &v, ip->e);
            memcpy(&R(ip->d), &v, whole);
        }
        NEXT;
    }
    STORE(STORE8, uint8_t)
    STORE(STORE16, uint16_t)
    STORE(STORE32, uint32_t)
    STORE(STORE64, uint64_t)
    OP(STOREG) :
    {
        uint64_t va = R(ip->a) + (uint64_t)(int64_t)(int32_t)ip->x;
        p->ip = ip;
        mem_store_slow(cpu, va, R(ip->b), ip->e);
        NEXT;
    }
    OP(STOREV) :
    {
        uint64_t va = R(ip->a) + (uint64_t)(int64_t)(int32_t)ip->x;
        const TlbEntry *t = tlb_row(cpu, ip->e >> 8, va);
        unsigned n = MO_BYTES(ip->e);
        if (LIKELY((va ^ __atomic_load_n(&t->tag[ACCESS_WRITE], __ATOMIC_RELAXED)) <=
                       GUEST_PAGE_SIZE - n &&
                   !(ip->e & (MO_BE | MO_ALIGN)))) {
            memcpy((void *)(va + t->addend), &R(ip->b), n);
        } else {
            IrVec v;
            memcpy(&v, &R(ip->b), n);
            p->ip = ip;
            mem_store_vec(cpu, va, &v, ip->e);
        }
        NEXT;
    }
    OP(ATOMIC) :
    {
        p->ip = ip;
        uint64_t v = mem_atomic(cpu, ip->x & 0xff, R(ip->a), R(ip->b), ip->e);
        R(ip->d) = ir_mop_extend(v, ip->e, ip->x >> 8);
        NEXT;
    }
    OP(CMPXCHG) :
    {
        p->ip = ip;
        uint64_t v = mem_cmpxchg(cpu, R(ip->a), R(ip->b), R(ip->c), ip->e);
        R(ip->d) = ir_mop_extend(v, ip->e, ip->x);
        NEXT;
    }
    OP(CMPXCHG16) :
    {
        IrVec x, y, old;
        memcpy(&x, &R(ip->b), 16);
        memcpy(&y, &R(ip->c), 16);
        p->ip = ip;
        mem_cmpxchg16(cpu, R(ip->a), &x, &y, &old, ip->e);
        memcpy(&R(ip->d), &old, 16);
        NEXT;
    }
    OP(PROBE) : p->ip = ip;
    mem_probe(cpu, R(ip->a), MO_BYTES(ip->e), ip->x, MO_GET_MMU(ip->e));
    NEXT;
    OP(FENCE) : fence(ip->imm);
    NEXT;

    /* ---- control ---- */
    OP(BR) : JUMP(ip->d);
    OP(CALLI) :
    {
        const BcCall *r = (const BcCall *)(uintptr_t)ip->imm;
        p->ip = ip;
        uint64_t v = ((Call6)r->fn)(cpu, R(r->arg[0]), R(r->arg[1]), R(r->arg[2]), R(r->arg[3]),
                                    R(r->arg[4]), R(r->arg[5]));
        R(ip->d) = r->ret == IR_I32 ? (uint32_t)v : v; /* IR_VOID: unit 0, nobody's */
        NEXT;
    }
    OP(CALL) : p->ip = ip;
    call_general(cpu, p, frame, (const BcCall *)(uintptr_t)ip->imm, ip->d);
    NEXT;
    OP(MOVCONDV) :
    {
        bool c = ir_eval_cond(ip->x & 0xff, ip->x >> 8 & 0xff,
                              R(ip->a) & ir_type_mask(ip->x >> 8 & 0xff),
                              R(ip->b) & ir_type_mask(ip->x >> 8 & 0xff));
        memmove(&R(ip->d), &R(c ? ip->c : ip->e), ip->x >> 16 == IR_V128 ? 16 : 32);
        NEXT;
    }
    OP(VEC) :
    {
        BcVecFn fn = (BcVecFn)(uintptr_t)ip[1].imm;
        fn(&R(ip->d), &R(ip->a), &R(ip->b), &R(ip->c), ip->x);
        ip++;
        NEXT;
    }
    OP(EXIT_DIRECT) :
    {
        TbLink *l = &tb_links(tb)[ip->imm];
        Tb *n = __atomic_load_n(&l->dst, __ATOMIC_ACQUIRE);
        if (LIKELY(n) && (!l->cross || cpu->jump_cache[l->jump] == n)) {
            tb = n;
            goto enter;
        }
        if (!(tb->cflags & TBC_ONE) && (n = next_by_cache(cpu, p, l->pc))) {
            if (!l->dst) {
                p->last_link = l;
                p->last_tb = tb;
                p->tb = NULL;
                return; /* the loop links the two */
            }
            tb = n;
            goto enter;
        }
        cpu_set_pc(cpu, l->pc);
        p->last_link = tb->cflags & TBC_ONE ? NULL : l;
        p->last_tb = tb;
        p->tb = NULL;
        return;
    }
    OP(EXIT_INDIRECT) :
    {
        Tb *n = NULL;
        cpu_set_pc(cpu, R(ip->a));
        if (!(tb->cflags & TBC_ONE) && (n = next_by_cache(cpu, p, R(ip->a)))) {
            tb = n;
            goto enter;
        }
        p->tb = NULL;
        return;
    }
    OP(EXIT_LOOP) : cpu_set_pc(cpu, R(ip->a));
    p->tb = NULL;
    return;
    OP(RAISE) : p->ip = ip;
    cpu_raise(cpu, (int)(uint32_t)ip->imm, ip->imm >> 32);
}
