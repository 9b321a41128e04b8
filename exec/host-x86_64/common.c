/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that all regions share: the way in, the ways out, and the slow paths of memory accesses.
 *
 *   enter(cpu, code, &priv->hframe)   makes the frame, expects no returns, loads the pins' homes, jumps
 *   leave          homes back to CpuState (pc is stored already); returns NULL
 *   leave_pc       the same with a pc in HR_SCRATCH
 *   refuse         the same with the start of a region that was not entered in HR_SCRATCH
 *   next_pc        with a pc in HR_SCRATCH: goes on there if the region is found (loop_next), else as leave
 *   next_link      with a TbLink in HR_SCRATCH: goes where it leads if the jump cache says that this is
 *                  still mapped; else as next_pc, but returns the link
 *   access[v]      a stub of access.c: what to do lies behind it
 *   missed[v]      the same of forecast.c
 *   slow[k][v]     arguments in HostFrame; saves all registers there, calls, restores those that C may
 *                  change; v: vector registers too
 */
#include <string.h>
#include "host-priv.h"

static const uint8_t saved[] = { RBP, RBX, R12, R13, R14, R15 };

static AsmRm state(int32_t off)
{
    return asm_mem(HR_CPU, off);
}

static void call_far(AsmBuf *a, const void *fn)
{
    if (asm_reachable(a, (uintptr_t)fn)) {
        asm_call_abs(a, (uintptr_t)fn);
    } else {
        asm_mov_imm(a, RAX, (uintptr_t)fn);
        asm_call_rm(a, asm_reg(RAX));
    }
}

static void load_homes(HostCode *c, AsmBuf *a)
{
    for (unsigned p = 0; p < c->pins.n; p++) {
        asm_mov(a, 8, c->pins.pin[p].reg, state(c->pins.pin[p].offset));
    }
}

static void make_enter(HostCode *c, AsmBuf *a)
{
    static const HostReturn none = { 0 };
    uint64_t nowhere = asm_here(a);

    asm_data(a, &none, sizeof(none));
    asm_align(a, 16);
    c->enter = asm_here(a);
    for (unsigned k = 0; k < G_N_ELEMENTS(saved); k++) {
        asm_push(a, saved[k]);
    }
    asm_mov_rr(a, 8, RAX, RSP);
    asm_alu_ri(a, ALU_SUB, 8, RSP, sizeof(HostFrame));
    asm_alu_ri(a, ALU_AND, 8, RSP, -64);
    asm_store(a, 8, asm_mem(RSP, FRAME_OFF(old_rsp)), RAX);
    asm_store_imm(a, 8, asm_mem(RSP, FRAME_OFF(ra)), 0);
    asm_mov_imm(a, RAX, UINT64_MAX << 32);
    asm_store(a, 8, asm_mem(RSP, FRAME_OFF(high_half)), RAX);
    asm_store(a, 8, asm_mem(RDX, 0), RSP);
    asm_mov_rr(a, 8, HR_CPU, RDI);
    asm_mov_rr(a, 8, HR_SCRATCH, RSI);
    host_returns_begin(a, nowhere);
    asm_vzeroupper(a);
    load_homes(c, a);
    asm_jmp_rm(a, asm_reg(HR_SCRATCH));
}

static void store_homes(HostCode *c, AsmBuf *a)
{
    for (unsigned p = 0; p < c->pins.n; p++) {
        asm_store(a, 8, state(c->pins.pin[p].offset), c->pins.pin[p].reg);
    }
}

/* With the TbLink or NULL in HR_SCRATCH, pc and homes in CpuState. Registers that C keeps hold homes
 * at both ends, so one of them is free to keep the link over the call. */
static void make_next(HostCode *c, AsmBuf *a, AsmLabel out)
{
    AsmLabel stay = asm_label(a);

    asm_mov_rr(a, 8, RBX, HR_SCRATCH);
    asm_store_imm(a, 8, asm_mem(RSP, FRAME_OFF(ra)), 0);
    asm_mov_rr(a, 8, RDI, HR_CPU);
    asm_mov_rr(a, 8, RSI, RBX);
    asm_vzeroupper(a);
    call_far(a, loop_next);
    asm_test(a, 8, asm_reg(RAX), RAX);
    asm_jcc(a, CC_NE, stay);
    asm_mov_rr(a, 8, RAX, RBX);
    asm_jmp(a, out);
    asm_bind(a, stay);
    load_homes(c, a);
    asm_jmp_rm(a, asm_reg(RAX));
}

