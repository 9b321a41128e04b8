/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lowered IR to bytecode: operands get frame units by one scan with reuse after the last use;
 * constants and address displacements fold into the ops; exits and raises become stubs at the end
 * that first store what their snapshot owes.
 *
 * i32 values: "clean" ones are zero-extended in their unit, others have junk above bit 31 (a
 * truncation is only an alias). 32-bit ops look at the low half only and give clean results.
 */
#include <string.h>
#include "exec/exec-priv.h"
#include "exec/ir/ir-priv.h"
#include "bc-ops.h"

typedef struct Comp {
    Tb *tb;
    IrBuilder *b;
    GArray *code;  /* BcOp */
    GArray *snaps; /* uint32_t by code index */
    IrVal *root;   /* value whose unit holds it */
    uint32_t *uses;
    uint32_t *last;
    uint16_t *unit;
    uint8_t *clean;
    uint8_t *imm_b; /* second operand folded into the op */
    uint8_t *disp;  /* address operand is base + constant */
    uint16_t *var_unit;
    uint32_t *label_at;
    GArray *fix;   /* Fix: code index -> label */
    GArray *stubs; /* Stub */
    GArray *free_units[3];
    uint32_t next_unit;
    unsigned n_links;
    bool too_large;
} Comp;

typedef struct Fix {
    uint32_t at, label;
} Fix;
typedef struct Stub {
    uint32_t at; /* branch op to patch */
    IrVal insn;
} Stub;

static unsigned units_of(IrType t)
{
    return t == IR_V256 ? 4 : t == IR_V128 ? 2 : 1;
}

static uint16_t unit_new(Comp *c, IrType t)
{
    unsigned n = units_of(t), cls = n >> 1;
    GArray *f = c->free_units[cls];

    if (f->len) {
        uint16_t u = g_array_index(f, uint16_t, f->len - 1);
        g_array_set_size(f, f->len - 1);
        return u;
    }
    c->next_unit = (c->next_unit + n - 1) / n * n;
    uint32_t u = c->next_unit;
    c->next_unit += n;
    if (c->next_unit > 0xfff0) {
        c->too_large = true;
    }
    return u;
}

static void unit_free(Comp *c, IrType t, uint16_t u)
{
    g_array_append_val(c->free_units[units_of(t) >> 1], u);
}

static BcOp *emit(Comp *c, unsigned op, unsigned d, unsigned a, unsigned b)
{
    BcOp o = { .op = op, .d = d, .a = a, .b = b };
    uint32_t none = 0;

    g_array_append_val(c->code, o);
    g_array_append_val(c->snaps, none);
    if (c->code->len > 0xfff0) {
        c->too_large = true;
    }
    return &g_array_index(c->code, BcOp, c->code->len - 1);
}

static void set_snap(Comp *c, uint32_t snap)
{
    g_array_index(c->snaps, uint32_t, c->snaps->len - 1) = snap;
}

static uint16_t val(Comp *c, IrVal v)
{
    return c->unit[c->root[v]];
}

/* ---- analysis ---- */

static bool has_imm_form(const IrInsn *i)
{
    switch (i->op) {
    case IR_ADD:
    case IR_SUB:
    case IR_MUL:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
    case IR_ANDN:
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROTL:
    case IR_ROTR:
    case IR_SETCOND:
    case IR_CALL_IF:
    case IR_BRCOND:
    case IR_EXIT_DIRECT_IF:
    case IR_RAISE_IF: return true;
    default: return false;
    }
}

static bool is_address_op(unsigned op)
{
    return op == IR_LOAD || op == IR_STORE;
}

static void use(Comp *c, IrVal v, IrVal at)
{
    IrVal r = c->root[v];

    c->uses[r]++;
    c->last[r] = MAX(c->last[r], at);
}

