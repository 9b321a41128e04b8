/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The region builder: appends instructions, folding integer ops on the way. No policy about state
 * is here; see exec/opt/lower.c for how puts become snapshots.
 */
#include <string.h>
#include "ir-priv.h"

const IrOpInfo ir_op_info[IR_OP_COUNT] = {
#define IR_OP(e, n, r, a, imm, f) [IR_##e] = { #n, r, a, sizeof(a) - 1, IRI_##imm, (f) },
#include "exec/ir-ops.def"
};

const uint16_t ir_op_flags[IR_OP_COUNT] = {
#define IR_OP(e, n, r, a, imm, f) [IR_##e] = (f),
#include "exec/ir-ops.def"
};
const uint8_t ir_op_nargs[IR_OP_COUNT] = {
#define IR_OP(e, n, r, a, imm, f) [IR_##e] = sizeof(a) - 1,
#include "exec/ir-ops.def"
};

const char *const ir_cond_name[IR_COND_COUNT] = {
    "eq", "ne", "lt", "ge", "le", "gt", "ltu", "geu", "leu", "gtu", "tstz", "tstnz",
};
const char *const ir_type_name[5] = { "void", "i32", "i64", "v128", "v256" };

G_DEFINE_QUARK(ferry - exec - error - quark, ferry_exec_error)

IrBuilder *ir_builder_new(const IrSlotTable *slots)
{
    IrBuilder *b = g_new0(IrBuilder, 1);

    b->ins_a = g_array_sized_new(FALSE, FALSE, sizeof(IrInsn), IR_MAX_INSNS);
    b->calls = g_array_sized_new(FALSE, FALSE, sizeof(IrCall), IR_ROOM_CALLS);
    b->pool = g_array_new(FALSE, FALSE, sizeof(IrVec));
    b->snaps = g_array_sized_new(FALSE, FALSE, sizeof(IrSnap), IR_ROOM_SNAPS);
    b->snap_entries = g_array_sized_new(FALSE, FALSE, sizeof(IrSnapEntry), IR_ROOM_ENTRIES);
    b->cse = g_new0(uint16_t, 1u << IR_CSE_BITS);
    ir_reset(b, slots);
    return b;
}

void ir_builder_free(IrBuilder *b)
{
    if (!b) {
        return;
    }
    g_array_free(b->ins_a, TRUE);
    g_array_free(b->calls, TRUE);
    g_array_free(b->pool, TRUE);
    g_array_free(b->snaps, TRUE);
    g_array_free(b->snap_entries, TRUE);
    g_free(b->cse);
    g_free(b->scratch);
    g_free(b);
}

void *ir_scratch(IrBuilder *b, size_t zeros, size_t more)
{
    if (zeros + more > b->scratch_bytes) {
        g_free(b->scratch);
        b->scratch_bytes = (zeros + more) * 2;
        b->scratch = g_malloc(b->scratch_bytes);
    }
    return memset(b->scratch, 0, zeros);
}

unsigned ir_count_links(const IrBuilder *b)
{
    unsigned n = 0;

    for (IrVal v = 1; v < ir_count(b); v++) {
        unsigned op = ir_at(b, v)->op;
        n += op == IR_EXIT_DIRECT || op == IR_EXIT_DIRECT_IF || op == IR_WILL_RETURN;
    }
    return n;
}

void ir_reset(IrBuilder *b, const IrSlotTable *slots)
{
    b->slots = slots;
    b->ins_a->len = 1;
    b->calls->len = 0;
    b->pool->len = 0;
    b->snaps->len = 1;
    b->snap_entries->len = 0;
    *ir_at(b, 0) = (IrInsn){ .op = IR_NOP };
    g_array_index(b->snaps, IrSnap, 0) = (IrSnap){ 0 };
    b->n_labels = 0;
    b->n_vars = 0;
    b->cse_floor = 0;
    b->ended = b->lowered = b->overflow = false;
}

