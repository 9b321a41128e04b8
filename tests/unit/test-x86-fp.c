/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87, MMX, SSE and AVX where the host cannot be the oracle: who may use them at all, the x87
 * environment in its four formats with the pointers Ferry records, errors without CR0.NE, and the
 * C versions of the cryptographic instructions. Results are checked against the host's CPU in
 * tests/isa/x86.
 */
#include <string.h>
#include "base/util/endian.h"
#include "target/x86/crypto-priv.h"
#include "target/x86/decode.h"
#include "target/x86/fpu.h"
#include "target/x86/system.h"
#include "x86-machine.h"

static X86Machine *m;

/* ---- gates ---- */
#define NO_AVX   1 /* CR4.OSXSAVE clear */
#define NO_SSE   2 /* CR4.OSFXSR clear */
#define AVX_OFF  4 /* XCR0 without AVX */
#define NO_XMM   8 /* CR4.OSXMMEXCPT clear */
#define TS_BIT   CR0_TS
#define X87_ADD  "d8 c1"
#define MMX_ADD  "0f fc c1"
#define SSE_ADD  "0f 58 c1"
#define VEX_ADD  "c5 f4 58 c2"
#define FWAIT    "9b"
#define ANDN     "c4 e2 70 f2 c2"
#define CVTPI2PD "66 0f 2a 00"

static const struct {
    const char *what, *code;
    uint32_t cr0;
    unsigned off;
    int vector;
} gates[] = {
    { "x87 with TS", X87_ADD, CR0_TS, 0, EXCP_NM },
    { "x87 with EM", X87_ADD, CR0_EM, 0, EXCP_NM },
    { "MMX with TS", MMX_ADD, CR0_TS, 0, EXCP_NM },
    { "MMX with EM", MMX_ADD, CR0_EM, 0, EXCP_UD },
    { "SSE with TS", SSE_ADD, CR0_TS, 0, EXCP_NM },
    { "SSE with EM", SSE_ADD, CR0_EM, 0, EXCP_UD },
    { "SSE without OSFXSR", SSE_ADD, 0, NO_SSE, EXCP_UD },
    { "SSE without OSFXSR, TS", SSE_ADD, CR0_TS, NO_SSE, EXCP_UD },
    { "AVX with TS", VEX_ADD, CR0_TS, 0, EXCP_NM },
    { "AVX with EM", VEX_ADD, CR0_EM, 0, -1 },
    { "AVX without OSXSAVE", VEX_ADD, 0, NO_AVX, EXCP_UD },
    { "AVX not in XCR0", VEX_ADD, 0, AVX_OFF, EXCP_UD },
    { "AVX without OSFXSR", VEX_ADD, 0, NO_SSE, -1 },
    { "VEX on general registers needs none", ANDN, CR0_TS | CR0_EM, NO_AVX | NO_SSE, -1 },
    { "WAIT with TS alone", FWAIT, CR0_TS, 0, -1 },
    { "WAIT with MP alone", FWAIT, CR0_MP, 0, -1 },
    { "WAIT with MP and TS", FWAIT, CR0_MP | CR0_TS, 0, EXCP_NM },
    { "WAIT with EM", FWAIT, CR0_EM, 0, -1 },
};

static void set_gates(uint32_t cr0, unsigned off)
{
    X86Cpu *cpu = m->cpu;
    cpu->cr0 |= cr0;
    cpu->cr4 &= ~(uint64_t)((off & NO_AVX ? CR4_OSXSAVE : 0) | (off & NO_SSE ? CR4_OSFXSR : 0) |
                            (off & NO_XMM ? CR4_OSXMMEXCPT : 0));
    cpu->xcr0 = off & AVX_OFF ? 3 : 7;
    x86_mode_update(cpu);
}

static void test_gates(void)
{
    for (unsigned k = 0; k < G_N_ELEMENTS(gates); k++) {
        g_test_message("%s", gates[k].what);
        x86m_reset(m, 64);
        set_gates(gates[k].cr0, gates[k].off);
        x86m_run_hex(m, gates[k].code);
        g_assert_cmpint(m->vector, ==, gates[k].vector);
    }
}