static void analyse_args(Comp *c, const IrInsn *i, IrVal v)
{
    const IrBuilder *b = c->b;
    unsigned n = ir_nargs(i);
    uint64_t k;

    for (unsigned a = 0; a < n; a++) {
        IrVal x = i->arg[a];
        if (a == 1 && has_imm_form(i) && ir_const_value(b, x, &k)) {
            c->imm_b[v] = 1;
            continue;
        }
        if (a == 0 && is_address_op(i->op)) {
            const IrInsn *ad = ir_at(b, x);
            if (ad->op == IR_ADD && ir_const_value(b, ad->arg[1], &k) && (int64_t)k == (int32_t)k) {
                c->disp[v] = 1;
                x = ad->arg[0];
            }
        }
        use(c, x, v);
    }
    if (ir_is_call(i)) {
        const IrCall *call = &g_array_index(b->calls, IrCall, i->imm);
        for (unsigned a = 0; a < 6 && call->helper->args[a] != HARG_NONE; a++) {
            if (call->helper->args[a] < HARG_SLOT_R) {
                use(c, call->args[a], v);
            }
        }
    }
    if (i->snap) {
        const IrSnap *s = &g_array_index(b->snaps, IrSnap, i->snap);
        for (unsigned e = 0; e < s->count; e++) {
            use(c, g_array_index(b->snap_entries, IrSnapEntry, s->first + e).val, v);
        }
    }
}

static bool gives_clean(Comp *c, const IrInsn *i)
{
    switch (i->op) {
    case IR_TRUNC32:
    case IR_VARGET: return false;
    case IR_MOVCOND: return i->type != IR_I32 || (c->clean[i->arg[2]] && c->clean[i->arg[3]]);
    case IR_MOV: return c->clean[i->arg[0]];
    default: return true;
    }
}

/* Roots and cleanness, forward; then uses (which need them). */
static void analyse(Comp *c)
{
    unsigned n = ir_count(c->b);

    for (IrVal v = 1; v < n; v++) {
        const IrInsn *i = ir_at(c->b, v);
        c->root[v] = v;
        c->clean[v] = gives_clean(c, i);
        if (i->op == IR_TRUNC32 || i->op == IR_MOV) {
            c->root[v] = c->root[i->arg[0]];
        } else if (i->op == IR_ZEXT32 && c->clean[i->arg[0]]) {
            c->root[v] = c->root[i->arg[0]];
        }
    }
    for (IrVal v = 1; v < n; v++) {
        const IrInsn *i = ir_at(c->b, v);
        if (c->root[v] == v) {
            analyse_args(c, i, v);
        }
    }
    /* A value used in a loop that it was defined before must last until the jump back. */
    g_autofree uint32_t *pos = g_new0(uint32_t, c->b->n_labels + 1);
    for (IrVal v = 1; v < n; v++) {
        const IrInsn *i = ir_at(c->b, v);
        if (i->op == IR_LABEL) {
            pos[i->imm] = v;
        } else if ((i->op == IR_BR || i->op == IR_BRCOND) && pos[i->imm]) {
            for (IrVal u = 1; u < pos[i->imm]; u++) {
                if (c->last[u] > pos[i->imm] && c->last[u] < v) {
                    c->last[u] = v;
                }
            }
        }
    }
}

/* ---- emission ---- */

static unsigned int_op(unsigned base32, IrType t, bool imm)
{
    return base32 + (t == IR_I64) + (imm ? 2 : 0);
}

static bool gen_int2(Comp *c, const IrInsn *i, IrVal v, uint16_t d)
{
    static const uint16_t base[IR_OP_COUNT] = {
#define B(n) [IR_##n] = BC_##n##32,
        BC_INT2(B)
#undef B
    };
    uint64_t k = 0;

    if (!base[i->op]) {
        return false;
    }
    if (c->imm_b[v]) {
        ir_const_value(c->b, i->arg[1], &k);
        emit(c, int_op(base[i->op], i->type, true), d, val(c, i->arg[0]), 0)->imm = k;
    } else {
        emit(c, int_op(base[i->op], i->type, false), d, val(c, i->arg[0]), val(c, i->arg[1]));
    }
    return true;
}

