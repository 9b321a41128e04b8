/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder, its inverse and the disassembler: three walks over the format tables.
 *
 * An instruction is taken as a 48-bit word, left-aligned, so that bit numbers are the manual's.
 */
#include <string.h>
#include "target/s390x/decode.h"

static uint64_t bits(uint64_t word, unsigned pos, unsigned len)
{
    return word >> (48 - pos - len) & ((1ull << len) - 1);
}

static int64_t sign(uint64_t v, unsigned len)
{
    return (int64_t)(v << (64 - len)) >> (64 - len);
}

/* Bit of RXB that belongs to the vector register at pos. */
static unsigned rxb_pos(unsigned pos)
{
    return pos == 32 ? 39 : 36 + (pos - 8) / 4;
}

static int64_t field_get(const S390Field *f, uint64_t word)
{
    uint64_t v = bits(word, f->pos, f->kind == FIELD_D20 ? 12 : f->len);

    switch ((S390FieldKind)f->kind) {
    case FIELD_S: return sign(v, f->len);
    case FIELD_REL: return sign(v, f->len) * 2;
    case FIELD_D20: return sign(bits(word, 32, 8) << 12 | v, 20);
    case FIELD_VR: return v | bits(word, rxb_pos(f->pos), 1) << 4;
    case FIELD_U: break;
    }
    return v;
}

static const S390Line *find_line(const uint8_t *b)
{
    const S390OpcodeRow *row = &s390_opcodes[b[0]];
    unsigned n = 0;

    switch ((S390Place)row->place) {
    case PLACE_ABSENT: return NULL;
    case PLACE_NONE: n = row->line; break;
    case PLACE_BYTE1: n = row->sub[b[1]]; break;
    case PLACE_NIBBLE: n = row->sub[b[1] & 15]; break;
    case PLACE_BYTE5: n = row->sub[b[5]]; break;
    }
    return n ? &s390_lines[n - 1] : NULL;
}

bool s390_decode(const uint8_t *bytes, S390Insn *out)
{
    const S390Line *ln = find_line(bytes);
    uint64_t word = 0;

    memset(out, 0, sizeof(*out));
    out->len = s390_insn_length(bytes[0]);
    if (!ln) {
        return false;
    }
    for (unsigned k = 0; k < out->len; k++) {
        word |= (uint64_t)bytes[k] << (40 - 8 * k);
    }
    out->mn = ln - s390_lines;
    out->fmt = ln->fmt;
    out->src = ln->src;
    out->flags = ln->flags;
    out->w = ln->w;
    out->arg = ln->arg;
    const S390FormatDesc *f = &s390_formats[ln->fmt];
    for (unsigned k = 0; k < f->n_fields; k++) {
        *(int64_t *)((char *)out + f->fields[k].offset) = field_get(&f->fields[k], word);
    }
    return true;
}

/* ---- the inverse ---- */

static void put_bits(uint64_t *word, unsigned pos, unsigned len, uint64_t v)
{
    *word |= (v & ((1ull << len) - 1)) << (48 - pos - len);
}

static void field_put(const S390Field *f, uint64_t *word, int64_t v)
{
    switch ((S390FieldKind)f->kind) {
    case FIELD_REL: v >>= 1; break;
    case FIELD_D20:
        put_bits(word, f->pos, 12, v);
        put_bits(word, 32, 8, v >> 12);
        return;
    case FIELD_VR: put_bits(word, rxb_pos(f->pos), 1, v >> 4); break;
    case FIELD_S:
    case FIELD_U: break;
    }
    put_bits(word, f->pos, f->len, v);
}

bool s390_assemble(const S390Insn *i, uint8_t bytes[6])
{
    const S390Line *ln = &s390_lines[i->mn];
    const S390FormatDesc *f = &s390_formats[ln->fmt];
    uint64_t word = (uint64_t)ln->op0 << 40;

    switch ((S390Place)s390_opcodes[ln->op0].place) {
    case PLACE_BYTE1: word |= (uint64_t)ln->op1 << 32; break;
    case PLACE_NIBBLE: word |= (uint64_t)ln->op1 << 32; break;
    case PLACE_BYTE5: word |= ln->op1; break;
    case PLACE_NONE:
    case PLACE_ABSENT: break;
    }
    for (unsigned k = 0; k < f->n_fields; k++) {
        int64_t v = *(const int64_t *)((const char *)i + f->fields[k].offset);
        field_put(&f->fields[k], &word, v);
    }
    for (unsigned k = 0; k < 6; k++) {
        bytes[k] = word >> (40 - 8 * k);
    }
    for (unsigned k = 0; k < f->n_fields; k++) {
        if (field_get(&f->fields[k], word) !=
            *(const int64_t *)((const char *)i + f->fields[k].offset)) {
            return false;
        }
    }
    return true;
}