/* From the start of the code, which comes to its one SSE instruction where rcx is not 0. */
static int run_with(unsigned off, bool sse)
{
    m->cpu->cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
    set_gates(0, off);
    m->cpu->rip = X86M_CODE;
    m->cpu->gpr[X86_RCX] = sse;
    x86m_resume(m);
    return m->vector;
}

/* Regions that do not look at OSFXSR and its like are the same ones when the bit comes; those that do
 * are not. */
static void test_a_control_bit_that_comes(void)
{
    static const uint8_t code[] = { 0x85, 0xc9, 0x75, 0x03, 0xff, 0xc0, 0xf4, 0x0f, 0x58, 0xc1 };
    ExecConfig config = { .no_threads = true, .jit = true };
    X86Machine *interpreted = m;
    ExecStats before, after;

    m = x86m_new_with(&config);
    x86m_reset(m, 64);
    x86m_load(m, code, sizeof(code));
    g_assert_cmpint(run_with(NO_SSE | NO_AVX, true), ==, EXCP_UD);
    g_assert_cmpint(run_with(NO_SSE | NO_AVX, false), ==, -1);
    engine_stats(m->engine, &before);
    g_assert_cmpint(run_with(NO_AVX, false), ==, -1);
    g_assert_cmpint(run_with(0, false), ==, -1);
    engine_stats(m->engine, &after);
    if (before.native_regions) {
        g_assert_cmpuint(after.translations, ==, before.translations);
    }
    g_assert_cmpint(run_with(0, true), ==, -1);
    g_assert_cmpint(run_with(NO_AVX, true), ==, -1);
    g_assert_cmpint(run_with(NO_SSE | NO_AVX, true), ==, EXCP_UD);
    g_assert_cmpint(run_with(NO_SSE | NO_AVX, false), ==, -1);
    g_assert_cmpint(run_with(0, true), ==, -1);
    x86m_free(m);
    m = interpreted;
}

static void test_simd_exception(void)
{
    static const float one = 1.0f, zero = 0.0f;
    for (unsigned off = 0; off <= NO_XMM; off += NO_XMM) {
        x86m_reset(m, 64);
        set_gates(0, off);
        x86_set_mxcsr(m->cpu, 0x1d80); /* divide by zero unmasked */
        memcpy(m->cpu->ymm[0].b, &one, 4);
        memcpy(m->cpu->ymm[1].b, &zero, 4);
        x86m_run_hex(m, "f3 0f 5e c1");
        g_assert_cmpint(m->vector, ==, off ? EXCP_UD : EXCP_XM);
        g_assert_cmpuint(m->cpu->rip, ==, X86M_CODE);
        g_assert_cmpuint(m->cpu->mxcsr, ==, 0x1d84);
        g_assert_cmpmem(m->cpu->ymm[0].b, 4, &one, 4);
    }
    /* LDMXCSR takes effect at the next instruction, and masking again too. */
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RAX] = X86M_DATA;
    st_le32(m->mem + X86M_DATA, 0x1d80);
    memcpy(m->cpu->ymm[0].b, &one, 4);
    x86m_run_hex(m, "0f ae 10 f3 0f 5e c1");
    g_assert_cmpint(m->vector, ==, EXCP_XM);
    g_assert_cmpuint(m->cpu->rip, ==, X86M_CODE + 3);
}