static bool gen_unary(Comp *c, const IrInsn *i, uint16_t d)
{
    bool q = i->type == IR_I64;
    unsigned op;
    uint16_t a = val(c, i->arg[0]);

    switch (i->op) {
    case IR_ZEXT32: op = BC_ZEXT32; break;
    case IR_NOT: op = q ? BC_NOT64 : BC_NOT32; break;
    case IR_NEG: op = q ? BC_NEG64 : BC_NEG32; break;
    case IR_SEXT8: op = q ? BC_SEXT8_64 : BC_SEXT8_32; break;
    case IR_SEXT16: op = q ? BC_SEXT16_64 : BC_SEXT16_32; break;
    case IR_SEXT32: op = BC_SEXT32; break;
    case IR_ZEXT8: op = BC_ZEXT8; break;
    case IR_ZEXT16: op = BC_ZEXT16; break;
    case IR_BSWAP16: op = BC_BSWAP16; break;
    case IR_BSWAP32: op = BC_BSWAP32; break;
    case IR_BSWAP64: op = BC_BSWAP64; break;
    case IR_CLZ: op = q ? BC_CLZ64 : BC_CLZ32; break;
    case IR_CTZ: op = q ? BC_CTZ64 : BC_CTZ32; break;
    case IR_POPCNT: op = q ? BC_POPCNT64 : BC_POPCNT32; break;
    case IR_EXTRACTU: {
        unsigned pos = i->imm & 0xff, len = i->imm >> 8;
        emit(c, BC_EXTRACTU, d, a, pos)->imm = len >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << len) - 1;
        return true;
    }
    case IR_EXTRACTS: {
        BcOp *o = emit(c, q ? BC_EXTRACTS : BC_EXTRACTS32, d, a, 0);
        o->c = 64 - (i->imm & 0xff) - (i->imm >> 8);
        o->e = 64 - (i->imm >> 8);
        return true;
    }
    default: return false;
    }
    emit(c, op, d, a, 0);
    return true;
}

static bool gen_arith(Comp *c, const IrInsn *i, uint16_t d)
{
    uint16_t a = val(c, i->arg[0]), b = val(c, i->arg[1]);
    BcOp *o;

    switch (i->op) {
    case IR_DEPOSIT:
        o = emit(c, BC_DEPOSIT, d, a, b);
        o->c = i->imm & 0xff;
        o->e = i->imm >> 8;
        o->x = i->type == IR_I32;
        return true;
    case IR_DIVUW: emit(c, BC_DIVUW, d, a, b)->c = val(c, i->arg[2]); return true;
    case IR_MULHU:
    case IR_MULHS:
        if (i->type == IR_I64) {
            emit(c, i->op == IR_MULHU ? BC_MULHU64 : BC_MULHS64, d, a, b);
            return true;
        }
        /* fall through */
    case IR_DIVU:
    case IR_DIVS:
    case IR_REMU:
    case IR_REMS:
    case IR_PDEP:
    case IR_PEXT:
        o = emit(c, BC_EVAL, d, a, b);
        o->c = i->op;
        o->e = i->type;
        return true;
    default: return false;
    }
}

static void gen_cond_op(Comp *c, unsigned base32, const IrInsn *i, IrVal v, unsigned d)
{
    IrType t = ir_type(c->b, i->arg[0]);
    unsigned op = int_op(base32 + 4 * i->sub, t, c->imm_b[v]);
    uint64_t k = 0;

    if (c->imm_b[v]) {
        ir_const_value(c->b, i->arg[1], &k);
        emit(c, op, d, val(c, i->arg[0]), 0)->imm = k;
    } else {
        emit(c, op, d, val(c, i->arg[0]), val(c, i->arg[1]));
    }
}

static void gen_movcond(Comp *c, const IrInsn *i, uint16_t d)
{
    IrType t = ir_type(c->b, i->arg[0]);
    BcOp *o;

    if (ir_type_is_int(i->type)) {
        o = emit(c, int_op(BC_MOV_EQ32 + 4 * i->sub, t, false), d, val(c, i->arg[0]),
                 val(c, i->arg[1]));
    } else {
        /* condition and types in a second word */
        o = emit(c, BC_MOVCONDV, d, val(c, i->arg[0]), val(c, i->arg[1]));
        o->x = i->sub | t << 8 | (uint32_t)i->type << 16;
    }
    o->c = val(c, i->arg[2]);
    o->e = val(c, i->arg[3]);
}

static void gen_get(Comp *c, IrType t, unsigned size, uint32_t offset, uint16_t d)
{
    static const uint16_t op[] = { [1] = BC_GET8, [2] = BC_GET16, [4] = BC_GET32, [8] = BC_GET64 };

    bool half = t == IR_V128 && size == 8;

    emit(c,
         half || t < IR_V128 ? op[size]
         : t == IR_V128      ? BC_GET128
                             : BC_GET256,
         d, 0, 0)
        ->imm = offset;
    if (half) {
        emit(c, BC_CONST, d + 1, 0, 0)->imm = 0;
    }
}

