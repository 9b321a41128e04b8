/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86-64 encoder against Zydis: each function with every register, size and addressing form;
 * mnemonic, registers, memory operand and immediate must come back. Then labels, the end of the
 * buffer, and patching.
 */
#include <glib.h>
#include <string.h>
#include <Zydis/Zydis.h>
#include "exec/host-x86_64/asm.h"

#define RUN_AT 0x100000000ull

static ZydisDecoder zy;
static AsmBuf buf;
static uint8_t code[4096];

typedef struct Want {
    enum {
        W_END,
        W_REG,
        W_VEC,
        W_RM,
        W_IMM
    } kind;
    unsigned size; /* bytes; 0: any */
    unsigned reg;
    AsmRm rm;
    int64_t imm;
} Want;

static void begin(void)
{
    asm_begin(&buf, code, sizeof(code), RUN_AT);
}

static ZydisRegister gpr(unsigned size, unsigned n)
{
    static const ZydisRegisterClass cls[9] = { [1] = ZYDIS_REGCLASS_GPR8,
                                               [2] = ZYDIS_REGCLASS_GPR16,
                                               [4] = ZYDIS_REGCLASS_GPR32,
                                               [8] = ZYDIS_REGCLASS_GPR64 };

    /* In Zydis's numbering of byte registers ah..bh come between. */
    return ZydisRegisterEncode(cls[size], size == 1 && n >= 4 ? n + 4 : n);
}

static ZydisRegister vec(unsigned size, unsigned n)
{
    return ZydisRegisterEncode(size == 32 ? ZYDIS_REGCLASS_YMM : ZYDIS_REGCLASS_XMM, n);
}

static bool same_memory(const ZydisDecodedOperandMem *m, const AsmRm *rm, unsigned length)
{
    ZydisRegister base = rm->base == ASM_NO_REG ? ZYDIS_REGISTER_NONE : gpr(8, rm->base);

    if (rm->kind == ASM_RM_ABS) {
        return m->base == ZYDIS_REGISTER_RIP &&
               RUN_AT + length + (uint64_t)m->disp.value == rm->addr;
    }
    if (m->base != base || m->disp.value != rm->disp) {
        return false;
    }
    return rm->index == ASM_NO_REG
               ? m->index == ZYDIS_REGISTER_NONE
               : m->index == gpr(8, rm->index) && m->scale == 1u << rm->lg_scale;
}

static bool same_operand(const ZydisDecodedOperand *o, const Want *w, unsigned length)
{
    Want as_reg = *w;

    switch (w->kind) {
    case W_REG:
        return o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value == gpr(w->size, w->reg);
    case W_VEC:
        return o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value == vec(w->size, w->reg);
    case W_IMM: {
        uint64_t mask = o->size >= 64 ? ~0ull : (1ull << o->size) - 1;
        return o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
               !((o->imm.value.u ^ (uint64_t)w->imm) & mask);
    }
    case W_RM:
        if (w->rm.kind == ASM_RM_REG) {
            as_reg.kind = W_REG;
            as_reg.reg = w->rm.base;
            return same_operand(o, &as_reg, length);
        }
        return o->type == ZYDIS_OPERAND_TYPE_MEMORY && same_memory(&o->mem, &w->rm, length) &&
               (!w->size || o->size == 8 * w->size);
    default: return false;
    }
}

/* Implicit operands that the text shows (cl, 1) count as written. */
static bool hidden(const ZydisDecodedOperand *o)
{
    return o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
}

