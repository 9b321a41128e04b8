/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer, control, stack and string instructions of x86 in the interpreter. Each row states code,
 * registers before and what must be there after; expected values are from the manual (SDM volume 2).
 */
#include <string.h>
#include "target/x86/decode.h"
#include "x86-machine.h"

static X86Machine *m;

#define CF X86_CF
#define PF X86_PF
#define AF X86_AF
#define ZF X86_ZF
#define SF X86_SF
#define OF X86_OF

typedef struct Row {
    const char *what;
    unsigned mode;
    const char *code;
    uint64_t rax, rcx, rdx;    /* before */
    uint32_t flags;            /* before */
    uint64_t rax2, rcx2, rdx2; /* after */
    uint32_t flags2, mask;     /* after, on these bits */
} Row;

#define ALL X86_CC

static const Row rows[] = {
    { "add carries out", 64, "48 01 c8", ~0ull, 1, 0, 0, 0, 1, 0, CF | ZF | AF | PF, ALL },
    { "add overflows", 64, "01 c8", 0x7fffffff, 1, 0, 0, 0x80000000, 1, 0, SF | OF | AF | PF, ALL },
    { "add al wraps alone", 64, "00 c8", 0x12ff, 1, 0, 0, 0x1200, 1, 0, CF | ZF | AF | PF, ALL },
    { "add ah", 64, "00 ec", 0xff12, 0x0100, 0, 0, 0x12, 0x0100, 0, CF | ZF | AF | PF, ALL },
    { "adc takes the carry", 64, "48 11 c8", ~0ull, ~0ull, 0, CF, ~0ull, ~0ull, 0,
      CF | SF | AF | PF, ALL },
    { "sbb borrows", 64, "19 c8", 0, 0xffffffff, 0, CF, 0, 0xffffffff, 0, CF | AF | ZF | PF, ALL },
    { "sub", 64, "48 29 c8", 5, 7, 0, 0, -2ull, 7, 0, CF | SF | AF, ALL },
    { "cmp leaves its operand", 64, "66 39 c8", 0x8000, 1, 0, 0, 0x8000, 1, 0, OF | AF | PF, ALL },
    { "inc keeps CF", 64, "ff c0", 0x7fffffff, 0, 0, CF, 0x80000000, 0, 0, CF | OF | SF | AF | PF,
      ALL },
    { "dec keeps CF", 64, "fe c8", 0x100, 0, 0, CF, 0x1ff, 0, 0, CF | SF | AF | PF, ALL },
    { "neg of 0 clears CF", 64, "48 f7 d8", 0, 0, 0, CF, 0, 0, 0, ZF | PF, ALL },
    { "a 32-bit result is zero-extended", 64, "89 c8", ~0ull, 0x80000001, 0, 0, 0x80000001,
      0x80000001, 0, 0, 0 },
    { "a 16-bit result is not", 64, "66 89 c8", ~0ull, 0x1234, 0, 0, 0xffffffffffff1234, 0x1234, 0,
      0, 0 },
    { "shl by 0 keeps the flags", 64, "48 d3 e0", 5, 64, 0, CF | OF | SF, 5, 64, 0, CF | OF | SF,
      ALL },
    { "shl eax by 0 zero-extends", 64, "d3 e0", ~0ull, 32, 0, CF, 0xffffffff, 32, 0, CF, ALL },
    { "shl by 1 shows the sign change", 64, "d1 e0", 0x40000000, 0, 0, 0, 0x80000000, 0, 0,
      OF | SF | PF, ALL & ~AF },
    { "shr", 64, "c1 e8 04", 0x80000018, 0, 0, 0, 0x08000001, 0, 0, CF, CF | ZF | SF | PF },
    { "sar of a byte", 64, "c0 f8 07", 0x80, 0, 0, 0, 0xff, 0, 0, SF | PF, CF | ZF | SF | PF },
    { "rol by 8 of a byte sets CF", 64, "c0 c0 08", 0x81, 0, 0, ZF, 0x81, 0, 0, ZF | CF,
      ALL & ~OF },
    { "rcl through the carry", 64, "d0 d0", 0x80, 0, 0, 0, 0, 0, 0, CF | OF, CF | OF },
    { "rcr of 64 bits", 64, "48 d1 d8", 1, 0, 0, CF, 1ull << 63, 0, 0, CF | OF, CF | OF },
    { "shld", 64, "0f a4 c8 08", 0x12345678, 0xab000000, 0, 0, 0x345678ab, 0xab000000, 0, 0, CF },
    { "mul widens", 64, "48 f7 e1", ~0ull, 2, 0, 0, ~1ull, 2, 1, CF | OF, CF | OF },
    { "imul that fits", 64, "0f af c1", -3u, 5, 0, CF, -15u, 5, 0, 0, CF | OF },
    { "div", 64, "f7 f1", 0, 16, 1, 0, 0x10000000, 16, 0, 0, 0 },
    { "idiv truncates to zero", 64, "48 f7 f9", -7ull, 2, ~0ull, 0, -3ull, 2, -1ull, 0, 0 },
    { "cmpxchg equal", 64, "0f b1 d1", 7, 7, 9, 0, 7, 9, 9, ZF | PF, ALL },
    { "cmpxchg not equal", 64, "0f b1 d1", 6, 7, 9, 0, 7, 7, 9, CF | SF | AF | PF, ALL },
    { "xadd", 64, "0f c1 c8", 5, 3, 0, 0, 8, 5, 0, 0, ALL },
    { "bt with a register", 64, "48 0f a3 c8", 0x10, 68, 0, ZF, 0x10, 68, 0, ZF | CF, ZF | CF },
    { "bsf of 0 keeps the destination", 64, "0f bc c1", 0x1122334455, 0, 0, 0, 0x1122334455, 0, 0,
      ZF, ZF },
    { "tzcnt of 0 is the width", 64, "f3 0f bc c1", 1, 0, 0, 0, 32, 0, 0, CF, CF | ZF },
    { "lzcnt", 64, "f3 48 0f bd c1", 0, 1, 0, 0, 63, 1, 0, 0, CF | ZF },
    { "popcnt", 64, "f3 0f b8 c1", 0, 0xf0f0, 0, ALL, 8, 0xf0f0, 0, 0, ALL },
    { "bswap", 64, "48 0f c8", 0x0102030405060708, 0, 0, 0, 0x0807060504030201, 0, 0, 0, 0 },
    { "setcc and cmov after cmp", 64, "48 39 d1 0f 9c c0 48 0f 4f ca", 0, 1, 2, 0, 1, 1, 2, 0, 0 },
    { "movsx and movzx", 64, "48 0f be c1 0f b6 d1", 0, 0x80, 0, 0, -128ull, 0x80, 0x80, 0, 0 },
    { "cdqe, cqo", 64, "48 98 48 99", 0x80000000, 0, 5, 0, 0xffffffff80000000, 0, ~0ull, 0, 0 },
    { "lahf and sahf", 64, "9f 80 f4 40 9e", 0, 0, 0, CF, 0x4300, 0, 0, CF | ZF, CF | ZF },
    { "andn", 64, "c4 e2 70 f2 c2", 0, 0x0f, 0xff, 0, 0xf0, 0x0f, 0xff, 0, CF | ZF | SF | OF },
    { "pdep and pext", 64, "c4 e2 f3 f5 c2 c4 e2 f2 f5 d2", 0, 5, 0x111, 0, 0x101, 5, 1, 0, 0 },
    { "mulx", 64, "c4 e2 fb f6 c9", 0, ~0ull, 2, 0, ~1ull, 1, 2, 0, 0 },
    { "adcx and adox", 64, "66 0f 38 f6 c1 f3 0f 38 f6 d1", 0, 1, 0, CF | OF, 2, 1, 2, 0, CF | OF },
    { "crc32", 64, "f2 0f 38 f0 c1", 0, 0x01, 0, 0, 0xf26b8303, 0x01, 0, 0, 0 },
    { "jcc taken and not", 64, "39 c9 74 02 b0 01 75 02 b2 07", 0, 3, 0, 0, 0, 3, 7, 0, 0 },
    { "loop", 64, "ff c0 e2 fc", 0, 5, 0, 0, 5, 0, 0, 0, 0 },
    { "jrcxz", 64, "e3 02 b0 01", 0, 0, 0, 0, 0, 0, 0, 0, 0 },
    { "call and ret", 64, "e8 04 00 00 00 eb 05 90 90 ff c0 c3", 1, 0, 0, 0, 2, 0, 0, 0, 0 },
    { "push rsp stores the old value", 64, "54 58", 0, 0, 0, 0, X86M_STACK, 0, 0, 0, 0 },
    { "pop rsp takes the value", 64, "51 5c 54 58", 0, X86M_STACK - 64, 0, 0, X86M_STACK - 64,
      X86M_STACK - 64, 0, 0, 0 },
    { "pop [rsp] is addressed after the increment", 64, "51 52 8f 04 24 58", 0, 11, 22, 0, 22, 11,
      22, 0, 0 },
    { "xlat", 64, "48 bb 00 00 02 00 00 00 00 00 c6 43 05 77 b0 05 d7", 0, 0, 0, 0, 0x77, 0, 0, 0,
      0 },
    { "32-bit code: inc, aad, daa", 32, "40 d5 0a 27", 0x0408, 0, 0, 0, 0x31, 0, 0, 0, 0 },
    { "32-bit code: aam", 32, "d4 0a", 123, 0, 0, 0, 0x0c03, 0, 0, 0, 0 },
    { "32-bit code: das", 32, "2f", 0xfe, 0, 0, AF | CF, 0x98, 0, 0, CF | AF | SF, CF | AF | SF },
    { "32-bit code: aaa", 32, "37", 0x0f, 0, 0, 0, 0x0105, 0, 0, CF | AF, CF | AF },
    { "16-bit code: a prefix gives 32 bits", 16, "66 01 c8 01 ca", 0x10000, 0xffff, 1, 0, 0x1ffff,
      0xffff, 0, CF | ZF | AF | PF, ALL },
};