static void gen_put(Comp *c, IrSlot s, IrVal v)
{
    static const uint16_t op[] = { [1] = BC_PUT8, [2] = BC_PUT16, [4] = BC_PUT32, [8] = BC_PUT64 };
    const IrSlotDesc *sd = &c->b->slots->slots[s];
    unsigned o = sd->size <= 8 ? op[sd->size] : sd->size == 16 ? BC_PUT128 : BC_PUT256;

    emit(c, o, 0, val(c, v), 0)->imm = sd->offset;
}

static void gen_snap_puts(Comp *c, uint32_t snap)
{
    const IrSnap *s = &g_array_index(c->b->snaps, IrSnap, snap);

    for (unsigned k = 0; k < s->count; k++) {
        const IrSnapEntry *e = &g_array_index(c->b->snap_entries, IrSnapEntry, s->first + k);
        gen_put(c, e->slot, e->val);
    }
}

static void gen_mem(Comp *c, const IrInsn *i, IrVal v, uint16_t d)
{
    static const uint16_t loads[2][8] = {
        { BC_LOADU8, BC_LOADU16, BC_LOADU32, BC_LOADU64, BC_LOADS8_32, BC_LOADS16_32, BC_LOADU32 },
        { BC_LOADU8, BC_LOADU16, BC_LOADU32, BC_LOADU64, BC_LOADS8_64, BC_LOADS16_64, BC_LOADS32_64,
          BC_LOADU64 },
    };
    static const uint16_t stores[4] = { BC_STORE8, BC_STORE16, BC_STORE32, BC_STORE64 };
    IrMemOp mo = i->imm;
    bool vec = ir_type_is_vec(i->type), plain = !(mo & (MO_BE | MO_ALIGN));
    IrVal addr = i->arg[0];
    uint64_t disp = 0;
    unsigned sz = mo & MO_SIZE, op;

    if (c->disp[v]) {
        ir_const_value(c->b, ir_at(c->b, addr)->arg[1], &disp);
        addr = ir_at(c->b, addr)->arg[0];
    }
    if (i->op == IR_LOAD) {
        unsigned row = sz + (mo & MO_SIGN && sz < 3 ? 4 : 0);
        op = vec ? BC_LOADV : plain ? loads[i->type == IR_I64][row] : BC_LOADG;
    } else {
        op = vec ? BC_STOREV : plain ? stores[sz & 3] : BC_STOREG;
    }
    BcOp *o = emit(c, op, i->op == IR_LOAD ? d : 0, val(c, addr),
                   i->op == IR_LOAD ? 0 : val(c, i->arg[1]));
    o->e = mo;
    o->c = i->type;
    o->x = disp;
    set_snap(c, i->snap);
}

static void gen_atomic(Comp *c, const IrInsn *i, uint16_t d)
{
    BcOp *o;

    switch (i->op) {
    case IR_ATOMIC:
        o = emit(c, BC_ATOMIC, d, val(c, i->arg[0]), val(c, i->arg[1]));
        o->x = i->sub | (uint32_t)i->type << 8;
        break;
    case IR_CMPXCHG:
        o = emit(c, i->type == IR_V128 ? BC_CMPXCHG16 : BC_CMPXCHG, d, val(c, i->arg[0]),
                 val(c, i->arg[1]));
        o->c = val(c, i->arg[2]);
        o->x = i->type;
        break;
    default:
        o = emit(c, BC_PROBE, 0, val(c, i->arg[0]), 0);
        o->x = i->sub;
        break;
    }
    o->e = i->imm;
    set_snap(c, i->snap);
}

static void gen_call(Comp *c, const IrInsn *i, uint16_t d)
{
    const IrCall *call = &g_array_index(c->b->calls, IrCall, i->imm);
    const HelperDesc *h = call->helper;
    BcCall *r = &c->tb->more->bc->calls[i->imm];
    bool simple = h->ret <= IR_I64 && !(h->flags & HELPER_FPENV);

    r->fn = h->fn;
    r->ret = h->ret;
    r->flags = h->flags;
    for (unsigned k = 0; k < 6 && h->args[k] != HARG_NONE; k++) {
        if (h->args[k] >= HARG_SLOT_R) {
            r->kind[k] = BCA_STATE;
            r->arg[k] = c->b->slots->slots[call->args[k]].offset;
            simple = false;
        } else if (h->args[k] >= HARG_V128) {
            r->kind[k] = BCA_FRAME;
            r->arg[k] = val(c, call->args[k]);
            simple = false;
        } else {
            r->kind[k] = h->args[k] == HARG_I32 ? BCA_VALUE32 : BCA_VALUE;
            r->arg[k] = val(c, call->args[k]);
            simple &= r->kind[k] == BCA_VALUE || c->clean[call->args[k]];
        }
    }
    emit(c, simple ? BC_CALLI : BC_CALL, d, 0, 0)->imm = (uintptr_t)r;
    set_snap(c, i->snap);
}

