/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCMPESTRx, PCMPISTRx (SDM volume 2, "Imm8 control byte operation for PCMPESTRI...").
 *
 * The helper gives everything the four instructions need in one word: IntRes2 in bits 0-15, the
 * index in 16-23, the six flags in 32 and up. A host that has the instructions gives IntRes2; the C
 * text is for others, and says what they do.
 */
#include <string.h>
#include "target/x86/fpu.h"
#include "target/x86/helper.h"

typedef struct StrCmp {
    int a[16], b[16]; /* elements; a is the first operand */
    int la, lb;       /* valid elements */
    int n;
} StrCmp;

static int element(const uint8_t *p, int k, unsigned imm)
{
    if (imm & 1) {
        uint16_t w;
        memcpy(&w, p + k * 2, 2);
        return imm & 2 ? (int16_t)w : w;
    }
    return imm & 2 ? (int8_t)p[k] : p[k];
}

static int implicit_length(const int *e, int n)
{
    int k = 0;
    while (k < n && e[k]) {
        k++;
    }
    return k;
}

/* |len|, at most n. wide: 64 bits count. */
static int explicit_length(uint64_t len, bool wide, int n)
{
    int64_t v = wide ? (int64_t)len : (int32_t)len;
    if (v < 0) {
        return v <= -n ? n : (int)-v;
    }
    return v >= n ? n : (int)v;
}

static unsigned res_any(const StrCmp *s)
{
    unsigned r = 0;
    for (int j = 0; j < s->lb; j++) {
        for (int k = 0; k < s->la; k++) {
            r |= (unsigned)(s->a[k] == s->b[j]) << j;
        }
    }
    return r;
}

static unsigned res_ranges(const StrCmp *s)
{
    unsigned r = 0;
    for (int j = 0; j < s->lb; j++) {
        for (int k = 0; k + 1 < s->la; k += 2) {
            r |= (unsigned)(s->a[k] <= s->b[j] && s->b[j] <= s->a[k + 1]) << j;
        }
    }
    return r;
}

static unsigned res_each(const StrCmp *s)
{
    unsigned r = 0;
    for (int j = 0; j < s->n; j++) {
        bool va = j < s->la, vb = j < s->lb;
        r |= (unsigned)(va && vb ? s->a[j] == s->b[j] : va == vb) << j;
    }
    return r;
}

static unsigned res_ordered(const StrCmp *s)
{
    unsigned r = 0;
    for (int j = 0; j < s->n; j++) {
        bool ok = true;
        for (int k = 0; k < s->la && j + k < s->n; k++) {
            ok = ok && j + k < s->lb && s->a[k] == s->b[j + k];
        }
        r |= (unsigned)ok << j;
    }
    return r;
}

/* What the instructions' common part gives. */
typedef struct StrRes {
    unsigned bits; /* IntRes2 */
    bool short_a, short_b;
} StrRes;

#ifdef __x86_64__
typedef char Bytes16 __attribute__((vector_size(16)));

#define FOUR(m, n)    m(n) m((n) + 1) m((n) + 2) m((n) + 3)
#define SIXTEEN(m, n) FOUR(m, n) FOUR(m, (n) + 4) FOUR(m, (n) + 8) FOUR(m, (n) + 12)
#define EVERY(m)      SIXTEEN(m, 0) SIXTEEN(m, 16) SIXTEEN(m, 32) SIXTEEN(m, 48)

/* The control byte is part of the instruction; its bit 6 is about the form of the result only. */
static StrRes host_implicit(Bytes16 a, Bytes16 b, unsigned imm)
{
    StrRes r;
    Bytes16 m;

    switch (imm & 63) {
#define ROW(n)                                                 \
    case n:                                                    \
        asm("pcmpistrm %[ctl], %[b], %[a]"                     \
            : "=Yz"(m), "=@ccs"(r.short_a), "=@ccz"(r.short_b) \
            : [a] "x"(a), [b] "x"(b), [ctl] "i"(n));           \
        break;
        EVERY(ROW)
#undef ROW
    }
    memcpy(&r.bits, &m, 4);
    return r;
}

