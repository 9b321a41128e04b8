/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the condition code dead where a branch leads? A look at the first instructions there, as far as they lie in
 * the pages of the region (whose change then drops the region, see trans_depend).
 *
 * "Dead" means that every path sets it before anything reads it. An interruption on the way there stores an older
 * code in its old PSW; it comes back from there and is dead still. What is not listed here reads it.
 */
#include "target/s390x/translate/translate-priv.h"

#define LOOK_INSNS 8

typedef enum CcUse {
    CC_READ,    /* or anything not listed */
    CC_KEPT,    /* neither read nor set, and the next instruction follows */
    CC_WRITTEN, /* set, not read */
    CC_JUMP,    /* kept; goes to ri2 */
    CC_FORK2,   /* kept; goes to ri2 or on */
    CC_FORK4,   /* kept; goes to ri4 or on */
} CcUse;

/* Vector instructions that may set the code. */
static CcUse vector_use(const S390Insn *i)
{
    switch (s390_translators[i->mn]) {
    case S390_TR_vtm:
    case S390_TR_vec:
    case S390_TR_vfscalar_compare:
    case S390_TR_vftest: return CC_WRITTEN;
    case S390_TR_vcompare: return i->m5 & 1 ? CC_WRITTEN : CC_KEPT;
    case S390_TR_vl:
    case S390_TR_vst:
    case S390_TR_vlr:
    case S390_TR_vlm:
    case S390_TR_vstm:
    case S390_TR_vle:
    case S390_TR_vste:
    case S390_TR_vlei:
    case S390_TR_vlrep:
    case S390_TR_vllez:
    case S390_TR_vlgv:
    case S390_TR_vlvg:
    case S390_TR_vlvgp:
    case S390_TR_vgbm:
    case S390_TR_vgm:
    case S390_TR_vrepi:
    case S390_TR_vrep:
    case S390_TR_vmerge:
    case S390_TR_vperm:
    case S390_TR_vpdi:
    case S390_TR_vsel:
    case S390_TR_vsldb:
    case S390_TR_vunpack:
    case S390_TR_vlogic:
    case S390_TR_vadd:
    case S390_TR_vavg:
    case S390_TR_vminmax:
    case S390_TR_vmul:
    case S390_TR_vshift:
    case S390_TR_vshift_each:
    case S390_TR_vsum:
    case S390_TR_vf2:
    case S390_TR_vfma:
    case S390_TR_vfsqrt:
    case S390_TR_vfint:
    case S390_TR_vffrom:
    case S390_TR_vfto:
    case S390_TR_vflengthen:
    case S390_TR_vfround:
    case S390_TR_vfsign: return CC_KEPT;
    case S390_TR_vfcompare: return i->m6 & 1 ? CC_WRITTEN : CC_KEPT;
    default: return CC_READ;
    }
}

static bool sets_cc(S390Tr tr)
{
    switch (tr) {
    case S390_TR_add:
    case S390_TR_addl:
    case S390_TR_sub:
    case S390_TR_subl:
    case S390_TR_add_h:
    case S390_TR_addl_h:
    case S390_TR_sub_h:
    case S390_TR_subl_h:
    case S390_TR_add_ih:
    case S390_TR_addl_ih:
    case S390_TR_add_si:
    case S390_TR_addl_si:
    case S390_TR_mulc:
    case S390_TR_cmp:
    case S390_TR_cmpl:
    case S390_TR_cmp_h:
    case S390_TR_cmpl_h:
    case S390_TR_cmp_si:
    case S390_TR_cmpl_si:
    case S390_TR_clm:
    case S390_TR_clc:
    case S390_TR_and:
    case S390_TR_or:
    case S390_TR_xor:
    case S390_TR_nc:
    case S390_TR_oc:
    case S390_TR_xc:
    case S390_TR_n_part:
    case S390_TR_o_part:
    case S390_TR_n_half:
    case S390_TR_o_half:
    case S390_TR_x_half:
    case S390_TR_logic_si:
    case S390_TR_rxsbg:
    case S390_TR_tm:
    case S390_TR_tm_part:
    case S390_TR_icm:
    case S390_TR_load_test:
    case S390_TR_load_pos:
    case S390_TR_load_neg:
    case S390_TR_load_comp:
    case S390_TR_sra:
    case S390_TR_sla:
    case S390_TR_flogr:
    case S390_TR_popcnt:
    case S390_TR_cs:
    case S390_TR_la_op:
    case S390_TR_bfp_cmp:
    case S390_TR_bfp_sign:
    case S390_TR_bfp_to:
    case S390_TR_bfp_lt:
    case S390_TR_bfp_tc: return true;
    default: return false;
    }
}