static void gen_mov(Comp *c, IrType t, unsigned d, unsigned a)
{
    emit(c, t == IR_V256 ? BC_MOV256 : t == IR_V128 ? BC_MOV128 : BC_MOV, d, a, 0);
}

/* Over the call unless the condition holds; d is no operand's unit. */
static void gen_call_if(Comp *c, const IrInsn *i, IrVal v, uint16_t d)
{
    IrInsn over = *i;
    uint32_t at = c->code->len + 1;

    over.sub = ir_cond_inverse(i->sub);
    gen_mov(c, i->type, d, val(c, i->arg[2]));
    gen_cond_op(c, BC_BR_EQ32, &over, v, 0);
    gen_call(c, i, d);
    g_array_index(c->code, BcOp, at).d = c->code->len;
}

static void gen_link(Comp *c, uint64_t pc)
{
    TbLink *l = &tb_links(c->tb)[c->n_links];

    l->index = c->n_links;
    l->pc = pc;
    emit(c, BC_EXIT_DIRECT, 0, 0, 0)->imm = c->n_links++;
}

static void gen_control(Comp *c, const IrInsn *i, IrVal v)
{
    Fix fix = { .label = i->imm };
    Stub stub = { .insn = v };

    switch (i->op) {
    case IR_LABEL: c->label_at[i->imm] = c->code->len; break;
    case IR_BR:
        fix.at = c->code->len;
        emit(c, BC_BR, 0, 0, 0);
        g_array_append_val(c->fix, fix);
        break;
    case IR_BRCOND:
        fix.at = c->code->len;
        gen_cond_op(c, BC_BR_EQ32, i, v, 0);
        g_array_append_val(c->fix, fix);
        break;
    case IR_EXIT_DIRECT_IF:
    case IR_RAISE_IF:
        stub.at = c->code->len;
        gen_cond_op(c, BC_BR_EQ32, i, v, 0);
        g_array_append_val(c->stubs, stub);
        break;
    case IR_EXIT_DIRECT:
        gen_snap_puts(c, i->snap);
        gen_link(c, i->imm);
        break;
    case IR_EXIT_INDIRECT:
    case IR_EXIT_RETURN:
    case IR_EXIT_LOOP:
        gen_snap_puts(c, i->snap);
        emit(c, i->op == IR_EXIT_LOOP ? BC_EXIT_LOOP : BC_EXIT_INDIRECT, 0, val(c, i->arg[0]), 0);
        break;
    case IR_RAISE:
        emit(c, BC_RAISE, 0, 0, 0)->imm = i->imm;
        set_snap(c, i->snap);
        break;
    case IR_FENCE: emit(c, BC_FENCE, 0, 0, 0)->imm = i->sub; break;
    default: break;
    }
}

static void gen_vec(Comp *c, const IrInsn *i, uint16_t d)
{
    unsigned n = ir_nargs(i);
    IrType ot = n ? ir_type(c->b, i->arg[0]) : (IrType)i->type;
    if (i->op == IR_VFCVTSI) {
        ot = ir_type(c->b, i->arg[1]);
    }
    BcVecFn fn = interp_vec_fn(i->op, i->type, ot, i->sub);

    g_assert(fn);
    BcOp *o = emit(c, BC_VEC, d, n > 0 ? val(c, i->arg[0]) : 0, n > 1 ? val(c, i->arg[1]) : 0);
    o->c = n > 2 ? val(c, i->arg[2]) : 0;
    o->x = i->imm;
    emit(c, BC_VEC, 0, 0, 0)->imm = (uintptr_t)fn;
}