/* What begin() and one call left in the buffer is exactly this instruction. */
static void expect_n(const char *mnemonic, const Want *want, unsigned n)
{
    ZydisDecodedInstruction z;
    ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];
    unsigned k = 0, length = asm_size(&buf);

    g_assert_true(asm_finish(&buf));
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&zy, code, length, &z, o)) || z.length != length) {
        g_error("%s: %u bytes do not decode: %02x %02x %02x %02x %02x %02x", mnemonic, length,
                code[0], code[1], code[2], code[3], code[4], code[5]);
    }
    g_assert_cmpstr(ZydisMnemonicGetString(z.mnemonic), ==, mnemonic);
    for (; k < z.operand_count && !hidden(&o[k]); k++) {
        if (k >= n || !same_operand(&o[k], &want[k], length)) {
            g_error("%s: operand %u differs: %02x %02x %02x %02x %02x %02x", mnemonic, k, code[0],
                    code[1], code[2], code[3], code[4], code[5]);
        }
    }
    g_assert_cmpuint(k, ==, n);
}
#define EXPECT(mn, ...)                     \
    do {                                    \
        const Want w_[] = { __VA_ARGS__ };  \
        expect_n(mn, w_, G_N_ELEMENTS(w_)); \
    } while (0)
#define REG(s, r)                              \
    {                                          \
        .kind = W_REG, .size = (s), .reg = (r) \
    }
#define VECR(s, r)                             \
    {                                          \
        .kind = W_VEC, .size = (s), .reg = (r) \
    }
#define RM(s, m)                             \
    {                                        \
        .kind = W_RM, .size = (s), .rm = (m) \
    }
#define IMM(v)                    \
    {                             \
        .kind = W_IMM, .imm = (v) \
    }

/* ---- operands to try ---- */
static AsmRm rms[400];
static unsigned n_rms, first_mem;

static void make_operands(void)
{
    static const int32_t disps[] = { 0, 1, -128, 127, 128, -129, 0x12345678, INT32_MIN };

    for (unsigned r = 0; r < 16; r++) {
        rms[n_rms++] = asm_reg(r);
    }
    first_mem = n_rms;
    for (unsigned r = 0; r < 16; r++) {
        for (unsigned d = 0; d < G_N_ELEMENTS(disps); d++) {
            rms[n_rms++] = asm_mem(r, disps[d]);
        }
        if (r != RSP) {
            rms[n_rms++] = asm_mem_index(ASM_NO_REG, r, r & 3, 0x40);
            rms[n_rms++] = asm_mem_index(RBP, r, 3, 0);
            rms[n_rms++] = asm_mem_index(R13, r, 2, 0);
            rms[n_rms++] = asm_mem_index(r, R12, 1, -8);
            rms[n_rms++] = asm_mem_index(RSP, r, 0, 4096);
        }
    }
    rms[n_rms++] = asm_mem(ASM_NO_REG, 0x7000);
    rms[n_rms++] = asm_abs(RUN_AT + 0x1000);
    rms[n_rms++] = asm_abs(RUN_AT - 0x12345);
    g_assert_cmpuint(n_rms, <=, G_N_ELEMENTS(rms));
}

#define FOR_RM(m)         for (const AsmRm *m = rms; m < rms + n_rms; m++)
#define FOR_MEM(m)        for (const AsmRm *m = rms + first_mem; m < rms + n_rms; m++)
#define FOR_SIZE(s, from) for (unsigned s = (from); s <= 8; s *= 2)
#define FOR_REG(r)        for (unsigned r = 0; r < 16; r++)
#define ONE(call) \
    begin();      \
    call