static void test_rows(void)
{
    for (unsigned k = 0; k < G_N_ELEMENTS(rows); k++) {
        const Row *r = &rows[k];
        x86m_reset(m, r->mode);
        X86Cpu *c = m->cpu;
        c->gpr[X86_RAX] = r->rax;
        c->gpr[X86_RCX] = r->rcx;
        c->gpr[X86_RDX] = r->rdx;
        x86_eflags_set(c, r->flags | 2);
        x86m_run_hex(m, r->code);
        uint32_t f = x86_eflags_get(c);
        if (m->vector != -1 || c->gpr[X86_RAX] != r->rax2 || c->gpr[X86_RCX] != r->rcx2 ||
            c->gpr[X86_RDX] != r->rdx2 || ((f ^ r->flags2) & r->mask)) {
            g_test_message("%s: vector %d, rax %" G_GINT64_MODIFIER "x rcx %" G_GINT64_MODIFIER
                           "x rdx %" G_GINT64_MODIFIER "x flags %x",
                           r->what, m->vector, c->gpr[X86_RAX], c->gpr[X86_RCX], c->gpr[X86_RDX],
                           f);
            g_test_fail();
        }
    }
}

static void test_a_fault_leaves_registers_and_flags_alone(void)
{
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RBX] = X86M_HOLE + 8;
    m->cpu->gpr[X86_RAX] = 5;
    x86_eflags_set(m->cpu, CF | 2);
    x86m_run_hex(m, "48 89 c1 48 01 03 48 c7 c1 09 00 00 00"); /* mov rcx,rax; add [rbx],rax */
    g_assert_cmpint(m->vector, ==, EXCP_PF);
    g_assert_cmphex(m->cpu->cr2, ==, X86M_HOLE + 8);
    g_assert_cmphex(m->cpu->rip, ==, X86M_CODE + 3);
    g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 5);
    g_assert_cmphex(x86_eflags_get(m->cpu) & X86_CC, ==, CF);
    /* POP into a hole keeps RSP; PUSH from a hole too. */
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RBX] = X86M_HOLE;
    x86m_run_hex(m, "8f 03");
    g_assert_cmpint(m->vector, ==, EXCP_PF);
    g_assert_cmphex(m->cpu->gpr[X86_RSP], ==, X86M_STACK);
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RBX] = X86M_HOLE;
    x86m_run_hex(m, "ff 33");
    g_assert_cmpint(m->vector, ==, EXCP_PF);
    g_assert_cmphex(m->cpu->gpr[X86_RSP], ==, X86M_STACK);
}