/* Where the last pure op like this one may be noted; what is found there must be compared. */
static uint16_t *cse_place(const IrBuilder *b, const IrInsn *i)
{
    uint64_t h =
        i->imm * 0x9e3779b97f4a7c15u ^
        ((uint64_t)i->arg[0] << 32 ^ (uint64_t)i->arg[1] << 13 ^ (uint64_t)i->arg[2] << 47 ^ i->op ^
         (uint64_t)i->sub << 8 ^ (uint64_t)i->type << 24) *
            0xbf58476d1ce4e5b9u;

    return &b->cse[(h ^ h >> 32) * 0x94d049bb133111ebu >> (64 - IR_CSE_BITS)];
}

static bool same_insn(const IrInsn *a, const IrInsn *b)
{
    return a->op == b->op && a->type == b->type && a->sub == b->sub && a->arg[0] == b->arg[0] &&
           a->arg[1] == b->arg[1] && a->arg[2] == b->arg[2] && a->arg[3] == b->arg[3] &&
           a->imm == b->imm;
}

/* What stood at this place in an earlier region or before a label does not count. */
static bool may_stand_for(const IrBuilder *b, unsigned v)
{
    return v > b->cse_floor && v < b->ins_a->len;
}

/* Each field from where it is: a wide copy of what was just written in pieces waits for all of them. */
static inline IrVal append(IrBuilder *b, IrOp op, IrType type, unsigned sub, IrVal a0, IrVal a1,
                           IrVal a2, IrVal a3, uint64_t imm)
{
    unsigned v = b->ins_a->len;

    if (v >= IR_MAX_INSNS) {
        b->overflow = true;
        g_array_set_size(b->ins_a, v + 1);
    }
    b->ins_a->len = v + 1;
    *ir_at(b, v) =
        (IrInsn){ .op = op, .type = type, .sub = sub, .arg = { a0, a1, a2, a3 }, .imm = imm };
    return v;
}

static IrVal append_insn(IrBuilder *b, const IrInsn *i)
{
    return append(b, i->op, i->type, i->sub, i->arg[0], i->arg[1], i->arg[2], i->arg[3], i->imm);
}

/* The same value as before, or a new one, which is noted. */
static IrVal emit_once(IrBuilder *b, const IrInsn *i)
{
    uint16_t *seen = cse_place(b, i);

    if (may_stand_for(b, *seen) && same_insn(ir_at(b, *seen), i)) {
        return *seen;
    }
    if (b->ins_a->len < IR_MAX_INSNS) {
        *seen = b->ins_a->len;
    }
    return append_insn(b, i);
}

static IrVal emit_const(IrBuilder *b, IrType type, uint64_t value)
{
    if (b->no_fold) {
        return append(b, IR_CONST, type, 0, 0, 0, 0, 0, value);
    }
    uint64_t h = (value + IR_CONST + ((uint64_t)type << 40)) * 0x9e3779b97f4a7c15u;
    uint16_t *seen = &b->cse[(h ^ h >> 32) * 0x94d049bb133111ebu >> (64 - IR_CSE_BITS)];
    unsigned v = b->ins_a->len;

    if (may_stand_for(b, *seen)) {
        const IrInsn *i = ir_at(b, *seen);
        if (i->op == IR_CONST && i->type == type && i->imm == value) {
            return *seen;
        }
    }
    if (v < IR_MAX_INSNS) {
        *seen = v;
    }
    return append(b, IR_CONST, type, 0, 0, 0, 0, 0, value);
}

static IrVal emit_pure(IrBuilder *b, IrInsn *i)
{
    IrVal v = ir_fold(b, i);

    return v ? v : b->merge ? emit_once(b, i) : append_insn(b, i);
}

IrVal ir_emit(IrBuilder *b, IrOp op, IrType type, unsigned sub, IrVal a0, IrVal a1, IrVal a2,
              IrVal a3, uint64_t imm)
{
    unsigned flags = ir_op_flags[op];

    if (op == IR_CONST) {
        return emit_const(b, type, imm);
    }
    if ((flags & IRF_P) && !b->no_fold) {
        IrInsn i = { .op = op, .type = type, .sub = sub, .arg = { a0, a1, a2, a3 }, .imm = imm };
        return emit_pure(b, &i);
    }
    IrVal v = append(b, op, type, sub, a0, a1, a2, a3, imm);
    if (flags & IRF_T) {
        b->ended = true;
    } else if (op == IR_LABEL) {
        b->ended = false;
        b->cse_floor = v;
    }
    return v;
}