static bool keeps_cc(S390Tr tr)
{
    switch (tr) {
    case S390_TR_load:
    case S390_TR_load_h:
    case S390_TR_load_zr:
    case S390_TR_load_rev:
    case S390_TR_lrv_mem:
    case S390_TR_la:
    case S390_TR_larl:
    case S390_TR_ic:
    case S390_TR_lm:
    case S390_TR_i_part:
    case S390_TR_i_half:
    case S390_TR_ll_part:
    case S390_TR_ll_half:
    case S390_TR_store:
    case S390_TR_store_rl:
    case S390_TR_store_h:
    case S390_TR_store_si:
    case S390_TR_stm:
    case S390_TR_stcm:
    case S390_TR_strv:
    case S390_TR_mvc:
    case S390_TR_mul:
    case S390_TR_mul_pair:
    case S390_TR_mull_pair:
    case S390_TR_mulg_pair:
    case S390_TR_divs:
    case S390_TR_divl_pair:
    case S390_TR_sll:
    case S390_TR_srl:
    case S390_TR_rll:
    case S390_TR_risb_half:
    case S390_TR_ear:
    case S390_TR_sar:
    case S390_TR_cpya:
    case S390_TR_fp_load:
    case S390_TR_fp_store:
    case S390_TR_fp_move:
    case S390_TR_fp_zero:
    case S390_TR_fp_sign:
    case S390_TR_fp_widen:
    case S390_TR_bfp_fma:
    case S390_TR_bfp_sqrt:
    case S390_TR_bfp_widen:
    case S390_TR_bfp_narrow:
    case S390_TR_bfp_from:
    case S390_TR_bfp_fi:
    case S390_TR_ldgr:
    case S390_TR_lgdr:
    case S390_TR_cpsdr: return true;
    default: return false;
    }
}

static CcUse cc_use(const S390Insn *i)
{
    S390Tr tr = s390_translators[i->mn];

    if (i->flags & S390_F_VEC) {
        return vector_use(i);
    }
    switch (tr) {
    case S390_TR_bfp2: return i->arg < 8 ? CC_WRITTEN : CC_KEPT;
    case S390_TR_risbg: return i->arg ? CC_WRITTEN : CC_KEPT;
    case S390_TR_brc: return i->m1 == 15 ? CC_JUMP : i->m1 ? CC_READ : CC_KEPT;
    case S390_TR_bcr: return i->m1 && i->r2 ? CC_READ : CC_KEPT;
    case S390_TR_bras: return CC_JUMP;
    case S390_TR_brct:
    case S390_TR_brx: return CC_FORK2;
    case S390_TR_cmpj: return CC_FORK4;
    default: return sets_cc(tr) ? CC_WRITTEN : keeps_cc(tr) ? CC_KEPT : CC_READ;
    }
}

static bool look(S390Trans *t, uint64_t pc, S390Insn *i)
{
    uint8_t buf[6];
    unsigned n = trans_look(t->ctx, pc, buf, sizeof buf);

    if (!n || n < s390_insn_length(buf[0]) || !s390_decode(buf, i)) {
        return false;
    }
    trans_depend(t->ctx, pc, i->len);
    return true;
}

/* left: how many instructions may still be looked at. */
static bool dead_from(S390Trans *t, uint64_t pc, unsigned *left)
{
    uint64_t mask = mode_addr_mask(t->mode);
    S390Insn i;

    for (; *left && look(t, pc, &i); --*left) {
        uint64_t next = (pc + i.len) & mask;
        CcUse use = cc_use(&i);
        switch (use) {
        case CC_READ: return false;
        case CC_WRITTEN: return true;
        case CC_KEPT: pc = next; break;
        case CC_JUMP: pc = (pc + (uint64_t)i.ri2) & mask; break;
        default:
            --*left;
            pc = (pc + (uint64_t)(use == CC_FORK2 ? i.ri2 : i.ri4)) & mask;
            return dead_from(t, pc, left) && dead_from(t, next, left);
        }
    }
    return false;
}

bool s390_cc_dead_at(S390Trans *t, uint64_t pc)
{
    unsigned left = LOOK_INSNS;

    if (t->ex || (t->mode & MODE_PER) || t->ctx->single_step) {
        return false;
    }
    return dead_from(t, pc, &left);
}
