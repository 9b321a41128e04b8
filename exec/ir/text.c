/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text form of a region: one instruction a line, for -d op logs and for tests that state IR as
 * text. Grammar of a line:
 *   [vN:type =] op[.sub] operand, ... [!pc:aux{@slot=vN ...}]
 * Operands in order: values vN, then the immediate: #hex, @slot, $var, Llabel, [mop words],
 * {q0 q1 q2 q3}, or name(args) for a call.
 */
#include <inttypes.h>
#include <string.h>
#include "ir-priv.h"

static const char *const lane_name[] = { "8", "16", "32", "64" };
static const char *const shape_name[] = { "s32", "s64", "p32", "p64" };
static const char *const rmw_name[] = { "add", "and", "or", "xor", "xchg" };
static const char *const access_name[] = { "r", "w", "x" };
static const char *const fence_name[] = { "none", "load", "store", "full" };

/* The names that sub takes in this op, or NULL when it is not used. */
static const char *const *sub_names(IrOp op, unsigned *count)
{
    *count = 4;
    if (ir_op_info[op].flags & IRF_E) {
        return lane_name;
    }
    if (ir_op_info[op].flags & IRF_H) {
        return shape_name;
    }
    switch (op) {
    case IR_SETCOND:
    case IR_MOVCOND:
    case IR_BRCOND:
    case IR_CALL_IF:
    case IR_EXIT_DIRECT_IF:
    case IR_RAISE_IF: *count = IR_COND_COUNT; return ir_cond_name;
    case IR_ATOMIC: *count = IR_RMW_COUNT; return rmw_name;
    case IR_PROBE: *count = 3; return access_name;
    case IR_FENCE: return fence_name;
    default: *count = 0; return NULL;
    }
}

static void print_mop(GString *s, IrMemOp mo)
{
    g_string_append_printf(s, "[%u%s%s%s%s mmu%u]", MO_BYTES(mo) * 8, mo & MO_SIGN ? " s" : "",
                           mo & MO_BE ? " be" : "", mo & MO_ALIGN ? " al" : "",
                           mo & MO_NT ? " nt" : "", MO_GET_MMU(mo));
}

static void print_call(const IrBuilder *b, GString *s, const IrInsn *i)
{
    const IrCall *c = &g_array_index(b->calls, IrCall, i->imm);

    g_string_append_printf(s, "%s(", c->helper->name);
    for (unsigned k = 0; k < 6 && c->helper->args[k] != HARG_NONE; k++) {
        if (c->helper->args[k] >= HARG_SLOT_R) {
            g_string_append_printf(s, "%s@%s", k ? ", " : "", b->slots->slots[c->args[k]].name);
        } else {
            g_string_append_printf(s, "%sv%u", k ? ", " : "", c->args[k]);
        }
    }
    g_string_append_c(s, ')');
}

static void print_imm(const IrBuilder *b, GString *s, const IrInsn *i)
{
    switch (ir_op_info[i->op].immkind) {
    case IRI_val:
    case IRI_pc: g_string_append_printf(s, "#0x%" G_GINT64_MODIFIER "x", i->imm); break;
    case IRI_bits:
        g_string_append_printf(s, "#%u:%u", (unsigned)(i->imm & 0xff), (unsigned)(i->imm >> 8));
        break;
    case IRI_slot: g_string_append_printf(s, "@%s", b->slots->slots[i->imm].name); break;
    case IRI_var:
        g_string_append_printf(s, "$%u:%s", (unsigned)i->imm, ir_type_name[b->var_type[i->imm]]);
        break;
    case IRI_label: g_string_append_printf(s, "L%u", (unsigned)i->imm); break;
    case IRI_mop: print_mop(s, i->imm); break;
    case IRI_call: print_call(b, s, i); break;
    case IRI_pool: {
        const IrVec *v = &g_array_index(b->pool, IrVec, i->imm);
        g_string_append_printf(s, "{%" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 "}", v->q[0],
                               v->q[1], v->q[2], v->q[3]);
        break;
    }
    default: break;
    }
}