static void expect_vector(unsigned mode, const char *code, uint64_t rax, uint64_t rcx, uint64_t rdx,
                          int vector)
{
    x86m_reset(m, mode);
    m->cpu->gpr[X86_RAX] = rax;
    m->cpu->gpr[X86_RCX] = rcx;
    m->cpu->gpr[X86_RDX] = rdx;
    x86m_run_hex(m, code);
    g_assert_cmpint(m->vector, ==, vector);
    g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, rax);
    g_assert_cmphex(m->cpu->gpr[X86_RDX], ==, rdx);
}

static void test_division_by_zero_and_too_large_quotients_are_de(void)
{
    expect_vector(64, "f7 f1", 1, 0, 0, EXCP_DE);
    expect_vector(64, "f7 f1", 0, 1, 1, EXCP_DE);
    expect_vector(64, "48 f7 f1", 0, 1, 1, EXCP_DE);
    expect_vector(64, "f7 f9", 0x80000000, -1ull, 0xffffffff, EXCP_DE);
    expect_vector(64, "48 f7 f9", 1ull << 63, -1ull, ~0ull, EXCP_DE);
    expect_vector(64, "f6 f1", 0x1000, 1, 0, EXCP_DE);
    expect_vector(32, "d4 00", 5, 0, 0, EXCP_DE);
}

