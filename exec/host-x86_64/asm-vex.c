/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VEX encoder: asm-vex.def as data, and one function that all forms come down to. */
#include "asm.h"

const AsmVexInfo asm_vex_info[ASM_VEX_COUNT] = {
#define VEX(e, mn, map, pp, op, ext, w, l, form, operands) \
    [I_##e] = { mn, map, pp, op, ext, w, l, form, operands },
#include "asm-vex.def"
};

static unsigned high(const AsmRm *rm, unsigned reg)
{
    return rm->kind <= ASM_RM_MEM && reg != ASM_NO_REG && reg & 8;
}

/* The two-byte prefix says R, vvvv, L and pp only; bits are stored inverted. SDM 2.3.5. */
static void put_prefix(AsmBuf *a, const AsmVexInfo *i, bool w, bool l, unsigned reg, unsigned vvvv,
                       const AsmRm *rm)
{
    bool r = reg & 8, b = high(rm, rm->base);
    bool x = rm->kind == ASM_RM_MEM && high(rm, rm->index);
    unsigned tail = (~vvvv & 15) << 3 | l << 2 | i->pp;

    if (!x && !b && !w && i->map == 1) {
        *a->p++ = 0xc5;
        *a->p++ = !r << 7 | tail;
    } else {
        *a->p++ = 0xc4;
        *a->p++ = !r << 7 | !x << 6 | !b << 5 | i->map;
        *a->p++ = w << 7 | tail;
    }
}

static void encode(AsmBuf *a, AsmVex op, bool wide, unsigned reg, unsigned vvvv, AsmRm rm,
                   bool has_imm, uint8_t imm)
{
    const AsmVexInfo *i = &asm_vex_info[op];
    bool w = i->w == VW_1 || (i->w == VW_S && wide);
    bool l = i->l == VL_1 || (i->l == VL_X && wide);

    if (!asm_room(a)) {
        return;
    }
    put_prefix(a, i, w, l, reg, vvvv, &rm);
    *a->p++ = i->opcode;
    asm_modrm(a, reg, rm, has_imm);
    if (has_imm) {
        *a->p++ = imm;
    }
}

void asm_v2(AsmBuf *a, AsmVex op, bool wide, unsigned d, AsmRm s, uint8_t imm)
{
    const AsmVexInfo *i = &asm_vex_info[op];
    unsigned form = i->form & ~VF_IMM;

    g_assert(form == VF_RM || form == VF_VM);
    if (form == VF_RM) {
        encode(a, op, wide, d, 0, s, i->form & VF_IMM, imm);
    } else {
        encode(a, op, wide, i->ext, d, s, i->form & VF_IMM, imm);
    }
}

void asm_v2_store(AsmBuf *a, AsmVex op, bool wide, AsmRm d, unsigned s, uint8_t imm)
{
    const AsmVexInfo *i = &asm_vex_info[op];

    g_assert((i->form & ~VF_IMM) == VF_MR);
    encode(a, op, wide, s, 0, d, i->form & VF_IMM, imm);
}

void asm_v3(AsmBuf *a, AsmVex op, bool wide, unsigned d, unsigned s, AsmRm t, uint8_t imm)
{
    const AsmVexInfo *i = &asm_vex_info[op];

    g_assert((i->form & ~VF_IMM) == VF_RVM);
    encode(a, op, wide, d, s, t, i->form & VF_IMM, imm);
}

void asm_v4(AsmBuf *a, AsmVex op, bool wide, unsigned d, unsigned s, AsmRm t, unsigned u)
{
    g_assert(asm_vex_info[op].form == VF_RVMR);
    encode(a, op, wide, d, s, t, true, u << 4);
}

void asm_rmv(AsmBuf *a, AsmVex op, bool wide, unsigned d, AsmRm s, unsigned t)
{
    g_assert(asm_vex_info[op].form == VF_RMV);
    encode(a, op, wide, d, t, s, false, 0);
}

void asm_vzeroupper(AsmBuf *a)
{
    asm_data(a, "\xc5\xf8\x77", 3);
}