static void make_leave(HostCode *c, AsmBuf *a)
{
    AsmLabel out = asm_label(a), unlinked = asm_label(a), next = asm_label(a);

    c->next_link = asm_here(a);
    asm_mov(a, 8, RAX, asm_mem(HR_SCRATCH, offsetof(TbLink, dst)));
    asm_test(a, 8, asm_reg(RAX), RAX);
    asm_jcc(a, CC_E, unlinked);
    asm_movzx(a, 2, RCX, asm_mem(HR_SCRATCH, offsetof(TbLink, jump)));
    asm_mov(a, 8, RDX, state(offsetof(CpuState, jump_cache)));
    asm_alu_store(a, ALU_CMP, 8, asm_mem_index(RDX, RCX, 3, 0), RAX);
    asm_jcc(a, CC_NE, unlinked);
    asm_mov(a, 8, HR_SCRATCH, asm_mem(HR_SCRATCH, offsetof(TbLink, pc)));
    asm_jmp_rm(a, asm_mem(RAX, offsetof(Tb, native)));
    asm_bind(a, unlinked);
    store_homes(c, a);
    asm_mov(a, 8, RAX, asm_mem(HR_SCRATCH, offsetof(TbLink, pc)));
    asm_store(a, 8, state(c->pc_offset), RAX);
    asm_bind(a, next);
    make_next(c, a, out);
    asm_align(a, 16);
    c->next_pc = asm_here(a);
    asm_store(a, 8, state(c->pc_offset), HR_SCRATCH);
    store_homes(c, a);
    asm_alu_rr(a, ALU_XOR, 4, HR_SCRATCH, HR_SCRATCH);
    asm_jmp(a, next);
    asm_align(a, 16);
    c->refuse = asm_here(a);
    asm_store_imm(a, 4, state(offsetof(CpuState, refused)), 1);
    asm_mov(a, 8, RAX, asm_mem(HR_SCRATCH, 0)); /* the Tb */
    asm_mov(a, 8, HR_SCRATCH, asm_mem(RAX, offsetof(Tb, key.pc)));
    c->leave_pc = asm_here(a);
    asm_store(a, 8, state(c->pc_offset), HR_SCRATCH);
    c->leave = asm_here(a);
    store_homes(c, a);
    asm_alu_rr(a, ALU_XOR, 4, RAX, RAX);
    asm_bind(a, out);
    asm_mov(a, 8, RSP, asm_mem(RSP, FRAME_OFF(old_rsp)));
    for (unsigned k = G_N_ELEMENTS(saved); k-- > 0;) {
        asm_pop(a, saved[k]);
    }
    asm_vzeroupper(a);
    asm_ret(a);
}

/* ---- slow paths ---- */

/* What is passed in each argument register after cpu: */
typedef enum SlowArg {
    SA_NONE,
    SA_ARG0, /* HostFrame.arg[n] */
    SA_ARG1,
    SA_ARG2,
    SA_ARG3,
    SA_VEC0, /* address of varg[n] */
    SA_VEC1,
    SA_VEC2,
} SlowArg;