static void test_undefined_opcodes_and_modes(void)
{
    expect_vector(64, "0f 0b", 0, 0, 0, EXCP_UD);
    expect_vector(64, "06", 0, 0, 0, EXCP_UD);
    expect_vector(64, "f0 90", 0, 0, 0, EXCP_UD);
    expect_vector(16, "0f 00 c8", 0, 0, 0, EXCP_UD); /* STR outside protected mode */
    expect_vector(64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", 0, 0, 0, EXCP_GP);
}

static void test_a_bit_string_reaches_beyond_its_operand(void)
{
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RBX] = X86M_DATA + 64;
    m->cpu->gpr[X86_RAX] = -9ull;   /* byte -2, bit 7 */
    x86m_run_hex(m, "48 0f ab 03"); /* bts [rbx], rax */
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmphex(m->mem[X86M_DATA + 62], ==, 0x80);
    x86m_run_hex(m, "90");
}

static void test_sixteen_byte_exchange_wants_alignment(void)
{
    uint64_t v[2];
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RSI] = X86M_DATA + 8;
    x86m_run_hex(m, "48 0f c7 0e");
    g_assert_cmpint(m->vector, ==, EXCP_GP);
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RSI] = X86M_DATA;
    m->cpu->gpr[X86_RBX] = 11;
    m->cpu->gpr[X86_RCX] = 22;
    x86m_run_hex(m, "f0 48 0f c7 0e");
    g_assert_cmpint(m->vector, ==, -1);
    memcpy(v, m->mem + X86M_DATA, 16);
    g_assert_cmpuint(v[0], ==, 11);
    g_assert_cmpuint(v[1], ==, 22);
    g_assert_true(x86_eflags_get(m->cpu) & ZF);
}

static void string_set_up(uint64_t si, uint64_t di, uint64_t count)
{
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RSI] = si;
    m->cpu->gpr[X86_RDI] = di;
    m->cpu->gpr[X86_RCX] = count;
    for (unsigned k = 0; k < 0x4000; k++) {
        m->mem[X86M_DATA + k] = k * 7 + 1;
    }
}