static void test_moves(void)
{
    FOR_SIZE(s, 1) FOR_REG(r) FOR_RM(m)
    {
        ONE(asm_mov(&buf, s, r, *m));
        EXPECT("mov", REG(s, r), RM(s, *m));
        ONE(asm_store(&buf, s, *m, r));
        EXPECT("mov", RM(s, *m), REG(s, r));
        ONE(asm_xchg(&buf, s, *m, r));
        EXPECT("xchg", RM(s, *m), REG(s, r));
        if (s > 1) {
            ONE(asm_cmov(&buf, r, s, r, *m));
            char name[16][8] = { "cmovo",  "cmovno",  "cmovb",  "cmovnb", "cmovz", "cmovnz",
                                 "cmovbe", "cmovnbe", "cmovs",  "cmovns", "cmovp", "cmovnp",
                                 "cmovl",  "cmovnl",  "cmovle", "cmovnle" };
            EXPECT(name[r], REG(s, r), RM(s, *m));
        }
    }
    FOR_SIZE(s, 1) FOR_RM(m)
    {
        ONE(asm_store_imm(&buf, s, *m, -77));
        EXPECT("mov", RM(s, *m), IMM(-77));
    }
    FOR_REG(r) FOR_RM(m)
    {
        ONE(asm_movzx(&buf, 1, r, *m));
        EXPECT("movzx", REG(4, r), RM(1, *m));
        ONE(asm_movzx(&buf, 2, r, *m));
        EXPECT("movzx", REG(4, r), RM(2, *m));
        FOR_SIZE(to, 2)
        {
            ONE(asm_movsx(&buf, to, 1, r, *m));
            EXPECT("movsx", REG(to, r), RM(1, *m));
        }
        FOR_SIZE(to, 4)
        {
            ONE(asm_movsx(&buf, to, 2, r, *m));
            EXPECT("movsx", REG(to, r), RM(2, *m));
        }
        ONE(asm_movsx(&buf, 8, 4, r, *m));
        EXPECT("movsxd", REG(8, r), RM(4, *m));
    }
}

static void test_immediates(void)
{
    FOR_REG(r)
    {
        ONE(asm_mov_imm(&buf, r, 0xfedcba98));
        EXPECT("mov", REG(4, r), IMM(0xfedcba98));
        ONE(asm_mov_imm(&buf, r, (uint64_t)-5));
        EXPECT("mov", REG(8, r), IMM(-5));
        ONE(asm_mov_imm(&buf, r, 0x123456789abcdef0));
        EXPECT("mov", REG(8, r), IMM(0x123456789abcdef0));
        ONE(asm_mov_imm64(&buf, r, 1));
        EXPECT("mov", REG(8, r), IMM(1));
        g_assert_cmpuint(asm_size(&buf), ==, 10);
    }
}

static void test_addresses_and_stack(void)
{
    FOR_REG(r)
    {
        FOR_MEM(m)
        {
            FOR_SIZE(s, 2)
            {
                ONE(asm_movbe_load(&buf, s, r, *m));
                EXPECT("movbe", REG(s, r), RM(s, *m));
                ONE(asm_movbe_store(&buf, s, *m, r));
                EXPECT("movbe", RM(s, *m), REG(s, r));
            }
            ONE(asm_lea(&buf, 8, r, *m));
            EXPECT("lea", REG(8, r), RM(0, *m));
            ONE(asm_lea(&buf, 4, r, *m));
            EXPECT("lea", REG(4, r), RM(0, *m));
        }
        ONE(asm_bswap(&buf, 4, r));
        EXPECT("bswap", REG(4, r));
        ONE(asm_bswap(&buf, 8, r));
        EXPECT("bswap", REG(8, r));
        ONE(asm_push(&buf, r));
        EXPECT("push", REG(8, r));
        ONE(asm_pop(&buf, r));
        EXPECT("pop", REG(8, r));
    }
    FOR_RM(m)
    {
        ONE(asm_setcc(&buf, CC_LE, *m));
        EXPECT("setle", RM(1, *m));
        ONE(asm_push_rm(&buf, *m));
        EXPECT("push", RM(8, *m));
        ONE(asm_pop_rm(&buf, *m));
        EXPECT("pop", RM(8, *m));
        ONE(asm_jmp_rm(&buf, *m));
        EXPECT("jmp", RM(8, *m));
        ONE(asm_call_rm(&buf, *m));
        EXPECT("call", RM(8, *m));
    }
}