static void print_insn(const IrBuilder *b, GString *s, IrVal v)
{
    const IrInsn *i = ir_at(b, v);
    const IrOpInfo *info = &ir_op_info[i->op];
    unsigned n;
    const char *const *names = sub_names(i->op, &n);
    bool result = i->op == IR_CALL ? i->type != IR_VOID : info->result[0] != '-';

    if (result) {
        g_string_append_printf(s, "v%u:%s = ", v, ir_type_name[i->type]);
    }
    g_string_append(s, info->name);
    if (names) {
        g_string_append_printf(s, ".%s", i->sub < n ? names[i->sub] : "?");
    }
    for (unsigned k = 0; k < info->nargs; k++) {
        g_string_append_printf(s, "%s v%u", k ? "," : "", i->arg[k]);
    }
    if (info->immkind != IRI_none) {
        g_string_append(s, info->nargs ? ", " : " ");
        print_imm(b, s, i);
    }
    if (i->op == IR_INSN && i->arg[3]) {
        g_string_append_printf(s, " aux 0x%x", i->arg[3]);
    }
    if (i->dead) {
        g_string_append_printf(s, " dead 0x%x", i->dead);
    }
    if (i->snap) {
        const IrSnap *sn = &g_array_index(b->snaps, IrSnap, i->snap);
        g_string_append_printf(s, " !0x%" PRIx64 ":0x%x{", sn->pc, sn->aux);
        for (unsigned k = 0; k < sn->count; k++) {
            const IrSnapEntry *e = &g_array_index(b->snap_entries, IrSnapEntry, sn->first + k);
            g_string_append_printf(s, "%s@%s=v%u", k ? " " : "", b->slots->slots[e->slot].name,
                                   e->val);
        }
        g_string_append_c(s, '}');
    }
    g_string_append_c(s, '\n');
}

void ir_print(const IrBuilder *b, GString *s)
{
    for (IrVal v = 1; v < ir_count(b); v++) {
        if (ir_at(b, v)->op != IR_NOP) {
            print_insn(b, s, v);
        }
    }
}

/* ---- parser ---- */

typedef struct Parse {
    IrBuilder *b;
    const char *p; /* rest of the line */
    unsigned line;
    GHashTable *map; /* textual value number -> IrVal */
    const HelperDesc *const *helpers;
    GError **error; /* not NULL */
} Parse;

static bool fail(Parse *ps, const char *what)
{
    if (ps->error && *ps->error) {
        return false; /* the first one is the exact one */
    }
    g_set_error(ps->error, FERRY_EXEC_ERROR, FERRY_EXEC_ERROR_IR_SYNTAX, "line %u: %s near '%.20s'",
                ps->line, what, ps->p);
    return false;
}

static void skip_space(Parse *ps)
{
    while (*ps->p == ' ' || *ps->p == ',') {
        ps->p++;
    }
}

static bool eat(Parse *ps, const char *word)
{
    size_t n = strlen(word);

    skip_space(ps);
    if (strncmp(ps->p, word, n)) {
        return false;
    }
    ps->p += n;
    return true;
}