bool ir_const_value(const IrBuilder *b, IrVal v, uint64_t *out)
{
    const IrInsn *i = ir_at(b, v);

    if (i->op != IR_CONST) {
        return false;
    }
    *out = i->imm;
    return true;
}

IrVal ir_const(IrBuilder *b, IrType type, uint64_t value)
{
    return emit_const(b, type, value & ir_type_mask(type));
}

IrVal ir_vconst(IrBuilder *b, IrType type, const IrVec *v)
{
    IrVec c = *v;

    if (type == IR_V128) {
        c.q[2] = c.q[3] = 0;
    }
    for (unsigned i = 0; i < b->pool->len; i++) {
        if (!memcmp(&g_array_index(b->pool, IrVec, i), &c, sizeof(c))) {
            return ir_emit(b, IR_VCONST, type, 0, 0, 0, 0, 0, i);
        }
    }
    g_array_append_val(b->pool, c);
    return ir_emit(b, IR_VCONST, type, 0, 0, 0, 0, 0, b->pool->len - 1);
}

IrVal ir_vzero(IrBuilder *b, IrType type)
{
    static const IrVec zero = { 0 };

    return ir_vconst(b, type, &zero);
}

IrVal ir_get(IrBuilder *b, IrSlot slot)
{
    g_assert(slot < b->slots->count);
    return ir_emit(b, IR_GET, b->slots->slots[slot].type, 0, 0, 0, 0, 0, slot);
}

void ir_put(IrBuilder *b, IrSlot slot, IrVal v)
{
    g_assert(slot < b->slots->count);
    ir_emit(b, IR_PUT, ir_type(b, v), 0, v, 0, 0, 0, slot);
}

IrVar ir_var_new(IrBuilder *b, IrType type)
{
    if (b->n_vars == IR_MAX_VARS) {
        b->overflow = true;
        return 0;
    }
    b->var_type[b->n_vars] = type;
    return b->n_vars++;
}

IrVal ir_var_get(IrBuilder *b, IrVar var)
{
    return ir_emit(b, IR_VARGET, b->var_type[var], 0, 0, 0, 0, 0, var);
}

void ir_var_set(IrBuilder *b, IrVar var, IrVal v)
{
    ir_emit(b, IR_VARSET, ir_type(b, v), 0, v, 0, 0, 0, var);
}

void ir_insn_start(IrBuilder *b, uint64_t pc, uint32_t aux)
{
    ir_emit(b, IR_INSN, IR_VOID, 0, 0, 0, 0, aux, pc);
}

void ir_set_aux(IrBuilder *b, uint32_t aux)
{
    for (IrVal v = ir_count(b); v-- > 0;) {
        IrInsn *i = ir_at(b, v);
        if (i->op == IR_INSN) {
            i->arg[3] = aux;
            return;
        }
    }
}

void ir_commit(IrBuilder *b)
{
    ir_emit(b, IR_COMMIT, IR_VOID, 0, 0, 0, 0, 0, 0);
}

IrLabel ir_label_new(IrBuilder *b)
{
    if (b->n_labels == IR_MAX_LABELS) {
        b->overflow = true;
        return 0;
    }
    return b->n_labels++;
}

void ir_label(IrBuilder *b, IrLabel l)
{
    ir_emit(b, IR_LABEL, IR_VOID, 0, 0, 0, 0, 0, l);
}

void ir_br(IrBuilder *b, IrLabel l)
{
    ir_emit(b, IR_BR, IR_VOID, 0, 0, 0, 0, 0, l);
}

int ir_cond_decided(const IrBuilder *b, const IrCondition *q)
{
    uint64_t a, k;

    if (b->no_fold || !ir_const_value(b, q->x, &a) || !ir_const_value(b, q->y, &k)) {
        return -1;
    }
    return ir_eval_cond(q->c, ir_type(b, q->x), a, k);
}