static void test_alu(void)
{
    static const char *const name[] = { "add", "or", "adc", "sbb", "and", "sub", "xor", "cmp" };
    static const int32_t imms[] = { 1, -128, 127, 0x7fffffff, -0x12345 };

    for (unsigned op = 0; op < 8; op++) {
        FOR_SIZE(s, 1) FOR_RM(m)
        {
            unsigned r = (op + s) & 15;
            ONE(asm_alu(&buf, op, s, r, *m));
            EXPECT(name[op], REG(s, r), RM(s, *m));
            ONE(asm_alu_store(&buf, op, s, *m, r));
            EXPECT(name[op], RM(s, *m), REG(s, r));
            for (unsigned k = 0; k < G_N_ELEMENTS(imms); k++) {
                ONE(asm_alu_imm(&buf, op, s, *m, imms[k]));
                EXPECT(name[op], RM(s, *m), IMM(imms[k]));
            }
        }
    }
    FOR_SIZE(s, 1) FOR_RM(m) FOR_REG(r)
    {
        ONE(asm_test(&buf, s, *m, r));
        EXPECT("test", RM(s, *m), REG(s, r));
        ONE(asm_test_imm(&buf, s, *m, 0x5a5a5a5a));
        EXPECT("test", RM(s, *m), IMM(0x5a5a5a5a));
        if (s > 1) {
            ONE(asm_imul(&buf, s, r, *m));
            EXPECT("imul", REG(s, r), RM(s, *m));
            ONE(asm_imul_imm(&buf, s, r, *m, -3));
            EXPECT("imul", REG(s, r), RM(s, *m), IMM(-3));
            ONE(asm_imul_imm(&buf, s, r, *m, 0x1234567));
            EXPECT("imul", REG(s, r), RM(s, *m), IMM(0x1234567));
        }
    }
}

static void test_one_operand(void)
{
    static const char *const name[] = { [2] = "not", "neg", "mul", "imul", "div", "idiv" };
    static const char *const shift[] = { "rol", "ror", "rcl", "rcr", "shl", "shr", NULL, "sar" };

    FOR_SIZE(s, 1) FOR_RM(m)
    {
        for (unsigned op = 2; op < 8; op++) {
            ONE(asm_unary(&buf, op, s, *m));
            EXPECT(name[op], RM(s, *m));
        }
        ONE(asm_inc(&buf, s, *m));
        EXPECT("inc", RM(s, *m));
        ONE(asm_dec(&buf, s, *m));
        EXPECT("dec", RM(s, *m));
        for (unsigned op = 0; op < 8; op++) {
            if (!shift[op]) {
                continue;
            }
            ONE(asm_shift_imm(&buf, op, s, *m, 5));
            EXPECT(shift[op], RM(s, *m), IMM(5));
            ONE(asm_shift_imm(&buf, op, s, *m, 1));
            expect_n(shift[op], (Want[]){ RM(s, *m), IMM(1) }, 2);
            ONE(asm_shift_cl(&buf, op, s, *m));
            EXPECT(shift[op], RM(s, *m), REG(1, RCX));
        }
    }
}

static void test_bits(void)
{
    static const char *const bit[] = { [4] = "bt", "bts", "btr", "btc" };
    static const char *const count[] = { "bsf", "bsr", "tzcnt", "lzcnt", "popcnt" };

    FOR_SIZE(s, 2) FOR_RM(m) FOR_REG(r)
    {
        for (unsigned op = 4; op < 8; op++) {
            ONE(asm_bit(&buf, op, s, *m, r));
            EXPECT(bit[op], RM(s, *m), REG(s, r));
            ONE(asm_bit_imm(&buf, op, s, *m, 9));
            EXPECT(bit[op], RM(s, *m), IMM(9));
        }
        for (unsigned op = 0; op < 5; op++) {
            ONE(asm_count(&buf, op, s, r, *m));
            EXPECT(count[op], REG(s, r), RM(s, *m));
        }
        ONE(asm_shld_imm(&buf, s, *m, r, 7));
        EXPECT("shld", RM(s, *m), REG(s, r), IMM(7));
        ONE(asm_shrd_imm(&buf, s, *m, r, 7));
        EXPECT("shrd", RM(s, *m), REG(s, r), IMM(7));
    }
}