static size_t word_len(const char *p)
{
    return strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

static bool parse_number(Parse *ps, int base, uint64_t *out)
{
    char *end;

    *out = g_ascii_strtoull(ps->p, &end, base);
    if (end == ps->p) {
        return fail(ps, "expected a number");
    }
    ps->p = end;
    return true;
}

static bool parse_value(Parse *ps, IrVal *out)
{
    uint64_t n;

    if (!eat(ps, "v")) {
        return fail(ps, "expected a value");
    }
    if (!parse_number(ps, 10, &n)) {
        return false;
    }
    *out = GPOINTER_TO_UINT(g_hash_table_lookup(ps->map, GUINT_TO_POINTER((guint)n)));
    return *out || fail(ps, "value is not defined");
}

static bool parse_slot(Parse *ps, uint64_t *out)
{
    if (!eat(ps, "@")) {
        return fail(ps, "expected a slot");
    }
    size_t n = strspn(ps->p, "abcdefghijklmnopqrstuvwxyz0123456789_.");
    for (unsigned s = 0; s < ps->b->slots->count; s++) {
        const char *name = ps->b->slots->slots[s].name;
        if (strlen(name) == n && !strncmp(name, ps->p, n)) {
            ps->p += n;
            *out = s;
            return true;
        }
    }
    return fail(ps, "no such slot");
}

static bool parse_type(Parse *ps, IrType *out)
{
    for (unsigned t = 0; t < G_N_ELEMENTS(ir_type_name); t++) {
        if (eat(ps, ir_type_name[t])) {
            *out = t;
            return true;
        }
    }
    return fail(ps, "expected a type");
}

static bool parse_mop(Parse *ps, uint64_t *out)
{
    uint64_t bits, mmu = 0;
    IrMemOp mo = 0;

    if (!eat(ps, "[")) {
        return fail(ps, "expected an access");
    }
    if (!parse_number(ps, 10, &bits)) {
        return false;
    }
    while (mo <= MO_256 && (8u << mo) != bits) {
        mo++;
    }
    if (mo > MO_256) {
        return fail(ps, "access size");
    }
    while (!eat(ps, "]")) {
        if (eat(ps, "mmu")) {
            if (!parse_number(ps, 10, &mmu) || mmu >= 16) {
                return fail(ps, "mmu index");
            }
        } else if (eat(ps, "be")) {
            mo |= MO_BE;
        } else if (eat(ps, "al")) {
            mo |= MO_ALIGN;
        } else if (eat(ps, "nt")) {
            mo |= MO_NT;
        } else if (eat(ps, "s")) {
            mo |= MO_SIGN;
        } else {
            return fail(ps, "access word");
        }
    }
    *out = mo | MO_MMU(mmu);
    return true;
}

static bool parse_call(Parse *ps, uint64_t *out, IrType *type)
{
    IrCall c = { 0 };

    skip_space(ps);
    size_t n = word_len(ps->p);
    for (unsigned h = 0; ps->helpers && ps->helpers[h]; h++) {
        if (strlen(ps->helpers[h]->name) == n && !strncmp(ps->helpers[h]->name, ps->p, n)) {
            c.helper = ps->helpers[h];
        }
    }
    if (!c.helper) {
        return fail(ps, "no such helper");
    }
    ps->p += n;
    if (!eat(ps, "(")) {
        return fail(ps, "expected (");
    }
    for (unsigned k = 0; k < 6 && c.helper->args[k] != HARG_NONE; k++) {
        if (c.helper->args[k] >= HARG_SLOT_R) {
            uint64_t s;
            if (!parse_slot(ps, &s)) {
                return false;
            }
            c.args[k] = s;
        } else if (!parse_value(ps, &c.args[k])) {
            return false;
        }
    }
    if (!eat(ps, ")")) {
        return fail(ps, "expected )");
    }
    g_array_append_val(ps->b->calls, c);
    *out = ps->b->calls->len - 1;
    *type = c.helper->ret;
    return true;
}

static bool parse_pool(Parse *ps, uint64_t *out)
{
    IrVec v = { 0 };

    if (!eat(ps, "{")) {
        return fail(ps, "expected {");
    }
    for (unsigned k = 0; k < 4; k++) {
        skip_space(ps);
        if (!parse_number(ps, 16, &v.q[k])) {
            return false;
        }
    }
    if (!eat(ps, "}")) {
        return fail(ps, "expected }");
    }
    g_array_append_val(ps->b->pool, v);
    *out = ps->b->pool->len - 1;
    return true;
}

static bool parse_var(Parse *ps, uint64_t *out)
{
    IrType t;

    if (!eat(ps, "$")) {
        return fail(ps, "expected a variable");
    }
    if (!parse_number(ps, 10, out) || *out >= IR_MAX_VARS || !eat(ps, ":")) {
        return fail(ps, "variable");
    }
    if (!parse_type(ps, &t)) {
        return false;
    }
    ps->b->var_type[*out] = t;
    ps->b->n_vars = MAX(ps->b->n_vars, *out + 1);
    return true;
}

static bool parse_imm(Parse *ps, IrInsn *i)
{
    uint64_t len;
    IrType t;

    switch (ir_op_info[i->op].immkind) {
    case IRI_val:
    case IRI_pc: return eat(ps, "#") ? parse_number(ps, 0, &i->imm) : fail(ps, "expected #");
    case IRI_bits:
        if (!eat(ps, "#") || !parse_number(ps, 10, &i->imm) || !eat(ps, ":") ||
            !parse_number(ps, 10, &len)) {
            return fail(ps, "expected #pos:len");
        }
        i->imm |= len << 8;
        return true;
    case IRI_slot: return parse_slot(ps, &i->imm);
    case IRI_var: return parse_var(ps, &i->imm);
    case IRI_label:
        if (!eat(ps, "L") || !parse_number(ps, 10, &i->imm) || i->imm >= IR_MAX_LABELS) {
            return fail(ps, "expected a label");
        }
        ps->b->n_labels = MAX(ps->b->n_labels, i->imm + 1);
        return true;
    case IRI_mop: return parse_mop(ps, &i->imm);
    case IRI_call: return parse_call(ps, &i->imm, &t);
    case IRI_pool: return parse_pool(ps, &i->imm);
    default: return true;
    }
}

static bool parse_snap(Parse *ps, IrInsn *i)
{
    IrSnap s = { .first = ps->b->snap_entries->len };
    uint64_t aux;

    if (!eat(ps, "!")) {
        return true;
    }
    if (!parse_number(ps, 0, &s.pc) || !eat(ps, ":") || !parse_number(ps, 0, &aux) ||
        !eat(ps, "{")) {
        return fail(ps, "snapshot");
    }
    s.aux = aux;
    while (!eat(ps, "}")) {
        IrSnapEntry e;
        uint64_t slot;
        if (!parse_slot(ps, &slot) || !eat(ps, "=") || !parse_value(ps, &e.val)) {
            return false;
        }
        e.slot = slot;
        g_array_append_val(ps->b->snap_entries, e);
        s.count++;
    }
    g_array_append_val(ps->b->snaps, s);
    i->snap = ps->b->snaps->len - 1;
    ps->b->lowered = true;
    return true;
}

static bool parse_op(Parse *ps, IrInsn *i)
{
    unsigned n;

    skip_space(ps);
    size_t len = word_len(ps->p);
    i->op = IR_OP_COUNT;
    for (unsigned op = 0; op < IR_OP_COUNT; op++) {
        if (strlen(ir_op_info[op].name) == len && !strncmp(ir_op_info[op].name, ps->p, len)) {
            i->op = op;
        }
    }
    if (i->op == IR_OP_COUNT) {
        return fail(ps, "no such op");
    }
    ps->p += len;
    const char *const *names = sub_names(i->op, &n);
    if (!names) {
        return true;
    }
    if (!eat(ps, ".")) {
        return fail(ps, "expected a suffix");
    }
    len = word_len(ps->p);
    for (unsigned k = 0; k < n; k++) {
        if (strlen(names[k]) == len && !strncmp(names[k], ps->p, len)) {
            i->sub = k;
            ps->p += len;
            return true;
        }
    }
    return fail(ps, "no such suffix");
}

/* Ops without a result carry the type of an operand. */
static IrType operand_type(const IrBuilder *b, const IrInsn *i)
{
    switch (i->op) {
    case IR_STORE: return ir_type(b, i->arg[1]);
    case IR_PUT:
    case IR_VARSET:
    case IR_BRCOND:
    case IR_EXIT_DIRECT_IF:
    case IR_RAISE_IF: return ir_type(b, i->arg[0]);
    default: return IR_VOID;
    }
}

static bool parse_line(Parse *ps)
{
    IrInsn i = { 0 };
    uint64_t id = 0, aux;
    IrType type = IR_VOID;

    if (ps->p[0] == 'v' && g_ascii_isdigit(ps->p[1])) {
        ps->p++;
        if (!parse_number(ps, 10, &id) || !eat(ps, ":") || !parse_type(ps, &type) ||
            !eat(ps, "=")) {
            return fail(ps, "expected vN:type =");
        }
    }
    if (!parse_op(ps, &i)) {
        return false;
    }
    for (unsigned k = 0; k < ir_op_info[i.op].nargs; k++) {
        if (!parse_value(ps, &i.arg[k])) {
            return false;
        }
    }
    i.type = type;
    if (!parse_imm(ps, &i)) {
        return false;
    }
    if (type == IR_VOID) {
        i.type = operand_type(ps->b, &i);
    }
    if (i.op == IR_INSN && eat(ps, "aux") && (skip_space(ps), parse_number(ps, 0, &aux))) {
        i.arg[3] = aux;
    }
    if ((ir_op_info[i.op].flags & IRF_X) && eat(ps, "dead") &&
        (skip_space(ps), parse_number(ps, 0, &aux))) {
        i.dead = aux;
    }
    if (!parse_snap(ps, &i)) {
        return false;
    }
    skip_space(ps);
    if (*ps->p) {
        return fail(ps, "trailing text");
    }
    g_array_append_val(ps->b->ins_a, i);
    if (id) {
        g_hash_table_insert(ps->map, GUINT_TO_POINTER((guint)id),
                            GUINT_TO_POINTER(ir_count(ps->b) - 1));
    }
    bool noret = i.op == IR_CALL &&
                 (g_array_index(ps->b->calls, IrCall, i.imm).helper->flags & HELPER_NORETURN);
    if ((ir_op_info[i.op].flags & IRF_T) || noret) {
        ps->b->ended = true;
    } else if (i.op == IR_LABEL) {
        ps->b->ended = false;
    }
    return true;
}

bool ir_parse(IrBuilder *b, const char *text, const HelperDesc *const *helpers, GError **error)
{
    g_autoptr(GHashTable) map = g_hash_table_new(NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    Parse ps = { .b = b, .map = map, .helpers = helpers, .error = error };

    g_autoptr(GError) local = NULL;
    ps.error = error ? error : &local;
    ir_reset(b, b->slots);
    for (unsigned l = 0; lines[l]; l++) {
        char *line = g_strstrip(lines[l]);
        if (!*line || *line == ';') {
            continue;
        }
        ps.p = line;
        ps.line = l + 1;
        if (!parse_line(&ps)) {
            return false;
        }
    }
    return true;
}
