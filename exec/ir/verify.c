/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structural check of a region: operand and result types by the op table, definitions before uses,
 * no use past a join that skips the definition, labels placed once, a proper end.
 */
#include "ir-priv.h"

typedef struct Verify {
    const IrBuilder *b;
    uint32_t *label_pos;    /* 0: not placed */
    uint32_t *first_branch; /* to the label, from above */
    GError **error;
    IrVal at;
} Verify;

static bool bad(Verify *v, const char *what)
{
    g_set_error(v->error, FERRY_EXEC_ERROR, FERRY_EXEC_ERROR_IR_INVALID, "instruction %u (%s): %s",
                v->at, ir_op_info[ir_at(v->b, v->at)->op].name, what);
    return false;
}

static bool type_fits(char c, IrType t, const IrInsn *i, IrType first_int)
{
    switch (c) {
    case 'i': return ir_type_is_int(t) && t == (IrType)i->type;
    case 'w': return t == IR_I32;
    case 'q': return t == IR_I64;
    case 'v': return ir_type_is_vec(t) && t == (IrType)i->type;
    case 'x': return t == IR_V128;
    case 'y': return t == IR_V256;
    case 'j': return ir_type_is_int(t);
    case 'k': return t == first_int;
    case '*': return t == (IrType)i->type && t != IR_VOID;
    default: return t != IR_VOID;
    }
}

/* Values that a forward branch to the label at `pos` may have skipped become unusable after it. */
static bool check_use(Verify *v, IrVal def)
{
    if (def == 0 || def >= v->at) {
        return bad(v, "operand is not defined before");
    }
    for (unsigned l = 0; l < v->b->n_labels; l++) {
        uint32_t pos = v->label_pos[l], from = v->first_branch[l];
        if (pos && from && from < def && def < pos && pos < v->at) {
            return bad(v, "operand may be skipped by a branch");
        }
    }
    return true;
}

static bool check_call(Verify *v, const IrInsn *i)
{
    if (i->imm >= v->b->calls->len) {
        return bad(v, "no such call record");
    }
    const IrCall *c = &g_array_index(v->b->calls, IrCall, i->imm);
    for (unsigned k = 0; k < 6 && c->helper->args[k] != HARG_NONE; k++) {
        static const uint8_t want[] = {
            [HARG_I32] = IR_I32, [HARG_I64] = IR_I64, [HARG_V128] = IR_V128, [HARG_V256] = IR_V256
        };
        if (c->helper->args[k] >= HARG_SLOT_R) {
            if (c->args[k] >= v->b->slots->count || i->op != IR_CALL) {
                return bad(v, "no such slot in a call");
            }
        } else if (i->op != IR_CALL && c->helper->args[k] != HARG_I64 &&
                   c->helper->args[k] != HARG_V128) {
            return bad(v, "argument of a call on a condition");
        } else if (!check_use(v, c->args[k])) {
            return false;
        } else if (ir_type(v->b, c->args[k]) != want[c->helper->args[k]] &&
                   (i->op == IR_CALL || ir_type(v->b, c->args[k]) != IR_V128)) {
            return bad(v, "argument type of a call");
        }
    }
    bool same = i->type == c->helper->ret, scalar = i->type == IR_V128 && c->helper->ret == IR_I64;
    bool fits =
        i->op == IR_CALL ? same : scalar || (same && (i->type == IR_I64 || i->type == IR_V128));
    return fits || bad(v, "result type of a call");
}

/* A v128 may be 4 or 8 bytes of memory: loads clear the rest, stores leave it away. */
static bool mop_fits(const IrInsn *i)
{
    unsigned size = i->imm & MO_SIZE;

    switch ((IrType)i->type) {
    case IR_V256: return size == MO_256;
    case IR_V128:
        return size == MO_128 || ((i->op == IR_LOAD || i->op == IR_STORE) &&
                                  (size == MO_32 || size == MO_64) && !(i->imm & MO_BE));
    case IR_VOID: return true;
    default: return size <= MO_64;
    }
}