static void test_atomic(void)
{
    FOR_SIZE(s, 1) FOR_MEM(m) FOR_REG(r)
    {
        ONE(asm_lock(&buf));
        asm_xadd(&buf, s, *m, r);
        if (m->kind != ASM_RM_ABS) { /* the address is relative to the instruction without lock */
            EXPECT("xadd", RM(s, *m), REG(s, r));
        }
        ONE(asm_cmpxchg(&buf, s, *m, r));
        EXPECT("cmpxchg", RM(s, *m), REG(s, r));
    }
    FOR_MEM(m)
    {
        ONE(asm_cmpxchg16b(&buf, *m));
        EXPECT("cmpxchg16b", RM(16, *m));
        ONE(asm_ldmxcsr(&buf, *m));
        EXPECT("ldmxcsr", RM(4, *m));
        ONE(asm_stmxcsr(&buf, *m));
        EXPECT("stmxcsr", RM(4, *m));
    }
}

static void test_plain(void)
{
    static const char *const name[ASM_PLAIN_COUNT] = {
        "nop",   "ud2", "int3", "mfence", "lfence", "sfence", "pause", "movsb",  "movsq", "stosb",
        "stosq", "stc", "clc",  "cmc",    "cld",    "lahf",   "sahf",  "pushfq", "popfq", "rdtsc",
    };

    for (unsigned k = 0; k < ASM_PLAIN_COUNT; k++) {
        ONE(asm_plain(&buf, k));
        expect_n(name[k], NULL, 0);
    }
    ONE(asm_ret(&buf));
    expect_n("ret", NULL, 0);
    ONE(asm_vzeroupper(&buf));
    expect_n("vzeroupper", NULL, 0);
    ONE(asm_cdq(&buf, 2));
    expect_n("cwd", NULL, 0);
    ONE(asm_cdq(&buf, 4));
    expect_n("cdq", NULL, 0);
    ONE(asm_cdq(&buf, 8));
    expect_n("cqo", NULL, 0);
    for (unsigned n = 0; n < 40; n++) {
        ONE(asm_nop(&buf, n));
        g_assert_cmpuint(asm_size(&buf), ==, n);
        for (unsigned at = 0; at < n;) {
            ZydisDecodedInstruction z;
            g_assert_true(
                ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&zy, NULL, code + at, n - at, &z)));
            g_assert_cmpint(z.mnemonic, ==, ZYDIS_MNEMONIC_NOP);
            at += z.length;
        }
    }
    begin();
    asm_byte(&buf, 0x90);
    asm_align(&buf, 32);
    g_assert_cmpuint(asm_size(&buf), ==, 32);
    asm_align(&buf, 32);
    g_assert_cmpuint(asm_size(&buf), ==, 32);
}

/* ---- VEX ---- */

static Want vex_operand(char letter, bool wide, unsigned reg, const AsmRm *rm)
{
    unsigned vs = wide ? 32 : 16;
    Want w = { .reg = reg };

    if (rm && rm->kind != ASM_RM_REG) {
        return (Want){ .kind = W_RM, .rm = *rm };
    }
    switch (letter) {
    case 'x':
    case 'z': w.kind = W_VEC, w.size = vs; break;
    case 'h':
    case 'r': w.kind = W_VEC, w.size = 16; break;
    case 'g': w.kind = W_REG, w.size = 4; break;
    case 'q': w.kind = W_REG, w.size = 8; break;
    case 's': w.kind = W_REG, w.size = wide ? 8 : 4; break;
    default: g_assert_not_reached();
    }
    return w;
}

/* Is a register, is memory possible there? */
static bool vex_allows(char letter, const AsmRm *rm)
{
    return rm->kind == ASM_RM_REG ? letter != 'm' : letter != 'z' && letter != 'r';
}