static void test_rep_movs_copies_over_pages(void)
{
    string_set_up(X86M_DATA + 5, 0x400003, 0x2345);
    x86m_run_hex(m, "f3 a4");
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmpmem(m->mem + 0x400003, 0x2345, m->mem + X86M_DATA + 5, 0x2345);
    g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 0);
    g_assert_cmphex(m->cpu->gpr[X86_RSI], ==, X86M_DATA + 5 + 0x2345);
    g_assert_cmphex(m->cpu->gpr[X86_RDI], ==, 0x400003 + 0x2345);
    /* Overlap to higher addresses repeats the pattern. */
    string_set_up(X86M_DATA, X86M_DATA + 1, 100);
    x86m_run_hex(m, "f3 a4");
    g_assert_cmphex(m->mem[X86M_DATA + 100], ==, m->mem[X86M_DATA]);
    /* Backwards. */
    string_set_up(X86M_DATA + 9, 0x400009, 10);
    x86m_run_hex(m, "fd f3 a4 fc");
    g_assert_cmpmem(m->mem + 0x400000, 10, m->mem + X86M_DATA, 10);
    g_assert_cmphex(m->cpu->gpr[X86_RSI], ==, X86M_DATA - 1);
}

static void test_rep_stops_at_a_fault_with_exact_registers(void)
{
    string_set_up(X86M_DATA, X86M_HOLE - 24, 100);
    x86m_run_hex(m, "f3 48 a5");
    g_assert_cmpint(m->vector, ==, EXCP_PF);
    g_assert_cmphex(m->cpu->cr2, ==, X86M_HOLE);
    g_assert_cmphex(m->cpu->rip, ==, X86M_CODE);
    g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 97);
    g_assert_cmphex(m->cpu->gpr[X86_RDI], ==, X86M_HOLE);
    g_assert_cmphex(m->cpu->gpr[X86_RSI], ==, X86M_DATA + 24);
    g_assert_cmpmem(m->mem + X86M_HOLE - 24, 24, m->mem + X86M_DATA, 24);
}

static void test_rep_compares_and_scans(void)
{
    string_set_up(X86M_DATA, 0x400000, 1000);
    memcpy(m->mem + 0x400000, m->mem + X86M_DATA, 1000);
    m->mem[0x400000 + 700] ^= 1;
    x86m_run_hex(m, "f3 a6");
    g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 299);
    g_assert_false(x86_eflags_get(m->cpu) & ZF);
    string_set_up(0, X86M_DATA, 1000);
    m->cpu->gpr[X86_RAX] = m->mem[X86M_DATA + 30];
    x86m_run_hex(m, "f2 ae");
    g_assert_cmphex(m->cpu->gpr[X86_RDI], ==, X86M_DATA + 31);
    g_assert_true(x86_eflags_get(m->cpu) & ZF);
    /* A count of 0 changes nothing, the flags included. */
    string_set_up(0, X86M_DATA, 0);
    x86_eflags_set(m->cpu, CF | 2);
    x86m_run_hex(m, "f2 ae");
    g_assert_cmphex(x86_eflags_get(m->cpu) & X86_CC, ==, CF);
    string_set_up(0, X86M_DATA + 1, 5);
    m->cpu->gpr[X86_RAX] = 0x1122334455667788;
    x86m_run_hex(m, "f3 48 ab");
    for (unsigned k = 0; k < 5; k++) {
        g_assert_cmpmem(m->mem + X86M_DATA + 1 + 8 * k, 8, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
    }
}

/* The TLB has these pages for reading and writing. */
static void warm(uint64_t va, uint64_t len)
{
    unsigned mmu = mode_mmu(m->cpu->mode);

    for (uint64_t page = va; page < va + len; page += GUEST_PAGE_SIZE) {
        cpu_st8(&m->cpu->base, page, cpu_ld8(&m->cpu->base, page, mmu), mmu);
    }
}