static bool check_imm(Verify *v, const IrInsn *i)
{
    const IrOpInfo *info = &ir_op_info[i->op];
    unsigned pos = i->imm & 0xff, len = i->imm >> 8;

    switch (info->immkind) {
    case IRI_slot: return i->imm < v->b->slots->count || bad(v, "no such slot");
    case IRI_var:
        return (i->imm < v->b->n_vars && v->b->var_type[i->imm] == i->type) ||
               bad(v, "no such variable, or of another type");
    case IRI_pool: return i->imm < v->b->pool->len || bad(v, "no such constant");
    case IRI_label:
        return (i->imm < v->b->n_labels && v->label_pos[i->imm]) || bad(v, "label is not placed");
    case IRI_bits:
        return (len >= 1 && pos + len <= ir_type_bits(i->type)) || bad(v, "field out of the value");
    case IRI_mop: return mop_fits(i) || bad(v, "access size against type");
    default: return true;
    }
}

static bool check_insn(Verify *v, const IrInsn *i)
{
    const IrOpInfo *info = &ir_op_info[i->op];
    IrType first_int = IR_VOID;

    if (ir_is_call(i) && !check_call(v, i)) {
        return false;
    }
    if (i->op == IR_CALL) {
        return true;
    }
    if (info->result[0] != '-' && !type_fits(info->result[0], i->type, i, IR_VOID)) {
        return bad(v, "result type");
    }
    for (unsigned k = 0; k < info->nargs; k++) {
        if (!check_use(v, i->arg[k])) {
            return false;
        }
        IrType t = ir_type(v->b, i->arg[k]);
        if (info->args[k] == 'j') {
            first_int = t;
        }
        if (!type_fits(info->args[k], t, i, first_int)) {
            return bad(v, "operand type");
        }
    }
    if (i->op == IR_PUT || i->op == IR_GET) {
        IrType t = i->op == IR_PUT ? ir_type(v->b, i->arg[0]) : (IrType)i->type;
        if (i->imm < v->b->slots->count && v->b->slots->slots[i->imm].type != t) {
            return bad(v, "type of the slot");
        }
    }
    return check_imm(v, i);
}

static bool collect_labels(Verify *v)
{
    for (v->at = 1; v->at < ir_count(v->b); v->at++) {
        const IrInsn *i = ir_at(v->b, v->at);
        if (i->op >= IR_OP_COUNT) {
            return bad(v, "no such op");
        }
        if (ir_op_info[i->op].immkind != IRI_label) {
            continue;
        }
        if (i->imm >= v->b->n_labels) {
            return bad(v, "no such label");
        }
        if (i->op == IR_LABEL) {
            if (v->label_pos[i->imm]) {
                return bad(v, "label placed twice");
            }
            v->label_pos[i->imm] = v->at;
        } else if (!v->label_pos[i->imm] && !v->first_branch[i->imm]) {
            v->first_branch[i->imm] = v->at;
        }
    }
    return true;
}

static bool check_snap(Verify *v, const IrInsn *i)
{
    if (!i->snap) {
        return true;
    }
    const IrSnap *s = &g_array_index(v->b->snaps, IrSnap, i->snap);
    for (unsigned k = 0; k < s->count; k++) {
        const IrSnapEntry *e = &g_array_index(v->b->snap_entries, IrSnapEntry, s->first + k);
        if (e->slot >= v->b->slots->count || !check_use(v, e->val)) {
            return bad(v, "snapshot entry");
        }
    }
    return true;
}

bool ir_verify(const IrBuilder *b, GError **error)
{
    g_autofree uint32_t *pos = g_new0(uint32_t, b->n_labels + 1);
    g_autofree uint32_t *branch = g_new0(uint32_t, b->n_labels + 1);
    Verify v = { .b = b, .label_pos = pos, .first_branch = branch, .error = error };

    if (!collect_labels(&v)) {
        return false;
    }
    for (v.at = 1; v.at < ir_count(b); v.at++) {
        const IrInsn *i = ir_at(b, v.at);
        if (!check_insn(&v, i) || !check_snap(&v, i)) {
            return false;
        }
    }
    v.at = ir_count(b) - 1;
    return b->ended || bad(&v, "region does not end");
}