static unsigned host_explicit(Bytes16 a, Bytes16 b, unsigned imm, int la, int lb)
{
    unsigned bits;
    Bytes16 m;

    switch (imm & 63) {
#define ROW(n)                                                       \
    case n:                                                          \
        asm("pcmpestrm %[ctl], %[b], %[a]"                           \
            : "=Yz"(m)                                               \
            : [a] "x"(a), [b] "x"(b), "a"(la), "d"(lb), [ctl] "i"(n) \
            : "cc");                                                 \
        break;
        EVERY(ROW)
#undef ROW
    }
    memcpy(&bits, &m, 4);
    return bits;
}

static bool host_compare(const void *a, const void *b, unsigned imm, int la, int lb, StrRes *r)
{
    Bytes16 x, y;

    if (!__builtin_cpu_supports("sse4.2")) {
        return false;
    }
    memcpy(&x, a, 16);
    memcpy(&y, b, 16);
    if (imm & 0x100) {
        r->bits = host_explicit(x, y, imm, la, lb);
    } else {
        *r = host_implicit(x, y, imm);
    }
    return true;
}
#else
static bool host_compare(const void *a, const void *b, unsigned imm, int la, int lb, StrRes *r)
{
    return false;
}
#endif

/* la, lb: explicit lengths, if they are. */
static StrRes compare(const void *a, const void *b, unsigned imm, int la, int lb)
{
    static unsigned (*const aggregate[4])(const StrCmp *) = { res_any, res_ranges, res_each,
                                                              res_ordered };
    StrCmp s = { .n = imm & 1 ? 8 : 16 };

    for (int k = 0; k < s.n; k++) {
        s.a[k] = element(a, k, imm);
        s.b[k] = element(b, k, imm);
    }
    s.la = imm & 0x100 ? la : implicit_length(s.a, s.n);
    s.lb = imm & 0x100 ? lb : implicit_length(s.b, s.n);
    unsigned all = (1u << s.n) - 1;
    unsigned r = aggregate[imm >> 2 & 3](&s);
    if (imm & 0x10) {
        r ^= imm & 0x20 ? (1u << s.lb) - 1 : all;
    }
    return (StrRes){ r & all, s.la < s.n, s.lb < s.n };
}

/* imm: control byte | 0x100 explicit lengths | 0x200 they are 64 bits. */
static uint64_t helper_pcmpstr(CpuState *cs, const void *a, const void *b, uint64_t imm,
                               uint64_t len_a, uint64_t len_b)
{
    int n = imm & 1 ? 8 : 16;
    int la = imm & 0x100 ? explicit_length(len_a, imm & 0x200, n) : 0;
    int lb = imm & 0x100 ? explicit_length(len_b, imm & 0x200, n) : 0;
    StrRes r = { 0, la < n, lb < n };

    if (!host_compare(a, b, imm, la, lb, &r)) {
        r = compare(a, b, imm, la, lb);
    }
    int index = !r.bits ? n : imm & 0x40 ? 31 - __builtin_clz(r.bits) : __builtin_ctz(r.bits);
    uint64_t flags = (r.bits ? X86_CF : 0) | (r.short_b ? X86_ZF : 0) | (r.short_a ? X86_SF : 0) |
                     (r.bits & 1 ? X86_OF : 0);
    return r.bits | (unsigned)index << 16 | flags << 32;
}
HELPER(pcmpstr, IR_I64, HELPER_PURE, HARG_V128, HARG_V128, HARG_I64, HARG_I64, HARG_I64);

/* IntRes2 as a mask of bits, bytes or words. */
static void helper_pcmpstr_mask(CpuState *cs, IrVec *out, uint64_t res, uint64_t imm)
{
    memset(out, 0, 16);
    if (!(imm & 0x40)) {
        out->w[0] = (uint16_t)res;
        return;
    }
    for (unsigned k = 0; k < 16; k++) {
        out->b[k] = res >> (imm & 1 ? k / 2 : k) & 1 ? 0xff : 0;
    }
}
HELPER(pcmpstr_mask, IR_V128, HELPER_PURE, HARG_I64, HARG_I64);