/* Against a copy by elements: both directions, all sizes, overlaps, page ends, segments of 32 bits. */
static void test_rep_movs_has_the_order_of_its_elements(void)
{
    static const char *const code[2][4] = {
        { "f3 a4", "f3 66 a5", "f3 a5", "f3 48 a5" },
        { "fd f3 a4 fc", "fd f3 66 a5 fc", "fd f3 a5 fc", "fd f3 48 a5 fc" },
    };
    g_autofree uint8_t *model = g_malloc(0x6000);
    uint32_t rnd = 1;

    for (unsigned k = 0; k < 400; k++) {
        unsigned lg = k & 3, down = k >> 2 & 1, size = 1u << lg, mode = lg < 3 && (k & 8) ? 32 : 64;
        rnd = rnd * 1664525 + 1013904223;
        unsigned count = 1 + (rnd >> 8) % (0x1800 / size), si = 0x2000 + (rnd >> 12) % 0x1000;
        int apart = k & 16 ? (int)((rnd >> 4) % 41) - 20 : (int)((rnd >> 4) % 0x3000) - 0x1800;
        if (down) {
            si += (count - 1) * size / 2;
        }
        string_set_up(X86M_DATA + si, X86M_DATA + si + apart, count);
        if (mode == 32) {
            x86m_reset(m, 32);
            m->cpu->gpr[X86_RSI] = X86M_DATA + si;
            m->cpu->gpr[X86_RDI] = X86M_DATA + si + apart;
            m->cpu->gpr[X86_RCX] = count;
        }
        if (k & 32) { /* what lies behind a page's end is in the TLB */
            warm(X86M_DATA, 0x6000);
        }
        memcpy(model, m->mem + X86M_DATA, 0x6000);
        for (unsigned e = 0; e < count; e++) {
            int at = (int)si + (down ? -(int)(e * size) : (int)(e * size));
            memmove(model + at + apart, model + at, size);
        }
        x86m_run_hex(m, code[down][lg]);
        g_assert_cmpint(m->vector, ==, -1);
        g_assert_cmpmem(m->mem + X86M_DATA, 0x6000, model, 0x6000);
        g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 0);
        g_assert_cmphex(m->cpu->gpr[X86_RDI], ==,
                        X86M_DATA + si + apart + (down ? -count * size : count * size));
    }
}

static void test_rep_downward_stops_at_a_fault(void)
{
    static const char *const code[] = { "fd f3 48 a5", "fd f3 48 ab" };
    uint64_t end = 0xc00000;
    uint64_t *below = (uint64_t *)(m->mem + 0x102000) + (end >> 21) - 1; /* of the page directory */

    for (unsigned k = 0; k < 2; k++) {
        string_set_up(X86M_DATA + 800, end + 16, 100);
        uint64_t mapped = *below;
        *below = 0;
        cpu_tlb_flush(&m->cpu->base);
        x86m_run_hex(m, code[k]);
        g_assert_cmpint(m->vector, ==, EXCP_PF);
        g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 97);
        g_assert_cmphex(m->cpu->gpr[X86_RDI], ==, end - 8);
        g_assert_cmphex(m->cpu->cr2, ==, end - 8);
        *below = mapped;
        cpu_tlb_flush(&m->cpu->base);
    }
}

static void test_real_mode_checks_limits_and_wraps_offsets(void)
{
    x86m_reset(m, 16);
    m->cpu->gpr[X86_RBX] = 0xffff;
    x86m_run_hex(m, "8b 07"); /* mov ax, [bx]: the second byte is outside */
    g_assert_cmpint(m->vector, ==, EXCP_GP);
    x86m_reset(m, 16);
    m->cpu->gpr[X86_RBX] = 0xffff;
    m->cpu->gpr[X86_RSI] = 5;
    m->mem[4] = 0x5a;
    x86m_run_hex(m, "8a 00"); /* mov al, [bx+si] */
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, 0x5a);
    x86m_reset(m, 16);
    m->cpu->gpr[X86_RSP] = 0xabcd0000;
    x86m_run_hex(m, "50"); /* push ax: SP wraps, the upper half stays */
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmphex(m->cpu->gpr[X86_RSP], ==, 0xabcdfffe);
}

static void test_enter_builds_nested_frames(void)
{
    uint64_t v;
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RBP] = X86M_DATA + 0x100;
    m->mem[X86M_DATA + 0xf8] = 0x77;
    x86m_run_hex(m, "c8 20 00 02");
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmphex(m->cpu->gpr[X86_RBP], ==, X86M_STACK - 8);
    g_assert_cmphex(m->cpu->gpr[X86_RSP], ==, X86M_STACK - 8 - 16 - 0x20);
    memcpy(&v, m->mem + X86M_STACK - 16, 8);
    g_assert_cmphex(v, ==, 0x77);
    memcpy(&v, m->mem + X86M_STACK - 24, 8);
    g_assert_cmphex(v, ==, X86M_STACK - 8);
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RBP] = 0x1234;
    x86m_run_hex(m, "c8 10 00 00 c9");
    g_assert_cmphex(m->cpu->gpr[X86_RBP], ==, 0x1234);
    g_assert_cmphex(m->cpu->gpr[X86_RSP], ==, X86M_STACK);
}