/* MXCSR read and written between instructions that raise flags and round. */
static void test_mxcsr_in_use(void)
{
    static const float one = 1.0f, three = 3.0f;
    static const uint32_t nearest = 0x3eaaaaab, down = 0x3eaaaaaa;

    x86m_reset(m, 64);
    m->cpu->gpr[X86_RAX] = X86M_DATA;
    st_le32(m->mem + X86M_DATA, 0x3f80); /* towards minus infinity, no flag */
    for (unsigned k = 0; k < 3; k++) {
        memcpy(m->cpu->ymm[k].b, k == 2 ? &three : &one, 4);
    }
    /* DIVSS XMM0, XMM2; STMXCSR [RAX+4]; LDMXCSR [RAX]; STMXCSR [RAX+8]; DIVSS XMM1, XMM2; STMXCSR [RAX+12] */
    x86m_run_hex(m, "f3 0f 5e c2 0f ae 58 04 0f ae 10 0f ae 58 08 f3 0f 5e ca 0f ae 58 0c");
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmpmem(m->cpu->ymm[0].b, 4, &nearest, 4);
    g_assert_cmpmem(m->cpu->ymm[1].b, 4, &down, 4);
    g_assert_cmphex(ld_le32(m->mem + X86M_DATA + 4), ==, 0x1fa0);
    g_assert_cmphex(ld_le32(m->mem + X86M_DATA + 8), ==, 0x3f80);
    g_assert_cmphex(ld_le32(m->mem + X86M_DATA + 12), ==, 0x3fa0);
    g_assert_cmphex(m->cpu->mxcsr, ==, 0x3fa0);
}

/* Several x87 instructions in a row, then something that looks at the state another way. */
static void test_state_in_use(void)
{
    static const uint16_t unmask_ze = 0x37b;

    /* FNINIT; FLDZ; FLD1; FDIV ST, ST(1); FNSTSW AX: 1/0 is masked, ZE stays */
    x86m_reset(m, 64);
    x86m_run_hex(m, "db e3 d9 ee d9 e8 d8 f1 df e0");
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmphex(m->cpu->gpr[X86_RAX] & 0xffff, ==, 6 << 11 | X87_ZE);
    g_assert_cmphex(x87_status_word(m->cpu), ==, 6 << 11 | X87_ZE);
    g_assert_cmphex(m->cpu->st[6].exp, ==, 0x7fff);
    g_assert_cmphex(m->cpu->fp_valid, ==, 0xc0);

    /* ... FLDCW that unmasks it; FWAIT: #MF there */
    x86m_reset(m, 64);
    m->cpu->cr0 |= CR0_NE;
    x86_mode_update(m->cpu);
    m->cpu->gpr[X86_RBX] = X86M_DATA;
    st_le16(m->mem + X86M_DATA, unmask_ze);
    x86m_run_hex(m, "db e3 d9 ee d9 e8 d8 f1 d9 2b 9b");
    g_assert_cmpint(m->vector, ==, EXCP_MF);
    g_assert_cmpuint(m->cpu->rip, ==, X86M_CODE + 10);
    g_assert_cmphex(m->cpu->fpsw, ==, X87_ZE | X87_ES | X87_B);

    /* FNINIT; FLD1; MOVQ RAX, MM7: the mantissa; TOP becomes 0 */
    x86m_reset(m, 64);
    x86m_run_hex(m, "db e3 d9 e8 48 0f 7e f8");
    g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, 1ull << 63);
    g_assert_cmpuint(m->cpu->fp_top, ==, 0);
    g_assert_cmphex(m->cpu->fp_valid, ==, 0xff);

    /* FNINIT; FLD1; FXSAVE [RBX]; FCHS: the image is of before */
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RBX] = X86M_DATA;
    x86m_run_hex(m, "db e3 d9 e8 0f ae 03 d9 e0");
    g_assert_cmphex(ld_le16(m->mem + X86M_DATA + 40), ==, 0x3fff);
    g_assert_cmphex(m->mem[X86M_DATA + 4], ==, 0x80);
    g_assert_cmphex(m->cpu->st[7].exp, ==, 0xbfff);

    /* FNINIT; FLD1; MOV RAX, [hole]: a fault leaves the state in place */
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RBX] = X86M_HOLE;
    x86m_run_hex(m, "db e3 d9 e8 48 8b 03");
    g_assert_cmpint(m->vector, ==, EXCP_PF);
    g_assert_cmphex(m->cpu->st[7].exp, ==, 0x3fff);
    g_assert_cmphex(m->cpu->fp_valid, ==, 0x80);
    g_assert_false(m->cpu->fp_live);
}