static void try_vex(AsmVex op, bool wide, unsigned d, unsigned s, unsigned u, const AsmRm *rm)
{
    const AsmVexInfo *i = &asm_vex_info[op];
    unsigned form = i->form & ~VF_IMM, n = strlen(i->operands);
    const char *o = i->operands;
    bool l = i->l == VL_1 || (i->l == VL_X && wide);
    Want w[5];
    unsigned at = form == VF_RM || form == VF_VM || form == VF_RMV ? 1 : form == VF_MR ? 0 : 2;

    if (i->w == VW_S) {
        l = wide;
    }
    if (!vex_allows(o[at], rm)) {
        return;
    }
    for (unsigned k = 0; k < n; k++) {
        const unsigned regs[4] = { d, s, u, u };
        bool is_rm = k == at;
        w[k] = vex_operand(o[k], l, is_rm ? rm->base : regs[k], is_rm ? rm : NULL);
    }
    begin();
    switch (form) {
    case VF_RM:
    case VF_VM: asm_v2(&buf, op, wide, d, *rm, 0x9c); break;
    case VF_MR: asm_v2_store(&buf, op, wide, *rm, s, 0x9c); break;
    case VF_RVM: asm_v3(&buf, op, wide, d, s, *rm, 0x9c); break;
    case VF_RMV: asm_rmv(&buf, op, wide, d, *rm, u); break;
    case VF_RVMR: asm_v4(&buf, op, wide, d, s, *rm, u); break;
    default: g_assert_not_reached();
    }
    if (i->form & VF_IMM) {
        w[n++] = (Want)IMM(0x9c);
    }
    expect_n(i->mnemonic, w, n);
}

static void test_vex(void)
{
    for (unsigned op = 0; op < ASM_VEX_COUNT; op++) {
        for (int wide = 0; wide < 2; wide++) {
            FOR_RM(m)
            {
                try_vex(op, wide, 3, 12, 9, m);
                try_vex(op, wide, 14, 5, 0, m);
            }
            FOR_REG(r)
            {
                AsmRm other = asm_reg(15 - r);
                try_vex(op, wide, r, (r + 5) & 15, (r + 9) & 15, &other);
            }
        }
    }
}

/* ---- labels and the buffer's end ---- */

static uint64_t target_of(unsigned at)
{
    ZydisDecodedInstruction z;
    ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];
    ZyanU64 addr;

    g_assert_true(ZYAN_SUCCESS(ZydisDecoderDecodeFull(&zy, code + at, 15, &z, o)));
    g_assert_true(ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&z, &o[0], RUN_AT + at, &addr)) ||
                  ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&z, &o[1], RUN_AT + at, &addr)));
    return addr;
}