typedef uint64_t (*Call6)(CpuState *, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
typedef void (*CallV)(CpuState *, IrVec *, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

/* Its arguments: arg[1 + n], vectors in varg[] in their order. A vector result comes in varg[0]. */
static uint64_t call_helper(CpuState *cpu, const HelperDesc *h)
{
    HostFrame *f = priv_of(cpu)->hframe;
    uint64_t a[6] = { 0 };
    unsigned vecs = 0;

    for (unsigned k = 0; k < 6 && h->args[k] != HARG_NONE; k++) {
        a[k] = h->args[k] == HARG_V128 ? (uintptr_t)&f->varg[vecs++] : f->arg[1 + k];
    }
    if (h->ret != IR_V128) {
        return ((Call6)h->fn)(cpu, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    IrVec out;
    ((CallV)h->fn)(cpu, &out, a[0], a[1], a[2], a[3], a[4]);
    memcpy(&f->varg[0], &out, 16);
    return 0;
}

typedef struct SlowRow {
    const void *fn;
    uint8_t arg[5];
} SlowRow;

static const SlowRow slow_rows[SLOW_COUNT] = {
    [SLOW_LOAD_VEC] = { mem_load_vec, { SA_ARG0, SA_VEC0, SA_ARG2 } },
    [SLOW_STORE_VEC] = { mem_store_vec, { SA_ARG0, SA_VEC0, SA_ARG2 } },
    [SLOW_ATOMIC] = { mem_atomic, { SA_ARG3, SA_ARG0, SA_ARG1, SA_ARG2 } },
    [SLOW_CMPXCHG] = { mem_cmpxchg, { SA_ARG0, SA_ARG1, SA_ARG3, SA_ARG2 } },
    [SLOW_CMPXCHG16] = { mem_cmpxchg16, { SA_ARG0, SA_VEC0, SA_VEC1, SA_VEC2, SA_ARG2 } },
    [SLOW_RAISE] = { cpu_raise, { SA_ARG0, SA_ARG1 } },
    [SLOW_HELPER] = { call_helper, { SA_ARG0 } },
};

/* The frame as seen below one return address. */
static AsmRm frame_below(int32_t off)
{
    return asm_mem(RSP, off + 8);
}

/* Of vectors what the target uses: to load 256 bits makes the next SSE instruction of C wait. */
static void save_registers(const HostCode *c, AsmBuf *a, bool vecs)
{
    for (unsigned r = 0; r < 16; r++) {
        if (HR_POOL & 1u << r) {
            asm_store(a, 8, frame_below(FRAME_OFF(reg) + 8 * r), r);
        }
        if (vecs && (HV_POOL & 1u << r)) {
            asm_v2_store(a, I_VMOVDQU_ST, c->wide, frame_below(FRAME_OFF(vreg) + 32 * r), r, 0);
        }
    }
}

static void restore_registers(const HostCode *c, AsmBuf *a, uint16_t regs, bool vecs)
{
    for (unsigned r = 0; r < 16; r++) {
        if (regs & 1u << r) {
            asm_mov(a, 8, r, frame_below(FRAME_OFF(reg) + 8 * r));
        }
        if (vecs && (HV_POOL & 1u << r)) {
            asm_v2(a, I_VMOVDQU, c->wide, r, frame_below(FRAME_OFF(vreg) + 32 * r), 0);
        }
    }
}

/* The address of what begins here, which is called from a region. */
static uint64_t slow_begin(const HostCode *c, AsmBuf *a, bool vecs)
{
    asm_align(a, 16);
    uint64_t at = asm_here(a);
    save_registers(c, a, vecs);
    asm_mov(a, 8, RAX, asm_mem(RSP, 0));
    asm_store(a, 8, frame_below(FRAME_OFF(ra)), RAX);
    asm_mov_rr(a, 8, RDI, HR_CPU);
    return at;
}

static void slow_call(const HostCode *c, AsmBuf *a, const void *fn)
{
    asm_alu_ri(a, ALU_SUB, 8, RSP, 8);
    if (c->wide) {
        asm_vzeroupper(a);
    }
    call_far(a, fn);
    asm_alu_ri(a, ALU_ADD, 8, RSP, 8);
}

/* The result is in a saved register. */
static uint64_t make_access(const HostCode *c, AsmBuf *a, const void *fn, bool vecs)
{
    uint64_t at = slow_begin(c, a, vecs);

    asm_lea(a, 8, RSI, frame_below(0));
    slow_call(c, a, fn);
    restore_registers(c, a, HR_POOL, vecs);
    asm_ret(a);
    return at;
}

static void make_slow(HostCode *c, AsmBuf *a, unsigned kind, bool vecs)
{
    static const uint8_t reg[5] = { RSI, RDX, RCX, R8, R9 };
    const SlowRow *row = &slow_rows[kind];

    c->slow[kind][vecs] = slow_begin(c, a, vecs);
    for (unsigned k = 0; k < 5 && row->arg[k]; k++) {
        if (row->arg[k] >= SA_VEC0) {
            asm_lea(a, 8, reg[k], frame_below(FRAME_OFF(varg) + 32 * (row->arg[k] - SA_VEC0)));
        } else {
            asm_mov(a, 8, reg[k], frame_below(FRAME_OFF(arg) + 8 * (row->arg[k] - SA_ARG0)));
        }
    }
    slow_call(c, a, row->fn);
    asm_store(a, 8, frame_below(FRAME_OFF(result)), RAX);
    restore_registers(c, a, HR_POOL & HR_CALLER_SAVED, vecs);
    asm_ret(a);
}

void host_common_code(HostCode *c)
{
    AsmBuf a;

    asm_init(&a);
    asm_begin(&a, c->rw, HOST_LOT_BYTES, (uintptr_t)c->rx);
    make_enter(c, &a);
    make_leave(c, &a);
    for (unsigned vecs = 0; vecs < 2; vecs++) {
        c->access[vecs] = make_access(c, &a, host_access, vecs);
        c->missed[vecs] = make_access(c, &a, host_forecast_missed, vecs);
        for (unsigned k = 0; k < SLOW_COUNT; k++) {
            make_slow(c, &a, k, vecs);
        }
    }
    bool ok = asm_finish(&a);
    g_assert(ok);
    asm_clear(&a);
}