/* ---- the x87 environment ---- */
/* FNINIT; FLD dword [0x100]; FNSTENV [0x200]: pointers of the FLD. */
static void test_environment(void)
{
    static const float v = 1.5f;
    /* 16-bit real mode: DS base 0, CS base X86M_CODE */
    x86m_reset(m, 16);
    memcpy(m->mem + 0x100, &v, 4);
    x86m_run_hex(m, "db e3 d9 06 00 01 d9 36 00 02");
    g_assert_cmpint(m->vector, ==, -1);
    const uint8_t *e = m->mem + 0x200;
    g_assert_cmphex(ld_le16(e), ==, 0x37f);
    g_assert_cmphex(ld_le16(e + 2), ==, 7 << 11);
    g_assert_cmphex(ld_le16(e + 4), ==, 0x3fff);
    g_assert_cmphex(ld_le16(e + 6), ==, (X86M_CODE + 2) & 0xffff);
    g_assert_cmphex(ld_le16(e + 8), ==, (X86M_CODE + 2) >> 16 << 12 | 0x106);
    g_assert_cmphex(ld_le16(e + 10), ==, 0x100);
    g_assert_cmphex(ld_le16(e + 12), ==, 0);
    g_assert_cmphex(m->cpu->fpcw & 0x3f, ==, 0x3f);
    /* 32-bit real mode */
    x86m_reset(m, 16);
    memcpy(m->mem + 0x100, &v, 4);
    x86m_run_hex(m, "db e3 d9 06 00 01 66 d9 36 00 02");
    g_assert_cmphex(ld_le16(e + 8), ==, 0x3fff);
    g_assert_cmphex(ld_le32(e + 12) & 0xffff, ==, (X86M_CODE + 2) & 0xffff);
    g_assert_cmphex(ld_le32(e + 16), ==, (X86M_CODE + 2) >> 16 << 12 | 0x106);
    g_assert_cmphex(ld_le32(e + 20) & 0xffff, ==, 0x100);
    /* 32-bit protected mode */
    x86m_reset(m, 32);
    memcpy(m->mem + 0x100, &v, 4);
    x86m_run_hex(m, "db e3 d9 05 00 01 00 00 d9 35 00 02 00 00");
    g_assert_cmphex(ld_le32(e), ==, 0xffff037f);
    g_assert_cmphex(ld_le32(e + 12), ==, X86M_CODE + 2);
    g_assert_cmphex(ld_le32(e + 16), ==, 8 | 0x105 << 16);
    g_assert_cmphex(ld_le32(e + 20), ==, 0x100);
    g_assert_cmphex(ld_le32(e + 24) & 0xffff, ==, 16);
    /* 16-bit protected mode has no opcode */
    x86m_reset(m, 32);
    memcpy(m->mem + 0x100, &v, 4);
    x86m_run_hex(m, "db e3 d9 05 00 01 00 00 66 d9 35 00 02 00 00");
    g_assert_cmphex(ld_le16(e + 6), ==, (X86M_CODE + 2) & 0xffff);
    g_assert_cmphex(ld_le16(e + 8), ==, 8);
    g_assert_cmphex(ld_le16(e + 12), ==, 16);
}