static void gen_insn(Comp *c, const IrInsn *i, IrVal v, uint16_t d)
{
    switch (i->op) {
    case IR_NOP:
    case IR_INSN:
    case IR_WILL_RETURN:
    case IR_COMMIT: break;
    case IR_CONST: emit(c, BC_CONST, d, 0, 0)->imm = i->imm; break;
    case IR_VCONST:
        emit(c, BC_VCONST, d, 0, i->type)->imm = (uintptr_t)&c->tb->more->pool[i->imm];
        break;
    case IR_GET: {
        const IrSlotDesc *s = &c->b->slots->slots[i->imm];
        gen_get(c, s->type, s->size, s->offset, d);
        break;
    }
    case IR_PUT: gen_put(c, i->imm, i->arg[0]); break;
    case IR_VARGET: gen_mov(c, i->type, d, c->var_unit[i->imm]); break;
    case IR_VARSET: gen_mov(c, i->type, c->var_unit[i->imm], val(c, i->arg[0])); break;
    case IR_LOAD:
    case IR_STORE: gen_mem(c, i, v, d); break;
    case IR_ATOMIC:
    case IR_CMPXCHG:
    case IR_PROBE: gen_atomic(c, i, d); break;
    case IR_SETCOND: gen_cond_op(c, BC_SET_EQ32, i, v, d); break;
    case IR_MOVCOND: gen_movcond(c, i, d); break;
    case IR_CALL: gen_call(c, i, d); break;
    case IR_CALL_IF: gen_call_if(c, i, v, d); break;
    default:
        if (ir_op_info[i->op].immkind == IRI_label || (ir_op_info[i->op].flags & (IRF_X | IRF_F)) ||
            i->op == IR_FENCE) {
            gen_control(c, i, v);
        } else if (i->op >= IR_VAND) {
            gen_vec(c, i, d);
        } else if (!gen_int2(c, i, v, d) && !gen_unary(c, i, d)) {
            bool done = gen_arith(c, i, d);
            g_assert(done);
        }
        break;
    }
}

static void release_dead(Comp *c, IrVal x, IrVal at)
{
    IrVal r = c->root[x];

    if (c->last[r] == at && c->unit[r] && r != at) {
        unit_free(c, ir_type(c->b, r), c->unit[r]);
        c->last[r] = UINT32_MAX; /* once */
    }
}

static void release_operands(Comp *c, const IrInsn *i, IrVal v)
{
    for (unsigned a = 0; a < ir_nargs(i); a++) {
        release_dead(c, i->arg[a], v);
    }
    if (c->disp[v]) {
        release_dead(c, ir_at(c->b, i->arg[0])->arg[0], v);
    }
    if (ir_is_call(i)) {
        const IrCall *call = &g_array_index(c->b->calls, IrCall, i->imm);
        for (unsigned a = 0; a < 6 && call->helper->args[a] != HARG_NONE; a++) {
            if (call->helper->args[a] < HARG_SLOT_R) {
                release_dead(c, call->args[a], v);
            }
        }
    }
}

static void generate(Comp *c)
{
    unsigned n = ir_count(c->b);

    for (IrVal v = 1; v < n && !c->too_large; v++) {
        const IrInsn *i = ir_at(c->b, v);
        unsigned flags = ir_op_info[i->op].flags;
        bool result =
            i->type != IR_VOID && (i->op == IR_CALL || ir_op_info[i->op].result[0] != '-');

        if (c->root[v] != v || i->op == IR_NOP) {
            continue;
        }
        if (result && !c->uses[v] && (flags & (IRF_P | IRF_R)) && !(flags & (IRF_F | IRF_H))) {
            continue; /* folded into its users */
        }
        /* Values that a side exit's stub reads stay untouched until the next op of the main
         * line; the stub is entered at once, so nothing more is needed. */
        uint16_t d = 0;
        if (result) {
            d = c->unit[v] = unit_new(c, i->type);
        }
        gen_insn(c, i, v, d);
        release_operands(c, i, v);
        if (result && !c->uses[v]) {
            unit_free(c, i->type, d);
        }
    }
}

static void gen_stubs(Comp *c)
{
    for (unsigned k = 0; k < c->stubs->len; k++) {
        Stub *s = &g_array_index(c->stubs, Stub, k);
        const IrInsn *i = ir_at(c->b, s->insn);
        g_array_index(c->code, BcOp, s->at).d = c->code->len;
        if (i->op == IR_RAISE_IF) {
            emit(c, BC_RAISE, 0, 0, 0)->imm = i->imm;
            set_snap(c, i->snap);
        } else {
            gen_snap_puts(c, i->snap);
            gen_link(c, i->imm);
        }
    }
    for (unsigned k = 0; k < c->fix->len; k++) {
        Fix *f = &g_array_index(c->fix, Fix, k);
        g_array_index(c->code, BcOp, f->at).d = c->label_at[f->label];
    }
}