static void test_labels(void)
{
    unsigned at[9];

    begin();
    AsmLabel back = asm_label(&buf), fwd = asm_label(&buf), near = asm_label(&buf);
    asm_bind(&buf, back);
    at[0] = asm_size(&buf);
    asm_jcc(&buf, CC_E, fwd);
    at[1] = asm_size(&buf);
    asm_jmp(&buf, back);
    g_assert_cmpuint(asm_size(&buf) - at[1], ==, 2);
    at[2] = asm_size(&buf);
    asm_jcc_short(&buf, CC_B, near);
    g_assert_cmpuint(asm_size(&buf) - at[2], ==, 2);
    asm_nop(&buf, 127);
    asm_bind(&buf, near);
    at[3] = asm_size(&buf);
    asm_jcc(&buf, CC_G, back);
    g_assert_cmpuint(asm_size(&buf) - at[3], ==, 6);
    at[4] = asm_size(&buf);
    asm_lea(&buf, 8, RAX, asm_at_label(fwd));
    at[5] = asm_size(&buf);
    asm_v3(&buf, I_VCMPPS, true, 1, 2, asm_at_label(fwd), 7); /* an immediate after the field */
    at[6] = asm_size(&buf);
    asm_call(&buf, fwd);
    at[7] = asm_size(&buf);
    asm_jmp_abs(&buf, RUN_AT + 0x5000);
    asm_bind(&buf, fwd);
    uint64_t end = asm_here(&buf);
    g_assert_cmpuint(asm_label_addr(&buf, fwd), ==, end);
    g_assert_true(asm_finish(&buf));
    g_assert_cmpuint(target_of(at[0]), ==, end);
    g_assert_cmpuint(target_of(at[1]), ==, RUN_AT);
    g_assert_cmpuint(target_of(at[2]), ==, RUN_AT + at[3]);
    g_assert_cmpuint(target_of(at[3]), ==, RUN_AT);
    g_assert_cmpuint(target_of(at[4]), ==, end);
    ZydisDecodedInstruction z;
    ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];
    g_assert_true(ZYAN_SUCCESS(ZydisDecoderDecodeFull(&zy, code + at[5], 15, &z, o)));
    g_assert_cmpuint(RUN_AT + at[5] + z.length + o[2].mem.disp.value, ==, end);
    g_assert_cmpuint(target_of(at[6]), ==, end);
    g_assert_cmpuint(target_of(at[7]), ==, RUN_AT + 0x5000);
    g_assert_true(asm_patch_rel32(code + at[7] + 1, RUN_AT + at[7] + 1, RUN_AT));
    g_assert_cmpuint(target_of(at[7]), ==, RUN_AT);
    g_assert_false(asm_patch_rel32(code + at[7] + 1, RUN_AT, RUN_AT << 4));
}

static void test_overflow(void)
{
    uint8_t guard[64 + 32];

    for (unsigned room = 0; room <= 64; room++) {
        memset(guard, 0xee, sizeof(guard));
        asm_begin(&buf, guard, room, RUN_AT);
        for (unsigned k = 0; k < 20; k++) {
            asm_store_imm(&buf, 8, asm_mem_index(R13, R12, 3, 0x12345), 0x1234567);
            asm_v3(&buf, I_VPADDB, true, 9, 9, asm_mem(R12, 0x1234), 0);
            asm_data(&buf, "12345", 5);
        }
        g_assert_true(buf.overflow);
        g_assert_false(asm_finish(&buf));
        for (unsigned k = room; k < sizeof(guard); k++) {
            g_assert_cmphex(guard[k], ==, 0xee);
        }
    }
    begin();
    asm_call_abs(&buf, RUN_AT + 0x80000000ull * 2);
    g_assert_true(buf.overflow); /* out of reach */
    g_assert_false(asm_reachable(&buf, RUN_AT + 0x80000000ull));
    g_assert_true(asm_reachable(&buf, RUN_AT + 0x7ffffff0));
    g_assert_false(asm_reachable(&buf, RUN_AT - 0x80000000ull)); /* not from the far end */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ZydisDecoderInit(&zy, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    asm_init(&buf);
    make_operands();
    g_test_add_func("/exec/host-asm/moves-come-back", test_moves);
    g_test_add_func("/exec/host-asm/immediates-take-the-shortest-form", test_immediates);
    g_test_add_func("/exec/host-asm/addresses-and-stack-come-back", test_addresses_and_stack);
    g_test_add_func("/exec/host-asm/two-operand-arithmetic-comes-back", test_alu);
    g_test_add_func("/exec/host-asm/one-operand-arithmetic-comes-back", test_one_operand);
    g_test_add_func("/exec/host-asm/bit-operations-come-back", test_bits);
    g_test_add_func("/exec/host-asm/atomics-and-control-words-come-back", test_atomic);
    g_test_add_func("/exec/host-asm/plain-instructions-come-back", test_plain);
    g_test_add_func("/exec/host-asm/every-row-of-the-vex-table-comes-back", test_vex);
    g_test_add_func("/exec/host-asm/labels-resolve-both-ways", test_labels);
    g_test_add_func("/exec/host-asm/a-full-buffer-is-never-overrun", test_overflow);
    int r = g_test_run();
    asm_clear(&buf);
    return r;
}