/* FNSAVE leaves FNINIT's state; FRSTOR of the image brings all back, pointers too. */
static void test_save_restore(void)
{
    static const char *const forms[] = { "d9 eb d9 e8 dd b3 00 01 00 00 dd a3 00 01 00 00",
                                         "d9 eb d9 e8 66 dd b3 00 01 00 00 66 dd a3 00 01 00 00" };
    for (unsigned k = 0; k < 2; k++) {
        x86m_reset(m, 64);
        x87_init(m->cpu);
        m->cpu->gpr[X86_RBX] = X86M_DATA;
        x86m_run_hex(m, forms[k]);
        g_assert_cmpint(m->vector, ==, -1);
        g_assert_cmphex(x87_status_word(m->cpu), ==, 6 << 11);
        g_assert_cmphex(x87_abridged_tag(m->cpu), ==, 0xc0);
        g_assert_cmphex(m->cpu->st[6].mant, ==, UINT64_C(1) << 63);
        g_assert_cmphex(m->cpu->st[7].exp, ==, 0x4000);
        g_assert_cmphex(m->cpu->fp_ip & 0xffff, ==, (X86M_CODE + 2) & 0xffff);
    }
    x86m_reset(m, 64);
    x87_init(m->cpu);
    m->cpu->gpr[X86_RBX] = X86M_DATA;
    x86m_run_hex(m, "d9 e8 dd b3 00 01 00 00");
    g_assert_cmphex(x87_status_word(m->cpu), ==, 0);
    g_assert_cmphex(x87_abridged_tag(m->cpu), ==, 0);
    g_assert_cmphex(m->cpu->fpcw, ==, 0x37f);
}

/* ---- errors ---- */
static void count(void *opaque)
{
    ++*(unsigned *)opaque;
}

/* 1/0 unmasked: the next instruction that waits reports it; those that do not, do not. */
static void test_errors(void)
{
    unsigned n = 0;
    const char *code = "d9 e8 d9 ee de f9 df e0 d9 c9"; /* 1, 0, divide, FNSTSW AX, FXCH */
    x86m_reset(m, 64);
    x87_init(m->cpu);
    m->cpu->fpcw = 0x37b;
    m->cpu->cr0 |= CR0_NE;
    x86m_run_hex(m, code);
    g_assert_cmpint(m->vector, ==, EXCP_MF);
    g_assert_cmphex(m->cpu->rip, ==, X86M_CODE + 8);
    g_assert_cmphex(m->cpu->gpr[X86_RAX] & 0x80ff, ==, 0x8084);
    /* without NE the line goes up and the instruction runs */
    x86m_reset(m, 64);
    x87_init(m->cpu);
    m->cpu->fpcw = 0x37b;
    m->cpu->sys.ferr = count;
    m->cpu->sys.ferr_opaque = &n;
    x86m_run_hex(m, code);
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmpuint(n, ==, 1);
    m->cpu->sys.ferr = NULL;
    /* FNCLEX forgets it */
    x86m_reset(m, 64);
    x87_init(m->cpu);
    m->cpu->fpcw = 0x37b;
    m->cpu->cr0 |= CR0_NE;
    x86m_run_hex(m, "d9 e8 d9 ee de f9 db e2 d9 c9");
    g_assert_cmpint(m->vector, ==, -1);
    /* a control word that unmasks what is flagged makes it pending */
    x86m_reset(m, 64);
    x87_init(m->cpu);
    m->cpu->cr0 |= CR0_NE;
    m->cpu->gpr[X86_RBX] = X86M_DATA;
    st_le16(m->mem + X86M_DATA, 0x37b);
    x86m_run_hex(m, "d9 e8 d9 ee de f9 d9 2b 9b");
    g_assert_cmpint(m->vector, ==, EXCP_MF);
    g_assert_cmphex(m->cpu->rip, ==, X86M_CODE + 8);
}