static void test_a_fetch_faults_only_for_bytes_that_are_needed(void)
{
    static const uint8_t two[] = { 0xff, 0xc0 }, five[] = { 0xff, 0xc0, 0xb8, 0x01 };
    x86m_reset(m, 64);
    memcpy(m->mem + X86M_HOLE - 2, two, 2);
    x86m_run_hex(m, "b8 05 00 00 00 48 bb fe ff df 00 00 00 00 00 ff e3"); /* jmp to the end */
    g_assert_cmpint(m->vector, ==, EXCP_PF);
    g_assert_cmphex(m->cpu->cr2, ==, X86M_HOLE);
    g_assert_cmphex(m->cpu->rip, ==, X86M_HOLE); /* INC was run */
    g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, 6);
    x86m_reset(m, 64);
    memcpy(m->mem + X86M_HOLE - 4, five, 4);
    x86m_run_hex(m, "b8 05 00 00 00 48 bb fc ff df 00 00 00 00 00 ff e3");
    g_assert_cmpint(m->vector, ==, EXCP_PF);
    g_assert_cmphex(m->cpu->cr2, ==, X86M_HOLE);
    g_assert_cmphex(m->cpu->rip, ==, X86M_HOLE - 2); /* of the MOV that crosses */
    g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, 6);
}

static void test_flags_live_across_regions(void)
{
    /* cmp in one region, jcc in the next: an indirect jump lies between. */
    x86m_reset(m, 64);
    m->cpu->gpr[X86_RAX] = 1;
    m->cpu->gpr[X86_RCX] = 2;
    x86m_run_hex(m, "48 8d 15 05 00 00 00 48 39 c8 ff e2 72 02 b0 77");
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, 1);
    /* pushf shows them, popf sets them. */
    x86m_reset(m, 64);
    x86m_run_hex(m, "b0 ff 04 01 9c 58 68 d7 08 00 00 9d 0f 90 c1 0f 92 c2");
    g_assert_cmphex(m->cpu->gpr[X86_RAX] & X86_CC, ==, CF | ZF | AF | PF);
    g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 1);
    g_assert_cmphex(m->cpu->gpr[X86_RDX], ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    m = x86m_new();
#define T(name, fn) g_test_add_func("/target/x86/int/" name, fn)
    T("every-row-gives-the-manuals-result", test_rows);
    T("a-fault-leaves-registers-and-flags-alone", test_a_fault_leaves_registers_and_flags_alone);
    T("division-by-zero-and-too-large-quotients-are-de",
      test_division_by_zero_and_too_large_quotients_are_de);
    T("undefined-opcodes-and-modes-are-ud", test_undefined_opcodes_and_modes);
    T("a-bit-string-reaches-beyond-its-operand", test_a_bit_string_reaches_beyond_its_operand);
    T("sixteen-byte-exchange-wants-alignment", test_sixteen_byte_exchange_wants_alignment);
    T("rep-movs-copies-over-pages", test_rep_movs_copies_over_pages);
    T("rep-stops-at-a-fault-with-exact-registers", test_rep_stops_at_a_fault_with_exact_registers);
    T("rep-movs-has-the-order-of-its-elements", test_rep_movs_has_the_order_of_its_elements);
    T("rep-downward-stops-at-a-fault", test_rep_downward_stops_at_a_fault);
    T("rep-compares-and-scans", test_rep_compares_and_scans);
    T("real-mode-checks-limits-and-wraps-offsets", test_real_mode_checks_limits_and_wraps_offsets);
    T("enter-builds-nested-frames", test_enter_builds_nested_frames);
    T("a-fetch-faults-only-for-bytes-that-are-needed",
      test_a_fetch_faults_only_for_bytes_that_are_needed);
    T("flags-live-across-regions", test_flags_live_across_regions);
    int r = g_test_run();
    x86m_free(m);
    return r;
}
