/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disassembler: prints an X86Insn in Intel syntax. For logs and the monitor; it prints what
 * was decoded, so that what it shows is what the translator saw.
 */
#include <inttypes.h>
#include <string.h>
#include "target/x86/decode-priv.h"

static const char *const gpr_names[4][16] = {
    { "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b",
      "r13b", "r14b", "r15b" },
    { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w",
      "r14w", "r15w" },
    { "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d",
      "r13d", "r14d", "r15d" },
    { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
      "r13", "r14", "r15" },
};
static const char *const seg_names[6] = { "es", "cs", "ss", "ds", "fs", "gs" };

static const char *gpr_name(unsigned reg, unsigned size)
{
    unsigned row = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
    return reg == X86_REG_RIP ? (size == 4 ? "eip" : "rip") : gpr_names[row][reg & 15];
}

const char *x86_insn_name(const X86Insn *i, char *buf, size_t len)
{
    const char *s = x86_lines[i->id].name;
    unsigned size = i->flags & X86_F_ADDRNAME ? i->adsize : i->opsize;
    unsigned pick = i->flags & X86_F_NAMEW ? i->rex_w : size == 2 ? 0 : size == 4 ? 1 : 2;
    while (pick-- && strchr(s, '/')) {
        s = strchr(s, '/') + 1;
    }
    g_strlcpy(buf, s, MIN(len, strcspn(s, "/") + 1));
    return buf;
}

static void print_signed(GString *o, int64_t v, bool plus)
{
    if (v < 0) {
        g_string_append_printf(o, "-0x%" PRIx64, -(uint64_t)v);
    } else {
        g_string_append_printf(o, "%s0x%" PRIx64, plus ? "+" : "", (uint64_t)v);
    }
}

static void print_mem(GString *o, const X86Insn *i, unsigned size)
{
    const X86Mem *m = &i->mem;
    const char *ptr = size == 1    ? "byte "
                      : size == 2  ? "word "
                      : size == 4  ? "dword "
                      : size == 6  ? "fword "
                      : size == 8  ? "qword "
                      : size == 10 ? "tbyte "
                      : size == 16 ? "xmmword "
                      : size == 32 ? "ymmword "
                                   : "";
    g_string_append_printf(o, "%s%s", ptr, *ptr ? "ptr " : "");
    if (i->seg != X86_REG_NONE) {
        g_string_append_printf(o, "%s:", seg_names[i->seg]);
    }
    g_string_append_c(o, '[');
    bool any = m->base != X86_REG_NONE;
    if (any) {
        g_string_append(o, gpr_name(m->base, m->addr_size));
    }
    if (m->index != X86_REG_NONE) {
        g_string_append(o, any ? "+" : "");
        if (m->vsib) {
            g_string_append_printf(o, "%cmm%d", m->index_size == 32 ? 'y' : 'x', m->index);
        } else {
            g_string_append(o, gpr_name(m->index, m->addr_size));
        }
        g_string_append_printf(o, "*%d", 1 << m->scale);
        any = true;
    }
    if (m->disp || !any) {
        print_signed(o, m->disp, any);
    }
    g_string_append_c(o, ']');
}

static uint64_t size_mask(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

static void print_operand(GString *o, const X86Insn *i, uint64_t pc, const X86Operand *op,
                          bool second_imm)
{
    switch ((X86OpKind)op->kind) {
    case X86_OPK_NONE: break;
    case X86_OPK_GPR: g_string_append(o, gpr_name(op->reg, op->size)); break;
    case X86_OPK_GPR8H: g_string_append_printf(o, "%ch", "acdb"[op->reg & 3]); break;
    case X86_OPK_SEG: g_string_append(o, seg_names[op->reg]); break;
    case X86_OPK_CR: g_string_append_printf(o, "cr%d", op->reg); break;
    case X86_OPK_DR: g_string_append_printf(o, "dr%d", op->reg); break;
    case X86_OPK_MMX: g_string_append_printf(o, "mm%d", op->reg); break;
    case X86_OPK_XMM:
        g_string_append_printf(o, "%cmm%d", op->size == 32 ? 'y' : 'x', op->reg);
        break;
    case X86_OPK_ST: g_string_append_printf(o, "st(%d)", op->reg); break;
    case X86_OPK_MEM: print_mem(o, i, op->size); break;
    case X86_OPK_IMM:
        g_string_append_printf(o, "0x%" PRIx64,
                               (second_imm ? i->imm2 : (uint64_t)i->imm) & size_mask(op->size));
        break;
    case X86_OPK_REL:
        g_string_append_printf(o, "0x%" PRIx64, (pc + i->len + i->imm) & size_mask(i->opsize));
        break;
    case X86_OPK_FAR:
        g_string_append_printf(o, "0x%x:0x%" PRIx64, i->imm2, (uint64_t)i->imm);
        break;
    case X86_OPK_STRSRC:
        g_string_append_printf(o, "%s:[%s]", seg_names[i->mem.seg], gpr_name(6, i->adsize));
        break;
    case X86_OPK_STRDST: g_string_append_printf(o, "es:[%s]", gpr_name(7, i->adsize)); break;
    }
}

void x86_disas(const X86Insn *i, uint64_t pc, GString *out)
{
    char name[24];
    bool imm_seen = false;
    if (i->lock) {
        g_string_append(out, "lock ");
    }
    if (i->rep) {
        g_string_append(out, i->rep == X86_REPNZ     ? "repne "
                             : i->flags & X86_F_REPZ ? "repe "
                                                     : "rep ");
    }
    g_string_append(out, x86_insn_name(i, name, sizeof name));
    for (unsigned k = 0; k < i->nops; k++) {
        g_string_append(out, k ? ", " : " ");
        print_operand(out, i, pc, &i->op[k], imm_seen);
        imm_seen |= i->op[k].kind == X86_OPK_IMM;
    }
}