/* An op that acts when the condition holds: op, or always when it always holds, or nothing. */
static void when(IrBuilder *b, IrOp op, IrOp always, IrCondition q, uint64_t imm)
{
    ir_fold_cond(b, &q);
    int d = ir_cond_decided(b, &q);
    if (d == 1) {
        ir_emit(b, always, IR_VOID, 0, 0, 0, 0, 0, imm);
    } else if (d < 0) {
        ir_emit(b, op, ir_type(b, q.x), q.c, q.x, q.y, 0, 0, imm);
    }
}

void ir_brcond(IrBuilder *b, IrCond c, IrVal x, IrVal y, IrLabel l)
{
    when(b, IR_BRCOND, IR_BR, (IrCondition){ c, x, y }, l);
}

void ir_exit_direct(IrBuilder *b, uint64_t pc)
{
    ir_emit(b, IR_EXIT_DIRECT, IR_VOID, 0, 0, 0, 0, 0, pc);
}

void ir_exit_direct_if(IrBuilder *b, IrCond c, IrVal x, IrVal y, uint64_t pc)
{
    when(b, IR_EXIT_DIRECT_IF, IR_EXIT_DIRECT, (IrCondition){ c, x, y }, pc);
}

void ir_dead_at_exit(IrBuilder *b, uint8_t groups)
{
    IrInsn *i = ir_at(b, ir_count(b) - 1);

    if (ir_op_info[i->op].flags & IRF_X) {
        i->dead = groups;
    }
}

void ir_exit_indirect(IrBuilder *b, IrVal pc)
{
    ir_emit(b, IR_EXIT_INDIRECT, IR_VOID, 0, pc, 0, 0, 0, 0);
}

void ir_will_return(IrBuilder *b, uint64_t pc)
{
    ir_emit(b, IR_WILL_RETURN, IR_VOID, 0, 0, 0, 0, 0, pc);
}

void ir_exit_return(IrBuilder *b, IrVal pc)
{
    ir_emit(b, IR_EXIT_RETURN, IR_VOID, 0, pc, 0, 0, 0, 0);
}

void ir_exit_loop(IrBuilder *b, IrVal pc)
{
    ir_emit(b, IR_EXIT_LOOP, IR_VOID, 0, pc, 0, 0, 0, 0);
}

void ir_raise(IrBuilder *b, unsigned excp, uint32_t error)
{
    ir_emit(b, IR_RAISE, IR_VOID, 0, 0, 0, 0, 0, excp | (uint64_t)error << 32);
}

void ir_raise_if(IrBuilder *b, IrCond c, IrVal x, IrVal y, unsigned excp, uint32_t error)
{
    when(b, IR_RAISE_IF, IR_RAISE, (IrCondition){ c, x, y }, excp | (uint64_t)error << 32);
}

IrVal ir_call_args(IrBuilder *b, const HelperDesc *h, const IrVal args[6])
{
    IrCall c = { .helper = h };

    memcpy(c.args, args, sizeof(c.args));
    ir_push(b->calls, IR_ROOM_CALLS, IrCall, c);
    IrVal v = ir_emit(b, IR_CALL, h->ret, 0, 0, 0, 0, 0, b->calls->len - 1);
    if (h->flags & HELPER_NORETURN) {
        b->ended = true;
    }
    return h->ret == IR_VOID ? 0 : v;
}

IrVal ir_call_if(IrBuilder *b, IrCond c, IrVal x, IrVal y, IrVal otherwise, const HelperDesc *h,
                 const IrVal args[6])
{
    IrCondition q = { c, x, y };
    IrCall call = { .helper = h };

    ir_fold_cond(b, &q);
    if (ir_cond_decided(b, &q) == 0) {
        return otherwise;
    }
    memcpy(call.args, args, sizeof(call.args));
    ir_push(b->calls, IR_ROOM_CALLS, IrCall, call);
    return ir_emit(b, IR_CALL_IF, ir_type(b, otherwise), q.c, q.x, q.y, otherwise, 0,
                   b->calls->len - 1);
}