/* ---- text ---- */

/* The field that a syntax letter and number name ("i2"), or NULL. */
static const int64_t *named(const S390Insn *i, char letter, char number)
{
    const int64_t *r[] = { &i->r1, &i->r2, &i->r3, &i->r4 };
    const int64_t *m[] = { &i->m1, &i->m2, &i->m3, &i->m4, &i->m5, &i->m6 };
    const int64_t *imm[] = { &i->i1, &i->i2, &i->i3, &i->i4, &i->i5 };
    unsigned n = number - '1';

    switch (letter) {
    case 'r': return n < G_N_ELEMENTS(r) ? r[n] : NULL;
    case 'm': return n < G_N_ELEMENTS(m) ? m[n] : NULL;
    case 'i': return n < G_N_ELEMENTS(imm) ? imm[n] : NULL;
    default: return NULL;
    }
}

/* An address operand: "1", "2x", "1l", "1r" ...; d(b), d(x,b), d(length,b), d(register,b). */
static void put_address(const S390Insn *i, const char *op, GString *out)
{
    const int64_t d[] = { i->d1, i->d2, i->d3, i->d4 }, b[] = { i->b1, i->b2, i->b3, i->b4 };
    unsigned n = op[0] - '1';

    g_string_append_printf(out, "%" G_GINT64_FORMAT, d[n]);
    switch (op[1]) {
    case 'x':
        if (i->x2) {
            g_string_append_printf(out, "(%%r%d,%%r%d)", (int)i->x2, (int)b[n]);
            return;
        }
        break;
    case 'v': g_string_append_printf(out, "(%%v%d,%%r%d)", (int)i->r2, (int)b[n]); return;
    case 'l':
        g_string_append_printf(out, "(%d,%%r%d)", (int)(n ? i->l2 : i->l1) + 1, (int)b[n]);
        return;
    case 'r': g_string_append_printf(out, "(%%r%d,%%r%d)", (int)i->r1, (int)b[n]); return;
    default: break;
    }
    if (b[n]) {
        g_string_append_printf(out, "(%%r%d)", (int)b[n]);
    }
}

/* Letter of a register operand: vector registers by their field, else by the instruction. */
static char register_kind(const S390Insn *i, const int64_t *v)
{
    const S390FormatDesc *f = &s390_formats[i->fmt];

    for (unsigned k = 0; k < f->n_fields; k++) {
        if (f->fields[k].kind == FIELD_VR &&
            f->fields[k].offset == (const char *)v - (const char *)i) {
            return 'v';
        }
    }
    bool fp = (i->flags & (S390_F_AFP | S390_F_FPR)) || ((i->flags & S390_F_FPR1) && v == &i->r1) ||
              ((i->flags & S390_F_FPR2) && v == &i->r2);
    return fp ? 'f' : 'r';
}

static void put_operand(const S390Insn *i, uint64_t pc, const char *op, GString *out)
{
    const int64_t rel[] = { 0, i->ri2, i->ri3, i->ri4 };
    const int64_t *v;

    if (op[0] == '~') {
        g_string_append_printf(out, "0x%" G_GINT64_MODIFIER "x", pc + rel[op[3] - '1']);
    } else if (op[0] == '$' && (v = named(i, op[1], op[2]))) {
        g_string_append_printf(out, "%" G_GINT64_FORMAT, *v);
    } else if ((v = named(i, op[0], op[1]))) {
        g_string_append_printf(out, "%%%c%d", register_kind(i, v), (int)*v);
    } else if (g_ascii_isdigit(op[0])) {
        put_address(i, op, out);
    }
}

void s390_disas(const S390Insn *i, uint64_t pc, GString *out)
{
    g_auto(GStrv) ops = g_strsplit(s390_formats[i->fmt].syntax, ",", 0);

    g_string_append(out, s390_lines[i->mn].mnemonic);
    for (unsigned k = 0; ops[k]; k++) {
        g_string_append(out, k ? "," : "\t");
        put_operand(i, pc, ops[k], out);
    }
}