/* Copy the snapshots that faults need, with frame units instead of values. */
static void make_snaps(Comp *c)
{
    TbBytecode *bc = c->tb->more->bc;
    const IrBuilder *b = c->b;

    bc->snaps = g_new0(BcSnap, b->snaps->len);
    bc->snap_entries = g_new0(BcSnapEntry, b->snap_entries->len);
    for (unsigned s = 1; s < b->snaps->len; s++) {
        const IrSnap *f = &g_array_index(b->snaps, IrSnap, s);
        bc->snaps[s] = (BcSnap){ .pc = f->pc, .aux = f->aux, .first = f->first, .count = f->count };
    }
    for (unsigned k = 0; k < b->snap_entries->len; k++) {
        const IrSnapEntry *e = &g_array_index(b->snap_entries, IrSnapEntry, k);
        const IrSlotDesc *d = &b->slots->slots[e->slot];
        bc->snap_entries[k] =
            (BcSnapEntry){ .offset = d->offset, .unit = val(c, e->val), .size = d->size };
    }
}

static void finish(Comp *c)
{
    Tb *tb = c->tb;
    TbBytecode *bc = tb->more->bc;

    make_snaps(c);
    bc->n_code = c->code->len;
    bc->code = g_memdup2(c->code->data, c->code->len * sizeof(BcOp));
    bc->snap_of = g_memdup2(c->snaps->data, c->snaps->len * sizeof(uint32_t));
    bc->frame_units = c->next_unit;
    tb->n_links = c->n_links;
    tb->bytes = sizeof(Tb) + sizeof(TbMore) + c->code->len * (sizeof(BcOp) + 4) +
                c->b->snap_entries->len * sizeof(BcSnapEntry) + c->b->calls->len * sizeof(BcCall) +
                c->n_links * sizeof(TbLink);
}

bool interp_compile(Tb *tb, IrBuilder *b)
{
    unsigned n = ir_count(b);
    Comp c = {
        .tb = tb,
        .b = b,
        .code = g_array_new(FALSE, FALSE, sizeof(BcOp)),
        .snaps = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
        .fix = g_array_new(FALSE, FALSE, sizeof(Fix)),
        .stubs = g_array_new(FALSE, FALSE, sizeof(Stub)),
        .next_unit = 4, /* unit 0: none */
    };
    /* four uint32_t, one uint16_t, three byte arrays in one block */
    g_autofree uint8_t *mem = g_malloc0((size_t)n * 20);
    g_autofree uint16_t *vars = g_new0(uint16_t, IR_MAX_VARS);
    g_autofree uint32_t *labels = g_new0(uint32_t, b->n_labels + 1);

    c.root = (IrVal *)mem;
    c.uses = (uint32_t *)mem + n;
    c.last = (uint32_t *)mem + 2 * n;
    c.unit = (uint16_t *)((uint32_t *)mem + 3 * n);
    c.clean = (uint8_t *)((uint32_t *)mem + 4 * n);
    c.imm_b = g_malloc0(2 * (size_t)n);
    c.disp = c.imm_b + n;
    c.var_unit = vars;
    c.label_at = labels;
    for (unsigned k = 0; k < 3; k++) {
        c.free_units[k] = g_array_new(FALSE, FALSE, sizeof(uint16_t));
    }
    for (unsigned k = 0; k < b->n_vars; k++) {
        vars[k] = unit_new(&c, b->var_type[k]);
    }
    TbMore *more = tb_more(tb);
    more->bc = g_new0(TbBytecode, 1);
    more->bc->calls = g_new0(BcCall, b->calls->len + 1);
    more->pool = b->pool->len ? g_aligned_alloc(b->pool->len, sizeof(IrVec), 32) : NULL;
    if (more->pool) {
        memcpy(more->pool, b->pool->data, b->pool->len * sizeof(IrVec));
    }
    analyse(&c);
    generate(&c);
    gen_stubs(&c);
    if (!c.too_large) {
        finish(&c);
    }
    g_array_free(c.code, TRUE);
    g_array_free(c.snaps, TRUE);
    g_array_free(c.fix, TRUE);
    g_array_free(c.stubs, TRUE);
    for (unsigned k = 0; k < 3; k++) {
        g_array_free(c.free_units[k], TRUE);
    }
    g_free(c.imm_b);
    return !c.too_large;
}