/* ---- cryptography in C ---- */
static void test_aes(void)
{
    /* FIPS 197 appendix B: the state at the start of round 1, round key 1, the state after it */
    static const uint8_t in[16] = { 0x19, 0x3d, 0xe3, 0xbe, 0xa0, 0xf4, 0xe2, 0x2b,
                                    0x9a, 0xc6, 0x8d, 0x2a, 0xe9, 0xf8, 0x48, 0x08 };
    static const uint8_t key[16] = { 0xa0, 0xfa, 0xfe, 0x17, 0x88, 0x54, 0x2c, 0xb1,
                                     0x23, 0xa3, 0x39, 0x39, 0x2a, 0x6c, 0x76, 0x05 };
    static const uint8_t out[16] = { 0xa4, 0x9c, 0x7f, 0xf2, 0x68, 0x9f, 0x35, 0x2b,
                                     0x6b, 0x5b, 0xea, 0x43, 0x02, 0x6a, 0x50, 0x49 };
    uint8_t r[16], back[16], zero[16] = { 0 };
    x86_soft_aes(X86_AES_ENC, r, in, key);
    g_assert_cmpmem(r, 16, out, 16);
    /* AESENCLAST then AESDECLAST with no keys is the identity; so is AESENC with AESIMC, AESDECLAST */
    x86_soft_aes(X86_AES_ENCLAST, r, in, zero);
    x86_soft_aes(X86_AES_DECLAST, back, r, zero);
    g_assert_cmpmem(back, 16, in, 16);
    x86_soft_aes(X86_AES_ENC, r, in, zero);
    x86_soft_aesimc(r, r);
    x86_soft_aes(X86_AES_DECLAST, back, r, zero);
    g_assert_cmpmem(back, 16, in, 16);
    /* the key schedule of appendix A.1: words 3 and 4 */
    static const uint8_t k0[16] = { 0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                                    0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c };
    x86_soft_aeskeygen(r, k0, 1);
    for (unsigned k = 0; k < 4; k++) {
        g_assert_cmphex(r[12 + k] ^ k0[k], ==, key[k]);
    }
}

/* The helpers use the host's AES where there is one: both must agree on anything. */
static void test_soft_against_helpers(void)
{
    typedef void (*Fn2)(CpuState *, IrVec *, const void *, const void *);
    static const HelperDesc *const aes[] = { &hd_aesenc, &hd_aesenclast, &hd_aesdec,
                                             &hd_aesdeclast };
    typedef void (*Fn3)(CpuState *, IrVec *, const void *, const void *, uint64_t);
    IrVec a, b, r;
    uint8_t soft[16];
    uint64_t product[2];
    for (unsigned k = 0; k < 200; k++) {
        for (unsigned q = 0; q < 2; q++) {
            a.q[q] = (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
            b.q[q] = (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
        }
        ((Fn2)aes[k & 3]->fn)(&m->cpu->base, &r, &a, &b);
        x86_soft_aes((X86AesOp)(k & 3), soft, a.b, b.b);
        g_assert_cmpmem(r.b, 16, soft, 16);
        ((Fn3)hd_pclmul.fn)(&m->cpu->base, &r, &a, &b, 0x10);
        x86_soft_clmul(product, a.q[0], b.q[1]);
        g_assert_cmpmem(r.b, 16, product, 16);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    m = x86m_new();
    g_test_add_func("/target/x86/fp/a-control-bit-that-comes-leaves-other-regions-as-they-are",
                    test_a_control_bit_that_comes);
    g_test_add_func("/target/x86/fp/x87-state-is-the-same-however-it-is-looked-at",
                    test_state_in_use);
    g_test_add_func("/target/x86/fp/control-bits-decide-who-may-use-the-units", test_gates);
    g_test_add_func("/target/x86/fp/unmasked-simd-exceptions-are-precise", test_simd_exception);
    g_test_add_func("/target/x86/fp/mxcsr-read-and-written-between-instructions",
                    test_mxcsr_in_use);
    g_test_add_func("/target/x86/fp/fstenv-has-four-formats", test_environment);
    g_test_add_func("/target/x86/fp/frstor-undoes-fsave", test_save_restore);
    g_test_add_func("/target/x86/fp/errors-wait-for-an-instruction-that-waits", test_errors);
    g_test_add_func("/target/x86/fp/aes-in-c-follows-fips-197", test_aes);
    g_test_add_func("/target/x86/fp/crypto-in-c-agrees-with-the-host", test_soft_against_helpers);
    int r = g_test_run();
    x86m_free(m);
    return r;
}
